"""Which of several findings is the root cause, and what follows from it. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from trainboard.diagnose.finding import Finding
    from trainboard.diagnose.rule import Rule


def ranked(findings: Iterable[Finding], rules: Mapping[str, Rule], ends: Collection[str] = ()) -> tuple[Finding, ...]:
    """Root causes first, the worst of them first, and what follows from each right under it.

    `ends`: rules that tell what a run ended by, of one that did not end well; what explains
    those goes before the rest.
    """
    there = {each.id: each for each in findings}
    roots = roots_of(there.values(), rules)
    ended = {roots[id] or id for id, each in there.items() if id in ends and not each.over}
    tops = sorted(
        (each for each in there.values() if not roots[each.id]),
        key=lambda each: (each.id not in ended, *_order(each, rules)),
    )
    ordered: list[Finding] = []
    for top in tops:
        under = [each for each in there.values() if roots[each.id] == top.id]
        ordered += [top, *sorted(under, key=lambda each: _order(each, rules))]
    return tuple(ordered)


def roots_of(findings: Iterable[Finding], rules: Mapping[str, Rule]) -> dict[str, str]:
    """Of each finding's id, the id of the one that it follows from; empty for a root cause."""
    there = [each.id for each in findings if not each.over]
    return {id: _top(id, there, rules) for id in there} | {each.id: "" for each in findings if each.over}


def _top(id: str, there: Sequence[str], rules: Mapping[str, Rule]) -> str:
    """The end of the chain of causes; a finding that no other explains has none."""
    seen, top = {id}, ""
    while True:
        rule = rules.get(top or id)
        causes = [each for each in (rule.after if rule else ()) if each in there and each not in seen]
        if not causes:
            return top
        top = causes[0]
        seen.add(top)


def _order(finding: Finding, rules: Mapping[str, Rule]) -> tuple[bool, int, int, str]:
    rule = rules.get(finding.id)
    return finding.over, -finding.severity.level, rule.rank if rule else 1000, finding.id
