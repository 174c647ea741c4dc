"""Specs: choose a file, change it, see the runs that it makes and what each is started with, check, submit."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from textual import on, work
from textual.containers import Horizontal, Vertical
from textual.widgets import Static

from specs.model import SpecError
from trainboard.actions import Refused
from tui import show
from tui.drafts import Draft, free_name, new_path
from tui.keys import KEYS, bindings
from tui.screens.edit import EditingScreen
from tui.screens.problems import problem_lines
from tui.sheets import Sheet, changed, value_of
from tui.show import count
from tui.widgets.bars import Line, key_groups
from tui.widgets.file_list import FileList
from tui.widgets.lines import TONES
from tui.widgets.offers import Offers
from tui.widgets.reading import Reading
from tui.widgets.runs_pane import RunsPane
from tui.widgets.spec_text import SpecText
from tui.widgets.typing import typed

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from textual.app import ComposeResult

    from specs.model import Setting
    from trainboard.actions import Actions
    from tui.widgets.lines import Piece

PANES = ("files", "runs", "reading")
"""What tab goes through; the text has its own use for that key."""

WIDTHS = [(0, "-narrow"), (96, "-medium"), (136, "-wide")]
"""Cells from which on the screen has this class: `specs.tcss` arranges the panes by it."""


class SpecsScreen(EditingScreen):
    """The spec files at hand, one of them open; it returns the key of the first run that was submitted."""

    CSS_PATH = "specs.tcss"
    BINDINGS = bindings("specs")
    COMPONENT_CLASSES = TONES
    AUTO_FOCUS = ""
    HORIZONTAL_BREAKPOINTS = WIDTHS

    def __init__(
        self,
        actions: Actions,
        *,
        readonly: bool,
        path: Path | None = None,
        params: Mapping[str, object] | None = None,
        draft: Draft | None = None,
    ) -> None:
        """`path`: begin in the text of this file, with the run that has these parameters selected; `draft`: its text,
        which is not saved yet."""
        super().__init__(actions, readonly=readonly)
        if draft is not None:
            self.drafts[draft.path] = draft
        self._path = path
        self._params = params

    def compose(self) -> ComposeResult:
        yield Line(id="summary")
        with Horizontal(id="body"):
            with Vertical(id="left"):
                yield FileList(id="files")
                with Vertical(id="text"):
                    yield Line(id="title")
                    yield SpecText(id="editor")
                    yield Static(id="problems")
            yield RunsPane(self.actions, id="right")
        yield Offers(id="offers")
        yield Line(id="footer")

    def on_mount(self) -> None:
        self.files = self.query_one(FileList)
        self.editor = self.query_one(SpecText)
        self.runs = self.query_one(RunsPane)
        self.offers = self.editor.offers = self.query_one(Offers)
        self.problems = self.query_one("#problems", Static)
        self.head, self.title_line, self.foot = (
            self.query_one(name, Line) for name in ("#summary", "#title", "#footer")
        )
        self.say_problems("")
        self.go_to("files" if self._path is None else "text")
        self.begin()
        self.summarise()
        self._list_files()

    # Panes.

    @property
    def pane(self) -> str:
        """Where the keyboard is: files, text, runs or reading."""
        focused = self.focused
        if focused is self.editor:
            return "text"
        return "reading" if isinstance(focused, Reading) else "runs" if focused is self.runs.table else "files"

    def go_to(self, pane: str) -> None:
        """Give the keyboard to a pane."""
        self._show_pane(pane)
        places = {"files": self.files, "text": self.editor, "runs": self.runs.table, "reading": self.runs.reading}
        self.set_focus(places[pane])

    def _show_pane(self, pane: str) -> None:
        for name in ("text", *PANES):
            self.set_class(name == pane, f"-in-{name}")

    def on_descendant_focus(self) -> None:
        self._show_pane(self.pane)
        if self.pane != "text":
            self.offers.hide()
        self.summarise()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool:
        """While a text is typed, only what is no letter acts."""
        if self.readonly and action in ("save", "submit", "new"):
            return False
        if self.typing:
            return action in ("save", "back")
        spec = self.sheet.spec
        return action != "next_variant" or (spec is not None and bool(spec.variants))

    def action_next_pane(self) -> None:
        self._move_on(1)

    def action_previous_pane(self) -> None:
        self._move_on(-1)

    def _move_on(self, by: int) -> None:
        at = PANES.index(self.pane) if self.pane in PANES else -1
        self.go_to(PANES[(at + by) % len(PANES)])

    def action_other_tab(self) -> None:
        self.runs.other_tab()

    def summarise(self) -> None:
        """The lines at the top and the bottom, and the head of the text."""
        sign = ((" ⊘ READ-ONLY ", "waiting"),) if self.readonly else ()
        self.head.groups = (((" Specs ", "strong"),), sign)
        draft = self.draft
        pieces: list[Piece] = [("›" if self.pane == "text" else " ", "strong")]
        if draft is not None:
            pieces += [(show.clean(draft.path.name, 48), "strong")]
            pieces += [(" ● not saved", "waiting")] if draft.unsaved else []
            pieces += [(" ▲ changed on disk", "bad")] if draft.meanwhile else []
            pieces += [(f"  {show.clean(str(draft.path.parent))}", "dim")]
        self.title_line.groups = tuple((piece,) for piece in pieces)
        self.files.mark(frozenset(self.unsaved))
        place = {"text": "edit", "reading": "script"}.get(self.pane, self.pane)
        here = [key for key in KEYS if {place, "specs"} & set(key.where) and self.check_action(key.action, ())]
        if self.typing:
            here = [key for key in KEYS if "edit" in key.where]
        self.foot.groups = key_groups(here)

    # Files and their runs.

    @work(exclusive=True, group="files")
    async def _list_files(self) -> None:
        """The first of them is opened; one that is asked for is the first, whether it is in the list or not."""
        listed = [path for path in await asyncio.to_thread(self.actions.spec_files) if path != self._path]
        self.files.put(listed if self._path is None else [self._path, *listed])
        self.open(self.files.path)

    @on(FileList.Moved, "#files")
    def _file_chosen(self) -> None:
        self.runs.variant = None
        self.open(self.files.path)

    @property
    def wanted(self) -> Path | None:
        return self.files.path

    @property
    def overrides(self) -> tuple[str, ...]:
        return () if self.runs.variant is None else (f"variant={self.runs.variant}",)

    def take(self, found: Sheet) -> None:
        self.editor.mark(found.problems)
        self.say_problems("\n".join(problem_lines(found.errors, found.path)))
        self.runs.put(found)
        if self._params is not None and found.settings:
            self.runs.table.seek(self._params)
            self._params = None
        self.summarise()

    def say_problems(self, text: str) -> None:
        super().say_problems(text)
        self.runs.say_problems(text)

    def note(self, text: str, tone: str = "plain") -> None:
        self.runs.note(text, tone)

    def action_next_backend(self) -> None:
        self.runs.next_backend(1)

    def action_previous_backend(self) -> None:
        self.runs.next_backend(-1)

    def action_next_variant(self) -> None:
        self.runs.next_variant()
        self.ask_anew(quick=True)

    @work(exclusive=True, group="ask")
    async def action_check(self) -> None:
        await self.settled()
        self.runs.check()

    @work(exclusive=True, group="submit")
    async def action_submit(self) -> None:
        from tui.screens.submit import SubmitScreen

        await self.settled()
        spec, settings, draft = self.sheet.spec, self.sheet.settings, self.draft
        if spec is None or draft is None:
            self.notify("nothing to submit: see what is wrong with the spec", severity="warning", markup=False)
            return
        question = f"Submit {count(len(settings), 'run')} of {spec.name}? On {self.runs.where(spec)}"
        warning = "The file has changes; they are saved first." if draft.unsaved else ""
        names = [setting.name for setting in settings]
        agreed = await self.app.push_screen_wait(
            SubmitScreen(self.actions, spec, self.runs.backend, question, names, warning, self.runs.found_out)
        )
        if agreed is None or (draft.unsaved and not await self.save(draft)):
            return
        self.note("submitting…")
        try:
            rows = await self.actions.carry_out(agreed)
        except Refused as refusal:
            self.note(f"✗ not submitted: {refusal}", "bad")
        else:
            self.notify(f"{spec.name}: {count(len(rows), 'run')} submitted", markup=False)
            await self.leave(next((row.key for row in rows), None))

    @work(exclusive=True, group="new")
    async def action_new(self) -> None:
        """A spec of another name in the user's folder, with the text of this one; nothing is written until it is
        saved."""
        from tui.screens.value import ValueScreen

        self.keep()
        draft, folder = self.draft, self.actions.spec_folder()
        if draft is None:
            self.notify("choose the spec to begin with", severity="warning", markup=False)
            return
        stem = await asyncio.to_thread(free_name, folder, draft.path.stem)
        told = f"with the text of {draft.path.name}, in {folder}"
        name = await self.app.push_screen_wait(ValueScreen("Name of the new spec", told, stem))
        if name is None:
            return
        path = new_path(folder, name)
        if path is None or path in self.drafts or await asyncio.to_thread(path.exists):
            why = "no name of a file in that folder" if path is None else "there is such a file already"
            self.notify(show.clean(f"{name}: {why}"), severity="error", markup=False)
            return
        self.drafts[path] = Draft(path, None, draft.text, None)
        self.files.begin_with(path)
        self.go_to("text")

    # One value.

    @work(exclusive=True, group="edit")
    async def action_edit(self) -> None:
        """Into the text; in the runs, change the value under the cursor."""
        name, setting = self.runs.table.name_here, self.runs.table.setting
        if self.pane != "runs" or not name or setting is None or self.editor.read_only:
            self.go_to("text")
            return
        try:
            await self._change_value(setting, name)
        except SpecError as error:
            self.notify(show.clean(error.message), severity="error", markup=False)

    async def _change_value(self, setting: Setting, name: str) -> None:
        """Ask for the new value of a run's parameter and put it where the old one stands. Raises `SpecError`."""
        from tui.screens.value import ValueScreen

        value = await asyncio.to_thread(value_of, self.sheet, self.editor.text, setting, name)
        if not value.single:
            self.go_to("text")
            self.editor.go(value.line)
            self.notify(f"{name} comes from more than one value: change it here", markup=False)
            return
        told = f"{value.key} · {value.runs} of {count(len(self.sheet.settings), 'run')} with it"
        new = await self.app.push_screen_wait(ValueScreen(name, told, value.written))
        if new is not None and new != value.written:
            self.editor.change(await asyncio.to_thread(changed, self.editor.text, value.key, new))

    # Leaving.

    async def action_back(self) -> None:
        """Close what is offered; else to the files; from there, leave."""
        await typed(self.editor)
        if self.offers.display:
            self.offers.hide()
        elif self.pane != "files":
            self.go_to("files")
        else:
            self.action_leave()
