"""Tables that are printed row by row."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trainboard.extract import Extractor

CHAINER = (
    "epoch       main/loss   validation/main/loss  elapsed_time\n"
    "     total [......]  0.23%\n"
    "       100 iter, 0 epoch / 70 epochs\n"
    "1           5.06                              145.1\n"
    "2           4.06        4.14                  290.1\n"
)
NOLEARN = (
    "  epoch    trn loss    val loss  dur\n"
    "-------  ----------  ----------  -----\n"
    "      1     0.63120     0.20660  1.34s\n"
)
YOLO = (
    "     Epoch   gpu_mem       box    labels  img_size\n"
    "      3/63     5.04G   0.06408        15      1280: 100%|####| 197/197 [05:51<00:00,  1.79s/it]\n"
    "               Class     Images          P     mAP@.5 mAP@.5:.95: 100%|####| 25/25 [00:33<00:00,  1.3s/it]\n"
    "                 all        983       0.36       0.25       0.17\n"
    "              person        900       0.16       0.15       0.07\n"
)
SPARSE = "step,train_loss,val_loss\n1,0.5,\n2,,0.75\n3,0.25,\n"
MARKDOWN = "| epoch | loss | acc |\n|---|---|---|\n| 1 | 0.5 | 0.9 |\n"
DASHES = "    step    tr_loss    va_loss   hh:mm:ss\n------\n       0       2.25          -   00:00:00\n"


def read(text: str) -> list[tuple[str, float, float, str]]:
    extractor = Extractor()
    samples = [*extractor.feed(text.encode()), *extractor.finish()]
    return [(sample.metric, sample.value, sample.step, sample.index) for sample in samples]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (NOLEARN, [("trn loss", 0.6312, 1, "epoch"), ("val loss", 0.2066, 1, "epoch"), ("dur", 1.34, 1, "epoch")]),
        (SPARSE, [("train_loss", 0.5, 1, "step"), ("val_loss", 0.75, 2, "step"), ("train_loss", 0.25, 3, "step")]),
        (MARKDOWN, [("loss", 0.5, 1, "epoch"), ("acc", 0.9, 1, "epoch")]),
        (DASHES, [("tr_loss", 2.25, 0, "step")]),
    ],
)
def test_a_table_is_read_by_its_header(text: str, expected: list[tuple[str, float, float, str]]) -> None:
    assert read(text) == expected


def test_an_empty_cell_does_not_shift_the_others() -> None:
    assert [sample for sample in read(CHAINER) if sample[3] == "epoch"] == [
        ("main/loss", 5.06, 1, "epoch"),
        ("elapsed_time", 145.1, 1, "epoch"),
        ("main/loss", 4.06, 2, "epoch"),
        ("validation/main/loss", 4.14, 2, "epoch"),
        ("elapsed_time", 290.1, 2, "epoch"),
    ]


def test_two_tables_in_turn_with_bars_beside_their_rows() -> None:
    assert read(YOLO) == [
        ("gpu_mem", 5.04, 3, "epoch"),
        ("box", 0.06408, 3, "epoch"),
        ("labels", 15, 3, "epoch"),
        ("P", 0.36, 3, "epoch"),
        ("mAP@.5", 0.25, 3, "epoch"),
        ("mAP@.5:.95", 0.17, 3, "epoch"),
    ]


def test_the_epoch_of_a_table_is_progress() -> None:
    extractor = Extractor()
    extractor.feed(YOLO.encode())
    assert extractor.progress is not None
    assert (extractor.progress.done, extractor.progress.total) == (3, 63)


@pytest.mark.parametrize(
    "text", ["1 2 3\n4 5 6\n", "some words here\n1 2 3\n", "name   size   version\na      1      2\n"]
)
def test_rows_without_a_header_of_measurements_are_data(text: str) -> None:
    assert read(text) == []


@given(st.data())
def test_a_restart_within_a_table_reads_on_with_its_header(data: st.DataObject) -> None:
    log = (CHAINER + SPARSE + YOLO).encode()
    cut = data.draw(st.integers(min_value=0, max_value=len(log)))
    first = Extractor()
    samples = list(first.feed(log[:cut]))
    second = Extractor.restore(json.loads(json.dumps(first.state())))
    samples += [*second.feed(log[second.offset :]), *second.finish()]
    whole = Extractor()
    assert samples == [*whole.feed(log), *whole.finish()]
