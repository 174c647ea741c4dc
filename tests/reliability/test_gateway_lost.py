"""The sshd of a host is killed, with every connection to it, and started again; and the daemons of Slurm."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from backends.base import JobState
from backends.host import helper_command
from backends.server import Server
from backends.slurm import Slurm
from backends.ssh import SshHost
from specs.load import loads
from tests.backends.conftest import Nobody
from tests.backends.queues import until
from tests.cluster import start
from tests.cluster.faults import halt, resume
from tests.cluster.processes import pid_of
from tests.crash.mortal import Fate, MortalHost
from tests.reliability.board import Board
from tests.reliability.conftest import at_board
from tests.reliability.watching import watching
from trainboard import config
from trainboard.events import Link
from trainboard.paths import paths

if TYPE_CHECKING:
    from pathlib import Path

    from backends.base import Backend
    from tests.cluster import Cluster

pytestmark = [pytest.mark.slurm, pytest.mark.sshd, pytest.mark.slow]

KINDS = ("ssh", "slurm")


def cut(cluster: Cluster) -> None:
    """Kill sshd and all that serves a connection, as when the gateway crashes."""
    family = [str(pid_of(cluster, "sshd"))]
    for pid in family:
        found = subprocess.run(["pgrep", "-P", pid, "sshd"], capture_output=True, text=True, check=False)
        family += found.stdout.split()
    for pid in family:
        with contextlib.suppress(ProcessLookupError):
            os.kill(int(pid), signal.SIGKILL)
    until(lambda: pid_of(cluster, "sshd") is None)


async def up_again(cluster: Cluster) -> None:
    """The gateway is there again."""
    await asyncio.to_thread(start, cluster.dir, slurm=False)


class Cut(Fate):
    """At the chosen step it is not this process that ends, but sshd."""

    def __init__(self, cluster: Cluster) -> None:
        super().__init__(None)
        self._cluster = cluster
        self.cut_at = 0
        """0: at none."""

    def step(self) -> None:
        self.steps += 1
        if self.steps == self.cut_at:
            cut(self._cluster)


def backend_of(kind: str, cluster: Cluster, folder: Path, fate: Fate) -> Backend:
    """A host with an sshd that can be killed at any step of a request."""
    ssh = SshHost("gateway" if kind == "slurm" else "gpu1", Nobody(), config=cluster.ssh_config, connect_timeout=30)
    host = MortalHost(kind, lambda: ssh.open(helper_command("python3")), ssh.close)
    host.fate = fate
    if kind == "slurm":
        return Slurm(kind, host, str(folder / kind), shared=True)
    return Server(kind, host, str(folder / kind), shared=True, leases=str(folder / "leases"))


@pytest.mark.parametrize("kind", KINDS)
async def test_an_sshd_killed_at_any_step_of_a_submission_leaves_every_run_there_exactly_once(
    fragile: Cluster, tmp_path: Path, kind: str
) -> None:
    fate = Cut(fragile)
    async with at_board(Board(tmp_path, backend_of(kind, fragile, tmp_path, fate), resend=0.5)) as board:
        cuts = 0
        while fate.steps >= fate.cut_at:
            fate.cut_at, fate.steps = fate.cut_at + 1, 0
            await board.submit(kind, runs=2)
            if fate.steps >= fate.cut_at:
                cuts += 1
                await up_again(fragile)
            board.dispatcher.wake(kind)
        fate.cut_at = 0
        assert cuts > 8
        await board.settled()
        ends = {run: (each.state, each.reason) for run, each in (await board.newest()).items()}
        assert ends == dict.fromkeys(ends, (JobState.COMPLETED, ""))
        assert await board.each_ran_once()


def home_of(kind: str, cluster: Cluster, folder: Path) -> dict[str, str]:
    """A user's environment with such a host in the config."""
    alias = "gateway" if kind == "slurm" else "gpu1"
    leases = "" if kind == "slurm" else f", leases: {folder}/leases"
    (folder / "home").mkdir()
    (folder / "home/config.yaml").write_text(
        f"backends: {{far: {{kind: {kind}, host: {alias}, poll: 1, shared: true, root: {folder}/runs{leases}}}}}\n"
    )
    return {"TRAINBOARD_HOME": str(folder / "home"), "TRAINBOARD_SSH_CONFIG": str(cluster.ssh_config)}


