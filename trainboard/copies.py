"""A file of a host copied to this machine: piece by piece, there only once it is whole, over no other unasked."""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
from pathlib import Path
from typing import TYPE_CHECKING

from backends.base import BackendError
from trainboard.actions import Exists, Refused

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Generator

    from backends.base import Backend

PIECE = 1 << 20
"""Bytes in one request."""


def folder() -> Path:
    """Where a copy goes that nobody sends elsewhere: here, or home where this folder is gone."""
    try:
        return Path.cwd()
    except OSError:
        return Path.home()


def destination(chosen: str, name: str) -> Path:
    """The file that a user means; under this name, where that is a folder. Raises `Refused`."""
    with refusing():
        try:
            path = Path(chosen).expanduser()
        except RuntimeError as error:
            raise Refused(f"{chosen}: {error}") from error
        return path / name if path.is_dir() else path


async def copy(backend: Backend, path: str, target: Path, *, overwrite: bool) -> AsyncGenerator[tuple[int, int]]:
    """Copy what the file holds now; tells how many bytes of how many are here. Raises `Refused`, and `Exists`."""
    if not overwrite and await asyncio.to_thread(os.path.lexists, target):
        raise Exists(f"{target} exists")
    draft = target.with_name(f".{target.name[:200]}.{secrets.token_hex(4)}.part")
    with refusing():
        file = await asyncio.to_thread(draft.open, "xb")
    try:
        with refusing(), file:
            size = done = 0
            while True:
                piece = await backend.read(path, done, PIECE)
                size = size or piece.size  # what is added meanwhile is left out
                await asyncio.to_thread(file.write, piece.data[: size - done])
                done += len(piece.data)
                if done >= size or not piece.data:
                    break
                yield done, size
        with refusing():
            await asyncio.to_thread(put_in_place, draft, target, overwrite)
        yield min(done, size), size
    finally:
        draft.unlink(missing_ok=True)  # at once: where it is broken off, nothing can be awaited


def put_in_place(draft: Path, target: Path, overwrite: bool) -> None:
    """Give a complete file its name; what has come to be there meanwhile stays, unless it may be overwritten."""
    if overwrite:
        draft.replace(target)
        return
    try:
        os.link(draft, target)
    except FileExistsError as error:
        raise Exists(f"{target} exists") from error
    except OSError:  # a file system without links
        if os.path.lexists(target):
            raise Exists(f"{target} exists") from None
        draft.rename(target)


@contextlib.contextmanager
def refusing() -> Generator[None]:
    """What a host or this machine will not do, as `Refused`."""
    try:
        yield
    except BackendError as error:
        raise Refused(str(error)) from error
    except OSError as error:
        raise Refused(f"{error.filename}: {error.strerror or error}" if error.filename else str(error)) from error
