"""What an attempt left: found by patterns on the host, and read from there."""

from __future__ import annotations

import json
import os
import zlib
from typing import TYPE_CHECKING

import pytest

from backends.remote import results
from backends.remote.frames import Failure

if TYPE_CHECKING:
    from pathlib import Path

OLD = 1_000_000_000
"""Nanoseconds, long before anything of now."""


@pytest.fixture
def attempt(tmp_path: Path) -> Path:
    """An attempt directory whose program ran in a copy of its project."""
    folder = tmp_path / "attempt"
    (folder / "code").mkdir(parents=True)
    (folder / "plan.json").write_text("{}")
    return folder


def write(attempt: Path, *names: str) -> None:
    for name in names:
        path = attempt / "code" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)


def found(attempt: Path, *patterns: str) -> list[str]:
    _, data = results.results({"directory": str(attempt), "patterns": list(patterns)}, b"")
    return [path for path, _, _ in json.loads(zlib.decompress(data))]


def fetched(attempt: Path, *pieces: tuple[str, int, int]) -> tuple[list[int | str], bytes]:
    header, data = results.fetch({"directory": str(attempt), "pieces": [list(piece) for piece in pieces]}, b"")
    return header["outcomes"], zlib.decompress(data)


@pytest.mark.parametrize(
    ("pattern", "names"),
    [
        ("*.csv", ["a.csv"]),
        ("**/*.csv", ["a.csv", "out/b.csv", "out/deep/c.csv"]),
        ("out/*", ["out/b.csv", "out/deep/c.csv"]),
        ("out/*.csv", ["out/b.csv"]),
        ("out/**", ["out/b.csv", "out/deep/c.csv"]),
        ("./out/d??p/", ["out/deep/c.csv"]),
        ("[ab].*", ["a.csv"]),
        (".hidden", [".hidden"]),
        ("none", []),
    ],
)
def test_patterns_find_files_and_all_that_is_in_folders(attempt: Path, pattern: str, names: list[str]) -> None:
    write(attempt, "a.csv", "out/b.csv", "out/deep/c.csv", ".hidden", "other.txt")
    assert sorted(found(attempt, pattern)) == names


def test_each_file_tells_its_size_and_when_it_was_written(attempt: Path) -> None:
    write(attempt, "out/a.csv")
    status = (attempt / "code/out/a.csv").stat()
    header, data = results.results({"directory": str(attempt), "patterns": ["**/*.csv"]}, b"")
    assert json.loads(zlib.decompress(data)) == [["out/a.csv", 9, status.st_mtime]]
    assert header["folder"] == str((attempt / "code").resolve())


def test_a_file_that_two_patterns_find_comes_once(attempt: Path) -> None:
    write(attempt, "a.csv")
    assert found(attempt, "*.csv", "a.*") == ["a.csv"]


def test_what_was_there_before_the_attempt_is_none_of_its_results(attempt: Path) -> None:
    write(attempt, "data.csv", "new.csv")
    os.utime(attempt / "code/data.csv", ns=(OLD, OLD))
    assert found(attempt, "*.csv") == ["new.csv"]


def test_a_program_in_a_shared_folder_left_its_results_there(attempt: Path, tmp_path: Path) -> None:
    (tmp_path / "project").mkdir()
    (attempt / "plan.json").write_text(json.dumps({"workdir": str(tmp_path / "project")}))
    (tmp_path / "project/a.csv").write_text("1")
    assert found(attempt, "*.csv") == ["a.csv"]


@pytest.mark.parametrize("pattern", ["/etc/passwd", "../secret", "out/../../secret", "", "."])
def test_a_pattern_that_leads_out_is_refused(attempt: Path, pattern: str) -> None:
    with pytest.raises(Failure, match="leads out of the folder"):
        found(attempt, pattern)


def test_no_link_leads_out(attempt: Path, tmp_path: Path) -> None:
    (tmp_path / "secret").mkdir()
    (tmp_path / "secret/key.csv").write_text("k")
    write(attempt, "mine.csv", "out/b.csv")
    code = attempt / "code"
    (code / "file.csv").symlink_to(tmp_path / "secret/key.csv")
    (code / "folder").symlink_to(tmp_path / "secret")
    (code / "up").symlink_to("..")
    (code / "dangling.csv").symlink_to("nowhere")
    (code / "same.csv").symlink_to("mine.csv")
    (code / "latest").symlink_to("out")
    assert sorted(found(attempt, "*.csv", "folder/*", "up/**", "**")) == ["mine.csv", "out/b.csv", "same.csv"]
    assert found(attempt, "latest/*.csv") == ["latest/b.csv"], "a link within is followed where it is named"
    outcomes, data = fetched(
        attempt, ("file.csv", 0, 9), ("folder/key.csv", 0, 9), ("same.csv", 0, 4), ("../x", 0, 1)
    )
    assert ["leads out" in str(each) for each in outcomes] == [True, True, False, True]
    assert data == b"mine"


def test_links_in_a_circle_end(attempt: Path) -> None:
    write(attempt, "a/b.csv")
    (attempt / "code/a/again").symlink_to(".")
    assert found(attempt, "**/*.csv", "a/again/again/*.csv") == ["a/b.csv", "a/again/again/b.csv"]


def test_pieces_come_in_a_row_and_what_cannot_be_read_keeps_no_other_back(attempt: Path) -> None:
    write(attempt, "one", "two")
    (attempt / "code/pipe").parent.mkdir(exist_ok=True)
    os.mkfifo(attempt / "code/pipe")
    outcomes, data = fetched(attempt, ("one", 0, 2), ("gone", 0, 1), ("pipe", 0, 1), ("two", 1, 9))
    assert [each if isinstance(each, int) else each.split(": ")[-1] for each in outcomes] == [
        2, "No such file or directory", "pipe is no file", 2,
    ]  # fmt: skip
    assert data == b"onwo"


def test_an_attempt_that_is_gone_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="No such file"):
        found(tmp_path / "gone", "*")


def test_there_is_an_end_to_looking(attempt: Path) -> None:
    write(attempt, *(f"{n}.csv" for n in range(9)))
    search = results.Search(str(attempt / "code"), most=5)
    assert list(search.found(["*/*.csv", "*.csv"])) == []
    assert search.left == "more than 5 files to look at"
