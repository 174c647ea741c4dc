"""The texts of an attempt directory, compared whole with golden files (tests/data/launch).

After a wanted change: `python -m tests.backends.test_script` writes them anew; read the difference before it is kept.
"""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from backends import script
from backends.base import Archive, Checkpoints, JobState, Plan, Snapshot
from specs.model import Resources, SlurmOptions

GOLDEN = Path(__file__).parent.parent / "data" / "launch"

PLAN = Plan(
    token="0123456789abcdef",
    experiment="char-rnn-1",
    run="003-lr=0.003-seed=2",
    attempt=1,
    command="python train.py --lr 0.003 --note 'it'\"'\"'s; $(touch /tmp/x)'",
    spec_text="name: char-rnn\n",
    setup="module load cuda/12\nsource venv/bin/activate",
    env={"OMP_NUM_THREADS": "4", "NOTE": "two\nlines, it's $HOME"},
    secrets={"WANDB_API_KEY": "never-written"},
    resources=Resources(gpus=2, cpus=4, memory=16 * 2**30 + 1, time=8 * 3600),
    slurm=SlurmOptions("gpu", "dl", "high", ("--constraint=a100", "--nodes=1")),
    workdir=Path("/home/ada/my project"),
    batch="fedcba9876543210",
    task=3,
    priority=2,
    place=-1.5,
    at_most=4,
    checkpoints=Checkpoints("ckpt/*.pt", 2, "--resume {checkpoint}"),
    log_limit=100 * 2**20,
    restart_on=(JobState.TIMEOUT, JobState.PREEMPTED),
    restarts=3,
    origin={"index": 3},
    experiment_folder="char-rnn-1-5a1e7c20",
)


def texts(kind: str) -> dict[str, str]:
    """What a backend of this kind would upload, but for the spec and, where there is a scheduler, its launch.sh."""
    plan = PLAN
    if kind == "ssh":
        plan = changed(code=Snapshot("ab12", (), Path("/home/ada/state")))
    launch = {} if kind == "slurm" else {"launch.sh": script.queue_launch(plan, "python3", ".programs/0123")}
    return launch | {
        "run.sh": script.run_script(plan),
        "env": script.environment(plan, {"PYTHON": "/venv/bin/python"} if kind == "local" else None),
        "plan.json": script.runner_plan(plan, kind, "/var/tmp/trainboard"),
    }


@pytest.mark.parametrize("kind", ["local", "ssh", "slurm"])
def test_the_launch_texts_of_each_kind_are_the_golden_ones(kind: str) -> None:
    found = texts(kind)
    assert found == {name: (GOLDEN / kind / name).read_text() for name in found}


@pytest.mark.parametrize("kind", ["local", "ssh", "slurm"])
def test_no_text_holds_a_secret(kind: str) -> None:
    assert "never-written" not in "".join(texts(kind).values())
    assert "never-written" not in repr(PLAN)


def changed(**changes: object) -> Plan:
    """The plan with other fields."""
    return Plan(**{field: getattr(PLAN, field) for field in Plan.__slots__} | changes)


@pytest.mark.parametrize(
    ("resume", "expected"),
    [
        ("--resume {checkpoint}", "resume|/a b/it's $HOME|"),
        ('--resume "{checkpoint}"', "resume|/a b/it's $HOME|"),
        ("--resume '{checkpoint}'", "resume|/a b/it's $HOME|"),
        ('--resume="from {checkpoint}"', "resume=from /a b/it's $HOME|"),
    ],
)
def test_a_checkpoint_s_path_arrives_as_one_word_whatever_is_in_it(resume: str, expected: str) -> None:
    plan = changed(command="printf '%s|' start --lr 1", checkpoints=Checkpoints("*", None, resume))
    for path, words in (("/a b/it's $HOME", f"start|--lr|1|--{expected}"), ("", "start|--lr|1|")):
        argv = ["sh", "-c", script.command(plan)]
        done = subprocess.run(argv, env={"TRAINBOARD_CHECKPOINT": path}, capture_output=True, text=True, check=True)
        assert done.stdout == words


def test_an_archive_of_an_older_version_is_unpacked() -> None:
    lines = script.run_script(changed(code=Archive("ab12", b""))).splitlines()
    assert lines[2] == "mkdir -p code && tar -xzf ../../../.code/ab12.tar.gz -C code && cd code || exit 1"


def test_the_exit_code_of_the_command_is_that_of_the_script_with_a_checkpoint_or_without() -> None:
    plan = changed(command="false\nexit 7 #", checkpoints=Checkpoints("*", None, "--resume {checkpoint}"))
    for path in ("", "/a"):
        assert subprocess.run(["sh", "-c", script.command(plan)], env={"TRAINBOARD_CHECKPOINT": path}).returncode == 7


def test_a_queue_is_for_kinds_without_a_scheduler_only() -> None:
    records = {kind: json.loads(script.runner_plan(PLAN, kind, "/leases")) for kind in ("local", "ssh", "slurm")}
    assert records["slurm"]["queue"] is None
    assert records["ssh"]["queue"] == records["local"]["queue"]
    assert (records["ssh"]["queue"]["gpus"], records["ssh"]["queue"]["leases"]) == (2, "/leases")


if __name__ == "__main__":
    for each in ("local", "ssh", "slurm"):
        (GOLDEN / each).mkdir(parents=True, exist_ok=True)
        for name, content in texts(each).items():
            (GOLDEN / each / name).write_text(content)
