"""A screen over the board that goes on with what arrives from the world."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.screen import Screen

if TYPE_CHECKING:
    from tui.messages import Reached


class HearingScreen(Screen[None]):
    """Gets every message that the board gets, as long as it is open; it handles those that mean something to it."""

    def on_reached(self, message: Reached) -> None:
        message.seen.set()
