"""Looking into running Python programs with the real py-spy: here, over the real sshd, beside a real Slurm job."""

from __future__ import annotations

import asyncio
import os
import shlex
import shutil
import subprocess
import sys
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from backends.base import BackendError, CommandFailed
from backends.spy import PythonProcess, Sampling, Scene, Spied, Spy, parse_scene, step
from backends.spybinary import Binary, installed, read
from backends.spyfailure import explained
from trainboard.profile.hottest import hottest
from trainboard.profile.stacks import parse_raw
from trainboard.profile.threads import Standing, parse_dump

if TYPE_CHECKING:
    from pathlib import Path

    from tests.backends.conftest import Desk

BUSY = """\
import sys
def hot(count):
    total = 0
    for number in range(count):
        total += number * number
    return total
def train():
    print("begun", flush=True)
    while True:
        hot(100_000)
train()
"""

STUCK = """\
import threading
first, second, both = threading.Lock(), threading.Lock(), threading.Barrier(2)
def take(one, other):
    with one:
        both.wait()
        with other:
            pass
thread = threading.Thread(target=take, args=(second, first), name="writer")
thread.start()
print("begun", flush=True)
take(first, second)
"""

SCENE = Scene("gpu1", "Linux", "x86_64", "ann", 1, (PythonProcess(7, 1, "python train.py", "bob"),), ())


@pytest.fixture
def binary() -> Binary:
    found = installed()
    assert found is not None, "py-spy is of the development group"
    return found


async def begun(desk: Desk, program: str) -> tuple[Spy, Scene]:
    """The program as a run of a backend, and what is seen of it."""
    path = desk.workdir / "program.py"
    await asyncio.to_thread(path.write_text, program)
    attempt = await desk.start(desk.plan(f"{shlex.quote(sys.executable)} {shlex.quote(str(path))}"))
    await desk.logged(attempt, "begun")
    job = await desk.job(attempt)
    assert isinstance(desk.backend, Spied)
    spy = desk.backend.spy(job.job_id, job.nodes if desk.backend.kind == "slurm" else "")
    return spy, await spy.look([f"TRAINBOARD_TOKEN={attempt.token}"])


async def test_the_hot_function_of_a_run_is_found_on_every_kind(desk: Desk, binary: Binary) -> None:
    spy, scene = await begun(desk, BUSY)
    [process] = scene.processes  # the runner, and the shell that runs the command, are none
    assert process.command.endswith("program.py")
    async with asyncio.timeout(60):
        while process.busy <= 20:  # others use the processor as well
            [process] = (await spy.look([f"TRAINBOARD_TOKEN={next(iter(desk.open))}"])).processes
    path = await spy.send(binary)
    profile = parse_raw((await spy.record(path, process.pid, Sampling(2), scene)).decode())
    top = hottest(profile)[0]
    assert top.function.name == "hot"
    assert top.function.own
    assert top.alone >= 0.8
    assert top.line in (4, 5)


async def test_a_hung_run_says_where_its_threads_stand_on_every_kind(desk: Desk, binary: Binary) -> None:
    spy, scene = await begun(desk, STUCK)
    [process] = scene.processes
    path = await spy.send(binary)

    async def standing_now() -> Standing:
        return parse_dump(await spy.dump(path, process.pid, scene), process.pid)

    standing = await standing_now()
    async with asyncio.timeout(60):
        while standing.main is None or standing.main.active or standing.main.own is None:
            standing = await standing_now()  # it was between what it printed and its lock
    assert {thread.name for thread in standing.threads} == {"MainThread", "writer"}
    assert standing.main.own.line == 6  # with other
    assert standing.summary.startswith("the main thread waits in take (")


async def test_a_py_spy_that_was_sent_is_found_the_next_time(desk: Desk, binary: Binary) -> None:
    spy, scene = await begun(desk, BUSY)
    path = await spy.send(binary)
    again = await spy.look([f"TRAINBOARD_TOKEN={next(iter(desk.open))}"])
    assert path in again.spies
    assert path.endswith(f"/.cache/trainboard/{binary.name}")
    assert os.stat(path).st_mode & 0o777 == 0o700  # noqa: PTH116  # of this machine, on every kind
    assert scene.processes[0].pid == again.processes[0].pid


async def test_a_recording_that_is_given_up_ends_on_the_host(desk: Desk, binary: Binary) -> None:
    spy, scene = await begun(desk, BUSY)
    path = await spy.send(binary)
    marker = f"--pid={scene.processes[0].pid}"
    task = asyncio.create_task(spy.record(path, scene.processes[0].pid, Sampling(300), scene))
    async with asyncio.timeout(30):
        while not await running(marker):
            assert not task.done(), task
            await asyncio.sleep(0.05)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        while await running(marker):  # noqa: ASYNC110  # another process, which tells nobody
            await asyncio.sleep(0.05)


async def running(word: str) -> bool:
    """Whether a py-spy has this word; all hosts of the tests are this machine."""
    search = await asyncio.create_subprocess_exec("pgrep", "-f", f"py-spy.*record.*{word}$", stdout=-3)
    return await search.wait() == 0


