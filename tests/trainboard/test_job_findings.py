"""The rules over job and machine: when they find something, and when they are silent."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from backends.base import Disk, Health, JobState
from trainboard.cli.diagnose import dated
from trainboard.diagnose.catalogue import CATALOGUE
from trainboard.diagnose.finding import Finding, Severity
from trainboard.diagnose.job import JOB_RULES, job_findings
from trainboard.diagnose.jobseen import JobSeen
from trainboard.diagnose.messages import scan
from trainboard.diagnose.ranks import culprit
from trainboard.diagnose.why import why
from trainboard.progress import Estimate
from trainboard.rows import Row
from trainboard.series import Sample, Series, by_metric
from trainboard.trials.standing import PAUSED

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


NOW = 1_700_100_000.0
HOUR = 3600.0
GIB = 1 << 30
ROW = Row(
    "r1", "triton", "42", "exp/lr=1", JobState.RUNNING, run="r1", experiment="exp", started=NOW - 3 * HOUR, nodes="c3"
)
STEPS = [f"step {number} loss 0.{number}" for number in range(10)]

Course = "Callable[[float], float]"


def usage(
    seconds: float = 3 * HOUR, every: float = 30.0, **courses: Callable[[float], float] | float
) -> dict[str, Series]:
    """What the run uses until NOW; a course takes seconds before NOW. `gpu0_util` stands for `usage/gpu0/util`."""
    samples = []
    for word, course in courses.items():
        name = f"usage/{word.replace('_', '/', 1) if word.startswith('gpu') else word}"
        for number in range(int(seconds / every), -1, -1):
            value = course(number * every) if callable(course) else course
            samples.append(Sample(name, value, seconds - number * every, "second", NOW - number * every))
    return by_metric(samples)


def trained(every: float = 60.0, until: float = 0.0, since: float = 3 * HOUR - 60) -> dict[str, Series]:
    """A loss that was printed regularly, until so many seconds before NOW."""
    moments = [NOW - since + number * every for number in range(int((since - until) / every) + 1)]
    return by_metric(Sample("loss", 1 / (step + 1), step, "step", moment) for step, moment in enumerate(moments))


def ended(state: JobState, **changes: object) -> Row:
    """The row, ended just now."""
    return replace(ROW, **{"state": state, "ended": NOW - 5, **changes})  # type: ignore[arg-type]  # of the row's fields


def found(seen: JobSeen) -> dict[str, Finding]:
    """By rule, in their order."""
    return {each.id: each for each in job_findings(seen)}


def by_log(*lines: str, state: JobState = JobState.FAILED, **changes: object) -> dict[str, Finding]:
    """The findings of a job that ended, whose log has these lines after a training."""
    row = ended(state, **changes)
    return found(JobSeen(NOW, row, scan([*STEPS, *lines]), trained()))


def an_estimate(**changes: float | bool | None) -> Estimate:
    """Half done, an hour left, nine times in ten from 50 to 80 minutes."""
    known: dict[str, object] = {
        "done": 50.0, "total": 100.0, "unit": "epoch", "share": 0.5, "eta": HOUR, "eta_low": 3000.0,
        "eta_high": 4800.0, "in_time": None, "limit": None, "checkpoint": None, "improved": None,
    }  # fmt: skip
    return Estimate(**{**known, **changes})  # type: ignore[arg-type]  # of the estimate's fields


def test_the_ids_are_unique_and_what_explains_a_finding_exists() -> None:
    ids = [rule.id for rule in JOB_RULES]
    assert len(set(ids)) == len(ids)
    for rule in JOB_RULES:
        assert CATALOGUE[rule.id] is rule
        assert set(rule.after) <= set(CATALOGUE), rule.id
        assert rule.id not in rule.after


@pytest.mark.parametrize("rule", JOB_RULES, ids=lambda rule: rule.id)
def test_each_rule_says_when_it_fires_by_what_numbers_and_what_to_do(rule: object) -> None:
    words = rule.look.__doc__ or ""  # type: ignore[attr-defined]  # of a row of the table
    assert all(f"\n    {section}: " in words for section in ("Trigger", "Defaults", "Source", "Advice"))


def test_nothing_is_found_of_a_healthy_run() -> None:
    series = {
        **trained(),
        **usage(
            gpu0_util=lambda t: 92 + 5 * math.sin(t), cpu=4.0, cpus=8.0, memory=8.0 * GIB, memory_limit=16.0 * GIB
        ),
        **usage(disk_free=500.0 * GIB, disk_total=1000.0 * GIB, gpu0_throttled=0.0, iowait=0.01, waiting=0.0),
    }
    seen = JobSeen(NOW, ROW, scan(STEPS), series, an_estimate(in_time=True, limit=NOW + 9 * HOUR), log_at=NOW - 30)
    assert found(seen) == {}


@pytest.mark.parametrize("state", list(JobState))
def test_a_job_of_which_nothing_else_is_known_raises_in_no_state(state: JobState) -> None:
    row = replace(ROW, state=state, started=None)
    assert all(each.message and each.advice for each in job_findings(JobSeen(NOW, row)))


# how it ended


@pytest.mark.parametrize(
    ("state", "id"),
    [
        (JobState.TIMEOUT, "time_limit"),
        (JobState.PREEMPTED, "preempted"),
        (JobState.NODE_FAIL, "node_failure"),
        (JobState.OUT_OF_MEMORY, "host_oom"),
        (JobState.CANCELLED, "cancelled"),
        (JobState.LOST, "lost"),
        (JobState.FAILED, "failed"),
    ],
)
def test_the_state_alone_tells_how_it_ended(state: JobState, id: str) -> None:
    assert list(found(JobSeen(NOW, ended(state), series=trained()))) == [id]


def test_a_completed_job_has_no_trouble_whatever_its_log_says() -> None:
    trace = ["Traceback (most recent call last):", '  File "a.py", line 1, in f', "    g()", "ValueError: x"]
    row = ended(JobState.COMPLETED)
    assert found(JobSeen(NOW, row, scan([*STEPS, "OSError: [Errno 28] No space left on device", *trace]))) == {}


def test_the_node_that_failed_is_named() -> None:
    assert "(c3)" in found(JobSeen(NOW, ended(JobState.NODE_FAIL)))["node_failure"].message


def test_memory_that_is_refused_long_before_the_machine_has_none_is_a_limit_of_its_own() -> None:
    row = ended(JobState.FAILED, exit_code=1)
    denied = scan([*STEPS, "MemoryError: Unable to allocate 20.0 MiB"])
    half = usage(memory=3.0 * GIB, memory_limit=24.0 * GIB)
    told = found(JobSeen(NOW, row, denied, {**trained(), **half}))["host_oom"]
    assert "had not run out: an allocation was denied" in told.message
    assert "ulimit -v" in told.advice
    full = usage(memory=23.9 * GIB, memory_limit=24.0 * GIB)
    assert " ran out: " in found(JobSeen(NOW, row, denied, {**trained(), **full}))["host_oom"].message


def test_sigkill_with_a_full_cgroup_is_want_of_memory_and_without_it_nobody_knows() -> None:
    row = ended(JobState.FAILED, exit_code=137)
    killed = scan([*STEPS, "/bin/sh: line 1: 77 Killed python train.py"])
    full = usage(memory=lambda t: (15.9 if t < 60 else 9.0) * GIB, memory_limit=16.0 * GIB)
    assert next(iter(found(JobSeen(NOW, row, killed, {**trained(), **full})))) == "host_oom"
    half = usage(memory=9.0 * GIB, memory_limit=16.0 * GIB)
    assert next(iter(found(JobSeen(NOW, row, killed, {**trained(), **half})))) == "killed"


def test_a_job_that_fails_in_its_first_minutes_says_what_its_exit_code_means() -> None:
    row = ended(JobState.FAILED, started=NOW - 20, exit_code=127)
    findings = found(JobSeen(NOW, row))
    assert list(findings) == ["ended_early", "failed"]
    assert "15s after it started" in findings["ended_early"].message
    assert "its command was not found" in findings["ended_early"].message
    assert "ended_early" not in found(JobSeen(NOW, row, series=trained(every=5.0, since=18.0)))


def test_what_the_log_says_comes_before_that_it_failed() -> None:
    findings = by_log("RuntimeError: CUDA out of memory. Tried to allocate 2.00 GiB", exit_code=1)
    assert list(findings) == ["cuda_oom", "failed"]
    assert "(it tried to allocate 2.00 GiB)" in findings["cuda_oom"].message


# what the log says


def test_a_message_of_a_running_job_waits_until_it_is_silent_by_its_own_rhythm() -> None:
    hits = scan([*STEPS, "RuntimeError: CUDA out of memory."])
    assert found(JobSeen(NOW, ROW, hits, trained(until=200.0), log_at=NOW - 200)) == {}
    assert list(found(JobSeen(NOW, ROW, hits, trained(until=400.0), log_at=NOW - 400))) == ["cuda_oom", "stalled"]
    gone_on = scan([*STEPS, "RuntimeError: CUDA out of memory.", *STEPS])
    assert "cuda_oom" not in found(JobSeen(NOW, ROW, gone_on, trained(until=400.0), log_at=NOW - 400))


def test_a_package_that_is_missing_at_the_start_is_no_crash_of_a_job_that_loads_its_data() -> None:
    hits = scan([*TRACE.splitlines(), "ModuleNotFoundError: No module named 'wandb'", "plots are off"])
    assert found(JobSeen(NOW, replace(ROW, started=NOW - 900), hits, log_at=NOW - 800)) == {}


def test_a_full_disk_is_told_at_once() -> None:
    hits = scan([*STEPS, "OSError: [Errno 28] No space left on device"])
    assert "disk_full" in found(JobSeen(NOW, ROW, hits, trained(), log_at=NOW - 1))


def test_a_gpu_that_another_process_uses_is_told_so() -> None:
    line = "CUDA out of memory. GPU 0 has a total capacity of 79 GiB. Process 4242 has 60.00 GiB memory in use."
    assert "process 4242 has 60.00 GiB" in by_log(f"torch.OutOfMemoryError: {line}")["cuda_oom"].message


@pytest.mark.parametrize(
    ("xid", "id", "severity"),
    [
        (79, "gpu_hardware", "error"),
        (48, "gpu_hardware", "error"),
        (63, "gpu_hardware", "info"),
        (31, "cuda_fault", "error"),
    ],
)
def test_an_xid_means_what_the_catalogue_of_the_maker_says(xid: int, id: str, severity: str) -> None:
    finding = by_log(f"NVRM: Xid (PCI:0000:3b:00): {xid}, pid=7")[id]
    assert finding.severity == severity


def test_errors_of_a_gpu_s_memory_count_from_the_beginning_of_the_run() -> None:
    errors = found(JobSeen(NOW, ROW, series={**trained(), **usage(gpu1_ecc=lambda t: 5.0 if t > 600 else 7.0)}))
    assert errors["gpu_hardware"].message.startswith("GPU 1 of c3: its memory had 2 errors")
    assert found(JobSeen(NOW, ROW, series={**trained(), **usage(gpu1_ecc=5.0)})) == {}


TRACE = """\
Traceback (most recent call last):
  File "/home/u/train.py", line 10, in main
    fit()
  File "/opt/lib/python3.11/site-packages/torch/nn/modules/module.py", line 99, in forward
    x()
