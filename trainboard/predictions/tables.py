"""What a file of predictions says, as tables of text: for the command line, the screen and reports alike. Pure."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeVar

from trainboard.predictions.summary import Task
from trainboard.show import number

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from trainboard.predictions.summary import (
        Bin,
        Classification,
        Comparison,
        Confused,
        Feature,
        Moved,
        Regression,
        Sample,
        Slice,
        Summary,
    )

RowT = TypeVar("RowT")
ZERO = 5e-5
"""A share below it is written with more figures."""
NEVER = {(False, True): "never predicted", (False, False): "never predicted", (True, False): "never a target"}
"""What is odd of a class, by whether it is ever predicted, and ever a target."""


@dataclass(frozen=True, slots=True)
class Heading:
    """The title of a column."""

    title: str
    rank: int = 1
    """Importance; 0 goes last where there is no room for all."""
    right: bool = True
    """Flush right."""


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of text below titles. Texts of the file are not cleaned."""

    headings: tuple[Heading, ...]
    rows: tuple[tuple[str, ...], ...]
    none: str = ""
    """What is said where there are no rows."""

    @property
    def titles(self) -> tuple[str, ...]:
        """Of the columns."""
        return tuple(each.title for each in self.headings)


def filled(table: Table) -> Table:
    """The same without columns in which no row has anything."""
    kept = [place for place in range(len(table.headings)) if any(row[place] for row in table.rows)]
    if not table.rows or len(kept) == len(table.headings):
        return table
    headings = tuple(table.headings[place] for place in kept)
    return replace(table, headings=headings, rows=tuple(tuple(row[at] for at in kept) for row in table.rows))


def _laid(found: Iterable[RowT], none: str, *columns: tuple[Heading, Callable[[RowT], str]]) -> Table:
    """A row for each of these; a column: its heading, and what it says of one of them."""
    rows = tuple(tuple(say(each) for _, say in columns) for each in found)
    return Table(tuple(heading for heading, _ in columns), rows, none)


def _words(title: str, rank: int = 0) -> Heading:
    return Heading(title, rank, right=False)


def percent(share: float | None) -> str:
    """A share: `96.4 %`; `0 %` is none at all."""
    if share is None or math.isnan(share):
        return "–"
    if 0 < abs(share) < ZERO:
        return f"{100 * share:.1g} %"
    return f"{100 * share:.1f} %"


def points(difference: float) -> str:
    """A difference of shares in points of per cent."""
    return f"{100 * difference:+.1f}"


def counted(count: float) -> str:
    """Rows, or their weight."""
    return f"{count:,.0f}" if count == int(count) else f"{count:,.1f}"


def chance(p: float) -> str:
    """A p-value."""
    if math.isnan(p):
        return "–"
    return "< 0.001" if p < 0.001 else f"{p:.3f}" if p < 0.995 else "1"


def is_share(summary: Summary) -> bool:
    """Whether the error of a row is 1 or 0, so that its mean is a share."""
    return summary.task is Task.CLASSIFICATION


def measure(task: Task) -> Callable[[float], str]:
    """How mean errors are written."""
    return percent if task is Task.CLASSIFICATION else number


# The whole.


def heading(summary: Summary) -> str:
    """What it is, in one line."""
    what = str(summary.task)
    if summary.classification is not None:
        what += f" of {counted(len(summary.classification.classes))} classes"
    rows = f"{summary.used:,} rows" if summary.used == summary.rows else f"{summary.used:,} of {summary.rows:,} rows"
    return f"{what}, {rows}"


def metrics(summary: Summary) -> Table:
    """All metrics, with what they mean."""
    headings = _words("metric"), Heading("value", 0), Heading("95 %", 1), _words("what it is", 2)
    rows: list[tuple[str, str, str, str]] = []
    if summary.classification is not None:
        rows = list(_classification(summary.classification))
    elif summary.regression is not None:
        rows = list(_regression(summary.regression))
    return Table(headings, tuple(rows))


