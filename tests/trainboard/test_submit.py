"""Submission: the intent first, then the backend, then what came of it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from backends.base import CommandFailed, HostUnreachable, JobState, Rejected, Unclear
from specs.model import SpecError
from tests.trainboard.fakes import FakeBackend, a_spec
from trainboard.actions import Refused
from trainboard.records import Attempt
from trainboard.store import Store, StoreError
from trainboard.submit import choose_backend, next_experiment_id, preview, submit, take_secrets

if TYPE_CHECKING:
    from pathlib import Path

    from backends.base import BackendError, Plan

SECRET = "s3cret-77d1"


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "state")


async def test_the_intent_of_every_run_is_on_disk_before_anything_leaves_this_machine(
    store: Store, tmp_path: Path
) -> None:
    backend, seen = FakeBackend(), []

    async def look(plan: Plan) -> str:
        written = await Store(tmp_path / "state").load()  # as another process would see it
        seen.append({attempt.id: attempt.state for attempt in written.attempts.values()})
        assert written.attempts[plan.token].directory == f"/there/{plan.folder}"
        assert len(written.experiments) == 1
        assert len(written.runs) == 2
        return plan.run

    backend.submitting = look
    made = await submit(a_spec(), backend, store, {})
    first, second = (attempt.id for _, attempt in made)
    assert seen == [
        {first: JobState.SUBMITTING, second: JobState.SUBMITTING},
        {first: JobState.PENDING, second: JobState.SUBMITTING},
    ]


async def test_a_submitted_run_is_pending_with_its_job_id(store: Store) -> None:
    made = await submit(a_spec(), FakeBackend(), store, {}, clock=lambda: 50.0)
    assert [(run.id, run.params) for run, _ in made] == [("x-1.0", {"lr": 0.1}), ("x-1.1", {"lr": 0.2})]
    for attempt, job_id in zip((attempt for _, attempt in made), ("job-1", "job-2"), strict=True):
        assert (attempt.state, attempt.job_id, attempt.submitted) == (JobState.PENDING, job_id, 50.0)


@pytest.mark.parametrize(
    ("error", "state", "reason"),
    [
        (Rejected("sbatch: invalid partition", "see sinfo"), JobState.FAILED, "sbatch: invalid partition; see sinfo"),
        (HostUnreachable("gpu1: refused"), JobState.FAILED, "gpu1: refused"),
        (CommandFailed("no bash"), JobState.FAILED, "no bash"),
        (Unclear("no answer yet"), JobState.SUBMITTING, "no answer yet"),
    ],
)
async def test_what_became_of_a_submission(store: Store, error: BackendError, state: JobState, reason: str) -> None:
    backend = FakeBackend()
    backend.error = error
    made = await submit(a_spec(), backend, store, {})
    stored = (await store.load()).attempts
    for _, attempt in made:
        assert stored[attempt.id] == attempt
        assert (attempt.state, attempt.reason, attempt.job_id) == (state, reason, "")
        assert (attempt.ended is not None) == state.ended


async def test_one_run_that_is_rejected_does_not_hold_up_the_others(store: Store) -> None:
    backend = FakeBackend()

    async def first_not(plan: Plan) -> str:
        if plan.run.startswith("000"):
            raise Rejected("no")
        return "4711"

    backend.submitting = first_not
    made = await submit(a_spec(), backend, store, {})
    assert [attempt.state for _, attempt in made] == [JobState.FAILED, JobState.PENDING]


async def test_what_a_poll_saw_meanwhile_is_newer_than_pending(store: Store) -> None:
    backend = FakeBackend()

    async def seen_running(plan: Plan) -> str:
        await store.update(Attempt, plan.token, lambda attempt: replace(attempt, state=JobState.RUNNING))
        return "4711"

    backend.submitting = seen_running
    [(_, attempt), _] = await submit(a_spec(), backend, store, {})
    assert (attempt.state, attempt.job_id) == (JobState.RUNNING, "4711")


async def test_every_submission_is_an_experiment_of_its_own(store: Store) -> None:
    for number in (1, 2):
        made = await submit(a_spec(), FakeBackend(), store, {})
        assert {run.experiment for run, _ in made} == {f"x-{number}"}
    tokens = set((await store.load()).attempts)
    assert len(tokens) == 4


def test_experiment_numbers_go_on_after_the_highest() -> None:
    [taken] = [dict.fromkeys(["x-1", "x-10", "x-y-99", "xx-50", "x-²"])]
    assert next_experiment_id("x", taken) == "x-11"  # type: ignore[arg-type]  # only the keys matter


async def test_a_secret_reaches_the_backend_and_nothing_that_is_kept(store: Store) -> None:
    backend = FakeBackend()
    await submit(a_spec("env: {KEY: null, SEEN: abc}\n"), backend, store, {"KEY": SECRET})
    plan = backend.plans[0]
    assert (dict(plan.secrets), dict(plan.env)) == ({"KEY": SECRET}, {"SEEN": "abc"})
    assert SECRET not in repr(plan)
    kept = [path.read_text() for path in store.path.parent.rglob("*") if path.is_file()]
    assert kept
    assert not any(SECRET in text for text in kept)
    assert SECRET not in plan.spec_text + plan.command


async def test_a_variable_that_is_not_set_is_refused_and_nothing_is_stored(store: Store) -> None:
    spec, backend = a_spec("env: {KEY: null, OTHER: null}\n"), FakeBackend()
    with pytest.raises(Refused, match=r"x\.yaml: env: OTHER not set here; export it"):
        await submit(spec, backend, store, {"KEY": SECRET})
    assert (backend.plans, store.path.exists()) == ([], False)


async def test_a_spec_that_gives_no_runs_is_an_error_and_nothing_is_stored(store: Store) -> None:
    spec = a_spec()
    bad = replace(spec, command="train {nothing}")
    with pytest.raises(SpecError):
        await submit(bad, FakeBackend(), store, {})
    assert not store.path.exists()


async def test_without_a_store_nothing_is_submitted(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("a file where the folder should be")
    backend = FakeBackend()
    with pytest.raises(StoreError):
        await submit(a_spec(), backend, Store(tmp_path / "state"), {})
    assert backend.plans == []


async def test_the_project_is_packed_only_where_it_is_not_shared(store: Store, tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text("print(1)\n")
    shared, sent = FakeBackend(), FakeBackend()
    sent.shared = False
    for backend in (shared, sent):
        await submit(a_spec(folder=tmp_path), backend, store, {})
    assert [plan.code for plan in shared.plans] == [None, None]
    first, second = (plan.code for plan in sent.plans)
    assert first is second is not None


async def test_a_project_that_is_not_there_is_refused(store: Store, tmp_path: Path) -> None:
    backend = FakeBackend()
    backend.shared = False
    with pytest.raises(Refused):
        await submit(replace(a_spec(), workdir=tmp_path / "gone"), backend, store, {})
    assert (backend.plans, store.path.exists()) == ([], False)


async def test_a_preview_shows_the_command_of_every_run() -> None:
    found = await preview(a_spec("env: {KEY: null}\n"), {"KEY": SECRET})
    assert [plan.command for _, plan in found] == ["train --lr 0.1", "train --lr 0.2"]


def test_the_backend_is_what_was_asked_for_else_the_specs_choice_else_the_first() -> None:
    backends = [FakeBackend("one"), FakeBackend("two"), FakeBackend("three")]
    chosen = replace(a_spec(), where=("two",))
    assert choose_backend(chosen, backends, "three").name == "three"
    assert choose_backend(chosen, backends, None).name == "two"
    assert choose_backend(a_spec(), backends, None).name == "one"


def test_an_unknown_backend_is_refused_with_the_nearest_name() -> None:
    with pytest.raises(Refused, match=r"unknown backend.*tritn.*triton"):
        choose_backend(a_spec(), [FakeBackend("local"), FakeBackend("triton")], "tritn")
    with pytest.raises(Refused, match=r"the config has local, triton"):
        choose_backend(a_spec(), [FakeBackend("local"), FakeBackend("triton")], "zzz")


def test_only_variables_without_a_value_are_taken_from_the_caller() -> None:
    assert take_secrets(a_spec("env: {A: null, B: 2}\n"), {"A": "a", "B": "b", "C": "c"}) == {"A": "a"}
