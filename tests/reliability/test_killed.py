"""Processes of ours on a host that are killed, moves that race with starts, and GPUs that become free."""

from __future__ import annotations

import asyncio
import functools
import re
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from backends.base import JobState, Policy
from backends.server import Server
from tests.backends.queues import until
from tests.reliability.board import Board, record
from tests.reliability.conftest import at_board, server
from tests.reliability.test_host_restarts import GPU, STAYS, running
from trainboard.control import Control
from trainboard.rows import merge

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from backends.base import Watched
    from tests.reliability.board import Newest
    from tests.reliability.machine import Machine
    from trainboard.records import Attempt

TAKEN_WITHIN = 3.0
"""Seconds from the end of a run to the start of the next one on its GPU."""

ROUNDS = 3
"""Tries to see that on a machine which others use as well."""


async def kill(board: Board, attempt: Attempt, *pids: int, signal: str = "KILL") -> None:
    """Signal processes of the attempt's host."""
    done = await board.backends[attempt.backend].run_command(["kill", f"-{signal}", *map(str, pids)])
    assert done.code == 0, done.err


async def one_each(board: Board) -> tuple[Attempt, Attempt]:
    """Runs that need both GPUs: one that runs, and one that waits."""
    await board.submit("gpu9", runs=2, after=STAYS, more="resources: {gpus: 2}\n")
    newest = await board.until(lambda newest: len(running(newest)) == 1)
    [runs] = running(newest)
    [waits] = [each for each in newest.values() if each is not runs]
    return runs, waits


async def test_a_runner_that_is_killed_alone_takes_its_program_along_and_frees_the_gpus(there: Board) -> None:
    first, second = await one_each(there)
    await kill(there, first, record(first, "started")["pid"])
    newest = await there.until(lambda newest: newest[second.run].state is JobState.RUNNING)
    ended = newest[first.run]
    assert (ended.state, ended.reason) == (JobState.FAILED, "the runner was killed; its processes were ended")


async def test_a_program_that_lost_runner_and_guard_keeps_its_gpus_the_row_says_so_and_cancel_ends_it(
    there: Board,
) -> None:
    first, second = await one_each(there)
    began = record(first, "started")
    await kill(there, first, began["pid"], signal="STOP")  # or it would start another guard
    await kill(there, first, began["guard"], began["pid"])
    newest = await there.until(lambda newest: "still run" in newest[first.run].reason)
    assert newest[first.run].state is JobState.RUNNING
    told = r"its runner is gone; \d process(es)? of it still runs? and holds? GPU 0, GPU 1; cancel ends (it|them)"
    assert re.fullmatch(told, newest[first.run].reason)
    assert newest[second.run].state is JobState.PENDING
    [row] = [row for row in merge(await there.store.load(), {}) if row.run == first.run]
    assert await Control(lambda: there.backends, there.store).cancel([row]) == ()
    newest = await there.until(lambda newest: newest[second.run].state is JobState.RUNNING)
    assert newest[first.run].state is JobState.CANCELLED


async def test_a_waiter_that_is_killed_is_replaced_and_its_run_keeps_its_place(there: Board) -> None:
    await there.submit("gpu9", after=STAYS, name="holder", more="resources: {gpus: 2}\n")
    await there.until(lambda newest: len(running(newest)) == 1)
    await there.submit("gpu9", runs=3, more=GPU, name="waiting")
    newest = await there.until(
        lambda newest: all(
            "ahead" in each.reason or "GPU" in each.reason for each in newest.values() if not each.started
        )
    )
    waiting = [newest[run] for run in sorted(newest) if run.startswith("waiting")]
    killed = {each.run: record(each, "waiting")["pid"] for each in waiting[:2]}
    for each in waiting[:2]:
        await kill(there, each, killed[each.run])
    newest = await there.until(
        lambda newest: all(record(newest[run], "waiting")["pid"] != pid for run, pid in killed.items())
    )
    assert all(newest[each.run].number == each.number for each in waiting), "it is the same attempt"
    await there.until(lambda newest: all(newest[each.run].state is JobState.PENDING for each in waiting))
    holder = running(await there.newest())[0]
    await kill(there, holder, record(holder, "started")["pid"], signal="TERM")
    await there.settled()
    assert await there.each_ran_once()
    starts = [Path(folder).name for folder in there.starts()][1:]
    assert sorted(starts[:2]) == ["000-n=0", "001-n=1"]


