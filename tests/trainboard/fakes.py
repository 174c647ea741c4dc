"""A backend in memory that a test drives, and short ways to the records of tests."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from backends.base import Chunk, CommandFailed, Completed, Health, HostUnreachable, Job, JobState, Unreadable
from specs.load import loads
from trainboard.config import BackendConfig
from trainboard.records import Attempt, Experiment, Run

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable, Collection, Mapping, Sequence

    from backends.base import BackendError, Plan, Watched
    from specs.model import Spec

LOG = "/there/out.log"


class FakeBackend:
    """Answers what the test put in; `error` makes everything on it fail, `hang` makes queries wait for ever."""

    def __init__(self, name: str = "fake", kind: str = "ssh") -> None:
        self.name, self.kind, self.shared = name, kind, True
        self.calls: list[float] = []
        self.queue: list[Job] = []
        self.error: BackendError | None = None
        self.hang = False
        self.queries = 0
        self.asking = self.most_asking = 0
        self.answering: Callable[[], Awaitable[None]] | None = None
        """Awaited inside a query."""
        self.submitting: Callable[[Plan], Awaitable[str]] | None = None
        """What a submission does."""
        self.plans: list[Plan] = []
        self.cancelled: list[Watched] = []
        self.files: dict[str, bytes] = {}
        self.followed: list[int] = []
        """The offsets at which a file was begun to be followed."""
        self.following = asyncio.Event()
        self.stdout: str | None = None
        self.asked_for_path = 0
        self.closed = False
        self._changed = asyncio.Event()

    def write(self, data: bytes, path: str = LOG) -> None:
        """Add to a file."""
        self.files[path] = self.files.get(path, b"") + data
        self.stir()

    def break_link(self) -> None:
        """Whatever is followed breaks now, until `mend`."""
        self.error = HostUnreachable(f"{self.name}: the connection ended")
        self.stir()

    def mend(self) -> None:
        """All is well again."""
        self.error = None

    def stir(self) -> None:
        """Have those who wait look again."""
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()

    async def submit(self, plan: Plan) -> str:
        self.plans.append(plan)
        self._fail()
        return await self.submitting(plan) if self.submitting else f"job-{len(self.plans)}"

    def directory(self, folder: str) -> str:
        return f"/there/{folder}"

    async def jobs(self, watched: Collection[Watched]) -> tuple[Job, ...]:
        self.queries += 1
        self.asking += 1
        self.most_asking = max(self.most_asking, self.asking)
        try:
            if self.hang:
                await asyncio.Event().wait()
            if self.answering:
                await self.answering()
            await asyncio.sleep(0)
            self._fail()
            return tuple(self.queue)
        finally:
            self.asking -= 1

    async def cancel(self, attempts: Sequence[Watched]) -> None:
        self._fail()
        self.cancelled += attempts

    async def log_path(self, job: Job) -> str | None:
        self.asked_for_path += 1
        return self.stdout

    async def read(self, path: str, offset: int, limit: int) -> Chunk:
        self._fail()
        if path not in self.files:
            raise CommandFailed(f"{path}: no such file")
        data = self.files[path]
        return Chunk(offset, data[offset : offset + limit], len(data))

    async def follow(self, path: str, offset: int) -> AsyncGenerator[Chunk | Unreadable]:
        self.followed.append(offset)
        self.following.set()
        if path not in self.files:
            yield Unreadable("No such file or directory")
        at = max(0, len(self.files.get(path, b"")) + offset) if offset < 0 else offset
        while True:
            changed = self._changed
            self._fail()
            data = self.files.get(path, b"")
            if len(data) != at:
                restarted = len(data) < at
                at = 0 if restarted else at
                yield Chunk(at, data[at:], len(data), restarted)
                at = len(data)
            else:
                await changed.wait()

    async def health(self, interval: float) -> AsyncGenerator[Health]:
        while True:
            self._fail()
            yield Health(at=1.0, hostname=self.name)
            await self._changed.wait()

    async def run_command(self, argv: Sequence[str], timeout: float = 20, cap: int = 1 << 20) -> Completed:
        return Completed(0, b"", b"")

    async def close(self) -> None:
        self.closed = True

    def _fail(self) -> None:
        if self.error is not None:
            raise self.error


def a_job(token: str = "", state: JobState = JobState.RUNNING, **changes: object) -> Job:
    """A job of the fake backend."""
    job = Job("fake", f"id-{token}" if token else "77", "mine", state, token, submitted=5.0, started=6.0)
    return replace(job, **changes)  # type: ignore[arg-type]  # fields by name


def an_attempt(token: str = "t1", state: JobState = JobState.PENDING, **changes: object) -> Attempt:
    """An attempt on the fake backend that was submitted."""
    attempt = Attempt(token, "x-1.0", 1, "fake", state, 4.0, "/there", job_id=f"id-{token}", submitted=5.0)
    return replace(attempt, **changes)  # type: ignore[arg-type]  # fields by name


def records_of(*attempts: Attempt) -> list[Experiment | Run | Attempt]:
    """An experiment with a run for each of the attempts' run ids, and the attempts."""
    runs = {attempt.run: Run(attempt.run, "x-1", n, f"lr={n}", {"lr": n}) for n, attempt in enumerate(attempts)}
    experiment = Experiment("x-1", "x", "/x.yaml", "name: x\n", 1.0, "loss", "minimize", {"steps": 10.0})
    return [experiment, *runs.values(), *attempts]


def a_spec(more: str = "", folder: Path = Path("/tmp"), environ: Mapping[str, str] | None = None) -> Spec:
    """A spec of two runs."""
    text = "name: x\ncommand: train --lr {lr}\nsweep: {lr: [0.1, 0.2]}\n" + more
    return loads(text, folder / "x.yaml")


def config_of(backend: FakeBackend, poll: float = 0.1) -> BackendConfig:
    """What the config says of a fake backend."""
    return BackendConfig(backend.name, backend.kind, backend.name, "/there", poll, True, "python3", ())
