"""Of each metric of each run the last, the least and the greatest value, kept beside the series files.

Ten thousand series are not read each time somebody looks: a file that is as it was then is not opened.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from trainboard.files import install, private_folder, write_draft
from trainboard.recording import recorded, series_path

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from trainboard.results import Member
    from trainboard.series import Series

VERSION = 1
Stamp = tuple[int, int]
"""Of a file: when it was written, in nanoseconds, and its size; both 0 where there is none."""
MISSING: Stamp = (0, 0)
PIECE = 50
"""Runs that are read between two words about how far it is."""


@dataclass(frozen=True, slots=True)
class Extent:
    """One metric of one run: any of them may be nan or infinite."""

    last: float
    least: float | None
    """Of the current values that are numbers; None where none is."""
    greatest: float | None

    @classmethod
    def of(cls, series: Series) -> Extent:
        """Of a series that is not empty."""
        return cls(series.last or 0.0, series.best("minimize"), series.best("maximize"))


@dataclass(frozen=True, slots=True)
class Digest:
    """The series of one run, all its attempts together, in short."""

    stamps: tuple[Stamp, ...] = ()
    """Of the files of its attempts, when they were read."""
    metrics: Mapping[str, Extent] = field(default_factory=dict)


class Digests:
    """Blocks. Whatever is wrong with what was kept, it is made anew."""

    def __init__(self, series: Path, kept: Path) -> None:
        """The folder of the series files, and that of what is kept of them."""
        self._series = series
        self._kept = kept
        self._known: dict[str, dict[str, Digest]] = {}

    def of(
        self, experiment: str, members: Sequence[Member], tell: Callable[[int], None] = lambda left: None
    ) -> dict[str, Digest]:
        """By run of an experiment; `tell` hears how many are still to be read. Raises `OSError`."""
        known = self._known.get(experiment)
        if known is None:
            known = self._load(experiment)
        found: dict[str, Digest] = {}
        stale: list[tuple[Member, tuple[Stamp, ...]]] = []
        for member in members:
            _, run, attempt = member
            stamps = tuple(self._stamp(run.id, number) for number in range(1, attempt.number + 1))
            before = known.get(run.id)
            if before is not None and before.stamps == stamps:
                found[run.id] = before
            else:
                stale.append((member, stamps))
        for at, ((_, run, attempt), stamps) in enumerate(stale):
            if not at % PIECE:
                tell(len(stale) - at)
            series = recorded(self._series, run.id, attempt.number)
            found[run.id] = Digest(stamps, {name: Extent.of(each) for name, each in series.items() if len(each)})
        self._known[experiment] = found
        if stale:
            self._save(experiment, found)
        return {run.id: found[run.id] for _, run, _ in members}

    def _stamp(self, run: str, number: int) -> Stamp:
        try:
            seen = os.stat(series_path(self._series, run, number))  # noqa: PTH116 - a third of the time, of thousands
        except FileNotFoundError:
            return MISSING
        return seen.st_mtime_ns, seen.st_size

    def _path(self, experiment: str) -> Path:
        return self._kept / f"{quote(experiment, safe='')}.json"

    def _load(self, experiment: str) -> dict[str, Digest]:
        """What was kept; nothing where that is no good."""
        try:
            said = json.loads(self._path(experiment).read_bytes())
            return parsed(said)
        except (OSError, ValueError, TypeError, KeyError, IndexError, AttributeError, RecursionError):
            return {}

    def _save(self, experiment: str, found: Mapping[str, Digest]) -> None:
        """Keep it; where that does not go it is read again the next time, and nothing else is lost."""
        path = self._path(experiment)
        draft = path.with_name(f"{path.name}.{os.getpid()}.tmp")  # a board and a command may do so at once
        try:
            private_folder(self._kept)
            write_draft(draft, (json.dumps(document(found), separators=(",", ":")).encode(),))
            install(draft, path)
        except OSError:
            return


def document(found: Mapping[str, Digest]) -> dict[str, Any]:
    """What is kept, as JSON values: names once, and numbers in columns."""
    names: dict[str, int] = {}
    runs = {}
    for run, digest in found.items():
        places = [names.setdefault(name, len(names)) for name in digest.metrics]
        numbers = [(each.last, each.least, each.greatest) for each in digest.metrics.values()]
        runs[run] = [digest.stamps, places, numbers]
    return {"version": VERSION, "names": list(names), "runs": runs}


def parsed(said: Any) -> dict[str, Digest]:  # noqa: ANN401 - what a file says
    """The same read back. Raises what goes with documents that are none."""
    if said["version"] != VERSION:
        return {}
    names = [str(name) for name in said["names"]]
    return {
        run: Digest(
            tuple((int(at), int(size)) for at, size in stamps),
            {names[place]: Extent(*each) for place, each in zip(places, numbers, strict=True)},
        )
        for run, (stamps, places, numbers) in said["runs"].items()
    }