class Racing(Server):
    """A host where runs that wait begin to start in the very moment when they are taken back."""

    go: Path
    over: Path

    async def withdraw(self, attempts: Sequence[Watched]) -> frozenset[str]:
        self.go.touch()
        await asyncio.to_thread(until, lambda: any(Path(each.directory, "state/claim").exists() for each in attempts))
        taken = await super().withdraw(attempts)
        self.over.touch()
        return taken


async def test_a_run_that_is_moved_to_a_free_host_while_it_starts_on_its_own_starts_once(
    switched_on: Callable[[str], Machine], tmp_path: Path
) -> None:
    a = server("a", switched_on("a"), tmp_path, Policy(at_most=3), Racing)
    assert isinstance(a, Racing)
    b = server("b", switched_on("b"), tmp_path, Policy(at_most=3))
    a.go, a.over, go_b, ahead = tmp_path / "go-a", tmp_path / "over", tmp_path / "go-b", 0.0
    async with at_board(Board(tmp_path, a, b, clock=lambda: time.time() + ahead)) as board:
        await board.submit("a", runs=3, after=until_there(a.go), name="busy")
        await board.submit("b", runs=3, after=until_there(go_b), name="busy")
        await board.until(lambda newest: len(running(newest)) == 6)
        await board.submit("b", runs=7, name="line")
        await board.submit("a", "b", runs=6, after=until_there(a.over), name="moves")
        assert {each.backend for run, each in (await board.newest()).items() if run.startswith("moves")} == {"a"}
        go_b.touch()
        await board.until(lambda newest: all(each.state.ended for each in newest.values() if each.backend == "b"))
        ahead = 60.0  # they have waited for long
        assert await board.settled() == {"COMPLETED": 19}
        assert await board.each_ran_once()
        attempts = (await board.store.load()).attempts.values()
        moved = {each.run for each in attempts if each.withdrawn}
        assert 0 < len(moved) < 6, "some must have been faster than the move, and some not"


def until_there(file: Path) -> str:
    """Shell: wait for a file."""
    return f"until [ -e {file} ]; do sleep 0.02; done"


@pytest.mark.parametrize("at_once", [1, 4])
async def test_freed_gpus_are_taken_by_the_next_in_line_within_three_seconds(
    machine: Machine, there: Board, at_once: int
) -> None:
    (machine.folder / "gpus.json").write_text(machine.recording(4))
    await there.submit("gpu9", runs=4 + ROUNDS * at_once, after=STAYS, more=GPU)
    newest = await there.until(lambda newest: len(running(newest)) == 4)
    took: list[float] = []
    while not took or (min(took) > TAKEN_WITHIN and len(took) < ROUNDS):
        freed = running(newest)[:at_once]
        waiting = [run for run, each in in_line(newest) if each.state is JobState.PENDING]
        await kill(there, freed[0], *(record(each, "started")["pid"] for each in freed), signal="TERM")
        newest = await there.until(functools.partial(refilled, freed=freed))
        taken = [each for run, each in in_line(newest) if run in waiting and each.state is JobState.RUNNING]
        assert [each.run for each in taken] == waiting[:at_once]
        ended = max(record(newest[each.run], "exit")["time"] for each in freed)
        took.append(max(record(each, "started")["time"] for each in taken) - ended)
    assert min(took) < TAKEN_WITHIN


def in_line(newest: Newest) -> list[tuple[str, Attempt]]:
    """In the order of submission."""
    return sorted(newest.items(), key=lambda item: int(item[0].rpartition(".")[2]))


def refilled(newest: Newest, freed: Sequence[Attempt]) -> bool:
    """Whether these have ended and others run in their place."""
    return len(running(newest)) == 4 and all(newest[each.run].state.ended for each in freed)
