"""A stretch of a log on screen: moves through the whole file, of which only what is near is here."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trainboard.actions import Refused
from tui.logtext import LogText
from tui.widgets.log_rows import LogRows

if TYPE_CHECKING:
    from backends.base import Chunk
    from trainboard.actions import Actions
    from tui.messages import LogArrived

PIECE = 256 * 1024
"""Bytes that are read at once, where somebody goes there."""

NEAR = 200
"""Rows before the end of what is here at which more is read."""

FILLS = 8
"""Pieces that are read, at most, until a log of few rows fills the screen when it is opened."""

AROUND = 5_000
"""Rows that stay on both sides of what is seen, where some have to go."""


class LogPage(LogRows):
    """Shows rows from one on; goes up and down, to the beginning, to the end, to a place, and along as it grows."""

    def __init__(self, actions: Actions, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.actions = actions
        self.key = ""
        self.news = ""
        """What happened to the file since it was opened."""
        self.fetching = False
        """What shall be seen is on its way."""
        self._loading: LogText | None = None
        """What is being added to."""
        self._owed = 0
        """Lines to move on by once what is being read is here."""
        self._fills = 0

    # What comes.

    def begin(self, key: str, title: str) -> None:
        """Another log, of which nothing has come yet."""
        self.key, self.title, self.failure, self.news = key, title, "", ""
        self.renew()
        self.following = True

    def renew(self) -> None:
        """What is here is not in the file any more."""
        self.text, self.length = LogText(), 0
        self._row = self._part = self._left = self._owed = self._fills = 0
        self.redraw()

    def take(self, message: LogArrived) -> None:
        """The log grew, or began anew."""
        if message.restarted:
            self.news = "it began anew" if self.text.count else self.news
            self.renew()
        self.failure = ""
        self._grow(message.offset, message.data)
        self.length = max(self.length, message.size, self.text.end)
        self.following = self.following or message.restarted
        if self.following:
            self.text.drop_before(self.text.count)
            self._settle()
        self.redraw()

    def _grow(self, offset: int, data: bytes) -> None:
        """Take in what follows what is here; while somebody reads elsewhere, it waits in the file."""
        known = self.text.end - offset
        if not self.text.count or (known < 0 and self.following):
            self.text, self._fills = LogText.of(data, offset), 0
        elif known >= 0 and (self.following or not self.text.full):
            self.text.append(data[known:])

    def fail(self, reason: str) -> None:
        """The log cannot be read now; what is here stays."""
        self.failure = reason
        self.refresh()

    # Moving.

    def move(self, by: int) -> None:
        before = self._row, self._part
        self._row, self._part = min(self._walked(*before, by), self._last())
        if by < 0 and (self._row, self._part) < self._last():
            self.following = False
        self._owed = by if (self._row, self._part) == before else 0
        self._reach(back=by < 0)
        self.redraw()

    def action_top(self) -> None:
        self.following = False
        if self.text.start == 0:
            self._row = self._part = self._owed = 0
            self.redraw()
        else:
            self.run_worker(self._jump(0), group="log-jump", exclusive=True)

    def action_bottom(self) -> None:
        if self.following:
            self._go_to_end()
        else:
            self.following = True

    def watch_following(self) -> None:
        if self.following:
            self._go_to_end()
        self.redraw()

    def _go_to_end(self) -> None:
        if self.text.end < self.length:
            self.run_worker(self._jump(None), group="log-jump", exclusive=True)
        self._row, self._part = self._last()
        self.redraw()

    # Reading what is not here.

    def _reach(self, *, back: bool) -> None:
        """Read on where the end of what is here is near, in this direction."""
        text = self.text
        if self._loading is text or not self.key:
            return
        near = self._row < NEAR if back else self._row + self.inner_height + NEAR > text.count
        if near and (text.start > 0 if back else text.end < self.length):
            self._loading = text
            self.run_worker(self._load(text, back=back), group="log-load")

    async def _load(self, text: LogText, *, back: bool) -> None:
        """A piece before or after what is here; then what is far away on the other side goes."""
        offset = max(0, text.start - PIECE) if back else text.end
        chunk = await self._read(offset, text.start - offset if back else PIECE)
        if self._loading is text:
            self._loading = None
        if chunk is None or text is not self.text or not chunk.data:
            return
        self.length = max(self.length, chunk.size)
        came = 0
        if back and offset + len(chunk.data) == text.start:
            came = text.prepend(chunk.data)
            self._row += came
            text.drop_after(self._row + AROUND)
        elif not back and offset == text.end:
            came = -text.count
            text.append(chunk.data)
            came += text.count
            self._row -= text.drop_before(self._row - AROUND)
        owed, self._owed = self._owed, 0
        if owed and came:
            self.move(owed)
        elif self.following:
            self._settle()
        self.redraw()

    def _settle(self) -> None:
        """Show the end, and have more read before it where that does not fill the screen."""
        self._row, self._part = self._last()
        if self.text.count < self.inner_height and self._fills < FILLS:
            self._fills += 1
            self._reach(back=True)

    async def _jump(self, offset: int | None) -> None:
        """Show the file around a place, or, for None, its end."""
        begin = -PIECE if offset is None else max(0, offset - PIECE // 2)
        self.fetching = True
        self.refresh()
        try:
            chunk = await self._read(begin, PIECE)
        finally:
            self.fetching = False
        if chunk is None:
            return
        self.text, self._owed = LogText.of(chunk.data, chunk.offset), 0
        self.length = max(self.length, chunk.size)
        if offset is None:
            self._settle()
            self._reach(back=False)  # what was told while this was on its way
        else:
            self.place(offset)
        self.redraw()

    def place(self, offset: int) -> None:
        """Scroll so that this place of what is here is on screen, with some of what is before it."""
        row = self.text.row_at(offset)
        self._row, self._part = min(self._walked(*self.aimed(row), -(self.inner_height // 3)), self._last())
        self._reach(back=True)
        self._reach(back=False)
        self.redraw()

    def aimed(self, row: int) -> tuple[int, int]:
        """The row, and which of its lines, to show for a place in this row."""
        return row, 0

    async def _read(self, offset: int, limit: int) -> Chunk | None:
        """A piece of the log that is shown; None, and said why, where it cannot be read."""
        key = self.key
        try:
            chunk = await self.actions.read_log(key, offset, limit)
        except Refused as error:
            if key == self.key:
                self.fail(str(error))
            return None
        return chunk if key == self.key else None
