"""The examples that are shipped: right specs, and training that learns."""

from __future__ import annotations

import csv
import hashlib
import importlib.util
import os
import re
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import specs
from specs.expand import expand
from specs.importers.convert import convert
from specs.load import load

if TYPE_CHECKING:
    from specs.model import Setting, Spec

EXAMPLES = Path(specs.__file__).with_name("examples")


def test_every_example_is_a_right_spec() -> None:
    found = [expand(load(path)) for path in EXAMPLES.glob("*.yaml")]
    assert found


def test_the_character_rnn_is_four_runs_on_one_core_each() -> None:
    spec = load(EXAMPLES / "char-rnn.yaml")
    assert [run.name for run in expand(spec)] == [
        *("lr=0.001-seed=1", "lr=0.001-seed=2", "lr=0.003-seed=1", "lr=0.003-seed=2"),
    ]
    assert spec.resources.cpus == 1
    assert spec.metrics.total == {"steps": spec.params["steps"]}


@pytest.fixture(scope="module")
def output(tmp_path_factory: pytest.TempPathFactory) -> str:
    """What the first run prints in its first steps, started as a backend starts it: through the shell, in workdir."""
    folder = tmp_path_factory.mktemp("example") / "examples"
    shutil.copytree(EXAMPLES, folder)
    spec = load(folder / "char-rnn.yaml", ["steps=300", "hidden=48"])
    variables = {key: value for key, value in spec.env.items() if value is not None}
    command = expand(spec)[0].command
    found = subprocess.run(
        ["/bin/sh", "-c", command],
        cwd=spec.workdir,
        env={**os.environ, **variables, "PYTHON": sys.executable},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert found.stderr == ""
    assert found.returncode == 0
    return found.stdout


def test_the_training_loss_of_the_character_rnn_falls(output: str) -> None:
    losses = [float(loss) for loss in re.findall(r"^step \d+ epoch \d+ loss=(\S+) lr=0.001 ", output, re.MULTILINE)]
    assert len(losses) == 6
    assert losses[-1] < losses[0] - 0.3


def test_the_validation_loss_is_printed_with_its_step_and_falls(output: str) -> None:
    found = re.findall(r"^step (\d+) epoch \d+ val_loss: (\S+)$", output, re.MULTILINE)
    assert [int(step) for step, _ in found] == [100, 200, 300]
    losses = [float(loss) for _, loss in found]
    assert losses[0] > losses[1] > losses[2]


def test_gradients_agree_with_finite_differences() -> None:
    script = """
import numpy as np
from char_rnn import CharRNN
rng = np.random.default_rng(0)
model = CharRNN(5, 4, rng)
model.params = {name: value.astype(float) for name, value in model.params.items()}
x, y, h = rng.integers(5, size=(2, 6)), rng.integers(5, size=(2, 6)), model.start(2).astype(float)
grads = model.backward(model.forward(x, y, h)[2])
for name, value in model.params.items():
    for at in np.ndindex(value.shape):
        old, losses = value[at], []
        for moved in (old + 1e-5, old - 1e-5):
            value[at] = moved
            losses.append(model.forward(x, y, h)[0])
        value[at] = old
        assert abs((losses[0] - losses[1]) / 2e-5 - grads[name][at]) < 1e-6, (name, at)
"""
    found = subprocess.run(
        [sys.executable, "-c", script], cwd=EXAMPLES, capture_output=True, text=True, timeout=60, check=False
    )
    assert (found.returncode, found.stderr) == (0, "")


def trained(spec: Spec, setting: Setting, folder: Path, home: Path) -> str:
    """What one run of a spec prints, where its project was copied to: set-up and command as in run.sh."""
    shell = f"set -e\n{spec.setup}\nset +e\n{setting.command}"
    variables = {key: value for key, value in setting.env.items() if value is not None}
    found = subprocess.run(
        ["/bin/bash", "-c", shell],
        cwd=folder,
        env={**os.environ, **variables, "PYTHON": sys.executable, "HOME": str(home)},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert (found.returncode, found.stderr) == (0, "")
    return found.stdout


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A copy of the examples, in which runs may leave files."""
    return Path(shutil.copytree(EXAMPLES, tmp_path / "project"))


def test_variants_train_networks_of_their_sizes(project: Path) -> None:
    spec = load(project / "variants.yaml", ["steps=100"])
    runs = {(run.params["variant"], run.params["lr"]): run for run in expand(spec)}
    assert {key[0]: run.params["hidden"] for key, run in runs.items()} == {"small": 32, "big": 96, "long": 96}
    assert expand(load(project / "variants.yaml"))[-1].params["steps"] == 800
    assert "step 100 epoch 3 val_loss: " in trained(spec, runs["small", 0.003], project, project)


def test_one_variant_alone_is_a_spec_of_its_own(project: Path) -> None:
    spec = load(project / "variants.yaml", ["variant=small"])
    assert [run.params["hidden"] for run in expand(spec)] == [32, 32]


def test_a_run_away_reads_its_input_and_leaves_a_result_to_collect(project: Path, tmp_path: Path) -> None:
    spec = load(project / "away.yaml", ["steps=100"])
    (tmp_path / "data").mkdir()
    shutil.copy(project / "corpus.txt", tmp_path / "data")
    (project / "corpus.txt").unlink()
    printed = trained(spec, expand(spec)[0], project, tmp_path)
    assert "step 100 epoch 3 val_loss: " in printed
    assert [(project / pattern).read_text() for pattern in spec.outputs.collect] == [printed]
    [wanted] = spec.inputs
    assert wanted.sha256 == hashlib.sha256((tmp_path / "data/corpus.txt").read_bytes()).hexdigest()


@pytest.mark.parametrize(
    ("file", "spec", "command"),
    [("job.sh", "job.yaml", None), ("experiments.csv", "experiments.yaml", "${PYTHON:-python3} char_rnn.py {args}")],
)
def test_what_was_imported_is_what_an_import_gives_now(file: str, spec: str, command: str | None) -> None:
    assert convert(EXAMPLES / file, EXAMPLES, command).text == (EXAMPLES / spec).read_text()


def test_every_task_of_the_imported_job_trains_with_its_own_learning_rate(project: Path) -> None:
    spec = load(project / "job.yaml")
    printed = [trained(spec, run, project, project) for run in expand(spec)]
    assert [text.partition("\n")[0] for text in printed] == ["task 1: lr 0.001", "task 2: lr 0.003"]
    assert all("step 100 epoch 3 val_loss: " in text for text in printed)


def test_a_row_of_the_imported_sheet_trains_as_it_says(project: Path) -> None:
    spec = load(project / "experiments.yaml")
    runs = expand(spec)
    with (project / "experiments.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [{key: str(value) for key, value in run.params.items()} for run in runs] == [
        {key: value for key, value in {"steps": row["steps"], **row}.items() if value} for row in rows
    ]
    assert "step 100 epoch 3 val_loss: " in trained(spec, runs[0], project, project)


@pytest.mark.skipif(importlib.util.find_spec("torch") is None, reason="torch is not installed, which digits.py needs")
def test_the_digits_are_learnt_and_a_checkpoint_goes_on_where_it_was(project: Path) -> None:
    spec = load(project / "digits.yaml", ["epochs=2", "width=16", "lr=0.003", "dropout=0.0"])
    run = expand(spec)[0]
    lines = trained(spec, run, project, project).splitlines()
    assert [line.split()[:2] for line in lines] == [["epoch", "1"], ["epoch", "2"]]
    assert float(lines[-1].rpartition("=")[2]) > 0.5
    with (project / f"predictions/{run.name}.csv").open() as file:
        rows = list(csv.DictReader(file))
    right = sum(row["digit"] == row["guess"] for row in rows) / len(rows)
    assert f"{right:.4f}" == lines[-1].rpartition("=")[2]
    again = run.command.replace("--epochs=2", "--epochs=3") + f" --resume checkpoints/{run.name}/epoch-2.pt"
    assert trained(spec, replace(run, command=again), project, project).startswith("epoch 3 ")


def test_a_table_is_learnt_but_for_what_its_faulty_device_says(project: Path) -> None:
    spec = load(project / "tabular.yaml", ["epochs=4"])
    run = expand(spec)[0]
    losses = [float(line.rpartition("=")[2]) for line in trained(spec, run, project, project).splitlines()]
    assert losses[-1] < losses[0]
    with (project / f"predictions/{run.name}.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [*rows[0]] == ["id", "target", "prediction", "age", "weight", "dose", "device"]
    squares = [(float(row["target"]) - float(row["prediction"])) ** 2 for row in rows]
    assert f"{sum(squares) / len(rows):.4f}" == f"{losses[-1]:.4f}"


def test_the_digits_are_the_same_settings_on_every_machine() -> None:
    runs = expand(load(EXAMPLES / "digits.yaml"))
    assert len(runs) == 8
    first = runs[0].params
    assert (first["width"], first["lr"], first["seed"]) == (32, 0.000317208, 520)


def test_loading_specs_imports_nothing_heavy() -> None:
    script = (
        "import sys, specs.load; print(*sys.modules.keys() & {'numpy', 'textual', 'asyncssh', 'psutil', 'tinydb'})"
    )
    found = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=True)
    assert found.stdout.strip() == ""
