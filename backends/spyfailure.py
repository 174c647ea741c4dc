"""Why py-spy could not look into a process, and what to do about it: one line each."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from backends.text import one_line

if TYPE_CHECKING:
    from backends.spy import Scene

REFUSED = re.compile(r"permission denied|operation not permitted|os error (1|13)\b", re.I)
CONTAINER = re.compile(r"docker container|SYS_PTRACE", re.I)

KNOWN = (
    (
        re.compile(
            r"no python processes found|failed to find python version|failed to find a python interpreter", re.I
        ),
        "process {pid} is not a Python program that py-spy understands",
        "choose another process of the job",
    ),
    (
        re.compile(r"unsupported version of python:?\s*(\S*)", re.I),
        "this py-spy does not know the Python of process {pid} ({0})",
        "a newer one may: pip install --upgrade py-spy, beside the run or beside trainboard",
    ),
    (
        re.compile(r"no such process|os error [23]\b|process exited|check that the process is running", re.I),
        "process {pid} is gone",
        "look again: the run may have ended, or begun another one",
    ),
    (
        re.compile(r"GLIBC|not found \(required by|exec format error", re.I),
        "this py-spy does not run there: {line}",
        "",
    ),
    (
        re.compile(r"unrecognized option.*overlap|invalid option", re.I),
        "this Slurm cannot run a command beside a job: {line}",
        "it is older than 20.11: log in on the node, if the site allows that",
    ),
    (
        re.compile(r"srun: error|slurmstepd: error", re.I),
        "no step beside the job: {line}",
        "it may have ended, or its node has no room for one more",
    ),
)
"""What the words look like, what that means, and what to do; `{0}` is the first group, `{line}` the words."""


def explained(words: bytes, pid: int, scene: Scene) -> tuple[str, str]:
    """What is said to the user of what py-spy printed, and an advice that may be empty."""
    text = words.decode("utf-8", "replace").partition("Stack backtrace:")[0]
    line = one_line(text) or "it saw nothing"
    if REFUSED.search(text) or CONTAINER.search(text):
        return f"looking into process {pid} is not allowed", refusal(text, pid, scene)
    for pattern, message, advice in KNOWN:
        if match := pattern.search(text):
            groups = [one_line(each or "") for each in match.groups()]
            return message.format(*groups, pid=pid, line=line), advice
    if not words.strip() or "Samples: 0" in text:
        return f"no thread of process {pid} did anything", "record idle threads too, or dump its threads"
    return f"py-spy: {line}", ""


def refusal(text: str, pid: int, scene: Scene) -> str:
    """Why one process may not look into another, and who can change it."""
    owner = next((each.user for each in scene.processes if each.pid == pid), "")
    if owner and scene.user and owner != scene.user and scene.user != "root":
        who = "root" if owner == "root" else f"{owner} and root"
        return f"it belongs to {owner}, and you are {scene.user} there: only {who} may"
    if scene.scope == 3:
        return "kernel.yama.ptrace_scope is 3 there: nobody may, until that host is started anew without it"
    if scene.scope == 2:
        return "kernel.yama.ptrace_scope is 2 there: only root may; its administrator can set it to 0"
    if scene.scope == 1:
        return (
            "kernel.yama.ptrace_scope is 1 there: only a parent may; the administrator can set it to 0 "
            "(sysctl kernel.yama.ptrace_scope=0), or give py-spy the right (setcap cap_sys_ptrace=ep)"
        )
    if CONTAINER.search(text):
        return "it is in a container without the right to: start it with --cap-add SYS_PTRACE"
    return "in a container, start that with --cap-add SYS_PTRACE; else ask who runs that host"
