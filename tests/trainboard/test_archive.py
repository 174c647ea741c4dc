"""The projects' code in the state folder."""

from __future__ import annotations

import hashlib
import os
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from backends.base import Archive, CodeFile, JobState, Snapshot
from backends.snapshot import blob, snapshot_of
from tests.trainboard.fakes import FakeBackend, a_spec, desk_of
from trainboard.actions import Refused
from trainboard.archive import KEPT, Archives
from trainboard.dispatch import on_record, sendable
from trainboard.ledger import ledger
from trainboard.store import StoreError

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def archives(tmp_path: Path) -> Archives:
    """An empty place."""
    return Archives(tmp_path / "code")


def keep(archives: Archives, **files: bytes) -> Snapshot:
    """A snapshot of files, kept."""
    made = [CodeFile(name, archives.put(content), len(content)) for name, content in files.items()]
    code = snapshot_of(made, archives.blobs)
    archives.keep(code)
    return code


def files(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


def test_code_comes_back_as_it_was_and_is_the_users_alone(archives: Archives, tmp_path: Path) -> None:
    code = keep(archives, a=b"one", b=b"two")
    assert archives.load(code.digest) == code
    assert [archives.read(file.digest) for file in code.files] == [b"one", b"two"]
    modes = {path.is_dir(): path.stat().st_mode & 0o777 for path in (tmp_path / "code").rglob("*")}
    assert modes == {True: 0o700, False: 0o600}


def test_a_large_file_is_kept_like_a_small_one(archives: Archives, tmp_path: Path) -> None:
    (tmp_path / "large").write_bytes(bytes(3 << 20))
    digest = hashlib.sha256(bytes(3 << 20)).hexdigest()
    assert archives.add(tmp_path / "large") == (digest, 3 << 20)
    assert archives.put(bytes(3 << 20)) == digest
    assert archives.read(digest) == bytes(3 << 20)
    assert files(archives.blobs) == {f"{digest[:2]}/{digest}"}


def test_many_processes_may_keep_the_same_at_once(archives: Archives) -> None:
    with ThreadPoolExecutor(8) as pool:
        found = set(pool.map(lambda _: keep(archives, a=bytes(1 << 20), b=b"two").digest, range(16)))
    assert len(found) == 1
    assert len(files(archives.blobs)) == 2


def test_code_that_is_gone_or_damaged_is_refused(archives: Archives, tmp_path: Path) -> None:
    with pytest.raises(Refused, match="not kept any more: submit it again"):
        archives.load("ab" * 32)
    code = keep(archives, a=b"one")
    kept = blob(archives.blobs, code.files[0].digest)
    kept.write_bytes(b"half of it")
    with pytest.raises(Refused, match="'a' is not whole: submit it again"):
        archives.load(code.digest)
    with pytest.raises(Refused, match="damaged"):
        archives.read(code.files[0].digest)
    kept.unlink()
    with pytest.raises(Refused, match="'a' is not whole"):
        archives.load(code.digest)
    with pytest.raises(Refused, match="cannot be read"):
        archives.read(code.files[0].digest)
    (tmp_path / "code/trees" / f"{code.digest}.json").write_bytes(b"[]")
    with pytest.raises(Refused, match="damaged: submit it again"):
        archives.load(code.digest)


def test_what_cannot_be_written_is_an_error_of_the_store(tmp_path: Path) -> None:
    (tmp_path / "code").write_text("a file where a folder should be")
    (tmp_path / "large").write_bytes(b"x")
    archives = Archives(tmp_path / "code")
    for work in (lambda: archives.put(b"one"), lambda: archives.add(tmp_path / "large"), lambda: keep(archives)):
        with pytest.raises(StoreError, match="cannot be written"):
            work()


def test_an_archive_of_an_older_version_can_still_be_sent(archives: Archives, tmp_path: Path) -> None:
    digest = hashlib.sha256(b"tar").hexdigest()
    (tmp_path / "code").mkdir()
    (tmp_path / "code" / f"{digest}.tar.gz").write_bytes(b"tar")
    assert archives.load(digest) == Archive(digest, b"tar")
    (tmp_path / "code" / f"{digest}.tar.gz").write_bytes(b"half")
    with pytest.raises(Refused, match="damaged"):
        archives.load(digest)


# pruning


def age(folder: Path) -> None:
    """As if everything had been there for long."""
    for path in folder.rglob("*"):
        os.utime(path, (1, 1))


def test_only_what_nobody_needs_and_is_old_is_deleted(archives: Archives, tmp_path: Path) -> None:
    code = tmp_path / "code"
    kept, gone = keep(archives, a=b"shared", b=b"kept"), keep(archives, a=b"shared", b=b"gone")
    diff = archives.put(b"diff")
    for name in ("seen/x.json", f"{'a' * 64}.tar.gz", f"{'b' * 64}.tar.gz", "blobs/half.part"):
        (code / name).parent.mkdir(exist_ok=True)
        (code / name).touch()
    everything = files(code)
    archives.prune({kept.digest, diff}, {"a" * 64})
    assert files(code) == everything
    age(code)
    young = keep(archives, c=b"young")
    archives.prune({kept.digest, diff}, {"a" * 64})
    assert archives.load(kept.digest) == kept
    assert archives.load(young.digest) == young
    assert archives.read(diff) == b"diff"
    shared = kept.files[0].digest
    assert shared == gone.files[0].digest
    left = {"shared", "kept", "diff", "young"}
    blobs = {hashlib.sha256(each.encode()).hexdigest() for each in left}
    trees = {f"trees/{each.digest}.json" for each in (kept, young)}
    assert files(code) == {f"blobs/{each[:2]}/{each}" for each in blobs} | trees | {f"{'a' * 64}.tar.gz"}


def test_what_is_about_to_be_needed_again_is_not_deleted(archives: Archives, tmp_path: Path) -> None:
    keep(archives, a=b"one")
    age(tmp_path / "code")
    code = keep(archives, a=b"one")
    archives.prune((), ())
    assert archives.load(code.digest) == code
    archives.prune((), (), time.time() + KEPT + 10)
    assert files(tmp_path / "code") == set()


def test_pruning_a_folder_that_is_not_there_does_nothing(archives: Archives, tmp_path: Path) -> None:
    archives.prune((), ())
    assert not (tmp_path / "code").exists()


async def test_code_is_sendable_until_all_runs_are_completed_and_stays_on_record(tmp_path: Path) -> None:
    folder = tmp_path / "project"
    folder.mkdir()
    desk = desk_of(tmp_path / "state", FakeBackend())
    desk.backend.shared = False
    [(run, _), _] = await desk.submit(a_spec(folder=folder))
    code = (await desk.store.load()).experiments[run.experiment].code
    for end in ("x-1.0", "x-1.1"):
        assert sendable(ledger(await desk.store.load())) == {code}
        await desk.becomes(end, JobState.COMPLETED)
    now = ledger(await desk.store.load())
    assert (sendable(now), on_record(now)) == (set(), {code})
