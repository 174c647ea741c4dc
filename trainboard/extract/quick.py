"""A quick look at the texts of a line: whether it is worth being learned."""

from __future__ import annotations

import builtins
import re
from functools import lru_cache
from typing import TYPE_CHECKING

from trainboard.extract.names import COUNTING, NAME_CAP, Kind, kind
from trainboard.extract.parsers import VERBS
from trainboard.extract.synonyms import role

if TYPE_CHECKING:
    from trainboard.extract.shape import Shape

_TELLING_ENDS = frozenset(bytes((end,)) for end in b"=:|/[(\"'#>\x82")
_TELLING_KINDS = frozenset((Kind.MEASURE, Kind.EPOCH, Kind.STEP, Kind.BATCH))
_TELLING_AFTER = re.compile(
    rb" ?(?:iter|step|epoch|percent)\b| (?:avg|[a-z]+/s(?:ec)?)\b|% complete|\)\s|s (?:- |\d*$)"
)
_LABEL = re.compile(rb"\s*[A-Za-z]{2,8}\s+(?=\x00)")
_CELL = re.compile(rb"\x00(?:/\x00)?[%A-Za-z]{0,3}[*+]?|[*+]")
_SEPARATORS = bytes.maketrans(b",;|\t", b"    ")
_BAR = re.compile(rb"(?<!\s)\s+\x00%(?:\|| \xe2\x94)")
_BETWEEN_CELLS = b" \t,;|/*+"
_LAST_WORDS = frozenset((b"rate", b"Rate"))
"""Of names that tell by the words before."""
_RAISED = re.compile(
    rb"(?:[A-Za-z_][\w.]{0,120}\.)?(?:%s)[:(]"
    % b"|".join(
        name.encode()
        for name, each in vars(builtins).items()
        if isinstance(each, type) and issubclass(each, BaseException)
    )
)
"""The last line of a traceback. Only names that Python itself has: a `MeanSquaredError` is a measurement."""
_UNIT_CAP = 3
_LABEL_CAP = 40


def is_idle(texts: tuple[bytes, ...]) -> bool:
    """Whether nothing can be in lines of these texts: a quick look that spares most lines all others."""
    return _RAISED.match(texts[0]) is not None or (not _may_be_row(texts) and not is_telling(texts))


def _may_be_row(texts: tuple[bytes, ...]) -> bool:
    return len(texts) > 2 and len(texts[0]) < _LABEL_CAP and len(texts[1].strip(_BETWEEN_CELLS)) <= _UNIT_CAP


def is_row(shape: Shape) -> bool:
    """Whether a line has nothing but numbers in it, and perhaps one word before them and a bar after them."""
    if not _may_be_row(shape.texts):
        return False
    line = shape.canon
    bar = _BAR.search(line)
    line = line[: bar.start()].rstrip(b":") if bar else line
    label = _LABEL.match(line)
    cells = line[label.end() if label else 0 :].translate(_SEPARATORS).split()
    return len(cells) > 1 and all(map(_CELL.fullmatch, cells))


def is_telling(texts: tuple[bytes, ...]) -> bool:
    """Whether a number of this shape may have a name: a quick look that spares most text the parsers."""
    for text in texts[:-1]:
        bare = text.rstrip()[-NAME_CAP:]
        if bare[-1:] in _TELLING_ENDS or _is_telling_word(bare.rpartition(b" ")[2]):
            return True
    return any(_TELLING_AFTER.match(text) for text in texts[1:])


@lru_cache(maxsize=4096)
def _is_telling_word(word: bytes) -> bool:
    name = word.decode("utf-8", "replace")
    return (
        word in VERBS
        or word in _LAST_WORDS
        or name.lower() in COUNTING
        or kind(name) in _TELLING_KINDS
        or role(name) is not None
    )
