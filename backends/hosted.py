"""What all kinds share: a backend is a host session and a root folder on that host."""

from __future__ import annotations

import asyncio
import contextlib
import json
import shlex
import time
import zlib
from typing import TYPE_CHECKING, Any, TypeVar

from backends import script
from backends.base import (
    BackendError,
    Completed,
    Disk,
    Found,
    HostTimeout,
    HostUnreachable,
    Policy,
    Rejected,
    Result,
    Results,
    Unclear,
)
from backends.host import QUIET
from backends.readings import Readings
from backends.rehearsal import rehearse
from backends.search import search
from backends.survey import parse_survey
from backends.text import one_line
from backends.upload import PATIENCE, Folder, Uploads, rejected

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Iterator, Mapping, Sequence

    from backends.base import Chunk, Health, Job, Plan, Sought, Unreadable, Wanted, Watched
    from backends.checks import Forecast, Program, Rehearsal, Survey, Unknown
    from backends.host import Host
    from backends.predicting import Reader
    from backends.spy import Spy
    from specs.model import Input

Item = TypeVar("Item")

SUBMIT_TIMEOUT = 60.0
"""Seconds for the command that starts an attempt; a busy slurmctld may need most of them."""

CHUNK = 100
"""Attempt directories in one request: small enough that others get their turn on the line."""

ASKED = 500
"""Attempts that are asked for, or told something, in one request."""

CLOCKS = 5.0
"""Seconds between a host's clock and ours that may be the way that an answer takes."""

LEASES = "/var/tmp/trainboard"
"""The folder that all users of a host without a scheduler share; it outlives a restart, what is in it need not."""


