"""What hosts said of their room, and which of them are left alone for a while."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf
from typing import TYPE_CHECKING

from backends.base import HostKeyRefused, LoginRefused

if TYPE_CHECKING:
    from collections.abc import Mapping

    from backends.base import Room
    from trainboard.placement import Needs

    Key = tuple[str, Needs]

FRESH = {"slurm": 15.0}
"""Kind of backend → seconds for which its room is as it was; a gateway is asked no oftener than it is polled."""
FRESH_SERVER = 5.0

REMEMBERED = 60.0
"""Seconds after which an answer says nothing any more, not even as the one before another."""

FIRST_PAUSE, LONGEST_PAUSE = 5.0, 300.0
"""Seconds for which a host that takes nothing is left alone: twice as long each time."""


@dataclass(frozen=True, slots=True)
class Look:
    """One answer."""

    room: Room
    at: float
    before: Room | None
    """What the answer before this one was, if nothing was sent there since."""


@dataclass(frozen=True, slots=True)
class Pause:
    """Why something is left alone, and until when."""

    until: float
    reason: str
    count: int


class Looks:
    """The newest looks by backend and size of run. All times are seconds of a clock that never goes back."""

    def __init__(self) -> None:
        self._looks: dict[Key, Look] = {}
        self._outdated: set[Key] = set()
        """Those after which something left the host."""
        self.asked: dict[Key, float] = {}
        """Since when a host has been asked."""

    def ask(self, key: Key, now: float) -> None:
        """A host is asked from now on, until `asked` has lost it."""
        self.asked[key] = now
        self._outdated.discard(key)

    def see(self, key: Key, room: Room, now: float) -> None:
        """A host answered."""
        before = self._looks.get(key)
        lately = before is not None and now - before.at < REMEMBERED
        self._looks[key] = Look(room, now, before.room if before and lately else None)

    def room(self, key: Key, kind: str, now: float) -> Look | None:
        """What is known and still true; None: ask."""
        look = self._looks.get(key)
        if look is None or key in self._outdated:
            return None
        return look if now - look.at < FRESH.get(kind, FRESH_SERVER) else None

    def pair(self, kinds: Mapping[str, str], now: float) -> tuple[dict[Key, Room], dict[Key, Room]]:
        """The newest two answers of each, where both are known and the newer one is still true."""
        fresh = {key: look for key in self._looks if (look := self.room(key, kinds.get(key[0], ""), now))}
        both = {key: (look.room, look.before) for key, look in fresh.items() if look.before is not None}
        return {key: room for key, (room, _) in both.items()}, {key: room for key, (_, room) in both.items()}

    def outdate(self, backend: str) -> None:
        """Something left it: it has more room than it said, or is about to say."""
        self._outdated.update(key for key in (*self._looks, *self.asked) if key[0] == backend)

    def forget(self, backend: str) -> None:
        """Something was sent there: it has less room than it said."""
        for key in [key for key in self._looks if key[0] == backend]:
            del self._looks[key]


class Pauses:
    """What is left alone, by name: longer each time, until it works or somebody asks for it."""

    def __init__(self) -> None:
        self._pauses: dict[str, Pause] = {}

    def fail(self, name: str, reason: str, now: float, error: BaseException | None = None) -> None:
        """It did not work. A refused login is not tried again by itself: that would bring the prompt again."""
        before = self._pauses.get(name)
        count = before.count + 1 if before else 1
        refused = isinstance(error, LoginRefused | HostKeyRefused)
        wait = inf if refused else min(LONGEST_PAUSE, FIRST_PAUSE * 2.0 ** min(count - 1, 10))
        self._pauses[name] = Pause(now + wait, reason, count)

    def clear(self, name: str) -> None:
        """It works, or is to be tried now."""
        self._pauses.pop(name, None)

    def reason(self, name: str, now: float) -> str:
        """Why it is left alone; empty where it is not."""
        pause = self._pauses.get(name)
        return pause.reason if pause is not None and now < pause.until else ""

    def reasons(self) -> dict[str, str]:
        """Everything that did not work the last time it was tried."""
        return {name: pause.reason for name, pause in self._pauses.items()}
