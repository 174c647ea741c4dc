"""The log: bytes into lines, following, wrapping, searching."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backends.base import JobState
from tests.tui.fakes import Theatre, board, row
from trainboard.events import LogGrew, LogUnavailable
from tui import logtext
from tui.logtext import LogText


def text_of(*pieces: bytes) -> list[str]:
    text = LogText()
    for piece in pieces:
        text.feed(piece)
    return [text.line(i) for i in range(text.count)]


def test_a_carriage_return_leaves_the_last_state() -> None:
    assert text_of(b" 10%\r 50%\r100%\ndone\r\n") == ["100%", "done"]


def test_a_progress_bar_shows_its_newest_state_before_its_line_ends() -> None:
    assert text_of(b" 10%\r", b" 50%") == [" 50%"]
    assert text_of(b" 10%\r 50%\r") == [" 50%"]


def test_bytes_that_are_no_utf8_become_replacement_characters() -> None:
    assert text_of(b"a\xffb\n") == ["a\N{REPLACEMENT CHARACTER}b"]


def test_a_character_cut_between_two_pieces_is_whole() -> None:
    snow = "❄".encode()
    assert text_of(snow[:1], snow[1:] + b"\n") == ["❄"]


def test_escape_sequences_go_and_other_controls_show() -> None:
    assert text_of(b"\x1b[1;31mred\x1b[0m \x1b]0;title\x07x\x1b]52;c;aGk=\x1b\\ \x07\n") == ["red x ␇"]


def test_a_line_of_ten_megabytes_is_cut_with_a_note() -> None:
    text = LogText()
    for _ in range(160):
        text.feed(b"x" * 65_536)
    text.feed(b"\nnext\n")
    assert text.lines[0].endswith("more characters)")
    assert len(text.lines[0]) < logtext.LINE_CHARS + 100
    assert text.lines[1] == "next"


def test_a_progress_log_of_one_endless_line_stays_small() -> None:
    text = LogText()
    for i in range(2000):
        text.feed(b"\r%7d/2000000 [#####      ]" % i * 40)
    assert text.count == 1
    assert "1999/" in text.tail
    assert len(text.tail) < 100


def test_the_buffer_keeps_the_newest_lines_and_counts_the_others() -> None:
    text = LogText()
    text.feed(b"".join(b"%d\n" % i for i in range(logtext.LINES + 5)))
    assert text.dropped == 5
    assert text.lines[0] == "5"
    assert len(text.lines) == logtext.LINES


@given(st.binary(max_size=300), st.lists(st.integers(0, 300), max_size=5))
def test_lines_do_not_depend_on_how_the_bytes_are_cut(data: bytes, cuts: list[int]) -> None:
    edges = [0, *sorted(min(cut, len(data)) for cut in cuts), len(data)]
    pieces = [data[a:b] for a, b in pairwise(edges)]
    assert text_of(*pieces) == text_of(data)


@given(st.binary(max_size=300))
def test_every_line_is_printable(data: bytes) -> None:
    assert all(line.isprintable() for line in text_of(data))


async def grow(stage: Theatre, data: bytes, *, restarted: bool = False) -> None:
    await stage.send(LogGrew("r1", 0, data, restarted))


async def opened(stage: Theatre) -> None:
    await stage.log_of("r1")
    await grow(stage, b"".join(b"line %d\n" % i for i in range(100)), restarted=True)


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


async def test_lines_that_are_dropped_do_not_move_what_is_read() -> None:
    async with board(row(1)) as stage:
        await opened(stage)
        await stage.press("l", "k", "k")
        log = stage.app.board.log_view
        await grow(stage, b"".join(b"more %d\n" % i for i in range(logtext.LINES - 120)))
        shown = log.on_screen()
        await grow(stage, b"x\n" * 60)
        assert log.text.dropped == 40
        assert log.on_screen() == shown


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


async def test_a_search_counts_goes_on_and_back() -> None:
    async with board(row(1)) as stage:
        await opened(stage)
        await stage.press("l", "slash", *"LINE 5", "enter")
        assert "“line 5” 11 of 11" in stage.screen
        await stage.press("n")
        assert "1 of 11" in stage.screen
        assert "line 5" in stage.app.board.log_view.on_screen()
        await stage.press("N", "N")
        assert "10 of 11" in stage.screen
        await grow(stage, b"line 5 again\n")
        assert "10 of 12" in stage.screen
        await stage.press("escape")
        assert "of 12" not in stage.screen


@pytest.mark.parametrize("line", ["x" * 16_000, "x日" * 8_000])
@pytest.mark.parametrize("key", ["w", "right"])
async def test_of_a_long_line_full_of_matches_only_what_is_seen_is_drawn(line: str, key: str) -> None:
    async with board(row(1)) as stage:
        await opened(stage)
        await grow(stage, line.encode() + b"\n")
        await stage.press("l", "slash", "x", "enter", key)
        log = stage.app.board.log_view
        drawn = [log.render_line(y) for y in range(log.inner_height)]
        assert all(len(strip) <= 4 * log.inner_width for strip in drawn)
        assert any("x" in strip.text for strip in drawn)


async def test_a_match_that_is_broken_by_wrapping_is_marked_on_both_lines() -> None:
    async with board(row(1), size=(80, 24)) as stage:
        await opened(stage)
        await grow(stage, b"-" * 77 + b"needle\n")
        await stage.press("l", "w", "slash", *"needle", "enter")
        log = stage.app.board.log_view
        drawn = [log.render_line(y) for y in range(log.inner_height)]
        assert [s.text for strip in drawn for s in strip if s.text in ("ne", "edle")] == ["ne", "edle"]


async def test_a_log_of_which_only_the_end_is_here_says_so() -> None:
    async with board(row(1)) as stage:
        await stage.log_of("r1")
        await stage.send(LogGrew("r1", 5000, b"one\ntwo\n", restarted=True))
        assert "the last 2 lines" in stage.screen
        await stage.send(LogGrew("r1", 0, b"one\n", restarted=True))
        assert "· 1 line ·" in stage.screen


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
        await grow(stage, b"fresh\n", restarted=True)
        assert "fresh" in stage.screen
        assert "line 99" not in stage.screen


async def test_a_large_piece_reaches_the_screen_whole() -> None:
    async with board(row(1)) as stage:
        await stage.log_of("r1")
        await grow(stage, b"".join(b"%06d\n" % i for i in range(30_000)), restarted=True)
        assert "029999" in stage.screen
        assert stage.app.board.log_view.text.dropped == 10_000


async def test_the_lines_on_screen_are_copied() -> None:
    async with board(row(1)) as stage:
        await opened(stage)
        await stage.press("l", "y")
        assert stage.app.clipboard.splitlines()[-1] == "line 99"


async def test_the_path_of_a_jobs_log_is_copied() -> None:
    async with board(row(1)) as stage:
        await stage.press("y")
        assert stage.app.clipboard == "/logs/1.log"
