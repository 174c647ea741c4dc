"""A backend in memory that a test drives, and short ways to the records of tests."""

from __future__ import annotations

import asyncio
import time
import zlib
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from backends.base import (
    BackendError,
    Chunk,
    CommandFailed,
    Completed,
    Disk,
    Found,
    Health,
    HostUnreachable,
    Job,
    JobState,
    Rejected,
    Result,
    Results,
    Room,
    Sought,
    Unclear,
    Unreadable,
)
from backends.checks import FolderSeen, Rehearsal, Space, Survey
from specs.load import loads
from trainboard.archive import Archives
from trainboard.config import BackendConfig
from trainboard.control import Control
from trainboard.dispatch import Dispatcher
from trainboard.ledger import newest_attempts
from trainboard.options import PLAIN, Options
from trainboard.plans import Planner
from trainboard.records import Attempt, Experiment, Run
from trainboard.rows import merge
from trainboard.store import Store
from trainboard.submit import consider, submit
from trainboard.submit import intend as intend_prospect

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable, Collection, Mapping, Sequence

    from backends.base import Backend, Disk, Plan, Wanted, Watched
    from backends.checks import Forecast, Program, Unknown
    from specs.model import Input, Resources, SlurmOptions, Spec
    from trainboard.rows import Row
    from trainboard.submit import Submitted

LOG = "/there/out.log"


