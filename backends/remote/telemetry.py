"""Readings of the host, as frames: what changes is in each, what changes seldom only when it did."""

import threading
from typing import Any, Callable, Dict, List

from backends.queue import held
from backends.remote.amd import Amd
from backends.remote.commands import Commands
from backends.remote.disks import Disk, Disks
from backends.remote.files import resolve
from backends.remote.frames import Header
from backends.remote.gpuapps import Describer, GpuApps, Row
from backends.remote.gpuparts import EACH, Slices, xids
from backends.remote.gputool import GpuTool, installed
from backends.remote.machine import Machine
from backends.remote.quotas import EACH as QUOTAS_EACH
from backends.remote.quotas import figures
from backends.remote.seldom import Seldom

DISKS_EACH = 15.0
"""Seconds between two looks at the disks."""

LOOK = 5.0
"""Seconds between two looks whether a GPU was cut into slices."""

HELD_EACH = 2.0
"""Seconds between two looks at who holds GPUs."""

FIRST = 1.0
"""Seconds that the first reading waits for the disks."""

Send = Callable[[Header, bytes], None]


class Telemetry(object):
    """The streams of readings; `send` takes a header and a payload, `commands` holds what ends with the helper."""

    def __init__(self, send: Send, commands: Commands) -> None:
        self.send = send
        self.commands = commands
        self.disks = Disks()
        self.meters = {}  # type: Dict[int, Meter]

    def begin(self, number: int, header: Header) -> None:
        """Send a reading of this host every `interval` seconds until stopped."""
        self.disks.watch(header["disks"], [header["root"]] if header.get("root") else [])
        meter = Meter(number, header, self.send, self.commands, self.disks)
        self.meters[number] = meter
        thread = threading.Thread(target=meter.run)
        thread.daemon = True
        thread.start()

    def stop(self, number: int) -> None:
        """End one stream."""
        meter = self.meters.pop(number, None)
        if meter is not None:
            meter.stopped.set()

    def close(self) -> None:
        """End all of them."""
        for number in list(self.meters):
            self.stop(number)


class Meter(object):
    """One stream."""

    def __init__(self, number: int, header: Header, send: Send, commands: Commands, disks: Disks) -> None:
        self.number = number
        self.interval = header["interval"]
        self.send = send
        self.stopped = threading.Event()
        self.told = {}  # type: Dict[str, Any]
        """Of what is sent only when it changed, what was sent last."""
        self.said = {}  # type: Dict[str, Any]
        self.users = []  # type: List[Row]
        self.machine = Machine()
        self.filling = Filling(disks, commands)
        self.gpus = GpuTool(self.interval, commands)
        if not header.get("gpus", True):
            self.gpus.tool = None  # somebody else asks the driver
        root = header.get("root") or ""
        self.describer = Describer(resolve(root) if root else "")
        self.apps = GpuApps(self.gpus.tool, self.interval, commands, self.describer)
        self.amd = Amd(commands)
        slices = Slices(self.gpus.tool, self.cut, commands)
        questions = {}  # type: Dict[str, Any]
        leases = header.get("leases")
        if leases:
            questions["held"] = (HELD_EACH, held.Holders(leases).look)
        if self.gpus.tool is not None:
            questions["slices"] = (LOOK, slices.look)
        if self.gpus.tool is not None or installed():
            questions["xids"] = (EACH, lambda: xids(commands))
        if self.amd.there:
            questions["amd"] = (1.0, lambda: self.amd.look(self.gpus.none))
        self.seldom = Seldom(questions)

    def run(self) -> None:
        """Read and send until stopped."""
        self.filling.begin()
        if self.seldom.questions:
            self.seldom.begin()
        wait = min(1.0, self.interval)  # the GPU tool needs a moment for its first lines: look again soon
        self.gpus.latest()
        self.filling.first.wait(FIRST)
        try:
            while not self.stopped.is_set():
                self.send(self.reading(), b"")
                self.stopped.wait(wait)
                wait = self.interval
        finally:
            for each in (self.gpus, self.apps, self.seldom, self.filling):
                each.close()

    def reading(self) -> Header:
        """All that is to be told now."""
        latest = self.gpus.latest()
        found = {"event": "health", "id": self.number}  # type: Header
        found.update(self.machine.read())
        found.update(gpus=latest.lines, gpu_error=latest.error)
        amd = self.seldom.answers.get("amd")
        self.changed(
            found,
            fields=self.gpus.fields,
            lost=[list(lost) for lost in latest.lost],
            slices=self.seldom.answers.get("slices"),
            xids=self.seldom.answers.get("xids"),
            held=self.seldom.answers.get("held"),
            apps=self.on_amd(amd) if amd else self.apps.latest(not latest.error and bool(latest.lines)),
            amd={"texts": amd["texts"], "trouble": amd["trouble"]} if amd else None,
            disks=[[disk.path, disk.total, disk.free, disk.trouble] for disk in self.filling.disks],
            quotas=self.filling.quotas,
        )
        return found

    def changed(self, found: Header, **parts: object) -> None:
        """Put in what is not as it was when it was sent last."""
        for name, part in parts.items():
            if name not in self.told or self.told[name] != part:
                found[name] = part
                self.told[name] = part

    def on_amd(self, said: Dict[str, Any]) -> List[Row]:
        """The processes on AMD's GPUs; looked at as often as these are asked."""
        if said is not self.said:
            self.said, self.users = said, self.describer.rows(said["apps"])
        return self.users

    def cut(self) -> List[str]:
        """The lines of the GPUs that are cut into slices."""
        fields = self.gpus.fields
        at = fields.index("mig.mode.current") if "mig.mode.current" in fields else len(fields)
        rows = [line.split(",") for line in list(self.gpus.rows.values())]
        return [words[1].strip() for words in rows if len(words) > at and words[at].strip() == "Enabled"]


class Filling(object):
    """How full the watched file systems are, and the user's quotas there: each in a thread of its own."""

    def __init__(self, watched: Disks, commands: Commands) -> None:
        self.watched = watched
        self.commands = commands
        self.looking = Seldom({"disks": (DISKS_EACH, self.watched.look)})
        self.counting = Seldom({"quotas": (QUOTAS_EACH, self.count)})
        self.first = self.looking.first

    @property
    def disks(self) -> List[Disk]:
        """As they were last."""
        return list(self.looking.answers.get("disks", ()))

    @property
    def quotas(self) -> Dict[str, Any]:
        """By path, those that have a limit."""
        return dict(self.counting.answers.get("quotas", {}))

    def begin(self) -> None:
        """Look from now on."""
        self.looking.begin()
        self.counting.begin()

    def count(self) -> Dict[str, Any]:
        """The quotas of those that answer."""
        self.first.wait()
        well = [disk for disk in self.disks if disk.folder and not disk.trouble]
        found = {disk.path: figures(disk.folder, self.commands) for disk in well}
        return {path: quotas for path, quotas in found.items() if quotas}

    def close(self) -> None:
        """Look no more."""
        self.looking.close()
        self.counting.close()
