"""`${name}` in values, and `{name}` in what is data."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from specs.braces import fill, placeholders, stray
from specs.expand import expand
from specs.load import errors, loads
from specs.model import Scalar, Setting, SpecError
from specs.references import has_references, resolve, substitute

SOURCE = Path("x.yaml")


def settings_of(rest: str, *words: str) -> tuple[Setting, ...]:
    return expand(loads(f"name: x\ncommand: train {{args}}\n{rest}\n", SOURCE, words))


def params(rest: str, *words: str) -> dict[str, Scalar]:
    return dict(settings_of(rest, *words)[0].params)


def complaint(rest: str, *words: str) -> str:
    text = f"name: x\ncommand: train {{args}}\n{rest}\n"
    with pytest.raises(SpecError) as caught:
        loads(text, SOURCE, words)
    assert str(caught.value) in [str(error) for error in errors(text, SOURCE, words)]
    return str(caught.value).removeprefix("x.yaml:")


def test_a_reference_is_the_other_parameters_value_after_the_sweep() -> None:
    found = settings_of("params: {out: 'runs/${lr}-${seed}'}\nsweep: {lr: [0.1, 0.2], seeds: 1}")
    assert [run.params["out"] for run in found] == ["runs/0.1-1", "runs/0.2-1"]
    assert [run.name for run in found] == ["lr=0.1", "lr=0.2"]


def test_a_value_that_is_nothing_but_a_reference_keeps_its_type() -> None:
    assert params("params: {a: '${b}', b: 3, c: ' ${b}', d: '${e}', e: null, f: '${g}', g: true}") == {
        **{"a": 3, "b": 3, "c": " 3", "d": None, "e": None, "f": True, "g": True},
    }


def test_references_go_on_through_others_and_into_sweeps_and_points() -> None:
    assert params("params: {a: '<${b}>', b: '${c.d}', c: {d: x}}") == {"a": "<x>", "b": "x", "c.d": "x"}
    assert [run.params["a"] for run in settings_of("params: {b: 1}\nsweep: {a: ['${b}', 2]}")] == [1, 2]
    listed = settings_of("sweep: {method: list, points: [{a: 1, b: '${a}'}, {a: 2, b: x}]}")
    assert [run.params for run in listed] == [{"a": 1, "b": 1}, {"a": 2, "b": "x"}]


def test_a_point_refers_to_what_it_gives_itself() -> None:
    listed = settings_of("sweep: {method: list, points: [{a: 1, b: '${a}'}, {c: 3}]}")
    assert [run.params for run in listed] == [{"a": 1, "b": 1}, {"c": 3}]


def test_two_dollars_are_a_literal_reference() -> None:
    assert params("params: {a: '$${b} ${b}', b: 1, c: '$5 $b $$'}") == {"a": "${b} 1", "b": 1, "c": "$5 $b $$"}


def test_the_command_keeps_the_shells_own_variables() -> None:
    spec = loads("name: x\ncommand: a ${HOME} {v}\nsetup: echo ${X}\nparams: {v: '${w}', w: 1}", SOURCE)
    assert expand(spec)[0].command == "a ${HOME} 1"


def test_an_override_may_refer_too() -> None:
    assert params("params: {a: 1, b: 2}", "a=${b}") == {"a": 2, "b": 2}


def test_excluded_settings_are_looked_at_with_their_references_filled_in() -> None:
    found = settings_of("params: {c: '${a}'}\nsweep: {a: [1, 2, 3], exclude: [{c: 2}]}")
    assert [run.params["a"] for run in found] == [1, 3]


def test_a_conditional_parameter_may_refer_to_what_its_condition_brings() -> None:
    sweep = "sweep: {opt: [sgd, adam], m: {values: [1], when: {opt: sgd}}, n: {values: ['${m}'], when: {opt: sgd}}}"
    assert [run.params.get("n") for run in settings_of(sweep)] == [1, None]


@pytest.mark.parametrize(
    ("rest", "message"),
    [
        (
            "params:\n  a: ${c}\n  xyz: 1",
            '4:6: "params.a" refers to "c", which is no parameter; for the text itself write ',
        ),
        (
            "params: {a: '${loss}', los: 1}",
            '3:13: "params.a" refers to "loss", which is no parameter (did you mean "los"?',
        ),
        ("params: {a: '${a}'}", '3:13: "params.a" refers to itself, by way of others or at once'),
        (
            "params: {z: '${a}', a: '${b}', b: '${a}'}",
            '3:24: "params.a" refers to itself, by way of others or at once',
        ),
        (
            "params: {a: '${b c}', b: 1}",
            '3:13: "params.a" holds "${b c}", which is no reference to a parameter; for the ',
        ),
        ("params: {a: '${b', b: 1}", '3:13: "params.a" holds "${b", which is no reference to a parameter'),
        ("sweep: {a: ['${b}']}", '3:13: "sweep.a[1]" refers to "b", which is no parameter'),
        ("sweep: {a: {choice: ['${b}']}}", '3:22: "sweep.a.choice[1]" refers to "b", which is no parameter'),
        (
            "params: {a: '${m}', o: 1}\nsweep: {m: {values: [1], when: {o: 1}}}",
            '3:13: "params.a" refers to "m", which not every run has',
        ),
        (
            "sweep: {method: list, points: [{a: 1}, {b: '${a}'}]}",
            '3:44: "sweep.points[2].b" refers to "a", which not every run has',
        ),
        (
            "params: {c: '${a}'}\nsweep: {method: list, points: [{a: 1}, {b: 1}]}",
            '4:40: "sweep.points[2]" gives no "a", which "params.c" uses',
        ),
        ("env: {A: '${b}'}", '3:10: "env.A" refers to "b", which is no parameter'),
        (
            "params: {v: '${w}', w: 1}\nsweep: {m: {values: [1], when: {v: 1}}}",
            '4:36: "v" is a reference; let the condition look at what it refers to',
        ),
    ],
)
def test_a_reference_that_leads_nowhere_is_told_at_its_line(rest: str, message: str) -> None:
    assert complaint(rest).startswith(message)


def test_a_chain_of_references_that_doubles_itself_is_refused() -> None:
    bomb = ", ".join(f"a{n}: '${{a{n + 1}}}${{a{n + 1}}}'" for n in range(16))
    assert "grows to more than 16,384 characters by its references" in complaint(f"params: {{{bomb}, a16: xxxx}}")
    long = ", ".join(f"a{n}: '${{a{n + 1}}}'" for n in range(3000))
    assert "goes through more than 20 references" in complaint(f"params: {{{long}, a3000: 1}}")


def test_an_environment_variable_holds_values_as_data() -> None:
    found = settings_of(
        """params: {lr: 0.1, note: "{x} ${lr} $(id)"}
