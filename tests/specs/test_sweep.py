"""Sweeps from their text to their runs, and what can be wrong with one."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from specs.combos import count
from specs.expand import expand
from specs.load import errors, loads
from specs.model import Between, Choice, Method, Normal, Scalar, Shape, Spec, SpecError

SOURCE = Path("x.yaml")


def spec_of(sweep: str, *words: str, params: str = "{}") -> Spec:
    return loads(f"name: x\ncommand: train {{args}}\nparams: {params}\nsweep: {sweep}\n", SOURCE, words)


def runs(sweep: str, *words: str, params: str = "{}") -> list[dict[str, Scalar]]:
    return [dict(run.params) for run in expand(spec_of(sweep, *words, params=params))]


def names(sweep: str, *words: str, params: str = "{}") -> list[str]:
    return [run.name for run in expand(spec_of(sweep, *words, params=params))]


def complaints(sweep: str, params: str = "{}") -> list[str]:
    """What is wrong with a sweep that begins in the eighth column of the fourth line."""
    text = f"name: x\ncommand: train {{args}}\nparams: {params}\nsweep: {sweep}\n"
    found = [str(error) for error in errors(text, SOURCE)]
    assert all(each.startswith("x.yaml:") and each.isprintable() for each in found)
    with pytest.raises(SpecError):
        loads(text, SOURCE)
    return [each.removeprefix("x.yaml:4:") for each in found]


def test_every_form_of_an_axis_is_read() -> None:
    sweep = spec_of(
        """
  a: {values: [1, x]}
  b: {linspace: [0, 1, 3]}
  c: {logspace: [1e-3, 0.1, 3]}
  d: {range: [0, 6, 2]}
  e: {range: [1, 3]}
  f: {min: 0, max: 1}
  g: {min: 1e-4, max: 1, distribution: log_uniform}
  h: {min: 8, max: 64, distribution: int}
  i: {min: 8, max: 64, distribution: log_int}
  j: {mean: 0, std: 0.1}
  k: {mean: 0, std: 0.1, distribution: normal}
  l: {choice: [a, b]}
  m: {choice: [a, b], weights: [1, 0.5]}
