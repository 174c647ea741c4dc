"""CSV files as trainings write them: sparse, padded, wide, rewritten with a longer header, cut anywhere."""

from __future__ import annotations

import json
import math
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trainboard.sources import base, table
from trainboard.sources.csvfile import CsvReader

if TYPE_CHECKING:
    from collections.abc import Mapping

    from trainboard.series import Sample

LIGHTNING = """epoch,lr-Adam,step,train_loss,val_acc,val_loss\r
0,0.001,49,2.31,,\r
0,0.001,99,1.87,,\r
0,,117,,0.41,1.92\r
1,0.001,149,1.66,,\r
1,,235,,0.55,1.51\r
"""
ULTRALYTICS = """                  epoch,         train/box_loss,       metrics/mAP50(B),                 lr/pg0
                      1,                 1.2381,                0.41023,                 0.0033
                      2,                 1.1204,                0.47711,                0.00651
"""


def read(text: str | bytes, total: Mapping[str, float] | None = None, wall: float | None = None) -> list[Sample]:
    reader = CsvReader(total)
    data = text.encode() if isinstance(text, str) else text
    return [*reader.feed(data, wall), *reader.finish(wall)]


def points(samples: list[Sample], metric: str) -> list[tuple[float, float]]:
    return [(sample.step, sample.value) for sample in samples if sample.metric == metric]


def test_empty_cells_of_a_sparse_table_are_no_samples() -> None:
    samples = read(LIGHTNING)
    assert points(samples, "train_loss") == [(49, 2.31), (99, 1.87), (149, 1.66)]
    assert points(samples, "val_loss") == [(117, 1.92), (235, 1.51)]
    assert {sample.index for sample in samples} == {"step"}
    assert {sample.metric for sample in samples} == {"lr-Adam", "train_loss", "val_acc", "val_loss"}


def test_padded_cells_are_read_and_the_epoch_is_their_index() -> None:
    samples = read(ULTRALYTICS)
    assert points(samples, "train/box_loss") == [(1, 1.2381), (2, 1.1204)]
    assert points(samples, "metrics/mAP50(B)") == [(1, 0.41023), (2, 0.47711)]
    assert {sample.index for sample in samples} == {"epoch"}


def test_a_wide_table_keeps_every_column() -> None:
    names = [f"grad_norm/layer{n}" for n in range(1500)]
    text = ",".join(["step", *names]) + "\n" + ",".join(["7", *map(str, range(1500))]) + "\n"
    samples = read(text)
    assert [sample.metric for sample in samples] == names
    assert samples[-1].value == 1499


def test_tabs_semicolons_and_decimal_commas_are_known() -> None:
    assert points(read("step\tloss\n1\t0.5\n"), "loss") == [(1, 0.5)]
    assert points(read("step;loss\n1;0,5\n"), "loss") == [(1, 0.5)]


def test_cells_in_quotes_may_hold_the_delimiter() -> None:
    samples = read('epoch,"loss, mean",note\n1,0.5,"a, b"\n2,"0.25",\n')
    assert points(samples, "loss, mean") == [(1, 0.5), (2, 0.25)]
    assert {sample.metric for sample in samples} == {"loss, mean"}


def test_nan_and_inf_are_values_and_words_are_none() -> None:
    samples = read("epoch,loss,state\n1,nan,ok\n2,inf,ok\n3,None,ok\n4,-,ok\n5,1_0,ok\n")
    assert [sample.value for sample in samples[1:]] == [math.inf]
    assert math.isnan(samples[0].value)


def test_an_index_that_is_no_number_is_none() -> None:
    assert points(read("step,epoch,loss\n1,1,9\nnan,2,8\ninf,,7\n"), "loss") == [(1, 9), (2, 8), (2, 7)]


def test_what_the_run_was_told_is_no_metric() -> None:
    samples = read(
        "training_iteration,episode_reward_mean,config/lr,pid,seed,_runtime,val/len_epoch\n1,20.5,0.001,4711,3,9.1,1368\n"
    )
    assert {sample.metric for sample in samples} == {"episode_reward_mean"}


def test_a_column_of_moments_is_the_wall_time_and_one_of_seconds_is_a_metric() -> None:
    moments = read("Wall time,Step,Value\n1767225600.5,10,0.5\n", wall=3.0)
    assert [(sample.metric, sample.wall) for sample in moments] == [("Value", 1767225600.5)]
    dates = read("timestamp,step,loss\n2026-01-01T00:00:00+00:00,10,0.5\n")
    assert dates[0].wall == 1767225600
    seconds = read("epoch,time,loss\n1,12.5,0.5\n", wall=3.0)
    assert [(sample.metric, sample.wall) for sample in seconds] == [("time", 3.0), ("loss", 3.0)]


def test_without_an_index_the_samples_of_each_metric_are_counted() -> None:
    samples = read("loss,acc\n3,\n2,0.5\n1,0.6\n")
    assert points(samples, "loss") == [(0, 3), (1, 2), (2, 1)]
    assert points(samples, "acc") == [(0, 0.5), (1, 0.6)]
    assert {sample.index for sample in samples} == {""}


