"""Samples of files beside the log: found, followed, read anew where they were replaced; none twice, none lost."""

from __future__ import annotations

import asyncio
import contextlib
import json
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from backends.base import HostUnreachable, JobState, Result, Results
from tests.trainboard.fakes import LOG, FakeBackend
from tests.trainboard.test_sampler import Told, a_sampler, lines
from trainboard.feeds import FOLLOWED, MOST, WHOLE, left_out, remainder
from trainboard.recording import series_path
from trainboard.rows import Row
from trainboard.sampler import Sampler, read_now
from trainboard.seriesfile import SeriesFile

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Sequence
    from pathlib import Path

    from backends.base import Chunk, Unreadable
    from trainboard.events import Sampled

ROW = Row(
    "x-1.0",
    "fake",
    "77",
    "x",
    JobState.RUNNING,
    run="x-1.0",
    directory="/there",
    log=LOG,
    sources_wanted=("stdout", "**/*.csv", "*.json"),
)


class Host(FakeBackend):
    """Writes down what is read, and where from."""

    def __init__(self) -> None:
        super().__init__()
        self.reads: list[tuple[str, int]] = []
        self.was_read = asyncio.Event()
        self.left["/there"] = {}

    async def has_read(self, name: str, times: int) -> None:
        """Wait until something of this file was read so often."""
        async with asyncio.timeout(30):
            while sum(each == name for each, _ in self.reads) < times:
                self.was_read.clear()
                await self.was_read.wait()

    def note(self, path: str, offset: int) -> None:
        self.reads.append((path.rpartition("/")[2], offset))
        self.was_read.set()

    @property
    def at(self) -> dict[str, bytes]:
        """What is where the program runs."""
        return self.left["/there"]

    def put(self, path: str, data: bytes) -> None:
        """A file is so now."""
        self.at[path] = data
        self.stir()

    async def read(self, path: str, offset: int, limit: int) -> Chunk:
        chunk = await super().read(path, offset, limit)
        if limit > 64 and chunk.data:  # not to know it again
            self.note(path, offset)
        return chunk

    async def follow(self, path: str, offset: int) -> AsyncGenerator[Chunk | Unreadable]:
        async with contextlib.aclosing(super().follow(path, offset)) as pieces:
            async for piece in pieces:
                if getattr(piece, "data", b""):
                    self.note(path, piece.offset)  # type: ignore[union-attr]  # a chunk
                yield piece


def table(first: int, last: int, name: str = "acc") -> bytes:
    head = f"step,{name}\n".encode() if first == 0 else b""
    return head + b"".join(b"%d,%d.25\n" % (n, n) for n in range(first, last))


def state(*steps: int, value: float = 0.5) -> bytes:
    history = [{"step": step, "epoch": step / 10, "eval_loss": value} for step in steps]
    return json.dumps({"log_history": history, "global_step": steps[-1]}).encode()


def sampler_of(host: Host, folder: Path, told: Told, row: Row = ROW) -> Sampler:
    return Sampler(row, host, folder, told, look=0.01)


def stored(folder: Path, row: Row = ROW) -> dict[str, list[float]]:
    series = SeriesFile(series_path(folder, row.key, row.attempt)).load().series()
    return {name: each.steps.tolist() for name, each in series.items()}


async def end(sampler: Sampler) -> None:
    sampler.ended.set()
    await asyncio.wait_for(sampler.follow(LOG), 30)


async def test_files_are_read_beside_the_log_and_as_they_come_to_be(tmp_path: Path) -> None:
    host, told = Host(), Told()
    host.write(lines(0, 2))
    host.put("metrics.csv", table(0, 3))
    sampler = sampler_of(host, tmp_path, told)
    await sampler.open()
    following = asyncio.create_task(sampler.follow(LOG))
    await told.until(lambda: (told.steps(), told.steps("acc")) == ([0, 1], [0, 1, 2]))
    host.put("runs/a/val.csv", table(0, 2, "f1"))
    await told.until(lambda: told.steps("f1") == [0, 1])
    host.write(lines(2, 3))
    host.put("metrics.csv", table(0, 5))
    await told.until(lambda: (told.steps(), told.steps("acc")) == ([0, 1, 2], [0, 1, 2, 3, 4]))
    host.put("metrics.csv", table(0, 6) + b"6,6.25")  # its last line has no end
    sampler.ended.set()
    await asyncio.wait_for(following, 30)
    assert told.complete
    assert stored(tmp_path) == {"loss": [0, 1, 2], "acc": [0, 1, 2, 3, 4, 5, 6], "f1": [0, 1]}
    assert told.restarts == 1


