"""A look at a whole cluster, and at one job that waits: the real Slurm, and one that misbehaves."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from backends.base import BackendError, CommandFailed, JobState
from backends.cluster import Allowed, Cluster
from backends.local import Local
from backends.server import Server
from backends.slurm import Slurm
from backends.verdicts import QueueOnHost, Verdict, queued
from specs.model import Resources
from tests.backends.conftest import Desk, over_ssh
from tests.backends.oddslurm import OddSlurm
from tests.backends.slurmdata import FOLDER

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Iterator
    from pathlib import Path

    from tests.cluster import Cluster as TestCluster

DATA = FOLDER / "22.05.8"


@pytest.fixture
async def odd(tmp_path: Path) -> AsyncGenerator[OddSlurm]:
    """A Slurm whose commands print what was recorded."""
    made = OddSlurm(tmp_path)
    told = f"grep -v '^#' {DATA}"
    made.says(
        "scontrol",
        f"""case "$*" in
        *config) printf 'ClusterName = c\\nPrivateData = none\\n';;
        *partition) {told}/partitions.txt;;
        *node) {told}/nodes.txt;;
        *job*) {told}/job.txt;;
        esac""",
    )
    made.says("sinfo", f"{told}/sinfo.txt")
    made.says("sshare", f"{told}/sshare.txt")
    made.says("sprio", f"{told}/sprio.txt")
    made.says("squeue", squeue())
    yield made
    await made.backend.close()


def squeue(crowd: str = f"grep -v '^#' {DATA}/crowd.txt") -> str:
    """A queue of nobody for the user, and of others for those who ask for all."""
    return f"""case "$*" in
    *State:16*) {crowd};;
    *PriorityLong*) grep -v '^#' {DATA}/place.txt;;
    *--start*) echo '3|1795460000';;
    esac"""


async def test_all_parts_of_a_cluster_in_one_look(odd: OddSlurm) -> None:
    seen = await odd.backend.look()
    assert [each.name for each in seen.partitions] == ["gpu", "short"]
    assert [each.name for each in seen.nodes] == ["node1", "node2", "node3"]
    assert (seen.crowd[0].pending, seen.crowd[0].gpus_wanted) == (13, 12)
    assert seen.shares[0].factor == 1.0
    assert (seen.private, seen.troubles) == (False, ())
    # And no question twice, nor one for each job or node.
    assert len(odd.asked("scontrol")) == 3
    assert len(odd.asked("squeue")) == 2
    assert odd.asked("sinfo") == []


async def test_a_part_that_fails_is_said_and_the_others_stay(odd: OddSlurm) -> None:
    odd.says("sshare", "echo 'priority/multifactor is not the supported priority plugin' >&2; exit 1")
    odd.says("squeue", "echo 'squeue: error: socket timed out' >&2; exit 1")
    seen = await odd.backend.look()
    assert seen.trouble("shares") == "this cluster keeps no fair shares"
    assert "socket timed out" in seen.trouble("crowd")
    assert seen.crowd == ()
    assert len(seen.nodes) == 3


async def test_a_cluster_that_answers_nothing_is_an_error(odd: OddSlurm) -> None:
    for command in ("squeue", "scontrol", "sshare", "sinfo"):
        odd.says(command, "echo 'Unable to contact slurm controller' >&2; exit 1")
    with pytest.raises(BackendError, match="Unable to contact"):
        await odd.backend.look()


async def test_no_nodes_at_all_are_no_answer(odd: OddSlurm) -> None:
    odd.says("scontrol", "echo 'Welcome to the cluster'")
    seen = await odd.backend.look()
    assert [node.name for node in seen.nodes] == ["node1", "node2", "node3"]  # by sinfo
    assert "nothing that can be read" in seen.trouble("partitions")
    odd.says("sinfo", "echo 'sinfo is cached on this site'")
    assert "nothing that can be read" in (await odd.backend.look()).trouble("nodes")


async def test_an_old_squeue_is_asked_in_words_that_it_knows(odd: OddSlurm) -> None:
    # It prints lines without the column that it does not know, and calls that success.
    old = f"""case "$*" in
        *tres-alloc*) echo 1; echo 'squeue: error: Invalid job format specification: tres-alloc' >&2;;
        *tres:*) grep -v '^#' {DATA}/crowd.txt;;
        esac"""
    odd.says("squeue", squeue(old))
    assert (await odd.backend.look()).crowd[0].gpus_wanted == 12
    assert len(odd.asked("squeue")) == 3
    await odd.backend.look()
    assert len(odd.asked("squeue")) == 2


async def test_a_site_that_hides_the_jobs_of_others_is_known_as_one(odd: OddSlurm) -> None:
    odd.says(
        "scontrol",
        f"""case "$*" in
        *config) echo 'PrivateData = jobs,usage';;
        *partition) grep -v '^#' {DATA}/partitions.txt;;
        *node) grep -v '^#' {DATA}/nodes.txt;;
        *job*) grep -v '^#' {DATA}/job.txt;;
        esac""",
    )
    assert (await odd.backend.look()).private
    assert (await odd.backend.waits("3")).private


async def test_what_is_told_of_a_job_that_waits(odd: OddSlurm) -> None:
    waits = await odd.backend.waits("3")
    assert waits.job.job_id == "3"
    assert waits.place is not None
    assert waits.place.ahead == 0
    assert waits.start == 1795460000.0
    assert waits.parts[0].name == "fair share"
    assert waits.troubles == ()
    assert abs(waits.now - time.time()) < 100


async def test_parts_that_fail_are_said_in_their_place(odd: OddSlurm) -> None:
    odd.says("sprio", f"grep -v '^#' {DATA}/no-sprio.txt >&2; exit 1")
    odd.says("squeue", "echo nope >&2; exit 1")
    waits = await odd.backend.waits("3")
    assert {each.what for each in waits.troubles} == {"priority", "place", "start"}
    assert "order of their submission" in next(each.reason for each in waits.troubles if each.what == "priority")


async def test_a_job_that_is_forgotten_is_an_error(odd: OddSlurm) -> None:
    odd.says("scontrol", "echo 'slurm_load_jobs error: Invalid job id specified' >&2; exit 1")
    with pytest.raises(CommandFailed, match="Invalid job id"):
        await odd.backend.waits("3")
    with pytest.raises(CommandFailed, match="no job id"):
        await odd.backend.waits("3; rm -rf /")


async def test_smaller_ones_are_asked_for_six_times_at_most_and_never_sent(odd: OddSlurm) -> None:
    odd.says("sbatch", "echo 'sbatch: Job 9 to start at 1795460001 using 1 processors on nodes n in partition p' >&2")
    job = (await odd.backend.waits("3")).job
    found = await odd.backend.smaller(job, (await odd.backend.look()).partitions)
    assert found.asked.start == 1795460001.0
    calls = odd.asked("sbatch")
    assert 2 <= len(calls) == len(found.others) + 1 <= 6
    assert all("--test-only" in call for call in calls)


async def test_a_backend_without_a_scheduler_is_no_cluster(tmp_path: Path, odd: OddSlurm) -> None:
    local = Local("here", str(tmp_path / "runs"))
    assert isinstance(odd.backend, Cluster)
    assert not isinstance(local, Cluster)
    assert isinstance(local, QueueOnHost)
    assert not isinstance(odd.backend, QueueOnHost)
    await local.close()


def test_what_a_waiter_wrote_is_read_gpu_by_gpu() -> None:
    waiting = {"reason": "no free\x1b[2J GPU", "gpus": [[0, "held by ada"], [1, ""], "bad"], "time": 5}
    found = queued({"waiting": waiting, "started": None, "exit": None})
    assert found is not None
    assert (found.reason, found.gpus) == ("no free GPU", (Verdict(0, "held by ada"), Verdict(1, "")))
    assert queued({"waiting": waiting, "started": {"time": 1}}) is None
    assert queued({"waiting": None}) is None


# the real one


@pytest.fixture
async def real(cluster: TestCluster, tmp_path: Path) -> AsyncGenerator[Slurm]:
    """The real cluster, through its gateway."""
    made = Slurm("triton", over_ssh(cluster, "gateway"), str(tmp_path / "runs"), shared=True)
    yield made
    await made.close()


@pytest.fixture
def sent(cluster: TestCluster) -> Iterator[Callable[[str], str]]:
    """Submits jobs, which are cancelled afterwards."""
    ids: list[str] = []

    def sbatch(options: str) -> str:
        done = cluster.run("gateway", f"sbatch --parsable --mem=20M {options}")
        assert done.returncode == 0, done.stderr
        ids.append(done.stdout.strip())
        return ids[-1]

    yield sbatch
    cluster.run("gateway", f"scancel {' '.join(ids)}")


@pytest.mark.slurm
async def test_the_real_cluster_is_seen_whole(real: Slurm, cluster: TestCluster, sent: Callable[[str], str]) -> None:
    sent("--hold --array=0-4 --gpus=2 --wrap true")
    cluster.run("gateway", "scontrol update nodename=node3 state=drain reason='fan; State=IDLE'")
    try:
        seen = await real.look()
    finally:
        cluster.run("gateway", "scontrol update nodename=node3 state=resume")
    assert seen.troubles == ()
    assert {each.name: each.default for each in seen.partitions} == {"gpu": True, "short": False}
    node = next(node for node in seen.nodes if node.name == "node3")
    assert node.away
    assert (node.reason, [(each.kind, each.total) for each in node.gpus]) == ("fan; State=IDLE", [("a100", 4)])
    assert node.by
    crowd = next(each for each in seen.crowd if each.partition == "gpu")
    assert crowd.mine_pending >= 5
    assert crowd.gpus_wanted >= 10
    assert any(isinstance(each, Allowed) and each.used >= 5 for each in seen.limits)


@pytest.mark.slurm
async def test_the_real_cluster_says_why_jobs_wait(real: Slurm, sent: Callable[[str], str]) -> None:
    first = sent("--begin=now+2hours -J 'fi|rst' --wrap true")
    second = sent(f"--dependency=afterok:{first} --wrap true")
    third = sent(f"--dependency=afterany:{second},singleton -J last --wrap true")
    waits = await real.waits(third)
    assert waits.job.reason == "Dependency"
    by_kind = {link.kind: link for link in waits.before}
    link = by_kind["afterany"]
    assert (link.job_id, link.state) == (second, "PENDING")
    assert [(each.job_id, each.name) for each in link.before] == [(first, "fi|rst")]
    begins = await real.waits(first)
    assert begins.job.reason == "BeginTime"
    assert begins.job.eligible is not None
    assert begins.start is not None
    assert 7000 < begins.start - begins.now < 7300


@pytest.mark.slurm
async def test_a_dependency_that_failed_is_known_from_the_accounting(
    real: Slurm, cluster: TestCluster, sent: Callable[[str], str]
) -> None:
    first = sent("--hold --wrap true")
    second = sent(f"--dependency=afterok:{first} --wrap true")
    cluster.run("gateway", f"scancel {first}")
    (link,) = (await real.waits(second)).before
    assert (link.job_id, link.state.split()[0], link.never) == (first, "CANCELLED", True)


@pytest.mark.slurm
async def test_the_real_scheduler_takes_smaller_ones(real: Slurm, sent: Callable[[str], str]) -> None:
    job_id = sent("--hold --gres=gpu:4 --time=01:00:00 --wrap true")
    job = (await real.waits(job_id)).job
    assert job.gpus == 4
    found = await real.smaller(job, (await real.look()).partitions)
    assert found.asked.refusal == ""
    assert {each.what for each in found.others} >= {"2 GPUs instead of 4 a node", "partition short"}
    assert all(each.start is not None and not each.refusal for each in found.others)
    argv = ["squeue", "-h", "-n", "trainboard", "-o", "%i"]
    assert (await real.run_command(argv)).out == b""


@pytest.mark.slurm
async def test_the_real_accounting_tells_what_ended(real: Slurm, cluster: TestCluster) -> None:
    since = time.time() - 5
    done = cluster.run(
        "gateway",
        "sbatch -W --parsable --mem=20M --gres=gpu:1 -J 'a|b' --array=0-1 --wrap 'exit $SLURM_ARRAY_TASK_ID'",
        timeout=60,
    )
    array = done.stdout.strip()
    found = {job.job_id: job for job in await real.finished(since, time.time() + 60)}
    while len(found.keys() & {f"{array}_0", f"{array}_1"}) < 2 and time.time() < since + 60:
        found = {job.job_id: job for job in await real.finished(since, time.time() + 60)}
    good, bad = found[f"{array}_0"], found[f"{array}_1"]
    assert (good.state, bad.state, bad.exit_code) == (JobState.COMPLETED, JobState.FAILED, 1)
    assert (good.name, good.gpus, good.user) == ("a|b", 1, bad.user)
    earlier = await real.finished(since - 7200, since - 60)  # a cluster that is up for long has others there
    assert not [job for job in earlier if job.job_id.startswith(f"{array}_")]
    assert all(job.ended is not None and since - 7200 <= job.ended < since - 60 for job in earlier)


@pytest.mark.sshd
async def test_a_real_waiter_tells_of_every_gpu(sshd: TestCluster, tmp_path: Path) -> None:
    backend = Server(
        "gpu1", over_ssh(sshd, "gpu1"), str(tmp_path / "runs"), shared=True, leases=str(tmp_path / "leases")
    )
    desk = Desk(backend, tmp_path)
    first = await desk.start(desk.plan("sleep 600", resources=Resources(gpus=4)))
    try:
        await desk.until(first, lambda job: job.state is JobState.RUNNING)
        second = await desk.start(desk.plan("true", resources=Resources(gpus=1)))
        await desk.until(second, lambda job: "GPU 3" in job.reason)
        found = await backend.verdicts(second)
        assert found is not None
        assert [each.gpu for each in found.gpus] == [0, 1, 2, 3]
        assert all(each.words for each in found.gpus)
        assert await backend.verdicts(first) is None
    finally:
        await desk.leave()
