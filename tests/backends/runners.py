"""Attempt directories as a backend makes them, and real runners in them."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

from backends.programs import runner_source
from backends.queue.processes import start_time
from backends.runner.tree import Tree

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

GO = "while [ ! -e go ]; do sleep 0.02; done"
"""Shell: wait for `Attempt.go`."""


class Attempt:
    """An attempt directory and the runners that were started in it, of which `program` is the text."""

    def __init__(self, directory: Path, token: str, program: Path) -> None:
        self.directory = directory
        self.token = token
        self.program = program
        self.runners: list[subprocess.Popen[bytes]] = []

    def start(
        self,
        env: Mapping[str, str] | None = None,
        *,
        piped: bool = False,
        shell: str = "",
        pass_fds: tuple[int, ...] = (),
    ) -> subprocess.Popen[bytes]:
        """A runner; its words go to a pipe or to the log; `env` is added to ours; `shell` is done before it."""
        argv = [sys.executable, str(self.program), str(self.directory)]
        if shell:
            argv = ["sh", "-c", f'{shell}; exec "$@"', "sh", *argv]
        with (self.directory / "out.log").open("ab") as log:
            out = subprocess.PIPE if piped else log
            process = subprocess.Popen(
                argv,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                env=os.environ | dict(env or {}),
                pass_fds=pass_fds,
            )
        self.runners.append(process)
        return process

    def run(self, env: Mapping[str, str] | None = None, *, within: float = 30, shell: str = "") -> dict[str, Any]:
        """Run it to its end; the exit record. Of a job the exit code says whether it completed."""
        code = self.start(env, shell=shell).wait(within)
        record = self.record()
        job = self.has("started") and bool(self.state("started")["job_id"])
        assert code == int(job and record["state"] != "COMPLETED")
        return record

    def up(self, env: Mapping[str, str] | None = None) -> subprocess.Popen[bytes]:
        """A runner whose program has printed `up`."""
        process = self.start(env)
        until(lambda: b"up\n" in self.log())
        return process

    def go(self) -> None:
        """Let a program that waits for it end."""
        (self.directory / "go").touch()

    def state(self, name: str) -> dict[str, Any]:
        """A record of the state folder."""
        return dict(json.loads((self.directory / "state" / name).read_text()))

    def record(self) -> dict[str, Any]:
        """The exit record."""
        return self.state("exit")

    def ending(self) -> tuple[str, int | None, str]:
        """State, code and reason of it."""
        record = self.record()
        return record["state"], record["code"], record["reason"]

    def ends(self) -> list[dict[str, Any]]:
        """The records of earlier lives."""
        return [json.loads(line) for line in (self.directory / "state/ends.jsonl").read_text().splitlines()]

    def log(self) -> bytes:
        """What the program printed."""
        return (self.directory / "out.log").read_bytes()

    def has(self, name: str) -> bool:
        """Whether a state file is there."""
        return (self.directory / "state" / name).exists()

    def end(self) -> None:
        """Whatever still runs is over."""
        for process in self.runners:
            process.kill()
            process.wait()
        Tree(self.token, 0).send(signal.SIGKILL)


def program(folder: Path) -> Path:
    """The runner as it lies on a host."""
    path = folder / "runner.py"
    path.write_text(runner_source())
    return path


@contextlib.contextmanager
def attempts(tmp_path: Path) -> Iterator[Callable[..., Attempt]]:
    """Makes attempt directories; what was started in them is over in the end."""
    made: list[Attempt] = []
    runner = program(tmp_path)

    def make(command: str, folder: Path = tmp_path / "run", number: int = 1, **plan: object) -> Attempt:
        directory = folder / str(number)
        (directory / "state").mkdir(parents=True)
        (directory / "run.sh").write_text(f'cd "$TRAINBOARD_ATTEMPT"\n{command}\n')
        token = secrets.token_hex(8)
        fields = {"token": token, "shell": ["bash"], "time": None, "grace": 1}
        (directory / "plan.json").write_text(json.dumps(fields | {"log": None} | plan))
        made.append(Attempt(directory, token, runner))
        return made[-1]

    try:
        yield make
    finally:
        for each in made:
            each.end()


def until(condition: Callable[[], object], within: float = 60) -> None:
    """Wait for what another process does."""
    deadline = time.monotonic() + within
    while not condition():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.02)


def gone(pid: int) -> bool:
    """Whether a process has ended."""
    return start_time(pid) is None


@contextlib.contextmanager
def small_disk(folder: Path, size: str) -> Iterator[str]:
    """A file system of this size; or why there is none, in words."""
    folder.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "none", str(folder)], capture_output=True)
    if mounted.returncode:
        yield f"a small disk needs the right to mount: {mounted.stderr.decode().strip()}"
        return
    try:
        yield ""
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)
