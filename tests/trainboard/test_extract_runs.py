"""Many lines of one shape, which are taken at once, give what they give one by one."""

import random
from collections.abc import Callable

import pytest

from trainboard.extract import Extractor

LINES = 400


def _lines(form: Callable[[int, float], str]) -> list[bytes]:
    chance = random.Random(7)
    return [f"{form(i, chance.random())}\n".encode() for i in range(LINES)]


FORMS: dict[str, Callable[[int, float], str]] = {
    "a step": lambda i, x: f"step {i} loss={x:.4f} acc={1 - x:.4f}",
    "a step printed by two ranks": lambda i, x: f"step {i // 2} loss={x:.4f}",
    "a step that now and then comes twice": lambda i, x: f"step {i - (i % 97 == 0)} loss={x:.4f}",
    "a step of a total": lambda i, x: f"step {i}/1000 loss={x:.4f}",
    "a step that begins anew in each epoch": lambda i, x: f"epoch {i // 90} step {i % 90} loss={x:.4f}",
    "a batch of an epoch": lambda i, x: f"epoch: {i // 100} batch: {i % 100 + 1}/100 loss: {x:.4f}",
    "a batch of an unknown total": lambda i, x: f"epoch: {i // 100} batch: {i % 100} loss: {x:.4f}",
    "a batch of an unknown total, padded": lambda i, x: f"epoch: {i // 130} batch: {i % 130:4} loss: {x:8.4f}",
    "a batch of a total, padded": lambda i, x: f"epoch {i // 130} [{i % 130:4}/200] loss: {10 ** (i % 3) * x:8.4f}",
    "a step, padded": lambda i, x: f"step {i:6} loss={10 ** (i % 3) * x:8.4f} acc {x}",
    "an epoch": lambda i, x: f"epoch {i} loss={x:.4f}",
    "a time": lambda i, x: f"2024-05-01 12:{i // 60:02}:{i % 60:02},123 - step {i} loss={x:.4f}",
    "a time of two hours": lambda i, x: f"[2024-05-01 1{i // 200}:59:0{i % 10}] step {i} loss={x:.4f}",
    "a unit of thousands": lambda i, x: f"step {i} loss={x:.4f} tokens/s={100 * x:.1f}k",
    "a value that is infinite": lambda i, x: f"step {i} loss={'1e999' if i == 200 else x}",
    "a value that is none": lambda i, x: f"step {i} loss={'nan' if i == 200 else x}",
    "an index beyond all numbers": lambda i, x: f"step {'1e999' if i == 200 else i} loss={x:.4f}",
    "a line of another kind": lambda i, x: f"val step {i} loss={x}" if i % 80 == 79 else f"step {i} loss={x}",
}


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS.keys())
def test_lines_at_once_give_what_they_give_one_by_one(form: Callable[[int, float], str]) -> None:
    lines = _lines(form)
    together, apart = Extractor(), Extractor()
    at_once = together.feed(b"".join(lines))
    one_by_one = [sample for line in lines for sample in apart.feed(line)]
    assert len(at_once) >= LINES // 2
    assert [repr(sample) for sample in at_once] == [repr(sample) for sample in one_by_one]
    assert together.state() == apart.state()
    assert together.progress == apart.progress
