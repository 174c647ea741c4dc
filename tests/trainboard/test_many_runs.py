"""Many runs of one host, by the real helper: one channel for all of them, and no thread and no request too many."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING

from backends.base import JobState
from backends.host import Host
from backends.local import LocalLink
from backends.server import Server
from tests.trainboard.test_sampler import Told, lines
from trainboard.rows import Row
from trainboard.sampler import Sampler

if TYPE_CHECKING:
    from pathlib import Path

RUNS = 50
LINES = 40


def a_run(folder: Path, number: int) -> Row:
    """A run that has begun, as its attempt directory shows."""
    directory = folder / f"{number:03d}/1"
    (directory / "code").mkdir(parents=True)
    (directory / "plan.json").write_text(json.dumps({"token": str(number)}))
    (directory / "out.log").write_bytes(lines(0, 1))
    key, where = f"x-1.{number}", str(directory)
    wanted = ("stdout", "**/*.csv")
    return Row(
        key,
        "here",
        "1",
        key,
        JobState.RUNNING,
        run=key,
        directory=where,
        log=f"{where}/out.log",
        sources_wanted=wanted,
    )


def grow(row: Row, folder: Path, step: int) -> None:
    """A line more in the log, and a row more in a table that may not have been there."""
    with (folder / row.directory / "out.log").open("ab") as log:
        log.write(lines(step, step + 1))
    table = folder / row.directory / "code/metrics.csv"
    new = not table.exists()
    with table.open("a") as file:
        file.write(("step,acc\n" if new else "") + f"{step},{step}.5\n")


async def test_fifty_running_runs_are_followed_over_one_channel(tmp_path: Path) -> None:
    opened: list[LocalLink] = []

    async def open_link() -> LocalLink:
        opened.append(LocalLink())
        return opened[-1]

    host = Host("here", open_link)
    backend = Server("here", host, str(tmp_path / "runs"), shared=True)
    rows = [a_run(tmp_path / "runs", number) for number in range(RUNS)]
    told = [Told() for _ in rows]
    samplers = [
        Sampler(row, backend, tmp_path / "series", each, look=0.5) for row, each in zip(rows, told, strict=True)
    ]
    following = [asyncio.create_task(each.follow(row.log)) for each, row in zip(samplers, rows, strict=True)]
    for step in range(1, LINES):
        for row in rows:
            await asyncio.to_thread(grow, row, tmp_path, step)
    for each in told:
        await each.until(lambda each=each: len(each.samples) == 2 * LINES - 1, within=60)  # type: ignore[misc]
    for sampler in samplers:
        sampler.ended.set()
    await asyncio.wait_for(asyncio.gather(*following), 60)
    await backend.close()
    assert len(opened) == 1
    for each in told:
        assert (each.steps(), each.steps("acc"), each.complete) == ([*range(LINES)], [*range(1, LINES)], True)
