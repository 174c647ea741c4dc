"""Checkpoints: which one a run goes on from, and which ones are deleted."""

from __future__ import annotations

import json
import os
import struct
import zipfile
from typing import TYPE_CHECKING

import pytest

from backends.runner.checkpoints import Checkpoints
from backends.runner.saved import saved, temporary, whole
from tests.backends.runners import GO, Attempt, attempts, until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

LEGACY = b"\x80\x02" + b"x" * 998
"""A checkpoint whose format does not tell whether it is whole."""


@pytest.fixture
def attempt(tmp_path: Path) -> Iterator[Callable[..., Attempt]]:
    """Makes attempt directories."""
    with attempts(tmp_path) as make:
        yield make


def zipped(size: int = 1000) -> bytes:
    """A checkpoint as torch and numpy write them."""
    import io

    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        archive.writestr("archive/data.pkl", b"x" * size)
    return data.getvalue()


def tensors(size: int = 1000) -> bytes:
    """A safetensors file."""
    header = json.dumps(
        {"w": {"dtype": "U8", "shape": [size], "data_offsets": [0, size]}, "__metadata__": {}}
    ).encode()
    return struct.pack("<Q", len(header)) + header + b"x" * size


def write(folder: Path, files: Mapping[str, bytes]) -> None:
    """Files, each a second newer than the one before."""
    first = max([0.0, *(path.stat().st_mtime for path in folder.rglob("*"))]) if folder.exists() else 0
    for place, (name, data) in enumerate(files.items()):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        at = max(first, folder.stat().st_mtime) + 1 + place
        os.utime(path, (at, at))


def checkpoints(one: Attempt, **plan: object) -> Checkpoints:
    """Those of an attempt, as its runner sees them."""
    fields = json.loads((one.directory / "plan.json").read_text())
    return Checkpoints(str(one.directory), fields | plan)


def seen(folder: Path) -> set[str]:
    """The files below a folder."""
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if not path.is_dir()}


def no_pause() -> None:
    """Nothing grows in these tests."""


# Resuming


def test_a_run_goes_on_from_the_newest_checkpoint_of_its_earlier_attempts(attempt: Callable[..., Attempt]) -> None:
    plan = {"checkpoints": {"pattern": "ckpt/*.pt", "keep": None}, "workdir": None}
    first = attempt("mkdir -p code/ckpt; cd code/ckpt; for n in 8 9 10; do echo $n > $n.pt; sleep 0.01; done", **plan)
    first.run()
    second = attempt('echo "from [$TRAINBOARD_CHECKPOINT]"', number=2, **plan)
    second.run()
    newest = first.directory / "code/ckpt/10.pt"
    assert second.log() == f"from [{newest}]\n".encode()
    assert second.state("started")["checkpoint"] == str(newest)


def test_a_restarted_job_goes_on_from_its_own(attempt: Callable[..., Attempt]) -> None:
    one = attempt("true", checkpoints={"pattern": "*.pt", "keep": None}, workdir=None)
    write(one.directory / "code", {"1.pt": LEGACY})
    assert checkpoints(one).resume() == str(one.directory / "code/1.pt")


def test_without_a_checkpoint_the_variable_is_empty(attempt: Callable[..., Attempt]) -> None:
    one = attempt(
        'set -u; echo "from [$TRAINBOARD_CHECKPOINT]"', checkpoints={"pattern": "*.pt", "keep": None}, workdir=None
    )
    one.run({"TRAINBOARD_CHECKPOINT": "inherited"})
    assert one.log() == b"from []\n"
    assert one.state("started")["checkpoint"] is None


@pytest.mark.parametrize("absolute", [False, True])
def test_in_a_shared_folder_only_what_is_new_since_the_first_attempt_is_the_run_s(
    attempt: Callable[..., Attempt], tmp_path: Path, absolute: bool
) -> None:
    shared = tmp_path / "shared [x]"
    write(shared, {"ckpt/other.pt": LEGACY, "ckpt/older.pt": LEGACY})
    where = str(tmp_path / "shared ?x?" / "ckpt/*.pt") if absolute else "ckpt/*.pt"
    plan = {"checkpoints": {"pattern": where, "keep": 1}, "workdir": None if absolute else str(shared)}
    first = attempt(f"echo ours > '{shared}/ckpt/ours.pt'", **plan)
    first.run()
    assert first.state("started")["checkpoint"] is None
    second = attempt(f"echo more > '{shared}/ckpt/more.pt'", number=2, **plan)
    second.run()
    assert second.state("started")["checkpoint"] == str(shared / "ckpt/ours.pt")


