"""When a backend answered last."""

from __future__ import annotations

import stat
from typing import TYPE_CHECKING

from tests.trainboard.fakes import FakeBackend
from trainboard import polls
from trainboard.query import query
from trainboard.store import Store

if TYPE_CHECKING:
    from pathlib import Path


async def test_a_query_leaves_when_it_was_answered(tmp_path: Path) -> None:
    assert polls.newest(tmp_path, "fake") is None
    for now in (1000.0, 2000.0):
        await query(FakeBackend(), Store(tmp_path), {}, clock=lambda now=now: now)  # type: ignore[misc]  # a default
        assert polls.newest(tmp_path, "fake") == now
    assert stat.S_IMODE((tmp_path / "polled" / "fake").stat().st_mode) == 0o600


def test_a_note_that_cannot_be_written_hurts_nobody(tmp_path: Path) -> None:
    (tmp_path / "polled").write_text("in the way")
    polls.note(tmp_path, "fake", 1000.0)
    assert polls.newest(tmp_path, "fake") is None
