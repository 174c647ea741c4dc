"""A screen on which the chosen jobs are told what to do."""

from __future__ import annotations

from time import monotonic
from typing import TYPE_CHECKING, Literal

from textual.screen import Screen

from tui import orders, show
from tui.widgets.job_cells import named

if TYPE_CHECKING:
    from trainboard.actions import Actions
    from tui.orders import Order
    from tui.widgets.job_table import JobTable

Severity = Literal["information", "warning", "error"]


class OrderingScreen(Screen[None]):
    """Orders are for the rows that are chosen in its table; those that destroy something come after a question."""

    table: JobTable

    def __init__(self, actions: Actions) -> None:
        super().__init__()
        self.actions = actions
        self._seen_until: dict[str, float] = {}
        """When each toast goes away."""

    def summarise(self) -> None:
        """Marks are others than before."""
        raise NotImplementedError

    def say(self, text: str, severity: Severity = "information") -> None:
        """A toast, unless the same one is still to be seen; the text is never read as markup."""
        toast, now = show.clean(text), monotonic()
        if now >= self._seen_until.get(toast, 0.0):
            self._seen_until = {each: end for each, end in self._seen_until.items() if end > now}
            self._seen_until[toast] = now + self.app.NOTIFICATION_TIMEOUT
            self.notify(toast, severity=severity, markup=False)

    def action_cancel(self) -> None:
        self._order(orders.CANCEL)

    def action_hold(self) -> None:
        self._order(orders.hold_or_release(self.table.chosen))

    def action_requeue(self) -> None:
        self._order(orders.REQUEUE)

    def action_raise_priority(self) -> None:
        self._order(orders.RAISE)

    def action_lower_priority(self) -> None:
        self._order(orders.LOWER)

    def action_to_top(self) -> None:
        self._order(orders.TO_TOP)

    def _order(self, order: Order) -> None:
        """Do this with the chosen rows that it means anything for, if need be after a question that names them."""
        chosen = self.table.chosen
        rows = [row for row in chosen if order.takes(row)]
        if not rows:
            self.say(orders.nothing_to_do(order, chosen), "warning")
            return
        keys = [row.key for row in rows]
        if not order.asks:
            self.run_worker(self._give(order, keys), group="orders")
            return
        from tui.screens.confirm import Confirm

        def answered(agreed: bool | None) -> None:
            if agreed:
                self.run_worker(self._give(order, keys), group="orders")

        question, yes = order.question(len(keys))
        self.app.push_screen(Confirm(question, [named(row) for row in rows], yes, order.warn(rows)), answered)

    async def _give(self, order: Order, keys: list[str]) -> None:
        from trainboard.actions import Refused

        try:
            await order.do(self.actions, keys)
        except Refused as refusal:
            self.say(str(refusal), "error")
            return
        if order.asks:
            self.table.marks -= set(keys)
            self.summarise()
        self.say(orders.done(order, len(keys)))
