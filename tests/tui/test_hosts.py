"""The hosts screen: what is told of machines, how old it is, and how little of it is drawn again."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backends.machine import Disk, Gpu, Process, Quota, Slice
from tests.tui.fakes import NOW, board, row
from tests.tui.machines import GIB, gpu, health, host, process
from trainboard import machines
from trainboard.link import Link
from trainboard.machines import runs_by_directory
from tui import host_lines
from tui.hosts import Hosts
from tui.readings import LONG, PAUSE, Readings, sparkline
from tui.screens.hosts import HostsScreen
from tui.screens.run import RunScreen
from tui.widgets.host_list import HostList

if TYPE_CHECKING:
    from tests.tui.fakes import Theatre
    from trainboard.events import HostSeen


async def hosts(stage: Theatre, *seen: HostSeen) -> HostList:
    """The hosts screen with these."""
    await stage.send(*seen)
    await stage.press("H")
    assert isinstance(stage.app.screen, HostsScreen)
    await stage.until("FREE")
    return stage.app.screen.query_one(HostList)


async def hosts_of(stage: Theatre, action: str) -> None:
    """For tests of the keys: more hosts than there is room for, with lines above and below the cursor."""
    await hosts(stage, *(host(f"gpu{n:02}", gpu(0, n), gpu(1)) for n in range(40, 0, -1)))
    await stage.press(
        *{"back": ("slash", "g", "enter"), "top": ("G",), "half_up": ("G",), "up": ("j",)}.get(action, ())
    )


def line_of(stage: Theatre, *words: str) -> str:
    found = [line for line in stage.lines if all(word in line for word in words)]
    assert found, f"no line with {words}:\n{stage.screen}"
    return found[0]


async def test_every_host_is_one_line_with_a_bar_for_each_gpu() -> None:
    async with board() as stage:
        await hosts(stage, host("gpu1", gpu(0, 97), gpu(1), gpu(2, 50)), host("laptop"))
        line = line_of(stage, "gpu1")
        assert "● up" in line
        assert "1/3" in line
        assert "█▁▅" in line
        assert "R1 PD2" in line
        assert "30%" in line
        assert "250G" in line
        assert "2 hosts · 1 of 3 GPUs free" in stage.lines[0]
        assert "–" in line_of(stage, "laptop")


async def test_unfolded_a_host_shows_what_each_gpu_does_and_who_is_on_it() -> None:
    mine = process(4711, "GPU-0", directory="/home/ann/runs/exp-1/lr=0.1/1")
    other = process(12, "GPU-0", user="bob", command="/opt/bin/jupyter\x1b[31m a/b", memory=2 * GIB)
    seen = host("gpu1", health=health(gpu(0, 97, throttle=("power cap",)), gpu(1), processes=(other, mine)))
    rows = row(1, backend="gpu1", directory="~/runs/exp-1/lr=0.1/1")
    async with board(rows, size=(140, 40)) as stage:
        await hosts(stage, seen)
        await stage.press("z")
        told = line_of(stage, "GPU 0", "97%")
        assert "40G/80G" in told
        assert "64°C" in told
        assert "361/400W" in told
        assert "! power cap" in told
        assert "busy" in told
        assert "free" in line_of(stage, "GPU 1")
        assert "exp-1/lr=0.1" in line_of(stage, "● ", "4711", "ann")
        assert " jupyter␛[31m a/b" in line_of(stage, "· ", "12", "bob")
        assert "CPU  30% of 64 ▃" in stage.screen
        assert "· load 12.5 · RAM 25% 128G/512G ▃" in stage.screen
        assert "swap 0B/8.0G" in stage.screen
        assert "disk /home" in stage.screen
        assert "250G free of 1.0T" in stage.screen


async def test_a_gpu_that_a_run_holds_without_using_it_is_not_free_and_says_who_has_it() -> None:
    async with board() as stage:
        await hosts(
            stage, host("gpu1", gpu(0, held="exp-1/000-a of bob"), gpu(1, 90, held="exp-1/001-b of bob"), gpu(2))
        )
        assert "1/3" in line_of(stage, "gpu1")
        await stage.press("z")
        assert "held" in line_of(stage, "GPU 0", "exp-1/000-a of bob")
        assert "busy" in line_of(stage, "GPU 1"), "its processes tell who has it"
        assert "exp-1/001-b" not in stage.screen
        assert "free" in line_of(stage, "GPU 2")


async def test_enter_on_a_process_of_ours_opens_its_run_and_of_others_says_why_not() -> None:
    mine = process(4711, "GPU-0", directory="/h/runs/exp-1/lr=0.1/1")
    seen = host("gpu1", health=health(gpu(0, 97), processes=(mine, process(12, "GPU-0", memory=1))))
    async with board(row(1, backend="gpu1", directory="/h/runs/exp-1/lr=0.1/1")) as stage:
        await hosts(stage, seen)
        await stage.press("enter", "j", "j", "j", "enter")
        await stage.until("not of a run in the table")
        await stage.press("k", "enter")
        assert isinstance(stage.app.screen, RunScreen)
        await stage.press("escape")
        assert isinstance(stage.app.screen, HostsScreen)


async def test_slices_lost_and_silent_gpus_are_shown_as_what_they_are() -> None:
    cut = gpu(0, 10, slices=(Slice("MIG-1", "1g.10gb", 3 * GIB, 10 * GIB),))
    gone = gpu(1, lost="GPU is lost. Reboot the system")
    dumb = Gpu(2, "GPU-2", "AMD Instinct MI250X", None, None, None, vendor="amd")
    on_slice = process(7, "MIG-1", user="eve")
    seen = host("gpu1", health=health(cut, gone, dumb, processes=(on_slice, process(8, "GPU-strange"))))
    async with board(size=(140, 40)) as stage:
        await hosts(stage, seen)
        assert "▁✗?" in line_of(stage, "● up")
        assert "GPU 1 lost: GPU is lost" in line_of(stage, "● up")
        await stage.press("z")
        assert "3.0G/10G" in line_of(stage, "MIG 1g.10gb")
        at = stage.lines.index(line_of(stage, "MIG 1g.10gb"))
        assert "eve" in stage.lines[at + 1]
        assert "✗ lost: GPU is lost. Reboot the system" in line_of(stage, "GPU 1 ", "✗ lost")
        assert "–" in line_of(stage, "AMD Instinct")
        assert "0 of 3 GPUs free" not in stage.screen
        assert line_of(stage, " 8 ", "ann")


async def test_errors_of_memory_and_driver_are_counted() -> None:
    async with board(size=(160, 40)) as stage:
        await hosts(stage, host("gpu1", gpu(0, 50, ecc=2, xids=3)))
        assert "GPU 0 ECC errors 2" in line_of(stage, "gpu1")
        await stage.press("z")
        assert "! ECC errors 2 · Xid 3×" in line_of(stage, "GPU 0", "50%")


async def test_why_a_host_is_down_and_what_to_do_is_told_on_its_line() -> None:
    down = host("gpu9", link=Link.DOWN, reason="refused the connection", advice="is sshd up?", health=None, seen=None)
    async with board() as stage:
        await hosts(stage, host("gpu1", gpu(0)), down)
        assert "✗ down" in line_of(stage, "gpu9")
        assert "refused the connection — is sshd up?" in line_of(stage, "gpu9")
        assert "1 not up" in stage.lines[0]


def look_of(stage: Theatre, text: str) -> object:
    """The colour of what is on the screen."""
    for strip in stage.app.screen._compositor.render_strips():
        for segment in strip:
            if text in segment.text:
                return segment.style.color if segment.style is not None else None
    raise AssertionError(text)


async def test_what_is_old_is_grey_and_says_how_old_it_is() -> None:
    now = NOW
    async with board(clock=lambda: now) as stage:
        await hosts(stage, host("gpu1", gpu(0, 97)), host("gpu2", gpu(0, 55), link=Link.STALE, reason="no answer"))
        assert "▲ stale" in line_of(stage, "gpu2")
        assert "no answer" in line_of(stage, "gpu2")
        assert "<5s" in line_of(stage, "gpu1")
        fresh, dim = look_of(stage, " 30% "), look_of(stage, "HOST")
        now += 200  # nothing arrives any more: the helper of gpu1 hangs, and its query still waits
        await stage.until("▲ silent")
        assert "3m" in line_of(stage, "▲ silent", "gpu1")
        assert fresh != look_of(stage, "30%")
        assert dim == dim


async def test_hosts_are_sorted_and_the_cursor_stays_on_its_host() -> None:
    async with board() as stage:
        seen = (
            host("zeta", gpu(0, 90), gpu(1)),
            host("alpha", gpu(0, 10), gpu(1, 20)),
            host("mid", gpu(0), gpu(1)),
        )
        lines = await hosts(stage, *seen)

        def listed() -> list[str]:
            return [entry.backend for entry in lines.entries]

        assert listed() == ["zeta", "alpha", "mid"]
        await stage.press("j")
        await stage.press("o")
        assert (listed(), lines.entry and lines.entry.backend) == (["alpha", "mid", "zeta"], "alpha")
        await stage.press("o")
        assert listed() == ["mid", "zeta", "alpha"]
        await stage.press("o")
        assert listed() == ["zeta", "alpha", "mid"]
        assert "by use" in stage.lines[0]


async def test_a_filter_finds_hosts_by_owner_model_run_and_free_gpus() -> None:
    busy_one = host("gpu1", health=health(gpu(0, 97), processes=(process(1, "GPU-0", user="bob"),)))
    async with board() as stage:
        lines = await hosts(stage, busy_one, host("gpu2", gpu(0)))
        await stage.press("slash", *"bob", "enter")
        assert [entry.backend for entry in lines.entries] == ["gpu1"]
        assert "1 match bob" in stage.lines[0]
        await stage.press("escape")
        await stage.press("slash", *"free", "enter")
        assert [entry.backend for entry in lines.entries] == ["gpu2"]
        await stage.press("slash", *"zzz", "enter")
        assert "no host matches" in stage.screen
        await stage.press("escape", "escape")
        assert stage.app.screen is stage.app.board


async def test_y_copies_what_cuda_visible_devices_takes() -> None:
    async with board() as stage:
        await hosts(stage, host("gpu1", gpu(0, 97), gpu(1)))
        await stage.press("z", "j", "j", "y")
        assert stage.app.clipboard == "GPU-1"


async def test_of_many_hosts_only_lines_that_changed_are_drawn_again() -> None:
    fleet = [host(f"gpu{n:02}", *(gpu(k, 10 * k) for k in range(8))) for n in range(40)]
    async with board(size=(120, 50)) as stage:
        lines = await hosts(stage, *fleet)
        await stage.pilot.pause()
        before = lines.painted
        await stage.send(*fleet)  # the same again
        assert lines.painted == before
        new = health(gpu(0, 99), *(gpu(k, 10 * k) for k in range(1, 8)), at=NOW + 3)
        await stage.send(replace(fleet[7], health=new))
        assert lines.painted - before == 1
        await stage.press("Z")
        before = lines.painted
        await stage.send(replace(fleet[0], health=replace(new, at=NOW + 6, gpus=(gpu(0, 5), *new.gpus[1:]))))
        assert 1 <= lines.painted - before <= 12, "the host's own lines, and no other's"
        before = lines.painted
        await stage.send(replace(fleet[39], health=new))
        assert lines.painted == before, "it is not on the screen"


async def test_what_changes_on_the_board_below_draws_nothing_of_the_screen_above() -> None:
    async with board(row(1)) as stage:
        await hosts(stage, host("gpu1", gpu(0)))
        assert not stage.app.board.is_current
        await stage.rows(row(1), row(2, name="exp-1/new"))
        await stage.send(host("gpu1", gpu(0, 90)))
        await stage.press("escape")
        assert stage.app.board.is_current
        assert "exp-1/new" in stage.screen, "it is up to date as soon as it is seen"
        assert "GPU 1/1" in stage.screen
        await stage.press("c")
        assert stage.app.board.is_current, "it can be seen around a question"


async def test_the_cursor_moves_without_drawing_the_other_lines() -> None:
    async with board(size=(120, 50)) as stage:
        lines = await hosts(stage, *(host(f"gpu{n:02}", gpu(0)) for n in range(30)))
        await stage.pilot.pause()
        before = lines.painted
        await stage.press("j")
        await stage.pilot.pause()
        assert lines.painted - before == 2


@pytest.mark.parametrize("size", [(80, 24), (160, 50), (40, 10)])
async def test_no_line_is_wider_than_the_screen(size: tuple[int, int]) -> None:
    full = Disk("/scratch/a/long/path", 100 * GIB, 0, (Quota("group", 5 * GIB, 4 * GIB),))
    many = health(
        *(gpu(n, 50, throttle=("power cap", "thermal slowdown"), ecc=1) for n in range(16)),
        disks=(full, Disk("/dead", 0, 0, trouble="does not answer")),
        processes=(process(1, "GPU-0"),),
        clock=-75.0,
    )
    async with board(size=size) as stage:
        await hosts(stage, host("a-host-with-a-long-name", health=many, trouble="no room"))
        await stage.press("z")
        assert all(len(line) == size[0] for line in stage.lines)
        assert "a-host" in stage.screen
        assert "GPU 1 " in stage.screen


def text_of(pieces: list[tuple[str, str]]) -> str:
    return "".join(text for text, _ in pieces)


def test_a_disk_says_what_a_quota_leaves_and_when_it_is_full() -> None:
    disk = Disk("/home", 1000 * GIB, 250 * GIB, (Quota("user", 45 * GIB, 50 * GIB), Quota("project", 1, None)))
    seen = host("a", full={"/home": NOW + 5 * 86400})
    assert text_of(host_lines.disk_line(seen, disk, NOW, 100)) == (
        "    disk /home         250G free of 1.0T · user 45G of 50G, project 1B · full in ~5 days"
    )
    assert "full in ~12 h" in text_of(
        host_lines.disk_line(replace(seen, full={"/home": NOW + 43200}), disk, NOW, 100)
    )
    dead = Disk("/home", 0, 0, trouble="does not answer")
    assert text_of(host_lines.disk_line(seen, dead, NOW, 100)).endswith("disk /home         · does not answer")


def test_what_is_wrong_stands_on_the_folded_line_the_worst_first() -> None:
    disks = (Disk("/home", 10, 5), Disk("/dead", 0, 0, trouble="does not answer"))
    sick = health(gpu(0, 50, throttle=("power cap",)), gpu(1, ecc=1), disks=disks, clock=30.0)
    said = [text for text, _ in host_lines.alarms(host("a", health=sick, full={"/home": NOW + 86400}), NOW)]
    assert said == [
        "GPU 1 ECC errors 1",
        "/home full in ~24 h",
        "/dead does not answer",
        "GPU 0 power cap",
        "clock 30s ahead",
    ]


def test_a_clock_is_told_only_where_it_is_off() -> None:
    assert machines.clock(health(clock=2.0)) == []
    assert machines.clock(health(clock=-61.0)) == [("clock 1m01 behind", False)]


def test_histories_are_bounded_and_have_gaps_where_nothing_was_read() -> None:
    readings = Readings()
    for n in range(2 * LONG):
        assert readings.add(host("a", health=health(gpu(0, n % 100), at=NOW + n)))
    assert not readings.add(host("a", health=health(gpu(0, 1), at=NOW)))
    assert len(list(readings.of("a", "use:GPU-0"))) == LONG
    late = NOW + 2 * LONG + PAUSE + 1
    readings.add(host("a", health=health(gpu(0, 42), at=late)))
    assert list(readings.of("a", "use:GPU-0"))[-2:] == [None, 42]
    assert list(readings.of("a", "memory"))[-1] == 25
    assert readings.of("b", "cpu") == ()


def test_gpus_without_a_uuid_have_histories_of_their_own() -> None:
    readings = Readings()
    readings.add(host("a", replace(gpu(0, 7), uuid=""), replace(gpu(1, 90), uuid="")))
    assert (list(readings.of("a", "use:0")), list(readings.of("a", "use:1"))) == ([7], [90])


def test_a_gpu_that_went_away_is_forgotten_after_a_while() -> None:
    readings = Readings(long=4)
    readings.add(host("a", health=health(gpu(0, 7), gpu(1, 5), at=NOW)))
    for n in range(1, 5):
        readings.add(host("a", health=health(gpu(1, 5), at=NOW + n)))
    assert list(readings.of("a", "use:GPU-0")) == []


@given(st.lists(st.none() | st.integers(0, 100), max_size=300), st.integers(1, 40))
@settings(max_examples=60)
def test_a_sparkline_fills_its_place_and_keeps_the_highest(values: list[int | None], width: int) -> None:
    line = sparkline(values, width)
    assert len(line) == width
    known = [value for value in values if value is not None]
    if known and max(known) == 100:
        assert "█" in line
    if not known:
        assert not line.strip()


def test_an_idle_figure_is_not_a_missing_one() -> None:
    assert sparkline([0, None, 50, 100], 6) == "▁ ▅█  "


def test_processes_belong_to_rows_of_their_backend_however_the_folder_is_written() -> None:
    ours = row(1, backend="a", directory="~/runs/e/r/2")
    runs = runs_by_directory([ours, row(2, backend="b", directory="/x/runs/e/r/2"), row(3, backend="a")])
    assert runs["a", "e/r/2"] is ours
    assert len(runs) == 2


def test_a_line_whose_gpu_has_just_gone_is_empty() -> None:
    seen = host("a", gpu(0), gpu(1))
    known = Hosts({"a": seen}, {"a"})
    gone = host("a", gpu(0))
    drawn = [text_of(host_lines.line(each, gone, known, Readings(), NOW, 80)) for each in known.entries()]
    assert drawn[2] == ""
    assert Process("GPU-0", 1, "", "") not in seen.health.processes  # type: ignore[union-attr]  # it has one
