"""The table of a spec's keys: what each takes, what it is without, what it means.

The meaning and the default are the model's own; editors' schema, completion and the documentation are made from here.
"""

from __future__ import annotations

import ast
import inspect
import re
from dataclasses import MISSING, dataclass, fields
from enum import Enum, StrEnum
from functools import cache
from typing import TYPE_CHECKING

from specs import earlystop, model, units, watch
from specs.model import (
    RETRIABLE,
    TASKS,
    Asha,
    Code,
    Goal,
    Input,
    Method,
    Metrics,
    Outputs,
    Predictions,
    Resources,
    Retry,
    SlurmOptions,
    Spec,
    Sweep,
    Unit,
)
from specs.watch import EarlyStop, Watch

if TYPE_CHECKING:
    from collections.abc import Mapping


class Kind(StrEnum):
    """What a key takes, in words for the reader."""

    TEXT = "text"
    TEXTS = "text, or a list of it"
    WORD = "word"
    WORDS = "word, or a list of them"
    INTEGER = "whole number"
    NUMBER = "number"
    FACTOR = "factor"
    FLAG = "`true` or `false`"
    SIZE = "size"
    BYTES = "size, or bytes"
    TIME = "duration"
    SECTION = "section"
    SECTIONS = "list of sections"
    FILE = "path, or a section"
    VALUES = "names with values"
    VARIABLES = "names with text or null"
    NUMBERS = "names with numbers"
    LEVELS = "rules with `off` or a severity"
    SETTINGS = "list of settings"
    GROUPS = "list of lists of names"
    SEEDS = "whole number, or a list of them"
    VARIANTS = "names with specs"


@dataclass(frozen=True, slots=True)
class Key:
    """One key of a spec."""

    path: str
    """Dotted, from the top: `resources.gpus`."""
    kind: Kind
    example: str
    """A value, as YAML."""
    default: str
    """What holds where the key is missing, as YAML; empty: nothing."""
    meaning: str
    needed: bool = False
    """Whether its section cannot do without it."""
    words: tuple[str, ...] = ()
    """All that there are, where it takes words of ours."""

    @property
    def section(self) -> str:
        """The key that it stands below; empty at the top."""
        return self.path.rpartition(".")[0]

    @property
    def name(self) -> str:
        """The last part of its path."""
        return self.path.rpartition(".")[2]


SECTIONS: Mapping[str, type] = {
    "": Spec,
    "sweep": Sweep,
    "sweep.asha": Asha,
    "resources": Resources,
    "slurm": SlurmOptions,
    "metrics": Metrics,
    "outputs": Outputs,
    "outputs.predictions": Predictions,
    "retry": Retry,
    "inputs": Input,
    "code": Code,
    "watch": Watch,
    "watch.early_stop": EarlyStop,
}
"""The value that each section becomes; the top has no name."""

