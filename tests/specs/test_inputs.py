"""What a run reads, what goes with it, and what comes back."""

from __future__ import annotations

from pathlib import Path

import pytest

from specs.expand import expand
from specs.inputs import inputs_of
from specs.load import errors, loads
from specs.model import Code, Input, Setting, Spec, SpecError
from specs.outputs import collect_patterns

SHA = "0123456789abcdef" * 4


def read(rest: str, *words: str) -> Spec:
    return loads(f"name: x\ncommand: train\n{rest}\n", Path("x.yaml"), words)


def complaints(rest: str) -> list[str]:
    text = f"name: x\ncommand: train\n{rest}\n"
    with pytest.raises(SpecError):
        loads(text, Path("x.yaml"))
    return [str(error).removeprefix("x.yaml:3:") for error in errors(text, Path("x.yaml"))]


def test_inputs_are_paths_with_a_size_and_a_checksum_or_without() -> None:
    text = f"inputs: [/data/a.bin, {{path: ~/b c.bin, size: 12G, sha256: {SHA.upper()}}}, {{path: /c, size: 123}}]"
    assert read(text).inputs == (
        Input("/data/a.bin"),
        Input("~/b c.bin", 12 << 30, SHA, 1 << 30),
        Input("/c", 123),
    )
    assert read("inputs: /data/a.bin").inputs == read("inputs: {path: /data/a.bin}").inputs == (Input("/data/a.bin"),)
    assert read("").inputs == read("inputs: []").inputs == read("inputs: null").inputs == ()


