"""All attempt directories below a root, in pages: ten thousand of them are no reason for one giant answer."""

import json
import os
import zlib
from typing import Any, Iterator, List, Tuple

from backends.remote.files import read_json, resolve
from backends.remote.folders import RESERVED
from backends.remote.frames import Header, Reply

PAGE, WEIGHT = 500, 4 << 20
"""Attempts, and bytes of their texts, in one answer."""

LARGEST_SPEC = 1 << 20
"""Bytes that are read of a spec."""


def scan(header: Header, payload: bytes) -> Reply:
    """The page after the folder `after` (empty: the first): [[folder, plan, spec, job id], ...]."""
    root = resolve(header["root"])
    page = []  # type: List[Tuple[str, Any, str, str]]
    weight = 0
    for folder in folders(root, header["after"]):
        if len(page) == PAGE or weight > WEIGHT:
            return {"next": page[-1][0]}, packed(page)
        path = os.path.join(root, folder)
        plan = read_json(os.path.join(path, "plan.json"))
        if plan is None or plan.get(RESERVED):
            continue  # damaged, or a place that was taken to keep an attempt from coming
        started = read_json(os.path.join(path, "state", "started")) or {}
        spec = read_spec(os.path.join(path, "spec.yaml"))
        page.append((folder, plan, spec, str(started.get("job_id") or "")))
        weight += len(spec) + len(json.dumps(plan))
    return {"next": ""}, packed(page)


def packed(page: List[Tuple[str, Any, str, str]]) -> bytes:
    """One page as it travels: the runs of an experiment say much the same."""
    return zlib.compress(json.dumps(page).encode("utf-8"))


def folders(root: str, after: str) -> Iterator[str]:
    """`experiment/run/attempt` behind `after`, in order; drafts and what begins with a dot are none."""
    begin = after.split("/") if after else ["", "", ""]
    for experiment in names(root):
        if experiment < begin[0]:
            continue
        for run in names(os.path.join(root, experiment)):
            if [experiment, run] < begin[:2]:
                continue
            for attempt in names(os.path.join(root, experiment, run)):
                if attempt.isdigit() and [experiment, run, attempt] > begin:
                    yield "/".join((experiment, run, attempt))


def names(path: str) -> List[str]:
    """What is in a folder, sorted, without the hidden; nothing where it is no folder."""
    try:
        return sorted(name for name in os.listdir(path) if not name.startswith("."))
    except (FileNotFoundError, NotADirectoryError):
        return []


def read_spec(path: str) -> str:
    """The text of a spec; empty where it is not there."""
    try:
        with open(path, "rb") as file:
            return file.read(LARGEST_SPEC).decode("utf-8", "replace")
    except (IOError, OSError):
        return ""
