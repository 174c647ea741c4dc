"""What sbatch is given, compared whole with golden files (tests/data/launch/slurm), and what its answers mean.

After a wanted change: `python -m tests.backends.test_sbatch` writes them anew; read the difference before it is kept.
"""

from __future__ import annotations

import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backends import sbatch
from backends.base import Completed, JobState, NoRoom, Plan, Rejected, Unclear
from backends.sbatch import Submission, submissions
from specs.model import Resources, SlurmOptions
from tests.backends.test_script import PLAN

GOLDEN = Path(__file__).parent.parent / "data" / "launch" / "slurm"
PROGRAMS = ".programs/0123456789abcdef"


def batch(*tasks: int, **changes: object) -> list[Plan]:
    """Plans of one batch."""
    return [
        replace(PLAN, task=task, run=f"{task:03d}-run", token=f"{task:016x}", **changes)  # type: ignore[arg-type]
        for task in tasks
    ]


def texts() -> dict[str, str]:
    """By golden file: a job by itself, and an array."""
    [array] = submissions(batch(0, 1, 3, priority=-5, at_most=2), 1001)
    files = array.files("python3", PROGRAMS)
    links = "".join(f"{name} -> {target}\n" for name, target in array.links().items())
    return {
        "launch.sh": sbatch.slurm_launch(PLAN, "python3", PROGRAMS),
        "batch/launch.sh": files["launch.sh"],
        "batch/attempts": files["attempts"],
        "batch/links": links,
    }


def test_the_texts_for_sbatch_are_the_golden_ones() -> None:
    assert texts() == {name: (GOLDEN / name).read_text() for name in texts()}


def test_every_task_of_an_array_goes_to_its_own_attempt(tmp_path: Path) -> None:
    [array] = submissions(batch(0, 2), 1001)
    folder = tmp_path / f"runs/{PLAN.home}/.batches/b"
    folder.mkdir(parents=True)
    for name, text in array.files("echo", PROGRAMS).items():
        (folder / name).write_text(text.replace("exec echo", "pwd; exec echo"))
    for plan in array.plans:
        (tmp_path / "runs" / plan.folder).mkdir(parents=True)
    outs = {}
    for task in ("0", "1", "2"):
        environment = {"SLURM_ARRAY_TASK_ID": task, "PATH": "/usr/bin:/bin"}
        outs[task] = subprocess.run(["sh", "launch.sh"], cwd=folder, env=environment, capture_output=True, text=True)
    for task in ("0", "2"):
        place = tmp_path / f"runs/{PLAN.home}/00{task}-run/1"
        assert outs[task].stdout == f"{place}\n../../../{PROGRAMS}/runner.py .\n"
    assert (outs["1"].returncode, outs["1"].stdout) == (1, "")


def test_plans_of_one_batch_are_one_array_with_its_tasks_and_limit() -> None:
    [array] = submissions(batch(3, 0, 1, 2, 7, at_most=2), 1001)
    assert "--array=0-3,7%2" in array.options
    assert f"--comment={PLAN.batch}" in array.options
    assert "--job-name=char-rnn-1" in array.options
    assert [array.job_id(plan, "12") for plan in array.plans] == ["12_0", "12_1", "12_2", "12_3", "12_7"]


def test_one_plan_is_a_job_by_itself_found_by_its_token() -> None:
    [alone] = submissions(batch(5), 1001)
    assert not alone.is_array
    assert f"--comment={5:016x}" in alone.options
    assert not any(option.startswith("--array") for option in alone.options)
    assert alone.job_id(alone.plans[0], "12") == "12"


def test_plans_that_ask_for_different_things_are_sent_apart() -> None:
    more = Resources(gpus=2, cpus=4, memory=32 * 2**30, time=8 * 3600)
    sent = submissions([*batch(0, 1), *batch(2, 3, resources=more), *batch(4, priority=9)], 1001)
    assert [[plan.task for plan in each.plans] for each in sent] == [[0, 1], [2, 3], [4]]


@given(
    st.sets(st.integers(min_value=0, max_value=400), min_size=1),
    st.integers(min_value=1, max_value=60),
    st.none() | st.integers(min_value=1, max_value=500),
)
def test_no_array_has_an_index_beyond_the_site_s_largest(tasks: set[int], size: int, at_most: int | None) -> None:
    sent = submissions(batch(*tasks, at_most=at_most), size)
    assert sorted(plan.task for each in sent for plan in each.plans) == sorted(tasks)
    for each in sent:
        assert {each.index(plan) for plan in each.plans} <= set(range(size))
        if each.is_array:
            mark, _, offset = each.mark.partition("+")
            assert (mark, int(offset or 0)) == (PLAN.batch, each.array_from)
    if at_most is not None:
        shares = [each.at_most or 0 for each in sent]
        assert all(share >= 1 for share in shares)
        assert sum(shares) <= max(at_most, len(sent))


