"""Programs over tables: the strength of concrete, ratings of films, boosted trees, and one of numpy alone."""

from __future__ import annotations

import math
from importlib import import_module
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks.diagnosis.blind2.loop import Epoch, Lab, Printer, silent
from benchmarks.diagnosis.blind3.signals import MORE_SCHEDULES, optimizer_of

if TYPE_CHECKING:
    from benchmarks.diagnosis.blind2.loop import Module, Tensor


# Concrete: a line for each epoch, as a table of commas.


def _table(it: Epoch) -> str:
    head = "epoch,lr,loss,mae,val_loss,val_mae\n" if it.epoch == 1 else ""
    return (
        f"{head}{it.epoch},{it.lr:g},{it.loss:.6g},{it.val['train']:.6g},{it.val['loss']:.6g},{it.val['mae']:.6g}\n"
    )


def concrete(
    lab: Lab,
    *,
    rows: int = 600,
    hidden: int = 48,
    depth: int = 2,
    act: str = "ReLU",
    last: str = "Identity",
    optimizer: str = "Adam",
    lr: float = 3e-3,
    schedule: str = "constant",
    epochs: int = 40,
    batch: int = 32,
    loss_of: str = "mse",
    inputs: float = 1.0,
    dropout: float = 0.0,
    noise: float = 0.2,
    shift: float = 0.0,
    shuffled: bool = False,
    bias: float | None = None,
    decay: float = 0.0,
    targets: float = 1.0,
) -> None:
    """`shift` is how far the validation is from where the training was; `last` is what the output goes through."""
    torch, chance = lab.torch, lab.chance
    nn, functional = torch.nn, torch.nn.functional
    total = rows + 250
    x = chance.uniform(-1.7, 1.7, (total, 8))
    x[rows:] += shift
    y = 1.5 * x[:, 0] * x[:, 1] + np.sin(2 * x[:, 2]) + x[:, 3] ** 2 + 0.5 * x[:, 4] + 4
    y = targets * (y + noise * chance.standard_normal(total))
    if shuffled:
        y[:rows] = chance.permutation(y[:rows])
    tx, ty = lab.tensor((inputs * x).astype(np.float32)), lab.tensor(y.astype(np.float32))
    layers: list[Module] = []
    for at in range(depth):
        layers += [nn.Linear(hidden if at else 8, hidden), getattr(nn, act)(), nn.Dropout(dropout)]
    net = nn.Sequential(*layers, nn.Linear(hidden, 1), getattr(nn, last)())
    for each in net.modules():
        if isinstance(each, nn.Linear) and bias is not None:
            nn.init.constant_(each.bias, bias)
    measure = functional.mse_loss if loss_of == "mse" else functional.smooth_l1_loss

    def validate() -> dict[str, float]:
        said, known = net(tx[rows:])[:, 0], net(tx[:rows])[:, 0]
        return {
            "loss": float(measure(said, ty[rows:])),
            "mae": float((said - ty[rows:]).abs().mean()),
            "train": float((known - ty[:rows]).abs().mean()),
        }

    lab.fit(
        net, optimizer_of(torch, optimizer, net.parameters(), lr, decay),
        lambda x, y: measure(net(x)[:, 0], y), lab.batches(tx[:rows], ty[:rows], batch=min(batch, rows)), validate,
        Printer(silent, _table), epochs=epochs, schedule=MORE_SCHEDULES[schedule],
    )  # fmt: skip


# Ratings: what a person gives a film, by factors of both.


def _rating(it: Epoch) -> str:
    return (
        f"INFO:recommender:[Epoch {it.epoch}/{it.epochs}] train rmse = {math.sqrt(max(0.0, it.val['train'])):.5f}; "
        f"valid rmse = {math.sqrt(max(0.0, it.val['loss'])):.5f}\n"
    )


def ratings(
    lab: Lab,
    *,
    factors: int = 6,
    optimizer: str = "Adagrad",
    lr: float = 0.1,
    decay: float = 2e-4,
    rows: int = 6000,
    epochs: int = 25,
    shuffled: bool = False,
    spread: float = 0.1,
) -> None:
    """`spread` is the deviation of the factors at the beginning."""
    torch, chance = lab.torch, lab.chance
    nn = torch.nn
    people, films = chance.normal(0, 0.6, (150, 3)), chance.normal(0, 0.6, (200, 3))
    who, what = chance.integers(0, 150, rows + 1000), chance.integers(0, 200, rows + 1000)
    stars = 3.4 + (people[who] * films[what]).sum(1) + 0.4 * chance.standard_normal(rows + 1000)
    stars = np.clip(np.round(2 * stars) / 2, 0.5, 5).astype(np.float32)
    if shuffled:
        stars[:rows] = chance.permutation(stars[:rows])

    class Net(nn.Module):  # type: ignore[misc, name-defined]  # torch is imported late
        def __init__(self) -> None:
            super().__init__()
            self.people, self.films = nn.Embedding(150, factors), nn.Embedding(200, factors)
            self.of_person, self.of_film = nn.Embedding(150, 1), nn.Embedding(200, 1)
            for each in (self.people, self.films):
                nn.init.normal_(each.weight, 0, spread)
            for each in (self.of_person, self.of_film):
                nn.init.zeros_(each.weight)
            self.mean = nn.Parameter(torch.tensor(3.0))

        def forward(self, who: Tensor, what: Tensor) -> Tensor:
            known = (self.people(who) * self.films(what)).sum(1)
            return self.mean + known + self.of_person(who)[:, 0] + self.of_film(what)[:, 0]

    net = Net()
    whos, whats, given = lab.tensor(who), lab.tensor(what), lab.tensor(stars)

    def validate() -> dict[str, float]:
        wrong = (net(whos, whats) - given) ** 2
        return {"loss": float(wrong[rows:].mean()), "train": float(wrong[:rows].mean())}

    lab.fit(
        net, optimizer_of(torch, optimizer, net.parameters(), lr, decay),
        lambda who, what, given: ((net(who, what) - given) ** 2).mean(),
        lab.batches(whos[:rows], whats[:rows], given[:rows], batch=200), validate, Printer(silent, _rating),
        epochs=epochs,
    )  # fmt: skip


