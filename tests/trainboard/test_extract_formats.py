"""The formats of frameworks: a few lines of each, and the samples that a person would read there."""

from __future__ import annotations

import pytest

from trainboard.extract import Extractor

PYLEARN2 = """Parameter and initial learning rate summary:
	h0_W: 0.05
	softmax_b: 0.05
Monitoring step:
	Epochs seen: 1
	Batches seen: 500
	learning_rate: 0.04
	momentum: 0.51
	h0_col_norms_max: 1.98
	valid_y_misclass: 0.08
Time this epoch: 2.1 seconds
"""
BASELINES = """---------------------------------
| rollout/           |          |
|    ep_rew_mean     | 22.3     |
| time/              |          |
|    fps             | 1166     |
|    total_timesteps | 2048     |
---------------------------------
"""
SPINNING_UP = """---------------------------------------
|             Epoch |               3 |
|      AverageEpRet |            21.2 |
|             LossV |           0.396 |
---------------------------------------
"""
LASAGNE = """Epoch 1 of 500 took 1.858s
  training loss:\t\t1.233
  validation accuracy:\t\t88.98 %
"""
ESTIMATOR = """INFO:tensorflow:Saving checkpoints for 0 into /tmp/x/model.ckpt.
INFO:tensorflow:loss = 0.5025, step = 101 (2.207 sec)
INFO:tensorflow:global_step/sec: 46.1
INFO:tensorflow:Saving dict for global step 201: accuracy = 0.93, global_step = 201
"""
SLIM = """INFO:tensorflow:global step 10: loss = 2.7356 (0.32 sec/step)
2017-03-01 10:00:00.123: I tensorflow/core/kernels/logging_ops.cc:79] eval/Accuracy[0.813]
"""
KALDI = """2018-10-01 10:05:00,123 [steps/train.py:515 - train - INFO ] Iter: 1/100   Epoch: 0.04/4.0   lr: 0.00198
LOG (nnet3-train[5.5]:Print():nnet-training.cc:348) Average objective function for 'output' for minibatches 0-9 is -0.3 over 1280 frames.
"""  # noqa: E501  # as Kaldi prints it
MEGATRON = (
    " iteration      100/  500000 | consumed samples:         1600 | elapsed time per iteration (ms): 345.6 |"
    " learning rate: 1.500E-05 | lm loss: 9.123456E+00 | grad norm: 3.456 |\n"
)
CAFFE = """I0124 12:24:06.418 19781 solver.cpp:236] Iteration 20, loss = 7.3
I0124 12:24:06.419 19781 solver.cpp:252]     Train net output #0: loss = 7.1 (* 1 = 7.1 loss)
I0124 12:24:07.000 19781 solver.cpp:341] Iteration 20, Testing net (#0)
I0124 12:24:08.000 19781 solver.cpp:409]     Test net output #0: accuracy = 0.25
"""
DARKNET = """Region 82 Avg IOU: 0.303, Class: 0.51, No Obj: 0.48, .5R: 0.0,  count: 4
7: 798.8, 790.1 avg, 0.001 rate, 2.5 seconds, 64 images
"""
PRETTY = '{\n    "main/loss": 6.85,\n    "lr": 0.001,\n    "epoch": 3,\n    "note": "x"\n}\n'
KERAS = "Epoch 2/10\n16/16 - 1s - 69ms/step - accuracy: 0.55 - val_loss: 0.57\n"
MLPERF = ':::MLLOG {"key": "eval_error", "value": 0.41, "metadata": {"file": "a.py", "lineno": 3, "epoch_num": 4}}\n'

