"""What the resources pane says: use in short, what to ask for, curves over time, and where findings are. Pure."""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING

import numpy as np

from trainboard.naming import USAGE
from tui import show
from tui.inbox import sign_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from backends.jobuse import NodeGpu
    from trainboard.records import Diagnosed
    from trainboard.series import Series
    from trainboard.use.advice import Advice
    from trainboard.use.measured import Use
    from trainboard.use.totals import Totals
    from trainboard.use.uses import Used
    from tui.widgets.lines import Piece

NAMES = 11
"""Cells of what stands before a line."""

FIGURES = 38
"""Cells that a line's figures may take beside its curve."""

SHORTEST, LONGEST = 12, 100
"""Cells of a curve."""

_GPU = re.compile(r"usage/gpu(\d+)/util")

Said = tuple["Piece", ...]


def lines(
    used: Used | None,
    usage: Mapping[str, Series],
    found: Sequence[Diagnosed],
    width: int,
    totals: tuple[str, Totals] | None = None,
    gpus: Sequence[NodeGpu] | None = None,
) -> Iterator[Said]:
    """All of it, in lines of `width` cells. `totals`: of the experiment of this name; `gpus`: as their nodes told."""
    if totals is not None:
        yield from wrapped("in all", total_words(*totals), width)
    if used is None:
        yield (("  reading what it uses …", "dim"),)
        return
    yield from wrapped("used", use_words(used.use), width)
    yield from wrapped("next time", advice_words(used.advice), width)
    if used.trouble:
        yield from wrapped("not told", [used.trouble], width, "waiting")
    for each in gpus or ():
        yield named(f"GPU {each.index}"[:NAMES], *node_gpu(each))
    yield from curves(used.use, usage, found, width)


def named(name: str, *pieces: Piece) -> Said:
    """A line with its name before it."""
    return (f" {name:>{NAMES}}  ", "dim"), *pieces


def wrapped(name: str, words: Sequence[str], width: int, tone: str = "plain") -> Iterator[Said]:
    """Words with dots between them, over as many lines as they need."""
    room = max(20, width - NAMES - 3)
    text = show.clean(" · ".join(words), 2000)
    for number, part in enumerate(show.wrapped(text, room) if words else ()):
        yield named("" if number else name, (part, tone))


def use_words(use: Use) -> list[str]:
    """Efficiency, as `seff` computes it, and what goes beside it."""
    found = []
    if use.cpu_efficiency is not None:
        found.append(f"CPU {use.cpu_efficiency:.0%} of {use.cpus:g}")
    elif use.cpu is not None and use.seconds:
        found.append(f"CPU {use.cpu / use.seconds:.2g} on average")
    if use.memory is not None:
        share = (
            "" if use.memory_efficiency is None else f"{use.memory_efficiency:.0%} of {show.size(use.memory_asked)}, "
        )
        found.append(f"memory {share}{show.size(use.memory)} at most")
    found += gpu_words(use)
    if use.seconds is not None:
        of = "" if use.time_share is None else f", {use.time_share:.0%} of {show.duration(use.time_limit)}"
        found.append(f"time {show.duration(use.seconds)}{of}")
    if use.queued is not None:
        found.append(f"queued {show.duration(use.queued)}")
    if use.read is not None or use.written is not None:
        found.append(f"read {show.size(use.read)}, written {show.size(use.written)}")
    if use.nodes > 1:
        found.append(f"{use.nodes} nodes" + (", curves of the first" if use.source.startswith("runner") else ""))
    return found or ["nobody has measured it"]


def gpu_words(use: Use) -> Iterator[str]:
    """Of its GPUs."""
    if use.gpu_use is not None:
        yield f"GPU {use.gpu_use:.0f}% of {show.count(max(1, use.gpus), 'GPU')}"
    if use.gpu_memory is not None:
        limit = use.gpu_memory_asked or use.gpu_memory_total
        of = "" if use.gpu_memory_efficiency is None else f", {use.gpu_memory_efficiency:.0%} of {show.size(limit)}"
        yield f"GPU memory {show.size(use.gpu_memory)}{of}"
    if use.idle_gpus:
        yield f"GPU {', '.join(map(str, use.idle_gpus))} did nothing"


