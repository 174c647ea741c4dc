"""The board as a user sees it: rows, cursor, marks, filter, keys, layouts."""

from __future__ import annotations

import dataclasses
import random
from typing import TYPE_CHECKING

import pytest
from textual.worker import WorkerFailed

from backends.base import Disk, Gpu, Health, JobState
from tests.tui.fakes import NOW, Actions, board, row
from trainboard.actions import Refused
from trainboard.events import HostSeen, Link, Noticed, Sampled
from trainboard.rows import Row
from trainboard.series import Sample
from tui.app import Board
from tui.screens.confirm import Confirm

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from trainboard.events import Event


async def test_the_queue_reaches_the_table() -> None:
    async with board(row(1), row(2, JobState.PENDING, reason="Resources")) as stage:
        assert "● RUNNING" in stage.screen
        assert "exp-1/lr=0.1-seed=1" in stage.screen
        assert "○ PENDING" in stage.screen
        assert "Resources" in stage.screen


async def test_alive_rows_come_first_and_then_the_newest_ended() -> None:
    old = row(1, JobState.COMPLETED, ended=NOW - 900)
    new = row(2, JobState.FAILED, ended=NOW - 10)
    async with board(old, new, row(3, JobState.PENDING), row(4)) as stage:
        listing = stage.app.board.table.listing
        assert [at[-1] for at in listing.order] == ["r4", "r3", "r2", "r1"]


async def test_the_cursor_stays_on_its_row_when_others_come_and_go() -> None:
    async with board(*(row(i) for i in range(5))) as stage:
        await stage.press("j", "j")
        assert stage.app.board.table.cursor == "r2"
        await stage.rows(row(9, started=NOW), *(row(i) for i in range(1, 5)))
        assert stage.app.board.table.cursor == "r2"
        assert any(line.startswith("›") and "seed=2" in line for line in stage.lines)


async def test_a_row_that_goes_hands_the_cursor_to_its_neighbour() -> None:
    async with board(*(row(i) for i in range(5))) as stage:
        await stage.press("j", "j")
        await stage.rows(*(row(i) for i in range(5) if i != 2))
        assert stage.app.board.table.cursor == "r3"


async def test_marks_stay_on_their_rows_and_leave_with_them() -> None:
    async with board(*(row(i) for i in range(5))) as stage:
        await stage.press("space", "space")
        await stage.rows(row(8, started=NOW), *(row(i) for i in range(1, 5)))
        assert stage.app.board.table.marks == {"r1"}
        assert "◆ 1 marked" in stage.screen


async def test_the_scroll_position_stays_with_the_row_under_the_cursor() -> None:
    rows = [row(i, started=NOW - i) for i in range(100)]
    async with board(*rows, size=(80, 24)) as stage:
        table = stage.app.board.table
        await stage.press("G", "ctrl+u", "k")
        place = (table.listing.index(table.cursor) or 0) - table.top
        await stage.rows(*(row(200 + i, started=NOW + i) for i in range(7)), *rows)
        assert (table.listing.index(table.cursor) or 0) - table.top == place


async def test_rows_in_any_order_and_pieces_end_in_the_same_listing() -> None:
    """Twenty thousand rows are settled in steps; what is seen in the end is what a fresh board would show."""
    chance = random.Random(1)
    rows = [row(i, chance.choice(list(JobState))) for i in range(3000)]
    async with board(*rows) as stage:
        changed = [dataclasses.replace(r, state=chance.choice(list(JobState))) for r in rows[500:2500]]
        chance.shuffle(changed)
        await stage.rows(*changed)
        await stage.when(lambda: not stage.app.board.table.listing.pending)
        async with board(*changed) as fresh:
            await fresh.when(lambda: not fresh.app.board.table.listing.pending)
            assert stage.app.board.table.listing.order == fresh.app.board.table.listing.order


async def test_the_filter_works_while_it_is_typed_and_esc_clears_it() -> None:
    async with board(row(1), row(2, backend="triton"), row(3, JobState.FAILED)) as stage:
        await stage.press("slash", *"triton")
        assert len(stage.app.board.table.listing) == 1
        assert "1 of 3" in stage.screen
        await stage.press("enter")
        assert "seed=2" in stage.screen
        assert "seed=3" not in stage.screen
        await stage.press("escape")
        assert len(stage.app.board.table.listing) == 3


