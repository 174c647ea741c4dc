"""`trainboard profile FILE`: what a profile or a trace says that is on this machine."""

from __future__ import annotations

import asyncio
import sys
from typing import TYPE_CHECKING

from backends.base import CommandFailed
from backends.host import Host
from backends.local import open_local_link
from backends.spy import traced
from trainboard.actions import Refused
from trainboard.cli.profile import functions, read_stacks, show_functions
from trainboard.cli.profiletrace import show_traced
from trainboard.cli.terminal import print_json
from trainboard.profile.files import Kind, kind_of, read_profile
from trainboard.profile.traced import Traced, parse_traced
from trainboard.show import clean

if TYPE_CHECKING:
    from pathlib import Path

    from trainboard.profile.stacks import Profile


def show_file(path: Path, against: str | None = None, *, as_json: bool) -> int:
    """By what is in it."""
    found, before = _read(path), read_stacks(against)
    if isinstance(found, Traced):
        show_traced(str(path), found, as_json=as_json)
    elif as_json:
        print_json({"source": str(path), "kind": "stacks", **functions(found, before)})
    else:
        sys.stdout.write(f"{clean(str(path))}\n")
        show_functions(found, before)
    return 0


def _read(path: Path) -> Profile | Traced:
    """What is in it. Raises `Refused`."""
    try:
        kind = kind_of(path)
        if kind in (Kind.TRACE, Kind.PSTATS):
            return asyncio.run(_traced(path.absolute()))
        if kind is Kind.UNKNOWN:
            raise ValueError("no profile: py-spy's raw format, speedscope, Chrome traces and cProfile are read")
        return read_profile(path, kind)
    except OSError as error:
        raise Refused(f"{path}: {error.strerror or error}") from error
    except ValueError as error:
        raise Refused(f"{path}: {error}") from error


async def _traced(path: Path) -> Traced:
    """A trace of this machine, read as one on a host is: in a process of its own, with limits."""
    host = Host(path.name, open_local_link)
    try:
        return parse_traced(await traced(path.name, host, str(path)))
    except CommandFailed as error:
        raise Refused(str(error)) from error
    finally:
        await host.close()
