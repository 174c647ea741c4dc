"""A project's code → a host that does not share it: only what is missing there goes, and goes on where it was."""

from __future__ import annotations

import asyncio
import hashlib
import json
import zlib
from typing import TYPE_CHECKING

from backends.base import Rejected
from backends.snapshot import blob, manifest

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from backends.base import CodeFile, Snapshot
    from backends.host import Host

PIECE, TOGETHER = 1 << 20, 500
"""Bytes, and small files, in one request: others get their turn on a slow line, and little is sent twice."""

PATIENCE, SLOWEST = 120.0, 10_000
"""Seconds for one request, and on top of it one for so many bytes: such a line is slow, not broken."""

TRIES = 3
"""So often the host is asked what is missing: another program may be clearing up there."""


class CodeSender:
    """Sends snapshots to one root on one host."""

    def __init__(self, host: Host, root: str) -> None:
        self._host = host
        self._root = root

    async def send(self, code: Snapshot) -> None:
        """Have the tree of a snapshot on the host, whole. Raises a `BackendError`.

        What arrived before an error stays there, and is not sent again.
        """
        header, _ = await self._host.request("code", PATIENCE, root=self._root, digest=code.digest)
        if header["there"]:
            return
        text = await asyncio.to_thread(packed_list, code)
        for _ in range(TRIES):
            missing = await self._make(code.digest, text)
            if missing is None:
                return
            await self._send_missing(code, missing)
        raise Rejected(f"{self._host.name}: {self._root}/.code: what is sent does not stay there")

    async def _make(self, digest: str, text: bytes) -> Mapping[str, int] | None:
        """Make the tree; None when it is there, else what is missing for it: by digest, how much has come."""
        header, data = await self._host.request("tree", patience(text), text, root=self._root, digest=digest)
        if header["there"]:
            return None
        missing: dict[str, int] = await asyncio.to_thread(lambda: json.loads(zlib.decompress(data)))
        return missing

    async def _send_missing(self, code: Snapshot, missing: Mapping[str, int]) -> None:
        wanted = {file.digest: file for file in code.files if file.digest in missing}
        small = [file for file in wanted.values() if file.size <= PIECE]
        for batch in batches(small):
            listed = [[file.digest, file.size] for file in batch]
            payload = await asyncio.to_thread(packed, code.blobs, batch)
            await self._host.request("blobs", patience(payload), payload, root=self._root, blobs=listed)
        for file in wanted.values():
            if file.size > PIECE:
                await self._send_large(code.blobs, file, missing[file.digest])

    async def _send_large(self, blobs: Path, file: CodeFile, begin: int) -> None:
        """Send a file piece by piece, from where the host has it. It may want it from the start again, once."""
        restarts, offset = 0, min(begin, file.size - 1)
        while offset < file.size:
            payload = await asyncio.to_thread(packed_piece, blobs, file, offset)
            header, _ = await self._host.request(
                "piece",
                patience(payload),
                payload,
                root=self._root,
                digest=file.digest,
                offset=offset,
                size=file.size,
            )
            restarts += header["next"] <= offset
            if restarts > TRIES:
                raise Rejected(f"{self._host.name}: {file.path!r} does not arrive as it was", AGAIN)
            offset = header["next"]


AGAIN = "submit it again"


def patience(payload: bytes) -> float:
    """Seconds for a request with this payload."""
    return PATIENCE + len(payload) / SLOWEST


def packed_list(code: Snapshot) -> bytes:
    """The list of a snapshot's files as it travels."""
    return zlib.compress(manifest(code.files))


def batches(files: list[CodeFile]) -> Iterator[list[CodeFile]]:
    """Small files, those together that go in one request."""
    batch: list[CodeFile] = []
    size = 0
    for file in files:
        if batch and (size + file.size > PIECE or len(batch) == TOGETHER):
            yield batch
            batch, size = [], 0
        batch.append(file)
        size += file.size
    if batch:
        yield batch


def packed(blobs: Path, files: list[CodeFile]) -> bytes:
    """What is in files, in a row, as it travels. Raises `Rejected` where it is not kept any more, or is damaged."""
    return zlib.compress(b"".join(content(blobs, file) for file in files))


def content(blobs: Path, file: CodeFile) -> bytes:
    """What is in a small file. Raises as `packed`."""
    data = piece(blobs, file, 0, file.size + 1)
    if hashlib.sha256(data).hexdigest() != file.digest:
        raise Rejected(f"{blob(blobs, file.digest)}: damaged", AGAIN)
    return data


def packed_piece(blobs: Path, file: CodeFile, offset: int) -> bytes:
    """A piece of a large file as it travels. Raises as `packed`."""
    data = piece(blobs, file, offset, PIECE)
    if len(data) < min(PIECE, file.size - offset):
        raise Rejected(f"{blob(blobs, file.digest)}: damaged", AGAIN)
    return zlib.compress(data)


def piece(blobs: Path, file: CodeFile, offset: int, size: int) -> bytes:
    """Some of what is in a file. Raises as `packed`."""
    path = blob(blobs, file.digest)
    try:
        with path.open("rb") as source:
            source.seek(offset)
            return source.read(size)
    except OSError as error:
        raise Rejected(f"{file.path!r} of the project is not kept any more ({error.strerror})", AGAIN) from error
