"""The helper: what runs on a host for as long as our connection to it lives, and is never installed there.

One file, standard library only, Python 3.6 or newer. It is sent as text to `python3 -c` over one channel; on this
machine the same class serves without a process of its own. It speaks frames over one stream in each direction:

    header length (4 bytes, big-endian) · payload length (4 bytes) · header (JSON) · payload (raw bytes)

A request has an `id` and an `op`; its reply has the same `id` and `ok` or `error`. `follow` and `telemetry` answer
with many frames (`event`) until `stop` names them. A followed file sends its next piece only after `ack` for the
last one, so a fast log never floods a slow line.
"""

import errno
import io
import json
import os
import select
import shutil
import signal
import struct
import subprocess
import sys
import threading
import time
from typing import Any, Callable, Dict, Iterator, List, Optional, Tuple

GREETING = b"\n\0trainboard-helper-1\n"
"""The first bytes from a helper; what a login shell prints before them is not ours."""

HEAD = struct.Struct(">II")
PIECE = 256 * 1024
"""Bytes of a followed file in one frame."""

LARGEST = 512 << 20
"""Bytes in one frame; more is a broken stream."""

ACTIVE, IDLE = 0.25, 0.5
"""Seconds between two looks at a followed file: while it grows, and when it has been quiet for ten seconds."""

GPU_PATIENCE, GPU_RETRY = 15.0, 60.0
"""Seconds after which a silent nvidia-smi hangs (on top of three intervals); until one that ended is tried again."""

GPU_FIELDS = "index,uuid,name,utilization.gpu,memory.used,memory.total,temperature.gpu,power.draw"


def encode(header: Dict[str, Any], payload: bytes = b"") -> bytes:
    """One frame."""
    text = json.dumps(header).encode("utf-8")
    return HEAD.pack(len(text), len(payload)) + text + payload


class Decoder(object):
    """Bytes in pieces of any size → frames."""

    def __init__(self) -> None:
        self.buffer = bytearray()

    def feed(self, data: bytes) -> Iterator[Tuple[Dict[str, Any], bytes]]:
        """The frames that `data` completes. Raises ValueError where the stream is not ours."""
        self.buffer += data
        at = 0
        while len(self.buffer) - at >= HEAD.size:
            header, payload = HEAD.unpack_from(self.buffer, at)
            if header + payload > LARGEST:
                raise ValueError("a frame of %d bytes" % (header + payload))
            end = at + HEAD.size + header + payload
            if len(self.buffer) < end:
                break
            begin = at + HEAD.size
            yield (
                json.loads(self.buffer[begin : begin + header].decode("utf-8")),
                bytes(self.buffer[begin + header : end]),
            )
            at = end
        del self.buffer[:at]


class Failure(Exception):
    """A request that cannot be done, with a kind that the other side can tell apart."""

    def __init__(self, kind: str, message: str) -> None:
        Exception.__init__(self, message)
        self.kind = kind


def resolve(path: str) -> str:
    """A path as the host means it; `~` is the user's home."""
    return os.path.abspath(os.path.expanduser(path))


def read_json(path: str) -> Optional[Dict[str, Any]]:
    """A small record; None where there is none that can be read."""
    try:
        with open(path) as file:
            return dict(json.load(file))
    except (IOError, OSError, ValueError):
        return None  # damaged: it is no evidence of anything


def write_whole(path: str, data: bytes, mode: int = 0o600) -> None:
    """A file that is never seen half."""
    draft = "%s.%d.%d.tmp" % (path, os.getpid(), threading.get_ident())
    try:
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode), "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.rename(draft, path)
    except OSError as error:
        if os.path.exists(draft):
            os.unlink(draft)
        error.filename = path  # the system does not say which file it has no room for
        raise


def process_start(pid: int) -> Optional[int]:
    """When the process began, in clock ticks after boot (0 where there is no /proc); None: no such process."""
    if not os.path.isdir("/proc/self"):
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return None
        except PermissionError:
            return 0
        return 0
    try:
        with open("/proc/%d/stat" % pid, "rb") as file:
            fields = file.read().rpartition(b")")[2].split()
    except (IOError, OSError):
        return None
    return None if fields[0] in (b"Z", b"X") else int(fields[19])


def boot_id() -> str:
    """Names this boot of the host."""
    try:
        with open("/proc/sys/kernel/random/boot_id") as file:
            return file.read().strip()
    except (IOError, OSError):
        return ""


def alive(started: Dict[str, Any]) -> bool:
    """Whether the runner that wrote this record is still there: same boot, same pid, same start."""
    if started.get("boot") != boot_id():
        return False
    return process_start(started["pid"]) in (started.get("start"), 0)


