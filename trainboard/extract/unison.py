"""Metrics that are printed together: as long as they are, what is remembered of one is remembered of all at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from trainboard.extract.ledger import Channel


class Unison:
    """Channels, all different, that lines of one kind fill together: with an index of their own, or all without.

    Between `join` and `settle` what such lines change is remembered here, and not in the channels.
    """

    __slots__ = (
        "_base",
        "bare",
        "channels",
        "count",
        "doubled",
        "is_even",
        "is_joined",
        "is_level",
        "last",
        "rank",
        "repeats",
        "rest",
        "serial",
    )

    def __init__(self, channels: tuple[Channel, ...], bare: bool) -> None:
        self.channels = channels
        self.bare = bare
        self.is_joined = False
        self.is_level = False
        """`last` is that of each."""
        self.is_even = False
        """They have as many samples each: `count`; and `doubled` is that of each."""
        self.rest = 0
        """Lines that are taken apart before it is tried again."""
        self.count = self._base = 0
        # As in `Channel`; `serial` and `repeats` of lines without an index, `last` and `doubled` of those with one.
        self.serial = self.repeats = 0
        self.rank: int | None = None
        self.last: float | None = None
        self.doubled = False

    def join(self) -> bool:
        """Whether the channels stand where lines can be taken for all of them at once; then that is done here."""
        channels = self.channels
        for channel in channels:
            channel.settle()
        first = channels[0]
        if any(channel.rank != first.rank for channel in channels):
            return False
        if self.bare and any((each.serial, each.repeats) != (first.serial, first.repeats) for each in channels):
            return False
        self.rank, self.serial, self.repeats = first.rank, first.serial, first.repeats
        self.last, self.doubled = first.last, first.doubled
        self.count = self._base = first.count
        self.is_level = all(channel.last == first.last for channel in channels)
        self.is_even = all((each.count, each.doubled) == (first.count, first.doubled) for each in channels)
        for channel in channels:
            channel.unison = self
        self.is_joined = True
        return True

    def settle(self) -> None:
        """Give each channel what is remembered of it."""
        more = self.count - self._base
        for channel in self.channels:
            channel.unison = None
            channel.rank = self.rank
            channel.count += more
            if self.bare:
                channel.serial, channel.repeats = self.serial, self.repeats
                continue
            if self.is_level:
                channel.last = self.last
            if self.is_even:
                channel.doubled = self.doubled
        self.is_joined = False

    @property
    def is_doubled(self) -> bool:
        """As of each channel; asked only where they are even."""
        self.doubled = self.doubled or self.count == 1
        return self.doubled

    def hears(self, rank: int) -> bool:
        """As of each channel."""
        if self.rank is None:
            self.rank = rank
        return self.rank == rank
