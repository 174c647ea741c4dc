"""`trainboard spec` on the command line."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from specs import files
from specs.schema import schema
from trainboard.cli.main import run

if TYPE_CHECKING:
    from pathlib import Path

SPEC = """\
# mine
name: tiny   # the name
command: train --lr {lr} {--momentum}
params: {lr: 0.1}  # the rate

sweep:
    optim: [adam, sgd]
    momentum: {values: [0.9], when: {optim: sgd}}
"""


@pytest.fixture
def spec(tmp_path: Path) -> Path:
    """A spec file."""
    path = tmp_path / "tiny.yaml"
    path.write_text(SPEC)
    return path


def test_show_lists_the_runs_with_their_parameters(spec: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["spec", "show", str(spec), "lr=0.2"]) == 0
    title, *rows = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert title == ["RUN", "lr", "optim", "momentum", "COMMAND"]
    assert rows == [
        ["optim=adam", "0.2", "adam", "-", "train", "--lr", "0.2"],
        ["optim=sgd-momentum=0.9", "0.2", "sgd", "0.9", "train", "--lr", "0.2", "--momentum", "0.9"],
    ]


def test_show_as_json_has_all_that_a_program_gets(spec: Path, capsys: pytest.CaptureFixture[str]) -> None:
    spec.write_text("name: tiny\ncommand: train {params_file}\nenv: {A: x, KEY: null}\nparams: {optim.lr: 0.5}\n")
    assert run(["spec", "show", str(spec), "--json"]) == 0
    [found] = json.loads(capsys.readouterr().out)
    assert list(found) == ["name", "params", "command", "env", "files"]
    assert found["params"] == {"optim.lr": 0.5}
    assert found["env"] == {"A": "x", "KEY": None}
    assert json.loads(found["files"]["params.json"]) == {"optim": {"lr": 0.5}}


def test_set_changes_its_values_and_no_other_byte(spec: Path, capsys: pytest.CaptureFixture[str]) -> None:
    spec.write_bytes(SPEC.replace("\n", "\r\n").encode())
    assert run(["spec", "set", str(spec), "lr=1e-3", "name=big", "resources.gpus=2", "sweep.optim[1]=lion"]) == 0
    assert spec.read_bytes().decode() == (
        SPEC.replace("lr: 0.1", "lr: 1e-3")
        .replace("tiny ", "big ")
        .replace("[adam, sgd]", "[lion, sgd]")
        .replace("sgd}}\n", "sgd}}\nresources:\n    gpus: 2\n")
        .replace("\n", "\r\n")
    )
    rows = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert rows[0] == ["KEY", "WAS", "IS"]
    assert rows[1:] == [
        ["lr", "0.1", "1e-3"],
        ["name", "tiny", "big"],
        ["resources.gpus", "-", "2"],
        ["sweep.optim[1]", "adam", "lion"],
    ]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["resources.gpu=2"], 'unknown key "resources.gpu" (did you mean "resources.gpus"?)'),
        (["lr=0.2", "lrr=5"], 'unknown key "lrr" (did you mean "lr"?)'),
        (["name=a b"], '"name" must be letters'),
        (["sweep.optim=adam"], '"sweep.optim" must be a list'),
        (["lr=[1"], 'the new value of "params.lr": not valid YAML'),
        (["lr"], 'command line: "lr" is not key=value'),
    ],
)
def test_a_change_that_makes_the_spec_worse_is_refused_and_writes_nothing(
    spec: Path, words: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["spec", "set", str(spec), *words]) == 2
    said = capsys.readouterr()
    assert message in said.err
    assert said.out == ""
    assert spec.read_text() == SPEC


def test_a_spec_that_is_not_right_yet_may_be_made_so_step_by_step(spec: Path) -> None:
    spec.write_text("name: a b\ncommand: train {lr}\nresources: {gpus: x}\n")
    assert run(["spec", "set", str(spec), "params.lr=1"]) == 0
    assert run(["spec", "set", str(spec), "resources.gpus=1"]) == 0
    assert run(["spec", "set", str(spec), "name=ab"]) == 0
    assert run(["spec", "show", str(spec)]) == 0


def test_a_file_that_another_program_changes_meanwhile_is_left_alone(
    spec: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from trainboard.cli.spec import store

    opened = files.read(spec)
    spec.write_text("name: theirs\n")
    assert store(spec, opened.replace("0.1", "0.2"), opened) == 1
    assert "changed by another program since it was read; nothing was written" in capsys.readouterr().err
    assert spec.read_text() == "name: theirs\n"


def test_a_folder_that_is_gone_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from trainboard.cli.spec import store

    assert store(tmp_path / "none" / "x.yaml", "name: x\n", None) == 1
    assert "x.yaml: cannot be written: No such file or directory" in capsys.readouterr().err


def test_no_such_file_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for word in (["show"], ["set"]):
        assert run(["spec", *word, str(tmp_path / "x.yaml"), "a=1"]) == 2
        assert "x.yaml: no such file" in capsys.readouterr().err


def test_the_schema_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["spec", "schema"]) == 0
    assert json.loads(capsys.readouterr().out) == schema()


def test_spec_alone_says_what_it_takes(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        run(["spec"])
    assert caught.value.code == 2
    assert "COMMAND" in capsys.readouterr().err


def test_everything_that_is_wrong_with_a_spec_is_told_a_line_each(
    spec: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    spec.write_text(f"{SPEC}resources: {{gpus: many}}\nretri: 1\n")
    assert run(["spec", "show", str(spec)]) == 2
    lines = capsys.readouterr().err.splitlines()
    assert [line.partition(str(spec))[2].split(":")[1] for line in lines] == ["9", "10"]
