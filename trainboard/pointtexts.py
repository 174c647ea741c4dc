"""Points in a text, CSV or TSV, with or without a line of titles. Pure."""

from __future__ import annotations

import csv
import math
import re
from typing import TYPE_CHECKING

import numpy as np

from trainboard.points import BYTES, LABELS, Points, PointsError, chosen, finite

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from trainboard.points import Places

FEW = 1000
"""Classes; a column with more different words is of names."""
_NAMES = re.compile(r"(?i)(?:name|token|word|text|title|file|path|sample|key)s?")
_COUNTS = re.compile(r"(?i)(?:id|idx|index|row|step|epoch|iteration|unnamed: 0|)")
_NO_NUMBER = frozenset(("", "nan", "null", "none", "na", "n/a"))


def of_text(data: bytes, *, tabs: bool = False, cut: bool = False) -> Points:
    """The points of a CSV or TSV file, with or without a line of titles; `cut`: it goes on after that.

    A column that is called a label, else one of few different words, tells the classes. Raises `PointsError`.
    """
    lines = _lines(data, cut=cut)
    if not lines:
        raise PointsError("is empty: there is nothing to draw")
    delimiter = "\t" if tabs and any("\t" in line for line in lines[:20]) else _delimiter(lines[:20])
    first = _cells(lines[0], delimiter)
    second = _cells(lines[1], delimiter) if len(lines) > 1 else []
    titled = _is_titles(first, second)
    titles = first if titled else [f"{at}" for at in range(len(first))]
    body = lines[1:] if titled else lines
    places = chosen(len(body))
    rows, kept, ragged = [], [], 0
    for place in places.tolist():
        cells = _cells(body[place], delimiter)
        if len(cells) == len(titles):
            rows.append(cells)
            kept.append(place)
        else:
            ragged += 1
    if not rows:
        raise PointsError(
            "has titles but no rows: there is nothing to draw" if not ragged else "no row is as long as the first"
        )
    notes = []
    if len(places) < len(body):
        notes.append(f"{len(places):,} of {len(body):,} rows")
    if cut:
        notes.append(f"the first {BYTES >> 20} MB alone")
    if ragged:
        notes.append(f"{ragged:,} rows left out: not {len(titles)} columns long")
    return _of_columns(titles if titled else None, rows, np.array(kept, np.intp), len(body), notes)


def _of_columns(
    titles: list[str] | None, rows: list[list[str]], kept: Places, total: int, notes: list[str]
) -> Points:
    columns = [*zip(*rows, strict=True)]
    said = titles or [""] * len(columns)
    numeric = [place for place, cells in enumerate(columns) if _is_numeric(cells)]
    label = _label_column(said, columns, numeric)
    name = next((at for at in range(len(columns)) if at not in numeric and at != label), None)
    counts = [at for at in numeric if titles and _COUNTS.fullmatch(titles[at].strip()) and len(numeric) > 1]
    wanted = [at for at in numeric if at != label and at not in counts]
    if not wanted:
        raise PointsError("has no column of numbers to draw")
    matrix = np.array([[_number(cell) for cell in columns[at]] for at in wanted], np.float64).T
    left = [titles[at] for at in (*counts, *(set(range(len(columns))) - {*numeric, label, name}))] if titles else []
    if left:
        notes.append(f"not drawn: {', '.join(sorted(left)[:4])}")
    labels = tuple(cell.strip() for cell in columns[label]) if label is not None else ()
    names = tuple(cell.strip() for cell in columns[name]) if name is not None else ()
    return finite(Points(matrix, kept, total, labels, names, tuple(notes)))


def words_of_text(data: bytes) -> tuple[str, ...]:
    """One label for each line of a text beside the table, as of the embedding projector's `metadata.tsv`."""
    lines = _lines(data, cut=False)
    if not lines:
        return ()
    delimiter = _delimiter(lines[:20])
    first = _cells(lines[0], delimiter)
    titled = len(first) > 1 or LABELS.fullmatch(first[0].strip()) is not None
    body = [_cells(line, delimiter) for line in (lines[1:] if titled else lines)]
    body = [cells if len(cells) == len(first) else [""] * len(first) for cells in body]
    columns = [*zip(*body, strict=True)]
    if not columns:
        return ()
    found = _label_column(first, columns, [at for at, cells in enumerate(columns) if _is_numeric(cells)])
    return tuple(cell.strip() for cell in columns[0 if found is None else found])


def _lines(data: bytes, *, cut: bool) -> list[str]:
    text = data.decode("utf-8-sig", "replace").replace("\0", "")
    lines = text.splitlines()
    if cut and lines:
        lines.pop()
    return [line for line in lines if line.strip()]


def _delimiter(lines: Sequence[str]) -> str:
    counts: Mapping[str, int] = {each: min((line.count(each) for line in lines), default=0) for each in "\t,;"}
    best = max(counts, key=lambda each: counts[each])
    return best if counts[best] else " " if all(len(line.split()) > 1 for line in lines) else ","


def _cells(line: str, delimiter: str) -> list[str]:
    if delimiter == " ":
        return line.split()
    if '"' not in line:
        return line.split(delimiter)
    try:
        return next(csv.reader([line], delimiter=delimiter), [])
    except csv.Error:
        return line.split(delimiter)


def _is_titles(first: Sequence[str], second: Sequence[str]) -> bool:
    """Whether the first line names the columns: no number in it, or the numbers of the columns themselves."""
    numbers = [cell.strip() for cell in first if not math.isnan(_number(cell))]
    counted = [str(at) for at in range(len(numbers))]
    return not numbers or (len(numbers) > 1 and numbers == counted and list(first) != list(second))


def _number(cell: str) -> float:
    try:
        return float(cell)
    except ValueError:
        return math.nan


def _is_numeric(cells: Sequence[str]) -> bool:
    """Whether a column is of numbers, some of which may be missing."""
    some = [cells[place] for place in chosen(len(cells), 200).tolist()]
    said = [cell for cell in some if cell.strip().lower() not in _NO_NUMBER]
    good = sum(not math.isnan(_number(cell)) for cell in said)
    return good >= 0.8 * len(said) and (good > 0 or any(cell.strip().lower() == "nan" for cell in some))


def _label_column(titles: Sequence[str], columns: Sequence[Sequence[str]], numeric: Sequence[int]) -> int | None:
    """The column of the classes; None where there is none."""
    named = [at for at, title in enumerate(titles) if LABELS.fullmatch(title.strip())]
    if named and (named[0] not in numeric or len(numeric) > 1 or len(columns) == 1):
        return named[0]
    words = {at: len(set(cells)) for at, cells in enumerate(columns) if at not in numeric}
    few = {at: count for at, count in words.items() if count <= min(FEW, max(1, len(columns[at]) // 2))}
    few = {at: count for at, count in few.items() if not _NAMES.fullmatch(titles[at].strip())} or few
    return min(few, key=lambda at: few[at]) if few else None