def advice_words(advice: Sequence[Advice]) -> list[str]:
    """What to ask for, and what that rests on."""
    if not advice:
        return []
    runs = max(each.runs for each in advice)
    words = [each.words() for each in advice if each.changes or each.more]
    fits = [each.key for each in advice if not (each.changes or each.more)]
    if fits:
        words.append(f"{', '.join(fits)} as now")
    return [*words, f"by {show.count(runs, 'attempt')}"]


def total_words(name: str, totals: Totals) -> list[str]:
    """What an experiment took."""
    words = [name, f"{show.count(totals.runs, 'run')}, {show.count(totals.attempts, 'attempt')}"]
    if totals.gpu_hours:
        words.append(f"{hours(totals.gpu_hours)} GPU-hours")
        words.append(f"{hours(totals.gpu_hours_after_best)} of them after the best value")
        words.append(f"{hours(totals.gpu_hours_unfinished)} in attempts that did not complete")
    else:
        words.append(f"{hours(totals.hours)} hours")
    words.append(f"{hours(totals.queued_hours)} hours queued")
    if totals.cpu_hours:
        words.append(f"{hours(totals.cpu_hours)} CPU-hours")
    return words


def hours(count: float) -> str:
    """A number of hours."""
    return f"{count:.3g}" if count < 1000 else f"{count:.0f}"


def node_gpu(gpu: NodeGpu) -> Said:
    """A GPU as its node told it just now."""
    use = "–" if gpu.use is None else f"{gpu.use:.0f}%"
    memory = f"  {show.size(gpu.memory)} of {show.size(gpu.memory_total)}"
    return (use, "strong"), (f"{memory}  on {show.clean(gpu.node, 40)}, just now", "plain")


# Curves over time.


def curves(use: Use, usage: Mapping[str, Series], found: Sequence[Diagnosed], width: int) -> Iterator[Said]:
    """A line for each thing that was measured, all on the same axis: time since the attempt began."""
    span = max((float(np.nanmax(steps_of(each))) for each in usage.values() if len(steps_of(each))), default=0.0)
    if span <= 0:
        return
    room = max(SHORTEST, min(LONGEST, width - NAMES - 4 - FIGURES))
    yield from measured(MACHINE, use, usage, span, room)
    for index in sorted(int(each[1]) for name in usage if (each := _GPU.fullmatch(name))):
        yield gpu(index, usage, span, room)
    yield from measured(DISKS, use, usage, span, room)
    first = next(each for each in usage.values() if len(each) > each.newest)
    begun = float(first.walls[first.newest] - first.steps[first.newest])
    yield named("", (f"0{show.duration(span):>{max(1, room - 1)}}", "dim"), (f"  since {moment(begun)}", "dim"))
    yield from marks(found, begun, span, room)


def limit_of(name: str, use: Use, usage: Mapping[str, Series]) -> float | None:
    """What there may be of something, or is."""
    match name:
        case "cpu":
            return use.cpus or top(usage, "cpus")
        case "memory":
            return use.memory_asked or top(usage, "memory_limit")
        case "disk_free":
            return top(usage, "disk_total")
    return 1.0 if name == "iowait" else None


def measured(
    kinds: Sequence[tuple[str, str, Callable[[float], str]]],
    use: Use,
    usage: Mapping[str, Series],
    span: float,
    room: int,
) -> Iterator[Said]:
    """A line for each of these that was measured: the curve, the newest, the peak, the limit."""
    for name, label, word in kinds:
        limit = limit_of(name, use, usage)
        series = usage.get(f"{USAGE}{name}")
        if series is None or len(series) <= series.newest:
            continue
        values = series.values[series.newest :]
        if name == "iowait" and float(np.nanmax(values)) < WAITS:
            continue
        peak = float(np.nanmin(values)) if name == "disk_free" else float(np.nanmax(values))
        of = f"  of {word(limit)}" if limit and name != "iowait" else ""
        figures = f"{word(float(values[-1])):>6}  {'least' if name == 'disk_free' else 'peak'} {word(peak)}{of}"
        tone = "bad" if limit and name in ("memory",) and peak >= NEAR * limit else "plain"
        yield named(label, (drawn(series, span, room, limit or peak), "curve"), (f"  {figures}", tone))


