"""Series files of the first version, JSON lines beside where the file is now: read once, and rewritten.

{"trainboard": "series", "version": 1}
{"m": 0, "name": "loss", "index": "step"}       a metric: its number, its name, what its steps count
[0, 100, 0.25, 1767225600.5]                    a sample: metric, step, value, wall time or null
{"offset": 4096, "state": {...}}                a commit: what stands after the last one did not happen
"""

from __future__ import annotations

import fcntl
import json
import zlib
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

from specs.model import LOG
from trainboard import cells
from trainboard.cells import Commit
from trainboard.series import Sample
from trainboard.stored import Mark, Stored, Tables

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

_HEADER = b'{"trainboard": "series", "version": 1}\n'


def path_of(path: Path) -> Path:
    """Where the file of the first version is, of which `path` is the new one."""
    return path.with_suffix(".series")


@contextmanager
def taken(path: Path) -> Generator[Stored | None]:
    """What it holds, for the caller alone to put elsewhere: then it is gone. None: there is none. Raises OSError."""
    old = path_of(path)
    try:
        file = old.open("rb")
    except FileNotFoundError:
        yield None
        return
    with file:
        fcntl.flock(file, fcntl.LOCK_EX)
        there = old.exists()  # else another process was quicker
        yield _stored(file.read()) if there else None
        old.unlink(missing_ok=True)


def _stored(data: bytes) -> Stored:
    samples, commit = _read(data)
    body, _, _ = cells.written(samples, LOG, Tables())
    state = {"reader": commit["state"].get("extractor")} if commit else {}
    marks = {LOG: Mark(int(commit["offset"]), state)} if commit else {}
    made = body + cells.commit(marks, bool(commit and commit["state"].get("finished")), zlib.crc32(body))
    return cells.read(memoryview(made), Commit())[0]


def _read(data: bytes) -> tuple[list[Sample], dict[str, Any]]:
    """The samples up to the last commit, and that commit; empty where there is none."""
    samples: list[Sample] = []
    names: dict[int, tuple[str, str]] = {}
    committed, commit = 0, dict[str, Any]()
    if not data.startswith(_HEADER):
        return samples, commit
    with suppress(ValueError, TypeError, KeyError, AttributeError, OverflowError, RecursionError):
        for line in data[len(_HEADER) : data.rfind(b"\n") + 1].splitlines():
            record = json.loads(line)
            if isinstance(record, list):
                metric, step, value, wall = record
                name, index = names[metric]
                samples.append(Sample(name, float(value), float(step), index, None if wall is None else float(wall)))
            elif "m" in record:
                names[record["m"]] = str(record["name"]), str(record["index"])
            else:
                commit = {"offset": int(record["offset"]), "state": dict(record["state"])}
                committed = len(samples)
    return samples[:committed], commit
