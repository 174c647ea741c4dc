"""One checkpoint as it lies on the disk."""

import os
import re
import shutil
import stat
from typing import FrozenSet, List, NamedTuple, Optional, Tuple

from backends.runner.formats import format_whole


class Saved(NamedTuple):
    """One checkpoint: a file, or a folder with what is in it."""

    path: str
    changed: int
    """Nanoseconds since 1970, of the newest file."""
    size: int
    names: FrozenSet[str]
    """Of the files, without digits: what every checkpoint of its kind has."""
    link: bool

    @property
    def folder(self) -> bool:
        """Whether it is one."""
        return bool(self.names)


def saved(path: str) -> Optional[Saved]:
    """What is at a path; None where nothing is, or nothing that can be a checkpoint."""
    try:
        link, found = os.path.islink(path), os.stat(path)
        if not stat.S_ISDIR(found.st_mode):
            changed, regular = found.st_mtime_ns, stat.S_ISREG(found.st_mode)
            return Saved(path, changed, found.st_size, frozenset(), link) if regular else None
        files = [os.path.join(folder, name) for folder, _, names in os.walk(path) for name in names]
        stats = [os.lstat(file) for file in files]
    except OSError:
        return None  # gone meanwhile
    if not stats:
        return None
    names = frozenset(re.sub(r"\d+", "", os.path.relpath(file, path)) for file in files)
    return Saved(path, max(each.st_mtime_ns for each in stats), sum(each.st_size for each in stats), names, link)


def temporary(path: str) -> bool:
    """Whether a name says that the file is not finished."""
    name = os.path.basename(path).lower()
    return bool(re.search(r"^te?mp[-_.]|[-_]te?mp\b|\.te?mp|\.(part|partial|incomplete|lock|swp)$|~$|-tmp-", name))


def whole(candidate: Saved, older: List[Saved]) -> bool:
    """Whether a checkpoint is complete: by name, by format, and else in size and kind like the older ones."""
    if temporary(candidate.path) or not candidate.size:
        return False
    files = [candidate.path]
    if candidate.folder:
        files = [os.path.join(folder, name) for folder, _, names in os.walk(candidate.path) for name in names]
    formats = [format_whole(file) for file in files]
    if False in formats or any(temporary(file) for file in files):
        return False
    if formats == [True] and not candidate.folder:
        return True
    alike = [each for each in older if each.folder == candidate.folder and not temporary(each.path)]
    if not alike:
        return True
    common = frozenset.intersection(*[each.names for each in alike])
    return candidate.names >= common and 2 * candidate.size >= sorted(each.size for each in alike)[len(alike) // 2]


def age(each: Saved) -> Tuple[int, List[int]]:
    """The order of checkpoints: by time, then by the numbers in their names."""
    return each.changed, [int(number) for number in re.findall(r"\d+", each.path)]


def discard(each: Saved) -> None:
    """Delete a checkpoint; a folder under another name first, so that nobody takes its rest for a checkpoint."""
    try:
        if each.folder:
            going = each.path + ".tmp"
            os.rename(each.path, going)
            shutil.rmtree(going)
        else:
            os.unlink(each.path)
    except FileNotFoundError:
        return  # the program was faster
