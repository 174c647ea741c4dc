"""A sweep that asks for its trials on a real Slurm: jobs are sent as others end, and learn from them."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING

import pytest

from tests.trainboard.test_cli import Shell
from tests.trainboard.test_trials_real import PROGRAM

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.cluster import Cluster

pytestmark = [pytest.mark.slurm, pytest.mark.sshd, pytest.mark.slow]

SPEC = f"""\
name: x
command: {sys.executable} train.py --lr {{lr}} --name {{run}} --epochs 2
sweep:
  method: tpe
  samples: 14
  at_most: 3
  lr: {{min: 0.0001, max: 1.0, distribution: log_uniform}}
where: [triton]
resources: {{cpus: 1, time: 10m}}
metrics: {{objective: loss}}
"""


@pytest.fixture
def shell(tmp_path: Path, cluster: Cluster) -> Iterator[Shell]:
    """A Slurm cluster behind a gateway as the only backend."""
    shell = Shell(tmp_path, {"TRAINBOARD_SSH_CONFIG": str(cluster.ssh_config)})
    shell.write(
        "home/config.yaml",
        f"backends: {{triton: {{kind: slurm, host: gateway, poll: 1, root: {tmp_path}/far}}}}\n",
    )
    shell.write("project/train.py", PROGRAM.replace("sleep(0.5)", "sleep(0.05)"))
    yield shell
    shell.end()


@pytest.mark.timeout(240)
def test_jobs_are_asked_for_as_others_end_and_learn_from_them(shell: Shell) -> None:
    shell.write("project/x.yaml", SPEC)
    assert shell("submit", "project/x.yaml").returncode == 0
    watch, end = shell.start("watch"), time.monotonic() + 200
    try:
        while (sweep := shell.json("sweeps")[0])["finished"] is None:
            assert time.monotonic() < end, shell.done("sweeps", "x-1")
    finally:
        watch.kill()
        watch.communicate()
    assert (sweep["asked"], sweep["ended"], sweep["failed"], sweep["halted"]) == (14, 14, 0, None)
    rows = [row for row in shell.json("ls") if row["experiment"] == "x-1"]  # the cluster is everybody's
    assert {(row["backend"], row["state"]) for row in rows} == {("triton", "COMPLETED")}
    assert len({row["job_id"] for row in rows}) == 14
    values = [each["value"] for each in shell.json("sweeps", "x-1")]
    assert sweep["best"]["value"] == min(values)
    begun, ended = [sorted(row[when] for row in rows) for when in ("started", "ended")]
    assert all(begun[3 + n] >= ended[n] for n in range(11)), "never more than three at a time"
