"""The runner, with real processes: one claim, signals, the end of a whole tree, the exit record."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from backends.queue.processes import boot_id, start_time
from backends.runner.attempt import Attempt as Ours
from backends.runner.outcome import outcome
from backends.runner.tree import descendants, parents_by_ps
from tests.backends.runners import GO, Attempt, attempts, gone, small_disk, until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@pytest.fixture
def attempt(tmp_path: Path) -> Iterator[Callable[..., Attempt]]:
    """Makes attempt directories."""
    with attempts(tmp_path) as make:
        yield make


def test_of_many_runners_exactly_one_runs_the_program(attempt: Callable[..., Attempt]) -> None:
    one = attempt("echo ran; sleep 0.5")
    assert [process.wait(30) for process in [one.start() for _ in range(8)]] == [0] * 8
    assert one.log().count(b"ran\n") == 1
    assert one.log().count(b"another runner has this attempt") == 7
    assert one.ending() == ("COMPLETED", 0, "")


def test_a_signal_is_passed_on_and_the_program_may_save(attempt: Callable[..., Attempt]) -> None:
    one = attempt("trap 'sleep 0.3; echo saved; exit 0' TERM; echo up; while :; do sleep 0.05; done", grace=10)
    process = one.start()
    until(lambda: b"up" in one.log())
    process.send_signal(signal.SIGTERM)
    process.wait(10)
    assert one.log().endswith(b"saved\n")
    assert one.ending() == ("CANCELLED", 0, "ended by SIGTERM")


def test_a_program_that_ignores_sigterm_is_killed_after_the_grace_time(attempt: Callable[..., Attempt]) -> None:
    one = attempt("trap '' TERM; echo $$ > pid; echo up; while :; do sleep 0.05; done", grace=0.5)
    process = one.start()
    until(lambda: b"up" in one.log())
    began = time.monotonic()
    process.send_signal(signal.SIGTERM)
    process.wait(10)
    assert 0.5 <= time.monotonic() - began < 5
    assert gone(int((one.directory / "pid").read_text()))
    assert one.ending() == ("CANCELLED", None, "ended by SIGTERM")


DAEMON = """
import os, signal, sys, time
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        with open("daemon.new", "w") as file:
            file.write(str(os.getpid()))
        os.rename("daemon.new", "daemon")
        os.execve("/bin/sleep", ["sleep", "600"], {}) if sys.argv[1:] else time.sleep(600)
    os._exit(0)
