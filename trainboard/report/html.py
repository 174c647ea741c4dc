"""A report as one HTML file: nothing is loaded and nothing runs in it. Pure."""

from __future__ import annotations

import html
from typing import TYPE_CHECKING

from trainboard.report.page import Figure, Listing, Section, Table, Text

if TYPE_CHECKING:
    from collections.abc import Iterable

    from trainboard.report.page import Block, Page

STYLE = """
:root { color-scheme: light dark; --line: #8884; --best: #2a7a2a1f; }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
h1 { margin-bottom: 0; } .made { opacity: .7; margin-top: .2rem; }
h2 { border-bottom: 1px solid var(--line); margin-top: 2.2rem; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; font-size: 13px; font-variant-numeric: tabular-nums; }
th, td { padding: .2rem .6rem; border-bottom: 1px solid var(--line); text-align: left; white-space: nowrap; }
td.n { text-align: right; } td.best { font-weight: 600; background: var(--best); }
pre { padding: .7rem; border: 1px solid var(--line); overflow-x: auto; font-size: 12.5px; }
figure { margin: 1rem 0; } figcaption { opacity: .8; font-size: 13px; } svg { width: 100%; max-width: 46rem; }
ins { text-decoration: none; background: #2a7a2a22; } del { text-decoration: none; background: #b0303022; }
@media print { body { max-width: none; } details > * { display: block; } pre { white-space: pre-wrap; } }
"""

POLICY = "default-src 'none'; style-src 'unsafe-inline'"
"""For browsers: whatever comes into the file, it loads and runs nothing."""


def as_html(page: Page) -> str:
    """The file."""
    sections = "".join(map(_section, page.sections))
    title = html.escape(page.title)
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{title}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n"
        f'<h1>{title}</h1>\n<p class="made">{html.escape(page.made)}</p>\n{sections}</body>\n</html>\n'
    )


def _section(section: Section) -> str:
    return f"<section>\n<h2>{html.escape(section.title)}</h2>\n{''.join(map(_block, section.blocks))}</section>\n"


def _block(block: Block) -> str:
    match block:
        case Text(text):
            return "<p>" + "<br>\n".join(map(html.escape, text.splitlines())) + "</p>\n"
        case Figure(svg, caption):
            return f"<figure>{svg}<figcaption>{html.escape(caption)}</figcaption></figure>\n"
        case Listing(folded=True):
            return f"<details><summary>{html.escape(block.title)}</summary>\n{_listing(block)}</details>\n"
        case Listing():
            return f"<p>{html.escape(block.title)}</p>\n{_listing(block)}"
        case Table():
            return _table(block)


def _listing(block: Listing) -> str:
    lines = block.text.splitlines()
    shown = _difference(lines) if block.language == "diff" else map(html.escape, lines)
    return "<pre>" + "\n".join(shown) + "</pre>\n"


def _difference(lines: Iterable[str]) -> Iterable[str]:
    """What came and what went stands out; the signs in front say it as well."""
    for line in lines:
        text = html.escape(line)
        name = "ins" if line.startswith("+") else "del" if line.startswith("-") else ""
        yield f"<{name}>{text}</{name}>" if name else text


def _table(table: Table) -> str:
    head = "".join(f'<th scope="col">{html.escape(title)}</th>' for title in table.titles)
    right = {column for column in range(len(table.titles)) if _all_numbers(row[column] for row in table.rows)}
    rows = "\n".join(
        "<tr>"
        + "".join(_cell(text, column in right, (at, column) in table.best) for column, text in enumerate(row))
        + "</tr>"
        for at, row in enumerate(table.rows)
    )
    more = f"<p>{html.escape(table.more)}</p>\n" if table.more else ""
    whole = f"<table>\n<thead><tr>{head}</tr></thead>\n<tbody>\n{rows}\n</tbody>\n</table>"
    return f'<div class="wide">{whole}</div>\n{more}'


def _cell(text: str, right: bool, best: bool) -> str:
    kinds = " ".join(filter(None, ("n" if right else "", "best" if best else "")))
    start = f'<td class="{kinds}">' if kinds else "<td>"
    return f"{start}{html.escape(text)}{' ★' if best else ''}</td>"


def _all_numbers(cells: Iterable[str]) -> bool:
    """Whether a column is of numbers, some of which may be missing."""
    return all(text in ("", "–") or _is_number(text) for text in cells)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
