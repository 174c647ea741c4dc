"""The hosts screen over ten real SSH hosts, two of which hang: it stays smooth, and says which are not of now."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.conftest import need
from trainboard.cli.desk import open_desk
from trainboard.link import Link
from tui.app import Board
from tui.prompts import ModalPrompter
from tui.screens.hosts import HostsScreen
from tui.widgets.host_list import HostList

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator

    from textual.pilot import Pilot

    from tests.cluster import Cluster
    from trainboard.events import HostSeen

pytestmark = [pytest.mark.sshd, pytest.mark.slow, pytest.mark.timeout(300)]

TEN = ("gateway", "gpu1", "gpu2", "jump", "behind", "maxsessions", "full", "tcsh", "fish", "banner")
HUNG = ("gpu2", "banner")
BLOCK = 0.25
"""Seconds of processor in one piece that a user would feel; the benchmark is stricter, on a quiet machine."""


def helpers(cluster: Cluster, alias: str) -> list[int]:
    """The processes of our helper on a host."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            environ = (folder / "environ").read_bytes()
            command = (folder / "cmdline").read_bytes()
        except OSError:
            continue  # it has ended
        if f"PATH={cluster.dir}/hosts/{alias}/bin".encode() in environ and b"sys.stdin.buffer.read" in command:
            found.append(int(folder.name))
    return found


@pytest.fixture
def stopped() -> Iterator[list[int]]:
    """Processes that a test stops; they go on at its end, to see that nobody needs them any more."""
    pids: list[int] = []
    yield pids
    for pid in pids:
        try:
            os.kill(pid, signal.SIGCONT)
        except ProcessLookupError:
            continue


def told_since(host: HostSeen, at: float) -> bool:
    """Whether it has told of itself after this moment."""
    return host.link is Link.UP and host.health is not None and host.health.at > at


async def lateness(blocks: list[float]) -> None:
    """How much processor this thread used between two turns of the loop."""
    while True:
        used = time.thread_time()
        await asyncio.sleep(0.005)
        blocks.append(time.thread_time() - used)


async def until(pilot: Pilot[int], condition: Callable[[], bool], within: float = 90.0) -> None:
    """Let the board live until something is so."""
    async with asyncio.timeout(within):
        while not condition():
            await pilot.pause(0.1)


def shown(pilot: Pilot[int]) -> list[str]:
    strips = pilot.app.screen._compositor.render_strips()
    return ["".join(part.text for part in line) for line in strips]


@pytest.fixture
async def pilot(sshd: Cluster, tmp_path: Path) -> AsyncIterator[Pilot[int]]:
    """The board over ten hosts, at the hosts screen."""
    missing = [name for name in TEN if name not in sshd.aliases]
    need(f"hosts of other users need root: {', '.join(missing)}" if missing else "", os.environ)
    lines = "".join(f"  {name}: {{kind: ssh, leases: {tmp_path}/leases/{name}}}\n" for name in TEN)
    (tmp_path / "config.yaml").write_text(f"poll: 1\nbackends:\n{lines}")
    environ = {**os.environ, "TRAINBOARD_HOME": str(tmp_path), "TRAINBOARD_SSH_CONFIG": str(sshd.ssh_config)}
    prompter = ModalPrompter()
    watch = open_desk(environ, prompter).watch()
    board = Board(watch.events, watch, prompter=prompter)
    async with board.run_test(size=(120, 40)) as pilot:
        await until(pilot, lambda: sum("● up" in line for line in shown(pilot)) >= 9)
        await pilot.press("H")
        assert isinstance(pilot.app.screen, HostsScreen)
        fresh: set[str] = set()

        def all_told() -> bool:
            lines = [line for line in shown(pilot) if "● up" in line and " <5s " in line]
            fresh.update(name for name in TEN for line in lines if f" {name[:7]}" in line)
            return fresh == set(TEN)

        await until(pilot, all_told)
        yield pilot


async def test_two_hosts_of_ten_hang_and_the_screen_says_so_and_stays_smooth(
    pilot: Pilot[int], sshd: Cluster, stopped: list[int]
) -> None:
    listed = pilot.app.screen.query_one(HostList)
    for name in HUNG:
        pids = helpers(sshd, name)
        assert pids, f"no helper found on {name}"
        for pid in pids:
            os.kill(pid, signal.SIGSTOP)
            stopped.append(pid)
    blocks: list[float] = []
    task = asyncio.create_task(lateness(blocks))
    moves = 0

    def marked() -> set[str]:
        lines = [line for line in shown(pilot) if "▲ stale" in line or "▲ silent" in line]
        return {name for name in TEN for line in lines if f" {name} " in line}

    async with asyncio.timeout(120):
        while marked() != set(HUNG):
            before = listed.cursor
            await pilot.press("j" if moves % 2 == 0 else "k")
            moves += 1
            assert listed.cursor != before, "keys go on working"
            await pilot.pause(0.2)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert max(blocks) < BLOCK
    hosts, now = listed.hosts.hosts, time.time()
    assert all(host.health is not None for host in hosts.values()), "the last picture is kept"
    await until(pilot, lambda: all(name in HUNG or told_since(host, now) for name, host in hosts.items()))


async def test_gpus_of_real_hosts_are_unfolded_and_read_again(pilot: Pilot[int]) -> None:
    await pilot.press("j", "z")
    await until(pilot, lambda: sum("    GPU " in line for line in shown(pilot)) == 4)
    assert any("RAM" in line and "load" in line for line in shown(pilot))
    assert any("disk " in line and " free of " in line for line in shown(pilot))
