"""Numbers read many at once are what `float` makes of each, to the last bit."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trainboard.extract.numerals import PIECE, values_of, values_or_none

ODD = [
    b"-0",
    b"-0.0",
    b".5",
    b"1.",
    b"+1",
    b"+.5e3",
    b"007",
    b"nan",
    b"-inf",
    b"Infinity",
    b"1e999",
    b"-1e-999",
    b"1E5",
]
PLAIN = st.one_of(
    st.floats(allow_nan=False, allow_infinity=False).map(lambda x: repr(x).encode()),
    st.floats(-1e6, 1e6).map(lambda x: b"%.4f" % x),
    st.floats(1e-30, 1e30).map(lambda x: b"%.3e" % x),
    st.integers(-(10**30), 10**30).map(lambda x: b"%d" % x),
    st.integers(0, 300).map(lambda x: b"%d" % x),
)
ANYTHING = st.one_of(
    PLAIN, st.sampled_from(ODD), st.text('0123456789.eE+-,[]{}"nulNaitfrs _:/', max_size=8).map(str.encode)
)


def _float(token: bytes) -> float | None:
    try:
        return float(token)
    except ValueError:
        return None


@settings(max_examples=200, deadline=None)
@given(st.lists(PLAIN | st.sampled_from(ODD), max_size=2 * PIECE + 3))
def test_they_are_what_float_makes_of_each(tokens: list[bytes]) -> None:
    assert [repr(float(value)) for value in values_of(tokens)] == [repr(float(token)) for token in tokens]


@settings(max_examples=300, deadline=None)
@given(st.lists(ANYTHING, min_size=1, max_size=6))
def test_what_may_be_anything_is_read_only_where_float_takes_each(tokens: list[bytes]) -> None:
    wanted = [_float(token) for token in tokens]
    found = values_or_none(tokens)
    assert (found is None) == (None in wanted)
    if found is not None:
        assert [repr(float(value)) for value in found] == [repr(value) for value in wanted]


@pytest.mark.parametrize(
    "tokens", [[b"1,2"], [b"[1", b"2]"], [b'"1', b'2"'], [b"1", b"null"], [b"", b"1"], [b"1.2.3", b"4"]]
)
def test_what_is_no_number_is_none(tokens: list[bytes]) -> None:
    assert values_or_none(tokens) is None


def test_an_odd_number_among_many_spoils_none() -> None:
    tokens = [b"%d.5" % i for i in range(3 * PIECE)]
    tokens[PIECE + 3] = b"-inf"
    assert values_of(tokens) == list(map(float, tokens))
