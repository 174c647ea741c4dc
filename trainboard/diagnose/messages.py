"""Messages in logs that tell what happened to a job: out of memory, time limits, collectives, disks, tracebacks.

A block of a log is taken apart only where it holds a needle, or follows a message that may have ended the run. Only a
bounded piece of a line is looked at, and a bounded number of hits is kept.
"""

from __future__ import annotations

import re
from collections import Counter, deque
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from backends.text import one_line
from trainboard.diagnose.classes import CLASSES, CONDITIONAL, NEEDLES, Message
from trainboard.diagnose.tracebacks import BEGIN, CHAINED, IGNORED, MARKS, Traceback

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

LINE_CAP = 2048
"""Bytes of a line that are looked at: those around what was found."""
KEPT = 64
"""Hits of a class that are kept: the first ones, and the newest in the place of the last."""
BEFORE = 64
"""Lines before a hit that tell what this run prints again and again."""
USUAL, NEW = 3, 6
"""Measurements of one shape after a hit, from which on the run goes on: of a shape from before, or of any."""
SHAPES = 256
"""Shapes that are told apart after a hit."""
RANKS, APART = 256, 2000
"""Tracebacks that are read at the same time; lines without any of theirs, after which their ends do not come."""
WAITS = 1 << 20
"""Bytes of a line whose end is waited for."""

_ANSI = re.compile(r"\x1b\[[0-9;?]{0,32}[A-Za-z]")
_RANK = re.compile(r"\s*(?:\[(?:rank|default|Rank )(\d{1,5})\]:? ?|(\d{1,5}): |\([\w .=:,-]{1,80}\) )")
_RANK_INSIDE = re.compile(r"\[(?:[^\[\]]{0,40} )?[Rr]ank (\d{1,5})\]|\brank[ =:](\d{1,5})\b")
_NUMBER = re.compile(rb"[-+]?\d[\d.,:eE+-]*|\bnan\b|\binf\b")
_MEASURES = re.compile(rb"[A-Za-z)\]%@'\"|][ \t]{0,8}[:=]?[ \t]{0,12}['\"\[]?[-+]?\d{1,12}\.\d")
_LINE_END = re.compile(rb"[\r\n]+")


@dataclass(frozen=True, slots=True)
class Hit:
    """A message that was found."""

    id: str
    """Its class: an id of `trainboard.diagnose.classes`, or `traceback`."""
    line: str
    """Without control characters, at most 400 characters."""
    offset: int
    """Of the line in the log, in bytes."""
    facts: Mapping[str, float | str] = field(default_factory=dict)
    """What the message says: a rank, a pid, a loss scale; of a traceback `Traceback.facts`."""
    lines: tuple[str, ...] = ()
    """What proves it, where that is more than the line."""
    count: int = 1
    """How many of this class there were, up to this one."""
    passed: bool = False
    """The training went on after it."""


