"""Programs with convolutions: beats of a heart in one dimension, and spots to be found in pictures."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks.diagnosis.blind2.loop import SCHEDULES, Epoch, Lab, Printer, Step

if TYPE_CHECKING:
    from collections.abc import Callable

    from benchmarks.diagnosis.blind2.loop import Module, Tensor

MORE_SCHEDULES: dict[str, Callable[[float], float] | None] = {
    **SCHEDULES,
    "growing": lambda share: math.pow(600.0, share) - 0.99,
    "steps": lambda share: 0.1 ** (int(share > 0.5) + int(share > 0.75)),
}


def optimizer_of(torch: Any, name: str, weights: Any, lr: float, decay: float = 0.0) -> Any:  # noqa: ANN401
    """By its name; those with momentum have 0.9."""
    more = {"momentum": 0.9} if name in ("SGD", "RMSprop") else {}
    return getattr(torch.optim, name)(weights, lr=lr, weight_decay=decay, **more)


# Beats: five kinds of a wave that comes again and again.


def _beat_step(it: Step) -> str:
    if it.at % 3:
        return ""
    return (
        f"Train: {it.epoch - 1} [{it.at:>4d}/{it.of} ({100 * it.at // it.of:>3d}%)]  Loss: {it.loss:#.4g}  "
        f"Time: 0.012s, 5333.31/s  LR: {it.lr:.3e}  Data: 0.001 (0.001)\n"
    )


def _beat_epoch(it: Epoch) -> str:
    return f"Test: {it.epoch - 1} [   7/7]  Loss: {it.val['loss']:>7.4f}  Acc@1: {it.val['acc']:>7.4f}\n"


def beats_of(chance: np.random.Generator, rows: int, noise: float, rare: float) -> tuple[Any, Any]:
    """Signals of 64 points, and which of five kinds each is; the last kind may be a rare one."""
    shares = np.array([(1 - rare) / 4] * 4 + [rare])
    y = chance.choice(5, rows, p=shares)
    at = np.arange(64)[None]
    rate = np.array([3.0, 3.0, 5.0, 5.0, 4.0])[y][:, None]
    phase = (at * rate / 64 + chance.uniform(0, 1, (rows, 1))) % 1
    width = np.array([0.06, 0.18, 0.06, 0.18, 0.1])[y][:, None]
    x = np.exp(-(((phase - 0.5) / width) ** 2)) - 0.4 * np.exp(-(((phase - 0.72) / 0.08) ** 2))
    return (2 * (x + noise * chance.standard_normal(x.shape))).astype(np.float32)[:, None], y


def beats(
    lab: Lab,
    *,
    depth: int = 3,
    width: int = 16,
    act: str = "ReLU",
    norm: bool = True,
    std: float | None = None,
    bias: float | None = None,
    optimizer: str = "SGD",
    lr: float = 0.05,
    decay: float = 0.0,
    schedule: str = "constant",
    epochs: int = 10,
    batch: int = 32,
    rows: int = 900,
    noise: float = 0.25,
    rare: float = 0.2,
    weighted: bool = False,
    labels: str = "true",
    twice: bool = False,
    broken: int = -1,
    trained: str = "all",
    offset: float = 0.0,
    clip: float = math.inf,
    dropout: float = 0.0,
) -> None:
    """`broken` is the row that holds an infinite number; `trained` tells which layers the optimizer has."""
    torch, chance = lab.torch, lab.chance
    nn, functional = torch.nn, torch.nn.functional
    x, y = beats_of(chance, rows + 400, noise, rare)
    if labels == "random":
        y[:rows] = chance.integers(0, 5, rows)
    if broken >= 0:
        x[broken, 0, 7] = np.inf
    held_x = lab.tensor(x[rows:] * (1 + offset) + offset)
    tx, ty, held_y = lab.tensor(x[:rows]), lab.tensor(y[:rows]), lab.tensor(y[rows:])
    layers: list[Module] = []
    for at in range(depth):
        layers.append(nn.Conv1d(width if at else 1, width, 5, padding=2))
        layers += [nn.BatchNorm1d(width)] if norm else []
        layers += [getattr(nn, act)(), nn.MaxPool1d(2)] if at < 3 else [getattr(nn, act)()]
    body = nn.Sequential(*layers)
    net = nn.Sequential(body, nn.Flatten(), nn.Dropout(dropout), nn.Linear(width * 8, 5))
    for each in net.modules():
        if isinstance(each, nn.Conv1d) and std is not None:
            nn.init.normal_(each.weight, 0, std)
        if isinstance(each, nn.Conv1d) and bias is not None:
            nn.init.constant_(each.bias, bias)
    held = {"all": net, "head": net[3], "body": body}[trained]
    if trained == "head":
        for each in body.parameters():
            each.requires_grad_(False)
    tuned = optimizer_of(torch, optimizer, held.parameters(), lr, decay)
    weights = torch.tensor([1.0, 1, 1, 1, 0.25 / rare]) if weighted else None

    def loss(x: Tensor, y: Tensor) -> Tensor:
        said = net(x)
        return functional.cross_entropy(said.softmax(1) if twice else said, y, weight=weights)

    def validate() -> dict[str, float]:
        said = net(held_x)
        value = functional.cross_entropy(said.softmax(1) if twice else said, held_y)
        return {"loss": float(value), "acc": 100 * float((said.argmax(1) == held_y).float().mean())}

    lab.fit(
        net, tuned, loss, lab.batches(tx, ty, batch=batch), validate, Printer(_beat_step, _beat_epoch),
        epochs=epochs, schedule=MORE_SCHEDULES[schedule], clip=clip,
    )  # fmt: skip


# Spots: which points of a picture belong to one.


def _spot_printer(kept: list[Any], leak: bool) -> Printer:
    """Its lines tell of the memory, as far as the program knows of it."""

    def step(it: Step) -> str:
        if it.at % 2:
            return ""
        memory = f", memory: {1200 + sum(each.nbytes for each in kept) // 2**14}" if leak else ", memory: 1200"
        return (
            f"2024-03-07 09:{it.epoch % 60:02d}:{it.at % 60:02d},112 - mmseg - INFO - Epoch [{it.epoch}]"
            f"[{it.at}/{it.of}]\tlr: {it.lr:.3e}, eta: 0:01:10{memory}, loss_seg: {it.loss:.4f}, "
            f"grad_norm: {it.norm:.4f}\n"
        )

    def epoch(it: Epoch) -> str:
        return (
            f"2024-03-07 09:{it.epoch % 60:02d}:59,801 - mmseg - INFO - Epoch(val) [{it.epoch}][6]\t"
            f"mIoU: {it.val['iou']:.4f}, loss: {it.val['loss']:.4f}\n"
        )

    return Printer(step, epoch)


def spots(
    lab: Lab,
    *,
    loss_of: str = "bce",
    optimizer: str = "Adam",
    lr: float = 5e-3,
    schedule: str = "constant",
    epochs: int = 8,
    rows: int = 240,
    batch: int = 8,
    leak: bool = False,
    act: str = "ReLU",
    last_bias: float = 0.0,
    scale: float = 1.0,
    sign: float = 1.0,
    clip: float = math.inf,
) -> None:
    """A network that goes down by half and up again; few points are in a spot."""
    torch, chance = lab.torch, lab.chance
    nn, functional = torch.nn, torch.nn.functional
    total = rows + 60
    down, along = np.indices((16, 16))[:, None]
    middle, radius = chance.uniform(3, 13, (2, total, 1, 1)), chance.uniform(1.5, 3.5, (total, 1, 1))
    y = ((down - middle[0]) ** 2 + (along - middle[1]) ** 2 < radius**2).astype(np.float32)[:, None]
    x = (scale * (y + 0.7 * chance.standard_normal(y.shape))).astype(np.float32)
    tx, ty, vx, vy = (lab.tensor(each) for each in (x[:rows], y[:rows], x[rows:], y[rows:]))
    active = getattr(nn, act)

    class Net(nn.Module):  # type: ignore[misc, name-defined]  # torch is imported late
        def __init__(self) -> None:
            super().__init__()
            self.first = nn.Sequential(nn.Conv2d(1, 12, 3, padding=1), active())
            self.deep = nn.Sequential(
                nn.Conv2d(12, 24, 3, 2, 1), active(), nn.ConvTranspose2d(24, 12, 2, 2), active()
            )
            self.out = nn.Conv2d(24, 1, 1)
            nn.init.constant_(self.out.bias, last_bias)

        def forward(self, x: Tensor) -> Tensor:
            near = self.first(x)
            return self.out(torch.cat((near, self.deep(near)), 1))

    net = Net()
    kept: list[Any] = []

    def measured(said: Tensor, y: Tensor) -> Tensor:
        if loss_of == "bce":
            return functional.binary_cross_entropy_with_logits(said, y)
        share = said.sigmoid()
        return 1 - (2 * (share * y).sum() + 1) / (share.sum() + y.sum() + 1)

    def loss(x: Tensor, y: Tensor) -> Tensor:
        value = sign * measured(net(x), y)
        if leak:
            kept.append(torch.cat((x, y)).numpy())
        return value

    def validate() -> dict[str, float]:
        said = net(vx)
        both, either = ((said > 0) & (vy > 0)).sum(), ((said > 0) | (vy > 0)).sum()
        return {"loss": sign * float(measured(said, vy)), "iou": float(both) / max(1.0, float(either))}

    lab.fit(
        net, optimizer_of(torch, optimizer, net.parameters(), lr), loss, lab.batches(tx, ty, batch=batch), validate,
        _spot_printer(kept, leak), epochs=epochs, schedule=MORE_SCHEDULES[schedule], clip=clip,
    )  # fmt: skip
