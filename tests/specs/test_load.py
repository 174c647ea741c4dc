"""A text as a spec, and everything that can be wrong with it."""

from __future__ import annotations

import json
import re
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from specs.expand import expand
from specs.fields import KNOWN
from specs.load import errors, load, loads
from specs.model import (
    Goal,
    Method,
    Metrics,
    Outputs,
    Predictions,
    Resources,
    Retry,
    SlurmOptions,
    Spec,
    SpecError,
    SpecErrors,
)

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


def failure(text: str, *overrides: str) -> SpecError:
    """What a bad text is refused for."""
    with pytest.raises(SpecError) as caught:
        loads(text, Path("char.yaml"), overrides)
    assert str(caught.value) in [str(error) for error in errors(text, Path("char.yaml"), overrides)]
    return caught.value


def complaint(text: str, *overrides: str) -> str:
    """The one line for a bad text."""
    return str(failure(text, *overrides))


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


def test_a_question_is_kept_in_its_own_words_and_has_an_end() -> None:
    text = SMALL + "question: |\n  Does dropout help?\n  And how much: 1?\n"
    assert loads(text, Path("x.yaml")).question == "Does dropout help?\nAnd how much: 1?"
    assert loads(SMALL, Path("x.yaml")).question == ""
    assert complaint(SMALL + f"question: {'a' * 2001}") == (
        'char.yaml:4:11: "question" has 2001 characters, and 2000 is the most'
    )


def test_the_least_spec_has_the_models_defaults() -> None:
    text = "name: x\ncommand: date"
    source = Path("folder/x.yaml")
    assert loads(text, source) == Spec("x", "date", source, text, Path("folder").resolve())


