"""squeue's answer: right where it is whole, none where it is not."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backends.base import JobState
from backends.squeue import Standing, end_mark, parse_reasons, parse_squeue, parse_standings, topped

MARK = "~1f2e3d4c~"

free_text = st.text(st.characters(exclude_characters="~", exclude_categories=["Cs"]))


def squeue_line(
    name: str, comment: str = "", state: str = "RUNNING", job_id: str = "12", reason: str = "None"
) -> str:
    """One record as squeue prints it for `queue_format`."""
    times = ("1795390951", "1795390952", "N/A", "1-02:03:04")
    fields = [job_id, state, "gpu", *times, "node1", reason, "lab", "normal", comment, "/home/ada", name]
    return MARK.join(fields) + end_mark(MARK) + "\n"


@given(free_text, free_text)
def test_no_name_or_comment_shifts_a_column(name: str, comment: str) -> None:
    text = squeue_line(name, comment) + squeue_line("other", job_id="13")
    first, second = parse_squeue(text, MARK)
    assert first.name == name
    assert first.comment == ("" if comment in ("(null)", "N/A") else comment)
    assert (first.job_id, first.state, first.submitted, first.started, first.ends, first.time_limit, first.nodes) == (
        *("12", JobState.RUNNING, 1795390951.0, 1795390952.0, None, 93784.0, "node1"),
    )
    assert (second.job_id, second.name) == ("13", "other")


def test_an_empty_queue_is_empty() -> None:
    assert parse_squeue("", MARK) == ()


@given(st.integers(min_value=1, max_value=200))
def test_half_an_answer_is_no_answer(cut: int) -> None:
    text = squeue_line("one") + squeue_line("two")
    whole = len(squeue_line("one"))
    shortened = text[:-cut]
    if len(shortened.rstrip("\n")) in (0, whole - 1):
        return  # cut between two records: nothing tells it from a shorter queue
    if len(text.rstrip("\n")) <= len(shortened):
        return  # only the last line end is missing
    with pytest.raises(ValueError, match="squeue's answer"):
        parse_squeue(shortened, MARK)


def test_a_warning_before_the_answer_is_no_part_of_it() -> None:
    # squeue's warnings go to standard error; one on standard output makes the answer unreadable, never wrong.
    [entry] = parse_squeue("\n" + squeue_line("one"), MARK)
    assert entry.job_id == "12"


def test_a_line_for_many_tasks_counts_each_of_them() -> None:
    line, alone = parse_squeue(squeue_line("a", job_id="12_[0-6,9-12:3%20]") + squeue_line("b"), MARK)
    assert (line.array, line.tasks, line.count) == ("12", (range(7), range(9, 13, 3)), 9)
    assert (alone.array, alone.tasks, alone.count) == ("12", (), 1)


def test_a_line_is_held_only_where_all_of_its_tasks_are() -> None:
    fields = {"state": "PENDING", "job_id": "12_[0-3]"}
    states = [
        parse_squeue(squeue_line("a", **fields, reason=reason), MARK)[0].state
        for reason in ("JobHeldUser", "JobHeldAdmin,JobHeldUser", "JobHeldUser,None", "Priority")
    ]
    assert states == [JobState.HELD, JobState.HELD, JobState.PENDING, JobState.PENDING]


def test_the_order_of_what_waits_is_read_and_other_lines_passed_over() -> None:
    text = "12_3|900|gpu|lab|normal\nwarning\n13|800|gpu|lab|normal\n7|x|gpu|lab|normal\n"
    assert parse_standings(text) == [Standing("12_3", 900, "gpu|lab|normal"), Standing("13", 800, "gpu|lab|normal")]


def test_what_is_put_on_top_comes_before_all_that_was_put_there_before() -> None:
    apart = [Standing("12_3", 9, "gpu"), Standing("12_2", 8, "gpu")]
    rest = [Standing(job_id, 7, "gpu") for job_id in ("12_0", "12_1", "12_4", "20")]
    assert topped(["12_1"], apart + rest) == [["12_1", "12_3", "12_2"]]
    assert topped(["20", "12_2"], apart + rest) == [["20", "12_2", "12_3"]]
    assert topped(["12_0", "12_1"], rest) == [["12_0", "12_1", "12_4", "20"]]


def test_an_array_is_named_whole_only_where_all_of_it_waits_alike() -> None:
    whole = [Standing(f"12_{n}", 9, "gpu") for n in range(3)] + [Standing(f"13_{n}", 8, "gpu") for n in range(3)]
    assert topped(["13"], [*whole, Standing("14", 0, "gpu")]) == [["13", "12"]]
    assert topped(["13"], [Standing("12_9", 10, "gpu"), *whole]) == [["13", "12_9"]]
    assert topped(["12_1"], whole) == [["12_1"]]
    # What is put on top may stand level with what was put there before.
    assert topped(["12_1"], [Standing("12_1", 9, "gpu"), Standing("12_3", 9, "gpu")]) == [["12_1", "12_3"]]


def test_what_waits_elsewhere_and_what_waits_no_more_is_not_named() -> None:
    waiting = [Standing("1", 9, "gpu"), Standing("2", 8, "cpu"), Standing("3", 7, "gpu"), Standing("4", 6, "cpu")]
    assert topped(["4", "3", "99"], waiting) == [["4", "2"], ["3", "1"]]


def test_the_reasons_of_single_tasks_are_read_and_other_lines_passed_over() -> None:
    assert parse_reasons("12_0|JobHeldUser\nwarning|x\n12_1|None\nnothing\n") == {
        "12_0": "JobHeldUser",
        "12_1": "None",
    }


@given(st.text())
def test_any_text_is_an_answer_or_an_error_of_ours(text: str) -> None:
    with contextlib.suppress(ValueError):
        parse_squeue(text, MARK)
    parse_reasons(text)
