"""The journal beside the state file: what changed since that was written. Pure; `statefiles` has the effects.

    {"generation":7}
    {"crc":"5d3e9f1c"}
    {"attempts":{"4f1a…":{…}}}
    {"runs":{"char-rnn-1.0":{…}}}
    {"crc":"90b1c2aa"}

A record is some lines of one document each, whole as it is since then, and a line that ends it, with the CRC-32 of
all such lines from the beginning of the file on. So a record is there or is not, and an end tells all that came
before it. The first record names the generation of the state file that the journal was begun for. It holds all that
is not in that one, and may hold what is in it already: to read it again changes nothing.
"""

from __future__ import annotations

import json
import re
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from trainboard.documents import Lines, Pause, key_of, no_pause, paced

if TYPE_CHECKING:
    from collections.abc import Iterator

_decode = json.JSONDecoder().raw_decode
_END = re.compile(rb'\n\{"crc":"[0-9a-f]{8}"\}\n')
_END_BEGINS = b'\n{"crc":"'


@dataclass(frozen=True, slots=True)
class Place:
    """The end of a record of a journal."""

    generation: int
    """Of the state file that the journal was begun for."""
    end: int
    """Bytes up to here."""
    crc: int

    @property
    def mark(self) -> bytes:
        """The line right before this place; no other place, and no other journal, has the same."""
        return b'{"crc":"%08x"}\n' % self.crc


MARK = len(Place(0, 0, 0).mark)


def begun(generation: int) -> tuple[bytes, Place]:
    """A new journal, and its end."""
    return _ended(b'{"generation":%d}\n' % generation, Place(generation, 0, 0))


def record(changed: Lines, after: Place) -> tuple[bytes, Place]:
    """What to add to a journal that ends there, and where it ends then."""
    text = "".join(
        f"{_opening(table)}{line}}}}}\n" for table, content in changed.items() for line in content.values()
    )
    return _ended(text.encode(), after)


def beginning(data: bytes) -> Place:
    """The end of the first record. Raises `ValueError` where this is no journal."""
    first, _, rest = data.partition(b"\n")
    header = json.loads(first)
    if not isinstance(header, dict) or not isinstance(header.get("generation"), int):
        raise ValueError("does not begin as a journal does")
    place = _after(first + b"\n", Place(header["generation"], 0, 0))
    if not rest.startswith(place.mark):
        raise ValueError("damaged in its first line")
    return place


def scan(data: bytes, after: Place, pause: Pause = no_pause) -> tuple[Lines, Place]:
    """What the whole records in what follows a place changed, and where the last of them ends.

    A last record that a crash left unfinished is not there. Raises `ValueError` where records are damaged otherwise.
    """
    changed: Lines = {}
    place = after
    for text in _records(data):
        new = _after(text, place)
        if data[new.end - MARK - after.end : new.end - after.end] != new.mark:
            break
        for line in paced(text.decode().split("\n")[:-1], pause):
            table, document = _split(line)
            changed.setdefault(table, {})[key_of(document)] = document
        place = new
    if not _torn(data[place.end - after.end :]):
        raise ValueError(f"damaged after byte {place.end}")
    return changed, place


def _records(data: bytes) -> Iterator[bytes]:
    """The documents of one record after the other, as far as each has an end."""
    start = 0
    while (end := data.find(_END_BEGINS, start)) >= 0:
        yield data[start : end + 1]
        start = end + 1 + MARK


def _torn(rest: bytes) -> bool:
    """Whether a crash explains what follows the last whole record: every record is on disk before the next begins.

    So it is part of one record only: without an end, or with an end after a hole, which is all zeros.
    """
    ends = [found.end() for found in _END.finditer(rest)]
    return not ends or (ends == [len(rest)] and b"\0" in rest)


def _split(line: str) -> tuple[str, str]:
    """The table of a document, and its line there."""
    table, _ = _decode(line, 1)
    opening = _opening(table)
    if not (line.startswith(opening) and line.endswith("}}")):
        raise ValueError("a line that is no document")
    return table, line[len(opening) : -2]


def _opening(table: str) -> str:
    return f"{{{json.dumps(table)}:{{"


def _after(text: bytes, place: Place) -> Place:
    """The end of a record with these documents that follows a place."""
    return Place(place.generation, place.end + len(text) + MARK, zlib.crc32(text, place.crc))


def _ended(text: bytes, after: Place) -> tuple[bytes, Place]:
    place = _after(text, after)
    return text + place.mark, place
