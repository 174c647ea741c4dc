"""JSON that trainings write: lines of fairseq and OpenMMLab, documents of Transformers, Chainer and Keras."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trainboard.sources import base, table
from trainboard.sources.jsonfile import DOCUMENT_CAP, DocumentReader, LinesReader

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from trainboard.series import Sample

FAIRSEQ = (
    {"epoch": 1, "update": 0.1, "loss": "14.2", "ppl": "18817.3", "num_updates": "100", "lr": "1.2e-05"},
    {"epoch": 1, "update": 0.2, "loss": "12.9", "ppl": "7643.4", "num_updates": "200", "lr": "2.5e-05"},
    {"epoch": 1, "valid_loss": "11.8", "valid_ppl": "3565.8", "valid_num_updates": "1000"},
    {"epoch": 1, "train_loss": "12.4", "train_ppl": "5404.7", "train_num_updates": "1000"},
    {"epoch": 2, "update": 1.1, "loss": "10.8", "ppl": "1782.9", "num_updates": "1100", "lr": "1.3e-04"},
)
OPENMMLAB = (
    {"env_info": "Python: 3.8", "seed": 0, "exp_name": "faster_rcnn.py"},
    {"mode": "train", "epoch": 1, "iter": 50, "lr": 0.00198, "loss": 1.2, "time": 0.31},
    {"mode": "train", "epoch": 1, "iter": 100, "lr": 0.00398, "loss": 0.9, "time": 0.30},
    {"mode": "val", "epoch": 1, "iter": 625, "lr": 0.02, "bbox_mAP": 0.11, "loss": 1.1},
    {"mode": "train", "epoch": 2, "iter": 50, "lr": 0.02, "loss": 0.7, "time": 0.31},
    {"mode": "train", "epoch": 2, "iter": 100, "lr": 0.02, "loss": 0.6, "time": 0.29},
    {"mode": "val", "epoch": 2, "iter": 625, "lr": 0.02, "bbox_mAP": 0.19, "loss": 0.8},
)
TRAINER: dict[str, Any] = {
    "best_metric": 0.41,
    "epoch": 1.5,
    "global_step": 300,
    "log_history": [
        {"epoch": 0.5, "grad_norm": 1.7, "learning_rate": 4.5e-05, "loss": 2.1, "step": 100},
        {"epoch": 1.0, "grad_norm": 1.2, "learning_rate": 3.5e-05, "loss": 1.4, "step": 200},
        {"epoch": 1.0, "eval_loss": 1.3, "eval_runtime": 4.2, "step": 200},
        {"epoch": 1.5, "grad_norm": 1.1, "learning_rate": 2.5e-05, "loss": 1.1, "step": 300},
    ],
    "max_steps": 400,
    "num_train_epochs": 2,
    "save_steps": 500,
    "total_flos": 12345678.0,
}


def lines(records: Sequence[Mapping[str, Any]]) -> bytes:
    return b"".join(json.dumps(record).encode() + b"\n" for record in records)


def read(data: bytes) -> list[Sample]:
    reader = LinesReader()
    return [*reader.feed(data), *reader.finish()]


def document(value: object) -> tuple[DocumentReader, list[Sample]]:
    reader = DocumentReader()
    data = value if isinstance(value, bytes) else json.dumps(value).encode()
    reader.feed(data)
    return reader, reader.finish()


def points(samples: list[Sample], metric: str) -> list[tuple[float, float]]:
    return [(sample.step, sample.value) for sample in samples if sample.metric == metric]


def test_numbers_in_quotes_are_numbers_where_a_record_writes_them_so() -> None:
    samples = read(lines(FAIRSEQ))
    assert points(samples, "loss") == [(100, 14.2), (200, 12.9), (1100, 10.8)]
    assert points(samples, "valid_loss") == [(1000, 11.8)]
    assert points(samples, "train_ppl") == [(1000, 5404.7)]
    assert points(read(b'{"step": 1, "loss": 0.5, "torch": "2.1"}\n'), "torch") == []


def test_iterations_that_begin_anew_with_each_epoch_go_on() -> None:
    samples = read(lines(OPENMMLAB))
    assert points(samples, "time") == [(50, 0.31), (100, 0.30), (150, 0.31), (200, 0.29)]
    assert {sample.index for sample in samples if sample.metric == "time"} == {"iter"}


def test_a_validation_s_records_stand_at_their_epoch_under_names_of_their_own() -> None:
    samples = read(lines(OPENMMLAB))
    assert points(samples, "loss") == [(50, 1.2), (100, 0.9), (150, 0.7), (200, 0.6)]
    assert points(samples, "loss [val]") == [(1, 1.1), (2, 0.8)]
    assert points(samples, "bbox_mAP") == [(1, 0.11), (2, 0.19)]


def test_the_record_of_the_environment_is_no_measurement() -> None:
    assert read(lines(OPENMMLAB[:1])) == []
    assert read(b'{"batch_size": 32, "dropout": 0.1, "lr": 0.001, "epochs": 10, "hidden_size": 128}\n') == []


def test_nested_records_are_named_by_their_path_and_true_is_no_number() -> None:
    samples = read(b'{"step": 3, "train": {"loss": 0.5, "ok": true}, "info": {"a": {"b": {"c": {"d": 1}}}}}\n')
    assert [(sample.metric, sample.step, sample.value) for sample in samples] == [("train/loss", 3, 0.5)]


def test_bare_nan_and_a_number_beyond_all_floats_are_read() -> None:
    samples = read(b'{"step": 1, "a": NaN, "b": -Infinity, "c": 1' + b"0" * 400 + b"}\n")
    assert math.isnan(samples[0].value)
    assert [sample.value for sample in samples[1:]] == [-math.inf, math.inf]


def test_records_with_the_time_of_their_own_keep_it() -> None:
    samples = read(b'{"_step": 5, "_timestamp": 1767225600.25, "_runtime": 3, "loss": 1}\n')
    assert [(sample.metric, sample.step, sample.wall) for sample in samples] == [("loss", 5, 1767225600.25)]


def test_a_record_without_an_index_stands_where_the_file_has_come_to() -> None:
    assert points(read(b'{"step": 40, "loss": 1}\n{"test_accuracy": 0.9}\n'), "test_accuracy") == [(40, 0.9)]


def test_lines_that_are_no_json_are_passed_over() -> None:
    samples = read(b'starting\n{"step": 1, "loss": 1}\n{"step": 2, "lo\n[1, 2]\n{"step": 3, "loss": 3}')
    assert points(samples, "loss") == [(1, 1), (3, 3)]


def test_lines_cut_at_every_byte_read_the_same() -> None:
    data = lines(OPENMMLAB)
    whole, kind = read(data), table.kind("20260101_000000.log.json")
    for cut in range(len(data) + 1):
        reader = kind.reader()
        samples = list(reader.feed(data[:cut]))
        again = kind.restore(json.loads(json.dumps(reader.state())))
        samples += again.feed(data[again.offset :])
        assert [*samples, *again.finish()] == whole


def test_a_trainer_s_state_tells_its_history_and_its_progress() -> None:
    reader, samples = document(TRAINER)
    assert points(samples, "loss") == [(100, 2.1), (200, 1.4), (300, 1.1)]
    assert points(samples, "eval_loss") == [(200, 1.3)]
    assert {sample.metric for sample in samples} == {
        "grad_norm", "learning_rate", "loss", "eval_loss", "eval_runtime"
    }  # fmt: skip
    assert reader.progress is not None
    assert (reader.progress.done, reader.progress.total, reader.progress.unit) == (300, 400, "step")


def test_a_list_of_records_and_lists_by_name_are_histories() -> None:
    _, chainer = document(
        [{"main/loss": 3.5, "epoch": 1, "iteration": 79}, {"main/loss": 2.5, "epoch": 2, "iteration": 158}]
    )
    assert points(chainer, "main/loss") == [(79, 3.5), (158, 2.5)]
    _, keras = document({"loss": [3, 2], "val_loss": [4, 3]})
    assert points(keras, "val_loss") == [(0, 4), (1, 3)]
    _, boosted = document({"train": {"logloss": [0.6, 0.5]}, "eval": {"logloss": [0.7, 0.6]}})
    assert points(boosted, "eval/logloss") == [(0, 0.7), (1, 0.6)]


def test_a_document_of_one_result_is_a_sample_of_each() -> None:
    _, samples = document({"accuracy": 0.91, "confusion": [[1, 2], [3, 4]], "model": "resnet"})
    assert [(sample.metric, sample.value) for sample in samples] == [("accuracy", 0.91)]


def test_json_lines_under_the_name_of_a_document_are_read_as_lines() -> None:
    _, samples = document(b'{"iteration": 19, "total_loss": 2.5}\n{"iteration": 39, "total_loss": 1.5, "AP": NaN}\n')
    assert points(samples, "total_loss") == [(19, 2.5), (39, 1.5)]


def test_a_document_that_is_being_written_gives_nothing_and_says_so() -> None:
    text = json.dumps(TRAINER, indent=2).encode()
    for cut in range(len(text) - 1):
        reader, samples = document(text[:cut])
        assert (samples, base.trouble(reader) is None) == ([], False), text[:cut]
    reader, samples = document(text)
    assert samples
    assert base.trouble(reader) is None


def test_a_document_too_large_to_hold_is_refused_with_what_to_do() -> None:
    reader = DocumentReader()
    for _ in range(3):
        reader.feed(b" " * (DOCUMENT_CAP // 2))
    assert reader.finish() == []
    assert "JSON lines" in str(base.trouble(reader))


@pytest.mark.parametrize(
    "text", [b"[" * 100_000, b'{"a":' * 50_000, b'{"n": 1' + b"0" * 9999 + b"}", b"\xff\xfe{", b""]
)
def test_hostile_documents_do_not_raise(text: bytes) -> None:
    _, samples = document(text)
    assert len(samples) <= 1
    assert len(read(text + b"\n")) <= 1


@settings(max_examples=60, deadline=None)
@given(
    st.binary(max_size=200)
    | st.recursive(st.none() | st.floats() | st.text(), st.lists).map(json.dumps).map(str.encode)
)
def test_any_bytes_are_read_without_raising(data: bytes) -> None:
    reader, _ = document(data)
    json.dumps(reader.state())
    lines_reader = LinesReader({"steps": 3})
    lines_reader.feed(data)
    lines_reader.finish()


@settings(max_examples=60, deadline=None)
@given(
    st.dictionaries(
        st.text(max_size=8), st.integers() | st.floats() | st.booleans() | st.text(max_size=5), max_size=6
    )
)
def test_any_record_is_read_without_raising(record: dict[str, Any]) -> None:
    reader = LinesReader()
    samples = reader.feed(lines([record, record]))
    json.dumps(reader.state())
    assert len(samples) <= 2 * len(record)


def test_a_file_is_known_by_its_name() -> None:
    names = {
        "ckpt/checkpoint-500/trainer_state.json": "JSON",
        "work_dirs/20260101_000000.log.json": "JSON lines",
        "log.jsonl": "JSON lines",
        "work_dirs/vis_data/20260101_000000.json": "JSON lines",
        "progress.json": "JSON lines",
        "metrics.json": "JSON",
        "lightning_logs/version_0/metrics.csv": "CSV",
        "progress.TSV": "CSV",
        "runs/Jan01/events.out.tfevents.1767225600.node1.42.0": "event file",
        "out.log": "log",
        "metrics.csv/out": "log",
    }
    assert {name: table.kind(name).name for name in names} == names
    assert [kind.name for kind in table.KINDS if kind.whole] == ["JSON"]
