"""The queue of a host without a scheduler, with real waiters, real locks and an nvidia-smi that is replayed."""

from __future__ import annotations

import json
import os
import pwd
import signal
import time
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest

from backends.queue import attempt, scene, tickets
from backends.queue.gpus import App, Card
from backends.queue.room import room
from tests.backends.queues import Server, until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

ROUNDS = 3
"""Tries to see how fast something is on a machine which others use as well."""


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    """A host with two GPUs."""
    host = Server(tmp_path)
    yield host
    host.close()


def test_runs_take_their_turn_and_each_is_told_why_it_waits(server: Server) -> None:
    runs = [server.run(f"r{n}") for n in range(4)]
    said = server.launch(*runs)
    assert [json.loads(line)["outcome"] for line in said.stdout.splitlines()] == ["waiting"] * 4
    until(lambda: runs[0].begun and runs[1].begun)
    assert [runs[0].gpus, runs[1].gpus] == [[0], [1]]
    assert runs[1].record("started")["visible"] == "1"
    user = scene.listing(str(server.leases))["leases"][0]["user"]
    until(lambda: runs[3].reason == f"1 run ahead; GPU 0: exp/r0 of {user}; GPU 1: exp/r1 of {user}")
    assert runs[3].record("waiting")["gpus"] == [[0, f"exp/r0 of {user}"], [1, f"exp/r1 of {user}"]]
    assert [run["token"] for run in scene.listing(str(server.leases))["leases"]] != []
    runs[1].finish()
    until(lambda: runs[2].begun)
    assert runs[2].gpus == [1]
    assert not runs[3].begun
    assert (runs[2].directory / "out.log").read_text() == "began\n"


def test_a_freed_gpu_is_taken_within_three_seconds_four_at_once_too(tmp_path: Path) -> None:
    server = Server(tmp_path, gpus=4)
    try:
        rounds = [[server.run(f"{n}-{gpu}") for gpu in range(4)] for n in range(ROUNDS + 1)]
        server.launch(*(run for runs in rounds for run in runs))
        until(lambda: all(run.begun for run in rounds[0]) and all(run.reason for runs in rounds[1:] for run in runs))
        took: list[float] = []
        for before, after in pairwise(rounds):
            freed = time.monotonic()
            for run in before:
                run.kill()
            until(lambda after=after: all(run.begun for run in after))  # type: ignore[misc]  # bound at once
            took.append(max(run.record("started")["time"] for run in after) - freed)
            assert sorted(run.gpus[0] for run in after) == [0, 1, 2, 3]
            if took[-1] < 3:
                break
        assert min(took) < 3
    finally:
        server.close()


def test_the_waiter_is_one_process_that_becomes_the_runner_and_is_launched_once(server: Server) -> None:
    run = server.began("r")
    assert run.record("started")["pid"] == run.pid
    assert attempt.living(str(run.directory))
    again = server.launch(run)
    assert (again.returncode, json.loads(again.stdout)["outcome"]) == (0, "claimed")
    waiting = [server.queued(f"w{n}") for n in range(2)][1]
    assert json.loads(server.launch(waiting).stdout)["outcome"] == "living"
    assert len(server.names("ticket")) == 1


def test_a_waiter_that_was_killed_is_replaced_and_keeps_its_place(server: Server) -> None:
    busy = [server.began("a"), server.began("b")]
    first = server.queued("first")
    second = server.queued("second")
    since = first.record("waiting")["time"]
    first.kill()
    until(lambda: not first.living)
    assert not attempt.living(str(first.directory))
    assert [each["token"] for each in scene.listing(str(server.leases))["tickets"]] == [second.token]
    server.launch(first)
    assert first.record("waiting")["time"] == since
    busy[0].finish()
    until(lambda: first.begun)
    assert not second.begun


