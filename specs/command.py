"""A command with `{parameters}`: where they stand in the shell's quoting, and their values quoted for that place.

A value arrives as text whatever is in it. Where that cannot be made sure (back-ticks, here-documents, …) the
placeholder is refused. What a program does with the text that it is given is its own affair, but for a second shell:
a placeholder in the script of `sh -c`, `eval` or `ssh` is refused too.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from specs.scanner import CommandError, Slot, scan
from specs.tree import nearest, quoted

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from specs.model import Scalar


RUN = "run"
"""The placeholder of the run's name, where no parameter is called so."""


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
                near = nearest(slot.name, {*known} - {RUN})
                literal = f"for the text itself write {{{{{slot.name}}}}}"
                raise CommandError(f"unknown parameter {quoted(slot.name)}{near}; {literal}", slot.line)
            if slot.unsafe:
                advice = f'on a line before, say export VALUE={{{slot.name}}}, and use "$VALUE" here'
                raise CommandError(f"{{{slot.name}}} cannot stand {slot.unsafe}: {advice}", slot.line)

    def fill(self, params: Mapping[str, Scalar]) -> str:
        """Shell text with the values in. Raises `CommandError`."""
        self.check(params)
        return "".join(part if isinstance(part, str) else _insert(part, params[part.name]) for part in self.parts)


def take_apart(text: str) -> Template:
    """The command as a template. Raises `CommandError` for a quote left open or a backslash at the end."""
    return Template(scan(text))


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
