"""`trainboard profile`."""

from __future__ import annotations

import asyncio
import shutil
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from backends.base import Question
from backends.spy import Sampling
from trainboard.actions import Refused
from trainboard.cli.desk import open_desk
from trainboard.cli.find import find_one
from trainboard.cli.metrics import is_file
from trainboard.cli.terminal import TerminalPrompter, complain, print_json, print_table, since
from trainboard.profile.files import Kind, kind_of, read_profile
from trainboard.profile.hottest import changes, hottest
from trainboard.profile.stacks import place_of
from trainboard.profile.threads import strays
from trainboard.profiling import Profiling
from trainboard.show import clean, size

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping, Sequence

    from backends.spy import PythonProcess, Scene
    from trainboard.profile.hottest import Hot
    from trainboard.profile.keeping import Kept
    from trainboard.profile.stacks import Profile
    from trainboard.profile.threads import Standing, Thread

LISTED = 25
"""Functions that are printed; `--json` has all."""

LONGEST = 3600.0
"""Seconds that one recording may take."""

OWN = "•"
"""Stands beside what is the user's own code."""


def profile(chosen: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """A file where there is one of that name, else a run."""
    if not 0 < chosen.seconds <= LONGEST:
        raise Refused(f"--seconds: between 1 and {LONGEST:g}")
    if is_file(chosen.source):
        from trainboard.cli.profilefile import show_file

        return show_file(Path(chosen.source), chosen.against, as_json=chosen.json)
    return asyncio.run(_of_run(chosen, environ))


async def _of_run(chosen: argparse.Namespace, environ: Mapping[str, str]) -> int:
    prompter = TerminalPrompter()
    desk = open_desk(environ, prompter)
    async with desk.backends() as backends:
        row = await find_one(desk, backends, chosen.source)
        work = Profiling(row, {each.name: each for each in backends}, desk.paths.profiles)
        if chosen.trace is not None:
            await _show_trace(work, chosen.trace, as_json=chosen.json)
            return 0
        node = await _node(work, chosen.node, every=chosen.dump)
        scene = await work.look(node)
        if not scene.processes:
            raise Refused(f"no Python process of {row.key} on {node or scene.host}")
        spy = scene.spies[0] if scene.spies else await _sent(work, scene, node, prompter, send=chosen.send)
        if chosen.dump:
            others = () if chosen.node else await work.nodes()
            standings = await work.dump(spy, scene, node, others)
            _show_dump(row.key, standings, as_json=chosen.json)
            return 0 if any(each.threads for each in standings) else 1
        process = _process(scene, chosen.pid)
        sampling = Sampling(
            chosen.seconds,
            native=chosen.native,
            gil=chosen.gil,
            idle=chosen.idle,
            children=chosen.subprocesses,
        )
        complain(
            f"sampling process {process.pid} on {node or scene.host} for {chosen.seconds:g} s: {process.command}"
        )
        kept = await work.record(spy, scene, process, sampling, node)
        if chosen.output is not None:
            await asyncio.to_thread(_copy, kept, Path(chosen.output))
        found, before = await work.load(kept), await asyncio.to_thread(read_stacks, chosen.against)
        _show_kept(row.key, kept, found, before, as_json=chosen.json)
    return 0


async def _show_trace(work: Profiling, name: str, *, as_json: bool) -> None:
    """A trace that the run wrote; without a name those that there are."""
    from trainboard.cli.profiletrace import show_traced

    files, left = await work.traces()
    if not name and as_json:
        print_json([{"path": each.path, "size": each.size, "changed": each.changed} for each in files])
        return
    if left:
        complain(f"there may be more: {left}")
    if not name and not files and not left:
        complain(
            "no traces: it wrote no *.trace.json, *.trace.json.gz, *.prof, *.pstats or *.cprofile below its folder"
        )
    elif not name:
        print_table(
            ("size", "changed", "file"), [(size(each.size), since(each.changed), each.path) for each in files]
        )
    if not name:
        return
    found = next((each for each in files if each.path == name or each.path.endswith(f"/{name}")), None)
    if found is None:
        raise Refused(f"no trace {name} of this run; --trace without a name lists them")
    show_traced(found.path, await work.traced(found.path), as_json=as_json)


async def _node(work: Profiling, wanted: str, *, every: bool) -> str:
    """The node that is meant; of several the first, which is said."""
    nodes = await work.nodes()
    if wanted:
        if wanted not in nodes:
            there = f"it has {', '.join(nodes)}" if nodes else f"{work.row.backend} is one machine"
            raise Refused(f"{wanted} is no node of this job; {there}")
        return wanted
    if len(nodes) > 1 and not every:
        complain(f"of {len(nodes)} nodes the first, {nodes[0]}; --node chooses another: {', '.join(nodes[1:])}")
    return nodes[0] if nodes else ""


async def _sent(work: Profiling, scene: Scene, node: str, prompter: TerminalPrompter, *, send: bool) -> str:
    """The path of a py-spy that was not there before. Raises `Refused` where the user does not want it."""
    binary = await asyncio.to_thread(work.to_send, scene)
    if not send:
        text = f"send py-spy ({size(len(binary.content))}) to ~/.cache/trainboard there?"
        question = Question(scene.host, f"{scene.host} has no py-spy", text, yes_no=True)
        if await prompter.ask(question) is None:
            raise Refused(
                f"no py-spy on {scene.host}: --send sends it, or install it there (pip install --user py-spy)"
            )
    return await work.send(scene, node)


def _process(scene: Scene, pid: int | None) -> PythonProcess:
    if pid is None:
        return scene.processes[0]
    found = next((each for each in scene.processes if each.pid == pid), None)
    if found is None:
        known = ", ".join(str(each.pid) for each in scene.processes)
        raise Refused(f"{pid} is no Python process of this job; there are {known}")
    return found


def _copy(kept: Kept, path: Path) -> None:
    assert kept.path is not None
    try:
        shutil.copyfile(kept.path, path)
    except OSError as error:
        raise Refused(f"{path}: {error.strerror or error}") from error


def read_stacks(name: str | None) -> Profile | None:
    """A file of stacks; None where none is named. Raises `Refused`."""
    if name is None:
        return None
    path = Path(name)
    try:
        kind = kind_of(path)
        if kind not in (Kind.RAW, Kind.SPEEDSCOPE):
            raise ValueError("no stacks: py-spy's raw format and speedscope are read")
        return read_profile(path, kind)
    except OSError as error:
        raise Refused(f"{path}: {error.strerror or error}") from error
    except ValueError as error:
        raise Refused(f"{path}: {error}") from error


def _show_kept(source: str, kept: Kept, found: Profile, before: Profile | None, *, as_json: bool) -> None:
    if as_json:
        process = {"pid": kept.pid, "rank": kept.rank, "node": kept.node, "command": kept.process}
        print_json(
            {
                "source": source,
                "kind": "stacks",
                "process": process,
                "seconds": kept.seconds,
                "at": kept.at,
                "file": str(kept.path),
                **functions(found, before),
            }
        )
        return
    when = time.strftime("%H:%M:%S", time.localtime(kept.at))
    what = f", {kept.how}" if kept.how else ""
    sys.stdout.write(
        f"{clean(source)}: process {kept.pid} on {clean(kept.node)}, {kept.seconds:g} s from {when}{what}\n"
    )
    show_functions(found, before)


def functions(found: Profile, before: Profile | None = None) -> dict[str, Any]:
    """What the JSON has of a profile, and of how it differs from another."""
    changed = () if before is None else changes(before, found)
    compared = [
        {
            "function": each.function.name,
            "file": each.function.file,
            "before": round(each.before, 6),
            "after": round(each.after, 6),
        }
        for each in changed
    ]
    return {
        **({} if before is None else {"changes": compared}),
        "samples": found.total,
        "functions": [
            {
                "function": hot.function.name,
                "file": hot.function.file,
                "line": hot.line,
                "own": hot.function.own,
                "self": round(hot.alone, 6),
                "total": round(hot.total, 6),
            }
            for hot in hottest(found)
        ],
    }


def show_functions(found: Profile, before: Profile | None = None) -> None:
    """The hottest functions for people; with another profile, those that differ most from it first."""
    if before is not None:
        print_table(
            ("before", "after", "change", "function", "where"),
            [
                (
                    f"{each.before:6.1%}",
                    f"{each.after:6.1%}",
                    f"{100 * (each.after - each.before):+6.1f}",
                    f"{OWN if each.function.own else ' '} {each.function.name}",
                    place_of(each.function.file),
                )
                for each in changes(before, found)[:LISTED]
            ],
        )
        sys.stdout.write("\n")
    hots = hottest(found)
    left = f", {found.left} lines of it could not be read" if found.left else ""
    sys.stdout.write(f"{found.total:g} samples{left}; {OWN} is your own code\n\n")
    print_table(("self", "total", "function", "where"), [_cells(hot) for hot in hots[:LISTED]])
    if len(hots) > LISTED:
        sys.stdout.write(f"and {len(hots) - LISTED} more functions\n")


def _cells(hot: Hot) -> Sequence[str]:
    mark = OWN if hot.function.own else " "
    where = place_of(hot.function.file, hot.line) if hot.function.file else ""
    return f"{hot.alone:6.1%}", f"{hot.total:6.1%}", f"{mark} {hot.function.name}", where


def _show_dump(source: str, standings: Sequence[Standing], *, as_json: bool) -> None:
    odd = strays(standings)
    if as_json:
        print_json({"source": source, "kind": "threads", "processes": [_standing(each, odd) for each in standings]})
        return
    for each in standings:
        mark = "  ← not where most others are" if (each.node, each.pid) in odd else ""
        name = f"{each.name} ({each.pid})" if each.pid else each.name
        sys.stdout.write(f"{clean(name)}: {clean(each.summary)}{mark}\n")
        for thread in each.threads:
            sys.stdout.write(f"  {clean(thread.name) or 'a thread'} ({thread.number}): {clean(_state(thread))}\n")
            for frame in thread.frames:
                own = OWN if frame.function.own else " "
                where = place_of(frame.function.file, frame.line)
                sys.stdout.write(f"    {own} {clean(frame.function.name)}  {clean(where)}\n")


def _state(thread: Thread) -> str:
    return f"{'works' if thread.active else 'waits'}{', holds the GIL' if thread.gil else ''}"


def _standing(each: Standing, odd: frozenset[tuple[str, int]]) -> dict[str, Any]:
    return {
        "pid": each.pid,
        "rank": each.rank,
        "node": each.node or None,
        "waits": each.summary,
        "differs": (each.node, each.pid) in odd,
        "trouble": each.trouble or None,
        "threads": [
            {
                "name": thread.name,
                "active": thread.active,
                "gil": thread.gil,
                "frames": [
                    {"function": frame.function.name, "file": frame.function.file, "line": frame.line}
                    for frame in thread.frames
                ],
            }
            for thread in each.threads
        ],
    }
