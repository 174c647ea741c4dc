"""An sbatch script as a spec: the same job, its options in a spec's words where there are such. Pure."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from specs import sbatch
from specs.combos import MOST_RUNS
from specs.importers.directives import Option, take_apart
from specs.importers.imported import Imported, name_of
from specs.importers.page import Page
from specs.importers.shell import as_command, split
from specs.model import SpecError
from specs.tree import quoted

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

SHELLS = ("sh", "bash", "dash", "ksh")
"""A run's own shell, bash, reads what is written for these."""
TASK = "SLURM_ARRAY_TASK_ID"
WRITTEN_OUT = 20
"""So many values of an array are written one by one."""

_LOG = "the log is kept with each attempt, see `trainboard logs`"
_LINE = "it has a meaning on the command line only"
_SPACES = "an option must be one word"
LEFT_OUT: Mapping[str, str] = {
    **dict.fromkeys(("output", "error", "open-mode"), _LOG),
    **dict.fromkeys(("parsable", "wait", "test-only", "wrap", "help", "usage", "version"), _LINE),
    "comment": "jobs are found again by their comment",
    "signal": "every job gets USR2 a minute ahead of its limit",
    "clusters": "a backend is a cluster: say which under where",
    "export-file": "write the variables under env",
}
"""Options that a spec cannot have, and why that is so."""

_GPUS = re.compile(r"(?:([A-Za-z_][\w.-]*)(?::(?=\d)|\Z))?(\d{1,4})?", re.ASCII)
_MEMORY = re.compile(r"0*([1-9]\d{0,11})([KMGT]?)B?", re.ASCII | re.IGNORECASE)
_COUNT = re.compile(r"0*([1-9]\d{0,5})", re.ASCII)
_TIME = re.compile(r"(?:(?:(\d{1,4})-)?(\d{1,6})(?::(\d{1,4}))?(?::(\d{1,4}))?)", re.ASCII)
_TASKS = re.compile(r"(\d{1,9})(?:-(\d{1,9})(?::(\d{1,9}))?)?", re.ASCII)
_EXPORT = re.compile(r"([A-Za-z_]\w*)(?:=(.*))?", re.ASCII)
_FLAGS = re.compile(r"-([a-z]+)", re.ASCII)
_POSITIONAL = re.compile(r"\$[1-9@*]|\$\{[1-9@*]\}")
_SINGLE = re.compile(r"'[^']*'")
_FUNCTION = re.compile(r"^\s*(?:function\s+\w|\w+\s*\(\))", re.MULTILINE)


@dataclass(slots=True)
class _Work:
    """A script on its way to a spec: what is left of its options, and what there is of the spec."""

    left: dict[str, Option]
    sections: dict[str, dict[str, object]] = field(default_factory=dict)
    said: dict[str, str] = field(default_factory=dict)
    setup: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def value(self, name: str) -> str | None:
        option = self.left.get(name)
        return None if option is None else option.value

    def put(self, section: str, key: str, value: object, option: str | None = None) -> None:
        """Set a key; with it, take the option that it is instead of."""
        self.sections.setdefault(section, {})[key] = value
        if option is not None:
            taken = self.left.pop(option)
            if taken.value != value:
                self.said[f"{section}.{key}"] = taken.word

    def note(self, option: Option, why: str) -> None:
        self.left.pop(option.name, None)
        self.notes.append(f"line {option.line}: {quoted(option.word)} is left out: {why}")


def read_sbatch(text: str, source: str, name: str, workdir: str, is_folder: Callable[[str], bool]) -> Imported:
    """The spec of a script whose file is called `name` and lies in `workdir`. Raises `SpecError`."""
    if "\0" in text:
        raise SpecError(source, text.count("\n", 0, text.index("\0")) + 1, "is no text: it holds a NUL character")
    script = take_apart(text.replace("\r\n", "\n").replace("\r", "\n"), source)
    work = _Work(_by_name(script.options), notes=list(script.notes))
    if "\r" in text:
        work.notes.append("line 1: the file has the line ends of Windows, which sbatch refuses: read without them")
    title = name_of(work.value("job-name") or "", PurePosixPath(name).stem)
    work.left.pop("job-name", None)
    for step in _STEPS:
        step(work, source)
    folder = _folder(work, workdir, is_folder)
    setup, command = _body(work, script.body, script.interpreter, name, source)
    _others(work)
    sections: dict[str, object] = {"name": title, "command": command, "workdir": folder}
    sections |= {"setup": setup} if setup else {}
    said = {**work.said, "workdir": "where sbatch was called; the project folder"}
    head = (f"The job script {name}; submit it with --on BACKEND, or say where: [BACKEND].", *script.remarks)
    return Imported(Page(sections | work.sections, head, said).text, tuple(work.notes))


