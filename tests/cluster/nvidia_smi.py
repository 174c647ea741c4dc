"""Replays `nvidia-smi` for the hosts of the test cluster: nvidia_smi.py GPUS.JSON [nvidia-smi's arguments].

The recording was written by hand from the documented format (`nvidia-smi --help-query-gpu`,
`--help-query-compute-apps`), for an A100 with driver 550.54.15; no machine was recorded. The file is read anew for
every line, so a test may replace it while a loop runs. Besides `gpus` and `apps` it may hold
`"failure": {"text", "code"}` (say that, exit so) and `"hang": true` (never answer).
"""

from __future__ import annotations

import json
import re
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    Row = Mapping[str, Any]

UNITS = {
    "utilization": "%",
    "memory": "MiB",
    "used_memory": "MiB",
    "used_gpu_memory": "MiB",
    "power": "W",
    "clocks": "MHz",
    "fan": "%",
}
SYNONYMS = {
    "gpu_uuid": "uuid",
    "gpu_name": "name",
    "gpu_bus_id": "pci.bus_id",
    "gpu_serial": "serial",
    "clocks.sm": "clocks.current.sm",
    "clocks_event_reasons.active": "clocks_throttle_reasons.active",
    "used_gpu_memory": "used_memory",
}
APP_FIELDS = ("pid", "process_name", "used_memory")


class Options:
    """One command line."""

    def __init__(self) -> None:
        self.interval = 0.0
        self.query = ""
        self.fields: list[str] = []
        self.format: list[str] = ["csv"]
        self.ids: list[str] | None = None
        self.list_gpus = False
        self.bad = ""


def main(path: str, arguments: list[str]) -> int:
    """Answer one call; returns the exit status."""
    options = parse(arguments)
    while True:
        recording = json.loads(Path(path).read_text())
        while recording.get("hang"):
            time.sleep(3600)
        text, code = answer(recording, options)
        sys.stdout.write(text)
        sys.stdout.flush()
        if code or not options.interval:
            return code
        time.sleep(options.interval)


def parse(arguments: Iterable[str]) -> Options:
    """Return the options that the tool's manual names."""
    options = Options()
    rest = list(arguments)
    while rest:
        word = rest.pop(0)
        name, joined, value = word.partition("=")
        if name in ("-l", "-lms", "-i", "--id", "--loop", "--loop-ms") and not joined:
            value = rest.pop(0) if rest and not rest[0].startswith("-") else "5"
        if name in ("--query-gpu", "--query-compute-apps"):
            options.query, options.fields = name, [field.strip() for field in value.split(",")]
        elif name == "--format":
            options.format = [part.strip() for part in value.split(",")]
        elif name in ("-l", "--loop"):
            options.interval = float(value)
        elif name in ("-lms", "--loop-ms"):
            options.interval = float(value) / 1000
        elif name in ("-i", "--id"):
            options.ids = value.split(",")
        elif name in ("-L", "--list-gpus"):
            options.list_gpus = True
        else:
            options.bad = word
    return options


def answer(recording: Mapping[str, Any], options: Options) -> tuple[str, int]:
    """Return (text, exit status) for one look at the recording."""
    failure = recording.get("failure")
    if failure:
        return failure["text"] + "\n", failure["code"]
    if options.bad:
        return f"Invalid combination of input arguments. Please run 'nvidia-smi -h' for help. ({options.bad})\n", 2
    gpus = [gpu for gpu in recording["gpus"] if wanted(gpu, options.ids)]
    if not gpus:
        return "No devices were found\n", 6
    if options.list_gpus:
        return "".join(f"GPU {gpu['index']}: {gpu['name']} (UUID: {gpu['uuid']})\n" for gpu in gpus), 0
    if options.query == "--query-gpu":
        return table(gpus, options)
    if options.query == "--query-compute-apps":
        return table(applications(recording["apps"], gpus), options)
    return "This replayer answers --query-gpu, --query-compute-apps and -L only.\n", 2


def wanted(gpu: Row, ids: list[str] | None) -> bool:
    """Return whether `-i` names this GPU, by index, UUID or bus id, or names none."""
    return ids is None or bool({str(gpu["index"]), gpu["uuid"], gpu["pci.bus_id"]} & set(ids))


def applications(apps: list[Row], gpus: list[Row]) -> list[Row]:
    """Return the compute processes on these GPUs, each with the fields of its GPU."""
    by_uuid = {gpu["uuid"]: gpu for gpu in gpus}
    return [{**by_uuid[app["gpu_uuid"]], **app} for app in apps if app["gpu_uuid"] in by_uuid]


def table(rows: list[Row], options: Options) -> tuple[str, int]:
    """Return the rows as the tool's CSV, in the order of the fields asked for; an unknown field is exit status 2."""
    known = {name for row in rows for name in row} | set(APP_FIELDS) | set(SYNONYMS) | {"timestamp"}
    unknown = [field for field in options.fields if SYNONYMS.get(field, field) not in known and rows]
    if unknown:
        return f'Field "{unknown[0]}" is not a valid field to query.\n\n', 2
    units = "nounits" not in options.format
    lines = [[cell(row, field, units) for field in options.fields] for row in rows]
    if "noheader" not in options.format:
        lines.insert(0, [head(field, units) for field in options.fields])
    return "".join(", ".join(line) + "\n" for line in lines), 0


def cell(row: Row, field: str, units: bool) -> str:
    """Return one value as printed; a field that this GPU does not have is `[N/A]`."""
    if field == "timestamp":
        return time.strftime("%Y/%m/%d %H:%M:%S.000")
    value = row.get(field, row.get(SYNONYMS.get(field, field), "[N/A]"))
    text = f"{value:.2f}" if isinstance(value, float) else str(value)
    unit = unit_of(field)
    return f"{text} {unit}" if units and unit and not isinstance(value, str) else text


def head(field: str, units: bool) -> str:
    """Return a column's heading."""
    unit = unit_of(field)
    return f"{field} [{unit}]" if units and unit else field


def unit_of(field: str) -> str:
    """Return the unit that the tool prints after a field, empty where it prints none."""
    return "" if "reasons" in field else UNITS.get(re.split(r"\.", field)[0], "")


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1], sys.argv[2:]))
    except (BrokenPipeError, KeyboardInterrupt):
        sys.exit(1)