PROGRAM = """\
for i in 1 2 3; do echo "step $i loss 0.$i"; done
until [ -e go ]; do sleep 0.05; done
for i in 4 5 6; do echo "step $i loss 0.$i"; done
"""
LOG = "".join(f"step {i} loss 0.{i}\n" for i in range(1, 7))


def spec_in(folder: Path) -> Path:
    """A run that waits in the midst of its output."""
    (folder / "train.sh").write_text(PROGRAM)
    (folder / "x.yaml").write_text("name: x\ncommand: sh train.sh\nresources: {cpus: 1}\n")
    return folder / "x.yaml"


@pytest.mark.parametrize("kind", KINDS)
async def test_an_sshd_killed_while_a_run_is_watched_ends_nothing_and_its_log_and_curve_are_whole(
    fragile: Cluster, tmp_path: Path, kind: str
) -> None:
    environ = home_of(kind, fragile, tmp_path)
    where, spec = paths(environ), spec_in(tmp_path)
    async with watching(config.load(where), where) as seen:
        watch = seen.watch
        submitting = asyncio.create_task(watch.submit(loads(spec.read_text(), spec), "far"))
        await seen.until(lambda: seen.states.get("x-1.0") is JobState.RUNNING)
        await submitting
        watch.show("x-1.0")
        watch.look(["x-1.0"])
        await seen.until(lambda: b"step 3" in seen.log and 3 in seen.steps)
        cut(fragile)
        await seen.until(lambda: seen.link is Link.STALE)
        assert seen.states == {"x-1.0": JobState.RUNNING}
        (tmp_path / "go").touch()
        await up_again(fragile)
        watch.refresh()
        await seen.until(lambda: seen.states["x-1.0"] is JobState.COMPLETED)
        await seen.until(lambda: b"step 6" in seen.log and 6 in seen.steps)
    assert seen.log.decode() == LOG
    assert seen.steps == [1, 2, 3, 4, 5, 6]


@pytest.mark.parametrize("kind", KINDS)
async def test_a_log_that_is_followed_by_a_command_goes_on_after_the_sshd_was_killed(
    fragile: Cluster, tmp_path: Path, kind: str
) -> None:
    environ = {**os.environ, **home_of(kind, fragile, tmp_path)}
    argv = [sys.executable, "-m", "trainboard"]
    spec = spec_in(tmp_path)
    submitter = await asyncio.create_subprocess_exec(*argv, "submit", str(spec), env=environ)
    assert await submitter.wait() == 0
    follower = await asyncio.create_subprocess_exec(
        *argv, "logs", "-f", "x-1.0", env=environ, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    assert follower.stdout is not None
    async with asyncio.timeout(90):
        begun = await follower.stdout.readuntil(b"step 3 loss 0.3\n")
        cut(fragile)
        (tmp_path / "go").touch()
        await up_again(fragile)
        rest, complaints = await follower.communicate()
    assert ((begun + rest).decode(), follower.returncode) == (LOG, 0), complaints.decode()


async def test_a_cluster_whose_slurmctld_restarts_and_whose_slurmdbd_is_down_loses_and_doubles_nothing(
    fragile: Cluster, tmp_path: Path
) -> None:
    go = tmp_path / "go"
    backend = backend_of("slurm", fragile, tmp_path, Fate(None))
    async with at_board(Board(tmp_path, backend, resend=0.5)) as board:
        await board.submit("slurm", runs=3, after=f"until [ -e {go} ]; do sleep 0.05; done")
        await board.until(lambda newest: {each.state for each in newest.values()} == {JobState.RUNNING})
        await asyncio.to_thread(halt, fragile, "slurmctld")
        await asyncio.to_thread(halt, fragile, "slurmdbd")
        sending = asyncio.create_task(board.submit("slurm", runs=3))
        await board.look()
        assert "squeue" in board.troubles["slurm"]
        states = [each.state for run, each in (await board.newest()).items() if run.startswith("x-1.")]
        assert states == [JobState.RUNNING] * 3
        go.touch()
        await asyncio.to_thread(resume, fragile)
        await asyncio.to_thread(halt, fragile, "slurmdbd")
        await sending
        assert await board.settled() == {"COMPLETED": 6}
        assert await board.each_ran_once()
        await asyncio.to_thread(resume, fragile)
