"""An embedding that a run saved: its points along their principal components, step by step."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING

from textual import on

from trainboard.actions import Refused
from trainboard.components import components, nearest, turned
from trainboard.embeddings import load
from trainboard.show import size
from tui import show
from tui.cloud import Cloud
from tui.keys import bindings
from tui.loading import Aside
from tui.screens.upper import UpperScreen
from tui.widgets.bars import Line
from tui.widgets.cloud_view import CloudView

if TYPE_CHECKING:
    from textual.app import ComposeResult

    from trainboard.outputs import OutputFile
    from tui.viewers import Look

NEAREST = 8
"""Neighbours that are told."""
KEPT = 6
"""Steps whose points stay in memory, so that going back and forth reads nothing."""


def look_at(look: Look) -> EmbeddingScreen:
    """The screen of an output."""
    return EmbeddingScreen(look)


class EmbeddingScreen(UpperScreen):
    """The newest step first. Each step has components of its own, turned as those that were seen first."""

    PLACES = ("embedding", "cloud")
    BINDINGS = bindings("embedding")

    def __init__(self, look: Look) -> None:
        super().__init__()
        self._look = look
        self._files = look.output.files
        self._at = len(self._files) - 1
        self._clouds: dict[str, Cloud] = {}
        self._first: Cloud | None = None
        """Whose signs the others take."""
        self._reading, self._measuring = Aside(self, "read"), Aside(self, "near")

    def compose(self) -> ComposeResult:
        yield CloudView(id="cloud")
        yield Line(keep=2, id="footer")

    def on_mount(self) -> None:
        self.view = self.query_one(CloudView)
        self.set_focus(self.view)
        self.show_keys()
        self._open()

    @property
    def file(self) -> OutputFile:
        """What is shown."""
        return self._files[self._at]

    def _open(self) -> None:
        self._say("reading …")
        self._reading.ask(partial(self._read, self.file))

    async def _read(self, file: OutputFile) -> None:
        """Read and work out, unless another one is wanted meanwhile."""
        found = self._clouds.pop(file.path, None)
        try:
            found = found or await self._made(file)
        except Refused as refusal:
            if file is self.file:
                self.view.put(None, self._head(file), waiting=show.clean(str(refusal).removeprefix(f"{file.path}: ")))
            return
        self._clouds[file.path] = found
        while len(self._clouds) > KEPT:
            del self._clouds[next(iter(self._clouds))]
        self._first = self._first or found
        if file is self.file:
            self._show(found)

    async def _made(self, file: OutputFile) -> Cloud:
        points = await load(self._look.work, file, self._look.others, partial(self._told, file))
        found = await asyncio.to_thread(components, points.matrix)
        if self._first is not None:
            found = turned(found, self._first.components)
        return await asyncio.to_thread(Cloud.of, points, found)

    def _told(self, file: OutputFile, count: int) -> None:
        if file is self.file:
            self._say(f"reading … {size(count)} of {size(file.size)}")

    def _say(self, waiting: str) -> None:
        """While the next step is read, the last picture stays."""
        self.view.put(self.view.cloud, self._head(self.file), waiting, waiting)

    def _show(self, found: Cloud) -> None:
        notes = list(found.points.notes)
        if not found.kept:
            notes.append("all points are one")
        if found.components.fitted < len(found.points.matrix):
            notes.append(f"directions of {found.components.fitted:,} rows")
        count, width = found.points.matrix.shape
        head = f"{self._head(self.file)}   {count:,} points, {show.count(width, 'dimension')}"
        self.view.put(found, head, show.clean("; ".join(notes)))

    def _head(self, file: OutputFile) -> str:
        place = f" ({self._at + 1}/{len(self._files)} [ ])" if len(self._files) > 1 else ""
        step = f"  step {file.step}" if file.step is not None else ""
        return show.clean(f"{file.path}{step}{place}")

    @on(CloudView.Moved)
    def _moved(self) -> None:
        self._measuring.ask(self._near)

    async def _near(self) -> None:
        found, point, cosine = self.view.cloud, self.view.view.point, self.view.cosine
        if found is not None:
            near = await asyncio.to_thread(nearest, found.points.matrix, point, NEAREST, cosine=cosine)
            if found is self.view.cloud and cosine == self.view.cosine:
                self.view.near(point, near)

    # Keys.

    def action_step(self, by: int) -> None:
        """The file of another step."""
        at = max(0, min(self._at + by, len(self._files) - 1))
        if at != self._at:
            self._at = at
            self._open()

    def action_look(self) -> None:
        """Read the file again: it may have grown."""
        self._clouds.pop(self.file.path, None)
        self.say("reading the file again", "information")
        self._open()

    def action_copy(self) -> None:
        if self.view.said:
            self.copy(self.view.said)
