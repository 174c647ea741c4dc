"""A W&B sweep file as a spec: https://docs.wandb.ai/guides/sweeps/sweep-config-keys. Pure."""

from __future__ import annotations

import re
import shlex
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from specs import sweep
from specs.document import parse
from specs.importers.distributions import Draws, read_axis
from specs.importers.imported import Imported, name_of
from specs.importers.page import Page
from specs.importers.shell import as_command
from specs.model import SpecError
from specs.rungs import MOST_TRIALS
from specs.scanner import PARAMETER
from specs.tree import nearest, quoted

if TYPE_CHECKING:
    from collections.abc import Mapping

    from specs.model import Scalar
    from specs.tree import Section

METHODS = ("grid", "random", "bayes")
SAMPLES = 20
"""Where a random sweep says no `run_cap`: W&B goes on until it is stopped."""
TPE = "for which tpe asks for each run by what came of those before; it needs `pip install 'trainboard[optuna]'`"
UNASKED = {"std": "no bounds", "weights": "weights"}
"""What tpe does not take, by a key of the axis."""
UNREAD = {"early_terminate": 'is left out: it counts what is logged; "sweep.asha" pauses runs by epoch or step'}
DEFAULT_COMMAND = ("${env}", "${interpreter}", "${program}", "${args}")
READ = ("program", "command", "method", "metric", "parameters", "name", "description", "project", "entity", "run_cap")

_MACRO = re.compile(r"\$\{(?:envvar:([A-Za-z_]\w*)|([a-z_]+))\}", re.ASCII)


def read_wandb(text: str, source: str, name: str, workdir: str) -> Imported:
    """The spec of a sweep. Raises `SpecError`."""
    top = parse(text, source)
    if "parameters" not in top:
        raise SpecError(source, None, 'is no W&B sweep: it has no "parameters"')
    method = top.text("method", "random")
    if method not in METHODS:
        raise top["method"].wrong(f"grid, random or bayes{nearest(method, METHODS)}")
    words = top.strings("command", DEFAULT_COMMAND)
    work = Draws(method, typed=any("${args_json" in word for word in words))
    _parameters(work, top.need("parameters").section(), "")
    sections: dict[str, object] = {
        "name": name_of(top.text("name", ""), PurePosixPath(name).stem),
        "command": _command(work, top, words),
        "workdir": workdir,
        "env": _environment(top),
        "params": work.params,
        "sweep": _sweep(work, top),
        "metrics": _metric(work, top),
    }
    for key in top:
        if key not in READ:
            work.note(top[key], UNREAD.get(key, "has no counterpart: left out"))
    said = {**work.said, "workdir": "where `wandb sweep` was called; the project folder"}
    head = [f"The W&B sweep {name}.", *top.text("description", "").splitlines()]
    return Imported(Page({k: v for k, v in sections.items() if v}, tuple(head), said).text, tuple(work.notes))


def _parameters(work: Draws, section: Section, prefix: str) -> None:
    for key, entry in section.entries.items():
        name = f"{prefix}{key}"
        if not PARAMETER.fullmatch(name):
            raise entry.place.error(f"{quoted(name)} is no name for a parameter: letters, digits, and . _ - within")
        within = entry.value.section()
        if "parameters" in within:
            work.note(entry.value, f"is nested: its parameters are passed as --{name}.NAME")
            _parameters(work, within.need("parameters").section(), f"{name}.")
            continue
        if name in work.params or name in work.axes:
            raise entry.place.error(f"parameter {quoted(name)} is given twice")
        if "value" in within:
            work.params[name] = work.value(within["value"])
            continue
        if name in sweep.WORDS:
            raise entry.place.error(f"a swept parameter cannot be called {quoted(name)}, which is a key of a sweep")
        read_axis(work, name, within, entry.value)


