"""A shell where the job is: the right host, node and folder, and no text of a host reaches a shell raw."""

from __future__ import annotations

import shlex
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backends.base import JobState
from trainboard.actions import Refused
from trainboard.config import BackendConfig, Config
from trainboard.rows import Row
from trainboard.shell import shell_of

if TYPE_CHECKING:
    from collections.abc import Sequence


def backend(name: str, kind: str, host: str = "") -> BackendConfig:
    return BackendConfig(name, kind, host, "~/runs", 10.0, False, "python3", ())


CONFIG = Config(
    Path("/c.yaml"),
    (backend("here", "local"), backend("gpu1", "ssh", "ada@gpu1:2222"), backend("triton", "slurm", "gate")),
    {},
)
RUN = Row("r1", "gpu1", "7", "x", JobState.RUNNING, run="r1", directory="/work/my runs/1")


def argv(row: Row, config: Path | None = None) -> Sequence[str]:
    return shell_of(row, CONFIG, config).argv


def test_a_server_is_reached_by_ssh_with_the_users_own_configuration() -> None:
    *ssh, text = argv(RUN, Path("/my/config"))
    assert ssh == ["ssh", "-t", "-F", "/my/config", "-p", "2222", "--", "ada@gpu1"]
    assert "cd '/work/my runs/1'" in " ".join(shlex.split(text))


def test_a_running_job_of_a_cluster_is_entered_on_its_first_node() -> None:
    row = replace(RUN, backend="triton", job_id="123", nodes="gpu[03-05,7]", state=JobState.RUNNING)
    *ssh, text = argv(row)
    assert ssh == ["ssh", "-t", "--", "gate"]
    script = shlex.split(text)[-1]
    assert 'srun --jobid="123" --overlap' in script
    assert "--nodelist=gpu03 --pty" in script
    assert "ssh -t gpu03" in script  # where srun knows no --overlap


@pytest.mark.parametrize("changed", [{"state": JobState.COMPLETED}, {"nodes": ""}, {"nodes": "$(reboot)"}])
def test_one_that_is_on_no_node_is_entered_on_the_gateway(changed: dict[str, str]) -> None:
    row = replace(replace(RUN, backend="triton", nodes="gpu3"), **changed)  # type: ignore[arg-type]  # as the test says
    assert "srun" not in argv(row)[-1]


def test_a_run_that_is_nowhere_yet_has_no_shell() -> None:
    with pytest.raises(Refused, match="on no host yet"):
        argv(replace(RUN, unsent=True))
    with pytest.raises(Refused, match="gpu9 is not in the config"):
        argv(replace(RUN, backend="gpu9"))


@pytest.mark.parametrize("shell", ["/bin/sh", "/bin/bash"])
def test_a_folder_that_is_gone_is_told_and_the_shell_opens_at_home(tmp_path: Path, shell: str) -> None:
    row = replace(RUN, backend="here", directory=str(tmp_path / "gone"))
    found = subprocess.run(
        argv(row),
        input="pwd\n",
        capture_output=True,
        text=True,
        check=True,
        env={"HOME": str(tmp_path), "SHELL": shell},
    )
    assert "is not there" in found.stderr
    assert str(tmp_path) in found.stdout


@settings(max_examples=25)
@given(st.text(st.characters(exclude_characters="\0/", exclude_categories=["Cs"]), min_size=1, max_size=30))
def test_whatever_a_folder_is_called_the_shell_is_in_it_and_nothing_else_runs(name: str) -> None:
    import tempfile

    if name in (".", "..") or len(name.encode()) > 200:
        return
    with tempfile.TemporaryDirectory() as home:
        folder = Path(home, name)
        folder.mkdir()
        row = replace(RUN, backend="here", directory=str(folder))
        env = {"HOME": home, "SHELL": "/bin/sh", "PATH": "/usr/bin:/bin"}
        found = subprocess.run(argv(row), input=b"pwd -P\n", capture_output=True, check=True, env=env)
        assert found.stdout.decode() == f"{folder.resolve()}\n"
        remote = argv(replace(row, backend="gpu1"))[-1]
        found = subprocess.run(["sh", "-c", remote], input=b"pwd -P\n", capture_output=True, check=True, env=env)
        assert found.stdout.decode() == f"{folder.resolve()}\n"
