"""The table of results: filtered, sorted, folded, tested."""

from __future__ import annotations

import math
from contextlib import suppress
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backends.base import JobState
from tests.trainboard.ranking.a_sweep import a_sweep, a_value, an_entry, compared
from trainboard.ranking.columns import Column, Source, Unknown, Words, usual
from trainboard.ranking.spread import Spread, spread
from trainboard.ranking.table import EXPERIMENT, View, arrange, is_seed, title_of, without_seeds
from trainboard.ranking.welch import Welch, incomplete_beta, shown, two_sided, verdict, welch
from trainboard.ranking.where import Where, read

LOSS = Column(Source.METRIC, "val_loss", "best")


def kept(text: str) -> list[str]:
    """The runs of the sweep that are wanted."""
    found = a_sweep()
    return [line.key for line in arrange(found, View(read(text, Words(found)))).lines]


def test_words_and_conditions_must_all_hold() -> None:
    assert kept("lr>0.002 sgd") == ["x-1.4", "x-1.6", "x-1.8", "x-1.10"]
    assert kept("lr=3e-2 seed!=0 seed<=2") == ["x-1.9", "x-1.10"]
    assert kept("optim.name~AD lr=0.001") == ["x-1.1", "x-1.3"]
    assert kept("val_loss<0.41") == ["x-1.4", "x-1.7"]
    assert kept("val_loss:final<0.45") == ["x-1.4", "x-1.7"]
    assert kept("state=failed") == []
    assert len(kept("state=COMPLETED took>=60")) == 12
    assert kept("") == kept("completed")


def test_a_column_that_is_not_there_names_the_nearest_and_no_number_is_told() -> None:
    with pytest.raises(Unknown, match=r'no column "val_los" \(did you mean "val_loss"\?\)'):
        kept("val_los<1")
    with pytest.raises(Unknown, match='"abc" is no number'):
        kept("lr>abc")


def test_a_quotation_mark_that_is_not_closed_yet_is_typed_on() -> None:
    assert len(kept('"adam')) == 6


@given(st.text(max_size=30))
@settings(max_examples=60)
def test_whatever_is_typed_is_a_filter_or_a_complaint(text: str) -> None:
    found = a_sweep()
    wanted = Where()
    with suppress(Unknown):
        wanted = read(text, Words(found))
    assert all(wanted.holds(entry) in (True, False) for entry in found.entries)


def test_metrics_are_sorted_best_first_and_what_has_no_value_comes_last_either_way() -> None:
    found = compared(
        an_entry(0, {"lr": 1}, 0.5),
        an_entry(1, {"lr": "high"}, math.nan),
        an_entry(2, {"lr": 2.5}, 0.3),
        an_entry(3, {"lr": None}, None, JobState.FAILED),
        an_entry(4, {"lr": True}, math.inf),
    )
    by_loss = [line.key[-1] for line in arrange(found, View(sort=LOSS)).lines]
    assert by_loss == ["2", "0", "4", "1", "3"]
    assert [line.key[-1] for line in arrange(found, View(sort=LOSS, reverse=True)).lines] == ["4", "0", "2", "1", "3"]
    # Numbers by size, then words; nothing comes last.
    lr = Column(Source.PARAM, "lr")
    assert [line.key[-1] for line in arrange(found, View(sort=lr)).lines] == ["0", "2", "1", "4", "3"]
    table = arrange(found, View())
    assert table.best_of(LOSS) == {"x-1.2"}
    assert table.best_of(lr) == frozenset()


def test_a_single_run_is_not_the_best_of_anything() -> None:
    table = arrange(compared(an_entry(0, {"lr": 1}, 0.5)), View())
    assert table.best_of(LOSS) == frozenset()
    assert [column.key for column in table.columns] == ["val_loss:best", "lr", "[state]", "[took]", "[gpu-hours]"]


