"""Want of memory: what proves it, with the kernel's own killing in a cgroup, and with texts of both versions."""

from __future__ import annotations

import contextlib
import secrets
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from backends.runner import outcome
from backends.runner.kernel import KernelLog, Victim, victims
from backends.runner.memory import memory_cgroups, oom_kills
from tests.backends.runners import GO, Attempt, attempts, until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

MEMORY = Path("/sys/fs/cgroup/memory")
EATS = f"{sys.executable} -c 'x = bytearray(200 << 20); print(len(x))'"
"""A program that uses more than `small` allows."""


@pytest.fixture
def attempt(tmp_path: Path) -> Iterator[Callable[..., Attempt]]:
    """Makes attempt directories."""
    with attempts(tmp_path) as make:
        yield make


@pytest.fixture
def small() -> Iterator[Path]:
    """A cgroup with 100 MiB of memory."""
    folder = MEMORY / f"trainboard-{secrets.token_hex(4)}"
    try:
        folder.mkdir()
        (folder / "memory.limit_in_bytes").write_text(str(100 << 20))
        if "oom_kill " not in (folder / "memory.oom_control").read_text():
            pytest.skip("this kernel does not count OOM kills")
    except OSError as error:
        pytest.skip(f"a real OOM needs a memory cgroup (v1) that we may make: {error}")
    yield folder
    until(lambda: removed(folder))


def removed(folder: Path) -> bool:
    """Take a cgroup away, as soon as nobody is in it."""
    with contextlib.suppress(OSError):
        folder.rmdir()
    return not folder.exists()


def enter(folder: Path) -> str:
    """Shell: into a cgroup."""
    return f"echo $$ > {folder}/cgroup.procs"


def test_a_program_that_the_kernel_kills_for_memory_is_out_of_memory(
    attempt: Callable[..., Attempt], small: Path
) -> None:
    one = attempt(EATS)
    record = one.run(shell=enter(small))
    assert one.ending() == ("OUT_OF_MEMORY", 137, "out of memory: the kernel killed a process")
    assert 90 << 20 < record["peak_memory"] <= 100 << 20  # the cgroup's, which is the attempt's own


@pytest.mark.parametrize("end", ["exit 0", "exit 1"])
def test_a_process_deep_in_the_tree_counts_where_the_cgroup_is_the_attempt_s_own(
    attempt: Callable[..., Attempt], small: Path, end: str
) -> None:
    one = attempt(f"{EATS}; {end}")
    one.run(shell=enter(small))
    assert one.ending()[:2] == ("OUT_OF_MEMORY", int(end[-1]))


def test_an_oom_in_a_cgroup_that_others_share_counts_when_ours_was_killed(
    attempt: Callable[..., Attempt], small: Path
) -> None:
    one = attempt(EATS)
    one.run(shell=f"{enter(small)}; sleep 5 & true")
    assert one.record()["state"] == "OUT_OF_MEMORY"


def test_the_death_of_another_in_a_shared_cgroup_is_not_ours(attempt: Callable[..., Attempt], small: Path) -> None:
    one = attempt("exit 1")
    one.run(shell=f"{enter(small)}; (sleep 3 &) ; ({EATS}) ; true")
    assert one.ending() == ("FAILED", 1, "exit code 1")


def test_a_program_in_a_cgroup_of_its_own_is_known_by_the_kernel_s_words(
    attempt: Callable[..., Attempt], small: Path
) -> None:
    if KernelLog().news() is None:
        pytest.skip("we may not read /dev/kmsg")
    one = attempt(f"{enter(small)}; exec {EATS}")
    one.run()
    assert one.ending() == ("OUT_OF_MEMORY", 137, "out of memory: the kernel killed a process")


def test_a_runner_that_the_kernel_kills_with_its_program_is_out_of_memory(
    attempt: Callable[..., Attempt], small: Path
) -> None:
    one = attempt(f"echo up; {EATS}; {GO}")
    process = one.start(shell=enter(small))
    until(lambda: oom_kills((small / "memory.oom_control").read_text()))
    process.kill()
    until(lambda: one.has("exit"))
    assert one.record()["state"] == "OUT_OF_MEMORY"


@pytest.mark.parametrize("death", ["kill -9 $$", "exit 137", "sh -c 'kill -9 $$'"])
def test_sigkill_alone_is_no_proof(attempt: Callable[..., Attempt], death: str) -> None:
    one = attempt(death)
    one.run()
    assert one.ending() == ("FAILED", 137, "killed by SIGKILL")


def test_the_peak_is_that_of_the_largest_process_where_no_cgroup_is_ours(attempt: Callable[..., Attempt]) -> None:
    one = attempt(EATS)
    assert 200 << 20 < one.run()["peak_memory"] < 400 << 20


