"""The `notify` part of the config file. A URL in it is never repeated in an error: it holds secrets."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, TypeVar

from specs import units
from specs.tree import nearest, quoted
from trainboard import configvalues
from trainboard.diagnose.finding import Severity
from trainboard.notify.channels import DIGEST, NOTHING, USUAL, Channel, Kind, Settings, Sort
from trainboard.notify.hours import Hours, hours
from trainboard.notify.secret import VARIABLE, Secret

if TYPE_CHECKING:
    from collections.abc import Sequence
    from enum import StrEnum

    from specs.tree import Section, Value

WordT = TypeVar("WordT", bound="StrEnum")

TOP = ("channels", "digest", "quiet", "host_down", "disk_low")
CHANNEL = ("to", "command", "name", "kinds", "level", "digest", "quiet")
LONGEST = 7 * 86400.0
"""Seconds that anything here may take."""

_URL = re.compile(r"([A-Za-z][A-Za-z0-9.+-]*)://\S+")
_OWN = {str(sort): sort for sort in (Sort.BELL, Sort.TMUX)}
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,31}", re.ASCII)
_KEY = re.compile(r"[\w-]{1,32}", re.ASCII)


def read_settings(value: Value | None) -> Settings:
    """The settings, the usual ones where nothing is said. Raises `SpecError` with the line."""
    usual = Settings()
    if value is None:
        return usual
    if isinstance(value.content, tuple | str):
        return replace(usual, channels=_channels(value, None, None))
    section = _known(value, TOP)
    listed, low = section.get("channels"), section.get("disk_low")
    digest, quiet = _digest(section), _quiet(section)
    return Settings(
        channels=usual.channels if listed is None else _channels(listed, digest, quiet),
        host_down=configvalues.seconds(section.get("host_down"), usual.host_down, 0.0, LONGEST),
        disk_low=None if low is None else _size(low),
    )


def _channels(value: Value, digest: float | None, quiet: Hours | None) -> tuple[Channel, ...]:
    """Several; one is a list of one."""
    found: dict[str, Channel] = {}
    for item in value.content if isinstance(value.content, tuple) else (value,):
        channel = replace(_channel(item, digest, quiet), line=item.place.line)
        if channel.name in found and not (isinstance(item.content, dict) and "name" in item.section()):
            numbers = (f"{channel.name}-{number}" for number in range(2, len(found) + 3))
            channel = replace(channel, name=next(name for name in numbers if name not in found))
        if channel.name in found:
            raise item.error(f"has the name of another channel, {quoted(channel.name)}")
        found[channel.name] = channel
    return tuple(found.values())


def _channel(value: Value, digest: float | None, quiet: Hours | None) -> Channel:
    if isinstance(value.content, str):
        name, sort, target = _to(value)
        return Channel(name, sort, target, digest=DIGEST[sort] if digest is None else digest, quiet=quiet)
    section = _known(value, CHANNEL)
    to, command = section.get("to"), section.get("command")
    if (to is None) == (command is None):
        raise section.place.error('a channel has either "to" or "command"')
    name, sort, target = _to(to) if to is not None else ("command", Sort.COMMAND, Secret(section.text("command", "")))
    own_digest, own_quiet = _digest(section), _quiet(section)
    digest = digest if own_digest is None else own_digest
    level = section.get("level")
    return Channel(
        name=_name(section, name),
        sort=sort,
        target=target,
        kinds=_kinds(section),
        level=Severity.WARNING if level is None else _word(level, Severity, "a severity"),
        digest=DIGEST[sort] if digest is None else digest,
        quiet=quiet if own_quiet is None else own_quiet,
    )


def _to(value: Value) -> tuple[str, Sort, Secret]:
    """What a channel is called unless it has a name, and what it is."""
    text = value.text() if isinstance(value.content, str) else ""
    if text in _OWN:
        return text, _OWN[text], NOTHING
    if variable := VARIABLE.fullmatch(text):
        return variable[1].lower()[:32], Sort.URL, Secret(text)
    if url := _URL.fullmatch(text):
        return url[1].lower()[:24], Sort.URL, Secret(text)
    hint = nearest(text, _OWN) if "/" not in text else ""
    raise value.error(
        f"must be bell, tmux, the URL of a notifier (as mailto://…) or a variable with one (${{NAME}}){hint}"
    )


def _name(section: Section, usual: str) -> str:
    value = section.get("name")
    if value is None:
        return usual
    if not _NAME.fullmatch(value.text()):
        raise value.error("must be 1 to 32 letters, digits, '.', '_' or '-' that begin with a letter or a digit")
    return value.text()


def _kinds(section: Section) -> frozenset[Kind]:
    if "kinds" not in section:
        return USUAL
    return frozenset(_word(each, Kind, "a kind of notice") for each in section.each("kinds"))


def _word(value: Value, kind: type[WordT], what: str) -> WordT:
    words = [str(each) for each in kind]
    if value.text() not in words:
        raise value.error(f"must be {what} ({', '.join(words)}){nearest(value.text(), words)}")
    return kind(value.text())


def _digest(section: Section) -> float | None:
    value = section.get("digest")
    return None if value is None else configvalues.seconds(value, 0.0, 0.0, LONGEST)


def _quiet(section: Section) -> Hours | None:
    value = section.get("quiet")
    if value is None:
        return None
    try:
        return hours(value.text())
    except ValueError:
        raise value.error("must be hours of the day, as 22:00-07:00") from None


def _size(value: Value) -> int:
    try:
        return units.size(value.text())
    except ValueError:
        raise value.error("must be a size with its unit, as 20G") from None


def _known(value: Value, keys: Sequence[str]) -> Section:
    """A mapping with these keys alone; one that may be a URL is not repeated."""
    if not isinstance(value.content, dict):
        raise value.error("must be a channel or a mapping")
    section = value.section()
    for name, entry in section.entries.items():
        if not _KEY.fullmatch(name):
            raise entry.place.error(f"unknown key; known are {', '.join(keys)}")
    section.only(keys)
    return section
