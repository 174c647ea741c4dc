"""Sizes and durations."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from specs.units import duration, size


@pytest.mark.parametrize(
    ("text", "count"),
    [("8G", 8 * 1024**3), ("500M", 500 * 1024**2), ("1.5TiB", 1.5 * 1024**4), ("2gb", 2 * 1024**3), ("1 K", 1024)],
)
def test_sizes_are_bytes_in_powers_of_1024(text: str, count: float) -> None:
    assert size(text) == count


@pytest.mark.parametrize("text", ["", "8", "G", "8X", "-1G", "8 G B", "1e3M", "١G", "8Gi8"])
def test_what_is_no_size_or_has_no_unit_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r".*"):
        size(text)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        *(("8h", 28800), ("90m", 5400), ("1d12h", 129600), ("1h 30m", 5400), ("1.5h", 5400), ("45s", 45)),
        *(("01:30:00", 5400), ("2-00:00:00", 172800), ("100:00:00", 360000), ("3600", 3600), ("1w", 604800)),
    ],
)
def test_durations_are_seconds(text: str, seconds: int) -> None:
    assert duration(text) == seconds


@pytest.mark.parametrize("text", ["", "01:30", "8 hours", "h", "1:60:00", "-1h", "1e9", "2-00", "1.2.3h"])
def test_what_is_no_duration_or_reads_two_ways_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r".*"):
        duration(text)


@settings(deadline=None)
@given(st.text(alphabet="0123456789.:-wdhmsGKi B", max_size=12))
def test_any_text_is_a_measure_or_a_value_error(text: str) -> None:
    for read in (size, duration):
        try:
            assert read(text) >= 0
        except ValueError:
            continue
