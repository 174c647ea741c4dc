"""The store made anew from what lies on the backends."""

from __future__ import annotations

import json
from dataclasses import fields, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backends.base import Found, HostUnreachable, JobState
from tests.trainboard.fakes import FakeBackend, a_job
from trainboard.actions import Refused
from trainboard.documents import Records
from trainboard.lease import Lease
from trainboard.origin import ATTEMPT, EXPERIMENT, RUN, lineage, origin_of, renamed
from trainboard.rebuild import rebuild, states
from trainboard.records import Attempt, Experiment, Run
from trainboard.salvage import salvaged
from trainboard.store import Store

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

EXPERIMENT_1 = Experiment(
    "x-1", "x", "/x.yaml", "name: x\n", 100.0, "loss", "maximize", {"steps": 10.0}, ("lr=1",), ("fake", "other"),
    "c0de", ("y-1",), folder="x-1-5a1e7c20", sources=("stdout", "{run}.csv"), pattern=("(?P<loss>.+)",),
)  # fmt: skip


def a_run(index: int = 0, experiment: str = "x-1") -> Run:
    return Run(f"{experiment}.{index}", experiment, index, f"lr={index}", {"lr": index, "note": None, "on": True}, 3)


def sent(token: str, run: Run, number: int = 1, backend: str = "fake") -> Attempt:
    """An attempt as it is when its plan is made."""
    return Attempt(
        token, run.id, number, backend, JobState.SUBMITTING, 200.0 + number,
        f"/there/x-1-5a1e7c20/{run.folder}/{number}", sent=200.0 + number,
        batch="b0", task=run.index, cause="requeued" if number > 1 else "",
    )  # fmt: skip


def as_found(
    attempt: Attempt,
    run: Run | None = None,
    experiment: Experiment = EXPERIMENT_1,
    changes: Mapping[str, object] = MappingProxyType({}),
) -> Found:
    """The directory of an attempt."""
    run = run or a_run()
    plan: dict[str, Any] = {
        "token": attempt.id, "experiment": experiment.id, "run": run.folder, "attempt": attempt.number,
        "batch": attempt.batch, "task": attempt.task, "origin": origin_of(experiment, run, attempt),
    }  # fmt: skip
    return Found(attempt.directory, json.loads(json.dumps({**plan, **changes})), experiment.text, "job-7")


# --- what travels with an attempt


def test_what_travels_comes_back_as_the_same_records() -> None:
    run = a_run()
    read = lineage(as_found(sent("t1", run), run), "fake")
    assert read is not None
    assert (read.experiment, read.run) == (EXPERIMENT_1, run)
    assert read.attempt == replace(sent("t1", run), job_id="job-7", sent=201.0)


SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()


@given(st.dictionaries(st.text(), SCALARS), st.text(), st.dictionaries(st.text(), st.floats(allow_nan=False)))
def test_any_parameters_travel(params: dict[str, Any], source: str, total: dict[str, float]) -> None:
    run, experiment = replace(a_run(), params=params), replace(EXPERIMENT_1, source=source, total=total)
    read = lineage(as_found(sent("t1", run), run, experiment), "fake")
    assert read is not None
    assert (read.experiment, read.run) == (experiment, run)


def test_every_field_of_the_records_travels_or_is_known_not_to() -> None:
    def names(kind: type[Any]) -> set[str]:
        return {each.name for each in fields(kind)}

    asking = {"halted", "forgiven", "finished"}
    assert names(Experiment) == EXPERIMENT.keys() | {"id", "text", "folder"} | asking
    wishes = {"place", "held", "cancelled", "stopped", "requeued", "released"}
    told = {"told", "value", "rungs", "passed"}  # read anew from what it printed
    assert names(Run) == RUN.keys() | {"id", "experiment"} | wishes | told
    assert {"id", "number", "directory", "job_id", "batch", "task", "run"} | ATTEMPT.keys() <= names(Attempt)


