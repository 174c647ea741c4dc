"""When a GPU is free: what nvidia-smi says, whose the processes are, and what follows for a run."""

from __future__ import annotations

import json
import os
import time
from typing import TYPE_CHECKING

import pytest

from backends.queue import look, policy
from backends.queue.folder import Folder
from backends.queue.gpus import App, Card, Unreadable, application, ask, card
from backends.queue.look import Picture, Seen, develop
from backends.queue.processes import boot_id
from backends.queue.records import Lease, Needs

if TYPE_CHECKING:
    from pathlib import Path

GIB = 1 << 30
UUID = "GPU-0"
NOW = 1000.0

A100 = Card(0, UUID, 80 * GIB, 10 << 20, False, "A100")


def lease(token: str, memory: int | None = None, pid: int = 0) -> Lease:
    """A run on the GPU."""
    needs = Needs(gpus=1, gpu_memory=memory, cpus=0)
    return Lease(token, 1, "anna", pid, 0, f"e/{token}", (UUID,), needs, 0.0)


def app(owner: str = "", name: str = "/usr/bin/python", used: int | None = 21 * GIB) -> Seen:
    """A process of bob's on the GPU."""
    return Seen(UUID, 4711, used, name, "bob", owner)


def picture(
    *apps: Seen, used: int = 0, leased: tuple[str, ...] = (), foreign: tuple[tuple[str, str, str, float], ...] = ()
) -> Picture:
    """What was seen a moment ago."""
    cards = (A100._replace(used=used or sum(each.used or 0 for each in apps)),)
    return Picture("boot", NOW - 1, cards, apps, "", tuple((UUID, token) for token in leased), foreign)


def reason(
    seen: Picture, *leases: Lease, need: int | None = None, rules: policy.Rules | None = None, now: float = NOW
) -> str:
    """Why the GPU is not free; empty: it is."""
    return policy.verdict(seen.cards[0], seen, leases, need, rules or policy.Rules(), now).reason


def test_a_gpu_is_free_when_nobody_has_it_and_nothing_is_on_it() -> None:
    assert reason(picture(used=500 << 20)) == ""


def test_a_lease_keeps_the_gpu_before_its_process_shows_up_and_after() -> None:
    assert reason(picture(), lease("1")) == "e/1 of anna"
    assert reason(picture(app("1"), leased=("1",)), lease("1")) == "e/1 of anna"


def test_a_foreign_process_is_named_with_user_pid_and_memory() -> None:
    assert reason(picture(app())) == "python of bob (pid 4711, 21 GiB)"
    assert reason(picture(app(used=None))) == "python of bob (pid 4711)"
    assert reason(picture(app(name="[Not Found]"))) == "a process of bob (pid 4711, 21 GiB)"


def test_a_process_that_uses_a_gpu_which_its_run_was_not_given_is_foreign_there() -> None:
    assert reason(picture(app("elsewhere"))) == "python of bob (pid 4711, 21 GiB)"


def test_processes_of_the_screen_are_ignored_with_their_memory() -> None:
    assert reason(picture(app(name="/usr/lib/xorg/Xorg", used=2 * GIB))) == ""
    assert reason(picture(app(name="vllm")), rules=policy.rules({"ignore": ["vllm"]})) == ""


def test_memory_must_have_come_back_before_the_gpu_is_given_again() -> None:
    assert reason(picture(used=3 * GIB)) == ""  # within 5 % of 80 GiB
    assert reason(picture(used=5 * GIB)) == "5.0 GiB in use, by no process that is seen"


def test_a_gpu_that_a_run_has_just_left_is_looked_at_anew() -> None:
    before = picture(leased=("1",))
    verdict = policy.verdict(before.cards[0], before, (), None, policy.Rules(), NOW)
    assert verdict.reason == "looked at anew"
    assert verdict.again == 0


def test_a_gpu_settles_after_a_foreign_process() -> None:
    seen = picture(foreign=((UUID, "python", "bob", NOW - 10),))
    assert reason(seen) == "free for 30 s first: python of bob was on it"
    assert reason(seen, now=NOW + 21) == ""
    assert reason(seen, rules=policy.rules({"settle": 5})) == ""
    assert reason(seen, rules=policy.rules({"ignore": ["python"]})) == ""


def test_runs_share_a_gpu_by_what_they_declare() -> None:
    others = (lease("1", 30 * GIB), lease("2", 30 * GIB))
    seen = picture(leased=("1", "2"))
    assert reason(seen, *others, need=20 * GIB) == ""
    assert reason(seen, *others, need=21 * GIB) == (
        "60 GiB of 80 GiB are declared: e/1 of anna 30 GiB, e/2 of anna 30 GiB"
    )
    assert reason(seen, *others, need=None) == "e/1 of anna, e/2 of anna"


