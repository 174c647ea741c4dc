"""Signals to the runner, as bytes on a pipe: none is lost between two looks."""

import os
import select
import signal
import time
from typing import Callable

from backends.runner.log import Log

PASSED_ON = {signal.SIGTERM, signal.SIGINT, signal.SIGUSR2}
"""What ends an attempt: cancel and preemption, Ctrl-C, Slurm's warning ahead of the time limit."""


class Signals(object):
    """Wakes the runner."""

    def __init__(self) -> None:
        self.wake, self.waker = os.pipe()
        for end in (self.wake, self.waker):
            os.set_blocking(end, False)

    def listen(self, heard: Callable[[int, object], None]) -> None:
        """From now on signals end the runner no more, but are heard."""
        signal.set_wakeup_fd(self.waker)
        for number in PASSED_ON:
            signal.signal(number, heard)
        signal.signal(signal.SIGCHLD, lambda number, frame: None)

    def wait(self, seconds: float, log: Log) -> None:
        """Until a signal comes, the time is over, or the program has printed, which goes into the log."""
        sources = [self.wake]
        if log.reader >= 0:
            pause = log.due - time.monotonic()
            if pause > 0:
                seconds = min(seconds, pause)
            else:
                sources.append(log.reader)
        ready = select.select(sources, [], [], max(seconds, 0.0))[0]
        if self.wake in ready:
            os.read(self.wake, 512)
        if log.reader in ready:
            log.pump()
