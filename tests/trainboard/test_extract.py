"""From the text of a log to samples: formats, indexes, and what is no metric."""

from __future__ import annotations

import math

import pytest

from trainboard.extract import Extractor


def read(text: str) -> list[tuple[str, float, float, str]]:
    """(metric, value, step, index) of every sample of a log."""
    extractor = Extractor()
    samples = [*extractor.feed(text.encode()), *extractor.finish()]
    return [(sample.metric, sample.value, sample.step, sample.index) for sample in samples]


def values(text: str) -> dict[str, float]:
    """The last value of every metric of a log."""
    return {metric: value for metric, value, _, _ in read(text)}


# Formats


def test_key_equals_value_with_a_step() -> None:
    assert read("step=100 loss=0.25 acc=0.9\n") == [("loss", 0.25, 100, "step"), ("acc", 0.9, 100, "step")]


def test_key_colon_value_with_an_epoch() -> None:
    assert read("epoch: 3, train_loss: 0.25, val_acc: 0.9\n") == [
        ("train_loss", 0.25, 3, "epoch"),
        ("val_acc", 0.9, 3, "epoch"),
    ]


def test_key_and_value_with_nothing_between() -> None:
    assert values("epoch 3 loss 0.25 acc 0.9 lr 1e-4\n") == {"loss": 0.25, "acc": 0.9, "lr": 1e-4}


def test_cells_between_bars() -> None:
    line = "| epoch 001 | loss 6.648 | nll_loss 0.000 | gnorm 3.1 | ups 4.2 |\n"
    assert values(line) == {"loss": 6.648, "nll_loss": 0.0, "gnorm": 3.1, "ups": 4.2}


def test_a_json_line() -> None:
    line = '{"step": 12, "loss": 0.3, "ok": true, "note": "a b", "none": null}\n'
    assert read(line) == [("loss", 0.3, 12, "step")]


def test_a_nested_json_line_gets_dotted_names() -> None:
    line = '{"train": {"loss": 0.3, "acc": 0.5}, "global_step": 12, "hist": [1, 2, 3], "deep": {"er": {"loss": 1}}}\n'
    assert read(line) == [("train.loss", 0.3, 12, "global_step"), ("train.acc", 0.5, 12, "global_step")]


def test_numbers_in_json_strings_are_numbers_and_dates_are_not() -> None:
    assert values('{"loss": "0.3", "epoch": "1", "at": "2024-05-01 12:00:00", "eta": "1:30"}\n') == {"loss": 0.3}


def test_a_python_dictionary() -> None:
    line = "{'loss': 0.3, 'grad_norm': 1.25, 'learning_rate': 5e-05, 'epoch': 1.37}\n"
    assert read(line) == [
        ("loss", 0.3, 1.37, "epoch"),
        ("grad_norm", 1.25, 1.37, "epoch"),
        ("learning_rate", 5e-05, 1.37, "epoch"),
    ]


def test_a_dictionary_of_tensors() -> None:
    line = "step 5: {'loss': tensor(0.3, device='cuda:0'), 'acc': np.float64(0.5)}\n"
    assert read(line) == [("loss", 0.3, 5, "step"), ("acc", 0.5, 5, "step")]


def test_a_record_behind_a_prefix() -> None:
    assert read('INFO:root:step 7 {"loss": 0.3}\n') == [("loss", 0.3, 7, "step")]


def test_one_field_of_a_pretty_printed_record_per_line() -> None:
    assert read('    "epoch": 3,\n    "main/loss": 6.85,\n') == [("main/loss", 6.85, 3, "epoch")]


def test_names_with_slashes_dots_and_at_signs() -> None:
    line = "step=1 train/loss=0.1 mAP@.5=0.2 acc@1: 0.3 layer.norm=0.4\n"
    assert values(line) == {"train/loss": 0.1, "mAP@.5": 0.2, "acc@1": 0.3, "layer.norm": 0.4}


def test_names_of_several_words() -> None:
    assert values("Epoch 3: Train Loss: 0.25 Val Loss: 0.5\n") == {"Train Loss": 0.25, "Val Loss": 0.5}


