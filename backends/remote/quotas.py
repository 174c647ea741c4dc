"""What the user may have on a file system, by the tools that there are for it."""

import os
import pwd
from typing import Dict, List, NamedTuple

from backends.remote.commands import Commands
from backends.remote.frames import Failure
from backends.remote.mounts import Mount, mount_of, mounts
from backends.remote.seldom import told
from backends.runner.quotas import records

PATIENCE = 5.0
"""Seconds that a tool may take."""

EACH = 600.0
"""Seconds between two times that the tools are asked for the watched folders."""


class Tool(NamedTuple):
    """A command that tells quotas."""

    whose: str
    argv: List[str]
    one: bool
    """It is asked for one folder; else it tells all file systems, by their devices."""


class Answer(NamedTuple):
    """What such a command said."""

    whose: str
    text: str
    trouble: str


def asked(path: str, where: Mount, commands: Commands) -> List[Answer]:
    """What the tools of this kind of file system say; those that are not there say nothing."""
    found = []  # type: List[Answer]
    for tool in tools(path, where, commands):
        try:
            code, text = told(tool.argv, PATIENCE, commands)
        except Failure as failure:
            if failure.kind != "not-there":
                found.append(Answer(tool.whose, "", str(failure)))
            continue
        failed = code != 0 and not list(records(text))  # quota exits with 1, too, where one is exceeded
        found.append(Answer(tool.whose, text, " ".join(text.split())[:300] if failed else ""))
    return found


def tools(path: str, where: Mount, commands: Commands) -> List[Tool]:
    """The commands that tell the quotas there."""
    user, group = str(os.getuid()), str(os.getgid())
    if where.kind == "lustre":
        project = project_of(path, commands)
        whom = [("user", "-u", user), ("group", "-g", group)] + ([("project", "-p", project)] if project else [])
        return [Tool(whose, ["lfs", "quota", "-q", flag, name, path], True) for whose, flag, name in whom]
    general = [Tool("user", ["quota", "-w", "-p"], False), Tool("group", ["quota", "-w", "-p", "-g"], False)]
    if where.kind != "xfs":
        return general
    query = "quota -N -b -i -u %s" % login()
    return general + [Tool("user", ["xfs_quota", "-c", query, where.path], True)]


def login() -> str:
    """The user's name; the number where there is none."""
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return str(os.getuid())


def project_of(path: str, commands: Commands) -> str:
    """The project that a folder on Lustre is counted to; empty: none."""
    try:
        words = told(["lfs", "project", "-d", path], PATIENCE, commands)[1].split()
    except Failure:
        return ""
    return words[0] if words and words[0].isdigit() and words[0] != "0" else ""


def figures(folder: str, commands: Commands) -> List[List[object]]:
    """Whose quota, bytes used and allowed, files used and allowed (0: no limit), of those that have a limit there.

    `folder` is a path without links in it: to follow one could hang.
    """
    where = mount_of(folder, mounts())
    found = {}  # type: Dict[str, List[object]]
    for answer in asked(folder, where, commands):
        headed = "Disk quotas for" in answer.text
        for record in records(answer.text):
            if (record.name == where.device or not headed) and (record.limit or record.files_limit):
                found.setdefault(answer.whose, [answer.whose] + list(record)[1:])
    return list(found.values())
