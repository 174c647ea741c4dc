"""Characters or tokens with what a model expected of them, and units' activations beside them: the JSONL that has it.

Each line is one token, or one sequence as arrays; docs/outputs.md describes both. What cannot be used is left out,
counted and told.
"""

from __future__ import annotations

import json
import math
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import orjson

from trainboard.tokens import as_text, plainly

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    Numbers = NDArray[np.float64]
    Activations = NDArray[np.float32]

MOST_TOKENS = 200_000
"""Of one passage; those behind are left out."""

MOST_UNITS = 4096
MOST_ACTIVATIONS = 20_000_000
"""Numbers: 80 megabytes."""

ALTERNATIVES = 20
"""Most likely ones that are shown of a distribution."""

TEXT = ("t", "text", "token", "char", "tokens", "chars", "texts")
CHANCE = ("p", "prob", "probability", "probs", "ps")
LOG_CHANCE = ("logprob", "logprobs", "log_prob", "lp")
TOP = ("top", "dist", "distribution", "top_logprobs")
UNITS = ("units", "activations", "acts", "hidden")
STEP = ("step", "global_step", "iteration", "epoch")
"""What the keys of a line may be called, the first that is there is taken."""


@dataclass(frozen=True, slots=True, eq=False)
class Passage:
    """The tokens of one step, in order."""

    tokens: Sequence[str]
    """As a reader would write them; untrusted."""
    chances: Numbers
    """The probability that the model gave to what came; nan: not told."""
    tops: Sequence[object]
    """What it expected, as `alternatives` reads it."""
    units: Mapping[str, Activations]
    """By unit: the activation after each token; nan: not told."""
    starts: NDArray[np.bool_]
    """Where a sequence begins anew."""
    step: int | None = None

    def __len__(self) -> int:
        return len(self.tokens)

    @property
    def surprise(self) -> Numbers:
        """Bits of each token: -log2 of its probability; infinite where that is 0, nan where it is not told."""
        with np.errstate(divide="ignore"):
            bits: Numbers = -np.log2(self.chances)
        return bits


@dataclass(frozen=True, slots=True)
class Read:
    """What a file has."""

    passages: tuple[Passage, ...]
    """By step, in the order of the file."""
    notes: tuple[str, ...] = ()
    """What is wrong with it, each in one line."""


@dataclass(slots=True)
class _Builder:
    step: int | None
    tokens: list[str] = field(default_factory=list)
    chances: list[float] = field(default_factory=list)
    tops: list[object] = field(default_factory=list)
    units: list[Any] = field(default_factory=list)
    starts: list[bool] = field(default_factory=list)


def read_passages(data: bytes, *, cut: bool = False) -> Read:
    """What a file says that begins so; `cut`: there is more of it, and the last line may be a part of one.

    Takes seconds for the largest: not for the event loop.
    """
    trouble = Counter[str]()
    builders: dict[int | None, _Builder] = {}
    last: Any = None
    for line in _objects(data, trouble, cut=cut):
        if not isinstance(line, dict):
            trouble["lines that are no objects"] += 1
            continue
        step = _step(line)
        builder = builders.setdefault(step, _Builder(step))
        _add(builder, line, trouble, new=last is not builder)
        last = builder
    passages = tuple(_passage(each, trouble) for each in builders.values() if each.tokens)
    if not passages:
        trouble[_NOTHING] = 1
    elif not any(np.isfinite(each.chances).any() for each in passages):
        trouble["no probabilities: name them p or logprob"] = 1
    return Read(passages, tuple(_told(trouble)))


_NOTHING = 'nothing to show: each line is to be an object with "t", the text of a token, and "p", its probability'


def _told(trouble: Mapping[str, int]) -> Iterator[str]:
    for what, count in trouble.items():
        yield what if count == 1 and not what.startswith(("lines", "prob")) else f"{count} {what}"


