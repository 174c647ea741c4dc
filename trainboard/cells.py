"""The samples of a run as bytes: a row of cells of 32 bytes, little-endian. Pure; `seriesfile` has the effects.

    header   "trainboard series 2", and a random number that tells one file from another of the same name
    sample   metric (u32), index word (u32), step, value, wall time (3 x float64; nan: nobody knows)
    note     0xFFFFFFFE (u32), bytes of text (u32); then the text, JSON in ASCII, in whole cells:
             {"metric": [source, name]} or {"word": index word}: each gets the next number
    commit   0xFFFFFFFF (u32), bytes of text (u32), CRC-32 (u32) of all since the commit before and of the text:
             {"marks": {source: [offset, state]}, "complete": whether all was read}

No text holds a byte above 127, so notes are found without reading what is in between. What stands after the last
commit whose CRC is right did not happen.
"""

from __future__ import annotations

import json
import math
import os
import struct
import zlib
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from trainboard.samples import Samples
from trainboard.stored import Columns, Mark, Stored, Tables

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    import numpy as np
    from numpy.typing import NDArray

    from trainboard.series import Sample

    Cells = NDArray[np.void]

CELL = 32
MANY = 64
"""Samples that are worth columns."""
_MAGIC = b"trainboard series 2\n\0\0\0\0"
_NOTE, _COMMIT = 0xFFFFFFFE, 0xFFFFFFFF
_SAMPLE = struct.Struct("<IIddd")
_HEAD = struct.Struct("<III20x")
_FIELDS = [("metric", "<u4"), ("word", "<u4"), ("step", "<f8"), ("value", "<f8"), ("wall", "<f8")]


@dataclass(frozen=True, slots=True)
class Commit:
    """A place up to which a file holds, and how the samples before it are read."""

    start: int = CELL
    """In bytes from the start of the file."""
    end: int = CELL
    count: int = 0
    """Samples before it."""
    tables: Tables = field(default_factory=Tables)
    crc: int = 0
    """Of what is between the commit before and this one."""


