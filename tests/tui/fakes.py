"""What tests of the screen pass in: a stream of events that the test writes, and actions that are written down."""

from __future__ import annotations

import asyncio
import re
from contextlib import asynccontextmanager
from copy import copy
from itertools import accumulate
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Any

from backends.base import Chunk, JobState, Snapshot, Sought
from specs.expand import expand
from tests.tui.hand import Hand
from tests.tui.questions import FakeQuestions
from tests.tui.uses import FakeUses
from trainboard.actions import Exists, Refused
from trainboard.code import Taken
from trainboard.config import BackendConfig
from trainboard.events import TableSeen
from trainboard.members import Choice, Fate, Known
from trainboard.options import CAREFUL, Options
from trainboard.preflight.report import Check, Report
from trainboard.prospect import Prospect
from trainboard.recording import Recording
from trainboard.records import Attempt, Run
from trainboard.rows import Row
from trainboard.scripts import Scripts, scripts
from tui.app import Board
from tui.listing import WAITING

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Callable, Collection, Mapping, Sequence

    from backends.base import Wanted
    from specs.model import Setting, Spec
    from trainboard.commandlog import Logged
    from trainboard.doubts import Doubt
    from trainboard.events import Event
    from trainboard.profiling import Profiling
    from trainboard.series import Series
    from trainboard.shell import Shell
    from trainboard.written import Written
    from tui.prompts import ModalPrompter

NOW = 1_800_000_000.0
PATIENCE = 60.0
"""Seconds after which what is waited for does not come."""
POLL = 0.01
"""Seconds between two looks at the screen for what a timer brings."""