def test_metrics_of_single_layers_are_columns_only_where_they_are_asked_for() -> None:
    layer = {"fc1.norm": a_value(1.0, JobState.COMPLETED)}
    runs = [an_entry(n, {"lr": n}, 0.5, accuracy=0.5) for n in range(2)]
    found = compared(*(replace(each, metrics={**each.metrics, **layer}) for each in runs))
    assert "accuracy:best" in [column.key for column in usual(found)]
    assert not any(column.name == "fc1.norm" for column in usual(found))
    assert Words(found)["fc1.norm:last"].kind == "last"


def test_a_fact_is_told_from_a_parameter_of_its_name() -> None:
    found = compared(an_entry(0, {"state": "ohio"}, 1.0), an_entry(1, {"state": "utah"}, 2.0))
    words = Words(found)
    assert words["state"].source is Source.PARAM
    assert words["[state]"].source is Source.FACT
    assert [line.key for line in arrange(found, View(read("state=utah [state]=COMPLETED", words))).lines] == ["x-1.1"]


def test_seeds_are_folded_into_mean_and_deviation() -> None:
    found = a_sweep()
    assert without_seeds(found) == ("lr", "optim.name")
    table = arrange(found, View(by=("lr",)))
    assert [title_of(line, ("lr",)) for line in table.lines] == ["lr=0.003", "lr=0.001", "lr=0.03"]
    first = table.lines[0].spread(LOSS)
    assert first is not None
    assert (first.n, first.wild) == (4, 0)
    assert first.mean == pytest.approx(0.411)
    assert first.sd == pytest.approx(0.009309493362512627)
    assert shown(first) == "0.4110 ± 0.0093 (4)"
    assert table.best_of(LOSS) == {table.lines[0].key}
    assert [column.name for column in table.columns] == ["val_loss", "lr", "state", "took", "gpu-hours"]
    line = table.lines[0]
    assert line.cell(Column(Source.FACT, "state")) == "4 COMPLETED"
    assert line.cell(Column(Source.FACT, "gpu-hours")) == 2.0
    assert line.cell(Column(Source.FACT, "took")) == 60 * 6.5
    assert line.cell(Column(Source.PARAM, "optim.name")) == "… 2"


@pytest.mark.parametrize(
    ("name", "seed"),
    [
        ("seed", True),
        ("data.seed", True),
        ("valid_seed", True),
        ("random_seed", True),
        ("seeds", False),
        ("seedling", False),
    ],
)
def test_what_is_a_seed(name: str, seed: bool) -> None:
    assert is_seed(name) is seed


def test_a_deviation_of_thousands_is_written_out() -> None:
    assert shown(Spread(28177.0, 4412.3, 3)) == "28177 ± 4412 (3)"
    assert shown(Spread(1e9, 1.5e8, 3)) == "1e+09 ± 1.5e+08 (3)"


def test_values_that_are_not_finite_are_counted_beside_the_mean() -> None:
    assert spread([]) is None
    assert spread([1.0, math.nan, math.inf]) == Spread(1.0, None, 1, 2)
    nothing = spread([math.nan])
    assert nothing is not None
    assert (nothing.n, nothing.wild, math.isnan(nothing.mean)) == (0, 1, True)
    huge = spread([1e308, -1e308])
    assert huge is not None
    assert huge.sd == pytest.approx(math.sqrt(2) * 1e308)


def test_experiments_side_by_side_are_told_apart() -> None:
    found = compared(*(an_entry(n, {"lr": 1}, 0.1 + n, experiment=f"x-{n % 2}") for n in range(4)))
    assert next(column.key for column in usual(found)) == EXPERIMENT
    lines = arrange(found, View(by=without_seeds(found))).lines
    assert [len(line.members) for line in lines] == [2, 2]
    assert title_of(lines[0], (EXPERIMENT,)) == "x-0"


