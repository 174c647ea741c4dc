"""Processes on GPUs: what is told of them, and what is not."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backends.remote.commands import Commands
from backends.remote.gpuapps import Describer, GpuApps, safe
from tests.backends.recorded import recorded, tool, until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.mark.parametrize(
    ("words", "shown"),
    [
        (["python", "train.py", "--lr=0.1"], "python train.py --lr=0.1"),
        (["x", "--api-key=abc", "--lr", "1"], "x --api-key=*** --lr 1"),
        (["x", "--token", "abc", "--lr", "1"], "x --token *** --lr 1"),
        (["x", "WANDB_API_KEY=abc"], "x WANDB_API_KEY=***"),
        (["x", "--password", "abc"], "x --password ***"),
        (["x", "--tokenizer", "bpe", "--max-tokens=5"], "x --tokenizer bpe --max-tokens=5"),
        (["x", "token", "bpe"], "x token bpe"),
    ],
)
def test_a_command_line_is_told_without_its_secrets(words: list[str], shown: str) -> None:
    assert safe(words) == shown


@settings(max_examples=60)
@given(st.lists(st.text(max_size=20), max_size=6), st.sampled_from(["--token", "--api_key", "DB_PASSWORD"]))
def test_whatever_is_around_a_secret_it_is_not_told(words: list[str], name: str) -> None:
    assert "hunter2-hunter2" not in safe([*words, f"{name}=hunter2-hunter2", *words])


@pytest.fixture
def child(tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A process that runs in an attempt directory, and has no environment."""
    folder = tmp_path / "runs/e/r/1/project"
    folder.mkdir(parents=True)
    argv = [sys.executable, "-c", "import sys; print(flush=True); sys.stdin.read()"]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=folder, env={}) as process:
        assert process.stdout is not None
        process.stdout.readline()
        yield process
        process.communicate(timeout=10)


def test_an_attempt_is_known_by_the_folder_that_its_process_runs_in(
    child: subprocess.Popen[bytes], tmp_path: Path
) -> None:
    [row] = Describer(str(tmp_path / "runs")).rows([("GPU-1", child.pid, None)])
    assert row[5] == str(tmp_path / "runs/e/r/1")
    [row] = Describer(str(tmp_path / "other")).rows([("GPU-1", child.pid, None)])
    assert row[5] == ""


def test_what_does_not_change_is_asked_once_and_cpu_is_of_the_time_between(child: subprocess.Popen[bytes]) -> None:
    describer = Describer("")
    [first] = describer.rows([("GPU-1", child.pid, 5)])
    known = describer.known[child.pid]
    [second] = describer.rows([("GPU-1", child.pid, 5)])
    assert describer.known[child.pid] is known
    assert (first[6], second[6]) == (None, 0.0)
    describer.rows([])
    assert describer.known == {}


def test_a_process_that_is_hidden_from_us_is_still_there(tmp_path: Path) -> None:
    assert Describer("", str(tmp_path)).rows([("GPU-1", 5, 7)]) == [["GPU-1", 5, 7, "", "", "", None, None]]


def test_no_process_is_an_answer_only_once_the_tool_has_spoken(tmp_path: Path) -> None:
    path = tool(
        tmp_path,
        "nvidia-smi",
        f"until [ -e {tmp_path}/go ]; do sleep 0.05; done; echo 'gpu_uuid, pid, x'; exec sleep 600",
    )
    apps = GpuApps(str(path), 1.0, Commands(), Describer(""))
    assert apps.latest(well=True) is None
    (tmp_path / "go").touch()
    until(lambda: apps.latest(well=True) == [])
    assert apps.latest(well=False) is None
    apps.close()


def test_a_process_that_is_named_no_more_is_gone_after_a_while(tmp_path: Path) -> None:
    apps = GpuApps(None, 1.0, Commands(), Describer(""))
    path = tool(tmp_path, "nvidia-smi", "exec sleep 600")
    apps.tool = str(path)
    apps.latest(well=True)
    for line in [*recorded("nvidia-smi-550-apps.csv").splitlines(), f"GPU-1, {os.getpid()}, 3"]:
        apps.hear(line)
    rows = apps.latest(well=True)
    assert rows is not None
    assert [(row[1], row[2]) for row in rows] == [(os.getpid(), 3 << 20), (21341, 40102 << 20), (21342, None)]
    apps.at -= 60
    apps.seen = {key: (at - 60, used) for key, (at, used) in apps.seen.items()}
    assert apps.latest(well=True) == []
    apps.close()
