"""What asking for trials costs beside a hundred that run: `python -m benchmarks.trials [running] [told]`.

A sweep has so many trials on the way, and so many told, each of which took ten minutes. Measured is the processor's
time of a look with nothing to do, of one with new samples of every run, and of what tells a trial and asks for the
next. Exit code 1 where all of it together is more than a twentieth of a core.
"""

from __future__ import annotations

import asyncio
import random
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from backends.base import JobState, Room
from tests.trainboard.trialdesk import a_sweep, trial_desk
from trainboard.events import Sampled
from trainboard.ledger import newest_attempts
from trainboard.records import Experiment, Run, new_token
from trainboard.retry import fresh
from trainboard.series import Sample

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from tests.trainboard.trialdesk import TrialDesk
    from trainboard.documents import Record, Records

BUDGET = 0.05
"""Of a core."""
LASTS = 600.0
"""Seconds that a trial takes."""
PRINTS = 5.0
"""Seconds between two values that a run prints."""
LOOKS, ASKED = 20, 10


async def measure(folder: Path, running: int, told: int) -> float:
    """The share of a core."""
    trials = trial_desk(folder)
    name = await trials.begin(a_sweep(samples=10_000, more="asha: {min: 100, max: 1000}"))
    await trials.desk.store.change(lambda records: filled(records, name, running, told))
    trials.desk.backend.has_room = Room(0)
    await ask_for(trials, name, 1)  # what is made once: the study, the spec
    idle = await cost(trials.asker.look, LOOKS)
    records = await trials.desk.store.load()
    alive = [each.run for each in newest_attempts(records).values() if not each.state.ended]

    async def prints() -> None:
        for run in alive:
            trials.asker.take(Sampled(run, [Sample("loss", 1.0, 5.0, "epoch", 0.0)]))
        await trials.asker.look()

    printing = await cost(prints, LOOKS)
    asking = await ask_for(trials, name, ASKED) / ASKED
    share = idle + max(0.0, printing - idle) / PRINTS + asking * running / LASTS
    print(
        f"{running} run, {told} told: a look {idle * 1e3:.1f} ms, with samples of all {printing * 1e3:.1f} ms, "
        f"telling and asking {asking * 1e3:.0f} ms: {share:.2%} of a core (budget {BUDGET:.0%})"
    )
    return share


async def cost(work: Callable[[], Awaitable[None]], times: int) -> float:
    """Seconds of processor of one."""
    start = time.process_time()
    for _ in range(times):
        await work()
    return (time.process_time() - start) / times


async def ask_for(trials: TrialDesk, name: str, count: int) -> float:
    """One ends, and there is room for another, so many times: seconds of processor of the asker."""
    spent = 0.0
    for _ in range(count):
        records = await trials.desk.store.load()
        newest = newest_attempts(records)
        number = len(newest)
        run = next(run for run, each in newest.items() if each.state is JobState.RUNNING)
        await trials.prints(run, [random.random()])
        await trials.ends(run)
        trials.desk.backend.has_room = Room(1)
        while len((await trials.desk.store.load()).runs) == number:
            trials.desk.later(2)
            spent += await cost(trials.asker.look, 1)
            await asyncio.sleep(0)
        trials.desk.backend.has_room = Room(0)
        await trials.desk.dispatcher.step()
        await trials.start()
    return spent


def filled(records: Records, name: str, running: int, told: int) -> list[Record]:
    """The same sweep further on. Pure but for the numbers."""
    lot = random.Random(0)
    made: list[Record] = [replace(records.of(Experiment)[name], trials=10_000)]
    for each in newest_attempts(records).values():
        made.append(replace(each, state=JobState.COMPLETED, ended=1.0, diagnosed=1.0))
        made.append(replace(records.runs[each.run], told=1, value=lot.random()))
    for index in range(10, told + running):
        params = {"lr": float(f"{10 ** lot.uniform(-4, 0):.6g}"), "depth": lot.randint(1, 8)}
        run = Run(f"{name}.{index}", name, index, f"r{index}", params, trial=index)
        attempt = replace(fresh(run, 1, 1.0, new_token()), backend="fake", sent=1.0, started=1.0, directory="/there")
        if index < told:
            made += [replace(run, told=1, value=lot.random())]
            made += [replace(attempt, state=JobState.COMPLETED, ended=2.0, diagnosed=2.0)]
        else:
            made += [run, replace(attempt, state=JobState.RUNNING)]
    return made


def main() -> int:
    """The exit code."""
    words = [int(word) for word in sys.argv[1:]]
    running, told = (*words, *(100, 1000)[len(words) :])
    with tempfile.TemporaryDirectory() as folder:
        return int(asyncio.run(measure(Path(folder), running, told)) > BUDGET)


if __name__ == "__main__":
    sys.exit(main())
