"""A spec around the best runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from specs.expand import expand
from specs.load import load, loads
from specs.model import Between, Choice, Normal, Shape
from tests.trainboard.ranking.a_sweep import an_entry, compared
from trainboard.actions import Refused
from trainboard.ranking.columns import Column, Source
from trainboard.ranking.narrow import around, listed, narrowed
from trainboard.records import Experiment

if TYPE_CHECKING:
    from pathlib import Path

    from specs.model import Scalar
    from trainboard.compare import Comparison

LOSS = Column(Source.METRIC, "val_loss", "best")
TEXT = """\
name: x  # of the paper
command: train --lr {lr}
sweep:
  # found by hand
  lr: [0.0001, 0.001, 0.01, 0.1]   # logarithmic
  dropout: {min: 0.0, max: 0.8}
  decay: {min: 1.0e-6, max: 0.01, distribution: log_uniform}
  width: [64, 128, 256]
  opt: [adam, sgd, lion]
  samples: 40
metrics: {objective: val_loss}
"""


def experiment(folder: Path, text: str = TEXT, overrides: tuple[str, ...] = ()) -> Experiment:
    source = folder / "x.yaml"
    source.write_text(text)
    return Experiment("x-1", "x", str(source), text, 0.0, objective="val_loss", overrides=overrides)


def runs(of: Experiment, folder: Path) -> Comparison:
    """As the spec makes them; the best have lr 0.001, a dropout of 0.2, decay 1e-4, width 128 and adam."""
    settings = expand(loads(of.text, folder / "x.yaml", of.overrides))

    def loss(params: object) -> float:
        assert isinstance(params, dict)
        wrong = abs(float(params.get("dropout", 0.2)) - 0.2) + 10 * (params.get("lr") != 0.001)
        return wrong + (params.get("width") != 128) + (params.get("opt") == "sgd")

    return compared(*(an_entry(n, each.params, loss(dict(each.params))) for n, each in enumerate(settings)))


def test_ranges_go_around_the_best_and_the_rest_of_the_text_stays(tmp_path: Path) -> None:
    of = experiment(tmp_path)
    found = narrowed(runs(of, tmp_path), LOSS, of)
    assert found.path == tmp_path / "x-narrow.yaml"
    spec = loads(found.text, found.path)
    assert spec.name == "x-narrow"
    assert spec.sweep.axes["lr"] == (0.000316, 0.000681, 0.00147, 0.00316)
    assert spec.sweep.axes["width"] == (91, 128, 181)
    assert set(spec.sweep.axes["opt"]) <= {"adam", "lion"}
    dropout, decay = spec.sweep.drawn["dropout"], spec.sweep.drawn["decay"]
    assert isinstance(dropout, Between)
    assert 0.0 <= dropout.min < 0.2 < dropout.max < 0.45
    assert isinstance(decay, Between)
    assert decay.shape is Shape.LOG_UNIFORM
    for comment in ("# of the paper", "# found by hand", "# logarithmic"):
        assert comment in found.text
    assert spec.sweep.samples == 40
    assert len(found.runs) == 5
    assert any(change.startswith("lr: [0.0001, 0.001, 0.01, 0.1] → ") for change in found.changes)
    assert not found.path.exists()


def test_a_name_that_is_taken_is_left_alone(tmp_path: Path) -> None:
    of = experiment(tmp_path)
    (tmp_path / "x-narrow.yaml").write_text("mine")
    found = narrowed(runs(of, tmp_path), LOSS, of)
    assert found.path.name == "x-narrow2.yaml"
    assert loads(found.text, found.path).name == "x-narrow2"


def test_points_axes_that_move_together_and_conditions_stay_what_they_are(tmp_path: Path) -> None:
    text = """\
name: x
command: train {lr} {width} {momentum}
params: {momentum: 0.9}
sweep:
  lr: [0.001, 0.01]
  width: [128, 64]
  opt: [adam, sgd]
  momentum: {values: [0.8, 0.9, 0.95], when: {opt: adam}}
  zip: [[lr, width]]
