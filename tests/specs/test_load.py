"""A text as a spec, and everything that can be wrong with it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from specs.load import errors, load, loads
from specs.model import Goal, Method, Metrics, Outputs, Resources, Retry, SlurmOptions, Spec, SpecError

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
  at_most: 4
  zip: [[model.depth, data.name]]
  exclude: [{lr: 0.003, model: {depth: 4}}]
resources: {gpus: 1, gpu_memory: 8G, cpus: 4, memory: 16G, time: 8h, disk: 5G}
where: [triton, gpus]
slurm: {partition: gpu, account: 1234, sbatch: ["--constraint=a100", -v]}
metrics: {objective: val_acc, goal: maximize, total: {epochs: 50}}
outputs: {checkpoint: "ckpt/{run}/{data.name}/*.pt", keep: 2, log_limit: 100M}
retry: {on: [preempted, Timeout, OUT_OF_MEMORY], max: 5, wait: 1m, resume: "--resume={checkpoint}", memory: x1.5}
after: [preprocess, tokens-3]
priority: -20
"""
PATTERN = '"ckpt/{run}/{data.name}/*.pt"'
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
    assert spec.outputs == Outputs("ckpt/{run}/{data.name}/*.pt", 2, 100 << 20)
    assert spec.retry == Retry(("PREEMPTED", "TIMEOUT", "OUT_OF_MEMORY"), 5, 60, "--resume={checkpoint}", 1.5)
    assert (spec.after, spec.priority, spec.sweep.at_most) == (("preprocess", "tokens-3"), -20, 4)
    assert spec.overrides == ()


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
        ("gpus: 1", "gpu: 1", '19: unknown key "resources.gpu" (did you mean "resources.gpus"?)'),
        ("name: char-rnn\n", "", '1: "name" is missing'),
        ("name: char-rnn", "name: ../x", '1: "name" must be letters, digits, . _ and -, at most 64, '),
        ("gpus: 1", "gpus: two", '19: "resources.gpus" must be a whole number, not "two"'),
        ("gpus: 1", "gpus: -1", '19: "resources.gpus" must be at least 0, not -1'),
        ("cpus: 4", "cpus: 0", '19: "resources.cpus" must be at least 1, not 0'),
        ("16G", "16", '19: "resources.memory" must be a size with its unit, as 8G or 500M, not 16'),
        ("16G", "0G", '19: "resources.memory" must be more than 0'),
        ("time: 8h", "time: 8:00", '19: "resources.time" must be a duration as 8h, 90m or 01:30:00, not "8:00"'),
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
            '17: "sweep.zip[1][1]" is no axis of this sweep: "model.d',
        ),
        (
            "[wiki, books]",
            "[wiki]",
            '17: "sweep.zip[1]" zips axes of different lengths: model.depth has 2, data.name',
        ),
        ("[[model.depth, data.name]]", "[[lr, lr]]", '17: "sweep.zip[1][2]" is zipped twice: "lr"'),
        ("{lr: 0.003, model", "{lrr: 0.003, model", '18: no parameter is called "lrr" (did you mean "lr"?)'),
        (
            "{lr: 0.003, model: {depth: 4}}",
            "{optim.name: adam}",
            "11: the sweep leaves no run: everything is excluded",
        ),
        ("seeds: 3", "method: random", '15: "sweep.method" "random" is not supported by this version'),
        ("seeds: 3", "method: gird", '15: "sweep.method" must be grid or list, not "gird" (did you mean "grid"?)'),
        ("seeds: 3", "points: [{a: 1}]", '15: "sweep.points" needs "method: list"'),
        ("seeds: 3", "method: list", '12: "sweep.lr" does not go with method list, which has points'),
        ("goal: maximize", "goal: most", '22: "metrics.goal" must be minimize or maximize'),
        ("epochs: 50", "epochs: 0", '22: "metrics.total.epochs" must be more than 0'),
        ("[triton, gpus]", "[triton, a b]", '20: "where[2]" must be one word that does not begin with -, not "a b"'),
        ("partition: gpu", "partition: -x", '21: "slurm.partition" must be one word that does not begin with -'),
        ("-v]", "a100]", '21: "slurm.sbatch[2]" "a100" must be an option in one word, as "--constraint=a100"'),
        ("-v]", '"--gres gpu:1"]', '21: "slurm.sbatch[2]" "--gres gpu:1" must be one word, as "--constraint=a100"'),
        ("-v]", '"--qos=a\\nb"]', '21: "slurm.sbatch[2]" "--qos=a\\nb" holds a control character'),
        ("-v]", "--job-name=x]", '21: "slurm.sbatch[2]" "--job-name=x" sets --job-name, which is set for every job'),
        ("-v]", "--wra=x]", '21: "slurm.sbatch[2]" "--wra=x" sets --wrap, which is set for every job already'),
        ("-v]", "-vJx]", '21: "slurm.sbatch[2]" "-vJx" sets -J, which is set for every job already'),
        ("-v]", "--]", '21: "slurm.sbatch[2]" "--" must be an option in one word, as "--constraint=a100"'),
        ("--lr {lr}", "--lr {rl}", '4: "command": unknown parameter "rl"; for the text itself write {{rl}}'),
        ("--lr {lr}", "--lr `{lr}`", '4: "command": {lr} cannot stand within or behind back-ticks'),
        ("--lr {lr}", "--lr '{lr}", '4: "command": the quote \' is not closed'),
        ("where:", "inputs: []\nwhere:", '20: "inputs" is not supported by this version'),
        ("objective:", "sources: [stdout], objective:", '22: "metrics.sources" is not supported by this version'),
        ("at_most: 4", "at_most: 0", '16: "sweep.at_most" must be at least 1, not 0'),
        (
            "checkpoint: ",
            "checkpoints: ",
            '23: unknown key "outputs.checkpoints" (did you mean "outputs.checkpoint"?)',
        ),
        (PATTERN, '""', '23: "outputs.checkpoint" is empty'),
        (PATTERN, '"a\\nb"', '23: "outputs.checkpoint" holds a control character'),
        (
            PATTERN,
            "$HOME/*.pt",
            '23: "outputs.checkpoint" holds a variable of the shell, which is not filled in: write',
        ),
        (PATTERN, "~/ckpt", '23: "outputs.checkpoint" begins with ~, which is not filled in: write the whole path'),
        (
            PATTERN,
            "c/../../*",
            '23: "outputs.checkpoint" leads out of the project folder: "c/../../*"; write it without',
        ),
        (
            PATTERN,
            '"./**/*"',
            '23: "outputs.checkpoint" is "./**/*", which is everything there: name a folder or a part',
        ),
        (
            PATTERN,
            '"{a,b}.pt"',
            '23: "outputs.checkpoint" holds "{a,b}", which is no {parameter}; a pattern knows *, ',
        ),
        (PATTERN, '"{rnu}.pt"', '23: "outputs.checkpoint": unknown parameter "rnu" (did you mean "run"?)'),
        (PATTERN, '"{lrr}.pt"', '23: "outputs.checkpoint": unknown parameter "lrr" (did you mean "lr"?)'),
        (
            "[wiki, books]",
            "[wiki, ..]",
            '23: "outputs.checkpoint" with data.name=".." leads out of the project folder: "ckpt/x/../*.pt"',
        ),
        ("keep: 2", "keep: 0", '23: "outputs.keep" must be at least 1, not 0'),
        (
            f"checkpoint: {PATTERN}, ",
            "",
            '23: "outputs.keep" needs "outputs.checkpoint", the files of which so many stay',
        ),
        (
            "log_limit: 100M",
            "log_limit: 100",
            '23: "outputs.log_limit" must be a size with its unit, as 8G or 500M, not',
        ),
        ("log_limit: 100M", "log_limit: 10K", '23: "outputs.log_limit" must be at least 1M, not "10K"'),
        ("keep: 2", "collect: []", '23: "outputs.collect" is not supported by this version'),
        ("keep: 2", "predictions: p.csv", '23: "outputs.predictions" is not supported by this version'),
        ("outputs: {", "outputs: 3 #", '23: "outputs" must be a mapping of keys to values, not 3'),
        ("max: 5", "most: 5", '24: unknown key "retry.most"'),
        ("on: [preempted, Timeout, OUT_OF_MEMORY], ", "", '24: "retry.on" is missing'),
        (
            "Timeout",
            "TIMOUT",
            '24: "retry.on[2]" must be FAILED, TIMEOUT, OUT_OF_MEMORY, NODE_FAIL or PREEMPTED, not "TIMOUT" '
            '(did you mean "TIMEOUT"?)',
        ),
        (
            "Timeout",
            "lost",
            '24: "retry.on[2]" cannot be LOST: such a run may still be going, and would then run twice',
        ),
        ("Timeout", "[1]", '24: "retry.on[2]" must be text, not a list'),
        ("max: 5", "max: 0", '24: "retry.max" must be at least 1, not 0'),
        ("max: 5", "max: 101", '24: "retry.max" must be at most 100, not 101'),
        ("max: 5", "max: x", '24: "retry.max" must be a whole number, not "x"'),
        ("wait: 1m", "wait: soon", '24: "retry.wait" must be a duration as 30s or 5m, not "soon"'),
        ("wait: 1m", "wait: 2h", '24: "retry.wait" must be at most 1h, not "2h"'),
        ("={checkpoint}", "", '24: "retry.resume" must say where the path goes, as "--resume {checkpoint}"'),
        ("={checkpoint}", " {lr}", '24: "retry.resume" knows {checkpoint} only, not {lr}'),
        (
            "={checkpoint}",
            " `{checkpoint}`",
            '24: "retry.resume" {checkpoint} cannot stand within or behind back-ticks',
        ),
        ("--resume={checkpoint}", "'{checkpoint}", '24: "retry.resume" the quote \' is not closed'),
        ("--resume={checkpoint}", "a\\n{checkpoint}", '24: "retry.resume" must be one line of plain text'),
        (
            f"checkpoint: {PATTERN}, keep: 2",
            "checkpoint: null",
            '24: "retry.resume" needs "outputs.checkpoint", which says where checkpoints are',
        ),
        (
            "--seed {seed}",
            "--seed {seed} | tee log",
            '24: "retry.resume" cannot be added to the command, which ends with',
        ),
        ("x1.5", "2", '24: "retry.memory" must be a factor as x2 or x1.5, not 2'),
        ("x1.5", "x1", '24: "retry.memory" must be more than x1 and at most x16, not "x1"'),
        ("x1.5", "x16.5", '24: "retry.memory" must be more than x1 and at most x16, not "x16.5"'),
        ("Timeout, OUT_OF_MEMORY", "TIMEOUT", '24: "retry.memory" needs OUT_OF_MEMORY in "retry.on"'),
        ("memory: 16G, ", "", '24: "retry.memory" needs "resources.memory", of which it is a multiple'),
        ("tokens-3", "a b", '25: "after[2]" must be the name of an experiment, or its id as char-rnn-2, not "a b"'),
        (
            "tokens-3",
            "char-rnn",
            '25: "after[2]" is this experiment\'s own name; say which of them by its id, as "char-rnn-1"',
        ),
        ("[preprocess, tokens-3]", "{a: b}", '25: "after" must be text, not a mapping'),
        ("-20", "-1001", '26: "priority" must be between -1000 and 1000, not -1001'),
        ("-20", "1.5", '26: "priority" must be a whole number, not 1.5'),
        ("slurm: {", "slurm: 3 #", '21: "slurm" must be a mapping of keys to values, not 3'),
        ("  lr: [0.001", "\tlr: [0.001", "12: a tab is used as indentation; YAML takes spaces only"),
    ],
)
def test_a_mistake_is_one_line_with_file_line_and_key(old: str, new: str, message: str) -> None:
    found = complaint(changed(old, new))
    assert "\n" not in found
    assert found.startswith(f"char.yaml:{message}")


