"""A preflight over several backends: what is asked, what is told, and what a submission can go by."""

from __future__ import annotations

import asyncio
import json
import sys
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from backends.base import (
    BackendError,
    Disk,
    Health,
    HelperUnavailable,
    HostKeyRefused,
    HostTimeout,
    HostUnreachable,
    JobState,
    LoginRefused,
)
from backends.checks import Rehearsal
from specs.expand import expand
from specs.load import loads
from specs.model import SpecError
from tests.trainboard.fakes import FakeBackend, an_attempt
from trainboard.archive import Archives
from trainboard.cli.check import look
from trainboard.cli.desk import open_desk
from trainboard.cli.main import run
from trainboard.cli.terminal import TerminalPrompter
from trainboard.code import take
from trainboard.documents import Records
from trainboard.events import Event, Noticed
from trainboard.place import Place
from trainboard.plans import Planner, plan_of
from trainboard.preflight import Check, Level, Report, examine
from trainboard.records import Experiment, Run
from trainboard.spaces import Spaces
from trainboard.submit import preview

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from backends.base import Plan
    from backends.checks import Program, Survey
    from specs.model import Input

G = 1 << 30


async def preflight(
    folder: Path, *backends: FakeBackend, more: str = "", told: list[Check] | None = None, within: float = 60
) -> Report:
    """Of a spec of two runs."""
    text = f"name: x\ncommand: train --lr {{lr}}\nsweep: {{lr: [0.1, 0.2]}}\n{more}"
    spec = loads(text, folder / "x.yaml")
    settings = expand(spec)
    plans = [plan_of(spec, "x", each, "0" * 16, {}) for each in settings]
    tell = None if told is None else told.append
    return await examine(spec, settings, backends, Records(), plans, within=within, tell=tell)


def levels(report: Report, backend: str) -> dict[str, Level]:
    """By check."""
    return {check.name: check.level for check in report.of(backend)}


async def test_a_backend_that_answers_is_looked_at_and_told_of(tmp_path: Path) -> None:
    told: list[Check] = []
    report = await preflight(tmp_path, FakeBackend("a"), told=told)
    assert levels(report, "a") == dict.fromkeys(
        ("reachable", "login", "helper", "work folder", "project folder", "disk", "command", "queue"), Level.PASS
    )
    assert tuple(told) == report.checks
    assert not report.failed("a")


@pytest.mark.parametrize(
    ("error", "passed", "failed"),
    [
        (LoginRefused("a: permission denied"), ["reachable"], "login"),
        (HostKeyRefused("a: the key has changed"), ["reachable"], "login"),
        (HelperUnavailable("a: no python3", "install it"), ["reachable", "login"], "helper"),
    ],
)
async def test_a_backend_that_does_not_let_us_in_fails_there_and_nothing_else_passes(
    tmp_path: Path, error: BackendError, passed: list[str], failed: str
) -> None:
    backend = FakeBackend("a")
    backend.error = error
    report = await preflight(tmp_path, backend)
    assert levels(report, "a") == dict.fromkeys(passed, Level.PASS) | {failed: Level.FAIL, "all else": Level.WARN}
    assert report.fails()[0].text == error.bare
    assert report.fails()[0].advice


async def test_a_backend_that_cannot_be_reached_at_the_moment_is_a_warning(tmp_path: Path) -> None:
    backend = FakeBackend("a")
    backend.error = HostUnreachable("a: no route")
    report = await preflight(tmp_path, backend)
    assert [(check.name, check.level) for check in report.checks] == [
        ("reachable", Level.WARN),
        ("all else", Level.WARN),
    ]
    assert report.checks[0].text == "no route; runs wait here until it answers"
    assert report.left(["a"]) == ("a",)


async def test_one_that_fails_keeps_no_other_from_being_looked_at(tmp_path: Path) -> None:
    down, up = FakeBackend("down"), FakeBackend("up")
    down.error = LoginRefused("down: permission denied")
    report = await preflight(tmp_path, down, up)
    assert [check.backend for check in report.checks[:2]] == ["down", "down"]
    assert report.left(["down", "up"]) == ("up",)


