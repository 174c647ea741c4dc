"""One attempt: its directory, its plan, and what the runner knows of it."""

import json
import os
import socket
import time
from typing import Any, Dict, List, Optional

from backends.queue.processes import boot_id, start_time
from backends.runner.checkpoints import Checkpoints
from backends.runner.claim import Claim
from backends.runner.log import Log
from backends.runner.memory import Memory
from backends.runner.state import State, end_record
from backends.runner.tree import Tree
from backends.runner.usage import Usage


class Attempt(object):
    """An attempt that this process is to run."""

    def __init__(self, directory: str, plan: Dict[str, Any]) -> None:
        self.directory = directory
        self.plan = plan
        self.began = time.time()
        self.since = time.monotonic()
        self.state = State(directory)
        self.claim = Claim(self.state, plan)
        self.checkpoints = Checkpoints(directory, plan)
        self.tree = Tree(plan["token"], os.getpid())
        self.memory = Memory()
        self.usage = Usage(directory, self.tree, self.checkpoints, self.memory.own)
        self.log = Log(os.path.join(directory, "out.log"), plan.get("log_limit"))
        self.checkpoint = None  # type: Optional[str]
        """What the program goes on from."""
        self.child = 0
        """The program's process; 0 before it begins."""

    def started(self, guard: int) -> Dict[str, Any]:
        """Who runs the attempt, and where."""
        return {
            "pid": os.getpid(),
            "start": start_time(os.getpid()),
            "boot": boot_id(),
            "host": socket.gethostname(),
            "time": self.began,
            "job_id": self.claim.job_id,
            "gpus": leased_gpus(),
            "restart": self.claim.restart,
            "guard": guard,
            "guard_start": start_time(guard) if guard else None,
            "checkpoint": self.checkpoint,
            "time_limit": self.plan.get("time"),
        }

    def end(self, state: str, code: Optional[int], reason: str) -> Dict[str, Any]:
        """A record of this life that ends now. The clock may have been set meanwhile; how long it took is right."""
        times = {"began": self.began, "time": self.began + time.monotonic() - self.since}
        return end_record(state, code, reason, restarts=len(self.state.ends()), **times)


def leased_gpus() -> List[Any]:
    """The GPUs that the queue gave us, as TRAINBOARD_GPUS tells: [{"index", "uuid"}, …]."""
    try:
        gpus = json.loads(os.environ.get("TRAINBOARD_GPUS", "[]"))
    except ValueError:
        return []
    return gpus if isinstance(gpus, list) else []
