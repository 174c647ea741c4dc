"""The checkpoints of a run: which one it goes on from, and which are deleted."""

import glob
import json
import os
import re
import signal
import time
from typing import Any, Callable, Dict, List, Optional, Set

from backends.runner.files import read_text, write_whole
from backends.runner.forks import fork_apart
from backends.runner.log import say
from backends.runner.saved import Saved, age, discard, saved, whole

SETTLE = 0.3
"""Seconds after which a file that is being written has another size or time: at a start, when nobody should write."""

LONG_SETTLE = 3.0
"""The same while the program runs, which may pause as it writes."""

REMEMBERED = 32
"""Moments at which checkpoints were saved that state/saved holds."""

SWEEP = 10.0
"""Seconds that the last deletion of old checkpoints may take."""


class Checkpoints(object):
    """What the run saves of itself: plan.json's `checkpoints`, {"pattern", "keep"}.

    Of this run is what its attempts have in their own folders since they were published, or, in a shared folder, what
    is new or has changed since its first attempt began (state/before remembers that). Nothing else is resumed from,
    and nothing is deleted that was there before.
    """

    def __init__(self, directory: str, plan: Dict[str, Any]) -> None:
        wanted = plan.get("checkpoints") or {}
        self.pattern = os.path.expanduser(wanted.get("pattern") or "")
        self.keep = wanted.get("keep")
        self.directory = directory
        self.workdir = plan.get("workdir")
        self.shared = os.path.isabs(self.pattern) or self.workdir is not None
        self.before = {}  # type: Dict[str, List[int]]
        self.pid = 0
        """The process that deletes old ones, while there is one."""
        self.told = False
        """Whether it has said in the log what it cannot do."""

    def resume(self) -> Optional[str]:
        """The newest whole one, at the start; None where there is none. Raises OSError: no room for state/before."""
        if not self.pattern:
            return None
        if self.shared:
            self.remember()
        found = self.found()
        for each in self.settled(found, lambda: time.sleep(SETTLE)):
            if whole(each, found[found.index(each) + 1 :]):
                return each.path
        return None

    def settled(self, found: List[Saved], pause: Callable[[], None]) -> List[Saved]:
        """Those that do not grow during a pause."""
        if found:
            pause()
        return [each for each in found if saved(each.path) == each]

    def remember(self) -> None:
        """What was in a shared folder before the run's first attempt."""
        for folder in self.attempts():
            text = read_text(os.path.join(folder, "state", "before"))
            if text:
                self.before = json.loads(text)
                return
        self.before = {each.path: [each.changed, each.size] for each in self.matches()}
        write_whole(os.path.join(self.directory, "state", "before"), json.dumps(self.before))

    def attempts(self) -> List[str]:
        """The directories of this run's attempts, the first one first."""
        run = os.path.dirname(self.directory)
        numbers = sorted(int(name) for name in os.listdir(run) if name.isdigit())
        folders = [os.path.join(run, str(number)) for number in numbers]
        return folders if self.directory in folders else folders + [self.directory]

    def places(self) -> List[str]:
        """The folders in which the pattern is looked for."""
        if os.path.isabs(self.pattern):
            return [os.path.dirname(re.split(r"[*?\[]", self.pattern)[0]) or "/"]
        return [self.workdir] if self.workdir else [os.path.join(each, "code") for each in self.attempts()]

    def matches(self) -> List[Saved]:
        """All that the pattern finds, the newest first. A folder that holds another match is no checkpoint itself."""
        paths = set()  # type: Set[str]
        for place in self.places():
            found = glob.iglob(os.path.join(glob.escape(place), self.pattern), recursive=True)
            paths.update(os.path.normpath(path) for path in found)
        around = {folder for path in paths for folder in parents_of(path)}
        all_of_it = [saved(path) for path in paths - around]
        return sorted((each for each in all_of_it if each), key=age, reverse=True)

    def found(self) -> List[Saved]:
        """Those of this run, the newest first."""
        if self.shared:
            return [each for each in self.matches() if self.before.get(each.path) != [each.changed, each.size]]
        since = {}  # type: Dict[str, int]
        for folder in self.attempts():
            published = os.path.join(folder, "plan.json")
            if os.path.exists(published):
                since[os.path.join(folder, "code")] = os.stat(published).st_mtime_ns
        return [
            each
            for each in self.matches()
            if any(each.path.startswith(code + "/") and each.changed >= time for code, time in since.items())
        ]

    def remember_saved(self, found: List[Saved]) -> None:
        """Add to state/saved when the whole ones among these, the newest first, were saved. Raises OSError.

        Those that were deleted since stay told there: how often a run saves is worth to know.
        """
        path = os.path.join(self.directory, "state", "saved")
        try:
            times = list(json.loads(read_text(path) or "{}").get("times") or [])
        except (ValueError, AttributeError):
            times = []
        since = times[-1] if times else 0.0
        fresh = {
            each.changed / 1e9
            for place, each in enumerate(found)
            if each.changed / 1e9 > since and not each.link and whole(each, found[place + 1 :])
        }
        if fresh:
            write_whole(path, json.dumps({"times": (times + sorted(fresh))[-REMEMBERED:]}))

    def prune(self, pause: Callable[[], None]) -> None:
        """Delete those older than the `keep` newest whole ones, which do not grow during a pause. Raises OSError.

        What is named `best` stays, links and what they point to, and what a link leads to out of our folder. What we
        resumed from stays as long as it is one of the newest whole ones, like all others.
        """
        found = self.found()
        files = [each for each in found if not each.link and each.path not in self.before]
        keep = max(1, self.keep or 1)
        if len(files) <= keep:
            return
        good = [each for each in self.settled(files, pause) if whole(each, files[files.index(each) + 1 :])]
        if len(good) < keep:
            return
        pinned = {os.path.realpath(each.path) for each in found if each.link}
        old = [
            each
            for each in files[files.index(good[keep - 1]) + 1 :]
            if "best" not in os.path.basename(each.path).lower() and os.path.realpath(each.path) not in pinned
        ]
        inside = tuple(os.path.join(os.path.realpath(place), "") for place in self.places())
        for each in old:
            if not os.path.realpath(each.path).startswith(inside):
                raise OSError("%s is behind a symbolic link" % each.path)
            discard(each)

    def look(self, seconds: float = LONG_SETTLE) -> None:
        """Have old ones deleted, by another process: a slow file system holds up nobody."""
        if not self.pattern or not self.keep or self.pid:
            return
        try:
            self.pid = fork_apart(lambda: self.sweep(seconds))
        except OSError:
            return  # no process to be had now; the next beat tries again

    def sweep(self, seconds: float) -> None:
        """What that process does."""
        os.closerange(3, 1024)  # no lease and no pipe may depend on it
        try:
            self.prune(lambda: pause_unless_ended(seconds))
        except OSError as error:
            if not self.told:
                say("old checkpoints stay: %s" % error)
            os._exit(1)

    def swept(self, status: int) -> None:
        """That process has ended."""
        self.pid = 0
        self.told = self.told or os.WIFEXITED(status) and status != 0

    def finish(self) -> None:
        """The last look: what grew has its size now."""
        deadline = time.monotonic() + SWEEP
        self.wait(deadline, signal.SIGTERM)
        self.look(SETTLE)
        self.wait(deadline, 0)

    def wait(self, deadline: float, number: int) -> None:
        """Until that process has ended, which may be asked to."""
        if self.pid:
            os.kill(self.pid, number)
        while self.pid and time.monotonic() < deadline:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self.swept(status)
            else:
                time.sleep(0.02)


def pause_unless_ended(seconds: float) -> None:
    """Sleep; SIGTERM ends the process now, and at no other time, when it would leave something half done."""
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    time.sleep(seconds)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)


def parents_of(path: str) -> List[str]:
    """The folders around a path."""
    found = []  # type: List[str]
    while os.path.dirname(path) != path:
        path = os.path.dirname(path)
        found.append(path)
    return found
