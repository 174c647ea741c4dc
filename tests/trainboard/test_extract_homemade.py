"""What programs print in formats of their own: lines that no framework has."""

from __future__ import annotations

import json

import pytest

from trainboard.extract import Extractor

Series = dict[str, list[tuple[float, float]]]


def read(text: str) -> Series:
    """By metric: its steps and values."""
    extractor = Extractor()
    series: Series = {}
    for sample in [*extractor.feed(text.encode()), *extractor.finish()]:
        series.setdefault(sample.metric, []).append((sample.step, sample.value))
    return series


def last(text: str) -> dict[str, float]:
    """By metric: its last value."""
    return {name: found[-1][1] for name, found in read(text).items()}


@pytest.mark.parametrize(
    ("line", "values"),
    [
        ("Epoch 1: precision/recall/f1: 0.5/0.6/0.7", {"precision": 0.5, "recall": 0.6, "f1": 0.7}),
        ("step 4 Acc@1/Acc@5: 45.3/67.6", {"Acc@1": 45.3, "Acc@5": 67.6}),
        ("epoch 3 loss (train/val): 0.5/0.6", {"train loss": 0.5, "val loss": 0.6}),
        ("Epoch 1 | train/val loss: 0.75 / 0.65", {"train loss": 0.75, "val loss": 0.65}),
        ("Epoch 1 | Linear (Train/Val Acc): 0.7/0.6", {"Linear Train Acc": 0.7, "Linear Val Acc": 0.6}),
        ("Epoch 1 Train Loss/Acc: 0.5/0.8", {"Train Loss": 0.5, "Train Acc": 0.8}),
        ("step 4 Critic Accuracy (Loss): 0.5 (1.4)", {"Critic Accuracy": 0.5, "Critic Loss": 1.4}),
    ],
)
def test_names_in_a_list_are_those_of_the_values_in_a_list(line: str, values: dict[str, float]) -> None:
    assert last(line + "\n") == values


@pytest.mark.parametrize("line", ["step 4 train/loss: 0.4", "step 4 loss: 0.4 (3/5)", "step 4 loss: 0.4, eta 3/4"])
def test_a_slash_alone_makes_no_list(line: str) -> None:
    assert list(last(line + "\n").values()) == [0.4]


@pytest.mark.parametrize(
    "line",
    [
        "After {step} training step(s), loss on training batch is {loss}.",
        "After {step} steps, the loss on the validation set was {loss}",
        "phase fit, step {step}, fit_loss, {loss}",
        "phase fit, step {step}, fit_loss, {loss}, more",
    ],
)
def test_a_sentence_tells_its_step_and_its_loss(line: str) -> None:
    found = read("".join(line.format(step=step, loss=7 / step) + "\n" for step in (10, 210, 410)))
    assert [[step for step, _ in samples] for samples in found.values()] == [[10, 210, 410]]
    assert next(iter(found.values()))[1][1] == pytest.approx(7 / 210)


@pytest.mark.parametrize("line", ["step 3, stage, 5", "step 3, learning, 2, 7", "step 3 of plan, chapter, 4"])
def test_a_comma_alone_makes_no_pair(line: str) -> None:
    assert read(line + "\n") == {}


def test_all_that_comes_after_the_loss_of_the_validation_is_of_it_too() -> None:
    rows = "".join(
        f"Epoch {i}/9\nfit Loss: 0.{i} Top-1 Acc: 4{i}.5 F1: 0.2\nval Loss: 0.{i}5 Top-1 Acc: 3{i}.5 F1: 0.1\n"
        for i in range(1, 4)
    )
    found = read(rows)
    assert [value for _, value in found["Top-1 Acc"]] == [41.5, 42.5, 43.5]
    assert [value for _, value in found["val Top-1 Acc"]] == [31.5, 32.5, 33.5]
    assert {name: len(samples) for name, samples in found.items() if name.endswith("F1")} == {"F1": 3, "val F1": 3}


def test_what_says_itself_that_it_is_of_the_training_stays_so_after_a_loss_of_the_validation() -> None:
    assert set(last("Epoch 3\nval Loss: 0.5 best train acc: 0.9\n")) == {"val Loss", "best train acc"}


