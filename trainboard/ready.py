"""Which attempts could be sent now, how they are grouped, and which could move. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING

from trainboard.dependency import OPEN, Gate
from trainboard.ledger import histories, in_order
from trainboard.placement import Candidate
from trainboard.plans import resources_of
from trainboard.retry import due

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from specs.model import Spec
    from trainboard.ledger import Ledger
    from trainboard.placement import Needs
    from trainboard.records import Attempt

MOST_TOGETHER = 1000
"""Attempts that are handed over in one call."""

PATIENCE = 30.0
"""Seconds for which an attempt waits on a busy host before it may move to a free one."""


@dataclass(frozen=True, slots=True)
class Group:
    """Attempts of one experiment, of one size and priority, for one backend: one call, perhaps one array."""

    experiment: str
    tokens: tuple[str, ...]
    batch: str = ""
    """Of those that were handed over before; empty for new ones."""
    sent: tuple[float | None, ...] = ()
    """When these were: who hands them over again makes sure that nobody else has, since."""


def free(ledger: Ledger, experiments: Collection[str], now: float) -> dict[str, list[Attempt]]:
    """By experiment, of these: the unsent attempts that neither user nor experiment nor back-off keeps here."""
    found: dict[str, list[Attempt]] = {}
    for name, attempts in ledger.unsent.items():
        if name not in experiments:
            continue
        gate = ledger.standings.get(name, OPEN).gate
        if gate is Gate.WAITS:
            continue
        runs = ledger.records.runs
        some = [
            each
            for each in attempts
            if not runs[each.run].held
            and due(each.not_before, now)
            and (gate is Gate.OPEN or runs[each.run].released)
        ]
        if some:
            found[name] = some
    return found


def candidates(
    ledger: Ledger, attempts: Mapping[str, list[Attempt]], specs: Mapping[str, Spec], kinds: Mapping[str, str]
) -> tuple[list[Candidate], dict[str, str]]:
    """The free attempts of these experiments in the order of all, and by token why some of them cannot go now.

    `kinds`: of the backends that there are, by name.
    """
    found: dict[str, Candidate] = {}
    reasons: dict[str, str] = {}
    chosen: list[Attempt] = []
    for name, some in attempts.items():
        where = tuple(each for each in ledger.where[name] if each in kinds)
        if not where:
            absent = ", ".join(ledger.where[name]) or "its backend"
            reasons |= dict.fromkeys((each.id for each in some), f"{absent} is not in the config any more")
            continue
        most = room_left(specs[name], where, kinds, ledger.alive.get(name, 0))
        if most is not None and most < len(some):
            at_most = specs[name].sweep.at_most
            reasons |= dict.fromkeys((each.id for each in some[most:]), f"at most {at_most} of {name} at a time")
            some = some[:most]
        needs = needs_of(ledger, specs[name], some)
        chosen += some
        for each in some:
            pinned = (each.backend,) if each.backend in kinds else where
            found[each.id] = Candidate(each.id, pinned, needs[each.id])
    return [found[each.id] for each in in_order(chosen, ledger.records)], reasons


def movable(
    ledger: Ledger, attempts: Sequence[Attempt], specs: Mapping[str, Spec], kinds: Mapping[str, str]
) -> list[Candidate]:
    """Attempts that wait on a backend, as candidates for the others where they may go."""
    by_experiment: dict[str, list[Attempt]] = {}
    for each in attempts:
        by_experiment.setdefault(ledger.records.runs[each.run].experiment, []).append(each)
    found: dict[str, Candidate] = {}
    for name, some in by_experiment.items():
        if name in specs:
            where = tuple(other for other in ledger.where[name] if other in kinds)
            needs = needs_of(ledger, specs[name], some)
            found |= {each.id: Candidate(each.id, where, needs[each.id], each.backend) for each in some}
    return [found[each.id] for each in attempts if each.id in found]


def patient(ledger: Ledger, now: float) -> list[Attempt]:
    """Attempts that have waited on their backend for so long that they may move."""
    return [each for each in ledger.waiting if abs(now - (each.submitted or each.sent or each.created)) >= PATIENCE]


def room_left(spec: Spec, where: tuple[str, ...], kinds: Mapping[str, str], alive: int) -> int | None:
    """How many more runs of an experiment may be sent: `at_most`, where no backend keeps to it by itself.

    One host does, and so does one array; several of either do not know of each other.
    """
    at_most = spec.sweep.at_most
    together = len(where) == 1 and (kinds.get(where[0]) != "slurm" or alive == 0)
    return None if at_most is None or together else max(0, at_most - alive)


def needs_of(ledger: Ledger, spec: Spec, attempts: Iterable[Attempt]) -> dict[str, Needs]:
    """What each attempt asks for."""
    if spec.retry.memory is None:
        return {each.id: (spec.resources, spec.slurm) for each in attempts}
    some = list(attempts)
    history = histories(ledger.records, {each.run for each in some})
    return {each.id: (resources_of(spec, history[each.run], each.number), spec.slurm) for each in some}


def groups(ledger: Ledger, found: Iterable[Candidate], chosen: Mapping[str, str]) -> dict[str, list[Group]]:
    """By backend: the candidates as they are handed over, in order. `chosen`: the backend of each, by token."""
    by_backend: dict[str, list[Candidate]] = {}
    for each in found:
        if each.token in chosen:
            by_backend.setdefault(chosen[each.token], []).append(each)

    def kind(each: Candidate) -> tuple[str, int, Needs]:
        run = ledger.run_of(ledger.records.attempts[each.token])
        return run.experiment, run.priority, each.needs

    made: dict[str, list[Group]] = {}
    for backend, some in by_backend.items():
        # Only neighbours go together: the order of the runs is their order in the backend's queue.
        for (name, _, _), together in groupby(some, kind):
            tokens = tuple(each.token for each in together)
            parts = [tokens[at : at + MOST_TOGETHER] for at in range(0, len(tokens), MOST_TOGETHER)]
            made.setdefault(backend, []).extend(Group(name, part) for part in parts)
    return made


def groups_again(ledger: Ledger, attempts: Iterable[Attempt]) -> list[Group]:
    """Attempts that are handed over again, as they were the first time."""
    found: dict[tuple[str, str], list[Attempt]] = {}
    for each in attempts:
        found.setdefault((ledger.run_of(each).experiment, each.batch or each.id), []).append(each)
    return [
        Group(name, tuple(each.id for each in some), batch, tuple(each.sent for each in some))
        for (name, batch), some in found.items()
    ]
