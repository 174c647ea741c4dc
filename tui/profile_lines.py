"""What the profile screen says, line by line. Pure."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from trainboard.profile.stacks import place_of
from trainboard.profile.traced import hints, seconds
from tui import show

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from backends.base import Result
    from backends.spy import PythonProcess, Sampling, Scene
    from trainboard.profile.hottest import Hot
    from trainboard.profile.keeping import Kept
    from trainboard.profile.stacks import Function
    from trainboard.profile.threads import Standing, Thread
    from trainboard.profile.traced import Operation, Part, Step, Traced
    from tui.widgets.lines import Piece

Lines = list[list["Piece"]]

OWN = "•"


def wanted(sampling: Sampling) -> str:
    """How the next recording will be."""
    flags = {
        "native": sampling.native,
        "GIL only": sampling.gil,
        "idle too": sampling.idle,
        "children": sampling.children,
    }
    return " · ".join([f"{sampling.seconds:g} s", *(word for word, on in flags.items() if on)])


def processes(scene: Scene) -> Lines:
    """The Python processes of a job."""
    return [_process(each) for each in scene.processes]


def _process(each: PythonProcess) -> list[Piece]:
    rank = "" if each.rank is None else str(each.rank)
    return [
        (f" {rank:>4} {each.pid:>8} {each.busy:>5.0f}%  ", "plain"),
        (f"{show.clean(each.user, 16):10} ", "dim"),
        (show.clean(each.command, 300), "plain"),
    ]


PROCESSES_HEAD = "rank      pid   busy  user       command"


def functions(hots: Sequence[Hot], before: Mapping[Function, float] | None = None) -> Lines:
    """Functions and their shares; `before`: what each took in another profile, to compare with."""
    return [_function(hot, before) for hot in hots]


def _function(hot: Hot, before: Mapping[Function, float] | None) -> list[Piece]:
    own = hot.function.own
    change = ""
    if before is not None:
        points = 100 * (hot.alone - before.get(hot.function, 0.0))
        change = f"{points:>+7.1f}" if abs(points) >= 0.05 else "       "
    where = show.clean(place_of(hot.function.file, hot.line), 80) if hot.function.file else ""
    return [
        (f" {100 * hot.alone:>5.1f} {100 * hot.total:>6.1f}{change}  ", "plain"),
        (f"{OWN if own else ' '} {show.clean(hot.function.name, 120)}  ", "strong" if own else "plain"),
        (where, "dim"),
    ]


def functions_head(*, compared: bool) -> str:
    """Above them."""
    return f"self%  total%{' change' if compared else ''}    function ({OWN} is your own)"


def threads(standings: Sequence[Standing], odd: Collection[tuple[str, int]]) -> Lines:
    """Where all threads stand: first a line for each process, then the stacks."""
    lines: Lines = []
    for each in standings:
        tone = "bad" if (each.node, each.pid) in odd or each.trouble else "strong"
        mark = "≠ " if (each.node, each.pid) in odd else ""
        lines.append([(f" {mark}{called(each)}  ", tone), (show.clean(each.summary, 200), "plain")])
    for each in standings:
        lines.append([])
        mark = "  ≠ not where most others are" if (each.node, each.pid) in odd else ""
        lines.append([(f" {called(each)}{mark}", "strong")])
        for thread in each.threads:
            lines += _thread(thread)
    return lines


def called(each: Standing) -> str:
    """A process for people."""
    return show.clean(f"{each.name} ({each.pid})" if each.pid else each.name, 80)


def _thread(thread: Thread) -> Lines:
    state = f"{'works' if thread.active else 'waits'}{', holds the GIL' if thread.gil else ''}"
    lines: Lines = [
        [(f"   {show.clean(thread.name, 60) or 'a thread'} ", "plain"), (f"{thread.number} {state}", "dim")]
    ]
    for frame in thread.frames:
        own = frame.function.own
        where = show.clean(place_of(frame.function.file, frame.line), 80)
        name = f"     {OWN if own else ' '} {show.clean(frame.function.name, 120)}  "
        lines.append([(name, "strong" if own else "plain"), (where, "dim")])
    return lines


def trace_file(each: Result, now: float) -> list[Piece]:
    """A trace that the run wrote."""
    when = time.strftime("%d %b %H:%M", time.localtime(each.changed))
    return [
        (f" {when} ", "plain"),
        (f"({show.age(now - each.changed)} ago) ", "dim"),
        (f"{show.size(each.size)}  ", "plain"),
        (show.clean(each.path, 300), "plain"),
    ]


def traced(found: Traced) -> Lines:
    """What a trace says."""
    lines: Lines = [[(f" → {hint}", "waiting")] for hint in hints(found)]
    if found.parts:
        lines += [[], [("     time   of all  part", "dim")]]
        lines += [_part(part, found.span) for part in found.parts]
    lines += [[], [("     self   of all    total     count     mean  operation", "dim")]]
    lines += [_operation(each, found.span) for each in found.operations]
    if found.more:
        lines.append([(f" and {found.more} more", "dim")])
    if found.steps:
        lines += [[], [("     step      time       GPU   loading  optimizer", "dim")]]
        lines += [[(_step(step), "plain")] for step in found.steps]
    return lines


def _part(part: Part, span: float) -> list[Piece]:
    share = part.time / span if span else 0.0
    bar = "█" * round(20 * min(1.0, share))
    return [(f" {seconds(part.time):>8} {share:>8.1%}  ", "plain"), (f"{part.name:22} ", "plain"), (bar, "curve")]


def _operation(each: Operation, span: float) -> list[Piece]:
    share = each.own / span if span else 0.0
    times = (
        f" {seconds(each.own):>8} {share:>8.1%} {seconds(each.total):>8} {each.count:>9} {seconds(each.mean):>8}  "
    )
    return [
        (times, "plain"),
        (f"{show.clean(each.name, 120)}  ", "strong"),
        (show.clean(place_of(each.part, each.line), 80), "dim"),
    ]


def _step(step: Step) -> str:
    gpu = "–" if step.gpu is None else seconds(step.gpu)
    times = f"{seconds(step.time):>9} {gpu:>9} {seconds(step.loading):>9} {seconds(step.optimizer):>10}"
    return f" {step.number:>8} {times}"


def kept(each: Kept, now: float) -> list[Piece]:
    """A profile that was kept."""
    when = time.strftime("%d %b %H:%M", time.localtime(each.at))
    rank = f"rank {each.rank} " if each.rank is not None else ""
    how = f", {each.how}" if each.how else ""
    return [
        (f" {when} ", "plain"),
        (f"({show.age(now - each.at)} ago) ", "dim"),
        (f"{rank}{each.pid} on {show.clean(each.node, 40)}, {each.seconds:g} s{show.clean(how, 60)}  ", "plain"),
        (show.clean(each.process, 200), "dim"),
    ]
