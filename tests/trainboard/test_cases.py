"""What is known of a run under diagnosis, piece by piece; and hosts, files and rules that fail meanwhile."""

from __future__ import annotations

import asyncio
import contextlib
import time
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import pytest

from backends.base import BackendError, Chunk, CommandFailed, HostUnreachable, JobState
from specs.model import LOG
from specs.watch import Watch
from tests.trainboard.fakes import FakeBackend, an_attempt, records_of
from trainboard.actions import Refused
from trainboard.case import HEARD, Case, Heard, News
from trainboard.diagnosing import PATIENCE, TAIL, Diagnosing
from trainboard.events import HostSeen, Link, Noticed, Sampled
from trainboard.examination import WARM, Examination
from trainboard.feeds import Piece
from trainboard.recording import series_path
from trainboard.rows import Row, merge
from trainboard.sampler import Sampler
from trainboard.series import Sample
from trainboard.seriesfile import SeriesFile
from trainboard.store import Store, StoreError
from trainboard.stored import Mark
from trainboard.tasks import Troubles

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable
    from pathlib import Path

    from trainboard.documents import Change, Record, Records
    from trainboard.records import Attempt

FULL = b"OSError: [Errno 28] No space left on device\n"
STEP = b"step %d loss 0.5\n"
ROW = Row("r1", "here", "7", "exp-1/lr=1", JobState.RUNNING, run="r1", attempt=1, started=900.0, objective="loss")
NOW = 1000.0


def examining(tmp_path: Path) -> Examination:
    return Examination(ROW, Watch(), tmp_path, NOW)


def offset_of(examination: Examination, *heard: Heard, now: float = NOW) -> int | None:
    """Where in its file the full disk is told, after these pieces."""
    [finding] = [each for each in examination.look(ROW, News(heard=heard), now).findings if each.id == "disk_full"]
    return finding.offset


def test_a_message_is_told_with_its_place_in_the_file(tmp_path: Path) -> None:
    first = STEP % 1
    assert offset_of(examining(tmp_path), Heard(0, first + FULL)) == len(first)
    assert offset_of(examining(tmp_path), Heard(5000, first), Heard(5000 + len(first), FULL)) == 5000 + len(first)


def test_a_piece_that_is_read_again_after_a_lost_connection_counts_once(tmp_path: Path) -> None:
    examination = examining(tmp_path)
    offset_of(examination, Heard(0, FULL))
    again = examination.look(ROW, News(heard=(Heard(len(FULL) - 6, FULL[-6:] + STEP % 1),)), NOW + 1)
    assert again.grounds.since == 0
    half = FULL[:20]
    cut = examining(tmp_path)
    cut.look(ROW, News(heard=(Heard(0, STEP % 1 + half),)), NOW)
    at = len(STEP % 1)  # the line was not complete, and is read from its start again
    assert offset_of(cut, Heard(at, FULL)) == at


def test_what_was_left_out_in_between_does_not_move_what_comes_after_it(tmp_path: Path) -> None:
    assert offset_of(examining(tmp_path), Heard(0, b"half a li"), Heard(7000, FULL)) == 7000


def test_a_message_of_the_older_part_of_a_turned_log_stays_and_has_no_place(tmp_path: Path) -> None:
    examination = examining(tmp_path)
    assert offset_of(examination, Heard(0, STEP % 1 + FULL)) == len(STEP % 1)
    assert offset_of(examination, Heard(0, b"", turned=True), Heard(0, STEP % 2)) is None


def test_messages_that_wait_when_a_log_is_turned_are_not_lost(tmp_path: Path) -> None:
    assert offset_of(examining(tmp_path), Heard(0, FULL), Heard(0, b"", turned=True)) is None


def test_a_message_after_a_log_was_turned_has_its_place_in_the_new_file(tmp_path: Path) -> None:
    old, new = STEP % 1 + b"half a line", STEP % 2
    place = offset_of(examining(tmp_path), Heard(900, old), Heard(0, b"", turned=True), Heard(0, new + FULL))
    assert place == len(new)


def test_a_log_that_is_begun_anew_is_heard_from_its_start(tmp_path: Path) -> None:
    examination = examining(tmp_path)
    offset_of(examination, Heard(0, STEP % 1 + FULL))
    anew = examination.look(ROW, News(heard=(Heard(0, b"", restarted=True), Heard(0, STEP % 1))), NOW)
    assert anew.findings == ()
    assert offset_of(examination, Heard(len(STEP % 1), FULL)) == len(STEP % 1)


