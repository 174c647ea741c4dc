"""How much memory GPUs have, by the type that a site gives them in Slurm. Pure."""

from __future__ import annotations

import re

GB = 1 << 30

MODELS = (
    ("b300", 268, 288),
    ("gb200", 185, 192),
    ("b200", 179, 192),
    ("gh200", 95, 144),
    ("h200", 140, 141),
    ("h100", 79, 96),
    ("h20", 95, 141),
    ("a100", 40, 80),
    ("mi300x?", 128, 192),
    ("mi250x?", 64, 128),
    ("mi100", 32, 32),
    ("rtx pro 6000", 95, 96),
    ("(?:rtx )?6000 ada", 48, 48),
    ("(?:quadro )?rtx ?8000", 48, 48),
    ("l40s?", 45, 48),
    ("l4", 22, 24),
    ("a40", 45, 48),
    ("a30", 24, 24),
    ("a10g?", 22, 24),
    ("a16", 15, 16),
    ("a6000", 48, 48),
    ("a5000", 24, 24),
    ("a4500", 20, 20),
    ("a4000", 16, 16),
    ("v100s?", 16, 32),
    ("p100", 12, 16),
    ("p40", 22, 24),
    ("k80", 11, 12),
    ("t4", 15, 16),
    ("(?:rtx ?)?5090", 31, 32),
    ("(?:rtx ?)?(?:4090|3090)(?: ?ti)?", 24, 24),
    ("(?:rtx ?)?2080 ?ti", 11, 11),
    ("(?:gtx ?)?1080 ?ti", 11, 11),
)
"""Name, and the least and the most GiB that cards of that name have.

The most is what their makers' data sheets say (NVIDIA's MIG User Guide, "Supported GPUs", for those that it lists),
the least what the driver leaves of the smallest of them: an H100 of 80 GB has 81,559 MiB, an L4 23,034.
"""

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
