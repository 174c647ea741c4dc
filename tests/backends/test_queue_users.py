"""Two people with two accounts on one server without a scheduler: they never get the same GPU."""

from __future__ import annotations

import json
import os
import pwd
import random
import secrets
import shutil
import signal
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from backends.programs import waiter_source
from backends.queue.processes import start_time
from tests.backends.queues import Run, until
from tests.cluster import nvidia_smi
from tests.conftest import need

if TYPE_CHECKING:
    from collections.abc import Iterator

GPUS = 12
RUNS = 120
"""Of each user."""

PROGRAM = """\
import fcntl, json, os, sys, time
directory = sys.argv[1]
state = os.path.join(directory, "state")
try:
    os.mkdir(os.path.join(state, "claim"))
except OSError:
    sys.exit(0)
with open(os.path.join(directory, "plan.json")) as file:
    plan = json.load(file)
how = fcntl.LOCK_EX if plan["queue"]["gpu_memory"] is None else fcntl.LOCK_SH
gpus = json.loads(os.environ["TRAINBOARD_GPUS"])
met, checks = [], []
began = time.monotonic()
for gpu in gpus:
    check = open(os.path.join(plan["check"], gpu["uuid"]))
    try:
        fcntl.flock(check, how | fcntl.LOCK_NB)
    except BlockingIOError:
        met.append(gpu["uuid"])
    checks.append(check)
time.sleep(0.05)
record = {"gpus": gpus, "met": met, "began": began, "ended": time.monotonic()}
with open(os.path.join(state, "draft"), "w") as file:
    json.dump(record, file)
os.rename(os.path.join(state, "draft"), os.path.join(state, "started"))
"""
"""A stand-in for the runner: looks by locks of its own whether somebody else is on its GPUs while it runs."""


