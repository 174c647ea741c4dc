"""A run under diagnosis: what it was told of since the rules looked at it last."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from trainboard.events import Sampled
    from trainboard.examination import Examination
    from trainboard.feeds import Piece
    from trainboard.rows import Row

HEARD = 4 << 20
"""Bytes of a log that wait to be looked at for messages; of more the newest."""

WAITING = 1 << 16
"""Samples that wait to be looked at; of more none, and what is stored is read."""

QUIET, LONGEST = 30.0, 3600.0
"""Seconds between two looks at a run that has no news: silence is looked at as well. As long it is left alone after
something failed: twice as long each time, up to an hour."""


@dataclass(frozen=True, slots=True)
class Heard:
    """A piece of a log."""

    offset: int
    """Where in its file it begins."""
    data: bytes
    restarted: bool = False
    """What was there before is gone."""
    turned: bool = False
    """A new file begins, which goes on where the one before it ended."""


@dataclass(frozen=True, slots=True)
class News:
    """What came since the last look."""

    events: tuple[Sampled, ...] = ()
    heard: tuple[Heard, ...] = ()
    lost: bool = False
    """Samples came that are not in here: they are stored."""
    log_at: float | None = None
    """When its log last grew."""
    tail: bytes | None = None
    """The end of its log, once it has ended; empty where it has none."""
    tail_at: int = 0
    """Where that begins."""


class Case:
    """One attempt of a row. It belongs to the event loop: nothing in it takes long."""

    def __init__(self, row: Row) -> None:
        self.row = row
        self.examination: Examination | None = None
        """What the rules know of it; None until they look at it."""
        self.news = False
        """Whether something came since it was looked at."""
        self.complete = False
        """Whether all its sources have been read."""
        self.over: float | None = None
        """Since when it is known that it has ended."""
        self._looked = self._not_before = -math.inf
        self._pause = 0.0
        self._events: list[Sampled] = []
        self._waiting = 0
        """Samples in these."""
        self._lost = False
        self._heard: list[Heard] = []
        self._bytes = 0
        """Of the log, in these."""
        self._log_at: float | None = None
        self._tail: tuple[bytes | None, int] = (None, 0)

    def take(self, event: Sampled) -> None:
        """New samples."""
        self._events.append(event)
        self._waiting += len(event.samples) + len(event.usage) + 1
        if self._waiting > WAITING:
            self._events, self._waiting, self._lost = [event], 1, True
        self.complete = event.complete
        self.news = True

    def hear(self, piece: Piece, offset: int, now: float) -> None:
        """A piece of its log; `offset`: where in the file it begins."""
        if not (piece.data or piece.restarted or piece.turned):
            return
        if piece.data and not piece.late:
            self._log_at = now
        self._heard.append(Heard(offset, piece.data, piece.restarted, piece.turned))
        self._bytes += len(piece.data)
        while self._bytes > HEARD and len(self._heard) > 1:
            first, second = self._heard[:2]
            anew, turned = first.restarted or second.restarted, first.turned or second.turned
            self._heard[:2] = [replace(second, restarted=anew, turned=turned)]
            self._bytes -= len(first.data)
        self.news = True

    def end(self, tail: bytes, offset: int = 0) -> None:
        """It has ended; `tail`: the end of its log, which begins at `offset`."""
        self._tail = tail, offset

    def is_due(self, now: float) -> bool:
        """Whether it is time to look at it."""
        return self.may_be_tried(now) and (self.news or now - self._looked >= QUIET)

    def may_be_tried(self, now: float) -> bool:
        """Whether nothing failed lately."""
        return now >= self._not_before

    def draw(self, now: float) -> News:
        """What came, for a look now."""
        events, heard, (tail, at) = tuple(self._events), tuple(self._heard), self._tail
        news = News(events, heard, self._lost, self._log_at, tail, at)
        self._events, self._waiting, self._lost, self._heard, self._bytes = [], 0, False, [], 0
        self._looked, self.news = now, False
        return news

    def fail(self, now: float) -> None:
        """Something did not work: it is left alone for a while."""
        self._pause = min(LONGEST, max(QUIET, 2 * self._pause))
        self._looked, self._not_before = now, now + self._pause

    def work(self) -> None:
        """All worked."""
        self._pause, self._not_before = 0.0, -math.inf
