"""A plan → the texts that go into the attempt directory. Pure; every text is compared whole with a golden file."""

from __future__ import annotations

import json
import math
import shlex
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from backends.base import Plan

GRACE = 10.0
"""Seconds between the polite signal and SIGKILL, where no scheduler sets it."""

WARNING = 60
"""Seconds ahead of its time limit that Slurm warns a job with USR2 (not USR1: NCCL catches that)."""

ALWAYS = {"PYTHONUNBUFFERED": "1", "CUDA_DEVICE_ORDER": "PCI_BUS_ID"}
"""Lines of a log appear when they are printed; GPU numbers mean what nvidia-smi shows."""


def run_script(plan: Plan) -> str:
    """run.sh, the same on every kind: into the project folder, set-up, the user's command."""
    if plan.code is None:
        enter = f"cd {shlex.quote(str(plan.workdir))}"
    else:
        enter = f"mkdir -p code && tar -xzf ../../../.code/{plan.code.digest}.tar.gz -C code && cd code"
    setup = f"\n# set-up: the first command that fails ends the attempt\nset -e\n{plan.setup.rstrip()}\nset +e\n"
    return (
        f"# {plan.job_name}, attempt {plan.attempt}\n"
        # A login shell's start-up files may have gone elsewhere.
        'cd "$TRAINBOARD_ATTEMPT" && . ./env || exit 1\n'
        f"{enter} || exit 1\n"
        f"{setup if plan.setup.strip() else ''}\n"
        f"{plan.command.rstrip()}\n"
    )


def environment(plan: Plan, extra: dict[str, str] | None = None) -> str:
    """env: what run.sh exports. Secrets come with the process and are not in it."""
    values = ALWAYS | (extra or {}) | dict(plan.env)
    lines = [f"export {name}={shlex.quote(value)}" for name, value in values.items()]
    return "\n".join(lines) + "\n"


def detached_launch(python: str) -> str:
    """launch.sh where there is no scheduler: the runner goes on without us."""
    return f"#!/bin/sh\nexec {shlex.quote(python)} ./runner.py --detach .\n"


def slurm_launch(plan: Plan, python: str) -> str:
    """launch.sh for sbatch, which is called in the attempt directory."""
    lines = [f"#SBATCH {option}" for option in slurm_options(plan)]
    return "\n".join(["#!/bin/sh", *lines, f"exec {shlex.quote(python)} ./runner.py ."]) + "\n"


def slurm_options(plan: Plan) -> list[str]:
    """The options of sbatch, one word each. Raises ValueError where a word holds white space."""
    need, own = plan.resources, plan.slurm
    options = [
        f"--job-name={plan.job_name}",
        f"--comment={plan.token}",
        "--output=out.log",
        "--open-mode=append",
        # Who tries again is the board, with a new attempt; its own --requeue below would win.
        "--no-requeue",
        f"--signal=B:USR2@{warning(need.time)}",
    ]
    wanted = {
        "--partition": own.partition,
        "--account": own.account,
        "--qos": own.qos,
        "--gres": f"gpu:{need.gpus}" if need.gpus else None,
        "--cpus-per-task": need.cpus,
        "--mem": None if need.memory is None else f"{math.ceil(need.memory / 2**20)}M",
        "--time": None if need.time is None else math.ceil(need.time / 60),
    }
    options += [f"{option}={value}" for option, value in wanted.items() if value is not None]
    options += own.sbatch
    for option in options:
        if option.split() != [option]:
            raise ValueError(f"an option for sbatch must be one word: {option!r}")
    return options


def warning(limit: int | None) -> int:
    """Seconds ahead of the limit at which the job is warned: at most a tenth of a short one."""
    return WARNING if limit is None else max(1, min(WARNING, limit // 10))


def runner_plan(plan: Plan, kind: str) -> str:
    """plan.json, for the runner."""
    scheduled = kind == "slurm"
    record = {
        "token": plan.token,
        "experiment": plan.experiment,
        "run": plan.run,
        "attempt": plan.attempt,
        # A login shell, as the user has it there: `module` and conda are set up in its start-up files.
        "shell": ["bash"] if kind == "local" else ["bash", "-l"],
        "time": None if scheduled else plan.resources.time,
        "grace": max(1.0, warning(plan.resources.time) - 5.0) if scheduled else GRACE,
        "log": None if scheduled else "out.log",
    }
    return json.dumps(record, indent=1) + "\n"
