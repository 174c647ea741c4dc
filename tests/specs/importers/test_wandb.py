"""W&B sweeps as specs."""

from __future__ import annotations

import json
import math
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from specs.expand import expand
from specs.importers.convert import turn
from specs.load import loads
from specs.model import Goal, Method, SpecError
from tests.specs.importers.outcome import keeps_its_promise

if TYPE_CHECKING:
    from specs.importers.imported import Imported
    from specs.model import Setting, Spec

HERE = Path("/tmp")
SWEEP = """\
program: train.py
method: bayes
name: My sweep
description: lr and width
project: nets
metric: {name: val_loss, goal: minimize}
run_cap: 12
parameters:
  lr: {distribution: log_uniform_values, min: 1e-5, max: 1e-1}
  batch: {values: [16, 32]}
  opt: {values: [adam, sgd], probabilities: [0.3, 0.7]}
  epochs: {value: 50}
early_terminate: {type: hyperband}
"""


def imported(text: str, name: str = "sweep.yaml") -> Imported:
    return turn(text.encode(), HERE / name, HERE)


def spec(text: str) -> Spec:
    return loads(imported(text).text, HERE / "spec.yaml")


def runs(text: str) -> tuple[Setting, ...]:
    return expand(spec(text))


def sweep(parameters: str, method: str = "random", more: str = "") -> str:
    return f"program: train.py\nmethod: {method}\nparameters:\n  {parameters}\n{more}"


def test_a_sweep_becomes_a_spec_that_a_person_could_have_written() -> None:
    found = imported(SWEEP)
    assert (
        found.text
        == """\
# The W&B sweep sweep.yaml.
# lr and width

name: My-sweep
command: python train.py {args}
workdir: .  # where `wandb sweep` was called; the project folder
env: {WANDB_PROJECT: nets}

params: {epochs: 50}
sweep:
  method: random
  samples: 12  # run_cap
  lr: {min: 1e-05, max: 0.1, distribution: log_uniform}
  batch: [16, 32]
  opt: {choice: [adam, sgd], weights: [0.3, 0.7]}

metrics: {objective: val_loss, goal: minimize}
"""
    )
    assert found.notes == (
        'line 2: "method" is bayes, drawn at random here: "parameters.opt" has weights',
        'line 13: "early_terminate" is left out: it counts what is logged; "sweep.asha" pauses runs by epoch or step',
    )
    assert found.runs == 12


def test_a_bayes_sweep_is_asked_for_one_run_after_the_other() -> None:
    found = imported(SWEEP.replace(", probabilities: [0.3, 0.7]", ""))
    assert loads(found.text, HERE / "spec.yaml").sweep.method is Method.TPE
    assert found.runs == 12
    assert found.notes[0].startswith('line 2: "method" is bayes, for which tpe asks for each run by what came of')


@pytest.mark.parametrize(
    ("parameters", "more", "why"),
    [
        ("x: {values: [1, 2]}", "", "no metric is named to learn from"),
        ("x: {mu: 0, sigma: 1}", "metric: {name: loss}", '"parameters.x" has no bounds'),
        ("x: {values: [1, 2]}", "metric: {name: loss}\nrun_cap: 20000", "at most 10,000 trials are asked for"),
    ],
)
def test_a_bayes_sweep_of_which_nothing_can_be_learned_is_drawn_at_random(
    parameters: str, more: str, why: str
) -> None:
    found = imported(sweep(parameters, "bayes", more))
    assert loads(found.text, HERE / "spec.yaml").sweep.method is Method.RANDOM
    assert f'line 2: "method" is bayes, drawn at random here: {why}' in found.notes


def test_a_grid_is_the_same_grid() -> None:
    text = sweep(
        "{a: {values: [1, 2]}, b: {min: 1, max: 3}, c: {value: x}}", "grid", "metric: {name: f1, goal: maximize}"
    )
    found = spec(text)
    assert (found.sweep.method, found.metrics.goal) == (Method.GRID, Goal.MAXIMIZE)
    assert [(run.params["a"], run.params["b"]) for run in expand(found)] == [
        (a, b) for a in (1, 2) for b in (1, 2, 3)
    ]


