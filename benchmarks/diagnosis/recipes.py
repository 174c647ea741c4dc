"""The trainings: which are right, which are wrong and in what, and what would be the right answer.

The answers were written down before any rule was fitted. A class of answers is a cause as a person would name it; a
fault may have a few right ones, where one causes the other. `from_log` are those that are right besides where the log
has no layer values and the true cause leaves the same trace as another.
"""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    Setting = Any

NO_LEARNING = frozenset(("no_learning", "at_chance"))
"""It does not learn, without saying why."""
BLOW_UP = frozenset(("lr_high", "divergence"))
UNSEEN = frozenset(("overfitting", "memorised_noise", "mismatch"))
"""Validation has little to do with training: one cannot know from losses alone which of them it is."""


class Training(Protocol):
    """What is told of a training, and what would be right to say of it."""

    @property
    def id(self) -> str: ...

    @property
    def what(self) -> str: ...

    @property
    def faulty(self) -> bool: ...

    def answers(self, layers: bool) -> frozenset[str]: ...

    def key(self, seed: int) -> str: ...


@dataclass(frozen=True, slots=True)
class Recipe:
    """One training: the sound one of its kind, but for what is given."""

    id: str
    what: str
    right: frozenset[str] = frozenset()
    """Classes that name the cause; empty: nothing is wrong."""
    from_log: frozenset[str] = frozenset()
    data: str = "digits"
    # The network.
    hidden: tuple[int, ...] = (64, 64)
    activation: str = "relu"
    init: float | None = None
    """Standard deviation of the weights; None as the library does."""
    last_init: float | None = None
    """The same for the last layer."""
    bias: float | None = None
    batch_norm: bool = False
    dropout: float = 0.0
    # The training.
    optimizer: str = "sgd"
    lr: float = 0.05
    momentum: float = 0.9
    weight_decay: float = 0.0
    schedule: str = "constant"
    batch: int = 64
    epochs: int = 20
    clip: float | None = None
    loss: str = ""
    """Empty: cross-entropy, or the squared error where the targets are numbers."""
    # What the data go through.
    scale: float = 1.0
    target_scale: float = 1.0
    rows: int | None = None
    labels: str = "true"
    order: str = "shuffled"
    bug: str = ""
    """What is wrong or unusual in the loop itself: see `train.Run`."""
    prints: str = ""
    """A row of `train.FORMATS`; empty: the one of its data."""

    @property
    def faulty(self) -> bool:
        return bool(self.right)

    def answers(self, layers: bool) -> frozenset[str]:
        """The classes that are right, with the layers' values or from the log alone."""
        return self.right if layers else self.right | self.from_log

    def key(self, seed: int) -> str:
        """Changes with all that is set of the training; not with the program that does it."""
        settings = {name: getattr(self, name) for name in self.__dataclass_fields__ if name not in _WORDS}
        return sha256(repr((sorted(settings.items()), seed)).encode()).hexdigest()[:12]


_WORDS = ("what", "right", "from_log")


@dataclass(frozen=True, slots=True)
class Part:
    """Some trainings that are told of together."""

    id: str
    what: str
    recipes: tuple[Training, ...]
    seeds: tuple[int, ...]
    fitted: bool = False
    """Whether thresholds may be fitted on it."""
    untouched: bool = False
    """Written when the rules were done, as a check on all the others: no target is set for it."""
    twins: bool = False
    """Whether each faulty one is held against the sound one of its kind: see `twins`."""


def _f(id: str, what: str, right: str, from_log: str | frozenset[str] = "", **settings: Setting) -> Recipe:
    """A faulty one; the answers are words."""
    more = frozenset(from_log.split()) if isinstance(from_log, str) else from_log
    return Recipe(id, what, frozenset(right.split()), more, **settings)


ADAM: dict[str, Setting] = {"optimizer": "adam", "lr": 1e-3}

