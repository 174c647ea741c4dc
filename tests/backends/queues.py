"""A host without a scheduler, for tests: GPUs by a replayed nvidia-smi, attempt directories, real waiters."""

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

from backends.programs import waiter_source
from backends.queue.processes import boot_id, start_time
from tests.cluster import nvidia_smi

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

PROGRAM = """\
import json, os, signal, sys, time
directory = sys.argv[1]
state = os.path.join(directory, "state")
try:
    os.mkdir(os.path.join(state, "claim"))
except OSError:
    sys.exit(0)
record = {"pid": os.getpid(), "gpus": json.loads(os.environ["TRAINBOARD_GPUS"]), "time": time.monotonic()}
record["visible"] = os.environ["CUDA_VISIBLE_DEVICES"]
if os.path.exists(os.path.join(directory, "orphan")):
    record["orphan"] = os.fork()
    if record["orphan"] == 0:
        signal.pause()
with open(os.path.join(state, "draft"), "w") as file:
    json.dump(record, file)
os.rename(os.path.join(state, "draft"), os.path.join(state, "started"))
print("began", flush=True)
with open(os.path.join(directory, "end"), "rb") as fifo:
    fifo.read()
"""
"""A stand-in for the runner: claims, says what it was given, runs until its pipe is opened and closed."""


def until(what: Callable[[], object], within: float = 60.0) -> None:
    """Wait until it is so."""
    deadline = time.monotonic() + within
    while not what():
        assert time.monotonic() < deadline, "it did not come to that"
        time.sleep(0.01)


class Run:
    """One attempt directory."""

    def __init__(self, directory: Path, token: str) -> None:
        self.directory = directory
        self.token = token
        self.state = directory / "state"

    def record(self, name: str) -> dict[str, Any]:
        """A state file; empty where there is none yet."""
        with contextlib.suppress(FileNotFoundError):
            return dict(json.loads((self.state / name).read_text()))
        return {}

    @property
    def begun(self) -> bool:
        """Whether its program runs, or has."""
        return (self.state / "started").exists()

    @property
    def reason(self) -> str:
        """Why it waits."""
        return str(self.record("waiting").get("reason", ""))

    @property
    def gpus(self) -> list[int]:
        """What it was given."""
        return [gpu["index"] for gpu in self.record("started")["gpus"]]

    @property
    def pid(self) -> int:
        """Of its waiter, and of the runner that the waiter becomes."""
        return int(self.record("waiting")["pid"])

    @property
    def living(self) -> bool:
        """Whether that process is there."""
        return start_time(self.pid) is not None

    def finish(self) -> None:
        """Let the program end, and wait until it has."""
        (self.directory / "end").write_bytes(b"")
        until(lambda: not self.living)

    def kill(self, number: int = signal.SIGKILL) -> None:
        """Signal the waiter or runner, if it is still the one that wrote state/waiting."""
        record = self.record("waiting")
        if record and start_time(record["pid"]) == record["start"]:
            os.kill(record["pid"], number)


class Server:
    """The host; `folder` is empty at first. All that was launched ends with `close`."""

    def __init__(self, folder: Path, gpus: int = 2, program: str = PROGRAM) -> None:
        self.folder = folder
        self.leases = folder / "leases"
        self.runs: list[Run] = []
        self.calls = folder / "calls"
        self.programs = folder / "root" / ".programs" / "0123"
        self.programs.mkdir(parents=True)
        (self.programs / "waiter.py").write_text(waiter_source())
        (self.programs / "runner.py").write_text(program)
        self.see([self.gpu(number) for number in range(gpus)])
        tool = folder / "bin" / "nvidia-smi"
        tool.parent.mkdir()
        replay = f"exec {sys.executable} {nvidia_smi.__file__} {folder / 'gpus.json'}"
        tool.write_text(f'#!/bin/sh\necho "$1" >> {self.calls}\n{replay} "$@"\n')
        tool.chmod(0o755)

    def gpu(self, number: int, used: int = 10) -> dict[str, object]:
        """One GPU of 80 GiB, for `see`."""
        return {
            "index": number,
            "uuid": f"GPU-{number}",
            "pci.bus_id": str(number),
            "name": "A100",
            "memory.total": 81920,
            "memory.used": used,
            "mig.mode.current": "Disabled",
        }

    def see(self, gpus: list[dict[str, object]], *apps: dict[str, object], **more: object) -> None:
        """What nvidia-smi says from now on."""
        draft = self.folder / "gpus.json.new"
        draft.write_text(json.dumps({"gpus": gpus, "apps": list(apps), **more}))
        draft.replace(self.folder / "gpus.json")

    def policy(self, **choices: object) -> None:
        """What the site chooses."""
        (self.folder / "root" / "policy.json").write_text(json.dumps(choices))

    def run(self, name: str, orphan: bool = False, **queue: object) -> Run:
        """An attempt directory, as it is published; one GPU and no CPU unless told."""
        directory = self.folder / "root" / "exp" / name / "1"
        (directory / "state").mkdir(parents=True)
        os.mkfifo(directory / "end")
        if orphan:
            (directory / "orphan").touch()
        token = secrets.token_hex(8)
        usual = {"gpus": 1, "gpu_memory": None, "cpus": 0, "memory": None, "experiment": "exp", "at_most": None}
        place = {"priority": 0, "place": 0.0, "leases": str(self.leases)}
        plan = {"token": token, "job_name": f"exp/{name}", "log": "out.log", "queue": usual | place | queue}
        (directory / "plan.json").write_text(json.dumps(plan))
        self.runs.append(Run(directory, token))
        return self.runs[-1]

    def launch(self, *runs: Run) -> subprocess.CompletedProcess[str]:
        """Put them into the queue; what the program said."""
        path = f"{self.folder / 'bin'}:{os.environ['PATH']}"
        argv = [sys.executable, str(self.programs / "waiter.py"), *(str(run.directory) for run in runs)]
        return subprocess.run(
            argv, env={**os.environ, "PATH": path}, capture_output=True, text=True, timeout=90, check=False
        )

    def queued(self, name: str, orphan: bool = False, **queue: object) -> Run:
        """A new run that stands in the queue."""
        run = self.run(name, orphan, **queue)
        said = self.launch(run)
        assert said.returncode == 0, said.stderr
        return run

    def began(self, name: str, orphan: bool = False, **queue: object) -> Run:
        """A new run that has begun."""
        run = self.queued(name, orphan, **queue)
        until(lambda: run.begun)
        return run

    def names(self, kind: str) -> set[str]:
        """Tokens of the files of a kind in the shared folder."""
        return {path.name.partition(".")[2] for path in self.leases.glob(f"{kind}.*")}

    def close(self) -> None:
        """End all of them."""
        for run in self.runs:
            orphan = run.record("started").get("orphan")
            if orphan and start_time(orphan) is not None:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(orphan, signal.SIGKILL)
            run.kill()
        until(lambda: not any(run.record("waiting").get("boot") == boot_id() and run.living for run in self.runs))
