"""`trainboard compare`, as it is typed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.trainboard.test_cli import everywhere, shell
from tests.trainboard.test_cli_results import end, project

if TYPE_CHECKING:
    from tests.trainboard.test_cli import Shell

__all__ = ["everywhere", "shell"]


def test_the_runs_of_an_experiment_stand_side_by_side_the_best_first(shell: Shell) -> None:
    project(shell)
    shell.json("submit", "project/small.yaml")
    end(shell)
    lines = shell.done("compare", "small-1").splitlines()
    assert lines[0].split() == ["RUN", "STATE", "TOOK", "lr", "best", "loss"]
    assert [line.split()[0] for line in lines[1:]] == ["small-1.0", "small-1.1"]
    assert [line.split()[-1] for line in lines[1:]] == ["0.1*", "0.2"]
    found = shell.json("compare", "small-1.1", "small-1.0", "--sort", "lr")
    assert found["params"] == ["lr"]
    assert found["metrics"]["loss"] == {"goal": "minimize", "best": ["small-1.0"]}
    assert [run["run"] for run in found["runs"]] == ["small-1.0", "small-1.1"]
    refused = shell("compare", "small-1", "--sort", "lrr")
    assert refused.returncode == 2
    assert 'no parameter that differs and no metric "lrr" (did you mean "lr"?)' in refused.stderr
