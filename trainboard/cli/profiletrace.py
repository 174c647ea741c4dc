"""What a trace or a file of cProfile says, for `trainboard profile`."""

from __future__ import annotations

import sys
from dataclasses import asdict
from typing import TYPE_CHECKING

from trainboard.cli.terminal import print_json, print_table
from trainboard.profile.stacks import place_of
from trainboard.profile.traced import headline, hints, seconds
from trainboard.show import clean

if TYPE_CHECKING:
    from collections.abc import Sequence

    from trainboard.profile.traced import Operation, Step, Traced

LISTED = 25
"""Operations that are printed; `--json` has more."""

STEPS = 12
"""Steps that are printed."""


def show_traced(source: str, found: Traced, *, as_json: bool) -> None:
    """All of it."""
    if as_json:
        print_json({"source": source, **asdict(found), "hints": list(hints(found))})
        return
    sys.stdout.write(f"{clean(source)}\n{headline(found)}\n")
    sys.stdout.writelines(f"→ {hint}\n" for hint in hints(found))
    if found.parts:
        sys.stdout.write("\n")
        parts = [(seconds(part.time), share(part.time, found.span), part.name) for part in found.parts]
        print_table(("time", "of all", "part"), parts)
    if found.steps:
        sys.stdout.write("\n")
        print_table(("step", "time", "GPU", "loading", "optimizer"), [_step(step) for step in found.steps[:STEPS]])
        if len(found.steps) > STEPS:
            sys.stdout.write(f"and {len(found.steps) - STEPS} more steps\n")
    sys.stdout.write("\n")
    titles = ("self", "of all", "total", "count", "mean", "operation", "where" if found.kind == "pstats" else "part")
    print_table(titles, [_operation(each, found.span) for each in found.operations[:LISTED]])
    more = len(found.operations) - LISTED + found.more
    if more > 0:
        sys.stdout.write(f"and {more} more\n")


def share(time: float, span: float) -> str:
    """Of the whole."""
    return f"{time / span:6.1%}" if span else ""


def _step(step: Step) -> Sequence[str]:
    gpu = "–" if step.gpu is None else seconds(step.gpu)
    return str(step.number), seconds(step.time), gpu, seconds(step.loading), seconds(step.optimizer)


def _operation(each: Operation, span: float) -> Sequence[str]:
    times = seconds(each.own), share(each.own, span), seconds(each.total), str(each.count), seconds(each.mean)
    return *times, clean(each.name, 60), place_of(each.part, each.line)
