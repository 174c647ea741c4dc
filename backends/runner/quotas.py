"""What the user's quota leaves where an attempt writes, as `quota` and `lfs quota` tell it."""

import os
import re
import subprocess
from typing import Dict, Iterator, List, NamedTuple, Optional, Tuple

from backends.runner.files import read_text

PATIENCE = 5.0
"""Seconds that a tool may take."""

COLUMNS = 9
"""File system, then used, soft limit, hard limit and grace: of blocks (1 KiB), of files (quota(1), lfs-quota(1))."""

FIGURE = re.compile(r"\[?([0-9]{1,15})\]?\*?\Z")
"""`*`: over the limit; in brackets: a server that was counted did not answer."""

XFS = re.compile(r"(\S+) (\d+ \d+ \d+) \d+ \[[^]]*\] (\d+ \d+ \d+) \d+ \[[^]]*\] /")
"""Used, soft and hard limit, warnings and grace, of blocks and of files; then where it is mounted (xfs_quota(8))."""


def left(folder: str) -> Dict[str, int]:
    """Bytes, and files, that the tightest quota there leaves, and the bytes that it allows; nothing without one."""
    device, kind = mount(os.path.realpath(folder), read_text("/proc/mounts"))
    lustre = kind == "lustre"
    argv = ["lfs", "quota", "-q", "-u", str(os.getuid()), folder] if lustre else ["quota", "-w", "-p"]
    return parsed(told(argv), None if lustre else device)


def mount(path: str, mounts: str) -> Tuple[str, str]:
    """The device and the type of the file system that a path is on; empty where nobody tells."""
    found = [line.split() for line in mounts.splitlines()]
    around = [words for words in found if len(words) > 2 and (path + "/").startswith(words[1].rstrip("/") + "/")]
    best = max(around, key=lambda words: len(words[1])) if around else ["", "", ""]
    return best[0], best[2]


def told(argv: List[str]) -> str:
    """What a tool prints; nothing where it is not there or hangs."""
    try:
        process = subprocess.Popen(
            argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, start_new_session=True
        )
    except OSError:
        return ""
    try:
        return process.communicate(timeout=PATIENCE)[0][: 1 << 16].decode("utf-8", "replace")
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        return ""


def parsed(text: str, device: Optional[str]) -> Dict[str, int]:
    """The quota on a device in what a tool prints; None: it was asked for one folder."""
    for record in records(text):
        if device not in (None, record.name):
            continue
        said = {}  # type: Dict[str, int]
        if record.limit:
            said = {"quota_free": max(0, record.limit - record.used), "quota_total": record.limit}
        if record.files_limit:
            said["quota_files"] = max(0, record.files_limit - record.files)
        return said
    return {}


class Record(NamedTuple):
    """What a line of figures says. Bytes; a limit of 0 is none, and the soft one counts where it is the only one."""

    name: str
    """The device, or the folder that was asked for."""
    used: int
    limit: int
    files: int
    files_limit: int


def records(text: str) -> Iterator[Record]:
    """All that `quota -w -p`, `lfs quota -q` or `xfs_quota -c "quota -N -b -i"` print."""
    name = []  # type: List[str]
    for line in text.splitlines():
        words = name + line.split()
        name = words if len(words) == 1 else []  # a long name stands on a line of its own
        xfs = XFS.match(" ".join(words))
        if xfs is not None:
            words = [xfs.group(1)] + xfs.group(2).split() + ["0"] + xfs.group(3).split() + ["0"]
        if len(words) == COLUMNS and FIGURE.match(words[1]):
            used, soft, hard, _, files, files_soft, files_hard = [figure(word) for word in words[1:8]]
            yield Record(words[0], used * 1024, (hard or soft) * 1024, files, files_hard or files_soft)


def figure(word: str) -> int:
    """A number as these tools print it; 0 where it is none."""
    match = FIGURE.match(word)
    return int(match.group(1)) if match else 0
