"""`trainboard submit`."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from backends import script
from backends.base import JobState, Question
from specs.combos import FIRST
from specs.load import load
from trainboard.cli.desk import open_desk
from trainboard.cli.terminal import TerminalPrompter, complain, print_json, print_table
from trainboard.code import question
from trainboard.members import Fate
from trainboard.options import Only, Options
from trainboard.preflight import Level
from trainboard.rows import merge
from trainboard.scripts import of_plans
from trainboard.submit import carry_out, choose, consider, preview

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping, Sequence

    from backends.base import Backend, Plan, Prompter
    from specs.model import Setting, Spec
    from trainboard.cli.desk import Desk
    from trainboard.config import BackendConfig
    from trainboard.doubts import Doubt
    from trainboard.members import Known
    from trainboard.prospect import Prospect
    from trainboard.rows import Row


def submit(chosen: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """Submit, or show what would be submitted."""
    return asyncio.run(run(chosen, environ))


async def run(chosen: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """All input is checked before any host is asked."""
    prompter = TerminalPrompter()
    desk = open_desk(environ, prompter)
    words = [f"variant={chosen.variant}"] if chosen.variant else []
    spec = load(Path(chosen.spec), [*words, *chosen.overrides])
    where = choose(spec, desk.config, [chosen.on] if chosen.on else ())
    if chosen.dry_run:
        return await dry_run(desk, spec, where, chosen.json)
    only = Only(chosen.only) if chosen.only else None
    options = Options(again=chosen.again, only=only, force=chosen.force, send=chosen.send)
    return await wet_run(desk, spec, where, options, prompter, as_json=chosen.json)


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
    for line in asking(spec):
        complain(line)
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
    found = of_plans(plans, backend)
    return [found.launch(plan.task) for plan in plans]


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


async def wet_run(
    desk: Desk, spec: Spec, where: Sequence[str], options: Options, prompter: Prompter, *, as_json: bool
) -> int:
    """Submit; 1 where a run was not taken. What exists already is listed with the rest, in the order of the spec."""
    async with desk.backends() as backends, desk.dispatcher(backends) as dispatcher:
        by_name = {backend.name: backend for backend in backends}
        prospect = await asked(desk, spec, [by_name[name] for name in where], options, prompter)
        made = await carry_out(prospect, dispatcher)
    records = await desk.store.load()
    table = {row.key: row for row in merge(records, {})}
    new = {run.id: table[run.id] for run, _ in made}
    # Another command may have submitted some of them at the same moment.
    known = [*prospect.choice.known, *(each for each in prospect.still(records).known if each.run.id not in new)]
    for line in remarks(prospect, known):
        complain(line)
    rows = [*new.values(), *(table[each.run.id] for each in known)]
    rows.sort(key=lambda row: int(row.key.rpartition(".")[2]))
    if as_json:
        print_json([row.as_json() for row in rows])
    else:
        print_table(
            ("RUN", "BACKEND", "JOB", "STATE", "NAME", "REASON"),
            [(row.key, row.backend or "-", row.job_id or "-", row.state, row.name, row.reason) for row in rows],
        )
    for line in trouble(list(new.values()), polled=await desk.holder() is not None):
        complain(line)
    await desk.poke()
    return 1 if any(row.state is JobState.FAILED for row in new.values()) else 0


async def asked(desk: Desk, spec: Spec, where: Sequence[Backend], options: Options, prompter: Prompter) -> Prospect:
    """What is to be submitted, after the user was asked about what should not be sent unasked. Raises `Refused`."""
    prospect = await consider(spec, where, desk.store, desk.archives, desk.environ, options)
    if prospect.doubts and await prompter.ask(about(prospect.doubts)) is not None:
        options = replace(options, send=True)
        prospect = await consider(spec, where, desk.store, desk.archives, desk.environ, options)
    if (objection := prospect.objection()) is not None:
        raise objection
    return prospect


def about(doubts: Sequence[Doubt]) -> Question:
    """The question whether these files are to be sent."""
    lines = [*question(doubts), "send them?"]
    return Question("", "These files of the project may not be meant to be sent:", "\n".join(lines), yes_no=True)


def remarks(prospect: Prospect, known: Sequence[Known]) -> list[str]:
    """One line for everything about a submission that is not as it seems from the spec; `known`: what exists."""
    only = prospect.options.only
    lines = asking(prospect.spec) if prospect.choice.settings else []
    lines += existing(known, advise=only is None) if known else []
    if only is not None and not prospect.choice.settings:
        lines.append(f"no run of {prospect.spec.name} is {only}: nothing to submit")
    # Of warnings, those that one can do something about: what could not be looked at is for `trainboard check`.
    fails = prospect.report.fails()
    warned = [
        check for check in prospect.report.checks if check in fails or (check.level is Level.WARN and check.advice)
    ]
    lines += dict.fromkeys(f"{str(check.level).lower()}: {check.line}" for check in warned)
    if prospect.forced:
        lines.append("submitted all the same, as --force says; the record says so, too")
    elif dropped := [name for name in prospect.backends if name not in prospect.where]:
        lines.append(f"not to {', '.join(dropped)}, where the runs would fail")
    return lines


def asking(spec: Spec) -> list[str]:
    """What is told of a sweep of which not all runs are there from the start."""
    sweep = spec.sweep
    if not sweep.method.asks or sweep.samples <= FIRST:
        return []
    return [f"{sweep.samples} trials in all are asked for, as there is room, by the board or `trainboard watch`"]


def existing(known: Sequence[Known], *, advise: bool) -> list[str]:
    """What is told of runs that exist already; `advise`: with what would submit some of them all the same."""
    counts = Counter(str(each.attempt.state) for each in known)
    states = ", ".join(f"{count} {state}" for state, count in counts.items())
    first, last = known[0].run.id, known[-1].run.id
    if len(known) == 1:
        line = f"1 run exists already and is not submitted again: {first}, {known[0].attempt.state}"
    else:
        line = f"{len(known)} runs exist already and are not submitted again: {first} to {last}, {states}"
    if not advise:
        return [line]
    failed = any(each.fate is Fate.FAILED for each in known)
    return [f"{line}; --again submits all{', --only failed those that failed' if failed else ''}"]


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
