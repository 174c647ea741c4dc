"""The log of a row on screen: following, moving through a file that is mostly elsewhere, searching, saving."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from rich.color import Color

from backends.base import Chunk, JobState, Sought
from tests.effort import effort
from tests.tui.fakes import Actions, Theatre, board, row
from trainboard.events import LogGrew, LogUnavailable
from tui import logtext
from tui.widgets import log_page

if TYPE_CHECKING:
    from tui.widgets.log_view import LogView


async def grow(stage: Theatre, data: bytes, *, restarted: bool = False) -> None:
    """The log grows, here and on its host."""
    known = b"" if restarted else stage.actions.logs.get("r1", b"")
    stage.actions.logs["r1"] = known + data
    await stage.send(LogGrew("r1", len(known), data, restarted, len(known) + len(data)))


async def opened(stage: Theatre) -> None:
    await stage.log_of("r1")
    await grow(stage, b"".join(b"line %d\n" % i for i in range(100)), restarted=True)


BIG = b"".join(b"%07d %s\n" % (i, b"x" * 60) for i in range(60_000))
"""Some 4 MB: sixteen pieces."""


async def opened_at_its_end(stage: Theatre, data: bytes = BIG) -> LogView:
    """A log of which only the tail has come."""
    stage.actions.logs["r1"] = data
    await stage.log_of("r1")
    tail = max(0, len(data) - 100_000)
    await stage.send(LogGrew("r1", tail, data[tail:], True, len(data)))
    await stage.press("l", "l")
    return stage.app.board.log_view


def top_line(log: LogView) -> str:
    return log.on_screen()[0].split()[0]


async def until(stage: Theatre, line: str) -> None:
    """Wait until this line is on screen."""
    log = stage.app.board.log_view
    await stage.when(lambda: line in [each.split()[0] for each in log.on_screen() if each])


async def test_the_log_of_the_selected_row_is_shown_and_followed() -> None:
    async with board(row(1), row(2)) as stage:
        await opened(stage)
        assert "line 99" in stage.screen
        await grow(stage, b"line 100\n")
        assert "line 100" in stage.screen
        assert "following" in stage.screen
        assert "101 lines" in stage.screen


async def test_another_rows_log_is_not_mixed_in() -> None:
    async with board(row(1), row(2)) as stage:
        await opened(stage)
        await stage.press("j")
        await stage.log_of("r2")
        await grow(stage, b"late piece of r1\n")
        assert "late piece" not in stage.screen
        assert "line 99" not in stage.screen


async def test_scrolling_up_stops_following_and_the_end_starts_it() -> None:
    async with board(row(1)) as stage:
        await opened(stage)
        await stage.press("l", "k", "k")
        log = stage.app.board.log_view
        assert not log.following
        shown = log.on_screen()
        await grow(stage, b"line 100\nline 101\n")
        assert log.on_screen() == shown
        await stage.press("G")
        assert log.following
        assert "line 101" in stage.screen


@pytest.mark.parametrize("key", ["f"])
async def test_f_switches_following(key: str) -> None:
    async with board(row(1)) as stage:
        await opened(stage)
        await stage.press(key)
        assert not stage.app.board.log_view.following
        assert "not following" in stage.screen


async def test_long_lines_wrap_on_w() -> None:
    async with board(row(1), size=(80, 24)) as stage:
        await stage.log_of("r1")
        await grow(stage, b"start " + b"x" * 160 + b" finish\n", restarted=True)
        assert "finish" not in stage.screen
        await stage.press("w")
        assert "finish" in stage.screen
        await stage.press("w")
        assert "finish" not in stage.screen


async def test_long_lines_can_be_read_sideways() -> None:
    async with board(row(1), size=(80, 24)) as stage:
        await stage.log_of("r1")
        await grow(stage, b"start " + b"x" * 80 + b" finish\n", restarted=True)
        await stage.press("l", *["right"] * 3)
        assert "finish" in stage.screen
        await stage.press(*["left"] * 3)
        assert "start" in stage.screen


async def test_a_log_that_cannot_be_read_says_why_and_keeps_what_it_has() -> None:
    async with board(row(1)) as stage:
        await stage.log_of("r1")
        await stage.send(LogUnavailable("r1", "no such file: /logs/1.log"))
        assert "no such file: /logs/1.log" in stage.screen
        await opened(stage)
        await stage.send(LogUnavailable("r1", "here: connection lost"))
        assert "▲ here: connection lost" in stage.screen
        assert "line 99" in stage.screen


async def test_a_run_that_waits_has_no_output_yet_and_that_is_no_failure() -> None:
    async with board(row(1, JobState.PENDING), row(2)) as stage:
        stage.app.board.table.seek("r1")
        await stage.log_of("r1")
        await stage.send(LogUnavailable("r1", "/logs/1.log: No such file or directory"))
        assert "no output yet: it waits" in stage.screen
        assert "No such file" not in stage.screen


async def test_a_log_that_was_truncated_begins_anew() -> None:
    async with board(row(1)) as stage:
        await opened(stage)
        assert "began anew" not in stage.screen
        await stage.press("l", "l", "g")
        await grow(stage, b"fresh\n", restarted=True)
        assert "fresh" in stage.screen
        assert "line 99" not in stage.screen
        assert "· it began anew ·" in stage.screen
        assert stage.app.board.log_view.following


async def test_the_lines_on_screen_are_copied() -> None:
    async with board(row(1)) as stage:
        await opened(stage)
        await stage.press("l", "y")
        assert stage.app.clipboard.splitlines()[-1] == "line 99"


async def test_the_path_of_a_jobs_log_is_copied() -> None:
    async with board(row(1)) as stage:
        await stage.press("y", "y")
        assert stage.app.clipboard == "/logs/1.log"


# --- moving through a file that is mostly elsewhere


async def test_a_log_of_which_only_the_end_is_here_says_where_that_is() -> None:
    async with board(row(1)) as stage:
        await opened_at_its_end(stage)
        assert "0059999" in stage.screen
        assert "100% of 3.9M" in stage.screen


async def test_it_is_read_backwards_piece_by_piece_as_far_as_one_goes() -> None:
    async with board(row(1)) as stage:
        log = await opened_at_its_end(stage)
        for _ in range(40):
            log.move(-100)
            await stage.pilot.pause()
        assert int(top_line(log)) == 60_000 - log.inner_height - 40 * 100
        reads = [call[2:] for call in stage.actions.calls if call[0] == "read_log"]
        assert reads
        assert sum(length for _, length in reads) < 1_000_000
        assert log.text.count <= logtext.ROWS


async def test_g_goes_to_the_very_beginning_of_the_file_at_once_and_back() -> None:
    async with board(row(1)) as stage:
        log = await opened_at_its_end(stage)
        await stage.press("g")
        await until(stage, "0000000")
        assert top_line(log) == "0000000"
        assert "line 1 · 0% of 3.9M" in stage.screen
        assert [call[2:] for call in stage.actions.calls if call[0] == "read_log"] == [(0, log_page.PIECE)]
        await stage.press("G")
        await until(stage, "0059999")
        assert log.following


async def test_from_the_beginning_one_comes_to_the_end_and_only_a_part_stays_in_memory(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(logtext, "ROWS", 12_000)
    monkeypatch.setattr(log_page, "AROUND", 1_000)
    async with board(row(1)) as stage:
        log = await opened_at_its_end(stage)
        await stage.press("g")
        await until(stage, "0000000")
        while not log.at_end:
            log.move(1_000)
            await stage.pilot.pause()
            assert log.text.count <= 12_000 + log_page.PIECE // 69 + 1
        assert log.text.start > 0
        assert log.at_end


async def test_what_comes_while_one_reads_elsewhere_moves_nothing_and_waits_in_the_file() -> None:
    async with board(row(1)) as stage:
        log = await opened_at_its_end(stage)
        await stage.press("g")
        await until(stage, "0000000")
        shown = log.on_screen()
        await grow(stage, b"newest\n")
        assert log.on_screen() == shown
        await stage.press("G")
        await until(stage, "newest")


async def test_what_is_told_while_the_end_is_on_its_way_is_shown_too() -> None:
    async with board(row(1)) as stage:
        log = await opened_at_its_end(stage)
        await stage.press("g")
        await until(stage, "0000000")
        before = stage.actions.logs["r1"]
        stale = Chunk(len(before) - 1000, before[-1000:], len(before))
        stage.actions.late = [stale]
        stage.actions.reading.clear()
        await stage.press("G")
        assert "reading…" in stage.screen
        await grow(stage, b"newest\n")
        stage.actions.reading.set()
        await until(stage, "newest")
        await until(stage, "0059999")
        assert log.at_end
        assert "reading…" not in stage.screen


async def test_a_log_that_outruns_the_line_is_shown_from_where_it_is_told_again() -> None:
    async with board(row(1)) as stage:
        log = await opened_at_its_end(stage)
        stage.actions.logs["r1"] += BIG
        await stage.send(LogGrew("r1", len(BIG) + 1_000_000, b"rest of a line\nfar ahead\n", size=2 * len(BIG)))
        assert "far ahead" in stage.screen
        assert "rest of a line" not in stage.screen
        await stage.press("ctrl+u")
        await stage.until("00144")
        assert log.text.start > len(BIG)


async def test_pieces_that_were_read_already_are_not_shown_twice() -> None:
    async with board(row(1)) as stage:
        await opened(stage)
        data = stage.actions.logs["r1"]
        await stage.send(LogGrew("r1", len(data) - 16, data[-16:] + b"line 100\n", size=len(data) + 9))
        assert [line for line in stage.app.board.log_view.on_screen() if line][-3:] == [
            "line 98",
            "line 99",
            "line 100",
        ]


async def test_a_piece_that_cannot_be_read_says_why() -> None:
    async with board(row(1)) as stage:
        await opened_at_its_end(stage)
        del stage.actions.logs["r1"]
        await stage.press("g")
        await stage.until("No such file or directory")
        assert "0059999" in stage.screen


async def test_a_slow_answer_for_another_row_is_not_shown() -> None:
    async with board(row(1), row(2)) as stage:
        await opened_at_its_end(stage)
        stage.actions.reading.clear()
        await stage.press("g", "escape", "j")
        await stage.log_of("r2")
        stage.actions.reading.set()
        await stage.send(LogGrew("r2", 0, b"of the second\n", True, 14))
        assert stage.app.board.log_view.on_screen() == ["of the second"]


async def test_a_progress_bar_without_line_ends_is_one_line_and_is_not_read_whole() -> None:
    data = b"".join(b"\r%7d/2000000 [#####     ]" % i for i in range(100_000))
    async with board(row(1)) as stage:
        log = await opened_at_its_end(stage, data)
        assert log.on_screen() == ["  99999/2000000 [#####     ]"]
        for _ in range(5):
            await stage.press("k")
        reads = [call for call in stage.actions.calls if call[0] == "read_log"]
        assert len(reads) <= log_page.FILLS + 6
        assert log.on_screen() == ["  99999/2000000 [#####     ]"]


async def test_wrapped_lines_move_line_by_line_of_the_screen() -> None:
    async with board(row(1), size=(80, 24)) as stage:
        await stage.log_of("r1")
        await grow(stage, b"".join(b"%03d " % i + "é".encode() * 150 + b"\n" for i in range(50)), restarted=True)
        await stage.press("l", "l", "w")
        log = stage.app.board.log_view
        assert log.spots[-1].row == 49
        tops = []
        for _ in range(4):
            await stage.press("k")
            tops.append((log.spots[0].row, log.spots[0].start))
        assert tops == sorted(tops, reverse=True)
        assert len(set(tops)) == 4
        await stage.press("g")
        assert (log.spots[0].row, log.spots[0].start) == (0, 0)
        await stage.press("G")
        assert (log.spots[-1].row, log.spots[-1].end) == (49, 154)


async def test_colours_of_the_log_are_seen_and_nothing_else_of_its_escapes() -> None:
    async with board(row(1)) as stage:
        await stage.log_of("r1")
        await grow(stage, b"\x1b[31mred\x1b[0m \x1b]0;title\x07 \x1b[2Jplain\nno colour\n", restarted=True)
        log = stage.app.board.log_view
        drawn = [segment for segment in log.render_line(0) if segment.text.strip()]
        assert drawn[0].text == "red"
        assert drawn[0].style is not None
        assert drawn[0].style.color == Color.from_ansi(1)
        assert "\x1b" not in stage.screen
        assert "red  plain" in stage.screen


async def test_a_binary_file_is_shown_with_what_can_be_read_in_it() -> None:
    async with board(row(1)) as stage:
        await stage.log_of("r1")
        await grow(stage, bytes(range(256)) * 200 + b"\nreadable\n", restarted=True)
        assert "readable" in stage.screen
        assert all(strip.isprintable() for strip in stage.lines)


# --- searching


async def sought(stage: Theatre, query: str) -> LogView:
    await stage.press("l", "slash", *query, "enter")
    await stage.pilot.pause()
    return stage.app.board.log_view


def found(log: LogView) -> str:
    """The line that stands out."""
    [line] = {spot.shown.text for spot in log.spots if log.ground(spot.row) == "cursor"} or {""}
    return line


async def test_a_search_from_the_end_goes_up_then_on_and_around() -> None:
    async with board(row(1)) as stage:
        await opened(stage)
        log = await sought(stage, "line 5")
        assert found(log) == "line 59"
        assert not log.following
        await stage.press("n")
        assert found(log) == "line 5"
        assert "from the top" in stage.screen
        await stage.press("n")
        assert found(log) == "line 50"
        await stage.press("N", "N")
        assert found(log) == "line 59"
        assert "from the end" in stage.screen
        await stage.press("escape")
        assert "“line 5”" not in stage.screen


async def test_a_search_finds_what_is_not_here_and_shows_it() -> None:
    async with board(row(1)) as stage:
        await opened_at_its_end(stage)
        log = await sought(stage, "00123[4]5")
        await until(stage, "0012345")
        assert found(log).startswith("0012345")
        assert log.text.end - log.text.start <= log_page.PIECE


@pytest.mark.parametrize(
    ("query", "line"), [("ALPHA", "ALPHA"), ("alpha", "ALPHA"), ("Alpha", ""), (r"^al\w+ 2$", "alpha 2")]
)
async def test_capitals_count_only_where_the_query_has_some(query: str, line: str) -> None:
    async with board(row(1)) as stage:
        await stage.log_of("r1")
        await grow(stage, b"alpha 1\nalpha 2\nALPHA\n", restarted=True)
        log = await sought(stage, query)
        assert found(log) == line
        assert bool(line) != ("is not in the log" in stage.screen)


@pytest.mark.parametrize("keys", [["l"], ["l", "w"]])
async def test_a_match_far_in_a_long_line_is_brought_on_screen(keys: list[str]) -> None:
    async with board(row(1), size=(80, 24)) as stage:
        await stage.log_of("r1")
        await grow(stage, b"first\n" + b"-" * 20_000 + b"needle" + b"-" * 5_000 + b"\nlast\n", restarted=True)
        await stage.press(*keys)
        stage.actions.sought = [Sought(6 + 18_432, b"-" * 4096, 22_534, 25_018, True)]
        log = await sought(stage, "needle")
        assert any("needle" in log.render_line(y).text for y in range(log.inner_height))


async def test_a_long_search_tells_how_far_it_is_and_can_be_stopped() -> None:
    async with board(row(1)) as stage:
        await opened(stage)
        stage.actions.sought = [Sought(None, b"", 400, 1000, False)]
        stage.actions.searching.clear()
        log = await sought(stage, "x")
        assert "searching (esc stops)" in stage.screen
        stage.actions.searching.set()
        await stage.until("is not in the log")
        stage.actions.sought = [Sought(None, b"", at, 1000, False) for at in range(0, 1000, 10)]
        stage.actions.searching.clear()
        await stage.press("n", "escape")
        assert "stopped" in stage.screen
        assert stage.app.focused is log
        assert log.query_text == "x"
        stage.actions.searching.set()
        await stage.press("k")
        assert len(stage.actions.sought) == 100


async def test_a_pattern_that_cannot_be_read_says_so_and_asks_nobody() -> None:
    async with board(row(1)) as stage:
        await opened(stage)
        await sought(stage, "a(b")
        assert "the pattern cannot be read" in stage.screen
        assert not [call for call in stage.actions.calls if call[0] == "search_log"]


async def test_matches_are_marked_while_the_query_is_typed() -> None:
    async with board(row(1)) as stage:
        await opened(stage)
        await stage.press("l", "slash", *"ne 9")
        log = stage.app.board.log_view
        assert "ne 9" in [segment.text for segment in log.render_line(log.inner_height - 1)]
        await stage.press("escape")
        assert "ne 9" not in [segment.text for segment in log.render_line(log.inner_height - 1)]


@pytest.mark.parametrize("line", ["x" * 16_000, "x日" * 4_000])
@pytest.mark.parametrize("key", ["w", "right"])
async def test_of_a_long_line_full_of_matches_only_what_is_seen_is_drawn(line: str, key: str) -> None:
    async with board(row(1)) as stage:
        await opened(stage)
        await grow(stage, line.encode() + b"\n")
        log = await sought(stage, "x")
        await stage.press(key)
        drawn = [log.render_line(y) for y in range(log.inner_height)]
        assert all(len(strip) <= 4 * log.inner_width for strip in drawn)
        assert any("x" in strip.text for strip in drawn)


async def test_a_match_that_is_broken_by_wrapping_is_marked_on_both_lines() -> None:
    async with board(row(1), size=(80, 24)) as stage:
        await opened(stage)
        await grow(stage, b"-" * 77 + b"needle\n")
        await stage.press("l", "w")
        log = await sought(stage, "needle")
        drawn = [log.render_line(y) for y in range(log.inner_height)]
        assert [s.text for strip in drawn for s in strip if s.text in ("ne", "edle")] == ["ne", "edle"]


async def test_a_pattern_that_could_take_for_ever_is_found_but_not_marked() -> None:
    async with board(row(1)) as stage:
        await stage.log_of("r1")
        await grow(stage, b"a" * 40 + b"b\n" + b"fine\n", restarted=True)
        stage.actions.sought = [Sought(42, b"fine\n", 47, 47, True)]
        log = await sought(stage, "(a+)+$|fine")
        assert found(log) == "fine"


async def test_x_goes_from_error_to_error() -> None:
    async with board(row(1)) as stage:
        await stage.log_of("r1")
        lines = [
            "step 1 error 0.3",
            "Traceback (most recent call last):",
            "ok",
            "RuntimeError: CUDA error: boom",
            "end",
        ]
        await grow(stage, "\n".join([*lines, *["fine"] * 60]).encode(), restarted=True)
        await stage.press("l", "l", "x")
        log = stage.app.board.log_view
        assert found(log).startswith("Traceback")
        await stage.press("x")
        assert found(log).startswith("RuntimeError")
        await stage.press("x")
        assert found(log).startswith("Traceback")
        await stage.press("X")
        assert found(log).startswith("RuntimeError")


async def test_a_log_without_errors_says_so() -> None:
    async with board(row(1)) as stage:
        await opened(stage)
        await stage.press("l", "l", "x")
        assert "no error in the log" in stage.screen


# --- saving


async def asked_to_save(stage: Theatre, path: Path) -> None:
    await stage.press("l", "l", "ctrl+s")
    await stage.until("Save the log")
    stage.app.screen.query_one("Answer").value = str(path)  # type: ignore[attr-defined]  # an input
    await stage.press("enter")


async def test_a_log_is_saved_where_one_says_and_tells_how_far_it_is(tmp_path: Path) -> None:
    async with board(row(1)) as stage:
        await opened(stage)
        stage.actions.reading.clear()
        await asked_to_save(stage, tmp_path / "copy.log")
        await stage.until("saving 50%")
        stage.actions.reading.set()
        await stage.until("saved 790B as")
        assert (tmp_path / "copy.log").read_bytes() == stage.actions.logs["r1"]


async def test_a_folder_takes_the_log_under_a_name_of_its_own(tmp_path: Path) -> None:
    async with board(row(1)) as stage:
        await opened(stage)
        await asked_to_save(stage, tmp_path)
        await stage.until("saved")
        assert (tmp_path / "r1.log").exists()


async def test_no_file_is_overwritten_without_a_question(tmp_path: Path) -> None:
    path = tmp_path / "there.log"
    path.write_text("mine")
    async with board(row(1)) as stage:
        await opened(stage)
        await asked_to_save(stage, path)
        await stage.until("Overwrite it?")
        await stage.press("n")
        assert path.read_text() == "mine"
        await asked_to_save(stage, path)
        await stage.until("Overwrite it?")
        await stage.press("y")
        await stage.until("saved")
        assert path.read_bytes() == stage.actions.logs["r1"]


@pytest.mark.parametrize("path", ["~nobodyhere/x.log", "/" + "x" * 300])
async def test_a_place_where_nothing_can_be_saved_is_refused(path: str) -> None:
    async with board(row(1)) as stage:
        await opened(stage)
        await asked_to_save(stage, Path(path))
        log = stage.app.board.log_view
        await stage.when(lambda: log._told and not log._doing)
        assert path[:10] in log._told


async def test_a_log_can_be_saved_where_this_folder_is_gone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    async with board(row(1)) as stage:
        await opened(stage)
        await stage.press("l", "l", "ctrl+s")
        await stage.until("Save the log")
        assert stage.app.screen.query_one("Answer").value == str(Path.home() / "r1.log")  # type: ignore[attr-defined]


async def test_a_pattern_that_is_slow_on_screen_is_not_marked_any_more() -> None:
    async with board(row(1)) as stage:
        await opened(stage)
        await grow(stage, b"a" * 300 + b"\n")
        await stage.press("l", "slash", *"[ab]+[ab]+c")
        log = stage.app.board.log_view
        log.render_line(log.inner_height - 1)
        assert effort(lambda: [log.render_line(y) for y in range(log.inner_height)], 0.05) < 0.05


async def test_saving_can_be_stopped(tmp_path: Path) -> None:
    actions = Actions()
    async with board(row(1), actions=actions) as stage:
        await opened(stage)
        actions.reading.clear()
        await asked_to_save(stage, tmp_path / "copy.log")
        await stage.until("saving 50%")
        await stage.press("escape")
        assert "stopped" in stage.screen
        actions.reading.set()
        await stage.press("k")
        assert not (tmp_path / "copy.log").exists()
