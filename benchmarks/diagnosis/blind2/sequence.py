"""Programs that learn from what comes one after the other: source code, and a game."""

from __future__ import annotations

import inspect
import math
from importlib import import_module
from typing import TYPE_CHECKING

import numpy as np

from benchmarks.diagnosis.blind2.loop import PROBE_EVERY, SCHEDULES, Epoch, Lab, Printer, Step

if TYPE_CHECKING:
    from benchmarks.diagnosis.blind2.loop import Module, Tensor


# Characters of a program's source.


def _exp(loss: float) -> float:
    return math.exp(loss) if loss < 700 else math.inf


def _code_step(it: Step) -> str:
    if it.at % min(5, it.of):
        return ""
    return (
        f"| epoch {it.epoch:3d} | {it.at:5d}/{it.of:5d} batches | lr {it.lr:05.5f} | ms/batch {12.5:5.2f} | "
        f"loss {it.loss:5.2f} | ppl {_exp(it.loss):8.2f} | bpc {it.loss / math.log(2):8.3f}\n"
    )


def _code_epoch(it: Epoch) -> str:
    rule = "-" * 89
    return (
        f"{rule}\n| end of epoch {it.epoch:3d} | time: {2.1:5.2f}s | valid loss {it.val['loss']:5.2f} | "
        f"valid ppl {_exp(it.val['loss']):8.2f} | valid bpc {it.val['loss'] / math.log(2):8.3f}\n{rule}\n"
    )


