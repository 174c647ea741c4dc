"""The runner: stays with one attempt on its host, from the claim to the exit record.

One file, standard library only, Python 3.6 or newer, so that it runs wherever the attempt does. It is called
`runner.py [--detach] DIRECTORY` and reads DIRECTORY/plan.json: `token`, `shell` (the words
before the name of DIRECTORY/run.sh, which is what runs),
`time` (limit in seconds or null; null where a scheduler holds the limit), `grace` (seconds between the polite
signal and SIGKILL) and `log` (where standard output goes, or null where a scheduler has set it up).

Every state file is written whole: state/claim/ (made by whoever comes first), state/started, state/beat,
state/exit. A state/cancel that somebody else wrote says that a signal means CANCELLED. Room for the exit record is
taken at the start: a disk that is full at the end loses no result.
"""

import ctypes
import json
import os
import select
import signal
import socket
import sys
import time
from typing import Any, Dict, List, Optional, Set, Tuple

BEAT = 10.0
"""Seconds between two writes of state/beat."""

RECORD_SIZE = 4096
"""Bytes that are set aside for the exit record."""

PATIENCE = 60
"""Seconds for which a runner tries to write an exit record that it cannot write."""

PASSED_ON = {signal.SIGTERM, signal.SIGINT, signal.SIGUSR2}
"""What ends an attempt: cancel and preemption, Ctrl-C, Slurm's warning ahead of the time limit."""


def write_text(path: str, text: str) -> None:
    """Write a file, and wait until it is on the disk; what the file has already is written over, not given back."""
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600), "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())


def write_whole(path: str, record: Dict[str, Any]) -> None:
    """Write a JSON file that is never seen half."""
    draft = "%s.%d.tmp" % (path, os.getpid())
    try:
        write_text(draft, json.dumps(record))
        os.rename(draft, path)
    except OSError:
        remove(draft)
        raise


def remove(path: str) -> None:
    """Take a file away, if it is there."""
    try:
        os.unlink(path)
    except FileNotFoundError:
        return


def start_time(pid: int) -> Optional[int]:
    """Clock ticks after boot when the process began; with the pid it names a process. None: no such process."""
    try:
        with open("/proc/%d/stat" % pid, "rb") as file:
            fields = file.read().rpartition(b")")[2].split()
    except OSError:
        return None
    return None if fields[0] in (b"Z", b"X") else int(fields[19])


def boot_id() -> str:
    """Names this boot of the host; empty where the system does not tell."""
    try:
        with open("/proc/sys/kernel/random/boot_id") as file:
            return file.read().strip()
    except OSError:
        return ""


def tree(root: int, token: str) -> Set[int]:
    """The living descendants of `root`, and every process that carries the attempt's token in its environment."""
    if not os.path.isdir("/proc/self"):
        return descendants(root, parents_by_ps())
    mark = ("TRAINBOARD_TOKEN=%s" % token).encode()
    parents = {}  # type: Dict[int, int]
    marked = set()  # type: Set[int]
    for name in os.listdir("/proc"):
        if not name.isdigit():
            continue
        try:
            with open("/proc/%s/stat" % name, "rb") as file:
                fields = file.read().rpartition(b")")[2].split()
            if fields[0] in (b"Z", b"X"):
                continue
            parents[int(name)] = int(fields[1])
            with open("/proc/%s/environ" % name, "rb") as file:
                if mark in file.read().split(b"\0"):
                    marked.add(int(name))
        except OSError:
            continue  # ended meanwhile, or another user's
    return (marked | descendants(root, parents)) - {os.getpid(), root}


def parents_by_ps() -> Dict[int, int]:
    """Every process and its parent, where there is no /proc."""
    lines = os.popen("ps -A -o pid=,ppid=").read().splitlines()
    return {int(pid): int(parent) for pid, parent in (line.split() for line in lines)}


def descendants(root: int, parents: Dict[int, int]) -> Set[int]:
    """All pids below `root` in a map from child to parent."""
    found = set()  # type: Set[int]
    fresh = {root}
    while fresh:
        fresh = {pid for pid, parent in parents.items() if parent in fresh and pid not in found}
        found |= fresh
    return found


def send(pids: Set[int], number: int) -> None:
    """Signal processes, some of which may have ended already."""
    for pid in pids:
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            continue
        except PermissionError as error:
            sys.stderr.write("trainboard: cannot signal process %d: %s\n" % (pid, error))


