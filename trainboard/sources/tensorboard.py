"""TensorBoard event files: scalars, and histograms and tensors as what can be drawn of them over the steps."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from trainboard.extract.names import fold
from trainboard.extract.progress import Progress
from trainboard.series import Sample
from trainboard.sources import tensors
from trainboard.sources.columns import EPOCHS, column
from trainboard.sources.tfrecords import Records

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tensorboardX.proto.event_pb2 import Event
    from tensorboardX.proto.summary_pb2 import Summary


STATE_VERSION = 1
TAG_CAP = 8192
"""Tags of one file; those beyond are not taken up, so that memory is bounded whatever it holds."""
NONE = "none"
"""The plugin of the tags beyond."""
DRAWN = ("", "scalars", "histograms", "custom_scalars_value")
"""Plugins whose values are measurements; text, pictures, PR curves, meshes and hyperparameters are not."""


class EventReader:
    """Reads an event file as it grows. The first `feed` imports protocol buffers: 0.3 s, not on an event loop."""

    def __init__(self, total: Mapping[str, float] | None = None) -> None:
        self._total = dict(total or {})
        self._records = Records()
        self._plugins: dict[str, str] = {}
        """By tag: only its first value tells."""
        self._at: dict[str, float] = {}
        """The newest step, and the newest epoch where the file has one among its scalars."""
        self._alien = 0
        """Records that are no events."""

    @property
    def offset(self) -> int:
        """Bytes that are consumed."""
        return self._records.offset

    @property
    def progress(self) -> Progress | None:
        """How far the run is, by the spec's total."""
        for unit, total in self._total.items():
            word = "epoch" if fold(unit) in EPOCHS else "step"
            if word in self._at and total > 0:
                return Progress(min(self._at[word], total), total, word)
        return None

    @property
    def trouble(self) -> str | None:
        """What was passed over, for people."""
        bad = self._records.damaged + self._alien
        return f"{bad} damaged {'record was' if bad == 1 else 'records were'} passed over" if bad else None

    def feed(self, data: bytes, wall: float | None = None) -> list[Sample]:
        """The samples of the events that this chunk completes, with the times that the file tells."""
        records = self._records.feed(data)
        if not records:
            return []
        from google.protobuf.message import DecodeError
        from tensorboardX.proto.event_pb2 import Event

        samples: list[Sample] = []
        for record in records:
            try:
                samples += self._samples(Event.FromString(record))
            except DecodeError:
                self._alien += 1
        return samples

    def finish(self, wall: float | None = None) -> list[Sample]:
        """Nothing: a record that is cut tells nothing."""
        return []

    def state(self) -> dict[str, Any]:
        """All that is needed to go on at `offset`."""
        return {
            "version": STATE_VERSION,
            "records": self._records.state(),
            "plugins": self._plugins,
            "at": self._at,
            "alien": self._alien,
        }

    @classmethod
    def restore(cls, state: Mapping[str, Any], total: Mapping[str, float] | None = None) -> EventReader:
        """The reader whose `state` this was. Raises ValueError where it is none of this version."""
        reader = cls(total)
        try:
            if state["version"] != STATE_VERSION:
                raise ValueError(f"version {state['version']}")
            reader._records = Records.restore(state["records"])
            reader._plugins = {str(tag): str(plugin) for tag, plugin in dict(state["plugins"]).items()}
            reader._at = {str(word): float(value) for word, value in dict(state["at"]).items()}
            reader._alien = int(state["alien"])
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError(f"no state of a reader of event files: {error}") from error
        return reader

    def _samples(self, event: Event) -> Iterator[Sample]:
        wall, step = event.wall_time or None, float(event.step)
        for value in event.summary.value:
            tag = value.tag or value.node_name
            plugin = self._plugins.get(tag)
            if plugin is None:
                plugin = self._learn(tag, value.metadata.plugin_data.plugin_name)
            if plugin not in DRAWN:
                continue
            self._at["step"] = step
            numbers = _numbers(plugin, value)
            if column(tag).word in EPOCHS:
                self._at["epoch"] = numbers.get("", 0.0)
                continue
            for part, number in numbers.items():
                yield Sample(f"{tag}/{part}" if part else tag, number, step, "step", wall)

    def _learn(self, tag: str, plugin: str) -> str:
        """The plugin of a tag that is new."""
        if len(self._plugins) >= TAG_CAP:
            return NONE
        self._plugins[tag] = plugin
        return plugin


def _numbers(plugin: str, value: Summary.Value) -> dict[str, float]:
    """What one value of a summary says: its number under the empty name, or several of a histogram or a tensor."""
    kind = value.WhichOneof("value")
    if kind == "simple_value":
        return {"": value.simple_value}
    if kind == "histo":
        return tensors.of_histogram(value.histo)
    numbers = tensors.array(value.tensor) if kind == "tensor" else None
    if numbers is None or not numbers.size:
        return {}
    if plugin == "histograms":
        return tensors.of_buckets(numbers)
    return {"": float(numbers[0])} if numbers.size == 1 else tensors.of_values(numbers)
