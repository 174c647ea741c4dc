"""A job of ours that Slurm warns of its time limit: it saves, is requeued by its runner, and goes on."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from backends.base import Checkpoints, JobState
from specs.model import Resources
from tests.backends.test_slurm import desk, lives

if TYPE_CHECKING:
    from backends.base import Plan, Watched
    from tests.backends.conftest import Desk

__all__ = ["desk"]

pytestmark = [pytest.mark.slurm, pytest.mark.slow]

TRAIN = """\
trap 'echo state > ckpt-1; echo saved; exit 0' USR2
echo "life $@"
while [ ! -e done ]; do sleep 0.05; done
"""


def training(desk: Desk, restarts: int) -> Plan:
    """A run that saves when it is warned, and ends by itself once `done` is there."""
    (desk.workdir / "train.sh").write_text(TRAIN)
    return desk.plan(
        "sh ./train.sh",
        resources=Resources(time=3600),
        checkpoints=Checkpoints("ckpt-*", None, "--resume {checkpoint}"),
        restart_on=(JobState.TIMEOUT,),
        restarts=restarts,
    )


async def warn(desk: Desk, attempt: Watched) -> None:
    """What Slurm does ahead of the time limit, for `--signal=B:USR2`."""
    done = await desk.backend.run_command(["scancel", "--batch", "--signal=USR2", attempt.job_id])
    assert done.code == 0, done.err


async def test_a_run_that_is_warned_of_its_limit_saves_and_goes_on_in_the_same_job(desk: Desk) -> None:
    attempt = await desk.start(training(desk, 2))
    await desk.logged(attempt, "life")
    await warn(desk, attempt)
    await desk.logged(attempt, "saved")
    await lives(desk, attempt, 2)
    assert (await desk.until(attempt, lambda job: job.state is JobState.RUNNING)).restarts == 1
    (desk.workdir / "done").touch()
    job = await desk.ended(attempt)
    assert (job.state, job.job_id, job.restarts) == (JobState.COMPLETED, attempt.job_id, 1)
    log = [line for line in (await desk.log(attempt)).splitlines() if line.startswith(("life", "saved"))]
    assert log == ["life ", "saved", f"life --resume {desk.workdir}/ckpt-1"]
    ends = (await desk.backend.read(f"{attempt.directory}/state/ends.jsonl", 0, 1 << 16)).data
    assert [json.loads(end)["state"] for end in ends.splitlines()] == ["TIMEOUT"]
    assert [found.directory for found in await desk.backend.scan()] == [attempt.directory]


async def test_a_run_that_has_used_up_its_lives_has_timed_out(desk: Desk) -> None:
    attempt = await desk.start(training(desk, 1))
    await desk.logged(attempt, "life")
    await warn(desk, attempt)
    await lives(desk, attempt, 2)
    await warn(desk, attempt)
    job = await desk.ended(attempt)
    assert (job.state, job.reason, job.restarts) == (JobState.TIMEOUT, "time limit", 1)
    log = await desk.log(attempt)
    assert (log.count("life"), log.count("saved")) == (2, 2)
