"""A host, its GPUs, processes, processors and disks as lines of pieces. Pure."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from rich.cells import cell_len

from trainboard.filling import left
from trainboard.link import Link
from trainboard.machines import (
    NEXT,
    clock,
    filled,
    free,
    is_free,
    quotas,
    share,
    short,
    short_command,
    state,
    troubles,
    until,
)
from tui import show
from tui.columns import Column, fit
from tui.hosts import gpu_of, notes, process_of
from tui.readings import block, sparkline
from tui.readings import name as name_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from backends.machine import Disk, Gpu, Health, Process, Slice
    from trainboard.events import HostSeen
    from trainboard.machines import Trouble
    from trainboard.rows import Row
    from tui.hosts import Entry, Hosts
    from tui.readings import Readings
    from tui.widgets.lines import Piece

OLD = 30.0
"""Seconds after which a reading is no picture of now: readings come every five."""

KEPT = ("fold", "chip", "name", "free", "use", "filled", "age")
"""What stays of a host's line where the rest says what is wrong with it."""


@lru_cache(maxsize=64)
def host_columns(gpus: int, width: int) -> tuple[tuple[Column, int], ...]:
    """What is told of a host in one line; `gpus`: the most that a host has."""
    bars = max(7, min(16, gpus))
    wanted = (
        Column("fold", "", 1, 1, 0),
        Column("chip", "HOST", 11, 11, 0),
        Column("name", "", 8, 18, 1),
        Column("free", "FREE", 5, 5, 2, right=True),
        Column("use", "GPU USE", bars, bars, 3),
        Column("filled", "GPU MEM", bars, bars, 5),
        Column("age", "AGE", 4, 4, 4, right=True),
        Column("cpu", "CPU", 4, 4, 6, right=True),
        Column("cpus", "", 8, 20, 11),
        Column("ram", "RAM", 4, 4, 7, right=True),
        Column("rams", "", 8, 20, 12),
        Column("disk", "DISK", 6, 6, 8, right=True),
        Column("jobs", "JOBS", 9, 9, 9),
        Column("note", "", 24, 60, 10),
    )
    return fit(wanted, width)


GPU = (
    Column("name", "", 6, 6, 0),
    Column("state", "", 4, 4, 1),
    Column("use", "", 4, 4, 2, right=True),
    Column("uses", "", 6, 30, 7),
    Column("memory", "", 11, 11, 3),
    Column("memories", "", 6, 20, 8),
    Column("heat", "", 5, 5, 5, right=True),
    Column("power", "", 8, 8, 6, right=True),
    Column("model", "", 10, 26, 9),
)
PROCESS = (
    Column("sign", "", 1, 1, 0),
    Column("pid", "", 7, 7, 1, right=True),
    Column("user", "", 8, 12, 2),
    Column("memory", "", 6, 6, 3, right=True),
    Column("cpu", "", 5, 5, 5, right=True),
    Column("run", "", 16, 40, 4),
    Column("command", "", 12, 100, 6),
)


@lru_cache(maxsize=64)
def columns(wanted: tuple[Column, ...], width: int) -> tuple[tuple[Column, int], ...]:
    """Those that fit; asked for with every line."""
    return fit(wanted, width)


def titles(gpus: int, width: int) -> list[Piece]:
    """What stands over the lines of hosts."""
    return [(aligned(column, column.title, cells) + " ", "dim") for column, cells in host_columns(gpus, width)]


def summary(hosts: Iterable[HostSeen], shown: int, order: str, words: Sequence[str]) -> str:
    """One line about all of them."""
    known = list(hosts)
    away = sum(host.link is not Link.UP for host in known)
    gpus = sum(len(host.health.gpus) for host in known if host.health is not None)
    parts = [show.count(len(known), "host"), f"{sum(map(free, known))} of {show.count(gpus, 'GPU')} free"]
    parts += [f"{away} not up"] if away else []
    parts += [f"{shown} match {' '.join(words)}"] if words else []
    return f" {' · '.join(parts)} · {order}"


