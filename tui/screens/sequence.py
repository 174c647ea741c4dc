"""A text with what a model expected of it: coloured by surprise, by a unit, or by what another step changed."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import numpy as np
from textual import on

from trainboard.actions import Refused
from trainboard.sequences import read_passages, sums, worst
from trainboard.show import size
from trainboard.tokens import shown
from trainboard.unitreasons import reasons
from tui import sequence_colours as colours
from tui import sequence_lines as lines
from tui import show
from tui.keys import bindings
from tui.loading import Aside
from tui.screens.tabbed import TabbedScreen
from tui.widgets.bars import Line, Tabs
from tui.widgets.block import Block
from tui.widgets.job_cells import name_of
from tui.widgets.table_list import Entry, TableList
from tui.widgets.token_text import Shown, TokenText

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from textual.app import ComposeResult

    from trainboard.outputs import OutputFile
    from trainboard.sequences import Passage, Read, Sums
    from trainboard.unitreasons import Reason
    from tui.columns import Column
    from tui.keys import Key
    from tui.viewers import Look

PART = 16 << 20
"""Bytes of a file that are read at once."""
KEPT = 4
"""Parts of files that stay in memory."""
BELOW = 7
"""Lines below the text."""
COMPARED = 100
"""Files whose steps are compared, the newest."""

Spot = tuple[int, int, int]
"""A passage: the number of its file, of the part of that, and its own in the part."""


def look_at(look: Look) -> SequenceScreen:
    """The newest of these files."""
    return SequenceScreen(look)


class SequenceScreen(TabbedScreen):
    """Reads a file when it is looked at, and goes on with what it read."""

    PLACES = ("sequence", "passage", "table_list")
    TABS = ("text", "units", "worst", "steps")
    BINDINGS = bindings("sequence")

    def __init__(self, look: Look) -> None:
        super().__init__()
        self.work = look.work
        self.files = look.output.files
        self.passage: Passage | None = None
        self._spot: Spot = (len(self.files) - 1, 0, -1)
        self._read: dict[tuple[int, int], Read] = {}
        self._coloured = "surprise"
        """Or `unit`, or `change`."""
        self._unit = ""
        self._reasons: Sequence[Reason] | None = None
        self._worst: Sequence[int] = ()
        self._whole: Sums | None = None
        self._spark = ""
        self._spark_width = 0
        self._before: Passage | None = None
        """The step before, where the colours are the change from it."""
        self._sums: dict[int, Sequence[tuple[lines.Step, Sums | str]]] = {}
        """By file, for the steps side by side."""
        self._said = self._busy = ""
        self._aside = Aside(self, "units")

    def compose(self) -> ComposeResult:
        yield Line(id="head")
        yield Tabs(self.TABS)
        yield TokenText(id="text")
        yield TableList(id="units", none='no activations: a line may have "units", by name or as a list', titled=True)
        yield TableList(id="worst", none="no probabilities", titled=True)
        yield TableList(id="steps", none="reading…", titled=True)
        yield Block(id="below")
        yield Line(id="said")
        yield Line(keep=2, id="footer")

    def on_mount(self) -> None:
        self.text, self.below = self.query_one(TokenText), self.query_one(Block)
        self.below.styles.height = BELOW
        self.open_tab("text")
        self._go(self._spot)

    # What is read.

    def _go(self, spot: Spot) -> None:
        """Show this passage; -1: the last of its part."""
        self.run_worker(self._show_spot(spot), group="read", exclusive=True)

    async def _show_spot(self, spot: Spot) -> None:
        try:
            read = await self._part(*spot[:2])
        except Refused as refusal:
            self._said = str(refusal)
            self._summarise()
            return
        number = spot[2] if spot[2] >= 0 else len(read.passages) - 1
        self._spot = (*spot[:2], number)
        self._said = "; ".join((*self._extent(), *read.notes))
        if not read.passages:
            self.passage = None
            self.text.put(Shown(()))
            self._summarise()
            return
        passage = read.passages[min(number, len(read.passages) - 1)]
        drawn, self._worst, self._whole = await asyncio.to_thread(_prepared, passage)
        self.passage, self._reasons, self._spark = passage, None, ""
        self.text.put(drawn)
        if self._unit not in passage.units:
            self._unit = next(iter(passage.units), "")
        if self._coloured == "change":
            self._before = await self._one_before()
        self._colour()
        self.opened(self.tab)

    async def _part(self, number: int, part: int) -> Read:
        """A part of a file, as it was read. Raises `Refused`."""
        found = self._read.get((number, part))
        if found is None:
            file = self.files[number]
            what = self._busy = f"reading {show.clean(file.path)} on {self.work.row.backend} …"
            self._summarise()
            try:
                data = await self.work.read(file.path, PART, part * PART)
                found = await asyncio.to_thread(_parsed, data, part, file.size)
            finally:
                if self._busy == what:  # nothing else is being read meanwhile
                    self._busy = ""
            self._read[number, part] = found
            while len(self._read) > KEPT:
                del self._read[next(iter(self._read))]
        return found

    def _extent(self) -> Iterable[str]:
        """Which part of a large file this is."""
        file, part = self.files[self._spot[0]], self._spot[1]
        parts = _parts(file.size)
        if parts > 1:
            yield f"part {part + 1} of {parts}: {size(PART)} each of {size(file.size)}; , . for the others"

    # What is shown.

    def _label(self) -> str:
        file = self.files[self._spot[0]]
        step = self.passage.step if self.passage is not None and self.passage.step is not None else file.step
        return file.path.rpartition("/")[2] if step is None else f"step {step}"

    def _summarise(self) -> None:
        """The lines above and below."""
        passage, whole = self.passage, self._whole
        several = f" ({self._spot[0] + 1} of {len(self.files)} files)" if len(self.files) > 1 else ""
        groups = [
            ((f" {show.clean(self._label())}", "strong"), (f"{several} ", "plain")),
            ((f" {show.clean(name_of(self.work.row))} ", "plain"),),
        ]
        if passage is not None and whole is not None:
            groups[1:1] = [((f" {lines.how_well(whole)} ", "strong"),), ((f" {len(passage)} tokens ", "plain"),)]
        self.query_one("#head", Line).groups = tuple(groups)
        self.query_one("#said", Line).groups = (((f" {show.clean(self._busy or self._said, 300)}", "plain"),),)

    def _colour(self) -> None:
        passage = self.passage
        if passage is None:
            return
        match self._coloured:
            case "unit" if self._unit in passage.units:
                values = passage.units[self._unit].astype(np.float64)
                self.text.colour(*colours.by_unit(values, self._unit, self._reason()))
            case "change" if self._before is not None:
                self.text.colour(*colours.by_change(passage, self._before))
            case _:
                self.text.colour(*colours.by_surprise(passage))
        self._tell()

    def _reason(self) -> Reason | None:
        return next((each for each in self._reasons or () if each.unit == self._unit), None)

    @on(TokenText.Moved)
    def _tell(self) -> None:
        """What is said below the text."""
        self._summarise()
        passage, width = self.passage, max(20, self.below.size.width)
        if passage is None or not len(passage):
            self.below.put([])
            return
        at = self.text.cursor
        told = lines.expected(passage, at, width, BELOW - 2)
        seen = self.text.seen
        here = sums(passage, seen.start, seen.stop)
        unit = self._unit_said(at)
        if not self._spark or self._spark_width != width:
            self._spark_width = width
            self._spark = show.spark(np.nan_to_num(passage.surprise, nan=0.0).tolist(), width - 2)
        place = at * len(self._spark) // len(passage)
        marked = self._spark[:place], self._spark[place : place + 1], self._spark[place + 1 :]
        self.below.put(
            [
                [(f" on the screen: {lines.how_well(here)}", "plain"), (unit, "strong")],
                *told,
                [(" ", "plain"), (marked[0], "curve"), (marked[1], "here"), (marked[2], "curve")],
            ]
        )

    def _unit_said(self, at: int) -> str:
        if self._coloured != "unit" or self.passage is None or self._unit not in self.passage.units:
            return ""
        return f"   unit {show.clean(self._unit)} here: {show.number(float(self.passage.units[self._unit][at]))}"

    def opened(self, name: str) -> None:
        self.below.display = name == "text"
        passage = self.passage
        match name:
            case "units" if passage is not None and passage.units:
                if self._reasons is None:
                    self._put("units", "looking at the units …", lines.UNIT_COLUMNS, [])
                    self._aside.ask(self._explain)
                else:
                    head = f" {len(self._reasons)} units, by how much of their activation the text explains"
                    self._put("units", head, lines.UNIT_COLUMNS, lines.units(self._reasons, passage))
            case "worst" if passage is not None:
                head = f" the {len(self._worst)} most surprising of {len(passage)} tokens"
                self._put("worst", head, lines.WORST_COLUMNS, lines.worst(self._worst, passage))
            case "steps":
                self._list_steps()
                self.run_worker(self._compare(), group="compare", exclusive=True)
        self._summarise()

    def _put(self, name: str, head: str, columns: Sequence[Column], entries: Sequence[Entry]) -> None:
        self.query_one(f"#{name}", TableList).put(head, columns, entries)

    async def _explain(self) -> None:
        passage = self.passage
        if passage is not None:
            found = await asyncio.to_thread(reasons, passage)
            if passage is self.passage:
                self._reasons = found
                self._colour()
                if self.tab == "units":
                    self.opened("units")

    async def _compare(self) -> None:
        """Read what is not known of the other steps."""
        for number in range(max(0, len(self.files) - COMPARED), len(self.files)):
            if number not in self._sums:
                try:
                    self._sums[number] = await asyncio.to_thread(
                        _steps, self.files[number], await self._part(number, 0)
                    )
                except Refused as refusal:
                    path = self.files[number].path
                    self._sums[number] = [(lines.Step(path, 0, str(self.files[number].step or path)), str(refusal))]
                self._list_steps()
        self._summarise()

    def _list_steps(self) -> None:
        found = [each for number in sorted(self._sums) for each in self._sums[number]]
        head = f" {len(found)} steps of {len(self.files)} files, the oldest first"
        self._put("steps", head, lines.STEP_COLUMNS, lines.steps(found))

    # Keys.

    def keys(self) -> Iterable[Key]:
        pane = "passage" if self.tab == "text" else "table_list"
        usable = super().keys()
        return (key for key in usable if {"sequence", pane} & set(key.where))

    async def action_step(self, by: int) -> None:
        """The passage before or after, in the file or in the next."""
        spot = self._beside(by)
        if spot is None:
            self.say("this is the " + ("first" if by < 0 else "last"), "information")
        else:
            self._go(spot)

    def _beside(self, by: int) -> Spot | None:
        file, part, number = self._spot
        read = self._read.get((file, part))
        if read is not None and 0 <= number + by < len(read.passages):
            return file, part, number + by
        if not 0 <= file + by < len(self.files):
            return None
        return file + by, 0, 0 if by > 0 else -1

    async def _one_before(self) -> Passage | None:
        """The passage of the step before; None where there is none that can be read."""
        spot = self._beside(-1)
        if spot is None:
            return None
        try:
            read = await self._part(*spot[:2])
        except Refused as refusal:
            self._said = str(refusal)
            return None
        return read.passages[spot[2]] if read.passages else None

    def action_part(self, by: int) -> None:
        """Another part of a large file."""
        file, part, _ = self._spot
        if 0 <= part + by < _parts(self.files[file].size):
            self._go((file, part + by, 0))

    def action_surprise(self) -> None:
        self._coloured = "surprise"
        self._colour()

    async def action_change(self) -> None:
        """Colour by what changed since the step before."""
        self._before = await self._one_before()
        if self._before is None:
            self.say("there is no step before this one", "information")
            return
        self._coloured = "change"
        self._colour()

    def action_unit(self, by: int) -> None:
        """Colour by the next unit: in the order of how well they are explained, where that is known."""
        passage = self.passage
        if passage is None or not passage.units:
            self.say("the file has no activations", "information")
            return
        order = [each.unit for each in self._reasons] if self._reasons is not None else list(passage.units)
        if self._coloured == "unit":
            self._unit = order[(order.index(self._unit) + by) % len(order)]
        elif self._reasons is None:
            self._aside.ask(self._explain)
        self._coloured = "unit"
        self._colour()

    def action_worst(self, by: int) -> None:
        """To the next place that surprised."""
        order = sorted(self._worst)
        after = [each for each in order if (each > self.text.cursor if by > 0 else each < self.text.cursor)]
        if after:
            self.text.cursor = after[0] if by > 0 else after[-1]

    async def action_open(self) -> None:
        """What is under the cursor of a list, in the text."""
        entry = self.pane.entry if isinstance(self.pane, TableList) else None
        if entry is None:
            return
        match self.tab:
            case "units":
                self._unit, self._coloured = entry.key, "unit"
                reason = self._reason()
                self._colour()
                self.open_tab("text")
                if reason is not None and reason.places:
                    self.text.cursor = reason.places[0]
            case "worst":
                self.open_tab("text")
                self.text.cursor = int(entry.key)
            case "steps":
                number, _, path = entry.key.partition(" ")
                file = next(at for at, each in enumerate(self.files) if each.path == path)
                self.open_tab("text")
                self._go((file, 0, int(number)))

    def action_look(self) -> None:
        """Read it again."""
        self._read.clear()
        self._sums.clear()
        self.say("reading it again", "information")
        self._go(self._spot)

    def action_copy(self) -> None:
        if self.passage is not None and len(self.passage):
            at = self.text.cursor
            chance = float(self.passage.chances[at])
            self.copy(f"{shown(self.passage.tokens[at])} at {at}: p {chance:g}, {lines.around(self.passage, at)}")

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool:
        if action == "open" and self.is_mounted and self.tab == "text":
            return False
        if action == "part" and _parts(self.files[self._spot[0]].size) < 2:
            return False
        return super().check_action(action, parameters)


def _parts(count: int) -> int:
    return max(1, -(-count // PART))


def _parsed(data: bytes, part: int, whole: int) -> Read:
    """A part of a file; one that does not begin it begins with a part of a line."""
    if part:
        data = data.partition(b"\n")[2]
    return read_passages(data, cut=part + 1 < _parts(whole))


def _prepared(passage: Passage) -> tuple[Shown, list[int], Sums]:
    return Shown(passage.tokens), worst(passage), sums(passage)


def _steps(file: OutputFile, read: Read) -> list[tuple[lines.Step, Sums | str]]:
    """The passages of a file, each with its step: its own, else the file's, else which one it is."""
    if not read.passages:
        return [(lines.Step(file.path, 0, str(file.step or "")), "; ".join(read.notes))]
    found: list[tuple[lines.Step, Sums | str]] = []
    for at, each in enumerate(read.passages):
        step = next(step for step in (each.step, file.step, at) if step is not None)
        found.append((lines.Step(file.path, at, str(step)), sums(each)))
    return found
