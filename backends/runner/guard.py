"""The guard of a runner."""

import os
import signal
import time
from typing import Any, Dict

from backends.runner.attempt import Attempt
from backends.runner.claim import NEIGHBOUR
from backends.runner.forks import fork_apart
from backends.runner.log import say
from backends.runner.tree import Tree


class Guard(object):
    """A process that outlives a runner that is killed, ends what it ran, and tells it.

    It is told of our end by a pipe that closes; before a proper end we say so on it.
    """

    def __init__(self, attempt: Attempt) -> None:
        self.attempt = attempt
        self.pid = 0
        self.line = -1
        self.next = 0.0
        """When another may be started, should this one die."""

    def keep(self) -> bool:
        """See to it that there is one; whether it is a new one."""
        if self.pid or time.monotonic() < self.next:
            return False
        self.next = time.monotonic() + 1.0
        if self.line >= 0:
            os.close(self.line)
        reader, self.line = os.pipe()
        try:
            self.pid = fork_apart(lambda: self.watch(reader))
            self.attempt.tree.spared.add(self.pid)
        except OSError as error:
            say("no guard: %s" % error)
        os.close(reader)
        self.tell()
        return bool(self.pid)

    def tell(self) -> None:
        """Which process the program is: where a system shows no environments, its descendants are what there is."""
        self.write("%d\n" % self.attempt.child)

    def stand_down(self) -> None:
        """We end properly, or another will tell our end."""
        if self.line >= 0:
            self.write("done\n")
            os.close(self.line)
            self.line = -1
        if self.pid:
            os.waitpid(self.pid, 0)
            self.pid = 0

    def write(self, text: str) -> None:
        """To the guard, which may be dead."""
        try:
            os.write(self.line, text.encode())
        except OSError:
            return

    def watch(self, reader: int) -> None:
        """In the guard: wait for the end of the runner."""
        os.close(self.line)
        self.attempt.log.close_writer()
        words = b""
        while True:
            data = os.read(reader, 512)
            if not data:
                break
            words += data
        if b"done" not in words:
            self.clear(int(words.split()[-1]) if words else 0)

    def clear(self, child: int) -> None:
        """End the program's processes, and write the exit record that the runner owes."""
        attempt = self.attempt
        attempt.log.reopen()
        tree = Tree(attempt.plan["token"], child)
        tree.send(signal.SIGTERM)
        now = time.monotonic()
        kill_at, leave_at = now + attempt.plan["grace"], now + (NEIGHBOUR if attempt.claim.job_id else 0.0)
        while tree.pids() or time.monotonic() < leave_at:
            if time.monotonic() > kill_at:
                tree.send(signal.SIGKILL)
            if attempt.log.reader >= 0:
                attempt.log.pump()
            time.sleep(0.05)
        attempt.log.finish()
        if not attempt.state.has("exit"):
            attempt.state.leave(self.record())

    def record(self) -> Dict[str, Any]:
        """How an attempt ended whose runner was killed."""
        if self.attempt.state.has("cancel"):
            state, reason = "CANCELLED", "cancelled"
        elif self.attempt.memory.own and self.attempt.memory.exhausted():
            state, reason = "OUT_OF_MEMORY", "out of memory: the kernel killed the runner or what it ran"
        else:
            state, reason = "FAILED", "the runner was killed; its processes were ended"
        return self.attempt.end(state, None, reason)
