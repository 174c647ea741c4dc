"""From chunks of bytes, cut anywhere, to whole clean lines."""

from __future__ import annotations

import re

LINE_CAP = 64 * 1024
"""Bytes. A longer line is skipped: no program prints a metric so, and reading on must not wait for its end."""

# CSI sequences (colours, cursor), OSC sequences (titles, links), other two-byte escapes, and backspaces.
_ESCAPE = re.compile(rb"\x1b\[[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b\n]*(?:\x07|\x1b\\)?|\x1b[@-Z\\^_=>()78]|\x08+")
_END = re.compile(rb"[\r\n]")


class Lines:
    """Puts lines together. A progress bar, redrawn with carriage returns, is a line that ends as its last state."""

    def __init__(self, offset: int = 0, skipping: bool = False) -> None:
        self.offset = offset
        """Of the first byte that is not consumed: reading may go on here."""
        self.skipping = skipping
        """Inside a line that is too long."""
        self._open = bytearray()

    def feed(self, data: bytes) -> bytes:
        """The lines that this chunk completes, as they are."""
        if self.skipping:
            data = self._skip(data)
        cut = data.rfind(b"\n") + 1
        if not cut:
            self._keep(data)
            return b""
        block = bytes(self._open) + data[:cut]
        self.offset += len(block)
        self._open.clear()
        self._keep(data[cut:])
        return block

    def finish(self) -> bytes:
        """The last line, where the log ends without a newline."""
        block = bytes(self._open)
        self.offset += len(block)
        self._open.clear()
        return block

    @property
    def bar(self) -> bytes:
        """The newest complete state of a progress bar on the line that is still open; may be empty."""
        state, drawn, _ = bytes(self._open).rpartition(b"\r")
        return _ESCAPE.sub(b"", state.rpartition(b"\r")[2]) if drawn else b""

    def _skip(self, data: bytes) -> bytes:
        end = _END.search(data)
        gone = end.end() if end else len(data)
        self.offset += gone
        self.skipping = end is None
        return data[gone:]

    def _keep(self, data: bytes) -> None:
        self._open += data
        if b"\r" in data:
            # Only the last complete state and what follows can still count.
            last = self._open.rfind(b"\r", 0, self._open.rfind(b"\r"))
            self._drop(last + 1)
        if len(self._open) > LINE_CAP:
            self.skipping = True
            self._drop(len(self._open))

    def _drop(self, count: int) -> None:
        self.offset += count
        del self._open[:count]


def clean(block: bytes) -> list[bytes]:
    """The lines of a block: no escapes, only the last state of what was redrawn, none beyond `LINE_CAP`."""
    if b"\x1b" in block or b"\x08" in block:
        block = _ESCAPE.sub(b"", block)
    if b"\r" in block:
        block = block.replace(b"\r\n", b"\n")
    lines = block.split(b"\n")
    if b"\r" in block:
        lines = [_last_state(line) if b"\r" in line else line for line in lines]
    if len(block) > LINE_CAP:
        lines = [line for line in lines if len(line) <= LINE_CAP]
    return lines


def _last_state(line: bytes) -> bytes:
    return line.rstrip(b"\r \t").rpartition(b"\r")[2]
