"""The projects' code in the state folder, by content, for as long as an experiment is on record that ran with it."""

from __future__ import annotations

import hashlib
import os
import secrets
import stat
import time
from typing import TYPE_CHECKING

from backends.base import Archive, Snapshot
from backends.snapshot import blob, files_of, manifest
from trainboard.actions import Refused
from trainboard.files import private_folder, write_draft
from trainboard.fingerprints import Fingerprints
from trainboard.store import LOOK, StoreError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator
    from pathlib import Path

KEPT = 7 * 86400.0
"""Seconds for which everything stays here that nobody is known to need: it may be about to be needed."""

PIECE = 1 << 20
"""Bytes of a large file in memory."""

AGAIN = "submit it again"


class Archives:
    """`<state>/code`: `blobs/ab/<sha256>`, lists of files `trees/<digest>.json`, fingerprints `seen/`, old archives.

    Its calls block.
    """

    def __init__(self, folder: Path) -> None:
        """`folder`: `<state>/code`; it need not be there."""
        self._folder = folder
        self._written: set[Path] = set()
        """Folders that have new blobs in them, which are not on disk for certain."""

    @property
    def blobs(self) -> Path:
        """The folder of what is in the files."""
        return self._folder / "blobs"

    def fingerprints(self, project: Path) -> Fingerprints:
        """What is known of the files of a project folder since the last time."""
        name = hashlib.sha256(os.fsencode(project)).hexdigest()[:32]
        return Fingerprints(self._folder / "seen" / f"{name}.json")

    def has(self, digest: str, size: int) -> bool:
        """Whether a blob is here, whole; it will not be pruned soon. Raises `StoreError`."""
        path = blob(self.blobs, digest)
        try:
            status = path.stat()
            if status.st_size != size:
                return False
            if time.time() - status.st_mtime > KEPT / 2:
                os.utime(path)
        except FileNotFoundError:
            return False
        except OSError as error:
            raise _unwritten(path, error) from error
        return True

    def put(self, content: bytes) -> str:
        """Keep a blob: its digest. On disk after `keep`. Raises `StoreError`."""
        digest = hashlib.sha256(content).hexdigest()
        if not self.has(digest, len(content)):
            self._write(digest, content)
        return digest

    def add(self, source: Path) -> tuple[str, int]:
        """Keep what is in a large file as a blob, without having it in memory: its digest and its size.

        Raises `StoreError`; `OSError` where the file cannot be read.
        """
        draft = self.blobs / f"{secrets.token_hex(8)}.part"
        digest = hashlib.sha256()
        with source.open("rb") as file:

            def pieces() -> Iterator[bytes]:
                while data := file.read(PIECE):
                    digest.update(data)
                    yield data

            try:
                private_folder(self.blobs)
                write_draft(draft, pieces())
                path = blob(self.blobs, digest.hexdigest())
                private_folder(path.parent)
                size = draft.stat().st_size
                draft.replace(path)
            except OSError as error:  # half a draft is pruned later
                raise _unwritten(draft, error) from error
        self._written.add(path.parent)
        return digest.hexdigest(), size

    def read(self, digest: str) -> bytes:
        """A blob. Raises `Refused` where it is gone or damaged."""
        path = blob(self.blobs, digest)
        try:
            content = path.read_bytes()
        except OSError as error:
            raise Refused(f"{path}: cannot be read ({error.strerror})") from error
        if hashlib.sha256(content).hexdigest() != digest:
            raise Refused(f"{path}: damaged")
        return content

    def keep(self, code: Snapshot) -> None:
        """Keep the list of a snapshot whose blobs are here; on disk, with them, when this returns.

        Raises `StoreError`.
        """
        path = self._tree(code.digest)
        try:
            if path.exists():
                os.utime(path)
            else:
                private_folder(path.parent)
                draft = path.with_name(f"{code.digest}.{secrets.token_hex(4)}.part")
                write_draft(draft, (manifest(code.files),))
                draft.replace(path)
                self._written.add(path.parent)
            while self._written:
                _sync(self._written.pop())
        except OSError as error:
            raise _unwritten(path, error) from error

    def load(self, digest: str) -> Snapshot | Archive:
        """The code that was kept. Raises `Refused` where some of it is gone or damaged."""
        old = self._folder / f"{digest}.tar.gz"
        try:
            text = self._tree(digest).read_bytes()
        except FileNotFoundError as error:
            if old.exists():
                return _archive(old, digest)
            raise Refused(f"the project's code {digest[:12]} is not kept any more: {AGAIN}") from error
        except OSError as error:
            raise Refused(f"the project's code cannot be read ({error.strerror}): {AGAIN}") from error
        if hashlib.sha256(text).hexdigest() != digest:
            raise Refused(f"{self._tree(digest)}: damaged: {AGAIN}")
        code = Snapshot(digest, files_of(text), self.blobs)
        for file in code.files:
            if not file.target and not self.has(file.digest, file.size):
                raise Refused(f"{blob(self.blobs, file.digest)}: {file.path!r} is not whole: {AGAIN}")
        return code

    def prune(self, needed: Collection[str], sendable: Collection[str], now: float | None = None) -> None:
        """Delete what nobody needs and is older than `KEPT`. Raises `OSError`.

        `needed`: digests of snapshots and blobs that records name; `sendable`: of old archives that may have to be
        sent.
        """
        horizon = (time.time() if now is None else now) - KEPT
        _remove((path for path in _inside(self._folder / "trees") if path.stem not in needed), horizon)
        blobs = set(needed).union(*(_digests(path) for path in _inside(self._folder / "trees")))
        for folder in (self.blobs, *_inside(self.blobs)):
            _remove((path for path in _inside(folder) if path.name not in blobs), horizon)
        rest = (*_inside(self._folder), *_inside(self._folder / "seen"))
        archives = {f"{digest}.tar.gz" for digest in sendable}
        _remove((path for path in rest if path.name not in archives), horizon)

    def _tree(self, digest: str) -> Path:
        return self._folder / "trees" / f"{digest}.json"

    def _write(self, digest: str, content: bytes) -> None:
        path = blob(self.blobs, digest)
        # A draft of our own: another process may be keeping the same.
        draft = path.with_name(f"{digest}.{secrets.token_hex(4)}.part")
        try:
            private_folder(path.parent)
            write_draft(draft, (content,))
            draft.replace(path)
        except OSError as error:
            raise _unwritten(path, error) from error
        self._written.add(path.parent)