FORMATS = {
    "Pylearn2": (
        PYLEARN2,
        {"learning_rate": 0.04, "momentum": 0.51, "h0_col_norms_max": 1.98, "valid_y_misclass": 0.08},
    ),
    "stable-baselines3": (BASELINES, {"rollout/ep_rew_mean": 22.3, "time/fps": 1166.0}),
    "Spinning Up": (SPINNING_UP, {"AverageEpRet": 21.2, "LossV": 0.396}),
    "Lasagne": (LASAGNE, {"took": 1.858, "training loss": 1.233, "validation accuracy": 88.98}),
    "TF Estimator": (ESTIMATOR, {"loss": 0.5025, "global_step/sec": 46.1, "accuracy": 0.93}),
    "TF-Slim": (SLIM, {"loss": 2.7356, "sec/step": 0.32, "eval/Accuracy": 0.813}),
    "Kaldi": (KALDI, {"lr": 0.00198, "Average objective function for 'output'": -0.3}),
    "Megatron": (
        MEGATRON,
        {"elapsed time per iteration (ms)": 345.6, "learning rate": 1.5e-05, "lm loss": 9.123456, "grad norm": 3.456},
    ),
    "Caffe": (CAFFE, {"loss": 7.3, "loss [line]": 7.1, "Test_accuracy": 0.25}),
    "darknet": (
        DARKNET,
        {"Avg IOU": 0.303, "Class": 0.51, "No Obj": 0.48, "count": 4.0}
        | {"value": 798.8, "avg": 790.1, "rate": 0.001, "seconds": 2.5, "images": 64.0},
    ),
    "Chainer's LogReport": (PRETTY, {"main/loss": 6.85, "lr": 0.001}),
    "Keras, verbose=2": (KERAS, {"time": 1.0, "ms/step": 69.0, "accuracy": 0.55, "val_loss": 0.57}),
    "MLPerf": (MLPERF, {"eval_error": 0.41}),
    "XGBoost": ("[3]\ttrain-rmse:0.6\teval-rmse:0.7\n", {"train-rmse": 0.6, "eval-rmse": 0.7}),
    "LightGBM": ("[3]\ttraining's l2: 0.2\tvalid_1's auc: 0.7\n", {"training's l2": 0.2, "valid_1's auc": 0.7}),
    "CatBoost": (
        "0:\tlearn: 0.69\ttest: 0.7\tbest: 0.7 (0)\ttotal: 5ms\n",
        {"learn": 0.69, "test": 0.7, "best": 0.7},
    ),
    "timm": (
        "Train: 0 [  50/5004 (  1%)]  Loss:  6.92 (6.93)  LR: 1.000e-04  Data: 0.012 (0.03)\n",
        {"Loss": 6.92, "LR": 1e-4, "Data": 0.012},
    ),
    "an epoch after the name of the data": (
        "Train: 3 [  27/28]  Loss: 1.13\nTest: 3 [   7/7]  Loss:  1.0331  Acc@1: 93.5\n",
        {"Loss": 1.13, "Test_Loss": 1.0331, "Test_Acc@1": 93.5},
    ),
    "the PyTorch MNIST example": (
        "Train Epoch: 1 [640/60000 (1%)]\tLoss: 2.21\nTest set: Average loss: 0.05, Accuracy: 9840/10000 (98%)\n",
        {"Loss": 2.21, "Test Average loss": 0.05, "Test_Accuracy": 98.0},
    ),
    "OpenNMT-py": (
        "[2019-08-01 10:01:00,123 INFO] Step 50/1000; acc:   4.32; ppl: 12.6; 2345/2301 tok/s;     12 sec\n",
        {"acc": 4.32, "ppl": 12.6, "tok/s": 2301.0},
    ),
    "fairseq": (
        "2021-05-14 10:21:12 | INFO | train | epoch 001 | loss 9.3 | ups 3.1 | num_updates 100\n",
        {"loss": 9.3, "ups": 3.1},
    ),
    "Gluon": (
        "[Epoch 3] time cost: 12.3\n[Epoch 3] validation: accuracy=0.42\n",
        {"time cost": 12.3, "validation_accuracy": 0.42},
    ),
    "NeMo": (
        "Epoch 0:   1%| | 10/1000 [00:10<16:30, 1.0it/s, loss=9.5, v_num=0, train_step_timing in s=0.9]\n",
        {"loss": 9.5, "train_step_timing in s": 0.9},
    ),
    "logfmt": ('ts=2025-01-09T10:00:11Z level=info caller=a.py:3 step=20 loss=4.6 pid=7\n', {"loss": 4.6}),
    "German": ("Epoche  1/15 – Verlust: 1.25 – Prüfverlust: 1.5\n", {"Verlust": 1.25, "Prüfverlust": 1.5}),
}  # fmt: skip


def read(text: str) -> dict[str, float]:
    """The last value of each metric."""
    extractor = Extractor()
    return {sample.metric: sample.value for sample in [*extractor.feed(text.encode()), *extractor.finish()]}


@pytest.mark.parametrize("name", FORMATS)
def test_the_lines_of_a_framework_are_read_as_a_person_would(name: str) -> None:
    text, expected = FORMATS[name]
    assert read(text) == expected


def steps(text: str) -> list[tuple[str, float]]:
    """The index of every sample."""
    extractor = Extractor()
    return [(sample.index, sample.step) for sample in [*extractor.feed(text.encode()), *extractor.finish()]]


