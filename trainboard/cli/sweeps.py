"""`trainboard sweeps`: how the sweeps stand whose trials are asked for one after the other."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from specs.tree import nearest, quoted
from trainboard.actions import Refused
from trainboard.cli.desk import open_desk
from trainboard.cli.terminal import TerminalPrompter, print_json, print_table
from trainboard.ledger import newest_attempts
from trainboard.rows import merge
from trainboard.show import number
from trainboard.trials.standing import Fate, sweeps
from trainboard.trials.waiting import told, waits

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping, Sequence

    from trainboard.cli.desk import Desk
    from trainboard.documents import Records
    from trainboard.lease import Holder
    from trainboard.rows import Row
    from trainboard.trials.standing import Sweep, Trial


def listed(chosen: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """A line for each, the newest first; of one that is named, its trials. No host is asked."""
    desk = open_desk(environ, TerminalPrompter())
    records, holder = asyncio.run(_looked(desk))
    found = sweeps(records, newest_attempts(records))
    if chosen.experiment is not None:
        if chosen.experiment not in found:
            known = f"{quoted(chosen.experiment)}{nearest(chosen.experiment, found)}"
            raise Refused(f"no sweep {known} asks for its trials; `trainboard sweeps` lists those that do")
        trials(found[chosen.experiment], as_json=chosen.json)
        return 0
    ordered = sorted(found.values(), key=lambda sweep: -sweep.experiment.created)
    rows, polled = merge(records, {}), holder is not None
    if chosen.json:
        print_json([as_json(sweep, waits(sweep, rows, polled=polled)) for sweep in ordered])
    else:
        stand = [(sweep.experiment.id, told(sweep, rows, polled=polled)) for sweep in ordered]
        print_table(("EXPERIMENT", "STANDS"), stand)
    return 0


async def _looked(desk: Desk) -> tuple[Records, Holder | None]:
    return await desk.store.load(), await desk.holder()


async def below(desk: Desk, rows: Sequence[Row]) -> list[str]:
    """Lines below a table of these rows: how the sweeps of it stand that still ask for trials; the newest first."""
    records, holder = await _looked(desk)
    there = {row.experiment for row in rows}
    found = [each for each in sweeps(records, newest_attempts(records)).values() if each.experiment.id in there]
    going = [each for each in found if each.experiment.finished is None]
    going.sort(key=lambda sweep: -sweep.experiment.created)
    return [f"{each.experiment.id}: {told(each, rows, polled=holder is not None)}" for each in going]


def trials(sweep: Sweep, *, as_json: bool) -> None:
    """One sweep, trial by trial."""
    if as_json:
        print_json([trial_as_json(each) for each in sweep.trials])
        return
    rows = [
        (
            str(each.number),
            each.runs[0].id,
            str(each.fate),
            "-" if each.value is None else number(each.value),
            str(max(len(run.rungs) for run in each.runs)),
            each.runs[0].name,
        )
        for each in sweep.trials
    ]
    print_table(("TRIAL", "RUN", "STATE", "VALUE", "RUNGS", "NAME"), rows)


def as_json(sweep: Sweep, waiting: str) -> dict[str, Any]:
    """The keys that `sweeps --json` promises."""
    experiment, best = sweep.experiment, sweep.best
    return {
        "experiment": experiment.id,
        "objective": experiment.objective,
        "goal": experiment.goal,
        "trials": experiment.trials,
        "asked": len(sweep.trials),
        "ended": len(sweep.ended),
        "alive": len(sweep.alive),
        "failed": sum(each.fate is Fate.FAILED for each in sweep.trials),
        "paused": sweep.paused,
        "left": sweep.left,
        "best": None if best is None else trial_as_json(best),
        "halted": experiment.halted or None,
        "finished": experiment.finished,
        "waits": waiting or None,
    }


def trial_as_json(trial: Trial) -> dict[str, Any]:
    """The keys of a trial."""
    return {
        "trial": trial.number,
        "runs": [run.id for run in trial.runs],
        "state": str(trial.fate),
        "value": trial.value,
        "rungs": [list(run.rungs) for run in trial.runs],
        "params": dict(trial.params),
    }
