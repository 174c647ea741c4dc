"""The places in a training that a line tells: its epoch, its step, its batch."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from trainboard.extract.names import COUNTING, INDEX_KINDS, SHORT, Kind, fold, index_word, kind
from trainboard.extract.shape import SLOT_CAP

if TYPE_CHECKING:
    from collections.abc import Iterator

    from trainboard.extract.shape import Shape

UNNAMED = "step"
"""The word for an index that the line does not name, as in `[ 12/100] loss=1`."""
_WORDS = b"|".join(
    spelled.encode().replace(b"_", b"[_ -]") for word in INDEX_KINDS for spelled in sorted({word, word.capitalize()})
)
_INDEX_TEXT = re.compile(
    rb"(?i)(?<![\w./-])(?<!per )(?<!fps )(?<!time )(?:train(?:ing)?[_ /])?("
    + _WORDS
    + rb"|ep\.?|up\.)[\"']?(?:[ _]?\([a-z]+\)|s? seen)?[\s=:#\[(]*$"
)
_PLURAL = re.compile(rb"(?i)^\W*(step|iteration|iter|update|epoch)s(?: seen)?\s*[:=]\s*$")
_AMOUNT = re.compile(rb"(?:^\s*|, )(?P<at>\x00) ?(?P<word>iter|iteration|step|epoch)(?=\s*[,/:]|\s*$|\s+results)")
_THING = rb"(?:epoch|step|iteration|iter|update|batch|round|episode)"
_AFTER = re.compile(
    rb"(?i)(?:^|\b(?:after|at|in|on|of) )\s*\x00 ?(?:/ ?\x00 ?)?(?:train(?:ing)? )?(%s)(?:\(s\)|s?\b)(?! ?[:=]|\(|/)"
    rb"|\xe7\xac\xac\s?\x00\s?(\xe8\xbd\xae|\xe6\xad\xa5|epoch)" % _THING
)
"""`5/50epoch loss 1`, `after 3 epochs: loss 1`: the word after the number."""
_LEADING_COUNT = re.compile(
    rb"(?i)\W*(?:(?:after|running|starting|begin) )?(%s)[ =:#]{1,8}\x00" % "|".join(sorted(COUNTING)).encode()
)
# `[3/25][100/782]`: an epoch and a batch
_LEADING_RATIOS = re.compile(rb"\s*\[(\x00) ?/ ?\x00\]\s?\[\x00 ?/ ?\x00\]")
# `[3,  2000] loss: 2.2`
_LEADING_PAIR = re.compile(rb"\s*\[(\x00), {1,8}(\x00)\][ :]{1,3}[A-Za-z]")
_LEADING_RATIO = re.compile(rb"\s*\x00 ?/ ?\x00:?\s+(?![KMGT]i?B\b)[A-Za-z_]")
_PHASED = re.compile(rb"(?i)(?<![\w/])(?:train|valid|val|test|eval)\w*:? +\[?(\x00)\]? *\[ *\x00/")
_BATCHES = re.compile(rb":(\x00)-\d+batch")
_SHARE = re.compile(rb"(?P<at>\x00)\s?(?:percent|%) complete|(?i:\bprogress)[:=]\s*(?P<told>\x00)%")
_FRONT = re.compile(rb"\s*(?:\[\x00\]|\x00\)|\x00:)(?=\s)")
_RATIO = re.compile(rb"\s*/\s*$|\s+of\s+$|\s+epoch / $")
_BAR_BEFORE = re.compile(rb"(?:[|\[]|^)\s*$")
_BAR_AFTER = re.compile(rb"\s*\]|\s+[\[(\xe2]|\s+- ?$|\s+(?:batches|steps|iters|iterations|updates)\b")
_NOTE = re.compile(rb":\s+[a-z_]+ [a-z]")
"""`Epoch 00008: early stopping` is about an epoch, and may count from 0 where the log counts from 1."""
_ENCLOSED = re.compile(rb"(?i)[(\[]\s*(?:%s)[\s:=#]*$" % _WORDS)
_PLAIN_WORD = re.compile(rb"[a-z]{2,}")
_TASK = re.compile(rb"[A-Za-z]{3,}")
_TRAINING = re.compile(rb"(?i)train|epoch|step|iter")


class Mark(NamedTuple):
    """A place in the training that a line tells."""

    word: str
    kind: Kind
    slot: int
    total: int | None
    """The slot of what it is out of."""
    of: float | None = None
    """What it is out of, where that needs no saying: 100 per cent."""

    def shifted(self, slots: int) -> Mark:
        """The same in a line that has so many more numbers before it."""
        return self._replace(slot=self.slot + slots, total=None if self.total is None else self.total + slots)


def marks_of(message: Shape, named: dict[int, str]) -> Iterator[Mark]:
    """All marks of a line, in its order."""
    line = message.canon
    telling = any(kind(name) is Kind.MEASURE for name in named.values())
    told = {message.slot_at(found.start("at")): found["word"].decode() for found in _AMOUNT.finditer(line)}
    told |= {message.slot_at(found.start(1)): "epoch" for found in _PHASED.finditer(line)}
    told |= {message.slot_at(found.start(1)): "batch" for found in _BATCHES.finditer(line)}
    told |= {
        message.slot_at(line.index(b"\0", found.start())): _index_word(found[1] or found[2])
        for found in _AFTER.finditer(line)
    }
    both = _LEADING_RATIOS.match(line)
    if both:
        told[message.slot_at(both.start(1))] = "epoch"
    pair = _LEADING_PAIR.match(line)
    if pair and telling:
        told |= {message.slot_at(pair.start(1)): "epoch", message.slot_at(pair.start(2)): "batch"}
    lead = _LEADING_COUNT.match(line)
    if lead:
        told[message.slot_at(lead.end() - 1)] = lead[1].decode().lower()
    shares = {message.slot_at(found.start(found.lastgroup or 0)) for found in _SHARE.finditer(line)}
    for slot in message.slots[:SLOT_CAP]:
        if slot in message.dates:
            continue
        ratio = slot + 1 in message.slots and _RATIO.match(message.after(slot)) is not None
        total = slot + 1 if ratio else None
        word = _index_before(message, slot, telling) or index_word(named.get(slot, "")) or told.get(slot)
        if slot in shares:
            yield Mark("percent", Kind.BATCH, slot, None, 100.0)
        elif word and (ratio or slot in named or slot in told or message.ends(slot) or _is_range(message, slot)):
            yield Mark(word, INDEX_KINDS.get(word, Kind.STEP), slot, total)
        elif ratio and (_is_bar(message, slot) or (slot == 0 and _LEADING_RATIO.match(line))):
            yield Mark(UNNAMED, Kind.BATCH, slot, total)


def front(message: Shape) -> Mark | None:
    """The number at the front of a message, `[7] loss=1`, `7) loss=1` or `7: loss=1`: a step, or who printed it."""
    return Mark(UNNAMED, Kind.STEP, 0, None) if _FRONT.match(message.canon) else None


def is_heading(message: Shape, mark: Mark) -> bool:
    """Whether a line without metrics tells where the training is, and does not just speak of a step or a download."""
    if _NOTE.match(message.after(mark.slot if mark.total is None else mark.total)):
        return False
    before = b" ".join(message.texts[: mark.slot + 1])
    if _ENCLOSED.search(message.before(mark.slot)):
        return True
    if mark.word == UNNAMED and mark.kind is Kind.BATCH:
        return not _TASK.search(before) or bool(_TRAINING.search(before))
    return len(_PLAIN_WORD.findall(before)) <= 3


def is_weak(mark: Mark) -> bool:
    """Whether a place is told by a bar alone, as downloads have one too."""
    return mark.word == UNNAMED and mark.kind is Kind.BATCH


def _index_before(message: Shape, slot: int, telling: bool) -> str | None:
    text = message.before(slot)
    found = _INDEX_TEXT.search(text)
    if not found and telling and slot == 0:
        found = _PLURAL.match(text)
    return _index_word(found[1]) if found else None


def _index_word(text: bytes) -> str:
    word = fold(text.decode("utf-8", "replace"))
    return SHORT.get(word, word)


def _is_bar(message: Shape, slot: int) -> bool:
    return bool(_BAR_BEFORE.search(message.before(slot)) and _BAR_AFTER.match(message.after(slot + 1)))


def _is_range(message: Shape, slot: int) -> bool:
    """`Batch [0-20]`: a range of batches."""
    return re.match(rb"-\d+\]", message.after(slot)) is not None
