"""What there is to tell: gathered from the events, and told when it has stayed true for a moment. No I/O."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from backends.base import JobState
from trainboard.diagnose.finding import Severity
from trainboard.events import HostSeen, Link, Sampled, TableSeen
from trainboard.ledger import newest_attempts
from trainboard.muting import muted_by
from trainboard.notify.channels import ROOMY, Kind
from trainboard.trials.standing import PAUSED, sweeps

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from backends.base import Disk
    from trainboard.documents import Records
    from trainboard.events import Event
    from trainboard.notify.channels import Settings
    from trainboard.records import Diagnosed, Notice
    from trainboard.rows import Row

SETTLE = 15.0
"""Seconds for which something must stay true: a run that failed may be tried again, a finding may get its cause."""
READ = 5.0
"""The same where a run's log has been read to its end: what it tells is being found, and no more is to come."""
MOST = 1000
"""Ends that are looked at together: with more the event loop would stand still."""
OLDEST = 3 * 86400.0
"""Seconds after which an end that nobody saw is no news any more."""
RELIEF = 1.25
"""A disk is full no longer when so many times the limit is free: one at the limit is not told again and again."""


@dataclass(frozen=True, slots=True)
class News:
    """One thing."""

    id: str
    """Of the notice: the same thing has the same one in every process."""
    kind: Kind
    subject: str
    severity: Severity
    at: float
    """When it happened, or when it was seen to happen."""
    row: Row | None = None
    finding: Diagnosed | None = None
    host: HostSeen | None = None
    disk: Disk | None = None
    stopped: bool = False
    """By its spec."""
    sweep: str = ""
    """The experiment whose trials have all been asked for and have ended."""
    said: str = ""
    """How it stands then."""
    not_before: float = 0.0
    """It is told if it is still so then."""

    @property
    def experiment(self) -> str:
        """The experiment's id; empty where it is of none."""
        return (self.row.experiment or "") if self.row is not None else self.sweep


@dataclass(frozen=True, slots=True)
class _Ended:
    """A run that has ended, and may be tried again."""

    row: Row
    since: float
    """When that was seen."""
    witnessed: bool
    """It was seen running before."""


