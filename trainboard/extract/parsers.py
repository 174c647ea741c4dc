"""The formats: functions from a message's shape to the names of its numbers."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from trainboard.extract.names import Kind, index_word, kind, speaks_of_training
from trainboard.extract.records import records
from trainboard.extract.sentences import amounts, lists, sentences
from trainboard.extract.shape import SLOT_CAP
from trainboard.extract.synonyms import Role, role
from trainboard.extract.words import (
    BORDER,
    PREPOSITIONS,
    WORDS_CAP,
    WORDS_MORE,
    decoded,
    glued,
    is_phrase,
    qualified,
    section,
    spoken,
    widened,
    words_of,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from trainboard.extract.shape import Shape

# What stands between a name and its value: `name=1`, `"name": 1`, `name: tensor(1)`, `name = '1'`, `lr=[1]`.
_SEPARATOR = re.compile(rb"[\"']?([ \t]*)(?:=|:|->)\s*(?:[\w.]+\(|[\"']|([\[(]))?$")
_WALL = re.compile(rb"\|[^|,;\t]*$")
_LONG = 6
"""Words that may follow a sure name: `test error of best model 7.4`."""
_FLAG = re.compile(rb"(?:^|\s)--?[a-z][\w-]*[ =]$")
"""`--lr 0.1`, of a command."""
_NUMBERED = re.compile(rb":\s+[a-z]")
"""`Error 404: not found`"""
_LIMIT = re.compile(rb"(?:[KMGT]i?B?)?/")
_LIMITED = re.compile(rb"(?:[KMGT]i?B?)?(?:[,;|\s]|$)(?! ?\[)")
"""What stands around the limit of a value."""
_PAIRED = re.compile(rb"\s*(?:$|[,;|])|\s+[A-Za-z]")
_AT_WORK = re.compile(r"(?i)(?:ing|train|val|valid|test|eval|progress|epochs?|steps?|iters?|files?|shards?|samples)$")
"""What counts how much of it is done, and measures nothing."""
_PARTED = re.compile(rb" ?(?:d|h|m|hrs?|hours?|min|minutes?|days?)(?:,? and |,? ?)$")
"""Between parts of one duration: `1h 2m`, `29 minutes and 3 seconds`."""
_FAULT = re.compile(r"^(?:HTTP )?(?:[A-Z]\w+)?Error$")
"""`Error 7`, `HTTP Error 503`: what went wrong, by its number."""
_APART_CAP = 64
"""Names of a line; with more it is data."""
_COUNTED = re.compile(
    rb"(?i) (?:epoch|step|iteration|iter|update|round|episode)s?"
    rb"| (?:[a-z]{1,20} ){0,2}(?:images|samples|examples|sentences|instances|videos|files|items|documents|rows)"
)
"""Things that a number before counts."""
_DONE_IN = re.compile(rb" (?:iterations|iters|steps|epochs|batches|samples|images|examples|files) in ")
"""`Overall training speed: 22 iterations in 0:01:02`: what was done, and in what time."""
_COUNTED_SHARE = re.compile(rb" ?/ ?\0 ?(?:\(\0%\)|= ?\0).*", re.DOTALL)
_FROM = frozenset((b"from", b"to"))
UNKNOWN = "?"
"""The form of names that nobody knows."""
_ENVIRONMENT = re.compile(r"[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+")
_NUMBER_OF = re.compile(rb"(?:^|\s)#(?=[A-Za-z])[\w ]*$")
"""`#Images: 500`: how many there are."""
_GLUED = re.compile(rb"[\w-]|\.(?!\s)")
VERBS = frozenset((b"of", b"is", b"was"))
_JOINING = PREPOSITIONS | VERBS
_BOX = re.compile(rb"\|[ \t]*([A-Za-z_][^|\n\x00\x01]{0,60}?)[ \t]*\|[ \t]*(?=(\x00?))")
_ROW_PAIR = re.compile(rb"[\s|,;:-]*([A-Za-z\x80-\xff][\w@/.\x80-\xff-]{0,30}(?: [\w@/.-]{1,30})?)\s+")
_ROW = 3
"""More pairs than so many are a row."""
_WALL_BEFORE = re.compile(rb"[^\s\w]*\s*[|,;\t\]]|\s/\s|\s{2,}|\W*:\s|\s\((?=\w)")
_WALL_AFTER = re.compile(rb"[\w%/]*\.?(?:\s*[|,;\t()]|\s/\s+[A-Za-z_]|\s{2,}|\s*$)")


def pairs(shape: Shape) -> Iterator[tuple[int, str]]:
    """`key=value` and `key: value`."""
    part = ""
    for slot in shape.slots[:SLOT_CAP]:
        text = shape.before(slot)
        part = section(text, part, shape.after(slot))
        if _FLAG.search(text):
            yield slot, ""
            continue
        separator = _SEPARATOR.search(text)
        if separator is None or not (
            shape.ends(slot) or _is_counted_share(shape, slot) or _is_limited(shape, slot) or _is_paired(shape, slot)
        ):
            continue
        head = text[: separator.start()]
        if _DONE_IN.fullmatch(shape.after(slot)) and slot + 1 in shape.slots:
            continue
        if slot and _COUNTED.fullmatch(head):  # `Loss after 3 epochs = 0.4` is none of epochs
            continue
        words = words_of(head)
        if _NUMBER_OF.search(head) and index_word(decoded(words)) is None:
            yield slot, ""
            continue
        if slot and _GLUED.match(head) and not BORDER.search(head):  # `.5R: 0.9`: the end of a number, and no name
            words = words[1:]
        bounded = is_phrase(words) and _is_bounded(shape, slot, head)
        if text[separator.start() :].startswith(b"=") and not (bounded and kind(decoded(words)) is Kind.MEASURE):
            words = glued(words)
        whole = bounded or _WALL.search(head) or (slot == 0 and not BORDER.search(head.strip()))
        name = spoken(words, WORDS_CAP + WORDS_MORE if whole else WORDS_CAP)
        if separator[2] and kind(name) is not Kind.MEASURE and role(name) is not Role.LEARNING_RATE:
            continue  # a list is none of one number
        if _ENVIRONMENT.fullmatch(name) and text.endswith(b"="):
            continue
        if _is_limited(shape, slot) and _AT_WORK.search(name):
            continue
        if _is_paired(shape, slot) and not (kind(name) is Kind.MEASURE or name.endswith(")")):
            continue
        if _PARTED.match(shape.after(slot)) and slot + 1 in shape.slots:
            yield from ((slot, ""), (slot + 1, ""))
        elif name:
            yield (slot + 2 if _is_counted_share(shape, slot) else slot), qualified(part, name)


def cells(shape: Shape) -> Iterator[tuple[int, str]]:
    """`key value` with nothing between, where the key is a measurement's or the pair fills a cell, `| ups 2 |`."""
    part = ""
    for slot in shape.slots[:SLOT_CAP]:
        text = shape.before(slot)
        part = section(text, part, shape.after(slot))
        if not text.endswith((b" ", b"\t")) or not shape.ends(slot):
            continue
        words = words_of(text.rstrip())
        if _PARTED.match(shape.after(slot)) and slot + 1 in shape.slots:
            yield from ((slot, ""), (slot + 1, ""))
            continue
        if len(words) > 1 and words[-1] in VERBS:
            words = words[:-1]
        if words == [b"return"] or (slot == 0 and _NUMBERED.match(shape.after(slot))):  # source code in a log
            continue
        if len(words) > 1 and words[-2].lower() in _FROM:
            continue
        phrase = slot > 0 and len(words) > 1 and is_phrase(words) and _walled(shape, slot)
        name = decoded(words) if phrase else spoken(words) or spoken(words[-1:])
        alone = phrase or (len(words) == 1 and (speaks_of_training(name) or _walled(shape, slot)))
        if slot == 0 and _FAULT.search(name):
            continue
        long = WORDS_CAP < len(words) <= _LONG and words[-1] not in PREPOSITIONS
        if long and kind(spoken(words[:2])) is Kind.MEASURE:
            name = decoded(words)
            yield slot, qualified(part, name)
        elif name and (alone or kind(name) is Kind.MEASURE or (len(words) > 1 and role(name) is not None)):
            yield slot, qualified(part, name)


