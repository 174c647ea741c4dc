"""The programs that are sent to hosts."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from backends import queue, remote, runner
from backends.programs import modules, programs

if TYPE_CHECKING:
    from types import ModuleType


@pytest.mark.parametrize("package", [queue, runner, remote], ids=lambda package: package.__name__)
def test_every_module_of_a_package_is_sent(package: ModuleType) -> None:
    assert package.__file__ is not None
    files = {path.stem for path in Path(package.__file__).parent.glob("*.py")} - {"__init__"}
    sent = {name.rpartition(".")[2] for name in modules(package)}
    aside = (*remote.SEEK, *remote.TRACE, *remote.PYTHONS) if package is remote else ()
    assert sent | set(aside) == files


@pytest.mark.parametrize(
    ("name", "arguments", "code", "words"),
    [("runner.py", ["one", "two"], 2, "usage: runner.py DIRECTORY\n"), ("waiter.py", [], 0, "")],
)
def test_a_program_runs_where_nothing_of_ours_is_installed(
    tmp_path: Path, name: str, arguments: list[str], code: int, words: str
) -> None:
    (tmp_path / name).write_bytes(programs().files[name])
    argv = [sys.executable, "-I", "-S", name, *arguments]
    done = subprocess.run(argv, cwd=tmp_path, capture_output=True, text=True, timeout=20)
    assert (done.returncode, done.stderr) == (code, words)
