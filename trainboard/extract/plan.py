"""What to take from all lines of one shape: which numbers are metrics, which are the index."""

from __future__ import annotations

import re
from functools import lru_cache
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

from trainboard.extract.context import is_source
from trainboard.extract.crossed import crossed, is_crossed
from trainboard.extract.fields import (
    Field,
    are_evaluation,
    fields_of,
    guests,
    is_continued,
    is_guest,
    is_phase,
    is_unnamed_value,
    named_in,
)
from trainboard.extract.marks import front, is_heading, is_weak, marks_of
from trainboard.extract.names import INDEX_KINDS, Kind, fold, kind
from trainboard.extract.parsers import UNKNOWN
from trainboard.extract.prefix import prefix
from trainboard.extract.quick import is_row, is_telling
from trainboard.extract.recurrence import candidates, doubtful
from trainboard.extract.sentences import is_done
from trainboard.extract.shape import Shape
from trainboard.extract.spelling import spelled, unstamped
from trainboard.extract.stamps import Stamp
from trainboard.extract.words import section

if TYPE_CHECKING:
    from collections.abc import Iterable

    from trainboard.extract.marks import Mark
    from trainboard.extract.prefix import Prefix

_STAMP_NAMES = frozenset(
    ("timestamp", "ts", "time_ms", "wall_time", "created", "created_at", "asctime", "date", "time")
)
_SPELLED_DATES = frozenset(("date", "time", "at"))
_PROSE = re.compile(rb"\x00\.?\s+(?:The|This|It|In|We|If|You|That) [a-z]")
"""A number that ends a sentence, before another sentence."""
_VARIABLE = re.compile(rb"\bname ?= ?[\w./-]+:\x00, shape\b")
"""A variable of a graph: `name = loss/w:0, shape = (3, 3)`."""
_OF_DATA = re.compile(r"(?i)(?:train|valid|test|eval)\w{0,12}(?:-|'s )\w")
"""`valid_0's l2`, `train-deviance`: whatever it is, of data."""
_PARAMETERS = re.compile(rb"(?i)\b(?:hyper-?)?param(?:eter)?s\b|\bconfig(?:uration)?\b|\bsettings\b|\bargs\b")
"""`Running trial 3 with params: lr=0.1`: what it was told."""
_SAVED = re.compile(
    rb"(?i)[^\w\x00]*(?:sav(?:ed|ing)|"
    rb"stor(?:ed|ing)|restor(?:ed|ing)|load(?:ed|ing)|wrote|writing|(?:found )?new best)\b"
    rb"[^\n]{0,80}\b(?:model|checkpoint|weights?|state|snapshot)\b"
)
"""What is said of a file tells again what another line has told."""


_AGAIN = re.compile(rb"(?i)\W*(best|final)\b")
"""Begins what tells one of the lines before again."""
_INDENTED = re.compile(rb" {24}")
"""Begins what stands in a right-hand column."""


class Plan(NamedTuple):
    """What lines of one shape hold."""

    fields: tuple[Field, ...] = ()
    epoch: Mark | None = None
    counter: Mark | None = None
    """A step, an iteration or a batch."""
    aside: bool = False
    """The line is about an evaluation: its batches are not the training's."""
    bare: bool = False
    """It has no index of its own: what stands around it decides whether it is source code or configuration."""
    guest: bool = False
    """It counts only within a training, where an index was seen before it."""
    stamp: Stamp | None = None
    rank: int | None = None
    """The slot of the rank that printed it."""
    ranked: int | None = None
    """That rank, where the text tells it."""
    tag: str = ""
    """Tells this kind of line from others that print the same names."""
    word: str = ""
    """What a reader would call this kind of line: its index word."""
    unique: bool = False
    """Each step has one such line: a second one at the same step was printed by another rank."""
    wanted: tuple[int, ...] = ()
    """The slots that are needed, in order. All slots above are places among these: the first is 0."""
    dates: frozenset[int] = frozenset()
    """The slots that are dates."""
    looped: bool = False
    """A loop's last line, with its number of batches: one with another number is another loop."""
    doubts: tuple[Field, ...] = ()
    """What is called as settings are, beside an index: measurements where they vary."""
    key: str = ""
    """Of a shape whose names nobody knows: it counts where it recurs as the training goes on."""
    row: bool = False
    """Nothing but numbers: a row of a table, if the line before is a header."""
    crossed: bool = False
    """A row with a name in front."""