def attempt_state(directory: str) -> Dict[str, Any]:
    """What the attempt directory says, with whether its runner lives."""
    path = resolve(directory)
    state = os.path.join(path, "state")
    started = read_json(os.path.join(state, "started"))
    found = {
        "directory": directory,
        "present": os.path.isdir(path),
        "claimed": os.path.isdir(os.path.join(state, "claim")),
        "started": started,
        "same_boot": started is not None and started.get("boot") == boot_id(),
        "alive": started is not None and alive(started),
    }
    # Read last: a runner that ended between the two looks has left its record by now.
    found["exit"] = read_json(os.path.join(state, "exit"))
    return found


class Follow(object):
    """One file that is read as it grows."""

    def __init__(self, number: int, path: str, offset: int) -> None:
        self.number = number
        self.path = resolve(path)
        self.offset = offset
        self.identity = None  # type: Optional[Tuple[int, int]]
        self.waiting = False
        """A piece is on its way and not acknowledged."""
        self.behind = False
        """There was more in the file than the last piece could hold."""
        self.look_at = 0.0
        self.grew_at = 0.0
        self.trouble = ""

    def piece(self) -> Optional[Tuple[Dict[str, Any], bytes]]:
        """What is new, if anything."""
        with open(self.path, "rb") as file:  # opened anew each time: this is when NFS looks for changes
            status = os.fstat(file.fileno())
            identity = (status.st_dev, status.st_ino)
            if self.offset < 0:
                self.offset = max(0, status.st_size + self.offset)
            restarted = self.identity not in (None, identity) or status.st_size < self.offset
            if restarted:
                self.offset = 0
            self.identity = identity
            if status.st_size == self.offset and not restarted:
                return None
            file.seek(self.offset)
            data = file.read(PIECE)
        header = {"event": "chunk", "offset": self.offset, "size": status.st_size, "restarted": restarted}
        self.offset += len(data)
        self.behind = self.offset < status.st_size
        return header, data


