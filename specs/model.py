"""The model of a spec: frozen values, valid once built."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

Scalar = str | int | float | bool | None
"""A parameter's value: what YAML calls a scalar."""


class SpecError(Exception):
    """Bad input in a spec: `str()` is one line that says where, what and, if known, what to do instead."""

    def __init__(self, source: str, line: int | None, message: str, column: int | None = None) -> None:
        self.source = source
        self.line = line
        """Line in the file, from 1; None where the error is about the whole file."""
        self.column = column
        self.message = message
        where = source if line is None else f"{source}:{line}"
        super().__init__(f"{where}: {message}")


class Goal(StrEnum):
    """Which way the objective is better."""

    MINIMIZE = "minimize"
    MAXIMIZE = "maximize"


class Method(StrEnum):
    """How a sweep turns its axes into runs."""

    GRID = "grid"
    LIST = "list"


@dataclass(frozen=True, slots=True)
class Sweep:
    """Which settings an experiment tries."""

    method: Method = Method.GRID
    axes: Mapping[str, tuple[Scalar, ...]] = field(default_factory=dict)
    """grid: every combination of these values, in the order written, the last axis fastest."""
    points: tuple[Mapping[str, Scalar], ...] = ()
    """list: exactly these settings."""
    seeds: tuple[int, ...] = ()
    """Every setting is run once for each; the parameter is called `seed`."""
    zip: tuple[tuple[str, ...], ...] = ()
    """Groups of axes that move together; the axes of a group have the same length."""
    exclude: tuple[Mapping[str, Scalar], ...] = ()
    """Settings to leave out: those that agree with all values of an entry."""


@dataclass(frozen=True, slots=True)
class Resources:
    """What one run needs. Sizes in bytes, times in seconds, None where the backend's default will do."""

    gpus: int = 0
    gpu_memory: int | None = None
    cpus: int | None = None
    memory: int | None = None
    time: int | None = None
    disk: int | None = None


@dataclass(frozen=True, slots=True)
class SlurmOptions:
    """What only Slurm understands."""

    partition: str | None = None
    account: str | None = None
    qos: str | None = None
    sbatch: tuple[str, ...] = ()
    """Further options for sbatch, one word each, as `--constraint=a100`."""


@dataclass(frozen=True, slots=True)
class Metrics:
    """What the runs report and what is wanted of it."""

    objective: str | None = None
    """The metric that the experiment optimises, by the name that the program prints."""
    goal: Goal = Goal.MINIMIZE
    total: Mapping[str, float] = field(default_factory=dict)
    """How long a run is, by index: `{epochs: 50}` or `{steps: 10000}`."""


@dataclass(frozen=True, slots=True)
class Spec:
    """One experiment as the user wrote it, checked."""

    name: str
    """Letters, digits, `.`, `_` and `-`: it becomes a folder and a part of job names."""
    command: str
    """Shell text; `{param}` stands for a parameter's value, quoted by us; `{{` and `}}` for literal braces."""
    source: Path
    """The file that it was read from."""
    text: str
    """The file's content."""
    workdir: Path
    """The project folder on this machine, absolute."""
    setup: str = ""
    """Shell text that runs before the command, in the same shell."""
    env: Mapping[str, str | None] = field(default_factory=dict)
    """Environment variables; None: taken from the caller at submission and never stored."""
    params: Mapping[str, Scalar] = field(default_factory=dict)
    sweep: Sweep = field(default_factory=Sweep)
    resources: Resources = field(default_factory=Resources)
    where: tuple[str, ...] = ()
    """Backends in order of preference; empty: the caller chooses."""
    slurm: SlurmOptions = field(default_factory=SlurmOptions)
    metrics: Metrics = field(default_factory=Metrics)


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
