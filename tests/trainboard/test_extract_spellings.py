"""One thing, written in many ways: each is read as the plain form would be."""

from __future__ import annotations

import pytest

from trainboard.extract import Extractor


def read(text: str) -> dict[str, list[float]]:
    extractor = Extractor()
    series: dict[str, list[float]] = {}
    for sample in [*extractor.feed(text.encode()), *extractor.finish()]:
        series.setdefault(sample.metric, []).append(sample.value)
    return series


@pytest.mark.parametrize(
    "line",
    [
        "step 3 loss tensor(0.25, device='cuda:0', grad_fn=<NllLossBackward0>)",
        "step 3 loss: np.float64(0.25)",
        "step 3: loss: Array([0.25], dtype=float32)",
        "step 3: loss = <tf.Tensor: shape=(), dtype=float32, numpy=0.25>",
        "[('step', 3), ('loss', 0.25)]",
        "step 3, loss → 0.25",
        "step 3 | loss -> 0.25",
        "step 3, loss => 0.25",
        "step 3, loss： 0.25，",
        "step: 3, loss <0.25>:",
        "step::3 loss::0.25",
        "step: 3 loss ........: 0.25",
        "schritt 3: loss = 0.25",
    ],
)
def test_a_loss_is_read_however_it_is_written(line: str) -> None:
    assert read(line + "\n") == {"loss": [0.25]}


@pytest.mark.parametrize(
    "line",
    [
        "5/50epoch loss: 0.25",
        "ep 5/50 | loss: 0.25",
        "After 5 epochs, loss = 0.25",
        "Époque 5 : loss = 0.25",
        "loss after epoch 5: 0.25",
        "loss (epoch 5) = 0.25",
    ],
)
def test_the_epoch_is_read_however_it_is_written(line: str) -> None:
    (sample,) = Extractor().feed(line.encode() + b"\n")
    assert (sample.metric, sample.value, sample.step) == ("loss", 0.25, 5)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("Cost after iteration 100: 0.5\nCost after iteration 200: 0.4\n", {"Cost": [0.5, 0.4]}),
        ("Epoch 3: train / val loss: 0.5 / 0.6\n", {"train loss": [0.5], "val loss": [0.6]}),
        ("Episode 3 finished. Reward: 20.5, Avg reward (100 ep): 15\n", {"Reward": [20.5], "Avg reward": [15.0]}),
        ("Epoch 3: PSNR: 30.5 dB SSIM: 0.5\n", {"PSNR": [30.5], "SSIM": [0.5]}),
        ("gen 5 best=12.5 mean=10\n", {"best": [12.5], "mean": [10.0]}),
        ("step: 3, ntokens: 485.5/512, loss: 0.5\n", {"ntokens": [485.5], "loss": [0.5]}),
        ("epoch 3 | loss 0.5 | epsilon: 0.1\n", {"loss": [0.5], "epsilon": [0.1]}),
        ("Epoch 3\nValidation loss:\n0.5\n", {"Validation loss": [0.5]}),
        ("Epoch 3\n  -> Spikes: 12\n", {"Spikes": [12.0]}),
        ("epoch: 3 损失: 0.5, 准确率: 0.75\n", {"损失": [0.5], "准确率": [0.75]}),
        (
            "Epoch 3 | Train Loss: 0.5 | Acc: 0.75 | Val Loss: 0.6 | Acc: 0.7\n",
            {"Train Loss": [0.5], "Acc": [0.75], "Val Loss": [0.6], "Val Acc": [0.7]},
        ),
        (
            "Epoch 3/9\ntrain Loss: 0.5 Acc: 0.75\nval Loss: 0.6 Acc: 0.7\n",
            {"train Loss": [0.5], "Acc": [0.75], "val Loss": [0.6], "val Acc": [0.7]},
        ),
    ],
)
def test_names_and_values_are_put_together(text: str, wanted: dict[str, list[float]]) -> None:
    assert read(text) == wanted


@pytest.mark.parametrize(
    "text",
    [
        "+-------+------+\n| epoch | loss |\n+-------+------+\n| 1 | 0.5 |\n| 2 | 0.4 |\n+-------+------+\n",
        "┏━━━━━━━┳━━━━━━┓\n┃ epoch ┃ loss ┃\n┡━━━━━━━╇━━━━━━┩\n"
        "│ 1     │ 0.5  │\n│ 2     │ 0.4  │\n└───────┴──────┘\n",
        "╒═══════╤══════╕\n│ epoch │ loss │\n╞═══════╪══════╡\n"
        "│ 1     │ 0.5  │\n├───────┼──────┤\n│ 2     │ 0.4  │\n╘═══════╧══════╛\n",
        "E    loss\n---  ----\n1    0.5\n2    0.4\n",
    ],
)
def test_a_table_is_read_whatever_it_is_drawn_with(text: str) -> None:
    assert read(text) == {"loss": [0.5, 0.4]}


def test_a_header_of_two_lines_is_one() -> None:
    text = "|  Epoch  |  Mini-batch  |  Base Learning  |\n|         |   Accuracy   |      Rate       |\n"
    text += "|=========|==============|=================|\n|       1 |       11.50% |          0.0100 |\n"
    assert read(text) == {"Mini-batch Accuracy": [11.5], "Base Learning Rate": [0.01]}


@pytest.mark.parametrize(
    "text",
    [
        "python -m train --loss 0.5 --lr 0.1\n",
        "Error 404: not found\n",
        "HTTP Error 503 in the reply\n",
        "Epochs: 10, batch size: 64, lr: 0.001\n",
        "Epoch 3\nNew best model at epoch 3 (val: 0.5)\n",
        "Training: batch=1024, freq=4\n",
        "Loading model cost 0.644 seconds.\n",
        "name = loss/transition:0, shape = (10, 10)\n",
        "Epoch 3\nElapsed 0m 4s\n",
        "  hidden_size ........ 768\n  loss_scale ........ 2\n  lr_decay ........ 0.1\n",
    ],
)
def test_settings_faults_and_what_is_saved_are_no_metrics(text: str) -> None:
    assert read(text) == {}


def test_a_logger_and_its_line_are_no_metric() -> None:
    lines = (
        "2024-01-01 00:00:00,123 [INFO] trainer.loop:42 - step 3 loss 0.5",
        "2024-01-01 00:00:00.123 | INFO     | a.b.c:train:42 - step 3 loss 0.5",
        "2024-02-01 10:00:00.000\tnode-1:0\tpkg.train:812\tINFO\tstep 3 loss 0.5",
    )
    assert [read(line + "\n") for line in lines] == [{"loss": [0.5]}] * 3
