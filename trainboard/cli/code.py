"""`trainboard code`."""

from __future__ import annotations

import asyncio
import io
import sys
import tarfile
from pathlib import Path
from typing import TYPE_CHECKING

from backends.base import Archive, CodeFile
from backends.snapshot import kind
from specs.tree import nearest, quoted
from trainboard.actions import Refused
from trainboard.cli.desk import open_desk
from trainboard.cli.logs import write
from trainboard.cli.terminal import TerminalPrompter, print_json, print_table
from trainboard.code import LEFT_OUT
from trainboard.restore import restore
from trainboard.show import clean
from trainboard.show import size as as_size

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterable, Mapping

    from backends.base import Snapshot
    from trainboard.archive import Archives
    from trainboard.documents import Records
    from trainboard.records import Experiment

KINDS = {"f": "file", "x": "executable", "l": "link"}


def code(chosen: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """The code that a run ran with: what git said of it, its files, or a folder with it. No host is asked."""
    desk = open_desk(environ, TerminalPrompter())
    experiment = named(asyncio.run(desk.store.load()), chosen.runs[0])
    if chosen.diff:
        write(diff_of(experiment, desk.archives))
    elif chosen.restore is not None:
        restore(kept(experiment, desk.archives), Path(chosen.restore))
        sys.stdout.write(f"{clean(chosen.restore)}: the code of {experiment.id}\n")
    elif chosen.json:
        print_json(as_json(experiment, desk.archives))
    elif chosen.files:
        rows = [(as_size(file.size), shown(file)) for file in files_of(kept(experiment, desk.archives))]
        print_table(("SIZE", "FILE"), rows)
    else:
        print_table((), list(described(experiment, desk.archives)))
    return 0


def named(records: Records, name: str) -> Experiment:
    """The experiment that a word names, or one of whose runs it names. Raises `Refused`."""
    run = records.runs.get(name)
    found = records.experiments.get(run.experiment if run else name)
    if found is None:
        words = {*records.runs, *records.experiments}
        raise Refused(f"no run or experiment {quoted(name)}{nearest(name, words)}; `trainboard ls` lists them")
    return found


def kept(experiment: Experiment, archives: Archives) -> Snapshot | Archive:
    """Its code. Raises `Refused`."""
    if not experiment.code:
        raise Refused(f"{experiment.id}: its code was not kept")
    return archives.load(experiment.code)


def diff_of(experiment: Experiment, archives: Archives) -> bytes:
    """What was not committed; empty where everything was. Raises `Refused`."""
    if "commit" not in experiment.git:
        raise Refused(f"{experiment.id}: no commit is known; --files and --restore show what there was")
    digest = experiment.git.get("diff")
    if digest == "":
        raise Refused(f"{experiment.id}: what was not committed was too large to be kept; see --restore")
    return b"" if digest is None else archives.read(digest)


def left_out(experiment: Experiment, archives: Archives) -> list[str]:
    """The files that were not taken, each with the reason. Raises `Refused`."""
    digest = experiment.git.get(LEFT_OUT)
    return archives.read(digest).decode("utf-8", "replace").splitlines() if digest else []


def files_of(code: Snapshot | Archive) -> list[CodeFile]:
    """What is in it, by path."""
    return archived(code.archive) if isinstance(code, Archive) else list(code.files)


def archived(content: bytes) -> list[CodeFile]:
    """What is in an archive of an older version."""
    with tarfile.open(fileobj=io.BytesIO(content)) as archive:
        return [
            CodeFile(each.name, "", each.size, bool(each.mode & 0o100), each.linkname)
            for each in archive.getmembers()
        ]


def shown(file: CodeFile) -> str:
    """A file as a line of a list."""
    return f"{file.path} -> {file.target}" if file.target else file.path + ("*" if file.executable else "")


def as_json(experiment: Experiment, archives: Archives) -> dict[str, object]:
    """What is promised to scripts."""
    return {
        "experiment": experiment.id,
        "code": experiment.code or None,
        "commit": experiment.git.get("commit"),
        "branch": experiment.git.get("branch"),
        "uncommitted": experiment.git.get("diff") is not None,
        "left_out": left_out(experiment, archives),
        "files": [
            {
                "path": file.path,
                "kind": KINDS[kind(file)],
                "size": file.size,
                "sha256": file.digest or None,
                "target": file.target or None,
            }
            for file in (files_of(kept(experiment, archives)) if experiment.code else ())
        ],
    }


def described(experiment: Experiment, archives: Archives) -> Iterable[tuple[str, str]]:
    """It in a few lines for people, and nothing that is not known."""
    yield "experiment", experiment.id
    yield "spec", experiment.source
    for name in ("commit", "branch"):
        if name in experiment.git:
            yield name, experiment.git[name]
    if "commit" in experiment.git:
        yield "uncommitted", changes(experiment, archives)
    if not experiment.code:
        yield "files", "not kept"
    else:
        files = files_of(kept(experiment, archives))
        yield "files", f"{len(files)}, {as_size(sum(file.size for file in files))}"
        yield "digest", experiment.code
    for line in left_out(experiment, archives):
        yield "left out", line


def changes(experiment: Experiment, archives: Archives) -> str:
    """How much was not committed."""
    if experiment.git.get("diff") == "":
        return "too large to be kept"
    lines = diff_of(experiment, archives).splitlines()
    files = sum(line.startswith(b"diff --git ") for line in lines)
    return f"{files} file{'' if files == 1 else 's'}, see --diff" if files else "nothing"
