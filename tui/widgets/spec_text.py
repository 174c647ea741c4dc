"""The text of a spec: YAML that is coloured as it is typed, with its errors at their lines and words offered."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, ClassVar, cast

from rich.cells import cell_len
from rich.style import Style
from textual._text_area_theme import TextAreaTheme
from textual.cache import LRUCache
from textual.message import Message
from textual.widgets import TextArea

from tui import show
from tui.keys import bindings
from tui.widgets.typing import in_order
from tui.yamlspans import KINDS, State, spans

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rich.text import Text
    from textual import events
    from textual.document._document import Document, EditResult
    from textual.document._edit import Edit
    from textual.strip import Strip

    from tui.widgets.offers import Offers

SHORTEST = 12
"""Cells from which on an error is written behind its line."""

_OPENS = re.compile(r"(?:[:\-?]|[|>][+-]?\d?)\s*(?:#.*)?$")
"""A line after which the next one is one level deeper."""


class Colours(TextAreaTheme):
    """Textual's own, but the line of the cursor keeps the colours of its words."""

    def apply_css(self, text_area: TextArea) -> None:
        super().apply_css(text_area)
        if self.cursor_line_style is not None:
            self.cursor_line_style = Style(bgcolor=self.cursor_line_style.bgcolor)


class SpecText(TextArea):
    """An editor for one file."""

    DEFAULT_CSS = """
    SpecText { border: none; padding: 0; background: $background; }
    SpecText:focus { border: none; }
    SpecText .yaml--key { color: $text-primary; text-style: bold; }
    SpecText .yaml--comment { color: $text-muted; text-style: italic; }
    SpecText .yaml--text { color: $text-success; }
    SpecText .yaml--number { color: $text-accent; }
    SpecText .yaml--word { color: $text-accent; text-style: bold; }
    SpecText .yaml--slot { color: $text-warning; text-style: bold; }
    SpecText .yaml--mark { color: $text-muted; }
    SpecText .yaml--bad { color: $text-error; text-style: underline; }
    SpecText .yaml--error { color: $text-error; text-style: bold; }
    App:nocolor SpecText .text-area--cursor { text-style: reverse; }
    """
    BINDINGS = bindings("edit", priority=False)
    COMPONENT_CLASSES: ClassVar[set[str]] = {f"yaml--{kind}" for kind in (*KINDS, "bad", "error")}

    offers: Offers | None = None
    """The words that are offered at the cursor, by whoever mounted them."""

    class Typed(Message):
        """A key was typed into the text."""

    class Asked(Message):
        """Words for the place of the cursor are wanted, now."""

    def __init__(self, *, id: str | None = None) -> None:
        self._drawn: LRUCache[tuple[object, ...], Strip] = LRUCache(1024)
        """Lines by all that decides what they look like."""
        super().__init__(id=id, tab_behavior="indent", show_line_numbers=True, read_only=True)
        self.register_theme(Colours("spec"))
        self.theme = "spec"
        self.problems: Mapping[int, str] = {}
        """By line, from 0: what is wrong there."""
        self.indent_width = 2
        self.cursor_blink = False
        self._states: list[State] = []
        """How each line begins, as far as that is worked out."""

    def mark(self, problems: Mapping[int, str]) -> None:
        """Mark these lines as bad, and no others."""
        if problems != self.problems:
            self.problems = problems
            self._line_cache.clear()
            self.refresh()

    def go(self, line: int, column: int = 0) -> None:
        """Put the cursor there, both from 0, and show it."""
        self.move_cursor(self.clamp_visitable((line, column)), center=True)

    def change(self, text: str) -> None:
        """Make this the text by the one edit that does it, so that it can be undone and the cursor stays near."""
        old = self.text
        start, end = difference(old, text)
        if old != text:
            inserted = text[start : len(text) - (len(old) - end)]
            place = cast("Document", self.document).get_location_from_index
            self.replace(inserted, place(start), place(end))

    # What it looks like.

    def _build_highlight_map(self) -> None:
        """The text has changed: Textual's own hook, behind every way in which it can."""
        super()._build_highlight_map()
        self._states = []

    def edit(self, edit: Edit) -> EditResult:
        kept = self._states[: edit.top[0] + 1]
        result = super().edit(edit)
        self._states = kept
        return result

    def state(self, index: int) -> State:
        """What is open where this line begins."""
        if not self._states:
            self._states = [State()]
        for before in range(len(self._states) - 1, index):
            self._states.append(spans(self.document.get_line(before), self._states[before])[1])
        return self._states[index]

    def on_resize(self) -> None:
        """The lines are wrapped anew now; by itself that is drawn only where it changes how many there are."""
        self.refresh()

    def notify_style_update(self) -> None:
        self._drawn.clear()
        super().notify_style_update()

    def _render_line(self, y: int) -> Strip:
        """Draw only what looks different: Textual draws every line on the screen anew for every key."""
        place = y + self.scroll_offset.y
        lines = self.wrapped_document._offset_to_line_info
        if place >= len(lines):
            return super()._render_line(y)
        index, section = lines[place]
        look = (
            *(index, section, self.document.get_line(index), self.state(index), self.problems.get(index)),
            *self.wrapped_document.get_offsets(index),  # it is wrapped anew only after its size has changed
            *(self.cursor_location[1] if self.cursor_location[0] == index else None, self._marked(index)),
            *(self._matching_bracket_location, self.size.width, self.has_focus, self.read_only, self.gutter_width),
        )
        drawn = self._drawn.get(look)
        if drawn is None:
            drawn = self._drawn[look] = super()._render_line(y)
        return drawn

    def _marked(self, index: int) -> object:
        """What of a line is selected."""
        start, end = sorted(self.selection)
        return (start, end) if start != end and start[0] <= index <= end[0] else None

    def get_line(self, line_index: int) -> Text:
        line = super().get_line(line_index)
        for start, end, kind in spans(line.plain, self.state(line_index))[0]:
            line.stylize(self._look(kind), start, end)
        if problem := self.problems.get(line_index):
            first = len(line.plain) - len(line.plain.lstrip())
            line.stylize(self._look("bad"), first, len(line.plain.rstrip()))
            room = self._room_behind(line_index, line.plain)
            if room >= SHORTEST:
                line.append(show.cut(f"  ✗ {problem}", room).rstrip(), self._look("error"))
        return line

    def _look(self, kind: str) -> Style:
        return ink(self.get_component_rich_style(f"yaml--{kind}"))

    def _room_behind(self, index: int, line: str) -> int:
        offsets = self.wrapped_document.get_offsets(index)
        last = line[offsets[-1] :] if offsets else line
        return self.wrap_width - cell_len(last.expandtabs(self.indent_width))

    # What is typed.

    async def _on_key(self, event: events.Key) -> None:
        if self.read_only:
            await in_order(self, event)
            return
        if self.offers is not None and self.offers.display and self.offers.takes(event.key):
            event.stop()
            event.prevent_default()
            return
        if event.key == "enter":
            event.stop()
            event.prevent_default()
            self._break_line()
        else:
            await in_order(self, event)
        self.post_message(self.Typed())

    def action_complete(self) -> None:
        """Ask for words; where a line begins, indent."""
        row, column = self.cursor_location
        if self.document.get_line(row)[:column].strip():
            self.post_message(self.Asked())
        else:
            self._replace_via_keyboard(" " * self._find_columns_to_next_tab_stop(), *self.selection)

    def _break_line(self) -> None:
        """A new line at the level of this one, or one deeper behind what opens a level."""
        start, end = sorted(self.selection)
        before = self.document.get_line(start[0])[: start[1]]
        indent = before[: len(before) - len(before.lstrip())]
        inside = self.state(start[0]).block is not None
        if not inside and _OPENS.search(before) and not before.lstrip().startswith("#"):
            indent += " " * self.indent_width
        self._replace_via_keyboard("\n" + indent, start, end)


@lru_cache(maxsize=64)
def ink(look: Style) -> Style:
    """A look without its background, which is the line's."""
    return Style(color=look.color, bold=look.bold, italic=look.italic, underline=look.underline, reverse=look.reverse)


def difference(old: str, new: str) -> tuple[int, int]:
    """Where the two differ, as the stretch of `old` that is replaced; never between the two signs of a line's end."""
    shorter = min(len(old), len(new))
    start = next((at for at in range(shorter) if old[at] != new[at]), shorter)
    start -= old[start - 1 : start] == "\r"
    most = shorter - start
    tail = next((at for at in range(most) if old[-1 - at] != new[-1 - at]), most)
    tail -= tail > 0 and old[len(old) - tail] == "\n" and old[len(old) - tail - 1 : len(old) - tail] == "\r"
    return start, len(old) - tail