def test_after_a_restart_of_the_host_leases_are_gone_and_the_order_is_kept(server: Server) -> None:
    running = server.began("a"), server.began("b")
    waiting = [server.queued(f"w{n}") for n in range(3)]
    for run in server.runs:
        run.kill()  # what a restart does: nothing lives, the files stay
    until(lambda: not any(run.living for run in server.runs))
    assert scene.listing(str(server.leases)) == {"tickets": [], "leases": []}
    server.launch(*reversed(waiting))
    until(lambda: waiting[0].begun and waiting[1].begun)
    assert not waiting[2].begun
    assert json.loads(server.launch(running[0]).stdout)["outcome"] == "claimed"


def test_a_waiter_of_another_boot_does_not_live(server: Server) -> None:
    server.began("a"), server.began("b")
    run = server.queued("r")
    assert attempt.living(str(run.directory))
    record = run.record("waiting")
    (run.state / "waiting").write_text(json.dumps(record | {"boot": "another"}))
    assert not attempt.living(str(run.directory))
    (run.state / "waiting").write_text(json.dumps(record | {"start": record["start"] + 1}))
    assert not attempt.living(str(run.directory))
    (run.state / "waiting").write_text(json.dumps(record))
    assert attempt.living(str(run.directory))


def test_an_orphan_keeps_the_gpu_of_a_runner_that_was_killed(server: Server) -> None:
    run = server.began("a", orphan=True)
    other = server.began("b")
    waiting = server.queued("w")
    orphan = run.record("started")["orphan"]
    run.kill()
    until(lambda: not run.living)
    other.finish()
    until(lambda: waiting.begun)
    assert waiting.gpus == other.gpus
    last = server.queued("last")
    until(lambda: "GPU 0: exp/a of" in last.reason)
    os.kill(orphan, signal.SIGKILL)
    until(lambda: last.begun)
    assert last.gpus == run.gpus


def test_hold_release_priority_and_top_are_obeyed_within_a_second_of_a_poke(server: Server) -> None:
    busy = server.began("a"), server.began("b")
    runs = [server.queued(f"w{n}") for n in range(3)]

    def poke() -> float:
        assert tickets.poke(str(server.leases), [run.token for run in runs]) == 3
        return time.monotonic()

    took: list[float] = []
    while not took or (min(took) >= 1 and len(took) < ROUNDS):
        (runs[0].state / "hold").unlink(missing_ok=True)
        poke()
        until(lambda: not runs[0].record("waiting")["held"])
        (runs[0].state / "hold").touch()
        poked = poke()
        until(lambda: runs[0].record("waiting")["held"])
        took.append(time.monotonic() - poked)
    assert min(took) < 1
    (runs[2].state / "priority").write_text('{"priority": 5, "place": 0.0}')
    poke()
    until(lambda: "1 run ahead" in runs[1].reason and "ahead" not in runs[2].reason)
    busy[0].finish()
    until(lambda: runs[2].begun)
    (runs[0].state / "hold").unlink()
    tickets.poke(str(server.leases), [runs[0].token])
    until(lambda: "1 run ahead" in runs[1].reason)  # it has kept its place
    busy[1].finish()
    until(lambda: runs[0].begun)
    assert not runs[1].begun


def test_without_a_poke_a_waiter_sees_what_is_asked_of_it_by_itself(server: Server) -> None:
    server.began("a"), server.began("b")
    run = server.queued("r")
    (run.state / "hold").touch()
    until(lambda: run.reason == "held")
    (run.state / "hold").unlink()
    until(lambda: not run.record("waiting")["held"])


def test_who_finds_the_claim_taken_leaves_the_queue(server: Server) -> None:
    server.began("a"), server.began("b")
    run = server.queued("r")
    (run.state / "claim").mkdir()
    tickets.poke(str(server.leases), [run.token])
    until(lambda: not run.living)
    assert run.token not in server.names("ticket")
    assert not (run.state / "exit").exists()


def test_a_run_that_is_cancelled_while_it_waits_never_starts(server: Server) -> None:
    busy = server.began("a"), server.began("b")
    run = server.queued("r")
    (run.state / "cancel").touch()
    tickets.poke(str(server.leases), [run.token])
    until(lambda: not run.living)
    assert run.record("exit")["state"] == "CANCELLED"
    assert (run.state / "claim").is_dir()
    busy[0].finish()
    assert json.loads(server.launch(run).stdout)["outcome"] == "claimed"
    assert not run.begun


