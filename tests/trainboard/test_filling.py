"""How disks fill: the points that are kept, and what they say of the day on which a disk is full."""

from __future__ import annotations

import asyncio
import random
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backends.machine import Disk, Health, Quota
from tests.trainboard.fakes import FakeBackend
from trainboard.events import HostSeen, Noticed
from trainboard.filling import (
    DAY,
    HOUR,
    KEPT,
    LEAST_POINTS,
    MOST_LINES,
    FillFile,
    Point,
    by_path,
    full_at,
    left,
    line_of,
)
from trainboard.fillings import Fillings
from trainboard.place import Place
from trainboard.tasks import Troubles

if TYPE_CHECKING:
    from pathlib import Path

    from trainboard.events import Event

NOW = 1_800_000_000.0
GIB = 1 << 30


def falling(rate: float, hours: int = 72, free: float = 1000 * GIB, noise: float = 0.0) -> list[Point]:
    """Hourly points that lose `rate` bytes a day, the last of them with `free` bytes."""
    chance = random.Random(1)
    return [
        Point(NOW - n * HOUR, "/d", int(free + rate * n / 24 + chance.uniform(-noise, noise)))
        for n in reversed(range(hours))
    ]


def test_a_disk_that_loses_so_much_a_day_is_full_when_that_is_used_up() -> None:
    at = full_at(falling(100 * GIB), NOW)
    assert at is not None
    assert (at - NOW) / DAY == pytest.approx(10, rel=0.01)


