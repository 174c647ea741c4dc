"""JSON values as rows: nested objects, numbers in quotes, lists as columns."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from trainboard.extract import names
from trainboard.sources.columns import Role, column, moment, number
from trainboard.sources.rows import Index

if TYPE_CHECKING:
    from collections.abc import Iterator

    from trainboard.series import Sample
    from trainboard.sources.rows import Rows

DEPTH = 4
"""Objects within objects; what is deeper is no measurement."""


def samples_of(record: dict[str, Any], rows: Rows, wall: float | None) -> list[Sample]:
    """The samples of one record, as the next row."""
    fields = list(_flat(record, DEPTH))
    quoted = _is_quoted([given for _, given in fields])
    values: list[tuple[str, float]] = []
    indexes: list[tuple[int, Index]] = []
    kind = ""
    for name, given in fields:
        found = column(name)
        role = found.role
        if role is Role.NOTHING:
            continue
        if role is Role.KIND and isinstance(given, str):
            kind = given.lower()
        elif role is Role.WALL and (told := moment(given)) is not None:
            wall = told
        elif (value := _value(given, quoted)) is None:
            continue
        elif role is Role.INDEX:
            if math.isfinite(value):
                indexes.append((found.rank, Index(found.word, value)))
        else:
            values.append((name, value))
    # `epochs` may be how many there are to be.
    if all(index.word.endswith("s") for _, index in indexes) and _is_configuration(values):
        return []
    indexes.sort()
    return rows.take(values, [index for _, index in indexes], wall, kind)


def rows_of(columns: dict[str, Any]) -> list[dict[str, Any]]:
    """Records from columns, as in `{"loss": [3, 2, 1], "val_loss": [4, 3, 2]}`; none where these are no columns."""
    lists = {
        name: values
        for name, values in _flat(columns, DEPTH)
        if isinstance(values, list) and any(_value(value, False) is not None for value in values)
    }
    longest = max(map(len, lists.values()), default=0)
    return [{name: values[i] for name, values in lists.items() if i < len(values)} for i in range(longest)]


def _flat(record: dict[str, Any], depth: int, prefix: str = "") -> Iterator[tuple[str, object]]:
    for name, value in record.items():
        if not isinstance(value, dict):
            yield prefix + name, value
        elif depth > 1:
            yield from _flat(value, depth - 1, f"{prefix}{name}/")


def _value(given: object, quoted: bool) -> float | None:
    if type(given) is float:
        return given
    if isinstance(given, int) and not isinstance(given, bool):
        try:
            return float(given)
        except OverflowError:
            return math.inf if given > 0 else -math.inf
    return number(given) if quoted and isinstance(given, str) else None


def _is_quoted(given: list[object]) -> bool:
    """Whether a record writes its numbers in quotes: most of what it holds are such."""
    texts = [each for each in given if type(each) is str]
    return 2 * len(texts) > len(given) and 2 * sum(number(text) is not None for text in texts) > len(given)


def _is_configuration(values: list[tuple[str, float]]) -> bool:
    """Whether a record tells what the run was told, and nothing that it measured."""
    kinds = [names.kind(name) for name, _ in values]
    return names.Kind.SETTING in kinds and names.Kind.MEASURE not in kinds
