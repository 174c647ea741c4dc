"""The rules over job and machine, as rows of the catalogue, and what they find. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trainboard.diagnose.jobrules import cuda, ended, gpus, pace, processes, room, storage
from trainboard.diagnose.ranking import ranked

if TYPE_CHECKING:
    from collections.abc import Collection

    from trainboard.diagnose.finding import Finding
    from trainboard.diagnose.jobseen import JobSeen

JOB_RULES = (*ended.RULES, *cuda.RULES, *storage.RULES, *processes.RULES, *pace.RULES, *room.RULES, *gpus.RULES)
"""Each takes a `JobSeen`."""

_BY_ID = {rule.id: rule for rule in JOB_RULES}


def job_findings(seen: JobSeen, off: Collection[str] = ()) -> tuple[Finding, ...]:
    """What is wrong with a job and its machine, the root cause first. `off`: rules that are not asked."""
    found = [finding for rule in JOB_RULES if rule.id not in off and (finding := rule.look(seen)) is not None]
    return ranked(found, _BY_ID)