class Silent(FakeBackend):
    """Lets us in, and does not answer some questions."""

    async def survey(self, plan: Plan, inputs: Sequence[Input], patience: float) -> Survey:
        raise HostTimeout(f"{self.name}: no answer to “survey” within 45 s")


async def test_a_question_without_an_answer_is_a_warning_and_the_others_count(tmp_path: Path) -> None:
    report = await preflight(tmp_path, Silent("a"))
    found = levels(report, "a")
    assert (found["reachable"], found["work folder"], found["disk"]) == (Level.PASS, Level.WARN, Level.WARN)
    assert found["command"] is Level.PASS
    assert not report.failed("a")


async def test_a_setup_that_would_install_something_is_not_tried(tmp_path: Path) -> None:
    class Untouched(FakeBackend):
        async def rehearse(self, plan: Plan, programs: Sequence[Program]) -> Rehearsal:
            raise AssertionError("it was tried")

    report = await preflight(tmp_path, Untouched("a"), more="setup: pip install torch\n")
    assert levels(report, "a")["setup"] is Level.WARN


async def test_of_a_project_that_is_sent_the_files_are_looked_for_here(tmp_path: Path) -> None:
    asked: list[Program] = []

    class Far(FakeBackend):
        async def rehearse(self, plan: Plan, programs: Sequence[Program]) -> Rehearsal:
            asked.extend(programs)
            return Rehearsal(0, "", {"python": "/bin/python"})

    far = Far("a")
    far.shared = False
    (tmp_path / "run.py").write_text("import torch\n")
    text = "name: x\ncommand: python {script}\nsweep: {script: [run.py, other.py]}\n"
    spec = loads(text, tmp_path / "x.yaml")
    settings = expand(spec)
    plans = [plan_of(spec, "x", each, "0" * 16, {}) for each in settings]
    report = await examine(spec, settings, [far], Records(), plans)
    assert [(each.word, each.script, each.imports) for each in asked] == [
        ("python", "", ("torch",)),
        ("python", "", ()),
    ]
    [failed] = report.fails()
    assert (failed.name, failed.text, failed.runs) == ("files", "other.py: not in the project folder", (1,))


@pytest.fixture
def unsent(tmp_path: Path) -> Path:
    """A project of which some files stay here."""
    folder = tmp_path / "project"
    (folder / "bin").mkdir(parents=True)
    (folder / "out").symlink_to("/somewhere/else")
    (folder / "bin/up").symlink_to("../tools")
    (folder / "tools").mkdir()
    for name in ("train.py", "ignored.py", "excluded.py", "run.sh", "go.sh", "tools/go.sh"):
        (folder / name).write_text("#!/bin/sh\n")
    (folder / "secret.py").write_text(f"KEY = '{'AKIA'}{'A' * 16}'\n")
    (folder / ".gitignore").write_text("ignored.py\n")
    for name in ("go.sh", "tools/go.sh"):
        (folder / name).chmod(0o700)
    return folder


