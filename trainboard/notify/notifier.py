"""The notifier: makes a notice of what happens, once, and sends it by the user's channels until each has taken it."""

from __future__ import annotations

import asyncio
import random
import time
from typing import TYPE_CHECKING

from trainboard.diagnose.finding import Severity
from trainboard.notify import post
from trainboard.notify.channels import TERMINAL, Sort
from trainboard.notify.making import begin_id, beginning, notices_of, recipients
from trainboard.notify.news import Gathering
from trainboard.notify.outbox import Message, Outbox, Outcome
from trainboard.notify.text import summary
from trainboard.records import Notice
from trainboard.store import StoreError
from trainboard.tasks import Tasks, Troubles

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
    from pathlib import Path

    from trainboard.documents import Records
    from trainboard.events import Event
    from trainboard.notify.channels import Channel, Settings
    from trainboard.notify.news import News
    from trainboard.notify.outbox import Slip
    from trainboard.paths import Paths
    from trainboard.store import Store

LOOK = 2.0
"""Seconds between two looks at what there is to tell and to send."""
LEFTOVERS = 10.0
"""Seconds between two looks for messages that a process which is gone was sending."""
LONGEST_PACE = 900.0
"""Seconds between two messages of a channel, at most, however much happens."""


class Notifier:
    """Takes what the watch tells. Give it every event, and run it, whoever polls; see `drives`."""

    def __init__(
        self,
        settings: Settings,
        store: Store,
        paths: Paths,
        environ: Mapping[str, str],
        tell: Callable[[Event], None],
        *,
        clock: Callable[[], float] = time.time,
        outbox: Outbox | None = None,
        bell: Callable[[], bool] | None = None,
        chance: Callable[[], float] = random.random,
        troubles: Troubles | None = None,
    ) -> None:
        """`tell` hears of channels that do not work, through `troubles` where they are shared.

        `bell` rings, and says whether it could; None: there is none.
        """
        self.drives = True
        """Whether this process polls: only that one makes notices, and sends what needs no terminal of its own."""
        self._channels = settings.channels
        self._store = store
        self._series = paths.series
        self._clock = clock
        self._outbox = outbox or Outbox(paths.outbox, environ)
        self._bell = bell
        self._chance = chance
        self._tasks, self._troubles = Tasks(tell), troubles or Troubles(tell)
        there = {Sort.BELL: bell is not None, Sort.TMUX: bool(environ.get("TMUX"))}
        self._here = frozenset(each.name for each in settings.channels if there.get(each.sort, True))
        """The channels that this process can tell by."""
        self._gathering = Gathering(settings)
        self._turn = asyncio.Lock()
        """Held by a look: `settle` may come while `run` looks."""
        self._untold: list[News] = []
        """What could not be stored yet."""
        self._known: Mapping[str, Notice] = {}
        self._pending: tuple[Notice, ...] = ()
        """Of those known the ones that some channel has not sent: they have a text."""
        self._sending: dict[str, asyncio.Task[None]] = {}
        self._pace: dict[str, float] = {}
        self._not_before: dict[str, float] = {}
        self._looked = float("-inf")
        """When leftovers were looked for."""

    def take(self, event: Event) -> None:
        """Something happened; this only remembers it."""
        self._gathering.take(event, self._clock())

    async def run(self) -> None:
        """Tell what there is to tell, for ever."""
        try:
            while True:
                await self.look()
                await asyncio.sleep(LOOK)
        finally:
            await self._tasks.end()

    async def settle(self) -> None:
        """Return when all that can be sent now has been sent, or failed; nothing waits for a digest."""
        await self.look(at_once=True)
        await self.sent()

    async def sent(self) -> None:
        """Return when nothing is being sent."""
        while self._sending:
            await asyncio.gather(*self._sending.values(), return_exceptions=True)

    async def look(self, *, at_once: bool = False) -> None:
        """Make notices of what is new, and begin to send what is due. Trouble of our own is told, not raised."""
        try:
            async with self._turn:
                await self._look(at_once)
        except StoreError as error:
            self._troubles.meet("notices", str(error))
        except OSError as error:
            self._troubles.meet("notices", f"notices: {error.filename or ''}: {error.strerror or error}")
        except Exception as error:  # a defect of ours here must not end all notices
            self._troubles.meet("notices", f"notices: {type(error).__name__}")
        else:
            self._troubles.over("notices")

    async def _look(self, at_once: bool) -> None:
        if not self._channels:
            return
        records, now = await self._store.load(), self._clock()
        if self.drives:
            if await self._begin_channels(records, now):
                records = await self._store.load()
            self._untold += self._gathering.ready(records, now, at_once=at_once)
            await self._make(records, now, at_once)
            await self._end_what_is_over(records, now)
            if at_once or now - self._looked >= LEFTOVERS:
                self._looked = now
                for slip in await self._outbox.left():
                    await self._take_up(slip)
            records = await self._store.load()
        self._see(records)
        for channel in self._channels:
            if channel.name in self._here and (self.drives or channel.sort in TERMINAL):
                self._begin_to_send(channel, now, at_once)

    # making notices

    async def _begin_channels(self, records: Records, now: float) -> bool:
        """Remember since when there is a channel: what was before is not told by it. True where one is new."""
        new = [channel.name for channel in self._channels if begin_id(channel.name) not in records.notices]
        if new:
            made = [beginning(name, now) for name in new]
            await self._store.change(lambda records: [each for each in made if each.id not in records.notices])
        return bool(new)

    async def _make(self, records: Records, now: float, at_once: bool) -> None:
        told = [(news, to) for news in self._untold if (to := recipients(news, self._channels, records))]
        if told:
            made = await asyncio.to_thread(notices_of, told, records, self._series, now, at_once=at_once)
            await self._store.change(lambda records: [each for each in made if each.id not in records.notices])
        self._untold = []

    async def _end_what_is_over(self, records: Records, now: float) -> None:
        ended = [notice.id for notice in self._gathering.over(records)]
        late = [each.id for each in self._pending if post.stale(each, self._channels, now) is not each]
        if not ended and not late:
            return

        def change(records: Records) -> Iterable[Notice]:
            found = {id: post.over(records.notices[id], now) for id in ended if id in records.notices}
            old = [found.get(id) or records.notices[id] for id in late if id in records.notices]
            return (found | {each.id: post.stale(each, self._channels, now) for each in old}).values()

        await self._store.change(change)

    # sending

    def _see(self, records: Records) -> None:
        if records.notices is not self._known:
            self._known = records.notices
            self._pending = tuple(notice for notice in records.notices.values() if notice.text)

    def _begin_to_send(self, channel: Channel, now: float, at_once: bool) -> None:
        if channel.name in self._sending:
            return
        not_before = 0.0 if at_once else self._not_before.get(channel.name, 0.0)
        found = post.batch(self._pending, channel, now, not_before, at_once=at_once)
        if found:
            task = self._tasks.begin(self._send(channel, found))
            self._sending[channel.name] = task
            task.add_done_callback(lambda _: self._sending.pop(channel.name, None))

    async def _send(self, channel: Channel, notices: Sequence[Notice]) -> None:
        try:
            await self._try(channel, notices)
        except StoreError as error:
            self._troubles.meet("notices", str(error))
        except OSError as error:
            self._troubles.meet("notices", f"notices: {error.filename or ''}: {error.strerror or error}")

    async def _try(self, channel: Channel, notices: Sequence[Notice]) -> None:
        """Claim them, send them, and remember what came of it."""
        seen = {notice.id: notice.due[channel.name] for notice in notices}

        def claim(records: Records) -> Iterable[Notice]:
            now = [records.notices[id] for id in seen if id in records.notices]
            free = [each for each in now if each.due.get(channel.name) == seen[each.id]]
            return post.claimed(free, channel, self._clock())

        mine = [each for each in await self._store.change(claim) if isinstance(each, Notice)]
        if not mine:
            return
        ids = [each.id for each in mine]
        outcome, slip = await self._tell(channel, mine)
        try:
            await self._remember(channel.name, ids, outcome)
        except StoreError:
            if slip is not None:
                self._outbox.leave(slip)
            raise
        if slip is not None:
            await self._outbox.drop(slip)
        self._keep_pace(channel, len(mine), outcome)

    async def _tell(self, channel: Channel, notices: Sequence[Notice]) -> tuple[Outcome, Path | None]:
        if channel.sort is Sort.BELL:
            rung = self._bell is not None and await asyncio.to_thread(self._bell)
            return Outcome(rung, "the terminal takes nothing"), None
        title, body = summary(notices)
        worst = max((Severity.of(notice.severity) for notice in notices), key=lambda severity: severity.level)
        kinds = {notice.kind for notice in notices}
        kind = next(iter(kinds)) if len(kinds) == 1 else "digest"
        message, ids = Message(title, body, str(worst), kind), [each.id for each in notices]
        return await self._outbox.send(channel, message, ids, notices[0].reached.get(channel.name, "").split())

    async def _remember(self, channel: str, ids: Collection[str], outcome: Outcome) -> None:
        now, chance = self._clock(), self._chance()

        def change(records: Records) -> Iterable[Notice]:
            found = [records.notices[id] for id in ids if id in records.notices]
            if outcome.done:
                return post.taken(found, channel, now)
            return post.refused(found, channel, outcome.why, now, chance, outcome.reached)

        await self._store.change(change)
        if outcome.done:
            self._troubles.over(f"channel {channel}")
        else:
            self._troubles.meet(f"channel {channel}", f"notices by {channel}: {outcome.why}; it is tried again")

    async def _take_up(self, slip: Slip) -> None:
        """What another process was sending: its outcome, or that it never was sent."""
        if slip.outcome is not None:
            await self._remember(slip.channel, slip.notices, slip.outcome)
            await self._outbox.drop(slip.path)
            return
        now = self._clock()

        def change(records: Records) -> Iterable[Notice]:
            found = [records.notices[id] for id in slip.notices if id in records.notices]
            return post.unclaimed(found, slip.channel, now)

        await self._store.change(change)

    def _keep_pace(self, channel: Channel, count: int, outcome: Outcome) -> None:
        """Where messages hold several notices each, they come less and less often."""
        if outcome.done:
            before = max(self._pace.get(channel.name, 0.0), channel.digest)
            pace = min(LONGEST_PACE, 2 * before) if count > 1 else channel.digest
            self._pace[channel.name] = max(pace, channel.digest)
            self._not_before[channel.name] = self._clock() + self._pace[channel.name]
