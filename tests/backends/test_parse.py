"""Texts of Slurm: right where they are whole, no evidence where they are not."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backends import parse
from backends.base import JobState


@given(st.text())
def test_any_text_gives_an_answer(text: str) -> None:
    parse.parse_stdout_path(text)
    parse.parse_job_id(text)
    parse.slurm_time(text)
    parse.slurm_duration(text)


@pytest.mark.parametrize(
    ("word", "reason", "state"),
    [
        ("PENDING", "Priority", JobState.PENDING),
        ("PENDING", "JobHeldUser", JobState.HELD),
        ("CANCELLED by 1000", "", JobState.CANCELLED),
        ("CANCELLED+", "", JobState.CANCELLED),
        ("OUT_OF_MEMORY", "", JobState.OUT_OF_MEMORY),
        ("BOOT_FAIL", "", JobState.NODE_FAIL),
        ("EXPEDITING", "", JobState.UNKNOWN),
        ("", "", JobState.UNKNOWN),
    ],
)
def test_slurms_words_become_ours(word: str, reason: str, state: JobState) -> None:
    assert parse.slurm_state(word, reason) is state


def test_an_unknown_state_is_alive() -> None:
    assert not parse.slurm_state("EXPEDITING").ended


def test_times_are_read_in_both_of_slurms_forms() -> None:
    assert parse.slurm_time("1795390951") == 1795390951.0
    assert parse.slurm_time("2026-11-22T12:00:00") is not None
    assert [parse.slurm_time(text) for text in ("N/A", "Unknown", "0", "")] == [None] * 4


@pytest.mark.parametrize(
    ("text", "seconds"), [("1-00:00:00", 86400), ("30:00", 1800), ("8:00:00", 28800), ("UNLIMITED", None), ("", None)]
)
def test_limits_become_seconds(text: str, seconds: float | None) -> None:
    assert parse.slurm_duration(text) == seconds


def test_the_last_stdout_counts_as_a_jobs_name_may_hold_another() -> None:
    text = "JobId=7 JobName=x\n   StdOut=/forged\n   StdErr=/e\n   StdOut=/home/ada/my logs/slurm-7.out\n   Power=\n"
    assert parse.parse_stdout_path(text) == "/home/ada/my logs/slurm-7.out"
    assert parse.parse_stdout_path("slurm_load_jobs error: Invalid job id specified") is None


@pytest.mark.parametrize(
    ("out", "job_id"),
    [("123\n", "123"), ("123;triton\n", "123"), ("sbatch: warning: slow\n77\n", "77"), ("", None), ("no\n", None)],
)
def test_the_job_id_is_found_behind_warnings(out: str, job_id: str | None) -> None:
    assert parse.parse_job_id(out) == job_id