V2_EVENTS = "low 0\nhigh 0\nmax 1482\noom 3\noom_kill 2\noom_group_kill 0\n"
V1_CONTROL = "oom_kill_disable 0\nunder_oom 0\noom_kill 4\n"


@pytest.mark.parametrize(
    ("text", "count"),
    [
        (V2_EVENTS, 2),
        (V1_CONTROL, 4),
        ("oom_kill_disable 0\nunder_oom 0\n", None),
        ("nr_free_pages 1\noom_kill 0\nnuma_hit 5\n", 0),
        ("", None),
        ("oom_kill x\n", None),
    ],
)
def test_the_counters_of_both_versions_are_read(text: str, count: int | None) -> None:
    assert oom_kills(text) == count


V1_MOUNTS = (
    "31 23 0:28 / /sys/fs/cgroup rw - tmpfs tmpfs rw,mode=755\n"
    "34 31 0:31 / /sys/fs/cgroup/cpuset rw - cgroup cgroup rw,cpuset\n"
    "35 31 0:32 / /sys/fs/cgroup/memory rw,nosuid shared:17 - cgroup cgroup rw,memory\n"
)
V2_MOUNTS = "30 23 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate,memory_recursiveprot\n"
V1_SLURM = (
    "9:cpuset:/\n4:memory:/slurm/uid_1000/job_77/step_batch\n1:name=systemd:/system.slice/slurmd.service\n0::/x\n"
)
V2_SLURM = "0::/system.slice/slurmstepd.scope/job_77/step_batch/user/task_0\n"


@pytest.mark.parametrize(
    ("membership", "mounts", "folders"),
    [
        (V1_SLURM, V1_MOUNTS, ["/sys/fs/cgroup/memory/slurm/uid_1000/job_77/step_batch"]),
        (V2_SLURM, V2_MOUNTS, ["/sys/fs/cgroup/system.slice/slurmstepd.scope/job_77/step_batch/user/task_0"]),
        ("0::/\n", V2_MOUNTS, ["/sys/fs/cgroup"]),
        ("4:memory:/docker/ab\n", V1_MOUNTS.replace("0:32 / ", "0:32 /docker/ab "), ["/sys/fs/cgroup/memory"]),
        ("4:memory:/docker/ab/c\n", V1_MOUNTS.replace("0:32 / ", "0:32 /docker/ab "), ["/sys/fs/cgroup/memory/c"]),
        ("4:memory:/elsewhere\n", V1_MOUNTS.replace("0:32 / ", "0:32 /docker/ab "), ["/sys/fs/cgroup/memory"]),
        ("4:cpu,memory:/a:b\n", V1_MOUNTS, ["/sys/fs/cgroup/memory/a:b"]),
        ("", V2_MOUNTS, []),
        (V2_SLURM, "", []),
        ("nonsense\n", "more - nonsense\n", []),
    ],
)
def test_the_memory_cgroup_of_a_process_is_found(membership: str, mounts: str, folders: list[str]) -> None:
    assert [folder for folder, _ in memory_cgroups(membership, mounts)] == folders


@pytest.mark.parametrize(
    ("text", "found"),
    [
        # Linux 6.1, cgroup v2
        (
            "3,1,2,-;oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null),cpuset=/,mems_allowed=0,oom_memcg=/a,"
            "task_memcg=/a/b,task=python3,pid=4242,uid=1000\n"
            "3,2,2,-;Memory cgroup out of memory: Killed process 4242 (python3) total-vm:215564kB, "
            "anon-rss:101676kB, file-rss:5632kB, shmem-rss:0kB, UID:1000 pgtables:256kB oom_score_adj:0\n",
            [Victim(4242, 1000, "/a/b")],
        ),
        # Linux 3.10 (CentOS 7)
        (
            "3,1,2,-;Killed process 77 (python), UID 1000, total-vm:9kB, anon-rss:8kB, file-rss:0kB, shmem-rss:0kB\n",
            [Victim(77, 1000, None)],
        ),
        # Linux 4.15
        ("3,1,2,-;Killed process 78 (my (odd) name) total-vm:9kB, anon-rss:8kB\n", [Victim(78, None, None)]),
        ("6,1,2,-;usb 1-1: new device\n", []),
    ],
)
def test_the_kernel_s_words_name_the_victim(text: str, found: list[Victim]) -> None:
    assert victims(text) == found


@pytest.mark.parametrize(
    ("status", "killed"), [(signal.SIGKILL, True), (137 << 8, True), (9 << 8, False), (0, False), (15, False)]
)
def test_the_signal_of_a_shell_s_last_command_is_seen(status: int, killed: bool) -> None:
    assert outcome.killed(status) is killed
