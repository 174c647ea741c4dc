"""One source of a run while it is being read: its reader, how far it came, and by what the file is known again."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from specs.model import LOG
from trainboard.feeds import SEAL, Known, Stamp
from trainboard.naming import RUNNER
from trainboard.samples import Samples
from trainboard.sources import table
from trainboard.sources.base import trouble
from trainboard.stored import Mark

if TYPE_CHECKING:
    from collections.abc import Sequence

    from trainboard.extract.progress import Progress
    from trainboard.rows import Row
    from trainboard.series import Sample
    from trainboard.sources.base import Reader


class Reading:
    """A source of a row, from its start or from where its mark says."""

    def __init__(self, source: str, row: Row, mark: Mark | None = None) -> None:
        self.stale = False
        """What is stored was read by another version: it is dropped when the source can be read anew."""
        kind = kind_of(source)
        state = mark.state if mark is not None else {}
        reader, base, seal = None, 0, b""
        try:
            if mark is not None and state.get("reader"):
                reader = kind.restore(state["reader"], row.total, row.pattern)
                base, seal = int(state.get("base", 0)), str(state.get("seal", "")).encode("latin-1")
        except (ValueError, TypeError, UnicodeError):
            self.stale, reader = True, None
        self._reader: Reader = reader or new_reader(source, row)
        self._base = base
        """The reader's offset where the file begins: a log that is turned goes on in a new file."""
        self._window, self._fed = seal, self._reader.offset
        """The last bytes that it was fed, and where they end."""

    @property
    def offset(self) -> int:
        """Bytes of the file that are consumed."""
        return self._reader.offset - self._base

    @property
    def fed(self) -> int:
        """Bytes of the file that it was given: where the next piece begins."""
        return self._fed - self._base

    @property
    def known(self) -> Known:
        """How to go on from here."""
        return Known(self.offset, self._seal)

    @property
    def mark(self) -> Mark:
        """The same, to be stored."""
        state = {"reader": self._reader.state(), "base": self._base, "seal": self._seal.decode("latin-1")}
        return Mark(self.offset, state)

    @property
    def progress(self) -> Progress | None:
        """How far the run is, where this source tells."""
        return self._reader.progress

    def feed(self, data: bytes, wall: float, *, late: bool = False) -> Sequence[Sample]:
        """The samples that these bytes complete; `late`: they were written long before `wall`, nobody knows when."""
        samples = self._reader.feed(data, wall)
        if late and isinstance(samples, Samples):
            samples = samples.seen_at(wall, None)
        elif late:
            samples = [sample._replace(wall=None) if sample.wall == wall else sample for sample in samples]
        self._window += data
        self._fed += len(data)
        unread = self._fed - self._reader.offset
        self._window = self._window[max(0, len(self._window) - unread - SEAL) :]
        return samples

    def turn(self, wall: float) -> Sequence[Sample]:
        """The file ends here, and a new one goes on; what stands at the end without a newline is a line."""
        samples = self._reader.feed(b"\n", wall) if self._fed > self._reader.offset else []
        self._base, self._window, self._fed = self._reader.offset, b"", self._reader.offset
        return samples

    def finish(self, wall: float) -> Sequence[Sample]:
        """What stands at the end of the file without its end."""
        return self._reader.finish(wall)

    @property
    def _seal(self) -> bytes:
        unread = self._fed - self._reader.offset
        return self._window[: len(self._window) - unread][-SEAL:]


def read_whole(source: str, row: Row, data: bytes, wall: float) -> Sequence[Sample] | None:
    """The samples of a file that is written whole; None where it was caught half-written."""
    reader = new_reader(source, row)
    samples = [*reader.feed(data, wall), *reader.finish(wall)]
    return None if trouble(reader) else samples


def new_reader(source: str, row: Row) -> Reader:
    """A reader of a source from its start; a pattern that it cannot use is left out."""
    try:
        return kind_of(source).reader(row.total, row.pattern)
    except ValueError:  # what loads a spec refuses such a pattern: an older or newer version took it
        return kind_of(source).reader(row.total)


def kind_of(source: str) -> table.Kind:
    """What reads a source."""
    return {LOG: table.LOG, RUNNER: table.USAGE}.get(source) or table.kind(source)


def stamp_of(mark: Mark | None) -> Stamp | None:
    """What a whole file looked like when it was read."""
    stamp: Any = mark.state.get("stamp") if mark is not None else None
    return None if stamp is None else (str(stamp[0]), int(stamp[1]), float(stamp[2]))


def beyond(old: Sequence[Sample], new: Sequence[Sample]) -> Sequence[Sample] | None:
    """What a whole file has gained; None where what it had is not its beginning any more.

    When the samples were seen does not count.
    """
    if len(new) < len(old) or any(not _same(a, b) for a, b in zip(old, new, strict=False)):
        return None
    return new[len(old) :]


def _same(one: Sample, other: Sample) -> bool:
    alike = one.value == other.value or (math.isnan(one.value) and math.isnan(other.value))
    return alike and (one.metric, one.step, one.index) == (other.metric, other.step, other.index)
