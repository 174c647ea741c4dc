"""Metrics agree with scikit-learn's, with both kernels; both kernels give the same numbers."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics

from backends.predictions import tails
from backends.predictions.fast import Fast
from backends.predictions.plain import Plain
from backends.predictions.refused import Refused
from tests.backends.predicting import classified, lines, predicted, summed, written

if TYPE_CHECKING:
    from pathlib import Path

KERNELS = pytest.mark.parametrize("plain", [False, True], ids=["numpy", "plain"])


def close(value: object) -> Any:  # noqa: ANN401  # what pytest has for it
    """To nine digits."""
    return pytest.approx(value, rel=1e-9, abs=1e-9)


def scored(n: int, classes: int, seed: int) -> tuple[Any, Any, Any]:
    """Targets, probabilities and weights; one class is never a target."""
    lots = np.random.default_rng(seed)
    probabilities = lots.dirichlet(np.ones(classes), n)
    return lots.integers(0, classes - (classes > 2), n), probabilities, lots.uniform(0.1, 3, n)


def table(target: Any, probabilities: Any, weight: Any = None) -> dict[str, Any]:  # noqa: ANN401
    found = {"label": target} | {f"prob_{at}": probabilities[:, at] for at in range(probabilities.shape[1])}
    return found if weight is None else found | {"weight": weight}


@KERNELS
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("classes", [2, 3, 6])
def test_the_metrics_of_classes_are_scikit_learns(tmp_path: Path, classes: int, weighted: bool, plain: bool) -> None:
    target, probabilities, weight = scored(700, classes, classes)
    weights = weight if weighted else None
    found = summed(written(tmp_path / "p.csv", table(target, probabilities, weights)), plain=plain)["classification"]
    guess = probabilities.argmax(1)
    named = sorted({*target.tolist(), *guess.tolist()})
    assert found["accuracy"] == close(metrics.accuracy_score(target, guess, sample_weight=weights))
    balanced = metrics.recall_score(
        target, guess, labels=sorted(set(target)), average="macro", sample_weight=weights, zero_division=0
    )
    assert found["balanced_accuracy"] == close(balanced)
    for average in ("macro", "weighted"):
        theirs = metrics.precision_recall_fscore_support(
            target, guess, average=average, sample_weight=weights, zero_division=0
        )
        assert found[average] == close(list(theirs[:3]))
    theirs = metrics.precision_recall_fscore_support(target, guess, sample_weight=weights, zero_division=0)
    assert [each[0] for each in found["classes"]] == [str(each) for each in named]
    for at, each in enumerate(found["classes"]):
        assert each[3:] == close([part[at] for part in theirs[:3]])
    confusion = metrics.confusion_matrix(target, guess, sample_weight=weights)
    assert np.allclose(found["confusion"], confusion, rtol=1e-9, atol=1e-9)
    labels = list(range(classes))
    loss = metrics.log_loss(target, probabilities, labels=labels, sample_weight=weights)
    assert found["log_loss"] == close(loss)
    hot = np.eye(classes)[target]
    brier = np.average(((probabilities - hot) ** 2).sum(1), weights=weights) / (2 if classes == 2 else 1)
    assert found["brier"] == close(brier)
    if classes == 2:
        theirs = metrics.brier_score_loss(target, probabilities[:, 1], sample_weight=weights)
        assert found["brier"] == close(theirs)
    for k, share in found["top"]:
        if classes > 2:
            theirs = metrics.top_k_accuracy_score(target, probabilities, k=k, labels=labels, sample_weight=weights)
            assert share == close(theirs)


@KERNELS
def test_the_calibration_error_is_that_of_fifteen_equal_bins(tmp_path: Path, plain: bool) -> None:
    target, probabilities, _ = scored(900, 4, 9)
    found = summed(written(tmp_path / "p.csv", table(target, probabilities)), plain=plain)["classification"]
    confidence, right = probabilities.max(1), probabilities.argmax(1) == target
    at = np.clip(np.ceil(confidence * 15).astype(int) - 1, 0, 14)
    ece = sum(abs(confidence[at == b].sum() - right[at == b].sum()) for b in range(15)) / 900
    assert found["ece"] == close(ece)
    assert [row[2] for row in found["reliability"]] == np.bincount(at, minlength=15).tolist()


@KERNELS
@pytest.mark.parametrize("weighted", [False, True])
def test_the_metrics_of_numbers_are_scikit_learns(tmp_path: Path, weighted: bool, plain: bool) -> None:
    lots = np.random.default_rng(3)
    target = 1e6 + lots.normal(size=800)
    guess, weight = target + lots.standard_t(4, 800), lots.uniform(0.1, 3, 800)
    columns = {"y_true": target, "y_pred": guess} | ({"weight": weight} if weighted else {})
    found = summed(written(tmp_path / "p.csv", columns), plain=plain)["regression"]
    weights = weight if weighted else None
    assert found["mae"] == close(metrics.mean_absolute_error(target, guess, sample_weight=weights))
    squares = metrics.mean_squared_error(target, guess, sample_weight=weights)
    assert found["rmse"] == close(math.sqrt(squares))
    assert found["r2"] == close(metrics.r2_score(target, guess, sample_weight=weights))
    assert found["bias"] == close(np.average(guess - target, weights=weights))
    theirs = np.quantile(guess - target, [q for q, _ in found["quantiles"]])
    assert [value for _, value in found["quantiles"]] == close(theirs.tolist())
    _, counts, below, above = found["histogram"]
    assert sum(counts) + below + above == 800
    assert sum(map(sum, found["grid"][2])) == 800
    assert sum(row[1] for row in found["by_prediction"]) == 800


def test_numbers_written_down_from_scikit_learn(tmp_path: Path) -> None:
    columns: dict[str, list[Any]] = {
        "target": ["cat", "cat", "dog", "dog", "owl", "owl"],
        "scores": [
            [0.7, 0.2, 0.1],
            [0.4, 0.5, 0.1],
            [0.1, 0.8, 0.1],
            [0.3, 0.3, 0.4],
            [0.2, 0.2, 0.6],
            [0.5, 0.1, 0.4],
        ],
    }
    found = summed(lines(tmp_path / "p.jsonl", columns))["classification"]
    assert found["accuracy"] == 0.5
    assert found["log_loss"] == pytest.approx(0.6878663978488632, abs=1e-12)
    assert found["macro"] == pytest.approx([0.5, 0.5, 0.5], abs=1e-12)
    assert found["confusion"] == [[1, 1, 0], [0, 1, 1], [1, 0, 1]]


def same(one: Any, other: Any, where: str = "") -> None:  # noqa: ANN401
    """That two answers have the same numbers."""
    if isinstance(one, dict):
        assert one.keys() == other.keys(), where
        for key in one.keys() - {"fast", "seconds", "stamp"}:
            same(one[key], other[key], f"{where}.{key}")
    elif isinstance(one, list):
        assert len(one) == len(other), where
        for at, (a, b) in enumerate(zip(one, other, strict=True)):
            same(a, b, f"{where}[{at}]")
    elif isinstance(one, float):
        assert one == pytest.approx(other, rel=1e-9, abs=1e-9), where
    else:
        assert one == other, where


@settings(max_examples=12, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    rows=st.integers(2, 300),
    numbers=st.booleans(),
    weighted=st.booleans(),
    holes=st.booleans(),
)
def test_both_kernels_give_the_same_numbers(
    tmp_path_factory: pytest.TempPathFactory, seed: int, rows: int, numbers: bool, weighted: bool, holes: bool
) -> None:
    lots = np.random.default_rng(seed)
    columns = (predicted if numbers else classified)(rows, seed)
    if weighted:
        columns["weight"] = lots.uniform(0, 2, rows).round(2)
    if holes:
        for name in ("age", "device", "prediction"):
            columns[name] = np.where(lots.random(rows) < 0.2, "", columns[name].astype(str))
    path = written(tmp_path_factory.mktemp("same") / "p.csv", columns)
    task = "regression" if numbers else "classification"
    same(answer(path, plain=False, task=task), answer(path, plain=True, task=task))


def answer(path: Path, *, plain: bool, task: str) -> dict[str, Any]:
    """What the file says, or why it says nothing."""
    try:
        return summed(path, plain=plain, task=task)
    except Refused as error:
        return {"refused": str(error)}


@pytest.mark.parametrize("make", [classified, predicted])
def test_both_kernels_find_the_same_slices(tmp_path: Path, make: Any) -> None:  # noqa: ANN401
    path = written(tmp_path / "p.csv", make(2000, 3, lambda x: (x["age"] > 60) & (x["device"] == "B")))
    fast = summed(path)
    assert fast["slices"]
    same(fast, summed(path, plain=True))


@given(st.lists(st.lists(st.floats(-30, 30), min_size=3, max_size=3), min_size=1, max_size=20))
def test_both_kernels_make_the_same_of_scores(rows: list[list[float]]) -> None:
    one, other = Plain(), Fast()
    a, b = one.softmax(one.rows(rows)), other.softmax(other.rows(rows))
    assert np.allclose(np.array(a), b, rtol=1e-12)
    at = [row % 4 - 1 for row in range(len(rows))]
    for name in ("of", "ranks"):
        found = (
            getattr(one, name)(one.rows(rows), one.ints(at)),
            getattr(other, name)(other.rows(rows), other.ints(at)),
        )
        assert list(found[0]) == found[1].tolist()
    assert list(one.best(rows)) == other.best(other.rows(rows)).tolist()


@given(
    st.lists(st.floats(allow_nan=True, allow_infinity=True), max_size=40), st.lists(st.floats(-1e3, 1e3), max_size=9)
)
def test_both_kernels_put_values_into_the_same_bins(values: list[float], edges: list[float]) -> None:
    one, other, bounds = Plain(), Fast(), sorted(set(edges))
    a, b = one.binned(one.floats(values), bounds), other.binned(other.floats(values), bounds)
    assert list(a) == b.tolist()
    size = len(bounds) + 2
    assert one.tally(a, size) == other.tally(b, size)
    for most in (1, 3):
        assert one.largest(one.ints(a), most, 0.5) == other.largest(other.ints(a), most, 0.5)


@given(st.integers(0, 2**40), st.integers(1, 50))
def test_both_kernels_draw_the_same_lots(first: int, count: int) -> None:
    assert list(Plain().lots(first, count)) == Fast().lots(first, count).tolist()
    assert list(next(Plain().shuffles(count, first))) == next(Fast().shuffles(count, first)).tolist()


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (tails.normal(1.5), 0.06680720126885807),
        (tails.chi2(10.0, 3), 0.01856613546304325),
        (tails.chi2(300.0, 9), 2.6102773472069844e-59),
        (tails.student(2.5, 7), 0.020496109292876444),
        (tails.student(6.0, 60.5), 5.990969185695137e-08),
        (tails.student(-1.0, 5), 0.8183912661754386),
        (tails.hypergeometric(8, 20, 30, 200), 0.0036012451507853884),
        (tails.hypergeometric(1, 20, 30, 200), 0.9676427675637024),
    ],
)
def test_tails_are_those_of_the_textbooks(ours: float, theirs: float) -> None:
    assert ours == pytest.approx(theirs, rel=1e-9)


def test_the_correction_is_holms() -> None:
    assert tails.holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert tails.holm([0.001], 100) == pytest.approx([0.1])


def test_wilsons_interval_is_the_known_one() -> None:
    assert tails.wilson(0.1, 50) == pytest.approx((0.04347576493189041, 0.21360231437479654), abs=1e-12)