def test_a_record_of_settings_with_an_epoch_in_it_is_no_measurement() -> None:
    config = {"net": "gru", "data": "words", "epoch": 12, "hdim": 96, "heads2": 4, "edout": 0.15, "lr": 0.002}
    assert read(f"{config}\nEpoch: 01\n  Train Loss: 4.5\n") == {"Train Loss": [(1, 4.5)]}
    assert set(read(json.dumps(config | {"train_loss": 0.4}) + "\n")) >= {"train_loss"}
    told = {"phase": "val", "host": "a1", "epoch": 3, "time": 4.5, "rate": 12.5}
    assert set(read(json.dumps(told) + "\n")) == {"time", "rate"}


@pytest.mark.parametrize("line", ["Whole training speed: 36 iterations in 0:02:04", "Train speed: 9 epochs in 3.5 s"])
def test_how_much_was_done_in_what_time_is_no_speed(line: str) -> None:
    assert read(line + "\n") == {}
    assert last("step 3 speed: 36 iterations\n") == {"speed": 36}


def test_a_name_may_have_a_raised_two() -> None:
    assert last("Epoch 4\n  RMSE: 0.25\n  R²: 0.95\n")["R²"] == 0.95


def test_a_setting_that_varies_beside_an_index_is_a_measurement() -> None:
    rows = "".join(f"Episode {i} | reward: {i / 10} | length: {(i * 7) % 5}\n" for i in range(9))
    assert read(rows)["length"] == [(i, (i * 7) % 5) for i in range(9)]


def test_what_it_was_before_it_varied_counts_too() -> None:
    rows = "".join(f"{i},{i / 10},{10 if i < 6 else i}\n" for i in range(9))
    assert read("Episode,Reward,Length\n" + rows)["Length"] == [(i, 10 if i < 6 else i) for i in range(9)]


@pytest.mark.parametrize(
    "setting",
    [
        lambda i: "batch_size: 32",
        lambda i: f"samples: {32 * i}",
        lambda i: f"best_epoch: {i // 2}",
        lambda i: f"size: {320 + 32 * (i * 7 % 5)}",
        lambda i: f"pid: {400 + i * 7 % 5}",
    ],
)
def test_a_setting_that_is_constant_or_counts_what_is_done_or_names_a_thing_is_none(setting: object) -> None:
    assert callable(setting)
    rows = "".join(f"Epoch {i} | loss: 0.{i} | {setting(i)}\n" for i in range(9))
    assert set(read(rows)) == {"loss"}


def test_a_setting_that_never_varies_is_given_up_and_costs_nothing_more() -> None:
    rows = "".join(f"step {i} loss: 0.5 depth: 12\n" for i in range(300)).encode()
    extractor = Extractor()
    extractor.feed(rows)
    assert extractor.state()["recurrence"]["watched"] == []


def test_a_varying_setting_is_the_same_however_the_log_is_cut() -> None:
    text = "".join(
        f"Episode {i} | reward: {i / 10} | length: {(i * 7) % 5 if i > 3 else 2}\n" for i in range(9)
    ).encode()
    whole = Extractor().feed(text)
    for end in range(0, len(text), 17):
        first = Extractor()
        samples = first.feed(text[:end])
        second = Extractor.restore(json.loads(json.dumps(first.state())))
        assert sorted([*samples, *second.feed(text[second.offset :])]) == sorted(whole)


def test_places_are_told_apart_by_the_lines_between_where_no_index_is() -> None:
    rows = "".join(f"good hits: {i * 3}\nloss: 0.{i}\n" for i in range(5))
    assert [value for _, value in read(rows)["good hits"]] == [0, 3, 6, 9, 12]


def test_a_program_that_is_started_again_comes_to_no_new_place() -> None:
    start = "Step 1: loading\nStep 2: cleaning\nsizes here - train: {0}, test: {1}\nStep 3: go\n"
    assert read("".join(start.format(1000 * i + 7, 10 * i) for i in range(1, 6))) == {}


