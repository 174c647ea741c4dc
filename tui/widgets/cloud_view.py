"""Points on a plane, with a cursor that goes from point to point."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from textual.message import Message
from textual.reactive import reactive
from textual.widget import Widget

from tui import cloud, show
from tui.cloud import Cloud, View
from tui.keys import bindings
from tui.widgets.lines import strip

if TYPE_CHECKING:
    from collections.abc import Sequence

    from textual.strip import Strip

    from tui.widgets.lines import Piece

LEAST_ZOOM, MOST_ZOOM = 1.0, 4096.0
BELOW = 4
"""Lines below the plane: the classes, the point under the cursor, its neighbours."""


class CloudView(Widget, can_focus=True):
    """A head, a line of notes, the plane, and what is under the cursor."""

    DEFAULT_CSS = """
    CloudView { height: 1fr; }
    """
    BINDINGS = bindings("cloud")

    view: reactive[View] = reactive(View())
    cosine: reactive[bool] = reactive(False)

    class Moved(Message):
        """Another point is under the cursor."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.cloud: Cloud | None = None
        self._head = ""
        self._note = ""
        self._waiting = ""
        self._near: Sequence[tuple[int, float]] = ()
        self._drawn: tuple[object, ...] = ()
        self._lines: list[Strip] = []

    def put(self, found: Cloud | None, head: str, note: str = "", waiting: str = "") -> None:
        """Show these; the cursor stays on its row of the table where that is there."""
        before = self.cloud
        row = int(before.points.rows[self.view.point]) if before is not None else -1
        self.cloud, self._head, self._note, self._waiting = found, head, note, waiting
        if found is not None and found is not before:
            same = (found.points.rows == row).nonzero()[0]
            point = int(same[0]) if len(same) else cloud.first_point(found, self.view)
            alone = self.view.alone if before is not None and before.classes == found.classes else None
            self.view = replace(self.view, point=point, alone=alone)
            self._near = ()
            self.post_message(self.Moved())
        self._drawn = ()
        self.refresh()

    def near(self, point: int, found: Sequence[tuple[int, float]]) -> None:
        """The neighbours of a point, where that is still under the cursor."""
        if point == self.view.point:
            self._near, self._drawn = found, ()
            self.refresh()

    def action_go(self, across: int, up: int) -> None:
        """To the nearest point in a direction, about so many cells away."""
        if self.cloud is not None:
            point = cloud.to_point(self.cloud, self.view, self._width, self._height - 2, across, up)
            if point != self.view.point:
                self.view, self._near = replace(self.view, point=point), ()
                self.post_message(self.Moved())

    def action_turn(self, up: int) -> None:
        """The next component, on one of the axes."""
        if self.cloud is not None:
            count = max(2, self.cloud.kept)
            view = replace(self.view, at=None, zoom=1.0)
            here, other = (view.up, view.across) if up else (view.across, view.up)
            axis = next(each % count for each in (here + 1, here + 2) if each % count != other)
            self.view = replace(view, up=axis) if up else replace(view, across=axis)

    def action_zoom(self, by: float) -> None:
        """Around the point under the cursor."""
        if self.cloud is not None:
            zoom = min(MOST_ZOOM, max(LEAST_ZOOM, self.view.zoom * by))
            here = tuple(float(self.cloud.along(axis)[self.view.point]) for axis in (self.view.across, self.view.up))
            self.view = replace(self.view, zoom=zoom, at=(here[0], here[1]) if zoom > 1 else None)

    def action_whole(self) -> None:
        self.view = replace(self.view, zoom=1.0, at=None)

    def action_alone(self, by: int) -> None:
        """The next class alone; after the last, all."""
        if self.cloud is not None and self.cloud.classes:
            order = [None, *range(len(self.cloud.classes))]
            self.view = replace(self.view, alone=order[(order.index(self.view.alone) + by) % len(order)])

    def action_cosine(self) -> None:
        self.cosine = not self.cosine
        self._near = ()
        self.post_message(self.Moved())

    @property
    def said(self) -> str:
        """The point under the cursor, for the clipboard."""
        return "" if self.cloud is None else f"{cloud.label(self.cloud, self.view.point)}  {self._places()}"

    @property
    def _width(self) -> int:
        return max(1, self.size.width)

    @property
    def _height(self) -> int:
        """Lines of the plane, with its axis."""
        return max(3, self.size.height - 2 - BELOW)

    def _places(self) -> str:
        assert self.cloud is not None
        shown = dict.fromkeys((self.view.across, self.view.up))
        return "  ".join(
            f"PC{axis + 1} {show.number(float(self.cloud.along(axis)[self.view.point]))}" for axis in shown
        )

    def render_line(self, y: int) -> Strip:
        wanted = self.view, self.cosine, self.size, self.app.no_color, self.has_focus
        if self._drawn != wanted:
            self._drawn, self._lines = wanted, self._draw()
        return self._lines[y] if y < len(self._lines) else strip(self, (), self.size.width)

    def _draw(self) -> list[Strip]:
        width = self._width
        head = strip(self, [(f" {show.cut(self._head, max(1, width - 2))}", "strong")], width, "head")
        if self.cloud is None:
            said = show.wrapped(self._waiting, max(10, width - 4))
            return [head, *(strip(self, [(f"  {line}", "plain")], width) for line in said)]
        found, view = self.cloud, self.view
        up = f" ↑ {cloud.axis(found, view.up)}"
        zoomed = f"  zoom {view.zoom:g}×" if view.zoom > 1 else ""
        lines: list[Sequence[Piece]] = [
            [(up, "plain"), (zoomed, "strong"), (f"   {self._note}" if self._note else "", "waiting")],
            *cloud.plane(found, view, width, self._height),
            cloud.legend(found, view, width),
            [(" › ", "strong"), (cloud.label(found, view.point), "strong"), (f"  {self._places()}", "plain")],
            *cloud.neighbours(found, self._near, self.cosine, width - 22),
        ]
        return [head, *(strip(self, line, width) for line in lines)]
