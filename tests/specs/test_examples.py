"""The examples that are shipped: right specs, and training that learns."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import specs
from specs.expand import expand
from specs.load import load

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
    spec = load(EXAMPLES / "char-rnn.yaml", ["steps=300", "hidden=48"])
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


def test_loading_specs_imports_nothing_heavy() -> None:
    script = (
        "import sys, specs.load; print(*sys.modules.keys() & {'numpy', 'textual', 'asyncssh', 'psutil', 'tinydb'})"
    )
    found = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=True)
    assert found.stdout.strip() == ""
