"""Parameters in the cells of a sheet."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from specs import cells
from specs.scanner import PARAMETER

SCALARS = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text())
ODD = st.sampled_from(
    ["", " ", "1", "1e-3", "007", "true", "NULL", "'", "''x", "=1+1", "@sum", "-", "+a", "nan", " x"]
)


def same(one: object, other: object) -> bool:
    return type(one) is type(other) and repr(one) == repr(other)


@given(SCALARS | ODD)
def test_a_cell_is_read_as_the_value_that_was_written(value: str | int | float | bool | None) -> None:
    if isinstance(value, int) and len(str(value)) > cells.LONGEST_NUMBER:
        value = 0
    text = cells.written(value)
    assert same(cells.read(text), value)
    assert text.strip()


@given(ODD | st.text())
def test_no_text_is_a_formula(value: str) -> None:
    assert not cells.written(value).startswith(("=", "+", "-", "@", "\t", "\r", "\n"))


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e-3", 0.001),
        (" 16 ", 16),
        ("TRUE", True),
        ("007", "007"),
        ("1:30", "1:30"),
        ("adam", "adam"),
        ("null", None),
    ],
)
def test_what_people_write_is_read_as_a_spec_reads_it(text: str, value: object) -> None:
    assert same(cells.read(text), value)


@given(SCALARS)
def test_a_number_in_a_workbook_is_the_number_or_else_text(value: str | int | float | bool | None) -> None:
    cell = cells.typed(value)
    if not isinstance(cell, str):
        assert same(cell, value)
        text = f"{cell:.16g}"
        assert isinstance(cell, bool) or str(float(text) if "." in text or "e" in text else int(text)) in (
            str(value), str(value).removesuffix(".0")
        )  # fmt: skip


@given(st.sampled_from(["state", "best", "a b"]), st.sampled_from(["", "val/loss", "x [y]", "a\nb"]))
def test_a_column_about_the_run_is_no_parameter(word: str, metric: str) -> None:
    header = cells.result(word, metric)
    assert cells.is_result(header)
    assert not PARAMETER.fullmatch(header)
    assert not cells.is_result("lr")


@given(st.text("_x0dD8\r\n\x01\uffff"))
def test_what_a_workbook_cannot_hold_is_escaped_and_read_as_it_was(text: str) -> None:
    written = cells.escaped(text)
    assert not set(written) & set("\r\x01\uffff")
    assert cells.unescaped(written) == text
