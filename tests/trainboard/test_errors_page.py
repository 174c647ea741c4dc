"""docs/errors.md says what is so."""

from __future__ import annotations

import csv
import importlib.util
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from specs.load import load
from tests.trainboard.test_cli import shell
from trainboard.predictions import sections

if TYPE_CHECKING:
    from tests.trainboard.test_cli import Shell

__all__ = ["shell"]

PAGE = (Path(__file__).parents[2] / "docs/errors.md").read_text()


def block(kind: str) -> str:
    found = re.search(rf"^```{kind}\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)
    assert found is not None
    return found[1]


def told(shell: Shell, name: str, program: str, **given: object) -> dict[str, Any]:
    """What is said of the file that the page's program writes."""
    code = compile(program.replace('"preds', f'"{shell.folder}/preds'), "docs/errors.md", "exec")
    exec(code, given)
    found: dict[str, Any] = shell.json("errors", name)
    return found


def test_its_spec_is_a_spec(tmp_path: Path) -> None:
    (tmp_path / "spec.yaml").write_text(block("yaml"))
    predictions = load(tmp_path / "spec.yaml").outputs.predictions
    assert predictions is not None
    assert predictions.path == "preds.csv"


def test_what_it_writes_by_hand_is_read(shell: Shell) -> None:
    given = {"ids": [1, 2], "targets": ["cat", "dog"], "probs": [[0.9, 0.1], [0.6, 0.4]], "ages": [3, 4]}
    found = told(shell, "preds.csv", block("python csv"), **given)
    assert found["classification"]["accuracy"] == 0.5
    assert [each["name"] for each in found["columns"] if each["role"] == "input"] == ["age"]


def test_what_it_writes_with_numpy_is_read(shell: Shell) -> None:
    given = {"targets": np.array([1.0, 2.5]), "predictions": np.array([1.5, 2.0]), "inputs": np.eye(2)}
    found = told(shell, "preds.csv", block("python numpy"), **given)
    assert found["regression"]["mae"] == 0.5


def test_what_it_writes_with_torch_is_read_where_that_is_installed(shell: Shell) -> None:
    program = block("python torch")
    if importlib.util.find_spec("torch") is None:
        compile(program, "docs/errors.md", "exec")
        return
    import torch  # type: ignore[import-not-found,unused-ignore] # not among the development packages

    given = {"loader": [(torch.eye(2), torch.tensor([0, 0]))], "model": lambda x: 5 * x}
    assert told(shell, "preds.jsonl", program, **given)["classification"]["accuracy"] == 0.5


def test_what_it_writes_with_scikit_learn_is_read_where_pandas_is_installed(shell: Shell) -> None:
    class Model:
        classes_ = ("cat", "dog")

        def predict_proba(self, rows: Any) -> Any:  # noqa: ANN401 - arrays
            return np.array([[0.75, 0.25]] * len(rows))

    program = block("python sklearn")
    if importlib.util.find_spec("pandas") is None:
        compile(program, "docs/errors.md", "exec")
        return
    given = {"X_test": np.eye(2), "y_test": ["cat", "dog"], "names": ["a", "b"], "model": Model()}
    assert told(shell, "preds.csv", program, **given)["classification"]["accuracy"] == 0.5


def test_what_it_says_of_its_file_is_what_is_said(shell: Shell) -> None:
    shell.write("preds.csv", block("csv"))
    shown = re.search(r"begins with\n\n```\n(.*?)```", PAGE, re.DOTALL)
    assert shown is not None
    said = shell.done("errors", "preds.csv").partition("\n\n")[2]
    # A file of this moment is said to be so in a line of its own.
    assert re.sub("▲ it changed .*\n(  .*\n)?", "", said).startswith(shown[1])
    rows = list(csv.DictReader(block("csv").splitlines()))
    right = [max(("cat", "dog"), key=lambda name: float(row[f"prob_{name}"])) == row["target"] for row in rows]
    assert f"accuracy            {100 * sum(right) / len(rows):.1f} %" in shown[1]


@pytest.mark.parametrize("name", sections.NAMES)
def test_every_view_is_told(name: str) -> None:
    assert f"| `{name}` |" in PAGE


def test_the_keys_of_json_are_those_that_it_names(shell: Shell) -> None:
    shell.write("preds.csv", block("csv"))
    one, two = shell.json("errors", "preds.csv"), shell.json("errors", "preds.csv", "preds.csv")
    named = PAGE[PAGE.index("`--json` has the keys") :].split(";")
    assert set(re.findall(r"`(\w+)`", named[0])) == set(one)
    assert set(re.findall(r"`(\w+)`", named[1])) == set(two)
