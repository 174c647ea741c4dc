"""A text as a spec, and everything that can be wrong with it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from specs.load import errors, load, loads
from specs.model import Goal, Method, Metrics, Resources, SlurmOptions, Spec, SpecError

WHOLE = """\
name: char-rnn
command: |
  module list
  python train.py --lr {lr} --depth {model.depth} --opt {optim.name} --seed {seed}
setup: |
  module load cuda/12
env: {OMP_NUM_THREADS: 4, FLAG: true, WANDB_API_KEY: null}
params:
  optim: {name: adam, eps: 1e-8}
  data.name: wiki
sweep:
  lr: [0.001, 3e-3]
  model.depth: [2, 4]
  data.name: [wiki, books]
  seeds: 3
  zip: [[model.depth, data.name]]
  exclude: [{lr: 0.003, model: {depth: 4}}]
resources: {gpus: 1, gpu_memory: 8G, cpus: 4, memory: 16G, time: 8h, disk: 5G}
where: [triton, gpus]
slurm: {partition: gpu, account: 1234, sbatch: ["--constraint=a100", -v]}
metrics: {objective: val_acc, goal: maximize, total: {epochs: 50}}
"""
SMALL = "name: x\ncommand: run {lr}\nparams: {lr: 1}\n"


def complaint(text: str, *overrides: str) -> str:
    """The one line for a bad text."""
    with pytest.raises(SpecError) as caught:
        loads(text, Path("char.yaml"), overrides)
    assert str(caught.value) in [str(error) for error in errors(text, Path("char.yaml"), overrides)]
    return str(caught.value)


def changed(old: str, new: str) -> str:
    assert old in WHOLE
    return WHOLE.replace(old, new, 1)


def test_a_whole_spec_is_read(tmp_path: Path) -> None:
    source = tmp_path / "char.yaml"
    source.write_text(WHOLE)
    spec = load(source)
    assert (spec.name, spec.source, spec.text, spec.workdir) == ("char-rnn", source, WHOLE, tmp_path)
    assert spec.command.startswith("module list\npython")
    assert spec.setup == "module load cuda/12\n"
    assert spec.env == {"OMP_NUM_THREADS": "4", "FLAG": "true", "WANDB_API_KEY": None}
    assert spec.params == {"optim.name": "adam", "optim.eps": 1e-8, "data.name": "wiki"}
    assert spec.sweep.method is Method.GRID
    assert list(spec.sweep.axes.items()) == [
        ("lr", (0.001, 0.003)),
        ("model.depth", (2, 4)),
        ("data.name", ("wiki", "books")),
    ]
    assert spec.sweep.seeds == (1, 2, 3)
    assert spec.sweep.zip == (("model.depth", "data.name"),)
    assert spec.sweep.exclude == ({"lr": 0.003, "model.depth": 4},)
    assert spec.resources == Resources(1, 8 << 30, 4, 16 << 30, 28800, 5 << 30)
    assert spec.where == ("triton", "gpus")
    assert spec.slurm == SlurmOptions("gpu", "1234", None, ("--constraint=a100", "-v"))
    assert spec.metrics == Metrics("val_acc", Goal.MAXIMIZE, {"epochs": 50})


def test_the_least_spec_has_the_models_defaults() -> None:
    text = "name: x\ncommand: date"
    source = Path("folder/x.yaml")
    assert loads(text, source) == Spec("x", "date", source, text, Path("folder").resolve())


def test_workdir_is_relative_to_the_spec_file(tmp_path: Path) -> None:
    (tmp_path / "project").mkdir()
    assert loads(SMALL + "workdir: project", tmp_path / "x.yaml").workdir == tmp_path / "project"
    missing = complaint(SMALL + "workdir: nowhere")
    assert missing.startswith('char.yaml:4: "workdir" is no folder: ')


def test_a_list_of_points_is_a_sweep() -> None:
    spec = loads("name: x\ncommand: a {lr}\nsweep: {method: list, points: [{lr: 1}, {lr: 2, b: {c: 3}}]}", Path("x"))
    assert spec.sweep.method is Method.LIST
    assert spec.sweep.points == ({"lr": 1}, {"lr": 2, "b.c": 3})


def test_a_missing_file_and_a_folder_are_one_line(tmp_path: Path) -> None:
    for path, problem in [(tmp_path / "no.yaml", "no such file"), (tmp_path, "this is a folder, not a file")]:
        with pytest.raises(SpecError) as caught:
            load(path)
        assert str(caught.value) == f"{path}: {problem}"


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("command:", "comand:", '2: unknown key "comand" (did you mean "command"?)'),
        ("gpus: 1", "gpu: 1", '18: unknown key "resources.gpu" (did you mean "resources.gpus"?)'),
        ("name: char-rnn\n", "", '1: "name" is missing'),
        ("name: char-rnn", "name: ../x", '1: "name" must be letters, digits, . _ and -, at most 64, '),
        ("gpus: 1", "gpus: two", '18: "resources.gpus" must be a whole number, not "two"'),
        ("gpus: 1", "gpus: -1", '18: "resources.gpus" must be at least 0, not -1'),
        ("cpus: 4", "cpus: 0", '18: "resources.cpus" must be at least 1, not 0'),
        ("16G", "16", '18: "resources.memory" must be a size with its unit, as 8G or 500M, not 16'),
        ("16G", "0G", '18: "resources.memory" must be more than 0'),
        ("time: 8h", "time: 8:00", '18: "resources.time" must be a duration as 8h, 90m or 01:30:00, not "8:00"'),
        ("OMP_NUM_THREADS", "OMP-NUM", '7: "OMP-NUM" is no name for an environment variable'),
        ("FLAG: true", "FLAG: [1]", '7: "env.FLAG" must be a single value, not a list'),
        ("eps: 1e-8", "eps: [1, 2]", '9: "params.optim.eps" must be a single value; a list of values to try belongs'),
        ("data.name: wiki", "optim.name: sgd", '10: parameter "optim.name" is given twice'),
        ("data.name: wiki", "9x: 1", '10: "9x" is no name for a parameter'),
        ("[0.001, 3e-3]", "[]", '12: "sweep.lr" is an empty list; an axis needs at least one value'),
        ("[0.001, 3e-3]", "[1, 1]", '12: "sweep.lr[2]" is the same value as "sweep.lr[1]"'),
        ("[0.001, 3e-3]", "[1, [2]]", '12: "sweep.lr[2]" must be a single value, not a list'),
        ("lr: [0.001, 3e-3]", "lr: {min: 0, max: 1}", '12: "sweep.lr" as a range is not supported by this version'),
        (
            "seeds: 3",
            "seed: 3",
            '15: "sweep.seed" must be a list of values to try, not 3 (did you mean "sweep.seeds"?)',
        ),
        ("seeds: 3", "seeds: 0", '15: "sweep.seeds" must be at least 1, not 0'),
        ("seeds: 3", "seeds: [1, 1]", '15: "sweep.seeds[2]" is the same value as "sweep.seeds[1]"'),
        ("seeds: 3", "seeds: 99999999999999", '15: "sweep.seeds" must be at most 100,000, not 99999999999999'),
        ("seeds: 3", "seeds: 99999", "11: the sweep has 399,996 runs; at most 100,000 are allowed"),
        (
            "lr: [0.001, 3e-3]",
            "seed: [1, 2]",
            '15: "sweep.seeds" and a swept parameter "seed" are both given; keep one',
        ),
        (
            "[[model.depth, data.name]]",
            "[[model.deth, lr]]",
            '16: "sweep.zip[1][1]" is no axis of this sweep: "model.d',
        ),
        (
            "[wiki, books]",
            "[wiki]",
            '16: "sweep.zip[1]" zips axes of different lengths: model.depth has 2, data.name',
        ),
        ("[[model.depth, data.name]]", "[[lr, lr]]", '16: "sweep.zip[1][2]" is zipped twice: "lr"'),
        ("{lr: 0.003, model", "{lrr: 0.003, model", '17: no parameter is called "lrr" (did you mean "lr"?)'),
        (
            "{lr: 0.003, model: {depth: 4}}",
            "{optim.name: adam}",
            "11: the sweep leaves no run: everything is excluded",
        ),
        ("seeds: 3", "method: random", '15: "sweep.method" "random" is not supported by this version'),
        ("seeds: 3", "method: gird", '15: "sweep.method" must be grid or list, not "gird" (did you mean "grid"?)'),
        ("seeds: 3", "points: [{a: 1}]", '15: "sweep.points" needs "method: list"'),
        ("seeds: 3", "method: list", '12: "sweep.lr" does not go with method list, which has points'),
        ("goal: maximize", "goal: most", '21: "metrics.goal" must be minimize or maximize'),
        ("epochs: 50", "epochs: 0", '21: "metrics.total.epochs" must be more than 0'),
        ("[triton, gpus]", "[triton, a b]", '19: "where[2]" must be one word that does not begin with -, not "a b"'),
        ("partition: gpu", "partition: -x", '20: "slurm.partition" must be one word that does not begin with -'),
        ("-v]", "a100]", '20: "slurm.sbatch[2]" "a100" must be an option in one word, as "--constraint=a100"'),
        ("-v]", '"--gres gpu:1"]', '20: "slurm.sbatch[2]" "--gres gpu:1" must be one word, as "--constraint=a100"'),
        ("-v]", '"--qos=a\\nb"]', '20: "slurm.sbatch[2]" "--qos=a\\nb" holds a control character'),
        ("-v]", "--job-name=x]", '20: "slurm.sbatch[2]" "--job-name=x" sets --job-name, which is set for every job'),
        ("-v]", "--wra=x]", '20: "slurm.sbatch[2]" "--wra=x" sets --wrap, which is set for every job already'),
        ("-v]", "-vJx]", '20: "slurm.sbatch[2]" "-vJx" sets -J, which is set for every job already'),
        ("-v]", "--]", '20: "slurm.sbatch[2]" "--" must be an option in one word, as "--constraint=a100"'),
        ("--lr {lr}", "--lr {rl}", '4: "command": unknown parameter "rl"; for the text itself write {{rl}}'),
        ("--lr {lr}", "--lr `{lr}`", '4: "command": {lr} cannot stand within or behind back-ticks'),
        ("--lr {lr}", "--lr '{lr}", '4: "command": the quote \' is not closed'),
        ("where:", "inputs: []\nwhere:", '19: "inputs" is not supported by this version'),
        ("objective:", "sources: [stdout], objective:", '21: "metrics.sources" is not supported by this version'),
        ("slurm: {", "slurm: 3 #", '20: "slurm" must be a mapping of keys to values, not 3'),
        ("  lr: [0.001", "\tlr: [0.001", "12: a tab is used as indentation; YAML takes spaces only"),
    ],
)
def test_a_mistake_is_one_line_with_file_line_and_key(old: str, new: str, message: str) -> None:
    found = complaint(changed(old, new))
    assert "\n" not in found
    assert found.startswith(f"char.yaml:{message}")


@pytest.mark.parametrize("key", ["inputs", "outputs", "watch", "retry", "after", "priority"])
def test_keys_of_later_versions_are_never_ignored(key: str) -> None:
    assert complaint(f"{SMALL}{key}: 0") == f'char.yaml:4: "{key}" is not supported by this version'


def test_a_yaml_bomb_is_refused() -> None:
    lines = ["a: &a [x, x, x, x, x, x, x, x, x]"]
    lines += [f"{new}: &{new} [{', '.join([f'*{old}'] * 9)}]" for old, new in zip("abcdefg", "bcdefgh", strict=True)]
    assert complaint("\n".join(lines)) == "char.yaml:6: not valid YAML: aliases expand to too much"


def test_a_point_that_lacks_a_parameter_of_the_command_is_an_error() -> None:
    text = "name: x\ncommand: a {lr} {b}\nsweep:\n  method: list\n  points:\n  - {lr: 1, b: 2}\n  - {lr: 3}\n"
    assert complaint(text) == 'char.yaml:7: "sweep.points[2]" gives no "b", which the command uses'


def test_points_that_are_the_same_setting_are_an_error() -> None:
    text = "name: x\ncommand: a {lr}\nsweep:\n  method: list\n  points: [{lr: 1}, {lr: '1'}]\n"
    assert complaint(text) == 'char.yaml:5: "sweep.points[2]" is the same setting as "sweep.points[1]"'


def test_all_mistakes_are_listed_in_the_order_of_their_lines() -> None:
    text = "name: x y\nfoo: 1\ncommand: a {b}\nresources:\n  gpus: x\n  cpu: 1\nwatch: {}\n"
    found = [str(error).partition(":")[2] for error in errors(text, Path("f"))]
    assert [line.partition(":")[0] for line in found] == ["1", "2", "3", "5", "6", "7"]


def test_a_right_text_has_no_errors() -> None:
    assert errors(WHOLE, Path("f")) == ()


def test_an_override_fixes_a_parameter_and_ends_its_sweep() -> None:
    spec = loads(WHOLE, Path("f"), ["lr=0.1", "model.depth=8", "optim.name=sgd"])
    assert list(spec.sweep.axes) == ["data.name"]
    assert spec.sweep.zip == ()
    assert (spec.params["lr"], spec.params["model.depth"], spec.params["optim.name"]) == (0.1, 8, "sgd")


def test_an_override_of_the_seed_ends_the_seeds() -> None:
    spec = loads(WHOLE, Path("f"), ["seed=7"])
    assert (spec.sweep.seeds, spec.params["seed"]) == ((), 7)


def test_overrides_reach_into_sections_and_the_last_one_counts() -> None:
    words = ["resources.gpus=2", "resources.gpus=3", "sweep.seeds=1", "sweep.lr=[1, 2, 3]", "env.A=x"]
    words += ["params.lr2=null", "where=gpu1", "metrics.total.steps=5", "slurm.qos=high"]
    spec = loads(WHOLE, Path("f"), words)
    assert spec.env["A"] == "x"
    assert spec.resources.gpus == 3
    assert spec.sweep.seeds == (1,)
    assert spec.sweep.axes["lr"] == (1, 2, 3)
    assert spec.params["lr2"] is None
    assert spec.where == ("gpu1",)
    assert spec.metrics.total == {"epochs": 50, "steps": 5}
    assert spec.slurm.qos == "high"


def test_an_axis_may_be_overridden_with_one_value() -> None:
    assert loads(WHOLE, Path("f"), ["sweep.lr=0.5"]).sweep.axes["lr"] == (0.5,)


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("resource.gpus=2", 'unknown key "resource.gpus" (did you mean "resources.gpus"?)'),
        ("optim.nam=x", 'unknown key "optim.nam" (did you mean "optim.name"?)'),
        ("resources.gpus=two", '"resources.gpus" must be a whole number, not "two"'),
        ("lr", '"lr" is not key=value'),
        ("=3", '"=3" is not key=value'),
        ("lr=[1, 2]", '"lr" must be a single value, not a list'),
        ("lr={", "\"lr\": not valid YAML: expected the node content, but found '<stream end>'"),
        ("env.A-B=x", '"A-B" is no name for an environment variable'),
        (
            "name=a b",
            '"name" must be letters, digits, . _ and -, at most 64, beginning with a letter or digit, not "a b"',
        ),
    ],
)
def test_a_bad_override_is_an_error_of_the_command_line(word: str, message: str) -> None:
    assert complaint(WHOLE, word) == f"command line: {message}"


KEYS = st.sampled_from(
    [
        *("name", "command", "params", "sweep", "resources", "where", "slurm", "metrics", "env", "workdir", "setup"),
        *(
            "lr",
            "seeds",
            "zip",
            "points",
            "exclude",
            "method",
            "gpus",
            "sbatch",
            "total",
            "goal",
            "seed",
            "a.b",
            "inputs",
        ),
    ]
)
TREES = st.recursive(
    st.one_of(
        st.none(), st.booleans(), st.integers(-3, 3), st.floats(), st.sampled_from(["x", "{lr}", "list", "-J", "8G"])
    ),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(KEYS, inner, max_size=4)),
    max_leaves=12,
)
SPECS = st.fixed_dictionaries(
    {"name": st.just("x"), "command": st.sampled_from(["a {lr}", "a"])},
    optional=dict.fromkeys(("params", "sweep", "resources", "where", "slurm", "metrics", "env", "setup"), TREES),
)


def outcome(text: str, words: list[str]) -> Spec | str:
    try:
        return loads(text, Path("f"), words)
    except SpecError as error:
        return str(error)


@settings(deadline=None)
@given(st.one_of(st.text(), SPECS.map(json.dumps)), st.lists(st.text(), max_size=2))
def test_any_text_is_a_spec_or_an_error_of_one_printable_line(text: str, words: list[str]) -> None:
    found = outcome(text, words)
    assert isinstance(found, Spec) or found.isprintable()
