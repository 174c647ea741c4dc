"""Tickets: the runs that wait. What changes anything is done behind the gate (`Folder.gate`)."""

import contextlib
import os
import signal
from typing import Collection, Iterable, List

from backends.queue.folder import Folder
from backends.queue.records import Ticket, number, read_record, ticket_of, ticket_record, whole


def waiting(folder: Folder) -> List[Ticket]:
    """Those whose waiter lives."""
    return [entry.record for entry in folder.entries("ticket", ticket_of) if entry.alive]


def current(ticket: Ticket) -> Ticket:
    """A ticket of one's own with the order that was asked for last, which its waiter may not have seen yet."""
    if ticket.uid != os.getuid() or not ticket.directory:
        return ticket
    told = read_record(os.path.join(ticket.directory, "state", "priority"))
    rank = whole(told.get("priority"), least=None)
    return ticket if rank is None else ticket._replace(priority=rank, place=number(told.get("place")))


def clear(folder: Folder) -> None:
    """Take away what is left of one's own waiters that were killed."""
    for entry in folder.entries("ticket", ticket_of):
        folder.clear("ticket", entry)


def take(folder: Folder, ticket: Ticket) -> int:
    """Stand in the queue; the descriptor that is to be kept open. Raises FileExistsError where another does."""
    return folder.create("ticket." + ticket.token, ticket_record(ticket))


def change(folder: Folder, ticket: Ticket) -> int:
    """Say something new on one's own ticket; the descriptor that takes the old one's place."""
    return folder.create("ticket." + ticket.token, ticket_record(ticket), replace=True)


def latest(tickets: Iterable[Ticket]) -> float:
    """The latest `since` in the queue: who comes now stands behind it, whatever the clock says."""
    return max((ticket.since for ticket in tickets), default=0.0)


def poke(path: str, tokens: Collection[str]) -> int:
    """Let the waiters of these attempts look at their state folders at once; how many there were of one's own.

    The gate is closed meanwhile, so none of them can have become a runner, whom the signal would end.
    """
    folder = Folder(path)
    if not os.path.isdir(folder.path):
        return 0
    with folder.gate():
        return signal_to(ticket for ticket in waiting(folder) if ticket.token in tokens)


def signal_to(tickets: Iterable[Ticket]) -> int:
    """SIGUSR1 to the waiters of one's own among these; how many. Behind the gate only."""
    count = 0
    for ticket in tickets:
        if ticket.uid == os.getuid() and ticket.pid > 0:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(ticket.pid, signal.SIGUSR1)
                count += 1
    return count
