"""Sheets as rows of values: CSV in the forms that spreadsheets write it, and workbooks."""

from __future__ import annotations

import codecs
import csv
import datetime
import io
import re
import warnings
import zipfile
from dataclasses import dataclass
from typing import TYPE_CHECKING

from specs import cells
from specs.braces import as_text
from specs.document import decode
from specs.model import SpecError
from specs.tree import quoted

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from specs.model import Scalar

MOST_COLUMNS = 1000
MOST_ROWS = 100_000
LARGEST = 256 << 20
"""Bytes that a workbook may have when it is unpacked."""

_DECIMAL_COMMA = re.compile(r"[-+]?\d+,\d+(?:[eE][-+]?\d+)?", re.ASCII)
_SEPARATOR = re.compile(r"sep=(.)\r?\n", re.IGNORECASE)
_WITHIN_QUOTES = re.compile(r'"[^"]*"')
_IN_FORMAT = re.compile(r'"[^"]*"|\\.|\[[^\]]*\]')


Cell = str | int | float | bool


@dataclass(frozen=True, slots=True)
class Row:
    """A row that is not empty."""

    number: int
    """In the file, from 1."""
    values: Mapping[int, Scalar]
    """By column, from 0; none for an empty cell."""


@dataclass(frozen=True, slots=True)
class Table:
    """A sheet: its first row that is not empty is the header, but for a title: a single cell above wider rows."""

    header: Mapping[int, str]
    rows: tuple[Row, ...]
    notes: tuple[str, ...] = ()


def read_csv(data: bytes, source: str) -> Table:
    """A table of a text file, between commas, semicolons or tabs. Raises `SpecError`."""
    text = _decoded(data, source)
    named = _SEPARATOR.match(text)
    first = _WITHIN_QUOTES.sub("", next((line for line in text.splitlines() if line.strip()), ""))
    delimiter = named[1] if named else max(",;\t", key=first.count)
    lines = csv.reader(
        io.StringIO(text[named.end() :] if named else text, newline=""), delimiter=delimiter, strict=True
    )
    found: list[tuple[int, Mapping[int, Cell]]] = []
    commas = False
    try:
        for number, line in enumerate(lines, 1):
            row = {at: cell for at, cell in enumerate(line) if cell.strip()}
            if delimiter != "," and found:
                points = {at: row[at].replace(",", ".") for at in row if _DECIMAL_COMMA.fullmatch(row[at].strip())}
                commas, row = commas or bool(points), row | points
            found += [(number, row)] if row else []
            _bounded(number, row, source)
    except csv.Error as error:
        raise SpecError(source, lines.line_num, f"is no table: {error}") from None
    notes = ("numbers with a decimal comma, as 0,1, are read as 0.1",) if commas else ()
    return _table(found, source, notes)


