"""Runs of ours and jobs of others in one table."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backends.base import Job, JobState
from tests.trainboard.fakes import a_job, an_attempt, records_of
from trainboard.documents import TABLES, Record, Records
from trainboard.merging import Merging
from trainboard.records import Attempt, Experiment, Run
from trainboard.rows import merge


def stored(*records: Record) -> Records:
    """These records, as the store hands them out."""
    tables: dict[str, dict[str, Record]] = {table: {} for table in TABLES.values()}
    for record in records:
        tables[TABLES[type(record)]][record.id] = record
    return Records(**tables)  # type: ignore[arg-type]  # each of its own kind


def unsent(**changes: object) -> Attempt:
    """An attempt that waits on our side."""
    return an_attempt(**{"backend": "", "directory": "", "job_id": "", "sent": None, "submitted": None, **changes})  # type: ignore[arg-type]  # fields by name


def test_a_run_is_shown_by_its_newest_attempt() -> None:
    first = an_attempt("t1", JobState.FAILED, ended=9.0)
    second = an_attempt("t2", number=2, directory="/there/2")
    [row] = merge(stored(*records_of(second, first)), {"fake": []})
    assert (row.token, row.attempt, row.state, row.log) == ("t2", 2, JobState.PENDING, "/there/2/out.log")


def test_a_job_that_is_not_ours_is_a_row_of_its_own() -> None:
    [row] = merge(Records(), {"fake": [a_job(log="/their/slurm.out")]})
    assert (row.key, row.run, row.ours, row.log) == ("fake:77", None, False, "/their/slurm.out")
    assert row.as_json()["run"] is None


def test_our_job_is_one_row_and_shows_where_it_runs() -> None:
    job = a_job("t1", partition="gpu", nodes="node1", time_limit=60.0)
    [row] = merge(stored(*records_of(an_attempt())), {"fake": [job]})
    assert (row.key, row.partition, row.nodes, row.time_limit) == ("x-1.0", "gpu", "node1", 60.0)


def test_our_ended_job_is_not_shown_again_as_somebody_elses() -> None:
    # Slurm still lists it for minutes, and nobody asks for its token any more.
    ended = an_attempt(state=JobState.COMPLETED, ended=9.0)
    [row] = merge(stored(*records_of(ended)), {"fake": [a_job(job_id="id-t1", state=JobState.COMPLETED)]})
    assert row.key == "x-1.0"


def test_an_earlier_attempts_job_is_not_shown_as_somebody_elses() -> None:
    records = stored(*records_of(an_attempt("t1", JobState.FAILED), an_attempt("t2", number=2)))
    rows = merge(records, {"fake": [a_job(job_id="id-t1"), a_job("t2")]})
    assert [row.key for row in rows] == ["x-1.0"]


def test_the_same_job_id_on_two_clusters_is_two_jobs() -> None:
    ours = an_attempt(job_id="77")
    jobs = {"fake": [a_job("t1", job_id="77")], "other": [a_job(backend="other", nodes="n9")]}
    rows = {row.key: row for row in merge(stored(*records_of(ours)), jobs)}
    assert set(rows) == {"x-1.0", "other:77"}
    assert (rows["x-1.0"].nodes, rows["other:77"].nodes) == ("", "n9")


def test_rows_that_did_not_change_are_the_same_objects() -> None:
    records = stored(*records_of(an_attempt("t1"), an_attempt("t2", run="x-1.1")))
    jobs: dict[str, list[Job]] = {"fake": [a_job(), a_job(job_id="78")]}
    before = {row.key: row for row in merge(records, jobs)}
    jobs["fake"][1] = replace(jobs["fake"][1], state=JobState.COMPLETED)
    after = {row.key: row for row in merge(records, jobs, before)}
    assert [key for key, row in after.items() if row is not before[key]] == ["fake:78"]


def test_newest_is_first() -> None:
    rows = merge(
        stored(*records_of(an_attempt(submitted=10.0))), {"fake": [a_job(), a_job(job_id="9", submitted=20.0)]}
    )
    assert [row.key for row in rows] == ["fake:9", "x-1.0", "fake:77"]


def test_runs_of_one_moment_are_in_the_order_of_their_numbers() -> None:
    attempts = [an_attempt(f"t{n}", run=f"x-1.{n}", job_id="") for n in range(1001)]
    rows = merge(stored(*records_of(*attempts[::-1])), {})
    assert [row.index for row in rows] == list(range(1001))
    assert [row.run for row in rows] == [f"x-1.{1000 - n}" for n in range(1001)]


@pytest.mark.parametrize(
    ("job_id", "array", "index"), [("7_12", "7", 12), ("7_[3-9]", "7", 0), ("12", "", 0), ("a_5", "", 0)]
)
def test_a_task_of_others_array_has_its_number(job_id: str, array: str, index: int) -> None:
    [row] = merge(stored(), {"fake": [a_job(job_id=job_id, array=array)]})
    assert row.index == index


def test_a_run_whose_experiment_is_gone_is_left_out() -> None:
    [_, run, attempt] = records_of(an_attempt())
    assert isinstance(run, Run)
    assert isinstance(attempt, Attempt)
    assert merge(stored(run, attempt), {}) == ()


def test_a_run_has_the_keys_that_scripts_rely_on() -> None:
    [row] = merge(
        stored(*records_of(an_attempt(state=JobState.FAILED, ended=9.0, exit_code=3, reason="exit code 3"))), {}
    )
    assert row.as_json() == {
        "run": "x-1.0",
        "experiment": "x-1",
        "backend": "fake",
        "job_id": "id-t1",
        "state": "FAILED",
        "name": "x-1/lr=0",
        "params": {"lr": 0},
        "submitted": 5.0,
        "started": None,
        "ended": 9.0,
        "exit_code": 3,
        "reason": "exit code 3",
    }


def test_an_objective_belongs_to_every_run_of_its_experiment() -> None:
    experiment = Experiment("x-1", "x", "", "", 1.0, "acc", "maximize", {"epochs": 3.0})
    [_, *rest] = records_of(an_attempt())
    [row] = merge(stored(experiment, *rest), {})
    assert (row.objective, row.goal, dict(row.total)) == ("acc", "maximize", {"epochs": 3.0})


def test_a_run_that_waits_here_has_no_backend_and_no_log() -> None:
    [row] = merge(stored(*records_of(unsent())), {})
    assert (row.state, row.backend, row.log, row.unsent) == (JobState.PENDING, "", None, True)
    assert row.as_json()["backend"] is None


def test_a_run_that_waits_here_says_why() -> None:
    [experiment, run, attempt] = records_of(unsent(reason="8 jobs of 8", cause="retry after TIMEOUT"))
    assert isinstance(run, Run)
    assert isinstance(experiment, Experiment)
    assert isinstance(attempt, Attempt)
    late = replace(experiment, after=["prepare-1"])
    shown: tuple[tuple[Record, ...], ...] = (
        (experiment, run, attempt),
        (experiment, run, replace(attempt, reason="")),
        (experiment, replace(run, held=True), attempt),
        (late, run, attempt),
        (late, replace(run, released=True), attempt),
    )
    reasons = [merge(stored(*records), {})[0].reason for records in shown]
    gone = "prepare-1 is not there any more: release or cancel"
    assert reasons == ["8 jobs of 8", "retry after TIMEOUT", "held", gone, "8 jobs of 8"]


def test_a_run_that_waits_for_its_retry_says_when_it_goes_and_is_no_other_row_for_it() -> None:
    records = stored(*records_of(unsent(cause="retry after TIMEOUT", not_before=100.0)))
    [row] = merge(records, {})
    told = ["retry after TIMEOUT, in 28s", "retry after TIMEOUT, in 1s", "retry after TIMEOUT", "retry after TIMEOUT"]
    assert [row.reason_at(now) for now in (72.0, 99.5, 100.0, -1e6)] == told
    assert row.as_json()["reason"] == "retry after TIMEOUT"
    assert merge(records, {}, {row.key: row})[0] is row


@pytest.mark.parametrize("changes", [{"reason": "8 jobs of 8"}, {"sent": 5.0, "directory": "/there"}])
def test_a_run_that_waits_for_something_else_says_nothing_of_a_back_off(changes: dict[str, object]) -> None:
    [row] = merge(stored(*records_of(unsent(cause="retry after TIMEOUT", not_before=100.0, **changes))), {})
    assert row.reason_at(72.0) == row.reason


WISHES = [
    ({"cancelled": 9.0}, {}, "cancel"),
    ({"requeued": 9.0}, {}, "requeue"),
    ({"held": True}, {"held": True}, "hold"),
    ({}, {"state": JobState.HELD, "held": True}, "release"),
    ({"priority": 3}, {"priority": 0}, "priority"),
]


@pytest.mark.parametrize(("wanted", "known", "verb"), WISHES)
def test_what_is_wanted_of_a_run_on_a_host_that_is_down_is_seen_to_wait_for_it(
    wanted: dict[str, object], known: dict[str, object], verb: str
) -> None:
    [experiment, run, attempt] = records_of(an_attempt(reason="GPU 0: busy", **known))  # type: ignore[arg-type]  # fields by name
    records = stored(experiment, replace(run, **wanted), attempt)  # type: ignore[arg-type]  # fields by name
    merging = Merging()
    told = [merging.merge(records, {"fake": []}, away)[0].reason for away in ([], ["fake"], ["other"])]
    assert told == ["GPU 0: busy", f"{verb} waits for fake", "GPU 0: busy"]


@pytest.mark.parametrize("attempt", [an_attempt(), unsent(backend="fake"), an_attempt(state=JobState.FAILED)])
def test_where_nothing_is_wanted_of_a_host_that_is_down_its_rows_stay_as_they_were(attempt: Attempt) -> None:
    records = stored(*records_of(attempt))
    before = {row.key: row for row in merge(records, {})}
    assert merge(records, {}, before, away=["fake"])[0] is before["x-1.0"]


def test_a_held_run_that_waits_here_is_held() -> None:
    [experiment, run, attempt] = records_of(unsent())
    assert isinstance(run, Run)
    [row] = merge(stored(experiment, replace(run, held=True, priority=3, place=-1.0), attempt), {})
    assert (row.state, row.held, row.priority, row.place) == (JobState.HELD, True, 3, -1.0)


def test_a_row_tells_a_backend_all_that_it_must_know() -> None:
    [row] = merge(stored(*records_of(an_attempt(batch="b1", task=7))), {"fake": [a_job("t1", array="77")]})
    told = row.watched()
    assert (told.token, told.job_id, told.directory, told.batch, told.task) == ("t1", "id-t1", "/there", "b1", 7)
    assert (told.name, row.array) == ("x-1/000-lr=0", "77")


def test_a_row_changes_when_what_it_waits_for_does() -> None:
    [experiment, run, attempt] = records_of(unsent())
    assert isinstance(experiment, Experiment)
    before: list[Record] = [
        Experiment("p-1", "p", "", "", 0.0),
        Run("p-1.0", "p-1", 0, "run", {}),
        an_attempt("p", run="p-1.0", state=JobState.RUNNING),
    ]
    late = stored(replace(experiment, after=["p-1"]), run, attempt, *before)
    merging = Merging()
    rows = {row.key: row for row in merging.merge(late, {})}
    assert rows["x-1.0"].reason == "waits for p-1: 1 of 1 run left"
    done = replace(late, attempts={**late.attempts, "p": an_attempt("p", run="p-1.0", state=JobState.COMPLETED)})
    rows = {row.key: row for row in merging.merge(done, {})}
    assert rows["x-1.0"].reason == ""


KEYS = st.integers(0, 5).map(str)


@given(
    st.lists(st.tuples(KEYS, st.sampled_from(["a", "b"]), st.booleans())), st.lists(st.tuples(KEYS, st.booleans()))
)
def test_every_job_is_exactly_one_row(jobs: list[tuple[str, str, bool]], attempts: list[tuple[str, bool]]) -> None:
    ours = {
        f"t{id}": an_attempt(f"t{id}", run=f"x-1.{id}", backend="a", job_id=id if told else "")
        for id, told in attempts
    }
    seen: dict[str, dict[str, Job]] = {"a": {}, "b": {}}
    for id, backend, asked in jobs:
        token = f"t{id}" if backend == "a" and asked and f"t{id}" in ours else ""
        seen[backend][id] = a_job(token, backend=backend, job_id=id)
    rows = merge(stored(*records_of(*ours.values())), {name: found.values() for name, found in seen.items()})
    keys = [row.key for row in rows]
    assert len(keys) == len(set(keys))
    known = {("a", attempt.job_id) for attempt in ours.values() if attempt.job_id}
    foreign = {(name, id) for name, found in seen.items() for id, job in found.items() if not job.token} - known
    assert set(keys) == {attempt.run for attempt in ours.values()} | {f"{name}:{id}" for name, id in foreign}
