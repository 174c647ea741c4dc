"""A cluster that answers what a test put in."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from backends.base import BackendError, JobState
from backends.cluster import (
    Before,
    ClusterSeen,
    Crowd,
    Finished,
    Gpus,
    JobAsked,
    Node,
    Part,
    Partition,
    Place,
    Share,
    Variant,
    Variants,
    Waits,
)
from tests.trainboard.fakes import FakeBackend

if TYPE_CHECKING:
    from collections.abc import Sequence

AT = 1_795_000_000.0
DAY = 86400.0


def a_node(name: str, state: str = "IDLE", **fields: object) -> Node:
    """A node of a partition `gpu` with four GPUs."""
    node = Node(name, state, ("gpu",), 16, 0, 64 << 30, 0, 60 << 30, (Gpus("a100", 4, 0),))
    return replace(node, **fields)  # type: ignore[arg-type]  # fields by name


def a_look(name: str = "triton", **fields: object) -> ClusterSeen:
    """A small cluster."""
    seen = ClusterSeen(
        backend=name,
        at=AT,
        user="ada",
        partitions=(Partition("gpu", True, "UP", 172800.0, 3600.0, 3), Partition("short", limit=3600.0, nodes=1)),
        nodes=(
            a_node("g1", "MIXED", cpus_used=4, gpus=(Gpus("a100", 4, 3),)),
            a_node("g2"),
            a_node("g3", "IDLE+DRAIN", reason="fan", by="ops", since=AT - 3 * 3600),
            a_node("c1", partitions=("short",), gpus=()),
        ),
        crowd=(Crowd("gpu", 7, 40, 11, 96, 1, 2, 5),),
        shares=(Share("dl", "ada", "10", 0.1, 0.25, 0.2),),
    )
    return replace(seen, **fields)  # type: ignore[arg-type]  # fields by name


def waits_of(reason: str = "Priority", **fields: object) -> Waits:
    """A job that waits with four others."""
    job = JobAsked(
        "77", "exp-1/x", "ada", "PENDING", reason, "gpu", "dl", "normal", 200, limit=7200.0, gpus=2, cpus=4
    )
    job = replace(job, options=("--gres=gpu:2", "--time=120"))
    waits = Waits(
        job,
        AT,
        Place(4, 5, 2, 12),
        AT + 3 * 3600,
        (Part("fair share", 150.0), Part("age", 50.0)),
        (Before("afterok", "70", "FAILED", "data", never=True),),
    )
    return replace(waits, **fields)  # type: ignore[arg-type]  # fields by name


def ended(job_id: str = "1", at: float = AT - 100, **fields: object) -> Finished:
    """A job of two GPUs that ran for an hour."""
    job = Finished(
        job_id, "mine", JobState.COMPLETED, "ada", "dl", "gpu", "g1", 0, 0, at - 4000, at - 3600, at, 3600.0, 2
    )
    return replace(job, **fields)  # type: ignore[arg-type]  # fields by name


class FakeCluster(FakeBackend):
    """A backend with a scheduler; `error` makes everything on it fail."""

    def __init__(self, name: str = "triton") -> None:
        super().__init__(name, "slurm")
        self.seen = a_look(name)
        self.waiting = waits_of()
        self.variants = Variants(
            AT, Variant("", (), AT + 7200), (Variant("1 GPU instead of 2", ("--gres=gpu:1",), AT),)
        )
        self.past: list[Finished] = []
        self.looks = 0
        self.asked: list[tuple[float, float]] = []
        """The spans of time that were asked for."""
        self.failing: dict[int, BackendError] = {}
        """By the number of a question about the past, how it fails."""

    async def look(self) -> ClusterSeen:
        self.looks += 1
        self._fail()
        return self.seen

    async def waits(self, job_id: str) -> Waits:
        self._fail()
        return self.waiting

    async def smaller(self, job: JobAsked, partitions: Sequence[Partition]) -> Variants:
        self._fail()
        return self.variants

    async def finished(self, since: float, until: float) -> tuple[Finished, ...]:
        self.asked.append((since, until))
        self._fail()
        if (error := self.failing.get(len(self.asked))) is not None:
            raise error
        return tuple(job for job in self.past if since <= (job.ended or 0.0) < until)
