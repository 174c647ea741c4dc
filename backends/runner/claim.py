"""The claim: who may start the program of an attempt."""

import os
import time
from typing import Any, Dict, Optional

from backends.runner.slurm import job_id, restart_count
from backends.runner.state import State, end_record

NEIGHBOUR = 5.0
"""Seconds in which whoever made the claim should have said who it is; and a guard leaves the last word to Slurm."""

ENDED_BY_SIGTERM = "ended by SIGTERM"


class Claim(object):
    """Who may start the program: whoever makes state/claim; and of a job that Slurm restarts, each life once.

    plan.json's `restart`: after the ends in `on` another life may begin, `max` times. An exit record is the last word
    but where it says that SIGTERM came and the scheduler has then started the job again: that was a preemption.
    """

    def __init__(self, state: State, plan: Dict[str, Any]) -> None:
        wanted = plan.get("restart") or {}
        self.state = state
        self.on = frozenset(wanted.get("on") or ())
        self.max = wanted.get("max") or 0
        by_slurm = plan.get("queue") is None  # a queue of our own may be used from within a job
        self.job_id = job_id() if by_slurm else ""
        self.restart = restart_count() if by_slurm else 0
        self.folder = state.path("claim")

    def take(self) -> bool:
        """Whether the program is ours to start. Raises OSError: then nothing is claimed."""
        try:
            os.mkdir(self.folder)
        except FileExistsError:
            return self.restart > 0 and self.take_again()
        return True

    def give_up(self) -> None:
        """Take the claim back: somebody may try again."""
        os.rmdir(self.folder)

    def take_again(self) -> bool:
        """The same for a job that its scheduler has started anew."""
        if os.path.islink(self.folder):
            return False  # taken back before it began
        started = self.first_life()
        if started is None:
            if not self.state.has("exit"):
                self.state.leave(self.lost())
            return False
        before = started.get("restart", 0)
        if started.get("job_id") != self.job_id or before >= self.restart or self.is_over():
            return False
        self.folder = os.path.join(self.folder, str(self.restart))
        try:
            os.mkdir(self.folder)
            return self.go_on(before)
        except FileExistsError:
            return False
        except OSError as error:
            self.state.leave(self.broken(error))
            return False

    def is_over(self) -> bool:
        """Whether the exit record that is there stands."""
        told = self.state.read("exit")
        return told is not None and (told.get("reason") != ENDED_BY_SIGTERM or self.state.has("cancel"))

    def first_life(self) -> Optional[Dict[str, Any]]:
        """state/started, for which we wait a little: it is written after the claim."""
        deadline = time.monotonic() + NEIGHBOUR
        while True:
            started = self.state.read("started")
            if started is not None or self.state.has("exit") or time.monotonic() > deadline:
                return started
            time.sleep(0.1)

    def go_on(self, before: int) -> bool:
        """Whether another life may begin after that of restart `before`, whose end is put down. Raises OSError."""
        told = self.state.read("exit")
        if told is None and any(end.get("restart") == before for end in self.state.ends()):
            return True  # it has asked for this restart itself
        end = dict(told, state="PREEMPTED", reason="the scheduler took it off") if told else self.lost()
        if not self.allows(end["state"]):
            self.state.leave(end)
            return False
        self.state.rotate(dict(end, restart=before))
        return True

    def allows(self, word: str) -> bool:
        """Whether another life may follow one that ended so."""
        return word in self.on and len(self.state.ends()) < self.max

    def lost(self) -> Dict[str, Any]:
        """The end of a life that left no record; the scheduler does not say to a job why it is started anew."""
        word = "PREEMPTED" if "PREEMPTED" in self.on and "NODE_FAIL" not in self.on else "NODE_FAIL"
        reason = "the scheduler lost it and started the job anew"
        return end_record(word, None, reason, restarts=len(self.state.ends()))

    def broken(self, error: OSError) -> Dict[str, Any]:
        """The end of a life that cannot begin: nobody else would tell it."""
        reason = "the scheduler started the job anew, but: %s" % error
        return end_record("NODE_FAIL", None, reason, restarts=len(self.state.ends()))
