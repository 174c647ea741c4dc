"""One try to log in: the questions to the user and the look at the host's key. Import this module late."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, cast

import asyncssh

from backends import hostkeys, sshkeys
from backends.base import Question
from backends.text import one_line, paragraph

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from pathlib import Path

    from backends.base import Prompter
    from backends.hostkeys import KnownHosts, KnownKey

TRIES = 3
"""Passwords, or passphrases for one key, that we ask for; ssh(1)'s NumberOfPasswordPrompts."""
LOGIN_TIMEOUT = 60.0
"""Seconds that a server gets to think about an answer: some wait for a tap on a telephone meanwhile."""


class Login(asyncssh.SSHClient):
    """What asyncssh asks while it connects, and what was learnt from a try that failed."""

    def __init__(
        self,
        alias: str,
        prompter: Prompter,
        known: KnownHosts,
        accepted: Collection[str] = (),
        host_key_alias: str | None = None,
    ) -> None:
        self.alias = alias
        self.stage = "connection"
        """How far it came: `connection`, `greeting` or `login`."""
        self.shown_key: str | None = None
        """A host key that nothing on record vouches for."""
        self.shown_authority = False
        """The host showed a certificate by an authority that we do not know."""
        self.name = ""
        """The host as known_hosts writes it."""
        self.on_record: tuple[KnownKey, ...] = ()
        """The host's known keys."""
        self.revoked: tuple[KnownKey, ...] = ()
        self.offered: tuple[str, ...] = ()
        """The ways to log in that the server named."""
        self.banner = ""
        self.declined = False
        self.asking = False
        """A question is open, or was when the connection ended."""
        self.password_expired = False
        self._prompter = prompter
        self._known = known
        self._accepted = accepted
        self._host_key_alias = host_key_alias
        self._bare: tuple[KnownKey, ...] = ()
        self._user = ""
        self._tries = 0
        self._instructions = ""
        self._clock: asyncio.Timeout
        self._conn: asyncssh.SSHClientConnection

    async def connect(
        self, host: str, port: object, timeout: float, **settings: object
    ) -> asyncssh.SSHClientConnection:
        """Connect and log in. `timeout` (seconds) stands still while the user is asked. Raises as asyncssh."""
        async with asyncio.timeout(timeout) as self._clock:
            return await asyncssh.connect(
                host,
                cast("int", port),
                config=None,
                client_factory=lambda: self,
                known_hosts=self._trusted,
                connect_timeout=None,  # ours stands still while the user thinks
                login_timeout=0,
                compression_algs=None,
                agent_forwarding=False,
                **settings,
            )

    async def unlock(self, path: Path, data: bytes) -> asyncssh.SSHKey:
        """Ask for the passphrase of an encrypted key. Raises ValueError where it stays locked."""
        again = ""
        for _ in range(TRIES):
            passphrase = await self._ask("passphrase", f"{again}Passphrase for {path}")
            if passphrase is None:
                break
            key = await sshkeys.unlock(data, passphrase)
            if key is not None:
                return key
            again = "That does not open it. "
        raise ValueError(f"{path} stays locked")

    async def _ask(self, what: str, text: str, echo: bool = False) -> str | None:
        if self.declined:
            return None
        self._clock.reschedule(None)
        self.asking = True
        answer = await self._prompter.ask(Question(self.alias, f"{self.alias}: {what}", text, echo))
        self.asking = False
        self._allow(LOGIN_TIMEOUT)
        self.declined = answer is None
        return answer

    def _allow(self, seconds: float) -> None:
        self._clock.reschedule(asyncio.get_running_loop().time() + seconds)

    # The host's key.

    def _trusted(self, host: str, addr: str, port: int | None) -> tuple[list[asyncssh.SSHKey], ...]:
        """The known keys of the host, in asyncssh's order; by name only: addresses are handed on to others."""
        bare = hostkeys.host_name(host)
        self.name = bare if self._host_key_alias else hostkeys.host_name(host, port or hostkeys.SSH_PORT)
        readable = [(known, key) for known in self._known.about(self.name) if (key := _public(known.key))]
        self.on_record = tuple(known for known, _ in readable if not known.marker)
        self._bare = self._known.about(bare)
        self.revoked = tuple(k for k in {*self._bare, *(known for known, _ in readable)} if k.marker == "revoked")
        trusted = [key for known, key in readable if not known.marker]
        authorities = [key for known, key in readable if known.marker == "cert-authority"]
        revoked = [key for known in self.revoked if (key := _public(known.key))]
        return trusted, authorities, revoked, [], [], [], []

    def validate_host_public_key(self, host: str, addr: str, port: int, key: asyncssh.SSHKey) -> bool:
        """Asked for a key that is not on record for this host and port."""
        text = " ".join(key.export_public_key().decode().split()[:2])
        # Known by the bare name alone: the same host on another port, as OpenSSH sees it.
        elsewhere = {known.key for known in self._bare if not known.marker}
        if not self.on_record and (text in self._accepted or text in elsewhere):
            return True
        self.shown_key = text
        return False

    def validate_host_ca_key(self, host: str, addr: str, port: int, key: asyncssh.SSHKey) -> bool:
        """Asked for a certificate by an authority that is not on record."""
        self.shown_authority = True
        return False

    # The login.

    def connection_made(self, conn: asyncssh.SSHClientConnection) -> None:
        """The way to the host is open."""
        self._conn = conn
        self.stage = "greeting"

    def begin_auth(self, username: str) -> None:
        """The host's key is good."""
        self.stage = "login"
        self._user = username
        self._allow(LOGIN_TIMEOUT)

    def auth_banner_received(self, msg: str, lang: str) -> None:
        """What the server says to everybody, often why it lets nobody in."""
        self.banner = paragraph(f"{self.banner}\n{msg}")

    def public_key_auth_requested(self) -> None:
        """No key is left."""
        self._note_offer()

    async def password_auth_requested(self) -> str | None:
        """A password, or None to go on with the next way."""
        self._note_offer()
        if self._tries >= TRIES:
            return None
        again = "That was not accepted. " if self._tries else ""
        self._tries += 1
        host = one_line(self._conn.get_extra_info("host") or self.alias)
        return await self._ask("password", f"{again}Password of {self._user} on {host}")

    def password_change_requested(self, prompt: str, lang: str) -> tuple[str, str]:
        """The password is right and has run out; a new one is not ours to choose."""
        self.password_expired = True
        return NotImplemented  # type: ignore[no-any-return]  # asyncssh's way to say no

    def kbdint_auth_requested(self) -> str | None:
        """Whether to let the server ask its own questions: "" for yes."""
        self._note_offer()
        if self._tries >= TRIES or self.declined:
            return None
        self._instructions = "That was not accepted." if self._tries else ""
        self._tries += 1
        return ""

    async def kbdint_challenge_received(
        self, name: str, instructions: str, lang: str, prompts: Sequence[tuple[str, bool]]
    ) -> list[str] | None:
        """The server's questions, one after the other. A round without questions is a remark: shown with the next."""
        self._instructions = paragraph(f"{self._instructions}\n{name}\n{instructions}")
        answers = []
        for prompt, echo in prompts:
            text = paragraph(f"{self._instructions}\n{prompt}")
            answer = await self._ask(one_line(prompt, 40).rstrip(": ") or "login", text, echo)
            if answer is None:
                return None
            answers.append(answer)
        if prompts:
            self._instructions = ""
        return answers

    def _note_offer(self) -> None:
        self.offered = tuple(dict.fromkeys([*self.offered, *self._conn.get_server_auth_methods()]))


def _public(text: str) -> asyncssh.SSHKey | None:
    """A key as asyncssh wants it, or None for a kind that it does not know: such a line says nothing to us."""
    try:
        return asyncssh.import_public_key(text)
    except asyncssh.KeyImportError:
        return None
