"""What a command will want to find where it runs, as far as its text tells."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from backends.checks import Program
from trainboard.preflight.imports import imports_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from backends.base import Plan
    from specs.model import Setting

MOST = 16
"""Different programs of one spec that are looked for."""

_WORD = re.compile(
    r"(?:[^\s'\"\\`$();&|<>{}#]|\\[^\n]|'[^']*'|\"(?:[^\"\\`$]|\\[^\n]|\$\w+|\$\{[^{}`'\"]*\})*\""
    r"|\$\{[^{}`'\"\n]*\}|\$\w+|[{},#](?<=[^\s].))+"
)
_SPACE = re.compile(r"(?:[ \t]|\\\n)*")
_REDIRECTION = re.compile(r"\d?(?:>>?|<)(?:&\d|[ \t]*" + _WORD.pattern + ")")
_NEXT = re.compile(r"(?:&&|;|\||\n)\s*")
_COMMENT = re.compile(r"#[^\n]*")
_PLAIN = re.compile(r"[\w./:@%+=,-]+", re.ASCII)
_ASSIGNMENT = re.compile(r"[A-Za-z_]\w*=")
_PYTHON = re.compile(r"(?:.*/)?python[\d.]*[\"'}]*|[\"']?\$\{?PYTHON\b.*", re.IGNORECASE)
_INTERPRETER = re.compile(r"(?:.*/)?(?:ba|da|z|k)?sh|(?:.*/)?(?:Rscript|julia|perl|node|ruby|lua)")

_LAUNCHER = re.compile(
    r"(?:.*/)?(?:torchrun|accelerate|deepspeed|srun|mpirun|mpiexec|horovodrun|ipython|coverage|xvfb-run)"
)
"""What starts a Python program that is named among its arguments, in the same environment."""

_UNSET = re.compile(r"\$\{?(?:SLURM|TRAINBOARD|TMPDIR)")
"""A word that means something where a run runs only."""

PREFIXES = frozenset(("exec", "time", "env", "nohup", "command"))
"""Words before a command that change nothing about it."""

SHELL = frozenset(
    (
        *("cd", "pushd", "source", ".", "eval", "export", "declare", "unset", "alias", "hash", "function", "coproc"),
        *("if", "for", "while", "until", "case", "select", "[[", "!"),
        *("module", "ml", "conda", "mamba", "micromamba", "spack"),
    )
)
"""Words behind which a command is what no text tells: another folder, another environment, a condition."""

IDLE = frozenset(
    (
        *("echo", "printf", "sleep", "date", "hostname", "pwd", "ls", "cat", "uname", "which", "true", ":", "set"),
        *("trap", "ulimit", "umask", "nvidia-smi", "test", "[", "wait", "df", "free", "id", "whoami", "lscpu"),
    )
)
"""Programs that leave everything as it was for what comes after them. Behind others nothing is looked for."""


@dataclass(frozen=True, slots=True)
class Commands:
    """The programs of all runs."""

    programs: Mapping[Program, tuple[int, ...]]
    """With the runs that begin them."""
    unread: tuple[int, ...] = ()
    """Runs whose command says nothing that could be looked for."""
    more: int = 0
    """Programs beyond the first `MOST`."""


def commands_of(settings: Sequence[Setting], plans: Sequence[Plan]) -> Commands:
    """What the commands of these runs begin, Python programs with what they import. Reads those programs."""
    found: dict[Program, list[int]] = {}
    unread: list[int] = []
    read: dict[Program, Program] = {}
    for setting, plan in zip(settings, plans, strict=True):
        programs = list(programs_in(plan.command))
        if not programs:
            unread.append(setting.index)
        for program in programs:
            if program not in read:
                read[program] = with_imports(program, plan)
            found.setdefault(read[program], []).append(setting.index)
    kept = list(found.items())[:MOST]
    return Commands({program: tuple(runs) for program, runs in kept}, tuple(unread), len(found) - len(kept))


def programs_in(command: str) -> Iterator[Program]:
    """The programs that a command begins, one after the other, until its text says no more."""
    for words in simple_commands(command):
        assigned = bool(words) and _ASSIGNMENT.match(words[0]) is not None
        while words and (words[0] in PREFIXES or _ASSIGNMENT.match(words[0])):
            words = words[1:]
        if not words or words[0] in SHELL or words[0].startswith("-") or _UNSET.search(words[0]):
            return
        yield program_of(words)
        if assigned or words[0] not in IDLE:
            return


def simple_commands(text: str) -> Iterator[list[str]]:
    """The words of each simple command, as they are written; it ends where the shell's grammar begins."""
    at = 0
    while at < len(text):
        words, at = _words(text, at)
        end = _NEXT.match(text, at)
        if words and not text.startswith("(", at):
            yield words
        if end is None:
            return  # the end; or a subshell, a here-document, …: what belongs to what is no longer plain
        at = end.end()


