"""A run's parameters as files, options and placeholders of its command."""

from __future__ import annotations

import json
import shlex
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from specs.command import fill
from specs.document import parse
from specs.expand import expand
from specs.load import errors, loads
from specs.model import Scalar, Setting, SpecError
from specs.paramsfile import clash, nested, texts

if TYPE_CHECKING:
    from collections.abc import Callable

SOURCE = Path("x.yaml")
NAMES = st.from_regex(r"(?:[a-c]|no|null|On|y|e1)(\.[a-d]{1,2})?", fullmatch=True)
VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")),
    st.sampled_from(
        [
            "1e-3",
            "0x1f",
            "no",
            "~",
            "null",
            "1_000",
            "01:30",
            "2024-01-01",
            "a: b",
            "- x",
            "#",
            "\x85\u2028\ufeff",
            "<<",
        ]
    ),
)


def settings_of(command: str, rest: str = "params: {lr: 0.1}") -> tuple[Setting, ...]:
    return expand(loads(f"name: x\ncommand: {json.dumps(command)}\n{rest}\n", SOURCE))


def complaint(command: str, rest: str = "params: {lr: 0.1}") -> str:
    text = f"name: x\ncommand: {command}\n{rest}\n"
    with pytest.raises(SpecError) as caught:
        loads(text, SOURCE)
    assert str(caught.value) in [str(error) for error in errors(text, SOURCE)]
    return str(caught.value).removeprefix("x.yaml:")


def test_the_files_are_nested_by_dots_and_only_those_that_the_command_reads() -> None:
    params: dict[str, Scalar] = {"lr": 1e-5, "optim.name": "adam", "optim.on": True, "note": "1e-3", "x": None}
    assert texts(["params.json"], params)["params.json"] == (
        '{"lr": 1e-05,\n "optim": {"name": "adam",\n "on": true},\n "note": "1e-3",\n "x": null}\n'
    )
    assert texts(["params.yaml"], params)["params.yaml"] == (
        'lr: 1.0e-05\noptim:\n  name: "adam"\n  "on": true\nnote: "1e-3"\nx: null\n'
    )
    assert [dict(run.files) for run in settings_of("a {lr}")] == [{}]
    assert [*settings_of("a {params_file} {params_file.json}")[0].files] == ["params.json"]
    assert [*settings_of("a {params_file} {params_file.yaml}")[0].files] == ["params.json", "params.yaml"]


@settings(deadline=None)
@given(st.dictionaries(NAMES, VALUES, max_size=6))
def test_both_files_say_the_same_to_every_reader(params: dict[str, Scalar]) -> None:
    if clash(params):
        with pytest.raises(ValueError, match=r".*"):
            nested(params)
        return
    tree = nested(params)
    text = texts(["params.yaml"], params)["params.yaml"]
    of_json = json.loads(texts(["params.json"], params)["params.json"])
    assert repr(of_json) == repr(tree)
    assert repr(yaml.safe_load(text)) == repr(tree)
    if params:
        top = parse(text, "f")
        found = {name: top.with_value(["none"], top[name.partition(".")[0]])["none"] for name in params}
        for name, value in found.items():
            inner = value.section()[name.partition(".")[2]] if "." in name else value
            assert repr(inner.content) == repr(params[name])


def test_a_value_and_what_lies_within_it_cannot_be_in_one_file() -> None:
    assert complaint("a {params_file}", "params: {o: 1, o.x: 2}") == (
        '2:12: "command": {params_file} cannot hold both "o" and "o.x", which lies within it'
    )
    assert settings_of("a {args}", "params: {o: 1, o.x: 2}")[0].command == "a --o=1 --o.x=2"


@pytest.mark.parametrize("template", ["a {f}", "a --c={f}", 'a "x {f} y"', "a 'x {f} y'", 'a "$(echo {f})"'])
def test_the_path_of_a_file_is_right_within_any_quotes(template: str) -> None:
    command = fill(template.replace("{f}", "{params_file.yaml}").replace("a ", "printf %s. ", 1), {})
    found = subprocess.run(
        ["sh", "-c", command],
        capture_output=True,
        text=True,
        timeout=20,
        check=True,
        env={"TRAINBOARD_ATTEMPT": "/a b/*"},
    )
    expected = template.removeprefix("a ").replace("{f}", "/a b/*/params.yaml")
    for quote in ('"', "'", "$(echo ", ")"):
        expected = expected.replace(quote, "")
    assert found.stdout == f"{expected}."


