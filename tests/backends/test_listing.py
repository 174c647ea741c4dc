"""The files of a project: what git does not ignore, or what `.gitignore` files leave where there is no git."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backends.base import Rejected
from backends.listing import listed, matcher
from tests.backends.projects import committed, git

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A small project outside git."""
    return filled(tmp_path / "project", "src/train.py", "run.sh")


def filled(folder: Path, *names: str) -> Path:
    """A folder with these files."""
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(name)
    return folder


def files(folder: Path, *exclude: str) -> list[str]:
    return list(listed(folder, exclude))


def test_what_git_ignores_is_left_out_and_what_is_new_is_in(project: Path) -> None:
    (project / ".gitignore").write_text("*.ckpt\ndata/\n")
    committed(project)
    filled(project, "big.ckpt", "data/x.bin", "new.py", "src/__pycache__/train.pyc")
    (project / "run.sh").unlink()
    assert files(project) == [".gitignore", "new.py", "src/train.py"]


def test_only_the_project_of_a_larger_repository_is_listed(project: Path) -> None:
    filled(project.parent, "other/notes.txt")
    committed(project.parent)
    assert files(project) == ["run.sh", "src/train.py"]


def test_a_file_that_git_knows_goes_whatever_its_name(project: Path) -> None:
    filled(project, "venv/pyvenv.cfg")
    git(project, "init", "-q")
    git(project, "add", "-f", ".")
    assert "venv/pyvenv.cfg" in files(project)


def test_submodules_and_repositories_inside_are_in_by_their_own_rules(project: Path, tmp_path: Path) -> None:
    library = filled(tmp_path / "library", "lib.py")
    (library / ".gitignore").write_text("*.o\n")
    committed(library)
    committed(project)
    git(project, "submodule", "add", "-q", str(library), "third/library")
    committed(filled(project / "inner", "a.py"))
    filled(project, "third/library/lib.o", "third/library/new.py")
    found = files(project)
    assert {"third/library/lib.py", "third/library/new.py", "inner/a.py"} <= set(found)
    assert not [name for name in found if name.endswith(".o") or ".git/" in name]


def test_a_submodule_that_is_not_checked_out_is_nothing(project: Path, tmp_path: Path) -> None:
    committed(filled(tmp_path / "library", "lib.py"))
    committed(project)
    git(project, "submodule", "add", "-q", str(tmp_path / "library"), "third")
    shutil.rmtree(project / "third")
    (project / "third").mkdir()
    assert [name for name in files(project) if name.startswith("third")] == []


def test_a_project_that_its_repository_ignores_is_no_part_of_it(project: Path) -> None:
    (project.parent / ".gitignore").write_text("project/\n")
    committed(project.parent)
    assert files(project) == ["run.sh", "src/train.py"]


def test_a_file_in_a_merge_conflict_is_listed_once(project: Path) -> None:
    committed(project)
    for branch, words in (("other", "2"), ("main", "3")):
        git(project, "checkout", "-q", *(["-b"] if branch == "other" else []), branch)
        (project / "src/train.py").write_text(words)
        git(project, "commit", "-qam", branch)
    with pytest.raises(subprocess.CalledProcessError):
        git(project, "merge", "other")
    assert files(project) == ["run.sh", "src/train.py"]


def test_without_git_the_gitignore_files_count_and_the_deepest_wins(project: Path) -> None:
    filled(project, "a.log", "src/b.log", "src/keep.log", "data/x", "src/data/y", "deep/data")
    (project / ".gitignore").write_text("*.log\ndata/\n\\\n")
    (project / "src/.gitignore").write_text("!keep.log\n/train.py\n")
    assert files(project) == [".gitignore", "deep/data", "run.sh", "src/.gitignore", "src/keep.log"]


@pytest.mark.parametrize("name", ["__pycache__", ".venv", "node_modules", ".git"])
def test_caches_are_left_out_where_there_is_no_git(project: Path, name: str) -> None:
    filled(project, f"src/{name}/x")
    assert files(project) == ["run.sh", "src/train.py"]


@pytest.mark.parametrize("repository", [True, False])
def test_what_the_spec_excludes_stays_in_a_repository_too(project: Path, repository: bool) -> None:
    filled(project, "notes/a.md", "notes/b.txt", "src/notes/c.md")
    if repository:
        committed(project)
    assert files(project, "/notes/*", "!notes/b.txt") == ["notes/b.txt", "run.sh", "src/notes/c.md", "src/train.py"]


def test_a_pattern_that_git_would_not_understand_means_nothing() -> None:
    means = matcher(["broken\\", "*.pt"])
    assert means("a.pt")
    assert not means("broken\\")


def test_pipes_and_sockets_are_no_part_of_a_project(project: Path) -> None:
    os.mkfifo(project / "pipe")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(project / "s"))
        assert files(project) == ["run.sh", "src/train.py"]


def test_links_are_listed_and_not_followed(project: Path) -> None:
    (project / "link").symlink_to("run.sh")
    (project / "folder").symlink_to("/")
    (project / "broken").symlink_to("/no/such/file")
    assert files(project) == ["broken", "folder", "link", "run.sh", "src/train.py"]


def test_a_folder_with_more_than_a_project_is_not_gone_through(project: Path) -> None:
    with pytest.raises(Rejected, match="project: more than 1 files") as refused:
        listed(project, most=1)
    assert "workdir:" in refused.value.advice


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


def test_a_folder_that_cannot_be_read_is_named() -> None:
    with tempfile.TemporaryDirectory() as folder:  # pytest's own folders are closed to others
        project = Path(folder)
        project.chmod(0o755)
        (project / "src").mkdir(mode=0)
        with ordinary_rights(), pytest.raises(Rejected, match=f"{project}/src: Permission denied") as refused:
            files(project)
        assert "make it readable" in refused.value.advice


names = st.binary(min_size=1, max_size=60).filter(
    lambda name: not set(name) & {0, 0x2F} and name not in (b".", b"..", b".git", b".gitignore")
)


@settings(max_examples=25, deadline=None)
@given(st.sets(names, min_size=1, max_size=4), st.booleans())
def test_any_file_name_is_listed(tmp_path_factory: pytest.TempPathFactory, odd: set[bytes], repository: bool) -> None:
    project = tmp_path_factory.mktemp("odd")
    for name in odd:
        Path(project, os.fsdecode(name)).write_bytes(name)
    if repository:
        git(project, "init", "-q")
    assert {os.fsencode(name) for name in files(project)} == odd