def rows(shape: Shape) -> Iterator[tuple[int, str]]:
    """A row of names and values with nothing but blanks and bars between, `grad L1 0.2 L2 0.3 | P 0.5 R 0.7`.

    What its names mean need not be known where some of them are those of measurements, or the first is the index.
    """
    if len(shape.texts) < _ROW + 2 or shape.canon.count(b"=") + shape.canon.count(b": ") > 2:
        return  # a quick look
    pairs = {slot: found for slot in shape.slots[:SLOT_CAP] if (found := _ROW_PAIR.fullmatch(shape.before(slot)))}
    names = {slot: found[1].decode("utf-8", "replace") for slot, found in pairs.items() if shape.ends(slot)}
    sure = index_word(names.get(0, "")) or any(kind(name) is Kind.MEASURE for name in names.values())
    if sure and len(names) > _ROW and 4 * len(names) > 3 * (len(shape.texts) - 2):
        yield from ((slot, name) for slot, name in names.items() if not _JOINING & set(name.encode().split()))


def boxes(shape: Shape) -> Iterator[tuple[int, str]]:
    """Rows of a box, `| name | value |`; a row without a value, `| train/ | |`, is the section of those below it."""
    part = ""
    line = shape.canon.replace(b"\xe2\x94\x82", b"|")
    for found in _BOX.finditer(line):
        name = found[1].decode("utf-8", "replace").strip()
        if not found[2]:
            part = name if name.endswith("/") else ""
        else:
            yield line.count(b"\0", 0, found.end()) + line.count(b"\1", 0, found.end()), part + name


