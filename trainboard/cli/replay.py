"""`trainboard replay`."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Any

from backends.base import JobState
from specs.earlystop import RULES
from specs.tree import nearest, quoted
from trainboard.actions import Refused
from trainboard.cli.desk import open_desk
from trainboard.cli.find import find
from trainboard.cli.terminal import TerminalPrompter, print_json, print_table
from trainboard.diagnose.hopeless.past import Past, kind_of
from trainboard.diagnose.hopeless.replay import Replay, replay
from trainboard.diagnose.hopeless.sheet import Group, groups
from trainboard.rows import merge

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterable, Mapping, Sequence

    from trainboard.rows import Row

TABLES = (".csv", ".gz")
UNASKED = tuple(rule for rule in RULES if rule != "threshold")
"""Without `--rule`: those that need no numbers of the user's."""


def replayed(chosen: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """What rules would have done to runs that are over."""
    rules = [chosen.rule] if chosen.rule else list(UNASKED)
    for rule in rules:
        check(rule, chosen.option)
    files = [name for name in chosen.names if name.endswith(TABLES)]
    found = [each for name in files for each in groups(Path(name), words(chosen.by), words(chosen.order))]
    names = [name for name in chosen.names if name not in files]
    if names or not files:
        found += asyncio.run(on_record(names, environ))
    if not any(each.curves for each in found):
        raise Refused("there is no completed run with an objective to replay")
    outcomes = [(rule, one(each, rule, options(chosen.option))) for each in found if each.curves for rule in rules]
    if chosen.json:
        print_json([{"rule": rule, **outcome.as_json()} for rule, outcome in outcomes])
    else:
        print_table(TITLES, [line(rule, outcome) for rule, outcome in outcomes])
    return 0


async def on_record(names: Sequence[str], environ: Mapping[str, str]) -> list[Group]:
    """The completed runs of these experiments, or all, by spec; from what is stored, without asking any host."""
    desk = open_desk(environ, TerminalPrompter())
    rows = merge(await desk.store.load(), {})
    chosen = find(rows, names) if names else rows
    done = [row for row in chosen if row.ours and row.objective and row.state is JobState.COMPLETED]
    return await asyncio.to_thread(by_spec, done, Past(desk.paths.series))


def by_spec(rows: Iterable[Row], past: Past) -> list[Group]:
    """Runs of one spec that want the same are compared with each other. Blocks."""
    kinds: dict[tuple[str, str, str], list[Row]] = {}
    for row in rows:
        kinds.setdefault(kind_of(row), []).append(row)
    return [Group(spec, tuple(past.curves(some))) for (spec, _, _), some in sorted(kinds.items())]


def one(group: Group, rule: str, given: Mapping[str, float]) -> Replay:
    """One group under one rule; the table's target counts where none is given."""
    known = {} if group.target is None else {"target": group.target}
    return replay(group.name, group.curves, rule, {**known, **given})


def check(rule: str, given: Sequence[str]) -> None:
    """Whether a rule has these options. Raises `Refused`."""
    if rule not in RULES:
        raise Refused(f"no rule {quoted(rule)}{nearest(rule, RULES)}; there are {', '.join(RULES)}")
    known = {**RULES[rule].options, "target": None}
    for name, value in options(given).items():
        if name not in known:
            raise Refused(f"the rule {rule} has no option {quoted(name)}{nearest(name, known)}")
        option = RULES[rule].options.get(name)
        if option is not None and not option.least <= value <= option.most:
            raise Refused(f"{name} of the rule {rule} must be from {option.least:g} to {option.most:g}")


def options(given: Sequence[str]) -> dict[str, float]:
    """`name=number` words. Raises `Refused`."""
    found: dict[str, float] = {}
    for word in given:
        name, equals, text = word.partition("=")
        try:
            found[name] = float(text)
        except ValueError:
            raise Refused(f"{quoted(word)} is no name=number") from None
        if not equals or found[name] != found[name]:
            raise Refused(f"{quoted(word)} is no name=number")
    return found


def words(text: str | None) -> list[str]:
    """Names with commas between."""
    return [each.strip() for each in (text or "").split(",") if each.strip()]


TITLES = ("GROUP", "RULE", "RUNS", "GOOD", "STOPPED", "GOOD LOST", "FALSE STOPS", "SAVED", "BEST RUN")


def line(rule: str, found: Replay) -> tuple[Any, ...]:
    """A row for people."""
    wrong = f"{found.lost / len(found.stops):.1%}" if found.stops else "–"
    counts = (str(found.runs), str(found.good), str(len(found.stops)), str(found.lost))
    return found.group or "–", rule, *counts, wrong, f"{found.saved:.1%}", "kept" if found.best_kept else "stopped"
