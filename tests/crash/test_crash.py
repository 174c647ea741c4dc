"""A submitting process that is killed loses no run and doubles none."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.crash.harness import harness

if TYPE_CHECKING:
    from tests.cluster import Cluster

KILLS = 200


@pytest.mark.slow
@pytest.mark.slurm
@pytest.mark.timeout(900)
def test_whatever_step_a_submission_is_killed_at_every_run_exists_exactly_once(cluster: Cluster) -> None:
    report = harness(cluster, KILLS)
    assert report.kills.total() >= KILLS
    assert report.runs > KILLS
    assert not report.wrong, "\n".join(report.lines())
