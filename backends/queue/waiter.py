"""The program that puts attempts into the queue: one waiter for each.

`waiter.py DIRECTORY [DIRECTORY...]` forks a waiter for each attempt directory, and ends once each stands in the
queue: with 0, or with 1 where one does not. Its output has one JSON line for each: `directory`, `outcome` (`waiting`;
`living`: it has a waiter or a runner; `claimed`: it has begun, or never will; `failed`) and `message`. runner.py lies
beside it. Secrets are in its environment, and reach the programs so.
"""

import gc
import json
import os
import select
import sys
import time
from typing import Dict, List

from backends.queue import scene, tickets
from backends.queue.attempt import Attempt
from backends.queue.folder import Folder
from backends.queue.wait import Waiter

PATIENCE = 60.0
"""Seconds in which every attempt must have come into the queue."""

STEP = 1e-6
"""Seconds between two places in the queue of attempts that are launched together."""


def main() -> int:
    """Launch the attempts in the directories that are given."""
    runner = os.path.join(os.path.dirname(os.path.abspath(sys.argv[0])), "runner.py")
    directories = [os.path.abspath(os.path.expanduser(directory)) for directory in sys.argv[1:]]
    since = arrival(directories)
    sys.stdout.flush()
    gc.collect()
    getattr(gc, "freeze", int)()  # from Python 3.7 on: what all waiters have in common stays common
    reports, report = os.pipe()
    for at, directory in enumerate(directories):
        if os.fork() == 0:
            os.close(reports)
            os._exit(wait(directory, since + at * STEP, runner, report))
    os.close(report)
    return tell(directories, collect(reports, len(directories)))


def arrival(directories: List[str]) -> float:
    """The time at which these come into the queue: after all who are there, whatever the clock says."""
    now = time.time()
    for directory in directories[:1]:
        try:
            folder = Folder(Attempt(directory).plan()["queue"]["leases"])
            folder.make()
            with folder.gate():
                scene.clear(folder)
                now = max(now, tickets.latest(tickets.waiting(folder)) + STEP)
        except (OSError, ValueError, KeyError, TypeError):
            return now  # whatever it is, the waiter meets it, too, and says so
    return now


def wait(directory: str, since: float, runner: str, report: int) -> int:
    """In a process of its own: wait for one attempt, once it is said how it stands."""
    waiter = None
    try:
        os.setsid()
        os.chdir("/")
        attempt = Attempt(directory)
        waiter = Waiter(attempt, attempt.plan(), since, runner)
        outcome, message = waiter.stand(), ""
    except OSError as error:
        outcome, message = "failed", "%s: %s" % (error.filename or directory, error.strerror or error)
    except (ValueError, KeyError, TypeError) as error:
        outcome, message = "failed", "plan.json: %s: %s" % (type(error).__name__, error)
    if outcome == "failed" and waiter is not None:
        waiter.tell(message)
    os.write(report, ("%s\n" % json.dumps([directory, outcome, message])).encode("utf-8"))
    os.close(report)
    null = os.open(os.devnull, os.O_RDWR)
    for standard in (0, 1, 2):
        os.dup2(null, standard)
    if outcome != "waiting" or waiter is None:
        return 0
    try:
        return waiter.run()
    except Exception as error:  # nobody else would ever hear of it
        waiter.tell("the waiter ended: %s: %s" % (type(error).__name__, error))
        return 1


def collect(reports: int, count: int) -> Dict[str, List[str]]:
    """What the waiters say, by directory, until all have, or have ended, or the time is over."""
    deadline = time.monotonic() + PATIENCE
    data = b""
    while data.count(b"\n") < count:
        if not select.select([reports], [], [], max(0.0, deadline - time.monotonic()))[0]:
            break
        piece = os.read(reports, 65536)
        if not piece:
            break
        data += piece
    lines = data.decode("utf-8").splitlines()
    return {directory: [outcome, message] for directory, outcome, message in map(json.loads, lines)}


def tell(directories: List[str], said: Dict[str, List[str]]) -> int:
    """Print how each stands; the exit code."""
    code = 0
    for directory in directories:
        outcome, message = said.get(directory, ["failed", "its waiter does not answer"])
        sys.stdout.write(json.dumps({"directory": directory, "outcome": outcome, "message": message}) + "\n")
        if outcome == "failed":
            sys.stderr.write("trainboard: %s: %s\n" % (directory, message))
            code = 1
    return code
