"""How many more jobs fit."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backends import limits
from backends.base import JobState, Room
from specs.model import SlurmOptions
from tests.backends.test_sightings import ENTRY

CONFIG = """\
Configuration data as of 2026-11-23T02:34:42
AccountingStorageEnforce = associations,limits,qos
ClusterName             = triton
MaxArraySize            = 1001
MaxJobCount             = 10000

Slurmctld(primary) at gateway is UP
"""

ASSOCIATIONS = """\
triton|lab||20|50|normal
triton|lab|short|5||
triton|other||3||
elsewhere|lab||1||
half a line|x
"""

QOS = "normal||||\nlong|4||\nshared|||100|\ntiny|2|7|9\nbroken|x|y|z\n"

PARTITIONS = """\
PartitionName=gpu AllowGroups=ALL Default=YES QoS=N/A State=UP
PartitionName=short AllowGroups=ALL Default=NO QoS=tiny State=UP
"""

SITE = replace(
    limits.parse_site(CONFIG),
    associations=limits.parse_associations(ASSOCIATIONS, "triton"),
    default_account="lab",
    qos=limits.parse_qos(QOS),
    partitions=limits.parse_partitions(PARTITIONS),
)


def job(count: int = 1, **fields: object) -> object:
    """A line of the queue for so many jobs."""
    return replace(ENTRY, job_id=f"9_[0-{count - 1}]", **({"state": JobState.PENDING} | fields))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("slurm", "queue", "reason"),
    [
        (SlurmOptions(), 13, "MaxSubmitJobs in account lab: 20"),
        (SlurmOptions(partition="short"), 0, "MaxSubmitJobsPerUser of QOS tiny: 2"),
        (SlurmOptions(account="other"), 3, "MaxSubmitJobs in account other: 3"),
        (SlurmOptions(qos="long"), 4, "MaxSubmitJobsPerUser of QOS long: 4"),
        (SlurmOptions(sbatch=("--qos=normal", "--qos=long")), 4, "MaxSubmitJobsPerUser of QOS long: 4"),
        (SlurmOptions(account="unknown"), 9992, "MaxJobCount of the cluster: 10000"),
    ],
)
def test_the_tightest_limit_says_how_many_fit(slurm: SlurmOptions, queue: int, reason: str) -> None:
    over = [job(9, state=state) for state in (JobState.COMPLETED, JobState.COMPLETING)]
    entries = [job(5), job(2, partition="short"), job(1, account="guests"), *over]
    assert limits.room(SITE.limits(slurm), entries) == Room(None, queue, reason)  # type: ignore[arg-type]


def test_where_nobody_tells_of_a_limit_none_is_known() -> None:
    assert limits.room(limits.Site().limits(SlurmOptions()), [ENTRY]) == Room(now=None)


def test_a_full_queue_has_no_room_and_never_less() -> None:
    assert limits.room(SITE.limits(SlurmOptions()), [job(30)]).queue == 0  # type: ignore[list-item]


@pytest.mark.parametrize(
    ("enforce", "holds"),
    [("none", False), ("associations", False), ("associations,limits,qos", True), ("safe", True), ("", False)],
)
def test_limits_count_only_where_the_cluster_enforces_them(enforce: str, holds: bool) -> None:
    config = limits.parse_config(CONFIG) | {"AccountingStorageEnforce": enforce}
    assert limits.enforces_limits(config) is holds


def test_the_configuration_is_read() -> None:
    site = limits.parse_site(CONFIG)
    assert (site.cluster, site.array_size, site.most_jobs, site.enforced) == ("triton", 1001, 10000, True)
    assert limits.parse_site("") == limits.Site()


@given(st.text())
def test_any_text_gives_an_answer(text: str) -> None:
    limits.parse_site(text)
    limits.parse_associations(text, "triton")
    limits.parse_qos(text)
    limits.parse_partitions(text)