@pytest.mark.parametrize("key", ["inputs", "watch"])
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


def test_every_new_key_can_be_overridden_and_the_words_are_kept() -> None:
    words = [
        "outputs.checkpoint=c/{run}/*",
        "outputs.keep=1",
        "outputs.log_limit=2M",
        "retry.on=failed",
        "retry.max=1",
    ]
    words += ["retry.wait=0", "retry.resume=--from {checkpoint}", "retry.memory=null", "after=tokens", "priority=7"]
    words += ["sweep.at_most=1"]
    spec = loads(WHOLE, Path("f"), words)
    assert spec.outputs == Outputs("c/{run}/*", 1, 2 << 20)
    assert spec.retry == Retry(("FAILED",), 1, 0, "--from {checkpoint}")
    assert (spec.after, spec.priority, spec.sweep.at_most) == (("tokens",), 7, 1)
    assert spec.overrides == tuple(words)


def test_a_spec_without_the_new_keys_takes_them_from_the_command_line() -> None:
    assert loads(SMALL, Path("f"), ["retry.on=[TIMEOUT]"]).retry == Retry(("TIMEOUT",))
    assert complaint(SMALL, "retry.max=1") == 'char.yaml:1: "retry.on" is missing'


def test_retries_can_be_switched_off_for_one_submission() -> None:
    assert loads(WHOLE, Path("f"), ["retry=null"]).retry == Retry()
    assert loads(WHOLE, Path("f"), ["retry.on=[]", "retry.memory=null"]).retry.on == ()


def test_an_experiment_may_follow_an_earlier_one_of_its_name_by_id() -> None:
    assert loads(WHOLE, Path("f"), ["after=char-rnn-1"]).after == ("char-rnn-1",)


def test_a_point_that_lacks_a_parameter_of_the_checkpoints_is_an_error() -> None:
    text = (
        "name: x\ncommand: a\noutputs: {checkpoint: 'c/{b}'}\nsweep:\n  method: list\n  points: [{b: 1}, {lr: 3}]\n"
    )
    assert complaint(text) == 'char.yaml:6: "sweep.points[2]" gives no "b", which "outputs.checkpoint" uses'


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
            "checkpoint",
            "keep",
            "on",
            "resume",
            "max",
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
    optional=dict.fromkeys(
        (
            *("params", "sweep", "resources", "where", "slurm", "metrics", "env", "setup"),
            *("outputs", "retry", "after", "priority"),
        ),
        TREES,
    ),
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