def test_workdir_is_relative_to_the_spec_file(tmp_path: Path) -> None:
    (tmp_path / "project").mkdir()
    assert loads(SMALL + "workdir: project", tmp_path / "x.yaml").workdir == tmp_path / "project"
    missing = complaint(SMALL + "workdir: nowhere")
    assert missing.startswith('char.yaml:4:10: "workdir" is no folder: ')


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
        (
            "seeds: 3",
            "seed: 3",
            '15: "sweep.seed" must be a list of values to try, a range or a distribution, not 3 (did you mean "s',
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
        ("seeds: 3", "method: random", '15: "sweep.method" random needs "sweep.samples", the number of settings'),
        (
            "seeds: 3",
            "method: gird",
            '15: "sweep.method" must be grid, random, list, tpe or asha, not "gird" (did you',
        ),
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
        (
            "keep: 2",
            "prediction: p.csv",
            '23: unknown key "outputs.prediction" (did you mean "outputs.predictions"?)',
        ),
        ("keep: 2", "predictions: /p.csv", '23: "outputs.predictions" leads out of the project folder: "/p.csv"'),
        ("keep: 2", "predictions: {target: y}", '23: "outputs.predictions.path" is missing'),
        (
            "keep: 2",
            "predictions: {path: p.csv, targets: y}",
            '23: unknown key "outputs.predictions.targets" (did you mean "outputs.predictions.target"?)',
        ),
        (
            "keep: 2",
            "predictions: {path: p.csv, task: regresion}",
            '23: "outputs.predictions.task" must be classification or regression, not "regresion" '
            '(did you mean "regression"?)',
        ),
        (
            "keep: 2",
            "predictions: {path: p.csv, scores: ['']}",
            '23: "outputs.predictions.scores[1]" is empty: it is the name of a column',
        ),
        (
            "keep: 2",
            "predictions: '{nme}.csv'",
            '23: "outputs.predictions": unknown parameter "nme"',
        ),
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
def test_a_mistake_is_one_line_with_file_line_column_and_key(old: str, new: str, message: str) -> None:
    text = changed(old, new)
    found, (line, _, said) = failure(text), message.partition(": ")
    assert (found.source, found.line) == ("char.yaml", int(line))
    assert found.message.startswith(said)
    assert "\n" not in str(found)
    assert str(found).startswith(f"char.yaml:{line}:{found.column}: {said}")
    assert found.column is not None
    assert 1 <= found.column <= len(text.split("\n")[int(line) - 1]) + 1


def test_predictions_are_a_path_or_a_section_that_names_their_columns() -> None:
    plain = loads(f"{SMALL}outputs: {{predictions: 'out/{{run}}.csv'}}", Path("char.yaml"))
    assert plain.outputs.predictions == Predictions("out/{run}.csv")
    columns = "target: t, prediction: 7, scores: 'p_*', id: i, weight: w, inputs: [a, b, a], task: regression"
    named = loads(f"{SMALL}outputs: {{predictions: {{path: p.csv, {columns}}}}}", Path("char.yaml"))
    assert named.outputs.predictions == Predictions("p.csv", "t", "7", ("p_*",), "i", "w", ("a", "b"), "regression")


def test_a_yaml_bomb_is_refused() -> None:
    lines = ["a: &a [x, x, x, x, x, x, x, x, x]"]
    lines += [f"{new}: &{new} [{', '.join([f'*{old}'] * 9)}]" for old, new in zip("abcdefg", "bcdefgh", strict=True)]
    assert complaint("\n".join(lines)) == "char.yaml:6:4: not valid YAML: aliases expand to too much"


def test_a_point_that_lacks_a_parameter_of_the_command_is_an_error() -> None:
    text = "name: x\ncommand: a {lr} {b}\nsweep:\n  method: list\n  points:\n  - {lr: 1, b: 2}\n  - {lr: 3}\n"
    assert complaint(text) == 'char.yaml:7:5: "sweep.points[2]" gives no "b", which the command uses'


def test_points_that_are_the_same_setting_are_an_error() -> None:
    text = "name: x\ncommand: a {lr}\nsweep:\n  method: list\n  points: [{lr: 1}, {lr: '1'}]\n"
    assert complaint(text) == 'char.yaml:5:21: "sweep.points[2]" is the same setting as "sweep.points[1]"'


def test_all_mistakes_are_listed_in_the_order_of_their_lines() -> None:
    text = "name: x y\nfoo: 1\ncommand: a {b}\nresources:\n  gpus: x\n  cpu: 1\nwatch: 0\n"
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
    assert complaint(SMALL, "retry.max=1") == 'char.yaml:1:1: "retry.on" is missing'


def test_retries_can_be_switched_off_for_one_submission() -> None:
    assert loads(WHOLE, Path("f"), ["retry=null"]).retry == Retry()
    assert loads(WHOLE, Path("f"), ["retry.on=[]", "retry.memory=null"]).retry.on == ()


def test_an_experiment_may_follow_an_earlier_one_of_its_name_by_id() -> None:
    assert loads(WHOLE, Path("f"), ["after=char-rnn-1"]).after == ("char-rnn-1",)


def test_a_point_that_lacks_a_parameter_of_the_checkpoints_is_an_error() -> None:
    text = (
        "name: x\ncommand: a\noutputs: {checkpoint: 'c/{b}'}\nsweep:\n  method: list\n  points: [{b: 1}, {lr: 3}]\n"
    )
    assert complaint(text) == 'char.yaml:6:20: "sweep.points[2]" gives no "b", which "outputs.checkpoint" uses'


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


def test_an_error_names_file_line_and_column() -> None:
    text = "name: x\ncommand: |\n  a\n  b {c}\nresources: {gpus: two}\nfoo: 1\n"
    assert [str(error) for error in errors(text, Path("dir/x.yaml"))] == [
        'dir/x.yaml:4:5: "command": unknown parameter "c"; for the text itself write {{c}}',
        'dir/x.yaml:5:19: "resources.gpus" must be a whole number, not "two"',
        f'dir/x.yaml:6:1: unknown key "foo"; known here: {", ".join(KNOWN[""])}',
    ]


def test_every_unknown_placeholder_is_told_whatever_else_is_wrong() -> None:
    text = "name: x\ncommand: run {lr} {lrr} {nothing}\nenv: {A: '{lrate}'}\nsweep: {lr: [], b: zip}\n"
    assert [(error.column, error.message.partition(";")[0]) for error in errors(text, Path("x.yaml"))] == [
        (19, '"command": unknown parameter "lrr" (did you mean "lr"?)'),
        (25, '"command": unknown parameter "nothing"'),
        (10, '"env.A" holds an unknown parameter "lrate"'),
        (13, '"sweep.lr" is an empty list'),
        (20, '"sweep.b" must be a list of values to try, a range or a distribution, not "zip"'),
    ]


def test_a_key_at_the_top_that_belongs_into_a_section_is_told_so() -> None:
    text = "name: x\ncommand: run\ngpus: 2\nseeds: 3\npartition: a\n"
    assert [error.message for error in errors(text, Path("x.yaml"))] == [
        'unknown key "gpus" (did you mean "resources.gpus"?)',
        'unknown key "seeds" (did you mean "sweep.seeds"?)',
        'unknown key "partition" (did you mean "slurm.partition"?)',
    ]


def test_one_mistake_in_a_section_does_not_hide_the_next() -> None:
    text = """\
name: x
command: run
env: {A-B: 1, C: [1]}
params: {a: [1], b: [2]}
resources: {gpus: x, cpus: 0, memory: 16, time: 8:00}
where: [a b, ok, -c]
slurm: {partition: -x, sbatch: [a, --job-name=x]}
metrics: {goal: most, total: {epochs: 0, steps: x}}
outputs: {checkpoint: ~/x, keep: 0, log_limit: 1, collect: [/a, ../b]}
retry: {on: [x, lost], max: 0, wait: soon}
after: [a b, x]
priority: 1.5
inputs: [a, {}]
code: {exclude: ['']}
name: y
"""
    found = errors(text, Path("f"))
    lines = [error.line or 0 for error in found]
    assert lines == sorted(lines)
    assert {line: lines.count(line) for line in lines} == {
        **{3: 2, 4: 2, 5: 4, 6: 2, 7: 3, 8: 3, 9: 5, 10: 4, 11: 2, 12: 1, 13: 2, 14: 1, 15: 1},
    }


def test_lines_may_end_as_on_windows() -> None:
    text = WHOLE.replace("\n", "\r\n")
    spec = loads(text, Path("f"))
    assert spec.command == loads(WHOLE, Path("f")).command
    assert [run.command for run in expand(spec)] == [run.command for run in expand(loads(WHOLE, Path("f")))]
    assert complaint(text.replace("--lr {lr}", "--lr {rl}")).startswith("char.yaml:4:24: ")


def test_a_byte_order_mark_is_no_part_of_the_first_key() -> None:
    assert loads("\ufeff" + SMALL, Path("f")).name == "x"


def test_numbers_and_words_that_yaml_1_1_reads_otherwise_are_what_they_look_like() -> None:
    text = "name: x\ncommand: a {args}\nparams: {a: 1e-3, b: no, on: off, c: 1_0, d: 0o17, e: 010, f: y}\n"
    assert loads(text, Path("f")).params == {
        **{"a": 0.001, "b": "no", "on": "off", "c": "1_0", "d": 15, "e": "010", "f": "y"},
    }
    assert expand(loads(text, Path("f")))[0].command.startswith("a --a=0.001 --b=no --on=off ")


def test_characters_that_json_writes_as_two_halves_are_put_together() -> None:
    spec = loads('{"name": "x", "command": "a {v}", "params": {"v": "\\ud83d\\ude82"}}', Path("f"))
    assert spec.params == {"v": "🚂"}
    assert complaint('name: x\ncommand: a\nparams: {v: "\\ud83d"}\n') == (
        'char.yaml:3:13: "\\ud83d" holds half a character'
    )


def test_keys_given_twice_are_all_told_beside_the_other_mistakes() -> None:
    text = "name: x\nname: y\ncommand: a\nresources: {gpus: 1, gpus: x, cpus: 0}\n"
    assert [str(error) for error in errors(text, Path("f"))] == [
        'f:2:1: key "name" is given twice; first on line 1',
        'f:4:22: key "gpus" is given twice; first on line 4',
        'f:4:37: "resources.cpus" must be at least 1, not 0',
    ]


def test_anchors_and_merge_keys_are_followed_and_their_mistakes_told_once() -> None:
    text = "name: x\ncommand: a {lr}\nparams: &p {lr: 1}\nvariants: {v: {params: {<<: *p, b: 2}}}\n"
    assert loads(text, Path("f"), ["variant=v"]).params == {"lr": 1, "b": 2, "variant": "v"}
    wrong = "name: x\ncommand: a\nresources: &r {gpu: 1}\nvariants: {v: {resources: *r}}\n"
    assert [str(error) for error in errors(wrong, Path("f"))] == [
        'f:3:16: unknown key "variants.v.resources.gpu" (did you mean "variants.v.resources.gpus"?)',
        'f:3:16: unknown key "resources.gpu" (did you mean "resources.gpus"?)',
    ]


@pytest.mark.parametrize(
    "text",
    [
        "exclude: [" + ", ".join(f"{{q{n}: 1}}" for n in range(9000)) + "], a: [1, 2]",
        ", ".join(f"q{n}: [1]" for n in range(9000)) + ", zip: [[" + ", ".join(f"r{n}" for n in range(9000)) + "]]",
        ", ".join(f"q{n}: 1" for n in range(9000)),
        ", ".join(f"q{n}: {{values: [1], when: {{q{n + 1}: 1}}}}" for n in range(2000)) + ", q2000: [1]",
        "method: list, points: [" + ", ".join(f"{{q{n}: '${{r}}'}}" for n in range(9000)) + "]",
    ],
)
def test_a_file_full_of_mistakes_is_refused_soon(text: str) -> None:
    began = time.process_time()
    with pytest.raises(SpecError):
        expand(loads(f"name: x\ncommand: a {{z}}\nsweep: {{{text}}}\n", Path("f")))
    assert time.process_time() - began < 10


WORDS = (
    *("name", "command", "params", "sweep", "resources", "where", "slurm", "metrics", "env", "workdir", "setup"),
    *("lr", "seeds", "zip", "points", "exclude", "method", "gpus", "sbatch", "total", "goal", "seed", "a.b", "a"),
    *("inputs", "path", "size", "sha256", "code", "allow", "checkpoint", "keep", "collect", "on", "resume", "max"),
    *("variants", "variant", "extends", "small", "samples", "random_seed", "shuffle", "when", "values", "linspace"),
    *("logspace", "range", "min", "mean", "std", "choice", "weights", "distribution"),
)
SCALARS = st.one_of(
    *(st.none(), st.booleans(), st.integers(-3, 3), st.floats(), st.integers()),
    st.sampled_from(
        [
            *(
                "x",
                "{lr}",
                "${lr}",
                "${a.b}",
                "$${",
                "${",
                "{--lr}",
                "list",
                "random",
                "-J",
                "8G",
                "small",
                "\ud83d",
                "/a",
            ),
            *("log_uniform", "int", "no", "/{a}/..", "{args}", "{params_file}", "\0"),
        ]
    ),
)
TREES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.sampled_from(WORDS), inner, max_size=4)),
    max_leaves=12,
)
AXES = st.one_of(
    st.lists(SCALARS, max_size=3),
    st.dictionaries(
        st.sampled_from(
            [*("values", "linspace", "logspace", "range", "min", "max", "mean", "std", "choice", "weights", "when")]
        ),
        st.one_of(st.floats(), st.lists(SCALARS, max_size=3), st.dictionaries(st.sampled_from(["a", "lr"]), SCALARS)),
        max_size=3,
    ),
    TREES,
)
SWEEPS = st.dictionaries(st.sampled_from(["a", "lr", "b", "variant", "seed"]), AXES, max_size=3).flatmap(
    lambda axes: st.fixed_dictionaries(
        {name: st.just(axis) for name, axis in axes.items()},
        optional={
            "method": st.sampled_from(["grid", "random", "list"]),
            **{word: st.one_of(st.integers(0, 3), TREES) for word in ("samples", "seeds", "shuffle")},
            **{word: st.lists(TREES, max_size=2) for word in ("zip", "exclude", "points")},
        },
    )
)
SPECS = st.fixed_dictionaries(
    {
        "name": st.just("x"),
        "command": st.sampled_from(["a {lr}", "a", "a {--lr} {args}", "a {params_file} {run}", "a `{lr}`"]),
    },
    optional={
        **dict.fromkeys(
            (
                *("params", "resources", "where", "slurm", "metrics", "env", "setup", "outputs", "retry", "after"),
                *("priority", "inputs", "code", "variants", "extends", "question"),
            ),
            TREES,
        ),
        "sweep": st.one_of(SWEEPS, TREES),
    },
)


