"""A command with `{parameters}`: where they stand in the shell's quoting, and their values quoted for that place.

A value arrives as text whatever is in it. The template is followed through quotes, comments and `$( … )`; behind
anything that cannot be followed surely (back-ticks, here-documents, …) a placeholder is refused. What a program does
with the text that it is given is its own affair, but for a second shell: a placeholder in the script of `sh -c` or
`eval` is refused too.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

from specs.tree import nearest, quoted

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from specs.model import Scalar

PARAMETER = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,63}", re.ASCII)
"""The name of a parameter."""


class CommandError(ValueError):
    """A placeholder that cannot be filled. `str()` is one line."""

    def __init__(self, message: str, line: int) -> None:
        super().__init__(message)
        self.line = line
        """Of the template, from 0."""


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


@dataclass(frozen=True, slots=True)
class Template:
    """A command, taken apart at its placeholders."""

    parts: tuple[str | Slot, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """The parameters that it uses, in order."""
        return tuple(dict.fromkeys(part.name for part in self.parts if isinstance(part, Slot)))

    def check(self, known: Collection[str]) -> None:
        """Raise `CommandError` for the first placeholder that is not known or stands where no value can."""
        for slot in self.parts:
            if isinstance(slot, str):
                continue
            if slot.name not in known:
                near = nearest(slot.name, known)
                literal = f"for the text itself write {{{{{slot.name}}}}}"
                raise CommandError(f"unknown parameter {quoted(slot.name)}{near}; {literal}", slot.line)
            if slot.unsafe:
                advice = f'set an environment variable on a line before, as VALUE={{{slot.name}}}, and use "$VALUE"'
                raise CommandError(f"{{{slot.name}}} cannot stand {slot.unsafe}: {advice}", slot.line)

    def fill(self, params: Mapping[str, Scalar]) -> str:
        """Shell text with the values in. Raises `CommandError`."""
        self.check(params)
        return "".join(part if isinstance(part, str) else _insert(part, params[part.name]) for part in self.parts)


def fill(template: str, params: Mapping[str, Scalar]) -> str:
    """Shell text with every `{name}` replaced by its value, quoted for where it stands. Raises `CommandError`.

    `{{` and `}}` are literal braces. Braces that hold no name stay: `${VAR}`, `{a,b}`, `{1..3}`, `{ cmd; }`, `{}`.
    """
    return take_apart(template).fill(params)


def as_text(value: Scalar) -> str:
    """A value as the program gets it: `true` and `false`, null as empty text, numbers as Python writes them."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


_HARMLESS = re.compile(r"(?!.*\.\.)[A-Za-z0-9_./:@%+-]+", re.ASCII)


def _insert(slot: Slot, value: Scalar) -> str:
    text = as_text(value)
    if "\0" in text:
        raise CommandError(f"the value of {{{slot.name}}} holds a NUL character", slot.line)
    if slot.plain and _HARMLESS.fullmatch(text):
        return text
    word = "'" + text.replace("'", "'\"'\"'") + "'"
    return f"{slot.quotes.value}{word}{slot.quotes.value}"


_SLOT = re.compile(r"(?<!\$)\{(" + PARAMETER.pattern + r")\}", re.ASCII)
_EXPANSION = re.compile(r"\$\{(?:[^{}'\"\\`()\n]|\$\{[^{}'\"\\`()\n]*\})*\}")
_ARITHMETIC = re.compile(r"\$\(\((?:[^(){}'\"\\`\n]|\([^(){}'\"\\`\n]*\))*\)\)")
_CASE = re.compile(r"case\s")
_COMMENT = re.compile(r"#[^\n]*")
_SECOND_SHELL = re.compile(
    r"(?:^|[\s;|&({!])"
    r"(?:(?:eval|(?:\S*/)?ssh)\s[^;&|\n]*|(?:\S*/)?(?:ba|da|k|z|a)?sh\s+(?:[^;&|\s]+\s+)*-\w*c(?:\s|\\\n)+)\Z"
)
_LOOK_BACK = 2000
"""Characters before a word in which `eval` and `sh -c` are looked for."""


def take_apart(template: str) -> Template:
    """Follow the command as a shell reads it. Raises `CommandError` for a quote that is not closed."""
    return _Scanner(template).scan()


@dataclass(frozen=True, slots=True)
class _Open:
    """Something that is open at a place: a quote, `$(`, or a `(` within one."""

    kind: str
    at: int
    word: int
    """Where the word around it began."""


class _Scanner:
    """One walk over a command; every method that recognises what comes next copies it and says True."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.parts: list[str | Slot] = []
        self.open: list[_Open] = []
        self.word = 0
        """Where the current word began."""
        self.doubled = 0
        """How many `{{` are open."""
        self.unsafe = ""
        """Why the walk does not know any more where it is; empty while it does."""

    def scan(self) -> Template:
        within = {"'": self.single, '"': self.double}
        while self.at < len(self.text):
            shell = within.get(self.open[-1].kind if self.open else "", self.code)
            if not (not self.unsafe and shell()) and not self.braces():
                self.keep(1)
        if not self.unsafe and self.open and self.open[-1].kind in within:
            raise CommandError(f"the quote {self.open[-1].kind} is not closed", self.line(self.open[-1].at))
        return Template(tuple(self.parts))

    def line(self, at: int) -> int:
        return self.text.count("\n", 0, at)

    def next_is(self, *starts: str) -> bool:
        return self.text.startswith(starts, self.at)

    def keep(self, count: int) -> bool:
        self.parts.append(self.text[self.at : self.at + count])
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

    def anywhere(self) -> bool:
        """What means the same within double quotes and outside: escapes and expansions."""
        if self.next_is("\\"):
            return self.keep(2)
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
            self.word += 2 * starts_word
            return self.keep(2)
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
            self.parts.append(self.slot(match))
            self.at = match.end()
            return True
        else:
            return False
        self.keep(1)
        self.at += 1
        return True

    def slot(self, match: re.Match[str]) -> Slot:
        before, after = self.text[max(0, match.start() - 1) : match.start()], self.text[match.end() : match.end() + 1]
        kind = self.open[-1].kind if self.open else ""
        quotes = Quotes(kind) if kind in ("'", '"') else Quotes.NONE
        plain = {
            Quotes.SINGLE: True,
            Quotes.DOUBLE: before in ' "=:/,.-',
            Quotes.NONE: before in (" ", "\t", "\n", "=") and after in ("", " ", "\t", "\n", ";", ")"),
        }[quotes]
        return Slot(match[1], self.line(match.start()), quotes, plain, self.unsafe or self.second_shell())

    def second_shell(self) -> str:
        for word in (self.word, *(opened.word for opened in self.open)):
            if _SECOND_SHELL.search(self.text[max(0, word - _LOOK_BACK) : word]):
                return "in text that a second shell reads as a script"
        return ""
