"""Several boards on one state: one polls and places, the others show what it sees, and any may take its place."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from backends.base import HostUnreachable, JobState, LoginRefused
from tests.trainboard.fakes import LOG, FakeBackend, a_job, a_spec, an_attempt, records_of
from tests.trainboard.test_watch import watching
from trainboard.curves import RECENT
from trainboard.engine import Engine
from trainboard.events import EngineSeen, HostSeen, Link, LogGrew, LogUnavailable, Noticed, Sampled, TableSeen
from trainboard.lease import Holder, Lease, lock_path
from trainboard.logs import TAIL
from trainboard.options import PLAIN
from trainboard.paths import paths
from trainboard.place import Place
from trainboard.recording import series_path
from trainboard.records import Experiment, Run
from trainboard.series import Sample
from trainboard.seriesfile import SeriesFile
from trainboard.store import Store
from trainboard.stored import Mark
from trainboard.tasks import Troubles

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Iterable
    from pathlib import Path

    from specs.model import Retry
    from trainboard.events import Event
    from trainboard.query import Queue


def a_pair() -> tuple[FakeBackend, FakeBackend]:
    """One host, as two processes reach it."""
    return FakeBackend(), FakeBackend()


# --- who polls


async def test_a_board_alone_polls_and_says_so(tmp_path: Path) -> None:
    async with watching(tmp_path, FakeBackend()) as desk:
        seen = await desk.until(EngineSeen)
        assert seen.ours
        assert seen.holder is not None
        assert seen.holder.role == "board"


async def test_a_second_board_shows_what_the_first_sees_and_asks_nobody(tmp_path: Path) -> None:
    mine, theirs = a_pair()
    mine.queue = [a_job()]
    async with watching(tmp_path, mine) as first, watching(tmp_path, theirs) as second:
        polled = await first.host("fake", Link.UP)
        assert not (await second.until(EngineSeen)).ours
        shown = await second.until(HostSeen, lambda host: host.link is Link.UP and host.health is not None)
        assert (shown.running, shown.health.hostname if shown.health else "") == (1, "fake")
        assert shown.seen is not None
        assert polled.seen is not None
        assert shown.seen >= polled.seen
        await second.row("fake:77", JobState.RUNNING)
        mine.queue = [a_job(job_id="78", state=JobState.PENDING)]
        await second.row("fake:78", JobState.PENDING)
        mine.error = HostUnreachable("fake: no route", "look at the cable")
        stale = await second.host("fake", Link.STALE)
        assert (stale.reason, stale.advice, stale.pending) == ("no route", "look at the cable", 1)
        assert (theirs.queries, theirs.followed) == (0, [])


async def test_when_the_first_leaves_the_second_polls(tmp_path: Path) -> None:
    mine, theirs = a_pair()
    theirs.queue = [a_job(job_id="79")]
    async with watching(tmp_path, theirs) as second:
        async with watching(tmp_path, mine) as first:
            drives = [desk for desk in (first, second) if (await desk.until(EngineSeen)).ours]
        assert len(drives) == 1
        if drives == [first]:
            assert (await second.until(EngineSeen)).ours
        await second.row("fake:79", JobState.RUNNING)


async def test_a_second_board_has_the_first_look_again(tmp_path: Path) -> None:
    mine, theirs = a_pair()
    async with watching(tmp_path, mine, poll=1000.0) as first:
        await first.host("fake", Link.UP)
        async with watching(tmp_path, theirs, poll=1000.0) as second:
            await second.host("fake", Link.UP)
            mine.queue = [a_job()]
            second.watch.refresh()
            await second.row("fake:77", JobState.RUNNING)
            assert (mine.queries, theirs.queries) == (2, 0)


async def test_a_board_whose_lease_was_taken_stops_polling(tmp_path: Path) -> None:
    mine = FakeBackend()
    async with watching(tmp_path, mine) as desk:
        assert (await desk.until(EngineSeen)).ours
        await desk.host("fake", Link.UP)
        lock_path(desk.folder).unlink()
        other = Lease(desk.folder, "watch")
        assert other.look() is not None
        assert not (await desk.until(EngineSeen)).ours
        asked = mine.queries
        await desk.store.put(*records_of(an_attempt(backend="elsewhere")))
        await desk.row("x-1.0", JobState.PENDING)  # seen within a second, in which ten queries would be due
        assert mine.queries == asked
        other.give_up()
        assert (await desk.until(EngineSeen)).ours


async def test_a_folder_that_allows_no_locks_keeps_nobody_from_polling(tmp_path: Path) -> None:
    (tmp_path / "home" / "engine.lock").mkdir(parents=True)
    mine = FakeBackend()
    mine.queue = [a_job()]
    async with watching(tmp_path, mine) as desk:
        assert "engine.lock" in (await desk.until(Noticed)).text
        await desk.row("fake:77", JobState.RUNNING)


async def test_pictures_that_cannot_be_written_are_told_once_and_the_polling_goes_on(tmp_path: Path) -> None:
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "pictures").write_text("a file where the folder should be")
    mine = FakeBackend()
    async with watching(tmp_path, mine) as desk:
        assert "pictures" in (await desk.until(Noticed)).text
        mine.queue = [a_job()]
        await desk.row("fake:77", JobState.RUNNING)
        assert len([event for event in desk.seen if isinstance(event, Noticed)]) == 1


async def test_a_spoilt_picture_is_no_error_on_the_screen(tmp_path: Path) -> None:
    mine, theirs = a_pair()
    mine.queue = [a_job()]
    pictures = tmp_path / "home" / "pictures"
    pictures.mkdir(parents=True, mode=0o700)
    (pictures / "fake.json").write_bytes(b'{"version": 1, "backend": "fake"}\xff')
    (pictures / "fake.jobs").write_bytes(b"\0" * 100)
    async with watching(tmp_path, mine) as first:
        await first.host("fake", Link.UP)
        async with watching(tmp_path, theirs) as second:
            await second.row("fake:77", JobState.RUNNING)
            assert not [event for event in second.seen if isinstance(event, Noticed)]


# --- what a board does that does not poll


async def test_a_second_board_sends_what_it_submits_itself(tmp_path: Path) -> None:
    mine, theirs = a_pair()
    async with watching(tmp_path, mine) as first:
        await first.host("fake", Link.UP)
        async with watching(tmp_path, theirs) as second:
            await second.host("fake", Link.UP)
            rows = await second.watch.submit(a_spec(), None)
            assert [row.state for row in rows] == [JobState.PENDING] * 2
            assert (len(theirs.plans), len(mine.plans)) == (2, 0)
            await first.row("x-1.1", JobState.PENDING)


async def test_a_second_board_acts_on_hosts_itself(tmp_path: Path) -> None:
    mine, theirs = a_pair()
    mine.queue = [a_job()]
    async with watching(tmp_path, mine) as first:
        await first.host("fake", Link.UP)
        async with watching(tmp_path, theirs) as second:
            await second.row("fake:77", JobState.RUNNING)
            await second.watch.cancel(["fake:77"])
            assert [each.job_id for each in theirs.cancelled] == ["77"]


async def test_a_second_board_reads_a_log_itself_when_it_is_opened(tmp_path: Path) -> None:
    mine, theirs = a_pair()
    mine.queue = [a_job(log=LOG)]
    theirs.write(b"here\n")
    async with watching(tmp_path, mine) as first:
        await first.host("fake", Link.UP)
        async with watching(tmp_path, theirs) as second:
            await second.row("fake:77", JobState.RUNNING)
            assert theirs.followed == []
            second.watch.show("fake:77")
            await second.until(LogGrew, lambda event: event.data == b"here\n")
            assert theirs.queries == 0


async def test_a_board_that_is_not_let_in_knocks_once_though_another_is(tmp_path: Path) -> None:
    mine, theirs = a_pair()
    mine.queue = [a_job(log=LOG)]
    theirs.error = LoginRefused("fake: no key fits")
    async with watching(tmp_path, mine) as first:
        await first.host("fake", Link.UP)
        async with watching(tmp_path, theirs) as second:
            await second.row("fake:77", JobState.RUNNING)
            second.watch.show("fake:77")
            await second.until(LogUnavailable)
            for _ in range(3):
                await second.host("fake", Link.UP)
            assert len(theirs.followed) == 1


def told(event: Sampled) -> list[float]:
    """The values of an event, stored ones first."""
    return [value for each in event.stored.values() for value in each.values] + [each.value for each in event.samples]


async def test_the_curves_of_a_second_board_come_from_what_the_first_stored(tmp_path: Path) -> None:
    mine, theirs = a_pair()
    mine.queue = [a_job(log=LOG)]
    mine.write(b"step 1 loss 0.5\n")
    async with watching(tmp_path, mine) as first:
        await first.until(Sampled, lambda event: len(event.samples) == 1)
        async with watching(tmp_path, theirs) as second:
            await second.until(Sampled, lambda event: told(event) == [0.5])
            mine.write(b"step 2 loss 0.25\n")
            await second.until(Sampled, lambda event: told(event) == [0.25])
            assert theirs.followed == []


# --- dispatch


async def test_a_host_that_is_back_is_sent_at_once_what_waits_for_it(tmp_path: Path) -> None:
    backend = FakeBackend()
    async with watching(tmp_path, backend) as desk:
        await desk.host("fake", Link.UP)
        backend.error = HostUnreachable("fake: no route")
        await desk.watch.submit(a_spec(), None, PLAIN)
        told = await desk.until(HostSeen, lambda host: bool(host.trouble))
        assert "no route" in told.trouble
        async with asyncio.timeout(30):
            while not desk.rows or not all(row.unsent and "no route" in row.reason for row in desk.rows.values()):
                await desk.until(TableSeen)
        backend.mend()
        desk.watch.refresh()
        await desk.row("x-1.1", JobState.PENDING)
        async with asyncio.timeout(30):
            while any(row.unsent for row in desk.rows.values()):
                await desk.until(TableSeen)
        assert (await desk.until(HostSeen, lambda host: host.link is Link.UP)).trouble == ""


async def test_what_waits_here_says_why(tmp_path: Path) -> None:
    backend = FakeBackend()
    backend.error = HostUnreachable("fake: no route")
    async with watching(tmp_path, backend) as desk:
        [row, _] = await desk.watch.submit(a_spec(), None, PLAIN)
        assert (row.state, row.unsent, "no route" in row.reason) == (JobState.PENDING, True, True)


async def test_held_and_released_requeued_and_cancelled(tmp_path: Path) -> None:
    backend = FakeBackend()
    async with watching(tmp_path, backend) as desk:
        rows = await desk.watch.submit(a_spec(), None)
        keys = [row.key for row in rows]
        backend.queue = [a_job(row.token, JobState.PENDING, job_id=row.job_id) for row in rows]
        await desk.watch.hold(keys)
        await desk.watch.release(keys)
        await desk.watch.prioritise(keys, 5)
        await desk.watch.to_top(keys)
        assert [verb for verb, _ in backend.told] == ["hold", "release", "prioritise 5", "to_top"]
        stored = (await desk.store.load()).runs
        assert [stored[key].priority for key in keys] == [5, 5]
        await desk.watch.cancel(keys[:1])
        assert [each.token for each in backend.cancelled] == [rows[0].token]
        backend.queue[1] = replace(backend.queue[1], state=JobState.FAILED, ended=9.0, exit_code=1)
        await desk.row(keys[1], JobState.FAILED)
        await desk.watch.requeue(keys[1:])
        async with asyncio.timeout(30):
            while len(backend.plans) < 3:
                await desk.until(HostSeen)
        assert (backend.plans[2].run, backend.plans[2].attempt) == (backend.plans[1].run, 2)


class BrokenDispatcher:
    """Has a defect."""

    def __init__(self) -> None:
        self.asked = 0
        self.troubles: dict[str, str] = {}

    async def begin(self, only: str | None = None) -> set[asyncio.Task[None]]:
        self.asked += 1
        raise ZeroDivisionError("a defect of ours")

    def see(self, backend: str, queue: Queue) -> None:
        """Nothing."""

    async def policies(self, experiments: Iterable[Experiment]) -> dict[str, Retry]:
        """Nothing is tried again."""
        return {}


class Driving:
    """An engine by itself, and what it tells."""

    def __init__(self, folder: Path, backend: FakeBackend, lease: Any) -> None:  # noqa: ANN401 - or what stands for it
        self.told: list[Event] = []
        self.dispatcher = BrokenDispatcher()
        self.place = Place(backend, 0.1)
        self.engine = Engine(
            {"fake": self.place},
            Store(folder),
            self.dispatcher,  # type: ignore[arg-type]  # in its place
            lease,
            folder / "pictures",
            self.told.append,
            Troubles(self.told.append),
            self.changed,
        )

    async def changed(self) -> None:
        """Nobody shows a table."""


@contextlib.asynccontextmanager
async def driving(folder: Path, backend: FakeBackend, lease: object) -> AsyncGenerator[Driving]:
    made = Driving(folder, backend, lease)
    running = asyncio.create_task(made.engine.run())
    try:
        yield made
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def until(condition: Any) -> None:  # noqa: ANN401 - a function without arguments
    """Let the loop go on until something is so."""
    async with asyncio.timeout(30):
        while not condition():  # noqa: ASYNC110 - many things may make it so
            await asyncio.sleep(0.01)


async def test_a_defect_of_the_dispatcher_is_told_once_and_stops_no_polling(tmp_path: Path) -> None:
    backend = FakeBackend()
    async with driving(tmp_path, backend, Lease(tmp_path, "board")) as made:
        await until(lambda: made.dispatcher.asked >= 3 and backend.queries >= 3)
        notices = [event for event in made.told if isinstance(event, Noticed)]
        assert notices == [Noticed("error", "ZeroDivisionError: a defect of ours")]


class LeaseOfAnother:
    """The lease as it looks while another process has it."""

    held = False

    def __init__(self, beat: float) -> None:
        self.holder = Holder(4711, "elsewhere", "board", 1.0, beat)

    def look(self) -> Holder:
        return self.holder

    def give_up(self) -> None:
        """It is not ours."""


async def test_a_holder_that_is_stopped_is_stood_in_for_until_it_goes_on(tmp_path: Path) -> None:
    backend, lease = FakeBackend(), LeaseOfAnother(beat=5.0)
    async with driving(tmp_path, backend, lease) as made:
        await until(lambda: backend.queries >= 2)
        assert EngineSeen(lease.holder, ours=True) in made.told
        lease.holder = replace(lease.holder, beat=9e9)
        await until(lambda: not made.engine.driving.is_set())
        assert EngineSeen(lease.holder, ours=False) in made.told


# --- scale


def many(count: int) -> list[Any]:
    """An experiment whose runs have all ended."""
    experiment = Experiment("x-1", "x", "/x.yaml", "name: x\ncommand: 'true'\n", 1.0, "loss")
    runs = [Run(f"x-1.{n}", "x-1", n, f"n={n}", {"n": n}) for n in range(count)]
    attempts = [
        an_attempt(f"t{n}", JobState.COMPLETED, run=f"x-1.{n}", submitted=float(n), started=n + 1.0, ended=n + 2.0)
        for n in range(count)
    ]
    return [experiment, *runs, *attempts]


async def test_the_curves_of_old_runs_are_opened_when_somebody_looks(tmp_path: Path) -> None:
    count = RECENT + 50
    where = paths({"TRAINBOARD_HOME": str(tmp_path / "home")})
    await Store(where.state).put(*many(count))
    for n in range(count):
        file = SeriesFile(series_path(where.series, f"x-1.{n}"))
        file.append("stdout", [Sample("loss", n, 1, "step")], Mark(10), complete=True)
    backend = FakeBackend()
    async with watching(tmp_path, backend) as desk:
        opened: set[str] = set()
        while len(opened) < RECENT:
            opened.add((await desk.until(Sampled)).key)
        assert opened == {f"x-1.{n}" for n in range(50, count)}
        desk.watch.look(["x-1.3", "x-1.200"])
        assert (await desk.until(Sampled)).key == "x-1.3"
        desk.watch.show("x-1.7")
        assert (await desk.until(Sampled)).key == "x-1.7"
        for _ in range(3):
            await desk.host("fake", Link.UP)
        told = [event.key for event in desk.seen if isinstance(event, Sampled)]
        assert set(told) == opened | {"x-1.3", "x-1.7"}
        assert backend.followed == [-TAIL]  # the log that is shown
