"""What sinfo and `sbatch --test-only` say → a forecast. Pure."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from backends.checks import Forecast, Nodes
from backends.parse import slurm_duration, slurm_time
from backends.sbatch import PASSING, UNHEARD, no_room, telling
from backends.text import one_line

if TYPE_CHECKING:
    from backends.base import Completed
    from backends.checks import Unknown

NODE_FIELDS = "%P|%a|%l|%L|%D|%c|%m|%G"
"""sinfo -o: partition (`*` at the default one), avail, limit, default limit, nodes, and of each CPUs, MB, GRES."""

_START = re.compile(r"\bto start at (\S+)")
_GPU = re.compile(r"gpu(?::([^:(),]+))?:(\d{1,4})(?:\([^()]*\))?")


def parse_nodes(text: str) -> tuple[Nodes, ...]:
    """`sinfo -h -e -o NODE_FIELDS` → nodes that are alike, by partition; lines that are none are left out."""
    rows = (line.split("|") for line in text.splitlines())
    return tuple(_nodes(row) for row in rows if len(row) == NODE_FIELDS.count("|") + 1 and row[4].isdigit())


def _nodes(row: list[str]) -> Nodes:
    name, avail, limit, usual, count, cpus, memory, gres = row
    return Nodes(
        partition=name.rstrip("*"),
        default=name.endswith("*"),
        avail=avail,
        limit=slurm_duration(limit),
        usual=slurm_duration(usual),
        count=int(count),
        cpus=_at_least(cpus),
        memory=_at_least(memory) << 20,
        gpus=tuple((match[1] or "", int(match[2])) for match in _GPU.finditer(gres)),
    )


def _at_least(word: str) -> int:
    """`16`, or `16+` where nodes differ all the same."""
    digits = word.rstrip("+").strip()
    return int(digits) if digits.isascii() and digits.isdigit() else 0


def forecast(done: Completed, partitions: tuple[Nodes, ...] | Unknown) -> Forecast:
    """`sbatch --test-only`'s end. It says it on standard error, and of the time as SLURM_TIME_FORMAT wants it."""
    text = f"{done.err.decode('utf-8', 'replace')}\n{done.out.decode('utf-8', 'replace')}"
    said = telling(text)
    words = one_line(said, 400)
    if done.code == 0:
        start = _START.search(text)
        return Forecast(partitions, slurm_time(start[1]) if start else None)
    passing = bool(no_room(text) or done.code < 0 or UNHEARD.search(said) or PASSING.search(said))
    return Forecast(partitions, None, words or f"exit code {done.code}", passing)
