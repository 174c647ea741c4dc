"""TFRecord framing: length, its checksum, data, its checksum; read as it grows, and on past what is damaged."""

from __future__ import annotations

import re
import struct
from typing import TYPE_CHECKING, Any

from google_crc32c import value

if TYPE_CHECKING:
    from collections.abc import Mapping

HEADER = struct.Struct("<QI")
FOOTER = struct.Struct("<I")
FILLED = re.compile(rb"[^\0]")
RECORD_CAP = 16 << 20
"""Bytes; a longer record is no scalar and no histogram but pictures or a graph, and is passed over unread."""


def masked(data: bytes) -> int:
    """The checksum that TFRecord keeps of data: CRC-32C, rotated, with a constant added."""
    crc: int = value(data)
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF


class Records:
    """Takes a file apart into its records."""

    def __init__(self, offset: int = 0) -> None:
        self.offset = offset
        """Bytes of the records that were given, and of what was passed over."""
        self.damaged = 0
        """Stretches that were passed over because a checksum was wrong."""
        self._lost = False
        """Within a damaged stretch: the next header is looked for."""
        self._skip = 0
        """Bytes of a record that is passed over, still to come."""
        self._held = b""

    def feed(self, data: bytes) -> list[bytes]:
        """The data of the records that this chunk completes."""
        data = self._held + data
        records: list[bytes] = []
        at = min(self._skip, len(data))
        self._skip -= at
        while len(data) - at >= HEADER.size:
            length, crc = HEADER.unpack_from(data, at)
            if masked(data[at : at + 8]) != crc:
                at = self._search(data, at)
                continue
            self._lost = False
            end = at + HEADER.size + length + FOOTER.size
            if length > RECORD_CAP:
                self._skip = max(0, end - len(data))
                at = min(end, len(data))
                continue
            if end > len(data):
                break
            record = data[at + HEADER.size : end - FOOTER.size]
            if (masked(record),) == FOOTER.unpack_from(data, end - FOOTER.size):
                records.append(record)
            else:
                self.damaged += 1
            at = end
        self.offset += at
        self._held = data[at:]
        return records

    @property
    def is_torn(self) -> bool:
        """Whether the last record is not whole."""
        return bool(self._held or self._skip)

    def state(self) -> dict[str, Any]:
        """As JSON can hold it."""
        return {"offset": self.offset, "damaged": self.damaged, "lost": self._lost, "skip": self._skip}

    @classmethod
    def restore(cls, state: Mapping[str, Any]) -> Records:
        """The one whose `state` this was. Raises KeyError, TypeError or ValueError where it is no such state."""
        records = cls(int(state["offset"]))
        records.damaged, records._lost, records._skip = int(state["damaged"]), bool(state["lost"]), int(state["skip"])
        return records

    def _search(self, data: bytes, at: int) -> int:
        """Where the next header may begin, after `at`: the upper half of its length is zero, its checksum is not."""
        self.damaged += not self._lost
        self._lost = True
        zeros = data.find(b"\0\0\0\0", at + 5)
        if zeros < 0:
            return max(at + 1, len(data) - HEADER.size + 1)
        filled = FILLED.search(data, zeros + 4)
        return max(zeros - 4, (filled.start() if filled else len(data)) - HEADER.size + 1)
