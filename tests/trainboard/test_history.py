"""Jobs that are over: fetched in windows, kept, merged with ours, folded, filtered."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backends.base import CommandFailed, HostTimeout, JobState
from backends.history import NoAccounting
from tests.trainboard.clusterfakes import DAY, FakeCluster, ended
from tests.trainboard.fakes import FakeBackend, an_attempt, records_of
from trainboard import pasts
from trainboard.history import AGE, SPAN, WINDOW, Histories, spans
from trainboard.store import Store

if TYPE_CHECKING:
    from pathlib import Path

    from backends.base import Backend

NOON = 20_000 * DAY + DAY / 2


class Desk:
    """A history on a state folder, and a clock that a test puts."""

    def __init__(self, folder: Path, *backends: Backend) -> None:
        self.by_name = {backend.name: backend for backend in backends}
        self.store = Store(folder)
        self.folder = folder / "history"
        self.now = NOON
        self.histories = self.another()

    def another(self) -> Histories:
        """As another process has it."""
        return Histories(lambda: self.by_name, self.store, self.folder, lambda: self.now)

    async def ids(self, days: float) -> list[str]:
        return [job.job_id for job in (await self.histories.load(self.now - days * DAY)).jobs]


async def test_days_that_are_over_are_asked_for_once_and_never_all_in_one(tmp_path: Path) -> None:
    triton = FakeCluster()
    triton.past = [ended("1", NOON - 20 * DAY), ended("2", NOON - 2 * DAY), ended("3", NOON - 60)]
    desk = Desk(tmp_path, triton)
    assert await desk.ids(30) == ["3", "2", "1"]
    assert max(until - since for since, until in triton.asked[1:]) == SPAN * WINDOW
    assert len(triton.asked) == 1 + 5
    triton.asked.clear()
    desk.now += AGE
    desk.histories = desk.another()
    assert await desk.ids(30) == ["3", "2", "1"]
    assert triton.asked == [(20_000 * DAY, desk.now + DAY)]  # only what may still change


async def test_the_newest_is_asked_for_once_a_minute(tmp_path: Path) -> None:
    triton = FakeCluster()
    desk = Desk(tmp_path, triton)
    await desk.ids(0.2)
    triton.past = [ended("1", NOON - 5)]
    assert await desk.ids(0.2) == []
    desk.now += AGE
    assert await desk.ids(0.2) == ["1"]
    assert len(triton.asked) == 2


async def test_going_further_back_asks_only_for_what_is_new(tmp_path: Path) -> None:
    triton = FakeCluster()
    desk = Desk(tmp_path, triton)
    await desk.ids(3)
    triton.asked.clear()
    await desk.ids(5)
    assert triton.asked == [(19_995 * DAY, 19_997 * DAY)]


async def test_a_window_that_failed_is_said_and_asked_again(tmp_path: Path) -> None:
    triton = FakeCluster()
    triton.past = [ended("1", NOON - 20 * DAY), ended("2", NOON - 2 * DAY), ended("3", NOON - 60)]
    triton.failing = {3: HostTimeout("triton: no answer")}
    desk = Desk(tmp_path, triton)
    seen = await desk.histories.load(NOON - 30 * DAY)
    assert [job.job_id for job in seen.jobs] == ["3", "2"]
    (trouble,) = seen.troubles
    assert (trouble.what, trouble.reason) == ("triton", "no answer; what is shown of it is not all")
    assert len(triton.asked) == 3  # not further, after a failure
    seen = await desk.histories.load(NOON - 30 * DAY)
    assert [job.job_id for job in seen.jobs] == ["3", "2", "1"]
    assert seen.troubles == ()


async def test_what_lies_torn_on_the_disk_is_asked_for_again(tmp_path: Path) -> None:
    triton = FakeCluster()
    triton.past = [ended("2", NOON - 2 * DAY)]
    desk = Desk(tmp_path, triton)
    await desk.ids(4)
    (desk.folder / "triton" / "19998.json").write_text('{"version": 1, "day": 19998, "jobs": [{"job_id"')
    triton.asked.clear()
    assert await desk.ids(4) == ["2"]
    assert triton.asked == [(19_998 * DAY, 19_999 * DAY)]


async def test_a_site_without_accounting_says_so_and_ours_are_there(tmp_path: Path) -> None:
    triton = FakeCluster()
    triton.error = NoAccounting("triton: this site keeps no records of jobs that are over (sacct)")
    desk = Desk(tmp_path, triton, FakeBackend("fake"))
    attempt = an_attempt(state=JobState.COMPLETED, started=NOON - 7300, ended=NOON - 100)
    await desk.store.put(*records_of(attempt))
    seen = await desk.histories.load(NOON - DAY)
    assert [job.run for job in seen.jobs] == ["x-1.0"]
    assert seen.jobs[0].elapsed == 7200.0
    assert "keeps no records" in seen.troubles[0].reason


async def test_a_run_of_ours_is_there_once_with_what_the_accounting_adds(tmp_path: Path) -> None:
    triton = FakeCluster("fake")
    triton.past = [
        ended("55", NOON - 60, token="t1", gpus=4),
        ended("77", NOON - 50, submitted=NOON - 4000),
        ended("78", NOON - 40),
    ]
    attempts = [
        an_attempt(
            "t1", JobState.OUT_OF_MEMORY, job_id="55", ended=NOON - 61, submitted=NOON - 4060, why="no memory"
        ),
        an_attempt("t2", JobState.FAILED, run="x-1.1", job_id="77", ended=NOON - 50, submitted=NOON - 4000),
        an_attempt("t3", JobState.RUNNING, run="x-1.2", job_id="78", submitted=NOON - 4000),
    ]
    desk = Desk(tmp_path, triton)
    await desk.store.put(*records_of(*attempts))
    seen = await desk.histories.load(NOON - DAY)
    # The third was requeued and runs: its end of a moment ago was none.
    assert [(job.job_id, job.run, job.state, job.gpus) for job in seen.jobs] == [
        ("77", "x-1.1", JobState.FAILED, 2),
        ("55", "x-1.0", JobState.OUT_OF_MEMORY, 4),
    ]
    assert seen.jobs[1].reason == "no memory"
    assert seen.jobs[1].gpu_hours == 4.0


@pytest.mark.parametrize("mark", ["0123456789abcdef", "0123456789abcdef+100", "paid by physics"])
async def test_a_task_of_an_array_is_there_once_whatever_its_mark(tmp_path: Path, mark: str) -> None:
    triton = FakeCluster("fake")
    triton.past = [ended("8_0", NOON - 60, token=mark, gpus=4, submitted=NOON - 4000)]
    desk = Desk(tmp_path, triton)
    task = an_attempt("fedcba9876543210", JobState.COMPLETED, job_id="8_0", ended=NOON - 60, submitted=NOON - 4000)
    await desk.store.put(*records_of(replace(task, batch="0123456789abcdef")))
    assert [(job.run, job.gpus) for job in (await desk.histories.load(NOON - DAY)).jobs] == [("x-1.0", 4)]


async def test_a_cluster_that_counts_anew_does_not_lend_its_jobs_to_old_runs(tmp_path: Path) -> None:
    triton = FakeCluster("fake")
    triton.past = [ended("55", NOON - 60)]
    desk = Desk(tmp_path, triton)
    old = an_attempt("t1", JobState.COMPLETED, job_id="55", ended=NOON - 9 * DAY, submitted=NOON - 10 * DAY)
    await desk.store.put(*records_of(old))
    assert [(job.job_id, job.run) for job in (await desk.histories.load(NOON - 20 * DAY)).jobs] == [
        ("55", ""),
        ("55", "x-1.0"),
    ]


def a_past(job_id: str, state: JobState = JobState.COMPLETED, **fields: object) -> pasts.Past:
    return replace(pasts.of_accounting("triton", ended(job_id, NOON - 60, state=state)), **fields)  # type: ignore[arg-type]  # fields by name


def test_the_tasks_of_an_array_are_one_line() -> None:
    jobs = [a_past("9"), a_past("7_2", JobState.FAILED), a_past("7_0"), a_past("7_1"), a_past("7", backend="csc")]
    lines = pasts.folded(jobs)
    assert [line.ids for line in lines] == ["9", "7_[0-2]", "7"]
    assert (lines[1].states, lines[1].gpu_hours) == ("2 COMPLETED 1 FAILED", 6.0)
    assert pasts.cells(lines[1], NOON)[-2] == "mine (3 tasks)"
    assert pasts.in_sum(jobs) == "5 jobs (4 COMPLETED, 1 FAILED), 10.0 GPU-hours"


def test_words_are_found_in_all_that_is_shown() -> None:
    jobs = [a_past("9"), a_past("10", JobState.FAILED, name="Big", run="x-1.0")]
    assert [job.job_id for job in pasts.matching(jobs, ["fail", "BIG"])] == ["10"]
    assert [job.job_id for job in pasts.matching(jobs, ["x-1.0"])] == ["10"]
    assert pasts.matching(jobs, ["nothing"]) == []


def test_a_name_reaches_no_terminal_raw() -> None:
    (line,) = pasts.folded([a_past("9", name="\x1b[2Jx", reason="\x1b]0;t\x07")])
    assert "\x1b" not in "".join(pasts.cells(line, NOON))


@settings(max_examples=60)
@given(st.lists(st.integers(0, 60), unique=True).map(sorted))
def test_spans_hold_every_day_once_and_no_other(days: list[int]) -> None:
    found = list(spans(days))
    assert [day for span in found for day in span] == days
    assert all(len(span) <= SPAN for span in found)


async def test_a_full_disk_loses_nothing_but_time(tmp_path: Path) -> None:
    triton = FakeCluster()
    triton.past = [ended("2", NOON - 2 * DAY)]
    desk = Desk(tmp_path, triton)
    desk.folder.parent.mkdir(exist_ok=True)
    desk.folder.write_text("a file where a folder should be")
    assert await desk.ids(4) == ["2"]
    assert await desk.ids(4) == ["2"]


async def test_an_accounting_that_fails_at_once_is_asked_no_further(tmp_path: Path) -> None:
    triton = FakeCluster()
    triton.error = CommandFailed("triton: sacct: slurmdbd is down")
    desk = Desk(tmp_path, triton)
    assert "slurmdbd is down" in (await desk.histories.load(NOON - 90 * DAY)).troubles[0].reason
    assert len(triton.asked) == 1
