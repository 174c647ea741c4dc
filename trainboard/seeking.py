"""What a user looks for in a log: a query → a pattern, and the text that every match must contain. Pure."""

from __future__ import annotations

import re

from backends.base import Wanted

_TOKEN = re.compile(
    r"\\(?:x..|u.{4}|U.{8}|N\{[^}]*\}|\d+|.)"  # an escape, whole
    r"|\[\^?\]?(?:\\.|[^\]\\])*\]"  # a class of characters
    r"|\{\d*,?\d*\}|.",
    re.S,
)
_OPTIONAL = ("*", "?", "{")


def wanted(query: str) -> Wanted:
    """A query as a regular expression, whatever its case unless it has capitals. Raises `ValueError`."""
    try:
        re.compile(query)
    except (re.error, OverflowError, RecursionError) as error:
        raise ValueError(f"the pattern cannot be read: {error}") from error
    capitals = any(char.isupper() for char in re.sub(r"\\.", "", query, flags=re.S))
    needle = contained(query).lower()
    return Wanted(query, not capitals, (needle,) if needle else ())


def contained(pattern: str) -> str:
    """The longest text that all matches of a pattern contain, as far as that is plain to see; empty: none."""
    runs, tokens = [""], _TOKEN.findall(pattern)
    if "|" in tokens or "(" in tokens:
        return ""
    for token, following in zip(tokens, [*tokens[1:], ""], strict=True):
        char = token[1] if len(token) == 2 and not token[1].isalnum() else token
        if len(char) != 1 or (token in ".^$[]{}*+?" and token == char) or following.startswith(_OPTIONAL):
            runs.append("")
        else:
            runs[-1] += char
            if following == "+":
                runs.append("")
    return max(runs, key=len)
