"""Principal components, against what numpy knows; and the nearest points."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from trainboard.components import components, nearest, turned

RANDOM = np.random.default_rng(8)
POINTS = RANDOM.normal(size=(200, 7)) * [5, 3, 2, 1, 0.5, 0.2, 0.1] + 40


def test_the_components_are_numpys() -> None:
    found = components(POINTS)
    centred = POINTS - POINTS.mean(axis=0)
    _, strengths, directions = np.linalg.svd(centred, full_matrices=False)
    np.testing.assert_allclose(found.shares, strengths**2 / (strengths**2).sum(), rtol=1e-9)
    np.testing.assert_allclose(np.abs(found.directions), np.abs(directions), atol=1e-9)
    np.testing.assert_allclose(np.abs(found.scores), np.abs(centred @ directions.T), atol=1e-9)
    values = np.linalg.eigvalsh(np.cov(POINTS.T))[::-1]
    np.testing.assert_allclose(found.scores.var(axis=0, ddof=1), values, rtol=1e-9)


def test_clusters_that_were_planted_are_apart() -> None:
    middles = RANDOM.normal(size=(3, 20)) * 8
    labels = np.arange(300) % 3
    found = components(middles[labels] + RANDOM.normal(size=(300, 20)))
    plane = found.scores[:, :2]
    centres = np.array([plane[labels == kind].mean(axis=0) for kind in range(3)])
    closest = np.linalg.norm(plane[:, None] - centres[None], axis=2).argmin(axis=1)
    assert (closest == labels).mean() > 0.99


def test_signs_stay_over_the_steps() -> None:
    first = components(POINTS)
    for step in range(5):
        later = POINTS * (-1.0 if step % 2 else 1.0) + RANDOM.normal(size=POINTS.shape) * 0.01
        found = turned(components(later), first)
        agree = (found.scores * (first.scores - first.scores.mean(axis=0))).sum(axis=0)
        assert (agree > 0).all()
        fewer = turned(components(later[:150]), first)
        assert ((fewer.directions[:3] * first.directions[:3]).sum(axis=1) > 0).all()


def test_the_sign_is_the_same_whatever_the_solver_says() -> None:
    found = components(POINTS)
    greatest = np.abs(found.directions).argmax(axis=1)
    assert (found.directions[np.arange(len(greatest)), greatest] > 0).all()


@pytest.mark.parametrize("points", [np.ones((5, 3)), np.zeros((1, 4)), np.full((3, 1), 7.0)])
def test_points_that_are_one_have_no_components(points: np.ndarray[tuple[int, int], np.dtype[np.float64]]) -> None:
    found = components(points)
    assert len(found.shares) == 0
    assert found.scores.shape == (len(points), 0)


def test_one_column_has_one_component() -> None:
    found = components(np.arange(10.0)[:, None])
    assert found.shares.tolist() == [1.0]


def test_of_a_wide_table_some_rows_tell_the_directions_and_all_are_placed() -> None:
    points = RANDOM.normal(size=(2000, 1)) * RANDOM.normal(size=(1, 50)) + RANDOM.normal(size=(2000, 50)) * 0.05
    some, whole = components(points, work=300 * 50 * 50), components(points)
    assert some.fitted == 300
    assert len(some.scores) == 2000
    assert abs(float(some.directions[0] @ whole.directions[0])) > 0.999


@given(arrays.arrays(np.float64, st.tuples(st.integers(1, 8), st.integers(1, 8)), elements=st.floats(-1e300, 1e300)))
@settings(max_examples=50)
def test_any_finite_points_have_finite_components(points: np.ndarray[tuple[int, int], np.dtype[np.float64]]) -> None:
    found = components(points)
    assert np.isfinite(found.scores).all()
    assert (np.diff(found.shares) <= 1e-12).all()
    assert found.shares.sum() <= 1 + 1e-9


def test_the_nearest_are_found_in_all_dimensions() -> None:
    points = np.zeros((5, 3))
    points[1:, 2] = (5, 1, 3, 2)
    assert nearest(points, 0, 3) == [(2, 1.0), (4, 2.0), (3, 3.0)]
    assert nearest(points[:1], 0, 3) == []
    turn = np.array([[1.0, 0], [100, 1], [0, 1], [-1, 0], [0, 0]])
    assert [at for at, _ in nearest(turn, 0, 5, cosine=True)] == [1, 2, 3]
