"""What a trace or a profile says that a training wrote: operations, sorts of work, steps. Times are seconds."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from trainboard.show import clean, duration

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

PATTERNS = (
    "**/*.trace.json",
    "**/*.trace.json.gz",
    "**/*.pstats",
    "**/*.prof",
    "**/*.cprofile",
)
"""Of the files among a run's outputs that are such."""


@dataclass(frozen=True, slots=True)
class Operation:
    """One kind of operation. Texts are untrusted."""

    name: str
    part: str
    """What sort of work it is; of a function of cProfile its file."""
    count: int
    total: float
    own: float
    """Without what ran within it."""
    line: int | None = None

    @property
    def mean(self) -> float:
        """Of one call, in seconds."""
        return self.total / self.count if self.count else 0.0


@dataclass(frozen=True, slots=True)
class Part:
    """One sort of work."""

    name: str
    time: float


@dataclass(frozen=True, slots=True)
class Step:
    """One step of the training, as the profiler marked it."""

    number: int
    time: float
    loading: float
    optimizer: float
    gpu: float | None = None
    """How long a GPU was at work; None: there is none in the trace."""


@dataclass(frozen=True, slots=True)
class Traced:
    """All of it."""

    kind: str
    """`trace` or `pstats`."""
    span: float
    operations: Sequence[Operation]
    parts: Sequence[Part] = ()
    steps: Sequence[Step] = ()
    gpus: int = 0
    idle: float | None = None
    """The share of the span in which the GPUs did nothing."""
    more: int = 0
    """Operations beyond those."""
    damage: str = ""
    """Why it was not read to its end."""
    beyond: int = 0
    """Events of which nobody looked what ran within them."""


def parse_traced(told: Mapping[str, Any]) -> Traced:
    """What `backends.remote.tracefile` says. Raises `ValueError` where it says something else."""
    try:
        idle = told.get("idle")
        return Traced(
            kind=str(told["kind"]),
            span=_time(told["span"]),
            operations=tuple(_operation(each) for each in told["operations"]),
            parts=tuple(Part(str(each["name"]), _time(each["time"])) for each in told.get("parts", ())),
            steps=tuple(_step(each) for each in told.get("steps", ())),
            gpus=int(told.get("gpus", 0)),
            idle=None if idle is None else float(idle),
            more=int(told.get("more", 0)),
            damage=clean(str(told.get("damage", ""))),
            beyond=int(told.get("beyond", 0)),
        )
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"no summary of a trace: {error!r}") from error


def _operation(told: Mapping[str, Any]) -> Operation:
    line = told.get("line")
    return Operation(
        str(told["name"]),
        str(told.get("part") or told.get("file") or ""),
        int(told["count"]),
        _time(told["total"]),
        _time(told["self"]),
        line if isinstance(line, int) else None,
    )


def _step(told: Mapping[str, Any]) -> Step:
    gpu = told.get("gpu")
    times = _time(told["time"]), _time(told["loading"]), _time(told["optimizer"])
    return Step(int(told["step"]), *times, None if gpu is None else _time(gpu))


def _time(microseconds: object) -> float:
    if not isinstance(microseconds, int | float) or not math.isfinite(microseconds):
        raise TypeError(f"no time: {microseconds!r}")
    return microseconds / 1e6


def seconds(value: float) -> str:
    """A time from microseconds to days, in at most six characters or so."""
    if value >= 100:
        return duration(value)
    for factor, unit in ((1.0, "s"), (1e3, "ms"), (1e6, "µs")):
        if value * factor >= 1 or unit == "µs":
            return f"{value * factor:.3g}{unit}"
    raise AssertionError("unreachable")


def headline(found: Traced) -> str:
    """The whole in one line."""
    words = [f"{seconds(found.span)} traced" if found.kind == "trace" else f"{seconds(found.span)} profiled"]
    if found.idle is not None:
        words.append(f"{'GPU' if found.gpus == 1 else f'{found.gpus} GPUs'} idle {found.idle:.0%} of it")
    elif found.kind == "trace":
        words.append("no GPU in it")
    if found.steps:
        times = sorted(step.time for step in found.steps)
        words.append(f"{len(times)} steps of {seconds(times[len(times) // 2])}")
    if found.damage:
        words.append(f"not whole: {found.damage}")
    if found.beyond:
        words.append(f"of {found.beyond} events beyond {found.kind}'s limit all time counts as their own")
    return ", ".join(words)


def hints(found: Traced) -> Iterable[str]:
    """What that may mean for the user: thresholds as in the diagnosis of jobs."""
    times = {part.name: part.time for part in found.parts}
    loading = times.get("data loading", 0.0)
    if found.span and loading > 0.3 * found.span:
        yield f"{loading / found.span:.0%} of the time goes into data loading: more workers, or data that lies nearer"
    talking = times.get("communication (NCCL)", 0.0)
    if found.span and talking > 0.3 * found.span:
        yield f"{talking / found.span:.0%} of the time goes into communication between GPUs"
    if found.idle is not None and found.idle > 0.5 and loading <= 0.3 * found.span:
        yield "the GPU waits for the program most of the time: larger batches, fewer small operations, torch.compile"
