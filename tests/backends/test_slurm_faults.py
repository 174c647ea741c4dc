"""A real Slurm in trouble: daemons that restart, commands that answer late or not at all, limits. On a cluster of
its own, which is gone afterwards."""

from __future__ import annotations

import asyncio
import getpass
import os
import subprocess
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from backends.base import BackendError, CommandFailed, JobState, NoRoom, Rejected, Unclear, Watched
from backends.slurm import Slurm
from specs.model import Resources, SlurmOptions
from tests.backends.conftest import Desk, over_ssh
from tests.cluster import default_folder, start, stop, unavailable
from tests.cluster.faults import configure, halt, instead, resume
from tests.cluster.layout import default_ports
from tests.conftest import need

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Iterator, Sequence

    from backends.base import Job, Plan
    from tests.cluster import Cluster

pytestmark = [pytest.mark.slurm, pytest.mark.slow]

LATER = SlurmOptions(sbatch=("--begin=now+1hour",))


@pytest.fixture(scope="module")
def fragile() -> Iterator[Cluster]:
    """A cluster that a test may break."""
    need(unavailable(), os.environ)
    folder = Path(f"{default_folder()}-faults")
    stop(folder)
    yield start(folder, port_base=default_ports() + 5000)
    stop(folder)


@pytest.fixture
async def desk(fragile: Cluster, tmp_path: Path) -> AsyncGenerator[Desk]:
    """The cluster through its gateway; its queue is empty afterwards."""
    backend = Slurm("triton", over_ssh(fragile, "gateway"), str(tmp_path / "runs"), shared=True)
    yield Desk(backend, tmp_path)
    await asyncio.to_thread(resume, fragile)
    assert (await backend.run_command(["scancel", "-u", getpass.getuser()])).code == 0
    await backend.close()


def sacctmgr(cluster: Cluster, *words: str) -> None:
    """Change the accounting."""
    argv = [str(cluster.dir / "tools-slurm/sacctmgr"), "-i", *words]
    subprocess.run(argv, check=True, capture_output=True, env={"SLURM_CONF": str(cluster.slurm_conf)})


async def copies(desk: Desk, plans: Sequence[Plan]) -> dict[str, list[str]]:
    """The live jobs of each plan, by what Slurm itself says."""
    told = await desk.backend.run_command(
        ["squeue", "-h", "-r", "-t", "pending,running,completing", "-o", "%k %K %i"]
    )
    jobs = [line.split() for line in told.out.decode().splitlines()]
    return {
        plan.token: [
            job_id
            for comment, task, job_id in jobs
            if comment == plan.token or (comment, task) == (plan.batch, str(plan.task))
        ]
        for plan in plans
    }


async def sent_until_there(desk: Desk, plans: Sequence[Plan]) -> list[Watched]:
    """Do as the board does: look up what is unclear, and send again what is nowhere."""
    ids: dict[str, str] = {}
    async with asyncio.timeout(110):
        while len(ids) < len(plans):
            left = [plan for plan in plans if plan.token not in ids]
            outcomes = await desk.backend.submit(left)
            ids |= {token: outcome for token, outcome in outcomes.items() if isinstance(outcome, str)}
            for outcome in outcomes.values():
                assert isinstance(outcome, str | Unclear | NoRoom) or "not submitted" in str(outcome), outcome
            await asyncio.sleep(0.2)
    return [desk.watched(plan, ids[plan.token]) for plan in plans]


async def found(desk: Desk, attempts: Sequence[Watched], within: float = 60) -> dict[str, Job]:
    """The jobs of these by token, as soon as all are seen; trouble on the way is waited out."""
    async with asyncio.timeout(within):
        while True:
            try:
                jobs = {job.token: job for job in await desk.backend.jobs(attempts) if job.token}
            except BackendError:
                jobs = {}
            if len(jobs) == len(attempts):
                return jobs
            await asyncio.sleep(0.2)


