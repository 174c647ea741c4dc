"""What the lines of the job table say, from rows, groups, curves and marks."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from tui import show
from tui.columns import Column, fit
from tui.groups import Group
from tui.widgets.job_cells import COLUMNS, WIDE, WIDE_FROM, Seen, row_pieces

if TYPE_CHECKING:
    from collections.abc import Callable

    from trainboard.rows import Row
    from tui.curves import Curves
    from tui.inbox import Inbox
    from tui.listing import Listing
    from tui.widgets.fold_cells import Fold
    from tui.widgets.lines import Piece


class JobLines:
    """Draws one line at a time; nothing of it costs more for a table of many rows."""

    def __init__(self, listing: Listing, curves: Curves, clock: Callable[[], float], inbox: Inbox) -> None:
        self.marks: set[str] = set()
        """The keys of the marked rows."""
        self._marked: Counter[str] = Counter()
        """How many rows are marked of each group."""
        self._listing = listing
        self._curves = curves
        self._clock = clock
        self._inbox = inbox
        self._fitted: tuple[int, tuple[tuple[Column, int], ...]] = (0, ())

    def mark(self, marks: set[str]) -> set[str]:
        """Only these rows are marked; those for which that is new."""
        changed, self.marks = self.marks ^ marks, marks
        self._marked = Counter(group.key for key in marks if (group := self._listing.group_of(key)) is not None)
        return changed

    def head(self, width: int) -> str:
        """The titles of the columns, but for the first cell."""
        columns = self._columns(width)
        return " ".join(show.pad_left(c.title, w) if c.right else show.cut(c.title, w) for c, w in columns)[1:]

    def pieces(self, item: Row | Group, width: int, *, here: bool) -> tuple[Piece, ...]:
        """A line as it is drawn; `here`: the cursor is on it."""
        sign = ("›" if here else " ") + self._mark(item)
        if isinstance(item, Group):
            from tui.widgets.fold_cells import fold_pieces

            return fold_pieces(self.fold(item), self._columns(width), sign)
        known, finding = self._curves, self._inbox.worst(item.key)
        seen = Seen(
            item,
            known.objective(item),
            known.progress(item),
            self._clock(),
            known.left(item),
            finding,
            known.gpu_use(item),
        )
        return row_pieces(seen, self._columns(width), width, sign)

    def fold(self, group: Group) -> Fold:
        """A group and what stands for it now."""
        from tui.widgets.fold_cells import Fold

        rows, oldest = self._listing.rows, group.oldest
        best = rows[group.bests[0][1]] if group.bests else None
        return Fold(
            group,
            rows[group.first],
            best,
            self._curves.objective(best) if best is not None else None,
            rows[oldest] if oldest is not None else None,
            self._clock(),
            self._inbox.worst_of(group.members),
        )

    def _mark(self, item: Row | Group) -> str:
        """Whether it is marked; of a folded line, whether all of it is, or some."""
        if not isinstance(item, Group):
            return "◆" if item.key in self.marks else " "
        count = self._marked[item.key]
        return "◆" if count >= len(item.members) else "◇" if count else " "

    def _columns(self, width: int) -> tuple[tuple[Column, int], ...]:
        if width != self._fitted[0]:
            self._fitted = (width, fit(WIDE if width >= WIDE_FROM else COLUMNS, width))
        return self._fitted[1]
