"""Submissions and recoveries that die, and what is left of them."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import tempfile
import time
import traceback
from collections import Counter
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from backends.base import BackendError, JobState
from backends.host import helper_command
from backends.server import Server
from backends.slurm import Slurm
from backends.ssh import SshHost
from specs.load import loads
from tests.backends.conftest import Nobody
from tests.crash.mortal import Fate, MortalHost, MortalStore
from trainboard.archive import Archives
from trainboard.dispatch import Dispatcher
from trainboard.options import PLAIN
from trainboard.plans import Planner
from trainboard.query import query
from trainboard.store import Store
from trainboard.submit import submit

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Coroutine

    from backends.base import Backend
    from tests.cluster import Cluster
    from trainboard.documents import Records

KINDS = ("slurm", "ssh")
RUNS = 3
"""Of each experiment: on Slurm an array."""

RESEND = 1.0
"""Seconds after which the recovery sends again what nobody has seen."""

PATIENCE = 240.0
"""Seconds for everything to be settled."""

BETWEEN = 10
"""Rounds of submissions before a recovery that is killed as well."""


@dataclass(frozen=True)
class Report:
    """What came of it."""

    kills: Counter[str]
    """By what was killed: `submit to slurm`, `recovery`, …"""
    experiments: int
    runs: int
    wrong: list[str] = field(default_factory=list)
    """A line for each run that did not run exactly once, or is not told so."""

    def lines(self) -> list[str]:
        """For people."""
        by_kind = ", ".join(f"{count} of a {what}" for what, count in sorted(self.kills.items()))
        return [
            f"{self.kills.total()} kills: {by_kind}",
            f"{self.experiments} experiments were on record by then, with {self.runs} runs; "
            f"{len(self.wrong)} of them did not run exactly once",
            *self.wrong,
        ]


class Scene:
    """One folder with a store, two real backends, and a file in which every run leaves a line when it runs."""

    def __init__(self, cluster: Cluster, folder: Path) -> None:
        self.cluster = cluster
        self.folder = folder
        self.truth = folder / "truth"
        self.truth.touch()

    @asynccontextmanager
    async def opened(self, fate: Fate) -> AsyncGenerator[tuple[dict[str, Backend], Store, Dispatcher]]:
        """Backends, store and dispatcher of one process."""
        store = MortalStore(self.folder / "state", fate)
        backends: dict[str, Backend] = {kind: self._backend(kind, fate) for kind in KINDS}
        planner = Planner(os.environ, Archives(self.folder / "code"))
        dispatcher = Dispatcher(lambda: backends, store, planner, resend=RESEND)
        try:
            yield backends, store, dispatcher
        finally:
            await dispatcher.close()
            await asyncio.gather(*(backend.close() for backend in backends.values()))
            store.close()

    def _backend(self, kind: str, fate: Fate) -> Backend:
        alias = "gateway" if kind == "slurm" else "gpu1"
        ssh = SshHost(alias, Nobody(), config=self.cluster.ssh_config)
        host = MortalHost(kind, lambda: ssh.open(helper_command("python3")), ssh.close)
        host.fate = fate
        root, leases = str(self.folder / kind), str(self.folder / "leases")
        if kind == "slurm":
            return Slurm(kind, host, root, shared=True)
        return Server(kind, host, root, shared=True, leases=leases)

    async def submit(self, kind: str, fate: Fate) -> None:
        """What `trainboard submit` does."""
        text = (
            f'name: {kind}\ncommand: echo "$TRAINBOARD_ATTEMPT" >> {self.truth}  # {{x}}\n'
            f"sweep: {{x: {list(range(RUNS))}}}\nresources: {{cpus: 1}}\n"
        )
        spec = loads(text, self.folder / "spec.yaml")
        async with self.opened(fate) as (backends, _, dispatcher):
            await submit(spec, [backends[kind]], dispatcher, Archives(self.folder / "code"), os.environ, PLAIN)

    async def recover(self, fate: Fate) -> None:
        """What a board does, until every run on record has ended."""
        absences: dict[str, dict[str, object]] = {kind: {} for kind in KINDS}
        async with self.opened(fate) as (backends, store, dispatcher):
            deadline = time.monotonic() + PATIENCE
            while time.monotonic() < deadline:
                for kind, backend in backends.items():
                    try:
                        answer = await query(backend, store, absences[kind])  # type: ignore[arg-type]  # opaque here
                    except BackendError as error:
                        print(f"{kind}: {error}", file=sys.stderr)
                        continue
                    absences[kind] = dict(answer.absences)
                await dispatcher.step()
                if all(attempt.state.ended for attempt in (await store.load()).attempts.values()):
                    return
                await asyncio.sleep(0.2)


def begin(work: Callable[[], Coroutine[None, None, None]]) -> int:
    """Do it in a process of its own; its pid."""
    child = os.fork()
    if child == 0:
        code = 1
        try:
            asyncio.run(work())
            code = 0
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(code)
    return child


def killed(child: int) -> bool:
    """Wait for such a process: whether its fate befell it, or it came to its end."""
    _, status = os.waitpid(child, 0)
    if status not in (0, signal.SIGKILL):
        raise RuntimeError(f"a process failed by itself, with wait status {status}")
    return status == signal.SIGKILL


def harness(cluster: Cluster, kills: int, seed: int = 0) -> Report:
    """So many kills, spread over all steps of a submission to each kind and of the recovery, then the count."""
    with tempfile.TemporaryDirectory(prefix="trainboard-crash-") as name:
        scene = Scene(cluster, Path(name))
        done: Counter[str] = Counter()
        steps = dict.fromkeys(KINDS, 0)
        rounds = 0
        while done.total() < kills:
            rounds += 1
            children = {}
            for kind in KINDS:  # at the same time: two processes that submit to one store
                steps[kind] += 1
                children[kind] = begin(partial(scene.submit, kind, Fate(steps[kind], seed + rounds)))
            for kind, child in children.items():
                if killed(child):
                    done[f"submission to {kind}"] += 1
                else:
                    steps[kind] = 0  # past its last step: from the first again
            if rounds % BETWEEN == 0 and killed(begin(partial(scene.recover, Fate(rounds, seed)))):
                done["recovery"] += 1
        if killed(begin(partial(scene.recover, Fate(None)))):
            raise RuntimeError("somebody else killed the last recovery")
        return asyncio.run(count(scene, done))


async def count(scene: Scene, kills: Counter[str]) -> Report:
    """Every run on record against the lines that runs left."""
    records = await Store(scene.folder / "state").load()
    lines = Counter(str(Path(line).parent) for line in scene.truth.read_text().splitlines())
    wrong = []
    for run, directory, states in runs_of(records):
        times = lines.pop(directory, 0)
        if times != 1 or states != [JobState.COMPLETED]:
            wrong.append(f"{run}: ran {times} times, and is told as {', '.join(states)} ({directory})")
    wrong += [f"{directory}: ran {times} times, and nobody knows of it" for directory, times in lines.items()]
    return Report(kills, len(records.experiments), len(records.runs), wrong)


def runs_of(records: Records) -> list[tuple[str, str, list[JobState]]]:
    """Of each run its id, the folder of its attempts, and their states."""
    found: dict[str, tuple[str, list[JobState]]] = {run: ("", []) for run in records.runs}
    for attempt in records.attempts.values():
        _, states = found[attempt.run]
        found[attempt.run] = (str(Path(attempt.directory).parent), [*states, attempt.state])
    return [(run, directory, states) for run, (directory, states) in found.items()]
