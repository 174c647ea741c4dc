"""All samples of a row, by metric, as they were at one moment, and how they go on with what is told."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote

from trainboard.naming import is_usage
from trainboard.series import Series, by_metric, join
from trainboard.seriesfile import SeriesFile

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from trainboard.events import Sampled
    from trainboard.stored import Stored


MOST = 1 << 20
"""Samples of an attempt that a board takes into memory as they are, 24 MB; of more it takes about so many that make
the same curves."""


class Recording(dict[str, Series]):
    """A row's series by metric: a mapping. Fetched by `Actions.series`, kept up to date by `take`."""

    def __init__(self, series: Mapping[str, Series], number: int = 0) -> None:
        """`number`: how many samples of the newest attempt are in there."""
        super().__init__({name: each for name, each in series.items() if not is_usage(name)})
        self.usage = {name: each for name, each in series.items() if is_usage(name)}
        """What the run uses, as its runner measured it: no metrics of the training."""
        self.number = number
        self.trouble = ""
        """Why some of the row's sources are not read, in one line; empty where all are."""

    def take(self, event: Sampled) -> bool:
        """Go on with what was told of this row; False where it is to be fetched anew, and nothing was taken.

        What was told before this was fetched, and arrives after it, is not taken twice.
        """
        if event.restarted or event.number > self.number:
            return False
        new = (event.samples or event.usage)[self.number - event.number :]
        by_metric(new, self.usage if event.usage else self)
        self.number += len(new)
        self.trouble = event.trouble
        return True


def recorded(
    folder: Path, key: str, attempt: int | None, newest: Stored | None = None, most: int | None = None
) -> Recording:
    """What is stored of a row, its attempts joined; `newest`: of its newest attempt. Blocks. Raises `OSError`.

    `most`: samples of one attempt, as of `SeriesFile.load`.
    """
    import numpy  # noqa: F401  # it takes a while: here, in a thread, and not when the first sample is taken in

    attempts = stored_attempts(folder, key, attempt, newest, most)
    return Recording(join([stored.series() for stored in attempts]), attempts[-1].count)


def stored_attempts(
    folder: Path, key: str, attempt: int | None, newest: Stored | None = None, most: int | None = None
) -> list[Stored]:
    """What is stored of each attempt that has something, and of the newest."""
    before = (SeriesFile(series_path(folder, key, number)).load(most) for number in range(1, attempt or 1))
    newest = newest or SeriesFile(series_path(folder, key, attempt)).load(most)
    return [*(stored for stored in before if stored.count), newest]


def series_path(folder: Path, key: str, attempt: int | None = None) -> Path:
    """The series file of a row's attempt: each attempt has sources of its own."""
    number = f"#{attempt}" if attempt and attempt > 1 else ""
    return folder / f"{quote(key + number, safe='')}.samples"
