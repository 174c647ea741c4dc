"""The hosts: GPUs and who is on them, processors, memory, disks, and how they have been."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from textual import on

from trainboard.machines import runs_by_directory, tail
from tui import show
from tui.hosts import ORDERS, Hosts, gpu_of, process_of
from tui.keys import KEYS, bindings
from tui.loading import loaded
from tui.screens.hearing import HearingScreen
from tui.widgets.bars import Line, key_groups
from tui.widgets.host_list import HostList
from tui.widgets.lines import TONES
from tui.widgets.query import Query

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from textual.app import ComposeResult

    from backends.machine import Process
    from trainboard.actions import Actions
    from trainboard.events import FindingsSeen, HostSeen
    from trainboard.rows import Row
    from tui.messages import FindingsArrived, HostArrived, TableArrived
    from tui.readings import Readings

TYPING = (((" enter", "strong"), (" keep ", "plain")), ((" esc", "strong"), (" clear ", "plain")))


class HostsScreen(HearingScreen):
    """A line a host; below it, unfolded, all that it told."""

    BINDINGS = bindings("hosts")
    COMPONENT_CLASSES = TONES

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

    def compose(self) -> ComposeResult:
        yield HostList(self.hosts, self._readings, self._clock, id="host_list")
        yield Query()
        yield Line(keep=2, id="footer")

    def on_mount(self) -> None:
        self.list, self.asked = self.query_one(HostList), self.query_one(Query)
        self.set_focus(self.list)
        self.list.rearrange()
        places = [entry.backend for entry in self.list.entries]
        self.list.cursor = places.index(self._at) if self._at in places else 0
        self.show_keys()

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

    @on(HostList.Moved)
    def show_keys(self) -> None:
        """The line at the bottom."""
        typing = isinstance(self.focused, Query)
        here = [key for key in KEYS if {"hosts", "host_list"} & set(key.where)]
        self.query_one("#footer", Line).groups = TYPING if typing else key_groups(here)

    def on_descendant_focus(self) -> None:
        self.show_keys()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool:
        """No key acts while a filter is typed."""
        return not isinstance(self.focused, Query)

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

    def action_find(self) -> None:
        self.asked.ask(self.list, " ".join(self.hosts.words), "filter: host, GPU, owner, command, run, free …")

    @on(Query.Typed)
    def _typed(self, message: Query.Typed) -> None:
        self.hosts.words = tuple(message.text.lower().split())
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
        self.app.copy_to_clipboard(text)
        self.say(f"copied {text}", "information")

    def action_refresh_hosts(self) -> None:
        self.actions.refresh()
        self.say("asking every host", "information")

    def say(self, text: str, severity: Literal["information", "warning"] = "warning") -> None:
        """A toast; the text is never read as markup."""
        self.notify(show.clean(text), severity=severity, markup=False)

    def action_back(self) -> None:
        if self.hosts.words:
            self.hosts.words = ()
            self.list.rearrange()
        else:
            self.dismiss(None)

    def action_help(self) -> None:
        from tui.screens.help import HelpScreen

        self.app.push_screen(HelpScreen())

    def action_quit(self) -> None:
        self.app.exit(0)
