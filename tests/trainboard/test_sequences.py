"""Characters and tokens with what a model expected of them, and what units follow."""

from __future__ import annotations

import json
import math
import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trainboard.sequences import MOST_TOKENS, alternatives, read_passages, sums, worst
from trainboard.tokens import as_text, plainly, shown
from trainboard.unitreasons import context, reasons


def lines(*objects: object) -> bytes:
    return b"".join(json.dumps(each).encode() + b"\n" for each in objects)


def test_a_token_a_line_with_what_else_was_likely_and_its_units() -> None:
    read = read_passages(
        lines(
            {"t": "a", "p": 0.5, "top": [["a", 0.5], ["e", 0.25]], "units": [0.5, -1], "step": 7},
            {"t": "b", "logprob": math.log(0.25), "units": {"1": 2.0}, "step": 7},
        )
    )
    (found,) = read.passages
    assert read.notes == ()
    assert (list(found.tokens), found.step) == (["a", "b"], 7)
    assert found.surprise.tolist() == pytest.approx([1.0, 2.0])
    assert alternatives(found.tops[0]) == [("a", 0.5), ("e", 0.25)]
    assert found.units["1"].tolist() == [-1.0, 2.0]
    assert math.isnan(found.units["0"][1])
    assert sums(found).bits == pytest.approx(1.5)
    assert sums(found).perplexity == pytest.approx(2**1.5)
    assert worst(found) == [1, 0]


def test_a_sequence_a_line_as_arrays_of_which_the_first_token_may_have_no_probability() -> None:
    first = {"tokens": ["the", " sea"], "logprobs": [math.log(0.5)], "units": {"u": [1, 2]}}
    second = {"text": "ab", "probs": [0.1, 0.2], "units": [[1], [2]]}
    (found,) = read_passages(lines(first, second)).passages
    assert list(found.tokens) == ["the", " sea", "a", "b"]
    assert math.isnan(found.chances[0])
    assert found.chances[1:].tolist() == pytest.approx([0.5, 0.1, 0.2])
    assert found.starts.tolist() == [True, False, True, False]
    assert found.units["u"][:2].tolist() == [1, 2]
    assert found.units["0"][2:].tolist() == [1, 2]
    assert sums(found).characters == 6


def test_units_of_an_array_may_be_told_by_unit_or_by_token() -> None:
    by_unit = {"text": "abc", "p": [1, 1, 1], "units": [[1, 2, 3], [4, 5, 6]]}
    by_token = {"text": "abc", "p": [1, 1, 1], "units": [[1, 4], [2, 5], [3, 6]]}
    for each in (by_unit, by_token):
        (found,) = read_passages(lines(each)).passages
        assert {name: values.tolist() for name, values in found.units.items()} == {"0": [1, 2, 3], "1": [4, 5, 6]}


def test_a_file_of_several_steps_is_several_passages() -> None:
    read = read_passages(lines({"t": "a", "p": 0.5, "step": 1}, {"t": "a", "p": 1, "step": 2}))
    assert [(each.step, sums(each).bits) for each in read.passages] == [(1, 1.0), (2, 0.0)]


@pytest.mark.parametrize(
    ("data", "note"),
    [
        (b"", "nothing to show: each line"),
        (b"\x00\x01\x02", "nothing to show"),
        (lines({"t": "a", "p": 0.5}) + b'{"t": "b", "p": 0', "the last line is torn"),
        (lines({"t": "a", "p": 0.5}) + b"nonsense\n" + lines({"t": "b"}), "1 lines that are no JSON"),
        (lines({"t": "a", "p": 1.5}, {"t": "b", "p": 0.5}), "1 probabilities are not between 0 and 1"),
        (lines({"t": "a", "p": "high"}, {"t": "b", "p": 0.5}), "1 probabilities are not between 0 and 1"),
        (b'{"t": "a", "p": NaN}\n{"t": "b", "p": 0.5}\n', "1 probabilities are not between 0 and 1"),
        (lines({"t": "a"}, {"t": "b"}), "no probabilities: name them p or logprob"),
        (lines({"t": "a", "p": 0.5}, [1], 7), "2 lines that are no objects"),
        (lines({"x": "a"}, {"t": "b", "p": 1}), "1 lines without a text"),
        (lines({"tokens": ["a", "b", "c"], "probs": [0.5]}), "1 lines whose arrays are not as long"),
    ],
)
def test_what_cannot_be_used_is_told(data: bytes, note: str) -> None:
    assert any(note in each for each in read_passages(data).notes)


def test_the_last_line_of_a_file_that_was_cut_is_no_trouble() -> None:
    read = read_passages(lines({"t": "a", "p": 0.5}) + b'{"t": "b", "p"', cut=True)
    assert read.notes == ()
    assert list(read.passages[0].tokens) == ["a"]


def test_a_line_of_ten_megabytes_and_more_tokens_than_can_be_shown_are_read_up_to_a_limit() -> None:
    count = MOST_TOKENS + 50_000
    data = lines({"text": "x" * count, "p": [0.5] * count}) + lines({"t": "y", "p": 0.5, "note": "z" * 10_000_000})
    read = read_passages(data)
    assert len(read.passages[0]) == MOST_TOKENS
    assert any("only the first" in each for each in read.notes)


