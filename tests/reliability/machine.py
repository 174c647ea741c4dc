"""A host that can be restarted and whose clock can be put: processes of this machine in namespaces of their own."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import uuid
from typing import TYPE_CHECKING

from backends.base import HostUnreachable
from backends.host import Host, helper_command
from backends.queue.processes import start_time
from tests.backends.queues import until
from tests.cluster import nvidia_smi

if TYPE_CHECKING:
    from pathlib import Path

UNSHARE = ("unshare", "--pid", "--mount", "--fork", "--mount-proc", "--kill-child")
INIT = (
    "import signal; signal.signal(signal.SIGCHLD, signal.SIG_IGN); print('up', flush=True)\nwhile 1: signal.pause()"
)
SITE = """\
import os, time
now = time.time
def by_the_clock_of_this_host():
    with open({file!r}) as file:
        return now() + float(file.read())
time.time = by_the_clock_of_this_host
os.cpu_count = lambda: 64
"""
"""What every Python there begins with."""


class Machine:
    """A host without a scheduler, with 64 CPUs. When it is switched off, every process of it is gone at once."""

    def __init__(self, folder: Path, gpus: int = 2) -> None:
        self.folder = folder
        (folder / "bin").mkdir(parents=True)
        (folder / "site").mkdir()
        (folder / "site/sitecustomize.py").write_text(SITE.format(file=str(folder / "clock")))
        self.put_clock(0.0)
        self._tool("python3", f'PYTHONPATH={folder}/site exec {sys.executable} "$@"')
        self._tool("nvidia-smi", f'exec {sys.executable} {nvidia_smi.__file__} {folder}/gpus.json "$@"')
        (folder / "gpus.json").write_text(self.recording(gpus))
        self._init: subprocess.Popen[str] | None = None

    def _tool(self, name: str, text: str) -> None:
        tool = self.folder / "bin" / name
        tool.write_text(f"#!/bin/sh\n{text}\n")
        tool.chmod(0o755)

    def put_clock(self, ahead: float) -> None:
        """Its clock is this many seconds ahead of ours from now on."""
        draft = self.folder / "clock.new"
        draft.write_text(str(ahead))
        draft.replace(self.folder / "clock")

    def recording(self, gpus: int) -> str:
        """What nvidia-smi says of so many GPUs of 80 GiB with nothing on them."""
        known = {"name": "A100", "memory.total": 81920, "memory.used": 10, "mig.mode.current": "Disabled"}
        ids = ({"index": n, "uuid": f"GPU-{n}", "pci.bus_id": str(n)} for n in range(gpus))
        return json.dumps({"gpus": [{**each, **known} for each in ids], "apps": []})

    @property
    def python(self) -> str:
        """The interpreter that lives by its clock."""
        return str(self.folder / "bin/python3")

    def boot(self) -> None:
        """Switch it on; the kernel has a boot id that it never had before."""
        (self.folder / "boot_id").write_text(f"{uuid.uuid4()}\n")
        mount = f"mount --bind {self.folder}/boot_id /proc/sys/kernel/random/boot_id"
        self._init = subprocess.Popen(
            [*UNSHARE, "sh", "-c", f'{mount} && exec {sys.executable} -c "$1"', "sh", INIT],
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._init.stdout is not None
        assert self._init.stdout.readline() == "up\n"

    def off(self) -> None:
        """Everything on it dies, and it does not answer."""
        if self._init is not None:
            first = self._first(self._init)
            self._init.kill()
            self._init.communicate()
            self._init = None
            # The system ends the first process of a namespace when all others have ended: until then they may answer.
            until(lambda: start_time(first) is None)

    def host(self, name: str) -> Host:
        """A host session."""
        return Host(name, self._open)

    def _first(self, init: subprocess.Popen[str]) -> int:
        """The process with which everything on it ends."""
        return int(subprocess.check_output(["pgrep", "-P", str(init.pid)]))

    async def _open(self) -> Pipe:
        if self._init is None:
            raise HostUnreachable("it is switched off")
        pid = str(await asyncio.to_thread(self._first, self._init))
        # A home of its own: what the user's login files do would be killed in the midst of it.
        own = {"PATH": f"{self.folder / 'bin'}:{os.environ['PATH']}", "HOME": str(self.folder)}
        process = await asyncio.create_subprocess_exec(
            *("nsenter", "--target", pid, "--pid", "--mount", "sh", "-c", helper_command(self.python)),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, **own},
        )
        return Pipe(process)


class Pipe:
    """A helper at the other end of two pipes."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        assert process.stdin is not None
        assert process.stdout is not None
        self._stdin, self._stdout = process.stdin, process.stdout

    async def write(self, data: bytes) -> None:
        try:
            self._stdin.write(data)
            await self._stdin.drain()
        except (BrokenPipeError, ConnectionResetError) as error:
            raise HostUnreachable("the pipe is broken") from error

    async def read(self) -> bytes:
        return await self._stdout.read(1 << 16)

    async def farewell(self) -> str:
        return f"exit status {await self._process.wait()}"

    async def close(self) -> None:
        self._stdin.close()
        if self._process.returncode is None:
            self._process.kill()
        await self._process.wait()


def missing() -> str:
    """Why this machine cannot play such a host; empty where it can."""
    done = subprocess.run([*UNSHARE, "true"], capture_output=True, text=True, check=False)
    return f"a host of its own needs the right to make namespaces: {done.stderr.strip()}" if done.returncode else ""
