"""YAML text as a tree with marks."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from specs.document import Section, decode, parse, parse_value, read
from specs.model import SpecError

if TYPE_CHECKING:
    from pathlib import Path

YAML_PIECES = st.sampled_from(
    [
        *("a", "b: ", "\n", "  ", "- ", "[", "]", "{", "}", ",", ": ", "&x ", "*x", "<<: ", "|\n", ">\n", "'", '"'),
        *("\t", "!!int ", "!!seq ", "!!str ", "!t ", "#", "1e-3", "null", "? ", "%", "---\n", "...\n"),
        *("\x00", "\ufeff", "é", "\u2028"),
    ]
)


def failure(text: str) -> SpecError:
    with pytest.raises(SpecError) as caught:
        parse(text, "f.yaml")
    assert "\n" not in str(caught.value)
    return caught.value


def complaint(text: str) -> str:
    try:
        parse(text, "f")
    except SpecError as error:
        return str(error)
    return ""


def test_keys_and_values_know_their_line_and_column() -> None:
    top = parse("a: 1\nb:\n  c: [x, yy]\n", "f.yaml")
    c = top.section("b").entries["c"]
    assert (c.place.line, c.place.column) == (3, 3)
    assert (c.value.place.line, c.value.place.column) == (3, 6)
    assert [(item.place.column, item.path) for item in c.value.items()] == [(7, "b.c[1]"), (10, "b.c[2]")]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e-3", 0.001),
        ("3E5", 3e5),
        (".5", 0.5),
        ("-2", -2),
        ("0x1f", 31),
        ("-.inf", float("-inf")),
        ("true", True),
        ("~", None),
        ("", None),
        ("yes", "yes"),
        ("off", "off"),
        ("007", "007"),
        ("01:30:00", "01:30:00"),
        ("1_000", "1_000"),
        ("2024-01-01", "2024-01-01"),
        ("'1'", "1"),
        ("!!str 1", "1"),
        ("é|ü", "é|ü"),
    ],
)
def test_scalars_are_read_as_yaml_1_2_does(text: str, value: object) -> None:
    content = parse_value(text, "f").content
    assert content == value
    assert type(content) is type(value)


def test_a_text_may_look_like_a_number() -> None:
    assert parse("a: 0.10", "f").text("a", None) == "0.10"


def test_null_and_a_missing_key_give_the_default() -> None:
    top = parse("a: ~\nb:", "f")
    assert [top.integer(key, 7) for key in "abc"] == [7, 7, 7]
    assert top.section("b") == Section(top.entries["b"].place, "b")


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda top: top.integer("a", 0), 'f:1:4: "a" must be a whole number, not "two"'),
        (lambda top: top.number("a", 0), 'f:1:4: "a" must be a number, not "two"'),
        (lambda top: top.boolean("a", False), 'f:1:4: "a" must be true or false, not "two"'),
        (lambda top: top.section("a"), 'f:1:4: "a" must be a mapping of keys to values, not "two"'),
        (lambda top: top.items("a"), 'f:1:4: "a" must be a list, not "two"'),
        (lambda top: top.text("b", ""), 'f:2:4: "b" must be text, not a list'),
        (lambda top: top["b"].scalar(), 'f:2:4: "b" must be a single value, not a list'),
        (lambda top: top.strings("c", ()), 'f:3:4: "c" must be text, not true'),
        (lambda top: top.integer("c", 0), 'f:3:4: "c" must be a whole number, not true'),
        (lambda top: top.integer("d", 0), 'f:4:4: "d" must be a whole number, not 1.5'),
        (lambda top: top.integer("e", 0, least=0), 'f:5:4: "e" must be at least 0, not -1'),
        (lambda top: top.number("f", 0), 'f:6:4: "f" must be a number, not .nan'),
        (lambda top: top.need("g"), 'f:1:1: "g" is missing'),
    ],
)
def test_a_wrong_type_is_told_with_line_key_and_value(call: object, message: str) -> None:
    top = parse("a: two\nb: [1]\nc: true\nd: 1.5\ne: -1\nf: .nan\n", "f")
    assert callable(call)
    with pytest.raises(SpecError) as caught:
        call(top)
    assert str(caught.value) == message


def test_an_unknown_key_names_the_nearest_known_one() -> None:
    with pytest.raises(SpecError) as caught:
        parse("name: x\n\ncomand: y", "char.yaml").only(["name", "command"])
    assert str(caught.value) == 'char.yaml:3:1: unknown key "comand" (did you mean "command"?)'


def test_for_a_key_without_a_near_one_all_are_told_as_far_as_they_can_be_read() -> None:
    (error,) = parse("qqq: 1", "f").unknown(["name", "command"])
    assert str(error) == 'f:1:1: unknown key "qqq"; known here: name, command'
    (error,) = parse("qqq: 1", "f").unknown([f"{'w' * n}" for n in range(4, 40)])
    assert str(error) == 'f:1:1: unknown key "qqq"'


def test_a_key_that_belongs_elsewhere_is_told_its_place() -> None:
    (error,) = parse("gpus: 1", "f").unknown(["inputs"], {"gpus": "resources.gpus"})
    assert str(error) == 'f:1:1: unknown key "gpus" (did you mean "resources.gpus"?)'


@pytest.mark.parametrize(
    "text", ["a: 1\nb:\n\tc: 2", "a:\n\t- 1\n", "a: |\n\tx", "a: [1,\n\t{b: c: d}]", "a: b\n\tc: d"]
)
def test_a_tab_as_indentation_is_called_that(text: str) -> None:
    error = failure(text)
    assert error.message == "a tab is used as indentation; YAML takes spaces only"
    assert error.line == text[: text.index("\t")].count("\n") + 1


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("", None, "the file is empty"),
        ("# only this\n", None, "the file is empty"),
        ("a: 1\nb:\tx", 2, "a tab stands here; between a key and its value YAML's reader takes spaces only"),
        ("- a", 1, "the file must be a mapping of keys to values, not a list"),
        ("a: 1\nb: 2\na: 3", 3, 'key "a" is given twice; first on line 1'),
        ("a: b: c", 1, 'not valid YAML: unexpected ":"; a value that contains ": " needs quotes'),
        ("a: 1\n---\nb: 2", 2, "not valid YAML: more than one document in the file"),
        ("a: *b", 1, "not valid YAML: found undefined alias 'b'"),
        ("a: !!python/object:os.system x", 1, 'tag "!!python/object:os.system" is not allowed'),
        ("a: !!set {x}", 1, 'tag "!!set" is not allowed'),
        ("a: !!int x", 1, '"x" does not fit its tag "!!int"'),
        ("? [a]\n: 1", 1, "a key must be a word"),
        ("a: 1\nb: \x00", 2, "character U+0000 is not allowed"),
        ("a: \x1b[2J", 1, "character U+001B is not allowed"),
        ("a:\n  b: 1\n c: 2", 3, "not valid YAML: this line is indented differently from its neighbours"),
        ("a: @b", 1, 'not valid YAML: a value that begins with "@" needs quotes'),
        ("<<: 3", 1, '"<<" takes a mapping or a list of mappings'),
    ],
)
def test_bad_yaml_is_told_at_its_line(text: str, line: int | None, message: str) -> None:
    error = failure(text)
    assert (error.line, error.message) == (line, message)


def test_what_cannot_be_printed_is_escaped_in_errors() -> None:
    (error,) = parse('"a\\e[2J\\n\\u202e": 1', "f").unknown(["name"])
    assert str(error) == r'f:1:1: unknown key "a\x1b[2J\n\u202e"; known here: name'


def test_anchors_and_merge_keys_work() -> None:
    top = parse("base: &b {x: 1, y: 2}\nm:\n  <<: *b\n  y: 3\nn: {<<: [*b, {x: 5, z: 6}]}\no: *b", "f")
    assert {key: top.section("m").integer(key, 0) for key in top.section("m")} == {"x": 1, "y": 3}
    assert {key: top.section("n").integer(key, 0) for key in top.section("n")} == {"x": 1, "y": 2, "z": 6}
    assert top.section("o").integer("y", 0) == 2


def test_a_yaml_bomb_is_refused_without_going_off() -> None:
    lines = ["a: &a [x, x, x, x, x, x, x, x, x]"]
    lines += [
        f"{new}: &{new} [{', '.join([f'*{old}'] * 9)}]" for old, new in zip("abcdefghi", "bcdefghij", strict=True)
    ]
    began = time.process_time()
    error = failure("\n".join(lines))
    assert error.message == "not valid YAML: aliases expand to too much"
    assert time.process_time() - began < 2


def test_a_chain_of_aliases_does_not_exhaust_the_stack() -> None:
    chain = "\n".join(["k0: &k0 [x]", *(f"k{n}: &k{n} [*k{n - 1}]" for n in range(1, 2000))])
    assert failure(chain).message == "not valid YAML: aliases expand to too much"


def test_an_alias_within_itself_is_refused() -> None:
    assert failure("a: &a [*a]").message == "not valid YAML: an alias within what it stands for"


@pytest.mark.parametrize("piece", ["[", "{", "- ", "? ", "[{a: "])
def test_deep_nesting_is_refused(piece: str) -> None:
    assert failure(piece * 20_000).message == "not valid YAML: nested more than 40 levels deep"


def test_a_large_file_is_refused() -> None:
    assert failure("#" * 300_000).message == "larger than 256 KiB; this is not meant for data"


def test_a_number_of_very_many_digits_is_refused() -> None:
    assert "a number of 5000 characters" in failure("a: " + "9" * 5000).message


def test_bytes_that_are_no_utf_8_are_told_at_their_line() -> None:
    with pytest.raises(SpecError) as caught:
        decode(b"a: 1\nb: \xff\n", "f")
    assert str(caught.value) == "f:2:4: not UTF-8 text: byte 0xff"


def test_a_missing_file_and_a_folder_are_one_line(tmp_path: Path) -> None:
    for path, problem in [(tmp_path / "x.yaml", "no such file"), (tmp_path, "this is a folder, not a file")]:
        with pytest.raises(SpecError) as caught:
            read(path)
        assert str(caught.value) == f"{path}: {problem}"


def test_a_pipe_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "x.yaml")
    with pytest.raises(SpecError, match="this is no regular file"):
        read(tmp_path / "x.yaml")


def test_a_file_below_a_file_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "x").write_text("")
    with pytest.raises(SpecError, match="cannot be read: Not a directory"):
        read(tmp_path / "x" / "y.yaml")


@settings(deadline=None)
@given(st.one_of(st.text(), st.lists(YAML_PIECES, max_size=40).map("".join)))
def test_any_text_is_a_tree_or_a_spec_error_of_one_printable_line(text: str) -> None:
    assert complaint(text).isprintable()