def test_validation_batches_that_are_counted_anew_each_time_go_on() -> None:
    rows = ["step,loss,val_loss"]
    for epoch in range(3):
        rows += [f"{epoch * 100 + 99},{3 - epoch},", *(f"{batch},,{batch}" for batch in range(4))]
    samples = read("\n".join(rows) + "\n")
    assert points(samples, "loss") == [(99, 3), (199, 2), (299, 1)]
    assert [step for step, _ in points(samples, "val_loss")] == list(range(12))


def test_steps_that_go_back_after_a_resume_stay_as_they_are() -> None:
    samples = read("step,loss,val_loss\n100,3,\n200,2,\n200,,4\n100,3,\n150,,5\n")
    assert points(samples, "loss") == [(100, 3), (200, 2), (100, 3)]
    assert points(samples, "val_loss") == [(200, 4), (150, 5)]


def test_two_columns_of_one_name_are_two_metrics() -> None:
    samples = read("step,loss,loss\n1,2,3\n")
    assert [(sample.metric, sample.value) for sample in samples] == [("loss", 2), ("loss [2]", 3)]


def test_a_header_in_the_middle_names_what_comes_after_it() -> None:
    samples = read("epoch,loss\n1,0.5\nepoch,acc,loss\n1,0.9,0.4\n")
    assert points(samples, "loss") == [(1, 0.5), (1, 0.4)]
    assert points(samples, "acc") == [(1, 0.9)]


def test_rows_wider_or_narrower_than_their_header_are_read_as_far_as_it_names_them() -> None:
    samples = read("step,loss,acc\n1,0.5,0.1,9,9\n2,0.4\n3,0.3,0.2\n")
    assert points(samples, "loss") == [(1, 0.5), (2, 0.4), (3, 0.3)]
    assert points(samples, "acc") == [(1, 0.1), (3, 0.2)]


def test_a_file_without_a_header_says_so() -> None:
    reader = CsvReader()
    assert reader.feed(b"1,2,3\n4,5,6\n") == []
    assert "no header" in str(base.trouble(reader))


def test_the_names_may_stand_in_a_comment_above_the_numbers() -> None:
    text = b"# made by numpy\n# step,loss\n1,0.5\n2,0.4\n"
    for cut in range(len(text)):
        reader = CsvReader()
        samples = reader.feed(text[:cut])
        again = CsvReader.restore(json.loads(json.dumps(reader.state())))
        samples += again.feed(text[again.offset :])
        assert points(samples, "loss") == [(1, 0.5), (2, 0.4)]


def test_a_byte_order_mark_is_no_part_of_the_first_name() -> None:
    assert {sample.index for sample in read(b"\xef\xbb\xbfepoch,loss\n1,2\n")} == {"epoch"}


def test_a_line_without_end_costs_no_memory_and_ends_with_the_next_newline() -> None:
    reader = CsvReader()
    reader.feed(b"step,loss\n")
    for _ in range(40):
        reader.feed(b"9" * 100_000)
    assert points(reader.feed(b"\n8,0.5\n"), "loss") == [(8, 0.5)]
    assert base.trouble(reader) == "1 line longer than 1 MB passed over"


def test_the_spec_s_total_makes_progress_of_the_index() -> None:
    reader = CsvReader({"epochs": 10})
    reader.feed(ULTRALYTICS.encode())
    assert reader.progress is not None
    assert (reader.progress.done, reader.progress.total, reader.progress.unit) == (2, 10, "epoch")


@pytest.mark.parametrize("text", [LIGHTNING, ULTRALYTICS], ids=["lightning", "ultralytics"])
def test_cut_at_every_byte_it_reads_the_same(text: str) -> None:
    data = text.encode()
    whole = read(data)
    for cut in range(len(data) + 1):
        reader = CsvReader()
        samples = list(reader.feed(data[:cut]))
        again = table.kind("metrics.csv").restore(json.loads(json.dumps(reader.state())))
        samples += again.feed(data[again.offset :])
        assert [*samples, *again.finish()] == whole


WORDS = (
    st.sampled_from(("step", "epoch", "loss", "mode", "time", "val"))
    | st.sampled_from(("2.5", "nan", "-inf", "1700000000", "\r\n"))
    | st.sampled_from(',;\t\n"#1é\ufeff')
)


@settings(max_examples=150, deadline=None)
@given(st.lists(WORDS, max_size=60).map("".join), st.lists(st.integers(0, 200), max_size=4))
def test_the_pieces_that_a_file_comes_in_make_no_difference(text: str, cuts: list[int]) -> None:
    data = f"step,epoch,loss,mode,time\n{text}".encode()
    reader, edges = CsvReader(), [0, *sorted(min(cut, len(data)) for cut in cuts), len(data)]
    samples = [sample for a, b in pairwise(edges) for sample in reader.feed(data[a:b])]
    samples += reader.finish()
    assert list(map(repr, samples)) == list(map(repr, read(data)))


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=300), st.sampled_from((b"", b"step,loss\n1,2\n", b'epoch;"a\n')))
def test_any_bytes_are_read_without_raising(data: bytes, head: bytes) -> None:
    reader = CsvReader({"steps": 5})
    reader.feed(head)
    reader.feed(data)
    reader.finish()
    json.dumps(reader.state())


def test_a_state_of_another_version_is_refused() -> None:
    with pytest.raises(ValueError, match="no state of a CSV reader"):
        CsvReader.restore({"version": 0})
