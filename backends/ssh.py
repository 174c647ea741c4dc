"""The SSH connection to a host: opened on first use, one per host, with the user's own configuration."""

from __future__ import annotations

import asyncio
import contextlib
import importlib
from typing import TYPE_CHECKING

from backends.base import HostUnreachable

if TYPE_CHECKING:
    from pathlib import Path

    import asyncssh

    from backends.base import Prompter
    from backends.host import Link
    from backends.sshconfig import Settings

GOODBYE = 2.0
"""Seconds that a server gets to end a connection by itself."""


class SshHost:
    """A host by its alias of ~/.ssh/config, or `[user@]host[:port]`.

    Connections that several hosts need, as to a gateway named by ProxyJump, are shared by all that were made with the
    same `hosts`. Host keys are checked always, whatever StrictHostKeyChecking says. Errors are `BackendError`s.
    """

    def __init__(
        self,
        alias: str,
        prompter: Prompter,
        *,
        config: Path | None = None,
        known_hosts: Path | None = None,
        connect_timeout: float = 15,
        hosts: dict[str, SshHost] | None = None,
        via: SshHost | None = None,
    ) -> None:
        """`config` replaces ~/.ssh/config, `known_hosts` every known_hosts file; `connect_timeout` in seconds."""
        self.alias = alias
        self._prompter = prompter
        self._config = config
        self._known_hosts = known_hosts
        self._timeout = connect_timeout
        self._hosts: dict[str, SshHost] = {} if hosts is None else hosts
        self._through = via
        self._via: SshHost | None = None
        self._wanted = True
        self._riders: set[SshHost] = set()
        self._accepted: set[str] = set()
        self._conn: asyncssh.SSHClientConnection | None = None
        self._connecting: asyncio.Task[asyncssh.SSHClientConnection] | None = None
        self._waiting = 0
        if via is None:
            self._hosts.setdefault(alias, self)

    async def open(self, command: str) -> Link:
        """Run a command on a channel of its own; connects where there is no connection, or none that lives.

        Raises `HostUnreachable`, `LoginRefused` or `HostKeyRefused`; `HostUnreachable` also where the server opens
        no further session.
        """
        self._wanted = True
        fresh = self._conn is None or self._conn.is_closed()
        conn = await self.connection()
        try:
            return await self._channel(conn, command)
        except HostUnreachable:
            if fresh or self._conn is conn:
                raise
        return await self._channel(await self.connection(), command)  # the old connection had died unnoticed

    async def connection(self) -> asyncssh.SSHClientConnection:
        """The one connection, not to be closed by the caller. Raises as `open`.

        Callers at the same time share one attempt, which ends when all of them give up.
        """
        if self._conn is not None and not self._conn.is_closed():
            return self._conn
        if self._connecting is None:
            self._connecting = asyncio.create_task(self._connect(), name=f"connect {self.alias}")
            self._connecting.add_done_callback(self._connected)
        attempt = self._connecting
        self._waiting += 1
        try:
            await asyncio.wait({attempt})  # which leaves the attempt alone when this caller is cancelled
            if attempt.cancelled():
                raise HostUnreachable(f"{self.alias}: closed while it was connecting")
            return attempt.result()
        finally:
            self._waiting -= 1
            if not self._waiting and not attempt.done():
                attempt.cancel()
                self._connecting = None

    async def close(self) -> None:
        """Drop the connection, as soon as no other host goes through it. `open` may be called again."""
        self._wanted = False
        await self._rest()

    async def _rest(self) -> None:
        if self._wanted or self._riders:
            return
        if self._connecting is not None:
            self._connecting.cancel()
            await asyncio.wait([self._connecting])
        conn, self._conn = self._conn, None
        if conn is not None:
            conn.close()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(GOODBYE):
                    await conn.wait_closed()
            conn.abort()
        if self._via is not None:
            self._via._riders.discard(self)
            await self._via._rest()

    def _connected(self, attempt: asyncio.Task[asyncssh.SSHClientConnection]) -> None:
        if self._connecting is attempt:
            self._connecting = None
        if not attempt.cancelled() and attempt.exception() is None:
            self._conn = attempt.result()

    async def _channel(self, conn: asyncssh.SSHClientConnection, command: str) -> Link:
        import asyncssh

        from backends import ssherrors
        from backends.sshlink import SshLink

        try:
            async with asyncio.timeout(self._timeout):
                _, link = await conn.create_session(
                    lambda: SshLink(self.alias), command, encoding=None, request_pty=False, x11_forwarding=False
                )
        except TimeoutError:
            self._forget(conn)
            raise HostUnreachable(
                f"{self.alias}: the connection is dead: no session in {self._timeout:g} s"
            ) from None
        except asyncssh.ChannelOpenError as exc:
            if not conn.is_closed():
                raise ssherrors.no_session(exc, self.alias) from exc
            self._forget(conn)
            raise HostUnreachable(f"{self.alias}: the connection was lost") from exc
        except (asyncssh.Error, OSError) as exc:
            self._forget(conn)
            raise HostUnreachable(f"{self.alias}: the connection was lost") from exc
        assert isinstance(link, SshLink)
        return link

    def _forget(self, conn: asyncssh.SSHClientConnection) -> None:
        conn.abort()
        if self._conn is conn:
            self._conn = None

    async def _connect(self) -> asyncssh.SSHClientConnection:
        settings = await self._settings()
        await self._choose_way(settings)
        tunnel = await self._via.connection() if self._via else None
        from backends import sshenter

        jump = self._via.alias if self._via else ""
        return await sshenter.enter(settings, self._prompter, self._accepted, self._timeout, tunnel, jump)

    async def _settings(self) -> Settings:
        await asyncio.to_thread(importlib.import_module, "backends.sshenter")  # asyncssh takes its time
        from backends import sshconfig, ssherrors

        try:
            async with asyncio.timeout(self._timeout):
                return await asyncio.to_thread(sshconfig.load, self.alias, self._config, self._known_hosts)
        except TimeoutError:
            exc: Exception = TimeoutError(f"not read in {self._timeout:g} s (a slow `Match exec`?)")
        except (OSError, ValueError) as error:
            exc = error
        raise ssherrors.bad_config(exc, self.alias, str(self._config or "~/.ssh/config")) from exc

    async def _choose_way(self, settings: Settings) -> None:
        """Find the host to go through, by what ProxyJump says now."""
        via = self._through if self._through else self._gateway(settings)
        if via is not self._via and self._via is not None:
            self._via._riders.discard(self)
            await self._via._rest()
        self._via = via
        while via is not None:
            if via is self:
                self._via = None
                raise HostUnreachable(f"{self.alias}: ProxyJump leads in a circle", "look at ~/.ssh/config")
            via = via._via
        if self._via is not None:
            self._via._riders.add(self)

    def _gateway(self, settings: Settings) -> SshHost | None:
        from backends import sshconfig

        via: SshHost | None = None
        for count, hop in enumerate(settings.jumps, 1):
            if count == 1 and sshconfig.parse_address(hop).host == settings.address.host:
                return None  # `Host *` meant the gateway too
            key = ",".join(settings.jumps[:count])
            if key not in self._hosts:
                host = SshHost(
                    hop,
                    self._prompter,
                    config=self._config,
                    known_hosts=self._known_hosts,
                    connect_timeout=self._timeout,
                    hosts=self._hosts,
                    via=via,
                )
                host._wanted = False
                self._hosts[key] = host
            via = self._hosts[key]
        return via