@pytest.mark.parametrize(("words", "found"), [("failed", "r3"), ("lr=0.2 here", "r2"), ("EXP-1 seed=1", "r1")])
async def test_all_words_of_a_filter_must_match_something_of_the_row(words: str, found: str) -> None:
    async with board(row(1), row(2), row(3, JobState.FAILED)) as stage:
        stage.app.board.table.filter(words)
        assert [at[-1] for at in stage.app.board.table.listing.order] == [found]


async def test_cancel_asks_and_names_the_job() -> None:
    async with board(row(1), row(2)) as stage:
        await stage.press("j", "c")
        assert "Cancel this job?" in stage.screen
        assert "exp-1/lr=0.2-seed=2" in stage.screen
        await stage.press("y")
        await stage.actions.told("cancel", ("r2",))


async def test_cancel_takes_the_marked_rows_that_are_alive() -> None:
    async with board(row(1), row(2), row(3), row(4, JobState.COMPLETED)) as stage:
        await stage.press("space", "space", "j", "space", "c")
        assert "Cancel 2 jobs?" in stage.screen
        assert "· exp-1/lr=0.2-seed=2" in stage.screen
        assert "· exp-1/lr=0.4-seed=4" not in stage.screen
        await stage.press("enter")
        await stage.actions.told("cancel", ("r1", "r2"))


async def test_the_question_lists_ten_names_and_counts_the_others() -> None:
    async with board(*(row(i) for i in range(14))) as stage:
        await stage.press(*["space"] * 14, "c")
        assert "Cancel 14 jobs?" in stage.screen
        assert "and 4 more" in stage.screen


@pytest.mark.parametrize("key", ["n", "escape", "q"])
async def test_nothing_is_cancelled_without_a_yes(key: str) -> None:
    async with board(row(1)) as stage:
        await stage.press("c", key)
        assert not isinstance(stage.app.screen, Confirm)
        assert not [call for call in stage.actions.calls if call[0] == "cancel"]


async def test_a_refused_cancel_is_said() -> None:
    actions = Actions()
    actions.refusal = Refused("triton: Access denied [red]")
    async with board(row(1), actions=actions) as stage:
        await stage.press("c", "y")
        await actions.told("cancel", ("r1",))
        await stage.until("triton: Access denied [red]")


async def test_a_job_that_has_ended_is_not_cancelled() -> None:
    async with board(row(1, JobState.COMPLETED)) as stage:
        await stage.press("c")
        await stage.until("not alive any more")
        assert not isinstance(stage.app.screen, Confirm)


async def test_jobs_that_we_did_not_start_can_be_cancelled_too() -> None:
    foreign = Row("triton:7", "triton", "7", "interactive", JobState.RUNNING)
    async with board(foreign) as stage:
        await stage.press("c", "y")
        await stage.actions.told("cancel", ("triton:7",))


async def test_readonly_says_so_and_cancels_nothing() -> None:
    async with board(row(1), readonly=True) as stage:
        assert "READ-ONLY" in stage.screen
        assert "cancel" not in stage.lines[-1]
        await stage.press("c")
        assert not isinstance(stage.app.screen, Confirm)


@pytest.mark.parametrize(
    "name",
    ["a|b|c", "line\nbreak", "[red]markup[/red]", "\x1b[31mred\x1b[0m", "🚀 emoji", "'q' \"d\" $(x)", "\udcff", ""],
)
async def test_any_job_name_is_one_harmless_line(name: str) -> None:
    foreign = Row("triton:7", "triton", "7", name, JobState.RUNNING)
    async with board(foreign, row(1)) as stage:
        await stage.press("i", "c")
        for line in stage.lines:
            assert line.isprintable(), line
        assert sum("RUNNING" in line for line in stage.lines) >= 2
        stage.screen.encode()


async def test_markup_in_a_name_is_shown_as_it_is() -> None:
    async with board(Row("triton:7", "triton", "7", "[red]x[/]", JobState.RUNNING)) as stage:
        await stage.press("c")
        assert sum("[red]x[/]" in line for line in stage.lines) >= 2


