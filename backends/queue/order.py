"""Whose turn it is: the order of the tickets, and what each may take or why not. Pure."""

import math
from collections import Counter
from typing import Callable, Dict, List, NamedTuple, Optional, Sequence, Tuple

from backends.queue.gpus import Card
from backends.queue.policy import Verdict
from backends.queue.records import Lease, Needs, Ticket, size

Judge = Callable[[Card, Sequence[Lease], Optional[int]], Verdict]
"""Whether a GPU is free beside these leases on it for a run with that `gpu_memory`: `policy.verdict`, applied."""


class Machine(NamedTuple):
    """What the host has besides GPUs. Bytes; None where it does not tell."""

    cpus: int
    memory: Optional[int] = None
    available: Optional[int] = None
    """Now, less what live leases have declared and do not use yet."""


class Decision(NamedTuple):
    """What one ticket may do."""

    start: bool
    gpus: Tuple[Card, ...] = ()
    """What it takes if it starts."""
    reason: str = ""
    """Why it does not start, in one line."""
    verdicts: Tuple[Tuple[int, str], ...] = ()
    """Why not, for every GPU by its index; empty text: that one it could have."""
    rank: int = 0
    """So many before it wait for the same."""
    again: float = math.inf
    """Seconds until another look at the GPUs is worth it."""
    lacking: bool = False
    """The host lacks CPUs or memory at the moment."""
    foreign: Tuple[str, ...] = ()
    """UUIDs of GPUs that a foreign process keeps from it."""


def order(tickets: Sequence[Ticket], leases: Sequence[Lease]) -> List[Ticket]:
    """Who comes before whom: between users in turns, by what each has and how far back it stands."""
    running = Counter(lease.uid for lease in leases)
    position = Counter()  # type: Counter[int]
    keyed = []
    for ticket in sorted(tickets, key=lambda one: (-one.priority, one.place, one.since, one.token)):
        if not ticket.held:
            keyed.append((running[ticket.uid] + position[ticket.uid], ticket.since, ticket.token, ticket))
            position[ticket.uid] += 1
    return [ticket for _, _, _, ticket in sorted(keyed, key=lambda entry: entry[:3])]


def decide(
    tickets: Sequence[Ticket],
    leases: Sequence[Lease],
    cards: Sequence[Card],
    machine: Machine,
    judge: Judge,
    trouble: str = "",
    last: str = "",
) -> Dict[str, Decision]:
    """By token, what each ticket may do, when nobody takes what one before it needs.

    `trouble` is why the GPUs are not known; then runs without GPUs go on. `last`: the token of the last one in the
    order that is asked about.
    """
    queue = Queue(leases, cards, machine, judge, trouble)
    found = {ticket.token: Decision(False, reason="held") for ticket in tickets if ticket.held}
    for ticket in order(tickets, leases):
        found[ticket.token] = queue.turn(ticket)
        if ticket.token == last:
            break
    return found


class Tally(object):
    """What leases and reservations come to."""

    def __init__(self) -> None:
        self.cpus = 0
        self.memory = 0
        self.runs = Counter()  # type: Counter[Tuple[int, str]]
        """By user and experiment, and by user alone (experiment "")."""

    def add(self, lease: Lease) -> None:
        """Count one more."""
        self.cpus += lease.needs.cpus
        self.memory += lease.needs.memory
        self.runs[lease.uid, ""] += 1
        if lease.needs.experiment:
            self.runs[lease.uid, lease.needs.experiment] += 1


