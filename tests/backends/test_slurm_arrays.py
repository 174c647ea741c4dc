"""Arrays of our runs on a real Slurm, task by task."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from backends.base import JobState, Watched
from specs.model import Resources, SlurmOptions
from tests.backends.test_slurm import commands, desk, lives, scancel, slurm

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from backends.base import Job
    from tests.backends.conftest import Desk

__all__ = ["desk"]

pytestmark = pytest.mark.slurm

LATER = SlurmOptions(sbatch=("--begin=now+1hour",))


async def jobs_of(desk: Desk, attempts: Iterable[Watched]) -> dict[int, Job]:
    """The jobs of a batch, by task."""
    by_token = {attempt.token: attempt.task for attempt in attempts}
    return {by_token[job.token]: job for job in await desk.backend.jobs(list(attempts)) if job.token in by_token}


async def until(desk: Desk, attempts: list[Watched], when: Callable[[dict[int, Job]], bool]) -> dict[int, Job]:
    """The jobs of a batch as soon as they are as wanted."""
    jobs: dict[int, Job] = {}
    try:
        async with asyncio.timeout(90):
            while True:
                if when(jobs := await jobs_of(desk, attempts)):
                    return jobs
                await asyncio.sleep(0.2)
    except TimeoutError:
        raise AssertionError(f"not as wanted within 90 s: {jobs}") from None


def states(jobs: dict[int, Job]) -> list[JobState]:
    """By task."""
    return [jobs[task].state for task in sorted(jobs)]


async def nices(desk: Desk, attempts: list[Watched]) -> list[int]:
    """What Slurm adds to each job's priority, by task; the smaller goes first."""
    array = attempts[0].job_id.partition("_")[0]
    told = await desk.backend.run_command(["squeue", "-h", "-r", "-j", array, "-o", "%K %y"])
    by_task = dict(line.split() for line in told.out.decode().splitlines())
    return [int(by_task[str(attempt.task)]) for attempt in attempts]


async def test_a_sweep_is_one_array_and_every_run_has_its_own_log_and_end(desk: Desk) -> None:
    plans = [replace(plan, command=f"echo run {n}; exit {n}") for n, plan in enumerate(desk.plans(4))]
    attempts = await desk.start_all(plans)
    assert commands(desk).count("sbatch") == 1
    array = attempts[0].job_id.partition("_")[0]
    assert [attempt.job_id for attempt in attempts] == [f"{array}_{n}" for n in range(4)]
    jobs = await until(desk, attempts, lambda jobs: len(jobs) == 4 and all(job.state.ended for job in jobs.values()))
    assert [(jobs[n].state, jobs[n].exit_code, jobs[n].array, jobs[n].job_id) for n in range(4)] == [
        (JobState.FAILED if n else JobState.COMPLETED, n, array, f"{array}_{n}") for n in range(4)
    ]
    assert [await desk.log(attempt) for attempt in attempts] == [f"run {n}\n" for n in range(4)]


async def test_no_more_tasks_run_at_once_than_asked_for(desk: Desk) -> None:
    attempts = await desk.start_all(desk.plans(5, "exec sleep 600", at_most=2))
    jobs = await until(desk, attempts, lambda jobs: states(jobs).count(JobState.RUNNING) == 2)
    assert states(jobs).count(JobState.PENDING) == 3
    assert {job.reason for job in jobs.values() if job.state is JobState.PENDING} <= {
        "JobArrayTaskLimit",
        "",
        "Priority",
    }
    await desk.backend.cancel(attempts)


async def test_tasks_are_held_released_and_cancelled_one_by_one(desk: Desk) -> None:
    attempts = await desk.start_all(desk.plans(6, slurm=LATER))
    await desk.backend.hold(attempts[1:3])
    jobs = await jobs_of(desk, attempts)
    assert states(jobs) == [JobState.HELD if n in (1, 2) else JobState.PENDING for n in range(6)]
    await desk.backend.release(attempts[2:3])
    await desk.backend.cancel([attempts[4]])
    jobs = await until(desk, attempts, lambda jobs: jobs[4].state.ended)
    assert states(jobs) == [
        JobState.HELD if n == 1 else JobState.CANCELLED if n == 4 else JobState.PENDING for n in range(6)
    ]
    await desk.backend.hold(attempts)
    assert set(states(await jobs_of(desk, [*attempts[:4], attempts[5]]))) == {JobState.HELD}
    await desk.backend.release(attempts)
    assert set(states(await jobs_of(desk, [*attempts[:4], attempts[5]]))) == {JobState.PENDING}


