"""What sinfo and `sbatch --test-only` print → a forecast; the words of sbatch are those of Slurm 22.05."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backends.base import Completed
from backends.checks import Nodes, Unknown
from backends.forecast import forecast, parse_nodes

SINFO = """\
gpu*|up|2-00:00:00|1:00:00|3|16|20000|gpu:a100:4(S:0-1),shard:8
gpu*|up|2-00:00:00|1:00:00|1|64+|500000+|gpu:v100:2,gpu:a100:2
cpu|drain|infinite|n/a|100|128|250000|(null)
sinfo: something else
"""


def test_nodes_that_are_alike_stand_in_one_line() -> None:
    assert parse_nodes(SINFO) == (
        Nodes("gpu", True, "up", 172800.0, 3600.0, 3, 16, 20000 << 20, (("a100", 4),)),
        Nodes("gpu", True, "up", 172800.0, 3600.0, 1, 64, 500000 << 20, (("v100", 2), ("a100", 2))),
        Nodes("cpu", False, "drain", None, None, 100, 128, 250000 << 20, ()),
    )


@settings(max_examples=60)
@given(st.text(alphabet="a|0*+:-(),\n", max_size=200))
def test_any_text_gives_nodes_or_none(text: str) -> None:
    assert all(each.count >= 0 for each in parse_nodes(text))


def said(code: int, err: str) -> Completed:
    """How sbatch ended."""
    return Completed(code, b"", err.encode())


NOBODY = Unknown("not asked")


def test_the_start_is_a_time_of_the_epoch() -> None:
    text = "sbatch: Job 2 to start at 1795412212 using 1 processors on nodes node1 in partition gpu\n"
    assert forecast(said(0, text), NOBODY).start == 1795412212.0


def test_a_site_that_says_no_start_takes_the_job_all_the_same() -> None:
    found = forecast(said(0, "sbatch: verify: all is well\n"), NOBODY)
    assert (found.start, found.refusal) == (None, "")


@pytest.mark.parametrize(
    ("words", "passing"),
    [
        ("allocation failure: Requested node configuration is not available", False),
        ("allocation failure: Invalid account or account/partition combination specified", False),
        (
            "sbatch: error: QOSMaxWallDurationPerJobLimit\nallocation failure: Job violates accounting/QOS policy",
            False,
        ),
        ("sbatch: error: AssocMaxSubmitJobLimit\nallocation failure: Job violates accounting/QOS policy", True),
        ("allocation failure: Job violates accounting/QOS policy (job submit limit)", True),
        ("sbatch: error: Batch job submission failed: Socket timed out on send/recv operation", True),
        ("allocation failure: Resource temporarily unavailable", True),
    ],
)
def test_a_refusal_is_for_good_or_for_now(words: str, passing: bool) -> None:
    found = forecast(said(1, words), NOBODY)
    assert found.refusal == " ".join(words.split())
    assert found.passing is passing