@pytest.mark.parametrize(
    ("command", "more", "text", "advice"),
    [
        ("python ignored.py", "", "not sent: ignored.py", ".gitignore"),
        ("python excluded.py", "", "not sent: excluded.py", "`code: exclude`"),
        (
            "python secret.py",
            "",
            "not sent: secret.py (has what looks like an AWS key)",
            "code: {allow: [secret.py]}",
        ),
        ("./run.sh", "", "./run.sh: not executable", "chmod +x"),
        ("bin/up/none.sh", "", "bin/up/none.sh: not in the project folder", "correct `command`"),
        ("python ../project/train.py", "", "not sent: ../project/train.py", "`workdir:`"),
        ("node .", "", None, ""),
        ("bash run.sh", "", None, ""),
        ("./go.sh", "", None, ""),
        ("bin/up/go.sh", "", None, ""),
        ("python train.py", "", None, ""),
        ("./run.sh", "setup: chmod +x *.sh\n", None, ""),
        ("python ignored.py", "setup: cp template ignored.py\n", None, ""),
    ],
)
async def test_what_is_not_sent_fails_where_the_project_is_sent_and_nowhere_else(
    unsent: Path, command: str, more: str, text: str | None, advice: str
) -> None:
    far, near = FakeBackend("far"), FakeBackend("near")
    far.shared = False
    spec = loads(f"name: x\ncommand: {command}\ncode: {{exclude: [excluded.py]}}\n{more}", unsent / "x.yaml")
    settings = expand(spec)
    code = take(spec, Archives(unsent.parent / "code"))
    plans = [plan_of(spec, "x", each, "0" * 16, {}) for each in settings]
    report = await examine(spec, settings, [far, near], Records(), plans, code)
    found = [check for check in report.of("far") if check.name == "files" and check.level is Level.FAIL]
    assert [check.text for check in found] == ([] if text is None else [text])
    assert all(advice in check.advice for check in found)
    assert report.failed("near") is (text is not None and "not in the project folder" in text)


async def test_values_that_make_no_path_of_an_input_are_an_error_of_the_spec(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match="must be a whole path"):
        await preflight(tmp_path, FakeBackend("a"), more='inputs: ["{lr}/data"]\n')


async def test_no_runs_ask_nobody(tmp_path: Path) -> None:
    backend = FakeBackend("a")
    backend.error = HostUnreachable("a: no route")
    spec = loads("name: x\ncommand: train\n", tmp_path / "x.yaml")
    assert await examine(spec, [], [backend], Records(), []) == Report()


# as the runs go


def running(*used: float) -> Records:
    """Attempts of an experiment that declares 10 GB a run, and have written so much."""
    text = "name: x\ncommand: train\nresources: {disk: 10G}\n"
    experiment = Experiment("x-1", "x", "/x.yaml", text, 1.0)
    runs = {f"x-1.{n}": Run(f"x-1.{n}", "x-1", n, "", {}) for n in range(len(used))}
    attempts = [
        an_attempt(f"t{n}", JobState.RUNNING, run=f"x-1.{n}", directory="/there/x-1/0/1", peaks={"disk": each})
        for n, each in enumerate(used)
    ]
    return Records({"x-1": experiment}, runs, {each.id: each for each in attempts})


def watched(tmp_path: Path, told: list[Event]) -> tuple[Place, FakeBackend, Spaces]:
    """A host that has answered, and what looks at its disks."""
    backend = FakeBackend()
    place = Place(backend, 1.0)
    place.health = Health(1.0)
    return place, backend, Spaces({"fake": place}, Planner({}, Archives(tmp_path)), told.append)


async def test_a_disk_that_will_not_do_is_told_of_once_until_it_will_again(tmp_path: Path) -> None:
    told: list[Event] = []
    place, backend, spaces = watched(tmp_path, told)
    backend.disks["/there"] = Disk("", 100 * G, 13 * G)
    records = running(2.0 * G, 4.0 * G)  # 14 GB are still needed
    place.health = None
    await spaces.look(records)  # the host has not answered yet
    assert told == []
    place.health = Health(1.0)
    await spaces.look(records)
    await spaces.look(records)
    notice = Noticed("warning", "fake: 13G left on /there, and 2 runs there may still write 14G")
    assert told == [notice]
    await spaces.look(running(2.0 * G, 6.0 * G))
    await spaces.look(records)
    assert told == [notice, notice]


async def test_a_host_that_does_not_tell_its_disks_is_neither_short_nor_well(tmp_path: Path) -> None:
    told: list[Event] = []
    _, backend, spaces = watched(tmp_path, told)
    backend.disks["/there"] = Disk("", 100 * G, 13 * G)
    records = running(2.0 * G, 4.0 * G)
    await spaces.look(records)
    backend.error = HostUnreachable("fake: gone")
    await spaces.look(records)
    backend.error = None
    await spaces.look(records)
    assert len(told) == 1


