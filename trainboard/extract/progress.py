"""Where a training is: the current index, and how much of the whole is done."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from trainboard.extract.names import INDEX_KINDS, Kind, fold
from trainboard.extract.shape import number

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from trainboard.extract.plan import Mark, Plan


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a run is."""

    done: float
    """In units; may be fractional within an epoch."""
    total: float
    unit: str
    """The index word: `epoch`, `step`, …"""

    @property
    def fraction(self) -> float:
        """From 0 to 1."""
        return min(1.0, max(0.0, self.done / self.total)) if self.total > 0 else 0.0


class Position:
    """The last index that was seen, and the totals. `total` is the spec's: `{"epochs": 50}`."""

    def __init__(self, total: Mapping[str, float] | None = None) -> None:
        self._wanted = dict(total or {})
        self.index: tuple[str, float] | None = None
        """The index that lines without one of their own belong to."""
        self.serial = 0
        """Grows whenever the index changes."""
        self._epoch: float | None = None
        self._epochs: float | None = None
        self._whole = True
        """Epochs are printed as whole numbers, and not as `1.37`."""
        self._from_zero = False
        self._fraction: float | None = None
        """How much of the epoch is done; None where it was printed at the epoch's end, or is in the epoch itself."""
        self._counts: dict[str, tuple[float, float | None]] = {}

    def see(self, plan: Plan, parts: Sequence[bytes]) -> bool:
        """Take the index from a line; whether it has one that is a number."""
        epoch = _value(plan.epoch, parts)
        count = _value(plan.counter, parts)
        total = _total(plan.counter, parts)
        if plan.epoch and epoch is not None:
            self._see_epoch(plan, parts, epoch)
        within = count is not None and total and self._is_within(plan, epoch)
        if plan.counter and count is not None:
            if within and total:
                if not plan.aside:
                    self._fraction = min(1.0, count / total)
            elif not plan.aside:
                self._counts[plan.counter.word] = (count, total)
        if within and count is not None and total and self._epoch is not None:
            self._at("epoch", self._epoch + count / total)
        elif plan.counter and count is not None and (plan.counter.kind is Kind.STEP or epoch is None):
            self._at(plan.counter.word, count)
        elif plan.epoch and epoch is not None:
            self._at(plan.epoch.word, epoch)
        else:
            return False
        return True

    def end_epoch(self) -> None:
        """A metric of the whole epoch was printed below its heading."""
        if self._fraction == 0:
            self._fraction = None

    @property
    def progress(self) -> Progress | None:
        """How far the run is, by the spec's total or else by what lines say; None where neither tells."""
        for unit, total in self._wanted.items():
            word = fold(unit)
            word = word if word in INDEX_KINDS else word.removesuffix("es" if word == "batches" else "s")
            done = self._epochs_done() if word == "epoch" else self._counted(word)
            if done is not None:
                return Progress(done, total, word)
        done = self._epochs_done()
        if done is not None and self._epochs:
            return Progress(min(done, self._epochs), self._epochs, "epoch")
        for word, (count, of) in self._counts.items():
            if of:
                return Progress(count, of, word)
        return None

    def state(self) -> dict[str, Any]:
        """As JSON can hold it."""
        return {
            "index": self.index,
            "serial": self.serial,
            "epoch": self._epoch,
            "epochs": self._epochs,
            "whole": self._whole,
            "from_zero": self._from_zero,
            "fraction": self._fraction,
            "counts": self._counts,
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on where `state` was taken. Raises KeyError, TypeError or ValueError where it is no such state."""
        index = state["index"]
        self.index = (str(index[0]), float(index[1])) if index is not None else None
        self.serial = int(state["serial"])
        self._epoch = _optional(state["epoch"])
        self._epochs = _optional(state["epochs"])
        self._whole = bool(state["whole"])
        self._from_zero = bool(state["from_zero"])
        self._fraction = _optional(state["fraction"])
        self._counts = {str(word): (float(done), _optional(of)) for word, (done, of) in dict(state["counts"]).items()}

    def _see_epoch(self, plan: Plan, parts: Sequence[bytes], epoch: float) -> None:
        whole = _is_whole(plan.epoch, parts)
        if self._epoch is None:
            self._from_zero = whole and epoch == 0
        self._whole = whole
        self._epochs = _total(plan.epoch, parts) or self._epochs
        # A heading opens its epoch; a line with metrics closes it; `epoch: 1.37` says it all itself.
        if not plan.aside or self._epoch != epoch:
            self._fraction = 0.0 if whole and not plan.fields else None
        self._epoch = epoch

    def _is_within(self, plan: Plan, epoch: float | None) -> bool:
        """Whether the count goes through one epoch: beside a whole epoch, or as a batch below its heading."""
        if self._epoch is None or not self._whole or plan.counter is None:
            return False
        return plan.counter.kind is Kind.BATCH or (epoch is not None and plan.counter.word != "global_step")

    def _epochs_done(self) -> float | None:
        if self._epoch is None:
            return None
        if self._fraction is None:
            return self._epoch + self._from_zero
        return self._epoch - (not self._from_zero) + self._fraction

    def _counted(self, word: str) -> float | None:
        """The count of that word, or of another word for steps."""
        if word in self._counts:
            return self._counts[word][0]
        steps = [done for name, (done, _) in self._counts.items() if INDEX_KINDS.get(name) is Kind.STEP]
        return steps[0] if steps and INDEX_KINDS.get(word, Kind.STEP) is Kind.STEP else None

    def _at(self, word: str, value: float) -> None:
        if self.index is None or self.index[1] != value or self.index[0] != word:
            self.index = (word, value)
            self.serial += 1


def _value(mark: Mark | None, parts: Sequence[bytes]) -> float | None:
    value = number(parts[2 * mark.slot + 1]) if mark else None
    return value if value is not None and math.isfinite(value) else None


def _total(mark: Mark | None, parts: Sequence[bytes]) -> float | None:
    if mark is None or mark.total is None:
        return None
    value = number(parts[2 * mark.total + 1])
    return value if value is not None and math.isfinite(value) and value > 0 else None


def _is_whole(mark: Mark | None, parts: Sequence[bytes]) -> bool:
    return mark is not None and parts[2 * mark.slot + 1].isdigit()


def _optional(value: float | None) -> float | None:
    return None if value is None else float(value)
