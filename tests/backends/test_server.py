"""Hosts without a scheduler: what is theirs alone. On this machine, but where a line says otherwise."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from backends.base import CommandFailed, Completed, HostUnreachable, JobState, Policy, Rejected, Unclear, Watched
from backends.host import Frame, Host
from backends.hosted import by_our_clock, clocks_apart
from backends.local import Local, open_local_link
from backends.remote.attempts import marked
from backends.server import Server
from tests.backends.conftest import Desk, over_ssh
from tests.backends.test_control import BUSY, busy, queued

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Mapping, Sequence

    from backends.base import BackendError
    from tests.cluster import Cluster


class OddHost(Host):
    """This machine, with one thing that goes wrong with the command that launches."""

    def __init__(self) -> None:
        super().__init__("gpu9", open_local_link)
        self.error: BackendError | None = None
        self.answer: Completed | None = None
        self.launches = 0
        """Whether the command was carried out all the same."""

    async def run(
        self,
        argv: Sequence[str],
        timeout: float = 20,
        cap: int = 1 << 20,
        env: Mapping[str, str] | None = None,
        cwd: str = "~",
    ) -> Completed:
        """As the test wants."""
        if self.launches:
            await super().run(argv[: 1 + self.launches], timeout, cap, env, cwd)
        if self.error is not None:
            raise self.error
        return self.answer or await super().run(argv, timeout, cap, env, cwd)


@pytest.fixture
async def odd(tmp_path: Path) -> AsyncGenerator[tuple[OddHost, Desk]]:
    """A server on an odd host."""
    host = OddHost()
    backend = Server("gpu9", host, str(tmp_path / "runs"), shared=True, leases=str(tmp_path / "leases"))
    desk = Desk(backend, tmp_path)
    yield host, desk
    host.error, host.answer, host.launches = None, None, 0
    await desk.leave()


@pytest.fixture
async def narrow(tmp_path: Path) -> AsyncGenerator[Desk]:
    """This machine, with room for one run at a time."""
    backend = Local("here", str(tmp_path / "runs"), leases=str(tmp_path / "leases"), policy=Policy(at_most=1))
    desk = Desk(backend, tmp_path)
    yield desk
    await desk.leave()


def record(attempt: Watched, name: str) -> dict[str, Any]:
    """A state file of an attempt on this machine."""
    return dict(json.loads(Path(attempt.directory, "state", name).read_text()))


async def stranded(desk: Desk, attempt: Watched) -> None:
    """Wait until nothing moves it on."""
    await desk.until(attempt, lambda job: job.stranded)


async def test_a_run_whose_waiter_was_killed_is_stranded_and_submitting_again_brings_it_back(narrow: Desk) -> None:
    first = await busy(narrow)
    plans = narrow.plans(2, "echo once >> ran")
    attempts = await queued(narrow, plans)
    os.kill(record(attempts[0], "waiting")["pid"], signal.SIGKILL)
    await stranded(narrow, attempts[0])
    assert not (await narrow.job(attempts[1])).stranded
    assert await narrow.start_all(plans)
    assert not (await narrow.job(attempts[0])).stranded
    (narrow.workdir / "go").touch()
    for attempt in [first, *attempts]:
        assert (await narrow.ended(attempt)).state is JobState.COMPLETED
    assert (narrow.workdir / "ran").read_text() == "once\n" * 2


async def test_what_was_published_and_never_launched_is_stranded_and_comes_with_the_next_try(
    odd: tuple[OddHost, Desk],
) -> None:
    host, desk = odd
    plan = desk.plan("true")
    host.error = HostUnreachable("gpu9: the connection ended")
    outcome = (await desk.backend.submit([plan]))[plan.token]
    assert isinstance(outcome, Unclear)
    await stranded(desk, desk.watched(plan))
    host.error = None
    assert (await desk.ended(await desk.start(plan))).state is JobState.COMPLETED


async def test_an_answer_that_is_lost_after_the_launch_is_unclear_and_again_is_once(
    odd: tuple[OddHost, Desk],
) -> None:
    host, desk = odd
    plans = desk.plans(2, "echo once >> ran")
    host.error, host.launches = HostUnreachable("gpu9: the connection ended"), 3
    outcomes = await desk.backend.submit(plans)
    assert all(isinstance(outcome, Unclear) for outcome in outcomes.values())
    host.error, host.launches = None, 0
    for attempt in await desk.start_all(plans):
        assert (await desk.ended(attempt)).state is JobState.COMPLETED
    assert (desk.workdir / "ran").read_text() == "once\n" * 2


async def test_a_host_without_the_program_is_a_clear_no(odd: tuple[OddHost, Desk]) -> None:
    host, desk = odd
    plan = desk.plan("true")
    host.error = CommandFailed("gpu9: python3: No such file or directory")
    outcome = (await desk.backend.submit([plan]))[plan.token]
    assert isinstance(outcome, Rejected)
    assert str(outcome) == "not submitted: gpu9: python3: No such file or directory"


async def test_of_a_launch_that_failed_half_each_run_is_told_as_it_is(odd: tuple[OddHost, Desk]) -> None:
    host, desk = odd
    first, second = plans = desk.plans(2)
    host.answer, host.launches = Completed(1, b"", b"Cannot fork\n"), 2  # the first of them only
    outcomes = await desk.backend.submit(plans)
    assert outcomes[first.token] == first.token
    assert str(outcomes[second.token]) == "gpu9: not in the queue yet: Cannot fork"
    assert (await desk.ended(desk.watched(first))).state is JobState.COMPLETED


async def test_a_restart_of_the_host_ends_what_ran_and_what_waited_waits_on(narrow: Desk) -> None:
    first = await busy(narrow)
    plans = narrow.plans(2, "echo ran >> ran")
    attempts = await queued(narrow, plans)
    for attempt in attempts:
        os.kill(record(attempt, "waiting")["pid"], signal.SIGKILL)
        another_boot(attempt, "waiting")
    began = record(first, "started")
    os.kill(began["pid"], signal.SIGSTOP)  # or it would start another guard
    for pid in (began["guard"], began["pid"]):
        os.kill(pid, signal.SIGKILL)
    another_boot(first, "started")
    job = await narrow.ended(first)
    assert (job.state, job.reason) == (JobState.NODE_FAIL, "the host was restarted")
    for attempt in attempts:
        await stranded(narrow, attempt)
    for pid in marked(first.token):  # a restart ends all
        with contextlib.suppress(ProcessLookupError):  # a short one may have come to its end
            os.kill(pid, signal.SIGKILL)
    for attempt in await narrow.start_all(plans):
        assert (await narrow.ended(attempt)).state is JobState.COMPLETED


def another_boot(attempt: Watched, name: str) -> None:
    """Make a record one of the boot before."""
    changed = record(attempt, name) | {"boot": "the one before"}
    Path(attempt.directory, "state", name).write_text(json.dumps(changed))


async def test_a_killed_runner_is_told_and_nothing_of_its_program_stays(narrow: Desk) -> None:
    first = await busy(narrow)
    os.kill(record(first, "started")["pid"], signal.SIGKILL)
    job = await narrow.ended(first)
    assert (job.state, job.reason) == (JobState.FAILED, "the runner was killed; its processes were ended")
    second = await narrow.start(narrow.plan("true"))
    assert (await narrow.ended(second)).state is JobState.COMPLETED


async def test_a_program_that_lost_runner_and_guard_is_told_and_cancel_frees_its_place(narrow: Desk) -> None:
    first = await busy(narrow)
    [second] = await queued(narrow, narrow.plans(1))
    began = record(first, "started")
    os.kill(began["pid"], signal.SIGSTOP)  # or it would start another guard
    for pid in (began["guard"], began["pid"]):
        os.kill(pid, signal.SIGKILL)
    job = await narrow.until(first, lambda job: "still run" in job.reason)
    assert job.state is JobState.RUNNING
    assert job.reason.startswith("its runner is gone; ")
    assert not (await narrow.job(second)).state.ended
    await narrow.backend.cancel([first])
    assert (await narrow.ended(first)).reason == "cancelled; its runner was gone"
    assert (await narrow.ended(second)).state is JobState.COMPLETED


async def test_the_policy_of_the_config_is_what_the_waiters_read(tmp_path: Path) -> None:
    for most in (1, 3):
        policy = Policy(at_most=most, ignore=("xeyes",), share=True, settle=5.0)
        backend = Local("here", str(tmp_path / "runs"), leases=str(tmp_path / "leases"), policy=policy)
        plan = Desk(backend, tmp_path).plan("true")
        room = await backend.room(plan.resources, plan.slurm)
        await backend.close()
        written = json.loads((tmp_path / "runs/policy.json").read_text())
        assert written == {"at_most": most, "ignore": ["xeyes"], "share": True, "settle": 5.0}
        assert (room.now or 0) <= most


def test_times_of_a_host_whose_clock_is_an_hour_off_are_told_by_ours() -> None:
    found = {"present": True, "started": {"time": 7200.0, "pid": 1}, "exit": None, "waiting": {"time": 7100.0}}
    moved = by_our_clock(found, -3600.0)
    assert (moved["started"], moved["waiting"]) == ({"time": 3600.0, "pid": 1}, {"time": 3500.0})
    assert (moved["exit"], moved["present"]) == (None, True)
    assert by_our_clock(found, 1.0) == found


def test_an_attempt_that_never_began_has_no_time_to_be_moved() -> None:
    moved = by_our_clock({"exit": {"state": "CANCELLED", "began": None, "time": 7200.0}}, -3600.0)
    assert moved["exit"] == {"state": "CANCELLED", "began": None, "time": 3600.0}


@pytest.mark.parametrize(
    ("now", "ahead"), [(95.0, 5.0), (100.0, 0.0), (130.0, 0.0), (160.0, 0.0), (3760.0, -3600.0), (0.0, 100.0)]
)
def test_a_slow_line_is_not_taken_for_a_wrong_clock(now: float, ahead: float) -> None:
    assert clocks_apart(now, asked=100.0, answered=160.0) == ahead


class LateHost(Host):
    """This machine with a clock that is an hour behind."""

    async def request(self, op: str, within: float = 20, payload: bytes = b"", **fields: object) -> Frame:
        """Its answers about attempts, as that clock would have it."""
        header, data = await super().request(op, within, payload, **fields)
        if op != "attempts":
            return header, data
        found = [by_our_clock(each, -3600.0) for each in json.loads(data)]
        return header | {"now": header["now"] - 3600.0}, json.dumps(found).encode()


async def test_a_run_on_a_host_whose_clock_is_off_begins_and_ends_by_our_clock(tmp_path: Path) -> None:
    host = LateHost("gpu9", open_local_link)
    desk = Desk(Server("gpu9", host, str(tmp_path / "runs"), shared=True, leases=str(tmp_path / "leases")), tmp_path)
    before = time.time()
    job = await desk.ended(await desk.start(desk.plan("true")))
    assert job.started is not None
    assert job.ended is not None
    assert before - 60 <= job.started <= job.ended <= time.time() + 60  # the clock is off by an hour
    await desk.leave()


@pytest.mark.sshd
async def test_two_hundred_attempts_are_in_place_well_below_five_seconds(sshd: Cluster, tmp_path: Path) -> None:
    backend = Server("gpu1", over_ssh(sshd, "gpu1"), str(tmp_path / "runs"), shared=True)
    await backend.jobs([])
    took: list[float] = []
    while not took or (min(took) >= 5 and len(took) < 3):  # others use this machine as well
        plans = Desk(backend, tmp_path).plans(200, BUSY)
        began = time.monotonic()
        uploaded = await backend._upload(plans, lambda plan: "#!/bin/sh\n")
        took.append(time.monotonic() - began)
        assert list(uploaded.values()) == [f"{tmp_path}/runs/{plan.folder}" for plan in plans]
    assert min(took) < 5
    await backend.close()
