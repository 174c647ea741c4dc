"""Runs that their spec wants stopped: by what was found, or because they are hopeless."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trainboard.diagnose.finding import Severity
from trainboard.muting import muted_by
from trainboard.show import clean

if TYPE_CHECKING:
    from collections.abc import Iterable

    from specs.watch import Watch
    from trainboard.control import Control
    from trainboard.documents import Records
    from trainboard.records import Diagnosed, Mute
    from trainboard.rows import Row

HOPELESS = "hopeless"


async def stop_by_spec(row: Row, watch: Watch, records: Records, control: Control) -> tuple[str, ...]:
    """Stop a row if its spec wants it by the findings on record; what its backend did not do now, one line each.

    The program gets the signal of a cancel first, and its grace time, so that it can save; what it has saved stays,
    and no retry comes. Raises `StoreError`.
    """
    run = records.runs.get(row.key)
    if run is None or run.cancelled is not None or row.state.ended or row.unsent:
        return ()
    own = (each for each in records.findings.values() if each.key == row.key and each.attempt == (row.attempt or 1))
    why = reason(watch, own, records.mutes.values())
    return await control.stop(row, why) if why else ()


def reason(watch: Watch, findings: Iterable[Diagnosed], mutes: Iterable[Mute]) -> str:
    """Why these findings stop their run, in one line; empty: they do not. What is muted stops nothing. Pure."""
    mutes = tuple(mutes)
    stops = [
        (finding, word)
        for finding in findings
        if not finding.over and (word := word_for(watch, finding)) and muted_by(finding, mutes) is None
    ]
    if not stops:
        return ""
    finding, word = min(
        stops, key=lambda each: (bool(each[0].root), -Severity.of(each[0].severity).level, each[0].first)
    )
    return clean(f"stopped by its spec ({word}): {finding.message}")


def word_for(watch: Watch, finding: Diagnosed) -> str:
    """What in the spec stops a run with this finding; empty: nothing does."""
    if finding.rule == HOPELESS and HOPELESS not in watch.stop_on:  # a forecast: no severity alone stops a run by it
        early = watch.early_stop
        return f"early_stop: {early.rule}" if early is not None and early.act else ""
    word = watch.stops(finding.rule, finding.severity)
    return f"stop_on: {word}" if word else ""
