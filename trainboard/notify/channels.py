"""The channels by which the user hears of things, and which of them wants what. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

from trainboard.diagnose.finding import Severity
from trainboard.notify.secret import Secret

if TYPE_CHECKING:
    from collections.abc import Collection

    from trainboard.notify.hours import Hours


class Kind(StrEnum):
    """What there is to hear of."""

    FINISHED = "finished"
    """A run is COMPLETED."""
    FAILED = "failed"
    """A run ended in another way, and is not tried again; not one that the user cancelled."""
    FINDING = "finding"
    """A rule found something that is a root cause."""
    FIRST_SAMPLE = "first_sample"
    """A run printed its first value of a metric."""
    HOST_DOWN = "host_down"
    """A host has not answered for a while."""
    DISK_LOW = "disk_low"
    """A disk that is watched is almost full."""


USUAL = frozenset({Kind.FINISHED, Kind.FAILED, Kind.FINDING, Kind.HOST_DOWN, Kind.DISK_LOW})


class Sort(StrEnum):
    """How a channel tells."""

    URL = "url"
    """By a notifier that apprise knows."""
    COMMAND = "command"
    TMUX = "tmux"
    BELL = "bell"


TERMINAL = frozenset({Sort.TMUX, Sort.BELL})
"""Those that need a terminal: any process that has one tells by them. By the others it is the one that polls."""

DIGEST = {Sort.URL: 60.0, Sort.COMMAND: 60.0, Sort.TMUX: 10.0, Sort.BELL: 10.0}
"""Seconds for which what happens is gathered into one message."""


NOTHING = Secret("")


@dataclass(frozen=True, slots=True)
class Channel:
    """One way to the user."""

    name: str
    """Unique in the config; what a notice was sent by is remembered under it."""
    sort: Sort
    target: Secret = NOTHING
    """The URL, or the command."""
    kinds: frozenset[Kind] = USUAL
    level: Severity = Severity.WARNING
    """The mildest findings that it tells."""
    digest: float = DIGEST[Sort.URL]
    quiet: Hours | None = None
    line: int | None = field(default=None, compare=False)
    """Where it stands in the config file."""

    def wants(self, kind: Kind, severity: Severity, words: Collection[str] = ()) -> bool:
        """Whether it tells such a thing; `words`: what the run's spec says under `watch.notify`, which goes first."""
        if not words:
            return kind in self.kinds and (kind is not Kind.FINDING or severity.level >= self.level.level)
        if kind is not Kind.FINDING:
            return kind in words
        levels = [each.level for each in Severity if each in words]
        if not levels:
            return kind in words and severity.level >= self.level.level
        return severity.level >= min(levels)


@dataclass(frozen=True, slots=True)
class Settings:
    """What the config says under `notify`."""

    channels: tuple[Channel, ...] = (
        Channel("tmux", Sort.TMUX, digest=DIGEST[Sort.TMUX]),
        Channel("bell", Sort.BELL, digest=DIGEST[Sort.BELL]),
    )
    host_down: float = 300.0
    """Seconds for which a host must have been silent."""
    disk_low: int | None = None
    """Bytes that must be free on every disk; None: a twentieth of it, but never more than `ROOMY`."""


ROOMY = 20 << 30
"""Bytes. A disk with so much left is not full, however large it is."""
