"""One channel of an SSH connection as a `Link`. Imports asyncssh: import this module late."""

from __future__ import annotations

import asyncio
from collections import deque

import asyncssh

from backends.base import HostUnreachable
from backends.text import one_line

READ_AHEAD = 1 << 20
"""Bytes that wait for the reader before the server is told to hold back."""
LAST_WORDS = 2048
"""Bytes of standard error that are kept."""
GOODBYE = 2.0
"""Seconds that the server gets to end a channel by itself."""


class SshLink(asyncssh.SSHClientSession[bytes]):
    """A command on a host: bytes to its standard input, bytes from its standard output."""

    def __init__(self, host: str) -> None:
        self._host = host
        self._chan: asyncssh.SSHClientChannel[bytes]
        self._chunks: deque[bytes] = deque()
        self._waiting = 0
        self._paused = False
        self._ended = False
        self._stderr = b""
        self._broken: Exception | None = None
        self._arrived = asyncio.Event()
        self._writable = asyncio.Event()
        self._writable.set()
        self._closed = asyncio.Event()

    async def write(self, data: bytes) -> None:
        """Send; waits while the channel is congested. Raises `HostUnreachable` where it is broken."""
        if not self._is_over():
            self._chan.write(data)
            await self._writable.wait()
            self._is_over()

    async def read(self) -> bytes:
        """All that arrived since the last call, at least one byte; empty once the command has ended."""
        while not self._chunks and not self._ended:
            self._arrived.clear()
            await self._arrived.wait()
        data = b"".join(self._chunks)
        self._chunks.clear()
        self._waiting = 0
        if self._paused:
            self._paused = False
            self._chan.resume_reading()
        return data

    async def farewell(self) -> str:
        """How the command ended and what it said last on standard error, in one line; empty for a clean end."""
        try:
            async with asyncio.timeout(GOODBYE):
                await self._closed.wait()
        except TimeoutError:
            return one_line(self._stderr[-LAST_WORDS:])
        said = [self._ending(), one_line(self._stderr[-LAST_WORDS:], 400)]
        return ": ".join(part for part in said if part)

    async def close(self) -> None:
        """End the channel; the command sees the end of its input and a hang-up."""
        if self._closed.is_set():
            return
        self._chan.close()
        try:
            async with asyncio.timeout(GOODBYE):
                await self._closed.wait()
        except TimeoutError:
            self._chan.abort()

    def _is_over(self) -> bool:
        """Whether the command has ended by itself: who reads is told how.

        Raises `HostUnreachable` where the connection broke.
        """
        if self._broken is not None:
            raise HostUnreachable(f"{self._host}: the connection ended: {one_line(str(self._broken))}")
        return self._closed.is_set() or self._chan.is_closing()

    def _ending(self) -> str:
        status, signal = self._chan.get_exit_status(), self._chan.get_exit_signal()
        if signal is not None:
            return f"killed by SIG{one_line(signal[0], 20)}"
        if self._broken is not None:
            return f"the connection ended: {one_line(str(self._broken))}"
        return f"exit status {status}" if status else ""

    # What asyncssh tells.

    def connection_made(self, chan: asyncssh.SSHClientChannel[bytes]) -> None:
        """The channel is open."""
        self._chan = chan

    def data_received(self, data: bytes, datatype: int | None) -> None:
        """Bytes of standard output, or of standard error where `datatype` says so."""
        if datatype is not None:
            self._stderr = (self._stderr + data)[-2 * LAST_WORDS :]
            return
        self._chunks.append(data)
        self._waiting += len(data)
        self._arrived.set()
        if self._waiting > READ_AHEAD and not self._paused:
            self._paused = True
            self._chan.pause_reading()

    def eof_received(self) -> bool:
        """Standard output ended. True: the exit status still comes."""
        self._ended = True
        self._arrived.set()
        return True

    def pause_writing(self) -> None:
        """The channel is congested."""
        self._writable.clear()

    def resume_writing(self) -> None:
        """The channel takes more."""
        self._writable.set()

    def connection_lost(self, exc: Exception | None) -> None:
        """The channel is gone; with an exception, so is the connection."""
        self._broken = exc
        self._ended = True
        for event in (self._arrived, self._writable, self._closed):
            event.set()
