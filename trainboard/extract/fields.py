"""Which of the numbers that a message names are metrics."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from trainboard.extract.marks import is_weak
from trainboard.extract.names import Kind, fold, is_evaluation, is_scheduled, kind, speaks_of_training
from trainboard.extract.parsers import PARSERS, apart
from trainboard.extract.sentences import is_done
from trainboard.extract.synonyms import role

if TYPE_CHECKING:
    from trainboard.extract.marks import Mark
    from trainboard.extract.shape import Shape

_UNNAMED_VALUE = re.compile(rb"^[\])]?:[ \t]+$")
_SETTINGS_TOLD = 4
"""In a line with more settings than that, a name that says nothing is one of a setting too."""
_TOLD = 2
"""In a line with so many, a setting that may change in the course of a training is one of them."""
_PHASES = frozenset(("train", "training", "learn", "val", "valid", "validation", "test", "dev", "eval"))
_MEAN = re.compile(r"(?i)(?:mean|average|avg\.?) ")
_SCOPED = re.compile(r"(?:train|val|valid|validation|test|eval|loss|metrics|optim)\w{0,10}/")
_RATED = re.compile(rb" (?:steps|samples|tokens|images|frames|examples)/s")
_CONTINUED = re.compile(rb"\s+(?:\|\s*>|->|=>|\xe2\x86\xb3|\xe2\x94[\x94\x9c]\S*)\s*[A-Za-z]")
_GUEST_CAP = 4
"""Texts of a line without an index that is no sure metric; more is something else."""
_LED = re.compile(r"(?i)(?:val(?:id(?:ation)?)?|test|eval(?:uation)?|dev)[ _/.-]")
_SPLIT = re.compile(r"(?i)(?:^|[^a-z])(?:train|val|test|eval|dev)")
_WORDED = re.compile(rb"[\"'] ?: ?[\"']")
"""Between a key and a text."""
_LIST = b" -*#>|\t\n'\"\\"


class Field(NamedTuple):
    """A number that is a metric's value."""

    slot: int
    name: str
    scale: float


def named_in(message: Shape) -> tuple[dict[int, str], dict[int, str]]:
    """The names of numbers, and the format that named each."""
    named: dict[int, str] = {}
    forms: dict[int, str] = {}
    for form, parser in PARSERS:
        for slot, name in parser(message):
            if slot not in named:
                named[slot], forms[slot] = name, form
    return apart(message, named), forms


def fields_of(message: Shape, named: dict[int, str], marks: list[Mark]) -> tuple[Field, ...]:
    """The metrics; none where the line is about something else.

    A line without an index must name a sure one and no setting, or it is not about training.
    """
    taken = {slot for mark in marks for slot in (mark.slot, mark.total)}
    kinds = {
        slot: kind(name)
        for slot, name in named.items()
        # A value that is a date now, `loss=1.2.3`, may be a number in the next line, where the name is one of values.
        if slot not in taken and (slot not in message.dates or _is_known(name))
    }
    if taken and (_is_list(message) or is_done(message)) and Kind.MEASURE in kinds.values():
        # A block or a bar of measurements with its index: what looks like a setting is one that was measured.
        kinds = {slot: Kind.PLAIN if found is Kind.SETTING else found for slot, found in kinds.items()}
    told = sum(found is Kind.SETTING and not is_scheduled(named[slot]) for slot, found in kinds.items())
    if taken and told < _TOLD and Kind.MEASURE in kinds.values():
        kinds = {slot: Kind.PLAIN if is_scheduled(named[slot]) else found for slot, found in kinds.items()}
    settings = list(kinds.values()).count(Kind.SETTING)
    if _is_told(message, named, kinds, settings) or _is_elsewhere(message, named, kinds, marks):
        return ()
    config = settings > _SETTINGS_TOLD
    names: dict[str, int] = {}
    part, opened = "", False
    for slot in sorted(kinds):
        if kinds[slot] in (Kind.MEASURE, Kind.PLAIN) and (not config or speaks_of_training(named[slot])):
            name = named[slot]
            led = _LED.match(name)
            part = led[0] if led else part
            opened = opened or (not names and led is not None and led[0].endswith(" "))
            # `Train Loss 1 | Acc 2 | Val Loss 3 | Acc 4`: a name that comes again is of the data named last, and so
            # is any measurement after `val Loss: 3` at the front that does not say of which data it is.
            alone = opened and kinds[slot] is Kind.MEASURE and not _SPLIT.search(name)
            of_part = (name in names or alone) and part[:3].lower() not in name.lower()
            names.setdefault(part + name if of_part else name, slot)
    for slot in (mark.slot + 1 for mark in marks):
        free = slot in message.slots and slot not in kinds and slot not in taken
        if names and free and is_unnamed_value(message, slot):
            names["value"] = slot
    return tuple(Field(slot, name, message.scale(slot)) for name, slot in sorted(names.items(), key=_by_slot))


