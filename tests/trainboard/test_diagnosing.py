"""Runs are diagnosed as they go and when they end; what is found is kept, told to all, read and muted."""

from __future__ import annotations

import asyncio
import contextlib
import time
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from backends.base import JobState
from specs.watch import watch_of
from tests.trainboard.fakes import FakeBackend, a_job, a_spec
from tests.trainboard.test_watch import watching
from trainboard.actions import Refused
from trainboard.case import News
from trainboard.diagnose.finding import Finding, Severity
from trainboard.events import FindingsSeen, Sampled, TableSeen
from trainboard.examination import Examination
from trainboard.findings import spec_of
from trainboard.keeping import ALL, REFRESH, Grounds, changes
from trainboard.rows import Row

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Sequence
    from pathlib import Path

    from tests.trainboard.test_watch import Desk
    from trainboard.records import Diagnosed

ROW = Row("r1", "here", "7", "exp-1/lr=1", JobState.RUNNING, run="r1", experiment="exp-1", attempt=1)
NAN = Finding(
    "non_finite", Severity.ERROR, "not a number", "loss is nan", "stop", {"value": float("nan")}, 12.0, "step", "loss"
)


def kept(
    findings: Sequence[Finding], known: dict[str, Diagnosed], now: float, grounds: Grounds = ALL
) -> list[Diagnosed]:
    """What is stored of these, and then known."""
    new = list(changes(ROW, findings, known, now, grounds))
    known.update({each.id: each for each in new})
    return new


def test_a_finding_is_stored_once_and_its_numbers_only_now_and_then() -> None:
    known: dict[str, Diagnosed] = {}
    [stored] = kept([NAN], known, 1000.0)
    assert (stored.key, stored.attempt, stored.rule, stored.spec) == ("r1", 1, "non_finite", "exp")
    assert stored.evidence == {"value": "nan"}
    newer = replace(NAN, message="loss is nan since step 12", evidence={"value": 2.0})
    assert kept([newer], known, 1010.0) == []
    [stored] = kept([newer], known, 1000.0 + REFRESH)
    assert (stored.first, stored.message) == (1000.0, "loss is nan since step 12")


def test_a_finding_that_is_not_made_any_more_is_over_and_unread_when_it_comes_again() -> None:
    known: dict[str, Diagnosed] = {}
    kept([NAN], known, 1.0)
    known["r1#1:non_finite"] = replace(known["r1#1:non_finite"], read=2.0)
    [over] = kept([], known, 3.0)
    assert (over.over, over.read) == (True, 2.0)
    assert kept([], known, 4.0) == []
    [again] = kept([NAN], known, 5.0)
    assert (again.over, again.read, again.first) == (False, None, 1.0)


def test_a_finding_that_gets_worse_is_unread_and_one_that_gets_milder_is_not() -> None:
    known: dict[str, Diagnosed] = {}
    mild = replace(NAN, severity=Severity.WARNING)
    kept([mild], known, 1.0)
    known["r1#1:non_finite"] = replace(known["r1#1:non_finite"], read=2.0)
    assert kept([NAN], known, 3.0)[0].read is None
    known["r1#1:non_finite"] = replace(known["r1#1:non_finite"], read=4.0)
    assert kept([mild], known, 5.0)[0].read == 4.0


def test_a_finding_by_a_line_that_was_not_seen_this_time_is_not_over() -> None:
    known: dict[str, Diagnosed] = {}
    kept([replace(NAN, offset=500)], known, 1.0)
    assert kept([], known, 2.0, Grounds(since=1000)) == []
    assert kept([], known, 2.0, Grounds(since=400))[0].over


def test_what_follows_from_a_cause_names_it() -> None:
    known: dict[str, Diagnosed] = {}
    scale = replace(NAN, id="loss_scale", severity=Severity.WARNING)
    for each in kept([NAN, replace(scale, id="plateau")], known, 1.0):
        assert each.root == ""


def test_a_finding_is_no_news_where_nothing_was_found() -> None:
    assert kept([replace(NAN, over=True)], {}, 1.0) == []


