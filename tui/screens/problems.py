"""What is wrong with a spec, as lines."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from tui import show

if TYPE_CHECKING:
    from collections.abc import Sequence

    from specs.model import SpecError

ERRORS = 4
"""Errors that are listed; of more, their number."""


def problem_lines(found: Sequence[SpecError], path: Path | None) -> list[str]:
    """The errors, each with line and column, as `✗ 3:7 message`; those in another file than `path` with its name."""
    lines = []
    for error in found[:ERRORS]:
        column = "" if error.column is None else f":{error.column}"
        other = "" if error.source == str(path) else f"{show.clean(Path(error.source).name, 40)}:"
        where = "" if error.line is None else f"{other}{error.line}{column} "
        lines.append(f"✗ {where}{show.clean(error.message)}")
    more = len(found) - ERRORS
    return [*lines, f"and {more} more"] if more > 0 else lines
