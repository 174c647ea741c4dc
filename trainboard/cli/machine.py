"""`trainboard hosts BACKEND`: all that a host tells of itself, and who is on its GPUs."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING

from trainboard.cli.terminal import print_table
from trainboard.filling import left
from trainboard.machines import by_gpu, clock, filled, quotas, short, state, tail, troubles, until
from trainboard.show import clean, size

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from backends.machine import Gpu, Health, Process
    from trainboard.rows import Row


def show(
    name: str, reason: str, health: Health | None, full: Mapping[str, float], runs: Mapping[tuple[str, str], Row]
) -> None:
    """Print one host, or the reason why it tells nothing; `full`: when disks will be full, by path."""
    now = time.time()
    if health is None:
        write(f"{name}: down, {reason}")
        return
    write(f"{name}: up, {machine(health)}")
    if health.gpu_error:
        write(f"  GPUs: {health.gpu_error}")
    if health.gpus:
        print_table(("  GPU", "", "USE", "MEMORY", "TEMP", "POWER", "MODEL", ""), map(gpu_cells, health.gpus))
    if health.processes:
        rows = list(processes(name, health, runs))
        print_table(("  GPU", "PID", "USER", "MEMORY", "CPU", "RUN", "COMMAND"), rows)
    for disk in health.disks:
        said = [] if disk.trouble else [f"{size(left(disk))} left of {size(disk.total)}", quotas(disk)]
        said += [text for text, _ in short(disk, full, now)]
        if disk.path in full and not any("full in" in text for text in said):
            said.append(f"full in {until(full[disk.path], now)}")
        write(f"  disk {disk.path}: {', '.join(filter(None, said))}")


def machine(health: Health) -> str:
    """Processors, memory and clock."""
    parts = [f"CPU {percent(health.cpu)} of {health.cpus or '?'}"]
    if health.load is not None:
        parts.append(f"load {health.load:.1f}")
    if health.memory_total:
        parts.append(f"RAM {percent(filled(health))} of {size(health.memory_total)}")
    if health.swap_total and health.swap_free is not None:
        parts.append(f"swap {size(health.swap_total - health.swap_free)} of {size(health.swap_total)}")
    return ", ".join([*parts, *(text for text, _ in clock(health))])


def gpu_cells(gpu: Gpu) -> tuple[str, ...]:
    """A GPU as a row."""
    power = "-" if gpu.power is None else f"{gpu.power:.0f}{f'/{gpu.power_limit:.0f}' if gpu.power_limit else ''}W"
    slices = [f"MIG {part.profile} {size(part.memory_used)}/{size(part.memory_total)}" for part in gpu.slices]
    return (
        f"  {gpu.index}",
        state(gpu),
        percent(gpu.utilization),
        f"{size(gpu.memory_used)}/{size(gpu.memory_total)}",
        "-" if gpu.temperature is None else f"{gpu.temperature:.0f}C",
        power,
        gpu.name,
        "; ".join([*(text for text, _ in troubles(gpu)), *slices, *([gpu.held] if gpu.held else [])]),
    )


def processes(backend: str, health: Health, runs: Mapping[tuple[str, str], Row]) -> Iterator[tuple[str, ...]]:
    """The processes as rows, GPU by GPU."""
    names = {gpu.uuid: str(gpu.index) for gpu in health.gpus}
    names |= {part.uuid: f"{gpu.index}.{n}" for gpu in health.gpus for n, part in enumerate(gpu.slices)}
    for uuid, on_it in by_gpu(health).items():
        for process in on_it:
            yield (
                f"  {names.get(uuid, '?')}",
                str(process.pid),
                process.user or "?",
                size(process.memory),
                percent(process.cpu),
                run_name(backend, process, runs) or "-",
                process.command,
            )


def run_name(backend: str, process: Process, runs: Mapping[tuple[str, str], Row]) -> str | None:
    """The run that a process is of; None where it is none of ours, or of one that is not in the table."""
    row = runs.get((backend, tail(process.directory))) if process.directory else None
    return None if row is None else row.name


def percent(value: float | None) -> str:
    """A figure between 0 and 100."""
    return "-" if value is None else f"{value:.0f}%"


def write(text: str) -> None:
    """One clean line."""
    sys.stdout.write(clean(text, 4000).rstrip() + "\n")
