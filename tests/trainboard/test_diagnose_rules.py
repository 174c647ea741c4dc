"""The rules over the training: each names its fault, and none speaks of a sound run."""

from __future__ import annotations

import math

import pytest

from tests.trainboard.trainings import PER_EPOCH, diagnosed, ever_found, found, right, sound, training
from trainboard.diagnose.catalogue import TRAINING_RULES
from trainboard.diagnose.finding import Severity


def chance(at: int) -> float:
    """Guessing among ten classes."""
    return math.log(10)


def guessed(at: int) -> float:
    return 0.1


def shaky(at: int) -> float:
    """A validation loss of guessing that goes up and down."""
    return math.log(10) + (0.01 if at // PER_EPOCH % 2 else -0.01)


def epochs(at: int) -> float:
    return at / PER_EPOCH


FAULTS = {
    "non_finite": training(lambda at: sound(at) if at < 200 else math.nan),
    "loss_sign": training(lambda at: -2.3 - at * 0.05, val=None, accuracy=guessed),
    "loss_scale": training(
        lambda at: 80.0 * (2 if at % 2 else 1) * (100 if at in (3, 4) else 1) if at < 20 else chance(at),
        shaky,
        guessed,
    ),
    "bad_initialisation": training(
        chance, shaky, guessed, layers={"norm": lambda at: 0.0, "zeros": lambda at: 1.0, "grad_norm": lambda at: 0.0}
    ),
    "clipping": training(
        lambda at: 2.0 - 2e-5 * at,
        lambda at: 2.0 - 2e-5 * at,
        None,
        gradient=lambda at: 1.0 + 0.3 * math.sin(at),
        layers={"grad_norm": lambda at: 1e-4, "update_ratio": lambda at: 1e-5},
    ),
    "double_softmax": training(
        lambda at: 1.5 + 0.8 * math.exp(-at / 60), lambda at: 1.53 + 0.8 * math.exp(-at / 60), right, noise=0.001
    ),
    "weights_collapsing": training(
        chance, shaky, guessed, layers={"norm": lambda at: 5 * 0.98**at, "update_ratio": lambda at: 0.02}
    ),
    "lr_too_high": training(lambda at: 2.3 if at < 3 else 50.0 if at < 6 else 2.5, shaky, guessed),
    "lr_too_low": training(lambda at: 2.3 - at * 1e-6, lambda at: 2.3 - at * 1e-6, guessed, rate=lambda at: 1e-6),
    "update_missing": training(chance, lambda at: 2.3037, guessed),
    "exploding_gradients": training(
        lambda at: 2.0, lambda at: 2.0 + 0.02 * math.sin(at), None, gradient=lambda at: 1.0 * 1.05**at
    ),
    "saturated": training(chance, shaky, guessed, layers={"saturated": lambda at: 0.9}),
    "dead_units": training(chance, shaky, guessed, layers={"dead": lambda at: 1.0, "grad_norm": lambda at: 0.0}),
    "vanishing_gradients": training(
        chance,
        shaky,
        guessed,
        layers={"grad_norm": lambda at: 0.3},
        of_layer={"fc1.weight": {"grad_norm": lambda at: 1e-9}},
    ),
    "divergence": training(lambda at: sound(at) if at < 250 else sound(250) + 0.03 * (at - 250)),
    "stuck_at_chance": training(chance, shaky, guessed),
    "no_learning": training(lambda at: 2.0, lambda at: 2.0 + 0.02 * math.sin(at), None),
    "memorised_noise": training(
        lambda at: 2.3 - 1.5 * (at / 400) ** 2, lambda at: 2.3 + 1.5 * (at / 400) ** 2, guessed
    ),
    "validation_mismatch": training(sound, lambda at: 2.4 + 0.02 * math.sin(at), lambda at: 0.2),
    "overfitting": training(sound, lambda at: 0.5 + 1.8 * math.exp(-at / 30) + max(0, at - 100) * 0.004),
    "frozen_layer": training(
        layers={"grad_norm": lambda at: 0.3, "update_ratio": lambda at: 1e-3},
        of_layer={"fc1.weight": {"update_ratio": lambda at: 0.0}},
    ),
    "oscillation": training(accuracy=lambda at: 0.9 if epochs(at) % 2 < 1 else 0.6),
    "spikes": training(lambda at: sound(at) + (12.0 if at % 70 == 60 else 0.0)),
    "weights_growing": training(
        lambda at: 2.0,
        lambda at: 2.0 + 0.02 * math.sin(at),
        None,
        layers={"norm": lambda at: 3 + at, "update_ratio": lambda at: 5e-3},
    ),
    "update_ratio": training(
        lambda at: 2.0, lambda at: 2.0 + 0.02 * math.sin(at), None, layers={"update_ratio": lambda at: 0.3}
    ),
    "throughput_drop": training(more={"samples_per_second": lambda at: 1000 - 1.5 * at}),
    "memory_growth": training(more={"gpu_memory": lambda at: 8 + 0.02 * at}),
    "plateau": training(
        lambda at: 1.2 + 1.1 * math.exp(-at / 15), lambda at: 1.3 + math.exp(-at / 15), lambda at: 0.5, noise=0.01
    ),
    "val_better_than_train": training(lambda at: sound(at) + 0.2, lambda at: 0.5 * sound(at)),
    "data_order": training(
        lambda at: 1.0 + 0.8 * math.sin(2 * math.pi * at / 40), lambda at: 1 + 0.01 * math.sin(at), None, noise=0.02
    ),
}
"""A run for each rule in which it has something to say."""

FOLLOW = {"weights_growing", "update_ratio", "no_learning", "saturated"}
"""They need a run that does not learn, which has other findings beside."""


def test_every_rule_has_a_run_that_it_speaks_of() -> None:
    assert set(FAULTS) == {rule.id for rule in TRAINING_RULES}


@pytest.mark.parametrize("id", FAULTS)
def test_a_fault_is_found_at_the_end(id: str) -> None:
    findings = diagnosed(FAULTS[id]).findings()
    assert id in [each.id for each in findings]
    assert all(each.message and each.advice and each.cause for each in findings)


@pytest.mark.parametrize("id", sorted(set(FAULTS) - FOLLOW - {"val_better_than_train"}))
def test_the_root_cause_comes_first(id: str) -> None:
    assert found(FAULTS[id])[0] == id


@pytest.mark.parametrize("id", FAULTS)
def test_the_worst_that_a_rule_says_is_in_the_catalogue(id: str) -> None:
    worst = next(rule.severity for rule in TRAINING_RULES if rule.id == id)
    finding = next(each for each in diagnosed(FAULTS[id]).findings() if each.id == id)
    assert finding.severity.level <= worst.level


SOUND = {
    "plain": training(),
    "noisy": training(noise=0.3),
    "quiet": training(noise=0.0),
    "without an evaluation": training(val=None, accuracy=None),
    "without a learning rate": training(rate=None, gradient=None),
    "the loss alone": training(val=None, accuracy=None, rate=None, gradient=None),
    "warming up": training(
        lambda at: 2.3 if at < 120 else sound(at - 120),
        lambda at: 2.3 if at < 120 else sound(at - 120),
        lambda at: 0.1 if at < 120 else right(at - 120),
        rate=lambda at: 1e-3 * min(1, at / 150),
    ),
    "slow at first": training(
        lambda at: 2.3 - 1.8 / (1 + math.exp((250 - at) / 40)),
        lambda at: 2.3 - 1.8 / (1 + math.exp((250 - at) / 40)),
        lambda at: 0.1 + 0.8 / (1 + math.exp((150 - at) / 40)),
    ),
    "accuracy in percent": training(accuracy=lambda at: 100 * right(at)),
    "losses of a million": training(lambda at: 1e6 * sound(at), lambda at: 1e6 * sound(at), None),
    "a likelihood": training(
        lambda at: 1.4 - 4 * (1 - math.exp(-at / 80)), lambda at: -2.0 + math.exp(-at / 80), None
    ),
    "a cosine": training(lambda at: -0.2 - 0.7 * (1 - math.exp(-at / 80)), None, lambda at: 0.3 + at / 1000),
    "dropout": training(lambda at: sound(at) + 0.3, sound),
    "constant metrics": training(more={"gpu_memory": lambda at: 11.0, "samples_per_second": lambda at: 500.0}),
    "memory that is filled once": training(more={"gpu_memory": lambda at: 4.0 if at < 5 else 11.0}),
    "gradients that overflow now and then": training(gradient=lambda at: math.inf if at % 50 == 3 else 0.5),
    "sound layers": training(
        layers={
            "norm": lambda at: 5 + at / 100,
            "grad_norm": lambda at: 0.4,
            "update_ratio": lambda at: 2e-3,
            "dead": lambda at: 0.1,
        }
    ),
    "a learning rate that falls to zero": training(
        rate=lambda at: 0.05 * (1 + math.cos(math.pi * at / 400)),
        layers={"update_ratio": lambda at: 1e-3 * (1 + math.cos(math.pi * at / 400))},
    ),
}


@pytest.mark.parametrize("name", SOUND)
def test_a_sound_run_is_left_alone_at_every_prefix(name: str) -> None:
    assert ever_found(SOUND[name], parts=40) == {}


def test_one_that_got_over_a_bad_value_is_worth_knowing() -> None:
    samples = training(lambda at: math.inf if at == 100 else sound(at))
    findings = diagnosed(samples).findings()
    assert [(each.id, each.severity) for each in findings] == [("non_finite", Severity.INFO)]


def test_a_value_that_is_not_finite_is_told_with_the_first_step() -> None:
    finding = diagnosed(FAULTS["non_finite"]).findings()[0]
    assert (finding.id, finding.step, finding.index, finding.severity) == ("non_finite", 200, "step", Severity.ERROR)


def test_a_validation_alone_that_is_not_finite_is_a_warning() -> None:
    findings = diagnosed(training(val=lambda at: math.nan)).findings()
    assert [(each.id, each.severity, each.metric) for each in findings] == [
        ("non_finite", Severity.WARNING, "val_loss")
    ]


def test_what_blew_up_before_it_was_not_finite_follows_from_the_blow_up() -> None:
    samples = training(lambda at: sound(at) if at < 200 else sound(at) * 2.0 ** (at - 199) if at < 215 else math.nan)
    assert found(samples)[:2] == ("divergence", "non_finite")


def test_a_learning_rate_that_rises_is_why_it_diverges() -> None:
    samples = training(lambda at: sound(at) if at < 250 else 0.2 + 0.05 * (at - 250), rate=lambda at: 0.01 * 1.02**at)
    assert found(samples)[:2] == ("lr_too_high", "divergence")


def test_a_reward_may_rise_and_a_policy_loss_may_do_what_it_likes() -> None:
    samples = training(lambda at: 2.3 + 0.01 * at, None, None, more={"episode_reward": lambda at: float(at)})
    assert ever_found(samples) == {}


def test_two_players_may_lose_in_turn() -> None:
    samples = training(
        lambda at: 2.3, None, None, more={"d_loss": lambda at: 0.5 + 0.01 * at, "g_loss": lambda at: 1.0}
    )
    assert ever_found(samples) == {}


def test_an_objective_that_is_to_be_great_is_no_loss() -> None:
    samples = training(lambda at: 1.0 + at, None, None)
    assert "divergence" in found(samples)
    assert found(samples, objective="train_loss", goal="maximize") == ()


def test_a_rule_that_is_off_says_nothing() -> None:
    assert found(FAULTS["divergence"], off={"divergence"}) == ()


def test_a_long_run_is_not_said_to_learn_nothing_in_its_first_steps() -> None:
    samples = training(chance, shaky, guessed, steps=100)
    assert "no_learning" in found(samples)
    assert found(samples, total={"steps": 10_000}) == ()


@pytest.mark.parametrize("id", ["update_missing", "dead_units", "non_finite", "loss_sign", "bad_initialisation"])
def test_what_is_plain_is_found_in_the_first_part_of_the_run(id: str) -> None:
    share = 0.55 if id == "non_finite" else 0.25
    assert ever_found(FAULTS[id])[id] <= share * 20