@pytest.mark.parametrize(
    ("lines", "count"),
    [
        (["step 1 loss 0.5", "step 2 loss 0.4", "step 2 loss 0.3", "step 3 loss 0.2"], 4),
        (["step 1 loss 0.5", "step 1 loss 0.5", "step 2 loss 0.3", "step 2 loss 0.4"], 2),
    ],
)
def test_several_samples_of_a_step_are_kept_unless_the_first_step_came_twice(lines: list[str], count: int) -> None:
    assert len(read("\n".join(lines) + "\n")["loss"]) == count


def test_a_table_with_metrics_in_front_is_read_by_its_header() -> None:
    table = "Epoch {0}\n           Training |  Validation\naccuracy |  0.{0}  |  0.5\nloss     |  1.{0}  |  N/A\n"
    assert read("".join(map(table.format, (1, 2)))) == {
        "accuracy": [(1, 0.1), (2, 0.2)],
        "Validation_accuracy": [(1, 0.5), (2, 0.5)],
        "loss": [(1, 1.1), (2, 1.2)],
    }


def test_a_table_by_class_below_a_time_and_a_level_is_read_by_its_header() -> None:
    lines = ["Epoch 1", "Metric   | Good    | Bad (0)", "-------------------", "Recall   | 0.5     | 0.25"]
    assert last("".join(f"2026-04-18 02:52:53,060 [INFO] {line}\n" for line in lines)) == {
        "Recall Good": 0.5,
        "Recall Bad (0)": 0.25,
    }


def test_a_report_by_class_is_read_by_its_header() -> None:
    text = (
        "Epoch 1\n"
        "              precision    recall  f1-score   support\n\n"
        "     class a       0.97      0.98      0.99      1000\n"
        "   macro avg       0.90      0.91      0.92     10000\n"
    )
    assert last(text) == {
        "class a precision": 0.97,
        "class a recall": 0.98,
        "class a f1-score": 0.99,
        "macro avg precision": 0.90,
        "macro avg recall": 0.91,
        "macro avg f1-score": 0.92,
    }


def test_a_table_of_layers_is_none_of_metrics() -> None:
    assert last("Epoch 1\nLayer | Params | Bytes\nconv1 | 300 | 400\nconv2 | 301 | 401\n") == {}


