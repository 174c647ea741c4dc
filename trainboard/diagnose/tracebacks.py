"""Tracebacks of Python in a log: the exception, and the innermost frame of the user's own code."""

from __future__ import annotations

import re

from backends.text import one_line

BEGIN = "Traceback (most recent call last)"
IGNORED = re.compile(r"^Exception ignored in|^(?:--- )?Logging error ---")
CHAINED = re.compile(r"^(?:During handling of the above exception|The above exception was the direct cause)")
MARKS = (b"traceback (most recent call last)", b"exception ignored in", b"logging error ---", b"above exception")
"""In small letters: a line with one of these begins a traceback, or tells of the next."""
SECONDARY = re.compile(
    r"ChildFailedError|ProcessRaisedException|ProcessExitedException|DistBackendError|DistNetworkError|BrokenPipe"
    r"|ConnectionReset|ConnectionRefused|ConnectionAborted|EOFError|CalledProcessError|^SystemExit|KeyboardInterrupt"
    r"|RayTaskError|WorkerCrashedError|ActorDiedError"
)
"""Exceptions that follow from what happened in another process."""
_FOLLOWS = re.compile(
    r"NCCL communicator was aborted|remote process exited|Connection (?:closed|reset) by peer|Broken pipe"
    r"|heartbeat|Socket Timeout|terminated with the following error|failed with exit ?code|Watchdog caught"
    r"|Timed out waiting \d+ ?ms for (?:recv|send)"
)
"""What such exceptions say that have the type of another."""

_FRAME = re.compile(r'^\s*(?:\| +)?File "([^"]{1,400})", line (\d{1,9})(?:, in (\S{1,200}))?')
_ERROR = re.compile(r"^(?:\| +)?((?:[A-Za-z_]\w{0,80}\.){0,8}_?[A-Z]\w{1,80})(?::\s?(.*))?$")
_FOREIGN = re.compile(
    r"(?:site|dist)-packages/|/lib(?:64)?/python\d|^<frozen |^<string>|^<stdin>"
    r"|/s?bin/(?:torchrun|accelerate|deepspeed)"
    r"|\\lib\\site-packages\\|^/usr/lib/|^/usr/local/lib/python|/conda/lib/|\.egg/"
)
STRAY = 40
"""Lines of other processes that may come between those of a traceback."""
TEXT = 400


class Traceback:
    """A traceback that is being read, line by line."""

    __slots__ = ("_last", "_own", "_stray", "chained", "error", "ignored", "message", "offset", "rank")

    def __init__(self, offset: int, rank: str, *, ignored: bool = False, chained: bool = False) -> None:
        self.offset = offset
        self.rank = rank
        self.ignored = ignored
        """It ended nothing: an exception in a destructor, or in the logging itself."""
        self.chained = chained
        """It came while another one was handled."""
        self.error = ""
        """The exception's type, once it is complete."""
        self.message = ""
        self._own: list[str] | None = None
        """File, line, function and code of the newest frame that is the user's."""
        self._last: list[str] | None = None
        self._stray = 0

    @property
    def complete(self) -> bool:
        """Whether the exception has been read."""
        return bool(self.error)

    @property
    def given_up(self) -> bool:
        """Whether its end will not be found any more."""
        return self._stray > STRAY

    def take(self, line: str) -> bool:
        """Whether a line, without what its rank puts before it, is part of it."""
        if frame := _FRAME.match(line):
            found = [frame[1], frame[2], frame[3] or "", ""]
            self._last = found
            if not _FOREIGN.search(frame[1]):
                self._own = found
            return True
        if line[:2] in ("  ", "| ", "") or line.startswith("\t"):
            code = line.strip(" \t|~^")
            if self._last is not None and code and not self._last[3]:
                self._last[3] = code[:TEXT]
            return True
        if self._last is not None and (error := _ERROR.match(line)):
            self.error, self.message = error[1], one_line(error[2] or "", TEXT)
            return True
        self._stray += 1
        return False

    @property
    def secondary(self) -> bool:
        """Whether the cause is in another process."""
        return SECONDARY.search(self.error) is not None or _FOLLOWS.search(self.message) is not None

    def facts(self) -> dict[str, float | str]:
        """What it says; `own` is 1 where the frame is of the user's code."""
        file, line, function, _ = self._own or self._last or ["", "0", "", ""]
        facts: dict[str, float | str] = {
            "error": self.error,
            "message": self.message,
            "file": one_line(file, TEXT),
            "line": float(line),
            "function": one_line(function, 80),
            "own": float(self._own is not None),
        }
        if self.rank:
            facts["rank"] = float(self.rank)
        if self.chained:
            facts["chained"] = 1.0
        if self.secondary:
            facts["secondary"] = 1.0
        return facts

    def proof(self) -> tuple[str, ...]:
        """The frame, its code, and the exception."""
        frame = self._own or self._last
        lines = [] if frame is None else [f'File "{frame[0]}", line {frame[1]}, in {frame[2]}', frame[3]]
        raised = f"{self.error}: {self.message}" if self.message else self.error
        return tuple(one_line(line, TEXT) for line in (*lines, raised) if line)
