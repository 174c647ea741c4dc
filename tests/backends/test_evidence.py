"""What became of an attempt, by the order of evidence."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from backends.base import JobState, Watched
from backends.evidence import holds_some, judged, plainly_waits, queued_job, told
from backends.sightings import Sighting
from tests.backends.test_sightings import ENTRY

ATTEMPT = Watched("a" * 16, "7", "/runs/e-1/r0/1", 1.0)


def seen(job_id: str, state: JobState) -> Sighting[Any]:
    """The attempt in a job."""
    return Sighting(ATTEMPT, job_id, replace(ENTRY, job_id=job_id, state=state, word=state))


def directory(exit_state: str = "", reason: str = "", job_id: str = "") -> dict[str, Any]:
    """What the attempt directory says."""
    record = {"state": exit_state, "reason": reason, "code": None, "time": 9.0, "began": 5.0}
    started = {"job_id": job_id, "time": 5.0} if job_id else None
    return {"exit": record if exit_state else None, "started": started, "restarts": 0, "now": 5000.0}


@pytest.mark.parametrize(
    ("word", "exit_state", "reason", "state"),
    [
        # The exit record is the first in the order of evidence.
        ("RUNNING", "COMPLETED", "", JobState.COMPLETED),
        ("COMPLETED", "FAILED", "exit code 7", JobState.FAILED),
        ("PENDING", "CANCELLED", "cancelled before it began", JobState.CANCELLED),
        ("PENDING", "FAILED", "exit code 7", JobState.FAILED),
        # But for a signal of Slurm's, whose cause only Slurm knows.
        ("COMPLETING", "CANCELLED", "ended by SIGTERM", JobState.COMPLETING),
        ("RUNNING", "CANCELLED", "ended by SIGTERM", JobState.COMPLETING),
        ("PREEMPTED", "CANCELLED", "ended by SIGTERM", JobState.PREEMPTED),
        ("PENDING", "CANCELLED", "ended by SIGTERM", JobState.PENDING),
        ("HELD", "CANCELLED", "ended by SIGTERM", JobState.HELD),
        # Without one, Slurm's word.
        ("PENDING", "", "", JobState.PENDING),
        ("NODE_FAIL", "", "", JobState.NODE_FAIL),
        ("UNKNOWN", "", "", JobState.UNKNOWN),
    ],
)
def test_the_record_comes_first_and_slurm_tells_what_it_cannot_know(
    word: str, exit_state: str, reason: str, state: JobState
) -> None:
    job = judged("triton", ATTEMPT, [seen("7", JobState(word))], directory(exit_state, reason, "7"))
    assert job is not None
    assert job.state is state


def ended(word: str, at: float = 4950.0, started: float = 5.0) -> list[Sighting[Any]]:
    """The attempt in a job that squeue calls ended."""
    [one] = [seen("7", JobState(word))]
    return [replace(one, record=replace(one.record, started=started, ends=at))]


@pytest.mark.parametrize("word", ["COMPLETED", "FAILED", "CANCELLED", "TIMEOUT", "OUT_OF_MEMORY", "PREEMPTED"])
def test_an_end_that_only_slurm_tells_counts_when_its_record_had_time_to_come(word: str) -> None:
    job = judged("triton", ATTEMPT, ended(word), directory(job_id="7"))
    assert job is not None
    assert (job.state, job.reason) == (JobState.COMPLETING, "its exit record is not there yet")
    assert (job.ended, job.exit_code) == (None, None)
    job = judged("triton", ATTEMPT, ended(word, at=4930.0), directory(job_id="7"))
    assert job is not None
    assert (job.state, job.ended) == (JobState(word), 4930.0)


def test_of_a_job_that_never_began_or_whose_node_was_lost_no_record_is_waited_for() -> None:
    for sightings in (ended("CANCELLED", started=4950.0), ended("NODE_FAIL")):
        job = judged("triton", ATTEMPT, sightings, directory())
        assert job is not None
        assert job.state is sightings[0].record.state


def test_another_job_of_the_attempt_that_found_it_claimed_tells_nothing_of_its_end() -> None:
    assert judged("triton", ATTEMPT, ended("COMPLETED", at=1.0), directory(job_id="6")) is None


@pytest.mark.parametrize("exit_state", ["", "COMPLETED"])
def test_restarts_by_slurm_are_counted(exit_state: str) -> None:
    found = directory(exit_state, job_id="7") | {"restarts": 2}
    job = judged("triton", ATTEMPT, [seen("7", JobState.RUNNING)], found)
    assert job is not None
    assert job.restarts == 2


def test_where_nobody_knows_anything_nothing_is_said() -> None:
    assert judged("triton", ATTEMPT, [], directory()) is None
    assert judged("triton", ATTEMPT, [], directory(job_id="7")) is None


def test_a_record_is_enough() -> None:
    job = judged("triton", ATTEMPT, [], directory("COMPLETED", job_id="12_4"))
    assert job is not None
    assert (job.state, job.job_id, job.array, job.started, job.ended) == (JobState.COMPLETED, "12_4", "12", 5.0, 9.0)


@pytest.mark.parametrize("order", [1, -1])
def test_of_two_jobs_the_one_that_has_the_claim_counts(order: int) -> None:
    both = [seen("7", JobState.PENDING), seen("8", JobState.RUNNING)][::order]
    job = judged("triton", ATTEMPT, both, directory(job_id="8"))
    assert job is not None
    assert (job.job_id, job.state) == ("8", JobState.RUNNING)
    over = judged("triton", ATTEMPT, [both[0]], directory("COMPLETED", job_id="9"))
    assert over is not None
    assert over.state is JobState.COMPLETED


def test_squeue_alone_is_believed_only_of_the_job_that_we_know_and_that_waits() -> None:
    assert plainly_waits(ATTEMPT, [seen("7", JobState.PENDING)])
    assert plainly_waits(replace(ATTEMPT, job_id=""), [seen("8", JobState.HELD)])
    assert not plainly_waits(ATTEMPT, [seen("8", JobState.PENDING)])
    assert not plainly_waits(ATTEMPT, [seen("7", JobState.RUNNING)])
    assert not plainly_waits(ATTEMPT, [seen("7", JobState.PENDING), seen("8", JobState.PENDING)])


def test_tasks_that_share_a_line_get_reasons_of_their_own() -> None:
    line = replace(ENTRY, job_id="7_[0-1]", state=JobState.PENDING, word="PENDING", reason="JobHeldUser,None")
    assert holds_some(line.reason)
    reasons = {"7_0": "JobHeldUser", "7_1": "None"}
    tasks = [told(Sighting(ATTEMPT, job_id, line), reasons) for job_id in ("7_0", "7_1", "7_2")]
    assert [(task.record.state, task.record.reason) for task in tasks] == [
        (JobState.HELD, "JobHeldUser"),
        (JobState.PENDING, ""),
        (JobState.PENDING, "JobHeldUser,None"),
    ]


@pytest.mark.parametrize(
    ("told", "shown"),
    [("JobArrayTaskLimit,None", "JobArrayTaskLimit"), ("None,Priority,Resources", "Priority,Resources"), ("", "")],
)
def test_tasks_that_are_yet_to_get_a_reason_add_no_word_for_that(told: str, shown: str) -> None:
    assert queued_job("triton", replace(ENTRY, state=JobState.PENDING, reason=told)).reason == shown
