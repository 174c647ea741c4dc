"""The wheel: what is in it, and that the installed command works wherever it is typed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

ROOT = Path(__file__).parent.parent
DECOY = "raise SystemExit('the wrong package')\n"
PACKAGES = ("backends", "specs", "trainboard", "tui")


def run(argv: Sequence[str | Path], cwd: Path, **more: str) -> subprocess.CompletedProcess[str]:
    """A command with an environment in which nothing leads to this checkout."""
    environ = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "PYTHONHOME")}
    return subprocess.run(
        argv, cwd=cwd, env=environ | more, capture_output=True, text=True, timeout=100, stdin=subprocess.DEVNULL
    )


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of this checkout, built without a network."""
    folder = tmp_path_factory.mktemp("wheel")
    built = run([sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", folder], ROOT)
    assert built.returncode == 0, built.stderr
    [wheel] = folder.glob("*.whl")
    return wheel


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The `bin` folder of a new environment with the wheel in it; the dependencies are those of this one."""
    folder = tmp_path_factory.mktemp("env")
    made = run([sys.executable, "-m", "venv", "--without-pip", folder], ROOT)
    assert made.returncode == 0, made.stderr
    python = folder / "bin" / "python"
    [site] = (folder / "lib").glob("python3*/site-packages")
    added = run(
        [sys.executable, "-m", "pip", "--python", python, "install", "--no-deps", "--no-index", "-q", wheel], folder
    )
    assert added.returncode == 0, added.stderr
    # Only the folder, not its .pth files: an editable install there would lead back to this checkout.
    (site / "dependencies.pth").write_text(f"{dependencies()}\n")
    return folder / "bin"


def dependencies() -> Path:
    """Where this interpreter has the packages that we need."""
    import textual

    return Path(textual.__file__).parent.parent


def test_the_wheel_holds_the_four_packages_and_nothing_else(wheel: Path) -> None:
    tops = {name.partition("/")[0] for name in zipfile.ZipFile(wheel).namelist()}
    assert {top for top in tops if not top.endswith(".dist-info")} == set(PACKAGES)


def test_the_wheel_holds_every_file_of_the_packages(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    ours = {
        str(path.relative_to(ROOT))
        for package in PACKAGES
        for path in (ROOT / package).rglob("*")
        if path.is_file() and path.suffix in (".py", ".yaml", ".txt", ".tcss", ".typed")
    }
    assert {"specs/examples/char-rnn.yaml", "specs/examples/char_rnn.py", "specs/examples/corpus.txt"} <= ours
    assert {"tui/app.tcss", "backends/runner/life.py", "backends/remote/helper.py", "trainboard/py.typed"} <= ours
    assert ours - names == set()


def test_the_installed_command_works_from_any_folder(installed: Path, tmp_path: Path) -> None:
    found = run([installed / "trainboard", "--version"], tmp_path)
    assert (found.returncode, found.stderr) == (0, "")
    assert found.stdout.startswith("trainboard 0.")


def test_what_is_tested_is_what_was_installed(installed: Path, tmp_path: Path) -> None:
    code = "import trainboard, backends, specs, tui; print(backends.__file__, specs.__file__, tui.__file__)"
    found = run([installed / "python", "-c", code], tmp_path)
    assert found.returncode == 0, found.stderr
    assert [Path(file).is_relative_to(installed.parent) for file in found.stdout.split()] == [True] * 3


@pytest.fixture
def decoy(tmp_path: Path) -> Path:
    """A project like many: it has folders with the names of our packages."""
    for name in ("backends", "specs", "tui"):
        (tmp_path / "project" / name).mkdir(parents=True)
        (tmp_path / "project" / name / "__init__.py").write_text(DECOY)
    return tmp_path / "project"


def commands(installed: Path) -> Mapping[str, list[str]]:
    """The ways to call us."""
    return {
        "script": [str(installed / "trainboard")],
        "module": [str(installed / "python"), "-m", "trainboard"],
    }


@pytest.mark.parametrize("way", ["script", "module"])
@pytest.mark.parametrize("python_path", [".", "", "{decoy}"])
def test_a_project_with_folders_of_our_names_does_not_break_the_command(
    installed: Path, decoy: Path, way: str, python_path: str
) -> None:
    more = {"TRAINBOARD_HOME": str(decoy / ".state"), "PYTHONPATH": python_path.format(decoy=decoy)}
    command = commands(installed)[way]
    wrong = run([installed / "python", "-c", "import backends"], decoy, **more)
    assert "the wrong package" in wrong.stderr  # the decoy works
    listed = run([*command, "ls", "--offline", "--json"], decoy, **more)
    assert (listed.returncode, listed.stderr, json.loads(listed.stdout)) == (0, "", [])
    (decoy / "s.yaml").write_text("name: s\ncommand: run {lr}\nparams: {lr: 1}\n")
    planned = run([*command, "submit", "s.yaml", "--dry-run", "--json"], decoy, **more)
    assert (planned.returncode, len(json.loads(planned.stdout or "[]"))) == (0, 1), planned.stderr
    seen = run([installed / "python", "-c", "import trainboard, tui.app"], decoy, **more)
    assert (seen.returncode, seen.stderr) == (0, "")