def test_a_probability_of_zero_is_endless_surprise_and_comes_first_of_the_worst() -> None:
    (found,) = read_passages(lines({"t": "a", "p": 0.5}, {"t": "b", "p": 0})).passages
    assert worst(found) == [1, 0]
    assert math.isinf(sums(found).perplexity)


def test_a_distribution_as_a_mapping_gives_the_probability_that_is_not_told() -> None:
    (found,) = read_passages(lines({"t": "a", "dist": {"a": 0.2, "b": 0.8}})).passages
    assert found.chances.tolist() == [0.2]
    (name, chance) = alternatives({"a": math.log(0.2), "b": math.log(0.8)})[0]
    assert (name, round(chance, 9)) == ("b", 0.8)
    ((name, chance),) = alternatives([{"token": "x", "logprob": -1}, "junk", ["y"], ["z", "w"]])
    assert (name, round(chance, 4)) == ("x", 0.3679)


def test_marks_of_tokenizers_become_what_they_stand_for() -> None:
    assert plainly(["The", "Ġsea", "Ċ", "Ã©"]) == ["The", " sea", "\n", "é"]
    assert plainly(["Ġthe", "Ã"]) == [" the", "⟨c3⟩"]
    assert plainly(["▁The", "<0x0A>", "s"]) == [" The", "\n", "s"]
    assert plainly(["Ġ", "a", " "]) == ["Ġ", "a", " "]  # letters of a text
    assert [as_text(each) for each in (17, [226, 130, 172], [226], None)] == ["⟨17⟩", "€", "⟨e2⟩", "⟨None⟩"]


@pytest.mark.parametrize(
    ("token", "seen"),
    [
        ("\n", "⏎"),
        ("\x1b[31m", "␛[31m"),
        ("\u0301", "◌\u0301"),
        ("\u202e", "¤"),
        ("", "¤"),
        ("漢", "漢"),
        ("\ud800", "\ufffd"),
    ],
)
def test_nothing_of_a_token_reaches_the_terminal_raw(token: str, seen: str) -> None:
    assert shown(token) == seen


@settings(max_examples=150, deadline=None)
@given(
    st.binary(max_size=300),
    st.lists(
        st.dictionaries(
            st.sampled_from(["t", "p", "top", "units", "step", "logprob", "tokens"]),
            st.recursive(
                st.none() | st.floats() | st.text(max_size=3) | st.booleans() | st.integers(),
                lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=2), inner, max_size=2),
                max_leaves=5,
            ),
        ),
        max_size=4,
    ),
)
def test_no_file_is_too_odd(junk: bytes, objects: list[object]) -> None:
    read = read_passages(lines(*objects) + junk)
    for each in read.passages:
        assert len(each) == len(each.chances) == len(each.tops) == len(each.starts)
        known = each.chances[np.isfinite(each.chances)]
        assert ((known >= 0) & (known <= 1)).all()
        assert all(map(str.isprintable, map(shown, each.tokens)))
        assert len(reasons(each)) == len(each.units)


# Planted truth.

TEXT = (
    'He said "the sea (which is cold) comes in" and left.\nThen 12 ships, or 3 (of them [grey]) came: "now!"\n\n' * 12
)


def states() -> dict[str, list[float]]:
    """What units would do that follow one property of the text each, with noise."""
    rng = random.Random(7)
    inside, depth, column = False, 0, 0
    found: dict[str, list[float]] = {
        name: [] for name in ("quotes", "depth", "column", "digit", "q", "noise", "flat")
    }
    for char in TEXT:
        inside = not inside if char == '"' else inside
        depth += (char in "([") - (char in ")]")
        column = 0 if char == "\n" else column + 1
        values = {
            "quotes": inside,
            "depth": depth,
            "column": min(column, 64) / 64,
            "digit": char.isdigit(),
            "q": char == "e",
        }
        for name, value in values.items():
            found[name].append(float(value) + rng.gauss(0, 0.05))
        found["noise"].append(rng.gauss(0, 1))
        found["flat"].append(0.25)
    return found


def test_a_unit_that_is_on_inside_quotes_is_found_with_that_reason() -> None:
    units = states()
    (passage,) = read_passages(
        lines({"text": TEXT, "p": [0.5] * len(TEXT), "units": {name: units[name] for name in ("noise", "quotes")}})
    ).passages
    first, last = reasons(passage)
    assert (first.unit, first.what, first.level) == ("quotes", "quotes", "inside quotes")
    assert first.share > 0.9
    assert first.here == pytest.approx(1, abs=0.05)
    assert first.else_ == pytest.approx(0, abs=0.05)
    assert (last.unit, last.share < 0.05) == ("noise", True)
    before, token, after = context(passage, first.places[0])
    assert before + token + after in TEXT


def test_every_planted_unit_has_its_own_reason_and_noise_and_constants_have_none() -> None:
    (passage,) = read_passages(lines({"text": TEXT, "p": [0.5] * len(TEXT), "units": states()})).passages
    found = {each.unit: each for each in reasons(passage)}
    assert {name: found[name].what for name in ("quotes", "depth", "column", "digit", "q")} == {
        "quotes": "quotes",
        "depth": "brackets",
        "column": "place in the line",
        "digit": "sort",
        "q": "character",
    }
    assert found["digit"].level == "digit"
    assert found["q"].level == "'e'"
    assert found["noise"].share < 0.05
    assert math.isnan(found["flat"].share)
    assert [each.unit for each in reasons(passage)][-1] == "flat"
