"""`trainboard errors`: files of this machine, and runs where they wrote theirs."""

from __future__ import annotations

import json
import pickle
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import specs
from tests.backends import predicting
from tests.trainboard.predicted import HOSTILE, classified, comparison, regressed, sample
from tests.trainboard.test_cli import everywhere, follow_to_the_end, shell
from trainboard.cli.errors import lines
from trainboard.predictions import sections
from trainboard.predictions.sections import Pair

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.trainboard.test_cli import Shell

__all__ = ["everywhere", "shell"]

PROGRAM = """\
import csv, random, sys
usual, lots = float(sys.argv[1]), random.Random(7)
with open("preds.csv", "w", newline="") as file:
    rows = csv.writer(file)
    rows.writerow(["id", "label", "pred", "age", "device"])
    for at in range(2000):
        age, device, right = lots.randint(18, 90), lots.choice("ABC"), lots.choice(["cat", "dog"])
        wrong = lots.random() < (0.6 if age > 60 and device == "B" else usual)
        rows.writerow([f"img{at}", right, "dogcat".replace(right, "") if wrong else right, age, device])
"""
SPEC = """\
name: told
command: python3 {code}/program.py {{usual}}
params: {{usual: 0.05}}
outputs: {{predictions: preds.csv}}
"""
SCORED = """\
id,target,prob_cat,prob_dog,size
1,cat,0.9,0.1,5
2,cat,0.4,0.6,6
3,dog,0.2,0.8,7
4,dog,0.3,0.7,8
"""


def bad(found: dict[str, object]) -> object:
    """Where errors gather in what these tests write."""
    return (found["age"] > 60) & (found["device"] == "B")  # type: ignore[operator] # arrays


def test_a_file_of_this_machine_is_told_in_eighty_columns(shell: Shell) -> None:
    predicting.written(shell.folder / "preds.csv", predicting.classified(3000, 1, bad))
    told = shell.done("errors", "preds.csv")
    assert max(len(line) for line in told.splitlines() if "(CSV, " not in line) <= 80
    assert "classification of 4 classes, 3,000 rows" in told
    assert "balanced accuracy" in told
    assert "device = B and age >" in told
    found = shell.json("errors", "preds.csv")
    assert (found["source"], found["task"], found["used"]) == ("preds.csv", "classification", 3000)
    assert {"feature", "low", "high", "level"} == set(found["slices"][0]["conditions"][0])
    assert found["classification"]["accuracy"] == pytest.approx(1 - found["mean_error"])


def test_numbers_are_told_with_their_residuals(shell: Shell) -> None:
    ages = [at % 80 for at in range(2000)]
    predicting.written(
        shell.folder / "preds.csv", {"target": [at + 0.5 for at in ages], "prediction": [*ages], "age": ages}
    )
    told = shell.done("errors", "preds.csv", "--view", "residuals")
    assert "median" in told
    assert "over age" not in told
    assert "mean residual\nprediction" in shell.done("errors", "preds.csv", "--view", "against")


def told_of(pair: Pair) -> Iterator[tuple[str, list[str]]]:
    """Each view, in lines."""
    for name, made in sections.views(pair).items():
        yield name, [line for section in made() for line in lines(section, 80)]


@pytest.mark.parametrize(
    "pair", [Pair(classified()), Pair(regressed()), Pair(classified(), classified(), comparison())]
)
def test_each_view_fits_eighty_columns(pair: Pair) -> None:
    seen = dict(told_of(pair))
    assert set(seen) <= set(sections.NAMES)
    for name, found in seen.items():
        assert max(map(len, found)) <= 80, name
        assert len(found) > 2, name


def test_a_view_can_be_had_alone(shell: Shell) -> None:
    shell.write("preds.csv", SCORED)
    told = shell.done("errors", "preds.csv", "--view", "confusion")
    assert "rows by target (down) and prediction (right)" in told
    assert "accuracy" not in told


def test_two_files_are_compared_sample_by_sample(shell: Shell) -> None:
    shell.write("a.csv", SCORED)
    shell.write("b.csv", SCORED.replace("0.4,0.6", "0.8,0.2"))
    told = shell.done("errors", "a.csv", "b.csv")
    assert "4 samples matched by id" in told
    assert "McNemar's test" in told
    assert max(len(line) for line in told.splitlines() if "(CSV, " not in line) <= 80
    found = shell.json("errors", "a.csv", "b.csv")
    assert (found["comparison"]["better"], found["comparison"]["worse"]) == (1, 0)
    assert [found["first"]["classification"]["accuracy"], found["second"]["classification"]["accuracy"]] == [0.75, 1]


def test_files_that_cannot_be_matched_stand_side_by_side_and_it_says_why(shell: Shell) -> None:
    shell.write("a.csv", SCORED)
    shell.write("b.csv", SCORED.replace("\n1,", "\n9,").replace("\n2,", "\n8,").replace("\n3,", "\n7,")[:-30])
    told = shell.done("errors", "a.csv", "b.csv")
    assert "▲ not compared sample by sample: " in told
    assert shell.json("errors", "a.csv", "b.csv")["comparison"] is None


