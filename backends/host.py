"""A host session: one link to the helper on a host, opened when it is first needed, many requests over it."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import itertools
import shlex
import time
import zlib
from collections import deque
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, Protocol

from backends import command
from backends.base import (
    BackendError,
    Chunk,
    CommandFailed,
    Completed,
    HelperUnavailable,
    HostFull,
    HostTimeout,
    HostUnreachable,
    Rejected,
    Unreadable,
)
from backends.command import Command
from backends.programs import helper_source
from backends.remote.frames import GREETING, Decoder, encode
from backends.text import one_line

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator, Mapping, Sequence

Frame = tuple[dict[str, Any], bytes]

GREETING_LIMIT = 1 << 16
"""Bytes of banner that a login shell may print before the helper speaks."""

GREETING_TIMEOUT = 20.0
"""Seconds that a login shell and python3 may take to start."""

SLACK = 5.0
"""Seconds on top of a request's own time-out for the way there and back."""

QUIET = 20.0
"""Seconds for requests that start no command."""


COMMANDS = ("run", "program")
"""Requests that start a process, which ends where nobody waits for its answer any more."""

PIECE = 1 << 20
"""Bytes of a file that is sent, in one request."""

PATIENCE = 120.0
"""Seconds for one such piece: a line of 10 KB/s is slow, not broken."""


class Link(Protocol):
    """A two-way stream of bytes to a running helper."""

    async def write(self, data: bytes) -> None:
        """Send; waits while the way is congested. Raises `HostUnreachable` when it is broken."""

    async def read(self) -> bytes:
        """Some bytes; empty once the other side has ended."""

    async def farewell(self) -> str:
        """After the end: exit status and last words on standard error, in one clean line."""

    async def close(self) -> None:
        """End the helper and the channel."""


@dataclass(slots=True)
class Noted:
    """How a command ended, as far as it has."""

    end: int | str = 0
    """Its exit code, or why there is none."""

    @property
    def outcome(self) -> str:
        """In words."""
        return self.end if isinstance(self.end, str) else f"exit {self.end}" if self.end else "ok"


def helper_command(python: str) -> str:
    """The command line that starts a helper; the same words mean the same to sh, bash, zsh, tcsh and fish."""
    loader = "import sys;exec(compile(sys.stdin.buffer.read(int(sys.stdin.buffer.readline())),'trainboard','exec'))"
    return f'exec {shlex.quote(python)} -u -c "{loader}"'


@cache
def helper_text() -> bytes:
    """What is sent to that command first: its length in a line, then the program."""
    text = packed(helper_source())
    return b"%d\n%s" % (len(text), text)


def packed(source: str) -> bytes:
    """A program in one line: small for slow lines, and ASCII, for a Python whose locale is C."""
    text = base64.b64encode(zlib.compress(source.encode())).decode()
    return (
        f"import base64,zlib;exec(compile(zlib.decompress(base64.b64decode('{text}')),'trainboard','exec'))".encode()
    )


