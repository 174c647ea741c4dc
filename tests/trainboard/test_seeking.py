"""What is looked for in a log: queries as patterns, and lines that tell of trouble."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trainboard.errors import ERROR, ERRORS
from trainboard.seeking import contained, wanted

PATTERNS = (
    "plain text",
    r"step \d+ of",
    "a+b*c",
    "colou?r",
    "x{3}yy",
    "x{,2}y",
    r"\.py$",
    "[]a]bc",
    "[^]]xy",
    r"a\x41b",
    r"\bfoo\b.*bar",
    "(a|b)c",
    "a|bc",
    r"(.)\1x",
    "{a}b",
    ".",
)


@pytest.mark.parametrize("pattern", PATTERNS)
def test_what_all_matches_contain_is_in_every_match(pattern: str) -> None:
    needle = contained(pattern)

    @settings(max_examples=30, deadline=None)
    @given(st.from_regex(pattern))
    def check(text: str) -> None:
        assert needle in text

    check()


@pytest.mark.parametrize(
    ("query", "needle"),
    [("plain text", "plain text"), (r"loss=\d+\.\d+ acc", "loss="), ("a|b", ""), ("Loss", "loss"), ("(ab)c", "")],
)
def test_a_query_knows_a_text_that_is_found_faster(query: str, needle: str) -> None:
    assert wanted(query).needles == ((needle,) if needle else ())


@pytest.mark.parametrize(("query", "ignored"), [("loss", True), ("Loss", False), (r"\S+\Wloss", True), ("É", False)])
def test_case_counts_where_the_query_has_capitals(query: str, ignored: bool) -> None:
    assert wanted(query).ignore_case is ignored


@pytest.mark.parametrize("query", ["(", "[a", "a{99999999999}", "*"])
def test_a_query_that_is_no_pattern_is_refused_with_its_reason(query: str) -> None:
    with pytest.raises(ValueError, match="the pattern cannot be read"):
        wanted(query)


@given(st.text(max_size=30))
def test_any_text_is_a_query_or_refused(query: str) -> None:
    try:
        found = wanted(query)
    except ValueError:
        return
    assert all(needle == needle.lower() for needle in found.needles)


@pytest.mark.parametrize(
    "line",
    [
        "Traceback (most recent call last):",
        "RuntimeError: CUDA out of memory. Tried to allocate 2.00 GiB",
        "torch.cuda.OutOfMemoryError: CUDA out of memory.",
        "KeyboardInterrupt",
        "2026-11-23 08:00:01 ERROR    [train.py:3] cannot read the data",
        "[ERROR] worker died",
        "error: could not lock config file",
        "fatal: not a git repository",
        "Killed",
        "run.sh: line 3: 12345 Killed                  python train.py",
        "slurmstepd: error: *** JOB 5 ON n1 CANCELLED AT 2026-11-23T08:00:00 DUE TO TIME LIMIT ***",
        "srun: error: node1: task 0: Out Of Memory",
        "bash: python: command not found",
        "OSError: [Errno 28] No space left on device",
        "ImportError: libcudart.so.11.0: cannot open shared object file: No such file or directory",
        "node1:123:456 [0] NCCL WARN Call to connect failed",
        "Segmentation fault (core dumped)",
        "terminate called after throwing an instance of 'c10::Error'",
        "epoch 3 loss=nan",
        "step 3 | loss nan | lr 0.1",
        "grad_norm: nan",
    ],
)
def test_lines_of_trouble_are_errors(line: str) -> None:
    assert re.search(ERROR.pattern, line)


@pytest.mark.parametrize(
    "line",
    [
        "epoch 3 error 0.5 test",
        "train error: 0.12",
        "Error: 3.2 %",
        "val_error=0.2",
        "errors: 0",
        "MeanSquaredError: 0.3",
        "top-1 error: 23.4 top-5 error: 7.1",
        "mean squared error: 1e-3",
        "0 errors, 0 warnings",
        "INFO finance: minimize the information loss",
        "exception handling enabled",
        "NCCL INFO comm 0x1 rank 0",
        "max_memory_allocated: 3.2G",
        "loss=0.1 name=nano",
        "number of signals: 3",
    ],
)
def test_measurements_and_settings_are_no_errors(line: str) -> None:
    assert not re.search(ERROR.pattern, line)


@pytest.mark.parametrize(("pattern", "words"), ERRORS)
def test_every_error_contains_one_of_its_words(pattern: str, words: tuple[str, ...]) -> None:
    @settings(max_examples=40, deadline=None)
    @given(st.from_regex(pattern.replace(r"\b", "").replace("(?!", "(?#"), alphabet=st.characters(codec="ascii")))
    def check(text: str) -> None:
        assert any(word in text.lower() for word in words)

    check()
