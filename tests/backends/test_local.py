"""This machine as a backend: what differs from a host."""

from __future__ import annotations

import asyncio
import contextlib
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

from backends.base import Chunk, Disk, Health, JobState
from backends.local import Here, Local
from tests.backends.conftest import Desk

JOURNEY = """
import asyncio, pathlib, sys
from backends.base import JobState
from backends.local import Local
from tests.backends.conftest import Desk

async def main(folder):
    desk = Desk(Local("here", str(folder / "runs"), leases=str(folder / "leases")), folder)
    attempt = await desk.start(desk.plan("echo hello"))
    assert (await desk.ended(attempt)).state is JobState.COMPLETED
    assert await desk.log(attempt) == "hello\\n"
    await desk.backend.close()

asyncio.run(main(pathlib.Path(sys.argv[1])))
print("done")
"""


def test_it_works_where_home_is_missing(tmp_path: Path) -> None:
    environment = {name: value for name, value in os.environ.items() if name != "HOME"}
    root = Path(__file__).parent.parent.parent
    for home in ({}, {"HOME": str(tmp_path / "no-such-home")}):
        argv = [sys.executable, "-c", JOURNEY, str(tmp_path)]
        done = subprocess.run(argv, env=environment | home, cwd=root, capture_output=True, text=True, timeout=60)
        assert done.stdout == "done\n", done.stderr


async def test_a_run_outlives_the_program_that_started_it(tmp_path: Path) -> None:
    first = Desk(Local("here", str(tmp_path / "runs"), leases=str(tmp_path / "leases")), tmp_path)
    attempt = await first.start(first.plan("while [ ! -e go ]; do sleep 0.05; done; echo done"))
    await first.until(attempt, lambda job: job.state is JobState.RUNNING)
    await first.backend.close()
    (tmp_path / "go").touch()
    second = Desk(Local("here", str(tmp_path / "runs"), leases=str(tmp_path / "leases")), tmp_path)
    assert (await second.ended(attempt)).state is JobState.COMPLETED
    assert await second.log(attempt) == "done\n"
    await second.backend.close()


async def test_a_reader_that_rests_is_sent_one_piece_and_no_more(tmp_path: Path) -> None:
    backend = Local("here", str(tmp_path))
    path = tmp_path / "log"
    path.write_bytes(bytes(8 << 20))
    pieces = backend.follow(str(path), 0)
    async with contextlib.aclosing(pieces):
        first = await anext(pieces)
        assert isinstance(first, Chunk)
        for _ in range(3):  # requests go and come; nothing of the log comes with them
            await backend.run_command(["true"])
        waiting = sum(stream.qsize() for stream in backend.host._streams.values())
        second = await anext(pieces)
    assert waiting == 0
    assert isinstance(second, Chunk)
    assert second.offset == len(first.data)
    await backend.close()


async def test_the_health_of_a_machine_tells_a_disk_by_a_path_that_is_not_there_yet(tmp_path: Path) -> None:
    backend = Local("here", str(tmp_path / "runs"), disks=[str(tmp_path / "not/yet")])
    async with contextlib.aclosing(backend.health(0.1)) as readings:
        health = await anext(readings)
    await backend.close()
    assert isinstance(health.disks[0], Disk)
    assert health.disks[0].path == str(tmp_path / "not/yet")
    assert health.disks[0].total > 0
    assert health.cpus


async def test_many_commands_at_once_all_come_back(tmp_path: Path) -> None:
    backend = Local("here", str(tmp_path))
    done = await asyncio.gather(*(backend.run_command(["echo", str(n)]) for n in range(50)))
    assert [int(each.out) for each in done] == list(range(50))
    await backend.close()


async def test_the_work_of_the_processors_is_counted_whichever_thread_reads_it(tmp_path: Path) -> None:
    here = Here(str(tmp_path))
    found = []

    def read() -> None:
        found.append(here.completed(Health(time.time()), None).cpu)
        until = time.process_time() + 0.1
        while time.process_time() < until:
            pass

    for _ in range(3):
        thread = threading.Thread(target=read)
        thread.start()
        await asyncio.to_thread(thread.join)
    first, *rest = found
    assert first is None, "of no time at all"
    assert all(cpu is not None and cpu > 0 for cpu in rest)
    assert here.completed(Health(time.time(), cpu=7.0), None).cpu == 7.0
