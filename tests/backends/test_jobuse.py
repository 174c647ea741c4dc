"""What sacct, sstat and nvidia-smi say of the use of jobs, in the formats of several versions."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backends.base import JobState
from backends.jobuse import (
    FIELDS,
    MARK,
    STEP_FIELDS,
    TRES,
    NodeGpu,
    amount,
    cpu_time,
    gpus_of,
    memory_asked,
    parse_node_gpus,
    parse_steps,
    parse_use,
    tres,
)

DATA = Path(__file__).parent.parent / "data" / "slurm_usage"
NEWEST = (*FIELDS, *TRES)
M, G = 1 << 20, 1 << 30


def text(name: str) -> str:
    return (DATA / f"{name}.txt").read_text()


@pytest.mark.parametrize(
    ("written", "bytes"),
    [
        ("215124K", 215124 * 1024),
        ("2.50G", 2.5 * G),
        ("162", 162),
        ("0", 0),
        ("1.5T", 1.5 * 1024 * G),
        ("0.05M", 0.05 * M),
    ],
)
def test_sizes_are_read_with_their_unit(written: str, bytes: float) -> None:
    assert amount(written) == bytes


@pytest.mark.parametrize("written", ["", "K", "much", "-1K", "1KB", "1e3", "18446744073709551614", "٣"])
def test_what_is_no_size_is_none(written: str) -> None:
    assert amount(written) is None


@pytest.mark.parametrize(
    ("written", "seconds"),
    [
        ("1-02:03:04", 93784.0),
        ("00:01.234", 1.234),
        ("02:03:04", 7384.0),
        ("4-19:00:59", 414059.0),
        ("UNLIMITED", None),
        ("Partition_Limit", None),
        ("", None),
        ("INVALID", None),
    ],
)
def test_times_are_read_with_days_and_thousandths(written: str, seconds: float | None) -> None:
    assert cpu_time(written) == (None if seconds is None else pytest.approx(seconds))


def test_the_memory_asked_for_is_that_of_all_nodes() -> None:
    assert memory_asked("4000Mc", 48, 2) == 4000 * M * 48
    assert memory_asked("4Gn", 48, 2) == 8 * G
    assert memory_asked("600M", 48, 2) == 600 * M
    assert memory_asked("0n", 48, 2) is None
    assert memory_asked("4Gn", 48, None) is None
    assert memory_asked("?", 48, 2) is None


def test_gpus_count_once_where_they_are_told_with_and_without_their_type() -> None:
    assert gpus_of(tres("cpu=16,gres/gpu:a100=2,gres/gpu=2,mem=64G")) == 2
    assert gpus_of(tres("cpu=16,gres/gpu:a100=2,gres/gpu:v100=1")) == 3
    assert gpus_of(tres("cpu=16,gres/gpumem=80G,gres/gpuutil=7")) == 0
    assert gpus_of(tres("")) == 0


def test_a_job_of_one_node_is_told_as_it_was() -> None:
    job = parse_use(text("sacct-22.05"), NEWEST)["1"]
    assert (job.state, job.nodes, job.cpus, job.gpus) == (JobState.COMPLETED, 1, 2, 1)
    assert (job.memory, job.memory_asked) == (215124 * 1024, 500 * M)
    assert (job.elapsed, job.time_limit) == (27.0, 600.0)
    assert job.cpu == pytest.approx(10.629)
    assert (job.read, job.written) == (55308, 162)
    assert job.gpu_use is None


def test_of_several_tasks_the_memory_is_the_largest_times_their_number() -> None:
    job = parse_use(text("sacct-22.05"), NEWEST)["2"]
    assert (job.nodes, job.tasks, job.gpus) == (2, 2, 4)
    assert job.memory == 2 * 111256 * 1024
    assert job.memory_asked == 600 * M
    assert job.cpu == pytest.approx(20.58, abs=0.01)


def test_tasks_of_an_array_are_jobs_of_their_own_with_the_number_that_sstat_knows() -> None:
    jobs = parse_use(text("sacct-22.05"), NEWEST)
    assert {"3_0", "3_1", "5_0", "5_1"} <= set(jobs)
    assert (jobs["3_0"].raw, jobs["3_1"].raw) == ("4", "3")


def test_an_old_sacct_counts_memory_by_cpu_and_has_no_sums() -> None:
    job = parse_use(text("sacct-17.11"), FIELDS)["40400241"]
    assert job.memory_asked == 187.5 * G
    assert job.memory == 8 * 5266672 * 1024
    assert job.tasks == 8
    assert job.cpu == pytest.approx(4 * 86400 + 19 * 3600 + 72, abs=1)
    assert job.read == pytest.approx((0.26 + 8 * 10.5) * M, rel=1e-3)
    assert job.gpus == 2


def test_a_job_without_allocated_resources_is_told_by_what_it_asked_for() -> None:
    jobs = parse_use(text("sacct-20.02"), NEWEST)
    assert set(jobs) == {"64626"}
    assert jobs["64626"].memory_asked == 16 * G
    assert jobs["64626"].state is JobState.TIMEOUT
    assert (jobs["64626"].read, jobs["64626"].written) == (1342177280, 536870912)


def test_gpu_use_is_told_where_a_site_records_it_and_not_where_its_figure_is_none() -> None:
    jobs = parse_use(text("sacct-24.05"), NEWEST)
    assert jobs["18194943"].gpu_use == 50.0
    assert jobs["18194943"].gpu_memory == 40777023488
    assert (jobs["18194944"].gpu_use, jobs["18194944"].gpu_memory) == (None, None)


def test_running_steps_are_told_by_the_number_of_their_job() -> None:
    steps = parse_steps(text("sstat-22.05"), (*STEP_FIELDS, *TRES))
    assert set(steps) == {"7", "8", "9"}
    assert max(step.memory or 0 for step in steps["7"]) == 2 * 111320 * 1024
    assert [step.cpu for step in steps["7"]] == [0.0, 2.0]
    assert steps["9"][0].read == 55306


@settings(max_examples=60)
@given(st.text(max_size=200), st.lists(st.text(alphabet="0123456789.|K:,=-_ cpumem", max_size=60), max_size=6))
def test_no_text_raises(junk: str, lines: list[str]) -> None:
    whole = "\n".join([junk, *lines, "7|7|RUNNING" + "|" * (len(NEWEST) - 3)])
    assert "7" in parse_use(whole, NEWEST)
    parse_steps(whole, (*STEP_FIELDS, *TRES))
    parse_node_gpus(whole)
    amount(junk)
    cpu_time(junk)


@settings(max_examples=60)
@given(st.integers(0, 999), st.integers(0, 23), st.integers(0, 59), st.integers(0, 59))
def test_times_that_slurm_writes_read_back(days: int, hours: int, minutes: int, seconds: int) -> None:
    assert (
        cpu_time(f"{days}-{hours:02}:{minutes:02}:{seconds:02}")
        == ((days * 24 + hours) * 60 + minutes) * 60 + seconds
    )


def test_the_gpus_of_a_job_are_those_that_it_was_told_to_use_on_each_node() -> None:
    lines = [
        "a profile's greeting",
        f"{MARK}|node2|1|0, GPU-a, 5, 3, 81920",
        f"{MARK}|node2|1|1, GPU-b, 87, 40960, 81920",
        f"{MARK}|node1|GPU-d,GPU-e|0, GPU-c, 9, 1, 81920",
        f"{MARK}|node1|GPU-d,GPU-e|2, GPU-e, [N/A], 2, 81920",
        f"{MARK}|node3|MIG-GPU-7/1/0|0, GPU-f, 3, 4, 81920",
        f"{MARK}|node4|0|NVIDIA-SMI has failed because it couldn't communicate with the driver",
    ]
    assert parse_node_gpus("\n".join(lines)) == (
        NodeGpu("node1", 2, None, 2.0 * M, 81920.0 * M),
        NodeGpu("node2", 1, 87.0, 40960.0 * M, 81920.0 * M),
        NodeGpu("node3", 0, 3.0, 4.0 * M, 81920.0 * M),
    )


def test_processor_time_of_a_step_that_was_killed_is_that_of_its_samples() -> None:
    assert parse_use(text("sacct-22.05"), NEWEST)["16"].cpu == 2.0
