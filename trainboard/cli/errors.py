"""`trainboard errors`: where a network is wrong, from the file in which a run says what it predicted."""

from __future__ import annotations

import asyncio
import shutil
import sys
import textwrap
import time
from contextlib import AsyncExitStack
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from backends.host import Host
from backends.local import open_local_link
from backends.predicting import Reader
from specs.model import TASKS, Predictions
from specs.tree import nearest, quoted
from trainboard.actions import Refused
from trainboard.cli.desk import open_desk
from trainboard.cli.find import find_one
from trainboard.cli.terminal import TerminalPrompter, print_json
from trainboard.plans import Planner
from trainboard.predictions import sections, tables
from trainboard.predictions.ofrun import OfFile, OfRun, Source
from trainboard.predictions.sections import Pair
from trainboard.show import clean, duration, padded
from trainboard.show import width as cells_of
from trainboard.written import Written

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterable, Mapping, Sequence

    from trainboard.predictions.sections import Section
    from trainboard.predictions.tables import Table

ENDINGS = (".csv", ".tsv", ".jsonl", ".ndjson", ".parquet", ".pq", ".gz", ".txt", ".pkl", ".npy")
"""Of words that are meant as files, whether there is such a file or not."""
WIDEST = 30
"""Letters of a cell at most, but of a row's last one, which goes on in further lines."""
NARROW = 24
"""Letters that a row's last cell is given at least."""


