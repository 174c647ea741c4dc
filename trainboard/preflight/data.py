"""Checks of inputs: whether what runs read lies where they run."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from trainboard.preflight.said import failing, passing, warning
from trainboard.show import clean, size

if TYPE_CHECKING:
    from collections.abc import Iterator

    from backends.checks import InputSeen, Survey
    from specs.model import Input
    from trainboard.preflight.facts import Facts
    from trainboard.preflight.said import Said

LINES = 20
"""Inputs that are told of one by one."""


def inputs(facts: Facts, survey: Survey) -> Iterator[Said]:
    """Whether they are there, of the right size and content."""
    wrong = 0
    good: Counter[str] = Counter()
    for wanted, runs in facts.question.inputs.items():
        seen = survey.inputs.get(wanted.path)
        said = None if seen is None else judged(wanted, seen, runs)
        if seen is not None and said is None:
            good[seen.kind] += 1
            continue
        wrong += 1
        if wrong <= LINES:
            yield said or warning(f"{clean(wanted.path)}: not looked at: there are too many", runs=runs)
    if wrong > LINES:
        yield failing(f"and {wrong - LINES} more that are not as they should be")
    if good:
        yield passing(", ".join(f"{count} {kind}{'' if count == 1 else 's'} there" for kind, count in good.items()))


def judged(wanted: Input, seen: InputSeen, runs: tuple[int, ...]) -> Said | None:
    """What is wrong with one; None: nothing."""
    path = clean(wanted.path)
    if not seen.kind:
        return failing(f"{path}: {seen.trouble or 'not there'}", "put it there, or correct `inputs`", runs)
    if seen.kind == "folder" and (wanted.size is not None or wanted.sha256 is not None):
        return failing(f"{path}: a folder, of which neither size nor checksum is known", "name a file", runs)
    if wanted.size is not None and seen.size is not None and abs(seen.size - wanted.size) > wanted.slack:
        said = f"{path}: has {size(seen.size)} ({seen.size} bytes) instead of {size(wanted.size)}"
        return failing(said, "it may be half copied: copy it again, or correct `inputs`", runs)
    if seen.trouble:
        return failing(f"{path}: {seen.trouble}", "correct its rights, or `inputs`", runs)
    if seen.late:
        advice = "`trainboard check SPEC --patience 10m` gives it more, and the host remembers what comes out"
        return warning(f"{path}: there was not enough time for its checksum", advice, runs)
    if wanted.sha256 is not None and seen.sha256 != wanted.sha256:
        return failing(
            f"{path}: its SHA-256 is {seen.sha256[:12]}…, not {wanted.sha256[:12]}…", "copy it again", runs
        )
    return None