def _by_name(options: Sequence[Option]) -> dict[str, Option]:
    """Of an option that is there twice the later one holds; kinds of mail add up."""
    found: dict[str, Option] = {}
    for option in options:
        earlier = found.get(option.name)
        together = earlier is not None and option.name == "mail-type" and earlier.value and option.value
        value = f"{earlier.value},{option.value}" if together and earlier is not None else option.value
        found[option.name] = Option(option.name, value, option.line)
    return found


def _words(work: _Work, source: str) -> None:
    for key in ("partition", "account", "qos"):
        value = work.value(key)
        if value and not value.startswith("-") and value.isprintable() and value.split() == [value]:
            work.put("slurm", key, value, key)


def _gpus(work: _Work, source: str) -> None:
    """GPUs of a node are `resources.gpus`; with a type, or beside others, as a gres too, which goes before that."""
    option, asked, others = _asked(work)
    found = [match for match in map(_GPUS.fullmatch, asked) if match is not None and match[0]]
    count = sum(int(match[2] or 1) for match in found)
    if len(found) < len(asked) or not count:
        return
    word = work.left[option].word
    work.put("resources", "gpus", count, option)
    work.said["resources.gpus"] = word
    if others or [match[1] for match in found] != [None]:
        work.left["gres"] = Option("gres", ",".join([*others, *(f"gpu:{each}" for each in asked)]), 0)


def _asked(work: _Work) -> tuple[str, list[str], list[str]]:
    """The option that asks for GPUs per node, what it asks for, as `2` or `a100:2`, and what else is in the gres."""
    gres = [each for each in (work.value("gres") or "").split(",") if each]
    others = [each for each in gres if each.partition(":")[0] != "gpu"]
    if len(others) < len(gres):
        return "gres", [each.partition(":")[2] or "1" for each in gres if each not in others], others
    names = ("gpus-per-node", "gpus") if _one_node(work) else ("gpus-per-node",)
    option = next((name for name in names if work.value(name)), "")
    return option, (work.value(option) or "").split(",") if option else [], others


def _one_node(work: _Work) -> bool:
    nodes, tasks = work.value("nodes"), work.value("ntasks")
    return nodes in ("1", "1-1") or (nodes is None and tasks in (None, "1"))


def _amounts(work: _Work, source: str) -> None:
    if match := _COUNT.fullmatch(work.value("cpus-per-task") or ""):
        work.put("resources", "cpus", int(match[1]), "cpus-per-task")
    if match := _MEMORY.fullmatch(work.value("mem") or ""):
        work.put("resources", "memory", f"{match[1]}{match[2].upper() or 'M'}", "mem")
    if seconds := _seconds(work.value("time") or ""):
        work.put("resources", "time", _duration(seconds), "time")


def _requeue(work: _Work, source: str) -> None:
    """What Slurm requeues for is a retry; without one a spec's runs are never requeued."""
    option, never = work.left.get("requeue"), work.left.pop("no-requeue", None)
    if option is not None and (never is None or never.line < option.line):
        work.put("retry", "on", ["PREEMPTED", "NODE_FAIL"], "requeue")
    work.left.pop("requeue", None)


def _export(work: _Work, source: str) -> None:
    option = work.left.get("export")
    for word in (option.value or "").split(",") if option is not None else ():
        match = _EXPORT.fullmatch(word)
        if option is None or word in ("ALL", ""):
            continue
        if match is None or word in ("NONE", "NIL"):
            work.note(option, f"{quoted(word)}: a run has the environment of a login shell, and what env says")
        elif match[2] and set(match[2]) & set("{}$"):  # which env would fill in
            work.setup.append(f"export {match[1]}={shlex.quote(match[2])}")
        else:
            work.put("env", match[1], match[2])
    work.left.pop("export", None)


