"""How much memory GPUs have, by the type that a site gives them in Slurm. Pure."""

from __future__ import annotations

import re

GB = 1 << 30

MODELS = (
    ("h200", 140, 141),
    ("h100", 80, 96),
    ("gh200", 96, 141),
    ("b200", 179, 192),
    ("a100", 40, 80),
    ("mi250x?", 64, 128),
    ("mi300x?", 128, 192),
    ("mi100", 32, 32),
    ("l40s?", 45, 48),
    ("l4", 22, 24),
    ("a40", 45, 48),
    ("a30", 24, 24),
    ("a10g?", 22, 24),
    ("a6000", 48, 48),
    ("a5000", 24, 24),
    ("v100", 16, 32),
    ("p100", 12, 16),
    ("k80", 11, 12),
    ("t4", 15, 16),
    ("(?:rtx)?5090", 31, 32),
    ("(?:rtx)?(?:4090|3090)", 24, 24),
    ("(?:rtx)?2080ti", 11, 11),
)
"""Name, and the least and the most GiB that cards of that name have, by their makers' data sheets."""

_SAID = re.compile(r"(?<![0-9a-z])(\d{1,3})(?:gb|g)(?![0-9a-z])")


def memory(kind: str) -> tuple[int, int] | None:
    """Bytes at least and at most, of `a100`, `nvidia_a100_80gb`, …; None for a name that is not known.

    A slice of a GPU (`1g.5gb`) is known by the memory in its name.
    """
    name = kind.lower()
    if said := _SAID.findall(re.sub(r"[-_.]", " ", name)):
        return int(said[-1]) * GB, int(said[-1]) * GB
    for model, least, most in MODELS:
        if re.search(rf"(?<![a-z0-9]){model}(?![a-z0-9])", re.sub(r"[-_]", " ", name)):
            return least * GB, most * GB
    return None