def test_checkpoints_that_were_there_before_the_run_are_never_deleted(
    attempt: Callable[..., Attempt], tmp_path: Path
) -> None:
    shared = tmp_path / "shared"
    write(shared, {"1.pt": LEGACY, "2.pt": LEGACY})
    one = attempt(
        f"cd {shared}; touch 1.pt; for n in 3 4 5; do head -c 1000 /dev/zero | tr '\\0' x > $n.pt; sleep 0.01; done",
        checkpoints={"pattern": "*.pt", "keep": 1},
        workdir=str(shared),
    )
    one.run()
    assert seen(shared) == {"1.pt", "2.pt", "5.pt"}


def test_files_of_the_project_s_archive_are_not_the_run_s(attempt: Callable[..., Attempt]) -> None:
    one = attempt("true", checkpoints={"pattern": "*.pt", "keep": 1}, workdir=None)
    write(one.directory / "code", {"pretrained.pt": LEGACY})
    os.utime(one.directory / "code/pretrained.pt", (0, 0))
    each = checkpoints(one)
    assert each.resume() is None
    write(one.directory / "code", {"1.pt": LEGACY})
    each.prune(no_pause)
    assert seen(one.directory / "code") == {"pretrained.pt", "1.pt"}


TORN: list[tuple[str, bytes]] = [
    ("3.pt", b""),
    ("3.pt", zipped()[:-30]),
    ("3.pt", b"PK\x03\x04" + b"x" * 900),
    ("3.pt", LEGACY[:300]),
    ("3.pt", bytes(1000)),
    ("3.npz", LEGACY),
    ("3.keras", zipped()[:-1]),
    ("3.ckpt", zipped()[:500]),
    ("3.safetensors", tensors()[:-1]),
    ("3.safetensors", tensors()[:20]),
    ("3.safetensors", b"\xff" * 8 + b"x" * 992),
    ("3.safetensors", struct.pack("<Q", 4) + b"[1,]" + b"x" * 900),
    ("3.safetensors", struct.pack("<Q", 2) + b"17" + b"x" * 900),
    ("3.pt.tmp", LEGACY),
    ("tmp_3.pt", LEGACY),
    ("3.pt.part", LEGACY),
]


@pytest.mark.parametrize(("name", "data"), TORN, ids=[f"{name}-{len(data)}" for name, data in TORN])
def test_a_torn_newest_checkpoint_is_passed_over(attempt: Callable[..., Attempt], name: str, data: bytes) -> None:
    one = attempt("true", checkpoints={"pattern": "*", "keep": None}, workdir=None)
    write(one.directory / "code", {"1.pt": LEGACY, "2.pt": LEGACY, name: data})
    assert checkpoints(one).resume() == str(one.directory / "code/2.pt")


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("3.pt", zipped(10)),
        ("3.npz", zipped()),
        ("3.safetensors", tensors()),
        ("3.pt", LEGACY[:600]),
        ("3.weights", bytes(900)),
        ("part.pt", LEGACY),
    ],
    ids=["small-zip", "npz", "safetensors", "legacy", "unknown", "name"],
)
def test_a_whole_newest_checkpoint_is_taken(attempt: Callable[..., Attempt], name: str, data: bytes) -> None:
    one = attempt("true", checkpoints={"pattern": "*", "keep": None}, workdir=None)
    write(one.directory / "code", {"1.pt": LEGACY, "2.pt": LEGACY, name: data})
    assert checkpoints(one).resume() == str(one.directory / "code" / name)


def folder_of(step: int, **changes: bytes | None) -> dict[str, bytes]:
    """A checkpoint that is a folder, as trainers write it."""
    files = {"model.safetensors": tensors(), "optimizer.pt": zipped(), "trainer_state.json": b"{}"} | changes
    return {f"out/checkpoint-{step}/{name}": data for name, data in files.items() if data is not None}


@pytest.mark.parametrize(
    ("changes", "newest"),
    [
        ({}, 1000),
        ({".metadata": b"x"}, 1000),
        ({"empty": b""}, 1000),
        ({"trainer_state.json": None}, 500),
        ({"optimizer.pt": zipped()[:-9]}, 500),
        ({"model.safetensors": tensors()[:-9]}, 500),
        ({"model.safetensors": tensors(), "optimizer.pt": b""}, 500),
    ],
)
def test_a_folder_is_one_checkpoint(
    attempt: Callable[..., Attempt], changes: dict[str, bytes | None], newest: int
) -> None:
    one = attempt("true", checkpoints={"pattern": "out/checkpoint-*", "keep": None}, workdir=None)
    write(one.directory / "code", {**folder_of(500), **folder_of(1000, **changes)})
    assert checkpoints(one).resume() == str(one.directory / f"code/out/checkpoint-{newest}")


