"""The programs that we send to hosts: many modules made into one text, and what is put there beside the attempts."""

from __future__ import annotations

import hashlib
import inspect
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING

from backends import queue, remote, runner

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from types import ModuleType

START = """\
import sys, types
for name, text in {modules!r}:
    module = sys.modules[name] = types.ModuleType(name)
    parent, _, own = name.rpartition(".")
    if parent:
        setattr(sys.modules[parent], own, module)
    if text:
        exec(compile(text, name, "exec"), module.__dict__)
    else:
        module.__path__ = []
sys.exit(sys.modules[{main!r}].main())
"""
"""Makes modules from their texts, under the names that they import each other by, and calls `main` of one."""


def modules(package: ModuleType, last: str = "") -> tuple[str, ...]:
    """The names of a package's modules that are sent to hosts, in their order; up to one of them or all."""
    names: Sequence[str] = package.MODULES
    return tuple(f"{package.__name__}.{name}" for name in names[: names.index(last) + 1 if last else None])


@cache
def bundle(names: tuple[str, ...]) -> str:
    """One program of these modules, in the order in which each needs only those before it; the last has `main`."""
    packages = sorted({name.rpartition(".")[0] for name in names} | {"backends"})
    texts = [(name, inspect.getsource(import_module(name))) for name in names]
    return START.format(modules=[*((package, "") for package in packages), *texts], main=names[-1])


def helper_source() -> str:
    """The helper. It asks by the same rules as the waiters what would start now, and reads quotas as the runner."""
    shared = [f"{runner.__name__}.{name}" for name in ("files", "quotas")]
    return bundle((*modules(queue, "room"), *shared, *modules(remote)))


def seek_source() -> str:
    """What looks for a line in a file, in a process beside the helper."""
    return bundle(tuple(f"{remote.__name__}.{name}" for name in ("frames", "files", *remote.SEEK)))


def waiter_source() -> str:
    """The waiter, which stands in the queue of a host for each attempt."""
    return bundle(modules(queue))


def runner_source() -> str:
    """The runner, which stays with an attempt; it knows processes and GPUs as the queue does."""
    return bundle((*modules(queue, "processes"), f"{queue.__name__}.gpus", *modules(runner)))


@dataclass(frozen=True, slots=True)
class Programs:
    """What is on a host while attempts wait and run: texts by file name."""

    digest: str
    files: Mapping[str, bytes]

    @property
    def folder(self) -> str:
        """Below the backend's root; an attempt keeps the one that it was published with."""
        return f".programs/{self.digest}"


@cache
def programs() -> Programs:
    """The runner and the waiter of this version."""
    files = {"runner.py": runner_source().encode(), "waiter.py": waiter_source().encode()}
    whole = b"\0".join(text for pair in sorted(files.items()) for text in (pair[0].encode(), pair[1]))
    return Programs(hashlib.sha256(whole).hexdigest()[:16], files)