@pytest.mark.parametrize(
    "change",
    [
        {"origin": None}, {"origin": {}}, {"origin": {"version": 2}}, {"token": 7}, {"attempt": "1"},
        {"attempt": True}, {"experiment": ["x"]},
        {"origin": {"version": 1, "experiment": [], "run": {}, "attempt": {}}},
    ],
)  # fmt: skip
def test_a_directory_that_tells_too_little_is_none_of_ours(change: dict[str, object]) -> None:
    assert lineage(as_found(sent("t1", a_run()), changes=change), "fake") is None


@pytest.mark.parametrize(
    "path", ["experiment.created", "experiment.total", "experiment.where", "run.params", "run.index"]
)
@pytest.mark.parametrize("value", ["x", 10**400, [7], {"a": []}])
def test_a_value_of_another_kind_makes_no_record(path: str, value: object) -> None:
    found = as_found(sent("t1", a_run()))
    table, _, name = path.partition(".")
    found.plan["origin"][table][name] = value
    read = lineage(found, "fake")
    assert read is None or (path == "run.index" and read.run.index == value)


def test_an_attempt_under_another_id_hangs_together() -> None:
    read = lineage(as_found(sent("t1", a_run(4)), a_run(4)), "fake")
    assert read is not None
    other = renamed(read, "x-9")
    assert (other.experiment.id, other.run.id, other.run.experiment, other.attempt.run) == (
        "x-9", "x-9.4", "x-9", "x-9.4",
    )  # fmt: skip


# --- rebuild


def a_backend(*found: Found, name: str = "fake") -> FakeBackend:
    backend = FakeBackend(name)
    backend.found = found
    return backend


async def test_an_empty_store_is_filled_with_what_the_hosts_have(tmp_path: Path) -> None:
    runs = [a_run(0), a_run(1), a_run(2)]
    attempts = [sent("t0", runs[0]), sent("t1", runs[1]), sent("t1b", runs[1], 2), sent("t2", runs[2])]
    backend = a_backend(*(as_found(each, runs[int(each.run[-1])]) for each in attempts))
    backend.queue = [
        a_job("t0", JobState.COMPLETED, ended=9.0, exit_code=0),
        a_job("t1", JobState.TIMEOUT, ended=9.0),
        a_job("t1b", JobState.RUNNING),
        a_job("t2", JobState.HELD),
    ]
    account = await rebuild(tmp_path, [backend], Store(tmp_path))
    stored = await Store(tmp_path).load()
    assert stored.experiments.keys() == {"x-1"}
    assert stored.runs.keys() == {"x-1.0", "x-1.1", "x-1.2"}
    assert [stored.runs[f"x-1.{n}"].held for n in range(3)] == [False, False, True]
    found = {each.id: (each.run, each.number, each.state) for each in stored.attempts.values()}
    assert found == {
        "t0": ("x-1.0", 1, JobState.COMPLETED),
        "t1": ("x-1.1", 1, JobState.TIMEOUT),
        "t1b": ("x-1.1", 2, JobState.RUNNING),
        "t2": ("x-1.2", 1, JobState.HELD),
    }
    assert (account.stored, account.damaged) == (8, False)
    assert states(account.records) == {"COMPLETED": 1, "TIMEOUT": 1, "RUNNING": 1, "HELD": 1}


async def test_a_second_rebuild_changes_nothing(tmp_path: Path) -> None:
    backend = a_backend(as_found(sent("t0", a_run())), as_found(sent("t1", a_run(1)), a_run(1)))
    backend.queue = [a_job("t0", JobState.COMPLETED, ended=9.0)]
    await rebuild(tmp_path, [backend], Store(tmp_path))
    first = await Store(tmp_path).load()
    account = await rebuild(tmp_path, [backend], Store(tmp_path))
    assert (account.stored, await Store(tmp_path).load()) == (0, first)


