"""Records as documents of the state file, and that file as text. Pure; `store` has the effects.

Keys and tables that this version does not know stay in the file as they are.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, fields, replace
from types import MappingProxyType
from typing import Any, TypeVar, cast

from backends.base import JobState
from trainboard.records import Attempt, Diagnosed, Experiment, Mute, Notice, Run

Record = Experiment | Run | Attempt | Diagnosed | Mute | Notice
RecordT = TypeVar("RecordT", Experiment, Run, Attempt, Diagnosed, Mute, Notice)
Document = dict[str, Any]
Lines = dict[str, dict[str, str]]
"""A state file: table → document id → its line, `"id":{…}`. Text, so that only documents that change are ever encoded
or decoded: at ten thousand documents, doing all of them for every change costs the event loop frames."""

TABLES: Mapping[type[Record], str] = {
    Experiment: "experiments",
    Run: "runs",
    Attempt: "attempts",
    Diagnosed: "findings",
    Mute: "mutes",
    Notice: "notices",
}
_KINDS: Mapping[str, type[Record]] = {table: kind for kind, table in TABLES.items()}
_FIELDS: Mapping[type[Record], tuple[str, ...]] = {kind: tuple(each.name for each in fields(kind)) for kind in TABLES}
_STATES: Mapping[str, JobState] = {state.value: state for state in JobState}


@dataclass(frozen=True, slots=True)
class Records:
    """All records by id, as they were at one moment."""

    experiments: Mapping[str, Experiment] = field(default_factory=dict)
    runs: Mapping[str, Run] = field(default_factory=dict)
    attempts: Mapping[str, Attempt] = field(default_factory=dict)
    findings: Mapping[str, Diagnosed] = field(default_factory=dict)
    mutes: Mapping[str, Mute] = field(default_factory=dict)
    notices: Mapping[str, Notice] = field(default_factory=dict)

    def of(self, kind: type[RecordT]) -> Mapping[str, RecordT]:
        """The records of one kind."""
        return cast("Mapping[str, RecordT]", getattr(self, TABLES[kind]))


Change = Callable[[Records], Iterable[Record]]
"""Pure: from what is stored to the records to insert or to replace. It runs in another thread."""
Outcome = tuple[Record, ...] | BaseException
"""Of a change: what it stored, or why it stored nothing."""


Pause = Callable[[], None]
"""Called again and again in long work: in a thread it lets others run."""
SLICE = 100
"""Documents between two pauses: a millisecond or two of work."""
T = TypeVar("T")


def no_pause() -> None:
    """Go on at once."""


def paced(items: Iterable[T], pause: Pause, every: int = SLICE) -> Iterator[T]:
    """The items, with a pause now and then."""
    for number, item in enumerate(items, 1):
        yield item
        if not number % every:
            pause()


_encode = json.JSONEncoder(separators=(",", ":")).encode
_decode = json.JSONDecoder().raw_decode

_OWN = "journal"
"""The table of the state file itself."""
_GENERATION = "generation"


def generation_of(lines: Lines) -> int:
    """The number of a state file, which grows whenever it is written; 0 where it has none. Raises `ValueError`."""
    line = lines.get(_OWN, {}).get(_GENERATION)
    number = _document(line)[1].get("number") if line else 0
    if not isinstance(number, int):
        raise ValueError("a generation that is no number")
    return number


def with_generation(lines: Lines, number: int) -> Lines:
    """The state file with another number."""
    return lines | {_OWN: lines.get(_OWN, {}) | {_GENERATION: _line(_GENERATION, {"number": number})}}


def text_of(lines: Lines) -> bytes:
    """The state file: JSON that TinyDB reads, one document a line."""
    return b"".join(pieces_of(lines))


def pieces_of(lines: Lines, pause: Pause = no_pause) -> Iterator[bytes]:
    """The state file, piece by piece."""
    between = "{"
    for table, content in lines.items():
        yield f"{between}{_encode(table)}:{{\n".encode()
        documents = list(content.values())
        for start in range(0, len(documents), SLICE):
            yield ((",\n" if start else "") + ",\n".join(documents[start : start + SLICE])).encode()
            pause()
        between = "\n},\n"
    yield b"\n}}\n" if lines else b"{}\n"


def lines_of(documents: Mapping[str, Mapping[str, Document]]) -> Lines:
    """The documents of a TinyDB file as lines."""
    return {
        table: {key: _line(key, document) for key, document in content.items()}
        for table, content in documents.items()
    }


def documents_of(lines: Lines) -> dict[str, dict[str, Document]]:
    """The documents of a TinyDB file."""
    return {table: dict(map(_document, content.values())) for table, content in lines.items()}


def key_of(line: str) -> str:
    """The id of a document. Raises `ValueError`."""
    key, _ = _decode(line)
    if not isinstance(key, str):
        raise ValueError("a document without a name")
    return key


def parse(
    text: bytes, before: tuple[Lines, Records] = ({}, Records()), pause: Pause = no_pause
) -> tuple[Lines, Records]:
    """The documents of a state file, and the records in them.

    What is as it was before is not decoded again, and a record of it is the same object. Raises `ValueError` where
    the text is no state file, and `RecursionError` on mischief.
    """
    try:
        return _read(_split(text.decode()), before, pause)
    except ValueError:  # laid out by somebody else, or damaged
        return _read(_foreign(json.loads(text)), before, pause)


def _split(text: str) -> dict[str, list[str]]:
    """The lines of each table of a file that is laid out as we do it. Raises `ValueError` where it is not.

    If every line holds one whole document, which is for the caller to see, this is what JSON would say.
    """
    if not (text.startswith('{"') and text.endswith("\n}}\n")):
        raise ValueError("another layout")
    tables: dict[str, list[str]] = {}
    for block in text[1:-4].split("\n},\n"):
        name, _, content = block.partition(":{\n")
        table = json.loads(name)
        if not isinstance(table, str):
            raise ValueError("a table without a name")
        tables[table] = content.split(",\n") if content else []
    return tables


def _read(tables: Mapping[str, Iterable[str]], before: tuple[Lines, Records], pause: Pause) -> tuple[Lines, Records]:
    lines: Lines = {}
    records: dict[str, Mapping[str, Any]] = {table: MappingProxyType({}) for table in TABLES.values()}
    for table, found in tables.items():
        known = {line: key for key, line in paced(before[0].get(table, {}).items(), pause)}
        kind = _KINDS.get(table)
        old_records = getattr(before[1], table) if kind else {}
        lines[table], of_table = {}, {}
        for line in paced(found, pause):
            key = known.get(line)
            if key is None:
                key, document = _document(line)
                of_table[key] = _record(kind, key, document) if kind else None
            else:
                of_table[key] = old_records.get(key)
            lines[table][key] = line
        if kind:
            records[table] = MappingProxyType(of_table)
    return lines, Records(**records)


def updated(changed: Lines, lines: Lines, records: Records, pause: Pause = no_pause) -> tuple[Lines, Records]:
    """The content with other lines in it. A record of a line that was there already is the same object.

    Raises `ValueError` where a line is no document.
    """
    new = {table: getattr(records, table) for table in TABLES.values()}
    for table, content in changed.items():
        old = lines.get(table, {})
        if kind := _KINDS.get(table):
            others = {key: line for key, line in content.items() if old.get(key) != line}
            decoded = {key: _record(kind, *_document(line)) for key, line in paced(others.items(), pause)}
            new[table] = MappingProxyType(_copy(new[table]) | decoded)
        lines = lines | {table: old | content}
    return lines, Records(**new)


def _copy(mapping: Mapping[str, Any]) -> dict[str, Any]:
    """A copy; of a proxy, 25 times as fast as `dict` makes it."""
    return mapping.copy() if isinstance(mapping, MappingProxyType) else dict(mapping)


def _foreign(documents: object) -> dict[str, list[str]]:
    if not isinstance(documents, dict):
        raise ValueError("not a mapping of tables")
    for table, content in documents.items():
        if not isinstance(content, dict) or not all(isinstance(document, dict) for document in content.values()):
            raise ValueError(f"table {table!r} is not a mapping of documents")
    return {table: list(content.values()) for table, content in lines_of(documents).items()}


def _line(key: str, document: Document) -> str:
    return f"{_encode(key)}:{_encode(document)}"


def _document(line: str) -> tuple[str, Document]:
    key, end = _decode(line)
    if not isinstance(key, str) or line[end : end + 1] != ":":
        raise ValueError("a document without a name")
    document, end = _decode(line, end + 1)
    if not isinstance(document, dict) or end != len(line):
        raise ValueError(f"{key!r} is no document")
    return key, document


def _record(kind: type[Record], key: str, document: Document) -> Record:
    try:
        return to_record(kind, document)
    except TypeError as error:
        raise ValueError(f"{TABLES[kind]} {key!r}: {error}") from error


def to_record(kind: type[Record], document: Document) -> Record:
    """The record in a document. Raises `TypeError` where one of its fields is missing.

    Keys that it has no field for are left out; a state word that we do not know is `UNKNOWN`.
    """
    known = {
        name: _frozen(value) if (value := document[name]).__class__ in _NESTED else value
        for name in _FIELDS[kind]
        if name in document
    }
    if "state" in known:
        known["state"] = _STATES.get(known["state"], JobState.UNKNOWN)
    return kind(**known)


_NESTED = frozenset({list, dict})


def _frozen(value: object) -> object:
    """A value of a document as it is in a record, whose sequences are tuples."""
    match value:
        case list():
            return tuple(map(_frozen, value))
        case dict():
            return {key: _frozen(each) for key, each in value.items()}
        case _:
            return value


@dataclass(frozen=True, slots=True)
class Applied:
    """What changes made of the content."""

    lines: Lines
    records: Records
    changed: Lines
    """The lines that are new."""
    outcomes: list[Outcome]


def apply(changes: Iterable[Change], lines: Lines, records: Records) -> Applied:
    """What the changes make of the content, each on top of those before it. One that raises changes nothing."""
    lines = {table: {} for table in TABLES.values()} | lines
    changed: Lines = {}
    own: dict[str, dict[str, Any]] = {}  # the tables that differ from those before: copied once, at the first change
    outcomes: list[Outcome] = []
    for change in changes:
        try:
            stored = tuple(change(records))
            new_lines = [_changed_line(record, lines, records) for record in stored]
        except Exception as error:  # the change is its caller's own code: what it raises is the caller's to handle
            outcomes.append(error)
            continue
        for record, line in zip(stored, new_lines, strict=True):
            table = TABLES[type(record)]
            if lines[table].get(record.id) == line:
                continue
            if table not in own:
                own[table], lines[table] = _copy(getattr(records, table)), lines[table].copy()
                records = replace(records, **{table: MappingProxyType(own[table])})
            changed.setdefault(table, {})[record.id] = line
            lines[table][record.id], own[table][record.id] = line, record
        outcomes.append(stored)
    return Applied(lines, records, changed, outcomes)


def _changed_line(record: Record, lines: Lines, records: Records) -> str:
    """A record's new line: the old document, with the fields that are new in the record.

    Raises `TypeError` or `ValueError` where a value cannot be stored.
    """
    table = TABLES[type(record)]
    old_line, old_record = lines[table].get(record.id), getattr(records, table).get(record.id)
    values = {name: getattr(record, name) for name in _FIELDS[type(record)]}
    new = {
        name: dict(value) if isinstance(value, Mapping) else value
        for name, value in values.items()
        if old_record is None or value != getattr(old_record, name)
    }
    if old_line is None:
        return _line(record.id, new)
    return _line(record.id, _document(old_line)[1] | new) if new else old_line
