"""What a host could do with runs of one size now, decided by the rules of the queue itself."""

import os
from typing import Any, Dict, List, Optional

from backends.queue import look, policy, scene
from backends.queue.folder import Folder
from backends.queue.gpus import ask
from backends.queue.look import Ask
from backends.queue.order import Decision
from backends.queue.processes import user_name
from backends.queue.records import Ticket, needs_of, whole

MOST = 256
"""More runs than this are not counted."""

TOLD = 16
"""Of so many runs it is told which GPUs they would get."""


def room(
    leases_folder: str, root: str, needs: Dict[str, Any], given: Optional[Dict[str, Any]] = None, tool: Ask = ask
) -> Dict[str, Any]:
    """How many runs with these `needs` (as `queue` of a plan) would start `now`, if they came last into the queue.

    Last among those of the user's with the same `priority` (also in `needs`).
    Further `waiting` (tickets of all users), `reason` (why not more, in one line; for none, why none), `takes` (the
    indices of the GPUs that each of the first `TOLD` would get) and `gpus` (`[index, reason]` for the first that
    would wait). `given` is the policy; None: <root>/policy.json. May take as long as nvidia-smi does. Raises OSError.
    """
    rules = policy.read(os.path.join(root, "policy.json")) if given is None else policy.rules(given)
    folder = Folder(leases_folder)
    folder.make()
    picture = look.look(folder, scene.scan(folder).leases, tool) or look.latest(folder)
    now = scene.scan(folder)
    asked = needs_of(needs, rules.at_most)
    uid = os.getuid()
    last = max((ticket.place for ticket in now.tickets if ticket.uid == uid), default=0.0)
    late = max((ticket.since for ticket in now.tickets), default=0.0) + 1.0
    priority = whole(needs.get("priority"), least=None) or 0
    virtual = [
        Ticket("+%04d" % at, uid, user_name(uid), 0, "", asked, priority, last, late, False) for at in range(MOST)
    ]
    judge = scene.by_leases if picture is None else scene.by_picture(picture, rules, now.over)
    decisions = scene.judged(now._replace(tickets=now.tickets + tuple(virtual)), picture, judge)
    return answer([decisions[ticket.token] for ticket in virtual], len(now.tickets))


def answer(decisions: List[Decision], waiting: int) -> Dict[str, Any]:
    """The reply, from what each of the runs asked about might do."""
    count = next((at for at, decision in enumerate(decisions) if not decision.start), len(decisions))
    first = decisions[count] if count < len(decisions) else Decision(True)
    return {
        "now": count,
        "waiting": waiting,
        "reason": first.reason,
        "takes": [[card.number for card in decision.gpus] for decision in decisions[: min(count, TOLD)]],
        "gpus": [[index, reason] for index, reason in first.verdicts],
    }
