"""Whether runs will come to something: the rules, their replay, and what is told of a running one."""

from __future__ import annotations

import gzip
import json
import math
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backends.base import JobState
from benchmarks.curves import auc
from specs.earlystop import RULES
from specs.model import LOG
from specs.watch import FINDINGS, EarlyStop
from trainboard.actions import Refused
from trainboard.diagnose.catalogue import CATALOGUE
from trainboard.diagnose.hopeless.curve import POINTS, Cohort, Curve
from trainboard.diagnose.hopeless.extrapolation import outlook, student3
from trainboard.diagnose.hopeless.judging import Judging
from trainboard.diagnose.hopeless.measured import ENOUGH, SHIPPED, own
from trainboard.diagnose.hopeless.past import Past
from trainboard.diagnose.hopeless.replay import LOOKS, replay
from trainboard.diagnose.hopeless.sheet import groups
from trainboard.diagnose.hopeless.table import JUDGES, judge, numbers
from trainboard.recording import series_path
from trainboard.rows import Row
from trainboard.series import Sample, by_metric
from trainboard.seriesfile import SeriesFile
from trainboard.stored import Mark

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from trainboard.diagnose.finding import Finding

OPTUNA = json.loads((Path(__file__).parent.parent / "data" / "diagnose" / "optuna.json").read_text())
AT_ONCE = {"grace": 0.0, "looks": 1.0, "runs": 5.0}
STEPS = 60


def a_curve(
    values: Iterable[float], name: str = "r", goal: str = "minimize", length: float | None = None, start: int = 1
) -> Curve:
    column = np.array(list(values), dtype=float)
    return Curve.of(name, np.arange(start, start + len(column), dtype=float), column, goal, length)


def falling(end: float, rate: float = 0.1, count: int = STEPS, noise: float = 0.0, seed: int = 0) -> list[float]:
    """From about 2 to about `end`."""
    chance = np.random.default_rng(seed)
    return [end + (2 - end) * math.exp(-rate * step) + noise * float(chance.normal()) for step in range(count)]


def sweep(count: int = 24) -> list[Curve]:
    """Completed runs that end anywhere from 0.2 to 1.4, in an order by lot."""
    ends = np.random.default_rng(3).permutation(np.linspace(0.2, 1.4, count))
    return [
        a_curve(falling(end, noise=0.01, seed=at), f"r{at}", length=STEPS) for at, end in enumerate(ends.tolist())
    ]


# the rules


@pytest.mark.parametrize("decided", OPTUNA["decisions"], ids=lambda each: f"{each['rule']} {each['direction']}")
def test_percentile_and_threshold_decide_as_optuna_does(decided: dict[str, object]) -> None:
    goal = str(decided["direction"])
    sign = -1.0 if goal == "maximize" else 1.0

    def curves(found: Sequence[Sequence[float | None]]) -> list[Curve]:
        return [a_curve([math.nan if v is None else sign * v for v in each], goal=goal) for each in found]

    rule, _, keep = str(decided["rule"]).partition(" ")
    bounds = {"upper": 2.2, "lower": 0.3} if sign > 0 else {"lower": -2.2, "upper": -0.3}
    options = {**AT_ONCE, "keep": float(keep), "chance": 1.0} if keep else {**AT_ONCE, **bounds}
    others = Cohort(curves(OPTUNA["done"]))

    def first(run: Curve) -> int | None:
        for count in range(1, len(run) + 1):
            verdict = judge(rule, run.first(count), others, options)
            if verdict is not None and verdict.hopeless:
                return count
        return None

    assert [first(run) for run in curves(OPTUNA["running"])] == decided["steps"]


