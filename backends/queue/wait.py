"""The waiter of one attempt: stands in the queue, takes what it needs when its turn has come, becomes the runner.

It looks at once at what is asked of it (state/hold, priority, cancel, claim) on SIGUSR1, else every few seconds. On
SIGTERM it leaves the queue, and the attempt may be launched again. It does not claim the attempt: the runner does, so
a waiter that died may be replaced by anybody.
"""

import os
import select
import signal
import time
from typing import Any, Dict, Optional, Sequence

from backends.queue import leases, look, policy, scene, start, tickets
from backends.queue.attempt import Attempt
from backends.queue.changes import Changes, modified
from backends.queue.folder import Folder
from backends.queue.gpus import Card
from backends.queue.leases import Taken
from backends.queue.look import Picture
from backends.queue.order import Decision, order
from backends.queue.policy import Rules
from backends.queue.processes import boot_id, start_time, user_name
from backends.queue.records import Lease, Ticket, lease_of, needs_of, number, plain, ticket_of, whole
from backends.queue.scene import Scene

NEAR = 8
"""How many that wait for the same look for a change often; those behind them have time."""

OFTEN, SELDOM = 0.5, 7.0
"""Seconds between two such looks, which cost a few system calls."""

FAR = 60.0
"""Seconds within which even those far behind list the queue after a change, to say how many are ahead."""

PAUSE = 600.0
"""Seconds after which one lists the queue again though nothing has changed."""

TROUBLE = 10.0
"""Seconds until something that failed is tried again."""