def read_xlsx(data: bytes, source: str) -> Table:
    """The table in a workbook's sheet that was open last. Raises `SpecError`."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as file:
            size = sum(part.file_size for part in file.infolist())
    except (zipfile.BadZipFile, ValueError, NotImplementedError, EOFError, OSError):
        raise SpecError(source, None, "is no workbook (xlsx)") from None
    if size > LARGEST:
        raise SpecError(source, None, f"unpacks to {size >> 20} MiB; at most {LARGEST >> 20} are read")
    try:
        with warnings.catch_warnings(action="ignore"):  # about what of a workbook openpyxl leaves aside
            return _workbook(data, source)
    except SpecError:
        raise
    except Exception as error:  # openpyxl checks little of what it reads: any defect of a file can be any exception
        raise SpecError(
            source, None, f"is a workbook that cannot be read: {quoted(str(error), longest=120)}"
        ) from None


def _workbook(data: bytes, source: str) -> Table:
    from openpyxl import load_workbook

    book = load_workbook(io.BytesIO(data), read_only=True)
    sheets = book.worksheets
    if not sheets:
        raise SpecError(source, None, "has no sheet")
    at = sheets.index(book.active) if book.active in sheets else 0
    # What a formula comes to is there only where a spreadsheet program has saved it.
    results = load_workbook(io.BytesIO(data), read_only=True, data_only=True).worksheets[at]
    found: list[tuple[int, Mapping[int, Cell]]] = []
    for sheet in (sheets[at], results):
        sheet.reset_dimensions()  # which not every program writes right
    for number, (row, computed) in enumerate(zip(sheets[at].iter_rows(), results.iter_rows(), strict=True), 1):
        values: dict[int, Cell] = {}
        for column, (cell, result) in enumerate(zip(row, computed, strict=True)):
            if cell.value is not None and str(cell.value).strip():
                form = result.number_format or ""
                values[column] = _cell(result.value, form, result.data_type, number, column, source)
        found += [(number, values)] if values else []
        _bounded(number, values, source)
    others = ", ".join(quoted(sheet.title) for sheet in sheets if sheet is not sheets[at])
    return _table(found, source, (f"of several sheets only {quoted(sheets[at].title)} is read",) if others else ())


def _cell(value: object, format: str, kind: str, row: int, column: int, source: str) -> Cell:
    """What a cell that is not empty holds."""
    place = f"cell {_letters(column)}{row}"
    if value is None:
        raise SpecError(
            source, row, f"{place} has a formula without its result: save the file in a spreadsheet program"
        )
    if kind == "e":
        raise SpecError(source, row, f"{place} has an error: {quoted(str(value))}")
    if isinstance(value, int) and not isinstance(value, bool) and "." in _IN_FORMAT.sub("", format):
        return float(value)
    if isinstance(value, str):
        return cells.unescaped(value)
    if isinstance(value, bool | int | float):
        return value
    return value.isoformat() if isinstance(value, datetime.date | datetime.time) else str(value)


def _table(rows: Sequence[tuple[int, Mapping[int, Cell]]], source: str, notes: tuple[str, ...]) -> Table:
    if not rows:
        raise SpecError(source, None, "the sheet is empty")
    if _is_title(rows):
        return _table(rows[1:], source, (*notes, f"row {rows[0][0]} is taken for a title: left out"))
    if len(rows) == 1:
        raise SpecError(source, None, "the sheet has a header and no rows")
    header = {column: as_text(value).strip().removeprefix(cells.TEXT) for column, value in rows[0][1].items()}
    read = [
        Row(number, {at: cells.read(value) if isinstance(value, str) else value for at, value in row.items()})
        for number, row in rows[1:]
    ]
    return Table(header, tuple(read), notes)


def _is_title(rows: Sequence[tuple[int, Mapping[int, Cell]]]) -> bool:
    """Whether the first row is a cell alone, above a row that names several columns."""
    if len(rows) < 3 or len(rows[0][1]) > 1:
        return False
    below = [cells.read(value) if isinstance(value, str) else value for value in rows[1][1].values()]
    return len(below) > 1 and all(isinstance(value, str) for value in below)


def _bounded(number: int, row: Mapping[int, object], source: str) -> None:
    if number > MOST_ROWS or max(row, default=0) >= MOST_COLUMNS:
        raise SpecError(source, number, f"more than {MOST_ROWS:,} rows or {MOST_COLUMNS:,} columns")


def _decoded(data: bytes, source: str) -> str:
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        try:
            return data.decode("utf-16")
        except UnicodeDecodeError:
            raise SpecError(source, None, "not UTF-16 text, though it begins so") from None
    try:
        return decode(data.removeprefix(codecs.BOM_UTF8), source)
    except SpecError as error:
        advice = f"{error.message}; save the sheet as CSV UTF-8, or as a workbook"
        raise SpecError(source, error.line, advice, error.column) from None


def _letters(column: int) -> str:
    """A column's name: A … Z, AA …"""
    name = ""
    column += 1
    while column:
        column, letter = divmod(column - 1, 26)
        name = chr(ord("A") + letter) + name
    return name