def test_a_waiter_that_is_asked_to_end_leaves_no_exit_record_and_may_be_launched_again(server: Server) -> None:
    busy = server.began("a"), server.began("b")
    run = server.queued("r")
    run.kill(signal.SIGTERM)
    until(lambda: not run.living)
    assert run.token not in server.names("ticket")
    assert not (run.state / "exit").exists()
    busy[0].finish()
    server.launch(run)
    until(lambda: run.begun)


def test_a_foreign_process_keeps_its_gpu_and_is_named(server: Server) -> None:
    app = {"gpu_uuid": "GPU-0", "pid": os.getpid(), "process_name": "/usr/bin/train", "used_memory": 21504}
    server.see([server.gpu(0, used=21600), server.gpu(1)], app)
    first = server.began("a")
    assert first.gpus == [1]
    run = server.queued("r")
    until(lambda: f"GPU 0: train of {who()} (pid {os.getpid()}, 21 GiB)" in run.reason)
    server.policy(ignore=["train"])
    tickets.poke(str(server.leases), [run.token])
    until(lambda: run.begun)
    assert run.gpus == [0]


def who() -> str:
    """The user who runs the tests."""
    return pwd.getpwuid(os.getuid()).pw_name


def test_a_gpu_is_given_again_only_when_its_memory_has_come_back(server: Server) -> None:
    first = server.began("a"), server.began("b")
    run = server.queued("r")
    server.see([server.gpu(0, used=40000), server.gpu(1)])
    first[0].finish()
    until(lambda: "GPU 0: 39 GiB in use, by no process that is seen" in run.reason)
    server.see([server.gpu(0), server.gpu(1)])
    until(lambda: run.begun)


def test_a_picture_from_before_a_run_that_is_over_is_not_trusted(server: Server) -> None:
    first = server.began("a")  # it begins, ends badly and leaves its memory in use, all within one picture's life
    server.see([server.gpu(0, used=40000), server.gpu(1)])
    first.finish()
    run = server.queued("r", gpus=2)
    until(lambda: run.reason.endswith("GPU 0: 39 GiB in use, by no process that is seen"))
    assert not run.begun


def test_a_hanging_or_failing_nvidia_smi_starts_nothing_and_says_so(server: Server) -> None:
    server.see([], failure={"text": "NVIDIA-SMI has failed", "code": 9})
    run = server.queued("r")
    until(lambda: run.reason == "nvidia-smi failed (9): NVIDIA-SMI has failed")
    without = server.began("c", gpus=0)
    assert without.record("started")["visible"] == ""
    assert not run.begun


def test_without_any_gpu_tool_runs_without_gpus_run_and_others_say_what_is_missing(server: Server) -> None:
    (server.folder / "bin" / "nvidia-smi").unlink()
    server.began("c", gpus=0)
    run = server.queued("r")
    until(lambda: run.reason == "asks for 1 GPU; this host has none (nvidia-smi shows none)")


def test_a_run_that_asks_for_too_much_says_so_and_keeps_nobody(server: Server) -> None:
    huge = server.queued("huge", gpus=8)
    until(lambda: huge.reason == "asks for 8 GPUs; this host has 2")
    server.began("r")


def test_several_runs_share_a_gpu_by_declared_memory(server: Server) -> None:
    runs = [server.run(f"r{n}", gpu_memory=30 << 30) for n in range(5)]
    server.launch(*runs)
    until(lambda: all(run.begun for run in runs[:4]))
    assert sorted(run.gpus[0] for run in runs[:4]) == [0, 0, 1, 1]
    until(lambda: "60 GiB of 80 GiB are declared" in runs[4].reason)


def test_at_most_so_many_of_mine_on_this_host(server: Server) -> None:
    server.policy(at_most=1)
    server.began("a")
    run = server.queued("r")
    until(lambda: run.reason == f"at most 1 run of {who()} on this host")
    server.policy(at_most=2)
    tickets.poke(str(server.leases), [run.token])
    until(lambda: run.begun)


