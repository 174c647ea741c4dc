"""Why one job waits: asked of Slurm when somebody wants to know, never in a loop."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, TypeVar

from backends.base import BackendError, CommandFailed
from backends.cluster import Before, Part, Place, Trouble, Variant, Variants, Waits
from backends.forecast import forecast
from backends.inventory import tres_gpus
from backends.jobasked import parse_job, smaller
from backends.parse import slurm_time
from backends.taskids import JOB_ID, array_of, tasks_of
from backends.text import one_line

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Sequence

    from backends.cluster import JobAsked, Node, Partition
    from backends.gateway import Gateway

Found = TypeVar("Found")

CAP = 32 << 20

PLACE_FIELDS = (("JobArrayID", 40), ("PriorityLong", 24), ("UserName", 40), ("Reason", 80), ("tres-alloc", 200))
"""For `squeue -O`: who stands where."""

OLD_PLACE_FORMAT = "%i|%Q|%u|%r"
"""The same without GPUs, for a squeue that does not know these words."""

CANNOT_START = frozenset(
    {
        "BeginTime",
        "Dependency",
        "DependencyNeverSatisfied",
        "JobArrayTaskLimit",
        "JobHeldAdmin",
        "JobHeldUser",
        "BadConstraints",
        "PartitionConfig",
        "PartitionDown",
        "PartitionInactive",
        "PartitionNodeLimit",
        "PartitionTimeLimit",
    }
)
"""Jobs that wait for one of these keep nobody waiting."""

FACTORS = (
    ("%A", "age"),
    ("%F", "fair share"),
    ("%J", "size"),
    ("%P", "partition"),
    ("%Q", "QOS"),
    ("%T", "resources"),
    ("%N", "nice"),
)
"""sprio -o: the parts of a priority, weighted."""

NEWER_FACTORS = (("%B", "association"), ("%S", "site"))
"""Those that a sprio before 20.02 does not know."""

NO_FACTORS = re.compile(r"supported priority plugin|priority/basic", re.IGNORECASE)

BY_ORDER = "jobs go in the order of their submission here"
"""What there is to say of priorities where a site has none."""

DEEP, MANY = 4, 60
"""Levels of dependencies, and jobs on each, that are followed."""

_DEPENDENCY = re.compile(r"(singleton)|([a-z]+):([\d_*+,:\[\]-]+)(?:\((\w+)\))?")


class Waiting:
    """What one gateway tells of jobs that wait."""

    def __init__(self, gateway: Gateway, private: Callable[[], Awaitable[bool]]) -> None:
        self.gateway = gateway
        self._private = private

    async def waits(self, job_id: str) -> Waits:
        """All there is to say; parts that fail are said in their place. Raises `BackendError` without the job."""
        text = await self.gateway.command(["scontrol", "show", "job", plain(job_id)], 20)
        job = parse_job(text)
        if job is None:
            raise CommandFailed(f"{self.gateway.name}: scontrol tells nothing of job {job_id}")
        now = await self._now()
        troubles: list[Trouble] = []

        async def part(what: str, work: Awaitable[Found], nothing: Found) -> Found:
            try:
                return await work
            except BackendError as error:
                troubles.append(Trouble(what, error.bare))
                return nothing

        place = await part("place", self._place(job), None)
        start = await part("start", self._start(job), None)
        parts = await part("priority", self._parts(job), ())
        before = await part("dependencies", self.before(job.dependency), ())
        private = await self._private()
        return Waits(job, now, place, start or job.start, parts, before, private, tuple(troubles))

    async def _now(self) -> float:
        """The gateway's clock, which the times that Slurm tells are of."""
        return slurm_time(await self.gateway.command(["date", "+%s"], 10)) or 0.0

    async def _place(self, job: JobAsked) -> Place | None:
        """Among those that may start in the first of its partitions."""
        where = job.partition.split(",")[0]
        asked = ["squeue", "-h", "-t", "pending", "--sort=-p,i", *(("-p", where) if where else ())]
        try:
            words = ",".join(f"{name}:{width}" for name, width in PLACE_FIELDS)
            text = await self.gateway.command([*asked, "-O", words], 30, CAP, strict=True)
        except CommandFailed:
            text = await self.gateway.command([*asked, "-o", OLD_PLACE_FORMAT], 30, CAP)
            return placed(job, old_lines(text))
        return placed(job, lines(text))

    async def _start(self, job: JobAsked) -> float | None:
        text = await self.gateway.command(
            ["squeue", "-h", "--start", "-j", plain(array_of(job.job_id)), "-o", "%i|%S"], 30
        )
        starts = [slurm_time(line.partition("|")[2]) for line in text.splitlines() if "|" in line]
        known = [start for start in starts if start is not None]
        return min(known, default=None)

    async def _parts(self, job: JobAsked) -> tuple[Part, ...]:
        for factors in ((*FACTORS, *NEWER_FACTORS), FACTORS):
            words = "|".join(["%i", *(letter for letter, _ in factors)])
            try:
                text = await self.gateway.command(["sprio", "-h", "-j", array_of(job.job_id), "-o", words], 20)
            except CommandFailed as error:
                if NO_FACTORS.search(str(error)):
                    raise CommandFailed(f"{self.gateway.name}: {BY_ORDER}") from error
                if factors is FACTORS:
                    raise
                continue
            if parts := parse_parts(text, factors):
                return parts
        return ()

    async def before(self, dependency: str) -> tuple[Before, ...]:
        """What a job waits for, and what that waits for, as far as Slurm knows it. Raises `BackendError`."""
        first = parse_dependency(dependency)
        known: dict[str, tuple[str, str, str]] = {}
        level = [each.job_id for each in first if each.job_id]
        for _ in range(DEEP):
            asked = sorted({array_of(job_id) for job_id in level} - known.keys())[:MANY]
            if not asked:
                break
            found = await self._states(asked)
            known |= {job_id: found.get(job_id, ("", "", "")) for job_id in asked}
            level = [each.job_id for job_id in asked for each in parse_dependency(known[job_id][1]) if each.job_id]
        return tuple(tree(each, known, DEEP) for each in first)

    async def _states(self, ids: Sequence[str]) -> dict[str, tuple[str, str, str]]:
        """State, dependency and name by id: of those in the queue, and of those that the accounting knows."""
        found: dict[str, tuple[str, str, str]] = {}
        argv = ["squeue", "-h", "-t", "all", "-j", ",".join(ids), "-o", "%i|%T|%E|%j"]
        done = await self.gateway.run(argv, 30, CAP)  # it fails where it knows none of them
        for line in done.out.decode("utf-8", "replace").splitlines():
            job_id, _, rest = line.partition("|")
            state, _, rest = rest.partition("|")
            dependency, _, name = rest.partition("|")
            if JOB_ID.fullmatch(job_id):
                found.setdefault(array_of(job_id), (state, dependency, one_line(name)))
        gone = [job_id for job_id in ids if job_id not in found]
        if gone:
            done = await self.gateway.run(
                ["sacct", "-n", "-P", "-X", "-j", ",".join(gone), "-o", "JobID,State,JobName"], 30
            )
            for line in done.out.decode("utf-8", "replace").splitlines():
                job_id, _, rest = line.partition("|")
                state, _, name = rest.partition("|")
                if JOB_ID.fullmatch(job_id) and state:
                    worst = found.get(array_of(job_id), ("", "", ""))[0]
                    if worst in ("", "COMPLETED"):
                        found[array_of(job_id)] = state.split()[0], "", one_line(name)
        return found

    async def smaller(self, job: JobAsked, partitions: Sequence[Partition], nodes: Sequence[Node] = ()) -> Variants:
        """The job as it is, then smaller ones, one after the other; each is only tested."""
        now = await self._now()
        asked = await self._tested(job, Variant("", ()))
        others = [await self._tested(job, each) for each in smaller(job, partitions, nodes)]
        return Variants(now, asked, tuple(others))

    async def _tested(self, job: JobAsked, variant: Variant) -> Variant:
        changed = {option.partition("=")[0] for option in variant.options}
        kept = [option for option in job.options if option.partition("=")[0] not in changed]
        argv = ["sbatch", "--test-only", *kept, *variant.options, "--job-name=trainboard", "--wrap=:"]
        try:
            found = forecast(await self.gateway.run(argv, 30), ())
        except BackendError as error:
            return Variant(variant.what, variant.options, refusal=error.bare)
        return Variant(variant.what, variant.options, found.start, found.refusal)