def _classification(found: Classification) -> Iterable[tuple[str, str, str, str]]:
    between = f"{100 * found.accuracy_lower:.1f} – {percent(found.accuracy_upper)}"
    yield "accuracy", percent(found.accuracy), between, "share of right predictions"
    yield "balanced accuracy", percent(found.balanced_accuracy), "", "mean recall of the classes"
    for name, average, what in (
        ("macro", found.macro, "all classes alike"),
        ("weighted", found.weighted, "classes by their rows"),
    ):
        yield f"{name} precision", percent(average.precision), "", what
        yield f"{name} recall", percent(average.recall), "", what
        yield f"{name} F1", percent(average.f1), "", what
    for k, share in found.top:
        if k == 1 and share == found.accuracy:
            continue  # said already: what was predicted has the highest score
        yield f"top {k}", percent(share), "", f"target among the {k} highest scores"
    for name, value, what in (
        ("log loss", found.log_loss, "mean of −ln p(target); 0 is best"),
        ("Brier", found.brier, "squared error of the scores; 0 is best"),
        ("ECE", found.ece, "how far sureness is from being right"),
    ):
        if value is not None:
            yield name, number(value), "", what


def _regression(found: Regression) -> Iterable[tuple[str, str, str, str]]:
    yield "MAE", number(found.mae), "", "mean absolute residual"
    yield "RMSE", number(found.rmse), "", "root of the mean squared residual"
    if found.r2 is None:
        yield "R²", "–", "", "not defined: all targets are the same"
    else:
        yield "R²", number(found.r2), "", "1 is best, 0 no better than the mean"
    yield "bias", number(found.bias), "", "mean of prediction − target"


# Classes.


def confused(summary: Summary) -> Table:
    """The pairs of classes that are taken for one another most often."""
    headings = _words("target"), _words("predicted as"), Heading("rows", 0), Heading("of the target", 1)
    pairs: Sequence[Confused] = summary.classification.confused if summary.classification is not None else ()
    rows = tuple((each.target, each.predicted, counted(each.count), percent(each.share)) for each in pairs)
    return Table(headings, rows, "no class is taken for another one")


def classes(summary: Summary) -> Table:
    """Each class, in the order of the confusion matrix."""
    return _laid(
        summary.classification.classes if summary.classification is not None else (),
        "no classes",
        (_words("class"), lambda each: each.name),
        (Heading("rows", 0), lambda each: counted(each.support)),
        (Heading("predicted", 2), lambda each: counted(each.predicted)),
        (Heading("precision", 1), lambda each: percent(each.precision)),
        (Heading("recall", 1), lambda each: percent(each.recall)),
        (Heading("F1", 0), lambda each: percent(each.f1)),
        (_words("", 1), lambda each: NEVER.get((bool(each.predicted), bool(each.support)), "")),
    )


def reliability(summary: Summary) -> Table:
    """How often it is right where it is that sure."""
    return _laid(
        summary.classification.reliability if summary.classification is not None else (),
        "the file has no scores",
        (_words("confidence"), lambda each: f"{each.low:.2f} – {each.high:.2f}"),
        (Heading("rows", 0), lambda each: f"{each.n:,}"),
        (Heading("said", 0), lambda each: percent(each.confidence) if each.n else "–"),
        (Heading("right", 0), lambda each: percent(each.accuracy) if each.n else "–"),
        (Heading("right − said", 1), lambda each: points(each.accuracy - each.confidence) if each.n else ""),
    )


# Numbers.


def quantiles(summary: Summary) -> Table:
    """The distribution of residuals."""
    headings = Heading("quantile", 0), Heading("residual", 0)
    found = summary.regression.quantiles if summary.regression is not None else ()
    names = {0.0: "least", 0.5: "median", 1.0: "greatest"}
    return Table(headings, tuple((names.get(q, f"{100 * q:g} %"), number(value)) for q, value in found))


