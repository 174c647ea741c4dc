"""Whatever happens in whatever order, a run begins once for each attempt that is wanted, and none is lost."""

from __future__ import annotations

import asyncio
from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, cast

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from backends.base import JobState, Room
from specs.load import loads
from tests.trainboard.fakehost import Dead, HostView, Life, Machine, MemoryStore
from tests.trainboard.fakes import intend
from trainboard.archive import Archives
from trainboard.control import Control
from trainboard.dispatch import Dispatcher
from trainboard.documents import Records
from trainboard.ledger import newest_attempts
from trainboard.plans import Planner
from trainboard.query import query
from trainboard.rows import merge

if TYPE_CHECKING:
    from collections.abc import Coroutine
    from typing import Any

    from trainboard.store import Store

HOSTS = ("one", "two")
FAULTS = ("unreachable", "no room", "lost before", "lost after")
SERIES: tuple[list[str], ...] = (
    [],
    ["lost after"],
    ["lost before"],
    ["unreachable", "lost after"],
    ["unreachable", "lost before"],
    ["no room"],
)
"""Of faults, the last one first."""
SPEC = "name: x\ncommand: train\nsweep: {lr: [1, 2, 3]}\nretry: {on: [NODE_FAIL], max: 50, wait: 1s}\n"

pytestmark = pytest.mark.slow


class Process:
    """A dispatcher of ours, with its own view of the hosts and of the store."""

    def __init__(self, world: World, left: int | None = None) -> None:
        life = Life(left)
        self.views = {name: HostView(machine, life) for name, machine in world.machines.items()}
        self.store = cast("Store", MemoryStore(world.shared, life, Path(world.folder.name)))
        planner = Planner({}, world.archives)
        self.dispatcher = Dispatcher(
            lambda: self.views, self.store, planner, lambda: world.now, monotonic=lambda: world.monotonic
        )
        self.control = Control(lambda: self.views, self.store, lambda: world.now)


