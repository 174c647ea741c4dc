"""Lines whose names nobody knows: measurements where they come again as the training goes on."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trainboard.extract import Extractor
from trainboard.extract.recurrence import SHAPES_CAP

if TYPE_CHECKING:
    from collections.abc import Callable

    from trainboard.series import Sample


def read(text: str) -> dict[str, list[tuple[float, float]]]:
    """By metric: its steps and values."""
    extractor = Extractor()
    series: dict[str, list[tuple[float, float]]] = {}
    for sample in [*extractor.feed(text.encode()), *extractor.finish()]:
        series.setdefault(sample.metric, []).append((sample.step, sample.value))
    return series


def training(line: Callable[[int], str], steps: int = 5) -> str:
    """A log in which a line stands below each step's."""
    return "".join(f"step {step} loss={1 / (step + 1):.3f}\n{line(step)}\n" for step in range(steps))


@pytest.mark.parametrize(
    ("line", "names"),
    [
        (lambda i: f"TP:{1783 + i}, TN:171, FP:23, FN:17", {"TP", "TN", "FP", "FN"}),
        (lambda i: f"Output stats: min=-2.{i}, max=10.7, mean=-1.01", {"min", "max", "mean"}),
        (lambda i: f"beats: 3.{i}", {"beats"}),
        (lambda i: f"Corr coef: 0.9{i}", {"Corr coef"}),
        (lambda i: f"ошибка модели: 0.9{i}", {"ошибка модели"}),
        (lambda i: f"{{'hits': {i + 3}, 'misses': 4}}", {"hits", "misses"}),
        (lambda i: f"2024-05-01 10:00:0{i} INFO spikes = {i * 7}", {"spikes"}),
    ],
)
def test_a_line_that_recurs_as_the_training_goes_on_is_a_measurement(
    line: Callable[[int], str], names: set[str]
) -> None:
    series = read(training(line))
    assert set(series) == {"loss"} | names
    for name in names:
        assert [step for step, _ in series[name]] == [0, 1, 2, 3, 4], "the first ones have the places that they had"


def test_the_values_held_back_are_those_that_were_printed() -> None:
    assert read(training(lambda i: f"beats: {3 + i / 10}"))["beats"] == [
        (0, 3.0),
        (1, 3.1),
        (2, 3.2),
        (3, 3.3),
        (4, 3.4),
    ]


def test_whole_numbers_seen_twice_are_none() -> None:
    assert set(read(training(lambda i: f"beats: 3{i}", steps=2))) == {"loss"}


def test_two_fractions_that_differ_are_measured_where_something_else_was() -> None:
    assert set(read(training(lambda i: f"beats: 3.{i}", steps=2))) == {"loss", "beats"}
    assert set(read("".join(f"step {i}\nbeats: 3.{i}\n" for i in range(2)))) == set()


def test_a_line_that_recurs_without_a_training_is_none() -> None:
    assert read("".join(f"beats: 3.{i}\nsome text\n" for i in range(9))) == {}


@pytest.mark.parametrize("count", [2, 5])
def test_a_list_that_is_printed_at_once_is_none(count: int) -> None:
    text = training(lambda step: "\n".join(f"conv: {3 * step + row}" for row in range(count)))
    assert set(read(text)) == {"loss"}


def test_a_table_of_layers_below_one_step_is_none() -> None:
    rows = "".join(f"width: {64 * row}\n" for row in range(9))
    assert set(read("step 1 loss=0.3\n" + rows + "step 2 loss=0.2\n")) == {"loss"}


@pytest.mark.parametrize(
    "line",
    [
        lambda i: "beats: 3.1",
        lambda i: "alpha: 0.9, depth: 12, gamma: 0.99",
        lambda i: f"seed: {i * 7}",
        lambda i: f"pid: {4000 + i}",
        lambda i: f"checkpoint: {i}",
        lambda i: f"wrote shard {i * 3} of the data: 7",
        lambda i: f"question: {i * 3}, and what is the answer to it",
        lambda i: f"released: 1.2.{i}",
    ],
)
def test_what_is_constant_or_names_a_thing_or_tells_the_step_again_is_none(line: Callable[[int], str]) -> None:
    assert set(read(training(line, steps=8))) == {"loss"}


