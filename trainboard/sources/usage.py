"""What a runner measured of its run, as samples: `usage.jsonl` of the attempt directory.

Names begin with `usage/` (see `trainboard.naming.is_usage`): `usage/cpu` (CPUs in use), `usage/memory` (bytes that
cannot be given back) and `usage/memory_limit`, `usage/rss`, `usage/read` and `usage/write` (bytes a second),
`usage/waiting` (processes that wait for a disk), `usage/iowait` (share of the machine's CPU time), `usage/disk_free`,
and of each GPU `usage/gpu0/util` (percent), `usage/gpu0/memory`, `usage/gpu0/power`, … Steps are seconds since the
run began.
"""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any

from trainboard.naming import USAGE
from trainboard.series import Sample
from trainboard.sources.lines import TextLines

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from trainboard.extract.progress import Progress

STATE_VERSION = 1
GPUS = 64
"""GPUs of a record that are read."""
WORDS = 64
"""Values of a record, or of a GPU, that are read."""
SECONDS = "second"
"""What the steps count."""


class UsageReader:
    """Reads usage.jsonl as it grows. Lines that are none of a runner are passed over."""

    def __init__(self, total: Mapping[str, float] | None = None) -> None:
        self._lines = TextLines()

    @property
    def offset(self) -> int:
        """Bytes that are consumed."""
        return self._lines.offset

    @property
    def progress(self) -> Progress | None:
        """A runner does not know how far the training is."""
        return None

    def feed(self, data: bytes, wall: float | None = None) -> list[Sample]:
        """The samples of the records that this chunk completes; their moments are the runner's."""
        return [sample for line in self._lines.feed(data) for sample in _samples(line)]

    def finish(self, wall: float | None = None) -> list[Sample]:
        """The samples of a last record without a newline."""
        return [sample for line in self._lines.finish() for sample in _samples(line)]

    def state(self) -> dict[str, Any]:
        """All that is needed to go on at `offset`."""
        return {"version": STATE_VERSION, "lines": self._lines.state()}

    @classmethod
    def restore(cls, state: Mapping[str, Any], total: Mapping[str, float] | None = None) -> UsageReader:
        """The reader whose `state` this was. Raises ValueError where it is none of this version."""
        reader = cls(total)
        try:
            if state["version"] != STATE_VERSION:
                raise ValueError(f"version {state['version']}")
            reader._lines = TextLines.restore(state["lines"])
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError(f"no state of a reader of usage: {error}") from error
        return reader


def _samples(line: str) -> Iterator[Sample]:
    """Of one record; a torn or foreign one has none."""
    try:
        record = json.loads(line)
    except (ValueError, RecursionError):
        return
    if not isinstance(record, dict):
        return
    wall, seconds = _value(record.pop("time", None)), _value(record.pop("seconds", None))
    if wall is None or seconds is None:
        return
    cards = record.pop("gpus", None)
    for name, value in _values(record):
        yield Sample(USAGE + name, value, seconds, SECONDS, wall)
    for card in cards[:GPUS] if isinstance(cards, list) else ():
        if isinstance(card, dict) and (index := _value(card.pop("index", None))) is not None:
            for name, value in _values(card):
                yield Sample(f"{USAGE}gpu{index:.0f}/{name}", value, seconds, SECONDS, wall)


def _values(record: Mapping[str, Any]) -> Iterator[tuple[str, float]]:
    for name, given in list(record.items())[:WORDS]:
        value = _value(given)
        if value is not None and name.isidentifier() and len(name) < 40:
            yield name, value


def _value(given: object) -> float | None:
    """A finite number; None where it is none."""
    if isinstance(given, bool) or not isinstance(given, int | float):
        return None
    try:
        value = float(given)
    except OverflowError:
        return None
    return value if math.isfinite(value) else None