def axes(summary: Summary) -> Table:
    """What residuals can be seen against: the prediction, then each input, with how far the mean residual goes."""
    headings = _words("against"), Heading("least mean", 1), Heading("greatest mean", 0)
    if summary.regression is None:
        return Table(headings, ())
    rows = [("prediction: all rows", "", ""), ("prediction: mean", *_ends(summary.regression.by_prediction))]
    rows += [(each.name, *_ends(each.residuals)) for each in summary.features if each.residuals]
    return Table(headings, tuple(rows))


def _ends(bins: Sequence[Bin]) -> tuple[str, str]:
    means = [each.mean for each in bins if each.n]
    return (number(min(means)), number(max(means))) if means else ("–", "–")


# Inputs.


def features(summary: Summary) -> Table:
    """The inputs, the one that explains most of the error first."""
    headings = (
        _words("input"),
        Heading("η²", 0),
        Heading("p", 0),
        _words("kind", 2),
        _words("worst where", 1),
        Heading("error there", 1),
    )
    rows = tuple(_feature(each, summary.task) for each in summary.features)
    return Table(
        headings, rows, "the file has no inputs: write them as further columns to see where errors come from"
    )


def _feature(each: Feature, task: Task) -> tuple[str, ...]:
    kind = "numbers" if each.numeric else f"{each.levels:,} levels"
    worst = max((found for found in each.bins if found.n), key=lambda found: found.mean, default=None)
    place = ("–", "–") if worst is None else (worst.label, measure(task)(worst.mean))
    return each.name, f"{each.eta2:.4f}", chance(each.p), kind, *place


def means(name: str, bins: Sequence[Bin], say: Callable[[float], str]) -> Table:
    """The mean of something by the values of something else."""
    headings = _words(name), Heading("rows", 0), Heading("mean", 0), Heading("95 %", 1)
    rows = tuple(
        (each.label, f"{each.n:,}", say(each.mean) if each.n else "–", f"{say(each.lower)} … {say(each.upper)}")
        for each in bins
    )
    return Table(headings, rows)


def slices(summary: Summary) -> Table:
    """Where errors gather."""
    headings = (
        Heading("rows", 0),
        Heading("of all", 2),
        Heading("error", 0),
        Heading("elsewhere", 1),
        Heading("p", 0),
        Heading("of all errors", 2),
        _words("where", 0),
    )
    rows = tuple(_slice(each, summary.task) for each in summary.slices)
    return Table(headings, rows, no_slices(summary))


def no_slices(summary: Summary) -> str:
    """Why there are no slices, where there are none."""
    if summary.tried:
        return f"errors gather nowhere beyond chance: {summary.tried:,} slices were tried"
    return "too few rows: a slice has at least 30" if summary.features else "no slice can be tried without inputs"


def _slice(each: Slice, task: Task) -> tuple[str, ...]:
    say = measure(task)
    part = percent(each.part)
    return f"{each.n:,}", percent(each.share), say(each.mean), say(each.rest), chance(each.p), part, each.text


# Samples.


def worst(summary: Summary) -> Table:
    """The samples with the greatest errors."""
    classes = summary.task is Task.CLASSIFICATION
    headings = (
        Heading("row", 1),
        _words("id", 1),
        _words("target", 0),
        _words("predicted", 0),
        Heading("loss" if classes and any(each.confidence is not None for each in summary.worst) else "error", 0),
        *((Heading("sure", 1),) if any(each.confidence is not None for each in summary.worst) else ()),
        _words("inputs", 2),
    )
    rows = tuple(_sample(each, sure=len(headings) == 7) for each in summary.worst)
    return Table(headings, rows, "no row is wrong")


def _sample(each: Sample, *, sure: bool) -> tuple[str, ...]:
    confidence = (percent(each.confidence),) if sure else ()
    return (
        f"{each.row:,}",
        each.id,
        each.target,
        each.prediction,
        number(each.error),
        *confidence,
        inputs(each.inputs),
    )


def inputs(found: Iterable[tuple[str, str]]) -> str:
    """Inputs in one line."""
    return "  ".join(f"{name}={value}" for name, value in found)


