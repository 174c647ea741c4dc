"""Two runs' errors side by side, and summaries that a host tells."""

from __future__ import annotations

import base64
import json
import math
import zlib
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backends.predictions.outcomes import outcomes
from backends.predictions.plain import Plain
from tests.backends.predicting import classified, predicted, summed, written
from trainboard.predictions.paired import (
    Outcomes,
    bootstrap,
    chance,
    changes,
    mcnemar,
    paired,
    parse_outcomes,
    t_test,
)
from trainboard.predictions.parse import parse_summary
from trainboard.predictions.summary import Refusal, Summary, Task

if TYPE_CHECKING:
    from pathlib import Path


def rows(keys: list[int], errors: list[float], **changed: Any) -> Outcomes:  # noqa: ANN401
    fields: dict[str, Any] = {
        "task": Task.CLASSIFICATION,
        "by_id": True,
        "used": len(keys),
        "rows": len(keys),
        "part": 1,
        "keys": np.array(keys, np.uint64),
        "errors": np.array(errors, float),
        "targets": np.zeros(len(keys), np.uint32),
        "slices": np.zeros(len(keys), np.uint32),
    }
    return replace(Outcomes(**fields), **changed)


def test_mcnemar_is_exact_for_few_and_corrected_for_many() -> None:
    assert mcnemar(0, 0) == 1
    assert mcnemar(1, 8) == pytest.approx(0.0390625)
    assert mcnemar(30, 50) == pytest.approx(math.erfc(19 / math.sqrt(80) / math.sqrt(2)))
    assert mcnemar(5, 5) == 1


def test_the_paired_t_test_is_the_textbooks() -> None:
    assert t_test(np.array([1.0, 2.0, 3.0, 2.5])) == pytest.approx(0.015587358121496142, rel=1e-9)
    assert t_test(np.zeros(4)) == 1
    assert t_test(np.ones(4)) == 0


def test_the_bootstrap_has_the_width_of_the_normal_interval() -> None:
    lots = np.random.default_rng(0)
    for values in (lots.normal(0.3, 1, 2000), (lots.random(2000) < 0.4).astype(float)):
        low, high = bootstrap(values)
        assert low < values.mean() < high
        assert high - low == pytest.approx(2 * 1.96 * values.std() / math.sqrt(2000), rel=0.15)


def test_samples_are_matched_by_key_and_the_others_are_counted() -> None:
    found = paired(rows([1, 2, 3], [0, 1, 1]), rows([3, 2, 9, 8], [0, 1, 0, 0]))
    assert not isinstance(found, Refusal)
    assert (found.keys.tolist(), found.first.tolist(), found.second.tolist()) == ([2, 3], [1, 1], [1, 0])
    assert (found.only_first, found.only_second) == (1, 2)


def test_of_a_share_of_the_samples_only_those_are_matched_that_both_have() -> None:
    found = paired(rows([0, 4, 8], [0, 1, 1], part=4), rows([0, 1, 2, 4, 8], [1, 0, 0, 1, 0]))
    assert not isinstance(found, Refusal)
    assert (found.keys.tolist(), found.part, found.only_second) == ([0, 4, 8], 4, 0)


@pytest.mark.parametrize(
    ("other", "words"),
    [
        ({"task": Task.REGRESSION}, "one is a classification, the other a regression"),
        ({"by_id": False}, "only one of the two has ids"),
        ({"keys": np.array([7, 8], np.uint64)}, "no sample is in both"),
        ({"targets": np.ones(2, np.uint32)}, "2 of 2 ids that are the same have different targets"),
    ],
)
def test_what_cannot_be_compared_is_refused(other: dict[str, Any], words: str) -> None:
    found = paired(rows([1, 2], [0, 1]), replace(rows([1, 2], [0, 1]), **other))
    assert isinstance(found, Refusal)
    assert words in found.text


def test_slices_that_changed_come_first() -> None:
    n = 400
    first, second = np.zeros(n), np.zeros(n)
    second[:60] = 1
    bits = (np.arange(n) < 80).astype(np.uint32) | ((np.arange(n) % 2).astype(np.uint32) << 1)
    found = paired(
        rows(list(range(n)), first.tolist(), slices=bits), rows(list(range(n)), second.tolist(), slices=bits)
    )
    assert not isinstance(found, Refusal)
    told = changes(Task.CLASSIFICATION, found, ["early", "odd"])
    assert [each.text for each in told] == ["early", "odd"]
    assert (told[0].n, told[0].before, told[0].after) == (80, 0, 0.75)
    assert told[0].p < 1e-9
    assert told[0].lower < 0.75 < told[0].upper


def test_equal_runs_differ_by_chance_in_one_of_twenty() -> None:
    lots, found = np.random.default_rng(1), 0
    for _ in range(300):
        differences = lots.choice([-1.0, 0.0, 1.0], 200, p=[0.1, 0.8, 0.1])
        found += chance(Task.CLASSIFICATION, differences) <= 0.05
    assert found <= 25


def test_rows_travel_packed_and_ids_that_come_twice_are_left_out(tmp_path: Path) -> None:
    path = written(
        tmp_path / "p.csv", {"id": ["a", "b", "b", "c"], "target": [1, 2, 3, 4.5], "prediction": [1, 2, 3, 4]}
    )
    asked = {"slices": [[{"feature": "id", "level": "c"}]]}
    found = parse_outcomes(outcomes(Plain(), str(path), {"task": "regression"}, asked))
    assert (found.rows, found.repeated, sorted(found.errors.tolist())) == (4, 2, [0, 0.5])
    assert found.slices[np.argmax(found.errors)] == 1


@pytest.mark.parametrize(
    "changed",
    [{"count": 9}, {"data": "????"}, {"data": base64.b64encode(zlib.compress(b"x")).decode()}, {"task": "x"}],
)
def test_rows_that_a_host_tells_otherwise_are_refused(tmp_path: Path, changed: dict[str, Any]) -> None:
    path = written(tmp_path / "p.csv", classified(20, 1))
    told = outcomes(Plain(), str(path), {}, {})
    with pytest.raises(ValueError, match=r"."):
        parse_outcomes(told | changed)


@pytest.mark.parametrize("make", [classified, predicted])
def test_a_summary_is_what_the_host_tells(tmp_path: Path, make: Any) -> None:  # noqa: ANN401
    told = json.loads(json.dumps(summed(written(tmp_path / "p.csv", make(300, 1))), allow_nan=False))
    found = parse_summary(told)
    assert isinstance(found, Summary)
    assert (found.rows, found.task.value) == (300, told["task"])
    assert len(found.features) == len(told["features"])
    assert parse_summary({"refused": "x\x1b[2J", "advice": "y"}) == Refusal("x␛[2J", "y")


JUNK = st.recursive(st.none() | st.booleans() | st.integers() | st.text(max_size=3), st.lists, max_leaves=4)


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_a_summary_that_is_spoilt_anywhere_is_a_value_error(data: st.DataObject) -> None:
    told = json.loads(json.dumps(GOOD))
    key = data.draw(st.sampled_from(sorted(told)))
    told[key] = data.draw(JUNK)
    with suppress(ValueError):
        assert isinstance(parse_summary(told), Summary)


def good() -> dict[str, Any]:
    """A summary."""
    import tempfile
    from pathlib import Path

    with tempfile.TemporaryDirectory() as folder:
        return summed(written(Path(folder) / "p.csv", classified(60, 1)))


GOOD = good()