class Attempt(object):
    """One attempt, run to its end."""

    def __init__(self, directory: str, plan: Dict[str, Any]) -> None:
        self.directory = directory
        self.plan = plan
        self.began = time.time()
        self.since = time.monotonic()
        self.child = 0
        self.status = None  # type: Optional[int]
        self.ending = ""
        """Why the attempt is being ended: `cancel`, `time`, or a signal's name; empty while it may run."""
        self.kill_at = 0.0
        self.wake, self.waker = os.pipe()

    def state(self, name: str) -> str:
        """The path of a state file."""
        return os.path.join(self.directory, "state", name)

    def claim(self) -> bool:
        """Whether this runner is the first: of two, exactly one is. Raises OSError: then nothing is claimed."""
        self.listen()
        try:
            os.mkdir(self.state("claim"))
        except FileExistsError:
            return False
        try:
            write_text(self.state("exit.room"), " " * RECORD_SIZE)
            write_whole(self.state("started"), self.started())
        except OSError:
            remove(self.state("exit.room"))
            os.rmdir(self.state("claim"))
            raise
        return True

    def started(self) -> Dict[str, Any]:
        """Who runs the attempt, and where."""
        return {
            "pid": os.getpid(),
            "start": start_time(os.getpid()),
            "boot": boot_id(),
            "host": socket.gethostname(),
            "time": self.began,
            "job_id": os.environ.get("SLURM_JOB_ID", ""),
        }

    def run(self) -> int:
        """Start the program, stay until its whole tree has ended, write the exit record; the runner's exit code."""
        if os.path.exists(self.state("cancel")):
            self.ending = "cancel"  # it came while we began, and saw nobody to signal
        self.start()
        beat_at = 0.0
        while self.child and self.reap():
            now = time.monotonic()
            if now >= beat_at:
                self.beat()
                beat_at = now + BEAT
            self.enforce(now)
            self.sleep(min(beat_at - now, 0.1 if self.ending or self.status is not None else 1.0))
        return self.leave(self.record())

    def beat(self) -> None:
        """Show that we live."""
        try:
            write_whole(self.state("beat"), {"time": time.time()})
        except OSError:
            return  # a full disk: it is no reason to leave the program alone

    def leave(self, record: Dict[str, Any]) -> int:
        """Write the exit record, into the room that was set aside for it; 0, or 1 where it cannot be written."""
        text = json.dumps(record).ljust(RECORD_SIZE)
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                write_text(self.state("exit.room"), text)
                os.rename(self.state("exit.room"), self.state("exit"))
                return 0
            except OSError as error:
                if time.monotonic() > deadline or isinstance(error, FileNotFoundError):
                    sys.stderr.write("trainboard: no exit record: %s\n" % error)
                    return 1
            self.sleep(2.0)

    def listen(self) -> None:
        """Turn signals into bytes on a pipe, so that none is lost between two looks."""
        for end in (self.wake, self.waker):
            os.set_blocking(end, False)
        signal.set_wakeup_fd(self.waker)
        for number in PASSED_ON:
            signal.signal(number, self.on_signal)
        signal.signal(signal.SIGCHLD, lambda number, frame: None)
        if sys.platform.startswith("linux"):
            # PR_SET_CHILD_SUBREAPER: what the program leaves behind becomes ours, not init's.
            ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)

    def on_signal(self, number: int, frame: object) -> None:
        """Begin the end, with the same signal for the program."""
        if os.path.exists(self.state("cancel")):
            self.end("cancel", number)
        else:
            self.end(signal.Signals(number).name, number)

    def start(self) -> None:
        """Fork the program into a process group of its own, unless the end has begun before."""
        sys.stdout.flush()
        signal.pthread_sigmask(signal.SIG_BLOCK, PASSED_ON)  # a signal finds no program, or one that takes it
        try:
            if not self.ending:
                self.child = os.fork()
                if self.child == 0:
                    self.become_program()
        except OSError as error:
            sys.stderr.write("trainboard: cannot start a process: %s\n" % error)
            self.status = 127 << 8
        finally:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, PASSED_ON)

    def become_program(self) -> None:
        """In the new process; never returns."""
        try:
            os.setpgid(0, 0)
            signal.set_wakeup_fd(-1)
            for number in PASSED_ON | {signal.SIGCHLD, signal.SIGPIPE}:
                signal.signal(number, signal.SIG_DFL)
            signal.pthread_sigmask(signal.SIG_UNBLOCK, PASSED_ON)
            os.chdir(self.directory)
            environment = dict(os.environ, TRAINBOARD_TOKEN=self.plan["token"], TRAINBOARD_ATTEMPT=self.directory)
            argv = self.plan["shell"] + [os.path.join(self.directory, "run.sh")]
            os.execvpe(argv[0], argv, environment)
        except OSError as error:
            sys.stderr.write("trainboard: cannot start %s: %s\n" % (self.plan["shell"][0], error.strerror))
            sys.stderr.flush()
        finally:
            os._exit(127)

    def reap(self) -> bool:
        """Collect what has ended; whether anything of the tree is still there."""
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return bool(tree(os.getpid(), self.plan["token"]))
            if pid == 0:
                return True
            if pid == self.child:
                self.status = status
                # Of itself the program is done; what it left behind gets the grace time, no more.
                if not self.kill_at:
                    send(tree(os.getpid(), self.plan["token"]), signal.SIGTERM)
                    self.kill_at = time.monotonic() + self.plan["grace"]

    def end(self, why: str, number: int) -> None:
        """Ask the program to end; the first reason stands."""
        if self.status is not None:
            return
        if not self.ending:
            self.ending = why
            self.kill_at = time.monotonic() + self.plan["grace"]
        send(tree(os.getpid(), self.plan["token"]), number)

    def enforce(self, now: float) -> None:
        """Apply the time limit, and SIGKILL after the grace time."""
        limit = self.plan.get("time")
        if limit is not None and not self.ending and now - self.since > limit:
            self.end("time", signal.SIGTERM)
        if self.kill_at and now > self.kill_at:
            send(tree(os.getpid(), self.plan["token"]), signal.SIGKILL)

    def sleep(self, seconds: float) -> None:
        """Until a signal comes or the time is over."""
        if select.select([self.wake], [], [], max(seconds, 0.0))[0]:
            os.read(self.wake, 512)

    def record(self) -> Dict[str, Any]:
        """The exit record."""
        state, code, reason = outcome(self.status, self.ending)
        return {"state": state, "code": code, "reason": reason, "began": self.began, "time": time.time()}


