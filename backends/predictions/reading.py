"""A table of predictions read piece by piece: metrics are summed up, what is needed later is kept."""

import re
from typing import Any, Callable, Dict, List, Mapping, Optional, Sequence, Tuple

from backends.predictions.classes import Classes
from backends.predictions.labels import canonical
from backends.predictions.lines import ADVICE
from backends.predictions.plain import EMPTY, Cell, Column, Plain
from backends.predictions.refused import Refused
from backends.predictions.residuals import Residuals
from backends.predictions.roles import Roles, roles
from backends.predictions.store import Store
from backends.predictions.tables import Table

CLASSIFICATION, REGRESSION = "classification", "regression"

FEW = 20
"""Different whole numbers of a target that is taken for classes."""

INPUTS = 200
"""That are looked at."""

WORST = 50
"""Samples that are told."""

CUT, TOLD = 80, 40
"""Characters of an input of these, and inputs."""

LEAST, HUGE = 1e-100, 1e100
"""What a weight is at least; numbers beyond this are no measurements, and their squares no numbers."""

COMMA = re.compile(r"^\s*[-+]?\d+,\d+\s*$")


class Reading(object):
    """One file. After `run` everything is there."""

    def __init__(self, kernel: Plain, table: Table, said: Mapping[str, Any]) -> None:
        self.kernel = kernel
        self.table = table
        self.said = said
        self.roles = Roles()
        self.task = ""
        self.notes = []  # type: List[str]
        self.metrics = None  # type: Any
        self.store = Store(kernel)
        self.used = 0
        self.unused = {}  # type: Dict[str, int]
        """Rows that are left out, by the reason."""
        self.worst = []  # type: List[Tuple[float, int, Dict[str, Any]]]

    def run(self, see: Optional[Callable[..., None]] = None) -> None:
        """Read all of it; `see` is shown each piece. Raises `Refused`, `OSError`."""
        for first, cells in self.table.pieces():
            if not self.task:
                self.meet(cells)
            taken = self.take(first, cells)
            if see is not None and taken is not None:
                see(first, cells, *taken)
        if not self.table.rows:
            raise Refused("it has no rows, only the names of columns", "the run may not have written them yet")
        if not self.used:
            reasons = "; ".join("%d without a %s" % (count, what) for what, count in sorted(self.unused.items()))
            raise Refused("none of its %d rows can be used: %s" % (self.table.rows, reasons or "no values"), ADVICE)
        for what, count in sorted(self.unused.items()):
            self.notes.append("%d of %d rows have no %s: they are left out" % (count, self.table.rows, what))
        self.notes += self.table.notes + self.metrics.notes + self.store.notes
        self.worst.sort(key=lambda each: (-each[0], each[1]))

    def meet(self, cells: Mapping[str, Sequence[Any]]) -> None:
        """See what there is, from the first piece."""
        self.roles = roles(self.table.names, self.said)
        inputs = self.roles.inputs
        if len(inputs) > INPUTS:
            self.notes.append(
                "of %d inputs the first %d are looked at: name others in inputs" % (len(inputs), INPUTS)
            )
            self.roles.aside += inputs[INPUTS:]
            inputs = self.roles.inputs = inputs[:INPUTS]
        self.task = self.said.get("task") or self.guess(cells)
        if self.task == CLASSIFICATION:
            self.metrics = Classes(self.kernel, self.roles)
            self.metrics.prepare(cells)
        else:
            self.metrics = Residuals(self.kernel)
            for name in (self.roles.target, self.roles.prediction):
                self.check(name, cells)
        self.store.meet(inputs, cells)

    def check(self, name: str, cells: Mapping[str, Sequence[Any]]) -> None:
        """That a column has numbers. Raises `Refused`."""
        if not name:
            raise Refused("no column is the prediction, and it is a regression", "name it: prediction: COLUMN")
        numbers, bad = self.kernel.numbers(cells[name])
        if not bad or bad < 0.5 * len(numbers):
            return
        cell = next((str(each) for each in cells[name] if is_word(each)), "")
        if COMMA.match(cell):
            raise Refused('%s has decimal commas ("%s")' % (name, cell[:20]), "write numbers with a point")
        raise Refused(
            '%s has no numbers ("%s")' % (name, cell[:20]), "set task: classification, or name another column"
        )

    def guess(self, cells: Mapping[str, Sequence[Any]]) -> str:
        """Classes with scores, with words, or with few whole numbers."""
        names = [name for name in (self.roles.target, self.roles.prediction) if name]
        if self.roles.scores:
            return CLASSIFICATION
        values = set()
        for name in names:
            numbers, bad = self.kernel.numbers(cells[name])
            if bad:
                if any(is_word(cell) and COMMA.match(str(cell)) for cell in cells[name]):
                    self.check(name, cells)
                return CLASSIFICATION
            for value in self.kernel.listed(self.kernel.take(numbers, self.kernel.present(numbers))):
                values.add(value)
                if value != int(value) or len(values) > FEW:
                    return REGRESSION
        if any(isinstance(cell, bool) for cell in cells[names[0]]):
            return CLASSIFICATION
        self.notes.append("few whole numbers are taken for classes: set task: regression if they are amounts")
        return CLASSIFICATION

    def take(self, first: int, cells: Mapping[str, Sequence[Any]]) -> Column:
        """One piece: which of its rows count, their errors and losses."""
        kernel, of = self.kernel, self.roles
        size = len(cells[of.target])
        is_class = self.task == CLASSIFICATION
        target, good = self.column(of.target, cells, is_class)
        self.leave("target", size - len(good))
        predicted = matrix = weight = None
        if of.prediction:
            predicted, there = self.column(of.prediction, cells, is_class)
            good = self.both(good, there, "prediction")
        if is_class and self.metrics.columns:
            matrix = self.metrics.read(cells, None)
            good = self.both(good, kernel.whole(matrix), "score")
        if of.weight:
            weight = kernel.numbers(cells[of.weight])[0]
            positive = self.within(weight, LEAST, HUGE)
            good = self.both(good, positive, "weight above 0")
        if not len(good):
            return None
        at = None if len(good) == size else good
        if at is not None:
            target, predicted, weight = (
                None if each is None else kernel.take(each, at) for each in (target, predicted, weight)
            )
            matrix = None if matrix is None else kernel.picked(matrix, at)
        self.used += len(target)
        fixed, loss, confidence = self.counted(target, predicted, matrix, weight)
        self.store.add(first, size, at, fixed, cells)
        self.keep_worst(first, at, loss, confidence, predicted, cells)
        return at, fixed["error"]

    def counted(
        self, target: Column, predicted: Column, matrix: Column, weight: Column
    ) -> Tuple[Dict[str, Any], Any, Any]:
        """What is kept of these rows, what is worst among them and how sure they were."""
        if self.task == CLASSIFICATION:
            wrong, loss, confidence = self.metrics.take(target, predicted, matrix, weight)
            fixed = {"error": wrong}
            worst = wrong if loss is None else loss
        else:
            error, residual = self.metrics.take(target, predicted, weight)
            fixed, worst, confidence = {"error": error, "residual": residual, "predicted": predicted}, error, None
        if weight is not None:
            fixed["weight"] = weight
        return fixed, worst, confidence

    def column(self, name: str, cells: Mapping[str, Sequence[Any]], is_class: bool) -> Tuple[Any, Any]:
        """Targets or predictions, and where there are any."""
        if is_class:
            found = self.kernel.ints(self.metrics.labels.codes(cells[name]))
            return found, self.kernel.present(found)
        found = self.kernel.numbers(cells[name])[0]
        return found, self.within(found, -HUGE, HUGE)

    def within(self, column: Column, low: float, high: float) -> Column:
        """Positions of numbers between two."""
        kernel = self.kernel
        return kernel.present(kernel.looked_up(kernel.binned(column, [low, high]), [-1, 0, -1, -1]))

    def both(self, good: Column, there: Column, what: str) -> Column:
        """Rows that count so far and have this too."""
        found = self.kernel.common(good, there)
        self.leave(what, len(good) - len(found))
        return found

    def leave(self, what: str, count: int) -> None:
        """Count rows that are left out."""
        if count:
            self.unused[what] = self.unused.get(what, 0) + count

    def keep_worst(
        self,
        first: int,
        at: Column,
        loss: Column,
        confidence: Column,
        predicted: Column,
        cells: Mapping[str, Sequence[Any]],
    ) -> None:
        """The rows of the greatest losses."""
        full = len(self.worst) >= WORST
        floor = self.worst[-1][0] if full else 0.0
        for place in self.kernel.largest(loss, WORST, floor):
            inside = place if at is None else int(at[place])
            told = self.sample(first + inside, inside, cells)
            told["error"] = float(loss[place])
            told["confidence"] = None if confidence is None else float(confidence[place])
            if not self.roles.prediction:
                told["prediction"] = self.best(inside, cells)
            self.worst.append((told["error"], first + inside, told))
        self.worst.sort(key=lambda each: (-each[0], each[1]))
        del self.worst[WORST:]

    def best(self, at: int, cells: Mapping[str, Sequence[Any]]) -> str:
        """The class of the greatest score of one row."""
        one = {name: [cells[name][at]] for name, _ in self.roles.scores}
        place = int(self.kernel.best(self.metrics.read(one, None))[0])
        return str(self.metrics.labels.names[self.metrics.columns[place]])

    def sample(self, row: int, at: int, cells: Mapping[str, Sequence[Any]]) -> Dict[str, Any]:
        """One row for the reader."""
        of = self.roles
        return {
            "row": row,
            "id": shown(cells[of.id][at]) if of.id else "",
            "target": shown(cells[of.target][at]),
            "prediction": shown(cells[of.prediction][at]) if of.prediction else "",
            "inputs": [[name[:CUT], shown(cells[name][at])] for name in of.inputs[:TOLD]],
        }


def is_word(cell: Cell) -> bool:
    """Whether it is neither a number nor empty."""
    try:
        float(cell)
    except (TypeError, ValueError, OverflowError):
        return cell is not None and str(cell).strip().lower() not in EMPTY
    return False


def shown(cell: Cell) -> str:
    """A cell, cut."""
    if isinstance(cell, bool) or cell is None:
        return canonical(cell)
    text = "%.9g" % cell if isinstance(cell, float) else str(cell)
    return text if len(text) <= CUT else text[: CUT - 1] + "\u2026"
