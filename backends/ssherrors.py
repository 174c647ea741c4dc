"""What went wrong on the way into a host, in words for a person. Import this module late."""

from __future__ import annotations

import errno
import socket
from dataclasses import dataclass
from typing import TYPE_CHECKING

import asyncssh

from backends.base import BackendError, HostKeyRefused, HostUnreachable, LoginRefused
from backends.hostkeys import fingerprint
from backends.text import one_line

if TYPE_CHECKING:
    from backends.hostkeys import KnownKey
    from backends.sshlogin import Login

_SILENCE = {
    "connection": ("gave no answer in {0:g} s", "is the host up, and does the way to it need a VPN or a ProxyJump?"),
    "greeting": (
        "took the connection and then said nothing for {0:g} s",
        "is that an SSH server? An overloaded one behaves so too",
    ),
    "login": ("did not answer the login in time", "the server may be overloaded; try `ssh` by hand"),
}
"""By the stage of the login: what the host did, and what to look at."""
_NETWORK = {
    errno.ECONNREFUSED: ("refused the connection", "is sshd running there, and on this port?"),
    errno.EHOSTUNREACH: ("cannot be reached: no route", "is the VPN on?"),
    errno.ENETUNREACH: ("cannot be reached: no network", "is this machine on the network?"),
    errno.ETIMEDOUT: _SILENCE["connection"],
    errno.ECONNRESET: ("cut the connection", "a firewall, or a limit on logins (MaxStartups, fail2ban)? Try later"),
}


@dataclass(frozen=True, slots=True)
class Target:
    """Who was to be reached."""

    alias: str
    host: str
    port: int
    user: str
    jump: str = ""
    """The host that the connection goes through."""
    proxy_command: str = ""
    timeout: float = 0
    unusable_keys: tuple[str, ...] = ()

    @property
    def where(self) -> str:
        """As `host port 22`."""
        return f"{self.host} port {self.port}"


def explain(exc: Exception, target: Target, login: Login) -> BackendError:
    """The error to show for what asyncssh or the system raised."""
    if login.asking:
        return LoginRefused(
            f"{target.alias}: the server ended the login while it waited for an answer",
            "connect again and answer sooner: servers allow two minutes or so (LoginGraceTime)",
        )
    match exc:
        case asyncssh.PermissionDenied():
            return _denied(target, login)
        case asyncssh.ChannelOpenError():
            return _blocked(exc, target)
        case asyncssh.ConnectionLost() | BrokenPipeError() if target.proxy_command and login.stage == "greeting":
            return _unreachable(target, "its ProxyCommand ended early", f"try it: {one_line(target.proxy_command)}")
        case asyncssh.KeyExchangeFailed():
            return _no_common_words(exc, target, login)
        case asyncssh.ConnectionLost():
            return _unreachable(target, *_NETWORK[errno.ECONNRESET])
        case asyncssh.DisconnectError() if "authentication failures" in exc.reason:
            return _denied(target, login, "too many keys or passwords were tried", "name one key: IdentitiesOnly yes")
        case asyncssh.ProtocolError() | asyncssh.ProtocolNotSupported() if login.stage == "greeting":
            return _unreachable(target, f"does not speak SSH 2: {one_line(exc.reason, 100)}", "is the port right?")
        case asyncssh.DisconnectError():
            return _unreachable(target, f"ended the connection: {one_line(exc.reason)}", "")
        case socket.gaierror():
            return HostUnreachable(
                f"{target.alias}: there is no host called {target.host}",
                "look at the spelling, and at HostName in ~/.ssh/config",
            )
        case OSError():
            return _system(exc, target, login)
        case _:
            return HostUnreachable(f"{target.alias}: {one_line(str(exc)) or type(exc).__name__}")


def no_session(exc: asyncssh.ChannelOpenError, alias: str) -> BackendError:
    """A live connection on which the server opens no further session."""
    if exc.code == asyncssh.OPEN_REQUEST_SESSION_FAILED:
        return LoginRefused(
            f"{alias}: the server lets you in and refuses to run a command",
            "is the account restricted (ForceCommand)?",
        )
    return HostUnreachable(
        f"{alias}: the server allows no further session on this connection: {one_line(exc.reason, 100)}",
        "its MaxSessions is used up; close other sessions, or ask its administrator for a higher limit",
    )