def test_a_sentence() -> None:
    assert values("Epoch 1 is 0.5 percent complete, loss of 0.381\n") == {"loss": 0.381}


def test_the_validation_half_of_a_line_is_another_metric() -> None:
    line = "epoch=3 | train: loss=0.3 acc=0.5 | val: loss=0.4 acc=0.6\n"
    assert values(line) == {"loss": 0.3, "acc": 0.5, "val_loss": 0.4, "val_acc": 0.6}


def test_an_average_in_brackets_is_not_the_value() -> None:
    assert values("Epoch: [0][20/390]\tTime 0.5 (0.6)\tLoss 6.9 (7.0)\tAcc@1 1.5 (1.0)\n") == {
        "Time": 0.5,
        "Loss": 6.9,
        "Acc@1": 1.5,
    }


def test_the_lines_of_the_example_program() -> None:
    text = (
        "8964 characters to train on, 996 to validate, alphabet of 45\n"
        "step 25 epoch 3 loss=2.7846 lr=0.001 grad_norm=0.437 tok/s=106986\n"
        "step 100 epoch 10 val_loss: 2.3099\n"
    )
    assert read(text) == [
        ("loss", 2.7846, 25, "step"),
        ("lr", 0.001, 25, "step"),
        ("grad_norm", 0.437, 25, "step"),
        ("tok/s", 106986, 25, "step"),
        ("val_loss", 2.3099, 100, "step"),
    ]


# Values


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e-3", 1e-3),
        ("-2.5E+2", -250.0),
        (".5", 0.5),
        ("+3", 3.0),
        ("12%", 12.0),
        ("3.2s", 3.2),
        ("115ms", 115.0),
        ("18.2k", 18200.0),
        ("5.04G", 5.04),
        ("1,234.5", 1234.5),
        ("0.3.", 0.3),
        ("0.3,", 0.3),
        ("inf", math.inf),
        ("-inf", -math.inf),
        ("Infinity", math.inf),
    ],
)
@pytest.mark.parametrize("form", ["step=1 loss={}\n", "step 1: loss: {} lr: 1\n", "epoch 1 loss {} done\n"])
def test_a_value_is_read_without_its_unit(form: str, text: str, value: float) -> None:
    assert values(form.format(text))["loss"] == value


@pytest.mark.parametrize("text", ["nan", "NaN", "-nan", "NAN"])
@pytest.mark.parametrize("form", ["step=1 loss={}\n", "loss: {}\n", '{{"step": 1, "loss": {}}}\n'])
def test_nan_is_a_value(form: str, text: str) -> None:
    assert math.isnan(values(form.format(text))["loss"])


@pytest.mark.parametrize("text", ["12:30:01", "2024-05-01", "1.2.3", "10.0.0.1", "4fa3b2", "3-layer", "0.25.ckpt"])
def test_what_only_begins_like_a_number_is_none(text: str) -> None:
    assert values(f"step=1 loss={text} acc=1\n") == {"acc": 1.0}


# Index


@pytest.mark.parametrize("word", ["step", "epoch", "iteration", "iter", "global_step", "update", "it", "batch"])
@pytest.mark.parametrize(
    "form", ["{}=7 loss=1\n", "{}: 7 loss: 1\n", "{} 7 loss 1\n", "[{} 7] loss=1\n", "{}[7] loss=1\n"]
)
def test_every_index_word_counts_and_is_no_metric(form: str, word: str) -> None:
    assert read(form.format(word)) == [("loss", 1.0, 7.0, word)]


@pytest.mark.parametrize("line", ["Step 7/2000: loss=1\n", "step: 7 / 2000 loss=1\n", "step 7 of 2000 loss=1\n"])
def test_a_step_out_of_a_total(line: str) -> None:
    assert read(line) == [("loss", 1.0, 7.0, "step")]


def test_an_index_without_a_word() -> None:
    assert read("[ 12/100] loss=1\n") == [("loss", 1.0, 12.0, "step")]


def test_the_global_step_is_preferred_to_the_epoch() -> None:
    assert read("epoch=2 global_step=700 loss=1\n") == [("loss", 1.0, 700.0, "global_step")]


