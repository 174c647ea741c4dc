"""An sbatch script taken apart: its interpreter, its options as sbatch reads them, and what it runs. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass

from specs.model import SpecError
from specs.tree import quoted

SHORT = {
    "a": "array", "A": "account", "b": "begin", "B": "extra-node-info", "c": "cpus-per-task", "C": "constraint",
    "d": "dependency", "D": "chdir", "e": "error", "F": "nodefile", "G": "gpus", "h": "help", "H": "hold",
    "i": "input", "J": "job-name", "k": "no-kill", "L": "licenses", "m": "distribution", "M": "clusters",
    "n": "ntasks", "N": "nodes", "o": "output", "O": "overcommit", "p": "partition", "q": "qos", "Q": "quiet",
    "s": "oversubscribe", "S": "core-spec", "t": "time", "v": "verbose", "V": "version", "w": "nodelist",
    "W": "wait", "x": "exclude",
}  # fmt: skip
"""sbatch's letters; `sbatch --help` of Slurm 22.05 and the manual of 24.11."""
FLAGS = frozenset(
    {
        *("contiguous", "help", "hold", "ignore-pbs", "no-requeue", "overcommit", "parsable", "quiet", "reboot"),
        *("requeue", "spread-job", "stepmgr", "test-only", "usage", "use-min-nodes", "verbose", "version", "wait"),
    }
)
"""Options without a value."""
MAYBE = frozenset({"exclusive", "get-user-env", "nice", "no-kill", "oversubscribe", "propagate", "resv-ports"})
"""Options whose value, if there is one, stands behind a `=`."""
OTHERS = frozenset(
    {
        *("bb", "bbf", "cluster-constraint", "comment", "container", "container-id", "cores-per-socket", "cpu-freq"),
        *("cpus-per-gpu", "deadline", "delay-boot", "export", "export-file", "extra", "gid", "gpu-bind", "gpu-freq"),
        *("gpus-per-node", "gpus-per-socket", "gpus-per-task", "gres", "gres-flags", "hint", "kill-on-invalid-dep"),
        *("mail-type", "mail-user", "mcs-label", "mem", "mem-bind", "mem-per-cpu", "mem-per-gpu", "mincpus"),
        *("network", "ntasks-per-core", "ntasks-per-gpu", "ntasks-per-node", "ntasks-per-socket", "open-mode"),
        *("power", "prefer", "priority", "profile", "reservation", "segment", "signal", "sockets-per-node"),
        *("switches", "thread-spec", "threads-per-core", "time-min", "tmp", "tres-bind", "tres-per-task", "uid"),
        *("wait-all-nodes", "wckey", "wrap"),
    }
)
"""The other options: with a value, and without a letter."""
LONG = FLAGS | MAYBE | OTHERS | frozenset(SHORT.values())

_MARK = "#SBATCH"
_WORD = re.compile(r"[a-z][a-z0-9-]*", re.ASCII)


@dataclass(frozen=True, slots=True)
class Option:
    """One option of sbatch."""

    name: str
    """In its long form, without dashes."""
    value: str | None
    line: int

    @property
    def word(self) -> str:
        """It as one word."""
        return f"--{self.name}" if self.value is None else f"--{self.name}={self.value}"


@dataclass(frozen=True, slots=True)
class Script:
    """A batch script."""

    interpreter: tuple[str, ...]
    """The words behind `#!`."""
    options: tuple[Option, ...]
    remarks: tuple[str, ...]
    """Its comments before the first command."""
    body: str
    """From the first command on."""
    notes: tuple[str, ...]


def take_apart(text: str, source: str) -> Script:
    """The parts of a script. Raises `SpecError` for one that is none, or several jobs in one."""
    lines = text.split("\n")
    if not lines[0].startswith("#!"):
        raise SpecError(source, 1, 'is no batch script: its first line must begin with "#!", as "#!/bin/bash"')
    begin = next(
        (at for at, line in enumerate(lines) if line.strip() and not line.lstrip().startswith("#")), len(lines)
    )
    words: list[tuple[str, int]] = []
    remarks: list[str] = []
    for number, line in enumerate(lines[1:begin], 2):
        if line.startswith(_MARK):
            words += [(word, number) for word in _words(line[len(_MARK) :])]
        elif line.strip():
            remarks.append(line.strip()[1:].strip())
    notes: list[str] = []
    options = _options(words, source, notes)
    late = [number for number, line in enumerate(lines[begin:], begin + 1) if line.startswith(_MARK)]
    notes += [f"line {at}: #SBATCH behind the first command, which sbatch does not read: left out" for at in late]
    return Script(tuple(lines[0][2:].split()), options, tuple(remarks), "\n".join(lines[begin:]), tuple(notes))


def _words(text: str) -> list[str]:
    """A line's words as sbatch takes them: quotes hold white space, `#` outside of them begins a comment."""
    found: list[str] = []
    word, quote, escaped, within = "", "", False, False
    for letter in f"{text} ":
        if (escaped and not letter.isspace()) or (quote and letter not in (quote, "\\")):
            word, escaped = word + letter, False
        elif letter == "\\":
            escaped = True
        elif letter in "\"'":
            quote, within = ("", True) if quote else (letter, True)
        elif letter.isspace() or letter == "#":
            found += [word] if word or within else []
            word, within, escaped = "", False, False
            if letter == "#":
                return found
        else:
            word += letter
    return [*found, word] if quote and word else found


def _options(words: list[tuple[str, int]], source: str, notes: list[str]) -> tuple[Option, ...]:
    found: list[Option] = []
    rest = iter(words)
    for word, line in rest:
        if word in ("hetjob", "packjob"):
            raise SpecError(source, line, f"{quoted(word)}: several jobs in one script; make a script of each")
        if word.startswith("--"):
            name, equals, value = word[2:].partition("=")
            name = _whole(name)
            pairs = [(name, value if equals else None, _takes_value(name))]
        elif word.startswith("-") and len(word) > 1:
            pairs = _letters(word[1:])
        else:
            notes.append(f"line {line}: {quoted(word)} is no option: left out")
            continue
        for name, given, wanted in pairs:
            if given is None and wanted:
                given = next(rest, (None, line))[0]
            if not _WORD.fullmatch(name) or (given is None and wanted):
                notes.append(f"line {line}: {quoted(word)} is not complete: left out")
                continue
            found.append(Option(name, given, line))
    return tuple(found)


def _letters(text: str) -> list[tuple[str, str | None, bool]]:
    """The options in one word of letters: flags, and at the end one with a value, which may be in the word."""
    found: list[tuple[str, str | None, bool]] = []
    for at, letter in enumerate(text):
        name = SHORT.get(letter, letter)
        if letter in SHORT and _takes_value(name):
            return [*found, (name, text[at + 1 :].removeprefix("=") or None, True)]
        found.append((name, None, False))
    return found


def _whole(name: str) -> str:
    """A long option without its abbreviation, where that is clear."""
    near = [each for each in sorted(LONG) if each.startswith(name)]
    return near[0] if name and name not in LONG and len(near) == 1 else name


def _takes_value(name: str) -> bool:
    return name in LONG and name not in FLAGS | MAYBE
