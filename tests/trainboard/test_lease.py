"""One process of all on a state folder polls and places runs."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from trainboard.lease import BEAT, SILENT, Lease, described, holder, lock_path, silent

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

HOLDS = """
import sys, pathlib
from trainboard.lease import Lease
lease = Lease(pathlib.Path(sys.argv[1]), "watch")
lease.look()
print(lease.held, flush=True)
sys.stdin.read()
"""


@pytest.fixture
def other(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process that has the lease."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDS, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "True\n"
    yield process
    process.send_signal(signal.SIGCONT)
    process.kill()
    process.communicate()


class Clock:
    """A time that the test sets."""

    def __init__(self, now: float = 1_800_000_000.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


def test_who_comes_first_has_it_and_the_second_sees_who(tmp_path: Path) -> None:
    clock = Clock()
    first, second = Lease(tmp_path, "board", clock), Lease(tmp_path, "watch", clock)
    assert first.look() is not None
    seen = second.look()
    assert (first.held, second.held) == (True, False)
    assert seen is not None
    assert (seen.pid, seen.role, seen.since) == (os.getpid(), "board", clock.now)
    assert str(seen) == f"board, process {os.getpid()}"


def test_who_gives_it_up_is_followed_and_does_not_take_it_again(tmp_path: Path) -> None:
    first, second = Lease(tmp_path, "board"), Lease(tmp_path, "watch")
    first.look()
    second.look()
    first.give_up()
    assert holder(tmp_path) is None
    assert second.look() is not None
    assert second.held
    second.give_up()
    assert (first.look(), first.held) == (None, False)


def test_a_killed_holder_is_followed_at_the_next_look(tmp_path: Path, other: subprocess.Popen[str]) -> None:
    lease = Lease(tmp_path, "board")
    seen = lease.look()
    assert seen is not None
    assert (seen.pid, seen.role, lease.held) == (other.pid, "watch", False)
    other.kill()
    other.wait()
    assert lease.look() is not None
    assert lease.held


def test_a_stopped_holder_is_seen_by_its_silence(tmp_path: Path, other: subprocess.Popen[str]) -> None:
    other.send_signal(signal.SIGSTOP)
    seen = Lease(tmp_path, "board").look()
    assert seen is not None
    assert not silent(seen, seen.beat + SILENT)
    assert silent(seen, seen.beat + SILENT + 1)


def test_the_holder_gives_a_sign_of_life_now_and_then(tmp_path: Path) -> None:
    clock = Clock()
    lease = Lease(tmp_path, "board", clock)
    lease.look()
    clock.now += BEAT - 1
    lease.look()
    before = holder(tmp_path)
    assert before is not None
    assert before.beat == clock.now - BEAT + 1
    clock.now += 1
    lease.look()
    after = holder(tmp_path)
    assert after is not None
    assert (after.beat, after.since) == (clock.now, before.since)


def test_asking_who_has_it_takes_it_from_nobody(tmp_path: Path) -> None:
    assert holder(tmp_path) is None
    assert not lock_path(tmp_path).exists()
    first = Lease(tmp_path, "board")
    first.look()
    first.give_up()
    assert holder(tmp_path) is None
    second = Lease(tmp_path, "watch")
    second.look()
    assert second.held


def test_a_lock_file_that_was_removed_holds_nothing(tmp_path: Path) -> None:
    first, second = Lease(tmp_path, "board"), Lease(tmp_path, "watch")
    first.look()
    lock_path(tmp_path).unlink()
    second.look()
    first.look()
    assert (first.held, second.held) == (False, True)


def test_the_lock_file_is_the_users_alone(tmp_path: Path) -> None:
    Lease(tmp_path / "state", "board").look()
    assert lock_path(tmp_path / "state").stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "state").stat().st_mode & 0o777 == 0o700


def test_a_folder_that_allows_no_lock_says_so(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("a file where the folder should be")
    with pytest.raises(OSError, match="state"):
        Lease(tmp_path / "state", "board").look()


@pytest.mark.parametrize("text", [b"", b"{", b"[]", b"7", b'{"pid": "x"}', b"\xff", b"[" * 4096, b'{"pid": 1}'])
def test_a_holder_that_has_not_signed_yet_is_somebody(text: bytes) -> None:
    assert described(text, 5.0).role == "another trainboard"


def test_a_holder_on_another_machine_is_told_with_its_name() -> None:
    text = json.dumps({"pid": 7, "host": "elsewhere", "role": "board", "since": 1.0}).encode()
    assert str(described(text, 5.0)) == "board, process 7 on elsewhere"
