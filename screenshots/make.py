"""Make the pictures of the README: the real board, driven by its keys, against the real test cluster.

`python -m screenshots.make` starts a cluster of its own, submits the example, writes *.svg into this folder.
It takes about a minute and leaves nothing running.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import specs
from specs.load import load
from tests import cluster as servers
from trainboard.cli.desk import open_desk
from trainboard.options import PLAIN
from tui.app import Board
from tui.prompts import ModalPrompter

if TYPE_CHECKING:
    from collections.abc import Callable

    from textual.pilot import Pilot

    from tests.cluster import Cluster
    from trainboard.watch import Watch

HERE = Path(__file__).parent
FOLDER = Path("/tmp/trainboard-pictures")  # not in a private folder: the database runs as a user of its own
PORTS = 18100
CONFIG = """\
poll: 1
backends:
  triton: {kind: slurm, host: gateway}
  rented: {kind: ssh, host: twofactor}
  gpu1: {kind: ssh, leases: /tmp/trainboard-pictures/leases/gpu1}
  gpu2: {kind: ssh, leases: /tmp/trainboard-pictures/leases/gpu2}
  gpu3: {kind: ssh, host: down}
  laptop: {kind: local, leases: /tmp/trainboard-pictures/leases/laptop}
"""
BASELINE = """\
#!/bin/bash
#SBATCH --job-name=resnet-baseline
#SBATCH --gres=gpu:2
for epoch in $(seq 1 60); do
  echo "Epoch $epoch/60 train_loss: $(echo "scale=4; 2.3/sqrt($epoch)" | bc -l) val_acc: 0.$((400 + epoch * 7))"
  sleep 0.5
done
"""


async def make(cluster: Cluster, home: Path) -> None:
    """All pictures, in the order of the README."""
    (home / "config.yaml").write_text(CONFIG)
    busy(cluster, "gpu1", {0: (97, 71_000), 1: (92, 70_500), 3: (64, 22_000)})
    busy(cluster, "gpu2", {1: (99, 40_100)})
    script = cluster.home("gateway") / "baseline.sh"
    script.write_text(BASELINE)
    submitted = cluster.run("gateway", "cd; sbatch baseline.sh")
    assert submitted.returncode == 0, submitted.stderr
    environ = {
        **os.environ,
        "TRAINBOARD_HOME": str(home),
        "TRAINBOARD_SSH_CONFIG": str(cluster.ssh_config),
    }
    project = cluster.dir / "my-project"
    shutil.copytree(Path(specs.__file__).parent / "examples", project)
    os.chdir(project)
    prompter = ModalPrompter()
    watch = open_desk(environ, prompter).watch()
    board = Board(watch.events, watch, prompter=prompter)
    async with board.run_test(size=(132, 38)) as pilot:
        await shoot(pilot, watch, cluster)


async def shoot(pilot: Pilot[int], watch: Watch, cluster: Cluster) -> None:
    """Press keys, wait for what they show, take pictures."""
    await until(pilot, lambda: "Password" in shown(pilot))
    save(pilot, "two-factor")
    await pilot.press(*cluster.password, "enter")
    await until(pilot, lambda: "Verification" in shown(pilot))
    await pilot.press(*cluster.code, "enter")
    await until(pilot, lambda: shown(pilot).count("● up") == 5)
    example = load(Path("char-rnn.yaml"))
    await watch.submit(example, "triton", PLAIN)
    await watch.submit(load(Path("char-rnn.yaml"), ["sweep.seeds=[7]"]), "gpu1", PLAIN)
    await until(pilot, lambda: shown(pilot).count("▁") > 24)
    await pilot.press("g", "j", "l")
    await until(pilot, lambda: "val_loss:" in shown(pilot))
    save(pilot, "board")
    await pilot.press("m")
    await until(pilot, lambda: "┤" in shown(pilot))
    save(pilot, "metrics")
    await pilot.press("enter")
    await until(pilot, lambda: "[curves]" in shown(pilot) and "┤" in shown(pilot))
    await pilot.press("left", "left")
    await until(pilot, lambda: "│ " in shown(pilot))
    save(pilot, "run")
    await pilot.press("2")
    await until(pilot, lambda: "[grid]" in shown(pilot))
    await pilot.pause(1.0)
    save(pilot, "grid")
    await pilot.press("escape")
    await until(pilot, lambda: "[metrics]" in shown(pilot))
    await profiled(pilot)
    await pilot.press("escape", "space", "j", "space", "c")
    await until(pilot, lambda: "Cancel" in shown(pilot))
    save(pilot, "cancel")
    await pilot.press("n")
    await watch.submit(load(Path("char-rnn.yaml"), ["sweep.lr=[30]", "sweep.seeds=[1]"]), "gpu1", PLAIN)
    await until(pilot, lambda: "unread finding" in shown(pilot))
    await pilot.press("F")
    await until(pilot, lambda: "error:" in shown(pilot))
    save(pilot, "findings")
    await pilot.press("escape")
    await watch.submit(load(Path("char-rnn.yaml"), ["sweep.seeds=[5]"]), "gpu1", PLAIN)
    await machines(pilot, cluster)
    await pilot.press("escape", "n")
    await until(pilot, lambda: " away.yaml" in shown(pilot))
    await pilot.press("j", "b", "tab")
    await until(pilot, lambda: "4 runs of" in shown(pilot) and "#SBATCH" in shown(pilot))
    save(pilot, "new")
    await pilot.press("c")
    await until(pilot, lambda: " fine" in shown(pilot))
    save(pilot, "checks")
    await pilot.press("q")
    await pilot.resize_terminal(80, 24)
    await until(pilot, lambda: "char-rnn" in shown(pilot))
    save(pilot, "small")


async def profiled(pilot: Pilot[int]) -> None:
    """The flame graph of the run under the cursor; where there is no py-spy it is sent."""
    await pilot.press("P")
    await until(pilot, lambda: "char_rnn.py" in shown(pilot))
    await pilot.press("minus", "minus", "r")
    await until(pilot, lambda: "Send py-spy" in shown(pilot) or "samples of" in shown(pilot))
    if "Send py-spy" in shown(pilot):
        await pilot.press("y")
    await until(pilot, lambda: "samples of" in shown(pilot))
    await pilot.press("3", "j", "j", "j")
    save(pilot, "flame")
    await pilot.press("escape")


async def machines(pilot: Pilot[int], cluster: Cluster) -> None:
    """The hosts, one of them unfolded, with a run on each of its GPUs that are in use."""
    await until(pilot, lambda: len(trainings(cluster, "gpu1")) > 0)
    occupy(cluster, "gpu1", trainings(cluster, "gpu1"))
    await pilot.press("H")
    await until(pilot, lambda: "GPU USE" in shown(pilot))
    await pilot.press("slash", *"gpu1", "enter", "z", "escape")
    await until(pilot, lambda: "char_rnn.py" in shown(pilot) and "▁▁▁" in shown(pilot))
    save(pilot, "hosts")
    await pilot.press("escape")


def shown(pilot: Pilot[int]) -> str:
    """The text on the screen."""
    compositor = pilot.app.screen._compositor
    return "\n".join("".join(part.text for part in line) for line in compositor.render_strips())


async def until(pilot: Pilot[int], condition: Callable[[], bool], within: float = 60) -> None:
    """Let the board live until something is shown."""
    async with asyncio.timeout(within):
        while not condition():
            await pilot.pause(0.1)


def save(pilot: Pilot[int], name: str) -> None:
    """Write the screen as it is now."""
    (HERE / f"{name}.svg").write_text(pilot.app.export_screenshot(title="trainboard"))
    sys.stderr.write(f"{name}.svg\n")


def busy(cluster: Cluster, host: str, cards: dict[int, tuple[int, int]]) -> None:
    """Have a host's nvidia-smi show some cards at work: index → utilisation in percent, memory in MiB."""
    path = cluster.gpus(host)
    recording = json.loads(path.read_text())
    for index, (utilization, memory) in cards.items():
        card = recording["gpus"][index]
        card |= {"utilization.gpu": utilization, "memory.used": memory}
    path.write_text(json.dumps(recording))


