"""Where a run's time goes, and how long it still takes."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from tui import show
from tui.keys import bindings
from tui.widgets.lines import Lines

if TYPE_CHECKING:
    from collections.abc import Iterator

    from textual.strip import Strip

    from trainboard.progress import Estimate
    from trainboard.timing import StepTimes, Times
    from tui.widgets.lines import Piece

NAMES = 11
"""Cells of what stands before a line's figures."""

LATE = 10
"""The throughput of late is that of the last tenth."""

DAY = 20 * 3600.0
"""Seconds from which on a moment is told with its day."""

YEAR, CENTURY = 365 * 86400.0, 36525 * 86400.0
"""The same for its year; and beyond what nothing is worth telling."""

VERDICTS: dict[bool | None, Piece] = {
    True: ("it will be done before", "good"),
    False: ("it will NOT be done by then", "bad"),
    None: ("it may not be done by then", "waiting"),
}
UNKNOWN: Piece = ("nobody knows how long it takes", "dim")

Said = tuple["Piece", ...]


class TimeView(Lines):
    """Progress, the parts of the time as bars, throughput over time, the distribution of step times, slow periods."""

    DEFAULT_CSS = """
    TimeView { height: 1fr; }
    """
    BINDINGS = bindings("info")
    STAYING = 0

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._shown: tuple[Times | None, Estimate | None, float] = (None, None, 0.0)
        self._lines: list[Said] = []

    def put(self, times: Times | None, estimate: Estimate | None, now: float) -> None:
        """Show these, as they are `now`."""
        self._shown = times, estimate, now
        self._write()

    def on_resize(self) -> None:
        self._write()

    def _write(self) -> None:
        self._lines = list(lines(*self._shown, self.inner_width))
        self.count = len(self._lines)
        self.refresh()

    def render_line(self, y: int) -> Strip:
        place = self.top + y
        return self.line(y, self._lines[place] if place < len(self._lines) else ())


def lines(times: Times | None, estimate: Estimate | None, now: float, width: int) -> Iterator[Said]:
    """All of it, in lines of `width` cells at most where that is not too narrow for their figures."""
    if estimate is not None:
        yield from progress_lines(estimate, now, width)
        yield ()
    if times is None:
        yield (("  No times: they come from lines that tell them, or that are read as they are printed.", "dim"),)
        return
    yield from part_lines(times, width)
    yield ()
    if times.throughput:
        rates = [rate for _, rate in times.throughput]
        unit = show.clean(times.unit, 20)
        late = rates[-max(1, len(rates) // LATE) :]  # so many that a pause at the end does not make it none
        newest = f"{show.number(sum(late) / len(late))} {unit if '/' in unit else unit + '/s'}"
        yield named(
            "throughput", (newest, "strong"), (f" of late, {show.number(sum(rates) / len(rates))} mean", "plain")
        )
        yield named("", (show.spark(rates, width - NAMES - 3), "curve"))
    if times.steps is not None:
        yield from step_lines(times.steps, width)
    for number, each in enumerate(times.slow):
        period = f"{moment(each.start, now)} – {moment(each.end, now)}"
        took = f"  {show.duration(each.end - each.start)} at {each.factor:.1f} × the usual step time"
        yield named("" if number else "slow", (period, "strong"), (took, "plain"))


def progress_lines(estimate: Estimate, now: float, width: int) -> Iterator[Said]:
    """How far it is, when it will be done, and what would be lost if it ended now."""
    if estimate.done is not None and estimate.total is not None and estimate.share is not None:
        text = f"{show.clean(estimate.unit, 20)} {estimate.done:g} of {estimate.total:g}  {estimate.share:.0%}  "
        bar = show.bar(estimate.share, min(40, max(0, width - NAMES - 3 - len(text))))
        yield named("progress", (text, "strong"), (bar, "curve"))
    if estimate.stalled is not None:
        yield named("left", (f"it has said nothing for {show.duration(estimate.stalled)}: it seems to hang", "bad"))
    elif estimate.eta is not None:
        interval = f"  nine times in ten {show.duration(estimate.eta_low)} to {show.duration(estimate.eta_high)}"
        end = f", about {moment(now + estimate.eta, now)}"
        yield named("left", (show.duration(estimate.eta), "strong"), (f"{end}{interval}", "plain"))
    if estimate.limit is not None:
        left = f"{moment(estimate.limit, now)}, in {show.duration(max(0.0, estimate.limit - now))}: "
        said = VERDICTS[estimate.in_time] if estimate.eta is not None else UNKNOWN
        yield named("time limit", (left, "plain"), said)
    if estimate.checkpoint is not None:
        ago = f"{show.duration(max(0.0, now - estimate.checkpoint))} ago"
        yield named("checkpoint", (ago, "strong"), (f", {moment(estimate.checkpoint, now)}", "plain"))
    if estimate.improved is not None:
        step, when = estimate.improved
        ago = f", {show.duration(max(0.0, now - when))} ago" if when == when else ""
        yield named("best", (f"at {step:g}", "strong"), (ago, "plain"))


def part_lines(times: Times, width: int) -> Iterator[Said]:
    """What the time went to, a bar each; `~` where it is inferred."""
    room = max(0, min(40, width - NAMES - 18))
    yield named("time", (span(times.total), "strong"), ("   ~ inferred from when lines came", "dim"))
    for name, part in times.parts.items():
        share = part.seconds / times.total if times.total > 0 else 0.0
        sign = " " if part.measured else "~"
        figures = f"{sign}{show.pad_left(span(part.seconds), 6)} {share:>5.0%} "
        yield named(name, (figures, "plain"), ("━" * round(share * room), "curve"))


def step_lines(steps: StepTimes, width: int) -> Iterator[Said]:
    """The distribution of step times."""
    unit = show.clean(steps.unit, 20) or "line"
    figures = f"median {span(steps.p50)}  p90 {span(steps.p90)}  p99 {span(steps.p99)}"
    mean = f"  each the mean of {steps.per:g}" if steps.per > 1 else ""
    yield named(f"{unit} time"[:NAMES], (figures, "strong"), (mean, "dim"))
    low, high = span(steps.edges[0]), span(steps.edges[-1])
    blocks = "".join(block(count, max(steps.counts)) for count in steps.counts)
    yield named("", (f"{low} ", "dim"), (blocks, "curve"), (f" {high}", "dim"))


def block(count: float, most: float) -> str:
    """A column of the histogram; what is there at all is seen."""
    return show.BLOCKS[min(7, int(count / most * 8))] if count > 0 else " "


def named(name: str, *pieces: Piece) -> Said:
    """A line with its name before it."""
    return (f" {name:>{NAMES}}  ", "dim"), *pieces


def span(seconds: float) -> str:
    """A duration, short ones too: `12ms`, `0.35s`, `4.2s`, `3m07`."""
    if seconds < 0.0995:
        return f"{seconds * 1000:.3g}ms"
    return f"{seconds:.2g}s" if seconds < 9.95 else show.duration(seconds)


def moment(at: float, now: float) -> str:
    """A time of day, with its day where it is not near, and its year where it is far; `–` for what is no time."""
    if not abs(at - now) < CENTURY:
        return "–"
    form = "%H:%M" if abs(at - now) < DAY else "%a %d %b %H:%M" if abs(at - now) < YEAR else "%d %b %Y"
    return time.strftime(form, time.localtime(at))
