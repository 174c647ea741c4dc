"""A command with `{parameters}`: where they stand in the shell's quoting, and their values quoted for that place.

A value arrives as text whatever is in it. Where that cannot be made sure (back-ticks, here-documents, …) the
placeholder is refused. What a program does with the text that it is given is its own affair, but for a second shell:
a placeholder in the script of `sh -c`, `eval` or `ssh` is refused too.

Besides parameters there are `{--name}` (an option, where the run has the parameter), `{run}`, `{args}` and
`{params_file}`. A parameter that is called like one of them goes first.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from specs.braces import RUN, as_text
from specs.paramsfile import FILES
from specs.scanner import CommandError, Slot, scan
from specs.tree import nearest, quoted

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from specs.model import Scalar

ARGS = "args"
"""The placeholder of all parameters, as options."""
OURS = (RUN, ARGS, *FILES)
"""Placeholders that need no parameter."""
ATTEMPT = "$TRAINBOARD_ATTEMPT"
"""The shell's variable of the attempt directory."""


@dataclass(frozen=True, slots=True)
class Template:
    """A command, taken apart at its placeholders."""

    parts: tuple[str | Slot, ...]

    @property
    def slots(self) -> tuple[Slot, ...]:
        """Its placeholders, in order."""
        return tuple(part for part in self.parts if isinstance(part, Slot))

    @property
    def names(self) -> tuple[str, ...]:
        """The parameters that it needs, in order, `run` and the like among them."""
        return tuple(dict.fromkeys(slot.name for slot in self.slots if not slot.option))

    def files(self, params: Collection[str]) -> tuple[str, ...]:
        """The files of parameters that it reads, by their names in the attempt directory."""
        names = (name for name in self.names if name not in params)
        return tuple(dict.fromkeys(FILES[name] for name in names if name in FILES))

    def wrong(self, known: Collection[str], sometimes: Collection[str] = ()) -> Iterator[CommandError]:
        """Placeholders that are not known or stand where no value can.

        `sometimes`: parameters that some runs have and others not.
        """
        for slot in self.slots:
            if problem := _problem(slot, known, sometimes):
                yield CommandError(problem, slot.line, slot.column)

    def check(self, known: Collection[str], sometimes: Collection[str] = ()) -> None:
        """Raise the first of `wrong`."""
        for error in self.wrong(known, sometimes):
            raise error

    def fill(self, params: Mapping[str, Scalar], run: str = "", *, checked: bool = False) -> str:
        """Shell text with the values in, the run's name too. Raises `CommandError`, unless that was `checked`."""
        if not checked:
            self.check(params)
        return "".join([part if isinstance(part, str) else _insert(part, params, run) for part in self.parts])


def take_apart(text: str) -> Template:
    """The command as a template. Raises `CommandError` for a quote left open or a backslash at the end."""
    return Template(scan(text))


def fill(template: str, params: Mapping[str, Scalar]) -> str:
    """Shell text with every `{name}` replaced by its value, quoted for where it stands. Raises `CommandError`.

    `{{` and `}}` are literal braces. Braces that hold no name stay: `${VAR}`, `{a,b}`, `{1..3}`, `{ cmd; }`, `{}`.
    """
    return take_apart(template).fill(params)


def _problem(slot: Slot, known: Collection[str], sometimes: Collection[str]) -> str:
    name, shown = slot.name, f"{{{'--' * slot.option}{slot.name}}}"
    if name not in known and not (slot.option and name in sometimes) and (slot.option or name not in OURS):
        return _absent(slot, known, sometimes)
    if (slot.option or (name == ARGS and name not in known)) and not slot.alone:
        return f"{shown} must be a word by itself, outside of quotes"
    if slot.unsafe:
        advice = f'on a line before, say export VALUE={{{name}}}, and use "$VALUE" here'
        return f"{shown} cannot stand {slot.unsafe}: {advice}"
    return ""


def _absent(slot: Slot, known: Collection[str], sometimes: Collection[str]) -> str:
    if slot.name in sometimes:
        advice = f'write {{--{slot.name}}} for "--{slot.name} VALUE" in those that have it'
        return f"not every run has the parameter {quoted(slot.name)}: {advice}"
    near = nearest(slot.name, {*known, *sometimes, *OURS} - {RUN})
    literal = f"{{{{{'--' * slot.option}{slot.name}}}}}"
    return f"unknown parameter {quoted(slot.name)}{near}; for the text itself write {literal}"


_HARMLESS = re.compile(r"(?!.*\.\.)[A-Za-z0-9_./:@%+-]+", re.ASCII)


def _insert(slot: Slot, params: Mapping[str, Scalar], run: str) -> str:
    name = slot.name
    if name in params and not slot.option:
        return _word(as_text(params[name]), slot)
    if slot.option:
        return f"--{name} {_word(as_text(params[name]), slot)}" if name in params else ""
    if name in FILES:
        return f'{slot.quotes.value}"{ATTEMPT}"/{FILES[name]}{slot.quotes.value}'
    if name == ARGS:
        return " ".join([f"--{key}={_word(as_text(value), slot)}" for key, value in params.items()])
    return _word(run, slot)


def _word(text: str, slot: Slot) -> str:
    if slot.plain and _HARMLESS.fullmatch(text):
        return text
    if "\0" in text:
        raise CommandError(f"the value of {{{slot.name}}} holds a NUL character", slot.line, slot.column)
    word = "'" + text.replace("'", "'\"'\"'") + "'"
    return f"{slot.quotes.value}{word}{slot.quotes.value}"
