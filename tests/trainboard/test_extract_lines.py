"""Reading a log as it grows: chunks, bars, escapes, long lines, and going on after a restart."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from trainboard.extract import Extractor
from trainboard.extract.lines import LINE_CAP
from trainboard.extract.recipe import HITS
from trainboard.extract.shape import ANY, FINITE, is_wordy

if TYPE_CHECKING:
    from trainboard.series import Sample

LOG = (
    b"seed: 1\r\n"
    b"Epoch 1/3\n"
    b"\x1b[32mstep 1/9\x1b[0m loss=0.5 \x1b]0;title\x07acc=0.1\n"
    b" 10%|\xe2\x96\x88 | 1/10 [00:01<00:09, 1.0it/s, loss=9]\r"
    b" 20%|\xe2\x96\x88\xe2\x96\x88| 2/10 [00:02<00:08, 1.0it/s, loss=8]\n"
    b"broken \xff\xfe utf-8 step 2 loss=0.25\n"
    b"val_loss=nan\n"
    b"val_loss: -inf\n"
    b"{'loss': 0.3, 'epoch': 2}\n"
    b"loss: 0.125"
)
noise = st.lists(
    st.sampled_from(
        [
            b"loss=0.5",
            b"\n",
            b"\r",
            b" ",
            b"epoch 3",
            b"\x1b[1m",
            b"\xff",
            b"nan",
            b"1e-3",
            b"{",
            b'"loss": 2',
            b"}",
            b"/",
            b"7",
            b"inf",
        ]
    )
    | st.binary(max_size=4),
    max_size=60,
).map(b"".join)


def read(log: bytes, *cuts: int) -> list[Sample]:
    """All samples of a log that comes in pieces."""
    samples: list[Sample] = []
    extractor, at = Extractor(), 0
    for cut in (*sorted(cuts), len(log)):
        samples += extractor.feed(log[at:cut])
        at = cut
    return [*samples, *extractor.finish()]


def found(log: bytes) -> list[tuple[str, float]]:
    return [(sample.metric, sample.value) for sample in read(log)]


def test_the_sample_log_is_read_as_a_person_would() -> None:
    assert [(s.metric, repr(s.value), s.step, s.index) for s in read(LOG)] == [
        ("loss", "0.5", 1.0, "step"),
        ("acc", "0.1", 1.0, "step"),
        ("loss", "8.0", 1.2, "epoch"),
        ("loss", "0.25", 2.0, "step"),
        ("val_loss", "nan", 2.0, "step"),
        ("val_loss", "-inf", 2.0, "step"),
        ("loss [epoch]", "0.3", 2.0, "epoch"),
        ("loss [line]", "0.125", 2.0, "epoch"),
    ]


@given(st.lists(st.integers(min_value=0, max_value=len(LOG)), max_size=8))
def test_where_a_chunk_ends_changes_nothing(cuts: list[int]) -> None:
    assert repr(read(LOG, *cuts)) == repr(read(LOG))


def test_every_byte_may_come_alone() -> None:
    assert repr(read(LOG, *range(len(LOG)))) == repr(read(LOG))


def test_what_a_bar_says_that_is_written_over_counts_for_nothing_but_progress() -> None:
    log = b"epoch 3\rloss=0.5\n"
    assert repr(read(log, 8)) == repr(read(log))
    extractor = Extractor({"epochs": 4})
    extractor.feed(log[:8])
    assert extractor.progress is not None
    assert extractor.progress.done == 2, "the third has begun"


@settings(deadline=None)
@given(noise, st.data())
def test_any_bytes_in_any_pieces_give_the_same_samples_and_no_error(log: bytes, data: st.DataObject) -> None:
    cuts = data.draw(st.lists(st.integers(min_value=0, max_value=len(log)), max_size=5))
    assert repr(read(log, *cuts)) == repr(read(log))


@settings(deadline=None)
@given(noise, st.data())
def test_reading_may_stop_anywhere_and_go_on_at_the_offset(log: bytes, data: st.DataObject) -> None:
    cut = data.draw(st.integers(min_value=0, max_value=len(log)))
    first = Extractor()
    samples = list(first.feed(log[:cut]))
    state = json.loads(json.dumps(first.state()))
    second = Extractor.restore(state)
    assert second.offset == first.offset <= cut
    samples += [*second.feed(log[second.offset :]), *second.finish()]
    assert repr(samples) == repr(read(log))
    assert second.offset == len(log)


@pytest.mark.parametrize("state", [{}, {"version": 0}, {"version": 1, "offset": "x"}, {"version": 1, "offset": 3}])
def test_a_state_of_something_else_is_refused(state: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="no state of an extractor"):
        Extractor.restore(state)


def test_the_time_when_it_was_seen_travels_with_the_samples() -> None:
    assert [sample.wall for sample in Extractor().feed(b"loss=1\nloss=2\n", wall=12.5)] == [12.5, 12.5]


def test_only_the_last_state_of_a_bar_counts() -> None:
    log = b"".join(b"\r%3d%%|###| %d/100 [00:01<00:01, 9.9it/s, loss=0.%02d]" % (n, n, n) for n in range(100)) + b"\n"
    assert found(log) == [("loss", 0.99)]


def test_a_bar_that_is_drawn_for_hours_takes_no_memory() -> None:
    extractor = Extractor()
    for _ in range(200):
        extractor.feed(b"\r 50%|#####     | 50/100 [00:01<00:01, 9.9it/s, loss=0.5]" * 100)
    assert len(json.dumps(extractor.state())) < 1000
    assert extractor.offset > 1_000_000
    assert [sample.value for sample in extractor.finish()] == [0.5]


def test_a_metric_line_after_a_bar_on_the_same_line_counts() -> None:
    assert found(b"  5%|#   | 3/60 [00:01<00:20, 2.8it/s]\rstep 3 loss=0.3\n") == [("loss", 0.3)]


def test_windows_line_ends_are_line_ends() -> None:
    assert found(b"step 1 loss=0.5\r\nstep 2 loss=0.25\r\n") == [("loss", 0.5), ("loss", 0.25)]


def test_cursor_movement_is_no_text() -> None:
    assert found(b"\x1b[2K\x1b[1Gstep 1 loss=\x1b[1;31m0.5\x1b[0m\n\x1b[1A\x1b[?25hstep 2 loss=0.25\n") == [
        ("loss", 0.5),
        ("loss", 0.25),
    ]


def test_a_huge_line_is_skipped_and_what_follows_is_read() -> None:
    huge = b"loss=0.1 " * 1_200_000
    samples: list[Sample] = []
    extractor = Extractor()
    log = b"loss=1\n" + huge + b"\nloss=2\n"
    for at in range(0, len(log), 4096):
        samples += extractor.feed(log[at : at + 4096])
    assert [sample.value for sample in samples] == [1.0, 2.0]
    assert extractor.offset == len(log)


@pytest.mark.parametrize(
    "piece", [b" ", b"x ", b"1 ", b"a=1 ", b"val ", b'{"a":', b"= ", b"1/", b"\t|", b"e" * 50 + b" "]
)
def test_a_line_of_the_greatest_length_is_read_in_no_time(piece: bytes) -> None:
    line = piece * (LINE_CAP // len(piece) - 10) + b"loss=1\n"
    for _ in range(3):
        Extractor().feed(line)


def test_a_restart_within_a_huge_line_goes_on_skipping() -> None:
    log = b"loss=1\n" + b"loss=3 " * LINE_CAP + b"loss=3\nloss=2\n"
    first = Extractor()
    samples = list(first.feed(log[: 3 * LINE_CAP]))
    second = Extractor.restore(first.state())
    assert second.offset == 3 * LINE_CAP
    samples += second.feed(log[second.offset :])
    assert [sample.value for sample in samples] == [1.0, 2.0]


def test_a_line_is_as_long_in_one_chunk_as_in_many() -> None:
    for size in (LINE_CAP - 7, LINE_CAP - 6, LINE_CAP, LINE_CAP + 1):
        log = b" " * size + b"loss=1\nloss=2\n"
        assert repr(read(log, *range(0, len(log), 1000))) == repr(read(log))


def test_endless_new_names_take_bounded_memory() -> None:
    extractor = Extractor()
    for n in range(4_000):
        extractor.feed(b"step %d loss_%s=1\n" % (n, bytes(97 + int(digit) for digit in str(n))))
    assert len(json.dumps(extractor.state())) < 200_000


@given(noise)
def test_a_line_without_nan_is_taken_apart_in_the_same_way_by_both_patterns(line: bytes) -> None:
    if not is_wordy(line):
        assert FINITE.split(line) == ANY.split(line)


RICH = (
    b"+ python train.py\n"
    b"epoch  loss  acc\n------\n1  0.5  0.9\n"
    b"{\n  'loss': 0.25,\n  'epoch': 2\n}\n"
    b"-----------\n| time/ |  |\n| fps | 9 |\n| loss | 2 |\n| iteration | 7 |\n-----------\n"
    b"Monitoring step:\n\tEpochs seen: 3\n\tloss: 0.1\n\tlr: 0.3\r\n"
    b"2024-05-01 12:00:00,5 - INFO - [rank1]: step 4 loss=0.5\n"
    b"Epoch 5/9\n16/16 [====] - 1s 2ms/step - loss: 0.5\n"
    b"$ python eval.py\nepoch 1 loss: 0.75\n"
    b"  10%|#  | 1/10 [00:01<00:09, 1.0it/s, loss=9]\r  20%|## | 2/10 [00:02<00:08, 1.0it/s, loss=8]\r\n"
    b"def f(x):\n    loss = 0.5\n    return loss\n"
    b"test loss: 0.125\n"
)


@settings(deadline=None)
@given(st.data())
def test_reading_may_stop_at_any_byte_of_any_format(data: st.DataObject) -> None:
    cut = data.draw(st.integers(min_value=0, max_value=len(RICH)))
    first = Extractor()
    samples = list(first.feed(RICH[:cut]))
    second = Extractor.restore(json.loads(json.dumps(first.state())))
    samples += [*second.feed(RICH[second.offset :]), *second.finish()]
    assert samples == read(RICH)


@settings(deadline=None)
@given(st.lists(st.integers(min_value=0, max_value=len(RICH)), max_size=8))
def test_where_a_chunk_ends_changes_nothing_in_any_format(cuts: list[int]) -> None:
    assert read(RICH, *cuts) == read(RICH)


numbers = st.sampled_from(
    ["0.5", "-1e-3", "12", "nan", "1,234.5", "1.2.3", ".5", "7%", "5ms", "3.", "2024-05-01", "inf", "x"]
)


@settings(deadline=None, max_examples=20, phases=(Phase.generate,))
@given(st.lists(st.tuples(numbers, numbers, numbers), min_size=2 * HITS, max_size=2 * HITS))
def test_a_line_that_was_seen_often_is_read_as_the_first_was(values: list[tuple[str, str, str]]) -> None:
    lines = [
        f"2024-05-01 12:00:{i % 60:02} step {i}: loss={a} acc: {b} | lr {c}\n".encode()
        for i, (a, b, c) in enumerate(values)
    ]
    warm, cold = Extractor(), Extractor()
    for i in range(2 * HITS):
        warm.feed(b"2024-05-01 12:00:00 step %d: loss=0.5 acc: 1 | lr 1\n" % i)
        cold.feed(b"2024-05-01 12:00:00 step %d: loss=0.5 acc: 1 | lr 1\n" % i)
    for line in lines:
        cold = Extractor.restore(cold.state())
        assert repr(warm.feed(line)) == repr(cold.feed(line))


ADVERSE = [b"1:", b"[1]", b"(1 ", b"loss for ", b"| a | 1 |", b"'a': 1, ", b"{", b"1s - ", b"nan ", b"python a.py ",
           b"x=1 python ", b"2024-05-01 12:00:00 ", b"epoch 1 ", b"a/b[1] ", b"100%|", b"\xe2\x94\x80", b"A_B=1 ",
           b"loss is 1. The x ", b"a: ", b"\x00", b"test  ", b"I0101 12:00:00.1 1 a.py:1] "]  # fmt: skip


@pytest.mark.parametrize("head", [b"", b"step 1 ", b"Monitoring:\n\t", b"epoch  loss  acc\n"])
@pytest.mark.parametrize("piece", ADVERSE)
def test_time_is_linear_in_the_length_of_a_line(head: bytes, piece: bytes) -> None:
    def cost(size: int) -> float:
        line = head + piece * (size // len(piece)) + b" loss=1\n"
        spent = []
        for _ in range(3):
            start = time.process_time()
            Extractor().feed(line)
            spent.append(time.process_time() - start)
        return min(spent)

    # Eight times the length; quadratic time would be 64 times. What is looked at of a line has a bound, and a short
    # one may be let go at a glance: below the floor there is nothing to compare.
    assert cost(LINE_CAP - 4096) < 32 * max(cost((LINE_CAP - 4096) // 8), 0.003)