def outcome(text: str, words: list[str]) -> Spec | str:
    try:
        spec = loads(text, Path("f"), words, {})
        expand(spec)
    except SpecError as error:
        return str(error)
    return spec


@settings(deadline=None, max_examples=300)
@given(
    st.one_of(st.text(), SPECS.map(json.dumps)),
    st.lists(
        st.one_of(st.text(), st.sampled_from(["lr=1", "variant=small", "sweep.lr=[1, 2]", "a.b=${lr}"])), max_size=2
    ),
)
def test_any_text_is_a_spec_or_an_error_of_one_printable_line(text: str, words: list[str]) -> None:
    found = outcome(text, words)
    assert isinstance(found, Spec) or found.isprintable()
    told = [str(error) for error in errors(text, Path("f"), words, {})]
    assert all(each.isprintable() for each in told)
    if not isinstance(found, Spec) and ":" in found.partition(": ")[0]:
        assert found in told


def test_a_refused_spec_says_everything_that_is_wrong_with_it() -> None:
    with pytest.raises(SpecErrors) as caught:
        loads("comand: run\nname: x\nresources: {gpus: many}\n", Path("x.yaml"))
    assert str(caught.value) == 'x.yaml:1:1: unknown key "comand" (did you mean "command"?)'
    assert [each.line for each in caught.value.all] == [1, 1, 3]


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        (
            "sweep: {method: list, points: [{lr: 1}, {opt: a}]}\nparams: {lr: 1, opt: a}",
            '3:1: two runs of the sweep have the same parameters: the 1. and the 2., both "lr=1 opt=a"',
        ),
        (
            "sweep: {lr: [1, 2]}\noutputs:\n  checkpoint: /ckpt/*.pt",
            '5:15: "outputs.checkpoint": runs lr=1 and lr=2 would take each other',
        ),
    ],
)
def test_what_is_wrong_between_runs_is_told_at_its_line(lines: str, said: str) -> None:
    text = f"name: x\ncommand: run {{args}}\n{lines}\n"
    (found,) = map(str, errors(text, Path("x.yaml")))
    assert found.startswith(f"x.yaml:{said}")
    with pytest.raises(SpecError, match=re.escape(found)):
        expand(loads(text, Path("x.yaml")))


def test_what_is_wrong_between_runs_is_told_where_it_is_from(tmp_path: Path) -> None:
    (tmp_path / "base.yaml").write_text("command: run {a}\n\nsweep: {method: list, points: [{a: 1}, {a: 1, b: 2}]}\n")
    text = "extends: base.yaml\nname: x\nparams: {b: 2}\n"
    (found,) = errors(text, tmp_path / "x.yaml")
    assert (found.source, found.line) == (str(tmp_path / "base.yaml"), 3)