def is_old(host: HostSeen, now: float) -> bool:
    """Whether what is shown of it is not of now."""
    return host.link is not Link.UP or (host.health is not None and now - host.health.at > OLD)


def host_line(
    host: HostSeen, readings: Readings, now: float, width: int, *, unfolded: bool = False, gpus: int = 8
) -> list[Piece]:
    """A host, folded; `gpus`: the most that a host has."""
    old, tone = is_old(host, now), show.LINKS[host.link][1]
    bad = alarms(host, now)
    alarm = " · ".join(text for text, _ in bad)
    tones = {"chip": tone, "name": "strong", "fold": "dim", "note": bad[0][1] if bad else "dim"}
    columns = host_columns(gpus, width)
    room = next((cells for column, cells in columns if column.name == "note"), 0)
    crowded = bool(bad) and bad[0][1] == "bad" and cell_len(alarm) > room
    pieces: list[Piece] = []
    for column, cells in columns:
        if crowded and column.name not in KEPT:
            continue
        text = alarm or models(host) if column.name == "note" else said(host, column.name, readings, now, cells)
        if column.name == "fold" and unfolded:
            text = "▾"
        elif column.name == "chip" and bad:
            text = show.cut(text, 10) + "!"
        live = column.name in ("use", "filled", "cpus", "rams") and not old
        name = "curve" if live else tones.get(column.name, "dim" if old else "plain")
        pieces += [(aligned(column, text, cells), name), (" ", "plain")]
    if host.link is not Link.UP and host.health is None:
        pieces = pieces[:6]
    elif not crowded:
        return pieces
    room = width - sum(cell_len(text) for text, _ in pieces)
    told = alarm if host.health is not None else show.clean(" — ".join(notes(host)))
    return [*pieces, (show.cut(told, max(0, room)), bad[0][1] if bad else tone)]


def said(host: HostSeen, name: str, readings: Readings, now: float, cells: int) -> str:
    """One cell of a host's line; a hyphen where the host does not tell."""
    health = host.health
    match name:
        case "fold":
            return "▸"
        case "chip":
            late = health is not None and host.link is Link.UP and is_old(host, now)
            return "▲ silent" if late else f"{show.LINKS[host.link][0]} {host.link}"
        case "name":
            return show.clean(host.backend)
        case "jobs":
            return "" if host.seen is None else f"R{host.running} PD{host.pending}"
        case "age":
            return show.age(None if health is None else now - health.at)
    if health is None:
        return ""
    match name:
        case "free":
            return f"{free(host)}/{len(health.gpus)}" if health.gpus else "?" if health.gpu_error else "–"
        case "use":
            return bars((None if gpu.utilization is None else round(gpu.utilization), gpu) for gpu in health.gpus)
        case "filled":
            return bars((share(gpu.memory_used, gpu.memory_total), gpu) for gpu in health.gpus)
        case "cpu":
            return percent(health.cpu)
        case "cpus":
            return sparkline(readings.of(host.backend, "cpu"), cells)
        case "ram":
            return percent(filled(health))
        case "rams":
            return sparkline(readings.of(host.backend, "memory"), cells)
        case "disk":
            known = [left(disk) for disk in health.disks if not disk.trouble]
            return show.size(min(known)) if known else "–"
    return ""


def bars(gpus: Iterable[tuple[int | None, Gpu]]) -> str:
    """One cell a GPU: how much of it; `✗` one that is lost, `?` one that does not tell."""
    return "".join("✗" if gpu.lost else "?" if of is None else block(of) for of, gpu in gpus)


def models(host: HostSeen) -> str:
    """Which GPUs it has."""
    names = [] if host.health is None else list(dict.fromkeys(gpu.name for gpu in host.health.gpus))
    return show.clean(", ".join(names))


def percent(value: float | None) -> str:
    """A figure between 0 and 100."""
    return "–" if value is None else f"{value:.0f}%"