"""


@pytest.mark.parametrize("word", ["", "without-environment"])
@pytest.mark.parametrize("way", ["cancelled", "left behind"])
def test_daemons_of_the_program_end_with_it(attempt: Callable[..., Attempt], way: str, word: str) -> None:
    one = attempt(
        f"{sys.executable} daemon.py {word}; echo up{'; sleep 600' if way == 'cancelled' else ''}", grace=0.5
    )
    (one.directory / "daemon.py").write_text(DAEMON)
    process = one.start()
    until((one.directory / "daemon").exists)
    if way == "cancelled":
        until(lambda: b"up" in one.log())
        (one.directory / "state/cancel").touch()
        process.send_signal(signal.SIGTERM)
    assert process.wait(20) == 0
    assert gone(int((one.directory / "daemon").read_text()))
    assert one.record()["state"] == ("CANCELLED" if way == "cancelled" else "COMPLETED")


def test_the_warning_ahead_of_the_limit_reaches_the_program_and_means_timeout(
    attempt: Callable[..., Attempt],
) -> None:
    one = attempt("trap 'echo warned; exit 0' USR2; echo up; while :; do sleep 0.05; done", grace=10)
    process = one.start()
    until(lambda: b"up" in one.log())
    process.send_signal(signal.SIGUSR2)
    process.wait(10)
    assert one.log().endswith(b"warned\n")
    assert one.ending() == ("TIMEOUT", 0, "time limit")


def test_the_time_limit_ends_the_program(attempt: Callable[..., Attempt]) -> None:
    one = attempt("sleep 600", time=1)
    assert one.run()["state"] == "TIMEOUT"


def test_a_cancel_that_came_before_the_program_starts_keeps_it_from_starting(attempt: Callable[..., Attempt]) -> None:
    one = attempt("echo ran")
    (one.directory / "state/cancel").touch()
    one.run()
    assert one.ending() == ("CANCELLED", None, "cancelled")
    assert one.log() == b""


@pytest.mark.parametrize("moment", ["claim", "exit.room", "started", "beat"])
def test_a_signal_at_any_moment_of_the_start_is_never_lost(attempt: Callable[..., Attempt], moment: str) -> None:
    one = attempt("sleep 600", grace=0.2)
    process = one.start()
    while not one.has(moment):  # no pause: a moment may be short
        assert process.poll() is None
    process.send_signal(signal.SIGTERM)
    assert process.wait(10) == 0
    assert one.record()["state"] == "CANCELLED"


def test_a_log_that_is_named_is_opened_by_the_runner(attempt: Callable[..., Attempt]) -> None:
    one = attempt("echo up; echo err >&2", log="out.log")
    process = one.start(piped=True)
    assert process.communicate(timeout=20) == (b"", b"")
    assert one.log() == b"up\nerr\n"


def test_a_log_that_cannot_be_opened_claims_nothing(attempt: Callable[..., Attempt]) -> None:
    one = attempt("echo ran", log="missing/out.log")
    process = one.start(piped=True)
    words = b"".join(process.communicate(timeout=10)).decode()
    assert process.returncode == 1
    path = one.directory / "missing/out.log"
    assert words == f"trainboard: the attempt cannot begin: [Errno 2] No such file or directory: '{path}'\n"
    assert not one.has("claim")


def test_a_state_that_cannot_be_written_is_told_and_claims_nothing(attempt: Callable[..., Attempt]) -> None:
    one = attempt("echo ran", log="out.log")
    process = one.start(piped=True, shell='trap "" XFSZ; ulimit -f 1')
    process.communicate(timeout=10)
    assert process.returncode == 1
    assert b"the attempt cannot begin" in one.log()
    assert b"File too large" in one.log()
    assert list((one.directory / "state").iterdir()) == []


def test_who_runs_it_and_on_which_gpus_is_told(attempt: Callable[..., Attempt]) -> None:
    one = attempt(f"echo up; {GO}")
    gpus = [{"index": 0, "uuid": "GPU-7"}]
    process = one.up({"TRAINBOARD_GPUS": json.dumps(gpus)})
    started = one.state("started")
    assert started["gpus"] == gpus
    assert (started["pid"], started["start"]) == (process.pid, start_time(process.pid))
    assert start_time(started["guard"]) is not None
    assert (started["boot"], started["restart"], started["checkpoint"]) == (boot_id(), 0, None)
    one.go()
    process.wait(20)
    assert gone(started["guard"])
    record = one.record()
    assert record["peak_memory"] > 1 << 20
    assert (record["withdrawn"], record["restarts"]) == (False, 0)
    assert 0 < record["time"] - record["began"] < 20


def test_where_there_is_no_proc_the_tree_is_told_by_ps_without_ps_itself() -> None:
    child = subprocess.Popen(["sh", "-c", "sleep 60 & echo $!; wait"], stdout=subprocess.PIPE)
    try:
        assert child.stdout is not None
        below = int(child.stdout.readline())
        parents = parents_by_ps()
        assert descendants({child.pid}, parents) == {below}
        ours = [pid for pid, parent in parents.items() if parent == os.getpid()]
        assert child.pid in ours
        assert all(Path(f"/proc/{pid}").exists() for pid in ours)
        os.kill(below, signal.SIGKILL)
    finally:
        child.kill()
        child.wait()


def test_how_long_it_took_is_right_whatever_the_clock_of_the_host_does(attempt: Callable[..., Attempt]) -> None:
    one = attempt("true")
    ours = Ours(str(one.directory), {"token": one.token})
    ours.began = 3600.0  # and has been set right since
    record = ours.end("COMPLETED", 0, "")
    assert 0 <= record["time"] - record["began"] < 60


def test_a_second_word_on_the_command_line_is_bad_usage(attempt: Callable[..., Attempt]) -> None:
    argv = [sys.executable, str(attempt("true").program), "--detach", "."]
    done = subprocess.run(argv, capture_output=True, timeout=20)
    assert (done.returncode, done.stderr) == (2, b"usage: runner.py DIRECTORY\n")


def test_an_exit_record_finds_room_on_a_disk_that_is_full_at_the_end(
    attempt: Callable[..., Attempt], tmp_path: Path
) -> None:
    with small_disk(tmp_path / "disk", "256k") as why:
        if why:
            pytest.skip(why)
        one = attempt(f": > up; cat /dev/zero > fill; {GO}; exit 3", folder=tmp_path / "disk")
        process = one.start()
        until((one.directory / "up").exists)
        until(lambda: os.statvfs(one.directory).f_bavail == 0)
        one.go()
        assert process.wait(20) == 0
        assert one.ending() == ("FAILED", 3, "exit code 3")
        assert (one.directory / "fill").stat().st_size > 100_000


def test_the_exit_record_is_whole_whenever_it_is_seen(attempt: Callable[..., Attempt]) -> None:
    one = attempt("true")
    process = one.start()
    until(lambda: one.has("exit"))
    assert one.record()["state"] == "COMPLETED"
    process.wait(10)
    assert sorted(path.name for path in (one.directory / "state").iterdir()) == [
        "beat",
        "claim",
        "exit",
        "peaks",
        "started",
    ]


def test_an_attempt_directory_that_vanishes_ends_nothing_but_the_record(attempt: Callable[..., Attempt]) -> None:
    one = attempt("echo up; while [ ! -e ../go ]; do sleep 0.05; done; echo done")
    process = one.start()
    until(lambda: b"up" in one.log())
    moved = one.directory.rename(one.directory.parent / "elsewhere")
    (moved.parent / "go").touch()
    assert process.wait(20) == 1
    assert b"up\ndone\ntrainboard: no exit record" in (moved / "out.log").read_bytes()
    moved.rename(one.directory)


def test_a_shell_that_is_not_there_is_a_failure_with_its_name(attempt: Callable[..., Attempt]) -> None:
    one = attempt("true", shell=["no-such-shell"])
    one.run()
    assert one.ending() == ("FAILED", 127, "exit code 127")
    assert b"cannot start no-such-shell: No such file or directory" in one.log()


def test_fifty_megabytes_of_output_arrive_whole(attempt: Callable[..., Attempt]) -> None:
    one = attempt("yes 0123456789abcde | head -c 50000000")
    assert one.run(within=60)["state"] == "COMPLETED"
    assert one.log() == (b"0123456789abcde\n" * 3125000)[:50000000]


@pytest.mark.parametrize(
    ("status", "ending", "told"),
    [
        (0, "", ("COMPLETED", 0, "")),
        (3 << 8, "", ("FAILED", 3, "exit code 3")),
        (9, "", ("FAILED", 137, "killed by SIGKILL")),
        (137 << 8, "", ("FAILED", 137, "killed by SIGKILL")),
        (255 << 8, "", ("FAILED", 255, "exit code 255")),
        (0, "cancel", ("CANCELLED", 0, "cancelled")),
        (15, "cancel", ("CANCELLED", None, "cancelled")),
        (0, "SIGUSR2", ("TIMEOUT", 0, "time limit")),
        (15, "SIGTERM", ("CANCELLED", None, "ended by SIGTERM")),
        (None, "cancel", ("CANCELLED", None, "cancelled")),
    ],
)
def test_how_an_end_is_told(status: int | None, ending: str, told: tuple[str, int | None, str]) -> None:
    assert outcome(status, ending) == told


@pytest.mark.parametrize("status", [0, 1 << 8, 9, 137 << 8])
def test_want_of_memory_is_told_whatever_the_exit_code_says(status: int) -> None:
    assert outcome(status, "", exhausted=True)[0] == "OUT_OF_MEMORY"
    assert outcome(status, "SIGUSR2", exhausted=True)[0] == "TIMEOUT"
