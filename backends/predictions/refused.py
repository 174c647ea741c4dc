"""Errors of this program's own: why a file gives no summary."""


class Refused(Exception):
    """`str()` is one line: what is wrong; `advice`, which may be empty: what to do about it."""

    def __init__(self, reason: str, advice: str = "") -> None:
        Exception.__init__(self, reason)
        self.advice = advice
