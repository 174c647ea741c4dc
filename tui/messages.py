"""What arrived from the world, as messages to the board."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from textual.message import Message

from trainboard.events import EngineSeen, FindingsSeen, HostSeen, LogGrew, LogUnavailable, Noticed, Sampled, TableSeen

if TYPE_CHECKING:
    from collections.abc import Iterator

    from trainboard.events import Event

PIECE = 32_768
"""Bytes of a log in one message: what is split, cleaned and counted in a few milliseconds."""


class HostArrived(Message, bubble=False):
    """The newest about a host."""

    def __init__(self, host: HostSeen) -> None:
        super().__init__()
        self.host = host

    def can_replace(self, message: Message) -> bool:
        """Textual asks the older message whether the younger one makes it needless."""
        return isinstance(message, HostArrived) and message.host.backend == self.host.backend


class EngineArrived(Message, bubble=False):
    """Which process polls."""

    def __init__(self, engine: EngineSeen) -> None:
        super().__init__()
        self.engine = engine

    def can_replace(self, message: Message) -> bool:
        """Only the newest counts."""
        return isinstance(message, EngineArrived)


class TableArrived(Message, bubble=False):
    """The merged table."""

    def __init__(self, table: TableSeen) -> None:
        super().__init__()
        self.table = table

    def can_replace(self, message: Message) -> bool:
        """Only the newest table counts."""
        return isinstance(message, TableArrived)


class FindingsArrived(Message, bubble=False):
    """All findings."""

    def __init__(self, seen: FindingsSeen) -> None:
        super().__init__()
        self.seen = seen

    def can_replace(self, message: Message) -> bool:
        """Only the newest counts."""
        return isinstance(message, FindingsArrived)


class LogArrived(Message, bubble=False):
    """A piece of the log that is shown."""

    def __init__(self, key: str, offset: int, data: bytes, restarted: bool, size: int = 0) -> None:
        super().__init__()
        self.key = key
        self.offset = offset
        """Where in the file the piece begins."""
        self.data = data
        self.restarted = restarted
        self.size = size
        """Of the whole file, as far as is known."""


class LogFailed(Message, bubble=False):
    """The log that is shown cannot be read."""

    def __init__(self, failure: LogUnavailable) -> None:
        super().__init__()
        self.failure = failure


class SamplesArrived(Message, bubble=False):
    """New samples of one row."""

    def __init__(self, sampled: Sampled) -> None:
        super().__init__()
        self.sampled = sampled


class NoticeArrived(Message, bubble=False):
    """Something to tell once."""

    def __init__(self, notice: Noticed) -> None:
        super().__init__()
        self.notice = notice


class Reached(Message, bubble=False):
    """The screen has taken in everything that was posted before this."""

    def __init__(self) -> None:
        super().__init__()
        self.seen = asyncio.Event()


def messages(event: Event) -> Iterator[Message]:
    """The messages of one event; a large piece of log becomes several."""
    match event:
        case HostSeen():
            yield HostArrived(event)
        case EngineSeen():
            yield EngineArrived(event)
        case TableSeen():
            yield TableArrived(event)
        case FindingsSeen():
            yield FindingsArrived(event)
        case LogGrew():
            for start in range(0, max(1, len(event.data)), PIECE):
                piece = event.data[start : start + PIECE]
                restarted = event.restarted and start == 0
                yield LogArrived(event.key, event.offset + start, piece, restarted, event.size)
        case LogUnavailable():
            yield LogFailed(event)
        case Sampled():
            yield SamplesArrived(event)
        case Noticed():
            yield NoticeArrived(event)