def _sweep(work: Draws, top: Section) -> dict[str, object]:
    if not work.axes:
        return {}
    if work.method == "grid":
        if top.get("run_cap") is not None:
            work.note(top["run_cap"], "is left out: a grid is run whole")
        return {"method": "grid", **work.axes}
    samples = top.integer("run_cap", None, least=1)
    method = "random"
    if work.method == "bayes":
        unlearnable = _unlearnable(work, top, samples or SAMPLES)
        method = "random" if unlearnable else "tpe"
        work.note(top["method"], f"is bayes, {f'drawn at random here: {unlearnable}' if unlearnable else TPE}")
    if samples is None:
        work.notes.append(f"no run_cap says how many runs: samples is {SAMPLES}, change it")
    work.said["sweep.samples"] = (
        "run_cap" if samples else "so many runs: W&B has no number, and goes on until stopped"
    )
    return {"method": method, "samples": samples or SAMPLES, **work.axes}


def _unlearnable(work: Draws, top: Section, samples: int) -> str:
    """Why the settings cannot be asked for one after the other; empty where they can."""
    if top.section("metric").text("name", None) is None:
        return "no metric is named to learn from"
    if samples > MOST_TRIALS:
        return f"at most {MOST_TRIALS:,} trials are asked for"
    for name, axis in work.axes.items():
        if isinstance(axis, dict) and (lack := next((why for key, why in UNASKED.items() if key in axis), "")):
            return f"{quoted(f'parameters.{name}')} has {lack}"
    return ""


def _metric(work: Draws, top: Section) -> dict[str, object]:
    section = top.section("metric")
    name = section.text("name", None)
    for key in section:
        if key not in ("name", "goal"):
            work.note(section[key], "has no counterpart: left out")
    if name is None:
        return {}
    goal = section.text("goal", "minimize")
    if goal not in ("minimize", "maximize"):
        raise section["goal"].wrong("minimize or maximize")
    return {"objective": name, "goal": goal}


def _environment(top: Section) -> dict[str, object]:
    """What a program that calls `wandb.init` goes by, outside of a sweep as well."""
    found = {"WANDB_PROJECT": top.text("project", None), "WANDB_ENTITY": top.text("entity", None)}
    return {key: value for key, value in found.items() if value and "{" not in value}


def _command(work: Draws, top: Section, words: tuple[str, ...]) -> str:
    program, source = top.text("program", None), top.place.source
    if program is None and any("${program}" in word for word in words):
        raise SpecError(source, None, '"program" is missing, which the command names')
    if any("${args_no_boolean_flags}" in word for word in words) and {"True", "False"} & {*map(str, _values(work))}:
        work.notes.append("parameters that are True or False are passed as --NAME=True, not as flags")
    macros = _macros([*work.params, *work.axes]) | {"program": _literal(program or "", source)}
    command = " ".join(filter(None, (_filled(word, macros, source) for word in words)))
    if not command:
        raise SpecError(source, None, "the command is empty")
    return command


def _macros(names: list[str]) -> dict[str, str]:
    """What stands in a spec's command for each word of W&B's."""
    arguments = " ".join(f"--{name}={{{name}}}" for name in names) if "args" in names else "{args}"
    return {
        "env": "",  # `env PROGRAM` is PROGRAM
        "interpreter": "python",
        "args": arguments,
        "args_no_boolean_flags": arguments,
        "args_no_hyphens": " ".join(f"{name}={{{name}}}" for name in names),
        "args_json": '"$(cat {params_file})"',
        "args_json_file": "{params_file}",
    }


def _filled(word: str, macros: Mapping[str, str], source: str) -> str:
    """One word of the command as shell text."""
    texts, variables, names = (_MACRO.split(word)[at::3] for at in range(3))
    found = _literal(texts[0], source)
    for variable, name, text in zip(variables, names, texts[1:], strict=True):
        if name and name not in macros:
            raise SpecError(source, None, f"{quoted(f'${{{name}}}')} in the command is not known")
        found += (macros[name] if name else f'"${{{variable}}}"') + _literal(text, source)
    return found


def _literal(text: str, source: str) -> str:
    """Text of the command as it is, whatever is in it."""
    found = as_command(shlex.quote(text) if text else "")
    if found is None:
        raise SpecError(source, None, f"{quoted(text)} cannot be a word of a command")
    return found


def _values(work: Draws) -> list[Scalar]:
    """Every value that is written out."""
    lists = [axis for axis in work.axes.values() if isinstance(axis, list)]
    return [*work.params.values(), *(value for axis in lists for value in axis)]