@pytest.mark.parametrize(
    ("size", "slack"),
    [("12G", 1 << 30), ("1.5G", (1 << 30) // 10), ("1.25 GiB", (1 << 30) // 100), ("500M", 1 << 20)],
)
def test_a_rounded_size_may_differ_by_one_in_its_last_digit(size: str, slack: int) -> None:
    (found,) = read(f"inputs: {{path: /a, size: {size}}}").inputs
    assert found.slack == slack


def test_inputs_are_filled_with_the_values_of_each_run() -> None:
    spec = read("inputs: ['/data/{name}/{run}*.bin', '{root}/x']\nparams: {root: ~/r}\nsweep: {name: ['a b', '[c]']}")
    assert [[each.path for each in inputs_of(spec, run)] for run in expand(spec)] == [
        ["/data/a b/name=a_b-c8687a08*.bin", "~/r/x"],
        ["/data/[c]/name=c-928b98da*.bin", "~/r/x"],
    ]


def test_values_that_make_no_whole_path_are_refused_when_they_are_known() -> None:
    spec = read("inputs: ['{root}/x']\nparams: {root: /r}")
    with pytest.raises(SpecError) as caught:
        inputs_of(spec, Setting(0, "run", {"root": "r"}, ""))
    assert str(caught.value) == (
        'x.yaml: "inputs" of run: "r/x" must be a whole path, from / or ~/, as it is where the run runs'
    )


@pytest.mark.parametrize(
    ("rest", "message"),
    [
        ("inputs: [data/a.bin]", '10: "inputs[1]" must be a whole path, from / or ~/, as it is where the run runs'),
        ("inputs: [~you/a]", '10: "inputs[1]" begins with the home of another user: write the whole path'),
        (
            "inputs: [$HOME/a]",
            '10: "inputs[1]" holds a variable of the shell, which is not filled in: write the path',
        ),
        ("inputs: ['/a/{b,c}']", '10: "inputs[1]" holds "{b,c}", which is no {parameter}'),
        ("inputs: ['/a/{b}']", '10: "inputs[1]": unknown parameter "b"'),
        ("inputs: ['{b}/c']\nparams: {b: data}", '10: "inputs[1]" with b="data" must be a whole path'),
        ('inputs: ["/a\\nb"]', '10: "inputs[1]" holds a control character'),
        ("inputs: [{size: 1}]", '10: "inputs[1].path" is missing'),
        ("inputs: [{path: /a, sise: 1}]", '21: unknown key "inputs[1].sise" (did you mean "inputs[1].size"?)'),
        (
            "inputs: [{path: /a, size: big}]",
            '27: "inputs[1].size" must be a size as 12G, or a number of bytes, not "big"',
        ),
        ("inputs: [{path: /a, size: -1}]", '27: "inputs[1].size" must be at least 0, not -1'),
        (
            "inputs: [{path: /a, sha256: abc}]",
            '29: "inputs[1].sha256" must be 64 hexadecimal digits, as sha256sum prin',
        ),
        ("inputs: [[/a]]", '10: "inputs[1]" must be text, not a list'),
        ("inputs: 3.5", '9: "inputs" must be a whole path'),
        ("code: {exclude: ['']}", '18: "code.exclude[1]" is empty'),
        ('code: {allow: ["a\\nb"]}', '16: "code.allow[1]" holds a control character'),
        ("code: {exlude: [a]}", '8: unknown key "code.exlude" (did you mean "code.exclude"?)'),
        ("code: [a]", '7: "code" must be a mapping of keys to values, not a list'),
        (
            "outputs: {collect: [/etc/passwd]}",
            '21: "outputs.collect[1]" leads out of the project folder: "/etc/passwd"; ',
        ),
        (
            'outputs: {collect: ["../*.csv"]}',
            '21: "outputs.collect[1]" leads out of the project folder: "../*.csv"; write it without ".."',
        ),
        ("outputs: {collect: ['a/../../b']}", '21: "outputs.collect[1]" leads out of the project folder'),
        (
            "outputs: {collect: [~/x]}",
            '21: "outputs.collect[1]" begins with ~, which is not filled in: it lies within',
        ),
        ("outputs: {collect: ['**']}", '21: "outputs.collect[1]" is "**", which is everything there'),
        ("outputs: {collect: ['${X}/a']}", '21: "outputs.collect[1]" holds a variable of the shell'),
        ("outputs: {collect: ['{v}/a']}", '21: "outputs.collect[1]": unknown parameter "v"'),
        (
            "outputs: {collect: ['{v}/a']}\nparams: {v: ..}",
            '21: "outputs.collect[1]" with v=".." leads out of the project folder: "../a"',
        ),
        (
            "outputs: {collect: ['{v}/a']}\nsweep: {v: [ok, /etc]}",
            '21: "outputs.collect[1]" with v="/etc" leads out of the project folder: "/etc/a"',
        ),
        (
            "outputs: {collect_limit: 10}",
            '26: "outputs.collect_limit" must be a size with its unit, as 8G or 500M, not 10',
        ),
        (
            "outputs: {collect_limt: 1M}",
            '11: unknown key "outputs.collect_limt" (did you mean "outputs.collect_limit"?)',
        ),
    ],
)
def test_a_mistake_is_told_at_its_column(rest: str, message: str) -> None:
    assert [each for each in complaints(rest) if each.startswith(message)], complaints(rest)


def test_all_mistakes_of_the_inputs_are_told_at_once() -> None:
    found = complaints("inputs: [a, {size: x, sha256: y}, /ok, {path: '$X'}]")
    assert [each.partition(":")[0] for each in found] == ["10", "13", "20", "31", "47"]


def test_the_code_section_is_patterns() -> None:
    assert read("code: {exclude: [data/, '*.ckpt'], allow: big.bin}").code == Code(("data/", "*.ckpt"), ("big.bin",))
    assert read("").code == Code()


def test_results_are_patterns_filled_with_the_values_of_each_run() -> None:
    spec = read("outputs: {collect: ['out/{run}/*.csv', '{v}.json'], collect_limit: 1M}\nsweep: {v: ['a*', b]}")
    assert spec.outputs.collect_limit == 1 << 20
    assert [collect_patterns(spec, run) for run in expand(spec)] == [
        ("out/v=a-a4a87d31/*.csv", "a[*].json"),
        ("out/v=b/*.csv", "b.json"),
    ]
    assert read("outputs: {collect: a.csv}").outputs.collect == ("a.csv",)


def test_values_cannot_lead_results_out_of_the_project_folder() -> None:
    spec = read("outputs: {collect: ['{a}{b}/x']}\nparams: {a: x, b: y}")
    for value in (".", "/"):
        with pytest.raises(SpecError, match="leads out of the project folder"):
            collect_patterns(spec, Setting(0, "run", {"a": value, "b": value}, ""))
    with pytest.raises(SpecError, match="holds a control character"):
        collect_patterns(spec, Setting(0, "run", {"a": "\n", "b": ""}, ""))
