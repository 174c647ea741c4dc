"""Questions and tables on a plain terminal."""

from __future__ import annotations

import asyncio
import getpass
import json
import sys
import time
from typing import TYPE_CHECKING

from trainboard.show import clean, duration, finite, padded, width

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from backends.base import Question


LONGEST = 4000
"""Characters of one text; a terminal has room for more than a cell of the board."""


class TerminalPrompter:
    """Asks on the terminal that the command was typed in; where there is none, the answer is no."""

    def __init__(self) -> None:
        self._turn = asyncio.Lock()

    async def ask(self, question: Question) -> str | None:
        """One question at a time."""
        if not sys.stdin.isatty():
            return None
        async with self._turn:
            return await asyncio.to_thread(self._ask, question)

    def _ask(self, question: Question) -> str | None:
        sys.stderr.write(f"{clean(question.title)}\n")
        text = "\n".join(clean(line, LONGEST) for line in question.text.splitlines()) + " "
        try:
            if question.yes_no:
                return "yes" if input(f"{text}[y/N] ").strip().lower() in ("y", "yes") else None
            return input(text) if question.echo else getpass.getpass(text)
        except (EOFError, KeyboardInterrupt):
            return None


def print_json(value: object) -> None:
    """The whole answer as JSON on standard output; numbers that are not finite are `"nan"`, `"inf"` and `"-inf"`."""
    sys.stdout.write(json.dumps(finite(value), indent=2, allow_nan=False) + "\n")


def print_table(titles: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Columns, as wide as they must be; no titles, no line of them."""
    table = [*([titles] if titles else []), *([clean(cell, LONGEST) for cell in row] for row in rows)]
    widths = [max(map(width, column)) for column in zip(*table, strict=True)]
    for row in table:
        line = "  ".join(padded(cell, wide) for cell, wide in zip(row, widths, strict=True))
        sys.stdout.write(line.rstrip() + "\n")


def complain(message: str) -> None:
    """One line on standard error."""
    sys.stderr.write(f"trainboard: {clean(message, LONGEST)}\n")


def since(moment: float | None) -> str:
    """How long ago."""
    return duration(None if moment is None else time.time() - moment)
