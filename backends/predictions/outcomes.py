"""The errors of single rows, for a comparison of two runs that may lie on two hosts: few bytes for each row."""

import base64
import hashlib
import struct
import zlib
from array import array
from typing import Any, Dict, List, Mapping, Sequence, Tuple

from backends.predictions.labels import canonical
from backends.predictions.plain import Cell, Column, Plain, number
from backends.predictions.reading import Reading
from backends.predictions.tables import Table

MOST = 40000
"""Rows that are told of; of more, those whose ids are chosen by their sums, which choose alike everywhere."""


def digest(text: str) -> int:
    """64 bits of what something is called."""
    return int(struct.unpack("<Q", hashlib.blake2b(text.encode("utf-8", "replace"), digest_size=8).digest())[0])


class Rows(object):
    """Rows by key, error, target and which slices they are in."""

    def __init__(self, reading: Reading, slices: Sequence[Sequence[Mapping[str, Any]]], part: int) -> None:
        self.reading = reading
        self.slices = slices
        self.part = part
        """One of so many is taken, a power of two."""
        self.found = []  # type: List[Tuple[int, float, int, int]]

    def see(self, first: int, cells: Mapping[str, Sequence[Any]], at: Column, error: Column) -> None:
        """One piece."""
        of, kernel = self.reading.roles, self.reading.kernel
        errors = kernel.listed(error)
        places = range(len(errors)) if at is None else [int(each) for each in at]
        ids = cells[of.id] if of.id else None
        for place, own in zip(places, errors):
            key = digest(canonical(ids[place]) if ids is not None else "row %d" % (first + place))
            if key & (self.part - 1):
                continue
            bits = 0
            for number_, conditions in enumerate(self.slices):
                bits |= all(holds(each, cells, place) for each in conditions) << number_
            target = zlib.crc32(named(cells[of.target][place]).encode("utf-8", "replace"))
            self.found.append((key, float(own), target, bits))
        while len(self.found) > MOST:
            self.part *= 2
            self.found = [each for each in self.found if each[0] & (self.part - 1) == 0]


def named(cell: Cell) -> str:
    """A target as text: one number is the same however it is written."""
    value, bad = number(cell)
    return canonical(cell) if bad or value != value or isinstance(cell, bool) else repr(value)


def holds(condition: Mapping[str, Any], cells: Mapping[str, Sequence[Any]], at: int) -> bool:
    """Whether a row meets a condition."""
    column = cells.get(condition["feature"])
    if column is None:
        return False
    cell = column[at]
    level = condition.get("level")
    value, bad = number(cell)
    if level is not None:
        if level == "(empty)":
            return value != value and (bad or not canonical(cell))
        return canonical(cell)[:60] == level or (not bad and value == value and "%.6g" % value == level)
    if value != value:
        return False
    low, high = condition.get("low"), condition.get("high")
    return (low is None or value > low) and (high is None or value <= high)


def outcomes(kernel: Plain, path: str, said: Mapping[str, Any], asked: Mapping[str, Any]) -> Dict[str, Any]:
    """Columns of keys, errors, targets and slices, packed. Raises `Refused`, `OSError`."""
    reading = Reading(kernel, Table(path, kernel.fast), said)
    rows = Rows(reading, asked.get("slices") or [], asked.get("part") or 1)
    reading.run(rows.see)
    packed = [array(code, [each[at] for each in rows.found]).tobytes() for at, code in enumerate("QdII")]
    return {
        "task": reading.task,
        "by_id": bool(reading.roles.id),
        "used": reading.used,
        "rows": reading.table.rows,
        "part": rows.part,
        "count": len(rows.found),
        "data": base64.b64encode(zlib.compress(b"".join(packed))).decode("ascii"),
    }


def picked(kernel: Plain, path: str, said: Mapping[str, Any], asked: Mapping[str, Any]) -> Dict[str, Any]:
    """Rows of some keys for the reader. Raises `Refused`, `OSError`."""
    wanted = set(asked["keys"])
    found = {}  # type: Dict[str, Dict[str, Any]]
    reading = Reading(kernel, Table(path, kernel.fast), said)

    def see(first: int, cells: Mapping[str, Sequence[Any]], at: Column, error: Column) -> None:
        ids = cells[reading.roles.id] if reading.roles.id else None
        places = range(len(error)) if at is None else [int(each) for each in at]
        for place in places:
            key = digest(canonical(ids[place]) if ids is not None else "row %d" % (first + place))
            if key in wanted and str(key) not in found:
                told = reading.sample(first + place, place, cells)
                if not reading.roles.prediction:
                    told["prediction"] = reading.best(place, cells)
                found[str(key)] = told

    reading.run(see)
    return {"rows": found}