ORIGINAL = (
    Recipe("H1", "multi-layer perceptron, SGD with momentum"),
    Recipe("H2", "Adam", **ADAM),
    Recipe("H3", "batch norm and dropout, Adam", batch_norm=True, dropout=0.3, **ADAM),
    Recipe("H4", "batches of 8: noisy", lr=0.01, batch=8, epochs=10),
    Recipe("H5", "warm-up and cosine, peak 0.1", lr=0.1, schedule="warmup_cosine"),
    Recipe("H6", "tanh", activation="tanh"),
    _f("F1", "learning rate 5", "lr_high divergence", lr=5.0),
    _f("F2", "Adam with learning rate 0.3", "lr_high divergence", optimizer="adam", lr=0.3),
    _f("F3", "learning rate 1e-6", "lr_low", lr=1e-6),
    _f("F4", "12 sigmoid layers", "vanishing", NO_LEARNING, hidden=(64,) * 12, activation="sigmoid"),
    _f("F5", "8 tanh layers, weights N(0, 0.01)", "vanishing bad_init", NO_LEARNING, hidden=(64,) * 8,
       activation="tanh", init=0.01),
    _f("F6", "8 ReLU layers, weights N(0, 1.5)", "exploding bad_init loss_scale", "input_scale", hidden=(64,) * 8,
       init=1.5, lr=0.01),
    _f("F7", "biases of -3: all units dead", "dead_units bad_init", NO_LEARNING | {"vanishing"}, hidden=(64,) * 4,
       init=0.1, bias=-3.0),
    _f("F8", "weights zero", "bad_init", NO_LEARNING | {"vanishing", "dead_units"}, init=0.0, bias=0.0),
    _f("F9", "inputs 1000 times too large", "input_scale loss_scale exploding", "bad_init", scale=1000.0),
    _f("F10", "random labels", "memorised_noise", hidden=(512, 512), epochs=60, labels="random"),
    _f("F11", "100 rows, 40 % of the labels wrong", "overfitting memorised_noise", hidden=(512, 512), epochs=150,
       rows=100, labels="noise:0.4"),
    _f("F12", "softmax applied twice", "softmax_twice", loss="softmax_twice"),
    _f("F13", "log of a softmax that reaches zero", "non_finite lr_high input_scale", loss="naive_log", scale=16.0,
       lr=1.0),
    _f("F14", "optimizer.step() missing", "no_update", bug="no_step"),
    _f("F15", "one batch of NaN at step 200", "non_finite", bug="nan_batch"),
    _f("F16", "weight decay 0.5", "weight_decay", NO_LEARNING, weight_decay=0.5),
    _f("F17", "sign of the loss flipped", "loss_sign", loss="negated"),
    _f("F18", "learning rate grows 2 % a step for ever", "lr_high divergence", schedule="growing"),
    _f("F19", "tanh, weights N(0, 3), raw inputs", "saturated bad_init vanishing", NO_LEARNING | {"plateau"},
       activation="tanh", init=3.0, scale=16.0),
    _f("F20", "zero_grad() between backward() and step()", "no_update", bug="zero_grad_late"),
)  # fmt: skip

