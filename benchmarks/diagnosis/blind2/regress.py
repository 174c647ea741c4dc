"""Programs whose targets are numbers, and those that give back what they were given."""

from __future__ import annotations

import math
from importlib import import_module
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks.diagnosis.blind2.loop import SCHEDULES, Epoch, Lab, Printer, Step, silent

if TYPE_CHECKING:
    from collections.abc import Callable

    from benchmarks.diagnosis.blind2.loop import Tensor


# Ten measures of a patient, and how the illness went on a year later.


def _patient_step(it: Step) -> str:
    return f"iter={it.step:<6d} loss={it.loss:<12.6g} gradnorm={it.norm:<10.4g} lr={it.lr:g}\n"


def _patient_epoch(it: Epoch) -> str:
    return (
        f"iter={it.step:<6d} [valid] loss={it.val['loss']:<12.6g} mae={it.val['mae']:<10.6g} r2={it.val['r2']:.4f}\n"
    )


def _sheet_epoch(it: Epoch) -> str:
    head = "epoch,train_mse,val_mse,val_mae\n" if it.epoch == 1 else ""
    return f"{head}{it.epoch},{it.loss:.6g},{it.val['loss']:.6g},{it.val['mae']:.6g}\n"


def patients(
    lab: Lab,
    *,
    targets: float = 1.0,
    rows: int = 353,
    hidden: int = 32,
    depth: int = 2,
    optimizer: str = "rmsprop",
    lr: float = 1e-3,
    epochs: int = 40,
    batch: int = 16,
    loss_of: str = "huber",
    bias: float | None = None,
    corrupt: int = 0,
    schedule: str = "constant",
    sheet: bool = False,
) -> None:
    """`targets` is the deviation of what is to be said; 0 is that of the table, around 152."""
    torch, chance = lab.torch, lab.chance
    nn, functional = torch.nn, torch.nn.functional
    found = import_module("sklearn.datasets").load_diabetes()
    x, y = found.data / found.data.std(0), found.target.copy()
    y = (y - y.mean()) / y.std() * targets if targets else y
    order = np.random.default_rng(5 + lab.seed).permutation(len(y))
    x, y = x[order].astype(np.float32), y[order].astype(np.float32)[:, None]
    y[chance.permutation(rows)[:corrupt]] *= 40
    tx, ty = lab.tensor(x[:353][:rows]), lab.tensor(y[:353][:rows])
    vx, vy = lab.tensor(x[353:]), lab.tensor(y[353:])
    layers: list[Any] = []
    width = 10
    for _ in range(depth):
        layers += [nn.Linear(width, hidden), nn.ReLU()]
        width = hidden
    net = nn.Sequential(*layers, nn.Linear(width, 1))
    if bias is not None:
        with torch.no_grad():
            for at in range(0, 2 * depth, 2):
                net[at].bias.fill_(bias)
    kinds: dict[str, Callable[..., Any]] = {
        "rmsprop": torch.optim.RMSprop,
        "sgd": lambda given, lr: torch.optim.SGD(given, lr, momentum=0.9),
        "adam": torch.optim.Adam,
    }
    losses = {"huber": functional.huber_loss, "mse": functional.mse_loss}

    def validate() -> dict[str, float]:
        said = net(vx)
        error = float(functional.mse_loss(said, vy)) / float(vy.var())
        return {
            "loss": float(losses[loss_of](said, vy)),
            "mae": float((said - vy).abs().mean()),
            "r2": 1 - error,
        }

    lab.fit(
        net, kinds[optimizer](net.parameters(), lr), lambda x, y: losses[loss_of](net(x), y),
        lab.batches(tx, ty, batch=min(batch, len(ty))), validate,
        Printer(silent, _sheet_epoch) if sheet else Printer(_patient_step, _patient_epoch), epochs=epochs,
        schedule=SCHEDULES[schedule],
    )  # fmt: skip


# A variational autoencoder of digits.


def _coder_step(it: Step) -> str:
    if it.step % 3:
        return ""
    seen, rows = (it.at - 1) * 64, it.of * 64
    return f"Train Epoch: {it.epoch} [{seen}/{rows} ({100 * seen / rows:.0f}%)]\tLoss: {it.loss:.6f}\n"


def _coder_epoch(it: Epoch) -> str:
    return f"====> Epoch: {it.epoch} Average loss: {it.loss:.4f}\n====> Test set loss: {it.val['loss']:.4f}\n"


