"""What the lines of one shape tell of the place in the training."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trainboard.extract.names import Kind

if TYPE_CHECKING:
    from trainboard.extract.plan import Plan


class Told:
    """Where the lines of a shape tell the place in the training."""

    __slots__ = (
        "_plan",
        "aside",
        "closes",
        "count",
        "epoch",
        "epoch_word",
        "epochs",
        "is_batch",
        "is_heading",
        "is_step",
        "may_be_part",
        "of",
        "total",
        "unique",
        "word",
    )

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        epoch, counter = plan.epoch, plan.counter
        self.epoch = epoch and epoch.slot
        self.epochs = epoch and epoch.total
        """What the epoch is out of."""
        self.epoch_word = epoch.word if epoch else ""
        self.count = counter and counter.slot
        self.total = counter and counter.total
        self.of = counter and counter.of
        self.word = counter.word if counter else ""
        self.is_batch = counter is not None and counter.kind is Kind.BATCH
        self.may_be_part = self.is_batch or self.word != "global_step"
        """A count out of a total, beside a whole epoch, goes through that epoch."""
        self.is_step = counter is not None and counter.kind is Kind.STEP
        self.unique, self.aside = plan.unique, plan.aside
        self.is_heading = not plan.fields
        self.closes = not plan.aside and bool(plan.fields)
        """A line of an epoch that was named before tells its end."""

    @property
    def without_epoch(self) -> Told:
        """Of lines of that shape whose epoch is empty."""
        return Told(self._plan._replace(epoch=None))
