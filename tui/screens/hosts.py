"""The hosts: GPUs and who is on them, processors, memory, disks, and how they have been."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trainboard.machines import runs_by_directory, tail
from tui.hosts import ORDERS, Hosts, gpu_of, process_of
from tui.keys import bindings
from tui.loading import loaded
from tui.screens.listing import ListingScreen
from tui.widgets.host_list import HostList

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from textual.widget import Widget

    from backends.machine import Process
    from trainboard.actions import Actions
    from trainboard.events import FindingsSeen, HostSeen
    from trainboard.rows import Row
    from tui.messages import FindingsArrived, HostArrived, TableArrived
    from tui.readings import Readings


class HostsScreen(ListingScreen):
    """A line a host; below it, unfolded, all that it told."""

    PLACES = ("hosts", "host_list")
    BINDINGS = bindings("hosts")
    HINT = "filter: host, GPU, owner, command, run, free …"

    def __init__(
        self,
        actions: Actions,
        hosts: Mapping[str, HostSeen],
        rows: Iterable[Row],
        readings: Readings,
        clock: Callable[[], float],
        *,
        seen: FindingsSeen | None = None,
        at: str | None = None,
    ) -> None:
        """`hosts`, `rows` and `seen` (findings): as they are now; `readings`: the board's own, which goes on with
        them. `at`: the backend on which the cursor begins."""
        super().__init__()
        self.actions = actions
        self._readings = readings
        self._clock = clock
        self._seen = seen
        self._runs = runs_by_directory(rows)
        self._at = at
        self.hosts = Hosts(dict(hosts), run_of=self._run_of)

    def parts(self) -> Iterable[Widget]:
        self.list = HostList(self.hosts, self._readings, self._clock, id="host_list")
        yield self.list

    def show_list(self) -> None:
        self.hosts.words = self.words
        self.list.rearrange()

    def begin(self) -> None:
        self.show_list()
        places = [entry.backend for entry in self.list.entries]
        self.list.cursor = places.index(self._at) if self._at in places else 0

    def on_host_arrived(self, message: HostArrived) -> None:
        self._readings.add(message.host)
        self.list.put(message.host)

    def on_table_arrived(self, message: TableArrived) -> None:
        runs = runs_by_directory(message.table.rows)
        if runs != self._runs:
            self._runs = runs
            self.list.look()

    def on_findings_arrived(self, message: FindingsArrived) -> None:
        self._seen = message.seen

    def _run_of(self, backend: str, process: Process) -> Row | None:
        return self._runs.get((backend, tail(process.directory))) if process.directory else None

    # Keys.

    async def action_open(self) -> None:
        """The run of a process; of a cluster, its nodes; else what is inside of the host."""
        row, host, entry = self._row, self.list.host, self.list.entry
        if host is None or entry is None:
            return
        if row is not None:
            await loaded("tui.screens.run")
            from tui.screens.run import RunScreen

            self.app.push_screen(RunScreen(self.actions, row, host, self._clock, tab="info", seen=self._seen))
        elif entry.kind == "process":
            self.say("this process is not of a run in the table")
        elif entry.kind == "host" and host.kind == "slurm":
            await loaded("tui.screens.cluster")
            from tui.screens.cluster import ClusterScreen

            self.app.push_screen(ClusterScreen(self.actions, host.backend, self._clock))
        else:
            self.list.fold()

    @property
    def _row(self) -> Row | None:
        """The run of the process under the cursor."""
        entry, host = self.list.entry, self.list.host
        if entry is None or host is None or host.health is None or entry.kind != "process":
            return None
        process = process_of(host.health, entry)
        return None if process is None else self._run_of(host.backend, process)

    def action_fold(self) -> None:
        self.list.fold()

    def action_fold_all(self) -> None:
        self.list.fold(all_of_them=True)

    def action_sort(self) -> None:
        self.hosts.order = (self.hosts.order + 1) % len(ORDERS)
        self.list.rearrange()

    def action_copy(self) -> None:
        """What one types elsewhere: a GPU's uuid for CUDA_VISIBLE_DEVICES, a pid, a folder, a host's name."""
        entry, host = self.list.entry, self.list.host
        if entry is None or host is None:
            return
        text, health = host.backend, host.health
        if health is not None and entry.kind == "process":
            text = str(entry.at)
        elif health is not None and entry.kind in ("gpu", "slice"):
            gpu = gpu_of(health, entry)
            text = "" if gpu is None else gpu.slices[entry.at].uuid if entry.kind == "slice" else gpu.uuid
        elif health is not None and entry.kind == "disk":
            text = health.disks[entry.at].path
        self.copy(text)

    def action_refresh_hosts(self) -> None:
        self.actions.refresh()
        self.say("asking every host", "information")