class Scanner:
    """Looks for messages in a log as it comes, in whatever pieces."""

    def __init__(self, offset: int = 0) -> None:
        """`offset`: in the log, of the first byte that it will be fed."""
        self.offset = offset
        """Of the first byte that was not looked at."""
        self._held: list[bytes] = []
        self._size = 0
        """Of what is held."""
        self._hits: dict[str, list[Hit]] = {}
        self._counts: Counter[str] = Counter()
        self._before: deque[bytes] = deque(maxlen=BEFORE)
        self._usual: frozenset[bytes] = frozenset()
        """Shapes that this run printed again and again before the first open hit."""
        self._after: Counter[bytes] = Counter()
        """Measurements since the newest open hit, by their shape."""
        self._open = False
        """Whether there is a hit that may have ended the run."""
        self._tracebacks: dict[str, Traceback] = {}
        """Those that are being read, by the rank that prints them."""
        self._apart = 0
        """Lines since the newest one of any of them."""
        self._ignored = self._chained = False

    @property
    def hits(self) -> tuple[Hit, ...]:
        """What was found and kept, in the order of the log."""
        return tuple(sorted((hit for kept in self._hits.values() for hit in kept), key=lambda hit: hit.offset))

    def feed(self, data: bytes) -> list[Hit]:
        """The hits of the lines that this piece completes."""
        end = max(data.rfind(b"\n"), data.rfind(b"\r")) + 1
        if not end and self._size + len(data) > WAITS:
            end = len(data)
        if not end:
            self._held.append(data)
            self._size += len(data)
            return []
        block = b"".join((*self._held, data[:end]))
        self._held, self._size = [data[end:]], len(data) - end
        return self._scan(block)

    def finish(self) -> list[Hit]:
        """The hits of what stands at the end without a newline, and of a traceback that is not complete."""
        block, self._held, self._size = b"".join(self._held), [], 0
        found = self._scan(block) if block else []
        for each in tuple(self._tracebacks.values()):
            found += self._close(each)
        return found

    def _scan(self, block: bytes) -> list[Hit]:
        base, self.offset = self.offset, self.offset + len(block)
        lowered = block.lower()
        present = [needle for needle in (*MARKS, *NEEDLES) if needle in lowered]
        if not (present or self._open or self._tracebacks):
            self._before.extend(block[-LINE_CAP * BEFORE :].splitlines()[-BEFORE:])
            return []
        found: list[Hit] = []
        at = 0
        for match in _LINE_END.finditer(block):
            found += self._take(block[at : match.start()], lowered[at : match.start()], present, base + at)
            at = match.end()
        if at < len(block):
            found += self._take(block[at:], lowered[at:], present, base + at)
        return found

    def _take(self, line: bytes, lowered: bytes, present: Iterable[bytes], offset: int) -> list[Hit]:
        """One line."""
        place = next((at for needle in present if (at := lowered.find(needle)) >= 0), -1)
        start = max(0, place - LINE_CAP // 2)
        text = ""
        found: list[Hit] = []
        if self._tracebacks or place >= 0:
            text = _ANSI.sub("", line[start : start + LINE_CAP].decode("utf-8", "replace"))
            rank, rest = _unranked(text)
            part, found = self._trace(rank, rest, offset)
            if part:
                return found
        if place >= 0:
            found += self._look(text, lowered, offset)
        if found:
            return found
        if self._open:
            self._follow(line)
        else:
            self._before.append(line[:LINE_CAP])
        return found

    def _trace(self, rank: str, text: str, offset: int) -> tuple[bool, list[Hit]]:
        """Whether a line is of a traceback and of nothing else, and the traceback that it completes."""
        if BEGIN in text:
            found = self._close(self._tracebacks[rank]) if rank in self._tracebacks else []
            if len(self._tracebacks) < RANKS or rank in self._tracebacks:
                self._tracebacks[rank] = Traceback(offset, rank, ignored=self._ignored, chained=self._chained)
            self._ignored = self._chained = False
            self._apart = 0
            return True, found
        if IGNORED.match(text):
            self._ignored = True
        elif CHAINED.match(text):
            self._chained = True
        reading = self._tracebacks.get(rank) or self._tracebacks.get("")
        if reading is not None and reading.take(text):
            self._apart = 0
            return (False, self._close(reading)) if reading.complete else (True, [])
        self._apart += 1
        if self._apart > APART:
            self._tracebacks.clear()
        return False, self._close(reading) if reading is not None and reading.given_up else []

    def _close(self, traceback: Traceback) -> list[Hit]:
        """A traceback is over."""
        self._tracebacks = {rank: each for rank, each in self._tracebacks.items() if each is not traceback}
        if traceback.ignored or not traceback.complete:
            return []
        proof = traceback.proof()
        return [self._keep(Hit("traceback", proof[-1], traceback.offset, traceback.facts(), proof), fatal=True)]

    def _look(self, text: str, lowered: bytes, offset: int) -> list[Hit]:
        """The message of a line that has a needle."""
        plain = _unranked(text)[1]
        for message in CLASSES:
            if any(needle in lowered for needle in message.needles):
                found = message.pattern.search(plain)
                if found and not (
                    message.guarded and CONDITIONAL.search(plain, max(0, found.start() - 80), found.start())
                ):
                    return [self._keep(_hit(message, found, text, offset), fatal=message.fatal)]
        return []

    def _keep(self, hit: Hit, *, fatal: bool) -> Hit:
        """Remember it."""
        self._counts[hit.id] += 1
        hit = replace(hit, count=self._counts[hit.id], passed=False)
        kept = self._hits.setdefault(hit.id, [])
        if len(kept) == KEPT:
            kept[-1] = hit
        else:
            kept.append(hit)
        if fatal:
            if not self._open:
                shapes = Counter(_NUMBER.sub(b"#", line) for line in self._before if _MEASURES.search(line))
                self._usual = frozenset(shape for shape, count in shapes.items() if count > 1)
            self._open = True
            self._after.clear()
        return hit

    def _follow(self, line: bytes) -> None:
        """A line after a hit: enough measurements, and the run went on."""
        line = line[:LINE_CAP]
        if not _MEASURES.search(line):
            return
        shape = _NUMBER.sub(b"#", line)
        if shape in self._after or len(self._after) < SHAPES:
            self._after[shape] += 1
        if self._after[shape] < (USUAL if shape in self._usual else NEW):
            return
        self._hits = {id: [replace(hit, passed=True) for hit in kept] for id, kept in self._hits.items()}
        self._open = False
        self._before.clear()
        self._before.append(line)


def scan(lines: Iterable[str | bytes]) -> list[Hit]:
    """What these lines of a log hold, in order."""
    scanner = Scanner()
    for line in lines:
        data = line.encode() if isinstance(line, str) else line
        scanner.feed(data if data.endswith((b"\n", b"\r")) else data + b"\n")
    scanner.finish()
    return list(scanner.hits)


def _hit(message: Message, found: re.Match[str], text: str, offset: int) -> Hit:
    facts: dict[str, float | str] = {
        name: _value(value) for name, value in found.groupdict().items() if value is not None
    }
    rank = _rank(text)
    if rank:
        facts["rank"] = float(rank)
    start = max(0, found.start() - 120)
    return Hit(message.id, one_line(text if len(text) <= 400 else text[start:], 400), offset, facts)


def _value(text: str) -> float | str:
    try:
        return float(text)
    except ValueError:
        return one_line(text, 80)


def _rank(text: str) -> str:
    """The rank that speaks, as the line says; empty where it does not."""
    found = _RANK.match(text)
    if found and (found[1] or found[2]):
        return found[1] or found[2]
    inside = _RANK_INSIDE.search(text)
    return (inside[1] or inside[2]) if inside else ""


def _unranked(text: str) -> tuple[str, str]:
    """The rank that a launcher puts before a line, and the rest of it."""
    found = _RANK.match(text)
    return ((found[1] or found[2] or ""), text[found.end() :]) if found else ("", text)
