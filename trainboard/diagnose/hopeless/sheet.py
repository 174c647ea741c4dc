"""Curves in a table, a row a value: CSV, also packed by gzip. Reads files."""

from __future__ import annotations

import csv
import gzip
import zlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from specs.tree import quoted
from trainboard.actions import Refused
from trainboard.diagnose.hopeless.curve import Curve

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

COLUMNS: Mapping[str, tuple[str, ...]] = {
    "run": ("run", "run_id", "trial_id"),
    "step": ("step", "epoch", "iteration"),
    "value": ("value", "validation", "objective"),
    "length": ("length", "total"),
    "goal": ("goal",),
    "target": ("target",),
    "seconds": ("seconds", "time"),
}
"""What is read, by the names that a column may have; the first three there have to be."""


@dataclass(slots=True)
class Lines:
    """What a table has of one run."""

    steps: list[float] = field(default_factory=list)
    values: list[float] = field(default_factory=list)
    seconds: float | None = None
    goal: str = "minimize"
    target: float | None = None
    length: float | None = None

    def curve(self, name: str) -> Curve:
        """All of it."""
        steps = np.array(self.steps)
        order = np.argsort(steps, kind="stable")
        return Curve.of(name, steps[order], np.array(self.values)[order], self.goal, self.length, self.seconds)


@dataclass(frozen=True, slots=True)
class Group:
    """Runs that are compared with each other, in the order in which the table has them."""

    name: str
    curves: tuple[Curve, ...]
    target: float | None = None
    """What they are to reach, as the table tells."""


def groups(path: Path, by: Sequence[str] = (), order: Sequence[str] = ()) -> list[Group]:
    """The runs of a table, by the values of these columns; they come in the order of the values of those columns.

    Blocks. Raises `Refused` where it is no such table, or cannot be read.
    """
    try:
        with (gzip.open if path.suffix == ".gz" else open)(path, "rt", encoding="utf-8", newline="") as file:
            return _groups(csv.DictReader(file), by, order)
    except (OSError, EOFError, UnicodeDecodeError, csv.Error, zlib.error) as error:
        raise Refused(f"{path}: {getattr(error, 'strerror', None) or error}") from error
    except ValueError as error:
        raise Refused(f"{path}: {error}") from error


def _groups(rows: csv.DictReader[str], by: Sequence[str], order: Sequence[str]) -> list[Group]:
    """Raises `ValueError`."""
    columns = _columns(rows.fieldnames or (), (*by, *order))
    found: dict[tuple[str, ...], dict[str, Lines]] = {}
    places: dict[tuple[tuple[str, ...], str], tuple[str, ...]] = {}
    for row in rows:
        key, run = tuple(row[name] or "" for name in by), row[columns["run"]]
        _add(found.setdefault(key, {}).setdefault(run, Lines()), row, columns)
        places.setdefault((key, run), tuple(row[name] or "" for name in order))
    return [_group(key, runs, places) for key, runs in found.items()]


def _group(
    key: tuple[str, ...], runs: Mapping[str, Lines], places: Mapping[tuple[tuple[str, ...], str], tuple[str, ...]]
) -> Group:
    ordered = sorted(runs, key=lambda run: places[key, run])
    targets = {lines.target for lines in runs.values()}
    return Group(
        " ".join(key), tuple(runs[run].curve(run) for run in ordered), targets.pop() if len(targets) == 1 else None
    )


def _columns(there: Iterable[str], more: Sequence[str]) -> dict[str, str]:
    there = list(there)
    found = {what: name for what, names in COLUMNS.items() for name in reversed(names) if name in there}
    missing = [" or ".join(map(quoted, COLUMNS[what])) for what in ("run", "step", "value") if what not in found]
    missing += [quoted(name) for name in more if name not in there]
    if missing:
        raise ValueError(f"no column {', none '.join(missing)}")
    return found


def _add(lines: Lines, row: Mapping[str, str | None], columns: Mapping[str, str]) -> None:
    def told(what: str) -> str:
        return (row.get(columns.get(what, "")) or "").strip()

    lines.steps.append(_number(told("step")))
    lines.values.append(_number(told("value")))
    if told("seconds"):
        lines.seconds = max(lines.seconds or 0.0, _number(told("seconds")))
    if told("goal"):
        lines.goal = "maximize" if told("goal").startswith("max") else "minimize"
    if told("target"):
        lines.target = _number(told("target"))
    if told("length"):
        lines.length = _number(told("length"))


def _number(text: str) -> float:
    try:
        return float(text or "nan")
    except ValueError:
        raise ValueError(f"{quoted(text)} is no number") from None