def test_what_others_declared_and_do_not_use_yet_is_not_free() -> None:
    other = lease("1", 40 * GIB)
    assert reason(picture(app("1", used=10 * GIB), leased=("1",)), other, need=40 * GIB) == ""
    assert reason(picture(app("1", used=10 * GIB), used=20 * GIB, leased=("1",)), other, need=40 * GIB) == (
        "30 GiB free, asks for 40 GiB"  # 10 GiB are somebody's whom nobody sees
    )


def test_a_run_that_uses_more_than_it_declared_leaves_less() -> None:
    seen = picture(app("1", used=60 * GIB), leased=("1",))
    assert reason(seen, lease("1", 40 * GIB), need=30 * GIB) == "20 GiB free, asks for 30 GiB"


def test_where_the_driver_does_not_tell_a_processs_memory_the_gpus_own_figure_counts() -> None:
    seen = picture(app("1", used=None), used=30 * GIB, leased=("1",))
    assert reason(seen, lease("1", 40 * GIB), need=40 * GIB) == ""
    assert reason(seen, lease("1", 40 * GIB), need=41 * GIB).startswith("40 GiB of 80 GiB are declared")


def test_a_gpu_that_does_not_tell_its_memory_is_given_whole_or_not_at_all() -> None:
    mute = A100._replace(total=None, used=None)
    seen = Picture("boot", NOW, (mute,))
    assert policy.verdict(mute, seen, (), None, policy.Rules(), NOW).reason == ""
    assert "does not tell its memory" in policy.verdict(mute, seen, (), GIB, policy.Rules(), NOW).reason


def test_a_site_may_let_declared_runs_sit_beside_foreign_processes() -> None:
    sharing = policy.rules({"share": True})
    assert reason(picture(app()), need=50 * GIB, rules=sharing) == ""
    assert reason(picture(app()), need=60 * GIB, rules=sharing) == "59 GiB free, asks for 60 GiB"
    assert reason(picture(app()), need=None, rules=sharing) == "python of bob (pid 4711, 21 GiB)"
    assert reason(picture(app()), need=50 * GIB) == "python of bob (pid 4711, 21 GiB)"


def test_mig_instances_are_not_given_out() -> None:
    cut = A100._replace(mig=True)
    assert "MIG" in policy.verdict(cut, Picture("boot", NOW, (cut,)), (), None, policy.Rules(), NOW).reason


def test_lines_of_nvidia_smi_are_read_with_what_it_does_not_tell() -> None:
    assert card("0, GPU-5d5b, 81920, 10, Disabled, NVIDIA A100-SXM4-80GB") == Card(
        0, "GPU-5d5b", 80 * GIB, 10 << 20, False, "NVIDIA A100-SXM4-80GB"
    )
    assert card("3, GPU-5d5b, [N/A], [Not Supported], Enabled, GB10").total is None
    assert card("3, GPU-5d5b, [N/A], [Not Supported], Enabled, GB10").mig
    assert card("3, GPU-5d5b, 100, 10, Tesla K80") == Card(3, "GPU-5d5b", 100 << 20, 10 << 20, False, "Tesla K80")
    assert application("GPU-5d5b, 12, [N/A], /opt/a, b/python") == App("GPU-5d5b", 12, None, "/opt/a, b/python")
    assert application("No running processes found") is None
    with pytest.raises(Unreadable, match="nvidia-smi answers: Unable to determine"):
        card("Unable to determine the device handle for GPU 0000:3B:00.0: GPU is lost.")
    with pytest.raises(Unreadable):
        application("GPU-5d5b, -, -, -")


def tool(folder: Path, text: str) -> str:
    """A tool that runs this shell text; its name."""
    path = folder / "nvidia-smi"
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return str(path)


def test_a_driver_from_before_mig_is_asked_without_it(tmp_path: Path) -> None:
    old = tool(
        tmp_path,
        'case "$1" in *mig*) echo "Field \\"mig.mode.current\\" is not a valid field to query."; exit 2;;'
        ' --query-gpu*) echo "0, GPU-1, 100, 1, K80";; esac',
    )
    assert ask(old) == ([Card(0, "GPU-1", 100 << 20, 1 << 20, False, "K80")], [])


def test_a_failing_or_hanging_nvidia_smi_is_an_error_and_not_an_empty_host(tmp_path: Path) -> None:
    with pytest.raises(Unreadable, match=r"nvidia-smi failed \(9\): NVIDIA-SMI has failed"):
        ask(tool(tmp_path, "echo 'NVIDIA-SMI has failed because it could not talk to the driver'; exit 9"))
    with pytest.raises(Unreadable, match=r"nvidia-smi has not answered for 0\.2 s"):
        ask(tool(tmp_path, "exec sleep 60"), patience=0.2)
    with pytest.raises(Unreadable, match="does not start"):
        ask(str(tmp_path / "missing"))
    with pytest.raises(Unreadable, match="nvidia-smi answers: garbage"):
        ask(tool(tmp_path, "echo garbage"))
    assert ask(tool(tmp_path, "echo 'No devices were found'; exit 6")) == ([], [])


