"""What every reader of samples can do, the log's extractor included."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

    from trainboard.extract.progress import Progress
    from trainboard.series import Sample


class Reader(Protocol):
    """Reads one file from its start, or from where its state was taken. Never raises on what a file holds.

    The reader of a file that is rewritten whole (`Kind.whole`) is fed the whole file and finished; when the file has
    changed, a new one is fed. Its samples replace all that the former one gave, unless `trouble` says that the file
    was caught half-written.
    """

    @property
    def offset(self) -> int:
        """Bytes that are consumed: what comes next must be fed from here after a restore."""

    @property
    def progress(self) -> Progress | None:
        """How far the run is, by what was fed so far; None where the file does not tell."""

    def feed(self, data: bytes, wall: float | None = None) -> Sequence[Sample]:
        """The samples that this chunk completes; `wall` is when it was seen."""

    def finish(self, wall: float | None = None) -> Sequence[Sample]:
        """The samples of what stands at the end without its end. Nothing can be fed after it."""

    def state(self) -> dict[str, Any]:
        """All that is needed to go on at `offset` later, as JSON can hold it."""


def trouble(reader: Reader) -> str | None:
    """What is wrong with what a reader was fed, in one sentence for people; None where nothing is."""
    found = getattr(reader, "trouble", None)
    return None if found is None else str(found)
