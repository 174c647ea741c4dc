"""The one table of what shows outputs of runs: a new viewer is one function and one line."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, cast

from trainboard.outputs import Kind
from tui.loading import loaded

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from textual.screen import Screen

    from trainboard.actions import Actions
    from trainboard.outputs import Output
    from trainboard.written import Written


@dataclass(frozen=True, slots=True)
class Look:
    """What a viewer is handed."""

    actions: Actions
    work: Written
    """Reads files of the run, `work.row`, where they lie."""
    output: Output
    """What is to be shown."""
    others: Sequence[Output]
    """All outputs of the run, as they were listed."""
    clock: Callable[[], float]
    readonly: bool = False


VIEWERS: Mapping[Kind, str] = {
    Kind.PREDICTIONS: "tui.screens.errors:look_at",
    Kind.SEQUENCES: "tui.screens.sequence:look_at",
    Kind.SAMPLES: "tui.screens.samples:look_at",
    Kind.TRACES: "tui.screens.profile:look_at",
    Kind.EMBEDDINGS: "tui.screens.embedding:look_at",
}
"""By kind: `module:function` that makes a screen of a `Look` or raises `Refused`; imported when it is wanted."""


async def viewer(look: Look) -> Screen[None] | None:
    """The screen that shows it; None: nothing shows files of its kind. Raises `Refused`."""
    named = VIEWERS.get(look.output.kind)
    if named is None:
        return None
    module, _, function = named.partition(":")
    await loaded(module)
    make = cast("Callable[[Look], Screen[None]]", getattr(import_module(module), function))
    return make(look)
