"""Causes that few samples tell: a line for each epoch, no accuracy, no learning rate."""

from __future__ import annotations

import math

import pytest

from tests.trainboard.trainings import ever_found, found, right, sound, training
from trainboard.series import Sample

BOUND = math.log(math.e + 9) - 1
"""The least that two softmaxes over ten classes can give."""


def epochs(count: int, **curves: list[float]) -> list[Sample]:
    """A line for each epoch."""
    return [Sample(name, curve[at], at + 1.0, "epoch") for at in range(count) for name, curve in curves.items()]


def creeping(loss: float, step: float, count: int = 12) -> list[float]:
    return [loss - step * at for at in range(count)]


def noisy(loss: float, count: int = 12) -> list[float]:
    return [loss * (1 + 0.01 * math.sin(7 * at)) for at in range(count)]


# --- a learning rate that is too low


def test_ten_evaluations_that_creep_are_enough_for_a_low_learning_rate() -> None:
    assert found(epochs(12, train_loss=noisy(15.0), val_loss=creeping(14.9, 1e-3)))[0] == "lr_too_low"


def test_losses_that_creep_at_a_usual_learning_rate_are_left_alone() -> None:
    samples = epochs(12, train_loss=noisy(2.3), val_loss=creeping(2.29, 1e-4), lr=[3e-4] * 12)
    assert ever_found(samples) == {}


@pytest.mark.parametrize("fall", [1e-2, 3e-3])
def test_a_slow_training_does_not_creep(fall: float) -> None:
    samples = epochs(12, train_loss=creeping(2.3, fall), val_loss=creeping(2.29, fall))
    assert ever_found(samples) == {}


def test_a_training_that_is_at_its_end_does_not_creep() -> None:
    val = [2.0 + 3e-3 * math.exp(-at / 3) for at in range(12)]
    assert ever_found(epochs(12, train_loss=noisy(2.0), val_loss=val)) == {}


# --- a first loss that is huge


def test_a_first_loss_that_a_step_has_thrown_up_comes_from_the_learning_rate() -> None:
    samples = training(lambda at: 2e4 if at == 0 else 1.6, None, None, rate=lambda at: 3.0, noise=0.3, steps=60)
    assert found(samples)[0] == "lr_too_high"


def test_the_first_epoch_of_large_targets_is_no_fault() -> None:
    loss = [90 * 40.0 ** (1 - at) + 900 * 0.7**at for at in range(30)]
    samples = epochs(30, train_loss=loss, val_loss=[each * 0.95 for each in loss], lr=[0.01] * 30)
    assert ever_found(samples) == {}


def test_first_gradients_beyond_all_measure_come_from_the_inputs() -> None:
    loss = [2e5 * 0.8**at for at in range(12)]
    layers = {f"fc{at}.weight.grad_norm": [1e6] * 12 for at in (1, 2)}
    assert found(epochs(12, train_loss=loss, val_loss=loss, **layers)) == ("loss_scale",)


def test_targets_that_are_never_reached_are_too_large() -> None:
    samples = training(lambda at: 1e7 - 500 * at, lambda at: 1e7 - 500 * at, None, noise=0.05)
    assert found(samples)[0] == "loss_scale"


@pytest.mark.parametrize(("update", "growth", "named"), [(0.2, 0.3, True), (0.2, 0.01, False), (0.05, 0.3, False)])
def test_weights_that_large_steps_make_ten_times_as_large(update: float, growth: float, named: bool) -> None:
    layers = {"norm": lambda at: 2.0 * (1 + growth * at), "update_ratio": lambda at: update}
    assert ("lr_too_high" in found(training(layers=layers))) is named


def test_two_huge_spikes_of_few_samples_are_enough() -> None:
    samples = training(lambda at: 800.0 if at in (30, 60) else sound(at), steps=70)
    assert found(samples) == ("spikes",)
    assert ever_found(training(lambda at: 800.0 if at == 30 else sound(at), steps=70)) == {}


# --- what two softmaxes leave


@pytest.mark.parametrize("unit", [1.0, math.log(2)])
def test_a_loss_that_rests_on_the_bound_of_two_softmaxes_needs_no_accuracy(unit: float) -> None:
    def loss(at: int) -> float:
        return (BOUND + (math.log(10) - BOUND) * math.exp(-at / 30)) / unit

    assert found(training(loss, loss, None, noise=0.0)) == ("double_softmax",)


def test_a_loss_that_passes_the_bound_has_no_second_softmax() -> None:
    def loss(at: int) -> float:
        return 0.9 * BOUND + (math.log(10) - 0.9 * BOUND) * math.exp(-at / 30)

    assert "double_softmax" not in ever_found(training(loss, loss, None, noise=0.0))


# --- validation


def test_what_was_learned_since_the_newest_evaluation_is_no_overfitting() -> None:
    steps = [Sample("train_loss", 0.16 if at < 70 else 0.002, float(at), "step") for at in range(80)]
    evaluations = [Sample("val_loss", 0.16, float(at), "step") for at in range(9, 70, 10)]
    first = [Sample("train_loss", 0.5, -1.0 + at / 4, "step") for at in range(4)]
    assert ever_found(sorted(first + steps + evaluations, key=lambda each: each.step)) == {}


def test_an_accuracy_that_never_gets_better_while_the_loss_falls_is_of_noise() -> None:
    samples = training(val=lambda at: 1.7 + at / 100, accuracy=lambda at: 0.2 + 0.03 * math.sin(at))
    assert found(samples)[0] == "memorised_noise"


def test_an_accuracy_that_gets_better_is_not_of_noise() -> None:
    samples = training(val=lambda at: 1.7 + at / 100, accuracy=lambda at: 0.4 * right(at))
    assert "memorised_noise" not in ever_found(samples)


def test_an_accuracy_of_nothing_tells_nothing() -> None:
    samples = training(val=lambda at: 1.7 + at / 100, accuracy=lambda at: 0.0)
    assert "memorised_noise" not in ever_found(samples)


def test_outputs_that_became_the_same_for_all_are_no_missing_update() -> None:
    samples = training(lambda at: 2.5 if at == 0 else 2.3, lambda at: 2.3, None, noise=0.0)
    assert "update_missing" not in found(samples)
    assert "no_learning" in found(samples)


# --- memory, and losses beside a reward


def test_memory_that_grows_in_a_straight_line_needs_to_grow_less() -> None:
    assert found(training(more={"gpu_memory": lambda at: 12.0 + 0.0045 * at})) == ("memory_growth",)


def test_memory_that_grew_as_little_and_stays_is_left_alone() -> None:
    assert ever_found(training(more={"gpu_memory": lambda at: 12.0 + min(1.8, 0.05 * at)})) == {}


def rewarded(growth: float) -> list[Sample]:
    return [
        Sample(name, value, float(at), "step")
        for at in range(60)
        for name, value in (("ep_rew_mean", 1.0), ("train/loss", 0.01 * math.exp(growth * at)))
    ]


def test_a_loss_beside_a_reward_may_grow_but_not_a_millionfold() -> None:
    assert found(rewarded(0.5)) == ("divergence",)
    assert ever_found(rewarded(0.15)) == {}


def test_a_sound_training_without_an_accuracy_is_left_alone() -> None:
    assert ever_found(training(accuracy=None)) == {}
    assert ever_found(epochs(60, train_loss=[sound(5 * at) for at in range(60)])) == {}
