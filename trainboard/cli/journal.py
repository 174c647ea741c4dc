"""What happens, as lines: only what is different from what was seen before."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from trainboard.events import EngineSeen, FindingsSeen, HostSeen, Link, Noticed, TableSeen
from trainboard.muting import muted_by
from trainboard.show import duration

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from trainboard.events import Event
    from trainboard.records import Diagnosed
    from trainboard.rows import Row


@dataclass(frozen=True, slots=True)
class Line:
    """Something that happened."""

    what: str
    """`run`, `host`, `engine`, `finding` or `notice`."""
    subject: str
    text: str
    more: Mapping[str, Any] = field(default_factory=dict)
    """For JSON."""


class Journal:
    """What was seen last, so that only what is different becomes a line."""

    def __init__(self) -> None:
        self._rows: dict[str, Row] | None = None
        self._hosts: dict[str, HostSeen] = {}
        self._findings: dict[str, Diagnosed] | None = None

    @property
    def down(self) -> list[str]:
        """Hosts that did not answer."""
        return [name for name, host in self._hosts.items() if host.link is not Link.UP]

    def asked_all(self, names: Sequence[str]) -> bool:
        """Whether each of these has answered, or failed to, and the table was seen since."""
        links = [self._hosts[name].link if name in self._hosts else Link.CONNECTING for name in names]
        return self._rows is not None and Link.CONNECTING not in links

    def lines(self, event: Event) -> Iterator[Line]:
        """What an event has to say."""
        match event:
            case TableSeen():
                yield from self._table(event)
            case HostSeen():
                yield from self._host(event)
            case EngineSeen():
                yield engine_line(event)
            case FindingsSeen():
                yield from self._found(event)
            case Noticed():
                yield Line("notice", event.severity, event.text)

    def _table(self, table: TableSeen) -> Iterator[Line]:
        before, self._rows = self._rows, {row.key: row for row in table.rows}
        if before is None:  # what was there before us did not happen now
            return
        for row in table.rows:
            old = before.get(row.key)
            if old is not row and row.ours and (old is None or news_of(old) != news_of(row)):
                yield row_line(row, table.at)

    def _found(self, seen: FindingsSeen) -> Iterator[Line]:
        before, self._findings = self._findings, {each.id: each for each in seen.findings}
        if before is None:
            return
        for each in sorted(seen.findings, key=lambda each: (each.first, bool(each.root))):  # the cause first
            old = before.get(each.id)
            if (
                old is not each
                and (old is None or standing(old) != standing(each))
                and not muted_by(each, seen.mutes)
            ):
                yield finding_line(each)

    def _host(self, host: HostSeen) -> Iterator[Line]:
        before = self._hosts.get(host.backend)
        self._hosts[host.backend] = host
        if (trouble := trouble_of(host)) != (trouble_of(before) if before else ""):
            yield Line("host", host.backend, trouble or "up", {"link": host.link, "reason": trouble})


def news_of(row: Row) -> tuple[object, ...]:
    """What about a row is worth a line when it changes: not the words in which it waits."""
    return row.state, row.attempt, row.backend, row.job_id, row.reason if row.state.ended else ""


def row_line(row: Row, now: float) -> Line:
    """A run's state."""
    job = f" as {row.job_id}" if row.job_id and row.job_id != row.token else ""
    where = f" on {row.backend}{job}" if row.backend else ""
    took = f" after {duration(row.ended - row.started)}" if row.state.ended and row.ended and row.started else ""
    attempt = f", attempt {row.attempt}" if row.attempt and row.attempt > 1 else ""
    reason = f": {row.reason_at(now)}" if row.reason else ""
    return Line(
        "run", row.key, f"{row.state}{where}{took}{attempt}{reason}", row.as_json() | {"attempt": row.attempt}
    )


def standing(finding: Diagnosed) -> tuple[object, ...]:
    """What about a finding is worth a line when it changes: not its numbers."""
    return finding.severity, finding.cause, finding.over, finding.root


def finding_line(finding: Diagnosed) -> Line:
    """What a rule found, or does not find any more."""
    follows = f" (follows from {finding.root.rpartition(':')[2]})" if finding.root else ""
    said = f"{finding.rule} is over" if finding.over else f"{finding.severity}: {finding.message}{follows}"
    more: dict[str, Any] = {
        "key": finding.key,
        "id": finding.rule,
        "severity": finding.severity,
        "cause": finding.cause,
    }
    more |= {"step": finding.step, "over": finding.over, "root": not finding.root, "advice": finding.advice}
    return Line("finding", finding.name or finding.key, said, more)


def trouble_of(host: HostSeen) -> str:
    """What is wrong with a host; empty while it is well, or not known yet."""
    if host.link in (Link.DOWN, Link.STALE):
        return f"{host.link}: {host.reason}"
    return host.trouble


def engine_line(event: EngineSeen) -> Line:
    """Who polls."""
    holder = event.holder
    if event.ours:
        text = "this process polls and places"
    else:
        text = f"{holder} polls and places; this one takes over when that one ends"
    return Line("engine", "watch", text, {"ours": event.ours, "pid": holder.pid if holder else None})
