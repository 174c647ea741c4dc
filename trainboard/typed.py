"""Frozen dataclasses as JSON values and back, every value checked: what a file says may be anything. Pure."""

from __future__ import annotations

from dataclasses import MISSING, fields, is_dataclass
from enum import StrEnum
from functools import cache
from types import NoneType, UnionType
from typing import TYPE_CHECKING, Any, TypeVar, get_args, get_origin, get_type_hints

if TYPE_CHECKING:
    from collections.abc import Mapping

ValueT = TypeVar("ValueT")


def to_json(value: Any) -> Any:  # noqa: ANN401 - any value of a dataclass
    """A dataclass, or a value of one, as JSON; fields that have their default are left out."""
    if isinstance(value, tuple):
        return [to_json(each) for each in value]
    if not is_dataclass(value):
        return value
    kind: Any = type(value)
    defaults = _defaults(kind)
    found = {name: getattr(value, name) for name in defaults}
    return {name: to_json(each) for name, each in found.items() if each != defaults[name]}


def from_json(kind: type[ValueT], value: object) -> ValueT:
    """A dataclass from JSON. Raises `ValueError` where a value is missing, not known or of another type."""
    return _checked(kind, value)  # type: ignore[no-any-return]  # of this kind, or it raises


@cache
def _defaults(kind: Any) -> Mapping[str, object]:  # noqa: ANN401 - mypy takes no class for hashable
    """By field, its default; `MISSING` where it has none."""
    return {each.name: each.default for each in fields(kind)}


@cache
def _kinds(kind: Any) -> Mapping[str, Any]:  # noqa: ANN401 - as above
    return get_type_hints(kind)


def _checked(kind: Any, value: object) -> Any:  # noqa: ANN401 - whatever the kind says
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if kind in (str, int, float, bool, NoneType):
        if type(value) is not kind:
            raise ValueError(f"no {kind.__name__}: {value!r:.80}")
        return value
    if isinstance(kind, UnionType):
        return None if value is None else _checked(next(arm for arm in get_args(kind) if arm is not NoneType), value)
    if get_origin(kind) is tuple:
        if not isinstance(value, list):
            raise ValueError(f"no list: {value!r:.80}")
        return tuple(_checked(get_args(kind)[0], each) for each in value)
    if issubclass(kind, StrEnum):
        return kind(value)
    return _dataclass(kind, value)


def _dataclass(kind: Any, value: object) -> object:  # noqa: ANN401 - any dataclass
    if not isinstance(value, dict):
        raise ValueError(f"no {kind.__name__}: {value!r:.80}")
    kinds, defaults = _kinds(kind), _defaults(kind)
    if unknown := value.keys() - kinds.keys():
        raise ValueError(f"{kind.__name__} has no {min(unknown)!r:.80}")
    if missing := {name for name, default in defaults.items() if default is MISSING} - value.keys():
        raise ValueError(f"{kind.__name__} without {min(missing)}")
    return kind(**{name: _checked(kinds[name], each) for name, each in value.items()})
