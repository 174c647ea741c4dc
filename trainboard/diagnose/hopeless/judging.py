"""Whether a run that is running will come to something: its finding, with how often the rule was wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING

from backends.base import JobState
from specs.earlystop import RULES
from specs.watch import EarlyStop
from trainboard.diagnose.finding import Finding, Severity
from trainboard.diagnose.hopeless.measured import ENOUGH, SHIPPED, own
from trainboard.diagnose.hopeless.past import Past, curve_of, kind_of
from trainboard.diagnose.rule import Rule

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from trainboard.diagnose.hopeless.curve import Cohort, Curve
    from trainboard.diagnose.hopeless.measured import Rate
    from trainboard.diagnose.hopeless.verdict import Verdict
    from trainboard.rows import Row
    from trainboard.series import Series

COMPARED = 200
"""Completed runs that one is compared with at most: the newest."""
HISTORY = int(RULES["history"].options["runs"].default or 0)
"""Completed runs from which the history tells more than the run's own curve."""


class Judging:
    """Judges running rows by the completed ones of the same spec. It reads files: call it in a thread.

    What needs numpy is imported there, and not where a board starts.
    """

    def __init__(self, folder: Path) -> None:
        """`folder`: of the series files."""
        self._past = Past(folder)
        self._cohorts: dict[tuple[tuple[str, int], ...], tuple[list[Curve], Cohort]] = {}
        """The last one of each spec, by the names and lengths of its curves."""
        self._rates: dict[object, Rate | None] = {}
        self._rows: Mapping[str, Row] | None = None
        """That `_done` is of."""
        self._done: dict[tuple[str, str, str], list[Row]] = {}

    def finding(
        self, row: Row, series: Mapping[str, Series], rows: Mapping[str, Row], early: EarlyStop | None
    ) -> Finding | None:
        """What there is to say of a running row; `rows`: all there are, another mapping when they change.

        Blocks. Raises `OSError`.
        """
        from trainboard.diagnose.hopeless.table import judge

        run = curve_of(row, series) if row.objective and row.ours else None
        if run is None or not len(run):
            return None
        curves, others = self._cohort(self._past.curves(self._peers(rows).get(kind_of(row), ())))
        early = early or usual(others)
        verdict = judge(early.rule, run, others, early.options)
        if verdict is None or not verdict.hopeless:
            return None
        return hopeless(run, verdict, early.rule, self._rate(early, curves), row.objective or "")

    def _peers(self, rows: Mapping[str, Row]) -> Mapping[tuple[str, str, str], list[Row]]:
        """The newest completed runs of each kind."""
        if rows is not self._rows:
            self._rows, self._done = rows, {}
            for row in sorted(rows.values(), key=lambda row: row.ended or 0.0):
                if row.ours and row.objective and row.state is JobState.COMPLETED:
                    self._done.setdefault(kind_of(row), []).append(row)
            self._done = {kind: found[-COMPARED:] for kind, found in self._done.items()}
        return self._done

    def _cohort(self, curves: list[Curve]) -> tuple[list[Curve], Cohort]:
        from trainboard.diagnose.hopeless.curve import Cohort

        key = tuple((each.name, len(each)) for each in curves)
        if key not in self._cohorts:
            if len(self._cohorts) >= 16:
                self._cohorts.clear()
            self._cohorts[key] = curves, Cohort(curves)
        return self._cohorts[key]

    def _rate(self, early: EarlyStop, curves: list[Curve]) -> Rate | None:
        """On the user's own runs, where there are enough of them, else the shipped one."""
        from trainboard.diagnose.hopeless.replay import replay

        if len(curves) < ENOUGH:
            return SHIPPED.get(early.rule)
        options = early.options
        key = early.rule, tuple(sorted(options.items())), tuple((each.name, len(each)) for each in curves)
        if key not in self._rates:
            if len(self._rates) >= 16:
                self._rates.clear()
            self._rates[key] = own(replay("", curves, early.rule, options))
        return self._rates[key]


def usual(others: Cohort) -> EarlyStop:
    """How runs are judged where their spec does not say it; it never stops one."""
    return EarlyStop("history" if others.count >= HISTORY else "extrapolation")


def hopeless(run: Curve, verdict: Verdict, rule: str, rate: Rate | None, metric: str) -> Finding:
    """The run will not come to what the others of its spec reached.

    Trigger: the rule of `watch.early_stop` says so; without one, `history` from ten completed runs of the spec on,
    and `extrapolation` before that. See `watch` in docs/spec.md for all rules and their numbers.
    Defaults: from 30 % of the run on, at two values in a row, with a chance below 5 % to reach what the best quarter
    of the completed runs reached.
    Source: Golovin et al. 2017 (median), optuna (percentile, threshold), Domhan et al. 2015 (extrapolation), nearest
    neighbours (history); each is measured on the runs of the AlgoPerf competition by benchmarks/curves.py.
    Advice: stop it, or let its spec do so with `early_stop: {act: true}`.
    """
    evidence: dict[str, float | str] = {"rule": rule, **verdict.evidence}
    if rate is not None and rate.stopped:
        evidence["false_stop_rate"] = rate.lost / rate.stopped
    wrong = "" if rate is None else f" {str(rate)[0].upper()}{str(rate)[1:]}."
    return Finding(
        "hopeless",
        Severity.WARNING,
        "it will not come to what other runs reached",
        f"This run looks hopeless to the rule {rule}: {verdict.why}.{wrong}",
        "Stop it, or let its spec stop such runs with `watch: {early_stop: {rule: …, act: true}}`.",
        evidence,
        step=float(run.steps[-1]),
        metric=metric,
    )


HOPELESS_RULES = (
    Rule(
        *("hopeless", Severity.WARNING, 70, hopeless, "an objective, and completed runs of the same spec"),
        after=(
            *("non_finite", "divergence", "lr_too_high", "lr_too_low", "update_missing", "bad_initialisation"),
            *("loss_sign", "loss_scale", "stuck_at_chance", "no_learning", "memorised_noise", "overfitting"),
        ),
    ),
)
"""Rows of the catalogue."""
