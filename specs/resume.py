"""The text that goes behind a command to make it resume: that it is right, and that it arrives there. Pure."""

from __future__ import annotations

import re

from specs.scanner import CommandError, Slot, scan
from specs.tree import quoted

CHECKPOINT = "checkpoint"
"""The one placeholder of the text."""

_QUOTED = re.compile(
    r"\\.|(?<!\S)#[^\n]*|'[^']*'|\"(?:\\.|[^\"\\])*\"|`[^`]*`|\$\([^()]*\)|\$?\{[^{}\s]*\}|[<>]+[&|]|&>+",
    re.DOTALL,
)
"""What holds signs that are no operators: comments, quotes, expansions, placeholders, redirections."""
_OPERATOR = re.compile(r"\|\||&&|\|&|[;|&]")
_HERE = re.compile(r"<<-?\s*['\"\\]?(\w+)")
_SHELL = re.compile(r"(?:^|[\s/])(?:ba|da|z|k|a)?sh\s+(?:-\S+\s+)*-\w*c\s+_")
_BLOCK = re.compile(r"(?:[)}]|\b(?:done|fi|esac))\Z")


def check(text: str) -> None:
    """Raise `CommandError` where the text is not one line of shell with `{checkpoint}` and no other placeholder."""
    if not text.isprintable():
        raise CommandError("must be one line of plain text", 0)
    slots = [part for part in scan(text) if isinstance(part, Slot)]
    for slot in slots:
        if slot.name != CHECKPOINT:
            raise CommandError(f"knows {{{CHECKPOINT}}} only, not {{{slot.name}}}", 0)
        if slot.unsafe:
            raise CommandError(f"{{{CHECKPOINT}}} cannot stand {slot.unsafe}", 0)
    if not slots:
        raise CommandError(f'must say where the path goes, as "--resume {{{CHECKPOINT}}}"', 0)


def unreachable(command: str) -> str:
    """Why text behind the command would not reach the program in it; empty where it may."""
    command = command.rstrip()
    try:
        parts = scan(f"{command} {{{CHECKPOINT}}}")
    except CommandError:
        return ""  # what is wrong with the command itself is told of the command
    if parts[-1] != "":
        return "ends with a comment"
    if command.rpartition("\n")[2].strip() in _HERE.findall(command):
        return "ends with a here-document"
    return _astray(_QUOTED.sub("_", command.replace("\\\n", " ")).rpartition("\n")[2])


def _astray(line: str) -> str:
    """The same of its last line, in which what is quoted is `_`."""
    operators = list(_OPERATOR.finditer(line))
    last = operators[-1] if operators else None
    if last is not None and last.end() == len(line):
        return f"ends with {quoted(last.group())}"
    if last is not None and last.group() in ("|", "|&"):
        return 'ends with a pipe, and its last program would get it; instead of "| tee FILE" write "> >(tee FILE)"'
    if _BLOCK.search(line):
        return "ends with the end of a block"
    return "ends with a second shell's script" if _SHELL.search(line[last.end() if last else 0 :]) else ""
