"""Submission: first everything is written down, then it is sent."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from backends.base import CommandFailed, HostUnreachable, JobState, LoginRefused, NoRoom, Rejected, Snapshot, Unclear
from specs.load import load, loads
from specs.model import Code, SpecError
from tests.trainboard.fakes import FakeBackend, a_spec, config_of, desk_of, intend
from trainboard.actions import Refused
from trainboard.cli.desk import Desk
from trainboard.cli.submit import asked
from trainboard.config import Config
from trainboard.options import CAREFUL, Options
from trainboard.paths import paths
from trainboard.places import Places
from trainboard.prospect import Doubtful, Unfit
from trainboard.records import Attempt, Experiment
from trainboard.store import Store, StoreError
from trainboard.submit import carry_out, choose, consider, next_experiment_id, preview

if TYPE_CHECKING:
    from backends.base import BackendError, Plan, Question
    from tests.trainboard.fakes import CoreDesk

SECRET = "s3cret-77d1"


@pytest.fixture
def backend() -> FakeBackend:
    return FakeBackend()


@pytest.fixture
def desk(tmp_path: Path, backend: FakeBackend) -> CoreDesk:
    return desk_of(tmp_path / "state", backend)


async def test_the_intent_of_every_run_is_on_disk_before_anything_leaves_this_machine(
    desk: CoreDesk, backend: FakeBackend
) -> None:
    seen = []

    async def look(plan: Plan) -> str:
        written = await Store(desk.store.path.parent).load()  # as another process would see it
        seen.append({attempt.id: attempt.state for attempt in written.attempts.values()})
        assert written.attempts[plan.token].directory == f"/there/{plan.folder}"
        assert written.attempts[plan.token].sent is not None
        assert (len(written.experiments), len(written.runs)) == (1, 2)
        return plan.run

    backend.submitting = look
    made = await desk.submit(a_spec())
    tokens = {attempt.id for _, attempt in made}
    assert seen == [dict.fromkeys(tokens, JobState.SUBMITTING)] * 2


async def test_what_waits_for_an_experiment_is_written_down_and_not_sent(
    desk: CoreDesk, backend: FakeBackend
) -> None:
    await desk.submit(a_spec(name="before"))
    backend.plans.clear()
    made = await desk.submit(a_spec("after: before\n"))
    assert backend.plans == []
    assert all(attempt.unsent and attempt.state is JobState.PENDING for _, attempt in made)


async def test_what_it_comes_after_must_be_there_or_nothing_is_stored(desk: CoreDesk) -> None:
    await desk.submit(a_spec())
    before = await desk.store.load()
    with pytest.raises(Refused, match=r'x\.yaml: after: no experiment "prepare"'):
        await desk.submit(a_spec("after: prepare\n"))
    assert await desk.store.load() is before


async def test_a_name_stands_for_the_newest_experiment_of_that_name(desk: CoreDesk) -> None:
    for _ in range(2):
        await desk.submit(a_spec())
        desk.now += 1
    made = await desk.submit(a_spec("after: x\n", name="y"))
    assert (await desk.store.load()).experiments[made[0][0].experiment].after == ["x-2"]


async def test_a_submitted_run_is_pending_with_its_job_id(desk: CoreDesk) -> None:
    desk.now = 50.0
    made = await desk.submit(a_spec())
    assert [(run.id, run.params) for run, _ in made] == [("x-1.0", {"lr": 0.1}), ("x-1.1", {"lr": 0.2})]
    for attempt, job_id in zip((attempt for _, attempt in made), ("job-1", "job-2"), strict=True):
        assert (attempt.state, attempt.job_id, attempt.submitted) == (JobState.PENDING, job_id, 50.0)


async def test_experiments_of_one_id_in_two_states_have_folders_of_their_own_and_names_as_people_type_them(
    tmp_path: Path, backend: FakeBackend
) -> None:
    for state in ("laptop", "workstation"):
        await desk_of(tmp_path / state, backend).submit(a_spec())
    assert {plan.job_name for plan in backend.plans} == {"x-1/000-lr=0.1", "x-1/001-lr=0.2"}
    assert len({plan.folder for plan in backend.plans}) == 4
    assert len({plan.home for plan in backend.plans}) == 2
    assert all(plan.home.startswith("x-1-") for plan in backend.plans)


async def test_an_experiment_of_before_there_were_such_folders_keeps_its_own(
    desk: CoreDesk, backend: FakeBackend
) -> None:
    made = await desk.submit(a_spec())
    await desk.store.update(Experiment, "x-1", lambda each: replace(each, folder=""))
    await desk.becomes("x-1.0", JobState.FAILED)
    await desk.control.requeue(await desk.rows("x-1.0"))
    await desk.dispatcher.step()
    assert [plan.folder for plan in backend.plans[len(made) :]] == ["x-1/000-lr=0.1/2"]


async def test_all_runs_are_handed_over_in_one_call_as_one_batch(desk: CoreDesk, backend: FakeBackend) -> None:
    await desk.submit(a_spec())
    [batch] = backend.batches
    assert [(plan.run, plan.task) for plan in batch] == [("000-lr=0.1", 0), ("001-lr=0.2", 1)]
    assert len({plan.batch for plan in batch}) == 1
    assert batch[0].batch


@pytest.mark.parametrize(
    ("error", "state", "reason", "waits_here"),
    [
        (
            Rejected("sbatch: invalid partition", "see sinfo"),
            JobState.FAILED,
            "sbatch: invalid partition; see sinfo",
            0,
        ),
        (CommandFailed("no bash"), JobState.FAILED, "not submitted: no bash", False),
        (Unclear("no answer yet"), JobState.SUBMITTING, "no answer yet", False),
        (HostUnreachable("gpu1: refused"), JobState.PENDING, "not submitted: gpu1: refused", True),
        (NoRoom("8 jobs of 8"), JobState.PENDING, "8 jobs of 8", True),
    ],
)
async def test_what_became_of_a_submission(
    desk: CoreDesk, backend: FakeBackend, error: BackendError, state: JobState, reason: str, waits_here: bool
) -> None:
    backend.error = error
    made = await desk.submit(a_spec())
    stored = (await desk.store.load()).attempts
    for _, attempt in made:
        assert stored[attempt.id] == attempt
        assert (attempt.state, attempt.reason, attempt.job_id) == (state, reason, "")
        assert (attempt.ended is not None) == state.ended
        assert attempt.unsent == bool(waits_here)
        assert attempt.rejected == state.ended


async def test_one_run_that_is_rejected_does_not_hold_up_the_others(desk: CoreDesk, backend: FakeBackend) -> None:
    async def first_not(plan: Plan) -> str:
        if plan.run.startswith("000"):
            raise Rejected("no")
        return "4711"

    backend.submitting = first_not
    made = await desk.submit(a_spec())
    assert [attempt.state for _, attempt in made] == [JobState.FAILED, JobState.PENDING]


async def test_what_a_poll_saw_meanwhile_is_newer_than_pending(desk: CoreDesk, backend: FakeBackend) -> None:
    async def seen_running(plan: Plan) -> str:
        await desk.store.update(Attempt, plan.token, lambda attempt: replace(attempt, state=JobState.RUNNING))
        return "4711"

    backend.submitting = seen_running
    [(_, attempt), _] = await desk.submit(a_spec())
    assert (attempt.state, attempt.job_id) == (JobState.RUNNING, "4711")


async def test_every_submission_is_an_experiment_of_its_own(desk: CoreDesk) -> None:
    for number in (1, 2):
        made = await desk.submit(a_spec())
        assert {run.experiment for run, _ in made} == {f"x-{number}"}
    assert len((await desk.store.load()).attempts) == 4


async def test_two_processes_that_submit_the_same_spec_at_once_get_an_experiment_each(tmp_path: Path) -> None:
    desks = [desk_of(tmp_path / "state", FakeBackend()) for _ in range(2)]
    made = await asyncio.gather(*(desk.submit(a_spec()) for desk in desks))
    assert {run.experiment for some in made for run, _ in some} == {"x-1", "x-2"}
    for some in made:
        assert [run.index for run, _ in some] == [0, 1]
        assert [attempt.state for _, attempt in some] == [JobState.PENDING] * 2
    assert [len(desk.backend.plans) for desk in desks] == [2, 2]


def test_experiment_numbers_go_on_after_the_highest() -> None:
    [taken] = [dict.fromkeys(["x-1", "x-10", "x-y-99", "xx-50", "x-²"])]
    assert next_experiment_id("x", taken) == "x-11"  # type: ignore[arg-type]  # only the keys matter


async def test_a_secret_reaches_the_backend_and_nothing_that_is_kept(desk: CoreDesk, backend: FakeBackend) -> None:
    desk.environ["KEY"] = SECRET
    await desk.submit(a_spec("env: {KEY: null, SEEN: abc}\n"))
    plan = backend.plans[0]
    assert (dict(plan.secrets), dict(plan.env)) == ({"KEY": SECRET}, {"SEEN": "abc"})
    assert SECRET not in repr(plan)
    kept = [path.read_text() for path in desk.store.path.parent.rglob("*") if path.is_file()]
    assert kept
    assert not any(SECRET in text for text in kept)
    assert SECRET not in f"{plan.spec_text}{plan.command}{plan.origin}"


async def test_a_variable_that_is_not_set_is_refused_and_nothing_is_stored(desk: CoreDesk) -> None:
    desk.environ["KEY"] = SECRET
    with pytest.raises(Refused, match=r"x\.yaml: env: OTHER not set here; export it"):
        await desk.submit(a_spec("env: {KEY: null, OTHER: null}\n"))
    assert (desk.backend.plans, desk.store.path.exists()) == ([], False)


async def test_a_secret_that_is_gone_when_it_is_needed_keeps_the_run_waiting_and_says_so(desk: CoreDesk) -> None:
    await intend(a_spec("env: {KEY: null}\n"), [desk.backend], desk.store, desk.archives, {"KEY": SECRET})
    await desk.dispatcher.step()
    attempts = (await desk.store.load()).attempts.values()
    assert {(each.unsent, each.reason) for each in attempts} == {(True, "needs KEY: set it where the board runs")}
    desk.environ["KEY"] = SECRET
    desk.monotonic += 10
    await desk.dispatcher.step()
    assert [plan.secrets["KEY"] for plan in desk.backend.plans] == [SECRET] * 2


async def test_a_spec_that_gives_no_runs_is_an_error_and_nothing_is_stored(desk: CoreDesk) -> None:
    with pytest.raises(SpecError):
        await desk.submit(replace(a_spec(), command="train {nothing}"))
    assert not desk.store.path.exists()


async def test_without_a_store_nothing_is_submitted(tmp_path: Path, backend: FakeBackend) -> None:
    (tmp_path / "state").write_text("a file where the folder should be")
    with pytest.raises(StoreError):
        await desk_of(tmp_path / "state", backend).submit(a_spec())
    assert backend.plans == []


async def test_the_project_is_kept_here_and_sent_only_where_it_is_not_shared(desk: CoreDesk, tmp_path: Path) -> None:
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "train.py").write_text("print(1)\n")
    await desk.submit(a_spec(folder=folder))
    assert [plan.code for plan in desk.backend.plans] == [None, None]
    desk.backend.shared = False
    await desk.submit(a_spec(folder=folder))
    codes = {plan.code.digest for plan in desk.backend.plans[2:] if plan.code}
    assert len(codes) == 1
    assert {each.code for each in (await desk.store.load()).experiments.values()} == codes


async def test_what_is_sent_later_is_the_project_as_it_was_at_submission(desk: CoreDesk, tmp_path: Path) -> None:
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "train.py").write_text("print(1)\n")
    desk.backend.shared = False
    made = await intend(a_spec(folder=folder), [desk.backend], desk.store, desk.archives, {})
    (folder / "train.py").write_text("print(2)\n")
    await desk.dispatcher.step()
    assert made.experiment is not None
    assert {plan.code and plan.code.digest for plan in desk.backend.plans} == {made.experiment.code}


async def test_a_project_that_is_not_there_is_refused(desk: CoreDesk, tmp_path: Path) -> None:
    desk.backend.shared = False
    with pytest.raises(Refused):
        await desk.submit(replace(a_spec(), workdir=tmp_path / "gone"))
    assert (desk.backend.plans, desk.store.path.exists()) == ([], False)


async def test_runs_that_would_bring_each_others_results_are_refused_in_a_shared_folder(desk: CoreDesk) -> None:
    with pytest.raises(Refused, match="each other's results"):
        await desk.submit(a_spec("outputs: {collect: ['results/*.csv']}\n"))
    assert await desk.attempts() == []
    assert await desk.submit(a_spec("outputs: {collect: ['results/{run}.csv']}\n"))


async def test_runs_that_would_take_each_others_checkpoints_are_refused_in_a_shared_folder(desk: CoreDesk) -> None:
    with pytest.raises(Refused, match="each other's checkpoints"):
        await desk.submit(a_spec("outputs: {checkpoint: 'ckpt/*.pt'}\n"))
    assert not desk.store.path.exists()
    await desk.submit(
        a_spec(
            "outputs: {checkpoint: 'ckpt/{run}/*.pt', keep: 2}\nretry: {on: [FAILED], resume: '-r {checkpoint}'}\n"
        )
    )
    checkpoints = desk.backend.plans[0].checkpoints
    assert checkpoints is not None
    assert (checkpoints.pattern, checkpoints.keep, checkpoints.resume) == ("ckpt/lr=0.1/*.pt", 2, "-r {checkpoint}")


async def test_a_preview_shows_the_command_of_every_run() -> None:
    found = await preview(a_spec("env: {KEY: null}\n"), {"KEY": SECRET})
    assert [plan.command for _, plan in found] == ["train --lr 0.1", "train --lr 0.2"]


def test_runs_go_where_it_was_asked_for_else_where_the_spec_says_else_to_the_first() -> None:
    backends = [config_of(FakeBackend(name)) for name in ("one", "two", "three")]
    config = Config(Path("/c.yaml"), tuple(backends), {"pool": ("three", "two")})
    chosen = replace(a_spec(), where=("two",))
    assert choose(chosen, config, ["three"]) == ("three",)
    assert choose(chosen, config) == ("two",)
    assert choose(a_spec(), config) == ("one",)
    assert choose(a_spec(), config, ["pool", "one"]) == ("three", "two", "one")


def test_an_unknown_backend_is_refused_with_the_nearest_name() -> None:
    config = Config(Path("/c.yaml"), (config_of(FakeBackend("local")), config_of(FakeBackend("triton"))))
    with pytest.raises(Refused, match=r"x\.yaml: unknown backend.*tritn.*triton"):
        choose(a_spec(), config, ["tritn"])
    with pytest.raises(Refused, match=r"the config has local, triton"):
        choose(a_spec(), config, ["zzz"])


# --- checks and doubts before a submission


def pair_of(folder: Path) -> tuple[CoreDesk, FakeBackend]:
    """Two backends, of which the first, which is returned too, does not let us in."""
    broken = FakeBackend("broken")
    broken.error = LoginRefused("broken: permission denied")
    return desk_of(folder, broken, FakeBackend("well")), broken


async def test_a_backend_where_the_runs_would_fail_is_left_out(tmp_path: Path) -> None:
    desk, _ = pair_of(tmp_path / "state")
    made = await desk.submit(a_spec(), CAREFUL)
    [experiment] = (await desk.store.load()).experiments.values()
    assert (list(experiment.where), experiment.forced) == (["well"], False)
    assert {attempt.backend for _, attempt in made} == {"well"}


async def test_where_no_backend_is_left_nothing_is_submitted_unless_forced(
    desk: CoreDesk, backend: FakeBackend
) -> None:
    backend.error = LoginRefused("fake: permission denied")
    with pytest.raises(Unfit, match=r"x\.yaml: not submitted: fake: login: permission denied; .*--force") as refusal:
        await desk.submit(a_spec(), CAREFUL)
    assert refusal.value.report.failed("fake")
    assert not desk.store.path.exists()
    await desk.submit(a_spec(), Options(force=True))
    [experiment] = (await desk.store.load()).experiments.values()
    assert (list(experiment.where), experiment.forced) == (["fake"], True)


async def test_a_script_that_would_not_be_sent_is_told_of_before_anything_is(
    desk: CoreDesk, backend: FakeBackend, tmp_path: Path
) -> None:
    (tmp_path / "run.sh").write_text("#!/bin/sh\n")
    backend.shared = False
    spec = loads("name: x\ncommand: bash run.sh\ncode: {exclude: [run.sh]}\n", tmp_path / "x.yaml")
    with pytest.raises(Unfit, match=r"fake: files: not sent: run\.sh; take it out of \.gitignore"):
        await desk.submit(spec, CAREFUL)
    assert len(await desk.submit(replace(spec, code=Code()), CAREFUL)) == 1


async def test_force_without_a_check_that_fails_is_no_news(desk: CoreDesk) -> None:
    await desk.submit(a_spec(), Options(force=True))
    assert not (await desk.store.load()).experiments["x-1"].forced


@pytest.fixture
def secretive(tmp_path: Path) -> Path:
    """A project with a key in it."""
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "id_rsa").write_text("s3cret")
    return folder


async def test_a_file_that_looks_like_a_secret_is_sent_only_where_the_user_says_so(
    desk: CoreDesk, backend: FakeBackend, secretive: Path
) -> None:
    spec, backend.shared = a_spec(folder=secretive), False
    with pytest.raises(Doubtful, match=r"x\.yaml: not sent unasked: id_rsa; .*--send") as refusal:
        await desk.submit(spec, CAREFUL)
    assert [doubt.path for doubt in refusal.value.doubts] == ["id_rsa"]
    assert not desk.store.path.exists()
    await desk.submit(spec, Options(send=True))
    [code] = {plan.code for plan in backend.plans}
    assert isinstance(code, Snapshot)
    assert [file.path for file in code.files] == ["id_rsa"]


async def test_where_nothing_is_sent_there_is_nothing_to_ask(desk: CoreDesk, secretive: Path) -> None:
    assert len(await desk.submit(a_spec(folder=secretive), CAREFUL)) == 2


class Asked:
    """A user who gives one answer."""

    def __init__(self, answer: str | None) -> None:
        self.answer = answer
        self.questions: list[Question] = []

    async def ask(self, question: Question) -> str | None:
        self.questions.append(question)
        return self.answer


@pytest.mark.parametrize("answer", ["yes", None])
async def test_on_a_terminal_the_user_is_asked_what_may_be_sent(
    tmp_path: Path, desk: CoreDesk, backend: FakeBackend, secretive: Path, answer: str | None
) -> None:
    user, backend.shared = Asked(answer), False
    where = paths({"TRAINBOARD_HOME": str(tmp_path / "home")})
    config = Config(where.config, (config_of(backend),))
    words = Desk(where, config, desk.store, Places(where, user), {})
    if answer is None:
        with pytest.raises(Doubtful):
            await asked(words, a_spec(folder=secretive), [backend], CAREFUL, user)
    else:
        prospect = await asked(words, a_spec(folder=secretive), [backend], CAREFUL, user)
        assert prospect.objection() is None
    [question] = user.questions
    assert (question.yes_no, "id_rsa" in question.text, "s3cret" in question.text) == (True, True, False)


async def test_what_another_process_submitted_meanwhile_is_not_submitted_twice(desk: CoreDesk) -> None:
    first, second = [
        await consider(a_spec(), [desk.backend], desk.store, desk.archives, {}, CAREFUL) for _ in range(2)
    ]
    assert len(await carry_out(first, desk.dispatcher)) == 2
    assert await carry_out(second, desk.dispatcher) == []
    assert list((await desk.store.load()).experiments) == ["x-1"]


async def test_a_spec_that_extends_others_is_kept_whole(desk: CoreDesk, tmp_path: Path) -> None:
    (tmp_path / "base.yaml").write_text("command: train --lr {lr}\n")
    (tmp_path / "x.yaml").write_text("extends: base.yaml\nname: x\nsweep: {lr: [0.1, 0.2]}\n")
    await intend(load(tmp_path / "x.yaml"), [desk.backend], desk.store, desk.archives, {})
    (tmp_path / "base.yaml").unlink()
    await desk.dispatcher.step()
    assert [plan.command for plan in desk.backend.plans] == ["train --lr 0.1", "train --lr 0.2"]
