"""The states of nodes: Slurm's words, its signs behind them, and what they mean. Tables."""

from __future__ import annotations

SIGNS = {
    "*": "NOT_RESPONDING",
    "~": "POWERED_DOWN",
    "#": "POWERING_UP",
    "!": "POWER_DOWN",
    "%": "POWERING_DOWN",
    "$": "MAINTENANCE",
    "@": "REBOOT_REQUESTED",
    "^": "REBOOT_ISSUED",
    "-": "PLANNED",
}
"""What sinfo and scontrol put behind a state (sinfo(1), NODE STATE CODES)."""

SHORT = {
    "ALLOC": "ALLOCATED",
    "MIX": "MIXED",
    "COMP": "COMPLETING",
    "DRNG": "DRAINING",
    "DRAIN": "DRAIN",
    "FAILG": "FAILING",
    "MAINT": "MAINTENANCE",
    "RESV": "RESERVED",
    "UNK": "UNKNOWN",
    "NO_RESPOND": "NOT_RESPONDING",
    "POWER_SAVING": "POWERED_DOWN",
    "POWERED_OFF": "POWERED_DOWN",
    "PLND": "PLANNED",
    "BOOT": "POWERING_UP",
    "REBOOT": "REBOOT_REQUESTED",
    "INVAL": "INVALID",
    "INVALID_REG": "INVALID",
}
"""Other words for the same."""

MEANINGS = {
    "ALLOCATED": "all of it is given to jobs",
    "BLOCKED": "kept free by a job that has its whole neighbourhood",
    "CLOUD": "a rented node that comes and goes",
    "COMPLETING": "jobs on it are being cleaned up",
    "DOWN": "out of use",
    "DRAIN": "takes no new jobs",
    "DRAINED": "takes no new jobs, and is empty",
    "DRAINING": "takes no new jobs; those on it go on",
    "DYNAMIC_NORM": "came to the cluster by itself",
    "DYNAMIC_FUTURE": "came to the cluster by itself",
    "ERROR": "broken",
    "FAIL": "about to fail: takes no new jobs",
    "FAILING": "about to fail: takes no new jobs; those on it go on",
    "FUTURE": "not there yet",
    "FUTR": "not there yet",
    "IDLE": "free",
    "INVALID": "it has less than the configuration says",
    "MAINTENANCE": "reserved for maintenance",
    "MIXED": "partly given to jobs",
    "NOT_RESPONDING": "does not answer",
    "NPC": "its network performance counters are in use",
    "PERFCTRS": "its network performance counters are in use",
    "PLANNED": "kept for a large job that starts soon; short ones may still fit in",
    "POWERED_DOWN": "switched off to save power; wakes up for a job",
    "POWERING_DOWN": "is being switched off",
    "POWERING_UP": "is being switched on",
    "POWER_DOWN": "will be switched off",
    "POWER_UP": "will be switched on",
    "REBOOT_ISSUED": "is restarting",
    "REBOOT_REQUESTED": "restarts when it is empty",
    "RESERVED": "kept by a reservation",
    "RESUME": "comes back into use",
    "UNKNOWN": "has not told its state yet",
}
"""What each word means, for a person."""

AWAY = frozenset(
    {
        "BLOCKED",
        "DOWN",
        "DRAIN",
        "DRAINED",
        "DRAINING",
        "ERROR",
        "FAIL",
        "FAILING",
        "FUTURE",
        "FUTR",
        "INVALID",
        "MAINTENANCE",
        "NOT_RESPONDING",
        "POWERING_DOWN",
        "POWER_DOWN",
        "REBOOT_ISSUED",
        "REBOOT_REQUESTED",
        "RESERVED",
        "UNKNOWN",
    }
)
"""With one of these no job begins on a node that has not got a right of its own to it."""


def state(text: str) -> str:
    """`idle*`, `IDLE+DRAIN`, `mix-`, `DOWN*+DRAIN`, `IDLE+CLOUD+POWERED_DOWN` → words with `+` between, in capitals.

    Words that nobody knows stay as they are.
    """
    found: dict[str, None] = {}
    for part in text.strip().upper().split("+"):
        word = part.rstrip("".join(SIGNS))
        if word:
            found[SHORT.get(word, word)] = None
        for sign in part[len(word) :]:
            found[SIGNS[sign]] = None
    return "+".join(found)


def explained(words: str) -> str:
    """A state in plain words."""
    found = [word for word in words.split("+") if word]
    away = not AWAY.isdisjoint(found)
    return "; ".join("empty" if away and word == "IDLE" else MEANINGS.get(word, word.lower()) for word in found)
