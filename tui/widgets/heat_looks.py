"""The looks of a scale of tones, made from the theme."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from rich.color import Color, blend_rgb
from rich.style import Style

from tui import heat
from tui.widgets.lines import tone

if TYPE_CHECKING:
    from rich.color_triplet import ColorTriplet
    from textual.widget import Widget

DEEPEST = 0.7
"""How much of the theme's own colour lies behind a number at most: more of it, and the number is hard to read."""


def blocks(widget: Widget) -> tuple[Style, ...]:
    """For blocks, by level: from the background over the theme's own colour to that of the text."""
    return _blocks(tone(widget, "plain"), tone(widget, "done"), widget.app.no_color)


def grounds(widget: Widget) -> tuple[Style, ...]:
    """For numbers, by level: what lies behind them."""
    return _grounds(tone(widget, "plain"), tone(widget, "done"), widget.app.no_color)


@lru_cache(maxsize=8)
def _blocks(ground: Style, hue: Style, no_color: bool) -> tuple[Style, ...]:
    back, middle, text = ground.bgcolor, hue.color, ground.color
    if no_color or back is None or middle is None or text is None:
        return (ground,) * heat.LEVELS
    ends = back.get_truecolor(), middle.get_truecolor(), text.get_truecolor()
    return tuple(_look(*ends, 2 * level / (heat.LEVELS - 1)) for level in range(heat.LEVELS))


@lru_cache(maxsize=8)
def _grounds(ground: Style, hue: Style, no_color: bool) -> tuple[Style, ...]:
    back, middle = ground.bgcolor, hue.color
    if no_color or back is None or middle is None:
        return (ground,) * heat.LEVELS
    low, high = back.get_truecolor(), middle.get_truecolor()
    shares = (DEEPEST * level / (heat.LEVELS - 1) for level in range(heat.LEVELS))
    return tuple(ground + Style(bgcolor=Color.from_triplet(blend_rgb(low, high, share))) for share in shares)


def _look(back: ColorTriplet, hue: ColorTriplet, text: ColorTriplet, place: float) -> Style:
    """Of a place between 0 and 2."""
    low = blend_rgb(back, hue, 0.2)
    colour = blend_rgb(low, hue, place) if place < 1 else blend_rgb(hue, text, place - 1)
    return Style(color=Color.from_triplet(colour), bgcolor=Color.from_triplet(blend_rgb(back, colour, 0.55)))
