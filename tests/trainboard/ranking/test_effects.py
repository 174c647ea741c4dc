"""How much a parameter matters."""

from __future__ import annotations

import math
import random
from typing import TYPE_CHECKING

import pytest

from backends.base import JobState
from tests.trainboard.ranking.a_sweep import a_sweep, an_entry, compared
from trainboard.actions import Refused
from trainboard.ranking.columns import Column, Source
from trainboard.ranking.effects import effects
from trainboard.ranking.importance import importance

if TYPE_CHECKING:
    from trainboard.compare import Comparison

LOSS = Column(Source.METRIC, "val_loss", "best")


def planted(runs: int, noise: float = 0.05) -> Comparison:
    """What counts is the logarithm of lr, a little of it the optimiser, and the rest by lot."""
    lot = random.Random(3)
    return compared(
        *(
            an_entry(
                n,
                {"lr": (lr := 10 ** lot.uniform(-5, -1)), "opt": (opt := lot.choice("ab")), "none": lot.random()},
                (math.log10(lr) + 3) ** 2 + 0.3 * (opt == "a") + lot.gauss(0, noise),
            )
            for n in range(runs)
        )
    )  # fmt: skip


def test_the_share_of_the_variance_is_that_between_the_levels() -> None:
    found = {each.param: each for each in effects(a_sweep(), LOSS)}
    assert set(found) == {"lr", "optim.name"}
    # By hand: between 3 levels 4 * ((.411-.5543)² + (.451-.5543)² + (.801-.5543)²), within 3 * 3 * sd².
    between = 4 * sum((y - (0.411 + 0.451 + 0.801) / 3) ** 2 for y in (0.411, 0.451, 0.801))
    within = 9 * 0.009309493362512627**2
    assert found["lr"].share == pytest.approx(between / (between + within))
    assert found["lr"].chance == pytest.approx(2 / 11)
    assert found["optim.name"].share < found["optim.name"].chance
    assert not found["lr"].binned


def test_many_numbers_are_taken_together_in_bins_and_what_is_not_finite_is_left_out() -> None:
    entries = [an_entry(n, {"x": n / 7}, float(n % 100)) for n in range(100)]
    entries += [an_entry(100, {"x": 1.0}, math.nan), an_entry(101, {"x": 2.0}, None, JobState.FAILED)]
    [found] = effects(compared(*entries), LOSS)
    assert found.binned
    assert (found.levels, found.runs) == (8, 100)
    assert found.share > 0.95


def test_nothing_is_said_where_nothing_differs() -> None:
    assert effects(compared(an_entry(0, {"lr": 1}, 0.5)), LOSS) == ()
    assert effects(compared(*(an_entry(n, {"lr": n}, 0.5) for n in range(9))), LOSS) == ()
    assert effects(compared(*(an_entry(n, {"lr": n}) for n in range(9))), LOSS) == ()


def test_the_forest_finds_what_was_planted() -> None:
    found = importance(planted(120), LOSS)
    assert [each.param for each in found.params] == ["lr", "opt", "none"]
    assert found.params[0].share > 0.7
    assert found.params[2].share < 0.05
    assert found.explained > 0.8
    assert "of settings it has not seen" in found.caveat


def test_the_forest_says_that_it_knows_nothing_of_noise() -> None:
    lot = random.Random(4)
    noise = compared(*(an_entry(n, {"a": lot.random(), "b": lot.choice("xyz")}, lot.random()) for n in range(60)))
    found = importance(noise, LOSS)
    assert found.explained < 0.1
    assert "do not rely on it" in found.caveat or "that is little" in found.caveat


def test_too_few_runs_and_no_differences_are_refused() -> None:
    with pytest.raises(Refused, match="importance needs 10 runs with a value of val_loss; there are 3"):
        importance(compared(*(an_entry(n, {"lr": n}, 0.5 + n) for n in range(3))), LOSS)
    with pytest.raises(Refused, match="no parameter differs"):
        importance(compared(*(an_entry(n, {"lr": 1}, 0.5 + n) for n in range(30))), LOSS)
    with pytest.raises(Refused, match="is the same in all runs"):
        importance(compared(*(an_entry(n, {"lr": n}, 0.5) for n in range(30))), LOSS)


def test_seeds_of_a_setting_do_not_tell_the_forest_what_it_is_asked() -> None:
    """Ten settings without rhyme or reason, ten seeds each: what is known of one setting is nothing about another."""
    lot = random.Random(5)
    level = [lot.random() for _ in range(10)]
    runs = compared(
        *(an_entry(n, {"a": n // 10, "seed": n % 10}, level[n // 10] + lot.gauss(0, 1e-3)) for n in range(100))
    )
    assert importance(runs, LOSS).explained < 0.5
    with pytest.raises(Refused, match="importance needs 5 settings of the parameters; there are 2"):
        importance(compared(*(an_entry(n, {"a": n % 2, "seed": n}, 0.1 * n) for n in range(20))), LOSS)