def code(
    lab: Lab,
    *,
    kind: str = "lstm",
    optimizer: str = "adam",
    lr: float = 4e-3,
    epochs: int = 12,
    hidden: int = 64,
    clip: float = 0.5,
    schedule: str = "constant",
    recurrent: float | None = None,
    letters: int = 30_000,
    window: int = 40,
) -> None:
    """An LSTM or a plain recurrent network over windows; `recurrent` scales an orthogonal matrix."""
    torch = lab.torch
    nn, functional = torch.nn, torch.nn.functional
    text = inspect.getsource(import_module("argparse"))[:letters]
    known = sorted(set(text))
    codes = np.array([known.index(letter) for letter in text], np.int64)
    rows = codes[: (len(codes) - 1) // window * window].reshape(-1, window)
    rows = rows[lab.chance.permutation(len(rows))]
    cut = len(rows) * 5 // 6
    tx, vx = lab.tensor(rows[:cut]), lab.tensor(rows[cut:])

    class Net(nn.Module):  # type: ignore[misc, name-defined]  # torch is imported late
        def __init__(self) -> None:
            super().__init__()
            self.embed = nn.Embedding(len(known), 32)
            self.rnn = (nn.LSTM if kind == "lstm" else nn.RNN)(
                32, hidden, batch_first=True, **({} if kind == "lstm" else {"nonlinearity": kind})
            )
            self.out = nn.Linear(hidden, len(known))

        def forward(self, x: Tensor) -> Tensor:
            return self.out(self.rnn(self.embed(x))[0])

    net: Module = Net()
    if recurrent is not None:
        with torch.no_grad():
            nn.init.orthogonal_(net.rnn.weight_hh_l0, recurrent)

    def loss(x: Tensor) -> Tensor:
        said = net(x[:, :-1])
        return functional.cross_entropy(said.flatten(0, 1), x[:, 1:].flatten())

    chosen = torch.optim.Adam if optimizer == "adam" else torch.optim.SGD
    lab.fit(
        net, chosen(net.parameters(), lr), loss, lab.batches(tx, batch=16), lambda: {"loss": float(loss(vx))},
        Printer(_code_step, _code_epoch), epochs=epochs, schedule=SCHEDULES[schedule], clip=clip,
    )  # fmt: skip


# A game: which of six levers pays, by what the lamps show.


def levers(lab: Lab, *, lr: float = 3e-3, updates: int = 400, cooling: float = 1.0, bonus: float = 0.01) -> None:
    """The policy gradient with a mean as its baseline: the loss goes to and fro around nothing, the reward rises.

    With `cooling` the temperature falls by this at each step, and the logarithm is taken of the probability itself.
    """
    torch, chance = lab.torch, lab.chance
    nn = torch.nn
    net = nn.Sequential(nn.Linear(8, 48), nn.Tanh(), nn.Linear(48, 48), nn.Tanh(), nn.Linear(48, 6))
    worth = chance.normal(0, 1, (8, 6))
    optimizer, probe, mean = torch.optim.Adam(net.parameters(), lr), lab.probe(), 0.0
    for update in range(updates):
        seen = chance.standard_normal((64, 8))
        logits = net(lab.tensor(seen.astype(np.float32))) / cooling**update
        chances = logits.softmax(-1)
        pulled = torch.multinomial(chances.detach().nan_to_num(1 / 6), 1)[:, 0]
        paid = 10 * (seen @ worth)[np.arange(64), pulled.numpy()] + chance.normal(0, 2, 64)
        mean = 0.95 * mean + 0.05 * float(paid.mean())
        gain = lab.tensor(((paid - paid.mean()) / 10).astype(np.float32))
        logs = chances.log() if cooling < 1 else logits.log_softmax(-1)
        doubt = -(chances * logs).sum(-1).mean()
        loss = -(gain * logs[torch.arange(64), pulled]).mean() - bonus * doubt
        optimizer.zero_grad()
        loss.backward()
        norm = float(nn.utils.clip_grad_norm_(net.parameters(), 5.0))
        optimizer.step()
        if update % 2 == 0:
            lab.write(
                f"update {update:5d}  policy_loss {float(loss.detach()):+.5f}  entropy {float(doubt.detach()):.4f}  "
                f"grad_norm {norm:.4f}  reward_mean {float(paid.mean()):.2f}  running_reward {mean:.2f}\n"
            )
        probe.look(net, update, None, PROBE_EVERY, math.inf)


# Two that play against each other.


def rivals(lab: Lab, *, lr: float = 5e-4, epochs: int = 12, clip: float | None = 0.05, of: int = 15) -> None:
    """Eight clouds on a ring; the critic's weights are kept small, and its loss is below zero."""
    torch, chance = lab.torch, lab.chance
    nn = torch.nn
    maker = nn.Sequential(nn.Linear(8, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 2))
    critic = nn.Sequential(
        nn.Linear(2, 64), nn.LeakyReLU(0.2), nn.Linear(64, 64), nn.LeakyReLU(0.2), nn.Linear(64, 1)
    )
    makes, judges = (torch.optim.RMSprop(each.parameters(), lr) for each in (maker, critic))
    probes = lab.probe("G"), lab.probe("D")

    def real() -> Tensor:
        turn = chance.integers(0, 8, 64) * np.pi / 4
        cloud = 2 * np.stack([np.cos(turn), np.sin(turn)], 1) + chance.normal(0, 0.1, (64, 2))
        return lab.tensor(cloud.astype(np.float32))

    for step in range(epochs * of):
        for _ in range(4):
            judges.zero_grad()
            worse = critic(maker(torch.randn(64, 8)).detach()).mean() - critic(real()).mean()
            worse.backward()
            judges.step()
            if clip is not None:
                with torch.no_grad():
                    for each in critic.parameters():
                        each.clamp_(-clip, clip)
        makes.zero_grad()
        made = -critic(maker(torch.randn(64, 8))).mean()
        made.backward()
        makes.step()
        probes[0].look(maker, step, None, PROBE_EVERY, math.inf)
        probes[1].look(critic, step, None, PROBE_EVERY, math.inf)
        lab.write(
            f"[Epoch {step // of + 1}/{epochs}] [Batch {step % of + 1}/{of}] [D loss: {float(worse.detach()):.6f}] "
            f"[G loss: {float(made.detach()):.6f}]\n"
        )