async def test_an_attempt_without_a_sign_of_its_end_is_lost_until_there_is_one(tmp_path: Path) -> None:
    backend = a_backend(as_found(sent("t0", a_run())))
    await rebuild(tmp_path, [backend], Store(tmp_path))
    lost = (await Store(tmp_path).load()).attempts["t0"]
    assert (lost.state, "rebuild" in lost.reason) == (JobState.LOST, True)
    backend.queue = [a_job("t0", JobState.COMPLETED, ended=9.0)]
    await rebuild(tmp_path, [backend], Store(tmp_path))
    assert (await Store(tmp_path).load()).attempts["t0"].state is JobState.COMPLETED


async def test_what_only_the_old_store_knows_stays(tmp_path: Path) -> None:
    store, run = Store(tmp_path), a_run(5)
    unsent = Attempt("u1", run.id, 1, "", JobState.PENDING, 300.0, "")
    ended = Attempt("e1", "x-1.6", 1, "fake", JobState.COMPLETED, 300.0, "/gone", job_id="1", ended=301.0)
    held = replace(a_run(0), held=True, priority=9)
    known = replace(sent("t0", held), state=JobState.FAILED, ended=5.0, reason="exit code 3")
    await store.put(EXPERIMENT_1, run, a_run(6), held, unsent, ended, known)
    backend = a_backend(as_found(sent("t0", a_run(0)), a_run(0)), as_found(sent("t1", a_run(1)), a_run(1)))
    await rebuild(tmp_path, [backend], store)
    stored = await Store(tmp_path).load()
    assert [stored.attempts[each.id] for each in (unsent, ended, known)] == [unsent, ended, known]
    assert stored.runs["x-1.0"] == held
    assert stored.attempts.keys() == {"u1", "e1", "t0", "t1"}


async def test_the_old_state_is_put_aside_each_time(tmp_path: Path) -> None:
    store = Store(tmp_path)
    await store.put(EXPERIMENT_1)
    old = (tmp_path / "state.json").read_bytes()
    folders = {(await rebuild(tmp_path, [a_backend()], store, lambda: 5.0)).aside for _ in range(2)}
    assert len(folders) == 2
    assert all((folder / "state.json").read_bytes() == old for folder in folders)


@pytest.mark.parametrize("name", ["state.json", "state.journal"])
async def test_damaged_files_are_no_obstacle_and_what_is_legible_in_them_is_kept(tmp_path: Path, name: str) -> None:
    store, run = Store(tmp_path), a_run(5)
    await store.put(EXPERIMENT_1, run)
    unsent = Attempt("u1", run.id, 1, "", JobState.PENDING, 300.0, "")
    await store.put(unsent)
    path = tmp_path / name
    damaged = path.read_bytes() + b"{ half\n" * 3 + b'{"crc":"00000000"}\n'
    path.write_bytes(damaged)
    backend = a_backend(as_found(sent("t0", a_run())))
    account = await rebuild(tmp_path, [backend], Store(tmp_path))
    stored = await Store(tmp_path).load()
    assert account.damaged
    assert (set(stored.attempts), stored.runs[run.id]) == ({"u1", "t0"}, run)
    assert (account.aside / name).read_bytes() == damaged


async def test_a_host_that_does_not_answer_keeps_what_was_known_of_it(tmp_path: Path) -> None:
    store = Store(tmp_path)
    known = replace(sent("t9", a_run(9), backend="dead"), state=JobState.RUNNING)
    await store.put(EXPERIMENT_1, a_run(9), known)
    dead, good = a_backend(name="dead"), a_backend(as_found(sent("t0", a_run())))
    dead.error = HostUnreachable("dead: no route")
    account = await rebuild(tmp_path, [dead, good], store)
    assert [(each.backend, each.reason) for each in account.harvests] == [("dead", "no route"), ("fake", "")]
    assert (await store.load()).attempts.keys() == {"t9", "t0"}
    assert (await store.load()).attempts["t9"] == known


