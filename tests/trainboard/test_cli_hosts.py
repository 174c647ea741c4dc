"""`trainboard hosts`: one line a backend, all about one, where GPUs are free, and all in one line."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from backends.base import Disk, Gpu, Health, HostUnreachable, JobState, Room
from backends.checks import Forecast
from backends.machine import Process, Slice
from specs.model import Resources
from tests.trainboard.fakes import FakeBackend, a_job
from tests.trainboard.test_cli import Shell, shell
from tests.trainboard.test_filling import GIB, falling
from trainboard import machines
from trainboard.cli import free, machine, oneline
from trainboard.cli.hosts import Look, cells, described
from trainboard.events import HostSeen
from trainboard.filling import DAY, line_of
from trainboard.lease import Lease
from trainboard.link import Link
from trainboard.picture import Picture, PictureFile, glance
from trainboard.rows import Row

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.cluster import Cluster

__all__ = ["shell"]

NOW = 1_800_000_000.0
DOWN = "backends:\n  gpu1: {kind: ssh, host: 127.0.0.9}\n  triton: {kind: slurm, host: 127.0.0.9}\n"


def gpu(index: int, processes: int = 0, **fields: object) -> Gpu:
    usual = {"utilization": 90.0 if processes else 0.0, "memory_used": 0, "memory_total": 80 * GIB}
    known: dict[str, Any] = {**usual, "processes": processes, **fields}
    return Gpu(index, f"GPU-{index}", "A100", **known)


def seen(name: str, *gpus: Gpu, **fields: object) -> HostSeen:
    host = HostSeen(name, "ssh", Link.UP, seen=NOW - 4, health=Health(NOW - 4, gpus=gpus))
    return replace(host, **fields)  # type: ignore[arg-type]  # fields by name


def test_a_gpu_whose_memory_is_taken_by_nobody_that_is_seen_is_not_free() -> None:
    assert machines.is_free(gpu(0))
    assert machines.is_free(gpu(0, memory_used=None))
    assert not machines.is_free(gpu(0, memory_used=20 * GIB))
    assert not machines.is_free(gpu(0, lost="fell off the bus"))
    assert not machines.is_free(gpu(0, held="e/r of ann"))
    assert not machines.is_free(gpu(0, 1))


# --- one line


def test_a_few_hosts_are_told_one_by_one_in_a_plain_line() -> None:
    hosts = (
        seen("gpu1", gpu(0), gpu(1, 1)),
        seen("gpu2", gpu(0, 1), link=Link.STALE, seen=NOW - 180),
        seen("triton", kind="slurm", running=3, pending=12),
        seen("gpu3", link=Link.DOWN, seen=None, health=None),
    )
    line = oneline.line(hosts, NOW)
    assert line == "gpu1 1/2 | gpu2 0/1 ?3m00 | triton R3 PD12 | gpu3 down | 4s"
    assert len(line) <= oneline.LONG
    assert line.isascii()


def test_many_hosts_are_told_in_sum() -> None:
    hosts = [seen(f"server{n:02}", gpu(0), gpu(1, 1)) for n in range(38)]
    hosts += [seen(f"server{n}", link=Link.DOWN, seen=None, health=None) for n in (38, 39, 40, 41)]
    assert oneline.line(hosts, NOW) == "38/76 GPUs free | 42 hosts | 4 away | 4s"
    few = [*hosts[:10], seen("x", link=Link.DOWN, seen=None, health=None)]
    assert oneline.line(few, NOW) == "10/20 GPUs free | 11 hosts | away: x | 4s"


def test_a_host_without_gpus_tells_of_its_processors_and_a_failing_tool_is_no_free_gpu() -> None:
    assert oneline.figure(seen("a", health=Health(NOW, cpu=42.0))) == "cpu 42%"
    assert oneline.figure(seen("a", health=Health(NOW))) == "up"
    assert oneline.figure(seen("a", health=Health(NOW, gpu_error="nvidia-smi does not answer"))) == "?"
    assert oneline.line((), NOW) == "no host seen yet"


@pytest.fixture
def polled(tmp_path: Path) -> Iterator[Shell]:
    """A state folder of which this process polls the hosts, none of which answers."""
    shell = Shell(tmp_path)
    shell.write("home/config.yaml", DOWN)
    lease = Lease(shell.home, "board")
    assert lease.look() is not None
    yield shell
    lease.give_up()


def leave_picture(shell: Shell, age: float) -> None:
    at = time.time() - age
    health = Health(at, gpus=(gpu(0), gpu(1, 1)))
    jobs = (a_job(state=JobState.RUNNING), a_job(job_id="8", state=JobState.PENDING))
    for name, kind in (("gpu1", "ssh"), ("triton", "slurm")):
        picture = Picture(name, kind, Link.UP, seen=at, health=health, jobs=jobs)
        assert PictureFile(shell.home / "pictures", name, kind).write(picture)


def test_where_a_board_polls_the_line_is_made_of_what_it_sees_and_no_host_is_asked(polled: Shell) -> None:
    leave_picture(polled, 1.0)
    line = polled.done("hosts", "-1")
    assert line.startswith("gpu1 1/2 | triton R1 PD1 | ")
    assert line.count("\n") == 1
    assert polled.done("hosts", "-1", "triton").startswith("triton R1 PD1 | ")


def test_a_picture_that_is_old_says_so(polled: Shell) -> None:
    leave_picture(polled, 600.0)
    assert polled.done("hosts", "-1").startswith("gpu1 1/2 ?10m | triton R1 PD1 ?10m")


def test_where_nobody_polls_hosts_are_asked_and_of_those_that_do_not_answer_the_last_picture_is_told(
    tmp_path: Path,
) -> None:
    shell = Shell(tmp_path)
    shell.write("home/config.yaml", DOWN + "  here: {kind: local}\n")
    leave_picture(shell, 600.0)
    line = shell.done("hosts", "-1")
    assert line.startswith("gpu1 1/2 ?10m | triton R1 PD1 ?10m | here ")


def test_the_head_of_a_picture_tells_what_the_strip_of_hosts_shows(tmp_path: Path) -> None:
    jobs = (a_job(), a_job(job_id="2", state=JobState.HELD), a_job(job_id="3", state=JobState.COMPLETED))
    health = Health(5.0, gpus=(gpu(0, lost="gone", slices=(Slice("M", "1g.10gb"),)),))
    PictureFile(tmp_path, "gpu1", "ssh").write(Picture("gpu1", "ssh", Link.STALE, "no", "do", 7.0, health, jobs=jobs))
    assert glance(tmp_path, "gpu1", "ssh") == HostSeen("gpu1", "ssh", Link.STALE, "no", "do", 7.0, health, 1, 1)
    (tmp_path / "gpu1.jobs").unlink()
    assert glance(tmp_path, "gpu1", "ssh") is not None, "the queue, which may be long, is not read"


@pytest.mark.parametrize("text", ["", "{", "[]", '{"version": 0}', "null"])
def test_a_torn_picture_is_none(tmp_path: Path, text: str) -> None:
    (tmp_path / "gpu1.json").write_text(text)
    assert glance(tmp_path, "gpu1", "ssh") is None


# --- where GPUs are free


async def test_the_rules_of_the_hosts_queue_say_what_is_free_and_who_has_the_rest() -> None:
    backend = FakeBackend("gpu1")
    backend.has_room = Room(
        1, waiting=2, takes=((0, 3),), gpus=((0, "kept"), (1, "python of bob (pid 7)"), (3, "kept"))
    )
    answer = await free.ask(backend, Resources(gpus=2), NOW)
    assert (answer.now, answer.gpus, answer.taken) == (1, ((0, 3),), ((1, "python of bob (pid 7)"),))
    assert free.cells(answer, NOW) == ("gpu1", "1", "0,3", "2", "GPU 1: python of bob (pid 7)")
    assert free.shown(answer)["taken"] == [{"gpu": 1, "reason": "python of bob (pid 7)"}]


async def test_a_cluster_is_asked_when_it_would_start_such_a_job() -> None:
    backend = FakeBackend("triton", "slurm")
    for forecast, row in (
        (Forecast((), NOW + 5), ("triton", "now", "-", "-", "by sbatch --test-only")),
        (Forecast((), NOW + 7200), ("triton", "in 2h00", "-", "-", "")),
        (
            Forecast((), refusal="Requested node configuration is not available"),
            ("triton", "no", "-", "-", "Requested"),
        ),
        (Forecast(()), ("triton", "?", "-", "-", "the scheduler does not say when")),
    ):
        backend.foreseen = forecast
        found = free.cells(await free.ask(backend, Resources(gpus=1), NOW), NOW)
        assert (*found[:4], found[4][: len(row[4])]) == row


async def test_nowhere_free_is_told_by_the_exit_code_and_a_host_that_is_down_is_no_answer(
    capsys: pytest.CaptureFixture[str],
) -> None:
    full, away = FakeBackend("full"), FakeBackend("away")
    full.has_room, away.error = Room(0, reason="2 GPUs are taken", waiting=1), HostUnreachable("away: refused")
    assert await free.tell([full, away], Resources(gpus=1), as_json=True) == 1
    first, second = json.loads(capsys.readouterr().out)
    assert (first["now"], first["reason"], second["state"], second["now"]) == (0, "2 GPUs are taken", "down", None)
    full.has_room = Room(1)
    assert await free.tell([full, away], Resources(gpus=1), as_json=False) == 0
    assert "away     down" in capsys.readouterr().out


# --- one host, and all of them


def test_a_host_is_told_with_what_is_wrong_and_who_is_on_it(capsys: pytest.CaptureFixture[str]) -> None:
    ours, other = Process("GPU-0", 7, "ann", "train", GIB, "/r/exp/run/1"), Process("GPU-1", 8, "", "x\x1b[2J")
    read = Health(
        NOW, cpus=8, cpu=12.0, load=1.0, memory_total=100, memory_available=75,
        gpus=(gpu(0, 1, throttle=("power cap",), power=90.0, power_limit=300.0), gpu(1, lost="fell off the bus")),
        processes=(other, ours), disks=(Disk("/d", 100 * GIB, 10 * GIB),), clock=-70.0,
    )  # fmt: skip
    row = Row("r", "gpu1", "1", "exp/run", JobState.RUNNING, run="r", directory="~/r/exp/run/1")
    machine.show("gpu1", "", read, {"/d": time.time() + 3.2 * DAY}, {("gpu1", "exp/run/1"): row})
    text = capsys.readouterr().out
    assert "\x1b" not in text
    assert "gpu1: up, CPU 12% of 8, load 1.0, RAM 25% of 100B, clock 1m10 behind" in text
    lines = [" ".join(line.split()) for line in text.splitlines()]
    assert "0 busy 90% 0B/80G - 90/300W A100 power cap" in lines
    assert "1 lost 0% 0B/80G - - A100 lost: fell off the bus" in lines
    assert "0 7 ann 1.0G - exp/run train" in lines
    assert "1 8 ? – - - x␛[2J" in lines
    assert "disk /d: 10G left of 100G, full in ~3 days" in lines
    machine.show("gpu2", "refused the connection", None, {}, {})
    assert capsys.readouterr().out == "gpu2: down, refused the connection\n"


def test_a_host_that_is_down_has_the_same_keys_as_one_that_is_up() -> None:
    up = described(Look("a", "ssh", health=Health(time.time(), disks=(Disk("/d", 9, 4),))), {}, {})
    down = described(Look("b", "ssh", "no route"), {}, {})
    assert set(up) == set(down)
    assert (down["state"], down["memory"], down["queue"], down["gpus"]) == ("down", None, None, [])
    assert len(cells(up)) == len(cells(down))


def test_our_runs_on_a_host_without_a_scheduler_are_counted(shell: Shell) -> None:
    spec = shell.write("spec.yaml", "name: long\ncommand: sleep 600\n")
    [run] = shell.json("submit", str(spec))
    assert sum(shell.json("hosts")[0]["queue"].values()) == 1
    shell.done("cancel", run["run"])


def test_days_until_a_disk_is_full_are_told_from_what_was_kept(tmp_path: Path) -> None:
    shell = Shell(tmp_path)
    shell.write("home/config.yaml", "backends:\n  here: {kind: local}\n")
    [disk] = shell.json("hosts")[0]["disks"]
    assert disk["full_in_days"] is None
    shift = time.time() - NOW
    points = [replace(p, at=p.at + shift, path=disk["path"]) for p in falling(100 * GIB, free=500 * GIB)]
    shell.write("home/disks/here.jsonl", "")
    (shell.home / "disks/here.jsonl").write_bytes(b"".join(map(line_of, points)))
    [disk] = shell.json("hosts")[0]["disks"]
    assert disk["full_in_days"] == pytest.approx(5, abs=0.2)
    assert "full in ~5 days" in shell.done("hosts")
    assert "full in ~5 days" in shell.done("hosts", "here")


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("nosuch",), "no backend 'nosuch' in the config; there are: here"),
        (("--gpus", "2"), "--gpus and --memory go with --free"),
        (("--free", "--memory", "8"), "--memory is not a size"),
        (("--free", "--gpus", "0"), "--gpus must be at least 1"),
        (("-1", "--json"), "-1 is one line for people"),
    ],
)
def test_bad_words_are_refused_in_one_line(tmp_path: Path, words: tuple[str, ...], told: str) -> None:
    shell = Shell(tmp_path)
    shell.write("home/config.yaml", "backends:\n  here: {kind: local}\n")
    assert told in shell.refused("hosts", *words)


@pytest.mark.sshd
def test_a_server_says_which_of_its_gpus_are_free_for_so_much_memory(tmp_path: Path, sshd: Cluster) -> None:
    shell = Shell(tmp_path, {"TRAINBOARD_SSH_CONFIG": str(sshd.ssh_config)})
    leases = tmp_path / "leases"
    shell.write(
        "home/config.yaml", f"backends:\n  gpu1: {{kind: ssh, leases: {leases}}}\n  dead: {{kind: ssh, host: down}}\n"
    )
    answer, dead = json.loads(shell("hosts", "--free", "--gpus", "2", "--json").stdout)
    assert (answer["now"], answer["waiting"], [len(gpus) for gpus in answer["gpus"]]) == (2, 0, [2, 2])
    assert dead["state"] == "down"
    too_much = shell("hosts", "--free", "--memory", "900G", "gpu1")
    assert too_much.returncode == 1
    assert " no " in too_much.stdout
    assert shell.done("hosts", "-1", "gpu1").startswith("gpu1 4/4 | ")
    assert "GPU" in shell.done("hosts", "gpu1")
