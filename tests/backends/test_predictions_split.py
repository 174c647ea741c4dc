"""A table that is taken apart by numpy has the same cells, numbers and labels as one that is read row by row."""

from __future__ import annotations

import math

from hypothesis import given, settings
from hypothesis import strategies as st

from backends.predictions.labels import Labels
from backends.predictions.plain import number
from backends.predictions.split import columns

CELLS = st.one_of(
    st.floats().map(repr),
    st.integers(-(10**20), 10**20).map(str),
    st.decimals(allow_nan=False, allow_infinity=False, places=5).map(str),
    st.sampled_from(
        ["", "-", "+", ".", " 1.5", "1.", "-.5", "+3", "--1", "1.2.3", "1_000", "9" * 18, "9" * 19, "NA"]
    ),
    st.text(st.characters(exclude_characters='\n\r,"\0', exclude_categories=["Cs"]), max_size=30),
)


@settings(max_examples=80, deadline=None)
@given(st.lists(st.tuples(CELLS, CELLS), min_size=1, max_size=30))
def test_cells_numbers_and_labels_are_those_of_each_cell_alone(rows: list[tuple[str, str]]) -> None:
    found = columns("".join(f"{a},{b}\n" for a, b in rows).encode(), 2, ord(","))
    assert found is not None
    for at, fields in enumerate(found):
        cells = [row[at] for row in rows]
        assert list(fields) == cells
        values, bad = fields.numbers()
        alone = [number(cell) for cell in cells]
        assert bad == sum(is_bad for _, is_bad in alone)
        for one, (other, _) in zip(values.tolist(), alone, strict=True):
            same = math.isclose(one, other, rel_tol=1e-15, abs_tol=1e-300)
            assert same or (math.isnan(one) and math.isnan(other))
        ours, theirs = Labels(100), Labels(100)
        assert ours.codes(fields) == theirs.codes(cells)  # type: ignore[arg-type]  # as good as a sequence
        assert ours.names == theirs.names


def test_quotes_odd_bytes_and_other_widths_go_another_way() -> None:
    for text in (b'1,"2"\n', b"1,2,3\n4\n", b"1\n,2\n3,\n", b"1,\xff\n", b"1,2\r3,4\n"):
        assert columns(text, 2, ord(",")) is None
