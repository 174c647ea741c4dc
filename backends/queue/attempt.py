"""The state folder of an attempt that waits: what others ask of its waiter, and what the waiter tells."""

import json
import os
from typing import Any, Dict, NamedTuple, Optional, Sequence, Tuple

from backends.queue.processes import boot_id, start_time
from backends.queue.records import end_before_beginning, number, read_record, whole


class Asked(NamedTuple):
    """What others have put into the state folder."""

    claimed: bool = False
    cancelled: bool = False
    held: bool = False
    priority: Optional[int] = None
    """None: as in the plan."""
    place: Optional[float] = None


class Attempt(object):
    """An attempt directory, as a waiter uses it."""

    def __init__(self, directory: str) -> None:
        self.directory = os.path.abspath(directory)
        self.told = {}  # type: Dict[str, Any]
        """What state/waiting says."""

    @property
    def root(self) -> str:
        """The root of all experiments."""
        return os.path.dirname(os.path.dirname(os.path.dirname(self.directory)))

    def state(self, name: str) -> str:
        """The path of a state file."""
        return os.path.join(self.directory, "state", name)

    def plan(self) -> Dict[str, Any]:
        """plan.json. Raises OSError, ValueError."""
        with open(os.path.join(self.directory, "plan.json")) as file:
            return dict(json.load(file))

    def asked(self) -> Asked:
        """What is asked of the waiter now. Raises OSError where the folder is gone."""
        names = set(os.listdir(self.state("")))
        wanted = read_record(self.state("priority")) if "priority" in names else {}
        return Asked(
            claimed="claim" in names,
            cancelled="cancel" in names,
            held="hold" in names,
            priority=whole(wanted.get("priority"), least=None),
            place=number(wanted["place"]) if "place" in wanted else None,
        )

    def since(self) -> Optional[float]:
        """When the attempt came into the queue: kept over waiters and restarts of the host; None: it is new."""
        return number(read_record(self.state("waiting")).get("time")) or None

    def tell(self, since: float, reason: str, gpus: Sequence[Tuple[int, str]] = (), held: bool = False) -> None:
        """Say who waits and why. Raises OSError."""
        record = {
            "pid": os.getpid(),
            "start": start_time(os.getpid()),
            "boot": boot_id(),
            "host": os.uname()[1],
            "time": since,
            "reason": reason,
            "gpus": [[index, words] for index, words in gpus],
            "held": held,
        }
        if record != self.told:
            # The first one holds the place in the queue: it must outlive a crash of the host.
            write(self.state("waiting"), record, lasting=not self.told)
            self.told = record

    def end_cancelled(self) -> None:
        """End an attempt that was cancelled before it began, unless somebody else does. Raises OSError."""
        draft = self.state("exit.%d" % os.getpid())
        record = end_before_beginning("cancelled before it began")
        write(draft, record, lasting=True)  # before the claim: after it nobody else would write one
        try:
            os.mkdir(self.state("claim"))
        except FileExistsError:
            os.unlink(draft)
        else:
            os.rename(draft, self.state("exit"))


def living(directory: str) -> bool:
    """Whether the waiter that wrote state/waiting lives, or the runner that it became."""
    record = read_record(os.path.join(directory, "state", "waiting"))
    pid = whole(record.get("pid"))
    if pid is None or record.get("boot") != boot_id():
        return False
    start = start_time(pid)
    return start is not None and start in (record.get("start"), 0)


def write(path: str, record: Dict[str, Any], lasting: bool) -> None:
    """Write a record whole; a `lasting` one is on the disk when this returns."""
    draft = "%s.%d.tmp" % (path, os.getpid())
    try:
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            json.dump(record, file)
            file.flush()
            if lasting:
                os.fsync(file.fileno())
        os.rename(draft, path)
    except OSError as error:
        if os.path.exists(draft):
            os.unlink(draft)
        error.filename = path
        raise