# Trees, one after the other.


def boost(
    lab: Lab,
    *,
    rows: int = 800,
    rate: float = 0.1,
    depth: int = 3,
    rounds: int = 100,
    subsample: float = 0.8,
    noisy: float = 0.0,
    least: int = 5,
) -> None:
    """`noisy` is the share of labels that are turned round."""
    chance = lab.chance
    x = chance.standard_normal((rows + 600, 10))
    y = (x[:, 0] * x[:, 1] + x[:, 2] + 0.5 * chance.standard_normal(rows + 600) > 0).astype(int)
    turned = chance.random(rows) < noisy
    y[:rows] = np.where(turned, 1 - y[:rows], y[:rows])
    ensemble, metrics = import_module("sklearn.ensemble"), import_module("sklearn.metrics")
    model = ensemble.GradientBoostingClassifier(
        learning_rate=rate, n_estimators=rounds, max_depth=depth, subsample=subsample, min_samples_leaf=least,
        random_state=lab.seed,
    )  # fmt: skip
    model.fit(x[:rows], y[:rows])
    both = zip(model.staged_predict_proba(x[:rows]), model.staged_predict_proba(x[rows:]), strict=True)
    for at, (known, held) in enumerate(both):
        one, two = metrics.log_loss(y[:rows], known), metrics.log_loss(y[rows:], held)
        lab.write(f"[{at}]\ttrain-logloss:{one:.5f}\teval-logloss:{two:.5f}\n")


# Spirals, with numpy alone.


def spirals(
    lab: Lab,
    *,
    hidden: int = 24,
    lr: float = 0.3,
    momentum: float = 0.9,
    rounds: int = 500,
    std: float | None = None,
    act: str = "tanh",
    climbs: bool = False,
    forgotten: int = -1,
    noise: float = 0.05,
    l2: float = 0.0,
    turns: float = 0.8,
) -> None:
    """All rows at once; `forgotten` is the layer whose weights are never written back, `climbs` adds the gradient."""
    chance = lab.chance
    y = np.arange(500) % 2
    along = chance.uniform(0.1, 1, 500)
    angle = 2 * np.pi * turns * along + np.pi * y
    x = np.stack((along * np.cos(angle), along * np.sin(angle)), 1) + noise * chance.standard_normal((500, 2))
    sizes = (2, hidden, hidden, 1)
    weights = [chance.normal(0, 1 / math.sqrt(a) if std is None else std, (a, b)) for a, b in pairwise(sizes)]
    biases = [np.zeros(b) for b in sizes[1:]]
    speed = [np.zeros_like(each) for each in (*weights, *biases)]
    probe, rows = lab.probe(), 350
    for at in range(rounds):
        said, grads = _pass(x[:rows], y[:rows], weights, biases, act)
        loss = _entropy(said, y[:rows])
        for place, (each, grad) in enumerate(zip((*weights, *biases), grads, strict=True)):
            speed[place] = momentum * speed[place] + (1 if climbs else -1) * lr * (grad + l2 * each)
            if place != forgotten:
                each += speed[place]
        if at % 2 == 0:
            lab.write(f"Iteration {at + 1}, loss = {loss:.8f}\n")
        named = {f"coefs.{place}": each for place, each in enumerate(weights)}
        slopes = {f"coefs.{place}": each for place, each in enumerate(grads[:3])}
        probe.look(named, at, slopes, 10, math.inf)
        if at % 10 == 9:
            held, _ = _pass(x[rows:], y[rows:], weights, biases, act)
            right = float(((held > 0) == y[rows:]).mean())
            lab.write(f"Validation score: {right:.6f}\n")


def _entropy(said: Any, y: Any) -> float:  # noqa: ANN401  # arrays
    return float(np.mean(np.logaddexp(0, said) - y * said))


def _pass(x: Any, y: Any, weights: list[Any], biases: list[Any], act: str) -> tuple[Any, list[Any]]:  # noqa: ANN401
    """What is said of each row, and the gradients of the weights and then of the biases."""
    layers = [x]
    for weight, bias in zip(weights[:-1], biases[:-1], strict=True):
        inner = layers[-1] @ weight + bias
        layers.append(np.tanh(inner) if act == "tanh" else np.maximum(inner, 0))
    said = (layers[-1] @ weights[-1] + biases[-1])[:, 0]
    back = ((np.tanh(said / 2) + 1) / 2 - y)[:, None] / len(y)
    of_weights: list[Any] = []
    of_biases: list[Any] = []
    for place in reversed(range(len(weights))):
        of_weights.insert(0, layers[place].T @ back)
        of_biases.insert(0, back.sum(0))
        slope = 1 - layers[place] ** 2 if act == "tanh" else layers[place] > 0
        back = (back @ weights[place].T) * slope if place else back
    return said, [*of_weights, *of_biases]
