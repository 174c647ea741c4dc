"""What all kinds share: a backend is a host session and a root folder on that host."""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import time
from typing import TYPE_CHECKING, Any

from backends import runner, script
from backends.base import BackendError, Completed, Disk, Health, HostTimeout, HostUnreachable, Rejected, Unclear
from backends.parse import parse_gpu
from backends.text import one_line

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Sequence

    from backends.base import Chunk, Job, Plan, Unreadable, Watched
    from backends.host import Host

SUBMIT_TIMEOUT = 60.0
"""Seconds for the command that starts an attempt; a busy slurmctld may need most of them."""


class Hosted:
    """The part of a backend that does not depend on who schedules."""

    kind = ""

    def __init__(
        self,
        name: str,
        host: Host,
        root: str,
        *,
        shared: bool = False,
        python: str = "python3",
        disks: Sequence[str] = (),
    ) -> None:
        self.name = name
        self.shared = shared
        self.host = host
        self.root = root.rstrip("/")
        self.python = python
        self.disks = tuple(disks) or (self.root,)
        self._sending: dict[str, asyncio.Task[None]] = {}
        """Project archives on their way, by digest."""

    @property
    def calls(self) -> Sequence[float]:
        """When scheduler commands or state queries were issued lately."""
        return self.host.calls

    def directory(self, folder: str) -> str:
        """Where an attempt lives."""
        return f"{self.root}/{folder}"

    async def log_path(self, job: Job) -> str | None:
        """Only a scheduler has jobs that we did not start."""
        return None

    async def read(self, path: str, offset: int, limit: int) -> Chunk:
        """At most `limit` bytes of a file."""
        return await self.host.read(path, offset, limit)

    def follow(self, path: str, offset: int) -> AsyncGenerator[Chunk | Unreadable]:
        """The file as it grows."""
        return self.host.follow(path, offset)

    async def health(self, interval: float) -> AsyncGenerator[Health]:
        """Readings of the host."""
        stream = self.host.stream("telemetry", interval=interval, disks=list(self.disks))
        async with contextlib.aclosing(stream) as frames:
            async for _, header, _ in frames:
                yield parse_health(header)

    async def run_command(self, argv: Sequence[str], timeout: float = 20, cap: int = 1 << 20) -> Completed:
        """A command on the host."""
        return await self.host.run(argv, timeout, cap)

    async def cancel(self, attempts: Sequence[Watched]) -> None:
        """End attempts through their runners."""
        for attempt in attempts:
            await self.host.request("cancel", path=attempt.directory, token=attempt.token)

    async def close(self) -> None:
        """Drop the connection."""
        for task in self._sending.values():
            task.cancel()
        await self.host.close()

    async def _upload(self, plan: Plan, launch: str, environment: dict[str, str] | None = None) -> str:
        """Put the attempt directory in place, whole; its full path. Raises `Rejected`: nothing has begun then."""
        texts = {
            "spec.yaml": plan.spec_text,
            "run.sh": script.run_script(plan),
            "env": script.environment(plan, environment),
            "plan.json": script.runner_plan(plan, self.kind),
            "launch.sh": launch,
            "runner.py": inspect.getsource(runner),
        }
        data = {name: text.encode() for name, text in texts.items()}
        files = [[name, len(content), 0o600] for name, content in data.items()]
        try:
            await self._send_code(plan)
            header, _ = await self.host.request(
                "publish",
                60.0,
                b"".join(data.values()),
                path=self.directory(plan.folder),
                token=plan.token,
                files=files,
            )
        except BackendError as error:
            raise Rejected(f"not submitted: {error}", error.advice) from error
        return str(header["path"])

    async def _send_code(self, plan: Plan) -> None:
        """The project's archive, once per content however many runs want it."""
        if plan.code is None:
            return
        code = plan.code
        path = f"{self.root}/.code/{code.digest}.tar.gz"

        async def send() -> None:
            header, _ = await self.host.request("exists", path=path)
            if not header["exists"]:
                await self.host.put(path, code.archive, plan.token)

        task = self._sending.get(code.digest)
        if task is None:
            task = self._sending[code.digest] = asyncio.create_task(send())
            task.add_done_callback(lambda _: self._sending.pop(code.digest))
        await asyncio.shield(task)

    async def _launch(self, argv: list[str], directory: str, plan: Plan) -> Completed:
        """Run what starts the attempt. Raises `Unclear` where we cannot know whether it did."""
        try:
            return await self.host.run(argv, SUBMIT_TIMEOUT, env=plan.secrets, cwd=directory)
        except (HostTimeout, HostUnreachable) as error:
            raise Unclear(f"submitted, no answer yet: {error}") from error
        except BackendError as error:
            raise Rejected(f"not submitted: {error}", error.advice) from error


def parse_health(reading: dict[str, Any]) -> Health:
    """A telemetry frame → a reading, stamped with our clock: hosts' clocks differ."""
    gpus = tuple(gpu for gpu in (parse_gpu(line) for line in reading["gpus"]) if gpu is not None)
    return Health(
        at=time.time(),
        hostname=one_line(reading["hostname"], 64),
        cpus=reading["cpus"],
        load=reading["load"],
        memory_total=reading["memory_total"],
        memory_available=reading["memory_available"],
        gpus=gpus,
        disks=tuple(Disk(one_line(path), total, free) for path, total, free in reading["disks"]),
        gpu_error=one_line(reading["gpu_error"]),
    )
