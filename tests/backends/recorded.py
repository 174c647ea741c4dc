"""Recorded outputs of tools, and small tools that print them."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

from backends.remote.gputool import FIELDS

if TYPE_CHECKING:
    from collections.abc import Callable

FOLDER = Path(__file__).parent.parent / "data" / "machines"

NEW = FIELDS
OLD = tuple(field.replace("event", "throttle") for field in FIELDS)
OLDEST = (*FIELDS[:11], "clocks_throttle_reasons.active")


def recorded(name: str) -> str:
    """What a tool printed, without our own lines above it."""
    lines = (FOLDER / name).read_text().splitlines(keepends=True)
    while lines and lines[0].startswith("#"):
        del lines[0]
    return "".join(lines)


def tool(folder: Path, name: str, script: str) -> Path:
    """A tool of this name; `script` is for sh, and knows the recordings as $DATA with `say FILE`."""
    path = folder / name
    folder.mkdir(parents=True, exist_ok=True)
    draft = path.with_suffix(".new")
    draft.write_text(f"#!/bin/sh\nsay() {{ grep -v '^#' {FOLDER}/$1; }}\n{script}\n")
    draft.chmod(0o755)
    draft.replace(path)
    return path


def until(condition: Callable[[], object], within: float = 60.0) -> None:
    """Wait for what another thread or process does."""
    pause, deadline = threading.Event(), time.monotonic() + within
    while not condition():
        assert time.monotonic() < deadline, "it did not happen"
        pause.wait(0.02)