"""
    ).sweep
    assert sweep.axes == {
        "a": (1, "x"),
        "b": (0.0, 0.5, 1.0),
        "c": (0.001, 0.01, 0.1),
        "d": (0, 2, 4),
        "e": (1, 2),
    }
    assert sweep.drawn == {
        "f": Between(0, 1),
        "g": Between(1e-4, 1, Shape.LOG_UNIFORM),
        "h": Between(8, 64, Shape.INT),
        "i": Between(8, 64, Shape.LOG_INT),
        "j": Normal(0, 0.1),
        "k": Normal(0, 0.1),
        "l": Choice(("a", "b")),
        "m": Choice(("a", "b"), (1, 0.5)),
    }


def test_a_grid_with_a_drawn_parameter_draws_anew_for_each_combination() -> None:
    assert names("{opt: [sgd, adam], lr: {min: 0, max: 1}, samples: 2}") == [
        "opt=sgd-lr=0.949365",
        "opt=sgd-lr=0.717296",
        "opt=adam-lr=0.500785",
        "opt=adam-lr=0.858687",
    ]


def test_every_seed_of_a_setting_has_the_same_draws() -> None:
    found = runs("{method: random, lr: {min: 0, max: 1}, samples: 2, seeds: 2}")
    assert found == [{"lr": lr, "seed": seed} for lr in (0.50506, 0.84854) for seed in (1, 2)]


def test_in_a_random_sweep_a_list_is_a_choice_and_a_zipped_group_one() -> None:
    found = runs("{method: random, a: [1, 2, 3], b: [x, y, z], c: [0, 1], zip: [[a, b]], samples: 6}")
    assert [tuple(run.values()) for run in found] == [
        *((3, "z", 0), (2, "y", 1), (3, "z", 1), (2, "y", 0), (1, "x", 1), (1, "x", 0)),
    ]


def test_where_there_are_fewer_settings_than_samples_all_of_them_are_run_once() -> None:
    assert sorted(names("{method: random, a: [1, 2, 3], samples: 50}")) == ["a=1", "a=2", "a=3"]


def test_excluded_samples_are_replaced_by_others() -> None:
    found = runs("{method: random, a: {min: 1, max: 9, distribution: int}, exclude: [{a: 5}, {a: 6}], samples: 7}")
    assert sorted(run["a"] for run in found if isinstance(run["a"], int)) == [1, 2, 3, 4, 7, 8, 9]


@settings(deadline=None, max_examples=30)
@given(st.integers(1, 30), st.integers(0, 30), st.integers(0, 5), st.sampled_from(["random", "grid"]))
def test_more_samples_keep_the_earlier_ones(few: int, more: int, seed: int, method: str) -> None:
    sweep = f"{{method: {method}, a: [1, 2], b: {{min: 0, max: 1}}, random_seed: {seed}, samples: %d}}"
    first, then = runs(sweep % few), runs(sweep % (few + more))
    assert [run for run in then if run in first] == first
    assert len(then) == (few + more) * (2 if method == "grid" else 1)


def test_another_random_seed_draws_others() -> None:
    sweep = "{method: random, a: {min: 0, max: 1}, samples: 3, random_seed: %d}"
    assert not {run["a"] for run in runs(sweep % 1)} & {run["a"] for run in runs(sweep % 2)}


def test_a_further_axis_value_leaves_the_draws_of_the_others_alone() -> None:
    sweep = "{opt: [%s], lr: {min: 0, max: 1}}"
    assert runs(sweep % "sgd, adam") == [run for run in runs(sweep % "lion, sgd, adam") if run["opt"] != "lion"]


def test_shuffled_runs_are_the_same_in_another_order_that_stays() -> None:
    sweep = "{a: {range: [0, 20]}, seeds: 2, shuffle: %s, random_seed: %d}"
    plain, shuffled, again = runs(sweep % ("no", 1)), runs(sweep % ("yes", 1)), runs(sweep % ("on", 2))
    key = sorted(plain, key=repr)
    assert key == sorted(shuffled, key=repr) == sorted(again, key=repr)
    assert plain != shuffled != again != plain
    assert [run.index for run in expand(spec_of(sweep % ("yes", 1)))] == list(range(40))


def test_a_conditional_axis_is_there_only_where_its_condition_holds() -> None:
    assert names("{optim.name: [sgd, adam], momentum: {values: [0.9, 0.99], when: {optim: {name: sgd}}}}") == [
        *("name=sgd-momentum=0.9", "name=sgd-momentum=0.99", "name=adam"),
    ]


def test_where_the_condition_does_not_hold_a_fixed_value_stays() -> None:
    assert runs("{opt: [sgd, adam], m: {values: [0.9], when: {opt: [sgd, lion]}}}", params="{m: 0, opt2: 1}") == [
        {"m": 0.9, "opt2": 1, "opt": "sgd"},
        {"m": 0, "opt2": 1, "opt": "adam"},
    ]


def test_conditions_may_hang_on_conditions_in_any_order() -> None:
    sweep = "{n: {values: [1, 2], when: {m: 0.9}}, m: {values: [0.9, 0.99], when: {opt: sgd}}, opt: [sgd, adam]}"
    assert names(sweep) == ["opt=sgd-m=0.9-n=1", "opt=sgd-m=0.9-n=2", "opt=sgd-m=0.99", "opt=adam"]
    assert count(spec_of(sweep).sweep) == 4


def test_a_drawn_parameter_may_have_a_condition_and_be_one() -> None:
    found = runs(
        "{method: random, opt: {choice: [sgd, adam]}, m: {min: 0, max: 1, when: {opt: sgd}}, samples: 40, seeds: 1}"
    )
    assert {run["opt"]: "m" in run for run in found} == {"sgd": True, "adam": False}
    assert sum(run["opt"] == "adam" for run in found) == 1


def test_equal_settings_that_conditions_leave_are_one_run() -> None:
    assert len(runs("{opt: [sgd, adam], m: {min: 0, max: 1, when: {opt: sgd}}, samples: 3}")) == 4


def test_a_condition_on_a_fixed_parameter_follows_the_command_line() -> None:
    sweep = "{m: {values: [1, 2], when: {opt: sgd}}, opt: [sgd, adam]}"
    assert names(sweep, "opt=adam") == ["run"]
    assert names(sweep, "opt=sgd") == ["m=1", "m=2"]
    assert names(sweep, "m=7") == ["opt=sgd", "opt=adam"]


def test_far_too_many_conditional_runs_are_counted_without_making_them() -> None:
    axes = ", ".join(f"p{n}: {{values: [0, 1, 2, 3, 4], when: {{opt: a{n}}}}}" for n in range(9))
    few = f"{{opt: [{', '.join(f'a{n}' for n in range(10))}], {axes}}}"
    assert count(spec_of(few).sweep) == len(runs(few)) == 46
    many = few.replace("}}}", "}}, seeds: 1000000}").replace("1000000", "99999")
    assert complaints(many) == ["1: the sweep has 4,599,954 runs; at most 100,000 are allowed"]


@pytest.mark.parametrize(
    ("sweep", "message"),
    [
        ("{a: {}}", '12: "sweep.a" must say what to try: values, linspace, logspace, range, min and max, mean and'),
        ("{a: {when: {b: 1}}}", '12: "sweep.a" must say what to try'),
        ("{a: {valus: [1]}}", '13: unknown key "sweep.a.valus" (did you mean "sweep.a.values"?)'),
        ("{a: {min: 0, mean: 1}}", '21: "sweep.a.mean" does not go with "min"'),
        ("{a: {values: [1], weights: [1]}}", '26: "sweep.a.weights" does not go with "values"'),
        ("{a: {min: 0}}", '12: "sweep.a.max" is missing'),
        ("{a: {max: 0}}", '12: "sweep.a.min" is missing'),
        ("{a: {min: 1, max: 1}}", '26: "sweep.a.max" must be more than "min", which is 1; it is 1'),
        ("{a: {min: 0, max: .inf}}", '26: "sweep.a.max" must be a number, not .inf'),
        ("{a: {min: 0, max: 1, distribution: log_uniform}}", '18: "sweep.a.min" must be more than 0 for log_uniform'),
        ("{a: {min: 1.5, max: 4, distribution: int}}", '18: "sweep.a.min" must be a whole number, not 1.5'),
        (
            "{a: {min: 0, max: 1, distribution: loguniform}}",
            '43: "sweep.a.distribution" must be uniform, log_uniform, int, log_int or normal, not "loguniform" (did',
        ),
        ("{a: {min: 0, max: 1, distribution: normal}}", '43: "sweep.a.distribution" "normal" needs mean and std'),
        ("{a: {mean: 0, std: 1, distribution: int}}", '44: "sweep.a.distribution" "int" needs min and max'),
        ("{a: {mean: 0, std: 0}}", '27: "sweep.a.std" must be more than 0, not 0'),
        ("{a: {mean: 0}}", '12: "sweep.a.std" is missing'),
        ("{a: {choice: []}}", '21: "sweep.a.choice" is an empty list; an axis needs at least one value'),
        ("{a: {choice: [1, 1]}}", '25: "sweep.a.choice[2]" is the same value as "sweep.a.choice[1]"'),
        ("{a: {choice: [1, 2], weights: [1]}}", '38: "sweep.a.weights" are 1 for 2 values'),
        ("{a: {choice: [1, 2], weights: [0, 0]}}", '38: "sweep.a.weights" must not all be 0'),
        ("{a: {choice: [1, 2], weights: [1, -1]}}", '42: "sweep.a.weights[2]" must be at least 0, not -1'),
        ("{a: {linspace: [1, 2]}}", '23: "sweep.a.linspace" must be [first, last, how many], as linspace: [0.001'),
        ("{a: {linspace: [1, 2, 0]}}", '30: "sweep.a.linspace[3]" must be at least 1, not 0'),
        ("{a: {linspace: [1, 2, 1000000]}}", '30: "sweep.a.linspace[3]" must be at most 100,000, not 1000000'),
        ("{a: {linspace: [1, 1, 3]}}", '23: "sweep.a.linspace" gives the same value more than once'),
        ("{a: {logspace: [0, 1, 3]}}", '24: "sweep.a.logspace[1]" must be more than 0, not 0'),
        ("{a: {range: [1]}}", '20: "sweep.a.range" must be [start, stop, step] as in Python, where stop is not'),
        ("{a: {range: [1, 5, 0]}}", '27: "sweep.a.range[3]" must not be 0'),
        ("{a: {range: [5, 1]}}", '20: "sweep.a.range" is an empty range: stop is not behind start'),
        ("{a: {range: [0, 1e9]}}", '20: "sweep.a.range" has 1,000,000,000 values; at most 100,000 are allowed'),
        ("{a: {range: [0, x]}}", '24: "sweep.a.range[2]" must be a number, not "x"'),
        ("{a: {values: [1], when: {}}}", '32: "sweep.a.when" is empty; it names what must hold, as "when: {optim.n'),
        ("{a: {values: [1], when: sgd}}", '32: "sweep.a.when" must be a mapping of keys to values, not "sgd"'),
        ("{a: {values: [1], when: {b: []}}}", '36: "sweep.a.when.b" is an empty list'),
        ("{a: {values: [1], when: {op: x}}, opt: [x]}", '37: no parameter is called "op" (did you mean "opt"?)'),
        ("{a: {values: [1], when: {opt: sdg}}, opt: [sgd]}", '38: "opt" is never "sdg" (did you mean "sgd"?)'),
        ("{a: {values: [1], when: {a: 1}}}", '12: "sweep.a" depends on itself by its "when"'),
        (
            "{a: {values: [1], when: {b: 1}}, b: {values: [1], when: {a: 1}}}",
            '12: "sweep.a" depends on itself by its "when"',
        ),
        (
            "{a: {values: [1], when: {seed: 1}}, seeds: 2}",
            '39: "seed" changes within every setting; a condition cannot look at it',
        ),
        (
            "{a: {values: [1], when: {b: 1}}, b: {min: 0, max: 1}}",
            '36: "b" is drawn by lot, after the listed values of "a" are set',
        ),
        (
            "{a: [1, 2], b: {min: 0, max: 1}, zip: [[a, b]]}",
            '51: "sweep.zip[1][2]" is drawn by lot and cannot be zip',
        ),
        (
            "{a: [1, 2], b: {values: [1, 2], when: {c: 1}}, c: [1], zip: [[a, b]]}",
            '69: "sweep.zip[1]" zips axes with different "when"',
        ),
        ("{a: [1, 2], zip: [[a]]}", '26: "sweep.zip[1]" zips nothing: a group needs two axes or more'),
        ("{a: [1, 2], zip: [a, b]}", '26: "sweep.zip[1]" must be a list, not "a"'),
        ("{a: [1], exclude: [{}]}", '27: "sweep.exclude[1]" is empty, which would exclude every run'),
        ("{method: grid}", '17: "sweep.method" grid needs a parameter to try, as lr: [0.1, 0.2]'),
        ("{method: random, samples: 3}", '17: "sweep.method" random needs a parameter to try, as lr: [0.1, 0.2]'),
        (
            "{method: random, a: [1]}",
            '17: "sweep.method" random needs "sweep.samples", the number of settings to try',
        ),
        (
            "{method: list, points: []}",
            '17: "sweep.method" list needs "sweep.points", as points: [{lr: 0.1}, {lr: 0.2',
        ),
        (
            "{method: list, points: [{a: 1}], samples: 2}",
            '41: "sweep.samples" does not go with method list, which has',
        ),
        ("{a: [1], samples: 2}", '26: "sweep.samples" needs "method: random", or a parameter that is drawn by lot'),
        ("{a: {min: 0, max: 1}, samples: 0}", '39: "sweep.samples" must be at least 1, not 0'),
        ("{a: {min: 0, max: 1}, samples: 10000000}", '39: "sweep.samples" must be at most 100,000, not 10000000'),
        (
            "{shuffle: [true, false]}",
            '18: "sweep.shuffle" is a word of the sweep itself; name the parameter otherwise',
        ),
        ("{a: [1], shuffle: maybe}", '26: "sweep.shuffle" must be true or false, not "maybe"'),
        ("{a: [1], random_seed: x}", '30: "sweep.random_seed" must be a whole number, not "x"'),
    ],
)
def test_a_mistake_is_told_at_its_column(sweep: str, message: str) -> None:
    assert [each for each in complaints(sweep) if each.startswith(message)], complaints(sweep)


def test_all_mistakes_of_a_sweep_are_told_at_once() -> None:
    found = complaints("{method: gird, a: [], b: {min: 1}, seeds: 0, zip: [[c, d]], exclude: [3], at_most: x}")
    assert [each.partition(":")[0] for each in found] == ["17", "26", "33", "50", "60", "63", "78", "91"]


def test_a_sweep_of_ten_million_runs_is_refused_with_its_count() -> None:
    sweep = "{a: {range: [0, 1000]}, b: {range: [0, 1000]}, c: {range: [0, 10]}}"
    assert complaints(sweep) == ["1: the sweep has 10,000,000 runs; at most 100,000 are allowed"]
    assert complaints("{method: random, a: [1, 2], samples: 100000, seeds: 100}") == [
        "1: the sweep has 10,000,000 runs; at most 100,000 are allowed"
    ]


def test_an_override_may_change_a_part_of_the_sweep() -> None:
    sweep = "{method: random, lr: {min: 0, max: 1}, samples: 2}"
    assert len(runs(sweep, "sweep.samples=5")) == 5
    assert names(sweep, "sweep.method=grid", "sweep.samples=null", "sweep.lr={linspace: [0, 1, 3]}") == [
        *("lr=0.0", "lr=0.5", "lr=1.0"),
    ]


def test_a_sweep_that_the_command_line_fixes_is_one_run() -> None:
    spec = spec_of("{method: random, lr: {min: 0, max: 1}, samples: 9}", "lr=0.5")
    assert spec.sweep.method is Method.RANDOM
    assert [run.params for run in expand(spec)] == [{"lr": 0.5}]


AXIS = st.one_of(
    st.lists(st.integers(0, 3), min_size=1, max_size=3, unique=True).map(str),
    st.just("{min: 0, max: 1}"),
    st.just("{choice: [1, 2], weights: [1, 2]}"),
    st.just("{values: [7, 8], when: {a: [1, 2]}}"),
    st.just("{mean: 0, std: 1, when: {a: 1}}"),
)


@settings(deadline=None, max_examples=60)
@given(
    st.dictionaries(st.sampled_from("bcd"), AXIS, max_size=3),
    st.sampled_from(["", "method: random, samples: 7", "samples: 2, b: {min: 2, max: 4}"]),
    st.integers(1, 3),
    st.booleans(),
)
def test_any_sweep_has_at_most_the_runs_that_are_counted_all_different_and_always_the_same(
    axes: dict[str, str], words: str, seeds: int, shuffle: bool
) -> None:
    if "b:" in words:
        axes.pop("b", None)
    drawn = any("m" in axis for axis in axes.values())
    parts = [words, "a: [1, 2, 3]", f"seeds: {seeds}, shuffle: {str(shuffle).lower()}"]
    sweep = f"{{{', '.join([*filter(None, parts), *(f'{name}: {axis}' for name, axis in axes.items())])}}}"
    spec = spec_of(sweep)
    found = expand(spec)
    assert len({run.name for run in found}) == len(found) <= count(spec.sweep)
    assert len({tuple(sorted((key, str(value)) for key, value in run.params.items())) for run in found}) == len(found)
    assert found == expand(spec_of(sweep))
    if not drawn and "method" not in words and "samples" not in words:
        assert len(found) == count(spec.sweep)


def test_samples_by_lot_are_as_many_as_asked_for_where_there_are_so_many() -> None:
    sweep = "{method: random, a: {range: [0, 20]}, b: {choice: [x, y, z], weights: [1000, 1, 0]}, samples: %d"
    few, most = runs(sweep % 25 + "}"), runs(sweep % 60 + "}")
    assert most[:25] == few
    assert {(run["a"], run["b"]) for run in most} == {(a, b) for a in range(20) for b in "xy"}
    assert len(runs(sweep % 10 + ", exclude: [{b: x}]}")) == 10


def test_what_draws_do_not_hit_is_found_for_each_combination() -> None:
    sweep = "{a: [1, 2], b: {min: 1, max: 3, distribution: int}, c: {choice: [0, 1], weights: [1, 9999]}, samples: 6}"
    assert len(runs(sweep)) == len({tuple(run.values()) for run in runs(sweep)}) == 12


WANTED = st.sampled_from(["1", "1.0", "'1'", "2", "true", "[1, 'true']", "[2, '1.0']"])


@settings(deadline=None, max_examples=50)
@given(st.lists(WANTED, min_size=2, max_size=4))
def test_conditional_runs_are_as_many_as_counted(wanted: list[str]) -> None:
    axes = [f"b{n}: {{values: [1, 2], when: {{{'ab'[n % 2]}: {value}}}}}" for n, value in enumerate(wanted)]
    sweep = f"{{a: [1, '1.0', 2, true, 3, 4], b: [2.0, 1.0, x, '1', 'true'], {', '.join(axes)}}}"
    assert count(spec_of(sweep).sweep) == len(runs(sweep))


@pytest.mark.parametrize(
    ("sweep", "found"),
    [
        ("{a: {range: [0, 3000]}, b: {range: [0, 3000]}, c: {values: [1, 2], when: {a: 1, b: 1}}}", "9,000,001"),
        (f"{{{', '.join(f'{name}: {{linspace: [0, 1, 100000]}}' for name in 'abcd')}}}", f"{10**20:,}"),
    ],
)
def test_a_sweep_of_long_axes_is_refused_at_once(sweep: str, found: str) -> None:
    began = time.process_time()
    assert complaints(sweep) == [f"1: the sweep has {found} runs; at most 100,000 are allowed"]
    assert time.process_time() - began < 2


def test_a_sweep_of_many_long_axes_is_refused_before_all_are_made() -> None:
    axes = ", ".join(f"a{n}: {{range: [0, 100000]}}" for n in range(900))
    began = time.process_time()
    assert complaints(f"{{method: random, samples: 3, {axes}}}") == [
        "297: with this axis the sweep has 1,100,000 values; at most 1,000,000 are allowed"
    ]
    assert time.process_time() - began < 5


def test_a_sweep_of_more_runs_than_python_writes_digits_of_is_refused() -> None:
    axes = ", ".join(f"a{n}: {{range: [0, 100]}}" for n in range(2200))
    assert complaints(f"{{{axes}}}") == ["1: the sweep has about 10^4400 runs; at most 100,000 are allowed"]
    assert complaints("{a: {range: [0, 1e300]}}") == [
        '20: "sweep.a.range" has about 10^300 values; at most 100,000 are allowed'
    ]
