"""The project's code at a submission: what is kept of it, and what should not leave this machine unasked."""

from __future__ import annotations

import os
import stat
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

from backends.base import CodeFile, Rejected
from backends.listing import MOST, READABLE, listed, matcher
from backends.snapshot import snapshot_of
from backends.text import one_line
from trainboard import git
from trainboard.actions import Refused
from trainboard.doubts import LARGE, SECRET_NAMES, Doubt, by_stat, covered, secret_in
from trainboard.fingerprints import Fingerprint
from trainboard.show import clean
from trainboard.store import LOOK, StoreError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from backends.base import Snapshot
    from specs.model import Spec
    from trainboard.archive import Archives

LEFT_OUT = "left_out"
"""In `Taken.git`: the digest of a blob that lists the doubtful files that were left out, a line each."""

ADVICE = "say in the spec what of it stays here, as `code: {exclude: […]}`, and what goes, as `code: {allow: […]}`"

READERS = 8
"""Files that are read at the same time: a network disk takes many waits at once."""


@dataclass(frozen=True, slots=True)
class Taken:
    """A project folder, taken into the state folder."""

    snapshot: Snapshot
    """Without the doubtful files, unless they were wanted. Its digest is `Experiment.code`."""
    git: Mapping[str, str]
    """`Experiment.git`: `commit`, `branch`, and the digests of the blobs `diff` (empty: it was too large) and
    `left_out`, as far as there are such."""
    doubts: tuple[Doubt, ...]
    """What should be asked about before it is sent, whether it is in the snapshot or not."""


def take(spec: Spec, archives: Archives, *, doubtful: bool = False, most: int = MOST) -> Taken:
    """Take the spec's project folder into the state folder; an unchanged one costs next to nothing. Blocks.

    Doubtful files (large ones, what looks like a secret; not those of `code.allow`) are in the snapshot only where
    `doubtful` says so: call again with it when the user wants them sent. Raises `Refused` where a file cannot be
    read, or there are more than `most`, which is no project; `StoreError` where the state folder cannot be written.
    """
    try:
        return Taking(spec, archives, doubtful, most).taken()
    except Rejected as error:
        raise Refused(f"{error}; {error.advice}" if error.advice else str(error)) from error


def question(doubts: Sequence[Doubt], limit: int = 20) -> list[str]:
    """The doubts as lines for a person, harmless in a terminal; the last says what to do about them."""
    lines = [f"{clean(doubt.path)}: {doubt.why}" for doubt in doubts[:limit]]
    if len(doubts) > limit:
        lines.append(f"and {len(doubts) - limit} more")
    return [*lines, ADVICE]


class Taking:
    """One look at a project folder."""

    def __init__(self, spec: Spec, archives: Archives, doubtful: bool, most: int) -> None:
        self._folder = spec.workdir
        self._archives = archives
        self._doubtful = doubtful
        self._found = listed(spec.workdir, spec.code.exclude, most)
        self._excluded = matcher(spec.code.exclude)
        self._allowed = matcher(spec.code.allow)
        self._fingerprints = archives.fingerprints(spec.workdir)

    def taken(self) -> Taken:
        """All of it. Raises `Rejected`, `StoreError`."""
        doubts = by_stat(self._found, self._allowed)
        in_doubt = covered(doubts)
        names = [name for name in self._found if self._doubtful or not in_doubt(name)]
        with ThreadPoolExecutor(READERS) as pool:
            read = [each for each in pool.map(self._read, names) if each is not None]
        self._remember()
        doubts += [
            Doubt(file.path, f"has what looks like {secret}", file.size)
            for file, secret in read
            if secret and not in_doubt(file.path)
        ]
        files = [file for file, secret in read if self._doubtful or not secret]
        snapshot = snapshot_of(files, self._archives.blobs)
        said = self._git(doubts)
        self._archives.keep(snapshot)
        return Taken(snapshot, said, tuple(doubts))

    def _read(self, name: str) -> tuple[CodeFile, str] | None:
        """A file with the secret that seems to be in it and is not allowed; None where it is gone by now."""
        status, path = self._found[name], self._folder / name
        try:
            if stat.S_ISLNK(status.st_mode):
                return CodeFile(name, "", 0, target=os.readlink(path)), ""  # noqa: PTH115  # the bare text
            found, size = self._content(name, path, status)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise Rejected(f"{one_line(str(path))}: {error.strerror or error}", READABLE) from error
        secret = "" if self._allowed(name) else found.secret
        return CodeFile(name, found.digest, size, bool(status.st_mode & stat.S_IXUSR)), secret

    def _content(self, name: str, path: Path, status: os.stat_result) -> tuple[Fingerprint, int]:
        """What is in a file, which is kept unless there seems to be a secret in it that nobody wants sent."""
        known = self._fingerprints.get(name, status)
        if known is not None and (not self._wanted(name, known.secret) or self._kept(known, status)):
            return known, status.st_size
        if status.st_size > LARGE:
            digest, size = self._archives.add(path)
            found = Fingerprint(digest, "")
        else:
            data = path.read_bytes()
            size, secret = len(data), secret_in(data)
            digest = self._archives.put(data) if self._wanted(name, secret) else ""
            found = Fingerprint(digest, secret)
        self._fingerprints.put(name, status, found)
        return found, size

    def _wanted(self, name: str, secret: str) -> bool:
        return not secret or self._doubtful or self._allowed(name)

    def _kept(self, known: Fingerprint, status: os.stat_result) -> bool:
        return known.digest != "" and self._archives.has(known.digest, status.st_size)

    def _remember(self) -> None:
        try:
            self._fingerprints.save()
        except OSError as error:
            raise StoreError(
                f"{error.filename}: cannot be written: {error.strerror}; nothing stored: {LOOK}"
            ) from error

    def _git(self, doubts: Sequence[Doubt]) -> dict[str, str]:
        """What git says, and what was left out. Raises `Rejected`, `StoreError`."""
        said, here = git.described(self._folder), self._stays(doubts)
        if "commit" in said:
            diff = git.uncommitted(self._folder, here)
            if diff is None:
                said["diff"] = ""
            elif diff:
                said["diff"] = self._archives.put(diff)
        if doubts and not self._doubtful:
            text = "".join(f"{clean(doubt.path)}: {doubt.why}\n" for doubt in doubts)
            said[LEFT_OUT] = self._archives.put(text.encode())
        return said

    def _stays(self, doubts: Sequence[Doubt]) -> Callable[[str, bytes], bool]:
        """Whether a file stays here with its change: a secret may have been there that is gone by now."""
        in_doubt, named = covered(doubts), matcher(SECRET_NAMES)

        def stays(name: str, change: bytes) -> bool:
            if self._doubtful or self._excluded(name):
                return self._excluded(name)
            return in_doubt(name) or (not self._allowed(name) and (named(name.lower()) or secret_in(change) != ""))

        return stays
