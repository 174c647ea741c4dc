"""A program that has the terminal to itself, while the board waits behind it and goes on watching."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence

    from textual.app import App


async def run(app: App[int], argv: Sequence[str], title: str) -> int:
    """Its exit code. Nothing is painted meanwhile.

    Raises `OSError` where it does not start, and Textual's `SuspendNotSupported`.
    """
    with app.batch_update(), app.suspend(), _unbroken():
        sys.stdout.write(f"\r\n── {title} · exit or ctrl-d: back to the board ──\r\n")
        sys.stdout.flush()
        process = await asyncio.create_subprocess_exec(*argv)
        try:
            return await process.wait()
        finally:
            if process.returncode is None:
                process.terminate()


@contextlib.contextmanager
def _unbroken() -> Generator[None]:
    """A ctrl-C before the program has the terminal for itself ends that program and not the board."""
    before = signal.signal(signal.SIGINT, lambda *_: None)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
