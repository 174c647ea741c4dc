"""Advice written into a spec file: only these values change, and only after the user saw the lines."""

from __future__ import annotations

import asyncio
import difflib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from specs import edit, files
from specs.load import errors
from specs.model import SpecError
from trainboard.actions import Refused

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from trainboard.use.advice import Advice


@dataclass(frozen=True, slots=True)
class Rewrite:
    """A spec file as it is, and as it would be."""

    path: Path
    old: str
    new: str

    @property
    def lines(self) -> tuple[str, ...]:
        """The lines that differ, `-` and `+` before them, without what stands around them."""
        told = difflib.unified_diff(self.old.splitlines(), self.new.splitlines(), lineterm="", n=0)
        return tuple(line for line in list(told)[2:] if not line.startswith("@@"))


async def rewritten(path: Path, advice: Sequence[Advice]) -> Rewrite:
    """The file with what is advised in it. Raises `Refused` where nothing is to be changed, or it cannot be."""
    try:
        return await asyncio.to_thread(_rewritten, path, advice)
    except SpecError as error:
        raise Refused(str(error)) from error


def _rewritten(path: Path, advice: Sequence[Advice]) -> Rewrite:
    old = new = files.read(path)
    for each in advice:
        if each.changes:
            new = edit.set_value(new, f"resources.{each.key}", each.value, str(path))
    if new == old:
        raise Refused("it asks for that already" if any(not each.more for each in advice) else "nothing to write yet")
    known = {problem.message for problem in errors(old, path)}
    worse = next((problem for problem in errors(new, path) if problem.message not in known), None)
    if worse is not None:
        raise worse
    return Rewrite(path, old, new)


async def write(rewrite: Rewrite) -> None:
    """Write it, unless another program has changed the file meanwhile. Raises `Refused`."""
    try:
        await asyncio.to_thread(files.save, rewrite.path, rewrite.new, rewrite.old)
    except files.Meanwhile as error:
        raise Refused(str(error)) from error
    except OSError as error:
        raise Refused(f"{rewrite.path}: cannot be written: {error.strerror or error}") from error
