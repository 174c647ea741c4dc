"""What the rules say of a log as it grows, and how often that is right. Pure, but for the rules themselves."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING, Protocol

from trainboard.extract import Extractor

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from benchmarks.diagnosis.recipes import Training
    from trainboard.series import Sample

LOOKS = 20
"""How often a log is looked at while it grows."""
EARLY = 0.2
"""The share of a run within which half of the faults should be found."""


class Doctor(Protocol):
    """What is measured: it takes samples as they come, and tells of what it sees at any time."""

    def take(self, samples: Sequence[Sample]) -> None: ...

    def complaints(self) -> Sequence[frozenset[str]]:
        """The first first; of each, the classes of its cause. Nothing below a warning is one."""
        ...


@dataclass(frozen=True, slots=True)
class Verdict:
    """What was said of one log."""

    recipe: Training
    seed: int
    layers: bool
    """Whether the log had the layers' values."""
    looks: tuple[tuple[frozenset[str], ...], ...]
    """The complaints after each part of the log."""

    @property
    def flagged(self) -> bool:
        """At the end."""
        return bool(self.looks[-1])

    @property
    def found_at(self) -> float | None:
        """The share of the log after which there was a first complaint; None where there was never one."""
        first = next((place for place, look in enumerate(self.looks, 1) if look), None)
        return None if first is None else first / len(self.looks)

    @property
    def first_right(self) -> bool:
        """Whether the first complaint at the end names the cause."""
        return self.flagged and bool(self.looks[-1][0] & self.recipe.answers(self.layers))

    @property
    def right_anywhere(self) -> bool:
        return any(classes & self.recipe.answers(self.layers) for classes in self.looks[-1])


@dataclass(frozen=True, slots=True)
class Tally:
    """How often it was right."""

    faulty: int
    flagged: int
    first_right: int
    right_anywhere: int
    early: int
    """Faults found within `EARLY` of the run."""
    found_at: float
    """Share of the run after which half of the faults that were found were found."""
    healthy: int
    disturbed: int
    """Healthy runs of which there was a complaint at any time."""


def tally(verdicts: Iterable[Verdict]) -> Tally:
    """The counts of some verdicts."""
    verdicts = list(verdicts)
    faulty = [each for each in verdicts if each.recipe.faulty]
    healthy = [each for each in verdicts if not each.recipe.faulty]
    found = [each.found_at for each in faulty if each.found_at is not None]
    return Tally(
        faulty=len(faulty),
        flagged=sum(each.flagged for each in faulty),
        first_right=sum(each.first_right for each in faulty),
        right_anywhere=sum(each.right_anywhere for each in faulty),
        early=sum(share <= EARLY for share in found),
        found_at=median(found) if found else 1.0,
        healthy=len(healthy),
        disturbed=sum(each.found_at is not None for each in healthy),
    )


def examine(parts: Iterable[Sequence[Sample]], recipe: Training, seed: int, layers: bool, doctor: Doctor) -> Verdict:
    """What is said of a log that grows part by part."""
    looks = []
    for samples in parts:
        doctor.take(samples)
        looks.append(tuple(doctor.complaints()))
    return Verdict(recipe, seed, layers, tuple(looks))


def growth(log: str, parts: int = LOOKS) -> Iterator[list[Sample]]:
    """The samples of each part of a log, as the extractor reads them."""
    lines, extractor = log.splitlines(keepends=True), Extractor()
    for part in range(parts):
        chunk = "".join(lines[len(lines) * part // parts : len(lines) * (part + 1) // parts])
        yield [*extractor.feed(chunk.encode()), *(extractor.finish() if part == parts - 1 else [])]


def without_layers(log: str) -> str:
    """The log without the probe's lines: they alone hold a mapping within a mapping."""
    return "".join(line for line in log.splitlines(keepends=True) if not line.startswith("{") or ": {" not in line)


def wrong(verdicts: Iterable[Verdict], said: Callable[[Verdict], str]) -> Iterator[str]:
    """A line for each verdict that is not right."""
    for each in verdicts:
        if each.recipe.faulty and not each.first_right:
            yield f"{'wrong ' if each.flagged else 'missed'} {said(each)}"
        elif not each.recipe.faulty and each.found_at is not None:
            yield f"alarm  {said(each)}"
