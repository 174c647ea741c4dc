"""What a file of predictions says: metrics, the errors by input, the slices in which they gather, the worst samples.

All texts are cleaned and cut. All means, shares and counts are weighted where the file has weights; `n` counts rows.
An interval is one of 95 %.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Task(StrEnum):
    """What is predicted."""

    CLASSIFICATION = "classification"
    REGRESSION = "regression"


class Role(StrEnum):
    """What a column is."""

    TARGET = "target"
    PREDICTION = "prediction"
    SCORES = "scores"
    ID = "id"
    WEIGHT = "weight"
    INPUT = "input"
    ASIDE = "aside"
    """Not looked at: it follows from the others, as a loss does, or tells each row from all others."""


@dataclass(frozen=True, slots=True)
class Column:
    """One column of the file."""

    name: str
    role: Role


@dataclass(frozen=True, slots=True)
class Bin:
    """Rows whose value of something is in one range, or is one level, and the mean of another thing over them."""

    label: str
    """As `≤ 60`, `60 … 75`, `B`, `(rest)`, `(empty)`."""
    n: int
    mean: float
    lower: float
    upper: float
    """The interval of the mean: Wilson's for shares, the normal one for losses and residuals."""
    low: float | None = None
    """Of a range: values are above it; None: no bound."""
    high: float | None = None
    """Values are at most this."""


@dataclass(frozen=True, slots=True)
class Feature:
    """An input, and how the error depends on it."""

    name: str
    numeric: bool
    bins: tuple[Bin, ...]
    """The mean error of each: ranges between quantiles, at most 10, or the most frequent levels, at most 20, then the
    rest; rows without a value come last."""
    eta2: float
    """The share of the error's variance that the bins explain, 0 … 1."""
    p: float
    """Of the permutation test, corrected by Holm over all inputs."""
    residuals: tuple[Bin, ...] = ()
    """Regression: the mean residual, prediction − target, by the same bins."""
    levels: int = 0
    """Different values, of a category."""
    empty: int = 0
    """Rows without a value."""

    @property
    def sure(self) -> bool:
        """Whether the error depends on it by more than chance."""
        return self.p <= 0.05


@dataclass(frozen=True, slots=True)
class Condition:
    """One condition on an input: a range, or a level."""

    feature: str
    low: float | None = None
    """Above it."""
    high: float | None = None
    """At most it."""
    level: str | None = None
    """Exactly it; `(empty)` where the value is missing."""

    @property
    def text(self) -> str:
        """As `age > 60`, `device = B`."""
        if self.level is not None:
            return f"{self.feature} = {self.level}"
        if self.low is None:
            return f"{self.feature} ≤ {self.high:.6g}"
        return f"{self.feature} > {self.low:.6g}"


@dataclass(frozen=True, slots=True)
class Slice:
    """Rows that one or two conditions choose, whose error is greater than that of all others, beyond chance."""

    conditions: tuple[Condition, ...]
    n: int
    share: float
    """Of all rows, 0 … 1."""
    mean: float
    """The mean error in it."""
    rest: float
    """The mean error of all other rows."""
    lower: float
    upper: float
    """The interval of `mean`."""
    p: float
    """One-sided, corrected by Holm over all slices that were tried."""
    part: float
    """The part of all errors that lies in it, 0 … 1."""

    @property
    def text(self) -> str:
        """As `age > 60 and device = B`."""
        return " and ".join(each.text for each in self.conditions)


@dataclass(frozen=True, slots=True)
class ClassScore:
    """How well one class is told."""

    name: str
    support: float
    """Rows of which it is the target, or their weight."""
    predicted: float
    """Rows for which it was predicted, or their weight."""
    precision: float
    recall: float
    f1: float


@dataclass(frozen=True, slots=True)
class Average:
    """Precision, recall and F1 over classes."""

    precision: float
    recall: float
    f1: float


@dataclass(frozen=True, slots=True)
class Confused:
    """One class taken for another."""

    target: str
    predicted: str
    count: float
    share: float
    """Of the rows of that target, 0 … 1."""


@dataclass(frozen=True, slots=True)
class Confidence:
    """One of the equal bins of confidence: a row of the reliability table; those without rows are there too."""

    low: float
    high: float
    n: int
    confidence: float
    """The mean one; 0 without rows."""
    accuracy: float


@dataclass(frozen=True, slots=True)
class Classification:
    """Metrics as scikit-learn defines them, a precision without predictions being 0."""

    accuracy: float
    accuracy_lower: float
    accuracy_upper: float
    balanced_accuracy: float
    """The mean recall of the classes that are targets."""
    macro: Average
    """All classes alike, those too that were only predicted."""
    weighted: Average
    """By their support."""
    classes: tuple[ClassScore, ...]
    """All of them, at most 1,000: in the order of `confusion`."""
    confusion: tuple[tuple[float, ...], ...]
    """Target × predicted, in the order of `classes`; empty beyond 200 classes."""
    confused: tuple[Confused, ...]
    """The most frequent confusions, at most 50."""
    log_loss: float | None = None
    """None, as what follows: there are no scores."""
    brier: float | None = None
    """Of two classes that of the second one, 0 … 1; of more the sum over classes, 0 … 2."""
    ece: float | None = None
    """The expected calibration error over `reliability`."""
    reliability: tuple[Confidence, ...] = ()
    top: tuple[tuple[int, float], ...] = ()
    """(k, share of rows whose target is among the k classes of the highest scores)."""