async def test_a_restart_reads_nothing_that_was_read(tmp_path: Path) -> None:
    host, told = Host(), Told()
    host.write(lines(0, 5))
    host.put("metrics.csv", table(0, 5))
    host.put("state.json", json.dumps([{"step": 1, "bleu": 0.5}]).encode())
    first = sampler_of(host, tmp_path, told)
    following = asyncio.create_task(first.follow(LOG))
    await told.until(lambda: len(told.samples) == 11)
    following.cancel()
    await asyncio.wait({following})
    host.reads.clear()
    host.write(lines(5, 6))
    host.put("metrics.csv", table(0, 6))
    again = Told()
    await end(sampler_of(host, tmp_path, again))
    assert sorted(host.reads) == [("metrics.csv", len(table(0, 5))), ("out.log", len(lines(0, 5)))]
    assert stored(tmp_path) == {"loss": [*range(6)], "acc": [*range(6)], "bleu": [1]}


async def test_without_stdout_the_log_is_not_read(tmp_path: Path) -> None:
    host, told = Host(), Told()
    host.write(lines(0, 5))
    host.put("metrics.csv", table(0, 2))
    await end(sampler_of(host, tmp_path, told, replace(ROW, sources_wanted=("metrics.csv",))))
    assert (stored(tmp_path), host.reads) == ({"acc": [0, 1]}, [("metrics.csv", 0)])
    assert told.complete


async def test_of_a_file_that_is_written_whole_what_it_gained_is_told(tmp_path: Path) -> None:
    host, told = Host(), Told()
    host.put("trainer_state.json", state(1, 2))
    sampler = sampler_of(host, tmp_path, told)
    following = asyncio.create_task(sampler.follow(LOG))
    await told.until(lambda: told.steps("eval_loss") == [1, 2])
    host.put("trainer_state.json", state(1, 2, 3)[:-5])  # caught half-written
    await host.has_read("trainer_state.json", 2)
    host.put("trainer_state.json", state(1, 2, 3))
    await told.until(lambda: told.steps("eval_loss") == [1, 2, 3])
    assert told.restarts == 0
    sampler.ended.set()
    await asyncio.wait_for(following, 30)
    assert stored(tmp_path)["eval_loss"] == [1, 2, 3]


async def test_what_a_replaced_file_does_not_have_any_more_is_gone_and_the_rest_stays(tmp_path: Path) -> None:
    host, told = Host(), Told()
    host.write(lines(0, 3))
    host.put("trainer_state.json", state(1, 2))
    sampler = sampler_of(host, tmp_path, told)
    following = asyncio.create_task(sampler.follow(LOG))
    await told.until(lambda: (told.steps("eval_loss"), told.steps()) == ([1, 2], [0, 1, 2]))
    host.put("trainer_state.json", state(1, 3, value=0.25))
    await told.until(lambda: told.steps("eval_loss") == [1, 3])
    assert told.steps() == [0, 1, 2]
    sampler.ended.set()
    await asyncio.wait_for(following, 30)
    assert (stored(tmp_path)["eval_loss"], stored(tmp_path)["loss"]) == ([1, 3], [0, 1, 2])


async def test_the_states_of_all_checkpoints_are_one_source(tmp_path: Path) -> None:
    host, told = Host(), Told()
    row = replace(ROW, sources_wanted=("**/trainer_state.json",))
    host.put("out/checkpoint-10/trainer_state.json", state(5, 10))
    sampler = sampler_of(host, tmp_path, told, row)
    following = asyncio.create_task(sampler.follow(LOG))
    await told.until(lambda: told.steps("eval_loss") == [5, 10])
    del host.at["out/checkpoint-10/trainer_state.json"]
    host.put("out/checkpoint-20/trainer_state.json", state(5, 10, 15, 20))
    await told.until(lambda: told.steps("eval_loss") == [5, 10, 15, 20])
    assert told.restarts == 0
    sampler.ended.set()
    await asyncio.wait_for(following, 30)


