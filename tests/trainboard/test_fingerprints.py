"""What is known of the files of a project, so that what has not changed is not read again."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from trainboard.fingerprints import YOUNG, Fingerprint, Fingerprints

if TYPE_CHECKING:
    from pathlib import Path

FOUND = Fingerprint("ab" * 32, "a private key")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A file of a project."""
    (tmp_path / "train.py").write_text("print(1)\n")
    return tmp_path / "train.py"


def seen(tmp_path: Path, file: Path, later: int = 2 * YOUNG) -> Path:
    """Look at the file, so many nanoseconds after it was changed; where that is written down."""
    path = tmp_path / "state/seen.json"
    prints = Fingerprints(path, file.stat().st_ctime_ns + later)
    prints.put("caf\udce9", file.stat(), FOUND)
    prints.save()
    return path


def test_a_file_that_has_not_changed_is_known(tmp_path: Path, file: Path) -> None:
    path = seen(tmp_path, file)
    assert Fingerprints(path).get("caf\udce9", file.stat()) == FOUND
    assert Fingerprints(path).get("other", file.stat()) is None
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_file_that_has_changed_is_not(tmp_path: Path, file: Path) -> None:
    path, before = seen(tmp_path, file), file.stat()
    file.write_text("print(2)\n")
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert Fingerprints(path).get("caf\udce9", file.stat()) is None


def test_a_file_that_was_young_is_not_trusted(tmp_path: Path, file: Path) -> None:
    assert Fingerprints(seen(tmp_path, file, YOUNG // 2)).get("caf\udce9", file.stat()) is None


@pytest.mark.parametrize(
    "text", ["", "{", "[]", '{"version": 0, "files": {}}', '{"version": 1, "files": {"caf\\udce9": 1}}']
)
def test_damage_costs_nothing_but_time(tmp_path: Path, file: Path, text: str) -> None:
    path = seen(tmp_path, file)
    path.write_text(text)
    assert Fingerprints(path).get("caf\udce9", file.stat()) is None


def test_what_is_seen_no_more_is_forgotten_and_what_is_stays(tmp_path: Path, file: Path) -> None:
    path = seen(tmp_path, file)
    again = Fingerprints(path, file.stat().st_ctime_ns + 2 * YOUNG)
    assert again.get("caf\udce9", file.stat()) == FOUND
    again.put("new", file.stat(), FOUND)
    again.save()
    assert Fingerprints(path).get("caf\udce9", file.stat()) == FOUND
    Fingerprints(path).save()
    assert Fingerprints(path).get("caf\udce9", file.stat()) is None


def test_saving_the_same_again_shows_that_it_is_in_use(tmp_path: Path, file: Path) -> None:
    path = seen(tmp_path, file)
    os.utime(path, (1, 1))
    again = Fingerprints(path)
    again.get("caf\udce9", file.stat())
    again.save()
    assert path.stat().st_mtime > 1