class Actions:
    """Writes down what it is asked for."""

    def __init__(self) -> None:
        self.calls: list[tuple[Any, ...]] = []
        self.questions = FakeQuestions()
        self.folder = Path()
        self.files: list[Path] = []
        self.sources: dict[str, Path] = {}
        self.offered: list[str] = []
        self.refusal: Exception | None = None
        self.carry_refusal: Exception | None = None
        self.known: Collection[str] = ()
        self.checks: tuple[Check, ...] = ()
        self.doubtful: tuple[Doubt, ...] = ()
        self.considering = asyncio.Event()
        """Set: hosts answer."""
        self.considering.set()
        self.logs: dict[str, bytes] = {}
        """What the hosts have of logs."""
        self.reading, self.searching = asyncio.Event(), asyncio.Event()
        """Set: hosts answer."""
        self.reading.set()
        self.reading_series = asyncio.Event()
        """Set: the series of rows are read."""
        self.reading_series.set()
        self.searching.set()
        self.sought: list[Sought] = []
        self.late: list[Chunk] = []
        self.stored: dict[str, Mapping[str, Series]] = {}
        """What is stored of rows' metrics."""
        self.log: tuple[Logged, ...] = ()
        self.shells: dict[str, Shell] = {}
        self.gathered = FakeUses()
        self.profiled: dict[str, Profiling] = {}
        """What looks into the programs of rows."""
        self.wrote: dict[str, Written] = {}
        """What rows wrote."""
        self._news = asyncio.Condition()

    async def told(self, *call: object) -> None:
        """Wait until this was asked for."""
        async with self._news:
            await self._news.wait_for(lambda: call in self.calls)

    def _write(self, *call: object) -> None:
        self.calls.append(call)
        asyncio.get_running_loop().create_task(self._notify())

    async def _notify(self) -> None:
        async with self._news:
            self._news.notify_all()

    async def consider(self, spec: Spec, backend: str | None, options: Options = CAREFUL) -> Prospect:
        """All runs of the spec, but those that are `known` by name; what is `doubtful` would be sent."""
        self._write("consider", spec.name, backend, options)
        await self.considering.wait()
        if self.refusal is not None:
            raise self.refusal
        settings = expand(spec)
        known = () if options.again else tuple(each for each in settings if each.name in self.known)
        run, attempt = (
            Run("tiny-1.0", "tiny-1", 0, "run", {}),
            Attempt("a" * 16, "tiny-1.0", 1, "here", JobState.COMPLETED, NOW, ""),
        )
        there = tuple(Known(each, run, attempt, Fate.DONE) for each in known)
        choice = Choice(tuple(each for each in settings if each not in known), there)
        taken = Taken(Snapshot("0" * 64, (), spec.workdir), {}, self.doubtful)
        unasked = bool(self.doubtful) and not options.send
        report = Report() if unasked else Report(self.checks)
        return Prospect(spec, options, choice, (backend or "here",), taken, bool(self.doubtful), report)

    async def carry_out(self, prospect: Prospect) -> Sequence[Row]:
        self._write("carry_out", prospect.spec.name, prospect.where, len(prospect.choice.settings))
        if self.carry_refusal is not None:
            raise self.carry_refusal
        return (row(1), row(2))

    async def submit(self, spec: Spec, backend: str | None, options: Options = CAREFUL) -> Sequence[Row]:
        return await self.carry_out(await self.consider(spec, backend, options))

    async def scripts(self, spec: Spec, settings: Sequence[Setting], backend: str | None) -> Scripts:
        self._write("scripts", spec.name, backend)
        config = BackendConfig(backend or "here", "slurm", "gateway", "~/runs", 10.0, True, "python3", ())
        return scripts(spec, settings, config, shared=True)

    async def cancel(self, keys: Collection[str]) -> None:
        self._order("cancel", keys)

    async def hold(self, keys: Collection[str]) -> None:
        self._order("hold", keys)

    async def release(self, keys: Collection[str]) -> None:
        self._order("release", keys)

    async def requeue(self, keys: Collection[str]) -> None:
        self._order("requeue", keys)

    async def prioritise(self, keys: Collection[str], by: int) -> None:
        self._order("prioritise", keys, by)

    async def to_top(self, keys: Sequence[str]) -> None:
        self._order("to_top", keys)

    async def mute(self, rule: str, key: str, scope: str, *, on: bool = True) -> None:
        self._write("mute", rule, key, scope, on)
        self._refuse()

    async def read_findings(self, ids: Collection[str]) -> None:
        self._write("read_findings", *ids)
        self._refuse()

    def _refuse(self) -> None:
        if self.refusal is not None:
            raise self.refusal

    def _order(self, name: str, keys: Collection[str], *more: object) -> None:
        self._write(name, tuple(keys), *more)
        if self.refusal is not None:
            raise self.refusal

    async def series(self, key: str) -> Recording:
        """What the test put into `stored`."""
        self._write("series", key)
        await self.reading_series.wait()
        if self.refusal is not None:
            raise self.refusal
        series = {name: copy(each) for name, each in self.stored.get(key, {}).items()}
        return Recording(series, sum(map(len, series.values())))

    def uses(self) -> FakeUses:
        return self.gathered

    def show(self, key: str | None) -> None:
        self._write("show", key)

    async def read_log(self, key: str, offset: int, limit: int) -> Chunk:
        """A piece of what the test put into `logs`; or, in their order, the answers of `late`."""
        self._write("read_log", key, offset, limit)
        await self.reading.wait()
        return self.late.pop(0) if self.late else piece_of(self._log(key), offset, limit)

    async def search_log(self, key: str, wanted: Wanted, offset: int, *, backwards: bool = False) -> Sought:
        """What is found in `logs`, in one step; or, in their order, the answers of `sought`."""
        self._write("search_log", key, wanted.pattern, offset, backwards)
        await self.searching.wait()
        data = self._log(key)
        return self.sought.pop(0) if self.sought else find_in(data, wanted, offset, backwards=backwards)

    async def save_log(self, key: str, path: Path, *, overwrite: bool = False) -> AsyncGenerator[tuple[int, int]]:
        self._write("save_log", key, path, overwrite)
        data = self._log(key)
        if await asyncio.to_thread(path.exists) and not overwrite:
            raise Exists(f"{path} exists")
        yield len(data) // 2, len(data)
        await self.reading.wait()
        await asyncio.to_thread(path.write_bytes, data)
        yield len(data), len(data)

    def _log(self, key: str) -> bytes:
        if key not in self.logs:
            raise Refused(f"/logs/{key}: No such file or directory")
        return self.logs[key]

    async def commands(self) -> Sequence[Logged]:
        """What the test put into `log`."""
        if self.refusal is not None:
            raise self.refusal
        return self.log

    def shell(self, key: str) -> Shell:
        """What the test put into `shells`."""
        self._write("shell", key)
        if key not in self.shells:
            raise Refused("it is on no host yet: there is no folder to go to")
        return self.shells[key]

    def profiling(self, key: str) -> Profiling:
        if key not in self.profiled:
            raise Refused("this job is not in the table any more")
        return self.profiled[key]

    def outputs(self, key: str) -> Written:
        if key not in self.wrote:
            raise Refused("this job is not in the table any more")
        return self.wrote[key]

    def look(self, keys: Collection[str]) -> None:
        self._write("look", tuple(keys))

    def refresh(self) -> None:
        self._write("refresh")

    def pause(self, paused: bool) -> None:
        self._write("pause", paused)

    def focus(self, focused: bool) -> None:
        self._write("focus", focused)

    def backend_names(self) -> Sequence[str]:
        return ("here", "triton")

    def spec_folder(self) -> Path:
        return self.folder

    def spec_files(self) -> Sequence[Path]:
        return self.files

    def spec_source(self, key: str) -> Path | None:
        return self.sources.get(key)

    def offered_hosts(self) -> Sequence[str]:
        return self.offered

    async def add_host(self, host: str) -> str:
        self._write("add_host", host)
        if self.refusal is not None:
            raise self.refusal
        return "ssh"


def piece_of(data: bytes, offset: int, limit: int) -> Chunk:
    """As a host reads a piece of a file."""
    begin = max(0, len(data) + offset) if offset < 0 else offset
    return Chunk(begin, data[begin : begin + limit], len(data))