def test_options_and_all_arguments_are_words_of_their_own() -> None:
    assert fill("t {--lr} {args} end", {"lr": 0.1, "note": "a b", "optim.on": True}) == (
        "t --lr 0.1 --lr=0.1 --note='a b' --optim.on=true end"
    )
    assert fill("t $(a {--lr}) {args};x", {"lr": "$(id)"}) == "t $(a --lr '$(id)') --lr='$(id)';x"
    assert fill("t {args}", {}) == "t "


def test_a_parameter_of_that_name_goes_first() -> None:
    assert fill("a {args} {params_file} {run} {params_file.yaml}", {"args": 1, "params_file": 2, "run": 3}) == (
        'a 1 2 3 "$TRAINBOARD_ATTEMPT"/params.yaml'
    )
    assert settings_of("a {params_file}", "params: {params_file: /p}")[0].files == {}


def test_an_option_is_left_out_where_the_run_has_no_such_parameter() -> None:
    found = settings_of("t {--m} {opt}", "sweep: {opt: [sgd, adam], m: {values: [0.9], when: {opt: sgd}}}")
    assert [run.command for run in found] == ["t --m 0.9 sgd", "t  adam"]


@pytest.mark.parametrize(
    ("command", "message"),
    [
        (
            "t {lrr}",
            '2:12: "command": unknown parameter "lrr" (did you mean "lr"?); for the text itself write {{lrr}}',
        ),
        ("'t {lrr}'", '2:13: "command": unknown parameter "lrr"'),
        (
            "t {--lrr}",
            '2:12: "command": unknown parameter "lrr" (did you mean "lr"?); for the text itself write {{--lrr}}',
        ),
        ("t {arg}", '2:12: "command": unknown parameter "arg" (did you mean "args"?)'),
        ("t {params_fil}", '2:12: "command": unknown parameter "params_fil" (did you mean "params_file"?)'),
        ("t '{args}'", '2:13: "command": {args} must be a word by itself, outside of quotes'),
        ("t --x={--lr}", '2:16: "command": {--lr} must be a word by itself, outside of quotes'),
        ("t `{args}`", '2:13: "command": {args} must be a word by itself'),
        ("sh -c 't {params_file}'", '2:19: "command": {params_file} cannot stand in text that a second shell reads'),
        ("|\n    one\n    two {lrr}", '4:9: "command": unknown parameter "lrr"'),
        ("|2\n    one\n    two 'x", '4:9: "command": the quote \' is not closed'),
        (">\n    one\n    two {lrr}", '2:10: "command": unknown parameter "lrr"'),
        ('"a\\tb {lrr}"', '2:10: "command": unknown parameter "lrr"'),
    ],
)
def test_a_mistake_in_a_command_is_told_at_its_column(command: str, message: str) -> None:
    assert complaint(command).startswith(message)


def test_a_parameter_that_only_some_runs_have_needs_the_form_of_an_option() -> None:
    assert complaint("t {m}", "sweep: {opt: [a, b], m: {values: [1], when: {opt: a}}}") == (
        '2:12: "command": not every run has the parameter "m": write {--m} for "--m VALUE" in those that have it'
    )


WORDS: dict[str, Callable[[str], list[str]]] = {
    "{--v}": lambda value: ["--v", value],
    "{args}": lambda value: [f"--v={value}", "--n=1"],
    "{v}": lambda value: [value],
    "--x={v}{n}": lambda value: [f"--x={value}1"],
    "'a {v}'": lambda value: [f"a {value}"],
    '"{v} b"': lambda value: [f"{value} b"],
    "{{v}}": lambda value: ["{v}"],
}


@settings(deadline=None)
@given(
    st.lists(st.sampled_from([*WORDS])), st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))
)
def test_every_value_arrives_as_the_words_that_its_placeholder_means(template: list[str], value: str) -> None:
    expected = [word for each in template for word in WORDS[each](value)]
    assert shlex.split(fill(" ".join(template), {"v": value, "n": 1})) == expected