"""


def test_an_exception_names_the_innermost_line_of_the_user_s_own_code() -> None:
    finding = by_log(*TRACE.splitlines(), "ValueError: shapes do not fit")["crash"]
    assert finding.message == "ValueError in /home/u/train.py:10 (main): shapes do not fit"
    assert finding.evidence["file"] == "/home/u/train.py"
    assert finding.lines == ('File "/home/u/train.py", line 10, in main', "fit()", "ValueError: shapes do not fit")


def test_of_a_chain_the_exception_that_ended_the_program_is_told() -> None:
    log = [
        *TRACE.splitlines(), "KeyError: 'lr'", "",
        "During handling of the above exception, another exception occurred:",
        "", *TRACE.splitlines(), "ConfigError: no learning rate in config.yaml",
    ]  # fmt: skip
    assert "ConfigError" in by_log(*log)["crash"].message


def test_an_interruption_is_no_fault_of_the_program() -> None:
    assert list(by_log(*TRACE.splitlines(), "KeyboardInterrupt", state=JobState.CANCELLED)) == ["cancelled"]


def test_a_pause_at_a_rung_is_part_of_the_plan_and_no_finding_whatever_was_printed_at_its_end() -> None:
    row = ended(JobState.CANCELLED, reason=f"{PAUSED}pauses at 3 epochs: its 1.62 is number 4 of the 7 there")
    ends = [(), ("Terminated",), (*TRACE.splitlines(), "KeyboardInterrupt")]
    assert [found(JobSeen(NOW, row, scan([*STEPS, *each]), trained())) for each in ends] == [{}, {}, {}]
    other = replace(row, reason="early_stop: 3 looks without a better val_loss")
    assert list(found(JobSeen(NOW, other, scan(STEPS), trained()))) == ["cancelled"]


def test_an_exception_after_a_message_follows_from_it() -> None:
    findings = by_log(*TRACE.splitlines(), "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 GiB")
    assert list(findings) == ["cuda_oom", "crash", "failed"]


@pytest.mark.parametrize(
    ("line", "id"),
    [
        ("OSError: [Errno 122] Disk quota exceeded", "quota_exceeded"),
        ("Bus error (core dumped)", "shared_memory"),
        ("OSError: [Errno 28] No space left on device: '/dev/shm/torch_1'", "shared_memory"),
        ("RuntimeError: DataLoader worker (pid 7) is killed by signal: Killed.", "loader_died"),
        ("RuntimeError: No CUDA GPUs are available", "cuda_missing"),
        ("RuntimeError: CUDA error: device-side assert triggered", "cuda_fault"),
        ("Segmentation fault (core dumped)", "segfault"),
        ("RuntimeError: ... errno: 98 - Address already in use", "port_taken"),
        ("DistBackendError: NCCL error: ncclSystemError", "nccl_error"),
        ("ChildFailedError: exitcode : 1", "child_failed"),
        ("MemoryError", "host_oom"),
    ],
)
def test_a_message_leads_to_its_finding(line: str, id: str) -> None:
    findings = by_log(line)
    assert next(iter(findings)) == id
    assert line[:40] in findings[id].lines[0]
    assert findings[id].offset is not None


def test_a_worker_that_the_scheduler_ended_did_not_die_of_itself() -> None:
    assert "loader_died" not in by_log("DataLoader worker (pid 7) is killed by signal: Terminated.")


def test_a_few_overflows_are_how_a_loss_scale_is_found_and_a_collapse_is_told() -> None:
    start = [f"Gradient overflow. Skipping step, loss scaler 0 reducing loss scale to {2.0**n}" for n in (15, 14, 13)]
    assert by_log(*start, state=JobState.COMPLETED) == {}
    assert found(JobSeen(NOW, ROW, scan([*STEPS, *start]), trained(), log_at=NOW)) == {}
    low = "Gradient overflow. Skipping step, loss scaler 0 reducing loss scale to 0.25"
    finding = found(JobSeen(NOW, ROW, scan([*STEPS, *start, low]), trained(), log_at=NOW))["half_precision"]
    assert finding.evidence == {"skipped": 4.0, "scale": 0.25}


# ranks


def watchdog(rank: int, seq: int) -> str:
    """What a rank prints that waited in vain."""
    return (
        f"[rank{rank}]: [Rank {rank}] Watchdog caught collective operation timeout: WorkNCCL(SeqNum={seq}, "
        "OpType=ALLREDUCE, NumelIn=1, NumelOut=1, Timeout(ms)=600000) ran for 600072 milliseconds before timing out."
    )


def test_the_rank_that_says_nothing_kept_the_others_waiting() -> None:
    finding = by_log("world_size=4", *(watchdog(rank, 42) for rank in (0, 1, 2)))["nccl_timeout"]
    assert finding.message == "ALLREDUCE timed out after 10m: rank 3 is the only one of 4 that says nothing."
    assert finding.evidence["rank"] == 3.0


def test_the_rank_that_came_least_far_kept_the_others_waiting() -> None:
    told = culprit(scan([watchdog(0, 42), watchdog(1, 42), watchdog(2, 17), watchdog(3, 42)]))
    assert (told.rank, told.told) == (2, 4)
    assert "at 17 where others are at 42" in told.sentence


def test_the_rank_that_raised_an_exception_kept_the_others_waiting() -> None:
    trace = [f"[rank1]: {line}" for line in (*TRACE.splitlines(), "ValueError: bad row")]
    findings = by_log(*trace, watchdog(0, 42))
    assert list(findings)[:2] == ["crash", "nccl_timeout"]
    assert "on rank 1" in findings["crash"].message
    assert findings["nccl_timeout"].evidence["rank"] == 1.0


def test_where_all_ranks_say_the_same_nobody_is_blamed() -> None:
    assert culprit(scan([watchdog(rank, 42) for rank in range(4)])).rank is None


def test_ranks_that_did_not_join_are_counted() -> None:
    message = by_log("DistStoreError: Timed out after 61 seconds waiting for clients. 3/4 clients joined.")
    assert message["nccl_timeout"].message == "Only 3 of 4 ranks came to the start."


# pace


def test_a_run_that_cannot_be_done_in_time_is_told_early() -> None:
    late = an_estimate(in_time=False, limit=NOW + 1800, checkpoint=NOW - 600)
    finding = found(JobSeen(NOW, ROW, series=trained(), estimate=late))["time_limit_ahead"]
    assert "50m more at least (1h00 likely), and is ended in 30m: 50% are done." in finding.message
    assert "Its last checkpoint is 10m old." in finding.message
    assert found(JobSeen(NOW, ROW, series=trained(), estimate=replace(late, in_time=None))) == {}
    assert found(JobSeen(NOW, ROW, series=trained(), estimate=replace(late, share=0.01))) == {}


def test_a_silence_is_judged_by_the_run_s_own_rhythm() -> None:
    silent = JobSeen(NOW, ROW, series=trained(every=30.0, until=900.0), log_at=NOW - 900)
    assert "silent for 15m" in found(silent)["stalled"].message
    assert found(JobSeen(NOW, ROW, series=trained(every=600.0, until=900.0), log_at=NOW - 900)) == {}
    hourly = replace(ROW, started=NOW - 50 * HOUR)
    assert found(JobSeen(NOW, hourly, series=trained(HOUR, 1.5 * HOUR, 49 * HOUR), log_at=NOW - 1.5 * HOUR)) == {}


def test_a_run_whose_host_is_not_heard_is_not_told_to_be_silent() -> None:
    silent = JobSeen(NOW, ROW, series=trained(every=30.0, until=900.0), health=[Health(NOW - 20)])
    assert list(found(silent)) == ["stalled"]
    assert found(replace(silent, health=[Health(NOW - 900)])) == {}
    assert list(found(replace(silent, health=[], series={**silent.series, **usage(cpu=1.0)}))) == ["stalled"]
    away = by_metric(Sample("usage/cpu", 1.0, n, "second", NOW - 1800 + n) for n in range(900))
    assert found(replace(silent, health=[], series={**silent.series, **away})) == {}


@pytest.mark.parametrize(
    ("courses", "log_at", "cause"),
    [
        ({"gpu0_util": 100.0, "gpu0_power": 100.0, "gpu0_power_limit": 400.0}, 900, "ranks wait for each other"),
        ({"gpu0_util": 0.0, "cpu": 1.0, "waiting": 0.0, "processes": 3.0}, 900, "a loop on the CPU"),
        ({"gpu0_util": 0.0, "cpu": 0.0, "waiting": 2.0, "processes": 3.0}, 900, "a file system does not answer"),
        ({"gpu0_util": 0.0, "cpu": 0.0, "waiting": 0.0, "processes": 3.0}, 900, "it waits for something"),
        ({"processes": 0.0, "cpu": 0.0}, 900, "its processes are gone"),
        ({"gpu0_util": 50.0, "cpu": 1.0}, 5, "it prints and does not get on"),
        ({}, 900, "stalled"),
    ],
)
def test_what_a_silent_job_uses_tells_how_it_hangs(courses: Mapping[str, float], log_at: float, cause: str) -> None:
    series = {**trained(every=30.0, until=900.0), **usage(1200, **courses)}
    assert found(JobSeen(NOW, ROW, series=series, log_at=NOW - log_at))["stalled"].cause == cause


def test_a_job_that_hung_until_its_time_limit_is_told_to_have_hung() -> None:
    seen = JobSeen(NOW, ended(JobState.TIMEOUT), series=trained(every=30.0, until=2 * HOUR))
    assert list(found(seen)) == ["stalled", "time_limit"]


def test_a_job_without_a_sample_is_stalled_after_an_hour_without_a_line() -> None:
    assert found(JobSeen(NOW, ROW, log_at=NOW - 1800)) == {}
    assert list(found(JobSeen(NOW, ROW, log_at=NOW - 2 * HOUR))) == ["stalled"]


# room


def test_memory_that_grows_is_told_with_the_time_until_it_runs_out() -> None:
    series = {**trained(), **usage(memory=lambda t: (14 - 2 * t / HOUR) * GIB, memory_limit=16.0 * GIB)}
    finding = found(JobSeen(NOW, ROW, series=series, estimate=an_estimate(eta_high=5 * HOUR)))["memory_filling"]
    assert "grows by 2.0G an hour: 14G of 16G are used, and it runs out in about" in finding.message
    left = finding.evidence["left_s"]
    assert isinstance(left, float)
    assert left == pytest.approx(HOUR, rel=0.02)


def test_memory_that_will_do_until_the_end_or_is_steady_is_nothing() -> None:
    grows = {**trained(), **usage(memory=lambda t: (14 - 2 * t / HOUR) * GIB, memory_limit=16.0 * GIB)}
    assert found(JobSeen(NOW, ROW, series=grows, estimate=an_estimate(eta_high=1800.0))) == {}
    begins = usage(memory=lambda t: (12 if t < 3 * HOUR - 500 else 2) * GIB, memory_limit=16.0 * GIB)
    assert found(JobSeen(NOW, ROW, series={**trained(), **begins})) == {}
    saw = usage(memory=lambda t: (10 + t % 600 / 100) * GIB, memory_limit=16.0 * GIB)
    assert found(JobSeen(NOW, ROW, series={**trained(), **saw})) == {}


def test_memory_of_a_gpu_counts_as_well() -> None:
    series = {**trained(), **usage(gpu0_memory=lambda t: (70 - 10 * t / HOUR) * GIB, gpu0_memory_total=80.0 * GIB)}
    assert "memory of GPU 0" in found(JobSeen(NOW, ROW, series=series))["memory_filling"].message


def test_a_disk_that_fills_up_is_told_by_the_runner_or_the_host() -> None:
    series = {**trained(), **usage(disk_free=lambda t: (20 + 10 * t / HOUR) * GIB, disk_total=500.0 * GIB)}
    finding = found(JobSeen(NOW, ROW, series=series))["disk_filling"]
    assert finding.evidence["left_s"] == pytest.approx(2 * HOUR, rel=0.02)
    readings = [
        Health(NOW - age, disks=(Disk("/scratch", 500 * GIB, int((20 + 10 * age / HOUR) * GIB)),))
        for age in range(7200, -1, -60)
    ]
    assert (
        "/scratch has 20G free" in found(JobSeen(NOW, ROW, series=trained(), health=readings))["disk_filling"].message
    )


def test_a_quota_that_is_used_up_soon_is_told() -> None:
    series = {**trained(), **usage(quota_free=lambda t: (20 + 10 * (t // 600 * 600) / HOUR) * GIB)}
    finding = found(JobSeen(NOW, ROW, series=series))["disk_filling"]
    assert finding.message.startswith("Your quota where it runs has 20G free, and it is full in about 2h00.")


def test_a_disk_that_is_as_good_as_full_is_told_though_nothing_moves() -> None:
    full = [Health(NOW, disks=(Disk("/home", 500 * GIB, GIB),))]
    assert "/home has 1.0G free." in found(JobSeen(NOW, ROW, series=trained(), health=full))["disk_filling"].message
    dead = [Health(NOW, disks=(Disk("/home", 500 * GIB, GIB, trouble="does not answer"),))]
    assert found(JobSeen(NOW, ROW, series=trained(), health=dead)) == {}
    large = [Health(NOW, disks=(Disk("/home", 500 * GIB, 30 * GIB),))]
    assert found(JobSeen(NOW, ROW, series=trained(), health=large)) == {}


# GPUs


def test_a_gpu_that_idles_is_told_after_a_quarter_of_an_hour_though_it_worked_before() -> None:
    idle = {**trained(), **usage(gpu0_util=lambda t: 0.0 if t < 1000 else 95.0)}
    assert found(JobSeen(NOW, ROW, series=idle))["gpu_idle"].message == "Its GPU has done nothing for 15m."
    shorter = {**trained(), **usage(gpu0_util=lambda t: 0.0 if t < 600 else 95.0)}
    assert "gpu_idle" not in found(JobSeen(NOW, ROW, series=shorter))


def test_a_job_that_has_not_begun_to_train_may_load_its_data_first() -> None:
    young = replace(ROW, started=NOW - 1500)
    assert found(JobSeen(NOW, young, series=usage(1500, gpu0_util=0.0), log_at=NOW)) == {}
    older = replace(ROW, started=NOW - 2400)
    assert list(found(JobSeen(NOW, older, series=usage(2400, gpu0_util=0.0), log_at=NOW))) == ["gpu_idle"]


def test_gpus_that_a_job_does_not_use_are_counted() -> None:
    series = {**trained(), **usage(gpu0_util=95.0, gpu1_util=0.0, gpu2_util=0.0, gpu3_util=94.0)}
    finding = found(JobSeen(NOW, ROW, series=series))["gpu_unused"]
    assert finding.message == "2 of its 4 GPUs have done nothing for 15m: 1, 2."
    uneven = {**trained(), **usage(gpu0_util=95.0, gpu1_util=40.0)}
    assert (
        "GPU 1 at 40 % where the busiest is at 95 %" in found(JobSeen(NOW, ROW, series=uneven))["gpu_unused"].message
    )


def test_low_use_is_worth_knowing_and_very_low_use_a_warning() -> None:
    assert (
        found(JobSeen(NOW, ROW, series={**trained(), **usage(gpu0_util=55.0)}))["gpu_low"].severity is Severity.INFO
    )
    low = found(JobSeen(NOW, ROW, series={**trained(), **usage(gpu0_util=12.0)}))["gpu_low"]
    assert low.severity is Severity.WARNING
    saw = {**trained(), **usage(gpu0_util=lambda t: 95.0 if t % 300 < 150 else 2.0)}
    assert list(found(JobSeen(NOW, ROW, series=saw))) == ["gpu_fluctuating"]


def test_heat_counts_where_steps_take_longer() -> None:
    hot = usage(gpu0_util=95.0, gpu0_throttled=lambda t: float(t < 400), gpu0_temperature=91.0)
    assert "throttled" not in found(JobSeen(NOW, ROW, series={**trained(), **hot}))
    slow = [NOW - 2 * HOUR + 30 * number for number in range(227)]
    slow += [slow[-1] + 45 * number for number in range(1, 9)]
    steps = by_metric(Sample("loss", 1.0, step, "step", moment) for step, moment in enumerate(slow))
    finding = found(JobSeen(NOW, ROW, series={**steps, **hot}))["throttled"]
    assert "(91 °C), and steps take 1.5 times as long as usual" in finding.message


def test_a_gpu_that_waits_for_cpus_or_disks_is_told_to_wait_for_data() -> None:
    cpus = {**trained(), **usage(gpu0_util=5.0, cpu=7.8, cpus=8.0)}
    findings = found(JobSeen(NOW, ROW, series=cpus))
    assert list(findings) == ["input_bound", "gpu_low"]
    assert "waits for its CPUs" in findings["input_bound"].message
    disks = {**trained(), **usage(gpu0_util=5.0, cpu=1.0, cpus=8.0, iowait=0.7)}
    assert "waits for disks" in found(JobSeen(NOW, ROW, series=disks))["input_bound"].message


def test_the_time_for_data_that_a_program_prints_counts() -> None:
    samples = [
        Sample(name, value, step, "step", NOW - 6000 + 30 * step)
        for step in range(200)
        for name, value in (("loss", 0.5), ("data_time", 0.6), ("batch_time", 1.0))
    ]
    finding = found(JobSeen(NOW, ROW, series=by_metric(samples)))["input_bound"]
    assert finding.message.startswith("Data takes 60% of each step")


# why


def test_why_it_failed_is_one_sentence_with_the_lines_that_prove_it() -> None:
    row = ended(JobState.FAILED, exit_code=1)
    hits = scan([*STEPS, *TRACE.splitlines(), "ValueError: shapes do not fit"])
    answer = why(job_findings(JobSeen(NOW, row, hits, trained())), "traceback")
    assert answer.sentence == "ValueError in /home/u/train.py:10 (main): shapes do not fit"
    assert answer.lines[-1] == "ValueError: shapes do not fit"
    assert answer.finding is not None
    assert answer.finding.id == "crash"


def test_without_a_finding_the_outcome_and_the_last_lines_are_told() -> None:
    answer = why((), "failed", b"step 1\nstep 2\nsome words\n")
    assert (answer.sentence, answer.lines) == (
        "It failed, and its log does not say why.",
        ("step 1", "step 2", "some words"),
    )
    assert why((), "completed", b"x\n").lines == ()


def test_why_a_job_ended_comes_before_what_else_is_wrong_though_its_log_does_not_tell() -> None:
    too_high = Finding("lr_too_high", Severity.ERROR, "learning rate too high", "The loss rose.", "Lower it.")
    ends = job_findings(JobSeen(NOW, ended(JobState.FAILED, exit_code=3), series=trained()))
    assert why([too_high, *ends], "unknown").sentence == "It failed: exit code 3."
    assert why([too_high], "unknown").sentence == "The loss rose."


def test_a_run_that_goes_on_is_answered_by_its_worst_finding() -> None:
    series = {**trained(), **usage(gpu0_util=0.0)}
    assert (
        why(job_findings(JobSeen(NOW, ROW, series=series)), "running").sentence == "Its GPU has done nothing for 15m."
    )


def test_a_log_without_times_has_the_moments_at_which_a_board_saw_it() -> None:
    read = by_metric([Sample("loss", float(step), 0.5, "step", 900.0) for step in range(3)])
    stored = by_metric([Sample("loss", float(step), 0.5, "step", 10.0 * step) for step in range(3)])
    assert dated(read, stored)["loss"].walls.tolist() == [0.0, 10.0, 20.0]
    behind = by_metric([Sample("loss", float(step), 0.5, "step", 10.0 * step) for step in range(2)])
    assert dated(read, behind)["loss"].walls.tolist() == [900.0] * 3
    assert dated(read, {}) == read
