"""What is wrong with a spec, as lines."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tui import show

if TYPE_CHECKING:
    from collections.abc import Sequence

    from specs.model import SpecError

ERRORS = 4
"""Errors that are listed; of more, their number."""


def problem_lines(found: Sequence[SpecError]) -> list[str]:
    """The errors, each with line and column, as `✗ 3:7 message`."""
    lines = []
    for error in found[:ERRORS]:
        column = "" if error.column is None else f":{error.column}"
        where = "" if error.line is None else f"{error.line}{column} "
        lines.append(f"✗ {where}{show.clean(error.message)}")
    more = len(found) - ERRORS
    return [*lines, f"and {more} more"] if more > 0 else lines
