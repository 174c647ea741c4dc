"""What every kind of backend means by hold, release, withdraw, priority and scan, and by many attempts at once."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING

from backends.base import Checkpoints, JobState, Plan, Rejected

if TYPE_CHECKING:
    from pathlib import Path

    from backends.base import Job, Watched
    from tests.backends.conftest import Desk

BUSY = "echo up; while [ ! -e go ]; do sleep 0.05; done"
"""Says that it runs, and keeps its place until a file called `go` is there."""

WAITING = (JobState.PENDING, JobState.HELD)


def waits(job: Job) -> bool:
    """Whether it stands in the queue and something moves it on."""
    return job.state in WAITING and not job.stranded


async def busy(desk: Desk) -> Watched:
    """A run that has the only place until `go` is there."""
    first = await desk.start(desk.plan(BUSY))
    await desk.logged(first, "up\n")
    await desk.until(first, lambda job: job.state is JobState.RUNNING)
    return first


async def queued(desk: Desk, plans: list[Plan]) -> list[Watched]:
    """Plans that have come into the queue behind the busy one."""
    attempts = await desk.start_all(plans)
    for attempt in attempts:
        await desk.until(attempt, waits)
    return attempts


async def all_ended(desk: Desk, attempts: list[Watched]) -> list[Job]:
    """Their jobs when all have ended."""
    return [await desk.ended(attempt) for attempt in attempts]


async def test_many_runs_are_submitted_in_one_call_and_all_complete(desk: Desk) -> None:
    plans = desk.plans(12, "echo $TRAINBOARD_TOKEN")
    attempts = await desk.start_all(plans)
    assert {job.state for job in await all_ended(desk, attempts)} == {JobState.COMPLETED}
    for plan, attempt in zip(plans, attempts, strict=True):
        assert await desk.log(attempt) == f"{plan.token}\n"


async def test_submitting_again_while_they_wait_starts_nothing_twice(narrow: Desk) -> None:
    first = await busy(narrow)
    plans = narrow.plans(3, "echo once >> ran")
    attempts = await queued(narrow, plans)
    again = await narrow.backend.submit(plans)
    assert [again[plan.token] for plan in plans] == [attempt.job_id for attempt in attempts]
    (narrow.workdir / "go").touch()
    assert {job.state for job in await all_ended(narrow, [first, *attempts])} == {JobState.COMPLETED}
    assert (narrow.workdir / "ran").read_text() == "once\n" * 3


async def test_two_who_submit_the_same_at_the_same_moment_start_it_once(desk: Desk) -> None:
    plans = desk.plans(4, "echo once >> ran")
    for outcomes in await asyncio.gather(desk.backend.submit(plans), desk.backend.submit(plans)):
        assert all(isinstance(outcome, str) for outcome in outcomes.values())
    jobs = await all_ended(desk, [desk.watched(plan) for plan in plans])
    assert {job.state for job in jobs} == {JobState.COMPLETED}
    assert (desk.workdir / "ran").read_text() == "once\n" * 4


async def test_a_place_that_another_attempt_has_is_refused_for_that_one_alone(desk: Desk) -> None:
    taken, free = desk.plans(2, "echo ours")
    first = await desk.start(taken)
    outcomes = await desk.backend.submit([replace(taken, token="0" * 16), free])
    refused = outcomes["0" * 16]
    assert isinstance(refused, Rejected)
    assert "there is another attempt" in str(refused)
    second = desk.watched(free, str(outcomes[free.token]))
    assert {job.state for job in await all_ended(desk, [first, second])} == {JobState.COMPLETED}


async def test_a_waiting_run_says_why_it_waits(narrow: Desk) -> None:
    await busy(narrow)
    [attempt] = await queued(narrow, narrow.plans(1))
    assert (await narrow.until(attempt, lambda job: bool(job.reason))).reason
    (narrow.workdir / "go").touch()
    await narrow.ended(attempt)


async def test_a_held_run_waits_while_others_pass_it_and_goes_on_when_released(narrow: Desk) -> None:
    await busy(narrow)
    held, other = await queued(narrow, narrow.plans(2, "echo ran"))
    await narrow.backend.hold([held])
    await narrow.until(held, lambda job: job.state is JobState.HELD)
    (narrow.workdir / "go").touch()
    assert (await narrow.ended(other)).state is JobState.COMPLETED
    assert (await narrow.job(held)).state is JobState.HELD
    await narrow.backend.release([held])
    assert (await narrow.ended(held)).state is JobState.COMPLETED


async def test_holding_what_runs_leaves_it_alone(narrow: Desk) -> None:
    first = await busy(narrow)
    await narrow.backend.hold([first])
    assert (await narrow.job(first)).state is JobState.RUNNING
    (narrow.workdir / "go").touch()
    assert (await narrow.ended(first)).state is JobState.COMPLETED


async def test_a_withdrawn_run_never_starts_and_one_that_runs_is_not_withdrawn(narrow: Desk) -> None:
    first = await busy(narrow)
    plans = narrow.plans(2, "echo ran >> ran")
    gone, stays = await queued(narrow, plans)
    assert await narrow.backend.withdraw([first, gone]) == {gone.token}
    assert await narrow.backend.withdraw([gone]) == {gone.token}  # the answer may have been lost
    job = await narrow.ended(gone)
    assert (job.state, job.withdrawn) == (JobState.CANCELLED, True)
    await narrow.backend.submit(plans[:1])
    (narrow.workdir / "go").touch()
    jobs = await all_ended(narrow, [first, stays])
    assert [(job.state, job.withdrawn) for job in jobs] == [(JobState.COMPLETED, False)] * 2
    assert (narrow.workdir / "ran").read_text() == "ran\n"
    assert (await narrow.job(gone)).withdrawn


async def test_a_run_that_is_withdrawn_while_it_starts_is_started_or_withdrawn_and_never_both(desk: Desk) -> None:
    rounds = 6 if desk.backend.kind == "slurm" else 20
    withdrawn, ran = 0, 0
    for n in range(rounds):
        plan = desk.plan(f"touch ran.{n}")
        attempt = await desk.start(plan)
        for _ in range(n % 5):  # a moment later each time
            await desk.backend.run_command(["true"])
        taken = await desk.backend.withdraw([attempt])
        job = await desk.ended(attempt)
        there = (desk.workdir / f"ran.{n}").exists()
        assert (attempt.token in taken, job.withdrawn, job.state) in (
            (True, True, JobState.CANCELLED),
            (False, False, JobState.COMPLETED),
        )
        assert there is (attempt.token not in taken)
        withdrawn, ran = withdrawn + len(taken), ran + there
    assert withdrawn + ran == rounds


async def test_a_waiting_run_that_is_cancelled_never_starts(narrow: Desk) -> None:
    await busy(narrow)
    plans = narrow.plans(2, "echo ran >> ran")
    gone, stays = await queued(narrow, plans)
    await narrow.backend.cancel([gone])
    job = await narrow.ended(gone)
    assert (job.state, job.withdrawn) == (JobState.CANCELLED, False)
    await narrow.backend.submit(plans[:1])
    (narrow.workdir / "go").touch()
    assert (await narrow.ended(stays)).state is JobState.COMPLETED
    assert (narrow.workdir / "ran").read_text() == "ran\n"


async def test_a_run_that_is_cancelled_before_it_arrives_never_starts(desk: Desk) -> None:
    plan = desk.plan("touch ran")
    await desk.backend.cancel([desk.watched(plan)])
    outcome = (await desk.backend.submit([plan]))[plan.token]
    job = await desk.ended(desk.watched(plan, outcome if isinstance(outcome, str) else ""))
    assert job.state is JobState.CANCELLED
    assert not (desk.workdir / "ran").exists()


async def in_order(desk: Desk, attempts: list[Watched]) -> str:
    """Let them go; the order in which they wrote."""
    (desk.workdir / "go").touch()
    await all_ended(desk, attempts)
    return (desk.workdir / "order").read_text()


def lettered(desk: Desk, letters: str) -> list[Plan]:
    """Runs of one experiment that write a letter each."""
    plans = desk.plans(len(letters))
    return [replace(plan, command=f"printf {letter} >> order") for plan, letter in zip(plans, letters, strict=True)]


async def test_waiting_runs_start_in_the_order_of_their_submission(narrow: Desk) -> None:
    await busy(narrow)
    attempts = await queued(narrow, lettered(narrow, "abcd"))
    assert await in_order(narrow, attempts) == "abcd"


async def test_a_run_with_a_greater_priority_goes_first(narrow: Desk) -> None:
    await busy(narrow)
    plans = lettered(narrow, "abc")
    attempts = await queued(narrow, [replace(plan, priority=n, batch=plan.token) for n, plan in enumerate(plans)][:1])
    for n in (1, 2):
        attempts += await queued(narrow, [replace(plans[n], priority=n, batch=plans[n].token)])
    assert await in_order(narrow, attempts) == "cba"


async def test_marked_runs_go_to_the_top_in_their_order(narrow: Desk) -> None:
    await busy(narrow)
    attempts = await queued(narrow, lettered(narrow, "abcd"))
    a, b, c, d = attempts
    await narrow.backend.to_top([d, c])
    await narrow.backend.to_top([b])
    assert await in_order(narrow, [a, b, c, d]) == "bdca"


async def test_a_run_goes_on_from_the_checkpoint_of_the_attempt_before(desk: Desk) -> None:
    saved = Checkpoints("ckpt-*", None, "--resume {checkpoint}")
    train = desk.workdir / "train.sh"
    train.write_text('echo "$@"; echo state > ckpt-1; exit 3\n')
    first = desk.plan("sh ./train.sh", checkpoints=saved)
    one = await desk.start(first)
    assert (await desk.ended(one)).state is JobState.FAILED
    train.write_text('echo "$@"\n')
    second = replace(first, token="f" + first.token[1:], attempt=2, batch="f" + first.batch[1:])
    two = await desk.start(second)
    assert (await desk.ended(two)).state is JobState.COMPLETED
    assert await desk.log(one) == "\n"
    assert await desk.log(two) == f"--resume {desk.workdir}/ckpt-1\n"


async def test_a_log_keeps_to_its_limit_and_its_newest_lines(desk: Desk) -> None:
    attempt = await desk.start(desk.plan("seq 1 40000", log_limit=100_000))
    assert (await desk.ended(attempt)).state is JobState.COMPLETED
    newest = await desk.backend.read(f"{attempt.directory}/out.log", -6, 6)
    older = await desk.backend.read(f"{attempt.directory}/out.log.1", 0, 1)
    assert newest.data == b"40000\n"
    assert newest.size + older.size <= 100_000


async def test_a_scan_finds_every_attempt_with_its_plan_and_spec(desk: Desk) -> None:
    plans = desk.plans(3, origin={"index": 7}, spec_text="name: é\n")
    attempts = await desk.start_all(plans)
    await all_ended(desk, attempts)
    found = {entry.plan["token"]: entry for entry in await desk.backend.scan()}
    assert set(found) == {plan.token for plan in plans}
    for plan, attempt in zip(plans, attempts, strict=True):
        entry = found[plan.token]
        assert entry.directory == attempt.directory
        assert (entry.plan["run"], entry.plan["origin"], entry.spec_text) == (plan.run, {"index": 7}, "name: é\n")
        assert entry.job_id in (attempt.job_id, "")


async def test_room_says_what_would_start_now(desk: Desk) -> None:
    plan = desk.plan("true")
    room = await desk.backend.room(plan.resources, plan.slurm)
    assert room.now is None if desk.backend.kind == "slurm" else (room.now or 0) >= 1


async def test_a_folder_of_the_batch_is_put_in_place_whole(desk: Desk, tmp_path: Path) -> None:
    path = desk.backend.directory("e/.batches/b")
    put = desk.backend._publish_folder  # type: ignore[attr-defined]  # what the kinds share
    await put(path, "b", {"attempts": b"r/1\n"}, {"0.log": "../../r/1/out.log"})
    await put(path, "b", {"attempts": b"r/1\n"}, {"0.log": "../../r/1/out.log"})
    assert (await desk.backend.read(f"{path}/attempts", 0, 99)).data == b"r/1\n"
    found = await desk.backend.run_command(["readlink", f"{path}/0.log"])
    assert found.out == b"../../r/1/out.log\n"