def test_the_end_of_a_log_is_heard_whole_where_only_its_last_lines_were(tmp_path: Path) -> None:
    examination = examining(tmp_path)
    examination.look(ROW, News(heard=(Heard(500, STEP % 9),)), NOW)
    row = replace(ROW, state=JobState.FAILED, ended=NOW, exit_code=1)
    last = examination.look(row, News(tail=FULL + b"." * (500 - len(FULL)) + STEP % 9, tail_at=0), NOW)
    assert last.grounds.since == 0
    assert "file system is full" in last.why


def test_samples_that_were_stored_before_they_were_told_are_taken_once(tmp_path: Path) -> None:
    file = SeriesFile(series_path(tmp_path, "r1", 1))
    samples = [Sample("loss", 1 / n, float(n), "step") for n in range(1, 7)]
    file.append(LOG, samples, Mark(1, {}))
    examination = examining(tmp_path)
    examination.look(ROW, News(events=(Sampled("r1", (), restarted=True, number=3),)), NOW)
    file.path.unlink()  # it is not read any more
    more = Sample("loss", 0.1, 7.0, "step")
    told = (Sampled("r1", tuple(samples[3:5]), number=3), Sampled("r1", (samples[5], more), number=5))
    examination.look(ROW, News(events=told), NOW)
    assert list(examination._series["loss"].steps) == [1, 2, 3, 4, 5, 6, 7]


def test_a_piece_that_is_dropped_takes_no_word_of_a_new_file_with_it() -> None:
    case = Case(ROW)
    case.hear(Piece(LOG, b"", turned=True), 0, NOW)
    case.hear(Piece(LOG, b"a" * HEARD), 0, NOW)
    case.hear(Piece(LOG, b"b"), HEARD, NOW)
    assert case.draw(NOW).heard == (Heard(HEARD, b"b", turned=True),)


def test_samples_that_wait_for_too_long_are_read_from_the_file_instead() -> None:
    case = Case(ROW)
    for number in range(0, 100_000, 1000):
        case.take(Sampled("r1", (Sample("loss", 1.0, 1.0, "step"),) * 1000, number=number))
    news = case.draw(NOW)
    assert news.lost
    assert sum(len(event.samples) for event in news.events) < 70_000


async def test_every_piece_of_a_log_is_heard_with_its_place_in_its_file_also_when_it_is_turned(
    tmp_path: Path,
) -> None:
    """And by another process, which goes on where the first one stopped, in the middle of a line."""
    backend, path = FakeBackend(), "/there/out.log"
    old, new = STEP % 1 + FULL + STEP % 2 + b"step 3 lo", b"ss 0.5\n" + FULL
    row = replace(ROW, backend="fake", log=path)
    heard: list[tuple[int, Piece]] = []

    async def read_while(done: Callable[[], bool]) -> None:
        sampler = Sampler(row, backend, tmp_path, lambda _: None, heard=lambda piece, at: heard.append((at, piece)))
        reading = asyncio.create_task(sampler.follow(path))
        async with asyncio.timeout(30):
            while True:
                if done():
                    break
                await asyncio.sleep(0.01)
        reading.cancel()
        await asyncio.gather(reading, return_exceptions=True)

    backend.write(old[:60], path)
    await read_while(lambda: len(heard) == 1 and series_path(tmp_path, "r1", 1).exists())
    backend.write(old[60:], path)
    await read_while(lambda: len(heard) == 2)
    backend.files[f"{path}.1"] = old + b"of the old file\n"
    backend.files[path] = new
    await read_while(lambda: any(new.endswith(piece.data) and piece.data for _, piece in heard))
    turns = [number for number, (_, piece) in enumerate(heard) if piece.turned]
    assert len(turns) == 1
    for number, (at, piece) in enumerate(heard):
        file = new if number >= turns[0] else backend.files[f"{path}.1"]
        assert file[at : at + len(piece.data)] == piece.data
    assert b"".join(piece.data for _, piece in heard[turns[0] :]) == new


# --- hosts, files and rules that fail


class Logs:
    """What a host answers when the end of a log is read."""

    def __init__(self) -> None:
        self.answer: bytes | BackendError = b""
        self.asked: list[str] = []
        self.broken: str | None = None
        """Of this token's log it makes nonsense."""

    async def read(self, row: Row, offset: int, limit: int) -> Chunk:
        assert (offset, limit) == (-TAIL, TAIL)
        self.asked.append(row.token)
        if row.token == self.broken:
            raise TypeError("no number")
        if isinstance(self.answer, BackendError):
            raise Refused(str(self.answer)) from self.answer
        return Chunk(0, self.answer, len(self.answer))