def alarms(host: HostSeen, now: float) -> list[Piece]:
    """What is to be seen without unfolding, the worst first."""
    found: list[Piece] = [(show.clean(note), "bad" if host.reason else "waiting") for note in notes(host)[:1]]
    if (health := host.health) is None:
        return found
    found += [toned((f"GPU {gpu.index} {text}", bad)) for gpu in health.gpus for text, bad in troubles(gpu)]
    for disk in health.disks:
        path = show.clean(disk.path, 30)
        found += [toned((f"{path} {text}", bad)) for text, bad in short(disk, host.full, now)]
    found += map(toned, clock(health))
    return sorted(found, key=lambda piece: piece[1] != "bad")


def line(entry: Entry, host: HostSeen, hosts: Hosts, readings: Readings, now: float, width: int) -> list[Piece]:
    """The line of an entry; empty where what it was about is gone."""
    health = host.health
    if entry.kind == "host":
        return host_line(host, readings, now, width, unfolded=host.backend in hosts.open, gpus=hosts.most_gpus)
    if entry.kind == "note":
        return note_line(host, entry.at)
    if health is None:
        return []
    if entry.kind == "machine":
        return machine_line(host, health, readings, now, width)
    if entry.kind == "disk":
        return disk_line(host, health.disks[entry.at], now, width) if entry.at < len(health.disks) else []
    if entry.kind == "process":
        process = process_of(health, entry)
        return [] if process is None else process_line(host, process, hosts.run_of(host.backend, process), now, width)
    gpu = gpu_of(health, entry)
    if gpu is None:
        return []
    if entry.kind == "slice":
        return slice_line(host, gpu.slices[entry.at], now) if entry.at < len(gpu.slices) else []
    return gpu_line(host, gpu, readings, now, width)


def toned(trouble: Trouble) -> Piece:
    """What is wrong, in its colour."""
    text, bad = trouble
    return text, "bad" if bad else "waiting"


def note_line(host: HostSeen, at: int) -> list[Piece]:
    """Something that is wrong, or what to do about it."""
    said = notes(host)
    tone = show.LINKS[host.link][1] if host.link is not Link.UP else "waiting"
    return [("    ", "plain"), (show.clean(said[at]) if at < len(said) else "", tone)]


