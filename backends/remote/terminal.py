"""What a terminal shows of a log's text: no escape sequences, and of a line that was written over its last state."""

import re

COMMON = (
    r"\x1b(?:"
    r"\[[0-?]*[ -/]*[@-~]?"  # CSI: colours, cursor movement
    r"|[\]PX^_][^\x07\x1b\n]*(?:\x07|\x1b\\)?"  # OSC, DCS, SOS, PM, APC: titles, links, clipboard
    r"|[ -/]*[0-~]?"  # two-character escapes
    r")"
)
ESCAPE = re.compile(COMMON + r"|\x9b[0-?]*[ -/]*[@-~]?")
"""One escape sequence, whole or cut off. It never reaches beyond its line."""

QUICK = re.compile(COMMON)
"""The same where there is no C1 control, in half the time."""

OVERWRITTEN = re.compile(r"^[^\n]*\r(?=[^\r\n])", re.M)
"""Of a line what stood there before a carriage return began it anew: that is so once something follows."""


def plain(text: str) -> str:
    """Whole lines as they are seen, as many as there were; controls other than these stay."""
    if "\x9b" in text:
        text = ESCAPE.sub("", text)
    elif "\x1b" in text:
        text = QUICK.sub("", text)
    if "\r" in text:
        text = OVERWRITTEN.sub("", text).replace("\r", "")
    return text
