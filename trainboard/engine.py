"""The engine: one process of all on a state folder polls the hosts and places runs; the others show what it sees."""

from __future__ import annotations

import asyncio
import contextlib
import time
from typing import TYPE_CHECKING

from backends.base import BackendError
from trainboard.events import EngineSeen
from trainboard.lease import LOOK, silent
from trainboard.picture import PictureFile, ask_anew, asked_anew
from trainboard.query import query
from trainboard.store import StoreError
from trainboard.tasks import Tasks

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Generator, Mapping
    from pathlib import Path

    from trainboard.dispatch import Dispatcher
    from trainboard.events import Event
    from trainboard.lease import Holder, Lease
    from trainboard.picture import Picture
    from trainboard.place import Place
    from trainboard.store import Store
    from trainboard.tasks import Troubles

HEALTH_INTERVAL = 5.0
"""Seconds between two readings of a host."""

DISPATCH_INTERVAL = 1.0
"""Seconds at most between two looks at what could be sent: back-offs and dependencies end without an event."""

SHORTEST_REST = 0.1
"""Seconds between two looks at what could be sent, whatever happens."""


class Engine:
    """Drives the places where this process has the lease, and shows another process's pictures where it has not."""

    def __init__(
        self,
        places: Mapping[str, Place],
        store: Store,
        dispatcher: Dispatcher,
        lease: Lease,
        pictures: Path,
        tell: Callable[[Event], None],
        troubles: Troubles,
        changed: Callable[[], Awaitable[None]],
        *,
        readonly: bool = False,
    ) -> None:
        """`pictures` is a folder; `changed` is awaited when places or the store have news; `readonly`: place none."""
        self._readonly = readonly
        self._places = places
        self._store = store
        self._dispatcher = dispatcher
        self._lease = lease
        self._folder = pictures
        self._tell = tell
        self._changed = changed
        self.driving = asyncio.Event()
        """Set while this process polls and places runs."""
        self.idle = asyncio.Event()
        """Set while another one does."""
        self.idle.set()
        self._tasks = Tasks(tell)
        self._seen: tuple[Holder | None, bool] | None = None
        self._files: dict[str, PictureFile] = {}
        self._wanted: object = None
        self._troubles = troubles
        self._focused = True
        self._going = asyncio.Event()
        self._going.set()
        self._kick = asyncio.Event()
        self._news = False
        """Something was sent since the table was told."""
        self._under_way: set[asyncio.Task[None]] = set()
        self._looks = self._quiet_look = 0
        """How often it was looked what could be sent, and which look was the last one that had nothing to do."""
        self._looked = asyncio.Condition()

    async def run(self) -> None:
        """Drive, or show what the driver sees; never ends by itself."""
        self._wanted = await asyncio.to_thread(asked_anew, self._folder)
        try:
            while True:
                await self._look()
                if self.driving.is_set():
                    await self._keep_pictures()
                else:
                    await self._show_pictures()
                await asyncio.sleep(LOOK)
        finally:
            await self._tasks.end()
            self._lease.give_up()  # one system call: nobody waits for it

    def begin_place(self, place: Place) -> None:
        """A backend that was not there when `run` began."""
        if self.driving.is_set():
            self._drive(place)

    async def refresh(self) -> None:
        """Have every host asked now, by whoever asks them; those that wait for a login too."""
        if self.driving.is_set():
            self._wake_all(by_user=True)
            return
        with self._trouble_of("pictures"):
            await asyncio.to_thread(ask_anew, self._folder)

    def wake(self, name: str) -> None:
        """The user did something there: ask now."""
        if (place := self._places.get(name)) is not None:
            place.wake(by_user=True)
        self.stir()

    def stir(self) -> None:
        """Records or hosts have changed: something could be sent now."""
        self._kick.set()

    async def settle(self) -> None:
        """Return when all has been sent that can be sent now, as far as this process does it."""
        if self._readonly:
            return
        next_look = self._looks + 1
        self.stir()
        async with self._looked:
            await self._looked.wait_for(lambda: self._quiet_look >= next_look or not self.driving.is_set())

    def pause(self, paused: bool) -> None:
        """Stop or go on polling."""
        if paused:
            self._going.clear()
        else:
            self._going.set()
            self._wake_all()

    def focus(self, focused: bool) -> None:
        """Whether somebody looks."""
        if focused and not self._focused:
            self._wake_all()
        self._focused = focused

    def _wake_all(self, *, by_user: bool = False) -> None:
        for place in self._places.values():
            place.wake(by_user=by_user)

    # who drives

    async def _look(self) -> None:
        """Take the lease, keep it, or see who has it; drive where nobody else does."""
        holder: Holder | None = None
        with self._trouble_of("lease"):
            holder = await asyncio.to_thread(self._lease.look)
        drive = holder is None or self._lease.held or silent(holder, time.time())
        if drive != self.driving.is_set():
            await (self._take_over() if drive else self._hand_over())
        known = self._seen
        if known is None or (who(known[0]), known[1]) != (who(holder), drive):
            self._seen = (holder, drive)
            self._tell(EngineSeen(holder, drive))

    async def _take_over(self) -> None:
        self.driving.set()
        self.idle.clear()
        for place in self._places.values():
            self._drive(place)
        if not self._readonly:
            self._tasks.begin(self._dispatch())

    async def _hand_over(self) -> None:
        self.driving.clear()
        self.idle.set()
        await self._tasks.end()

    def _drive(self, place: Place) -> None:
        self._tell(place.event())
        self._tasks.begin(self._poll(place))
        self._tasks.begin(self._watch_health(place))

    # driving

    async def _poll(self, place: Place) -> None:
        """Ask one backend for its jobs, for ever; one query at a time."""
        while True:
            await self._going.wait()
            try:
                policies = None if self._readonly else self._dispatcher.policies
                answer = await query(place.backend, self._store, place.absences, policies=policies)
            except BackendError as error:
                place.fail(error)
            except StoreError as error:
                self._troubles.meet("store", str(error))
            except Exception as error:  # a defect of ours must not end the watch over this host
                place.fail(defect(place, error))
            else:
                place.answer(answer)
                self._dispatcher.see(place.backend.name, answer.queue)
                self.stir()
                await self._changed()
            self._tell(place.event())
            await place.rest(place.delay(self._focused))

    async def _watch_health(self, place: Place) -> None:
        """Readings of one host, for as long as it answers."""
        while True:
            await place.answered.wait()
            try:
                async with contextlib.aclosing(place.backend.health(HEALTH_INTERVAL)) as readings:
                    async for reading in readings:
                        place.health = reading
                        self._tell(place.event())
            except BackendError as error:
                # The poll of the same host meets the same trouble, and it is the poll that tells.
                place.suspect(error)
            except Exception as error:  # as there; the poll goes on without readings
                self._troubles.meet(f"readings of {place.backend.name}", str(defect(place, error)))
                place.suspect(defect(place, error))

    async def _dispatch(self) -> None:
        """Have sent what can be sent, at once when something changed, for ever."""
        while True:
            self._kick.clear()
            self._looks += 1
            begun: set[asyncio.Task[None]] = set()
            try:
                begun = await self._dispatcher.begin()
            except StoreError as error:
                self._troubles.meet("store", str(error))
            except Exception as error:  # a defect of ours there must not keep the hosts from being watched
                self._troubles.meet("dispatch", f"{type(error).__name__}: {error}")
            else:
                self._troubles.over("dispatch")
                self._under_way |= begun
                for task in begun:
                    task.add_done_callback(self._sent)
                self._tell_troubles()
                if self._news or begun:
                    self._news = False
                    await self._changed()
            if not self._under_way:
                async with self._looked:
                    self._quiet_look = self._looks
                    self._looked.notify_all()
            await asyncio.sleep(SHORTEST_REST)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(DISPATCH_INTERVAL):
                    await self._kick.wait()

    def _sent(self, task: asyncio.Task[None]) -> None:
        self._under_way.discard(task)
        self._news = True
        self.stir()

    def _tell_troubles(self) -> None:
        """What the dispatcher meets on a host is told with the host."""
        troubles = self._dispatcher.troubles
        for name, place in self._places.items():
            if place.trouble != (trouble := troubles.get(name, "")):
                place.trouble = trouble
                self._tell(place.event())

    # pictures

    async def _keep_pictures(self) -> None:
        """Show others what we see, and what is asked of us."""
        if self._readonly:
            return
        pictures = [place.picture() for place in self._places.values()]
        with self._trouble_of("pictures"):
            wanted = await asyncio.to_thread(self._write, pictures)
            if wanted != self._wanted:
                self._wanted = wanted
                self._wake_all(by_user=True)

    def _write(self, pictures: list[Picture]) -> object:
        for picture in pictures:
            self._file(picture.backend, picture.kind).write(picture)
        return asked_anew(self._folder)

    async def _show_pictures(self) -> None:
        """Take over what the driver sees."""
        kinds = {name: place.backend.kind for name, place in self._places.items()}
        news = False
        for picture in await asyncio.to_thread(self._read, kinds):
            place = self._places[picture.backend]
            if place.show(picture):
                self._tell(place.event())
                news = True
        if news:
            await self._changed()

    def _read(self, kinds: Mapping[str, str]) -> list[Picture]:
        found = (self._file(name, kind).read() for name, kind in kinds.items())
        return [picture for picture in found if picture is not None]

    def _file(self, name: str, kind: str) -> PictureFile:
        """The file of one backend; only one thread at a time is in here, for `run` waits for each."""
        if name not in self._files:
            self._files[name] = PictureFile(self._folder, name, kind)
        return self._files[name]

    # trouble of our own

    @contextlib.contextmanager
    def _trouble_of(self, what: str) -> Generator[None]:
        try:
            yield
        except OSError as error:
            self._troubles.meet(
                what, f"{error.filename or self._folder}: {error.strerror or error}; going on without"
            )
        else:
            self._troubles.over(what)


def defect(place: Place, error: Exception) -> BackendError:
    """Something that nobody thought of, as trouble of the host that it was met on."""
    return BackendError(f"{place.backend.name}: {type(error).__name__}: {error}")


def who(holder: Holder | None) -> tuple[int, str, str] | None:
    """What tells one holder from another: not its last sign of life."""
    return (holder.pid, holder.host, holder.role) if holder else None
