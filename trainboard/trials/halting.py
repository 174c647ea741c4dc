"""When the user wants no more trials of a sweep, and when they want it to go on. Pure."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from trainboard.ledger import newest_attempts

if TYPE_CHECKING:
    from collections.abc import Collection

    from trainboard.documents import Records
    from trainboard.records import Experiment

YOUNG = 30.0
"""Seconds for which a run may not have been seen by who cancels all the others."""


def halted(records: Records, runs: Collection[str], why: str, now: float) -> list[Experiment]:
    """The sweeps of which these runs are all that is on the way: they ask for no more."""
    found = []
    for name in _asking(records, runs):
        newest = newest_attempts(records)
        mine = [run for run in records.runs.values() if run.experiment == name and run.cancelled is None]
        others = [newest[run.id] for run in mine if run.id in newest and run.id not in runs]
        others = [each for each in others if not each.state.ended]
        if all(now - each.created < YOUNG for each in others):
            found.append(replace(records.experiments[name], halted=why))
    return found


def resumed(records: Records, runs: Collection[str]) -> list[Experiment]:
    """The sweeps of these runs that ask for no more, as they go on."""
    found = []
    for name in {records.runs[run].experiment for run in runs if run in records.runs}:
        experiment = records.experiments.get(name)
        if experiment is not None and experiment.halted:
            trials = [each.trial for each in records.runs.values() if each.experiment == name]
            forgiven = max((trial + 1 for trial in trials if trial is not None), default=0)
            found.append(replace(experiment, halted="", forgiven=forgiven))
    return found


def _asking(records: Records, runs: Collection[str]) -> list[str]:
    names = {records.runs[run].experiment for run in runs if run in records.runs}
    experiments = (records.experiments.get(name) for name in sorted(names))
    return [each.id for each in experiments if each is not None and each.trials and not each.halted]
