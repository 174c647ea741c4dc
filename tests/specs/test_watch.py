"""The `watch` section of a spec: read, kept with an experiment, offered."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from specs.complete import complete
from specs.earlystop import RULES
from specs.load import loads
from specs.model import SpecError
from specs.watch import FINDINGS, LEVELS, NOTICES, SEVERITIES, EarlyStop, Watch, document, watch_of

HEAD = "name: x\ncommand: ./train\nmetrics: {objective: loss}\n"


def watch(text: str, *words: str) -> Watch:
    """What a spec with this section says."""
    return loads(f"{HEAD}watch: {text}\n", Path("f.yaml"), words).watch


def complaint(text: str, head: str = HEAD) -> str:
    with pytest.raises(SpecError) as caught:
        loads(f"{head}watch: {text}\n", Path("f.yaml"))
    return caught.value.message


def test_a_spec_without_it_watches_as_usual_and_stops_nothing() -> None:
    found = loads(HEAD, Path("f.yaml")).watch
    assert found == Watch() == watch("null") == watch("{rules: {non_finite: null}, early_stop: null}")
    assert document(found) == {}
    assert found.severity("non_finite", "error") == "error"
    assert all(found.stops(rule, "error") is None for rule in FINDINGS)


def test_all_of_it_is_read_and_kept() -> None:
    found = watch(
        "{rules: {overfitting: off, plateau: warning}, stop_on: [non_finite, error, non_finite], notify: finished, "
        "early_stop: {rule: percentile, options: {keep: 0.5, runs: 7}, act: yes}}"
    )
    assert found == Watch(
        {"overfitting": "off", "plateau": "warning"},
        ("non_finite", "error"),
        EarlyStop("percentile", {"keep": 0.5, "runs": 7.0}, act=True),
        ("finished",),
    )
    assert watch_of(json.loads(json.dumps(document(found)))) == found


def test_the_command_line_goes_before_the_file() -> None:
    found = watch(
        "{early_stop: {rule: median}}", "watch.early_stop.act=true", "watch.early_stop.options.grace=0.5",
        "watch.rules.plateau=off", "watch.stop_on=[error]",
    )  # fmt: skip
    assert found.early_stop == EarlyStop("median", {"grace": 0.5}, act=True)
    assert (found.rules, found.stop_on) == ({"plateau": "off"}, ("error",))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{rule: {}}", 'unknown key "watch.rule" (did you mean "watch.rules"?)'),
        ("{rules: {overfit: off}}", 'unknown key "watch.rules.overfit" (did you mean "watch.rules.overfitting"?)'),
        ("{rules: {plateau: no}}", '"watch.rules.plateau" must be off, info, warning or error, not "no"'),
        ("{stop_on: [nonfinite]}", '"watch.stop_on[1]" must be a rule or a severity, not "nonfinite" (did you mean'),
        ("{notify: [done]}", '"watch.notify[1]" must be a kind of notice or a severity, not "done"'),
        ("{early_stop: {act: true}}", '"watch.early_stop.rule" is missing'),
        ("{early_stop: {rule: medain}}", '"watch.early_stop.rule" must be one of median, percentile, patience, '),
        ("{early_stop: {rule: median, act: 2}}", '"watch.early_stop.act" must be true or false, not 2'),
        ("{early_stop: {rule: median, stop: 2}}", 'unknown key "watch.early_stop.stop"'),
        (
            "{early_stop: {rule: median, options: {keep: 0.5}}}",
            'unknown key "watch.early_stop.options.keep"',
        ),
        (
            "{early_stop: {rule: percentile, options: {keep: 90}}}",
            '"watch.early_stop.options.keep" must be from 0 to 1, not 90',
        ),
        (
            "{early_stop: {rule: median, options: {runs: 2.5}}}",
            '"watch.early_stop.options.runs" must be a whole number, not 2.5',
        ),
        (
            "{early_stop: {rule: threshold}}",
            '"watch.early_stop.rule" threshold needs "lower" or "upper" in "watch.early_stop.options"',
        ),
        ("{early_stop: [median]}", '"watch.early_stop" must be a mapping of keys to values, not a list'),
    ],
)
def test_a_mistake_is_named(text: str, message: str) -> None:
    assert complaint(text).startswith(message)


def test_hopeless_runs_need_an_objective_to_be_judged_by() -> None:
    said = complaint("{early_stop: {rule: median}}", "name: x\ncommand: ./train\n")
    assert said == '"watch.early_stop" needs "metrics.objective", by which runs are judged'


def test_mistakes_in_a_variant_are_found() -> None:
    text = f"{HEAD}variants: {{a: {{watch: {{early_stop: {{rule: median, acts: true}}}}}}}}\n"
    with pytest.raises(SpecError, match=r'unknown key "variants\.a\.watch\.early_stop\.acts"|early_stop\.acts'):
        loads(text, Path("f.yaml"), ["variant=a"])


def test_a_rule_stops_a_run_by_its_name_or_by_how_bad_it_is() -> None:
    found = watch("{stop_on: [plateau, warning]}")
    assert found.stops("plateau", "info") == "plateau"
    assert found.stops("divergence", "error") == "warning"
    assert found.stops("divergence", "info") is None


@settings(max_examples=50)
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=5),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(["rules", "stop_on", "early_stop", "notify", "rule", "options", "act"]),
                inner,
                max_size=4,
            )
        ),
        max_leaves=8,
    )
)
def test_what_another_version_kept_never_stands_in_the_way(kept: object) -> None:
    found = watch_of(kept if isinstance(kept, dict) else {"rules": kept, "early_stop": kept, "stop_on": kept})
    assert watch_of(document(found)) == found


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("watch: {stop_on: [non_f‸", ["non_finite"]),
        ("watch:\n  rules:\n    plat‸", ["plateau: "]),
        ("watch:\n  rules:\n    plateau: ‸", [*LEVELS]),
        ("watch: {early_stop: {rule: hist‸", ["history"]),
        ("watch: {early_stop: {options: {kee‸", ["keep: "]),
        ("watch: {notify: [fin‸", ["finished", "finding"]),
    ],
)
def test_its_words_are_offered(text: str, words: list[str]) -> None:
    lines = text.partition("‸")[0].split("\n")
    offered = complete(text.replace("‸", ""), len(lines), len(lines[-1]) + 1)
    assert [each.text for each in offered] == words


def test_every_rule_of_early_stopping_has_a_default_within_its_bounds() -> None:
    for rule in RULES.values():
        for option in rule.options.values():
            assert option.default is None or option.least <= option.default <= option.most


def test_no_word_means_two_things() -> None:
    words = (*FINDINGS, *SEVERITIES)
    assert len(set(words)) == len(words)
    assert not set(NOTICES) & set(SEVERITIES)
