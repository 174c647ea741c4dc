"""From the waiter to the runner: the same process, with the leases in its hands."""

import json
import os
import signal
import sys
from typing import Dict, Optional, Sequence

from backends.queue.gpus import Card
from backends.queue.leases import Taken


def become(runner: str, directory: str, log: Optional[str], variables: Dict[str, str], taken: Taken) -> None:
    """Start the runner of an attempt in this process. Raises OSError where that fails; then all is given back.

    What it and its program print goes to `log` in the attempt directory; None: nowhere.
    """
    try:
        with open(runner, "rb"):
            pass  # it is there, and may be read: python would start without it, too
        path = os.devnull if log is None else os.path.join(directory, log)
        out = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        os.dup2(out, 1)
        os.dup2(out, 2)
        taken.pass_on()
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        os.execve(sys.executable, [sys.executable, runner, directory], dict(os.environ, **variables))
    except OSError:
        taken.give_back()
        raise


def variables(chosen: Sequence[Card], cards: Sequence[Card]) -> Dict[str, str]:
    """What tells the program and the runner which of the host's GPUs are theirs. Who asked for none sees none."""
    # Where one is cut into MIG instances, CUDA counts otherwise than nvidia-smi; a UUID is right there, too.
    by_uuid = any(card.mig for card in cards)
    visible = ",".join(card.uuid if by_uuid else str(card.number) for card in chosen)
    return {
        "CUDA_DEVICE_ORDER": "PCI_BUS_ID",
        "CUDA_VISIBLE_DEVICES": visible,
        "TRAINBOARD_VISIBLE_DEVICES": visible,  # for run.sh: start-up files of the login may set the other one
        "TRAINBOARD_GPUS": json.dumps([{"index": card.number, "uuid": card.uuid} for card in chosen]),
    }