def test_a_job_of_somebody_else_has_no_spec() -> None:
    assert spec_of(replace(ROW, experiment=None)) == ""


# --- the watch


@contextlib.asynccontextmanager
async def running(tmp_path: Path, more: str = "") -> AsyncGenerator[tuple[Desk, FakeBackend, Row]]:
    """One run that runs."""
    backend = FakeBackend()
    async with watching(tmp_path, backend) as desk:
        spec = a_spec("metrics: {objective: loss}\n" + more)
        [row, _] = await desk.watch.submit(spec, None)
        backend.queue = [a_job(row.token, job_id=row.job_id)]
        yield desk, backend, await desk.row(row.key, JobState.RUNNING)


def trained(first: int, last: int, nan: bool = False) -> bytes:
    lines = (f"step {step} loss {'nan' if nan else 2 / step + 0.1:.4}" for step in range(first, last + 1))
    return ("\n".join(lines) + "\n").encode()


async def found(desk: Desk, rule: str) -> Diagnosed:
    """Read on until there is such a finding."""
    event = await desk.until(FindingsSeen, lambda seen: any(each.rule == rule for each in seen.findings))
    return next(each for each in event.findings if each.rule == rule)


async def test_a_loss_that_is_no_number_is_found_while_the_run_goes(tmp_path: Path) -> None:
    async with running(tmp_path) as (desk, backend, row):
        backend.write(trained(1, 50), row.log or "")
        await desk.until(Sampled, lambda event: bool(event.samples))
        backend.write(trained(51, 52, nan=True), row.log or "")
        finding = await found(desk, "non_finite")
        assert (finding.key, finding.severity, finding.step) == (row.key, "error", 51.0)
        assert finding.advice
        assert (await desk.store.load()).findings[finding.id] == finding


async def test_a_healthy_run_has_no_finding_and_its_end_is_looked_at(tmp_path: Path) -> None:
    async with running(tmp_path) as (desk, backend, row):
        backend.write(trained(1, 300) + b"training done\n", row.log or "")
        backend.queue = [a_job(row.token, JobState.COMPLETED, job_id=row.job_id, ended=time.time())]
        await desk.until(Sampled, lambda event: event.complete)
        await diagnosed(desk, row)
        assert not (await desk.store.load()).findings


async def diagnosed(desk: Desk, row: Row) -> str:
    """Read on until it was looked at why a run ended."""
    while (attempt := (await desk.store.load()).attempts[row.token]).diagnosed is None:
        await desk.until(TableSeen)
    return attempt.why


async def test_why_a_run_failed_is_told_in_a_sentence_with_the_line_that_proves_it(tmp_path: Path) -> None:
    async with running(tmp_path) as (desk, backend, row):
        error = b"torch.cuda.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 GiB\n"
        trace = b'Traceback (most recent call last):\n  File "train.py", line 3, in <module>\n    step()\n' + error
        backend.write(trained(1, 20) + trace, row.log or "")
        backend.queue = [a_job(row.token, JobState.FAILED, job_id=row.job_id, exit_code=1, ended=time.time())]
        finding = await found(desk, "cuda_oom")
        assert any("Tried to allocate" in line for line in finding.lines)
        why = await diagnosed(desk, row)
        assert "memory" in why


async def test_findings_are_read_and_muted_and_everybody_is_told(tmp_path: Path) -> None:
    async with running(tmp_path) as (desk, backend, row):
        backend.write(trained(1, 5, nan=True), row.log or "")
        finding = await found(desk, "non_finite")
        await desk.watch.read_findings([finding.id, "not there"])
        read = await desk.until(FindingsSeen, lambda seen: all(each.read for each in seen.findings))
        assert read.mutes == ()
        await desk.watch.mute("non_finite", row.key, "spec")
        muted = await desk.until(FindingsSeen, lambda seen: bool(seen.mutes))
        assert (muted.mutes[0].scope, muted.mutes[0].subject) == ("spec", finding.spec)
        await desk.watch.mute("non_finite", row.key, "spec", on=False)
        await desk.until(FindingsSeen, lambda seen: not seen.mutes)
        with pytest.raises(Refused, match="not in the table"):
            await desk.watch.mute("non_finite", "gone", "run")


