"""What nvidia-smi prints → GPUs, slices, processes. Pure: of a line that cannot be read, nothing is guessed."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from backends.machine import Gpu, Slice
from backends.text import one_line

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

THROTTLE = {
    0x2: "application clocks",
    0x4: "power cap",
    0x8: "hardware slowdown",
    0x10: "sync boost",
    0x20: "thermal slowdown",
    0x40: "hardware thermal slowdown",
    0x80: "power brake",
    0x100: "display clocks",
}
"""The bits of the clocks' event reasons (nvml.h, `nvmlClocksEventReason…`), but for the one of an idle GPU."""

IDLE = 0x1

GONE = re.compile(r"\[?(GPU is lost|GPU requires reset)\]?", re.IGNORECASE)
UNKNOWN = re.compile(r"\[?(Unknown Error|ERR!)\]?", re.IGNORECASE)
VITAL = ("utilization.gpu", "memory.used", "temperature.gpu")
"""Where all of these are errors, the GPU does not answer."""

HELD = 0.1
"""The share of a GPU's memory that nobody holds without a process: drivers themselves take a hundredth."""

CARD = re.compile(r"GPU \d+: .*\(UUID: (GPU-[^)\s]+)\)")
PART = re.compile(r"\s+MIG (\S+)\s+Device\s+\d+: \(UUID: (MIG-[^)]+)\)")


def parse_gpu(line: str, fields: Sequence[str]) -> Gpu | None:
    """A line of `--query-gpu` with these fields, without units; None for a line that is none."""
    words = [word.strip() for word in line.split(",")]
    if len(words) != len(fields) or not (words[0].isascii() and words[0].isdigit()):
        return None
    said = dict(zip(fields, words, strict=True))
    ecc = figure(said.get("ecc.errors.uncorrected.volatile.total", ""))
    reasons = said.get("clocks_event_reasons.active", said.get("clocks_throttle_reasons.active", ""))
    return Gpu(
        index=int(words[0]),
        uuid=one_line(said["uuid"], 64),
        name=one_line(said["name"], 64),
        utilization=figure(said["utilization.gpu"]),
        memory_used=mebibytes(said["memory.used"]),
        memory_total=mebibytes(said["memory.total"]),
        temperature=figure(said["temperature.gpu"]),
        power=figure(said["power.draw"]),
        power_limit=figure(said.get("power.limit", "")),
        throttle=throttle(reasons),
        ecc=None if ecc is None else int(ecc),
        lost=lost(said),
    )


def lost(said: Mapping[str, str]) -> str:
    """Why a GPU does not answer any more, by what stands in place of its figures."""
    for value in said.values():
        match = GONE.fullmatch(value)
        if match is not None:
            return match[1]
    errors = [UNKNOWN.fullmatch(said[name]) for name in VITAL]
    return "Unknown Error" if all(errors) else ""


def throttle(text: str) -> tuple[str, ...]:
    """The reasons in a word as 0x0000000000000004; of an idle GPU none, as its clocks are low for want of work."""
    match = re.fullmatch(r"0x([0-9a-fA-F]{1,16})", text)
    return reasons(int(match[1], 16)) if match else ()


def reasons(bits: int) -> tuple[str, ...]:
    """The same as words."""
    return () if bits & IDLE else tuple(word for bit, word in THROTTLE.items() if bits & bit)


def visible(count: int | None, used: int | None, total: int | None) -> int | None:
    """How many processes are on a GPU; None where there are some that we do not see, as from within a container."""
    hidden = count == 0 and used is not None and total and used >= HELD * total
    return None if hidden else count


def parse_slices(text: str) -> dict[str, tuple[Slice, ...]]:
    """`nvidia-smi -L`: by GPU, the slices that it is cut into."""
    found: dict[str, list[Slice]] = {}
    card = ""
    for line in text.splitlines():
        if match := CARD.match(line):
            card = match[1]
        elif (match := PART.match(line)) and card:
            found.setdefault(card, []).append(Slice(one_line(match[2], 80), one_line(match[1], 40)))
    return {uuid: tuple(parts) for uuid, parts in found.items()}


def mebibytes(text: str) -> int | None:
    """Bytes."""
    value = figure(text)
    return None if value is None else int(value * 2**20)


def figure(text: str) -> float | None:
    """A number; None for `[N/A]`, `[Not Supported]` and the like."""
    return float(text) if re.fullmatch(r"\d{1,15}(\.\d{1,9})?", text, re.ASCII) else None
