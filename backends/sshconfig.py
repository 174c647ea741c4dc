"""What ~/.ssh/config says about one host. Imports asyncssh: import this module late."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import asyncssh

from backends import sshkeys

KEEPALIVE = 15
"""Seconds of silence before we ask whether the server is still there, where the configuration says nothing."""
USER_FILES = ("~/.ssh/known_hosts", "~/.ssh/known_hosts2")
SYSTEM_FILES = ("/etc/ssh/ssh_known_hosts", "/etc/ssh/ssh_known_hosts2")
"""OpenSSH's defaults for UserKnownHostsFile and GlobalKnownHostsFile."""


@dataclass(frozen=True, slots=True)
class Address:
    """An alias taken apart: `user@host:port`, each part but the host optional."""

    host: str
    port: int | None = None
    user: str | None = None


@dataclass(frozen=True, slots=True)
class Settings:
    """Where and how to connect."""

    alias: str
    options: asyncssh.SSHClientConnectionOptions
    address: Address
    host: str
    """The name behind the alias."""
    port: int
    user: str
    jumps: tuple[str, ...]
    """Hosts to go through, in order, as ProxyJump spells them."""
    proxy_command: str | None
    known_hosts: tuple[Path, ...]
    """All files with known keys; an accepted key goes into the first."""
    host_key_alias: str | None
    identity_files: tuple[Path, ...]
    certificate_files: tuple[Path, ...]
    identities_only: bool
    keepalive: int
    connect_timeout: float | None


def parse_address(alias: str) -> Address:
    """Take `[user@]host[:port]` apart; a bare IPv6 address is a host, `[address]:port` gives it a port."""
    user, _, place = alias.rpartition("@")
    match = re.fullmatch(r"\[(?P<v6>[^\]]+)\](?::(?P<p6>\d+))?|(?P<host>[^:]+):(?P<port>\d+)", place)
    if match is None:
        return Address(place, None, user or None)
    port = match["p6"] or match["port"]
    return Address(match["v6"] or match["host"], int(port) if port else None, user or None)


def load(alias: str, config: Path | None, known_hosts: Path | None) -> Settings:
    """Read the configuration. Runs `Match exec` and reads files: not for the loop. Raises OSError and ValueError."""
    address = parse_address(alias)
    options = asyncssh.SSHClientConnectionOptions(
        config=[str(config)] if config else (),
        host=address.host,
        port=() if address.port is None else address.port,
        username=() if address.user is None else address.user,
        client_keys=None,
    )
    said = options.config.get

    def files(option: str, default: tuple[str, ...] = ()) -> tuple[Path, ...]:
        return tuple(Path(name).expanduser() for name in cast("list[str]", said(option, list(default))))

    jumps = said("ProxyJump")
    timeout = cast("int | None", said("ConnectTimeout"))
    return Settings(
        alias=alias,
        options=options,
        address=address,
        host=options.host,
        port=options.port,
        user=options.username,
        jumps=tuple(hop.strip() for hop in str(jumps).split(",")) if jumps else (),
        proxy_command=cast("str | None", said("ProxyCommand")),
        known_hosts=(known_hosts,)
        if known_hosts
        else files("UserKnownHostsFile", USER_FILES) + files("GlobalKnownHostsFile", SYSTEM_FILES),
        host_key_alias=options.host_key_alias,
        identity_files=files("IdentityFile", tuple(f"~/.ssh/{name}" for name in sshkeys.DEFAULT_NAMES)),
        certificate_files=files("CertificateFile"),
        identities_only=bool(said("IdentitiesOnly")),
        keepalive=cast("int", said("ServerAliveInterval", KEEPALIVE)),
        connect_timeout=float(timeout) if timeout else None,
    )
