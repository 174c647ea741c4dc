"""One life of an attempt: from the claim to the exit record."""

import os
import signal
import time
from typing import Any, Dict, Optional

from backends.runner import program, slurm
from backends.runner.attempt import Attempt
from backends.runner.files import remove
from backends.runner.guard import Guard
from backends.runner.log import say
from backends.runner.outcome import killed, outcome
from backends.runner.signals import PASSED_ON, Signals
from backends.runner.tree import adopt_orphans

BEAT = 10.0
"""Seconds between two writes of state/beat."""


class Life(object):
    """Runs an attempt to its end."""

    def __init__(self, attempt: Attempt) -> None:
        self.attempt = attempt
        self.guard = Guard(attempt)
        self.signals = Signals()
        self.status = None  # type: Optional[int]
        """How the program ended, as wait() tells."""
        self.exhausted = False
        """Whether want of memory ended the program."""
        self.ending = ""
        """Why the attempt is being ended: `cancel`, `time`, or a signal's name; empty while it may run."""
        self.kill_at = 0.0

    def begin(self) -> bool:
        """Whether the program is ours to run: of two runners, exactly one's. Raises OSError: nothing is claimed."""
        self.signals.listen(self.on_signal)
        adopt_orphans()
        if not self.attempt.claim.take():
            return False
        self.guard.keep()
        try:
            self.attempt.state.make_room()
            self.attempt.checkpoint = self.attempt.checkpoints.resume()
            self.attempt.state.write("started", self.attempt.started(self.guard.pid))
        except OSError as error:
            self.guard.stand_down()
            if self.attempt.state.has("started"):
                self.attempt.state.leave(self.attempt.claim.broken(error))
                return False
            remove(self.attempt.state.path("exit.room"))
            self.attempt.claim.give_up()
            raise
        return True

    def run(self) -> int:
        """Start the program, stay until its whole tree has ended, write the exit record; the runner's exit code."""
        if self.attempt.state.has("cancel"):
            self.ending = "cancel"  # it came while we began, and saw nobody to signal
        self.start()
        beat_at = 0.0
        while self.attempt.child and self.busy():
            now = time.monotonic()
            if now >= beat_at:
                self.beat()
                beat_at = now + BEAT
            self.stay_guarded()
            self.enforce(now)
            pause = 0.1 if self.ending or self.status is not None else 1.0
            self.signals.wait(min(beat_at - now, pause), self.attempt.log)
        self.attempt.log.finish()
        self.attempt.checkpoints.finish()
        self.attempt.usage.finish(hurried=bool(self.ending))
        return self.leave(self.record())

    def stay_guarded(self) -> None:
        """Replace a guard that has died, and tell which one it is now."""
        if self.guard.keep():
            try:
                self.attempt.state.write("started", self.attempt.started(self.guard.pid))
            except OSError:
                return  # a full disk: it watches all the same

    def beat(self) -> None:
        """Show that we live; what else is done now and then."""
        self.attempt.checkpoints.look()
        self.attempt.tree.spared.add(self.attempt.checkpoints.pid)
        self.attempt.usage.look()
        self.attempt.tree.spared.add(self.attempt.usage.pid)
        self.attempt.log.settle()
        if self.status is None and not self.attempt.memory.deaths:
            self.attempt.memory.look()
        try:
            self.attempt.state.write("beat", {"time": time.time()})
        except OSError:
            return  # a full disk: it is no reason to leave the program alone

    def leave(self, record: Dict[str, Any]) -> int:
        """Write the exit record, or have the scheduler start the job again; the runner's exit code."""
        if (
            record["state"] == "TIMEOUT"
            and self.attempt.claim.job_id
            and self.attempt.claim.allows("TIMEOUT")
            and self.requeue(record)
        ):
            return 0
        code = self.attempt.state.leave(record)
        self.guard.stand_down()
        # Should the record get lost, the scheduler does not say COMPLETED of what was not.
        return 1 if self.attempt.claim.job_id and record["state"] != "COMPLETED" else code

    def requeue(self, record: Dict[str, Any]) -> bool:
        """Whether Slurm has taken the job into its queue again. If it kills us before it answers, its word stands."""
        try:
            self.attempt.state.rotate(dict(record, restart=self.attempt.claim.restart))
        except OSError as error:
            say("not requeued: %s" % error)
            return False
        self.guard.stand_down()
        refusal = slurm.requeue(self.attempt.claim.job_id)
        if refusal:
            say("not requeued: %s" % refusal)
        return not refusal

    def on_signal(self, number: int, frame: object) -> None:
        """Begin the end, with the same signal for the program."""
        self.stop("cancel" if self.attempt.state.has("cancel") else signal.Signals(number).name, number)

    def start(self) -> None:
        """Start the program, unless the end has begun before."""
        signal.pthread_sigmask(signal.SIG_BLOCK, PASSED_ON)  # a signal finds no program, or one that takes it
        try:
            if not self.ending:
                self.attempt.child = program.start(self.attempt)
        except OSError as error:
            say("cannot start a process: %s" % error)
            self.status = 127 << 8
        finally:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, PASSED_ON)
        self.attempt.log.close_writer()
        self.guard.tell()

    def busy(self) -> bool:
        """Collect what has ended; whether anything of the tree is still there."""
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                break
            if pid == 0:
                break
            self.bury(pid, status)
        return self.status is None or bool(self.attempt.tree.pids())

    def bury(self, pid: int, status: int) -> None:
        """Somebody of ours has ended."""
        self.attempt.tree.spared.discard(pid)
        if pid == self.guard.pid:
            self.guard.pid = 0
            return
        if pid == self.attempt.usage.pid:
            self.attempt.usage.done()
            return
        if pid == self.attempt.checkpoints.pid:
            self.attempt.checkpoints.swept(status)
            return
        if not self.attempt.tree.killed and killed(status):
            self.attempt.memory.deaths.add(pid)
        if pid == self.attempt.child:
            self.status = status
            self.exhausted = self.attempt.memory.exhausted()
            # Of itself the program is done; what it left behind gets the grace time, no more.
            if not self.kill_at:
                self.attempt.tree.send(signal.SIGTERM)
                self.kill_at = time.monotonic() + self.attempt.plan["grace"]

    def stop(self, why: str, number: int) -> None:
        """Ask the program to end; the first reason stands."""
        if self.status is not None:
            return
        if not self.ending:
            self.ending = why
            self.kill_at = time.monotonic() + self.attempt.plan["grace"]
        self.attempt.tree.send(number)

    def enforce(self, now: float) -> None:
        """Apply the time limit, and SIGKILL after the grace time."""
        limit = self.attempt.plan.get("time")
        if limit is not None and not self.ending and now - self.attempt.since > limit:
            self.stop("time", signal.SIGTERM)
        if self.kill_at and now > self.kill_at:
            self.attempt.tree.send(signal.SIGKILL)

    def record(self) -> Dict[str, Any]:
        """The exit record."""
        record = self.attempt.end(*outcome(self.status, self.ending, self.exhausted))
        record["peak_memory"] = self.attempt.memory.peak()
        ran = record["time"] - record["began"]
        most = dict(self.attempt.usage.peaks(), memory=record["peak_memory"], seconds=ran, cpu=spent())
        record["peaks"] = {what: value for what, value in most.items() if value is not None}
        if self.attempt.log.lost:
            record["log_lost"] = self.attempt.log.lost
        return record


def spent() -> float:
    """Seconds of processor that those used who have ended: the program, all that it started, and our own looks."""
    times = os.times()
    return round(times.children_user + times.children_system, 3)
