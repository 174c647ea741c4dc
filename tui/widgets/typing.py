"""Keys that are typed into a text act in the order in which they were typed."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from textual import events
    from textual.widget import Widget


async def in_order(widget: Widget, key: events.Key) -> None:
    """For the `_on_key` of a widget that is typed into: do at once what the key is bound to.

    Textual inserts letters at once but lets arrows and backspace travel to the app first: of several keys that
    come in one piece, the letters would overtake the others.
    """
    for binding in widget._bindings.key_to_bindings.get(key.key, ()):
        key.stop()
        key.prevent_default()
        await widget.run_action(binding.action)


async def typed(widget: Widget) -> None:
    """Wait until the widget has taken in all keys that were sent to it."""
    reached = asyncio.Event()
    widget.call_later(reached.set)
    await reached.wait()
