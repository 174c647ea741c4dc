"""From chunks of bytes, cut anywhere, to whole clean lines."""

from __future__ import annotations

import re

LINE_CAP = 64 * 1024
"""Bytes. A longer line is skipped: no program prints a metric so, and reading on must not wait for its end."""

# CSI sequences (colours, cursor), OSC sequences (titles, links), other two-byte escapes, and backspaces.
# They begin with a set of characters, because only then does the engine skip text fast.
_ESCAPE = re.compile(
    rb"[\x1b\x08](?:(?<=\x08)\x08*|(?<=\x1b)(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b\n]*(?:\x07|\x1b\\)?|[@-Z\\^_=>()78]))"
)
_REDRAWN = re.compile(rb"\x08{8,}")
"""So many backspaces go back to the beginning of a bar."""
_END = re.compile(rb"[\r\n]")


class Lines:
    """Puts lines together. A progress bar, redrawn with carriage returns, is a line that ends as its last state."""

    def __init__(self, offset: int = 0, skipping: bool = False) -> None:
        self._offset = offset
        self._skipping = skipping
        self._open = bytearray()
        self._held = b""
        self._held_at = 0
        self._block_end = 0
        """Where the block that was fed last ends."""

    @property
    def offset(self) -> int:
        """Of the first byte that is not consumed: reading may go on here."""
        return self._held_at if self._held else self._offset

    @property
    def skipping(self) -> bool:
        """Whether that byte is inside a line that is too long."""
        return self._skipping and not self._held

    def feed(self, data: bytes) -> bytes:
        """The lines that this chunk completes, as they are."""
        if self._skipping:
            data = self._skip(data)
        cut = data.rfind(b"\n") + 1
        if not cut:
            self._keep(data)
            return b""
        block = self._held + bytes(self._open) + data[:cut]
        self._offset += len(self._open) + cut
        self._block_end = self._offset
        self._held = b""
        self._open.clear()
        self._keep(data[cut:])
        return block

    def hold(self, block: bytes, lines: int) -> None:
        """Take back the last lines of a block that was just fed: they come again with the next."""
        at = len(block) - 1
        for _ in range(lines):
            at = block.rfind(b"\n", 0, at)
        self._held = block[at + 1 :]
        self._held_at = self._block_end - len(self._held)

    def finish(self) -> bytes:
        """What is left, where the log ends without a newline."""
        block = self._held + bytes(self._open)
        self._offset += len(self._open)
        self._held = b""
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
        self._offset += gone
        self._skipping = end is None
        return data[gone:]

    def _keep(self, data: bytes) -> None:
        self._open += data
        if b"\r" in data:
            # Only the last complete state and what follows can still count.
            last = self._open.rfind(b"\r", 0, self._open.rfind(b"\r"))
            self._drop(last + 1)
        if len(self._open) > LINE_CAP:
            self._skipping = True
            self._drop(len(self._open))

    def _drop(self, count: int) -> None:
        self._offset += count
        del self._open[:count]


def clean(block: bytes) -> list[bytes]:
    """The lines of a block: no escapes, only the last state of what was redrawn; empty where beyond `LINE_CAP`."""
    if b"\x08" in block:
        block = _REDRAWN.sub(b"\r", block)
    if b"\x1b" in block or b"\x08" in block:
        block = _ESCAPE.sub(b"", block)
    if b"\r" in block:
        block = block.replace(b"\r\n", b"\n")
    if b"#011" in block:
        block = block.replace(b"#011", b"\t")  # as syslog writes tabs
    lines = block.split(b"\n")
    if b"\r" in block:
        lines = [_last_state(line) if b"\r" in line else line for line in lines]
    if len(block) > LINE_CAP and max(map(len, lines)) > LINE_CAP:
        lines = [line if len(line) <= LINE_CAP else b"" for line in lines]
    if not lines[-1]:
        lines.pop()
    return lines


def _last_state(line: bytes) -> bytes:
    return line.rstrip(b"\r \t").rpartition(b"\r")[2]