async def test_hosts_with_a_shared_home_do_not_take_each_others_attempts(tmp_path: Path) -> None:
    found = as_found(sent("t0", a_run(0))), as_found(sent("t1", a_run(1), backend="other"), a_run(1))
    await rebuild(tmp_path, [a_backend(*found), a_backend(*found, name="other")], Store(tmp_path))
    stored = await Store(tmp_path).load()
    assert {each.id: each.backend for each in stored.attempts.values()} == {"t0": "fake", "t1": "other"}


async def test_two_experiments_of_one_id_are_kept_apart(tmp_path: Path) -> None:
    theirs = replace(EXPERIMENT_1, created=50.0, source="/elsewhere.yaml")
    backend = a_backend(as_found(sent("t0", a_run())), as_found(sent("t1", a_run()), a_run(), theirs))
    store = Store(tmp_path)
    await store.put(EXPERIMENT_1)
    await rebuild(tmp_path, [backend], store)
    stored = await store.load()
    assert {each.id: each.created for each in stored.experiments.values()} == {"x-1": 100.0, "x-2": 50.0}
    assert {each.id: each.run for each in stored.attempts.values()} == {"t0": "x-1.0", "t1": "x-2.0"}
    assert (await rebuild(tmp_path, [backend], store)).stored == 0


async def test_an_experiment_under_another_id_keeps_its_folder_so_that_its_next_attempt_lies_beside_the_first(
    tmp_path: Path,
) -> None:
    backend, run = a_backend(), a_run()
    backend.found = tuple(
        Found(f"/runs/{folder}/{run.folder}/1", as_found(sent(token, run), run, experiment).plan, "name: x\n")
        for token, folder, experiment in (
            ("t0", "x-1-5a1e7c20", EXPERIMENT_1),
            ("t1", "x-1-00ff00ff", replace(EXPERIMENT_1, created=150.0)),
            ("t2", "x-1", replace(EXPERIMENT_1, created=160.0)),  # of an older version
        )
    )
    await rebuild(tmp_path, [backend], Store(tmp_path))
    stored = (await Store(tmp_path).load()).experiments
    assert {each.id: each.folder for each in stored.values()} == {
        "x-1": "x-1-5a1e7c20", "x-2": "x-1-00ff00ff", "x-3": "x-1",
    }  # fmt: skip


async def test_a_run_that_the_user_cancelled_is_not_tried_again(tmp_path: Path) -> None:
    backend = a_backend(as_found(sent("t0", a_run())))
    backend.queue = [a_job("t0", JobState.CANCELLED, ended=9.0)]
    await rebuild(tmp_path, [backend], Store(tmp_path))
    assert (await Store(tmp_path).load()).runs["x-1.0"].cancelled == 9.0


async def test_directories_that_tell_nothing_are_counted(tmp_path: Path) -> None:
    backend = a_backend(as_found(sent("t0", a_run())), Found("/there/x-1/000/1", {"token": "t1"}, "", ""))
    [harvest] = (await rebuild(tmp_path, [backend], Store(tmp_path))).harvests
    assert (len(harvest.lineages), harvest.unreadable) == (1, 1)


async def test_it_is_refused_while_another_process_works_on_the_state(tmp_path: Path) -> None:
    other = Lease(tmp_path, "board")
    other.look()
    with pytest.raises(Refused, match=r"board, process \d+ works on this state: end it first"):
        await rebuild(tmp_path, [a_backend()], Store(tmp_path))
    other.give_up()
    await rebuild(tmp_path, [a_backend()], Store(tmp_path))
    after = Lease(tmp_path, "board")
    after.look()
    assert after.held


@given(st.binary(), st.binary())
def test_anything_can_be_salvaged_from(state: bytes, journal: bytes) -> None:
    assert isinstance(salvaged(state, journal), Records)