_P: dict[str, Setting] = {"data": "blobs", "hidden": (48, 48), "lr": 0.05, "batch": 32, "epochs": 16}
_PA: dict[str, Setting] = {**_P, "optimizer": "adam", "lr": 2e-3}
PRACTICE = (
    Recipe("PH1", "SGD without momentum", **{**_P, "momentum": 0.0, "lr": 0.1}),
    Recipe("PH2", "Adam, learning rate in steps", **_PA, schedule="falling"),
    Recipe("PH3", "a tenth of the labels wrong", **{**_P, "momentum": 0.0}, labels="noise:0.1"),
    Recipe("PH4", "batches of 4", **{**_P, "batch": 4, "lr": 0.003, "epochs": 8}),
    Recipe("PH5", "batch norm and dropout", **_PA, batch_norm=True, dropout=0.5),
    Recipe("PH6", "weight decay 1e-4, tanh", **{**_P, "lr": 0.02}, weight_decay=1e-4, activation="tanh"),
    Recipe("PH7", "Adam, slow: 1e-4", **{**_PA, "lr": 1e-4}),
    Recipe("PH8", "first loss of 6, and it learns", **{**_PA, "epochs": 8}, last_init=3.0),
    _f("P1", "learning rate 1, finite", "lr_high divergence oscillation", "spikes", **{**_P, "lr": 1.0}),
    _f("P2", "learning rate 200 times too low", "lr_low", **{**_P, "lr": 3e-4, "momentum": 0.0}),
    _f("P3", "Adam with learning rate 3e-6", "lr_low", **{**_PA, "lr": 3e-6}),
    _f("P4", "one layer of four is dead", "dead_units bad_init", NO_LEARNING | {"vanishing"},
       **{**_P, "hidden": (48,) * 4}, bug="dead_layer"),
    _f("P5", "200 rows, 30 % of the labels wrong", "overfitting memorised_noise",
       **{**_P, "hidden": (256, 256), "epochs": 100}, rows=200, labels="noise:0.3"),
    _f("P6", "learning rate jumps up at 60 %", "lr_high divergence", **_P, schedule="late_jump"),
    _f("P7", "rows sorted by class, not shuffled", "oscillation order", "spikes divergence", **_P, order="sorted"),
    _f("P8", "batch norm that validates with its first statistics", "mismatch overfitting", UNSEEN,
       **_PA, batch_norm=True, bug="norm_forgets", scale=5.0),
    _f("P9", "the first two layers are not given to the optimizer", "frozen_layer no_update",
       **{**_P, "hidden": (48, 48, 48)}, bug="layers_left_out"),
    _f("P10", "loss summed over the batch", "loss_scale lr_high divergence exploding", "at_chance bad_init", **_P,
       loss="summed"),
    _f("P11", "loss divided by 1000", "loss_scale lr_low", NO_LEARNING, **_P, loss="thousandth"),
    _f("P12", "weight decay 0.1", "weight_decay", NO_LEARNING | {"plateau", "underfitting"}, **_P, weight_decay=0.1),
    _f("P13", "gradients clipped at 0.002", "clipping lr_low", NO_LEARNING | {"plateau"},
       **{**_P, "momentum": 0.0}, clip=2e-3),
    _f("P14", "inputs 50 times too large", "input_scale loss_scale exploding", "bad_init lr_high divergence",
       **_P, scale=50.0),
    _f("P15", "nearly all rows of one class", "mismatch overfitting", UNSEEN | {"collapse"}, **{**_P, "epochs": 40},
       labels="rare"),
    _f("P16", "20 ReLU layers without normalisation", "vanishing bad_init", NO_LEARNING,
       **{**_P, "hidden": (48,) * 20}),
    _f("P17", "momentum 0.99", "lr_high divergence oscillation", "spikes", **{**_P, "momentum": 0.99, "lr": 0.1}),
    _f("P18", "weights of the last layer N(0, 10)", "bad_init loss_scale exploding", "input_scale lr_high", **_P,
       last_init=10.0),
    _f("P19", "learning rate falls to nothing in the first epochs", "lr_low plateau", NO_LEARNING,
       **{**_P, "lr": 0.01}, schedule="early_end"),
    _f("P20", "each 47th batch is 1000 times too large", "spikes", "divergence exploding", **{**_P, "lr": 0.01},
       bug="bad_batches", clip=1.0),
    _f("P21", "gradients never zeroed", "divergence lr_high exploding oscillation", NO_LEARNING | {"spikes"}, **_P,
       bug="no_zero_grad"),
    _f("P22", "ReLU on the outputs", "dead_units", NO_LEARNING | {"plateau", "underfitting"}, **{**_P, "lr": 0.2},
       bug="relu_on_head"),
    _f("P23", "labels of the validation shifted by one", "mismatch overfitting", UNSEEN, **_P, labels="shifted"),
    _f("P24", "dropout 0.95", "underfitting plateau no_learning at_chance dropout", "val_better",
       **{**_P, "lr": 0.005}, dropout=0.95),
    _f("P25", "softmax applied twice", "softmax_twice", **{**_PA, "lr": 5e-3}, loss="softmax_twice"),
    _f("P26", "random labels", "memorised_noise", **{**_PA, "hidden": (256, 256), "epochs": 40}, labels="random"),
)  # fmt: skip
"""Subtler faults on other data: rules may be fitted on these too. What is reported has the same kinds of fault."""

