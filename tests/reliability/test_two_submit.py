"""Two who submit the same at the same moment: from one state, and from two states to one folder of a host."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from pathlib import Path

from backends.base import JobState
from backends.local import Local
from tests.backends.queues import until
from tests.reliability.board import Board
from tests.reliability.conftest import at_board
from tests.trainboard.test_cli import LOCAL, Shell

RUNS = 5


def test_two_commands_that_submit_the_same_spec_at_the_same_moment_make_two_whole_experiments(tmp_path: Path) -> None:
    shell = Shell(tmp_path)
    shell.write("home/config.yaml", LOCAL % {"leases": tmp_path / "leases"})
    truth = tmp_path / "truth"
    command = f'echo "$TRAINBOARD_ATTEMPT" >> {truth}'
    shell.write("x.yaml", f"name: x\ncommand: {command}\nsweep: {{n: {list(range(RUNS))}}}\n")
    both = [shell.start("submit", "x.yaml", "--again", "--json") for _ in range(2)]
    made = [json.loads(each.communicate(timeout=60)[0]) for each in both]
    assert [each.returncode for each in both] == [0, 0]
    experiments = [Counter(row["experiment"] for row in rows) for rows in made]
    assert sorted(experiments, key=str) == [{"x-1": RUNS}, {"x-2": RUNS}]
    until(lambda: {row["state"] for row in shell.json("ls")} == {"COMPLETED"}, within=60)
    starts = Counter(str(Path(line).parent) for line in truth.read_text().splitlines())
    assert (len(starts), set(starts.values())) == (2 * RUNS, {1})


def test_two_commands_that_submit_the_same_runs_at_the_same_moment_submit_them_once(tmp_path: Path) -> None:
    shell = Shell(tmp_path)
    shell.write("home/config.yaml", LOCAL % {"leases": tmp_path / "leases"})
    shell.write("project/x.yaml", f"name: x\ncommand: echo {{n}}\nsweep: {{n: {list(range(RUNS))}}}\n")
    both = [shell.start("submit", "project/x.yaml", "--json") for _ in range(2)]
    made = [json.loads(each.communicate(timeout=60)[0]) for each in both]
    assert [each.returncode for each in both] == [0, 0]
    assert [[row["run"] for row in rows] for rows in made] == [[f"x-1.{n}" for n in range(RUNS)]] * 2


async def test_two_states_that_share_a_folder_of_a_host_and_the_names_of_their_experiments_do_not_meet(
    tmp_path: Path,
) -> None:
    """As two laptops of one user: both call their experiment x-1, and each has a folder of its own."""
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
    hosts = [Local("here", str(tmp_path / "runs"), leases=str(tmp_path / "leases")) for _ in range(2)]
    async with (
        at_board(Board(tmp_path / "first", hosts[0])) as first,
        at_board(Board(tmp_path / "second", hosts[1])) as second,
    ):
        boards = (first, second)
        await asyncio.gather(*(board.submit("here", runs=RUNS) for board in boards))
        await asyncio.gather(*(board.settled() for board in boards))
        for board in boards:
            newest = await board.newest()
            assert newest.keys() == {f"x-1.{index}" for index in range(RUNS)}
            assert {each.state for each in newest.values()} == {JobState.COMPLETED}
            assert await board.each_ran_once()
        assert len(first.starts() | second.starts()) == 2 * RUNS