def changed(alias: str, shown: str, on_record: tuple[KnownKey, ...], name: str) -> HostKeyRefused:
    """The host shows another key than the one on record."""
    kind = shown.partition(" ")[0]
    known = next((key for key in on_record if key.kind == kind), on_record[0])
    return HostKeyRefused(
        f"{alias}: the host key has changed: {kind} {fingerprint(shown)} is not what {known.place} has "
        f"({known.kind} {fingerprint(known.key)})",
        f"somebody may be listening in. If you know why it changed: "
        f"ssh-keygen -R '{one_line(name)}' -f {known.path}, then connect again",
    )


def untrusted(exc: Exception, target: Target, login: Login) -> HostKeyRefused:
    """The host's key or certificate is revoked, expired or made for another host."""
    lines = ", ".join(key.place for key in login.revoked) if "revoked" in str(exc) else ""
    where = f" ({lines})" if lines else ""
    return HostKeyRefused(
        f"{target.alias}: {one_line(str(exc))}{where}", "do not log in there before its administrator explains it"
    )


def bad_config(exc: Exception, alias: str, config: str) -> BackendError:
    """The configuration cannot be read or makes no sense."""
    text = one_line(str(exc), 300)
    place = "" if config in text else f"{config}: "
    return HostUnreachable(f"{alias}: {place}{text}", "correct the SSH configuration at this place")


def _unreachable(target: Target, what: str, advice: str) -> HostUnreachable:
    via = f" (through {target.jump})" if target.jump else ""
    return HostUnreachable(f"{target.alias}: {target.where}{via} {what}", advice)


def _system(exc: OSError, target: Target, login: Login) -> BackendError:
    if isinstance(exc, TimeoutError):
        what, advice = _SILENCE[login.stage]
        return _unreachable(target, what.format(target.timeout), advice)
    # Where several addresses were tried, there is no number but in the text.
    number = exc.errno or next((n for n in _NETWORK if f"[Errno {n}]" in str(exc)), None)
    if number in _NETWORK:
        return _unreachable(target, *_NETWORK[number])
    return _unreachable(target, f"cannot be reached: {one_line(exc.strerror or str(exc))}", "")


def _denied(target: Target, login: Login, why: str = "", advice: str = "") -> LoginRefused:
    who = f"{target.alias}: "
    if login.declined:
        return LoginRefused(f"{who}login given up: the question was not answered", "connect again to be asked again")
    if login.password_expired:
        return LoginRefused(f"{who}the password of {target.user} has expired", "log in with `ssh` and set a new one")
    offered = f"; the server takes {', '.join(login.offered)}" if login.offered else ""
    said = f"; it says: {one_line(login.banner, 120)}" if login.banner else ""
    keys = f"; not usable: {one_line('; '.join(target.unusable_keys), 160)}" if target.unusable_keys else ""
    return LoginRefused(
        f"{who}{target.where} does not let {target.user} in{f': {why}' if why else ''}{offered}{said}",
        (advice or "look at User and IdentityFile in ~/.ssh/config, and whether ssh-agent holds the key") + keys,
    )


def _blocked(exc: asyncssh.ChannelOpenError, target: Target) -> BackendError:
    what = f"{target.alias}: {target.jump} cannot reach {target.where}: {one_line(exc.reason, 100)}"
    if exc.code == asyncssh.OPEN_ADMINISTRATIVELY_PROHIBITED:
        return HostUnreachable(what, f"does {target.jump} allow forwarding (AllowTcpForwarding)?")
    return HostUnreachable(what, f"look at HostName and Port; can you reach it from a shell on {target.jump}?")


def _no_common_words(exc: asyncssh.DisconnectError, target: Target, login: Login) -> BackendError:
    if "host key" in exc.reason and login.on_record:
        known = login.on_record[0]
        return HostKeyRefused(
            f"{target.alias}: the host no longer has the kind of key that {known.place} knows ({known.kind})",
            f"somebody may be listening in. If you know why: ssh-keygen -R '{one_line(login.name)}' -f {known.path}",
        )
    return HostUnreachable(
        f"{target.alias}: no way to talk that both sides know: {one_line(exc.reason, 300)}",
        "an old server? See KexAlgorithms, Ciphers and HostKeyAlgorithms of ~/.ssh/config",
    )
