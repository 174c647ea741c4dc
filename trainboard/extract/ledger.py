"""Which metrics a log has: two kinds of line that print one name are kept apart, and ranks are not doubled."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from trainboard.extract.unison import Unison

if TYPE_CHECKING:
    from collections.abc import Mapping

METRIC_CAP = 2048
"""Metrics of one log; names beyond are not taken up, so that memory is bounded whatever is printed."""
KINDS_CAP = 6
"""Kinds of line with one name that are told apart; what is beyond goes to the last."""
COUNTED = -1
"""In place of a serial: this metric's samples are counted."""
REPEATS_CAP = 1
"""So often one index may be borrowed again, as by the validation after the last epoch's."""
UNISONS_CAP = 1024
"""Sets of metrics that are remembered as such."""


class Channel:
    """What is remembered of one metric between its samples. Whoever reads or changes it calls `settle` first."""

    __slots__ = ("count", "doubled", "last", "metric", "rank", "repeats", "serial", "unison")

    def __init__(self, metric: str) -> None:
        self.metric = metric
        self.count = 0
        """Its samples so far."""
        self.serial = 0
        """Of the index that the last of them borrowed."""
        self.repeats = 0
        """How often that index was borrowed before."""
        self.rank: int | None = None
        """Whose lines are taken, where lines tell the rank that printed them."""
        self.last: float | None = None
        """The step that the last sample's own line told."""

        self.doubled = False
        """The first step came again at once."""
        self.unison: Unison | None = None
        """Where all this stands now; None where it stands here."""

    def settle(self) -> None:
        """Take back what a unison remembers of it."""
        if self.unison is not None:
            self.unison.settle()

    @property
    def is_doubled(self) -> bool:
        """Whether a step that comes again was printed by another rank: then the first one came again, as all do."""
        self.doubled = self.doubled or self.count == 1
        return self.doubled

    def hears(self, rank: int) -> bool:
        """Whether the lines of this rank are taken: only those of the first that is heard."""
        if self.rank is None:
            self.rank = rank
        return self.rank == rank

    def state(self) -> list[Any]:
        """As JSON can hold it."""
        self.settle()
        return [self.count, self.serial, self.repeats, self.rank, self.last, self.doubled]

    def restore(self, state: list[Any]) -> None:
        """Go on where `state` was taken. Raises TypeError or ValueError."""
        count, serial, repeats, rank, last, doubled = state
        self.doubled = bool(doubled)
        self.count, self.serial, self.repeats = int(count), int(serial), int(repeats)
        self.rank = None if rank is None else int(rank)
        self.last = None if last is None else float(last)


class Ledger:
    """The metrics of one log, by the name that is printed and the kind of line that prints it."""

    def __init__(self) -> None:
        self._metrics: dict[str, dict[str, str]] = {}
        """By printed name: by kind of line, the metric."""
        self._channels: dict[str, Channel] = {}
        self._unisons: dict[tuple[bool, tuple[str, ...]], Unison] = {}

    def channel(self, name: str, tag: str, word: str) -> Channel | None:
        """The channel for a name that a kind of line prints; None where there are too many metrics.

        The first kind of line with a name has the name for its own; others are told by a word in brackets.
        """
        kinds = self._metrics.get(name)
        if kinds is None:
            if len(self._channels) >= METRIC_CAP:
                return None
            kinds = self._metrics[name] = {}
        if tag not in kinds:
            if len(kinds) >= KINDS_CAP or len(self._channels) >= METRIC_CAP:
                return self._settled(next(reversed(kinds.values()))) if kinds else None
            kinds[tag] = self._free(name, word)
        return self._settled(kinds[tag])

    def unison(self, channels: tuple[Channel, ...], bare: bool) -> Unison | None:
        """What fills these channels together, from lines without an index (`bare`) or with one.

        None where one of them is there twice.
        """
        metrics = tuple(channel.metric for channel in channels)
        if len(set(metrics)) < len(metrics) or not metrics:
            return None
        found = self._unisons.get((bare, metrics))
        if found is None:
            if len(self._unisons) >= UNISONS_CAP:
                self._unisons.clear()
            found = self._unisons[bare, metrics] = Unison(channels, bare)
        return found

    @property
    def is_empty(self) -> bool:
        """Whether nothing was measured yet."""
        return not self._channels

    def state(self) -> dict[str, Any]:
        """As JSON can hold it."""
        channels = {metric: channel.state() for metric, channel in self._channels.items()}
        return {"metrics": self._metrics, "channels": channels}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on where `state` was taken. Raises KeyError, TypeError, ValueError or AttributeError."""
        self._metrics = {
            str(name): {str(tag): str(metric) for tag, metric in kinds.items()}
            for name, kinds in dict(state["metrics"]).items()
        }
        for metric, kept in dict(state["channels"]).items():
            channel = self._channels[str(metric)] = Channel(str(metric))
            channel.restore(kept)

    def _settled(self, metric: str) -> Channel:
        channel = self._channels.get(metric) or self._channels.setdefault(metric, Channel(metric))
        channel.settle()
        return channel

    def _free(self, name: str, word: str) -> str:
        if name not in self._channels:
            return name
        named = (f"{name} [{word}]", *(f"{name} [{word} {number}]" for number in range(2, KINDS_CAP + 2)))
        return next(metric for metric in named if metric not in self._channels)