@pytest.mark.parametrize(
    ("line", "values"),
    [
        ("epoch 1 F1 0.4 | grad L1 0.1 L2 0.2 L3 0.3", {"F1": 0.4, "grad L1": 0.1, "L2": 0.2, "L3": 0.3}),
        ("tick 1  loss 0.4  maintenance 0.5  augment 0.1  cpu 3.2",
         {"loss": 0.4, "maintenance": 0.5, "augment": 0.1, "cpu": 3.2}),
        ("ITER 0 TRAINING (phase 1). loss_a: 3.5; loss_b: 3.4", {"loss_a": 3.5, "loss_b": 3.4}),
        ("<epoch: 10, Average PSNR : 18.33dB", {"Average PSNR": 18.33}),
        ("eval step 50 val_loss 0.5", {"val_loss": 0.5}),
        ("Train Summary | Epoch 1 | Loss=0.2", {"Loss": 0.2}),
        ("Valid Summary | Epoch 1 | Loss=0.2", {"Valid_Loss": 0.2}),
        ("epoch 3 done\nLoss after 3 epochs = 0.4", {"Loss": 0.4}),
        ("epoch 3 done\nreward: 34.2 +/- 3.4, length: 45 +/- 3", {"reward": 34.2}),
        ("Iter 3\n2020-03-08 23:51:15,675:INFO: mean inner loss after some updates : 2.5",
         {"mean inner loss after some updates": 2.5}),
        ("Iteración 4 | partidas\n  Pérdida: loss=2.5", {"loss": 2.5}),
        ("app.train.Trainer - INFO - app.train.loop - Epoch 3/9\napp - INFO - app.log - loss: 0.3", {"loss": 0.3}),
        ("episodic returns: 29", {"episodic returns": 29}),
        ("[3/25][100/200] D(x): 0.7 D(G(z)): 0.21 / 0.06 loss: 0.4", {"D(x)": 0.7, "D(G(z))": 0.21, "loss": 0.4}),
        ("iter 100 | obj 3.4e+02 | dual gap 1e-3", {"obj": 340, "dual gap": 0.001}),
        ("Gen 5 | best 12.3 | avg 4.5 | species 7", {"best": 12.3, "avg": 4.5, "species": 7}),
        ("Accuracy of the network on the 10000 test images: 61 %", {"Accuracy": 61}),
        ("[10]\ttraining's l2: 0.42\tvalid_1's l2: 0.52", {"training's l2": 0.42, "valid_1's l2": 0.52}),
        ("第 3 轮 训练损失: 0.42", {"训练损失": 0.42}),
        ("gen\tnevals\tavg\n0\t300\t1.25\n1\t180\t1.5", {"nevals": 180, "avg": 1.5}),
        ("EPOCH: 7\ncurrent learning rate 2.5e-05", {"current learning rate": 2.5e-05}),
        ("val, round, loss, acc ===> 002, 0.88, 0.54,", {"val_loss": 0.88, "val_acc": 0.54}),
        ("train, round, loss, acc  ===> 003, 0.8, 0.4,", {"loss": 0.8, "acc": 0.4}),
        ("epoch 3\nP, R, F1 = 0.5, 0.6, 0.55", {"P": 0.5, "R": 0.6, "F1": 0.55}),
        ("epoch 3\nTEST: loss, acc, f1\n0.5 0.9 0.7\nDEV: loss, acc, f1\n0.4 0.8 0.6",
         {"TEST_loss": 0.5, "TEST_acc": 0.9, "TEST_f1": 0.7, "DEV_loss": 0.4, "DEV_acc": 0.8, "DEV_f1": 0.6}),
        ("Epoch: 5/20\n  Instance: 160; Time: 17.5s; loss: 798.5; acc: 364.0/388.0=0.9375",
         {"Time": 17.5, "loss": 798.5, "acc": 0.9375}),
        ("Total rewards in episode 73 is 3.75 total number of steps are 36", {"Total rewards": 3.75}),
        ("step 3 loss: 0.5 Client Index = 4", {"loss": 0.5}),
        ("Success rate: 66%\nhorse_win_rate   575", {"Success rate": 66}),
    ],
)  # fmt: skip
def test_a_line_of_ones_own(line: str, values: dict[str, float]) -> None:
    assert last(line + "\n") == values


@pytest.mark.parametrize(
    "text",
    [
        "Running trial 1 with params: lr=0.01, depth=3\nRunning trial 2 with params: lr=0.02, depth=4\n" * 3,
        "epoch 1\n[1, 2] shape: 3\n[2, 2] shape: 4\n",
        "".join(f"Epoch {i}\nLoading shard {i} of 8 ... took 3.{i} s\n" for i in range(5)),
        "".join(f"GPU 0: 7{i}C 25{i}W 8{i}% util | GPU 1: 6{i}C 20{i}W 5{i}% util\n" for i in range(5)),
        "".join(f"Fold {i}/5\nTrain: 80{i} Val: 19{i}\n" for i in range(5)),
        "".join(f"Sample {i}: label 3, prediction {i + 1}, confidence 0.{i}\n" for i in range(5)),
        "".join(f"conv{i}.weight: mean 0.0{i} std 0.{i} min -{i}.0 max {i}.5\n" for i in range(5)),
    ],
)
def test_what_recurs_and_measures_no_training_is_none(text: str) -> None:
    assert read(text) == {}


@pytest.mark.parametrize("line", ["[3/4][1/2] loss: 0.5", "[3,     1] loss: 0.5"])
def test_an_epoch_and_a_batch_in_brackets_are_the_index(line: str) -> None:
    (step, _), *_ = read(f"{line}\n")["loss"]
    assert 3 <= step < 4


def test_a_generation_that_is_announced_is_the_index_of_the_lines_below() -> None:
    rows = "".join(f" ****** Running generation {i} ****** \n\nBest fitness: 2.{i}\n" for i in range(1, 4))
    assert [step for step, _ in read(rows)["Best fitness"]] == [1, 2, 3]


