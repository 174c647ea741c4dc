"""What a spec's text comes to: its runs or its errors, and the columns of a table of them. Blocks: off the loop."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from specs.braces import as_text
from tui import show

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from specs.model import Resources, Scalar, Setting, Spec, SpecError

MEASURED = 500
"""Runs by whose values the columns get their widths."""
WIDEST = 24


@dataclass(frozen=True, slots=True)
class Grid:
    """The columns of a table of runs."""

    names: tuple[str, ...] = ()
    """Parameters: those that differ first."""
    varied: int = 0
    """How many of them differ."""
    widths: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Sheet:
    """What a text would start, or what is wrong with it."""

    path: Path | None = None
    text: str = ""
    overrides: tuple[str, ...] = ()
    """What the text was read with."""
    spec: Spec | None = None
    settings: tuple[Setting, ...] = ()
    errors: tuple[SpecError, ...] = ()
    grid: Grid = field(default_factory=Grid)

    @property
    def problems(self) -> Mapping[int, str]:
        """By line, from 0: the first error there."""
        own = [error for error in self.errors if error.source == str(self.path)]
        lines = {error.line - 1: error.message for error in reversed(own) if error.line is not None}
        return {line: show.clean(message) for line, message in lines.items()}


def sheet(text: str, path: Path, overrides: tuple[str, ...] = ()) -> Sheet:
    """Read and expand a text. Blocks."""
    from specs.expand import expand
    from specs.load import errors, loads
    from specs.model import SpecError

    try:
        spec = loads(text, path, overrides)
        settings = expand(spec)
    except SpecError as error:
        return Sheet(path, text, overrides, errors=errors(text, path, overrides) or (error,))
    return Sheet(path, text, overrides, spec, settings, grid=grid(settings))


def grid(settings: Sequence[Setting]) -> Grid:
    """Columns for these runs."""
    names = dict.fromkeys(name for setting in settings for name in setting.params)
    varied = [name for name in names if differs(name, settings)]
    fixed = [name for name in names if name not in set(varied)]
    seen = settings[:MEASURED]
    widths = (
        *(max(len(name), *(len(shown(setting.params, name)) for setting in seen)) for name in varied),
        *(max(len(name), len(shown(settings[0].params, name))) for name in fixed),
    )
    return Grid((*varied, *fixed), len(varied), tuple(min(WIDEST, width) for width in widths))


def differs(name: str, settings: Sequence[Setting]) -> bool:
    """Whether the runs have more than one value of it, or some have none."""
    first = settings[0].params
    return any(
        name not in setting.params or name not in first or setting.params[name] != first[name] for setting in settings
    )


def shown(params: Mapping[str, Scalar], name: str) -> str:
    """A parameter's value as a table has it; nothing where the run does not have it."""
    return show.clean(as_text(params[name]), WIDEST) if name in params else ""


@dataclass(frozen=True, slots=True)
class Cell:
    """A run's value of a parameter, and where it has it from."""

    key: str
    """As `set_value` calls it."""
    written: str
    """As it stands in the text."""
    line: int
    """From 0."""
    single: bool
    """It is one value that can be set by itself."""
    runs: int
    """How many have the same."""


def value_of(seen: Sheet, text: str, setting: Setting, name: str) -> Cell:
    """The cell of a run of this sheet, in its text as it is now. Blocks. Raises `SpecError`."""
    from specs.edit import written
    from specs.whence import whence

    variant = seen.spec.variant if seen.spec is not None else None
    found, here = whence(text, setting.params, name, variant), shown(setting.params, name)
    said = written(text, found.key) if found.line is not None else None
    runs = sum(shown(each.params, name) == here for each in seen.settings)
    return Cell(found.key, said if said is not None else here, (found.line or 1) - 1, found.single, runs)


def changed(text: str, key: str, value: str) -> str:
    """The text with one value changed. Blocks. Raises `SpecError`."""
    from specs.edit import set_value

    return set_value(text, key, value)


def needed(resources: Resources) -> str:
    """What a run asks for; empty where the backend's defaults will do."""
    parts = [
        show.count(resources.gpus, "GPU") if resources.gpus else "",
        f"{show.size(resources.gpu_memory)} on each" if resources.gpu_memory else "",
        show.count(resources.cpus, "CPU") if resources.cpus else "",
        f"{show.size(resources.memory)} memory" if resources.memory else "",
        f"{show.size(resources.disk)} disk" if resources.disk else "",
        f"{show.duration(resources.time)} at most" if resources.time else "",
    ]
    return ", ".join(filter(None, parts))
