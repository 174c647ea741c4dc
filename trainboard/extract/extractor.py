"""The extractor: chunks of a log in, samples out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from trainboard.extract.lines import Lines, clean
from trainboard.extract.plan import IDLE, Plan, plan
from trainboard.extract.progress import Position, Progress
from trainboard.extract.shape import Shape, number, splitter
from trainboard.series import Sample

if TYPE_CHECKING:
    from collections.abc import Mapping

STATE_VERSION = 1
PLAN_CAP = 2048
"""Shapes remembered. A log of ever new shapes is text, where forgetting them all costs nothing."""
SHAPE_CAP = 2048
"""Bytes; a longer shape is looked at each time and not remembered."""
METRIC_CAP = 2048
"""Metrics of one log; names beyond are not taken up, so that memory is bounded whatever is printed."""
_COUNTED = -1


class Extractor:
    """Reads one log from its start, or from where `restore` says.

    `total` is the spec's length of a run, as `{"epochs": 50}`. Memory is bounded whatever the log holds.
    """

    def __init__(self, total: Mapping[str, float] | None = None) -> None:
        self._lines = Lines()
        self._position = Position(total)
        self._plans: dict[tuple[bytes, ...], Plan] = {}
        self._tallies: dict[str, list[int]] = {}
        """By metric: its samples so far, and the serial of the index that the last of them borrowed."""

    @property
    def offset(self) -> int:
        """Bytes of the log that are consumed: what comes next must be fed from here after a `restore`."""
        return self._lines.offset

    @property
    def progress(self) -> Progress | None:
        """How far the run is, by what was fed so far."""
        return self._position.progress

    def feed(self, data: bytes, wall: float | None = None) -> list[Sample]:
        """The samples of the lines that this chunk completes; `wall` is when it was seen."""
        samples = self._read(self._lines.feed(data), wall)
        self._look_at(self._lines.bar)
        return samples

    def finish(self, wall: float | None = None) -> list[Sample]:
        """The samples of a last line without a newline. Nothing can be fed after it."""
        return self._read(self._lines.finish(), wall)

    def state(self) -> dict[str, Any]:
        """All that is needed to go on at `offset` later, as JSON can hold it."""
        return {
            "version": STATE_VERSION,
            "offset": self._lines.offset,
            "skipping": self._lines.skipping,
            "position": self._position.state(),
            "tallies": {name: list(tally) for name, tally in self._tallies.items()},
        }

    @classmethod
    def restore(cls, state: Mapping[str, Any], total: Mapping[str, float] | None = None) -> Extractor:
        """The extractor whose `state` this was. Raises ValueError where it is none of this version."""
        extractor = cls(total)
        try:
            if state["version"] != STATE_VERSION:
                raise ValueError(f"version {state['version']}")
            extractor._lines = Lines(int(state["offset"]), bool(state["skipping"]))
            extractor._position.restore(state["position"])
            tallies = dict(state["tallies"])
            extractor._tallies = {str(name): [int(count), int(place)] for name, (count, place) in tallies.items()}
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError(f"no state of an extractor: {error}") from error
        return extractor

    def _read(self, block: bytes, wall: float | None) -> list[Sample]:
        samples: list[Sample] = []
        plans, split = self._plans, splitter(block)
        for line in clean(block):
            parts = split(line)
            if len(parts) == 1:
                continue
            texts = tuple(parts[::2])
            found = plans.get(texts) or self._learn(texts)
            if found is not IDLE:
                self._take(found, parts, wall, samples)
        return samples

    def _take(self, found: Plan, parts: list[bytes], wall: float | None, samples: list[Sample]) -> None:
        position = self._position
        own = (found.epoch or found.counter) and position.see(found, parts)
        if not own and found.fields:
            position.end_epoch()
        for slot, name, scale in found.fields:
            value = number(parts[2 * slot + 1])
            if value is None:
                continue
            tally = self._tallies.get(name) or self._tallies.setdefault(name, [0, 0])
            word, step = position.index if own and position.index else self._borrowed(tally)
            tally[0] += 1
            samples.append(Sample(name, value * scale, step, word, wall))

    def _borrowed(self, tally: list[int]) -> tuple[str, float]:
        """The index of a sample whose line has none.

        It borrows the last one; where that would be given to the same metric twice, it does not tell the samples
        apart, and they are counted.
        """
        index = self._position.index
        if index is None or tally[1] in (_COUNTED, self._position.serial):
            tally[1] = _COUNTED
            return "", float(tally[0])
        tally[1] = self._position.serial
        return index

    def _learn(self, texts: tuple[bytes, ...]) -> Plan:
        found = plan(Shape(texts))
        if len(self._tallies) >= METRIC_CAP:
            found = found._replace(fields=tuple(field for field in found.fields if field.name in self._tallies))
        if sum(map(len, texts)) <= SHAPE_CAP:
            if len(self._plans) >= PLAN_CAP:
                self._plans.clear()
            self._plans[texts] = found
        return found

    def _look_at(self, bar: bytes) -> None:
        """Progress goes on while a bar is being redrawn; its metrics count when its line ends."""
        parts = splitter(bar)(bar) if bar else []
        if len(parts) > 1:
            texts = tuple(parts[::2])
            found = self._plans.get(texts) or self._learn(texts)
            if found.epoch or found.counter:
                self._position.see(found, parts)
