"""What a command wants to find, read from its text and from the Python programs that it begins."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backends.checks import Program
from specs.expand import expand
from specs.load import loads
from trainboard.plans import plan_of
from trainboard.preflight.imports import imports_of
from trainboard.preflight.programs import (
    MOST,
    commands_of,
    elsewhere,
    local_files,
    plain_word,
    programs_in,
    untried,
)

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("command", "programs"),
    [
        ("python train.py --lr 0.1", [("python", "train.py")]),
        ("/opt/py/bin/python3.11 -u 'my train.py'", [("/opt/py/bin/python3.11", "'my train.py'")]),
        ("${PYTHON:-python3} train.py > out.txt 2>&1", [("${PYTHON:-python3}", "train.py")]),
        ("CUDA_LAUNCH_BLOCKING=1 exec python train.py", [("python", "train.py")]),
        ("set -x; echo \"it's on\"\nbash run.sh", [("set", ""), ("echo", ""), ("bash", "run.sh")]),
        ("ulimit -n 4096 && julia fit.jl 0.1", [("ulimit", ""), ("julia", "fit.jl")]),
        ("torchrun --nproc-per-node 4 \\\n  train.py --x", [("torchrun", "train.py")]),
        ("srun python train.py", [("srun", "train.py")]),
        ("./run --config a{b,c}.yaml # a comment", [("./run", "")]),
        ("bash \"$SOMEWHERE\"/run.sh", [("bash", "")]),
        ("python -c 'print(1)'", [("python", "")]),
        ("apptainer exec image.sif python /workspace/train.py", [("apptainer", "")]),
        ("train \"$(date)\"", [("train", "")]),
        ("python train.py | tee log", [("python", "train.py")]),
        ("make data; ./made", [("make", "")]),
    ],
)  # fmt: skip
def test_a_command_begins_programs(command: str, programs: list[tuple[str, str]]) -> None:
    assert [(each.word, each.script) for each in programs_in(command)] == programs


@pytest.mark.parametrize(
    "command",
    [
        "cd src && python train.py",
        "for i in 1 2; do python train.py; done",
        "(python train.py)",
        "{ python train.py; }",
        "export PATH=$PWD/bin:$PATH; mine",
        "PATH=bin:$PATH\nmine",
        "train() { python x.py; }",
        "module load cuda; nvcc",
        "[[ -e x ]] && python x.py",
        "$SLURM_TMPDIR/env/bin/python x.py",
        "",
        "   # nothing",
    ],
)
def test_behind_the_grammar_of_a_shell_nothing_is_guessed(command: str) -> None:
    assert list(programs_in(command)) == []


@settings(max_examples=100)
@given(st.text(alphabet="ab.py '\"\\$(){}`;&|<>#=-\n!?*[", max_size=60))
def test_any_command_is_read(command: str) -> None:
    for program in programs_in(command):
        assert program.word
        assert plain_word(program.script) or not program.script


def project(folder: Path) -> None:
    """A small project of several files."""
    (folder / "model").mkdir()
    (folder / "train.py").write_text(
        "from __future__ import annotations\nimport os, torch.nn as nn\nfrom model import net, absent_name\n"
        "from . import sibling\ntry:\n    import wandb\nexcept ImportError:\n    wandb = None\n"
        "if os.environ.get('X'):\n    import tpu\ndef f():\n    import later\nimport helper.deep\n"
    )
    (folder / "model/__init__.py").write_text("import numpy\n")
    (folder / "model/net.py").write_text("import einops\nimport train\n")
    (folder / "helper").mkdir()
    (folder / "helper/deep.py").write_text("import yaml\n")


def test_imports_are_followed_through_the_project(tmp_path: Path) -> None:
    project(tmp_path)
    assert imports_of(tmp_path, "train.py", "", "") == ("einops", "numpy", "torch", "yaml")


def test_a_module_is_read_where_the_project_has_it(tmp_path: Path) -> None:
    project(tmp_path)
    assert imports_of(tmp_path, "", "model.net", "") == ("einops", "numpy", "torch", "yaml")
    assert imports_of(tmp_path, "", "torch.distributed.run", "") == ("torch",)
    assert imports_of(tmp_path, "", "http.server", "") == ()


def test_pythonpath_is_searched_too(tmp_path: Path) -> None:
    (tmp_path / "src").mkdir()
    (tmp_path / "src/mine.py").write_text("import jax\n")
    (tmp_path / "run.py").write_text("import mine\n")
    assert imports_of(tmp_path, "run.py", "", "src:/usr/none") == ("jax",)
    assert imports_of(tmp_path, "run.py", "", "") == ("mine",)


@pytest.mark.parametrize("text", ["import torch\nprint 'of Python 2'\n", "\0", "x = (" * 3000])
def test_what_cannot_be_read_says_nothing(tmp_path: Path, text: str) -> None:
    (tmp_path / "train.py").write_text(text)
    assert imports_of(tmp_path, "train.py", "", "") == ()


def test_each_program_stands_once_with_its_runs(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("import torch\n")
    text = "name: x\ncommand: python {script} --lr {lr}\nsweep: {script: [a.py, b.py], lr: [1, 2]}\n"
    spec = loads(text, tmp_path / "x.yaml")
    settings = expand(spec)
    found = commands_of(settings, [plan_of(spec, "x", each, "0" * 16, {}) for each in settings])
    assert found.programs == {Program("python", "a.py", ("torch",)): (0, 1), Program("python", "b.py"): (2, 3)}
    assert (found.unread, found.more) == ((), 0)


def test_of_very_many_programs_some_are_looked_for(tmp_path: Path) -> None:
    spec = loads(f"name: x\ncommand: run-{{n}}\nsweep: {{n: {list(range(MOST + 5))}}}\n", tmp_path / "x.yaml")
    settings = expand(spec)
    found = commands_of(settings, [plan_of(spec, "x", each, "0" * 16, {}) for each in settings])
    assert (len(found.programs), found.more) == (MOST, 5)


def test_of_the_project_only_what_a_host_can_have_already_is_asked(tmp_path: Path) -> None:
    assert elsewhere(Program("python", "train.py", ("torch",))) == Program("python", "", ("torch",))
    assert elsewhere(Program("python", "/data/train.py")) == Program("python", "/data/train.py")
    assert elsewhere(Program("./run")) is None
    assert elsewhere(Program("~/bin/run")) == Program("~/bin/run")
    assert local_files(Program("./run", "x.py"), tmp_path) == ["./run", "x.py"]
    (tmp_path / "run").write_text("")
    assert local_files(Program("./run"), tmp_path) == []
    assert local_files(Program("python", "/no/x.py"), tmp_path) == []


@pytest.mark.parametrize(
    ("setup", "shared", "words"),
    [
        ("module load cuda/12\nsource ~/env/bin/activate", True, ""),
        ("pip install -r requirements.txt", True, "“pip install”"),
        ("uv pip install x", True, "uv pip install"),
        ("git clone https://x.org/y", True, "“git clone”"),
        ("python3 -m venv .venv", True, "“-m venv”"),
        ("source venv/activate", True, ""),
        ("source venv/activate", False, "venv/activate of the project"),
        ("source other/activate; cd .", False, ""),
    ],
)
def test_a_setup_is_tried_unless_it_does_more(tmp_path: Path, setup: str, shared: bool, words: str) -> None:
    (tmp_path / "venv").mkdir()
    (tmp_path / "venv/activate").write_text("")
    reason = untried(setup, tmp_path, shared=shared)
    assert words in reason
    assert bool(words) == bool(reason)
