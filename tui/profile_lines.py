"""What the profile screen says, line by line. Pure."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from trainboard.profile.stacks import place_of
from tui import show

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from backends.spy import PythonProcess, Sampling, Scene
    from trainboard.profile.hottest import Hot
    from trainboard.profile.keeping import Kept
    from trainboard.profile.stacks import Function
    from trainboard.profile.threads import Standing, Thread
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


def threads(standings: Sequence[Standing], odd: Collection[int]) -> Lines:
    """Where all threads stand: first a line for each process, then the stacks."""
    lines: Lines = []
    for each in standings:
        tone = "bad" if each.pid in odd or each.trouble else "strong"
        mark = "≠ " if each.pid in odd else ""
        lines.append([(f" {mark}{each.name} ({each.pid})  ", tone), (show.clean(each.summary, 200), "plain")])
    for each in standings:
        lines.append([])
        mark = "  ≠ not where most others are" if each.pid in odd else ""
        lines.append([(f" {each.name} ({each.pid}){mark}", "strong")])
        for thread in each.threads:
            lines += _thread(thread)
    return lines


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