def plain(job_id: str) -> str:
    """An id as scontrol takes it: of the waiting tasks of an array the array's. Raises `CommandFailed`."""
    if not JOB_ID.fullmatch(job_id):
        raise CommandFailed(f"no job id: {one_line(job_id, 40)}")
    return job_id.partition("_")[0] if "[" in job_id else job_id


def lines(text: str) -> Iterable[tuple[str, int, str, str, int | None]]:
    """Id, priority, user, reason and GPUs of each line."""
    for line in text.splitlines():
        found, at = [], 0
        for _, width in PLACE_FIELDS[:-1]:
            found.append(line[at : at + width].strip())
            at += width
        job_id, priority, user, reason = found
        if JOB_ID.fullmatch(job_id) and priority.isdigit():
            yield job_id, int(priority), user, reason, tres_gpus(line[at:].strip())


def old_lines(text: str) -> Iterable[tuple[str, int, str, str, int | None]]:
    """The same of `OLD_PLACE_FORMAT`, without GPUs."""
    for line in text.splitlines():
        fields = line.strip().split("|", 3)
        if len(fields) == 4 and JOB_ID.fullmatch(fields[0]) and fields[1].isdigit():
            yield fields[0], int(fields[1]), fields[2], fields[3], None


def placed(job: JobAsked, found: Iterable[tuple[str, int, str, str, int | None]]) -> Place | None:
    """Where the job stands; None where it is not among them, or is held itself."""
    if not job.priority:
        return None
    array = array_of(job.job_id)
    ahead = waiting = gpus = 0
    users: set[str] = set()
    counted, seen = True, False
    for job_id, priority, user, reason, wants in found:
        own = array_of(job_id) == array
        if not own and (not priority or reason in CANNOT_START):
            continue
        tasks = sum(map(len, tasks_of(job_id))) or 1
        waiting += tasks
        seen = seen or own
        if own or priority < job.priority or (priority == job.priority and seen):
            continue
        ahead += tasks
        users.add(user)
        counted = counted and wants is not None
        gpus += (wants or 0) * tasks
    return Place(ahead, waiting, len(users), gpus if counted else None) if seen else None


