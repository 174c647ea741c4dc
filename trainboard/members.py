"""The runs of a spec against the runs that there are: which of them exist already. Pure."""

from __future__ import annotations

import json
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from backends.base import JobState
from trainboard.ledger import histories
from trainboard.options import Only
from trainboard.retry import following

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from specs.model import Retry, Scalar, Setting
    from trainboard.documents import Records
    from trainboard.options import Options
    from trainboard.records import Attempt, Run


class Fate(StrEnum):
    """How far a run has come."""

    ALIVE = "alive"
    """It waits, runs, or will be tried again by itself."""
    DONE = "done"
    FAILED = "failed"
    GONE = "gone"
    """Nothing of it is there or will come: it was cancelled, or no backend ever took it."""


@dataclass(frozen=True, slots=True)
class Known:
    """A setting of a spec that has a run already."""

    setting: Setting
    run: Run
    attempt: Attempt
    """Its newest."""
    fate: Fate


@dataclass(frozen=True, slots=True)
class Choice:
    """Which settings of a spec are to be submitted."""

    settings: tuple[Setting, ...]
    known: tuple[Known, ...] = ()
    """Those that exist already, and are left out for that."""
    others: int = 0
    """How many more are left out, as they are not those that were asked for."""


def select(
    settings: Sequence[Setting],
    identities: Mapping[int, str],
    name: str,
    records: Records,
    options: Options,
    policies: Mapping[str, Retry],
) -> Choice:
    """Which of a spec's runs to submit. `identities`: by setting; `policies`: by experiment, of those that retry.

    A member is the same run where its identity is; where only some are asked for, it is known by its parameters in
    the experiments of this name: then the code may have changed since.
    """
    if options.again and options.only is None:
        return Choice(tuple(settings))
    if options.only is None:
        keys = identities
        same = same_runs(records, set(keys.values()) - {""}, lambda run: run.identity)
    else:
        keys = {each.index: key_of(each.params) for each in settings}
        named = {key for key, each in records.experiments.items() if each.name == name}
        same = same_runs(records, set(keys.values()), lambda run: key_of(run.params), named)
    entries = entries_of(same, records, policies)
    pick = newest if options.only is Only.FAILED else best
    found = {each.index: pick(entries.get(keys[each.index], ())) for each in settings}
    known = {
        each.index: Known(each, *entry) for each in settings if (entry := found[each.index]) and entry[2] != Fate.GONE
    }
    if options.only is Only.FAILED:
        wanted = [each for each in settings if each.index in known and known[each.index].fate is Fate.FAILED]
        return Choice(tuple(wanted), others=len(settings) - len(wanted))
    left = tuple(each for each in settings if each.index not in known)
    return Choice(left, tuple(known.values()))


def same_runs(
    records: Records, wanted: Collection[str], key: Callable[[Run], str], among: Collection[str] | None = None
) -> dict[str, list[Run]]:
    """The runs by key, of those whose key is wanted; `among`: experiments, None: all."""
    found: dict[str, list[Run]] = {}
    for run in records.runs.values():
        there = run.experiment in records.experiments if among is None else run.experiment in among
        if there and (word := key(run)) in wanted:
            found.setdefault(word, []).append(run)
    return found


Entry = tuple["Run", "Attempt", Fate]
RANK = (Fate.DONE, Fate.ALIVE, Fate.FAILED, Fate.GONE)
"""Which of several runs that are the same is the one to show."""


def entries_of(
    same: Mapping[str, Sequence[Run]], records: Records, policies: Mapping[str, Retry]
) -> dict[str, list[Entry]]:
    """Runs with what became of them, those of each key in the order of their submission."""
    history = histories(records, {run.id for runs in same.values() for run in runs})

    def created(run: Run) -> float:
        return records.experiments[run.experiment].created

    return {
        key: [
            (run, history[run.id][-1], fate(run, history[run.id], policies.get(run.experiment)))
            for run in sorted(runs, key=created)
            if history[run.id]
        ]
        for key, runs in same.items()
    }


def best(entries: Sequence[Entry]) -> Entry | None:
    """The run that has come furthest, of those the newest; None where there is none."""
    return min(reversed(entries), key=lambda entry: RANK.index(entry[2]), default=None)


def newest(entries: Sequence[Entry]) -> Entry | None:
    """The run that was submitted last; None where there is none."""
    return entries[-1] if entries else None


def fate(run: Run, history: Sequence[Attempt], policy: Retry | None) -> Fate:
    """What became of a run; its attempts come oldest first. One that is LOST counts as failed."""
    last = history[-1]
    if not last.state.ended or following(run, history, policy, 0.0, lambda: "") is not None:
        return Fate.ALIVE
    if last.state is JobState.COMPLETED:
        return Fate.DONE
    return Fate.GONE if last.rejected or last.state is JobState.CANCELLED else Fate.FAILED


def key_of(params: Mapping[str, Scalar]) -> str:
    """Equal for equal parameters."""
    return json.dumps(dict(params), sort_keys=True)
