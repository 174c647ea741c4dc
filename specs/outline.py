"""Where a text stops, among the keys of a YAML document that is still being typed. Knows nothing of specs. Pure.

A parser says nothing of a text with a bracket open; this goes by indentation and brackets, line by line, and takes
what it does not understand for a value.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from enum import Enum

Path = tuple[str, ...]
"""Keys from the top; an item of a list is a word in brackets, another one for each item."""

_ITEM = re.compile(r"-(?: +|$)")
_KEY = re.compile(r"""("[^"]*"|'[^']*'|[^\s#'"\[\]{},|>&*!%@`:][^:#]*?)\s*:(?:\s+|$)""")
_LOOKS = re.compile(r"(?:[&!]\S*\s+)*")
_BLOCK = re.compile(r"[|>][-+0-9]*\s*(?:#.*)?$")
_TOKEN = re.compile(
    r"""(?P<quoted>"(?:\\.|[^"\\])*"?|'(?:''|[^'])*'?)|(?P<open>[{\[])|(?P<close>[}\]])|(?P<comma>,)"""
    r"""|(?P<colon>:(?=[\s,\[\]{}]|$))|(?P<comment>(?:^|(?<=\s))\#.*)|(?P<word>(?:[^\s,\[\]{}:]|:(?![\s,\[\]{}]|$))+)"""
)


class Stop(Enum):
    """What a text stops in."""

    KEY = "where a key may stand"
    VALUE = "the value of a key"
    TEXT = "the lines of a block of text, or a comment"


@dataclass(frozen=True, slots=True)
class Seen:
    """A key and where it begins; line and column from 1."""

    path: Path
    """Of the mapping that it is in."""
    key: str
    line: int
    column: int


@dataclass(slots=True)
class _Bracket:
    """A collection in brackets that is open."""

    sign: str
    key: str = ""
    """The one whose value comes, or the item."""
    word: tuple[str, int] = ("", 0)
    """The last scalar, and its column."""


@dataclass(slots=True)
class Outline:
    """What is known of a text up to some line."""

    seen: list[Seen] = field(default_factory=list)
    stop: Stop = Stop.KEY
    path: Path = ()
    """Of the mapping that a key would be in, or of the key that has the value."""
    _levels: list[tuple[int, str]] = field(default_factory=list)
    """Columns from 0 and keys of the blocks that are open."""
    _brackets: list[_Bracket] = field(default_factory=list)
    _block: int | None = None
    """Column of the key whose block of text this is."""
    _line: int = 0

    def read(self, line: str) -> None:
        """One line more."""
        self._line += 1
        indent = len(line) - len(line.lstrip(" "))
        if self._levels and indent <= self._levels[-1][0] and line[indent : indent + 1] not in ("", *"]},#"):
            self._brackets.clear()  # somebody is still to close them: what is within is indented
        if self._brackets:
            self._read_flow(line, 0)
        elif self._block is not None and (indent > self._block or not line.strip()):
            self.stop, self.path = Stop.TEXT, self._keys
        else:
            self._block = None
            self._read_block(line, indent)

    @property
    def _keys(self) -> Path:
        return tuple(key for _, key in self._levels)

    def _read_block(self, line: str, at: int) -> None:
        while item := _ITEM.match(line, at):
            self._close(at, item=True)
            self._levels.append((at, f"[{self._line}:{at}]"))
            at = item.end()
        if line.startswith("#", at):
            self.stop = Stop.TEXT
            return
        key = _KEY.match(line, at)
        if key is None:
            self._close(at)
            flow = line[at : at + 1] in ("{", "[")
            self.stop, self.path = Stop.KEY, self._keys
            if flow:
                self._read_flow(line, at)
            return
        self._close(at)
        word = key[1].strip("\"'")
        self.seen.append(Seen(self._keys, word, self._line, at + 1))
        self._levels.append((at, word))
        value = _LOOKS.match(line, key.end())
        start = value.end() if value else key.end()
        self.stop, self.path = Stop.VALUE, self._keys
        if _BLOCK.match(line, start):
            self._block = at
        elif line[start : start + 1] in ("{", "["):
            self._read_flow(line, start)

    def _close(self, column: int, *, item: bool = False) -> None:
        """Leave the blocks that one at this column is not in; a list may stand at the column of its key."""
        while self._levels:
            begun, key = self._levels[-1]
            if begun < column or (item and begun == column and not key.startswith("[")):
                return
            self._levels.pop()

    def _read_flow(self, line: str, at: int) -> None:
        for token in _TOKEN.finditer(line, at):
            self._take(token)
            if not self._brackets:
                break
        inner = self._inner
        if not self._brackets:
            self.stop, self.path = Stop.VALUE, self._keys
        elif self._brackets[-1].sign == "{" and not self._brackets[-1].key:
            self.stop, self.path = Stop.KEY, inner
        else:
            self.stop, self.path = Stop.VALUE, (*inner, self._brackets[-1].key)

    @property
    def _inner(self) -> Path:
        """Of the innermost brackets."""
        return (*self._keys, *(bracket.key for bracket in self._brackets[:-1]))

    def _take(self, token: re.Match[str]) -> None:
        innermost = self._brackets[-1] if self._brackets else None
        match token.lastgroup:
            case "open":
                if innermost is not None and innermost.sign == "[":
                    innermost.key = f"[{self._line}:{token.start()}]"
                self._brackets.append(_Bracket(token[0]))
            case "close":
                self._brackets.pop()
            case "comma" if innermost is not None:
                innermost.key = ""
            case "colon" if innermost is not None and innermost.sign == "{":
                word, column = innermost.word
                self.seen.append(Seen(self._inner, word, self._line, column))
                innermost.key = word
            case "word" | "quoted" if innermost is not None:
                innermost.word = token[0].strip("\"'"), token.start() + 1


def outline(text: str) -> Outline:
    """The outline of a text that stops anywhere."""
    found = Outline()
    for line in text.split("\n"):
        found.read(line.removesuffix("\r"))
    return found
