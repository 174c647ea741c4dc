"""`${name}` in a value: the value of another parameter of the same run. Pure."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from specs import braces
from specs.braces import as_text
from specs.scanner import PARAMETER
from specs.tree import nearest, quoted

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from specs.model import Scalar

LONGEST = 16 * 1024
"""Characters of a value with its references filled in: what doubles itself twenty times is none."""
DEEPEST = 20
"""References one behind the other."""

_PART = re.compile(r"\$\$\{|\$\{([^${}]*)\}?")


class ReferenceProblem(ValueError):
    """A reference that leads nowhere. `str()` is one line."""


def has_references(value: Scalar) -> bool:
    """Whether a value is other than it is written: by a reference, or by `$${` for a literal `${`."""
    return isinstance(value, str) and "${" in value


def references(value: Scalar) -> tuple[str, ...]:
    """The names that a value refers to, in order; what is malformed among them as it is."""
    found = _PART.finditer(value) if isinstance(value, str) else ()
    return tuple(dict.fromkeys(match[1] for match in found if match[1] is not None))


def bare(text: str) -> str:
    """A text without its references, in which other braces can be looked for."""
    return _PART.sub("", text)


def wrong(value: Scalar, known: Collection[str]) -> str:
    """What is wrong with a value's references; empty where nothing is."""
    for match in _PART.finditer(value) if isinstance(value, str) else ():
        name = match[1]
        if name is None or (name in known and match[0].endswith("}")):
            continue
        literal = f'for the text itself write "$${{{name}"'
        if not match[0].endswith("}") or not PARAMETER.fullmatch(name):
            return f"holds {quoted(match[0])}, which is no reference to a parameter; {literal}"
        return f"refers to {quoted(name)}, which is no parameter{nearest(name, known)}; {literal}"
    return ""


def resolve(params: Mapping[str, Scalar], linked: Collection[str]) -> dict[str, Scalar]:
    """A run's parameters with their references filled in; `linked`: those that may have some.

    Raises `ReferenceProblem`.
    """
    done: dict[str, Scalar] = {}

    def value_of(name: str, above: tuple[str, ...]) -> Scalar:
        if name not in params:
            raise ReferenceProblem(f'"params.{above[-1]}" refers to {quoted(name)}, which this run does not have')
        if name not in linked:
            return params[name]
        if name in above or len(above) > DEEPEST:
            raise ReferenceProblem(f'"params.{above[0]}" refers to itself by way of {quoted(name)}')
        if name not in done:
            done[name] = substitute(params[name], lambda other: value_of(other, (*above, name)))
        return done[name]

    return {name: value_of(name, ()) for name in params}


def substitute(
    value: Scalar, value_of: Callable[[str], Scalar], between: Callable[[str], str] = lambda text: text
) -> Scalar:
    """A value with its references filled in: one that is nothing else keeps its type.

    `between` does something to the text around them. Raises `ReferenceProblem` for what grows too long.
    """
    if not isinstance(value, str):
        return value
    whole = _PART.fullmatch(value)
    if whole is not None and whole[1] is not None:
        return value_of(whole[1])
    parts, at = [], 0
    for match in _PART.finditer(value):
        parts += [between(value[at : match.start()]), "${" if match[1] is None else as_text(value_of(match[1]))]
        at = match.end()
    text = "".join([*parts, between(value[at:])])
    if len(text) > LONGEST:
        raise ReferenceProblem(f"a value grows to more than {LONGEST:,} characters by its references")
    return text


def fill_text(text: str, params: Mapping[str, Scalar], run: str) -> str:
    """Text with `{name}` and `${name}` filled as data, of parameters that are resolved. Raises `ReferenceProblem`."""
    values = {braces.RUN: run, **params}
    try:
        return as_text(substitute(text, values.__getitem__, lambda part: braces.fill(part, values)))
    except KeyError as error:
        raise ReferenceProblem(f"{quoted(text)} refers to {error}, which this run does not have") from None


def circle(values: Mapping[str, Sequence[Scalar]]) -> tuple[str, str] | None:
    """A parameter that would not come to an end, and why; `values`: all that each may have."""
    leads = {
        name: {to for value in each if has_references(value) for to in references(value)}
        for name, each in values.items()
    }
    if not any(leads.values()):
        return None
    sizes: dict[str, int] = {}
    waiting = dict(leads)
    for _ in range(DEEPEST + 1):
        ready = [name for name, to in waiting.items() if to.isdisjoint(waiting)]
        for name in ready:
            del waiting[name]
            sizes[name] = max((_size(value, sizes) for value in values[name]), default=0)
            if sizes[name] > LONGEST:
                return name, f"grows to more than {LONGEST:,} characters by its references"
        if not ready:
            break
    if not waiting:
        return None
    name = next(iter(waiting))
    if any(to.isdisjoint(waiting) for to in waiting.values()):
        return name, f"goes through more than {DEEPEST} references"
    return _in_circle(name, leads, waiting), "refers to itself, by way of others or at once"


def _in_circle(name: str, leads: Mapping[str, Collection[str]], waiting: Collection[str]) -> str:
    seen: set[str] = set()
    while name not in seen:
        seen.add(name)
        name = min(to for to in leads[name] if to in waiting)
    return name


def _size(value: Scalar, sizes: Mapping[str, int]) -> int:
    if not isinstance(value, str):
        return len(as_text(value))
    return len(value) + sum(sizes.get(match[1], 0) for match in _PART.finditer(value) if match[1] is not None)
