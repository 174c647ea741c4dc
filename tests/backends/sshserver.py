"""A real SSH server inside the test, with keys made for the run."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import asyncssh

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from backends.base import Question

Run = Callable[[asyncssh.SSHServerProcess[bytes]], Awaitable[None]]
Round = tuple[str, str, Sequence[tuple[str, bool]]]
"""What keyboard-interactive shows: title, instructions, prompts with their echo flags."""


@dataclass
class Asked:
    """A `Prompter` that answers from a list, and keeps what it was asked. Past the list it declines."""

    answers: list[str | None] = field(default_factory=list)
    questions: list[Question] = field(default_factory=list)
    gate: asyncio.Event = field(default_factory=asyncio.Event)
    """Cleared: the user thinks."""
    asked: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.gate.set()

    async def ask(self, question: Question) -> str | None:
        """The next answer."""
        self.questions.append(question)
        self.asked.set()
        await self.gate.wait()
        return self.answers.pop(0) if self.answers else None


@dataclass
class Rules:
    """How a server behaves."""

    password: str | None = None
    rounds: tuple[Round, ...] = ()
    responses: tuple[tuple[str, ...], ...] = ()
    """What keyboard-interactive wants, by round."""
    keys: tuple[asyncssh.SSHKey, ...] = ()
    nobody_needed: bool = False
    """Let everybody in."""
    sessions: int = 10
    forwarding: bool = True
    banner: str = ""
    run: Run | None = None


@dataclass
class Served:
    """A running server and what it saw."""

    port: int
    host_key: asyncssh.SSHKey
    rules: Rules
    connections: list[asyncssh.SSHServerConnection] = field(default_factory=list)
    logins: int = 0
    forwarded: list[tuple[str, int]] = field(default_factory=list)
    open_sessions: int = 0

    @property
    def public(self) -> str:
        """The host key as known_hosts has it."""
        return " ".join(self.host_key.export_public_key().decode().split()[:2])

    @property
    def known_line(self) -> str:
        """Its line of known_hosts."""
        return f"[127.0.0.1]:{self.port} {self.public}\n"

    def drop(self) -> None:
        """Cut every connection, as a network does."""
        for conn in self.connections:
            conn.abort()


class _Door(asyncssh.SSHServer):
    def __init__(self, served: Served) -> None:
        self._served = served
        self._round = 0
        self._conn: asyncssh.SSHServerConnection

    def connection_made(self, conn: asyncssh.SSHServerConnection) -> None:
        self._conn = conn
        self._served.connections.append(conn)

    def begin_auth(self, username: str) -> bool:
        if self._served.rules.banner:
            self._conn.send_auth_banner(self._served.rules.banner)
        return not self._served.rules.nobody_needed

    def auth_completed(self) -> None:
        self._served.logins += 1

    def public_key_auth_supported(self) -> bool:
        return bool(self._served.rules.keys)

    def validate_public_key(self, username: str, key: asyncssh.SSHKey) -> bool:
        return key.public_data in {k.public_data for k in self._served.rules.keys}

    def password_auth_supported(self) -> bool:
        return self._served.rules.password is not None

    def validate_password(self, username: str, password: str) -> bool:
        return password == self._served.rules.password

    def kbdint_auth_supported(self) -> bool:
        return bool(self._served.rules.rounds)

    def get_kbdint_challenge(
        self, username: str, lang: str, submethods: str
    ) -> tuple[str, str, str, Sequence[tuple[str, bool]]]:
        self._round = 0
        return self._ask()

    def _ask(self) -> tuple[str, str, str, Sequence[tuple[str, bool]]]:
        title, instructions, prompts = self._served.rules.rounds[self._round]
        return title, instructions, "", prompts

    def validate_kbdint_response(
        self, username: str, responses: Sequence[str]
    ) -> bool | tuple[str, str, str, Sequence[tuple[str, bool]]]:
        if tuple(responses) != self._served.rules.responses[self._round]:
            return False
        self._round += 1
        return True if self._round == len(self._served.rules.rounds) else self._ask()

    def session_requested(self) -> asyncssh.SSHServerProcess[bytes] | bool:
        served = self._served
        if served.open_sessions >= served.rules.sessions:
            raise asyncssh.ChannelOpenError(asyncssh.OPEN_CONNECT_FAILED, "open failed")
        served.open_sessions += 1

        async def run(process: asyncssh.SSHServerProcess[bytes]) -> None:
            try:
                await (served.rules.run or echo)(process)
            finally:
                served.open_sessions -= 1

        return asyncssh.SSHServerProcess(run, None, 0, False)

    def connection_requested(self, dest_host: str, dest_port: int, orig_host: str, orig_port: int) -> bool:
        if self._served.rules.forwarding:
            self._served.forwarded.append((dest_host, dest_port))
        return self._served.rules.forwarding


async def echo(process: asyncssh.SSHServerProcess[bytes]) -> None:
    """Sends back what it gets; then says its command on standard error and ends with 3."""
    while data := await process.stdin.read(65536):
        process.stdout.write(data)
        await process.stdout.drain()
    process.stderr.write(f"ran {process.command}\n".encode())
    process.exit(3)


@asynccontextmanager
async def serve(
    rules: Rules,
    host_key: asyncssh.SSHKey | None = None,
    port: int = 0,
    certificate: asyncssh.SSHCertificate | None = None,
) -> AsyncIterator[Served]:
    """A server on 127.0.0.1 for the length of the block."""
    key = host_key or asyncssh.generate_private_key("ssh-ed25519")
    served = Served(0, key, rules)
    server = await asyncssh.listen(
        "127.0.0.1",
        port,
        server_factory=lambda: _Door(served),
        server_host_keys=[(key, certificate)] if certificate else [key],
        encoding=None,
    )
    served.port = server.get_port()
    try:
        yield served
    finally:
        served.drop()
        server.close()
        await server.wait_closed()


@asynccontextmanager
async def impostor(first_words: bytes, hang_up: bool = False) -> AsyncIterator[int]:
    """Something on 127.0.0.1 that is no SSH server; its port. It says its words and then nothing, or hangs up."""
    over = asyncio.Event()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(first_words)
        if not hang_up:
            await over.wait()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        over.set()
        server.close()
        await server.wait_closed()


@dataclass
class Relay:
    """A network between client and server that can go dead without a word."""

    port: int = 0
    dead: bool = False


@asynccontextmanager
async def relay(target: int) -> AsyncIterator[Relay]:
    """Passes bytes on to a port of this machine. Death takes the connections of its time; later ones work."""
    state = Relay()
    writers: list[asyncio.StreamWriter] = []
    pumps: set[asyncio.Task[None]] = set()

    async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, mortal: bool) -> None:
        while data := await reader.read(65536):
            if not (state.dead and mortal):
                writer.write(data)

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        mortal = not state.dead
        inner, outer = await asyncio.open_connection("127.0.0.1", target)
        writers.extend((writer, outer))
        pumps.update(asyncio.create_task(pump(*ends, mortal)) for ends in ((reader, outer), (inner, writer)))

    server = await asyncio.start_server(accept, "127.0.0.1", 0)
    state.port = server.sockets[0].getsockname()[1]
    try:
        yield state
    finally:
        for task in pumps:
            task.cancel()
        await asyncio.gather(*pumps, return_exceptions=True)
        for writer in writers:
            writer.close()
        server.close()
        await server.wait_closed()


def config(folder: Path, *hosts: str) -> Path:
    """A configuration file that keeps the user's own keys and agent out."""
    common = "Host *\n  User tester\n  IdentityAgent none\n  IdentityFile none\n  GSSAPIAuthentication no\n"
    path = folder / "config"
    path.write_text("\n".join([*hosts, common]))
    return path


def stanza(alias: str, served: Served, *lines: str) -> str:
    """The configuration of one host."""
    own = "".join(f"  {line}\n" for line in lines)
    return f"Host {alias}\n  HostName 127.0.0.1\n  Port {served.port}\n{own}"
