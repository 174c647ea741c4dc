"""A row of the catalogue: what a rule is called, how bad it is, and what it follows from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from trainboard.diagnose.finding import Finding, Severity


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule of the catalogue."""

    id: str
    """Stable, `snake_case`."""
    severity: Severity
    """The worst that it says."""
    rank: int
    """Of root causes of one severity, the one with the least comes first: what is nearest to the cause."""
    look: Callable[..., Finding | None]
    """The rule itself; its docstring has what `docs/findings.md` says: see `trainboard.diagnose.describe`."""
    needs: str
    """What it looks at, in a few words: without it, it is silent."""
    after: tuple[str, ...] = ()
    """The rules that explain it: where one of them has found something, this finding follows from it."""
