"""Texts without the secrets that somebody wrote into them: a report is mailed. Pure."""

from __future__ import annotations

import re

from trainboard.doubts import SECRETS

VEIL = "(hidden)"

NAMED = re.compile(
    r"(?P<name>[\w.-]*(?:api_?key|secret|token|passw(?:or)?d|passphrase|credential)[\w.-]*[\"']?[ \t]*[:=][ \t]*)"
    r"(?P<value>[\"']?[^\s,}\"'#]+[\"']?)",
    re.I,
)
"""A name that says what it is, and its value."""

HARMLESS = re.compile(r"(?:null|~|true|false|\d{1,6}(?:\.\d*)?|\$\{?\w+\}?|\{\w+\})$", re.I)
"""Values that are none: nothing, a number of tokens, what is taken from elsewhere."""


def veiled(text: str) -> str:
    """The text, with what looks like a secret hidden: by its shape, or by the name before it."""
    for _, sign, shape in SECRETS:
        if sign.decode() in text:
            text = re.sub(shape.decode(), VEIL, text)
    return NAMED.sub(_veiled, text)


def _veiled(found: re.Match[str]) -> str:
    return found[0] if HARMLESS.match(found["value"].strip("\"'")) else found["name"] + VEIL
