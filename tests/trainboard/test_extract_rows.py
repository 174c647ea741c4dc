"""Rows of tables, read many at once or by their outlines, give what they give one by one."""

import random
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trainboard.extract import Extractor, tables
from trainboard.extract.rows import OUTLINES_CAP, Known
from trainboard.extract.stencil import OUTLINE

ROWS = 300
_BAR = "100%|██████████|"


def _csv(i: int, x: float) -> str:
    """A row of the training, and every twentieth one of the evaluation."""
    return f"{i},{x:.5f},,,,\n" if i % 20 else f"{i},,{x:.4f},{1 - x:.3f},{i}.0,nan\n"


def _by_epoch(i: int, x: float) -> str:
    return f"{i // 40},{i},{x:.5f},\n" if i % 40 else f"{i // 40},{i},,{x:.4f}\n"


def _bars(i: int, x: float) -> str:
    """Two tables in turn, with bars that draw themselves otherwise each time."""
    times = f"{i * 7 % 100}/{i * 7 % 1000} [{i % 60:02}:{i % 59:02}<00:00, {3.7 * x:.2f}it/s]"
    return (
        "     Epoch   gpu_mem       box       obj    labels  img_size\n"
        f"{i:6}/{ROWS}     {2 + x:.2f}G   {x:.4f}   {x / 3:.5f}        {i % 90}     {640}: {_BAR} {times}\n"
        f"               Class     Images     Labels          P          R     mAP@.5: {_BAR} {times}\n"
        f"                 all        128       {900 + i}      {x:.3f}      {x / 2:.4f}      {1 - x:.3f}\n"
    )


TABLES: dict[str, tuple[str, Callable[[int, float], str]]] = {
    "cells that are filled in turn": ("step,loss,val_loss,acc,epoch,lr", _csv),
    "rows of epochs": ("epoch,step,loss,val_loss", _by_epoch),
    "two tables in turn with bars": ("", _bars),
    "blanks between": ("epoch   train_loss   val_loss", lambda i, x: f"{i:5}   {x:10.4f}   {x / 2:8.3g}\n"),
    "rows between other lines": (
        "epoch,loss,acc",
        lambda i, x: f"{i},{x:.3f},0.5\n" + ("saving to disk\n" if i % 3 else ""),
    ),
    "rows with a word among them": (
        "epoch,loss,acc",
        lambda i, x: f"{i},{x:.3f},{x}\n" if i % 30 else f"{i},best,\n",
    ),
}


@pytest.mark.parametrize(("head", "row"), TABLES.values(), ids=TABLES.keys())
def test_rows_together_give_what_they_give_one_by_one(head: str, row: Callable[[int, float], str]) -> None:
    chance = random.Random(7)
    log = f"{head}\n" + "".join(row(i, chance.random()) for i in range(ROWS))
    lines = log.encode().splitlines(keepends=True)
    together, apart = Extractor(), Extractor()
    at_once = together.feed(b"".join(lines))
    one_by_one = [sample for line in lines for sample in apart.feed(line)]
    assert len(at_once) >= ROWS // 2
    assert [repr(sample) for sample in at_once] == [repr(sample) for sample in one_by_one]
    assert together.state() == apart.state()


CELLS = st.sampled_from(
    (
        "all",
        "3/63",
        "3",
        "63",
        "2.5G",
        "0.5",
        ".5",
        "1e-3",
        "nan",
        "12%",
        "-",
        "n/a",
        "7*",
        "1,",
        "--",
        "5: 42%|██| 3/5",
    )
)


@settings(max_examples=300)
@given(
    st.sampled_from((b"Epoch   gpu_mem   box   loss", b"  Class  Images    P  mAP@.5 mAP@.5:.95", b"epoch loss acc")),
    st.lists(CELLS, min_size=2, max_size=8),
    st.lists(st.integers(1, 6), min_size=8, max_size=8),
    st.lists(st.text("0123456789", min_size=40, max_size=40), min_size=2, max_size=4),
)
def test_a_known_outline_has_the_cells_that_taking_its_lines_apart_gives(
    head: bytes, cells: list[str], gaps: list[int], digits: list[str]
) -> None:
    row = "".join(" " * gap + cell for gap, cell in zip(gaps, cells, strict=False))
    for table in tables.headed(head):
        known = Known(table)
        for other in digits:
            turn = iter(other)
            line = "".join(next(turn) if sign.isdigit() else sign for sign in row).encode()
            for _ in range(2):
                found, is_sound = known.cells(line, line.translate(OUTLINE))
                assert (None if found is None else list(found)) == table.cells(line)
                assert not is_sound or all(
                    float(found[field.slot]) is not None for field in table.plan.fields if found
                )


def test_ever_new_rows_take_bounded_memory() -> None:
    table = tables.headed(b"epoch   train_loss   val_loss")[0]
    known = Known(table)
    for width in range(3 * OUTLINES_CAP):
        line = b"%d   0.%s   2" % (width, b"0" * width)
        for _ in range(2):
            known.cells(line, line.translate(OUTLINE))
    assert 0 < len(known.forms) <= OUTLINES_CAP


def test_a_program_that_is_started_again_goes_on_with_its_metrics() -> None:
    run = b"+ python train.py\n" + b"".join(b"step %d loss=0.%d\n" % (i, i) for i in range(1, 40))
    extractor = Extractor()
    found = [extractor.feed(run).metrics, extractor.feed(run).metrics]
    assert found == [["loss"], ["loss"]]
    assert extractor.feed(run.replace(b"train", b"finetune")).metrics == ["loss [finetune.py step]"]
