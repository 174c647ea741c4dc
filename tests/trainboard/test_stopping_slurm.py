"""A run on a real Slurm that its spec wants stopped: it is, and what it saved stays."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.trainboard.test_cli import Shell
from tests.trainboard.test_cli_control import watches as watches
from tests.trainboard.test_stopping import PROGRAM

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.cluster import Cluster
    from tests.trainboard.test_cli_control import Watching

pytestmark = [pytest.mark.slurm, pytest.mark.sshd, pytest.mark.slow]

SPEC = """\
name: doomed
command: {python} train.py
resources: {{cpus: 1, time: 10m}}
metrics: {{objective: loss, total: {{steps: 100}}}}
outputs: {{checkpoint: 'ckpt/*.pt', keep: 1}}
retry: {{on: [FAILED], max: 1}}
watch: {{stop_on: [non_finite]}}
"""


@pytest.fixture
def shell(tmp_path: Path, cluster: Cluster) -> Iterator[Shell]:
    """A Slurm cluster behind a gateway as the only backend."""
    shell = Shell(tmp_path, {"TRAINBOARD_SSH_CONFIG": str(cluster.ssh_config)})
    shell.write(
        "home/config.yaml",
        f"backends: {{triton: {{kind: slurm, host: gateway, poll: 1, root: {tmp_path}/far}}}}\n",
    )
    yield shell
    shell.end()


def test_a_job_is_stopped_as_its_spec_wants_and_keeps_its_last_checkpoint(
    shell: Shell, watches: Callable[..., Watching], cluster: Cluster
) -> None:
    shell.write("train.py", PROGRAM.replace("VALUE", "float('nan')"))
    shell.write("s.yaml", SPEC.format(python=sys.executable))
    watching = watches()
    watching.drives()
    [submitted] = shell.json("submit", "s.yaml")
    run = submitted["run"]
    ended = watching.until(lambda line: line["subject"] == run and line.get("state") == "CANCELLED", patience=120)
    why = "stopped by its spec (stop_on: non_finite): "
    assert why in ended["text"]
    [row] = [row for row in shell.json("ls") if row["run"] == run]
    assert (row["state"], row["reason"][: len(why)]) == ("CANCELLED", why)
    assert [path.name for path in (shell.folder / "far").rglob("*.pt")] == ["9999.pt"], "the one it saved at the end"
    assert "saved" in shell.done("logs", run)
    command = ("scontrol", "show", "job", str(row["job_id"]))
    slurm = subprocess.run(command, capture_output=True, text=True, check=True, env=cluster_environ(cluster))
    assert "JobState=CANCELLED" in slurm.stdout
    assert [line for line in watching.lines if line["subject"] == run and line.get("attempt") == 2] == []


def cluster_environ(cluster: Cluster) -> dict[str, str]:
    """What the commands of Slurm need here."""
    return {"PATH": "/usr/bin:/bin", "SLURM_CONF": str(cluster.slurm_conf)}
