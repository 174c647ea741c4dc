"""What the errors screen shows, view by view: a list, and with it what belongs to the line chosen. Pure."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from rich.cells import cell_len

from trainboard.predictions import sections, tables
from trainboard.predictions.summary import Task
from tui import error_plots, show
from tui.columns import Column
from tui.error_plots import Bar, Bin
from tui.scale import Scale
from tui.widgets.table_list import Entry

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from trainboard.predictions import summary as told
    from trainboard.predictions.sections import Pair
    from trainboard.predictions.summary import Comparison, Moved, Sample, Summary
    from trainboard.predictions.tables import Table
    from tui.error_plots import Lines
    from tui.widgets.lines import Piece

    Detail = Callable[[int, int, int], Lines]
    """What is shown of the line chosen, in so many cells and lines."""

WIDEST = 200
"""Cells of a column at most."""
TEXT = 14
"""Cells that a column of words is given at least, where it has so many."""


@dataclass(frozen=True, slots=True)
class View:
    """One tab."""

    table: Table
    detail: Detail
    head: str = ""
    share: int = 1
    """How many times as high as the list the detail is, where it is below it."""


def views(pair: Pair, shown: Summary, *, worst_first: bool = False) -> Mapping[str, Callable[[], View]]:
    """The views by the names of their tabs; `shown`: of which of the two runs; `worst_first`: the classes by F1."""
    found: dict[str, Callable[[], View]] = {"overview": lambda: overview(shown)}
    if shown.task is Task.CLASSIFICATION:
        found |= {
            "confusion": lambda: confusion(shown),
            "classes": lambda: classes(shown, worst_first=worst_first),
            "calibration": lambda: calibration(shown),
        }
    else:
        found |= {"residuals": lambda: residuals(shown), "against": lambda: against(shown)}
    found |= {"features": lambda: features(shown), "slices": lambda: slices(shown), "worst": lambda: worst(shown)}
    second, comparison = pair.second, pair.comparison
    if second is not None:
        found["both"] = lambda: both(pair.first, second, comparison, pair.apart)
    if comparison is not None:
        found |= {"changed": lambda: changed(comparison), "moved": lambda: moved(comparison)}
    return found


def columns(table: Table) -> tuple[Column, ...]:
    """The columns of a table, as wide as what is in them."""
    found = []
    for place, heading in enumerate(table.headings):
        longest = max((cell_len(show.clean(row[place], WIDEST)) for row in table.rows), default=0)
        most = max(longest, cell_len(heading.title), 1)
        least = most if heading.right else max(min(most, TEXT), cell_len(heading.title))
        name = show.clean(heading.title, 40)
        found.append(Column(str(place), name, least, most, heading.rank, right=heading.right))
    return tuple(found)


def entries(table: Table) -> list[Entry]:
    """The rows as lines, made when they are seen."""
    return [Entry(f"{place} ", _cells(row)) for place, row in enumerate(table.rows)]


def title(table: Table, row: int) -> str:
    """What a row is called: the first of its words."""
    words = (
        cell for heading, cell in zip(table.headings, table.rows[row], strict=True) if not heading.right and cell
    )
    return show.clean(next(words, ""), 100)


def _cells(row: tuple[str, ...]) -> Callable[[], tuple[str, ...]]:
    return lambda: tuple(show.clean(cell, WIDEST) for cell in row)


def paragraphs(texts: Iterable[tuple[str, str]], width: int) -> Lines:
    """Texts with their tones, wrapped."""
    lines: Lines = []
    for text, tone in texts:
        indent = "   " if text.startswith(("▲", "·")) else " "
        for place, part in enumerate(show.wrapped(show.clean(text, 2000), max(10, width - 3))):
            lines.append(((f"{indent if place else ' '}{part}", tone),))
    return lines


# The views.


def overview(found: Summary) -> View:
    """The metrics, and what should be known of the file."""

    def detail(_: int, width: int, height: int) -> Lines:
        return paragraphs(facts(found), width)

    return View(tables.metrics(found), detail, tables.heading(found))


def facts(found: Summary) -> Iterable[tuple[str, str]]:
    """What should be known of the file, odd things first."""
    yield from ((f"▲ {note}", "waiting") for note in sections.notes(found))
    written = time.strftime("%d %b %H:%M:%S", time.localtime(found.mtime))
    yield f"{found.path}, {found.format}, {show.size(found.size)}, written {written}", "plain"
    for role in dict.fromkeys(each.role for each in found.columns):
        names = [each.name for each in found.columns if each.role is role]
        more = f" and {len(names) - 12} more" if len(names) > 12 else ""
        yield f"{role}: {', '.join(names[:12])}{more}", "dim"
    yield f"read in {found.seconds:.1f} s{'' if found.fast else ', without numpy'}", "dim"


def confusion(found: Summary) -> View:
    """The pairs that are confused; the matrix is a widget of its own."""
    return View(tables.confused(found), lambda at, width, height: [], tables.heading(found))


def classes(found: Summary, *, worst_first: bool = False) -> View:
    """Each class; below, what the one under the cursor is taken for."""
    every = found.classification.classes if found.classification is not None else ()
    order = sorted(range(len(every)), key=lambda at: every[at].f1) if worst_first else range(len(every))
    table = tables.classes(found)
    table = replace(table, rows=tuple(table.rows[at] for at in order))

    def detail(row: int, width: int, height: int) -> Lines:
        if row >= len(every):
            return []
        at = order[row]
        name = every[at].name
        bars = [Bar("right", every[at].recall * every[at].support, every[at].recall)] if every[at].support else []
        bars += [Bar(f"taken for {other}", count, count / every[at].support) for other, count in _wrong(found, at)]
        lines: Lines = [((f" the {tables.counted(every[at].support)} rows of {show.clean(name, 60)}", "strong"),)]
        return [*lines, *_shares(bars, width), *_taken(found, at, width)]

    how = ", the worst first" if worst_first else ""
    return View(table, detail, f"{tables.heading(found)}{how}")


def _wrong(found: Summary, at: int) -> list[tuple[str, float]]:
    """What a class is taken for, most often first."""
    if found.classification is None or not found.classification.classes[at].support:
        return []
    name = found.classification.classes[at].name
    if found.classification.confusion:
        names = [each.name for each in found.classification.classes]
        pairs = [
            (names[place], count)
            for place, count in enumerate(found.classification.confusion[at])
            if count and place != at
        ]
    else:
        pairs = [(each.predicted, each.count) for each in found.classification.confused if each.target == name]
    return sorted(pairs, key=lambda pair: -pair[1])


def _taken(found: Summary, at: int, width: int) -> Lines:
    """Which classes are taken for this one."""
    if found.classification is None:
        return []
    name = found.classification.classes[at].name
    others = [
        f"{each.target} ({tables.counted(each.count)})"
        for each in found.classification.confused
        if each.predicted == name
    ]
    return paragraphs([(f"taken for it: {', '.join(others)}", "plain")], width) if others else []


def _shares(bars: Sequence[Bar], width: int) -> Lines:
    """Bars of shares of one whole."""
    names = min(max((cell_len(show.clean(each.name, 60)) for each in bars), default=0), max(10, width // 3))
    room = width - names - 22
    lines: Lines = []
    for each in bars:
        text = f"  {show.cut(show.clean(each.name, 60), names)} {each.count:>8,.6g} {tables.percent(each.value):>8} "
        lines.append(((text, "plain"), ("█" * round(max(0, room) * each.value), "done")))
    return lines


SCORELESS = "The file has no scores: write the probability of each class to see how sure it is, and how rightly."


def calibration(found: Summary) -> View:
    """The reliability diagram, and its numbers."""
    rows = found.classification.reliability if found.classification is not None else ()
    ece = found.classification.ece if found.classification is not None else None
    bins = [_reliable(each) for each in rows]
    head = tables.heading(found) + ("" if ece is None else f"; ECE {show.number(ece)}, {len(rows)} bins")

    def detail(_: int, width: int, height: int) -> Lines:
        return error_plots.reliability(bins, width, height) if bins else paragraphs([(SCORELESS, "plain")], width)

    return View(tables.reliability(found), detail, head, 2)


def _reliable(each: told.Confidence) -> Bin:
    at = each.confidence if each.n else math.nan
    return Bin(each.low, each.high, each.n, each.accuracy, at=at)


def residuals(found: Summary) -> View:
    """How large the residuals are, and how often."""
    bins, marks = [], []
    beyond = ""
    if found.regression is not None:
        shape = found.regression.histogram
        bins = [
            Bin(low, high, count)
            for low, high, count in zip(shape.edges, shape.edges[1:], shape.counts, strict=False)
        ]
        marks = [(value, sign) for q, value in found.regression.quantiles if (sign := QUANTILES.get(q))]
        if shape.below or shape.above:
            beyond = f"; beyond the drawing {shape.below:,} below, {shape.above:,} above"

    def detail(_: int, width: int, height: int) -> Lines:
        return error_plots.histogram(bins, marks, width, height, "residual")

    return View(tables.quantiles(found), detail, f"prediction − target; marks: 5 %, median, 95 %{beyond}", 2)


QUANTILES: Mapping[float, str] = {0.05: "5", 0.5: "m", 0.95: "9"}
"""Signs above the drawing."""


def against(found: Summary) -> View:
    """The mean residual over the prediction, and over each input."""
    numbers = [each for each in found.features if each.residuals]

    def detail(at: int, width: int, height: int) -> Lines:
        if found.regression is None:
            return []
        if at == 0:
            return _cloud(found.regression, width, height)
        name = "prediction" if at == 1 else numbers[at - 2].name if at - 2 < len(numbers) else ""
        bins = found.regression.by_prediction if at == 1 else numbers[at - 2].residuals if name else ()
        if at == 1 or (name and numbers[at - 2].numeric and any(each.low is not None for each in bins)):
            return error_plots.band([_banded(each) for each in _bounded(bins)], width, height, name)
        bars = [_bar(each) for each in bins]
        return error_plots.intervals(bars, 0.0, width, "residual")

    return View(tables.axes(found), detail, "mean of prediction − target, with its 95 % interval", 2)


def _cloud(found: told.Regression, width: int, height: int) -> Lines:
    grid = found.grid
    if len(grid.x) < 2 or len(grid.y) < 2:
        return error_plots.none(width, height, "nothing to draw")
    x, y = Scale.over(grid.x[0], grid.x[-1]), Scale.over(grid.y[0], grid.y[-1])
    return error_plots.cloud(grid.counts, x, y, width, height, "prediction")


def _bounded(bins: Sequence[told.Bin]) -> Iterable[tuple[float, float, told.Bin]]:
    """Ranges with both ends: the outermost, which have one, are as wide as their neighbours."""
    ranges = [each for each in bins if each.n and (each.low is not None or each.high is not None)]
    inner = [each.high - each.low for each in ranges if each.low is not None and each.high is not None]
    wide = sorted(inner)[len(inner) // 2] if inner else 1.0
    for each in ranges:
        low = each.low if each.low is not None else (each.high or 0.0) - wide
        yield low, each.high if each.high is not None else low + wide, each


def _banded(found: tuple[float, float, told.Bin]) -> Bin:
    low, high, each = found
    return Bin(low, high, each.n, each.mean, each.lower, each.upper)


def _bar(each: told.Bin) -> Bar:
    return Bar(each.label, each.n, each.mean if each.n else math.nan, each.lower, each.upper)


def features(found: Summary) -> View:
    """The inputs by how much of the error they explain; below, the error over the one under the cursor."""

    def detail(at: int, width: int, height: int) -> Lines:
        if at >= len(found.features):
            return []
        each = found.features[at]
        sure = "more than chance" if each.sure else "no more than chance"
        head = f"{found.error} over {show.clean(each.name, 40)}: {sure} (p {tables.chance(each.p)}, Holm)"
        lines = paragraphs([(head, "strong")], width)
        bars = [_bar(part) for part in each.bins]
        return [*lines, *error_plots.intervals(bars, found.mean_error, width, "error", say, signs=each.sure)]

    say = tables.measure(found.task)
    return View(tables.features(found), detail, f"{found.error}: {say(found.mean_error)} of all")


def slices(found: Summary) -> View:
    """Where errors gather; below, the slice under the cursor in words, and all of them on one scale."""
    say = tables.measure(found.task)

    def detail(at: int, width: int, height: int) -> Lines:
        if at >= len(found.slices):
            return []
        each = found.slices[at]
        told = [
            (f"errors gather where {each.text}", "strong"),
            (
                f"{found.error}: {say(each.mean)} in its {each.n:,} rows "
                f"(95 %: {say(each.lower)} … {say(each.upper)}), "
                f"{say(each.rest)} elsewhere; {tables.percent(each.part)} of all errors lie in "
                f"{tables.percent(each.share)} of the rows; p {tables.chance(each.p)}, "
                f"corrected for the {found.tried:,} slices that were tried",
                "plain",
            ),
        ]
        bars = [Bar(s.text, s.n, s.mean, s.lower, s.upper) for s in found.slices]
        return [*paragraphs(told, width), (), *error_plots.intervals(bars, found.mean_error, width, "error", say)]

    return View(tables.slices(found), detail, f"{found.error}: {say(found.mean_error)} of all")


def worst(found: Summary) -> View:
    """The samples with the greatest errors; below, all of the one under the cursor."""

    def detail(at: int, width: int, height: int) -> Lines:
        return _sample(found.worst[at], width) if at < len(found.worst) else []

    return View(tables.worst(found), detail, f"the {len(found.worst)} rows with the greatest errors")


def _sample(each: Sample, width: int) -> Lines:
    facts = [("row", f"{each.row:,}"), ("id", each.id), ("target", each.target), ("predicted", each.prediction)]
    facts.append(("error", show.number(each.error)))
    if each.confidence is not None:
        facts.append(("sure", tables.percent(each.confidence)))
    return _pairs([fact for fact in facts if fact[1]], each.inputs, width)


def _pairs(facts: Sequence[tuple[str, str]], inputs: Sequence[tuple[str, str]], width: int) -> Lines:
    """Names and values: facts, then inputs."""
    wide = min(max((cell_len(show.clean(name, 40)) for name, _ in (*facts, *inputs)), default=0), width // 3)
    lines: Lines = []
    for tone, pairs in (("strong", facts), ("plain", inputs)):
        for name, value in pairs:
            label: Piece = (f" {show.cut(show.clean(name, 40), wide)}  ", "dim")
            for place, part in enumerate(show.wrapped(show.clean(value, 2000), max(8, width - wide - 4))):
                lines.append((label if not place else (" " * (wide + 3), "dim"), (part, tone)))
    return lines


# Two runs.


def both(first: Summary, second: Summary, found: Comparison | None, apart: str) -> View:
    """The metrics of both runs, and whether the difference is more than chance."""

    def detail(_: int, width: int, height: int) -> Lines:
        if found is None:
            return paragraphs([(f"▲ not compared sample by sample: {apart}", "waiting")], width)
        told = [(tables.verdict(found), "strong"), (tables.spread(found), "plain"), (tables.matching(found), "plain")]
        return paragraphs([*told, *((f"▲ {note}", "waiting") for note in found.notes)], width)

    return View(tables.sides(first, second, found), detail, "first and second run")


def changed(found: Comparison) -> View:
    """How the error changed by slice."""

    def say(value: float) -> str:
        return tables.signed(value, found.task)

    def detail(_: int, width: int, height: int) -> Lines:
        bars = [Bar(each.text, each.n, each.after - each.before, each.lower, each.upper) for each in found.changes]
        return error_plots.intervals(bars, 0.0, width, "change", say)

    return View(tables.changes(found), detail, "error of the second run − of the first: below nought is better")


def moved(found: Comparison) -> View:
    """Samples that the second run does better, or worse; the greatest change first."""
    samples = sorted((*found.improved, *found.worsened), key=lambda each: (-abs(each.change), each.row))

    def detail(at: int, width: int, height: int) -> Lines:
        return _moved(samples[at], width) if at < len(samples) else []

    head = f"{found.worse:,} worse and {found.better:,} better in the second run, the most changed first"
    return View(tables.moved(samples), detail, head)


def _moved(each: Moved, width: int) -> Lines:
    facts = [
        ("second run", "worse" if each.change > 0 else "better"),
        ("row", f"{each.row:,}"),
        ("id", each.id),
        ("target", each.target),
        ("first", each.before),
        ("second", each.after),
        ("change of error", f"{each.change:+.4g}"),
    ]
    return _pairs([fact for fact in facts if fact[1]], each.inputs, width)
