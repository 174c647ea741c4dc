"""What is mounted where, by the system's table: to look there touches no file system."""

from typing import List, NamedTuple

TABLE = "/proc/mounts"


class Mount(NamedTuple):
    """One file system."""

    device: str
    path: str
    kind: str


NONE = Mount("", "", "")


def mounts(table: str = TABLE) -> List[Mount]:
    """All of them, the newest last; none where the system has no such table."""
    try:
        with open(table, errors="replace") as file:
            found = [line.split() for line in file]
    except (IOError, OSError):
        return []
    return [Mount(words[0], plain(words[1]), words[2]) for words in found if len(words) > 2]


def plain(word: str) -> str:
    """A path without the table's way to write blanks in it."""
    for code, sign in (("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")):
        word = word.replace(code, sign)
    return word


def mount_of(path: str, found: List[Mount]) -> Mount:
    """The one that holds a path without links in it; `NONE` where nobody tells. Of those on one path, the newest."""
    best = NONE
    for mount in found:
        inside = path == mount.path or path.startswith(mount.path.rstrip("/") + "/")
        if inside and len(mount.path) >= len(best.path):
            best = mount
    return best
