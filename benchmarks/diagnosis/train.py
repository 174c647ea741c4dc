"""One training on the CPU, and its log: what an ordinary program prints, and the probe's lines.

Needs torch; everything else here does not, and says so by importing it late.
"""

from __future__ import annotations

import math
from importlib import import_module
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks.diagnosis.data import SETS, Data
from benchmarks.diagnosis.formats import FORMATS
from benchmarks.diagnosis.networks import NETS, initialise
from trainboard.probe import Probe

if TYPE_CHECKING:
    from collections.abc import Callable

    from benchmarks.diagnosis.recipes import Recipe

    # Of a library that is imported late.
    Torch = Any
    Tensor = Any
    Optimizer = Any

PROBE_EVERY = 10
"""Steps: these trainings have hundreds, not hundreds of thousands."""


def train(recipe: Recipe, seed: int) -> str:
    """The whole log of it."""
    torch = import_module("torch")
    torch.set_num_threads(1)
    torch.manual_seed(seed)
    chance = np.random.default_rng(seed)
    data = spoiled(SETS[recipe.data](np.random.default_rng(1000 + seed)), recipe, chance)
    lines: list[str] = []
    run = Run(torch, recipe, data, lines.append)
    if recipe.bug == "warm_start":
        for epoch in range(10):
            run.epoch(epoch, chance)
        lines.clear()
        run.step = 0
    for epoch in range(1, recipe.epochs + 1):
        run.epoch(epoch, chance)
    return "".join(lines)


def spoiled(data: Data, recipe: Recipe, chance: np.random.Generator) -> Data:
    """The data as the recipe has them."""
    rows = slice(None, recipe.rows)
    x, y = data.x[rows], data.y[rows].copy()
    word, _, share = recipe.labels.partition(":")
    wrong = chance.random(len(y)) < float(share or (word == "random"))
    if data.classes:
        y[wrong] = chance.integers(0, data.classes, y[wrong].shape)
    elif word == "random":
        y[wrong] = chance.permutation(y[wrong])
    val_y = data.val_y
    if word == "blurred":
        y, val_y = (each + chance.normal(0, 3, each.shape).astype(np.float32) for each in (y, val_y))
    if word == "shifted":
        val_y = (val_y + 1) % data.classes
    if word == "rare":
        keep = (y == 0) | (chance.random(len(y)) < 0.01)
        x, y = x[keep], y[keep]
    if recipe.order == "sorted":
        order = np.argsort(y.reshape(len(y), -1)[:, 0], kind="stable")
        x, y = x[order], y[order]
    scale = recipe.scale / (16 if recipe.data == "digits" else 1)
    if np.issubdtype(x.dtype, np.floating):
        x, val_x = x * np.float32(scale), data.val_x * np.float32(scale)
    else:
        val_x = data.val_x
    if not data.classes:
        y, val_y = y * np.float32(recipe.target_scale), val_y * np.float32(recipe.target_scale)
    return Data(x, y, val_x, val_y, data.classes)


class Run:
    """A network on its way through the epochs."""

    def __init__(self, torch: Torch, recipe: Recipe, data: Data, write: Callable[[str], object]) -> None:
        self.torch, self.recipe, self.data, self.write = torch, recipe, data, write
        self.net = NETS[recipe.data](torch, recipe, data)
        initialise(torch, self.net, recipe)
        self.loss = LOSSES[recipe.loss or ("cross_entropy" if data.classes else "squared")]
        self.optimizer = self._optimizer()
        self.per_epoch = math.ceil(len(data.y) / recipe.batch)
        self.total = self.per_epoch * recipe.epochs
        self.step = 0
        self.probe = Probe(write=write)
        self.print = FORMATS[recipe.prints or recipe.data]
        self.losses: list[float] = []
        """Of the steps of this epoch."""
        self.val = torch.from_numpy(data.val_x), torch.from_numpy(data.val_y)

    def _optimizer(self) -> Optimizer:
        recipe, parameters = self.recipe, list(self.net.parameters())
        if recipe.bug == "layers_left_out":
            parameters = parameters[4:]
        if recipe.optimizer == "adam":
            return self.torch.optim.Adam(parameters, recipe.lr, weight_decay=recipe.weight_decay)
        return self.torch.optim.SGD(parameters, recipe.lr, recipe.momentum, weight_decay=recipe.weight_decay)

    def epoch(self, epoch: int, chance: np.random.Generator) -> None:
        """All batches once, then the validation."""
        recipe, data = self.recipe, self.data
        self.net.train(recipe.bug != "always_eval")
        self.losses.clear()
        order = np.arange(len(data.y)) if recipe.order != "shuffled" else chance.permutation(len(data.y))
        for start in range(0, len(order), recipe.batch):
            rows = order[start : start + recipe.batch]
            if recipe.batch_norm and len(rows) < 2:
                continue
            self.batch(epoch, self.torch.from_numpy(data.x[rows]), self.torch.from_numpy(data.y[rows]))
        self.net.train(recipe.bug == "always_train")
        with self.torch.no_grad():
            said = self.net(self.val[0])
            loss = float(self.loss(self.torch, said, self.val[1]))
            right = accuracy(said, self.val[1]) if data.classes else None
        mean = sum(self.losses) / len(self.losses)
        self.write(self.print.epoch(epoch, recipe.epochs, self.step, mean, loss, right))

    def batch(self, epoch: int, x: Tensor, y: Tensor) -> None:
        """One step of the training, with what is wrong in it."""
        torch, recipe, optimizer = self.torch, self.recipe, self.optimizer
        lr = recipe.lr * SCHEDULES[recipe.schedule](self.step, self.total)
        for group in optimizer.param_groups:
            group["lr"] = lr
        x = BATCHES.get(recipe.bug, _as_it_is)(x, self.step)
        if recipe.bug != "no_zero_grad":
            optimizer.zero_grad()
        loss = self.loss(torch, self.net(x), y)
        loss.backward()
        limit = math.inf if recipe.clip is None else recipe.clip
        norm = float(torch.nn.utils.clip_grad_norm_(self.net.parameters(), limit))
        if recipe.bug == "zero_grad_late":
            optimizer.zero_grad()
        if recipe.bug != "no_step":
            optimizer.step()
        self.losses.append(float(loss.detach()))
        self.write(self.print.step(epoch, self.step, self.per_epoch, self.losses[-1], norm, lr))
        self.probe.look(self.net, self.step, None, PROBE_EVERY, math.inf)
        self.step += 1