def test_the_program_gets_the_words_that_wandb_would_give() -> None:
    [run] = runs(sweep("{a: {value: true}, b: {value: null}, c: {value: [8, x]}, d: {value: 0.1}}", "grid"))
    assert shlex.split(run.command) == ["python", "train.py", "--a=True", "--b=None", "--c=[8, 'x']", "--d=0.1"]


@pytest.mark.parametrize(
    ("words", "command"),
    [
        ('["${env}", "${interpreter}", "${program}", "${args}"]', "python train.py --lr=0.1"),
        (
            '["${env}", python3, -u, "${program}", "--tag=a b", "${args_no_hyphens}"]',
            "python3 -u train.py '--tag=a b' lr=0.1",
        ),
        ('[bash, "run {x}.sh", "${envvar:HOME}", "--f=${program}"]', "bash 'run {x}.sh' \"${HOME}\" --f=train.py"),
        ('["${program}", "${args_json_file}"]', 'train.py "$TRAINBOARD_ATTEMPT"/params.json'),
        ('["${program}", "${args_json}"]', 'train.py "$(cat "$TRAINBOARD_ATTEMPT"/params.json)"'),
    ],
)
def test_the_command_is_filled_as_wandb_fills_it(words: str, command: str) -> None:
    [run] = runs(sweep("lr: {value: 0.1}", more=f"command: {words}"))
    assert run.command == command


def test_a_program_that_reads_json_gets_typed_values() -> None:
    [run] = runs(sweep("{a: {value: true}, b: {value: null}}", more='command: ["${program}", "${args_json_file}"]'))
    assert json.loads(run.files["params.json"]) == {"a": True, "b": None}


@pytest.mark.parametrize(
    ("parameter", "low", "high"),
    [
        ("min: 0.0, max: 0.5", 0, 0.5),
        ("min: 1, max: 4", 1, 4),
        ("distribution: log_uniform, min: -5, max: -1", math.exp(-5), math.exp(-1)),
        ("distribution: inv_log_uniform, min: 1, max: 5", math.exp(-5), math.exp(-1)),
        ("distribution: inv_log_uniform_values, min: 0.1, max: 5", 0.1, 5),
        ("distribution: q_log_uniform_values, q: 1, min: 2, max: 64", 2, 64),
        ("distribution: q_uniform, q: 0.25, min: 0, max: 1", 0, 1),
        ("distribution: q_uniform, q: 16, min: 16, max: 64", 16, 64),
        ("distribution: normal, mu: 5, sigma: 0.1", 4, 6),
        ("distribution: log_normal, mu: 0, sigma: 1", math.exp(-2), math.exp(2)),
        ("distribution: beta, a: 2, b: 3", 0, 1),
    ],
)
def test_every_distribution_draws_from_where_wandb_does(parameter: str, low: float, high: float) -> None:
    values = [run.params["x"] for run in runs(sweep(f"x: {{{parameter}}}", more="run_cap: 30"))]
    assert len(set(values)) > 1
    for value in values:
        assert isinstance(value, int | float)
        assert low * (1 - 1e-5) <= value <= high * (1 + 1e-5)


def test_whole_numbers_and_multiples_stay_such() -> None:
    text = sweep(
        "{a: {min: 1, max: 9}, b: {distribution: q_uniform, min: 16, max: 64, q: 16},"
        " c: {distribution: q_log_uniform_values, min: 1, max: 99}}",
        more="run_cap: 30",
    )
    for run in runs(text):
        assert all(isinstance(value, int) for value in run.params.values())
        assert run.params["b"] in (16, 32, 48, 64)


