"""sacct's answer: a line that is not whole is no evidence."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from backends.base import JobState
from backends.sacct import parse_sacct


def test_of_a_requeued_job_sacct_tells_the_last_try() -> None:
    text = "12|PREEMPTED|0:0|1795390951|1795390960\n12|COMPLETED|0:0|1795391000|1795391100\n13|FAILED|3:0|1|2\n"
    accounts = parse_sacct(text)
    assert (accounts["12"].state, accounts["12"].ended) == (JobState.COMPLETED, 1795391100.0)
    assert (accounts["13"].state, accounts["13"].exit_code) == (JobState.FAILED, 3)


def test_tasks_of_arrays_and_those_that_wait_are_told_apart() -> None:
    accounts = parse_sacct("12_4|FAILED|1:0|1|2\n12_[5-9%2]|PENDING|0:0|Unknown|Unknown\nsacct: warning|a|b|c|d\n")
    assert {account.job_id: account.tasks for account in accounts.values()} == {
        "12_4": (range(4, 5),),
        "12_[5-9%2]": (range(5, 10),),
    }


def test_further_fields_come_by_their_names() -> None:
    [account] = parse_sacct("12|RUNNING|0:0|1|Unknown|abcd|/home/ada/x\n", ("Comment", "WorkDir")).values()
    assert (account.comment, account.workdir, account.ended) == ("abcd", "/home/ada/x", None)


@given(st.text())
def test_any_text_gives_an_answer(text: str) -> None:
    parse_sacct(text)
    parse_sacct(text, ("Comment",))
