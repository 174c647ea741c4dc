"""File systems that hang or fail: they hold up nobody, and are never asked twice at the same time."""

from __future__ import annotations

import errno
import os
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest

from backends.remote.asking import Asked, Silent
from backends.remote.disks import Disks
from backends.remote.mounts import Mount, mount_of, mounts
from tests.backends.recorded import until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PATIENCE = 1.5
"""Seconds in which a file system that is well answers, however busy this machine is."""


class Server:
    """A file server that can stop to answer for what is below a folder."""

    def __init__(self) -> None:
        self.dead = ""
        self.asked: list[str] = []
        self.waiting = 0
        self.back = threading.Event()

    def status(self, path: str) -> Any:  # noqa: ANN401 - as os.statvfs
        """Like os.statvfs."""
        self.asked.append(path)
        if self.dead and path.startswith(self.dead):
            self.waiting += 1
            self.back.wait(30)
            self.waiting -= 1
        return os.statvfs("/")


@pytest.fixture
def server() -> Iterator[Server]:
    """A file server."""
    server = Server()
    yield server
    server.back.set()


def table(path: Path, *folders: Path) -> str:
    """A table of what is mounted: the root, and a file server for each of these folders."""
    lines = ["/dev/sda1 / ext4 rw 0 0", *(f"server:{each} {each} nfs4 rw,hard 0 0" for each in folders)]
    path.write_text("\n".join(lines))
    return str(path)


def test_a_dead_mount_is_marked_and_the_others_are_asked(server: Server, tmp_path: Path) -> None:
    alive, dead = tmp_path / "alive", tmp_path / "dead"
    alive.mkdir()
    dead.mkdir()
    disks = Disks(server.status, table(tmp_path / "mounts", alive, dead), PATIENCE)
    disks.watch([str(dead), str(alive)], [])
    assert [disk.trouble for disk in disks.look()] == ["", ""]
    server.dead = str(dead)
    found = disks.look()
    assert [disk.trouble for disk in found] == [f"{dead} does not answer", ""]
    assert found[0].total > 0  # as it was when it answered last


def test_never_more_than_one_question_hangs_in_a_mount(server: Server, tmp_path: Path) -> None:
    dead = tmp_path / "dead"
    (dead / "me/runs").mkdir(parents=True)
    (dead / "data").mkdir()
    (tmp_path / "link").symlink_to(dead / "me")
    server.dead = str(dead)
    disks = Disks(server.status, table(tmp_path / "mounts", dead), PATIENCE)
    disks.watch([str(dead / "me/runs"), str(dead / "data"), str(tmp_path / "link/runs"), str(tmp_path)], [])
    for _ in range(3):
        found = disks.look()
    assert [disk.trouble for disk in found] == [f"{dead} does not answer"] * 3 + [""]
    assert server.waiting == 1
    begun = time.monotonic()
    disks.look()
    assert time.monotonic() - begun < PATIENCE  # nobody waits for it a second time


def test_a_mount_that_is_back_is_asked_again(server: Server, tmp_path: Path) -> None:
    dead = tmp_path / "dead"
    dead.mkdir()
    server.dead = str(dead)
    disks = Disks(server.status, table(tmp_path / "mounts", dead), PATIENCE)
    disks.watch([str(dead)], [])
    assert disks.look()[0].trouble
    server.dead = ""
    server.back.set()
    until(lambda: not disks.look()[0].trouble)


def test_a_request_for_space_leaves_out_what_does_not_answer(server: Server, tmp_path: Path) -> None:
    dead = tmp_path / "dead"
    dead.mkdir()
    server.dead = str(dead)
    disks = Disks(server.status, table(tmp_path / "mounts", dead), PATIENCE)
    reply, _ = disks.space({"paths": [str(dead), str(tmp_path)]}, b"")
    assert [path for path, _, _ in reply["disks"]] == [str(tmp_path)]


def test_a_file_system_that_fails_says_why(tmp_path: Path) -> None:
    def stale(path: str) -> object:
        raise OSError(errno.ESTALE, os.strerror(errno.ESTALE), path)

    disks = Disks(stale)
    disks.watch([str(tmp_path)], [])
    [disk] = disks.look()
    assert disk.trouble == "Stale file handle"


def test_links_that_lead_in_a_circle_are_an_error(tmp_path: Path) -> None:
    (tmp_path / "a").symlink_to(tmp_path / "b")
    (tmp_path / "b").symlink_to(tmp_path / "a")
    disks = Disks()
    disks.watch([str(tmp_path / "a/x")], [])
    assert disks.look()[0].trouble == "Too many levels of symbolic links"


def test_a_folder_is_found_through_links_as_far_as_it_is_there(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    disks = Disks()
    assert disks.existing(str(tmp_path / "link/not/yet")) == str(tmp_path.resolve() / "real")


def test_folders_that_were_asked_for_are_shown_where_their_disk_is_not_shown_yet(tmp_path: Path) -> None:
    disks = Disks()
    disks.watch([str(tmp_path)], [str(tmp_path / "a"), str(tmp_path / "b")])
    assert [disk.path for disk in disks.look()] == [str(tmp_path)]


def test_there_is_an_end_to_the_folders_that_are_watched(tmp_path: Path) -> None:
    disks = Disks()
    for n in range(40):
        disks.watch([], [f"/{n}"])
    assert len(disks.also) == 16


def test_who_hangs_is_not_asked_again_and_says_so_at_once() -> None:
    asked, go = Asked(), threading.Event()
    with pytest.raises(Silent):
        asked.ask(lambda: go.wait(30), 0.05)
    begun = time.monotonic()
    with pytest.raises(Silent):
        asked.ask(lambda: True, 20)
    assert time.monotonic() - begun < 5
    go.set()
    until(lambda: not asked.busy)
    assert asked.ask(lambda: 5, 20) == 5


def test_what_goes_wrong_is_raised_where_it_is_waited_for() -> None:
    with pytest.raises(ZeroDivisionError):
        Asked().ask(lambda: 1 // 0, 20)


def test_of_mounts_on_one_another_the_newest_counts() -> None:
    found = [
        Mount("a", "/", "ext4"),
        Mount("b", "/home", "nfs"),
        Mount("c", "/home", "autofs"),
        Mount("d", "/ho", "x"),
    ]
    assert mount_of("/home/me", found).device == "c"
    assert mount_of("/homes", found).device == "a"
    assert mount_of("/home", found).device == "c"


def test_a_path_with_blanks_in_the_table_is_read(tmp_path: Path) -> None:
    path = tmp_path / "mounts"
    path.write_text("server:/a\\040b /mnt/a\\040b nfs rw 0 0\n")
    assert mounts(str(path)) == [Mount("server:/a\\040b", "/mnt/a b", "nfs")]
    assert mounts(str(tmp_path / "none")) == []