def test_words_that_join_others_are_no_names() -> None:
    assert "batches of" not in last("Epoch 2 took 45 s for 300 batches of 32 at lr 0.1 loss 4.5 on 4\n")


def test_a_time_in_brackets_at_the_end_is_no_part_of_a_line() -> None:
    rows = "".join(f"[Iter {i}] loss=0.{i}\ngrad beta mean: 1.{i} [02/06 23:09:1{i}]\n" for i in range(4))
    assert read(rows)["grad beta mean"] == [(i, float(f"1.{i}")) for i in range(4)]


def test_what_stands_in_a_column_on_the_right_is_kept_apart() -> None:
    rows = "".join(f"Iteration {i} loss = 2.{i}\n{' ' * 60}Iteration {i} loss = 5.{i}\n" for i in range(1, 4))
    assert read(rows) == {
        "loss": [(i, float(f"2.{i}")) for i in range(1, 4)],
        "loss [aside]": [(i, float(f"5.{i}")) for i in range(1, 4)],
    }


def test_the_best_epoch_told_again_is_kept_apart() -> None:
    rows = "".join(f"Epoch {i} Acc: 0.{i}\n" for i in range(1, 4)) + "Best Epoch 3 Acc: 0.3\n"
    assert len(read(rows)["Acc"]) == 3


def test_the_line_that_a_warning_quotes_is_no_source_code() -> None:
    warning = "/opt/a.py:238: VisibleDeprecationWarning: Creating an array\n  mode = random.choice(options)\n"
    rows = "".join(f"{warning * 3}timer: 0.3{i} sec.\niter {i} || Loss: 1.{i}\n" for i in range(4))
    assert len(read(rows)["timer"]) >= 3


def test_lines_with_a_measurement_are_none_of_settings() -> None:
    row = "Epoch {0}\n" + "   Instance: 16; Time: 1.0s; loss: 0.5\n" * 4 + "Dev: time: 1.0s; acc: 0.{0}, p: 0.3\n"
    assert [value for _, value in read("".join(map(row.format, (1, 2))))["Dev_acc"]] == [0.1, 0.2]


def test_a_tree_of_settings_is_none_of_metrics() -> None:
    tree = "  |- batch_size\t128\n  |- beta:\n  |-   |- start:\n  |-   |-   |- iter\t0\n"
    tree += "  |- n_iter\t200\n  |- lr\t0.001\n"
    assert read(tree) == {}


def test_a_record_that_measures_more_than_it_sets_needs_no_index() -> None:
    row = '{{"record_id": {0}, "pred_time": 5.0, "trial_time": 0.2, "val_loss": 0.{0}, "config": {{"lr": 0.1}}}}\n'
    assert set(read("".join(map(row.format, range(3))))) == {"pred_time", "trial_time", "val_loss"}
    assert read('{"loss_scale": 128, "batch_size": 32, "epochs": 3}\n') == {}


def test_a_count_of_stages_is_no_total_for_the_steps_that_come_later() -> None:
    extractor = Extractor()
    extractor.feed(b"[6/7] reading...\n[7/7] features...\n[50] auc: 0.5\n[100] auc: 0.6\n")
    assert extractor.progress is None


def test_bytes_of_a_download_are_no_progress() -> None:
    extractor = Extractor()
    extractor.feed(b"  1 / 53 MB  2 / 53 MB  53 / 53 MB\n")
    assert extractor.progress is None


@pytest.mark.parametrize(
    "raised",
    ["LookupError: 41", "KeyError: 7", "ValueError: loss is nan", "torch.cuda.RuntimeError: tried to take 2.00 GiB"],
)
def test_what_an_exception_says_is_no_measurement(raised: str) -> None:
    trace = 'Traceback (most recent call last):\n  File "t.py", line 3, in <module>\n    x[41]\n'
    assert read(f"step 1 loss 0.5\nstep 2 loss 0.4\n{trace}{raised}\n") == {"loss": [(1, 0.5), (2, 0.4)]}


def test_an_error_that_is_a_measure_is_one() -> None:
    assert last("step 1 MeanSquaredError: 0.5\nstep 2 MeanSquaredError: 0.25\n") == {"MeanSquaredError": 0.25}