async def test_a_file_that_vanishes_keeps_its_samples_and_one_that_comes_back_is_read_anew(tmp_path: Path) -> None:
    host, told = Host(), Told()
    host.put("metrics.csv", table(0, 5))
    host.put("other.csv", table(0, 2, "f1"))
    sampler = sampler_of(host, tmp_path, told)
    following = asyncio.create_task(sampler.follow(LOG))
    await told.until(lambda: len(told.samples) == 7)
    del host.at["metrics.csv"]
    host.put("other.csv", table(0, 3, "f1"))
    await told.until(lambda: len(told.samples) == 8)
    assert told.steps("acc") == [0, 1, 2, 3, 4]
    host.put("metrics.csv", b"step,acc\n7,0.5\n")
    await told.until(lambda: told.steps("acc") == [7])
    assert told.steps("f1") == [0, 1, 2]
    del host.at["metrics.csv"]
    sampler.ended.set()
    await asyncio.wait_for(following, 30)
    assert stored(tmp_path) == {"f1": [0, 1, 2], "acc": [7]}


async def test_a_metric_of_one_name_in_log_and_file_is_told_apart_whichever_came_first(tmp_path: Path) -> None:
    host, told = Host(), Told()
    host.put("metrics.csv", table(0, 3, "loss"))
    sampler = sampler_of(host, tmp_path, told)
    following = asyncio.create_task(sampler.follow(LOG))
    await told.until(lambda: told.steps("loss") == [0, 1, 2])
    host.write(lines(5, 7))
    await told.until(lambda: (told.steps("loss"), told.steps("loss (metrics.csv)")) == ([5, 6], [0, 1, 2]))
    host.put("metrics.csv", table(0, 4, "loss"))
    await told.until(lambda: told.steps("loss (metrics.csv)") == [0, 1, 2, 3])
    sampler.ended.set()
    await asyncio.wait_for(following, 30)
    assert stored(tmp_path) == {"loss (metrics.csv)": [0, 1, 2, 3], "loss": [5, 6]}


async def test_a_log_that_was_replaced_while_nobody_looked_is_noticed(tmp_path: Path) -> None:
    host, told = Host(), Told()
    host.write(lines(0, 9))
    host.put("metrics.csv", table(0, 3))
    sampler = sampler_of(host, tmp_path, told)
    following = asyncio.create_task(sampler.follow(LOG))
    await told.until(lambda: len(told.samples) == 12)
    following.cancel()
    await asyncio.wait({following})
    host.files[LOG] = lines(20, 40)  # longer than it was
    await end(sampler_of(host, tmp_path, Told()))
    assert stored(tmp_path) == {"acc": [0, 1, 2], "loss": [*range(20, 40)]}


@pytest.mark.parametrize("watched", [True, False])
async def test_a_log_with_a_limit_that_is_turned_loses_nothing(tmp_path: Path, watched: bool) -> None:
    host, told = Host(), Told()
    host.write(lines(0, 9))
    sampler = sampler_of(host, tmp_path, told)
    following = asyncio.create_task(sampler.follow(LOG))
    await told.until(lambda: told.steps() == [*range(9)])
    if not watched:
        following.cancel()
        await asyncio.wait({following})
    host.files[f"{LOG}.1"] = host.files[LOG] + lines(9, 12)  # the last of it was not seen
    host.files[LOG] = lines(12, 14)
    host.stir()
    if watched:
        await told.until(lambda: told.steps() == [*range(14)])
        host.write(lines(14, 15))
        sampler.ended.set()
        await asyncio.wait_for(following, 30)
    else:
        host.write(lines(14, 15))
        await end(sampler_of(host, tmp_path, Told()))
    assert stored(tmp_path) == {"loss": [*range(15)]}
    await end(sampler_of(host, tmp_path, Told()))
    assert stored(tmp_path) == {"loss": [*range(15)]}


async def test_what_an_older_version_read_stays_where_its_log_is_gone(tmp_path: Path) -> None:
    host, told = Host(), Told()
    host.write(lines(0, 3))
    await end(sampler_of(host, tmp_path, told))
    path = series_path(tmp_path, ROW.key)
    file = SeriesFile(path)
    mark = file.load().marks["stdout"]
    file.append("stdout", [], replace(mark, state={"reader": {"version": -1}}), complete=True)
    del host.files[LOG]
    later = Told()
    sampler = sampler_of(host, tmp_path, later)
    await sampler.open()
    assert not sampler.finished
    await end(sampler)
    assert stored(tmp_path) == {"loss": [0, 1, 2]}
    assert later.complete


