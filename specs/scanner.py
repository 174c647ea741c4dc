"""A walk over a command as a shell reads it: where its placeholders stand, and within which quotes.

It goes through quotes, comments, `$( … )` and simple expansions. Behind anything else that could hide a quote it says
that it does not know any more, and no placeholder there can be filled.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum

PARAMETER = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,63}", re.ASCII)
"""The name of a parameter."""


class CommandError(ValueError):
    """A placeholder that cannot be filled. `str()` is one line."""

    def __init__(self, message: str, line: int, column: int | None = None) -> None:
        super().__init__(message)
        self.line = line
        """Of the template, from 0."""
        self.column = column
        """In that line, from 0; None where the whole line is meant."""


class Quotes(Enum):
    """Which quotes a place in the command is within."""

    NONE = ""
    SINGLE = "'"
    DOUBLE = '"'


@dataclass(frozen=True, slots=True)
class Slot:
    """A placeholder and its place."""

    name: str
    line: int
    quotes: Quotes
    plain: bool
    """A harmless word may stand here as it is, since nothing beside it could change its meaning."""
    unsafe: str = ""
    """Why no value can stand here."""
    column: int = 0
    option: bool = False
    """Written as `{--name}`: the option with its value, or nothing."""
    alone: bool = False
    """A word of its own: several words can stand here."""


_SLOT = re.compile(r"(?<!\$)\{(--)?(" + PARAMETER.pattern + r")\}", re.ASCII)
_EXPANSION = re.compile(r"\$\{(?:[^{}'\"\\`()\n]|\$\{[^{}'\"\\`()\n]*\})*\}")
_ARITHMETIC = re.compile(r"\$\(\((?:[^(){}'\"\\`\n]|\([^(){}'\"\\`\n]*\))*\)\)")
_CASE = re.compile(r"case\s")
_COMMENT = re.compile(r"#[^\n]*")
_SECOND_SHELL = re.compile(
    r"(?:^|[\s;|&({!])"
    r"(?:(?:eval|(?:\S*/)?ssh)\s[^;&|\n]*|(?:\S*/)?(?:ba|da|k|z|a)?sh\s+(?:[^;&|\s]+\s+)*-\w*c(?:\s|\\\n)+)\Z"
)
_ENDS = ("", *" \t\n;&|)")
"""What may stand behind a word."""
_LOOK_BACK = 2000
"""Characters before a word in which `eval` and `sh -c` are looked for."""


def scan(text: str) -> tuple[str | Slot, ...]:
    """The command taken apart. Raises `CommandError` for a quote left open or a backslash at the end."""
    parts: list[str | Slot] = []
    between: list[str] = []
    for part in _Walk(text).parts():
        if isinstance(part, str):
            between.append(part)
        else:
            parts += ["".join(between), part]
            between = []
    return (*parts, "".join(between))


@dataclass(frozen=True, slots=True)
class _Open:
    """Something that is open at a place: a quote, `$(`, or a `(` within one."""

    kind: str
    at: int
    word: int
    """Where the word around it began."""


class _Walk:
    """One walk over a command; every method that recognises what comes next copies it and says True."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.found: list[str | Slot] = []
        self.open: list[_Open] = []
        self.word = 0
        """Where the current word began."""
        self.doubled = 0
        """How many `{{` are open."""
        self.unsafe = ""
        """Why the walk does not know any more where it is; empty while it does."""

    def parts(self) -> list[str | Slot]:
        within = {"'": self.single, '"': self.double}
        while self.at < len(self.text):
            shell = within.get(self.open[-1].kind if self.open else "", self.code)
            if not (not self.unsafe and shell()) and not self.braces():
                self.keep(1)
        if not self.unsafe and self.open and self.open[-1].kind in within:
            at = self.open[-1].at
            raise CommandError(f"the quote {self.open[-1].kind} is not closed", self.line(at), self.column(at))
        return self.found

    def line(self, at: int) -> int:
        return self.text.count("\n", 0, at)

    def column(self, at: int) -> int:
        return at - self.text.rfind("\n", 0, at) - 1

    def next_is(self, *starts: str) -> bool:
        return self.text.startswith(starts, self.at)

    def keep(self, count: int) -> bool:
        self.found.append(self.text[self.at : self.at + count])
        self.at += count
        return True

    def keep_match(self, pattern: re.Pattern[str]) -> bool:
        match = pattern.match(self.text, self.at)
        return match is not None and self.keep(match.end() - self.at)

    def enter(self, kind: str) -> bool:
        self.open.append(_Open(kind[-1], self.at, self.word))
        self.keep(len(kind))
        if kind[-1] == "(":
            self.word = self.at
        return True

    def lose(self, reason: str) -> bool:
        """From here on nothing is certain; what comes next is left to `braces`."""
        self.unsafe = reason
        return False

    def single(self) -> bool:
        if not self.next_is("'"):
            return False
        self.open.pop()
        return self.keep(1)

    def double(self) -> bool:
        if self.next_is('"'):
            self.open.pop()
            return self.keep(1)
        return self.anywhere()

    def escape(self) -> bool:
        """A backslash and what it stands before, which must be something: the next line is not the command's own."""
        if self.text[self.at + 1 :] in ("", "\n"):
            raise CommandError("the command ends with a backslash", self.line(self.at), self.column(self.at))
        if self.next_is("\\\n") and self.joins():
            return self.lose("behind a line that is continued within a word")
        return self.keep(2)

    def joins(self) -> bool:
        """Whether a continued line could make one sign, or a keyword, from what stands on both sides of it."""
        before = self.text[max(0, self.at - 2) : self.at]
        in_code = self.open and self.open[-1].kind == "("
        return before == "\\\n" or before[-1:] in tuple("$<(") or (bool(in_code) and self.word != self.at)

    def anywhere(self) -> bool:
        """What means the same within double quotes and outside: escapes and expansions."""
        if self.next_is("\\"):
            return self.escape()
        if self.next_is("`"):
            return self.lose("within or behind back-ticks")
        if self.next_is("${") and not self.next_is("${{"):
            return self.keep_match(_EXPANSION) or self.lose("within or behind a ${…} that has quotes or braces in it")
        if self.next_is("$(("):
            return self.keep_match(_ARITHMETIC) or self.lose("within or behind a $((…)) like this one")
        return self.next_is("$(") and self.enter("$(")

    def code(self) -> bool:
        """What has a meaning outside of quotes only."""
        starts_word = self.word == self.at
        if self.next_is("\\\n"):
            kept = self.escape()
            self.word = self.at if starts_word else self.word
            return kept
        if starts_word and self.next_is("#"):
            return self.keep_match(_COMMENT)
        if starts_word and self.open and _CASE.match(self.text, self.at):
            return self.lose('behind a "case" within $( )')
        if self.next_is("$'"):
            return self.lose("within or behind $'…'")
        if self.next_is("<<"):
            return self.lose("within or behind a here-document")
        if self.next_is("'", '"'):
            return self.enter(self.text[self.at])
        return self.operator() or self.anywhere()

    def operator(self) -> bool:
        if self.next_is("(") and self.open:
            return self.enter("(")
        if self.next_is(")") and self.open:
            closed = self.open.pop()
            self.keep(1)
            self.word = closed.word if self.text.startswith("$(", closed.at) else self.at
            return True
        if not self.next_is(*" \t\n;&|()<>"):
            return False
        self.keep(1)
        self.word = self.at
        return True

    def braces(self) -> bool:
        """Placeholders and doubled braces, which mean the same within all quotes."""
        if self.next_is("{{"):
            self.doubled += 1
        elif self.next_is("}}") and self.doubled:
            self.doubled -= 1
        elif match := _SLOT.match(self.text, self.at):
            self.found.append(self.slot(match))
            self.at = match.end()
            return True
        else:
            return False
        self.keep(1)
        self.at += 1
        return True

    def slot(self, match: re.Match[str]) -> Slot:
        before, after = self.text[max(0, match.start() - 1) : match.start()], self.text[match.end() : match.end() + 1]
        continued = self.text.startswith("\\\n", max(0, match.start() - 2))
        kind = self.open[-1].kind if self.open else ""
        quotes = Quotes(kind) if kind in ("'", '"') else Quotes.NONE
        plain = {
            Quotes.SINGLE: True,
            Quotes.DOUBLE: before in ' "=:/,.-',
            Quotes.NONE: before in (" ", "\t", "\n", "=")
            and not continued
            and after in ("", " ", "\t", "\n", ";", ")"),
        }[quotes]
        return Slot(
            match[2],
            self.line(match.start()),
            quotes,
            plain,
            self.unsafe or self.second_shell(),
            self.column(match.start()),
            match[1] is not None,
            quotes is Quotes.NONE and self.word == match.start() and after in _ENDS and not continued,
        )

    def second_shell(self) -> str:
        for word in (self.word, *(opened.word for opened in self.open)):
            if _SECOND_SHELL.search(self.text[max(0, word - _LOOK_BACK) : word]):
                return "in text that a second shell reads as a script"
        return ""
