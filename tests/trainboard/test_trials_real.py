"""Sweeps that ask for their trials, with real programs on this machine and on a server over SSH, and real kills."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pytest

from tests.trainboard.test_cli import Shell

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.cluster import Cluster

PROGRAM = """\
import argparse, math, os, time
parser = argparse.ArgumentParser()
parser.add_argument("--lr", type=float)
parser.add_argument("--name")
parser.add_argument("--epochs", type=int)
parser.add_argument("--resume")
chosen = parser.parse_args()
first = 0 if chosen.resume is None else int(open(chosen.resume).read())
print("begins behind epoch", first, flush=True)
os.makedirs(f"ckpt/{chosen.name}", exist_ok=True)
for epoch in range(first + 1, chosen.epochs + 1):
    time.sleep(0.5)
    print(f"epoch {epoch} loss {(math.log10(chosen.lr) + 2) ** 2 + 1 / epoch:.5f}", flush=True)
    with open(f"ckpt/{chosen.name}/draft", "w") as file:
        file.write(str(epoch))
    os.replace(f"ckpt/{chosen.name}/draft", f"ckpt/{chosen.name}/e{epoch:03d}.pt")
"""
CONFIG = """\
backends:
  local: {kind: local, poll: 1, root: %(root)s/near, leases: %(root)s/leases, at_most: 2}
  gpu1: {kind: ssh, poll: 1, root: %(root)s/far, leases: %(root)s/leases-far, at_most: 2}
"""
SPEC = """\
name: x
command: python3 train.py --lr {lr} --name {run} --epochs %(epochs)s
sweep:
  method: %(method)s
  samples: %(samples)s
  at_most: 4
  lr: {min: 0.0001, max: 1.0, distribution: log_uniform}
  %(more)s
where: [local, gpu1]
metrics: {objective: loss}
outputs: {checkpoint: "ckpt/{run}/*.pt"}
retry: {on: [PREEMPTED], resume: "--resume {checkpoint}"}
"""


@pytest.fixture
def both(tmp_path: Path, sshd: Cluster) -> Iterator[Shell]:
    """This machine and a server, with a project."""
    shell = Shell(tmp_path, {"TRAINBOARD_SSH_CONFIG": str(sshd.ssh_config)})
    shell.write("home/config.yaml", CONFIG % {"root": tmp_path})
    shell.write("project/train.py", PROGRAM)
    yield shell
    shell.end()


def killed_until_done(shell: Shell, seconds: float, patience: float = 150) -> dict[str, Any]:
    """A watch is killed again and again, until nothing more is asked for: how the sweep stands then."""
    end = time.monotonic() + patience
    while time.monotonic() < end:
        watch = shell.start("watch")
        try:
            until = time.monotonic() + seconds
            while time.monotonic() < until:
                [sweep] = shell.json("sweeps")
                if sweep["finished"] is not None:
                    found: dict[str, Any] = sweep
                    return found
        finally:
            watch.kill()
            watch.communicate()
        seconds *= 1.5
    raise AssertionError(shell.done("sweeps", "x-1"))


@pytest.mark.sshd
@pytest.mark.slow
@pytest.mark.timeout(240)
def test_rungs_over_two_backends_survive_kills_and_a_run_goes_on_from_its_checkpoint(both: Shell) -> None:
    spec = SPEC % {"method": "asha", "samples": 12, "epochs": 6, "more": "asha: {min: 1, max: 6}"}
    both.write("project/x.yaml", spec)
    assert both("submit", "project/x.yaml").returncode == 0
    sweep = killed_until_done(both, 9.0)
    assert (sweep["asked"], sweep["ended"], sweep["failed"]) == (12, 12, 0)
    trials = both.json("sweeps", "x-1")
    assert {each["state"] for each in trials} <= {"done", "cut"}
    assert any(each["state"] == "done" for each in trials)
    rows = both.json("ls")
    assert {row["backend"] for row in rows} == {"local", "gpu1"}
    assert len({row["run"] for row in rows}) == 12
    paused = [row for row in rows if row["state"] == "CANCELLED"]
    assert paused
    assert all(row["reason"].startswith("asha: pauses at ") for row in paused)
    again = [row for row in rows if both.json("show", row["run"])["attempt"] > 1]
    assert again
    logs = [both.done("logs", row["run"]) for row in again]
    assert all("begins behind epoch " in log and "begins behind epoch 0" not in log for log in logs)


@pytest.mark.sshd
@pytest.mark.slow
@pytest.mark.timeout(240)
def test_what_is_learned_over_two_backends_survives_kills(both: Shell) -> None:
    both.write("project/x.yaml", SPEC % {"method": "tpe", "samples": 16, "epochs": 2, "more": ""})
    assert both("submit", "project/x.yaml").returncode == 0
    sweep = killed_until_done(both, 9.0)
    assert (sweep["asked"], sweep["ended"], sweep["failed"], sweep["halted"]) == (16, 16, 0, None)
    assert {row["backend"] for row in both.json("ls")} == {"local", "gpu1"}
    values = [each["value"] for each in both.json("sweeps", "x-1")]
    assert sweep["best"]["value"] == min(values)