class Queue(object):
    """One walk along the queue: what runs, and what has been given or kept for those before."""

    def __init__(
        self, leases: Sequence[Lease], cards: Sequence[Card], machine: Machine, judge: Judge, trouble: str = ""
    ) -> None:
        self.cards = cards
        self.machine = machine
        self.judge = judge
        self.trouble = trouble
        self.on = {card.uuid: [] for card in cards}  # type: Dict[str, List[Lease]]
        """The leases and reservations on each GPU."""
        self.taken, self.coming, self.parked = Tally(), Tally(), Tally()
        """Of those that run; of those ahead that have their GPUs; of those ahead that wait for GPUs."""
        self.ahead = Counter()  # type: Counter[Tuple[str, ...]]
        """How many wait for what: `gpu`, `cpu`, or a limit."""
        for lease in leases:
            self.add(lease, self.taken)

    def add(self, lease: Lease, tally: Tally) -> None:
        """Count a lease or a reservation."""
        tally.add(lease)
        for uuid in lease.gpus:
            here = self.on.get(uuid)
            # Behind one that waits for all of a GPU, who else waits for it makes no difference.
            if here is not None and not (lease.waits and any(each.waits and alone(each) for each in here)):
                here.append(lease)

    def turn(self, ticket: Ticket) -> Decision:
        """What the next one in the order may do."""
        needs = ticket.needs
        if needs.gpus and self.trouble:
            return Decision(False, reason=self.trouble, again=0.0)
        never = impossible(needs, self.cards, self.machine)
        if never:
            return Decision(False, reason=never)
        limit, words = self.limited(ticket)
        if limit:
            self.ahead[limit] += 1
            return Decision(False, reason=words, rank=self.ahead[limit] - 1)
        rank = self.ahead["cpu",] + (self.ahead["gpu",] if needs.gpus else 0)
        verdicts = [(card, self.verdict(ticket, card)) for card in self.cards] if needs.gpus else []
        free = [card for card, verdict in verdicts if not verdict.reason]
        chosen = sorted(free, key=lambda card: self.tightness(card, needs))[: needs.gpus]
        lacking = self.crowded(needs)
        if len(chosen) < needs.gpus:
            # GPUs are kept for it, but no CPU: runs that need no GPU go on.
            self.ahead["gpu",] += 1
            kept = self.best(ticket, [card for card, verdict in verdicts if not verdict.foreign])
            self.add(reservation(ticket, kept), self.parked)
        else:
            self.ahead["gpu" if needs.gpus and not lacking else "cpu",] += 1
            self.add(reservation(ticket, chosen), self.coming)
        return Decision(
            start=len(chosen) == needs.gpus and not lacking,
            gpus=tuple(sorted(chosen)),
            reason=explain(rank, lacking, needs, verdicts),
            verdicts=tuple((card.number, verdict.reason) for card, verdict in verdicts),
            rank=rank,
            again=min([verdict.again for _, verdict in verdicts if verdict.reason], default=math.inf),
            lacking=bool(lacking),
            foreign=tuple(card.uuid for card, verdict in verdicts if verdict.foreign),
        )

    def verdict(self, ticket: Ticket, card: Card) -> Verdict:
        """Whether it may have the GPU; what its own user has seen there counts as well as what we see."""
        if card.uuid in ticket.without:
            return Verdict("its user sees a foreign process on it", foreign=True)
        return self.judge(card, self.on[card.uuid], ticket.needs.gpu_memory)

    def tightness(self, card: Card, needs: Needs) -> Tuple[int, int]:
        """Where a run goes first: one that shares, to the fullest GPU, so that others stay whole."""
        declared = sum(lease.needs.gpu_memory or 0 for lease in self.on[card.uuid])
        return (0 if needs.gpu_memory is None else -declared, card.number)

    def best(self, ticket: Ticket, cards: Sequence[Card]) -> List[Card]:
        """The GPUs that are kept for a run that has to wait: those on which the least is to end first."""

        def load(card: Card) -> Tuple[float, int, int]:
            here = self.on[card.uuid]
            whole = math.inf if card.total is None else card.total
            declared = [whole if lease.needs.gpu_memory is None else lease.needs.gpu_memory for lease in here]
            return (sum(declared), len(here), card.number)

        fitting = [card for card in cards if offered(card, ticket.needs)]
        return sorted(fitting, key=load)[: ticket.needs.gpus]

    def limited(self, ticket: Ticket) -> Tuple[Tuple[str, ...], str]:
        """Which limit of its user's is reached, and in words; both empty: none."""
        needs, uid = ticket.needs, ticket.uid
        # A run without GPUs does not wait for one that waits for some.
        tallies = (self.taken, self.coming, self.parked) if needs.gpus else (self.taken, self.coming)
        if needs.mine is not None and sum(tally.runs[uid, ""] for tally in tallies) >= needs.mine:
            return ("mine", str(uid)), "at most %s of %s on this host" % (counted(needs.mine, "run"), ticket.user)
        same = sum(tally.runs[uid, needs.experiment] for tally in tallies)
        if needs.at_most is not None and needs.experiment and same >= needs.at_most:
            words = "at most %s of this experiment" % counted(needs.at_most, "run")
            return ("experiment", str(uid), needs.experiment), words
        return (), ""

    def crowded(self, needs: Needs) -> str:
        """What the host lacks besides GPUs at the moment; empty: nothing."""
        machine, taken, coming = self.machine, self.taken, self.coming
        if needs.cpus and taken.cpus + coming.cpus + needs.cpus > machine.cpus:
            ahead = ", %d kept for runs ahead" % coming.cpus if coming.cpus else ""
            return "%d of %s taken%s; asks for %d" % (taken.cpus, counted(machine.cpus, "CPU"), ahead, needs.cpus)
        if not needs.memory:
            return ""
        ahead = ", %s kept for runs ahead" % size(coming.memory) if coming.memory else ""
        if machine.memory is not None and taken.memory + coming.memory + needs.memory > machine.memory:
            of = "%s of %s memory declared" % (size(taken.memory), size(machine.memory))
            return "%s%s; asks for %s" % (of, ahead, size(needs.memory))
        if machine.available is not None and coming.memory + needs.memory > machine.available:
            there = size(max(0, machine.available))
            return "%s of memory available%s; asks for %s" % (there, ahead, size(needs.memory))
        return ""


