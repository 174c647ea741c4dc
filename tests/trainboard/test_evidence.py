"""Findings as people read them: numbers with their units, what is muted, severities of a later version."""

from __future__ import annotations

from dataclasses import replace

import pytest

from backends.base import Job, JobState
from tests.trainboard.notices import a_finding
from trainboard.cli.diagnose import lines, muted_in
from trainboard.diagnose.finding import Finding, Severity
from trainboard.diagnose.report import Report
from trainboard.diagnose.why import Answer
from trainboard.documents import Records
from trainboard.findings import worst
from trainboard.muting import mute_of
from trainboard.notify.channels import Kind
from trainboard.notify.news import News
from trainboard.notify.text import text_of
from trainboard.rows import job_row
from trainboard.show import quantity
from tui.inbox import rank

ROW = job_row(Job("gpu1", "7", "train", JobState.RUNNING))
REPORT = Report(
    ROW.key,
    "running",
    (
        Finding("lr_too_high", Severity.ERROR, "learning rate too high", "It leapt.", "Lower it."),
        Finding("divergence", Severity.ERROR, "the training diverges", "It rises.", "Lower it."),
        Finding("plateau", Severity.WARNING, "the loss is flat", "It stays.", "End it."),
    ),
    Answer("It is still running.", ()),
)


@pytest.mark.parametrize(
    ("name", "value", "shown"),
    [
        ("free_bytes", 12.5 * 2**30, "free 12G"),
        ("bytes_per_hour", 3 * 2**20, "3.0M/h"),
        ("left_s", 7200.0, "left 2h00"),
        ("p95", 0.25, "p95 0.25"),
        ("hidden layers", 2, "hidden layers 2"),
        ("path", "/data", "path: /data"),
    ],
)
def test_a_number_of_the_evidence_has_the_unit_that_its_name_ends_with(name: str, value: object, shown: str) -> None:
    assert quantity(name, value) == shown


def test_a_notice_shows_no_raw_bytes() -> None:
    finding = a_finding("disk_filling", evidence={"free_bytes": 12.5 * 2**30, "left_s": 7200.0})
    text = text_of(News("n", Kind.FINDING, ROW.key, Severity.WARNING, 0.0, ROW, finding))
    assert "free 12G, left 2h00" in text


def test_what_is_muted_is_named_and_not_told() -> None:
    mutes = [mute_of("lr_too_high", ROW, "run", 0.0), mute_of("plateau", ROW, "all", 0.0)]
    records = Records(mutes={each.id: each for each in mutes})
    muted = muted_in(REPORT, ROW, records)
    assert muted == {"lr_too_high": "run", "plateau": "all"}
    told = [line for line in lines(replace(REPORT, muted=muted)) if line]
    assert "error  divergence: the training diverges" in told  # it follows from one that is not shown
    assert told[-1] == "muted: lr_too_high (for this run), plateau (everywhere)"
    assert not [line for line in told if "It leapt." in line or "It stays." in line]


def test_what_is_muted_no_more_is_told() -> None:
    mute = mute_of("plateau", ROW, "run", 0.0, on=False)
    assert muted_in(REPORT, ROW, Records(mutes={mute.id: mute})) == {}


def test_json_tells_what_is_muted_and_where() -> None:
    said = replace(REPORT, muted={"plateau": "spec"}).as_json()
    assert [each["muted"] for each in said["findings"]] == [None, None, "spec"]


def test_a_severity_that_a_later_version_wrote_counts_as_a_warning() -> None:
    later = a_finding("new_rule", severity="critical")
    error, info = a_finding("non_finite"), a_finding("plateau", severity="info")
    assert sorted([info, later, error], key=rank) == [error, later, info]
    assert worst([info, later]) is later
    assert Severity.of("critical") is Severity.WARNING
