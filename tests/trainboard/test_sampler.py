"""From a log that grows to a series that misses nothing and doubles nothing."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backends.base import HostUnreachable, JobState
from tests.trainboard.fakes import LOG, FakeBackend
from trainboard.events import Sampled
from trainboard.feeds import PIECE, until_ended
from trainboard.recording import series_path
from trainboard.rows import Row
from trainboard.sampler import Sampler
from trainboard.series import Sample
from trainboard.seriesfile import SeriesFile
from trainboard.stored import Mark

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from trainboard.series import Series

ROW = Row("x-1.0", "fake", "77", "x", JobState.RUNNING, run="x-1.0", objective="loss", log=LOG)


class Told:
    """What a board would have after all that was told."""

    def __init__(self) -> None:
        self.samples: list[Sample] = []
        self.complete = False
        self.restarts = 0
        self._changed = asyncio.Event()

    def __call__(self, event: Sampled) -> None:
        if event.restarted:
            self.samples = [Sample(name, value, step, "") for name, step, value in points(event.stored)]
            self.restarts += 1
        self.samples += event.samples
        self.complete = event.complete
        self._changed.set()

    def steps(self, metric: str = "loss") -> list[float]:
        return [sample.step for sample in self.samples if sample.metric == metric]

    async def until(self, when: Callable[[], bool], within: float = 30) -> None:
        """Wait until what was told is as wanted."""
        async with asyncio.timeout(within):
            while not when():
                self._changed.clear()
                await self._changed.wait()


def points(series: Mapping[str, Series]) -> list[tuple[str, float, float]]:
    """Metric, step and value of all samples."""
    pairs = [(name, zip(each.steps.tolist(), each.values.tolist(), strict=True)) for name, each in series.items()]
    return [(name, step, value) for name, own in pairs for step, value in own]


def lines(first: int, last: int) -> bytes:
    return b"".join(b"step %d loss %d.5\n" % (n, n) for n in range(first, last))


def stored_steps(folder: Path) -> list[float]:
    return [sample.step for sample in SeriesFile(series_path(folder, ROW.key)).load().samples()]


def a_sampler(backend: FakeBackend, folder: Path, tell: Callable[[Sampled], None], row: Row = ROW) -> Sampler:
    return Sampler(row, backend, folder, tell)


async def test_samples_come_as_the_log_grows(tmp_path: Path) -> None:
    backend, told = FakeBackend(), Told()
    sampler = a_sampler(backend, tmp_path, told)
    await sampler.open()
    following = asyncio.create_task(sampler.follow(LOG))
    for n in range(3):
        backend.write(lines(n, n + 1))
        await told.until(lambda n=n: told.steps() == list(range(n + 1)))  # type: ignore[misc]  # bound as default
    assert not following.done()
    sampler.ended.set()
    await asyncio.wait_for(following, 30)
    assert (told.complete, sampler.finished) == (True, True)


async def test_after_the_end_the_rest_of_the_log_is_read_to_its_last_byte(tmp_path: Path) -> None:
    backend, told = FakeBackend(), Told()
    backend.write(lines(0, 40_000) + b"step 40000 loss 1.5")  # more than one piece, and no newline at the end
    assert len(backend.files[LOG]) > 2 * PIECE
    sampler = a_sampler(backend, tmp_path, told)
    sampler.ended.set()
    await sampler.open()
    await sampler.follow(LOG)
    assert told.steps() == stored_steps(tmp_path) == list(range(40_001))
    assert told.complete


async def test_of_a_long_log_only_its_end_was_seen_when_it_came(tmp_path: Path) -> None:
    backend, told = FakeBackend(), Told()
    backend.piece = PIECE
    backend.write(lines(0, 40_000))
    sampler = a_sampler(backend, tmp_path, told)
    sampler.ended.set()
    await sampler.open()
    await sampler.follow(LOG)
    walls = [sample.wall for sample in told.samples]
    first = next(place for place, wall in enumerate(walls) if wall is not None)
    assert all(wall is None for wall in walls[:first])
    assert all(wall is not None for wall in walls[first:])
    assert len(walls) - first < PIECE / len(b"step 3 loss 3.5")


async def test_a_job_that_left_no_log_is_complete_without_samples(tmp_path: Path) -> None:
    told = Told()
    sampler = a_sampler(FakeBackend(), tmp_path, told)
    sampler.ended.set()
    await sampler.follow(LOG)
    assert (told.samples, told.complete) == ([], True)


async def test_a_broken_link_neither_misses_nor_doubles_a_sample(tmp_path: Path) -> None:
    backend, told = FakeBackend(), Told()
    sampler = a_sampler(backend, tmp_path, told)
    await sampler.open()
    for n in range(0, 12, 3):
        backend.write(lines(n, n + 2) + b"step %d lo" % (n + 2))  # the link breaks in the middle of a line
        following = asyncio.create_task(sampler.follow(LOG))
        await told.until(lambda n=n: told.steps() == list(range(n + 2)))  # type: ignore[misc]  # bound as default
        backend.break_link()
        with pytest.raises(HostUnreachable):
            await asyncio.wait_for(following, 30)
        backend.mend()
        backend.write(b"ss %d.5\n" % (n + 2))
    sampler.ended.set()
    await sampler.follow(LOG)
    assert told.steps() == stored_steps(tmp_path) == list(range(12))


async def test_the_next_program_goes_on_where_the_last_one_stopped(tmp_path: Path) -> None:
    backend, first, second = FakeBackend(), Told(), Told()
    backend.write(lines(0, 5))
    before = a_sampler(backend, tmp_path, first)
    following = asyncio.create_task(before.follow(LOG))
    await first.until(lambda: len(first.samples) == 5)
    following.cancel()
    await asyncio.wait({following})
    backend.write(lines(5, 8))
    after = a_sampler(backend, tmp_path, second)
    after.ended.set()
    await after.open()
    assert second.steps() == list(range(5))
    await after.follow(LOG)
    assert second.steps() == stored_steps(tmp_path) == list(range(8))
    assert backend.followed[-1] == len(lines(0, 5))


async def test_what_is_finished_is_not_read_again(tmp_path: Path) -> None:
    backend, told = FakeBackend(), Told()
    backend.write(lines(0, 3))
    sampler = a_sampler(backend, tmp_path, told)
    sampler.ended.set()
    await sampler.follow(LOG)
    again = a_sampler(backend, tmp_path, told)
    await again.open()
    await again.follow(LOG)
    assert (told.steps(), told.complete, len(backend.followed)) == ([0, 1, 2], True, 1)


async def test_a_log_that_begins_anew_clears_the_series(tmp_path: Path) -> None:
    backend, told = FakeBackend(), Told()
    backend.write(lines(0, 10))
    sampler = a_sampler(backend, tmp_path, told)
    following = asyncio.create_task(sampler.follow(LOG))
    await told.until(lambda: len(told.samples) == 10)
    backend.files[LOG] = lines(100, 102)
    backend.stir()
    await told.until(lambda: told.steps() == [100, 101])
    sampler.ended.set()
    await asyncio.wait_for(following, 30)
    assert stored_steps(tmp_path) == [100, 101]


async def test_opening_tells_the_objective_and_showing_tells_everything(tmp_path: Path) -> None:
    backend, told = FakeBackend(), Told()
    backend.write(b"step 1 loss 0.5 acc 0.1\n")
    sampler = a_sampler(backend, tmp_path, told)
    sampler.ended.set()
    await sampler.follow(LOG)
    again = a_sampler(backend, tmp_path, told)
    await again.open()
    assert (told.steps("loss"), told.steps("acc")) == ([1], [])
    await again.show_all()
    assert (told.steps("loss"), told.steps("acc")) == ([1], [1])


async def test_two_boards_on_one_run_each_tell_every_sample_once(tmp_path: Path) -> None:
    backend, told = FakeBackend(), (Told(), Told())
    samplers = [a_sampler(backend, tmp_path, each) for each in told]
    following = [asyncio.create_task(sampler.follow(LOG)) for sampler in samplers]
    for n in range(0, 30, 3):
        backend.write(lines(n, n + 3))
        for each in told:
            await each.until(lambda n=n, each=each: len(each.samples) == n + 3)  # type: ignore[misc]
        await samplers[n % 2].show_all()
    for sampler in samplers:
        sampler.ended.set()
    await asyncio.wait_for(asyncio.gather(*following), 30)
    for each in told:
        assert each.steps() == list(range(30))
        assert each.complete
    assert stored_steps(tmp_path) == list(range(30))


async def test_what_another_process_stored_is_taken_over(tmp_path: Path) -> None:
    backend, theirs, told, others = FakeBackend(), FakeBackend(), Told(), Told()
    sampler = a_sampler(backend, tmp_path, told)
    backend.write(lines(0, 2))
    following = asyncio.create_task(sampler.follow(LOG))
    await told.until(lambda: len(told.samples) == 2)
    theirs.write(lines(0, 6))  # grown, and the first has not heard of it yet
    other = a_sampler(theirs, tmp_path, others)
    reading = asyncio.create_task(other.follow(LOG))
    await others.until(lambda: others.steps() == list(range(6)))
    reading.cancel()
    await sampler.show_all()
    assert told.steps() == [0, 1]
    backend.write(lines(2, 7))
    await told.until(lambda: len(told.samples) >= 7)
    assert told.steps() == stored_steps(tmp_path) == list(range(7))
    sampler.ended.set()
    await asyncio.wait_for(following, 30)


async def test_a_file_of_another_version_is_read_anew_from_the_log(tmp_path: Path) -> None:
    backend, told = FakeBackend(), Told()
    backend.write(lines(0, 3))
    old = SeriesFile(series_path(tmp_path, ROW.key))
    old.append("stdout", [Sample("loss", 9.0, 9.0, "step")], Mark(17, {"reader": {"version": -1}}), complete=True)
    sampler = a_sampler(backend, tmp_path, told)
    sampler.ended.set()
    await sampler.open()
    await sampler.follow(LOG)
    assert told.steps() == stored_steps(tmp_path) == [0, 1, 2]


async def test_a_screen_that_fetched_a_thinned_series_goes_on_with_what_is_told(tmp_path: Path) -> None:
    backend, events = FakeBackend(), list[Sampled]()
    stored = [Sample("loss", 7.0 if step == 444 else 0.5, step, "step") for step in range(1000)]
    SeriesFile(series_path(tmp_path, ROW.key)).append("stdout", stored, Mark(0))
    backend.write(lines(1000, 1003))
    sampler = Sampler(ROW, backend, tmp_path, events.append, most=100)
    await sampler.open()
    fetched = await sampler.recording()
    assert len(fetched["loss"]) <= 150
    assert fetched["loss"].max == 7.0
    sampler.ended.set()
    await asyncio.wait_for(sampler.follow(LOG), 30)
    assert all(fetched.take(event) for event in events if not event.restarted)
    assert fetched["loss"].steps[-4:].tolist() == [999, 1000, 1001, 1002]
    assert (await sampler.recording()).number == fetched.number == 1003


def test_a_key_of_any_name_is_one_file_in_the_folder(tmp_path: Path) -> None:
    path = series_path(tmp_path, "triton:12_[1-3]/../x")
    assert path.parent == tmp_path
    assert path != series_path(tmp_path, "triton:12_[1-3]%2F..%2Fx")


@given(st.binary(max_size=60), st.lists(st.integers(1, 20), max_size=6), st.integers(0, 60))
@settings(max_examples=30, deadline=None)
def test_pieces_until_the_end_are_the_whole_log(log: bytes, cuts: Sequence[int], ended_at: int) -> None:
    async def read() -> bytes:
        backend, ended, seen, sizes = FakeBackend(), asyncio.Event(), b"", iter(cuts)
        backend.files[LOG], rest = log[:1], log[1:]
        if not rest:
            ended.set()
        async with asyncio.timeout(30):
            async for piece in until_ended(backend, LOG, 0, ended):
                assert piece.offset == len(seen)
                seen += piece.data
                size = next(sizes, len(rest))
                backend.files[LOG] += rest[:size]
                rest = rest[size:]
                if len(seen) >= ended_at or not rest:  # what it wrote last is there when it is seen to have ended
                    backend.files[LOG] += rest
                    rest = b""
                    ended.set()
                backend.stir()
        return seen

    assert asyncio.run(read()) == log


async def test_nothing_is_left_running_when_a_reader_leaves(tmp_path: Path) -> None:
    backend, ended = FakeBackend(), asyncio.Event()
    backend.files[LOG] = b""

    async def read() -> None:
        async for _ in until_ended(backend, LOG, 0, ended):
            pass

    before = asyncio.all_tasks()
    reading = asyncio.create_task(read())
    await asyncio.wait_for(backend.following.wait(), 30)
    reading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reading
    assert asyncio.all_tasks() == before
