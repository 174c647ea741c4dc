"""Jobs that Slurm starts again: at our wish after the time limit, else after preemption and the loss of a node."""

from __future__ import annotations

import os
import signal
import subprocess
from typing import TYPE_CHECKING, Any

import pytest

from tests.backends.runners import Attempt, attempts, small_disk, until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

JOB = {"SLURM_JOB_ID": "77"}
LOST = "the scheduler lost it and started the job anew"
SAVES = "trap 'echo saved; exit 0' USR2; echo up; while :; do sleep 0.05; done"


@pytest.fixture
def attempt(tmp_path: Path) -> Iterator[Callable[..., Attempt]]:
    """Makes attempt directories."""
    with attempts(tmp_path) as make:
        yield make


@pytest.fixture
def scontrol(tmp_path: Path) -> Callable[[str], dict[str, str]]:
    """Makes a scontrol that notes what it was asked for; the environment in which it is found."""

    def make(answer: str) -> dict[str, str]:
        folder = tmp_path / "bin"
        folder.mkdir(exist_ok=True)
        program = folder / "scontrol"
        program.write_text(f'#!/bin/sh\necho "$@" >> {tmp_path}/asked\n{answer}\n')
        program.chmod(0o755)
        return {**JOB, "PATH": f"{folder}:{os.environ['PATH']}"}

    return make


def again(count: int, **more: str) -> dict[str, str]:
    """The environment of a restarted job."""
    return {**JOB, "SLURM_RESTART_COUNT": str(count), **more}


def dies(one: Attempt, env: dict[str, str]) -> None:
    """A life that a lost node ends: nobody is left to tell it."""
    process = one.up(env)
    os.kill(process.pid, signal.SIGSTOP)
    os.kill(one.state("started")["guard"], signal.SIGKILL)
    one.end()


def restart(*words: str, most: int = 2) -> dict[str, Any]:
    """A plan's `restart`."""
    return {"on": list(words), "max": most}


def test_an_array_task_is_named_as_squeue_names_it(attempt: Callable[..., Attempt]) -> None:
    one = attempt("true")
    one.run({**JOB, "SLURM_ARRAY_JOB_ID": "70", "SLURM_ARRAY_TASK_ID": "7"})
    assert one.state("started")["job_id"] == "70_7"


def test_a_lost_life_without_restarts_is_a_node_failure(attempt: Callable[..., Attempt]) -> None:
    one = attempt("echo up; sleep 600")
    dies(one, JOB)
    assert one.start(again(1)).wait(20) == 0
    assert one.ending() == ("NODE_FAIL", None, LOST)
    assert one.log().count(b"up\n") == 1


def test_a_lost_life_is_followed_by_another_where_the_plan_allows_it(attempt: Callable[..., Attempt]) -> None:
    one = attempt("echo up; [ -e once ] || { : > once; sleep 600; }", restart=restart("NODE_FAIL"))
    dies(one, JOB)
    record = one.run(again(1))
    assert (record["state"], record["restarts"]) == ("COMPLETED", 1)
    assert one.log().count(b"up\n") == 2
    assert [(end["state"], end["reason"], end["restart"]) for end in one.ends()] == [("NODE_FAIL", LOST, 0)]
    assert one.state("started")["restart"] == 1


def test_no_more_lives_than_the_plan_allows(attempt: Callable[..., Attempt]) -> None:
    one = attempt("echo up; sleep 600", restart=restart("NODE_FAIL", most=1))
    dies(one, JOB)
    process = one.start(again(1))
    until(lambda: one.log().count(b"up\n") == 2)
    os.kill(process.pid, signal.SIGSTOP)
    os.kill(one.state("started")["guard"], signal.SIGKILL)
    one.end()
    assert one.start(again(2)).wait(20) == 0
    assert one.ending() == ("NODE_FAIL", None, LOST)
    assert one.record()["restarts"] == 1


def test_of_many_runners_of_one_life_exactly_one_goes_on(attempt: Callable[..., Attempt]) -> None:
    one = attempt("echo up; [ -e once ] || { : > once; sleep 600; }", restart=restart("NODE_FAIL"))
    dies(one, JOB)
    assert [process.wait(30) for process in [one.start(again(1)) for _ in range(6)]] == [0] * 6
    assert one.log().count(b"up\n") == 2
    assert one.ending() == ("COMPLETED", 0, "")


def test_a_second_job_of_the_same_attempt_never_goes_on_in_its_place(attempt: Callable[..., Attempt]) -> None:
    one = attempt("echo up; sleep 600", restart=restart("NODE_FAIL", "PREEMPTED"))
    process = one.up(JOB)
    assert one.start(again(1, SLURM_JOB_ID="78")).wait(20) == 0
    assert process.poll() is None
    assert not one.has("exit")


def test_a_runner_that_died_before_it_could_tell_its_name_is_a_node_failure(attempt: Callable[..., Attempt]) -> None:
    one = attempt("echo ran")
    (one.directory / "state/claim").mkdir()
    assert one.start(again(1)).wait(20) == 0
    assert one.ending() == ("NODE_FAIL", None, LOST)
    assert b"ran" not in one.log()


def test_an_attempt_that_was_taken_back_is_left_to_who_did_it(attempt: Callable[..., Attempt]) -> None:
    one = attempt("echo ran", restart=restart("NODE_FAIL"))
    (one.directory / "state/claim").symlink_to("withdrawn")
    assert one.start(again(1)).wait(20) == 0
    assert not one.has("exit")
    assert b"ran\n" not in one.log()