def _archive(path: Path, digest: str) -> Archive:
    """An archive of an older version. Raises `Refused`."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise Refused(f"the project's archive cannot be read ({error.strerror}): {AGAIN}") from error
    if hashlib.sha256(content).hexdigest() != digest:
        raise Refused(f"{path}: damaged: {AGAIN}")
    return Archive(digest, content)


def _unwritten(path: Path, error: OSError) -> StoreError:
    return StoreError(f"{path}: cannot be written: {error.strerror or error}; nothing stored: {LOOK}")


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _digests(tree: Path) -> set[str]:
    """The blobs of a list of files; none of one that is damaged, which can never be sent."""
    try:
        return {file.digest for file in files_of(tree.read_bytes()) if not file.target}
    except (FileNotFoundError, ValueError):
        return set()


def _inside(folder: Path) -> tuple[Path, ...]:
    """What is in a folder; nothing where it is not there."""
    return tuple(folder.iterdir()) if folder.is_dir() else ()


def _remove(paths: Iterable[Path], horizon: float) -> None:
    """Delete those of these files that are older."""
    for path in paths:
        try:
            status = path.stat()
            if stat.S_ISREG(status.st_mode) and status.st_mtime < horizon:
                path.unlink()
        except FileNotFoundError:
            continue  # another process is pruning, too
