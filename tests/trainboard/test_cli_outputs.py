"""`trainboard outputs`, as it is typed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.trainboard.test_cli import everywhere, shell
from tests.trainboard.test_cli_results import end

if TYPE_CHECKING:
    from tests.trainboard.test_cli import Shell

__all__ = ["everywhere", "shell"]

SPEC = """\
name: writes
command: sh write.sh {run}
sweep: {lr: [0.1, 0.2]}
outputs: {sequences: "seq/{run}.dat"}
"""
WRITE = """\
mkdir -p seq "samples/$1" && cd .
echo '{"t": "a", "p": 0.5}' > "seq/$1.dat"
echo one > "samples/$1/step_1.txt" && echo two > "samples/$1/step_20.txt" && echo > "$1.notes"
"""


@pytest.mark.sshd
@pytest.mark.slurm
@pytest.mark.parametrize("backend", ["gpu1", "triton"])
def test_what_a_run_wrote_on_another_machine_is_listed(everywhere: Shell, backend: str) -> None:
    everywhere.write("project/writes.yaml", SPEC)
    everywhere.write("project/write.sh", WRITE)
    [row] = everywhere.json("submit", "project/writes.yaml", "lr=0.1", "--on", backend)
    everywhere.done("logs", "-f", row["run"])
    found = everywhere.json("outputs", row["run"])
    assert [each["kind"] for each in found] == ["sequences", "samples"]
    assert found[0]["named"]


def test_what_a_run_wrote_is_listed_where_it_ran(shell: Shell) -> None:
    shell.write("project/writes.yaml", SPEC)
    shell.write("project/write.sh", WRITE)
    shell.json("submit", "project/writes.yaml")
    end(shell)
    found = shell.json("outputs", "writes-1.0")
    assert [(each["kind"], each["name"], each["named"]) for each in found] == [
        ("sequences", "seq/lr=0.1.dat", True),
        ("samples", "samples/lr=0.1/step_*.txt", False),
    ]  # and nothing of the other run, which wrote into the same folders
    samples = next(each for each in found if each["kind"] == "samples")
    assert {each["step"] for each in samples["files"]} == {1, 20}
    assert all(each["size"] == 4 for each in samples["files"])
    told = shell.done("outputs", "writes-1.0")
    assert "seq/lr=0.1.dat" in told
    assert "notes" not in told
    assert "lr=0.1.notes" in shell.done("outputs", "writes-1.0", "--all")


def test_a_run_that_nobody_knows_is_one_line_and_a_bad_usage(shell: Shell) -> None:
    failed = shell("outputs", "nobody-1.0")
    assert failed.returncode == 2
    assert failed.stderr.count("\n") == 1
