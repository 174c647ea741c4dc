"""The layers of a network, and what a quantity of theirs did over the steps."""

from __future__ import annotations

from dataclasses import replace
from itertools import groupby
from typing import TYPE_CHECKING

import numpy as np
from rich.segment import Segment
from textual.message import Message
from textual.reactive import reactive
from textual.strip import Strip

from trainboard.misbehaving import KINDS
from tui import heat, show, spread
from tui.keys import bindings
from tui.widgets.heat_looks import blocks
from tui.widgets.lines import Lines, strip, tone

if TYPE_CHECKING:
    from rich.style import Style

    from trainboard.layers import LayerMap
    from trainboard.misbehaving import Behaviour, Episode
    from tui.widgets.lines import Piece

EMPTY = (
    "  No metrics of single layers yet. They come from names as `grad_norm/conv1`,",
    "  from histograms in event files, or from `trainboard.probe` in the program.",
)
TALLEST = 4
"""Lines of a layer, where there are few."""
BELOW = ("", "strip", "pair")
"""What is under the map: nothing, the layer's distributions over the steps, two of them over each other."""
PART = 0.6
"""Of the height, for that."""
NUMBER = 8
"""Letters of a value beside the distributions."""
_SIGNS = {heat.ABSENT: " ", heat.WILD: "×", heat.ZERO: "0"}
_HEIGHTS = " " + show.BLOCKS


