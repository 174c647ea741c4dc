"""The folder that all users of a host share, and what lies in it."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backends.programs import waiter_source
from backends.queue import leases, scene, tickets
from backends.queue.folder import Folder
from backends.queue.held import Holders
from backends.queue.processes import boot_id
from backends.queue.records import Lease, Needs, Ticket, lease_of, lease_record, ticket_of, ticket_record

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    """A folder that has been made."""
    made = Folder(str(tmp_path / "a" / "leases"))
    made.make()
    return made


@contextlib.contextmanager
def umask(mask: int) -> Iterator[None]:
    """With this umask."""
    before = os.umask(mask)
    try:
        yield
    finally:
        os.umask(before)


def ticket(token: str = "t", **fields: object) -> Ticket:
    """A ticket of ours."""
    usual = Ticket(token, os.getuid(), "anna", os.getpid(), "e/r", Needs(gpus=1), 0, 0.0, 1.0, False)
    return usual._replace(**fields)  # type: ignore[arg-type]  # fields by name


def lease(token: str, *gpus: str, memory: int | None = None) -> Lease:
    """A lease of ours, taken now."""
    needs = Needs(gpus=len(gpus), gpu_memory=memory)
    me = os.getpid()
    return Lease(token, os.getuid(), "anna", me, 0, "e/r", gpus, needs, 1.0, boot_id(), time.monotonic())


def test_the_folder_is_open_to_all_and_sticky_whatever_the_umask(tmp_path: Path) -> None:
    with umask(0o077):
        folder = Folder(str(tmp_path / "leases"))
        folder.make()
        os.close(tickets.take(folder, ticket()))
        with folder.gate():
            pass
    assert (tmp_path / "leases").stat().st_mode & 0o7777 == 0o1777
    assert {path.stat().st_mode & 0o777 for path in (tmp_path / "leases").iterdir()} == {0o644}


def test_a_closed_folder_of_ones_own_is_opened(tmp_path: Path) -> None:
    (tmp_path / "leases").mkdir(mode=0o700)
    Folder(str(tmp_path / "leases")).make()
    assert (tmp_path / "leases").stat().st_mode & 0o7777 == 0o1777


def test_one_at_a_time_goes_through_the_gate(folder: Folder) -> None:
    with folder.gate(), pytest.raises(BlockingIOError, match="somebody has held it"), folder.gate(patience=0.05):
        raise AssertionError("two are inside")
    with folder.gate(patience=0):
        pass


def test_many_threads_that_make_the_gate_at_once_are_inside_one_by_one(folder: Folder) -> None:
    inside: list[int] = []
    most: list[int] = []

    def pass_through() -> None:
        own = Folder(folder.path)
        for _ in range(20):
            with own.gate():
                inside.append(1)
                most.append(len(inside))
                inside.pop()

    threads = [threading.Thread(target=pass_through) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(most), max(most)) == (120, 1)


def test_a_lock_on_a_file_that_was_replaced_meanwhile_is_none(folder: Folder) -> None:
    first = folder.lock("gate", fcntl.LOCK_EX)
    assert first is not None
    Path(folder.at("gate")).unlink()
    second = folder.lock("gate", fcntl.LOCK_EX)
    assert second is not None
    assert not folder.names(first, "gate")
    assert folder.names(second, "gate")
    os.close(first)
    os.close(second)


def test_a_link_in_place_of_a_file_is_not_followed(folder: Folder, tmp_path: Path) -> None:
    (tmp_path / "target").write_text("{}")
    Path(folder.at("ticket.x")).symlink_to(tmp_path / "target")
    assert tickets.waiting(folder) == []
    Path(folder.at("gate")).symlink_to(tmp_path / "target")
    with pytest.raises(OSError, match="symbolic"), folder.gate():
        raise AssertionError("it was followed")


def test_a_ticket_lives_as_long_as_its_descriptor(folder: Folder) -> None:
    standing = tickets.take(folder, ticket())
    with pytest.raises(FileExistsError):
        tickets.take(folder, ticket())
    other = Folder(folder.path)
    assert tickets.waiting(other) == [ticket()]
    fresh = tickets.change(folder, ticket(priority=3))
    os.close(standing)
    assert tickets.waiting(other) == [ticket(priority=3)]
    os.close(fresh)
    assert tickets.waiting(other) == []
    assert Path(folder.at("ticket.t")).exists()
    scene.clear(folder)
    assert not Path(folder.at("ticket.t")).exists()


def test_listing_is_in_nobodys_way(folder: Folder) -> None:
    standing = tickets.take(folder, ticket())
    for _ in range(50):
        assert len(scene.scan(Folder(folder.path)).tickets) == 1
    with folder.gate(patience=0):
        assert scene.listing(folder.path)["tickets"][0]["token"] == "t"
    os.close(standing)


def test_a_folder_that_nobody_has_made_has_no_runs(tmp_path: Path) -> None:
    assert scene.listing(str(tmp_path / "none")) == {"tickets": [], "leases": []}
    assert tickets.poke(str(tmp_path / "none"), ["t"]) == 0


def test_the_lock_of_a_gpu_is_the_judge(folder: Folder) -> None:
    first = leases.take(folder, lease("a", "GPU-0", "GPU-1"))
    assert first is not None
    other = Folder(folder.path)
    assert leases.take(other, lease("b", "GPU-2", "GPU-1")) is None
    assert [each.token for each in leases.known(other)[0]] == ["a"]
    assert leases.take(other, lease("c", "GPU-1", memory=1)) is None
    second = leases.take(other, lease("d", "GPU-2"))  # what b had taken of it was given back
    assert second is not None
    first.give_back()
    again = leases.take(other, lease("e", "GPU-1", memory=1))
    shared = leases.take(other, lease("f", "GPU-1", memory=1))
    assert again is not None
    assert shared is not None
    for taken in (second, again, shared):
        taken.give_back()


def test_who_holds_which_gpu_is_seen_until_it_is_given_back(folder: Folder) -> None:
    holders = Holders(folder.path)
    assert holders.look() == []
    taken = leases.take(folder, lease("b", "GPU-1", "GPU-0"))
    assert taken is not None
    assert holders.look() == [("GPU-0", "e/r of anna"), ("GPU-1", "e/r of anna")]
    taken.give_back()
    assert holders.look() == []


def test_looking_at_who_holds_gpus_makes_no_folder(tmp_path: Path) -> None:
    assert Holders(str(tmp_path / "leases")).look() == []
    assert list(tmp_path.iterdir()) == []


def test_a_lease_lives_on_in_a_child_after_its_taker_is_gone(folder: Folder) -> None:
    taken = leases.take(folder, lease("a", "GPU-0"))
    assert taken is not None
    taken.pass_on()
    child = subprocess.Popen(["cat"], stdin=subprocess.PIPE, close_fds=False)
    for descriptor in taken.descriptors:
        os.close(descriptor)
    other = Folder(folder.path)
    assert [each.token for each in leases.known(other)[0]] == ["a"]
    assert other.lock("gpu.GPU-0", fcntl.LOCK_EX) is None
    child.communicate()
    running, over = leases.known(other)
    assert running == []
    assert [each.token for each in over] == ["a"]  # for a moment: a picture of the GPUs may be from before it


def test_a_full_disk_leaves_no_half_record(folder: Folder) -> None:
    code = (
        "import resource, signal, sys; sys.path[:0] = sys.argv[2:]\n"
        "from backends.queue.folder import Folder\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (8, 8))\n"
        "try:\n Folder(sys.argv[1]).create('ticket.t', {'user': 'anna'})\n"
        "except OSError as error:\n print(error.filename)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, folder.path, *sys.path], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == folder.at("ticket.t")
    assert list(Path(folder.path).iterdir()) == []


def test_drafts_of_a_writer_that_was_killed_are_swept(folder: Folder) -> None:
    for name in (".ticket.x.0123.tmp", ".lease.x.0123.tmp"):
        Path(folder.at(name)).touch()
    scene.clear(folder)
    assert list(Path(folder.path).iterdir()) == []


def test_a_folder_in_use_is_locked_against_cleaners_of_old_files(folder: Folder) -> None:
    folder.keep()
    cleaner = os.open(folder.path, os.O_RDONLY)
    with pytest.raises(BlockingIOError):
        fcntl.flock(cleaner, fcntl.LOCK_EX | fcntl.LOCK_NB)
    os.close(cleaner)
    os.close(folder.kept)


json_values = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text()),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(), inner, max_size=3)),
    max_leaves=5,
)
NAMES = ("user", "pid", "name", "gpus", "gpu_memory", "cpus", "memory", "experiment", "at_most", "mine")
MORE = ("priority", "place", "since", "held", "without", "start", "boot", "at")


@given(st.dictionaries(st.sampled_from(NAMES + MORE), json_values))
def test_whatever_another_user_writes_is_read_as_something_harmless(record: dict[str, Any]) -> None:
    ticket, lease = ticket_of("t", 7, record), lease_of("t", 7, record)
    assert ticket.uid == lease.uid == 7
    assert ticket.name.isprintable()
    assert lease.user.isprintable()
    assert ticket.needs.gpus >= 0
    assert ticket.needs.cpus >= 0
    assert json.loads(json.dumps(ticket_record(ticket)))["token"] == "t"


def test_tickets_and_leases_survive_being_written_and_read() -> None:
    full = ticket(needs=Needs(2, 3, 4, 5, "e", 6, 7), priority=-1, place=0.5, held=True, without=("GPU-0",))
    assert ticket_of("t", os.getuid(), json.loads(json.dumps(ticket_record(full)))) == full
    run = lease("l", "GPU-0", "GPU-1", memory=3)
    assert lease_of("l", os.getuid(), json.loads(json.dumps(lease_record(run)))) == run


def test_the_waiter_is_one_text_that_starts_by_itself(tmp_path: Path) -> None:
    (tmp_path / "waiter.py").write_text(waiter_source())
    done = subprocess.run(
        [sys.executable, "-I", "-S", str(tmp_path / "waiter.py"), str(tmp_path / "none")],
        capture_output=True,
        text=True,
        cwd="/",
        timeout=60,
        check=False,
    )
    assert done.returncode == 1
    assert json.loads(done.stdout)["outcome"] == "failed"
    assert "No such file" in done.stderr
