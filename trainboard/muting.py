"""What the user does not want to see: rules that are muted for a run, a spec, or everywhere. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trainboard.findings import spec_of
from trainboard.records import Mute

if TYPE_CHECKING:
    from collections.abc import Iterable

    from trainboard.records import Diagnosed
    from trainboard.rows import Row

SCOPES = ("run", "spec", "all")
ANY = "*"
"""Instead of a rule: all of them."""


def mute_of(rule: str, row: Row, scope: str, now: float, *, on: bool = True) -> Mute:
    """The record by which a rule is muted for a row, its spec or everywhere; or not any more."""
    subject = {"run": row.key, "spec": spec_of(row), "all": ""}[scope]
    return Mute(f"{rule}@{scope}:{subject}", rule, scope, subject, now, on)


def muted_by(finding: Diagnosed, mutes: Iterable[Mute]) -> Mute | None:
    """What mutes a finding; None where it is to be seen."""
    return mute_for(finding.rule, finding.key, finding.spec, mutes)


def mute_for(rule: str, key: str, spec: str, mutes: Iterable[Mute]) -> Mute | None:
    """What mutes a rule for a run, of that spec; None where it may speak."""
    subjects = {"run": key, "spec": spec, "all": ""}
    for each in mutes:
        if each.on and each.rule in (ANY, rule) and subjects.get(each.scope) == each.subject:
            return each
    return None
