"""`outputs.predictions` of a spec: the file in which a run says what it predicted, and what its columns are."""

from __future__ import annotations

from typing import TYPE_CHECKING

from specs.gather import Gather
from specs.model import TASKS, Predictions
from specs.tree import nearest, quoted

if TYPE_CHECKING:
    from collections.abc import Callable

    from specs.tree import Section, Value

KEYS = ("path", "target", "prediction", "scores", "id", "weight", "inputs", "task")


def read_predictions(section: Section, path_of: Callable[[Value], str]) -> Predictions | None:
    """What `outputs` says of predictions; `path_of` reads a pattern. Raises `SpecError`, or a group of them."""
    value = section.get("predictions")
    if value is None:
        return None
    if not isinstance(value.content, dict):
        return Predictions(path_of(value))
    section, gather = value.section(), Gather()
    found = Predictions(
        path=gather(lambda: path_of(section.need("path"))),
        target=gather(_column, section, "target"),
        prediction=gather(_column, section, "prediction"),
        scores=gather(_columns, section, "scores"),
        id=gather(_column, section, "id"),
        weight=gather(_column, section, "weight"),
        inputs=gather(_columns, section, "inputs"),
        task=gather(_task, section),
    )
    gather.done()
    return found


def path_value(section: Section) -> Value | None:
    """Where `outputs` says the path."""
    value = section.get("predictions")
    if value is not None and isinstance(value.content, dict):
        return value.section().get("path")
    return value


def _column(section: Section, key: str) -> str | None:
    value = section.get(key)
    return None if value is None else _name(value)


def _columns(section: Section, key: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(_name(item) for item in section.each(key)))


def _name(value: Value) -> str:
    if not value.text().strip():
        raise value.error("is empty: it is the name of a column")
    if not value.text().isprintable():
        raise value.error("holds a control character")
    return value.text()


def _task(section: Section) -> str | None:
    value = section.get("task")
    if value is None:
        return None
    if value.text() not in TASKS:
        raise value.error(f"must be {' or '.join(TASKS)}, not {quoted(value.text())}{nearest(value.text(), TASKS)}")
    return value.text()
