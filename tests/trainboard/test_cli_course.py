"""What `show` tells of a run that goes on: how far it is, how long it takes, where its time goes."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from backends.base import JobState
from tests.trainboard.fakes import LOG, FakeBackend
from trainboard.cli.course import MOST, course
from trainboard.cli.metrics import read_run
from trainboard.reading import Reading
from trainboard.recording import series_path
from trainboard.rows import Row
from trainboard.seriesfile import SeriesFile

if TYPE_CHECKING:
    from pathlib import Path

    from trainboard.cli.course import Known
    from trainboard.series import Sample

NOW = 1_800_000_000.0


def a_row(**fields: object) -> Row:
    """A run that began two hundred seconds ago."""
    known = {"run": "x-1.0", "objective": "loss", "log": LOG, "started": NOW - 200, "total": {"steps": 400}}
    return Row("x-1.0", "fake", "77", "x", JobState.RUNNING, **(known | fields))  # type: ignore[arg-type]  # by name


def lines(first: int, last: int) -> bytes:
    """A line each step."""
    return b"".join(b"step %d loss %d.5\n" % (n, n) for n in range(first, last + 1))


def store(folder: Path, row: Row, data: bytes) -> None:
    """A board has read so much of the log, a line a second, the last one at `NOW`."""
    reading = Reading("stdout", row)
    samples: list[Sample] = []
    pieces = data.splitlines(keepends=True)
    for left, piece in zip(range(len(pieces) - 1, -1, -1), pieces, strict=True):
        samples += reading.feed(piece, NOW - left)
    assert SeriesFile(series_path(folder, row.key)).append("stdout", samples, reading.mark)


async def told(row: Row, folder: Path, log: bytes, now: float = NOW) -> Known:
    """What is told of a row whose log is this."""
    backend = FakeBackend()
    backend.write(log)
    return await course(row, [backend], folder, now)


async def test_what_a_board_has_stored_and_what_came_since_is_told(tmp_path: Path) -> None:
    row = a_row(time_limit=900.0)
    store(tmp_path, row, lines(1, 100))
    found = (await told(row, tmp_path, lines(1, 120), NOW + 20)).as_json()
    assert found["progress"]["done"] == 120
    assert found["progress"]["eta_s"] == pytest.approx(280, rel=0.02)
    assert found["progress"]["eta_low_s"] < 280 < found["progress"]["eta_high_s"]
    assert (found["progress"]["limit_at"], found["progress"]["in_time"]) == (NOW + 700, True)
    assert (found["progress"]["best_step"], found["progress"]["stalled_s"]) == (1, None)
    assert found["times"]["parts"]["step"] == {"s": pytest.approx(120, abs=3), "measured": False}
    assert found["times"]["steps"]["p50_s"] == pytest.approx(1)
    assert found["times"]["throughput"]["mean"] == pytest.approx(1, rel=0.1)


async def test_the_same_is_told_to_people_in_lines(tmp_path: Path) -> None:
    row = a_row(time_limit=900.0, checkpoints=(NOW - 60,))
    store(tmp_path, row, lines(1, 100))
    said = dict((await told(row, tmp_path, lines(1, 100))).lines(NOW))
    assert said["progress"] == "step 100 of 400, 25%"
    assert said["left"].startswith(("5m00, nine times in ten", "4m59, nine times in ten"))
    assert said["time limit"] == "in 11m; it will be done before"
    assert said["checkpoint"] == "1m00 ago"
    assert said["best"] == "at 1, 1m39 ago"
    assert "~step 1m40" in said["time"]
    assert said["step time"] == "median 1 s, p90 1 s, p99 1 s"


async def test_of_a_log_that_nobody_has_read_its_progress_and_the_mean_speed_are_known(tmp_path: Path) -> None:
    found = await told(a_row(), tmp_path, lines(1, 100))
    assert found.estimate is not None
    assert found.estimate.done == 100
    assert found.estimate.eta == pytest.approx(600)
    assert found.times is None


@pytest.mark.parametrize("state", [JobState.RUNNING, JobState.COMPLETED])
async def test_when_the_best_value_came_is_not_told_where_nobody_saw_it_come(tmp_path: Path, state: JobState) -> None:
    row = replace(a_row(), state=state, ended=NOW - 50 if state.ended else None)
    found = await told(row, tmp_path, lines(1, 100))
    assert dict(found.lines(NOW))["best"] == "at 1"
    assert found.as_json()["progress"]["best_at"] is None


async def test_the_metrics_of_a_run_tell_how_far_it_is_by_the_lines_of_its_pattern() -> None:
    row, backend = replace(a_row(), pattern=(r"^\[(?P<step>\d+)\] (?P<loss>\S+)$",)), FakeBackend()
    backend.write(b"[100] 0.5\n[200] 0.4\n")
    found = (await read_run(row, [backend])).as_json()
    assert (found["progress"]["done"], found["progress"]["total"], found["progress"]["unit"]) == (200, 400, "step")
    assert found["metrics"][0]["count"] == 2


async def test_of_a_log_that_is_too_long_to_be_read_its_end_tells_how_far_it_is(tmp_path: Path) -> None:
    log = lines(1, 10) + b"x" * (MOST + 7) + b"\n" + lines(300, 310)
    found = await told(a_row(), tmp_path, log)
    assert found.estimate is not None
    assert found.estimate.done == 310


async def test_a_host_that_does_not_answer_leaves_what_is_stored(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    row = a_row()
    store(tmp_path, row, lines(1, 100))
    backend = FakeBackend()
    backend.break_link()
    found = await course(row, [backend], tmp_path, NOW)
    assert found.estimate is not None
    assert found.estimate.done == 100
    assert "progress is as last seen" in capsys.readouterr().err


async def test_a_run_of_which_nothing_is_known_is_told_nothing_of(tmp_path: Path) -> None:
    found = await told(a_row(total={}), tmp_path, b"hello\n")
    assert found.as_json() == {"progress": None, "times": None}
    assert list(found.lines(NOW)) == []
