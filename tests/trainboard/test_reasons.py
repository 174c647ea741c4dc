"""Slurm's reason words in plain ones."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trainboard.reasons import NEVER, REASONS, explain, page


@pytest.mark.parametrize(
    ("reason", "plain", "advice"),
    [
        ("Resources", "next in line", "smaller"),
        ("(Priority)", "higher priority", "smaller"),
        ("JobHeldUser", "You hold it", "release"),
        (
            "Nodes required for job are DOWN, DRAINED or reserved for jobs in higher priority partitions",
            "down",
            "another",
        ),
        ("Nodes_required_for_job_are_DOWN,_DRAINED_or_reserved", "down", "another"),
        ("ReqNodeNotAvail, UnavailableNodes:node[1-3]", "down, draining or reserved", "shorter"),
        ("ReqNodeNotAvail(Unavailable:node3)", "down", ""),
        ("JobHeldUser,Resources", "You hold it", "release"),
        ("launch failed requeued held", "put back", "release"),
        ("launch_failed_requeued_held", "put back", "release"),
        ("", "has not looked", ""),
        ("(null)", "has not looked", ""),
        ("AssocGrpGRES", "All jobs of your account together use", "others end"),
        ("AssocGrpCPUMinutesLimit", "CPUs times minutes of your account are used up", "ask the site"),
        ("AssocGrpCPURunMinutesLimit", "that run may still use up", "when they end"),
        ("AssocMaxJobsLimit", "Your jobs are as many as your account allows", "others of them end"),
        ("AssocMaxWallDurationPerJobLimit", "more time than your account allows for one job", NEVER),
        ("QOSMaxGRESPerUser", "Your jobs use as much as its QOS allows", "others end"),
        ("QOSMaxJobsPerUserLimit", "Your jobs are as many", "others of them end"),
        ("QOSGrpCpuLimit", "All jobs of its QOS together", "others end"),
        ("QOSMaxCpuPerUserLimit", "Your jobs use as much", "others end"),
        ("QOSMaxMemoryPerNode", "on one node", NEVER),
        ("QOSMaxMemoryPerJob", "for one job", NEVER),
        ("QOSMinGRES", "fewer", "ask for more"),
        (
            "QOSMaxSubmitJobPerUserLimit",
            "Your jobs are as many as its QOS allows (jobs in the queue)",
            "others of them end",
        ),
    ],
)
def test_a_reason_says_what_it_means_and_what_to_change(reason: str, plain: str, advice: str) -> None:
    told = explain(reason)
    assert plain in told.plain
    assert advice in told.advice


def test_a_word_that_nobody_knows_is_told_as_it_is() -> None:
    assert "'NewWordOf2027'" in explain("NewWordOf2027").plain


@settings(max_examples=80)
@given(st.text(max_size=60))
def test_any_reason_is_explained(reason: str) -> None:
    assert explain(reason).plain


def test_every_explanation_is_a_sentence() -> None:
    for told in REASONS.values():
        assert told.plain.endswith(".")
        assert not told.advice.endswith(".")


def test_the_page_has_every_word_and_is_as_the_table_makes_it() -> None:
    written = (Path(__file__).parents[2] / "docs" / "waiting.md").read_text()
    assert written == page() + "\n"
