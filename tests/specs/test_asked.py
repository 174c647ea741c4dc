"""Sweeps whose settings are asked for one after the other: what they take, and what is told of what they lack."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from specs.combos import FIRST
from specs.expand import expand, setting_of, trial_names
from specs.load import errors, loads
from specs.model import Asha, Method, SpecError, Unit

SPEC = """\
name: x
command: ./train {{args}}
sweep:
  method: {method}
  samples: 30
  lr: {{min: 0.0001, max: 0.1, distribution: log_uniform}}
  {more}
metrics: {{objective: val_loss}}
"""


def text(more: str = "hidden: [16, 32]", method: str = "tpe") -> str:
    return SPEC.format(method=method, more=more)


def problem(written: str) -> str:
    [found] = errors(written, Path("x.yaml"))
    return str(found)


def test_what_a_spec_is_at_first_are_settings_by_lot_as_many_as_are_asked_for_at_the_start() -> None:
    asked = expand(loads(text(), Path("x.yaml")))
    drawn = expand(loads(text(method="random"), Path("x.yaml")))
    assert len(asked) == FIRST
    assert [each.params for each in asked] == [each.params for each in drawn[:FIRST]]


def test_the_name_of_a_trial_says_all_that_the_sweep_sets_and_is_its_own() -> None:
    spec = loads(text(), Path("x.yaml"))
    one = {"hidden": 16, "lr": 0.01}
    [name] = trial_names(spec.sweep, [one])
    assert name == "hidden=16-lr=0.01"
    [other] = trial_names(spec.sweep, [one], [name.upper()])
    assert other.startswith(f"{name}-")
    assert setting_of(spec, 77, name, one).command == "./train --hidden=16 --lr=0.01"


def test_rungs_go_up_to_the_end_which_the_length_of_a_run_tells_too() -> None:
    spec = loads(text("asha: {min: 1, max: 27}", "asha"), Path("x.yaml"))
    assert spec.sweep.asha == Asha(1, 27, Unit.EPOCHS, 3)
    assert spec.sweep.asha.rungs == (1, 3, 9)
    length = text("asha: {min: 100, unit: steps, reduction: 4}", "asha").replace(
        "objective:", "total: {steps: 1600}, objective:"
    )
    told = loads(length, Path("x.yaml")).sweep.asha
    assert told is not None
    assert told.rungs == (100, 400)


@pytest.mark.parametrize(
    ("written", "says"),
    [
        (text().replace("metrics: {objective: val_loss}", ""), '4:11: "sweep.method" tpe needs "metrics.objective"'),
        (text().replace("  samples: 30\n", ""), '"sweep.method" tpe needs "sweep.samples", the number of trials'),
        (text().replace("samples: 30", "samples: 0"), '5:12: "sweep.samples" must be at least 1, not 0'),
        (text().replace("samples: 30", "samples: 20000"), '"sweep.samples" must be at most 10,000 with method tpe'),
        (text("depth: {min: 3, max: 2}"), '7:24: "sweep.depth.max" must be more than "min", which is 3; it is 2'),
        (text("d: {min: 0, max: 1, distribution: log_uniform}"), '"sweep.d.min" must be more than 0 for log_uniform'),
        (text("d: {mean: 0, std: 1}"), '"sweep.d" has no bounds, which tpe needs: give min and max'),
        (text("d: {choice: [1, 2], weights: [1, 3]}"), '"sweep.d" has weights, for which tpe has its own'),
        (text("shuffle: true"), '"sweep.shuffle" does not go with method tpe'),
        (text("points: [{a: 1}]"), '"sweep.points" needs "method: list"'),
        (text(method="tpee"), 'must be grid, random, list, tpe or asha, not "tpee" (did you mean "tpe"?)'),
        (text(method="asha"), '4:11: "sweep.method" asha needs "sweep.asha", its rungs, as asha: {min: 1'),
        (text("asha: {min: 9, max: 3}", "asha"), '"sweep.asha.max" must be so that "min", which is 9, is less than'),
        (text("asha: {min: 0, max: 3}", "asha"), '"sweep.asha.min" must be more than 0, not 0'),
        (text("asha: {min: 1}", "asha"), '"sweep.asha.max" is missing, how far a run is at its end'),
        (text("asha: {min: 1, max: 9, unit: epoch}", "asha"), 'must be epochs, steps or seconds, not "epoch" (did'),
        (text("asha: {min: 1, max: 9, reduction: 1}", "asha"), '"sweep.asha.reduction" must be at least 2, not 1'),
        (text("asha: {min: 1, max: 9, most: 3}", "asha"), 'unknown key "sweep.asha.most"'),
        (text("asha: {min: 1, max: 9}", "random"), '"sweep.asha" needs "method: asha", or tpe'),
        (text("asha: [1, 9]", "asha"), '"sweep.asha" is a word of the sweep itself'),
        (text("asha: {min: 1, max: 9}\n  seeds: 3", "asha"), '"sweep.seeds" does not go with rungs'),
    ],
)
def test_what_is_wrong_is_one_line_at_its_place(written: str, says: str) -> None:
    assert says in problem(written)


def test_rungs_and_learning_go_together() -> None:
    sweep = loads(text("asha: {min: 1, max: 9}"), Path("x.yaml")).sweep
    assert (sweep.method, sweep.asha) == (Method.TPE, Asha(1, 9))


def test_a_setting_that_lacks_what_the_command_wants_is_told_at_the_command() -> None:
    spec = loads(text().replace("{args}", "{args} {hidden}"), Path("x.yaml"))
    with pytest.raises(SpecError, match=r"x\.yaml:2"):
        setting_of(spec, 3, "run", {"lr": 0.1})


def test_every_example_of_the_page_on_sweeps_is_a_spec_that_asks() -> None:
    page = (Path(__file__).parents[2] / "docs/sweeps.md").read_text(encoding="utf-8")
    examples = re.findall(r"```yaml\n(.*?)```", page, re.DOTALL)
    assert [loads(each, Path("x.yaml")).sweep.method for each in examples] == [Method.TPE, Method.ASHA]
