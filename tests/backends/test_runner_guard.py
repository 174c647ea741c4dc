"""What happens to a program whose runner alone is killed, and to the guard that sees to it."""

from __future__ import annotations

import fcntl
import os
import signal
from typing import TYPE_CHECKING

import pytest

from backends.runner.signals import PASSED_ON
from backends.runner.tree import Tree, survey
from tests.backends.runners import GO, Attempt, attempts, gone, small_disk, until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

ORPHANED = ("FAILED", None, "the runner was killed; its processes were ended")
SLEEPER = "echo $$ > pid; echo up; while :; do sleep 0.05; done"


@pytest.fixture
def attempt(tmp_path: Path) -> Iterator[Callable[..., Attempt]]:
    """Makes attempt directories."""
    with attempts(tmp_path) as make:
        yield make


def kill(one: Attempt, *names: str) -> None:
    """SIGKILL for the runner (`pid`), its guard, or both."""
    for name in names:
        os.kill(one.state("started")[name], signal.SIGKILL)


def test_a_runner_that_is_killed_leaves_no_process_and_an_exit_record(attempt: Callable[..., Attempt]) -> None:
    one = attempt(SLEEPER, grace=600)  # it ends at the first word: nothing is waited for
    one.up()
    kill(one, "pid")
    until(lambda: one.has("exit"))
    assert gone(int((one.directory / "pid").read_text()))
    assert one.ending() == ORPHANED
    assert one.record()["time"] >= one.record()["began"] == one.state("started")["time"]
    until(lambda: gone(one.state("started")["guard"]))


def test_a_runner_that_is_killed_before_it_could_tell_its_name_is_told_by_its_guard(
    attempt: Callable[..., Attempt],
) -> None:
    one = attempt("echo ran")
    # Nobody reads from the pipe, so the runner never comes to write state/started.
    process = one.start(shell=f"mkfifo {one.directory}/state/started.$$.tmp")
    until(lambda: one.has("exit.room"))
    process.kill()
    until(lambda: one.has("exit"))
    assert one.ending() == ORPHANED
    assert one.log() == b""


def test_a_program_may_save_when_its_runner_was_killed(attempt: Callable[..., Attempt]) -> None:
    one = attempt("trap 'echo saved; exit 0' TERM; " + SLEEPER, grace=5)
    one.up()
    kill(one, "pid")
    until(lambda: one.has("exit"))
    assert one.log().endswith(b"saved\n")
    assert one.ending() == ORPHANED


def test_an_orphan_that_ignores_sigterm_is_killed_after_the_grace_time(attempt: Callable[..., Attempt]) -> None:
    one = attempt("trap '' TERM; " + SLEEPER, grace=0.3)
    one.up()
    kill(one, "pid")
    until(lambda: one.has("exit"))
    assert gone(int((one.directory / "pid").read_text()))


def test_an_orphan_that_was_cancelled_is_told_as_cancelled(attempt: Callable[..., Attempt]) -> None:
    one = attempt(SLEEPER)
    one.up()
    (one.directory / "state/cancel").touch()
    kill(one, "pid")
    until(lambda: one.has("exit"))
    assert one.ending() == ("CANCELLED", None, "cancelled")


def test_a_guard_that_is_killed_is_replaced_and_the_program_goes_on(attempt: Callable[..., Attempt]) -> None:
    one = attempt(SLEEPER, grace=5)
    process = one.up()
    first = one.state("started")["guard"]
    kill(one, "guard")
    until(lambda: gone(first) and guards(process.pid, one) == {one.state("started")["guard"]})
    kill(one, "pid")
    until(lambda: one.has("exit"))
    assert one.ending() == ORPHANED
    assert gone(int((one.directory / "pid").read_text()))


def guards(pid: int, one: Attempt) -> set[int]:
    """Children of a runner that are not of the program."""
    parents, marked = survey(f"TRAINBOARD_TOKEN={one.token}".encode())
    return {child for child, parent in parents.items() if parent == pid} - marked


def test_a_signal_to_the_guard_changes_nothing(attempt: Callable[..., Attempt]) -> None:
    one = attempt(f"echo up; {GO}")
    process = one.up()
    for number in PASSED_ON | {signal.SIGHUP}:
        os.kill(one.state("started")["guard"], number)
    one.go()
    assert process.wait(20) == 0
    assert one.ending() == ("COMPLETED", 0, "")


def test_the_guard_ends_with_its_runner(attempt: Callable[..., Attempt]) -> None:
    one = attempt("true")
    one.run()
    assert gone(one.state("started")["guard"])


def test_a_lease_stays_with_an_orphan_whose_runner_and_guard_are_killed(
    attempt: Callable[..., Attempt], tmp_path: Path
) -> None:
    one = attempt(SLEEPER)
    path = tmp_path / "lease"
    with path.open("w") as lease:
        fcntl.flock(lease, fcntl.LOCK_EX)
        process = one.start(pass_fds=(lease.fileno(),))
    until(lambda: b"up" in one.log())
    os.kill(process.pid, signal.SIGSTOP)  # it cannot replace its guard
    kill(one, "guard", "pid")
    process.wait(10)
    orphan = int((one.directory / "pid").read_text())
    assert not gone(orphan)
    with path.open("w") as other:
        with pytest.raises(BlockingIOError):
            fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
        Tree(one.token, 0).send(signal.SIGKILL)
        until(lambda: free(other.fileno()))
    assert not one.has("exit")


def free(descriptor: int) -> bool:
    """Whether we could lock a file."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def test_what_a_killed_runner_had_not_written_of_the_log_yet_is_written_by_the_guard(
    attempt: Callable[..., Attempt],
) -> None:
    one = attempt(
        f"trap '' TERM; echo up; {GO}; head -c 30000 /dev/zero | tr '\\0' x; : > printed; exec sleep 600",
        log_limit=1 << 20,
    )
    process = one.up()
    os.kill(process.pid, signal.SIGSTOP)
    one.go()
    until((one.directory / "printed").exists)
    assert one.log() == b"up\n"
    kill(one, "pid")
    until(lambda: one.has("exit"))
    assert one.log() == b"up\n" + b"x" * 30000


def test_an_orphan_is_told_on_a_full_disk(attempt: Callable[..., Attempt], tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", "256k") as why:
        if why:
            pytest.skip(why)
        one = attempt(f"{GO}; cat /dev/zero > fill; sleep 600", folder=tmp_path / "disk")
        one.start()
        until(lambda: one.has("beat"))
        one.go()
        until(lambda: os.statvfs(one.directory).f_bavail == 0)
        kill(one, "pid")
        until(lambda: one.has("exit"))
        assert one.ending() == ORPHANED
