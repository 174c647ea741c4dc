"""Jobs that really fail: what the rules and `trainboard diagnose` say of them."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from backends.base import JobState
from backends.slurm import Slurm
from tests.backends.conftest import Desk, over_ssh
from tests.backends.runners import Attempt, attempts
from tests.backends.test_runner_memory import EATS, enter, small
from tests.backends.test_slurm import parse_json
from tests.trainboard.test_cli import Shell, shell
from trainboard.diagnose import report
from trainboard.diagnose.job import job_findings
from trainboard.diagnose.jobseen import JobSeen
from trainboard.diagnose.messages import Scanner
from trainboard.rows import job_row

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Iterator

    from backends.base import Job
    from tests.cluster import Cluster
    from trainboard.diagnose.finding import Finding

__all__ = ["shell", "small"]  # fixtures

DATA = Path(__file__).parent.parent / "data" / "diagnose"
STEPS = "for i in 1 2 3 4 5 6 7 8; do echo step $i loss 0.$i; done"
EARLY = ("ended_early", "failed")
real = pytest.mark.slurm


def diagnosed(job: Job, log: bytes) -> dict[str, Finding]:
    """The findings of a job that has ended, by rule."""
    scanner = Scanner()
    scanner.feed(log)
    scanner.finish()
    found = job_findings(JobSeen((job.ended or 0.0) + 1, job_row(job), scanner.hits))
    return {each.id: each for each in found if each.id not in EARLY}


# recorded from real runs


def test_the_rank_that_hung_is_named_in_a_log_of_gloo() -> None:
    found = report.of_file(DATA / "gloo-timeout.log", 0.0)
    assert (found.findings[0].id, found.why.sentence) == (
        "nccl_timeout",
        "A collective operation timed out after 5s: rank 2 is the only one of 4 that says nothing.",
    )
    assert all(found.roots[each.id] == "nccl_timeout" for each in found.findings[1:])


def test_a_data_loader_whose_worker_was_killed_is_told_in_a_log_of_torch() -> None:
    found = report.of_file(DATA / "loader-killed.log", 0.0)
    assert found.findings[0].id == "loader_died"
    assert "is killed by signal: Killed" in found.why.sentence


# on this machine


@pytest.fixture
def attempt(tmp_path: Path) -> Iterator[Callable[..., Attempt]]:
    """Makes attempt directories."""
    with attempts(tmp_path) as make:
        yield make


def test_a_job_that_the_kernel_kills_in_its_cgroup_ran_out_of_memory(
    attempt: Callable[..., Attempt], small: Path
) -> None:
    one = attempt(f"{STEPS}; {EATS}")
    one.run(shell=enter(small))
    state, code, reason = one.ending()
    job = a_job(JobState(state), code, reason)
    assert next(iter(diagnosed(job, one.log()))) == "host_oom"


def a_job(state: JobState, code: int | None, reason: str) -> Job:
    """An ended job, as a backend tells it."""
    from backends.base import Job

    return Job("here", "1", "x", state, reason=reason, started=1000.0, ended=1100.0, exit_code=code)


@pytest.fixture
def full(tmp_path: Path) -> Iterator[Path]:
    """A small file system of its own."""
    folder = tmp_path / "small"
    folder.mkdir()
    argv = ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(folder)]
    mounted = subprocess.run(argv, capture_output=True, text=True, check=False)
    if mounted.returncode:
        pytest.skip(f"a full disk needs a file system that we may mount: {mounted.stderr.strip()}")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


SAVES = """\
import sys
def save(path):
    with open(path, "wb") as file:
        file.write(bytes(1 << 20))
for step in range(8):
    print(f"step {step} loss 0.{step}", flush=True)
