"""The accounting's answers about jobs that are over."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backends.base import CommandFailed, JobState
from backends.history import FIELDS, NoAccounting, parse_finished
from tests.backends.oddslurm import OddSlurm
from tests.backends.slurmdata import recorded

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator
    from pathlib import Path

MARK = "~mark~"


@pytest.fixture
async def odd(tmp_path: Path) -> AsyncGenerator[OddSlurm]:
    """A Slurm whose commands are scripts of the test."""
    made = OddSlurm(tmp_path)
    yield made
    await made.backend.close()


def record(name: str = "x", job_id: str = "7", state: str = "COMPLETED", end: str = "200") -> str:
    values = {"JobID": job_id, "State": state, "ExitCode": "0:0", "Submit": "90", "Start": "100", "End": end}
    values |= {"ElapsedRaw": "100", "User": "ada", "JobName": name, "AllocTRES": "cpu=2,gres/gpu=3"}
    return MARK.join(values.get(field, "") for field in FIELDS)


def test_the_real_accounting() -> None:
    jobs = {job.job_id: job for job in parse_finished(recorded("22.05.8/sacct.txt"), MARK)}
    assert list(jobs) == ["1", "2", "23", *(f"22_{n}" for n in range(6))]
    first = jobs["1"]
    assert (first.state, first.gpus, first.elapsed, first.gpu_hours) == (JobState.COMPLETED, 2, 900.0, 0.5)
    assert (first.started, first.ended, first.partition, first.nodes) == (1795447499.0, 1795448399.0, "gpu", "node1")
    assert (jobs["2"].state, jobs["2"].name, jobs["2"].started, jobs["2"].nodes) == (
        JobState.CANCELLED,
        "too|big",
        None,
        "",
    )
    assert (jobs["22_1"].name, jobs["22_1"].state, jobs["22_1"].exit_code) == ("ar|ray x", JobState.FAILED, 1)


def test_a_requeued_job_is_one_and_a_living_one_none() -> None:
    text = "\n".join([record(state="NODE_FAIL"), record(), record(job_id="8", state="RUNNING", end="Unknown")])
    assert [(job.job_id, job.state) for job in parse_finished(text, MARK)] == [("7", JobState.COMPLETED)]


def test_an_answer_that_is_cut_off_is_none() -> None:
    text = f"{record()}\n{record(job_id='8')[:60]}"
    with pytest.raises(ValueError, match="cut off"):
        parse_finished(text, MARK)
    with pytest.raises(ValueError, match="fields"):
        parse_finished(record(name=f"a{MARK}b"), MARK)


@settings(max_examples=60)
@given(st.text(max_size=20))
def test_any_name_comes_back_and_shifts_nothing(name: str) -> None:
    (job,) = parse_finished(record(name=name), MARK)
    assert (job.job_id, job.gpus, job.ended) == ("7", 3, 200.0)


ANSWER = f"""
for word; do case "$word" in --delimiter=*) mark=${{word#--delimiter=}};; esac; done
echo 'Notice: accounting is late today'
printf '%s\\n' '{record(name="a b")}' '{record(job_id="9", end="9000")}' | sed "s/{MARK}/$mark/g"
"""


async def test_only_what_ended_in_the_time_is_told(odd: OddSlurm) -> None:
    odd.says("sacct", ANSWER)
    assert [job.job_id for job in await odd.backend.finished(100, 300)] == ["7"]
    assert [job.job_id for job in await odd.backend.finished(0, 9001)] == ["7", "9"]
    (first, _) = odd.asked("sacct")
    assert first[first.index("-S") + 1] == "1970-01-01T00:00:00"


async def test_a_site_without_accounting_says_so(odd: OddSlurm) -> None:
    odd.says("sacct", "echo 'sacct: error: Slurm accounting storage is disabled' >&2; exit 1")
    with pytest.raises(NoAccounting, match="keeps no records"):
        await odd.backend.finished(0, 300)


async def test_a_failure_is_no_empty_history(odd: OddSlurm) -> None:
    odd.says("sacct", "echo 'sacct: error: slurm_persist_conn_open: Connection refused' >&2; exit 1")
    with pytest.raises(CommandFailed, match="Connection refused"):
        await odd.backend.finished(0, 300)
    odd.says("sacct", ANSWER + "printf '5%s' $mark")
    with pytest.raises(CommandFailed, match="cut off"):
        await odd.backend.finished(0, 300)