class Hosted:
    """The part of a backend that does not depend on who schedules."""

    kind = ""

    def __init__(
        self,
        name: str,
        host: Host,
        root: str,
        *,
        shared: bool = False,
        python: str = "python3",
        disks: Sequence[str] = (),
        leases: str = LEASES,
        policy: Policy | None = None,
    ) -> None:
        """`leases` and `policy` are for hosts without a scheduler."""
        self.name = name
        self.shared = shared
        self.host = host
        self.root = root.rstrip("/")
        self.python = python
        self.disks = tuple(disks) or (self.root,)
        self.leases = leases
        self.policy = policy or Policy()
        self._predictions: Reader | None = None
        self._uploads = Uploads(host, self.root, None if self.kind == "slurm" else self.policy)

    @property
    def calls(self) -> Sequence[float]:
        """When scheduler commands or state queries were issued lately."""
        return self.host.calls

    @property
    def folders(self) -> Sequence[str]:
        """Where we write there."""
        return self.root, self.leases

    def directory(self, folder: str) -> str:
        """Where an attempt lives."""
        return f"{self.root}/{folder}"

    async def log_path(self, job: Job) -> str | None:
        """Only a scheduler has jobs that we did not start."""
        return None

    async def read(self, path: str, offset: int, limit: int) -> Chunk:
        """At most `limit` bytes of a file."""
        return await self.host.read(path, offset, limit)

    async def search(self, path: str, wanted: Wanted, offset: int, *, backwards: bool = False) -> Sought:
        """One step of looking for a line."""
        return await search(self.host, path, wanted, offset, backwards=backwards)

    def follow(self, path: str, offset: int) -> AsyncGenerator[Chunk | Unreadable]:
        """The file as it grows."""
        return self.host.follow(path, offset)

    def health(self, interval: float) -> AsyncGenerator[Health]:
        """Readings of the host."""
        return self._readings(interval, Readings())

    async def _readings(self, interval: float, readings: Readings, *, gpus: bool = True) -> AsyncGenerator[Health]:
        """What the helper tells; `gpus`: NVIDIA's too."""
        disks = list(self.disks)
        leases = "" if self.kind == "slurm" else self.leases
        stream = self.host.stream(
            "telemetry", interval=interval, disks=disks, root=self.root, gpus=gpus, leases=leases
        )
        async with contextlib.aclosing(stream) as frames:
            async for _, header, _ in frames:
                yield readings.take(header, time.time())

    async def space(self, paths: Sequence[str]) -> tuple[Disk, ...]:
        """The disks of these folders."""
        header, _ = await self.host.request("space", paths=list(paths))
        asked = frozenset(paths)
        return tuple(Disk(path, total, free) for path, total, free in header["disks"] if path in asked)

    async def run_command(self, argv: Sequence[str], timeout: float = 20, cap: int = 1 << 20) -> Completed:
        """A command on the host."""
        return await self.host.run(argv, timeout, cap)

    def spy(self, job_id: str, node: str = "") -> Spy:
        """What looks into the processes of a job; without a scheduler all of them are on the host."""
        from backends.spy import Spy

        return Spy(self.name, self.host)

    async def traced(self, path: str) -> Mapping[str, Any]:
        """What a trace on the host says, summed up there."""
        from backends.spy import traced

        return await traced(self.name, self.host, path)

    async def predicted(self, asked: Mapping[str, Any]) -> Mapping[str, Any]:
        """What a file of predictions on the host says, summed up there."""
        from backends.predicting import Reader

        if self._predictions is None:
            self._predictions = Reader(self.name, self.host)
        return await self._predictions.ask(asked)

    async def cancel(self, attempts: Sequence[Watched]) -> None:
        """End attempts: one that has not begun can then never begin, not even if its directory comes later."""
        await self._tell("cancel", attempts)

    async def withdraw(self, attempts: Sequence[Watched]) -> frozenset[str]:
        """Take the claims of those that have not begun: the tokens of those that can now never start."""
        outcomes = await self._tell("withdraw", attempts)
        return frozenset(token for token, outcome in outcomes.items() if outcome == "withdrawn")

    async def scan(self) -> tuple[Found, ...]:
        """Every attempt directory below the root; page by page."""
        found: list[Found] = []
        after = ""
        while True:
            header, data = await self.host.request("scan", PATIENCE, root=self.root, after=after)
            page = json.loads(zlib.decompress(data))
            found += [Found(f"{self.root}/{folder}", plan, spec, job_id) for folder, plan, spec, job_id in page]
            after = header["next"]
            if not after:
                return tuple(found)

    async def survey(self, plan: Plan, inputs: Sequence[Input], patience: float) -> Survey:
        """What lies there and what the machine has, in one request."""
        folders = [self.root, str(plan.workdir)] if self.shared else [self.root]
        wanted: dict[str, bool] = {}
        for each in inputs:
            wanted[each.path] = wanted.get(each.path, False) or each.sha256 is not None
        cards = bool(plan.resources.gpus) and self.kind != "slurm"
        _, data = await self.host.request(
            "survey", QUIET + patience, folders=folders, inputs=list(wanted.items()), patience=patience, gpus=cards
        )
        return parse_survey(json.loads(data), list(wanted))

    async def rehearse(self, plan: Plan, programs: Sequence[Program]) -> Rehearsal | Unknown:
        """Try the set-up in a login shell, in the project folder where it is shared."""
        folder = shlex.quote(str(plan.workdir)) if self.shared else "~"
        return await rehearse(self.host, script.shell(self.kind), plan, programs, folder, self._environment())

    async def forecast(self, plan: Plan) -> Forecast | None:
        """Only a scheduler makes one."""
        return None

    async def results(self, directory: str, patterns: Sequence[str]) -> Results:
        """The files of an attempt that these globs find where its program ran."""
        header, data = await self.host.request("results", PATIENCE, directory=directory, patterns=list(patterns))
        found = json.loads(zlib.decompress(data))
        return Results(tuple(Result(*each) for each in found), one_line(header["left"]), header["folder"])

    async def fetch(self, directory: str, pieces: Sequence[tuple[str, int, int]]) -> Sequence[bytes | str]:
        """Pieces of such files."""
        wanted = [list(piece) for piece in pieces]
        header, data = await self.host.request("fetch", PATIENCE, directory=directory, pieces=wanted)
        content, at = zlib.decompress(data), 0
        found: list[bytes | str] = []
        for outcome in header["outcomes"]:
            if isinstance(outcome, int):
                found.append(content[at : at + outcome])
                at += outcome
            else:
                found.append(one_line(outcome))
        return found

    async def close(self) -> None:
        """Drop the connection."""
        self._uploads.close()
        await self.host.close()

    def _environment(self) -> dict[str, str]:
        """What run.sh exports besides the plan's."""
        return {}

    async def _attempts(self, directories: Sequence[str]) -> list[dict[str, Any]]:
        """What attempt directories say, in the order asked for; times are by our clock, `now` is by the host's."""
        found: list[dict[str, Any]] = []
        for some in pieces(directories, ASKED):
            asked = time.time()
            header, data = await self.host.request("attempts", PATIENCE, directories=list(some))
            ahead, now = clocks_apart(header["now"], asked, time.time()), {"now": header["now"]}
            found += [by_our_clock(each, ahead) | now for each in json.loads(data)]
        return found

    async def _tell(self, op: str, attempts: Sequence[Watched], **fields: object) -> dict[str, str]:
        """Do something to attempts on the host; what became of it, by token.

        Raises what went wrong with the first of those where something did, after all have had their turn.
        """
        outcomes: dict[str, str] = {}
        failures: list[BackendError] = []
        for some in pieces(attempts, ASKED):
            pairs = [[attempt.directory, attempt.token] for attempt in some]
            _, data = await self.host.request(op, PATIENCE, b"", attempts=pairs, **fields)
            for attempt, outcome in zip(some, json.loads(data), strict=True):
                if "error" in outcome:
                    failures.append(self.host.failure(outcome))
                else:
                    outcomes[attempt.token] = outcome["done"]
        if failures:
            raise failures[0]
        return outcomes

    async def _upload(self, plans: Sequence[Plan], launch: Callable[[Plan], str]) -> dict[str, str | Rejected]:
        """Put attempt directories in place, each whole or not at all: their full paths, by token.

        `launch` makes the text of launch.sh. Nothing has begun by it; twice with one token is once. Raises nothing.
        """
        done: dict[str, str | Rejected] = {}
        try:
            for code in {plan.code.digest: plan.code for plan in plans if plan.code is not None}.values():
                await self._uploads.code(code)
            await self._uploads.programs()
            for some in pieces(plans, CHUNK):
                folders = await asyncio.to_thread(self._folders, some, launch)
                done |= zip([plan.token for plan in some], await self._uploads.folders(folders), strict=True)
        except BackendError as error:
            done |= {plan.token: rejected(error) for plan in plans if plan.token not in done}
        return done

    def _folders(self, plans: Sequence[Plan], launch: Callable[[Plan], str]) -> list[Folder]:
        """The attempt directories of plans. Takes a while."""
        return [self._folder(plan, launch(plan)) for plan in plans]

    def _folder(self, plan: Plan, launch: str) -> Folder:
        """The attempt directory of a plan."""
        texts = {
            "spec.yaml": plan.spec_text,
            "run.sh": script.run_script(plan),
            "env": script.environment(plan, self._environment()),
            "plan.json": script.runner_plan(plan, self.kind, self.leases),
            "launch.sh": launch,
            **plan.files,
        }
        files = {name: text.encode() for name, text in texts.items()}
        return Folder(self.directory(plan.folder), plan.token, files)

    async def _publish_folder(
        self, path: str, token: str, files: Mapping[str, bytes], links: Mapping[str, str]
    ) -> str:
        """Put one folder in place, whole: its full path. `links` are symbolic ones, from name to target.

        A folder that is there already stays as it is; raises `Rejected` where it came with another token, and for
        whatever else keeps it from being there.
        """
        return await self._uploads.folder(Folder(path, token, files, links))

    async def _launch(self, argv: Sequence[str], directory: str, secrets: Mapping[str, str]) -> Completed:
        """Run what starts attempts. Raises `Rejected` where it did not, `Unclear` where we cannot know."""
        try:
            return await self.host.run(argv, SUBMIT_TIMEOUT, env=secrets, cwd=directory)
        except (HostTimeout, HostUnreachable) as error:
            raise Unclear(f"submitted, no answer yet: {error}") from error
        except BackendError as error:
            raise rejected(error) from error


def pieces(items: Sequence[Item], size: int) -> Iterator[Sequence[Item]]:
    """`items` in runs of at most `size`."""
    return (items[at : at + size] for at in range(0, len(items), size))


def clocks_apart(now: float, asked: float, answered: float) -> float:
    """By how many seconds our clock is ahead of a host's that said `now` in between; 0 where it need not be."""
    return answered - now if now > answered else max(0.0, asked - now)


def by_our_clock(found: dict[str, Any], ahead: float) -> dict[str, Any]:
    """The records of an attempt with their times moved by `ahead` seconds, where that is more than the way."""
    if abs(ahead) < CLOCKS:
        return found
    moved = {
        key: {
            name: value + ahead if name in ("time", "began") and value is not None else value
            for name, value in record.items()
        }
        for key, record in found.items()
        if key in ("started", "exit", "waiting") and record is not None
    }
    return found | moved
