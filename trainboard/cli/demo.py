"""`trainboard demo`: the whole journey on this machine."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from backends.base import JobState
from trainboard.actions import Refused
from trainboard.cli.desk import open_desk
from trainboard.cli.terminal import TerminalPrompter, print_json, print_table
from trainboard.events import Noticed, Sampled, TableSeen
from trainboard.options import PLAIN
from trainboard.paths import paths
from trainboard.series import by_metric
from trainboard.show import clean, duration, number

if TYPE_CHECKING:
    import argparse
    from collections.abc import AsyncGenerator, Mapping
    from typing import TextIO

    from specs.model import Spec
    from trainboard.events import Event
    from trainboard.rows import Row
    from trainboard.series import Sample
    from trainboard.watch import Watch

PROJECT = ("char-rnn.yaml", "char_rnn.py", "probe.py", "corpus.txt")
"""The files of the example, the spec first."""


def demo(chosen: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """Submit the example to this machine and watch it, in a state folder of its own."""
    home = str(paths(environ).state / "demo")
    environ = {**environ, "TRAINBOARD_HOME": home}
    if chosen.json or chosen.no_screen or not (sys.stdin.isatty() and sys.stdout.isatty()):
        return asyncio.run(without_screen(environ, as_json=chosen.json))
    from trainboard.cli.board import run_board

    return run_board(environ, first=partial(example, Path(home)))


def example(home: Path) -> Spec:
    """The spec of the small training program that comes with us, in a copy: it writes files beside itself.

    Raises `Refused` where the copy cannot be made.
    """
    import shutil

    import specs
    from specs.load import load

    project = home / "example"
    try:
        project.mkdir(parents=True, exist_ok=True)
        for name in PROJECT:
            shutil.copyfile(Path(specs.__file__).parent / "examples" / name, project / name)
    except OSError as error:
        raise Refused(f"{error.filename}: {error.strerror or error}") from error
    return load(project / PROJECT[0])


async def without_screen(environ: Mapping[str, str], *, as_json: bool = False) -> int:
    """The same in lines: progress of each run, then the results; 0 where all runs completed."""
    desk = open_desk(environ, TerminalPrompter())
    spec, watch = example(desk.paths.state), desk.watch()
    progress = Progress(sys.stderr if as_json else sys.stdout)
    async with contextlib.aclosing(watch.events()) as events:
        submitted = asyncio.create_task(submit(watch, spec, progress))
        await read(events, progress, submitted)
    if as_json:
        print_json([row.as_json() | outcome(row, progress) for row in progress.mine()])
    else:
        print_results(progress)
    return 0 if all(row.state is JobState.COMPLETED for row in progress.mine()) else 1


class Progress:
    """What is known of the demo's runs so far."""

    def __init__(self, out: TextIO) -> None:
        """`out` takes the lines."""
        self.out = out
        self.keys: set[str] = set()
        self.rows: dict[str, Row] = {}
        self.samples: dict[str, list[Sample]] = {}
        self.complete: set[str] = set()

    def say(self, text: str) -> None:
        """A line, now."""
        self.out.write(clean(text) + "\n")
        self.out.flush()

    def mine(self) -> list[Row]:
        """The rows of this demo, in order."""
        return sorted((self.rows[key] for key in self.keys if key in self.rows), key=lambda row: row.key)

    def over(self) -> bool:
        """All runs have ended, and the log of those that began has been read."""
        rows = self.mine()
        return bool(rows) and all(
            row.state.ended and (row.started is None or row.key in self.complete) for row in rows
        )


async def submit(watch: Watch, spec: Spec, progress: Progress) -> None:
    """Submit the example to this machine."""
    rows = await watch.submit(spec, "local", PLAIN)
    progress.keys |= {row.key for row in rows}
    progress.rows |= {row.key: row for row in rows}
    for row in progress.mine():
        progress.say(f"{row.key}  submitted  {row.name}")


async def read(events: AsyncGenerator[Event], progress: Progress, submitted: asyncio.Task[None]) -> None:
    """Print what happens until it is over."""
    async for event in events:
        if submitted.done():
            submitted.result()
        match event:
            case TableSeen(rows):
                for row in rows:
                    see_row(row, progress)
            case Sampled():
                see_samples(event, progress)
            case Noticed(_, text):
                progress.say(text)
        if submitted.done() and progress.over():
            return


def see_row(row: Row, progress: Progress) -> None:
    """A line where the state of one of our runs changed."""
    before = progress.rows.get(row.key)
    progress.rows[row.key] = row
    if row.key in progress.keys and (before is None or before.state is not row.state):
        progress.say(f"{row.key}  {row.state}{f': {row.reason}' if row.reason else ''}")


def see_samples(event: Sampled, progress: Progress) -> None:
    """A line for every new value of the objective."""
    known = progress.samples.setdefault(event.key, [])
    if event.restarted:
        known.clear()
    known.extend(event.samples)
    if event.complete:
        progress.complete.add(event.key)
    row = progress.rows.get(event.key)
    if row is None or event.key not in progress.keys:
        return
    newest = [sample for sample in event.samples if sample.metric == row.objective]
    if newest:
        done = f"{event.progress.fraction:4.0%}" if event.progress else "    "
        progress.say(
            f"{row.key}  {done}  {row.objective} {newest[-1].value:.4f}  at {newest[-1].index} {newest[-1].step:g}"
        )


def outcome(row: Row, progress: Progress) -> dict[str, object]:
    """What came out of a run, as JSON."""
    last, best = result(row, progress)
    return {"objective": row.objective, "last": last, "best": best}


def result(row: Row, progress: Progress) -> tuple[float | None, float | None]:
    """The last and the best value of a run's objective."""
    series = by_metric(progress.samples.get(row.key, [])).get(row.objective or "")
    return (series.last, series.best(row.goal)) if series else (None, None)


def print_results(progress: Progress) -> None:
    """One line a run: what it was, and what came out."""
    names = list(dict.fromkeys(name for row in progress.mine() for name in row.params))
    objective = next((row.objective for row in progress.mine() if row.objective), "")
    table = []
    for row in progress.mine():
        values = result(row, progress)
        took = duration(row.ended - row.started if row.ended and row.started else None)
        params = [str(row.params.get(name, "")) for name in names]
        table.append((row.key, row.state, took, *params, number(values[0]), number(values[1])))
    progress.say("")
    print_table(("RUN", "STATE", "TOOK", *names, f"{objective} last", "best"), table)
