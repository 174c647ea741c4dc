"""What one process sees of a backend reaches the others as files."""

from __future__ import annotations

import json
import math
import os
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backends.base import Disk, Gpu, Health, Job, JobState
from backends.machine import Process, Quota, Slice
from tests.trainboard.fakes import a_job
from trainboard.events import Link
from trainboard.picture import Picture, PictureFile, ask_anew, asked_anew
from trainboard.typed import from_json, to_json

if TYPE_CHECKING:
    from pathlib import Path

HEALTH = Health(
    at=5.0,
    hostname="gpu1",
    load=math.inf,
    gpus=(Gpu(0, "GPU-1", "A100", 3.0, 1, None),),
    disks=(Disk("/scratch", 10, 3),),
)
PICTURE = Picture(
    "gpu1", "ssh", Link.STALE, "no route", "look at the cable", 7.0, HEALTH, 3.0, (a_job(), a_job("t1", job_id="78"))
)


def a_file(folder: Path) -> PictureFile:
    return PictureFile(folder, "gpu1", "ssh")


def test_what_was_written_is_read(tmp_path: Path) -> None:
    assert a_file(tmp_path).write(PICTURE)
    assert a_file(tmp_path).read() == PICTURE


def test_all_that_a_machine_tells_is_kept(tmp_path: Path) -> None:
    gpu = Gpu(
        0,
        "GPU-1",
        "A100",
        None,
        None,
        None,
        throttle=("power cap", "sync boost"),
        slices=(Slice("MIG-1", "1g.10gb", 1, 2),),
        lost="GPU is lost",
    )
    health = Health(
        5.0,
        gpus=(gpu,),
        disks=(Disk("/home", 10, 3, (Quota("user", 1, 2, 3, None),), "does not answer"),),
        cpu=12.5,
        swap_total=4,
        processes=(Process("MIG-1", 17, "ann", "python train.py", 5, "/runs/e/r/1", 99.0, 7),),
        clock=-3.5,
    )
    a_file(tmp_path).write(replace(PICTURE, health=health))
    assert a_file(tmp_path).read() == replace(PICTURE, health=health)


def test_a_picture_from_before_there_was_more_to_tell_is_read(tmp_path: Path) -> None:
    a_file(tmp_path).write(PICTURE)
    head = json.loads((tmp_path / "gpu1.json").read_text())
    old = {
        "at": 5.0,
        "hostname": "gpu1",
        "gpus": [
            {"index": 0, "uuid": "GPU-1", "name": "A100", "utilization": 3, "memory_used": 1, "memory_total": 2}
        ],
        "disks": [{"path": "/scratch", "total": 10, "free": 3}],
    }
    (tmp_path / "gpu1.json").write_text(json.dumps(head | {"health": old}))
    picture = a_file(tmp_path).read()
    assert picture is not None
    assert picture.health == Health(
        5.0, "gpu1", gpus=(Gpu(0, "GPU-1", "A100", 3.0, 1, 2),), disks=(Disk("/scratch", 10, 3),)
    )


def test_before_anything_was_written_there_is_nothing(tmp_path: Path) -> None:
    assert a_file(tmp_path / "nowhere").read() is None


def test_the_files_are_the_users_alone_and_nothing_else_is_left(tmp_path: Path) -> None:
    a_file(tmp_path / "pictures").write(PICTURE)
    found = {path.name: path.stat().st_mode & 0o777 for path in (tmp_path / "pictures").iterdir()}
    assert found == {"gpu1.json": 0o600, "gpu1.jobs": 0o600}


def test_a_picture_that_did_not_change_is_the_same_object_and_is_not_written_again(tmp_path: Path) -> None:
    writer, reader = a_file(tmp_path), a_file(tmp_path)
    writer.write(PICTURE)
    inode = (tmp_path / "gpu1.json").stat().st_ino
    writer.write(replace(PICTURE))
    assert (tmp_path / "gpu1.json").stat().st_ino == inode
    assert reader.read() is reader.read()


def test_a_queue_that_did_not_change_is_not_written_again(tmp_path: Path) -> None:
    writer, reader = a_file(tmp_path), a_file(tmp_path)
    writer.write(PICTURE)
    before = reader.read()
    inode = (tmp_path / "gpu1.jobs").stat().st_ino
    writer.write(replace(PICTURE, seen=9.0))
    after = reader.read()
    assert (tmp_path / "gpu1.jobs").stat().st_ino == inode
    assert before is not None
    assert after == replace(PICTURE, seen=9.0)
    assert after.jobs is before.jobs


def test_jobs_that_did_not_change_are_the_same_objects(tmp_path: Path) -> None:
    writer, reader = PictureFile(tmp_path, "gpu1", "ssh"), a_file(tmp_path)
    writer.write(PICTURE)
    before = reader.read()
    a_file(tmp_path).write(replace(PICTURE, jobs=(*PICTURE.jobs, a_job(job_id="79"))))
    after = reader.read()
    assert before is not None
    assert after is not None
    assert [job.job_id for job in after.jobs] == ["77", "78", "79"]
    assert [new is old for new, old in zip(after.jobs, before.jobs, strict=False)] == [True, True]


