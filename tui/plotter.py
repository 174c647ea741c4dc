"""The curves of a recording as one chart; what is the same as the time before is not computed again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tui.chart import Chart, chart
from tui.traces import Snapshot, Trace, trace

if TYPE_CHECKING:
    from collections.abc import Mapping

    from trainboard.series import Series
    from tui.chart import View
    from tui.traces import Ruler

LIGHT = 100_000
"""Samples that are drawn at once on the event loop: it takes ten milliseconds."""


@dataclass(frozen=True, slots=True, eq=False)
class Task:
    """All that a chart is drawn from; may be given to another thread."""

    snapshots: tuple[tuple[int, Snapshot], ...]
    """Each with the number that tells its colour and its letter."""
    ruler: Ruler
    weight: float
    view: View
    width: int
    height: int

    @property
    def light(self) -> bool:
        """Whether it is drawn so soon that nobody notices."""
        return sum(len(each.current[0]) for _, each in self.snapshots) <= LIGHT


@dataclass(frozen=True, slots=True, eq=False)
class Picture:
    """A chart and what is read off it."""

    chart: Chart
    traces: tuple[Trace, ...]
    """Those that have a place on the axis."""
    task: Task


class Plotter:
    """Takes snapshots on the event loop, and makes pictures of them on one thread at a time."""

    def __init__(self) -> None:
        self._snapshots: dict[str, tuple[Series, int, Snapshot]] = {}
        self._traces: dict[str, tuple[Snapshot, tuple[object, ...], Trace | None]] = {}

    def snapshots(self, series: Mapping[str, Series], chosen: Mapping[str, int]) -> tuple[tuple[int, Snapshot], ...]:
        """The chosen metrics, by name with their number, as they are now."""
        known, self._snapshots = self._snapshots, {}
        found = []
        for name, number in chosen.items():
            each = series.get(name)
            if each is None:
                continue
            before = known.get(name)
            same = before is not None and before[0] is each and before[1] == len(each)
            self._snapshots[name] = before if same and before else (each, len(each), Snapshot.of(each))
            found.append((number, self._snapshots[name][2]))
        return tuple(found)

    def draw(self, task: Task) -> Picture:
        """The picture of a task."""
        by, known, self._traces = task.ruler, self._traces, {}
        found = []
        for number, each in task.snapshots:
            way = (number, task.weight, by.along, by.unit, by.start, len(by.walls))
            before = known.get(each.metric)
            if before is None or before[0] is not each or before[1] != way:
                before = each, way, trace(each, by, task.weight, number)
            self._traces[each.metric] = before
            if before[2] is not None:
                found.append(before[2])
        return Picture(chart(found, task.view, task.width, task.height, by.unit), tuple(found), task)