def accuracy(said: Tensor, y: Tensor) -> float:
    """The share of right answers."""
    return float((said.argmax(-1) == y).float().mean())


def _cross_entropy(torch: Torch, said: Tensor, y: Tensor) -> Tensor:
    return torch.nn.functional.cross_entropy(said.reshape(-1, said.shape[-1]), y.reshape(-1))


def _naive_log(torch: Torch, said: Tensor, y: Tensor) -> Tensor:
    return -said.softmax(-1)[torch.arange(len(y)), y].log().mean()


def _gaussian(torch: Torch, said: Tensor, y: Tensor) -> Tensor:
    mean, log_spread = said[:, :1], said[:, 1:]
    return (log_spread + ((y - mean) / log_spread.exp()) ** 2 / 2).mean()


def _as_it_is(x: Tensor, step: int) -> Tensor:
    return x


LOSSES: dict[str, Callable[[Torch, Tensor, Tensor], Tensor]] = {
    "cross_entropy": _cross_entropy,
    "softmax_twice": lambda torch, said, y: _cross_entropy(torch, said.softmax(-1), y),
    "naive_log": _naive_log,
    "negated": lambda torch, said, y: -_cross_entropy(torch, said, y),
    "summed": lambda torch, said, y: _cross_entropy(torch, said, y) * len(y),
    "thousandth": lambda torch, said, y: _cross_entropy(torch, said, y) / 1000,
    "squared": lambda torch, said, y: torch.nn.functional.mse_loss(said, y),
    "squared_negated": lambda torch, said, y: -torch.nn.functional.mse_loss(said, y),
    "gaussian": _gaussian,
    "gaussian_summed": lambda torch, said, y: _gaussian(torch, said, y) * 100,
    "smoothed": lambda torch, said, y: torch.nn.functional.cross_entropy(said, y, label_smoothing=0.2),
    "threefold": lambda torch, said, y: 3 * _cross_entropy(torch, said, y),
}
SCHEDULES: dict[str, Callable[[int, int], float]] = {
    "constant": lambda step, total: 1.0,
    "warmup_cosine": lambda step, total: (
        min(1.0, (step + 1) / (total / 10)) * (1 + math.cos(math.pi * step / total)) / 2
    ),
    "falling": lambda step, total: 0.1 ** (3 * step // total),
    "growing": lambda step, total: 1.02**step,
    "restarts": lambda step, total: (1 + math.cos(math.pi * (step % (total // 4)) / (total / 4))) / 2 + 1e-3,
    "long_warmup": lambda step, total: min(1.0, (step + 1) / (total / 4)),
    "late_jump": lambda step, total: 1.0 if step < 0.6 * total else 100.0,
    "early_end": lambda step, total: 0.1 ** (step // 20),
}
BATCHES: dict[str, Callable[[Tensor, int], Tensor]] = {
    "nan_batch": lambda x, step: x * math.nan if step == 200 else x,
    "nan_batch_early": lambda x, step: x * math.nan if step == 100 else x,
    "noisy": lambda x, step: x + 0.5 * x.new_tensor(np.random.default_rng(step).standard_normal(x.shape)),
    "bad_batches": lambda x, step: x * 1000 if step % 47 == 46 else x,
}
"""What happens to the inputs of a batch."""
