"""Trouble of our own is told once, whoever meets it and however often."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from trainboard.events import Noticed
from trainboard.tasks import Troubles

if TYPE_CHECKING:
    from trainboard.events import Event


@pytest.fixture
def told() -> list[Event]:
    return []


def test_a_trouble_that_several_meet_is_told_once(told: list[Event]) -> None:
    troubles = Troubles(told.append)
    for what in ("store", "findings", "notices", "store"):
        troubles.meet(what, "state.json: damaged")
    assert told == [Noticed("error", "state.json: damaged")]


def test_what_is_over_for_one_is_no_news_while_another_still_meets_it(told: list[Event]) -> None:
    troubles = Troubles(told.append)
    troubles.meet("store", "state.json: damaged")
    troubles.meet("notices", "state.json: damaged")
    troubles.over("store")
    troubles.meet("store", "state.json: damaged")
    assert len(told) == 1


def test_it_is_news_again_once_it_was_over_for_all(told: list[Event]) -> None:
    troubles = Troubles(told.append)
    troubles.meet("store", "state.json: damaged")
    troubles.over("store")
    troubles.meet("store", "state.json: damaged")
    troubles.meet("store", "no space")
    assert len(told) == 3
