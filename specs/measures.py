"""Sizes and durations as values of a document."""

from __future__ import annotations

from typing import TYPE_CHECKING

from specs import units

if TYPE_CHECKING:
    from collections.abc import Callable

    from specs.tree import Section


def size(section: Section, key: str) -> int | None:
    """Bytes, more than 0; None where nothing is said. Raises `SpecError`."""
    return _positive(section, key, _read(section, key, units.size, "a size with its unit, as 8G or 500M"))


def time(section: Section, key: str) -> int | None:
    """Seconds, more than 0; None where nothing is said. Raises `SpecError`."""
    return _positive(section, key, _read(section, key, units.duration, "a duration as 8h, 90m or 01:30:00"))


def wait(section: Section, key: str) -> int | None:
    """Seconds, 0 among them; None where nothing is said. Raises `SpecError`."""
    return _read(section, key, units.duration, "a duration as 30s or 5m")


def _read(section: Section, key: str, read: Callable[[str], int], wanted: str) -> int | None:
    value = section.get(key)
    if value is None:
        return None
    try:
        return read(value.text())
    except ValueError:
        raise value.wrong(wanted) from None


def _positive(section: Section, key: str, amount: int | None) -> int | None:
    if amount == 0:
        raise section[key].error("must be more than 0")
    return amount
