"""What to take from all lines of one shape: which numbers are metrics, which are the index."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from trainboard.extract.names import INDEX_KINDS, NAME_CAP, Kind, fold, index_word, kind
from trainboard.extract.parsers import PARSERS, VERBS, section
from trainboard.extract.shape import SLOT_CAP

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from trainboard.extract.shape import Shape

UNNAMED = "step"
"""The word for an index that the line does not name, as in `[ 12/100] loss=1`."""

_INDEX_TEXT = re.compile(
    rb"(?i)(?<![\w.-])(?:train(?:ing)?[_ /])?("
    + b"|".join(word.encode().replace(b"_", b"[_ ]") for word in INDEX_KINDS)
    + rb")[\"']?(?:\s*\([a-z]+\))?[\s=:#\[(]*$"
)
_RATIO = re.compile(rb"\s*/\s*$|\s+of\s+$")
_BAR_BEFORE = re.compile(rb"(?:[|\[]|^)\s*$")
_BAR_AFTER = re.compile(rb"\s*\]|\s+\[")
_PLAIN_WORD = re.compile(rb"[a-z]{2,}")
_TASK = re.compile(rb"[A-Za-z]{3,}")
_TRAINING = re.compile(rb"(?i)train|epoch|step|iter")
_TELLING_ENDS = frozenset(bytes((end,)) for end in b"=:|/[(\"'#")
_TELLING_KINDS = frozenset((Kind.MEASURE, Kind.EPOCH, Kind.STEP, Kind.BATCH))


class Mark(NamedTuple):
    """A place in the training that a line tells."""

    word: str
    kind: Kind
    slot: int
    total: int | None
    """The slot of what it is out of."""


class Field(NamedTuple):
    """A number that is a metric's value."""

    slot: int
    name: str
    scale: float


class Plan(NamedTuple):
    """What lines of one shape hold."""

    fields: tuple[Field, ...]
    epoch: Mark | None
    counter: Mark | None
    """A step, an iteration or a batch."""
    aside: bool
    """The line is about an evaluation: its batches are not the training's."""


IDLE = Plan((), None, None, False)
"""Nothing in it."""


def plan(shape: Shape) -> Plan:
    """What to take from lines of this shape."""
    if not is_telling(shape.texts):
        return IDLE
    named: dict[int, str] = {}
    for parser in PARSERS:
        for slot, name in parser(shape):
            named.setdefault(slot, name)
    marks = list(_marks(shape, named))
    fields = _fields(shape, named, marks)
    if not fields:
        marks = [mark for mark in marks if _is_heading(shape, mark)]
    epoch = next((mark for mark in marks if mark.kind is Kind.EPOCH), None)
    counter = min((mark for mark in marks if mark.kind is not Kind.EPOCH), key=_preference, default=None)
    if not (fields or epoch or counter):
        return IDLE
    return Plan(fields, epoch, counter, any(section(text) for text in shape.texts))


def is_telling(texts: tuple[bytes, ...]) -> bool:
    """Whether a number of this shape may have a name: a quick look that spares most text the parsers."""
    for text in texts[:-1]:
        bare = text.rstrip()[-NAME_CAP:]
        if bare[-1:] in _TELLING_ENDS or _is_telling_word(bare.rpartition(b" ")[2]):
            return True
    return False


@lru_cache(maxsize=4096)
def _is_telling_word(word: bytes) -> bool:
    return word in VERBS or kind(word.decode("ascii", "replace")) in _TELLING_KINDS


def _fields(shape: Shape, named: dict[int, str], marks: Iterable[Mark]) -> tuple[Field, ...]:
    """The metrics. A line without an index must name a sure one and no setting, or it is not about training."""
    taken = {slot for mark in marks for slot in (mark.slot, mark.total)}
    kinds = {slot: kind(name) for slot, name in named.items() if slot not in taken}
    if not taken and (Kind.SETTING in kinds.values() or Kind.MEASURE not in kinds.values()):
        return ()
    names: dict[str, int] = {}
    for slot in sorted(kinds):
        if kinds[slot] in (Kind.MEASURE, Kind.PLAIN):
            names.setdefault(named[slot], slot)
    return tuple(Field(slot, name, shape.scale(slot)) for name, slot in names.items())


def _marks(shape: Shape, named: dict[int, str]) -> Iterator[Mark]:
    for slot in shape.slots[:SLOT_CAP]:
        ratio = slot + 1 in shape.slots and _RATIO.match(shape.after(slot)) is not None
        total = slot + 1 if ratio else None
        word = _index_before(shape, slot) or index_word(named.get(slot, ""))
        if word and (ratio or slot in named or shape.ends(slot)):
            yield Mark(word, INDEX_KINDS[word], slot, total)
        elif ratio and _is_bar(shape, slot):
            yield Mark(UNNAMED, Kind.BATCH, slot, total)


def _index_before(shape: Shape, slot: int) -> str | None:
    found = _INDEX_TEXT.search(shape.before(slot))
    return fold(found[1].decode()) if found else None


def _is_bar(shape: Shape, slot: int) -> bool:
    return bool(_BAR_BEFORE.search(shape.before(slot)) and _BAR_AFTER.match(shape.after(slot + 1)))


def _is_heading(shape: Shape, mark: Mark) -> bool:
    """Whether a line without metrics tells where the training is, and does not just speak of a step or a download."""
    before = b" ".join(shape.texts[: mark.slot + 1])
    if mark.word == UNNAMED and mark.kind is Kind.BATCH:
        return not _TASK.search(before) or bool(_TRAINING.search(before))
    return len(_PLAIN_WORD.findall(before)) <= 3


def _preference(mark: Mark) -> tuple[bool, int]:
    return mark.kind is Kind.BATCH, list(INDEX_KINDS).index(mark.word)
