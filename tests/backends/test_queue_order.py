"""Whose turn it is on a host without a scheduler: pure, over any queue."""

from __future__ import annotations

import itertools
from collections import Counter
from typing import TYPE_CHECKING

from hypothesis import given, settings
from hypothesis import strategies as st

from backends.queue.gpus import Card
from backends.queue.order import Decision, Machine, decide, order
from backends.queue.records import Lease, Needs, Ticket
from backends.queue.scene import by_leases

if TYPE_CHECKING:
    from collections.abc import Sequence
    from random import Random

GIB = 1 << 30
HOST = Machine(cpus=16, memory=256 * GIB, available=256 * GIB)


def cards(count: int, total: int | None = 80 * GIB, mig: bool = False) -> list[Card]:
    """GPUs of one sort."""
    return [Card(number, f"GPU-{number}", total, 0, mig, "A100") for number in range(count)]


def ticket(
    token: str,
    uid: int = 1,
    since: float = 0.0,
    priority: int = 0,
    place: float = 0.0,
    held: bool = False,
    **needs: int,
) -> Ticket:
    """A run that waits; it needs no CPU unless told."""
    wanted = Needs(**({"cpus": 0, "experiment": "e"} | needs))  # type: ignore[arg-type]  # fields by name
    return Ticket(token, uid, f"u{uid}", 0, f"run-{token}", wanted, priority, place, since, held)


def lease(token: str, *gpus: int, uid: int = 1, **needs: int) -> Lease:
    """A run that runs."""
    wanted = Needs(**({"gpus": len(gpus), "cpus": 0, "experiment": "e"} | needs))  # type: ignore[arg-type]  # by name
    return Lease(token, uid, f"u{uid}", 0, 0, f"run-{token}", tuple(f"GPU-{n}" for n in gpus), wanted, 0.0)


def begun(waiting: Ticket, decision: Decision) -> Lease:
    """The lease that a ticket becomes."""
    gpus = tuple(card.uuid for card in decision.gpus)
    return Lease(
        waiting.token, waiting.uid, waiting.user, 0, 0, waiting.name, gpus, waiting.needs, waiting.since, waits=False
    )


def decided(tickets: Sequence[Ticket], leases: Sequence[Lease], gpus: Sequence[Card]) -> dict[str, Decision]:
    """As the waiters decide, when nothing but leases is on the GPUs."""
    return decide(tickets, leases, gpus, HOST, by_leases)


def starting(tickets: Sequence[Ticket], leases: Sequence[Lease] = (), gpus: Sequence[Card] = ()) -> list[str]:
    """Tokens of those that may start, sorted."""
    return sorted(token for token, decision in decided(tickets, leases, gpus).items() if decision.start)


needs = st.builds(
    Needs,
    gpus=st.integers(0, 5),
    gpu_memory=st.one_of(st.none(), st.integers(1, 90).map(lambda size: size * GIB)),
    cpus=st.integers(0, 18),
    memory=st.integers(0, 300).map(lambda size: size * GIB),
    experiment=st.sampled_from("ab"),
    at_most=st.one_of(st.none(), st.integers(1, 3)),
    mine=st.one_of(st.none(), st.integers(1, 4)),
)
tickets = st.lists(
    st.builds(
        Ticket,
        token=st.uuids().map(str),
        uid=st.integers(1, 3),
        user=st.just("u"),
        pid=st.just(0),
        name=st.just("run"),
        needs=needs,
        priority=st.integers(-1, 1),
        place=st.sampled_from((0.0, 1.0)),
        since=st.floats(0, 1e10),
        held=st.booleans(),
        without=st.lists(st.sampled_from([f"GPU-{n}" for n in range(4)]), max_size=1).map(tuple),
    ),
    max_size=12,
    unique_by=lambda one: one.token,
)


def check(leases: Sequence[Lease], gpus: Sequence[Card]) -> None:
    """No GPU is given twice, and none for more memory than it has; no limit is passed."""
    for card in gpus:
        here = [each for each in leases if card.uuid in each.gpus]
        alone = [each for each in here if each.needs.gpu_memory is None]
        assert len(alone) <= 1
        assert not alone or len(here) == 1
        assert sum(each.needs.gpu_memory or 0 for each in here) <= (card.total or 0)
    assert sum(each.needs.cpus for each in leases) <= HOST.cpus
    assert sum(each.needs.memory for each in leases) <= (HOST.memory or 0)


