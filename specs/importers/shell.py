"""A shell script split into what sets up and what is run, and as a command of a spec. Pure."""

from __future__ import annotations

import itertools
import re
import shlex
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from specs.scanner import CommandError, scan

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

SETS_UP: Mapping[str, Collection[str]] = {
    **dict.fromkeys(("module", "ml", "source", ".", "workon", "export", "unset", "cd", "umask", "ulimit"), ()),
    **dict.fromkeys(("shopt", "mkdir", "echo", "printf", "date", "set", "true", ":", "exit"), ()),
    **dict.fromkeys(("conda", "mamba", "micromamba"), ("activate", "deactivate")),
    "pyenv": ("activate", "shell"),
    "spack": ("load", "env"),
    "eval": ("_",),
}
"""First words of lines that prepare a run, with the second ones where only some do; `_` for `$( … )`."""
START_UP = frozenset({".bashrc", ".bash_profile", ".profile", "bashrc", "profile"})
"""Files whose last command may fail as a matter of course, which would end a set-up."""

_ASSIGNMENT = re.compile(r"[A-Za-z_]\w*\+?=", re.ASCII)
_WITHIN = re.compile(r"\$\([^()]*\)|\$\(\([^()]*\)\)")
_OPERATORS = ("&&", "||", ";")
_BRACES = re.compile(r"\{\{|\}\}|(?<!\$)\{(?=[A-Za-z_-])[^{}\s]*\}")


@dataclass(frozen=True, slots=True)
class Body:
    """What a script does."""

    setup: str
    command: str


def split(text: str) -> Body:
    """The leading lines that set up, and the rest. `set` goes with the rest: a set-up has its own."""
    lines = text.split("\n")
    setup: list[str] = []
    options: list[str] = []
    while lines and (size := _sets_up(lines)) is not None:
        block, lines = lines[:size], lines[size:]
        (options if block[0].split()[:1] == ["set"] else setup).extend(map(_lenient, block))
    if not any(line.strip() and not line.lstrip().startswith("#") for line in lines):
        lines, setup = [*setup, *lines], []
    while setup and (not setup[-1].strip() or setup[-1].lstrip().startswith("#")):
        lines.insert(0, setup.pop())
    return Body("\n".join(setup).strip("\n"), "\n".join([*options, *lines]).strip("\n"))


def as_command(text: str) -> str | None:
    """A shell script as a spec's command, which gives it again; None where that cannot be made sure."""
    for escaped in (text, _escape(text), "\n".join(_escape_code(line) for line in text.split("\n"))):
        try:
            parts = scan(escaped)
        except CommandError:
            continue
        if all(isinstance(part, str) for part in parts) and "".join(map(str, parts)) == text:
            return escaped
    return None


def _sets_up(lines: list[str]) -> int | None:
    """How many lines a statement has that sets up; None where the next one does not."""
    first = lines[0].strip()
    if not first or first.startswith("#"):
        return 1
    size = next((at for at, line in enumerate(lines, 1) if not line.endswith("\\")), None)
    if size is None:
        return None
    commands = _commands(" ".join(line.removesuffix("\\") for line in lines[:size]))
    return size if commands and all(map(_prepares, commands)) else None


def _commands(statement: str) -> list[list[str]]:
    """The simple commands of a statement, as words; none where it is not made of such alone."""
    within = _WITHIN.sub("_", _WITHIN.sub("_", statement))
    lexer = shlex.shlex(within, posix=True, punctuation_chars=True)
    lexer.whitespace_split, lexer.commenters = True, ""
    try:
        words = list(itertools.takewhile(lambda word: not word.startswith("#"), lexer))
    except ValueError:  # a quote that this line does not close
        return []
    commands: list[list[str]] = [[]]
    for word in words:
        if word in _OPERATORS:
            commands.append([])
        elif set(word) <= set("();<>|&"):
            return []
        else:
            commands[-1].append(word)
    return commands[:-1] if words[-1:] == [";"] else commands


def _prepares(words: list[str]) -> bool:
    first, second, *_ = (*itertools.dropwhile(_ASSIGNMENT.match, words), "", "")
    if not first:
        return bool(words)
    return first in SETS_UP and (not SETS_UP[first] or second in SETS_UP[first])


def _lenient(line: str) -> str:
    words = line.split()
    start_up = len(words) == 2 and words[0] in ("source", ".") and PurePosixPath(words[1]).name in START_UP
    return f"{line.rstrip()} || true" if start_up else line


def _escape(text: str) -> str:
    """Braces doubled where a command would take them for a placeholder or for doubled ones."""
    opened = 0

    def part(match: re.Match[str]) -> str:
        nonlocal opened
        found = match[0]
        if found == "}}" and not opened:
            return found
        opened += {"{{": 2, "}}": -2}.get(found, 0)
        return found * 2 if found in ("{{", "}}") else f"{{{found}}}"

    return _BRACES.sub(part, text)


def _escape_code(line: str) -> str:
    return line if line.lstrip().startswith("#") else _escape(line)
