"""`trainboard code`: the code that a run ran with."""

from __future__ import annotations

import asyncio
import hashlib
import io
import json
import subprocess
import tarfile
from typing import TYPE_CHECKING, Any

import pytest

from backends.base import CodeFile
from backends.snapshot import blob, manifest, snapshot_of
from specs.load import loads
from tests.backends.projects import committed, git
from trainboard.actions import Refused
from trainboard.archive import Archives
from trainboard.cli.main import run
from trainboard.code import take
from trainboard.records import Experiment, Run
from trainboard.restore import restore
from trainboard.store import Store

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project in git, with something that is not committed and something that is better not sent."""
    folder = tmp_path / "project"
    (folder / "src").mkdir(parents=True)
    (folder / "src/train.py").write_text("print(1)\n")
    (folder / "run.sh").write_text("#!/bin/sh\n")
    (folder / "run.sh").chmod(0o755)
    (folder / "link").symlink_to("src")
    committed(folder)
    (folder / "src/train.py").write_text("print(2)\n")
    (folder / ".env").write_text("A=1\n")
    return folder


@pytest.fixture
async def state(tmp_path: Path, project: Path) -> Path:
    """The state of a program that has submitted it."""
    folder = tmp_path / ".trainboard"
    spec = loads("name: x\ncommand: train\n", project / "x.yaml")
    code = take(spec, Archives(folder / "code"))
    await on_record(folder, code.snapshot.digest, dict(code.git))
    return folder


async def on_record(folder: Path, code: str, of_git: dict[str, str]) -> None:
    experiment = Experiment("x-1", "x", "/home/ada/x.yaml", "", 1.0, code=code, git=of_git)
    made = Run("x-1.0", "x-1", 0, "x", {})
    await Store(folder).change(lambda _: [experiment, made])


def says(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    """What the command prints, where it does its work."""
    assert run(["code", *words]) == 0
    return capsys.readouterr().out


def refuses(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    """What it says where it does not."""
    assert run(["code", *words]) != 0
    return capsys.readouterr().err


def as_json(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(says(capsys, "x-1.0", "--json"))
    return found


@pytest.mark.usefixtures("state")
def test_it_says_what_git_said_and_what_was_left_out(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("x-1", "x-1.0"):
        lines = {line.split("  ")[0]: line.split("  ", 1)[-1].strip() for line in says(capsys, name).splitlines()}
        assert lines["commit"] == git(project, "rev-parse", "HEAD")
        assert lines["branch"] == "main"
        assert lines["uncommitted"] == "1 file, see --diff"
        assert lines["files"] == "3, 19B"
        assert lines["left out"] == ".env: named like a secret"


@pytest.mark.usefixtures("state")
def test_the_json_is_as_promised(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = as_json(capsys)
    assert found == {
        "experiment": "x-1",
        "code": found["code"],
        "commit": git(project, "rev-parse", "HEAD"),
        "branch": "main",
        "uncommitted": True,
        "left_out": [".env: named like a secret"],
        "files": [
            {"path": "link", "kind": "link", "size": 0, "sha256": None, "target": "src"},
            {
                "path": "run.sh",
                "kind": "executable",
                "size": 10,
                "sha256": hashlib.sha256(b"#!/bin/sh\n").hexdigest(),
                "target": None,
            },
            {
                "path": "src/train.py",
                "kind": "file",
                "size": 9,
                "sha256": hashlib.sha256(b"print(2)\n").hexdigest(),
                "target": None,
            },
        ],
    }


@pytest.mark.usefixtures("state")
def test_the_files_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    lines = [line.split(maxsplit=1)[1] for line in says(capsys, "x-1", "--files").splitlines()]
    assert lines == ["FILE", "link -> src", "run.sh*", "src/train.py"]


@pytest.mark.usefixtures("state")
def test_the_commit_and_the_diff_give_the_code_again(
    project: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    assert run(["code", "x-1", "--diff"]) == 0
    diff = capfdbinary.readouterr().out
    git(project, "checkout", "-q", ".")
    subprocess.run(["git", "apply", "-"], input=diff, cwd=project, check=True, timeout=30)
    assert (project / "src/train.py").read_text() == "print(2)\n"


@pytest.mark.usefixtures("state")
@pytest.mark.parametrize("there", [True, False])
def test_the_code_is_put_into_a_folder(tmp_path: Path, there: bool, capsys: pytest.CaptureFixture[str]) -> None:
    copy = tmp_path / "deep/copy"
    if there:
        copy.mkdir(parents=True)
    assert says(capsys, "x-1.0", "--restore", str(copy)) == f"{copy}: the code of x-1\n"
    assert (copy / "src/train.py").read_text() == "print(2)\n"
    assert (copy / "run.sh").stat().st_mode & 0o111
    assert not (copy / "src/train.py").stat().st_mode & 0o111
    assert (copy / "link/train.py").read_text() == "print(2)\n"
    assert sorted(path.name for path in copy.iterdir()) == ["link", "run.sh", "src"]
    assert [path.name for path in copy.parent.iterdir()] == ["copy"]


@pytest.mark.usefixtures("state")
def test_a_folder_with_something_in_it_stays_as_it_is(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "copy").mkdir()
    (tmp_path / "copy/work").write_text("mine")
    assert "is there already" in refuses(capsys, "x-1", "--restore", str(tmp_path / "copy"))
    assert "is there already" in refuses(capsys, "x-1", "--restore", str(tmp_path / "copy/work"))
    assert [path.name for path in (tmp_path / "copy").iterdir()] == ["work"]


def test_what_is_damaged_is_not_restored_in_part(
    state: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    kept = blob(state / "code/blobs", hashlib.sha256(b"print(2)\n").hexdigest())
    kept.write_bytes(b"print(3)\n")
    assert "damaged; nothing restored" in refuses(capsys, "x-1", "--restore", str(tmp_path / "copy"))
    assert not [path for path in tmp_path.iterdir() if "copy" in path.name]


@pytest.mark.parametrize("path", ["../out", "/tmp/out", "a/../../out"])
def test_no_file_is_restored_outside_of_the_folder(tmp_path: Path, path: str) -> None:
    archives = Archives(tmp_path / "code")
    code = snapshot_of([CodeFile(path, archives.put(b"x"), 1)], archives.blobs)
    with pytest.raises(Refused, match="leads out of the project"):
        restore(code, tmp_path / "copy")
    assert not (tmp_path / "copy").exists()
    assert manifest(code.files)


def test_nothing_is_restored_through_a_link(tmp_path: Path) -> None:
    archives = Archives(tmp_path / "code")
    (tmp_path / "elsewhere").mkdir()
    files = [
        CodeFile("a", "", 0, target=str(tmp_path / "elsewhere")),
        CodeFile("a/x", archives.put(b"x"), 1),
    ]
    with pytest.raises(Refused, match="nothing restored"):
        restore(snapshot_of(files, archives.blobs), tmp_path / "copy")
    assert list((tmp_path / "elsewhere").iterdir()) == []


async def test_an_archive_of_an_older_version_is_shown_and_restored(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / ".trainboard"
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w:gz") as archive:
        entry = tarfile.TarInfo("src/train.py")
        entry.size, entry.mode = 9, 0o644
        archive.addfile(entry, io.BytesIO(b"print(1)\n"))
    digest = hashlib.sha256(raw.getvalue()).hexdigest()
    (folder / "code").mkdir(parents=True)
    (folder / "code" / f"{digest}.tar.gz").write_bytes(raw.getvalue())
    await on_record(folder, digest, {})

    def look() -> None:
        assert "src/train.py" in says(capsys, "x-1", "--files")
        says(capsys, "x-1", "--restore", str(tmp_path / "copy"))
        assert (tmp_path / "copy/src/train.py").read_text() == "print(1)\n"
        assert "no commit is known" in refuses(capsys, "x-1", "--diff")

    await asyncio.to_thread(look)


async def test_an_experiment_without_code_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    await on_record(tmp_path / ".trainboard", "", {"commit": "1" * 40, "diff": ""})

    def look() -> None:
        assert "files        not kept" in says(capsys, "x-1")
        assert "too large to be kept" in says(capsys, "x-1")
        assert as_json(capsys)["files"] == []
        assert "its code was not kept" in refuses(capsys, "x-1", "--files")
        assert "too large to be kept" in refuses(capsys, "x-1", "--diff")

    await asyncio.to_thread(look)


@pytest.mark.usefixtures("state")
def test_a_name_that_there_is_not_is_refused_with_the_nearest(capsys: pytest.CaptureFixture[str]) -> None:
    assert "x-1" in refuses(capsys, "x-11")