SUBTLE = (
    _f("S1", "learning rate 0.6, finite", "lr_high divergence oscillation", "spikes", lr=0.6),
    _f("S2", "learning rate 100 times too low", "lr_low", lr=5e-4, momentum=0.0),
    _f("S3", "Adam with learning rate 1e-6", "lr_low", optimizer="adam", lr=1e-6),
    _f("S4", "one layer of four is dead", "dead_units bad_init", NO_LEARNING | {"vanishing"}, hidden=(64,) * 4,
       bug="dead_layer"),
    _f("S5", "300 rows, 20 % of the labels wrong", "overfitting memorised_noise", hidden=(512, 512), epochs=80,
       rows=300, labels="noise:0.2"),
    _f("S6", "learning rate jumps up at 60 %", "lr_high divergence", schedule="late_jump"),
    _f("S7", "rows sorted by class, not shuffled", "oscillation order", "spikes divergence", order="sorted"),
    _f("S8", "batch norm that validates with its first statistics", "mismatch overfitting", UNSEEN, batch_norm=True,
       bug="norm_forgets", scale=4.0, **ADAM),
    _f("S9", "the first two layers are not given to the optimizer", "frozen_layer no_update",
       bug="layers_left_out", hidden=(64, 64, 64)),
    _f("S10", "loss summed over the batch", "loss_scale lr_high divergence exploding", "at_chance bad_init",
       loss="summed"),
    _f("S11", "loss divided by 1000", "loss_scale lr_low", NO_LEARNING, loss="thousandth"),
    _f("S12", "weight decay 0.05", "weight_decay", NO_LEARNING | {"plateau", "underfitting"}, weight_decay=0.05),
    _f("S13", "gradients clipped at 0.001", "clipping lr_low", NO_LEARNING | {"plateau"}, clip=1e-3),
    _f("S14", "inputs 100 times too large", "input_scale loss_scale exploding", "bad_init lr_high divergence",
       scale=100.0),
    _f("S15", "29 of 30 rows of one class", "mismatch overfitting", UNSEEN | {"collapse"}, labels="rare"),
    _f("S16", "30 ReLU layers without normalisation", "vanishing bad_init", NO_LEARNING, hidden=(64,) * 30),
    _f("S17", "momentum 0.995", "lr_high divergence oscillation", "spikes", momentum=0.995),
    _f("S18", "weights of the last layer N(0, 8)", "bad_init loss_scale exploding", "input_scale lr_high",
       last_init=8.0),
    _f("S19", "learning rate falls to nothing in the first epochs", "lr_low plateau", NO_LEARNING,
       schedule="early_end"),
    _f("S20", "each 47th batch is 1000 times too large", "spikes", "divergence exploding", bug="bad_batches",
       clip=1.0, lr=0.01),
    _f("S21", "gradients never zeroed", "divergence lr_high exploding oscillation", NO_LEARNING | {"spikes"},
       bug="no_zero_grad"),
    _f("S22", "ReLU on the outputs", "dead_units", NO_LEARNING | {"plateau", "underfitting"},
       bug="relu_on_head", lr=0.3),
    _f("S23", "labels of the validation shifted by one", "mismatch overfitting", UNSEEN, labels="shifted"),
    _f("S24", "dropout 0.97", "underfitting plateau no_learning at_chance dropout", "val_better", dropout=0.97,
       hidden=(64, 64, 64)),
)  # fmt: skip

