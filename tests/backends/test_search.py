"""Looking for lines in files of hosts: the same on every kind, in steps, and never for longer than it may take."""

from __future__ import annotations

import asyncio
import json
import os
import re
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backends.base import CommandFailed, Wanted
from backends.remote.seek import Seek
from backends.remote.terminal import plain
from backends.search import program

if TYPE_CHECKING:
    from pathlib import Path

    from backends.base import Backend
    from tests.backends.conftest import Desk

LOG = b"".join(b"step %d loss 0.%d\n" % (i, i) for i in range(1000))


async def first(
    backend: Backend, path: Path, pattern: str, offset: int = 0, *, backwards: bool = False
) -> bytes | None:
    """The line that is found, if any."""
    wanted = Wanted(pattern, ignore_case=pattern.islower())
    while True:
        sought = await backend.search(str(path), wanted, offset, backwards=backwards)
        offset = sought.at
        if sought.done and sought.found is not None:
            here = await backend.read(str(path), sought.found, len(sought.line))
            assert here.data == sought.line
            return sought.line
        if sought.done:
            return None


async def test_lines_are_found_downwards_and_upwards_from_any_place(desk: Desk, tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_bytes(LOG)
    place = LOG.index(b"step 500")
    assert await first(desk.backend, path, r"step \d*7\b") == b"step 7 loss 0.7\n"
    assert await first(desk.backend, path, r"step \d*7\b", place) == b"step 507 loss 0.507\n"
    assert await first(desk.backend, path, r"step \d*7\b", place, backwards=True) == b"step 497 loss 0.497\n"
    assert await first(desk.backend, path, r"step \d*7\b", -1, backwards=True) == b"step 997 loss 0.997\n"
    assert await first(desk.backend, path, "step 500", place) == b"step 500 loss 0.500\n"
    assert await first(desk.backend, path, "step 500", place, backwards=True) is None
    assert await first(desk.backend, path, "step 0", -1) is None


async def test_what_is_searched_is_what_a_terminal_shows(desk: Desk, tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_bytes(b" 10%\r 50%\r\x1b[32m100%\x1b[0m done\r\n\x1b]0;title\x07\xff\xc3\xa9t\xc3\x89\nlast")
    assert await first(desk.backend, path, "^100% done$") is not None
    assert await first(desk.backend, path, "50%") is None
    assert await first(desk.backend, path, "title") is None
    assert await first(desk.backend, path, "été") == b"\x1b]0;title\x07\xff\xc3\xa9t\xc3\x89\n"
    assert await first(desk.backend, path, "ÉTÉ") is None
    assert await first(desk.backend, path, "^last$") == b"last"


async def test_a_pattern_that_backtracks_for_ever_ends_and_delays_nobody(desk: Desk, tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_bytes(b"a" * 64 + b"b\n")
    async with asyncio.timeout(30):
        stuck = asyncio.create_task(desk.backend.search(str(path), Wanted("(a+)+$"), 0))
        quick = await desk.backend.read(str(path), 0, 3)
        assert (quick.data, stuck.done()) == (b"aaa", False)
        with pytest.raises(CommandFailed, match="the pattern takes too long"):
            await stuck


async def test_what_cannot_be_searched_says_why(desk: Desk, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    log = tmp_path / "log"
    log.write_bytes(LOG)
    for path, pattern, why in (
        (tmp_path / "none", "x", "No such file or directory"),
        (tmp_path / "pipe", "x", "no regular file"),
        (tmp_path, "x", "a folder"),
        (log, "(", "the pattern cannot be read"),
    ):
        async with asyncio.timeout(20):
            with pytest.raises(CommandFailed, match=why):
                await first(desk.backend, path, pattern)


async def test_a_pipe_in_the_place_of_a_log_holds_up_no_other(desk: Desk, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "log").write_text("here\n")
    async with asyncio.timeout(20):
        stuck = await anext(desk.backend.follow(str(tmp_path / "pipe"), 0))
        assert getattr(stuck, "reason", "") == "It is no regular file"
        piece = await anext(desk.backend.follow(str(tmp_path / "log"), 0))
        assert getattr(piece, "data", b"") == b"here\n"
        with pytest.raises(CommandFailed, match="no regular file"):
            await desk.backend.read(str(tmp_path / "pipe"), 0, 10)


async def test_a_file_that_was_written_anew_in_its_place_is_told_as_restarted(desk: Desk, tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_bytes(b"first words\n")
    pieces = desk.backend.follow(str(path), 0)
    async with asyncio.timeout(20):
        await anext(pieces)
        with path.open("r+b") as file:
            file.write(b"other words, and more than there were\n")
        piece = await anext(pieces)
        await pieces.aclose()
    assert (getattr(piece, "restarted", None), getattr(piece, "offset", None)) == (True, 0)
    assert getattr(piece, "data", b"") == b"other words, and more than there were\n"


async def test_a_file_that_can_be_read_again_says_so_though_nothing_is_new_in_it(desk: Desk, tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_bytes(b"here\n")
    pieces = desk.backend.follow(str(path), 0)
    async with asyncio.timeout(20):
        await anext(pieces)
        path.rename(tmp_path / "away")
        trouble = await anext(pieces)
        (tmp_path / "away").rename(path)
        piece = await anext(pieces)
        await pieces.aclose()
    assert getattr(trouble, "reason", "") == "No such file or directory"
    assert (getattr(piece, "data", None), getattr(piece, "restarted", None)) == (b"", False)


# --- one step, in this process


def step(
    path: Path, pattern: str, offset: int, *, backwards: bool, block: int, needles: tuple[str, ...] = ()
) -> Seek:
    request = {
        "path": str(path),
        "pattern": pattern,
        "ignore_case": False,
        "needles": list(needles),
        "offset": offset,
        "backwards": backwards,
        "seconds": 0,
    }
    return Seek(request, block)


def whole(
    path: Path, pattern: str, offset: int, *, backwards: bool, block: int, needles: tuple[str, ...]
) -> int | None:
    """Where it is found, in as many steps as it takes."""
    steps = 0
    while True:
        answer, _ = step(path, pattern, offset, backwards=backwards, block=block, needles=needles).answer()
        steps += 1
        assert steps < 1000
        if answer["done"]:
            return answer["found"]  # type: ignore[no-any-return]  # JSON
        assert answer["at"] < offset or offset < 0 if backwards else answer["at"] > offset
        offset = answer["at"]


lines = st.lists(st.text("ab \r", max_size=12), min_size=1, max_size=30)


@settings(max_examples=60, deadline=None)
@given(lines, st.sampled_from(["ab", "^a", "b$", "a b", "^$", "a.*b"]), st.data(), st.booleans(), st.integers(20, 60))
def test_blocks_and_steps_change_nothing(
    tmp_path_factory: pytest.TempPathFactory,
    lines: list[str],
    pattern: str,
    data: st.DataObject,
    backwards: bool,
    block: int,
) -> None:
    text = "\n".join(lines)
    path = tmp_path_factory.getbasetemp() / "lines"
    path.write_text(text, newline="")
    places = [sum(len(line) + 1 for line in lines[:n]) for n in range(len(lines)) if n < len(lines) - 1 or lines[-1]]
    start = data.draw(st.sampled_from([*places, len(text)]))
    needles = ("ab",) if pattern == "ab" else ()
    hits = [
        place
        for place, line in zip(places, lines, strict=False)
        if re.search(pattern, plain(line)) and (place < start if backwards else place >= start)
    ]
    expected = (hits[-1] if backwards else hits[0]) if hits else None
    assert whole(path, pattern, start, backwards=backwards, block=block, needles=needles) == expected


def test_the_program_that_is_sent_is_understood_by_a_python_whose_locale_is_c(tmp_path: Path) -> None:
    assert program().isascii()
    log = tmp_path / "log"
    log.write_bytes("été\n".encode())
    request = {"path": str(log), "pattern": "ÉTÉ", "ignore_case": True, "needles": [], "offset": 0}
    done = subprocess.run(
        [
            sys.executable,
            "-I",
            "-S",
            "-c",
            program().decode(),
            json.dumps(request | {"backwards": False, "seconds": 1}),
        ],
        env={"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"},
        capture_output=True,
        check=True,
    )
    assert json.loads(done.stdout.partition(b"\n")[0])["found"] == 0


def test_a_step_ends_when_its_time_is_over_and_says_how_far_it_came(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_bytes(LOG)
    answer, line = step(path, "nowhere", 0, backwards=False, block=1000).answer()
    assert (answer["found"], answer["done"], answer["size"], line) == (None, False, len(LOG), b"")
    assert 900 < answer["at"] <= 1000
    assert LOG[answer["at"] - 1 : answer["at"]] == b"\n"


@pytest.mark.parametrize("backwards", [False, True])
def test_in_a_long_line_it_is_told_where_the_match_is(tmp_path: Path, backwards: bool) -> None:
    path = tmp_path / "log"
    path.write_bytes(b"short\n" + b"x" * 300_000 + b"needle" + b"x" * 300_000 + b"\nshort\n")
    start = -1 if backwards else 0
    answer, line = step(path, "needle", start, backwards=backwards, block=1 << 20).answer()
    assert (answer["done"], line.find(b"needle") + answer["found"]) == (True, 300_006)
    again, _ = step(path, "needle", answer["at"], backwards=backwards, block=1 << 20).answer()
    assert again["found"] is None


def test_a_line_longer_than_a_block_is_searched_in_pieces(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_bytes(b"first\n" + b"x" * 5000 + b"needle" + b"x" * 5000 + b"\nlast\n")
    for backwards in (False, True):
        start = -1 if backwards else 0
        found = whole(path, "needle", start, backwards=backwards, block=1 << 20, needles=())
        assert found is not None
        assert b"needle" in path.read_bytes()[found : found + 4096]
        found = whole(path, "needle", start, backwards=backwards, block=1500, needles=())
        assert found is not None
        assert 6 <= found <= 5006
