"""The scripts that are shown are those that would be sent."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from backends import script
from specs.expand import expand
from specs.load import loads
from trainboard.config import BackendConfig
from trainboard.scripts import NOT_TAKEN, Scripts, scripts

if TYPE_CHECKING:
    from pathlib import Path

SPEC = """\
name: tiny
command: echo {lr}
setup: module load cuda
env: {A: 1, TOKEN: null}
sweep: {lr: [0.1, 0.2]}
resources: {gpus: 1, time: 1h}
"""
HERE = BackendConfig("here", "local", "", "~/runs", 2.0, True, "python3", ())
TRITON = replace(HERE, name="triton", kind="slurm", python="/opt/python3")


def made(backend: BackendConfig, folder: Path, more: str = "", *, shared: bool = True) -> Scripts:
    spec = loads(SPEC + more, folder / "tiny.yaml")
    return scripts(spec, expand(spec), backend, shared=shared)


def test_runs_of_a_cluster_share_the_script_of_their_array(tmp_path: Path) -> None:
    found = made(TRITON, tmp_path)
    first, second = dict(found.of(0)), dict(found.of(1))
    assert "#SBATCH --array=0-1" in first["launch.sh"]
    assert "#SBATCH --gres=gpu:1" in first["launch.sh"]
    assert "exec /opt/python3 " in first["launch.sh"]
    assert first["launch.sh"] == second["launch.sh"]
    assert "echo 0.1" in first["run.sh"]
    assert "echo 0.2" in second["run.sh"]


def test_a_run_of_a_server_has_a_script_of_its_own(tmp_path: Path) -> None:
    found = made(HERE, tmp_path)
    assert "#SBATCH" not in found.launch(0)
    assert "tiny/001-lr=0.2" in found.launch(1)


def test_a_script_is_what_the_backend_writes(tmp_path: Path) -> None:
    found = made(HERE, tmp_path)
    assert dict(found.of(0))["run.sh"] == script.run_script(found.plans[0])


def test_values_from_the_caller_are_in_none_of_them(tmp_path: Path) -> None:
    texts = "".join(text for _, text in made(HERE, tmp_path).of(0))
    assert "TOKEN=" not in texts
    assert "A=1" in texts


def test_a_project_that_is_sent_is_entered_as_such(tmp_path: Path) -> None:
    assert NOT_TAKEN in dict(made(HERE, tmp_path, shared=False).of(0))["run.sh"]
    assert str(tmp_path) in dict(made(HERE, tmp_path).of(0))["run.sh"]


def test_what_is_tried_again_by_the_scheduler_says_so(tmp_path: Path) -> None:
    assert "--requeue" in made(TRITON, tmp_path, "retry: {on: [TIMEOUT]}\n").launch(0)
    assert "--no-requeue" in made(TRITON, tmp_path).launch(0)


def test_a_file_that_the_command_reads_is_shown_with_it(tmp_path: Path) -> None:
    text = SPEC.replace("echo {lr}", "echo {params_file}")
    spec = loads(text, tmp_path / "tiny.yaml")
    files = dict(scripts(spec, expand(spec), HERE, shared=True).of(0))
    assert "0.1" in files["params.json"]