class HeatMap(Lines):
    """Layer × step, with a cursor that reads the value. The height of a block says what its colour says."""

    DEFAULT_CSS = """
    HeatMap { height: 1fr; }
    """
    BINDINGS = bindings("layers")

    log_scale: reactive[bool] = reactive(True)
    own_scales: reactive[bool] = reactive(False)
    """Whether each layer has a scale of its own."""
    folded: reactive[bool] = reactive(False)
    """Whether neighbours share a line where there are more layers than lines."""
    below: reactive[str] = reactive("")
    """One of `BELOW`."""
    look: reactive[spread.Look] = reactive(spread.Look(0))
    """How the distributions are looked at; its `at` is not used."""

    class Changed(Message):
        """Other keys do something now."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.staying_lines = 2
        """Lines that do not scroll."""
        self.quantity = ""
        """The user's choice."""
        self._map: LayerMap | None = None
        self._behaviour: Behaviour | None = None
        self._spread_drawn: tuple[object, ...] = ()
        self._spread_lines: list[tuple[Piece, ...]] = []
        self._names: list[str] = []
        """Of the layers, as short as can be."""
        self._labels: list[str] = []
        """Of the rows."""
        self._layer = 0
        """Under the cursor."""
        self._margin = 3
        """Cells before a row's blocks."""
        self._told = -1
        """Which of the episodes the cursor was put at last."""
        self._group: int | None = None
        """The cursor's; None: the newest, whatever comes."""
        self._drawn: tuple[object, ...] = ()
        self._picture: heat.Picture | None = None
        self._looks: tuple[Style, ...] = ()
        self._blocks: dict[tuple[int, int], list[Segment]] = {}
        """Of the lines that were drawn, by row and line; those of the cursor's row are not kept."""

    def put(self, layers: LayerMap | None, behaviour: Behaviour | None = None) -> None:
        """Show this map, and what is wrong in it; None where the run has no metrics of single layers."""
        here = self._map.layers[self._layer] if self._map else ""
        names = layers.layers if layers else ()
        self._map, self._behaviour, self._drawn, self._spread_drawn = layers, behaviour, (), ()
        self._names = [show.clean(label) for label in heat.labels(names)]
        self._layer = names.index(here) if here in names else 0
        self._arrange()

    def on_resize(self) -> None:
        self._arrange()

    def watch_folded(self) -> None:
        self._arrange()

    def watch_below(self) -> None:
        self._arrange()
        self.post_message(self.Changed())

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool:
        """What is about distributions acts where they are seen; what is about misbehaviour, where there is any."""
        if action in ("pin", "shades", "whole"):
            return self.below == "pair" or (self.below == "strip" and action != "pin")
        return action != "next_trouble" or bool(self._episodes)

    def _arrange(self) -> None:
        """Rows and their labels, as many as there is room for."""
        self.staying_lines = 2 + bool(self._episodes) + self._lower
        together = self._together
        groups = [self._names[at : at + together] for at in range(0, len(self._names), together)]
        self._labels = [each[0] if len(each) == 1 else f"{each[0]} …" for each in groups]
        longest = max(NUMBER if self.below else 0, *map(len, (self._index, *self._labels)))
        self._margin = min(longest, max(8, self.size.width // 3)) + 3
        self.count = len(self._labels) * self._tall
        self._go(0)

    @property
    def inner_height(self) -> int:
        """Lines of layers on screen."""
        return max(1, self.size.height - self.staying_lines)

    @property
    def _lower(self) -> int:
        """Lines below the map."""
        return min(max(0, self.size.height - 4), round(self.size.height * PART)) if self.below else 0

    @property
    def _episodes(self) -> tuple[Episode, ...]:
        return self._behaviour.episodes if self._behaviour is not None else ()

    @property
    def _together(self) -> int:
        """Layers of each row."""
        return max(1, -(-len(self._names) // self.inner_height)) if self.folded else 1

    @property
    def _row(self) -> int:
        """The cursor's."""
        return self._layer // self._together

    @property
    def _tall(self) -> int:
        """Lines of each row: more, where there are few."""
        return max(1, min(TALLEST, self.inner_height // max(1, len(self._labels))))

    @property
    def _width(self) -> int:
        """Cells of a row's blocks."""
        return self.inner_width - self._margin

    @property
    def shown(self) -> str:
        """The chosen quantity where there is such, else the first; empty where there is none."""
        quantities = list(self._map.quantities) if self._map else [""]
        return self.quantity if self.quantity in quantities else quantities[0]

    def action_down(self) -> None:
        self._go(1)

    def action_up(self) -> None:
        self._go(-1)

    def action_top(self) -> None:
        self._go(-self._row)

    def action_bottom(self) -> None:
        self._go(len(self._labels))

    def action_half_down(self) -> None:
        self._go(max(1, self.inner_height // 2))

    def action_half_up(self) -> None:
        self._go(-max(1, self.inner_height // 2))

    def action_left(self) -> None:
        self._pan(-1)

    def action_right(self) -> None:
        self._pan(1)

    def action_far_left(self) -> None:
        self._pan(-10)

    def action_far_right(self) -> None:
        self._pan(10)

    def action_next_quantity(self) -> None:
        self._choose(1)

    def action_previous_quantity(self) -> None:
        self._choose(-1)

    def action_log_scale(self) -> None:
        self.log_scale = not self.log_scale

    def action_own_scales(self) -> None:
        self.own_scales = not self.own_scales

    def action_fold(self) -> None:
        self.folded = not self.folded

    def action_distributions(self) -> None:
        self.below = BELOW[(BELOW.index(self.below) + 1) % len(BELOW)]

    def action_pin(self) -> None:
        found = self._spread()
        if found is not None:
            self.look = replace(spread.pinned_at(*found), at=0)

    def action_shades(self) -> None:
        self.look = replace(self.look, log=not self.look.log)

    def action_whole(self) -> None:
        self.look = replace(self.look, whole=not self.look.whole)

    def action_next_trouble(self) -> None:
        """To the layer and the step that misbehaved first; from there, to the next ones."""
        if self._map is None or not self._episodes:
            return
        self._told = (self._told + 1) % len(self._episodes)
        episode = self._episodes[self._told]
        self._layer = episode.layer
        picture = self._pictured()
        if picture is not None:
            step = self._map.steps[episode.column]
            self._group = int(np.searchsorted(picture.steps, step).clip(0, len(picture.steps) - 1))
        self._go(0)

    def action_copy(self) -> None:
        picture = self._pictured()
        if picture is not None and self._map is not None:
            first = self._row * self._together
            names = self._map.layers[first : first + self._together]
            name = " … ".join(dict.fromkeys((names[0], names[-1])))
            self.app.copy_to_clipboard(f"{name} {self.shown} {self._reading(picture)}")

    def _go(self, by: int) -> None:
        row = max(0, min(self._row + by, len(self._labels) - 1))
        if by:
            self._layer = row * self._together
        first, tall = row * self._tall, self._tall
        self.go_to(min(first, max(self.top, first + tall - self.inner_height)))
        self.refresh()

    def _pan(self, by: int) -> None:
        picture = self._pictured()
        if picture is not None:
            group = max(0, self._at(picture) + by)
            self._group = None if group >= len(picture.steps) - 1 else group
            self.refresh()

    def _choose(self, by: int) -> None:
        if self._map is not None:
            quantities = list(self._map.quantities)
            self.quantity = quantities[(quantities.index(self.shown) + by) % len(quantities)]
            self.refresh()

    def _at(self, picture: heat.Picture) -> int:
        """The group under the cursor."""
        newest = len(picture.steps) - 1
        return newest if self._group is None else min(self._group, newest)

    def _pictured(self) -> heat.Picture | None:
        """What is drawn, made anew where anything of it has changed."""
        wanted = self.shown, self._width, self.log_scale, self.own_scales, self._together, self._tall
        if self._map is None or self._width < 1:
            return None
        if self._drawn != wanted:
            self._drawn, self._blocks = wanted, {}
            self._picture = heat.picture(
                self._map, *wanted[:2], log=self.log_scale, own=self.own_scales, together=self._together
            )
        return self._picture

    def render_line(self, y: int) -> Strip:
        picture = self._pictured()
        if picture is None:
            said = EMPTY[y] if self._map is None and y < len(EMPTY) else ""
            return strip(self, [(said, "dim")], self.size.width)
        if y == 0:
            return self.staying(self._head(picture))
        if y == 1 and self._episodes:
            return strip(self, self._first_trouble(), self.size.width)
        end = self.size.height - self._lower - 1
        if y == end:
            return self._axis(picture)
        return self._line_of(picture, y - 1 - bool(self._episodes)) if y < end else self._line_below(y - end - 1)

    def _spread(self) -> tuple[spread.Look, spread.Spread] | None:
        """The distributions of the layer under the cursor, and how they are looked at."""
        picture = self._pictured()
        if self._map is None or picture is None:
            return None
        found = spread.of_layer(self._map, self._layer, self.shown, picture.steps)
        return None if found is None else (replace(self.look, at=self._at(picture)), found)

    def _line_below(self, y: int) -> Strip:
        """A line of the distributions."""
        picture = self._pictured()
        at = self._at(picture) if picture is not None else 0
        wanted = self._drawn, self._layer, at, self.below, self.look, self._lower
        if self._spread_drawn != wanted:
            self._spread_drawn, found = wanted, self._spread()
            draw = spread.pair if self.below == "pair" else spread.strip
            if found is None:
                self._spread_lines = [((said, "dim"),) for said in spread.NONE]
            else:
                look, distributions = found
                self._spread_lines = draw(distributions, look, self._margin, self._width, self._lower)
        return strip(self, self._spread_lines[y] if y < len(self._spread_lines) else (), self.size.width)

    def _first_trouble(self) -> list[Piece]:
        """What misbehaved first, and how much did after it."""
        first = self._episodes[0]
        assert self._map is not None
        kind = KINDS[first.kind]
        name, step = show.cut_middle(self._names[first.layer], 30).strip(), self._map.steps[first.column]
        others = {each.layer for each in self._episodes} - {first.layer}
        same = {each.layer for each in self._episodes if each.column == first.column} & others
        told = ((len(same), "with it"), (len(others - same), "after it"))
        over = "" if first.until is None else f" until {self._map.steps[first.until]:g}"
        rest = "".join(f", {show.count(number, 'layer')} {when}" for number, when in told if number)
        key = "  b: there" if self.has_focus else ""
        return [
            (f" {kind.sign} ", "bad"),
            (f"first: {name} {kind.word}", "strong"),
            (f" at {self._index} {step:g}{over}{rest}{key}", "plain"),
        ]

    def _trouble(self, picture: heat.Picture, row: int) -> int:
        """What is wrong with a row at the cursor's step: a place in `KINDS`, the worst; -1 for nothing."""
        if self._map is None or self._behaviour is None:
            return -1
        column = int(np.searchsorted(self._map.steps, picture.steps[self._at(picture)]))
        first = row * self._together
        codes = self._behaviour.codes[first : first + self._together, column]
        return int(min((code for code in codes.tolist() if code >= 0), default=-1))

    def _head(self, picture: heat.Picture) -> list[Piece]:
        quantities = list(self._map.quantities) if self._map else []
        keys = " n" if self.has_focus else ""
        of = f" ({quantities.index(self.shown) + 1}/{len(quantities)}{keys})" if len(quantities) > 1 else ""
        scale = f"{show.number(picture.low)} {show.BLOCKS} {show.number(picture.high)}"
        kind = (" log" if picture.log else "") + (", each its own" if self.own_scales else "")
        wrong = self._trouble(picture, self._row)
        said = f" {KINDS[wrong].sign} {KINDS[wrong].word}" if wrong >= 0 else ""
        here = f"  {self._labels[self._row]}  {self._reading(picture)}{said}"
        return [(self.shown, "strong"), (of, "plain"), (here, "strong"), (f"   {scale}{kind}", "plain")]

    def _reading(self, picture: heat.Picture) -> str:
        """What is under the cursor, in words."""
        at = self._at(picture)
        absent = picture.codes[self._row, at] == heat.ABSENT
        said = "nothing measured" if absent else show.number(float(picture.values[self._row, at]))
        return f"{self._index} {picture.steps[at]:g}: {said}"

    @property
    def _index(self) -> str:
        return show.clean(self._map.index, 20) if self._map and self._map.index else "sample"

    def _axis(self, picture: heat.Picture) -> Strip:
        """The first and the last step, and the cursor's, below their cells."""
        width, at = self._width, self._at(picture)
        cells = " " * width
        middle = round((at + 0.5) * width / len(picture.steps) - 0.5)
        for place, text in (
            (middle, f"▲{picture.steps[at]:g}"),
            (0, f"{picture.steps[0]:g}"),
            (width, f"{picture.steps[-1]:g}"),
        ):
            start = max(0, min(place, width - len(text)))
            if not cells[max(0, start - 1) : start + len(text) + 1].strip():
                cells = cells[:start] + text + cells[start + len(text) :]
        text = f" {show.cut(self._index, self._margin - 1)}{cells}"
        return strip(self, [(text, "dim")], self.size.width)

    def _line_of(self, picture: heat.Picture, y: int) -> Strip:
        """One line of a layer: its label is beside the lowest, its colour on all."""
        row, line = divmod(self.top + y, self._tall)
        bar = self.line(y, ()).crop(self.inner_width)
        if row >= len(self._labels):
            return Strip.join([strip(self, (), self.inner_width), bar])
        lowest, here = line == self._tall - 1, row == self._row
        label = show.cut_middle(self._labels[row], self._margin - 3) if lowest else ""
        sign = "›" if here and lowest else " "
        under = "cursor" if here else "plain"
        name = strip(self, [(f" {sign}{label}", "strong" if here else "plain")], self._margin - 1, under)
        looks, place = self._levels(), (row, self._tall - 1 - line)
        cells = self._blocks.get(place) if not here else None
        if cells is None:
            cells = self._cells(picture, *place, looks)
            if not here:
                self._blocks[place] = cells
        wrong = self._trouble(picture, row) if lowest else -1
        mark = strip(self, [(KINDS[wrong].sign, "bad")] if wrong >= 0 else (), 1)
        return Strip.join([name, mark, Strip(cells, self._width), bar])

    def _cells(self, picture: heat.Picture, row: int, above: int, looks: tuple[Style, ...]) -> list[Segment]:
        """The blocks of a layer, `above` lines up from its lowest; neighbours that look the same are one segment."""
        width, groups, at = self._width, len(picture.steps), self._at(picture)
        codes = picture.codes[row].tolist()
        marked = tone(self, "here" if self.app.no_color else "waiting")
        # Less than full, so that a line of the greatest does not run into the layer above it.
        full, most = len(show.BLOCKS), len(show.BLOCKS) * self._tall - 1
        segments = []
        places = (x * groups // width for x in range(width))
        for (code, here), same in groupby((codes[g], row == self._row and g == at) for g in places):
            height = max(1, round((code + 1) * most / heat.LEVELS)) - above * full
            sign = _SIGNS[code] if code < 0 else _HEIGHTS[max(0, min(full, height))]
            look = looks[code] if code >= 0 else tone(self, "bad" if code == heat.WILD else "dim")
            segments.append(Segment(sign * len(list(same)), marked if here else look))
        return segments

    def _levels(self) -> tuple[Style, ...]:
        """The looks of the levels; with others, what was drawn is not kept."""
        looks = blocks(self)
        if looks is not self._looks:
            self._looks, self._blocks = looks, {}
        return looks
