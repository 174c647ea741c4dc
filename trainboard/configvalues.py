"""Readers of the values that a config file holds. All of them raise `SpecError` with the line."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from specs import units
from specs.tree import quoted
from trainboard.sshconfig import HOST

if TYPE_CHECKING:
    from specs.tree import Section, Value

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_PROCESS = re.compile(r"[^\s/]+")


def check_name(section: Section, name: str, what: str) -> None:
    """Raise where this key is no name for such a thing."""
    if not _NAME.fullmatch(name):
        raise section.entries[name].place.error(
            f"{what} name {quoted(name)} must be 1 to 64 letters, digits, '.', '_' or '-' "
            "that begin with a letter or a digit"
        )


def is_name(text: str) -> bool:
    """Whether a backend or a pool can have this name."""
    return _NAME.fullmatch(text) is not None


def host(section: Section, name: str) -> str:
    """Where `ssh` would go; the backend's own name where nothing is said."""
    text = section.text("host", name)
    if not HOST.fullmatch(text):
        raise section["host"].error(f"must be a host of ~/.ssh/config or an address, not {quoted(text)}")
    return text


def seconds(value: Value | None, default: float, least: float, most: float) -> float:
    """A number of seconds, or a duration such as `1m`."""
    if value is None:
        return default
    try:
        found = float(units.duration(value.content)) if isinstance(value.content, str) else value.number()
    except ValueError:
        raise value.wrong("seconds or a duration such as 30s or 1m") from None
    if not least <= found <= most:
        raise value.wrong(f"between {least:g} s and {most:g} s")
    return found


def path(value: Value) -> str:
    """A path on some host, which knows no variables of ours."""
    text = value.text()
    if not re.match(r"/|~/", text) or not text.isprintable() or "$" in text:
        raise value.wrong("a path that begins with / or ~/, without variables")
    return text


def paths(value: Value) -> tuple[str, ...]:
    """A list of paths; one is a list of one."""
    return tuple(path(each) for each in _each(value))


def shared_folder(value: Value | None, default: str) -> str:
    """A folder that is the same one for every user of a host."""
    if value is None:
        return default
    text = value.text()
    if not text.startswith("/") or ".." in text.split("/") or not text.isprintable() or "$" in text:
        raise value.wrong('a path that begins with /, without variables and ".."')
    return text


def process_names(value: Value | None) -> tuple[str, ...]:
    """Names of processes; none where nothing is said."""
    if value is None:
        return ()
    for each in _each(value):
        if not _PROCESS.fullmatch(each.text()) or not each.text().isprintable():
            raise each.wrong("the name of a process without folder and arguments, as python3")
    return value.strings()


def program(value: Value | None, default: str) -> str:
    """A program's name or path: one printable word."""
    if value is None:
        return default
    text = value.text()
    if not text.isprintable() or len(text.split()) != 1 or text.startswith("-"):
        raise value.wrong("the name or path of a program")
    return text


def _each(value: Value) -> tuple[Value, ...]:
    return value.content if isinstance(value.content, tuple) else (value,)
