"""What is remembered of several metrics at once is what would be remembered of each."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trainboard.extract import Extractor

FORMS = (
    "step {i} loss={x} acc={y}",
    "step {i}  loss={x} acc={y} grad_norm={y}",
    "step {i} loss={x}",
    "step {i} loss=nan acc={y}",
    "step {same} loss={x} acc={y}",
    "epoch {e} batch {b}/5 loss: {x} acc: {y}",
    "epoch {e} batch 5/5 loss: {x} acc: {y}",
    "epoch {e} loss: {x} acc: {y}",
    "Epoch {e}/9",
    "val_loss: {x} val_acc: {y}",
    "val_loss: {x} val_acc: {y}",
    "loss: {x} acc: {y}",
    "val_loss: {x}",
    "[0]: step {i} loss={x} acc={y}",
    "[1]: step {i} loss={y} acc={x}",
    "rank 1: step {i} loss={y} acc={x}",
    "Validation:",
    "step {i} loss={x} lr={y} momentum={x}",
)


def _log(kinds: list[int]) -> list[bytes]:
    """A log of lines of these kinds, in the course of a training."""
    lines = []
    for i, kind in enumerate(kinds):
        told = FORMS[kind].format(i=i, same=i // 3, e=i // 6 + 1, b=i % 5 + 1, x=(7 * i) % 10 / 10 + 0.05, y=i / 1000)
        lines.append(f"{told}\n".encode())
    return lines


def _settled_each_time(lines: list[bytes]) -> tuple[list[str], str]:
    """Samples and the last state, where an extractor goes on from a state at each line."""
    extractor, samples, end = Extractor(), list[str](), 0
    for line in lines:
        end += len(line)
        samples += map(repr, extractor.feed(b"".join(lines)[extractor.offset : end]))
        extractor = Extractor.restore(json.loads(json.dumps(extractor.state())))
    return samples, json.dumps(extractor.state(), sort_keys=True)


def _together(lines: list[bytes]) -> tuple[list[str], str]:
    extractor = Extractor()
    samples = list(map(repr, extractor.feed(b"".join(lines))))
    return samples, json.dumps(extractor.state(), sort_keys=True)


@settings(max_examples=150, deadline=None)
@given(st.lists(st.integers(0, len(FORMS) - 1), max_size=12).map(lambda kinds: kinds * 6))
def test_lines_in_any_order_give_what_each_metric_alone_would_give(kinds: list[int]) -> None:
    lines = _log(kinds)
    assert _together(lines) == _settled_each_time(lines)


@pytest.mark.parametrize("filled", [(0, 1, 2, 3), (0, 1), (0, 3), (0, 2, 3)])
def test_rows_with_empty_cells_are_read_many_at_once_as_they_are_one_by_one(filled: tuple[int, ...]) -> None:
    header = "step,loss,val_loss,val_acc,grad_norm\n"
    kinds = [filled] * 70 + [(0, 2)] * 3 + [filled] * 30 + [(1,), (0, 1, 2, 3, 4)] * 5 + [filled] * 30
    rows = [
        ",".join([f"{i}", *(f"{i}.{cell}" if cell in kind else "" for cell in range(4))])
        for i, kind in enumerate(kinds)
    ]
    rows[120] = "loading the best checkpoint, which is that of step 90"
    lines = [f"{line}\n".encode() for line in (header.strip(), *rows)]
    together, apart = Extractor(), Extractor()
    at_once = list(together.feed(b"".join(lines)))
    assert at_once == [sample for line in lines for sample in apart.feed(line)]
    assert len(at_once) >= 130 * (len(filled))
    assert together.state() == apart.state()


def test_a_column_of_epochs_that_is_empty_is_no_epoch() -> None:
    rows = [f",{i},0.{i},1.5" for i in range(10, 99)] + [f"7,{i},0.{i},1.5" for i in range(100, 199)]
    extractor = Extractor()
    samples = extractor.feed("\n".join(["epoch,step,loss,acc", *rows, ""]).encode())
    assert [sample.step for sample in samples if sample.metric == "loss"] == [*range(10, 99), *range(100, 199)]
