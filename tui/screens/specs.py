"""New runs: choose a spec file, see what it would start, submit."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

from textual import work
from textual.containers import Horizontal, VerticalScroll
from textual.content import Content
from textual.screen import Screen
from textual.widgets import OptionList, Static
from textual.widgets.option_list import Option

from trainboard.actions import Refused
from tui import show
from tui.keys import KEYS, bindings
from tui.screens.problems import problem_lines
from tui.show import count
from tui.widgets.bars import Line, key_groups
from tui.widgets.lines import TONES

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from textual.app import ComposeResult

    from specs.model import Resources, Setting, Spec
    from trainboard.actions import Actions
    from tui.widgets.lines import Piece

LISTED = 200
"""Runs that the preview lists; of more, their number."""


@dataclass(frozen=True, slots=True)
class Preview:
    """What a spec file would start, or what is wrong with it."""

    spec: Spec | None = None
    settings: tuple[Setting, ...] = ()
    errors: tuple[str, ...] = ()


def preview(path: Path) -> Preview:
    """Read and expand a spec file. Blocks: to be called off the loop."""
    from specs.document import read
    from specs.expand import expand
    from specs.load import errors, loads
    from specs.model import SpecError

    try:
        text = read(path)
        found = errors(text, path)
        if found:
            return Preview(errors=tuple(problem_lines(found)))
        spec = loads(text, path)
        return Preview(spec, expand(spec))
    except SpecError as error:
        return Preview(errors=tuple(problem_lines((error,))))


class SpecsScreen(Screen[str | None]):
    """The spec files at hand, and the runs of the chosen one; the key of the first run that was submitted."""

    CSS_PATH = "specs.tcss"
    BINDINGS = bindings("specs")
    COMPONENT_CLASSES = TONES
    AUTO_FOCUS = "OptionList"

    def __init__(self, actions: Actions, *, readonly: bool) -> None:
        super().__init__()
        self._actions = actions
        self._readonly = readonly
        self._files: tuple[Path, ...] = ()
        self._backends: tuple[str | None, ...] = (None, *actions.backend_names())
        self._choice = 0
        self._path: Path | None = None
        self._preview = Preview()
        self._note = ""

    def compose(self) -> ComposeResult:
        yield Line(id="summary")
        with Horizontal():
            yield OptionList(id="files")
            with VerticalScroll(can_focus=False):
                yield Static(id="said")
                yield Static(id="runs")
        yield Line(id="footer")

    def on_mount(self) -> None:
        sign = (" ⊘ READ-ONLY ", "waiting") if self._readonly else ("", "plain")
        self.query_one("#summary", Line).groups = (((" New from a spec ", "strong"), sign),)
        keys = [key for key in KEYS if "specs" in key.where and self.check_action(key.action, ())]
        self.query_one("#footer", Line).groups = key_groups(keys)
        self._list_files()

    def _list_files(self) -> None:
        self._files = tuple(self._actions.spec_files())
        options = self.query_one(OptionList)
        options.add_options(Option(Content(show.clean(file_name(path)))) for path in self._files)
        if self._files:
            options.highlighted = 0
        else:
            self._write([("No spec file here: *.yaml files of this folder are listed.", "plain")])

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool:
        return not (self._readonly and action == "submit")

    def on_option_list_option_highlighted(self, message: OptionList.OptionHighlighted) -> None:
        self._path = self._files[message.option_index]
        self._note = ""
        self._load()

    def on_option_list_option_selected(self) -> None:
        if not self._readonly:
            self.action_submit()

    def on_screen_resume(self) -> None:
        if self._path is not None:
            self._load()

    @work(exclusive=True)
    async def _load(self) -> None:
        """Preview the chosen file; reading and parsing happen off the loop."""
        if self._path is not None:
            self._preview = await asyncio.to_thread(preview, self._path)
            if self.query("#said"):  # the screen may have been left meanwhile
                self._show()

    def _show(self) -> None:
        found = self._preview
        lines: list[Piece] = [(str(self._path), "dim")]
        if self._note:
            lines += [(self._note, "bad"), ("", "plain")]
        if found.spec is None:
            lines += [*((error, "bad") for error in found.errors), ("", "plain"), ("e edits the file.", "dim")]
        else:
            spec = found.spec
            lines += [
                (spec.name, "strong"),
                (f"{count(len(found.settings), 'run')} of: {spec.command.strip()}", "plain"),
                *((f"each needs {needs}", "plain") for needs in [needed(spec.resources)] if needs),
                (f"on ‹ {self._backend_text(spec)} ›  ← →", "plain"),
            ]
        self._write(lines, run_table(found.settings) if found.spec is not None else [])

    def _write(self, lines: list[Piece], table: Sequence[str] = ()) -> None:
        looks = {"bad": "$text-error", "strong": "bold", "dim": "$text-muted", "plain": ""}
        parts = [Content.styled(show.clean(text, 300), looks[name]) for text, name in lines]
        self.query_one("#said", Static).update(Content("\n").join(parts))
        self.query_one("#runs", Static).update(Content("\n".join(table)))

    @property
    def _backend(self) -> str | None:
        return self._backends[self._choice]

    def _backend_text(self, spec: Spec) -> str:
        if self._backend is not None:
            return show.clean(self._backend)
        if spec.where:
            return f"{show.clean(spec.where[0])}, as the spec says"
        first = next((name for name in self._backends if name is not None), None)
        return f"{show.clean(first)}, the first of the config" if first else "none yet"

    def action_next_backend(self) -> None:
        self._choose(1)

    def action_previous_backend(self) -> None:
        self._choose(-1)

    def _choose(self, by: int) -> None:
        self._choice = (self._choice + by) % len(self._backends)
        self._show()

    def action_submit(self) -> None:
        from tui.screens.confirm import Confirm

        spec, settings, backend = self._preview.spec, self._preview.settings, self._backend
        if spec is None or not settings:
            self.notify("nothing to submit: see what is wrong with the spec", severity="warning", markup=False)
            return
        names = [setting.name for setting in settings]
        where = self._backend_text(spec)

        def answered(yes: bool | None) -> None:
            if yes:
                self._submit(spec, backend)

        question = f"Submit {count(len(settings), 'run')} of {spec.name}? On {where}"
        self.app.push_screen(Confirm(question, names, "submit"), answered)

    @work(exclusive=True, group="submit")
    async def _submit(self, spec: Spec, backend: str | None) -> None:
        self._note = "submitting…"
        self._show()
        try:
            rows = await self._actions.submit(spec, backend)
        except Refused as refusal:
            self._note = f"✗ not submitted: {refusal}"
            self._show()
        else:
            self.notify(f"{spec.name}: {count(len(rows), 'run')} submitted", markup=False)
            self.dismiss(next((row.key for row in rows), None))

    def action_edit(self) -> None:
        if self._path is not None:
            from tui.screens.edit import EditScreen

            self.app.push_screen(EditScreen(self._path, readonly=self._readonly))

    def action_down(self) -> None:
        self.query_one(OptionList).action_cursor_down()

    def action_up(self) -> None:
        self.query_one(OptionList).action_cursor_up()

    def action_back(self) -> None:
        self.dismiss(None)


def file_name(path: Path) -> str:
    """The file, and the folder that it is in."""
    return f"{path.name}  {path.parent.name}/" if path.parent.name else path.name


def needed(resources: Resources) -> str:
    """What a run asks for; empty where the backend's defaults will do."""
    parts = [
        count(resources.gpus, "GPU") if resources.gpus else "",
        f"{show.size(resources.gpu_memory)} on each" if resources.gpu_memory else "",
        count(resources.cpus, "CPU") if resources.cpus else "",
        f"{show.size(resources.memory)} memory" if resources.memory else "",
        f"{show.size(resources.disk)} disk" if resources.disk else "",
        f"{show.duration(resources.time)} at most" if resources.time else "",
    ]
    return ", ".join(filter(None, parts))


def run_table(settings: tuple[Setting, ...]) -> list[str]:
    """The parameters of every run in columns; those that differ first."""
    if not settings:
        return ["no runs: everything is excluded"]
    first = settings[0].params
    varied = [p for p in first if any(s.params.get(p) != first[p] for s in settings)]
    names = [*varied, *(p for p in first if p not in varied)]
    table = [[show.clean(p, 24) for p in names]]
    table += [[show.clean(str(s.params.get(p, "")), 24) for p in names] for s in settings[:LISTED]]
    widths = [max(len(line[i]) for line in table) for i in range(len(names))]
    lines = ["  ".join(show.cut(text, w) for text, w in zip(line, widths, strict=True)).rstrip() for line in table]
    more = len(settings) - LISTED
    return [*lines, f"and {more} more"] if more > 0 else lines
