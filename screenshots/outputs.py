"""Pictures of what runs wrote: the text as a really trained character RNN saw it, pictures that a network learnt.

`python -m screenshots.outputs` trains both on this machine, in less than a minute, and leaves nothing running.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import specs
from screenshots.make import save, shown, until
from specs.load import load
from trainboard.cli.desk import open_desk
from trainboard.options import PLAIN
from tui.app import Board
from tui.prompts import ModalPrompter

if TYPE_CHECKING:
    from textual.pilot import Pilot

LEARNER = '''\
"""A network of one hidden layer learns the colours of a picture from the places of its pixels."""
import numpy as np

rng = np.random.default_rng(0)
y, x = np.mgrid[-1:1:48j, -1:1:48j]
r, angle = np.hypot(x, y), np.arctan2(y, x)
picture = np.stack([r < 0.8, (r < 0.8) & (np.sin(5 * angle) > 0), r < 0.35], -1).reshape(-1, 3).astype(float)
places = np.stack([x, y], -1).reshape(-1, 2) @ rng.normal(0, 6, (2, 256))
features = np.concatenate([np.sin(places), np.cos(places)], 1)
weights = np.zeros((512, 3))
for step in range(1, 501):
    seen = 1 / (1 + np.exp(-features @ weights))
    weights -= 2.0 * features.T @ (seen - picture) / len(picture)
    if step in (1, 3, 10, 30, 100, 500):
        np.save(f"samples/step_{step}.npy", seen.reshape(48, 48, 3))
        print(f"step={step} loss={((seen - picture) ** 2).mean():.4f}", flush=True)
'''
LONG = 300.0
"""Seconds that a training may take."""
SPEC = """\
name: picture
command: ${PYTHON:-python3} learner.py
env: {OMP_NUM_THREADS: 1, OPENBLAS_NUM_THREADS: 1}
outputs: {samples: "samples/*.npy"}
"""


async def make(folder: Path) -> None:
    """All of them."""
    project = folder / "project"
    shutil.copytree(Path(specs.__file__).parent / "examples", project)
    (project / "learner.py").write_text(LEARNER)
    (project / "picture.yaml").write_text(SPEC)
    (project / "samples").mkdir()
    os.chdir(project)
    environ = {**os.environ, "TRAINBOARD_HOME": str(folder / "home"), "PYTHON": sys.executable}
    os.environ["PYTHON"] = sys.executable
    prompter = ModalPrompter()
    watch = open_desk(environ, prompter).watch()
    board = Board(watch.events, watch, prompter=prompter)
    async with board.run_test(size=(110, 34)) as pilot:
        await until(pilot, lambda: "● up" in shown(pilot))
        await watch.submit(load(Path("picture.yaml")), "local", PLAIN)
        await until(pilot, lambda: "COMPLETED" in shown(pilot), LONG)
        await samples(pilot)
        await watch.submit(load(Path("char-rnn.yaml"), ["sweep.seeds=1", "sweep.lr=[0.003]"]), "local", PLAIN)
        await until(pilot, lambda: shown(pilot).count("COMPLETED") > 1, LONG)
        await pilot.press("g")
        await sequence(pilot)


async def samples(pilot: Pilot[int]) -> None:
    """Two steps side by side."""
    await pilot.press("O")
    await until(pilot, lambda: "step 500 (6 of 6)" in shown(pilot))
    await pilot.press("left", "left", "left", "c", "right", "right", "right", "plus")
    await until(pilot, lambda: "step 10 on the left, step 500 on the right" in shown(pilot))
    save(pilot, "samples")
    await pilot.press("escape", "escape")


async def sequence(pilot: Pilot[int]) -> None:
    """Surprise, then a unit, then the units."""
    await pilot.press("O")
    await until(pilot, lambda: "perplexity" in shown(pilot))
    await pilot.press("n", "n", "n", "w", "w")
    await pilot.pause(0.5)
    save(pilot, "sequence")
    await pilot.press("2")
    await until(pilot, lambda: "units, by how much" in shown(pilot))
    save(pilot, "units")
    await pilot.press("enter")
    await until(pilot, lambda: "unit " in shown(pilot) and "[text]" in shown(pilot))
    save(pilot, "unit")


def main() -> None:
    """In a folder that goes away."""
    with tempfile.TemporaryDirectory(prefix="trainboard-") as folder:
        asyncio.run(make(Path(folder)))


if __name__ == "__main__":
    main()