IDLE = Plan()
"""Nothing in it."""
ROW = Plan(row=True)
"""Of lines of numbers."""
CROSSED = Plan(row=True, crossed=True)
"""Of lines with a name and then numbers."""


def may_cross(shape: Shape) -> bool:
    """Whether `under` may find anything in such a line."""
    before = prefix(shape)
    return is_crossed(shape.message(before.slot, before.cut))


def under(shape: Shape, above: Iterable[bytes]) -> Plan:
    """What to take from a line with a name in front of its numbers, by the lines above it."""
    before = prefix(shape)
    message = shape.message(before.slot, before.cut)
    fields = crossed(message, above) if is_crossed(message) else ()
    if not fields:
        return IDLE
    found = Plan(_shifted(fields, before.slot), bare=True, stamp=before.stamp, rank=before.rank, ranked=before.ranked)
    return _packed(found._replace(guest=True, tag=f"{before.site}|crossed", word="table"), shape.dates)


def plan(shape: Shape) -> Plan:
    """What to take from lines of this shape."""
    if is_row(shape):
        return ROW
    if _VARIABLE.search(shape.canon):
        return IDLE
    if not is_telling(shape.texts) or is_source(shape.canon) or _PROSE.search(shape.canon):
        return CROSSED if is_crossed(shape) else IDLE
    before = prefix(shape)
    message = spelled(unstamped(shape.message(before.slot, before.cut)))
    named, forms = named_in(message)
    marks = list(marks_of(message, named))
    known = {
        slot: name for slot, name in named.items() if forms[slot] != UNKNOWN or (marks and kind(name) is Kind.PLAIN)
    }
    fields = fields_of(message, known, marks)
    if not marks:
        marks, fields = _led(message, known) or (marks, fields)
    continued = is_continued(shape.texts[0])
    guest = not fields and not marks and is_guest(message, known, continued)
    if guest:
        fields = guests(message, known, continued)
    key = ""
    if not fields and not marks:
        key, fields = candidates(message, named, forms)
    if not fields:
        marks = [mark for mark in marks if is_heading(message, mark)]
    taken = {slot for mark in marks for slot in (mark.slot, mark.total) if slot is not None}
    taken |= {field.slot for field in fields}
    doubts = doubtful(message, known, taken) if marks else ()
    epoch = next((mark for mark in marks if mark.kind is Kind.EPOCH), None)
    counter = min((mark for mark in marks if mark.kind is not Kind.EPOCH), key=_preference, default=None)
    told = fields and not any(kind(field.name) is Kind.MEASURE for field in fields)
    if told and _PARAMETERS.search(message.canon):
        return IDLE
    if not (fields or epoch or counter) or _SAVED.match(message.canon):
        return CROSSED if is_crossed(message) else IDLE
    found = Plan(
        _shifted(fields, before.slot),
        epoch and epoch.shifted(before.slot),
        counter and counter.shifted(before.slot),
        aside=any(section(text, after=after) for text, after in pairwise((*message.texts, b""))),
        bare=not marks,
        guest=guest,
        doubts=_shifted(doubts, before.slot),
        key=key,
        stamp=before.stamp or _stamp(shape, named, before.slot),
        rank=0 if _is_labelled(message, before, marks) else before.rank,
        ranked=before.ranked,
        looped=counter is not None and is_weak(counter) and counter.total is not None and is_done(message),
        unique=counter is not None and counter.kind is Kind.STEP and counter.total is None and len(marks) == 1,
    )
    evaluation = are_evaluation(fields)
    form = forms.get(fields[0].slot, "") if fields else ""
    aside = "aside" if _INDENTED.match(shape.texts[0]) else ""
    tag = _tag(before, message, found, form, evaluation) + aside
    found = found._replace(tag=tag, word=aside or _word(found, evaluation))
    return _packed(found, shape.dates)


