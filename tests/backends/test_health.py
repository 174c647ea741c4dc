"""Readings of a host, by a helper in a process of its own with tools that print what was recorded."""

from __future__ import annotations

import asyncio
import contextlib
import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from backends.host import Host, helper_command
from backends.local import Local
from backends.machine import Slice
from backends.remote.mounts import mount_of, mounts
from backends.server import Server
from tests.backends.deadmount import DeadMount
from tests.backends.recorded import tool

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Iterator
    from pathlib import Path

    from backends.host import Link
    from backends.machine import Health

REST = "exec sleep 600"
FIRST, SECOND = "GPU-5f3d2a10-0b7c-4c1f-8a3e-0d1c2b3a4f50", "GPU-9c73eb7b-8d6d-6c0e-dc13-97873e2ede40"


class PipeLink:
    """A helper in a process on this machine, started as over SSH."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        self.process = process
        self._in, self._out = process.stdin, process.stdout

    async def write(self, data: bytes) -> None:
        """Send."""
        self._in.write(data)
        await self._in.drain()

    async def read(self) -> bytes:
        """Some bytes."""
        return await self._out.read(1 << 20)

    async def farewell(self) -> str:
        """How it ended."""
        return f"exit status {await self.process.wait()}"

    async def close(self) -> None:
        """End it."""
        self._in.close()
        await self.process.wait()


@pytest.fixture
async def server(tmp_path: Path) -> AsyncGenerator[Server]:
    """A host whose tools are those in `bin`; those of this machine that are not there too, but none for GPUs."""
    (tmp_path / "bin").mkdir()

    async def open_link() -> Link:
        argv = ["sh", "-c", helper_command(sys.executable)]
        environment = os.environ | {"PATH": f"{tmp_path}/bin:/usr/bin:/bin"}
        process = await asyncio.create_subprocess_exec(
            *argv, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, env=environment
        )
        return PipeLink(process)

    server = Server("here", Host("here", open_link), str(tmp_path / "runs"), disks=[str(tmp_path)])
    yield server
    await server.close()


@pytest.fixture(params=["helper", "local"])
async def machine(
    request: pytest.FixtureRequest, server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncGenerator[Server]:
    """The same as a host, and as this machine itself."""
    if request.param == "helper":
        yield server
        return
    monkeypatch.setenv("PATH", f"{tmp_path}/bin:/usr/bin:/bin")
    local = Local("here", str(tmp_path / "runs"), disks=[str(tmp_path)])
    yield local
    await local.close()


@pytest.fixture
def dead(tmp_path: Path) -> Iterator[Path]:
    """A folder that a file system is mounted on which does not answer."""
    try:
        mount = DeadMount(tmp_path / "dead")
    except OSError as error:
        pytest.skip(f"no file system can be mounted here: {error}")
    yield mount.folder
    mount.close()


@pytest.fixture
def on(tmp_path: Path) -> Callable[[str, str], Path]:
    """Puts a tool on that host."""
    return lambda name, script: tool(tmp_path / "bin", name, script)


PARENT = """
import subprocess, sys
child = [sys.executable, "-c", "import sys; sys.stdin.read()", "train.py", "--token", "s3cret", "--lr=0.1"]
process = subprocess.Popen(child, env={}, stdin=0)
print(process.pid, flush=True)
process.wait()
"""


@pytest.fixture
def training(tmp_path: Path) -> Iterator[int]:
    """A process of an attempt of ours, which has lost its environment, below one that has it."""
    environment = os.environ | {"TRAINBOARD_ATTEMPT": f"{tmp_path}/runs/e/r/1"}
    argv = [sys.executable, "-c", PARENT]
    with subprocess.Popen(argv, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        yield int(process.stdout.readline())
        process.communicate(timeout=10)


async def reading(server: Server, when: Callable[[Health], object], interval: float = 0.2) -> Health:
    """The first reading that is as wanted."""
    last: Health | None = None
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(20), contextlib.aclosing(server.health(interval)) as readings:
            async for last in readings:
                if when(last):
                    return last
    raise AssertionError(f"last: {last}")


def nvidia(query: str, apps: str = "", listed: str = "") -> str:
    """An nvidia-smi that answers all forms."""
    return (
        f'case "$1" in\n--query-gpu*) {query}; {REST};;\n'
        f"--query-compute*) echo 'gpu_uuid, pid, used_gpu_memory [MiB]'; {apps or ':'}; {REST};;\n"
        f"-L) {listed or ':'};;\n-q) say nvidia-smi-535-mig.xml;;\nesac"
    )


async def test_a_machine_without_gpus_tells_the_rest_of_itself(machine: Server) -> None:
    health = await reading(machine, lambda health: health.cpu is not None)
    assert (health.gpus, health.gpu_error, health.processes) == ((), "", ())
    assert health.hostname
    assert health.cpus
    assert health.memory_total
    assert health.swap_total is not None
    assert health.swap_free is not None
    assert health.load is not None
    assert health.cpu is not None
    assert 0 <= health.cpu <= 100
    assert health.clock is not None
    assert abs(health.clock) < 5
    [disk] = health.disks
    assert disk.total >= disk.free > 0
    assert disk.trouble == ""


async def test_processes_on_gpus_tell_whose_they_are_and_ours_their_attempt(
    server: Server, on: Callable[[str, str], Path], training: int, tmp_path: Path
) -> None:
    apps = f"echo '{FIRST}, {training}, 40102'; echo '{FIRST}, 99999999, [N/A]'; echo '{SECOND}, {os.getpid()}, 1'"
    on("nvidia-smi", nvidia("say nvidia-smi-550-query.csv", apps))
    on("dmesg", "say dmesg-xid.txt")
    health = await reading(server, lambda health: len(health.processes) == 3 and health.gpus[0].xids)
    ours, gone, foreign = health.processes[1], health.processes[0], health.processes[2]
    if gone.pid != 99999999:
        ours, gone = gone, ours
    assert (ours.pid, ours.gpu, ours.memory) == (training, FIRST, 40102 << 20)
    assert ours.directory == f"{tmp_path}/runs/e/r/1"
    assert ours.command.endswith("train.py --token *** --lr=0.1")
    assert ours.resident is not None
    assert ours.resident > 1 << 20
    assert (gone.user, gone.command, gone.memory) == ("", "", None)
    assert foreign.directory == ""
    assert foreign.user == ours.user != ""
    assert [gpu.processes for gpu in health.gpus] == [2, 1]
    assert [gpu.xids for gpu in health.gpus] == [2, 1]
    assert health.gpus[0].throttle == ("power cap",)


async def test_slices_are_shown_in_their_gpu_with_the_processes_on_them(
    server: Server, on: Callable[[str, str], Path]
) -> None:
    part = "MIG-53864714-0a66-5df2-9007-9268e30d9a72"
    apps = f"echo '{part}, {os.getpid()}, 9700'"
    on("nvidia-smi", nvidia("say nvidia-smi-535-mig-query.csv", apps, "say nvidia-smi-535-mig-list.txt"))
    health = await reading(server, lambda health: health.gpus and health.gpus[0].slices and health.processes)
    assert health.gpus[0].slices == (
        Slice("MIG-a686709d-6dc2-542a-8851-0d2508448c10", "1g.10gb", 12 << 20, 9856 << 20),
        Slice(part, "3g.40gb", 9721 << 20, 40448 << 20),
    )
    assert (health.gpus[0].processes, health.gpus[0].utilization) == (1, None)
    assert (health.gpus[1].processes, health.gpus[1].slices) == (0, ())


async def test_a_gpu_lost_mid_stream_keeps_its_line(
    server: Server, on: Callable[[str, str], Path], tmp_path: Path
) -> None:
    flag = tmp_path / "lost"
    row = f"if [ -e {flag} ]; then say nvidia-smi-lost-row.csv; else say nvidia-smi-550-query.csv; fi"
    loop = f"while :; do {row}; sleep 0.1; done"
    on("nvidia-smi", nvidia(loop))
    seen: list[list[str]] = []

    def lost(health: Health) -> bool:
        seen.append([gpu.lost for gpu in health.gpus])
        if seen[-1] == ["", ""]:
            flag.touch()
        return seen[-1] == ["GPU is lost", ""]

    health = await reading(server, lost)
    assert ["", ""] in seen
    assert health.gpus[1].utilization == 55
    assert health.gpu_error == ""


async def test_an_nvidia_smi_that_hangs_does_not_hold_up_the_first_reading(
    server: Server, on: Callable[[str, str], Path]
) -> None:
    on("nvidia-smi", REST)
    health = await reading(server, lambda health: True)
    assert health.memory_total
    assert health.gpus == ()


async def test_lines_that_cannot_be_read_are_an_error_and_no_empty_host(
    server: Server, on: Callable[[str, str], Path]
) -> None:
    on("nvidia-smi", nvidia("echo '0, what is this'"))
    health = await reading(server, lambda health: health.gpu_error)
    assert health.gpu_error == "nvidia-smi answers: 0, what is this"


@pytest.mark.parametrize("nvidia_too", [False, True])
async def test_gpus_of_amd_are_shown_as_such(
    machine: Server, on: Callable[[str, str], Path], nvidia_too: bool
) -> None:
    on("rocm-smi", "say rocm-smi-6.3.json")
    if nvidia_too:
        on("nvidia-smi", "say nvidia-smi-no-devices.txt; exit 6")
    health = await reading(machine, lambda health: health.gpus)
    [gpu] = health.gpus
    assert (gpu.vendor, gpu.name, gpu.uuid) == ("amd", "Radeon RX 7900 XT", "0x5f3a1c2b9e8d7f60")
    assert health.gpu_error == ""


async def test_a_tool_of_amd_that_fails_is_told(machine: Server, on: Callable[[str, str], Path]) -> None:
    on("rocm-smi", "echo Traceback; exit 1")
    health = await reading(machine, lambda health: health.gpu_error)
    assert health.gpu_error == "the tool for AMD GPUs answers: Traceback"


async def test_a_folder_that_was_asked_for_is_watched_where_it_is_on_a_disk_of_its_own(
    machine: Server, tmp_path: Path
) -> None:
    here, there = str(tmp_path / "more"), "/dev/shm"
    found = await machine.space([here, there])
    assert [disk.path for disk in found] == [here, there]
    own = mount_of(there, mounts()) != mount_of(here, mounts())
    health = await reading(machine, lambda health: health.disks)
    assert [disk.path for disk in health.disks] == [str(tmp_path), *([there] if own else [])]


async def test_a_dead_mount_blocks_nothing_and_holds_one_thread(server: Server, dead: Path, tmp_path: Path) -> None:
    server.disks = (str(dead / "me"), str(dead), str(tmp_path))
    first = await reading(server, lambda health: True)
    assert first.memory_total
    health = await reading(server, lambda health: len(health.disks) == 3)
    assert [disk.trouble for disk in health.disks] == [f"{dead} does not answer"] * 2 + [""]
    assert [disk.path for disk in health.answering] == [str(tmp_path)]
    assert health.disks[2].free > 0
    done = await server.run_command(
        ["sh", "-c", "cat /proc/$PPID/task/*/wchan"]
    )  # what each of its threads waits for
    assert done.out.count(b"fuse") == 1, done.out
    assert [disk.path for disk in await server.space([str(dead), str(tmp_path)])] == [str(tmp_path)]


async def test_quotas_are_those_of_the_disks(machine: Server, on: Callable[[str, str], Path], tmp_path: Path) -> None:
    device = mount_of(str(tmp_path), mounts()).device
    none = 'echo "Disk quotas for group lab (gid 5): none"'
    on("quota", f'case "$*" in *-g*) {none};; *) say quota-4.06.txt | sed "s#server:/home#{device}#";; esac')
    health = await reading(machine, lambda health: health.disks and health.disks[0].quotas)
    [quota] = health.disks[0].quotas
    assert (quota.whose, quota.used, quota.limit) == ("user", 3500000 << 10, 3000000 << 10)
    assert (quota.files_used, quota.files_limit) == (40000, 120000)
