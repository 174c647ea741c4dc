"""Text that others wrote, made fit for a person's terminal."""

from __future__ import annotations

import re
import unicodedata

_ESCAPE = re.compile(
    r"(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]"  # CSI: colours, cursor
    r"|(?:\x1b[\]PX^_]|[\x90\x98\x9d-\x9f])[^\x07\x1b\x9c\n]*(?:\x07|\x1b\\|\x9c)?"  # OSC, DCS: titles, clipboard
    r"|\x1b[ -/]*[0-~]?"
)
_UNSEEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn"})  # controls, direction marks, halves of characters, unassigned


def one_line(text: str | bytes, limit: int = 200) -> str:
    """`text` as one line of at most `limit` characters, without escapes and controls; a cut shows as `…`."""
    return _bounded(" ".join(filter(None, _lines(text))), limit)


def paragraph(text: str | bytes, limit: int = 2000) -> str:
    """Like `one_line`, but line breaks stay; runs of empty lines become one."""
    return _bounded(re.sub(r"\n{3,}", "\n\n", "\n".join(_lines(text))).strip("\n"), limit)


def _lines(text: str | bytes) -> list[str]:
    if isinstance(text, bytes):
        text = text.decode("utf-8", "replace")
    return [" ".join(_visible(line).split()) for line in _ESCAPE.sub("", text).splitlines()]


def _visible(line: str) -> str:
    return "".join(c for c in line if c.isspace() or unicodedata.category(c) not in _UNSEEN)


def _bounded(text: str, limit: int) -> str:
    return text if len(text) <= limit else text[: max(limit - 1, 0)].rstrip() + "…"