def outcome(status: Optional[int], ending: str) -> Tuple[str, Optional[int], str]:
    """State, exit code and reason that a wait status (None: never started) and the reason for ending stand for."""
    if status is None:
        state, _, reason = outcome(0, ending)
        return state, None, reason
    code = os.WEXITSTATUS(status) if os.WIFEXITED(status) else None
    number = os.WTERMSIG(status) if os.WIFSIGNALED(status) else (code - 128 if code and code > 128 else 0)
    known = {entry.value: entry.name for entry in signal.Signals}
    if ending == "cancel":
        return "CANCELLED", code, "cancelled"
    if ending in ("time", "SIGUSR2"):
        return "TIMEOUT", code, "time limit"
    if ending:
        return "CANCELLED", code, "ended by %s" % ending
    if status == 0:
        return "COMPLETED", 0, ""
    if code is None or number in known:
        return "FAILED", code if code is not None else 128 + number, "killed by %s" % known.get(number, number)
    return "FAILED", code, "exit code %d" % code


def detach() -> int:
    """Go on in a session of our own, without a terminal.

    The caller's process ends when the result is closed: with 0 if a byte was written to it, else with 1.
    """
    ready, tell = os.pipe()
    if os.fork():
        os.close(tell)
        os._exit(0 if os.read(ready, 1) else 1)
    os.close(ready)
    os.setsid()
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    return tell


def requeued(attempt: Attempt) -> bool:
    """Whether a scheduler starts the attempt again whose runner it has lost: nobody else will tell its end."""
    return bool(os.environ.get("SLURM_RESTART_COUNT")) and not os.path.exists(attempt.state("exit"))


def main(arguments: List[str]) -> int:
    """Run the attempt in the directory given last; who comes second leaves with 0."""
    directory = os.path.abspath(arguments[-1])
    tell = detach() if "--detach" in arguments[:-1] else None
    try:
        with open(os.path.join(directory, "plan.json")) as file:
            plan = json.load(file)
        log = os.path.join(directory, plan["log"] or os.devnull)
        out = None if tell is None else os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        attempt = Attempt(directory, plan)
        first = attempt.claim()
    except OSError as error:
        sys.stderr.write("trainboard: the attempt cannot begin: %s\n" % error)
        return 1
    if tell is not None and out is not None:
        os.dup2(out, 1)
        os.dup2(out, 2)
        os.write(tell, b"1")
        os.close(tell)
    if first:
        return attempt.run()
    if requeued(attempt):
        reason = "the scheduler lost it and started the job anew"
        return attempt.leave({"state": "NODE_FAIL", "code": None, "reason": reason, "time": time.time()})
    sys.stdout.write("trainboard: another runner has this attempt\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
