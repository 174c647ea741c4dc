"""Why a run failed, in one plain sentence, with the lines that prove it. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from backends.text import one_line
from trainboard.diagnose.finding import Severity
from trainboard.diagnose.jobrules import cuda, ended, processes, storage

if TYPE_CHECKING:
    from collections.abc import Sequence

    from trainboard.diagnose.finding import Finding

_ENDS = (*ended.RULES, *cuda.RULES, *storage.RULES, *processes.RULES)
ENDINGS = frozenset(rule.id for rule in _ENDS if rule.severity is not Severity.WARNING) | {
    "preempted",
    "lost",
    "non_finite",
}
"""Rules that tell why a job ended."""

DEATHS = frozenset(rule.id for rule in _ENDS if rule.severity is Severity.ERROR) - {"failed", "ended_early"}
"""Those that say what ended it, and not only that it did."""

WELL = ("completed", "running", "unknown")
"""Outcomes of a log by which nothing is wrong."""

LINES = 8
"""Lines that prove it, at most."""

OUTCOMES = {
    "completed": "It completed.",
    "running": "It is still running.",
    "failed": "It failed, and its log does not say why.",
    "nan": "It ended because its loss was not a number.",
    "oom": "It ran out of memory.",
    "timeout": "It was ended at its time limit.",
    "traceback": "It ended with an exception of its own.",
    "killed": "It was killed from outside.",
}


@dataclass(frozen=True, slots=True)
class Answer:
    """Why it is as it is."""

    sentence: str
    """One plain sentence."""
    lines: tuple[str, ...]
    """Of the log: what proves it."""
    finding: Finding | None = None
    """The finding that it is by; None: only the outcome is known."""

    def as_json(self) -> dict[str, Any]:
        """For `diagnose --json`."""
        return {
            "sentence": self.sentence,
            "lines": list(self.lines),
            "finding": None if self.finding is None else self.finding.id,
        }


def why(findings: Sequence[Finding], outcome: str, tail: bytes = b"") -> Answer:
    """Why a run ended, or is not well: by the first of its findings, root cause first, that is not over.

    `outcome`: one of `trainboard.outcome.OUTCOMES`. `tail`: the end of its log.
    """
    standing = [each for each in findings if not each.over]
    ends = [each for each in standing if each.id in ENDINGS]
    if outcome in WELL and all(each.id == "non_finite" for each in ends):
        ends = []
    serious = [each for each in standing if each.severity is not Severity.INFO]
    told = next(iter(ends or serious), None)
    if told is not None:
        return Answer(told.message, told.lines[:LINES] or last_lines(tail, outcome), told)
    sentence = OUTCOMES.get(outcome, "Its log does not say how it ended.")
    return Answer(sentence, last_lines(tail, outcome))


def last_lines(tail: bytes, outcome: str) -> tuple[str, ...]:
    """The last lines of a log that ended badly; none of one that goes on or completed."""
    if outcome in ("completed", "running"):
        return ()
    lines = [found for line in tail[-16384:].splitlines() if (found := one_line(line, 400))]
    return tuple(lines[-5:])
