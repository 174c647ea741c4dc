"""Chunks of bytes to whole lines of text."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

BOM = b"\xef\xbb\xbf"
LINE_CAP = 1 << 20
"""Bytes; a longer line is dropped, so that memory is bounded whatever a file holds."""


class TextLines:
    """Takes text apart into its lines, whatever pieces it comes in. Bytes that are no UTF-8 are replaced."""

    def __init__(self, offset: int = 0, skipping: bool = False) -> None:
        self.offset = offset
        """Bytes of the lines that were given or dropped."""
        self.dropped = 0
        """Lines that were longer than `LINE_CAP`."""
        self._skipping = skipping
        self._held: list[bytes] = []
        self._size = 0

    @property
    def trouble(self) -> str | None:
        """What was dropped, for people."""
        lines = "line" if self.dropped == 1 else "lines"
        return f"{self.dropped} {lines} longer than {LINE_CAP >> 20} MB passed over" if self.dropped else None

    def feed(self, data: bytes) -> list[str]:
        """The lines that this chunk completes, without their ends."""
        end = data.rfind(b"\n") + 1
        if not end:
            self._hold(data)
            return []
        block = b"".join((*self._held, data[:end])).removeprefix(b"" if self.offset else BOM)
        self.offset += self._size + end
        self._held, self._size = [], 0
        if self._skipping:
            self._skipping = False
            block = block[block.find(b"\n") + 1 :]
        self._hold(data[end:])
        return self._text(block)

    def finish(self) -> list[str]:
        """The last line where it has no end."""
        block = b"" if self._skipping else b"".join(self._held).removeprefix(b"" if self.offset else BOM)
        self.offset += self._size
        self._held, self._size = [], 0
        return self._text(block)

    def state(self) -> dict[str, Any]:
        """As JSON can hold it."""
        return {"offset": self.offset, "skipping": self._skipping}

    @classmethod
    def restore(cls, state: Mapping[str, Any]) -> TextLines:
        """The one whose `state` this was. Raises KeyError, TypeError or ValueError where it is no such state."""
        return cls(int(state["offset"]), bool(state["skipping"]))

    def _hold(self, data: bytes) -> None:
        if data:
            self._held.append(data)
            self._size += len(data)
        if self._skipping or self._size > LINE_CAP:
            self.dropped += not self._skipping
            self._skipping = True
            self.offset += self._size
            self._held, self._size = [], 0

    def _text(self, block: bytes) -> list[str]:
        if not block:
            return []
        # No `splitlines`: a cell may hold a form feed or a line separator.
        lines = block.decode("utf-8", "replace").removesuffix("\n").split("\n")
        return [line.removesuffix("\r") for line in lines]
