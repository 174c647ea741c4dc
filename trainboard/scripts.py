"""What a backend would be given for a run, word for word, before anything is submitted."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from backends import sbatch, script
from backends.base import Snapshot
from backends.programs import programs
from trainboard.plans import RESTARTABLE, plan_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from backends.base import Plan
    from specs.model import Setting, Spec
    from trainboard.config import BackendConfig

ARRAY_SIZE = 1001
"""Slurm's MaxArraySize where a site has not set its own; a preview asks no cluster."""

NOT_TAKEN = "DIGEST-OF-THE-PROJECT"
NO_TOKEN = "0" * 16
"""What is made anew at every submission is noughts here."""


@dataclass(frozen=True, slots=True)
class Scripts:
    """The scripts of all runs of a spec on one backend."""

    backend: BackendConfig
    plans: tuple[Plan, ...]
    calls: Mapping[int, sbatch.Submission]
    """By task: the call of sbatch that it is part of; empty where there is no scheduler."""

    def launch(self, place: int) -> str:
        """What the scheduler, or the queue of the host, is given; tasks of an array share it."""
        folder, python = programs().folder, self.backend.python
        call = self.calls.get(place)
        if call is None:
            return script.queue_launch(self.plans[place], python, folder)
        if call.is_array:
            return call.files(python, folder)["launch.sh"]
        return sbatch.slurm_launch(call.plans[0], python, folder)

    def of(self, place: int) -> tuple[tuple[str, str], ...]:
        """The run at this place, as files: name and text, in the order in which they come to act."""
        plan = self.plans[place]
        return (
            ("launch.sh", self.launch(place)),
            ("run.sh", script.run_script(plan)),
            ("env", script.environment(plan)),
            *sorted(plan.files.items()),
        )


def of_plans(plans: Sequence[Plan], backend: BackendConfig) -> Scripts:
    """The scripts of plans of one batch, whose tasks count from 0."""
    calls = sbatch.submissions(plans, ARRAY_SIZE) if backend.kind == "slurm" else []
    return Scripts(backend, tuple(plans), {plan.task: call for call in calls for plan in call.plans})


def scripts(spec: Spec, settings: Sequence[Setting], backend: BackendConfig, *, shared: bool) -> Scripts:
    """The scripts of these runs there; `shared`: nothing is sent. Blocks for as long as many runs take.

    The project is not looked at: where it would be sent, `NOT_TAKEN` stands for its digest.
    """
    on = tuple(state for state in RESTARTABLE if backend.kind == "slurm" and str(state) in spec.retry.on)
    code = None if shared else Snapshot(NOT_TAKEN, (), spec.workdir)
    restarts = spec.retry.max if on else 0
    plans = [
        replace(each, batch=NO_TOKEN, task=place, code=code, restart_on=on, restarts=restarts)
        for place, each in enumerate(plan_of(spec, spec.name, setting, NO_TOKEN, {}) for setting in settings)
    ]
    return of_plans(plans, backend)
