"""The archives of project folders in the state folder."""

from __future__ import annotations

import hashlib
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from backends.base import JobState, Snapshot
from tests.trainboard.fakes import FakeBackend, a_spec, desk_of
from trainboard.actions import Refused
from trainboard.archive import KEPT, Archives
from trainboard.dispatch import needed
from trainboard.ledger import ledger

if TYPE_CHECKING:
    from pathlib import Path


def snapshot(content: bytes = b"project") -> Snapshot:
    return Snapshot(hashlib.sha256(content).hexdigest(), content)


def test_an_archive_comes_back_as_it_was_and_is_the_users_alone(tmp_path: Path) -> None:
    archives, code = Archives(tmp_path / "code"), snapshot()
    archives.save(code)
    assert archives.load(code.digest) == code
    [path] = (tmp_path / "code").iterdir()
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700


def test_two_processes_may_keep_the_same_archive_at_once(tmp_path: Path) -> None:
    archives, code = Archives(tmp_path / "code"), snapshot(bytes(1 << 20))
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(archives.save, [code] * 32))
    assert archives.load(code.digest) == code
    assert len(list((tmp_path / "code").iterdir())) == 1


def test_an_archive_that_is_gone_or_damaged_is_refused(tmp_path: Path) -> None:
    archives, code = Archives(tmp_path / "code"), snapshot()
    with pytest.raises(Refused, match="submit it again"):
        archives.load(code.digest)
    archives.save(code)
    (tmp_path / "code" / f"{code.digest}.tar.gz").write_bytes(b"half")
    with pytest.raises(Refused, match="damaged"):
        archives.load(code.digest)


def test_only_what_nobody_needs_and_is_old_is_deleted(tmp_path: Path) -> None:
    archives, kept, old = Archives(tmp_path / "code"), snapshot(b"kept"), snapshot(b"old")
    archives.save(kept)
    archives.save(old)
    now = (tmp_path / "code" / f"{old.digest}.tar.gz").stat().st_mtime
    archives.prune({kept.digest}, now + KEPT - 10)
    assert archives.load(old.digest) == old
    archives.prune({kept.digest}, now + KEPT + 10)
    assert [path.name for path in (tmp_path / "code").iterdir()] == [f"{kept.digest}.tar.gz"]


def test_pruning_a_folder_that_is_not_there_does_nothing(tmp_path: Path) -> None:
    Archives(tmp_path / "code").prune(set())
    assert not (tmp_path / "code").exists()


async def test_an_archive_is_needed_until_all_runs_are_completed(tmp_path: Path) -> None:
    folder = tmp_path / "project"
    folder.mkdir()
    desk = desk_of(tmp_path / "state", FakeBackend())
    desk.backend.shared = False
    [(run, _), _] = await desk.submit(a_spec(folder=folder))
    code = (await desk.store.load()).experiments[run.experiment].code
    for end in ("x-1.0", "x-1.1"):
        assert needed(ledger(await desk.store.load())) == {code}
        await desk.becomes(end, JobState.COMPLETED)
    assert needed(ledger(await desk.store.load())) == set()
