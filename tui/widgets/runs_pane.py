"""The runs of a spec: where they would go, a table of them, the script of the selected one, and what checks say."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING

from textual import on, work
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Static

from trainboard.actions import Refused
from trainboard.options import CAREFUL
from tui import show
from tui.reports import NOT_CHECKED, check_lines, doubt_lines, refusal_lines, script_lines
from tui.sheets import Sheet, needed
from tui.show import count
from tui.widgets.bars import Tabs
from tui.widgets.reading import Reading
from tui.widgets.run_table import RunTable
from tui.widgets.said import put

if TYPE_CHECKING:
    from textual.app import ComposeResult

    from specs.model import Spec
    from trainboard.actions import Actions
    from trainboard.prospect import Prospect
    from trainboard.scripts import Scripts
    from tui.widgets.lines import Piece

ALL = replace(CAREFUL, send=True, again=True)
"""Checks are of interest also where there are files to ask about first, or all runs exist; nothing is sent."""

LOOKS = {"bad": "$text-error", "strong": "bold", "plain": "", "waiting": "$text-warning"}


TABS = ("script", "checks")
"""What is shown of the selected run."""


class RunsPane(Vertical):
    """Shows what a sheet comes to on a backend."""

    def __init__(self, actions: Actions, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._actions = actions
        self._sheet = Sheet()
        self._backends: tuple[str | None, ...] = (None, *actions.backend_names())
        self._choice = 0
        self._scripts: Scripts | None = None
        self._note = ("", "plain")
        self.variant: str | None = None

    def compose(self) -> ComposeResult:
        yield Static(id="said")
        yield Static(id="wrong")
        yield RunTable(id="runs")
        with Vertical(id="below"):
            yield Tabs(TABS, id="tabs")
            yield Reading(id="script")
            yield Reading(id="checks")

    def on_mount(self) -> None:
        self.table = self.query_one(RunTable)
        self.tabs = self.query_one(Tabs)
        self.script = self.query_one("#script", Reading)
        self.checks = self.query_one("#checks", Reading)
        self.said = self.query_one("#said", Static)
        self.wrong = self.query_one("#wrong", Static)
        self.tabs.current = "script"
        self._forget_checks()

    def put(self, found: Sheet) -> None:
        """Show these runs."""
        self._sheet, self._scripts = found, None
        if found.spec is not None and self.variant not in (None, *found.spec.variants):
            self.variant = None
        self._forget_checks()
        self.table.put(found.settings, found.grid)
        self._say()
        self._write_scripts()

    def say_problems(self, lines: str) -> None:
        """What is wrong with the text, for where that is not on the screen."""
        put(self.wrong, Content.styled(lines, "$text-error"))

    def note(self, text: str, tone: str) -> None:
        """Say this above the runs."""
        self._note = (text, tone)
        self._say()

    # Where they would go.

    @property
    def backend(self) -> str | None:
        """The chosen one; None: where the spec says."""
        return self._backends[self._choice]

    def next_backend(self, by: int) -> None:
        """Choose another one."""
        self._choice = (self._choice + by) % len(self._backends)
        self._scripts = None
        self._forget_checks()
        self._say()
        self._write_scripts()

    def where(self, spec: Spec) -> str:
        """Where they would go, in words."""
        if self.backend is not None:
            return show.clean(self.backend)
        if spec.where:
            return f"{show.clean(', '.join(spec.where))}, as the spec says"
        first = next((name for name in self._backends if name is not None), None)
        return f"{show.clean(first)}, the first of the config" if first else "none yet"

    def next_variant(self) -> None:
        """Choose another variant; behind the last one comes the spec itself."""
        spec = self._sheet.spec
        names = (None, *(spec.variants if spec is not None else ()))
        self.variant = names[(names.index(self.variant) + 1) % len(names)] if self.variant in names else None

    def _say(self) -> None:
        found, spec = self._sheet, self._sheet.spec
        lines: list[Piece] = [self._note] if self._note[0] else []
        if spec is not None:
            runs = count(len(found.settings), "run")
            asked = f"{runs} now, {spec.sweep.samples} trials asked for," if spec.sweep.method.asks else runs
            lines.append((f"{asked} of: {brief(spec.command)}", "strong"))
            if needs := needed(spec.resources):
                lines.append((f"each needs {needs}", "plain"))
            lines.append((f"on ‹ {self.where(spec)} ›  b", "plain"))
            if spec.variants:
                lines.append((f"variant ‹ {self.variant or 'none'} ›  v", "plain"))
        styled = [Content.styled(show.clean(text, 300), LOOKS[name]) for text, name in lines]
        put(self.said, Content("\n").join(styled))

    # Script and checks.

    @on(Tabs.Chosen)
    def _tab_chosen(self, message: Tabs.Chosen) -> None:
        self.open_tab(message.name)

    def open_tab(self, name: str) -> None:
        """Show the script or the checks."""
        inside = self.reading.has_focus
        self.tabs.current = name
        for each in (self.script, self.checks):
            each.display = each.id == name
        if inside:
            self.screen.set_focus(self.reading)

    @property
    def reading(self) -> Reading:
        """What is shown of the two."""
        return self.script if self.tabs.current == "script" else self.checks

    def other_tab(self) -> None:
        """Show the other one."""
        self.open_tab("checks" if self.tabs.current == "script" else "script")

    @on(RunTable.Moved, "#runs")
    def _run_chosen(self) -> None:
        self._write_scripts()

    @work(exclusive=True, group="scripts")
    async def _write_scripts(self) -> None:
        """Show what the selected run is started with; for all runs of a sheet it is worked out once."""
        spec, settings, run = self._sheet.spec, self._sheet.settings, self.table.setting
        if spec is None or run is None:
            self.script.put(())
            self.tabs.title = ""
            return
        try:
            self._scripts = self._scripts or await self._actions.scripts(spec, settings, self.backend)
        except Refused as refusal:
            self.script.put(refusal_lines(refusal, self._room))
            return
        self.script.put(script_lines(await asyncio.to_thread(self._scripts.of, run.index)))
        self.tabs.title = show.clean(f"{self._scripts.backend.name}: {run.name}")

    @work(exclusive=True, group="checks")
    async def check(self) -> None:
        """Ask the hosts whether the runs can run there, and which of them exist already."""
        spec = self._sheet.spec
        self.open_tab("checks")
        if spec is None:
            self.checks.put([(("nothing to check: see what is wrong with the spec", "waiting"),)])
            return
        self.checks.put([(("asking the hosts …", "dim"),)])
        try:
            found = await self._actions.consider(spec, self.backend)
            if found.doubts or not found.choice.settings:
                found = replace(found, report=(await self._actions.consider(spec, self.backend, ALL)).report)
        except Refused as refusal:
            self.checks.put(refusal_lines(refusal, self._room))
            return
        if spec is self._sheet.spec:
            self.found_out(found)

    def found_out(self, found: Prospect) -> None:
        """Show which runs exist, and what the checks say."""
        known = found.choice.known
        self.table.mark({each.setting.index: show.STATES[each.attempt.state] for each in known})
        told: list[tuple[Piece, ...]] = []
        if known:
            told.append(
                ((f"exist already: {count(len(known), 'run')}, with their states as signs in the table", "waiting"),)
            )
        if found.doubts:
            told += [((show.clean(line, 300), "waiting"),) for line in doubt_lines(found.doubts)]
        told += check_lines(found.report.checks, self._room)
        self.checks.put(told or [(("nothing was looked at", "dim"),)])

    @property
    def _room(self) -> int:
        """Cells of a line of what is read."""
        return self.size.width - 3

    def _forget_checks(self) -> None:
        """What was found out is not of these runs, or not of this backend."""
        self.workers.cancel_group(self, "checks")
        self.table.mark({})
        self.checks.put(NOT_CHECKED)


def brief(command: str) -> str:
    """A command on one line, without its comments."""
    lines = [line.strip() for line in command.splitlines()]
    return " ".join(line.removesuffix("\\").rstrip() for line in lines if line and not line.startswith("#"))
