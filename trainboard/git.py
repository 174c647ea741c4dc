"""What git says of a project at a submission: commit, branch, and what is not committed yet."""

from __future__ import annotations

import os
import re
import subprocess
import threading
from typing import TYPE_CHECKING

from backends.base import Rejected
from backends.listing import PATIENCE, environment, git, in_git

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

LARGEST_DIFF = 16 << 20
"""Bytes of a diff that are kept."""

DIFF = (
    *("diff", "HEAD", "--no-color", "--no-ext-diff", "--no-textconv", "--no-renames", "--no-relative"),
    *("--unified=3", "--submodule=short", "--src-prefix=a/", "--dst-prefix=b/"),
)
"""What a user's settings of git may say otherwise, and `git apply` would not take."""

PART = re.compile(rb"^(?=diff --git )", re.MULTILINE)
"""Where the part of a file begins; every other line of a diff begins with something else."""


def described(folder: Path) -> dict[str, str]:
    """`commit` (40 digits) and `branch`, as far as there are any: none where there is no git. Raises `Rejected`."""
    if not in_git(folder):
        return {}
    done = git(folder, "status", "--porcelain=v2", "--branch", "--untracked-files=no", "--ignore-submodules=all")
    lines = [line.split(" ", 2) for line in done.stdout.decode("utf-8", "replace").splitlines() if line[:2] == "# "]
    said = {words[1]: words[2] for words in lines if len(words) == 3}
    found = {"commit": said.get("branch.oid", ""), "branch": said.get("branch.head", "")}
    return {name: value for name, value in found.items() if value and not value.startswith("(")}


def uncommitted(folder: Path, left_out: Callable[[str, bytes], bool], largest: int = LARGEST_DIFF) -> bytes | None:
    """The difference between the commit and the files, for `git apply` anywhere in there; without files left out.

    `left_out` is asked with a file's path, deleted ones too, and nothing, then with its part of the difference.
    Files that git does not know are not in it. None where it is more than `largest` bytes even without binary
    files. Raises `Rejected`.
    """
    changed = _diff(folder, LARGEST_DIFF, "--name-only", "-z", "--relative")
    if changed is None:
        return None
    names = [os.fsdecode(name) for name in changed.split(b"\0") if name]
    never = [f":(exclude,literal){name}" for name in names if left_out(name, b"")]
    if len(never) == len(names):
        return b""
    said = _diff(folder, largest, "--binary", "--", ".", *never)
    if said is None:
        said = _diff(folder, largest, "--", ".", *never)
    if said is None:
        return None
    above = git(folder, "rev-parse", "--show-prefix").stdout.removesuffix(b"\n")
    parts = [(os.fsdecode(_path(part).removeprefix(above)), part) for part in PART.split(said)[1:]]
    gone = {path for path, part in parts if left_out(path, part)}  # a file that becomes a link has two parts
    return b"".join(part for path, part in parts if path not in gone)


def _path(part: bytes) -> bytes:
    """The file that a part of a diff is about, from the top of the repository: as `a/…` and again as `b/…`."""
    both = part.partition(b"\n")[0].removeprefix(b"diff --git ")
    one = both[: len(both) // 2]
    if one.startswith(b'"'):  # as C writes it, by the byte
        one = one[1:-1].decode("unicode_escape").encode("latin-1")
    return one.removeprefix(b"a/")


def _diff(folder: Path, largest: int, *words: str) -> bytes | None:
    """What `git diff` says; None where that is too much. Raises `Rejected`."""
    command = ["git", "-C", str(folder), *DIFF, *words]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment()) as process:
        assert process.stdout is not None
        killer = threading.Timer(PATIENCE, process.kill)
        killer.start()
        try:
            said = process.stdout.read(largest + 1)
            if len(said) > largest:
                process.kill()
            process.wait()
        finally:
            killer.cancel()
    if len(said) > largest:
        return None
    if process.returncode != 0:
        raise Rejected(f"{folder}: git diff failed ({process.returncode})", "try `git diff HEAD` there by hand")
    return said
