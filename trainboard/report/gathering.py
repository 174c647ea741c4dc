"""From the state folder, and the hosts where they may be asked, to what a report is made of."""

from __future__ import annotations

import asyncio
import json
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from backends.base import BackendError
from specs.model import SpecError
from trainboard.actions import Refused
from trainboard.diagnose.finding import Severity
from trainboard.layernames import of_a_layer
from trainboard.ledger import newest_attempts
from trainboard.muting import muted_by
from trainboard.plans import read as spec_of
from trainboard.predictions.ofrun import OfRun
from trainboard.predictions.sections import Pair, digest, whereabouts
from trainboard.predictions.sections import Section as Told
from trainboard.recording import recorded
from trainboard.report.drawing import Line
from trainboard.report.material import Material
from trainboard.report.sections import METRICS
from trainboard.results import members
from trainboard.thinning import decimate
from trainboard.use.past import Past
from trainboard.written import Written

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from backends.base import Backend
    from specs.model import Spec
    from trainboard.compare import Comparison
    from trainboard.documents import Records
    from trainboard.plans import Planner
    from trainboard.records import Attempt, Diagnosed, Experiment
    from trainboard.report.material import Code
    from trainboard.results import Member
    from trainboard.rows import Row

DRAWN = 40
"""Runs whose curves are drawn: more are a cloud."""

POINTS = 300
"""Of one curve: the figure has half as many units across."""

TOGETHER = 8
"""Runs that are asked for at the same time."""

LARGEST = 1 << 16
"""Bytes of what a runner writes down when it begins."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What hosts told."""

    places: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    errors: Sequence[Told] = ()
    missing: Sequence[str] = ()


def material(
    records: Records, experiment: Experiment, comparison: Comparison, code: Code, asked: Asked, series: Path
) -> Material:
    """All of it. Blocks. Raises `OSError`. `series`: the folder of the series files."""
    runs = members(records, [experiment.id])
    spec, missing = _spec(experiment)
    curves, axes = _curves(comparison, runs, series)
    return Material(
        experiment,
        spec,
        runs,
        comparison,
        Past(series).totals(records, experiment, time.time()),
        _findings(records, experiment),
        code,
        curves,
        axes,
        asked.places,
        asked.errors,
        (*missing, *asked.missing, *_unseen(runs)),
    )


def _spec(experiment: Experiment) -> tuple[Spec | None, Sequence[str]]:
    try:
        return spec_of(experiment), ()
    except (SpecError, ExceptionGroup) as error:
        return None, (f"what the spec asked for: its text cannot be read any more ({error})",)


def _findings(records: Records, experiment: Experiment) -> Sequence[Diagnosed]:
    """What holds of the newest attempts, the worst first, root causes before what follows from them."""
    newest = {run: attempt.number for run, attempt in newest_attempts(records).items()}
    held = (
        each
        for each in records.findings.values()
        if each.key in records.runs
        and records.runs[each.key].experiment == experiment.id
        and each.attempt == newest.get(each.key)
        and not each.over
        and muted_by(each, records.mutes.values()) is None
    )
    return sorted(held, key=lambda each: (-Severity.of(each.severity).level, bool(each.root), each.key, each.first))


def _unseen(runs: Iterable[Member]) -> Iterable[str]:
    """Runs that nobody looked at for findings: no board and no watch was there when they ended."""
    unseen = [run.id for _, run, attempt in runs if attempt.state.ended and attempt.diagnosed is None]
    if unseen:
        some = ", ".join(unseen[:8]) + (" …" if len(unseen) > 8 else "")
        yield f"findings of {some}: nobody watched; `trainboard diagnose` looks for them"


def _curves(
    comparison: Comparison, runs: Iterable[Member], folder: Path
) -> tuple[Mapping[str, Sequence[Line]], Mapping[str, str]]:
    """Of the metrics that are judged, or of the first; the best runs first."""
    wanted = [name for name in comparison.metrics if not of_a_layer(name)][:METRICS]
    if not wanted:
        return {}, {}
    attempts = {run.id: attempt for _, run, attempt in runs}
    order = [entry.key for entry in comparison.ordered(wanted[0])][:DRAWN]
    curves: dict[str, list[Line]] = {name: [] for name in wanted}
    axes: dict[str, str] = {}
    for key in order:
        series = recorded(folder, key, attempts[key].number, most=1 << 16)
        for name in wanted:
            if (found := series.get(name)) is not None and len(found):
                steps, values = found.current()[:2]
                curves[name].append(Line(key, decimate(steps, values, POINTS)))
                axes.setdefault(name, found.index or "sample")
    return {name: lines for name, lines in curves.items() if lines}, axes


async def places(
    backends: Mapping[str, Backend], attempts: Iterable[Attempt], patience: float = 20.0
) -> tuple[dict[str, Mapping[str, Any]], list[str]]:
    """By run, what its runner wrote down when it began; and what of it could not be had, a line each."""
    found: dict[str, Mapping[str, Any]] = {}
    missing: dict[str, None] = {}
    turns = asyncio.Semaphore(TOGETHER)

    async def ask(attempt: Attempt) -> None:
        backend = backends.get(attempt.backend)
        if backend is None or not attempt.directory or attempt.started is None:
            return
        async with turns:
            try:
                async with asyncio.timeout(patience):
                    chunk = await backend.read(f"{attempt.directory}/state/started", 0, LARGEST)
                    told = json.loads(chunk.data)
            except BackendError as error:
                missing[f"hosts of runs: {attempt.backend}: {error.bare}"] = None
            except TimeoutError:
                missing[f"hosts of runs: {attempt.backend}: no answer in {patience:g} s"] = None
            except ValueError:
                missing[f"hosts of runs: {attempt.run}: what its runner wrote down is damaged"] = None
            else:
                if isinstance(told, dict):
                    found[attempt.run] = told

    await asyncio.gather(*map(ask, attempts))
    return found, list(missing)


async def wrong(
    row: Row | None, backends: Mapping[str, Backend], planner: Planner
) -> tuple[Sequence[Told], Sequence[str]]:
    """Where a run is wrong, by the predictions that its spec names; and why that could not be had."""
    if row is None:
        return (), ()
    try:
        written = Written(row, backends, planner)
        if await written.predictions() is None:
            return (), ()
        found = await OfRun(written).read()
    except Refused as refusal:
        return (), (f"errors of {row.key}: {refusal}",)
    told = Told(f"{row.key}: {whereabouts(found)}")
    return (told, *digest(Pair(found))), ()
