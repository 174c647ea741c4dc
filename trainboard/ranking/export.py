"""A table of results as it is on the screen, written: CSV, XLSX, LaTeX, JSON. Nothing in it becomes a formula."""

from __future__ import annotations

import io
import json
import math
import re
from typing import TYPE_CHECKING, Any

from specs import cells
from specs.tree import quoted
from trainboard import sheets
from trainboard.actions import Exists, Refused
from trainboard.ranking.columns import Source
from trainboard.ranking.spread import Spread
from trainboard.ranking.table import title_of
from trainboard.ranking.welch import deviation, rounded, verdict
from trainboard.results import KINDS
from trainboard.show import clean, finite, number

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from trainboard.ranking.columns import Cell, Column
    from trainboard.ranking.table import Line, Table

GROUP_RUNS = "runs"
"""Title of the column that says how many runs are folded into a line."""


def write(table: Table, path: Path) -> None:
    """By the end of the file's name. Blocks. Raises `Exists` where there is such a file, and `Refused`."""
    make = FORMATS.get(path.suffix.lower())
    if make is None:
        raise Refused(f"{path.name}: the name must end with {', '.join(FORMATS)}, not {quoted(path.suffix)}")
    put_new(path, make(table))


def put_new(path: Path, content: bytes) -> None:
    """Write a file that is not there yet. Raises `Exists` and `Refused`."""
    try:
        with path.open("xb") as file:
            file.write(content)
    except FileExistsError as error:
        raise Exists(f"{path}: there is such a file already") from error
    except OSError as error:
        raise Refused(f"{path}: {error.strerror or error}") from error


def headers(table: Table) -> list[str]:
    """The titles of a sheet's columns: of folded runs, a metric has its mean, its standard deviation and how many."""
    titles: list[str] = [cells.result("run")] if table.view.by is None else [cells.result(GROUP_RUNS)]
    for column in table.columns:
        if column.key == "[run]":
            continue
        titles.append(column.header)
        if table.view.by is not None and column.source is Source.METRIC:
            titles += [cells.result(f"{column.kind} {word}", column.name) for word in ("sd", "n")]
    return titles


def row(line: Line, table: Table, parameter: Callable[[Any], Any], fact: Callable[[Any], Any]) -> list[Any]:
    """The cells under these titles, each made by one of the two."""
    found: list[Any] = [fact(line.first.key if not line.folded else len(line.members))]
    for column in table.columns:
        if column.key == "[run]":
            continue
        value = line.cell(column)
        if table.view.by is not None and column.source is Source.METRIC:
            spread = value if isinstance(value, Spread) else None
            found += [fact(None if spread is None else each) for each in _figures(spread)]
        elif column.source is Source.PARAM:
            there = line.folded or column.name in line.first.params
            found.append(parameter(value) if there else None)
        else:
            found.append(fact(value))
    return found


def _figures(spread: Spread | None) -> tuple[float | None, float | None, int]:
    return (None, None, 0) if spread is None else (spread.mean, spread.sd, spread.n)


def as_csv(table: Table) -> bytes:
    """In UTF-8."""
    rows = [[sheets.harmless(title) for title in headers(table)]]
    rows += [row(line, table, cells.written, sheets.in_csv) for line in table.lines]
    return "".join(map(sheets.line, rows)).encode("utf-8", "replace")


def as_xlsx(table: Table) -> bytes:
    """As a workbook: numbers are numbers, everything else is text."""
    from openpyxl import Workbook
    from openpyxl.styles import Font

    book = Workbook(write_only=True)
    sheet = book.create_sheet("results")
    sheet.freeze_panes = "B2"
    head = [sheets.text_cell(sheet, title) for title in headers(table)]
    for cell in head:
        cell.font = Font(bold=True)
    sheet.append(head)
    for line in table.lines:
        sheet.append(
            row(
                line,
                table,
                lambda value: sheets.parameter_cell(sheet, value),
                lambda value: sheets.fact_cell(sheet, value),
            )
        )
    content = io.BytesIO()
    book.save(content)
    return content.getvalue()


_LATEX: Mapping[str, str] = {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    '"': r"\textquotedbl{}",
    "±": r"$\pm$",
    "…": r"\dots{}",
    **{sign: f"\\{sign}" for sign in "&%$#_{}"},
}
_SPECIAL = re.compile("|".join(map(re.escape, _LATEX)))


def escaped(text: str) -> str:
    """Text that LaTeX sets as it is; control characters become their pictures, which it cannot set: they go."""
    plain = "".join(char for char in clean(text) if not 0x2400 <= ord(char) <= 0x2426)
    return _SPECIAL.sub(lambda found: _LATEX[found[0]], plain)


