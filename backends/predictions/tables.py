"""A table in a file, in pieces of columns: CSV, TSV, JSON lines and Parquet."""

import csv
import io
import json
import re
from itertools import islice
from typing import Any, Dict, Iterator, List, Sequence, TextIO, Tuple

from backends.predictions.lines import ADVICE, Guard, Odd, look, opened
from backends.predictions.refused import Refused
from backends.predictions.split import columns

PIECE = 1 << 19
"""Cells of one piece."""

BLOCK = 4 << 20
"""Bytes that are taken apart at once."""

MOST_COLUMNS = 5000
FIELD = 1 << 20
"""Characters of one cell."""

Piece = Tuple[int, Dict[str, Sequence[Any]]]
"""The number of its first row, from 1, and cells by column: text, or what JSON has."""


class Table(object):
    """One file. `names` is known once the first piece was asked for, `rows` and `notes` are whole at the end."""

    def __init__(self, path: str, fast: bool = False) -> None:
        """`fast`: whether there is numpy."""
        self.path = path
        self.fast = fast
        self.format = ""
        self.names = []  # type: List[str]
        self.rows = 0
        self.notes = []  # type: List[str]

    def pieces(self) -> Iterator[Piece]:
        """All of it. Raises `Refused`, `OSError`."""
        head = look(self.path)
        if head[:4] == b"PAR1":
            self.format = "Parquet"
            return self.parquet()
        return self.text(head)

    def text(self, head: bytes) -> Iterator[Piece]:
        """CSV or JSON lines."""
        with open(self.path, "rb") as file:
            packed = file.read(2) == b"\x1f\x8b"
            file.seek(0)
            guard, odd = Guard(file, packed), Odd()
            buffer = io.BufferedReader(guard, 1 << 20)  # type: io.BufferedReader[Any]
            begins = head.lstrip(b"\xef\xbb\xbf \t\r\n")[:1]
            if begins == b"[":
                raise Refused("it is a JSON array", "write JSON lines: one object in each line")
            pieces = self.objects(opened(b"", buffer, odd)) if begins == b"{" else self.table(buffer, guard, odd)
            for piece in pieces:
                yield piece
        if guard.damage:
            self.notes.append(guard.damage + ", it was read as far as it goes")
        if odd.count:
            self.notes.append("%d bytes are no UTF-8, they are shown as \ufffd" % odd.count)

    def table(self, buffer: "io.BufferedReader[Any]", guard: Guard, odd: Odd) -> Iterator[Piece]:
        """CSV, with whatever stands between its fields: plain text many rows at once, what has quotes row by row."""
        csv.field_size_limit(FIELD)
        first = buffer.readline().decode("utf-8-sig", "replace")
        between = separator(first, self.path)
        self.format = "TSV" if between == "\t" else "CSV"
        try:
            self.names = named(next(csv.reader([first], delimiter=between), []))
        except csv.Error as error:
            raise Refused("its first line cannot be read: %s" % error, ADVICE) from error
        block = b""
        while self.fast:
            block = buffer.read(BLOCK)
            block += buffer.readline() if block else b""
            if not block:
                return
            whole = block.replace(b"\r\n", b"\n")
            found = columns(whole if whole.endswith(b"\n") else whole + b"\n", len(self.names), ord(between))
            if found is None:
                break
            start, self.rows = self.rows + 1, self.rows + len(found[0])
            yield start, dict(zip(self.names, found))  # type: ignore[arg-type]  # as good as sequences
        for piece in self.by_row(opened(block, buffer, odd), between, guard):
            yield piece

    def by_row(self, lines: TextIO, between: str, guard: Guard) -> Iterator[Piece]:
        """The same of any text."""
        rows = csv.reader(lines, delimiter=between)
        width, other = len(self.names), 0
        last = []  # type: List[str]
        while True:
            try:
                some = list(islice(rows, max(1, PIECE // width)))
            except csv.Error as error:
                line = self.rows + other + rows.line_num + 1
                raise Refused("line %d: %s" % (line, error), "a quote may not be closed before it") from error
            if not some:
                break
            last = some[-1]
            if any(len(row) != width for row in some):
                whole = [row for row in some if len(row) == width]
                other += sum(bool(row) for row in some) - len(whole)
                some = whole
            start, self.rows = self.rows + 1, self.rows + len(some)
            if some:
                yield start, dict(zip(self.names, zip(*some)))
        if last and len(last) != width and not guard.ended:
            other -= 1
            self.notes.append("its last line is torn and left out: the file may still be being written")
        if other:
            self.notes.append("%d lines have not %d fields as the first one: they are left out" % (other, width))

    def objects(self, lines: TextIO) -> Iterator[Piece]:
        """JSON lines."""
        self.format = "JSONL"
        bad, at, size, later = 0, 0, 256, False
        while True:
            some = list(islice(lines, size))
            if not some:
                break
            found = []
            torn = False
            for line in some:
                at += 1
                if not line.strip():
                    continue
                try:
                    each = json.loads(line)
                except ValueError:
                    each = None
                if isinstance(each, dict):
                    found.append(flat(each))
                elif line is some[-1] and not line.endswith("\n"):
                    torn = True
                elif not self.rows and not found:
                    raise Refused("line %d is no JSON object" % at, ADVICE)
                else:
                    bad += 1
            if torn:
                self.notes.append("its last line is torn and left out: the file may still be being written")
            if not found:
                continue
            if not self.names:
                self.names = list(dict.fromkeys(name for each in found for name in each))[:MOST_COLUMNS]
                size = max(1, PIECE // max(8, len(self.names)))
            known = set(self.names)
            later = later or any(not known.issuperset(each) for each in found)
            start, self.rows = self.rows + 1, self.rows + len(found)
            yield start, {name: [each.get(name) for each in found] for name in self.names}
        if bad:
            self.notes.append("%d lines are no JSON objects: they are left out" % bad)
        if later:
            self.notes.append("names that come first after line 256 are left out")

    def parquet(self) -> Iterator[Piece]:
        """Parquet, where there is pyarrow."""
        try:
            import pyarrow.parquet
        except ImportError:
            raise Refused(
                "it is Parquet, and no Python there has pyarrow",
                "pip install pyarrow in the environment of the run, or write CSV or JSON lines",
            ) from None
        try:
            file = pyarrow.parquet.ParquetFile(self.path)
            self.names = named(file.schema_arrow.names)
            for batch in file.iter_batches(max(1, PIECE // max(1, len(self.names)))):
                start, self.rows = self.rows + 1, self.rows + batch.num_rows
                yield start, dict(zip(self.names, (column.to_pylist() for column in batch.columns)))
        except (pyarrow.ArrowException, OSError) as error:
            raise Refused("it cannot be read as Parquet: %s" % error, "it may still be being written") from error


def separator(line: str, path: str) -> str:
    """What stands between the fields of a header."""
    if re.search(r"\.tsv(\.gz)?$", path, re.I) and "\t" in line:
        return "\t"
    bare = re.sub(r'"[^"]*"', "", line)
    return max(",;\t|", key=bare.count)


def named(header: Sequence[str]) -> List[str]:
    """The names of columns, each once. Raises `Refused` where that is no header."""
    if not header or len(header) > MOST_COLUMNS:
        raise Refused("its first line has %d names of columns" % len(header), ADVICE)
    if len(header) > 1 and all(is_number(name) for name in header):
        raise Refused("its first line has numbers, not the names of columns", "write a header: target,prediction,…")
    found = []  # type: List[str]
    taken = set()
    for at, name in enumerate(header):
        own = name.strip() or "column %d" % (at + 1)
        while own in taken:
            own += "'"
        taken.add(own)
        found.append(own)
    return found


def is_number(text: str) -> bool:
    """Whether it is one."""
    try:
        float(text)
    except ValueError:
        return False
    return True


def flat(found: Dict[str, Any]) -> Dict[str, Any]:
    """An object whose objects within are names with a point."""
    if not any(isinstance(value, dict) for value in found.values()):
        return found
    flattened = {}  # type: Dict[str, Any]
    for name, value in found.items():
        if isinstance(value, dict):
            flattened.update(("%s.%s" % (name, key), each) for key, each in value.items())
        else:
            flattened[name] = value
    return flattened
