"""One spelling for what is written in many ways, so that parsers know one form: `loss → tensor(0.5)` is `loss: 0.5`.

A rule changes the text around numbers only; there are as many numbers as before, in the same order.
"""

from __future__ import annotations

import re

from trainboard.extract.shape import SLOT_CAP, Shape

LINE_CAP = 4096
"""Bytes; a longer line is taken as it is."""
_VALUE = rb"[\x00\x01]"
_NUMBERS = re.compile(_VALUE)
# Types that hold one number: `tensor(0.5, device='cuda:0')`, `np.float64(0.5)`, `Array([0.5], dtype=float32)`.
_TYPED = re.compile(
    rb"(?<![\w.])(?:[a-z]\w{0,20}\.){0,3}"
    rb"(?:tensor|[A-Za-z]{0,12}Tensor|[a-z]{0,3}array|[A-Za-z]{0,12}Array|Parameter|Variable|(?:u?int|b?float|double)\d*_?)"
    rb"\(\[{0,2}(\x00)\]{0,2}((?:, ?[^()\n]{0,80}(?:\([^()\n]{0,40}\)[^()\n]{0,80})?)?)\)(?!\s*[:=])"
)
# `<tf.Tensor: shape=(), dtype=float32, numpy=0.5>`
_SHOWN = re.compile(rb"<[\w.]{0,40}(?:Tensor|Variable)\b([^<>\n]{0,120}?)\b(?:numpy|value)=(\x00)>")
# ` [02/06 23:06:30]`
_STAMPED = re.compile(rb"[\[(](?:\x00[/-]\x00(?:[/-]\x00)? |\x01 )?\x01[\])]\s*$")
_STAMP_CAP = 40
"""Bytes."""
_PLAIN: tuple[tuple[re.Pattern[bytes], bytes], ...] = (
    # ('loss', 0.5) of a list of pairs
    (re.compile(rb"\([\"']([\w./@ -]{1,60})[\"'], ?(\x00)\)"), rb"\1=\2"),
    # full-width signs
    (re.compile(rb"\xef\xbc\x9a"), b": "),
    (re.compile(rb"\xef\xbc\x8c|\xe3\x80\x81|\xef\xbc\x9b|\xe3\x80\x82"), b", "),
    (re.compile(rb"\xef\xbc\x88"), b" ("),
    (re.compile(rb"\xef\xbc\x89"), b") "),
    (re.compile(rb"\xe3\x80\x90"), b"["),
    (re.compile(rb"\xe3\x80\x91"), b"] "),
    (re.compile(rb"\xc2\xa0|\xe3\x80\x80"), b" "),
    # arrows: to a value, or between entries
    (
        re.compile(rb"(?<=[\w)\]\"'\x80-\xff])\s?(?:=>|->|-->|\xe2\x86\x92|\xe2\x87\x92|\xe2\x9e\x9c)\s?(?=\x00)"),
        b": ",
    ),
    (re.compile(rb"\s(?:=>|->|-->|\xe2\x86\x92|\xe2\x87\x92|\xe2\x9e\x9c)\s"), b" | "),
    # leaders: `loss ........ 0.5`
    (re.compile(rb"(?<=[\w)\]%\x80-\xff]) ?\.{3,}[ \t]*:?[ \t]*(?=\x00)"), b": "),
    (re.compile(rb"(?<=\w)::\s?(?=\x00)"), b": "),
    # the third round, and then a name
    (re.compile(rb"(\xe7\xac\xac\s?\x00\s?(?:\xe8\xbd\xae|\xe6\xad\xa5))\s"), rb"\1, "),
    # a value in angle brackets
    (re.compile(rb"<(\x00)>"), rb"\1"),
    # the unit that stands apart from its number, before the next name
    (re.compile(rb"(\x00) (?:dB|ms|secs?|seconds|[KMGT]i?B|nats|bits|bpp|pts|px)(?= [A-Za-z])"), rb"\1,"),
    # the word for the index, glued to it
    (re.compile(rb"(\x00)(epoch|step|iter(?:ation)?|update|round|episode)s?(?=[ \t]+[A-Za-z])"), rb"\1 \2,"),
    # an ordinal
    (re.compile(rb"(\x00)(?:st|nd|rd|th)(?= [a-z])"), rb"\1"),
)


def spelled(shape: Shape) -> Shape:
    """The same numbers between texts of one spelling."""
    line = before = shape.canon
    if len(shape.texts) > SLOT_CAP or len(line) > LINE_CAP:
        return shape
    if b"{" not in line:  # in a record they are taken off as it is parsed
        line = _TYPED.sub(_untyped, _SHOWN.sub(_shown, line))
    for pattern, plain in _PLAIN:
        line = pattern.sub(plain, line)
    return shape if line == before else Shape(tuple(_NUMBERS.split(line)), shape.dates)


def unstamped(shape: Shape) -> Shape:
    """A message without the time in brackets at its end."""
    found = _STAMPED.search(shape.canon[-_STAMP_CAP:]) if shape.dates and len(shape.texts) <= SLOT_CAP else None
    if found is None:
        return shape
    count = len(_NUMBERS.findall(found[0]))
    last = len(shape.texts) - 1 - count
    text = shape.texts[last]
    texts = (*shape.texts[:last], text[: text.rindex(found[0][:1])].rstrip())
    return Shape(texts, frozenset(slot for slot in shape.dates if slot < last))


def _untyped(found: re.Match[bytes]) -> bytes:
    return found[1] + _others(found[2])


def _shown(found: re.Match[bytes]) -> bytes:
    return (_others(found[1]) + b" " if _others(found[1]) else b"") + found[2]


def _others(text: bytes) -> bytes:
    """The numbers of a text that goes, without names."""
    return b"".join(b" , " + sign for sign in _NUMBERS.findall(text))
