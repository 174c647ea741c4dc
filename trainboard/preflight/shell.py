"""Checks of the set-up and of what the command wants to find after it."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from trainboard.preflight import programs
from trainboard.preflight.said import failing, passing, warning
from trainboard.preflight.sent import Lack

if TYPE_CHECKING:
    from collections.abc import Iterator

    from backends.checks import Program, Rehearsal
    from trainboard.preflight.facts import Facts
    from trainboard.preflight.said import Said

NOT_ON_LOGIN = "if it works on the nodes all the same, submit with --force"


def setup(facts: Facts, tried: Rehearsal) -> Iterator[Said]:
    """Whether the set-up works in a login shell there."""
    text = facts.question.plan.setup
    if tried.setup == 0:
        if text.strip():
            yield passing("worked in a login shell")
        return
    how = "ended the shell" if tried.setup is None else f"ended with {tried.setup}"
    said = f"the {'set-up' if text.strip() else 'login shell'} {how}: {tried.said or 'nothing said'}"
    if facts.kind == "slurm" and (match := programs.ON_NODES.search(text)):
        yield warning(f"{said} (it uses {match[0]}, which there may be on the nodes only)")
    else:
        yield failing(said, NOT_ON_LOGIN if facts.kind == "slurm" else "correct `setup`")


def files(facts: Facts, known: object) -> Iterator[Said]:
    """Whether the project folder has the programs of the command, and they go along where it is sent."""
    for program, runs in facts.question.commands.programs.items():
        for lack in lacks(facts, program):
            if not made_by_setup(facts, lack):
                yield failing(lack.text, lack.advice, runs)
            elif not facts.shared:
                yield warning(f"{lack.text}, unless the set-up sees to it", runs=runs)


def lacks(facts: Facts, program: Program) -> list[Lack]:
    """The program's own files that would be missing where it runs."""
    missing = programs.local_files(program, facts.question.spec.workdir)
    found = [Lack(path, f"{path}: not in the project folder", "correct `command`, or `workdir`") for path in missing]
    sent = facts.question.sent
    if facts.shared or sent is None:
        return found
    here = (path for path in programs.wanted(program) if path not in missing)
    there = (sent.lack(path, starts=path == programs.started(program)) for path in here)
    return [*found, *filter(None, there)]


def made_by_setup(facts: Facts, lack: Lack) -> bool:
    """Whether what is lacking now may be there after the set-up, or another folder be the one that counts."""
    setup, path = facts.question.plan.setup, lack.path.removeprefix("./")
    made = path in setup or any(fnmatchcase(path, word.removeprefix("./")) for word in setup.split())
    return made or bool(programs.MOVES.search(setup) or programs.HEAVY.search(setup))


def command(facts: Facts, tried: Rehearsal) -> Iterator[Said]:
    """Whether what the command begins is there."""
    commands, found = facts.question.commands, []
    for program, runs in commands.programs.items():
        if any(not made_by_setup(facts, lack) for lack in lacks(facts, program)):
            continue  # `files` says so
        if (asked := asked_of(facts, program)) is None:
            found.append(program.word)
        elif tried.setup != 0:
            yield warning(f"{program.word}: not looked for, as the set-up did not come to its end", runs=runs)
        elif program.word not in tried.where:
            yield failing(f"{program.word}: not found, or it does not run", "correct `command`, or `setup`", runs)
        elif asked.script in tried.absent:
            yield failing(f"{program.script}: not there", "correct `command`", runs)
        else:
            found.append(" ".join(dict.fromkeys((program.word, tried.where[program.word]))))
    if found:
        yield passing(", ".join(dict.fromkeys(found)))
    if commands.unread:
        yield warning("not looked for: the command begins with more than a program", runs=commands.unread)
    if commands.more:
        yield warning(f"{commands.more} more programs were not looked for")


def asked_of(facts: Facts, program: Program) -> Program | None:
    """What the host was asked of a program; None: nothing."""
    return program if facts.shared else programs.elsewhere(program)


def imports(facts: Facts, tried: Rehearsal) -> Iterator[Said]:
    """Whether Python finds what the program imports at its top."""
    for program, runs in facts.question.commands.programs.items():
        if not program.imports:
            continue
        lacking = tried.lacking.get(program.word)
        if lacking is None:
            yield warning(f"{', '.join(program.imports)}: not looked for", runs=runs)
        elif missing := [name for name in program.imports if name in lacking]:
            advice = "install them there, or have `setup` activate the environment that has them"
            yield failing(f"{tried.where.get(program.word, program.word)} has no {', '.join(missing)}", advice, runs)
        else:
            yield passing(", ".join(program.imports))
