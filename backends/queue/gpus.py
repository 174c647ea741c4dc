"""What nvidia-smi says of the GPUs and of the compute processes on them."""

import os
import shutil
import signal
import subprocess
import time
from typing import List, NamedTuple, Optional, Tuple

PATIENCE = 10.0
"""Seconds that nvidia-smi may take."""

CARD_FIELDS = "index,uuid,memory.total,memory.used,mig.mode.current,name"

OLD_CARD_FIELDS = "index,uuid,memory.total,memory.used,name"
"""Drivers from before MIG refuse to be asked for it."""

APP_FIELDS = "gpu_uuid,pid,used_memory,process_name"


class Card(NamedTuple):
    """One GPU. Memory in bytes; None where the device does not tell."""

    number: int
    """nvidia-smi's index."""
    uuid: str
    total: Optional[int]
    used: Optional[int]
    mig: bool
    """It is cut into instances (Multi-Instance GPU), which are not told apart here."""
    name: str


class App(NamedTuple):
    """One compute process on a GPU."""

    uuid: str
    """Of the GPU."""
    pid: int
    used: Optional[int]
    """Bytes of the GPU's memory; None where the driver does not tell."""
    name: str


class Unreadable(Exception):
    """There is a GPU tool, and it does not do its part. The text is one line for a person."""


def ask(tool: Optional[str] = None, patience: float = PATIENCE) -> Tuple[List[Card], List[App]]:
    """The GPUs and the processes on them; empty lists where the host has none. Raises `Unreadable`."""
    tool = tool or shutil.which("nvidia-smi")
    if tool is None:
        return [], []
    try:
        try:
            cards, apps = answers(tool, CARD_FIELDS, patience)
        except Unreadable as trouble:
            if "not a valid field" not in str(trouble):
                raise
            cards, apps = answers(tool, OLD_CARD_FIELDS, patience)
    except Unreadable as trouble:
        if "no devices" in str(trouble).lower():
            return [], []
        raise
    return [card(line) for line in cards], [app for app in map(application, apps) if app is not None]


def answers(tool: str, fields: str, patience: float) -> Tuple[List[str], List[str]]:
    """The lines about GPUs and those about processes, asked for at the same time."""
    deadline = time.monotonic() + patience
    cards = begin(tool, "--query-gpu=" + fields)
    try:
        apps = begin(tool, "--query-compute-apps=" + APP_FIELDS)
    except Unreadable:
        end(cards)
        raise
    try:
        return lines(cards, deadline, patience), lines(apps, deadline, patience)
    finally:
        end(cards)
        end(apps)


def begin(tool: str, query: str) -> "subprocess.Popen[bytes]":
    """Start one query."""
    argv = [tool, query, "--format=csv,noheader,nounits"]
    try:
        return subprocess.Popen(
            argv,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    except OSError as error:
        raise Unreadable("nvidia-smi does not start: %s" % error.strerror) from error


def end(process: "subprocess.Popen[bytes]") -> None:
    """End a query that may hang; one that cannot even be killed is left to the system."""
    if process.returncode is None:
        try:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait(1.0)
        except (ProcessLookupError, subprocess.TimeoutExpired):
            pass
    if process.stdout is not None:
        process.stdout.close()


def lines(process: "subprocess.Popen[bytes]", deadline: float, patience: float) -> List[str]:
    """What a query prints."""
    try:
        out = process.communicate(timeout=max(0.0, deadline - time.monotonic()))[0]
    except subprocess.TimeoutExpired as error:
        raise Unreadable("nvidia-smi has not answered for %g s" % patience) from error
    text = [line.strip() for line in out[: 1 << 20].decode("utf-8", "replace").splitlines() if line.strip()]
    if process.returncode != 0:
        last = text[-1][:200] if text else "nothing said"
        raise Unreadable("nvidia-smi failed (%d): %s" % (process.returncode, last))
    return text


def card(line: str) -> Card:
    """One line about a GPU."""
    words = [word.strip() for word in line.split(",", 5)]
    if len(words) == 5:
        words.insert(4, "[N/A]")
    if len(words) != 6 or not words[0].isdigit() or not words[1].startswith("GPU-"):
        raise Unreadable("nvidia-smi answers: %s" % line[:200])
    return Card(int(words[0]), words[1], mebibytes(words[2]), mebibytes(words[3]), words[4] == "Enabled", words[5])


def application(line: str) -> Optional[App]:
    """One line about a process; None for the words that say that there is none."""
    words = [word.strip() for word in line.split(",", 3)]
    if len(words) != 4 or not words[1].isdigit():
        if line.lower().startswith("no running"):
            return None
        raise Unreadable("nvidia-smi answers: %s" % line[:200])
    return App(words[0], int(words[1]), mebibytes(words[2]), words[3])


def mebibytes(text: str) -> Optional[int]:
    """Bytes; None for `[N/A]`, `[Not Supported]` and their like."""
    try:
        return int(float(text) * (1 << 20))
    except (ValueError, OverflowError):
        return None
