"""Metrics that are named per layer, and the map they make."""

from __future__ import annotations

import math
import timeit
from time import process_time
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trainboard.layernames import QUANTITIES, part
from trainboard.layers import COLUMNS, layer_map
from trainboard.series import Sample, Series, by_metric

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

NAMES = {
    "grad_norm/conv1": ("conv1", "grad_norm"),
    "train/grad_norm/conv1": ("conv1", "grad_norm"),
    "weights/fc/norm": ("fc", "norm"),
    "gradients/fc/norm": ("fc", "grad_norm"),
    "conv1.weight.grad_norm": ("conv1.weight", "grad_norm"),
    "conv1.weight.grad/norm": ("conv1.weight", "grad_norm"),
    "params/layer1/kernel_norm": ("layer1/kernel", "norm"),
    "gradients/conv1.weight/std": ("conv1.weight", "grad_std"),
    "parameters/conv1.weight/std": ("conv1.weight", "std"),
    "conv1/kernel_0/zeros": ("conv1/kernel_0", "zeros"),
    "gradients/dense_1/kernel:0/mean": ("dense_1/kernel:0", "grad_mean"),
    "activations/relu1/zero_fraction": ("relu1", "activation_zeros"),
    "grad_2.0_norm/layer1.0.weight": ("layer1.0.weight", "grad_norm"),
    "grad_norm_l2/conv1": ("conv1", "grad_norm"),
    "hybridsequential0_dense0_weight_grad_norm": ("hybridsequential0_dense0", "grad_norm"),
    "resnet0_conv0_weight_norm": ("resnet0_conv0", "norm"),
    "grad_norm_conv1": ("conv1", "grad_norm"),
    "test_h0_row_norms_mean": ("h0", "row_norms"),
    "grad_norm_ConvBlock_1": ("ConvBlock_1", "grad_norm"),
    "ConvBlock_1_gradNorm": ("ConvBlock_1", "grad_norm"),
    "conv1/gradNorm": ("conv1", "grad_norm"),
    "conv1 grad norm": ("conv1", "grad_norm"),
    "norm[conv1]": ("conv1", "norm"),
    "weight_norm/conv1": ("conv1", "norm"),
    "conv1/weight_norm": ("conv1", "norm"),
    "update_ratio/encoder.0": ("encoder.0", "update_ratio"),
    "encoder.0/update_to_weight_ratio": ("encoder.0", "update_ratio"),
    "actor/grad_norm": ("actor", "grad_norm"),
    "critic_grad_norm": ("critic", "grad_norm"),
    "grad_norm/layer_norm": ("layer_norm", "grad_norm"),
    "grad_norm/blocks.0.norm": ("blocks.0.norm", "grad_norm"),
    "norm/weight/norm": ("norm/weight", "norm"),
    "encoder.norm_1.weight/norm": ("encoder.norm_1.weight", "norm"),
    "conv1.weight.norm [step]": ("conv1.weight", "norm"),
    "conv1.weight.norm (metrics.csv)": ("conv1.weight", "norm"),
}
OTHERS = (
    "loss",
    "val/loss",
    "val_acc",
    "top5",
    "lr/group0",
    "optim/lr_0",
    "epoch",
    "grad_norm",
    "train/grad_norm",
    "global_grad_norm",
    "max_grad_norm",
    "grad_norm_max",
    "total_norm",
    "grad_2.0_norm_total",
    "rank0/grad_norm",
    "layer_norm",
    "time/layer_norm",
    "l2/conv1",
    "rollout/ep_rew_mean",
    "train/clip_fraction",
    "norm",
    "mean",
    "a_max",
    "act_norm",
    "grad/norm",
    "/",
    ".",
    "a/b/c",
    "norm/",
    "feature_norm",
    "loss/norm",
    "step_time_max",
    "gpu0/norm",
    "grad norm",
    "params norm",
    "num zeros",
    "",
)


@pytest.mark.parametrize(("name", "said"), NAMES.items())
def test_a_name_says_layer_and_quantity(name: str, said: tuple[str, str]) -> None:
    found = part(name)
    assert found is not None
    assert (found.layer, found.quantity) == said
    assert found.sure


@pytest.mark.parametrize("name", OTHERS)
def test_a_name_of_no_layer_says_nothing(name: str) -> None:
    assert part(name) is None


@pytest.mark.parametrize("name", ["speed/gpu_max", "accuracy/mean", "step_1/max", "layer3_time_max"])
def test_a_mean_or_a_maximum_alone_makes_no_layer(name: str) -> None:
    found = part(name)
    assert found is None or not found.sure
    assert layer_map(series({name: [(0, 1.0)], "loss": [(0, 1.0)], f"{name}/mean": [(0, 1.0)]})) is None