def test_a_large_queue_is_written_seldom(tmp_path: Path) -> None:
    writer = a_file(tmp_path)
    jobs = tuple(a_job(job_id=str(n)) for n in range(5000))
    assert writer.write(replace(PICTURE, jobs=jobs))
    assert not writer.write(replace(PICTURE, seen=9.0, jobs=jobs[1:]))
    shown = a_file(tmp_path).read()
    assert shown is not None
    assert (shown.seen, len(shown.jobs)) == (7.0, 5000)  # as old as it says
    assert writer.write(replace(PICTURE, seen=9.0, jobs=jobs))


def test_text_of_the_host_stays_text(tmp_path: Path) -> None:
    evil = 'a\nend\n{"jobs": []}\x1b]0;owned\x07\u2028\udcff'
    picture = replace(PICTURE, reason=evil, jobs=(a_job(name=evil),))
    a_file(tmp_path).write(picture)
    assert a_file(tmp_path).read() == picture
    assert b"\x1b" not in (tmp_path / "gpu1.json").read_bytes() + (tmp_path / "gpu1.jobs").read_bytes()


@pytest.mark.parametrize("name", ["gpu1.json", "gpu1.jobs"])
@pytest.mark.parametrize("cut", [0, 1, 30, -1])
def test_a_torn_picture_is_none(tmp_path: Path, name: str, cut: int) -> None:
    a_file(tmp_path).write(PICTURE)
    path = tmp_path / name
    path.write_bytes(path.read_bytes()[:cut])
    # A head without its line end is whole.
    assert a_file(tmp_path).read() == (PICTURE if (name, cut) == ("gpu1.json", -1) else None)


@pytest.mark.parametrize(
    "change",
    [
        {"version": 2}, {"backend": "gpu2"}, {"kind": "slurm"}, {"link": "sideways"}, {"seen": "x"}, {"reason": 7},
        {"health": {"at": 1.0, "gpus": [{"index": "0"}]}}, {"health": []}, {"jobs": "other"}, {"jobs": ["x"]},
        {"calls_per_minute": None},
    ],
)  # fmt: skip
def test_a_picture_of_something_else_is_none(tmp_path: Path, change: dict[str, object]) -> None:
    a_file(tmp_path).write(PICTURE)
    path = tmp_path / "gpu1.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    assert a_file(tmp_path).read() is None


def test_a_picture_that_is_spoilt_leaves_the_last_good_one_and_a_new_one_is_taken(tmp_path: Path) -> None:
    writer, reader = a_file(tmp_path), a_file(tmp_path)
    writer.write(PICTURE)
    assert reader.read() == PICTURE
    (tmp_path / "gpu1.json").write_text("{ half")
    assert reader.read() == PICTURE
    (tmp_path / "gpu1.json").unlink()
    assert reader.read() == PICTURE
    writer.write(replace(PICTURE, seen=9.0))
    assert reader.read() == replace(PICTURE, seen=9.0)


def test_a_queue_of_another_moment_waits_for_its_head(tmp_path: Path) -> None:
    writer, reader = a_file(tmp_path), a_file(tmp_path)
    writer.write(PICTURE)
    old = (tmp_path / "gpu1.json").read_bytes()
    a_file(tmp_path).write(replace(PICTURE, jobs=()))
    new = (tmp_path / "gpu1.json").read_bytes()
    (tmp_path / "gpu1.json").write_bytes(old)
    assert reader.read() is None
    (tmp_path / "gpu1.json").write_bytes(new)
    assert reader.read() == replace(PICTURE, jobs=())


def test_a_folder_that_cannot_be_written_says_so(tmp_path: Path) -> None:
    (tmp_path / "pictures").write_text("a file where the folder should be")
    with pytest.raises(OSError, match="pictures"):
        a_file(tmp_path / "pictures").write(PICTURE)


def test_asking_for_a_look_is_seen_once(tmp_path: Path) -> None:
    before = asked_anew(tmp_path / "pictures")
    assert before == asked_anew(tmp_path / "pictures")
    ask_anew(tmp_path / "pictures")
    first = asked_anew(tmp_path / "pictures")
    assert first != before
    assert first == asked_anew(tmp_path / "pictures")
    ask_anew(tmp_path / "pictures")
    assert asked_anew(tmp_path / "pictures") != first


JOBS = st.builds(
    Job,
    backend=st.text(), job_id=st.text(), name=st.text(), state=st.sampled_from(JobState), token=st.text(),
    submitted=st.none() | st.floats(allow_nan=False), exit_code=st.none() | st.integers(), stranded=st.booleans(),
)  # fmt: skip


@given(JOBS)
def test_any_job_travels_as_json(job: Job) -> None:
    assert from_json(Job, json.loads(json.dumps(to_json(job)))) == job


KEYS = st.sampled_from(["backend", "job_id", "name", "state", "token", "started"]) | st.text()
SCALARS = st.none() | st.booleans() | st.floats() | st.text()


@given(st.recursive(SCALARS, lambda each: st.lists(each) | st.dictionaries(KEYS, each)))
def test_anything_else_is_refused_or_a_job_with_the_right_types(value: object) -> None:
    try:
        job = from_json(Job, value)
    except ValueError:
        return
    assert isinstance(job.name, str)
    assert isinstance(job.state, JobState)
    assert job.started is None or isinstance(job.started, float)


def test_a_writer_that_dies_half_way_leaves_the_picture_whole(tmp_path: Path) -> None:
    a_file(tmp_path).write(PICTURE)
    (tmp_path / f"gpu1.json.{os.getpid()}.tmp").write_text("{ half")
    assert a_file(tmp_path).read() == PICTURE
