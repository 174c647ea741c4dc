"""A report as one Markdown file; its drawings are in it as data, which most viewers show. Pure."""

from __future__ import annotations

import base64
import re
from typing import TYPE_CHECKING

from trainboard.report.page import Figure, Listing, Table, Text

if TYPE_CHECKING:
    from collections.abc import Iterable

    from trainboard.report.page import Block, Page

SPECIAL = re.compile(r"([\\`*_{}\[\]<>()#+!|~$&-])")
"""What means something to Markdown or to HTML, which Markdown lets through."""

INK = "#444444"
"""In a picture of its own there is no colour of the text around it: one that is read on white and on black."""


def as_markdown(page: Page) -> str:
    """The file."""
    parts = [f"# {plain(page.title)}", plain(page.made)]
    for section in page.sections:
        parts += [f"## {plain(section.title)}", *(part for block in section.blocks for part in _block(block))]
    return "\n\n".join(parts) + "\n"


def plain(text: str) -> str:
    """The text, in one line that means only itself."""
    return SPECIAL.sub(r"\\\1", " ".join(text.split()))


def _block(block: Block) -> Iterable[str]:
    match block:
        case Text(text):
            yield "  \n".join(map(plain, text.splitlines()))
        case Figure(svg, caption):
            data = base64.b64encode(svg.replace("currentColor", INK).encode()).decode()
            yield f"![{plain(caption)}](data:image/svg+xml;base64,{data})"
            yield f"*{plain(caption)}*"
        case Listing(text, title, language):
            fence = "`" * max(3, 1 + max(map(len, re.findall("`+", text)), default=0))
            yield plain(title)
            yield f"{fence}{language}\n{text.rstrip()}\n{fence}"
        case Table():
            yield _table(block)
            if block.more:
                yield plain(block.more)


def _table(table: Table) -> str:
    lines = [_row(map(plain, table.titles)), _row("---" for _ in table.titles)]
    for at, row in enumerate(table.rows):
        cells = ((plain(text), (at, column) in table.best) for column, text in enumerate(row))
        lines.append(_row(f"**{text}** ★" if best else text for text, best in cells))
    return "\n".join(lines)


def _row(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"
