"""Recurrence as evidence: what nobody knows is a measurement where it comes again as the training goes on.

`TP:1783, TN:171` or `Corr coef: 0.93` may be anything once. In three places of a training, with other numbers, it
is what the training is watched by.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from trainboard.extract.fields import Field
from trainboard.extract.names import INDEX_KINDS, Kind, fold, kind
from trainboard.extract.parsers import UNKNOWN
from trainboard.extract.words import BORDER

if TYPE_CHECKING:
    from collections.abc import Mapping

    from trainboard.extract.shape import Shape

SIGHTS = 3
"""So many places of a training a shape must be seen in; two where all that varies has a fraction."""
HELD = 24
"""Sights that are kept while nothing varies."""
SETTLED = 64
"""Sights after which a shape that never varied is one of settings."""
SHAPES_CAP = 128
"""Shapes that are watched; the one that was seen least lately goes."""
KNOWN_CAP = 512
"""Shapes that are known to be measurements or settings; beyond these none is."""
SLOTS_CAP = 24
KEY_CAP = 240
"""Bytes of a line; a longer one is text."""
_FORMS = frozenset(("=", "{}", UNKNOWN))
_LEAD_CAP = 48
"""Bytes before the name of the first number."""
_BLANKS = re.compile(rb"\s+")
_REST = re.compile(
    rb"\W{0,8}(?:(?:[mun]?s|secs?|seconds|min(?:ute)?s?|h(?:ours)?|[KMGT]i?B|dB|[a-z]{1,8}/s)\W{0,4})?"
)
"""What may stand behind the last number: a unit, and signs."""
_BETWEEN = re.compile(rb"[\s\"']*")
_NAMING = frozenset(
    re.findall(
        r"\w+",
        "id ids idx index seed pid port line lineno year version errno code status warning note rank eta remaining"
        " class label category fold layer part chunk shard page question timestamp checkpoint"
        " ts time_ms wall_time created size imgsz img_size image_size input_size batch_size bs resolution",
    )
)
"""Words for numbers that tell one thing from another, and measure nothing."""


_COUNTERS = frozenset(("total", "global", "num", "n", "env", "current", "train"))
"""Before a plural: `total_steps` counts what is done, and `episode_steps` may be measured."""


class Sight(NamedTuple):
    """One line of a shape."""

    serial: int
    """Grows as the training goes on."""
    tick: int
    """How many lines with metrics and without an index came before: places too, where lines tell no other."""
    word: str
    step: float
    wall: float | None
    tokens: tuple[str, ...]

    @property
    def place(self) -> tuple[str, float, int]:
        """In the training: a program that is started again comes to the same."""
        return self.word, self.step, self.tick


@dataclass(slots=True)
class _Watched:
    rank: int | None
    """Whose lines count, where lines tell the rank that printed them."""
    serial: int = -1
    """Of the last sight."""
    count: int = 0
    """Of all sights."""
    sights: list[Sight] = field(default_factory=list)


class Recurrence:
    """The shapes that are watched, with up to three sights of each; bounded, whatever the log holds."""

    def __init__(self) -> None:
        self._shapes: dict[str, _Watched] = {}
        self._places: dict[str, tuple[int, ...]] = {}
        """Of shapes that are known: which of their numbers are measurements; none of settings."""

    def is_listed(self, key: str, serial: int) -> bool:
        """Whether a shape comes again at one place: it is of a list or a table, and of no course of a training."""
        watched = self._shapes.get(key)
        if watched is None or watched.serial != serial:
            return False
        watched.sights.clear()
        return True

    def is_settled(self, key: str) -> bool:
        """Whether a shape is known, or will never be: nothing more can be learned of it."""
        return key in self._places or len(self._places) >= KNOWN_CAP

    def see(
        self, key: str, names: tuple[str, ...], rank: int | None, sight: Sight, trained: bool = False
    ) -> tuple[tuple[int, ...], list[Sight]]:
        """Which numbers of a shape are measurements, and the sights that are samples now: none before the third.

        Two are enough for numbers with a fraction where something else was measured before: `trained`.
        """
        if key in self._places:
            return self._places[key], [sight] if self._places[key] else []
        watched = self._shapes.pop(key, None) or _Watched(rank)
        if len(self._shapes) >= SHAPES_CAP:
            del self._shapes[next(iter(self._shapes))]
        self._shapes[key] = watched
        if rank != watched.rank or self.is_listed(key, sight.serial):
            return (), []
        watched.serial = sight.serial
        watched.count += 1
        watched.sights = [*watched.sights[1 - HELD :], sight]
        places = _confirmed(names, watched.sights, trained)
        if len(self._places) >= KNOWN_CAP or not (places or watched.count >= SETTLED):
            return (), []
        self._places[key] = places
        sights = self._shapes.pop(key).sights
        return places, sights if places else []

    def state(self) -> dict[str, Any]:
        """As JSON can hold it."""
        return {
            "watched": [
                [key, one.rank, one.serial, one.count, [[*sight[:-1], list(sight.tokens)] for sight in one.sights]]
                for key, one in self._shapes.items()
            ],
            "known": {key: list(places) for key, places in self._places.items()},
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on where `state` was taken. Raises AttributeError, KeyError, TypeError or ValueError."""
        for key, rank, serial, count, sights in state["watched"]:
            ranked = None if rank is None else int(rank)
            self._shapes[str(key)] = _Watched(ranked, int(serial), int(count), [_sight(*kept) for kept in sights])
        for key, places in dict(state["known"]).items():
            self._places[str(key)] = tuple(map(int, places))


