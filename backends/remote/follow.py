"""Files that are read as they grow. No inotify: network file systems do not tell."""

import os
import threading
import time
from typing import Callable, Dict, Optional, Tuple

from backends.remote.files import opened, resolve
from backends.remote.frames import Header, Reply

PIECE = 256 * 1024
"""Bytes of a followed file in one frame."""

SEAL = 64
"""Bytes by which a followed file is known again."""

ACTIVE, QUIET = 0.25, 2.0
"""Seconds between two looks at a followed file: while it grows, and when it has been quiet for long; in between a
twentieth of the time that it has been quiet. Fifty runs may have hundreds of files."""


class Follow(object):
    """One file that is read as it grows."""

    def __init__(self, number: int, path: str, offset: int) -> None:
        self.number = number
        self.path = resolve(path)
        self.offset = offset
        self.identity = None  # type: Optional[Tuple[int, int]]
        self.stamp = None  # type: Optional[Tuple[int, int]]
        """Size and time of the file at the last look."""
        self.seal = b""
        """The last bytes that were read: where others stand there now, the file was written anew in its place."""
        self.waiting = False
        """A piece is on its way and not acknowledged."""
        self.behind = False
        """There was more in the file than the last piece could hold."""
        self.look_at = 0.0
        self.grew_at = time.time()
        self.trouble = ""

    def piece(self) -> Optional[Reply]:
        """What is new, if anything."""
        with os.fdopen(opened(self.path), "rb") as file:  # opened anew each time: this is when NFS looks for changes
            status = os.fstat(file.fileno())
            if self.offset < 0:
                self.offset = max(0, status.st_size + self.offset)
            identity, stamp = (status.st_dev, status.st_ino), (status.st_size, status.st_mtime_ns)
            restarted = self.identity not in (None, identity) or status.st_size < self.offset
            if stamp != self.stamp and not restarted:
                file.seek(self.offset - len(self.seal))
                restarted = file.read(len(self.seal)) != self.seal
            self.identity, self.stamp = identity, stamp
            if restarted:
                self.offset, self.seal = 0, b""
            if status.st_size == self.offset and not restarted:
                return None
            file.seek(self.offset)
            data = file.read(PIECE)
        self.seal = (self.seal + data)[-SEAL:]
        header = {"event": "chunk", "offset": self.offset, "size": status.st_size, "restarted": restarted}
        self.offset += len(data)
        self.behind = self.offset < status.st_size
        return header, data


class Follows(object):
    """All followed files; one thread looks at each in its turn. `send` takes a header and a payload."""

    def __init__(self, send: Callable[[Header, bytes], None]) -> None:
        self.send = send
        self.follows = {}  # type: Dict[int, Follow]
        self.changed = threading.Condition()
        self.follower = None  # type: Optional[threading.Thread]
        self.closed = False

    def add(self, follow: Follow) -> None:
        """Begin to look at a file; one thread looks at all of them."""
        with self.changed:
            self.follows[follow.number] = follow
            if self.follower is None:
                self.follower = threading.Thread(target=self.look)
                self.follower.daemon = True
                self.follower.start()
            self.changed.notify_all()

    def acknowledge(self, number: int) -> None:
        """The last piece has been taken."""
        with self.changed:
            follow = self.follows.get(number)
            if follow is not None:
                follow.waiting = False
                if follow.behind:  # else the next look waits its time: a busy log comes in pieces, not in lines
                    follow.look_at = 0.0
                self.changed.notify_all()

    def stop(self, number: int) -> None:
        """Look at it no more."""
        with self.changed:
            self.follows.pop(number, None)

    def close(self) -> None:
        """End the looking."""
        self.closed = True
        with self.changed:
            self.follows.clear()
            self.changed.notify_all()

    def look(self) -> None:
        """Look at every followed file in its turn, for ever."""
        while not self.closed:
            with self.changed:
                now = time.time()
                due = [follow for follow in self.follows.values() if not follow.waiting and follow.look_at <= now]
                if not due:
                    ahead = [follow.look_at for follow in self.follows.values() if not follow.waiting]
                    self.changed.wait(max(0.01, min(ahead) - now) if ahead else None)
                    continue
            for follow in due:
                self.look_once(follow)

    def look_once(self, follow: Follow) -> None:
        """Send what is new in one file, or what keeps us from reading it (once)."""
        trouble, piece = "", None
        try:
            piece = follow.piece()
        except OSError as error:
            trouble = error.strerror or str(error)
        now = time.time()
        if piece is None and follow.trouble and not trouble:  # it can be read again, and nothing is new in it
            piece = {"event": "chunk", "offset": follow.offset, "size": follow.offset, "restarted": False}, b""
        if piece is not None:
            follow.grew_at = now
            follow.waiting = True
        follow.look_at = now + min(QUIET, max(ACTIVE, (now - follow.grew_at) / 20))
        if trouble and trouble != follow.trouble:
            self.send({"id": follow.number, "event": "trouble", "message": trouble}, b"")
        follow.trouble = trouble
        if piece is not None:
            piece[0]["id"] = follow.number
            self.send(piece[0], piece[1])
