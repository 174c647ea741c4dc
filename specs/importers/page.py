"""A spec as text that people go on writing: sections in their usual order, short ones on one line, comments."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from specs.cells import read

if TYPE_CHECKING:
    from collections.abc import Iterator

WIDEST = 112
"""Characters in a line, where that can be chosen."""
PARAGRAPHS = (
    ("name", "command", "workdir", "setup", "env"),
    ("params", "sweep"),
    ("resources", "where", "slurm"),
    ("metrics", "outputs", "retry"),
)
"""The order of the sections; an empty line between these groups."""
SPREAD = ("sweep", "sweep.points")
"""Read best with a line for each of their parts."""

_WORD = re.compile(
    r"(?:[A-Za-z_/]|\./)[\w./+=%@-]*(?: [\w./(][\w./+=%@()-]*)*|\.|(?:\d+[wdhms])+|\d+(?:\.\d+)?[KMGTP]", re.ASCII
)
_LINE = re.compile(r"[A-Za-z_./$](?:[^:#]|:(?=\S)|(?<=\S)#)*")
_NO_TEXT = {"true", "false", "null", "yes", "no", "on", "off", "y", "n", ".inf", ".nan"}
"""Words that some reader of YAML takes for something else."""
_ESCAPES = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\t": "\\t"}


@dataclass(frozen=True, slots=True)
class Page:
    """A spec about to be written."""

    sections: Mapping[str, object]
    """Scalars, lists and mappings by key, one within the other."""
    head: tuple[str, ...] = ()
    """Comment lines on top."""
    said: Mapping[str, str] = field(default_factory=dict)
    """A comment for a key, by its dotted path."""

    @property
    def text(self) -> str:
        """The file."""
        paragraphs = [[comment(line) for line in self.head]]
        for keys in PARAGRAPHS:
            rows = [self._entry(key, self.sections[key], "", key) for key in keys if key in self.sections]
            paragraphs.append([line for row in rows for line in row])
        return "\n\n".join("\n".join(lines) for lines in paragraphs if lines) + "\n"

    def _entry(self, key: str, value: object, indent: str, path: str) -> Iterator[str]:
        """The lines of one key, its comment behind the first or before it."""
        first, *more = self._lines(key, value, indent, path)
        said = f"  {comment(self.said[path])}" if path in self.said else ""
        if len(first) + len(said) > WIDEST:
            yield indent + said.strip()
            said = ""
        yield first + said
        yield from more

    def _lines(self, key: str, value: object, indent: str, path: str) -> list[str]:
        begin = f"{indent}{key}:"
        if isinstance(value, str):
            return _text(begin, value, f"{indent}  ")
        short = f"{begin} {flow(value)}"
        commented = any(each.startswith(f"{path}.") for each in self.said)
        if not value or (len(short) <= WIDEST and path not in SPREAD and not commented):
            return [short]
        if isinstance(value, Mapping):
            rows = [self._entry(name, each, f"{indent}  ", f"{path}.{name}") for name, each in value.items()]
            return [begin, *(line for row in rows for line in row)]
        if isinstance(value, Sequence):
            return [begin, *(f"{indent}  - {flow(each)}" for each in value)]
        return [short]


def comment(text: str) -> str:
    """One line of comment, whatever the text."""
    shown = "".join(c if c.isprintable() else " " for c in text).strip()
    return f"# {shown}" if shown else "#"


def flow(value: object) -> str:
    """A value on one line."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key}: {flow(each)}" for key, each in value.items()) + "}"
    if isinstance(value, str):
        return value if _is_plain(value, _WORD) else _quoted(value)
    if isinstance(value, Sequence):
        return "[" + ", ".join(map(flow, value)) + "]"
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    return {"inf": ".inf", "-inf": "-.inf", "nan": ".nan"}.get(repr(value), repr(value))


def _text(begin: str, value: str, indent: str) -> list[str]:
    """The lines of a text: as they are in a block where there are several, else one."""
    lines = value.removesuffix("\n").split("\n")
    if len(lines) == 1 and (_is_plain(value, _LINE) or _is_plain(value, _WORD)):
        return [f"{begin} {value}"]
    if "\n" not in value or not lines[-1].strip() or not all(c.isprintable() or c in "\n\t" for c in value):
        return [f"{begin} {_quoted(value)}"]
    # What begins with white space, or with an empty line, does not show how far the block is indented.
    sign = ("" if lines[0][:1].strip() else "2") + ("" if value.endswith("\n") else "-")
    return [f"{begin} |{sign}", *(f"{indent}{line}" if line else "" for line in lines)]


def _is_plain(value: str, pattern: re.Pattern[str]) -> bool:
    return (
        pattern.fullmatch(value) is not None
        and value.isprintable()
        and value == value.strip()
        and not value.endswith(":")
        and value.lower() not in _NO_TEXT
        and isinstance(read(value), str)
    )


def _quoted(value: str) -> str:
    if value.isprintable() and ('"' in value or "\\" in value):
        return "'" + value.replace("'", "''") + "'"
    return '"' + "".join(map(_escaped, value)) + '"'


def _escaped(letter: str) -> str:
    if letter.isprintable():
        return _ESCAPES.get(letter, letter)
    code = ord(letter)
    width, sign = next(
        (w, s) for w, s, most in ((2, "x", 0xFF), (4, "u", 0xFFFF), (8, "U", 0x10FFFF)) if code <= most
    )
    return _ESCAPES.get(letter, f"\\{sign}{code:0{width}x}")