def trainings(cluster: Cluster, host: str) -> list[int]:
    """The processes of runs on a host."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            command, environ = ((folder / name).read_bytes() for name in ("cmdline", "environ"))
        except OSError:
            continue  # it has ended
        ours = f"{cluster.dir}/hosts/{host}/bin".encode() in environ
        if ours and b"char_rnn.py" in command and b"python" in command.split(b"\0")[0]:
            found.append(int(folder.name))
    return sorted(found)


def occupy(cluster: Cluster, host: str, pids: list[int]) -> None:
    """Have a host's nvidia-smi show these processes on the cards that are at work."""
    path = cluster.gpus(host)
    recording = json.loads(path.read_text())
    cards = [card for card in recording["gpus"] if card["utilization.gpu"] > 10]
    recording["apps"] = [
        {"gpu_uuid": card["uuid"], "pid": pid, "process_name": "python3", "used_memory": card["memory.used"] - 500}
        for card, pid in zip(cards, pids, strict=False)
    ]
    path.write_text(json.dumps(recording))


SWEEP = ["sweep.lr=[0.0003, 0.001, 0.003, 0.01, 0.03]", "hidden=32", "steps=300", "sweep.seeds=3"]
"""Fifteen runs of the example, of a second each."""


async def ranked(home: Path) -> None:
    """What came of a real sweep on this machine: its table, its seeds folded, and what the learning rate does."""
    (home / "config.yaml").write_text(f"poll: 1\nbackends:\n  laptop: {{kind: local, leases: {home}/leases}}\n")
    project = home / "my-project"
    shutil.copytree(Path(specs.__file__).parent / "examples", project)
    os.chdir(project)
    prompter = ModalPrompter()
    watch = open_desk({**os.environ, "TRAINBOARD_HOME": str(home)}, prompter).watch()
    board = Board(watch.events, watch, prompter=prompter)
    async with board.run_test(size=(132, 38)) as pilot:
        await until(pilot, lambda: "● up" in shown(pilot))
        await watch.submit(load(Path("char-rnn.yaml"), SWEEP), "laptop", PLAIN)
        await until(pilot, lambda: "15 CD" in shown(pilot) or "15 ended" in shown(pilot), within=300)
        await pilot.press("T")
        await until(pilot, lambda: " 15 runs " in shown(pilot) and "1.14 " in shown(pilot) and "★" in shown(pilot))
        await pilot.press("z")
        await until(pilot, lambda: "Welch t" in shown(pilot))
        save(pilot, "results")
        await pilot.press("z", "2")
        await until(pilot, lambda: "┤" in shown(pilot))
        save(pilot, "effects")
        await pilot.press("escape", "q")


def main() -> None:
    """Start the servers, make the pictures, stop the servers; with the word `results` only those that need none."""
    with tempfile.TemporaryDirectory(prefix="trainboard-") as home:
        asyncio.run(ranked(Path(home)))
    if sys.argv[1:] == ["results"]:
        return
    with tempfile.TemporaryDirectory(prefix="trainboard-") as home:
        try:
            asyncio.run(make(servers.start(FOLDER, port_base=PORTS), Path(home)))
        finally:
            servers.stop(FOLDER)
    from screenshots import outputs  # needs what is above

    outputs.main()


if __name__ == "__main__":
    main()