def read(data: memoryview, base: Commit, room: Columns | None = None) -> tuple[Stored, list[Commit]]:
    """What stands after a commit, up to the last good one, and the commits in there.

    `room`: of all samples of the file, for these to be written into.
    """
    import numpy as np

    cells: Cells = np.frombuffer(data, np.dtype(_FIELDS), len(data) // CELL)
    metrics, words = list(base.tables.metrics), list(base.tables.words)
    commits: list[Commit] = []
    pieces: list[Cells] = []
    kept = at = since = 0
    said: Any = {"marks": {}, "complete": False}
    # A torn or damaged rest ends the reading: the sources have what it held.
    with suppress(ValueError, TypeError, KeyError, AttributeError, RecursionError):
        for place in np.flatnonzero(cells["metric"] >= _NOTE).tolist():
            tag, length, check = _HEAD.unpack_from(data, place * CELL)
            end = place + 1 + -(-length // CELL)
            text = bytes(data[(place + 1) * CELL : (place + 1) * CELL + length])
            if place < at or end > len(cells):
                break
            pieces.append(cells[at:place])
            at = end
            if tag == _NOTE:
                note = json.loads(text)
                if "word" in note:
                    words.append(str(note["word"]))
                else:
                    source, name = note["metric"]
                    metrics.append((str(source), str(name)))
                continue
            crc = zlib.crc32(data[since * CELL : place * CELL])
            if zlib.crc32(text, crc) != check:
                break
            said, kept, since = json.loads(text), len(pieces), end
            tables, count = Tables(tuple(metrics), tuple(words)), base.count + sum(map(len, pieces))
            commits.append(Commit(base.end + place * CELL, base.end + end * CELL, count, tables, crc))
    marks = {name: Mark(offset, state) for name, (offset, state) in said["marks"].items()}
    tables = commits[-1].tables if commits else base.tables
    count = sum(map(len, pieces[:kept]))
    own = Columns.room(count) if room is None else room[base.count : base.count + count]
    _fill(own, pieces[:kept])
    return Stored(own if kept else None, tables, marks, said["complete"], base.count), commits


def _fill(columns: Columns, pieces: list[Cells]) -> None:
    """Write pieces of a row of cells into their columns, one after the other: each is small, and so at hand."""
    at = 0
    for piece in pieces:
        own = columns[at : at + len(piece)]
        own.metrics[:], own.words[:] = piece["metric"], piece["word"]
        for row, name in zip(own.numbers, ("step", "value", "wall"), strict=True):
            row[:] = piece[name]
        at += len(piece)


def header() -> bytes:
    """Of a new file."""
    return _MAGIC + os.urandom(CELL - len(_MAGIC))


def is_header(data: bytes) -> bool:
    """Whether a file that begins so is one of ours."""
    return len(data) >= CELL and data.startswith(_MAGIC)


def written(samples: Iterable[Sample], source: str, tables: Tables) -> tuple[bytes, int, Tables]:
    """The cells of a source's samples, with notes on what is new; how many samples; and the tables after them."""
    metrics = {name: number for number, (of, name) in enumerate(tables.metrics) if of == source}
    words = {word: number for number, word in enumerate(tables.words)}
    new_metrics, new_words = list(tables.metrics), list(tables.words)
    out: list[bytes] = []
    count = 0

    def note_metric(name: str) -> int:
        metrics[name] = len(new_metrics)
        new_metrics.append((source, name))
        out.append(_texted(_NOTE, {"metric": [source, name]}))
        return metrics[name]

    def note_word(word: str) -> int:
        words[word] = len(new_words)
        new_words.append(word)
        out.append(_texted(_NOTE, {"word": word}))
        return words[word]

    if isinstance(samples, Samples) and len(samples) >= MANY:
        for name in samples.metrics:
            if name not in metrics:
                note_metric(name)
        for word in samples.words:
            if word not in words:
                note_word(word)
        out.append(
            packed(
                samples.columns.numbered(
                    [metrics[name] for name in samples.metrics], [words[word] for word in samples.words]
                )
            )
        )
        count = len(samples)
    else:
        for sample in samples:
            count += 1
            metric, spoken = metrics.get(sample.metric), words.get(sample.index)
            metric = note_metric(sample.metric) if metric is None else metric
            spoken = note_word(sample.index) if spoken is None else spoken
            wall = math.nan if sample.wall is None else sample.wall
            out.append(_SAMPLE.pack(metric, spoken, sample.step, sample.value, wall))
    return b"".join(out), count, Tables(tuple(new_metrics), tuple(new_words))


def packed(columns: Columns | None) -> bytes:
    """The cells of samples."""
    if columns is None:
        return b""
    import numpy as np

    cells = np.empty(len(columns), np.dtype(_FIELDS))
    cells["metric"], cells["word"] = columns.metrics, columns.words
    cells["step"], cells["value"], cells["wall"] = columns.numbers
    return cells.tobytes()


def notes(tables: Tables) -> bytes:
    """The notes that make these tables."""
    said = [{"metric": list(each)} for each in tables.metrics] + [{"word": each} for each in tables.words]
    return b"".join(_texted(_NOTE, each) for each in said)


def commit(marks: Mapping[str, Mark], complete: bool, crc: int) -> bytes:
    """A commit; `crc`: of all since the commit before it."""
    said = {"marks": {name: [mark.offset, mark.state] for name, mark in marks.items()}, "complete": complete}
    return _texted(_COMMIT, said, crc)


def _texted(tag: int, said: object, crc: int = 0) -> bytes:
    text = json.dumps(said, separators=(",", ":"), default=dict).encode()
    return _HEAD.pack(tag, len(text), zlib.crc32(text, crc)) + text + bytes(-len(text) % CELL)
