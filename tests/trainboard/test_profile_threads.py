"""Dumped threads: what the main one waits for, and which rank is not where the others are."""

from __future__ import annotations

from typing import Any

import pytest

from trainboard.profile.threads import Standing, parse_dump, strays


def dumped(*frames: tuple[str, str, int], name: str = "MainThread", active: bool = False) -> dict[str, Any]:
    """A thread as py-spy tells of it; the innermost frame first."""
    told = [{"name": function, "filename": file, "line": line} for function, file, line in frames]
    return {"thread_name": name, "os_thread_id": 7, "active": active, "owns_gil": active, "frames": told}


LIB = "/v/lib/python3.11/"
OWN = ("train", "/home/ann/train.py", 12)


@pytest.mark.parametrize(
    ("frames", "waits"),
    [
        ((("wait", LIB + "threading.py", 320), OWN), "waits for a lock or condition (wait) in train (…)"),
        ((("join", LIB + "threading.py", 1), OWN), "waits for another thread to end in train (…)"),
        (
            (("wait", LIB + "threading.py", 3), ("get", LIB + "queue.py", 171), OWN),
            "waits for a lock or condition (…",
        ),
        (
            (("all_reduce", LIB + "site-packages/torch/distributed/distributed_c10d.py", 9), OWN),
            "waits for the other ranks (all_reduce) in train (…)",
        ),
        (
            (
                ("poll", LIB + "multiprocessing/connection.py", 2),
                ("_try_get_data", LIB + "site-packages/torch/utils/data/dataloader.py", 9),
                OWN,
            ),
            "waits for another process of it (poll) in train (…)",
        ),
        (
            (("_try_get_data", LIB + "site-packages/torch/utils/data/dataloader.py", 9), OWN),
            "waits for the data loader",
        ),
        ((("synchronize", LIB + "site-packages/torch/cuda/__init__.py", 9), OWN), "waits for the GPU in train (…)"),
        ((("readinto", LIB + "socket.py", 9), OWN), "waits for the network (readinto) in train (…)"),
        ((OWN,), "waits in train (…)"),
    ],
)
def test_what_the_main_thread_waits_for_is_told(frames: tuple[tuple[str, str, int], ...], waits: str) -> None:
    told = parse_dump([dumped(*frames)], 7).summary.replace("/home/ann/train.py:12", "…")
    assert told.startswith(f"the main thread {waits.removesuffix('…)').removesuffix('(…')}")


def test_a_thread_at_work_is_said_to_work() -> None:
    assert (
        parse_dump([dumped(OWN, active=True)], 7).summary == "the main thread works in train (/home/ann/train.py:12)"
    )


def test_the_rank_that_is_not_where_the_others_are_is_marked() -> None:
    waiting = [dumped(("all_reduce", LIB + "site-packages/torch/distributed/c.py", 9), OWN)]
    elsewhere = [dumped(("load", "/home/ann/data.py", 3), OWN)]
    ranks = [parse_dump(waiting, 10 + rank, rank) for rank in range(3)]
    assert strays(ranks) == frozenset()
    assert strays([*ranks, parse_dump(elsewhere, 20, 3)]) == {("", 20)}


def test_without_a_majority_nobody_is_marked() -> None:
    one, two = ([dumped((name, "/home/ann/t.py", 3))] for name in ("a", "b"))
    assert strays([parse_dump(one, 1), parse_dump(two, 2)]) == frozenset()
    assert strays([parse_dump(one, 1), parse_dump(one, 2), parse_dump(two, 3), parse_dump(two, 4)]) == frozenset()


def test_one_that_could_not_be_seen_is_no_stray() -> None:
    seen = [parse_dump([dumped(OWN)], pid) for pid in (1, 2, 3)]
    assert strays([*seen, Standing(4, (), None, "process 4 is gone")]) == frozenset()


def test_what_py_spy_does_not_tell_is_left_out() -> None:
    standing = parse_dump([{}, {"frames": [{}, 3]}], 7, 2)
    assert standing.name == "rank 2"
    assert parse_dump([], 7, 2, "gpu01").name == "rank 2 on gpu01"
    assert parse_dump([], 7).name == "process"
    assert standing.main is not None
    assert standing.summary == "the main thread runs no Python"
    assert parse_dump([], 7).summary == "no Python thread"