def test_the_last_of_good_runs_goes_on_where_its_own_curve_leads_to_the_others() -> None:
    others = Cohort([a_curve(falling(0.2, noise=0.01, seed=at), length=STEPS) for at in range(9)])
    late = a_curve([*np.linspace(3.0, 1.5, STEPS // 2), *np.linspace(1.5, 0.1, STEPS // 2)], length=STEPS).first(30)
    still = a_curve([3.0] * 30, length=STEPS)
    ended = a_curve([3.0] * 20 + [math.nan] * 10, length=STEPS)
    assert judge("percentile", late, others, {"chance": 1.0}).hopeless  # type: ignore[union-attr]  # it says something
    assert not judge("percentile", late, others, {}).hopeless  # type: ignore[union-attr]  # as above
    for run in (still, ended):
        said = judge("percentile", run, others, {})
        assert said is not None
        assert said.hopeless
        assert "own curve does not lead to" in said.why


def test_of_fewer_than_four_completed_runs_there_is_no_best_quarter() -> None:
    bad = a_curve(falling(1.3), length=STEPS).first(40)
    done = [a_curve(falling(0.2, noise=0.01, seed=at), length=STEPS) for at in range(4)]
    assert judge("extrapolation", bad, Cohort(done[:3]), {}) is None
    assert judge("extrapolation", bad, Cohort(done), {}).hopeless  # type: ignore[union-attr]  # it says something
    assert judge("extrapolation", bad, Cohort(), {"target": 0.2}).hopeless  # type: ignore[union-attr]  # as above


def test_the_median_rule_compares_the_best_value_with_running_averages() -> None:
    others = Cohort([a_curve([4.0, 2.0, 0.0 + extra]) for extra in (0, 1, 2, 3, 4)])
    # Averages until step 2: 3 each; until step 3: 2, 2.33, 2.67, 3, 3.33, of which the median is 2.67.
    worse, level = a_curve([5.0, 3.1, 2.7]), a_curve([5.0, 3.1, 2.66])
    assert judge("median", worse, others, AT_ONCE).hopeless  # type: ignore[union-attr]  # it says something
    assert not judge("median", level, others, AT_ONCE).hopeless  # type: ignore[union-attr]  # as above
    assert judge("median", worse, Cohort(), AT_ONCE) is None


def test_patience_runs_from_the_last_improvement_that_counts() -> None:
    run = a_curve([1.0, 0.5, *[0.499 - at * 1e-5 for at in range(38)]], length=100)
    assert judge("patience", run, Cohort(), {"grace": 0.0, "patience": 0.3}) is not None
    small = judge("patience", run, Cohort(), {"grace": 0.0, "patience": 0.3, "gain": 0.01})
    none = judge("patience", run, Cohort(), {"grace": 0.0, "patience": 0.3})
    assert small is not None
    assert small.hopeless
    assert small.evidence["since"] == 2
    assert none is not None
    assert not none.hopeless


def test_a_value_that_is_no_number_is_the_worst_of_all() -> None:
    run = a_curve([1.0, math.nan, -math.inf, 0.5])
    assert run.losses.tolist() == [1.0, math.inf, math.inf, 0.5]
    assert run.best.tolist() == [1.0, 1.0, 1.0, 0.5]
    others = Cohort([a_curve([math.nan] * 3) for _ in range(9)])
    for rule in JUDGES:
        judge(rule, run, others, {**numbers(rule, {}), "grace": 0.0, "looks": 1.0, "runs": 2.0, "lower": 0.0})


def test_one_value_is_not_enough_and_neither_is_the_beginning_of_a_run() -> None:
    others = Cohort([a_curve([1.0] * 40, length=40) for _ in range(6)])
    bad = a_curve([3.0] * 20, length=40)
    assert judge("percentile", bad, others, {}).hopeless  # type: ignore[union-attr]  # it says something
    assert judge("percentile", bad.first(11), others, {}) is None, "less than 30 % are done"
    once = a_curve([0.5, *[0.5] * 18, 3.0], length=40)
    said = judge("threshold", once, others, {"upper": 2.0})
    assert said is not None
    assert not said.hopeless, "the value before was all right"


def test_extrapolation_follows_the_shape_of_a_curve() -> None:
    power = a_curve([0.3 + 2 * step**-0.5 for step in range(1, 101)])
    found = outlook(power, 400)
    assert found is not None
    assert found.low < 0.3 + 2 * 400**-0.5 < found.high
    line = outlook(a_curve([2 - 0.01 * step for step in range(1, 101)]), 150)
    assert line is not None
    assert line.low < 0.5 < line.high
    flat = outlook(a_curve([1.0 + 0.01 * math.sin(at) for at in range(100)]), 400)
    assert flat is not None
    assert flat.chance(0.5) < 0.01
    assert outlook(power.first(5), 400) is None, "five values are no curve"


def test_the_interval_of_the_extrapolation_holds_what_comes_as_often_as_it_says() -> None:
    inside = 0
    for seed in range(60):
        chance = np.random.default_rng(seed)
        end, power, noise = chance.uniform(0.1, 1), chance.uniform(0.3, 1.5), chance.uniform(0.001, 0.05)
        values = [end + 2 * step**-power + noise * float(chance.normal()) for step in range(1, 121)]
        run = a_curve(values)
        found = outlook(run.first(50), 120)
        assert found is not None
        inside += found.low <= float(run.best[-1]) <= found.high
    assert inside >= 0.8 * 60


def test_students_distribution_is_that_of_the_tables() -> None:
    assert student3(0) == 0.5
    assert student3(-2.353) == pytest.approx(0.05, abs=1e-4)
    assert student3(1.638) == pytest.approx(0.9, abs=1e-4)


def test_history_tells_a_run_that_goes_as_bad_ones_went_from_one_that_goes_as_good_ones() -> None:
    others = Cohort(sweep())
    bad = judge("history", a_curve(falling(1.2, count=30, noise=0.01, seed=90), length=STEPS), others, {})
    good = judge("history", a_curve(falling(0.25, count=30, noise=0.01, seed=91), length=STEPS), others, {})
    assert bad is not None
    assert bad.hopeless
    assert bad.chance is not None
    assert bad.chance < 0.05
    assert good is None or not good.hopeless
    assert judge("history", a_curve(falling(1.2, count=30), length=STEPS), Cohort(sweep(9)), {}) is None


def test_history_does_not_stop_what_leads_to_the_target_by_its_own_curve() -> None:
    others = Cohort(sweep())
    straight = a_curve([2.0 - 0.035 * at for at in range(30)], length=STEPS)  # unlike all others: a line to 0
    said = judge("history", straight, others, {})
    assert said is not None
    assert said.chance is not None
    assert said.chance < 0.05
    assert not said.hopeless


@pytest.mark.parametrize("rule", [rule for rule in JUDGES if rule not in ("patience", "threshold")])
def test_more_is_better_where_the_goal_says_so(rule: str) -> None:
    options = {**AT_ONCE, "grace": 0.3}
    mirrored = Cohort(
        [a_curve([-v for v in each.losses.tolist()], goal="maximize", length=STEPS) for each in sweep()]
    )
    for end in (0.3, 1.3):
        run = falling(end, count=30, noise=0.01)
        least = judge(rule, a_curve(run, length=STEPS), Cohort(sweep()), options)
        most = judge(rule, a_curve([-v for v in run], goal="maximize", length=STEPS), mirrored, options)
        assert (least and least.hopeless) == (most and most.hopeless)
        assert most is None or most.evidence["best"] < 0


@settings(max_examples=40, deadline=None)
@given(
    st.sampled_from([*JUDGES]),
    st.lists(st.floats(), min_size=1, max_size=20),
    st.lists(st.lists(st.floats(), min_size=1, max_size=20), max_size=12),
    st.sampled_from([None, 1.0, 20.0, 1e6]),
)
def test_no_curve_makes_a_rule_fail(
    rule: str, values: list[float], others: list[list[float]], length: float | None
) -> None:
    options = {"grace": 0.0, "looks": 2.0, "runs": 2.0, "upper": 1.0}
    cohort = Cohort(a_curve(each) for each in others)
    verdict = judge(rule, a_curve(values, length=length), cohort, options)
    assert verdict is None or verdict.chance is None or not (verdict.chance < -1e-9 or verdict.chance > 1 + 1e-9)


def test_a_long_run_is_thinned_and_keeps_its_end() -> None:
    values = falling(0.3, rate=1e-3, count=5000)
    others = Cohort([a_curve(values)])
    assert others.ends.tolist() == [5000.0]
    assert others.best(5000.0)[0] == min(values)
    assert others.losses(2500.0)[0] == pytest.approx(values[2499], rel=20 / POINTS)
    assert others.losses(0.5)[0] == math.inf


def test_the_table_of_judges_is_that_of_the_spec() -> None:
    assert JUDGES.keys() == RULES.keys()
    assert SHIPPED.keys() == RULES.keys() - {"threshold"}
    assert all(rate.lost <= 0.05 * rate.stopped for rate in SHIPPED.values())


def test_a_spec_may_name_every_rule_of_the_catalogue_and_no_other() -> None:
    assert set(FINDINGS) == set(CATALOGUE)
    assert len(FINDINGS) == len(CATALOGUE)


# replay


def test_replay_tells_what_was_saved_and_what_was_lost() -> None:
    found = replay("mine", sweep(), "percentile", {"keep": 0.5, "chance": 1.0})
    assert (found.group, found.runs, found.good) == ("mine", 24, 6)
    assert found.stops
    assert all(0.3 <= stop.part <= 0.5 for stop in found.stops), "as soon as the grace is over"
    assert found.lost == 0
    assert found.best_kept
    expected = sum(1 - stop.part for stop in found.stops) / 24
    assert found.saved == pytest.approx(expected)
    assert found.as_json()["false_stop_rate"] == 0


def test_replay_counts_a_good_run_that_was_stopped() -> None:
    late = a_curve([2.0] * 40 + [0.1] * 20, "late", length=STEPS)
    found = replay("", [*sweep(), late], "percentile", {"keep": 0.5})
    assert [stop.name for stop in found.stops if stop.good] == ["late"]
    assert found.lost == 1
    assert not found.best_kept


def test_replay_weighs_runs_by_their_seconds_and_knows_a_target() -> None:
    curves = [replace(each, seconds=100.0 if at else 1e6) for at, each in enumerate(sweep())]
    found = replay("", curves, "percentile", {"keep": 0.5, "target": 2.0})
    assert found.saved < 0.01, "the long first run was not stopped"
    assert found.good == 24
    assert found.lost == len(found.stops) > 0


def test_the_replay_of_a_thousand_runs_is_quick() -> None:
    chance = np.random.default_rng(0)
    curves = [
        a_curve(falling(end, count=100, noise=0.02, seed=at), f"r{at}", length=100)
        for at, end in enumerate(chance.uniform(0.2, 1.4, 1000).tolist())
    ]
    begun = time.process_time()
    replay("", curves, "history", {})
    assert time.process_time() - begun < 30


def test_there_is_nothing_to_replay_where_there_is_nothing() -> None:
    found = replay("", [], "median", {})
    assert (found.runs, found.stops, found.saved) == (0, (), 0.0)
    assert replay("", [a_curve([1.0])], "median", {}).stops == ()


def test_a_rate_of_ones_own_wants_enough_runs() -> None:
    assert own(replay("", sweep(ENOUGH - 1), "median", {})) is None
    found = own(replay("", sweep(ENOUGH), "percentile", {"keep": 0.3}))
    assert found is not None
    assert f"of your {ENOUGH} past runs of this spec" in str(found)


def test_a_table_of_curves_is_read(tmp_path: Path) -> None:
    text = "run,spec,step,value,goal,seconds\n2,a,1,0.5,max,3\n1,a,2,0.9,max,9\n1,a,1,nan,max,4\n3,b,1,,max,1\n"
    path = tmp_path / "curves.csv.gz"
    path.write_bytes(gzip.compress(text.encode()))
    one, other = groups(path, ("spec",))
    assert [one.name, other.name] == ["a", "b"]
    assert [each.name for each in one.curves] == ["2", "1"]
    assert one.curves[1].losses.tolist() == [math.inf, -0.9]
    assert (one.curves[1].seconds, one.target) == (9.0, None)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a,b\n1,2\n", 'no column "run" or "run_id" or "trial_id", none "step"'),
        ("run,step,value\n1,x,2\n", '"x" is no number'),
        ("", "no column"),
    ],
)
def test_what_is_no_table_of_curves_is_refused(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "c.csv"
    path.write_text(text)
    with pytest.raises(Refused, match=r"c\.csv: ") as caught:
        groups(path)
    assert message in str(caught.value)
    with pytest.raises(Refused, match="No such file"):
        groups(tmp_path / "none.csv")
    broken = tmp_path / "c.csv.gz"
    broken.write_bytes(gzip.compress(b"run,step,value\n" * 1000)[:40])
    with pytest.raises(Refused, match=r"c\.csv\.gz: "):
        groups(broken)


def test_looks_spare_the_last_value() -> None:
    from trainboard.diagnose.hopeless.replay import places

    assert places(1).tolist() == places(0).tolist() == []
    assert len(places(1000)) <= LOOKS
    assert places(1000).max() < 999


def test_auc_is_the_chance_to_be_ranked_right() -> None:
    assert auc([1, 2, 3, 4], [False, False, True, True]) == 1.0
    assert auc([1, 2, 3, 4], [True, False, True, False]) == 0.25
    assert auc([1, 1], [True, False]) == 0.5
    assert math.isnan(auc([1.0], [True]))


# what is told of a running row


def a_row(key: str, state: JobState = JobState.COMPLETED, experiment: str = "exp-1", at: float = 0.0) -> Row:
    ended = at + 60 if state is JobState.COMPLETED else None
    return Row(
        *(key, "here", key, key, state),
        run=key,
        experiment=experiment,
        objective="val_loss",
        total={"epochs": STEPS},
        attempt=1,
        started=at,
        ended=ended,
    )


def samples(values: Iterable[float]) -> list[Sample]:
    return [Sample("val_loss", value, at + 1, "epoch") for at, value in enumerate(values)]


@pytest.fixture
def past(tmp_path: Path) -> Callable[[int], list[Row]]:
    """Makes completed runs, stored as a board stores them."""

    def made(count: int) -> list[Row]:
        rows = []
        for at, curve in enumerate(sweep(count)):
            row = a_row(f"exp-{at % 2 + 1}.{at}", experiment=f"exp-{at % 2 + 1}", at=100.0 * at)
            SeriesFile(series_path(tmp_path, row.key, 1)).append(LOG, samples(curve.losses.tolist()), Mark(), True)
            rows.append(row)
        return rows

    return made


def told(folder: Path, values: Iterable[float], rows: list[Row], early: EarlyStop | None = None) -> Finding | None:
    row = a_row("exp-2.99", JobState.RUNNING, "exp-2", 9e3)
    return Judging(folder).finding(row, by_metric(samples(values)), {each.key: each for each in rows}, early)


BAD = falling(1.3, count=40, noise=0.01, seed=7)


def test_a_run_that_will_come_to_nothing_is_told_with_how_often_the_rule_was_wrong(
    tmp_path: Path, past: Callable[[int], list[Row]]
) -> None:
    found = told(tmp_path, BAD, past(24))
    assert found is not None
    assert (found.id, str(found.severity), found.step) == ("hopeless", "warning", 40.0)
    assert "hopeless to the rule history" in found.message
    assert "your 24 past runs of this spec" in found.message
    assert (found.evidence["rule"], found.evidence["runs"]) == ("history", 24)
    found = told(tmp_path, BAD, past(16))
    assert found is not None
    assert "This rule was wrong in 2 of 112 stops (2%) of 1,149 runs of the AlgoPerf competition." in found.message
    assert found.evidence["false_stop_rate"] == 2 / 112


def test_a_run_that_goes_well_or_has_nothing_to_compare_with_is_left_alone(
    tmp_path: Path, past: Callable[[int], list[Row]]
) -> None:
    rows = past(24)
    assert told(tmp_path, falling(0.22, count=40, noise=0.01), rows) is None
    assert told(tmp_path, BAD, []) is None
    assert told(tmp_path, BAD, [replace(row, experiment="other-1") for row in rows]) is None
    assert told(tmp_path, BAD, [replace(row, goal="maximize") for row in rows]) is None
    assert told(tmp_path, BAD, [replace(row, state=JobState.CANCELLED) for row in rows]) is None
    assert told(tmp_path, BAD[:10], rows) is None
    assert told(tmp_path, [], rows) is None


def test_the_rule_of_the_spec_judges_and_before_there_is_a_history_the_curve_itself(
    tmp_path: Path, past: Callable[[int], list[Row]]
) -> None:
    flat = [1.5 - 1e-4 * at for at in range(40)]
    found = told(tmp_path, flat, past(4))
    assert found is not None
    assert found.evidence["rule"] == "extrapolation"
    found = told(tmp_path, [1.9] * 40, past(24), EarlyStop("median", {"runs": 3}))
    assert found is not None
    assert found.evidence["rule"] == "median"
    found = told(tmp_path, [9.0] * 40, past(24), EarlyStop("threshold", {"upper": 5}))
    assert found is not None
    assert found.evidence == {"rule": "threshold", "value": 9.0, "bound": 5.0}


def test_a_completed_run_that_is_read_to_its_end_later_is_read_again(
    tmp_path: Path, past: Callable[[int], list[Row]]
) -> None:
    [row] = past(1)
    known = Past(tmp_path)
    before = known.curve(row)
    assert before is known.curve(row) is not None
    file = SeriesFile(series_path(tmp_path, row.key, 1))
    file.load()
    assert file.append(LOG, [Sample("val_loss", 0.01, STEPS + 1, "epoch")], Mark(), True)
    after = known.curve(row)
    assert after is not None
    assert after.best[-1] == 0.01


def test_a_run_of_which_no_objective_is_known_is_not_judged(tmp_path: Path, past: Callable[[int], list[Row]]) -> None:
    row = replace(a_row("exp-2.99", JobState.RUNNING, "exp-2"), objective=None)
    assert (
        Judging(tmp_path).finding(row, by_metric(samples(BAD)), {each.key: each for each in past(24)}, None) is None
    )
