"""Real logs, and logs written as frameworks document them: what is read, in what pieces, and at what cost."""

from __future__ import annotations

import math
import random
import time
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.corpus import OURS, SHARE, main
from tests.trainboard.reading import Score, pairs, score
from trainboard.extract import Extractor

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from _pytest.mark.structures import ParameterSet

    from trainboard.series import Sample

# What is not read yet, by log: strict, so that an entry goes out with what mends it.
LOW = {
    "nerfstudio-table": "columns without a rule between, units in the cells",
    "rl-games": "names of five words in a line of several, `fps step and policy inference: 1`",
}
UNTOLD = {
    "composer-llm": "`[batch=20/200]:` above a block that has an index of its own",
    "nemo-gpt": "`160/1000` of a bar below `Epoch 0:`",
    "olmo-console": "`[step=20/1000,epoch=0]`",
}


def stems(known: dict[str, str], names: Iterable[str]) -> list[ParameterSet]:
    """The logs, those that are known to fail marked so."""
    marked = {name: (pytest.mark.xfail(reason=known[name]),) if name in known else () for name in names}
    return [pytest.param(name, marks=marks, id=name) for name, marks in marked.items()]


PAIRS = {truth.stem: (log, truth) for log, truth in pairs(OURS)}
LOGS = [log for log, _ in PAIRS.values() if log.suffix == ".log"]


@pytest.fixture(scope="module")
def scores() -> dict[str, Score]:
    return {stem: score(log, truth) for stem, (log, truth) in PAIRS.items()}


def test_every_log_has_its_truth_and_every_truth_its_log() -> None:
    files = {path.name for path in OURS.iterdir()}
    assert files == {path.name for pair in PAIRS.values() for path in pair}
    assert len(PAIRS) > 80


@pytest.mark.parametrize("stem", stems(LOW, PAIRS))
def test_what_a_careful_reader_finds_is_found(scores: dict[str, Score], stem: str) -> None:
    assert not scores[stem].low, scores[stem].missed


@pytest.mark.parametrize("stem", PAIRS)
def test_settings_sizes_versions_and_source_are_no_series(scores: dict[str, Score], stem: str) -> None:
    assert not scores[stem].false


@pytest.mark.parametrize("stem", PAIRS)
def test_it_is_told_how_a_log_ended(scores: dict[str, Score], stem: str) -> None:
    assert scores[stem].outcome in scores[stem].accepted


@pytest.mark.parametrize(
    "stem", stems(UNTOLD, [name for name, (_, told) in PAIRS.items() if b"\nshare:" in told.read_bytes()])
)
def test_it_is_told_how_far_the_run_is(scores: dict[str, Score], stem: str) -> None:
    assert scores[stem].timely, scores[stem].share


def test_nearly_all_listed_metrics_are_found(scores: dict[str, Score]) -> None:
    wanted = sum(one.wanted for one in scores.values())
    assert sum(one.found for one in scores.values()) >= SHARE * wanted


