"""The queue of a host without a scheduler: files with locks in one folder that all users of the host share.

Standard library only, Python 3.6 or newer: the modules are sent to hosts as one text, in the waiter (`waiter.py`, see
`backends.programs.waiter_source`) and beside the helper, which asks by the same rules what would start now.

    gate              locked for milliseconds by whoever lists, decides and takes
    ticket.<token>    a run that waits; locked by its waiter for life
    lease.<token>     a run that runs, and what it has; locked by its runner and all that inherits from it
    gpu.<uuid>        locked by the run that has the GPU alone, or, shared, by those that have declared memory of it
    look.<uid>/       one user's: what nvidia-smi said last (`picture`), and who asks it now (`asking`, locked)

Locked (flock) means alive; the kernel frees a lock with the last process that holds it. What the helper needs:

    scene.scan(Folder(path)) -> Scene             live tickets and leases
    scene.listing(path) -> dict                   the same for JSON
    room.room(path, root, needs, policy) -> dict  what would start now
    attempt.living(directory) -> bool             whether a waiter stands in the queue for an attempt
    tickets.poke(path, tokens)                    those waiters look at their state folder at once
    held.Holders(path).look()                     who holds which GPU
    policy.IGNORED                                names of processes that are never in the way
"""

MODULES = (
    "processes",
    "folder",
    "records",
    "tickets",
    "leases",
    "gpus",
    "look",
    "policy",
    "held",
    "order",
    "scene",
    "room",
    "attempt",
    "changes",
    "start",
    "wait",
    "waiter",
)
"""In the order in which each needs only those before it."""
