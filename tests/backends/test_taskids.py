"""Job ids of arrays."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backends.taskids import among, folded, shifted, task_list, tasks_of

tasks = st.sets(st.integers(min_value=0, max_value=200))


@pytest.mark.parametrize(
    ("job_id", "ranges"),
    [
        ("12", ()),
        ("12+1", ()),
        ("12_7", (range(7, 8),)),
        ("12_[0-6,9,20-30:5%20]", (range(7), range(9, 10), range(20, 31, 5))),
        ("12_[1-4,...]", (range(1, 5),)),
        ("12_[0-3:0]", (range(4),)),
    ],
)
def test_an_id_tells_its_tasks(job_id: str, ranges: tuple[range, ...]) -> None:
    assert tasks_of(job_id) == ranges


@given(tasks)
def test_a_list_of_tasks_comes_back_as_it_was(wanted: set[int]) -> None:
    ranges = tasks_of(f"1_[{task_list(wanted)}]")
    assert {task for each in ranges for task in each} == wanted


@given(tasks, tasks, st.integers(min_value=0, max_value=50))
def test_tasks_among_ranges_are_those_in_both(there: set[int], wanted: set[int], by: int) -> None:
    ranges = tasks_of(f"1_[{task_list(there)}]")
    assert set(among(ranges, wanted)) == there & wanted
    assert set(among(shifted(ranges, by), wanted)) == {task + by for task in there} & wanted


def test_a_range_of_a_billion_tasks_costs_no_more_than_is_asked_for() -> None:
    assert list(among(tasks_of("1_[0-999999999]"), {5: "x", 10**10: "y"})) == [5]


@given(st.text(alphabet="0123456789_[],:%-+."))
def test_any_id_has_tasks_or_none(job_id: str) -> None:
    tasks_of(job_id)


def test_the_tasks_of_an_array_are_folded_into_one_word() -> None:
    ids = ["7", "12_3", "12_1", "12_2", "13_9", "14_[2-4%1]", "7"]
    assert folded(ids) == ["7", "14_[2-4]", "12_[1-3]", "13_[9]"]
