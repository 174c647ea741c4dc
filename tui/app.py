"""The application: takes in the stream of events and shows the board."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
import time
from typing import TYPE_CHECKING, ClassVar

from textual.app import App

from tui.screens.board import BoardScreen
from tui.screens.hearing import HearingScreen

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping

    from textual.actions import ActionParseResult
    from textual.command import Provider
    from textual.dom import DOMNode
    from textual.screen import Screen

    from trainboard.actions import Actions
    from trainboard.events import Event
    from tui.prompts import ModalPrompter

FURNISHING = 5.0
"""Seconds after which a key waits no longer."""
BACKLOG = 8
"""Messages that may wait for the screen before the stream of events has to."""


def _commands() -> type[Provider]:
    from tui.commands import BoardCommands

    return BoardCommands


def _settle_memory() -> None:
    """Take modules and widgets out of garbage collection, which blocks for 50 ms if it walks them each time.

    Whoever starts the board may have switched collection off until here: importing is a tenth faster without it.
    """
    gc.freeze()
    gc.enable()


class Board(App[int]):
    """The board. Its one worker is the only door from the world to the screen; it returns the exit code."""

    CSS_PATH = "app.tcss"
    COMMANDS: ClassVar[set[type[Provider] | Callable[[], type[Provider]]]] = {_commands}
    COMMAND_PALETTE_BINDING = "ctrl+p"
    BINDINGS: ClassVar = []

    def __init__(
        self,
        events: Callable[[], AsyncIterator[Event]],
        actions: Actions,
        *,
        prompter: ModalPrompter | None = None,
        readonly: bool = False,
        title: str = "trainboard",
        clock: Callable[[], float] = time.time,
    ) -> None:
        super().__init__(ansi_color=bool(os.environ.get("NO_COLOR")))  # else Textual turns colours to greys only
        self.animation_level = "none"
        self.title = title
        self.actions = actions
        self._events = events
        self._prompter = prompter
        self.board = BoardScreen(actions, clock, readonly=readonly, title=title)
        self.readonly = readonly
        self.kept_results: dict[str, object] = {}
        """How results were looked at, by experiments."""

    def get_default_screen(self) -> Screen[None]:
        return self.board

    @property
    def _background_screens(self) -> list[Screen[object]]:
        """None below a screen that hides all: Textual 8 counts the one right below it, and draws all of the upper
        screen anew for every line that changes there."""
        return [] if self.screen.styles.background.a == 1 else super()._background_screens

    def on_mount(self) -> None:
        self._furnished = asyncio.Event()
        self.call_after_refresh(self._begin)

    async def _begin(self) -> None:
        """The first frame is out: now the world may come in, with its questions."""
        if self._prompter is not None:
            self._prompter.attach(self)
        await self.board.furnish()
        self._furnished.set()
        _settle_memory()
        self.run_worker(self._take_in(), group="events", exclusive=True)

    async def run_action(
        self,
        action: str | ActionParseResult,
        default_namespace: DOMNode | None = None,
        namespaces: Mapping[str, DOMNode] | None = None,
    ) -> bool:
        """Keys that are typed before the panes are there wait for them."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(FURNISHING):
                await self._furnished.wait()
        return await super().run_action(action, default_namespace, namespaces)

    def on_unmount(self) -> None:
        gc.unfreeze()
        if self._prompter is not None:
            self._prompter.detach()

    def on_app_focus(self) -> None:
        self.actions.focus(True)

    def on_app_blur(self) -> None:
        self.actions.focus(False)

    def _fatal_error(self) -> None:
        """A defect of ours ends the board with its traceback, but without values: secrets could be among them.

        Textual 8 shows all local variables and has no setting for it, hence this method of its own.
        """
        from rich.traceback import Traceback

        self.panic(Traceback(width=None))

    async def _take_in(self) -> None:
        """Events become messages, no faster than the screen takes them."""
        from trainboard.events import Closed
        from tui.messages import messages

        posted = 0
        async for event in self._events():
            if isinstance(event, Closed):
                self.exit()
                return
            for screen in self._hearing:
                for message in messages(event):
                    screen.post_message(message)
                    posted += 1
                    if posted % BACKLOG == 0:
                        await self._reach()

    @property
    def _hearing(self) -> list[Screen[None]]:
        """The board, and the screens above it that go on with what arrives."""
        return [self.board, *(screen for screen in self.screen_stack if isinstance(screen, HearingScreen))]

    async def _reach(self) -> None:
        """Return once they have taken everything in; a screen that closes has."""
        from tui.messages import Reached

        for screen in self._hearing:
            reached = Reached()
            if screen.post_message(reached):
                await reached.seen.wait()
