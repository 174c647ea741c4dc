"""A log as lines: bytes in any pieces → bounded text that a terminal can be shown. Pure but for its own buffer."""

from __future__ import annotations

import codecs
import re

from tui.show import clean

LINES = 20_000
CHARS = 8_000_000
LINE_CHARS = 16_384
"""Of one line; a progress log without line ends is one line, and some programs print a model's weights in one."""

_ESCAPE = re.compile(
    r"\x1b(?:"
    r"\[[0-?]*[ -/]*[@-~]?"  # CSI: colours, cursor movement
    r"|[\]PX^_][^\x07\x1b]*(?:\x07|\x1b\\)?"  # OSC, DCS, SOS, PM, APC: titles, links, clipboard
    r"|[ -/]*[0-~]?"  # two-character escapes
    r")"
    r"|\x9b[0-?]*[ -/]*[@-~]?"
)


class LogText:
    """The newest lines of a log."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        """Finished lines, cleaned."""
        self.dropped = 0
        """Lines that were here and had to go; the number of the first line that is here."""
        self._chars = 0
        self._open = ""
        """The unfinished last line, escapes included, as the last carriage return left it."""
        self._returned = False
        self._cut = 0
        """Characters of the unfinished line that were left out."""
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")

    def feed(self, data: bytes) -> None:
        """Take in the next bytes."""
        *finished, rest = self._decoder.decode(data).split("\n")
        for piece in finished:
            self._extend(piece)
            self._finish()
        self._extend(rest)
        self._trim()

    @property
    def tail(self) -> str:
        """The unfinished last line as it looks now; empty where there is none."""
        return _shown(self._open, self._cut)

    @property
    def count(self) -> int:
        """Lines to show, the unfinished one included."""
        return len(self.lines) + bool(self._open)

    def line(self, index: int) -> str:
        """One line to show, from 0."""
        return self.lines[index] if index < len(self.lines) else self.tail

    def _extend(self, piece: str) -> None:
        """A carriage return begins the line anew once something follows it, as on a terminal."""
        for number, part in enumerate(piece.split("\r")):
            self._returned = self._returned or number > 0
            if part:
                if self._returned:
                    self._open, self._cut, self._returned = "", 0, False
                room = LINE_CHARS - len(self._open)
                self._open += part[:room]
                self._cut += max(0, len(part) - room)

    def _finish(self) -> None:
        line = _shown(self._open, self._cut)
        self.lines.append(line)
        self._chars += len(line)
        self._open, self._cut, self._returned = "", 0, False

    def _trim(self) -> None:
        excess = max(0, len(self.lines) - LINES)
        freed = sum(map(len, self.lines[:excess]))
        while self._chars - freed > CHARS and excess < len(self.lines):
            freed += len(self.lines[excess])
            excess += 1
        if excess:
            del self.lines[:excess]
            self._chars -= freed
            self.dropped += excess


def _shown(raw: str, cut: int) -> str:
    line = raw
    if not line.isprintable():
        line = clean(_ESCAPE.sub("", line).expandtabs(8), LINE_CHARS * 9)
    return f"{line} … ({cut:,} more characters)" if cut else line
