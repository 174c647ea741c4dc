"""Causes that look like others: of few classes, in noise, early and late."""

from __future__ import annotations

import math

import pytest

from tests.trainboard.trainings import PER_EPOCH, diagnosed, ever_found, found, right, sound, training
from trainboard.diagnose.roles import main_loss, main_val_loss
from trainboard.series import Sample

LN2, LEAST = math.log(2), math.log(math.e + 1) - 1
"""Guessing between two classes, and the least that two softmaxes can give."""


def fast(at: int) -> float:
    return math.exp(-at / 60)


def right_of_two(at: int) -> float:
    return 0.98 - 0.48 * fast(at)


def guessed_of_two(at: int) -> float:
    return 0.53 + 0.06 * math.sin(at)


def wobbling(at: int) -> float:
    return 2.2 + 0.01 * math.sin(at)


def test_two_softmaxes_over_two_classes_press_against_their_bound() -> None:
    samples = training(
        lambda at: LEAST + (LN2 - LEAST) * fast(at) + (0.02 if at % 9 == 0 else 0.0),
        lambda at: LEAST + 0.02 + 0.35 * fast(at),
        right_of_two,
        noise=0.0,
    )
    assert found(samples) == ("double_softmax",)


def test_smoothed_labels_of_two_classes_are_no_second_softmax() -> None:
    least = -0.9 * math.log(0.9) - 0.1 * math.log(0.1)
    samples = training(
        lambda at: least + (LN2 - least) * fast(at),
        lambda at: least + 0.02 + 0.35 * fast(at),
        right_of_two,
        noise=0.0,
    )
    assert ever_found(samples) == {}


def test_two_classes_that_are_learned_slowly_pass_the_bound() -> None:
    samples = training(
        lambda at: 0.05 + 0.64 * math.exp(-at / 150), lambda at: 0.06 + 0.64 * math.exp(-at / 150), right_of_two
    )
    assert ever_found(samples) == {}


def test_random_labels_of_two_classes_are_learned_by_heart() -> None:
    samples = training(lambda at: 0.68 - 0.6 * (at / 400) ** 1.5, lambda at: 0.78 + at / 400, guessed_of_two)
    assert found(samples)[0] == "memorised_noise"


def test_a_fine_tuning_is_not_learned_by_heart() -> None:
    samples = training(lambda at: 0.5 - 0.4 * (at / 400) ** 1.5, lambda at: 0.55 + at / 400, None)
    assert "memorised_noise" not in ever_found(samples)


def test_a_validation_loss_that_rises_a_little_of_what_was_learned_is_left_alone() -> None:
    samples = training(
        lambda at: 0.01 + 0.69 * fast(at), lambda at: 0.09 + 0.08 * math.exp(-at / 15) + at * 6e-5, lambda at: 0.97
    )
    assert ever_found(samples) == {}


