"""The set-up of a run, tried in a login shell on a host before anything is submitted: the question and the answer."""

from __future__ import annotations

import re
import shlex
from typing import TYPE_CHECKING

from backends import script
from backends.base import HostTimeout
from backends.checks import Rehearsal, Unknown
from backends.text import one_line

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from backends.base import Completed, Plan
    from backends.checks import Program
    from backends.host import Host

PATIENCE = 30.0
"""Seconds for the set-up and all that is looked for after it: a login node is no place for more."""

CAP = 1 << 16
"""Bytes of its output."""

FINDER = (
    "import sys,importlib.util as u\n"
    "lacking=[name for name in sys.argv[3:] if u.find_spec(name) is None]\n"
    "print(sys.argv[1],'imports',sys.argv[2],','.join(lacking))"
)
"""Looks for modules and loads none of them."""


async def rehearse(
    host: Host, shell: Sequence[str], plan: Plan, programs: Sequence[Program], folder: str, more: Mapping[str, str]
) -> Rehearsal | Unknown:
    """Try the set-up of a plan, then look for these programs; without a GPU, and with little priority.

    `folder`: where, as shell text; `more`: what run.sh exports besides the plan's. Raises `BackendError` where the
    host does not do its part.
    """
    mark = f"~{plan.token}~"
    argv = ["nice", "-n", "10", *shell, "-c", rehearsal_script(plan, programs, mark, folder, more)]
    try:
        done = await host.run(argv, PATIENCE, CAP, env=plan.secrets)
    except HostTimeout:
        return Unknown(f"the set-up was not done within {PATIENCE:g} s")
    return parse_rehearsal(done, programs, mark, plan.secrets)


def rehearsal_script(plan: Plan, programs: Sequence[Program], mark: str, folder: str, more: Mapping[str, str]) -> str:
    """Shell text that tells what it finds on standard output, in lines that begin with `mark`."""
    lines = [
        "exec 3>&1 1>&2 </dev/null",
        script.environment(plan, dict(more)).rstrip(),
        "export CUDA_VISIBLE_DEVICES=",
        f"cd {folder} || exit 1",
        f"trap 'echo \"{mark} setup $?\" >&3' EXIT",
        f"set -e\n{plan.setup.rstrip()}\nset +e",
        "trap - EXIT",
        f'echo "{mark} setup 0" >&3',
    ]
    for number, program in enumerate(programs):
        lines += [*_looks(number, program, mark)]
    return "\n".join(lines) + "\nexit 0\n"


def _looks(number: int, program: Program, mark: str) -> list[str]:
    """What is asked of one program. Its words are the user's own shell text, as in the command itself."""
    said = f'"{mark} word {number} $(command -v {program.word} | head -n 1)"'
    lines = [f"if command -v {program.word} >/dev/null; then echo {said} >&3; fi"]
    if program.script:
        lines.append(f'[ -e {program.script} ] || echo "{mark} absent {number}" >&3')
    if program.imports:
        modules = " ".join(map(shlex.quote, program.imports))
        asked = f"{program.word} -c {shlex.quote(FINDER)} '{mark}' {number} {modules}"
        lines.append(f'{asked} >&3 || echo "{mark} broken {number}" >&3')
    return lines


def parse_rehearsal(done: Completed, programs: Sequence[Program], mark: str, secrets: Mapping[str, str]) -> Rehearsal:
    """What it told; lines that are not ours are left aside."""
    setup: int | None = None
    where: dict[str, str] = {}
    absent: set[str] = set()
    broken: set[str] = set()
    lacking: dict[str, tuple[str, ...]] = {}
    for line in done.out.decode("utf-8", "replace").splitlines():
        match = re.fullmatch(re.escape(mark) + r" (\w+) (\d{1,3}) ?(.*)", line)
        if match is None:
            continue
        kind, number, rest = match[1], int(match[2]), match[3]
        if kind == "setup":
            setup = number
        elif number < len(programs):
            program = programs[number]
            if kind == "word":
                where[program.word] = one_line(rest)
            elif kind == "absent":
                absent.add(program.script)
            elif kind == "broken":
                broken.add(program.word)
            elif kind == "imports":
                names = [one_line(name, 60) for name in rest.split(",") if name]
                lacking[program.word] = tuple(dict.fromkeys([*lacking.get(program.word, ()), *names]))
    where = {word: path for word, path in where.items() if word not in broken}
    code = setup if setup is not None else (done.code or None)
    return Rehearsal(code, _last_words(done.err, secrets), where, frozenset(absent), lacking)


def _last_words(text: bytes, secrets: Mapping[str, str]) -> str:
    """The end of what it printed, the values of secrets taken out."""
    words = text.decode("utf-8", "replace")
    for value in sorted(filter(None, secrets.values()), key=len, reverse=True):
        words = words.replace(value, "•••")
    lines = [line for line in (one_line(line) for line in words.splitlines()) if line]
    return one_line(" / ".join(lines[-2:]))
