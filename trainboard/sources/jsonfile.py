"""JSON files: one record a line, as a training appends them, and documents that it rewrites whole."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from trainboard.extract.extractor import Extractor
from trainboard.extract.progress import Progress
from trainboard.sources.records import rows_of, samples_of
from trainboard.sources.rows import Rows
from trainboard.sources.textreader import TextReader

if TYPE_CHECKING:
    from collections.abc import Mapping

    from trainboard.series import Sample

STATE_VERSION = 1
DOCUMENT_CAP = 64 << 20
"""Bytes of a document, which is held in memory to be read; a larger one is not."""

LAST_WORD = re.compile(r"[^\s,:{}\[\]]{0,32}\s*")
"""What a document may hold from the first fault on, if the fault is that its end is missing."""


class LinesReader(TextReader):
    """Reads JSON lines as the file grows. Lines that are no JSON objects are passed over."""

    NAME = "reader of JSON lines"
    STATE_VERSION = 1

    def _read(self, lines: list[str], wall: float | None) -> list[Sample]:
        records = (_parse(line) for line in lines if line.lstrip().startswith("{"))
        return [
            sample
            for record in records
            if isinstance(record, dict)
            for sample in samples_of(record, self._rows, wall)
        ]


class DocumentReader:
    """Reads a JSON document once it is there whole: `trainer_state.json`, a list of records, or lists by name.

    A file that turns out to hold JSON lines, or text that is no JSON at all, is read as what it is.
    """

    def __init__(self, total: Mapping[str, float] | None = None) -> None:
        self._total = total
        self._chunks: list[bytes] = []
        self._rows = Rows(total)
        self._told: Progress | None = None
        self.offset = 0
        self.trouble: str | None = None
        """Why nothing was read of it."""

    @property
    def progress(self) -> Progress | None:
        """How far the run is, by what the document says of its whole, or by the spec's total."""
        return self._rows.progress or self._told

    def feed(self, data: bytes, wall: float | None = None) -> list[Sample]:
        """Nothing yet: see `finish`."""
        self.offset += len(data)
        if self.offset <= DOCUMENT_CAP:
            self._chunks.append(data)
        return []

    def finish(self, wall: float | None = None) -> list[Sample]:
        """All samples of the document."""
        if self.offset > DOCUMENT_CAP:
            self.trouble = (
                f"larger than {DOCUMENT_CAP >> 20} MB; write JSON lines (.jsonl), which are read as they come"
            )
            return []
        data = b"".join(self._chunks)
        self._chunks = []
        try:
            return self._samples(json.loads(data), wall)
        except UnicodeDecodeError:
            self.trouble = "no text"
        except json.JSONDecodeError as error:
            return self._other(data, error, wall)
        except (ValueError, RecursionError):
            self.trouble = "numbers or depth beyond all measure"
        return []

    def state(self) -> dict[str, Any]:
        """Nothing to go on from: a document is read from its start."""
        return {"version": STATE_VERSION}

    @classmethod
    def restore(cls, state: Mapping[str, Any], total: Mapping[str, float] | None = None) -> DocumentReader:
        """A new reader. Raises ValueError where it is no state of this version."""
        if state.get("version") != STATE_VERSION:
            raise ValueError(f"no state of a reader of JSON: version {state.get('version')}")
        return cls(total)

    def _samples(self, document: object, wall: float | None) -> list[Sample]:
        records = document
        if isinstance(document, dict):
            records = document.get("log_history")
            if isinstance(records, list):
                self._told = _trainer_progress(document)
            else:
                records = rows_of(document) or [document]
        if not isinstance(records, list):
            return []
        found = (samples_of(record, self._rows, wall) for record in records if isinstance(record, dict))
        return [sample for samples in found for sample in samples]

    def _other(self, data: bytes, error: json.JSONDecodeError, wall: float | None) -> list[Sample]:
        """The samples of what is no JSON document: lines of it, another text, or nothing of one that is cut."""
        reader: LinesReader | Extractor = LinesReader(self._total)
        first = data.lstrip().partition(b"\n")[0]
        if not isinstance(_parse(first.decode("utf-8", "replace")), dict):
            if not data.strip() or error.msg.startswith("Unterminated") or LAST_WORD.fullmatch(error.doc, error.pos):
                self.trouble = "its end is missing: it is being written"
                return []
            reader = Extractor(self._total)
        samples = [*reader.feed(data, wall), *reader.finish(wall)]
        self._told = reader.progress
        return samples


def _parse(line: str) -> object:
    try:
        return json.loads(line)
    except (ValueError, RecursionError):
        return None


def _trainer_progress(state: dict[str, Any]) -> Progress | None:
    """How far a training of Transformers is, by its `trainer_state.json`."""
    done, total = state.get("global_step"), state.get("max_steps")
    if isinstance(done, (int, float)) and isinstance(total, (int, float)) and total > 0:
        return Progress(float(done), float(total), "step")
    return None
