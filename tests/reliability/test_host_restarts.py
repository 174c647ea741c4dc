"""A host without a scheduler that is restarted, or whose clock is wrong."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from backends.base import JobState
from tests.reliability.board import Board
from tests.reliability.conftest import at_board, server

if TYPE_CHECKING:
    from tests.reliability.board import Newest
    from tests.reliability.machine import Machine
    from trainboard.records import Attempt

GPU = "resources: {gpus: 1}\n"
STAYS = "exec sleep 600"


def states(newest: Newest) -> list[JobState]:
    """In the order of the runs."""
    return [newest[run].state for run in sorted(newest)]


def running(newest: Newest) -> list[Attempt]:
    """Those that run."""
    return [each for each in newest.values() if each.state is JobState.RUNNING]


def heard(newest: Newest) -> bool:
    """Whether it is known what became of each: what waits is handed over again where its waiter is gone."""
    return JobState.SUBMITTING not in states(newest)


async def test_a_host_that_restarts_ends_what_ran_as_node_fail_and_what_waited_waits_on(
    there: Board, machine: Machine
) -> None:
    await there.submit("gpu9", runs=5, after=STAYS, more=GPU)
    before = await there.until(lambda newest: len(running(newest)) == 2 and len(there.starts()) == 2)
    ran = {each.run for each in running(before)}
    machine.off()
    await there.look()
    assert "gpu9" in there.troubles
    assert states(await there.newest()) == states(before)  # no answer ends nothing
    machine.boot()
    after = await there.until(lambda newest: len(running(newest)) == 2 and len(there.starts()) == 4 and heard(newest))
    for run, attempt in after.items():
        if run in ran:
            assert (attempt.state, attempt.reason) == (JobState.NODE_FAIL, "the host was restarted")
        else:
            assert attempt.state in (JobState.PENDING, JobState.RUNNING)
    assert sorted(each.run for each in running(after)) == sorted(set(after) - ran)[:2]  # the order is kept
    assert set(there.starts().values()) == {1}


async def test_a_run_that_may_be_tried_again_goes_on_after_a_restart_as_the_same_run(
    there: Board, machine: Machine
) -> None:
    go = there.folder / "go"
    await there.submit(
        "gpu9", after=f"while [ ! -e {go} ]; do sleep 0.05; done",
        more=GPU + "retry: {on: [NODE_FAIL], max: 1, wait: 1s}\n",
    )  # fmt: skip
    [first] = running(await there.until(lambda newest: bool(running(newest))))
    machine.off()
    machine.boot()
    [second] = running(await there.until(lambda newest: any(each.number == 2 for each in running(newest))))
    assert (second.run, Path(second.directory).parent) == (first.run, Path(first.directory).parent)
    go.touch()
    assert await there.settled() == {"COMPLETED": 1}


@pytest.mark.parametrize("ahead", [-3600.0, 3600.0])
async def test_a_clock_that_is_an_hour_off_changes_neither_order_nor_ends_and_times_are_told_by_ours(
    there: Board, machine: Machine, ahead: float
) -> None:
    machine.put_clock(ahead)
    before = time.time()
    go = there.folder / "go"
    await there.submit("gpu9", runs=4, after=f"while [ ! -e {go} ]; do sleep 0.05; done", more=GPU)
    await there.until(lambda newest: len(running(newest)) == 2)
    go.touch()
    assert await there.settled() == {"COMPLETED": 4}
    assert await there.each_ran_once()
    order = [path.split("/")[-1] for path in there.starts()]
    assert sorted(order[:2]) == ["000-n=0", "001-n=1"]
    for each in (await there.newest()).values():
        assert each.started is not None
        assert each.ended is not None
        assert before - 6 < each.started <= each.ended < time.time() + 6


async def test_a_clock_that_jumps_while_runs_wait_and_run_ends_nothing_and_starves_nobody(
    there: Board, machine: Machine
) -> None:
    go = there.folder / "go"
    await there.submit(
        "gpu9", runs=3, after=f"while [ ! -e {go} ]; do sleep 0.05; done", more="resources: {gpus: 1, time: 10m}\n"
    )
    await there.until(lambda newest: len(running(newest)) == 2 and heard(newest))
    for ahead in (3600.0, -3600.0, 86400.0, 0.0):
        machine.put_clock(ahead)
        for _ in range(2):
            await there.look()
        assert sorted(states(await there.newest())) == [JobState.PENDING, JobState.RUNNING, JobState.RUNNING]
    machine.put_clock(3600.0)
    go.touch()
    assert await there.settled() == {"COMPLETED": 3}
    assert await there.each_ran_once()


async def test_our_own_clock_that_jumps_sends_nothing_twice(machine: Machine, tmp_path: Path) -> None:
    ahead = [0.0]
    host = server("gpu9", machine, tmp_path)
    async with at_board(Board(tmp_path, host, clock=lambda: time.time() + ahead[-1])) as board:
        for jump in (0.0, 7200.0, -7200.0):
            ahead.append(jump)
            await board.submit("gpu9", runs=2)
            await board.look()
        assert await board.settled() == {"COMPLETED": 6}
        assert await board.each_ran_once()
