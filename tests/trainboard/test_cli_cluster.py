"""`trainboard cluster`, `why` and `history`, typed, on the real Slurm and on a server."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.trainboard.test_cli import LOCAL, Shell

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.cluster import Cluster

CONFIG = """\
backends:
  here: {kind: local, leases: %(root)s/leases}
  triton: {kind: slurm, host: gateway, root: %(root)s/triton}
"""


@pytest.fixture
def both(tmp_path: Path, cluster: Cluster) -> Iterator[Shell]:
    """This machine and a Slurm cluster."""
    shell = Shell(tmp_path, {"TRAINBOARD_SSH_CONFIG": str(cluster.ssh_config)})
    shell.write("home/config.yaml", CONFIG % {"root": tmp_path})
    yield shell
    shell.end()


@pytest.fixture
def here(tmp_path: Path) -> Iterator[Shell]:
    """This machine alone."""
    shell = Shell(tmp_path)
    shell.write("home/config.yaml", LOCAL % {"leases": tmp_path / "leases"})
    yield shell
    shell.end()


@pytest.mark.slurm
def test_a_cluster_is_told_as_tables_and_as_json(both: Shell) -> None:
    out = both.done("cluster")
    assert "PARTITION" in out
    assert "gpu*" in out
    assert "node[1-3]" in out or "node1" in out
    (found,) = both.json("cluster", "triton")
    assert {each["name"] for each in found["nodes"]} == {"node1", "node2", "node3"}
    assert found["nodes"][0]["gpus"][0]["type"] == "a100"
    assert found["not_known"] == {}
    assert both.done("hosts", "triton").endswith("  its partitions and nodes: trainboard cluster triton\n")


@pytest.mark.slurm
def test_a_job_that_waits_says_why_and_what_would_start_now(both: Shell, cluster: Cluster) -> None:
    job_id = cluster.run("gateway", "sbatch --parsable --hold --mem=20M --gres=gpu:4 --wrap true").stdout.strip()
    try:
        out = both.done("why", f"triton:{job_id}", "--smaller")
        told = both.json("why", f"triton:{job_id}")
    finally:
        cluster.run("gateway", f"scancel {job_id}")
    assert "You hold it." in out
    assert "2 GPUs instead of 4 a node" in out
    assert (told["reason"], told["variants"]) == ("JobHeldUser", None)


@pytest.mark.slurm
def test_jobs_that_are_over_are_listed_with_ours(both: Shell, cluster: Cluster) -> None:
    spec = both.write("short.yaml", "name: short\ncommand: echo done\nresources: {memory: 20M}\n")
    cluster.run("gateway", "sbatch -W --mem=20M -J 'theirs|x' --wrap true", timeout=60)
    for place in ("triton", "here"):
        both.done("submit", str(spec), "--on", place, "--again")
    both.done("watch", "--once")
    for run in both.json("ls"):
        if run["run"]:
            both.done("logs", run["run"], "-f")
    both.done("ls")
    ours = [job for job in both.json("history", "--since", "1d", "short") if job["run"]]
    assert sorted((job["backend"], job["state"]) for job in ours) == [("here", "COMPLETED"), ("triton", "COMPLETED")]
    theirs = both.json("history", "--user", "theirs|x")
    assert {job["run"] for job in theirs} == {None}
    assert theirs[0]["state"] == "COMPLETED"
    assert "GPU-hours" in both.done("history")


def test_bad_words_are_one_line(here: Shell) -> None:
    assert "a duration as" in here.refused("history", "--since", "soon")
    assert "three years" in here.refused("history", "--since", "9999d")
    assert "no backend" in here.refused("cluster", "nowhere")
    assert "no cluster with a scheduler" in here.refused("cluster", "local")
    assert "none of the backends" in here.refused("cluster")
    assert "no run or experiment" in here.refused("why", "nothing-1")
