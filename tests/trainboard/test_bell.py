"""The bell of a real terminal, in a process of its own that has it."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

RINGS = """
import fcntl, os, sys, termios
from trainboard.notify import bell
if sys.argv[1] != "none":
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)
bell.PATIENCE = float(sys.argv[2])
ring = bell.terminal_bell()
if ring is None:
    sys.exit("no terminal")
terminal = os.open("/dev/tty", os.O_WRONLY | os.O_NONBLOCK)
try:
    while sys.argv[1] == "busy":
        os.write(terminal, b"x" * 512)
except BlockingIOError:
    pass
print("begun", flush=True)
print(ring(), flush=True)
"""


@contextmanager
def ringing(terminal: str, patience: float = 30.0) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """A process that rings once, and the other end of its terminal."""
    ours, its = os.openpty()
    argv = [sys.executable, "-c", RINGS, terminal, str(patience)]
    pipe = subprocess.PIPE
    try:
        with subprocess.Popen(
            argv, stdin=its, stdout=pipe, stderr=pipe, text=True, start_new_session=True
        ) as process:
            yield process, ours
    finally:
        os.close(ours)
        os.close(its)


def said(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def test_the_bell_of_a_terminal_rings() -> None:
    with ringing("idle") as (process, ours):
        assert (said(process), said(process)) == ("begun", "True")
        assert os.read(ours, 64) == b"\a"


def test_a_terminal_that_takes_a_frame_is_waited_for() -> None:
    with ringing("busy") as (process, ours):
        assert said(process) == "begun"
        taken = b""
        while not taken.endswith(b"\a"):
            taken += os.read(ours, 65536)
        assert said(process) == "True"


def test_a_terminal_that_takes_nothing_is_not_waited_for_for_ever() -> None:
    with ringing("busy", 0.05) as (process, _):
        assert (said(process), said(process)) == ("begun", "False")


def test_without_a_terminal_there_is_no_bell() -> None:
    with ringing("none") as (process, _):
        assert process.communicate(timeout=30) == ("", "no terminal\n")
