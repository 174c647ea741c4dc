"""What a printed name stands for."""

from __future__ import annotations

import pytest

from trainboard.extract.names import Kind, fold, kind, objective


@pytest.mark.parametrize(
    "name",
    ["loss", "train/loss", "valLoss", "total_loss", "top1_acc", "F1", "eval_accuracy", "ppl", "grad_norm", "tok/s"],
)
def test_losses_and_scores_are_measurements_beyond_doubt(name: str) -> None:
    assert kind(name) is Kind.MEASURE


@pytest.mark.parametrize("name", ["lr", "learning_rate", "weight_norm", "step_time", "gpu_mem", "foo"])
def test_other_names_are_metrics_in_company_only(name: str) -> None:
    assert kind(name) is Kind.PLAIN


@pytest.mark.parametrize("name", ["batch_size", "seed", "num_workers", "max_epochs", "hidden_size", "model.dropout"])
def test_settings_are_settings(name: str) -> None:
    assert kind(name) is Kind.SETTING


@pytest.mark.parametrize("name", ["", "train.py", "model.pt", "x" * 100])
def test_files_and_endless_words_are_no_names(name: str) -> None:
    assert kind(name) is None


def test_the_wanted_objective_is_found_in_any_spelling() -> None:
    assert objective(["loss", "Val Loss"], "val_loss") == "Val Loss"


def test_a_wanted_objective_that_is_not_printed_is_not_replaced_by_another() -> None:
    assert objective(["loss"], "accuracy") is None


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["acc", "val_loss", "loss"], "loss"),
        (["acc", "Train Loss"], "Train Loss"),
        (["acc", "contrastive_loss"], "contrastive_loss"),
        (["acc"], None),
    ],
)
def test_without_a_wish_the_likeliest_loss_is_the_objective(names: list[str], expected: str | None) -> None:
    assert objective(names) == expected


def test_spellings_fold_into_one() -> None:
    assert fold("Val Loss") == fold("val/loss") == fold("VAL-loss") == "val_loss"
