"""Logs with the truth beside them: how much of it is read.

`<stem>.yaml` is what a careful reader finds in `<stem>.*`: `outcome` (and `outcome_also_ok`), and `metrics` with
name, points, first and last (`merged_ok`, `points_also_ok`: other counts; `avg_first`, `avg_last`, `first_also_ok`,
`last_also_ok`: other values), `no_metrics: true`, `share`: how much of the run is done, where that is printed, and
`never`: settings, sizes and versions that are no series.
"""

from __future__ import annotations

import math
import re
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import yaml

from trainboard.metrics import read_file

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

WORDS = {
    "failed-nan": "nan",
    "failed-oom": "oom",
    "failed-timeout": "timeout",
    "failed-killed": "killed",
    "failed-traceback": "traceback",
    "cut": "unknown",
}
"""The truth's words for outcomes that the program says otherwise."""
SLACK = 0.02
"""The share of points that a reader may count otherwise."""
CLOSE = 1e-3
SHARE_SLACK = 0.05
"""Of a whole run: a reader may count the step, the epoch or the part of it."""

Metric = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Score:
    """What was read of one log."""

    stem: str
    size: int
    """Bytes."""
    seconds: float
    wanted: int
    missed: tuple[str, ...]
    series: tuple[str, ...]
    """Names as printed."""
    false: tuple[str, ...]
    """Series that are no measurement, or of a log that has none."""
    outcome: str
    accepted: tuple[str, ...]
    """The outcomes that are right."""

    share: tuple[float | None, float | None]
    """How much is done, as it was read and as it is."""

    @property
    def timely(self) -> bool:
        """Whether it is told how far the run is, where the log says so."""
        read, wanted = self.share
        return wanted is None or (read is not None and abs(read - wanted) <= SHARE_SLACK)

    @property
    def found(self) -> int:
        """Listed metrics with the right name, count, first and last value."""
        return self.wanted - len(self.missed)

    @property
    def right(self) -> bool:
        """Whether it is told how the log ended."""
        return self.outcome in self.accepted

    @property
    def low(self) -> bool:
        """Whether less than 80 % was found."""
        return self.found < 0.8 * self.wanted


def pairs(folder: Path, truths: Path | None = None) -> Iterator[tuple[Path, Path]]:
    """The logs of a folder, each with its truth; the corpus keeps both in folders of their own."""
    if truths is None:
        truths = folder / "truth" if (folder / "truth").is_dir() else folder
        folder = folder / "all" if (folder / "all").is_dir() else folder
    for truth in sorted(truths.glob("*.yaml")):
        for log in sorted(folder.glob(truth.stem + ".*")):
            if log != truth:
                yield log, truth


def score(log: Path, truth: Path) -> Score:
    """Read one log and compare."""
    told = yaml.safe_load(truth.read_text("utf-8"))
    start = time.perf_counter()
    report = read_file(log).as_json()
    seconds = time.perf_counter() - start
    read: list[Metric] = report["metrics"]
    progress = report["progress"]
    never = {fold(name) for name in told.get("never") or ()}
    accepted = [WORDS.get(word, word) for word in (told["outcome"], *_listed(told.get("outcome_also_ok")))]
    return Score(
        stem=truth.stem,
        size=log.stat().st_size,
        seconds=seconds,
        wanted=len(told.get("metrics") or ()),
        missed=tuple(_missed(told.get("metrics") or (), read)),
        series=tuple(metric["name"] for metric in read),
        false=tuple(m["name"] for m in read if told.get("no_metrics") or fold(m["name"]) in never),
        outcome=report["outcome"],
        accepted=(*accepted, *(("running",) if "unknown" in accepted else ())),
        share=(
            done / total if (total := progress["total"]) and (done := progress["done"]) is not None else None,
            told.get("share"),
        ),
    )


def fold(name: object) -> str:
    """A name by its letters and digits alone."""
    return re.sub(r"[\W_]+", "", str(name).lower())


def _missed(wanted: Sequence[Metric], read: Sequence[Metric]) -> Iterator[str]:
    """Each series answers for one metric, but that a merged one answers for all that it holds."""
    used: set[int] = set()
    for named in (True, False):
        for want in (want for want in wanted if any(_is_named(m, want) for m in read) is named):
            order = sorted(range(len(read)), key=lambda i: not _is_named(read[i], want))
            same = [i for i in order if _same(want, read[i])]
            free = [i for i in same if i not in used]
            used.update(free[:1])
            if not free and not (same and want.get("merged_ok") is not None):
                yield want["name"]


def _same(want: Metric, read: Metric) -> bool:
    counts = [_number(c) for key in ("points", "merged_ok", "points_also_ok") for c in _listed(want.get(key))]
    if not any(abs(read["count"] - count) <= max(1, SLACK * count) for count in counts):
        return False
    first = _is_one(read["first"], want, "first", "avg_first", "first_also_ok")
    last = _is_one(read["last"], want, "last", "avg_last", "last_also_ok")
    named = _is_named(read, want)
    return (last and (first or named)) or (first and named and want.get("merged_ok") is not None)


def _is_named(read: Metric, want: Metric) -> bool:
    return fold(read["name"]) == fold(want["name"])


def _is_one(value: object, want: Mapping[str, Any], *keys: str) -> bool:
    found = _number(value)
    return any(_is_close(found, _number(other)) for key in keys for other in _listed(want.get(key)))


def _is_close(one: float, other: float) -> bool:
    if math.isnan(one) or math.isnan(other):
        return math.isnan(one) and math.isnan(other)
    return one == other or abs(one - other) <= CLOSE * max(abs(one), abs(other))


def _number(value: object) -> float:
    return float(str(value))


def _listed(value: object) -> list[object]:
    return [] if value is None else list(value) if isinstance(value, list) else [value]