def test_a_batch_within_an_epoch_is_a_part_of_it() -> None:
    assert read("Epoch [2/5], Step [150/600], Loss: 0.5\n") == [("Loss", 0.5, 2.25, "epoch")]


def test_a_batch_below_an_epochs_heading_is_a_part_of_it() -> None:
    text = "Epoch 3/50\n 150/600 [=====>...] - ETA: 12s - loss: 0.3 - accuracy: 0.5\n"
    assert read(text) == [("loss", 0.3, 3.25, "epoch"), ("accuracy", 0.5, 3.25, "epoch")]


def test_a_line_without_an_index_takes_the_last_one() -> None:
    text = "Epoch 1\ntrain_loss: 0.5\nval_loss: 0.6\nEpoch 2\ntrain_loss: 0.4\nval_loss: 0.5\n"
    assert read(text) == [
        ("train_loss", 0.5, 1, "epoch"),
        ("val_loss", 0.6, 1, "epoch"),
        ("train_loss", 0.4, 2, "epoch"),
        ("val_loss", 0.5, 2, "epoch"),
    ]


def test_an_index_that_does_not_tell_samples_apart_is_not_borrowed_again_and_again() -> None:
    text = "Epoch 1\n" + "loss: 0.5\n" * 4
    assert [step for _, _, step, _ in read(text)] == [1, 1, 2, 3]
    assert [index for _, _, _, index in read(text)] == ["epoch", "epoch", "", ""]


def test_without_any_index_samples_are_counted() -> None:
    assert read("loss: 0.5\nacc: 1\nloss: 0.4\n") == [("loss", 0.5, 0, ""), ("acc", 1, 0, ""), ("loss", 0.4, 1, "")]


def test_a_log_prefix_is_neither_index_nor_metric() -> None:
    line = "2024-05-01 12:00:00,123 - trainer.py:48 - [rank 0] - INFO - epoch 3 loss=0.5\n"
    assert read(line) == [("loss", 0.5, 3, "epoch")]


# What is no metric


@pytest.mark.parametrize(
    "line",
    [
        "2024-05-01 12:00:00 started on gpu1 with pid 1234",
        "connecting to 127.0.0.1:29500, rank 3 of 8, port: 8080",
        "Python 3.11.2, torch==2.1.0+cu118, CUDA 12.1",
        "batch_size=32 lr=0.001 seed=3 num_workers: 4 weight_decay=0.01 dropout=0.1",
        '{"lr": 0.001, "batch_size": 32, "epochs": 10, "loss_weight": 1.0, "label_smoothing": 0.1}',
        "Namespace(lr=0.1, epochs=90, batch_size=256, momentum=0.9, loss='ce', print_freq=10)",
        "learning_rate: 0.001",
        "seed: 1337",
        "Total number of parameters: 123456",
        "saved /data/run12/epoch=3-val_loss=0.25.ckpt",
        "Downloading model.bin:  45%|████▌     | 450/1000 [00:12<00:15, 36.5MB/s]",
        "| 0  N/A  54C  P0  65W / 250W | 1024MiB / 16384MiB | 35% |",
        "warning: 3 files skipped after 20 retries, see page 7",
        "    return 1 if x else 0",
        "job 123456 on node17: 4 GPUs, 8 CPUs, memory: 64G",
        "(conv1): Conv2d(3, 64, kernel_size=(7, 7), stride=(2, 2), padding=(3, 3), bias=False)",
    ],
)
def test_text_settings_addresses_and_versions_are_no_metrics(line: str) -> None:
    assert read(line + "\n") == []


def test_settings_beside_metrics_are_left_out() -> None:
    assert values("epoch=3 batch_size=32 loss=0.5 seed=1 num_workers=4\n") == {"loss": 0.5}


def test_the_learning_rate_beside_a_loss_is_a_metric() -> None:
    assert values("step 3 loss=0.5 lr=0.001\n") == {"loss": 0.5, "lr": 0.001}


def test_a_mention_of_a_step_in_a_sentence_moves_no_index() -> None:
    text = "step 5 loss=0.5\nthe optimizer warms up until step 1000 and then decays\nval_loss=0.7\n"
    assert read(text)[-1] == ("val_loss", 0.7, 5, "step")
