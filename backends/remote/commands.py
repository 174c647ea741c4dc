"""Commands on the host, with a time limit and a cap on their output."""

import errno
import os
import select
import signal
import subprocess
import sys
import threading
import time
from typing import Dict, List, Set, Tuple

from backends.remote.files import resolve
from backends.remote.frames import Failure, Header, Reply

STARTING = 5.0
"""Seconds that the end waits for commands that are just being started; one on a dead file system may never be."""


class Commands(object):
    """What runs for the other side, and ends with it."""

    def __init__(self) -> None:
        self.changed = threading.Condition()
        self.starting = 0
        """How many are being started, so that nothing is known of them yet."""
        self.closed = False
        self.running = set()  # type: Set[subprocess.Popen[bytes]]
        self.asked = {}  # type: Dict[int, subprocess.Popen[bytes]]
        """By the number of the request that one is for."""

    def run(self, header: Header, payload: bytes) -> Reply:
        """A command, with a time limit and a cap on what it may print."""
        environment = dict(os.environ, **header.get("env", {}))
        wanted = header.get("cwd") or "~"
        folder = resolve(wanted)
        if wanted == "~" and not os.path.isdir(folder):
            folder = "/"  # an account without a home, or one whose home is not mounted here
        try:
            process = self.start(header["argv"], environment, folder)
        except OSError as error:
            if error.errno == errno.ENOENT and not os.path.exists(folder):
                raise
            raise Failure("not-started", "%s: %s" % (header["argv"][0], error.strerror)) from error
        self.asked[header["id"]] = process
        try:
            out, err, truncated = collect(process, header["timeout"], header["cap"])
        finally:
            self.running.discard(process)
            self.asked.pop(header["id"], None)
        return {"code": process.returncode, "out": len(out), "truncated": truncated}, out + err

    def start(self, argv: List[str], environment: Dict[str, str], folder: str) -> "subprocess.Popen[bytes]":
        """A process that ends with us, from its first moment on."""
        with self.changed:
            if self.closed:
                raise Failure("not-started", "the connection has ended")
            self.starting += 1
        try:
            process = self.process(argv, environment, folder)
            self.running.add(process)
        finally:
            with self.changed:
                self.starting -= 1
                self.changed.notify_all()
        return process

    def process(self, argv: List[str], environment: Dict[str, str], folder: str) -> "subprocess.Popen[bytes]":
        """A process in a session of its own."""
        return subprocess.Popen(
            argv,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=environment,
            cwd=folder,
            start_new_session=True,
        )

    def program(self, header: Header, payload: bytes) -> Reply:
        """A program of ours in a process of its own, which can be ended and holds up nobody.

        Another interpreter than ours is asked for because of the libraries that it has.
        """
        python = header.get("python")
        argv = [python, "-I"] if python else [sys.executable, "-I", "-S"]
        argv += ["-c", payload.decode("ascii")]
        return self.run(dict(header, argv=argv + header["arguments"]), b"")

    def end(self, request: int) -> None:
        """Nobody waits any more for what this request started: it may end in its own way, as srun does."""
        process = self.asked.get(request)
        if process is not None:
            signal_group(process, signal.SIGTERM)

    def close(self) -> None:
        """End all of them, those too that are just being started."""
        with self.changed:
            self.closed = True
            self.changed.wait_for(lambda: not self.starting, STARTING)
        for process in list(self.running):
            kill_group(process)


def kill_group(process: "subprocess.Popen[bytes]") -> None:
    """SIGKILL for a command and all that it started."""
    signal_group(process, signal.SIGKILL)


def signal_group(process: "subprocess.Popen[bytes]", number: int) -> None:
    """A signal for a command and all that it started."""
    try:
        os.killpg(process.pid, number)
    except ProcessLookupError:
        return


def collect(process: "subprocess.Popen[bytes]", timeout: float, cap: int) -> Tuple[bytes, bytes, bool]:
    """Keep at most `cap` bytes of each output of a command; end it with its group after `timeout`."""
    assert process.stdout is not None
    assert process.stderr is not None
    streams = {process.stdout.fileno(): bytearray(), process.stderr.fileno(): bytearray()}
    order = list(streams)
    truncated = False
    deadline = time.time() + timeout
    open_ends = set(order)
    with process.stdout, process.stderr:
        while open_ends:
            ready = select.select(list(open_ends), [], [], max(0.0, deadline - time.time()))[0]
            if not ready:
                break
            for end in ready:
                data = os.read(end, 65536)
                if not data:
                    open_ends.discard(end)
                room = cap - len(streams[end])
                truncated = truncated or len(data) > room
                streams[end] += data[: max(0, room)]
    try:
        process.wait(max(0.0 if open_ends else 0.1, deadline - time.time()))
    except subprocess.TimeoutExpired as error:
        kill_group(process)
        process.wait()
        raise Failure("timeout", "no answer within %g s" % timeout) from error
    return bytes(streams[order[0]]), bytes(streams[order[1]]), truncated
