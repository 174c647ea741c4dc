"""A submitting process that is killed loses no run and doubles none."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.cluster import Cluster

KILLS = 75
"""At each step of a submission once: to Slurm it has 36, to a server 21. `python -m tests.crash` kills more often."""


@pytest.mark.slow
@pytest.mark.slurm
@pytest.mark.timeout(900)
def test_whatever_step_a_submission_is_killed_at_every_run_exists_exactly_once(cluster: Cluster) -> None:
    environ = {name: value for name, value in os.environ.items() if name != "PYTEST_XDIST_WORKER"}
    command = [sys.executable, "-m", "tests.crash", "--kills", str(KILLS)]
    done = subprocess.run(command, env=environ | cluster.environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    kills, runs = re.search(r"(\d+) kills", done.stdout), re.search(r"with (\d+) runs; 0 of them", done.stdout)
    assert kills is not None
    assert runs is not None
    assert int(kills[1]) >= KILLS
    assert int(runs[1]) > KILLS