def test_a_burst_and_a_clean_up_do_not_throw_the_forecast_off() -> None:
    points = falling(100 * GIB, noise=20 * GIB)
    burst = [Point(p.at, p.path, p.free // 3) if 30 <= n < 36 else p for n, p in enumerate(points)]
    at = full_at(burst, NOW)
    assert at is not None
    assert (at - NOW) / DAY == pytest.approx(10, rel=0.25)


@pytest.mark.parametrize(
    "points",
    [
        [],
        falling(100 * GIB, hours=LEAST_POINTS - 1),
        falling(100 * GIB, hours=20),
        falling(0.0),
        falling(-50 * GIB),
        falling(0.0, noise=50 * GIB),
        falling(100.0),
    ],
    ids=["none", "few", "less than a day", "steady", "emptying", "noise", "in a thousand years"],
)
def test_nothing_is_said_of_too_few_points_or_of_a_disk_that_does_not_fill(points: list[Point]) -> None:
    assert full_at(points, NOW) is None


def test_points_from_before_the_last_week_do_not_count() -> None:
    old = [Point(p.at - 10 * DAY, p.path, p.free) for p in falling(100 * GIB)]
    assert full_at([*old, *falling(0.0, hours=5)], NOW) is None


def test_a_quota_that_is_tighter_than_the_disk_is_what_is_left() -> None:
    disk = Disk("/h", 100, 50, (Quota("user", 40, 60), Quota("group", 90, 95), Quota("project", 7, None)))
    assert left(disk) == 5
    assert left(Disk("/h", 100, 50, (Quota("user", 70, 60),))) == 0
    assert left(Disk("/h", 100, 3, (Quota("user", 40, 60),))) == 3


def test_a_point_an_hour_is_kept_and_outlives_the_process(tmp_path: Path) -> None:
    file = FillFile(tmp_path / "disks", "gpu1")
    disks = [Disk("/a", 100, 50), Disk("/b", 10, 5), Disk("/dead", 0, 0, trouble="does not answer")]
    assert file.add(disks, NOW)
    assert not file.add(disks, NOW + HOUR / 2)
    assert file.add([Disk("/a", 100, 40)], NOW + HOUR)
    points = FillFile(tmp_path / "disks", "gpu1").points()
    assert {path: [each.free for each in them] for path, them in points.items()} == {"/a": [50, 40], "/b": [5]}
    assert (tmp_path / "disks").stat().st_mode & 0o777 == 0o700
    assert (tmp_path / "disks/gpu1.jsonl").stat().st_mode & 0o777 == 0o600


def test_a_clock_that_went_back_does_not_stop_the_points(tmp_path: Path) -> None:
    file = FillFile(tmp_path, "gpu1")
    assert file.add([Disk("/a", 100, 50)], NOW + 10 * DAY)
    assert file.add([Disk("/a", 100, 50)], NOW)


def test_a_torn_line_takes_no_other_with_it(tmp_path: Path) -> None:
    file = FillFile(tmp_path, "gpu1")
    file.add([Disk("/a", 100, 50)], NOW)
    path = tmp_path / "gpu1.jsonl"
    path.write_bytes(path.read_bytes() + b'[1800000000, "/a"')
    file.add([Disk("/a", 100, 30)], NOW + HOUR)
    assert [point.free for point in FillFile(tmp_path, "gpu1").points()["/a"]] == [50, 30]


@given(st.lists(st.binary(max_size=60), max_size=20))
@settings(max_examples=100)
def test_whatever_is_in_the_file_good_lines_are_found(junk: list[bytes]) -> None:
    good = Point(NOW, "/päth", 7)
    lines = b"\n".join([*junk, line_of(good).strip()]).split(b"\n")
    assert good in by_path(lines).get("/päth", [])


@pytest.mark.parametrize(
    "line",
    [b"[NaN, 'a', 1]", b'[NaN, "/a", 1]', b'[1, "/a", -1]', b'[true, "/a", 1]', b'[1, "/a", 1.5]', b"[" * 5000],
)
def test_a_line_that_is_no_point_is_left_out(line: bytes) -> None:
    assert by_path([line]) == {}


def test_old_points_go_and_the_file_stays_small(tmp_path: Path) -> None:
    file = FillFile(tmp_path, "gpu1")
    begin = NOW - 100 * DAY
    path = tmp_path / "gpu1.jsonl"
    path.write_bytes(b"".join(line_of(Point(begin + n * HOUR, "/a", n)) for n in range(2000)))
    assert file.add([Disk("/a", 100, 50)], NOW)
    assert [point.at for point in file.points()["/a"]] == [
        *(begin + n * HOUR for n in range(2000) if NOW - begin - n * HOUR < KEPT),
        NOW,
    ]
    assert len(path.read_bytes().splitlines()) < MOST_LINES


class Told:
    """A place with a reading, and what is told of it."""

    def __init__(self, folder: Path) -> None:
        self.events: list[Event] = []
        self.place = Place(FakeBackend("gpu1"), 1.0)
        self.driving = asyncio.Event()
        tell = self.events.append
        self.fillings = Fillings({"gpu1": self.place}, folder, self.driving, tell, Troubles(tell))


async def test_the_process_that_polls_keeps_points_and_all_tell_when_it_will_be_full(tmp_path: Path) -> None:
    told, other = Told(tmp_path), Told(tmp_path)
    told.driving.set()
    for point in falling(100 * GIB, hours=48, free=300 * GIB):
        told.place.health = Health(point.at, disks=(Disk("/d", 1 << 50, point.free),))
        await told.fillings.look(point.at)
    [event] = [each for each in told.events if isinstance(each, HostSeen)][-1:]
    assert (event.full["/d"] - NOW) / DAY == pytest.approx(3, rel=0.05)
    other.place.health = told.place.health
    await other.fillings.look(NOW + 5 * HOUR)
    assert other.place.event().full == told.place.event().full
    assert len(FillFile(tmp_path, "gpu1").points()["/d"]) == 48, "who does not poll adds nothing"


async def test_a_state_folder_that_cannot_be_written_is_told_once(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    told = Told(tmp_path / "file" / "disks")
    told.driving.set()
    told.place.health = Health(NOW, disks=(Disk("/d", 10, 5),))
    await told.fillings.look(NOW)
    await told.fillings.look(NOW + HOUR)
    [notice] = told.events
    assert isinstance(notice, Noticed)
    assert "going on without" in notice.text
