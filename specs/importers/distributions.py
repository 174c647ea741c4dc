"""The parameters of a W&B sweep as axes of ours: https://docs.wandb.ai/guides/sweeps/sweep-config-keys. Pure."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from fractions import Fraction
from typing import TYPE_CHECKING

from specs.importers.imported import literal
from specs.ranges import exact
from specs.tree import nearest, quoted

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import TypeAlias

    from specs.model import Scalar
    from specs.ranges import Number
    from specs.tree import Section, Value

    _Reader: TypeAlias = Callable[["Draws", Section, Value], object]


@dataclass(slots=True)
class Draws:
    """A sweep on its way to a spec."""

    method: str
    notes: list[str] = field(default_factory=list)
    params: dict[str, Scalar] = field(default_factory=dict)
    axes: dict[str, object] = field(default_factory=dict)
    said: dict[str, str] = field(default_factory=dict)
    typed: bool = False
    """The program gets its parameters as JSON; else as words, which are Python's for W&B."""

    def note(self, value: Value, why: str) -> None:
        where = "" if value.place.line is None else f"line {value.place.line}: "
        self.notes.append(f"{where}{quoted(value.path)} {why}")

    def value(self, value: Value) -> Scalar:
        """A parameter's value as the program has to get it."""
        content = value.content
        if not isinstance(content, str | int | float | bool | None):
            self.note(value, "is no single value: it becomes its text in Python")
            return literal(repr(_python(value)))
        if (content is None or isinstance(content, bool)) and not self.typed:
            return str(content)
        return literal(content)


def read_axis(work: Draws, name: str, section: Section, value: Value) -> None:
    """Put an axis there for a parameter of a sweep. Raises `SpecError`."""
    kind = section.text("distribution", None) or _usual(section)
    read = DISTRIBUTIONS.get(kind)
    if read is None:
        raise value.error(f"has a distribution that is not known: {quoted(kind)}{nearest(kind, DISTRIBUTIONS)}")
    if kind == "constant":
        raise value.error('is constant and has no "value"')
    if work.method == "grid" and kind not in IN_GRID:
        raise value.error(f"is {kind}, which a grid has no values of: give values")
    found = (STEPPED[kind] if work.method == "grid" and kind in STEPPED else read)(work, section, value)
    if isinstance(found, int | float):
        work.params[name] = found
    else:
        work.axes[name] = found


def _usual(section: Section) -> str:
    """What a parameter is that names no distribution."""
    if "values" in section:
        return "categorical_w_probabilities" if "probabilities" in section else "categorical"
    if "mu" in section or "sigma" in section:
        return "normal"
    whole = all(isinstance(section.need(key).content, int) for key in ("min", "max"))
    return "int_uniform" if whole else "uniform"


def _categorical(work: Draws, section: Section, value: Value) -> object:
    found: list[Scalar] = []
    for each in section.need("values").items():
        one = work.value(each)
        if str(one) in map(str, found):
            work.note(each, "is there twice: left out")
        else:
            found.append(one)
    return found


def _weighted(work: Draws, section: Section, value: Value) -> object:
    weights = [each.number(least=0) for each in section.need("probabilities").items()]
    return {"choice": [work.value(each) for each in section.need("values").items()], "weights": weights}


def _between(distribution: str, *, exponents: bool = False, whole: bool = False) -> _Reader:
    def read(work: Draws, section: Section, value: Value) -> object:
        written = _ends(section)
        ends = [_exp(end, value) for end in written] if exponents else written
        low, high = map(int, ends) if whole else ends
        return low if written[0] == written[1] else {"min": low, "max": high, "distribution": distribution}

    return read


def _inverse(work: Draws, section: Section, value: Value) -> object:
    ends = _ends(section)
    high, low = (_exp(-end, value) for end in ends)
    return low if ends[0] == ends[1] else {"min": low, "max": high, "distribution": "log_uniform"}


def _normal(work: Draws, section: Section, value: Value) -> object:
    return {"mean": section.number("mu", 0.0), "std": section.number("sigma", 1.0), "distribution": "normal"}


def _log_normal(work: Draws, section: Section, value: Value) -> object:
    work.note(value, "is log-normal: drawn log-uniformly within two standard deviations instead")
    mu, sigma = section.number("mu", 0.0), section.number("sigma", 1.0)
    ends = [_exp(mu - 2 * sigma, value), _exp(mu + 2 * sigma, value)]
    return {"min": ends[0], "max": ends[1], "distribution": "log_uniform"}


def _beta(work: Draws, section: Section, value: Value) -> object:
    work.note(value, "has a beta distribution: drawn uniformly between 0 and 1 instead")
    return {"min": 0.0, "max": 1.0, "distribution": "uniform"}


