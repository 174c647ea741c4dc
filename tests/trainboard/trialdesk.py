"""A sweep that is asked for, without any program: a test says what runs come to."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from backends.base import JobState, Room
from specs.load import loads
from specs.model import LOG
from tests.trainboard.fakes import CoreDesk, FakeBackend, desk_of
from trainboard.events import Sampled
from trainboard.ledger import newest_attempts
from trainboard.plans import Planner
from trainboard.recording import series_path
from trainboard.records import Attempt
from trainboard.series import Sample
from trainboard.seriesfile import SeriesFile
from trainboard.stored import Mark
from trainboard.tasks import Troubles
from trainboard.trials.asker import Asker
from trainboard.trials.standing import Sweep, sweeps

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from specs.model import Scalar, Spec
    from trainboard.events import Event

SPEC = """\
name: x
command: ./train {{args}}
sweep:
  method: {method}
  samples: {samples}
  lr: {{min: 0.0001, max: 1.0, distribution: log_uniform}}
  depth: {{min: 1, max: 8, distribution: int}}
  {more}
metrics: {{objective: loss}}
{end}
"""


def a_sweep(method: str = "tpe", samples: int = 12, more: str = "", end: str = "") -> Spec:
    return loads(SPEC.format(method=method, samples=samples, more=more, end=end), Path("x.yaml").absolute())


@dataclass
class TrialDesk:
    """A desk with one sweep, and an asker."""

    desk: CoreDesk
    folder: Path
    told: list[Event] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.asker = self.another()

    def another(self) -> Asker:
        """An asker that knows nothing, as after a kill."""
        planner = Planner(self.desk.environ, self.desk.archives)
        parts = self.desk.store, planner, self.desk.dispatcher, self.desk.control, self.folder
        return Asker(*parts, self.told.append, Troubles(self.told.append), lambda: self.desk.now)

    async def begin(self, spec: Spec) -> str:
        """Submit it; its experiment."""
        self.desk.backend.has_room = Room(1)
        made = await self.desk.submit(spec)
        return made[0][0].experiment

    async def sweep(self) -> Sweep:
        records = await self.desk.store.load()
        [found] = sweeps(records, newest_attempts(records)).values()
        return found

    async def start(self) -> list[str]:
        """All that was sent and waits runs now: these."""
        records = await self.desk.store.load()
        waits = [each for each in newest_attempts(records).values() if each.state is JobState.PENDING and each.sent]
        for each in waits:
            await self.desk.becomes(each.run, JobState.RUNNING, started=self.desk.now)
        return [each.run for each in waits]

    async def prints(
        self, run: str, values: Sequence[float], first: int = 1, metric: str = "loss", index: str = "epoch"
    ) -> None:
        """It tells its objective, epoch by epoch."""
        number = (await self.desk.newest(run)).number
        samples = [Sample(metric, value, epoch, index, 0.0) for epoch, value in enumerate(values, first)]
        SeriesFile(series_path(self.folder, run, number)).append(LOG, samples, Mark(), True)
        self.asker.take(Sampled(run, samples))
        self.asker.see({row.key: row for row in await self.desk.rows()})

    async def ends(self, run: str, state: JobState = JobState.COMPLETED) -> None:
        """It ends, and its log has been read."""
        await self.desk.becomes(run, state, diagnosed=self.desk.now)

    async def look(self) -> None:
        """The asker looks, as often as hosts are asked before they have told their room; then all is sent."""
        await self.asker.look()
        for _ in range(2):
            await self.desk.dispatcher.step()
            await self.asker.look()
        await self.desk.dispatcher.step()

    async def lead(self, came: Callable[[Mapping[str, Scalar]], float], most: int = 200) -> Sweep:
        """One run after the other until nothing is asked for any more."""
        for _ in range(most):
            self.desk.later(10)
            await self.look()
            running = await self.start()
            if not running and not (await self.sweep()).left:
                break
            records = await self.desk.store.load()
            for run in running:
                await self.prints(run, [came(records.runs[run].params)])
                await self.ends(run)
        return await self.sweep()

    async def change(self, run: str, **fields: object) -> None:
        """Change its newest attempt."""
        token = (await self.desk.newest(run)).id
        await self.desk.store.update(Attempt, token, lambda each: replace(each, **fields))  # type: ignore[arg-type]  # by name


def trial_desk(folder: Path, *backends: FakeBackend) -> TrialDesk:
    series = folder / "series"
    series.mkdir()
    return TrialDesk(desk_of(folder / "state", *(backends or (FakeBackend(),))), series)
