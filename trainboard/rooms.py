"""The room on hosts, as far as a dispatcher knows it, and the questions for what it does not know."""

from __future__ import annotations

from typing import TYPE_CHECKING

from backends.base import BackendError, Room
from trainboard.looks import Looks, Pauses
from trainboard.sending import said

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterable, Mapping

    from backends.base import Backend
    from trainboard.placement import Needs

    Key = tuple[str, Needs]

ANSWERED = 10.0
"""Seconds for which a host may think about its room while others, less preferred, wait for it."""


class Rooms:
    """Waits for no host: what is not known is asked for, and known at a later look."""

    def __init__(
        self,
        backends: Callable[[], Mapping[str, Backend]],
        sending: Mapping[str, float],
        pauses: Pauses,
        monotonic: Callable[[], float],
        begin: Callable[[Coroutine[None, None, None]], object],
    ) -> None:
        """`sending`: since when something is sent to a backend; `pauses`: of backends; `begin` runs a question."""
        self._backends = backends
        self._sending = sending
        self._pauses = pauses
        self._monotonic = monotonic
        self._begin = begin
        self.looks = Looks()

    def known(self, sizes: Iterable[tuple[tuple[str, ...], Needs]], kinds: Mapping[str, str]) -> dict[Key, Room]:
        """The room for each size of run on each backend, as far as it is known; the others are asked."""
        rooms: dict[Key, Room] = {}
        for where, needs in sizes:
            asked = len(where) > 1 or kinds[where[0]] == "slurm"
            for name in where:
                room = self.room((name, needs), kinds[name], asked=asked)
                if room is not None:
                    rooms[name, needs] = room
        return rooms

    def room(self, key: Key, kind: str, *, asked: bool) -> Room | None:
        """What a backend has room for; None: not known yet. `asked`: it matters, so ask it."""
        name, now = key[0], self._monotonic()
        if reason := self._pauses.reason(name, now):
            return Room(0, 0, reason)
        if name in self._sending:
            busy = now - self._sending[name] > ANSWERED
            return Room(0, 0, f"{name}: busy with a submission") if busy else None
        if not asked:
            return Room(None)
        look = self.looks.room(key, kind, now)
        if look is not None:
            return look.room
        since = self._ask(key)
        return Room(0, 0, f"{name}: no answer yet") if now - since > ANSWERED else None

    def _ask(self, key: Key) -> float:
        """Ask a backend for its room, if that is not under way; since when it is."""
        if key not in self.looks.asked:
            self.looks.ask(key, self._monotonic())
            self._begin(self._look(key))
        return self.looks.asked[key]

    async def _look(self, key: Key) -> None:
        name, needs = key
        try:
            room = await self._backends()[name].room(*needs)
        except BackendError as error:
            self._pauses.fail(name, said(error), self._monotonic(), error)
        else:
            self.looks.see(key, room, self._monotonic())
        finally:
            del self.looks.asked[key]
