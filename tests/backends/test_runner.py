"""The runner, with real processes: one claim, signals, the end of a whole tree, the exit record."""

from __future__ import annotations

import json
import os
import secrets
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

import pytest

from backends import runner
from backends.remote.attempts import kill_marked, process_start
from backends.runner import outcome

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


class Attempt:
    """An attempt directory and the runners that were started in it."""

    def __init__(self, directory: Path, token: str) -> None:
        self.directory = directory
        self.token = token
        self.runners: list[subprocess.Popen[bytes]] = []

    def start(
        self, *options: str, piped: bool = False, env: dict[str, str] | None = None, file_size: int | None = None
    ) -> subprocess.Popen[bytes]:
        """A runner; its words go to a pipe or to the log; no file that it writes may be larger than `file_size`."""
        argv = [sys.executable, runner.__file__, *options, str(self.directory)]
        if file_size is not None:
            argv = ["sh", "-c", f'trap "" XFSZ; ulimit -f {file_size}; exec "$@"', "sh", *argv]
        with (self.directory / "out.log").open("ab") as log:
            out = subprocess.PIPE if piped else log
            process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=out, stderr=out, env=env)
        self.runners.append(process)
        return process

    def run(self, within: float = 30) -> dict[str, Any]:
        """Run it to its end; the exit record."""
        assert self.start().wait(within) == 0
        return self.record()

    def record(self) -> dict[str, Any]:
        """The exit record."""
        return dict(json.loads((self.directory / "state" / "exit").read_text()))

    def ending(self) -> tuple[str, int | None, str]:
        """State, code and reason of it."""
        record = self.record()
        return record["state"], record["code"], record["reason"]

    def log(self) -> bytes:
        """What the program printed."""
        return (self.directory / "out.log").read_bytes()

    def has(self, name: str) -> bool:
        """Whether a state file is there."""
        return (self.directory / "state" / name).exists()


@pytest.fixture
def attempt(tmp_path: Path) -> Iterator[Callable[..., Attempt]]:
    """Makes an attempt directory; what was started in it is over with the test."""
    made: list[Attempt] = []

    def make(command: str, folder: Path = tmp_path, **plan: object) -> Attempt:
        directory = folder / "attempt"
        (directory / "state").mkdir(parents=True)
        (directory / "run.sh").write_text(f'cd "$TRAINBOARD_ATTEMPT"\n{command}\n')
        token = secrets.token_hex(8)
        fields = {"token": token, "shell": ["bash"], "time": None, "grace": 1}
        (directory / "plan.json").write_text(json.dumps(fields | {"log": None} | plan))
        made.append(Attempt(directory, token))
        return made[-1]

    yield make
    for each in made:
        for process in each.runners:
            process.kill()
            process.wait()
        kill_marked(each.token)


def until(condition: Callable[[], object], within: float = 20) -> None:
    """Wait for what another process does."""
    deadline = time.monotonic() + within
    while not condition():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.02)


def gone(pid: int) -> bool:
    """Whether a process has ended."""
    return process_start(pid) is None


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


def test_a_detached_runner_outlives_the_session_that_started_it(attempt: Callable[..., Attempt]) -> None:
    one = attempt("echo up; sleep 1; echo done", log="out.log")
    shell = f"{sys.executable} {runner.__file__} --detach {one.directory}; echo told; kill -HUP 0"
    done = subprocess.run(["sh", "-c", shell], start_new_session=True, capture_output=True, timeout=30)
    assert done.stdout == b"told\n"
    assert one.has("started")  # known to run by the time that the caller is told
    until(lambda: one.has("exit"))
    assert one.log() == b"up\ndone\n"
    assert one.ending() == ("COMPLETED", 0, "")


def test_a_detached_runner_keeps_no_pipe_of_its_caller_open(attempt: Callable[..., Attempt]) -> None:
    one = attempt("while [ ! -e go ]; do sleep 0.05; done", log="out.log")
    process = one.start("--detach", piped=True)
    assert process.communicate(timeout=10) == (b"", b"")
    assert not one.has("exit")
    (one.directory / "go").touch()
    until(lambda: one.has("exit"))


