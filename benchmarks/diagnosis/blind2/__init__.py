"""A second part that nobody who made a rule has seen: other data, networks, losses and lines than in all the others.

The answers were written from what was done to each training, and each log was read to see that the fault is in it,
before any rule was run on it.
"""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from benchmarks.diagnosis.blind2 import loop
from benchmarks.diagnosis.blind2.classify import parity, prototypes, tuning, two_classes, waves
from benchmarks.diagnosis.blind2.loop import Lab
from benchmarks.diagnosis.blind2.regress import coder, patients, triplets
from benchmarks.diagnosis.blind2.sequence import code, levers, rivals
from benchmarks.diagnosis.recipes import NO_LEARNING, UNSEEN

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    Setting = Any


@dataclass(frozen=True, slots=True)
class Program:
    """A training with a loop of its own, and what is set of it."""

    id: str
    what: str
    right: frozenset[str]
    """Classes that name the cause; empty: nothing is wrong."""
    from_log: frozenset[str]
    """Those that are right besides where the log has no layer values."""
    program: Callable[..., None]
    settings: tuple[tuple[str, Setting], ...]
    sound: tuple[tuple[str, Setting], ...] = ()
    """What is set of the sound training that a faulty one is held against: see `twins`."""

    @property
    def faulty(self) -> bool:
        return bool(self.right)

    def answers(self, layers: bool) -> frozenset[str]:
        """The classes that are right, with the layers' values or from the log alone."""
        return self.right if layers else self.right | self.from_log

    def key(self, seed: int) -> str:
        """Changes with the program, and with all that is set of it."""
        text = inspect.getsource(self.program) + inspect.getsource(loop) + repr((self.settings, seed))
        return sha256(text.encode()).hexdigest()[:12]

    def log(self, seed: int) -> str:
        """The whole log of it."""
        lines: list[str] = []
        self.program(Lab(seed, lines.append), **dict(self.settings))
        return "".join(lines)


LENGTHS = ("epochs", "rounds")
"""Settings that a faulty training and the sound one share, where nothing else is said."""


def bad(
    id: str,
    what: str,
    right: str,
    from_log: str | frozenset[str],
    program: Callable[..., None],
    sound: Mapping[str, Setting] | None = None,
    **settings: Setting,
) -> Program:
    """A faulty one; the answers are words. Without what is `sound`, the sound one is as long and as usual."""
    more = frozenset(from_log.split()) if isinstance(from_log, str) else from_log
    twin = {name: settings[name] for name in LENGTHS if name in settings} if sound is None else sound
    return Program(id, what, frozenset(right.split()), more, program, tuple(settings.items()), tuple(twin.items()))


def good(id: str, what: str, program: Callable[..., None], **settings: Setting) -> Program:
    """A healthy one."""
    return Program(id, what, frozenset(), frozenset(), program, tuple(settings.items()))


HEALTHY = (
    good("YH1", "fifty classes, labels smoothed, one cycle", prototypes, smoothing=0.1),
    good("YH2", "mixup and dropout: training above validation to the end", prototypes, mixup=0.4, dropout=0.2),
    good("YH3", "curriculum: the loss rises when harder rows come", prototypes, curriculum=True, epochs=15,
       schedule="constant", lr=0.03),
    good("YH4", "four batches for each step", prototypes, accumulate=4, batch=20, epochs=12),
    good("YH5", "residual network, cosine with restarts", waves, schedule="restarts"),
    good("YH6", "goes on from a trained network", tuning),
    good("YH7", "one row of 25 is of the rare class: a flat beginning", two_classes, rare=0.04),
    good("YH8", "parity: flat at chance, and then all at once", parity),
    good("YH9", "89 rows to validate with, targets around 152", patients, targets=0.0, loss_of="mse", lr=0.01,
       sheet=True, epochs=30),
    good("YH10", "targets with a deviation of 0.05: losses of 1e-3", patients, targets=0.05, loss_of="mse", lr=1e-3,
       optimizer="adam", epochs=30),
    good("YH11", "variational autoencoder, losses summed over a picture", coder),
    good("YH12", "triplets: many batches have no loss at the end", triplets),
    good("YH13", "characters of source code, cosine with restarts", code, schedule="restarts"),
    good("YH14", "policy gradient: the loss goes to and fro, the reward rises", levers),
    good("YH15", "Wasserstein's two networks: losses around zero, one below it", rivals),
)  # fmt: skip

