"""Findings as they are kept: what is new of them since they were stored. Pure."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from trainboard.diagnose.catalogue import CATALOGUE
from trainboard.diagnose.finding import Finding, Severity
from trainboard.diagnose.ranking import roots_of
from trainboard.findings import spec_of
from trainboard.records import Diagnosed
from trainboard.stopping import HOPELESS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from trainboard.rows import Row

REFRESH = 300.0
"""Seconds after which the numbers of a finding that goes on are stored anew: they change with every sample."""


@dataclass(frozen=True, slots=True)
class Grounds:
    """What was looked at, and so by what a stored finding that is not made any more is known to be over."""

    since: int | None = 0
    """Where in the log it begins that was heard; None: nothing was."""
    told: frozenset[str] = frozenset()
    """Rules whose findings were made since the looking began."""
    warm: bool = True
    """Whether it has been looked at for long enough to make them again."""
    judged: bool = True
    """Whether it was compared with other runs."""

    def are_enough(self, old: Diagnosed) -> bool:
        """Whether it would have been made again if it were still so."""
        if old.rule in self.told:
            return True
        unheard = old.offset is not None and (self.since is None or old.offset < self.since)
        return self.warm and not unheard and (self.judged or old.rule != HOPELESS)


ALL = Grounds()
"""The whole run was looked at."""


def id_of(row: Row, rule: str) -> str:
    """Of a rule's finding in a row's attempt."""
    return f"{row.key}#{row.attempt or 1}:{rule}"


def changes(
    row: Row, findings: Sequence[Finding], stored: Mapping[str, Diagnosed], now: float, grounds: Grounds = ALL
) -> Iterator[Diagnosed]:
    """The records that are to be stored, given what the rules say now, and on what grounds.

    A finding that they do not make any more is over, where these are enough to tell; one that is over and comes again
    has not been read.
    """
    roots = roots_of(findings, CATALOGUE)
    for finding in findings:
        root = roots.get(finding.id, "")
        new = record_of(row, finding, id_of(row, root) if root else "", now)
        old = stored.get(new.id)
        if old is None:
            if not finding.over:
                yield new
        elif said(old) != said(new):
            worse = Severity.of(new.severity).level > Severity.of(old.severity).level or (old.over and not new.over)
            yield replace(new, first=old.first, read=None if worse else old.read)
        elif shown(old) != shown(new) and now - old.changed >= REFRESH:
            yield replace(new, first=old.first, read=old.read)
    told = {finding.id for finding in findings}
    for old in of_attempt(row, stored):
        if old.rule not in told and not old.over and grounds.are_enough(old):
            yield replace(old, over=True, changed=now)


def of_attempt(row: Row, stored: Mapping[str, Diagnosed]) -> Iterator[Diagnosed]:
    """The stored findings of a row's newest attempt."""
    ids = (id_of(row, rule) for rule in CATALOGUE)
    return (found for id in ids if (found := stored.get(id)) is not None)


def record_of(row: Row, finding: Finding, root: str, now: float) -> Diagnosed:
    """A finding as it is kept; `root`: the id of the record that it follows from."""
    return Diagnosed(
        id=id_of(row, finding.id),
        key=row.key,
        attempt=row.attempt or 1,
        rule=finding.id,
        severity=str(finding.severity),
        cause=finding.cause,
        message=finding.message,
        advice=finding.advice,
        first=now,
        changed=now,
        evidence={name: storable(value) for name, value in finding.evidence.items()},
        step=finding.step if finding.step is None or math.isfinite(finding.step) else None,
        index=finding.index,
        metric=finding.metric,
        lines=finding.lines,
        offset=finding.offset,
        at=finding.at,
        over=finding.over,
        root=root,
        name=row.name,
        spec=spec_of(row),
    )


def said(record: Diagnosed) -> tuple[object, ...]:
    """What is news when it changes."""
    return record.severity, record.cause, record.over, record.root, record.index, record.metric, record.offset


def shown(record: Diagnosed) -> tuple[object, ...]:
    """What changes with every sample."""
    return record.message, dict(record.evidence), record.advice, tuple(record.lines), record.step


def finding_of(record: Diagnosed) -> Finding:
    """A stored finding as its rule made it."""
    return Finding(
        record.rule,
        Severity.of(record.severity),
        record.cause,
        record.message,
        record.advice,
        dict(record.evidence),
        record.step,
        record.index,
        record.metric,
        tuple(record.lines),
        record.offset,
        record.at,
        record.over,
    )


def storable(value: float | str) -> float | str:
    """A number as JSON takes it: those that are not finite are words."""
    return value if isinstance(value, str) or math.isfinite(value) else str(float(value))