def phrases(shape: Shape) -> Iterator[tuple[int, str]]:
    """Pairs in cells of their own whose names are words that say nothing of a training, `Corr coef: 0.9`."""
    for slot in shape.slots[:SLOT_CAP]:
        text = shape.before(slot)
        separator = _SEPARATOR.search(text)
        if separator is None or separator[2] or _FLAG.search(text) or not shape.ends(slot):
            continue
        head = text[: separator.start()]
        words = words_of(head)
        opening = slot == 0 and not BORDER.search(head.strip()) and _WALL_AFTER.match(shape.after(slot))
        if is_phrase(words) and (opening or _is_bounded(shape, slot, head)):
            yield slot, decoded(words)


def apart(shape: Shape, named: dict[int, str]) -> dict[int, str]:
    """The names with more of the words before them, as long as two numbers of the line have the same."""
    while len(named) <= _APART_CAP:
        slots: dict[str, list[int]] = {}
        for slot, name in named.items():
            if kind(name) in (Kind.MEASURE, Kind.PLAIN):
                slots.setdefault(name, []).append(slot)
        same = [slot for found in slots.values() if len(found) > 1 for slot in found]
        wider = {slot: widened(named[slot], _words_before(shape, slot)) for slot in same}
        if all(named[slot] == name for slot, name in wider.items()):
            return named
        named = named | wider
    return named


def _words_before(shape: Shape, slot: int) -> list[bytes]:
    text = shape.before(slot)
    separator = _SEPARATOR.search(text)
    return words_of(text[: separator.start()] if separator else text.rstrip())


def _is_bounded(shape: Shape, slot: int, head: bytes) -> bool:
    """Whether a pair fills a cell: signs on both sides, or the beginning of the line and capitals."""
    if not _WALL_AFTER.match(shape.after(slot)):
        return False
    return BORDER.search(head.strip()) is not None or (slot == 0 and head.lstrip(b"() -*#>").istitle())


PARSERS: tuple[tuple[str, Callable[[Shape], Iterator[tuple[int, str]]]], ...] = (
    ("{}", records),
    ("|", boxes),
    ("/", lists),
    ("=", pairs),
    ("is", sentences),
    (" ", cells),
    (" ", rows),
    ("n", amounts),
    (UNKNOWN, phrases),
)
"""All formats, with the sign for one that tells kinds of line apart. The earlier one that names a number is right."""


def _is_counted_share(shape: Shape, slot: int) -> bool:
    """`Accuracy: 9840/10000 (98%)`, `acc: 98/100=0.98`: the share is the value."""
    return (
        len(shape.texts) > slot + 3
        and _COUNTED_SHARE.fullmatch(b"\0".join(shape.texts[slot + 1 : slot + 4])) is not None
    )


def _is_limited(shape: Shape, slot: int) -> bool:
    """`tokens: 485.2/513,`: a value and its limit, glued together, and nothing more."""
    return (
        slot + 1 in shape.slots
        and _LIMIT.fullmatch(shape.after(slot)) is not None
        and slot + 1 not in shape.dates
        and _LIMITED.match(shape.after(slot + 1)) is not None
    )


def _is_paired(shape: Shape, slot: int) -> bool:
    """`D(G(z)): 0.21 / 0.06`: two values, of which the first has the name."""
    return (
        shape.after(slot) == b" / " and slot + 1 in shape.slots and _PAIRED.match(shape.after(slot + 1)) is not None
    )


def _walled(shape: Shape, slot: int) -> bool:
    """Whether the pair has a border before and after it."""
    before = slot == 0 or _WALL_BEFORE.match(shape.before(slot)) is not None
    return before and _WALL_AFTER.match(shape.after(slot)) is not None
