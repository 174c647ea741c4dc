"""What the readers of files of lines have in common."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, ClassVar, Self

from trainboard.sources.lines import TextLines
from trainboard.sources.rows import Rows

if TYPE_CHECKING:
    from collections.abc import Mapping

    from trainboard.extract.progress import Progress
    from trainboard.series import Sample


class TextReader(ABC):
    """Reads a file of lines as it grows."""

    NAME: ClassVar[str]
    """What it is called where a state is none of its own."""
    STATE_VERSION: ClassVar[int]

    def __init__(self, total: Mapping[str, float] | None = None) -> None:
        self._lines = TextLines()
        self._rows = Rows(total)

    @property
    def offset(self) -> int:
        """Bytes that are consumed."""
        return self._lines.offset

    @property
    def progress(self) -> Progress | None:
        """How far the run is, by the spec's total and the newest line."""
        return self._rows.progress

    @property
    def trouble(self) -> str | None:
        """What is wrong with the file, for people."""
        return self._lines.trouble

    def feed(self, data: bytes, wall: float | None = None) -> list[Sample]:
        """The samples of the lines that this chunk completes."""
        return self._read(self._lines.feed(data), wall)

    def finish(self, wall: float | None = None) -> list[Sample]:
        """The samples of a last line without a newline."""
        return self._read(self._lines.finish(), wall)

    def state(self) -> dict[str, Any]:
        """All that is needed to go on at `offset`."""
        return {"version": self.STATE_VERSION, "lines": self._lines.state(), "rows": self._rows.state()}

    @classmethod
    def restore(cls, state: Mapping[str, Any], total: Mapping[str, float] | None = None) -> Self:
        """The reader whose `state` this was. Raises ValueError where it is none of this version."""
        reader = cls(total)
        try:
            if state["version"] != cls.STATE_VERSION:
                raise ValueError(f"version {state['version']}")
            reader._take_up(state)
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError(f"no state of a {cls.NAME}: {error}") from error
        return reader

    def _take_up(self, state: Mapping[str, Any]) -> None:
        """Go on from a state. Raises KeyError, TypeError or ValueError where it is none."""
        self._lines = TextLines.restore(state["lines"])
        self._rows.restore(state["rows"])

    @abstractmethod
    def _read(self, lines: list[str], wall: float | None) -> list[Sample]:
        """The samples of these lines."""