async def test_of_many_files_the_newest_are_followed_and_all_are_read(tmp_path: Path) -> None:
    host, told = Host(), Told()
    for n in range(FOLLOWED + 8):
        host.put(f"{n}.csv", table(0, 2, f"m{n}"))
    sampler = sampler_of(host, tmp_path, told)
    following = asyncio.create_task(sampler.follow(LOG))
    await told.until(lambda: len(told.samples) == 2 * (FOLLOWED + 8))
    assert len(host.followed) <= FOLLOWED + 1
    for n in range(FOLLOWED + 8):
        host.put(f"{n}.csv", table(0, 3, f"m{n}"))
    await told.until(lambda: len(told.samples) == 3 * (FOLLOWED + 8))
    sampler.ended.set()
    await asyncio.wait_for(following, 30)
    assert stored(tmp_path) == {name: [0, 1, 2] for name in stored(tmp_path)}


async def test_two_boards_on_the_sources_of_one_run_each_tell_every_sample_once(tmp_path: Path) -> None:
    host, told = Host(), (Told(), Told())
    samplers = [sampler_of(host, tmp_path, each) for each in told]
    following = [asyncio.create_task(sampler.follow(LOG)) for sampler in samplers]
    for n in range(0, 15, 3):
        host.write(lines(n, n + 3))
        host.put("metrics.csv", table(0, n + 3))
        for each in told:
            await each.until(lambda n=n, each=each: len(each.samples) == 2 * (n + 3))  # type: ignore[misc]
    for sampler in samplers:
        sampler.ended.set()
    await asyncio.wait_for(asyncio.gather(*following), 30)
    for each in told:
        assert (each.steps(), each.steps("acc"), each.complete) == ([*range(15)], [*range(15)], True)


async def test_a_screen_that_fetches_while_samples_come_has_each_once(tmp_path: Path) -> None:
    host, told = Host(), Told()
    events: list[Sampled] = []

    def tell(event: Sampled) -> None:
        events.append(event)
        told(event)

    sampler = a_sampler(host, tmp_path, tell)
    await sampler.open()
    following = asyncio.create_task(sampler.follow(LOG))
    host.write(lines(0, 3))
    await told.until(lambda: told.steps() == [0, 1, 2])
    recording = await sampler.recording()
    host.write(lines(3, 5))
    await told.until(lambda: told.steps() == [0, 1, 2, 3, 4])
    missed = await sampler.recording()
    taken = [recording.take(event) for event in events]
    assert taken == [False, *[True] * (len(events) - 1)]
    assert recording["loss"].steps.tolist() == missed["loss"].steps.tolist() == [0, 1, 2, 3, 4]
    assert (recording.number, missed.number) == (5, 5)
    following.cancel()
    await asyncio.wait({following})


async def test_the_attempts_of_a_run_are_one_series(tmp_path: Path) -> None:
    host, told = Host(), Told()
    host.write(lines(0, 5))
    await end(sampler_of(host, tmp_path, Told(), replace(ROW, attempt=1)))
    host.files[LOG] = lines(3, 7)
    sampler = sampler_of(host, tmp_path, told, replace(ROW, attempt=2, objective="loss"))
    await sampler.open()
    assert told.steps() == [0, 1, 2, 3, 4]
    await end(sampler)
    recording = await sampler.recording()
    assert recording["loss"].current()[0].tolist() == [*range(7)]
    assert len(recording["loss"]) == 9


def events(folder: Path, *steps: int) -> bytes:
    """An event file with a loss."""
    from tensorboardX import SummaryWriter

    with SummaryWriter(str(folder), write_to_disk=True) as writer:
        for step in steps:
            writer.add_scalar("epoch_loss", 1 / (1 + step), step, walltime=1_700_000_000.0 + step)
    [file] = folder.iterdir()
    return file.read_bytes()


