"""What the user's quota leaves where an attempt writes, as `quota` and `lfs quota` tell it."""

import os
import re
import subprocess
from typing import Dict, List, Optional, Tuple

from backends.runner.files import read_text

PATIENCE = 5.0
"""Seconds that a tool may take."""

COLUMNS = 9
"""File system, then used, soft limit, hard limit and grace: of blocks (1 KiB), of files (quota(1), lfs-quota(1))."""

FIGURE = re.compile(r"\[?(\d{1,15})\]?\*?")
"""`*`: over the limit; in brackets: a server that was counted did not answer."""


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
    name = []  # type: List[str]
    for line in text.splitlines():
        words = name + line.split()
        name = words if len(words) == 1 else []  # a long name stands on a line of its own
        if len(words) != COLUMNS or not FIGURE.fullmatch(words[1]) or device not in (None, words[0]):
            continue
        figures = [figure(word) for word in words[1:]]
        blocks, files = figures[2] or figures[1], figures[6] or figures[5]
        said = {}  # type: Dict[str, int]
        if blocks:
            said = {"quota_free": max(0, blocks - figures[0]) * 1024, "quota_total": blocks * 1024}
        if files:
            said["quota_files"] = max(0, files - figures[4])
        return said
    return {}


def figure(word: str) -> int:
    """A number as these tools print it; 0 where it is none."""
    match = FIGURE.fullmatch(word)
    return int(match.group(1)) if match else 0