def test_a_setting_that_stays_constant_is_left_out_beside_what_varies() -> None:
    assert set(read(training(lambda i: f"spikes: {i * 7}, depth: 12"))) == {"loss", "spikes"}


def test_only_one_rank_is_heard() -> None:
    text = training(lambda i: f"[rank0]: spikes: {i * 7}\n[rank1]: spikes: {i * 9}")
    assert read(text)["spikes"] == [(0, 0), (1, 7), (2, 14), (3, 21), (4, 28)]


def cut(text: bytes, places: list[int]) -> list[Sample]:
    """The samples of a log that is read in parts, by an extractor that is restored before each."""
    samples: list[Sample] = []
    extractor = Extractor()
    for end in [*sorted({place % len(text) for place in places}), len(text)]:
        extractor = Extractor.restore(json.loads(json.dumps(extractor.state())))
        samples += extractor.feed(text[extractor.offset : end])
    return [*samples, *extractor.finish()]


@given(st.lists(st.integers(0, 400), max_size=6))
def test_cut_anywhere_the_samples_are_the_same(places: list[int]) -> None:
    text = training(lambda i: f"TP:{1783 + i}, TN:171\nbeats: 3.{i}\nwidth: 3\nwidth: {i}").encode()
    whole = Extractor()
    assert sorted(cut(text, places)) == sorted([*whole.feed(text), *whole.finish()])


def test_memory_is_bounded_whatever_is_printed() -> None:
    extractor = Extractor()
    for step in range(3):
        names = (f"name{'abcdefghij'[i % 10]}{i // 10}x" for i in range(10 * SHAPES_CAP))
        extractor.feed(f"step {step} loss=0.3\n".encode() + "".join(f"{name}: {step}.5\n" for name in names).encode())
    assert len(extractor.state()["recurrence"]["watched"]) <= SHAPES_CAP


@pytest.mark.parametrize(
    ("line", "names"),
    [
        (
            "Epoch 1, Step 0: Reconstruction Loss=1.53, KL Loss=1583.4, Total Loss=476.5",
            {"Reconstruction Loss", "KL Loss", "Total Loss"},
        ),
        ("[100] G loss=0.3 D loss=0.5 Gradient penalty loss=0.7", {"G loss", "D loss", "penalty loss"}),
        ("step 5 | mean abs head loss=0.3 | mean abs tail loss=0.2", {"mean abs head loss", "mean abs tail loss"}),
        (
            "Iter 5: generator adversarial fake class loss: 0.3, lr: 0.1",
            {"generator adversarial fake class loss", "lr"},
        ),
        ("Epoch 5, spikes of note=3, dead unit share: 0.25, loss: 0.4", {"note", "dead unit share", "loss"}),
        ("Epoch 3 done, training loss=0.4", {"training loss"}),
    ],
)
def test_no_two_numbers_of_a_line_fall_together(line: str, names: set[str]) -> None:
    assert set(read(line + "\n")) == names


@pytest.mark.parametrize("heading", ["Validation:", "=== Validation ===", "[Validation]:", "Validation results:"])
def test_a_heading_line_tells_training_and_validation_apart(heading: str) -> None:
    rows = "".join(
        f"Epoch {epoch}\nTraining:\nloss: 0.{epoch}\n{heading}\nloss: 0.{epoch + 3}\n" for epoch in (1, 2, 3)
    )
    assert read(rows) == {
        "loss": [(1, 0.1), (2, 0.2), (3, 0.3)],
        "loss [Validation]": [(1, 0.4), (2, 0.5), (3, 0.6)],
    }


def test_a_heading_is_over_where_the_next_step_is_told() -> None:
    text = "".join(f"step {step}\nloss: 0.{step}\nValidation:\nloss: 0.{step + 3}\n" for step in (1, 2, 3))
    assert read(text) == {
        "loss": [(1, 0.1), (2, 0.2), (3, 0.3)],
        "loss [Validation]": [(1, 0.4), (2, 0.5), (3, 0.6)],
    }