class World(RuleBasedStateMachine):
    """Two hosts, the store, and processes that come and go."""

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.folder = TemporaryDirectory()
        self.archives = Archives(Path(self.folder.name, "archives"))
        self.now, self.monotonic = 1000.0, 0.0
        self.shared = [Records()]
        self.machines = {name: Machine(name) for name in HOSTS}
        self.ours = Process(self)
        self.failed: Counter[str] = Counter()
        """How many starts of each run were in vain, by no fault of ours."""

    def teardown(self) -> None:
        if self.shared[0].runs:
            self.all_is_well_in_the_end()
            self.no_run_is_alive_twice()
        self.loop.run_until_complete(self.ours.dispatcher.close())
        self.loop.run_until_complete(self.loop.shutdown_default_executor())
        self.loop.close()
        self.folder.cleanup()

    def do(self, work: Coroutine[Any, Any, object]) -> None:
        """Run it; a process that is killed takes its tasks with it."""
        self.loop.run_until_complete(work)

    async def step(self, *processes: Process) -> None:
        """All of them at once; a dead one is gone afterwards."""
        done = await asyncio.gather(*(process.dispatcher.step() for process in processes), return_exceptions=True)
        for failure in done:
            if isinstance(failure, BaseException) and not isinstance(failure, Dead):
                raise failure

    @initialize()
    def submit(self) -> None:
        project = Path(self.folder.name, "project")
        project.mkdir()
        spec, hosts = loads(SPEC, project / "x.yaml"), list(self.ours.views.values())
        self.do(intend(spec, hosts, self.ours.store, self.archives, {}, lambda: self.now))

    @rule()
    def one_dispatches(self) -> None:
        self.do(self.ours.dispatcher.step())

    @rule()
    def two_dispatch_at_once(self) -> None:
        self.do(self.step(self.ours, Process(self)))

    @rule(left=st.integers(1, 40))
    def one_is_killed_while_it_dispatches(self, left: int) -> None:
        doomed = Process(self, left)
        self.do(self.step(doomed))
        self.do(doomed.dispatcher.close())

    @rule(left=st.integers(1, 40))
    def one_is_killed_beside_another(self, left: int) -> None:
        doomed = Process(self, left)
        self.do(self.step(doomed, self.ours))
        self.do(doomed.dispatcher.close())

    @rule(
        seconds=st.sampled_from([6.0, 31.0, 121.0]),
        rooms=st.tuples(st.integers(0, 3), st.integers(0, 3)),
        faults=st.sampled_from(SERIES),
        left=st.none() | st.integers(1, 40),
        asked=st.booleans(),
        working=st.booleans(),
    )
    def one_dispatches_for_a_while(
        self, seconds: float, rooms: tuple[int, int], faults: list[str], left: int | None, asked: bool, working: bool
    ) -> None:
        one = Process(self, left)
        for name, now in zip(HOSTS, rooms, strict=True):
            self.machines[name].room = Room(now)
            self.machines[name].faults += faults
        for _ in range(3):
            for name in HOSTS:
                if asked:
                    self.a_host_is_asked(name)
                if working:
                    self.machines[name].work()
            self.time_goes_by(seconds)
            self.do(self.step(one))
        self.do(one.dispatcher.close())

    @rule(host=st.sampled_from(HOSTS), fault=st.sampled_from(FAULTS))
    def the_next_submission_meets_a_fault(self, host: str, fault: str) -> None:
        self.machines[host].faults.append(fault)

    @rule(host=st.sampled_from(HOSTS), down=st.booleans())
    def a_host_goes_or_comes(self, host: str, down: bool) -> None:
        self.machines[host].down = down

    @rule(host=st.sampled_from(HOSTS), now=st.integers(0, 3))
    def a_host_has_room(self, host: str, now: int) -> None:
        self.machines[host].room = Room(now)

    @rule(host=st.sampled_from(HOSTS))
    def a_host_begins_what_waits(self, host: str) -> None:
        self.machines[host].work()

    @rule(host=st.sampled_from(HOSTS))
    def a_host_is_restarted(self, host: str) -> None:
        machine = self.machines[host]
        self.failed.update(
            place.plan.job_name for place in machine.places.values() if place.started and place.end is None
        )
        machine.reboot()

    @rule(host=st.sampled_from(HOSTS))
    def a_host_is_asked(self, host: str) -> None:
        if not self.machines[host].down:
            self.do(query(self.ours.views[host], self.ours.store, {}, lambda: self.now))

    @rule(seconds=st.sampled_from([6.0, 31.0, 121.0, -3600.0, 7200.0]))
    def time_goes_by(self, seconds: float) -> None:
        self.now += seconds
        self.monotonic += max(0.0, seconds)

    @rule(hold=st.booleans(), index=st.integers(0, 2))
    def the_user_holds_or_releases(self, hold: bool, index: int) -> None:
        rows = [row for row in merge(self.shared[0], {}) if row.key == f"x-1.{index}"]
        self.do(self.ours.control.hold(rows) if hold else self.ours.control.release(rows))

    @invariant()
    def no_run_is_alive_twice(self) -> None:
        alive = Counter(run for machine in self.machines.values() for run in machine.alive())
        assert not alive or max(alive.values()) == 1, alive

    @invariant()
    def no_run_began_oftener_than_wanted(self) -> None:
        starts = self.starts()
        assert all(count <= 1 + self.failed[run] for run, count in starts.items()), (starts, self.failed)

    def starts(self) -> Counter[str]:
        return sum((machine.starts for machine in self.machines.values()), Counter())

    def all_is_well_in_the_end(self) -> None:
        """Faults end, and everything is done: every run COMPLETED, begun once, but for those that a host lost."""
        for machine in self.machines.values():
            machine.down, machine.room = False, Room(3)
            machine.faults.clear()
        self.do(self.ours.control.release(merge(self.shared[0], {})))
        for name in HOSTS:
            self.ours.dispatcher.wake(name)
        for _ in range(12):
            self.now += 400
            self.monotonic += 400
            self.do(self.ours.dispatcher.step())
            for machine in self.machines.values():
                machine.work()
                machine.finish()
                self.do(query(self.ours.views[machine.name], self.ours.store, {}, lambda: self.now))
        states = {run: each.state for run, each in newest_attempts(self.shared[0]).items()}
        assert states == dict.fromkeys([f"x-1.{index}" for index in range(3)], JobState.COMPLETED)
        assert all(
            self.starts()[run.job_name] == 1 + self.failed[run.job_name] for run in self.shared[0].runs.values()
        )


World.TestCase.settings = settings(
    max_examples=80, stateful_step_count=25, deadline=None, suppress_health_check=list(HealthCheck)
)
test_every_run_begins_once_for_each_wanted_attempt = World.TestCase
