"""Marks of what matches a query: in common patterns, and in no time in any."""

from __future__ import annotations

import pytest

from tests.effort import effort
from trainboard.seeking import wanted
from tui.logmarks import Marks


@pytest.mark.parametrize(
    ("query", "line", "match"),
    [
        ("loss.*nan", "epoch 3 loss is nan", "loss is nan"),
        (r"epoch \d+.*loss \d+\.\d+", "x epoch 3 loss 0.25", "epoch 3 loss 0.25"),
        (r"step \d+/\d+ .*loss=\d+", "step 3/9 loss=12", "step 3/9 loss=12"),
        ("(train|val)_loss", "a val_loss 3", "val_loss"),
        ("colou?r", "the color", "color"),
        ("error|fail|oom|nan|killed|warn", "it was killed", "killed"),
        (r"\d{4}-\d{2}-\d{2}", "on 2026-11-23", "2026-11-23"),
    ],
)
def test_what_matches_a_common_pattern_is_marked(query: str, line: str, match: str) -> None:
    [(start, end)] = Marks.of(wanted(query)).found(line, 0, len(line))
    assert line[start:end] == match


@pytest.mark.parametrize(
    "query",
    [
        "a*a*a*b",
        ".*.*.*x",
        "(a|a)*b",
        "a{0,99}" * 4 + "b",
        "a?" * 24 + "a" * 24 + "b",
        "a*" + "a?" * 10 + "b",
        "(a|a)" * 18 + "b",
    ],
)
def test_a_pattern_that_tries_for_long_is_not_even_tried(query: str) -> None:
    assert Marks.of(wanted(query)).found("a" * 500, 64, 264) == []
    assert effort(lambda: Marks.of(wanted(query)).found("a" * 500, 64, 264), 0.5) < 0.5