env: {A: "{lr}/${lr}/{run}", B: '{"a": {"b": {lr}}}', C: "{{lr}} {a,b} {}", D: "{note}", E: null, F: plain}"""
    )[0]
    assert found.env == {
        **{"A": "0.1/0.1/run", "B": '{"a": {"b": 0.1}}', "C": "{lr} {a,b} {}", "D": "{x} 0.1 $(id)", "E": None},
        "F": "plain",
    }


@pytest.mark.parametrize(
    ("rest", "message"),
    [
        ("env: {A: '{lr}'}", '3:10: "env.A" holds an unknown parameter "lr"; for a literal brace write {{ and }}'),
        ("env: {A: '{lrr}'}\nparams: {lr: 1}", '3:10: "env.A" holds an unknown parameter "lrr" (did you mean "lr"?)'),
        (
            "env: {A: '{m}'}\nparams: {o: 1}\nsweep: {m: {values: [1], when: {o: 1}}}",
            '3:10: "env.A" uses "m", which not every run has',
        ),
        ('env: {A: "\\0"}', '3:10: "env.A" holds a NUL character'),
    ],
)
def test_an_environment_variable_that_cannot_be_filled_is_told(rest: str, message: str) -> None:
    assert complaint(rest).startswith(message)


TEXTS = st.text(st.sampled_from("a${}{b}$ "), max_size=12)


@settings(deadline=None)
@given(TEXTS, TEXTS, TEXTS)
def test_any_values_are_resolved_or_refused_with_a_line(a: str, b: str, c: str) -> None:
    rest = f"params:\n  a: '{a}'\n  b: '{b}'\n  c: '{c}'"
    found = errors(f"name: x\ncommand: train {{args}}\n{rest}\n", SOURCE)
    assert all(error.line in (4, 5, 6) for error in found)
    if not found:
        assert params(rest) == resolve({"a": a, "b": b, "c": c}, "abc")


@settings(deadline=None)
@given(st.text("a{}$ "))
def test_text_without_a_dollar_or_a_brace_is_never_touched(text: str) -> None:
    if "${" not in text:
        assert not has_references(text)
        assert substitute(text, lambda name: name) == text
    if not placeholders(text) and "{{" not in text:
        assert fill(text, {}) == text


def test_doubled_braces_are_literal_ones_and_others_stay() -> None:
    assert fill('{{a}} {a} {b} }} {"x": {"y": {a}}}', {"a": 1, "b": None}) == '{a} 1  }} {"x": {"y": 1}}'
    assert stray("{a}/{{b}}") is None
    assert stray("{a}/{b,c}") == "{b,c}"