@given(tickets, st.integers(0, 5))
def test_no_gpu_is_given_twice_and_no_limit_is_passed(queue: list[Ticket], count: int) -> None:
    gpus = cards(count)
    leases: list[Lease] = []
    waiting = list(queue)
    while True:
        able = [
            (each, decision) for each in waiting if (decision := decided(waiting, leases, gpus)[each.token]).start
        ]
        if not able:
            break
        chosen, decision = able[-1]  # the last one is the first to be quick enough: nobody before it loses anything
        assert not chosen.held
        assert len(set(decision.gpus)) == chosen.needs.gpus
        mine = [each for each in leases if each.uid == chosen.uid]
        assert chosen.needs.mine is None or len(mine) < chosen.needs.mine
        same = [each for each in mine if each.needs.experiment == chosen.needs.experiment]
        assert chosen.needs.at_most is None or len(same) < chosen.needs.at_most
        leases.append(begun(chosen, decision))
        waiting.remove(chosen)
        check(leases, gpus)


@given(tickets, st.integers(0, 5))
def test_all_that_may_start_may_start_together(queue: list[Ticket], count: int) -> None:
    gpus = cards(count)
    found = decided(queue, [], gpus)
    check([begun(each, found[each.token]) for each in queue if found[each.token].start], gpus)


@given(tickets, st.integers(0, 5))
def test_who_leaves_the_queue_takes_nothing_from_those_before(queue: list[Ticket], count: int) -> None:
    gpus = cards(count)
    line = order(queue, [])
    for last in line[-1:]:
        without = decided([each for each in queue if each is not last], [], gpus)
        full = decided(queue, [], gpus)
        assert all(full[each.token] == without[each.token] for each in line[:-1])


@given(tickets)
def test_held_ones_stand_in_nobodys_way(queue: list[Ticket]) -> None:
    gpus = cards(4)
    free = [each for each in queue if not each.held]
    found = decided(queue, [], gpus)
    assert {token: found[token] for token in (each.token for each in free)} == decided(free, [], gpus)
    assert all(found[each.token] == Decision(False, reason="held") for each in queue if each.held)


@given(tickets)
def test_whoever_cannot_start_is_told_why(queue: list[Ticket]) -> None:
    assert all(
        decision.start != bool(decision.reason) or decision.start
        for decision in decided(queue, [], cards(3)).values()
    )
    assert all(decision.reason for decision in decided(queue, [], cards(3)).values() if not decision.start)


@settings(max_examples=30, deadline=None)
@given(
    st.integers(1, 4),
    st.one_of(st.none(), st.integers(1, 80)),
    st.lists(st.tuples(st.integers(1, 3), st.integers(1, 2), st.integers(1, 5), st.sampled_from((None, 20, 50)))),
    st.integers(0, 8),
)
def test_nobody_waits_for_ever_while_others_keep_coming(
    gpus: int, share: int | None, arrivals: list[tuple[int, int, int, int | None]], running: int
) -> None:
    """A run comes into a full host; a new one of somebody's comes at every step, and each runs for some steps."""
    host = cards(4)
    patient = ticket("patient", uid=9, since=0.0, gpus=gpus)._replace(
        needs=Needs(gpus=gpus, gpu_memory=None if share is None else share * GIB, cpus=0)
    )
    leases = [(lease(f"first-{n}", n % 4, gpu_memory=10 * GIB), 1 + n) for n in range(running)]
    queue = [patient]
    numbers = itertools.count(1)
    coming = itertools.cycle(arrivals or [(1, 1, 1, None)])
    lengths: dict[str, int] = {}
    for _ in range(200):
        number = next(numbers)
        uid, size, length, memory = next(coming)
        late = ticket(f"late-{number:03d}", uid=uid, since=float(number), gpus=size)
        queue.append(late._replace(needs=late.needs._replace(gpu_memory=None if memory is None else memory * GIB)))
        lengths[queue[-1].token] = length
        leases = [(each, left - 1) for each, left in leases if left > 1]
        while True:
            found = decided(queue, [each for each, _ in leases], host)
            able = next((each for each in reversed(queue) if found[each.token].start), None)
            if able is None:
                break
            if able is patient:
                return
            leases.append((begun(able, found[able.token]), lengths[able.token]))
            queue.remove(able)
    raise AssertionError("it still waits")