_R: dict[str, Setting] = {"data": "friedman", "optimizer": "adam", "lr": 3e-3, "epochs": 25}
REGRESSION = (
    Recipe("RH1", "multi-layer perceptron, Adam", **_R),
    Recipe("RH2", "SGD with momentum", **{**_R, "optimizer": "sgd", "lr": 0.01}),
    Recipe("RH3", "targets in the thousands: losses near 1e6", **{**_R, "target_scale": 1000.0, "lr": 0.02}),
    Recipe("RH4", "Gaussian likelihood: negative losses", **{**_R, "target_scale": 0.2, "loss": "gaussian"}),
    _f("RF1", "learning rate 2", "lr_high divergence", "loss_scale exploding",
       **{**_R, "optimizer": "sgd", "lr": 2.0}),
    _f("RF2", "learning rate 1e-6", "lr_low", **{**_R, "lr": 1e-6}),
    _f("RF3", "optimizer.step() missing", "no_update", **_R, bug="no_step"),
    _f("RF4", "40 rows", "overfitting memorised_noise", **{**_R, "epochs": 200}, hidden=(512, 512), rows=40),
    _f("RF5", "targets of the order of 1000, SGD", "loss_scale exploding input_scale", "lr_high divergence",
       **{**_R, "optimizer": "sgd", "lr": 0.01}, target_scale=1000.0),
    _f("RF6", "sign of the loss flipped", "loss_sign", **_R, loss="squared_negated"),
    _f("RF7", "one batch of NaN at step 200", "non_finite", **_R, bug="nan_batch"),
    _f("RF8", "targets shuffled against the inputs", "memorised_noise overfitting", **{**_R, "epochs": 60},
       hidden=(256, 256), labels="random"),
    _f("RF9", "12 sigmoid layers", "vanishing", NO_LEARNING | {"plateau"},
       **{**_R, "optimizer": "sgd", "lr": 0.05}, hidden=(64,) * 12, activation="sigmoid"),
)  # fmt: skip

_C: dict[str, Setting] = {"data": "shapes", "hidden": (16, 32), "batch_norm": True, "optimizer": "adam", "lr": 3e-3,
                      "epochs": 12}  # fmt: skip
_PLAIN = {**_C, "batch_norm": False, "optimizer": "sgd", "lr": 0.05}
CONVOLUTIONS = (
    Recipe("CH1", "batch norm, Adam", **_C),
    Recipe("CH2", "SGD, warm-up and cosine", **{**_C, "optimizer": "sgd", "lr": 0.05, "schedule": "warmup_cosine"}),
    Recipe("CH3", "dropout", **_C, dropout=0.5),
    _f("CF1", "learning rate 3", "lr_high divergence", NO_LEARNING, **{**_PLAIN, "lr": 3.0}),
    _f("CF2", "learning rate 1e-6", "lr_low", **{**_PLAIN, "lr": 1e-6}),
    _f("CF3", "optimizer.step() missing", "no_update", **_PLAIN, bug="no_step"),
    _f("CF4", "biases of -3: all units dead", "dead_units bad_init", NO_LEARNING | {"vanishing"}, **_PLAIN,
       bias=-3.0),
    _f("CF5", "softmax applied twice", "softmax_twice", **_C, loss="softmax_twice"),
    _f("CF6", "random labels", "memorised_noise", **{**_C, "epochs": 25}, labels="random"),
    _f("CF7", "one batch of NaN at step 100", "non_finite", **_C, bug="nan_batch_early"),
    _f("CF8", "weight decay 0.5", "weight_decay", NO_LEARNING, **_PLAIN, weight_decay=0.5),
    _f("CF9", "gradients never zeroed", "divergence lr_high exploding oscillation", NO_LEARNING | {"spikes"},
       **_PLAIN, bug="no_zero_grad"),
    _f("CF10", "weights zero", "bad_init", NO_LEARNING | {"vanishing", "dead_units"}, **_PLAIN, init=0.0, bias=0.0),
)  # fmt: skip

_T: dict[str, Setting] = {"data": "characters", "hidden": (64,), "optimizer": "adam", "lr": 5e-3, "batch": 32,
                      "epochs": 12, "clip": 1.0}  # fmt: skip
