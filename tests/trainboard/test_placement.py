"""Where waiting attempts go, and which move."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st

from backends.base import JobState, Room
from specs.load import loads
from specs.model import Resources, SlurmOptions
from tests.trainboard.fakes import FakeBackend, a_job, a_spec, desk_of
from trainboard.placement import Candidate, Taken, moves, place
from trainboard.query import query

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from trainboard.placement import Needs, Placement

NEEDS: Needs = (Resources(gpus=1), SlurmOptions())


def placed(count: int, rooms: Mapping[str, Room], queued: Mapping[str, int] | None = None) -> Placement:
    found = [Candidate(f"t{number}", tuple(rooms), NEEDS) for number in range(count)]
    return place(found, {(name, NEEDS): room for name, room in rooms.items()}, queued or {})


def per_backend(placement: Placement) -> dict[str, int]:
    return dict(Counter(placement.chosen.values()))


def test_the_first_that_has_room_takes_what_starts_there_and_the_next_takes_the_rest() -> None:
    assert list(placed(3, {"one": Room(2), "two": Room(4)}).chosen.values()) == ["one", "one", "two"]


def test_a_scheduler_takes_all_that_its_queue_takes() -> None:
    assert per_backend(placed(4, {"triton": Room(None, 3), "gpu1": Room(1)})) == {"triton": 3, "gpu1": 1}


def test_where_nothing_starts_the_shortest_queue_takes_the_next() -> None:
    assert per_backend(placed(6, {"one": Room(0), "two": Room(0)}, {"one": 2})) == {"one": 2, "two": 4}


def test_where_no_queue_takes_it_either_it_waits_here_and_says_why() -> None:
    placement = placed(2, {"one": Room(0, 0, "8 jobs of 8"), "two": Room(0, 0, "two: no connection")})
    assert placement.chosen == {}
    assert set(placement.reasons.values()) == {"one: 8 jobs of 8; two: no connection"}


def test_it_waits_for_the_answer_of_a_host_that_is_asked() -> None:
    candidate = Candidate("t", ("slow", "fast"), NEEDS)
    placement = place([candidate], {("fast", NEEDS): Room(9)}, {})
    assert (placement.chosen, placement.reasons) == ({}, {})


@given(
    st.integers(0, 30),
    st.dictionaries(
        st.sampled_from("abc"),
        st.builds(Room, st.none() | st.integers(0, 9), st.none() | st.integers(0, 9)),
        min_size=1,
    ),
)
def test_nobody_gets_more_than_there_is_room_for(count: int, rooms: dict[str, Room]) -> None:
    placement = placed(count, rooms)
    for name, given_to in per_backend(placement).items():
        queue = rooms[name].queue
        assert queue is None or given_to <= queue
    assert len(placement.chosen) + len(placement.reasons) == count
    if placement.reasons:
        queues = [room.queue for room in rooms.values()]
        assert sum(queue for queue in queues if queue is not None) == len(placement.chosen)
        assert None not in queues


def moved(count: int, first: Mapping[str, Room], second: Mapping[str, Room]) -> dict[str, str]:
    waiting = [Candidate(f"t{n}", ("busy", "one", "two", "triton"), NEEDS, "busy") for n in range(count)]
    looks = [{(name, NEEDS): room for name, room in look.items()} for look in (first, second)]
    return moves(waiting, looks, ["busy", "one", "two"], Taken())


def test_as_many_move_as_start_there_by_both_looks_the_first_in_order_first() -> None:
    look, later = {"one": Room(1), "two": Room(5)}, {"one": Room(3), "two": Room(1)}
    assert moved(4, look, later) == {"t0": "one", "t1": "two"}


def test_nothing_moves_on_one_look_nor_to_where_it_is_nor_into_another_queue() -> None:
    assert moved(2, {"one": Room(2)}, {}) == {}
    assert moved(2, {"busy": Room(2)}, {"busy": Room(2)}) == {}
    assert moved(2, {"triton": Room(None)}, {"triton": Room(None)}) == {}


# with the dispatcher


async def test_a_waiting_run_moves_to_a_server_that_is_free_and_never_is_on_both(tmp_path: Path) -> None:
    busy, idle = FakeBackend("busy"), FakeBackend("idle")
    busy.has_room = idle.has_room = Room(0)
    desk = desk_of(tmp_path, busy, idle)
    await desk.submit(a_spec())
    assert [len(busy.plans), len(idle.plans)] == [1, 1]
    idle.has_room = Room(4)
    for _ in range(8):
        desk.later(6)
        await desk.dispatcher.step()
    token = busy.plans[0].token
    assert busy.told == [("withdraw", (token,))]
    first, second = [each for each in await desk.attempts() if each.run == "x-1.0"]
    assert (first.state, first.withdrawn, first.backend) == (JobState.CANCELLED, True, "busy")
    assert (second.number, second.backend, second.cause) == (2, "idle", "moved from busy")
    assert [plan.attempt for plan in idle.plans if plan.run.startswith("000")] == [2]


async def test_a_run_that_began_while_it_was_to_be_moved_stays(tmp_path: Path) -> None:
    busy, idle = FakeBackend("busy"), FakeBackend("idle")
    busy.has_room = idle.has_room = Room(0)
    busy.taken_back = ()
    desk = desk_of(tmp_path, busy, idle)
    await desk.submit(a_spec())
    idle.has_room = Room(4)
    for _ in range(8):
        desk.later(6)
        await desk.dispatcher.step()
    assert len(await desk.attempts()) == 2
    assert busy.told


async def test_a_crash_between_withdrawal_and_the_new_attempt_loses_no_run(tmp_path: Path) -> None:
    busy, idle = FakeBackend("busy"), FakeBackend("idle")
    idle.has_room = Room(None)
    desk = desk_of(tmp_path, busy, idle)
    [(run, attempt), _] = await desk.submit(a_spec())
    # What a dispatcher that died after the withdrawal leaves: only the host knows.
    busy.queue = [a_job(attempt.id, JobState.CANCELLED, backend="busy", withdrawn=True)]
    await query(busy, desk.store, {})
    await desk.another().step()
    newest = await desk.newest(run.id)
    assert (newest.number, newest.cause, newest.unsent) == (2, "moved from busy", False)


async def test_a_sweep_over_several_backends_never_has_more_than_its_at_most(tmp_path: Path) -> None:
    desk = desk_of(tmp_path, FakeBackend("one"), FakeBackend("two"))
    for backend in desk.backends.values():
        backend.has_room = Room(2)
    text = "name: x\ncommand: train --lr {lr}\nsweep: {lr: [0.1, 0.2], seeds: 4, at_most: 3}\n"
    await desk.submit(loads(text, tmp_path / "x.yaml"))
    sent = [each for each in await desk.attempts() if not each.unsent]
    assert len(sent) == 3
    assert {each.reason for each in await desk.attempts() if each.unsent} == {"at most 3 of x-1 at a time"}
    await desk.becomes(sent[0].run, JobState.COMPLETED)
    desk.later(20)
    await desk.dispatcher.step()
    assert len([each for each in await desk.attempts() if not each.unsent]) == 4