FAULTY = (
    bad("Y1", "fifty classes, a rate of 8", "lr_high divergence oscillation", NO_LEARNING | {"spikes"}, prototypes,
       lr=8.0, schedule="constant"),
    bad("Y2", "fifty classes, softmax applied twice", "softmax_twice", "", prototypes, twice=True),
    bad("Y3", "fifty classes, rows sorted by class", "order oscillation", "spikes divergence", prototypes,
       order="sorted", schedule="constant", lr=0.03),
    bad("Y4", "fifty classes, random labels", "memorised_noise", "", prototypes, labels="random", hidden=384,
       epochs=30),
    bad("Y5", "fifty classes, a decay meant for epochs made at each step", "lr_low plateau", NO_LEARNING, prototypes,
       schedule="gone_early", lr=0.02),
    bad("Y6", "fifty classes, gradients never zeroed", "divergence lr_high exploding oscillation",
       NO_LEARNING | {"spikes"}, prototypes, zeroed=False, schedule="constant"),
    bad("Y7", "fifty classes, validation rows not standardised", "mismatch overfitting", UNSEEN, prototypes,
       unscaled_validation=True),
    bad("Y8", "fifty classes, gradients clipped at 0.001", "clipping lr_low", NO_LEARNING | {"plateau"}, prototypes,
       clip=1e-3, schedule="constant", lr=0.05),
    bad("Y9", "residual network, the optimizer has a copy of it", "no_update", NO_LEARNING, waves, copied=True),
    bad("Y10", "eight convolutions with sigmoids", "vanishing", NO_LEARNING, waves, plain="sigmoid"),
    bad("Y11", "residual network, softmax applied twice", "softmax_twice", "", waves, twice=True, epochs=14),
    bad("Y12", "residual network, only the head is given to the optimizer", "frozen_layer no_update",
       NO_LEARNING, waves, head_only=True),
    bad("Y13", "residual network, weight decay 20", "weight_decay", NO_LEARNING | {"plateau", "underfitting"}, waves,
       weight_decay=20.0),
    bad("Y14", "residual network, something is kept at each step", "memory_growth", "", waves, leak=True),
    bad("Y15", "trained network, learning rate a thousand times too high", "lr_high divergence", "spikes", tuning,
       lr=0.3),
    bad("Y16", "trained network, 24 other pictures", "overfitting memorised_noise", "", tuning, rows=24, epochs=60,
       batch=8, lr=1e-3),
    bad("Y17", "two classes, sigmoid applied twice", "softmax_twice", "", two_classes, twice=True),
    bad("Y18", "two classes, biases of -4: dead units", "dead_units bad_init", NO_LEARNING | {"vanishing"},
       two_classes, bias=-4.0, optimizer="sgd", lr=0.1),
    bad("Y19", "two classes, tanh, weights N(0, 4)", "saturated bad_init vanishing",
       NO_LEARNING | {"plateau", "loss_scale"}, two_classes, activation="tanh", std=4.0, optimizer="sgd", lr=0.01),
    bad("Y20", "patients, RMSprop with learning rate 1e-7", "lr_low", "", patients, lr=1e-7),
    bad("Y21", "patients, raw targets, SGD", "loss_scale exploding input_scale", "lr_high divergence", patients,
       targets=0.0, loss_of="mse", optimizer="sgd", lr=0.01),
    bad("Y22", "30 patients, 200,000 weights", "overfitting memorised_noise", "", patients, rows=30, hidden=256,
       depth=4, epochs=150, batch=10),
    bad("Y23", "patients, two targets of 353 are 40 times too large", "spikes", "divergence exploding", patients,
       corrupt=2, loss_of="mse", lr=5e-4),
    bad("Y24", "variational autoencoder, sign of the loss flipped", "loss_sign", "", coder, sign=-1.0),
    bad("Y25", "variational autoencoder, weight decay 50", "weight_decay",
       NO_LEARNING | {"plateau", "underfitting", "divergence"}, coder, decay=50.0),
    bad("Y26", "triplets, the root of a distance of zero", "non_finite", "", triplets, root="bare"),
    bad("Y27", "triplets, pairs drawn by shuffled labels", "no_learning at_chance memorised_noise", "", triplets,
       pairs="random"),
    bad("Y28", "policy gradient, zero times the logarithm of zero", "non_finite", "", levers,
       cooling=0.985),
    bad("Y29", "characters, learning rate 60, not clipped", "lr_high divergence", "spikes oscillation", code,
       optimizer="sgd", lr=60.0, clip=1e9),
    bad("Y31", "3000 characters of source code", "overfitting memorised_noise", "", code, letters=3000, hidden=128,
       epochs=90, lr=0.01),
    bad("Y30", "Wasserstein's two networks, weights of the critic not kept small",
       "divergence exploding weights_growing oscillation", "", rivals, clip=None),
)  # fmt: skip

PROGRAMS = (*HEALTHY, *FAULTY)
