"""What is what in a line of YAML."""

from __future__ import annotations

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from tui.widgets.spec_text import difference
from tui.yamlspans import KINDS, State, spans


def kinds(line: str, state: State = State()) -> list[tuple[str, str]]:  # noqa: B008 - frozen
    return [(line[start:end], kind) for start, end, kind in spans(line, state)[0]]


def after(*lines: str) -> State:
    state = State()
    for line in lines:
        state = spans(line, state)[1]
    return state


@pytest.mark.parametrize(
    ("line", "parts"),
    [
        ("name: tiny", [("name", "key"), (":", "mark"), ("tiny", "text")]),
        ("lr: 1e-3  # small", [("lr", "key"), (":", "mark"), ("1e-3", "number"), ("# small", "comment")]),
        ("optim.name: adam", [("optim.name", "key"), (":", "mark"), ("adam", "text")]),
        ("amp: true", [("amp", "key"), (":", "mark"), ("true", "word")]),
        ("KEY: null", [("KEY", "key"), (":", "mark"), ("null", "word")]),
        ("- 0.1", [("- ", "mark"), ("0.1", "number")]),
        ("- lr: 1", [("- ", "mark"), ("lr", "key"), (":", "mark"), ("1", "number")]),
        ('"a b": c', [('"a b"', "key"), (":", "mark"), ("c", "text")]),
        ("a: 'it''s # no'", [("a", "key"), (":", "mark"), ("'it''s # no'", "text")]),
        ("a: b#c", [("a", "key"), (":", "mark"), ("b#c", "text")]),
        ("a: &x 1", [("a", "key"), (":", "mark"), ("&x", "mark"), ("1", "number")]),
        ("<<: *x", [("<<", "key"), (":", "mark"), ("*x", "mark")]),
        ("time: 8h", [("time", "key"), (":", "mark"), ("8h", "text")]),
        ("x: a b: c", [("x", "key"), (":", "mark"), ("a b", "text"), (":", "mark"), ("c", "text")]),
        (
            "command: echo {lr} ${HOME}",
            [
                ("command", "key"),
                (":", "mark"),
                ("echo ", "text"),
                ("{lr}", "slot"),
                (" ", "text"),
                ("${HOME}", "slot"),
            ],
        ),
        (
            "r: {gpus: 1, on: [a, 2]}",
            [
                ("r", "key"),
                (":", "mark"),
                ("{", "mark"),
                ("gpus", "key"),
                (":", "mark"),
                ("1", "number"),
                (",", "mark"),
                ("on", "key"),
                (":", "mark"),
                ("[", "mark"),
                ("a", "text"),
                (",", "mark"),
                ("2", "number"),
                ("]", "mark"),
                ("}", "mark"),
            ],
        ),
    ],
)
def test_the_parts_of_a_line(line: str, parts: list[tuple[str, str]]) -> None:
    assert kinds(line) == parts


def test_a_block_holds_until_the_indentation_ends() -> None:
    inside = after("command: |", "  # no comment: of yaml")
    assert inside.block == 0
    assert kinds("  python {lr} # x", inside) == [("  python ", "text"), ("{lr}", "slot"), (" # x", "text")]
    assert spans("", inside)[1].block == 0
    assert kinds("env: {}", inside)[0] == ("env", "key")
    assert spans("env: {}", inside)[1].block is None


def test_a_block_in_a_list_belongs_to_its_key() -> None:
    assert after("- setup: |").block == 2
    assert after("  - |").block == 2
    assert kinds("  x: 1", after("- setup: |"))[0] == ("x", "key")


def test_quotes_and_brackets_go_on_over_lines() -> None:
    assert after('a: "one').quote == '"'
    assert kinds('two" # end', after('a: "one')) == [('two"', "text"), ("# end", "comment")]
    assert after("a: [1,", "2,").depth == 1
    assert kinds("b: 3}", after("a: {"))[0] == ("b", "key")


LINES = st.text(alphabet="ab:- #{}[],\"'|>&*!?\\\t$0.é\u2028", max_size=30)


@settings(max_examples=100)
@given(st.lists(LINES, max_size=5))
def test_the_parts_of_any_text_are_in_their_order_and_within_it(lines: list[str]) -> None:
    state = State()
    for line in lines:
        found, state = spans(line, state)
        places = [place for start, end, _ in found for place in (start, end)]
        assert places == sorted(places)
        assert all(0 <= start < end <= len(line) for start, end, _ in found)
        assert all(kind in KINDS for *_, kind in found)


@settings(max_examples=50)
@given(st.dictionaries(st.text("abc", min_size=1), st.integers() | st.booleans() | st.text("xy# :", max_size=9)))
def test_keys_are_those_that_yaml_finds(document: dict[str, object]) -> None:
    state, found = State(), []
    for line in yaml.safe_dump(document, width=1000).splitlines():
        parts, state = spans(line, state)
        found += [line[start:end] for start, end, kind in parts if kind == "key"]
    assert [yaml.safe_load(key) if key[0] in "\"'" else key for key in found] == [*sorted(document)]


@settings(max_examples=200)
@given(st.text("ab\r\n", max_size=12), st.text("ab\r\n", max_size=12))
def test_the_difference_of_two_texts_is_one_edit(old: str, new: str) -> None:
    start, end = difference(old, new)
    assert old[:start] + new[start : len(new) - (len(old) - end)] + old[end:] == new
    for place in (start, end):
        assert old[place - 1 : place + 1] != "\r\n" or place == 0
