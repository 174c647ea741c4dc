"""What the small networks learn: each set is made or read in a moment and the same every time."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    Array = NDArray[Any]

CHARACTERS = 24_000
"""Of the text that is learned."""
WINDOW = 32
"""Characters that the network sees at once."""


@dataclass(frozen=True, slots=True)
class Data:
    """Inputs and what they should give: to learn from, and to validate with."""

    x: Array
    y: Array
    val_x: Array
    val_y: Array
    classes: int
    """0: the targets are numbers."""


def digits(_: np.random.Generator) -> Data:
    """Pictures of 8×8 with grey levels from 0 to 16, ten classes: 1300 to learn from, 497 to validate with."""
    found = import_module("sklearn.datasets").load_digits()
    x, y = found.data.astype(np.float32), found.target.astype(np.int64)
    order = np.random.default_rng(0).permutation(len(y))
    x, y = x[order], y[order]
    return Data(x[:1300], y[:1300], x[1300:], y[1300:], 10)


def blobs(chance: np.random.Generator) -> Data:
    """Seven clouds in 16 dimensions that overlap a little: 900 to learn from, 400 to validate with."""
    centres = chance.normal(0, 0.7, (7, 16))
    y = chance.integers(0, 7, 1300)
    x = (centres[y] + chance.standard_normal((1300, 16))).astype(np.float32)
    return Data(x[:900], y[:900], x[900:], y[900:], 7)


def tumours(_: np.random.Generator) -> Data:
    """Thirty measures of a tumour, standardised, two classes: 400 to learn from, 169 to validate with."""
    found = import_module("sklearn.datasets").load_breast_cancer()
    x = ((found.data - found.data.mean(0)) / found.data.std(0)).astype(np.float32)
    y = found.target.astype(np.int64)
    order = np.random.default_rng(0).permutation(len(y))
    x, y = x[order], y[order]
    return Data(x[:400], y[:400], x[400:], y[400:], 2)


def uneven(chance: np.random.Generator) -> Data:
    """Two clouds that overlap; 19 of 20 rows are of one."""
    y = (chance.random(1600) < 0.05).astype(np.int64)
    x = (chance.standard_normal((1600, 8)) + y[:, None]).astype(np.float32)
    return Data(x[:1200], y[:1200], x[1200:], y[1200:], 2)


def friedman(chance: np.random.Generator) -> Data:
    """Ten inputs in the unit cube and a number that follows from five of them, with noise: mean 0, spread near 1."""
    x = chance.random((1500, 10)).astype(np.float32)
    wave = 10 * np.sin(np.pi * x[:, 0] * x[:, 1]) + 20 * (x[:, 2] - 0.5) ** 2 + 10 * x[:, 3] + 5 * x[:, 4]
    y = ((wave - 14.4 + chance.standard_normal(1500)) / 5).astype(np.float32)[:, None]
    return Data(x[:1100], y[:1100], x[1100:], y[1100:], 0)


def shapes(chance: np.random.Generator) -> Data:
    """Noisy pictures of 12×12 of six shapes, each somewhere: 1000 to learn from, 400 to validate with."""
    y = chance.integers(0, 6, 1400)
    x = chance.normal(0, 0.5, (1400, 1, 12, 12)).astype(np.float32)
    for picture, kind in zip(x[:, 0], y, strict=True):
        top, left = chance.integers(0, 6, 2)
        picture[top : top + 7, left : left + 7] += _SHAPES[kind]
    return Data(x[:1000], y[:1000], x[1000:], y[1000:], 6)


def _shapes() -> Array:
    rows, columns = np.indices((7, 7))
    edge = (rows % 6 == 0) | (columns % 6 == 0)
    disc = (rows - 3) ** 2 + (columns - 3) ** 2 <= 9
    cross = (rows == 3) | (columns == 3)
    return np.array([edge, disc, cross, rows % 2 == 0, columns % 2 == 0, rows == columns], np.float32)


_SHAPES = _shapes()


def characters(_: np.random.Generator) -> Data:
    """Python's own reference in English, cut into windows; the target is each next character."""
    topics: dict[str, str] = import_module("pydoc_data.topics").topics
    text = "\n".join(topics[name] for name in sorted(topics))[:CHARACTERS].lower()
    letters = sorted(set(text))
    codes = np.array([letters.index(letter) for letter in text], np.int64)
    starts = np.arange(0, len(codes) - WINDOW - 1, WINDOW)
    windows = codes[starts[:, None] + np.arange(WINDOW + 1)]
    cut = len(windows) * 4 // 5
    train, val = windows[:cut], windows[cut:]
    return Data(train[:, :-1], train[:, 1:], val[:, :-1], val[:, 1:], len(letters))


SETS: dict[str, Callable[[np.random.Generator], Data]] = {
    "digits": digits,
    "blobs": blobs,
    "uneven": uneven,
    "tumours": tumours,
    "friedman": friedman,
    "shapes": shapes,
    "characters": characters,
}