async def test_without_a_known_need_nobody_is_warned(tmp_path: Path) -> None:
    told: list[Event] = []
    _, backend, spaces = watched(tmp_path, told)
    backend.disks["/there"] = Disk("", 100 * G, 0)
    records = running(0.0)
    bare = replace(records.experiments["x-1"], text="name: x\ncommand: train\n")
    await spaces.look(Records({"x-1": bare}, records.runs, records.attempts))
    done = an_attempt("t9", JobState.COMPLETED, run="x-1.0", peaks={"disk": 3.0 * G})
    assert told == []
    learnt = Records({"x-1": replace(bare, id="x-1")}, records.runs, {**records.attempts, "t9": done})
    await spaces.look(learnt)
    assert told == [Noticed("warning", "fake: 0B left on /there, and 1 run there may still write 3.0G")]


async def test_a_project_folder_that_is_shared_is_looked_at_too(tmp_path: Path) -> None:
    told: list[Event] = []
    _, backend, spaces = watched(tmp_path, told)
    backend.disks = {"/there": Disk("", 100 * G, 50 * G), "/home/me": Disk("", 100 * G, 13 * G)}
    records = running(2.0 * G, 4.0 * G)
    moved = replace(records.experiments["x-1"], source="/home/me/x.yaml")
    records = replace(records, experiments={"x-1": moved})
    backend.shared = False  # then nothing is written there
    await spaces.look(records)
    assert told == []
    backend.shared = True
    await spaces.look(records)
    assert told == [Noticed("warning", "fake: 13G left on /home/me, and 2 runs there may still write 14G")]


# on the command line


def check(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str]:
    """`trainboard check`; its exit code and output."""
    code = run(["check", *words])
    return code, capsys.readouterr().out


def test_the_command_tells_of_this_machine(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    spec = tmp_path / "x.yaml"
    spec.write_text(f"name: x\ncommand: {sys.executable} train.py {{n}}\nsweep: {{n: [1, 2]}}\n")
    (tmp_path / "train.py").write_text("import json, no_such_module_anywhere\n")
    code, out = check(capsys, str(spec), "--json", "n=7")
    found = {each["name"]: each for each in json.loads(out)}
    assert code == 1
    assert found["imports"]["level"] == "FAIL"
    assert "no_such_module_anywhere" in found["imports"]["text"]
    assert found["work folder"]["level"] == found["command"]["level"] == "PASS"
    (tmp_path / "train.py").write_text("import json\n")
    code, out = check(capsys, str(spec), "n=7")
    assert code == 0
    assert "1 run can go to local" in out


async def test_the_command_takes_the_project_as_a_submission_does_and_stores_no_secret(unsent: Path) -> None:
    far = FakeBackend("far")
    far.shared = False
    desk = open_desk({"TRAINBOARD_HOME": str(unsent.parent / "home")}, TerminalPrompter())
    spec = loads("name: x\ncommand: python secret.py\n", unsent / "x.yaml")
    [failed] = (await look(spec, await preview(spec, {}), [far], desk, 1.0)).fails()
    assert failed.text == "not sent: secret.py (has what looks like an AWS key)"
    kept = [path.read_bytes() for path in (unsent.parent / "home").rglob("*") if path.is_file()]
    assert kept
    assert not any(b"AKIA" in each for each in kept)


def test_a_bad_patience_is_bad_usage(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "x.yaml").write_text("name: x\ncommand: 'true'\n")
    assert run(["check", str(tmp_path / "x.yaml"), "--patience", "soon"]) == 2
    assert "--patience" in capsys.readouterr().err


async def test_a_check_that_takes_too_long_is_given_up(tmp_path: Path) -> None:
    class Hung(FakeBackend):
        async def rehearse(self, plan: Plan, programs: Sequence[Program]) -> Rehearsal:
            await asyncio.Event().wait()
            raise AssertionError("nothing ends this")

    report = await preflight(tmp_path, Hung("a"), within=0.05)
    assert levels(report, "a")["command"] is Level.WARN
