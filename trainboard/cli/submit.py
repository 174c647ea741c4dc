"""`trainboard submit`."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

from backends import script
from backends.base import JobState
from specs.load import load
from trainboard.cli.desk import open_desk
from trainboard.cli.terminal import TerminalPrompter, complain, print_json, print_table
from trainboard.rows import merge
from trainboard.submit import choose_backend, preview
from trainboard.submit import submit as submit_spec

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping

    from backends.base import Backend, Plan
    from specs.model import Setting, Spec
    from trainboard.cli.desk import Desk


def submit(chosen: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """Submit, or show what would be submitted."""
    return asyncio.run(run(chosen, environ))


async def run(chosen: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """All input is checked before any host is asked."""
    desk = open_desk(environ, TerminalPrompter())
    spec = load(Path(chosen.spec), chosen.overrides)
    async with desk.backends() as backends:
        backend = choose_backend(spec, backends, chosen.on)
        if chosen.dry_run:
            return await dry_run(spec, backend, environ, chosen.json)
        return await wet_run(desk, spec, backend, chosen.json)


async def dry_run(spec: Spec, backend: Backend, environ: Mapping[str, str], as_json: bool) -> int:
    """The runs, and the script of each."""
    plans = await preview(spec, environ)
    if as_json:
        print_json([planned(plan, setting, backend) for setting, plan in plans])
        return 0
    print_table(("RUN", "BACKEND", "COMMAND"), [(plan.run, backend.name, plan.command) for _, plan in plans])
    return 0


def planned(plan: Plan, setting: Setting, backend: Backend) -> dict[str, object]:
    """The keys of `ls`, for a run that is not submitted, and its script."""
    nothing = dict.fromkeys(("run", "job_id", "state", "submitted", "started", "ended", "exit_code"))
    launch = script.slurm_launch(plan, "python3") if backend.kind == "slurm" else script.run_script(plan)
    known = {
        "experiment": plan.experiment,
        "backend": backend.name,
        "name": plan.job_name,
        "params": dict(setting.params),
    }
    return nothing | known | {"reason": "", "script": launch}


async def wet_run(desk: Desk, spec: Spec, backend: Backend, as_json: bool) -> int:
    """Submit; 1 where a run was not taken."""
    made = await submit_spec(spec, backend, desk.store, desk.environ)
    ids = {run.id for run, _ in made}
    rows = [row for row in merge(await desk.store.load(), {}) if row.key in ids]
    rows.sort(key=lambda row: int(row.key.rpartition(".")[2]))
    if as_json:
        print_json([row.as_json() for row in rows])
    else:
        print_table(
            ("RUN", "BACKEND", "JOB", "STATE", "NAME"),
            [(row.key, row.backend, row.job_id, row.state, row.name) for row in rows],
        )
    for row in rows:
        if row.reason:
            complain(f"{row.key}: {row.reason}")
    return 1 if any(row.state is JobState.FAILED for row in rows) else 0
