"""Results are brought here when attempts have ended, through hosts that go and come back."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backends.base import CommandFailed, HostUnreachable, JobState, Result
from tests.trainboard.fakes import FakeBackend, a_spec, desk_of
from tests.trainboard.test_watch import watching
from trainboard.collect import PIECE, Collector, is_safe, requests, within
from trainboard.events import Link
from trainboard.options import PLAIN
from trainboard.plans import Planner
from trainboard.records import Attempt

if TYPE_CHECKING:
    from pathlib import Path

    from tests.trainboard.fakes import CoreDesk

COLLECT = "outputs: {collect: ['{run}/*.csv'], collect_limit: 1K}\n"


class Scene:
    """An experiment of two runs that have ended, one of which has left something."""

    def __init__(self, folder: Path) -> None:
        self.backend = FakeBackend()
        self.desk: CoreDesk = desk_of(folder / "state", self.backend)
        self.results = folder / "results"
        self.collector = self.another()

    def another(self) -> Collector:
        desk = self.desk
        planner = Planner({}, desk.archives)
        clocks = {"clock": lambda: desk.now, "monotonic": lambda: desk.monotonic}
        return Collector(lambda: desk.backends, desk.store, planner, self.results, **clocks)

    async def ended(self, more: str = COLLECT, **files: bytes) -> Attempt:
        """Submit, and have both end; the first with these files."""
        await self.desk.submit(a_spec(more))
        attempts = [await self.desk.becomes(f"x-1.{n}", JobState.COMPLETED, started=5.0) for n in (0, 1)]
        self.backend.left[attempts[0].directory] = {name.replace("__", "/"): data for name, data in files.items()}
        return attempts[0]

    def here(self, run: str = "x-1.0") -> dict[str, bytes]:
        """What was brought of a run."""
        folder = self.results / run / "1"
        return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return Scene(tmp_path)


async def test_results_of_an_ended_attempt_are_brought_once(scene: Scene) -> None:
    attempt = await scene.ended(a=b"1,2\n", b__c=b"", d=b"x" * 500)
    await scene.collector.settle()
    assert scene.here() == {"a": b"1,2\n", "b/c": b"", "d": b"x" * 500}
    assert scene.backend.results_asked[0] == (attempt.directory, ("lr=0.1/*.csv",))
    assert [(each.collected, each.collect_reason) for each in await scene.desk.attempts()] == [(1000.0, "")] * 2
    await scene.collector.settle()
    await scene.another().settle()
    assert len(scene.backend.results_asked) == 2
    modes = {path.stat().st_mode & 0o077 for path in scene.results.rglob("*")}
    assert modes == {0}


async def test_nothing_is_asked_for_that_the_spec_does_not_collect(scene: Scene) -> None:
    await scene.ended("", a=b"1")
    await scene.collector.settle()
    assert scene.backend.results_asked == []
    assert not scene.results.exists()


@pytest.mark.parametrize(
    "changes",
    [
        {"state": JobState.RUNNING, "ended": None},
        {"state": JobState.LOST},
        {"state": JobState.CANCELLED, "started": None},
        {"state": JobState.CANCELLED, "withdrawn": True},
    ],
)
async def test_an_attempt_that_has_not_begun_or_may_run_on_is_left_alone(
    scene: Scene, changes: dict[str, object]
) -> None:
    attempt = await scene.ended(a=b"1")
    await scene.desk.store.update(Attempt, attempt.id, lambda each: replace(each, **changes))  # type: ignore[arg-type]  # by name
    await scene.collector.settle()
    assert attempt.directory not in [directory for directory, _ in scene.backend.results_asked]


async def test_a_host_that_is_away_is_tried_again_when_it_is_back(scene: Scene) -> None:
    await scene.ended(a=b"1")
    scene.backend.error = HostUnreachable("fake: no route")
    await scene.collector.settle()
    first = (await scene.desk.attempts())[0]
    assert (first.collected, first.collect_reason) == (None, "fake: no route")
    scene.backend.mend()
    await scene.collector.settle()
    assert scene.here() == {}, "it is left alone for a while"
    scene.desk.later(5)
    await scene.collector.settle()
    assert scene.here() == {"a": b"1"}
    assert (await scene.desk.attempts())[0].collect_reason == ""


async def test_a_connection_that_breaks_in_the_middle_leaves_nothing_half(scene: Scene) -> None:
    await scene.ended(a=b"1")

    async def breaks() -> None:
        scene.backend.error = HostUnreachable("fake: the connection ended")

    scene.backend.asked_for_results = breaks
    await scene.collector.settle()
    assert [path for path in scene.results.rglob("*") if path.is_file()] == []
    scene.backend.mend()
    scene.backend.asked_for_results = None
    scene.desk.later(5)
    await scene.collector.settle()
    assert scene.here() == {"a": b"1"}
    assert [path.name for path in (scene.results / "x-1.0").iterdir()] == ["1"]


async def test_what_the_host_says_for_good_is_kept_with_the_attempt(scene: Scene) -> None:
    await scene.ended(a=b"1")
    scene.backend.error = CommandFailed("fake: /there: No such file or directory")
    await scene.collector.settle()
    assert {(each.collected, each.collect_reason) for each in await scene.desk.attempts()} == {
        (1000.0, "fake: /there: No such file or directory")
    }


async def test_small_files_come_first_and_what_is_beyond_the_limit_stays(scene: Scene) -> None:
    await scene.ended(large=b"x" * 2000, half=b"x" * 600, small=b"x" * 424)
    await scene.collector.settle()
    assert set(scene.here()) == {"half", "small"}
    reason = (await scene.desk.attempts())[0].collect_reason
    assert reason == "left there: large (2.0K): beyond outputs.collect_limit, 1.0K"


async def test_a_file_that_cannot_be_read_keeps_no_other_back(scene: Scene) -> None:
    await scene.ended(a=b"1", b=b"2")
    scene.backend.locked = {"a"}
    scene.backend.left_reason = "out: Permission denied"
    await scene.collector.settle()
    assert scene.here() == {"b": b"2"}
    reason = (await scene.desk.attempts())[0].collect_reason
    assert reason == "out: Permission denied; a: Permission denied"


async def test_collecting_again_replaces_what_is_here(scene: Scene) -> None:
    attempt = await scene.ended(a=b"1", b=b"2")
    await scene.collector.settle()
    scene.backend.left[attempt.directory] = {"a": b"3"}
    await scene.collector.bring(attempt)
    assert scene.here() == {"a": b"3"}


async def test_a_large_file_comes_in_pieces(scene: Scene) -> None:
    content = bytes(range(256)) * (2 * PIECE // 256 + 1)
    await scene.ended(COLLECT.replace("1K", "4M"), big=content, small=b"1")
    await scene.collector.settle()
    assert scene.here() == {"big": content, "small": b"1"}


async def test_a_host_that_hangs_delays_no_other(tmp_path: Path) -> None:
    scene = Scene(tmp_path)
    await scene.ended(a=b"1")
    other = FakeBackend("other")
    scene.desk.backends["other"] = other
    second = await scene.desk.newest("x-1.1")
    other.left[second.directory] = {"b": b"2"}
    await scene.desk.store.put(replace(second, backend="other"))
    hangs = asyncio.Event()
    scene.backend.asked_for_results = hangs.wait  # type: ignore[assignment]  # what it returns is of no interest
    settling = asyncio.create_task(scene.collector.settle())
    async with asyncio.timeout(30):
        while (await scene.desk.newest("x-1.1")).collected is None:
            await scene.collector.begin()
    assert scene.here("x-1.1") == {"b": b"2"}
    hangs.set()
    await settling
    assert scene.here() == {"a": b"1"}


@given(st.text())
def test_a_path_of_a_host_never_leaves_the_folder(path: str) -> None:
    inside = not any(part in ("", ".", "..") for part in path.split("/")) and "\0" not in path
    assert is_safe(path) is inside


def test_names_that_lead_out_stay_there() -> None:
    chosen, left = within([Result("../x", 1), Result("/etc/x", 1), Result("ok", 1)], 10)
    assert ([each.path for each in chosen], len(left)) == (["ok"], 2)


@given(st.lists(st.integers(0, 3 * PIECE), max_size=20))
def test_pieces_are_all_of_the_files_in_order_and_no_request_is_large(sizes: list[int]) -> None:
    files = [Result(str(n), size) for n, size in enumerate(sizes)]
    asked = list(requests(files))
    assert all(len(pieces) > 0 and sum(length for *_, length in pieces) <= PIECE for pieces in asked)
    whole: dict[str, int] = {}
    for path, offset, length in (piece for pieces in asked for piece in pieces):
        assert whole.get(path, 0) == offset
        whole[path] = offset + length
    assert whole == {each.path: each.size for each in files}


async def test_the_board_brings_results_along(tmp_path: Path) -> None:
    backend = FakeBackend()
    async with watching(tmp_path, backend) as desk:
        await desk.host("fake", Link.UP)
        [row, _] = await desk.watch.submit(a_spec(COLLECT), None, PLAIN)
        backend.left[row.directory] = {"a.csv": b"1"}
        await desk.store.update(
            Attempt, row.token, lambda each: replace(each, state=JobState.COMPLETED, started=5.0, ended=6.0)
        )
        await desk.watch.settle()
        assert (desk.folder / "results" / row.key / "1" / "a.csv").read_bytes() == b"1"