class Waiter(object):
    """Waits for one attempt."""

    def __init__(self, attempt: Attempt, plan: Dict[str, Any], since: float, runner: str) -> None:
        self.attempt = attempt
        self.plan = plan
        self.runner = runner
        self.folder = Folder(plan["queue"]["leases"])
        self.user = user_name(os.getuid())
        self.asked = attempt.asked()
        self.since = attempt.since() or since
        self.rules = self.read_rules()
        self.ticket = self.wanted()
        self.standing = -1
        """Descriptor of the ticket."""
        self.leaving = False
        self.poked = False
        self.decision = Decision(False)
        self.cards = ()  # type: Sequence[Card]
        """All GPUs of the host, as far as they are known."""
        self.changes = Changes(self.folder)
        self.wake, self.waker = os.pipe()

    def read_rules(self) -> Rules:
        """The choices for this host as they are now."""
        path = os.path.join(self.attempt.root, "policy.json")
        self.rules_time = modified(path)
        return policy.read(path)

    def wanted(self, without: Sequence[str] = ()) -> Ticket:
        """The ticket as it should be now."""
        queue = self.plan["queue"]
        priority, place = self.asked.priority, self.asked.place
        return Ticket(
            token=self.plan["token"],
            uid=os.getuid(),
            user=self.user,
            pid=os.getpid(),
            name=plain(self.plan.get("job_name")) or "%s/%s" % (self.plan.get("experiment"), self.plan.get("run")),
            needs=needs_of(queue, self.rules.at_most),
            priority=whole(queue.get("priority"), least=None) or 0 if priority is None else priority,
            place=number(queue.get("place")) if place is None else place,
            since=self.since,
            held=self.asked.held,
            without=tuple(without),
            directory=self.attempt.directory,
        )

    def stand(self) -> str:
        """Come into the queue; `waiting`, or why there is no need: `living`, `claimed`. Raises OSError."""
        self.listen()  # from the ticket on we may be poked
        self.folder.make()
        token = self.ticket.token
        with self.folder.gate():
            if self.attempt.asked().claimed:
                return "claimed"
            for kind, parse in (("ticket", ticket_of), ("lease", lease_of)):
                entry = self.folder.entry("%s.%s" % (kind, token), parse)
                if entry is not None and entry.alive:
                    return "living"
                if entry is not None and kind == "ticket":
                    self.folder.clear(kind, entry)
            self.standing = tickets.take(self.folder, self.ticket)
        self.attempt.tell(
            self.since, "held" if self.ticket.held else "just came into the queue", (), self.ticket.held
        )
        return "waiting"

    def run(self) -> int:
        """Wait; the exit code, where the waiter does not become the runner."""
        while not self.leaving:
            try:
                self.asked = self.attempt.asked()
                if self.asked.cancelled:
                    self.attempt.end_cancelled()
                if self.asked.cancelled or self.asked.claimed:
                    break
                self.rules = self.read_rules()
                pause = self.turn()
            except OSError as error:
                if not os.path.isdir(self.attempt.directory):
                    break
                self.tell("%s: %s" % (error.filename or self.folder.path, error.strerror))
                pause = TROUBLE
            if pause is None:
                return 1
            self.sleep(pause)
        return self.leave()

    def turn(self) -> Optional[float]:
        """Look at the queue, start if it is our turn; seconds until the next look; None: there is no runner."""
        self.folder.keep()
        now = self.list()
        picture = look.latest(self.folder)
        if not self.ticket.held and scene.promising(now, picture, self.ticket.token):
            if scene.gpus_matter(now):
                picture = look.look(self.folder, now.leases)
                if picture is None:
                    return 0.2  # another of ours asks this moment
            # The gate is for those who may well start; two hundred who look in vain must not keep them out.
            taken = self.take(picture) if self.decide(now, picture).start else None
            if taken is not None:
                self.start(taken)
                return None
            pause = max(self.decision.again, look.due(picture) if scene.gpus_matter(now) else 0.0, 0.1)
        else:
            self.decide(now, picture)
            self.decision = self.decision._replace(foreign=())  # not our turn yet: we have not looked at the GPUs
            pause = PAUSE
        self.tell(self.decision.reason)
        # CPUs and memory come back without a word.
        return min(pause, policy.LATER if self.near() and self.decision.lacking else PAUSE)

    def list(self) -> Scene:
        """Who waits and runs, with our own ticket as it should be now."""
        self.changes.begin()
        now = scene.scan(self.folder)
        ticket = self.wanted(self.decision.foreign)
        if ticket != self.ticket or all(each.token != ticket.token for each in now.tickets):
            with self.folder.gate():
                fresh = tickets.change(self.folder, ticket)
            os.close(self.standing)
            self.standing, self.ticket = fresh, ticket
        self.changes.end(now.leases if self.near() else ())
        return self.seen(now)

    def near(self) -> bool:
        """Whether our turn may come with the next change."""
        return not self.ticket.held and self.decision.rank < NEAR

    def seen(self, now: Scene) -> Scene:
        """The scene with our own ticket as it is; we judge GPUs by what we see, not by what we have told others."""
        others = tuple(each for each in now.tickets if each.token != self.ticket.token)
        return now._replace(tickets=others + (self.ticket._replace(without=()),))

    def decide(self, now: Scene, picture: Optional[Picture]) -> Decision:
        """What we may do."""
        judge = scene.by_leases if picture is None else scene.by_picture(picture, self.rules, now.over)
        self.cards = () if picture is None else picture.cards
        self.decision = scene.judged(now, picture, judge, self.ticket.token)[self.ticket.token]
        return self.decision

    def take(self, picture: Optional[Picture]) -> Optional[Taken]:
        """Take what we need and leave the queue, if it is our turn."""
        with self.folder.gate():
            now = self.seen(scene.current(scene.scan(self.folder)))
            if not self.decide(now, picture).start or self.attempt.asked() != self.asked or self.leaving:
                return None
            taken = leases.take(self.folder, self.lease())
            if taken is None:
                words = "a GPU is locked by a run whose lease is not in the folder"
                self.decision = self.decision._replace(start=False, reason=words, again=policy.SOON)
                return None
            self.drop(now)
        return taken

    def lease(self) -> Lease:
        """What we take."""
        ticket = self.ticket
        start = start_time(os.getpid()) or 0
        gpus = tuple(card.uuid for card in self.decision.gpus)
        return Lease(
            token=ticket.token,
            uid=ticket.uid,
            user=ticket.user,
            pid=ticket.pid,
            start=start,
            name=ticket.name,
            gpus=gpus,
            needs=ticket.needs,
            since=time.time(),
            boot=boot_id(),
            at=time.monotonic(),
        )

    def drop(self, now: Scene) -> None:
        """Give the ticket up, and wake those who are next. Behind the gate."""
        self.folder.remove("ticket." + self.ticket.token)
        os.close(self.standing)
        others = [ticket for ticket in now.tickets if ticket.token != self.ticket.token]
        tickets.signal_to(order(others, now.leases)[:4])

    def leave(self) -> int:
        """Leave the queue."""
        try:
            with self.folder.gate():
                self.drop(scene.scan(self.folder))
        except OSError:
            self.folder.remove("ticket." + self.ticket.token)  # its lock goes with us
        return 0

    def tell(self, reason: str) -> None:
        """Say why we wait. A full disk is no reason to wait no longer."""
        try:
            self.attempt.tell(self.since, reason, self.decision.verdicts, self.ticket.held)
        except OSError:
            return

    def start(self, taken: Taken) -> None:
        """Become the runner; returns only where that fails, and all is given back."""
        variables = start.variables(self.decision.gpus, self.cards)
        try:
            start.become(self.runner, self.attempt.directory, self.plan.get("log"), variables, taken)
        except OSError as error:
            self.tell("the runner does not start: %s: %s" % (error.filename or self.runner, error.strerror))

    def listen(self) -> None:
        """Turn signals into bytes on a pipe, so that none is lost between two looks."""
        for end in (self.wake, self.waker):
            os.set_blocking(end, False)
        signal.set_wakeup_fd(self.waker)
        signal.signal(signal.SIGTERM, self.on_signal)
        signal.signal(signal.SIGUSR1, self.on_signal)

    def on_signal(self, number: int, frame: object) -> None:
        """Leave, or look at once."""
        if number == signal.SIGTERM:
            self.leaving = True
        else:
            self.poked = True

    def sleep(self, seconds: float) -> None:
        """Until it is time for another look, or something has changed."""
        rank = self.decision.rank
        near = self.near()
        begun = asked = time.monotonic()
        patience = 0.0 if near else min(FAR, SELDOM * (1 + rank / NEAR))
        while not (self.leaving or self.poked):
            now = time.monotonic()
            over = now - begun
            if over >= seconds or (over >= patience and self.changes.seen()):
                break
            if now - asked >= SELDOM:
                asked = now
                if self.asked_anew():
                    break
            if select.select([self.wake], [], [], min(OFTEN if near else SELDOM, seconds - over))[0]:
                os.read(self.wake, 512)
        self.poked = False

    def asked_anew(self) -> bool:
        """Whether something else is asked of us than before."""
        if modified(os.path.join(self.attempt.root, "policy.json")) != self.rules_time:
            return True
        try:
            return self.attempt.asked() != self.asked
        except OSError:
            return True
