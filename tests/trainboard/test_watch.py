"""One stream of events from many hosts, none of which can stop it."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import pytest

from backends.base import HostUnreachable, JobState, LoginRefused, Rejected, Wanted
from tests.trainboard.fakes import LOG, FakeBackend, a_job, a_spec, an_attempt, config_of, records_of
from trainboard.actions import Exists, Refused
from trainboard.commandlog import CommandLog
from trainboard.config import Config
from trainboard.events import Event, HostSeen, Link, LogGrew, LogUnavailable, Noticed, Sampled, TableSeen
from trainboard.logs import FAR, TAIL
from trainboard.paths import paths
from trainboard.records import Run
from trainboard.store import Store
from trainboard.tasks import Tasks
from trainboard.watch import Watch

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable

    from backends.base import Backend
    from trainboard.config import BackendConfig
    from trainboard.rows import Row

EventT = TypeVar("EventT", bound=Event)


class FakePlaces:
    """Hands out the backends that the test made."""

    def __init__(self, backends: list[FakeBackend]) -> None:
        self._backends = {backend.name: backend for backend in backends}
        self.log = CommandLog(Path("commands.log"))

    def make(self, config: BackendConfig) -> Backend:
        return self._backends[config.name]

    async def detect_kind(self, host: str) -> str:
        if host not in self._backends:
            raise HostUnreachable(f"{host}: no such host")
        return self._backends[host].kind

    async def close(self) -> None:
        """There is no log to wait for."""


@dataclass
class Desk:
    """A watch with everything around it."""

    watch: Watch
    store: Store
    folder: Path
    stream: AsyncGenerator[Event]
    seen: list[Event] = field(default_factory=list)
    rows: dict[str, Row] = field(default_factory=dict)
    """The newest table."""

    async def until(
        self, kind: type[EventT], when: Callable[[EventT], bool] = lambda _: True, within: float = 60
    ) -> EventT:
        """Read on until there is such an event."""
        async with asyncio.timeout(within):
            async for event in self.stream:
                self.seen.append(event)
                if isinstance(event, TableSeen):
                    self.rows = {row.key: row for row in event.rows}
                if isinstance(event, kind) and when(event):
                    return event
        raise AssertionError("the stream ended")

    async def row(self, key: str, state: JobState) -> Row:
        """Read on until a row is in this state."""
        if key not in self.rows or self.rows[key].state is not state:
            await self.until(TableSeen, lambda table: any((row.key, row.state) == (key, state) for row in table.rows))
        return self.rows[key]

    async def host(self, name: str, link: Link) -> HostSeen:
        """Read on until a host is in this state."""
        return await self.until(HostSeen, lambda host: (host.backend, host.link) == (name, link))


@contextlib.asynccontextmanager
async def watching(
    tmp_path: Path, *backends: FakeBackend, poll: float = 0.1, readonly: bool = False
) -> AsyncGenerator[Desk]:
    where = paths({"TRAINBOARD_HOME": str(tmp_path / "home")})
    config = Config(where.config, tuple(config_of(backend, poll) for backend in backends))
    store = Store(where.state)
    places = FakePlaces(list(backends))
    watch = Watch(config, where, store, places, {}, tmp_path, readonly=readonly)  # type: ignore[arg-type]  # in its place
    async with contextlib.aclosing(watch.events()) as stream:
        yield Desk(watch, store, where.state, stream)


# --- hosts


async def test_a_host_that_fails_is_stale_with_its_reason_while_another_goes_on(tmp_path: Path) -> None:
    bad, good = FakeBackend("bad"), FakeBackend("good")
    bad.queue = [a_job(backend="bad")]
    async with watching(tmp_path, bad, good) as desk:
        first = await desk.host("bad", Link.UP)
        bad.error = HostUnreachable("bad: no route", "look at the cable")
        stale = await desk.host("bad", Link.STALE)
        assert (stale.reason, stale.advice, stale.running) == ("no route", "look at the cable", 1)
        assert stale.seen is not None
        assert first.seen is not None
        assert stale.seen >= first.seen
        good.queue = [a_job(backend="good", job_id="9")]
        await desk.row("good:9", JobState.RUNNING)
        assert desk.rows["bad:77"].state is JobState.RUNNING


async def test_a_defect_of_ours_is_told_with_the_host_and_ends_no_watch(tmp_path: Path) -> None:
    backend = FakeBackend()
    async with watching(tmp_path, backend) as desk:
        await desk.host("fake", Link.UP)
        backend.error = TypeError("no number")  # type: ignore[assignment]  # which nobody expects
        backend.stir()
        assert (await desk.host("fake", Link.STALE)).reason == "TypeError: no number"
        backend.mend()
        await desk.host("fake", Link.UP)


async def test_a_host_that_never_answered_is_down_and_comes_up_later(tmp_path: Path) -> None:
    backend = FakeBackend()
    backend.error = HostUnreachable("fake: refused")
    async with watching(tmp_path, backend) as desk:
        assert (await desk.host("fake", Link.DOWN)).seen is None
        backend.mend()
        desk.watch.refresh()
        await desk.host("fake", Link.UP)


async def test_a_host_that_hangs_delays_no_other(tmp_path: Path) -> None:
    hung, good = FakeBackend("hung"), FakeBackend("good")
    hung.hang = True
    async with watching(tmp_path, hung, good) as desk:
        for n in range(3):
            good.queue = [a_job(backend="good", job_id=str(n))]
            await desk.row(f"good:{n}", JobState.RUNNING)
        assert (hung.queries, hung.asking) == (1, 1)


async def test_at_most_one_query_of_a_host_is_in_flight(tmp_path: Path) -> None:
    backend = FakeBackend()
    async with watching(tmp_path, backend) as desk:
        for _ in range(3):
            desk.watch.refresh()
            desk.watch.focus(False)
            desk.watch.focus(True)
            await desk.host("fake", Link.UP)
        assert backend.most_asking == 1


async def test_a_refused_login_is_not_tried_again_by_itself_nor_when_somebody_looks(tmp_path: Path) -> None:
    refusing, other = FakeBackend("refusing"), FakeBackend("other")
    refusing.error = LoginRefused("refusing: no key fits")
    async with watching(tmp_path, refusing, other) as desk:
        await desk.host("refusing", Link.DOWN)
        for _ in range(3):
            desk.watch.focus(False)
            desk.watch.focus(True)
            desk.watch.pause(True)
            desk.watch.pause(False)
            asked = other.queries
            while other.queries == asked:
                await desk.host("other", Link.UP)
            assert refusing.queries == 1
        desk.watch.refresh()
        await desk.host("refusing", Link.DOWN)
        assert refusing.queries == 2


async def test_readings_come_with_the_host(tmp_path: Path) -> None:
    async with watching(tmp_path, FakeBackend()) as desk:
        seen = await desk.until(HostSeen, lambda host: host.health is not None)
        assert seen.health is not None
        assert seen.health.hostname == "fake"


async def test_leaving_closes_every_backend(tmp_path: Path) -> None:
    backends = FakeBackend("one"), FakeBackend("two")
    backends[1].hang = True
    before = asyncio.all_tasks()
    async with watching(tmp_path, *backends) as desk:
        await desk.host("one", Link.UP)
    assert [backend.closed for backend in backends] == [True, True]
    assert asyncio.all_tasks() == before


# --- polling


async def test_pausing_stops_the_questions_and_not_what_is_followed(tmp_path: Path) -> None:
    backend = FakeBackend()
    backend.queue = [a_job(log=LOG)]
    backend.write(b"step 1 loss 0.5\n")
    async with watching(tmp_path, backend) as desk:
        await desk.until(Sampled, lambda event: len(event.samples) == 1)
        desk.watch.pause(True)
        await desk.store.put(*records_of(an_attempt(backend="elsewhere")))
        await desk.row("x-1.0", JobState.PENDING)  # seen within a second, in which two queries would be due
        asked = backend.queries
        backend.write(b"step 2 loss 0.4\n")
        await desk.until(Sampled, lambda event: any(sample.step == 2 for sample in event.samples))
        await desk.store.put(*records_of(an_attempt(backend="elsewhere", state=JobState.LOST)))
        await desk.row("x-1.0", JobState.LOST)
        assert backend.queries == asked
        desk.watch.pause(False)
        backend.queue = []
        await desk.until(TableSeen, lambda table: [row.key for row in table.rows] == ["x-1.0"])


async def test_a_run_that_ended_is_seen_and_stored(tmp_path: Path) -> None:
    backend = FakeBackend()
    async with watching(tmp_path, backend) as desk:
        [first, _] = await desk.watch.submit(a_spec(), None)
        assert (first.key, first.state) == ("x-1.0", JobState.PENDING)
        backend.queue = [
            a_job(plan.token, JobState.RUNNING, job_id=f"job-{n}") for n, plan in enumerate(backend.plans, 1)
        ]
        await desk.row("x-1.0", JobState.RUNNING)
        backend.queue[0] = replace(backend.queue[0], state=JobState.COMPLETED, ended=9.0, exit_code=0)
        row = await desk.row("x-1.0", JobState.COMPLETED)
        assert (row.ended, row.exit_code) == (9.0, 0)
        stored = (await Store(desk.folder).load()).attempts[row.token]
        assert (stored.state, stored.ended) == (JobState.COMPLETED, 9.0)


async def test_a_table_that_did_not_change_is_not_told_again(tmp_path: Path) -> None:
    backend = FakeBackend()
    backend.queue = [a_job(state=JobState.PENDING, started=None)]
    async with watching(tmp_path, backend) as desk:
        await desk.row("fake:77", JobState.PENDING)
        before = len([event for event in desk.seen if isinstance(event, TableSeen)])
        for _ in range(2):
            desk.watch.refresh()
            await desk.host("fake", Link.UP)
        assert len([event for event in desk.seen if isinstance(event, TableSeen)]) == before


async def test_what_another_process_submits_appears_and_its_host_is_asked(tmp_path: Path) -> None:
    backend = FakeBackend()
    async with watching(tmp_path, backend, poll=1000.0) as desk:
        await desk.host("fake", Link.UP)
        backend.queue = [a_job("t1")]
        await Store(desk.folder).put(*records_of(an_attempt()))
        await desk.row("x-1.0", JobState.RUNNING)
        assert backend.queries == 2


# --- logs and curves


async def test_showing_a_log_brings_its_tail_and_then_what_is_added(tmp_path: Path) -> None:
    backend = FakeBackend()
    backend.queue = [a_job(log=LOG)]
    backend.write(b"x" * TAIL + b"the end\n")
    async with watching(tmp_path, backend) as desk:
        await desk.row("fake:77", JobState.RUNNING)
        desk.watch.show("fake:77")
        first = await desk.until(LogGrew, lambda event: bool(event.data))
        assert (first.restarted, len(first.data), first.offset) == (True, TAIL, 8)
        assert first.data.endswith(b"xthe end\n")
        backend.write(b"more\n")
        more = await desk.until(LogGrew)
        assert (more.data, more.offset, more.restarted) == (b"more\n", TAIL + 8, False)


async def test_another_log_is_shown_instead(tmp_path: Path) -> None:
    backend = FakeBackend()
    backend.queue = [a_job(log="/one"), a_job(job_id="78", log="/two")]
    backend.write(b"one\n", "/one")
    backend.write(b"two\n", "/two")
    async with watching(tmp_path, backend) as desk:
        await desk.row("fake:78", JobState.RUNNING)
        desk.watch.show("fake:77")
        await desk.until(LogGrew, lambda event: event.data == b"one\n")
        desk.watch.show("fake:78")
        await desk.until(LogGrew, lambda event: event.data == b"two\n")
        backend.write(b"unseen\n", "/one")
        backend.write(b"seen\n", "/two")
        assert (await desk.until(LogGrew)).data == b"seen\n"


async def test_a_log_that_is_not_there_says_why_and_comes_when_it_is(tmp_path: Path) -> None:
    backend = FakeBackend()
    backend.queue = [a_job(log=LOG)]
    async with watching(tmp_path, backend) as desk:
        await desk.row("fake:77", JobState.RUNNING)
        desk.watch.show("fake:77")
        assert (await desk.until(LogUnavailable)).reason == f"{LOG}: No such file or directory"
        backend.write(b"here\n")
        await desk.until(LogGrew, lambda event: event.data == b"here\n")


async def test_the_log_of_a_run_that_was_not_sent_yet_is_shown_once_it_is(tmp_path: Path) -> None:
    backend = FakeBackend()
    held = replace(an_attempt(), state=JobState.PENDING, backend="", directory="", job_id="", sent=None)
    async with watching(tmp_path, backend) as desk:
        experiment, run, attempt = records_of(held)
        assert isinstance(run, Run)
        await Store(desk.folder).put(experiment, replace(run, held=True), attempt)
        await desk.row("x-1.0", JobState.HELD)
        desk.watch.show("x-1.0")
        assert (await desk.until(LogUnavailable)).reason == "it was not sent anywhere yet"
        sent = an_attempt()
        backend.write(b"here\n", f"{sent.directory}/out.log")
        await Store(desk.folder).put(sent)
        await desk.until(LogGrew, lambda event: event.data == b"here\n")


async def test_a_shown_log_goes_on_after_the_connection_broke(tmp_path: Path) -> None:
    backend = FakeBackend()
    backend.queue = [a_job(log=LOG)]
    backend.write(b"before\n")
    async with watching(tmp_path, backend) as desk:
        await desk.row("fake:77", JobState.RUNNING)
        desk.watch.show("fake:77")
        await desk.until(LogGrew, lambda event: event.data == b"before\n")
        backend.break_link()
        assert "the connection ended" in (await desk.until(LogUnavailable)).reason
        backend.mend()
        backend.write(b"after\n")
        again = await desk.until(LogGrew)
        assert (again.data, again.offset, again.restarted) == (b"after\n", 7, False)


async def test_a_log_that_was_replaced_while_the_connection_was_broken_begins_anew(tmp_path: Path) -> None:
    backend = FakeBackend()
    backend.queue = [a_job(log=LOG)]
    backend.write(b"before\n")
    async with watching(tmp_path, backend) as desk:
        await desk.row("fake:77", JobState.RUNNING)
        desk.watch.show("fake:77")
        await desk.until(LogGrew, lambda event: event.data == b"before\n")
        backend.break_link()
        await desk.until(LogUnavailable)
        backend.files[LOG] = b"another one, and longer\n"
        backend.mend()
        again = await desk.until(LogGrew)
        assert (again.data, again.restarted) == (b"another one, and longer\n", True)


async def test_of_a_log_that_is_far_ahead_the_end_is_told(tmp_path: Path) -> None:
    backend = FakeBackend()
    backend.queue = [a_job(log=LOG)]
    backend.piece, backend.files[LOG] = 1000, b"x" * FAR
    async with watching(tmp_path, backend) as desk:
        await desk.row("fake:77", JobState.RUNNING)
        desk.watch.show("fake:77")
        await desk.until(LogGrew, lambda event: event.offset + len(event.data) == FAR)
        backend.write(b"y" * (FAR + TAIL + 5000))
        seen = [await desk.until(LogGrew), await desk.until(LogGrew)]
        assert [(event.offset, event.restarted) for event in seen] == [(FAR, False), (2 * FAR + 5000, False)]


async def test_a_log_is_read_and_searched_wherever_one_wants(tmp_path: Path) -> None:
    backend = FakeBackend()
    backend.queue = [a_job(log=LOG)]
    backend.write(b"one\ntwo\nthree\n")
    async with watching(tmp_path, backend) as desk:
        await desk.row("fake:77", JobState.RUNNING)
        assert (await desk.watch.read_log("fake:77", 4, 3)).data == b"two"
        found = await desk.watch.search_log("fake:77", Wanted("two"), 4)
        assert (found.found, found.line) == (4, b"two\n")
        with pytest.raises(Refused, match="not in the table"):
            await desk.watch.read_log("fake:99", 0, 1)
        backend.error = HostUnreachable("fake: no route")
        with pytest.raises(Refused, match="no route"):
            await desk.watch.search_log("fake:77", Wanted("two"), 0)


async def test_a_log_is_saved_whole_and_overwrites_nothing_unasked(tmp_path: Path) -> None:
    backend = FakeBackend()
    backend.queue = [a_job(log=LOG)]
    backend.write(b"abc\n" * 1_000_000)
    target = tmp_path / "copy.log"
    async with watching(tmp_path, backend) as desk:
        await desk.row("fake:77", JobState.RUNNING)
        told = [each async for each in desk.watch.save_log("fake:77", target)]
        assert told == [(min(n << 20, 4_000_000), 4_000_000) for n in range(1, 5)]
        assert target.read_bytes() == backend.files[LOG]
        target.write_text("mine")
        with pytest.raises(Exists):
            await anext(desk.watch.save_log("fake:77", target))
        assert target.read_text() == "mine"
        _ = [each async for each in desk.watch.save_log("fake:77", target, overwrite=True)]
        assert target.read_bytes() == backend.files[LOG]


async def test_a_copy_that_is_broken_off_leaves_nothing(tmp_path: Path) -> None:
    backend = FakeBackend()
    backend.queue = [a_job(log=LOG)]
    backend.write(b"abc\n" * 1_000_000)
    folder = tmp_path / "copies"
    folder.mkdir()
    async with watching(tmp_path, backend) as desk:
        await desk.row("fake:77", JobState.RUNNING)
        async with contextlib.aclosing(desk.watch.save_log("fake:77", folder / "copy.log")) as progress:
            await anext(progress)
        assert list(folder.iterdir()) == []
        backend.error = HostUnreachable("fake: no route")
        with pytest.raises(Refused, match="no route"):
            await anext(desk.watch.save_log("fake:77", folder / "copy.log"))
        with pytest.raises(Refused, match="No such file or directory"):
            await anext(desk.watch.save_log("fake:77", folder / "none" / "copy.log"))
        assert list(folder.iterdir()) == []


async def test_a_scheduler_is_asked_once_where_a_job_writes(tmp_path: Path) -> None:
    backend = FakeBackend(kind="slurm")
    backend.queue, backend.stdout = [a_job()], LOG
    backend.write(b"step 1 loss 0.5\n")
    async with watching(tmp_path, backend) as desk:
        await desk.until(Sampled, lambda event: len(event.samples) == 1)
        for _ in range(2):
            desk.watch.show(None)
            desk.watch.show("fake:77")
            await desk.until(LogGrew, lambda event: bool(event.data))
        assert backend.asked_for_path == 1


async def test_a_job_whose_output_nobody_knows_says_so(tmp_path: Path) -> None:
    backend = FakeBackend(kind="slurm")
    backend.queue = [a_job()]
    async with watching(tmp_path, backend) as desk:
        await desk.row("fake:77", JobState.RUNNING)
        desk.watch.show("fake:77")
        assert "does not tell" in (await desk.until(LogUnavailable)).reason


async def test_the_curve_of_a_run_is_whole_when_it_has_ended(tmp_path: Path) -> None:
    backend = FakeBackend()
    async with watching(tmp_path, backend) as desk:
        [row, _] = await desk.watch.submit(a_spec("metrics: {objective: loss}\n"), None)
        log, token = row.log or "", row.token
        backend.queue = [a_job(token, job_id=row.job_id)]
        backend.write(b"step 1 loss 0.5\n", log)
        await desk.until(Sampled, lambda event: [sample.value for sample in event.samples] == [0.5])
        backend.break_link()
        await desk.host("fake", Link.STALE)
        backend.mend()
        backend.write(b"step 2 loss 0.4", log)
        backend.queue = [a_job(token, JobState.COMPLETED, job_id=row.job_id, ended=9.0)]
        await desk.until(Sampled, lambda event: event.key == row.key and event.complete)
        told = [event for event in desk.seen if isinstance(event, Sampled) and event.key == row.key]
        assert [sample.value for event in told for sample in event.samples] == [0.5, 0.4]


async def test_files_that_the_spec_names_are_read_and_a_screen_can_have_all_samples(tmp_path: Path) -> None:
    backend = FakeBackend()
    async with watching(tmp_path, backend) as desk:
        spec = a_spec("metrics: {objective: loss, sources: [stdout, 'out/{lr}/*.csv'], pattern: 'is (?P<loss>.+)'}\n")
        [row, _] = await desk.watch.submit(spec, None)
        assert row.sources_wanted == ("stdout", "out/0.1/*.csv")
        log, token = row.log or "", row.token
        backend.queue = [a_job(token, job_id=row.job_id)]
        backend.left[row.directory] = {"out/0.1/m.csv": b"step,acc\n1,0.25\n"}
        backend.write(b"now it is 0.5\n", log)
        recording = None
        while recording is None or len(recording) < 2:
            await desk.until(Sampled, lambda event: event.key == row.key and bool(event.samples))
            recording = await desk.watch.series(row.key)
        assert {name: each.values.tolist() for name, each in recording.items()} == {"loss": [0.5], "acc": [0.25]}
        assert (row.directory, ("out/0.1/*.csv",)) in backend.results_asked
        backend.write(b"now it is 0.125\n", log)
        event = await desk.until(Sampled, lambda event: [each.value for each in event.samples] == [0.125])
        assert recording.take(event)
        assert recording["loss"].values.tolist() == [0.5, 0.125]
        with pytest.raises(Refused, match="not in the table"):
            await desk.watch.series("gone")


async def test_a_foreign_job_that_left_the_queue_is_followed_no_more(tmp_path: Path) -> None:
    backend = FakeBackend()
    backend.queue = [a_job(log=LOG)]
    backend.write(b"step 1 loss 0.5\n")
    async with watching(tmp_path, backend) as desk:
        await desk.until(Sampled, lambda event: len(event.samples) == 1)
        backend.write(b"step 2 loss 0.4")
        backend.queue = []
        assert (await desk.until(Sampled, lambda event: event.complete)).samples[0].value == 0.4


# --- what is asked for


async def test_cancelling_reaches_the_backend_of_each_row(tmp_path: Path) -> None:
    one, two = FakeBackend("one"), FakeBackend("two")
    one.queue, two.queue = [a_job(backend="one")], [a_job(backend="two"), a_job(backend="two", job_id="78")]
    async with watching(tmp_path, one, two) as desk:
        await desk.row("one:77", JobState.RUNNING)
        await desk.row("two:78", JobState.RUNNING)
        await desk.watch.cancel(["one:77", "two:78", "gone:1"])
        assert [[each.job_id for each in backend.cancelled] for backend in (one, two)] == [["77"], ["78"]]


async def test_a_cancel_that_fails_is_refused_with_the_reason(tmp_path: Path) -> None:
    backend = FakeBackend()
    backend.queue = [a_job()]
    async with watching(tmp_path, backend) as desk:
        await desk.row("fake:77", JobState.RUNNING)
        backend.error = HostUnreachable("fake: no route")
        with pytest.raises(Refused, match="fake: no route"):
            await desk.watch.cancel(["fake:77"])


async def test_a_rejected_run_is_a_failed_row(tmp_path: Path) -> None:
    backend = FakeBackend()

    async def no(_: object) -> str:
        raise Rejected("sbatch: invalid account")

    backend.submitting = no
    async with watching(tmp_path, backend) as desk:
        rows = await desk.watch.submit(a_spec(), None)
        assert [(row.state, row.reason) for row in rows] == [(JobState.FAILED, "sbatch: invalid account")] * 2


@pytest.mark.parametrize(
    ("command", "backend", "words"), [("train", "nowhere", "unknown backend"), ("train {gone}", None, "gone")]
)
async def test_what_cannot_be_submitted_is_refused(
    tmp_path: Path, command: str, backend: str | None, words: str
) -> None:
    async with watching(tmp_path, FakeBackend()) as desk:
        with pytest.raises(Refused, match=words):
            await desk.watch.submit(replace(a_spec(), command=command), backend)


async def test_what_the_demo_submits_first_comes_by_itself(tmp_path: Path) -> None:
    async with watching(tmp_path, FakeBackend()) as desk:
        desk.watch.submit_first(a_spec())
        await desk.row("x-1.0", JobState.PENDING)


async def test_a_host_can_be_added_while_it_runs(tmp_path: Path) -> None:
    late = FakeBackend("late", "slurm")
    late.queue = [a_job(backend="late")]
    where = paths({"TRAINBOARD_HOME": str(tmp_path / "home")})
    fake = FakeBackend("local", "local")
    config = Config(where.config, (config_of(fake),))
    makers = FakePlaces([fake, late])
    watch = Watch(config, where, Store(where.state), makers, {}, tmp_path)  # type: ignore[arg-type]  # in its place
    async with contextlib.aclosing(watch.events()) as stream:
        desk = Desk(watch, Store(where.state), where.state, stream)
        await desk.host("local", Link.UP)
        assert await watch.add_host("late") == "late added as a Slurm cluster"
        await desk.row("late:77", JobState.RUNNING)
        assert watch.backend_names() == ["local", "late"]
        with pytest.raises(Refused, match="no such host"):
            await watch.add_host("nowhere")


# --- trouble of our own


def replace_file(path: Path, content: bytes) -> None:
    """At once, as the store does it."""
    path.with_suffix(".new").write_bytes(content)
    path.with_suffix(".new").replace(path)


async def test_a_store_that_fails_is_told_once_and_the_hosts_go_on(tmp_path: Path) -> None:
    backend = FakeBackend()
    async with watching(tmp_path, backend) as desk:
        await desk.watch.submit(a_spec(), None)
        await desk.host("fake", Link.UP)
        state = desk.folder / "state.json"
        good = state.read_bytes()
        replace_file(state, b"{ not json")
        notice = await desk.until(Noticed)
        assert (notice.severity, "damaged" in notice.text) == ("error", True)
        asked = backend.queries
        desk.watch.refresh()
        await desk.until(HostSeen)
        await desk.until(HostSeen)
        replace_file(state, good)
        backend.queue = [a_job(plan.token, job_id=f"job-{n}") for n, plan in enumerate(backend.plans, 1)]
        await desk.row("x-1.1", JobState.RUNNING)
        assert backend.queries > asked
        assert [event for event in desk.seen if isinstance(event, Noticed)] == [notice]


async def test_a_store_that_is_damaged_from_the_start_is_told_and_keeps_nobody_out(tmp_path: Path) -> None:
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "state.json").write_text("{")
    backend = FakeBackend()
    backend.queue = [a_job()]
    async with watching(tmp_path, backend) as desk:
        assert "damaged" in (await desk.until(Noticed)).text
        with pytest.raises(Refused, match="damaged"):
            await desk.watch.submit(a_spec(), None)
        assert backend.plans == []


async def test_an_error_of_a_task_that_nobody_thought_of_is_told() -> None:
    async def broken() -> None:
        raise ZeroDivisionError("a defect of ours")

    told: list[Event] = []
    tasks = Tasks(told.append)
    await asyncio.gather(tasks.begin(broken()), return_exceptions=True)
    await tasks.end()
    assert told == [Noticed("error", "ZeroDivisionError: a defect of ours")]


async def test_a_curve_that_cannot_be_kept_is_told(tmp_path: Path) -> None:
    backend = FakeBackend()
    backend.queue = [a_job(log=LOG)]
    backend.write(b"step 1 loss 0.5\n")
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "series").write_text("a file where the folder should be")
    async with watching(tmp_path, backend) as desk:
        assert "series" in (await desk.until(Noticed)).text


async def test_spec_files_of_the_folder_come_before_the_examples(tmp_path: Path) -> None:
    (tmp_path / "b.yaml").touch()
    (tmp_path / "a.yml").touch()
    async with watching(tmp_path, FakeBackend()) as desk:
        names = [path.name for path in desk.watch.spec_files()]
        assert names[:2] == ["a.yml", "b.yaml"]
        assert "char-rnn.yaml" in names


async def test_a_row_leads_to_its_spec(tmp_path: Path) -> None:
    async with watching(tmp_path, FakeBackend()) as desk:
        await desk.store.put(*records_of(an_attempt()))
        await desk.row("x-1.0", JobState.PENDING)
        assert (desk.watch.spec_source("x-1.0"), desk.watch.spec_source("fake:1")) == (Path("/x.yaml"), None)
