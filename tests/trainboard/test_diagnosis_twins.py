"""Whether a fault took hold, by what a training and the sound ones of its kind print."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from benchmarks.diagnosis.blind3 import THIRD
from benchmarks.diagnosis.blind4 import FOURTH
from benchmarks.diagnosis.twins import Ends, ends_of, sound_of, took_hold

if TYPE_CHECKING:
    from benchmarks.diagnosis.blind2 import Program

PROGRAMS = (*THIRD, *FOURTH)
FAULTY = [each for each in PROGRAMS if each.faulty]


def log(loss: float = 0.1, right: float = 0.9, peak: float = 0.2, memory: int = 1200) -> str:
    """A training of forty steps that ends like this, and leaps once in the middle."""
    return "".join(
        f"step {at} loss {peak if at == 20 else loss + 2 * 0.5**at:.4f} val_acc {right:.3f} gpu_memory {memory}\n"
        for at in range(40)
    )


SOUND: list[Ends] = [ends_of(log(0.1)), ends_of(log(0.11, 0.88)), ends_of(log(0.12, 0.91))]


@pytest.mark.parametrize(
    "worse", [log(0.16), log(right=0.8), log(peak=3.0), log(memory=1500), log(float("nan")), log(1e-3)]
)
def test_a_training_that_ends_worse_in_anything_has_its_fault(worse: str) -> None:
    assert took_hold(ends_of(worse), SOUND)


@pytest.mark.parametrize("as_good", [log(), log(0.13), log(0.05), log(right=1.0), log(memory=800)])
def test_a_training_that_ends_as_well_has_none(as_good: str) -> None:
    assert not took_hold(ends_of(as_good), SOUND)


def test_a_training_that_prints_nothing_that_all_print_is_counted() -> None:
    assert took_hold(ends_of("epoch 1 reward 3\n"), SOUND)


@pytest.mark.parametrize("program", FAULTY, ids=lambda each: each.id)
def test_the_sound_one_is_of_the_same_program_with_less_set(program: Program) -> None:
    sound = sound_of(program)
    assert sound.program is program.program
    assert not sound.faulty
    assert set(sound.settings) < set(program.settings)


def test_no_two_programs_of_the_newest_parts_are_one() -> None:
    assert len({each.id for each in PROGRAMS}) == len(PROGRAMS)
    assert len({each.key(0) for each in PROGRAMS}) == len(PROGRAMS)
    assert all(each.answers(True) <= each.answers(False) for each in PROGRAMS)
