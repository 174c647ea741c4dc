"""Which part of a YAML line is what, for colours: line by line, so that it also holds while a text is half typed.

Pure; knows YAML's words as far as looks go and judges nothing: what is wrong is for specs to say.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from functools import lru_cache

Span = tuple[int, int, str]
"""From, to (exclusive), and what it is: one of `KINDS`."""

KINDS = ("key", "comment", "text", "number", "word", "slot", "mark")
"""`word`: true, false and null; `slot`: a placeholder; `mark`: YAML's own signs, anchors and tags."""


@dataclass(frozen=True, slots=True)
class State:
    """What the end of a line leaves open for the next one."""

    block: int | None = None
    """Within a `|` or `>` block whose lines are indented by more than this."""
    quote: str = ""
    """The quote that is open."""
    depth: int = 0
    """How many brackets are open."""


_SPACE = re.compile(r"\s+")
_COMMENT = re.compile(r"#.*")
_DASHES = re.compile(r"(?:-(?:\s+|$))+")
_QUOTED = {'"': re.compile(r'(?:[^"\\]|\\.)*\\?'), "'": re.compile(r"(?:[^']|'')*")}
_KEY = re.compile(r"(\?\s+)?([\w.$<*][^:#{}\[\],\"']*?)\s*:(?=\s|$|[,\]}])")
_TEXT_KEY = re.compile(r"\s*:(?=\s|$|[,\]}])")
_BLOCK = re.compile(r"[|>][+-]?[0-9]?[+-]?(?=\s*(?:#|$))")
_LABEL = re.compile(r"[&*!][^\s,\[\]{}]*")
_PLAIN = {
    False: re.compile(r"(?:[^\s#:]|:(?!\s|$)|(?<=\S)#|[ \t]+(?![#\s]|$))+"),
    True: re.compile(r"(?:[^\s#:,\[\]{}]|:(?!\s|$|[,\]}])|(?<=\S)#|[ \t]+(?![#\s,\]}]|$))+"),
}
"""A plain value outside of brackets and within."""
_NUMBER = re.compile(
    r"[-+]?(?:\.inf|\.nan|0x[\da-f]+|0o[0-7]+|(?:\d[\d_]*\.?\d*|\.\d+)(?:e[-+]?\d+)?)", re.IGNORECASE
)
_WORD = re.compile(r"true|false|null|~", re.IGNORECASE)
_SLOT = re.compile(r"\$?\{(?:--)?[A-Za-z_][\w.-]*\}")


@lru_cache(maxsize=4096)
def spans(line: str, state: State) -> tuple[tuple[Span, ...], State]:
    """The parts of a line that begins in this state, in their order, and the state that it ends in."""
    if state.block is not None:
        indent = len(line) - len(line.lstrip())
        if not line.strip() or indent > state.block:
            return _filled(line, 0, len(line)), state
        state = replace(state, block=None)
    walk = _Walk(line, state)
    walk.go()
    return tuple(walk.found), walk.state


def _filled(line: str, start: int, end: int) -> tuple[Span, ...]:
    """A stretch of text with the placeholders in it."""
    found: list[Span] = []
    at = start
    for match in _SLOT.finditer(line, start, end):
        found += [(at, match.start(), "text")] if match.start() > at else []
        found.append((match.start(), match.end(), "slot"))
        at = match.end()
    return (*found, (at, end, "text")) if end > at else tuple(found)


class _Walk:
    """One walk along a line."""

    def __init__(self, line: str, state: State) -> None:
        self.line = line
        self.state = state
        self.at = 0
        self.found: list[Span] = []
        self.indent = len(line) - len(line.lstrip())
        """Where the innermost key or dash of the line stands."""
        self.begins = True
        """A key may stand here."""

    def go(self) -> None:
        if self.state.quote:
            self.quoted(self.state.quote)
        while self.at < len(self.line):
            if match := _SPACE.match(self.line, self.at):
                self.at = match.end()
            else:
                self.next_part()

    def next_part(self) -> None:
        line, at = self.line, self.at
        sign = line[at]
        if sign == "#" and (at == 0 or line[at - 1].isspace()):
            self.put(len(line), "comment")
        elif self.begins and not self.state.depth and (match := _DASHES.match(line, at)):
            self.indent = at + match[0].rstrip().rfind("-")
            self.put(match.end(), "mark")
            self.begins = True
        elif sign in "\"'":
            self.at += 1
            self.quoted(sign, at)
        elif self.begins and (match := _KEY.match(line, at)):
            self.indent = max(self.indent, match.start(2))
            self.at = match.start(2)
            self.key(match.end(2), match.end())
        elif sign in "{[]},":
            self.bracket(sign)
        elif (match := _BLOCK.match(line, at)) and not self.state.depth:
            self.put(match.end(), "mark")
            self.state = replace(self.state, block=self.indent)
        elif match := _LABEL.match(line, at):
            self.put(match.end(), "mark")
        elif match := _PLAIN[self.state.depth > 0].match(line, at):
            self.plain(match.end())
        else:
            self.put(at + 1, "mark")

    def put(self, end: int, kind: str) -> None:
        self.found.append((self.at, end, kind))
        self.at = end

    def key(self, end: int, colon: int) -> None:
        self.put(end, "key")
        self.at = colon - 1
        self.put(colon, "mark")
        self.begins = False

    def bracket(self, sign: str) -> None:
        by = 1 if sign in "{[" else -1 if sign in "]}" else 0
        self.state = replace(self.state, depth=max(0, self.state.depth + by))
        self.put(self.at + 1, "mark")
        self.begins = sign in "{[,"

    def quoted(self, quote: str, start: int | None = None) -> None:
        """From within quotes to their end, which may be on a later line."""
        begin = self.at if start is None else start
        match = _QUOTED[quote].match(self.line, self.at)
        end = match.end() if match else self.at
        closed = self.line[end : end + 1] == quote
        end += closed
        self.state = replace(self.state, quote="" if closed else quote)
        colon = _TEXT_KEY.match(self.line, end) if closed and self.begins and start is not None else None
        if colon is not None:
            self.at = begin
            self.key(end, colon.end())
            return
        self.found += _filled(self.line, begin, end)
        self.at, self.begins = end, False

    def plain(self, end: int) -> None:
        text = self.line[self.at : end]
        if _NUMBER.fullmatch(text):
            self.put(end, "number")
        elif _WORD.fullmatch(text):
            self.put(end, "word")
        else:
            self.found += _filled(self.line, self.at, end)
            self.at = end
        self.begins = False
