"""Whether an experiment may start: what it comes after, and how far that is. Pure."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

from backends.base import JobState

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from trainboard.documents import Records
    from trainboard.records import Attempt, Experiment


class Gate(Enum):
    """How an experiment stands with those that it comes after."""

    OPEN = "open"
    WAITS = "waits"
    BLOCKED = "blocked"
    """One of them has ended and is not COMPLETED: this goes on if the user says so, or has that one run again."""


@dataclass(frozen=True, slots=True)
class Standing:
    """A gate, with the reason in words."""

    gate: Gate
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Tally:
    """How far the runs of one experiment are."""

    runs: int = 0
    completed: int = 0
    failed: int = 0
    """Ended, and not COMPLETED."""


OPEN = Standing(Gate.OPEN)


def state(experiment: Experiment, tallies: Mapping[str, Tally]) -> Standing:
    """How an experiment stands: open, waiting for others, or blocked by one that failed or is gone."""
    waits: list[str] = []
    for other in experiment.after:
        tally = tallies.get(other)
        if tally is None:
            return Standing(Gate.BLOCKED, f"{other} is not there any more: release or cancel")
        if tally.failed:
            return Standing(Gate.BLOCKED, f"{other} failed: release or cancel")
        left = tally.runs - tally.completed
        if left:
            waits.append(f"waits for {other}: {left} of {tally.runs} {'run' if tally.runs == 1 else 'runs'} left")
    return Standing(Gate.WAITS, "; ".join(waits)) if waits else OPEN


def tallies(records: Records, newest: Mapping[str, Attempt]) -> dict[str, Tally]:
    """How far every experiment is that another one comes after. `newest`: the newest attempt of each run."""
    wanted = {other for experiment in records.experiments.values() for other in experiment.after}
    if not wanted:
        return {}
    runs, completed, failed = Counter[str](), Counter[str](), Counter[str]()
    for run in records.runs.values():
        if run.experiment in wanted:
            runs[run.experiment] += 1
            attempt = newest.get(run.id)
            if attempt is not None and attempt.state.ended and run.requeued is None and not attempt.withdrawn:
                (completed if attempt.state is JobState.COMPLETED else failed)[run.experiment] += 1
    found = {name: Tally(runs[name], completed[name], failed[name]) for name in wanted if name in records.experiments}
    return {name: asked(records.experiments[name], tally) for name, tally in found.items()}


def asked(experiment: Experiment, tally: Tally) -> Tally:
    """The tally of a sweep whose runs are not all there yet: it is over as a whole, and not by its single runs."""
    if not experiment.trials:
        return tally
    runs = max(experiment.trials, tally.runs)
    if experiment.finished is None:
        return Tally(runs, min(tally.completed, runs - 1))
    return Tally(runs, runs) if tally.completed else Tally(runs, failed=runs)


def standings(records: Records, newest: Mapping[str, Attempt]) -> dict[str, Standing]:
    """How the experiments stand that come after others."""
    late = [each for each in records.experiments.values() if each.after]
    found = tallies(records, newest) if late else {}
    return {each.id: state(each, found) for each in late}


def resolve(names: Sequence[str], records: Records) -> tuple[tuple[str, ...], str | None]:
    """Ids of experiments from ids or names, the newest of a name; and the first that is neither, if there is one."""
    found: list[str] = []
    for name in names:
        named = [each for each in records.experiments.values() if each.name == name]
        if name in records.experiments:
            found.append(name)
        elif named:
            found.append(max(named, key=lambda each: each.created).id)
        else:
            return (), name
    return tuple(dict.fromkeys(found)), None
