"""The model of a spec: frozen values, valid once built."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

from specs.watch import Watch

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

Scalar = str | int | float | bool | None
"""A parameter's value: what YAML calls a scalar."""


LOG = "stdout"
"""What a run's log is called among the sources of its metrics."""


class SpecError(Exception):
    """Bad input in a spec: `str()` is one line that says where, what and, if known, what to do instead."""

    def __init__(self, source: str, line: int | None, message: str, column: int | None = None) -> None:
        self.source = source
        self.line = line
        """Line in the file, from 1; None where the error is about the whole file."""
        self.column = column
        self.message = message
        where = [source, *(str(number) for number in (line, column) if number is not None)]
        super().__init__(f"{':'.join(where)}: {message}")


class SpecErrors(SpecError):
    """Several at once; for whoever has room for one it is the first that was found."""

    def __init__(self, first: SpecError, several: Sequence[SpecError]) -> None:
        super().__init__(first.source, first.line, first.message, first.column)
        self.all = tuple(several)
        """Every one of them, `first` too, by line."""


class Goal(StrEnum):
    """Which way the objective is better."""

    MINIMIZE = "minimize"
    MAXIMIZE = "maximize"


class Method(StrEnum):
    """How a sweep turns its axes into runs."""

    GRID = "grid"
    RANDOM = "random"
    LIST = "list"
    TPE = "tpe"
    ASHA = "asha"

    @property
    def asks(self) -> bool:
        """Whether its settings are asked for one after the other, as there is room, and not known from the start."""
        return self in (Method.TPE, Method.ASHA)


class Shape(StrEnum):
    """How the values between two bounds are distributed."""

    UNIFORM = "uniform"
    LOG_UNIFORM = "log_uniform"
    INT = "int"
    LOG_INT = "log_int"


@dataclass(frozen=True, slots=True)
class Between:
    """A number between two bounds, both of them possible."""

    min: float
    max: float
    shape: Shape = Shape.UNIFORM


@dataclass(frozen=True, slots=True)
class Normal:
    """A number around a mean."""

    mean: float
    std: float


@dataclass(frozen=True, slots=True)
class Choice:
    """One of several values."""

    values: tuple[Scalar, ...]
    weights: tuple[float, ...] = ()
    """How often each, in relation to the others; empty: all alike."""


Distribution = Between | Normal | Choice
"""What an axis is drawn from."""


class Unit(StrEnum):
    """What the rungs of a sweep count."""

    EPOCHS = "epochs"
    STEPS = "steps"
    SECONDS = "seconds"


@dataclass(frozen=True, slots=True)
class Asha:
    """How long the trials of a sweep may go on: at each rung the best of them do, and the others pause."""

    min: float
    """How far a run is at the first rung."""
    max: float
    """How far it is at its end: there is no rung there."""
    unit: Unit = Unit.EPOCHS
    """What both count: the index that the objective is printed with, `epochs` or `steps`, or `seconds` of running."""
    reduction: int = 3
    """Of so many runs at a rung one goes on, and the next rung is so many times as far."""

    @property
    def rungs(self) -> tuple[float, ...]:
        """How far a run is at each rung."""
        found, at = [], self.min
        while at < self.max:
            found.append(at)
            at *= self.reduction
        return tuple(found)


@dataclass(frozen=True, slots=True)
class Sweep:
    """Which settings an experiment tries."""

    method: Method = Method.GRID
    """How the axes become runs: every combination, so many drawn ones, the given points; or asked for as there is
    room, by what came of those before (tpe), or by lot with rungs at which only the best go on (asha)."""
    axes: Mapping[str, tuple[Scalar, ...]] = field(default_factory=dict)
    """grid: every combination of these values, in the order written, the last axis fastest; random: one of them."""
    drawn: Mapping[str, Distribution] = field(default_factory=dict)
    """Axes of which each setting gets a value by lot."""
    when: Mapping[str, Mapping[str, tuple[Scalar, ...]]] = field(default_factory=dict)
    """Axis → for each of other parameters the values with which it is there."""
    points: tuple[Mapping[str, Scalar], ...] = ()
    """list: exactly these settings."""
    seeds: tuple[int, ...] = ()
    """Every setting is run once for each; the parameter is called `seed`."""
    zip: tuple[tuple[str, ...], ...] = ()
    """Groups of axes that move together; the axes of a group have the same length."""
    exclude: tuple[Mapping[str, Scalar], ...] = ()
    """Settings to leave out: those that agree with all values of an entry."""
    samples: int = 1
    """random, tpe, asha: so many settings; grid: so many draws for each combination. Fewer where there are not so
    many."""
    random_seed: int = 0
    """What all draws and the shuffled order come from: the same on every machine."""
    shuffle: bool = False
    """Whether the runs come in an order by lot, so that the first ones tell something about all."""
    at_most: int | None = None
    """So many runs of the sweep at the same time; None: as many as there is room for."""
    asha: Asha | None = None
    """With method tpe or asha: the rungs at which all runs but the best pause."""
    variants: Mapping[str, Mapping[str, Scalar]] = field(default_factory=dict)
    """All fixed parameters by the variant that the parameter `variant` names, where that is swept."""


