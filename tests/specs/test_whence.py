"""Where the values of a run come from."""

from __future__ import annotations

import pytest

from specs.edit import set_value, written
from specs.model import Scalar, SpecError
from specs.whence import whence

TEXT = """\
name: tiny
params:
  hidden: 64
  optim.name: adam
  data: {name: cifar}
sweep:
  lr: [0.1, 3e-1, "0.5"]
  momentum: {values: [0.9, 0.99], when: {optim.name: sgd}}
  dropout: {min: 0, max: 1}
  seeds: 2
variants:
  big:
    params: {hidden: 512}
"""
PARAMS: dict[str, Scalar] = {
    "lr": 0.3,
    "hidden": 64,
    "optim.name": "adam",
    "data.name": "cifar",
    "momentum": 0.99,
    "dropout": 0.4,
}


@pytest.mark.parametrize(
    ("name", "key", "line", "single"),
    [
        ("hidden", "params.hidden", 3, True),
        ("optim.name", "params.optim.name", 4, True),
        ("data.name", "params.data.name", 5, True),
        ("lr", "sweep.lr[2]", 7, True),
        ("momentum", "sweep.momentum.values[2]", 8, True),
        ("dropout", "sweep.dropout", 9, False),
        ("seed", "sweep.seeds", 10, True),
        ("elsewhere", "params.elsewhere", None, True),
    ],
)
def test_a_value_is_found_where_it_stands(name: str, key: str, line: int | None, single: bool) -> None:
    found = whence(TEXT, {**PARAMS, "seed": 2}, name)
    assert (found.key, found.line, found.single) == (key, line, single)


def test_a_variant_goes_before_the_spec() -> None:
    assert whence(TEXT, PARAMS, "hidden", "big").key == "variants.big.params.hidden"
    assert whence(TEXT, PARAMS, "lr", "big").key == "sweep.lr[2]"


def test_a_point_is_that_of_the_run() -> None:
    text = "sweep: {method: list, points: [{lr: 0.1, hidden: 1}, {lr: 0.1, hidden: 2}]}\n"
    assert whence(text, {"lr": 0.1, "hidden": 2}, "lr").key == "sweep.points[2].lr"


def test_a_list_that_does_not_have_the_value_is_named_as_a_whole() -> None:
    """A reference, say, stands for another value."""
    found = whence('sweep: {lr: [0.1, "${other}"]}\n', {"lr": 7}, "lr")
    assert (found.key, found.single) == ("sweep.lr", False)


def test_a_text_that_is_no_yaml_is_an_error() -> None:
    with pytest.raises(SpecError):
        whence("a: [", {}, "a")


@pytest.mark.parametrize("name", ["hidden", "optim.name", "data.name", "lr", "momentum", "seed", "elsewhere"])
def test_what_is_found_can_be_set(name: str) -> None:
    found = whence(TEXT, {**PARAMS, "seed": 2}, name)
    changed = set_value(TEXT, found.key, "7")
    assert written(changed, found.key) == "7"
