"""Formats that are no pairs: sentences, and numbers whose name comes after them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from trainboard.extract.names import INDEX_KINDS, Kind, kind
from trainboard.extract.words import qualified

if TYPE_CHECKING:
    from collections.abc import Iterator

    from trainboard.extract.shape import Shape

LINE_CAP = 4096
"""Bytes of a line that are looked at for sentences with an index in them."""
# `average loss is 0.3`, `objective function for 'output' for minibatches 0-9 is -0.1 over …`, `score at step 3 is 1`.
_SENTENCE = re.compile(
    rb"(?i)\b((?:[a-z-]{1,20} ){0,2}"
    rb"(?:loss|accuracy|objective(?: function)?|log-?likelihood|like|perplexity|error|score)(?: for '[\w-]{1,40}')?)"
    rb"(?: at \w{1,20} \x00)?(?: (?:for|per|on|of)(?: the)? [\w'\"-]{1,40}(?: (?:batch|data|set|split)(?:es)?)?){0,2}"
    rb"(?: \([\w ]{1,40}\)| for \w{1,40} \x00(?:-\d+)?)? (?:is|was|of|=) ?\x00"
)
# `Cost after iteration 100: 0.5`, `Validation accuracy (epoch 3) = 0.9`, `Total reward in global step 33: 1.3`
_PLACED = re.compile(
    rb"(?i)(?:^|(?<=[|,;:\]]))\s*([A-Za-z_][\w@./-]{0,40}(?: [\w@./-]{1,40}){0,3}?) "
    rb"(?:(?:at|after|for|in|on|of|@) (?:the )?(?:end of )?)?"
    rb"[(\[]?(?:global[ _-]?|training |train )?"
    rb"(?:epoch|step|iteration|iter|update|round|episode|batch|it)s?[ :=#]{0,3}"
    rb"\x00(?:/\x00)?[)\]]?(?: ?[:=]| is| was)[ \t]{0,4}(\x00)"
)
# `Loss after 3 epochs = 0.4`
_AFTER = re.compile(
    rb"(?i)(?:^|(?<=[|,;:\]]))\s*([A-Za-z_][\w@./-]{0,40}(?: [\w@./-]{1,40}){0,3}?) after \x00 "
    rb"(?:epoch|step|iteration|iter|update|round|episode)s?(?: ?[:=]| is| was)[ \t]{0,4}(\x00)"
)
# `Accuracy of the network on the 10000 test images: 61 %`
_THINGS_COUNTED = re.compile(rb"(?:images|samples|examples|sentences|instances|videos|files|items|documents|rows)\b")
_COUNTED = re.compile(
    rb"(?i)(?:^|(?<=[|,;:\]]))\s*([a-z]{3,20})(?: [a-z]{1,20}){0,6} \x00 (?:[a-z]{1,20} ){0,2}"
    rb"(?:images|samples|examples|sentences|instances|videos|files|items|documents|rows)(?: ?[:=]| is| was)"
    rb"\s{0,3}(\x00)"
)
# `Avg reward (100 ep): 15.3`, `mean score (last 10 episodes) = 3`
_WINDOWED = re.compile(
    rb"(?<![\w@./-])([A-Za-z_][\w@./-]{0,40}(?: [\w@./-]{1,40}){0,2}) ?"
    rb"[(\[](?:last |over )?\x00[ \w]{0,20}[)\]] ?[:=][ \t]{0,4}(\x00)"
)
_PART = rb"[A-Za-z][\w@.-]{0,20}"
# `train / val loss: 0.5 / 0.6`, `P/R/F1: 0.5/0.6/0.7`, `loss (train/val): 0.5/0.6`, `GNN (Train/Val Acc) = 0.5/0.6`
_LISTED = re.compile(
    rb"(?<![\w/])((?:%(part)s ){0,2}(?=\()|(?i:train|val|test|eval|dev)[a-z]{0,8} )?([(\[])?"
    rb"(%(part)s(?: ?/ ?%(part)s){1,4})((?: %(part)s){0,2})[)\]]?[ :=]{1,3}"
    rb"(\x00[%%\w]{0,2}(?: ?/ ?\x00[%%\w]{0,2}){1,4})(?![\w/])" % {b"part": _PART}
)
# `val, round, loss, acc ===> 002, 0.88, 0.54`, `P, R, F1 = 0.5, 0.6, 0.55`
_INDICES = (Kind.EPOCH, Kind.STEP, Kind.BATCH)
_COMMAS = re.compile(
    rb"(?<![\w,])((?:[A-Za-z_][\w@./-]{0,24}, ?){1,11}[A-Za-z_][\w@./-]{0,24}) {0,3}(?:[=-]*>|:|=)\s*"
    rb"(\x00%?(?:, ?\x00%?){1,11}),?\s*$"
)
# `epoch 1, step 10, loss_train, 0.8`
_BY_COMMA = re.compile(rb"(?<=, )([A-Za-z_][\w@./-]{0,40}(?: [\w@./-]{1,24})?), \x00(?=%?\s*(?:$|[,|]))")
_VALUES = re.compile(rb"\x00[%\w]{0,2} ?/ ?\x00")
_VALUES_END = re.compile(rb", ?\x00%?,?\s*$")
_PHASE = re.compile(rb"(?i)(?:train|val|test|eval|dev)[a-z]{0,8}")
# `Accuracy (Loss): 0.5 (1.4)`: the second name is that of the value in brackets
_BRACKETED = re.compile(
    rb"((?:%(part)s ){0,2})(%(part)s) \((%(part)s)\) ?[:=][ \t]{0,4}\x00[%%\w]{0,2} \(\x00[%%\w]{0,2}\)"
    % {b"part": _PART}
)
_ARTICLES = re.compile(rb"(?i)^(?:(?:the|overall|an?|final|and|with|then|but|has|its|of|in) )+")
_REACHED = re.compile(rb"'([\w./@-]{1,60})' reached \x00")
_INDEXED = re.compile(rb"\b([A-Za-z_]\w{0,40}/[\w./@-]{1,60})\[\x00\]")
_THINGS = b"|".join(b"it iter iteration step sample example image img token tok batch frame word sentence".split())
_RATE = re.compile(rb" ((?:[a-z]{1,20} )?(?:%s)s?/(?:s|sec|second)|(?:s|sec|ms)/(?:%s))\b" % (_THINGS, _THINGS))
_DONE = re.compile(rb"(?<![\w.])(?<!ETA: )\x00s (?:- )?(?:(\x00)([mu]?s/[a-z]+) )?- ")
_CELL = re.compile(rb"(?<=\|)\s*(?P<at>\x00)%? (?P<name>[A-Za-z][A-Za-z0-9/]{0,12}(?: [A-Za-z]{1,12})?)\s*(?=\||$)")
_BAR = re.compile(rb"\x01<|<[\x01?]|%\|")
_AMOUNT = re.compile(rb"(?:^|, )\x00 ([A-Za-z]{3,20})(?=,|$)")


def sentences(shape: Shape) -> Iterator[tuple[int, str]]:
    """A sentence with a measurement in it."""
    for found in _SENTENCE.finditer(shape.canon):
        name = _ARTICLES.sub(b"", found[1])
        yield (shape.slot_at(found.end() - 1), name.decode("utf-8", "replace"))
    line = shape.canon[:LINE_CAP]
    for pattern in _patterns(line):
        for found in pattern.finditer(line):
            told = _ARTICLES.sub(b"", found[1]).decode("utf-8", "replace")
            if kind(told) is Kind.MEASURE:
                yield shape.slot_at(found.start(2)), told
    for found in _REACHED.finditer(shape.canon):
        yield (shape.slot_at(found.end() - 1), found[1].decode("utf-8", "replace"))
    for found in _INDEXED.finditer(shape.canon):
        yield (shape.slot_at(found.end() - 2), found[1].decode("utf-8", "replace"))


def lists(shape: Shape) -> Iterator[tuple[int, str]]:
    """Several values with their names before them, in the same order."""
    line = shape.canon[:LINE_CAP]
    for found in _LISTED.finditer(line) if _VALUES.search(line) else ():
        parts = [part.strip() for part in found[3].split(b"/")]
        names = [name.decode("utf-8", "replace") for name in _whole(found[1] or b"", parts, found[4])]
        if len(names) == found[5].count(b"/") + 1 and any(kind(name) is Kind.MEASURE for name in names):
            first = shape.slot_at(found.start(5))
            yield from ((first + place, name) for place, name in enumerate(names))
    listed = _COMMAS.search(line) if _VALUES_END.search(line) else None
    if listed:
        yield from _by_commas(shape, listed)
    for found in _BY_COMMA.finditer(line) if b", \0" in line else ():
        name = found[1].decode("utf-8", "replace")
        if kind(name) is Kind.MEASURE:
            yield shape.slot_at(found.end() - 1), name
    for found in _BRACKETED.finditer(line) if b" (\0" in line else ():
        names = [(found[1] + found[place]).decode("utf-8", "replace") for place in (2, 3)]
        if all(kind(name) is Kind.MEASURE for name in names):
            slot = shape.slot_at(line.index(b"\0", found.start()))
            yield from ((slot, names[0]), (slot + 1, names[1]))


def _patterns(line: bytes) -> Iterator[re.Pattern[bytes]]:
    """Those that may match: the others need a word that the line has not."""
    yield from (_PLACED, _WINDOWED)
    if b"after \0" in line:
        yield _AFTER
    if b" \0 " in line and _THINGS_COUNTED.search(line):
        yield _COUNTED


def _by_commas(shape: Shape, found: re.Match[bytes]) -> Iterator[tuple[int, str]]:
    """Names and as many values; one name more where the first tells whose data they are of."""
    names = [name.strip().decode("utf-8", "replace") for name in found[1].split(b",")]
    count, part = found[2].count(b"\0"), ""
    if len(names) == count + 1 and _PHASE.fullmatch(names[0].encode()):
        part, *names = names
        part = "" if part.lower().startswith("train") else part
    if len(names) == count and any(kind(name) is Kind.MEASURE for name in names):
        first = shape.slot_at(found.start(2))
        for place, name in enumerate(names):
            yield first + place, name if kind(name) in _INDICES else qualified(part, name)


def _whole(lead: bytes, parts: list[bytes], tail: bytes) -> list[bytes]:
    """`loss (train/val)` and `train/val loss` are `train loss` and `val loss`."""
    if lead and not tail and all(map(_PHASE.fullmatch, parts)):
        return [part + b" " + lead.strip() for part in parts]
    return [lead + part + tail for part in parts]


def amounts(shape: Shape) -> Iterator[tuple[int, str]]:
    """`4.88 iters/sec` at the front or beside metrics; `798.8 avg, 0.1 rate, 2.5 seconds`, where all are so."""
    line = shape.canon
    if not _BAR.search(line):
        for found in _RATE.finditer(line):
            if line[found.start() - 1 : found.start()] == b"\0":
                yield shape.slot_at(found.start() - 1), found[1].decode()
    if b"|" in line:
        for found in _CELL.finditer(line):
            yield shape.slot_at(found.start("at")), found["name"].decode()
    done = _DONE.search(line)
    if done:
        slot = shape.slot_at(line.index(b"\0", done.start()))
        yield slot, "time"
        if done[2]:
            yield slot + 1, done[2].decode()
    listed = [found for found in _AMOUNT.finditer(line) if found[1].lower().decode() not in INDEX_KINDS]
    if len(listed) > 2:
        for found in listed:
            yield shape.slot_at(found.start(1) - 2), found[1].decode()


def is_done(shape: Shape) -> bool:
    """Whether a line ends a loop, with its time: `16/16 - 1s - 69ms/step - loss: 0.3`."""
    return _DONE.search(shape.canon) is not None
