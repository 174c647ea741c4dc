"""Which files are a project's: what git does not ignore, or what `.gitignore` files leave where there is no git."""

from __future__ import annotations

import os
import stat
import subprocess
from typing import TYPE_CHECKING

from backends.base import Rejected
from backends.text import one_line

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from pathspec import GitIgnoreSpec

LEFT_OUT = (
    ".git",
    ".hg",
    ".svn",
    ".venv",
    "venv",
    "__pycache__",
    "node_modules",
    ".ipynb_checkpoints",
    ".mypy_cache",
    ".ruff_cache",
    ".pytest_cache",
)
"""Never code, whatever `.gitignore` says; a file that git knows goes all the same."""

MOST = 100_000
"""Files of what may be a project: a whole home folder is none."""

PATIENCE = 60.0
"""Seconds that git may take: a large repository on a slow network disk."""

READABLE = "make it readable, or list it in .gitignore or in `code: exclude`"


def listed(folder: Path, exclude: Sequence[str] = (), most: int = MOST) -> Mapping[str, os.stat_result]:
    """The files and links of a project, by path from there, with their own `lstat`; in the order of the paths' bytes.

    Pipes, sockets and devices are none. `exclude`: patterns as in `.gitignore`. Blocks. Raises `Rejected` where a
    folder cannot be read or git does not answer, and for more files than `most`.
    """
    excluded = matcher(exclude)
    names = tracked(folder)
    found: dict[str, os.stat_result] = {}
    for name in walked(folder) if names is None else names:
        if excluded(name):
            continue
        try:
            status = os.lstat(folder / name)
        except (FileNotFoundError, NotADirectoryError):
            continue  # git knows it, but it is deleted in the working tree
        except OSError as error:
            raise Rejected(f"{one_line(str(folder / name))}: {error.strerror or error}", READABLE) from error
        if stat.S_ISREG(status.st_mode) or stat.S_ISLNK(status.st_mode):
            found[name] = status
        if len(found) > most:
            raise Rejected(f"{folder}: more than {most:,} files", "set `workdir:` to the folder of the code alone")
    return {name: found[name] for name in sorted(found, key=os.fsencode)}


def matcher(patterns: Sequence[str]) -> Callable[[str], bool]:
    """Whether a path is meant by patterns as in `.gitignore`; one that git would not understand means nothing."""
    if not patterns:
        return lambda path: False
    return spec_of(patterns).match_file


def spec_of(lines: Iterable[str]) -> GitIgnoreSpec:
    """The patterns of a `.gitignore`, without those that git would not understand either."""
    import pathspec

    understood = []
    for line in lines:
        try:
            pathspec.GitIgnoreSpec.from_lines([line])
        except ValueError:
            continue
        understood.append(line)
    return pathspec.GitIgnoreSpec.from_lines(understood)


def in_git(folder: Path) -> bool:
    """Whether the folder is in a git repository that does not ignore it, and git is there. Raises `Rejected`."""
    try:
        if git(folder, "rev-parse", "--is-inside-work-tree").returncode != 0:
            return False
        return git(folder, "check-ignore", "-q", ".").returncode != 0
    except FileNotFoundError:
        return False


def git(folder: Path, *words: str) -> subprocess.CompletedProcess[bytes]:
    """What git says of a folder. Raises `FileNotFoundError` without git, `Rejected`."""
    command = ["git", "-C", str(folder), *words]
    try:
        return subprocess.run(command, capture_output=True, check=False, timeout=PATIENCE, env=environment())
    except subprocess.TimeoutExpired as error:
        slow = f"{folder}: git {words[0]}: no answer within {PATIENCE:g} s"
        raise Rejected(slow, "try it there by hand") from error


def environment() -> dict[str, str]:
    """Git's environment: it takes no locks only to be quicker the next time."""
    return {**os.environ, "GIT_OPTIONAL_LOCKS": "0"}


def tracked(folder: Path) -> list[str] | None:
    """What git knows or would add, in submodules and repositories inside too; None where git does not apply."""
    if not in_git(folder):
        return None
    never = [f"--exclude={name}" for name in LEFT_OUT]
    done = git(folder, "ls-files", "-z", "--cached", "--others", "--exclude-standard", *never)
    if done.returncode != 0:
        raise Rejected(f"{folder}: git ls-files: {one_line(done.stderr)}")
    found = []
    for name in dict.fromkeys(os.fsdecode(each) for each in done.stdout.split(b"\0")):  # twice in a merge conflict
        if not name:
            continue
        inside = folder / name
        if (inside / ".git").exists() and not inside.is_symlink():
            plain = name.rstrip("/")
            found += [f"{plain}/{each}" for each in repository_inside(inside)]
        else:
            found.append(name)
    return found


def repository_inside(folder: Path) -> Iterable[str]:
    """The files of a submodule, or of a repository that only lies there."""
    names = tracked(folder)
    return walked(folder) if names is None else names


def walked(folder: Path) -> Iterator[str]:
    """Every file and link below the folder that no `.gitignore` there means. Raises `Rejected`."""
    yield from _walked(folder, "", [])


def _walked(folder: Path, above: str, rules: Sequence[tuple[str, GitIgnoreSpec]]) -> Iterator[str]:
    """`above`: the path from `folder`, empty or with a slash at its end; `rules`: what holds there, by path."""
    here = folder / above
    try:
        with os.scandir(here) as entries:
            inside = list(entries)
        if any(entry.name == ".gitignore" for entry in inside):
            lines = (here / ".gitignore").read_text("utf-8", "replace").splitlines()
            rules = [*rules, (above, spec_of(lines))]
    except OSError as error:
        where = error.filename or here
        raise Rejected(f"{one_line(str(where))}: {error.strerror}", READABLE) from error
    for entry in inside:
        name = above + entry.name
        if entry.name in LEFT_OUT:
            continue
        if entry.is_dir(follow_symlinks=False):
            if not ignored(f"{name}/", rules):
                yield from _walked(folder, f"{name}/", rules)
        elif not ignored(name, rules):
            yield name


def ignored(name: str, rules: Sequence[tuple[str, GitIgnoreSpec]]) -> bool:
    """Whether the rules mean this path: the deepest that say anything about it count."""
    for above, spec in reversed(rules):
        said = spec.check_file(name.removeprefix(above)).include
        if said is not None:
            return said
    return False
