"""The machine of a node goes away with all that runs on it: Slurm notices, and the rules say so."""

from __future__ import annotations

import contextlib
import os
import signal
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from backends.base import JobState
from backends.slurm import Slurm
from tests.backends.conftest import Desk, over_ssh
from tests.cluster.faults import configure, resume
from tests.cluster.processes import family, pid_of
from tests.trainboard.test_why_real import STEPS, diagnosed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.cluster import Cluster

pytestmark = [pytest.mark.slurm, pytest.mark.sshd, pytest.mark.slow]


@pytest.fixture
def impatient(fragile: Cluster) -> Iterator[Cluster]:
    """A Slurm that gives a node up after ten seconds."""
    configure(fragile, SlurmdTimeout="10")
    yield fragile
    configure(fragile, SlurmdTimeout="60")
    resume(fragile)


def lose(cluster: Cluster, node: str, job: str) -> None:
    """Kill a node's slurmd, and what it has started for a job, all at once and without a word."""
    lost = {pid_of(cluster, node)} | {pid for pid in family(cluster) if is_of(pid, job)}
    for pid in filter(None, lost):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def is_of(pid: int, job: str) -> bool:
    """Whether a process of this cluster is a step of this job, or was started by one."""
    try:
        words, environ = (Path(f"/proc/{pid}/{name}").read_bytes() for name in ("cmdline", "environ"))
    except OSError:  # it has ended
        return False
    return words.startswith(f"slurmstepd: [{job}.".encode()) or f"SLURM_JOB_ID={job}".encode() in environ.split(b"\0")


async def test_a_node_whose_slurmd_is_killed_is_named_by_the_rules(impatient: Cluster, tmp_path: Path) -> None:
    desk = Desk(Slurm("triton", over_ssh(impatient, "gateway"), str(tmp_path / "runs"), shared=True), tmp_path)
    try:
        attempt = await desk.start(desk.plan(f"{STEPS}; echo up; exec sleep 600"))
        await desk.logged(attempt, "up\n")
        job = await desk.until(attempt, lambda job: job.state is JobState.RUNNING and bool(job.nodes))
        lose(impatient, job.nodes, job.job_id)
        lost = await desk.until(attempt, lambda job: job.state.ended, within=120)
        found = diagnosed(lost, (await desk.log(attempt)).encode())
    finally:
        resume(impatient)
        await desk.leave()
    assert (lost.state, lost.nodes) == (JobState.NODE_FAIL, job.nodes)
    assert next(iter(found)) == "node_failure"
    assert job.nodes in found["node_failure"].message