WAITS = 0.05
"""Of the machine's time, from which on waiting for disks is worth a line."""

GAP = 3.0
"""So many times the usual time between two samples is a gap."""

NEAR = 0.95
"""Of what it may have: what comes so near is marked."""


def gpu(index: int, usage: Mapping[str, Series], span: float, room: int) -> Said:
    """One GPU: its use over time, the newest and the mean; its memory, the newest and the most."""
    series = usage[f"{USAGE}gpu{index}/util"]
    values = series.values[series.newest :]
    told = f"{float(values[-1]):>5.0f}%  mean {float(np.nanmean(values)):.0f}%" if len(values) else ""
    memory, total = usage.get(f"{USAGE}gpu{index}/memory"), top(usage, f"gpu{index}/memory_total")
    if memory is not None and len(memory) > memory.newest:
        most = float(np.nanmax(memory.values[memory.newest :]))
        told += f"  peak {show.size(most)}" + (f" of {show.size(total)}" if total else "")
    return named(f"GPU {index}", (drawn(series, span, room, 100.0), "curve"), (f"  {told}", "plain"))


def drawn(series: Series, span: float, width: int, top: float) -> str:
    """A curve over time in `width` cells: of each the largest value, against `top`.

    A sample stands for the time since the one before; blank where nobody measured for long.
    """
    steps, values = steps_of(series), series.values[series.newest :]
    kept = np.isfinite(values) & np.isfinite(steps)
    places = np.clip((steps[kept] / span * width).astype(int), 0, width - 1).tolist()
    peaks = np.full(width, -1.0)
    gaps = np.diff(steps[kept], prepend=0.0)
    usual = float(np.median(gaps)) * GAP if len(gaps) else 0.0
    before = -1
    for place, gap, value in zip(places, gaps.tolist(), values[kept].tolist(), strict=True):
        since = min(before + 1, place) if gap <= usual else place
        peaks[since : place + 1] = np.maximum(peaks[since : place + 1], value)
        before = place
    levels = np.clip(peaks / top * 8, 0, 7).astype(int) if top > 0 else np.zeros(width, int)
    return "".join(" " if peak < 0 else show.BLOCKS[level] for peak, level in zip(peaks, levels, strict=True))


def marks(found: Sequence[Diagnosed], begun: float, span: float, room: int) -> Iterator[Said]:
    """Below the curves, where in time something was found, and what."""
    for each in found:
        at = (each.at if each.at is not None else each.first) - begun
        place = min(room - 1, max(0, int(at / span * room)))
        sign, tone = sign_of(each)
        over = " (over)" if each.over else ""
        yield named("", (" " * place + sign + " " * (room - place - 1), tone), (f"  {each.cause}{over}", tone))


def steps_of(series: Series) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """Seconds since the newest attempt began."""
    return series.steps[series.newest :]


def top(usage: Mapping[str, Series], name: str) -> float | None:
    """The largest value of a series; None where there is none."""
    found = usage.get(f"{USAGE}{name}")
    return found.max if found is not None and len(found) and found.max == found.max else None


def plain(value: float) -> str:
    """A count."""
    return f"{value:.3g}"


def rate(value: float) -> str:
    """Bytes in a second."""
    return f"{show.size(value)}/s"


def share(value: float) -> str:
    """A part of 1."""
    return f"{value:.0%}"


def moment(at: float) -> str:
    """A time of day."""
    return time.strftime("%H:%M", time.localtime(at)) if at > 0 else "–"


MACHINE = (("cpu", "CPUs", plain), ("memory", "memory", show.size))
DISKS = (
    ("read", "disk read", rate),
    ("write", "disk write", rate),
    ("iowait", "disk wait", share),
    ("disk_free", "disk free", show.size),
)
"""What stands above the GPUs and below them: the series, its name on the screen, how its values are told."""
