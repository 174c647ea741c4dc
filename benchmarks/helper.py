"""What the helper costs a host at rest, and how fast it carries a log.

`python -m benchmarks.helper`: a helper in a process of its own, as on a host, that follows twenty files at rest and
sends a reading every 3 seconds of a machine with 8 GPUs and 200 processes on them (real processes, and an nvidia-smi
that prints as the real one does, and whose own share is told apart); then one large file as fast as it goes; a log of
this machine that grows by 20 MB/s, and how long that holds up the event loop. The shares are of processor time. Linux
only: it reads /proc. Exit code 1 where a budget is broken.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shlex
import subprocess
import sys
import tempfile
import time
from collections import deque
from pathlib import Path
from typing import TYPE_CHECKING

from backends.base import Chunk
from backends.host import Host, helper_command
from backends.local import open_local_link
from backends.server import Server

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Iterator

    from backends.host import Link
    from backends.machine import Health

CPU_BUDGET = 0.005
"""Of a core, at rest."""
MEMORY_BUDGET = 20 << 20
BLOCK_BUDGET = 0.050
FILES = 20
GPUS = 8
PROCESSES = 200
INTERVAL = 3.0
REST = 30.0
"""Seconds for which the helper at rest is measured."""
SECONDS = 10.0
RATE = 20_000_000
LARGE = 200_000_000
TICK = 0.001


class PipeLink:
    """A helper in a process on this machine, started as over SSH."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        self.process = process
        self._in, self._out = process.stdin, process.stdout
        self.taken = 0
        """Bytes that came."""

    async def write(self, data: bytes) -> None:
        """Send."""
        self._in.write(data)
        await self._in.drain()

    async def read(self) -> bytes:
        """Some bytes."""
        data = await self._out.read(1 << 20)
        self.taken += len(data)
        return data

    async def farewell(self) -> str:
        """How it ended."""
        return f"exit status {await self.process.wait()}"

    async def close(self) -> None:
        """End it."""
        self._in.close()
        await self.process.wait()


async def open_pipe(tools: str = "") -> PipeLink:
    """A helper by the command that is sent over SSH; `tools` is looked into before the PATH."""
    argv = shlex.split(helper_command(sys.executable))[1:]  # without the shell's `exec`
    process = await asyncio.create_subprocess_exec(
        *argv,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        env=os.environ | {"PATH": f"{tools}:{os.environ['PATH']}"},
    )
    return PipeLink(process)


NVIDIA_SMI = """#!/bin/sh
case "$1" in
--query-gpu*) while cat {gpus}; do sleep {interval}; done;;
--query-compute*) echo "gpu_uuid, pid, used_gpu_memory [MiB]"; while cat {apps}; do sleep 6; done;;
esac
"""


def make_gpus(folder: Path, pids: list[int]) -> None:
    """An nvidia-smi with these processes on its GPUs."""
    rows = [
        f"{n}, GPU-{n:08x}-0b7c-4c1f-8a3e-0d1c2b3a4f50, NVIDIA A100-SXM4-80GB, {90 + n}, 40536, 81920, 6{n}, "
        f"398.4{n}, 00000000:{n + 7:02X}:00.0, 400.00, 0, Disabled, 0x0000000000000004\n"
        for n in range(GPUS)
    ]
    apps = [f"GPU-{n % GPUS:08x}-0b7c-4c1f-8a3e-0d1c2b3a4f50, {pid}, {500 + n}\n" for n, pid in enumerate(pids)]
    (folder / "gpus").write_text("".join(rows))
    (folder / "apps").write_text("".join(apps))
    tool = folder / "nvidia-smi"
    tool.write_text(NVIDIA_SMI.format(gpus=folder / "gpus", apps=folder / "apps", interval=INTERVAL))
    tool.chmod(0o755)


def children(pid: int) -> list[int]:
    """The processes that one has begun."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            if int(path.read_text().rpartition(")")[2].split()[1]) == pid:
                found.append(int(path.parent.name))
    return found


@contextlib.contextmanager
def crowd(count: int) -> Iterator[list[int]]:
    """So many processes that do nothing."""
    processes = [subprocess.Popen(["sleep", "600"]) for _ in range(count)]
    try:
        yield [process.pid for process in processes]
    finally:
        for process in processes:
            process.kill()
            process.wait()


def cpu_seconds(pid: int) -> float:
    """What a process and its ended children have used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK")


