"""`trainboard usage` as it is typed: a program that holds 200 MB and burns one core, here, over SSH and on Slurm."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import pytest

from tests.trainboard.test_cli import Shell, follow_to_the_end
from tests.trainboard.test_cli import everywhere as everywhere
from tests.trainboard.test_cli import shell as shell
from trainboard.cli.usage import total_lines
from trainboard.use.totals import Totals

if TYPE_CHECKING:
    from pathlib import Path

M = 1 << 20

BURN = """\
import time
held = bytearray(200 << 20)
held[::4096] = b"x" * len(held[::4096])
spent = time.process_time() + 3
while time.process_time() < spent:
    sum(range(10000))
print("loss 1.0")
"""

SPEC = f"""\
# what burns
name: burn
command: {sys.executable} burn.py
resources: {{cpus: 1, memory: 4G, time: 8h}}  # by guess
"""


def burnt(shell: Shell, *words: str) -> str:
    """A run that has ended."""
    shell.write("burn.py", BURN)
    shell.write("burn.yaml", SPEC)
    [run] = shell.json("submit", "burn.yaml", *words)
    follow_to_the_end(shell, run["run"])
    return str(run["run"])


def check(use: dict[str, Any], source: str) -> None:
    """It held 200 MB and burnt a core for three seconds."""
    assert use["source"] == source
    assert 200 * M <= use["memory"] <= 400 * M
    assert use["memory_asked"] == 4096 * M
    assert 3 <= use["cpu"] <= 8
    assert use["seconds"] >= 3
    assert use["cpu_efficiency"] > 0.1
    assert use["cpus"] == 1


def test_a_run_on_this_machine_tells_what_it_used(shell: Shell) -> None:
    run = burnt(shell)
    found = shell.json("usage", run)
    check(found["runs"][0], "runner")
    memory = next(each for each in found["runs"][0]["next"] if each["key"] == "resources.memory")
    assert (memory["value"], memory["changes"], memory["runs"]) == ("300M", True, 1)
    table = shell.done("usage", "burn-1")
    assert "RUN" in table
    assert "of 4.0G" in table
    assert "CPU-hours" in table
    advice = shell.done("usage", "burn-1", "--next")
    assert advice.startswith("# burn: by 1 finished attempt\nresources:\n")
    assert "  memory: 300M  # used 2" in advice


@pytest.mark.sshd
@pytest.mark.slow
def test_a_run_over_ssh_tells_what_it_used(everywhere: Shell) -> None:
    check(everywhere.json("usage", burnt(everywhere, "--on", "gpu1"))["runs"][0], "runner")


@pytest.mark.slurm
@pytest.mark.slow
def test_a_run_on_slurm_tells_what_it_used_and_a_foreign_job_by_its_account(everywhere: Shell) -> None:
    found = everywhere.json("usage", burnt(everywhere, "--on", "triton"))["runs"][0]
    check(found, "runner and slurm")
    assert found["time_limit"] == 8 * 3600.0
    job = f"triton:{found['job_id']}"
    [again] = everywhere.json("usage", job)["runs"]
    assert again["job_id"] == found["job_id"]


def test_what_is_not_there_is_one_line(shell: Shell) -> None:
    assert "no run or experiment" in shell.refused("usage", "nothing-9")


def test_before_anything_has_completed_nothing_is_advised(shell: Shell, tmp_path: Path) -> None:
    shell.write("fails.yaml", "name: fails\ncommand: exit 3\n")
    [run] = shell.json("submit", "fails.yaml")
    follow_to_the_end(shell, run["run"])
    found = shell("usage", run["run"], "--next")
    assert (found.returncode, found.stdout) == (2, "")
    assert "no attempt has completed" in found.stderr


def test_processor_time_of_what_still_runs_is_not_told_as_none() -> None:
    running = dict(total_lines(Totals(runs=2, attempts=2, running=2, cpu_hours_held=1.5)))
    assert running["CPU-hours"] == "0 used of 1.5 held, without what the 2 that run have used"
    assert "without" not in dict(total_lines(Totals(runs=2, attempts=2, cpu_hours=1.0)))["CPU-hours"]


def test_a_host_that_is_down_is_complained_about_once(shell: Shell) -> None:
    shell.write("home/config.yaml", "backends:\n  gone: {kind: ssh, host: 127.66.66.66}\n")
    found = shell("usage", "nothing-9")
    assert found.returncode == 2
    assert [line.partition(":")[2].partition(":")[0].strip() for line in found.stderr.splitlines()] == [
        "gone",
        'no run or experiment "nothing-9"; `trainboard ls` lists them',
    ]
