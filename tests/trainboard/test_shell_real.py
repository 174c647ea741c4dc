"""`trainboard shell` opens where the run is: on this machine, over SSH, and inside of a job of a real Slurm."""

from __future__ import annotations

import subprocess

import pytest

from tests.trainboard.test_cli import Shell, everywhere

__all__ = ["everywhere"]

SPEC = """\
name: long
command: echo up && sleep 600
sweep: {a: [1, 2]}  # an array: its tasks have ids of their own
"""
ASKED = 'echo "folder=${OLDPWD:-$PWD}=" "here=$PWD=" "job=${SLURM_JOB_ID:-none}="\nexit\n'
"""The servers' own profile goes home, as some do: then the folder is where it came from."""

pytestmark = [pytest.mark.sshd, pytest.mark.slurm, pytest.mark.slow]


@pytest.mark.parametrize("backend", ["here", "gpu1", "triton"])
def test_the_shell_is_in_the_runs_folder_and_in_its_job(everywhere: Shell, backend: str) -> None:
    everywhere.write("long.yaml", SPEC)
    everywhere.done("submit", "long.yaml", "--on", backend)
    with everywhere.start("logs", "-f", "long-1.0") as log:
        assert log.stdout is not None
        assert log.stdout.readline() == "up\n"
        log.terminate()
    found = subprocess.run(
        everywhere.argv("shell", "long-1.0"),
        input=ASKED,
        capture_output=True,
        text=True,
        cwd=everywhere.folder,
        env=everywhere.environ,
        timeout=60,
        check=False,
    )
    assert "long-1" in found.stdout.partition("folder=")[2], found
    assert ("job=none=" in found.stdout) is (backend != "triton")