TEXT = (
    Recipe("TH1", "GRU, Adam", **_T),
    Recipe("TH2", "LSTM, warm-up and cosine", **{**_T, "lr": 0.01}, activation="lstm", schedule="warmup_cosine"),
    Recipe("TH3", "GRU, dropout", **_T, dropout=0.2),
    _f("TF1", "learning rate 1", "lr_high divergence", "spikes loss_scale", **{**_T, "lr": 1.0}),
    _f("TF2", "learning rate 1e-7", "lr_low", **{**_T, "lr": 1e-7}),
    _f("TF3", "sign of the loss flipped", "loss_sign", **_T, loss="negated"),
    _f("TF4", "zero_grad() between backward() and step()", "no_update", **_T, bug="zero_grad_late"),
    _f("TF5", "40 windows of text", "overfitting memorised_noise", **{**_T, "epochs": 150, "hidden": (128,)},
       rows=40),
    _f("TF6", "SGD, gradients clipped at 0.0001", "clipping lr_low", NO_LEARNING | {"plateau"},
       **{**_T, "optimizer": "sgd", "lr": 0.5, "clip": 1e-4}),
    _f("TF7", "learning rate jumps up at 60 %", "lr_high divergence", "spikes", **_T, schedule="late_jump"),
    _f("TF8", "optimizer.step() missing", "no_update", **_T, bug="no_step"),
)  # fmt: skip

_N: dict[str, Setting] = {**_R, "labels": "blurred", "lr": 1e-3, "epochs": 12}
SOUND = (
    Recipe("SH1", "a tenth of the targets' spread can be known", **_N),
    Recipe("SH2", "the same, learning rate not printed", **_N, prints="keras"),
    Recipe("SH3", "four units: it ends far above zero", hidden=(4,), epochs=40),
    Recipe("SH4", "one class has 19 of 20 rows, in both parts", data="uneven", lr=0.02, epochs=15),
    Recipe("SH5", "goes on from a trained network", bug="warm_start", lr=0.01),
    Recipe("SH6", "cosine with restarts", lr=0.1, schedule="restarts", epochs=24),
    Recipe("SH7", "inputs with much noise, in training only", bug="noisy", **ADAM),
    Recipe("SH8", "batches of one row", batch=1, lr=0.0005, epochs=2),
    Recipe("SH9", "a line for each epoch", prints="keras", epochs=30),
    Recipe("SH10", "batch norm and weight decay 5e-3", batch_norm=True, weight_decay=5e-3),
    Recipe("SH11", "labels smoothed by 0.2", loss="smoothed"),
    Recipe("SH12", "three losses in one", loss="threefold", lr=0.02),
    Recipe("SH13", "loss summed over the batch, learning rate chosen for it", loss="summed", lr=0.0008),
    Recipe("SH14", "warm-up over a quarter of the run", schedule="long_warmup"),
    Recipe("SH15", "the same, learning rate not printed", schedule="long_warmup", prints="terse", epochs=30),
    Recipe("SH16", "plain SGD, slow", momentum=0.0, lr=0.03, epochs=30),
    Recipe("SH17", "weights of the last layer N(0, 3): first loss near 5", last_init=3.0, **ADAM),
    Recipe("SH18", "pictures, a line for each epoch", **{**_C, "epochs": 25}, prints="keras"),
    Recipe("SH19", "characters, plain SGD", **{**_T, "optimizer": "sgd", "lr": 1.0, "epochs": 8}),
    Recipe("SH20", "likelihood in hundreds, negative",
           **{**_R, "lr": 3e-4, "epochs": 40, "target_scale": 0.1, "loss": "gaussian_summed"}),
)  # fmt: skip
"""Nothing is wrong with these, though each looks a little like something that is."""