class Disk(Store):
    """A store that may be full."""

    full = False

    async def change(self, change: Change) -> tuple[Record, ...]:
        if self.full:
            raise StoreError("state.json: no space")
        return await super().change(change)


@dataclass
class Bench:
    """Diagnosing alone, with a clock that a test puts."""

    folder: Path
    store: Disk
    logs: Logs = field(default_factory=Logs)
    now: float = field(default_factory=time.time)
    told: list[str] = field(default_factory=list)
    records: Records | None = None
    diagnosing: Diagnosing = field(init=False)

    def __post_init__(self) -> None:
        troubles = Troubles(lambda event: self.told.append(event.text if isinstance(event, Noticed) else ""))
        parts = self.store, lambda: self.records, self.folder / "series", self.logs, troubles, lambda: self.now
        self.diagnosing = Diagnosing(*parts)  # type: ignore[arg-type]  # in their places

    async def refresh(self) -> None:
        self.records = await self.store.load()
        self.diagnosing.see({row.key: row for row in merge(self.records, {})})

    def host(self, link: Link) -> None:
        self.diagnosing.meet(HostSeen("fake", "ssh", link))

    async def look(self, seconds: float = 0.0) -> None:
        """Some time later; what asks hosts is done when this returns."""
        self.now += seconds
        await self.diagnosing.look()
        await asyncio.gather(*self.diagnosing._busy.values())
        await self.refresh()

    async def attempt(self, id: str) -> Attempt:
        return (await self.store.load()).attempts[id]


@contextlib.asynccontextmanager
async def bench(tmp_path: Path, *attempts: Attempt) -> AsyncGenerator[Bench]:
    """These attempts are on record; nobody looks but the test."""
    found = Bench(tmp_path, Disk(tmp_path / "state"))
    await found.store.put(*records_of(*attempts))
    await found.refresh()
    running = asyncio.create_task(found.diagnosing.run())
    await asyncio.sleep(0)
    try:
        yield found
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


def ended(token: str, state: JobState = JobState.FAILED, **changes: object) -> Attempt:
    now = time.time()
    usual = {"run": f"x-1.{token}", "started": now - 600, "ended": now - 5, "exit_code": 1}
    return an_attempt(token, state, **(usual | changes))


async def test_an_end_is_looked_at_once_when_its_host_answers_again(tmp_path: Path) -> None:
    async with bench(tmp_path, ended("t1")) as desk:
        desk.host(Link.STALE)
        await desk.look(2 * PATIENCE)
        assert desk.logs.asked == []
        desk.host(Link.UP)
        await desk.look(1)
        assert desk.logs.asked == []  # what is left of its sources may be read yet
        desk.logs.answer = FULL
        await desk.look(PATIENCE)
        assert "file system is full" in (await desk.attempt("t1")).why
        await desk.look(PATIENCE)
        await desk.look(PATIENCE)
        assert desk.logs.asked == ["t1"]


async def test_an_end_that_cannot_be_read_is_tried_seldom_and_given_up(tmp_path: Path) -> None:
    async with bench(tmp_path, ended("t1")) as desk:
        desk.host(Link.UP)
        desk.logs.answer = HostUnreachable("fake: no route")
        await desk.look()
        await desk.look(PATIENCE)
        for _ in range(600):
            await desk.look(1)
        assert len(desk.logs.asked) <= 6
        for _ in range(60):
            await desk.look(1800)
        assert len(desk.logs.asked) <= 40
        assert desk.diagnosing._cases == {}


@pytest.mark.parametrize("answer", [b"", CommandFailed("/there/out.log: not there")])
async def test_a_run_without_a_log_is_diagnosed_by_how_it_ended(tmp_path: Path, answer: bytes | BackendError) -> None:
    async with bench(tmp_path, ended("t1", exit_code=127), ended("t2", JobState.COMPLETED, exit_code=0)) as desk:
        desk.host(Link.UP)
        desk.logs.answer = answer
        await desk.look()
        await desk.look(PATIENCE)
        assert "not found" in (await desk.attempt("t1")).why
        good = await desk.attempt("t2")
        assert (good.why, good.diagnosed) == ("", desk.now)


