"""Readings of the host: memory, load, disks, GPUs."""

import os
import shutil
import subprocess
import threading
import time
from typing import Any, Callable, Dict, List, Optional, Tuple

from backends.remote.commands import Commands, kill_group
from backends.remote.files import resolve
from backends.remote.frames import Header, Reply

GPU_FIELDS = "index,uuid,name,utilization.gpu,memory.used,memory.total,temperature.gpu,power.draw"

GPU_PATIENCE, GPU_RETRY = 15.0, 60.0
"""Seconds after which a silent nvidia-smi hangs (on top of three intervals); until one that ended is tried again."""

SILENT = "nvidia-smi does not answer"


class Telemetry(object):
    """The streams of readings; `send` takes a header and a payload, `commands` holds what ends with the helper."""

    def __init__(self, send: Callable[[Header, bytes], None], commands: Commands) -> None:
        self.send = send
        self.commands = commands
        self.meters = {}  # type: Dict[int, threading.Event]

    def begin(self, number: int, interval: float, disks: List[str]) -> None:
        """Send a reading of this host every `interval` seconds until stopped."""
        self.meters[number] = threading.Event()
        thread = threading.Thread(target=self.measure, args=(self.meters[number], number, interval, disks))
        thread.daemon = True
        thread.start()

    def measure(self, stopped: threading.Event, number: int, interval: float, disks: List[str]) -> None:
        """Read and send until `stopped` is set."""
        gpus = GpuTool(interval, self.commands)
        wait = min(1.0, interval)  # the GPU tool needs a moment for its first lines: look again soon
        try:
            while not stopped.is_set():
                reading = {"event": "health", "id": number}
                reading.update(read_machine(disks))
                reading["gpus"], reading["gpu_error"] = gpus.latest()
                self.send(reading, b"")
                stopped.wait(wait)
                wait = interval
        finally:
            gpus.close()

    def stop(self, number: int) -> None:
        """End one stream."""
        meter = self.meters.pop(number, None)
        if meter is not None:
            meter.set()

    def close(self) -> None:
        """End all of them."""
        for number in list(self.meters):
            self.stop(number)


class GpuTool(object):
    """nvidia-smi, kept running: one process for the life of the connection instead of one for every reading."""

    def __init__(self, interval: float, commands: Commands) -> None:
        """`commands` holds what ends with the helper."""
        self.tool = shutil.which("nvidia-smi")
        self.interval = interval
        self.commands = commands
        self.rows = {}  # type: Dict[str, Tuple[float, str]]
        """By index: when it came, and the line."""
        self.error = ""
        self.begun = 0.0
        self.hung = None  # type: Optional[subprocess.Popen[bytes]]
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
        self.commands.running.add(self.process)
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
        self.commands.running.discard(process)
        process.wait()
        self.rows = {}
        self.error = SILENT if process is self.hung else "nvidia-smi ended: %s" % last
        self.process = None

    def latest(self) -> Tuple[List[str], str]:
        """The newest line of each GPU, and what is wrong. One that ended or hangs is started anew in a minute."""
        now = time.time()
        if self.tool is not None and self.process is None and now - self.begun > GPU_RETRY:
            self.begin()
        patience = GPU_PATIENCE + 3 * self.interval
        rows = dict(self.rows)
        lines = [rows[index][1] for index in sorted(rows, key=int) if now - rows[index][0] < patience]
        process = self.process
        if process is not None and not lines and now - self.begun > patience:
            self.hung, self.error = process, SILENT
            kill_group(process)
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


def space(header: Header, payload: bytes) -> Reply:
    """The disks of `paths`."""
    return {"disks": [disk for disk in (read_disk(path) for path in header["paths"]) if disk is not None]}, b""


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