class FakeBackend:
    """Answers what the test put in; `error` makes everything on it fail, `hang` makes queries wait for ever."""

    def __init__(self, name: str = "fake", kind: str = "ssh") -> None:
        self.name, self.kind, self.shared = name, kind, True
        self.folders: Sequence[str] = ("/there",)
        self.calls: list[float] = []
        self.queue: list[Job] = []
        self.error: BackendError | None = None
        self.hang = False
        self.queries = 0
        self.asking = self.most_asking = 0
        self.answering: Callable[[], Awaitable[None]] | None = None
        """Awaited inside a query."""
        self.submitting: Callable[[Plan], Awaitable[str]] | None = None
        """What a submission does with each plan; what it raises is the plan's answer."""
        self.plans: list[Plan] = []
        self.batches: list[tuple[Plan, ...]] = []
        """The plans of each call."""
        self.cancelled: list[Watched] = []
        self.told: list[tuple[str, tuple[str, ...]]] = []
        """What else was asked of it, with the tokens."""
        self.taken_back: Collection[str] | None = None
        """The tokens that a withdrawal finds waiting; None: all of them."""
        self.has_room = Room(None)
        self.rooms_asked = 0
        self.asked_for_room: Callable[[], Awaitable[None]] | None = None
        """Awaited when the room is asked for."""
        self.surveyed = Survey("3.11.7", 8, 64 << 30, (a_folder("/there"), a_folder("/tmp")), {})
        """What a preflight finds there: all is well."""
        self.rehearsed: Rehearsal | Unknown | None = None
        """What becomes of a set-up; None: all goes well, and everything is found."""
        self.foreseen: Forecast | None = None
        self.disks: dict[str, Disk] = {}
        """By folder."""
        self.left: dict[str, dict[str, bytes]] = {}
        """What attempts left where they ran: by directory and path."""
        self.left_reason = ""
        self.locked: set[str] = set()
        """Files that cannot be read."""
        self.results_asked: list[tuple[str, tuple[str, ...]]] = []
        self.asked_for_results: Callable[[], Awaitable[None]] | None = None
        """Awaited when results are asked for."""
        self.found: tuple[Found, ...] = ()
        self.files: dict[str, bytes] = {}
        self.followed: list[int] = []
        """The offsets at which a file was begun to be followed."""
        self.piece: int | None = None
        """Bytes in one piece of what is followed; None: all that is there."""
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

    async def submit(self, plans: Sequence[Plan]) -> Mapping[str, str | Rejected | Unclear]:
        self.batches.append(tuple(plans))
        return {plan.token: await self._take(plan) for plan in plans}

    async def _take(self, plan: Plan) -> str | Rejected | Unclear:
        self.plans.append(plan)
        number = len(self.plans)
        try:
            self._fail()
            return await self.submitting(plan) if self.submitting else f"job-{number}"
        except (Rejected, Unclear) as error:
            return error
        except BackendError as error:
            rejected = Rejected(f"not submitted: {error}", error.advice)
            rejected.__cause__ = error
            return rejected

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

    async def withdraw(self, attempts: Sequence[Watched]) -> frozenset[str]:
        self._tell("withdraw", attempts)
        tokens = frozenset(attempt.token for attempt in attempts)
        return tokens if self.taken_back is None else tokens & frozenset(self.taken_back)

    async def hold(self, attempts: Sequence[Watched]) -> None:
        self._tell("hold", attempts)

    async def release(self, attempts: Sequence[Watched]) -> None:
        self._tell("release", attempts)

    async def prioritise(self, attempts: Sequence[Watched], priority: int) -> None:
        self._tell(f"prioritise {priority}", attempts)

    async def to_top(self, attempts: Sequence[Watched]) -> None:
        self._tell("to_top", attempts)

    def _tell(self, verb: str, attempts: Sequence[Watched]) -> None:
        self._fail()
        self.told.append((verb, tuple(attempt.token for attempt in attempts)))

    async def room(self, resources: Resources, slurm: SlurmOptions) -> Room:
        self.rooms_asked += 1
        if self.asked_for_room:
            await self.asked_for_room()
        self._fail()
        return self.has_room

    async def survey(self, plan: Plan, inputs: Sequence[Input], patience: float) -> Survey:
        self._fail()
        return self.surveyed

    async def rehearse(self, plan: Plan, programs: Sequence[Program]) -> Rehearsal | Unknown:
        self._fail()
        if self.rehearsed is not None:
            return self.rehearsed
        return Rehearsal(0, "", {program.word: f"/bin/{program.word}" for program in programs})

    async def forecast(self, plan: Plan) -> Forecast | None:
        self._fail()
        return self.foreseen

    async def results(self, directory: str, patterns: Sequence[str]) -> Results:
        self.results_asked.append((directory, tuple(patterns)))
        self._fail()
        if self.asked_for_results:
            await self.asked_for_results()
        found = self.left.get(directory, {})
        changed = {path: float(zlib.crc32(data)) for path, data in found.items()}
        files = tuple(Result(path, len(data), changed[path]) for path, data in found.items())
        return Results(files, self.left_reason, f"{directory}/")  # so that `_content` can tell what is below it

    async def fetch(self, directory: str, pieces: Sequence[tuple[str, int, int]]) -> Sequence[bytes | str]:
        self._fail()
        found = self.left[directory]
        return [
            found[path][at : at + length] if path not in self.locked else "Permission denied"
            for path, at, length in pieces
        ]

    async def space(self, paths: Sequence[str]) -> tuple[Disk, ...]:
        self._fail()
        return tuple(replace(self.disks[path], path=path) for path in paths if path in self.disks)

    async def scan(self) -> tuple[Found, ...]:
        self._fail()
        return self.found

    async def log_path(self, job: Job) -> str | None:
        self.asked_for_path += 1
        return self.stdout

    async def read(self, path: str, offset: int, limit: int) -> Chunk:
        self._fail()
        if path in self.locked:
            raise CommandFailed(f"{self.name}: {path}: Permission denied")
        data = self._content(path)
        if data is None:
            raise CommandFailed(f"{self.name}: {path}: No such file or directory")
        at = max(0, len(data) + offset) if offset < 0 else offset
        return Chunk(at, data[at : at + limit], len(data))

    async def search(self, path: str, wanted: Wanted, offset: int, *, backwards: bool = False) -> Sought:
        """Forwards only: one line a step."""
        self._fail()
        data = self._content(path) or b""
        end = data.find(b"\n", offset) + 1 or len(data)
        found = wanted.pattern.encode() in data[offset:end]
        return Sought(offset if found else None, data[offset:end], end, len(data), found or end == len(data))

    async def follow(self, path: str, offset: int) -> AsyncGenerator[Chunk | Unreadable]:
        self.followed.append(offset)
        self.following.set()
        if self._content(path) is None:
            yield Unreadable("No such file or directory")
        at = max(0, len(self._content(path) or b"") + offset) if offset < 0 else offset
        while True:
            changed = self._changed
            self._fail()
            if path in self.locked:
                yield Unreadable("Permission denied")
                await changed.wait()
                continue
            data = self._content(path)
            if data is not None and len(data) != at:
                restarted = len(data) < at
                at = 0 if restarted else at
                piece = data[at:][: self.piece]
                yield Chunk(at, piece, len(data), restarted)
                at += len(piece)
            else:
                await changed.wait()

    def _content(self, path: str) -> bytes | None:
        """What is in a file, be it one that an attempt left where it ran."""
        directory, _, inner = path.partition("//")
        return self.left.get(directory, {}).get(inner) if inner else self.files.get(path)

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


def a_folder(path: str, free: int = 1 << 40) -> FolderSeen:
    """A folder with room in it."""
    return FolderSeen(path, True, "", (Space("disk", free, 1 << 20),))


