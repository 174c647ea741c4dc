"""Looks for a line in a file, in a process of its own: a pattern may take for ever, and shall hold up nobody.

The request comes as JSON, the only argument. The answer is a line of JSON, and then the line that was found.
"""

import json
import os
import re
import signal
import sys
import time
from typing import Any, Dict, Iterator, List, Optional, Tuple

from backends.remote.files import opened, resolve
from backends.remote.frames import Failure, described
from backends.remote.terminal import plain

BLOCK = 1 << 20
"""Bytes that are read at once; a longer line is looked at in pieces."""

LONGEST = 1 << 16
"""Characters of a line that a pattern sees at once."""

EXCERPT = 4096
"""Bytes of the line that was found, at most; of a longer one, where it is."""

PATIENCE = 3.0
"""Seconds of processor time that a pattern may take for one block."""


class Seek(object):
    """One step of a search: it ends with the first line that matches, or when its time is over."""

    def __init__(self, request: Dict[str, Any], block: int = BLOCK) -> None:
        self.most = block
        flags = re.I if request["ignore_case"] else 0
        self.matching = re.compile(request["pattern"], flags).search
        self.needles = request["needles"]  # type: List[str]
        self.backwards = request["backwards"]
        self.until = time.time() + request["seconds"]
        self.file = opened(resolve(request["path"]))
        self.size = os.fstat(self.file).st_size
        self.at = request["offset"] if 0 <= request["offset"] <= self.size else self.size

    def answer(self) -> Tuple[Dict[str, Any], bytes]:
        """What one step found, and how far it came."""
        line = None  # type: Optional[Tuple[int, int, bytes]]
        try:
            for begin, block in self.blocks():
                line = self.line(begin, block)
                if line is not None or time.time() > self.until:
                    break
        finally:
            os.close(self.file)
        found, excerpt = None, b""
        if line is not None:
            found, after, excerpt = line
            self.at = found if self.backwards else after
        done = found is not None or self.at == (0 if self.backwards else self.size)
        return {"found": found, "at": self.at, "size": self.size, "done": done}, excerpt

    def blocks(self) -> Iterator[Tuple[int, bytes]]:
        """Whole lines of about a block, with their place; `at` is then where the next ones are."""
        while self.at < self.size if not self.backwards else self.at > 0:
            begin = max(0, self.at - self.most) if self.backwards else self.at
            end = self.at if self.backwards else min(self.size, begin + self.most)
            block = os.pread(self.file, end - begin, begin)
            if len(block) < end - begin and not self.backwards:  # it was cut shorter meanwhile
                self.size = end = begin + len(block)
            if self.backwards and begin > 0:
                cut = block.find(b"\n") + 1
                if 0 < cut < len(block):
                    begin, block = begin + cut, block[cut:]
            elif end < self.size:
                block = block[: block.rfind(b"\n") + 1] or block
            self.at = begin if self.backwards else begin + len(block)
            yield begin, block

    def line(self, begin: int, block: bytes) -> Optional[Tuple[int, int, bytes]]:
        """The first line of a block, or the last, that matches: where it begins, where it ends, what is in it."""
        signal.setitimer(signal.ITIMER_VIRTUAL, PATIENCE)
        try:
            numbers = list(self.numbers(block))
            if not numbers:
                return None
            start = 0
            for _ in range(numbers[-1]):
                start = block.index(b"\n", start) + 1
            start, end = self.piece(block, start, block.find(b"\n", start) + 1 or len(block))
        finally:
            signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        return begin + start, begin + end, block[start:end][:EXCERPT]

    def piece(self, block: bytes, start: int, end: int) -> Tuple[int, int]:
        """Of a long line that matches the piece that does, if one does by itself: nobody finds it in a megabyte."""
        if end - start > EXCERPT and b"\r" not in block[start : end - 2]:
            places = range(start, end, EXCERPT // 2)
            for at in reversed(places) if self.backwards else places:
                if self.matches(plain(block[at : at + EXCERPT].decode("utf-8", "replace"))):
                    return at, min(end, at + EXCERPT)
        return start, end

    def numbers(self, block: bytes) -> Iterator[int]:
        """Which lines match; forwards only the first of them."""
        text = plain(block.decode("utf-8", "replace"))
        low = text.lower() if self.needles else ""  # a letter may become two, a line never
        if self.needles and not any(needle in low for needle in self.needles):
            return
        lines = text.split("\n")
        if lines[-1] == "" and block.endswith(b"\n"):
            lines.pop()
        small = low.split("\n") if self.needles else lines
        for number, line in enumerate(lines):
            if self.needles and not any(needle in small[number] for needle in self.needles):
                continue
            if self.matches(line):
                yield number
                if not self.backwards:
                    return

    def matches(self, line: str) -> bool:
        """Whether the pattern is in a line; in a long one, in one of its pieces."""
        if len(line) <= LONGEST:
            return self.matching(line) is not None
        return any(self.matching(line[at : at + LONGEST]) for at in range(0, len(line), LONGEST))


def too_long(*_: object) -> None:
    """The pattern had its time."""
    raise Failure("pattern", "the pattern takes too long")


def main() -> int:
    """Answer the one request."""
    os.nice(5)
    signal.signal(signal.SIGVTALRM, too_long)
    try:
        answer, line = Seek(json.loads(sys.argv[1])).answer()
    except re.error as error:
        answer, line = {"error": "pattern", "message": "the pattern cannot be read: %s" % error}, b""
    except Exception as error:  # whatever it is, who asked is told
        answer, line = described(error), b""
    sys.stdout.buffer.write(json.dumps(answer).encode("utf-8") + b"\n" + line)
    return 0
