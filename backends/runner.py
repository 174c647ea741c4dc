"""The runner: stays with one attempt on its host, from the claim to the exit record.

One file, standard library only, Python 3.6 or newer, so that it runs wherever the attempt does. It is called
`runner.py [--detach] DIRECTORY` and reads DIRECTORY/plan.json: `token`, `shell` (the words
before the name of DIRECTORY/run.sh, which is what runs),
`time` (limit in seconds or null; null where a scheduler holds the limit), `grace` (seconds between the polite
signal and SIGKILL) and `log` (where standard output goes, or null where a scheduler has set it up).

Every state file is written whole: state/claim/ (made by whoever comes first), state/started, state/beat,
state/exit. A state/cancel that somebody else wrote says that a signal means CANCELLED.
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

PASSED_ON = {signal.SIGTERM, signal.SIGINT, signal.SIGUSR2}
"""What ends an attempt: cancel and preemption, Ctrl-C, Slurm's warning ahead of the time limit."""


def write_whole(path: str, record: Dict[str, Any]) -> None:
    """Write a JSON file that is never seen half."""
    draft = "%s.%d.tmp" % (path, os.getpid())
    with open(draft, "w") as file:
        json.dump(record, file)
        file.flush()
        os.fsync(file.fileno())
    os.rename(draft, path)


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
        """Whether this runner is the first: of two, exactly one is."""
        try:
            os.mkdir(self.state("claim"))
        except FileExistsError:
            return False
        return True

    def run(self) -> None:
        """Start the program, stay until its whole tree has ended, write the exit record."""
        self.listen()
        self.child = self.start()
        write_whole(
            self.state("started"),
            {
                "pid": os.getpid(),
                "start": start_time(os.getpid()),
                "boot": boot_id(),
                "host": socket.gethostname(),
                "time": self.began,
                "job_id": os.environ.get("SLURM_JOB_ID", ""),
            },
        )
        beat_at = 0.0
        while self.reap():
            now = time.time()
            if now >= beat_at:
                write_whole(self.state("beat"), {"time": now})
                beat_at = now + BEAT
            self.enforce(now)
            self.sleep(min(beat_at - now, 0.1 if self.ending or self.status is not None else 1.0))
        write_whole(self.state("exit"), self.record())

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

    def start(self) -> int:
        """Fork the program into a process group of its own."""
        sys.stdout.flush()
        pid = os.fork()
        if pid:
            return pid
        try:
            os.setpgid(0, 0)
            signal.set_wakeup_fd(-1)
            for number in PASSED_ON | {signal.SIGCHLD, signal.SIGPIPE}:
                signal.signal(number, signal.SIG_DFL)
            os.chdir(self.directory)
            environment = dict(os.environ, TRAINBOARD_TOKEN=self.plan["token"], TRAINBOARD_ATTEMPT=self.directory)
            argv = self.plan["shell"] + [os.path.join(self.directory, "run.sh")]
            os.execvpe(argv[0], argv, environment)
        except OSError as error:
            sys.stderr.write("trainboard: cannot start %s: %s\n" % (self.plan["shell"][0], error))
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
                    self.kill_at = time.time() + self.plan["grace"]

    def end(self, why: str, number: int) -> None:
        """Ask the program to end; the first reason stands."""
        if self.status is not None:
            return
        if not self.ending:
            self.ending = why
            self.kill_at = time.time() + self.plan["grace"]
        send(tree(os.getpid(), self.plan["token"]), number)

    def enforce(self, now: float) -> None:
        """Apply the time limit, and SIGKILL after the grace time."""
        limit = self.plan.get("time")
        if limit is not None and not self.ending and now - self.began > limit:
            self.end("time", signal.SIGTERM)
        if self.kill_at and now > self.kill_at:
            send(tree(os.getpid(), self.plan["token"]), signal.SIGKILL)

    def sleep(self, seconds: float) -> None:
        """Until a signal comes or the time is over."""
        if select.select([self.wake], [], [], max(seconds, 0.0))[0]:
            os.read(self.wake, 512)

    def record(self) -> Dict[str, Any]:
        """The exit record."""
        state, code, reason = outcome(self.status or 0, self.ending)
        return {"state": state, "code": code, "reason": reason, "began": self.began, "time": time.time()}


def outcome(status: int, ending: str) -> Tuple[str, Optional[int], str]:
    """State, exit code and reason that a wait status and the reason for ending stand for."""
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


def detach(log: Optional[str]) -> int:
    """Become a session of our own, without a terminal; the caller's process returns once the result is closed."""
    ready, tell = os.pipe()
    pid = os.fork()
    if pid:
        os.close(tell)
        os.read(ready, 1)
        os._exit(0)
    os.close(ready)
    os.setsid()
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    out = os.open(log or os.devnull, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.dup2(out, 1)
    os.dup2(out, 2)
    return tell


def main(arguments: List[str]) -> int:
    """Run the attempt in the directory given last; who comes second leaves with 0."""
    directory = os.path.abspath(arguments[-1])
    with open(os.path.join(directory, "plan.json")) as file:
        plan = json.load(file)
    attempt = Attempt(directory, plan)
    waiting = detach(plan.get("log")) if "--detach" in arguments[:-1] else None
    first = attempt.claim()
    if waiting is not None:
        os.close(waiting)
    if first:
        attempt.run()
    else:
        sys.stdout.write("trainboard: another runner has this attempt\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
