"""Hosts that a test may break."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from backends.server import Server
from tests.cluster import default_folder, start, stop, unavailable
from tests.cluster.layout import default_ports
from tests.conftest import need
from tests.reliability.board import Board
from tests.reliability.machine import Machine, missing

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Iterator

    from backends.base import Policy
    from tests.cluster import Cluster


@pytest.fixture(scope="package")
def fragile() -> Iterator[Cluster]:
    """A cluster of its own, with all its servers; which is gone afterwards."""
    need(unavailable(), os.environ)
    folder = Path(f"{default_folder()}-reliability")
    stop(folder)
    yield start(folder, port_base=default_ports() + 6000)
    stop(folder)


@pytest.fixture
def switched_on(tmp_path: Path) -> Iterator[Callable[[str], Machine]]:
    """Makes hosts with two GPUs, by name."""
    need(missing(), os.environ)
    made: list[Machine] = []

    def make(name: str) -> Machine:
        made.append(Machine(tmp_path / f"machine-{name}"))
        made[-1].boot()
        return made[-1]

    yield make
    for each in made:
        each.off()


@pytest.fixture
def machine(switched_on: Callable[[str], Machine]) -> Machine:
    """One such host."""
    return switched_on("gpu9")


def server(
    name: str, machine: Machine, folder: Path, policy: Policy | None = None, kind: type[Server] = Server
) -> Server:
    """The backend of such a host; all that it writes is below `folder`."""
    root, leases = str(folder / f"runs-{name}"), str(folder / f"leases-{name}")
    host = machine.host(name)
    return kind(name, host, root, shared=True, python=machine.python, leases=leases, policy=policy)


@contextlib.asynccontextmanager
async def at_board(board: Board) -> AsyncGenerator[Board]:
    """What is left running there ends with it."""
    try:
        yield board
    finally:
        await board.close()


@pytest.fixture
async def there(machine: Machine, tmp_path: Path) -> AsyncGenerator[Board]:
    """A board with that host as its only backend, `gpu9`."""
    async with at_board(Board(tmp_path, server("gpu9", machine, tmp_path))) as board:
        yield board
