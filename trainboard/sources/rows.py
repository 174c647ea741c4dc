"""Rows of a table, one after the other, to samples: which index they have, and which metrics are whose."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

from trainboard.extract.names import fold
from trainboard.extract.progress import Progress
from trainboard.series import Sample
from trainboard.sources.columns import EPOCHS, WITHIN

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

METRIC_CAP = 8192
"""Metrics of one file; names beyond are not taken up, so that memory is bounded whatever it holds."""
TRAINING = ("", "train", "training", "fit")
LATE = 10
"""Steps that a file must have come to before a step far below is taken for another counter's."""
OTHER = "other"
"""The kind of rows that a file does not name, and that count for themselves."""


class Index(NamedTuple):
    """One index of a row."""

    word: str
    value: float


class _Metric:
    """What is known of one metric: the kind of row that it is of, and how many of its samples were counted."""

    __slots__ = ("aside", "counted", "kind", "name")

    def __init__(self, name: str, kind: str, counted: int = 0, aside: bool = False) -> None:
        self.name = name
        """As its samples are called."""
        self.kind = kind
        self.counted = counted
        self.aside = aside
        """Its rows have a counter of their own: its samples are counted."""


class Rows:
    """Turns rows into samples. `total` is the spec's length of a run, as `{"epochs": 50}`."""

    def __init__(self, total: Mapping[str, float] | None = None) -> None:
        self._total = dict(total or {})
        self._metrics: dict[str, _Metric] = {}
        self._asides = False
        """Whether any of them has a counter of its own."""
        self._at: dict[str, float] = {}
        """By index word: the newest value."""
        self._last: Index | None = None
        """Where the file has come to: rows without an index belong there."""
        self._epoch_length: float | None = None
        """Of a count within the epoch: known once it began anew."""
        self._first_epoch = 0.0
        self._from_zero = False

    def take(
        self, values: Sequence[tuple[str, float]], indexes: Sequence[Index], wall: float | None, kind: str = ""
    ) -> list[Sample]:
        """The samples of one row. `indexes`: those that it has, the likeliest first; `kind`: train, val, …"""
        index = self._index(indexes, kind) if indexes else self._last
        if index is None:
            return self._counted(values, wall, kind)
        if self._is_aside(index, values):
            return self._counted(values, wall, kind or OTHER, aside=True)
        self._last = index
        word, step = index
        kind = "" if kind in TRAINING else kind
        metrics = self._metrics
        samples = []
        for name, value in values:
            metric = metrics.get(name)
            if metric is None or metric.kind != kind:
                metric = self._metric(name, kind)
            if metric is not None:
                samples.append(Sample(metric.name, value, step, word, wall))
        return samples

    @property
    def progress(self) -> Progress | None:
        """How far the run is, by the spec's total."""
        for unit, total in self._total.items():
            word = fold(unit)
            epochs = word in EPOCHS
            found = next((at for name, at in self._at.items() if (name in EPOCHS) == epochs), None)
            if found is not None and total > 0:
                whole = epochs and self._from_zero and len(self._at) == 1
                return Progress(min(found + whole, total), total, word.removesuffix("s"))
        return None

    def state(self) -> dict[str, Any]:
        """As JSON can hold it."""
        return {
            "metrics": {name: [known.kind, known.counted, known.aside] for name, known in self._metrics.items()},
            "at": self._at,
            "last": self._last,
            "epoch": [self._first_epoch, self._epoch_length, self._from_zero],
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on where `state` was taken. Raises KeyError, TypeError or ValueError where it is no such state."""
        self._metrics = {
            str(name): _Metric(str(name), str(kind), int(counted), bool(aside))
            for name, (kind, counted, aside) in dict(state["metrics"]).items()
        }
        self._asides = any(metric.aside for metric in self._metrics.values())
        self._at = {str(word): float(value) for word, value in dict(state["at"]).items()}
        last = state["last"]
        self._last = None if last is None else Index(str(last[0]), float(last[1]))
        first, length, from_zero = state["epoch"]
        self._first_epoch, self._from_zero = float(first), bool(from_zero)
        self._epoch_length = None if length is None else float(length)

    def _index(self, indexes: Sequence[Index], kind: str) -> Index:
        """The index of a row, where counts within an epoch go on with the next."""
        chosen = indexes[0]
        # The last one, if any: steps come first.
        epoch = indexes[-1].value if indexes[-1].word in EPOCHS else None
        if epoch is not None and "epoch" not in self._at:
            self._first_epoch, self._from_zero = epoch, epoch == 0
        if epoch is not None and chosen.word in WITHIN:
            if kind not in TRAINING:
                return Index("epoch", epoch)
            chosen = self._through(chosen, epoch)
        else:
            self._at[chosen.word] = chosen.value
        if epoch is not None:
            self._at["epoch"] = epoch
        return chosen

    def _through(self, count: Index, epoch: float) -> Index:
        """A count that may begin anew with each epoch, as one that goes through all of them."""
        before = self._at.get(count.word, -math.inf)
        if self._epoch_length is None and count.value < before and epoch > self._at.get("epoch", epoch):
            self._epoch_length = before
        self._at[count.word] = count.value
        passed = (epoch - self._first_epoch) * (self._epoch_length or 0.0)
        return Index(count.word, passed + count.value)

    def _is_aside(self, index: Index, values: Sequence[tuple[str, float]]) -> bool:
        """Whether a row's index is a counter of its own, as of validation batches that are counted anew each time.

        It is where metrics begin far behind what the file has come to; a resume brings the old metrics back.
        """
        late = self._last is not None and self._last.word == index.word and self._last.value >= LATE
        if late and self._last is not None and index.value < self._last.value / 2:
            return any(name not in self._metrics or self._metrics[name].aside for name, _ in values)
        return self._asides and any(name in self._metrics and self._metrics[name].aside for name, _ in values)

    def _metric(self, name: str, kind: str) -> _Metric | None:
        """What is known of a metric in a kind of row; None for a new one where there are too many."""
        known = self._metrics.get(name)
        if kind in TRAINING:
            kind = ""
        if known is not None and known.kind == kind:
            return known
        if known is not None:
            name = f"{name} [{kind or 'train'}]"
            known = self._metrics.get(name)
        if known is None and len(self._metrics) < METRIC_CAP:
            known = self._metrics[name] = _Metric(name, kind)
        return known

    def _counted(
        self, values: Sequence[tuple[str, float]], wall: float | None, kind: str, aside: bool = False
    ) -> list[Sample]:
        samples = []
        self._asides = self._asides or aside
        for name, value in values:
            metric = self._metric(name, kind)
            if metric is not None:
                metric.aside = metric.aside or aside
                samples.append(Sample(metric.name, value, float(metric.counted), "", wall))
                metric.counted += 1
        return samples
