"""The pure parts of the benchmark of diagnosis: its recipes, its data, and how it counts."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from benchmarks.diagnosis.blind2 import PROGRAMS
from benchmarks.diagnosis.blind2.loop import SCHEDULES
from benchmarks.diagnosis.data import SETS
from benchmarks.diagnosis.recipes import ORIGINAL, PARTS, Recipe
from benchmarks.diagnosis.score import LOOKS, Verdict, examine, growth, tally, without_layers, wrong

if TYPE_CHECKING:
    from collections.abc import Sequence

    from trainboard.series import Sample

FAULTY = next(each for each in ORIGINAL if each.id == "F4")
HEALTHY = ORIGINAL[0]
LOG = "".join(
    f"step {step} train_loss {5 - step / 100:.3f}\n"
    + (json.dumps({"step": step, "fc1.weight": {"norm": 1.5, "dead": 0.5}}) + "\n" if step % 10 == 0 else "")
    for step in range(200)
)


@dataclass
class Nervous:
    """Complains as long as it has seen at least so many and less than so many samples."""

    says: tuple[frozenset[str], ...]
    since: int = 0
    until: float = float("inf")
    seen: list[Sample] = field(default_factory=list)

    def take(self, samples: Sequence[Sample]) -> None:
        self.seen += samples

    def complaints(self) -> tuple[frozenset[str], ...]:
        return self.says if self.since <= len(self.seen) < self.until else ()


def said(recipe: Recipe, *classes: str, layers: bool = True) -> Verdict:
    """A verdict with one class in each complaint, at every look."""
    return Verdict(recipe, 0, layers, (tuple(frozenset((each,)) for each in classes),) * LOOKS)


def test_the_fitted_part_is_two_seeds_of_the_twenty_six_originals() -> None:
    fitted = [part for part in PARTS if part.id == "fit"]
    assert len(fitted) == 1
    assert sum(each.faulty for each in fitted[0].recipes) == 20
    assert sum(not each.faulty for each in fitted[0].recipes) == 6
    again = {(each.id, seed) for part in PARTS if part.id != "fit" for each in part.recipes for seed in part.seeds}
    assert again.isdisjoint((each.id, seed) for each in fitted[0].recipes for seed in fitted[0].seeds)


def test_each_recipe_has_a_name_of_its_own_and_differs_from_all_others() -> None:
    recipes = {each.id: each for part in PARTS for each in part.recipes}
    assert len(recipes) == sum(len(part.recipes) for part in PARTS if part.id != "originals")
    assert len({each.key(0) for each in recipes.values()}) == len(recipes)


def test_the_blind_programs_share_no_name_with_the_recipes_and_no_two_are_one() -> None:
    known = {each.id for part in PARTS for each in part.recipes}
    names = [each.id for each in PROGRAMS]
    assert known.isdisjoint(names)
    assert len(set(names)) == len(names)
    assert len({each.key(0) for each in PROGRAMS}) == len(PROGRAMS)
    assert sum(each.faulty for each in PROGRAMS) >= 18
    assert sum(not each.faulty for each in PROGRAMS) >= 7


def test_a_healthy_program_has_no_right_answer_and_a_faulty_one_has_no_fewer_from_the_log_alone() -> None:
    assert all(each.answers(True) <= each.answers(False) for each in PROGRAMS)
    assert all(bool(each.answers(False)) == each.faulty for each in PROGRAMS)


@pytest.mark.parametrize("name", [name for name, each in SCHEDULES.items() if each])
def test_no_schedule_goes_above_the_learning_rate_or_below_nothing(name: str) -> None:
    schedule = SCHEDULES[name]
    assert schedule is not None
    shares = [schedule(step / 400) for step in range(400)]
    assert 0 <= min(shares) < max(shares) <= 1.0001


def test_the_key_of_a_log_follows_the_training_and_not_its_description() -> None:
    assert HEALTHY.key(0) == replace(HEALTHY, what="other words", right=frozenset(("plateau",))).key(0)
    assert HEALTHY.key(0) != replace(HEALTHY, lr=0.06).key(0)
    assert HEALTHY.key(0) != HEALTHY.key(1)


@pytest.mark.parametrize("name", ["blobs", "uneven", "friedman", "shapes", "characters"])
def test_data_are_the_same_every_time_and_validated_on_others(name: str) -> None:
    one, two = (SETS[name](np.random.default_rng(3)) for _ in range(2))
    assert np.array_equal(one.x, two.x)
    assert np.array_equal(one.val_y, two.val_y)
    assert len(one.x) == len(one.y) > len(one.val_x) == len(one.val_y) > 100
    assert {row.tobytes() for row in one.x}.isdisjoint(row.tobytes() for row in one.val_x)
    if one.classes:
        assert 0 <= one.y.min() <= one.y.max() < one.classes


def test_a_log_that_grows_gives_each_sample_once() -> None:
    parts = list(growth(LOG))
    assert len(parts) == LOOKS
    assert [sample for part in parts for sample in part] == [sample for part in growth(LOG, 1) for sample in part]
    assert {sample.metric for part in parts for sample in part} == {
        "train_loss",
        "fc1.weight.norm",
        "fc1.weight.dead",
    }


def test_without_layers_all_else_stays() -> None:
    objects = '{"step": 3, "loss": 0.5}\n'
    assert without_layers(objects + LOG).count("\n") == 201
    assert {sample.metric for sample in next(growth(without_layers(LOG), 1))} == {"train_loss"}


def test_what_was_said_once_of_a_healthy_run_counts_and_of_a_faulty_one_only_what_stays() -> None:
    brief = Nervous((frozenset(("plateau",)),), since=40, until=60)
    healthy = examine(growth(without_layers(LOG)), HEALTHY, 0, False, brief)
    assert healthy.found_at == 0.2
    assert tally([healthy]).disturbed == 1
    faulty = examine(growth(without_layers(LOG)), FAULTY, 0, False, replace(brief, seen=[]))
    assert not faulty.flagged
    assert tally([faulty]).flagged == 0
    assert len(brief.seen) == 200


def test_only_the_first_complaint_counts_as_the_first_cause() -> None:
    verdict = said(FAULTY, "divergence", "vanishing")
    assert not verdict.first_right
    assert verdict.right_anywhere
    assert said(FAULTY, "vanishing", "divergence").first_right


def test_from_the_log_alone_more_answers_are_right_than_with_layers() -> None:
    assert not said(FAULTY, "no_learning").first_right
    assert said(FAULTY, "no_learning", layers=False).first_right


def test_the_tally_counts_faults_and_healthy_runs_apart() -> None:
    late = Verdict(FAULTY, 1, True, ((),) * (LOOKS - 1) + ((frozenset(("vanishing",)),),))
    counts = tally([said(FAULTY, "vanishing"), late, said(FAULTY), said(HEALTHY), said(HEALTHY, "spikes")])
    assert (counts.faulty, counts.flagged, counts.first_right, counts.early) == (3, 2, 2, 1)
    assert (counts.healthy, counts.disturbed) == (2, 1)
    assert counts.found_at == pytest.approx((1 / LOOKS + 1) / 2)


def test_each_that_was_judged_wrong_has_a_line() -> None:
    verdicts = [said(FAULTY), said(FAULTY, "spikes"), said(FAULTY, "vanishing"), said(HEALTHY), said(HEALTHY, "x")]
    lines = list(wrong(verdicts, lambda each: each.recipe.id))
    assert lines == ["missed F4", "wrong  F4", "alarm  H1"]
