"""CSV and TSV files: a header, then rows that may be sparse, padded, very wide, or follow another header."""

from __future__ import annotations

import csv
import math
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from trainboard.sources.columns import Column, Role, column, moment, number
from trainboard.sources.rows import Index
from trainboard.sources.textreader import TextReader

if TYPE_CHECKING:
    from collections.abc import Mapping

    from trainboard.series import Sample

DELIMITERS = ",;\t|"


class CsvReader(TextReader):
    """Reads a CSV file as it grows."""

    NAME = "CSV reader"
    STATE_VERSION = 1

    def __init__(self, total: Mapping[str, float] | None = None) -> None:
        super().__init__(total)
        self._delimiter = ","
        self._header: list[str] = []
        self._metrics: list[tuple[int, str]] = []
        """The columns of metrics, with their places."""
        self._guides: list[tuple[int, Column]] = []
        """Those that tell what a row is: its index, its time, its kind."""
        self._comment = ""
        """The last one: the names may stand in it."""
        self._nameless = False

    @property
    def trouble(self) -> str | None:
        """What is wrong with the file, for people."""
        if self._nameless:
            return "no header: its first line has numbers, so nobody knows what they are"
        return super().trouble

    def state(self) -> dict[str, Any]:
        """All that is needed to go on at `offset`."""
        own = {"delimiter": self._delimiter, "header": self._header, "comment": self._comment}
        return super().state() | own

    def _take_up(self, state: Mapping[str, Any]) -> None:
        super()._take_up(state)
        self._delimiter, self._comment = str(state["delimiter"]), str(state["comment"])
        self._name([str(name) for name in state["header"]])

    def _read(self, lines: list[str], wall: float | None) -> list[Sample]:
        samples: list[Sample] = []
        for line in lines:
            if line.startswith("#"):
                self._comment = line
                continue
            if not self._header:
                self._delimiter = max(DELIMITERS, key=line.count)
            cells = self._cells(line)
            if len(cells) < 2 and not line.strip():
                continue
            if not self._header and self._see_header(cells):
                continue
            if _is_header(cells):
                self._name(cells)
            else:
                samples += self._take(cells, wall)
        return samples

    def _cells(self, line: str) -> list[str]:
        if '"' in line:
            # Line by line: a quotation that is not closed ends with its line.
            with suppress(csv.Error):
                return next(csv.reader((line,), delimiter=self._delimiter), [])
        return line.split(self._delimiter)

    def _see_header(self, cells: list[str]) -> bool:
        """Take the names of the columns from the first line; False where it is a row already, below a comment."""
        if all(number(cell) is None for cell in cells):
            self._name(cells)
            return True
        names = self._cells(self._comment.lstrip("# "))
        if len(names) == len(cells):
            self._name(names)
            return False
        self._nameless = True
        return True

    def _name(self, header: list[str]) -> None:
        self._header = [name.strip() for name in header]
        columns = list(enumerate(column(name) for name in _unlike(self._header)))
        self._metrics = [(at, found.name) for at, found in columns if found.role is Role.METRIC]
        self._guides = [(at, found) for at, found in columns if found.role not in (Role.METRIC, Role.NOTHING)]

    def _take(self, cells: list[str], wall: float | None) -> list[Sample]:
        cells += [""] * (len(self._header) - len(cells))
        if self._delimiter == ";":  # then the comma is free to be a point
            cells = [cell.replace(",", ".") for cell in cells]
        values: list[tuple[str, float]] = []
        indexes: list[tuple[int, Index]] = []
        kind = ""
        for at, found in self._guides:
            cell = cells[at]
            if found.role is Role.KIND:
                kind = cell.strip().lower()
            elif found.role is Role.WALL and (told := moment(cell)) is not None:
                wall = told
            elif (value := number(cell)) is None:
                continue
            elif found.role is Role.INDEX:
                if math.isfinite(value):
                    indexes.append((found.rank, Index(found.word, value)))
            else:
                values.append((found.name, value))
        for at, name in self._metrics:
            if (cell := cells[at]) and (value := number(cell)) is not None:
                values.append((name, value))
        indexes.sort()
        return self._rows.take(values, [index for _, index in indexes], wall, kind)


def _is_header(cells: list[str]) -> bool:
    """Whether a later line names columns again: several names, an index among them, and no number."""
    for cell in cells:
        if cell and number(cell) is not None:
            return False
    filled = [cell.strip() for cell in cells if cell.strip()]
    return (
        len(filled) > 1
        and all(moment(cell) is None for cell in filled)
        and any(column(cell).role is Role.INDEX for cell in filled)
    )


def _unlike(names: list[str]) -> list[str]:
    """Names of columns, where a second one of the same name is `name [2]`."""
    seen: dict[str, int] = {}
    unlike = []
    for name in names:
        seen[name] = seen.get(name, 0) + 1
        unlike.append(name if seen[name] == 1 or not name else f"{name} [{seen[name]}]")
    return unlike
