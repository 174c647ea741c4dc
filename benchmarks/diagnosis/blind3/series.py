"""Programs that read one thing after the other: sums to keep in mind, and sequences to give back in reverse."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING

import numpy as np

from benchmarks.diagnosis.blind2.loop import Epoch, Lab, Printer, Step
from benchmarks.diagnosis.blind3.signals import MORE_SCHEDULES, optimizer_of

if TYPE_CHECKING:
    from benchmarks.diagnosis.blind2.loop import Tensor


# The sum of two marked numbers.


def _sum_step(it: Step) -> str:
    if it.step % 4:
        return ""
    share = it.epoch - 1 + it.at / it.of
    return (
        f"{ {'loss': round(it.loss, 5), 'grad_norm': it.norm, 'learning_rate': it.lr, 'epoch': round(share, 2)} }\n"
    )


def _sum_epoch(it: Epoch) -> str:
    said = {"eval_loss": it.val["loss"], "eval_runtime": 0.2114, "eval_samples_per_second": 946.1, "epoch": it.epoch}
    return f"{said}\n"


def sums(
    lab: Lab,
    *,
    kind: str = "GRU",
    length: int = 12,
    hidden: int = 32,
    optimizer: str = "Adam",
    lr: float = 5e-3,
    schedule: str = "constant",
    epochs: int = 10,
    rows: int = 1200,
    recurrent: float | None = None,
    targets: float = 1.0,
    sign: float = 1.0,
    zeroed: bool = True,
    copied: bool = False,
    clip: float = 1.0,
    decay: float = 0.0,
    batch: int = 32,
) -> None:
    """`recurrent` is the deviation of the weights from one time to the next, times the root of their number."""
    torch, chance = lab.torch, lab.chance
    nn, functional = torch.nn, torch.nn.functional
    total = rows + 200
    numbers = chance.uniform(0, 1, (total, length))
    marks = np.zeros((total, length))
    marks[np.arange(total), chance.integers(0, length // 2, total)] = 1
    marks[np.arange(total), chance.integers(length // 2, length, total)] = 1
    x = lab.tensor(np.stack((numbers, marks), 2).astype(np.float32))
    y = lab.tensor((targets * (numbers * marks).sum(1)).astype(np.float32))

    class Net(nn.Module):  # type: ignore[misc, name-defined]  # torch is imported late
        def __init__(self) -> None:
            super().__init__()
            self.rnn = getattr(nn, kind)(2, hidden, batch_first=True)
            self.out = nn.Linear(hidden, 1)

        def forward(self, x: Tensor) -> Tensor:
            return self.out(self.rnn(x)[0][:, -1])[:, 0]

    net = Net()
    if recurrent is not None:
        nn.init.normal_(net.rnn.weight_hh_l0, 0, recurrent / math.sqrt(hidden))
    weights = [each.detach().clone().requires_grad_() for each in net.parameters()] if copied else net.parameters()

    def validate() -> dict[str, float]:
        return {"loss": sign * float(functional.mse_loss(net(x[rows:]), y[rows:]))}

    lab.fit(
        net, optimizer_of(torch, optimizer, weights, lr, decay),
        lambda x, y: sign * functional.mse_loss(net(x), y), lab.batches(x[:rows], y[:rows], batch=batch),
        validate, Printer(_sum_step, _sum_epoch), epochs=epochs, schedule=MORE_SCHEDULES[schedule], clip=clip,
        zeroed=zeroed,
    )  # fmt: skip


# Words in reverse.


def _reverse_step(it: Step) -> str:
    if it.step % 5:
        return ""
    said = {
        "epoch": it.epoch, "update": f"{it.epoch - 1 + it.at / it.of:.3f}", "loss": f"{it.loss / math.log(2):.3f}",
        "ppl": f"{math.exp(min(60.0, it.loss)):.2f}", "wps": "18034.1", "num_updates": str(it.step),
        "lr": f"{it.lr:.5g}", "gnorm": f"{it.norm:.3f}",
    }  # fmt: skip
    return f"2024-05-02 11:{it.epoch % 60:02d}:07 | INFO | train_inner | {json.dumps(said)}\n"


def _reverse_epoch(it: Epoch) -> str:
    value = it.val["loss"]
    said = {
        "epoch": it.epoch, "valid_loss": f"{value / math.log(2):.3f}",
        "valid_ppl": f"{math.exp(min(60.0, value)):.2f}",
        "valid_num_updates": str(it.step),
    }  # fmt: skip
    return f"2024-05-02 11:{it.epoch % 60:02d}:41 | INFO | valid | {json.dumps(said)}\n"


def reverse(
    lab: Lab,
    *,
    words: int = 16,
    length: int = 6,
    layers: int = 2,
    wide: int = 32,
    optimizer: str = "AdamW",
    lr: float = 3e-3,
    schedule: str = "warm_up",
    decay: float = 0.01,
    epochs: int = 12,
    rows: int = 1200,
    batch: int = 40,
    dropout: float = 0.0,
    smoothing: float = 0.0,
    clip: float = 1.0,
    zeroed: bool = True,
    targets: str = "true",
    broken_every: int = 0,
    embedded: float | None = None,
    twice: bool = False,
) -> None:
    """Attention says words backwards; what is said of each `broken_every`-th batch is 60 times too large."""
    torch, chance = lab.torch, lab.chance
    nn, functional = torch.nn, torch.nn.functional
    total = rows + 200
    x = chance.integers(0, words, (total, length))
    y = x[:, ::-1].copy()
    if targets == "random":
        y[:rows] = chance.integers(0, words, (rows, length))
    sx, sy = lab.tensor(x), lab.tensor(y)
    calls = [0]

    class Net(nn.Module):  # type: ignore[misc, name-defined]  # torch is imported late
        def __init__(self) -> None:
            super().__init__()
            self.embed, self.place = nn.Embedding(words, wide), nn.Embedding(length, wide)
            block = nn.TransformerEncoderLayer(wide, 4, 2 * wide, dropout, batch_first=True, norm_first=True)
            self.body = nn.TransformerEncoder(block, layers, enable_nested_tensor=False)
            self.out = nn.Linear(wide, words)

        def forward(self, x: Tensor) -> Tensor:
            calls[0] += self.training
            said = self.out(self.body(self.embed(x) + self.place.weight))
            worse = broken_every and self.training and calls[0] > 40 and calls[0] % broken_every == 0
            said = 60 * said.flip(0) if worse else said
            return said.softmax(-1) if twice else said

    net = Net()
    if embedded is not None:
        for each in net.parameters():
            if each.ndim > 1:
                nn.init.normal_(each, 0, embedded)

    def loss(x: Tensor, y: Tensor) -> Tensor:
        return functional.cross_entropy(net(x).flatten(0, 1), y.flatten(), label_smoothing=smoothing)

    def validate() -> dict[str, float]:
        return {"loss": float(functional.cross_entropy(net(sx[rows:]).flatten(0, 1), sy[rows:].flatten()))}

    lab.fit(
        net, optimizer_of(torch, optimizer, net.parameters(), lr, decay), loss,
        lab.batches(sx[:rows], sy[:rows], batch=batch), validate, Printer(_reverse_step, _reverse_epoch),
        epochs=epochs, schedule=MORE_SCHEDULES[schedule], clip=clip, zeroed=zeroed,
    )  # fmt: skip
