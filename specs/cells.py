"""Parameters in the cells of a sheet: what is written, and what it is read as. Pure.

An apostrophe before a text, as spreadsheets have it, says that it is text whatever it looks like; so no cell is taken
for a formula, and every value is read as what it was.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from specs.braces import as_text

if TYPE_CHECKING:
    from specs.model import Scalar

TEXT = "'"
"""Before a text that would otherwise be read as something else."""

LONGEST_NUMBER = 64
"""Digits; more of them are text. A spec does not take more either."""
LARGEST_INTEGER = 2**53
"""A workbook's numbers are floats of 16 digits."""

_INTEGER = re.compile(r"[-+]?(?:0|[1-9][0-9]*)", re.ASCII)
_FLOAT = re.compile(r"[-+]?(?:(?:\.[0-9]+|(?:0|[1-9][0-9]*)(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?|inf)|nan", re.ASCII)
_WORDS = {"true": True, "false": False, "null": None}
_FORMULA = ("=", "+", "-", "@")
_NOT_IN_XML = r"\x00-\x08\x0b-\x1f\ufffe\uffff"
_TO_ESCAPE = re.compile(f"[{_NOT_IN_XML}]|_(?=x[0-9A-Fa-f]{{4}}[_{_NOT_IN_XML}])")
_ESCAPE = re.compile("_x([0-9A-Fa-f]{4})_")
_RESULT = re.compile(r"(?:.* )?\[[^\[\]]+\]", re.DOTALL)


def result(word: str, metric: str = "") -> str:
    """The header of a column that is about the run and no parameter: `[state]`, or of a metric `val_loss [best]`."""
    return f"{metric} [{word}]" if metric else f"[{word}]"


def is_result(header: str) -> bool:
    """Whether a column is about the run; no parameter can be called so."""
    return _RESULT.fullmatch(header) is not None


def written(value: Scalar) -> str:
    """The text of a cell that is read as this value, with its type; never empty and never a formula."""
    if not isinstance(value, str):
        return "null" if value is None else as_text(value)
    plain = value != "" and value == value.strip() and isinstance(read(value), str)
    return TEXT + value if not plain or value.startswith((TEXT, *_FORMULA)) else value


def read(text: str) -> Scalar:
    """The value of a cell that is not empty: a number, `true`, `false`, `null`, else text, stripped."""
    if text.startswith(TEXT):
        return text[len(TEXT) :]
    text = text.strip()
    if text.lower() in _WORDS:
        return _WORDS[text.lower()]
    if len(text) > LONGEST_NUMBER:
        return text
    if _INTEGER.fullmatch(text):
        return int(text)
    return float(text) if _FLOAT.fullmatch(text) else text


def typed(value: Scalar) -> int | float | bool | str:
    """The same for a workbook, whose cells have types: what a number there cannot hold is text."""
    if isinstance(value, bool):
        return value
    if not isinstance(value, int | float):
        return written(value)
    exact = abs(value) <= LARGEST_INTEGER and float(f"{value:.16g}") == value and str(value) != "-0.0"
    return value if exact else written(value)


def number_format(value: Scalar) -> str | None:
    """The format of a cell in a workbook; a whole number with a decimal place in it is no integer."""
    return "0.0" if isinstance(value, float) and value.is_integer() else None


def escaped(text: str) -> str:
    """A text as workbooks have it: `_x000D_` for what XML cannot hold, and so for a `_` that would begin one."""
    return _TO_ESCAPE.sub(lambda found: f"_x{ord(found[0]):04X}_", text)


def unescaped(text: str) -> str:
    """The text that a workbook has so; halves of a surrogate pair stay as they are written."""
    return _ESCAPE.sub(
        lambda found: found[0] if "D800" <= found[1].upper() <= "DFFF" else chr(int(found[1], 16)), text
    )