def alone(lease: Lease) -> bool:
    """Whether it wants its GPUs for itself."""
    return lease.needs.gpu_memory is None


def reservation(ticket: Ticket, cards: Sequence[Card]) -> Lease:
    """What is kept for a ticket."""
    return Lease(
        token=ticket.token,
        uid=ticket.uid,
        user=ticket.user,
        pid=ticket.pid,
        start=0,
        name=ticket.name,
        gpus=tuple(card.uuid for card in cards),
        needs=ticket.needs,
        since=ticket.since,
        waits=True,
    )


def offered(card: Card, needs: Needs) -> bool:
    """Whether such a run could ever have the GPU."""
    return not card.mig and (needs.gpu_memory is None or (card.total is not None and needs.gpu_memory <= card.total))


def impossible(needs: Needs, cards: Sequence[Card], machine: Machine) -> str:
    """Why such a run can never start here, whoever else is there; empty: it can."""
    if needs.gpus > len(cards):
        has = "has %d" % len(cards) if cards else "has none (nvidia-smi shows none)"
        return "asks for %s; this host %s" % (counted(needs.gpus, "GPU"), has)
    count = sum(offered(card, needs) for card in cards)
    if needs.gpus > count:
        mig = sum(card.mig for card in cards)
        of = "" if needs.gpu_memory is None else " of %s" % size(needs.gpu_memory)
        cut = "; %s cut into MIG instances, which are not given out" % counted(mig, "is", "are") if mig else ""
        return "asks for %s%s; this host has %d such%s" % (counted(needs.gpus, "GPU"), of, count, cut)
    if needs.cpus > machine.cpus:
        return "asks for %s; this host has %d" % (counted(needs.cpus, "CPU"), machine.cpus)
    if machine.memory is not None and needs.memory > machine.memory:
        return "asks for %s of memory; this host has %s" % (size(needs.memory), size(machine.memory))
    return ""


def counted(count: int, one: str, many: str = "") -> str:
    """As `1 GPU`, `8 GPUs`."""
    return "%d %s" % (count, one if count == 1 else many or one + "s")


def explain(rank: int, lacking: str, needs: Needs, verdicts: Sequence[Tuple[Card, Verdict]]) -> str:
    """Why a run waits, in one line."""
    words = ["%s ahead" % counted(rank, "run")] if rank else []
    if sum(not verdict.reason for _, verdict in verdicts) < needs.gpus:
        free = [str(card.number) for card, verdict in verdicts if not verdict.reason]
        if free:
            words.append(
                "asks for %s, of which %s free: %s"
                % (counted(needs.gpus, "GPU"), counted(len(free), "is", "are"), ", ".join(free))
            )
        words += ["GPU %d: %s" % (card.number, verdict.reason) for card, verdict in verdicts if verdict.reason]
    if lacking:
        words.append(lacking)
    return "; ".join(words)