def candidates(message: Shape, named: dict[int, str], forms: dict[int, str]) -> tuple[str, tuple[Field, ...]]:
    """What tells a shape from others, and its numbers; nothing where it is no line of `name: value` pairs alone."""
    line = message.canon
    slots = message.slots
    if not 0 < len(slots) <= SLOTS_CAP or len(line) > KEY_CAP or message.dates:
        return "", ()
    if not all(named.get(slot) and forms[slot] in _FORMS for slot in slots) or not _is_pairs(message):
        return "", ()
    kinds = [kind(named[slot]) for slot in slots]
    if not all(found in (Kind.MEASURE, Kind.PLAIN, Kind.SETTING) for found in kinds):
        return "", ()
    if len({named[slot] for slot in slots}) < len(slots) or all(is_naming(named[slot]) for slot in slots):
        return "", ()
    key = _BLANKS.sub(b" ", line).decode("latin-1")
    return key, tuple(Field(slot, named[slot], message.scale(slot)) for slot in slots)


def _is_pairs(message: Shape) -> bool:
    """Whether there is nothing in a line but pairs, and perhaps a heading before them."""
    first = message.texts[0]
    cells = BORDER.split(first)
    if len(first) - len(cells[-1]) > 2 * _LEAD_CAP or not _REST.fullmatch(message.texts[-1]):
        return False
    return all(
        all(_BETWEEN.fullmatch(cell) for cell in BORDER.split(message.before(slot).rstrip(b" \t:='\""))[:-1])
        for slot in message.slots[1:]
    )


def doubtful(message: Shape, named: dict[int, str], taken: set[int]) -> tuple[Field, ...]:
    """The numbers of a line with an index that are called as settings are, and may be measured after all."""
    return tuple(
        Field(slot, name, message.scale(slot))
        for slot, name in sorted(named.items())[:SLOTS_CAP]
        if slot not in taken
        and slot not in message.dates
        and kind(name) is Kind.SETTING
        and not is_naming(name)
        and message.ends(slot)
    )


def is_naming(name: str) -> bool:
    """Whether a name is of numbers that tell one thing from another, or a place in the training."""
    folded = fold(name)
    rest, _, last = folded.rpartition("_")
    counting = last in INDEX_KINDS or (rest in _COUNTERS and last.rstrip("s") in INDEX_KINDS)
    return counting or folded in _NAMING or last in _NAMING


def _confirmed(names: tuple[str, ...], sights: list[Sight], trained: bool) -> tuple[int, ...]:
    """Which numbers are measurements by now; none as long as too few places of the training were seen."""
    if len(sights) > SIGHTS and sights[-1].tokens == sights[-2].tokens:
        return ()  # as it was before
    count = len({sight.place for sight in sights})
    if count < SIGHTS and not (trained and count == len(sights) == SIGHTS - 1):
        return ()
    places = _measured(names, sights)
    sure = count >= SIGHTS or all(_is_fraction(sight.tokens[place]) for place in places for sight in sights)
    return places if sure else ()


def _measured(names: tuple[str, ...], sights: list[Sight]) -> tuple[int, ...]:
    """Which numbers measure something: no constant setting, not the index again, none where all are constant."""
    columns = list(zip(*(sight.tokens for sight in sights), strict=True))
    steps = [sight.step for sight in sights]
    vary = [len(set(column)) > 1 for column in columns]
    places = tuple(
        place
        for place, (name, column) in enumerate(zip(names, columns, strict=True))
        if not is_naming(name)
        and (kind(name) is not Kind.SETTING or (vary[place] and not _is_count(column, steps)))
        and [_value(token) for token in column] != steps
    )
    return places if any(vary[place] for place in places) else ()


def _is_count(column: tuple[str, ...], steps: list[float]) -> bool:
    """Whether numbers grow as the steps do: they count what is done."""
    values = [_value(token) for token in column]
    known = [value for value in values if value is not None]
    if len(known) < SIGHTS or len(set(steps)) < SIGHTS:
        return False
    (first, second, third), (start, middle, end) = known[-SIGHTS:], steps[-SIGHTS:]
    return first != second and math.isclose((second - first) * (end - middle), (third - second) * (middle - start))


def _is_fraction(token: str) -> bool:
    return "." in token


def _sight(serial: int, tick: int, word: str, step: float, wall: float | None, tokens: list[str]) -> Sight:
    return Sight(
        int(serial),
        int(tick),
        str(word),
        float(step),
        None if wall is None else float(wall),
        tuple(map(str, tokens)),
    )


def _value(token: str) -> float | None:
    try:
        return float(token)
    except ValueError:
        return None
