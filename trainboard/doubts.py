"""Files that should not leave this machine unasked: large ones, and what looks like a secret. Pure."""

from __future__ import annotations

import re
import stat
from dataclasses import dataclass
from typing import TYPE_CHECKING

from backends.listing import matcher
from trainboard.show import size as as_size

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Iterable, Mapping

LARGE = 10 << 20
"""Bytes of one file that go without a question; a project is code, data has its own place."""

TOGETHER, MANY = 64 << 20, 20_000
"""Bytes and files that go together without a question."""

SHARE = 0.1
"""A folder is named as a whole where nothing in it has more than this share of its weight."""

SECRET_NAMES = (
    ".env",
    ".env.*",
    "!.env.example",
    "!.env.sample",
    "!.env.template",
    "id_rsa",
    "id_dsa",
    "id_ecdsa",
    "id_ed25519",
    "*.pem",
    "*.key",
    "*.p12",
    "*.pfx",
    "*.kdbx",
    "credentials*",
    ".netrc",
    "_netrc",
    ".pypirc",
    ".git-credentials",
    ".aws/",
    ".ssh/",
    ".gnupg/",
    ".kube/",
)
"""Patterns as in `.gitignore`, of lower-case paths."""

SECRETS = (
    ("a private key", b"PRIVATE KEY", rb"-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY(?: BLOCK)?-----"),
    ("an AWS key", b"AKIA", rb"\bAKIA[0-9A-Z]{16}\b"),
    ("an AWS key", b"ASIA", rb"\bASIA[0-9A-Z]{16}\b"),
    ("a GitHub token", b"gh", rb"\bgh[pousr]_[A-Za-z0-9]{36,255}\b"),
    ("a GitHub token", b"github_pat_", rb"\bgithub_pat_[A-Za-z0-9_]{50,255}\b"),
    ("a Hugging Face token", b"hf_", rb"\bhf_[A-Za-z0-9]{30,64}\b"),
    ("a W&B key", b"wandb", rb"wandb[^\n]{0,60}?(?<![0-9a-fA-F])[0-9a-f]{40}(?![0-9a-fA-F])"),
    ("a W&B key", b"WANDB", rb"WANDB[^\n]{0,60}?(?<![0-9a-fA-F])[0-9a-f]{40}(?![0-9a-fA-F])"),
)
"""What it is, bytes without which there is none (quick to look for), and its shape."""


@dataclass(frozen=True, slots=True)
class Doubt:
    """Something that should be asked about before it is sent."""

    path: str
    """From the project folder; a folder ends with a slash. Fit for `code.allow` and `code.exclude`."""
    why: str
    size: int
    """Bytes."""


def by_stat(found: Mapping[str, os.stat_result], allowed: Callable[[str], bool]) -> list[Doubt]:
    """The doubts about a project that its names and sizes raise; those that are allowed raise none."""
    secret = matcher(SECRET_NAMES)
    sizes = {path: each.st_size for path, each in found.items() if stat.S_ISREG(each.st_mode) and not allowed(path)}
    doubts = [Doubt(path, "named like a secret", sizes[path]) for path in sizes if secret(path.lower())]
    named = {doubt.path for doubt in doubts}
    doubts += [Doubt(path, as_size(size), size) for path, size in sizes.items() if size > LARGE and path not in named]
    rest = {path: size for path, size in sizes.items() if size <= LARGE and path not in named}
    return doubts + too_much(rest)


def too_much(sizes: Mapping[str, int]) -> list[Doubt]:
    """The heaviest parts of a project, without which the rest is little enough."""
    left, doubts = dict(sizes), []
    while not fits(left):
        parts = heaviest(left)
        for part in parts:
            inside = [path for path in left if meant(part, path)] if part.endswith("/") else [part]
            total = sum(left.pop(path) for path in inside)
            files = f" in {len(inside)} files" if part.endswith("/") else ""
            doubts.append(Doubt(part, f"{as_size(total)}{files}, too much with all the rest", total))
            if fits(left):
                break
    return doubts


def fits(sizes: Mapping[str, int]) -> bool:
    """Whether so much goes without a question."""
    return len(sizes) <= MANY and sum(sizes.values()) <= TOGETHER


def heaviest(sizes: Mapping[str, int]) -> list[str]:
    """The folder or file that weighs most, as deep as one does; where none does, the whole top, heaviest first."""
    above = ""
    while True:
        weights: dict[str, float] = {}
        for path, size in sizes.items():
            if path.startswith(above):
                head, slash, _ = path[len(above) :].partition("/")
                part = above + head + slash
                weights[part] = weights.get(part, 0.0) + size / TOGETHER + 1 / MANY
        top = max(weights, key=lambda part: weights[part])
        if weights[top] < SHARE * sum(weights.values()):
            return [above] if above else sorted(weights, key=lambda part: -weights[part])
        if not top.endswith("/"):
            return [top]
        above = top


def meant(part: str, path: str) -> bool:
    """Whether a doubt about `part` is one about this file."""
    return path.startswith(part) if part.endswith("/") else path == part


def covered(doubts: Iterable[Doubt]) -> Callable[[str], bool]:
    """Whether there is a doubt about a file."""
    paths = {doubt.path for doubt in doubts}
    folders = tuple(path for path in paths if path.endswith("/"))
    return lambda path: path in paths or path.startswith(folders)


def secret_in(content: bytes) -> str:
    """What secret there seems to be in a file; empty: none."""
    found = (what for what, sign, shape in SECRETS if sign in content and re.search(shape, content))
    return next(found, "")