def _words(text: str, at: int) -> tuple[list[str], int]:
    """The words from a place on, and where they end."""
    words: list[str] = []
    while True:
        space = _SPACE.match(text, at)
        at = space.end() if space else at
        match = _COMMENT.match(text, at) or _REDIRECTION.match(text, at)
        if match is None and (match := _WORD.match(text, at)):
            words.append(match[0])
        if match is None:
            return words, at
        at = match.end()


def program_of(words: Sequence[str]) -> Program:
    """The program of a simple command, and the script that it is given."""
    word, rest = words[0], words[1:]
    if _PYTHON.fullmatch(word):
        if "-c" in rest or rest[:1] == ["-"]:
            return Program(word)
        if "-m" in rest[:4]:
            module = "".join(rest[rest.index("-m") + 1 : rest.index("-m") + 2])
            plain = re.fullmatch(r"[\w.]+", module)
            return Program(word, "", (module,) if plain else ())
        return Program(word, python_script(rest))
    if _INTERPRETER.fullmatch(word):
        script = next(iter(rest), "")
        return Program(word, "" if script.startswith("-") or not plain_word(script) else script)
    return Program(word, python_script(rest) if _LAUNCHER.fullmatch(word) else "")


def python_script(arguments: Sequence[str]) -> str:
    """The first argument that names one."""
    return next((each for each in arguments if plain_word(each).endswith(".py")), "")


def with_imports(program: Program, plan: Plan) -> Program:
    """A Python program with the modules that it cannot do without, as far as it can be read here."""
    if not _PYTHON.fullmatch(program.word):
        return program
    script, module = plain_word(program.script), "".join(program.imports)
    if not script and not module:
        return program
    return replace(program, imports=imports_of(plan.workdir, script, module, plan.env.get("PYTHONPATH", "")))


def plain_word(word: str) -> str:
    """What a word of shell text stands for; empty where only a shell knows."""
    if _PLAIN.fullmatch(word):
        return word
    if re.search(r"[$`*?~]|\[", word):
        return ""
    try:
        words = shlex.split(word)
    except ValueError:
        return ""
    return words[0] if len(words) == 1 else ""


def in_project(word: str) -> str:
    """The path from the project folder on that a word stands for; empty for one that leads elsewhere."""
    plain = plain_word(word)
    return plain if plain and not plain.startswith("/") else ""


def local_files(program: Program, folder: Path) -> list[str]:
    """What the program wants of the project folder and is not there."""
    return [path for path in wanted(program) if not (folder / path).exists()]


def wanted(program: Program) -> list[str]:
    """What the program wants of the project folder: itself, if it is from there, and its script."""
    return [path for path in (started(program), in_project(program.script)) if path]


def started(program: Program) -> str:
    """The path of a program that is in the project; empty for any other."""
    return in_project(program.word) if "/" in program.word else ""


def elsewhere(program: Program) -> Program | None:
    """What is to be looked for on a host that does not have the project folder yet; None: nothing."""
    if started(program):
        return None
    return replace(program, script="") if in_project(program.script) else program


HEAVY = re.compile(
    r"\b(?:pip3?|conda|mamba|micromamba|uv)[ \t]+(?:[^\s;&|]+[ \t]+)*?(?:install|create|sync|update|env\s+create)\b"
    r"|\b(?:apt-get|apt|dnf|yum|cmake|make|ninja|wget|curl|rsync|scp|srun|sbatch|salloc|docker|tar|unzip)\s"
    r"|\bvirtualenv[ \t]|(?:-m|\buv)[ \t]+(?:venv|virtualenv)\b"
    r"|\bgit\s+(?:clone|pull|fetch|submodule)\b|\brm\s+-"
)
"""What a login node is no place for, or what changes something: such a set-up is not tried."""

MOVES = re.compile(r"(?:^|[\s;&|(])(?:cd|pushd)\s")
"""A set-up that goes to another folder."""

ON_NODES = re.compile(
    r"nvidia-smi|\bSLURM_|\bsrun\b|\bTMPDIR\b|\bTRAINBOARD_|\bCUDA_VISIBLE_DEVICES\b|/local_?scratch"
)
"""What there may be where a run runs only: a set-up that fails on it on a login node may do all the same."""


def untried(setup: str, folder: Path, *, shared: bool) -> str:
    """Why a set-up is not tried; empty where it can be. `shared`: whether the project folder is there already."""
    if match := HEAVY.search(setup):
        return f"the set-up does more than prepare a shell (“{' '.join(match[0].split())}”)"
    if shared:
        return ""
    words = (in_project(word) for word in re.split(r"[\s;&|()<>]+", setup) if word)
    used = next((word for word in words if word not in ("", ".", "..") and (folder / word).exists()), "")
    return f"the set-up uses {used} of the project, which is sent when it is submitted" if used else ""
