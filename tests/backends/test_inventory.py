"""What Slurm prints of a whole cluster, of several versions, and what is made of it."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backends.cluster import Crowd, Gpus, Share
from backends.inventory import (
    CROWD_FIELDS,
    bytes_of,
    fraction,
    gres_gpus,
    parse_crowd,
    parse_nodes,
    parse_partitions,
    parse_shares,
    parse_sinfo_nodes,
    tres_gpus,
)
from backends.nodestates import AWAY, MEANINGS, SHORT, SIGNS, explained, state
from tests.backends.slurmdata import recorded


def test_nodes_of_the_real_slurm() -> None:
    mixed, down, drained = parse_nodes(recorded("22.05.8/nodes.txt"))
    assert (mixed.name, mixed.state, mixed.away) == ("node1", "MIXED", False)
    assert mixed.gpus == (Gpus("a100", 4, 2),)
    assert (mixed.cpus, mixed.cpus_used, mixed.memory, mixed.memory_used) == (16, 1, 20000 << 20, 100 << 20)
    assert mixed.partitions == ("gpu", "short")
    assert (down.state, down.away, down.by, down.since) == ("DOWN", True, "root", 1795448585.0)
    assert down.reason.startswith("no power")
    assert (drained.state, drained.reason, drained.by, drained.since) == (
        "IDLE+DRAIN",
        "disk broken",
        "root",
        1795448584.0,
    )


def test_nodes_of_an_old_slurm_have_signs_and_gpus_without_types() -> None:
    used, gone = parse_nodes(recorded("17.11/nodes.txt"))
    assert used.gpus == (Gpus("", 4, 2),)
    assert (gone.state, gone.away) == ("DOWN+NOT_RESPONDING+DRAIN", True)
    assert (gone.reason, gone.by) == ("Not responding", "slurm")
    assert gone.memory_free is None


def test_nodes_of_a_new_slurm_have_mig_slices_words_and_fields_behind_the_reason() -> None:
    first, kept, cloud = parse_nodes(recorded("24.05/nodes.txt"))
    assert first.gpus == (Gpus("a100", 4, 1), Gpus("a100_1g.5gb", 7, 3))
    assert (first.state, first.away) == ("MIXED+PLANNED", False)
    assert kept.state == "IDLE+DRAIN+MAINTENANCE+RESERVED"
    assert (kept.reason, kept.by) == ("cooling loop State=DOWN", "ops")
    assert (cloud.state, cloud.gpus, cloud.away) == ("IDLE+CLOUD+POWERED_DOWN", (), False)


def test_gpus_in_use_are_unknown_where_nobody_tells_and_not_none() -> None:
    line = "NodeName=a State=IDLE CPUTot=4 CPUAlloc=0 RealMemory=1 Gres=gpu:v100:2 Partitions=p"
    assert parse_nodes(line)[0].gpus_known is False
    assert parse_nodes(f"{line} AllocTRES=")[0].gpus_known is True
    assert parse_nodes(f"{line} AllocTRES=cpu=1,gres/gpu=2")[0].gpus == (Gpus("v100", 2, 2),)
    two = line.replace("gpu:v100:2", "gpu:v100:2,gpu:a100:2")
    assert parse_nodes(f"{two} AllocTRES=gres/gpu=2")[0].gpus_known is False
    assert parse_nodes(f"{two} AllocTRES=gres/gpu=2,gres/gpu:a100=2")[0].gpus == (
        Gpus("v100", 2, 0),
        Gpus("a100", 2, 2),
    )


def test_a_site_that_prints_something_first_changes_nothing() -> None:
    noise = "Welcome! See NOTES=1\n* scheduled downtime: State=ON *\n"
    assert parse_nodes(noise + recorded("22.05.8/nodes.txt")) == parse_nodes(recorded("22.05.8/nodes.txt"))
    assert parse_partitions(noise + recorded("22.05.8/partitions.txt"))[0].name == "gpu"


def test_sinfo_tells_of_nodes_where_scontrol_does_not() -> None:
    first, down, drained = parse_sinfo_nodes("NOTE: cached\n" + recorded("22.05.8/sinfo.txt"))
    assert (first.name, first.state, first.partitions) == ("node1", "MIXED", ("gpu", "short"))
    assert (first.cpus_used, first.gpus, first.gpus_known) == (1, (Gpus("a100", 4, 0),), False)
    assert (down.state, down.reason, down.since) == ("DOWN", "no power", 1795448585.0)
    assert (drained.state, drained.away, drained.by) == ("DRAINED", True, "root")


def test_partitions_have_limits_and_say_whom_they_are_for() -> None:
    gpu, short = parse_partitions(recorded("22.05.8/partitions.txt"))
    assert (gpu.name, gpu.default, gpu.limit, gpu.usual, gpu.nodes, gpu.only) == (
        "gpu",
        True,
        172800.0,
        3600.0,
        3,
        "",
    )
    assert (short.default, short.limit) == (False, 3600.0)
    line = (
        "PartitionName=hpc AllowGroups=ALL AllowAccounts=dl,nlp DenyQos=long MaxTime=UNLIMITED "
        "State=DRAIN PreemptMode=REQUEUE"
    )
    (closed,) = parse_partitions(line)
    assert (closed.only, closed.limit, closed.state) == ("accounts dl,nlp, not QOS long", None, "DRAIN")
    assert closed.preempts == "REQUEUE"


def test_the_queue_of_all_counts_tasks_gpus_and_what_is_mine() -> None:
    assert parse_crowd(recorded("22.05.8/crowd.txt"), "root", by_node=False) == (
        Crowd("gpu", running=1, pending=13, gpus_used=2, gpus_wanted=12, mine_running=1, mine_pending=13, users=1),
    )


def crowd_line(*fields: str) -> str:
    widths = [width for _, width in CROWD_FIELDS]
    return "".join(field.ljust(width) for field, width in zip(fields[:-1], widths, strict=True)) + fields[-1]


def test_a_job_in_two_partitions_counts_in_both_and_noise_in_none() -> None:
    text = "\n".join(
        [
            "squeue: this is a wrapper, running since 1 day",
            crowd_line("7_[0-9%2]", "a,b", "PENDING", "eve", "2", "cpu=1,gres/gpu=4,gres/gpu:a100=4"),
            crowd_line("8", "a", "RUNNING", "ada", "1", "cpu=1"),
        ]
    )
    a, b = parse_crowd(text, "ada", by_node=False)
    assert a == Crowd("a", 1, 10, 0, 40, 1, 0, 2)
    assert b == Crowd("b", 0, 10, 0, 40, 0, 0, 1)
    old = crowd_line("9", "a", "PENDING", "ada", "3", "gpu:k80:2")
    assert parse_crowd(old, "ada", by_node=True)[0].gpus_wanted == 6


def test_shares_are_read_with_points_and_commas() -> None:
    assert parse_shares(recorded("22.05.8/sshare.txt")) == (Share("root", "root", "1", 1.0, 1.0, 1.0),)
    text = "Note|x\n dl||1||0,5|\n  dl|ada|parent||0,250000|0,125\n"
    assert parse_shares(text) == (Share("dl", "ada", "parent", None, 0.25, 0.125),)


@pytest.mark.parametrize(
    ("text", "count"),
    [("20000", 20000 << 20), ("400M", 400 << 20), ("1.5G", 3 << 29), ("1,5G", 3 << 29), ("N/A", None), (None, None)],
)
def test_memory_of_any_version(text: str | None, count: int | None) -> None:
    assert bytes_of(text) == count


def test_gpus_are_counted_once() -> None:
    assert tres_gpus("cpu=1,gres/gpu=4,gres/gpu:a100=4") == 4
    assert tres_gpus("gres/gpu:a100=1,gres/gpu:v100=2") == 3
    assert tres_gpus("") == 0
    assert gres_gpus("gpu:a100:4(S:0-1),shard:8,gpu:2") == {"a100": 4, "": 2}
    assert fraction("0,5") == 0.5
    assert fraction("n/a") is None


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("idle", "IDLE"),
        ("idle*", "IDLE+NOT_RESPONDING"),
        ("mix-", "MIXED+PLANNED"),
        ("alloc#", "ALLOCATED+POWERING_UP"),
        ("drain$", "DRAIN+MAINTENANCE"),
        ("idle~", "IDLE+POWERED_DOWN"),
        ("DOWN*+DRAIN", "DOWN+NOT_RESPONDING+DRAIN"),
        ("comp%", "COMPLETING+POWERING_DOWN"),
        ("idle@", "IDLE+REBOOT_REQUESTED"),
        ("IDLE^", "IDLE+REBOOT_ISSUED"),
        ("new_word", "NEW_WORD"),
    ],
)
def test_states_are_told_in_full(text: str, words: str) -> None:
    assert state(text) == words
    assert explained(words)


def test_every_state_word_has_a_meaning() -> None:
    assert {*SIGNS.values(), *SHORT.values(), *AWAY} <= MEANINGS.keys()


def test_an_empty_node_that_takes_no_jobs_is_not_called_free() -> None:
    assert explained("IDLE+DRAIN") == "empty; takes no new jobs"
    assert explained("IDLE") == "free"


@settings(max_examples=60)
@given(st.text(alphabet="NodeName=PartitionStegpu:0,()[]@| \n", max_size=200))
def test_any_text_gives_nodes_or_none(text: str) -> None:
    for parse in (parse_nodes, parse_sinfo_nodes, parse_partitions, parse_shares):
        parse(text)
    parse_crowd(text, "ada", by_node=True)