def a_job(token: str = "", state: JobState = JobState.RUNNING, **changes: object) -> Job:
    """A job of the fake backend."""
    job = Job("fake", f"id-{token}" if token else "77", "mine", state, token, submitted=5.0, started=6.0)
    return replace(job, **changes)  # type: ignore[arg-type]  # fields by name


def an_attempt(token: str = "t1", state: JobState = JobState.PENDING, **changes: object) -> Attempt:
    """An attempt on the fake backend that was submitted."""
    attempt = Attempt(token, "x-1.0", 1, "fake", state, 4.0, "/there", job_id=f"id-{token}", submitted=5.0, sent=4.0)
    return replace(attempt, **changes)  # type: ignore[arg-type]  # fields by name


def records_of(*attempts: Attempt) -> list[Experiment | Run | Attempt]:
    """An experiment with a run for each of the attempts' run ids, and the attempts."""
    runs = {attempt.run: Run(attempt.run, "x-1", n, f"lr={n}", {"lr": n}) for n, attempt in enumerate(attempts)}
    experiment = Experiment("x-1", "x", "/x.yaml", "name: x\n", 1.0, "loss", "minimize", {"steps": 10.0})
    return [experiment, *runs.values(), *attempts]


PROJECT = Path(__file__).parent / "project"
"""A small project folder."""


def a_spec(more: str = "", folder: Path = PROJECT, name: str = "x") -> Spec:
    """A spec of two runs."""
    text = f"name: {name}\ncommand: train --lr {{lr}}\nsweep: {{lr: [0.1, 0.2]}}\n{more}"
    return loads(text, folder / f"{name}.yaml")


def config_of(backend: FakeBackend, poll: float = 0.1) -> BackendConfig:
    """What the config says of a fake backend."""
    return BackendConfig(backend.name, backend.kind, backend.name, "/there", poll, True, "python3", ())


@dataclass
class CoreDesk:
    """A dispatcher with everything around it, and clocks that a test puts."""

    store: Store
    backends: dict[str, FakeBackend]
    archives: Archives
    dispatcher: Dispatcher = field(init=False)
    control: Control = field(init=False)
    environ: dict[str, str] = field(default_factory=dict)
    now: float = 1000.0
    monotonic: float = 0.0

    def __post_init__(self) -> None:
        self.dispatcher = self.another()
        self.control = Control(lambda: self.backends, self.store, lambda: self.now)

    def another(self, store: Store | None = None) -> Dispatcher:
        """One more dispatcher on the same state, as another process has it."""
        planner = Planner(self.environ, self.archives)
        clocks = {"clock": lambda: self.now, "monotonic": lambda: self.monotonic}
        return Dispatcher(lambda: self.backends, store or self.store, planner, **clocks)  # type: ignore[arg-type]  # by name

    @property
    def backend(self) -> FakeBackend:
        """The first."""
        return next(iter(self.backends.values()))

    async def submit(self, spec: Spec, options: Options = PLAIN) -> list[tuple[Run, Attempt]]:
        """Submit to all backends, in order."""
        return await submit(spec, list(self.backends.values()), self.dispatcher, self.archives, self.environ, options)

    def later(self, seconds: float) -> None:
        """Time goes by."""
        self.now += seconds
        self.monotonic += seconds

    async def attempts(self) -> list[Attempt]:
        """All attempts, by run and number."""
        return sorted((await self.store.load()).attempts.values(), key=lambda each: (each.run, each.number))

    async def newest(self, run: str) -> Attempt:
        """The newest attempt of a run."""
        return newest_attempts(await self.store.load())[run]

    async def becomes(self, run: str, state: JobState, **changes: object) -> Attempt:
        """A run's newest attempt is seen in this state."""
        ended = self.now if state.ended else None
        change = {"state": state, "ended": ended, "job_id": "1", **changes}
        return await self.store.update(Attempt, (await self.newest(run)).id, lambda each: replace(each, **change))  # type: ignore[arg-type]  # fields by name

    async def rows(self, *keys: str) -> list[Row]:
        """The rows of these keys; of all runs where there are none."""
        rows = {row.key: row for row in merge(await self.store.load(), {})}
        return [rows[key] for key in keys or sorted(rows)]


async def intend(
    spec: Spec,
    where: Sequence[Backend],
    store: Store,
    archives: Archives,
    environ: Mapping[str, str],
    clock: Callable[[], float] = time.time,
) -> Submitted:
    """Write every run of a spec down, as a submission does that ends then."""
    prospect = await consider(spec, where, store, archives, environ, PLAIN)
    return await intend_prospect(prospect, store, clock)


def desk_of(folder: Path, *backends: FakeBackend) -> CoreDesk:
    """A desk on a state folder."""
    return CoreDesk(Store(folder), {each.name: each for each in backends}, Archives(folder / "code"))
