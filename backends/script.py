"""A plan → the texts that go into the attempt directory. Pure; every text is compared whole with a golden file."""

from __future__ import annotations

import json
import shlex
from typing import TYPE_CHECKING

from backends.base import Archive
from backends.sbatch import warning
from specs.scanner import scan

if TYPE_CHECKING:
    from collections.abc import Mapping

    from backends.base import Plan
    from specs.scanner import Slot

GRACE = 10.0
"""Seconds between the polite signal and SIGKILL, where no scheduler sets it."""

ALWAYS = {"PYTHONUNBUFFERED": "1", "CUDA_DEVICE_ORDER": "PCI_BUS_ID"}
"""Lines of a log appear when they are printed; GPU numbers mean what nvidia-smi shows."""

COPY = """\
if [ ! -d code ]; then
  # older than all that the run writes, and whole: it may be ended at any moment, and begin once more
  rm -rf code.part && cp -RP {tree} code.part || exit 1
  find code.part -type f -exec chmod u+w {{}} + -exec touch -t 200001010000 {{}} + && mv code.part code || exit 1
fi
cd code || exit 1"""


OWN_GPUS = (
    '[ -z "${TRAINBOARD_VISIBLE_DEVICES+x}" ] || export CUDA_VISIBLE_DEVICES="$TRAINBOARD_VISIBLE_DEVICES"'
    "  # whatever the login's files say"
)
"""The GPUs that the queue gave to the run; a scheduler sees to that by itself."""


def run_script(plan: Plan) -> str:
    """run.sh, the same on every kind: into the project folder, set-up, the user's command."""
    setup = f"\n# set-up: the first command that fails ends the attempt\nset -e\n{plan.setup.rstrip()}\nset +e\n"
    return (
        f"# {plan.job_name}, attempt {plan.attempt}\n"
        # A login shell's start-up files may have gone elsewhere.
        'cd "$TRAINBOARD_ATTEMPT" && . ./env || exit 1\n'
        f"{enter(plan)}\n"
        f"{setup if plan.setup.strip() else ''}\n"
        f"{command(plan)}\n"
    )


def enter(plan: Plan) -> str:
    """Into the project folder; where it is not shared, into a copy of what was sent, which the program may change."""
    if plan.code is None:
        return f"cd {shlex.quote(str(plan.workdir))} || exit 1"
    if isinstance(plan.code, Archive):
        tar = f"tar -xzf ../../../.code/{plan.code.digest}.tar.gz -C code"
        return f"mkdir -p code && {tar} && cd code || exit 1"
    return COPY.format(tree=f"../../../.code/trees/{plan.code.digest}")


def command(plan: Plan) -> str:
    """The user's command; where there is a checkpoint, with what they add to go on from it."""
    plain = plan.command.rstrip()
    if plan.checkpoints is None or not plan.checkpoints.resume.strip():
        return plain
    resumed = f"{plain} {from_checkpoint(plan.checkpoints.resume.strip())}"
    return f'if [ -n "${{TRAINBOARD_CHECKPOINT:-}}" ]; then\n{resumed}\nelse\n{plain}\nfi'


def from_checkpoint(resume: str) -> str:
    """`--resume {checkpoint}` → shell text with the path that the runner found, one word within any quotes."""

    def word(slot: Slot) -> str:
        if slot.name != "checkpoint":
            return f"{{{slot.name}}}"
        return f'{slot.quotes.value}"$TRAINBOARD_CHECKPOINT"{slot.quotes.value}'

    return "".join(part if isinstance(part, str) else word(part) for part in scan(resume))


def environment(plan: Plan, extra: dict[str, str] | None = None) -> str:
    """env: what run.sh exports. Secrets come with the process and are not in it."""
    lines = [*exports(ALWAYS | (extra or {})), OWN_GPUS, *exports(plan.env)]
    return "\n".join(lines) + "\n"


def exports(values: Mapping[str, str]) -> list[str]:
    """Lines of shell that set these for the program."""
    return [f"export {name}={shlex.quote(value)}" for name, value in values.items()]


def queue_launch(plan: Plan, python: str, programs: str) -> str:
    """launch.sh where there is no scheduler: what puts the attempt into the host's queue, by hand too.

    `programs` is their folder, below the backend's root. Many attempts are launched in one call of the waiter.
    """
    wanted = "".join(f"# It wants {name} in its environment.\n" for name in plan.secrets)
    return (
        "#!/bin/sh\n"
        f"# Puts {plan.job_name}, attempt {plan.attempt}, into the queue of this host; again does nothing.\n"
        f"{wanted}"
        f'cd "$(dirname "$0")" && exec {shlex.quote(python)} ../../../{programs}/waiter.py .\n'
    )


def shell(kind: str) -> list[str]:
    """Which shell reads run.sh: a login shell, as the user has it there, sets up `module` and conda as it starts."""
    return ["bash"] if kind == "local" else ["bash", "-l"]


def runner_plan(plan: Plan, kind: str, leases: str) -> str:
    """plan.json, for the runner, the waiter and `trainboard rebuild`. `leases` is the host's shared folder."""
    scheduled = kind == "slurm"
    need, saved = plan.resources, plan.checkpoints
    record = {
        "token": plan.token,
        "experiment": plan.experiment,
        "run": plan.run,
        "attempt": plan.attempt,
        "batch": plan.batch,
        "task": plan.task,
        "job_name": plan.job_name,
        "shell": shell(kind),
        "time": None if scheduled else need.time,
        "grace": max(1.0, warning(need.time) - 5.0) if scheduled else GRACE,
        "log": None if scheduled else "out.log",
        "log_limit": plan.log_limit,
        "checkpoints": None if saved is None else {"pattern": saved.pattern, "keep": saved.keep},
        "workdir": str(plan.workdir) if plan.code is None else None,
        "restart": {"on": list(plan.restart_on), "max": plan.restarts},
        "secrets": sorted(plan.secrets),
        "queue": None if scheduled else place_in_queue(plan, leases),
        "origin": dict(plan.origin),
    }
    return json.dumps(record, indent=1) + "\n"


def place_in_queue(plan: Plan, leases: str) -> dict[str, object]:
    """What the queue of a host without a scheduler goes by."""
    need = plan.resources
    return {
        "gpus": need.gpus,
        "gpu_memory": need.gpu_memory,
        "cpus": need.cpus,
        "memory": need.memory,
        "experiment": plan.home,
        "at_most": plan.at_most,
        "priority": plan.priority,
        "place": plan.place,
        "leases": leases,
    }