async def test_an_attempt_that_was_tried_again_at_once_is_diagnosed_too(tmp_path: Path) -> None:
    first = ended("t1", run="x-1.0")
    again = an_attempt("t2", JobState.RUNNING, run="x-1.0", number=2, started=time.time())
    async with bench(tmp_path, first, again) as desk:
        desk.host(Link.UP)
        desk.logs.answer = FULL
        await desk.look()
        await desk.look(PATIENCE)
        assert "file system is full" in (await desk.attempt("t1")).why
        assert desk.records is not None
        assert {each.attempt for each in desk.records.findings.values()} == {1}
        assert (await desk.attempt("t2")).diagnosed is None


async def test_a_series_that_cannot_be_read_is_told_once_and_keeps_nobody_else(tmp_path: Path) -> None:
    async with bench(tmp_path, ended("t1"), ended("t2")) as desk:
        path = series_path(tmp_path / "series", "x-1.t1", 1)
        path.mkdir(parents=True)
        desk.host(Link.UP)
        await desk.look()
        for _ in range(5):
            await desk.look(PATIENCE)
        assert len(desk.told) == 1
        assert str(path) in desk.told[0]
        assert (await desk.attempt("t2")).diagnosed is not None
        assert (await desk.attempt("t1")).diagnosed is None
        path.rmdir()
        await desk.look(1000)
        assert (await desk.attempt("t1")).diagnosed is not None


async def test_what_cannot_be_stored_now_is_stored_later(tmp_path: Path) -> None:
    async with bench(tmp_path, ended("t1")) as desk:
        desk.host(Link.UP)
        await desk.look()
        desk.store.full = True
        for _ in range(3):
            await desk.look(PATIENCE)
        assert desk.told == ["state.json: no space"]
        desk.store.full = False
        await desk.look(1000)
        assert (await desk.attempt("t1")).diagnosed is not None


async def test_a_defect_is_told_and_the_other_runs_are_looked_at(tmp_path: Path) -> None:
    async with bench(tmp_path, ended("t1"), ended("t2")) as desk:
        desk.logs.broken = "t1"
        desk.host(Link.UP)
        await desk.look()
        await desk.look(PATIENCE)
        assert desk.told == ["x-1/lr=0: cannot be diagnosed: TypeError: no number"]
        assert (await desk.attempt("t2")).diagnosed is not None


async def test_settling_looks_at_all_that_has_ended(tmp_path: Path) -> None:
    attempts = [ended(f"t{n}") for n in range(5)]
    async with bench(tmp_path, *attempts) as desk:
        desk.host(Link.UP)
        await desk.diagnosing.settle()
        assert all([(await desk.attempt(each.id)).diagnosed is not None for each in attempts])


async def test_a_run_that_ended_long_ago_is_left_alone(tmp_path: Path) -> None:
    async with bench(tmp_path, ended("t1", ended=time.time() - 100_000)) as desk:
        desk.host(Link.UP)
        await desk.diagnosing.settle()
        assert desk.logs.asked == []


async def test_a_job_of_somebody_else_is_looked_at_when_it_has_ended_and_not_again(tmp_path: Path) -> None:
    row = Row("fake:9", "fake", "9", "theirs", JobState.RUNNING, started=time.time())
    async with bench(tmp_path) as desk:
        desk.host(Link.UP)
        over = replace(row, state=JobState.FAILED, ended=time.time(), exit_code=1)
        desk.diagnosing.see({row.key: row})
        desk.diagnosing.take(Sampled(row.key, (), restarted=True))
        desk.diagnosing.see({row.key: over})
        desk.diagnosing.take(Sampled(row.key, (), complete=True))
        desk.logs.answer = FULL
        for _ in range(3):
            await desk.diagnosing.look()
            await asyncio.gather(*desk.diagnosing._busy.values())
            desk.diagnosing.take(Sampled(row.key, (), restarted=True, complete=True))
        assert (await desk.store.load()).findings["fake:9#1:disk_full"].name == "theirs"
        assert len(desk.logs.asked) == 1


def test_a_finding_of_an_earlier_process_is_over_when_it_was_looked_at_for_long_enough(tmp_path: Path) -> None:
    examination = examining(tmp_path)
    early = examination.look(ROW, News(heard=(Heard(0, STEP % 1),)), NOW).grounds
    late = examination.look(ROW, News(), NOW + WARM).grounds
    assert (early.warm, late.warm) == (False, True)