async def test_a_rule_that_the_spec_turns_off_finds_nothing_and_another_has_its_severity(tmp_path: Path) -> None:
    async with running(tmp_path, "watch: {rules: {non_finite: info}}\n") as (desk, backend, row):
        backend.write(trained(1, 5, nan=True), row.log or "")
        assert (await found(desk, "non_finite")).severity == "info"


FULL = b"OSError: [Errno 28] No space left on device\n"


async def test_another_process_goes_on_where_one_stopped_and_finds_nothing_twice(tmp_path: Path) -> None:
    """What the first one found by lines of the log, which the second one never sees, is not over."""
    async with running(tmp_path) as (desk, backend, row):
        backend.write(trained(1, 20) + FULL + trained(21, 22), row.log or "")
        await found(desk, "disk_full")
        backend.write(trained(23, 24, nan=True), row.log or "")
        await found(desk, "non_finite")
        before = (await desk.store.load()).findings
    async with watching(tmp_path, backend) as desk:
        told = await desk.until(FindingsSeen)
        assert {each.id: each for each in told.findings} == before
        await desk.until(Sampled)
        backend.write(trained(25, 26) + FULL * 2 + b"PytorchStreamWriter failed writing file\n", row.log or "")
        await desk.until(Sampled, lambda event: bool(event.samples))
        event = await desk.until(
            FindingsSeen, lambda seen: len(seen.findings[0].lines) != len(told.findings[0].lines)
        )
        after = {each.id: each for each in event.findings}
        assert set(after) == set(before)
        assert all((after[id].first, after[id].over) == (each.first, False) for id, each in before.items())


def test_why_a_run_failed_is_known_by_what_another_process_read_long_before_the_end(tmp_path: Path) -> None:
    oom = replace(NAN, id="cuda_oom", message="out of memory", offset=500, metric="", step=None)
    known: dict[str, Diagnosed] = {}
    kept([oom], known, 1.0)
    row = replace(ROW, state=JobState.FAILED, exit_code=1)
    news = News(tail=b"worker 3: closing connection\n" * 1000, tail_at=1_000_000)
    assert Examination(row, watch_of({}), tmp_path, 5.0).look(row, news, 5.0).why != "out of memory"
    examined = Examination(row, watch_of({}), tmp_path, 5.0).look(row, news, 5.0, stored=known.values())
    assert examined.why == "out of memory"
    assert not any(each.over for each in changes(row, examined.findings, known, 5.0, examined.grounds))


async def test_an_attempt_keeps_its_findings_when_the_run_is_tried_again(tmp_path: Path) -> None:
    async with running(tmp_path, "retry: {on: [FAILED], max: 1, wait: 1h}\n") as (desk, backend, row):
        backend.write(trained(1, 9, nan=True), row.log or "")
        finding = await found(desk, "non_finite")
        backend.queue = [a_job(row.token, JobState.FAILED, job_id=row.job_id, exit_code=1, ended=time.time())]
        await desk.until(TableSeen, lambda table: any(each.attempt == 2 for each in table.rows))
        async with asyncio.timeout(30):
            while True:
                records = await desk.store.load()
                if records.attempts[row.token].diagnosed is not None:
                    break
                await asyncio.sleep(0.1)
        assert records.attempts[row.token].why
        assert not records.findings[finding.id].over
        assert {each.attempt for each in records.findings.values()} == {1}


async def test_a_muted_finding_stops_no_run(tmp_path: Path) -> None:
    async with running(tmp_path, "watch: {stop_on: [non_finite]}\n") as (desk, backend, row):
        await desk.watch.mute("non_finite", row.key, "run")
        backend.write(trained(1, 9, nan=True), row.log or "")
        await found(desk, "non_finite")
        await desk.watch._diagnosing.settle()
        assert backend.cancelled == []
        await desk.watch.mute("non_finite", row.key, "run", on=False)
        backend.write(trained(10, 11, nan=True), row.log or "")
        await desk.until(TableSeen, lambda table: bool(backend.cancelled))
