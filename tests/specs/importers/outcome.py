"""What every importer promises of every input."""

from __future__ import annotations

from pathlib import Path

from hypothesis import event

from specs.expand import expand
from specs.importers.convert import turn
from specs.load import loads
from specs.model import SpecError

HERE = Path("/tmp")


def keeps_its_promise(data: bytes, name: str) -> None:
    """A file is a right spec with at least one run, and notes of a line each, or one error of a line."""
    found = outcome(data, name)
    event(type(found).__name__)
    if isinstance(found, str):
        assert "\n" not in found
        return
    text, notes = found
    assert expand(loads(text, HERE / "x.yaml"))
    assert all("\n" not in note for note in notes)


def outcome(data: bytes, name: str) -> str | tuple[str, tuple[str, ...]]:
    """The error, or the spec with its notes; any other exception is passed on."""
    try:
        found = turn(data, HERE / name, HERE)
    except SpecError as error:
        return str(error)
    return found.text, found.notes
