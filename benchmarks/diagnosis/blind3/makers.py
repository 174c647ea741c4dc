"""Programs that make something: signals from a code, points against a judge, codes of pairs, moves in a game."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks.diagnosis.blind2.loop import Epoch, Lab, Printer, Step
from benchmarks.diagnosis.blind3.signals import beats_of, optimizer_of

if TYPE_CHECKING:
    from benchmarks.diagnosis.blind2.loop import Tensor


# Signals again from a code.


def _again_step(it: Step) -> str:
    if it.at % 5 != 1:
        return ""
    return f"Train Epoch: {it.epoch} [{it.at * 40}/{it.of * 40} ({100 * it.at / it.of:.0f}%)]\tLoss: {it.loss:.6f}\n"


def _again_epoch(it: Epoch) -> str:
    return f"====> Epoch: {it.epoch} Average loss: {it.loss:.4f}\n====> Test set loss: {it.val['loss']:.4f}\n"


def again(
    lab: Lab,
    *,
    loss_of: str = "mse",
    code: int = 4,
    weight: float = 0.0,
    spread: str = "logarithm",
    lr: float = 2e-3,
    optimizer: str = "Adam",
    epochs: int = 10,
    rows: int = 800,
    raw: bool = False,
    decay: float = 0.0,
    act: str = "ReLU",
    bias: float = 0.0,
) -> None:
    """`weight` is that of the divergence of a variational code; `spread`: what is said of its deviation."""
    torch = lab.torch
    nn, functional = torch.nn, torch.nn.functional
    x = beats_of(lab.chance, rows + 200, 0.05, 0.2)[0][:, 0]
    x = (x - x.min()) / (x.max() - x.min()) * (255 if raw else 1)
    data = lab.tensor(x.astype(np.float32))
    active = getattr(nn, act)

    class Net(nn.Module):  # type: ignore[misc, name-defined]  # torch is imported late
        def __init__(self) -> None:
            super().__init__()
            self.encoder = nn.Sequential(nn.Linear(64, 48), active(), nn.Linear(48, 2 * code))
            self.decoder = nn.Sequential(nn.Linear(code, 48), active(), nn.Linear(48, 64))
            if bias:
                nn.init.constant_(self.encoder[0].bias, bias)

        def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
            mean, said = self.encoder(x).chunk(2, -1)
            variance = said.exp() if spread == "logarithm" else said + 0.3
            drawn = mean + variance.sqrt() * torch.randn_like(mean) if weight else mean
            return self.decoder(drawn), mean, variance

    net = Net()

    def loss(x: Tensor) -> Tensor:
        said, mean, variance = net(x)
        if loss_of == "mse":
            value = functional.mse_loss(said, x, reduction="sum") / len(x)
        else:
            value = functional.binary_cross_entropy_with_logits(said, x, reduction="sum") / len(x)
        return value + weight * 0.5 * (mean**2 + variance - variance.log() - 1).sum() / len(x) if weight else value

    lab.fit(
        net, optimizer_of(torch, optimizer, net.parameters(), lr, decay), loss,
        lab.batches(data[:rows], batch=40), lambda: {"loss": float(loss(data[rows:]))},
        Printer(_again_step, _again_epoch), epochs=epochs,
    )  # fmt: skip


# Two views of one thing have codes that are alike.


def _pair_step(it: Step) -> str:
    if it.step % 2:
        return ""
    return f"Train: [{it.epoch}][{it.at}/{it.of}]\tloss {it.loss:.3f}\tlr {it.lr:.4f}\tgn {it.norm:.4f}\n"


def _pair_epoch(it: Epoch) -> str:
    return f"Valid: [{it.epoch}]\tloss {it.val['loss']:.3f}\tR@1 {100 * it.val['found']:.2f}\n"


def pairs(
    lab: Lab,
    *,
    temperature: float = 0.2,
    normal: bool = True,
    together: bool = True,
    lr: float = 3e-3,
    optimizer: str = "Adam",
    epochs: int = 10,
    rows: int = 960,
    decay: float = 0.0,
    hidden: int = 64,
) -> None:
    """The right one of 48 is to be found; not `together`: the views are of two things."""
    torch, chance = lab.torch, lab.chance
    nn, functional = torch.nn, torch.nn.functional
    base = chance.standard_normal((rows + 192, 6))
    mixed = [chance.normal(0, 0.5, (6, 20)) for _ in range(2)]
    one, two = (np.tanh(base @ each) + 0.1 * chance.standard_normal((rows + 192, 20)) for each in mixed)
    if not together:
        two[:rows] = two[chance.permutation(rows)]
    a, b = lab.tensor(one.astype(np.float32)), lab.tensor(two.astype(np.float32))
    net = nn.ModuleList(nn.Sequential(nn.Linear(20, hidden), nn.ReLU(), nn.Linear(hidden, 16)) for _ in range(2))

    def scores(a: Tensor, b: Tensor) -> Tensor:
        left, right = net[0](a), net[1](b)
        if normal:
            left, right = functional.normalize(left, dim=1), functional.normalize(right, dim=1)
        return left @ right.T / temperature

    def loss(a: Tensor, b: Tensor) -> Tensor:
        said, right = scores(a, b), torch.arange(len(a))
        return (functional.cross_entropy(said, right) + functional.cross_entropy(said.T, right)) / 2

    def validate() -> dict[str, float]:
        held = [(a[at : at + 48], b[at : at + 48]) for at in range(rows, rows + 192, 48)]
        found = [float((scores(*each).argmax(1) == torch.arange(48)).float().mean()) for each in held]
        return {"loss": sum(float(loss(*each)) for each in held) / 4, "found": sum(found) / 4}

    lab.fit(
        net, optimizer_of(torch, optimizer, net.parameters(), lr, decay), loss,
        lab.batches(a[:rows], b[:rows], batch=48), validate, Printer(_pair_step, _pair_epoch), epochs=epochs,
    )  # fmt: skip


# A judge, and one that makes what it takes for true.


def ring(lab: Lab, *, of_judge: float = 1e-3, of_maker: float = 1e-3, rounds: int = 300, sloped: float = 0.2) -> None:
    """Points of a ring."""
    torch, chance = lab.torch, lab.chance
    nn, functional = torch.nn, torch.nn.functional

    def network(inner: int, outer: int) -> Any:  # noqa: ANN401  # a module
        leaky = nn.LeakyReLU(sloped)
        return nn.Sequential(nn.Linear(inner, 32), leaky, nn.Linear(32, 32), leaky, nn.Linear(32, outer))

    judge, maker = network(2, 1), network(4, 2)
    first = torch.optim.Adam(judge.parameters(), of_judge, betas=(0.5, 0.999))
    second = torch.optim.Adam(maker.parameters(), of_maker, betas=(0.5, 0.999))
    probes = lab.probe("judge"), lab.probe("maker")
    for at in range(rounds):
        angle = chance.uniform(0, 2 * np.pi, 64)
        true = lab.tensor(np.stack((np.cos(angle), np.sin(angle)), 1).astype(np.float32))
        made = maker(torch.randn(64, 4))
        of_true, of_made = judge(true), judge(made.detach())
        ones, none = torch.ones(64, 1), torch.zeros(64, 1)
        wrong = (
            functional.binary_cross_entropy_with_logits(of_true, ones)
            + functional.binary_cross_entropy_with_logits(of_made, none)
        ) / 2
        first.zero_grad()
        wrong.backward()
        first.step()
        caught = functional.binary_cross_entropy_with_logits(judge(made), ones)
        second.zero_grad()
        caught.backward()
        second.step()
        lab.write(
            f"[Epoch {at // 50}/{rounds // 50}] [Batch {at % 50}/50] [D loss: {float(wrong):f}] "
            f"[G loss: {float(caught):f}]\n"
        )
        probes[0].look(judge, at, None, 20, math.inf)
        probes[1].look(maker, at, None, 20, math.inf)


# A walk over a lake, learned from what comes of each move.


def lake(
    lab: Lab, *, lr: float = 5e-3, discount: float = 0.95, games: int = 160, still: int = 30, size: int = 4
) -> None:
    """The values of moves; the network that says what comes is a copy of each `still` steps."""
    torch, chance = lab.torch, lab.chance
    nn, functional = torch.nn, torch.nn.functional
    net = nn.Sequential(nn.Linear(size * size, 32), nn.ReLU(), nn.Linear(32, 4))
    target = nn.Sequential(nn.Linear(size * size, 32), nn.ReLU(), nn.Linear(32, 4))
    target.load_state_dict(net.state_dict())
    tuned, eye, probe = torch.optim.Adam(net.parameters(), lr), torch.eye(size * size), lab.probe()
    seen: list[tuple[int, int, float, int, float]] = []
    moves, steps, rewards, losses = ((0, 1), (1, 0), (0, -1), (-1, 0)), 0, [], []
    for game in range(games):
        place, total = (0, 0), 0.0
        curious = max(0.05, 1 - game / (0.5 * games))
        for _ in range(20):
            state = place[0] * size + place[1]
            with torch.no_grad():
                move = int(chance.integers(4)) if chance.random() < curious else int(net(eye[state]).argmax())
            down, along = (min(size - 1, max(0, a + b)) for a, b in zip(place, moves[move], strict=True))
            place = down, along
            won = place == (size - 1, size - 1)
            reward = 1.0 if won else -0.02
            total += reward
            seen.append((state, move, reward, place[0] * size + place[1], float(won)))
            steps += 1
            if steps > 64:
                drawn = [seen[i] for i in chance.integers(max(0, len(seen) - 1500), len(seen), 32)]
                states, acts, gains, nexts, ends = (torch.tensor(each) for each in zip(*drawn, strict=True))
                with torch.no_grad():
                    best = gains.float() + discount * (1 - ends.float()) * target(eye[nexts]).max(1).values
                said = net(eye[states])[torch.arange(32), acts]
                loss = functional.mse_loss(said, best)
                tuned.zero_grad()
                loss.backward()
                tuned.step()
                losses.append(float(loss))
                probe.look(net, steps, None, 50, math.inf)
                if steps % still == 0:
                    target.load_state_dict(net.state_dict())
            if won:
                break
        rewards.append(total)
        if game % 4 == 3 and losses:
            _sheet(lab, sum(rewards[-20:]) / len(rewards[-20:]), game + 1, steps, losses[-1], curious, lr)


def _sheet(lab: Lab, reward: float, games: int, steps: int, loss: float, curious: float, lr: float) -> None:
    rows = (
        ("rollout/", None), ("   ep_rew_mean", f"{reward:.3g}"), ("   exploration_rate", f"{curious:.3g}"),
        ("time/", None), ("   episodes", str(games)), ("   total_timesteps", str(steps)),
        ("train/", None), ("   learning_rate", f"{lr:g}"), ("   loss", f"{loss:.3g}"),
    )  # fmt: skip
    rule = "-" * 37
    body = "".join(f"| {name:<20} | {value or '':<10} |\n" for name, value in rows)
    lab.write(f"{rule}\n{body}{rule}\n")