def test_the_table_has_a_line_per_log_and_the_sums(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    for path in PAIRS["xgboost-train"]:
        (tmp_path / path.name).write_bytes(path.read_bytes())
    assert main([str(tmp_path)]) == 0
    row, sums = capsys.readouterr().out.splitlines()
    assert "4/4" in row
    assert sums.startswith("1 logs: 4/4 = 100.0% of the metrics")


def test_a_table_of_what_was_missed_fails(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / "a.log").write_text("step 1 loss=0.5\n")
    (tmp_path / "a.yaml").write_text("outcome: completed\nmetrics: [{name: acc, points: 3, first: 1, last: 2}]\n")
    assert main([str(tmp_path)]) == 1
    assert "unknown not completed" in capsys.readouterr().out


def test_a_folder_without_logs_is_bad_input(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert (main([str(tmp_path)]), capsys.readouterr().out != "") == (2, True)


# In pieces


def read(data: bytes, cuts: list[int]) -> list[tuple[object, ...]]:
    """The samples of a log that comes in pieces, as what can be compared."""
    samples: list[Sample] = []
    extractor = Extractor()
    for start, end in zip([0, *cuts], [*cuts, len(data)], strict=True):
        samples += extractor.feed(data[start:end], 0.0)
    return [comparable(sample) for sample in [*samples, *extractor.finish(0.0)]]


def comparable(sample: Sample) -> tuple[object, ...]:
    """A sample whose nan is equal to another."""
    return (sample.metric, "nan" if math.isnan(sample.value) else sample.value, sample.step, sample.index)


@pytest.mark.parametrize("log", LOGS, ids=lambda log: log.stem)
def test_a_log_that_comes_in_pieces_is_read_as_one_that_comes_whole(log: Path) -> None:
    data, chance = log.read_bytes(), random.Random(log.stem)
    assert read(data, sorted(chance.sample(range(len(data)), 40))) == read(data, [])


# What was made to hurt: each is a line of 32 KB, or the beginning of a pattern again and again.

WORDS = [
    "loss",
    "epoch",
    "step",
    "a",
    "val_acc",
    "[",
    "(",
    "{",
    '"',
    "'",
    ":",
    "=",
    "|",
    ",",
    " ",
    "-",
    "+",
    ".",
    "/",
]
HARD = {
    "digits": b"1",
    "dots and digits": b"1.",
    "numbers": b"1.5 ",
    "signs": b"-+",
    "exponents": b"1e1e",
    "dates": b"2024-01-",
    "times": b"10:10:",
    "thousands": b"1,111,",
    "words": b"loss ",
    "names": b"a_b.c/d-",
    "pairs": b"loss=0.5 ",
    "pairs without a value": b"loss=",
    "indexes": b"epoch 1 ",
    "brackets": b"[",
    "braces": b"{",
    "open and shut": b"[]{}()",
    "deep JSON": b'{"a":',
    "keys": b'"loss": ',
    "quotes": b"'",
    "escaped quotes": b'\\"',
    "colons": b"a: ",
    "bars": b"| a ",
    "empty cells": b"| ",
    "rules": b"-",
    "rules with joints": b"-+-",
    "blanks": b" ",
    "tabs": b"\t",
    "columns": b"1.0    ",
    "per cent": b"5% ",
    "nans": b"nan ",
    "nan in words": b"nanna",
    "infs": b"inf",
    "escapes": b"\x1b[",
    "colours": b"\x1b[31m1\x1b[0m ",
    "backspaces": b"1\b",
    "carriage returns": b"loss 0.5\r",
    "bars redrawn": b"\r 5%|# | 1/20 [00:01<00:20, 1.0it/s, loss=0.5]",
    "nothing": b"\0",
    "high bytes": b"\xff\xfe",
    "halves of characters": b"\xe2\x94",
    "averages": b"0.5 (0.4) ",
    "units": b"5ms 3it/s ",
    "prefixes": b"[rank0]: ",
    "paths": b"/a/b",
    "glog": b"I0101 10:00:00.000000 1 a.cc:1] ",
}
SIZE = 32 * 1024


def seconds(line: bytes) -> float:
    """What it costs to read the line three times over, in processor seconds; the better of two."""
    best = math.inf
    for _ in range(2):
        extractor = Extractor()
        start = time.process_time()
        extractor.feed((line + b"\n") * 3)
        extractor.finish()
        best = min(best, time.process_time() - start)
    return best


@pytest.mark.parametrize("piece", HARD.values(), ids=HARD)
@pytest.mark.parametrize("around", [b"%s", b"epoch 1 loss=0.5 %s", b'{"loss": %s'])
def test_the_cost_of_a_line_grows_with_its_length_and_no_faster(piece: bytes, around: bytes) -> None:
    short, long = (seconds(around % (piece * (size // len(piece)))) for size in (SIZE // 4, SIZE))
    assert long < 8 * max(short, 0.02)


@settings(max_examples=25, deadline=None)
@given(
    st.lists(
        st.sampled_from(WORDS) | st.from_regex(r"-?[0-9]{1,3}(\.[0-9]{1,3})?(e-?[0-9])?", fullmatch=True), max_size=12
    )
)
def test_a_line_of_anything_repeated_is_read_in_linear_time(words: list[str]) -> None:
    piece = "".join(words).encode() or b"x"
    assert seconds(piece * (SIZE // len(piece))) < 0.5