async def test_tasks_that_wait_and_are_cancelled_elsewhere_are_cancelled(desk: Desk) -> None:
    attempts = await desk.start_all(desk.plans(6, slurm=LATER))
    array = attempts[0].job_id.partition("_")[0]
    await desk.backend.hold(attempts[1:2])
    await scancel(desk, f"{array}_3")
    await scancel(desk, array)
    jobs = await until(desk, attempts, lambda jobs: len(jobs) == 6 and all(job.state.ended for job in jobs.values()))
    assert set(states(jobs)) == {JobState.CANCELLED}


async def test_a_task_that_waits_and_is_cancelled_alone_elsewhere_is_cancelled_and_the_others_wait_on(
    desk: Desk,
) -> None:
    attempts = await desk.start_all(desk.plans(4, slurm=LATER))
    await scancel(desk, attempts[2].job_id)
    jobs = await until(desk, attempts, lambda jobs: len(jobs) == 4 and jobs[2].state.ended)
    assert states(jobs) == [JobState.CANCELLED if n == 2 else JobState.PENDING for n in range(4)]
    assert jobs[2].reason == "cancelled while it waited"


async def test_a_withdrawn_task_never_starts_and_one_that_has_begun_goes_on(desk: Desk) -> None:
    plans = desk.plans(3, "echo up; exec sleep 600", at_most=1)
    attempts = await desk.start_all(plans)
    await desk.logged(attempts[0], "up\n")
    assert await desk.backend.withdraw(attempts) == {attempts[1].token, attempts[2].token}
    jobs = await until(desk, attempts, lambda jobs: len(jobs) == 3 and jobs[1].state.ended and jobs[2].state.ended)
    assert states(jobs) == [JobState.RUNNING, JobState.CANCELLED, JobState.CANCELLED]
    assert [jobs[n].withdrawn for n in range(3)] == [False, True, True]
    await desk.backend.cancel(attempts[:1])
    assert (await desk.ended(attempts[0])).state is JobState.CANCELLED


async def test_a_task_goes_to_the_top_alone_and_in_the_order_given(desk: Desk) -> None:
    attempts = await desk.start_all(desk.plans(5, slurm=LATER))
    await desk.backend.to_top([attempts[3], attempts[1]])
    nice = await nices(desk, attempts)
    assert nice[3] <= nice[1] < min(nice[0], nice[2], nice[4])


async def test_a_priority_is_less_nice_or_nicer(desk: Desk) -> None:
    attempts = await desk.start_all(desk.plans(4, slurm=LATER, priority=-3))
    assert await nices(desk, attempts) == [3] * 4
    await desk.backend.prioritise(attempts[:1], -20)
    await desk.backend.prioritise(attempts[1:2], 0)
    assert await nices(desk, attempts) == [20, 0, 3, 3]
    await desk.backend.prioritise(attempts[2:3], 5)
    nice = await nices(desk, attempts)
    assert nice[2] < min(nice[0], nice[1], nice[3])


async def test_attempts_without_a_known_job_are_found_by_batch_and_task(desk: Desk) -> None:
    attempts = await desk.start_all(desk.plans(4, "exec sleep 600", at_most=2))
    await until(desk, attempts, lambda jobs: states(jobs).count(JobState.RUNNING) == 2)
    unknown = [replace(attempt, job_id="") for attempt in attempts]
    jobs = await jobs_of(desk, unknown)
    assert [jobs[n].job_id for n in range(4)] == [attempt.job_id for attempt in attempts]
    await desk.backend.cancel(unknown)
    await until(desk, attempts, lambda jobs: all(job.state.ended for job in jobs.values()))


async def test_a_batch_sent_twice_is_there_once(desk: Desk) -> None:
    plans = desk.plans(3, slurm=LATER)
    first = await desk.start_all(plans)
    again = await desk.start_all(plans)
    assert again == [replace(attempt, submitted=again[n].submitted) for n, attempt in enumerate(first)]