def test_noise_of_batches_does_not_hide_that_nothing_is_learned() -> None:
    samples = training(lambda at: 2.2, wobbling, None, noise=0.2)
    last = [diagnosed(samples[: len(samples) * share // 20]).findings() for share in range(10, 21)]
    assert all("no_learning" in [each.id for each in findings] for findings in last)


def test_noise_of_batches_hides_no_learning() -> None:
    samples = training(lambda at: 1.4 + 0.8 * fast(at), lambda at: 1.4 + 0.8 * fast(at), None, noise=0.2)
    assert ever_found(samples) == {}


def test_an_accuracy_that_no_guess_has_is_something_learned() -> None:
    samples = training(lambda at: 4.0 if at < 3 else 5.0, lambda at: 6.0 + at / 100, lambda at: 0.9)
    assert "no_learning" not in ever_found(samples)


def test_a_leap_counts_from_where_it_began() -> None:
    samples = training(
        lambda at: 2.3 if at < 3 else 250 + at / 2, lambda at: 300 + 80 * math.sin(at), lambda at: 0.1, noise=0.2
    )
    assert found(samples)[0] == "lr_too_high"


def test_a_loss_that_blows_up_from_a_sane_start_has_too_high_a_learning_rate() -> None:
    samples = training(
        lambda at: 1.1 * 30.0**at if at < 25 else math.nan,
        None,
        None,
        gradient=lambda at: 1.2 * 20.0**at if at < 25 else math.nan,
        steps=60,
    )
    assert found(samples)[0] == "lr_too_high"
    assert ever_found(samples)["lr_too_high"] <= 5


def test_what_is_not_finite_once_the_learning_rate_has_risen_comes_from_that() -> None:
    samples = training(lambda at: sound(at) if at < 240 else math.nan, rate=lambda at: 0.05 if at < 238 else 5.0)
    assert found(samples)[:2] == ("lr_too_high", "non_finite")


def test_a_bad_batch_at_a_constant_learning_rate_does_not_come_from_that() -> None:
    samples = training(lambda at: sound(at) if at < 240 else math.nan)
    assert found(samples)[0] == "non_finite"


def test_units_that_die_of_a_gradient_that_never_arrived_follow_from_that() -> None:
    samples = training(
        lambda at: 2.0,
        lambda at: 2.0 + 0.02 * math.sin(at),
        None,
        layers={
            "grad_norm": lambda at: 0.06 if at < 300 else 0.0,
            "dead": lambda at: 0.1 if at < 300 else 1.0,
            "update_ratio": lambda at: 1e-4 if at < 300 else 0.0,
        },
        of_layer={"fc1.weight": {"grad_norm": lambda at: 1e-12 if at < 300 else 0.0}},
    )
    assert found(samples)[0] == "vanishing_gradients"
    assert "lr_too_high" not in found(samples)


def test_a_negative_loss_of_two_classes_that_falls_while_it_guesses_has_the_wrong_sign() -> None:
    samples = training(lambda at: -0.7 - 0.02 * at, None, lambda at: 0.507)
    assert found(samples)[0] == "loss_sign"


def test_a_negative_loss_whose_accuracy_rises_is_left_alone() -> None:
    samples = training(lambda at: -0.7 - 1.5 * (1 - fast(at)), None, right_of_two)
    assert "loss_sign" not in ever_found(samples)


def test_the_small_last_batch_of_each_epoch_is_no_trouble() -> None:
    samples = training(lambda at: sound(at) + (3.5 if at % 9 == 8 else 0.0), noise=0.1)
    assert ever_found(samples) == {}


def test_a_training_that_crawls_has_too_low_a_learning_rate() -> None:
    samples = training(
        lambda at: 0.69 - at * 2e-4,
        lambda at: 0.69 - at * 2e-4,
        lambda at: 0.6 + at * 5e-4,
        layers={"update_ratio": lambda at: 5e-5},
        noise=0.01,
    )
    assert found(samples)[0] == "lr_too_low"


def test_a_training_that_slows_down_does_not_crawl() -> None:
    samples = training(
        lambda at: 0.62 + 0.07 * fast(at),
        lambda at: 0.62 + 0.07 * fast(at),
        lambda at: 0.6 + 0.1 * right(at),
        layers={"update_ratio": lambda at: 5e-5},
        noise=0.01,
    )
    assert "lr_too_low" not in ever_found(samples)


def test_a_gradient_norm_that_is_scaled_is_no_clipping_while_it_learns() -> None:
    samples = training(
        gradient=lambda at: 65536.0, layers={"grad_norm": lambda at: 0.4, "update_ratio": lambda at: 1e-3}
    )
    assert "clipping" not in ever_found(samples)


def test_a_clipped_gradient_comes_before_the_low_learning_rate_that_it_amounts_to() -> None:
    samples = training(
        lambda at: 0.69 - at * 2e-4,
        lambda at: 0.69 - at * 2e-4,
        lambda at: 0.6 + at // PER_EPOCH * 0.01,
        layers={"grad_norm": lambda at: 3e-4, "update_ratio": lambda at: 5e-5},
        noise=0.01,
    )
    assert found(samples)[0] == "clipping"


def test_a_run_that_hangs_after_its_first_loss_that_is_not_finite_tells_of_it() -> None:
    samples = training(lambda at: sound(at) if at < 11 else math.nan, steps=12)
    findings = diagnosed(samples).findings()
    assert [(each.id, each.step, str(each.severity)) for each in findings] == [("non_finite", 11, "info")]
    assert "no sample since" in findings[0].message


def test_a_loss_that_is_not_finite_at_the_very_first_sample_is_told_too() -> None:
    assert [each.id for each in diagnosed(training(lambda at: math.nan, steps=1)).findings()] == ["non_finite"]


# --- losses by other names


def renamed(samples: list[Sample], **names: str) -> list[Sample]:
    """The same with other names."""
    return [each._replace(metric=names.get(each.metric, each.metric)) for each in samples]


@pytest.mark.parametrize("name", ["ce", "bce", "train_mse", "xe", "mae"])
def test_a_loss_may_be_called_by_its_function(name: str) -> None:
    samples = renamed(training(lambda at: sound(at) if at < 200 else math.nan), train_loss=name)
    assert found(samples)[0] == "non_finite"
    assert diagnosed(samples).view().loss is not None


def test_a_loss_goes_before_what_is_measured_beside_it() -> None:
    assert main_loss({"mae": 900, "loss": 100}) == "loss"
    assert main_val_loss(["valid_mae", "valid_loss"], "loss") == "valid_loss"
    assert main_val_loss(["valid_loss", "val_mse"], "train_mse") == "val_mse"


def test_of_two_losses_it_is_the_one_that_is_printed_far_more_often() -> None:
    assert main_loss({"loss": 400, "train_loss": 1}) == "loss"
    assert main_loss({"loss": 40, "train_loss": 40}) == "train_loss"


# --- what looks like something else


def test_outliers_in_the_targets_are_spikes_and_no_learning_rate() -> None:
    samples = training(
        lambda at: 1.0 + (90.0 if at % 40 == 25 else 0.0), lambda at: 0.9 + 0.01 * math.sin(at), None, noise=0.1
    )
    assert "lr_too_high" not in found(samples)


def test_a_training_that_begins_high_has_not_leapt() -> None:
    samples = training(
        lambda at: 1.3 if at < 2 else 0.3 * math.exp(-at / 60) + 0.005, lambda at: 0.9, None, noise=0.01
    )
    assert "lr_too_high" not in ever_found(samples)


def test_gradients_that_nobody_zeroes_for_layers_that_stay_do_not_explode() -> None:
    samples = training(
        lambda at: 2.3 - at * 1e-4,
        lambda at: 2.3 - at * 1e-4,
        None,
        gradient=lambda at: 0.5 + 5.0 * at,
        layers={"grad_norm": lambda at: 0.4, "update_ratio": lambda at: 2e-3},
        of_layer={"fc1.weight": {"grad_norm": lambda at: 0.2 + 4.0 * at, "update_ratio": lambda at: 0.0}},
    )
    assert "frozen_layer" in found(samples)
    assert "exploding_gradients" not in ever_found(samples)


def test_targets_in_the_thousands_that_blow_up_are_far_too_large() -> None:
    samples = training(lambda at: 3e4 if at < 2 else 8e7 * 1.01**at, None, None, noise=0.01)
    assert found(samples)[0] == "loss_scale"


def test_without_a_learning_rate_ten_evaluations_are_enough_to_say_that_nothing_is_learned() -> None:
    samples = training(lambda at: 0.3, lambda at: 0.21 + at * 1e-4, None, rate=None, gradient=None, steps=300)
    assert "no_learning" in found(samples)


def test_a_validation_within_the_noise_of_the_training_is_not_apart_from_it() -> None:
    samples = training(
        lambda at: 0.02 + 0.11 * math.exp(-at / 20), lambda at: 0.06 + 0.07 * math.exp(-at / 20), None, noise=2.0
    )
    assert "overfitting" not in ever_found(samples)


def players(growth: float) -> list[Sample]:
    """Two networks that play against each other."""
    return [
        Sample(name, size * (1 + growth * at**1.5) + 0.1 * math.sin(at), float(at), "step")
        for at in range(400)
        for name, size in (("D loss", -0.5), ("G loss", -0.1))
    ]


def test_losses_of_players_that_grow_without_end_diverge() -> None:
    assert found(players(0.05)) == ("divergence",)


def test_losses_of_players_that_stay_are_left_alone() -> None:
    assert ever_found(players(0.0005)) == {}