@pytest.mark.parametrize(
    ("parameter", "drawn", "in_grid"),
    [
        ("min: 1, max: 10, q: 2", [2, 4, 6, 8, 10], [1, 3, 5, 7, 9]),
        ("min: 1, max: 10, q: 4", [0, 4, 8], [1, 5, 9]),
        ("min: 999999, max: 1000000.5, q: 0.5", [999999.0, 999999.5, 1e6, 1000000.5], [999999.0, 999999.5, 1e6]),
        ("min: 0, max: 0.3, q: 0.1", [0.0, 0.1, 0.2, 0.3], [0.0, 0.1, 0.2]),
        ("min: 0, max: 4, q: 2.0", [0.0, 2.0, 4.0], [0.0, 2.0]),
        ("min: 0, max: 2", [0, 1, 2], [0, 1]),
        ("min: 0.1, max: 0.3", [0], [0.1]),
        ("min: 3, max: 3, q: 2", [4], [3]),
    ],
)
def test_quantised_values_are_those_of_wandb(parameter: str, drawn: list[float], in_grid: list[float]) -> None:
    text = f"{{x: {{distribution: q_uniform, {parameter}}}, y: {{values: [1]}}}}"
    for method, more, wanted in (("random", "run_cap: 100", drawn), ("grid", "", in_grid)):
        values = sorted({run.params["x"] for run in runs(sweep(text, method, more))}, key=str)
        assert [(type(each), each) for each in values] == [(type(each), each) for each in sorted(wanted, key=str)]


def test_what_becomes_of_quantised_values_is_said() -> None:
    text = "{x: {distribution: q_uniform, min: 1, max: 10, q: 4}, y: {distribution: q_uniform, min: 3, max: 3, q: 2}}"
    assert imported(sweep(text, more="run_cap: 1")).notes == (
        'line 4: "parameters.x" is rounded to multiples of q, as W&B does: drawn from 0 to 8, '
        "these two as often as the others",
        'line 4: "parameters.y" is rounded to multiples of q, as W&B does: always 4',
    )


@pytest.mark.parametrize(
    ("parameter", "value"),
    [
        ("min: 3, max: 3", 3),
        ("min: 0.5, max: 0.5", 0.5),
        ("distribution: log_uniform, min: 0, max: 0", 1.0),
        ("distribution: inv_log_uniform, min: 0, max: 0", 1.0),
        ("distribution: q_log_uniform_values, min: 4.2, max: 4.2, q: 2", 4),
    ],
)
def test_a_parameter_whose_ends_are_the_same_is_fixed(parameter: str, value: float) -> None:
    found = spec(sweep(f"{{x: {{{parameter}}}, y: {{min: 0.0, max: 1.0}}}}", more="run_cap: 3"))
    assert found.params == {"x": value}
    assert type(found.params["x"]) is type(value)
    assert "x" not in found.sweep.axes


def test_a_sweep_without_an_end_is_given_one_and_it_is_said() -> None:
    found = imported(sweep("x: {min: 0.0, max: 1.0}"))
    assert found.runs == 20
    assert found.notes == ("no run_cap says how many runs: samples is 20, change it",)


def test_nested_parameters_have_dotted_names() -> None:
    text = sweep("optim: {parameters: {name: {values: [a, b]}, lr: {value: 0.1}}}", "grid")
    assert [dict(run.params) for run in runs(text)] == [
        {"optim.lr": 0.1, "optim.name": "a"}, {"optim.lr": 0.1, "optim.name": "b"}
    ]  # fmt: skip
    assert "--optim.NAME" in imported(text).notes[0]