def memory(pid: int) -> int:
    """Resident bytes."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGESIZE")


async def drain(pieces: AsyncGenerator[object]) -> None:
    """Take all that comes."""
    async with contextlib.aclosing(pieces):
        async for _ in pieces:
            pass


async def take(readings: AsyncGenerator[Health], seen: deque[Health]) -> None:
    """Keep what came last."""
    async with contextlib.aclosing(readings):
        async for reading in readings:
            seen.append(reading)


async def at_rest(folder: Path, pids: list[int]) -> tuple[float, float, int, int]:
    """Shares of a core of the helper and of the tool, resident bytes, and bytes that came in a minute."""
    make_gpus(folder, pids)
    links: list[PipeLink] = []

    async def opened() -> Link:
        links.append(await open_pipe(str(folder)))
        return links[-1]

    host = Host("here", opened)
    done = await host.run(["sh", "-c", "echo $PPID"])
    pid = int(done.out)
    paths = [folder / f"log{n}" for n in range(FILES)]
    for path in paths:
        path.write_bytes(b"x" * 1000)
    tasks = [asyncio.create_task(drain(host.follow(str(path), 0))) for path in paths]
    server = Server("here", host, str(folder), disks=[str(folder)])
    seen: deque[Health] = deque(maxlen=1)
    tasks.append(asyncio.create_task(take(server.health(INTERVAL), seen)))
    await asyncio.sleep(15)  # a file counts as quiet after ten seconds
    tools = children(pid)
    before, tool_before, taken = cpu_seconds(pid), sum(map(cpu_seconds, tools)), links[0].taken
    await asyncio.sleep(REST)
    used, resident = (cpu_seconds(pid) - before) / REST, memory(pid)
    tool, flow = (sum(map(cpu_seconds, tools)) - tool_before) / REST, links[0].taken - taken
    assert len(seen[-1].gpus) == GPUS, seen[-1].gpu_error
    assert len(seen[-1].processes) == len(pids)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    await host.close()
    return used, tool, resident, round(flow * 60 / REST)


async def throughput(folder: Path) -> float:
    """Bytes a second of one large file."""
    path = folder / "large"
    path.write_bytes(os.urandom(1 << 20) * (LARGE >> 20))
    size = path.stat().st_size
    host = Host("here", open_pipe)
    await host.run(["true"])
    began = time.perf_counter()
    async with contextlib.aclosing(host.follow(str(path), 0)) as pieces:
        async for piece in pieces:
            assert isinstance(piece, Chunk)
            if piece.offset + len(piece.data) == size:
                break
    rate = size / (time.perf_counter() - began)
    await host.close()
    return rate


WRITER = """
import sys, time
line = b"step=1 loss=0.5\\n" * 62500
with open(sys.argv[1], "ab", 0) as file:
    end = time.time() + float(sys.argv[2])
    while time.time() < end:
        file.write(line[: int(sys.argv[3]) // 20])
        time.sleep(0.05)
"""


async def growth(folder: Path) -> tuple[float, int, int]:
    """The longest block of the event loop, the pieces and the bytes that a local follow brought meanwhile."""
    path = folder / "growing"
    path.touch()
    host = Host("here", open_local_link)
    await host.run(["true"])
    pieces = taken = 0

    async def follow() -> None:
        nonlocal pieces, taken
        async with contextlib.aclosing(host.follow(str(path), 0)) as stream:
            async for piece in stream:
                assert isinstance(piece, Chunk)
                pieces += 1
                taken += len(piece.data)

    following = asyncio.create_task(follow())
    writer = await asyncio.create_subprocess_exec(sys.executable, "-c", WRITER, str(path), str(SECONDS), str(RATE))
    longest, last = 0.0, time.perf_counter()
    while writer.returncode is None:
        await asyncio.sleep(TICK)
        now = time.perf_counter()
        longest, last = max(longest, now - last - TICK), now
    following.cancel()
    await asyncio.gather(following, return_exceptions=True)
    await host.close()
    return longest, pieces, taken


async def measure() -> bool:
    """Print the figures; whether every budget is kept."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with crowd(PROCESSES) as pids:
            used, tool, resident, flow_at_rest = await at_rest(folder, pids)
        rate = await throughput(folder)
        block, pieces, taken = await growth(folder)
    speed, flow = taken / SECONDS / 1e6, pieces / SECONDS
    print(f"at rest: {FILES} files followed, {GPUS} GPUs and {PROCESSES} processes on them every {INTERVAL:g} s")
    print(f"the helper                  {used:8.2%} of a core   (budget {CPU_BUDGET:.1%})")
    print(f"the tool that it reads      {tool:8.2%} of a core   (a script here, no driver behind it)")
    print(f"what comes over the line    {flow_at_rest / 1000:8.1f} kB a minute")
    print(f"resident                    {resident / 2**20:8.1f} MB          (budget {MEMORY_BUDGET >> 20} MB)")
    print(f"a large file                {rate / 1e6:8.0f} MB/s")
    print(f"a log growing by 20 MB/s    {speed:8.0f} MB/s in {flow:.0f} pieces a second")
    print(f"meanwhile the event loop    {block * 1000:8.1f} ms at most      (budget {BLOCK_BUDGET * 1000:.0f} ms)")
    return used <= CPU_BUDGET and resident <= MEMORY_BUDGET and block <= BLOCK_BUDGET


if __name__ == "__main__":
    sys.exit(0 if asyncio.run(measure()) else 1)