metrics: {objective: val_loss}
"""
    of = experiment(tmp_path, text)
    spec = loads(narrowed(runs(of, tmp_path), LOSS, of, 1).text, tmp_path / "x-narrow.yaml")
    assert (spec.sweep.axes["lr"], spec.sweep.axes["width"]) == ((0.001,), (128,))
    assert spec.sweep.when["momentum"] == {"opt": ("adam",)}
    points = "name: x\ncommand: train\nsweep: {method: list, points: [{lr: 0.1}, {lr: 0.001}, {lr: 3}]}\n"
    listed_of = experiment(tmp_path, points)
    chosen = loads(narrowed(runs(listed_of, tmp_path), LOSS, listed_of, 1).text, tmp_path / "y.yaml")
    assert chosen.sweep.points == ({"lr": 0.001},)


def test_what_it_was_submitted_with_counts(tmp_path: Path) -> None:
    of = experiment(tmp_path, overrides=("sweep.width=[128, 256, 512]", "sweep.samples=20"))
    found = narrowed(runs(of, tmp_path), LOSS, of)
    spec = loads(found.text, found.path)
    assert spec.sweep.samples == 20
    assert spec.sweep.axes["width"] == (128, 152, 181)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("name: x\ncommand: train\n", "sweeps nothing that could be narrowed"),
        ("name: x\ncommand: train\nsweep: {seeds: 3}\n", "sweeps nothing that could be narrowed"),
        (
            "name: x\ncommand: train\nsweep: &s {lr: &l [0.1, 0.001, 1], rl: *l}\n",
            "is shared by an alias, and another place would change with it",
        ),
    ],
)
def test_what_cannot_be_narrowed_is_refused_in_one_line(tmp_path: Path, text: str, why: str) -> None:
    of = experiment(tmp_path, text)
    with pytest.raises(Refused, match=why):
        narrowed(runs(of, tmp_path), LOSS, of)
    assert load(tmp_path / "x.yaml").name == "x"


def test_runs_without_values_leave_nothing_to_narrow(tmp_path: Path) -> None:
    of = experiment(tmp_path)
    nothing = compared(an_entry(0, {"lr": 1.0}, float("nan")), an_entry(1, {"lr": 2.0}))
    with pytest.raises(Refused, match="no run has a finite value of val_loss yet"):
        narrowed(nothing, LOSS, of)


def test_what_is_drawn_from_is_narrowed_as_it_was_drawn() -> None:
    assert around(Choice(("a", "b", "c"), (1.0, 2.0, 3.0)), ["c", "a", "c"]) == Choice(("a", "c"), (1.0, 3.0))
    assert around(Normal(0.0, 1.0), [0.5, 0.5]) == Normal(0.5, 0.25)
    assert around(Between(1, 100, Shape.INT), [40, 50]) == Between(30, 60, Shape.INT)
    log = around(Between(1e-5, 1e-1, Shape.LOG_UNIFORM), [1e-3])
    assert isinstance(log, Between)
    assert (log.min, log.max) == (0.000398, 0.00251)
    assert around(Between(0.0, 1.0), ["no number"]) is None


@given(
    st.lists(st.floats(1e-6, 1e6), min_size=3, max_size=8, unique=True),
    st.data(),
)
@settings(max_examples=60)
def test_a_narrowed_list_stays_within_the_old_one(values: list[float], data: st.DataObject) -> None:
    best = data.draw(st.lists(st.sampled_from(values), min_size=1, max_size=5))
    made: tuple[Scalar, ...] = listed(values, best)
    numbers = [float(each) for each in made if isinstance(each, int | float)]
    assert len(numbers) == len(made) == len(set(made))
    slack = 1 + 1e-2  # three figures
    assert min(values) / slack <= min(numbers) <= min(best) * slack
    assert max(best) / slack <= max(numbers) <= max(values) * slack
