"""A spec's runs."""

from __future__ import annotations

import math
import re
import time
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from specs.alike import Entries, same
from specs.combos import count
from specs.expand import expand
from specs.model import Method, Scalar, Spec, SpecError, Sweep

PLAIN = Spec(
    name="x", command="run", source=Path("x.yaml"), text="", workdir=Path("/"), params={"lr": 0.1, "opt": "adam"}
)
NAMES = st.from_regex(r"[a-c]{1,2}(\.[a-c])?", fullmatch=True)
# What refers to another parameter is looked at before runs are made.
WORDS = st.text(max_size=40).filter(lambda text: "${" not in text)
VALUES = st.one_of(st.integers(), st.floats(), st.booleans(), st.none(), WORDS)


def distinct(values: list[Scalar]) -> tuple[Scalar, ...]:
    return tuple(value for n, value in enumerate(values) if not any(same(value, other) for other in values[:n]))


AXES = st.dictionaries(NAMES, st.lists(VALUES, min_size=1, max_size=4).map(distinct), max_size=4)


def names(sweep: Sweep) -> list[str]:
    return [setting.name for setting in expand(replace(PLAIN, sweep=sweep))]


def test_a_spec_without_a_sweep_is_one_run_called_run() -> None:
    (only,) = expand(replace(PLAIN, command="train {lr} '{opt}'"))
    assert (only.index, only.name, only.params) == (0, "run", {"lr": 0.1, "opt": "adam"})
    assert only.command == "train 0.1 'adam'"


def test_a_grid_is_in_the_order_written_with_seeds_innermost() -> None:
    assert names(Sweep(axes={"lr": (0.003, 0.001), "hidden": (32, 64)}, seeds=(1, 2))) == [
        *("lr=0.003-hidden=32-seed=1", "lr=0.003-hidden=32-seed=2"),
        *("lr=0.003-hidden=64-seed=1", "lr=0.003-hidden=64-seed=2"),
        *("lr=0.001-hidden=32-seed=1", "lr=0.001-hidden=32-seed=2"),
        *("lr=0.001-hidden=64-seed=1", "lr=0.001-hidden=64-seed=2"),
    ]


def test_a_swept_value_goes_before_a_fixed_one_and_into_the_command() -> None:
    settings = expand(replace(PLAIN, command="a {lr} {seed}", sweep=Sweep(axes={"lr": (1, 2)}, seeds=(5,))))
    assert [setting.params for setting in settings] == [
        {"lr": 1, "opt": "adam", "seed": 5},
        {"lr": 2, "opt": "adam", "seed": 5},
    ]
    assert [setting.command for setting in settings] == ["a 1 5", "a 2 5"]


def test_a_command_may_use_the_runs_name() -> None:
    spec = replace(PLAIN, command="a --out ckpt/{run}", sweep=Sweep(axes={"lr": (1, 2)}))
    assert [setting.command for setting in expand(spec)] == ["a --out ckpt/'lr=1'", "a --out ckpt/'lr=2'"]


def test_a_parameter_called_run_is_the_users() -> None:
    assert expand(replace(PLAIN, command="a {run}", params={"run": 7}))[0].command == "a 7"


def test_zipped_axes_move_together_at_the_place_of_the_first() -> None:
    sweep = Sweep(axes={"a": (1, 2), "b": (3, 4), "c": (5, 6)}, zip=(("a", "c"),))
    assert names(sweep) == ["a=1-c=5-b=3", "a=1-c=5-b=4", "a=2-c=6-b=3", "a=2-c=6-b=4"]


def test_excluded_settings_are_left_out() -> None:
    sweep = Sweep(axes={"lr": (0.1, 3e-3), "n": (1, 2)}, exclude=({"lr": 0.003, "n": 2}, {"n": 1.0, "lr": 0.1}))
    assert names(sweep) == ["lr=0.1-n=2", "lr=0.003-n=1"]


def test_true_is_not_the_number_one() -> None:
    assert not same(True, 1)
    assert same(1, 1.0)
    assert same("0.1", 0.1)


def test_points_are_run_as_they_are_listed() -> None:
    sweep = Sweep(Method.LIST, points=({"lr": 1}, {"lr": 2, "model.depth": 3}), seeds=(1, 2))
    assert names(sweep) == ["lr=1-seed=1", "lr=1-seed=2", "lr=2-depth=3-seed=1", "lr=2-depth=3-seed=2"]


