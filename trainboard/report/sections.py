"""The sections of a report, one function each, from what was gathered. Pure."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING

from specs.braces import as_text
from trainboard import __version__
from trainboard.layernames import of_a_layer
from trainboard.predictions import tables
from trainboard.ranking import columns as ranking
from trainboard.ranking.columns import Source
from trainboard.ranking.table import View, arrange, title_of, without_seeds
from trainboard.ranking.text import title, told
from trainboard.ranking.welch import verdict
from trainboard.report.drawing import Chart, drawn, spans_decades
from trainboard.report.page import Figure, Listing, Page, Section, Table, Text
from trainboard.report.veil import veiled
from trainboard.show import clean, duration, number, size

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from trainboard.compare import Comparison, Entry
    from trainboard.ranking.columns import Column
    from trainboard.ranking.table import Table as Ranked
    from trainboard.report.material import Material
    from trainboard.report.page import Block

MOST_RUNS = 200
"""Lines of the table: what a reader goes through, and a mail carries; a sheet has all of them."""

METRICS = 6
"""Columns of metrics, and figures of curves."""

LONGEST = 2000
"""Characters of a line of a listing; longer ones are data."""


def page(found: Material, now: float) -> Page:
    """The report."""
    made = time.strftime("%Y-%m-%d %H:%M %Z", time.localtime(now))
    sections = [Section(title, tuple(blocks(found))) for title, blocks in SECTIONS.items()]
    return Page(
        clean(found.experiment.id),
        f"{made} · trainboard {__version__} · submitted {_moment(found.experiment.created)}",
        tuple(section for section in sections if section.blocks),
    )


def question(found: Material) -> Iterable[Block]:
    """What it was to find out, and in a sentence what came out."""
    if found.spec is not None and found.spec.question:
        yield Text(_harmless(found.spec.question))
    yield Text(" ".join(_outcome(found)))
    for line in found.missing:
        yield Text(f"Missing: {clean(line)}")


def _outcome(found: Material) -> Iterable[str]:
    states = Counter(str(attempt.state) for *_, attempt in found.members)
    total = sum(states.values())
    told = ", ".join(f"{count} {state}" for state, count in states.items())
    yield f"{total} run{'' if total == 1 else 's'}: {told}."
    if more := _asked_for(found):
        yield more
    goes_on = bool(more) or not all(attempt.state.ended for *_, attempt in found.members)
    best = best_entry(found.comparison)
    if best is not None:
        metric = found.comparison.metrics[0]
        value = number(found.comparison.value(best, metric))
        params = ", ".join(f"{name} = {as_text(best.params.get(name))}" for name in found.comparison.params)
        so_far = " so far" if goes_on else ""
        yield clean(
            f"The best {metric}{so_far} is {value}, of {best.key}{f' with {params}' if params else ''}.", 2000
        )


def _asked_for(found: Material) -> str:
    """How far a sweep is whose trials are asked for; empty where nothing more comes."""
    experiment = found.experiment
    if not experiment.trials or experiment.finished is not None:
        return ""
    asked = len({run.trial for _, run, _ in found.members})
    if experiment.halted:
        return clean(f"{asked} of {experiment.trials} trials were asked for, and no more are: {experiment.halted}.")
    return f"{asked} of {experiment.trials} trials have been asked for until now."


def best_entry(comparison: Comparison) -> Entry | None:
    """The first of the runs with the best value of the objective; None where no run has one."""
    if not comparison.metrics:
        return None
    metric = comparison.metrics[0]
    first = next(iter(comparison.ordered(metric)), None)
    return first if first is not None and comparison.value(first, metric) is not None else None


def spec(found: Material) -> Iterable[Block]:
    """The file that was submitted, and what it was submitted with."""
    experiment = found.experiment
    if experiment.overrides:
        yield Text(_harmless(f"Submitted with {' '.join(experiment.overrides)}"))
    yield Listing(_harmless(experiment.text), clean(experiment.source), "yaml")
    for path, text in experiment.bases.items():
        yield Listing(_harmless(text), f"It extends {clean(path)}", "yaml", folded=True)


def results(found: Material) -> Iterable[Block]:
    """Runs that differ in their seeds alone as one line, where there are such; then a line a run, the best first."""
    comparison = found.comparison
    metrics = sum(not of_a_layer(name) for name in comparison.metrics[:METRICS])
    by = without_seeds(comparison)
    if by != comparison.params:
        groups = arrange(comparison, View(by=by, columns=_columns(comparison, metrics, by)))
        yield _table(groups)
        judged = verdict(groups)
        if judged is not None:
            yield Text(clean(f"The best against the next by {judged.column.name}: {judged.said()}.", LONGEST))
    best = arrange(comparison, View(columns=_columns(comparison, metrics, comparison.params)))
    if best.objective is not None:
        best = arrange(comparison, replace(best.view, sort=best.objective))
    yield _table(best)


def _columns(comparison: Comparison, metrics: int, params: Sequence[str]) -> tuple[Column, ...]:
    usually = ranking.usual(comparison, metrics=metrics)
    return tuple(each for each in usually if each.source is not Source.PARAM or each.name in params)


def _table(table: Ranked) -> Table:
    shown = table.lines[:MOST_RUNS]
    best = {
        (row, 1 + number)
        for number, column in enumerate(table.columns)
        for row, line in enumerate(shown)
        if line.key in table.best_of(column)
    }
    rows = [
        [
            clean(title_of(line, table.view.by or ()), 200),
            *(clean(told(line.cell(column), column), 200) for column in table.columns),
        ]
        for line in shown
    ]
    left = len(table.lines) - len(shown)
    titles = ["run" if table.view.by is None else "runs that agree in", *(clean(title(c)) for c in table.columns)]
    return Table(titles, rows, frozenset(best), f"{left} more lines are not shown" if left else "")


def curves(found: Material) -> Iterable[Block]:
    """A figure a metric."""
    for metric, lines in found.curves.items():
        values = [y for line in lines for _, y in line.points]
        log = spans_decades([value for value in values if value == value and abs(value) != float("inf")])
        svg = drawn(Chart(lines, found.axes.get(metric, ""), metric, log))
        if svg:
            yield Figure(svg, clean(f"{metric} over {found.axes.get(metric, '')}{', logarithmic' if log else ''}"))


def findings(found: Material) -> Iterable[Block]:
    """What was found wrong, the worst first."""
    if not found.findings:
        yield Text("Nothing was found wrong.")
        return
    rows = [
        (each.key, each.severity, each.rule, each.cause, clean(each.message), clean(each.advice))
        for each in found.findings[:MOST_RUNS]
    ]
    left = len(found.findings) - len(rows)
    more = f"{left} more are not shown" if left else ""
    yield Table(("run", "severity", "rule", "cause", "what", "advice"), rows, more=more)


def errors(found: Material) -> Iterable[Block]:
    """Where the best run is wrong."""
    for each in found.errors:
        yield Text(_harmless(each.text))
        if each.table is not None and each.table.rows:
            table = tables.filled(each.table)
            rows = [[clean(cell, 200) for cell in row] for row in table.rows]
            yield Table(table.titles, rows, more=f"and {each.more} more" if each.more else "")
        elif each.table is not None and each.table.none:
            yield Text(_harmless(each.table.none))
        yield from (Text(_harmless(note)) for note in each.notes)


def environment(found: Material) -> Iterable[Block]:
    """Where the runs were, what they asked for and what they took."""
    totals = found.totals
    facts = [
        ("runs, attempts", f"{totals.runs}, {totals.attempts}"),
        ("hours, GPU-hours", f"{totals.hours:.2f}, {totals.gpu_hours:.2f}"),
        ("GPU-hours after the best value", f"{totals.gpu_hours_after_best:.2f}"),
        ("GPU-hours of attempts that nobody went on from", f"{totals.gpu_hours_unfinished:.2f}"),
        ("hours in queues", f"{totals.queued_hours:.2f}"),
    ]
    if found.spec is not None:
        facts += [(f"asked: {name}", text) for name, text in _asked(found)]
    yield Table(("", ""), facts)
    rows = [
        (
            run.id,
            clean(attempt.backend),
            clean(str(found.places.get(run.id, {}).get("host", ""))),
            _gpus(found.places.get(run.id, {})),
            str(attempt.state),
            _moment(attempt.started),
            size(attempt.peaks.get("memory")),
            size(attempt.peaks.get("gpu_memory")),
        )
        for _, run, attempt in found.members[:MOST_RUNS]
    ]
    yield Table(("run", "backend", "host", "GPUs", "state", "started", "memory", "GPU memory"), rows)


def _asked(found: Material) -> Iterable[tuple[str, str]]:
    assert found.spec is not None
    wanted = found.spec.resources
    sizes = {"gpu_memory": wanted.gpu_memory, "memory": wanted.memory, "disk": wanted.disk}
    counts = {"gpus": wanted.gpus, "cpus": wanted.cpus}
    yield from ((name, str(count)) for name, count in counts.items() if count)
    yield from ((name.replace("_", " "), size(count)) for name, count in sizes.items() if count)
    if wanted.time:
        yield "time", duration(wanted.time)
    if found.spec.setup:
        yield "setup", _harmless(found.spec.setup.strip())
    if found.spec.env:  # names alone: a value may be a secret all the same
        yield "environment variables", ", ".join(map(clean, found.spec.env))


def _gpus(place: Mapping[str, object]) -> str:
    gpus = place.get("gpus")
    if not isinstance(gpus, list):
        return ""
    return ", ".join(clean(str(each.get("index", "?"))) for each in gpus if isinstance(each, dict))


def code(found: Material) -> Iterable[Block]:
    """The commit, what was not committed, and the digest of all files."""
    yield Table(("", ""), [(name, clean(text)) for name, text in found.code.facts])
    if found.code.difference:
        yield Listing(_harmless(found.code.difference), "What was not committed", "diff", folded=True)


SECTIONS: Mapping[str, Callable[[Material], Iterable[Block]]] = {
    "Question": question,
    "Results": results,
    "Curves": curves,
    "Findings": findings,
    "Errors": errors,
    "Spec": spec,
    "Environment": environment,
    "Code": code,
}
"""In order; one that has nothing to say is left out."""


def _harmless(text: str) -> str:
    """Lines as they are, without secrets, and without what a terminal or a browser would obey."""
    return "\n".join(clean(line.expandtabs(4), LONGEST) for line in veiled(text).splitlines())


def _moment(at: float | None) -> str:
    return "–" if at is None else time.strftime("%Y-%m-%d %H:%M", time.localtime(at))
