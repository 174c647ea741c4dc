"""Which reader reads a file, by the file's name."""

from __future__ import annotations

import re
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from trainboard.sources.base import Reader


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of file that holds samples."""

    name: str
    """In words, for people."""
    pattern: str
    """What the file's name matches, without its folder."""
    where: str
    """`module:class` of its reader: imported when a file of this kind is first read."""
    whole: bool = False
    """The file is rewritten whole: it is read again when it changed, and its samples replace its earlier ones."""
    patterned: bool = False
    """Its reader takes the spec's patterns."""
    text: bool = True
    """A zero byte near its start means that it is something else."""

    def reader(self, total: Mapping[str, float] | None = None, pattern: tuple[str, ...] = ()) -> Reader:
        """A new reader; `total` and `pattern` are the spec's."""
        made: Reader = self._type()(*self._given(total, pattern))
        return made

    def restore(
        self, state: Mapping[str, Any], total: Mapping[str, float] | None = None, pattern: tuple[str, ...] = ()
    ) -> Reader:
        """The reader whose `state` this was. Raises ValueError where it is none of this version."""
        made: Reader = self._type().restore(state, *self._given(total, pattern))
        return made

    def _given(self, total: Mapping[str, float] | None, pattern: tuple[str, ...]) -> tuple[Any, ...]:
        return (total, pattern) if self.patterned and pattern else (total,)

    def _type(self) -> type[Any]:  # of a Reader that restores itself
        module, _, name = self.where.partition(":")
        found: type[Any] = getattr(import_module(module), name)
        return found


LOG = Kind("log", "", "trainboard.extract.extractor:Extractor", patterned=True)
"""Of the log, and of every file that is none of `KINDS`."""

USAGE = Kind("usage", "", "trainboard.sources.usage:UsageReader")
"""Of what the runner writes about the run."""

KINDS = (
    Kind("event file", r".*tfevents.*", "trainboard.sources.tensorboard:EventReader", text=False),
    Kind("CSV", r".*\.(?:csv|tsv)", "trainboard.sources.csvfile:CsvReader"),
    Kind(
        "JSON lines",
        # The last three: as stable-baselines3 and OpenMMLab call theirs.
        r".*\.(?:jsonl|ndjson|log\.json|json\.log)|progress\.json|scalars\.json|\d{8}_\d{6}\.json",
        "trainboard.sources.jsonfile:LinesReader",
    ),
    Kind("JSON", r".*\.json", "trainboard.sources.jsonfile:DocumentReader", whole=True),
)
"""The first that matches counts; letters in either case."""


def kind(path: str) -> Kind:
    """What a file is, by its name; a log where the name does not say."""
    name = path.replace("\\", "/").rpartition("/")[2]
    return next((found for found in KINDS if re.fullmatch(found.pattern, name, re.IGNORECASE)), LOG)


def reader(path: str, total: Mapping[str, float] | None = None, pattern: tuple[str, ...] = ()) -> Reader:
    """A new reader for a file."""
    return kind(path).reader(total, pattern)
