"""Make the pictures of `docs/errors.md`: two real trainings of the digits, and where each is wrong.

`PYTHON=… python -m screenshots.errors`: an interpreter with torch. It takes some minutes.
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
from trainboard.options import Options
from tui.app import Board
from tui.prompts import ModalPrompter

if TYPE_CHECKING:
    from textual.pilot import Pilot

CONFIG = "poll: 1\nbackends: {{laptop: {{kind: local, leases: {leases}}}}}\n"
EASIER = (
    *(
        "sweep.samples=2",
        "sweep.width=[4,16]",
        "sweep.dropout=[0.0]",
        "sweep.seed=[5]",
        "sweep.lr=[0.002,0.006]",
        "params.noise=0.45",
    ),
    *("resources.gpus=0", "resources.gpu_memory=null"),
)
"""Two settings of one seed, so that both are tried on the same digits; noisy ones, for errors."""
VIEWS = {"1": "overview", "2": "confusion", "4": "calibration", "5": "features", "7": "worst"}
BOTH = {"8": "both", "0": "moved"}


async def make(folder: Path) -> None:
    """All pictures."""
    home, project = folder / "home", folder / "digits"
    home.mkdir()
    (home / "config.yaml").write_text(CONFIG.format(leases=folder / "leases"))
    shutil.copytree(Path(specs.__file__).parent / "examples", project)
    os.chdir(project)
    prompter = ModalPrompter()
    watch = open_desk({**os.environ, "TRAINBOARD_HOME": str(home)}, prompter).watch()
    board = Board(watch.events, watch, prompter=prompter)
    async with board.run_test(size=(132, 34)) as pilot:
        await until(pilot, lambda: "● up" in shown(pilot))
        setup = f"setup=export PYTHON={os.environ.get('PYTHON', sys.executable)}"
        await watch.submit(load(Path("digits.yaml"), [*EASIER, setup]), "laptop", Options(force=True))
        await until(pilot, lambda: shown(pilot).count("✓") >= 2, 300)
        await shoot(pilot)


async def shoot(pilot: Pilot[int]) -> None:
    """Open the predictions of the first run, then compare them with the second's."""
    await pilot.press("g", "j", "space", "k")
    await until(pilot, lambda: "marked" in shown(pilot))
    await pilot.press("O")
    await until(pilot, lambda: "balanced accuracy" in shown(pilot) or "predictions/" in shown(pilot))
    if "balanced accuracy" not in shown(pilot):
        await pilot.press("enter")
        await until(pilot, lambda: "balanced accuracy" in shown(pilot))
    for key, name in VIEWS.items():
        await pilot.press(key)
        await until(pilot, lambda name=name: f"[{name}]" in shown(pilot))  # type: ignore[misc] # as it is now
        save(pilot, f"errors-{name}")
    await pilot.press("c")
    await until(pilot, lambda: "McNemar" in shown(pilot))
    for key, name in BOTH.items():
        await pilot.press(key)
        await until(pilot, lambda name=name: f"[{name}]" in shown(pilot))  # type: ignore[misc] # as it is now
        save(pilot, f"errors-{name}")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory(prefix="trainboard-") as made:
        asyncio.run(make(Path(made)))
