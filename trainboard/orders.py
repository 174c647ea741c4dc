"""What backends are told of what users want: cancel, hold, release, priority, order; and what the store says then."""

from __future__ import annotations

from dataclasses import replace
from itertools import groupby
from typing import TYPE_CHECKING

from backends.base import JobState
from trainboard.reconcile import watched
from trainboard.sending import overdue

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from backends.base import Backend, Watched
    from trainboard.documents import Records
    from trainboard.records import Attempt, Run

ORDERING = ("priority", "order")
"""The verbs of `put_in_order`."""


async def told(backend: Backend, verb: str, attempts: Sequence[Watched]) -> None:
    """Have a backend cancel, hold or release attempts. Raises `BackendError`."""
    match verb:
        case "cancel":
            await backend.cancel(attempts)
        case "hold":
            await backend.hold(attempts)
        case "release":
            await backend.release(attempts)
        case _:
            raise ValueError(verb)


async def put_in_order(backend: Backend, verb: str, attempts: Iterable[Attempt], runs: Mapping[str, Run]) -> None:
    """Have a backend give attempts the priority, or the place, of their runs. Raises `BackendError`."""

    def level(each: Attempt) -> int:
        return runs[each.run].priority

    if verb == "order":
        some = sorted(attempts, key=lambda each: runs[each.run].place)
        await backend.to_top([watched(each, runs[each.run]) for each in some])
    else:
        for priority, together in groupby(sorted(attempts, key=level), level):
            await backend.prioritise([watched(each, runs[each.run]) for each in together], priority)


def fulfilled(records: Records, verb: str, tokens: Iterable[str], now: float, resend: float) -> list[Attempt]:
    """What the store says after a backend did what it was told."""
    changed = []
    for token in tokens:
        attempt = records.attempts[token]
        if verb == "cancel" and attempt.state is JobState.SUBMITTING and overdue(attempt, now, resend):
            # Nobody ever saw it, and it can never start now.
            changed.append(
                replace(attempt, state=JobState.CANCELLED, ended=now, reason="cancelled before it was seen")
            )
        elif verb == "release" and attempt.held:
            changed.append(replace(attempt, held=False))
        elif verb == "hold" and not attempt.held and not attempt.state.ended:
            changed.append(replace(attempt, held=True))
    return changed


def ordered(records: Records, verb: str, runs: Mapping[str, Run]) -> list[Attempt]:
    """What the store says after a backend was told the priority, or the place, of these runs, by token."""
    return [
        replace(records.attempts[token], place=run.place)
        if verb == "order"
        else replace(records.attempts[token], priority=run.priority)
        for token, run in runs.items()
    ]
