"""The conditions of a sweep's axes: that each can be told, and can come to hold."""

from __future__ import annotations

from typing import TYPE_CHECKING

from specs.alike import same
from specs.axes import alternatives
from specs.braces import as_text
from specs.combos import SEED, possible
from specs.draft import fixed
from specs.gather import Gather
from specs.model import Choice, Method
from specs.references import has_references
from specs.tree import nearest, quoted

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from specs.axes import Axis
    from specs.draft import Draft
    from specs.model import Scalar, SpecError, Sweep
    from specs.tree import Value

DEEPEST = 20
"""Conditions one behind the other."""


def check(draft: Draft, sweep: Sweep, axes: Mapping[str, Axis]) -> None:
    """Raise `SpecError`, or a group of them, for every condition that makes no sense."""
    if not sweep.when:
        return
    gather = Gather()
    params = gather(fixed, draft, draft.top.section("params")) or {}
    gather.errors.clear()  # the parameters' own reader tells of them
    values = possible(sweep, params)
    for name, axis in axes.items():
        for on, value in axis.when.items():
            if _of_command_line(draft, on):
                continue
            if (problem := _problem(name, on, value, sweep, values)) is not None:
                gather.add([problem])
    gather.done()
    waiting = _circle({name: [*axis.when] for name, axis in axes.items()})
    if waiting is not None:
        raise axes[waiting].value.error(f'depends on itself by its "when", or on more than {DEEPEST} others')


def _problem(
    name: str, on: str, value: Value, sweep: Sweep, values: Mapping[str, Sequence[Scalar]]
) -> SpecError | None:
    drawn = sweep.drawn.get(on)
    if on == SEED and sweep.seeds:
        return value.place.error(f'"{SEED}" changes within every setting; a condition cannot look at it')
    if on not in values:
        return value.place.error(f"no parameter is called {quoted(on)}{nearest(on, values)}")
    if sweep.method is Method.GRID and drawn is not None and name not in sweep.drawn:
        return value.place.error(f"{quoted(on)} is drawn by lot, after the listed values of {quoted(name)} are set")
    if any(has_references(each) for each in values[on]):
        return value.place.error(f"{quoted(on)} is a reference; let the condition look at what it refers to")
    if drawn is not None and not isinstance(drawn, Choice):
        return None
    if any(same(item.scalar(), each) for item in alternatives(value) for each in values[on]):
        return None
    wanted = alternatives(value)[0]
    near = nearest(as_text(wanted.scalar()), [as_text(each) for each in values[on]])
    return wanted.place.error(f"{quoted(on)} is never {wanted.shown}{near}")


def _of_command_line(draft: Draft, name: str) -> bool:
    """Whether a parameter has its values from there, where a condition of the file may well never hold."""
    section = draft.top.section("sweep")
    return name in draft.fixed or (name in section and section[name].place.line is None)


def _circle(looks_at: Mapping[str, Sequence[str]]) -> str | None:
    """An axis that depends on itself, or on too many others one behind the other."""
    waiting = dict(looks_at)
    for _ in range(DEEPEST):
        for name in [name for name, others in waiting.items() if not any(other in waiting for other in others)]:
            del waiting[name]
    return next(iter(waiting), None)
