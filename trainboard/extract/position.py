"""Where a training is: the current index, and how much of the whole is done."""

from __future__ import annotations

import math
from copy import copy
from itertools import chain
from operator import eq, ne
from typing import TYPE_CHECKING, Any

from trainboard.extract.names import INDEX_KINDS, Kind, fold
from trainboard.extract.progress import Progress
from trainboard.extract.shape import number

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from trainboard.extract.told import Told


_UNKNOWN = (0.0, None)
_MANY = 1e6
"""More batches than any epoch has."""
_ALMOST = 1 - 1 / _MANY
"""What is done of an epoch by a batch that may be its last."""


class Position:
    """The last index that was seen, and the totals. `total` is the spec's: `{"epochs": 50}`."""

    def __init__(self, total: Mapping[str, float] | None = None) -> None:
        self._wanted = dict(total or {})
        self.index: tuple[str, float] | None = None
        """The index that lines without one of their own belong to."""
        self.ended = False
        """The last line told the end of its epoch: it is at that epoch for those who heard nothing within it."""
        self.serial = 0
        """Grows whenever the index changes."""
        self._epoch: float | None = None
        self._token = b""
        """As it was printed last."""
        self._total_token = b""
        self._total: float | None = None
        """What a count was out of last, and how that was printed."""
        self._epochs: float | None = None
        self._whole = True
        """Epochs are printed as whole numbers, and not as `1.37`."""
        self._from_zero = False
        self.fraction: float | None = None
        """How much of the epoch is done; None where it was printed at the epoch's end, or is in the epoch itself.
        A metric of the whole epoch, printed below its heading, ends it."""
        self._counts: dict[str, tuple[float, float | None]] = {}
        self._batches = 0.0
        """The greatest batch number of this epoch, where lines tell no total."""
        self._longest = 0.0
        """That of the epochs before."""
        self._counting = (0.0, 0.0, 0.0)
        """Of a count beside an epoch: that epoch, the count, and what the epochs before had counted."""

    def copy(self) -> Position:
        """One that goes on from here without moving this one."""
        made = copy(self)
        made._counts = dict(self._counts)
        return made

    def see(self, told: Told, tokens: Sequence[bytes]) -> bool:
        """Take the index from a line; whether it has one that is a number."""
        self.ended = False
        epoch = None
        if told.epoch is not None:
            token = tokens[told.epoch]
            if token == self._token and told.closes:
                epoch, self.fraction = self._epoch, None
            else:
                epoch = _value(token)
                if epoch is not None:
                    self._see_epoch(told, token, epoch, tokens)
        if told.count is not None:
            token = tokens[told.count]
            count = float(token) if token.isdigit() else _value(token)
            if count is not None:
                total = told.of
                if told.total is not None:
                    token = tokens[told.total]
                    if token != self._total_token:
                        self._total_token, self._total = token, _positive(token)
                    total = self._total
                is_part = told.is_batch if epoch is None or not total else told.may_be_part
                if is_part and self._whole and self._epoch is not None and (total or epoch is not None):
                    self._see_part(count, total, told.aside)
                    return True
                if not told.aside:
                    # A line that names the step alone, as an evaluation does, leaves the total that others told; a
                    # number beyond it is something else; with metrics beside it, the total was one of stages.
                    known = self._counts.get(told.word, _UNKNOWN)[1]
                    if total or not known or count <= known:
                        self._counts[told.word] = (count, total or known)
                    elif not told.is_heading:
                        self._counts[told.word] = (count, None)
                if told.is_step or epoch is None:
                    step = count if epoch is None else self._run_on(count, epoch)
                    index = self.index  # as `at`, without a call
                    if index is None or index[1] != step or index[0] != told.word:
                        self.index = (told.word, step)
                        self.serial += 1
                    return True
        if epoch is None:
            return False
        self.at(told.epoch_word, epoch)
        return True

    def of_epoch(self, told: Told, lines: Sequence[Sequence[bytes]]) -> Sequence[Sequence[bytes]]:
        """Those lines at the front that print the epoch as it was printed last, where they print one."""
        slot, token = told.epoch, self._token
        if slot is None:
            return lines
        return lines[: next((place for place, line in enumerate(lines) if line[slot] != token), len(lines))]

    def see_run(self, told: Told, columns: Sequence[Sequence[bytes]]) -> tuple[str, list[float]] | None:
        """Take the index from many lines after one of the same shape and, where they name it, the same epoch.

        `columns`: of each number of a line, what those lines have there. Its word, and where each line is; None, and
        nothing is taken, where `see` must look at each.
        """
        if told.count is None or (told.total is not None and len(set(columns[told.total])) > 1):
            return None
        try:
            counts = list(map(float, columns[told.count]))
        except ValueError:
            return None
        if told.unique and (self.index == (told.word, counts[0]) or any(map(eq, counts, counts[1:]))):
            return None
        total = told.of if told.total is None else _positive(columns[told.total][0])
        epoch = None if told.epoch is None else self._epoch
        is_part = told.is_batch if epoch is None or not total else told.may_be_part
        inside = is_part and self._whole and (total or epoch is not None)
        if not math.isfinite(sum(counts)) or (told.epoch is not None and epoch is None):
            return None
        if inside and self._epoch is not None:
            word, start = "epoch", self._epoch
            if not total:
                most = self._longest or _MANY
                steps = [start + min(count / most, _ALMOST) for count in counts]
                self._batches = max(self._batches, *counts)
            elif all(count / total < 1 for count in counts):
                steps = [start + count / total for count in counts]
                self.fraction = counts[-1] / total
            else:
                return None
        else:
            if not told.is_step and epoch is not None:
                return None
            word, steps = told.word, counts
            if epoch is not None:
                if self._counting[0] != epoch:
                    return None
                gone = self._counting[2]
                steps = [gone + count for count in counts]
                self._counting = (epoch, counts[-1], gone)
                self.fraction = None
            known = self._counts.get(word, _UNKNOWN)[1]
            likely = (count for count in reversed(counts) if total or not known or count <= known)
            last = next(likely, None)
            if last is not None:
                self._counts[word] = (last, total or known)
        self.ended = False
        before = self.index[1] if self.index and self.index[0] == word else None
        self.serial += sum(map(ne, steps, chain((before,), steps)))
        self.index = (word, steps[-1])
        return word, steps

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
            "fraction": self.fraction,
            "counts": self._counts,
            "ended": self.ended,
            "batches": [self._batches, self._longest],
            "counting": self._counting,
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
        self.fraction = _optional(state["fraction"])
        self.ended = bool(state["ended"])
        self._batches, self._longest = map(float, state["batches"])
        before, reached, gone = map(float, state["counting"])
        self._counting = (before, reached, gone)
        self._counts = {str(word): (float(done), _optional(of)) for word, (done, of) in dict(state["counts"]).items()}

    def _see_epoch(self, told: Told, token: bytes, epoch: float, tokens: Sequence[bytes]) -> None:
        self._token = token
        whole = token.isdigit()
        if self._epoch != epoch:
            self._longest, self._batches = max(self._longest, self._batches), 0.0
            if self._epoch is None:
                self._from_zero = whole and epoch == 0
        self._whole = whole
        if told.epochs is not None:
            self._epochs = _positive(tokens[told.epochs]) or self._epochs
        # A heading opens its epoch; a line with metrics closes it; `epoch: 1.37` says it all itself.
        if not told.aside or self._epoch != epoch:
            self.fraction = 0.0 if whole and told.is_heading else None
        self._epoch = epoch

    def _run_on(self, count: float, epoch: float) -> float:
        """A count beside an epoch, which goes on where it begins anew with each epoch."""
        before, reached, gone = self._counting
        if epoch > before and count <= reached:
            gone += reached
        elif epoch < before:
            gone = 0.0
        self._counting = (epoch, count, gone)
        return gone + count

    def _see_part(self, count: float, total: float | None, aside: bool) -> None:
        """So many batches of the epoch are done. Where nobody says how many it has, as many as an earlier one had."""
        epoch = self._epoch or 0.0
        if total:
            share = count / total if count < total else 1.0
            self.ended = share == 1.0
            if not aside:
                self.fraction = share
        else:
            if count > self._batches:
                self._batches = count
            share = count / (self._longest or _MANY)
            if share > _ALMOST:
                share = _ALMOST
        value = epoch if self.ended else epoch + share
        if self.index is None or self.index[1] != value or self.index[0] != "epoch":
            self.index = ("epoch", value)
            self.serial += 1

    def _epochs_done(self) -> float | None:
        if self._epoch is None:
            return None
        if self.fraction is None:
            return self._epoch + self._from_zero
        return self._epoch - (not self._from_zero) + self.fraction

    def _counted(self, word: str) -> float | None:
        """The count of that word, or of another word for steps."""
        if word in self._counts:
            return self._counts[word][0]
        steps = [done for name, (done, _) in self._counts.items() if INDEX_KINDS.get(name) is Kind.STEP]
        return steps[0] if steps and INDEX_KINDS.get(word, Kind.STEP) is Kind.STEP else None

    def at(self, word: str, value: float) -> None:
        """The training is at this index now."""
        if self.index is None or self.index[1] != value or self.index[0] != word:
            self.index = (word, value)
            self.serial += 1


def _value(token: bytes) -> float | None:
    if token.isdigit():
        return float(token)
    if not token:
        return None
    value = number(token)
    return value if value is not None and math.isfinite(value) else None


def _positive(token: bytes) -> float | None:
    value = _value(token) if token else None
    return value if value is not None and value > 0 else None


def _optional(value: float | None) -> float | None:
    return None if value is None else float(value)
