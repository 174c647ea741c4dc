"""Make the pictures of what is inside a network: its layers, their distributions, the states that it goes through.

`python -m screenshots.inside` trains the example on this machine and drives the real board; it takes a minute.
"""

from __future__ import annotations

import asyncio
import os
import shutil
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

CONFIG = """\
poll: 1
backends:
  laptop: {kind: local}
"""
SPEC = """\
name: char-rnn
command: >-
  ${PYTHON:-python3} char_rnn.py --lr 0.003 --hidden 128 --steps 1200 --layers-every 20
  --states states
workdir: .
env: {OMP_NUM_THREADS: 1, OPENBLAS_NUM_THREADS: 1}
resources: {cpus: 1, time: 10m}
outputs: {embeddings: "states/*.npy"}
metrics: {objective: val_loss, total: {steps: 1200}}
"""


async def make(home: Path) -> None:
    """Train, and take the pictures."""
    (home / "config.yaml").write_text(CONFIG)
    project = home / "my-project"
    shutil.copytree(Path(specs.__file__).parent / "examples", project)
    (project / "inside.yaml").write_text(SPEC)
    os.chdir(project)
    prompter = ModalPrompter()
    watch = open_desk({**os.environ, "TRAINBOARD_HOME": str(home)}, prompter).watch()
    board = Board(watch.events, watch, prompter=prompter)
    async with board.run_test(size=(132, 38)) as pilot:
        await until(pilot, lambda: "up" in shown(pilot))
        await watch.submit(load(Path("inside.yaml")), "laptop", PLAIN)
        await until(pilot, lambda: "COMPLETED" in shown(pilot), 300)
        await shoot(pilot)


async def shoot(pilot: Pilot[int]) -> None:
    """Press keys, wait for what they show, take pictures."""
    await pilot.press("enter")
    await until(pilot, lambda: "[curves]" in shown(pilot) and "┤" in shown(pilot))
    await pilot.press("3")
    await until(pilot, lambda: "(1/6 n)" in shown(pilot))
    await pilot.press("n", "j", "h")
    await until(pilot, lambda: "median" in shown(pilot))
    save(pilot, "layers")
    await pilot.press("N", "h")
    await until(pilot, lambda: "(the first)" in shown(pilot))
    save(pilot, "distributions")
    await pilot.press("O")
    await until(pilot, lambda: "nearest (Euclidean): row" in shown(pilot))
    save(pilot, "states")


def main() -> None:
    """In a folder of its own, which is gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="trainboard-") as home:
        asyncio.run(make(Path(home)))


if __name__ == "__main__":
    main()
