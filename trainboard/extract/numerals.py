"""Many numbers at once: what `float` makes of each, in a quarter of the time.

They are read as one array in JSON; what JSON does not know, as `nan`, `.5` or `+1`, is left to `float`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from orjson import loads

if TYPE_CHECKING:
    from collections.abc import Sequence

PIECE = 64
"""Tokens that are read one by one for the sake of one among them that JSON does not know."""
_SIGNS = b"0123456789.,eE+-"
"""All signs of numbers as JSON has them."""


def values_of(tokens: Sequence[bytes]) -> list[float]:
    """The value of each token, a whole number maybe as an `int`. Raises ValueError where `float` takes one not."""
    found = _array(tokens)
    if found is not None:
        return found
    found = []
    for at in range(0, len(tokens), PIECE):
        piece = tokens[at : at + PIECE]
        found += _array(piece) or map(float, piece)
    return found


def values_or_none(tokens: Sequence[bytes]) -> list[float] | None:
    """The same of what may be anything; None where `float` takes one not."""
    plain = len(tokens) > 1 and not b",".join(tokens).translate(None, _SIGNS)
    try:
        return (_array(tokens) if plain else None) or list(map(float, tokens))
    except ValueError:
        return None


def _array(tokens: Sequence[bytes]) -> list[float] | None:
    """None where JSON does not know one, or would lose the sign of a whole `-0`."""
    text = b"[%b]" % b",".join(tokens)
    try:
        values: list[float] = loads(text)
    except ValueError:
        return None
    if len(values) != len(tokens) or (b"-0" in text and (b"-0," in text or b"-0]" in text)):
        return None
    return values