@lru_cache(maxsize=1024)
def remembered(texts: tuple[bytes, ...], dates: frozenset[int]) -> Plan:
    """The same for a shape of which another log has likely lines too: the runs of a sweep print the same."""
    return plan(Shape(texts, dates))


def _led(message: Shape, named: dict[int, str]) -> tuple[list[Mark], tuple[Field, ...]] | None:
    """What a line holds that begins with its index: `[7] rmse: 0.3`, `7) loss=1`, `7: 0.3, 0.1 avg`."""
    ahead = front(message)
    fields = fields_of(message, named, [ahead]) if ahead else ()
    if ahead is None or not fields:
        return None
    sure = any(
        kind(field.name) is Kind.MEASURE or is_phase(field.name) or _OF_DATA.match(field.name) for field in fields
    )
    return ([ahead], fields) if sure or is_unnamed_value(message, 1) else None


def _is_labelled(message: Shape, before: Prefix, marks: list[Mark]) -> bool:
    """Whether a line begins with the number of the task that printed it: `3: step 10 loss=1`."""
    led = front(message) is not None and not any(mark.slot == 0 for mark in marks)
    return bool(marks) and led and before.slot == 0 and message.texts[1].startswith(b": ")


def _shifted(fields: Iterable[Field], slots: int) -> tuple[Field, ...]:
    """The same in a line that has so many more numbers before it."""
    return tuple(field._replace(slot=field.slot + slots) for field in fields)


def _packed(found: Plan, dates: frozenset[int]) -> Plan:
    """The plan with places among the wanted slots instead of slots."""
    marks = [mark for mark in (found.epoch, found.counter) if mark]
    stamp = found.stamp
    slots = [slot for mark in marks for slot in (mark.slot, mark.total)]
    slots += [field.slot for field in (*found.fields, *found.doubts)]
    slots += [found.rank] + ([stamp.slot, stamp.day, stamp.year] if stamp else [])
    wanted = tuple(sorted({slot for slot in slots if slot is not None}))
    places = {slot: place for place, slot in enumerate(wanted)}

    def moved(mark: Mark | None) -> Mark | None:
        return mark and mark._replace(slot=places[mark.slot], total=_place(places, mark.total))

    if stamp:
        day, year = _place(places, stamp.day), _place(places, stamp.year)
        stamp = stamp._replace(slot=places[stamp.slot], day=day, year=year)
    return found._replace(
        fields=tuple(field._replace(slot=places[field.slot]) for field in found.fields),
        doubts=tuple(field._replace(slot=places[field.slot]) for field in found.doubts),
        epoch=moved(found.epoch),
        counter=moved(found.counter),
        rank=_place(places, found.rank),
        stamp=stamp,
        wanted=wanted,
        dates=dates,
    )


def _place(places: dict[int, int], slot: int | None) -> int | None:
    return None if slot is None else places[slot]


def _stamp(shape: Shape, named: dict[int, str], base: int) -> Stamp | None:
    """The time that a record tells in one of its fields."""
    for slot, name in named.items():
        word = fold(name.rpartition(".")[2])
        dated = slot + base in shape.dates
        if (word in _SPELLED_DATES and dated) or (word in _STAMP_NAMES and (dated or word not in _SPELLED_DATES)):
            return Stamp(slot + base)
    return None


def _tag(before: Prefix, message: Shape, found: Plan, form: str, evaluation: bool) -> str:
    index = ",".join(mark.word for mark in (found.epoch, found.counter) if mark)
    waits = "eta" if re.search(rb"\beta\b", message.canon.lower()) else ""
    told = _AGAIN.match(message.texts[0])
    return f"{before.site}|{form}|{index}|{waits}|{'val' if evaluation else ''}{told[1].decode() if told else ''}"


def _word(found: Plan, evaluation: bool) -> str:
    mark = found.counter or found.epoch
    if mark and is_weak(mark):
        return "epoch"
    return "val" if evaluation else mark.word if mark else "line"


def _preference(mark: Mark) -> tuple[bool, int]:
    known = list(INDEX_KINDS)
    return mark.kind is Kind.BATCH, known.index(mark.word) if mark.word in INDEX_KINDS else len(known)