class Gathering:
    """Takes every event, and says what is news."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._rows: dict[str, Row] = {}
        self._ended: dict[str, _Ended] = {}
        self._read: dict[str, int | None] = {}
        """Rows whose log has been read to its end, with the attempt."""
        self._begun: dict[str, float | None] = {}
        """Runs with samples: when the first was seen; None: that was told, or is nothing to tell."""
        self._hosts: dict[str, HostSeen] = {}
        self._since: dict[str, float] = {}
        """Since when a host has been down, a disk full, a finding there."""
        self._findings: Mapping[str, Diagnosed] | None = None
        """Those that were looked at last; None: look again."""
        self._told: set[str] = set()
        """Of findings."""

    def take(self, event: Event, now: float) -> None:
        """Something happened."""
        match event:
            case TableSeen():
                self._table(event.rows, now)
            case Sampled():
                self._sampled(event, now)
            case HostSeen():
                self._hosts[event.backend] = event

    def ready(self, records: Records, now: float, *, at_once: bool = False) -> list[News]:
        """What is news, and has stayed so; `at_once`: without waiting whether it does."""
        return [
            *self._ends(records, now, at_once),
            *finished_sweeps(records),
            *self._first_samples(records),
            *self._found(records, now, at_once),
            *self._troubles(records, now, at_once),
        ]

    def over(self, records: Records) -> list[Notice]:
        """The notices of what is so no longer."""
        well = [host for host in self._hosts.values() if host.link is Link.UP]
        up = [still(records, Kind.HOST_DOWN, host.backend) for host in well]
        roomy = [
            still(records, Kind.DISK_LOW, f"{host.backend}:{disk.path}")
            for host in well
            for disk in (host.health.answering if host.health else ())
            if disk.free > RELIEF * self._limit(disk)
        ]
        return [notice for notice in (*up, *roomy) if notice is not None]

    def _table(self, rows: Collection[Row], now: float) -> None:
        before, self._rows = self._rows, {row.key: row for row in rows}
        for row in rows:
            old = before.get(row.key)
            if old is row or not row.ours:
                continue
            if not row.state.ended:
                self._ended.pop(row.key, None)
            elif old is None or not old.state.ended or old.attempt != row.attempt:
                if old is not None or now - last_seen(row) < OLDEST:
                    self._ended[row.key] = _Ended(row, now, old is not None)
                self._findings = None
            elif row.key in self._ended:
                known = self._ended[row.key]
                self._ended[row.key] = _Ended(row, known.since, known.witnessed)

    def _sampled(self, event: Sampled, now: float) -> None:
        row = self._rows.get(event.key)
        if row is None or not row.ours:
            return
        if event.complete:
            self._read[event.key] = row.attempt
        if event.key not in self._begun and (event.samples or event.stored):
            self._begun[event.key] = (row.started or now) if event.restarted or row.state.ended else now

    def _ends(self, records: Records, now: float, at_once: bool) -> Iterator[News]:
        settled = [each for each in self._ended.values() if at_once or now - each.since >= self._patience(each.row)]
        for ended in settled if at_once else settled[:MOST]:
            row, key = ended.row, ended.row.key
            del self._ended[key]
            run = records.runs.get(key)
            kind = Kind.FINISHED if row.state is JobState.COMPLETED else Kind.FAILED
            id = f"{kind}:{key}#{row.attempt or 1}"
            if run is None or id in records.notices:
                continue
            cancelled = row.state is JobState.CANCELLED and run.cancelled is not None
            if cancelled and (not run.stopped or run.stopped.startswith(PAUSED)):  # by the user, or at a rung
                continue
            severity = Severity.INFO if kind is Kind.FINISHED else Severity.ERROR
            at = now if ended.witnessed else last_seen(row)
            yield News(id, kind, key, severity, at, row, stopped=cancelled)

    def _patience(self, row: Row) -> float:
        """Seconds for which an end must stay one."""
        return READ if row.key in self._read and self._read[row.key] == row.attempt else SETTLE

    def _first_samples(self, records: Records) -> Iterator[News]:
        for key in [key for key, at in self._begun.items() if at is not None]:
            at, self._begun[key] = self._begun[key], None
            row, id = self._rows.get(key), f"{Kind.FIRST_SAMPLE}:{key}"
            if row is not None and at is not None and not row.state.ended and id not in records.notices:
                yield News(id, Kind.FIRST_SAMPLE, key, Severity.INFO, at, row)

    def _found(self, records: Records, now: float, at_once: bool) -> Iterator[News]:
        """Root causes of runs that go on; an end is told with what was found."""
        if records.findings is self._findings and not at_once:
            return
        self._findings = records.findings
        there = {
            f"{Kind.FINDING}:{finding.id}:{finding.severity}": (finding, row)
            for finding in records.findings.values()
            if not finding.over and not finding.root and (row := self._alive(finding)) is not None
        }
        for id in [id for id in self._since if id.startswith(f"{Kind.FINDING}:") and id not in there]:
            del self._since[id]
        for id, (finding, row) in there.items():
            if id in self._told or id in records.notices or muted_by(finding, records.mutes.values()) is not None:
                continue
            if not at_once and now - self._since.setdefault(id, now) < SETTLE:
                self._findings = None
                continue
            self._told.add(id)
            yield News(id, Kind.FINDING, finding.key, Severity.of(finding.severity), finding.first, row, finding)

    def _alive(self, finding: Diagnosed) -> Row | None:
        """The row of a finding, if it goes on with the same attempt."""
        row = self._rows.get(finding.key)
        return None if row is None or row.state.ended or (row.attempt or 1) != finding.attempt else row

    def _troubles(self, records: Records, now: float, at_once: bool) -> Iterator[News]:
        """Hosts that do not answer, and disks that are full."""
        for host in self._hosts.values():
            down = host.link in (Link.DOWN, Link.STALE)
            if (news := self._trouble(records, Kind.HOST_DOWN, host.backend, down, now, at_once)) is not None:
                id, since = news
                last = since + self._settings.host_down
                yield News(id, Kind.HOST_DOWN, host.backend, Severity.WARNING, now, host=host, not_before=last)
            for disk in host.health.answering if host.health and not down else ():
                subject, full = f"{host.backend}:{disk.path}", disk.free < self._limit(disk)
                if (news := self._trouble(records, Kind.DISK_LOW, subject, full, now, at_once)) is not None:
                    yield News(news[0], Kind.DISK_LOW, subject, Severity.WARNING, now, host=host, disk=disk)

    def _trouble(
        self, records: Records, kind: Kind, subject: str, bad: bool, now: float, at_once: bool
    ) -> tuple[str, float] | None:
        """The notice's id and since when it is so; None: it is not, or that was told, or it may pass by itself."""
        name = f"{kind}:{subject}"
        if not bad:
            self._since.pop(name, None)
            return None
        since = self._since.setdefault(name, now)
        if (now - since < SETTLE and not at_once) or still(records, kind, subject) is not None:
            return None
        return f"{name}#{times(records, kind, subject) + 1}", since

    def _limit(self, disk: Disk) -> float:
        """Bytes that must be free on it."""
        return min(disk.total / 20, ROOMY) if self._settings.disk_low is None else self._settings.disk_low


def finished_sweeps(records: Records) -> Iterator[News]:
    """Sweeps whose trials were asked for one after the other, of which nothing more will come: each is told once."""
    ended = [each for each in records.experiments.values() if each.finished is not None]
    ended = [each for each in ended if f"sweep:{each.id}" not in records.notices]
    if not ended:
        return
    standing = sweeps(records, newest_attempts(records))
    for each in ended:
        sweep, at = standing[each.id], each.finished or 0.0
        kind, severity = (Kind.FINISHED, Severity.INFO) if sweep.best else (Kind.FAILED, Severity.ERROR)
        yield News(f"sweep:{each.id}", kind, each.id, severity, at, sweep=each.id, said=f"{each.id}: {sweep.line}")


def last_seen(row: Row) -> float:
    """When a run ended, as far as that is known."""
    return row.ended or row.started or row.submitted or 0.0


def times(records: Records, kind: Kind, subject: str) -> int:
    """How often such a thing was told of a subject."""
    number = 0
    while f"{kind}:{subject}#{number + 1}" in records.notices:
        number += 1
    return number


def still(records: Records, kind: Kind, subject: str) -> Notice | None:
    """The newest notice of a thing that begins and ends, if it has not ended."""
    newest = records.notices.get(f"{kind}:{subject}#{times(records, kind, subject)}")
    return newest if newest is not None and newest.over is None else None
