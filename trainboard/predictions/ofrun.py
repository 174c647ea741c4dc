"""The predictions of one run, or a file of this machine: where it is, what it says, what another says of the same."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import replace
from typing import TYPE_CHECKING, TypeVar

from specs.model import Predictions
from trainboard.actions import Refused
from trainboard.predictions.asking import Place, compared, errors
from trainboard.predictions.summary import Comparison, Refusal, Summary
from trainboard.profiling import answered

if TYPE_CHECKING:
    from pathlib import Path

    from backends.base import Backend
    from backends.predicting import Predicted
    from trainboard.written import Written

Answer = TypeVar("Answer", Summary, Comparison)


class Source(ABC):
    """A file of predictions. Every call raises `Refused`, in one line."""

    name: str
    """Whose it is; untrusted."""
    file: str
    """What is read, and where, as far as it is known; untrusted."""

    @abstractmethod
    async def place(self) -> Place:
        """Where it is."""

    async def read(self) -> Summary:
        """What the file says; it is read where it lies. Given up, that ends there too."""
        return said(await answered(errors(await self.place())))

    async def compared(self, other: Source) -> Comparison:
        """What the other's file says of the same samples."""
        return said(await answered(compared(await self.place(), await other.place())))

    async def changed(self, found: Summary) -> bool:
        """Whether the file is another one than that which was read."""
        now = await self.read()
        return (now.path, now.size, now.mtime) != (found.path, found.size, found.mtime)


class OfRun(Source):
    """What one run predicted."""

    def __init__(self, written: Written, path: str = "") -> None:
        """`path`: another file than the spec names, from where the run's program ran."""
        self._written = written
        self._path = path
        self.name = written.row.name
        self.file = f"{path or 'predictions'} on {written.row.backend}"

    async def place(self) -> Place:
        """Where it is."""
        named = await self._written.predictions()
        if self._path:
            named = replace(named, path=self._path) if named is not None else Predictions(self._path)
        if named is None:
            key = "outputs: {predictions: FILE}"
            raise Refused(f"{self.name}: its spec names no predictions: write {key} into it, and the file in the run")
        self.file = f"{named.path} on {self._written.row.backend}"
        return Place(self._written.backend, named, self._written.row.directory, self.name)


class OfFile(Source):
    """A file of this machine."""

    def __init__(self, path: Path, backend: Predicted | Backend, columns: Predictions | None = None) -> None:
        """`backend`: this machine."""
        whole = replace(columns or Predictions(""), path=str(path.absolute()))
        self._place = Place(backend, whole, "", path.name)
        self.name = path.name
        self.file = str(path)

    async def place(self) -> Place:
        """Where it is."""
        return self._place


def said(found: Answer | Refusal) -> Answer:
    """What was found. Raises `Refused` where it is a refusal."""
    if isinstance(found, Refusal):
        raise Refused(found.text)
    return found
