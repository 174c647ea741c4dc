"""Which layer misbehaved first, in real trainings in which one is broken on purpose."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from tests.trainboard.test_probe import Program, read
from trainboard.diagnose.rules import inside
from trainboard.layers import LayerMap, layer_map
from trainboard.misbehaving import KINDS, behaviour
from trainboard.series import Sample, by_metric

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    Weights = dict[str, NDArray[np.float32]]

LAYERS = ("fc1", "fc2", "fc3", "fc4")
SIZES = (12, 32, 32, 32, 4)
BROKEN_AT = 60


def trained(
    break_it: Callable[[Weights], None] | None = None,
    *,
    gain: float = 1.0,
    sigmoid: bool = False,
    still: str = "",
    steps: int = 160,
) -> LayerMap:
    """A perceptron that is trained with numpy and looked at by the probe; from a step on something breaks it."""
    random = np.random.default_rng(3)
    inputs = random.normal(size=(256, SIZES[0])).astype(np.float32)
    targets = inputs[:, : SIZES[-1]] * 0.5
    weights: Weights = {
        name: (random.normal(size=(rows, columns)) * gain * math.sqrt(2 / rows)).astype(np.float32)
        for name, rows, columns in zip(LAYERS, SIZES, SIZES[1:], strict=False)
    }
    biases = {name: np.zeros(columns, np.float32) for name, columns in zip(LAYERS, SIZES[1:], strict=False)}
    program = Program()
    with np.errstate(all="ignore"):
        for step in range(steps):
            outputs: NDArray[Any] = inputs
            given = [outputs]
            for name in LAYERS:
                outputs = outputs @ weights[name] + biases[name]
                if name != LAYERS[-1]:
                    outputs = 1 / (1 + np.exp(-outputs)) if sigmoid else np.maximum(outputs, 0)
                given.append(outputs)
            error, grads = (outputs - targets) / len(inputs), {}
            for name, below, above in reversed([*zip(LAYERS, given, given[1:], strict=False)]):
                if name != LAYERS[-1]:
                    error = error * (above * (1 - above) if sigmoid else above > 0)
                grads[name] = below.T @ error
                error = error @ weights[name].T
            for name in LAYERS:
                if name != still:
                    weights[name] -= 0.02 * grads[name]
            if break_it is not None and step == BROKEN_AT:
                break_it(weights | {f"{name}.bias": bias for name, bias in biases.items()})
            program.params = weights
            program.step(step, grads, every=5)
    found = read(program.printed)
    assert found is not None
    return found


def first(found: LayerMap) -> tuple[str, str, float] | None:
    """The layer that misbehaved first, how, and at which step."""
    episodes = behaviour(found).episodes
    if not episodes:
        return None
    return found.layers[episodes[0].layer], KINDS[episodes[0].kind].word, float(found.steps[episodes[0].column])


def one_infinite(weights: Weights) -> None:
    weights["fc3"][3, 5] = math.inf


def killed(weights: Weights) -> None:
    weights["fc2.bias"][:28] = -1e3


def all_killed(weights: Weights) -> None:
    weights["fc3.bias"][:] = -1e3


def shrunk(weights: Weights) -> None:
    weights["fc2"][:] *= 0.01


def test_a_sound_training_has_no_layer_that_misbehaves() -> None:
    assert first(trained()) is None


def test_the_layer_that_was_not_finite_first_is_named() -> None:
    found = trained(one_infinite)
    assert first(found) == ("fc3", "not finite", BROKEN_AT)
    assert {found.layers[each.layer] for each in behaviour(found).episodes} == set(LAYERS)


def test_the_layer_most_of_whose_units_died_is_named() -> None:
    assert every(trained(killed)) == [("fc2", "dead units", BROKEN_AT + 5)]


def test_of_layers_that_die_together_the_last_one_is_named() -> None:
    found = trained(all_killed)
    assert [layer for layer, _, _ in every(found)] == ["fc3", "fc2", "fc1"]
    assert all(each.until is None for each in behaviour(found).episodes)


def second_killed(weights: Weights) -> None:
    weights["fc2.bias"][:] = -1e3
    weights["fc3.bias"][:] = 0.1  # what it adds is all that the layers behind it get


def test_a_layer_that_gets_zeros_from_a_dead_one_follows_and_the_dead_one_is_the_cause() -> None:
    found = trained(second_killed)
    said = [(layer, word) for layer, word, _ in every(found)]
    follows = "gets zeros only, follows the dead layer before it"
    assert said == [("fc2", "dead units"), ("fc1", "dead units"), ("fc3", follows)]
    assert len({step for _, _, step in every(found)}) == 1


@pytest.mark.parametrize("share", [0.99, 1.0])
def test_a_dead_layer_alone_is_no_follower(share: float) -> None:
    assert every(of([[0.0] * 4, [share] * 4, [0.0] * 4, [0.0] * 4], "dead")) == [("a1", "dead units", 0)]


def test_a_gradient_that_vanishes_on_its_way_is_named_at_the_last_layer_that_it_does_not_reach() -> None:
    found = trained(sigmoid=True, gain=0.02)
    said = first(found)
    assert said is not None
    assert said[1:] == ("vanishing gradient", 0)
    gradients = found.quantities["grad_norm"][:, 0]
    at = found.layers.index(said[0])
    assert gradients[at] < inside.VANISHED_RATIO * gradients[-1] <= gradients[at + 1]


def test_a_gradient_that_explodes_is_named() -> None:
    grown = of([[1.0, 1.0, 2e3, 2e3, 2e3], [1.0, 1.0, 1.0, 1.0, 1.0]], "grad_norm")
    assert first(grown) == ("a0", "exploding gradient", 2)
    assert first(of([[2e3] * 5, [2e3] * 5], "grad_norm")) is None


def test_weights_that_collapse_are_named() -> None:
    assert ("fc2", "collapsed weights", BROKEN_AT) in every(trained(shrunk))


def test_a_layer_that_is_never_updated_is_named() -> None:
    assert every(trained(still="fc2")) == [("fc2", "not updated", 5)]


def every(found: LayerMap) -> list[tuple[str, str, float]]:
    return [
        (found.layers[each.layer], KINDS[each.kind].word, float(found.steps[each.column]))
        for each in behaviour(found).episodes
    ]


def of(values: Sequence[Sequence[float]], quantity: str) -> LayerMap:
    found = layer_map(
        by_metric(
            Sample(f"a{layer}/{quantity}", value, float(step), "step")
            for layer, row in enumerate(values)
            for step, value in enumerate(row)
        )
    )
    assert found is not None
    return found


def test_what_is_so_for_a_moment_is_no_misbehaviour_unless_it_is_not_finite() -> None:
    low, high = 0.0, 0.9
    assert first(of([[low, high, high, low, low], [low] * 5], "dead")) is None
    assert first(of([[low, high, high, high, low], [low] * 5], "dead")) == ("a0", "dead units", 1)
    assert first(of([[1.0, math.nan, 1.0], [1.0] * 3], "norm")) == ("a0", "not finite", 1)


def test_what_is_over_is_told_with_its_end() -> None:
    found = behaviour(of([[0.0, 0.9, 0.9, 0.9, 0.0, 0.0], [0.0] * 6], "dead"))
    assert [(each.column, each.until) for each in found.episodes] == [(1, 4)]
    assert (found.codes[0] >= 0).tolist() == [False, True, True, True, False, False]


def test_the_last_layer_and_experts_may_have_outputs_without_a_gradient() -> None:
    assert first(of([[0.0] * 4, [0.95] * 4], "dead")) is None


def test_saturation_is_marked_by_the_threshold_of_the_diagnosis() -> None:
    over, under = inside.SATURATED + 0.01, inside.SATURATED - 0.01
    assert first(of([[under] * 4, [over] * 4], "saturated")) == ("a1", "saturated", 0)


def test_what_is_not_finite_comes_before_what_was_earlier() -> None:
    samples = [Sample(f"a{layer}/dead", 0.99, float(step), "step") for step in range(9) for layer in (0, 1)]
    samples += [Sample("a1/norm", math.inf if step == 8 else 1.0, float(step), "step") for step in range(9)]
    found = layer_map(by_metric(samples))
    assert found is not None
    assert first(found) == ("a1", "not finite", 8)


def test_every_kind_has_a_sign_of_its_own() -> None:
    assert len({kind.sign for kind in KINDS}) == len(KINDS)
    assert all(len(kind.sign) == 1 for kind in KINDS)


@pytest.mark.parametrize("quantity", ["norm", "dead", "grad_norm", "update_ratio", "saturated"])
@pytest.mark.parametrize("value", [0.0, math.nan, math.inf, -1.0, 1e300])
def test_nothing_is_too_odd(quantity: str, value: float) -> None:
    found = of([[value], [value]], quantity)
    assert behaviour(found).codes.shape == (2, 1)
