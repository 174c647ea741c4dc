"""A project by content: one list of files, one digest, wherever and whenever it was made."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backends.base import CodeFile
from backends.snapshot import blob, files_of, manifest, snapshot_of

digests = st.binary(max_size=4).map(lambda content: hashlib.sha256(content).hexdigest())
paths = st.text(st.characters(codec="utf-8"), min_size=1) | st.just("caf\udce9")
files = st.one_of(
    st.builds(CodeFile, paths, digests, st.integers(0, 1 << 60), st.booleans()),
    st.builds(lambda path, target: CodeFile(path, "", 0, target=target), paths, paths),
)
projects = st.lists(files, unique_by=lambda file: file.path)


@given(projects)
def test_a_list_of_files_is_read_as_it_was_written(project: list[CodeFile]) -> None:
    assert files_of(manifest(project)) == tuple(project)


@given(projects, st.randoms())
def test_the_same_files_have_the_same_digest_in_whatever_order(project: list[CodeFile], random: object) -> None:
    here = snapshot_of(project, Path("/here"))
    random.shuffle(project)  # type: ignore[attr-defined]  # hypothesis gives it no better type
    there = snapshot_of(project, Path("/there"))
    assert there == here
    assert hashlib.sha256(manifest(there.files)).hexdigest() == there.digest


def test_the_list_is_the_one_that_hosts_read() -> None:
    listed = [
        CodeFile("b/run.sh", "22" * 32, 7, executable=True),
        CodeFile("a.py", "11" * 32, 5),
        CodeFile("link", "", 0, target="a.py"),
    ]
    written = manifest(snapshot_of(listed, Path()).files).decode()
    first, second = "11" * 32, "22" * 32
    assert written == f'[["a.py","f",5,"{first}"],["b/run.sh","x",7,"{second}"],["link","l",0,"a.py"]]'


@pytest.mark.parametrize("text", [b"", b"{", b"1", b"[1]", b'[["a"]]', b"\xff", b'{"a": 1}'])
def test_what_is_no_list_is_an_error_of_one_kind(text: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011  # json's own words, or ours
        files_of(text)


def test_a_blob_lies_under_the_beginning_of_its_digest() -> None:
    assert blob(Path("/x"), "abcd") == Path("/x/ab/abcd")
