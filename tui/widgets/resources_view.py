"""What the selected row uses of what it holds, gathered when somebody looks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.message import Message

from trainboard.actions import Refused
from trainboard.series import by_metric
from tui import show
from tui.keys import bindings
from tui.loading import Aside, loaded
from tui.widgets.job_cells import named
from tui.widgets.lines import Lines

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from textual.strip import Strip
    from textual.timer import Timer

    from backends.jobuse import NodeGpu
    from trainboard.actions import Actions
    from trainboard.events import Sampled
    from trainboard.records import Diagnosed
    from trainboard.rows import Row
    from trainboard.series import Series
    from trainboard.use.rewrite import Rewrite
    from trainboard.use.totals import Totals
    from trainboard.use.uses import Used
    from tui.resource_lines import Said

PACE = 1.0
"""Seconds at least between two drawings of samples that arrive."""

STALE = 60.0
"""Seconds after which what was gathered is gathered anew, while the pane is seen."""


class ResourcesView(Lines):
    """Use in short, what to ask for next time, and curves over time; of a folded experiment also what it took."""

    DEFAULT_CSS = """
    ResourcesView { height: 1fr; }
    """
    BINDINGS = bindings("resources")
    STAYING = 0

    class Changed(Message):
        """Other keys do something now."""

    def __init__(self, actions: Actions, clock: Callable[[], float], *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._actions = actions
        self._clock = clock
        self._row: Row | None = None
        self._experiment: str | None = None
        """Of a folded line."""
        self._used: Used | None = None
        self._usage: dict[str, Series] = {}
        self._totals: tuple[str, Totals] | None = None
        self._gpus: tuple[NodeGpu, ...] | None = None
        self._found: Sequence[Diagnosed] = ()
        self._refusal = ""
        self._missed: list[Sampled] = []
        """What was told while it was gathered."""
        self._aside = Aside(self, "use")
        self._due: Timer | None = None
        self._lines: list[Said] = []

    # What is shown.

    def look(self, row: Row | None, found: Sequence[Diagnosed] = (), experiment: str | None = None) -> None:
        """This row is selected; nothing is asked while the pane is not seen."""
        if not self.display:
            return
        same = row is self._row and tuple(found) == tuple(self._found) and experiment == self._experiment
        before, self._row, self._found = self._row, row, found
        other = row is None or before is None or before.key != row.key or before.attempt != row.attempt
        ended = not other and before is not None and row is not None and before.state is not row.state
        old = self._used is not None and self._clock() - self._used.at > STALE and not self._aside.busy
        if other:
            self._used, self._usage, self._gpus, self._refusal = None, {}, None, ""
        if experiment != self._experiment:
            self._experiment, self._totals = experiment, None
        if row is not None and (other or ended or old or (experiment is not None and self._totals is None)):
            self._aside.ask(self._gather)
        if not same:
            self._write()

    async def _gather(self) -> None:
        """Ask for all that is known of the row, and of the experiment that it stands for."""
        row, experiment = self._row, self._experiment
        if row is None:
            return
        await loaded("tui.resource_lines")
        self._missed = []
        try:
            used = await self._actions.uses().of(row)
            totals = None if experiment is None else (experiment, await self._actions.uses().totals(experiment))
        except Refused as refusal:
            self._refusal = str(refusal)
        else:
            if self._row is not None and self._row.key == row.key:
                self._used, self._usage, self._refusal = used, dict(used.usage), ""
                if experiment == self._experiment:
                    self._totals = totals
                for event in self._missed:
                    self._add(event)
        self._write()
        self.post_message(self.Changed())

    def take(self, event: Sampled) -> None:
        """New samples of what a row uses."""
        if not event.usage or self._row is None or event.key != self._row.key:
            return
        if self._aside.busy:
            self._missed.append(event)
        else:
            self._add(event)
            if self._due is None and self.display:
                self._due = self.set_timer(PACE, self._write)

    def _add(self, event: Sampled) -> None:
        """Those that are newer than what is here."""
        known = {name: float(each.walls[-1]) for name, each in self._usage.items() if len(each)}
        new = [each for each in event.usage if (each.wall or 0.0) > known.get(each.metric, 0.0)]
        by_metric(new, self._usage)

    def on_resize(self) -> None:
        self._write()

    def on_show(self) -> None:
        self._write()

    def _write(self) -> None:
        self._due = None
        if not self.display or not self.size.width:
            return
        before, self._lines = self._lines, self._said()
        self.count = len(self._lines)
        if self._lines != before:
            self.refresh()

    def _said(self) -> list[Said]:
        if self._row is None:
            return []
        if self._refusal:
            return [((f"  {show.clean(self._refusal)}", "waiting"),)]
        if self._used is None:
            return [(("  reading what it uses …", "dim"),)]
        from tui.resource_lines import lines

        return list(lines(self._used, self._usage, self._found, self.inner_width, self._totals, self._gpus))

    def render_line(self, y: int) -> Strip:
        place = self.top + y
        return self.line(y, self._lines[place] if place < len(self._lines) else ())

    # Keys.

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool:
        """What changes something, where there is something to change and nobody forbids it."""
        if action not in ("advise", "ask_nodes"):
            return True
        if self._row is None or getattr(self.app, "readonly", False):
            return False
        if action == "ask_nodes":
            return self._actions.uses().asks_nodes(self._row)
        return self._row.ours and self._used is not None and any(each.changes for each in self._used.advice)

    def action_advise(self) -> None:
        """Write what to ask for into the spec, after the lines were seen."""
        self.run_worker(self._advise(), group="advice")

    async def _advise(self) -> None:
        row, used = self._row, self._used
        if row is None or used is None:
            return
        try:
            rewrite = await self._actions.uses().rewritten(self._actions.spec_source(row.key), used.advice)
        except Refused as refusal:
            self.notify(show.clean(str(refusal)), severity="warning", markup=False)
            return
        from tui.screens.confirm import Confirm

        def answered(agreed: bool | None) -> None:
            if agreed:
                self.run_worker(self._rewrite(rewrite), group="advice")

        question = f"Write this into {rewrite.path.name}? All other lines stay as they are."
        self.app.push_screen(Confirm(question, rewrite.lines, "write it"), answered)

    async def _rewrite(self, rewrite: Rewrite) -> None:
        try:
            await self._actions.uses().write(rewrite)
        except Refused as refusal:
            self.notify(show.clean(str(refusal)), severity="error", markup=False)
        else:
            self.notify(f"written into {show.clean(str(rewrite.path))}", markup=False)

    def action_ask_nodes(self) -> None:
        """Look at the GPUs of the job on its nodes, after a question: a step is started in it."""
        row = self._row
        if row is None:
            return
        from tui.screens.confirm import Confirm

        def answered(agreed: bool | None) -> None:
            if agreed:
                self.run_worker(self._ask_nodes(row), group="nodes")

        question = "Start a step in this job that runs nvidia-smi once on each of its nodes (srun --overlap)?"
        self.app.push_screen(Confirm(question, [named(row)], "start it"), answered)

    async def _ask_nodes(self, row: Row) -> None:
        self.notify("asking the nodes of the job", markup=False)
        try:
            gpus = await self._actions.uses().node_gpus(row)
        except Refused as refusal:
            self.notify(show.clean(str(refusal)), severity="error", markup=False)
            return
        if self._row is not None and self._row.key == row.key:
            self._gpus = gpus
            self._write()
