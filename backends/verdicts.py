"""Why a run waits in the queue of a machine without a scheduler, GPU by GPU."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from backends.base import Backend
from backends.text import one_line

if TYPE_CHECKING:
    from backends.base import Watched


@dataclass(frozen=True, slots=True)
class Verdict:
    """One GPU, as the waiter of a run sees it."""

    gpu: int
    """Its index."""
    words: str
    """Why the run does not get it; empty: it could have this one."""


@dataclass(frozen=True, slots=True)
class Queued:
    """What the waiter of a run told last."""

    reason: str
    gpus: tuple[Verdict, ...] = ()
    since: float | None = None
    """When the run came into the queue, by the host's clock."""


@runtime_checkable
class QueueOnHost(Backend, Protocol):
    """A backend whose queue lies on the machine itself."""

    async def verdicts(self, attempt: Watched) -> Queued | None:
        """Why an attempt waits; None where it does not wait there (any more). Raises `BackendError`."""


def queued(found: dict[str, Any]) -> Queued | None:
    """The record of a waiter; what is not as it should be in it is left out."""
    record = found.get("waiting")
    if not isinstance(record, dict) or found.get("started") or found.get("exit"):
        return None
    gpus = [each for each in record.get("gpus") or () if isinstance(each, list) and len(each) == 2]
    since = record.get("time")
    return Queued(
        one_line(str(record.get("reason") or "")),
        tuple(Verdict(index, one_line(str(words))) for index, words in gpus if isinstance(index, int)),
        float(since) if isinstance(since, int | float) else None,
    )