@dataclass(frozen=True)
class Person:
    """A user of the server with a root of their own."""

    name: str
    server: Path
    python: str

    @property
    def uid(self) -> int:
        """Their number."""
        return pwd.getpwnam(self.name).pw_uid

    @property
    def root(self) -> Path:
        """Where their attempts are."""
        return self.server / self.name

    def run(self, name: str, **queue: object) -> Run:
        """An attempt directory of theirs, closed to others."""
        directory = self.root / "exp" / name / "1"
        (directory / "state").mkdir(parents=True)
        token = secrets.token_hex(8)
        needs = {"gpus": 1, "gpu_memory": None, "cpus": 0, "leases": str(self.server / "leases")} | queue
        plan = {"token": token, "job_name": f"exp/{name}", "log": "out.log", "queue": needs}
        (directory / "plan.json").write_text(json.dumps(plan | {"check": str(self.server / "check")}))
        for path in (directory, directory / "state", directory / "plan.json"):
            os.chown(path, self.uid, -1)
        directory.chmod(0o700)
        return Run(directory, token)

    def launch(self, *runs: Run) -> None:
        """Put them into the queue, as this user."""
        path = f"{self.server / 'bin'}:/usr/bin:/bin"
        argv = [self.python, str(self.server / "programs" / "waiter.py"), *(str(run.directory) for run in runs)]
        entry = pwd.getpwnam(self.name)
        said = subprocess.run(
            argv,
            user=entry.pw_uid,
            group=entry.pw_gid,
            extra_groups=[],
            umask=0o077,
            env={"PATH": path},
            cwd="/",
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert said.returncode == 0, said.stderr


def missing() -> str:
    """What keeps this machine from having two users; empty: nothing."""
    if os.getuid() != 0:
        return "two real users are made by root only"
    lacking = [name for name in ("useradd", "userdel", "python3") if shutil.which(name, path=SYSTEM) is None]
    return f"not here: {', '.join(lacking)}" if lacking else ""


SYSTEM = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


@pytest.fixture
def people() -> Iterator[tuple[Person, Person]]:
    """Anna and bob, on a server that neither of them administers."""
    need(missing(), os.environ)
    server = Path(tempfile.mkdtemp(prefix="trainboard-queue-"))
    server.chmod(0o1777)
    furnish(server)
    python = shutil.which("python3", path=SYSTEM) or ""
    names = [f"tb{secrets.token_hex(3)}{letter}" for letter in "ab"]
    made: list[Person] = []
    try:
        for name in names:
            subprocess.run(["useradd", "--no-create-home", "--shell", "/bin/sh", name], check=True, timeout=30)
            made.append(Person(name, server, python))
            made[-1].root.mkdir()
            os.chown(made[-1].root, made[-1].uid, -1)
        yield made[0], made[1]
    finally:
        for person in made:
            end_all(person.uid)
            subprocess.run(["userdel", person.name], check=False, timeout=30, capture_output=True)
        shutil.rmtree(server)


def furnish(server: Path) -> None:
    """GPUs, and the programs."""
    for name in ("bin", "programs", "check"):
        (server / name).mkdir()
    (server / "programs" / "waiter.py").write_text(waiter_source())
    (server / "programs" / "runner.py").write_text(PROGRAM)
    gpus = [
        {
            "index": number,
            "uuid": f"GPU-{number}",
            "pci.bus_id": str(number),
            "name": "A100",
            "memory.total": 81920,
            "memory.used": 10,
        }
        for number in range(GPUS)
    ]
    for gpu in gpus:
        (server / "check" / str(gpu["uuid"])).touch()
    (server / "gpus.json").write_text(json.dumps({"gpus": gpus, "apps": []}))
    shutil.copy(nvidia_smi.__file__, server / "bin" / "replay.py")
    tool = server / "bin" / "nvidia-smi"
    tool.write_text(f'#!/bin/sh\nexec python3 {server}/bin/replay.py {server}/gpus.json "$@"\n')
    for path in (server, *server.rglob("*")):
        path.chmod(0o1777 if path == server else 0o755)


def end_all(uid: int) -> None:
    """End every process of a user that only this test has."""
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            if entry.stat().st_uid == uid:
                os.kill(int(entry.name), signal.SIGKILL)
        except (FileNotFoundError, ProcessLookupError):
            continue
    until(lambda: not any(path.stat().st_uid == uid for path in Path("/proc").glob("[0-9]*") if path.exists()))


@pytest.mark.slow
@pytest.mark.timeout(240)
def test_two_users_never_get_the_same_gpu(people: tuple[Person, Person]) -> None:
    """Hundreds of short runs of both race for twelve GPUs; waiters are killed at any moment, and launched again."""
    chance = random.Random(7)
    shapes: list[dict[str, object]] = [{"gpus": 1}, {"gpus": 1, "gpu_memory": 30 << 30}, {"gpus": 3}]
    runs = {person: [person.run(f"r{n}", **shapes[n % 3]) for n in range(RUNS)] for person in people}
    for at in range(0, RUNS, 40):
        for person in people:
            person.launch(*runs[person][at : at + 40])
    for _ in range(30):
        person = chance.choice(people)
        waiting = [run for run in runs[person] if not run.begun and run.living]
        if waiting:
            victim = chance.choice(waiting)
            victim.kill()
            until(lambda victim=victim: not victim.living)  # type: ignore[misc]  # bound at once
            person.launch(victim)
    everything = [run for person in people for run in runs[person]]
    until(lambda: all(run.begun or not run.living for run in everything), within=180)
    for person in people:
        person.launch(*(run for run in runs[person] if not run.begun))
    until(lambda: all(run.begun for run in everything), within=60)
    records = [run.record("started") for run in everything]
    assert [record["met"] for record in records if record["met"]] == []
    assert {len(record["gpus"]) for record in records} == {1, 3}
    used = {gpu["index"] for record in records for gpu in record["gpus"]}
    assert used == set(range(GPUS))


def test_each_user_sees_whose_run_keeps_the_other_waiting_and_gets_turns(people: tuple[Person, Person]) -> None:
    anna, bob = people
    hold = "import signal\n" + PROGRAM.replace("time.sleep(0.05)", "") + "signal.pause()\n"
    (anna.server / "programs" / "runner.py").write_text(hold)
    first = [anna.run(f"a{n}") for n in range(GPUS)]
    anna.launch(*first)
    until(lambda: all(run.begun for run in first))
    sweep = [anna.run(f"later{n}") for n in range(5)]
    anna.launch(*sweep)
    other = bob.run("b")
    bob.launch(other)
    until(lambda: f"GPU 0: exp/a0 of {anna.name}" in other.reason and "ahead" not in other.reason)
    first[0].kill()
    until(lambda: other.begun)
    assert not any(run.begun for run in sweep)
    leases = anna.server / "leases"
    assert leases.stat().st_mode & 0o7777 == 0o1777
    assert {path.stat().st_mode & 0o777 for path in leases.glob("[glt]*.*") if path.is_file()} == {0o644}
    assert start_time(other.pid) is not None