class Helper(object):
    """Serves requests; `send` takes whole frames and may be called from any thread."""

    def __init__(self, send: Callable[[bytes], None]) -> None:
        self.emit = send
        self.sending = threading.Lock()
        self.follows = {}  # type: Dict[int, Follow]
        self.meters = {}  # type: Dict[int, threading.Event]
        self.commands = set()  # type: set[subprocess.Popen[bytes]]
        self.changed = threading.Condition()
        self.follower = None  # type: Optional[threading.Thread]
        self.closed = False
        self.operations = {
            "run": self.run,
            "read": self.read,
            "put": self.put,
            "exists": self.exists,
            "publish": self.publish,
            "attempts": self.attempts,
            "cancel": self.cancel,
        }  # type: Dict[str, Callable[[Dict[str, Any], bytes], Tuple[Dict[str, Any], bytes]]]

    def send(self, header: Dict[str, Any], payload: bytes = b"") -> None:
        """One frame to the other side, whole."""
        frame = encode(header, payload)
        with self.sending:
            if not self.closed:
                self.emit(frame)

    def handle(self, header: Dict[str, Any], payload: bytes) -> None:
        """Take one request. What may wait runs in a thread of its own: a hung command delays no other."""
        op, number = header["op"], header["id"]
        if op == "follow":
            self.add_follow(Follow(number, header["path"], header["offset"]))
        elif op == "ack":
            self.acknowledge(header["stream"])
        elif op == "stop":
            self.stop(header["stream"])
        elif op == "telemetry":
            self.meters[number] = threading.Event()
            self.thread(lambda: self.measure(number, header["interval"], header["disks"]))
        else:
            self.thread(lambda: self.answer(number, op, header, payload))

    def thread(self, work: Callable[[], None]) -> threading.Thread:
        """Run something beside the rest; it dies with us."""
        thread = threading.Thread(target=work)
        thread.daemon = True
        thread.start()
        return thread

    def answer(self, number: int, op: str, header: Dict[str, Any], payload: bytes) -> None:
        """Do one request and reply."""
        operation = self.operations.get(op)
        try:
            if operation is None:
                raise Failure("unknown", "no such operation: %s" % op)
            reply, data = operation(header, payload)
        except Failure as failure:
            self.send({"id": number, "error": failure.kind, "message": str(failure)})
        except OSError as error:
            kind = errno.errorcode.get(error.errno or 0, "OSError")
            where = "" if error.filename is None else "%s: " % error.filename
            self.send({"id": number, "error": kind, "message": "%s%s" % (where, error.strerror or error)})
        except Exception as error:  # whatever it is, nobody shall wait for an answer in vain
            self.send({"id": number, "error": "failed", "message": "%s: %s" % (type(error).__name__, error)})
        else:
            reply["id"] = number
            reply["ok"] = True
            self.send(reply, data)

    def close(self) -> None:
        """The other side is gone: end what only it wanted. Attempts go on."""
        with self.sending:
            self.closed = True
        for number in list(self.meters):
            self.stop(number)
        with self.changed:
            self.follows.clear()
            self.changed.notify_all()
        for command in list(self.commands):
            kill_group(command)

    # requests

    def run(self, header: Dict[str, Any], payload: bytes) -> Tuple[Dict[str, Any], bytes]:
        """A command, with a time limit and a cap on what it may print."""
        environment = dict(os.environ, **header.get("env", {}))
        try:
            process = subprocess.Popen(
                header["argv"],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env=environment,
                cwd=resolve(header.get("cwd") or "~"),
                start_new_session=True,
            )
        except OSError as error:
            if error.errno == errno.ENOENT and not os.path.exists(resolve(header.get("cwd") or "~")):
                raise
            raise Failure("not-started", "%s: %s" % (header["argv"][0], error.strerror)) from error
        self.commands.add(process)
        try:
            out, err, truncated = collect(process, header["timeout"], header["cap"])
        finally:
            self.commands.discard(process)
        return {"code": process.returncode, "out": len(out), "truncated": truncated}, out + err

    def read(self, header: Dict[str, Any], payload: bytes) -> Tuple[Dict[str, Any], bytes]:
        """A piece of a file; a negative offset counts from the end."""
        with open(resolve(header["path"]), "rb") as file:
            size = os.fstat(file.fileno()).st_size
            offset = header["offset"]
            offset = max(0, size + offset) if offset < 0 else offset
            file.seek(offset)
            return {"offset": offset, "size": size}, file.read(header["limit"])

    def put(self, header: Dict[str, Any], payload: bytes) -> Tuple[Dict[str, Any], bytes]:
        """A piece of a file, which appears, whole, with the last one. Pieces come in order, under one token."""
        path = resolve(header["path"])
        make_folder(os.path.dirname(path))
        draft = "%s.%s.part" % (path, header["token"])
        try:
            begin = os.O_CREAT | os.O_TRUNC if header["offset"] == 0 else 0
            with os.fdopen(os.open(draft, os.O_WRONLY | begin, 0o600), "wb") as file:
                file.seek(header["offset"])
                file.write(payload)
                file.flush()
                os.fsync(file.fileno())
            if header["last"]:
                os.rename(draft, path)
        except OSError as error:
            if os.path.exists(draft):
                os.unlink(draft)
            error.filename = path
            raise
        return {}, b""

    def exists(self, header: Dict[str, Any], payload: bytes) -> Tuple[Dict[str, Any], bytes]:
        """Whether a path is there, and what it is called in full."""
        path = resolve(header["path"])
        return {"exists": os.path.exists(path), "path": path}, b""

    def publish(self, header: Dict[str, Any], payload: bytes) -> Tuple[Dict[str, Any], bytes]:
        """A folder with files, complete or not at all. Doing it twice with the same token is once."""
        path = resolve(header["path"])
        plan = read_json(os.path.join(path, "plan.json"))
        if plan is not None and plan.get("token") == header["token"]:
            return {"path": path}, b""
        if os.path.exists(path):
            raise Failure("EEXIST", "%s: there is another attempt" % path)
        make_folder(os.path.dirname(path))
        draft = "%s.%s.tmp" % (path, header["token"])
        shutil.rmtree(draft, ignore_errors=True)
        try:
            make_folder(os.path.join(draft, "state"))
            at = 0
            for name, size, mode in header["files"]:
                write_whole(os.path.join(draft, name), payload[at : at + size], mode)
                at += size
            os.rename(draft, path)
        except OSError:
            shutil.rmtree(draft, ignore_errors=True)
            raise
        return {"path": path}, b""

    def attempts(self, header: Dict[str, Any], payload: bytes) -> Tuple[Dict[str, Any], bytes]:
        """The states of attempt directories, in the order asked for."""
        states = [attempt_state(directory) for directory in header["directories"]]
        return {}, json.dumps(states).encode("utf-8")

    def cancel(self, header: Dict[str, Any], payload: bytes) -> Tuple[Dict[str, Any], bytes]:
        """End an attempt: one that has not begun can then never begin, one that runs is told to end its tree."""
        path = resolve(header["path"])
        state = os.path.join(path, "state")
        write_whole(os.path.join(state, "cancel"), json.dumps({"time": time.time()}).encode("utf-8"))
        now = attempt_state(path)
        if now["exit"] is not None:
            return {"done": "ended before"}, b""
        if now["alive"]:
            os.kill(now["started"]["pid"], signal.SIGTERM)
            return {"done": "signalled"}, b""
        if not now["claimed"]:
            try:
                os.mkdir(os.path.join(state, "claim"))
            except OSError as error:
                if error.errno != errno.EEXIST:
                    raise
                return {"done": "marked"}, b""  # it begins this moment, and finds the mark when it is signalled
            record = {"state": "CANCELLED", "code": None, "reason": "cancelled before it began", "time": time.time()}
            write_whole(os.path.join(state, "exit"), json.dumps(record).encode("utf-8"))
            return {"done": "withdrawn"}, b""
        if now["same_boot"]:
            kill_marked(header["token"])  # the runner is gone, what it ran may not be
        return {"done": "marked"}, b""

    # followed files

    def add_follow(self, follow: Follow) -> None:
        """Begin to look at a file; one thread looks at all of them."""
        with self.changed:
            self.follows[follow.number] = follow
            if self.follower is None:
                self.follower = self.thread(self.look)
            self.changed.notify_all()

    def acknowledge(self, number: int) -> None:
        """The last piece has been taken."""
        with self.changed:
            follow = self.follows.get(number)
            if follow is not None:
                follow.waiting = False
                if follow.behind:  # else the next look waits its time: a busy log comes in pieces, not in lines
                    follow.look_at = 0.0
                self.changed.notify_all()

    def stop(self, number: int) -> None:
        """End a stream."""
        with self.changed:
            self.follows.pop(number, None)
        meter = self.meters.pop(number, None)
        if meter is not None:
            meter.set()

    def look(self) -> None:
        """Look at every followed file in its turn, for ever."""
        while not self.closed:
            with self.changed:
                now = time.time()
                due = [follow for follow in self.follows.values() if not follow.waiting and follow.look_at <= now]
                if not due:
                    ahead = [follow.look_at for follow in self.follows.values() if not follow.waiting]
                    self.changed.wait(max(0.01, min(ahead) - now) if ahead else None)
                    continue
            for follow in due:
                self.look_once(follow)

    def look_once(self, follow: Follow) -> None:
        """Send what is new in one file, or what keeps us from reading it (once)."""
        trouble, piece = "", None
        try:
            piece = follow.piece()
        except OSError as error:
            trouble = error.strerror or str(error)
        now = time.time()
        if piece is not None:
            follow.grew_at = now
            follow.waiting = True
        follow.look_at = now + (ACTIVE if now - follow.grew_at < 10 else IDLE)
        if trouble and trouble != follow.trouble:
            self.send({"id": follow.number, "event": "trouble", "message": trouble})
        follow.trouble = trouble
        if piece is not None:
            piece[0]["id"] = follow.number
            self.send(piece[0], piece[1])

    # telemetry

    def measure(self, number: int, interval: float, disks: List[str]) -> None:
        """Send a reading of this host every `interval` seconds until stopped."""
        stopped = self.meters.get(number)
        if stopped is None:
            return
        gpus = GpuTool(interval, self.commands)
        try:
            first = True
            while not self.closed:
                reading = {"event": "health", "id": number}
                reading.update(read_machine(disks))
                reading["gpus"], reading["gpu_error"] = gpus.latest()
                self.send(reading)
                # The GPU tool needs a moment for its first lines: look again soon.
                if stopped.wait(min(1.0, interval) if first else interval):
                    return
                first = False
        finally:
            gpus.close()