def _objects(data: bytes, trouble: Counter[str], *, cut: bool) -> Iterator[object]:
    """Line by line, as JSON; a file that is one list gives what is in it."""
    data = data.removeprefix(b"\xef\xbb\xbf")
    if data.lstrip()[:1] == b"[" and not cut:
        found = _loads(data)
        if isinstance(found, list):
            yield from found
            return
    lines = data.split(b"\n")
    whole = len(lines) - 1
    for number, line in enumerate(lines):
        if not line.strip() or (cut and number == whole):
            continue
        found = _loads(line)
        if found is not None:
            yield found
        elif number == whole:
            trouble["the last line is torn: it is left out"] += 1
        else:
            trouble["lines that are no JSON"] += 1


def _loads(line: bytes) -> object:
    """None where it is no JSON; `NaN` and lone surrogates are taken, slower."""
    try:
        return orjson.loads(line)
    except orjson.JSONDecodeError:
        pass
    try:
        return json.loads(line)
    except (ValueError, RecursionError):
        return None


def _first(line: Mapping[str, Any], names: Iterable[str]) -> object:
    return next((line[name] for name in names if name in line), None)


def _step(line: Mapping[str, Any]) -> int | None:
    step = _first(line, STEP)
    return int(step) if isinstance(step, int | float) and math.isfinite(step) else None


def _add(builder: _Builder, line: Mapping[str, Any], trouble: Counter[str], *, new: bool) -> None:
    text, chance, logs = _first(line, TEXT), _first(line, CHANCE), _first(line, LOG_CHANCE)
    several = isinstance(text, list) or (isinstance(text, str) and isinstance(chance or logs, list))
    if text is None:
        trouble["lines without a text"] += 1
        return
    if len(builder.tokens) >= MOST_TOKENS:
        trouble[f"only the first {MOST_TOKENS} tokens are shown"] = 1
        return
    top, units = _first(line, TOP), _first(line, UNITS)
    if not several:
        _one(builder, text, chance, logs, top, units, trouble, new=new or not builder.tokens)
        return
    texts = list(text) if isinstance(text, str | list) else []
    count = len(texts)
    chances, logarithms, tops = (_column(each, count, trouble) for each in (chance, logs, top))
    beside = _beside(units, count)
    for at in range(min(count, MOST_TOKENS - len(builder.tokens))):
        _one(builder, texts[at], chances[at], logarithms[at], tops[at], beside(at), trouble, new=at == 0)


def _column(values: object, count: int, trouble: Counter[str]) -> Sequence[object]:
    """One value for each token; one less belongs to all but the first, which nothing came before."""
    if not isinstance(values, list):
        return [None] * count
    if len(values) == count - 1:
        return [None, *values]
    if len(values) != count:
        trouble["lines whose arrays are not as long as their text"] += 1
    return [*values[:count], *[None] * (count - len(values))]


def _beside(units: object, count: int) -> Any:  # noqa: ANN401  # whatever the file has there
    """What gives the units of each token: told by unit, or by token."""
    if isinstance(units, dict):
        return lambda at: {
            name: each[at] for name, each in units.items() if isinstance(each, list) and at < len(each)
        }
    if not isinstance(units, list) or not units:
        return lambda at: None
    if len(units) != count and all(isinstance(each, list) and len(each) == count for each in units):
        return lambda at: [each[at] for each in units]
    return lambda at: units[at] if at < len(units) else None


def _one(
    builder: _Builder,
    text: object,
    chance: object,
    logs: object,
    top: object,
    units: object,
    trouble: Counter[str],
    *,
    new: bool,
) -> None:
    token = as_text(text)
    builder.tokens.append(token)
    found = _probability(chance, logs, trouble)
    if found is None and top is not None:
        found = next((p for name, p in alternatives(top, None) if name == token), None)
    builder.chances.append(math.nan if found is None else found)
    builder.tops.append(top)
    builder.units.append(units)
    builder.starts.append(new)


def _probability(chance: object, logs: object, trouble: Counter[str]) -> float | None:
    value: float | None = None
    if isinstance(chance, int | float) and not isinstance(chance, bool):
        value = float(chance)
    elif isinstance(logs, int | float) and not isinstance(logs, bool):
        value = math.exp(logs) if logs < 1 else math.inf
    elif chance is None and logs is None:
        return None
    if value is None or not -1e-9 <= value <= 1 + 1e-6:
        trouble["probabilities are not between 0 and 1: they are left out"] += 1
        return None
    return min(1.0, max(0.0, value))


