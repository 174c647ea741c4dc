"""Hopeless runs on real curves: `python -m benchmarks.curves FILE.csv.gz`.

The file has the evaluations of the AlgoPerf competition (mlcommons/submissions_algorithms, Apache-2.0), a row each,
with the columns run, workload, framework, submission, study, trial, goal, target, step_hint, step, seconds and
validation. The five studies of a submission repeat the same five settings with other seeds: a submission is a spec
for us.

First: how well is it told whether a run will reach its target, among those that have not yet, at a part of the step
hint: the area under the ROC curve (AUC), as the mean over workload and framework. Then what each rule would have
stopped with its defaults, the runs of a submission in the order of their studies. A run has as many steps at most as
the longest of its workload. Exits 1 where more than one stop in twenty is of a good run, with or without a known
target; where the history of the same spec tells less than the best value so far; where 1,000 runs take longer than
30 s.
"""

from __future__ import annotations

import csv
import gzip
import sys
import time
from collections import defaultdict
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from specs.earlystop import RULES
from trainboard.diagnose.hopeless.curve import Cohort, Curve
from trainboard.diagnose.hopeless.extrapolation import extrapolation
from trainboard.diagnose.hopeless.history import history
from trainboard.diagnose.hopeless.replay import Replay, replay, total
from trainboard.diagnose.hopeless.sheet import groups
from trainboard.diagnose.hopeless.table import numbers

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    Score = Callable[["Known", Curve], float]

PARTS = (0.1, 0.3, 0.5, 0.75)
MOST_LOST = 0.05
MOST_SECONDS = 30.0
FIT = ("criteo1tb", "ogbg")
"""The workloads on which the numbers of the rules were chosen; the others only report."""


@dataclass(frozen=True, slots=True)
class Known:
    """A run with what the file tells of it."""

    cell: tuple[str, str]
    """Workload and framework."""
    submission: str
    study: str
    curve: Curve
    target: float
    """As a loss."""
    hint: float

    @property
    def good(self) -> bool:
        """Whether it reaches its target."""
        return bool(self.curve.best[-1] <= self.target)

    def at(self, part: float) -> Curve | None:
        """It at this part of the step hint; None where it has ended or reached its target by then."""
        step = part * self.hint
        count = int(np.searchsorted(self.curve.steps, step, side="right"))
        if not count or self.curve.steps[-1] < 0.999 * step or self.curve.best[count - 1] <= self.target:
            return None
        return self.curve.first(count)


def runs(path: Path) -> list[Known]:
    """All runs of the file, by study, submission and trial."""
    with gzip.open(path, "rt", encoding="utf-8", newline="") as file:
        hints = {row["workload"]: float(row["step_hint"]) for row in csv.DictReader(file)}
    found: list[Known] = []
    for group in groups(path, ("study", "workload", "framework", "submission"), ("trial",)):
        study, workload, framework, submission = group.name.split()
        for curve in group.curves:
            target = curve.sign * (group.target or 0.0)
            found.append(Known((workload, framework), submission, study, curve, target, hints[workload]))
    longest: dict[str, float] = defaultdict(float)
    for run in found:
        longest[run.cell[0]] = max(longest[run.cell[0]], float(run.curve.steps[-1]))
    whole = [replace(run, curve=replace(run.curve, length=longest[run.cell[0]])) for run in found]
    return sorted(whole, key=lambda run: (run.cell, run.study, run.submission))


# telling whether a run reaches its target


def best_so_far(run: Known, seen: Curve) -> float:
    """The naive score."""
    return -float(seen.best[-1])


def own_curve(run: Known, seen: Curve) -> float:
    """By extrapolation; the best value where the curve is too short for it."""
    verdict = extrapolation(seen, Cohort(), {**numbers("extrapolation", {}), "target": seen.sign * run.target})
    return -1e9 + best_so_far(run, seen) if verdict is None or verdict.chance is None else verdict.chance


class FromHistory:
    """By the runs of the same workload that differ in something: those of other studies, or of other submissions."""

    def __init__(self, found: Iterable[Known], differs: Callable[[Known], str]) -> None:
        self._differs = differs
        self._runs = list(found)
        self._cohorts: dict[tuple[tuple[str, str], str], Cohort] = {}

    def __call__(self, run: Known, seen: Curve) -> float:
        mine = self._differs(run)
        if (run.cell, mine) not in self._cohorts:
            others = [each.curve for each in self._runs if each.cell == run.cell and self._differs(each) != mine]
            self._cohorts[run.cell, mine] = Cohort(others)
        options = {**numbers("history", {}), "target": seen.sign * run.target}
        verdict = history(seen, self._cohorts[run.cell, mine], options)
        return 0.5 if verdict is None or verdict.chance is None else verdict.chance