def gpu_line(host: HostSeen, gpu: Gpu, readings: Readings, now: float, width: int) -> list[Piece]:
    """One GPU."""
    usual = "dim" if is_old(host, now) else "plain"
    wrong = [toned(each) for each in troubles(gpu)]
    room = width - 4
    if gpu.lost:
        return [(f"    GPU {gpu.index:<2} ", usual), *((f"✗ {text}", tone) for text, tone in wrong)]
    text = " · ".join(text for text, _ in wrong)
    held = show.clean(gpu.held) if state(gpu) == "held" else ""
    needed = min(cell_len(text or held) + 3, room // 2) if text or held else 0
    pieces: list[Piece] = [("    ", "plain")]
    for column, cells in columns(GPU, room - needed):
        tone = usual
        if column.name in ("uses", "memories") and usual == "plain":
            tone = "curve"
        elif column.name == "state":
            tone = "good" if is_free(gpu) and usual == "plain" else usual
        pieces += [(aligned(column, of_gpu(host, gpu, column.name, readings, cells), cells), tone), (" ", "plain")]
    if text:
        pieces.append((show.cut(f"! {text}", needed), wrong[0][1]))
    elif held:
        pieces.append((show.cut(held, needed), usual))
    return pieces


def of_gpu(host: HostSeen, gpu: Gpu, name: str, readings: Readings, cells: int) -> str:
    """One cell of a GPU's line."""
    match name:
        case "name":
            return f"GPU {gpu.index}"
        case "state":
            return state(gpu)
        case "use":
            return percent(gpu.utilization)
        case "uses":
            return sparkline(readings.of(host.backend, f"use:{name_of(gpu)}"), cells)
        case "memory":
            return f"{show.size(gpu.memory_used)}/{show.size(gpu.memory_total)}"
        case "memories":
            return sparkline(readings.of(host.backend, f"memory:{name_of(gpu)}"), cells)
        case "heat":
            return "–" if gpu.temperature is None else f"{gpu.temperature:.0f}°C"
        case "power":
            if gpu.power is None:
                return "–"
            return f"{gpu.power:.0f}/{gpu.power_limit:.0f}W" if gpu.power_limit else f"{gpu.power:.0f}W"
    return show.clean(gpu.name)


def slice_line(host: HostSeen, part: Slice, now: float) -> list[Piece]:
    """A part of a GPU that is given out as one."""
    text = f"      MIG {show.clean(part.profile, 20)}  {show.size(part.memory_used)}/{show.size(part.memory_total)}"
    return [(text, "dim" if is_old(host, now) else "plain")]


def process_line(host: HostSeen, process: Process, row: Row | None, now: float, width: int) -> list[Piece]:
    """A process on a GPU; one of ours says of which run."""
    usual = "dim" if is_old(host, now) or row is None else "plain"
    run = row.name if row is not None else "a run of trainboard" if process.directory else ""
    cells = {
        "sign": "●" if run else "·",
        "pid": str(process.pid),
        "user": show.clean(process.user) or "?",
        "memory": show.size(process.memory),
        "cpu": percent(process.cpu),
        "run": show.clean(run),
        "command": show.clean(short_command(process)),
    }
    wanted = tuple(column for column in PROCESS if column.name != "run" or run)
    pieces: list[Piece] = [("      ", "plain")]
    for column, room in columns(wanted, width - 6):
        tone = "strong" if column.name == "run" and usual == "plain" else usual
        text = (
            show.cut_middle(cells["run"], room) if column.name == "run" else aligned(column, cells[column.name], room)
        )
        pieces += [(text, tone), (" ", "plain")]
    return pieces


def machine_line(host: HostSeen, health: Health, readings: Readings, now: float, width: int) -> list[Piece]:
    """Processors and memory."""
    usual = "dim" if is_old(host, now) else "plain"
    curve = "dim" if usual == "dim" else "curve"
    long = max(6, min(24, (width - 70) // 2))
    cpus = "" if health.cpus is None else f" of {health.cpus}"
    load = "" if health.load is None else f" · load {health.load:.1f}"
    ram = f" · RAM {percent(filled(health))}"
    if health.memory_total and health.memory_available is not None:
        used = health.memory_total - health.memory_available
        ram += f" {show.size(used)}/{show.size(health.memory_total)}"
    pieces: list[Piece] = [
        (f"    CPU {percent(health.cpu):>4}{cpus} ", usual),
        (sparkline(readings.of(host.backend, "cpu"), long), curve),
        (f"{load}{ram} ", usual),
        (sparkline(readings.of(host.backend, "memory"), long), curve),
    ]
    if health.swap_total and health.swap_free is not None:
        used = health.swap_total - health.swap_free
        pieces.append((f" · swap {show.size(used)}/{show.size(health.swap_total)}", usual))
    return [*pieces, *((f" · {text}", tone) for text, tone in map(toned, clock(health)))]


def disk_line(host: HostSeen, disk: Disk, now: float, width: int) -> list[Piece]:
    """A disk, and what a quota leaves of it."""
    usual = "dim" if is_old(host, now) else "plain"
    path = show.cut_middle(show.clean(disk.path, 200), max(12, min(cell_len(disk.path), width // 3)))
    pieces: list[Piece] = [(f"    disk {path} ", usual)]
    if not disk.trouble:
        pieces.append((f" {show.size(disk.free)} free of {show.size(disk.total)}", usual))
    if disk.quotas:
        pieces.append((f" · {quotas(disk)}", usual))
    pieces += [(f" · {text}", tone) for text, tone in map(toned, short(disk, host.full, now))]
    at = host.full.get(disk.path)
    if at is not None and at - now > NEXT:
        pieces.append((f" · full in {until(at, now)}", usual))
    return pieces


def aligned(column: Column, text: str, cells: int) -> str:
    """Exactly so many cells."""
    return show.pad_left(text, cells) if column.right else show.cut(text, cells)