@given(tickets, st.randoms())
def test_the_order_does_not_depend_on_how_the_folder_lists_it(queue: list[Ticket], random: Random) -> None:
    shuffled = list(queue)
    random.shuffle(shuffled)
    assert order(queue, []) == order(shuffled, [])


def test_a_users_sweep_does_not_keep_another_user_behind_all_of_it() -> None:
    sweep = [ticket(f"a{n:02d}", uid=1, since=n) for n in range(20)]
    other = ticket("b", uid=2, since=100.0)
    assert [each.token for each in order([*sweep, other], [])][:3] == ["a00", "b", "a01"]
    assert order([*sweep, other], [lease("x", 0, uid=1)])[0] is other


def test_priority_then_place_then_time_order_ones_own_runs() -> None:
    queue = [
        ticket("late", since=9.0),
        ticket("early", since=1.0),
        ticket("top", since=9.0, place=-1.0),
        ticket("urgent", since=99.0, priority=1),
    ]
    assert [each.token for each in order(queue, [])] == ["urgent", "top", "early", "late"]


def test_priority_means_nothing_between_users() -> None:
    assert [each.token for each in order([ticket("a", 1, since=1.0), ticket("b", 2, since=2.0, priority=9)], [])] == [
        "a",
        "b",
    ]


def test_a_large_run_is_not_overtaken_by_small_ones_for_ever() -> None:
    large, small = ticket("large", since=1.0, gpus=4), ticket("small", since=2.0, gpus=1)
    assert starting([large, small], [lease("x", 0)], cards(4)) == []
    assert starting([large, small], [], cards(4)) == ["large"]


def test_a_run_takes_what_those_before_it_do_not_need() -> None:
    queue = [ticket("two", since=1.0, gpus=2), ticket("one", since=2.0, gpus=1), ticket("last", since=3.0, gpus=1)]
    assert starting(queue, [lease("x", 0), lease("y", 1)], cards(4)) == ["two"]
    assert starting(queue[1:], [lease("x", 0), lease("y", 1)], cards(4)) == ["last", "one"]


def test_a_run_that_can_never_start_here_reserves_nothing_and_says_so() -> None:
    queue = [ticket("huge", since=1.0, gpus=8), ticket("one", since=2.0, gpus=1)]
    found = decided(queue, [], cards(4))
    assert found["huge"].reason == "asks for 8 GPUs; this host has 4"
    assert found["one"].start
    assert found["one"].rank == 0


def test_what_the_host_has_not_is_named() -> None:
    def why(**wanted: int) -> str:
        asking = ticket("t")._replace(needs=Needs(**({"cpus": 0} | wanted)))  # type: ignore[arg-type]  # fields by name
        return decided([asking], [], [*cards(1), *cards(2, mig=True)[1:]])["t"].reason

    assert why(gpus=1, gpu_memory=100 * GIB) == (
        "asks for 1 GPU of 100 GiB; this host has 0 such; 1 is cut into MIG instances, which are not given out"
    )
    assert why(gpus=2) == (
        "asks for 2 GPUs; this host has 1 such; 1 is cut into MIG instances, which are not given out"
    )
    assert why(cpus=17) == "asks for 17 CPUs; this host has 16"
    assert why(memory=300 * GIB) == "asks for 300 GiB of memory; this host has 256 GiB"
    assert decided([ticket("t", gpus=1)], [], [])["t"].reason == (
        "asks for 1 GPU; this host has none (nvidia-smi shows none)"
    )


def test_runs_without_gpus_are_not_kept_by_runs_that_wait_for_gpus() -> None:
    queue = [ticket("gpu", since=1.0, gpus=2, cpus=16, mine=1), ticket("cpu", since=2.0, cpus=4, mine=1)]
    assert starting(queue, [lease("x", 0, uid=2)], cards(2)) == ["cpu"]


def test_a_run_that_has_its_gpus_is_not_kept_from_cpus_for_ever() -> None:
    queue = [ticket("gpu", since=1.0, gpus=1, cpus=16), ticket("cpu", since=2.0, cpus=4)]
    found = decided(queue, [lease("x", cpus=2)], cards(1))
    assert not any(decision.start for decision in found.values())
    assert found["gpu"].reason == "2 of 16 CPUs taken; asks for 16"
    assert found["cpu"].reason == "1 run ahead; 2 of 16 CPUs taken, 16 kept for runs ahead; asks for 4"