def parse_parts(text: str, factors: Sequence[tuple[str, str]]) -> tuple[Part, ...]:
    """sprio's answer; nothing where no line of it is whole."""
    for line in text.splitlines():
        _, *fields = (field.strip() for field in line.split("|"))
        if len(fields) != len(factors):
            continue
        points = [_points(field) for field in fields]
        found = [Part(name, value) for (_, name), value in zip(factors, points, strict=True) if value]
        return tuple(sorted(found, key=lambda part: -abs(part.points)))
    return ()


def _points(field: str) -> float:
    """A part's points; the trackable resources are told one by one: `cpu=10,gres/gpu=200`."""
    numbers = re.findall(r"(?:^|[=,\s])(-?\d{1,15}(?:\.\d{1,6})?)", field)
    return sum(map(float, numbers))


def parse_dependency(text: str) -> list[Before]:
    """`afterok:12(unfulfilled),afterany:13_*(failed)` → the jobs, without what they are like."""
    found: list[Before] = []
    for match in _DEPENDENCY.finditer(text):
        if match[1]:
            found.append(Before("singleton", ""))
            continue
        ids = re.findall(r"\d+(?:_(?:\d+|\*))?", match[3].partition("+")[0])
        found += [Before(match[2], job_id.removesuffix("_*"), never=match[4] == "failed") for job_id in ids]
    return found


GOOD_ENDS = {"afterok": {"COMPLETED"}, "aftercorr": {"COMPLETED"}}
"""What a job must have come to; for `afternotok` it is anything else, for others any end will do."""

OVER = frozenset(
    {
        "BOOT_FAIL",
        "CANCELLED",
        "COMPLETED",
        "DEADLINE",
        "FAILED",
        "NODE_FAIL",
        "OUT_OF_MEMORY",
        "PREEMPTED",
        "TIMEOUT",
    }
)


def tree(link: Before, known: dict[str, tuple[str, str, str]], deep: int) -> Before:
    """A dependency with all that is known of it."""
    state, dependency, name = known.get(array_of(link.job_id), ("", "", ""))
    good = GOOD_ENDS.get(link.kind)
    ended = state in OVER
    never = link.never or (
        ended and ((good is not None and state not in good) or (link.kind == "afternotok" and state == "COMPLETED"))
    )
    below = parse_dependency(dependency) if deep else []
    return Before(link.kind, link.job_id, state, name, never, tuple(tree(each, known, deep - 1) for each in below))
