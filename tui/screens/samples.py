"""What a model made as it was trained, step by step: texts, small pictures, sounds; two steps side by side."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING

from textual import on

from trainboard.actions import Refused
from trainboard.show import size
from trainboard.specimens import Text, by_step, has_many, read_specimens
from tui import show
from tui.keys import bindings
from tui.loading import Aside
from tui.screens.upper import UpperScreen
from tui.specimen_lines import GAP, beside, differences, rows_of, text_rows
from tui.widgets.bars import Line
from tui.widgets.job_cells import name_of
from tui.widgets.lines import tone
from tui.widgets.row_view import RowView

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rich.segment import Segment
    from rich.style import Style
    from textual.app import ComposeResult

    from trainboard.outputs import OutputFile
    from trainboard.specimens import Specimen
    from tui.viewers import Look

LARGEST = 32 << 20
"""Bytes that are read of a file."""
TOGETHER = 64
"""Files of one step that are shown."""
READ = 8
"""Files with many steps that are read, the newest."""
KEPT = 8
"""Steps that stay in memory."""
WIDTHS = (12, 16, 24, 32, 48, 64, 96, 128)
"""Cells of a picture."""


def look_at(look: Look) -> SamplesScreen:
    """The newest step."""
    return SamplesScreen(look)


class SamplesScreen(UpperScreen):
    """Reads the files of a step when it is looked at."""

    PLACES = ("samples", "rows")
    BINDINGS = bindings("samples")

    def __init__(self, look: Look) -> None:
        super().__init__()
        self.work = look.work
        self.name_of_output = look.output.name
        self._files = look.output.files
        self._steps: list[str] = []
        """Their labels, in order."""
        self._of_step: dict[str, Sequence[OutputFile]] = {}
        self._read: dict[str, Sequence[Specimen]] = {}
        self._at = 0
        self._pinned: int | None = None
        self._differ = False
        self._width = 3
        """Of pictures, among `WIDTHS`."""
        self._said = self._busy = ""
        self._aside = Aside(self, "draw")

    def compose(self) -> ComposeResult:
        yield Line(id="head")
        yield RowView(id="rows")
        yield Line(id="said")
        yield Line(keep=2, id="footer")

    def on_mount(self) -> None:
        self.view = self.query_one(RowView)
        self.set_focus(self.view)
        self.show_keys()
        self.run_worker(self._begin(), group="read", exclusive=True)

    # What is read.

    async def _begin(self) -> None:
        """The steps: those that the files' names tell, or that are in the files."""
        many = [each for each in self._files if has_many(each.path)]
        read: dict[str, Sequence[Specimen]] = {}
        files: dict[str, Sequence[OutputFile]] = {}
        try:
            if many:
                found = [each for file in many[-READ:] for each in await self._specimens(file)]
                read = {_label(step, ""): several for step, several in by_step(found).items()}
            else:
                for each in self._files:
                    label = _label(each.step, each.path)
                    files[label] = [*files.get(label, ()), each]
        except Refused as refusal:
            self._tell_trouble(refusal)
            return
        # All of it at once: until then what was read before can be looked at.
        self._read, self._of_step, self._steps = read, files, [*read, *files]
        self._at = len(self._steps) - 1
        if self._pinned is not None and self._pinned > self._at:
            self._pinned, self._differ = None, False
        self._redraw()

    async def _specimens(self, file: OutputFile) -> Sequence[Specimen]:
        what = self._busy = f"reading {show.clean(file.path)} on {self.work.row.backend} …"
        self._summarise()
        try:
            data = await self.work.read(file.path, LARGEST)
            cut = LARGEST <= len(data) < file.size  # one that is shorter than it was is all there
            found = await asyncio.to_thread(partial(read_specimens, file.path, data, cut=cut))
        finally:
            if self._busy == what:  # nothing else is being read meanwhile
                self._busy = ""
        if cut:
            self._said = f"{show.clean(file.path, 60)}: the first {size(LARGEST)} of {size(file.size)}"
        return found

    async def _of(self, at: int) -> Sequence[Specimen]:
        """What there is of a step. Raises `Refused`."""
        label = self._steps[at]
        if label not in self._read:
            files = self._of_step[label]
            self._said = f"{TOGETHER} of {len(files)} files of this step" if len(files) > TOGETHER else ""
            self._read[label] = [each for file in files[:TOGETHER] for each in await self._specimens(file)]
            forgotten = [each for each in self._read if each in self._of_step and each != label]
            for each in forgotten[: max(0, len(self._read) - KEPT)]:
                del self._read[each]
        return self._read[label]

    def _tell_trouble(self, refusal: Refused) -> None:
        self._said = str(refusal)
        self._summarise()

    # What is shown.

    def _redraw(self) -> None:
        self._aside.ask(self._show)

    @on(RowView.Resized)
    def _resized(self) -> None:
        if self._steps:
            self._redraw()

    async def _show(self) -> None:
        if not self._steps:
            self._said = "there is nothing to look at"
            self._summarise()
            return
        try:
            after = await self._of(self._at)
            before = await self._of(self._pinned) if self._pinned is not None else None
        except Refused as refusal:
            self._tell_trouble(refusal)
            return
        looks: Mapping[str, Style] = {
            name: tone(self.view, name) for name in ("plain", "dim", "strong", "good", "bad", "curve")
        }
        width = max(10, self.view.inner_width - 2)
        draw = partial(self._rows, before, after, width, looks)
        self.view.put(self._head(), await asyncio.to_thread(draw))
        self._summarise()

    def _rows(
        self, before: Sequence[Specimen] | None, after: Sequence[Specimen], width: int, looks: Mapping[str, Style]
    ) -> list[list[Segment]]:
        colour, picture = not self.app.no_color, WIDTHS[self._width]
        if before is None:
            return rows_of(after, width, picture, looks, colour=colour)
        if self._differ:
            return text_rows(differences(_texts(before), _texts(after)), width, looks)
        half = (width - GAP) // 2
        blocks = [rows_of(each, half, min(picture, half), looks, colour=colour) for each in (before, after)]
        return beside(blocks, half, looks)

    def _head(self) -> list[tuple[str, str]]:
        here = self._steps[self._at]
        if self._pinned is None:
            return [(f"{here}", "strong")]
        there = self._steps[self._pinned]
        if self._differ:
            return [(f"from {there} to {here}: ", "strong"), ("[-gone-]", "bad"), (" {+new+}", "good")]
        return [(f"{there} on the left, {here} on the right", "strong")]

    def _summarise(self) -> None:
        of = f"{self._at + 1} of {len(self._steps)}" if self._steps else "…"
        here = show.clean(self._steps[self._at], 40) if self._steps else ""
        self.query_one("#head", Line).groups = (
            ((f" {here}", "strong"), (f" ({of}) ", "plain")),
            ((f" {show.clean(self.name_of_output, 60)} ", "plain"),),
            ((f" {show.clean(name_of(self.work.row))} ", "plain"),),
        )
        self.query_one("#said", Line).groups = (((f" {show.clean(self._busy or self._said, 300)}", "plain"),),)
        self.show_keys()

    # Keys.

    def action_step(self, by: int) -> None:
        to = self._at + by
        if not 0 <= to < len(self._steps):
            self.say("this is the " + ("first" if by < 0 else "last"), "information")
            return
        self._at = to
        self._redraw()

    def action_pin(self) -> None:
        """Keep the step on the left, and go through others on the right; or the one step again."""
        self._pinned, self._differ = (self._at if self._pinned is None else None), False
        self._redraw()

    def action_differ(self) -> None:
        """The differences of the texts, against the step that is pinned, else the one before."""
        if self._pinned is None:
            if self._at == 0:
                self.say("there is no step before this one", "information")
                return
            self._pinned, self._differ = self._at - 1, True
        else:
            self._differ = not self._differ
        self._redraw()

    def action_wider(self, by: int) -> None:
        self._width = max(0, min(self._width + by, len(WIDTHS) - 1))
        self._redraw()

    def action_look(self) -> None:
        """Read it again."""
        self.say("reading it again", "information")
        self.run_worker(self._begin(), group="read", exclusive=True)

    def action_copy(self) -> None:
        found = self._read.get(self._steps[self._at], ()) if self._steps else ()
        text = _texts(found)
        self.copy(text or self.name_of_output, "the texts of this step" if text else "")


def _label(step: int | None, path: str) -> str:
    return f"step {step}" if step is not None else path.rpartition("/")[2] or "no step"


def _texts(found: Sequence[Specimen]) -> str:
    return "\n\n".join(each.body.text for each in found if isinstance(each.body, Text))