@given(st.text(st.sampled_from("ab1/._-[]() :|normgradweightmax"), max_size=60))
def test_no_name_is_too_odd(name: str) -> None:
    found = part(name)
    if found is not None:
        assert found.layer
        assert found.quantity.endswith(QUANTITIES)


@pytest.mark.parametrize("piece", ["_", "a_", "/", "norm_", "aB", "[", " [", " (", "grad/", "-"])
def test_the_time_for_a_name_grows_with_its_length(piece: str) -> None:
    def took(times: int) -> float:
        return min(
            timeit.repeat(lambda: part.__wrapped__(piece * times + "norm"), timer=process_time, number=1, repeat=3)
        )

    assert took(64_000) < 30 * took(8_000) + 0.01  # were it the square: 64


def series(metrics: Mapping[str, Sequence[tuple[float, float]]], index: str = "step") -> dict[str, Series]:
    return by_metric(Sample(name, value, step, index) for name, pairs in metrics.items() for step, value in pairs)


def test_layers_stand_in_the_order_of_the_network_and_quantities_in_ours() -> None:
    found = layer_map(
        series(
            {
                "conv2.weight.grad_norm": [(0, 2.0), (10, 3.0)],
                "conv2.weight.norm": [(0, 1.0)],
                "conv1.weight.norm": [(0, 5.0)],
                "loss": [(0, 0.1), (5, 0.1)],
            }
        )
    )
    assert found is not None
    assert found.layers == ("conv2.weight", "conv1.weight")
    assert list(found.quantities) == ["norm", "grad_norm"]
    assert found.index == "step"
    assert found.steps.tolist() == [0, 10]
    np.testing.assert_array_equal(found.quantities["grad_norm"], [[2.0, 3.0], [math.nan, math.nan]])
    assert found.seen["grad_norm"].tolist() == [[True, True], [False, False]]


def test_a_value_that_is_not_finite_is_told_from_none_at_all() -> None:
    found = layer_map(series({"a1/norm": [(0, math.nan), (1, math.inf)], "a2/norm": [(0, 1.0)]}))
    assert found is not None
    np.testing.assert_array_equal(found.quantities["norm"], [[math.nan, math.inf], [1.0, math.nan]])
    assert found.seen["norm"].tolist() == [[True, True], [True, False]]


def test_a_histogram_of_anything_is_a_layer_with_all_its_figures() -> None:
    figures = ("norm", "mean", "std", "min", "max", "zeros")
    found = layer_map(series({f"codes/{figure}": [(0, 1.0)] for figure in figures}))
    assert found is not None
    assert found.layers == ("codes",)
    assert set(found.quantities) == set(figures)


def test_one_metric_of_one_layer_makes_no_map() -> None:
    assert layer_map(series({"actor/grad_norm": [(0, 1.0)], "loss": [(0, 1.0)]})) is None
    assert layer_map({}) is None


def test_what_a_resume_replaced_is_not_in_the_map() -> None:
    found = layer_map(series({f"a{i}/norm": [(0, 1.0), (10, 9.0), (20, 9.0), (10, 2.0)] for i in (1, 2)}))
    assert found is not None
    assert found.steps.tolist() == [0, 10]
    assert found.quantities["norm"][0].tolist() == [1.0, 2.0]


def test_long_series_keep_their_peaks_and_what_is_not_finite() -> None:
    steps = np.arange(10_000.0)
    values = np.ones((3, len(steps)))
    values[0, 1234], values[1, 4321], values[2, 77] = 50.0, math.nan, -50.0
    made = {}
    for name, row in zip(("a/norm", "b/norm", "a/min"), values, strict=True):
        made[name] = Series(name)
        made[name].extend(steps, row, steps, "step")
    found = layer_map(made)
    assert found is not None
    assert found.steps.shape == (COLUMNS,)
    assert found.steps[-1] == 9999
    assert np.nanmax(found.quantities["norm"][0]) == 50.0
    assert np.isnan(found.quantities["norm"][1]).sum() == 1
    assert np.nanmin(found.quantities["min"][0]) == -50.0
    assert found.seen["norm"].all()


def test_two_sources_of_one_quantity_are_one_row_of_the_longer() -> None:
    found = layer_map(
        series({"a/norm": [(0, 1.0)], "a/norm (m.csv)": [(0, 1.0), (1, 2.0)], "b/norm": [(0, 1.0)]}),
    )
    assert found is not None
    assert found.layers == ("a", "b")
    assert found.quantities["norm"][0].tolist() == [1.0, 2.0]


def test_layers_by_epoch_are_not_mixed_with_those_by_step() -> None:
    both = series({f"a{i}/norm": [(100, 1.0)] for i in (1, 2)}) | series({"b/norm": [(1, 1.0)]}, "epoch")
    found = layer_map(both)
    assert found is not None
    assert found.layers == ("a1", "a2")
    assert found.index == "step"
