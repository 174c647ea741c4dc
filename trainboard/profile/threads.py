"""Where the threads of processes stand: what the main ones wait for, and which is not where the others are."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from trainboard.profile.stacks import Function, place_of

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

DEEP = 6
"""Innermost frames in which it is looked for what a thread waits for."""

Place = tuple[str, str]

COLLECTIVES = "all_reduce|broadcast|all_gather|reduce|barrier|all_to_all|wait|send|recv"

WAITS: tuple[tuple[str, str, str], ...] = (
    (r"torch/distributed/", rf"({COLLECTIVES})\w*", "the other ranks ({0})"),
    (r"torch/utils/data/", r"_try_get_data|_get_data|_next_data|__next__", "the data loader"),
    (r"torch/cuda/", r"synchronize", "the GPU"),
    (r"jax|flax", r"block_until_ready", "the device"),
    (r"multiprocessing/queues|/queue\.py$|^queue\.py$", r"get|put", "a queue ({0})"),
    (r"multiprocessing/(popen|process|pool)", r"wait|poll|join|_wait", "another process of it ({0})"),
    (r"multiprocessing/(connection|synchronize)", r"\w+", "another process of it ({0})"),
    (r"subprocess\.py$", r"wait|_wait|communicate|_try_wait|_communicate", "a command that it started"),
    (r"concurrent/futures", r"result|wait|shutdown", "work of a pool ({0})"),
    (r"threading\.py$", r"join|_wait_for_tstate_lock", "another thread to end"),
    (r"threading\.py$", r"wait|acquire|__enter__|wait_for", "a lock or condition ({0})"),
    (r"ssl\.py$|socket\.py$|http/client|urllib", r"\w+", "the network ({0})"),
    (r"select(ors)?\.py$|asyncio/", r"select|poll|_run_once", "something to happen (event loop)"),
)
"""File, function, and what such a thread waits for; `{0}` is the function. The innermost frame that fits decides."""

PATTERNS = tuple((re.compile(file), re.compile(name), what) for file, name, what in WAITS)


@dataclass(frozen=True, slots=True)
class Frame:
    """One call on a thread's stack."""

    function: Function
    line: int | None = None


@dataclass(frozen=True, slots=True)
class Thread:
    """One thread."""

    name: str
    """Untrusted."""
    number: int
    """As the operating system knows it."""
    active: bool
    """Whether it was at work, and not waiting for something outside of Python."""
    gil: bool
    frames: tuple[Frame, ...]
    """The innermost first."""

    @property
    def own(self) -> Frame | None:
        """The innermost frame of the user's own code; of any, where none is."""
        return next((each for each in self.frames if each.function.own), self.frames[0] if self.frames else None)

    @property
    def waits(self) -> str:
        """What it waits for, or does, in one line."""
        own = self.own
        if own is None:
            return "runs no Python"
        where = f"{own.function.name} ({place_of(own.function.file, own.line)})"
        for frame in self.frames[:DEEP]:
            for file, name, what in PATTERNS:
                if file.search(frame.function.file) and name.fullmatch(frame.function.name):
                    return f"waits for {what.format(frame.function.name)} in {where}"
        return f"{'works' if self.active else 'waits'} in {where}"


@dataclass(frozen=True, slots=True)
class Standing:
    """Where one process stood."""

    pid: int
    threads: tuple[Thread, ...]
    rank: int | None = None
    trouble: str = ""
    """Why nobody could look, in one line."""
    node: str = ""
    """Of a job on a cluster; untrusted."""

    @property
    def name(self) -> str:
        """For people."""
        where = f" on {self.node}" if self.node else ""
        if not self.pid:
            return self.node
        return f"rank {self.rank}{where}" if self.rank is not None else f"process{where}"

    @property
    def main(self) -> Thread | None:
        """The thread that began it: its number is the process's own."""
        named = [each for each in self.threads if each.name == "MainThread"]
        own = [each for each in self.threads if each.number == self.pid]
        return next(iter([*named, *own, *self.threads]), None)

    @property
    def place(self) -> tuple[Place, ...]:
        """By which it is compared with others: the functions on the main thread's stack."""
        main = self.main
        return tuple((each.function.name, each.function.file) for each in main.frames) if main is not None else ()

    @property
    def summary(self) -> str:
        """What its main thread waits for."""
        main = self.main
        return self.trouble or ("no Python thread" if main is None else f"the main thread {main.waits}")


def parse_dump(told: Sequence[Mapping[str, Any]], pid: int, rank: int | None = None, node: str = "") -> Standing:
    """What `py-spy dump --json` says of a process; what cannot be read of it is left out."""
    return Standing(pid, tuple(_thread(each) for each in told), rank, node=node)


def _thread(told: Mapping[str, Any]) -> Thread:
    frames = told.get("frames") or ()
    return Thread(
        name=str(told.get("thread_name") or ""),
        number=int(told.get("os_thread_id") or 0),
        active=bool(told.get("active")),
        gil=bool(told.get("owns_gil")),
        frames=tuple(_frame(each) for each in frames if isinstance(each, dict)),
    )


def _frame(told: Mapping[str, Any]) -> Frame:
    line = told.get("line")
    function = Function(str(told.get("name") or "?"), str(told.get("filename") or ""))
    return Frame(function, line if isinstance(line, int) and line > 0 else None)


def strays(standings: Collection[Standing]) -> frozenset[tuple[str, int]]:
    """The processes, by node and number, whose main thread is not where most of the others' are.

    None where there is no majority.
    """
    seen = [each for each in standings if each.place]
    if len(seen) < 3:
        return frozenset()
    counts = Counter(each.place for each in seen)
    [(common, count)] = counts.most_common(1)
    if 2 * count <= len(seen):
        return frozenset()
    return frozenset((each.node, each.pid) for each in seen if each.place != common)
