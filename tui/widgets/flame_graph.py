"""A flame graph in cells: each row calls the one below it, and is as wide as the time that it took."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.message import Message
from textual.reactive import reactive

from trainboard.profile.flame import Tree, layout
from trainboard.profile.stacks import Profile, place_of
from tui import show
from tui.keys import bindings
from tui.widgets.lines import Lines

if TYPE_CHECKING:
    from collections.abc import Sequence

    from textual import events
    from textual.strip import Strip

    from trainboard.profile.flame import Box
    from tui.widgets.lines import Piece

OWN = "•"
"""Says without colour that a call is of the user's own code."""

EDGE = "▏"
"""Where a call begins."""

EMPTY = Profile((), {}, {})


class FlameGraph(Lines):
    """The cursor is on a call; the line above tells all of it."""

    DEFAULT_CSS = """
    FlameGraph { height: 1fr; }
    """
    BINDINGS = bindings("flame")

    cursor: reactive[int] = reactive(0)
    """The call under it, by its number in the tree."""

    class Changed(Message):
        """What is shown, or what keys mean here, is another."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.calls = Tree(EMPTY)
        self.zoomed: list[int] = []
        """The calls that were made as wide as the screen, one in another."""
        self.words = ""
        """What is marked."""
        self._marked: frozenset[int] = frozenset()
        self._share = 0.0
        self._rows: Sequence[Sequence[Box]] = ()
        self._boxes: dict[int, tuple[int, Box]] = {}

    def put(self, tree: Tree) -> None:
        """Show another one."""
        self.calls, self.zoomed = tree, []
        self.mark("", frozenset(), 0.0)
        self.set_reactive(FlameGraph.cursor, 0)
        self._lay()

    def mark(self, words: str, marked: frozenset[int], share: float) -> None:
        """Mark these calls, which take that share of all together."""
        self.words, self._marked, self._share = words, marked, share
        self.refresh()
        self.post_message(self.Changed())

    def show_function(self, name: str, file: str) -> None:
        """Go to the call of this function that takes most."""
        nodes = [node for node in range(1, len(self.calls)) if self._is(node, name, file)]
        if nodes:
            self.zoomed = []
            self._lay()
            self.cursor = max(nodes, key=lambda node: self.calls.weight[node])
            if self.cursor not in self._boxes:  # too narrow to be seen: its caller as wide as the screen
                self.zoomed = [self.calls.parent[self.cursor]]
                self._lay()

    def _is(self, node: int, name: str, file: str) -> bool:
        function = self.calls.function(node)
        return (function.name, function.file) == (name, file)

    @property
    def _top(self) -> int:
        return self.zoomed[-1] if self.zoomed else 0

    def _lay(self) -> None:
        """Where everything is, as wide as we are."""
        self._rows = layout(self.calls, self._top, self.inner_width) if self.calls.weight[0] else ()
        self._boxes = {box.node: (y, box) for y, row in enumerate(self._rows) for box in row}
        self.count = len(self._rows)
        self.show_cursor()
        self.refresh()

    def on_resize(self) -> None:
        self._lay()

    def watch_cursor(self) -> None:
        self.show_cursor()
        self.refresh()

    def show_cursor(self) -> None:
        """Scroll as little as brings the cursor on the screen."""
        y, _ = self._boxes.get(self.cursor, (0, None))
        self.go_to(min(y, max(self.top, y - self.inner_height + 1)))

    # Drawing.

    def render_line(self, y: int) -> Strip:
        if y == 0:
            return self.staying(self._told())
        at = self.top + y - 1
        if at >= self.count:
            nothing = "nothing was recorded yet" if y == 1 and not self.count else ""
            return self.line(y - 1, [(f"  {nothing}", "dim")])
        return self.line(y - 1, list(self._pieces(self._rows[at])))

    def _pieces(self, row: Sequence[Box]) -> Sequence[Piece]:
        pieces: list[Piece] = []
        end = 0
        for number, box in enumerate(row):
            if box.left > end:
                pieces.append((" " * (box.left - end), "plain"))
            pieces.append((self._label(box), self._tone(box.node, number)))
            end = box.right
        return pieces

    def _label(self, box: Box) -> str:
        width = box.right - box.left
        if width < 3:
            return EDGE + " " * (width - 1)
        function = self.calls.function(box.node)
        name = f"{OWN if function.own else ''}{show.clean(function.name, 200)}"
        share = f" {self.calls.share(box.node):.0%}"
        return EDGE + show.cut(name + share if len(name) + len(share) < width else name, width - 1)

    def _tone(self, node: int, number: int) -> str:
        if node == self.cursor:
            return "here"
        if node in self._marked:
            return "match"
        return f"{'own' if self.calls.function(node).own else 'library'}{1 + number % 2}"

    def _told(self) -> Sequence[Piece]:
        """All of the call under the cursor."""
        if not self.count:
            return ()
        function, node = self.calls.function(self.cursor), self.cursor
        below = sum(self.calls.weight[child] for child in self.calls.children(node))
        alone = (self.calls.weight[node] - below) / self.calls.weight[0]
        where = f"  {show.clean(place_of(function.file))}" if function.file else ""
        found = f"  {self.words}: {self._share:.1%}" if self.words else ""
        return [
            (f"{show.clean(function.name, 100)}", "strong"),
            (f" {self.calls.share(node):.1%}, {alone:.1%} in itself", "plain"),
            (show.clean(found, 60), "match" if found else "plain"),
            (where, "dim"),
        ]

    # Keys.

    def action_down(self) -> None:
        """To the call that takes most of it."""
        self._go(next(iter(self.calls.children(self.cursor)), None))

    def action_up(self) -> None:
        self._go(self.calls.parent[self.cursor])

    def action_left(self) -> None:
        self._beside(-1)

    def action_right(self) -> None:
        self._beside(1)

    def action_top(self) -> None:
        self.cursor = 0

    def action_zoom(self) -> None:
        if self.cursor != self._top:
            self.zoomed.append(self.cursor)
            self._lay()
            self.post_message(self.Changed())

    def back(self) -> bool:
        """Take back the last mark or zoom; whether there was one."""
        if self.words:
            self.mark("", frozenset(), 0.0)
        elif self.zoomed:
            self.cursor = self.zoomed.pop()
            self._lay()
            self.post_message(self.Changed())
        else:
            return False
        return True

    def _go(self, node: int | None) -> None:
        if node is not None and node in self._boxes:
            self.cursor = node

    def _beside(self, by: int) -> None:
        """To the next call of the row."""
        y, box = self._boxes.get(self.cursor, (0, None))
        if box is None:
            return
        at = self._rows[y].index(box) + by
        if 0 <= at < len(self._rows[y]):
            self.cursor = self._rows[y][at].node

    def on_click(self, event: events.Click) -> None:
        y = self.top + event.y - self.STAYING
        if event.y >= self.STAYING and y < self.count:
            self._go(next((box.node for box in self._rows[y] if box.left <= event.x < box.right), None))

    def on_focus(self) -> None:
        self.refresh()

    def on_blur(self) -> None:
        self.refresh()