def find_in(data: bytes, wanted: Wanted, offset: int, *, backwards: bool) -> Sought:
    """As a host searches a file."""
    edge = offset if 0 <= offset <= len(data) else len(data)
    places = accumulate(map(len, data.splitlines(keepends=True)), initial=0)
    lines = list(zip(places, data.splitlines(keepends=True), strict=False))
    within = [each for each in lines if (each[0] < edge if backwards else each[0] >= edge)]
    look = re.compile(wanted.pattern, re.I if wanted.ignore_case else 0).search
    for place, line in reversed(within) if backwards else within:
        if look(line.decode("utf-8", "replace")):
            return Sought(place, line, place if backwards else place + len(line), len(data), True)
    return Sought(None, b"", 0 if backwards else len(data), len(data), True)


class Feed:
    """The stream of events, as the test writes it."""

    def __init__(self) -> None:
        self._queue: asyncio.Queue[Event] = asyncio.Queue()

    async def events(self) -> AsyncIterator[Event]:
        while True:
            yield await self._queue.get()
            self._queue.task_done()

    async def send(self, *events: Event) -> None:
        """Return once the board has taken them."""
        for event in events:
            self._queue.put_nowait(event)
        await self._queue.join()


class Theatre:
    """A running board and what moves it."""

    def __init__(self, app: Board, pilot: Hand, feed: Feed, actions: Actions) -> None:
        self.app = app
        self.pilot = pilot
        self.actions = actions
        self._feed = feed

    async def send(self, *events: Event) -> None:
        """Let these events happen, and the screen settle."""
        await self._feed.send(*events)
        await self.pilot.pause()

    async def rows(self, *rows: Row) -> None:
        """Let this be the table."""
        await self.send(TableSeen(rows, NOW))

    async def press(self, *keys: str) -> None:
        await self.pilot.press(*keys)

    async def until(self, text: str) -> None:
        """Wait until this is on the screen."""
        await self._while(lambda: text not in self.screen, f"not shown: {text}")

    async def gone(self, text: str) -> None:
        """Wait until this is not on the screen any more."""
        await self._while(lambda: text in self.screen, f"still shown: {text}")

    async def changes(self, look: Callable[[], object], before: object) -> None:
        """Wait until this looks other than before."""
        await self._while(lambda: look() == before, "nothing changed")

    async def when(self, look: Callable[[], object]) -> None:
        """Wait until this holds."""
        await self._while(lambda: not look(), "never came")

    async def _while(self, going_on: Callable[[], bool], told: str) -> None:
        deadline = monotonic() + PATIENCE
        while going_on():
            assert monotonic() < deadline, f"{told}\n{self.screen}"
            await self.pilot.pause(POLL)

    @property
    def lines(self) -> list[str]:
        """What is on the screen."""
        strips = self.app.screen._compositor.render_strips()
        return ["".join(segment.text for segment in strip) for strip in strips]

    @property
    def screen(self) -> str:
        return "\n".join(self.lines)

    async def log_of(self, key: str) -> None:
        """Wait until the log of this row is asked for."""
        await self.actions.told("show", key)
        await self.pilot.pause()


@asynccontextmanager
async def board(
    *rows: Row,
    size: tuple[int, int] = (120, 40),
    readonly: bool = False,
    actions: Actions | None = None,
    prompter: ModalPrompter | None = None,
    clock: Callable[[], float] = lambda: NOW,
) -> AsyncIterator[Theatre]:
    """A board with these rows."""
    feed, actions = Feed(), actions or Actions()
    app = Board(feed.events, actions, prompter=prompter, readonly=readonly, clock=clock)
    async with app.run_test(size=size, notifications=True):
        theatre = Theatre(app, Hand(app), feed, actions)
        if rows:
            await theatre.rows(*rows)
        yield theatre


def row(number: int, state: JobState = JobState.RUNNING, **fields: object) -> Row:
    """A row of ours; the greater the number, the further down. Experiments have eight runs: none starts folded."""
    experiment = f"exp-{number // 8 + 1}"
    common: dict[str, Any] = {
        "key": f"r{number}",
        "backend": "here",
        "job_id": str(100 + number),
        "name": f"{experiment}/lr=0.{number}-seed={number}",
        "state": state,
        "run": f"r{number}",
        "experiment": experiment,
        "params": {"lr": number / 10, "seed": number},
        "started": NOW - 100 - number if state not in WAITING else None,
        "submitted": NOW - 1000 + number if state in WAITING else NOW - 1000 - number,
        "ended": NOW - 50 - number if state.ended else None,
        "log": f"/logs/{number}.log",
        "objective": "val_loss",
    }
    return Row(**{**common, **fields})


GOOD_SPEC = """\
name: tiny
command: echo {lr}
params: {lr: 0.1}
sweep: {lr: [0.1, 0.2, 0.3]}
"""
