"""The words beside a number as a name, and the part of the line that they stand in."""

from __future__ import annotations

import re
from collections import deque

from trainboard.extract.names import Kind, is_evaluation, kind, speaks_of_training

WORDS_CAP = 3
"""Words of a name; where it fills its cell it may have `WORDS_MORE` more."""
WORDS_MORE = 3
BORDER = re.compile(
    rb"[,;|\t\n\[\]{}<>\"=:]+|'(?!s )|\s{2,}|\s[-*~]+\s|\xe2\x80[\x93\x94\xa2]|\xe2\x94[\x80-\xbf]|\s--+"
)
_WORD = re.compile(
    rb"[A-Za-z_\x80-\xff][\w./@%+*&\x80-\xff-]*(?:'s)?(?:\([\w./@%+ -]+(?:\([\w./@%+ -]*\))?\))?|\([\w./%]{1,20}\)"
)
_LETTERS = re.compile(rb"[A-Za-z\x80-\xff]+")
_LEVEL = re.compile(rb"(?:DEBUG|INFO|WARN|WARNING|ERROR|NOTICE|[IWE]\d*)$")
_SECTION = re.compile(
    rb"(?i)(?<![\w/])(train(?:ing)?|val(?:id(?:at(?:ion|ing))?)?|test(?:ing)?|eval(?:uat(?:ion|ing))?|dev)"
    rb"(?:(?:\s+(?:set|results?|metrics|stats|summary|split|data(?:set)?|epoch))?\s*[\]:|)>\[](?!\s*(?:n/a|None|-+)\s*[|,;])"
    rb"|\s+-\s|\s+net output #$|\s+(?:step|epoch|iteration)\s+$|\s{2,}(?=[A-Za-z]))"
)
_HEADINGS = re.compile(
    rb"(?i)[-=*#>\[ \t]{0,40}(train(?:ing)?|val(?:id(?:ation)?)?|test|eval(?:uation)?|dev)"
    rb"(?: (?:set|results?|metrics|stats|summary|phase|performance|scores?))?[\] \t]{0,4}"
    rb"(?::|[-=*#]{2,60}|\.\.\.)"
)
HEADING_ENDS = frozenset((b":", b"=", b"-", b"*", b"#", b"."))
_HEADING_CAP = 80
"""Bytes."""
_PLACE = re.compile(rb" *\[ *\Z")
_TRAINING = re.compile(r"(?i)train")
_ADJECTIVES = frozenset(b"time train training val validation test average avg mean total eval".split())
PREPOSITIONS = frozenset(
    b"the a an at in to from with for after until by on and or than over under per least most".split()
)
_SENTENCES = PREPOSITIONS | frozenset(
    b"we so is are was were be it this that which not will should can may if you done finished saved now".split()
)
"""Words of sentences, and of no name."""
_SHORTENED = re.compile(rb"[A-Za-z][a-z]{1,2}\.")
"""The first word of `acc. prob` or `rel. err`, and no end of a sentence."""
_LEADS = frozenset(b"and with but then has its at of".split())
"""Words before a name that are none of it."""
_SENTENCE_END = re.compile(rb"[a-z]{4,}\.")


def section(text: bytes, part: str = "", after: bytes = b"") -> str:
    """The evaluation that a text announces (`val:`, `[test]`), as printed; `part` where it announces nothing.

    `after` is the text behind the number that follows: `test: 0.5` is a metric, and `test: 3 [7/7]` is an epoch.
    """
    last = deque(_SECTION.finditer(text), maxlen=1)
    value = last and last[0][0].endswith(b":") and not text[last[0].end() :].strip()
    if not last or (value and not _PLACE.match(after)):
        return part
    told: str = last[0][1].decode()
    return "" if _TRAINING.match(told) else told


def announced(line: bytes) -> str | None:
    """The data that a heading line is about, `Validation:` or `=== Test ===`; None where a line is no heading."""
    found = _HEADINGS.fullmatch(line) if len(line) < _HEADING_CAP else None
    return None if found is None else "" if _TRAINING.match(found[1].decode()) else found[1].decode()


def qualified(part: str, name: str) -> str:
    """`val: loss=1` is not the training's loss: the section goes into the name."""
    if not part or part.lower()[:3] in name.lower() or is_evaluation(name):
        return name
    return f"{part} {name}" if " " in name else f"{part}_{name}"


def words_of(text: bytes) -> list[bytes]:
    """The words before a separator, back to the last border."""
    words = BORDER.split(text)[-1].lstrip(b"() -*#>").split()
    ends = [place for place, word in enumerate(words[:-1]) if _SENTENCE_END.fullmatch(word)]
    words = words[ends[-1] + 1 :] if ends else words
    while len(words) > 1 and (_is_no_name(words[0]) or words[0] in _LEADS):
        del words[0]
    return words


def _is_no_name(word: bytes) -> bool:
    return not _LETTERS.search(word) or _LEVEL.match(word) is not None or word.endswith(b".py")


def glued(words: list[bytes]) -> list[bytes]:
    """Of the words before a glued `=`, the name's: `Time cost=1`, `acc. prob=1`, `timing in s=1`, or the last."""
    if len(words) > 2 and words[-2] == b"in":
        return words[-3:]
    if len(words) > 1 and (words[-2].lower() in _ADJECTIVES or _SHORTENED.fullmatch(words[-2])):
        return words[-2:]
    own = len(words) == 2 and words[0].islower() and len(words[0]) > 3 and words[0] not in PREPOSITIONS
    return words if own and kind(decoded(words[1:])) is Kind.MEASURE else words[-1:]


def spoken(words: list[bytes], most: int = WORDS_CAP) -> str:
    """The words as a name; empty where they are none. Names of several words must speak of measurements."""
    if not 0 < len(words) <= most or words[-1] in PREPOSITIONS or not all(map(_WORD.fullmatch, words)):
        return ""
    if any(map(_SENTENCE_END.fullmatch, words[:-1])):
        return ""
    name = decoded(words)
    titled = len(words) == 2 and all(word[:1].isupper() for word in words)
    return name if len(words) == 1 or titled or speaks_of_training(name) or kind(name) is Kind.MEASURE else ""


def is_phrase(words: list[bytes]) -> bool:
    """Whether words are a name that may be taken whole: letters alone, and no word that joins others."""
    return 1 < len(words) <= WORDS_CAP + WORDS_MORE and all(
        _LETTERS.fullmatch(word) and word.lower() not in _SENTENCES for word in words
    )


def widened(name: str, words: list[bytes]) -> str:
    """A name that is the end of some words with one word more; as it is where they have no more."""
    own = next((count for count in range(len(words), 0, -1) if name.endswith(decoded(words[-count:]))), len(words))
    more = words[-own - 1] if own < len(words) else b""
    if not _WORD.fullmatch(more) or more.lower() in PREPOSITIONS:
        return name
    tail = decoded(words[-own:])
    return f"{name[: -len(tail)]}{decoded([more])} {tail}"


def decoded(words: list[bytes]) -> str:
    """Words as text, whatever bytes they are."""
    return b" ".join(words).decode("utf-8", "replace")