@dataclass(frozen=True, slots=True)
class Resources:
    """What one run needs. Sizes in bytes, times in seconds, None where the backend's default will do."""

    gpus: int = 0
    """GPUs on one machine."""
    gpu_memory: int | None = None
    """Free memory that each of them must have."""
    cpus: int | None = None
    """Processors."""
    memory: int | None = None
    """Main memory."""
    time: int | None = None
    """How long it may take; then it is told to end, and ended."""
    disk: int | None = None
    """What it writes."""


@dataclass(frozen=True, slots=True)
class SlurmOptions:
    """What only Slurm understands."""

    partition: str | None = None
    """Where the jobs go, one or several with commas between."""
    account: str | None = None
    """Whom they are charged to."""
    qos: str | None = None
    """Their quality of service."""
    sbatch: tuple[str, ...] = ()
    """Further options for sbatch, one word each, as `--constraint=a100`."""


@dataclass(frozen=True, slots=True)
class Input:
    """A file or folder that a run reads, as it lies where the run runs."""

    path: str
    """Absolute on the backend, or from `~/`; `{param}` stands for a parameter's value, `{run}` for the run's name."""
    size: int | None = None
    """Bytes that a file has, to the byte or as `12G` rounds; None: any."""
    sha256: str | None = None
    """Hexadecimal, of a file; None: not checked."""
    slack: int = 0
    """Bytes that it may differ from `size`: one in the last digit that was written before a unit."""


@dataclass(frozen=True, slots=True)
class Code:
    """What of the project folder goes to a backend that does not share it, besides what `.gitignore` says."""

    exclude: tuple[str, ...] = ()
    """Patterns as in `.gitignore`: these stay here."""
    allow: tuple[str, ...] = ()
    """The same for files that go although they are large or look like secrets."""


@dataclass(frozen=True, slots=True)
class Metrics:
    """What the runs report and what is wanted of it."""

    objective: str | None = None
    """The metric that the experiment optimises, by the name that the program prints."""
    goal: Goal = Goal.MINIMIZE
    """Which way the objective is better."""
    total: Mapping[str, float] = field(default_factory=dict)
    """How long a run is, by index: `{epochs: 50}` or `{steps: 10000}`."""
    sources: tuple[str, ...] = (LOG,)
    """Where the metrics are read: `stdout`, which is the log, and globs of files, relative to where the program runs:
    tables (`.csv`, `.tsv`), JSON lines, `trainer_state.json`, TensorBoard's event files, other logs. `{param}` stands
    for a parameter's value and `{run}` for the run's name."""
    pattern: tuple[str, ...] = ()
    """Regular expressions that find metrics in lines, and win over guessing: groups called `name` and `value`, or
    groups called as the metrics; `step` and `epoch` are the index."""


TASKS = ("classification", "regression")
"""What predictions may be of."""


@dataclass(frozen=True, slots=True)
class Predictions:
    """The file in which a run says what it predicted; columns that are not named are known by their usual names."""

    path: str
    """Path or glob of a table (CSV, TSV, JSON lines or Parquet, the first three also as `.gz`), relative to where the
    program runs; placeholders as in `checkpoint`. Of several files the newest is read."""
    target: str | None = None
    """The column of what is right."""
    prediction: str | None = None
    """The column of what was predicted; with scores it is not needed."""
    scores: tuple[str, ...] = ()
    """The columns of the classes' probabilities or logits: names that end in the class, as `prob_cat`, a beginning of
    such names with a star, as `prob_*`, or one column of lists or of objects."""
    id: str | None = None
    """The column that tells which sample it is: two runs are compared by it."""
    weight: str | None = None
    """The column of how much each sample counts."""
    inputs: tuple[str, ...] = ()
    """The columns that the errors are explained by; empty: all others."""
    task: str | None = None
    """What is predicted; null: as it looks, classes with scores or with text, or with few whole numbers."""