def proc(folder: Path, parents: dict[int, int], tokens: dict[int, str] | None = None) -> str:
    """A /proc with these processes and their parents."""
    for pid, parent in {1: 0, **parents}.items():
        own = folder / "proc" / str(pid)
        own.mkdir(parents=True)
        (own / "stat").write_text(f"{pid} (a ) b) S {parent} " + " ".join(["7"] * 40))
        (own / "environ").write_text(f"A=1\0TRAINBOARD_TOKEN={(tokens or {}).get(pid, '')}\0")
    (folder / "proc" / "self").mkdir()
    return str(folder / "proc")


def seen_by(app_pid: int, leases: list[Lease], where: str) -> Picture:
    """A picture with one process."""
    return develop(None, leases, lambda: ([A100], [App(UUID, app_pid, GIB, "python")]), where)


def test_a_process_belongs_to_the_lease_above_it(tmp_path: Path) -> None:
    where = proc(tmp_path, {10: 1, 11: 10, 12: 11, 20: 1})
    assert seen_by(12, [lease("run", pid=10)], where).apps[0].owner == "run"
    stranger = seen_by(20, [lease("run", pid=10)], where)
    assert stranger.apps[0].owner == ""
    assert [row[:2] for row in stranger.foreign] == [(UUID, "python")]


def test_an_orphan_belongs_to_the_lease_that_it_keeps(tmp_path: Path) -> None:
    where = proc(tmp_path, {12: 1, 13: 1}, {13: "run"})
    assert seen_by(12, [lease("run", pid=10)], where).apps[0].owner == "run"
    assert seen_by(13, [lease("run", pid=10)], where).apps[0].owner == "run"


def test_where_proc_hides_processes_they_belong_to_whoever_has_the_gpu(tmp_path: Path) -> None:
    where = proc(tmp_path, {10: 1})
    (tmp_path / "proc" / "1" / "stat").unlink()
    assert seen_by(12, [lease("run", pid=99)], where).apps[0].owner == "run"
    assert seen_by(12, [], where).apps[0].owner == ""


def test_a_process_that_has_ended_meanwhile_makes_nobody_wait_for_the_settle_time(tmp_path: Path) -> None:
    assert seen_by(12, [], proc(tmp_path, {10: 1})).foreign == ()


class Asked:
    """Counts the questions."""

    def __init__(self) -> None:
        self.count = 0

    def __call__(self) -> tuple[list[Card], list[App]]:
        self.count += 1
        return [A100], []


def test_all_runs_of_a_user_ask_nvidia_smi_once_in_two_seconds(tmp_path: Path) -> None:
    folder, asked = Folder(str(tmp_path / "leases")), Asked()
    folder.make()
    first = look.look(folder, [], asked)
    assert first is not None
    assert [look.look(folder, [], asked) for _ in range(20)] == [first] * 20
    assert asked.count == 1
    assert 0 < look.due(first) <= look.APART


def test_a_picture_of_another_boot_or_another_user_is_none(tmp_path: Path) -> None:
    folder = Folder(str(tmp_path / "leases"))
    folder.make()
    path = tmp_path / "leases" / f"look.{os.getuid()}" / "picture"
    look.look(folder, [], Asked())
    assert look.latest(folder) is not None
    record = json.loads(path.read_text())
    path.write_text(json.dumps(record | {"boot": "another"}))
    assert look.latest(folder) is None
    path.write_text(json.dumps(record | {"boot": boot_id(), "at": time.monotonic() + 1000}))
    assert look.latest(folder) is None
    path.write_text("{")
    assert look.latest(folder) is None


def test_a_failure_is_remembered_so_that_a_hanging_tool_is_not_asked_by_everybody(tmp_path: Path) -> None:
    folder = Folder(str(tmp_path / "leases"))
    folder.make()

    def fail() -> tuple[list[Card], list[App]]:
        raise Unreadable("nvidia-smi has not answered for 10 s")

    first = look.look(folder, [], fail)
    assert first is not None
    assert first.error == "nvidia-smi has not answered for 10 s"
    assert look.due(first) > 20


def test_the_picture_survives_being_written_and_read(tmp_path: Path) -> None:
    whole = Picture(
        "b", 1.5, (A100,), (app("x"), app(used=None)), "", ((UUID, "x"),), ((UUID, "python", "bob", 1.0),)
    )
    assert look.decoded(json.loads(json.dumps(look.encoded(whole)))) == whole


def test_a_policy_that_cannot_be_read_is_the_usual_one(tmp_path: Path) -> None:
    path = tmp_path / "policy.json"
    assert policy.read(str(path)) == policy.Rules()
    path.write_text('["no"]')
    assert policy.read(str(path)) == policy.Rules()
    path.write_text('{"at_most": 3, "ignore": ["vllm", 7], "share": true, "settle": 0}')
    assert policy.read(str(path)) == policy.Rules(3, frozenset({*policy.IGNORED, "vllm"}), True, 0.0)
