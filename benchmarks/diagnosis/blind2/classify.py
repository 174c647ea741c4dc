"""Programs that tell classes apart."""

from __future__ import annotations

import copy
import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks.diagnosis.blind2.loop import SCHEDULES, Epoch, Lab, Printer, Step, silent

if TYPE_CHECKING:
    from collections.abc import Callable

    from benchmarks.diagnosis.blind2.loop import Module, Tensor


def _accuracy(said: Tensor, y: Tensor) -> float:
    return float((said.argmax(-1) == y).float().mean())


# Many classes: clouds around prototypes.


def _many_step(it: Step) -> str:
    return (
        f"[ep {it.epoch:02d}/{it.epochs:02d} it {it.step:04d}] ce {it.loss:.4f} | gnorm {it.norm:.3f} | "
        f"lr {it.lr:.3g}\n"
    )


def _many_epoch(it: Epoch) -> str:
    return f"[ep {it.epoch:02d}/{it.epochs:02d}] valid ce {it.val['loss']:.4f} | valid top1 {it.val['acc']:.2%}\n"


def prototypes(
    lab: Lab,
    *,
    classes: int = 50,
    hidden: int = 128,
    lr: float = 0.1,
    epochs: int = 10,
    batch: int = 50,
    schedule: str = "one_cycle",
    clip: float = math.inf,
    dropout: float = 0.0,
    smoothing: float = 0.0,
    mixup: float = 0.0,
    twice: bool = False,
    labels: str = "true",
    order: str = "shuffled",
    accumulate: int = 1,
    zeroed: bool = True,
    unscaled_validation: bool = False,
    curriculum: bool = False,
) -> None:
    """Layer norm and GELU, Nesterov's momentum, one cycle."""
    torch, chance = lab.torch, lab.chance
    nn, functional = torch.nn, torch.nn.functional
    centres = chance.normal(0, 1.0, (classes, 12))
    y = chance.integers(0, classes, 3500)
    spread = chance.uniform(0.2, 0.9, 3500) if curriculum else np.full(3500, 0.65)
    x = centres[y] + spread[:, None] * chance.standard_normal((3500, 12))
    if curriculum:
        y, x, spread = y[np.argsort(spread)], x[np.argsort(spread)], np.sort(spread)
        held = np.arange(3500) % 7 == 0
        y, x = np.concatenate([y[~held], y[held]]), np.concatenate([x[~held], x[held]])
    raw = 20 + 9 * x
    x = (raw - 20) / 9
    val_x = raw[3000:] if unscaled_validation else x[3000:]
    if labels == "random":
        y[:3000] = chance.integers(0, classes, 3000)
    if order == "sorted":
        kept = np.argsort(y[:3000], kind="stable")
        x[:3000], y[:3000] = x[kept], y[kept]
    train_x, train_y = lab.tensor(x[:3000].astype(np.float32)), lab.tensor(y[:3000])
    held_x, held_y = lab.tensor(val_x[-500:].astype(np.float32)), lab.tensor(y[3000:])
    net = nn.Sequential(
        nn.Linear(12, hidden), nn.LayerNorm(hidden), nn.GELU(), nn.Dropout(dropout),
        nn.Linear(hidden, hidden), nn.LayerNorm(hidden), nn.GELU(), nn.Dropout(dropout),
        nn.Linear(hidden, classes),
    )  # fmt: skip
    optimizer = torch.optim.SGD(net.parameters(), lr, momentum=0.9, nesterov=True)

    def loss(x: Tensor, y: Tensor) -> Tensor:
        if mixup:
            share, other = float(chance.beta(mixup, mixup)), torch.randperm(len(y))
            said = net(share * x + (1 - share) * x[other])
            return share * functional.cross_entropy(said, y) + (1 - share) * functional.cross_entropy(said, y[other])
        said = net(x).softmax(-1) if twice else net(x)
        return functional.cross_entropy(said, y, label_smoothing=smoothing)

    def validate() -> dict[str, float]:
        said = net(held_x).softmax(-1) if twice else net(held_x)
        return {"loss": float(functional.cross_entropy(said, held_y)), "acc": _accuracy(said, held_y)}

    easy = [1000]

    def harder(epoch: int) -> None:
        easy[0] = min(len(train_y), 1000 + 500 * (epoch // 3))

    def rows() -> Any:  # noqa: ANN401  # batches of tensors
        count = easy[0] if curriculum else len(train_y)
        return lab.batches(train_x[:count], train_y[:count], batch=batch, order=order)()

    lab.fit(
        net, optimizer, loss, rows, validate, Printer(_many_step, _many_epoch), epochs=epochs,
        schedule=SCHEDULES[schedule], clip=clip, accumulate=accumulate, zeroed=zeroed, each_epoch=harder,
    )  # fmt: skip


# Pictures of gratings: a small residual network.


def gratings(chance: np.random.Generator, rows: int, noise: float = 1.3) -> tuple[Any, Any]:
    """16×16 pictures of waves in eight directions, and which direction each is."""
    y = chance.integers(0, 8, rows)
    down, along = np.indices((16, 16))
    angle = (y * np.pi / 8)[:, None, None]
    waves = chance.uniform(0.6, 1.2, (rows, 1, 1))
    phase = chance.uniform(0, 2 * np.pi, (rows, 1, 1))
    x = np.sin(waves * (np.cos(angle) * along + np.sin(angle) * down) + phase)
    return (x + noise * chance.standard_normal(x.shape)).astype(np.float32)[:, None], y


def residual(torch: Any, classes: int, activation: str = "relu", width: int = 12, norm: bool = True) -> Module:  # noqa: ANN401
    """A stem, two residual blocks, the mean over the picture."""
    nn = torch.nn

    class Block(nn.Module):  # type: ignore[misc, name-defined]  # torch is imported late
        def __init__(self) -> None:
            super().__init__()
            self.conv1, self.conv2 = (nn.Conv2d(width, width, 3, padding=1) for _ in range(2))
            self.bn = nn.BatchNorm2d(width) if norm else nn.Identity()
            self.act = nn.ReLU() if activation == "relu" else nn.SiLU()

        def forward(self, x: Tensor) -> Tensor:
            return x + self.conv2(self.act(self.bn(self.conv1(x))))

    stem = nn.Conv2d(1, width, 5, stride=2, padding=2)
    return nn.Sequential(stem, nn.ReLU(), Block(), Block(), nn.AdaptiveAvgPool2d(2), nn.Flatten(),
                         nn.Linear(4 * width, classes))  # fmt: skip


def _dict_step(it: Step) -> str:
    if it.step % 2:
        return ""
    epoch = it.epoch - 1 + it.at / it.of
    said = {
        "loss": round(it.loss, 4),
        "grad_norm": round(it.norm, 5),
        "learning_rate": it.lr,
        "epoch": round(epoch, 2),
    }
    return f"{said}\n"


def _dict_epoch(it: Epoch) -> str:
    return f"{ {'eval_loss': it.val['loss'], 'eval_accuracy': it.val['acc'], 'epoch': float(it.epoch)} }\n".replace(
        "{ ", "{"
    )


def waves(
    lab: Lab,
    *,
    rows: int = 960,
    lr: float = 1e-3,
    epochs: int = 10,
    batch: int = 32,
    schedule: str = "constant",
    weight_decay: float = 0.01,
    twice: bool = False,
    labels: str = "true",
    plain: str = "",
    copied: bool = False,
    head_only: bool = False,
    clip: float = math.inf,
    leak: bool = False,
) -> None:
    """AdamW, and lines as Transformers' trainer prints them."""
    torch, chance = lab.torch, lab.chance
    nn, functional = torch.nn, torch.nn.functional
    x, y = gratings(chance, rows + 320)
    if labels == "random":
        y[:rows] = chance.integers(0, 8, rows)
    tx, ty, vx, vy = (lab.tensor(each) for each in (x[:rows], y[:rows], x[rows:], y[rows:]))
    if plain == "sigmoid":
        layers: list[Any] = [nn.Conv2d(1, 12, 5, stride=2, padding=2), nn.Sigmoid()]
        for _ in range(7):
            layers += [nn.Conv2d(12, 12, 3, padding=1), nn.Sigmoid()]
        net = nn.Sequential(*layers, nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Linear(48, 8))
    else:
        net = residual(torch, 8)
    trained = copy.deepcopy(net) if copied else net
    parameters = trained[-1].parameters() if head_only else trained.parameters()
    optimizer = torch.optim.AdamW(parameters, lr, weight_decay=weight_decay)
    kept: list[Any] = []

    def loss(x: Tensor, y: Tensor) -> Tensor:
        said = net(x).softmax(-1) if twice else net(x)
        return functional.cross_entropy(said, y)

    def validate() -> dict[str, float]:
        said = net(vx).softmax(-1) if twice else net(vx)
        return {"loss": float(functional.cross_entropy(said, vy)), "acc": _accuracy(said, vy)}

    def step(it: Step) -> str:
        if not leak:
            return _dict_step(it)
        kept.append(np.ones(250_000))
        pages = int(Path("/proc/self/statm").read_text().split()[1])
        return f"step {it.step} loss {it.loss:.4f} lr {it.lr:.1e} mem {pages * 4096 / 2**20:.0f}MB\n"

    lab.fit(
        net, optimizer, loss, lab.batches(tx, ty, batch=batch), validate, Printer(step, _dict_epoch), epochs=epochs,
        schedule=SCHEDULES[schedule], clip=clip,
    )  # fmt: skip


# A trained network goes on with other pictures.


def _tuned_step(it: Step) -> str:
    return f"Epoch {it.epoch} [{it.at}/{it.of}]\tloss: {it.loss:.4f}\tlr: {it.lr:.2e}\n" if it.at % 2 == 0 else ""


def _tuned_epoch(it: Epoch) -> str:
    return (
        f"Epoch {it.epoch}: train_loss: {it.loss:.4f}, val_loss: {it.val['loss']:.4f}, val_acc: {it.val['acc']:.4f}\n"
    )


def tuning(
    lab: Lab, *, lr: float = 3e-4, rows: int = 640, epochs: int = 10, batch: int = 16, noise: float = 2.0
) -> None:
    """Learned on clean pictures first, which the log does not show."""
    torch, chance = lab.torch, lab.chance
    functional = torch.nn.functional
    net = residual(torch, 8, "silu")
    x, y = (lab.tensor(each) for each in gratings(chance, 960, 0.6))
    before = torch.optim.Adam(net.parameters(), 3e-3)
    for _ in range(10):
        for part in lab.batches(x, y, batch=32)():
            before.zero_grad()
            functional.cross_entropy(net(part[0]), part[1]).backward()
            before.step()
    x, y = (lab.tensor(each) for each in gratings(chance, rows + 320, noise))
    tx, ty, vx, vy = x[:rows], y[:rows], x[rows:], y[rows:]
    optimizer = torch.optim.Adam(net.parameters(), lr)

    def validate() -> dict[str, float]:
        said = net(vx)
        return {"loss": float(functional.cross_entropy(said, vy)), "acc": _accuracy(said, vy)}

    lab.fit(
        net, optimizer, lambda x, y: functional.cross_entropy(net(x), y), lab.batches(tx, ty, batch=batch), validate,
        Printer(_tuned_step, _tuned_epoch), epochs=epochs,
    )  # fmt: skip


# Two classes, one output.


def _bar_step(it: Step) -> str:
    """The bar's states end in carriage returns: the last one of an epoch stays."""
    if it.at % 8 and it.at != it.of:
        return ""
    done = 10 * it.at // it.of
    bar = "█" * done + " " * (10 - done)
    return (
        f"Epoch {it.epoch - 1}: {it.at * 100 // it.of:3d}%|{bar}| {it.at}/{it.of} [00:01<00:00, 93.10it/s, v_num=0, "
        f"train_loss={it.loss:.3f}, lr={it.lr:.2g}]\n"
    )


def _bar_epoch(it: Epoch) -> str:
    return (
        f"Epoch {it.epoch - 1}: val_loss={it.val['loss']:.3f} val_acc={it.val['acc']:.3f} train_loss={it.loss:.3f}\n"
    )


def two_classes(
    lab: Lab,
    *,
    rare: float = 0.5,
    lr: float = 3e-3,
    epochs: int = 20,
    twice: bool = False,
    bias: float | None = None,
    std: float | None = None,
    activation: str = "relu",
    optimizer: str = "adamw",
    rows: int = 1200,
    depth: int = 3,
) -> None:
    """Two half moons in 2 dimensions with 4 more of noise; one output, one bit."""
    torch, chance = lab.torch, lab.chance
    nn, functional = torch.nn, torch.nn.functional
    y = (chance.random(rows + 400) < rare).astype(np.int64)
    turn = chance.uniform(0, np.pi, len(y))
    x = np.stack([np.where(y, 1 - np.cos(turn), np.cos(turn)), np.where(y, 0.5 - np.sin(turn), np.sin(turn))], 1)
    x = np.concatenate([x + chance.normal(0, 0.15, x.shape), chance.normal(0, 1, (len(y), 4))], 1)
    tx, vx = (lab.tensor(each.astype(np.float32)) for each in (x[:rows], x[rows:]))
    ty, vy = (lab.tensor(each.astype(np.float32)) for each in (y[:rows], y[rows:]))
    kinds: dict[str, Callable[[], Any]] = {"relu": nn.ReLU, "tanh": nn.Tanh}
    layers: list[Any] = []
    width = 6
    for _ in range(depth):
        layers += [nn.Linear(width, 40), kinds[activation]()]
        width = 40
    net = nn.Sequential(*layers, nn.Linear(width, 1), nn.Flatten(0))
    with torch.no_grad():
        for name, each in net.named_parameters():
            if bias is not None and name.endswith("bias") and not name.startswith(f"{2 * depth}."):
                each.fill_(bias)
            if std is not None and each.ndim > 1:
                each.normal_(0, std)
    chosen = torch.optim.AdamW if optimizer == "adamw" else torch.optim.SGD
    end = (lambda x: net(x).sigmoid()) if twice else net

    def loss(x: Tensor, y: Tensor) -> Tensor:
        return functional.binary_cross_entropy_with_logits(end(x), y)

    def validate() -> dict[str, float]:
        said = end(vx)
        right = ((said > (0.5 if twice else 0)).float() == vy).float().mean()
        return {"loss": float(functional.binary_cross_entropy_with_logits(said, vy)), "acc": float(right)}

    lab.fit(
        net, chosen(net.parameters(), lr), loss, lab.batches(tx, ty, batch=30), validate,
        Printer(_bar_step, _bar_epoch), epochs=epochs,
    )  # fmt: skip


# A flat beginning, and then all at once.


def _parity_epoch(it: Epoch) -> str:
    return (
        f"{it.epoch:4d}  loss {it.loss:.5f}  dev_loss {it.val['loss']:.5f}  dev_acc {it.val['acc']:.3f}  "
        f"lr {it.lr:.4f}\n"
    )


def parity(lab: Lab, *, bits: int = 20, of: int = 3, lr: float = 1e-3, epochs: int = 60) -> None:
    """Whether an even number of three of twenty bits is set: nothing is seen until all is."""
    torch, chance = lab.torch, lab.chance
    nn, functional = torch.nn, torch.nn.functional
    bit = chance.integers(0, 2, (3400, bits)) * 2 - 1
    x, y = bit.astype(np.float32), (bit[:, :of].prod(1) > 0).astype(np.int64)
    tx, ty, vx, vy = (lab.tensor(each) for each in (x[:3000], y[:3000], x[3000:], y[3000:]))
    net = nn.Sequential(nn.Linear(bits, 100), nn.ReLU(), nn.Linear(100, 2))

    def validate() -> dict[str, float]:
        said = net(vx)
        return {"loss": float(functional.cross_entropy(said, vy)), "acc": _accuracy(said, vy)}

    lab.fit(
        net, torch.optim.Adam(net.parameters(), lr), lambda x, y: functional.cross_entropy(net(x), y),
        lab.batches(tx, ty, batch=100), validate, Printer(silent, _parity_epoch), epochs=epochs,
    )  # fmt: skip
