"""What it costs to look inside a network: the probe in a training step, and the map of a long run.

`python -m benchmarks.layers` trains perceptrons in numpy, and in torch where that is installed, and times the probe
beside the steps; then it makes the map of a million samples and its picture. Exit code 1 where a budget is broken.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
import time
from statistics import median
from typing import TYPE_CHECKING, Any

import numpy as np

from trainboard.layers import layer_map
from trainboard.probe import Probe
from trainboard.series import Series
from tui import heat

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

EVERY = 100
SHARE = 0.02
"""Of the time of training, at most for the probe."""
IDLE = 10e-6
"""Seconds of a call that prints nothing."""
MAP = 0.5
"""Seconds for the map of a million samples; it is made off the event loop."""
DRAW = 0.05
"""Seconds for a picture of it."""


def main() -> int:
    """Print each figure beside its budget."""
    held = [
        probed("numpy, 3 layers of 256", *perceptron(3, 256)),
        probed("numpy, 50 layers of 256", *perceptron(50, 256)),
        mapped(layers=100, steps=2000),
    ]
    if importlib.util.find_spec("torch"):
        held += [
            probed("torch, 3 layers of 256", *module(3, 256)),
            probed("torch, 50 layers of 512", *module(50, 512)),
        ]
    return 0 if all(held) else 1


def probed(title: str, params: object, step: Callable[[], Mapping[str, object] | None]) -> bool:
    """Times a step of training, a call that prints nothing, and the two that make and print the lines."""
    lines: list[str] = []
    probe = Probe(write=lines.append)
    steps: list[float] = []
    idle: list[float] = []
    printing: list[float] = []
    for number in range(4 * EVERY + 1):
        start = time.perf_counter()
        grads = step() if number % 10 == 0 or number % EVERY == 1 else None
        middle = time.perf_counter()
        probe.look(params, number, grads, EVERY, 1e9)
        took = time.perf_counter() - middle
        if number % 10 == 0:
            steps.append(middle - start)
        (printing if (number + 1) % EVERY < 2 else idle).append(took)
    one, both = median(steps), median(np.add(printing[1::2], printing[2::2]))
    share, rest = both / (EVERY * one), median(idle)
    print(f"{title}: step {one * 1e3:.2f} ms, print {both * 1e3:.2f} ms")
    print(f"  share of {EVERY} steps {share:.2%}; budget {SHARE:.0%}")
    print(f"  a call that prints nothing {rest * 1e6:.1f} µs; budget {IDLE * 1e6:.0f} µs")
    return bool(share <= SHARE and rest <= IDLE)


def perceptron(depth: int, width: int) -> tuple[dict[str, Any], Callable[[], dict[str, Any]]]:
    """Weights, and a step that changes them in place and returns their gradients."""
    rng = np.random.default_rng(0)
    params = {f"layer{i}": rng.standard_normal((width, width), np.float32) / width**0.5 for i in range(depth)}
    x = rng.standard_normal((64, width), np.float32)

    def step() -> dict[str, Any]:
        seen = [x]
        for weight in params.values():
            seen.append(np.maximum(seen[-1] @ weight, 0))
        back, grads = seen[-1] / x.size, {}
        for name, before in zip(reversed(params), reversed(seen[:-1]), strict=True):
            grads[name] = before.T @ back
            back = (back @ params[name].T) * (before > 0)
        for name, grad in grads.items():
            params[name] -= 0.01 * grad
        return grads

    return params, step


def module(depth: int, width: int) -> tuple[Any, Callable[[], None]]:
    """The same in torch."""
    torch = importlib.import_module("torch")
    model = torch.nn.Sequential(*(torch.nn.Linear(width, width) for _ in range(depth)))
    optimizer = torch.optim.Adam(model.parameters())
    x = torch.randn(64, width)

    def step() -> None:
        optimizer.zero_grad()
        model(x).square().mean().backward()
        optimizer.step()

    return model, step


def mapped(layers: int, steps: int) -> bool:
    """Times the map of five quantities, and the picture of one as wide as a wide screen."""
    rng, at = np.random.default_rng(0), np.arange(float(steps))
    series = {}
    for name in (
        f"h.{i}.weight.{word}" for i in range(layers) for word in ("norm", "grad_norm", "zeros", "dead", "rms")
    ):
        series[name] = Series(name)
        series[name].extend(at, rng.random(steps), at, "step")
    start = time.perf_counter()
    found = layer_map(series)
    made = time.perf_counter() - start
    assert found is not None
    start = time.perf_counter()
    heat.picture(found, "grad_norm", 300)
    drawn = time.perf_counter() - start
    count = sum(map(len, series.values()))
    print(f"map of {count:,} samples: {made * 1e3:.0f} ms; budget {MAP * 1e3:.0f} ms")
    print(f"picture of it: {drawn * 1e3:.1f} ms; budget {DRAW * 1e3:.0f} ms")
    return made <= MAP and drawn <= DRAW


if __name__ == "__main__":
    sys.exit(main())
