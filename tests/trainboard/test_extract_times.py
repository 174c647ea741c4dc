"""The times that lines print."""

from __future__ import annotations

import time
from datetime import UTC, datetime

import pytest

from trainboard.extract import Extractor

SEEN = time.mktime((2024, 5, 1, 12, 0, 0, 0, 0, -1))


def walls(text: str, seen: float | None = SEEN) -> list[float | None]:
    return [sample.wall for sample in Extractor().feed(text.encode(), seen)]


@pytest.mark.parametrize(
    "prefix",
    [
        "2024-05-01 11:59:30,250 - train - INFO - ",
        "2024-05-01 11:59:30.250 | INFO | train | ",
        "[2024-05-01 11:59:30,250][src.log][INFO] - ",
        "2024/05/01 11:59:30.250 - mmengine - INFO - ",
        "[01/05/24 11:59:30.250] ",
        "05/01/2024 11:59:30.250 - INFO - __main__ - ",
        "I0501 11:59:30.250 123 train.py:48] ",
        "[0501 11:59:30.250 @base.py:283] ",
        "May 1 11:59:30.250 ",
        "Wed May 1 11:59:30.250 2024 ",
        "[11:59:30.250] ",
        "[2024-05-01 11:59:30,250 INFO] ",
    ],
)
def test_a_line_that_prints_its_time_has_it(prefix: str) -> None:
    assert walls(f"{prefix}step 1 loss=0.5\n") == [SEEN - 29.75]


def test_hours_and_minutes_go_on() -> None:
    text = "".join(f"2024-05-01 {hour}:{minute}:10,500 step {hour}{minute} loss=1\n" for hour, minute in
                   (("11", "58"), ("11", "59"), ("12", "00")))  # fmt: skip
    assert walls(text) == [SEEN - 109.5, SEEN - 49.5, SEEN + 10.5]


@pytest.mark.parametrize(("zone", "shift"), [("Z", 0), ("+02:00", -7200), ("-0130", 5400)])
def test_a_zone_is_heeded(zone: str, shift: float) -> None:
    utc = datetime(2024, 5, 1, 11, 59, 30, tzinfo=UTC).timestamp()
    assert walls(f"2024-05-01T11:59:30{zone} step 1 loss=0.5\n") == [utc + shift]


@pytest.mark.parametrize(
    "line",
    [
        ':::MLL 1560881849.5 eval_accuracy: {"value": 0.3}\n',
        '{"timestamp": 1560881849.5, "step": 1, "loss": 1}\n',
        ':::MLLOG {"time_ms": 1560881849500, "key": "eval_error", "value": 0.3, "metadata": {"epoch_num": 1}}\n',
    ],
)
def test_seconds_since_the_epoch_are_a_time(line: str) -> None:
    assert walls(line) == [1560881849.5]


@pytest.mark.parametrize(
    "line",
    ["step 1 loss=0.5\n", "2024-13-45 99:99:99 step 1 loss=0.5\n", "12.5 step 1 loss=0.5\n", "1/5 step=1 loss=0.5\n"],
)
def test_without_a_time_it_is_when_the_line_was_seen(line: str) -> None:
    assert set(walls(line)) == {SEEN}


def test_times_without_a_year_are_apart_as_they_were() -> None:
    text = (
        "I0124 12:24:06.418 1 a.cpp:2] Iteration 0, loss = 7\nI0124 12:24:07.918 1 a.cpp:2] Iteration 1, loss = 6\n"
    )
    first, second = walls(text, None)
    assert first is not None
    assert second is not None
    assert second - first == pytest.approx(1.5)