def errors(chosen: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """A file where there is one of that name, else a run; with a second one the two are compared."""
    if chosen.view is not None and chosen.view not in sections.NAMES:
        words = ", ".join(sections.NAMES)
        raise Refused(f"--view {quoted(chosen.view)}{nearest(chosen.view, sections.NAMES)}: it is one of {words}")
    if chosen.task is not None and chosen.task not in TASKS:
        raise Refused(f"--task {quoted(chosen.task)}{nearest(chosen.task, TASKS)}: it is one of {', '.join(TASKS)}")
    pair, names = asyncio.run(read(chosen, environ))
    if chosen.json:
        print_json(as_json(pair, names))
        return 0
    known = sections.views(pair)
    if chosen.view is not None and chosen.view not in known:
        what = "two runs" if pair.second is None and chosen.view in sections.OF_TWO else "another task"
        raise Refused(f"--view {chosen.view} is of {what}; here are {', '.join(known)}")
    print_pair(pair, names, sections.digest(pair) if chosen.view is None else known[chosen.view]())
    return 0


async def read(chosen: argparse.Namespace, environ: Mapping[str, str]) -> tuple[Pair, list[str]]:
    """What the files say, and whose they are. Raises `Refused`."""
    columns = Predictions("", target=chosen.target, prediction=chosen.prediction, id=chosen.id, task=chosen.task)
    names = [chosen.source, *([chosen.other] if chosen.other else [])]
    async with AsyncExitStack() as stack:
        of_runs = [name for name in names if not is_file(name)]
        if of_runs and columns != Predictions(""):
            raise Refused(
                f"{of_runs[0]} is a run: the columns of its file are named in its spec, outputs.predictions"
            )
        if chosen.file and len(of_runs) != len(names):
            raise Refused("--file is of a run: give the file itself instead")
        written = await runs(of_runs, environ, stack) if of_runs else {}
        found: list[Source] = []
        for name in names:
            if name in written:
                found.append(OfRun(written[name], chosen.file or ""))
            else:
                found.append(OfFile(there(name), await here(stack), columns))
        return await pair_of(found), [each.name for each in found]


async def runs(names: Sequence[str], environ: Mapping[str, str], stack: AsyncExitStack) -> dict[str, Written]:
    """What these runs wrote."""
    desk = open_desk(environ, TerminalPrompter())
    backends = await stack.enter_async_context(desk.backends())
    by_name = {each.name: each for each in backends}
    planner = Planner(desk.environ, desk.archives)
    return {name: Written(await find_one(desk, backends, name), by_name, planner) for name in names}


async def pair_of(found: Sequence[Source]) -> Pair:
    """What they say, and how the second differs from the first."""
    first = await found[0].read()
    if len(found) < 2:
        return Pair(first)
    second = await found[1].read()
    try:
        return Pair(first, second, await found[0].compared(found[1]))
    except Refused as refusal:
        return Pair(first, second, apart=str(refusal))


class Here:
    """This machine, as a host that reads files of predictions."""

    def __init__(self, host: Host) -> None:
        self._reader = Reader(host.name, host)

    async def predicted(self, asked: Mapping[str, Any]) -> Mapping[str, Any]:
        """What the program says, in a process of its own, with limits."""
        return await self._reader.ask(asked)


async def here(stack: AsyncExitStack) -> Here:
    """This machine, until the end."""
    host = Host("this machine", open_local_link)
    stack.push_async_callback(host.close)
    return Here(host)


def is_file(name: str) -> bool:
    """Whether a word is meant as a path."""
    return "/" in name or Path(name).exists() or Path(name).suffix.lower() in ENDINGS


def there(name: str) -> Path:
    """A file of this machine. Raises `Refused`."""
    path = Path(name).expanduser()
    if path.is_dir():
        raise Refused(f"{name} is a folder: name the file of predictions in it")
    if not path.exists():
        raise Refused(f"{name}: no such file")
    return path


def as_json(pair: Pair, names: Sequence[str]) -> dict[str, object]:
    """All of it: the keys are those of `docs/errors.md`."""
    if pair.second is None:
        return {"source": names[0], **asdict(pair.first)}
    return {
        "sources": list(names),
        "first": asdict(pair.first),
        "second": asdict(pair.second),
        "comparison": None if pair.comparison is None else asdict(pair.comparison),
        "apart": pair.apart,
    }


def print_pair(pair: Pair, names: Sequence[str], told: Iterable[Section]) -> None:
    """Whose it is, then section by section."""
    for name, found in zip(names, (pair.first, pair.second), strict=False):
        if found is not None:
            age = duration(max(0.0, time.time() - found.mtime))
            sys.stdout.write(f"{clean(name)}: {clean(sections.whereabouts(found))}, written {age} ago\n")
    for each in told:
        sys.stdout.write("\n" + "\n".join(lines(each, shutil.get_terminal_size().columns)) + "\n")


def lines(found: Section, width: int) -> list[str]:
    """A section in lines as wide as the terminal, if that is possible."""
    made = [*textwrap.wrap(clean(found.text, 1000), width)]
    if found.table is not None and found.table.rows:
        made += table_lines(tables.filled(found.table), width)
        made += [f"and {found.more} more"] if found.more else []
    elif found.table is not None:
        made += textwrap.wrap(f"  {found.table.none}", width)
    for note in found.notes:
        made += textwrap.wrap(f"▲ {clean(note, 1000)}", width, subsequent_indent="  ")
    return made


def table_lines(table: Table, width: int) -> list[str]:
    """Columns as wide as they must be; the last cell of a row goes on in lines below."""
    last = len(table.headings) - 1
    wraps = not table.headings[last].right
    rows = [[cell(text, place, last, wraps=wraps) for place, text in enumerate(row)] for row in table.rows]
    titles = [cell(title, 0, last, wraps=wraps) for title in table.titles]
    widths = [max(cells_of(row[place]) for row in [titles, *rows]) for place in range(last + 1)]
    before = sum(widths[:last]) + 2 * last
    made = []
    for row in [titles, *rows]:
        cells = [
            padded(text, wide, right=heading.right)
            for text, wide, heading in zip(row, widths, table.headings, strict=True)
        ]
        if not wraps:
            made.append("  ".join(cells).rstrip())
            continue
        parts = textwrap.wrap(row[last], max(NARROW, width - before)) or [""]
        made.append("  ".join([*cells[:last], parts[0]]).rstrip())
        made += [" " * before + part for part in parts[1:]]
    return made


def cell(text: str, place: int, last: int, *, wraps: bool) -> str:
    """A text that ends where its column does."""
    harmless = clean(text, 1000)
    return harmless if (wraps and place == last) or len(harmless) <= WIDEST else harmless[: WIDEST - 1] + "…"