_TABLE: Mapping[str, tuple[Kind, str]] = {
    "name": (Kind.TEXT, "char-rnn"),
    "question": (Kind.TEXT, "Does dropout help the small model?"),
    "command": (Kind.TEXT, "python train.py --lr {lr}"),
    "extends": (Kind.TEXTS, "base.yaml"),
    "workdir": (Kind.TEXT, "."),
    "setup": (Kind.TEXT, "module load cuda/12"),
    "env": (Kind.VARIABLES, "{OMP_NUM_THREADS: 4, WANDB_API_KEY: null}"),
    "params": (Kind.VALUES, "{hidden: 128, optim.name: adam}"),
    "sweep": (Kind.SECTION, "{lr: [0.001, 0.003], seeds: 3}"),
    "sweep.method": (Kind.WORD, "grid"),
    "sweep.seeds": (Kind.SEEDS, "3"),
    "sweep.zip": (Kind.GROUPS, "[[model.depth, data.name]]"),
    "sweep.exclude": (Kind.SETTINGS, "[{lr: 0.003, hidden: 256}]"),
    "sweep.points": (Kind.SETTINGS, "[{lr: 0.1}, {lr: 0.2}]"),
    "sweep.samples": (Kind.INTEGER, "20"),
    "sweep.random_seed": (Kind.INTEGER, "7"),
    "sweep.shuffle": (Kind.FLAG, "true"),
    "sweep.at_most": (Kind.INTEGER, "4"),
    "sweep.asha": (Kind.SECTION, "{min: 1, max: 27, unit: epochs}"),
    "sweep.asha.min": (Kind.NUMBER, "1"),
    "sweep.asha.max": (Kind.NUMBER, "27"),
    "sweep.asha.unit": (Kind.WORD, "epochs"),
    "sweep.asha.reduction": (Kind.INTEGER, "3"),
    "variants": (Kind.VARIANTS, "{small: {params: {hidden: 32}}}"),
    "resources": (Kind.SECTION, "{gpus: 1, memory: 16G, time: 8h}"),
    "resources.gpus": (Kind.INTEGER, "1"),
    "resources.gpu_memory": (Kind.SIZE, "8G"),
    "resources.cpus": (Kind.INTEGER, "4"),
    "resources.memory": (Kind.SIZE, "16G"),
    "resources.time": (Kind.TIME, "8h"),
    "resources.disk": (Kind.SIZE, "5G"),
    "where": (Kind.TEXTS, "[triton, gpus]"),
    "slurm": (Kind.SECTION, "{partition: gpu}"),
    "slurm.partition": (Kind.TEXT, "gpu"),
    "slurm.account": (Kind.TEXT, "dl"),
    "slurm.qos": (Kind.TEXT, "high"),
    "slurm.sbatch": (Kind.TEXTS, '["--constraint=a100"]'),
    "inputs": (Kind.SECTIONS, "[{path: /scratch/data/wiki.bin, size: 12G}]"),
    "inputs.path": (Kind.TEXT, "/scratch/data/wiki.bin"),
    "inputs.size": (Kind.BYTES, "12G"),
    "inputs.sha256": (Kind.TEXT, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
    "code": (Kind.SECTION, '{exclude: ["*.mp4"]}'),
    "code.exclude": (Kind.TEXTS, '["*.mp4", old/]'),
    "code.allow": (Kind.TEXTS, "[vocab.bin]"),
    "outputs": (Kind.SECTION, '{checkpoint: "ckpt/{run}/*.pt", keep: 2}'),
    "outputs.checkpoint": (Kind.TEXT, '"ckpt/{run}/*.pt"'),
    "outputs.keep": (Kind.INTEGER, "2"),
    "outputs.log_limit": (Kind.SIZE, "500M"),
    "outputs.collect": (Kind.TEXTS, '["results/{run}.csv"]'),
    "outputs.collect_limit": (Kind.SIZE, "64M"),
    "outputs.predictions": (Kind.FILE, '"predictions/{run}.csv"'),
    "outputs.predictions.path": (Kind.TEXT, '"predictions/{run}.csv"'),
    "outputs.predictions.target": (Kind.TEXT, "species"),
    "outputs.predictions.prediction": (Kind.TEXT, "guess"),
    "outputs.predictions.scores": (Kind.TEXTS, '"prob_*"'),
    "outputs.predictions.id": (Kind.TEXT, "image"),
    "outputs.predictions.weight": (Kind.TEXT, "weight"),
    "outputs.predictions.inputs": (Kind.TEXTS, "[age, device]"),
    "outputs.predictions.task": (Kind.WORD, "regression"),
    "outputs.sequences": (Kind.TEXTS, '["sequences/{run}/*.jsonl"]'),
    "outputs.samples": (Kind.TEXTS, '["samples/{run}/**"]'),
    "outputs.embeddings": (Kind.TEXTS, '["embeddings/{run}/*.npy"]'),
    "metrics": (Kind.SECTION, "{objective: val_loss, goal: minimize, total: {epochs: 50}}"),
    "metrics.objective": (Kind.TEXT, "val_loss"),
    "metrics.goal": (Kind.WORD, "minimize"),
    "metrics.total": (Kind.NUMBERS, "{epochs: 50}"),
    "metrics.sources": (Kind.TEXTS, '[stdout, "runs/{run}/metrics.csv"]'),
    "metrics.pattern": (Kind.TEXTS, "'loss is (?P<loss>[-+.e0-9]+) at (?P<step>[0-9]+)'"),
    "retry": (Kind.SECTION, "{on: [PREEMPTED, TIMEOUT], max: 3}"),
    "retry.on": (Kind.WORDS, "[PREEMPTED, TIMEOUT]"),
    "retry.max": (Kind.INTEGER, "3"),
    "retry.wait": (Kind.TIME, "30s"),
    "retry.resume": (Kind.TEXT, '"--resume {checkpoint}"'),
    "retry.memory": (Kind.FACTOR, "x2"),
    "watch": (Kind.SECTION, "{stop_on: [non_finite], notify: [finished, failed, warning]}"),
    "watch.rules": (Kind.LEVELS, "{overfitting: off, plateau: info}"),
    "watch.stop_on": (Kind.WORDS, "[non_finite]"),
    "watch.early_stop": (Kind.SECTION, "{rule: percentile, options: {keep: 0.75}, act: true}"),
    "watch.early_stop.rule": (Kind.WORD, "percentile"),
    "watch.early_stop.options": (Kind.NUMBERS, "{grace: 0.5}"),
    "watch.early_stop.act": (Kind.FLAG, "true"),
    "watch.notify": (Kind.WORDS, "[finished, failed, warning]"),
    "after": (Kind.TEXTS, "preprocess"),
    "priority": (Kind.INTEGER, "5"),
}
"""Every key in the order of the documentation, with what it takes and an example."""

NEEDED = (
    *("name", "command", "sweep.asha.min", "inputs.path", "outputs.predictions.path"),
    *("retry.on", "watch.early_stop.rule"),
)
WORDS: Mapping[str, tuple[str, ...]] = {
    "sweep.method": tuple(map(str, Method)),
    "sweep.asha.unit": tuple(map(str, Unit)),
    "metrics.goal": tuple(map(str, Goal)),
    "outputs.predictions.task": TASKS,
    "retry.on": RETRIABLE,
    "sweep.shuffle": ("true", "false"),
    "watch.stop_on": (*watch.FINDINGS, *watch.SEVERITIES),
    "watch.early_stop.rule": tuple(earlystop.RULES),
    "watch.early_stop.act": ("true", "false"),
    "watch.notify": (*watch.NOTICES, *watch.SEVERITIES),
}
_OWN = {
    "workdir": "The project folder on this machine, by its path from this file; a backend that does not share it is "
    "sent what is in it.",
    "sweep.points": "With method list: exactly these settings.",
    "sweep.samples": "With method random, tpe or asha so many settings, in a grid so many draws for each "
    "combination. Fewer where there are not so many.",
    "sweep.asha.max": "How far it is at its end: there is no rung there. Without it `metrics.total` says it.",
    "resources": "What one run needs; what is not said is left to the backend.",
    "inputs": "Files and folders that a run reads, as they lie where the run runs.",
    "retry.on": "The states after which a run is tried again.",
    "extends": "Files whose keys hold where this one says nothing, by their paths from this file; the later goes "
    "before the earlier.",
    "variants": "Named changes to this spec, one of which is chosen with `variant=NAME`, or by a sweep over "
    "`variant`.",
}
"""Meanings of keys that are no field of the model, or whose field is told to those who read the model."""
_DEFAULTS = {"workdir": "."}


@cache
def keys() -> Mapping[str, Key]:
    """All keys by their paths, sections before what is in them."""
    return {path: _key(path, *row) for path, row in _TABLE.items()}


def section_of(path: str) -> tuple[Key, ...]:
    """The keys of a section."""
    return tuple(key for key in keys().values() if key.section == path)


def _key(path: str, kind: Kind, example: str) -> Key:
    section, _, name = path.rpartition(".")
    of = SECTIONS[section]
    meaning = _OWN.get(path) or _docstrings()[of.__name__].get(name, "")
    if path in SECTIONS and not meaning:
        meaning = inspect.cleandoc(SECTIONS[path].__doc__ or "")
    default = _DEFAULTS.get(path) or _default(of, name, kind)
    return Key(path, kind, example, default, _plain(meaning), path in NEEDED, WORDS.get(path, ()))


def _default(of: type, name: str, kind: Kind) -> str:
    value = next((each.default for each in fields(of) if each.name == name), MISSING)
    if value is MISSING or value is None or value in ((), ""):
        return ""
    if isinstance(value, Enum):
        return str(value.value)
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple):
        return ", ".join(map(str, value))
    units_of = {Kind.SIZE: units.SIZES, Kind.TIME: units.SECONDS}.get(kind)
    if units_of and isinstance(value, int):
        unit = max((unit for unit, one in units_of.items() if value % one == 0), key=lambda unit: units_of[unit])
        return f"{value // units_of[unit]}{unit}"
    return str(value)


def _plain(meaning: str) -> str:
    """A docstring for people who write YAML."""
    return re.sub(r"\bNone\b", "null", " ".join(meaning.split()))


@cache
def _docstrings() -> Mapping[str, Mapping[str, str]]:
    """Of every field of the model's classes: the text below it."""
    found: dict[str, dict[str, str]] = {}
    for each in (statement for module in (model, watch) for statement in ast.parse(inspect.getsource(module)).body):
        if not isinstance(each, ast.ClassDef):
            continue
        found[each.name] = {}
        for field, below in zip(each.body, each.body[1:], strict=False):
            match field, below:
                case ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(value=ast.Constant(value=str(text))):
                    found[each.name][name] = inspect.cleandoc(text)
    return found