@pytest.mark.parametrize(
    ("t", "df", "p"),
    [
        (2, 10, 0.07338803477074037),
        (0.5, 1, 0.7048327646991335),
        (3.3, 5.5, 0.018648066420693665),
        (-4, 2.3, 0.045147990983981874),
        (12.7062, 1, 0.0500000185607104),
        (0.001, 30, 0.9992087357664851),
        (8, 40, 7.905084110104538e-10),
        (40, 3, 3.4380680789158506e-05),
        (1.5, 1e6, 0.1336147182367928),
    ],
)
def test_the_distribution_of_t_is_that_of_scipy(t: float, df: float, p: float) -> None:
    """`2 * scipy.stats.t.sf(abs(t), df)`, version 1.16."""
    assert two_sided(t, df) == pytest.approx(p, rel=1e-8)


@pytest.mark.parametrize(
    ("a", "b", "x", "value"),
    [
        (2, 3, 0.4, 0.5247999999999999),
        (0.5, 0.5, 0.01, 0.06376856085851985),
        (10, 1, 0.99, 0.9043820750088044),
        (50, 0.5, 0.999, 0.7523690199653766),
        (1000, 1000, 0.51, 0.8144473405684881),
    ],
)
def test_the_incomplete_beta_function_is_that_of_scipy(a: float, b: float, x: float, value: float) -> None:
    """`scipy.special.betainc(a, b, x)`."""
    assert incomplete_beta(a, b, x) == pytest.approx(value, rel=1e-9)


def test_welchs_test_is_that_of_scipy() -> None:
    """`scipy.stats.ttest_ind(…, equal_var=False)`."""
    one, other = spread([0.412, 0.405, 0.421, 0.398, 0.409]), spread([0.45, 0.431, 0.478, 0.44])
    assert one is not None
    assert other is not None
    found = welch(one, other)
    assert isinstance(found, Welch)
    assert found.t == pytest.approx(-3.747704143020411)
    assert found.df == pytest.approx(3.84105206885032)
    assert found.p == pytest.approx(0.021494535244353578)


@given(st.floats(0, 60), st.floats(0.5, 500))
@settings(max_examples=60)
def test_p_lies_between_0_and_1_and_falls_with_t(t: float, df: float) -> None:
    p = two_sided(t, df)
    assert -1e-12 <= p <= 1 + 1e-12
    assert two_sided(t + 0.5, df) <= p + 1e-12


def test_the_best_group_is_tested_against_the_next_with_what_is_to_be_kept_in_mind() -> None:
    found = verdict(arrange(a_sweep(), View(by=("lr",))))
    assert found is not None
    assert found.said() == (
        "lr=0.003 0.4110 ± 0.0093 (4) against lr=0.001 0.4510 ± 0.0093 (4): Welch t = -6.08, df 6, p = 0.0009 "
        "(× 2 comparisons: 0.0018); only 4 runs in a group: few differences can be told from chance; "
        "picked as the best of 3 by the same numbers, so p is too small"
    )
    assert found.as_json()["p_corrected"] == pytest.approx(2 * found.as_json()["p"])


def test_few_runs_are_warned_of_and_a_single_one_is_not_tested() -> None:
    two = compared(*(an_entry(n, {"lr": n % 2, "seed": n}, 0.1 * n + (n % 2)) for n in range(4)))
    found = verdict(arrange(two, View(by=("lr",))))
    assert found is not None
    assert found.warnings == ("only 2 runs in a group: their spread is a guess, and so is p",)
    single = compared(an_entry(0, {"lr": 1}, 0.1), an_entry(1, {"lr": 2}, 0.2))
    alone = verdict(arrange(single, View(by=("lr",))))
    assert alone is not None
    assert alone.said() == "lr=1 0.1 (1) against lr=2 0.2 (1): no test: one of them is a single run"
    same = compared(*(an_entry(n, {"lr": n % 2, "seed": n}, 0.5) for n in range(4)))
    equal = verdict(arrange(same, View(by=("lr",))))
    assert equal is not None
    assert equal.warnings == ("no test: the values do not differ",)
    assert verdict(arrange(a_sweep(), View())) is None
    assert verdict(arrange(compared(an_entry(0, {"lr": 1})), View(by=("lr",)))) is None
