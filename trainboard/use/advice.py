"""What to ask for next time, by what finished attempts used. Pure.

The 90th percentile of what completed attempts used, as for a submission's checks (`trainboard.preflight.needs`), with
head-room, never below what one of them used, rounded up to what people write. Where memory ran out or the time limit
came first, nobody has seen how much it takes: then it is said to be more than that, and no amount is told.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from backends.base import JobState
from trainboard.preflight.needs import SHARE
from trainboard.show import duration, size
from trainboard.use import amounts

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from trainboard.use.measured import Use

ENOUGH = 1.5
"""Who asks for at most so many times what is advised asks well: a little more costs nothing worth a change."""


@dataclass(frozen=True, slots=True)
class Advice:
    """One thing to ask for."""

    key: str
    """In the spec: `memory`, `time`, … of `resources`."""
    value: str
    """As the spec says it; empty where only a lower bound is known."""
    amount: float
    """The same in bytes, seconds, or as a number; of a lower bound, that bound."""
    used: float
    """The most that an attempt used."""
    runs: int
    """Attempts that it rests on."""
    asked: float | None = None
    """What the newest of them asked for."""
    cut: int = 0
    """Of the attempts, those that were ended for want of it."""

    @property
    def more(self) -> bool:
        """Whether only a lower bound is known."""
        return not self.value

    @property
    def changes(self) -> bool:
        """Whether it is worth asking for something else than before."""
        if self.more or self.asked is None:
            return not self.more
        return not self.amount <= self.asked <= self.amount * (ENOUGH if self.key not in WHOLE else 1.0)

    def words(self) -> str:
        """`memory 3G (used 2.4G of 16G)`."""
        told = WORDS[self.key]
        asked = "" if self.asked is None else f" of {told(self.asked)}"
        if self.more:
            return f"{self.key} more than {told(self.amount)} ({self.cut} of {self.runs} ended for want of it)"
        return f"{self.key} {self.value} (used {told(self.used)}{asked})"

    def as_json(self) -> dict[str, Any]:
        """The keys that `usage --json` promises."""
        return {
            "key": f"resources.{self.key}",
            "value": self.value or None,
            "amount": self.amount,
            "more_than": self.more,
            "used": self.used,
            "asked": self.asked,
            "runs": self.runs,
            "cut": self.cut,
            "changes": self.changes,
        }


@dataclass(frozen=True, slots=True)
class Kind:
    """How one thing is advised."""

    key: str
    used: Callable[[Use], float | None]
    asked: Callable[[Use], float | None]
    cut: Callable[[Use], bool]
    room: float
    """So many times what was used."""
    rounded: Callable[[float], tuple[int, str]]
    rare: bool = False
    """Worth a word only where the spec asks for it."""


def plain(number: float) -> str:
    """A count, as people read it."""
    return f"{number:.3g}"


WHOLE = ("cpus", "gpus")
"""Of these one more is already worth something."""

WORDS: dict[str, Callable[[float], str]] = {
    "gpus": plain,
    "gpu_memory": size,
    "cpus": plain,
    "memory": size,
    "time": duration,
    "disk": size,
}


def cpus_used(use: Use) -> float | None:
    """CPUs at once at most; where nobody took samples, in the mean."""
    if use.cpus_most is not None:
        return max(1.0, use.cpus_most - 0.1)
    if use.cpu is None or not use.seconds:
        return None
    return max(1.0, use.cpu / use.seconds - 0.1)


def gpus_used(use: Use) -> float | None:
    """GPUs that did something; None where that cannot be said, and where there were none."""
    return None if use.idle_gpus is None or not use.gpus or use.nodes > 1 else float(use.gpus - len(use.idle_gpus))


KINDS = (
    Kind("gpus", gpus_used, lambda use: use.gpus, lambda use: False, 1.0, amounts.count),
    Kind(
        "gpu_memory",
        lambda use: use.gpu_memory,
        lambda use: use.gpu_memory_asked,
        lambda use: use.gpu_full,
        1.1,
        amounts.memory,
        rare=True,
    ),
    Kind("cpus", cpus_used, lambda use: use.cpus, lambda use: False, 1.0, amounts.count),
    Kind(
        "memory",
        lambda use: use.memory,
        lambda use: use.memory_asked,
        lambda use: use.state is JobState.OUT_OF_MEMORY,
        1.2,
        amounts.memory,
    ),
    Kind(
        "time",
        lambda use: use.seconds,
        lambda use: use.time_limit,
        lambda use: use.state is JobState.TIMEOUT,
        1.3,
        amounts.time,
    ),
    Kind("disk", lambda use: use.disk, lambda use: use.disk_asked, lambda use: False, 1.2, amounts.memory, rare=True),
)
"""In the order in which specs name them. Head-room is for what differs from run to run: the time, most of all."""


def advised(uses: Sequence[Use]) -> tuple[Advice, ...]:
    """What to ask for, given what attempts of one spec used, the newest last; nothing where nobody has measured."""
    return tuple(found for kind in KINDS if (found := of_kind(kind, uses)) is not None)


def of_kind(kind: Kind, uses: Sequence[Use]) -> Advice | None:
    """One of them."""
    cut = [use for use in uses if kind.cut(use)]
    done = [use for use in uses if use.state is JobState.COMPLETED]
    used = sorted(value for use in done if (value := kind.used(use)) is not None)
    asked = next((value for use in reversed([*done, *cut]) if (value := kind.asked(use)) is not None), None)
    bound = max((max(kind.used(use) or 0.0, kind.asked(use) or 0.0) for use in cut), default=0.0)
    if (not used and not bound) or (kind.rare and asked is None and not cut):
        return None
    count = len(used) + len(cut)
    amount, text = 0, ""
    if used:
        amount, text = kind.rounded(max(used[math.ceil(SHARE * len(used)) - 1] * kind.room, used[-1]))
    if cut and bound >= amount:
        return Advice(kind.key, "", bound, max([*used, bound]), count, asked, len(cut))
    return Advice(kind.key, text, amount, used[-1], count, asked, len(cut))


def as_yaml(advice: Sequence[Advice], name: str) -> str:
    """The part of a spec that asks for it, with what it rests on as comments."""
    known = [each for each in advice if not each.more]
    runs = max((each.runs for each in advice), default=0)
    lines = [f"# {name}: by {runs} finished attempt{'' if runs == 1 else 's'}"]
    lines += [f"# {each.words()}" for each in advice if each.more]
    lines.append("resources:" if known else "# nothing can be said yet")
    width = max((len(f"{each.key}: {each.value}") for each in known), default=0)
    for each in known:
        told = WORDS[each.key]
        before = "" if each.asked is None else f", asked for {told(each.asked)}"
        lines.append(f"  {f'{each.key}: {each.value}':<{width}}  # used {told(each.used)}{before}")
    return "\n".join(lines) + "\n"
