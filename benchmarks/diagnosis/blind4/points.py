"""Programs over points: nodes of a graph, noise to be taken away, counts, and a wave that obeys its equation."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from benchmarks.diagnosis.blind2.loop import Epoch, Lab, Printer, Step, silent
from benchmarks.diagnosis.blind3.signals import optimizer_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from benchmarks.diagnosis.blind2.loop import Tensor


# Nodes of a graph: all at once, a line for each step.


def _node(it: Epoch) -> str:
    return f"Epoch: {it.epoch:03d}, Loss: {it.loss:.4f}, Train: {it.val['train']:.4f}, Val: {it.val['val']:.4f}\n"


def nodes(
    lab: Lab,
    *,
    hidden: int = 16,
    optimizer: str = "Adam",
    lr: float = 0.01,
    decay: float = 5e-4,
    dropout: float = 0.5,
    epochs: int = 200,
    labels: str = "true",
    copied: bool = False,
    depth: int = 2,
    std: float | None = None,
    sign: float = 1.0,
) -> None:
    """Four groups whose nodes know each other more often; `depth` is how often each hears of its neighbours."""
    torch, chance = lab.torch, lab.chance
    nn, functional = torch.nn, torch.nn.functional
    y = chance.integers(0, 4, 320)
    likely = np.where(y[:, None] == y[None], 0.06, 0.008)
    known = np.triu(chance.random((320, 320)) < likely, 1)
    links = (known | known.T) + np.eye(320)
    root = 1 / np.sqrt(links.sum(1))
    near = lab.tensor((root[:, None] * links * root).astype(np.float32))
    x = lab.tensor((chance.standard_normal((320, 12)) + 0.8 * np.eye(12)[y]).astype(np.float32))
    if labels == "random":
        y[:160] = chance.integers(0, 4, 160)
    ty = lab.tensor(y)
    sizes = [12, *([hidden] * (depth - 1)), 4]
    net = nn.ModuleList(nn.Linear(a, b) for a, b in pairwise(sizes))
    for each in net:
        if std is not None:
            nn.init.normal_(each.weight, 0, std)

    def said() -> Tensor:
        inner = x
        for at, layer in enumerate(net):
            inner = near @ layer(functional.dropout(inner, dropout, net.training))
            inner = inner.relu() if at < depth - 1 else inner
        return inner

    def validate() -> dict[str, float]:
        right = (said().argmax(1) == ty).float()
        return {"train": float(right[:160].mean()), "val": float(right[160:].mean())}

    weights = [each.detach().clone().requires_grad_() for each in net.parameters()] if copied else net.parameters()
    everything = lab.tensor(np.arange(160))
    lab.fit(
        net, optimizer_of(torch, optimizer, weights, lr, decay),
        lambda rows: sign * functional.cross_entropy(said()[rows], ty[rows]), lab.batches(everything, batch=160),
        validate, Printer(silent, _node), epochs=epochs,
    )  # fmt: skip


# Noise to be taken from points.


def _step_of(it: Step) -> str:
    if it.step % 4:
        return ""
    return f"step:{it.step}/{it.of * it.epochs} train_loss:{it.loss:.4f} grad_norm:{it.norm:.4f} step_avg:3.11ms\n"


def _step_val(it: Epoch) -> str:
    return f"step:{it.step}/{it.epochs * it.step // it.epoch} val_loss:{it.val['loss']:.4f}\n"


def moons(
    lab: Lab,
    *,
    hidden: int = 64,
    optimizer: str = "NAdam",
    lr: float = 2e-3,
    epochs: int = 16,
    rows: int = 1920,
    batch: int = 64,
    clip: float = 1.0,
    sign: float = 1.0,
    copied: bool = False,
    decay: float = 0.0,
    scale: float = 1.0,
) -> None:
    """What noise was added to points of two moons, at any of ten strengths; about half of it cannot be known."""
    torch, chance = lab.torch, lab.chance
    nn = torch.nn
    angle, which = np.pi * chance.random(rows + 640), chance.integers(0, 2, rows + 640)
    x = np.stack((np.cos(angle) + which, np.sin(angle) * (1 - 2 * which) + 0.5 * which), 1) * 1.5 - 0.7
    strength = chance.integers(1, 11, rows + 640) / 10
    noise = chance.standard_normal(x.shape)
    seen = np.sqrt(1 - 0.9 * strength[:, None] ** 2) * x + np.sqrt(0.9) * strength[:, None] * noise
    given = lab.tensor((scale * np.concatenate((seen, strength[:, None]), 1)).astype(np.float32))
    added = lab.tensor(noise.astype(np.float32))
    net = nn.Sequential(
        nn.Linear(3, hidden), nn.SiLU(), nn.Linear(hidden, hidden), nn.SiLU(), nn.Linear(hidden, hidden), nn.SiLU(),
        nn.Linear(hidden, 2),
    )  # fmt: skip
    weights = [each.detach().clone().requires_grad_() for each in net.parameters()] if copied else net.parameters()

    def loss(given: Tensor, added: Tensor) -> Tensor:
        return sign * ((net(given) - added) ** 2).mean()

    lab.fit(
        net, optimizer_of(torch, optimizer, weights, lr, decay), loss,
        lab.batches(given[:rows], added[:rows], batch=batch),
        lambda: {"loss": float(loss(given[rows:], added[rows:]))}, Printer(_step_of, _step_val), epochs=epochs,
        clip=clip,
    )  # fmt: skip


# Counts.


def _logfmt(it: Step) -> str:
    if it.at % 3:
        return ""
    return f"level=info phase=train epoch={it.epoch} batch={it.at} nll={it.loss:.5f} learning_rate={it.lr:g}\n"


def _logfmt_end(it: Epoch) -> str:
    return f"level=info phase=valid epoch={it.epoch} val_nll={it.val['loss']:.5f}\n"


def counts(
    lab: Lab,
    *,
    hidden: int = 32,
    optimizer: str = "Adamax",
    lr: float = 0.01,
    epochs: int = 20,
    rows: int = 720,
    batch: int = 36,
    scale: float = 1.0,
    broken: int = -1,
    decay: float = 0.0,
    last_bias: float = 0.0,
    shuffled: bool = False,
) -> None:
    """How many visitors come, by six things that are known; the likelihood has no least of zero."""
    torch, chance = lab.torch, lab.chance
    nn, functional = torch.nn, torch.nn.functional
    total = rows + 240
    x = chance.standard_normal((total, 6))
    y = chance.poisson(np.exp(1.2 + 0.5 * x[:, 0] - 0.4 * x[:, 1] + 0.3 * x[:, 2] * x[:, 3])).astype(np.float32)
    if broken >= 0:
        y[broken] = np.nan
    if shuffled:
        y[:rows] = chance.permutation(y[:rows])
    tx, ty = lab.tensor((scale * x).astype(np.float32)), lab.tensor(y)
    net = nn.Sequential(nn.Linear(6, hidden), nn.ReLU(), nn.Linear(hidden, hidden), nn.ReLU(), nn.Linear(hidden, 1))
    nn.init.constant_(net[4].bias, last_bias)

    def loss(x: Tensor, y: Tensor) -> Tensor:
        return functional.poisson_nll_loss(net(x)[:, 0], y)

    lab.fit(
        net, optimizer_of(torch, optimizer, net.parameters(), lr, decay), loss,
        lab.batches(tx[:rows], ty[:rows], batch=min(batch, rows)),
        lambda: {"loss": float(loss(tx[rows:], ty[rows:]))}, Printer(_logfmt, _logfmt_end), epochs=epochs,
    )  # fmt: skip


# A wave that obeys its equation: nothing but the equation and the ends is given.


def _it(it: Step) -> str:
    return f"It: {it.step}, Loss: {it.loss:.3e}, Time: 0.02\n" if it.step % 5 == 0 else ""


def wave(
    lab: Lab,
    *,
    hidden: int = 24,
    optimizer: str = "Adam",
    lr: float = 5e-3,
    rounds: int = 900,
    std: float | None = None,
    sign: float = 1.0,
    clip: float = math.inf,
    stiff: float = 4.0,
    bare: bool = False,
) -> None:
    """u'' + stiff u = 0 with u(0) = 1 and u'(0) = 0; `bare`: the root of an error that may be zero."""
    torch = lab.torch
    nn = torch.nn
    net = nn.Sequential(nn.Linear(1, hidden), nn.Tanh(), nn.Linear(hidden, hidden), nn.Tanh(), nn.Linear(hidden, 1))
    for each in net.modules():
        if isinstance(each, nn.Linear) and std is not None:
            nn.init.normal_(each.weight, 0, std)

    def loss(at: Tensor) -> Tensor:
        at = at.requires_grad_()
        value = net(at)
        (first,) = torch.autograd.grad(value.sum(), at, create_graph=True)
        (second,) = torch.autograd.grad(first.sum(), at, create_graph=True)
        start = torch.zeros(1, 1, requires_grad=True)
        (slope,) = torch.autograd.grad(net(start).sum(), start, create_graph=True)
        wrong = ((second + stiff * value) ** 2).mean() + 10 * ((net(start) - 1) ** 2 + slope**2).sum()
        return sign * (wrong + ((at - at.detach()) ** 2).mean().sqrt() if bare else wrong)

    def batches() -> Iterator[tuple[Tensor]]:
        for _ in range(rounds):
            yield (lab.tensor(lab.chance.uniform(0, 2, (48, 1)).astype(np.float32)),)

    lab.fit(
        net, optimizer_of(torch, optimizer, net.parameters(), lr), loss, batches, dict, Printer(_it, lambda _: ""),
        epochs=1, clip=clip,
    )  # fmt: skip
