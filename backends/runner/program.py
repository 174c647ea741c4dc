"""The program of an attempt: run.sh, in a process group of its own."""

import os
import signal
from typing import Dict

from backends.runner.attempt import Attempt
from backends.runner.log import say
from backends.runner.signals import PASSED_ON


def start(attempt: Attempt) -> int:
    """Fork it; its pid. The signals that are passed on are blocked meanwhile. Raises OSError."""
    pid = os.fork()
    if pid == 0:
        become(attempt)
    return pid


def become(attempt: Attempt) -> None:
    """In the new process; never returns. It inherits the leases of the queue: they last as long as the tree."""
    shell = attempt.plan["shell"]
    try:
        os.setpgid(0, 0)
        attempt.log.become_output()
        signal.set_wakeup_fd(-1)
        for number in PASSED_ON | {signal.SIGCHLD, signal.SIGPIPE}:
            signal.signal(number, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, PASSED_ON)
        os.chdir(attempt.directory)
        os.execvpe(shell[0], shell + [os.path.join(attempt.directory, "run.sh")], environment(attempt))
    except OSError as error:
        say("cannot start %s: %s" % (shell[0], error.strerror))
    finally:
        os._exit(127)


def environment(attempt: Attempt) -> Dict[str, str]:
    """The program's."""
    return dict(
        os.environ,
        TRAINBOARD_TOKEN=attempt.plan["token"],
        TRAINBOARD_ATTEMPT=attempt.directory,
        TRAINBOARD_CHECKPOINT=attempt.checkpoint or "",
    )
