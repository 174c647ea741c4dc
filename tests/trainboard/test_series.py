"""Series in memory, their reduction, and the file that keeps them."""

from __future__ import annotations

import math
import stat
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from trainboard.series import KEEP, Sample, Series, SeriesFile, by_metric, decimate

if TYPE_CHECKING:
    from pathlib import Path

numbers = st.floats(allow_nan=True, allow_infinity=True)
samples = st.lists(
    st.builds(
        Sample,
        metric=st.sampled_from(["loss", "val/acc", "größe \n\x1b"]),
        value=numbers,
        step=st.floats(allow_nan=False, allow_infinity=False),
        index=st.sampled_from(["step", "epoch", ""]),
        wall=st.none() | st.floats(min_value=0, max_value=2e9),
    ),
    max_size=6,
)
# One file is used again for every example; each example clears it first.
on_one_file = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def loss(step: float, value: float) -> Sample:
    return Sample("loss", value, float(step), "step", 10.0)


def same(left: list[Sample], right: list[Sample]) -> bool:
    """Equal, where nan equals nan."""
    return repr(left) == repr(right)


def series(*values: float) -> Series:
    found = Series("loss")
    for step, value in enumerate(values):
        found.append(loss(step, value))
    return found


def test_a_series_knows_its_first_last_least_and_greatest_value() -> None:
    found = series(3.0, 1.0, 4.0, 2.0)
    assert (len(found), found.first, found.last, found.min, found.max) == (4, 3.0, 2.0, 1.0, 4.0)


def test_nan_is_neither_least_nor_greatest_nor_best() -> None:
    found = series(math.nan, 2.0, math.nan, 1.0, math.nan)
    assert (found.min, found.max) == (1.0, 2.0)
    assert (found.best("minimize"), found.best("maximize")) == (1.0, 2.0)


def test_infinite_values_are_values() -> None:
    found = series(1.0, math.inf, -math.inf)
    assert (found.min, found.max) == (-math.inf, math.inf)


def test_a_series_of_nan_has_no_best_value() -> None:
    found = series(math.nan, math.nan)
    assert math.isnan(found.min)
    assert found.best("minimize") is None


def test_an_empty_series_has_no_values() -> None:
    found = series()
    assert (found.first, found.last, found.best("minimize")) == (None, None, None)


def test_samples_become_one_series_per_metric_in_the_order_of_the_log() -> None:
    found = by_metric([loss(1, 0.5), Sample("acc", 0.1, 1, "step"), loss(2, 0.4)])
    assert list(found) == ["loss", "acc"]
    assert list(found["loss"].steps) == [1, 2]
    assert math.isnan(found["acc"].walls[0])


def test_a_short_curve_is_returned_whole() -> None:
    assert decimate([1, 2, 3], [0.3, 0.2, 0.1], 10) == [(1, 0.3), (2, 0.2), (3, 0.1)]


def test_a_single_peak_survives_a_hundredfold_reduction() -> None:
    values = [0.0] * 10_000
    values[7_777] = 5.0
    assert (7_777, 5.0) in decimate(range(10_000), values, 100)


def test_a_gap_of_nan_survives_reduction() -> None:
    values = [1.0] * 1_000
    values[500] = math.nan
    assert any(math.isnan(value) for _, value in decimate(range(1_000), values, 50))


@settings(deadline=None)
@given(st.lists(numbers, max_size=300), st.integers(min_value=1, max_value=80))
def test_reduction_keeps_ends_and_extremes_in_order_and_invents_nothing(values: list[float], points: int) -> None:
    kept = decimate(range(len(values)), values, points)
    steps = [int(step) for step, _ in kept]
    assert steps == sorted(set(steps))
    assert all(repr(value) == repr(values[int(step)]) for step, value in kept)
    assert len(kept) <= max(points, 5)
    if values:
        assert (steps[0], steps[-1]) == (0, len(values) - 1)
    finite = [value for value in values if not math.isnan(value)]
    if finite:
        assert {min(finite), max(finite)} <= {value for _, value in kept}


def test_a_file_that_is_not_there_is_an_empty_one(tmp_path: Path) -> None:
    stored = SeriesFile(tmp_path / "run.series").load()
    assert (stored.samples, stored.offset, stored.state) == ([], 0, {})


def test_the_file_and_its_folder_are_for_the_owner_only(tmp_path: Path) -> None:
    path = tmp_path / "home" / "series" / "run.series"
    SeriesFile(path).append([loss(1, 0.5)], 10, {})
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert stat.S_IMODE(path.parent.parent.stat().st_mode) == 0o700


def test_what_is_cleared_is_forgotten_and_the_file_can_be_used_again(tmp_path: Path) -> None:
    file = SeriesFile(tmp_path / "run.series")
    file.append([loss(1, 0.5)], 10, {})
    file.clear()
    file.append([loss(1, 0.7)], 20, {})
    assert file.load().samples == [loss(1, 0.7)]


@on_one_file
@given(batches=st.lists(samples, max_size=5))
def test_what_was_appended_is_read_again(tmp_path: Path, batches: list[list[Sample]]) -> None:
    file = SeriesFile(tmp_path / "run.series")
    file.clear()
    for number, batch in enumerate(batches):
        assert file.append(batch, number, {"n": number})
    stored = SeriesFile(file.path).load()
    assert same(stored.samples, [sample for batch in batches for sample in batch])
    assert stored.state == ({"n": len(batches) - 1} if batches else {})


