"""Views of predictions by name, each as tables below a line of text: for the command line and for reports. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from trainboard.predictions import tables
from trainboard.predictions.summary import Task
from trainboard.show import number, size

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from trainboard.predictions.summary import Comparison, Feature, Summary
    from trainboard.predictions.tables import Table

FEW = 8
"""Rows of a table where all views are told at once."""
FEATURES = 3
"""Inputs whose bins are told then."""
SQUARE = 12
"""Classes up to which the confusion matrix is told as a table."""


@dataclass(frozen=True, slots=True)
class Pair:
    """What there is to look at: a run's predictions, and another's to compare them with."""

    first: Summary
    second: Summary | None = None
    comparison: Comparison | None = None
    apart: str = ""
    """Why the two cannot be compared sample by sample."""


@dataclass(frozen=True, slots=True)
class Section:
    """A line of text, a table, and lines below it. Texts of the file are not cleaned."""

    text: str
    table: Table | None = None
    notes: tuple[str, ...] = ()
    more: int = 0
    """Rows that are left out."""


def overview(found: Summary) -> Iterable[Section]:
    """The metrics, and what should be known of the file."""
    yield Section(tables.heading(found), tables.metrics(found), tuple(notes(found)))


def notes(found: Summary) -> Iterable[str]:
    """What should be known of the file."""
    yield from found.notes
    if found.looked < found.used:
        yield f"inputs, slices and residuals: of {found.looked:,} rows by lot, of {found.used:,}"
    if not found.fast:
        yield f"read without numpy in {found.seconds:.1f} s; with it on that host it would be faster"


def confusion(found: Summary) -> Iterable[Section]:
    """The confusion matrix where it is small, and the pairs."""
    classes = found.classification
    if classes is not None and 0 < len(classes.confusion) <= SQUARE:
        headings = (
            tables.Heading("target", 0, right=False),
            *(tables.Heading(each.name, 1) for each in classes.classes),
        )
        rows = tuple(
            (each.name, *(tables.counted(count) if count else "." for count in row))
            for each, row in zip(classes.classes, classes.confusion, strict=True)
        )
        yield Section("rows by target (down) and prediction (right)", tables.Table(headings, rows))
    yield Section("classes taken for one another most often", tables.confused(found))


def calibration(found: Summary) -> Iterable[Section]:
    """The reliability table."""
    ece = found.classification.ece if found.classification is not None else None
    text = "" if ece is None else f", ECE {number(ece)}"
    yield Section(f"how often it is right where it is that sure{text}", tables.reliability(found))


def residuals(found: Summary) -> Iterable[Section]:
    """Their distribution."""
    yield Section("residual = prediction − target", tables.quantiles(found))


def against(found: Summary) -> Iterable[Section]:
    """The mean residual over the prediction and each input."""
    if found.regression is not None:
        bins = found.regression.by_prediction
        yield Section("mean residual", tables.means("prediction", bins, number))
        for each in found.features:
            if each.residuals:
                yield Section("mean residual", tables.means(each.name, each.residuals, number))


def features(found: Summary) -> Iterable[Section]:
    """The inputs by how much of the error they explain, and the error over each that does so beyond chance."""
    say = tables.measure(found.task)
    head = f"inputs by their share of the error's variance (η²); {found.error}: {say(found.mean_error)} of all"
    yield Section(head, tables.features(found))
    for each in found.features:
        if each.sure:
            yield _means(each, found)


def _means(each: Feature, found: Summary) -> Section:
    return Section(f"{found.error} over {each.name}", tables.means(each.name, each.bins, tables.measure(found.task)))


def slices(found: Summary) -> Iterable[Section]:
    """Where errors gather."""
    say = tables.measure(found.task)
    tried = f", corrected for {found.tried:,} slices tried" if found.tried else ""
    head = f"where errors gather{tried}; {found.error}: {say(found.mean_error)} of all"
    yield Section(head, tables.slices(found))


def both(pair: Pair) -> Iterable[Section]:
    """The metrics of two runs side by side."""
    if pair.second is not None:
        text = (
            ""
            if pair.comparison is None
            else f"{tables.verdict(pair.comparison)}; {tables.matching(pair.comparison)}"
        )
        told = () if pair.comparison is None else pair.comparison.notes
        apart = (f"not compared sample by sample: {pair.apart}",) if pair.apart else ()
        yield Section(text, tables.sides(pair.first, pair.second, pair.comparison), (*apart, *told))


def changed(found: Comparison) -> Iterable[Section]:
    """How the error changed by slice."""
    yield Section("error of the second run − of the first, by slice", tables.changes(found))


def moved(found: Comparison) -> Iterable[Section]:
    """Samples that got better or worse."""
    yield Section(f"{found.worse:,} samples are worse in the second run, those most", tables.moved(found.worsened))
    yield Section(f"{found.better:,} samples are better in the second run, those most", tables.moved(found.improved))


def views(pair: Pair) -> Mapping[str, Callable[[], Iterable[Section]]]:
    """By name; those only that there are."""
    found, comparison = pair.first, pair.comparison
    named: dict[str, Callable[[], Iterable[Section]]] = {"overview": lambda: overview(found)}
    if found.task is Task.CLASSIFICATION:
        named |= {
            "confusion": lambda: confusion(found),
            "classes": lambda: [Section("each class", tables.classes(found))],
            "calibration": lambda: calibration(found),
        }
    else:
        named |= {"residuals": lambda: residuals(found), "against": lambda: against(found)}
    named |= {
        "features": lambda: features(found),
        "slices": lambda: slices(found),
        "worst": lambda: [Section("the rows with the greatest errors", tables.worst(found))],
    }
    if pair.second is not None:
        named["both"] = lambda: both(pair)
    if comparison is not None:
        named |= {"changed": lambda: changed(comparison), "moved": lambda: moved(comparison)}
    return named


NAMES = (
    *("overview", "confusion", "classes", "calibration", "residuals", "against"),
    *("features", "slices", "worst", "both", "changed", "moved"),
)
"""Of all views that there may be."""
OF_TWO = ("both", "changed", "moved")
"""Those that take two runs."""


def digest(pair: Pair) -> Iterable[Section]:
    """What one looks at first: of one run its metrics, the slices, inputs and samples; of two what is different."""
    known = views(pair)
    if pair.second is not None:
        yield from known["both"]()
        for name in OF_TWO[1:]:
            yield from map(cut, known[name]() if name in known else ())
        return
    yield from known["overview"]()
    if "confusion" in known:
        yield cut(list(known["confusion"]())[-1])
    yield from map(cut, known["slices"]())
    first, *means = known["features"]()
    yield cut(first)
    yield from means[:FEATURES]
    yield from map(cut, known["worst"]())


def cut(found: Section) -> Section:
    """At most `FEW` rows, and how many more there are."""
    if found.table is None or len(found.table.rows) <= FEW:
        return found
    return replace(found, table=replace(found.table, rows=found.table.rows[:FEW]), more=len(found.table.rows) - FEW)


def whereabouts(found: Summary) -> str:
    """The file in one line, without when it was written."""
    return f"{found.path} ({found.format}, {size(found.size)})"
