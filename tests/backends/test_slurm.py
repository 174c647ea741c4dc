"""A real Slurm, and one whose commands misbehave."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from backends.base import Job, JobState, Rejected, Watched
from backends.host import Host
from backends.slurm import Slurm
from specs.model import Resources, SlurmOptions
from tests.backends.conftest import Desk, over_ssh

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Mapping, Sequence

    from backends.base import Completed
    from tests.cluster import Cluster

real = pytest.mark.slurm


class CountedHost(Host):
    """A host session that remembers the commands it was asked to run."""

    commands: list[str]

    async def run(
        self,
        argv: Sequence[str],
        timeout: float = 20,
        cap: int = 1 << 20,
        env: Mapping[str, str] | None = None,
        cwd: str = "~",
    ) -> Completed:
        """Run it, and remember its name."""
        self.commands.append(argv[0])
        return await super().run(argv, timeout, cap, env, cwd)


@pytest.fixture
async def desk(cluster: Cluster, tmp_path: Path) -> AsyncGenerator[Desk]:
    """The real cluster, through its gateway."""
    host = over_ssh(cluster, "gateway")
    counted = CountedHost("gateway", host._open_link, host._disconnect)
    counted.commands = []
    backend = Slurm("triton", counted, str(tmp_path / "runs"), shared=True)
    desk = Desk(backend, tmp_path)
    yield desk
    left = await backend.run_command(["squeue", "-h", "-o", "%A %Z"])
    ours = [line.split()[0] for line in left.out.decode().splitlines() if str(tmp_path) in line]
    await backend.cancel([Watched("", job_id, "", 0.0) for job_id in set(ours)])
    await backend.close()


def slurm(desk: Desk) -> Slurm:
    """The backend, by its own kind."""
    assert isinstance(desk.backend, Slurm)
    return desk.backend


def commands(desk: Desk) -> list[str]:
    """The commands that were run since the last look."""
    host = slurm(desk).host
    assert isinstance(host, CountedHost)
    found = host.commands[:]
    host.commands.clear()
    return found


async def sbatch(desk: Desk, *options: str, script: str = "exec sleep 600") -> str:
    """Submit a job that is not ours; its id."""
    argv = ["sbatch", "--parsable", "--chdir", str(desk.workdir), "--mem=10M", *options, "--wrap", script]
    done = await desk.backend.run_command(argv)
    assert done.code == 0, done.err
    return done.out.decode().strip()


async def scancel(desk: Desk, *ids: str) -> None:
    """Cancel jobs as somebody in another terminal."""
    assert (await desk.backend.run_command(["scancel", *ids])).code == 0


async def found(desk: Desk, job_id: str, when: Callable[[Job], bool] = lambda job: True) -> Job:
    """A job that is not ours, as soon as it is as wanted."""
    async with asyncio.timeout(40):
        while True:
            for job in await desk.backend.jobs([]):
                if job.job_id == job_id and when(job):
                    return job
            await asyncio.sleep(0.1)


async def lives(desk: Desk, attempt: Watched, count: int) -> None:
    """Wait until its program has said `life` so often; a requeued job is not left to wait its two minutes."""
    await desk.until(attempt, lambda job: job.state is JobState.PENDING)
    # Not at once: in the second in which slurmd ended a job it starts it no more.
    soon = ["scontrol", "update", f"JobId={attempt.job_id}", "StartTime=now+2"]
    assert (await desk.backend.run_command(soon)).code == 0
    async with asyncio.timeout(60):
        while (await desk.log(attempt)).count("life") < count:
            job = await desk.job(attempt)
            assert not job.state.ended, job


# jobs of others' making


NAMES = [
    "a|b|c",
    'it\'s "quoted"',
    "two\nlines",
    "emoji \N{PARTY POPPER} und Umlaut ü",
    "~=~%j %i $(id) `id`",
    "tab\tand  spaces ",
    "\x1b[31mred",
    " ",
]


@real
async def test_job_names_come_back_exactly(desk: Desk) -> None:
    ids = [await sbatch(desk, "--hold", f"--job-name={name}", f"--comment={name}") for name in NAMES]
    jobs = {job.job_id: job for job in await desk.backend.jobs([])}
    await scancel(desk, *ids)
    assert [jobs[job_id].name for job_id in ids] == NAMES
    assert {jobs[job_id].state for job_id in ids} == {JobState.HELD}
    assert {jobs[job_id].token for job_id in ids} == {""}


@real
async def test_hundreds_of_jobs_cost_one_squeue_and_nothing_else(desk: Desk) -> None:
    many = "for n in $(seq 200); do sbatch -Q --hold --chdir=. --job-name=j$n --wrap true; done"
    assert (await desk.backend.run_command(["sh", "-c", f"cd {desk.workdir} && {many}"], timeout=60)).code == 0
    array = await sbatch(desk, "--hold", "--array=0-299")
    held = await desk.start(desk.plan("true", slurm=SlurmOptions(sbatch=("--hold",))))
    await desk.backend.jobs([held])
    commands(desk)
    jobs = await desk.backend.jobs([held])
    assert commands(desk) == ["squeue"]
    assert {job.job_id.partition("_")[0] for job in jobs} >= {array, held.job_id}
    assert {job.name for job in jobs} >= {f"j{n}" for n in range(1, 201)}


@real
async def test_sacct_is_asked_only_for_what_left_without_a_record(desk: Desk) -> None:
    done = await desk.start(desk.plan("true"))
    await desk.ended(done)
    commands(desk)
    await desk.backend.jobs([done])
    assert commands(desk) == ["squeue"]
    # As if squeue had forgotten it and its files were gone: only the accounting still knows.
    async with asyncio.timeout(40):
        while True:
            stranger = Watched("f" * 16, done.job_id, f"{done.directory}-gone", done.submitted)
            accounted = await slurm(desk).accounting.jobs([stranger])  # squeue remembers it
            if accounted and accounted[0].state.ended:
                break
    assert (accounted[0].state, accounted[0].exit_code, accounted[0].token) == (JobState.COMPLETED, 0, "f" * 16)
    assert accounted[0].ended is not None


@real
async def test_a_job_that_is_not_ours_can_be_cancelled(desk: Desk) -> None:
    job_id = await sbatch(desk)
    job = await found(desk, job_id, lambda job: job.state is JobState.RUNNING)
    await desk.backend.cancel([Watched("", job.job_id, "", 0.0)])
    assert (await found(desk, job_id, lambda job: job.state.ended)).state is JobState.CANCELLED
    await desk.backend.cancel([Watched("", job.job_id, "", 0.0)])  # once more does no harm


@real
@pytest.mark.parametrize(
    ("output", "path"),
    [
        ("plain.log", "plain.log"),
        ("with space.log", "with space.log"),
        ("%x-%j.log", "odd name-{id}.log"),
        ("it's 100%%.log", "it's 100%.log"),
        ("StdOut=x.log", "StdOut=x.log"),
    ],
)
async def test_the_log_of_a_job_that_is_not_ours_is_found_and_read(desk: Desk, output: str, path: str) -> None:
    name, trap = "--job-name=odd name", "--comment=two\n   StdOut=/etc/passwd"
    job_id = await sbatch(desk, name, trap, f"--output={output}", script="echo hello from $SLURM_JOB_ID; sleep 600")
    job = await found(desk, job_id, lambda job: job.state is JobState.RUNNING)
    told = await desk.backend.log_path(job)
    assert told == f"{desk.workdir}/{path.format(id=job_id)}"
    async with asyncio.timeout(30):
        async for piece in desk.backend.follow(told, 0):
            if getattr(piece, "data", b""):
                break
    await scancel(desk, job_id)
    assert piece.data == f"hello from {job_id}\n".encode()  # type: ignore[union-attr]  # it has data


@real
async def test_the_log_of_an_array_task_is_found(desk: Desk) -> None:
    array = await sbatch(desk, "--array=1-2", "--output=%A-%a.log")
    job = await found(desk, f"{array}_2", lambda job: job.state is JobState.RUNNING)
    assert await desk.backend.log_path(job) == f"{desk.workdir}/{array}-2.log"
    await scancel(desk, array)


@real
async def test_a_job_that_slurm_has_forgotten_has_no_log(desk: Desk) -> None:
    assert await desk.backend.log_path(Job("triton", "99999999", "x", JobState.COMPLETED)) is None


# attempts of ours


@real
async def test_a_job_cancelled_in_another_terminal_is_cancelled(desk: Desk) -> None:
    attempt = await desk.start(desk.plan("echo up; sleep 600"))
    await desk.logged(attempt, "up\n")
    await scancel(desk, attempt.job_id)
    job = await desk.ended(attempt)
    assert (job.state, job.reason) == (JobState.CANCELLED, "ended by SIGTERM")


@real
async def test_a_pending_job_that_is_cancelled_never_starts(desk: Desk, tmp_path: Path) -> None:
    attempt = await desk.start(desk.plan("touch ran", slurm=SlurmOptions(sbatch=("--hold",))))
    assert (await desk.until(attempt, lambda job: True)).state is JobState.HELD
    await desk.backend.cancel([attempt])
    assert (await desk.ended(attempt)).state is JobState.CANCELLED
    # Even where Slurm would run it all the same:
    again = await desk.backend.run_command(["sh", "-c", f"cd {attempt.directory} && exec sh launch.sh"])
    assert again.code == 0, again
    assert not (tmp_path / "ran").exists()


@real
async def test_a_job_that_ended_before_its_cancel_stays_as_it_ended(desk: Desk) -> None:
    done, alive = await desk.start(desk.plan("true")), await desk.start(desk.plan("echo up; sleep 600"))
    await desk.ended(done)
    await desk.logged(alive, "up\n")
    await desk.backend.cancel([done, replace(alive, job_id=alive.job_id)])
    assert (await desk.ended(done)).state is JobState.COMPLETED
    assert (await desk.ended(alive)).state is JobState.CANCELLED


@real
async def test_the_exit_record_wins_over_squeue(desk: Desk) -> None:
    attempt = await desk.start(desk.plan("exit 7"))
    await desk.ended(attempt)
    for _ in range(3):  # whatever Slurm calls it
        job = await desk.until(attempt, lambda job: True)
        assert (job.state, job.exit_code, job.reason) == (JobState.FAILED, 7, "exit code 7")


@real
async def test_a_lost_node_is_node_fail(desk: Desk) -> None:
    attempt = await desk.start(desk.plan("echo up; sleep 600"))
    await desk.logged(attempt, "up\n")
    job = await desk.until(attempt, lambda job: job.state is JobState.RUNNING)
    node = job.nodes
    state = Path(attempt.directory, "state")
    pid = int(parse_json(state / "started")["pid"])
    try:
        # The runner dies without a word, as with its machine, and Slurm is told that the node is gone.
        assert (await desk.backend.run_command(["kill", "-STOP", str(pid)])).code == 0
        down = ["scontrol", "update", f"nodename={node}", "state=down", "reason=test"]
        assert (await desk.backend.run_command(down)).code == 0
        async with asyncio.timeout(40):
            while (ended := await desk.until(attempt, lambda job: True)).state is not JobState.NODE_FAIL:
                assert not ended.state.ended, ended
                await asyncio.sleep(0.1)
    finally:
        await desk.backend.run_command(["scontrol", "update", f"nodename={node}", "state=resume"])  # if it is not yet
        await desk.backend.run_command(["kill", "-KILL", str(pid)])
        await desk.backend.cancel([attempt])
    assert ended.ended is not None


def parse_json(path: Path) -> dict[str, Any]:
    """A state file."""
    return dict(json.loads(path.read_text()))


@real
async def test_a_rejected_submission_tells_slurms_words(desk: Desk) -> None:
    with pytest.raises(Rejected, match=r"triton: sbatch: error: .*[Ii]nvalid partition"):
        await desk.start(desk.plan("true", slurm=SlurmOptions("no-such-partition")))
    with pytest.raises(Rejected, match="triton: sbatch: error: "):
        await desk.start(desk.plan("true", resources=Resources(gpus=400)))


@real
async def test_an_attempt_without_a_known_job_is_found_by_its_token_and_cancelled(desk: Desk) -> None:
    attempt = replace(await desk.start(desk.plan("echo up; sleep 600")), job_id="")
    await desk.logged(attempt, "up\n")
    job = await desk.until(attempt, lambda job: job.state is JobState.RUNNING)
    assert job.job_id.isdigit()
    await desk.backend.cancel([attempt])
    assert (await desk.ended(attempt)).state is JobState.CANCELLED
    assert (await found(desk, job.job_id, lambda job: job.state.ended)).state is not JobState.RUNNING
