"""Quotas as `quota -w -p`, `lfs quota -q` and `xfs_quota` print them."""

from __future__ import annotations

import os
import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backends.checks import Space
from backends.quota import parse_quota
from backends.remote import quotas
from backends.remote.commands import Commands
from backends.remote.mounts import Mount
from backends.runner.quotas import records
from tests.backends.recorded import recorded, tool

if TYPE_CHECKING:
    from pathlib import Path

NFS = """\
Disk quotas for user me (uid 1000):
     Filesystem  blocks   quota   limit   grace   files   quota   limit   grace
server:/home 1500000  2000000 3000000       0   40000  100000  120000       0
/dev/sda1 10 0 0 0 5 0 0 0
"""


def test_the_quota_of_the_device_counts_by_its_hard_limit() -> None:
    assert parse_quota("user", NFS, "server:/home") == (Space("user quota", 1500000 * 1024, 80000),)


def test_a_device_without_limits_has_no_quota() -> None:
    assert parse_quota("user", NFS, "/dev/sda1") == ()
    assert parse_quota("user", "Disk quotas for user me (uid 1000): none\n", "/dev/sda1") == ()


def test_a_quota_that_is_exceeded_leaves_nothing() -> None:
    text = NFS.replace("1500000  2000000", "3500000* 2000000")
    assert parse_quota("user", text, "server:/home") == (Space("user quota", 0, 80000),)


def test_a_soft_limit_counts_where_there_is_no_other() -> None:
    text = "Disk quotas for user me (uid 1000):\n x 100 500 0 0 7 0 0 0\n"
    assert parse_quota("user", text, "x") == (Space("user quota", 400 * 1024, None),)


def test_lustre_names_the_folder_and_not_the_device() -> None:
    text = "/scratch/project_2001234/a/rather/long/name\n                [90]*  0 100 - 12 0 20 -\n"
    assert parse_quota("project", text, "10.0.0.1@o2ib:/scratch") == (Space("project quota", 10 * 1024, 8),)
    assert parse_quota("user", text, "10.0.0.1@o2ib:/scratch") == (Space("user quota", 10 * 1024, 8),)


def test_recorded_answers_are_read() -> None:
    assert parse_quota("group", recorded("quota-4.06-group.txt"), "server:/home") == (
        Space("group quota", 20000000 * 1024, None),
    )
    assert parse_quota("group", recorded("quota-4.06-group.txt"), "/dev/sda1") == ()
    assert parse_quota("project", recorded("lfs-2.15-project.txt"), "") == (
        Space("project quota", (14570580377 - 1004850380) * 1024, None),
    )
    assert parse_quota("user", recorded("lfs-2.12-user.txt"), "") == ()
    assert parse_quota("user", recorded("xfs_quota-5.txt"), "") == (Space("user quota", 0, 197),)


@pytest.fixture
def tools(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder for tools; no others are found."""
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/usr/bin:/bin")
    return tmp_path / "bin"


def test_of_lustre_user_group_and_project_are_asked_for_the_folder(tools: Path) -> None:
    script = (
        'case "$*" in "project -d /work") echo "3773301 P /work";; *"-p 3773301 /work") say lfs-2.15-project.txt;;\n'
        "*-u*) say lfs-2.12-user.txt;; *) exit 1;; esac"
    )
    tool(tools, "lfs", script)
    where = Mount("10.0.0.1@o2ib:/work", "/work", "lustre")
    answers = quotas.asked("/work", where, Commands())
    assert [answer.whose for answer in answers] == ["user", "group", "project"]
    assert [len(list(records(answer.text))) for answer in answers] == [1, 0, 1]


def test_xfs_is_asked_by_its_own_tool_too(tools: Path) -> None:
    tool(tools, "quota", "exit 127")
    tool(tools, "xfs_quota", '[ "$3" = /a ] && say xfs_quota-5.txt')
    answers = quotas.asked("/a/me", Mount("/dev/mapper/web_document-bdqn", "/a", "xfs"), Commands())
    assert [record.limit for record in records(answers[-1].text)] == [15360 << 10]


def test_a_tool_that_fails_is_trouble_and_one_that_is_not_there_is_none(tools: Path) -> None:
    where = Mount("server:/home", "/home", "nfs4")
    tool(tools, "quota", "echo 'quota: error while getting quota from server: Connection refused' >&2; exit 1")
    assert [answer.trouble for answer in quotas.asked("/home/me", where, Commands())] == [
        "quota: error while getting quota from server: Connection refused"
    ] * 2
    (tools / "quota").unlink()
    assert all(not each.trouble for each in quotas.asked("/home/me", where, Commands()))


@pytest.mark.skipif(os.getuid() != 0, reason="only root may mount")
def test_a_real_quota_on_a_file_system_of_its_own_is_read(tmp_path: Path) -> None:
    image, folder = tmp_path / "image", tmp_path / "mounted"
    folder.mkdir()
    image.write_bytes(b"")
    os.truncate(image, 64 << 20)
    if shutil.which("mkfs.ext4") is None or shutil.which("setquota") is None or shutil.which("quota") is None:
        pytest.skip("mkfs.ext4, setquota and quota are needed")
    subprocess.run(["mkfs.ext4", "-q", "-O", "quota", str(image)], check=True, capture_output=True)
    done = subprocess.run(["mount", "-o", "loop,usrquota", str(image), str(folder)], capture_output=True, text=True)
    if done.returncode != 0:
        pytest.skip(f"this kernel mounts no file system with quotas: {done.stderr.splitlines()[0]}")
    try:
        subprocess.run(["setquota", "-u", "root", "10000", "12000", "50", "60", str(folder)], check=True)
        (folder / "file").write_bytes(bytes(2 << 20))
        os.sync()
        [[whose, used, limit, _, files_limit]] = quotas.figures(str(folder), Commands())
    finally:
        subprocess.run(["umount", str(folder)], check=True)
    assert (whose, limit, files_limit) == ("user", 12000 << 10, 60)
    assert isinstance(used, int)
    assert 2 << 20 <= used < 3 << 20


@settings(max_examples=60)
@given(st.text(max_size=400), st.text(max_size=20))
def test_any_text_is_parsed_or_left_aside(text: str, device: str) -> None:
    assert isinstance(parse_quota("user", text, device), tuple)
