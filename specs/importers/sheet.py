"""A sheet of experiments as a spec: a row a run, a column a parameter. Pure."""

from __future__ import annotations

import re
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from specs import cells
from specs.braces import as_text
from specs.importers.imported import Imported, literal, name_of
from specs.importers.page import Page
from specs.model import SpecError
from specs.scanner import PARAMETER
from specs.tree import quoted

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from specs.importers.tables import Table
    from specs.model import Scalar

COMMAND = "python train.py {args}"
"""Where nobody says what to run."""

_STRANGE = re.compile(r"[^A-Za-z0-9_.-]+", re.ASCII)
_LEADING = re.compile(r"^[^A-Za-z_]+", re.ASCII)

Params = dict[str, "Scalar"]


def read_sheet(table: Table, source: str, name: str, workdir: str, command: str | None) -> Imported:
    """The spec whose runs are the rows of a table. Raises `SpecError`."""
    notes = list(table.notes)
    columns = _columns(table, source, notes)
    rows = _runs(table, columns, notes)
    fixed = _common(rows)
    points = [{key: literal(value) for key, value in row.items() if key not in fixed} for row in rows]
    if command is None:
        notes.append(f"the sheet does not say what to run: {quoted(COMMAND)} is put there; or say --command")
    sections: dict[str, object] = {"name": name_of(PurePosixPath(name).stem), "command": command or COMMAND}
    sections |= {"workdir": workdir}
    sections |= {"params": {key: literal(value) for key, value in fixed.items()}} if fixed else {}
    sections |= {"sweep": {"method": "list", "points": points}} if len(points) > 1 else {}
    said = {"workdir": "the project folder"}
    said |= {"params": "the same in every row"} if len(points) > 1 else {}
    head = (f"The experiments of {name}: a row a run, a column a parameter.",)
    return Imported(Page(sections, head, said).text, tuple(notes))


def _columns(table: Table, source: str, notes: list[str]) -> dict[int, str]:
    """The columns that are parameters, with their names."""
    found: dict[int, str] = {}
    used = {column for row in table.rows for column in row.values}
    nameless = sorted(used - table.header.keys())
    notes += [f"column {column + 1} has no name in the first row: left out" for column in nameless]
    for column, header in table.header.items():
        if cells.is_result(header) or column not in used:
            continue
        name = header if PARAMETER.fullmatch(header) else _LEADING.sub("", _STRANGE.sub("_", header)).rstrip("_")[:64]
        if not PARAMETER.fullmatch(name):
            notes.append(f"column {quoted(header)} has no name that a parameter can have: left out")
            continue
        if name != header:
            notes.append(f"column {quoted(header)} is the parameter {name}")
        if name in found.values():
            raise SpecError(source, None, f"two columns are the parameter {quoted(name)}")
        found[column] = name
    if not found:
        raise SpecError(source, None, "no column is a parameter")
    return found


def _runs(table: Table, columns: Mapping[int, str], notes: list[str]) -> list[Params]:
    """The parameters of each row, without rows that are there already."""
    first: dict[frozenset[tuple[str, str]], int] = {}
    found = []
    for row in table.rows:
        params = {name: row.values[column] for column, name in columns.items() if column in row.values}
        key = frozenset((name, as_text(value)) for name, value in params.items())
        if key in first:
            why = "for several runs of one setting give each a seed"
            notes.append(f"row {row.number} is the same as row {first[key]}: left out; {why}")
            continue
        first[key] = row.number
        found.append(params)
    return found


def _common(rows: Sequence[Params]) -> Params:
    """What all rows have alike."""
    return {key: value for key, value in rows[0].items() if all(_same(key, value, row) for row in rows)}


def _same(key: str, value: Scalar, row: Params) -> bool:
    return key in row and type(row[key]) is type(value) and repr(row[key]) == repr(value)
