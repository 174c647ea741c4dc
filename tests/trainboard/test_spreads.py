"""Distributions of layers: quantiles by name, from event files and from the probe; shares and ranges."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.trainboard.test_probe import Program, matrix, read
from tests.tui.fakes import row
from trainboard import spreads
from trainboard.compare import of_row
from trainboard.diagnose.training import Diagnosis
from trainboard.layernames import PERCENTS, QUANTILES, of_a_spread, part, quantile
from trainboard.layers import layer_map
from trainboard.metrics import Report
from trainboard.series import Sample, by_metric
from trainboard.sources import tensors
from tui.chosen import Names
from tui.curves import _kept

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

NORMAL = np.random.default_rng(1).normal(0.5, 2.0, 20_000)


def told(layer: str, steps: Sequence[float], values: NDArray[np.float64], prefix: str = "") -> list[Sample]:
    """A layer whose numbers are these at every step, as an event file tells them."""
    quantiles = np.quantile(values, np.array(PERCENTS) / 100)
    return [
        Sample(f"{layer}/{prefix}q.{percent:02}", float(number), step, "step")
        for step in steps
        for percent, number in zip(PERCENTS, quantiles, strict=True)
    ] + [Sample(f"{layer}/norm", 1.0, step, "step") for step in steps]


@pytest.mark.parametrize(
    ("name", "layer", "quantity"),
    [
        ("conv1/kernel/q.05", "conv1/kernel", "q05"),
        ("gradients/conv1/kernel/q.100", "conv1/kernel", "grad_q100"),
        ("conv1.weight.grad_q.50", "conv1.weight", "grad_q50"),
        ("activations/relu1/q.00", "relu1", "activation_q00"),
        ("conv1.weight.q.99 (metrics.csv)", "conv1.weight", None),
    ],
)
def test_the_name_of_a_quantile_says_layer_tensor_and_percent(name: str, layer: str, quantity: str | None) -> None:
    found = part(name)
    if quantity is None:
        assert found is None
        return
    assert found is not None
    assert (found.layer, found.quantity, found.sure) == (layer, quantity, True)
    assert of_a_spread(name)
    assert quantile(quantity) is not None


@pytest.mark.parametrize("name", ["latency/q50", "loss.q", "conv1/q.07", "eq.05", "q.05", "freq/05", "loss/q.5"])
def test_other_names_are_no_quantiles(name: str) -> None:
    found = part(name)
    assert found is None or quantile(found.quantity) is None


def test_quantiles_are_no_curves_and_in_no_list() -> None:
    series = by_metric([*told("fc", (0, 10), NORMAL), Sample("loss", 0.5, 0, "step")])
    names = Names()
    names.known = series
    assert names.listed == ["loss", "fc/norm"]
    assert [each.metric for each in Report("x", "completed", series).curves] == ["fc/norm", "loss"]
    assert set(of_row(row(1), series, 0).metrics) == {"fc/norm", "loss"}
    assert [name for name in series if _kept(name, {})] == ["fc/norm", "loss"]
    diagnosis = Diagnosis()
    diagnosis.take_series(series)
    assert set(diagnosis.view().layers["fc"]) == {"norm"}


def test_a_map_has_the_distributions_of_every_tensor() -> None:
    found = layer_map(by_metric([*told("a", (0, 10), NORMAL), *told("b", (0, 10), NORMAL * 2, "grad_")]))
    assert found is not None
    assert list(found.quantities) == ["norm"]
    assert set(found.spreads) == {"", "grad_"}
    assert found.spreads[""].shape == (2, 2, len(QUANTILES))
    np.testing.assert_allclose(found.spreads[""][0, 1], np.quantile(NORMAL, spreads.SHARES))
    assert np.isnan(found.spreads[""][1]).all()


def test_what_a_thinning_left_out_is_between_its_neighbours() -> None:
    samples = [
        each
        for each in told("a", (0, 10, 20), NORMAL) + told("b", (0, 10, 20), NORMAL)
        if not (each.step == 10 and each.metric == "a/q.50")
    ]
    found = layer_map(by_metric(samples))
    assert found is not None
    np.testing.assert_allclose(found.spreads[""][0], found.spreads[""][1])


def test_of_a_column_that_stands_for_many_steps_the_last_is_taken_whole() -> None:
    samples = [each for at in range(1200) for each in told("a", (at,), NORMAL + at) + told("b", (at,), NORMAL)]
    found = layer_map(by_metric(samples))
    assert found is not None
    middle = found.spreads[""][0, :, PERCENTS.index(50)]
    np.testing.assert_allclose(middle, np.median(NORMAL) + found.steps)


@pytest.mark.parametrize("bins", [30, 2000])
def test_the_quantiles_of_a_histogram_are_those_of_its_numbers(bins: int) -> None:
    counts, edges = np.histogram(NORMAL, bins)
    found = tensors.of_buckets(np.stack([edges[:-1], edges[1:], counts], axis=1).ravel())
    wanted = np.quantile(NORMAL, spreads.SHARES)
    names = [f"q.{percent:02}" for percent in PERCENTS]
    np.testing.assert_allclose([found[name] for name in names], wanted, atol=2 * (edges[1] - edges[0]))


def test_zeros_of_a_histogram_stay_one_value() -> None:
    values = np.where(np.arange(10_000) % 10 < 7, 0.0, np.linspace(0, 5, 10_000))
    edges = np.concatenate([[-1e-12, 1e-12], np.linspace(0.01, 5, 50)])
    counts, _ = np.histogram(values, edges)
    found = tensors.of_buckets(np.stack([edges[:-1], edges[1:], counts], axis=1).ravel())
    assert found["q.30"] == found["q.60"] == 0.0
    assert found["q.90"] > 1


@given(
    st.lists(st.tuples(st.floats(-1e300, 1e300), st.floats(0, 1e300), st.floats(0, 1e12)), min_size=1, max_size=20)
)
@settings(max_examples=60)
def test_quantiles_of_any_buckets_rise_and_stay_within_them(buckets: list[tuple[float, float, float]]) -> None:
    lefts = np.sort([left for left, _, _ in buckets])
    rights = np.append(lefts[1:], lefts[-1] + 1)
    found = tensors.of_buckets(np.stack([lefts, rights, [count for _, _, count in buckets]], axis=1).ravel())
    numbers = [found[name] for name in found if name.startswith("q.")]
    assert numbers == sorted(numbers)
    assert all(found["min"] <= number <= found["max"] for number in numbers)


def test_the_probe_prints_quantiles_only_where_it_is_asked_to() -> None:
    weights = matrix(200, 300)
    program = Program(w=weights, v=matrix(4, 4))
    program.probe.look(program.params, 0, program.params, 1, 1e9, True)
    assert program.last("w")["q.50"] == pytest.approx(np.median(weights), abs=0.03)
    assert program.last("w")["q.05"] == pytest.approx(np.quantile(weights, 0.05), abs=0.05)
    assert program.last("w")["grad_q.95"] == pytest.approx(np.quantile(weights, 0.95), abs=0.05)
    found = read(program.printed)
    assert found is not None
    assert np.isfinite(found.spreads[""]).all()
    assert np.isfinite(found.spreads["grad_"]).all()
    silent = Program(w=weights)
    silent.step(0)
    assert not any("q." in word for word in silent.last("w"))


def test_the_probe_tells_no_quantiles_of_what_is_not_finite() -> None:
    weights = matrix(4, 4)
    weights[0, 0] = math.nan
    program = Program(w=weights, v=matrix(4, 4))
    program.probe.look(program.params, 0, None, 1, 1e9, True)
    assert not any("q." in word for word in program.last("w"))
    assert "q.50" in program.last("v")


def test_shares_are_those_of_the_numbers_and_add_up_to_one() -> None:
    quantiles = np.quantile(NORMAL, spreads.SHARES)
    edges = np.linspace(NORMAL.min() - 1, NORMAL.max() + 1, 41)
    found = spreads.shares(quantiles[None], edges)[0]
    counts, _ = np.histogram(NORMAL, edges)
    assert found.sum() == pytest.approx(1)
    np.testing.assert_allclose(found, counts / len(NORMAL), atol=0.02)


def test_a_value_that_many_numbers_have_is_all_in_one_place() -> None:
    quantiles = np.quantile(np.where(np.arange(1000) < 800, 0.0, 1.0), spreads.SHARES)
    found = spreads.shares(quantiles[None], np.array([-0.5, -0.1, 0.1, 0.5, 1.5]))[0]
    np.testing.assert_allclose(found, [0, 0.8, 0, 0.2], atol=0.1)


def test_the_range_leaves_out_a_step_at_which_all_broke() -> None:
    rows = np.array([np.quantile(NORMAL, spreads.SHARES)] * 40 + [np.quantile(NORMAL * 1e6, spreads.SHARES)])
    span, whole = spreads.span(rows), spreads.span(rows, whole=True)
    assert span is not None
    assert whole is not None
    assert -6 < span[0] < -3
    assert 4 < span[1] < 7
    assert whole[1] > 1e6


@pytest.mark.parametrize("value", [0.0, 1e-300, -1e300, 5.0])
def test_numbers_that_are_all_the_same_have_a_range_around_them(value: float) -> None:
    span = spreads.span(np.full((3, len(PERCENTS)), value))
    assert span is not None
    assert span[0] < value < span[1]
    assert spreads.span(np.full((3, len(PERCENTS)), math.nan)) is None


def test_the_distance_of_two_distributions_is_that_of_kolmogorov_and_smirnov() -> None:
    one, other = (np.quantile(each, spreads.SHARES) for each in (NORMAL, NORMAL + 20))
    assert spreads.distance(one, one) == 0
    assert spreads.distance(one, other) == pytest.approx(1, abs=0.02)
    shifted = np.quantile(NORMAL + 2, spreads.SHARES)  # one deviation: 2 Φ(1/2) - 1
    assert spreads.distance(one, shifted) == pytest.approx(0.383, abs=0.03)
