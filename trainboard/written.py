"""What one run wrote where its program ran: found there, and read where it lies."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, TypeVar

from specs.model import SpecError
from trainboard.actions import Refused
from trainboard.outputs import HEAD, Doubt, Kind, doubted, grouped, is_of, named_by, needs_head, recognise
from trainboard.profiling import answered
from trainboard.records import Experiment, Run
from trainboard.show import size

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from backends.base import Backend, Result
    from specs.model import Predictions, Setting, Spec
    from trainboard.outputs import Output
    from trainboard.plans import Book, Planner
    from trainboard.rows import Row

Named = TypeVar("Named")

HEADS = 400
"""Files whose beginnings are looked at, the newest."""

PIECE = 1 << 20
"""Bytes of one request."""

PIECES = 1000
"""Stretches of one request."""

MOST = 64 << 20
"""Bytes that are read of one file at most."""


@dataclass(frozen=True, slots=True)
class Found:
    """What there is."""

    outputs: tuple[Output, ...]
    left: str = ""
    """Why there may be more, in one line; empty where this is all."""
    folder: str = ""
    """Where the program ran."""

    @property
    def notes(self) -> tuple[str, ...]:
        """What is to be said of the list, each in one line."""
        more = (f"there may be more: {self.left}",) if self.left else ()
        doubts = {each.doubt for each in self.outputs if each.kind is not Kind.OTHER}
        return (*more, *(text for doubt, text in DOUBTS.items() if doubt in doubts))


DOUBTS = {
    Doubt.LATER: "later: changed after the run had ended, so not by it",
    Doubt.SHARED: "shared: other runs ran in this folder meanwhile; name your files with {run}",
}


class Written:
    """The outputs of one row. Every call raises `Refused`, in one line."""

    def __init__(self, row: Row, backends: Mapping[str, Backend], planner: Planner, rows: Iterable[Row] = ()) -> None:
        """`rows`: the table, for who else writes into its folder."""
        self.row = row
        self._neighbours = [each for each in rows if beside(row, each)]
        self._backends = backends
        self._planner = planner

    @property
    def backend(self) -> Backend:
        """Where its files lie."""
        backend = self._backends.get(self.row.backend)
        if backend is None:
            gone = f"{self.row.backend} is not in the config any more"
            raise Refused(gone if self.row.backend else "it was not sent anywhere yet: it has written nothing")
        if not self.row.directory:
            raise Refused("this job was not started here: nobody knows where it writes")
        return backend

    async def patterns(self) -> Mapping[str, Sequence[str]]:
        """The globs that its spec names, filled in, by their key."""
        from specs.outputs import shown_patterns

        return await self._named(shown_patterns)

    async def predictions(self) -> Predictions | None:
        """The file of predictions that its spec names, filled in, and what its columns are."""
        from specs.outputs import predictions_of

        return await self._named(predictions_of)

    async def _named(self, of: Callable[[Spec, Setting], Named]) -> Named:
        """What its spec says of its outputs."""
        book, index = await self._book()
        try:
            return of(book.spec, book.settings[index])
        except SpecError as error:
            raise Refused(str(error)) from error

    async def _book(self) -> tuple[Book, int]:
        """Its spec with all settings, and the number of its own."""
        experiment, run = self.row.sources[0], self.row.sources[1]
        assert isinstance(experiment, Experiment)
        assert isinstance(run, Run)
        try:
            book = await self._planner.book(experiment)
        except SpecError as error:
            raise Refused(str(error)) from error
        if run.index >= len(book.settings):
            raise Refused(f"{experiment.source}: has no run {run.index} any more")
        return book, run.index

    async def find(self) -> Found:
        """What it wrote: what its spec names, and what is recognised; without what other runs wrote into the same
        folder, as far as their names tell."""
        backend, patterns = self.backend, await self.patterns()
        globs = [each for several in patterns.values() for each in several]
        found = await answered(backend.results(self.row.directory, [*globs, "**"]))
        book, index = await self._book()
        own = book.settings[index].name
        # A name without parameters, as of a spec that sweeps nothing, is a word that folders bear too.
        strangers = {name for each in self._neighbours if "=" in (name := _name(each))}
        others = ({each.name for each in book.settings} | strangers) - {own}
        files = [each for each in found.files if named_by(patterns, each.path) or not is_of(each.path, others)]
        unnamed = [each for each in files if named_by(patterns, each.path) is None and needs_head(each.path)]
        heads = await self._heads(sorted(unnamed, key=lambda each: -each.changed)[:HEADS])
        outputs = await asyncio.to_thread(_outputs, files, patterns, heads, own)
        shared = not self._sent(found.folder) and any(meanwhile(self.row, each) for each in self._neighbours)
        told = (replace(each, doubt=doubted(each, own, self.row.ended, shared=shared)) for each in outputs)
        return Found(tuple(told), found.left, found.folder)

    def _sent(self, folder: str) -> bool:
        """Whether it ran in a copy of the project that is its own."""
        return PurePosixPath(folder).parts[-2:] == (PurePosixPath(self.row.directory).name, "code")

    async def _heads(self, files: Sequence[Result]) -> Mapping[str, bytes]:
        if not files:
            return {}
        wanted = [(each.path, 0, HEAD) for each in files]
        heads = await answered(self.backend.fetch(self.row.directory, wanted))
        return {each.path: head for each, head in zip(files, heads, strict=True) if isinstance(head, bytes)}

    async def read(
        self, path: str, most: int = MOST, start: int = 0, progress: Callable[[int], None] = lambda _: None
    ) -> bytes:
        """A file from `start` on, at most so many bytes of it; `progress` is told how many are here."""
        pieces: list[bytes] = []
        got = 0
        while got < most:
            wanted = min(PIECE, most - got)
            (piece,) = await answered(self.backend.fetch(self.row.directory, [(path, start + got, wanted)]))
            if not isinstance(piece, bytes):
                raise Refused(f"{path}: {piece}")
            pieces.append(piece)
            got += len(piece)
            progress(got)
            if len(piece) < wanted:
                break
        return b"".join(pieces)

    async def pieces(
        self, path: str, wanted: Sequence[tuple[int, int]], progress: Callable[[int], None] = lambda _: None
    ) -> list[bytes]:
        """Stretches of a file, each an offset and a length; short or empty where the file ends before."""
        parts = [
            (place, offset + at, min(PIECE, length - at))
            for place, (offset, length) in enumerate(wanted)
            for at in range(0, length, PIECE)
        ]
        found: list[list[bytes]] = [[] for _ in wanted]
        here = 0
        while parts:
            some, room = 0, PIECE
            while some < min(len(parts), PIECES) and (not some or parts[some][2] <= room):
                room -= parts[some][2]
                some += 1
            asked, parts = parts[:some], parts[some:]
            got = await answered(
                self.backend.fetch(self.row.directory, [(path, offset, length) for _, offset, length in asked])
            )
            for (place, _, _), piece in zip(asked, got, strict=True):
                if not isinstance(piece, bytes):
                    raise Refused(f"{path}: {piece}")
                found[place].append(piece)
                here += len(piece)
            progress(here)
        return [b"".join(each) for each in found]


def _outputs(
    files: Sequence[Result], patterns: Mapping[str, Sequence[str]], heads: Mapping[str, bytes], run: str
) -> tuple[Output, ...]:
    told = []
    for each in files:
        named = named_by(patterns, each.path)
        told.append((each, named or recognise(each.path, heads.get(each.path)), named is not None))
    return grouped(told, run)


def _experiment(row: Row) -> Experiment:
    experiment = row.sources[0]
    assert isinstance(experiment, Experiment)
    return experiment


def _name(row: Row) -> str:
    run = row.sources[1]
    assert isinstance(run, Run)
    return run.name


def beside(row: Row, other: Row) -> bool:
    """Whether another row is a run of the same project on the same backend."""
    if not (row.ours and other.ours) or other.key == row.key or other.backend != row.backend:
        return False
    return PurePosixPath(_experiment(row).source).parent == PurePosixPath(_experiment(other).source).parent


def meanwhile(row: Row, other: Row) -> bool:
    """Whether both ran at the same time, as far as is known."""
    if row.started is None or other.started is None:
        return False
    return (row.ended is None or other.started <= row.ended) and (other.ended is None or row.started <= other.ended)


def facts(output: Output) -> dict[str, object]:
    """What `outputs --json` says of one."""
    return {
        "kind": str(output.kind) if output.kind is not Kind.OTHER else None,
        "name": output.name,
        "named": output.named,
        "doubt": None if output.doubt is None else str(output.doubt),
        "files": [
            {"path": each.path, "size": each.size, "changed": each.changed, "step": each.step}
            for each in output.files
        ],
    }


def extent(output: Output) -> str:
    """Which steps, in a few letters."""
    steps = output.steps if len(output.files) > 1 or output.kind is Kind.SAMPLES else ()
    return "" if not steps else f"{steps[0]}" if len(steps) == 1 else f"{steps[0]}–{steps[-1]}"


def row_of(output: Output, age: str) -> tuple[str, ...]:
    """A line of the listing: kind, files, steps, size, age, name, whence."""
    kind = "" if output.kind is Kind.OTHER else str(output.kind)
    whence = "spec" if output.named else "" if output.kind is Kind.OTHER or output.doubt else "recognised"
    whence = ", ".join(each for each in (whence, output.doubt) if each)
    return kind, str(len(output.files)), extent(output), size(output.size), age, output.name, whence