@pytest.mark.skipif(os.getuid() != 0 or not shutil.which("setpriv"), reason="only root can be somebody else")
async def test_a_process_of_somebody_else_is_refused_and_that_is_explained(
    tmp_path_factory: pytest.TempPathFactory, binary: Binary, local_desk: Desk
) -> None:
    _, scene = await begun(local_desk, BUSY)
    folder = tmp_path_factory.getbasetemp().parent.parent  # that others may enter
    path = folder / f"spy-of-nobody-{os.getpid()}"
    await asyncio.to_thread(path.write_bytes, binary.content)
    path.chmod(0o755)
    try:
        nobody = Spy("here", local_desk.backend.host, ("setpriv", "--reuid=65534", "--clear-groups"))  # type: ignore[attr-defined]  # every kind has one
        them = replace(scene, user="nobody")
        with pytest.raises(CommandFailed, match=r"looking into process \d+ is not allowed") as refused:
            await nobody.record(str(path), scene.processes[0].pid, Sampling(1), them)
        assert refused.value.advice == "it belongs to root, and you are nobody there: only root may"
    finally:
        path.unlink()


async def test_what_is_gone_or_no_python_is_told_in_a_line(local_desk: Desk, binary: Binary) -> None:
    spy, scene = await begun(local_desk, BUSY)
    path = await spy.send(binary)
    other = await asyncio.create_subprocess_exec("sleep", "60")
    try:
        with pytest.raises(BackendError, match=f"process {other.pid} is not a Python program"):
            await spy.dump(path, other.pid, scene)
    finally:
        other.kill()
        await other.wait()
    with pytest.raises(BackendError, match=f"process {other.pid} is gone"):
        await spy.record(path, other.pid, Sampling(1), scene)


@pytest.mark.parametrize(
    ("scope", "owner", "words", "advice"),
    [
        (1, "ann", "Permission Denied: Try running again", "kernel.yama.ptrace_scope is 1 there: only a parent may"),
        (2, "ann", "Operation not permitted (os error 1)", "kernel.yama.ptrace_scope is 2 there: only root may"),
        (3, "ann", "Permission Denied", "kernel.yama.ptrace_scope is 3 there: nobody may"),
        (0, "ann", "in a docker container … SYS_PTRACE", "start it with --cap-add SYS_PTRACE"),
        (1, "bob", "Permission Denied", "it belongs to bob, and you are ann there"),
    ],
)
def test_a_refusal_says_who_can_change_it(scope: int, owner: str, words: str, advice: str) -> None:
    scene = replace(SCENE, scope=scope, processes=(replace(SCENE.processes[0], user=owner),))
    message, told = explained(words.encode(), 7, scene)
    assert message == "looking into process 7 is not allowed"
    assert advice in told


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            b"Error: Unsupported version of Python: 3.99.1",
            "this py-spy does not know the Python of process 7 (3.99.1)",
        ),
        (b"", "no thread of process 7 did anything"),
        (b"srun: error: Unable to create step for job 12: Job/step already completing", "no step beside the job: "),
        (b"srun: unrecognized option '--overlap'", "this Slurm cannot run a command beside a job: "),
        (b"\x1b[31msomething new\nStack backtrace:\n 0: x", "py-spy: something new"),
    ],
)
def test_other_failures_are_one_line_too(words: bytes, message: str) -> None:
    told, _ = explained(words, 7, SCENE)
    assert told.startswith(message)
    assert "\n" not in told
    assert "\x1b" not in told


def test_native_stacks_and_no_pauses_are_never_asked_for_together() -> None:
    assert "--nonblocking" in Sampling().words()
    words = Sampling(2.4, native=True, gil=True, idle=True, children=True).words()
    assert words == ["--duration=2", "--rate=100", "--native", "--gil", "--idle", "--subprocesses"]


def test_a_step_beside_a_job_takes_nothing_of_a_shell() -> None:
    assert step("12", "node1")[:4] == ["srun", "--jobid=12", "--overlap", "--quiet"]
    with pytest.raises(CommandFailed):
        step("12; rm", "node1")


def test_a_task_of_an_array_is_entered_by_its_own_id(tmp_path: Path) -> None:
    for name, does in (("squeue", 'echo "welcome"; echo "3141 $*"; echo 3141'), ("srun", 'echo "$@"')):
        (tmp_path / name).write_text(f"#!/bin/sh\n{does}\n")
        (tmp_path / name).chmod(0o755)
    told = subprocess.run(
        [*step("12_3", "node1"), "py-spy", "$(reboot)"],
        env={"PATH": f"{tmp_path}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert told.startswith("--jobid=3141 --overlap")
    assert told.endswith("py-spy $(reboot)\n")


def test_the_installed_binary_needs_no_library_of_the_host(binary: Binary) -> None:
    assert binary.static
    assert os.uname().machine in binary.machines


def test_what_is_no_program_for_linux_is_not_sent(tmp_path: Path) -> None:
    assert read(b"#!/bin/sh\n") is None
    assert read(b"\x7fELF\x02\x01" + bytes(100)) is None  # of a machine that we do not know


def test_what_a_host_says_of_its_processes_is_cleaned() -> None:
    told = {
        "host": "a\x1b[31m",
        "system": "Linux",
        "machine": "x86_64",
        "user": "u",
        "scope": None,
        "processes": [{"pid": 1, "parent": 0, "command": "a\nb\x07", "user": "", "rank": "x", "busy": 1}],
        "spies": ["/a\nb", "/c"],
    }
    scene = parse_scene(told)
    assert (scene.host, scene.processes[0].command, scene.processes[0].rank) == ("a", "a b", None)
    assert scene.spies == ("/c",)
