"""A stretch of a log: bytes in any pieces into rows with their places, and rows into what a terminal would show."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.color import Color

from tests.effort import effort
from tui import logtext
from tui.ansi import PLAIN, UNEVEN, carried, shown
from tui.ansi import seen as seen_text
from tui.logtext import LogText
from tui.show import clean


def seen(text: LogText) -> list[str]:
    return [shown(row).text for row in text.rows]


def text_of(*pieces: bytes) -> list[str]:
    text = LogText()
    for piece in pieces:
        text.append(piece)
    return seen(text)


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
    assert text_of(b"\x1b[1;31mred\x1b[0m \x1b]0;title\x07x\x1b]52;c;aGk=\x1b\\ \x1b[2J\x1b[3Ay \x07\n") == [
        "red x y ␇"
    ]


def test_a_line_of_ten_megabytes_goes_on_in_many_rows() -> None:
    text = LogText()
    for _ in range(16):
        text.append("é".encode() * 32_768)
    text.append(b"\nnext\n")
    assert max(map(len, text.rows)) <= logtext.LONGEST
    assert "".join(seen(text)[:-1]) == "é" * 32_768 * 16
    assert text.rows[-1] == b"next"
    assert text.offsets[-1] == 16 * 65_536 + 1


def test_a_progress_log_of_one_endless_line_stays_small() -> None:
    text = LogText()
    for i in range(2000):
        text.append(b"\r%7d/2000000 [#####      ]" % i * 40)
    assert seen(text) == ["   1999/2000000 [#####      ]"]
    assert len(text.rows[0]) < 2 * logtext.LONGEST
    assert text.offsets == [0]


def test_a_stretch_that_begins_inside_a_line_begins_with_the_next() -> None:
    text = LogText.of(b"rest of it\nwhole\nopen", 100)
    assert (text.rows, text.offsets, text.start, text.end) == ([b"whole", b"open"], [111, 117], 111, 121)


def test_the_farther_side_is_dropped_where_there_is_too_much() -> None:
    text = LogText()
    text.append(b"".join(b"%06d\n" % i for i in range(logtext.ROWS + 50)))
    assert text.drop_before(20) == 20
    assert (text.rows[0], text.start) == (b"000020", 140)
    assert text.drop_before(text.count) == 30
    assert (text.count, text.full) == (logtext.ROWS, False)
    text.append(b"x\n" * 10)
    end = text.end
    text.drop_after(100)
    assert (text.count, text.end) == (logtext.ROWS, end - 20)


data = st.lists(
    st.sampled_from([b"a", b"bc", b"\n", b"\r", b"\x1b[31m", b"\xc3\xa9", b"\t", b"\xff"]), max_size=80
).map(b"".join)


@given(data, st.lists(st.integers(0, 300), max_size=5))
def test_rows_do_not_depend_on_how_the_bytes_are_cut(data: bytes, cuts: list[int]) -> None:
    edges = [0, *sorted(min(cut, len(data)) for cut in cuts), len(data)]
    assert text_of(*(data[a:b] for a, b in pairwise(edges))) == text_of(data)


@given(data, st.lists(st.integers(0, 300), min_size=1, max_size=5))
def test_reading_backwards_comes_to_the_same_rows_and_places(data: bytes, cuts: list[int]) -> None:
    edges = [0, *sorted(min(cut, len(data)) for cut in cuts), len(data)]
    text, whole = LogText.of(data[edges[-2] :], edges[-2]), LogText()
    whole.append(data)
    while text.start:
        begin = max(edge for edge in edges if edge < text.start)
        text.prepend(data[begin : text.start])
    assert (text.rows, text.offsets) == (whole.rows, whole.offsets)


@given(st.binary(max_size=300))
def test_every_line_is_printable(data: bytes) -> None:
    assert all(line.isprintable() for line in text_of(data))


@given(
    st.lists(st.sampled_from(["\x1b[", "38;", "48;5;", "2;", "0", "1", "255", ";", ":", "m", "x", "\r"]), max_size=40)
)
def test_spans_are_in_order_and_inside_the_text(parts: list[str]) -> None:
    line = shown("".join(parts).encode())
    assert all(0 <= a < b <= len(line.text) for a, b, _ in line.spans)
    assert all(first[1] <= second[0] for first, second in pairwise(line.spans))


@pytest.mark.parametrize(
    ("code", "color"),
    [
        ("31", Color.from_ansi(1)),
        ("1;92", Color.from_ansi(10)),
        ("38;5;208", Color.from_ansi(208)),
        ("38;2;1;200;3", Color.from_rgb(1, 200, 3)),
        ("38:2::1:200:3", Color.from_rgb(1, 200, 3)),
        ("38;5;208;1", Color.from_ansi(208)),
        ("31;39", None),
        ("31;0", None),
        ("38;2;300;0;0", None),
        ("38", None),
        ("9999", None),
    ],
)
def test_colours_of_sgr_are_kept(code: str, color: Color | None) -> None:
    line = shown(f"a\x1b[{code}mb\x1b[0mc".encode())
    assert line.text == "abc"
    assert [(a, b, style.color) for a, b, style in line.spans if style.color] == ([(1, 2, color)] if color else [])
    assert line.after == PLAIN


def test_the_look_of_text_is_kept_and_taken_back_one_by_one() -> None:
    line = shown(b"\x1b[1;3;4;7;9mall\x1b[22;24mfewer\x1b[23;27;29mnone")
    [everything, fewer] = [style for _, _, style in line.spans]
    assert (everything.bold, everything.italic, everything.underline, everything.reverse) == (True,) * 4
    assert (fewer.bold, fewer.underline, fewer.strike, fewer.italic) == (None, None, True, True)


def test_a_colour_goes_on_in_the_next_lines_until_it_is_reset() -> None:
    rows = [b"\x1b[31mfirst", b"second", b"third\x1b[0m", b"fourth"]
    pens = [carried(rows, row) for row in range(4)]
    assert [shown(row, pen).spans != () for row, pen in zip(rows, pens, strict=True)] == [True, True, True, False]


@given(
    st.lists(st.lists(st.sampled_from(["a", "\x1b[31m", "\x1b[0m", "\x1b[m", "\x1b[1;44m", "\x1b[39m"]), max_size=4))
)
def test_a_line_in_the_middle_has_the_colours_that_reading_from_the_top_gives_it(lines: list[list[str]]) -> None:
    rows = ["".join(line).encode() for line in lines]
    pen = PLAIN
    for number, row in enumerate(rows):
        assert carried(rows, number) == pen
        pen = shown(row, pen).after


@given(st.text(st.characters(), min_size=1, max_size=20))
def test_controls_are_shown_as_everywhere(text: str) -> None:
    assert seen_text(text) == clean(UNEVEN.sub("", text))


@pytest.mark.parametrize("row", [b"\r" * 8192, b"abc" + b"\r" * 8000, b"a\r" * 4000 + b"\r" * 100])
def test_a_row_full_of_carriage_returns_is_read_in_time(row: bytes) -> None:
    assert effort(lambda: shown(row), 0.1) < 0.1


def test_what_each_terminal_counts_anew_is_left_out() -> None:
    assert shown("❤\ufe0f 👍🏽 1\ufe0f\u20e3 \u3164|".encode()).text == "❤ 👍 1\u20e3 |"
    assert shown("\x1b[1m❤\ufe0f".encode()).text == "❤"


def test_tabs_are_as_wide_as_they_are_on_a_terminal() -> None:
    assert shown(b"ab\tc\x1b[1m\td").text == "ab      c       d"