def make_folder(path: str) -> None:
    """A folder for the user alone, and those above it that are missing."""
    missing = []
    while not os.path.isdir(path):
        missing.append(path)
        path = os.path.dirname(path)
    for each in reversed(missing):
        try:
            os.mkdir(each, 0o700)
        except OSError as error:
            if error.errno != errno.EEXIST:  # another request was quicker
                raise


def kill_group(process: "subprocess.Popen[bytes]") -> None:
    """SIGKILL for a command and all that it started."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        return


def kill_marked(token: str) -> None:
    """SIGKILL for every process of an attempt whose runner is gone."""
    mark = ("TRAINBOARD_TOKEN=%s" % token).encode()
    for name in os.listdir("/proc") if os.path.isdir("/proc/self") else []:
        if not name.isdigit():
            continue
        try:
            with open("/proc/%s/environ" % name, "rb") as file:
                ours = mark in file.read().split(b"\0")
            if ours:
                os.kill(int(name), signal.SIGKILL)
        except OSError:
            continue  # ended meanwhile, or another user's


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


class GpuTool(object):
    """nvidia-smi, kept running: one process for the life of the connection instead of one for every reading."""

    def __init__(self, interval: float, commands: "set[subprocess.Popen[bytes]]") -> None:
        """`commands` holds what ends with the helper."""
        self.tool = shutil.which("nvidia-smi")
        self.interval = interval
        self.commands = commands
        self.rows = {}  # type: Dict[str, Tuple[float, str]]
        """By index: when it came, and the line."""
        self.error = ""
        self.begun = 0.0
        self.process = None  # type: Optional[subprocess.Popen[bytes]]

    def begin(self) -> None:
        """Start it."""
        assert self.tool is not None
        self.begun = time.time()
        seconds = str(max(1, int(self.interval)))
        argv = [self.tool, "--query-gpu=" + GPU_FIELDS, "--format=csv,noheader,nounits", "-l", seconds]
        try:
            self.process = subprocess.Popen(
                argv,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        except OSError as error:
            self.error = "nvidia-smi does not start: %s" % error.strerror
            return
        self.commands.add(self.process)
        thread = threading.Thread(target=self.read, args=(self.process,))
        thread.daemon = True
        thread.start()

    def read(self, process: "subprocess.Popen[bytes]") -> None:
        """Take its lines as they come."""
        assert process.stdout is not None
        last = ""
        with process.stdout:
            for raw in iter(process.stdout.readline, b""):
                last = raw[:1000].decode("utf-8", "replace").strip() or last
                index = last.split(",")[0].strip()
                if index.isdigit():
                    self.rows[index] = (time.time(), last)
                    self.error = ""
        self.commands.discard(process)
        process.wait()
        self.rows = {}
        self.error = "nvidia-smi ended: %s" % last
        self.process = None

    def latest(self) -> Tuple[List[str], str]:
        """The newest line of each GPU, and what is wrong. One that ended is tried again after a minute."""
        now = time.time()
        if self.tool is not None and self.process is None and now - self.begun > GPU_RETRY:
            self.begin()
        patience = GPU_PATIENCE + 3 * self.interval
        rows = dict(self.rows)
        lines = [rows[index][1] for index in sorted(rows, key=int) if now - rows[index][0] < patience]
        if self.process is not None and not lines and not self.error and now - self.begun > patience:
            return [], "nvidia-smi does not answer"
        return lines, self.error

    def close(self) -> None:
        """End it."""
        process = self.process
        if process is not None:
            kill_group(process)


def read_machine(disks: List[str]) -> Dict[str, Any]:
    """Memory, load and disks, in the units of DESIGN: bytes."""
    memory = {}  # type: Dict[str, int]
    load = None  # type: Optional[float]
    try:
        with open("/proc/meminfo") as file:
            for line in file:
                key, _, rest = line.partition(":")
                if key in ("MemTotal", "MemAvailable"):
                    memory[key] = int(rest.split()[0]) * 1024
        load = os.getloadavg()[0]
    except (IOError, OSError):
        pass  # not Linux: the fields stay empty, and the screen shows them so
    return {
        "hostname": os.uname()[1],
        "cpus": os.cpu_count(),
        "load": load,
        "memory_total": memory.get("MemTotal"),
        "memory_available": memory.get("MemAvailable"),
        "disks": [disk for disk in (read_disk(path) for path in disks) if disk is not None],
    }


def read_disk(path: str) -> Optional[List[Any]]:
    """Path, total and free bytes of the file system that holds (or will hold) the path."""
    full = resolve(path)
    while not os.path.exists(full):
        full = os.path.dirname(full)
    try:
        status = os.statvfs(full)
    except OSError:
        return None
    return [path, status.f_blocks * status.f_frsize, status.f_bavail * status.f_frsize]


def main() -> int:
    """Serve the other end of standard input and output until it goes away."""
    out = os.dup(1)
    null = os.open(os.devnull, os.O_RDWR)
    os.dup2(null, 1)  # what a library prints must not fall between two frames

    def emit(frame: bytes) -> None:
        view = memoryview(frame)
        while view:
            view = view[os.write(out, view) :]

    helper = Helper(emit)
    decoder = Decoder()
    emit(GREETING)
    source = sys.stdin.buffer
    assert isinstance(source, io.BufferedReader)
    try:
        while True:
            data = source.read1(1 << 16)  # what came right behind our own text is in its buffer
            if not data:
                return 0
            for header, payload in decoder.feed(data):
                helper.handle(header, payload)
    except OSError:
        return 1  # the connection broke; nobody is left to tell
    finally:
        helper.close()


if __name__ == "__main__":
    sys.exit(main())
