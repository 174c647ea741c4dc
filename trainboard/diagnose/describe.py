"""The documentation of the findings, `docs/findings.md`: a section for each rule, from its docstring.

`python -m trainboard.diagnose.describe` prints it.
"""

from __future__ import annotations

import inspect
import re
import sys
from typing import TYPE_CHECKING, NamedTuple

from trainboard.diagnose.catalogue import TRAINING_RULES
from trainboard.diagnose.hopeless.judging import HOPELESS_RULES
from trainboard.diagnose.job import JOB_RULES

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from trainboard.diagnose.rule import Rule

SECTIONS = ("Trigger", "Defaults", "Source", "Advice")
"""What each docstring tells after its first sentences, in this order."""
_SECTION = re.compile(rf"^({'|'.join(SECTIONS)}): ", re.MULTILINE)

_HEAD = """\
# Findings

What is looked for in every run, without being asked. `trainboard diagnose RUN` tells what was found; the board marks
it in the job table. A finding has a severity: **error**, the run is broken or over; **warning**, the result or the
machine time suffers; **info**, worth knowing. Where several have one cause, the cause comes first and the rest under
it: *follows from* says which rules explain which.

A rule is switched off, or given another severity, by its id in a spec: `watch: {rules: {overfitting: off}}`; one
finding is muted on the screen.

This page is made of the rules' own descriptions: `python -m trainboard.diagnose.describe`.
"""


CHAPTERS: Mapping[str, Sequence[Rule]] = {
    "The training": TRAINING_RULES,
    "The job and its machine": JOB_RULES,
    "Against other runs": HOPELESS_RULES,
}


class Told(NamedTuple):
    """What a rule's docstring says."""

    summary: str
    sections: dict[str, str]


def told(rule: Rule) -> Told:
    """The parts of a rule's docstring, each on one line. Raises ValueError where one is missing."""
    text = inspect.getdoc(rule.look) or ""
    summary, *rest = _SECTION.split(text)
    sections = {name: _line(said) for name, said in zip(rest[::2], rest[1::2], strict=True)}
    missing = [name for name in SECTIONS if name not in sections]
    if missing or not summary.strip():
        raise ValueError(f"the docstring of {rule.id} has no {', '.join(missing) or 'first sentence'}")
    return Told(_line(summary), sections)


def page() -> str:
    """The whole page, as Markdown."""
    parts = [_HEAD]
    for title, rules in CHAPTERS.items():
        parts += [f"## {title}\n", _table(rules), *(_section(rule) for rule in rules)]
    return "\n".join(parts)


def _table(rules: Iterable[Rule]) -> str:
    rows = [f"| [`{rule.id}`](#{rule.id}) | {rule.severity} | {told(rule).summary} |" for rule in rules]
    return "\n".join(("| finding | at worst | |", "|---|---|---|", *rows, ""))


def _section(rule: Rule) -> str:
    said = told(rule)
    lines = [f"### {rule.id}\n", f"{said.summary}\n"]
    lines += [f"- **{name}**: {text}" for name, text in said.sections.items()]
    lines += [f"- **Needs**: {rule.needs}"]
    if rule.after:
        lines += [f"- **Follows from**: {', '.join(f'`{id}`' for id in rule.after)}"]
    return "\n".join(lines) + "\n"


def _line(text: str) -> str:
    return " ".join(text.split())


if __name__ == "__main__":
    sys.stdout.write(page())
