"""A row that wrote files, in a folder of the test."""

from __future__ import annotations

import asyncio
import json
import os
import zlib
from typing import TYPE_CHECKING, Any, cast

from backends.base import BackendError, JobState, Result, Results
from backends.predictions.main import answer
from backends.predictions.refused import Refused
from backends.remote.results import fetch, results
from trainboard.plans import Planner
from trainboard.records import Experiment, Run
from trainboard.rows import Row
from trainboard.written import Written

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from backends.base import Backend
    from trainboard.archive import Archives

NOW = 1_800_000_000.0

SPEC = "name: x\ncommand: python t.py\n"


class Place:
    """A backend that answers with what a helper would say of the folder."""

    name = "here"
    kind = "local"

    def __init__(self) -> None:
        self.failure: BackendError | None = None
        self.fetched: list[tuple[str, int, int]] = []
        self.answering = asyncio.Event()
        """Set: files are read as soon as they are asked for."""
        self.answering.set()

    async def results(self, directory: str, patterns: Sequence[str]) -> Results:
        if self.failure is not None:
            raise self.failure
        header, data = results({"directory": directory, "patterns": list(patterns)}, b"")
        found = json.loads(zlib.decompress(data))
        return Results(tuple(Result(*each) for each in found), header["left"], header["folder"])

    async def fetch(self, directory: str, pieces: Sequence[tuple[str, int, int]]) -> Sequence[bytes | str]:
        if self.failure is not None:
            raise self.failure
        self.fetched += pieces
        await self.answering.wait()
        header, data = fetch({"directory": directory, "pieces": [list(each) for each in pieces]}, b"")
        content, at = zlib.decompress(data), 0
        found: list[bytes | str] = []
        for outcome in header["outcomes"]:
            found.append(content[at : at + outcome] if isinstance(outcome, int) else outcome)
            at += outcome if isinstance(outcome, int) else 0
        return found

    async def predicted(self, asked: Mapping[str, Any]) -> Mapping[str, Any]:
        if self.failure is not None:
            raise self.failure
        try:
            return answer(asked)
        except Refused as error:
            return {"refused": str(error), "advice": error.advice}


def wrote(folder: Path, files: Mapping[str, bytes | str], outputs: str = "", key: str = "r1") -> Written:
    """A run that wrote these where it ran, and what its spec says of `outputs`."""
    attempt, code = folder / "attempt", folder / "code"
    for each in (attempt, code):
        each.mkdir(exist_ok=True)
    (attempt / "plan.json").write_text(json.dumps({"workdir": str(code)}))
    os.utime(attempt / "plan.json", (1, 1))
    for name, text in files.items():
        (code / name).parent.mkdir(parents=True, exist_ok=True)
        (code / name).write_bytes(text.encode() if isinstance(text, str) else text)
        os.utime(code / name, (NOW - 90, NOW - 90))
    spec = SPEC + (f"outputs: {outputs}\n" if outputs else "")
    experiment = Experiment("x-1", "x", str(folder / "x.yaml"), spec, NOW)
    run = Run("x-1.0", "x-1", 0, "x", {})
    row = Row(
        key, "here", "1", "x-1/x", JobState.COMPLETED, run=key, directory=str(attempt), sources=(experiment, run)
    )
    planner = Planner({}, cast("Archives", None))
    return Written(row, {"here": cast("Backend", Place())}, planner)
