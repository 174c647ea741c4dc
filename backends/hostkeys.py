"""The keys on record in known_hosts files: which lines speak of a host, and one more for a host that was accepted."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import os
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

SSH_PORT = 22


@dataclass(frozen=True, slots=True)
class KnownKey:
    """One line of a known_hosts file."""

    path: Path
    line: int
    """From 1."""
    marker: str
    """`cert-authority`, `revoked`, or empty."""
    hosts: str
    """Comma-separated patterns, or one hashed name."""
    key: str
    """As `ssh-ed25519 AAAA…`."""

    @property
    def kind(self) -> str:
        """The key's algorithm."""
        return self.key.partition(" ")[0]

    @property
    def place(self) -> str:
        """`file:line`."""
        return f"{self.path}:{self.line}"

    def speaks_of(self, name: str) -> bool:
        """Whether `name`, as `host_name` writes it, matches the line's hosts."""
        if self.hosts.startswith("|"):
            return _hashed(self.hosts, name)
        patterns = [(p.removeprefix("!"), p.startswith("!")) for p in self.hosts.split(",")]
        hits = {negated for pattern, negated in patterns if _glob(pattern, name)}
        return hits == {False}


@dataclass(frozen=True, slots=True)
class KnownHosts:
    """What some known_hosts files say, in their order."""

    keys: tuple[KnownKey, ...] = ()

    def about(self, name: str) -> tuple[KnownKey, ...]:
        """The lines that speak of the host called `name`."""
        return tuple(key for key in self.keys if key.speaks_of(name))


def host_name(host: str, port: int = SSH_PORT) -> str:
    """How known_hosts writes a host: the bare name, or `[name]:port` off the usual port."""
    return host.lower() if port == SSH_PORT else f"[{host.lower()}]:{port}"


def read(paths: Iterable[Path]) -> KnownHosts:
    """All lines of the files that are there. Raises OSError for one that is there and cannot be read."""
    keys: list[KnownKey] = []
    for path in paths:
        try:
            text = path.read_text("utf-8", "replace")
        except FileNotFoundError:
            continue
        keys += parse(text, path)
    return KnownHosts(tuple(keys))


def parse(text: str, path: Path) -> list[KnownKey]:
    """The keys in a file's text. Lines that make no sense are passed over, as OpenSSH does."""
    keys = []
    for number, line in enumerate(text.split("\n"), 1):
        words = line.split()
        marker = words.pop(0)[1:] if words and words[0].startswith("@") else ""
        if len(words) >= 3 and not words[0].startswith("#") and marker in ("", "cert-authority", "revoked"):
            keys.append(KnownKey(path, number, marker, words[0], f"{words[1]} {words[2]}"))
    return keys


def append(path: Path, name: str, key: str) -> None:
    """Add a line for an accepted key; the file and its folder are made, for the user alone, where missing."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
    with os.fdopen(descriptor, "r+b") as file:
        size = file.seek(0, os.SEEK_END)
        torn = False
        if size and file.seekable():
            file.seek(size - 1)
            torn = file.read(1) != b"\n"
        file.write((b"\n" if torn else b"") + f"{name} {key}\n".encode())


def fingerprint(key: str) -> str:
    """As `ssh-keygen -l` prints it: `SHA256:…` without padding."""
    digest = hashlib.sha256(base64.b64decode(key.split()[1])).digest()
    return "SHA256:" + base64.b64encode(digest).decode().rstrip("=")


def _glob(pattern: str, name: str) -> bool:
    """`*` and `?` alone are special: brackets are part of `[host]:port`."""
    if "*" not in pattern and "?" not in pattern:
        return pattern.lower() == name
    parts = {"*": ".*", "?": "."}
    return re.fullmatch("".join(parts.get(c) or re.escape(c) for c in pattern.lower()), name) is not None


def _hashed(hosts: str, name: str) -> bool:
    try:
        _, magic, salt, digest = hosts.split("|")
        expected = base64.b64decode(digest)
        found = hmac.new(base64.b64decode(salt), name.encode(), "sha1").digest()
    except (ValueError, binascii.Error):
        return False
    return magic == "1" and hmac.compare_digest(expected, found)
