"""sacct, sstat and srun on a real Slurm; and as they misbehave elsewhere."""

from __future__ import annotations

import asyncio
import sys
from typing import TYPE_CHECKING, cast

import pytest

from backends.base import CommandFailed, Completed, JobState
from backends.gateway import Gateway
from backends.jobuse import FIELDS, Accounted
from backends.metering import Metering
from tests.backends.test_slurm import desk as desk
from tests.backends.test_slurm import sbatch, scancel, slurm

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from backends.host import Host
    from backends.jobuse import JobUse
    from tests.backends.conftest import Desk

M = 1 << 20

BURN = """\
import time
held = bytearray(200 << 20)
held[::4096] = b"x" * len(held[::4096])
end = time.monotonic() + 600
while time.monotonic() < end:
    sum(range(10000))
"""
"""Holds 200 MB and burns one core."""


async def used(desk: Desk, job_id: str, when: Callable[[JobUse], bool]) -> JobUse:
    """What is known of a job, as soon as it is as wanted."""
    async with asyncio.timeout(50):
        while True:
            found = (await slurm(desk).job_use([job_id])).get(job_id)
            if found is not None and when(found):
                return found
            await asyncio.sleep(0.5)


@pytest.mark.slurm
@pytest.mark.slow
async def test_a_running_and_a_cancelled_job_tell_the_memory_and_the_core_that_they_used(desk: Desk) -> None:
    (desk.workdir / "burn.py").write_text(BURN)
    options = ("-c2", "--mem=500M", "--gres=gpu:a100:1", "-t10")
    job_id = await sbatch(desk, *options, script=f"{sys.executable} burn.py")
    now = await used(
        desk, job_id, lambda use: (use.memory or 0) > 200 * M and (use.cpu or 0) >= 2 and bool(use.nodes)
    )
    assert now.state is JobState.RUNNING
    assert (now.cpus, now.gpus, now.nodes, now.memory_asked, now.time_limit) == (2, 1, 1, 500 * M, 600.0)
    assert 200 * M < (now.memory or 0) < 300 * M
    await scancel(desk, job_id)
    ended = await used(desk, job_id, lambda use: use.state.ended and use.memory is not None)
    assert ended.state is JobState.CANCELLED
    assert (ended.memory or 0) > 200 * M
    assert (ended.cpu or 0) >= 1.5
    assert ended.elapsed is not None
    assert (ended.cpu or 0) <= ended.elapsed * 2


@pytest.mark.slurm
async def test_tasks_of_an_array_are_told_apart_while_they_run(desk: Desk) -> None:
    job_id = await sbatch(desk, "--array=0-1")
    ids = [f"{job_id}_0", f"{job_id}_1"]
    for each in ids:
        found = await used(desk, each, lambda use: use.memory is not None)
        assert (found.job_id, found.state) == (each, JobState.RUNNING)
    assert set(await slurm(desk).job_use([*ids, "999999", f"{job_id}_[5-9]", "junk; rm"])) == set(ids)


@pytest.mark.slurm
@pytest.mark.slow
async def test_a_step_asks_the_gpus_of_a_job_on_all_its_nodes_and_leaves_the_job_running(desk: Desk) -> None:
    job_id = await sbatch(desk, "-N2", "-n2", "--gres=gpu:a100:2")
    await used(desk, job_id, lambda use: use.state is JobState.RUNNING and use.memory is not None)
    gpus = await slurm(desk).node_gpus(job_id)
    assert len(gpus) == 4
    assert len({gpu.node for gpu in gpus}) == 2
    assert all(gpu.memory_total for gpu in gpus)
    assert (await slurm(desk).job_use([job_id]))[job_id].state is JobState.RUNNING
    await scancel(desk, job_id)
    await used(desk, job_id, lambda use: use.state.ended)
    with pytest.raises(CommandFailed, match="srun"):
        await slurm(desk).node_gpus(job_id)


@pytest.mark.slurm
async def test_a_slurm_cluster_keeps_account_by_its_type(desk: Desk) -> None:
    assert isinstance(desk.backend, Accounted)


class Odd:
    """A gateway host that answers with what the test put in, by command."""

    def __init__(self, **answers: Callable[[Sequence[str]], Completed]) -> None:
        self.answers = answers
        self.asked: list[Sequence[str]] = []

    async def run(
        self, argv: Sequence[str], timeout: float = 20, cap: int = 1 << 20, env: Mapping[str, str] | None = None,
        cwd: str = "~",
    ) -> Completed:  # fmt: skip
        self.asked.append(argv)
        return self.answers[argv[0]](argv)


def metering(host: Odd) -> Metering:
    return Metering(Gateway("triton", cast("Host", host)))


def says(out: str = "", err: str = "", code: int = 0) -> Callable[[Sequence[str]], Completed]:
    return lambda argv: Completed(code, out.encode(), err.encode())


async def test_an_sacct_that_does_not_know_a_field_is_asked_without_it_from_then_on() -> None:
    line = "7|7|COMPLETED|1|2|00:01:00|01:00:00|4|1||4Gn|cpu=4|00:02:00||||\n"

    def sacct(argv: Sequence[str]) -> Completed:
        if "TRESUsageInTot" in argv[-1]:
            return Completed(1, b"", b'sacct: error: Invalid field requested: "TRESUsageInTot"\n')
        return Completed(0, line.encode(), b"")

    host = Odd(sacct=sacct)
    made = metering(host)
    for _ in range(2):
        assert (await made.use(["7"]))["7"].cpu == 120.0
    assert len(host.asked) == 3
    assert host.asked[-1][-1] == ",".join(FIELDS)


async def test_a_site_without_accounting_says_so() -> None:
    made = metering(Odd(sacct=says(err="sacct: error: Slurm accounting storage is disabled\n", code=1)))
    with pytest.raises(CommandFailed, match="accounting storage is disabled"):
        await made.use(["7"])


async def test_a_job_between_two_steps_is_told_without_them() -> None:
    running = "7|7|RUNNING|1|2|00:01:00|01:00:00|4|1||4G|cpu=4,mem=4G|00:00:00||||||\n"
    host = Odd(sacct=says(running), sstat=says(err="sstat: error: No steps running for job 7\n", code=1))
    found = (await metering(host).use(["7"]))["7"]
    assert (found.state, found.memory, found.elapsed) == (JobState.RUNNING, None, 60.0)


async def test_a_slurm_before_overlap_is_named_as_that() -> None:
    host = Odd(sacct=says(), srun=says(err="srun: unrecognized option '--overlap'\n", code=1))
    with pytest.raises(CommandFailed, match=r"20\.11"):
        await metering(host).node_gpus("7")


async def test_a_node_without_nvidia_smi_is_told() -> None:
    host = Odd(sacct=says(), srun=says(err="sh: 1: nvidia-smi: not found\n"))
    with pytest.raises(CommandFailed, match="nvidia-smi: not found"):
        await metering(host).node_gpus("7")


async def test_a_name_that_is_no_job_reaches_no_command() -> None:
    host = Odd()
    with pytest.raises(CommandFailed, match="has not begun"):
        await metering(host).node_gpus("7; rm -rf ~")
    assert host.asked == []
