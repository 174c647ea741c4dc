"""The `metrics` section: where metrics are read, and what the spec's own patterns must be."""

from __future__ import annotations

from pathlib import Path

import pytest

from specs.expand import expand
from specs.load import loads
from specs.metrics import source_globs
from specs.model import Metrics, SpecError, SpecErrors
from specs.outputs import shared_outputs

HEAD = "name: x\ncommand: ./train\n"
SOURCE = Path(__file__).parent / "x.yaml"


def read(rest: str) -> Metrics:
    return loads(HEAD + rest, SOURCE).metrics


def complaints(rest: str) -> list[str]:
    """What is wrong with the third line and those after it: `line:column: message`."""
    with pytest.raises(SpecError) as found:
        loads(HEAD + rest, SOURCE)
    errors = found.value.all if isinstance(found.value, SpecErrors) else (found.value,)
    return [f"{each.line}:{each.column}: {each.message}" for each in errors]


def test_without_sources_the_log_is_read() -> None:
    assert (read("").sources, read("").pattern) == (("stdout",), ())
    assert read("metrics: {objective: loss, sources: null}").sources == ("stdout",)


def test_sources_are_the_log_and_globs() -> None:
    assert read("metrics: {sources: [stdout, metrics.csv, 'runs/**/events.*', stdout]}").sources == (
        "stdout",
        "metrics.csv",
        "runs/**/events.*",
    )
    assert read("metrics: {sources: metrics.csv}").sources == ("metrics.csv",)


@pytest.mark.parametrize(
    ("section", "message"),
    [
        ("{sources: []}", '3:20: "metrics.sources" names no source; leave it out to read stdout'),
        ("{sources: [3.5]}", ""),
        ("{sources: [{a: 1}]}", '3:21: "metrics.sources[1]" must be text, not a mapping'),
        ("{sources: [stdout, stderr]}", '3:29: "metrics.sources[2]" is "stderr"; the log, which has all that the'),
        ("{sources: [STDOUT]}", '3:21: "metrics.sources[1]" is "STDOUT"; the log'),
        ("{sources: stdot}", '3:20: "metrics.sources" is "stdot" (did you mean "stdout"?)'),
        ("{sources: /tmp/a.csv}", '3:20: "metrics.sources" leads out of the project folder: "/tmp/a.csv"'),
        ("{sources: ['../a.csv']}", '3:21: "metrics.sources[1]" leads out of the project folder: "../a.csv"'),
        ("{sources: ['~/a.csv']}", '3:21: "metrics.sources[1]" begins with ~'),
        ("{sources: ['**']}", '3:21: "metrics.sources[1]" is "**", which is everything there'),
        ("{sources: ['$X/a.csv']}", '3:21: "metrics.sources[1]" holds a variable of the shell'),
        ("{sources: ['{x}/a.csv']}", '3:21: "metrics.sources[1]": unknown parameter "x"'),
        ("{source: a.csv}", '3:11: unknown key "metrics.source" (did you mean "metrics.sources"?)'),
        ("{pattern: 'loss (?P<loss>'}", '3:26: "metrics.pattern" is no regular expression: missing ), unterminated'),
        ("{pattern: ['a', 'b (']}", '3:29: "metrics.pattern[2]" is no regular expression: missing )'),
        ("{pattern: 'loss ([0-9.]+)'}", '3:20: "metrics.pattern" names no metric: write (?P<loss>…)'),
        ("{pattern: '(?P<step>[0-9]+)'}", '3:20: "metrics.pattern" names no metric'),
        ("{pattern: '(?P<name>[a-z]+) is'}", '3:20: "metrics.pattern" has a group (?P<name>…) and none'),
        ("{pattern: '(?P<loss>(a+)+)'}", '3:20: "metrics.pattern" repeats what repeats'),
        ("{pattern: '(?P<loss>[a-z]*)'}", '3:20: "metrics.pattern" matches nothing at all'),
    ],
)
def test_a_mistake_is_told_where_it_stands(section: str, message: str) -> None:
    if not message:
        assert read(f"metrics: {section}").sources == ("3.5",)
        return
    found = complaints(f"metrics: {section}")
    assert [each for each in found if each.startswith(message)], found


def test_a_mistake_in_a_pattern_of_several_lines_is_told_at_its_own_line() -> None:
    text = "metrics:\n  pattern: |-\n    (?x) loss\n    \\s (?P<loss>[0-9.+)\n"
    assert complaints(text)[0].startswith('6:17: "metrics.pattern" is no regular expression: unterminated')


@pytest.mark.parametrize(
    "pattern",
    [
        r"loss is (?P<loss>[-+]?\d+(\.\d+)?(e[-+]?\d+)?)",
        r"(?P<name>\w+) -> (?P<value>\S+) at (?P<step>\d+)",
        r"it (?P<iter>\d{1,9}) .* acc=(?P<val_acc>\S+)",
    ],
)
def test_usual_patterns_are_fine(pattern: str) -> None:
    assert read(f"metrics: {{pattern: '{pattern}'}}").pattern == (pattern,)


def test_all_mistakes_are_told_at_once() -> None:
    found = complaints("metrics: {goal: most, sources: [/a], pattern: [x, '(']}")
    assert len(found) == 4


def test_globs_are_filled_with_the_values_of_each_run() -> None:
    spec = loads(
        f"{HEAD}metrics: {{sources: [stdout, '{{run}}/m.csv', '{{a}}.jsonl']}}\nsweep: {{a: ['x*', y]}}", SOURCE
    )
    assert [source_globs(spec.metrics.sources, run.name, run.params) for run in expand(spec)] == [
        ("stdout", f"{expand(spec)[0].name}/m.csv", "x[*].jsonl"),
        ("stdout", "a=y/m.csv", "y.jsonl"),
    ]


def test_a_value_that_leads_elsewhere_is_no_source() -> None:
    assert source_globs(("stdout", "{a}/x.csv"), "run", {"a": ".."}) == ("stdout",)


def test_runs_that_share_a_folder_need_files_of_their_own() -> None:
    spec = loads(f"{HEAD}metrics: {{sources: [stdout, metrics.csv]}}\nsweep: {{a: [1, 2]}}", SOURCE)
    clash = shared_outputs(spec, expand(spec))
    assert clash is not None
    assert '"metrics.sources": runs a=1 and a=2 would take each other\'s metrics for their own' in clash
    apart = loads(f"{HEAD}metrics: {{sources: [stdout, '{{run}}/metrics.csv']}}\nsweep: {{a: [1, 2]}}", SOURCE)
    assert shared_outputs(apart, expand(apart)) is None