def test_one_that_still_grows_is_passed_over(attempt: Callable[..., Attempt]) -> None:
    one = attempt("true", checkpoints={"pattern": "*.pt", "keep": None}, workdir=None)
    code = one.directory / "code"
    write(code, {"1.pt": LEGACY, "2.pt": LEGACY})

    def grow() -> None:
        with (code / "2.pt").open("ab") as file:
            file.write(b"more")
        os.utime(code / "2.pt", (4e9, 4e9))

    each = checkpoints(one, checkpoints={"pattern": "*.pt", "keep": 1})
    assert [found.path for found in each.settled(each.found(), grow)] == [str(code / "1.pt")]
    each.prune(grow)
    assert seen(code) == {"1.pt", "2.pt"}


def test_the_higher_number_counts_where_times_are_equal(attempt: Callable[..., Attempt]) -> None:
    one = attempt("true", checkpoints={"pattern": "*.pt", "keep": None}, workdir=None)
    write(one.directory / "code", {"9.pt": LEGACY, "10.pt": LEGACY})
    for name in ("9.pt", "10.pt"):
        os.utime(one.directory / "code" / name, (4e9, 4e9))
    assert checkpoints(one).resume() == str(one.directory / "code/10.pt")


# Deleting


def kept(one: Attempt, pattern: str, keep: int = 2) -> set[str]:
    """The files that are there after the runner has looked."""
    checkpoints(one, checkpoints={"pattern": pattern, "keep": keep}, workdir=None).prune(no_pause)
    return seen(one.directory / "code")


def test_the_newest_and_the_best_are_kept(attempt: Callable[..., Attempt]) -> None:
    one = attempt("true")
    names = ["ckpt/best.pt", "ckpt/1.pt", "ckpt/Best-2.pt", "ckpt/3.pt", "ckpt/4.pt", "ckpt/5.pt", "notes.txt"]
    write(one.directory / "code", dict.fromkeys(names, LEGACY))
    assert kept(one, "ckpt/*.pt") == {"ckpt/best.pt", "ckpt/Best-2.pt", "ckpt/4.pt", "ckpt/5.pt", "notes.txt"}


def test_torn_ones_do_not_count_as_kept(attempt: Callable[..., Attempt]) -> None:
    one = attempt("true")
    files = {"1.pt": LEGACY, "2.pt": LEGACY, "3.pt": LEGACY[:9], "4.pt": LEGACY, "5.pt": LEGACY[:9], "6.pt": b""}
    write(one.directory / "code", files)
    assert kept(one, "*.pt") == {"2.pt", "3.pt", "4.pt", "5.pt", "6.pt"}


def test_what_was_resumed_from_stays_until_a_newer_whole_one_is_there(attempt: Callable[..., Attempt]) -> None:
    one = attempt("true")
    code = one.directory / "code"
    write(code, {"1.pt": LEGACY, "2.pt": LEGACY, "3.pt": LEGACY[:9], "4.pt": b""})
    assert kept(one, "*.pt", keep=1) == {"2.pt", "3.pt", "4.pt"}
    write(code, {"5.pt": LEGACY})
    assert kept(one, "*.pt", keep=1) == {"5.pt"}


def test_whole_folders_are_deleted(attempt: Callable[..., Attempt]) -> None:
    one = attempt("true")
    write(one.directory / "code", folder_of(1) | folder_of(2) | folder_of(3))
    assert kept(one, "out/checkpoint-*") == set(folder_of(2) | folder_of(3))
    assert not (one.directory / "code/out/checkpoint-1").exists()


def test_a_folder_around_checkpoints_is_none_itself(attempt: Callable[..., Attempt]) -> None:
    one = attempt("true")
    write(one.directory / "code", {"ckpt/a/1.pt": LEGACY, "ckpt/b/2.pt": LEGACY, "ckpt/b/3.pt": LEGACY})
    assert kept(one, "ckpt/**") == {"ckpt/b/2.pt", "ckpt/b/3.pt"}


def test_links_and_what_they_point_to_stay(attempt: Callable[..., Attempt]) -> None:
    one = attempt("true")
    code = one.directory / "code"
    write(code, {f"{number}.pt": LEGACY for number in range(1, 6)})
    (code / "good.pt").symlink_to("2.pt")
    (code / "broken.pt").symlink_to("nowhere.pt")
    assert kept(one, "*.pt") == {"2.pt", "4.pt", "5.pt", "good.pt", "broken.pt"}


def test_nothing_is_deleted_through_a_link_out_of_the_folder(attempt: Callable[..., Attempt], tmp_path: Path) -> None:
    one = attempt("true")
    (one.directory / "code").mkdir()
    (one.directory / "code/ckpt").symlink_to(tmp_path / "elsewhere")
    write(tmp_path / "elsewhere", {f"{number}.pt": LEGACY for number in range(1, 6)})
    with pytest.raises(OSError, match="is behind a symbolic link"):
        kept(one, "ckpt/*.pt")
    assert len(seen(tmp_path / "elsewhere")) == 5