async def test_an_sbatch_that_answers_after_forty_seconds_is_waited_for(fragile: Cluster, desk: Desk) -> None:
    plans = desk.plans(3, slurm=LATER)
    with instead(fragile, "sbatch", 'answer=$($real "$@"); sleep 40; echo "$answer"'):
        began = time.monotonic()
        attempts = await desk.start_all(plans)
        assert time.monotonic() - began > 40
    assert await copies(desk, plans) == {attempt.token: [attempt.job_id] for attempt in attempts}


@pytest.mark.parametrize("count", [1, 4])
@pytest.mark.parametrize(
    "script",
    [
        '$real "$@" >/dev/null; exit 0',
        '$real "$@" >/dev/null; kill -9 $$',
        '$real "$@" >/dev/null; echo "sbatch: error: Batch job submission failed: Socket timed out" >&2; exit 1',
        '$real "$@" >/dev/null; kill -9 $PPID',  # the helper, and with it the connection
    ],
    ids=["says-nothing", "dies", "says-an-error", "the-line-breaks"],
)
async def test_a_submission_that_was_accepted_and_not_answered_is_found_and_never_doubled(
    fragile: Cluster, desk: Desk, script: str, count: int
) -> None:
    plans = desk.plans(count, slurm=LATER)
    with instead(fragile, "sbatch", script):
        outcomes = await desk.backend.submit(plans)
    assert {type(outcome) for outcome in outcomes.values()} == {Unclear}
    jobs = await found(desk, [desk.watched(plan) for plan in plans])
    assert {job.state for job in jobs.values()} == {JobState.PENDING}
    again = await desk.start_all(plans)
    assert {attempt.token: attempt.job_id for attempt in again} == {token: job.job_id for token, job in jobs.items()}
    assert await copies(desk, plans) == {token: [job.job_id] for token, job in jobs.items()}


async def test_slurmctld_restarted_while_a_batch_is_submitted_leaves_every_run_there_once(
    fragile: Cluster, desk: Desk
) -> None:
    plans = desk.plans(20, slurm=LATER)
    begun = desk.workdir / "begun"
    os.mkfifo(begun)
    await asyncio.to_thread(halt, fragile, "slurmctld")
    with instead(fragile, "sbatch", f'[ -p {begun} ] && : > {begun}; exec $real "$@"'):
        sending = asyncio.create_task(sent_until_there(desk, plans))
        await asyncio.to_thread(begun.read_bytes)  # until sbatch is at it
        begun.unlink()
        await asyncio.to_thread(resume, fragile)
        attempts = await sending
    assert await copies(desk, plans) == {attempt.token: [attempt.job_id] for attempt in attempts}


async def test_slurmctld_killed_right_after_it_accepted_leaves_every_run_there_once(
    fragile: Cluster, desk: Desk
) -> None:
    plans = desk.plans(5, slurm=LATER)
    pid = (fragile.dir / "run/slurmctld.pid").read_text().split()[0]
    with instead(fragile, "sbatch", f'$real "$@"; kill -9 {pid}'):
        await desk.backend.submit(plans)
    await asyncio.to_thread(resume, fragile)
    attempts = await sent_until_there(desk, plans)
    assert await copies(desk, plans) == {attempt.token: [attempt.job_id] for attempt in attempts}


async def test_slurmctld_restarted_between_polls_ends_nothing(fragile: Cluster, desk: Desk) -> None:
    attempts = await desk.start_all(desk.plans(3, "echo up; exec sleep 600"))
    for attempt in attempts:
        await desk.logged(attempt, "up\n")
    await asyncio.to_thread(halt, fragile, "slurmctld")
    with pytest.raises(CommandFailed, match="squeue"):
        await desk.backend.jobs(attempts)
    await asyncio.to_thread(resume, fragile)
    jobs = await found(desk, attempts)
    assert {job.state for job in jobs.values()} == {JobState.RUNNING}
    await desk.backend.cancel(attempts)
    assert {(await desk.ended(attempt)).state for attempt in attempts} == {JobState.CANCELLED}


