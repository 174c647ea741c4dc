"""Why a job waits: what Slurm prints of one job, of several versions, and what is made of it."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backends.cluster import Before, Gpus, JobAsked, Node, Part, Partition, Place
from backends.jobasked import fits, parse_job, smaller
from backends.waiting import (
    FACTORS,
    NEWER_FACTORS,
    lines,
    old_lines,
    parse_dependency,
    parse_parts,
    placed,
    tree,
)
from tests.backends.slurmdata import recorded

ASKED = JobAsked("3", "x", "ada", "PENDING", "Priority", "gpu", priority=100)


def job_of(text: str) -> JobAsked:
    found = parse_job(text)
    assert found is not None
    return found


def test_a_job_of_the_real_slurm() -> None:
    job = job_of("Welcome, TimeLimit=never\n" + recorded("22.05.8/job.txt"))
    assert (job.job_id, job.name, job.user, job.state) == ("3", "waits", "root", "PENDING")
    assert job.reason.startswith("Nodes_required_for_job_are_DOWN")
    assert (job.gpus, job.nodes, job.limit, job.memory) == (12, 3, 3600.0, 300 << 20)
    assert {"--gpus=12", "--nodes=3-3", "--time=60", "--mem=100M", "--partition=gpu", "--exclusive"} <= set(
        job.options
    )


def test_a_job_of_a_new_slurm_whose_free_texts_look_like_fields() -> None:
    job = job_of(recorded("24.05/job.txt"))
    assert (job.name, job.state, job.priority) == ("x Priority=1 JobState=RUNNING", "PENDING", 20481)
    assert (job.partition, job.on, job.features) == ("gpu,preempt", "g1", "ib")
    assert (job.gpus, job.memory, job.limit) == (4, 128 << 30, 172800.0)
    assert {"--gres=gpu:a100:4", "--mem=128G", "--exclude=g9", "--constraint=ib"} <= set(job.options)
    assert "--exclusive" not in job.options


def test_the_tasks_of_an_array_that_wait_are_one_job() -> None:
    job = job_of(recorded("22.05.8/job-array.txt"))
    assert (job.job_id, job.tasks, job.priority) == ("5_[0-9%2]", "0-9%2", 0)


def test_no_job_is_none() -> None:
    assert parse_job("slurm_load_jobs error: Invalid job id specified") is None


def test_smaller_ones_differ_in_one_thing_each() -> None:
    job = job_of(recorded("24.05/job.txt"))
    parts = (
        Partition("gpu"),
        Partition("long", limit=864000.0),
        Partition("short", limit=3600.0),
        Partition("dl", only="accounts dl"),
        Partition("off", state="DOWN"),
        Partition("cpu"),
    )
    cpu = Node("c1", "IDLE", ("cpu",))
    found = smaller(job, parts, (cpu, Node("g1", "IDLE", ("long",), gpus=(Gpus("", 4, 0),))))
    assert [each.options for each in found] == [
        ("--time=1440",),
        ("--gres=gpu:a100:2",),
        ("--gres=gpu:a100:1",),
        ("--mem=65536M",),
        ("--partition=long",),
    ]
    assert found[1].what == "2 GPUs instead of 4 a node"
    assert found[0].what == "24h instead of 2d"


def test_a_job_that_is_small_already_is_asked_for_nowhere_smaller() -> None:
    job = JobAsked(
        "3", "x", "ada", "PENDING", "", "gpu", limit=300.0, options=("--time=5", "--gres=gpu:1", "--mem=1G")
    )
    assert smaller(job, (Partition("gpu"),)) == []


def test_a_partition_that_is_too_short_or_has_no_gpus_does_not_fit() -> None:
    job = JobAsked("3", "x", "ada", "PENDING", "", "gpu", limit=7200.0, nodes=2, gpus=1)
    assert fits(job, Partition("p", limit=7200.0))
    assert not fits(job, Partition("p", limit=3600.0))
    assert not fits(job, Partition("p", most_nodes=1))
    assert not fits(job, Partition("p"), (Node("a", "IDLE", ("p",)),))


def line(job_id: str, priority: int, user: str, reason: str = "Priority", gpus: int = 0) -> str:
    return f"{job_id:<40}{priority:<24}{user:<40}{reason:<80}cpu=1,gres/gpu={gpus}"


def test_the_place_counts_those_that_may_start_before_it() -> None:
    text = "\n".join(
        [
            "squeue: a word of the site",
            line("1_[0-4]", 300, "eve", gpus=2),
            line("7", 250, "bob", "Dependency"),
            line("8", 0, "bob", "JobHeldUser"),
            line("2", 100, "eve", gpus=1),
            line("3", 100, "ada"),
            line("4", 100, "bob"),
            line("5", 50, "bob"),
        ]
    )
    assert placed(ASKED, lines(text)) == Place(6, 9, 1, 11)


def test_a_held_job_and_one_that_is_not_listed_have_no_place() -> None:
    assert placed(JobAsked("3", "x", "ada", "PENDING", "JobHeldUser", "gpu", priority=0), ()) is None
    assert placed(ASKED, lines(line("4", 500, "eve"))) is None


def test_a_real_queue_has_places() -> None:
    job = JobAsked("4", "dep", "root", "PENDING", "Dependency", "gpu", priority=4294901756)
    assert placed(job, lines(recorded("22.05.8/place.txt"))) == Place(1, 2, 1, 12)


def test_an_old_squeue_tells_places_without_gpus() -> None:
    assert placed(ASKED, old_lines("9|500|eve|Priority\n3|100|ada|Priority\nnoise\n")) == Place(1, 2, 1, None)


def test_the_parts_of_a_priority_greatest_first() -> None:
    assert parse_parts(recorded("22.05.8/sprio.txt"), (*FACTORS, *NEWER_FACTORS)) == (
        Part("fair share", 5000.0),
        Part("resources", 3064.0),
        Part("partition", 300.0),
        Part("size", 266.0),
        Part("age", 2.0),
    )
    assert parse_parts("You are not running a supported priority plugin", FACTORS) == ()


@pytest.mark.parametrize(
    ("text", "links"),
    [
        ("afterok:12(unfulfilled)", [Before("afterok", "12")]),
        ("afterok:12:13", [Before("afterok", "12"), Before("afterok", "13")]),
        (
            "afterany:12_*(unfulfilled),after:14_2(failed)",
            [Before("afterany", "12"), Before("after", "14_2", never=True)],
        ),
        ("afterok:5+10", [Before("afterok", "5")]),
        ("singleton(unfulfilled)", [Before("singleton", "")]),
        ("(null)", []),
        ("", []),
    ],
)
def test_dependencies_of_any_version(text: str, links: list[Before]) -> None:
    assert parse_dependency(text) == links


def test_a_tree_says_what_never_comes_about() -> None:
    known = {
        "1": ("PENDING", "afterok:2(unfulfilled)", "train"),
        "2": ("FAILED", "", "data"),
        "4": ("FAILED", "", "x"),
        "5": ("COMPLETED", "", "y"),
    }
    found = tree(Before("afterok", "1"), known, 4)
    assert (found.state, found.never) == ("PENDING", False)
    assert found.before == (Before("afterok", "2", "FAILED", "data", never=True),)
    assert not tree(Before("afterany", "4"), known, 4).never
    assert not tree(Before("afternotok", "4"), known, 4).never
    assert tree(Before("afternotok", "5"), known, 4).never
    assert tree(Before("afterok", "99"), known, 4).state == ""


def test_a_circle_of_dependencies_ends() -> None:
    known = {"1": ("PENDING", "afterok:1", "x")}
    deep, link = 0, tree(Before("afterok", "1"), known, 4)
    while link.before:
        deep, link = deep + 1, link.before[0]
    assert deep == 4


@settings(max_examples=60)
@given(st.text(alphabet="JobId=ArayTskRes:gpu0,()[] \n%/-", max_size=200))
def test_any_text_gives_a_job_or_none(text: str) -> None:
    parse_job(text)
    parse_dependency(text)
    list(lines(text))
    list(old_lines(text))