# Two runs.


def verdict(found: Comparison) -> str:
    """Which of two runs is better, in one line."""
    say = measure(found.task)
    what = "wrong" if found.task is Task.CLASSIFICATION else "mean absolute error"
    if found.p > 0.05:
        better = "no difference beyond chance"
    else:
        better = f"the {'second' if found.after < found.before else 'first'} is better"
    return f"{better}: {what} {say(found.before)} → {say(found.after)}, p {chance(found.p)}"


def spread(found: Comparison) -> str:
    """How large the difference is, and how many samples it is of."""
    low, high = signed(found.lower, found.task), signed(found.upper, found.task)
    change = signed(found.after - found.before, found.task)
    between = f"difference {change} (95 % by paired bootstrap: {low} … {high})"
    return f"{between}; {found.worse:,} worse, {found.better:,} better"


def matching(found: Comparison) -> str:
    """Which samples were compared."""
    words = [f"{found.n:,} samples matched {found.matched}"]
    if found.sampled > 1:
        words.append(f"one of {found.sampled} of all")
    if found.only_first or found.only_second:
        words.append(f"{found.only_first:,} only in the first, {found.only_second:,} only in the second")
    return ", ".join(words)


def sides(first: Summary, second: Summary, found: Comparison | None) -> Table:
    """The metrics of two runs side by side, then what of the difference is beyond chance."""
    headings = _words("metric"), Heading("first", 0), Heading("second", 0), _words("what it is", 1)
    other = {name: value for name, value, *_ in metrics(second).rows}
    rows = [(name, value, other.pop(name, "–"), what) for name, value, _, what in metrics(first).rows]
    rows += [(name, "–", value, "") for name, value in other.items()]
    if found is not None:
        rows += _difference(found)
    return Table(headings, tuple(rows))


def _difference(found: Comparison) -> Iterable[tuple[str, str, str, str]]:
    say = measure(found.task)
    between = f"{signed(found.lower, found.task)} … {signed(found.upper, found.task)}"
    test = "McNemar's test" if found.task is Task.CLASSIFICATION else "paired t-test"
    yield "error, same samples", say(found.before), say(found.after), f"{found.n:,} samples, matched {found.matched}"
    yield "difference", "", signed(found.after - found.before, found.task), f"95 % by paired bootstrap: {between}"
    yield "p", "", chance(found.p), test
    yield "samples", f"{found.worse:,} worse", f"{found.better:,} better", "in the second run"


def signed(value: float, task: Task) -> str:
    """A difference of mean errors: of shares in points of per cent."""
    return f"{100 * value:+.2f} pp" if task is Task.CLASSIFICATION else f"{value:+.4g}"


def changes(found: Comparison) -> Table:
    """How the error changed by slice."""
    say, task = measure(found.task), found.task
    return _laid(
        found.changes,
        "no slice to compare",
        (Heading("rows", 0), lambda each: f"{each.n:,}"),
        (Heading("first", 0), lambda each: say(each.before)),
        (Heading("second", 0), lambda each: say(each.after)),
        (Heading("change", 0), lambda each: signed(each.after - each.before, task)),
        (Heading("95 %", 2), lambda each: f"{signed(each.lower, task)} … {signed(each.upper, task)}"),
        (Heading("p", 1), lambda each: chance(each.p)),
        (_words("where", 0), lambda each: each.text),
    )


def moved(found: Sequence[Moved]) -> Table:
    """Samples that got better or worse."""
    return _laid(
        found,
        "no sample",
        (Heading("row", 2), lambda each: f"{each.row:,}"),
        (_words("id", 1), lambda each: each.id),
        (_words("target", 0), lambda each: each.target),
        (_words("first", 0), lambda each: each.before),
        (_words("second", 0), lambda each: each.after),
        (Heading("change", 0), lambda each: f"{each.change:+.4g}"),
        (_words("inputs", 3), lambda each: inputs(each.inputs)),
    )
