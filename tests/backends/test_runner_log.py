"""The log of an attempt that has a limit."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backends.runner.log import Log
from tests.backends.runners import GO, Attempt, attempts, small_disk, until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@pytest.fixture
def attempt(tmp_path: Path) -> Iterator[Callable[..., Attempt]]:
    """Makes attempt directories."""
    with attempts(tmp_path) as make:
        yield make


def older(one: Attempt) -> bytes:
    """What is in out.log.1."""
    return (one.directory / "out.log.1").read_bytes()


def test_a_limited_log_never_grows_beyond_its_limit_and_keeps_the_newest(attempt: Callable[..., Attempt]) -> None:
    one = attempt("seq 1 300000", log_limit=200_000)
    assert one.run()["state"] == "COMPLETED"
    kept = older(one) + one.log()
    printed = b"".join(b"%d\n" % number for number in range(1, 300_001))
    assert printed.endswith(kept)
    assert max(len(older(one)), len(one.log())) <= 100_000
    assert len(kept) > 100_000
    assert kept[: kept.index(b"\n")].isdigit()
    assert older(one).endswith(b"\n")


def test_not_one_byte_is_lost_or_doubled_between_the_two_files(attempt: Callable[..., Attempt]) -> None:
    one = attempt("seq 1 20000; printf end", log_limit=200_000)
    one.run()
    assert older(one) + one.log() == b"".join(b"%d\n" % number for number in range(1, 20_001)) + b"end"


def test_output_is_in_the_log_while_the_program_runs(attempt: Callable[..., Attempt]) -> None:
    one = attempt(f"printf 'no newline yet'; {GO}", log_limit=1 << 20)
    process = one.start()
    until(lambda: one.log() == b"no newline yet")
    one.go()
    assert process.wait(20) == 0


def test_what_is_printed_while_the_tree_is_ended_is_there_too(attempt: Callable[..., Attempt]) -> None:
    daemon = "(trap 'echo last; exit' TERM; : > ready; while :; do read -t 0.05 < pipe; done) 2> /dev/null &"
    one = attempt(f"mkfifo pipe; {daemon} while [ ! -e ready ]; do :; done; echo first", log_limit=1 << 20)
    one.run()
    assert one.log() == b"first\nlast\n"


def test_the_runner_s_own_words_go_to_the_newest_file(attempt: Callable[..., Attempt]) -> None:
    one = attempt("seq 1 20000; echo up; rm state -r; exit 0", log_limit=100_000)
    assert one.start().wait(20) == 1
    assert (one.directory / "out.log.1").exists()
    assert b"up\ntrainboard: no exit record" in one.log()


def test_the_limit_holds_over_the_lives_of_a_job(attempt: Callable[..., Attempt]) -> None:
    one = attempt("true", log_limit=20_000)
    (one.directory / "out.log").write_bytes(b"before\n" * 1200)
    (one.directory / "run.sh").write_text("seq 1 1000\n")
    one.run()
    assert older(one) + one.log() == b"before\n" * 1200 + b"".join(b"%d\n" % number for number in range(1, 1001))
    assert max(len(older(one)), len(one.log())) <= 10_000


def test_a_full_disk_stops_no_program_and_is_told_when_there_is_room(
    attempt: Callable[..., Attempt], tmp_path: Path
) -> None:
    with small_disk(tmp_path / "disk", "512k") as why:
        if why:
            pytest.skip(why)
        command = f"dd if=/dev/zero of=fill bs=64k 2> /dev/null; yes x | head -c 300000; : > said; {GO}; echo after"
        one = attempt(command, folder=tmp_path / "disk", log_limit=1 << 20)
        process = one.start()
        until((one.directory / "said").exists)
        (one.directory / "fill").unlink()
        one.go()
        assert process.wait(30) == 0
        assert one.ending() == ("COMPLETED", 0, "")
        before, note, rest = one.log().partition(b"trainboard: ")
        lost = int(rest.split()[0])
        assert note
        assert rest.split(b"\n", 1)[0] == b"%d bytes of output are lost here: No space left on device" % lost
        assert before[:-1] == (b"x\n" * 150_000)[: len(before) - 1]
        assert 0 < lost <= 300_000
        after = rest.split(b"\n", 1)[1]
        assert len(before) - 1 + lost + len(after) == 300_000 + len("after\n")
        assert after.endswith(b"after\n")


def test_what_could_never_be_told_in_the_log_is_in_the_exit_record(
    attempt: Callable[..., Attempt], tmp_path: Path
) -> None:
    with small_disk(tmp_path / "disk", "256k") as why:
        if why:
            pytest.skip(why)
        command = "dd if=/dev/zero of=fill bs=64k 2> /dev/null; yes x | head -c 100000"
        one = attempt(command, folder=tmp_path / "disk", log_limit=1 << 20)
        record = one.run()
        assert (record["state"], record["log_lost"] + len(one.log())) == ("COMPLETED", 100_000)


PRINTS = """
import os, pathlib, time
line, start, sent = b"step 1 loss 0.123456789 some more words of a line\\n" * 20, time.monotonic(), 0
while sent < 40_000_000:
    sent += os.write(1, line)
    ahead = sent / 20e6 - (time.monotonic() - start)
    ahead > 0.001 and time.sleep(ahead)
pathlib.Path("took").write_text(str(time.monotonic() - start))
while not os.path.exists("go"):
    time.sleep(0.02)
"""
"""Twenty megabytes a second, in pieces of a kilobyte."""


def test_twenty_megabytes_a_second_cost_less_than_a_fifth_of_a_core(attempt: Callable[..., Attempt]) -> None:
    one = attempt(f"exec {sys.executable} program.py", log_limit=10_000_000)
    (one.directory / "program.py").write_text(PRINTS)
    process = one.start()
    took = one.directory / "took"
    until(lambda: took.exists() and took.read_text())
    fields = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()
    used = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")  # start-up included
    assert used < 0.2 * float(took.read_text())
    one.go()
    assert process.wait(20) == 0


@given(st.lists(st.binary(max_size=400), max_size=30), st.integers(200, 2000))
def test_pieces_of_any_size_are_split_over_the_files_without_loss(
    tmp_path_factory: pytest.TempPathFactory, pieces: list[bytes], limit: int
) -> None:
    folder = tmp_path_factory.mktemp("log")
    path = folder / "out.log"
    log = Log(str(path), limit)
    for piece in pieces:
        log.write(piece)
    files = [path.with_name("out.log.1"), path]
    kept = b"".join(file.read_bytes() for file in files if file.exists())
    for descriptor in (log.file, log.reader, log.writer):
        os.close(descriptor)
    assert b"".join(pieces).endswith(kept)
    assert all(file.stat().st_size <= limit // 2 for file in files if file.exists())
    assert len(kept) >= min(limit // 2, sum(map(len, pieces))) // 2
    assert log.lost == 0