def test_a_resend_of_some_tasks_has_a_folder_of_its_own_and_the_same_mark() -> None:
    [whole], [part] = submissions(batch(0, 1, 2), 1001), submissions(batch(1, 2), 1001)
    folders = [each.folder("/runs", each.files("python3", PROGRAMS)) for each in (whole, whole, part)]
    assert folders[0] == folders[1] != folders[2]
    assert {path.rpartition("-")[0] for path, _ in folders} == {f"/runs/{PLAN.home}/.batches/{PLAN.batch}"}


def test_nobody_s_own_options_change_what_the_protocol_rests_on() -> None:
    own = SlurmOptions(sbatch=("--comment=mine", "--requeue", "--mem=1G"))
    options = Submission(tuple(batch(0, slurm=own, restart_on=()))).options
    for ours in ("--comment", "--no-requeue", "--output", "--job-name"):
        assert [option for option in options if option.startswith(ours)][-1] != f"{ours}=mine"
    assert options.index("--requeue") < options.index("--no-requeue")
    assert options.index("--mem=16385M") < options.index("--mem=1G")


def test_slurm_starts_a_job_again_only_where_that_was_asked_for() -> None:
    assert "--requeue" in sbatch.slurm_options(replace(PLAN, restart_on=(JobState.PREEMPTED,)))
    assert "--no-requeue" in sbatch.slurm_options(replace(PLAN, restart_on=()))


def test_a_lower_priority_is_a_nicer_job_and_a_higher_one_asks_for_nothing_here() -> None:
    assert "--nice=7" in sbatch.slurm_options(replace(PLAN, priority=-7))
    assert not any("--nice" in option for option in sbatch.slurm_options(replace(PLAN, priority=7)))


def test_an_option_with_a_blank_is_refused() -> None:
    own = SlurmOptions(sbatch=("--comment=two words",))
    with pytest.raises(ValueError, match="must be one word: '--comment=two words'"):
        sbatch.slurm_options(replace(PLAN, slurm=own))


FAILED = "sbatch: error: Batch job submission failed: "
BANNER = "sbatch: Welcome! To connect to the help desk, see the wiki.\n" * 8
POLICY = FAILED + "Job violates accounting/QOS policy (job submit limit, user's size and/or time limits)"


@pytest.mark.parametrize(
    ("code", "out", "err", "meaning"),
    [
        (0, "4711\n", "", "4711"),
        (0, "You have 3 GPU hours left\n4711;triton\n", "sbatch: warning: x", "4711"),
        (0, "", "", Unclear),
        (0, "ok\n", "", Unclear),
        (1, "", "", Unclear),
        (-9, "", "killed", Unclear),
        (1, "", FAILED + "Socket timed out on send/recv operation", Unclear),
        (1, "4711\n", FAILED + "Zero Bytes were transmitted or received", Unclear),
        (1, "", FAILED + "Unable to contact slurm controller (connect failure)", Unclear),
        (1, "", FAILED + "Resource temporarily unavailable", Unclear),
        (1, "", FAILED + "invalid partition specified: x", Rejected),
        (1, "", FAILED + "Requested node configuration is not available", Rejected),
        (1, "", "sbatch: error: QOSMaxWallDurationPerJobLimit\n" + POLICY, Rejected),
        (1, "", "sbatch: error: AssocMaxSubmitJobLimit\n" + POLICY, NoRoom),
        (1, "", "sbatch: error: QOSMaxSubmitJobPerUserLimit\n" + POLICY, NoRoom),
        (1, "", "sbatch: error: AssocGrpSubmitJobsLimit\n" + POLICY, NoRoom),
        (1, "", POLICY, NoRoom),
        (1, "", FAILED + "Invalid job array specification", NoRoom),
        (1, "", BANNER + FAILED + "Socket timed out on send/recv operation", Unclear),
        (1, "", BANNER + "sbatch: error: QOSMaxSubmitJobPerUserLimit\n" + POLICY, NoRoom),
        (1, "", BANNER + FAILED + "Invalid account or account/partition combination specified", Rejected),
        (
            1,
            "",
            "sbatch: error: Slurm temporarily unable to accept job, sleeping and retrying.\n"
            + (FAILED + "Resource temporarily unavailable"),
            NoRoom,
        ),
    ],
)
def test_an_answer_of_sbatch_is_a_job_or_a_clear_no_or_neither(
    code: int, out: str, err: str, meaning: str | type
) -> None:
    outcome = sbatch.answer("triton", Completed(code, out.encode(), err.encode()))
    assert (outcome if isinstance(meaning, str) else type(outcome)) == meaning


if __name__ == "__main__":
    for name, content in texts().items():
        (GOLDEN / name).parent.mkdir(parents=True, exist_ok=True)
        (GOLDEN / name).write_text(content)