async def test_a_host_line_says_state_load_and_age() -> None:
    gpus = tuple(Gpu(i, str(i), "A100", 90 if i else 0, 0, 1, processes=i) for i in range(2))
    health = Health(NOW, "gpu1", 8, 2.5, 100, 25, gpus, (Disk("/", 1 << 40, 200 << 30),))
    async with board(size=(120, 24)) as stage:
        await stage.send(HostSeen("gpu1", "ssh", Link.UP, seen=NOW - 5, health=health, running=1, calls_per_minute=6))
        line = stage.lines[1]
        for part in ("● up", "gpu1", "GPU 1/2", "R1 PD0", "5s", "disk 200G", "mem 75%", "load 2.5", "6 calls/min"):
            assert part in line


async def test_hosts_that_have_no_line_are_counted_and_named_on_the_last_one() -> None:
    async with board(size=(80, 24)) as stage:
        hosts = [HostSeen(f"gpu{i}", "ssh", Link.UP, seen=NOW) for i in range(9)]
        await stage.send(*hosts, HostSeen("bad", "ssh", Link.DOWN, "connection refused"))
        assert "✗ down       bad" in stage.lines[1]
        assert "gpu3" in stage.lines[5]
        assert stage.lines[6].startswith("and 5 more: ● gpu4  ● gpu5")


async def test_a_gateways_own_gpus_are_not_taken_for_the_clusters() -> None:
    health = Health(NOW, "gateway", 8, 2.5, 100, 25, (), (Disk("/", 1 << 40, 200 << 30),))
    async with board(size=(120, 24)) as stage:
        for kind, said in (("slurm", False), ("ssh", True)):
            await stage.send(HostSeen("triton", kind, Link.UP, seen=NOW, health=health))
            assert ("no GPU" in stage.lines[1]) is said


async def test_a_stale_host_shows_its_age_reason_and_advice_and_keeps_its_jobs() -> None:
    async with board(row(1)) as stage:
        await stage.send(HostSeen("here", "slurm", Link.STALE, "squeue: timed out", "wait", seen=NOW - 40, running=1))
        assert "▲ stale 40s" in stage.lines[1]
        assert "squeue: timed out — wait" in stage.lines[1]
        assert "● RUNNING" in stage.screen


async def test_samples_draw_a_sparkline_and_the_last_value() -> None:
    async with board(row(1, total={"epochs": 10})) as stage:
        samples = tuple(Sample("val_loss", 3.0 - i, i, "epoch") for i in range(3))
        await stage.send(Sampled("r1", samples))
        assert "█▄▁" in stage.screen.replace("▅", "▄")
        assert " 20%" in stage.screen
        assert any("RUNNING" in line and line.rstrip().rstrip("▐").rstrip().endswith("1") for line in stage.lines)


async def test_notices_are_shown_as_they_are() -> None:
    async with board(row(1)) as stage:
        await stage.send(Noticed("warning", "r1 [bold]failed"))
        await stage.until("r1 [bold]failed")


async def test_an_empty_board_says_what_to_do() -> None:
    actions = Actions()
    actions.offered = ["gpu7"]
    async with board(actions=actions) as stage:
        assert "Asking the hosts" in stage.screen
        assert "0 alive" not in stage.screen
        await stage.rows()
        assert "Press n" in stage.screen
        assert "1 host of ~/.ssh/config can be added" in stage.screen


async def test_an_offered_host_is_added_from_the_palette() -> None:
    actions = Actions()
    actions.offered = ["gpu7"]
    async with board(row(1), actions=actions) as stage:
        await stage.press("colon", *"gpu7")
        await stage.until("Add host gpu7 from ~/.ssh/config")
        await stage.press("down", "enter")
        await actions.told("add_host", "gpu7")


async def test_polling_slows_down_where_nobody_looks() -> None:
    from textual.events import AppBlur, AppFocus

    async with board(row(1)) as stage:
        stage.app.post_message(AppBlur())
        await stage.actions.told("focus", False)
        stage.app.post_message(AppFocus())
        await stage.actions.told("focus", True)


