"""`key=value` words of the command line, laid over a spec's document before it is read."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from specs import sweep
from specs.combos import VARIANT
from specs.document import parse_value
from specs.draft import Draft, flat
from specs.extends import EXTENDS
from specs.fields import KNOWN
from specs.merge import merge
from specs.model import SpecError
from specs.tree import Place, Value, nearest, quoted
from specs.variants import VARIANTS

if TYPE_CHECKING:
    from collections.abc import Sequence

COMMAND_LINE = "command line"
"""The source of errors in overrides."""
FREE = ("params", "sweep", "env")
"""Sections whose keys are the user's: everything behind the first dot is one key."""
OPEN = ("metrics.total", "watch.rules", "watch.early_stop.options")
"""Sections within sections that have no list of their keys here."""


def choose(draft: Draft, words: Sequence[str]) -> Draft:
    """The draft as the variant that the words name; as it is where they name none. Raises `SpecError`."""
    named = [word.partition("=")[2] for word in words if draft.variants and word.startswith(f"{VARIANT}=")]
    if not named or _value(VARIANT, named[-1]).content is None:
        return draft
    if named[-1] not in draft.variants:
        near = nearest(named[-1], draft.variants)
        raise SpecError(COMMAND_LINE, None, f"no variant is called {quoted(named[-1])}{near}")
    return with_variant(draft, named[-1])


def with_variant(draft: Draft, name: str) -> Draft:
    """The draft with a variant laid over it, which the parameter `variant` then names."""
    chosen = Value(Place(COMMAND_LINE), VARIANT, name, written=name)
    return replace(
        draft,
        top=merge(draft.top, draft.variants[name]),
        fixed={**draft.fixed, VARIANT: chosen},
        variant=name,
    )


def override(draft: Draft, words: Sequence[str]) -> Draft:
    """The draft with every `key=value` laid over it, later ones over earlier. Raises `SpecError`."""
    for word in words:
        key, equals, text = word.partition("=")
        if not equals or not key:
            raise SpecError(COMMAND_LINE, None, f"{quoted(word)} is not key=value")
        if key == VARIANT and draft.variants:
            continue
        draft = _apply(draft, key, _value(key, text))
    return draft


def _value(key: str, text: str) -> Value:
    try:
        return replace(parse_value(text, COMMAND_LINE, key), place=Place(COMMAND_LINE))
    except SpecError as error:
        raise SpecError(COMMAND_LINE, None, f"{quoted(key)}: {error.message}") from None


def _apply(draft: Draft, key: str, value: Value) -> Draft:
    section, _, rest = key.partition(".")
    if section in (EXTENDS, VARIANTS):
        raise SpecError(
            COMMAND_LINE, None, f"{quoted(section)} belongs into the file; a variant is chosen by variant=NAME"
        )
    if section == "params" and rest:
        return _fix(draft, rest, value)
    if section in FREE and rest:
        axis = section == "sweep" and rest not in sweep.WORDS and not isinstance(value.content, tuple | dict)
        if axis:
            value = replace(value, content=(replace(value, path=f"{key}[1]"),))
        return replace(draft, top=draft.top.with_value([section, rest], value))
    above, _, last = key.rpartition(".")
    if last in KNOWN.get(above, ()) or above in OPEN:
        return replace(draft, top=draft.top.with_value(key.split("."), value))
    if key in _parameters(draft):
        return _fix(draft, key, value)
    raise SpecError(COMMAND_LINE, None, f"unknown key {quoted(key)}{nearest(key, _keys(draft))}")


def _fix(draft: Draft, name: str, value: Value) -> Draft:
    value.scalar()
    return replace(draft, fixed={**draft.fixed, name: replace(value, path=f"params.{name}")})


def _parameters(draft: Draft) -> set[str]:
    return {*flat(draft.top.section("params")), *sweep.swept(draft.top.section("sweep")), *draft.fixed}


def _keys(draft: Draft) -> list[str]:
    within = [f"{section}.{key}" for section, keys in KNOWN.items() if section for key in keys]
    words = [f"sweep.{word}" for word in sweep.WORDS]
    return [*sorted(_parameters(draft)), *KNOWN[""], *within, *words]
