"""`trainboard submit`."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from backends import sbatch, script
from backends.base import JobState
from backends.programs import programs
from specs.load import load
from trainboard.cli.desk import open_desk
from trainboard.cli.terminal import TerminalPrompter, complain, print_json, print_table
from trainboard.rows import merge
from trainboard.submit import choose, preview
from trainboard.submit import submit as submit_spec

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping, Sequence

    from backends.base import Plan
    from specs.model import Setting, Spec
    from trainboard.cli.desk import Desk
    from trainboard.config import BackendConfig
    from trainboard.rows import Row

ARRAY_SIZE = 1001
"""Slurm's MaxArraySize where a site has not set its own; a preview asks no cluster."""


def submit(chosen: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """Submit, or show what would be submitted."""
    return asyncio.run(run(chosen, environ))


async def run(chosen: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """All input is checked before any host is asked."""
    desk = open_desk(environ, TerminalPrompter())
    spec = load(Path(chosen.spec), chosen.overrides)
    where = choose(spec, desk.config, [chosen.on] if chosen.on else ())
    if chosen.dry_run:
        return await dry_run(desk, spec, where, chosen.json)
    return await wet_run(desk, spec, where, chosen.json)


async def dry_run(desk: Desk, spec: Spec, where: Sequence[str], as_json: bool) -> int:
    """The runs as the first backend would get them, and the script of each."""
    backend = next(each for each in desk.config.backends if each.name == where[0])
    settings = await preview(spec, desk.environ)
    plans = [replace(plan, batch="0" * 16, task=number) for number, (_, plan) in enumerate(settings)]
    scripts = scripts_of(plans, backend)
    if as_json:
        print_json(
            [
                planned(plan, setting, backend, script)
                for plan, (setting, _), script in zip(plans, settings, scripts, strict=True)
            ]
        )
        return 0
    print_table(("RUN", "BACKEND", "COMMAND"), [(plan.run, backend.name, plan.command) for plan in plans])
    # What a batch script begins is a script too.
    inner = [script.run_script(plan) for plan in plans] if backend.kind == "slurm" else []
    for text in dict.fromkeys([*scripts, *inner]):
        print_table(("",), [(line,) for line in text.splitlines()])
    return 0


def scripts_of(plans: Sequence[Plan], backend: BackendConfig) -> list[str]:
    """What each of these is launched with: on Slurm the batch script, which an array shares, else its own run.sh."""
    if backend.kind != "slurm":
        return [script.run_script(plan) for plan in plans]
    found: dict[int, str] = {}
    for each in sbatch.submissions(plans, ARRAY_SIZE):
        folder = programs().folder
        if each.is_array:
            text = each.files(backend.python, folder)["launch.sh"]
        else:
            text = sbatch.slurm_launch(each.plans[0], backend.python, folder)
        found |= {plan.task: text for plan in each.plans}
    return [found[plan.task] for plan in plans]


def planned(plan: Plan, setting: Setting, backend: BackendConfig, script: str) -> dict[str, object]:
    """The keys of `ls`, for a run that is not submitted, and its script."""
    nothing = dict.fromkeys(("run", "job_id", "state", "submitted", "started", "ended", "exit_code"))
    known = {
        "experiment": plan.experiment,
        "backend": backend.name,
        "name": plan.job_name,
        "params": dict(setting.params),
    }
    return nothing | known | {"reason": "", "script": script}


async def wet_run(desk: Desk, spec: Spec, where: Sequence[str], as_json: bool) -> int:
    """Submit; 1 where a run was not taken."""
    async with desk.backends() as backends, desk.dispatcher(backends) as dispatcher:
        by_name = {backend.name: backend for backend in backends}
        chosen = [by_name[name] for name in where]
        made = await submit_spec(spec, chosen, dispatcher, desk.archives, desk.environ)
    ids = {run.id for run, _ in made}
    rows = [row for row in merge(await desk.store.load(), {}) if row.key in ids]
    rows.sort(key=lambda row: int(row.key.rpartition(".")[2]))
    if as_json:
        print_json([row.as_json() for row in rows])
    else:
        print_table(
            ("RUN", "BACKEND", "JOB", "STATE", "NAME", "REASON"),
            [(row.key, row.backend or "-", row.job_id or "-", row.state, row.name, row.reason) for row in rows],
        )
    for line in trouble(rows, polled=await desk.holder() is not None):
        complain(line)
    await desk.poke()
    return 1 if any(row.state is JobState.FAILED for row in rows) else 0


def trouble(rows: Sequence[Row], *, polled: bool) -> list[str]:
    """One line for every reason why runs were not taken, or wait here."""
    lines = []
    failed = Counter(row.reason for row in rows if row.state is JobState.FAILED)
    lines += [f"{count_of(count)} not taken: {reason}" for reason, count in failed.items()]
    unclear = Counter(row.reason for row in rows if row.state is JobState.SUBMITTING)
    for why, count in unclear.items():
        one = count_of(count)
        lines.append(
            f"{one} may have been taken or not; this is looked up: {why}"
            if why
            else f"{one} on the way, sent by another process"
        )
    waiting = Counter(row.reason for row in rows if row.unsent)
    for reason, count in waiting.items():
        wait, go = ("waits", "it goes") if count == 1 else ("wait", "they go")
        goes_on = "" if polled else f"; {go} on while the board or `trainboard watch` is open"
        lines.append(f"{count_of(count)} {wait} here: {reason or 'not sent yet'}{goes_on}")
    return lines


def count_of(count: int) -> str:
    """Runs, counted."""
    return f"{count} run{'' if count == 1 else 's'}"