@pytest.mark.parametrize("size", [(80, 24), (100, 30), (200, 50)])
async def test_the_layout_shows_what_matters(size: tuple[int, int]) -> None:
    gpus = (Gpu(0, "u", "A100", 90, 1, 1, processes=1),)
    hosts = [
        HostSeen("gpu1", "ssh", Link.UP, seen=NOW - 1, health=Health(NOW, gpus=gpus), running=1),
        HostSeen("csc", "slurm", Link.DOWN, "no route to host"),
    ]
    states = [row(i, state, total={"epochs": 10}) for i, state in enumerate(JobState)]
    async with board(*states, size=size) as stage:
        samples = tuple(Sample("val_loss", 1 / (1 + i), i, "epoch") for i in range(6))
        await stage.send(*hosts, Sampled("r3", samples))
        screen = stage.screen
        for part in (
            "● up",
            "GPU 1/1",
            "✗ down",
            "no route to host",
            "● RUNNING",
            "50%",
            "0.1667",
            "[log]",
            "? help",
        ):
            assert part in screen, part
        assert all(len(line) <= size[0] for line in stage.lines)
        for _ in JobState:
            await stage.press("j")
            line = next(line for line in stage.lines if line.startswith("› ") and "state" not in line)
            state = stage.app.board.table.row
            assert state is not None
            word = "OUT_OF_MEM" if state.state is JobState.OUT_OF_MEMORY else str(state.state)
            assert word in line


@pytest.mark.parametrize("size", [(40, 10), (60, 16), (80, 18)])
async def test_a_small_terminal_still_has_table_pane_and_keys(size: tuple[int, int]) -> None:
    async with board(*(row(i) for i in range(30)), size=size) as stage:
        await stage.send(*(HostSeen(f"gpu{i}", "ssh", Link.UP, seen=NOW) for i in range(7)))
        assert "● RUNNING" in stage.screen
        assert "[log]" in stage.screen
        assert "q quit" in stage.lines[-1]


async def test_where_no_plot_fits_every_metric_has_a_line() -> None:
    names, values = ("val_loss", "acc"), (3, 1, 2)
    samples = [Sample(name, value, step, "step") for name in names for step, value in enumerate(values)]
    async with board(row(1), size=(80, 18)) as stage:
        await stage.send(Sampled("r1", tuple(samples)))
        await stage.press("m")
        assert any("› val_loss" in line and "2  █▁▅" in line for line in stage.lines)
        await stage.press("m", "j")
        assert "›acc (2/2 j k)" in stage.screen
        assert any("› acc" in line for line in stage.lines)


async def test_without_colour_signs_and_reverse_video_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")  # the outer world's switch, read by Textual when the app is made
    async with board(row(1), row(2, JobState.FAILED)) as stage:
        assert stage.app.no_color
        assert "✗ FAILED" in stage.screen
        table = stage.app.board.table
        strips = stage.app.screen._compositor.render_strips()
        cursor = [segment for segment in strips[table.region.y + 1] if "RUNNING" in segment.text]
        assert cursor
        assert cursor[0].style is not None
        assert cursor[0].style.reverse
        assert all(s.style is None or s.style.color is None or s.style.color.is_default for s in cursor)


async def test_a_filter_that_matches_nothing_says_how_to_get_out() -> None:
    async with board(row(1)) as stage:
        await stage.press("slash", *"zzz", "enter")
        assert "No job matches the filter" in stage.screen


async def test_info_shows_every_field_that_has_a_value() -> None:
    told = row(1, JobState.FAILED, exit_code=137, reason="killed", partition="gpu", nodes="gpu12", directory="/w/1")
    async with board(told, size=(120, 60)) as stage:
        await stage.press("i", "i", "enter")
        for part in ("exit code  137", "killed", "gpu12", "/w/1", "/logs/1.log", "lr  0.1", "val_loss (minimize)"):
            assert part in stage.screen, part


async def test_a_defect_ends_the_board_with_its_traceback_and_no_values(
    capsys: pytest.CaptureFixture[str],
) -> None:
    async def broken() -> AsyncIterator[Event]:
        secret = "hunter" + str(2)  # put together here: the traceback does show the source
        raise RuntimeError("a defect")
        yield Noticed("error", secret)

    app = Board(broken, Actions())
    with pytest.raises(WorkerFailed, match="a defect"):
        async with app.run_test(size=(100, 30)) as pilot:
            await pilot.pause()
    said = "".join(capsys.readouterr())
    assert "a defect" in said
    assert "hunter2" not in said


async def test_why_a_log_is_not_read_is_told_where_its_curves_would_be_until_it_can_be() -> None:
    async with board(row(1)) as stage:
        await stage.press("m")
        await stage.until("No metrics yet")
        await stage.send(Sampled("r1", (), trouble="/there/out.log cannot be read: Permission denied"))
        await stage.until("▲ /there/out.log cannot be read: Permission denied")
        assert "No metrics yet" not in stage.screen
        await stage.send(Sampled("r1", ()))
        await stage.until("No metrics yet")
