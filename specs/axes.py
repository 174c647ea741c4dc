"""One axis of a sweep: a list of values, a range, or what its values are drawn from."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from specs import ranges
from specs.braces import as_text
from specs.combos import MOST_RUNS, counted
from specs.draft import flat
from specs.gather import Gather
from specs.model import Between, Choice, Normal, Shape
from specs.scanner import PARAMETER
from specs.tree import nearest, quoted

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from specs.model import Distribution, Scalar
    from specs.tree import Section, Value

NORMAL = "normal"
DISTRIBUTIONS = (*Shape, NORMAL)
WHEN = "when"
FORMS: Mapping[str, tuple[str, ...]] = {
    "values": ("values",),
    "linspace": ("linspace",),
    "logspace": ("logspace",),
    "range": ("range",),
    "min": ("min", "max", "distribution"),
    "mean": ("mean", "std", "distribution"),
    "choice": ("choice", "weights"),
}
"""What an axis may be as a mapping, by its first key; `when` goes with each."""
KEYS = tuple(dict.fromkeys(key for keys in (*FORMS.values(), (WHEN,)) for key in keys))


@dataclass(frozen=True, slots=True)
class Axis:
    """An axis as it is written."""

    value: Value
    values: tuple[Scalar, ...] = ()
    """Empty where they are drawn."""
    drawn: Distribution | None = None
    when: Mapping[str, Value] = field(default_factory=dict)
    """What other parameters must be: a single value or a list of them."""

    @property
    def condition(self) -> Mapping[str, tuple[Scalar, ...]]:
        """The same as values."""
        return {name: tuple(item.scalar() for item in alternatives(value)) for name, value in self.when.items()}


def read_axis(section: Section, name: str, words: Sequence[str]) -> Axis:
    """An axis of a sweep; `words` are the keys of the sweep that are none. Raises `SpecError`, or a group of them."""
    entry = section.entries[name]
    if not PARAMETER.fullmatch(name):
        raise entry.place.error(f"{quoted(name)} is no name for a parameter: letters, digits, and . _ - within")
    value = entry.value
    if isinstance(value.content, tuple):
        return Axis(value, _listed(value))
    if not isinstance(value.content, dict):
        near = nearest(name, words, "sweep.")
        raise value.error(f"must be a list of values to try, a range or a distribution, not {value.shown}{near}")
    return _mapped(value)


def alternatives(value: Value) -> tuple[Value, ...]:
    """The values of a condition."""
    return value.content if isinstance(value.content, tuple) else (value,)


def distinct(values: Sequence[Value]) -> tuple[Scalar, ...]:
    """The values of a list, none of which is there twice. Raises `SpecError`, or a group of them."""
    seen: dict[str, Value] = {}
    gather = Gather()
    for value in values:
        text = as_text(gather(value.scalar))
        if text in seen and isinstance(value.content, str | int | float | None):
            gather.add([value.error(f"is the same value as {quoted(seen[text].path)}")])
        seen.setdefault(text, value)
    gather.done()
    return tuple(value.scalar() for value in values)


def _mapped(value: Value) -> Axis:
    section, gather = value.section(), Gather()
    section.only(KEYS)
    form = next(
        (form for form, keys in FORMS.items() if any(key in section for key in keys if key != "distribution")), ""
    )
    if not form:
        raise value.error(
            "must say what to try: values, linspace, logspace, range, min and max, mean and std, or choice"
        )
    gather.add(
        section.entries[key].place.error(f'{quoted(f"{value.path}.{key}")} does not go with "{form}"')
        for key in section
        if key not in (*FORMS[form], WHEN)
    )
    found = gather(_READ[form], section)
    when = gather(_when, section)
    gather.done()
    if isinstance(found, tuple):
        return Axis(value, found, when=when)
    return Axis(value, drawn=found, when=when)


def _when(section: Section) -> dict[str, Value]:
    if WHEN not in section:
        return {}
    found = flat(section.need(WHEN).section())
    for value in found.values():
        if not alternatives(value):
            raise value.error("is an empty list")
        distinct(alternatives(value))
    if not found:
        raise section[WHEN].error('is empty; it names what must hold, as "when: {optim.name: sgd}"')
    return found


def _listed(value: Value) -> tuple[Scalar, ...]:
    if not value.items():
        raise value.error("is an empty list; an axis needs at least one value")
    return distinct(value.items())


def _spaced(
    key: str, made: Callable[[float, float, int], tuple[Scalar, ...]]
) -> Callable[[Section], tuple[Scalar, ...]]:
    def read(section: Section) -> tuple[Scalar, ...]:
        value = section.need(key)
        if len(value.items()) != 3:
            raise value.error(f"must be [first, last, how many], as {key}: [0.001, 0.1, 5]")
        first, last, number = value.items()
        if number.integer(least=1) > MOST_RUNS:
            raise number.error(f"must be at most {MOST_RUNS:,}, not {number.shown}")
        if key == "logspace":
            for end in (first, last):
                if end.number() <= 0:
                    raise end.error(f"must be more than 0, not {end.shown}")
        return _different(value, made(_number(first), _number(last), number.integer()))

    return read


def _range(section: Section) -> tuple[Scalar, ...]:
    value = section.need("range")
    if len(value.items()) not in (2, 3):
        raise value.error("must be [start, stop, step] as in Python, where stop is not among the values")
    start, stop, step = (*(_number(item) for item in value.items()), 1)[:3]
    if step == 0:
        raise value.items()[2].error("must not be 0")
    number = ranges.steps(start, stop, step)
    if not number:
        raise value.error("is an empty range: stop is not behind start")
    if number > MOST_RUNS:
        raise value.error(f"has {counted(number)} values; at most {MOST_RUNS:,} are allowed")
    return _different(value, ranges.stepped(start, stop, step))


def _different(value: Value, found: tuple[Scalar, ...]) -> tuple[Scalar, ...]:
    if len(set(found)) < len(found):
        raise value.error("gives the same value more than once")
    return found


def _values(section: Section) -> tuple[Scalar, ...]:
    return _listed(section.need("values"))


def _between(section: Section) -> Distribution:
    shape = _shape(section, Shape.UNIFORM, tuple(Shape))
    low, high = section.need("min"), section.need("max")
    if shape in (Shape.INT, Shape.LOG_INT):
        bounds: tuple[float, float] = (low.integer(), high.integer())
    else:
        bounds = (low.number(), high.number())
    if shape in (Shape.LOG_INT, Shape.LOG_UNIFORM) and low.number() <= 0:
        raise low.error(f"must be more than 0 for {shape}, not {low.shown}")
    if not bounds[0] < bounds[1]:
        raise high.error(f'must be more than "min", which is {low.shown}; it is {high.shown}')
    return Between(*bounds, Shape(shape))


def _normal(section: Section) -> Distribution:
    _shape(section, NORMAL, (NORMAL,))
    mean, std = section.need("mean").number(), section.need("std")
    if std.number() <= 0:
        raise std.error(f"must be more than 0, not {std.shown}")
    return Normal(mean, std.number())


def _shape(section: Section, usual: str, fitting: Sequence[str]) -> str:
    shape = section.text("distribution", usual)
    if shape not in DISTRIBUTIONS:
        known = f"{', '.join(DISTRIBUTIONS[:-1])} or {DISTRIBUTIONS[-1]}"
        raise section["distribution"].error(f"must be {known}, not {quoted(shape)}{nearest(shape, DISTRIBUTIONS)}")
    if shape not in fitting:
        needs = "mean and std" if shape == NORMAL else "min and max"
        raise section["distribution"].error(f"{quoted(shape)} needs {needs}")
    return shape


def _choice(section: Section) -> Distribution:
    values, weights = section.need("choice"), section.items("weights")
    found = _listed(values)
    if "weights" not in section:
        return Choice(found)
    if len(weights) != len(found):
        raise section["weights"].error(f"are {len(weights)} for {len(found)} values")
    numbers = tuple(weight.number(least=0) for weight in weights)
    if not 0 < sum(numbers) < float("inf"):
        raise section["weights"].error("must not all be 0")
    return Choice(found, numbers)


def _number(value: Value) -> int | float:
    number = value.number()
    return value.integer() if isinstance(value.content, int) else number


_READ: Mapping[str, Callable[[Section], tuple[Scalar, ...] | Distribution]] = {
    "values": _values,
    "linspace": _spaced("linspace", ranges.linspace),
    "logspace": _spaced("logspace", ranges.logspace),
    "range": _range,
    "min": _between,
    "mean": _normal,
    "choice": _choice,
}
