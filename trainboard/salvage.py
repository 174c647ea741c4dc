"""What can still be read of damaged state files: every line that holds a whole document. Pure."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from trainboard.documents import TABLES, Records, to_record

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_TABLE = re.compile(r'\{?"(\w+)":\{')
_KINDS = {table: kind for kind, table in TABLES.items()}


def salvaged(state: bytes, journal: bytes) -> Records:
    """The records of which a line is whole, in the journal's newest words; those that belong to no other are left."""
    found: dict[str, dict[str, Any]] = {table: {} for table in _KINDS}
    for table, key, document in (*_of_state(state), *_of_journal(journal)):
        try:
            found[table][key] = to_record(_KINDS[table], document)
        except (TypeError, ValueError, KeyError):
            continue  # of a table that we do not know, or without what makes it a record
    runs = {key: run for key, run in found["runs"].items() if run.experiment in found["experiments"]}
    attempts = {key: attempt for key, attempt in found["attempts"].items() if attempt.run in runs}
    return Records(found["experiments"], runs, attempts)


def _of_state(text: bytes) -> Iterator[tuple[str, str, dict[str, Any]]]:
    table = ""
    for line in text.decode(errors="replace").split("\n"):
        if begins := _TABLE.fullmatch(line):
            table = begins[1]
        else:
            yield from ((table, *pair) for pair in _documents(_json(f"{{{line.removesuffix(',')}}}")))


def _of_journal(text: bytes) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for line in text.decode(errors="replace").split("\n"):
        said = _json(line)
        for table, documents in said.items() if isinstance(said, dict) else ():
            yield from ((table, *pair) for pair in _documents(documents))


def _documents(value: object) -> Iterator[tuple[str, dict[str, Any]]]:
    if isinstance(value, dict):
        yield from ((key, each) for key, each in value.items() if isinstance(each, dict))


def _json(text: str) -> Mapping[str, Any] | None:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None
