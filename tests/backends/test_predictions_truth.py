"""Slices that were made bad on purpose are found first; in noise there are none."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from tests.backends.predicting import classified, predicted, summed, texts, written

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

Bad = "Callable[[dict[str, Any]], Any]"


def test_a_bad_level_of_a_category_is_found_first_and_alone(tmp_path: Path) -> None:
    path = written(tmp_path / "p.csv", classified(3000, 1, lambda x: x["device"] == "B", worse=0.4))
    found = summed(path)
    assert texts(found) == [{"device = B"}]
    assert found["features"][0]["name"] == "device"
    assert found["features"][0]["p"] <= 0.05
    assert found["slices"][0]["mean"] == pytest.approx(0.4, abs=0.05)
    assert found["slices"][0]["rest"] == pytest.approx(0.1, abs=0.03)


def test_a_bad_range_of_a_number_is_found_at_its_edge(tmp_path: Path) -> None:
    path = written(tmp_path / "p.csv", classified(4000, 2, lambda x: x["age"] > 60, worse=0.4))
    found = summed(path)
    assert texts(found) == [{"age > 60"}]
    assert found["features"][0]["name"] == "age"


@pytest.mark.parametrize("seed", range(5))
def test_two_conditions_together_are_found_as_such(tmp_path: Path, seed: int) -> None:
    def bad(x: dict[str, Any]) -> Any:  # noqa: ANN401
        return (x["age"] > 60) & (x["device"] == "B")

    found = summed(written(tmp_path / "p.csv", classified(5000, seed, bad)))
    assert texts(found)[0] == {"age > 60", "device = B"}
    assert len(texts(found)) == 1


def test_a_small_effect_is_found_where_there_are_many_rows(tmp_path: Path) -> None:
    def bad(x: dict[str, Any]) -> Any:  # noqa: ANN401
        return (x["age"] > 60) & (x["device"] == "B")

    found = summed(written(tmp_path / "p.csv", classified(30000, 3, bad, usual=0.10, worse=0.16)))
    assert texts(found)[0] == {"age > 60", "device = B"}


def test_an_interaction_without_effects_of_its_own_is_found(tmp_path: Path) -> None:
    def bad(x: dict[str, Any]) -> Any:  # noqa: ANN401
        return (x["age"] > 54) == (x["night"] == 1)

    found = summed(written(tmp_path / "p.csv", classified(6000, 4, bad, worse=0.35)))
    assert len(texts(found)) == 2
    assert all({"age", "night"} == {word.split()[0] for word in one} for one in texts(found))


def test_two_numbers_of_a_regression_are_found_together(tmp_path: Path) -> None:
    def bad(x: dict[str, Any]) -> Any:  # noqa: ANN401
        return (x["age"] <= 40) & (x["noise0"] > 0.5)

    found = summed(written(tmp_path / "p.csv", predicted(6000, 5, bad)))
    assert {word.split()[0] for word in texts(found)[0]} == {"age", "noise0"}
    assert found["slices"][0]["mean"] > 2 * found["slices"][0]["rest"]


def test_two_bad_places_are_both_told_and_their_overlaps_are_not(tmp_path: Path) -> None:
    def bad(x: dict[str, Any]) -> Any:  # noqa: ANN401
        return (x["age"] > 75) | (x["device"] == "C")

    found = summed(written(tmp_path / "p.csv", classified(6000, 6, bad, worse=0.5)))
    assert {"device = C"} in texts(found)
    assert any({word.split()[0] for word in one} == {"age"} for one in texts(found))
    assert len(texts(found)) <= 3


def test_a_part_of_a_bad_slice_that_is_far_worse_is_told_beside_it(tmp_path: Path) -> None:
    columns = classified(8000, 7, lambda x: x["device"] == "B", worse=0.3)
    lots = np.random.default_rng(0)
    far = (columns["device"] == "B") & (columns["age"] > 75) & (lots.random(8000) < 0.8)
    columns["prediction"] = np.where(far, (columns["target"] + 1) % 4, columns["prediction"])
    found = texts(summed(written(tmp_path / "p.csv", columns)))
    assert {"device = B"} in found
    assert any({word.split()[0] for word in one} == {"age", "device"} for one in found)


def test_levels_of_which_one_row_in_ten_is_empty_are_told_as_empty(tmp_path: Path) -> None:
    columns = classified(4000, 8)
    lots = np.random.default_rng(8)
    lost = lots.random(4000) < 0.1
    columns["prediction"] = np.where(
        lost & (lots.random(4000) < 0.5), (columns["target"] + 1) % 4, columns["prediction"]
    )
    columns["device"] = np.where(lost, "", columns["device"])
    assert texts(summed(written(tmp_path / "p.csv", columns))) == [{"device = (empty)"}]


@pytest.mark.parametrize(
    ("make", "rows", "files"), [(classified, 400, 120), (predicted, 400, 80)], ids=["classes", "numbers"]
)
def test_in_noise_hardly_any_file_has_a_slice_or_an_input_that_explains(
    tmp_path: Path, make: Callable[..., Any], rows: int, files: int
) -> None:
    slices = inputs = 0
    for seed in range(files):
        found = summed(written(tmp_path / "p.csv", make(rows, seed)))
        assert found["tried"] > 100
        slices += bool(found["slices"])
        inputs += found["features"][0]["p"] <= 0.05 or any(each["p"] <= 0.05 for each in found["features"])
    assert slices <= 0.05 * files
    assert inputs <= 0.10 * files  # 5 % on average: of so many files no more than this by chance


def test_heavy_tails_and_rare_errors_are_no_slices(tmp_path: Path) -> None:
    told = 0
    for seed in range(24):
        lots = np.random.default_rng(seed)
        columns = classified(1000, seed, usual=0.01) if seed % 2 else predicted(1000, seed)
        if seed % 2 == 0:
            columns["prediction"] = columns["target"] + lots.standard_t(2, 1000)
        told += bool(summed(written(tmp_path / "p.csv", columns))["slices"])
    assert told <= 1
