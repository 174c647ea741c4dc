"""The spec files at hand."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.cells import cell_len

from tui import show
from tui.keys import bindings
from tui.widgets.picks import Picks

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from pathlib import Path

    from textual.geometry import Size
    from textual.strip import Strip


class FileList(Picks):
    """A line for each file: its name and its folder."""

    DEFAULT_CSS = """
    FileList { height: auto; }
    """

    BINDINGS = bindings("files")

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._files: tuple[Path, ...] = ()
        self._unsaved: Collection[Path] = ()

    def put(self, files: Sequence[Path]) -> None:
        """Show these files."""
        self._files = tuple(files)
        self.count = len(files)
        self.refresh(layout=True)

    def begin_with(self, path: Path) -> None:
        """Put a file before the others, and the cursor on it."""
        self.put((path, *self._files))
        self.cursor = 0
        self.post_message(self.Moved(self))

    def mark(self, unsaved: Collection[Path]) -> None:
        """These have changes that are not saved."""
        if unsaved != self._unsaved:
            self._unsaved = unsaved
            self.refresh()

    @property
    def path(self) -> Path | None:
        """The file under the cursor."""
        return self._files[self.cursor] if self._files else None

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        return max(1, len(self._files)) + self.STAYING

    def render_line(self, y: int) -> Strip:
        if y == 0:
            return self.staying([("specs", "plain")])
        at = self.top + y - 1
        if not self._files and y == 1:
            return self.line(0, [(" none: *.yaml files of this folder are listed", "dim")])
        if at >= self.count:
            return self.line(y - 1, ())
        path, here = self._files[at], at == self.cursor
        unsaved = "●" if path in self._unsaved else " "
        name = show.clean(path.name)
        folder = f"  {show.clean(path.parent.name)}/" if path.parent.name else ""
        room = self.inner_width - 2
        pieces = [("›" if here else " ", "strong"), (unsaved, "waiting")]
        if cell_len(name) + cell_len(folder) > room:
            folder = ""
        pieces += [(show.cut_middle(name, min(cell_len(name), room)), "plain"), (folder, "dim")]
        return self.line(y - 1, pieces, "cursor" if here else "plain")
