"""Programs over sequences and pictures: letters that are heard, and textures that are told apart by a mixer."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from benchmarks.diagnosis.blind2.loop import Epoch, Lab, Printer, Step, silent
from benchmarks.diagnosis.blind3.signals import MORE_SCHEDULES, optimizer_of

if TYPE_CHECKING:
    from benchmarks.diagnosis.blind2.loop import Module, Tensor


# Letters: which were said is known, but not when.


def _bar(it: Step) -> str:
    if it.at % 2:
        return ""
    done = 10 * it.at // it.of
    return (
        f"Epoch {it.epoch - 1}: {100 * it.at // it.of:3d}%|{'█' * done}{' ' * (10 - done)}| {it.at}/{it.of} "
        f"[00:0{it.at % 10}<00:01, 21.4it/s, v_num=4, ctc_loss={it.loss:.4g}, grad_norm={it.norm:.3g}]\n"
    )


def _bar_end(it: Epoch) -> str:
    return f"Epoch {it.epoch - 1}: val_ctc_loss={it.val['loss']:.4f} val_exact={it.val['exact']:.4f}\n"


def letters(
    lab: Lab,
    *,
    hidden: int = 32,
    optimizer: str = "RAdam",
    lr: float = 5e-3,
    epochs: int = 14,
    rows: int = 480,
    batch: int = 24,
    clip: float = 5.0,
    decay: float = 0.0,
    recurrent: float | None = None,
    copied: bool = False,
    endless: int = -1,
    labels: str = "true",
    sign: float = 1.0,
) -> None:
    """Three of six letters in 24 frames; `endless` is the row that has fewer frames than letters."""
    torch, chance = lab.torch, lab.chance
    nn, functional = torch.nn, torch.nn.functional
    total = rows + 120
    said = chance.integers(1, 7, (total, 3))
    x = 0.4 * chance.standard_normal((total, 24, 8))
    for row, word in enumerate(said):
        for place, letter in enumerate(word):
            start = 8 * place + int(chance.integers(0, 4))
            x[row, start : start + 3, letter] += 1.5
    frames = np.full(total, 24)
    if endless >= 0:
        frames[endless] = 2
    if labels == "random":
        said[:rows] = chance.integers(1, 7, (rows, 3))
    tx, ty, tf = lab.tensor(x.astype(np.float32)), lab.tensor(said), lab.tensor(frames)

    class Net(nn.Module):  # type: ignore[misc, name-defined]  # torch is imported late
        def __init__(self) -> None:
            super().__init__()
            self.gru = nn.GRU(8, hidden, batch_first=True, bidirectional=True)
            self.out = nn.Linear(2 * hidden, 7)

        def forward(self, x: Tensor) -> Tensor:
            return self.out(self.gru(x)[0]).log_softmax(2)

    net = Net()
    if recurrent is not None:
        nn.init.normal_(net.gru.weight_hh_l0, 0, recurrent)
    weights = [each.detach().clone().requires_grad_() for each in net.parameters()] if copied else net.parameters()

    def loss(x: Tensor, y: Tensor, frames: Tensor) -> Tensor:
        lengths = torch.full((len(y),), 3)
        return sign * functional.ctc_loss(net(x).transpose(0, 1), y, frames, lengths)

    def validate() -> dict[str, float]:
        best = net(tx[rows:]).argmax(2).numpy()
        words = [[a for a, b in zip(row, [0, *row[:-1]], strict=True) if a and a != b] for row in best]
        exact = np.mean([word == list(right) for word, right in zip(words, said[rows:], strict=True)])
        return {"loss": float(loss(tx[rows:], ty[rows:], tf[rows:])), "exact": float(exact)}

    lab.fit(
        net, optimizer_of(torch, optimizer, weights, lr, decay), loss,
        lab.batches(tx[:rows], ty[:rows], tf[:rows], batch=batch), validate, Printer(_bar, _bar_end),
        epochs=epochs, clip=clip,
    )  # fmt: skip


# Textures.


def _framed(it: Epoch) -> str:
    head = "│ epoch │ train loss │ valid loss │ valid acc │     lr │\n"
    head += f"├{'─' * 7}┼{'─' * 12}┼{'─' * 12}┼{'─' * 11}┼{'─' * 8}┤\n"
    return (
        f"{head if it.epoch == 1 else ''}│ {it.epoch:>5} │ {it.loss:>10.4f} │ {it.val['loss']:>10.4f} │ "
        f"{it.val['acc']:>9.4f} │ {it.lr:>6.2g} │\n"
    )


def textures(
    lab: Lab,
    *,
    wide: int = 24,
    depth: int = 2,
    optimizer: str = "SGD",
    lr: float = 0.05,
    schedule: str = "constant",
    decay: float = 0.0,
    epochs: int = 30,
    rows: int = 560,
    batch: int = 28,
    std: float | None = None,
    bias: float | None = None,
    dropout: float = 0.0,
    labels: str = "true",
    twice: bool = False,
    order: str = "shuffled",
    unlike: float = 0.0,
    clip: float = math.inf,
) -> None:
    """Waves in eight directions; `unlike` is how much darker the pictures of the validation are."""
    torch, chance = lab.torch, lab.chance
    nn, functional = torch.nn, torch.nn.functional
    total = rows + 240
    y = chance.integers(0, 8, total)
    if order == "sorted":
        y[:rows] = np.sort(y[:rows])
    down, along = np.indices((12, 12))[:, None]
    angle, phase = (np.pi * y / 8)[:, None, None], chance.uniform(0, 2 * np.pi, (total, 1, 1))
    x = np.sin(1.3 * (np.cos(angle) * down + np.sin(angle) * along) + phase) + chance.standard_normal((total, 12, 12))
    x[rows:] -= unlike
    # Nine patches of sixteen points.
    patches = x.reshape(total, 3, 4, 3, 4).swapaxes(2, 3).reshape(total, 9, 16).astype(np.float32)
    if labels == "random":
        y[:rows] = chance.integers(0, 8, rows)
    tx, ty = lab.tensor(patches), lab.tensor(y)

    class Mix(nn.Module):  # type: ignore[misc, name-defined]  # torch is imported late
        def __init__(self) -> None:
            super().__init__()
            self.norm = nn.LayerNorm(wide) if std is None and bias is None else nn.Identity()
            self.places, self.channels = nn.Linear(9, 9), nn.Linear(wide, wide)

        def forward(self, x: Tensor) -> Tensor:
            x = x + functional.relu(self.places(self.norm(x).transpose(1, 2))).transpose(1, 2)
            return x + functional.relu(self.channels(self.norm(x)))

    layers: list[Module] = [nn.Linear(16, wide), nn.ReLU(), *(Mix() for _ in range(depth))]
    net = nn.Sequential(*layers, nn.Dropout(dropout), nn.Flatten(), nn.Linear(9 * wide, 8))
    for each in net.modules():
        if isinstance(each, nn.Linear):
            if std is not None:
                nn.init.normal_(each.weight, 0, std)
            if bias is not None and each is not net[-1]:
                nn.init.constant_(each.bias, bias)

    def loss(x: Tensor, y: Tensor) -> Tensor:
        said = net(x)
        return functional.cross_entropy(said.softmax(1) if twice else said, y)

    def validate() -> dict[str, float]:
        right = (net(tx[rows:]).argmax(1) == ty[rows:]).float().mean()
        return {"loss": float(loss(tx[rows:], ty[rows:])), "acc": float(right)}

    lab.fit(
        net, optimizer_of(torch, optimizer, net.parameters(), lr, decay), loss,
        lab.batches(tx[:rows], ty[:rows], batch=min(batch, rows), order=order), validate, Printer(silent, _framed),
        epochs=epochs, schedule=MORE_SCHEDULES[schedule], clip=clip,
    )  # fmt: skip
