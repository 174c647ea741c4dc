"""py-spy on a host, or on a node of a cluster: which Python processes a job has, what they do, where they stand."""

from __future__ import annotations

import json
import re
import secrets
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from backends import queue, remote
from backends.base import BackendError, CommandFailed, HostTimeout
from backends.host import packed
from backends.programs import bundle
from backends.spyfailure import explained
from backends.text import one_line

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from backends.base import Completed
    from backends.host import Host
    from backends.spybinary import Binary

CACHE = "~/.cache/trainboard"
"""Where a py-spy that we sent lies; `backends.remote.pythons` looks there."""

START = 60.0
"""Seconds that a step on a node, and py-spy with the symbols of a large program, may take to begin."""

STACKS = 16 << 20
"""Bytes of stacks that one recording may have."""

READING = 900.0
"""Seconds that a trace may take to be read: one of 1 GB takes about one minute of a processor."""

SUMMARY = 2 << 20
"""Bytes of what it says in short."""

THREADS = 8 << 20
"""Bytes of a dump of all threads."""


@dataclass(frozen=True, slots=True)
class PythonProcess:
    """One interpreter of a job."""

    pid: int
    parent: int
    command: str
    """Untrusted, in one line."""
    user: str = ""
    rank: int | None = None
    busy: float = 0.0
    """Percent of one core, lately."""


@dataclass(frozen=True, slots=True)
class Scene:
    """What there is to look into on one machine."""

    host: str
    system: str
    machine: str
    """As `uname -m` says."""
    user: str
    """Who we are there."""
    scope: int | None
    """Its kernel.yama.ptrace_scope; None: it has no such setting."""
    processes: tuple[PythonProcess, ...]
    spies: tuple[str, ...]
    """Paths of every py-spy that we may run there, the best first."""
    more: int = 0
    """Processes beyond those."""


@dataclass(frozen=True, slots=True)
class Sampling:
    """How to record."""

    seconds: float = 10.0
    rate: int = 100
    """A second."""
    native: bool = False
    """Stacks of C, C++ and Cython too; the process is paused for each sample then."""
    gil: bool = False
    """Only threads that hold the GIL."""
    idle: bool = False
    """Threads that wait, too."""
    children: bool = False
    """Its subprocesses too."""

    def words(self) -> list[str]:
        """Options of `py-spy record`."""
        flags = {
            "--native": self.native,
            "--nonblocking": not self.native,  # py-spy refuses both together
            "--gil": self.gil,
            "--idle": self.idle,
            "--subprocesses": self.children,
        }
        options = [f"--duration={max(1, round(self.seconds))}", f"--rate={self.rate}"]
        return [*options, *(word for word, on in flags.items() if on)]


@runtime_checkable
class Spied(Protocol):
    """A backend whose jobs can be looked into while they run."""

    def spy(self, job_id: str, node: str = "") -> Spy:
        """What looks into a job; `node`: the one of its nodes that is meant, where a scheduler gave it some."""

    async def traced(self, path: str) -> Mapping[str, Any]:
        """What a trace or a file of cProfile on the host says, for `trainboard.profile.traced`.

        It is read there, by one process with limits of its own: what travels is short. Raises a `BackendError`.
        """


