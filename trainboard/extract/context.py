"""What stands around a line: whether it is source code or configuration, where numbers are no measurements."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from trainboard.extract.names import Kind, kind

if TYPE_CHECKING:
    from collections.abc import Iterable

REACH = 8
"""Lines that are looked at before one."""
LINE_CAP = 160
"""Bytes of each that are looked at."""
_CODE = re.compile(
    rb"""\s*(?: \+{1,4}\ |
        (?:def|class|cdef|async\ def|fn|func|function|struct|enum)\ \w+
      | (?:import|from)\ [\w.]+ (?:\ import\b|\ as\b|,|;|\s*$)
      | @ [A-Za-z_][\w.]* (?:\(|\s*$) | (?:assert|raise|del|yield|pass|break|continue)\b | return\b
      | (?:if|elif|while|for|with|except|switch)\b [^\n]* [:{] \s* (?:\#|$) | (?:else|try|finally)\s*[:{]
      | [A-Za-z_][\w.]* (?:\[[^\]]*\])? (?:,\ ?[A-Za-z_]\w*)* \ [-+*/|&@]?=\ [^=]{0,80}? [A-Za-z_][\w.]*[(\[]
      | (?:print|printf|println|std::cout|log(?:ger|ging)?\.\w+|wandb\.log|writer\.\w+) \s* (?:\(|<<)
      | \# \s* (?:include|define|pragma|if|ifdef|endif)\b
      | (?:const|auto|int|float|double|void|static|template|local|let|var)\ [\w<*&]
      | self\. | \} \s* (?:$|[;,)]|else) | //
    )""",
    re.VERBOSE,
)
_WARNED = re.compile(rb"\.py:\d+: \w*Warning: ")
"""Below it stands the line of source that a warning is about, which tells nothing of the lines after it."""
_FURTHER = re.compile(rb"[,;|]\s{0,4}([A-Za-z_][\w ]{0,30}?)\s?[:=]")
"""The names of the pairs after the first: a line with a measurement in it is none of settings."""
_RULER = re.compile(rb"[-=+|:\s]*|(?:\xe2[\x94\x95].|[\s|])*")
_PAIR = re.compile(rb"[\s|+`-]{0,40}[\"']?([A-Za-z_][\w. -]{0,60}?)[\"']?\s*(?:[:=\t]|\.{3,})\s*(\S.*)?")


def is_written(lines: Iterable[bytes]) -> bool:
    """Whether the lines before a place are source code or configuration, and what follows too."""
    code = settings = 0
    warned = False
    for line in lines:
        text = line[:LINE_CAP]
        if not text.strip():
            continue
        if is_source(text):
            code += not warned
        elif _is_setting(text):
            settings += 1
        warned = _WARNED.search(line) is not None
    return code > 1 or settings > 1


def is_source(line: bytes) -> bool:
    """Whether a line begins as one of a program does."""
    return _CODE.match(line[:LINE_CAP]) is not None


def is_ruler(line: bytes) -> bool:
    """Whether a line only separates the header of a table from its rows."""
    return _RULER.fullmatch(line) is not None


def _is_setting(text: bytes) -> bool:
    found = _PAIR.match(text)
    if found is None or kind(found[1].decode("utf-8", "replace")) is not Kind.SETTING:
        return False
    return not any(kind(name.decode("utf-8", "replace")) is Kind.MEASURE for name in _FURTHER.findall(text))
