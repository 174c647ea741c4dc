"""Submitting with care, results and collected files, as they are typed."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.trainboard.test_cli import everywhere, shell
from trainboard.cli.ages import aged, words

if TYPE_CHECKING:
    from tests.trainboard.test_cli import Shell

__all__ = ["everywhere", "shell"]

SPEC = """\
name: small
command: bash train.sh {lr}
sweep: {lr: [0.1, 0.2]}
metrics: {objective: loss, total: {steps: 2}}
outputs: {collect: ["out/{lr}/*.csv"]}
"""
TRAIN = """\
mkdir -p out/$1 && echo "step 1 loss 0.5" && echo "step 2 loss $1" && echo "a,$1" > out/$1/table.csv
"""
TOKEN = "ghp_" + "a1B2" * 9


def project(shell: Shell, spec: str = SPEC) -> None:
    shell.write("project/small.yaml", spec)
    shell.write("project/train.sh", TRAIN)
    shell.write("project/.gitignore", "out/\n")


def end(shell: Shell) -> None:
    """Have all runs end, and their results brought."""
    for row in shell.json("ls"):
        if row["run"]:
            shell.done("logs", "-f", row["run"])
    shell.done("watch", "--once")


def test_what_exists_is_shown_and_not_submitted_again(shell: Shell) -> None:
    project(shell)
    first = shell.json("submit", "project/small.yaml")
    again = shell("submit", "project/small.yaml", "--json")
    assert [row["run"] for row in json.loads(again.stdout)] == [row["run"] for row in first]
    assert again.returncode == 0
    assert again.stderr.startswith(
        "trainboard: 2 runs exist already and are not submitted again: small-1.0 to small-1.1, "
    )
    assert again.stderr.endswith("; --again submits all\n")
    one = shell("submit", "project/small.yaml", "lr=0.1", "--json")
    assert "1 run exists already and is not submitted again: small-1.0" in one.stderr
    assert [row["run"] for row in shell.json("submit", "project/small.yaml", "--again")] == ["small-2.0", "small-2.1"]


def test_only_those_that_failed(shell: Shell) -> None:
    project(shell)
    shell.write("project/train.sh", 'test "$1" = 0.1\n')
    shell.json("submit", "project/small.yaml")
    for run in ("small-1.0", "small-1.1"):
        shell.done("logs", "-f", run)
    assert [row["state"] for row in sorted(shell.json("ls"), key=lambda row: row["run"])] == ["COMPLETED", "FAILED"]
    said = shell("submit", "project/small.yaml", "--json").stderr
    assert said.endswith("1 COMPLETED, 1 FAILED; --again submits all, --only failed those that failed\n")
    shell.write("project/train.sh", TRAIN)
    assert [row["run"] for row in shell.json("submit", "project/small.yaml", "--only", "failed")] == ["small-2.1"]
    missing = shell("submit", "project/small.yaml", "--only", "missing", "--json")
    assert missing.returncode == 0
    assert "no run of small is missing: nothing to submit" in missing.stderr


def test_runs_that_would_fail_are_not_submitted_unless_forced(shell: Shell) -> None:
    shell.write("s.yaml", "name: big\ncommand: echo hi\nresources: {cpus: 100000}\n")
    refused = shell("submit", "s.yaml")
    assert (refused.returncode, refused.stdout) == (2, "")
    assert "not submitted: local: cpus: a run wants 100000" in refused.stderr
    assert "--force submits all the same" in refused.stderr
    assert not (shell.home / "state.json").exists()
    forced = shell("submit", "s.yaml", "--force", "--json")
    assert forced.returncode == 0
    assert "submitted all the same, as --force says" in forced.stderr
    assert shell.json("show", "big-1.0")["forced"] is True
    assert "although a check said that it would fail" in shell.done("show", "big-1.0")
    shell.done("cancel", "big-1")


def test_results_as_a_table_json_and_a_sheet_that_makes_the_same_runs(shell: Shell) -> None:
    project(shell)
    shell.json("submit", "project/small.yaml")
    end(shell)
    first, second = shell.json("results", "small-1")
    assert set(first) == {
        "run", "experiment", "name", "state", "backend", "params", "started", "ended", "seconds", "exit_code",
        "reason", "metrics", "collected",
    }  # fmt: skip
    assert (first["state"], first["params"], first["exit_code"]) == ("COMPLETED", {"lr": 0.1}, 0)
    assert second["metrics"] == {"loss": {"final": 0.2, "best": 0.2, "last": 0.2}}
    assert (Path(first["collected"]) / "out/0.1/table.csv").read_text() == "a,0.1\n"
    assert shell.json("results", "small", "--offline") == [first, second]
    table = shell.done("results", "small").splitlines()
    assert table[0].split() == ["RUN", "STATE", "TOOK", "lr", "loss", "final", "loss", "best", "loss", "last"]
    assert table[1].split()[:2] == ["small-1.0", "COMPLETED"]
    for name in ("r.csv", "r.xlsx"):
        assert shell.done("results", "small-1", f"--{name[2:]}", name) == ""
        spec = shell.done("import", name, "--command", "bash train.sh {lr}")
        shell.write("back.yaml", spec)
        rows = shell.json("submit", "back.yaml", "--dry-run")
        assert [row["params"] for row in rows] == [{"lr": 0.1}, {"lr": 0.2}]
    assert shell.done("results", "small-1.0", "--csv", "-").splitlines()[0].startswith("[run],[experiment]")
    assert "no such" in shell("results", "small-1", "--csv", "gone/r.csv").stderr.lower()
    assert 'no run or experiment "smal"' in shell("results", "smal").stderr


def test_results_of_a_run_that_still_runs_and_of_one_that_nobody_watched(shell: Shell) -> None:
    shell.write("w.yaml", "name: w\ncommand: echo step 1 loss 0.5; while :; do sleep 0.1; done\n")
    shell.json("submit", "w.yaml")
    following = shell.start("logs", "-f", "w-1.0")
    assert following.stdout is not None
    assert following.stdout.readline() == "step 1 loss 0.5\n"
    shell.done("ls")
    [running] = shell.json("results", "w-1")
    assert (running["state"], running["metrics"]) == ("RUNNING", {"loss": {"final": None, "best": 0.5, "last": 0.5}})
    assert shell.done("results", "w-1").splitlines()[1].split()[:2] == ["w-1.0", "RUNNING"]
    following.terminate()  # it polls, too
    following.communicate(timeout=30)
    [polled] = shell.home.glob("**/polled/*")
    os.utime(polled, (time.time() - 7200, time.time() - 7200))
    for command in ("results", "compare"):
        assert shell.done(command, "w-1").splitlines()[1].startswith("w-1.0  RUNNING (polled 2h00 ago)")
    shell.done("cancel", "w-1.0")
    while shell.json("ls")[0]["state"] == "RUNNING":
        pass
    [ended] = shell.json("results", "w-1")
    assert (ended["state"], ended["metrics"]["loss"]["last"]) == ("CANCELLED", 0.5)
    assert ended["seconds"] > 0


def test_an_old_state_is_shown_with_its_age() -> None:
    assert words(1000.0, 1050.0) == ""
    assert words(time.time() - 2 * 3600, time.time()) == "polled 2h00 ago"
    assert words(None, 1050.0) == "not polled yet"
    assert aged("RUNNING", "a-1.0", {"a-1.0": "polled 2h00 ago"}) == "RUNNING (polled 2h00 ago)"
    assert aged("RUNNING", "a-1.1", {"a-1.0": "polled 2h00 ago"}) == "RUNNING"


def test_results_are_collected_on_request_and_again(shell: Shell) -> None:
    project(shell)
    shell.json("submit", "project/small.yaml", "lr=0.1")
    shell.done("logs", "-f", "small-1.0")
    [brought] = shell.json("collect", "small-1")
    assert (brought["run"], brought["state"], brought["files"], brought["reason"]) == (
        "small-1.0",
        "COMPLETED",
        1,
        "",
    )
    [table] = Path(brought["folder"]).rglob("*.csv")
    assert table.read_text() == "a,0.1\n"
    table.unlink()
    assert "small-1.0" in shell.done("collect", "small-1.0")
    assert table.exists()


@pytest.mark.sshd
@pytest.mark.slurm
@pytest.mark.parametrize("backend", ["gpu1", "triton"])
def test_results_come_from_a_host_that_shares_no_files(everywhere: Shell, backend: str) -> None:
    project(everywhere)
    everywhere.json("submit", "project/small.yaml", "--on", backend)
    end(everywhere)
    for found in everywhere.json("results", "small-1"):
        assert found["backend"] == backend
        assert found["metrics"]["loss"]["last"] == found["params"]["lr"]
        [table] = [path for path in Path(found["collected"]).rglob("*") if path.is_file()]
        assert table.read_text() == f"a,{found['params']['lr']}\n"
        assert not table.is_relative_to(everywhere.folder / "far")


@pytest.mark.sshd
@pytest.mark.slurm
def test_what_looks_like_a_secret_is_not_sent_unasked(everywhere: Shell) -> None:
    project(everywhere)
    everywhere.write("project/settings.py", f"token = '{TOKEN}'\n")
    refused = everywhere("submit", "project/small.yaml", "--on", "gpu1")
    assert (refused.returncode, refused.stdout) == (2, "")
    assert "settings.py" in refused.stderr
    assert "--send" in refused.stderr
    assert TOKEN not in refused.stderr
    assert not (everywhere.home / "state.json").exists()
    sent = everywhere("submit", "project/small.yaml", "--on", "gpu1", "--send", "--json")
    assert sent.returncode == 0, sent.stderr
    end(everywhere)


MANY = """\
name: many
command: "echo step 1 val_loss $(python3 -c 'print(round(abs({lr} - 0.2) + {seed} / 100, 4))') lr_now {lr}"
sweep: {lr: [0.1, 0.2, 0.4], seeds: 2}
metrics: {objective: val_loss}
"""


def test_results_are_filtered_sorted_folded_tested_and_gone_on_from(shell: Shell) -> None:
    shell.write("many.yaml", MANY)
    shell.json("submit", "many.yaml")
    end(shell)
    wanted = shell.json("results", "many-1", "--where", "lr>0.1", "--where", "seed=2", "--sort", "val_loss")
    assert [(each["params"]["lr"], each["metrics"]["val_loss"]["final"]) for each in wanted] == [
        (0.2, 0.02),
        (0.4, 0.22),
    ]
    assert wanted[0]["gpu_hours"] == 0
    table = shell("results", "many-1", "--offline", "--where", "lr<0.3", "--columns", "lr,val_loss:last,[state]")
    assert table.stdout.splitlines()[0].split() == ["RUN", "lr", "val_loss", "last", "STATE"]
    assert [line.split()[2] for line in table.stdout.splitlines()[1:]] == ["0.11", "0.12", "0.01*", "0.02"]
    assert table.stderr == "trainboard: 4 of 6 runs\n"
    folded = shell.done("results", "many-1", "--offline", "--fold-seeds").splitlines()
    assert folded[0].split() == ["RUNS", "val_loss", "best", "lr", "STATE", "TOOK", "lr_now", "last"]
    assert "2 COMPLETED" in folded[1]
    assert "0.0150 ± 0.0071 (2)*" in folded[1]
    assert "lr=0.2 0.0150 ± 0.0071 (2) against lr=0.1 0.1150 ± 0.0071 (2): Welch t = -14.1, df 2" in folded[-1]
    assert "only 2 runs in a group" in folded[-1]
    groups = shell.json("results", "many", "--offline", "--by", "lr")
    assert [each["params"] for each in groups["groups"]] == [{"lr": 0.2}, {"lr": 0.1}, {"lr": 0.4}]
    assert groups["best"]["groups"] == 3
    assert shell.done("results", "many-1", "--offline", "--by", "lr", "--latex", "-").startswith("% \\usepackage")
    assert shell.done("results", "many-1", "--offline", "--where", "lr=0.2", "--csv", "-").count("\n") == 3
    importance = shell.json("results", "many-1", "--offline", "--importance")
    assert [each["param"] for each in importance["effects"]] == ["lr"]
    assert importance["forest_refused"] == "importance needs 10 runs with a value of val_loss; there are 6"
    assert "SHARE OF val_loss" in shell.done("results", "many-1", "--offline", "--importance")
    narrow = shell("results", "many-1", "--offline", "--narrow", "--top", "2")
    assert "sweep: {lr: [0.141, 0.2, 0.283], seeds: 2}" in narrow.stdout
    assert narrow.stderr.startswith("trainboard: around many-1.2, many-1.3; lr: [0.1, 0.2, 0.4] → ")
    shell.write("next.yaml", narrow.stdout)
    assert len(shell.json("submit", "next.yaml", "--dry-run")) == 6
    for asked, said in (
        (("--sort", "val_los"), 'no column "val_los" (did you mean "val_loss"?)'),
        (("--columns", "x"), 'no column "x"'),
        (("--where", "lr>a"), '"lr>a": "a" is no number'),
        (("--by", "rl"), 'no run has a parameter "rl"'),
        (("--top", "2"), "--top goes with --narrow"),
    ):
        refused = shell("results", "many-1", "--offline", *asked)
        assert (refused.returncode, refused.stdout) == (2, "")
        assert said in refused.stderr
