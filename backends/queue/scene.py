"""All that a decision rests on, as it is at one moment: who waits, who runs, what the host has."""

import os
import time
from typing import Any, Dict, List, NamedTuple, Optional, Sequence, Tuple

from backends.queue import leases, policy, tickets
from backends.queue.folder import Folder
from backends.queue.gpus import Card
from backends.queue.look import Picture
from backends.queue.order import Decision, Judge, Machine, decide
from backends.queue.policy import Rules, Verdict
from backends.queue.processes import boot_id, resident, table
from backends.queue.records import Lease, Ticket, lease_record, ticket_record


class Scene(NamedTuple):
    """Live tickets and leases."""

    tickets: Tuple[Ticket, ...]
    leases: Tuple[Lease, ...]
    over: Tuple[Lease, ...] = ()
    """Leases that were taken a moment ago, and are over."""


def scan(folder: Folder) -> Scene:
    """Who waits and who runs. Only behind the gate does it stay so until something is done about it."""
    waiting = tickets.waiting(folder)  # first: who begins between the two looks is seen twice, not never
    running, over = leases.known(folder)
    begun = {lease.token for lease in running}
    return Scene(tuple(ticket for ticket in waiting if ticket.token not in begun), tuple(running), tuple(over))


def current(scene: Scene) -> Scene:
    """The same with one's own tickets in the order that was asked for last."""
    return scene._replace(tickets=tuple(tickets.current(ticket) for ticket in scene.tickets))


def clear(folder: Folder) -> None:
    """Take away what is left of one's own that is over. Behind the gate only."""
    folder.sweep()
    tickets.clear(folder)
    leases.clear(folder)


def listing(path: str) -> Dict[str, List[Dict[str, Any]]]:
    """`tickets` and `leases` that live, as JSON, each with its `token`; none where nobody has used the queue yet."""
    folder = Folder(path)
    if not os.path.isdir(folder.path):
        return {"tickets": [], "leases": []}
    scene = scan(folder)
    return {
        "tickets": [ticket_record(ticket) for ticket in scene.tickets],
        "leases": [lease_record(lease) for lease in scene.leases],
    }


def machine(scene: Scene) -> Machine:
    """What the host has besides GPUs."""
    cpus = os.cpu_count() or 1
    needed = any(ticket.needs.memory for ticket in scene.tickets)
    total, available = memory() if needed else (None, None)
    if available is not None:
        declared = [lease for lease in scene.leases if lease.needs.memory]
        processes = table() if declared else {}
        for lease in declared:
            available -= max(0, lease.needs.memory - resident(lease.pid, processes))
    return Machine(cpus, total, available)


def memory(path: str = "/proc/meminfo") -> Tuple[Optional[int], Optional[int]]:
    """Bytes of memory that there are, and that are available; None where the system does not tell."""
    found = {}  # type: Dict[str, int]
    try:
        with open(path) as file:
            for line in file:
                key, _, rest = line.partition(":")
                if key in ("MemTotal", "MemAvailable"):
                    found[key] = int(rest.split()[0]) * 1024
    except OSError:
        pass  # not Linux: memory is not counted there
    return found.get("MemTotal"), found.get("MemAvailable")


def by_leases(card: Card, on_it: Sequence[Lease], need: Optional[int]) -> Verdict:
    """Whether leases alone would let a run have the GPU: only then is it worth asking nvidia-smi."""
    return Verdict(policy.leased(card, on_it, need))


def by_picture(picture: Picture, rules: Rules, over: Sequence[Lease] = ()) -> Judge:
    """Whether the run may have the GPU, by all that is known of it."""
    now = time.monotonic()
    stale = {uuid for lease in over if lease.at > picture.at for uuid in lease.gpus}

    def judge(card: Card, on_it: Sequence[Lease], need: Optional[int]) -> Verdict:
        return policy.verdict(card, picture, on_it, need, rules, now, card.uuid in stale)

    return judge


def judged(scene: Scene, picture: Optional[Picture], judge: Judge, last: str = "") -> Dict[str, Decision]:
    """What each ticket may do, as far as the one with the token `last`."""
    if picture is None:
        picture = Picture(boot_id(), 0.0, error="the GPUs have not been looked at yet")
    return decide(scene.tickets, scene.leases, picture.cards, machine(scene), judge, picture.error, last)


def promising(scene: Scene, picture: Optional[Picture], token: str) -> bool:
    """Whether a ticket might start, as far as the leases tell: then nvidia-smi is to be asked where GPUs matter."""
    if gpus_matter(scene) and (picture is None or picture.error):
        return True
    return judged(scene, picture, by_leases, token)[token].start


def gpus_matter(scene: Scene) -> bool:
    """Whether anybody waits for a GPU."""
    return any(ticket.needs.gpus for ticket in scene.tickets if not ticket.held)
