"""The line at the top of the board. Pure."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from tui import show

if TYPE_CHECKING:
    from trainboard.events import EngineSeen
    from tui.listing import Listing
    from tui.widgets.bars import Group
    from tui.widgets.lines import Piece

COUNTED = 2000
"""Rows up to which those that ended are counted each time."""


def summary(
    name: str,
    listing: Listing | None,
    *,
    marked: int,
    offered: int,
    paused: bool,
    readonly: bool,
    engine: EngineSeen | None = None,
    unread: int = 0,
) -> tuple[Group, ...]:
    """What is listed and what the board is doing; `listing` is None while no table has come."""
    pieces: list[Piece] = [(f" {name} ", "strong")]
    if readonly:
        pieces.append((" ⊘ READ-ONLY ", "waiting"))
    if paused:
        pieces.append((" ‖ PAUSED (p) ", "waiting"))
    if listing is None:
        pieces.append((" asking the hosts… ", "dim"))
    elif listing.words:
        words = show.clean(" ".join(listing.words), 40)
        pieces.append((f" filter “{words}”: {listing.matching} of {len(listing.rows)} (esc clears) ", "match"))
    elif len(listing.rows) <= COUNTED:
        ended = sum(row.state.ended for row in listing.rows.values())
        pieces.append((f" {len(listing.rows) - ended} alive, {ended} ended ", "plain"))
    else:
        pieces.append((f" {len(listing.rows):,} jobs ", "plain"))
    if unread:
        pieces.append((f" ▲ {show.count(unread, 'unread finding')} (F) ", "waiting"))
    if marked:
        pieces.append((f" ◆ {marked} marked ", "strong"))
    if engine is not None and engine.holder is not None and not engine.ours:
        since = time.strftime("%H:%M", time.localtime(engine.holder.since))
        pieces += [(f" polled by {show.clean(str(engine.holder), 60)}", "dim"), (f", since {since} ", "dim")]
    if offered:
        pieces.append((f" {show.count(offered, 'host')} of ~/.ssh/config can be added (:)", "dim"))
    return tuple((piece,) for piece in pieces)
