"""The folder that all users of a host share, and the locked files in it."""

import contextlib
import errno
import fcntl
import json
import os
import random
import stat
import time
from typing import Any, Callable, Dict, Iterator, List, NamedTuple, Optional, Tuple

from backends.queue.processes import user_name

PATIENCE = 10.0
"""Seconds to wait for the gate, which is never held for longer than a listing takes."""

LARGEST = 1 << 16
"""Bytes of a record; what is longer is not ours."""

PUBLIC = 0o644


class Entry(NamedTuple):
    """A record in the folder."""

    token: str
    uid: int
    """Whose file it is: the system says so, not the record."""
    alive: bool
    """Whether somebody holds it."""
    record: Any
    """What the caller's `parse` has made of it."""


Parse = Callable[[str, int, Dict[str, Any]], Any]
"""Makes something of a record, given the token and whose file it is."""


class Folder(object):
    """The folder at `path`. Every method raises OSError, with words for a person."""

    def __init__(self, path: str) -> None:
        self.path = os.path.abspath(os.path.expanduser(path))
        self.read = {}  # type: Dict[str, Tuple[Any, Any]]
        """The records that were read last, and which file that was."""
        self.kept = -1
        """Descriptor of the lock that keeps cleaners of old files out."""

    def at(self, name: str) -> str:
        """The path of a file in it."""
        return os.path.join(self.path, name)

    def make(self) -> None:
        """Have it there, open to all users, whatever the umask; sticky, so that nobody takes another's files away."""
        try:
            os.makedirs(os.path.dirname(self.path), exist_ok=True)
            os.mkdir(self.path, 0o700)
            os.chmod(self.path, 0o1777)
        except FileExistsError:
            self.check()

    def check(self) -> None:
        """See that others may use it too, and that we may."""
        for pause in (0.05, 0.2, 0.5, 0.0):  # who makes it this moment opens it with the next call
            status = os.stat(self.path)
            if not stat.S_ISDIR(status.st_mode):
                raise NotADirectoryError(errno.ENOTDIR, "it is no folder", self.path)
            if stat.S_IMODE(status.st_mode) & 0o777 == 0o777:
                return
            if status.st_uid == os.getuid():
                os.chmod(self.path, 0o1777)
                return
            time.sleep(pause)
        message = "it belongs to %s and is closed to others (chmod 1777 opens it)" % user_name(status.st_uid)
        raise PermissionError(errno.EACCES, message, self.path)

    def keep(self) -> None:
        """Lock the folder, shared: systemd-tmpfiles leaves alone what it finds locked, however old the files are."""
        if self.kept >= 0:
            return
        descriptor = os.open(self.path, os.O_RDONLY)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)  # it is being cleaned this moment; the next look tries again
            return
        self.kept = descriptor

    @contextlib.contextmanager
    def gate(self, patience: float = PATIENCE) -> Iterator[None]:
        """Be the only one who lists, decides and takes."""
        descriptor = self.lock("gate", fcntl.LOCK_EX, patience)
        if descriptor is None:
            raise BlockingIOError(errno.EAGAIN, "somebody has held it for %g s" % patience, self.at("gate"))
        try:
            yield
        finally:
            os.close(descriptor)

    def lock(self, name: str, how: int, patience: float = 0.0) -> Optional[int]:
        """Lock a file that stays, made where it is missing; its descriptor, or None where others hold it too long."""
        deadline = time.monotonic() + patience
        while True:
            descriptor = self.open(name)
            if descriptor is None:
                with contextlib.suppress(FileExistsError):  # another was quicker
                    os.close(self.create(name, None))
                continue
            try:
                fcntl.flock(descriptor, how | fcntl.LOCK_NB)
                if self.names(descriptor, name):
                    return descriptor
            except BlockingIOError:
                if time.monotonic() >= deadline:
                    os.close(descriptor)
                    return None
                time.sleep(random.uniform(0.001, 0.02))
            os.close(descriptor)

    def names(self, descriptor: int, name: str) -> bool:
        """Whether the path still names the open file."""
        try:
            there = os.stat(self.at(name), follow_symlinks=False)
        except FileNotFoundError:
            return False
        return os.path.samestat(os.fstat(descriptor), there)

    def open(self, name: str) -> Optional[int]:
        """A file in it, to be read and locked; None: there is none. Never O_CREAT: see fs.protected_regular."""
        try:
            return os.open(self.at(name), os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        except FileNotFoundError:
            return None

    def create(self, name: str, record: Optional[Dict[str, Any]], replace: bool = False) -> int:
        """A new file, which appears whole, readable for all, and locked; its descriptor.

        Raises FileExistsError, unless it may `replace` what is there.
        """
        draft = self.at(".%s.%s.tmp" % (name, os.urandom(6).hex()))
        descriptor = os.open(draft, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
        try:
            os.fchmod(descriptor, PUBLIC)
            if record is not None:
                data = json.dumps(record).encode("utf-8")
                if os.write(descriptor, data) < len(data):
                    raise OSError(errno.ENOSPC, "no space left", self.at(name))
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if replace:
                os.rename(draft, self.at(name))
            else:
                os.link(draft, self.at(name))
                os.unlink(draft)
        except OSError as error:
            os.close(descriptor)
            with contextlib.suppress(FileNotFoundError):
                os.unlink(draft)
            error.filename = self.at(name)
            raise
        return descriptor

    def remove(self, name: str) -> None:
        """Take a file of one's own away, if it is there."""
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self.at(name))

    def entries(self, kind: str, parse: Parse) -> List[Entry]:
        """The records `<kind>.<token>`. Asks for no lock that could be in the way of another: it needs no gate."""
        names = [name for name in os.listdir(self.path) if name.startswith(kind + ".")]
        for name in [name for name in self.read if name.startswith(kind + ".")]:
            if name not in names:
                del self.read[name]
        found = (self.entry(name, parse) for name in names)
        return [entry for entry in found if entry is not None]

    def entry(self, name: str, parse: Parse) -> Optional[Entry]:
        """One record; None where there is none, or something that we did not write."""
        try:
            descriptor = self.open(name)
        except OSError:
            return None  # a link, or closed to us
        if descriptor is None:
            return None
        try:
            status = os.fstat(descriptor)
            if not stat.S_ISREG(status.st_mode):
                return None
            mark = (status.st_ino, status.st_mtime_ns)
            token = name.partition(".")[2]
            if self.read.get(name, (None, None))[0] != mark:  # records are replaced, never changed
                record = json.loads(os.read(descriptor, LARGEST).decode("utf-8"))
                self.read[name] = (mark, parse(token, status.st_uid, record if isinstance(record, dict) else {}))
            return Entry(token, status.st_uid, held(descriptor), self.read[name][1])
        except ValueError:
            return None
        finally:
            os.close(descriptor)

    def clear(self, kind: str, entry: Entry) -> None:
        """Take a record of the dead away, where it is one's own. Behind the gate only."""
        if not entry.alive and entry.uid == os.getuid():
            self.remove("%s.%s" % (kind, entry.token))

    def sweep(self) -> None:
        """Remove drafts of one's own whose writer was killed. Behind the gate only: there all others are made."""
        for name in os.listdir(self.path):
            path = self.at(name)
            if name.startswith((".ticket.", ".lease.")):
                with contextlib.suppress(FileNotFoundError):
                    if os.stat(path, follow_symlinks=False).st_uid == os.getuid():
                        os.unlink(path)


def held(descriptor: int) -> bool:
    """Whether somebody else has an exclusive lock on the open file."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    fcntl.flock(descriptor, fcntl.LOCK_UN)
    return False
