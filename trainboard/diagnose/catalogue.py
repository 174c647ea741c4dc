"""Every rule there is: one row each. A new rule is one function and one row."""

from __future__ import annotations

from trainboard.diagnose.finding import Severity
from trainboard.diagnose.hopeless.judging import HOPELESS_RULES
from trainboard.diagnose.job import JOB_RULES
from trainboard.diagnose.rule import Rule
from trainboard.diagnose.rules import clip, course, generalising, inside, learning, pace, rate, softmax, values

E, W, I = Severity.ERROR, Severity.WARNING, Severity.INFO  # noqa: E741
_LOSS, _LAYERS = "training loss", "layer values"
_STUCK = (
    "data_order",
    "update_missing",
    "bad_initialisation",
    "loss_scale",
    "loss_sign",
    "weights_collapsing",
    "lr_too_high",
    "vanishing_gradients",
    "exploding_gradients",
    "dead_units",
    "saturated",
    "double_softmax",
    "clipping",
    "lr_too_low",
)

TRAINING_RULES = (
    Rule("data_order", W, 9, course.data_order, _LOSS),
    Rule("loss_sign", E, 10, values.loss_sign, _LOSS),
    Rule("update_missing", E, 11, learning.update_missing, f"{_LAYERS}, or {_LOSS} and validation loss"),
    Rule("bad_initialisation", E, 12, learning.bad_initialisation, f"{_LAYERS}, or {_LOSS} and an accuracy"),
    Rule("loss_scale", E, 13, values.loss_scale, _LOSS),
    Rule("double_softmax", E, 14, softmax.double_softmax, f"{_LOSS} and validation loss"),
    Rule("weights_collapsing", E, 15, inside.weights_collapsing, _LAYERS),
    Rule(
        "lr_too_high",
        E,
        16,
        rate.lr_too_high,
        _LOSS,
        ("data_order", "loss_sign", "loss_scale", "bad_initialisation"),
    ),
    Rule(
        "non_finite",
        E,
        20,
        values.non_finite,
        "any loss",
        ("loss_sign", "loss_scale", "bad_initialisation", "lr_too_high", "divergence", "exploding_gradients"),
    ),
    Rule(
        "exploding_gradients",
        E,
        21,
        inside.exploding_gradients,
        f"gradient norm, or {_LAYERS}",
        ("loss_sign", "loss_scale", "bad_initialisation", "lr_too_high"),
    ),
    Rule("saturated", E, 22, inside.saturated, _LAYERS, ("bad_initialisation", "loss_scale", "lr_too_high")),
    Rule(
        "dead_units",
        E,
        23,
        inside.dead_units,
        _LAYERS,
        (
            "data_order",
            "bad_initialisation",
            "loss_scale",
            "loss_sign",
            "lr_too_high",
            "weights_collapsing",
            "divergence",
        ),
    ),
    Rule(
        "vanishing_gradients",
        E,
        24,
        inside.vanishing_gradients,
        f"{_LAYERS}, or gradient norm",
        ("bad_initialisation", "loss_scale", "lr_too_high", "weights_collapsing", "dead_units", "saturated"),
    ),
    Rule(
        "divergence",
        E,
        25,
        course.divergence,
        _LOSS,
        ("data_order", "loss_sign", "loss_scale", "bad_initialisation", "lr_too_high", "exploding_gradients"),
    ),
    Rule(
        "lr_too_low",
        E,
        26,
        rate.lr_too_low,
        _LOSS,
        (
            "update_missing",
            "bad_initialisation",
            "vanishing_gradients",
            "dead_units",
            "weights_collapsing",
            "double_softmax",
            "clipping",
        ),
    ),
    Rule(
        "clipping",
        E,
        25,
        clip.clipping,
        f"gradient norm and {_LAYERS}",
        ("lr_too_high", "vanishing_gradients", "dead_units"),
    ),
    Rule("stuck_at_chance", E, 30, learning.stuck_at_chance, _LOSS, _STUCK),
    Rule("no_learning", E, 31, learning.no_learning, _LOSS, (*_STUCK, "stuck_at_chance", "divergence")),
    Rule(
        "memorised_noise",
        E,
        40,
        generalising.memorised_noise,
        f"{_LOSS} and validation loss",
    ),
    Rule("validation_mismatch", E, 39, generalising.validation_mismatch, f"{_LOSS} and validation loss"),
    Rule(
        "overfitting",
        W,
        41,
        generalising.overfitting,
        f"{_LOSS} and validation loss",
        ("memorised_noise", "validation_mismatch"),
    ),
    Rule(
        "frozen_layer", W, 42, inside.frozen_layer, _LAYERS, ("update_missing", "vanishing_gradients", "dead_units")
    ),
    Rule(
        "oscillation",
        W,
        43,
        course.oscillation,
        "validation accuracy, or training loss",
        ("data_order", "lr_too_high", "divergence"),
    ),
    Rule(
        "spikes",
        W,
        38,
        course.spikes,
        _LOSS,
        ("data_order", "lr_too_high", "divergence", "loss_scale", "bad_initialisation"),
    ),
    Rule("weights_growing", W, 45, inside.weights_growing, _LAYERS, ("lr_too_high", "loss_scale", "divergence")),
    Rule("update_ratio", W, 46, inside.update_ratio, _LAYERS, _STUCK),
    Rule("throughput_drop", W, 50, pace.throughput_drop, "throughput, or time of a step"),
    Rule("memory_growth", W, 51, pace.memory_growth, "memory"),
    Rule("plateau", W, 60, course.plateau, _LOSS),
    Rule("val_better_than_train", I, 61, generalising.val_better_than_train, f"{_LOSS} and validation loss"),
)
"""Over the training: each is asked with a `View`."""

CATALOGUE = {rule.id: rule for rule in (*TRAINING_RULES, *JOB_RULES, *HOPELESS_RULES)}
"""All, by id."""
