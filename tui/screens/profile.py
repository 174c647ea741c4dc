"""The program of one job: its Python processes, the functions that take its time, its threads, what was kept."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING

from textual import on

from backends.spy import Sampling
from trainboard.actions import Refused
from trainboard.profile.flame import Tree
from trainboard.profile.hottest import hottest
from trainboard.profile.threads import strays
from trainboard.profile.traced import headline
from trainboard.show import size
from tui import profile_lines, show
from tui.keys import KEYS, bindings
from tui.loading import Aside
from tui.screens.working import WorkingScreen
from tui.widgets.bars import Line, Tabs
from tui.widgets.flame_graph import FlameGraph
from tui.widgets.job_cells import name_of
from tui.widgets.pieces import PieceLines, PieceList
from tui.widgets.query import Query

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from textual.app import ComposeResult

    from backends.base import Result
    from backends.spy import PythonProcess, Scene
    from trainboard.profile.hottest import Hot
    from trainboard.profile.keeping import Kept
    from trainboard.profile.stacks import Function, Profile
    from trainboard.profiling import Profiling
    from tui.keys import Key
    from tui.messages import TableArrived
    from tui.screens.opening import OpeningScreen
    from tui.viewers import Look

SPEED = 15e6
"""Bytes of a trace that a core reads in a second, about."""
SECONDS = (2.0, 5.0, 10.0, 30.0, 60.0, 300.0)
"""How long a recording may be."""
FIRST = ("open", "zoom", "find", "compare", "record", "dump", "back")
"""Keys that stand in a narrow footer before the others."""


def open_profile(board: OpeningScreen, clock: Callable[[], float]) -> None:
    """The program of the job under the board's cursor."""
    row = board.table.row
    if row is None:
        board.say("no job chosen", "warning")
        return
    try:
        work = board.actions.profiling(row.key)
    except Refused as refusal:
        board.say(str(refusal), "error")
        return
    board.app.push_screen(ProfileScreen(work, clock, readonly=board.readonly))


def look_at(look: Look) -> ProfileScreen:
    """The same, among what a run wrote: its traces are listed there. Raises `Refused`."""
    return ProfileScreen(look.actions.profiling(look.work.row.key), look.clock, readonly=look.readonly)


