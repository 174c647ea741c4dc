"""`trainboard hosts --free`: where so many GPUs with so much memory are free now, and who has the others."""

from __future__ import annotations

import asyncio
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from backends.base import BackendError, Plan, Room
from specs.model import Resources, SlurmOptions
from specs.units import size
from trainboard.actions import Refused
from trainboard.cli.terminal import print_json, print_table
from trainboard.show import duration

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterable, Sequence

    from backends.base import Backend

ASKING = 45.0
"""Seconds that a backend may take: to log in, and to have its scheduler look."""
AT_ONCE = 60.0
"""Seconds within which a scheduler starts what it starts now."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What one backend says."""

    backend: str
    kind: str
    state: str
    """`up` or `down`."""
    reason: str
    """Why none would start now, in one line."""
    now: int | None = None
    """How many such runs would start at once; None: nobody tells."""
    gpus: tuple[tuple[int, ...], ...] = ()
    """The GPUs that the first of them would take."""
    start: float | None = None
    """When the scheduler would start one, seconds since the epoch."""
    waiting: int | None = None
    """Runs in the host's own queue, of all users."""
    taken: tuple[tuple[int, str], ...] = ()
    """Of the GPUs that it could not have: index, and who has it or what else is the matter."""


def wanted(chosen: argparse.Namespace) -> Resources:
    """What is looked for. Raises `Refused`."""
    if chosen.gpus is not None and chosen.gpus < 1:
        raise Refused("--gpus must be at least 1")
    if chosen.memory is None:
        return Resources(gpus=chosen.gpus or 1)
    try:
        return Resources(gpus=chosen.gpus or 1, gpu_memory=size(chosen.memory))
    except ValueError:
        raise Refused(f"--memory is not a size: {chosen.memory!r} (as 8G, 500M)") from None


async def tell(backends: Iterable[Backend], resources: Resources, *, as_json: bool) -> int:
    """Ask all of them; 0 where there is room somewhere, else 1."""
    now = time.time()
    answers = await asyncio.gather(*(ask(backend, resources, now) for backend in backends))
    if as_json:
        print_json([shown(answer) for answer in answers])
    else:
        ordered = sorted(answers, key=lambda answer: not answer.now)
        print_table(("BACKEND", "NOW", "GPUS", "WAITING", ""), [cells(answer, now) for answer in ordered])
    return 0 if any(answer.now for answer in answers) else 1


async def ask(backend: Backend, resources: Resources, now: float) -> Answer:
    """What one backend says; that it does not answer is an answer, too."""
    try:
        async with asyncio.timeout(ASKING):
            return await (scheduled if backend.kind == "slurm" else unscheduled)(backend, resources, now)
    except TimeoutError:
        return Answer(backend.name, backend.kind, "down", f"no answer in {ASKING:.0f} s")
    except BackendError as error:
        return Answer(backend.name, backend.kind, "down", error.bare)


async def unscheduled(backend: Backend, resources: Resources, now: float) -> Answer:
    """By the rules of the host's own queue: leases, declared memory, processes of others."""
    room = await backend.room(resources, SlurmOptions())
    reason = "" if room.now else room.reason
    return Answer(
        backend.name, backend.kind, "up", reason, room.now, room.takes, None, room.waiting, taken(room, resources)
    )


def taken(room: Room, resources: Resources) -> tuple[tuple[int, str], ...]:
    """The GPUs that no such run could have now, but not those that the first of them would take."""
    given = {index for gpus in room.takes for index in gpus}
    return tuple((index, reason) for index, reason in room.gpus if reason and index not in given)


async def scheduled(backend: Backend, resources: Resources, now: float) -> Answer:
    """By the scheduler: `sbatch --test-only`, which queues nothing."""
    forecast = await backend.forecast(probe(resources))
    if forecast is None:
        return Answer(backend.name, backend.kind, "up", "")
    if forecast.refusal:
        return Answer(backend.name, backend.kind, "up", forecast.refusal, 0)
    start = forecast.start
    if start is None:
        return Answer(backend.name, backend.kind, "up", "the scheduler does not say when")
    return Answer(backend.name, backend.kind, "up", "", 1 if start - now <= AT_ONCE else 0, (), start)


def probe(resources: Resources) -> Plan:
    """A run that is only asked about."""
    return Plan(
        token="0" * 32,
        experiment="free",
        run="free",
        attempt=1,
        command=":",
        spec_text="",
        setup="",
        env={},
        secrets={},
        resources=resources,
        slurm=SlurmOptions(),
        workdir=Path("/"),
    )


def shown(answer: Answer) -> dict[str, Any]:
    """The keys that `hosts --free --json` promises."""
    found = asdict(answer)
    found["taken"] = [{"gpu": index, "reason": reason} for index, reason in answer.taken]
    return found


def cells(answer: Answer, now: float) -> Sequence[str]:
    """A row of the table."""
    why = "; ".join(f"GPU {index}: {reason}" for index, reason in answer.taken) or answer.reason
    waiting = "-" if answer.waiting is None else str(answer.waiting)
    gpus = " ".join(dict.fromkeys(",".join(map(str, each)) for each in answer.gpus)) or "-"
    if answer.state != "up":
        return answer.backend, "down", "-", "-", answer.reason
    if answer.start is not None:
        when = "now" if answer.now else f"in {duration(answer.start - now)}"
        return answer.backend, when, gpus, waiting, "by sbatch --test-only" if answer.now else why
    return answer.backend, "?" if answer.now is None else str(answer.now) if answer.now else "no", gpus, waiting, why
