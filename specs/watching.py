"""The `watch` section of a spec, read from its document."""

from __future__ import annotations

from typing import TYPE_CHECKING

from specs.earlystop import RULES
from specs.gather import Gather
from specs.tree import nearest, quoted
from specs.watch import FINDINGS, LEVELS, NOTICES, OFF, SEVERITIES, EarlyStop, Watch

if TYPE_CHECKING:
    from collections.abc import Sequence

    from specs.draft import Draft
    from specs.earlystop import Option
    from specs.tree import Section, Value

STOPS = (*FINDINGS, *SEVERITIES)
TELLS = (*NOTICES, *SEVERITIES)


def read_watch(draft: Draft) -> Watch:
    """What watches the runs. Raises `SpecError`, or a group of them."""
    section, gather = draft.top.section("watch"), Gather()
    found = Watch(
        gather(_rules, section) or {},
        gather(_words, section, "stop_on", STOPS, "a rule or a severity"),
        gather(_early_stop, draft, section),
        gather(_words, section, "notify", TELLS, "a kind of notice or a severity"),
    )
    gather.done()
    return found


def _rules(section: Section) -> dict[str, str]:
    rules, gather = section.section("rules"), Gather()
    gather.add(rules.unknown(FINDINGS))
    found = {name: gather(_level, rules[name]) for name in rules if name in FINDINGS and rules.get(name)}
    gather.done()
    return found


def _level(value: Value) -> str:
    if value.content is False:
        return OFF
    return _word(value, LEVELS, "off, info, warning or error")


def _words(section: Section, key: str, known: Sequence[str], wanted: str) -> tuple[str, ...]:
    gather = Gather()
    found = [gather(_word, item, known, wanted) for item in section.each(key)]
    gather.done()
    return tuple(dict.fromkeys(found))


def _word(value: Value, known: Sequence[str], wanted: str) -> str:
    word = value.text()
    if word not in known:
        raise value.error(f"must be {wanted}, not {quoted(word)}{nearest(word, known)}")
    return word


def _early_stop(draft: Draft, within: Section) -> EarlyStop | None:
    value = within.get("early_stop")
    if value is None:
        return None
    section, gather = value.section(), Gather()
    if draft.top.section("metrics").get("objective") is None:
        gather.add([value.error('needs "metrics.objective", by which runs are judged')])
    rule = gather(_rule, section)
    options = {} if rule is None else gather(_options, section, rule)
    act = gather(section.boolean, "act", False)
    gather.done()
    return EarlyStop(rule, options, act)


def _rule(section: Section) -> str:
    value = section.need("rule")
    return _word(value, tuple(RULES), f"one of {', '.join(RULES)}")


def _options(section: Section, rule: str) -> dict[str, float]:
    given, known, gather = section.section("options"), RULES[rule].options, Gather()
    gather.add(given.unknown(known))
    found = {name: gather(_option, given[name], known[name]) for name in given if name in known and given.get(name)}
    gather.done()
    if rule == "threshold" and not {"lower", "upper"} & found.keys():
        raise section["rule"].error('threshold needs "lower" or "upper" in "watch.early_stop.options"')
    return found


def _option(value: Value, option: Option) -> float:
    number = float(value.integer()) if option.whole else value.number()
    if not option.least <= number <= option.most:
        raise value.wrong(f"from {option.least:g} to {option.most:g}")
    return number
