"""One backend's newest picture, and when it is asked next."""

from __future__ import annotations

import asyncio

import pytest

from backends.base import (
    BackendError,
    CommandFailed,
    HostKeyRefused,
    HostTimeout,
    HostUnreachable,
    JobState,
    LoginRefused,
)
from tests.trainboard.fakes import FakeBackend, a_job
from trainboard.events import Link
from trainboard.place import LONGEST_WAIT, UNFOCUSED, Place
from trainboard.query import Answer, Queue


def a_place(kind: str = "ssh", interval: float = 2.0) -> Place:
    return Place(FakeBackend(kind=kind), interval)


def answered(place: Place) -> Place:
    place.answer(Answer((a_job(), a_job(job_id="78", state=JobState.HELD)), {}, 1000.0, Queue()))
    return place


def test_before_the_first_answer_it_is_connecting() -> None:
    event = a_place().event()
    assert (event.link, event.seen, event.running, event.pending) == (Link.CONNECTING, None, 0, 0)


def test_an_answer_counts_what_runs_and_what_waits() -> None:
    event = answered(a_place()).event()
    assert (event.link, event.seen, event.running, event.pending) == (Link.UP, 1000.0, 1, 1)


def test_a_host_that_never_answered_is_down() -> None:
    place = a_place()
    place.fail(HostUnreachable("fake: refused", "start sshd"))
    event = place.event()
    assert (event.link, event.reason, event.advice) == (Link.DOWN, "refused", "start sshd")


def test_a_failed_query_keeps_the_picture_and_its_age() -> None:
    place = answered(a_place())
    place.fail(HostTimeout("fake: no answer"))
    event = place.event()
    assert (event.link, event.reason, event.seen, event.running) == (Link.STALE, "no answer", 1000.0, 1)
    assert not place.answered.is_set()


def test_an_answer_clears_what_was_wrong() -> None:
    place = a_place()
    place.fail(LoginRefused("fake: no", "look"))
    event = answered(place).event()
    assert (event.link, event.reason, event.advice, place.delay(True)) == (Link.UP, "", "", 2.0)


@pytest.mark.parametrize(
    ("kind", "interval", "slow"), [("ssh", 2.0, 10.0), ("slurm", 10.0, UNFOCUSED), ("slurm", 90.0, 90.0)]
)
def test_unfocused_it_is_asked_less_often(kind: str, interval: float, slow: float) -> None:
    place = answered(a_place(kind, interval))
    assert (place.delay(True), place.delay(False)) == (interval, slow)


def test_failures_are_met_with_longer_and_longer_waits_up_to_a_limit() -> None:
    place = a_place()
    waits = []
    for _ in range(5000):  # two weeks of a host that is down: no figure runs over
        place.fail(HostUnreachable("fake: down"))
        wait = place.delay(True)
        assert wait is not None
        waits.append(wait)
    assert [2 * 2**n * 0.8 <= wait <= 2 * 2**n * 1.2 for n, wait in enumerate(waits[:6], 1)] == [True] * 6
    assert all(0.8 * LONGEST_WAIT <= wait <= 1.2 * LONGEST_WAIT for wait in waits[10:])
    assert len(set(waits)) > 100  # jitter: many boards do not come back at the same moment


@pytest.mark.parametrize("error", [LoginRefused("no"), HostKeyRefused("changed")])
async def test_a_refused_login_is_tried_again_only_when_the_user_wants_it(error: BackendError) -> None:
    place = a_place()
    place.fail(error)
    assert (place.delay(True), place.delay(False)) == (None, None)
    resting = asyncio.create_task(place.rest(None))
    place.wake()
    await asyncio.wait({resting}, timeout=1)
    assert not resting.done()
    place.wake(by_user=True)
    await asyncio.wait_for(resting, 30)


async def test_being_woken_ends_the_rest() -> None:
    place = a_place()
    resting = asyncio.create_task(place.rest(1000))
    place.wake()
    await asyncio.wait_for(resting, 30)


async def test_being_woken_all_the_time_is_no_storm() -> None:
    place, loop = a_place(), asyncio.get_running_loop()
    begun = loop.time()
    for _ in range(2):
        place.wake()
        await place.rest(1000)
    assert loop.time() - begun >= 1


async def test_a_broken_connection_is_looked_at_at_once() -> None:
    place = answered(a_place())
    place.suspect(HostUnreachable("fake: the connection ended"))
    assert (place.link, place.answered.is_set()) == (Link.UP, False)
    await asyncio.wait_for(place.rest(1000), 30)


async def test_other_trouble_waits_for_the_next_query() -> None:
    place = answered(a_place())
    place.suspect(CommandFailed("fake: tail: no"))
    resting = asyncio.create_task(place.rest(1000))
    await asyncio.wait({resting}, timeout=1)
    assert not resting.done()
    resting.cancel()
