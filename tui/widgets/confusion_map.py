"""A confusion matrix with a cursor: target down, prediction to the right."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.cells import cell_len
from rich.segment import Segment
from textual.message import Message
from textual.reactive import reactive
from textual.strip import Strip

from tui import confusion, show
from tui.confusion import Norm, Order
from tui.keys import bindings
from tui.widgets.heat_looks import grounds
from tui.widgets.lines import Lines, strip, tone

if TYPE_CHECKING:
    from trainboard.predictions.summary import Classification
    from tui.confusion import Matrix
    from tui.widgets.lines import Piece

NARROW = 2
"""Cells of a class where numbers have no room: blocks."""
MANY = (
    "  So many classes that the matrix would be larger than what travels:",
    "  the list has the pairs that are confused most often.",
)


class ConfusionMap(Lines):
    """Numbers where there is room for them, else blocks whose height says what their colour says."""

    DEFAULT_CSS = """
    ConfusionMap { height: 1fr; background: $background; color: $foreground; }
    """
    BINDINGS = bindings("confusion")
    STAYING = 3

    norm: reactive[Norm] = reactive(Norm.TARGET)
    order: reactive[Order] = reactive(Order.FILE)

    class Moved(Message):
        """The cursor is on another cell."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._found: Classification | None = None
        self.matrix: Matrix | None = None
        self._names: list[str] = []
        self._longest = 1
        """Cells of the longest number."""
        self._at = (0, 0)
        self._first = 0
        """The leftmost class on the screen."""

    def put(self, found: Classification | None) -> None:
        """Show the matrix of these classes; the cursor is on the worst confusion."""
        self._found = found
        self._arrange()
        if found is not None and found.confused:
            self.seek(found.confused[0].target, found.confused[0].predicted)

    def watch_norm(self) -> None:
        self._keep()

    def watch_order(self) -> None:
        self._keep()

    def on_resize(self) -> None:
        self._go(0, 0)

    def _keep(self) -> None:
        """Arrange anew, with the cursor on the same classes."""
        here = self.pair
        self._arrange()
        if here is not None:
            self.seek(*here)

    def _arrange(self) -> None:
        self.matrix = None if self._found is None else confusion.matrix(self._found, self.norm, self.order)
        self._names = [show.clean(name, 60) for name in self.matrix.names] if self.matrix else []
        numbers = self.matrix.shown.ravel().tolist() if self.matrix else []
        self._longest = max((len(confusion.cell_text(each, self.norm)) for each in numbers), default=1)
        self._at, self._first = (0, 0), 0
        self.count = len(self._names)
        self._go(0, 0)

    @property
    def pair(self) -> tuple[str, str] | None:
        """The target and the prediction under the cursor."""
        if self.matrix is None or not self.matrix.names:
            return None
        return self.matrix.names[self._at[0]], self.matrix.names[self._at[1]]

    def seek(self, target: str, predicted: str) -> None:
        """Move the cursor to two classes, where they are in the matrix."""
        if self.matrix is not None and target in self.matrix.names and predicted in self.matrix.names:
            self._at = self.matrix.names.index(target), self.matrix.names.index(predicted)
            self._go(0, 0)

    # The arrangement.

    @property
    def _margin(self) -> int:
        """Cells before the first class."""
        longest = max(map(cell_len, self._names), default=0)
        return min(longest, max(8, self.inner_width // 4)) + 3

    @property
    def _wide(self) -> int:
        """Cells of a class: as many as its numbers need, where all classes have room so; else as blocks."""
        room = (self.inner_width - self._margin) // max(1, len(self._names))
        return min(8, room) if room > self._longest else NARROW

    @property
    def _columns(self) -> int:
        """Classes that have room side by side."""
        return max(1, min(len(self._names), (self.inner_width - self._margin) // self._wide))

    def _go(self, down: int, right: int) -> None:
        if not self._names:
            self.refresh()
            return
        last = len(self._names) - 1
        self._at = max(0, min(self._at[0] + down, last)), max(0, min(self._at[1] + right, last))
        row, column = self._at
        self._first = min(column, max(self._first, column - self._columns + 1))
        self._first = max(0, min(self._first, len(self._names) - self._columns))
        self.go_to(min(row, max(self.top, row - self.inner_height + 1)))
        self.refresh()
        self.post_message(self.Moved())

    # Drawing.

    def render_line(self, y: int) -> Strip:
        found = self.matrix
        if found is None:
            said = MANY[y] if self._found is not None and y < len(MANY) else ""
            return strip(self, [(said, "dim")], self.size.width)
        if y == 0:
            return self.staying(self._head(found))
        if y == 1:
            return strip(self, [(self._state(), "plain")], self.size.width)
        if y == 2:
            return strip(self, [(self._titles(), "dim")], self.size.width)
        at = self.top + y - self.STAYING
        if at >= len(self._names):
            return self.line(y - self.STAYING, ())
        return self._line(found, at, y - self.STAYING)

    def _state(self) -> str:
        """How it is looked at."""
        last, count = self._first + self._columns, len(self._names)
        part = "" if self._columns >= count else f", predictions {self._first + 1} – {last} of {count}"
        return f"  target ↓ predicted →   {self.norm}, {self.order}{part}"

    def _titles(self) -> str:
        if self._wide <= NARROW + 1:
            return ""
        names = self._names[self._first : self._first + self._columns]
        titles = [f"{show.pad_left(show.cut(name, self._wide - 2).rstrip(), self._wide - 1)} " for name in names]
        return " " * self._margin + "".join(titles)

    def _head(self, found: Matrix) -> list[Piece]:
        target, predicted = (self._names[place] for place in self._at)
        what = f"{target} right" if target == predicted else f"{target} taken for {predicted}"
        return [(f"{what}: {found.said(*self._at)}", "strong")]

    def _line(self, found: Matrix, at: int, y: int) -> Strip:
        here, wide, looks = at == self._at[0], self._wide, grounds(self)
        sign = "›" if here else " "
        label = show.cut(self._names[at], self._margin - 3)
        name = strip(self, [(f" {sign}{label} ", "strong" if here else "plain")], self._margin, "plain")
        bold = tone(self, "strong").without_color
        segments = []
        for place in range(self._first, min(self._first + self._columns, len(self._names))):
            level = int(found.levels[at, place])
            if wide == NARROW:
                count = found.counts[at, place]
                text = (show.BLOCKS[min(7, level * 8 // len(looks))] if count else "·" if at == place else " ") * wide
            else:
                text = confusion.cell_text(float(found.shown[at, place]), self.norm) or ("·" if at == place else "")
                text = f"{text:>{wide - 1}} "
            look = looks[level] + bold if at == place else looks[level]
            segments.append(Segment(text, tone(self, "here") if here and place == self._at[1] else look))
        bar = self.line(y, ()).crop(self.inner_width)
        room = self.inner_width - self._margin
        return Strip.join([name, Strip(segments).adjust_cell_length(room, tone(self, "plain")), bar])

    # Keys.

    def action_down(self) -> None:
        self._go(1, 0)

    def action_up(self) -> None:
        self._go(-1, 0)

    def action_left(self) -> None:
        self._go(0, -1)

    def action_right(self) -> None:
        self._go(0, 1)

    def action_top(self) -> None:
        self._go(-self._at[0], 0)

    def action_bottom(self) -> None:
        self._go(len(self._names), 0)

    def action_half_down(self) -> None:
        self._go(max(1, self.inner_height // 2), 0)

    def action_half_up(self) -> None:
        self._go(-max(1, self.inner_height // 2), 0)

    def action_far_left(self) -> None:
        self._go(0, -self._columns)

    def action_far_right(self) -> None:
        self._go(0, self._columns)

    def action_norm(self) -> None:
        ways = list(Norm)
        self.norm = ways[(ways.index(self.norm) + 1) % len(ways)]

    def action_order(self) -> None:
        self.order = Order.FILE if self.order is Order.WORST else Order.WORST