def _quantised(plain: _Reader, to_whole: str = "") -> _Reader:
    """A distribution rounded to multiples of q; where q is 1, the one of whole numbers that stands for it."""

    def read(work: Draws, section: Section, value: Value) -> object:
        found = plain(work, section, value)
        if isinstance(found, int | float):
            return _fixed(work, round(exact(found) / exact(_step(section))), section, value)
        if to_whole and isinstance(found, dict) and section.number("q", 1.0) == 1:
            ends = {"min": math.ceil(found["min"]), "max": math.floor(found["max"])}
            if ends["min"] < ends["max"]:
                return {**ends, "distribution": to_whole}
        work.note(value, "is drawn without rounding it to multiples of q")
        return found

    return read


def _multiples(work: Draws, section: Section, value: Value) -> object:
    """Whatever W&B rounds a number between the ends to; what only an end itself is rounded to is never drawn."""
    low, high = _ends(section)
    step = _step(section)
    size, half = exact(step), Fraction(1, 2)
    first, last = math.floor(exact(low) / size - half) + 1, math.ceil(exact(high) / size + half) - 1
    if low == high or first == last:
        return _fixed(work, round(exact(low) / size) if low == high else first, section, value)
    start, end, stop = (_multiple(number, step, value) for number in (first, last, last + half))
    rounded = f"is rounded to multiples of q, as W&B does: drawn from {start:.12g} to {end:.12g}"
    work.note(value, f"{rounded}, these two as often as the others")
    return {"range": [start, stop, step]}


def _fixed(work: Draws, number: int, section: Section, value: Value) -> object:
    """The only multiple of q that it can be."""
    found = _multiple(number, _step(section), value)
    work.note(value, f"is rounded to multiples of q, as W&B does: always {found:.12g}")
    return found


def _multiple(number: int | Fraction, step: Number, value: Value) -> Number:
    """So many times q, whole where q is; up to the next whole number."""
    try:
        found = number * exact(step)
        return math.ceil(found) if isinstance(step, int) else float(found)
    except OverflowError:
        raise value.error("has a multiple of q that is too large") from None


def _integers(work: Draws, section: Section, value: Value) -> object:
    low, high = map(int, _ends(section))
    return low if low == high else {"range": [low, high + 1, 1]}


def _steps(work: Draws, section: Section, value: Value) -> object:
    """In a grid W&B takes steps of q from the first end as far as before the last."""
    low, high = _ends(section)
    return low if low == high else {"range": [low, high, _step(section)]}


DISTRIBUTIONS: Mapping[str, _Reader] = {
    "constant": _categorical,
    "categorical": _categorical,
    "categorical_w_probabilities": _weighted,
    "int_uniform": _between("int", whole=True),
    "uniform": _between("uniform"),
    "q_uniform": _multiples,
    "log_uniform": _between("log_uniform", exponents=True),
    "log_uniform_values": _between("log_uniform"),
    "q_log_uniform": _quantised(_between("log_uniform", exponents=True), "log_int"),
    "q_log_uniform_values": _quantised(_between("log_uniform"), "log_int"),
    "inv_log_uniform": _inverse,
    "inv_log_uniform_values": _between("log_uniform"),
    "normal": _normal,
    "q_normal": _quantised(_normal),
    "log_normal": _log_normal,
    "q_log_normal": _quantised(_log_normal),
    "beta": _beta,
    "q_beta": _quantised(_beta),
}
"""How each distribution of W&B is said in a spec."""
STEPPED: Mapping[str, _Reader] = {"int_uniform": _integers, "q_uniform": _steps}
"""The same for a grid, where they are other values."""
IN_GRID = ("constant", "categorical", "categorical_w_probabilities", *STEPPED)


def _number(section: Section, key: str) -> int | float:
    """A number as it is written, whole or not."""
    value = section.need(key)
    number = value.number()
    return value.content if isinstance(value.content, int) else number


def _ends(section: Section) -> tuple[Number, Number]:
    """Where it begins and ends. Raises `SpecError` where that is before."""
    low, high = _number(section, "min"), _number(section, "max")
    if high < low:
        raise section["max"].wrong(f'at least "min", which is {section["min"].shown}')
    return low, high


def _step(section: Section) -> Number:
    step = 1 if section.get("q") is None else _number(section, "q")
    if step <= 0:
        raise section["q"].wrong("more than 0")
    return step


def _exp(power: float, value: Value) -> float:
    try:
        return float(f"{math.exp(power):.6g}")
    except OverflowError:
        raise value.error(f"has ends that are exponents of e, and e to the {power:g} is too large") from None


def _python(value: Value) -> object:
    if isinstance(value.content, tuple):
        return [_python(each) for each in value.content]
    if isinstance(value.content, str | int | float | bool | None):
        return value.content
    return {key: _python(entry.value) for key, entry in value.section().entries.items()}