def _array(work: _Work, source: str) -> None:
    """An array as a sweep; its tasks are told their number as Slurm would, on every backend."""
    option = work.left.get("array")
    if option is None:
        return
    indices, _, most = (option.value or "").partition("%")
    parts = [_TASKS.fullmatch(part) for part in indices.split(",")]
    ranges = [range(int(m[1]), int(m[2] or m[1]) + 1, int(m[3] or 1) or 1) for m in parts if m is not None]
    if len(ranges) < len(parts) or not all(ranges) or (most and not _COUNT.fullmatch(most)):
        raise SpecError(source, option.line, f"{quoted(option.word)} is no array of tasks, as --array=1-10%2")
    if sum(map(len, ranges)) > MOST_RUNS:
        raise SpecError(source, option.line, f"the array has {sum(map(len, ranges)):,} tasks; at most {MOST_RUNS:,}")
    tasks = list(dict.fromkeys(task for each in ranges for task in each))
    step = ranges[0].step
    regular = len(ranges) == 1 and len(tasks) > WRITTEN_OUT
    work.put("sweep", TASK, {"range": [tasks[0], tasks[-1] + 1, step]} if regular else tasks)
    if most:
        work.put("sweep", "at_most", int(most))
    work.said[f"sweep.{TASK}"] = option.word
    work.left.pop("array")
    work.put("env", TASK, f"{{{TASK}}}")
    for key, number in {"COUNT": len(tasks), "MIN": min(tasks), "MAX": max(tasks), "STEP": step}.items():
        work.put("env", f"SLURM_ARRAY_TASK_{key}", str(number))


_STEPS: tuple[Callable[[_Work, str], None], ...] = (_words, _gpus, _amounts, _requeue, _export, _array)
"""What is said in a spec's own words."""


def _folder(work: _Work, workdir: str, is_folder: Callable[[str], bool]) -> str:
    """The project folder; one that is not on this machine is gone to where the run is."""
    option = work.left.pop("chdir", None)
    if option is None or not option.value:
        return workdir
    folder = str(PurePosixPath(workdir, option.value))
    if option.value.isprintable() and is_folder(folder):
        return folder
    work.setup.append(f"cd {shlex.quote(option.value)}")
    return workdir


def _body(work: _Work, text: str, interpreter: tuple[str, ...], name: str, source: str) -> tuple[str, str]:
    """Set-up and command; where the script is no shell's, or a command cannot hold it, it is run as it lies there."""
    if not text.strip():
        raise SpecError(source, None, "has no command")
    program = PurePosixPath(next((w for w in reversed(interpreter) if not w.startswith("-")), "sh")).name
    flags = "".join(match[1] for word in interpreter if (match := _FLAGS.fullmatch(word))).replace("l", "")
    body = split(f"set -{flags}\n{text}" if flags else text)
    command = as_command(body.command) if program in SHELLS else None
    if "SLURM_SUBMIT_DIR" in text:
        work.setup.insert(0, 'export SLURM_SUBMIT_DIR="$PWD"')
    if _POSITIONAL.search(_SINGLE.sub("''", text)) and not _FUNCTION.search(text):
        work.notes.append('uses the words behind "sbatch SCRIPT" ($1, …): put a {parameter} in their place')
    if command is None:
        why = "no shell reads it" if program not in SHELLS else "it has braces that a command would fill"
        work.notes.append(f"the command runs {quoted(name)} itself, since {why}: it must lie in the project folder")
        return "\n".join(work.setup), shlex.join([*(interpreter or ("sh",)), name]).replace("{", "{{").replace(
            "}", "}}"
        )
    setup = "\n".join([*work.setup, *([body.setup] if body.setup else [])])
    return setup + "\n" * ("\n" in setup), command + "\n" * ("\n" in command)


def _others(work: _Work) -> None:
    """What only sbatch understands, a word each."""
    kept = []
    for option in list(work.left.values()):
        if option.name in LEFT_OUT:
            work.note(option, LEFT_OUT[option.name])
        elif problem := sbatch.problem(option.word) or ("" if option.word.split() == [option.word] else _SPACES):
            work.note(option, problem)
        else:
            kept.append(option.word)
    if kept:
        work.put("slurm", "sbatch", kept)


def _seconds(text: str) -> int | None:
    """A time limit as sbatch has it, minutes or days-hours:minutes:seconds; None for none, or for one without end."""
    match = _TIME.fullmatch(text)
    if match is None:
        return None
    days, first, second, third = (None if part is None else int(part) for part in match.groups())
    if days is not None:
        hours, minutes, seconds = first or 0, second or 0, third or 0
    elif third is not None:
        hours, minutes, seconds = first or 0, second or 0, third
    else:
        hours, minutes, seconds = 0, first or 0, second or 0
    return (((days or 0) * 24 + hours) * 60 + minutes) * 60 + seconds


def _duration(seconds: int) -> str:
    """As people write it: `1d12h`, `90m`."""
    units = {"d": 86400, "h": 3600, "m": 60, "s": 1}
    if seconds % 60 == 0 and seconds < 7200:
        return f"{seconds // 60}m"
    parts = []
    for unit, size in units.items():
        count, seconds = divmod(seconds, size)
        parts += [f"{count}{unit}"] if count else []
    return "".join(parts)
