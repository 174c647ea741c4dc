"""One metric of several runs as one chart: each run has its own start, and its own way from steps to epochs."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from tui.chart import chart
from tui.plotter import Picture, Plotter, Task
from tui.traces import Ruler, Snapshot, Trace, ruler, trace

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from trainboard.series import Series
    from tui.scale import Along


LIGHT = 50_000
"""Samples that are drawn at once on the event loop: it takes ten milliseconds."""


@dataclass(frozen=True, slots=True)
class Runner:
    """A run whose curve is wanted."""

    key: str
    number: int
    """What tells its letter and its colour."""
    series: Mapping[str, Series]
    """All its metrics: they tell how its steps, epochs and times belong together."""
    started: float | None = None


@dataclass(frozen=True, slots=True)
class Lane:
    """A run's curve before it is drawn; may be given to another thread."""

    key: str
    number: int
    snapshot: Snapshot
    ruler: Ruler


@dataclass(frozen=True, slots=True)
class Race(Task):
    """All that the chart is drawn from."""

    lanes: tuple[Lane, ...] = ()

    @property
    def light(self) -> bool:
        """Whether it is drawn so soon that nobody notices."""
        return sum(len(each.snapshot.current[0]) for each in self.lanes) <= LIGHT


class Overlay(Plotter):
    """Takes snapshots on the event loop, and makes pictures of them on one thread at a time."""

    def __init__(self) -> None:
        super().__init__()
        self._lanes: dict[str, tuple[tuple[object, ...], Lane]] = {}
        """By run, with what it was made of."""
        self._drawn: dict[str, tuple[Lane, float, Trace | None]] = {}

    def lanes(self, runners: Sequence[Runner], metric: str, along: Along) -> tuple[Lane, ...]:
        """The curves of these runs as they are now; of one that is as it was, the same object as before."""
        known, self._lanes = self._lanes, {}
        for runner in runners:
            series = runner.series.get(metric)
            if series is None:
                continue
            made_of = (series, sum(map(len, runner.series.values())), along, runner.number, runner.started)
            before = known.get(runner.key)
            if before is None or before[0] != made_of:
                by = ruler(runner.series, along, runner.started)
                before = made_of, Lane(runner.key, runner.number, Snapshot.of(series), by)
            self._lanes[runner.key] = before
        return tuple(lane for _, lane in self._lanes.values())

    def draw(self, task: Task) -> Picture:
        """The picture of a race."""
        known, self._drawn = self._drawn, {}
        found = []
        for lane in task.lanes if isinstance(task, Race) else ():
            before = known.get(lane.key)
            if before is None or before[0] is not lane or before[1] != task.weight:
                made = trace(lane.snapshot, lane.ruler, task.weight, lane.number)
                before = lane, task.weight, None if made is None else replace(made, metric=lane.key)
            self._drawn[lane.key] = before
            if before[2] is not None:
                found.append(before[2])
        return Picture(chart(found, task.view, task.width, task.height, task.ruler.unit), tuple(found), task)
