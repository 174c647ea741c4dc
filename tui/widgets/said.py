"""Text that is on the screen only while there is something to say."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from textual.content import Content
    from textual.widgets import Static


def put(place: Static, text: Content) -> None:
    """Say this there; nothing where it stands there already, as every change lays the whole screen out anew."""
    if place.content != text:
        place.update(text)
    if place.has_class("-silent") == bool(text.plain):
        place.set_class(not text.plain, "-silent")
