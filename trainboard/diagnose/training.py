"""The diagnosis of one training: its samples in, what is wrong out. Pure; memory and time are bounded."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

from trainboard.diagnose.catalogue import CATALOGUE, TRAINING_RULES
from trainboard.diagnose.ranking import ranked
from trainboard.diagnose.roles import Use, main_loss, main_val_loss, plays, use
from trainboard.diagnose.signal import Signal
from trainboard.diagnose.trace import Trace
from trainboard.diagnose.view import View
from trainboard.extract.names import fold
from trainboard.layernames import of_a_spread, part

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from trainboard.diagnose.finding import Finding
    from trainboard.series import Sample, Series

NEW = 0.01
"""The rules look again when so much is new, as a share of what there was; and whenever a value is not finite."""
BACK = 0.1
"""A resume that goes back by so much of the way takes the other metrics back with it."""
TRACES = 20_000
"""Quantities of layers that are followed; of more, the first."""


class Diagnosis:
    """What the rules see in one run.

    `objective` and `goal` are the spec's; `total` is how long the run is to be, as `{"epochs": 50}`; `off` are the
    rules that are not asked.
    """

    def __init__(
        self,
        objective: str | None = None,
        goal: str = "minimize",
        total: Mapping[str, float] | None = None,
        off: Collection[str] = (),
    ) -> None:
        self._likelihood = fold(objective) if objective and goal == "maximize" else ""
        """What is to be great: no loss."""
        self._total = {word.lower().rstrip("s"): length for word, length in (total or {}).items()}
        self._rules = tuple(rule for rule in TRAINING_RULES if rule.id not in off)
        self._takers: dict[str, Signal | Trace | None] = {}
        """What follows each metric; None: no rule looks at it."""
        self._signals: dict[Use, dict[str, Signal]] = {}
        self._layers: dict[str, dict[str, Trace]] = {}
        self._traces = 0
        self._players = False
        self._new = 0
        """Samples since the rules looked."""
        self._seen = 0
        """Samples when they did."""
        self._broke = False
        """A value was not finite since then."""
        self._found: tuple[Finding, ...] = ()
        self._since: dict[str, tuple[float, str]] = {}
        """Step and index at which each finding was seen first."""

    def take(self, samples: Sequence[Sample]) -> None:
        """The newest samples, in the order in which they were read."""
        takers = self._takers
        for metric, value, step, index, _ in samples:
            try:
                taker = takers[metric]
            except KeyError:
                taker = self._follow(metric)
            if taker is None:
                continue
            if value - value != 0.0 and not taker.bad_last:  # the first that is nan or infinite
                self._broke = True
            if isinstance(taker, Trace):
                taker.push(step, value)
            elif taker.push(step, value, index) > 2:
                self._go_back(taker, step)
        self._new += len(samples)

    def take_series(self, series: Mapping[str, Series]) -> None:
        """All samples of a run that is there already, or of the stretch after what was taken."""
        for metric, each in series.items():
            taker = self._takers[metric] if metric in self._takers else self._follow(metric)
            if taker is None or not len(each):
                continue
            steps, values, _ = each.current()
            self._new += len(values)
            if isinstance(taker, Trace):
                for step, value in zip(steps.tolist(), values.tolist(), strict=True):
                    taker.push(step, value)
            else:
                if len(steps) and steps[0] < taker.last_step:
                    taker.rewind(float(steps[0]))
                taker.extend(steps, values, each.index)
        self._broke = True

    def findings(self) -> tuple[Finding, ...]:
        """What is wrong now: the root causes first, what follows from each under it."""
        if self._new and (self._broke or self._new >= NEW * self._seen):
            self._seen += self._new
            self._new, self._broke = 0, False
            self._found = self._look()
        return self._found

    def view(self) -> View:
        """What the rules look at."""
        signals = self._signals
        losses = signals.get(Use.PART, {})
        main = self._main(losses)
        vals = signals.get(Use.VAL_LOSS, {})
        val = main_val_loss(list(vals), main)
        everything = {**losses, **vals}
        loss = losses[main] if main is not None else None
        return View(
            loss=loss,
            val_loss=None if val is None or loss is None else vals[val],
            accuracy=self._one(Use.ACCURACY),
            val_accuracy=self._one(Use.VAL_ACCURACY),
            rate=self._one(Use.RATE),
            gradient=self._one(Use.GRADIENT),
            throughput=self._one(Use.THROUGHPUT),
            step_time=self._one(Use.STEP_TIME),
            memory=self._one(Use.MEMORY),
            losses=tuple(everything.values()),
            layers=self._layers,
            players=self._players and not signals.get(Use.REWARD),
            total=None if loss is None else self._total.get(loss.index.lower().rstrip("s")),
        )

    def _main(self, losses: Mapping[str, Signal]) -> str | None:
        """The loss that is minimised; None where its rise need not be bad: of players, of rewards, a likelihood."""
        if self._players or self._signals.get(Use.REWARD):
            return None
        return main_loss({name: each.count for name, each in losses.items() if fold(name) != self._likelihood})

    def _one(self, wanted: Use) -> Signal | None:
        """The plainest of the metrics of one kind."""
        found = self._signals.get(wanted)
        return found[min(found, key=lambda name: ("test" in name.lower(), len(name)))] if found else None

    def _look(self) -> tuple[Finding, ...]:
        view = self.view()
        found = [finding for rule in self._rules if (finding := rule.look(view)) is not None]
        now = {each.id for each in found}
        self._since = {id: since for id, since in self._since.items() if id in now}
        return ranked((self._dated(each, view) for each in found), CATALOGUE)

    def _dated(self, finding: Finding, view: View) -> Finding:
        """The finding, with the step at which it was seen first where the rule does not tell."""
        if finding.step is not None:
            return finding
        loss = view.loss or max(view.losses, key=lambda each: each.last_step, default=None)
        here = (loss.last_step, loss.index) if loss is not None else (math.nan, "")
        step, index = self._since.setdefault(finding.id, here)
        return replace(finding, step=step, index=index) if math.isfinite(step) else finding

    def _follow(self, metric: str) -> Signal | Trace | None:
        """Begin to follow a metric, where any rule looks at such."""
        taker: Signal | Trace | None = None
        wanted = use(metric)
        self._players = self._players or plays(metric)
        said = None if of_a_spread(metric) else part(metric)
        if wanted is not None:
            taker = self._signals.setdefault(wanted, {}).setdefault(metric, Signal(metric))
        elif said is not None and self._traces < TRACES and (said.sure or said.layer in self._layers):
            taker = self._layers.setdefault(said.layer, {}).setdefault(said.quantity, Trace())
            self._traces += 1
        self._takers[metric] = taker
        return taker

    def _go_back(self, leader: Signal, step: float) -> None:
        """After a resume far back: the other metrics that count the same go back too."""
        if step > (1 - BACK) * leader.reached:
            return
        for each in self._all():
            if each is not leader and each.index == leader.index and each.last_step > step:
                each.rewind(math.nextafter(step, math.inf))

    def _all(self) -> Iterable[Signal]:
        return (signal for group in self._signals.values() for signal in group.values())
