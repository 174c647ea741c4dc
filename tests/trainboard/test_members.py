"""Which runs of a spec exist already, and which are submitted."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from backends.base import JobState, Snapshot
from specs.expand import expand
from specs.load import loads
from tests.trainboard.fakes import FakeBackend, a_spec, desk_of
from trainboard.identity import identity
from trainboard.options import CAREFUL, Only, Options
from trainboard.records import Run

if TYPE_CHECKING:
    from specs.model import Setting, Spec
    from tests.trainboard.fakes import CoreDesk

QUICK = Options(check=False)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "train.py").write_text("print(1)\n")
    return folder


@pytest.fixture
def desk(tmp_path: Path) -> CoreDesk:
    return desk_of(tmp_path / "state", FakeBackend())


async def submitted(desk: CoreDesk, spec: Spec, options: Options = QUICK) -> list[str]:
    """The ids of the runs that a submission made."""
    return [run.id for run, _ in await desk.submit(spec, options)]


async def test_a_run_that_exists_is_not_submitted_again_unless_asked_for(desk: CoreDesk, project: Path) -> None:
    spec = a_spec(folder=project)
    assert await submitted(desk, spec, CAREFUL) == ["x-1.0", "x-1.1"]
    before = await desk.store.load()
    assert await submitted(desk, spec) == []
    assert await desk.store.load() is before
    assert await submitted(desk, spec, Options(again=True)) == ["x-2.0", "x-2.1"]


@pytest.mark.parametrize(
    ("state", "exists"),
    [
        (JobState.RUNNING, True),
        (JobState.COMPLETED, True),
        (JobState.FAILED, True),
        (JobState.LOST, True),
        (JobState.CANCELLED, False),
    ],
)
async def test_a_run_exists_in_every_state_but_cancelled(
    desk: CoreDesk, project: Path, state: JobState, exists: bool
) -> None:
    spec = a_spec(folder=project)
    await submitted(desk, spec)
    await desk.becomes("x-1.0", state)
    assert await submitted(desk, spec) == ([] if exists else ["x-2.0"])


async def test_a_run_that_no_backend_took_does_not_exist(desk: CoreDesk, project: Path) -> None:
    spec = a_spec(folder=project)
    await submitted(desk, spec)
    await desk.becomes("x-1.1", JobState.FAILED, rejected=True)
    assert await submitted(desk, spec) == ["x-2.1"]


async def test_a_sweep_that_has_grown_submits_what_is_new(desk: CoreDesk, project: Path) -> None:
    spec = a_spec(folder=project)
    await submitted(desk, spec)
    more = replace(spec, sweep=replace(spec.sweep, axes={"lr": (0.05, 0.1, 0.2)}))
    assert await submitted(desk, more) == ["x-2.0"]
    runs = (await desk.store.load()).runs
    assert (runs["x-2.0"].params, runs["x-2.0"].name) == ({"lr": 0.05}, "lr=0.05")


async def test_other_code_makes_other_runs(desk: CoreDesk, project: Path) -> None:
    spec = a_spec(folder=project)
    await submitted(desk, spec)
    (project / "train.py").write_text("print(2)\n")
    assert await submitted(desk, spec) == ["x-2.0", "x-2.1"]


async def test_what_runs_leave_in_a_shared_project_is_no_other_code(desk: CoreDesk, project: Path) -> None:
    spec = a_spec("outputs: {collect: ['./out/{run}/*.csv'], checkpoint: 'ckpt/{run}/*.pt'}\n", folder=project)
    await submitted(desk, spec)
    for name in ("out/lr=0.1/a.csv", "ckpt/lr=0.2/1.pt"):
        (project / name).parent.mkdir(parents=True)
        (project / name).write_text("1")
    assert await submitted(desk, spec) == []
    (project / "out/b.csv").write_text("1")
    assert await submitted(desk, spec) == ["x-2.0", "x-2.1"]


async def test_what_runs_leave_in_a_shared_project_is_not_sent_to_a_backend_that_has_no_part_in_it(
    tmp_path: Path, project: Path
) -> None:
    far = FakeBackend("far")
    far.shared = False
    desk = desk_of(tmp_path / "state", FakeBackend("here"), far)
    spec = a_spec("outputs: {collect: ['out/{run}/*.csv'], checkpoint: 'ckpt/{run}/*.pt'}\n", folder=project)
    await submitted(desk, spec)
    for name in ("out/lr=0.1/a.csv", "ckpt/lr=0.2/1.pt"):
        (project / name).parent.mkdir(parents=True)
        (project / name).write_text("1")
    assert await submitted(desk, spec) == []
    await submitted(desk, spec, Options(again=True, check=False))
    code = desk.archives.load((await desk.store.load()).experiments["x-2"].code)
    assert isinstance(code, Snapshot)
    assert [file.path for file in code.files] == ["train.py"]


@pytest.mark.parametrize("name", ["home", "a b[1]*#!"])
async def test_our_own_state_within_a_project_is_no_other_code(project: Path, name: str) -> None:
    desk = desk_of(project / name, FakeBackend())
    spec = a_spec(folder=project)
    assert len(await submitted(desk, spec)) == 2
    assert (project / name / "state.json").exists()
    assert await submitted(desk, spec) == []
    (project / "more.py").write_text("1")
    assert len(await submitted(desk, spec)) == 2


async def test_where_nobody_knows_the_code_nothing_is_the_same(desk: CoreDesk, tmp_path: Path) -> None:
    spec = replace(a_spec(), workdir=tmp_path / "gone")
    await submitted(desk, spec)
    assert await submitted(desk, spec) == ["x-2.0", "x-2.1"]


async def test_only_those_that_failed_whatever_the_code(desk: CoreDesk, project: Path) -> None:
    spec, again = a_spec(folder=project), Options(only=Only.FAILED, check=False)
    await submitted(desk, spec)
    await desk.becomes("x-1.0", JobState.COMPLETED)
    await desk.becomes("x-1.1", JobState.OUT_OF_MEMORY)
    (project / "train.py").write_text("less = 1\n")
    assert await submitted(desk, spec, again) == ["x-2.1"]
    assert await submitted(desk, spec, again) == [], "it is on its way"
    await desk.becomes("x-2.1", JobState.COMPLETED)
    assert await submitted(desk, spec, again) == []


async def test_one_that_will_be_tried_again_by_itself_has_not_failed(desk: CoreDesk, project: Path) -> None:
    spec = a_spec("retry: {on: [FAILED], max: 1, wait: 1h}\n", folder=project)
    await submitted(desk, spec)
    await desk.becomes("x-1.0", JobState.FAILED)
    assert await submitted(desk, spec, Options(only=Only.FAILED, check=False)) == []


async def test_only_those_that_are_missing_whatever_the_code(desk: CoreDesk, project: Path) -> None:
    spec, missing = a_spec(folder=project), Options(only=Only.MISSING, check=False)
    await submitted(desk, spec)
    await desk.becomes("x-1.0", JobState.FAILED)
    await desk.becomes("x-1.1", JobState.CANCELLED)
    (project / "train.py").write_text("print(2)\n")
    more = replace(spec, sweep=replace(spec.sweep, axes={"lr": (0.1, 0.2, 0.3)}))
    assert await submitted(desk, more, missing) == ["x-2.1", "x-2.2"]
    other = replace(more, name="y")
    assert len(await submitted(desk, other, missing)) == 3, "an experiment of another name has members of its own"


def test_an_identity_is_of_all_that_decides_what_a_run_does() -> None:
    spec = a_spec("env: {SEEN: a, KEY: null}\n")
    [one, other] = expand(spec)
    mine = identity(one, spec, "code")
    assert mine == identity(one, replace(spec, where=("far",), priority=3), "code")
    changed = [
        identity(other, spec, "code"),
        identity(one, spec, "other code"),
        identity(one, replace(spec, name="y"), "code"),
        identity(one, replace(spec, setup="module load cuda"), "code"),
        identity(one, replace(spec, command="train"), "code"),
        identity(replace(one, params={"lr": "0.1"}), spec, "code"),
        identity(*other_env(spec, {"SEEN": "b", "KEY": None}), "code"),
        identity(*other_env(spec, {"SEEN": "a"}), "code"),
    ]
    assert len({mine, *changed}) == 9


@pytest.mark.parametrize(
    "grown",
    [
        "params: {lr: 0.1}\nsweep: {hidden: [64, 128]}\n",
        "sweep: {hidden: [64], lr: [0.1]}\n",
        "params: {hidden: 64}\nsweep: {lr: [0.2, 0.1]}\n",
    ],
)
def test_a_run_is_the_same_whatever_it_is_called_and_wherever_its_parameters_stand(grown: str) -> None:
    text = "name: x\ncommand: ./t {args} --save ckpt/{run}\nenv: {OUT: 'out/{run}', LR: '${lr}'}\n"
    before = loads(f"{text}params: {{lr: 0.1}}\nsweep: {{hidden: [64]}}\n", Path("/x.yaml"))
    after = loads(text + grown, Path("/x.yaml"))
    [mine] = [identity(each, before, "code") for each in expand(before)]
    assert [identity(each, after, "code") for each in expand(after)].count(mine) == 1


@pytest.mark.parametrize(("command", "again"), [("train {args}", 1), ("train {args} --spec x.yaml", 2)])
async def test_the_spec_itself_is_code_only_where_the_command_reads_it(
    desk: CoreDesk, project: Path, command: str, again: int
) -> None:
    for values, count in (("[64]", 1), ("[64, 128]", again)):
        text = f"name: x\ncommand: {command}\nsweep: {{hidden: {values}}}\n"
        (project / "x.yaml").write_text(text)
        assert len(await submitted(desk, loads(text, project / "x.yaml"))) == count


def other_env(spec: Spec, env: dict[str, str | None]) -> tuple[Setting, Spec]:
    changed = replace(spec, env=env)
    return expand(changed)[0], changed


async def test_the_identity_is_kept_with_the_run(desk: CoreDesk, project: Path) -> None:
    spec = a_spec(folder=project)
    await submitted(desk, spec)
    records = await desk.store.load()
    code = records.experiments["x-1"].code
    assert [run.identity for run in records.runs.values()] == [identity(each, spec, code) for each in expand(spec)]


async def test_ten_thousand_old_runs_are_searched_for_those_of_a_spec(desk: CoreDesk, project: Path) -> None:
    spec = a_spec(folder=project)
    await submitted(desk, spec)
    await desk.store.put(*(Run(f"x-1.{n}", "x-1", n, "r", {}, identity=f"{n:064x}") for n in range(2, 10_000)))
    assert await submitted(desk, spec) == []