save(sys.argv[1] + "/model.pt")
"""


def test_a_disk_that_is_full_is_told_before_the_exception_that_it_led_to(
    attempt: Callable[..., Attempt], full: Path, tmp_path: Path
) -> None:
    (tmp_path / "train.py").write_text(SAVES)
    one = attempt(f"{sys.executable} {tmp_path}/train.py {full}")
    one.run()
    found = diagnosed(a_job(JobState.FAILED, *one.ending()[1:]), one.log())
    assert list(found) == ["disk_full", "crash"]
    assert "No space left on device" in found["disk_full"].lines[0]
    assert f"{tmp_path}/train.py:4 (save)" in found["crash"].message


def test_an_allocation_beyond_a_limit_is_want_of_memory(attempt: Callable[..., Attempt]) -> None:
    one = attempt(f"{STEPS}; ulimit -v 400000; {EATS.replace('200', '800')}")
    one.run()
    found = diagnosed(a_job(JobState.FAILED, *one.ending()[1:]), one.log())
    assert next(iter(found)) == "host_oom"
    assert "an allocation was denied" in found["host_oom"].message


DIES = {
    "segfault": "import ctypes; ctypes.string_at(0)",
    "shared_memory": "import mmap, os\nf = open('m', 'w+b'); f.truncate(1 << 16); "
    "m = mmap.mmap(f.fileno(), 1 << 16)\nf.truncate(0); m[9]",
    "port_taken": "import socket\na = socket.create_server(('127.0.0.1', 0))\nsocket.socket().bind(a.getsockname())",
    "killed": "import os, signal; os.kill(os.getpid(), signal.SIGKILL)",
}


@pytest.mark.parametrize("id", DIES)
def test_a_program_that_really_dies_is_told_by_what_its_shell_or_python_says(
    attempt: Callable[..., Attempt], tmp_path: Path, id: str
) -> None:
    (tmp_path / "dies.py").write_text(DIES[id])
    one = attempt(f"{STEPS}; {sys.executable} {tmp_path}/dies.py; exit $?")
    one.run()
    found = diagnosed(a_job(JobState.FAILED, *one.ending()[1:]), one.log())
    assert next(iter(found)) == id, one.log()


def test_a_command_that_is_not_there_is_told_by_its_exit_code(attempt: Callable[..., Attempt]) -> None:
    one = attempt("pyhton train.py")
    one.run()
    state, code, reason = one.ending()
    job = replace(a_job(JobState(state), code, reason), ended=1003.0)
    found = job_findings(JobSeen(1004.0, job_row(job)))
    assert found[0].id == "ended_early"
    assert "its command was not found" in found[0].message


def test_a_job_that_its_runner_ends_at_its_limit_is_told_so(attempt: Callable[..., Attempt]) -> None:
    one = attempt(f"{STEPS}; sleep 600", time=1)
    one.run()
    state, code, reason = one.ending()
    assert list(diagnosed(a_job(JobState(state), code, reason), one.log())) == ["time_limit"]


# on a real Slurm


@pytest.fixture
async def desk(cluster: Cluster, tmp_path: Path) -> AsyncGenerator[Desk]:
    """The real cluster, through its gateway."""
    desk = Desk(Slurm("triton", over_ssh(cluster, "gateway"), str(tmp_path / "runs"), shared=True), tmp_path)
    yield desk
    await desk.leave()


@real
async def test_a_real_job_that_is_cancelled_is_no_failure(desk: Desk) -> None:
    attempt = await desk.start(desk.plan(f"{STEPS}; echo up; sleep 600"))
    await desk.logged(attempt, "up\n")
    await desk.backend.cancel([attempt])
    job = await desk.ended(attempt)
    assert list(diagnosed(job, (await desk.log(attempt)).encode())) == ["cancelled"]


@real
@pytest.mark.slow
async def test_a_job_that_slurm_itself_ends_at_its_limit_says_so_in_its_log(desk: Desk, tmp_path: Path) -> None:
    script = f"trap '' TERM; {STEPS}; sleep 600"
    argv = [
        "sbatch",
        "--parsable",
        "--chdir",
        str(tmp_path),
        "--mem=10M",
        "--time=0:01",
        "-o",
        "own.log",
        "--wrap",
        script,
    ]
    done = await desk.backend.run_command(argv)
    assert done.code == 0, done.err
    log = tmp_path / "own.log"
    async with asyncio.timeout(110):
        async for piece in desk.backend.follow(str(log), 0):
            if b"CANCELLED AT" in getattr(piece, "data", b""):
                break
    found = report.of_file(log, 0.0)
    assert found.why.finding is not None
    assert found.why.finding.id == "time_limit"
    assert "DUE TO TIME LIMIT" in found.why.lines[0]


@real
async def test_a_real_node_that_fails_is_named(desk: Desk) -> None:
    attempt = await desk.start(desk.plan(f"{STEPS}; echo up; sleep 600"))
    await desk.logged(attempt, "up\n")
    job = await desk.until(attempt, lambda job: job.state is JobState.RUNNING and bool(job.nodes))
    pid = parse_json(Path(attempt.directory, "state/started"))["pid"]
    node = job.nodes
    try:
        # The runner dies without a word, as with its machine, and Slurm is told that the node is gone.
        await desk.backend.run_command(["kill", "-STOP", str(pid)])
        down = ["scontrol", "update", f"nodename={node}", "state=down", "reason=test"]
        assert (await desk.backend.run_command(down)).code == 0
        lost = await desk.until(attempt, lambda job: job.state is JobState.NODE_FAIL)
    finally:
        await desk.backend.run_command(["scontrol", "update", f"nodename={node}", "state=resume"])
        await desk.backend.run_command(["kill", "-KILL", str(pid)])
        await desk.backend.cancel([attempt])
    found = diagnosed(replace(lost, nodes=node), (await desk.log(attempt)).encode())
    assert next(iter(found)) == "node_failure"
    assert node in found["node_failure"].message


# the command


SPEC = """\
name: broken
command: python train.py
params: {lr: 0.1}
metrics: {objective: loss}
"""
CRASHES = """\
for step in range(8):
    print(f"step {step} loss 0.{step}", flush=True)
