"""A run as the rules see it: its series and its log's messages, brought up to date by what it was told of."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import TYPE_CHECKING

from trainboard.diagnose.catalogue import CATALOGUE
from trainboard.diagnose.finding import Severity
from trainboard.diagnose.job import job_findings
from trainboard.diagnose.jobseen import JobSeen
from trainboard.diagnose.messages import Scanner
from trainboard.diagnose.ranking import ranked
from trainboard.diagnose.training import Diagnosis
from trainboard.diagnose.why import DEATHS, why
from trainboard.keeping import Grounds, finding_of
from trainboard.naming import is_usage
from trainboard.outcome import outcome
from trainboard.progress import estimate
from trainboard.recording import MOST, series_path
from trainboard.series import by_metric
from trainboard.seriesfile import SeriesFile
from trainboard.stopping import HOPELESS

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from backends.base import Health
    from specs.watch import Watch
    from trainboard.case import Heard, News
    from trainboard.diagnose.finding import Finding
    from trainboard.diagnose.hopeless.judging import Judging
    from trainboard.events import Sampled
    from trainboard.extract.progress import Progress
    from trainboard.records import Diagnosed
    from trainboard.rows import Row
    from trainboard.series import Sample, Series

KEPT = 1 << 16
"""Samples of a run that are kept in memory for the rules that look at whole curves; of more, as many as draw the same
curves."""

JOB = 10.0
"""Seconds between two looks at job and machine, which go through whole curves; a message in the log is looked at when
it comes."""

WARM = 600.0
"""Seconds for which a run is looked at before a stored finding that was not made since is over: what was heard of its
host is not kept, and is to be heard again."""

OFF = "off"


@dataclass(frozen=True, slots=True)
class Examined:
    """What one look says of a run."""

    findings: tuple[Finding, ...]
    """Root causes first."""
    why: str
    """Why it failed, in one plain sentence; empty where it did not, or has not ended."""
    grounds: Grounds


class Examination:
    """One attempt of a row. It reads files and works: call it in a thread, one call at a time."""

    def __init__(self, row: Row, watch: Watch, folder: Path, now: float) -> None:
        """`watch`: what its spec says; `folder`: of the series files; `now`: when it begins."""
        self._row = row
        self._watch = watch
        self._off = {rule for rule, severity in watch.rules.items() if severity == OFF}
        self._file = series_path(folder, row.key, row.attempt)
        self._began = now
        self._diagnosis = self._new_diagnosis()
        self._series: dict[str, Series] = {}
        self._number = 0
        """Samples that it has."""
        self._stale = True
        """Whether what is stored is to be read first."""
        self._progress: Progress | None = None
        self._scanner = Scanner()
        self._since: int | None = None
        """Where in the log it began to hear; None: it heard nothing yet."""
        self._base = 0
        """Where the file begins that is the log now, of all that the scanner was fed: a log may be turned."""
        self._fed = 0
        """Where in that file the next piece begins."""
        self._tail: bytes | None = None
        self._job: tuple[Finding, ...] = ()
        self._hopeless: tuple[Finding, ...] = ()
        self._judged = False
        self._job_at = -math.inf
        self._told: frozenset[str] = frozenset()

    def _new_diagnosis(self) -> Diagnosis:
        row = self._row
        return Diagnosis(row.objective, row.goal, row.total, self._off)

    def look(
        self,
        row: Row,
        news: News,
        now: float,
        health: Sequence[Health] = (),
        judging: Judging | None = None,
        rows: Mapping[str, Row] = MappingProxyType({}),
        stored: Iterable[Diagnosed] = (),
    ) -> Examined:
        """What the rules find. `row`: as it is now; `rows`: all there are, to compare it with; `stored`: what was
        found of this attempt before. Raises `OSError`."""
        self._row = row
        hits = self._hear(news)
        self._take(news.events)
        if hits or self._tail is not None or now - self._job_at >= JOB:
            self._job_at, self._job = now, job_findings(self._seen(now, health, news.log_at), self._off)
            self._judge(judging, rows)
        made = [self._as_wanted(each) for each in (*self._diagnosis.findings(), *self._job, *self._hopeless)]
        made += self._remembered(stored, {each.id for each in made})
        well = not row.state.ended or row.state == "COMPLETED"
        findings = ranked(made, CATALOGUE, () if well else DEATHS)
        self._told |= {each.id for each in findings}
        warm = now - self._began >= WARM or row.state.ended
        return Examined(findings, self._why(findings), Grounds(self._since, self._told, warm, self._judged))

    def _remembered(self, stored: Iterable[Diagnosed], made: Collection[str]) -> Iterator[Finding]:
        """What stands by lines ahead of those that were heard: another process saw them; none is read again."""
        for each in stored:
            unheard = each.offset is not None and (self._since is None or each.offset < self._since)
            if unheard and not each.over and each.rule not in self._off and each.rule not in made:
                yield finding_of(each)

    def _judge(self, judging: Judging | None, rows: Mapping[str, Row]) -> None:
        """Whether it will come to something; what was said of one that has ended stays."""
        if judging is None or self._row.state.ended or HOPELESS in self._off:
            return
        found = judging.finding(self._row, self._measured(), rows, self._watch.early_stop)
        self._hopeless, self._judged = () if found is None else (found,), True

    def _seen(self, now: float, health: Sequence[Health], log_at: float | None) -> JobSeen:
        return JobSeen(
            now=now,
            row=self._row,
            hits=self._scanner.hits,
            series=self._series,
            estimate=estimate(self._progress, self._measured(), self._row, now),
            health=health,
            outcome=self._outcome(),
            log_at=log_at,
            tail=self._tail or b"",
        )

    def _why(self, findings: Sequence[Finding]) -> str:
        if self._tail is None:
            return ""
        told = self._outcome()
        failed = self._row.state != "COMPLETED" or told not in ("completed", "unknown")
        return why(findings, told, self._tail).sentence if failed else ""

    def _outcome(self) -> str:
        return outcome(self._tail, self._measured(), self._progress) if self._tail is not None else ""

    def _as_wanted(self, finding: Finding) -> Finding:
        """With the severity that the spec gives it, and the place in the file that is the log now."""
        if finding.offset is not None:
            at = finding.offset - self._base
            finding = replace(finding, offset=at if at >= 0 else None)
        wanted = self._watch.rules.get(finding.id)
        return finding if wanted in (None, OFF) else replace(finding, severity=Severity(wanted))

    # what it has

    def _take(self, events: Sequence[Sampled]) -> None:
        """New samples; where they do not follow on what it has, what is stored is read again."""
        new: list[Sample] = []
        for event in events:
            self._progress = event.progress or self._progress
            anew = event.restarted and (event.number != self._number or not event.number)
            self._stale = self._stale or anew or event.number > self._number
            if not self._stale:  # what is stored may have been read before it was told
                samples = (event.samples or event.usage)[self._number - event.number :]
                new += samples
                self._number += len(samples)
        if self._stale:
            self._read_stored()
        else:
            self._diagnosis.take([sample for sample in new if not is_usage(sample.metric)])
            by_metric(new, self._series)
        if sum(map(len, self._series.values())) > 2 * KEPT:
            most = max(2, KEPT // len(self._series))
            self._series = {name: each.thinned(most) for name, each in self._series.items()}

    def _read_stored(self) -> None:
        """All of the attempt, as it is stored now: what was told is in there."""
        self._stale = True
        stored = SeriesFile(self._file).load(MOST)
        self._series, self._number, self._stale = stored.series(), stored.count, False
        self._diagnosis = self._new_diagnosis()
        self._diagnosis.take_series(self._measured())

    def _measured(self) -> dict[str, Series]:
        """What the training measured, without what it uses."""
        return {name: each for name, each in self._series.items() if not is_usage(name)}

    def _hear(self, news: News) -> int:
        """Look through new pieces of the log; how many messages were found in them."""
        self._stale = self._stale or news.lost
        hits = sum(self._hear_piece(each) for each in news.heard)
        if news.tail is None:
            return hits
        self._tail, at = news.tail, news.tail_at
        if self._since is None or (not self._base and at < self._since):  # another process had read the log
            self._begin(at)
            hits += self._feed(at, self._tail)
        return hits + len(self._scanner.finish())

    def _hear_piece(self, heard: Heard) -> int:
        if heard.restarted or self._since is None:
            self._begin(heard.offset)
        hits = 0
        if heard.turned:
            hits = len(self._scanner.feed(b"\n"))
            self._base, self._fed = self._scanner.offset, 0
        return hits + self._feed(heard.offset, heard.data)

    def _begin(self, at: int) -> None:
        """Hear the log from there; what was found in what it held before is not there any more."""
        self._since, self._base, self._fed, self._scanner = at, 0, at, Scanner(at)
        self._job_at = -math.inf

    def _feed(self, at: int, data: bytes) -> int:
        """A piece of the file; what was heard before, and is read again after a lost connection, is left out."""
        hits = 0
        if at > self._fed:  # some of the log was left out in between
            hits += len(self._scanner.feed(b"\n"))
            self._scanner.offset = self._base + at
            self._fed = at
        new = data[self._fed - at :]
        self._fed += len(new)
        return hits + (len(self._scanner.feed(new)) if new else 0)
