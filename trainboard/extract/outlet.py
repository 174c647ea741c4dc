"""Where the numbers of lines of one shape go."""

from __future__ import annotations

from operator import itemgetter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from trainboard.extract.ledger import Channel
    from trainboard.extract.unison import Unison


class Outlet:
    """The fields of a line: which token each is, its scale, and the channel for its samples; may be none."""

    __slots__ = ("channels", "fields", "metrics", "parts", "pick", "scales", "unison")

    def __init__(self, fields: Iterable[tuple[int, float, Channel]]) -> None:
        self.fields = tuple(fields)
        self.channels = tuple(channel for *_, channel in self.fields)
        self.metrics = tuple(channel.metric for channel in self.channels)
        self.pick: Callable[[Sequence[bytes]], Sequence[bytes]] = _picking([slot for slot, *_ in self.fields])
        """Takes the fields' tokens from those of a line."""
        scales = tuple(scale for _, scale, _ in self.fields)
        self.scales = scales if any(scale != 1 for scale in scales) else None
        """None where all are 1."""
        self.parts: dict[bytes, Outlet] = {}
        """The same without some fields, by which are there."""
        self.unison: Unison | None = None
        """None where one of the channels has two fields, which then cannot be taken at once."""

    def settle(self) -> None:
        """Give each channel what is remembered of it."""
        for channel in self.channels:
            channel.settle()


def _picking(slots: Sequence[int]) -> Callable[[Sequence[bytes]], Sequence[bytes]]:
    """What takes these elements of a sequence; a slice where they stand side by side."""
    first = slots[0] if slots else 0
    if list(slots) == list(range(first, first + len(slots))):
        return itemgetter(slice(first, first + len(slots)))
    return itemgetter(*slots)