async def test_event_files_of_several_folders_are_read_as_they_grow_and_told_apart(tmp_path: Path) -> None:
    host, told = Host(), Told()
    row = replace(ROW, sources_wanted=("runs/**/events.*",))
    files = {
        "runs/train/events.out.tfevents.1.x": events(tmp_path / "1", 1, 2, 3),
        "runs/train/events.out.tfevents.2.x": events(tmp_path / "2", 3, 4),
        "runs/validation/events.out.tfevents.1.x": events(tmp_path / "3", 2, 4),
    }
    sampler = sampler_of(host, tmp_path / "series", told, row)
    following = asyncio.create_task(sampler.follow(LOG))
    for name, data in files.items():
        host.put(name, data[:-20])  # the last record is still being written
        await host.has_read(name.rpartition("/")[2], 1)
    for name, data in files.items():
        host.put(name, data)
    sampler.ended.set()
    await asyncio.wait_for(following, 30)
    series = SeriesFile(series_path(tmp_path / "series", row.key)).load().series()
    assert list(series) == ["epoch_loss", "epoch_loss (validation)"]
    assert series["epoch_loss"].steps.tolist() == [1, 2, 3, 3, 4]
    assert series["epoch_loss"].replaced == (slice(2, 3),)
    assert series["epoch_loss (validation)"].steps.tolist() == [2, 4]
    assert series["epoch_loss (validation)"].walls.tolist() == [1_700_000_002.0, 1_700_000_004.0]


async def test_of_event_files_that_follow_each_other_the_older_ones_are_read_first(tmp_path: Path) -> None:
    host, told = Host(), Told()
    for n in (1, 2, 3):
        host.put(f"events.out.tfevents.{n}.x", events(tmp_path / str(n), *range(n * 2, n * 2 + 3)))
    row = replace(ROW, sources_wanted=("events.*",))
    sampler = sampler_of(host, tmp_path / "series", told, row)
    following = asyncio.create_task(sampler.follow(LOG))
    await told.until(lambda: len(told.samples) == 9)
    assert told.steps("epoch_loss") == [2, 3, 4, 4, 5, 6, 6, 7, 8]
    sampler.ended.set()
    await asyncio.wait_for(following, 30)
    later = Told()
    await end(sampler_of(host, tmp_path / "anew", later, row))
    assert later.steps("epoch_loss") == [2, 3, 4, 4, 5, 6, 6, 7, 8]


async def test_an_older_event_file_that_goes_on_stays_before_the_newer(tmp_path: Path) -> None:
    host, told = Host(), Told()
    older, newer = (events(tmp_path / str(n), *range(n * 2, n * 2 + 3)) for n in (1, 2))
    host.put("events.out.tfevents.1.x", older[:-20])
    sampler = sampler_of(host, tmp_path / "series", told, replace(ROW, sources_wanted=("events.*",)))
    following = asyncio.create_task(sampler.follow(LOG))
    await told.until(lambda: told.steps("epoch_loss") == [2, 3])
    host.put("events.out.tfevents.2.x", newer)
    await told.until(lambda: told.steps("epoch_loss") == [2, 3, 4, 5, 6])
    host.put("events.out.tfevents.1.x", older)
    await told.until(lambda: told.restarts == 1)
    assert told.steps("epoch_loss") == [2, 3, 4, 5, 6]
    assert (await sampler.recording())["epoch_loss"].steps.tolist() == [2, 3, 4, 4, 5, 6]
    sampler.ended.set()
    await asyncio.wait_for(following, 30)


async def test_what_is_not_read_is_told(tmp_path: Path) -> None:
    host, told = Host(), list[str]()
    host.put("a.csv", table(0, 2))
    sampler = Sampler(ROW, host, tmp_path, Told(), 0.01, told.append)
    host.left_reason = "more than 200000 files to look at"
    await end(sampler)
    assert told == ["more than 200000 files to look at"]
    assert left_out(Results(tuple(Result(f"{n}.csv", 1) for n in range(MOST + 1)))).startswith(
        "257 files are found, of"
    )
    assert left_out(Results((Result("a/b.json", WHOLE + 1), Result("c.csv", 1 << 40)))) == "a/b.json is left out: 64M"
    assert left_out(Results((Result("c.csv", 1 << 40),))) == ""


async def test_all_that_the_sources_have_now_is_read() -> None:
    host = Host()
    host.write(lines(0, 3))
    host.put("metrics.csv", table(0, 2))
    recording, _ = await read_now(replace(ROW, attempt=3), host, LOG)
    assert {name: each.steps.tolist() for name, each in recording.items()} == {"loss": [0, 1, 2], "acc": [0, 1]}