def as_latex(table: Table) -> bytes:
    r"""A `tabular` for `\usepackage{booktabs}`, the best in bold."""
    titles = [_heading(column) for column in table.columns if column.key != "[run]"]
    first = "run" if table.view.by is None else GROUP_RUNS
    aligned = "".join("r" if _right(table, column) else "l" for column in table.columns if column.key != "[run]")
    lines = [
        "% \\usepackage{booktabs}",
        f"\\begin{{tabular}}{{{'l' if table.view.by is None else 'r'}{aligned}}}",
        "\\toprule",
        " & ".join([first, *titles]) + r" \\",
        "\\midrule",
        *(" & ".join(_latex_row(line, table)) + r" \\" for line in table.lines),
        "\\bottomrule",
        "\\end{tabular}",
    ]
    return ("\n".join(lines) + "\n").encode("utf-8", "replace")


def _heading(column: Column) -> str:
    return escaped(f"{column.name} ({column.kind})" if column.kind else column.name)


def _right(table: Table, column: Column) -> bool:
    """Whether a column has numbers alone."""
    values = [line.cell(column) for line in table.lines]
    known = [value for value in values if value is not None]
    return bool(known) and all(
        isinstance(v, Spread) or (isinstance(v, int | float) and not isinstance(v, bool)) for v in known
    )


def _latex_row(line: Line, table: Table) -> list[str]:
    found = [escaped(line.first.key) if not line.folded else str(len(line.members))]
    for column in table.columns:
        if column.key == "[run]":
            continue
        value = line.cell(column)
        text = _latex(value)
        text = f"\\textbf{{{text}}}" if text and line.key in table.best_of(column) else text
        # Of how many, where that is not all of the line's runs.
        fewer = isinstance(value, Spread) and value.n < len(line.members)
        found.append(f"{text} ({value.n})" if fewer and isinstance(value, Spread) else text)
    return found


def _latex(value: Cell | Spread) -> str:
    """One cell."""
    if isinstance(value, Spread):
        if value.sd is None or not math.isfinite(value.mean):
            return _latex(value.mean)
        return f"${rounded(value.mean, value.sd)} \\pm {deviation(value.sd)}$".replace("e-0", "e-")
    if value is None:
        return "--"
    if isinstance(value, int | float) and not isinstance(value, bool):
        return f"${number(float(value))}$" if value < 0 else number(float(value))
    return escaped(str(value).lower() if isinstance(value, bool) else str(value))


def as_json(table: Table) -> bytes:
    """The same as `results --json` prints."""
    return (json.dumps(finite(document(table)), indent=2, ensure_ascii=False) + "\n").encode("utf-8", "replace")


def document(table: Table) -> Any:  # noqa: ANN401 - JSON
    """Runs as a list; of folded ones the groups, and the test of the best against the next."""
    if table.view.by is None:
        return [run_document(line) for line in table.lines]
    found = verdict(table)
    return {
        "by": list(table.view.by),
        "groups": [group_document(line, table) for line in table.lines],
        "best": None if found is None else found.as_json(),
    }


def run_document(line: Line) -> dict[str, Any]:
    """One run."""
    entry = line.first
    return {
        "run": entry.key,
        "experiment": entry.experiment,
        "name": entry.name,
        "state": str(entry.state),
        "params": dict(entry.params),
        "seconds": entry.seconds,
        "gpu_hours": entry.gpu_hours,
        "finding": entry.finding or None,
        "metrics": {name: {kind: getattr(value, kind) for kind in KINDS} for name, value in entry.metrics.items()},
    }


def group_document(line: Line, table: Table) -> dict[str, Any]:
    """Runs that are one line."""
    by = table.view.by or ()
    metrics: dict[str, dict[str, Any]] = {}
    for column in table.columns:
        if column.source is Source.METRIC and (spread := line.spread(column)) is not None:
            told = {"mean": spread.mean, "sd": spread.sd, "n": spread.n, "not_finite": spread.wild}
            metrics.setdefault(column.name, {})[column.kind] = told
    return {
        "group": title_of(line, by),
        "params": {name: line.first.params.get(name) for name in by if name in line.first.params},
        "experiments": list(dict.fromkeys(each.experiment for each in line.members)),
        "runs": [each.key for each in line.members],
        "metrics": metrics,
    }


FORMATS: Mapping[str, Callable[[Table], bytes]] = {
    ".csv": as_csv,
    ".xlsx": as_xlsx,
    ".tex": as_latex,
    ".json": as_json,
}
"""The end of a file's name → what makes its content."""


def formats() -> Sequence[str]:
    """What a name may end with."""
    return tuple(FORMATS)