def coder(
    lab: Lab,
    *,
    lr: float = 2e-3,
    epochs: int = 20,
    sign: float = 1.0,
    std: float | None = None,
    decay: float = 0.0,
    scale: float = 1.0,
    activation: str = "relu",
    loud: float = 1.0,
) -> None:
    """Squared error and divergence, summed over a picture; `loud` multiplies the logarithm of the variance."""
    torch, chance = lab.torch, lab.chance
    nn = torch.nn
    x = import_module("sklearn.datasets").load_digits().data.astype(np.float32) / 16 * scale
    x = x[chance.permutation(len(x))]
    tx, vx = lab.tensor(x[:1472]), lab.tensor(x[1472:])
    act = nn.ReLU if activation == "relu" else nn.Tanh
    net = nn.ModuleDict({
        "enc": nn.Sequential(nn.Linear(64, 96), act(), nn.Linear(96, 48), act()),
        "stats": nn.Linear(48, 16),
        "dec": nn.Sequential(nn.Linear(8, 48), act(), nn.Linear(48, 96), act(), nn.Linear(96, 64)),
    })  # fmt: skip
    if std is not None:
        with torch.no_grad():
            for each in net.parameters():
                if each.ndim > 1:
                    each.normal_(0, std)

    def loss(x: Tensor) -> Tensor:
        mean, log_var = net["stats"](net["enc"](x)).chunk(2, -1)
        log_var = log_var * loud
        drawn = mean + torch.randn_like(mean) * (log_var / 2).exp()
        error = ((net["dec"](drawn) - x) ** 2).sum(-1)
        apart = 0.5 * (mean**2 + log_var.exp() - 1 - log_var).sum(-1)
        return sign * (error + 0.1 * apart).mean()

    lab.fit(
        net, torch.optim.AdamW(net.parameters(), lr, weight_decay=decay), loss, lab.batches(tx, batch=64),
        lambda: {"loss": float(loss(vx))}, Printer(_coder_step, _coder_epoch), epochs=epochs,
    )  # fmt: skip


# Digits brought near to digits of their kind.


def _triplet_step(it: Step) -> str:
    return f"step {it.step}/{it.of * it.epochs} - triplet loss {it.loss:.4f} - grad {it.norm:.4f}\n"


def _triplet_epoch(it: Epoch) -> str:
    return f"step {it.step}: val triplet loss {it.val['loss']:.4f}, val recall@1 {it.val['recall']:.3f}\n"


def triplets(
    lab: Lab, *, margin: float = 0.3, lr: float = 1e-3, epochs: int = 12, pairs: str = "true", root: str = "safe"
) -> None:
    """Unit vectors; the margin between the near one and the far one."""
    torch, chance = lab.torch, lab.chance
    nn, functional = torch.nn, torch.nn.functional
    found = import_module("sklearn.datasets").load_digits()
    order = chance.permutation(len(found.target))
    x, y = (found.data[order] / 16).astype(np.float32), found.target[order]
    kinds = chance.permutation(y) if pairs == "random" else y
    net = nn.Sequential(nn.Linear(64, 96), nn.ReLU(), nn.Linear(96, 96), nn.ReLU(), nn.Linear(96, 24))
    images = lab.tensor(x)

    def drawn(rows: Any, kinds: Any) -> tuple[Any, Any]:  # noqa: ANN401  # of numpy
        same = np.array([chance.choice(np.flatnonzero(kinds == kind)) for kind in kinds[rows]])
        other = np.array([chance.choice(np.flatnonzero(kinds != kind)) for kind in kinds[rows]])
        return same, other

    def apart(one: Tensor, other: Tensor) -> Tensor:
        squares = ((one - other) ** 2).sum(-1)
        return squares.sqrt() if root == "bare" else (squares + 1e-6).sqrt()

    def loss(anchor: Tensor, near: Tensor, far: Tensor) -> Tensor:
        a, n, f = (functional.normalize(net(each), dim=-1) for each in (anchor, near, far))
        return (apart(a, n) - apart(a, f) + margin).relu().mean()

    def batches() -> Any:  # noqa: ANN401  # batches of tensors
        rows = chance.permutation(1300)
        for start in range(0, 1300 - 49, 50):
            chosen = rows[start : start + 50]
            same, other = drawn(chosen, kinds[:1300])
            yield tuple(images[lab.torch.from_numpy(each)] for each in (chosen, same, other))

    held = np.arange(1300, 1700)
    same, other = (lab.torch.from_numpy(each + 1300) for each in drawn(np.arange(400), y[1300:1700]))

    def validate() -> dict[str, float]:
        said = functional.normalize(net(images[held]), dim=-1)
        near = (said @ said.T - 2 * torch.eye(400)).argmax(-1).numpy()
        return {
            "loss": float(loss(images[held], images[same], images[other])),
            "recall": float((y[held] == y[held][near]).mean()),
        }

    lab.fit(
        net, torch.optim.Adam(net.parameters(), lr), loss, batches, validate, Printer(_triplet_step, _triplet_epoch),
        epochs=epochs, clip=math.inf,
    )  # fmt: skip