class ProfileScreen(WorkingScreen):
    """What there is to look into, what is recorded of it, and what was kept, each in a tab."""

    PLACES = ("profile",)
    TABS = ("processes", "functions", "flame", "threads", "files", "trace")
    BINDINGS = bindings("profile")

    def __init__(self, work: Profiling, clock: Callable[[], float], *, readonly: bool = False) -> None:
        super().__init__(clock)
        self.work = work
        self.readonly = readonly
        self.sampling = Sampling()
        self.scene: Scene | None = None
        self._job_nodes: Sequence[str] = ()
        self._node = ""
        self._hots: Sequence[Hot] = ()
        self._open: Kept | None = None
        self._profile: Profile | None = None
        self._against: Mapping[Function, float] | None = None
        self._kept: Sequence[Kept] = ()
        self._traces: Sequence[Result] = ()
        self._process: PythonProcess | None = None
        """The one that was recorded last."""

    def compose(self) -> ComposeResult:
        yield Line(id="head")
        yield Line(id="said")
        yield Tabs(self.TABS)
        yield PieceList(id="processes")
        yield PieceList(id="functions", none="nothing was recorded yet: r records, 5 lists what was kept")
        yield FlameGraph(id="flame")
        yield PieceLines(id="threads", none="d looks where all threads stand")
        yield PieceList(id="files", none="nothing was kept of this run, and it wrote no trace")
        yield PieceLines(id="trace", none="5 lists the traces that the run wrote")
        yield Query()
        yield Line(keep=2, id="footer")

    def on_mount(self) -> None:
        self.asked, self.flame = self.query_one(Query), self.query_one(FlameGraph)
        self.processes, self.files = self.query_one("#processes", PieceList), self.query_one("#files", PieceList)
        self.functions, self.stacks = self.query_one("#functions", PieceList), self.query_one("#threads", PieceLines)
        self._aside = Aside(self, "find")
        self.open_tab("processes")
        self.do("looking for Python processes", self._begin())

    def on_table_arrived(self, message: TableArrived) -> None:
        row = next((row for row in message.table.rows if row.key == self.work.row.key), None)
        if row is not None and row != self.work.row:
            self.work.row = row
            self.summarise()

    # What is done.

    async def _begin(self) -> None:
        """What was kept, then what there is to look into."""
        await self._list()
        try:
            self._job_nodes = await self.work.nodes()
            self._node = self._job_nodes[0] if self._job_nodes else ""
            await self._look()
        except Refused:
            self.processes.none = "nothing to look into"
            self.processes.refresh()
            if self._kept:
                self.open_tab("files")
            await self._find_traces()
            raise
        await self._find_traces()

    async def _find_traces(self) -> None:
        """Those among the outputs; a host that does not tell keeps nobody from the rest."""
        try:
            self._traces, left = await self.work.traces()
        except Refused as refusal:
            left = str(refusal)
        await self._list()
        if left:
            self.said = f"traces: {left}"
        if self._traces and not self._kept and not (self.scene and self.scene.processes):
            self.open_tab("files")

    async def _look(self) -> None:
        self.scene = None
        self.scene = await self.work.look(self._node)
        self.processes.none = "no Python process of this job here"
        self.processes.put([(profile_lines.PROCESSES_HEAD, "dim")], profile_lines.processes(self.scene))
        if self.scene.more:
            self.said = f"and {self.scene.more} more processes"

    async def _list(self) -> None:
        self._kept = await self.work.kept()
        now = self.clock()
        lines = [profile_lines.kept(each, now) for each in self._kept]
        lines += [profile_lines.trace_file(each, now) for each in self._traces]
        head = f"{show.count(len(self._kept), 'profile')} kept, {show.count(len(self._traces), 'trace')} of the run"
        self.files.put([(head, "dim")], lines)

    async def _record(self, spy: str, scene: Scene, process: PythonProcess) -> None:
        self._process = process
        kept = await self.work.record(spy, scene, process, self.sampling, self._node)
        await self._list()
        await self._load(kept)

    async def _load(self, kept: Kept) -> None:
        """Show a profile."""
        profile = await self.work.load(kept)
        self._hots, tree = await asyncio.to_thread(lambda: (hottest(profile), Tree(profile)))
        self._open, self._profile, self._against = kept, profile, None
        self.flame.put(tree)
        self._list_functions()
        if profile.left:
            self.said = f"{show.count(profile.left, 'line')} of it could not be read"
        if self.tab not in ("functions", "flame"):
            self.open_tab("functions")

    def _list_functions(self) -> None:
        head = profile_lines.functions_head(compared=self._against is not None)
        self.functions.put([(head, "dim")], profile_lines.functions(self._hots, self._against))

    async def _compare(self, kept: Kept) -> None:
        """Against one that was kept."""
        other = await self.work.load(kept)
        self._against = {hot.function: hot.alone for hot in await asyncio.to_thread(hottest, other)}
        self._list_functions()
        self.open_tab("functions")

    async def _dump(self, spy: str, scene: Scene) -> None:
        standings = await self.work.dump(spy, scene, self._node, self._job_nodes)
        odd = strays(standings)
        told = f"{len(standings)} processes, {len(odd)} not where most are" if len(standings) > 1 else "1 process"
        self.stacks.put([(told, "dim")], profile_lines.threads(standings, odd))
        self.open_tab("threads")

    def _with_spy(self, use: Callable[[str, Scene], None]) -> None:
        """Do this with a py-spy; where there is none, send one after a question."""
        scene = self.scene
        if scene is None or not scene.processes:
            self.say("there is no Python process to look into: R looks again")
        elif scene.spies:
            use(scene.spies[0], scene)
        elif self.readonly:
            self.say(f"{scene.host} has no py-spy, and nothing is sent with --readonly")
        else:
            self._ask(scene, use)

    def _ask(self, scene: Scene, use: Callable[[str, Scene], None]) -> None:
        from tui.screens.confirm import Confirm

        try:
            binary = self.work.to_send(scene)
        except Refused as refusal:
            self.said = str(refusal)
            self.summarise()
            return

        def answered(agreed: bool | None) -> None:
            if agreed:
                self.do("sending py-spy", self._send(scene, use))

        where = f"{scene.host}:~/.cache/trainboard/{binary.name}"
        question = f"Send py-spy ({size(len(binary.content))}) to {scene.host}?"
        self.app.push_screen(Confirm(question, [where], "send it", "It is kept there for the next time."), answered)

    async def _send(self, scene: Scene, use: Callable[[str, Scene], None]) -> None:
        path = await self.work.send(scene, self._node)
        self.scene = replace(scene, spies=(path,))
        self.call_after_refresh(use, path, self.scene)

    def _start_recording(self, process: PythonProcess) -> None:
        def use(spy: str, scene: Scene) -> None:
            what = f"recording process {process.pid}"
            self.do(what, self._record(spy, scene, process), self.sampling.seconds)

        self._with_spy(use)

    # What is shown.

    def summarise(self) -> None:
        """The lines at the top."""
        row = self.work.row
        where = f" on {self._node}" if self._node else f" on {row.backend}"
        nodes = f" (1 of {len(self._job_nodes)} nodes)" if len(self._job_nodes) > 1 else ""
        self.query_one("#head", Line).groups = (
            ((f" {show.clean(name_of(row))}", "strong"), (show.clean(f"{where}{nodes}"), "plain")),
            ((f"  {profile_lines.wanted(self.sampling)}", "plain"),),
        )
        self.query_one("#said", Line).groups = (((f" {show.clean(self._telling())}", "plain"),),)

    def _telling(self) -> str:
        if self.busy:
            return self.progress()
        if self.said:
            return self.said
        if self._open is not None and self._profile is not None:
            each = self._open
            return f"{self._profile.total:g} samples of process {each.pid} on {each.node}, {each.process}"
        return ""

    def opened(self, name: str) -> None:
        self.summarise()

    @on(FlameGraph.Changed)
    def _graph_changed(self) -> None:
        self.show_keys()

    def keys(self) -> Iterable[Key]:
        ours = set(super().keys())
        here = [key for key in KEYS if key in ours or (self.tab == "flame" and "flame" in key.where)]
        return sorted(here, key=lambda key: key.action not in FIRST)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool:
        """No key acts while something is typed; others do where there is something for them to do."""
        if self.typing:
            return False
        at = self.tab
        here = {
            "open": at in ("processes", "functions", "files"),
            "compare": at == "files",
            "find": at == "flame",
            "next_node": len(self._job_nodes) > 1,
        }
        return here.get(action, True)

    # Keys.

    def action_open(self) -> None:
        match self.tab:
            case "processes":
                self.action_record()
            case "functions" if self._hots:
                function = self._hots[self.functions.cursor].function
                self.open_tab("flame")
                self.call_after_refresh(self.flame.show_function, function.name, function.file)
            case "files" if self.files.count:
                self._open_file(self.files.cursor)

    def _open_file(self, at: int) -> None:
        """A profile that was kept; below those a trace, which is read on its host, and what that costs there."""
        if at < len(self._kept):
            self.do("reading", self._load(self._kept[at]))
            return
        file = self._traces[at - len(self._kept)]
        cost = max(1.0, file.size / SPEED)
        what = f"reading {size(file.size)} there, about {cost:.0f} s of one of its cores"
        self.do(what, self._read_trace(file.path))

    async def _read_trace(self, path: str) -> None:
        found = await self.work.traced(path)
        told = f"{path.rpartition('/')[2]}: {headline(found)}"
        self.query_one("#trace", PieceLines).put([(show.clean(told, 300), "plain")], profile_lines.traced(found))
        self.open_tab("trace")

    def action_compare(self) -> None:
        if self._profile is None:
            self.say("open a profile first, then compare another with it")
        elif self.files.cursor < len(self._kept):
            self.do("reading", self._compare(self._kept[self.files.cursor]))

    def action_record(self) -> None:
        chosen = self._chosen
        if chosen is None:
            self.say("there is no Python process to look into: R looks again")
        else:
            self._start_recording(chosen)

    @property
    def _chosen(self) -> PythonProcess | None:
        """The process under the cursor; from elsewhere the one that was recorded last."""
        known = self.scene.processes if self.scene is not None else ()
        if self.tab != "processes" and self._process in known:
            return self._process
        return known[self.processes.cursor] if known else None

    def action_dump(self) -> None:
        self._with_spy(lambda spy, scene: self.do("dumping threads", self._dump(spy, scene)))

    def action_look(self) -> None:
        self.do("looking for Python processes", self._look())

    def action_next_node(self) -> None:
        if self.occupied():
            return
        at = self._job_nodes.index(self._node)
        self._node = self._job_nodes[(at + 1) % len(self._job_nodes)]
        self.action_look()

    def action_longer(self) -> None:
        self._last(1)

    def action_shorter(self) -> None:
        self._last(-1)

    def _last(self, by: int) -> None:
        at = max(0, min(SECONDS.index(self.sampling.seconds) + by, len(SECONDS) - 1))
        self.sampling = replace(self.sampling, seconds=SECONDS[at])
        self.summarise()

    def action_flip(self, name: str) -> None:
        self.sampling = replace(self.sampling, **{name: not getattr(self.sampling, name)})
        self.summarise()

    def action_find(self) -> None:
        self.asked.ask(self.flame, self.flame.words, "find functions and files")

    @on(Query.Typed)
    def _typed(self, message: Query.Typed) -> None:
        text = message.text

        async def find() -> None:
            word, tree = text.lower(), self.flame.calls

            def wanted(function: Function) -> bool:
                return bool(word) and (word in function.name.lower() or word in function.file.lower())

            found = await asyncio.to_thread(tree.matching, wanted)
            if tree is self.flame.calls:
                self.flame.mark(text, *found)

        self._aside.ask(find)

    def action_back(self) -> None:
        if self.busy:
            self.give_up()
        elif self.tab != "flame" or not self.flame.back():
            self.dismiss(None)
