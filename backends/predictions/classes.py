"""Metrics of classes, piece by piece: as scikit-learn defines them."""

import json
from typing import Any, Dict, List, Mapping, Optional, Sequence, Tuple

from backends.predictions.labels import Labels, canonical, order
from backends.predictions.plain import Cell, Column, Plain
from backends.predictions.refused import Refused
from backends.predictions.roles import Roles
from backends.predictions.tails import wilson

BINS = 15
"""Of confidence."""

IN_FULL, TOLD, PAIRS = 200, 1000, 50
"""Classes with a whole confusion matrix, classes that are told of, and pairs of them."""

MOST = 20000
"""Classes at all."""

TOP = (1, 2, 3, 5, 10)
SLACK = 1e-3
"""That probabilities may be off one, as they are printed."""

LEAST = 2.220446049250313e-16
"""No probability counts as less, or the loss would have no bound."""

POSITIVE = ("1", "true", "yes", "positive", "pos")


class Classes(object):
    """What is summed up."""

    def __init__(self, kernel: Plain, roles: Roles) -> None:
        self.kernel = kernel
        self.roles = roles
        self.labels = Labels(MOST)
        self.columns = []  # type: List[int]
        """Which class each score is of; empty: there are none that can be read."""
        self.single = False
        """Whether there is one score, of the second of two classes."""
        self.logits = roles.logits
        self.notes = []  # type: List[str]
        self.counts = {}  # type: Dict[Tuple[int, int], float]
        self.n, self.weight, self.squares = 0, 0.0, 0.0
        self.loss, self.brier = 0.0, 0.0
        self.ranks = [0.0] * (TOP[-1] + 1)
        self.filled, self.confidence = [0.0] * BINS, [0.0] * BINS
        self.rows, self.right = [0.0] * BINS, [0.0] * BINS
        self.off, self.strange, self.unlike = 0, 0, 0

    def prepare(self, cells: Mapping[str, Sequence[Any]]) -> None:
        """See what the scores are of, from the first piece. Raises `Refused` where nothing tells the prediction."""
        names = {canonical(cell) for cell in cells[self.roles.target]}
        if self.roles.prediction:
            names.update(canonical(cell) for cell in cells[self.roles.prediction])
        names.discard("")
        reason = self.match(cells, sorted(names)) if self.roles.scores else ""
        if reason:
            if not self.roles.prediction:
                raise Refused("the scores cannot be told apart: %s" % reason, "write a column for each: prob_CLASS")
            self.notes.append("scores are left out: %s" % reason)
        if self.columns and not self.logits:
            matrix = self.read(cells, None)
            at = self.kernel.whole(matrix)
            low, high = self.kernel.span(self.kernel.picked(matrix, at)) if len(at) else (0.0, 1.0)
            self.logits = low < 0 or high > 1 + SLACK
        if self.columns and self.logits:
            self.notes.append("scores are taken for logits: made probabilities by softmax")

    def match(self, cells: Mapping[str, Sequence[Any]], names: List[str]) -> str:
        """Find the class of each score; why not."""
        scores = self.roles.scores
        if scores[0][1]:
            self.columns = [self.labels.place(canonical(name)) for _, name in scores]
            return "two are of one class" if len(set(self.columns)) < len(self.columns) else ""
        first = next((each for each in map(listed, cells[scores[0][0]]) if each is not None), None)
        if first is None:
            names = [names[at] for at in order(names)]
            if len(names) > 2:
                return "one score for %d classes" % len(names)
            self.single = True
            positive = next((name for name in names if name in POSITIVE), names[-1] if names else "1")
            negative = next((name for name in names if name != positive), "not %s" % positive)
            self.columns = [self.labels.place(negative), self.labels.place(positive)]
            return ""
        whole = [str(at) for at in range(len(first))]
        if not set(names) <= set(whole):
            if len(names) != len(first):
                return "lists of %d scores, and %d classes by name" % (len(first), len(names))
            whole = [names[at] for at in order(names)]
            self.notes.append("scores are taken to be in the order %s" % ", ".join(whole[:10]))
        self.columns = [self.labels.place(name) for name in whole]
        return ""

    def read(self, cells: Mapping[str, Sequence[Any]], at: Column) -> Column:
        """The scores by row."""
        kernel = self.kernel
        names = [name for name, _ in self.roles.scores]
        if self.single:
            second = kernel.numbers(cells[names[0]])[0]
            first = kernel.shifted(kernel.less(second, second), 0.0)
            return kernel.matrix([first if self.logits else kernel.absolute(kernel.shifted(second, 1.0)), second])
        if len(names) == 1 and not self.roles.scores[0][1]:
            width, empty = len(self.columns), [float("nan")]
            lists = [listed(cell) for cell in cells[names[0]]]
            return kernel.rows([each if each and len(each) == width else empty * width for each in lists])
        return kernel.matrix([kernel.numbers(cells[name])[0] for name in names])

    def take(self, target: Column, predicted: Column, matrix: Column, weight: Column) -> Tuple[Any, Any, Any]:
        """Rows: whether each is wrong, its loss and its confidence, both None without scores."""
        kernel = self.kernel
        loss = confidence = None
        if matrix is not None:
            matrix = kernel.softmax(matrix) if self.logits else matrix
            matrix, off = kernel.normal(matrix, SLACK)
            self.off += off
            best = kernel.looked_up(kernel.best(matrix), self.columns)
            if predicted is None:
                predicted = best
            else:
                self.unlike += int(kernel.total(kernel.differ(best, predicted)))
        wrong = kernel.differ(target, predicted)
        for pair, count in kernel.pairs(target, predicted, weight).items():
            self.counts[pair] = self.counts.get(pair, 0.0) + count
        self.n += len(target)
        ones = kernel.floats([1.0] * len(target)) if weight is None else weight
        self.weight += kernel.total(ones)
        self.squares += kernel.dot(ones, ones)
        if matrix is not None:
            loss, confidence = self.scored(target, wrong, matrix, ones)
        return wrong, loss, confidence

    def scored(self, target: Column, wrong: Column, matrix: Column, weight: Column) -> Tuple[Any, Any]:
        """Sum up what scores tell."""
        kernel = self.kernel
        place = [-1] * len(self.labels.names)
        for at, label in enumerate(self.columns):
            place[label] = at
        at = kernel.looked_up(target, place)
        self.strange += len(target) - len(kernel.present(at))
        own, confidence = kernel.of(matrix, at), kernel.greatest(matrix)
        loss = kernel.losses(own, LEAST)
        self.loss += kernel.dot(loss, weight)
        squares = kernel.shifted(
            kernel.less(kernel.squares(matrix), kernel.times(own, kernel.floats([2.0] * len(own)))), -1.0
        )
        self.brier += kernel.dot(squares, weight)
        ranks = kernel.ranks(matrix, at)
        capped = kernel.looked_up(ranks, [min(rank, TOP[-1]) for rank in range(len(self.columns) + 1)])
        add(self.ranks, kernel.tally(capped, len(self.ranks), weight))
        bins = kernel.binned(confidence, [(each + 1.0) / BINS for each in range(BINS - 1)])
        add(self.rows, kernel.tally(bins, BINS))
        add(self.filled, kernel.tally(bins, BINS, weight))
        add(self.confidence, kernel.tally(bins, BINS, kernel.times(weight, confidence)))
        right = kernel.less(weight, kernel.times(weight, wrong))
        add(self.right, kernel.tally(bins, BINS, right))
        return loss, confidence

    def answer(self) -> Dict[str, Any]:
        """All metrics."""
        names = self.labels.names
        support, predicted, right = ([0.0] * len(names) for _ in range(3))
        for (target, guess), count in self.counts.items():
            support[target] += count
            predicted[guess] += count
            if target == guess:
                right[target] += count
        shown = [at for at in order(names) if support[at] or predicted[at]]
        self.doubts(names, support, predicted)
        each = {at: scores(right[at], predicted[at], support[at]) for at in shown}
        targets = [at for at in shown if support[at]]
        accuracy = sum(right) / self.weight
        low, high = wilson(accuracy, self.weight * self.weight / self.squares)
        found = {
            "accuracy": accuracy,
            "accuracy_lower": low,
            "accuracy_upper": high,
            "balanced_accuracy": sum(each[at][1] for at in targets) / len(targets),
            "macro": [sum(each[at][part] for at in shown) / len(shown) for part in range(3)],
            "weighted": [sum(each[at][part] * support[at] for at in shown) / self.weight for part in range(3)],
            "classes": [[names[at], support[at], predicted[at]] + each[at] for at in shown[:TOLD]],
            "confusion": self.matrix(shown) if len(shown) <= IN_FULL else [],
            "confused": self.confused(names, support),
        }  # type: Dict[str, Any]
        if self.columns:
            found.update(self.calibration())
        return found

    def matrix(self, shown: Sequence[int]) -> List[List[float]]:
        """Target × predicted."""
        return [[self.counts.get((target, guess), 0.0) for guess in shown] for target in shown]

    def confused(self, names: Sequence[str], support: Sequence[float]) -> List[List[Any]]:
        """The most frequent confusions."""
        pairs = [(count, pair) for pair, count in self.counts.items() if pair[0] != pair[1] and count > 0]
        pairs.sort(key=lambda each: (-each[0], names[each[1][0]], names[each[1][1]]))
        return [[names[a], names[b], count, count / support[a]] for count, (a, b) in pairs[:PAIRS]]

    def calibration(self) -> Dict[str, Any]:
        """What scores tell."""
        table, ece = [], 0.0
        for at in range(BINS):
            weight = self.filled[at]
            mean = self.confidence[at] / weight if weight else 0.0
            share = self.right[at] / weight if weight else 0.0
            ece += abs(self.confidence[at] - self.right[at]) / self.weight
            table.append([at / float(BINS), (at + 1.0) / BINS, int(self.rows[at]), mean, share])
        classes = len(self.columns)
        top = [[k, sum(self.ranks[:k]) / self.weight] for k in TOP if k < classes]
        return {
            "log_loss": self.loss / self.weight,
            "brier": self.brier / self.weight / (2 if classes == 2 and not self.strange else 1),
            "ece": ece,
            "reliability": table,
            "top": top,
        }

    def doubts(self, names: Sequence[str], support: Sequence[float], predicted: Sequence[float]) -> None:
        """What is odd."""
        never = [name for name, count, had in zip(names, predicted, support) if had and not count]
        alone = [name for name, count, had in zip(names, predicted, support) if count and not had]
        for one, several, some in (
            ("class is never predicted", "classes are never predicted", never),
            ("class is predicted that is no target", "classes are predicted that are no target", alone),
        ):
            if some:
                more = ", …" if len(some) > 5 else ""
                self.notes.append(
                    "%d %s: %s%s" % (len(some), one if len(some) == 1 else several, ", ".join(sorted(some)[:5]), more)
                )
        if self.off:
            self.notes.append("probabilities of %d rows do not sum to 1: divided by their sums" % self.off)
        if self.strange:
            self.notes.append(
                "%d targets are of classes that have no score: their probability counts as 0" % self.strange
            )
        if self.unlike:
            self.notes.append("%d predictions are not the class of the greatest score" % self.unlike)
        if self.labels.full:
            self.notes.append("more than %d classes: the rows of others are left out" % MOST)


def scores(right: float, predicted: float, support: float) -> List[float]:
    """Precision, recall and F1; nothing of nothing is 0."""
    precision = right / predicted if predicted else 0.0
    recall = right / support if support else 0.0
    both = predicted + support
    return [precision, recall, 2 * right / both if both else 0.0]


def listed(cell: Cell) -> Optional[List[float]]:
    """A cell that is a list of numbers, or the text of one."""
    if isinstance(cell, str) and cell.startswith("["):
        try:
            cell = json.loads(cell)
        except ValueError:
            return None
    if not isinstance(cell, list):
        return None
    try:
        return [float(value) for value in cell]
    except (TypeError, ValueError):
        return None


def add(sums: List[float], more: Sequence[float]) -> None:
    """To each its own."""
    for at, value in enumerate(more):
        sums[at] += value