def alternatives(top: object, most: int | None = ALTERNATIVES) -> list[tuple[str, float]]:
    """What a model expected, the likeliest first: pairs, objects, or a mapping; values below 0 are logarithms."""
    found: list[tuple[str, float]] = []
    pairs: Iterable[Any] = top.items() if isinstance(top, dict) else top if isinstance(top, list) else ()
    for pair in pairs:
        if isinstance(pair, dict):
            name, value = _first(pair, TEXT), _first(pair, (*CHANCE, *LOG_CHANCE))
        elif isinstance(pair, list | tuple) and len(pair) == 2:
            name, value = pair
        else:
            continue
        if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value):
            found.append((as_text(name), float(value)))
    if any(value < 0 for _, value in found):
        found = [(name, math.exp(min(0.0, value))) for name, value in found]
    return sorted(found, key=lambda each: -each[1])[:most]


def _passage(builder: _Builder, trouble: Counter[str]) -> Passage:
    units, short = _matrix(builder.units)
    if short:
        trouble["activations of some units are left out: there are too many"] = 1
    chances = np.array(builder.chances)
    starts = np.array(builder.starts)
    return Passage(plainly(builder.tokens), chances, builder.tops, units, starts, builder.step)


def _matrix(rows: Sequence[Any]) -> tuple[dict[str, Activations], bool]:
    """Activations by unit, and whether some had no room."""
    names: dict[str, int] = {}
    most = min(MOST_UNITS, MOST_ACTIVATIONS // max(1, len(rows)))
    short = False
    for row in rows:
        for name in row if isinstance(row, dict) else map(str, range(len(row))) if isinstance(row, list) else ():
            if name not in names:
                if len(names) >= most:
                    short = True
                    break
                names[name] = len(names)
    values = np.full((len(names), len(rows)), np.nan, np.float32)
    for at, row in enumerate(rows):
        if isinstance(row, list):
            _fill(values[:, at], ((str(number), value) for number, value in enumerate(row)), names)
        elif isinstance(row, dict):
            _fill(values[:, at], row.items(), names)
    kept = {name: values[number] for name, number in names.items()}
    return {name: each for name, each in kept.items() if np.isfinite(each).any()}, short


def _fill(column: Activations, items: Iterable[tuple[str, Any]], names: Mapping[str, int]) -> None:
    for name, value in items:
        if name in names and isinstance(value, int | float) and abs(value) < 1e30:
            column[names[name]] = value


@dataclass(frozen=True, slots=True)
class Sums:
    """How well a stretch was expected."""

    tokens: int
    """With a probability."""
    bits: float
    """Mean of a token; infinite where one had no chance at all."""
    characters: int
    """Of these tokens."""

    @property
    def perplexity(self) -> float:
        """Of a token."""
        return 2.0**self.bits if self.bits < 1000 else math.inf

    @property
    def per_character(self) -> float:
        """Bits."""
        return self.bits * self.tokens / self.characters if self.characters else math.nan


def sums(passage: Passage, first: int = 0, end: int | None = None) -> Sums:
    """Of the tokens from one to before another."""
    end = len(passage) if end is None else end
    bits = passage.surprise[first:end]
    known = ~np.isnan(bits)
    count = int(known.sum())
    characters = sum(len(passage.tokens[first + at]) for at in np.flatnonzero(known).tolist())
    return Sums(count, float(bits[known].mean()) if count else math.nan, characters)


def worst(passage: Passage, most: int = 200) -> list[int]:
    """The places that surprised most, the worst first."""
    bits = np.nan_to_num(passage.surprise, nan=-1.0, posinf=1e9)
    count = min(most, int((bits > 0).sum()))
    if not count:
        return []
    places = np.argpartition(-bits, count - 1)[:count]
    return [int(each) for each in places[np.lexsort((places, -bits[places]))]]
