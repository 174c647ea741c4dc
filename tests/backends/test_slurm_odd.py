"""A Slurm that misbehaves: commands of the test's own in its place."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from backends.base import (
    BackendError,
    CommandFailed,
    HostTimeout,
    Job,
    JobState,
    NoRoom,
    Rejected,
    Room,
    Unclear,
    Watched,
)
from specs.model import Resources, SlurmOptions
from tests.backends.oddslurm import OddSlurm

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

BATCH = "b" * 16


@pytest.fixture
async def odd(tmp_path: Path) -> AsyncGenerator[OddSlurm]:
    """A Slurm whose commands are scripts of the test."""
    made = OddSlurm(tmp_path)
    yield made
    await made.backend.close()


async def test_the_scripted_squeue_is_understood(odd: OddSlurm) -> None:
    odd.queue({"i": "5", "j": "one"}, {"i": "6_[1-3]", "T": "PENDING"})
    jobs = await odd.backend.jobs([])
    assert [(job.job_id, job.name, job.state) for job in jobs] == [
        ("5", "one", JobState.RUNNING),
        ("6_[1-3]", "name", JobState.PENDING),
    ]


@pytest.mark.parametrize(
    ("script", "words"),
    [
        (
            "echo 'slurm_load_jobs error: Unable to contact slurm controller' >&2; exit 1",
            "triton: squeue: slurm_load",
        ),
        ("exit 1", "triton: squeue: exit code 1"),
        ("echo 'squeue: command disabled, see https://example.org'", "triton: squeue's answer is cut off"),
        ('for f; do :; done; echo "$f"; echo "$f" | head -c 60', "triton: squeue's answer is cut off"),
        ('for f; do :; done; echo "Note $f"', "triton: squeue's answer has .* for a job id"),
        ("kill -9 $$", "triton: squeue: exit code -9"),
    ],
)
async def test_a_squeue_that_fails_or_says_half_is_an_error_and_ends_nothing(
    odd: OddSlurm, script: str, words: str
) -> None:
    odd.says("squeue", script.replace('echo "$f";', "echo \"$f\" | sed 's/%i/7/;s/%[A-Za-z]//g';"))
    with pytest.raises(CommandFailed, match=words):
        await odd.backend.jobs([Watched("a" * 16, "7", str(odd.folder), time.time())])


async def test_a_squeue_that_hangs_is_an_error(odd: OddSlurm) -> None:
    odd.says("squeue", "exec sleep 600")
    with pytest.raises(HostTimeout, match="no answer within 2 s"):
        await odd.backend.jobs([])


async def test_a_warning_ahead_of_the_queue_is_passed_over(odd: OddSlurm) -> None:
    odd.queue({"i": "5"}, more="echo 'squeue: warning: clock skew' >&2")
    script = (odd.bin / "squeue").read_text()
    (odd.bin / "squeue").write_text(script.replace("#!/bin/sh\n", "#!/bin/sh\necho Maintenance on Monday\n"))
    assert [job.job_id for job in await odd.backend.jobs([])] == ["5"]


async def test_where_there_is_no_accounting_absence_is_all_there_is(odd: OddSlurm) -> None:
    odd.queue()
    attempt = Watched("a" * 16, "7", str(odd.folder / "nowhere"), time.time())
    for script in ("echo 'Slurm accounting storage is disabled' >&2; exit 1", "exit 0"):
        odd.says("sacct", script)
        assert await odd.backend.jobs([attempt]) == ()


async def test_accounting_that_does_not_answer_leaves_a_job_alive(odd: OddSlurm) -> None:
    odd.queue()
    attempt = Watched("a" * 16, "7", str(odd.folder / "nowhere"), time.time())
    for script in ("echo 'sacct: error: slurmdbd: Connection refused' >&2; exit 1", "exec sleep 600"):
        odd.says("sacct", script)
        [job] = await odd.backend.jobs([attempt])
        assert job.state is JobState.UNKNOWN
        assert not job.state.ended
        assert job.reason.startswith("left the queue; ")


async def test_sacct_tells_what_squeue_and_the_record_do_not(odd: OddSlurm) -> None:
    odd.queue({"i": "5"})
    odd.says("sacct", 'echo "$*" >> asked; echo "warning: x"; echo "7|NODE_FAIL|0:0|1700000000|1700000100"')
    gone = Watched("a" * 16, "7", str(odd.folder / "nowhere"), 1.0)
    (odd.folder / "here/state").mkdir(parents=True)
    (odd.folder / "here/state/exit").write_text('{"state": "COMPLETED", "code": 0, "time": 9}')
    recorded = Watched("b" * 16, "8", str(odd.folder / "here"), 1.0)
    jobs = {job.token: job for job in await odd.backend.jobs([gone, recorded])}
    assert (jobs["a" * 16].state, jobs["a" * 16].ended) == (JobState.NODE_FAIL, 1700000100.0)
    assert jobs["b" * 16].state is JobState.COMPLETED


STALE = "9_[0-3]|PENDING|0:0|Unknown|Unknown"
"""An array, as the accounting goes on to tell of it when a task of it was cancelled alone."""

DROPPED = (JobState.CANCELLED, "cancelled while it waited")


@pytest.mark.parametrize(
    ("queued", "accounted", "claim", "expected"),
    [
        ("9_[0-1,3]", STALE, "", DROPPED),
        ("9_[0-1,3]", "9_[0-1,3]|PENDING|0:0|Unknown|Unknown", "", DROPPED),
        ("9_1", "9_1|RUNNING|0:0|1700000000|Unknown", "", DROPPED),
        ("9_[0-1,3]", "", "", DROPPED),
        ("9_[0-1,3]", f"{STALE}\n9_2|NODE_FAIL|0:0|1700000000|1700000100", "", (JobState.NODE_FAIL, "")),
        ("9_[0-1,3]", STALE, "9_2", (JobState.PENDING, "")),
        ("9_[0-1,...]", STALE, "", (JobState.PENDING, "")),
        ("8_[0-1,3]", STALE, "", (JobState.PENDING, "")),
        ("9", STALE, "", (JobState.PENDING, "")),
    ],
    ids=["stale", "left-out", "one-runs", "unknown", "ended", "begun", "cut-short", "other-array", "no-array"],
)
async def test_a_waiting_task_that_its_array_goes_on_without_was_cancelled(
    odd: OddSlurm, queued: str, accounted: str, claim: str, expected: tuple[JobState, str]
) -> None:
    odd.queue({"i": queued, "T": "PENDING"})
    odd.says("sacct", f"cat <<'END'\n{accounted}\nEND")
    if claim:
        odd.write("run/state/started", json.dumps({"job_id": claim, "time": 1}))
    [job] = [
        each
        for each in await odd.backend.jobs([Watched("a" * 16, "9_2", str(odd.folder / "run"), 1.0)])
        if each.token
    ]
    assert (job.state, job.reason, job.job_id) == (*expected, "9_2")


async def test_a_task_is_not_over_for_an_array_of_the_same_number_that_is_another_s(odd: OddSlurm) -> None:
    odd.queue({"i": "9_[0-1,3]", "T": "PENDING", "k": "c" * 16, "Z": "/elsewhere"})
    odd.says("sacct", f"echo '{STALE}'")
    watched = Watched("a" * 16, "9_2", str(odd.folder / "run"), 1.0, BATCH, 2)
    [job] = [each for each in await odd.backend.jobs([watched]) if each.token]
    assert job.state is JobState.PENDING


async def test_an_end_that_sacct_tells_counts_when_its_record_had_time_to_come(odd: OddSlurm) -> None:
    odd.queue()
    odd.write("run/state/started", '{"job_id": "7", "time": 1}')
    odd.write("run/state/ends.jsonl", "{}\n")
    for age, state in ((10, JobState.COMPLETING), (100, JobState.COMPLETED)):
        odd.says("sacct", f'echo "7|COMPLETED|0:0|1|{time.time() - age:.0f}"')
        [job] = await odd.backend.jobs([Watched("a" * 16, "7", str(odd.folder / "run"), 1.0)])
        assert (job.state, job.restarts) == (state, 1)


@pytest.mark.parametrize(
    ("reason", "word", "state"),
    [
        ("ended by SIGTERM", "CANCELLED", JobState.CANCELLED),
        ("ended by SIGTERM", "PREEMPTED", JobState.PREEMPTED),
        ("ended by SIGTERM", "COMPLETING", JobState.COMPLETING),
        ("ended by SIGTERM", "NODE_FAIL", JobState.NODE_FAIL),
        ("killed by SIGKILL", "OUT_OF_MEMORY", JobState.OUT_OF_MEMORY),
        ("killed by SIGKILL", "COMPLETED", JobState.CANCELLED),
        ("cancelled", "NODE_FAIL", JobState.CANCELLED),
    ],
)
async def test_slurm_adds_why_it_ended_a_job_and_no_more(
    odd: OddSlurm, reason: str, word: str, state: JobState
) -> None:
    odd.queue({"i": "7", "T": word, "k": "a" * 16})
    (odd.folder / "one/state").mkdir(parents=True)
    record = {"state": "CANCELLED", "code": None, "reason": reason, "time": 9}
    (odd.folder / "one/state/exit").write_text(json.dumps(record))
    jobs = await odd.backend.jobs([Watched("a" * 16, "7", str(odd.folder / "one"), 1.0)])
    assert [job.state for job in jobs] == [state]


async def test_a_damaged_record_is_no_evidence_and_hides_no_other(odd: OddSlurm) -> None:
    odd.queue({"i": "7", "k": "a" * 16})
    (odd.folder / "bad/state").mkdir(parents=True)
    (odd.folder / "bad/state/exit").write_text('{"state": "COMPL')
    jobs = await odd.backend.jobs([Watched("a" * 16, "7", str(odd.folder / "bad"), 1.0)])
    assert [(job.job_id, job.state) for job in jobs] == [("7", JobState.RUNNING)]


@pytest.mark.parametrize("order", [1, -1])
@pytest.mark.parametrize(
    ("own", "other"),
    [("RUNNING", "COMPLETED"), ("PENDING", "COMPLETED"), ("RUNNING", "PENDING"), ("NODE_FAIL", "COMPLETED")],
)
async def test_of_two_jobs_of_one_attempt_the_one_that_has_it_counts(
    odd: OddSlurm, own: str, other: str, order: int
) -> None:
    token = "a" * 16
    odd.queue(*[{"i": "7", "k": token, "T": own}, {"i": "8", "k": token, "T": other}][::order])
    jobs = await odd.backend.jobs([Watched(token, "7", str(odd.folder / "nowhere"), 1.0)])
    assert [(job.job_id, job.state) for job in jobs] == [("7", JobState(own))]


@pytest.mark.parametrize(
    "script",
    [
        "exec sleep 600",
        "exit 0",
        "echo 'sbatch: error: Batch job submission failed: Socket timed out on send/recv operation' >&2; exit 1",
        "echo 'sbatch: error: Batch job submission failed: Unable to contact slurm controller' >&2; exit 1",
        "exit 1",
    ],
)
async def test_an_sbatch_without_a_clear_answer_is_unclear_and_found_by_its_token(odd: OddSlurm, script: str) -> None:
    odd.says("sbatch", script)
    plan = odd.desk.plan("true")
    outcomes = await odd.backend.submit([plan])
    assert isinstance(outcomes[plan.token], Unclear)
    odd.queue({"i": "12", "T": "PENDING", "k": plan.token})
    attempt = odd.desk.watched(plan)
    jobs = await odd.backend.jobs([attempt])
    assert [(job.job_id, job.token, job.state) for job in jobs] == [("12", plan.token, JobState.PENDING)]
    odd.says("scancel", f'echo "$@" > {odd.folder}/cancelled')
    await odd.backend.cancel([attempt])
    assert (odd.folder / "cancelled").read_text() == "12\n"


async def test_sbatch_warnings_around_the_job_id_are_passed_over(odd: OddSlurm) -> None:
    odd.says("sbatch", "echo 'You have 3 GPU hours left'; echo '4711;triton'; echo 'sbatch: warning: x' >&2")
    assert (await odd.desk.start(odd.desk.plan("true"))).job_id == "4711"


@pytest.mark.parametrize(
    ("words", "code", "fails"),
    [
        ("scancel: error: Kill job error on job id 7: Invalid job id specified", 1, False),
        ("scancel: error: Kill job error on job id 7: Job/step already completing or completed", 1, False),
        ("scancel: error: Kill job error on job id 7: Access/permission denied", 1, True),
        ("scancel: error: 7: Invalid job id specified\nscancel: error: 8: Access/permission denied", 1, True),
    ],
)
async def test_a_cancel_fails_only_where_something_lives_on(
    odd: OddSlurm, words: str, code: int, fails: bool
) -> None:
    odd.says("scancel", f"echo '{words}' >&2; exit {code}")
    cancel = odd.backend.cancel([Watched("", "7", "", 0.0), Watched("", "8", "", 0.0)])
    if fails:
        with pytest.raises(BackendError, match=r"triton: scancel: .*permission denied"):
            await cancel
    else:
        await cancel


async def test_a_scontrol_that_fails_for_a_moment_is_not_a_job_without_a_log(odd: OddSlurm) -> None:
    job = Job("triton", "7", "x", JobState.RUNNING)
    odd.says("scontrol", "echo 'slurm_load_jobs error: Socket timed out' >&2; exit 1")
    with pytest.raises(CommandFailed, match="Socket timed out"):
        await odd.backend.log_path(job)
    odd.says("scontrol", "echo 'slurm_load_jobs error: Invalid job id specified' >&2; exit 1")
    assert await odd.backend.log_path(job) is None


# arrays


async def test_many_plans_are_one_sbatch_whose_tasks_are_the_plans_tasks(odd: OddSlurm) -> None:
    odd.says("sbatch", "cat launch.sh attempts >&2; ls -l *.log >&2; echo 12")
    plans = odd.desk.plans(5)
    del plans[2]
    attempts = await odd.desk.start_all(plans)
    assert [attempt.job_id for attempt in attempts] == ["12_0", "12_1", "12_3", "12_4"]
    [argv] = odd.asked("sbatch")
    assert "--array=0-1,3-4" in argv
    folder = next(option.partition("=")[2] for option in argv if option.startswith("--chdir="))
    for plan in plans:
        assert odd.log_of(folder, plan.task) == Path(odd.backend.directory(plan.folder), "out.log")


async def test_an_array_that_does_not_fit_is_sent_as_far_as_it_does(odd: OddSlurm) -> None:
    limit = (
        "echo 'sbatch: error: AssocMaxSubmitJobLimit' >&2\n"
        "echo 'sbatch: error: Batch job submission failed: Job violates accounting/QOS policy' >&2; exit 1"
    )
    odd.says("sbatch", f'case "$*" in *--array=0-4\\ *) echo 12;; *) {limit};; esac')
    plans = odd.desk.plans(80)
    outcomes = await odd.backend.submit(plans)
    assert [outcomes[plan.token] for plan in plans[:5]] == [f"12_{task}" for task in range(5)]
    assert {type(outcomes[plan.token]) for plan in plans[5:]} == {NoRoom}
    odd.says("sbatch", limit)
    assert {type(outcome) for outcome in (await odd.backend.submit(odd.desk.plans(9))).values()} == {NoRoom}


async def test_a_batch_is_split_where_the_site_s_arrays_are_smaller(odd: OddSlurm) -> None:
    odd.says("scontrol", "echo 'MaxArraySize = 4'")
    odd.says("sbatch", "echo x >> ../count; echo $((20 + $(wc -l < ../count)))")
    attempts = await odd.desk.start_all(odd.desk.plans(10, at_most=5))
    assert [attempt.job_id for attempt in attempts] == [
        *(f"21_{task}" for task in range(4)),
        *(f"22_{task}" for task in range(4)),
        *(f"23_{task}" for task in range(2)),
    ]
    calls = odd.asked("sbatch")
    arrays = [option for argv in calls for option in argv if option.startswith("--array")]
    assert arrays == ["--array=0-3%2", "--array=0-3%2", "--array=0-1%1"]
    odd.queue(
        {"i": "21_[0-3]", "T": "PENDING", "k": attempts[0].batch},
        {"i": "22_[0-3]", "T": "PENDING", "k": f"{attempts[0].batch}+4"},
        {"i": "23_[0-1]", "T": "PENDING", "k": f"{attempts[0].batch}+8"},
    )
    unknown = [replace(attempt, job_id="") for attempt in attempts]
    jobs = {job.token: job.job_id for job in await odd.backend.jobs(unknown)}
    assert jobs == {attempt.token: attempt.job_id for attempt in attempts}


@pytest.mark.parametrize("script", ["exit 0", "exec sleep 600", "kill -9 $$"])
async def test_an_array_without_a_clear_answer_is_unclear_for_each_and_not_sent_again_while_it_is_queued(
    odd: OddSlurm, script: str
) -> None:
    odd.says("sbatch", script)
    plans = odd.desk.plans(3)
    outcomes = await odd.backend.submit(plans)
    assert {type(outcome) for outcome in outcomes.values()} == {Unclear}
    odd.queue({"i": "12_[0-2]", "T": "PENDING", "k": plans[0].batch})
    odd.says("sbatch", "echo 13")
    odd.asked("sbatch")
    again = await odd.backend.submit(plans)
    assert [again[plan.token] for plan in plans] == ["12_0", "12_1", "12_2"]
    assert odd.asked("sbatch") == []
    odd.queue({"i": "12_1", "T": "RUNNING", "k": plans[0].batch})
    some = await odd.backend.submit(plans)
    assert [some[plan.token] for plan in plans] == ["13_0", "12_1", "13_2"]


async def test_what_was_sent_before_is_not_sent_again_while_squeue_does_not_answer(odd: OddSlurm) -> None:
    odd.says("sbatch", "exit 0")
    plans = odd.desk.plans(2)
    await odd.backend.submit(plans)
    odd.asked("sbatch")
    odd.says("squeue", "exit 1")
    again = await odd.backend.submit(plans)
    assert {type(outcome) for outcome in again.values()} == {Unclear}
    assert odd.asked("sbatch") == []


async def test_sbatch_s_error_about_one_plan_of_a_batch_is_told_of_that_plan(odd: OddSlurm) -> None:
    odd.says(
        "sbatch", 'case "$*" in *--mem=1M*) echo "sbatch: error: Memory required" >&2; exit 1;; *) echo 7;; esac'
    )
    plans = [*odd.desk.plans(1, resources=Resources(memory=1)), *odd.desk.plans(1)]
    bad = odd.desk.plan("true", slurm=SlurmOptions(sbatch=("two words",)))
    outcomes = await odd.backend.submit([*plans, bad])
    assert isinstance(outcomes[plans[0].token], Rejected)
    assert outcomes[plans[1].token] == "7"
    assert "must be one word" in str(outcomes[bad.token])


async def test_held_tasks_among_others_of_one_line_are_told_apart_by_one_more_squeue(odd: OddSlurm) -> None:
    attempts = [Watched(f"t{n}", f"12_{n}", str(odd.folder / str(n)), 1.0, BATCH, n) for n in range(3)]
    odd.queue({"i": "12_[0-2]", "T": "PENDING", "k": BATCH, "r": "JobHeldUser,Priority"})
    script = (odd.bin / "squeue").read_text()
    reasons = 'case "$*" in *-r*) printf "12_0|Priority\\n12_1|JobHeldUser\\n12_2|Priority\\n"; exit;; esac\n'
    odd.says("squeue", reasons + script.partition("\n")[2])
    jobs = {job.token: (job.state, job.reason, job.array) for job in await odd.backend.jobs(attempts)}
    assert jobs == {
        "t0": (JobState.PENDING, "Priority", "12"),
        "t1": (JobState.HELD, "JobHeldUser", "12"),
        "t2": (JobState.PENDING, "Priority", "12"),
    }
    assert len(odd.asked("squeue")) == 2


# what left the queue


async def test_an_empty_queue_ends_nothing_by_itself(odd: OddSlurm) -> None:
    odd.queue()
    odd.says("sacct", "exit 0")
    assert await odd.backend.jobs([Watched("a" * 16, "7", str(odd.folder / "nowhere"), 1.0)]) == ()


@pytest.mark.parametrize(
    "row",
    ["7|COMPLETED|0:0|1|2|{token}|", "7|COMPLETED|0:0|1|2||{directory}", f"7_4|COMPLETED|0:0|1|2|{BATCH}|/x"],
)
async def test_an_attempt_whose_job_nobody_knows_is_found_in_the_accounting(odd: OddSlurm, row: str) -> None:
    odd.queue()
    plan = odd.desk.plan("true", batch=BATCH, task=4)
    attempt = replace(odd.desk.watched(plan), submitted=time.time() - 600)
    line = row.format(token=plan.token, directory=attempt.directory)
    odd.says("sacct", f"echo '6|FAILED|1:0|1|2|{'e' * 16}|/elsewhere'; echo '{line}'")
    [job] = await odd.backend.jobs([attempt])
    assert (job.job_id, job.state, job.token) == (line.partition("|")[0], JobState.COMPLETED, plan.token)
    [argv] = odd.asked("sacct")
    assert f"--name={plan.experiment},{plan.job_name}" in argv
    assert argv[argv.index("-S") + 1] < time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(attempt.submitted - 80000))


async def test_an_old_sacct_is_asked_for_the_fields_that_it_has(odd: OddSlurm) -> None:
    odd.queue()
    attempt = replace(odd.desk.watched(odd.desk.plan("true")), submitted=1.0)
    complain = "echo 'sacct: error: Invalid field requested: \"WorkDir\"' >&2; exit 1"
    odd.says(
        "sacct", f'case "$*" in *WorkDir*) {complain};; *) echo "7|RUNNING|0:0|1|Unknown|{attempt.token}";; esac'
    )
    [job] = await odd.backend.jobs([attempt])
    assert (job.job_id, job.state) == ("7", JobState.RUNNING)


async def test_what_is_being_submitted_this_moment_is_not_looked_up_in_the_accounting(odd: OddSlurm) -> None:
    odd.queue()
    odd.says("sacct", "exit 0")
    assert await odd.backend.jobs([odd.desk.watched(odd.desk.plan("true"))]) == ()
    assert odd.asked("sacct") == []


async def test_a_look_up_that_gets_no_answer_says_nothing(odd: OddSlurm) -> None:
    odd.queue()
    attempt = replace(odd.desk.watched(odd.desk.plan("true")), submitted=1.0)
    for script in ("exec sleep 600", "echo 'sacct: error: slurmdbd: Connection refused' >&2; exit 1"):
        odd.says("sacct", script)
        assert await odd.backend.jobs([attempt]) == ()


async def test_thousands_that_left_are_asked_for_in_turn_with_one_sacct_a_tick(odd: OddSlurm) -> None:
    odd.queue()
    odd.says("sacct", 'for word; do case $ids in x) ids=$word;; esac; [ "$word" = -j ] && ids=x; done\n'
             'echo "$ids" | tr , "\\n" | sed "s/$/_0|COMPLETED|0:0|1|2/"')  # fmt: skip
    attempts = [Watched(f"t{n}", f"{n}_0", str(odd.folder / "x"), 1.0, BATCH, n) for n in range(1000, 2200)]
    ended: set[str] = set()
    for ticks in range(1, 4):
        left = [attempt for attempt in attempts if attempt.token not in ended]
        jobs = {job.token: job.state for job in await odd.backend.jobs(left)}
        assert len(odd.asked("sacct")) == 1
        assert set(jobs) == {attempt.token for attempt in left}
        assert set(jobs.values()) <= {JobState.COMPLETED, JobState.UNKNOWN}
        ended |= {token for token, state in jobs.items() if state is JobState.COMPLETED}
        assert len(ended) == min(500 * ticks, 1200)


async def test_an_attempt_directory_alone_tells_job_and_end_where_squeue_and_sacct_are_silent(odd: OddSlurm) -> None:
    odd.queue()
    for name, record in (
        ("started", {"job_id": "12_4", "time": 5, "pid": 1}),
        ("exit", {"state": "FAILED", "code": 7}),
    ):
        (odd.folder / "one/state").mkdir(parents=True, exist_ok=True)
        (odd.folder / "one/state" / name).write_text(json.dumps(record))
    [job] = await odd.backend.jobs([Watched("a" * 16, "", str(odd.folder / "one"), 1.0)])
    assert (job.job_id, job.state, job.exit_code, job.array) == ("12_4", JobState.FAILED, 7, "12")
    assert odd.asked("sacct") == []


# room


async def test_without_accounting_only_the_cluster_s_own_limit_is_known(odd: OddSlurm) -> None:
    odd.queue({"i": "12_[0-9]", "T": "PENDING"})
    odd.says("scontrol", "printf 'MaxJobCount = 100\\nAccountingStorageEnforce = none\\n'")
    odd.says("sacctmgr", "exit 1")
    assert await odd.backend.room(Resources(), SlurmOptions()) == Room(None, 90, "MaxJobCount of the cluster: 100")
    assert odd.asked("sacctmgr") == []
    await odd.backend.room(Resources(), SlurmOptions())
    assert len(odd.asked("scontrol")) == 1


async def test_a_cluster_that_tells_no_limits_has_none_that_we_know(odd: OddSlurm) -> None:
    odd.queue()
    odd.says("scontrol", "exit 1")
    assert (await odd.backend.room(Resources(), SlurmOptions())).queue is None


# control


async def test_a_priority_that_the_site_forbids_says_so(odd: OddSlurm) -> None:
    attempt = Watched("a" * 16, "7", str(odd.folder), 1.0)
    odd.queue({"i": "7", "T": "PENDING", "k": "a" * 16, "Q": "5"})
    odd.says("scontrol", 'case "$1" in top) echo "Access/permission denied for job 7" >&2; exit 1;; esac')
    for change in (odd.backend.prioritise([attempt], 5), odd.backend.to_top([attempt])):
        with pytest.raises(CommandFailed, match="permission denied for job 7: this site lets its users lower"):
            await change
    odd.asked("scontrol")
    await odd.backend.prioritise([attempt], -5)
    assert odd.asked("scontrol") == [["scontrol", "update", "Nice=5", "JobId=7"]]


async def test_only_what_waits_is_held_and_many_are_held_in_few_commands(odd: OddSlurm) -> None:
    attempts = [Watched(f"t{n}", f"12_{n}", str(odd.folder), 1.0, BATCH, n) for n in range(450)]
    odd.queue({"i": "12_[3-449]", "T": "PENDING", "k": BATCH}, {"i": "12_2", "T": "RUNNING", "k": BATCH})
    odd.says("scontrol", "true")
    await odd.backend.hold(attempts)
    calls = odd.asked("scontrol")
    assert [argv[:2] for argv in calls] == [["scontrol", "hold"]] * 3
    assert ",".join(argv[2] for argv in calls).split(",") == [f"12_{n}" for n in range(3, 450)]


async def test_only_what_was_taken_back_is_cancelled(odd: OddSlurm) -> None:
    odd.says("sbatch", "echo 12")
    attempts = await odd.desk.start_all(odd.desk.plans(3))
    odd.write(f"runs/{attempts[1].name}/1/state/claim/of", "its runner, which was first")
    odd.queue({"i": "12_[0-2]", "T": "PENDING", "k": attempts[0].batch})
    for script in ("exit 0", "exit 1"):  # a scancel that fails leaves jobs that find their claim taken
        odd.says("scancel", script)
        assert await odd.backend.withdraw(attempts) == {attempts[0].token, attempts[2].token}
        assert odd.asked("scancel") == [["scancel", "12_[0,2]"]]
