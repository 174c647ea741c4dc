"""A spec's patterns: they win over guessing."""

from __future__ import annotations

import time

import pytest

from trainboard.extract import Extractor
from trainboard.extract.pattern import LINE_CAP


def read(text: str, *patterns: str) -> list[tuple[str, float, float, str]]:
    extractor = Extractor(None, patterns)
    samples = [*extractor.feed(text.encode()), *extractor.finish()]
    return [(sample.metric, sample.value, sample.step, sample.index) for sample in samples]


def test_groups_are_metrics_and_an_index() -> None:
    assert read("it 7 ~ 0.5 ~ 0.9\n", r"it (?P<step>\d+) ~ (?P<loss>\S+) ~ (?P<acc>\S+)") == [
        ("loss", 0.5, 7, "step"),
        ("acc", 0.9, 7, "step"),
    ]


def test_a_name_and_a_value_are_a_metric() -> None:
    assert read("3 @ loss -> 0.5\n", r"(?P<epoch>\d+) @ (?P<name>\w+) -> (?P<value>\S+)") == [
        ("loss", 0.5, 3, "epoch")
    ]


def test_a_line_that_matches_is_not_guessed() -> None:
    text = "step 1 loss=0.5 acc=0.9\nstep 2 val_loss=0.7\n"
    assert read(text, r"step (?P<step>\d+) loss=(?P<train>\S+)") == [
        ("train", 0.5, 1, "step"),
        ("val_loss", 0.7, 2, "step"),
    ]


def test_without_an_index_the_last_one_is_borrowed() -> None:
    assert read("epoch 4\n<0.5>\n", r"<(?P<loss>[\d.]+)>") == [("loss", 0.5, 4, "epoch")]


def test_what_is_no_number_is_no_sample() -> None:
    assert read("x=abc\n", r"x=(?P<x>\w+)") == []


@pytest.mark.parametrize(
    "pattern", ["(", r"loss=(\d+)", r"(?P<step>\d+)", r"(?P<name>\w+)", r"(?P<loss>(\d+)+)", r"(?P<loss>(?:a|b*)*)"]
)
def test_a_pattern_that_cannot_be_used_is_refused(pattern: str) -> None:
    with pytest.raises(ValueError, match=r"no regular|names no|has a group|repeats a"):
        Extractor(None, (pattern,))


def test_a_pattern_does_not_look_at_endless_lines() -> None:
    start = time.process_time()
    assert read("a " * LINE_CAP + "\n", r"(?:a )*(?:a )*(?P<x>z)") == []
    assert time.process_time() - start < 5


def test_patterns_go_on_after_a_restart() -> None:
    pattern = (r"<(?P<loss>[\d.]+)>",)
    first = Extractor(None, pattern)
    first.feed(b"<0.5>\n")
    second = Extractor.restore(first.state(), None, pattern)
    assert [(sample.metric, sample.step) for sample in second.feed(b"<0.25>\n")] == [("loss", 1)]
