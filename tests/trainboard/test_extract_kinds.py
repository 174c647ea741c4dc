"""Kinds of line that print one name, ranks that print one line, and programs that print one log."""

from __future__ import annotations

import pytest

from trainboard.extract import Extractor
from trainboard.extract.names import printed
from trainboard.extract.synonyms import Role, of_role, role


def series(text: str) -> dict[str, list[float]]:
    """The values of each metric."""
    extractor = Extractor()
    found: dict[str, list[float]] = {}
    for sample in [*extractor.feed(text.encode()), *extractor.finish()]:
        found.setdefault(sample.metric, []).append(sample.value)
    return found


def test_a_batch_line_and_an_epoch_line_are_kept_apart() -> None:
    text = "epoch 1 - iter 0/9 - loss 0.5\nepoch 1 - iter 1/9 - loss 0.4\nEPOCH 1 done: loss 0.45\n"
    assert series(text) == {"loss": [0.5, 0.4], "loss [epoch]": [0.45]}


def test_two_places_in_the_source_that_print_one_name_are_kept_apart() -> None:
    text = (
        "I0316 11:44:34.37 14 a.py:48] [0] global_step=0, loss=0.25\nI0316 11:44:34.38 14 b.py:265] 0) loss = 0.2\n"
    )
    assert series(text) == {"loss": [0.25], "loss [step]": [0.2]}


@pytest.mark.parametrize(
    ("metric", "name"),
    [("loss [epoch]", "loss"), ("AUC [infer.py epoch]", "AUC"), ("loss", "loss"), ("a [b] c", "a [b] c")],
)
def test_the_printed_name_is_the_metric_less_its_brackets(metric: str, name: str) -> None:
    assert printed(metric) == name


def test_lines_of_one_kind_may_have_more_or_fewer_metrics() -> None:
    assert series("epoch 1: loss 0.5  lr 1\nepoch 2: loss 0.4  dtw 0.1  lr 1\n") == {
        "loss": [0.5, 0.4],
        "lr": [1, 1],
        "dtw": [0.1],
    }


@pytest.mark.parametrize(
    "text",
    [
        "[rank1]: step 1 loss=0.5\n[rank0]: step 1 loss=0.6\n[rank0]: step 2 loss=0.3\n[rank1]: step 2 loss=0.4\n",
        "[1,1]<stdout>:step 1 loss=0.5\n[1,0]<stdout>:step 1 loss=0.6\n[1,1]<stdout>:step 2 loss=0.4\n",
        "1: step 1 loss=0.5\n0: step 1 loss=0.6\n1: step 2 loss=0.4\n",
        "[r1] step 1 loss=0.5\n[r0] step 1 loss=0.6\n[r1] step 2 loss=0.4\n",
        "(Worker pid=11) step 1 loss=0.5\n(Worker pid=12) step 1 loss=0.6\n(Worker pid=11) step 2 loss=0.4\n",
        "step 1 loss=0.5\nstep 1 loss=0.5\nstep 2 loss=0.4\nstep 2 loss=0.4\n",
    ],
)
def test_the_lines_of_several_ranks_are_one_series(text: str) -> None:
    assert series(text) == {"loss": [0.5, 0.4]}


def test_another_program_in_the_same_log_has_its_own_metrics() -> None:
    text = "+ python train.py --lr 1\nepoch 1 AUC: 0.5\nu@h:~$ python -u infer.py\nepoch 1 AUC: 0.75\n"
    assert series(text) == {"AUC": [0.5], "AUC [infer.py epoch]": [0.75]}


def test_the_same_program_started_again_goes_on() -> None:
    text = "+ python train.py\nepoch 1 loss: 0.5\n+ python train.py --resume\nepoch 2 loss: 0.4\n"
    assert series(text) == {"loss": [0.5, 0.4]}


def test_a_loop_over_other_data_has_its_own_metrics() -> None:
    text = "Epoch 1/1\n16/16 - 1s - 69ms/step - loss: 0.5\n4/4 - 0s - 14ms/step - loss: 0.25\n"
    assert {name: values for name, values in series(text).items() if "loss" in name} == {
        "loss": [0.5],
        "loss [epoch]": [0.25],
    }


@pytest.mark.parametrize(
    ("line", "name"),
    [
        ("DEV  : loss 0.1 - acc 0.5\n", "DEV_loss"),
        ("TEST [0][0/3]\tLoss 0.1 (0.1)\n", "TEST_Loss"),
        ("Epoch(val) [1][5/5]    loss: 0.1\n", "val_loss"),
        ("  Valid  loss 0.1  acc 0.5\n", "Valid_loss"),
        ("valid | epoch 001 | loss 0.1\n", "valid_loss"),
    ],
)
def test_an_evaluations_metrics_have_its_name(line: str, name: str) -> None:
    assert name in series("epoch 1\n" + line)


def test_what_was_printed_stays_told_apart_after_a_restart() -> None:
    first = Extractor()
    first.feed(b"epoch 1 - iter 0/9 - loss 0.5\nEPOCH 1 done: loss 0.45\n[rank1]: step 3 acc=1\n")
    second = Extractor.restore(first.state())
    samples = second.feed(b"EPOCH 2 done: loss 0.25\n[rank0]: step 3 acc=2\n[rank1]: step 4 acc=3\n")
    assert [(sample.metric, sample.value) for sample in samples] == [("loss [epoch]", 0.25), ("acc", 3)]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("train/loss", Role.LOSS),
        ("ce", Role.LOSS),
        ("valid ce", Role.LOSS),
        ("val_BCE", Role.LOSS),
        ("once", None),
        ("mace", None),
        ("lr", Role.LEARNING_RATE),
        ("learning rate", Role.LEARNING_RATE),
        ("optim0_lr0", Role.LEARNING_RATE),
        ("grad_norm", Role.GRADIENT_NORM),
        ("gnorm", Role.GRADIENT_NORM),
        ("samples/s", Role.THROUGHPUT),
        ("tokens_per_second", Role.THROUGHPUT),
        ("wps", Role.THROUGHPUT),
        ("ms/batch", Role.TIME),
        ("epoch time", Role.TIME),
        ("gpu_mem", Role.MEMORY),
        ("accuracy", None),
        ("colour", None),
    ],
)
def test_synonyms_find_what_the_board_looks_for(name: str, expected: Role | None) -> None:
    assert role(name) is expected


def test_the_metrics_of_a_role_come_with_the_whole_before_its_parts() -> None:
    assert of_role(["grad_norm/global", "loss", "gnorm"], Role.GRADIENT_NORM) == ["gnorm", "grad_norm/global"]
