"""The question before a submission: what it would do, what speaks against it, and what may be done about that."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar

from textual import work
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

from trainboard.actions import Refused
from trainboard.options import CAREFUL
from trainboard.preflight.report import Level
from tui import show
from tui.reports import SIGNS, doubt_lines
from tui.screens.confirm import listed
from tui.show import count

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from textual.app import ComposeResult

    from specs.model import Spec
    from trainboard.actions import Actions
    from trainboard.options import Options
    from trainboard.prospect import Prospect

NAMED = 3
"""Runs that are named where several exist."""
SAID = 4
"""Checks that are told; of more, their number. All of them stand on the spec screen."""


class SubmitScreen(ModalScreen["Prospect | None"]):
    """What is to be carried out; None for no."""

    CSS_PATH = "modal.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("y,enter", "yes", priority=True),
        Binding("n,escape,q", "no", priority=True),
        Binding("a", "again", priority=True),
        Binding("s", "send", priority=True),
        Binding("f", "force", priority=True),
        Binding("j,down", "scroll(1)", priority=True),
        Binding("k,up", "scroll(-1)", priority=True),
    ]

    def __init__(
        self,
        actions: Actions,
        spec: Spec,
        backend: str | None,
        question: str,
        names: Sequence[str],
        warning: str,
        seen: Callable[[Prospect], None],
    ) -> None:
        """`names`: of the spec's runs; `seen` gets what was found out, whatever the answer will be."""
        super().__init__()
        self._actions = actions
        self._spec = spec
        self._backend = backend
        self._question = show.clean(question)
        self._names = names
        self._warning = show.clean(warning)
        self._seen = seen
        self._options: Options = CAREFUL
        self._prospect: Prospect | None = None
        self._refusal = ""

    def compose(self) -> ComposeResult:
        with Vertical(classes="box"):
            yield Static(Content(self._question), classes="title")
            with VerticalScroll(id="considered", can_focus=False):
                yield Static(id="told")
                yield Static(id="names")
            if self._warning:
                yield Static(Content(self._warning), classes="warning")
            yield Static(id="keys", classes="keys")

    def on_mount(self) -> None:
        self._tell()
        self._consider()

    @work(exclusive=True, group="consider")
    async def _consider(self) -> None:
        self._prospect, self._refusal = None, ""
        self._tell()
        try:
            self._prospect = await self._actions.consider(self._spec, self._backend, self._options)
        except Refused as refusal:
            self._refusal = str(refusal)
        else:
            self._seen(self._prospect)
        self._tell()

    def _tell(self) -> None:
        names = self._names if self._prospect is None else [each.name for each in self._prospect.choice.settings]
        self.query_one("#names", Static).update(Content("\n".join(listed(names))))
        looks = {"bad": "$text-error", "waiting": "$text-warning", "plain": ""}
        said = [Content.styled(text, looks[tone]) for text, tone in self._said()]
        self.query_one("#told", Static).update(Content("\n").join(said))
        keys = [f"{key} {what}" for key, what, action in KEYS if self.check_action(action, ())]
        self.query_one("#keys", Static).update(Content("   ".join(keys)))

    def _said(self) -> Iterator[tuple[str, str]]:
        """What there is to know before the answer, with its tone."""
        found = self._prospect
        if self._refusal:
            yield f"✗ {show.clean(self._refusal)}", "bad"
            return
        if found is None:
            yield "… looking whether they can run there", "plain"
            return
        if found.choice.known:
            known = [f"{each.run.id} {each.attempt.state}" for each in found.choice.known]
            some = ", ".join(known[:NAMED]) + (", …" if len(known) > NAMED else "")
            yield f"left out, as they exist already: {count(len(known), 'run')} ({some})", "waiting"
        if self._spec.sweep.method.asks and found.choice.settings:
            yield f"{self._spec.sweep.samples} trials in all, asked for as there is room", "plain"
        if not found.choice.settings:
            yield "nothing is left to submit", "waiting"
        elif found.doubts:
            yield from ((line, "waiting") for line in doubt_lines(found.doubts))
        yield from self._checked(found)

    def _checked(self, found: Prospect) -> Iterator[tuple[str, str]]:
        told = [check for check in found.report.checks if check.level is not Level.PASS]
        told.sort(key=lambda check: check.level is not Level.FAIL)
        if found.report.checks and not told:
            yield f"✓ {count(len(found.report.checks), 'check')}, all fine", "plain"
        for check in told[:SAID]:
            sign, tone = SIGNS[check.level]
            yield f"{sign} {show.clean(check.line)}", tone
        if len(told) > SAID:
            yield f"and {count(len(told) - SAID, 'more check')} that did not pass", "plain"
        if found.where and found.where != found.backends:
            yield f"goes to {', '.join(map(show.clean, found.where))} alone", "waiting"
        elif found.forced:
            yield "submitted all the same; the record will say so", "waiting"

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool:
        """Only what there is something to say to."""
        found = self._prospect
        match action:
            case "yes":
                return found is not None and bool(found.choice.settings) and found.objection() is None
            case "again":
                return found is not None and bool(found.choice.known)
            case "send":
                return found is not None and bool(found.doubts)
            case "force":
                return found is not None and not found.where
        return True

    def action_scroll(self, by: int) -> None:
        self.query_one("#considered").scroll_relative(y=by, animate=False)

    def action_yes(self) -> None:
        self.dismiss(self._prospect)

    def action_no(self) -> None:
        self.dismiss(None)

    def action_again(self) -> None:
        self._options = replace(self._options, again=True)
        self._consider()

    def action_send(self) -> None:
        self._options = replace(self._options, send=True)
        self._consider()

    def action_force(self) -> None:
        """What was found stays true."""
        if self._prospect is not None:
            self._options = replace(self._options, force=True)
            self._prospect = replace(self._prospect, options=self._options)
            self._tell()
            self.refresh_bindings()


KEYS = (
    ("y", "submit", "yes"),
    ("a", "those that exist too", "again"),
    ("s", "send these files", "send"),
    ("f", "all the same", "force"),
    ("n", "no", "no"),
)
"""Key, what it does, and its action."""