class Host:
    """Requests to one host. The link is opened on demand and anew after it broke; requests share it."""

    def __init__(
        self,
        name: str,
        open_link: Callable[[], Awaitable[Link]],
        disconnect: Callable[[], Awaitable[None]] | None = None,
        note: Callable[[Command], None] = lambda _: None,
        *,
        readonly: bool = False,
    ) -> None:
        """`open_link` starts a helper; `disconnect` ends what carries the links, when the session is closed.

        `note` is told of each command, once it has ended; `readonly`: what may change something is refused.
        """
        self.name = name
        self._note = note
        self._readonly = readonly
        self.calls: deque[float] = deque(maxlen=600)
        """When commands and state queries were sent (monotonic seconds), newest last."""
        self._open_link = open_link
        self._disconnect = disconnect
        self._link: Link | None = None
        self._reader: asyncio.Task[None] | None = None
        self._opening = asyncio.Lock()
        self._failure_to_open: BackendError | None = None
        self._numbers = itertools.count(1)
        self._replies: dict[int, asyncio.Future[Frame]] = {}
        self._streams: dict[int, asyncio.Queue[Frame | BackendError]] = {}

    async def request(self, op: str, within: float = QUIET, payload: bytes = b"", **fields: object) -> Frame:
        """Send one request and wait for its reply. Raises a `BackendError`."""
        with self._noted(op, fields) as noted:
            header, data = await self._answered(op, within, payload, fields)
            noted.end = header.get("code", 0)
        return header, data

    @contextlib.contextmanager
    def _noted(self, op: str, fields: Mapping[str, Any]) -> Iterator[Noted]:
        """Tell of a command, however it ends. Raises `Rejected` where it might change something and must not."""
        text, changing = command.words(op, fields), command.changes(op, fields)
        if changing and self._readonly:
            raise Rejected(f"{self.name}: --readonly refuses “{text}”")
        noted, begun, at = Noted(), time.monotonic(), time.time()
        try:
            yield noted
        except BaseException as error:  # also when it is given up: that is how it ended
            noted.end = one_line(str(error)) or type(error).__name__
            raise
        finally:
            if text:
                seconds = round(time.monotonic() - begun, 3)
                self._note(Command(self.name, at, text, seconds, noted.outcome, changing))

    async def _answered(self, op: str, within: float, payload: bytes, fields: Mapping[str, Any]) -> Frame:
        link = await self._connected()
        number = next(self._numbers)
        reply: asyncio.Future[Frame] = asyncio.get_running_loop().create_future()
        self._replies[number] = reply
        try:
            async with asyncio.timeout(within + SLACK):
                await link.write(encode({"id": number, "op": op, **fields}, payload))
                header, data = await reply
        except TimeoutError:
            raise HostTimeout(f"{self.name}: no answer to “{op}” within {within + SLACK:g} s") from None
        except asyncio.CancelledError:
            if op in COMMANDS:
                await self._tell({"id": 0, "op": "end", "request": number})
            raise
        finally:
            self._replies.pop(number, None)
        if "error" in header:
            raise self.failure(header)
        return header, data

    async def run(
        self,
        argv: Sequence[str],
        timeout: float = 20,
        cap: int = 1 << 20,
        env: Mapping[str, str] | None = None,
        cwd: str = "~",
    ) -> Completed:
        """A command on the host, without a shell; `env` is added to the login's environment."""
        self.calls.append(time.monotonic())
        header, data = await self.request(
            "run", timeout, argv=list(argv), timeout=timeout, cap=cap, env=dict(env or {}), cwd=cwd
        )
        cut = header["out"]
        return Completed(header["code"], data[:cut], data[cut:], header["truncated"])

    async def read(self, path: str, offset: int, limit: int) -> Chunk:
        """At most `limit` bytes of a file; a negative offset counts from its end."""
        header, data = await self.request("read", path=path, offset=offset, limit=limit)
        return Chunk(header["offset"], data, header["size"])

    async def program(
        self, source: bytes, arguments: Sequence[str], timeout: float, cap: int = 1 << 20, python: str = ""
    ) -> bytes:
        """What a `packed` program of ours prints, run by an interpreter with its libraries or by the helper's own."""
        other = {"python": python, "env": {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}} if python else {}
        header, data = await self.request(
            "program", timeout, source, arguments=list(arguments), timeout=timeout, cap=cap, **other
        )
        cut = header["out"]
        if header["code"] != 0:
            raise CommandFailed(f"{self.name}: {one_line(data[cut:]) or 'it was ended'}")
        return data[:cut]

    async def put(self, path: str, data: bytes, token: str) -> None:
        """A file, which appears whole; in pieces, so that other requests get their turn on a slow line."""
        for offset in range(0, max(1, len(data)), PIECE):
            piece = data[offset : offset + PIECE]
            last = offset + PIECE >= len(data)
            await self.request("put", PATIENCE, piece, path=path, offset=offset, last=last, token=token)

    async def follow(self, path: str, offset: int) -> AsyncGenerator[Chunk | Unreadable]:
        """The pieces of a file as it grows, and what keeps us from reading it, when that changes."""
        async with contextlib.aclosing(self.stream("follow", path=path, offset=offset)) as frames:
            async for number, header, data in frames:
                if header["event"] == "trouble":
                    yield Unreadable(one_line(header["message"]))
                else:
                    yield Chunk(header["offset"], data, header["size"], header["restarted"])
                    await self._tell({"id": 0, "op": "ack", "stream": number})

    async def stream(self, op: str, **fields: object) -> AsyncGenerator[tuple[int, dict[str, Any], bytes]]:
        """Frames that answer one request until the caller stops. Raises `HostUnreachable` when the link breaks."""
        link = await self._connected()
        with self._noted(op, fields):
            pass  # how long it goes on is nothing to tell
        number = next(self._numbers)
        queue: asyncio.Queue[Frame | BackendError] = asyncio.Queue()
        self._streams[number] = queue
        try:
            await link.write(encode({"id": number, "op": op, **fields}))
            while True:
                frame = await queue.get()
                if isinstance(frame, BackendError):
                    raise frame
                yield number, *frame
        finally:
            self._streams.pop(number, None)
            if self._link is link:
                await self._tell({"id": 0, "op": "stop", "stream": number})

    async def close(self) -> None:
        """End the helper. What runs detached goes on."""
        async with self._opening:
            if self._reader is not None:
                self._reader.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await self._reader
            await self._drop(HostUnreachable(f"{self.name}: closed"))
            if self._disconnect is not None:
                await self._disconnect()

    async def _tell(self, header: dict[str, Any]) -> None:
        """Send what gets no reply; a broken link is noticed by the reader, which tells all who wait."""
        if self._link is not None:
            with contextlib.suppress(HostUnreachable):
                await self._link.write(encode(header))

    async def _connected(self) -> Link:
        """The link, opened where there is none. Who asks while another opens it shares its failure."""
        known = self._failure_to_open
        async with self._opening:
            if self._link is None:
                failure = self._failure_to_open
                if failure is not None and failure is not known:
                    raise type(failure)(str(failure), failure.advice) from failure
                try:
                    await self._open()
                except BackendError as error:
                    self._failure_to_open = error
                    raise
            assert self._link is not None
            return self._link

    async def _open(self) -> None:
        with self._noted("open", {}):
            link = await self._open_link()
            try:
                rest = await self._greeted(link)
            except BaseException:  # also when it is given up: nobody else has the link
                await link.close()
                raise
        self._link = link
        self._reader = asyncio.create_task(self._receive(link, rest), name=f"frames of {self.name}")

    async def _greeted(self, link: Link) -> bytes:
        """Send the helper and wait until it speaks; what the login shell printed before is dropped."""
        seen = b""
        try:
            async with asyncio.timeout(GREETING_TIMEOUT):
                await link.write(helper_text())
                while GREETING not in seen:
                    data = await link.read()
                    if not data:
                        raise await self._no_helper(link, seen)
                    seen += data
                    if len(seen) > GREETING_LIMIT + len(GREETING):
                        raise HelperUnavailable(f"{self.name}: the login prints without end: {one_line(seen[:300])}")
        except TimeoutError:
            advice = "look at what the login shell's start-up files do for a command (ssh HOST true)"
            said = f" (so far: {one_line(seen)})" if seen.strip() else ""
            raise HelperUnavailable(
                f"{self.name}: logged in, but python3 did not start within {GREETING_TIMEOUT:g} s{said}", advice
            ) from None
        return seen.partition(GREETING)[2]

    async def _no_helper(self, link: Link, seen: bytes) -> HelperUnavailable:
        """Why the helper did not start, from what the shell left."""
        words = await link.farewell() or one_line(seen) or "the session ended at once"
        advice = (
            "python3 (3.6 or newer) must be on the PATH of a command on that host, or set `python:` in the config"
        )
        return HelperUnavailable(f"{self.name}: logged in, but the helper does not start: {words}", advice)

    async def _receive(self, link: Link, rest: bytes) -> None:
        """Hand every frame to whom it belongs, until the link ends; then tell all who wait."""
        decoder = Decoder()
        reason = ""
        try:
            data = rest
            while True:
                for header, payload in decoder.feed(data):
                    self._dispatch(header, payload)
                data = await link.read()
                if not data:
                    break
        except (ValueError, BackendError) as error:
            reason = one_line(str(error))
        words = reason or await link.farewell()
        await self._drop(HostUnreachable(f"{self.name}: the connection ended{': ' + words if words else ''}"))

    def _dispatch(self, header: dict[str, Any], payload: bytes) -> None:
        reply = self._replies.get(header["id"])
        if reply is not None and not reply.done():
            reply.set_result((header, payload))
        stream = self._streams.get(header["id"])
        if stream is not None:
            stream.put_nowait((header, payload))

    async def _drop(self, error: BackendError) -> None:
        link, self._link, self._reader = self._link, None, None
        for reply in self._replies.values():
            if not reply.done():
                reply.set_exception(error)
        for stream in self._streams.values():
            stream.put_nowait(error)
        if link is not None:
            await link.close()

    def failure(self, header: Mapping[str, Any]) -> BackendError:
        """The error that a reply, or a part of one, stands for."""
        kind, message = header["error"], f"{self.name}: {one_line(header['message'])}"
        if kind in ("ENOSPC", "EDQUOT"):
            return HostFull(message, "free some space there, or set another `root:` for this backend in the config")
        if kind == "timeout":
            return HostTimeout(message)
        return CommandFailed(message)
