"""Which jobs are which attempts: by comment, id and folder, and never by a guess."""

from __future__ import annotations

from dataclasses import replace

from backends.base import JobState, Watched
from backends.sightings import Watchlist
from backends.squeue import QueueEntry
from tests.effort import effort

TOKEN, BATCH = "a" * 16, "b" * 16

ENTRY = QueueEntry(
    "7", JobState.RUNNING, "RUNNING", "gpu", 1.0, 2.0, None, None, "node1", "", "lab", "normal", "", "", "name"
)


def task(number: int, job_id: str = "", batch: str = BATCH) -> Watched:
    """A task of a batch."""
    return Watched(f"t{number}", job_id, f"~/runs/e-1/r{number}/1", 1.0, batch, number, f"e-1/r{number}")


def seen(watched: list[Watched], *entries: QueueEntry) -> dict[str, list[str]]:
    """The job ids of each attempt."""
    found, _ = Watchlist(watched).find(entries)
    return {token: [each.job_id for each in sightings] for token, sightings in found.items()}


def test_a_job_is_known_by_its_comment_even_under_another_id() -> None:
    attempt = Watched(TOKEN, "6", "/runs/e-1/r0/1", 1.0)
    assert seen([attempt], replace(ENTRY, comment=TOKEN)) == {TOKEN: ["7"]}


def test_an_id_that_now_belongs_to_another_job_is_no_sighting() -> None:
    attempt = Watched(TOKEN, "7", "/runs/e-1/r0/1", 1.0)
    assert seen([attempt], replace(ENTRY, comment="c" * 16, workdir="/runs/e-9/r0/1")) == {}
    assert seen([attempt], replace(ENTRY, workdir="/elsewhere")) == {}
    assert seen([attempt], replace(ENTRY, comment="edited by hand", workdir="/runs/e-1/r0/1")) == {TOKEN: ["7"]}
    assert seen([attempt], ENTRY) == {TOKEN: ["7"]}


def test_without_a_comment_the_folder_tells_where_home_is_any_folder() -> None:
    attempt = Watched(TOKEN, "", "~/.trainboard/runs/e-1/r0/1", 1.0, name="e-1/r0")
    there = replace(ENTRY, workdir="/home/ada/.trainboard/runs/e-1/r0/1")
    assert seen([attempt], there) == {TOKEN: ["7"]}
    assert seen([attempt], replace(there, workdir="/home/ada/.trainboard/runs/e-1/r0/2")) == {}
    assert seen([attempt], replace(there, comment="d" * 16)) == {}


def test_a_comment_that_the_site_has_set_is_like_none() -> None:
    attempt = Watched(TOKEN, "", "~/.trainboard/runs/e-1/r0/1", 1.0, name="e-1/r0")
    there = replace(ENTRY, workdir="/home/ada/.trainboard/runs/e-1/r0/1", comment="project=42 (charged)")
    assert seen([attempt], there) == {TOKEN: ["7"]}
    line = replace(ENTRY, job_id="12_[0-3]", state=JobState.PENDING, comment="project=42")
    batch = replace(line, workdir=f"/home/ada/runs/e-1/.batches/{BATCH}-0a1b2c3d")
    assert seen([task(1)], batch) == seen([task(1, "12_1")], batch) == {"t1": ["12_1"]}


def test_one_line_of_waiting_tasks_is_all_attempts_that_are_in_it() -> None:
    line = replace(ENTRY, job_id="12_[0-3,8%2]", state=JobState.PENDING, comment=BATCH)
    assert seen([task(0), task(3), task(5), task(8)], line) == {"t0": ["12_0"], "t3": ["12_3"], "t8": ["12_8"]}


def test_the_tasks_of_an_array_are_known_by_its_id_or_its_folder() -> None:
    line = replace(ENTRY, job_id="12_[0-3]", state=JobState.PENDING)
    assert seen([task(1, "12_1", batch="")], line) == {"t1": ["12_1"]}
    assert seen([task(1)], line) == {}
    assert seen([task(1)], replace(line, workdir=f"/home/ada/runs/e-1/.batches/{BATCH}-0a1b2c3d")) == {"t1": ["12_1"]}


def test_a_batch_larger_than_an_array_is_found_in_each_of_its_arrays() -> None:
    first = replace(ENTRY, job_id="12_[0-999]", comment=BATCH)
    second = replace(ENTRY, job_id="13_5", comment=f"{BATCH}+1000")
    assert seen([task(5), task(1005), task(1006)], first, second) == {"t5": ["12_5"], "t1005": ["13_5"]}


def test_two_jobs_of_one_attempt_are_both_seen() -> None:
    attempt = Watched(TOKEN, "7", "/runs/e-1/r0/1", 1.0)
    entries = [replace(ENTRY, comment=TOKEN), replace(ENTRY, comment=TOKEN, job_id="8")]
    assert seen([attempt], *entries) == {TOKEN: ["7", "8"]}


def test_what_slurm_keeps_of_tasks_cancelled_while_they_waited_stands_for_those_without_a_line() -> None:
    rest = replace(ENTRY, job_id="12", state=JobState.CANCELLED, comment=BATCH)
    own = replace(ENTRY, job_id="12_1", comment=BATCH)
    found = seen([task(0, "12_0"), task(1, "12_1")], rest, own)
    assert found == {"t0": ["12_0"], "t1": ["12_1"]}
    _, others = Watchlist([task(0, "12_0")]).find([rest])
    assert others == []


def test_arrays_of_others_stay_one_row() -> None:
    line = replace(ENTRY, job_id="12_[0-9999]", comment="theirs")
    found, others = Watchlist([task(1)]).find([line])
    assert (found, others) == ({}, [line])


def test_thousands_of_tasks_are_matched_within_a_tick() -> None:
    watched = [task(number, f"12_{number}") for number in range(1000)]
    running = [replace(ENTRY, job_id=f"12_{number}", comment=BATCH) for number in range(500)]
    waiting = replace(ENTRY, job_id="12_[500-999]", comment=BATCH, state=JobState.PENDING)
    foreign = [replace(ENTRY, job_id=str(number), workdir="/home/bob/x/y/z") for number in range(20000, 21000)]
    found, others = Watchlist(watched).find([*running, waiting, *foreign])
    assert (len(found), len(others)) == (1000, 1000)
    assert effort(lambda: Watchlist(watched).find([*running, waiting, *foreign]), 0.1) < 0.1