@pytest.mark.parametrize("allowed", [True, False])
def test_a_preempted_life_is_told_when_the_job_starts_again(attempt: Callable[..., Attempt], allowed: bool) -> None:
    one = attempt("echo up; [ -e once ] || { : > once; sleep 600; }", restart=restart(*["PREEMPTED"] * allowed))
    one.up(JOB).send_signal(signal.SIGTERM)
    until(lambda: one.has("exit"))
    assert (one.record()["state"], one.record()["reason"]) == ("CANCELLED", "ended by SIGTERM")
    assert one.start(again(1)).wait(20) == 0
    told = one.ends()[0] if allowed else one.record()
    assert (told["state"], told["reason"]) == ("PREEMPTED", "the scheduler took it off")
    assert one.record()["state"] == ("COMPLETED" if allowed else "PREEMPTED")


@pytest.mark.parametrize("end", ["exit 0", "exit 3"])
def test_an_end_that_was_told_is_the_last_word(attempt: Callable[..., Attempt], end: str) -> None:
    one = attempt(f"echo up; {end}", restart=restart("NODE_FAIL", "PREEMPTED", "TIMEOUT"))
    before = one.run(JOB)
    assert one.start(again(1)).wait(20) == 0
    assert one.record() == before
    assert one.log().count(b"up\n") == 1


def test_a_cancelled_job_that_starts_again_stays_cancelled(attempt: Callable[..., Attempt]) -> None:
    one = attempt("echo up; sleep 600", restart=restart("NODE_FAIL"))
    dies(one, JOB)
    (one.directory / "state/cancel").touch()
    assert one.run(again(1))["state"] == "CANCELLED"
    assert one.log().count(b"up\n") == 1


def test_the_time_limit_requeues_the_job_after_the_program_has_saved(
    attempt: Callable[..., Attempt], scontrol: Callable[[str], dict[str, str]], tmp_path: Path
) -> None:
    one = attempt(f"[ -e go ] && exit 0; {SAVES}", restart=restart("TIMEOUT"), grace=10)
    process = one.up(scontrol("exit 0"))
    process.send_signal(signal.SIGUSR2)
    assert process.wait(20) == 0
    assert one.log().endswith(b"saved\n")
    assert (tmp_path / "asked").read_text() == "requeue 77\n"
    assert not one.has("exit")
    assert [(end["state"], end["code"], end["restart"]) for end in one.ends()] == [("TIMEOUT", 0, 0)]
    one.go()
    assert one.run(again(1))["restarts"] == 1
    assert one.ending() == ("COMPLETED", 0, "")


@pytest.mark.parametrize("answer", ["echo Requested operation is presently disabled; exit 1", "missing"])
def test_a_job_that_cannot_be_requeued_has_timed_out(
    attempt: Callable[..., Attempt], scontrol: Callable[[str], dict[str, str]], tmp_path: Path, answer: str
) -> None:
    one = attempt(SAVES, restart=restart("TIMEOUT"), grace=10)
    env = scontrol(answer)
    if answer == "missing":
        (tmp_path / "bin/scontrol").unlink()
    process = one.up(env)
    process.send_signal(signal.SIGUSR2)
    assert process.wait(20) == 1
    assert one.ending() == ("TIMEOUT", 0, "time limit")
    assert b"not requeued" in one.log()
    assert one.start(again(1)).wait(20) == 0  # should it have been accepted after all
    assert one.ending() == ("TIMEOUT", 0, "time limit")
    assert one.log().count(b"up\n") == 1


@pytest.mark.parametrize("most", [0, 1])
def test_the_time_limit_requeues_no_more_often_than_the_plan_says(
    attempt: Callable[..., Attempt], scontrol: Callable[[str], dict[str, str]], tmp_path: Path, most: int
) -> None:
    one = attempt(SAVES, restart=restart("TIMEOUT", most=most), grace=10)
    for life in range(most + 1):
        process = one.start({**scontrol("exit 0"), "SLURM_RESTART_COUNT": str(life)})
        until(lambda: one.log().count(b"up\n") == life + 1)  # noqa: B023  # called in this very turn
        process.send_signal(signal.SIGUSR2)
        assert process.wait(20) == int(life == most)
    assert one.ending() == ("TIMEOUT", 0, "time limit")
    assert one.record()["restarts"] == most
    assert (tmp_path / "asked").exists() == bool(most)


def test_a_runner_in_a_job_that_uses_our_own_queue_is_no_job(
    attempt: Callable[..., Attempt], scontrol: Callable[[str], dict[str, str]], tmp_path: Path
) -> None:
    one = attempt("sleep 600", restart=restart("TIMEOUT"), queue={"gpus": 0}, time=0.2)
    assert one.run(scontrol("exit 0"))["state"] == "TIMEOUT"
    assert one.state("started")["job_id"] == ""
    assert not (tmp_path / "asked").exists()


def test_a_restart_on_a_full_disk_is_told(attempt: Callable[..., Attempt], tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", "256k") as why:
        if why:
            pytest.skip(why)
        one = attempt("echo up; sleep 600", folder=tmp_path / "disk", restart=restart("NODE_FAIL"))
        dies(one, JOB)
        subprocess.run(["dd", "if=/dev/zero", f"of={one.directory}/fill", "bs=64k"], stderr=subprocess.DEVNULL)
        assert one.start(again(1)).wait(20) == 0
        assert one.record()["state"] == "NODE_FAIL"
        assert "No space left on device" in one.record()["reason"]
        assert one.log().count(b"up\n") == 1
