"""All findings of a run or of a log file, and why it is as it is: what `trainboard diagnose` prints."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from trainboard.diagnose.catalogue import CATALOGUE
from trainboard.diagnose.finding import Severity
from trainboard.diagnose.job import job_findings
from trainboard.diagnose.jobseen import JobSeen
from trainboard.diagnose.messages import Scanner
from trainboard.diagnose.ranking import ranked, roots_of
from trainboard.diagnose.training import Diagnosis
from trainboard.diagnose.why import DEATHS, WELL, why
from trainboard.metrics import CHUNK, MetricsError, read_file
from trainboard.naming import is_usage
from trainboard.outcome import TAIL
from trainboard.sources.table import LOG, kind

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from specs.watch import Watch
    from trainboard.diagnose.finding import Finding
    from trainboard.diagnose.messages import Hit
    from trainboard.diagnose.why import Answer
    from trainboard.series import Series


@dataclass(frozen=True, slots=True)
class Report:
    """What is wrong with one run or log."""

    source: str
    """The file's path or the run's id."""
    outcome: str
    """One of `trainboard.outcome.OUTCOMES`."""
    findings: tuple[Finding, ...]
    """Root causes first, each with what follows from it right under it."""
    why: Answer
    muted: Mapping[str, str] = field(default_factory=dict)
    """Rule → `run`, `spec` or `all`: for what the user has muted it, of those that found something."""

    @property
    def roots(self) -> Mapping[str, str]:
        """By the id of a finding, that of the one that it follows from; empty for a root cause."""
        return roots_of(self.findings, CATALOGUE)

    def as_json(self) -> dict[str, Any]:
        """The keys that `diagnose --json` promises, and more."""
        roots = self.roots
        return {
            "source": self.source,
            "outcome": self.outcome,
            "why": self.why.as_json(),
            "findings": [
                {**each.as_json(), "follows": roots[each.id] or None, "muted": self.muted.get(each.id)}
                for each in self.findings
            ],
        }


def of_file(path: Path, now: float) -> Report:
    """A log, or any other file that holds samples. Raises `MetricsError`."""
    read = read_file(path)
    hits, tail, changed = heard(path) if kind(str(path)) is LOG else ((), b"", None)
    seen = JobSeen(now=now, hits=hits, series=read.series, outcome=read.outcome, log_at=changed, tail=tail)
    return of(str(path), seen, read.outcome)


def heard(path: Path) -> tuple[Sequence[Hit], bytes, float]:
    """The messages in a log, its end, and when it was changed last. Raises `MetricsError`."""
    scanner = Scanner()
    end: deque[bytes] = deque(maxlen=2)
    try:
        with path.open("rb") as file:
            while chunk := file.read(CHUNK):
                scanner.feed(chunk)
                end.append(chunk)
        changed = path.stat().st_mtime
    except OSError as error:
        raise MetricsError(f"{path}: {error.strerror or error}") from error
    scanner.finish()
    return scanner.hits, b"".join(end)[-TAIL:], changed


def of(source: str, seen: JobSeen, outcome: str, watch: Watch | None = None) -> Report:
    """What the rules find in all that is known; `watch`: the severities that the spec wants."""
    wanted = {} if watch is None else watch.rules
    off = {rule for rule, severity in wanted.items() if severity == "off"}
    row = seen.row
    known = (None, "minimize", {}) if row is None else (row.objective, row.goal, row.total)
    diagnosis = Diagnosis(*known, off)
    diagnosis.take_series({name: each for name, each in seen.series.items() if not is_usage(name)})
    found = [*diagnosis.findings(), *job_findings(seen, off)]
    weighed = [replace(each, severity=Severity(wanted.get(each.id, each.severity))) for each in found]
    findings = ranked(weighed, CATALOGUE, () if outcome in WELL else DEATHS)
    return Report(source, outcome, findings, why(findings, outcome, seen.tail))


def newest_moment(series: Mapping[str, Series]) -> float | None:
    """When the training last measured something; None where nobody knows."""
    moments = [float(np.fmax.reduce(each.walls)) for name, each in series.items() if len(each) and not is_usage(name)]
    return max((moment for moment in moments if np.isfinite(moment)), default=None)
