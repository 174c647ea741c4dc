"""What an experiment comes after."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from backends.base import ENDED, JobState
from tests.trainboard.fakes import FakeBackend, a_spec, desk_of
from trainboard.dependency import OPEN, Gate, Tally, state
from trainboard.records import Experiment

if TYPE_CHECKING:
    from pathlib import Path

    from tests.trainboard.fakes import CoreDesk


def late(*after: str) -> Experiment:
    return Experiment("y-1", "y", "", "", 1.0, after=after)


@pytest.fixture
def desk(tmp_path: Path) -> CoreDesk:
    return desk_of(tmp_path, FakeBackend())


def test_what_comes_after_nothing_is_open() -> None:
    assert state(late(), {}) == OPEN


def test_it_waits_and_says_how_much_is_left() -> None:
    tallies = {"a-1": Tally(8, 5), "b-1": Tally(1, 0), "c-1": Tally(2, 2)}
    standing = state(late("a-1", "b-1", "c-1"), tallies)
    assert standing.gate is Gate.WAITS
    assert standing.reason == "waits for a-1: 3 of 8 runs left; waits for b-1: 1 of 1 run left"


def test_it_is_open_once_all_runs_of_all_are_completed() -> None:
    assert state(late("a-1", "b-1"), {"a-1": Tally(8, 8), "b-1": Tally(1, 1)}) == OPEN


def test_one_that_failed_blocks_it_and_what_can_be_done_is_said() -> None:
    standing = state(late("a-1"), {"a-1": Tally(8, 7, 1)})
    assert (standing.gate, standing.reason) == (Gate.BLOCKED, "a-1 failed: release or cancel")


def test_one_that_is_gone_blocks_it() -> None:
    assert state(late("a-1"), {}).reason == "a-1 is not there any more: release or cancel"


async def test_it_is_sent_when_the_last_run_is_completed(desk: CoreDesk) -> None:
    await desk.submit(a_spec())
    await desk.submit(a_spec("after: x\n", name="y"))
    for run in ("x-1.0", "x-1.1"):
        assert not [plan for plan in desk.backend.plans if plan.experiment == "y-1"]
        [row] = await desk.rows("y-1.0")
        assert row.reason.startswith("waits for x-1")
        await desk.becomes(run, JobState.COMPLETED)
        await desk.dispatcher.step()
    assert [plan.run for plan in desk.backend.plans if plan.experiment == "y-1"] == ["000-lr=0.1", "001-lr=0.2"]


@pytest.mark.parametrize("end", sorted(ENDED - {JobState.COMPLETED}))
async def test_it_waits_on_when_one_has_failed_until_the_user_decides(desk: CoreDesk, end: JobState) -> None:
    await desk.submit(a_spec())
    await desk.submit(a_spec("after: x\n", name="y"))
    await desk.becomes("x-1.0", end)
    await desk.dispatcher.step()
    rows = await desk.rows("y-1.0", "y-1.1")
    assert {(row.state, row.reason) for row in rows} == {(JobState.PENDING, "x-1 failed: release or cancel")}
    await desk.control.release(rows[:1])
    await desk.control.cancel(rows[1:])
    await desk.dispatcher.step()
    assert [plan.run for plan in desk.backend.plans if plan.experiment == "y-1"] == ["000-lr=0.1"]
    assert (await desk.newest("y-1.1")).state is JobState.CANCELLED


async def test_a_retry_of_what_failed_counts_by_its_newest_attempt(desk: CoreDesk) -> None:
    await desk.submit(a_spec("retry: {on: [FAILED], wait: 1s}\n"))
    await desk.submit(a_spec("after: x\n", name="y"))
    await desk.becomes("x-1.0", JobState.FAILED)
    await desk.dispatcher.step()
    [row] = await desk.rows("y-1.0")
    assert row.reason == "waits for x-1: 2 of 2 runs left"


async def test_a_release_before_anything_failed_lets_nothing_go(desk: CoreDesk) -> None:
    await desk.submit(a_spec())
    await desk.submit(a_spec("after: x\n", name="y"))
    await desk.control.release(await desk.rows("y-1.0"))
    await desk.becomes("x-1.0", JobState.FAILED)
    await desk.dispatcher.step()
    assert {plan.experiment for plan in desk.backend.plans} == {"x-1"}
