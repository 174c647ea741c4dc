"""How far a run is, by what its log says and by the spec's total."""

from __future__ import annotations

import json

import pytest

from trainboard.extract import Extractor, Progress


def progress(text: str, total: dict[str, float] | None = None) -> Progress | None:
    extractor = Extractor(total)
    extractor.feed(text.encode())
    return extractor.progress


def test_a_log_that_tells_no_total_tells_no_progress() -> None:
    assert progress("epoch 3 loss=0.5\n") is None


def test_an_epoch_out_of_a_total() -> None:
    assert progress("Epoch 3/50 loss=0.5\n") == Progress(3, 50, "epoch")


def test_a_step_out_of_a_total() -> None:
    assert progress("step 100/2000 loss=0.5\n") == Progress(100, 2000, "step")


def test_the_heading_of_an_epoch_does_not_finish_it() -> None:
    assert progress("Epoch 3/50\n") == Progress(2, 50, "epoch")


def test_the_metrics_below_a_heading_finish_its_epoch() -> None:
    assert progress("Epoch 3/50\ntrain_loss: 0.5\n") == Progress(3, 50, "epoch")


def test_batches_are_parts_of_an_epoch() -> None:
    assert progress("Epoch [3/50], Step [150/600], Loss: 0.5\n") == Progress(2.25, 50, "epoch")


def test_epochs_from_zero_count_as_well() -> None:
    assert progress("epoch 0/4 loss=1\nepoch 1/4 loss=1\n") == Progress(2, 4, "epoch")


def test_the_batches_of_an_evaluation_are_no_progress() -> None:
    text = "Epoch [3/50][300/600] loss=1\nval: [12/100] loss=1\n"
    assert progress(text) == Progress(2.5, 50, "epoch")


def test_a_bar_of_the_training_is_progress_while_it_is_being_drawn() -> None:
    text = "  3%|▎     | 15/500 [00:12<06:40, 1.2it/s]\r  4%|▎     | 20/500 [00:15<06:40, 1.2it/s]\r"
    assert progress(text) == Progress(20, 500, "step")


def test_a_download_is_no_progress() -> None:
    assert progress("Downloading weights: 45%|####    | 450/1000 [00:12<00:15, 36.5MB/s]\n") is None


@pytest.mark.parametrize(
    ("text", "total", "expected"),
    [
        ("epoch=3 loss=1\n", {"epochs": 50}, Progress(3, 50, "epoch")),
        ("epoch=3 loss=1\n", {"epoch": 50}, Progress(3, 50, "epoch")),
        ("step 70 loss=1\n", {"steps": 100}, Progress(70, 100, "step")),
        ("global_step=70 loss=1\n", {"steps": 100}, Progress(70, 100, "step")),
        ("iter 70 loss=1\n", {"iterations": 100}, Progress(70, 100, "iteration")),
        ("{'loss': 0.3, 'epoch': 1.37}\n", {"epochs": 3}, Progress(1.37, 3, "epoch")),
        ("step 70 epoch 3 loss=1\n", {"steps": 100}, Progress(70, 100, "step")),
        ("step 70 epoch 3 loss=1\n", {"epochs": 5}, Progress(3, 5, "epoch")),
    ],
)
def test_the_total_of_the_spec_is_matched_with_the_index_word(
    text: str, total: dict[str, float], expected: Progress
) -> None:
    assert progress(text, total) == expected


def test_the_total_of_the_spec_is_better_than_the_logs() -> None:
    assert progress("epoch 3/9 loss=1\n", {"epochs": 50}) == Progress(3, 50, "epoch")


def test_a_total_of_another_word_is_not_matched() -> None:
    assert progress("step 70 loss=1\n", {"epochs": 50}) is None


def test_progress_survives_a_restart() -> None:
    first = Extractor()
    first.feed(b"Epoch 3/50\n[150/600] loss=1\n")
    second = Extractor.restore(json.loads(json.dumps(first.state())))
    assert second.progress == Progress(2.25, 50, "epoch")


@pytest.mark.parametrize(("done", "total", "fraction"), [(1, 4, 0.25), (5, 4, 1.0), (-1, 4, 0.0), (1, 0, 0.0)])
def test_a_fraction_is_between_nothing_and_all(done: float, total: float, fraction: float) -> None:
    assert Progress(done, total, "step").fraction == fraction