_L: dict[str, Setting] = {"data": "tumours", "batch": 32, "epochs": 30, "lr": 0.02}
_LA: dict[str, Setting] = {**_L, "optimizer": "adam", "lr": 1e-3}
_RS: dict[str, Setting] = {**_R, "optimizer": "sgd", "lr": 0.01}
LAST = (
    Recipe("LH1", "tumours, Adam", **_LA),
    Recipe("LH2", "tumours, SGD, batches of 16", **{**_L, "batch": 16, "epochs": 15}),
    Recipe("LH3", "pictures, plain network, learning rate in steps", **_PLAIN, schedule="falling"),
    Recipe("LH4", "regression, tanh, warm-up and cosine", **_R, activation="tanh", schedule="warmup_cosine"),
    Recipe("LH5", "digits, one layer of sigmoids, Adam", hidden=(64,), activation="sigmoid", epochs=30, **ADAM),
    Recipe("LH6", "characters, Adam, a line for each epoch", **{**_T, "lr": 3e-3}, prints="keras"),
    Recipe("LH7", "digits, dropout, warm-up and cosine", dropout=0.4, lr=0.1, schedule="warmup_cosine"),
    _f("L1", "tumours, learning rate 30", "lr_high divergence", "spikes", **{**_L, "lr": 30.0}),
    _f("L2", "tumours, learning rate 1e-6", "lr_low", **{**_L, "lr": 1e-6}),
    _f("L3", "tumours, optimizer.step() missing", "no_update", **_L, bug="no_step"),
    _f("L4", "tumours, random labels", "memorised_noise", **{**_LA, "epochs": 60}, hidden=(256, 256),
       labels="random"),
    _f("L5", "tumours, softmax applied twice", "softmax_twice", **_LA, loss="softmax_twice"),
    _f("L6", "tumours, inputs 3000 times too large", "input_scale loss_scale exploding", "bad_init", **_L, scale=3e3),
    _f("L7", "pictures, one batch of NaN at step 200", "non_finite", **{**_PLAIN, "epochs": 20}, bug="nan_batch"),
    _f("L8", "pictures, learning rate jumps up at 60 %", "lr_high divergence", **_PLAIN, schedule="late_jump"),
    _f("L9", "pictures, weights N(0, 1.5)", "bad_init loss_scale exploding", "input_scale lr_high divergence",
       **_PLAIN, init=1.5),
    _f("L10", "regression, learning rate falls to nothing", "lr_low plateau", NO_LEARNING, **{**_RS, "lr": 1e-3},
       schedule="early_end"),
    _f("L11", "regression, gradients clipped at 0.0005", "clipping lr_low", NO_LEARNING | {"plateau"}, **_RS,
       clip=5e-4),
    _f("L12", "regression, 30 ReLU layers", "vanishing bad_init", NO_LEARNING | {"plateau"}, **{**_RS, "lr": 0.05},
       hidden=(32,) * 30),
    _f("L13", "characters, 60 windows of text", "overfitting memorised_noise",
       **{**_T, "epochs": 100, "hidden": (128,)}, rows=60),
    _f("L14", "digits, tanh, learning rate 3", "lr_high divergence oscillation", "spikes", activation="tanh", lr=3.0),
    _f("L15", "digits, Adam, weight decay 0.3", "weight_decay", NO_LEARNING, **ADAM, weight_decay=0.3),
    _f("L16", "digits, batch norm, validation's labels shifted", "mismatch overfitting", UNSEEN, batch_norm=True,
       labels="shifted", **ADAM),
    _f("L17", "digits, gradients never zeroed, learning rate 0.01", "divergence lr_high exploding oscillation",
       NO_LEARNING | {"spikes"}, bug="no_zero_grad", lr=0.01),
    _f("L18", "digits, 8 sigmoid layers", "vanishing", NO_LEARNING, hidden=(64,) * 8, activation="sigmoid"),
)  # fmt: skip
"""No rule was changed for these."""

FIT_SEEDS = (0, 1)
"""Of what the thresholds may be fitted on. All else is reported on."""
SEEDS = (0, 1, 2)

PARTS = (
    Part("fit", "originals (fitted)", ORIGINAL, FIT_SEEDS, True),
    Part("practice", "other data, subtler (fitted)", PRACTICE, FIT_SEEDS, True),
    Part("originals", "originals, a third seed", ORIGINAL, (2,)),
    Part("subtle", "subtler faults", SUBTLE, SEEDS),
    Part("regression", "regression", REGRESSION, SEEDS),
    Part("convolutions", "pictures", CONVOLUTIONS, SEEDS),
    Part("text", "characters", TEXT, SEEDS),
    Part("sound", "sound, but unusual", SOUND, FIT_SEEDS),
    Part("last", "written when rules were done", LAST, SEEDS, untouched=True),
)