def test_dotted_names_are_shortened_where_that_stays_clear() -> None:
    assert names(Sweep(axes={"model.depth": (1, 2), "a.n": (1, 2), "b.n": (1,)}))[0] == "depth=1-n=1"
    assert names(Sweep(axes={"a.n": (1, 2), "b.n": (1, 2)}))[0] == "a.n=1-b.n=1"


def test_odd_and_long_values_get_a_mark_of_their_own() -> None:
    first, second, third = names(Sweep(axes={"p": ("a b/../c", "a b/../d", "x" * 100)}))
    assert re.fullmatch(r"p=a_b_c-[0-9a-f]{8}", first)
    assert re.fullmatch(r"p=a_b_d-[0-9a-f]{8}", second)
    assert re.fullmatch(r"p=x{12}-[0-9a-f]{8}", third)


def test_names_that_differ_in_letter_case_only_are_told_apart() -> None:
    assert len({name.casefold() for name in names(Sweep(axes={"p": ("a", "A", "b")}))}) == 3


def test_too_many_runs_are_refused_with_their_count_before_they_are_made() -> None:
    began = time.process_time()
    with pytest.raises(
        SpecError, match=r"x\.yaml: the sweep has 10,000,000,000,000 runs; at most 100,000 are allowed"
    ):
        expand(replace(PLAIN, sweep=Sweep(axes={letter: tuple(range(10)) for letter in "abcdefghijklm"})))
    assert time.process_time() - began < 1


def test_doubles_are_refused() -> None:
    with pytest.raises(SpecError, match=r'the same parameters: the 1\. and the 2\., both "lr=0\.1 opt=adam"'):
        expand(replace(PLAIN, sweep=Sweep(Method.LIST, points=({"lr": 0.1}, {"opt": "adam"}))))


def test_a_sweep_of_which_nothing_is_left_is_refused() -> None:
    with pytest.raises(SpecError, match="leaves no run"):
        expand(replace(PLAIN, sweep=Sweep(exclude=({"opt": "adam"},))))


def test_a_placeholder_without_a_value_is_refused() -> None:
    with pytest.raises(SpecError, match='"command": unknown parameter "b"'):
        expand(replace(PLAIN, command="a {b}"))


@settings(deadline=None)
@given(AXES, st.lists(st.integers(0, 9), unique=True, max_size=3))
def test_a_grid_has_the_products_length_and_unique_safe_names(
    axes: dict[str, tuple[Scalar, ...]], seeds: list[int]
) -> None:
    spec = replace(PLAIN, sweep=Sweep(axes=axes, seeds=tuple(seeds)))
    settings = expand(spec)
    assert len(settings) == count(spec.sweep) == math.prod(map(len, axes.values())) * max(1, len(seeds))
    assert [setting.index for setting in settings] == list(range(len(settings)))
    assert len({setting.name.casefold() for setting in settings}) == len(settings)
    assert all(re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9._+=-]{0,63}", setting.name, re.ASCII) for setting in settings)


@settings(deadline=None)
@given(st.data())
def test_a_setting_is_excluded_where_one_entry_agrees_with_it_in_all_values(data: st.DataObject) -> None:
    near = st.sampled_from(
        [1, 1.0, "1", "1.0", True, "true", None, "", 0.0, -0.0, "nan", math.nan, 2**53 + 1, 2.0**53]
    )
    setting = st.dictionaries(st.sampled_from("abc"), near)
    entries, params = data.draw(st.lists(setting.filter(bool))), data.draw(setting)
    one_by_one = any(all(key in params and same(params[key], entry[key]) for key in entry) for entry in entries)
    assert Entries.of(entries).agree(params) == one_by_one


def test_many_excluded_settings_are_looked_up_and_not_compared_one_by_one() -> None:
    exclude = tuple({"n": n, "m": m} for n in range(100) for m in range(10))
    began = time.process_time()
    found = names(Sweep(axes={"n": tuple(range(100)), "m": tuple(range(50))}, exclude=exclude))
    assert (len(found), time.process_time() - began < 2) == (4000, True)
