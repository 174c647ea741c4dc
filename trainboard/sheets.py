"""Results as a sheet, in CSV and XLSX: a row a run, a column a parameter; `trainboard import` makes a spec of it.

`specs.cells` says what titles and cells mean; nothing in them is taken for a formula.
"""

from __future__ import annotations

import csv
import datetime
import io
import math
from typing import TYPE_CHECKING, Any

from specs import cells
from trainboard import results

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from openpyxl.worksheet._write_only import WriteOnlyWorksheet

    from specs.model import Scalar
    from trainboard.results import Result

Cell = str | int | float | bool | datetime.datetime | None

FACTS: Mapping[str, Callable[[Result], Cell]] = {
    "run": lambda found: found.run.id,
    "experiment": lambda found: found.experiment.id,
    "name": lambda found: found.run.name,
    "state": lambda found: str(found.attempt.state),
}
"""Columns before the parameters."""

MORE: Mapping[str, Callable[[Result], Cell]] = {
    "backend": lambda found: found.attempt.backend or None,
    "started": lambda found: moment(found.attempt.started),
    "ended": lambda found: moment(found.attempt.ended),
    "seconds": lambda found: None if found.seconds is None else round(found.seconds, 3),
    "exit code": lambda found: found.attempt.exit_code,
    "reason": lambda found: found.attempt.reason or None,
    "results": lambda found: None if found.folder is None else str(found.folder),
}
"""Columns behind the metrics."""

LONGEST = 32767
"""Characters that a cell of a workbook takes."""


def moment(at: float | None) -> datetime.datetime | None:
    """A time in the user's own time zone, without saying so: workbooks know none."""
    return None if at is None else datetime.datetime.fromtimestamp(round(at))


def titles(found: Sequence[Result]) -> list[str]:
    """The columns of these runs."""
    values = [cells.result(kind, name) for name in results.metrics(found) for kind in results.KINDS]
    return [
        *(cells.result(word) for word in FACTS),
        *results.parameters(found),
        *values,
        *(cells.result(word) for word in MORE),
    ]


def row(
    result: Result, found: Sequence[Result], parameter: Callable[[Scalar], Cell], fact: Callable[[Cell], Cell]
) -> list[Cell]:
    """The cells of one run under the titles of all, each made by one of the two."""
    params = result.run.params
    values: list[Cell] = []
    for name in results.metrics(found):
        value = result.metrics.get(name)
        values += [None if value is None else getattr(value, kind) for kind in results.KINDS]
    return [
        *(fact(tell(result)) for tell in FACTS.values()),
        *(parameter(params[name]) if name in params else None for name in results.parameters(found)),
        *(fact(value) for value in values),
        *(fact(tell(result)) for tell in MORE.values()),
    ]


def as_csv(found: Sequence[Result]) -> bytes:
    """The sheet as CSV, in UTF-8."""
    rows: list[list[Cell]] = [[harmless(title) for title in titles(found)]]
    rows += [row(result, found, cells.written, in_csv) for result in found]
    return "".join(map(line, rows)).encode("utf-8", "replace")


def line(values: Sequence[Cell]) -> str:
    """A row of CSV. Readers take either character for its end; the writer quotes those of its line terminator."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\r\n").writerow(values)
    return text.getvalue().removesuffix("\r\n") + "\n"


def in_csv(value: Cell) -> Cell:
    """A cell that is no parameter's, as text."""
    if isinstance(value, datetime.datetime):
        return value.isoformat(" ")
    return harmless(value) if isinstance(value, str) else value


def as_xlsx(found: Sequence[Result]) -> bytes:
    """The sheet as a workbook: numbers, times and truth values are such, everything else is text."""
    from openpyxl import Workbook
    from openpyxl.styles import Font

    book = Workbook(write_only=True)
    sheet = book.create_sheet("results")
    sheet.freeze_panes = "B2"
    head = [text_cell(sheet, title) for title in titles(found)]
    for cell in head:
        cell.font = Font(bold=True)
    sheet.append(head)
    for result in found:
        sheet.append(
            row(result, found, lambda value: parameter_cell(sheet, value), lambda value: fact_cell(sheet, value))
        )
    content = io.BytesIO()
    book.save(content)
    return content.getvalue()


def parameter_cell(sheet: WriteOnlyWorksheet, value: Scalar) -> Any:  # noqa: ANN401 - a cell of openpyxl, or a value
    """A parameter, from which the same value is read."""
    from openpyxl.cell import WriteOnlyCell

    typed = cells.typed(value)
    if isinstance(typed, str):
        return text_cell(sheet, typed)
    cell = WriteOnlyCell(sheet, typed)
    if shape := cells.number_format(value):
        cell.number_format = shape
    return cell


def fact_cell(sheet: WriteOnlyWorksheet, value: Cell) -> Any:  # noqa: ANN401 - as above
    """A cell that is no parameter's; numbers that a workbook does not have are words."""
    if isinstance(value, float) and not math.isfinite(value):
        return text_cell(sheet, str(value))
    return text_cell(sheet, value) if isinstance(value, str) else value


def text_cell(sheet: WriteOnlyWorksheet, text: str) -> Any:  # noqa: ANN401 - as above
    """Text, whatever it looks like."""
    from openpyxl.cell import WriteOnlyCell

    cell = WriteOnlyCell(sheet, cells.escaped(text)[:LONGEST].encode("utf-8", "replace").decode())
    cell.data_type = "s"
    return cell


def harmless(text: str) -> str:
    """Text that no spreadsheet takes for a formula."""
    return f"{cells.TEXT}{text}" if text.startswith(("=", "+", "-", "@", "\t", "\r")) else text
