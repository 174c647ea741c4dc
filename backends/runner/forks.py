"""Processes of the runner's own beside the program."""

import os
import signal
from typing import Callable

from backends.runner.log import say
from backends.runner.signals import PASSED_ON


def fork_apart(work: Callable[[], None]) -> int:
    """Do something in a process of our own that no signal to the attempt ends; its pid. Raises OSError."""
    signal.pthread_sigmask(signal.SIG_BLOCK, PASSED_ON)
    try:
        pid = os.fork()
        if pid == 0:
            become_apart(work)
        return pid
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, PASSED_ON)


def become_apart(work: Callable[[], None]) -> None:
    """In the new process; never returns."""
    try:
        os.setsid()
        signal.set_wakeup_fd(-1)
        for number in PASSED_ON | {signal.SIGHUP, signal.SIGUSR1}:
            signal.signal(number, signal.SIG_IGN)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, PASSED_ON)
        work()
    except Exception as error:  # the process is ours alone: nobody else would tell
        say("%r" % error)
        os._exit(1)
    finally:
        os._exit(0)