@dataclass(frozen=True, slots=True)
class Histogram:
    """Counts between edges; there is one edge more than counts."""

    edges: tuple[float, ...]
    counts: tuple[int, ...]
    below: int = 0
    """Rows beyond the first edge, which is no further out than a 1/1000 of them."""
    above: int = 0


@dataclass(frozen=True, slots=True)
class Grid:
    """Counts of pairs of numbers in a grid of cells; what lies outside counts in the outermost ones."""

    x: tuple[float, ...]
    """Edges of the prediction, one more than columns."""
    y: tuple[float, ...]
    """Edges of the residual, one more than rows."""
    counts: tuple[tuple[int, ...], ...]
    """By row of `y`, from below, then by column of `x`."""


@dataclass(frozen=True, slots=True)
class Regression:
    """Metrics of numbers; a residual is prediction − target."""

    mae: float
    rmse: float
    r2: float | None
    """None: all targets are the same."""
    bias: float
    """The mean residual."""
    quantiles: tuple[tuple[float, float], ...]
    """(q, residual) for q = 0, 0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99, 1."""
    histogram: Histogram
    by_prediction: tuple[Bin, ...]
    """The mean residual by ranges of the prediction."""
    grid: Grid


@dataclass(frozen=True, slots=True)
class Sample:
    """One row."""

    row: int
    """From 1, the header not counted."""
    id: str
    """Empty where the file has none."""
    target: str
    prediction: str
    error: float
    """Its loss: −ln of the target's probability, where there are scores; else 1 for wrong; |residual| of numbers."""
    confidence: float | None
    """The highest probability; None without scores."""
    inputs: tuple[tuple[str, str], ...]
    """Names and values."""


@dataclass(frozen=True, slots=True)
class Summary:
    """All that a file of predictions says."""

    path: str
    """Where it lies on the host, absolute."""
    size: int
    mtime: float
    format: str
    """`CSV`, `TSV`, `JSONL` or `Parquet`."""
    task: Task
    rows: int
    """All that were read."""
    used: int
    """Of these with a target and a prediction: the metrics are of all these."""
    looked: int
    """Of these by lot so many, for the inputs, the slices and the distribution of residuals; mostly all."""
    mean_error: float
    """Of `looked` rows: what inputs and slices are measured by, see `error`."""
    error: str
    """What is the error of a row for inputs and slices: `share of wrong predictions` or `absolute error`."""
    columns: tuple[Column, ...]
    notes: tuple[str, ...]
    """What should be known of the file: what was guessed, left out, empty, odd. One line each."""
    features: tuple[Feature, ...]
    """Those that explain most first."""
    slices: tuple[Slice, ...]
    """The clearest first; empty: errors gather nowhere beyond chance."""
    tried: int
    """Slices that were tried."""
    worst: tuple[Sample, ...]
    """Greatest error first."""
    classification: Classification | None = None
    regression: Regression | None = None
    """One of the two, by `task`."""
    fast: bool = True
    """Whether numpy was there; without it the same numbers take longer."""
    seconds: float = 0.0
    """That reading and counting took on the host."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why there is no summary: one line, and what to do, which may be empty."""

    reason: str
    advice: str = ""

    @property
    def text(self) -> str:
        """Both in one line."""
        return f"{self.reason}: {self.advice}" if self.advice else self.reason


@dataclass(frozen=True, slots=True)
class Change:
    """One slice in two runs; differences are second − first, so negative is better."""

    text: str
    n: int
    before: float
    """The mean error of the first."""
    after: float
    lower: float
    upper: float
    """The interval of after − before."""
    p: float
    """Two-sided, corrected by Holm over the slices."""


@dataclass(frozen=True, slots=True)
class Moved:
    """One sample whose error changed; `before` and `after` are of the two runs."""

    id: str
    row: int
    target: str
    before: str
    """The prediction of the first run."""
    after: str
    change: float
    """Second error − first."""
    inputs: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Comparison:
    """The predictions of two runs for the same samples."""

    task: Task
    matched: str
    """How: `by id` or `by row`."""
    n: int
    """Samples of both that were compared."""
    only_first: int
    only_second: int
    sampled: int
    """1: all were compared; k: one of k, chosen by its id alike in both."""
    before: float
    """The mean error of the first: the share of wrong ones, or the mean absolute error."""
    after: float
    lower: float
    upper: float
    """The interval of after − before by a paired bootstrap."""
    p: float
    """Classification: McNemar's test, exact with fewer than 25 that differ; regression: the paired t-test."""
    better: int
    """Samples whose error is smaller in the second."""
    worse: int
    changes: tuple[Change, ...]
    """By slice, the largest change first."""
    improved: tuple[Moved, ...]
    """Most first."""
    worsened: tuple[Moved, ...]
    notes: tuple[str, ...]