def test_old_ones_are_deleted_over_all_attempts_of_the_run(attempt: Callable[..., Attempt]) -> None:
    first, second = attempt("true"), attempt("true", number=2)
    write(first.directory / "code", {"1.pt": LEGACY, "2.pt": LEGACY})
    write(second.directory / "code", {"3.pt": LEGACY})
    os.utime(second.directory / "code/3.pt", (4e9, 4e9))
    assert kept(second, "*.pt") == {"3.pt"}
    assert seen(first.directory / "code") == {"2.pt"}


def test_old_ones_go_while_the_program_runs(attempt: Callable[..., Attempt]) -> None:
    # What a first attempt has left is there at the first beat already.
    first = attempt("true")
    write(first.directory / "code", {f"{number}.pt": LEGACY for number in range(1, 5)})
    second = attempt(f"echo up; {GO}", number=2, checkpoints={"pattern": "*.pt", "keep": 2}, workdir=None)
    process = second.up()
    until(lambda: seen(first.directory / "code") == {"3.pt", "4.pt"})
    assert process.poll() is None
    second.go()
    assert process.wait(20) == 0
    assert second.ending() == ("COMPLETED", 0, "")


def test_old_ones_go_at_the_end(attempt: Callable[..., Attempt]) -> None:
    one = attempt(
        "mkdir code; cd code; for n in 1 2 3 4; do echo $n > $n.pt; sleep 0.01; done",
        checkpoints={"pattern": "*.pt", "keep": 1},
        workdir=None,
    )
    one.run()
    assert seen(one.directory / "code") == {"4.pt"}


def test_what_cannot_be_deleted_is_told_once_and_ends_nothing(
    attempt: Callable[..., Attempt], tmp_path: Path
) -> None:
    write(tmp_path / "elsewhere", {f"{number}.pt": LEGACY for number in range(1, 6)})
    os.utime(tmp_path / "elsewhere/5.pt", (4e9, 4e9))
    one = attempt(
        f"echo up; mkdir code; ln -s {tmp_path}/elsewhere code/ckpt; touch code/ckpt/*; sleep 0.1",
        checkpoints={"pattern": "ckpt/*.pt", "keep": 1},
        workdir=None,
    )
    one.run()
    assert one.ending() == ("COMPLETED", 0, "")
    assert one.log().count(b"old checkpoints stay: ") == 1


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("3.pt", False),
        ("checkpoint-500", False),
        ("model_part.pt", False),
        ("temperature.pt", False),
        ("best.tmp.pt", True),
        ("3.pt~", True),
        (".3.pt.swp", True),
        ("tmp-checkpoint-500", True),
        ("7.orbax-checkpoint-tmp-1690", True),
        ("model.safetensors.incomplete", True),
    ],
)
def test_names_of_unfinished_files(name: str, expected: bool) -> None:
    assert temporary(name) is expected


def test_what_is_neither_file_nor_folder_is_no_checkpoint(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.pt")
    (tmp_path / "empty").mkdir()
    assert [saved(str(tmp_path / name)) for name in ("pipe.pt", "empty", "missing")] == [None] * 3


def test_the_first_checkpoint_of_all_is_whole_where_nothing_speaks_against_it(tmp_path: Path) -> None:
    (tmp_path / "1.pt").write_bytes(LEGACY)
    found = saved(str(tmp_path / "1.pt"))
    assert found is not None
    assert whole(found, [])


def test_the_moments_of_checkpoints_are_told_also_of_those_that_were_deleted(attempt: Callable[..., Attempt]) -> None:
    one = attempt("true")
    code = one.directory / "code"
    write(code, {"1.pt": zipped(), "2.pt": zipped()})
    kept = Checkpoints(str(one.directory), {"checkpoints": {"pattern": "*.pt"}})
    kept.remember_saved(kept.found())
    first = one.state("saved")["times"]
    (code / "1.pt").unlink()
    write(code, {"3.pt": zipped(), "4.pt": zipped()[:-30]})
    kept.remember_saved(kept.found())
    moments = [(code / name).stat().st_mtime for name in ("2.pt", "3.pt")]
    assert one.state("saved")["times"] == pytest.approx([first[0], *moments], abs=1e-3)  # 4.pt is not whole


def test_the_end_of_an_attempt_tells_when_it_saved(attempt: Callable[..., Attempt]) -> None:
    one = attempt("mkdir code; echo 1 > code/1.pt", checkpoints={"pattern": "*.pt", "keep": None}, workdir=None)
    one.run()
    assert one.state("saved")["times"] == [pytest.approx((one.directory / "code" / "1.pt").stat().st_mtime)]
    assert one.state("started")["time_limit"] is None
