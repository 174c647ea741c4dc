"""What a project costs that is sent by content: `python -m benchmarks.code [files]`.

A project of two thousand files, in git and not, goes to a host of its own over real SSH (tests/cluster): all of it,
then unchanged, then with one file changed. Exit code 1 where the unchanged one breaks the budget.
"""

from __future__ import annotations

import asyncio
import random
import secrets
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from backends.code import CodeSender
from backends.host import Host, helper_command
from backends.ssh import SshHost
from benchmarks.queue import report
from specs.load import loads
from tests.cluster import start, stop, up_already
from trainboard.archive import Archives
from trainboard.code import take

if TYPE_CHECKING:
    from backends.base import Question
    from specs.model import Spec
    from tests.cluster import Cluster

BUDGET = 2.0
"""Seconds for an unchanged project: looking at it, and seeing that all of it is there."""

HOST = "gpu1"

SETTLED = 2.5
"""Seconds after which a file that was just written is taken for unchanged: this waits for the clock of a disk."""


class Nobody:
    """There is nobody to ask."""

    async def ask(self, question: Question) -> str | None:
        """No."""
        return None


def write(folder: Path, files: int) -> None:
    """A project of ordinary files: a few kilobytes each, in forty folders."""
    lot = random.Random(1)
    for number in range(files):
        path = folder / f"package{number % 40}" / f"module{number}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("".join(f"value_{lot.random()} = {lot.random()}\n" for _ in range(lot.randrange(10, 250))))


def commit(folder: Path) -> None:
    """Make a repository of it."""
    who = ["-c", "user.name=Ada", "-c", "user.email=ada@example.org"]
    for words in (["init", "-q"], ["add", "."], [*who, "commit", "-qm", "first"]):
        subprocess.run(["git", *words], cwd=folder, check=True, capture_output=True)


async def send(spec: Spec, archives: Archives, sender: CodeSender) -> float:
    """Seconds from the folder here to the tree there."""
    began = time.perf_counter()
    taken = await asyncio.to_thread(take, spec, archives)
    await sender.send(taken.snapshot)
    return time.perf_counter() - began


async def measure(cluster: Cluster, base: Path, files: int, repository: bool) -> bool:
    """One project, three times; whether the budget holds."""
    kind = "in git" if repository else "without git"
    project = base / kind.replace(" ", "-")
    await asyncio.to_thread(write, project, files)
    if repository:
        await asyncio.to_thread(commit, project)
    await asyncio.sleep(SETTLED)
    ssh = SshHost(HOST, Nobody(), config=cluster.ssh_config)
    host = Host(HOST, lambda: ssh.open(helper_command("python3")), ssh.close)
    spec = loads("name: x\ncommand: train\n", project / "x.yaml")
    archives, root = Archives(base / f"{project.name}-code"), f"{base}/runs-{secrets.token_hex(4)}"
    sender = CodeSender(host, root)
    await host.run(["true"])
    try:
        report(f"{files} files {kind}: all of it", await send(spec, archives, sender), None, "s")
        again = min([await send(spec, archives, sender) for _ in range(3)])
        (project / "package0/module0.py").write_text("changed = True\n")
        report(f"{files} files {kind}: one changed", await send(spec, archives, sender), None, "s")
        return report(f"{files} files {kind}: unchanged", again, BUDGET, "s")
    finally:
        await host.close()


def main() -> int:
    """Both kinds of projects; 1 where one breaks the budget."""
    files = int(sys.argv[1]) if len(sys.argv) > 1 else 2000
    by_hand = up_already()
    cluster = start(slurm=False)
    try:
        with tempfile.TemporaryDirectory() as base:
            held = [asyncio.run(measure(cluster, Path(base), files, repository)) for repository in (True, False)]
    finally:
        if not by_hand:
            stop(cluster.dir)
    return 0 if all(held) else 1


if __name__ == "__main__":
    sys.exit(main())