def _by_slot(item: tuple[str, int]) -> int:
    return item[1]


def _is_told(message: Shape, named: dict[int, str], kinds: dict[int, Kind | None], settings: int) -> bool:
    """Whether a line is of settings rather than of measurements."""
    measured = list(kinds.values()).count(Kind.MEASURE)
    if not measured and _is_record(message) and _is_config(message, [named[slot] for slot in kinds]):
        return True
    if not measured and settings > 1:
        return not any(is_phase(named[slot]) for slot in kinds)
    return settings > _SETTINGS_TOLD and settings > 2 * measured and b"{" not in message.canon


def _is_config(message: Shape, names: list[str]) -> bool:
    """Whether a record has texts in it and little that is measured: `{'net': 'x', 'data': 'y', 'dim': 64}`."""
    return len(_WORDED.findall(message.canon)) >= _TOLD and 2 * sum(map(speaks_of_training, names)) < len(names)


def _is_elsewhere(message: Shape, named: dict[int, str], kinds: dict[int, Kind | None], marks: list[Mark]) -> bool:
    """Whether a line has no index, or only a bar's or a batch's, and nothing sure in it."""
    if not marks:
        found = list(kinds.values())
        settings = found.count(Kind.SETTING)
        told = 2 * settings >= len(found) if _is_record(message) else settings > 0
        return told or Kind.MEASURE not in found
    batched = all(is_weak(mark) or (mark.kind is Kind.BATCH and mark.total is None) for mark in marks)
    return batched and not any(_speaks(named[slot]) for slot in kinds)


def is_unnamed_value(message: Shape, slot: int) -> bool:
    """Whether a number follows an index and a colon: `Epoch [0]: 210.6`, `1: 798.8, 798.8 avg`."""
    return _UNNAMED_VALUE.match(message.texts[slot]) is not None and message.ends(slot)


def is_phase(name: str) -> bool:
    """Whether a name is only that of a data set, as in `learn: 0.69 test: 0.7`."""
    return fold(name) in _PHASES


def _is_list(message: Shape) -> bool:
    """Whether a message is a block of lines with one name and value each, and no record."""
    return _is_block(message) and b"{" not in message.canon


def _is_record(message: Shape) -> bool:
    """Whether a message is a record in one line, `{"loss": 0.3, "record_id": 3}`."""
    return message.texts[0].startswith(b"{") and message.texts[-1].rstrip().endswith(b"}") and not _is_block(message)


def _is_block(message: Shape) -> bool:
    return b"\n" in message.canon


def _speaks(name: str) -> bool:
    return kind(name) in (Kind.MEASURE, Kind.PLAIN) and speaks_of_training(name)


def is_continued(text: bytes) -> bool:
    """Whether a line goes on with the one above it: `  -> Spikes fired: 12`."""
    return _CONTINUED.match(text) is not None


def is_guest(message: Shape, named: dict[int, str], continued: bool) -> bool:
    """Whether a line without an index opens with the name of something that is measured in a training."""
    first = named.get(0, "")
    opening = message.texts[0].strip(_LIST)
    kinds = [kind(name) for name in named.values()]
    counted = kind(first) is Kind.SETTING and Kind.MEASURE in kinds and kinds.count(Kind.SETTING) == 1
    sure = kind(first) is Kind.MEASURE or counted
    if not first or len(message.texts) > _GUEST_CAP * (1 + sure) or not message.ends(0):
        return False
    if not opening.startswith(first.split()[0].encode()):
        return False
    settings = sum(kind(name) is Kind.SETTING for name in named.values())
    if settings > sure:
        return False
    return (
        continued
        or counted
        or _is_known(first)
        or _is_mean(first)
        or _SCOPED.match(first) is not None
        or _RATED.match(message.after(0)) is not None
    )


def guests(message: Shape, named: dict[int, str], continued: bool) -> tuple[Field, ...]:
    """The metrics of such a line."""
    return tuple(
        Field(slot, named[slot], message.scale(slot))
        for slot in sorted(named)
        if named[slot]
        and kind(named[slot]) is not Kind.SETTING
        and (_is_known(named[slot]) or continued or (slot == 0 and slot not in message.dates))
    )


def _is_mean(name: str) -> bool:
    return kind(name) is Kind.PLAIN and _MEAN.match(name) is not None


def _is_known(name: str) -> bool:
    return kind(name) is Kind.MEASURE or (
        kind(name) is Kind.PLAIN and (role(name) is not None or fold(name) == "precision")
    )


def are_evaluation(fields: tuple[Field, ...]) -> bool:
    """Whether all sure metrics of a line are of the validation or test data."""
    measured = [field.name for field in fields if kind(field.name) is Kind.MEASURE]
    return bool(measured) and all(map(is_evaluation, measured))