async def test_two_jobs_of_one_attempt_run_it_once(desk: Desk) -> None:
    plans = desk.plans(2, "echo here", slurm=LATER)
    attempts = await desk.start_all(plans)
    folder = str(Path(attempts[0].directory).parents[1] / ".batches")
    double = f"cd {folder}/* && sed -i s/now+1hour/now/ launch.sh && sbatch launch.sh"
    assert (await desk.backend.run_command(["sh", "-c", double])).code == 0
    jobs = await until(desk, attempts, lambda jobs: all(job.state.ended for job in jobs.values()))
    assert set(states(jobs)) == {JobState.COMPLETED}
    assert (await desk.backend.run_command(["scontrol", "release", attempts[0].job_id.partition("_")[0]])).code == 0
    now = ["scontrol", "update", f"JobId={attempts[0].job_id.partition('_')[0]}", "StartTime=now"]
    assert (await desk.backend.run_command(now)).code == 0

    async with asyncio.timeout(60):
        for attempt in attempts:  # the second job of each finds its claim taken
            await desk.logged(attempt, "another runner has this attempt")
    assert states(await jobs_of(desk, attempts)) == [JobState.COMPLETED] * 2
    assert [(await desk.log(attempt)).count("here\n") for attempt in attempts] == [1, 1]


async def test_runs_that_ask_for_more_memory_are_an_array_of_their_own(desk: Desk) -> None:
    plans = desk.plans(5, slurm=LATER, resources=Resources(memory=10 << 20))
    plans[3:] = [replace(plan, resources=Resources(memory=20 << 20)) for plan in plans[3:]]
    attempts = await desk.start_all(plans)
    arrays = [attempt.job_id.partition("_")[0] for attempt in attempts]
    assert arrays[0] == arrays[2] != arrays[3] == arrays[4]
    jobs = await jobs_of(desk, [replace(attempt, job_id="") for attempt in attempts])
    assert [jobs[n].job_id for n in range(5)] == [attempt.job_id for attempt in attempts]


async def test_a_thousand_tasks_cost_one_squeue_and_little_of_the_event_loop(desk: Desk) -> None:
    attempts = await desk.start_all(desk.plans(1000, slurm=LATER))
    assert len({attempt.job_id for attempt in attempts}) == 1000
    await desk.backend.jobs(attempts)
    used, latest = [1.0], [1.0]
    while (min(used) >= 0.1 or min(latest) >= 0.05) and len(used) <= 5:  # garbage may be collected in its midst
        commands(desk)
        late = asyncio.create_task(lateness())
        begun = time.process_time()
        jobs = await desk.backend.jobs(attempts)
        used.append(time.process_time() - begun)
        late.cancel()
        latest.append(max(LATE))
        assert commands(desk) == ["squeue"]
        assert len([job for job in jobs if job.token]) == 1000
    assert min(used) < 0.1
    assert min(latest) < 0.05


LATE: list[float] = []


async def lateness() -> None:
    """Note how long the processor was used between two ticks of a millisecond: others use it, too."""
    LATE[:] = [0.0]
    while True:
        before = time.thread_time()
        await asyncio.sleep(0.001)
        LATE.append(time.thread_time() - before)


async def test_slurm_taking_a_job_off_and_starting_it_again_is_one_attempt(desk: Desk) -> None:
    plan = desk.plan(
        "echo life; exec sleep 600",
        restart_on=(JobState.PREEMPTED, JobState.NODE_FAIL),
        restarts=2,
    )
    attempt = await desk.start(plan)
    await desk.logged(attempt, "life\n")
    assert (await desk.backend.run_command(["scontrol", "requeue", attempt.job_id])).code == 0
    job = await desk.until(attempt, lambda job: job.state is JobState.PENDING)
    assert job.job_id == attempt.job_id
    await lives(desk, attempt, 2)
    assert (await desk.until(attempt, lambda job: job.state is JobState.RUNNING)).job_id == attempt.job_id
    await desk.backend.cancel([attempt])
    assert (await desk.ended(attempt)).state is JobState.CANCELLED


async def test_there_is_room_for_more(desk: Desk) -> None:
    room = await slurm(desk).room(Resources(), SlurmOptions())
    assert room.queue is not None
    assert 0 < room.queue <= 10000