async def test_the_end_of_a_file_is_what_stands_there_and_no_more() -> None:
    host = Host()
    host.write(b"0123456789")
    assert [(piece.offset, piece.data) async for piece in remainder(host, LOG, -4)] == [(6, b"6789")]
    assert [(piece.offset, piece.data) async for piece in remainder(host, LOG, -40)] == [(0, b"0123456789")]
    assert [(piece.restarted, piece.data) async for piece in remainder(host, LOG, 40)] == [(True, b"0123456789")]
    assert [piece async for piece in remainder(host, "gone", 0)] == []


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(st.tuples(st.sampled_from(["log", "a", "b", "break", "kill", "look"]), st.integers(1, 4)), max_size=14)
)
def test_whatever_grows_breaks_or_is_killed_every_sample_is_there_once(
    tmp_path_factory: pytest.TempPathFactory, steps: Sequence[tuple[str, int]]
) -> None:
    folder = tmp_path_factory.mktemp("series")

    async def play() -> dict[str, list[float]]:
        host, counts = Host(), {"log": 0, "a": 0, "b": 0}
        sampler = sampler_of(host, folder, Told())
        following = asyncio.create_task(sampler.follow(LOG))

        def grow(what: str, more: int) -> None:
            first, counts[what] = counts[what], counts[what] + more
            if what == "log":
                host.write(lines(first, counts[what]))
            else:
                host.put(f"{what}.csv", table(0, counts[what], what))

        for what, more in steps:
            if what in counts:
                grow(what, more)
            elif what == "break":
                host.break_link()
                await asyncio.wait({following})
                assert isinstance(following.exception(), HostUnreachable)
                host.mend()
            elif what == "kill":
                following.cancel()
                await asyncio.wait({following})
                sampler = sampler_of(host, folder, Told())
            else:
                for _ in range(more * 5):
                    await asyncio.sleep(0)
            if following.done():
                following = asyncio.create_task(sampler.follow(LOG))
        sampler.ended.set()
        await asyncio.wait_for(following, 30)
        names = {"log": "loss", "a": "a", "b": "b"}
        return {names[what]: [*range(count)] for what, count in counts.items() if count}

    expected = asyncio.run(play())
    assert stored(folder) == expected


async def test_what_is_left_out_is_told_with_the_samples_until_it_is_read(tmp_path: Path) -> None:
    host, events = Host(), []
    host.left_reason = "more than can be listed"
    told = Told()

    def tell(event: Sampled) -> None:
        events.append(event)
        told(event)

    sampler = Sampler(ROW, host, tmp_path, tell, look=0.01)
    following = asyncio.create_task(sampler.follow(LOG))
    await told.until(lambda: bool(events) and events[-1].trouble == "more than can be listed")
    assert (await sampler.recording()).trouble == "more than can be listed"
    host.put("out.csv", table(0, 2))
    await told.until(lambda: bool(events[-1].samples))
    assert events[-1].trouble == "more than can be listed"
    host.left_reason = ""
    await told.until(lambda: events[-1].trouble == "")
    following.cancel()
    assert sum(not event.samples and not event.restarted for event in events) <= 3


@pytest.mark.parametrize("name", [LOG, "/there//out.csv"], ids=["its log", "a file beside it"])
async def test_why_a_file_is_not_read_is_told_until_it_can_be_read_again(tmp_path: Path, name: str) -> None:
    host, told = Host(), Told()
    events: list[Sampled] = []

    def tell(event: Sampled) -> None:
        events.append(event)
        told(event)

    host.files[LOG] = lines(0, 3)
    host.put("out.csv", table(0, 2))
    host.locked.add(name)
    sampler = Sampler(ROW, host, tmp_path, tell, look=0.01)
    following = asyncio.create_task(sampler.follow(LOG))
    await told.until(lambda: bool(events) and events[-1].trouble == f"{name} cannot be read: Permission denied")
    assert (await sampler.recording()).trouble == events[-1].trouble
    before = len(told.samples)
    host.locked.clear()
    host.stir()
    await told.until(lambda: events[-1].trouble == "" and len(told.samples) > before)
    following.cancel()


async def test_a_log_that_is_not_there_yet_is_no_trouble(tmp_path: Path) -> None:
    host, told = Host(), Told()
    troubles: list[str] = []
    sampler = Sampler(replace(ROW, sources_wanted=("stdout",)), host, tmp_path, told, complain=troubles.append)
    sampler.ended.set()
    await sampler.follow(LOG)
    assert not any(troubles)
    assert sampler.complete.is_set()
