"""`trainboard check`: whether the runs of a spec can run, without submitting any."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

from specs.load import load
from specs.units import duration
from trainboard.actions import Refused
from trainboard.cli.desk import open_desk
from trainboard.cli.terminal import TerminalPrompter, print_json, print_table
from trainboard.preflight import Level, examine
from trainboard.submit import choose, preview, sending, taken

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping, Sequence

    from backends.base import Backend, Plan
    from specs.model import Setting, Spec
    from trainboard.cli.desk import Desk
    from trainboard.preflight import Check, Report


def check(chosen: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """Look, and tell; 1 where no backend is left that could take the runs."""
    return asyncio.run(run(chosen, environ))


async def run(chosen: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """All input is checked before any host is asked."""
    patience = seconds(chosen.patience)
    desk = open_desk(environ, TerminalPrompter())
    words = [f"variant={chosen.variant}"] if chosen.variant else []
    spec = await asyncio.to_thread(load, Path(chosen.spec), [*words, *chosen.overrides])
    where = choose(spec, desk.config, [chosen.on] if chosen.on else ())
    planned = await preview(spec, desk.environ)
    async with desk.backends() as backends:
        by_name = {backend.name: backend for backend in backends}
        report = await look(spec, planned, [by_name[name] for name in where], desk, patience)
    if chosen.json:
        print_json(report.as_json())
    else:
        print_table(("BACKEND", "LEVEL", "CHECK", "FOUND"), rows(report.checks, len(planned)))
        print_table(("",), [])
        for line in summary(report, where, len(planned)):
            print_table((line,), [])
    return 0 if report.left(where) else 1


async def look(
    spec: Spec, planned: Sequence[tuple[Setting, Plan]], where: Sequence[Backend], desk: Desk, patience: float
) -> Report:
    """What a submission would check; the project is taken as for one where it would be sent.

    Raises `Refused` where it cannot be, `SpecError`, `StoreError`.
    """
    code = await asyncio.to_thread(taken, spec, where, desk.store, desk.archives) if sending(where) else None
    settings, plans = [setting for setting, _ in planned], [plan for _, plan in planned]
    return await examine(spec, settings, where, await desk.store.load(), plans, code, patience=patience)


def seconds(word: str) -> float:
    """How long checksums may take. Raises `Refused`."""
    try:
        return float(duration(word))
    except ValueError:
        raise Refused(f"--patience: a duration as 30s or 10m, not {word!r}") from None


def rows(checks: Sequence[Check], runs: int) -> list[tuple[str, str, str, str]]:
    """A line a check, and one for what to do about it."""
    found = []
    for each in checks:
        some = f" (of {len(each.runs)} of {runs} runs)" if 0 < len(each.runs) < runs else ""
        found.append((each.backend, str(each.level), each.name, each.text + some))
        if each.advice and each.level is not Level.PASS:
            found.append(("", "", "", f"→ {each.advice}"))
    return found


def summary(report: Report, where: Sequence[str], runs: int) -> list[str]:
    """What it comes to."""
    left = report.left(where)
    count = f"{runs} run{'' if runs == 1 else 's'}"
    lines = [f"{count} can go to {', '.join(left)}"] if left else [f"{count} can go nowhere as things are"]
    warned = sum(check.level is Level.WARN for check in report.checks)
    return [*lines, f"{warned} warning{'' if warned == 1 else 's'}"] if warned else lines
