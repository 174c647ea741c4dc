"""Questions of hosts, asked in a modal, one at a time."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from textual.app import App

    from backends.base import Question


class ModalPrompter:
    """A `Prompter` that asks in a modal of an app. Whoever asks before the app is up waits for it."""

    def __init__(self) -> None:
        self._turn = asyncio.Lock()
        self._app: asyncio.Future[App[int]] | None = None
        self._answer: asyncio.Future[str | None] | None = None
        self._closed = False

    def attach(self, app: App[int]) -> None:
        """The app is up."""
        waiting = self._waiting()
        if not waiting.done():
            waiting.set_result(app)

    def detach(self) -> None:
        """The app goes: open questions are declined, and later ones."""
        self._closed = True
        if self._answer is not None and not self._answer.done():
            self._answer.set_result(None)
        self._waiting().cancel()

    async def ask(self, question: Question) -> str | None:
        """The answer; None where the user declines, or the app is gone. Others wait for their turn."""
        async with self._turn:
            if self._closed:
                return None
            app = await asyncio.shield(self._waiting())
            return await self._ask(app, question)

    async def _ask(self, app: App[int], question: Question) -> str | None:
        from tui.screens.question import QuestionScreen

        answer: asyncio.Future[str | None] = asyncio.get_running_loop().create_future()
        self._answer = answer
        screen = QuestionScreen(question)

        def answered(text: str | None) -> None:
            if not answer.done():
                answer.set_result(text)

        app.call_later(app.push_screen, screen, answered)
        try:
            return await answer
        finally:
            self._answer = None
            if not self._closed:
                app.call_later(screen.leave)

    def _waiting(self) -> asyncio.Future[App[int]]:
        if self._app is None:
            self._app = asyncio.get_running_loop().create_future()
        return self._app
