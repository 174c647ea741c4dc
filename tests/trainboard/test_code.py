"""Taking a project folder at a submission: its files, what git says, and what is better asked about."""

from __future__ import annotations

import os
import socket
import subprocess
from typing import TYPE_CHECKING

import pytest

from backends.snapshot import blob
from tests.backends.projects import archives_of, committed, git, packed, taken
from trainboard.actions import Refused
from trainboard.code import question
from trainboard.doubts import LARGE, Doubt
from trainboard.git import uncommitted
from trainboard.store import StoreError

if TYPE_CHECKING:
    from pathlib import Path

    from trainboard.code import Taken

TOKEN = "hf" + "_" + "x" * 34


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A small project outside git."""
    folder = tmp_path / "project"
    (folder / "src").mkdir(parents=True)
    (folder / "src/train.py").write_text("print(1)\n")
    (folder / "run.sh").write_text("#!/bin/sh\n")
    (folder / "run.sh").chmod(0o755)
    return folder


def names(found: Taken) -> list[str]:
    return [file.path for file in found.snapshot.files]


def contents(folder: Path, found: Taken) -> dict[str, bytes]:
    """What is kept of each file."""
    return {file.path: archives_of(folder).read(file.digest) for file in found.snapshot.files if not file.target}


def test_a_project_is_kept_by_content(project: Path) -> None:
    (project / "link").symlink_to("src/train.py")
    found = taken(project)
    assert contents(project, found) == {"run.sh": b"#!/bin/sh\n", "src/train.py": b"print(1)\n"}
    assert [(file.path, file.executable, file.target) for file in found.snapshot.files] == [
        ("link", False, "src/train.py"),
        ("run.sh", True, ""),
        ("src/train.py", False, ""),
    ]
    assert (found.git, found.doubts) == ({}, ())
    assert archives_of(project).load(found.snapshot.digest) == found.snapshot


def test_the_same_tree_has_the_same_digest_whoever_made_it_when(project: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    (other / "src").mkdir(parents=True)
    (other / "run.sh").write_text("#!/bin/sh\n")
    (other / "run.sh").chmod(0o775)
    (other / "src/train.py").write_text("print(1)\n")
    (other / "src/train.py").chmod(0o600)
    os.utime(other / "run.sh", (1, 1))
    assert packed(other).digest == packed(project).digest
    (other / "src/train.py").write_text("print(2)\n")
    assert packed(other).digest != packed(project).digest


def aged(folder: Path) -> None:
    """As if nothing had been changed for a while: only then is a file taken for unchanged."""
    for path in folder.rglob("*"):
        os.utime(path, (1e9, 1e9), follow_symlinks=False)


def test_a_file_that_changes_in_the_same_moment_and_size_is_read_again(project: Path) -> None:
    taken(project)
    for words in (b"print(2)\n", b"print(3)\n"):
        (project / "src/train.py").write_bytes(words)
        assert contents(project, taken(project))["src/train.py"] == words


def test_a_file_that_only_claims_to_be_old_is_read_again(project: Path) -> None:
    aged(project)
    taken(project)
    (project / "src/train.py").write_bytes(b"print(2)\n")
    aged(project)  # as unpacking an archive or a copy with times does
    assert contents(project, taken(project))["src/train.py"] == b"print(2)\n"


def test_what_was_lost_of_the_state_folder_comes_back(project: Path) -> None:
    found = taken(project)
    for file in found.snapshot.files:
        blob(found.snapshot.blobs, file.digest).unlink()
    assert contents(project, taken(project)) == {"run.sh": b"#!/bin/sh\n", "src/train.py": b"print(1)\n"}


def test_what_the_spec_excludes_is_not_there(project: Path) -> None:
    (project / "notes.md").write_text("x")
    assert names(taken(project, "code: {exclude: ['*.md', /run.sh]}\n")) == ["src/train.py"]


# doubts


def test_a_doubtful_file_is_taken_only_where_it_is_wanted(project: Path) -> None:
    (project / "model.bin").write_bytes(bytes(LARGE + 1))
    (project / ".env").write_text("A=1")
    (project / "login.py").write_text(f"token = '{TOKEN}'\n")
    found = taken(project)
    assert found.doubts == (
        Doubt(".env", "named like a secret", 3),
        Doubt("model.bin", "10M", LARGE + 1),
        Doubt("login.py", "has what looks like a Hugging Face token", 48),
    )
    assert names(found) == ["run.sh", "src/train.py"]
    wanted = taken(project, doubtful=True)
    assert names(wanted) == [".env", "login.py", "model.bin", "run.sh", "src/train.py"]
    assert wanted.doubts == found.doubts
    assert names(taken(project)) == ["run.sh", "src/train.py"]


def test_no_secret_is_stored_unasked(project: Path) -> None:
    (project / "login.py").write_text(f"token = '{TOKEN}'\n")
    committed(project)
    (project / "login.py").write_text(f"token = '{TOKEN}'  # new\n")
    (project / ".env").write_text(TOKEN)
    taken(project)
    grep = ["grep", "-rl", TOKEN, str(project.parent / "project-code")]
    assert subprocess.run(grep, capture_output=True).stdout == b""


def test_what_was_left_out_is_listed_with_the_reason(project: Path) -> None:
    (project / ".env").write_text("A=1")
    found = taken(project)
    assert archives_of(project).read(found.git["left_out"]) == b".env: named like a secret\n"
    assert "left_out" not in taken(project, doubtful=True).git


def test_what_the_spec_allows_raises_no_question(project: Path) -> None:
    (project / "model.bin").write_bytes(bytes(LARGE + 1))
    (project / "login.py").write_text(f"token = '{TOKEN}'\n")
    found = taken(project, "code: {allow: ['*.bin', login.py]}\n")
    assert found.doubts == ()
    assert names(found) == ["login.py", "model.bin", "run.sh", "src/train.py"]


def test_a_change_of_a_doubtful_file_is_no_other_code(project: Path) -> None:
    (project / "model.bin").write_bytes(bytes(LARGE + 1))
    before = taken(project).snapshot.digest
    (project / "model.bin").write_bytes(bytes(LARGE + 2))
    assert taken(project).snapshot.digest == before


def test_the_question_names_files_harmlessly_and_says_what_to_do() -> None:
    doubts = [Doubt("a\x1b[31m.pem", "named like a secret", 1), *(Doubt(f"{n}.pt", "12M", 1) for n in range(30))]
    lines = question(doubts, 3)
    assert lines[:4] == ["a␛[31m.pem: named like a secret", "0.pt: 12M", "1.pt: 12M", "and 28 more"]
    assert "exclude" in lines[4]
    assert "allow" in lines[4]


# what cannot be


def test_a_project_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Refused, match="gone: No such file or directory"):
        taken(tmp_path / "gone")


def test_what_is_no_project_folder_is_refused(project: Path) -> None:
    with pytest.raises(Refused, match="more than 1 files; set `workdir:` to the folder of the code alone"):
        taken(project, most=1)


def test_a_state_folder_that_cannot_be_written_is_an_error_of_the_store(project: Path) -> None:
    (project.parent / "project-code").write_text("a file where a folder should be")
    with pytest.raises(StoreError, match="cannot be written"):
        taken(project)


def test_sockets_are_no_part_of_it(project: Path) -> None:
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(project / "s"))
        assert names(taken(project)) == ["run.sh", "src/train.py"]


# git


def test_commit_branch_and_what_is_not_committed_are_kept(project: Path, tmp_path: Path) -> None:
    committed(project)
    git(project, "checkout", "-qb", "try/it")
    clean = taken(project).git
    assert clean == {"commit": git(project, "rev-parse", "HEAD"), "branch": "try/it"}
    (project / "src/train.py").write_text("print(2)\n")
    (project / "run.sh").unlink()
    (project / "data.bin").write_bytes(bytes(range(256)))
    git(project, "add", "data.bin")
    diff = archives_of(project).read(taken(project).git["diff"])
    git(project, "stash", "-qu")
    subprocess.run(["git", "apply", "--index", "-"], input=diff, cwd=project, check=True, timeout=30)
    assert (project / "src/train.py").read_text() == "print(2)\n"
    assert (project / "data.bin").read_bytes() == bytes(range(256))
    assert not (project / "run.sh").exists()


def test_the_diff_is_of_the_project_alone(project: Path) -> None:
    (project.parent / "other").mkdir()
    (project.parent / "other/notes").write_text("1\n")
    committed(project.parent)
    (project.parent / "other/notes").write_text("2\n")
    assert "diff" not in taken(project).git
    (project / "src/train.py").write_text("print(2)\n")
    diff = archives_of(project).read(taken(project).git["diff"])
    git(project.parent, "checkout", "-q", ".")
    subprocess.run(["git", "apply", "-"], input=diff, cwd=project, check=True, timeout=30)
    assert (project / "src/train.py").read_text() == "print(2)\n"


def test_the_diff_has_nothing_of_what_stays_here(project: Path) -> None:
    (project / "notes.md").write_text("1\n")
    (project / ".env").write_text("A=1\n")
    git(project, "init", "-q")
    git(project, "add", "-f", ".")
    git(project, "commit", "-qm", "first")
    for name in ("notes.md", ".env", "src/train.py"):
        (project / name).write_text("changed\n")
    found = taken(project, "code: {exclude: ['*.md']}\n")
    diff = archives_of(project).read(found.git["diff"]).decode()
    assert [line for line in diff.splitlines() if line.startswith("diff ")] == [
        "diff --git a/src/train.py b/src/train.py"
    ]


AKIA = "AKIA" + "Q" * 16


def changed(folder: Path, found: Taken) -> list[str]:
    """The files whose change is kept."""
    diff = archives_of(folder).read(found.git["diff"]) if "diff" in found.git else b""
    assert AKIA.encode() not in diff or "allowed.py" in diff.decode()
    return [line.split(" b/")[1].strip('"') for line in diff.decode().splitlines() if line.startswith("diff ")]


@pytest.mark.parametrize("where", ["", "below/it/"])
def test_a_secret_that_is_gone_is_in_no_diff(project: Path, where: str) -> None:
    folder = project / where
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("conf.py", 'c "\\é\t.py', "allowed.py", "moved.py", "link.py"):
        (folder / name).write_text(f"key = '{AKIA}'\n" + "x\n" * 20)
    for name in (".env", "a.txt"):
        (folder / name).write_text(f"A={AKIA if name == '.env' else 1}\n")
    git(project, "init", "-q")
    git(project, "add", "-f", ".")
    git(project, "commit", "-qm", "first")
    (folder / ".env").unlink()
    (folder / "link.py").unlink()
    (folder / "link.py").symlink_to("a.txt")
    for name in ("conf.py", 'c "\\é\t.py', "allowed.py", "a.txt"):
        (folder / name).write_text("key = None\n")
    git(project, "mv", f"{where}moved.py", f"{where}here.py")
    (folder / "here.py").write_text("key = None\n" + "x\n" * 20)
    git(project, "add", f"{where}here.py")
    found = taken(folder, "code: {allow: [allowed.py]}\n")
    assert changed(folder, found) == [f"{where}{name}" for name in ("a.txt", "allowed.py", "here.py")]
    assert found.doubts == ()
    wanted = archives_of(folder).read(taken(folder, doubtful=True).git["diff"])
    assert wanted.count(f"-key = '{AKIA}'".encode()) == 5
    assert b"deleted file" in wanted


def test_a_diff_can_be_applied_whatever_git_is_set_to(project: Path) -> None:
    (project / "long.txt").write_text("".join(f"{n}\n" for n in range(30)))
    committed(project)
    for setting in ("noprefix=true", "mnemonicPrefix=true", "context=0", "renames=copies", "relative=true"):
        git(project, "config", *f"diff.{setting}".split("="))
    (project / "src/train.py").write_text("print(2)\n")
    git(project, "mv", "long.txt", "src/moved.txt")
    (project / "src/moved.txt").write_text("".join(f"{n}\n" for n in range(31)))
    for folder in (project, project / "src"):
        diff = archives_of(folder).read(taken(folder).git["diff"])
        assert b"\n--- a/src/train.py\n+++ b/src/train.py\n" in diff
        git(project, "stash", "-q")
        subprocess.run(["git", "apply", "--index", "-"], input=diff, cwd=project, check=True, timeout=30)
        assert (project / "src/train.py").read_text() == "print(2)\n"
        git(project, "reset", "-q", "--hard")
        git(project, "stash", "pop", "-q")


def test_what_is_too_large_of_a_diff_is_left_out_of_it(project: Path) -> None:
    (project / "table.bin").write_bytes(bytes(10))
    committed(project)
    (project / "src/train.py").write_text("print(2)\n")
    (project / "table.bin").write_bytes(os.urandom(2000))
    whole = uncommitted(project, lambda path, part: False)
    text = uncommitted(project, lambda path, part: False, 1000)
    assert whole is not None
    assert text is not None
    assert (b"GIT binary patch" in whole, b"Binary files" in text, b"print(2)" in text) == (True, True, True)
    assert uncommitted(project, lambda path, part: False, 100) is None


def test_a_repository_without_a_commit_has_a_branch_only(project: Path) -> None:
    git(project, "init", "-q", "-b", "main")
    assert taken(project).git == {"branch": "main"}


def test_a_head_on_no_branch_has_a_commit_only(project: Path) -> None:
    committed(project)
    git(project, "checkout", "-q", "--detach")
    assert taken(project).git == {"commit": git(project, "rev-parse", "HEAD")}


def test_looking_changes_nothing_that_is_staged(project: Path) -> None:
    committed(project)
    for words in ("staged", "not staged"):
        (project / "src/train.py").write_text(words)
        if words == "staged":
            git(project, "add", ".")
    (project / "new.py").touch()
    before = git(project, "status", "--porcelain")
    taken(project)
    assert git(project, "status", "--porcelain") == before == "MM src/train.py\n?? new.py"
