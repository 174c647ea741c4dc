"""Runs side by side: what differs, in which order, which is the best, and a metric against a parameter."""

from __future__ import annotations

import math
import sys
from typing import TYPE_CHECKING

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from backends.base import JobState
from tests.tui.fakes import NOW, row
from trainboard.compare import Comparison, Entry, compare, of_row, varying
from trainboard.results import Value
from trainboard.series import Sample, by_metric

if TYPE_CHECKING:
    from collections.abc import Mapping

    from specs.model import Scalar

AIM = row(0, objective="val_acc", goal="maximize")


def entry(key: str, params: Mapping[str, Scalar] | None = None, **best: float) -> Entry:
    metrics = {name: Value(value, value, value) for name, value in best.items()}
    return Entry(key, key, JobState.COMPLETED, params or {}, 60.0, metrics)


def keys(entries: tuple[Entry, ...]) -> str:
    return "".join(entry.key for entry in entries)


@pytest.fixture
def three() -> Comparison:
    return compare(
        [
            entry("a", {"lr": 0.1, "optim": "adam", "seed": 1}, loss=0.5, val_acc=0.8),
            entry("b", {"lr": 0.01, "optim": "sgd", "seed": 1}, loss=0.3, val_acc=math.nan),
            entry("c", {"lr": 0.3, "optim": "adam", "seed": 1}, loss=0.3, val_acc=0.9, other=1),
        ],
        [AIM],
    )


def test_only_parameters_that_differ_are_compared_and_the_objective_comes_first(three: Comparison) -> None:
    assert three.params == ("lr", "optim")
    assert three.metrics == ("val_acc", "loss", "other")
    assert three.goals == {"val_acc": "maximize", "loss": "minimize", "other": ""}


def test_a_parameter_that_is_printed_too_is_a_parameter() -> None:
    runs = [entry("a", {"lr": 0.1, "seed": 1}, lr=0.001, val_acc=0.8), entry("b", {"lr": 0.3, "seed": 2}, lr=0.002)]
    found = compare(runs, [AIM])
    assert (found.params, found.metrics) == (("lr", "seed"), ("val_acc",))
    assert keys(found.ordered("lr", reverse=True)) == "ba"
    assert [point.x for point in found.against("lr", "val_acc").points] == [0.1]
    assert compare([entry("a", {"lr": 0.1}, lr=1), entry("b", {"lr": 0.1}, lr=2)], [AIM]).metrics == ("lr",)
    odd = compare([entry("a", {"val_acc": 1}, val_acc=0.5), entry("b", {"val_acc": 2}, val_acc=0.6)], [AIM])
    assert (odd.params, odd.metrics) == ((), ("val_acc",))


def test_metrics_of_single_layers_come_last() -> None:
    found = compare([entry("a", None, **{"fc.weight.norm": 1.0, "lr": 0.1, "val_acc": 0.8})], [AIM])
    assert found.metrics == ("val_acc", "lr", "fc.weight.norm")


def test_the_best_is_by_the_metric_s_own_goal_and_may_be_shared(three: Comparison) -> None:
    assert three.best("val_acc") == {"c"}
    assert three.best("loss") == {"b", "c"}


def test_a_run_alone_is_not_the_best_of_anything(three: Comparison) -> None:
    assert three.best("other") == frozenset()


def test_what_is_neither_good_nor_bad_is_told_by_its_newest_value() -> None:
    rates = [
        Entry(k, k, JobState.RUNNING, {}, None, {"lr": Value(last, 0.1, None)}) for k, last in (("a", 3), ("b", 2))
    ]
    found = compare(rates, [row(0, objective="val_loss")])
    assert found.best("lr") == frozenset()
    assert [found.value(each, "lr") for each in rates] == [3, 2]
    assert keys(found.ordered("lr")) == "ba"


def test_metrics_sort_the_best_first_and_runs_without_a_value_last_either_way(three: Comparison) -> None:
    assert keys(three.ordered("val_acc")) == "cab"
    assert keys(three.ordered("val_acc", reverse=True)) == "acb"
    assert keys(three.ordered("loss")) == "bca"


def test_parameters_sort_numbers_by_size_before_words() -> None:
    mixed = compare([entry(k, {"p": v}) for k, v in zip("abcd", ("x", 10, 9.5, None), strict=True)], [])
    assert keys(mixed.ordered("p")) == "cbad"
    assert keys(mixed.ordered("p", reverse=True)) == "abcd"


def test_a_parameter_that_some_runs_lack_differs() -> None:
    assert varying([{"a": 1, "b": 2}, {"a": 1}]) == ("b",)
    assert varying([{"a": 1, "b": 2}]) == ("a", "b")
    assert varying([{"a": 1}, {"a": True}]) == ("a",)


def test_a_metric_against_a_number_stands_at_that_number(three: Comparison) -> None:
    found = three.against("lr", "loss")
    assert [(p.entry.key, p.x, p.y) for p in found.points] == [("b", 0.01, 0.3), ("a", 0.1, 0.5), ("c", 0.3, 0.3)]
    assert found.words == ()


def test_a_metric_against_words_stands_at_their_places_with_a_mean_each(three: Comparison) -> None:
    found = three.against("optim", "loss")
    assert found.words == ("adam", "sgd")
    assert found.means == [(0, pytest.approx(0.4)), (1, 0.3)]


def test_values_that_are_not_finite_are_points_and_no_part_of_a_mean(three: Comparison) -> None:
    found = three.against("lr", "val_acc")
    assert [p.entry.key for p in found.points] == ["b", "a", "c"]
    assert found.means == [(0.1, 0.8), (0.3, 0.9)]


def test_a_row_of_the_board_is_compared_by_its_best_its_newest_and_its_final_value() -> None:
    samples = [Sample("val_acc", value, step, "step") for step, value in enumerate((0.5, 0.9, 0.7))]
    running = of_row(row(1, objective="val_acc", goal="maximize"), by_metric(samples), NOW)
    assert running.metrics == {"val_acc": Value(0.7, 0.9, None)}
    assert running.seconds == 101
    assert of_row(row(2, JobState.PENDING), {}, NOW).seconds is None


def test_the_json_is_what_scripts_were_promised(three: Comparison) -> None:
    found = three.as_json()
    assert found["params"] == ["lr", "optim"]
    assert found["metrics"]["loss"] == {"goal": "minimize", "best": ["b", "c"]}
    assert found["runs"][0] == {
        "run": "a",
        "name": "a",
        "state": "COMPLETED",
        "seconds": 60.0,
        "params": {"lr": 0.1, "optim": "adam", "seed": 1},
        "metrics": {
            "val_acc": {"final": 0.8, "best": 0.8, "last": 0.8},
            "loss": {"final": 0.5, "best": 0.5, "last": 0.5},
        },
    }


SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=4) | st.just(10**400)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(SCALARS, st.none() | st.floats()), max_size=6))
@example([(None, sys.float_info.max)] * 3)
def test_any_parameters_and_values_are_ordered_and_drawn(given: list[tuple[Scalar, float | None]]) -> None:
    entries = [
        entry(str(number), {"p": scalar}, **({} if value is None else {"loss": value}))
        for number, (scalar, value) in enumerate(given)
    ]
    found = compare(entries, [])
    for column in (*found.metrics, *found.params):
        for reverse in (False, True):
            assert {e.key for e in found.ordered(column, reverse=reverse)} == {e.key for e in entries}
    against = found.against("p", "loss")
    assert len(against.points) == sum(value is not None for _, value in given)
    assert len(against.means) <= len(against.points)
    assert all(math.isfinite(y) for _, y in against.means)
