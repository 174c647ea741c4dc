"""Spec files on the disk: replaced whole, and never over what somebody else wrote meanwhile."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

import pytest

from specs import files
from specs.composer import LARGEST
from specs.files import Meanwhile
from specs.model import SpecError

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def spec(tmp_path: Path) -> Path:
    """A file with things that are easily lost."""
    path = tmp_path / "spec.yaml"
    path.write_bytes("\ufeffname: é\r\n# end".encode())
    path.chmod(0o640)
    return path


def test_every_character_is_read_and_written_as_it_is(spec: Path) -> None:
    before = spec.read_bytes()
    files.save(spec, files.read(spec), files.read(spec))
    assert spec.read_bytes() == before
    assert stat.S_IMODE(spec.stat().st_mode) == 0o640


def test_a_file_is_replaced_and_never_half_written(spec: Path) -> None:
    with spec.open("rb") as reader:
        files.save(spec, "name: new\n", files.read(spec))
        assert reader.read() == "\ufeffname: é\r\n# end".encode()
    assert spec.read_text() == "name: new\n"
    assert [path.name for path in spec.parent.iterdir()] == ["spec.yaml"]


def test_a_link_goes_on_leading_to_its_file(spec: Path) -> None:
    link = spec.parent / "link.yaml"
    link.symlink_to(spec.name)
    files.save(link, "name: new\n", files.read(link))
    assert link.is_symlink()
    assert spec.read_text() == "name: new\n"


def test_what_another_program_wrote_meanwhile_is_not_overwritten(spec: Path) -> None:
    opened, times = files.read(spec), (spec.stat().st_atime_ns, spec.stat().st_mtime_ns)
    spec.write_bytes("\ufeffname: è\r\n# end".encode())  # as long as before
    os.utime(spec, ns=times)  # and within the same tick of the clock
    assert not files.unchanged(spec, opened)
    with pytest.raises(Meanwhile, match="changed by another program"):
        files.save(spec, "mine", opened)
    assert files.read(spec) == "\ufeffname: è\r\n# end"
    assert [path.name for path in spec.parent.iterdir()] == ["spec.yaml"]


def test_a_file_that_was_only_touched_is_unchanged(spec: Path) -> None:
    opened = files.read(spec)
    os.utime(spec, (1, 1))
    assert files.unchanged(spec, opened)


def test_a_file_that_is_gone_or_no_text_has_changed(spec: Path) -> None:
    opened = files.read(spec)
    spec.write_bytes(b"\xff")
    assert not files.unchanged(spec, opened)
    spec.unlink()
    with pytest.raises(Meanwhile):
        files.save(spec, "mine", opened)
    assert not spec.exists()


def test_a_new_file_is_made_where_there_still_is_none(tmp_path: Path) -> None:
    path = tmp_path / "new.yaml"
    files.save(path, "name: x\n", None)
    assert path.read_text() == "name: x\n"
    assert stat.S_IMODE(path.stat().st_mode) == 0o644
    with pytest.raises(Meanwhile):
        files.save(path, "name: y\n", None)
    files.write(path, "name: y\n")
    assert path.read_text() == "name: y\n"


def test_a_folder_that_cannot_be_written_leaves_the_file(tmp_path: Path) -> None:
    path = tmp_path / "none" / "spec.yaml"
    with pytest.raises(FileNotFoundError):
        files.save(path, "x", None)


def test_a_file_too_large_to_be_read_whole_is_not_offered_to_be_written_back(spec: Path) -> None:
    spec.write_text("a" * (LARGEST * 5))
    with pytest.raises(SpecError, match="larger than 256 KiB"):
        files.read(spec)