rows = [1, 2, 3]
def batch(number):
    return rows[number]
batch(7)
"""


def test_a_run_that_failed_is_answered_with_the_line_that_is_to_blame(shell: Shell) -> None:
    shell.write("train.py", CRASHES)
    shell.write("broken.yaml", SPEC.replace("python", sys.executable))
    shell.done("submit", "broken.yaml")
    shell("logs", "-f", "broken-1.0")
    found = shell.json("diagnose", "broken-1.0")
    assert (found["source"], found["outcome"]) == ("broken-1.0", "traceback")
    assert found["why"]["finding"] == "crash"
    assert "train.py:5 (batch): list index out of range" in found["why"]["sentence"]
    assert found["why"]["lines"][-1] == "IndexError: list index out of range"
    ids = [
        (each["id"], each["severity"], each["follows"]) for each in found["findings"] if each["severity"] == "error"
    ]
    assert ids == [("crash", "error", None), ("failed", "error", "crash")]
    keys = {"id", "severity", "cause", "step", "message", "evidence", "advice"}
    assert all(keys <= set(each) for each in found["findings"])
    text = shell.done("diagnose", "broken-1.0")
    assert text.splitlines()[0] == "broken-1.0: traceback"
    assert "error  crash: exception" in text
    assert "follows from crash" in text


def test_files_are_diagnosed_as_well_and_several_at_once(shell: Shell) -> None:
    shell.write("good.log", "".join(f"step {n} loss {1 / (n + 1):.4f}\n" for n in range(60)) + "Training complete\n")
    shell.write("bad.log", "step 1 loss 0.5\nRuntimeError: CUDA out of memory. \x1b]0;x\x07Tried to allocate 2 GiB\n")
    good, bad = shell.json("diagnose", "good.log", "bad.log")
    assert (good["findings"], good["why"]["finding"]) == ([], None)
    assert [each["id"] for each in bad["findings"]] == ["cuda_oom"]
    assert bad["why"]["lines"] == ["RuntimeError: CUDA out of memory. Tried to allocate 2 GiB"]
    assert shell.done("diagnose", "good.log") == "good.log: completed\nIt completed.\n"
    assert "\x1b" not in shell.done("diagnose", "bad.log")


def test_a_file_that_is_not_there_is_said(shell: Shell) -> None:
    assert "No such file" in shell.refused("diagnose", "./no.log")


def test_metrics_and_results_show_nothing_of_what_a_run_uses(shell: Shell) -> None:
    spec = "name: long\ncommand: echo step 1 loss 0.5; sleep 12\nmetrics: {objective: loss}\n"
    shell.write("long.yaml", spec)
    shell.done("submit", "long.yaml")
    shell("logs", "-f", "long-1.0")
    [usage] = shell.folder.rglob("usage.jsonl")
    assert json.loads(usage.read_text().splitlines()[0])["processes"] >= 1
    assert [each["name"] for each in shell.json("metrics", "long-1.0")["metrics"]] == ["loss"]
    assert "usage/" not in shell.done("results", "long-1")
    assert os.stat(usage).st_mode & 0o777 == 0o600  # noqa: PTH116