def test_at_most_so_many_of_an_experiment_and_of_mine() -> None:
    queue = [ticket(f"t{n}", since=n, gpus=1, at_most=2) for n in range(4)]
    found = decided(queue, [lease("x", 0)], cards(4))
    assert [each.token for each in queue if found[each.token].start] == ["t0"]
    assert (found["t3"].reason, found["t3"].rank) == ("at most 2 runs of this experiment", 2)
    mine = [ticket(f"t{n}", since=n, gpus=1, mine=1) for n in range(2)]
    assert starting([*mine, ticket("other", uid=2, since=9.0, gpus=1)], [], cards(4)) == ["other", "t0"]
    assert decided(mine, [], cards(4))["t1"].reason == "at most 1 run of u1 on this host"


def test_experiments_of_two_folders_do_not_count_for_each_other() -> None:
    wanted = Needs(cpus=0, experiment="e-1-0a", at_most=1)
    queue = [ticket("t0")._replace(needs=wanted), ticket("t1")._replace(needs=wanted._replace(experiment="e-1-0b"))]
    assert starting(queue) == ["t0", "t1"]


def test_several_runs_share_a_gpu_by_what_they_declare_and_fill_the_fullest_first() -> None:
    queue = [ticket(f"t{n}", since=n, gpus=1, gpu_memory=30 * GIB) for n in range(5)]
    found = decided(queue, [lease("x", 1, gpu_memory=10 * GIB)], cards(2))
    taken = Counter(card.number for each in queue for card in found[each.token].gpus if found[each.token].start)
    assert taken == {1: 2, 0: 2}
    assert found["t0"].gpus[0].number == 1
    assert not found["t4"].start


def test_shared_and_exclusive_runs_never_meet_on_a_gpu() -> None:
    shared, alone = lease("s", 0, gpu_memory=1 * GIB), lease("x", 0)
    assert starting([ticket("t", gpus=1)], [shared], cards(1)) == []
    assert starting([ticket("t", gpus=1, gpu_memory=1 * GIB)], [alone], cards(1)) == []


def test_a_run_that_needs_much_of_a_shared_gpu_is_not_starved_by_small_ones() -> None:
    queue = [
        ticket("big", since=1.0, gpus=1, gpu_memory=60 * GIB),
        ticket("s", since=2.0, gpus=1, gpu_memory=30 * GIB),
    ]
    leases = [lease("x", 0, gpu_memory=30 * GIB), lease("y", 1, gpu_memory=40 * GIB)]
    found = decided(queue, leases, cards(2))
    assert not found["big"].start
    assert [card.number for card in found["s"].gpus] == [1]  # GPU 0 is kept


def test_the_reason_names_who_is_ahead_and_who_has_what() -> None:
    queue = [ticket("p", since=0.0, gpus=1), ticket("q", since=1.0, gpus=2)]
    found = decided(queue, [lease("x", 0, uid=2)], cards(2))
    assert found["p"].start
    assert found["q"].reason == "1 run ahead; GPU 0: run-x of u2; GPU 1: kept for run-p of u1"
    assert found["q"].verdicts == ((0, "run-x of u2"), (1, "kept for run-p of u1"))


def test_what_keeps_another_user_from_a_gpu_keeps_it_from_nobody_else() -> None:
    first = ticket("first", uid=1, since=1.0, gpus=1)._replace(without=("GPU-0",))
    assert starting([first, ticket("second", uid=2, since=2.0, gpus=1)], [], cards(1)) == ["second"]


def test_without_a_working_gpu_tool_runs_without_gpus_go_on() -> None:
    queue = [ticket("gpu", since=1.0, gpus=1, cpus=16), ticket("cpu", since=2.0, cpus=16)]
    found = decide(queue, [], [], HOST, by_leases, "nvidia-smi has not answered for 10 s")
    assert found["cpu"].start
    assert found["gpu"].reason == "nvidia-smi has not answered for 10 s"


def test_memory_that_others_are_about_to_take_is_not_given_again() -> None:
    host = Machine(16, 100 * GIB, 50 * GIB)
    queue = [ticket("a", since=1.0, memory=40 * GIB), ticket("b", since=2.0, memory=20 * GIB)]
    found = decide(queue, [], [], host, by_leases)
    assert found["a"].start
    assert found["b"].reason == "1 run ahead; 50 GiB of memory available, 40 GiB kept for runs ahead; asks for 20 GiB"
