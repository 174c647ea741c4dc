"""Trainings as their metrics: sound ones, and what a fault makes of them."""

from __future__ import annotations

import math
import random
from typing import TYPE_CHECKING

from trainboard.diagnose.training import Diagnosis
from trainboard.series import Sample

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    Curve = Callable[[int], float]

STEPS, PER_EPOCH = 400, 20
LAYERS = ("fc1.weight", "fc2.weight", "head.weight")


def sound(at: int) -> float:
    """A training loss without its noise."""
    return 0.1 + 2.2 * math.exp(-at / 60)


def right(at: int) -> float:
    """The accuracy that goes with it."""
    return 0.96 - 0.86 * math.exp(-at / 60)


def training(
    loss: Curve = sound,
    val: Curve | None = sound,
    accuracy: Curve | None = right,
    rate: Curve | None = lambda at: 0.05,
    gradient: Curve | None = lambda at: 0.5,
    layers: Mapping[str, Curve] | None = None,
    of_layer: Mapping[str, Mapping[str, Curve]] | None = None,
    more: Mapping[str, Curve] | None = None,
    noise: float = 0.03,
    steps: int = STEPS,
) -> list[Sample]:
    """The samples of a run in the order of its log; `layers` are the same for all layers, `of_layer` for one."""
    chance = random.Random(1)
    samples: list[Sample] = []
    for at in range(steps):
        value = loss(at)
        values = {"train_loss": value * (1 + noise * chance.gauss(0, 1))}
        values |= {name: curve(at) for name, curve in _given(lr=rate, grad_norm=gradient, **dict(more or {})).items()}
        if at % 10 == 0:
            for layer in LAYERS:
                curves = dict(layers or {}) | dict((of_layer or {}).get(layer, {}))
                values |= {f"{layer}.{quantity}": curve(at) for quantity, curve in curves.items()}
        if at % PER_EPOCH == PER_EPOCH - 1:
            values |= {name: curve(at) for name, curve in _given(val_loss=val, val_acc=accuracy).items()}
        samples += [Sample(name, each, float(at), "step") for name, each in values.items()]
    return samples


def found(samples: Sequence[Sample], parts: int = 1, **settings: object) -> tuple[str, ...]:
    """The ids of what is found, of warnings and errors, root causes first."""
    return tuple(each.id for each in diagnosed(samples, parts, **settings).findings() if each.severity.level)


def diagnosed(samples: Sequence[Sample], parts: int = 1, **settings: object) -> Diagnosis:
    """A diagnosis that took the samples in so many parts."""
    diagnosis = Diagnosis(**settings)  # type: ignore[arg-type]  # whatever the test says
    for part in range(parts):
        diagnosis.take(samples[len(samples) * part // parts : len(samples) * (part + 1) // parts])
    return diagnosis


def ever_found(samples: Sequence[Sample], parts: int = 20, **settings: object) -> dict[str, int]:
    """Every id that is found at any of the prefixes, with the first of them."""
    diagnosis, seen = diagnosed((), 1, **settings), dict[str, int]()
    for part in range(parts):
        diagnosis.take(samples[len(samples) * part // parts : len(samples) * (part + 1) // parts])
        for each in diagnosis.findings():
            if each.severity.level:
                seen.setdefault(each.id, part + 1)
    return seen


def _given(**curves: Curve | None) -> dict[str, Curve]:
    return {name: curve for name, curve in curves.items() if curve is not None}
