"""Looks into one running job: who of it is a Python process, what that does, where its threads stand."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace
from typing import TYPE_CHECKING, TypeVar

from backends.base import BackendError, CommandFailed
from backends.spy import Spied
from backends.spybinary import installed
from backends.states import JobState
from trainboard.actions import Refused
from trainboard.profile.keeping import Kept, Shelf
from trainboard.profile.stacks import parse_raw
from trainboard.profile.threads import Standing, parse_dump
from trainboard.profile.traced import PATTERNS, Traced, parse_traced

if TYPE_CHECKING:
    from collections.abc import Awaitable, Mapping, Sequence
    from pathlib import Path

    from backends.base import Backend, Result
    from backends.spy import PythonProcess, Sampling, Scene, Spy
    from backends.spybinary import Binary
    from trainboard.profile.stacks import Profile
    from trainboard.rows import Row

Answer = TypeVar("Answer")

ALIVE = (JobState.RUNNING, JobState.COMPLETING, JobState.UNKNOWN)

AT_ONCE = 4
"""Processes that are dumped at the same time."""

DUMPED = 64
"""Processes of one node that are dumped at most."""

NODES = 16
"""Nodes besides the chosen one on which processes are dumped at most."""


class Profiling:
    """What can be done about the profile of one row. Every call raises `Refused`, in one line."""

    def __init__(self, row: Row, backends: Mapping[str, Backend], folder: Path) -> None:
        """`folder`: where the profiles of all runs are kept."""
        self.row = row
        self._backend = backends.get(row.backend)
        self._shelf = Shelf(folder, row.key)

    async def nodes(self) -> Sequence[str]:
        """The nodes of the job, one of which is to be chosen; none where there is nothing to choose from."""
        backend, row = self._reachable(), self.row
        if backend.kind != "slurm" or not any(sign in row.nodes for sign in ",["):
            return (row.nodes,) if backend.kind == "slurm" and row.nodes else ()
        done = await answered(backend.run_command(["scontrol", "show", "hostnames", row.nodes]))
        return done.out.decode("utf-8", "replace").split() if done.code == 0 else ()

    async def look(self, node: str = "") -> Scene:
        """The job's Python processes on a node, the busiest first."""
        scene = await answered(self._spy(node).look(marks(self.row)))
        if scene.system != "Linux":
            raise Refused(f"{self.row.backend}: processes can be looked into on Linux only, and it is {scene.system}")
        first = sorted(scene.processes, key=lambda each: (-round(each.busy, -1), each.rank or 0, each.pid))
        return replace(scene, processes=tuple(first))

    def to_send(self, scene: Scene) -> Binary:
        """The py-spy that can be sent to a machine which has none."""
        binary = installed()
        there = f"on {scene.host}: pip install --user py-spy"
        if binary is None:
            here = "none here to send: pip install 'trainboard[profile]'"
            raise Refused(f"no py-spy on {scene.host}, and {here}, or {there}")
        if scene.machine not in binary.machines:
            ours = f"the py-spy here is for {binary.machines[0]}"
            raise Refused(f"{scene.host} is {scene.machine}, {ours}: install one {there}")
        return binary

    async def send(self, scene: Scene, node: str = "") -> str:
        """Send it; its path there. Only after the user has agreed."""
        return await answered(self._spy(node).send(await asyncio.to_thread(self.to_send, scene)))

    async def record(
        self, spy: str, scene: Scene, process: PythonProcess, sampling: Sampling, node: str = ""
    ) -> Kept:
        """Sample a process, and keep what came of it. Given up, it ends there too, and nothing is kept."""
        begun = time.time()
        stacks = await answered(self._spy(node).record(spy, process.pid, sampling, scene))
        where = node or scene.host
        kept = Kept(begun, process.pid, process.command, sampling.seconds, how(sampling), where, process.rank)
        try:
            return await asyncio.to_thread(self._shelf.put, kept, stacks)
        except OSError as error:
            raise Refused(f"the profile cannot be kept: {error.filename or ''} {error.strerror or error}") from error

    async def dump(self, spy: str, scene: Scene, node: str = "", others: Sequence[str] = ()) -> tuple[Standing, ...]:
        """Where the threads of all its processes stand, by rank; one that cannot be seen says why.

        `others`: more nodes of the job, on which a py-spy is looked for and none is sent.
        """
        found = await self._dumped(spy, scene, node)
        elsewhere = await asyncio.gather(*(self._dumped_on(each) for each in others[:NODES] if each != node))
        hosts = {scene.host}
        for host, standings in elsewhere:
            found += standings if host not in hosts else ()
            hosts.add(host)
        return tuple(sorted(found, key=lambda each: (each.rank is None, each.rank or 0, each.pid)))

    async def _dumped_on(self, node: str) -> tuple[str, tuple[Standing, ...]]:
        """The host that a node is, and where the processes there stand; where nobody can look, one that says so."""
        try:
            scene = await self.look(node)
        except Refused as refusal:
            return node, (Standing(0, (), None, str(refusal), node),)
        if not scene.spies:
            return scene.host, (Standing(0, (), None, "it has no py-spy", node),)
        return scene.host, await self._dumped(scene.spies[0], scene, node)

    async def _dumped(self, spy: str, scene: Scene, node: str) -> tuple[Standing, ...]:
        turn = asyncio.Semaphore(AT_ONCE)

        async def one(process: PythonProcess) -> Standing:
            async with turn:
                try:
                    told = await self._spy(node).dump(spy, process.pid, scene)
                except BackendError as error:
                    return Standing(process.pid, (), process.rank, told_of(error), node)
                return parse_dump(told, process.pid, process.rank, node)

        return tuple(await asyncio.gather(*(one(process) for process in scene.processes[:DUMPED])))

    async def kept(self) -> Sequence[Kept]:
        """The profiles that were recorded of this run, the newest first."""
        try:
            return await asyncio.to_thread(self._shelf.all)
        except OSError as error:
            raise Refused(f"{error.filename}: {error.strerror}") from error

    async def load(self, kept: Kept) -> Profile:
        """One of them."""
        assert kept.path is not None
        try:
            text = await asyncio.to_thread(kept.path.read_text, "utf-8", "replace")
        except OSError as error:
            raise Refused(f"{error.filename}: {error.strerror}") from error
        return await asyncio.to_thread(parse_raw, text)

    async def traces(self) -> tuple[Sequence[Result], str]:
        """Traces and files of cProfile that the run wrote, the newest first, and why there may be more."""
        if self._backend is None or not self.row.directory:
            return (), ""
        found = await answered(self._backend.results(self.row.directory, PATTERNS))
        files = [replace(each, path=f"{found.folder}/{each.path}") for each in found.files]
        return sorted(files, key=lambda each: -each.changed), found.left

    async def traced(self, path: str) -> Traced:
        """What one of them says; it is read where it lies, by one process there. Given up, that ends."""
        if not isinstance(self._backend, Spied):
            raise Refused(f"{self.row.backend} cannot read traces")
        told = await answered(self._backend.traced(path))
        try:
            return parse_traced(told)
        except ValueError as error:
            raise Refused(f"{path}: {error}") from error

    def _reachable(self) -> Backend:
        if self._backend is None:
            gone = f"{self.row.backend} is not in the config any more"
            raise Refused(gone if self.row.backend else "it was not sent anywhere yet")
        if self.row.state not in ALIVE:
            raise Refused(f"it does not run ({self.row.state}): only a running job can be looked into")
        return self._backend

    def _spy(self, node: str) -> Spy:
        backend = self._reachable()
        if not isinstance(backend, Spied):
            raise Refused(f"{backend.name} cannot look into its jobs")
        try:
            return backend.spy(self.row.job_id, node)
        except CommandFailed as error:
            raise Refused(told_of(error)) from error


def marks(row: Row) -> list[str]:
    """What the environment of every process of a job has."""
    if row.token:
        return [f"TRAINBOARD_TOKEN={row.token}"]
    array, _, task = row.job_id.partition("_")
    return [f"SLURM_ARRAY_JOB_ID={array}", f"SLURM_ARRAY_TASK_ID={task}"] if task else [f"SLURM_JOB_ID={row.job_id}"]


def how(sampling: Sampling) -> str:
    """What is not as usual."""
    words = {
        "native": sampling.native,
        "holding the GIL": sampling.gil,
        "idle threads": sampling.idle,
        "subprocesses": sampling.children,
    }
    return ", ".join(word for word, on in words.items() if on)


async def answered(asked: Awaitable[Answer]) -> Answer:
    """The answer. Raises `Refused` with what to do where there is none."""
    try:
        return await asked
    except BackendError as error:
        raise Refused(told_of(error)) from error


def told_of(error: BackendError) -> str:
    """The error and its advice, in one line."""
    return f"{error}; {error.advice}" if error.advice else str(error)
