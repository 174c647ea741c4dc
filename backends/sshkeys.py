"""The private keys to log in with; encrypted ones stay locked until a server wants them. Import this module late."""

from __future__ import annotations

import asyncio
import base64
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import asyncssh

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable
    from pathlib import Path

    Unlock = Callable[[Path, bytes], Awaitable[asyncssh.SSHKey]]

DEFAULT_NAMES = ("id_rsa", "id_ecdsa", "id_ecdsa_sk", "id_ed25519", "id_ed25519_sk")
"""What ssh(1) tries in ~/.ssh where the configuration names no IdentityFile, in its order."""
_CONTAINER = b"openssh-key-v1\0"


@dataclass(slots=True)
class Identities:
    """What the identity files hold."""

    pairs: list[asyncssh.SSHKeyPair] = field(default_factory=list)
    public: list[bytes] = field(default_factory=list)
    """The public halves, certificates included: which of the agent's keys are meant by IdentitiesOnly."""
    unusable: list[str] = field(default_factory=list)
    """Files that could not be used, each with the reason."""


class LockedKey(asyncssh.SSHKeyPair):
    """An encrypted key: its public half is offered, the passphrase asked for only when the server takes it."""

    def __init__(
        self,
        path: Path,
        data: bytes,
        public: asyncssh.SSHKey,
        certificate: asyncssh.SSHCertificate | None,
        unlock: Unlock,
    ) -> None:
        algorithms = public.sig_algorithms
        super().__init__(
            public.algorithm, public.algorithm, algorithms, algorithms, public.public_data, None, certificate
        )
        self._path = path
        self._data = data
        self._unlock = unlock

    async def sign_async(self, data: bytes) -> bytes:
        """Sign for the server. Raises ValueError where the key stays locked: the next key's turn then."""
        key = await self._unlock(self._path, self._data)
        return key.sign(data, self.sig_algorithm)


async def unlock(data: bytes, passphrase: str) -> asyncssh.SSHKey | None:
    """The key, or None where the passphrase is wrong. Takes a tenth of a second or more: key derivation is slow."""
    try:
        return await asyncio.to_thread(asyncssh.import_private_key, data, passphrase)
    except (asyncssh.KeyEncryptionError, asyncssh.KeyImportError):
        return None


def load(paths: Iterable[Path], certificates: Iterable[Path], unlock: Unlock) -> Identities:
    """Read identity files; those that are not there are passed over, as ssh(1) does. Not for the event loop."""
    found = Identities()
    extra = [path for path in certificates if path.is_file()]
    for path in paths:
        try:
            data = path.read_bytes()
            _add(found, path, data, extra, unlock)
        except FileNotFoundError:
            continue
        except (OSError, ValueError) as exc:
            found.unusable.append(f"{path}: {exc}")
    return found


def _add(found: Identities, path: Path, data: bytes, certificates: list[Path], unlock: Unlock) -> None:
    if b"PRIVATE KEY" not in data:  # a public key alone: its private half is in the agent
        found.public.append(asyncssh.import_public_key(data).public_data)
        return
    try:
        pairs = list(asyncssh.load_keypairs(str(path), certlist=[str(c) for c in certificates]))
    except asyncssh.KeyImportError as exc:
        if not str(exc).startswith("Passphrase"):
            raise
        pairs = _locked(path, data, certificates, unlock)
    found.pairs += pairs
    found.public += [pair.public_data for pair in pairs]


def _locked(path: Path, data: bytes, certificates: list[Path], unlock: Unlock) -> list[asyncssh.SSHKeyPair]:
    public = _public_half(path, data)
    beside = path.with_name(path.name + "-cert.pub")
    signed: list[asyncssh.SSHCertificate] = []
    for candidate in [*([beside] if beside.is_file() else []), *certificates]:
        certificate = asyncssh.read_certificate(str(candidate))
        if certificate.key.public_data == public.public_data:
            signed.append(certificate)
    return [LockedKey(path, data, public, certificate, unlock) for certificate in [*signed, None]]


def _public_half(path: Path, data: bytes) -> asyncssh.SSHKey:
    """From OpenSSH's container, where it is not encrypted, else from the `.pub` file."""
    body = b"".join(line for line in data.splitlines() if not line.startswith(b"-----"))
    container = base64.b64decode(body) if b"OPENSSH PRIVATE KEY" in data else b""
    if container.startswith(_CONTAINER):
        rest = container[len(_CONTAINER) :]
        for _ in range(3):  # cipher, key derivation and its options
            _, rest = _string(rest)
        blob, _ = _string(rest[4:])
        name, _ = _string(blob)
        return asyncssh.import_public_key(name + b" " + base64.b64encode(blob))
    try:
        return asyncssh.read_public_key(str(path) + ".pub")
    except FileNotFoundError:
        raise ValueError("encrypted, and no .pub file beside it (ssh-keygen -y makes one)") from None


def _string(data: bytes) -> tuple[bytes, bytes]:
    """A length-prefixed string and what follows it."""
    end = 4 + int.from_bytes(data[:4], "big")
    if len(data) < end:
        raise ValueError("a key file that ends too early")
    return data[4:end], data[end:]