class Spy:
    """Looks into the processes of one job on one machine. Every call raises a `BackendError`."""

    def __init__(self, name: str, host: Host, before: Sequence[str] = (), python: str = "python3") -> None:
        """`name`: the backend's; `before`: the words that bring a command to the node, `python` is there."""
        self._name = name
        self._host = host
        self._before = tuple(before)
        self._python = python

    async def look(self, marks: Sequence[str], others: Sequence[int] = ()) -> Scene:
        """The Python processes that have these words in their environment, without those of these numbers."""
        words = [*marks, "--", *map(str, others)]
        if self._before:
            done = await self._run([self._python, "-I", "-c", pythons_source().decode(), *words], START, 1 << 20)
            if done.code != 0:
                raise CommandFailed(f"{self._name}: {one_line(done.err) or f'exit code {done.code}'}")
            out = done.out
        else:
            out = await self._host.program(pythons_source(), words, START)
        try:
            return parse_scene(json.loads(out))
        except (ValueError, KeyError, TypeError) as error:
            raise CommandFailed(f"{self._name}: its list of processes cannot be read: {one_line(out)}") from error

    async def send(self, binary: Binary) -> str:
        """Put a py-spy of ours where it is found again; its path, once it has been seen to run there."""
        path = f"{CACHE}/{binary.name}"
        header, _ = await self._host.request("exists", path=path)
        full: str = header["path"]
        if not header["exists"]:
            await self._host.put(path, binary.content, secrets.token_hex(8))
        done = await self._host.run(["chmod", "700", full])
        if done.code != 0:
            raise CommandFailed(f"{self._name}: {one_line(done.err)}")
        tried = await self._run([full, "--version"], START, 4096)
        if tried.code != 0:
            raise CommandFailed(f"{self._name}: the py-spy that was sent does not run: {one_line(tried.err)}")
        return full

    async def record(self, spy: str, pid: int, sampling: Sampling, scene: Scene) -> bytes:
        """Stacks in py-spy's raw format, each with how often it was seen.

        Given up, it ends on the host too. Raises `CommandFailed` with what can be done about it.
        """
        argv = [spy, "record", "--format=raw", "--full-filenames", "--output=/dev/stdout", *sampling.words()]
        done = await self._run([*argv, f"--pid={pid}"], START + sampling.seconds, STACKS)
        stacks = b"".join(line for line in done.out.splitlines(keepends=True) if not line.startswith(b"py-spy>"))
        if not stacks.strip():
            raise self._failed(done, pid, scene)
        return stacks if not done.truncated else stacks[: stacks.rfind(b"\n") + 1]

    async def dump(self, spy: str, pid: int, scene: Scene, *, native: bool = False) -> Sequence[Mapping[str, Any]]:
        """Where every thread of a process stands, as `py-spy dump --json` tells. Raises as `record`."""
        how = "--native" if native else "--nonblocking"
        done = await self._run([spy, "dump", "--json", "--full-filenames", how, f"--pid={pid}"], START, THREADS)
        if done.code != 0:
            raise self._failed(done, pid, scene)
        try:
            found = json.loads(done.out)
        except ValueError as error:
            raise CommandFailed(f"{self._name}: py-spy's answer cannot be read: {one_line(done.out)}") from error
        return [each for each in found if isinstance(each, dict)] if isinstance(found, list) else []

    def _failed(self, done: Completed, pid: int, scene: Scene) -> BackendError:
        message, advice = explained(done.err or done.out, pid, scene)
        return CommandFailed(f"{self._name}: {message}", advice)

    async def _run(self, argv: Sequence[str], timeout: float, cap: int) -> Completed:
        try:
            return await self._host.run([*self._before, *argv], timeout, cap)
        except HostTimeout as error:
            advice = "the node may have no room for one more step: try again" if self._before else ""
            raise HostTimeout(str(error), advice) from error


async def traced(name: str, host: Host, path: str) -> Mapping[str, Any]:
    """What a trace on a host says; given up, the reading ends there too."""
    out = await host.program(tracefile_source(), [path], READING, SUMMARY)
    try:
        found = json.loads(out)
    except ValueError as error:
        raise CommandFailed(f"{name}: what {one_line(path)} says cannot be read: {one_line(out)}") from error
    return found if isinstance(found, dict) else {}


@cache
def tracefile_source() -> bytes:
    """The program that sums up a trace."""
    return packed(bundle(tuple(f"{remote.__name__}.{name}" for name in remote.TRACE)))


@cache
def pythons_source() -> bytes:
    """The program that lists the processes."""
    return packed(bundle((f"{queue.__name__}.processes", *(f"{remote.__name__}.{name}" for name in remote.PYTHONS))))


def parse_scene(told: Mapping[str, Any]) -> Scene:
    """What that program says; its words are untrusted."""
    processes = tuple(
        PythonProcess(
            int(each["pid"]),
            int(each["parent"]),
            one_line(each["command"], 400),
            one_line(each["user"], 64),
            each["rank"] if isinstance(each["rank"], int) else None,
            float(each["busy"]),
        )
        for each in told["processes"]
    )
    return Scene(
        host=one_line(told["host"], 64),
        system=one_line(told["system"], 32),
        machine=one_line(told["machine"], 32),
        user=one_line(told["user"], 64),
        scope=told["scope"] if isinstance(told["scope"], int) else None,
        processes=processes,
        spies=tuple(str(path) for path in told["spies"] if "\n" not in str(path)),
        more=int(told.get("more", 0)),
    )


def step(job_id: str, node: str) -> list[str]:
    """The words that run a command beside a job, on one of its nodes, within what it holds.

    Slurm before 20.11 has no `--overlap`: its steps share a job's processors by themselves.
    """
    if not re.fullmatch(r"[0-9_+]+", job_id):
        raise CommandFailed(f"{job_id!r} is no job id")
    where = [f"--nodelist={node}"] if node else []
    rest = ["--overlap", "--quiet", *where, "--nodes=1", "--ntasks=1", "--mem=0"]
    if job_id.isdigit():
        return ["srun", f"--jobid={job_id}", *rest]
    return ["sh", "-c", f'exec srun --jobid="{own_id(job_id)}" "$@"', "srun", *rest]


def own_id(job_id: str) -> str:
    """Text for sh: the id that `srun --jobid` takes, where the task of an array has one that `12_3` does not tell."""
    return job_id if job_id.isdigit() else f"$(squeue -h -j {job_id} -o %A | grep -Ex '[0-9]+' | head -n 1)"