def test_a_boxed_table_after_each_epoch_names_its_values_by_row_and_column() -> None:
    box = (
        "Epoch {0}\n"
        "╒════════════╤════════╤════════════╕\n"
        "│ Survived   │   loss │   accuracy │\n"
        "╞════════════╪════════╪════════════╡\n"
        "│ train      │ 0.{0}3 │     0.{0}4 │\n"
        "├────────────┼────────┼────────────┤\n"
        "│ validation │ 0.{0}5 │     0.{0}6 │\n"
        "╘════════════╧════════╧════════════╛\n"
    )
    assert read(box.format(1) + box.format(2)) == {
        "train loss": [(1, 0.13), (2, 0.23)],
        "train accuracy": [(1, 0.14), (2, 0.24)],
        "validation loss": [(1, 0.15), (2, 0.25)],
        "validation accuracy": [(1, 0.16), (2, 0.26)],
    }


def test_a_rate_per_thread_is_no_setting_that_hides_the_loss_beside_it() -> None:
    bar = "\rProgress:  {0}.0% words/sec/thread:  76390 lr:  0.0{0} avg.loss:  0.3{0} ETA:   0h 0m"
    found = last(bar.format(50) + bar.format(90) + "\n")
    assert (found["avg.loss"], found["words/sec/thread"]) == (0.39, 76390)


@pytest.mark.parametrize("counts", ["iter {0} sub_iter {1} obj 0.{0}{1}", "iter={0}, sub_iter={1}, obj=0.{0}{1}"])
def test_steps_within_a_step_are_none_of_another_rank(counts: str) -> None:
    lines = "".join(counts.format(step, inner) + "\n" for step in (3, 4) for inner in (1, 2))
    assert read(lines) == {"obj": [(3, 0.31), (3, 0.32), (4, 0.41), (4, 0.42)]}


def test_a_shortened_word_belongs_to_the_name_after_it() -> None:
    bar = "\rsample:  50%|##| {0}/40 [00:01<00:01, 19.8it/s, 7 steps of size 4.12e-01. acc. prob=0.{0}]"
    assert read(bar.format(20) + bar.format(40) + "\n") == {"acc. prob": [(40, 0.4)]}


def test_a_share_of_progress_makes_a_setting_that_changes_one_that_is_measured() -> None:
    extractor = Extractor()
    bar = "\rAlpha: 0.0{0}1000  Progress: {0}0.50%  Words/thread/sec: 123.4{0}k  "
    samples = extractor.feed((bar.format(3) + bar.format(4) + "\n").encode())
    assert {sample.metric: sample.value for sample in samples} == {"Alpha": 0.041, "Words/thread/sec": 123440}
    assert extractor.progress is not None
    assert extractor.progress.fraction == 0.405


def test_a_value_that_is_not_there_yet_heads_no_section() -> None:
    lines = "Epoch 1 | iter {0} | loss train: 2.{0}, val: {1} | iter time: 31{0}.5 ms\n"
    found = read(lines.format(1, "n/a") + lines.format(2, "1.9"))
    assert found["iter time"] == [(1, 311.5), (2, 312.5)]
    assert found["val"] == [(2, 1.9)]


def test_the_number_of_things_measures_nothing() -> None:
    line = "[EVAL] epoch 3 #Images: 500 mIoU: 0.4{0} Acc: 0.8{0}\n"
    assert set(read(line.format(1) + line.format(2))) == {"EVAL_mIoU", "EVAL_Acc"}


def test_pairs_between_slashes_are_cells() -> None:
    assert last("[5000] model_loss 78.9 / kl 3.1 / actor_ent 8.5 / fps 20.1\n") == {
        "model_loss": 78.9,
        "kl": 3.1,
        "actor_ent": 8.5,
        "fps": 20.1,
    }


def test_a_row_of_pairs_after_its_index_needs_no_name_that_is_known() -> None:
    row = "iter {0:2d} act 1.{0}e+04 pre 9.{0}e+03 delta 3.1e+00 f 2.{0}e+04 CG   {0}\n"
    assert read(row.format(1) + row.format(2))["f"] == [(1, 21000), (2, 22000)]
