"""What a run's series tell when they are worked out: its layers, its time, its way to the end. For threads."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trainboard.events import Sampled
from trainboard.layers import layer_map
from trainboard.progress import estimate
from trainboard.timing import times
from tui.curves import Curves

if TYPE_CHECKING:
    from collections.abc import Mapping

    from trainboard.extract.progress import Progress
    from trainboard.layers import LayerMap
    from trainboard.misbehaving import Behaviour
    from trainboard.progress import Estimate
    from trainboard.rows import Row
    from trainboard.series import Series
    from trainboard.timing import Times


def layers(series: Mapping[str, Series]) -> tuple[LayerMap, Behaviour] | tuple[None, None]:
    """The inside of the network, and what is wrong there."""
    from trainboard.misbehaving import behaviour

    found = layer_map(series)
    return (None, None) if found is None else (found, behaviour(found))


def ahead(series: Mapping[str, Series], row: Row, progress: Progress | None, now: float) -> Estimate | None:
    """The way to the end; where nobody told how far the run is, its samples do."""
    if progress is None:
        known = Curves()
        known.add(Sampled(row.key, (), stored=series))
        progress = known.far(row)
    return estimate(progress, series, row, now)


def time(
    series: Mapping[str, Series], row: Row, progress: Progress | None, now: float
) -> tuple[Times | None, Estimate | None]:
    """Where the time goes, and the way to the end."""
    return times(series, row.started, row.ended or now, row.checkpoints), ahead(series, row, progress, now)
