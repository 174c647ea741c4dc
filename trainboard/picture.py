"""What the process that polls sees of one backend, as files, for those that do not poll.

`<backend>.json` is what the strip of hosts shows; `<backend>.jobs` is the queue, one job a line, and is written only
when the queue changed: it may be large. A reader believes only what is whole, of this version and of this backend.
"""

from __future__ import annotations

import contextlib
import json
import os
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from backends.base import Health, Job, JobState
from trainboard.events import HostSeen, Link
from trainboard.files import private_folder
from trainboard.typed import from_json, to_json

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable
    from pathlib import Path

VERSION = 1
EFFORT = 20
"""A queue is not written again before so many times as long as writing it took: at most a twentieth of the time."""
RUNNING = frozenset({JobState.RUNNING, JobState.COMPLETING})
PENDING = frozenset({JobState.PENDING, JobState.HELD})
"""What counts as running and as waiting, here and in `HostSeen`."""
_END = b"end\n"


@dataclass(frozen=True, slots=True)
class Picture:
    """What one process saw of a backend."""

    backend: str
    kind: str
    link: Link
    reason: str = ""
    advice: str = ""
    seen: float | None = None
    """When the queue was like this; seconds since the epoch."""
    health: Health | None = None
    calls_per_minute: float = 0.0
    jobs: tuple[Job, ...] = field(default=(), repr=False)


class PictureFile:
    """The picture of one backend in a folder. Its calls block, and belong to one thread at a time."""

    def __init__(self, folder: Path, backend: str, kind: str) -> None:
        self._head, self._queue = folder / f"{backend}.json", folder / f"{backend}.jobs"
        self._backend, self._kind = backend, kind
        self._picture: Picture | None = None
        """What was read or written last."""
        self._stamps: tuple[object, ...] = ()
        """What the files looked like then."""
        self._jobs_id = ""
        """Which queue the picture has: the head names it, and the queue file too."""
        self._lines: dict[Job, bytes] = {}
        self._known: dict[bytes, Job] = {}
        self._not_before = 0.0

    def write(self, picture: Picture) -> bool:
        """Make the files show this; False where it is too early to write the queue again. Raises `OSError`."""
        before = self._picture
        if picture == before:
            return True
        if before is None or picture.jobs != before.jobs:
            begun = time.monotonic()
            if begun < self._not_before:
                return False
            private_folder(self._head.parent)
            self._jobs_id = f"{os.getpid()}-{time.time_ns()}"
            _replace(self._queue, self._queue_text(picture.jobs))
            self._not_before = time.monotonic() + EFFORT * (time.monotonic() - begun)
        _replace(self._head, self._head_text(picture))
        self._picture, self._stamps = picture, ()
        return True

    def read(self) -> Picture | None:
        """What the files show, the same object while they do not change; None where they show nothing."""
        try:
            stamps = (_stamp(self._head), _stamp(self._queue))
            if self._stamps != stamps:
                self._picture = self._read() or self._picture
                self._stamps = stamps
        except OSError:
            return self._picture  # not there yet, or being replaced
        return self._picture

    def _head_text(self, picture: Picture) -> bytes:
        said = {
            "version": VERSION,
            "backend": picture.backend,
            "kind": picture.kind,
            "link": picture.link,
            "reason": picture.reason,
            "advice": picture.advice,
            "seen": picture.seen,
            "health": None if picture.health is None else to_json(picture.health),
            "calls_per_minute": picture.calls_per_minute,
            "running": count(picture.jobs, RUNNING),
            "pending": count(picture.jobs, PENDING),
            "jobs": self._jobs_id,
        }
        return json.dumps(said).encode() + b"\n"

    def _queue_text(self, jobs: tuple[Job, ...]) -> bytes:
        before = self._lines
        self._lines = {job: before.get(job) or json.dumps(to_json(job)).encode() for job in jobs}
        head = json.dumps({"version": VERSION, "backend": self._backend, "jobs": self._jobs_id}).encode()
        return b"\n".join([head, *self._lines.values(), _END])

    def _read(self) -> Picture | None:
        """None where it is torn, foreign or of another version: those who show pictures show what they had."""
        with contextlib.suppress(ValueError, TypeError, KeyError, RecursionError, OverflowError):
            said = json.loads(self._head.read_bytes())
            if (said["version"], said["backend"], said["kind"]) == (VERSION, self._backend, self._kind):
                return self._picture_of(said)
        return None

    def _picture_of(self, said: dict[str, Any]) -> Picture:
        """Raises what bad values raise."""
        before = self._picture
        same = before is not None and self._jobs_id == from_json(str, said["jobs"])
        jobs = before.jobs if before is not None and same else self._read_jobs(said["jobs"])
        picture = Picture(
            backend=self._backend,
            kind=self._kind,
            link=Link(said["link"]),
            reason=from_json(str, said["reason"]),
            advice=from_json(str, said["advice"]),
            seen=None if said["seen"] is None else from_json(float, said["seen"]),
            health=None if said["health"] is None else from_json(Health, said["health"]),
            calls_per_minute=from_json(float, said["calls_per_minute"]),
            jobs=jobs,
        )
        self._jobs_id = said["jobs"]
        return picture

    def _read_jobs(self, jobs_id: object) -> tuple[Job, ...]:
        head, *lines = self._queue.read_bytes().split(b"\n")
        if json.loads(head)["jobs"] != jobs_id or lines[-2:] != [_END.strip(), b""]:
            raise ValueError("the queue of another moment")
        known = self._known
        self._known = {line: known.get(line) or from_json(Job, json.loads(line)) for line in lines[:-2]}
        return tuple(self._known.values())


def count(jobs: Iterable[Job], states: Collection[JobState]) -> int:
    """How many are in one of these states."""
    return sum(job.state in states for job in jobs)


def glance(folder: Path, backend: str, kind: str) -> HostSeen | None:
    """What the head of a picture tells, without its queue; None where there is none that can be read."""
    try:
        said = json.loads((folder / f"{backend}.json").read_bytes())
        if (said["version"], said["backend"], said["kind"]) != (VERSION, backend, kind):
            return None
        return HostSeen(
            backend=backend,
            kind=kind,
            link=Link(said["link"]),
            reason=from_json(str, said["reason"]),
            advice=from_json(str, said["advice"]),
            seen=None if said["seen"] is None else from_json(float, said["seen"]),
            health=None if said["health"] is None else from_json(Health, said["health"]),
            running=from_json(int, said.get("running", 0)),
            pending=from_json(int, said.get("pending", 0)),
        )
    except (OSError, ValueError, TypeError, KeyError, RecursionError, OverflowError):
        return None  # not there yet, torn, or of another version


def ask_anew(folder: Path) -> None:
    """Ask the process that polls to look at every host now. Raises `OSError`."""
    private_folder(folder)
    _replace(folder / "wanted", b"")


def asked_anew(folder: Path) -> object:
    """A value that changes when somebody asks for a look."""
    try:
        return _stamp(folder / "wanted")
    except OSError:
        return None


def _stamp(path: Path) -> tuple[int, int, int]:
    seen = path.stat()
    return seen.st_ino, seen.st_mtime_ns, seen.st_size


def _replace(path: Path, content: bytes) -> None:
    """Whole or not at all; whether it outlives a power cut does not matter. Raises `OSError`."""
    draft = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW
    try:
        with os.fdopen(os.open(draft, flags, 0o600), "wb") as file:
            file.write(content)
        draft.replace(path)
    except OSError:
        draft.unlink(missing_ok=True)
        raise