@on_one_file
@given(batches=st.lists(samples, min_size=1, max_size=5), data=st.data())
def test_a_file_cut_anywhere_gives_what_one_of_its_commits_covers(
    tmp_path: Path, batches: list[list[Sample]], data: st.DataObject
) -> None:
    file = SeriesFile(tmp_path / "run.series")
    file.clear()
    committed: dict[int, list[Sample]] = {0: []}
    for number, batch in enumerate(batches, 1):
        file.append(batch, number, {})
        committed[number] = committed[number - 1] + batch
    whole = file.path.read_bytes()
    cut = data.draw(st.integers(min_value=0, max_value=len(whole)))
    file.path.write_bytes(whole[:cut])
    stored = SeriesFile(file.path).load()
    assert same(stored.samples, committed[stored.offset])

    # And it goes on from there.
    torn = SeriesFile(file.path)
    before = torn.load()
    assert torn.append([loss(9, 0.9)], 99, {})
    again = SeriesFile(file.path).load()
    assert same(again.samples, [*before.samples, loss(9, 0.9)])
    assert again.offset == 99


@on_one_file
@given(noise=st.binary(max_size=200), at=st.integers(min_value=0, max_value=400))
def test_a_damaged_file_is_read_up_to_the_damage(tmp_path: Path, noise: bytes, at: int) -> None:
    file = SeriesFile(tmp_path / "run.series")
    file.clear()
    for step in range(5):
        file.append([loss(step, 0.5)], step, {})
    whole = file.path.read_bytes()
    file.path.write_bytes(whole[:at] + noise + whole[at + len(noise) :])
    SeriesFile(file.path).load()


def test_samples_after_the_last_commit_did_not_happen(tmp_path: Path) -> None:
    file = SeriesFile(tmp_path / "run.series")
    file.append([loss(1, 0.5)], 10, {"at": 10})
    with file.path.open("ab") as stream:
        stream.write(b"[0,2,0.4,null]\n[0,3,")
    stored = SeriesFile(file.path).load()
    assert (stored.samples, stored.offset, stored.state) == ([loss(1, 0.5)], 10, {"at": 10})


def test_reading_again_from_the_commit_doubles_nothing(tmp_path: Path) -> None:
    file = SeriesFile(tmp_path / "run.series")
    file.append([loss(1, 0.5)], 10, {})
    with file.path.open("ab") as stream:
        stream.write(b"[0,2,0.4,10.0]\n")
    again = SeriesFile(file.path)
    again.load()
    again.append([loss(2, 0.4)], 20, {})
    assert SeriesFile(file.path).load().samples == [loss(1, 0.5), loss(2, 0.4)]


def test_commits_stay_a_small_part_of_the_file(tmp_path: Path) -> None:
    file = SeriesFile(tmp_path / "run.series")
    state = {"large": "x" * 2_000}
    for step in range(1_000):
        file.append([loss(step, 0.123456789)], step, state)
    size = file.path.stat().st_size
    assert len(file.load().samples) == 1_000
    assert size < 100_000  # a thousand states would be two million


def test_a_long_file_keeps_a_commit_to_fall_back_to(tmp_path: Path) -> None:
    file = SeriesFile(tmp_path / "run.series")
    for step in range(200):
        file.append([loss(step * 100 + n, 0.123456789) for n in range(100)], step, {})
    whole = file.path.read_bytes()
    file.path.write_bytes(whole[:-1])
    kept = len(SeriesFile(file.path).load().samples)
    assert 20_000 - kept < 4 * KEEP / 20


def test_a_writer_that_starts_again_keeps_the_same_commits(tmp_path: Path) -> None:
    steady, restarted = SeriesFile(tmp_path / "steady"), tmp_path / "restarted"
    for step in range(50):
        batch = [loss(step * 100 + n, 0.5) for n in range(100)]
        steady.append(batch, step, {"s": step})
        SeriesFile(restarted).append(batch, step, {"s": step})
    assert restarted.read_bytes() == steady.path.read_bytes()


def test_a_second_writer_is_noticed_and_nothing_is_overwritten(tmp_path: Path) -> None:
    ours, theirs = SeriesFile(tmp_path / "run.series"), SeriesFile(tmp_path / "run.series")
    ours.append([loss(1, 0.5)], 10, {})
    theirs.append([loss(2, 0.4)], 20, {})
    assert ours.append([loss(2, 0.4)], 20, {}) is False
    assert ours.load().samples == [loss(1, 0.5), loss(2, 0.4)]
    assert ours.append([loss(3, 0.3)], 30, {}) is True


def test_a_folder_that_cannot_be_written_is_an_error_and_not_silence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match="file"):
        SeriesFile(tmp_path / "file" / "run.series").append([], 0, {})


@pytest.mark.parametrize("state", [{}, {"nested": {"a": [1, None, "x"]}}])
def test_the_state_travels_with_the_samples(tmp_path: Path, state: dict[str, Any]) -> None:
    SeriesFile(tmp_path / "run.series").append([loss(1, 0.5)], 123, state)
    stored = SeriesFile(tmp_path / "run.series").load()
    assert (stored.offset, stored.state) == (123, state)