def test_columns_of_a_file_can_be_named(shell: Shell) -> None:
    shell.write("p.csv", "was,said,x\n1.5,2,a\n2.5,2,b\n3.5,4,a\n")
    found = shell.json("errors", "p.csv", "--target", "was", "--prediction", "said", "--task", "regression")
    assert found["regression"]["mae"] == 0.5


def test_hostile_names_are_harmless() -> None:
    worst = tuple(sample(at, id=HOSTILE[0], inputs=((HOSTILE[4], HOSTILE[0] * 99),)) for at in range(1, 9))
    for _, found in told_of(Pair(classified(HOSTILE, worst=worst, notes=HOSTILE))):
        assert all(line.isprintable() and len(line) <= 120 for line in found)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("missing.csv",), "missing.csv: no such file"),
        (("folder/",), "is a folder: name the file"),
        (("empty.csv",), "empty"),
        (("model.pkl",), "pickle"),
        (("header.csv",), "it has no rows"),
        (("untold.csv",), "target"),
        (("scored.csv", "--target", "tarlet"), "did you mean target"),
        (("scored.csv", "--view", "confusio"), 'did you mean "confusion"'),
        (("scored.csv", "--view", "residuals"), "--view residuals is of another task"),
        (("scored.csv", "--view", "moved"), "--view moved is of two runs"),
        (("scored.csv", "--task", "classify"), "it is one of classification, regression"),
        (("scored.csv", "--file", "x.csv"), "--file is of a run"),
        (("nobody-1.0",), 'no run or experiment "nobody-1.0"'),
        (("nobody-1.0", "--target", "x"), "named in its spec, outputs.predictions"),
    ],
)
def test_bad_input_is_one_line_and_code_two(shell: Shell, words: tuple[str, ...], said: str) -> None:
    (shell.folder / "folder").mkdir()
    shell.write("empty.csv", "")
    shell.write("header.csv", "target,prediction\n")
    shell.write("untold.csv", "a,b\n1,2\n")
    shell.write("scored.csv", SCORED)
    (shell.folder / "model.pkl").write_bytes(pickle.dumps({"a": 1}))
    line = shell.refused("errors", *words)
    assert said.lower() in line.lower()


def program(shell: Shell, folder: Path) -> str:
    """A spec of a program that predicts."""
    folder.mkdir(exist_ok=True)
    (folder / "program.py").write_text(PROGRAM)
    return str(shell.write("told.yaml", SPEC.format(code=folder)))


def test_a_run_is_told_by_what_its_spec_names(shell: Shell) -> None:
    [run] = shell.json("submit", program(shell, shell.folder / "code"))
    follow_to_the_end(shell, run["run"])
    told = shell.done("errors", run["run"])
    assert "where errors gather" in told
    assert "device = B and age > 60" in told or "age > 60 and device = B" in told
    other = shell.json("errors", run["run"], "--file", "preds.csv")
    assert other["path"].endswith("/preds.csv")
    missing = shell("errors", run["run"], "--file", "nowhere.csv")
    assert (missing.returncode, missing.stderr.count("\n")) == (2, 1)
    assert "the run has not written it" in missing.stderr


def test_a_run_whose_spec_names_no_predictions_says_what_to_write(shell: Shell) -> None:
    shell.write("s.yaml", "name: mute\ncommand: 'true'\n")
    [run] = shell.json("submit", "s.yaml")
    follow_to_the_end(shell, run["run"])
    found = shell("errors", run["run"])
    assert (found.returncode, found.stderr.count("\n")) == (2, 1)
    assert "outputs: {predictions: FILE}" in found.stderr


@pytest.mark.parametrize("backend", ["gpu1", "triton"])
def test_predictions_are_read_where_they_lie_and_two_hosts_are_compared(everywhere: Shell, backend: str) -> None:
    spec = program(everywhere, everywhere.folder / "code")
    [far] = everywhere.json("submit", spec, "--on", backend)
    [near] = everywhere.json("submit", spec, "usual=0.3", "--on", "here", "--again")
    for each in (far, near):
        follow_to_the_end(everywhere, each["run"])
    found = everywhere.json("errors", far["run"])
    assert found["used"] == 2000
    assert {each["feature"] for each in found["slices"][0]["conditions"]} == {"age", "device"}
    both = json.loads(everywhere.done("errors", far["run"], near["run"], "--json"))
    assert both["comparison"]["n"] == 2000
    assert both["comparison"]["after"] > both["comparison"]["before"]
    assert both["comparison"]["p"] < 1e-6


def test_the_names_of_views_are_those_of_the_words() -> None:
    assert set(sections.OF_TWO) < set(sections.NAMES)


def test_the_example_with_a_table_shows_which_device_is_faulty(shell: Shell) -> None:
    program = Path(specs.__file__).with_name("examples") / "tabular.py"
    words = ["--epochs=10", "--hidden=16", f"--predictions={shell.folder / 'said.csv'}"]
    subprocess.run([sys.executable, str(program), *words], check=True, capture_output=True, timeout=100)
    found = shell.json("errors", "said.csv")
    where = {each["feature"]: each for each in found["slices"][0]["conditions"]}
    assert set(where) == {"device", "age"}
    assert "B" in str(where["device"])
    assert found["features"][0]["name"] in ("device", "age")