def auc(scores: Sequence[float], good: Sequence[bool]) -> float:
    """That a good run has the greater score than a bad one; nan where one kind is missing."""
    values, labels = np.array(scores), np.array(good, dtype=bool)
    above = values[labels][:, None] - values[~labels][None, :]
    return float(np.mean((above > 0) + 0.5 * (above == 0))) if above.size else float("nan")


def aucs(found: Sequence[Known], score: Score, part: float) -> dict[tuple[str, str], float]:
    """By workload and framework."""
    seen: dict[tuple[str, str], tuple[list[float], list[bool]]] = defaultdict(lambda: ([], []))
    for run in found:
        curve = run.at(part)
        if curve is not None:
            scores, good = seen[run.cell]
            scores.append(score(run, curve))
            good.append(run.good)
    return {cell: auc(*pair) for cell, pair in seen.items()}


def print_aucs(found: Sequence[Known]) -> bool:
    """The first table; whether the history of the same spec tells more than the best value."""
    scores: Mapping[str, Score] = {
        "best value so far": best_so_far,
        "extrapolation": own_curve,
        "history: other seeds of the same spec": FromHistory(found, lambda run: run.study),
        "history: other submissions only": FromHistory(found, lambda run: run.submission),
    }
    print("AUC of reaching the target, mean over workload and framework")
    print(f"{'':40}" + "".join(f"{part:>8.0%}" for part in PARTS))
    means: dict[str, list[float]] = {}
    for name, score in scores.items():
        by_part = [aucs(found, score, part) for part in PARTS]
        means[name] = [float(np.nanmean(list(each.values()))) for each in by_part]
        print(f"{name:40}" + "".join(f"{mean:8.3f}" for mean in means[name]))
        for workload in dict.fromkeys(run.cell[0] for run in found):
            some = [np.nanmean([value for cell, value in each.items() if cell[0] == workload]) for each in by_part]
            print(f"  {workload:38}" + "".join(f"{mean:8.3f}" for mean in some))
    best, same, *_ = means["best value so far"], means["history: other seeds of the same spec"]
    return all(ours > naive for ours, naive in zip(same, best, strict=True))


# stopping


def specs(found: Iterable[Known]) -> dict[tuple[str, str, str], list[Known]]:
    """The runs of each workload, framework and submission."""
    sorted_out: dict[tuple[str, str, str], list[Known]] = defaultdict(list)
    for run in found:
        sorted_out[*run.cell, run.submission].append(run)
    return sorted_out


def under(rule: str, found: Iterable[Known], *, told: bool) -> dict[str, list[Replay]]:
    """What a rule would have done, by workload; `told`: it knows the competition's targets."""
    done: dict[str, list[Replay]] = defaultdict(list)
    for (workload, *_), some in specs(found).items():
        target = {"target": some[0].curve.sign * some[0].target} if told else {}
        done[workload].append(replay(workload, [run.curve for run in some], rule, target))
    return done


def print_stops(found: Sequence[Known]) -> bool:
    """The second table; whether all rules keep to what is promised."""
    held = True
    for told, what in (
        (False, "good: the best quarter of its spec"),
        (True, "good: reaches the competition's target"),
    ):
        print(f"\nstopped / of these good, {what}")
        workloads = list(dict.fromkeys(run.cell[0] for run in found))
        print(
            f"{'':14}" + "".join(f"{each[:12]:>13}" for each in workloads) + "   false  reported only  saved  s/1000"
        )
        for rule in RULES:
            if rule == "threshold":
                continue  # it has no defaults
            begun = time.process_time()
            done = under(rule, found, told=told)
            seconds = (time.process_time() - begun) * 1000 / len(found)
            sums = {workload: total(done[workload]) for workload in workloads}
            whole = total(each for some in done.values() for each in some)
            report = total(each for workload, some in done.items() for each in some if workload not in FIT)
            cells = "".join(f"{sums[each]['stopped']:>9.0f}/{sums[each]['lost']:<3.0f}" for each in workloads)
            false, reported = rate(whole), rate(report)
            print(f"{rule:14}{cells}   {false:5.1%}  {reported:13.1%}  {whole['saved']:5.1%}  {seconds:6.1f}")
            held = held and seconds <= MOST_SECONDS and max(false, reported) <= MOST_LOST
    return held


def rate(sums: Mapping[str, float]) -> float:
    """Good runs among those that were stopped."""
    return sums["lost"] / sums["stopped"] if sums["stopped"] else 0.0


def main(arguments: Sequence[str]) -> int:
    """Print both tables."""
    if not arguments:
        print("no file with real curves given: nothing measured")
        return 0
    found = runs(Path(arguments[0]))
    good = sum(run.good for run in found)
    print(
        f"{len(found)} runs of {len(specs(found))} submissions; {good} reach their target; chosen on {', '.join(FIT)}"
    )
    told = print_aucs(found)
    return int(not (print_stops(found) and told))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