def test_nvidia_smi_is_not_asked_while_the_leases_leave_nothing_to_take(server: Server) -> None:
    busy = server.began("a"), server.began("b")
    runs = [server.run(f"r{n}") for n in range(20)]
    before = server.calls.read_text().count("\n")
    server.launch(*runs)
    until(lambda: all("GPU 1" in run.reason for run in runs))
    assert server.calls.read_text().count("\n") == before
    assert not busy[0].state.joinpath("exit").exists()


def test_a_lease_is_kept_by_the_lock_of_the_gpu_even_when_its_file_is_gone(server: Server) -> None:
    server.began("a"), server.began("b")
    for path in server.leases.glob("lease.*"):
        path.unlink()
    run = server.queued("r")
    until(lambda: run.reason == "a GPU is locked by a run whose lease is not in the folder")
    assert not run.begun


def test_where_the_runner_is_missing_everything_is_given_back(server: Server) -> None:
    (server.programs / "runner.py").unlink()
    run = server.queued("r")
    until(lambda: not run.living)
    assert "the runner does not start" in run.reason
    assert scene.listing(str(server.leases)) == {"tickets": [], "leases": []}
    (server.programs / "runner.py").write_text("")
    assert room(str(server.leases), "", {"gpus": 2, "cpus": 0}, {})["waiting"] == 0


def test_a_folder_of_leases_that_cannot_be_used_fails_the_launch_and_starts_nothing(server: Server) -> None:
    server.leases.write_text("a file")
    run = server.run("r")
    said = server.launch(run)
    assert said.returncode == 1
    assert "it is no folder" in said.stderr
    assert json.loads(said.stdout)["outcome"] == "failed"
    assert "it is no folder" in run.reason
    assert not run.begun


def test_a_plan_that_is_damaged_fails_alone(server: Server) -> None:
    bad, good = server.run("bad"), server.run("good")
    (bad.directory / "plan.json").write_text("{}")
    said = server.launch(bad, good)
    assert said.returncode == 1
    assert "plan.json" in said.stderr
    until(lambda: good.begun)


def test_a_ticket_that_somebody_removed_is_made_anew(server: Server) -> None:
    busy = server.began("a"), server.began("b")
    run = server.queued("r")
    for path in server.leases.glob("ticket.*"):
        path.unlink()
    until(lambda: run.token in server.names("ticket"))
    busy[0].finish()
    until(lambda: run.begun)


def test_a_wrong_clock_neither_reorders_nor_starves(server: Server) -> None:
    busy = server.began("a"), server.began("b")
    first = server.run("first")
    hour = 3600
    (first.state / "waiting").write_text(json.dumps({"time": time.time() + hour}))
    server.launch(first)  # it came while the clock was an hour ahead
    second = server.queued("second")
    assert second.record("waiting")["time"] > first.record("waiting")["time"]
    busy[0].finish()
    until(lambda: first.begun)
    assert not second.begun


def test_room_is_what_would_start_by_the_same_rules(server: Server) -> None:
    def now(**needs: int) -> int:
        answer = room(str(server.leases), "", {"cpus": 0, **needs}, {"at_most": 9}, lambda: seen)
        return int(answer["now"])

    seen: tuple[list[Card], list[App]] = [Card(n, f"GPU-{n}", 80 << 30, 0, False, "A100") for n in range(2)], []
    assert now(gpus=1) == 2
    assert now(gpus=2) == 1
    assert now(gpus=3) == 0
    assert now(gpus=0) == 9
    assert now(gpus=1, gpu_memory=30 << 30) == 4
    answer = room(str(server.leases), "", {"gpus": 1, "gpu_memory": 30 << 30, "cpus": 0}, {}, lambda: seen)
    assert answer["takes"] == [[0], [0], [1], [1]]
    server.began("a")
    assert now(gpus=1) == 1
    server.queued("two", gpus=2)
    answer = room(str(server.leases), "", {"gpus": 1, "cpus": 0}, {}, lambda: seen)
    assert (answer["now"], answer["waiting"]) == (0, 1)
    assert answer["reason"] == f"1 run ahead; GPU 0: exp/a of {who()}; GPU 1: kept for exp/two of {who()}"