@pytest.mark.parametrize(
    ("text", "index", "step"),
    [
        ("[7]\teval-rmse:0.7\n", "step", 7),
        ("7) loss = 0.3\n", "step", 7),
        ("Steps: 500\tloss: 3.7\n", "step", 500),
        ("Ep. 2 : Up. 100 : Cost 8.3\n", "update", 100),
        ("TRAIN [2][5/10]\tLoss 1.5 (1.2)\n", "epoch", 2.5),
        ("Epoch 2 is 50 percent complete, loss of 0.3\n", "epoch", 2.5),
        ("100/20000 xent=3.3\n", "step", 100),
        (PYLEARN2, "epoch", 1),
        (PRETTY, "epoch", 3),
        (BASELINES, "total_timesteps", 2048),
        (KERAS, "epoch", 2),
        (MLPERF, "epoch_num", 4),
    ],
)
def test_an_index_is_found_wherever_it_stands(text: str, index: str, step: float) -> None:
    assert set(steps(text)) == {(index, step)}


def test_batches_without_a_total_go_through_their_epoch() -> None:
    text = "".join(f"Epoch[{epoch}] Batch [{batch}]\tSpeed: 9 samples/sec\n" for epoch in (0, 1) for batch in (1, 2))
    found = [step for _, step in steps(text)]
    assert found == sorted(found)
    assert [int(step) for step in found] == [0, 0, 1, 1]


def test_a_count_that_begins_anew_with_each_epoch_goes_on() -> None:
    text = "".join(f'{{"epoch": {epoch}, "iter": {count}, "loss": 1}}\n' for epoch in (1, 2) for count in (50, 100))
    assert [step for _, step in steps(text)] == [50, 100, 150, 200]


def test_a_notice_about_an_epoch_moves_no_index() -> None:
    text = "Epoch 9/10\nEpoch 00008: early stopping\n3s - loss: 0.5\n"
    assert set(steps(text)) == {("epoch", 9)}


CODE = """import torch
def step(model, lr=0.1):
    loss = 0.5
    val_loss = 1e9
    print(f"epoch 3 loss {loss:.3f}")  # epoch 3 loss 1.25
    return loss
"""
CONFIG = """model:
  hidden_size: 128
  num_layers: 2
  loss: 0.5
  top_k: 5
  learning_rate: 0.1
"""
PROTOTXT = 'layer {\n  name: "loss"\n  loss_weight: 1\n  top: "loss"\n  lr_mult: 2\n}\n'
SHELL = "+ LR=2.0e-3\n+ EVAL_LOSS=3\n"
STORY = "Answer: 12.5% of 80 is 10. The loss of 3 apples at epoch 2 of the story left 7.0 apples.\n"
MAPPED = "Map: 100%|####| 232/232 [00:02<00:00, 80.05 examples/s]\n"
SHAPES = "I0124 12:24:05.3 19781 net.cpp:157] Top shape: 128 3 128 128 (6291456)\n"
LAYERS = "0 | encoder | Encoder      | 4.8 M \n3 | loss_fn | SmoothL1Loss | 0     \n"


@pytest.mark.parametrize("text", [CODE, CONFIG, PROTOTXT, SHELL, STORY, MAPPED, SHAPES, LAYERS])
def test_source_configuration_and_stories_are_no_metrics(text: str) -> None:
    assert read(text) == {}


def test_source_code_before_the_metrics_does_not_hide_them() -> None:
    assert read(CODE + "=" * 40 + "\nstep:1/10 train_loss:2.5 step_avg:nanms\n")["train_loss"] == 2.5


def test_what_a_schedule_was_told_is_no_metric_beside_what_it_does() -> None:
    line = 'json_stats: {"batchSize":128,"momentum":0.9,"depth":50,"dropout":0,"save":"x","learningRateDecay":0,'
    line += '"dampening":0,"num_classes":10,"epoch":2,"lr":0.1,"test_acc":70.8,"loss":0.8}\n'
    assert read(line) == {"lr": 0.1, "test_acc": 70.8, "loss": 0.8}


@pytest.mark.parametrize("key", ["config", "hparams", "args", "model_config", "hyper_parameters"])
def test_what_a_record_tells_of_its_settings_is_no_metric(key: str) -> None:
    line = f'{{"epoch": 1, "validation_loss": 0.5, "{key}": {{"lr": 0.1, "loss_scale": 2, "x": 3}}, "acc": 0.25}}\n'
    assert read(line) == {"validation_loss": 0.5, "acc": 0.25}
