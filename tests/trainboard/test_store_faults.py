"""Neither a crash nor a full disk takes from the store what it acknowledged, at any step of what it does."""

from __future__ import annotations

import asyncio
import errno
import os
import random
import signal
import subprocess
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import pytest

from tests.trainboard.test_store import EXPERIMENT, RUN, an_attempt
from trainboard.files import Disk
from trainboard.records import Attempt, Run
from trainboard.store import Database, Records, Store, StoreError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


@dataclass
class Steps:
    """The system calls of a store, each of them a step; what happens at some of them is the test's to say."""

    at: Callable[[int], bool]
    happens: Callable[[], object]
    half: bool = False
    """A write has written half of what it was given when it happens."""
    taken: int = 0
    disk: Disk = field(init=False)

    def __post_init__(self) -> None:
        self.disk = Disk(self.write, self.sync, self.cut, self.replace)

    def step(self) -> None:
        self.taken += 1
        if self.at(self.taken):
            self.happens()

    def write(self, descriptor: int, content: bytes | memoryview) -> int:
        if self.half and self.at(self.taken + 1):
            os.write(descriptor, content[: len(content) // 2])
        self.step()
        return os.write(descriptor, content)

    def sync(self, descriptor: int) -> None:
        self.step()
        os.fsync(descriptor)

    def cut(self, descriptor: int, length: int) -> None:
        self.step()
        os.ftruncate(descriptor, length)

    def replace(self, draft: Path, path: Path) -> None:
        self.step()
        draft.replace(path)


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def one_more(records: Records) -> list[Run | Attempt]:
    """A new attempt, and one more on the run's count of them: both or none."""
    run = records.runs.get("r1", replace(RUN, index=0))
    return [replace(run, index=run.index + 1), an_attempt(f"a{run.index + 1}")]


async def work(folder: Path, disk: Disk, acknowledge: Callable[[int], object]) -> None:
    """Changes and folds, as a board does them, each acknowledged."""
    store = Store(folder, disk=disk)
    for number in range(6):
        run, _ = await store.change(one_more)
        assert isinstance(run, Run)
        acknowledge(run.index)
        if number % 3 == 1:
            await store.fold()


def worked(folder: Path, disk: Disk) -> tuple[int, int]:
    """A child process does the work. How many changes it acknowledged, and how it ended."""
    read, write = os.pipe()
    child = os.fork()
    if not child:
        try:
            os.close(read)
            asyncio.run(work(folder, disk, lambda index: os.write(write, b"%d\n" % index)))
            os._exit(0)
        finally:
            os._exit(1)
    os.close(write)
    with os.fdopen(read) as acknowledged:
        count = max([0, *map(int, acknowledged)])
    return count, os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def check(folder: Path, least: int, most: int) -> int:
    """That the state is whole, and goes on; the number of changes in it."""
    records = asyncio.run(Store(folder).load())
    count = records.runs["r1"].index if records.runs else 0
    assert least <= count <= most
    assert list(records.attempts) == [f"a{number}" for number in range(1, count + 1)]
    if count:
        assert len(Database(folder / "state.json").table("attempts")) == count
    return count


def go_on(folder: Path, count: int) -> None:
    """The next writer stores and folds as if nothing had been."""

    async def more() -> None:
        store = Store(folder)
        await store.change(one_more)
        await store.fold()

    asyncio.run(more())
    check(folder, count + 1, count + 1)


def steps_of_all_work(folder: Path) -> int:
    """How many steps the work has."""
    steps = Steps(lambda _: False, die)
    asyncio.run(work(folder, steps.disk, lambda _: None))
    return steps.taken


@pytest.mark.parametrize("half", [False, True])
def test_a_process_killed_at_any_step_loses_nothing_and_doubles_nothing(tmp_path: Path, half: bool) -> None:
    steps = steps_of_all_work(tmp_path / "all")
    assert steps > 30
    for last in range(1, steps + 1):
        folder = tmp_path / str(last)
        acknowledged, ended = worked(folder, Steps(last.__eq__, die, half).disk)
        assert ended == -signal.SIGKILL
        go_on(folder, check(folder, acknowledged, acknowledged + 1))


KILLS = 60
"""More than there are steps; what a kill at each of them leaves is tested above."""


@pytest.mark.slow
def test_many_kills_one_after_the_other_lose_nothing_and_double_nothing(tmp_path: Path) -> None:
    """Each leaves its remains to the next."""
    chance, count, kills = random.Random(3), 0, 0
    while kills < KILLS:
        last, half = chance.randint(1, 40), chance.random() < 0.5
        acknowledged, ended = worked(tmp_path / "state", Steps(last.__eq__, die, half).disk)
        kills += ended == -signal.SIGKILL
        acknowledged = max(acknowledged, count)
        count = check(tmp_path / "state", acknowledged, acknowledged + 1)
    go_on(tmp_path / "state", count)


def full() -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


async def stored_while(steps: Steps, folder: Path) -> tuple[int, list[StoreError]]:
    """Do the work on a disk with faults. How many changes were acknowledged, and what the callers were told."""
    store, acknowledged, errors = Store(folder, disk=steps.disk), 0, []
    for number in range(6):
        try:
            await store.change(one_more)
            acknowledged += 1
        except StoreError as error:
            errors.append(error)
        try:
            if number % 3 == 1:
                await store.fold()
        except StoreError as error:
            errors.append(error)
    return acknowledged, errors


@pytest.mark.parametrize("half", [False, True])
def test_a_disk_full_at_any_one_step_is_told_and_the_next_write_works(tmp_path: Path, half: bool) -> None:
    steps = steps_of_all_work(tmp_path / "all")
    for at in range(1, steps + 1):
        folder = tmp_path / str(at)
        acknowledged, errors = asyncio.run(stored_while(Steps(at.__eq__, full, half), folder))
        assert [str(error).count("No space left on device") for error in errors] == [1]
        unsure = sum("shows whether" in str(error) for error in errors)
        go_on(folder, check(folder, acknowledged, acknowledged + unsure))


def test_a_disk_full_from_any_step_on_keeps_what_was_acknowledged(tmp_path: Path) -> None:
    steps = steps_of_all_work(tmp_path / "all")
    for first in range(1, steps + 1):
        folder = tmp_path / str(first)
        acknowledged, errors = asyncio.run(stored_while(Steps(first.__le__, full, half=True), folder))
        assert errors
        go_on(folder, check(folder, acknowledged, acknowledged + 1))


async def test_a_fold_by_itself_that_fails_is_told_apart_from_the_change_that_was_stored(tmp_path: Path) -> None:
    """The change is in the journal, so its caller hears no error; the store says why the journal grows."""
    broken = [True]
    steps = Steps(lambda _: broken[0], full)
    store = Store(
        tmp_path, fold_above=2_000, disk=replace(steps.disk, write=os.write, sync=os.fsync, cut=os.ftruncate)
    )
    await Store(tmp_path).put(RUN)
    await Store(tmp_path).put(EXPERIMENT)
    for _ in range(12):
        await store.change(one_more)
    with pytest.raises(StoreError, match="No space left on device; nothing is lost"):
        await store.fold()
    assert "No space left" in str(store.not_folded)
    broken[0] = False
    for _ in range(40):
        await store.change(one_more)
    await store.fold()
    assert store.not_folded is None
    assert (await Store(tmp_path).load()).runs["r1"].index == 52


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 256 KiB."""
    folder = tmp_path / "small"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=256k", "none", str(folder)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True).returncode != 0:
        pytest.skip("only root mounts a file system")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


async def test_a_disk_that_is_really_full_keeps_all_and_goes_on_when_there_is_room(small_disk: Path) -> None:
    (small_disk / "ballast").write_bytes(bytes(160_000))
    store, acknowledged = Store(small_disk, fold_above=8_000), 0

    async def fill() -> None:
        nonlocal acknowledged
        while True:
            await store.change(one_more)
            acknowledged += 1

    with pytest.raises(StoreError, match="No space left on device; nothing stored"):
        await fill()
    assert acknowledged > 50
    records = await Store(small_disk).load()
    assert records.runs["r1"].index == len(records.attempts) == acknowledged
    (small_disk / "ballast").unlink()
    await store.change(one_more)
    await store.fold()
    assert (await Store(small_disk).load()).runs["r1"].index == acknowledged + 1