@dataclass(frozen=True, slots=True)
class Outputs:
    """What a run leaves behind."""

    checkpoint: str | None = None
    """Glob of checkpoints; `{param}` stands for a parameter's value and `{run}` for the run's name."""
    keep: int | None = None
    """So many of the newest checkpoints stay, and those named `best`; None: all."""
    log_limit: int | None = None
    """Bytes that the log may have; older output goes first. None: no limit."""
    collect: tuple[str, ...] = ()
    """Globs of small results to bring back when a run has ended, relative to where the program runs; placeholders as
    in `checkpoint`."""
    collect_limit: int = 64 << 20
    """Bytes that the results of one run may have together; what goes beyond stays there."""
    predictions: Predictions | None = None
    """What the run predicted, sample by sample: a path, or a section that names the columns too. It is read where it
    lies, for `trainboard errors`."""
    sequences: tuple[str, ...] = ()
    """Globs of JSONL files of characters or tokens with what the model expected, to look at; as in `collect`."""
    samples: tuple[str, ...] = ()
    """Globs of texts, small images and sounds that the run made as it went, to look at; as in `collect`."""
    embeddings: tuple[str, ...] = ()
    """Globs of tables of embeddings or activations, to look at; as in `collect`."""


LONGEST_QUESTION = 2000
"""Characters: a paragraph, not a paper."""

MOST_PRIORITY = 1000
"""A run's priority is at most so far from 0."""

RETRIABLE = ("FAILED", "TIMEOUT", "OUT_OF_MEMORY", "NODE_FAIL", "PREEMPTED")
"""States after which a run may be tried again. LOST is none: it may still be running."""


@dataclass(frozen=True, slots=True)
class Retry:
    """When a run is tried again."""

    on: tuple[str, ...] = ()
    """States of `RETRIABLE`."""
    max: int = 3
    """So many attempts after the first."""
    wait: int = 30
    """Seconds before the first retry; twice as many before each further one, an hour at most."""
    resume: str = ""
    """Added to the command where there is a checkpoint; `{checkpoint}` stands for its path."""
    memory: float | None = None
    """After OUT_OF_MEMORY ask for so many times the memory, each time."""


@dataclass(frozen=True, slots=True)
class Spec:
    """One experiment as the user wrote it, checked."""

    name: str
    """Letters, digits, `.`, `_` and `-`: it becomes a folder and a part of job names."""
    command: str
    """Shell text; `{param}` stands for a parameter's value, `{run}` for the run's name, both quoted by us; `{{` for a
    literal brace."""
    source: Path
    """The file that it was read from."""
    text: str
    """The file's content."""
    workdir: Path
    """The project folder on this machine, absolute."""
    question: str = ""
    """What the experiment is to find out, in the user's words: its report begins with it."""
    setup: str = ""
    """Shell text that runs before the command, in the same shell."""
    env: Mapping[str, str | None] = field(default_factory=dict)
    """Environment variables; None: taken from the caller at submission and never stored."""
    params: Mapping[str, Scalar] = field(default_factory=dict)
    """What is the same in all runs, by dotted names or nested."""
    sweep: Sweep = field(default_factory=Sweep)
    resources: Resources = field(default_factory=Resources)
    where: tuple[str, ...] = ()
    """Backends in order of preference; empty: the caller chooses."""
    slurm: SlurmOptions = field(default_factory=SlurmOptions)
    metrics: Metrics = field(default_factory=Metrics)
    outputs: Outputs = field(default_factory=Outputs)
    retry: Retry = field(default_factory=Retry)
    after: tuple[str, ...] = ()
    """Experiments (ids, or names: the newest of that name) whose runs must all be COMPLETED before this starts."""
    priority: int = 0
    """Among the user's own waiting runs the greater goes first."""
    overrides: tuple[str, ...] = ()
    """The `key=value` words that it was read with."""
    bases: Mapping[str, str] = field(default_factory=dict)
    """The files that it `extends`, all the way down: absolute path → text. With these, `text` says it all."""
    variants: tuple[str, ...] = ()
    """Names of the variants that the file has."""
    variant: str | None = None
    """The one that it was read as; None: the spec itself."""
    inputs: tuple[Input, ...] = ()
    code: Code = field(default_factory=Code)
    watch: Watch = field(default_factory=Watch)


@dataclass(frozen=True, slots=True)
class Setting:
    """One run to be: a spec with all its parameters fixed."""

    index: int
    """Position in the experiment, from 0."""
    name: str
    """Short and unique in the experiment: `lr=0.003-hidden=64-seed=1`; safe as a folder name."""
    params: Mapping[str, Scalar]
    """All parameters: the fixed ones and this setting's."""
    command: str
    """Shell text with the values quoted in."""
    env: Mapping[str, str | None] = field(default_factory=dict)
    """`Spec.env` with the values in."""
    files: Mapping[str, str] = field(default_factory=dict)
    """What its command reads its parameters from: name in the attempt directory → text."""
