"""What a rule over the training looks at: the metrics of a run by what they are for, and its layers."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property, wraps
from typing import TYPE_CHECKING, TypeVar, cast

from trainboard.diagnose.trend import Trend

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from trainboard.diagnose.signal import Signal
    from trainboard.diagnose.trace import Trace

Answer = TypeVar("Answer")


@dataclass(frozen=True)
class View:
    """A run as far as it is known. What the run does not print is None, or empty."""

    loss: Signal | None = None
    """The loss that is minimised on the training data; None too where a rise of it need not be bad."""
    val_loss: Signal | None = None
    accuracy: Signal | None = None
    """On the training data; from 0 to 1 or in percent: see `share`."""
    val_accuracy: Signal | None = None
    rate: Signal | None = None
    """The learning rate."""
    gradient: Signal | None = None
    """The norm of the whole gradient."""
    throughput: Signal | None = None
    step_time: Signal | None = None
    memory: Signal | None = None
    losses: tuple[Signal, ...] = ()
    """All losses, the terms and the validation's too."""
    layers: Mapping[str, Mapping[str, Trace]] = field(default_factory=dict)
    """Layer → quantity → values, in the order in which they appeared."""
    players: bool = False
    """Whether its losses are of several who play against each other."""
    total: float | None = None
    """How far `loss` will go, in what its steps count; None where nobody knows."""

    answers: dict[str, object] = field(default_factory=dict)
    """What was asked about it already, by the name of the question."""

    @cached_property
    def loss_trend(self) -> Trend | None:
        """How the training loss goes."""
        return None if self.loss is None or not self.loss.count else Trend(self.loss)

    @cached_property
    def best_accuracy(self) -> float | None:
        """The best accuracy on the validation data, else on the training data, from 0 to 1."""
        for signal in (self.val_accuracy, self.accuracy):
            if signal is not None and signal.count:
                return float(signal.history.highs.max()) * share(signal)
        return None

    @property
    def weights(self) -> Mapping[str, Mapping[str, Trace]]:
        """The layers whose gradient or weights are known."""
        return {name: each for name, each in self.layers.items() if "grad_norm" in each or "norm" in each}


def once(question: Callable[[View], Answer]) -> Callable[[View], Answer]:
    """A question that is answered once for each view."""
    name = question.__name__

    @wraps(question)
    def asked(view: View) -> Answer:
        if name not in view.answers:
            view.answers[name] = question(view)
        return cast("Answer", view.answers[name])

    return asked


def share(signal: Signal) -> float:
    """What an accuracy is multiplied by to be one from 0 to 1: a hundredth where it is in percent."""
    return 0.01 if signal.count and float(signal.history.highs.max()) > 1.5 else 1.0
