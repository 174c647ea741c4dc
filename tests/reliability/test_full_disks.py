"""Full disks, on a host and here, at each write: a clear line, nothing lost, and it goes on when there is room."""

from __future__ import annotations

import asyncio
import contextlib
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from backends.base import JobState
from backends.local import Local
from specs.load import loads
from tests.backends.runners import small_disk
from tests.conftest import need
from tests.reliability.board import Board
from tests.reliability.conftest import at_board
from tests.reliability.watching import watching
from tests.trainboard.test_cli import Shell
from trainboard.actions import Refused
from trainboard.config import BackendConfig, Config
from trainboard.options import PLAIN
from trainboard.paths import paths
from trainboard.rows import merge
from trainboard.store import Store

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from specs.model import Spec
    from tests.reliability.board import Newest
    from trainboard.watch import Watch

FULL = "No space left on device"
PAGE = 4096
STEPS = 2000
"""More than fits what a file has already taken of a full disk."""
SIZE = 1 << 20


@dataclass(frozen=True)
class SmallDisk:
    """A file system of 1 MiB of which a given number of pages is free."""

    folder: Path

    def fill(self, free: int) -> None:
        """Leave so many pages free."""
        ballast = self.folder / "ballast"
        ballast.unlink(missing_ok=True)
        left = os.statvfs(self.folder).f_bavail * PAGE
        with ballast.open("wb") as file:
            os.posix_fallocate(file.fileno(), 0, max(PAGE, left - free * PAGE))

    def empty(self) -> None:
        """Make room."""
        (self.folder / "ballast").unlink()


@contextlib.contextmanager
def small_disks(folder: Path, pages: Sequence[int]) -> Iterator[list[SmallDisk]]:
    """One for each number of free pages."""
    with contextlib.ExitStack() as stack:
        made = []
        for free in pages:
            need(stack.enter_context(small_disk(folder / f"disk{free}", str(SIZE))), os.environ)
            made.append(SmallDisk(folder / f"disk{free}"))
            made[-1].fill(free)
        yield made


def told(newest: Newest) -> bool:
    """Whether each run has ended well, runs or waits for its turn, or says that the disk is full."""
    return all(
        FULL in each.reason or each.state is JobState.COMPLETED or (each.state is JobState.PENDING and each.job_id)
        for each in newest.values()
    )


@pytest.mark.parametrize("pages", [range(1, 16), range(16, 60, 3)], ids=["programs", "attempts"])
async def test_a_disk_of_a_host_that_is_full_at_any_write_is_told_and_the_run_starts_once_when_there_is_room(
    tmp_path: Path, pages: range
) -> None:
    with small_disks(tmp_path, pages) as disks:
        hosts = [
            Local(f"h{free}", str(disk.folder / "runs"), leases=str(disk.folder / "leases"))
            for free, disk in zip(pages, disks, strict=True)
        ]
        async with at_board(Board(tmp_path, *hosts)) as board:
            for host in hosts:
                await board.submit(host.name)
            newest = await board.until(told)
            assert any(FULL in each.reason for each in newest.values())
            for disk in disks:
                disk.empty()
            assert await board.settled() == {"COMPLETED": len(disks)}
            assert await board.each_ran_once()


def test_a_submission_on_a_full_disk_here_is_one_line_and_no_half_of_it_is_stored(tmp_path: Path) -> None:
    pages = (1, 2, 3, 4, 6)
    with small_disks(tmp_path, pages) as disks:
        refusals = 0
        for disk in disks:
            # The project is sent somewhere, so that it is archived here first; there nothing answers.
            shell = Shell(disk.folder)
            disk.empty()
            shell.write("home/config.yaml", "backends: {there: {kind: ssh, host: 127.0.0.1:1}}\n")
            shell.write("project/noise", "x" * 100)
            (disk.folder / "project/random").write_bytes(os.urandom(2 * PAGE))
            shell.write("project/spec.yaml", "name: x\ncommand: 'true'\nsweep: {n: [1, 2, 3]}\n")
            disk.fill(pages[disks.index(disk)])
            found = shell("submit", "project/spec.yaml", "--again", "--force")
            rows = merge(asyncio.run(Store(shell.home).load()), {})
            if FULL in found.stderr:
                refusals += 1
                assert (found.returncode, len(found.stderr.splitlines())) == (1, 1)
            stored = FULL not in found.stderr or "x-1 is on record" in found.stderr
            assert len(rows) == (3 if stored else 0), found.stderr
            disk.empty()
            shell("submit", "project/spec.yaml", "--again", "--force")
            assert len(merge(asyncio.run(Store(shell.home).load()), {})) == len(rows) + 3
        assert refusals > 1


async def test_a_board_whose_own_disk_is_full_says_so_and_has_everything_when_there_is_room(tmp_path: Path) -> None:
    go, runs, leases = tmp_path / "go", str(tmp_path / "runs"), str(tmp_path / "leases")
    here = BackendConfig("here", "local", "", runs, 0.2, True, "python3", (), leases=leases)
    step = "echo step $i loss 0.$i"
    waits = f"until [ -e {go} ]; do sleep 0.05; done"
    command = f"for i in 1 2 3; do {step}; done; {waits}; for i in $(seq 4 {STEPS}); do {step}; done"
    spec = loads(f"name: x\ncommand: {command!r}\n", tmp_path / "x.yaml")
    with small_disks(tmp_path, [200]) as [disk]:
        where = paths({"TRAINBOARD_HOME": str(disk.folder / "home")})
        async with watching(Config(where.config, (here,)), where) as seen:
            submitting = asyncio.create_task(seen.watch.submit(spec, "here"))
            await seen.until(lambda: seen.states.get("x-1.0") is JobState.RUNNING)
            await submitting
            seen.watch.show("x-1.0")
            seen.watch.look(["x-1.0"])
            await seen.until(lambda: 3 in seen.steps)
            disk.fill(0)
            go.touch()
            await seen.until(lambda: told_of("series", seen.notices) and told_of("pictures", seen.notices))
            with pytest.raises(Refused, match=FULL):
                await submit_on(seen.watch, spec)
            disk.empty()
            seen.watch.refresh()
            await seen.until(lambda: seen.states["x-1.0"] is JobState.COMPLETED and STEPS in seen.steps)
        assert seen.steps == list(range(1, STEPS + 1))
        stored = {row.key: row.state for row in merge(await Store(where.state).load(), {})}
        assert stored["x-1.0"] is JobState.COMPLETED


async def submit_on(watch: Watch, spec: Spec) -> None:
    """Submit, until the page of the store's file that is not full yet is."""
    for _ in range(40):
        await watch.submit(spec, "here", PLAIN)


def told_of(kind: str, notices: list[str]) -> bool:
    """Whether it was told that these files cannot be written."""
    return any(FULL in notice and kind in notice for notice in notices)
