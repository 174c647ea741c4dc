"""From settings to a connection that is logged in. Import this module late."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import asyncssh

from backends import hostkeys, ssherrors, sshkeys
from backends.base import HostKeyRefused, Question
from backends.sshlogin import Login

if TYPE_CHECKING:
    from backends.base import Prompter
    from backends.sshconfig import Settings
    from backends.sshkeys import Identities

_NO_CERTIFICATES = "-*-cert-v0?@openssh.com"


async def enter(
    settings: Settings,
    prompter: Prompter,
    accepted: set[str],
    timeout: float,
    tunnel: asyncssh.SSHClientConnection | None,
    jump: str,
) -> asyncssh.SSHClientConnection:
    """Connect and log in. A key or certificate that nothing vouches for costs one more try.

    `accepted` holds the keys that the user said yes to, for hosts whose known_hosts file keeps nothing (/dev/null).
    `timeout` in seconds, where the configuration has no ConnectTimeout; `jump` names the host behind `tunnel`.
    Raises `HostUnreachable`, `LoginRefused` or `HostKeyRefused`.
    """
    known = await _known(settings)
    certificates = True
    while True:
        login = Login(settings.alias, prompter, known, accepted, settings.host_key_alias)
        keys = await asyncio.to_thread(
            sshkeys.load, settings.identity_files, settings.certificate_files, login.unlock
        )
        target = _target(settings, timeout, jump, keys)
        try:
            return await login.connect(
                settings.address.host,
                settings.address.port or (),
                target.timeout,
                tunnel=tunnel,
                **_options(settings, keys, certificates),
            )
        except asyncssh.HostKeyNotVerifiable as exc:
            if login.shown_authority and certificates:
                certificates = False  # as ssh(1): the bare key may be known, or be asked for
            elif login.shown_key:
                await _meet(login.shown_key, login, settings, prompter)
                accepted.add(login.shown_key)
            else:
                raise ssherrors.untrusted(exc, target, login) from exc
        except (asyncssh.Error, OSError, ValueError) as exc:
            raise ssherrors.explain(exc, target, login) from exc


async def _known(settings: Settings) -> hostkeys.KnownHosts:
    try:
        return await asyncio.to_thread(hostkeys.read, settings.known_hosts)
    except OSError as exc:
        raise HostKeyRefused(
            f"{settings.alias}: {exc.filename}: {exc.strerror}", "without this file the host key cannot be checked"
        ) from exc


async def _meet(shown: str, login: Login, settings: Settings, prompter: Prompter) -> None:
    """Ask about a host that is met for the first time and write its key down. Raises `HostKeyRefused`."""
    if login.on_record:
        raise ssherrors.changed(settings.alias, shown, login.on_record, login.name)
    kind, mark = shown.partition(" ")[0], hostkeys.fingerprint(shown)
    text = f"{login.name} is not known yet. Its key: {kind} {mark}\nConnect, and remember the key?"
    question = Question(settings.alias, f"{settings.alias}: unknown host key", text, echo=True, yes_no=True)
    if await prompter.ask(question) != "yes":
        raise HostKeyRefused(
            f"{settings.alias}: the key of {login.name} was not accepted ({kind} {mark})",
            "compare it with what the administrator publishes, then connect again",
        )
    if settings.known_hosts:
        path = settings.known_hosts[0]
        try:
            await asyncio.to_thread(hostkeys.append, path, login.name, shown)
        except OSError as exc:
            raise HostKeyRefused(
                f"{settings.alias}: the accepted key cannot be written to {path}: {exc.strerror}",
                "make the file writable, or name another one with UserKnownHostsFile",
            ) from exc


def _target(settings: Settings, timeout: float, jump: str, keys: Identities) -> ssherrors.Target:
    return ssherrors.Target(
        settings.alias,
        settings.host,
        settings.port,
        settings.user,
        jump,
        settings.proxy_command or "",
        settings.connect_timeout or timeout,
        tuple(keys.unusable),
    )


def _options(settings: Settings, keys: Identities, certificates: bool) -> dict[str, Any]:
    options: dict[str, Any] = {
        "options": settings.options,
        # An empty list would mean ssh's default keys, again; an empty iterator means none.
        "client_keys": keys.pairs or iter(()),
        "agent_identities": keys.public if settings.identities_only else None,
        "keepalive_interval": settings.keepalive,
    }
    if settings.identities_only and not keys.public:
        options["agent_path"] = None
    if settings.proxy_command:
        # Through a shell, as ssh(1) does. Complaints would land amid the protocol; the shell stays, because
        # asyncssh takes the end of standard error for the end of the connection.
        script = f"(exec {settings.proxy_command}) 2>/dev/null; exit $?"
        options["proxy_command"] = ["/bin/sh", "-c", script]
    if not certificates:
        options["server_host_key_algs"] = _NO_CERTIFICATES
    return options
