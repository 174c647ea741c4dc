"""What is asked for seldom, by tools that may hang: each in its turn, in a thread beside the readings."""

import errno
import os
import subprocess
import threading
import time
from typing import Any, Callable, Dict, List, Tuple

from backends.remote.commands import Commands, kill_group
from backends.remote.frames import Failure

CAP = 1 << 18
"""Bytes of what a tool prints that are read."""

Line = Callable[[str], None]


class Seldom(object):
    """Answers by name, each renewed after a while; a question that is not answered leaves what was known."""

    def __init__(self, questions: Dict[str, Tuple[float, Callable[[], Any]]]) -> None:
        """`questions`: by name, the seconds between two times, and what to call."""
        self.questions = questions
        self.answers = {}  # type: Dict[str, Any]
        self.first = threading.Event()
        """Set once each has had its turn."""
        self.stopped = threading.Event()
        self.thread = threading.Thread(target=self.run)
        self.thread.daemon = True

    def begin(self) -> None:
        """Ask from now on."""
        self.thread.start()

    def run(self) -> None:
        """Ask whatever is due, until stopped."""
        due = dict.fromkeys(self.questions, 0.0)
        while not self.stopped.is_set():
            for name, (period, question) in self.questions.items():
                if time.monotonic() >= due[name]:
                    self.answers[name] = question()
                    due[name] = time.monotonic() + period
            self.first.set()
            self.stopped.wait(max(0.05, min(due.values()) - time.monotonic()))

    def close(self) -> None:
        """Ask no more."""
        self.stopped.set()


def told(argv: List[str], patience: float, commands: Commands, cap: int = CAP) -> Tuple[int, str]:
    """A command's exit status and what it prints, errors too. Raises `Failure` where it does not start or hangs."""
    lines = []  # type: List[str]
    room = [cap]

    def keep(line: str) -> None:
        room[0] -= len(line)
        if room[0] >= 0:
            lines.append(line)

    code = listen(argv, patience, commands, keep)
    return code, "".join(lines)


def listen(argv: List[str], patience: float, commands: Commands, hear: Line) -> int:
    """Run a command in the language of programs, and hand on each line; its exit status. Raises `Failure`."""
    try:
        process = subprocess.Popen(
            argv,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=plain_environment(),
            start_new_session=True,
        )
    except OSError as error:
        kind = "not-there" if error.errno == errno.ENOENT else "not-started"
        raise Failure(kind, "%s: %s" % (argv[0], error.strerror)) from error
    assert process.stdout is not None
    commands.running.add(process)
    hung = threading.Event()

    def end() -> None:
        hung.set()
        kill_group(process)

    late = threading.Timer(patience, end)
    late.daemon = True
    late.start()
    try:
        with process.stdout:
            for raw in iter(lambda: process.stdout.readline(CAP), b""):  # type: ignore[union-attr]  # it has one
                hear(raw.decode("utf-8", "replace"))
        process.wait(patience)
    except subprocess.TimeoutExpired:
        end()
    finally:
        late.cancel()
        commands.running.discard(process)
    if hung.is_set():
        raise Failure("timeout", "%s: no answer within %g s" % (argv[0], patience))
    return process.returncode


def plain_environment() -> Dict[str, str]:
    """The environment in which tools speak English and write numbers with points."""
    return dict(os.environ, LC_ALL="C", LANG="C", LANGUAGE="C")
