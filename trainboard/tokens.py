"""Tokens as a reader would write them: without the marks that tokenizers put in the place of spaces and bytes."""

from __future__ import annotations

import re
import unicodedata
from functools import cache
from typing import TYPE_CHECKING

from trainboard.show import clean

if TYPE_CHECKING:
    from collections.abc import Sequence

LONGEST = 200
"""Characters of one token that are kept."""

_BYTE = re.compile(r"<0x([0-9A-Fa-f]{2})>")


def as_text(token: object) -> str:
    """A token of any kind: text, a number in a vocabulary, bytes as a list."""
    if isinstance(token, str):
        return token if len(token) <= LONGEST else token[: LONGEST - 1] + "…"
    if isinstance(token, list) and token and all(isinstance(each, int) and 0 <= each < 256 for each in token):
        return from_bytes(bytes(token[:LONGEST]))
    return f"⟨{token}⟩"[:LONGEST]


def plainly(tokens: Sequence[str]) -> list[str]:
    """The tokens without marks, where they have some: GPT-2's bytes (`Ġ` for a space), SentencePiece's `▁`."""
    if not any(" " in token for token in tokens):
        if any(len(token) > 1 and token[0] in "ĠĊ" for token in tokens):
            return [_from_marks(token) for token in tokens]
        if any(token.startswith("▁") for token in tokens):
            tokens = [token.replace("▁", " ") for token in tokens]
    return [_BYTE.sub(lambda found: from_bytes(bytes([int(found[1], 16)])), token) for token in tokens]


@cache
def _marks() -> dict[str, int]:
    """The byte that each character of a byte-level BPE stands for, as GPT-2 and all after it have it."""
    plain = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [byte for byte in range(256) if byte not in plain]
    return {chr(byte): byte for byte in plain} | {chr(256 + at): byte for at, byte in enumerate(others)}


def _from_marks(token: str) -> str:
    marks = _marks()
    if not all(char in marks for char in token):
        return token
    return from_bytes(bytes(marks[char] for char in token))


def from_bytes(data: bytes) -> str:
    """UTF-8; bytes that are a part of a character as `⟨e2⟩`."""
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        text = data.decode("utf-8", "surrogateescape")
        return "".join(f"⟨{ord(char) - 0xDC00:02x}⟩" if 0xDC80 <= ord(char) <= 0xDCFF else char for char in text)


def shown(token: str) -> str:
    """A token on the screen: what cannot be seen has a sign, nothing of it reaches the terminal raw."""
    if token and token.isascii() and token.isprintable():
        return token
    text = clean("".join(_SIGNS.get(char, char) for char in token), LONGEST)
    if not text:
        return "¤"
    return f"◌{text}" if unicodedata.combining(text[0]) or unicodedata.category(text[0]) in ("Mn", "Me") else text


_SIGNS = {"\n": "⏎", "\r": "␍", "\t": "⇥", "\N{NO-BREAK SPACE}": "⍽"}
