"""`trainboard watch`: polls, places, tries again, and says what happens in lines."""

from __future__ import annotations

import asyncio
import contextlib
import json
import signal
import sys
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from trainboard.cli.desk import open_desk
from trainboard.cli.terminal import TerminalPrompter, finite
from trainboard.events import EngineSeen, HostSeen, Link, Noticed, TableSeen
from trainboard.show import clean, duration

if TYPE_CHECKING:
    import argparse
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from trainboard.cli.desk import Desk
    from trainboard.documents import Records
    from trainboard.events import Event
    from trainboard.rows import Row


@dataclass(frozen=True, slots=True)
class Line:
    """Something that happened."""

    what: str
    """`run`, `host`, `engine` or `notice`."""
    subject: str
    text: str
    more: Mapping[str, Any] = field(default_factory=dict)
    """For JSON."""


def watch(chosen: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """Until a signal ends it, or with `--once` until nothing waits for a host that answers; 1 where one does not."""
    return asyncio.run(run(chosen, environ))


async def run(chosen: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """Both signals end it as leaving the board does."""
    watching = asyncio.ensure_future(follow(chosen, open_desk(environ, TerminalPrompter())))
    loop = asyncio.get_running_loop()
    ended = []

    def end() -> None:
        ended.append(True)
        watching.cancel()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, end)
    try:
        return await watching
    except asyncio.CancelledError:
        if not ended:
            raise
        return 0


async def follow(chosen: argparse.Namespace, desk: Desk) -> int:
    """Read the events and print their lines."""
    watch, journal = desk.watch("watch"), Journal()

    async def waiting() -> list[Row]:
        return reachable(await desk.store.load(), watch.unsettled(), journal.down)

    async with contextlib.aclosing(watch.events()) as events:
        async for event in events:
            for line in journal.lines(event):
                say(line, as_json=chosen.json)
            if chosen.once and journal.asked_all(watch.backend_names()) and not await waiting():
                await watch.settle()
                if not await waiting():
                    break
    return 1 if chosen.once and journal.down else 0


def reachable(records: Records, rows: Sequence[Row], down: Collection[str]) -> list[Row]:
    """Those of these rows that wait for another host than those that are down."""
    if not down:
        return list(rows)

    def places(row: Row) -> set[str]:
        return {row.backend} if row.backend else set(records.experiments[row.experiment or ""].where)

    return [row for row in rows if not places(row) or places(row) - set(down)]


class Journal:
    """What was seen last, so that only what is different becomes a line."""

    def __init__(self) -> None:
        self._rows: dict[str, Row] | None = None
        self._hosts: dict[str, HostSeen] = {}

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


def say(line: Line, *, as_json: bool) -> None:
    """One line, now."""
    now = time.time()
    if as_json:
        said = {"at": now, "what": line.what, "subject": line.subject, "text": line.text, **line.more}
        text = json.dumps(finite(said), allow_nan=False)
    else:
        text = clean(f"{time.strftime('%H:%M:%S', time.localtime(now))}  {line.subject}  {line.text}", 4000)
    sys.stdout.write(text + "\n")
    sys.stdout.flush()