async def test_without_slurmdbd_runs_are_submitted_and_end_by_their_records(fragile: Cluster, desk: Desk) -> None:
    await asyncio.to_thread(halt, fragile, "slurmdbd")
    attempts = await desk.start_all([replace(plan, command=f"exit {n}") for n, plan in enumerate(desk.plans(2))])
    ends = [await desk.ended(attempt) for attempt in attempts]
    assert [(job.state, job.exit_code) for job in ends] == [(JobState.COMPLETED, 0), (JobState.FAILED, 1)]
    gone = Watched("f" * 16, "99999", f"{attempts[0].directory}-gone", time.time())
    assert [job.state for job in await desk.backend.jobs([gone]) if job.token] == [JobState.UNKNOWN]


async def test_a_site_without_comments_in_its_accounting_is_searched_by_folder(fragile: Cluster, desk: Desk) -> None:
    await asyncio.to_thread(configure, fragile, AccountingStoreFlags="")
    alone, *many = await desk.start_all([desk.plan("true", experiment="alone")]) + await desk.start_all(desk.plans(3))
    for attempt in (alone, *many):
        await desk.ended(attempt)
    told = await desk.backend.run_command(["sacct", "-n", "-P", "-X", "-j", alone.job_id, "-o", "Comment"])
    assert told.out.strip() == b""
    assert isinstance(desk.backend, Slurm)
    nameless = [replace(attempt, job_id="", submitted=attempt.submitted - 600) for attempt in (alone, *many)]
    async with asyncio.timeout(40):
        while True:  # slurmdbd hears of it a little later
            desk.backend.accounting._searched = -1e9
            jobs = {job.token: job for job in await desk.backend.accounting.jobs(nameless)}
            if len(jobs) == 4 and all(job.state.ended for job in jobs.values()):
                break
            await asyncio.sleep(0.2)
    assert {token: job.job_id for token, job in jobs.items()} == {each.token: each.job_id for each in (alone, *many)}
    assert {job.state for job in jobs.values()} == {JobState.COMPLETED}


async def test_runs_beyond_a_limit_wait_for_room_and_the_room_is_known(fragile: Cluster, desk: Desk) -> None:
    await asyncio.to_thread(configure, fragile, AccountingStorageEnforce="associations,limits,qos", MaxArraySize="9")
    sacctmgr(fragile, "modify", "user", "where", f"name={getpass.getuser()}", "set", "MaxSubmitJobs=20")
    try:
        await limited(desk)
    finally:
        sacctmgr(fragile, "modify", "user", "where", f"name={getpass.getuser()}", "set", "MaxSubmitJobs=-1")
        await asyncio.to_thread(configure, fragile, AccountingStorageEnforce="", MaxArraySize="")


async def limited(desk: Desk) -> None:
    """Submit more than fits, in arrays that are smaller than the batch."""
    async with asyncio.timeout(60):
        while (
            room := await desk.backend.room(Resources(), LATER)
        ).queue != 20:  # slurmctld hears of it a little later
            assert isinstance(desk.backend, Slurm)
            desk.backend.allowance.forget()
            await asyncio.sleep(0.2)
    assert room.reason == f"MaxSubmitJobs in account {getpass.getuser()}: 20"
    plans = desk.plans(30, slurm=LATER)
    outcomes = await desk.backend.submit(plans)
    there = [plan for plan in plans if isinstance(outcomes[plan.token], str)]
    assert 18 <= len(there) <= 20
    assert {type(outcomes[plan.token]) for plan in plans if plan not in there} == {NoRoom}
    assert len({str(outcomes[plan.token]).partition("_")[0] for plan in there}) >= 3
    assert (await desk.backend.room(Resources(), LATER)).queue == 20 - len(there)
    await desk.backend.cancel([desk.watched(plan, str(outcomes[plan.token])) for plan in there[:10]])
    left = [plan for plan in plans if plan not in there]
    more = await desk.backend.submit(left)
    assert sum(isinstance(outcome, str) for outcome in more.values()) >= 1
    refused = await desk.backend.submit([desk.plan("true", slurm=SlurmOptions(account="nobodys"))])
    [outcome] = refused.values()
    assert isinstance(outcome, Rejected)
    assert not isinstance(outcome, NoRoom)
