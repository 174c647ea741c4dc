"""What can be done with jobs: of which of them, with which question, and what is said after. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from backends.states import JobState
from tui import show
from tui.listing import WAITING

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from trainboard.actions import Actions
    from trainboard.rows import Row
    from tui.keys import Key


@dataclass(frozen=True, slots=True)
class Order:
    """One thing to do."""

    verb: str
    """`cancel`: what the question asks for and the answer says."""
    takes: Callable[[Row], bool]
    """Whether it means anything for a row."""
    refusal: str
    """Why it means nothing for a row that it does not take."""
    do: Callable[[Actions, list[str]], Awaitable[None]]
    asks: bool = False
    """Whether it destroys something: then there is a question before."""
    warn: Callable[[Sequence[Row]], str] = lambda rows: ""

    def question(self, count: int) -> tuple[str, str]:
        """The question, and its yes."""
        verb = self.verb.capitalize()
        if count == 1:
            return f"{verb} this job?", f"{self.verb} it"
        return f"{verb} {count} jobs?", f"{self.verb} them"


def alive(row: Row) -> bool:
    """Whether there is something to end."""
    return not row.state.ended


def waits(row: Row) -> bool:
    """Whether it has not begun."""
    return row.state in WAITING


def is_held(row: Row) -> bool:
    """Whether somebody wants it to wait."""
    return row.held or row.state is JobState.HELD


def living(rows: Sequence[Row]) -> str:
    """What is said of jobs that have not ended before they are run again."""
    count = sum(map(alive, rows))
    if not count:
        return ""
    if len(rows) == 1:
        return "It is alive: it is ended first."
    return (
        f"{count} of them {'is' if count == 1 else 'are'} alive: {'it is' if count == 1 else 'they are'} ended first."
    )


CANCEL = Order("cancel", alive, "not alive any more", lambda do, keys: do.cancel(keys), asks=True)
REQUEUE = Order(
    "requeue",
    lambda row: row.ours,
    "trainboard did not start it",
    lambda do, keys: do.requeue(keys),
    asks=True,
    warn=living,
)
HOLD = Order("hold", waits, "does not wait", lambda do, keys: do.hold(keys))
RELEASE = Order("release", waits, "does not wait", lambda do, keys: do.release(keys))
RAISE = Order("raise", waits, "does not wait", lambda do, keys: do.prioritise(keys, 1))
LOWER = Order("lower", waits, "does not wait", lambda do, keys: do.prioritise(keys, -1))
TO_TOP = Order("put to the top", waits, "does not wait", lambda do, keys: do.to_top(keys))


def hold_or_release(rows: Sequence[Row]) -> Order:
    """Release where all that wait are held, else hold."""
    waiting = [row for row in rows if waits(row)]
    return RELEASE if waiting and all(map(is_held, waiting)) else HOLD


def offered(keys: Sequence[Key], row: Row | None) -> list[Key]:
    """The keys for the footer: those orders that mean something for this row, before marking and folding."""
    if row is None:
        return list(keys)
    own = hold_or_release([row])
    meant = {"cancel": CANCEL.takes(row), "hold": own.takes(row), "requeue": REQUEUE.takes(row) and not waits(row)}
    named = (replace(key, label=own.verb) if key.action == "hold" else key for key in keys)
    kept = [key for key in named if meant.get(key.action, True)]
    late = {"mark": 1, "fold": 1}
    last = max((place for place, key in enumerate(kept) if key.action in meant), default=-1) + 1
    return sorted(kept[:last], key=lambda key: late.get(key.action, 0)) + kept[last:]


def nothing_to_do(order: Order, rows: Sequence[Row]) -> str:
    """What is said where an order means nothing for any of these."""
    return f"nothing to {order.verb}: {order.refusal}" if rows else "no job chosen"


def done(order: Order, count: int) -> str:
    """What is said when it was asked for."""
    return f"asked to {order.verb} {show.count(count, 'job')}"