def test_json_is_read_too() -> None:
    text = '{\n\t"program": "a.py",\n\t"method": "grid",\n\t"parameters": {"x": {"values": [1, 2]}}\n}'
    assert imported(text, "sweep.json").runs == 2


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("name: x\ncommand: y\n", 'is no W&B sweep: it has no "parameters"'),
        ("parameters: {a: {value: 1}}\n", '"program" is missing'),
        (sweep("x: {values: [1]}", "gird"), r'must be grid, random or bayes \(did you mean "grid"\?\)'),
        (sweep("x: {distribution: unifrom, min: 0, max: 1}"), 'did you mean "uniform"'),
        (sweep("x: {min: 0.0, max: 1.0}", "grid"), "a grid has no values of"),
        (sweep("samples: {values: [1, 2]}"), "is a key of a sweep"),
        (sweep("x: {max: 1}"), '"parameters.x.min" is missing'),
        (sweep("x: {distribution: log_uniform, min: 1, max: 1e9}"), "too large"),
        (sweep("x: {min: 3, max: 1}"), 'max" must be at least "min", which is 3, not 1'),
        (sweep("x: {distribution: q_uniform, min: 0, max: 1, q: 0}"), 'q" must be more than 0, not 0'),
        (
            sweep("x: {distribution: q_uniform, min: 0, max: 1.0e+308, q: 1.7e+308}"),
            "a multiple of q that is too large",
        ),
        (sweep("x: {distribution: log_uniform, min: -2000, max: -1000}"), "cannot be a spec as it is"),
        (sweep("x: 3"), "must be a mapping"),
        (sweep("x: {value: 1}", more='command: ["${python}"]'), "is not known"),
    ],
)
def test_what_is_no_sweep_is_an_error(text: str, said: str) -> None:
    with pytest.raises(SpecError, match=said):
        imported(text)


VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-5, 5),
    st.floats(),
    st.sampled_from(["a", "${x}", "{a}", "", "normal", "1"]),
)
KINDS = [
    "uniform",
    "int_uniform",
    "q_uniform",
    "log_uniform",
    "q_log_uniform_values",
    "normal",
    "q_beta",
    "log_normal",
]
GOOD = st.one_of(
    st.fixed_dictionaries({"value": VALUES}),
    st.fixed_dictionaries({"values": st.lists(VALUES, min_size=1, max_size=3)}),
    st.fixed_dictionaries({"min": st.integers(1, 3), "max": st.integers(4, 6)}),
    st.fixed_dictionaries({"distribution": st.sampled_from(KINDS), "min": st.just(1), "max": st.integers(2, 9)}),
)
KEYS = ("min", "max", "q", "mu", "sigma", "value", "values", "probabilities", "distribution", "parameters")
ODD = st.dictionaries(
    st.sampled_from(KEYS), VALUES | st.lists(VALUES, max_size=3) | st.sampled_from([*KINDS, "constant"]), max_size=4
)
NAMES = st.sampled_from(["lr", "a.b", "seeds", "no", "args"])
WORDS = st.sampled_from(["${args}", "${program}", "x y", "${args_json}", "{a}", "'", "${b}"])
SWEEPS = st.fixed_dictionaries(
    {
        "program": st.sampled_from(["a.py", "b c", 1]),
        "parameters": st.dictionaries(NAMES, GOOD | GOOD | GOOD | ODD | VALUES, max_size=3),
    },
    optional={
        "method": st.sampled_from(["grid", "random", "bayes"]),
        "command": st.lists(WORDS),
        "metric": st.dictionaries(st.sampled_from(["name", "goal", "x"]), VALUES | st.just("maximize")),
        "run_cap": st.integers(1, 5) | VALUES,
        "name": VALUES,
        "project": VALUES,
        "description": VALUES,
    },
)


@settings(max_examples=150)
@given(SWEEPS)
def test_any_sweep_is_a_right_spec_or_one_error(content: dict[str, object]) -> None:
    keeps_its_promise(yaml.safe_dump(content).encode(), "x.yaml")


@settings(max_examples=50)
@given(st.text(max_size=40))
def test_any_text_is_a_right_spec_or_one_error(text: str) -> None:
    for name in ("x.yaml", "x.json", "x.sh"):
        keeps_its_promise(text.encode(errors="replace"), name)