def test_a_log_that_cannot_be_opened_is_told_to_the_caller_and_claims_nothing(
    attempt: Callable[..., Attempt],
) -> None:
    one = attempt("echo ran", log="missing/out.log")
    process = one.start("--detach", piped=True)
    words = b"".join(process.communicate(timeout=10)).decode()
    assert process.returncode == 1
    path = one.directory / "missing/out.log"
    assert words == f"trainboard: the attempt cannot begin: [Errno 2] No such file or directory: '{path}'\n"
    assert not one.has("claim")


def test_a_state_that_cannot_be_written_is_told_and_claims_nothing(attempt: Callable[..., Attempt]) -> None:
    one = attempt("echo ran", log="out.log")
    process = one.start("--detach", piped=True, file_size=1)
    words = b"".join(process.communicate(timeout=10)).decode()
    assert process.returncode == 1
    assert "the attempt cannot begin" in words
    assert "File too large" in words
    assert list((one.directory / "state").iterdir()) == []


def test_an_exit_record_finds_room_on_a_disk_that_is_full_at_the_end(
    attempt: Callable[..., Attempt], tmp_path: Path
) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256k", "none", str(disk)], capture_output=True)
    if mounted.returncode:
        pytest.skip(f"a small disk needs the right to mount: {mounted.stderr.decode().strip()}")
    try:
        one = attempt(": > up; cat /dev/zero > fill; while [ ! -e go ]; do sleep 0.05; done; exit 3", folder=disk)
        process = one.start()
        until((one.directory / "up").exists)
        until(lambda: os.statvfs(disk).f_bavail == 0)
        (one.directory / "go").touch()
        assert process.wait(20) == 0
        assert one.ending() == ("FAILED", 3, "exit code 3")
        assert (one.directory / "fill").stat().st_size > 100_000
    finally:
        subprocess.run(["umount", "-l", str(disk)], check=True)


def test_the_exit_record_is_whole_whenever_it_is_seen(attempt: Callable[..., Attempt]) -> None:
    one = attempt("true")
    process = one.start()
    until(lambda: one.has("exit"))
    assert one.record()["state"] == "COMPLETED"
    process.wait(10)
    assert sorted(path.name for path in (one.directory / "state").iterdir()) == ["beat", "claim", "exit", "started"]


def test_an_attempt_directory_that_vanishes_ends_nothing_but_the_record(attempt: Callable[..., Attempt]) -> None:
    one = attempt("echo up; while [ ! -e ../go ]; do sleep 0.05; done; echo done")
    process = one.start()
    until(lambda: b"up" in one.log())
    moved = one.directory.rename(one.directory.parent / "elsewhere")
    (moved.parent / "go").touch()
    assert process.wait(20) == 1
    assert b"up\ndone\ntrainboard: no exit record" in (moved / "out.log").read_bytes()
    moved.rename(one.directory)


def test_a_job_that_a_scheduler_starts_again_is_not_taken_for_completed(attempt: Callable[..., Attempt]) -> None:
    one = attempt("echo ran")
    (one.directory / "state/claim").mkdir()
    assert one.start(env=os.environ | {"SLURM_RESTART_COUNT": "1"}).wait(20) == 0
    assert one.ending() == ("NODE_FAIL", None, "the scheduler lost it and started the job anew")
    assert one.log() == b""


def test_a_shell_that_is_not_there_is_a_failure_with_its_name(attempt: Callable[..., Attempt]) -> None:
    one = attempt("true", shell=["no-such-shell"])
    one.run()
    assert one.ending() == ("FAILED", 127, "exit code 127")
    assert b"cannot start no-such-shell: No such file or directory" in one.log()


def test_fifty_megabytes_of_output_arrive_whole(attempt: Callable[..., Attempt]) -> None:
    one = attempt("yes 0123456789abcde | head -c 50000000")
    assert one.run(60)["state"] == "COMPLETED"
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
