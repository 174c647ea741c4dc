"""The loop that most of these programs have, and what they print by."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from importlib import import_module
from typing import TYPE_CHECKING, Any

import numpy as np

from trainboard.probe import Probe

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    # Of a library that is imported late.
    Torch = Any
    Module = Any
    Tensor = Any
    Optimizer = Any
    Batch = Any

PROBE_EVERY = 10
"""Steps."""


@dataclass(frozen=True, slots=True)
class Step:
    """What a program knows after a step."""

    epoch: int
    epochs: int
    step: int
    at: int
    """In its epoch, from 1."""
    of: int
    """Steps of an epoch."""
    loss: float
    norm: float
    """Of the gradient, before clipping."""
    lr: float


@dataclass(frozen=True, slots=True)
class Epoch:
    """What it knows after an epoch."""

    epoch: int
    epochs: int
    step: int
    loss: float
    """Mean of the steps."""
    val: dict[str, float]
    lr: float


@dataclass(frozen=True, slots=True)
class Printer:
    """How a program prints: a line of a step, and one of an epoch; an empty text is none."""

    step: Callable[[Step], str]
    epoch: Callable[[Epoch], str]


@dataclass(slots=True)
class Lab:
    """What a program gets: the library, its chance, and where its lines go."""

    seed: int
    write: Callable[[str], object]
    torch: Torch = field(init=False)
    chance: np.random.Generator = field(init=False)

    def __post_init__(self) -> None:
        self.torch = import_module("torch")
        self.torch.set_num_threads(1)
        self.torch.manual_seed(self.seed + 77)
        self.chance = np.random.default_rng(self.seed + 77)

    def probe(self, name: str = "") -> Probe:
        return Probe(name, write=self.write)

    def tensor(self, array: Any) -> Tensor:  # noqa: ANN401  # of numpy, of any shape
        return self.torch.from_numpy(np.ascontiguousarray(array))

    def batches(self, *arrays: Tensor, batch: int, order: str = "shuffled") -> Callable[[], Iterable[Batch]]:
        """A way to go through rows in batches, in another order each time."""
        rows = len(arrays[0])

        def once() -> Iterable[Batch]:
            drawn = self.chance.permutation(rows) if order == "shuffled" else np.arange(rows)
            for start in range(0, rows - batch + 1, batch):
                chosen = self.torch.from_numpy(drawn[start : start + batch])
                yield tuple(each[chosen] for each in arrays)

        return once

    def fit(
        self,
        net: Module,
        optimizer: Optimizer,
        loss: Callable[..., Tensor],
        batches: Callable[[], Iterable[Batch]],
        validate: Callable[[], dict[str, float]],
        printer: Printer,
        *,
        epochs: int,
        schedule: Callable[[float], float] | None = None,
        clip: float = math.inf,
        accumulate: int = 1,
        zeroed: bool = True,
        each_epoch: Callable[[int], object] | None = None,
    ) -> None:
        """Train; `schedule` gives the share of the learning rate by the share of the run."""
        of = sum(1 for _ in batches()) // accumulate
        step, peak, probe = 0, [group["lr"] for group in optimizer.param_groups], self.probe()
        for epoch in range(1, epochs + 1):
            if each_epoch:
                each_epoch(epoch)
            net.train()
            losses: list[float] = []
            part: list[float] = []
            for at, batch in enumerate(batches(), 1):
                for group, lr in zip(optimizer.param_groups, peak, strict=True):
                    group["lr"] = lr * (schedule(step / (of * epochs)) if schedule else 1.0)
                value = loss(*batch)
                (value / accumulate).backward()
                part.append(float(value.detach()))
                if at % accumulate:
                    continue
                norm = float(self.torch.nn.utils.clip_grad_norm_(net.parameters(), clip))
                optimizer.step()
                losses.append(sum(part) / len(part))
                part.clear()
                lr = optimizer.param_groups[0]["lr"]
                self.write(printer.step(Step(epoch, epochs, step, at // accumulate, of, losses[-1], norm, lr)))
                probe.look(net, step, None, PROBE_EVERY, math.inf)
                if zeroed:
                    optimizer.zero_grad()
                step += 1
            net.eval()
            with self.torch.no_grad():
                val = validate()
            mean = sum(losses) / len(losses)
            self.write(printer.epoch(Epoch(epoch, epochs, step, mean, val, optimizer.param_groups[0]["lr"])))


def silent(_: Step) -> str:
    return ""


def one_cycle(share: float) -> float:
    """Up over the first third, then down to nothing."""
    return 0.04 + 0.96 * share / 0.3 if share < 0.3 else 0.5 * (1 + math.cos(math.pi * (share - 0.3) / 0.7))


def restarts(share: float) -> float:
    """Cosine, four times, each from the full rate."""
    return 0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * (4 * share % 1)))


def warm_up(share: float) -> float:
    """Up over a tenth, then straight down."""
    return max(1e-3, min(share / 0.1, (1 - share) / 0.9))


def gone_early(share: float) -> float:
    """The decay meant for each epoch is made at each step."""
    return math.pow(0.9, share * 400)


SCHEDULES: dict[str, Callable[[float], float] | None] = {
    "constant": None,
    "one_cycle": one_cycle,
    "restarts": restarts,
    "warm_up": warm_up,
    "gone_early": gone_early,
}
