"""The project as it is sent to a host: what git does not ignore, the same bytes for the same files."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backends.base import Rejected, Snapshot
from backends.snapshot import pack

if TYPE_CHECKING:
    from collections.abc import Iterator


def unpacked(snapshot: Snapshot, folder: Path) -> Path:
    """The archive as a host unpacks it: with the system's tar."""
    folder.mkdir()
    subprocess.run(["tar", "-xzf", "-", "-C", str(folder)], input=snapshot.archive, check=True, timeout=30)
    return folder


def listing(folder: Path) -> set[str]:
    """Every file and link below, by its path from there."""
    return {
        os.path.relpath(os.path.join(base, name), folder)  # noqa: PTH118  # os.walk's own words, odd bytes included
        for base, folders, files in os.walk(folder)
        for name in files + [each for each in folders if Path(base, each).is_symlink()]
    }


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A small project outside git."""
    folder = tmp_path / "project"
    (folder / "src").mkdir(parents=True)
    (folder / "src/train.py").write_text("print(1)\n")
    (folder / "run.sh").write_text("#!/bin/sh\n")
    (folder / "run.sh").chmod(0o755)
    return folder


def git(folder: Path, *words: str) -> None:
    """Git, without anybody's own settings."""
    environment = {"PATH": os.environ["PATH"], "HOME": str(folder), "GIT_CONFIG_NOSYSTEM": "1"}
    who = ["-c", "user.name=Ada", "-c", "user.email=ada@example.org"]
    subprocess.run(["git", *who, *words], cwd=folder, env=environment, check=True, capture_output=True, timeout=30)


def test_a_folder_arrives_as_it_was(project: Path, tmp_path: Path) -> None:
    copy = unpacked(pack(project), tmp_path / "copy")
    assert listing(copy) == {"src/train.py", "run.sh"}
    assert (copy / "src/train.py").read_text() == "print(1)\n"
    assert os.access(copy / "run.sh", os.X_OK)
    assert not os.access(copy / "src/train.py", os.X_OK)


def test_what_git_ignores_is_left_out_and_what_is_new_is_sent(project: Path, tmp_path: Path) -> None:
    git(project, "init", "-q")
    (project / ".gitignore").write_text("*.ckpt\ndata/\n")
    git(project, "add", ".")
    git(project, "commit", "-qm", "first")
    (project / "big.ckpt").write_bytes(bytes(1000))
    (project / "data").mkdir()
    (project / "data/x.bin").write_bytes(bytes(1000))
    (project / "new.py").write_text("new\n")
    (project / "src/train.py").write_text("changed\n")
    (project / "run.sh").unlink()
    copy = unpacked(pack(project), tmp_path / "copy")
    assert listing(copy) == {".gitignore", "src/train.py", "new.py"}
    assert (copy / "src/train.py").read_text() == "changed\n"


def test_a_file_in_a_merge_conflict_is_sent_once(project: Path, tmp_path: Path) -> None:
    git(project, "init", "-q", "-b", "main")
    git(project, "add", ".")
    git(project, "commit", "-qm", "first")
    for branch, words in (("other", "2"), ("main", "3")):
        git(project, "checkout", "-q", *(["-b"] if branch == "other" else []), branch)
        (project / "src/train.py").write_text(words)
        git(project, "commit", "-qam", branch)
    with pytest.raises(subprocess.CalledProcessError):
        git(project, "merge", "other")
    names = subprocess.run(["tar", "-tzf", "-"], input=pack(project).archive, capture_output=True, check=True)
    assert sorted(names.stdout.decode().split()) == ["run.sh", "src/train.py"]


def test_caches_are_left_out_where_there_is_no_git(project: Path, tmp_path: Path) -> None:
    for name in ("__pycache__", ".venv", "node_modules"):
        (project / "src" / name).mkdir()
        (project / "src" / name / "x").write_text("x")
    assert listing(unpacked(pack(project), tmp_path / "copy")) == {"src/train.py", "run.sh"}


def test_the_same_tree_has_the_same_digest_whoever_made_it_when(project: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    (other / "src").mkdir(parents=True)
    (other / "run.sh").write_text("#!/bin/sh\n")
    (other / "run.sh").chmod(0o775)
    (other / "src/train.py").write_text("print(1)\n")
    (other / "src/train.py").chmod(0o600)
    os.utime(other / "run.sh", (1, 1))
    assert pack(other).digest == pack(project).digest
    (other / "src/train.py").write_text("print(2)\n")
    assert pack(other).digest != pack(project).digest


def test_links_arrive_as_links_and_twins_as_files(project: Path, tmp_path: Path) -> None:
    (project / "link").symlink_to("run.sh")
    (project / "folder").symlink_to("src")
    (project / "broken").symlink_to("/no/such/file")
    os.link(project / "run.sh", project / "twin.sh")
    copy = unpacked(pack(project), tmp_path / "copy")
    links = {name: os.readlink(copy / name) for name in ("link", "folder", "broken")}  # noqa: PTH115  # the bare text
    assert links == {"link": "run.sh", "folder": "src", "broken": "/no/such/file"}
    assert (copy / "twin.sh").read_text() == "#!/bin/sh\n"
    assert not (copy / "twin.sh").is_symlink()


def test_pipes_and_sockets_are_no_part_of_a_project(project: Path, tmp_path: Path) -> None:
    os.mkfifo(project / "pipe")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(project / "s"))
        assert listing(unpacked(pack(project), tmp_path / "copy")) == {"src/train.py", "run.sh"}


@contextlib.contextmanager
def ordinary_rights() -> Iterator[None]:
    """Root may read everything: as root, go on as nobody for a while."""
    root = os.geteuid() == 0
    if root:
        os.seteuid(65534)
    try:
        yield
    finally:
        if root:
            os.seteuid(0)


@pytest.mark.parametrize("name", ["src/secret.key", "src"])
def test_what_cannot_be_read_is_named(name: str) -> None:
    with tempfile.TemporaryDirectory() as folder:  # pytest's own folders are closed to others
        project = Path(folder)
        project.chmod(0o755)
        (project / "src").mkdir()
        (project / "src/secret.key").write_text("secret")
        (project / name).chmod(0)
        with ordinary_rights(), pytest.raises(Rejected, match=f"{project}/{name}: Permission denied") as refused:
            pack(project)
        assert "make it readable" in refused.value.advice
        (project / name).chmod(0o700)


def test_too_much_is_refused_with_what_to_do(project: Path) -> None:
    (project / "model.bin").write_bytes(bytes(3 << 20))
    with pytest.raises(Rejected, match="project: more than 2 MB would be sent") as refused:
        pack(project, limit=2 << 20)
    assert refused.value.advice == (
        "list data and checkpoints in .gitignore, or set `shared: true` where it is visible"
    )


names = st.binary(min_size=1, max_size=60).filter(
    lambda name: not set(name) & {0, 0x2F} and name not in (b".", b"..", b"run.sh", b"src")
)


@settings(max_examples=40, deadline=None)
@given(st.sets(names, min_size=1, max_size=4))
def test_any_file_name_arrives_byte_for_byte(tmp_path_factory: pytest.TempPathFactory, odd: set[bytes]) -> None:
    base = tmp_path_factory.mktemp("odd")
    (base / "project").mkdir()
    for name in odd:
        Path(base, "project", os.fsdecode(name)).write_bytes(name)
    copy = unpacked(pack(base / "project"), base / "copy")
    assert {os.fsencode(name) for name in listing(copy)} == odd
    assert all(Path(copy, os.fsdecode(name)).read_bytes() == name for name in odd)
