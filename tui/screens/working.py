"""A screen of panes that asks a host for one thing at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trainboard.actions import Refused
from tui.screens.tabbed import TabbedScreen

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from textual.timer import Timer

TICK = 0.5
"""Seconds between two drawings of how long something takes."""


class WorkingScreen(TabbedScreen):
    """What is under way is told with how long it takes; it can be given up, and ends on the host too."""

    def __init__(self, clock: Callable[[], float]) -> None:
        super().__init__()
        self.clock = clock
        self.busy = ""
        """What is being done; empty: nothing."""
        self.said = ""
        """What came of it, where that is to be told."""
        self._since = self._until = 0.0
        self._ticks: Timer | None = None

    def summarise(self) -> None:
        """Draw the lines that tell what is being done."""
        raise NotImplementedError

    def refused(self, refusal: Refused) -> None:
        """What was to be done could not be: say why."""
        self.said = str(refusal)

    def do(self, what: str, work: Coroutine[None, None, None], seconds: float = 0.0) -> None:
        """Do this, unless something is being done; `seconds`: so long it takes, where that is known."""
        if self.occupied():
            work.close()
            return
        self.busy, self.said = what, ""
        self._since, self._until = self.clock(), self.clock() + seconds if seconds else 0.0
        self._ticks = self.set_interval(TICK, self.summarise)
        self.summarise()
        self.run_worker(self._done(work), group="work", exclusive=True)

    def occupied(self) -> bool:
        """Whether something is being done; then that is said."""
        if self.busy:
            self.say(f"{self.busy}: esc gives that up")
        return bool(self.busy)

    async def _done(self, work: Coroutine[None, None, None]) -> None:
        try:
            await work
        except Refused as refusal:
            self.refused(refusal)
        finally:
            self.busy = ""
            if self._ticks is not None:
                self._ticks.stop()
            self.summarise()
            self.show_keys()

    def progress(self) -> str:
        """What is being done, how long that takes by now, and how it ends."""
        gone = max(0.0, self.clock() - self._since)
        far = f"{gone:.0f} of {self._until - self._since:g} s" if self._until else f"{gone:.0f} s"
        return f"{self.busy} … {far}; esc gives it up"

    def give_up(self, then: str = "") -> None:
        """End what is being done; `then`: what can be done now."""
        self.workers.cancel_group(self, "work")
        self.said = f"given up: {self.busy}{then}"
