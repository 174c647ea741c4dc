"""A cluster, why a job waits, and jobs that are over, on the screen."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from backends.base import JobState
from backends.cluster import Trouble, Variant, Variants
from tests.trainboard.clusterfakes import AT, a_look, a_node, ended
from tests.tui.fakes import NOW, board, row
from trainboard.actions import Refused
from trainboard.events import HostSeen, Link
from trainboard.history import HistorySeen
from trainboard.pasts import of_accounting
from tui.screens.cluster import ClusterScreen
from tui.screens.history import HistoryScreen
from tui.screens.why import WhyScreen

if TYPE_CHECKING:
    from tests.tui.fakes import Theatre


async def cluster(stage: Theatre) -> ClusterScreen:
    """The screen of the cluster."""
    screen = ClusterScreen(stage.actions, "triton", lambda: NOW)
    stage.actions.questions.seen = replace(stage.actions.questions.seen, at=NOW - 20)
    await stage.app.push_screen(screen)
    await stage.until("PARTITION")
    return screen


def line_of(stage: Theatre, text: str) -> str:
    return next(line for line in stage.lines if text in line)


@pytest.mark.parametrize("size", [(80, 24), (160, 50)])
async def test_partitions_nodes_and_shares_are_on_one_screen(size: tuple[int, int]) -> None:
    async with board(row(1), size=size) as stage:
        await cluster(stage)
        assert "triton  2 partitions, 4 nodes, 20s old" in stage.lines[0]
        assert "a100 5/12" in line_of(stage, "gpu*")
        assert "idle+drain" in line_of(stage, "g3 ")
        if size[0] > 100:
            assert "empty; takes no new jobs: fan (ops" in line_of(stage, "g3 ")
            assert "96 GPUs wanted" in line_of(stage, "gpu*")
            assert "40 waiting for 96 GPUs" in stage.screen
        assert "go late" in stage.screen or size[0] < 100


async def test_the_palette_opens_the_cluster() -> None:
    async with board(row(1)) as stage:
        await stage.send(HostSeen("triton", "slurm", Link.UP), HostSeen("gpu1", "ssh", Link.UP))
        await stage.press(*":")
        await stage.press(*"cluster")
        await stage.until("Cluster: partitions and nodes of triton")
        await stage.press("enter")
        await stage.until("PARTITION")
        assert len(stage.app.screen_stack) == 2
        await stage.press("escape")
        assert stage.app.screen is stage.app.board


async def test_the_cluster_opens_from_the_hosts() -> None:
    async with board(row(1), size=(120, 30)) as stage:
        await stage.send(HostSeen("triton", "slurm", Link.UP))
        await stage.press("H")
        await stage.until("triton")
        await stage.press("enter")
        await stage.until("PARTITION")
        assert stage.actions.questions.asked == [("look", "triton")]


async def test_nodes_are_filtered_and_sorted_and_the_cursor_stays() -> None:
    async with board(row(1), size=(160, 40)) as stage:
        screen = await cluster(stage)
        await stage.press("slash", *"drain", "enter")
        assert "g2 " not in stage.screen
        assert "g3 " in stage.screen
        await stage.press("escape")
        await stage.until("g2 ")
        await stage.press("o")
        assert "out of use first" in stage.lines[0]
        names = [entry.cells[0] for entry in screen.list.entries if entry.key.startswith("node")]
        assert names[0] == "g3"
        await stage.press("G")
        at = screen.list.entry
        assert at is not None
        await stage.press("o")
        assert screen.list.entry is not None
        assert screen.list.entry.key == at.key
        names = [entry.cells[0] for entry in screen.list.entries if entry.key.startswith("node")]
        assert names == ["g2", "g1", "g3", "c1"]


async def test_a_look_that_fails_keeps_the_last_picture_with_its_age() -> None:
    async with board(row(1), size=(160, 40)) as stage:
        screen = await cluster(stage)
        stage.actions.questions.refusal = Refused("triton: no answer\x1b[2J")
        screen.ask()
        await stage.until("no answer")
        assert "g3 " in stage.screen
        assert "20s old" in stage.lines[0]


async def test_a_cluster_that_never_answered_says_why() -> None:
    async with board(row(1), size=(120, 30)) as stage:
        stage.actions.questions.refusal = Refused("triton: no answer")
        await stage.app.push_screen(ClusterScreen(stage.actions, "triton", lambda: NOW))
        await stage.until("no answer")


async def test_what_is_hidden_is_no_zero_on_the_screen() -> None:
    async with board(row(1), size=(160, 40)) as stage:
        hidden = a_look(private=True, troubles=(Trouble("shares", "no answer"),), shares=())
        stage.actions.questions.seen = hidden
        await cluster(stage)
        assert "hidden" in line_of(stage, "gpu*")
        assert "hides the jobs of others" in stage.screen
        assert "not known: shares: no answer" in stage.screen


async def test_thousands_of_nodes_are_drawn_where_they_are_seen() -> None:
    async with board(row(1), size=(160, 40)) as stage:
        stage.actions.questions.seen = a_look(nodes=tuple(a_node(f"n{number:05}") for number in range(5000)))
        screen = await cluster(stage)
        await stage.press("G")
        assert "n04999" in stage.screen
        assert len(screen.list.entries) > 5000


async def why(stage: Theatre) -> WhyScreen:
    """Why the row under the cursor waits."""
    for each in stage.app.board.table.listing.rows.values():
        stage.actions.questions.rows[each.key] = each
    await stage.press("W")
    await stage.until("why ")
    assert isinstance(stage.app.screen, WhyScreen)
    return stage.app.screen


@pytest.mark.parametrize("size", [(80, 24), (160, 50)])
async def test_why_a_job_waits_is_told_in_words(size: tuple[int, int]) -> None:
    async with board(row(1, state=JobState.PENDING), size=size) as stage:
        await why(stage)
        await stage.until("Jobs with a higher priority go first.")
        assert "4 jobs of 2 users before it" in stage.screen
        assert "fair share 150, age 50" in stage.screen
        assert "this never comes about" in stage.screen
        assert not any(asked[0] == "smaller" for asked in stage.actions.questions.asked)


async def test_smaller_ones_are_asked_for_on_request_only() -> None:
    async with board(row(1, state=JobState.PENDING), size=(120, 40)) as stage:
        stage.actions.questions.variants = Variants(
            AT, Variant("", (), AT + 7200), (Variant("1 GPU instead of 2", ("--gres=gpu:1",), AT),)
        )
        await why(stage)
        await stage.until("fair share")
        stage.actions.questions.answering.clear()
        await stage.press("a")
        await stage.until("asking the scheduler")
        stage.actions.questions.answering.set()
        await stage.until("✓ 1 GPU instead of 2: would start now")
        await stage.press("escape")
        assert stage.app.screen is stage.app.board


async def test_a_job_that_runs_has_no_reason_to_wait() -> None:
    async with board(row(1, state=JobState.RUNNING)) as stage:
        await stage.press("W")
        await stage.until("does not wait: it is RUNNING")
        assert stage.actions.questions.asked == []


async def test_from_the_reason_to_the_nodes() -> None:
    async with board(row(1, state=JobState.PENDING, backend="triton"), size=(120, 40)) as stage:
        await why(stage)
        await stage.press("n")
        await stage.until("PARTITION")
        await stage.press("escape")
        assert isinstance(stage.app.screen, WhyScreen)


async def history(stage: Theatre, **fields: object) -> HistoryScreen:
    """The jobs that are over: one alone, and an array of three."""
    jobs = [of_accounting("triton", ended(str(n), NOON - n * 3600)) for n in (1, 2)]
    jobs += [
        of_accounting("triton", ended(f"7_{n}", NOW - 9000, name="ar|ray", state=state, exit_code=code))
        for n, (state, code) in enumerate([(JobState.COMPLETED, 0), (JobState.FAILED, 1), (JobState.COMPLETED, 0)])
    ]
    seen = HistorySeen(tuple(jobs), NOW - 7 * 86400, NOW)
    stage.actions.questions.past = replace(seen, **fields)  # type: ignore[arg-type]  # fields by name
    await stage.press("A")
    await stage.until("ENDED")
    assert isinstance(stage.app.screen, HistoryScreen)
    return stage.app.screen


NOON = NOW - 60
LOWER = {"top": "G", "half_up": "G", "up": "j"}
"""What is done first, so that an action has somewhere to go to."""


async def cluster_of(stage: Theatre, where: str, action: str) -> None:
    """For tests of the keys: a cluster with more nodes than there is room for, the cursor on one of them."""
    nodes = tuple(a_node(f"n{at:02}", "IDLE+DRAIN" if at % 9 == 3 else "IDLE") for at in range(60))
    stage.actions.questions.seen = a_look(nodes=nodes)
    await cluster(stage)
    await stage.until("n00")
    if where == "cluster":
        await stage.press(*("slash", "n", "enter") if action == "back" else ("j", "j", "j", "j"))
    else:
        await stage.press(*filter(None, (LOWER.get(action),)))


async def history_of(stage: Theatre, action: str) -> None:
    """For tests of the keys."""
    await history(stage)
    await stage.until("5 jobs")
    await stage.press(*("slash", "a", "enter") if action == "back" else ("j",))


async def why_of(stage: Theatre, where: str, action: str) -> None:
    """For tests of the keys: a reason with more lines than there is room for."""
    smaller = tuple(Variant(f"{many} GPUs", (f"--gres=gpu:{many}",), AT) for many in range(60))
    stage.actions.questions.variants = Variants(AT, Variant("", (), AT + 7200), smaller)
    await stage.rows(row(1, state=JobState.PENDING, backend="triton"))
    await why(stage)
    await stage.until("fair share")
    if where == "told":
        await stage.press("a")
        await stage.until("✓ 0 GPUs")
        await stage.press(*filter(None, (LOWER.get(action),)))


@pytest.mark.parametrize("size", [(80, 24), (160, 50)])
async def test_jobs_that_are_over_are_listed_with_their_sum(size: tuple[int, int]) -> None:
    async with board(row(1), size=size) as stage:
        await history(stage)
        assert "over in the last 7 days" in stage.lines[0]
        assert "5 jobs" in stage.lines[0]
        if size[0] > 100:
            assert "2 COMPLETED 1 FAILED" in line_of(stage, "ar|ray")
            assert "7_[0-2]" in line_of(stage, "ar|ray")
            assert "10.0 GPU-hours" in stage.lines[0]


async def test_arrays_unfold_and_words_filter() -> None:
    async with board(row(1), size=(160, 40)) as stage:
        await history(stage)
        await stage.press("Z")
        await stage.until("7_1 ")
        await stage.press("slash", *"failed", "enter")
        assert "1 job (1 FAILED)" in stage.lines[0]
        assert "7_0 " not in stage.screen
        await stage.press("escape")
        await stage.until("7_0 ")


async def test_it_goes_further_back_on_request() -> None:
    async with board(row(1), size=(160, 40)) as stage:
        await history(stage)
        await stage.press("plus")
        await stage.until("over in the last 30 days")
        spans = [round((NOW - asked[1]) / 86400) for asked in stage.actions.questions.asked]  # type: ignore[operator]  # numbers
        assert spans == [7, 30]


async def test_thousands_of_jobs_are_arranged_aside() -> None:
    async with board(row(1), size=(160, 40)) as stage:
        many = tuple(of_accounting("triton", ended(str(number), NOW - number)) for number in range(5000))
        await history(stage, jobs=many)
        await stage.until("5,000 jobs")
        await stage.press("slash", *"4999", "enter")
        await stage.until("1 job (1 COMPLETED)")


async def test_a_window_that_is_not_known_is_said() -> None:
    async with board(row(1), size=(160, 40)) as stage:
        await history(stage, troubles=(Trouble("triton", "no answer; what is shown of it is not all"),))
        assert "▲ triton: no answer; what is shown of it is not all" in stage.lines[0]


async def test_a_run_of_ours_opens_from_the_history() -> None:
    async with board(row(1), size=(160, 40)) as stage:
        screen = await history(stage)
        jobs = (replace(of_accounting("here", ended("1", NOW - 60)), run="r1"), *stage.actions.questions.past.jobs)
        stage.actions.questions.past = replace(stage.actions.questions.past, jobs=jobs)
        await stage.press("r")
        await stage.when(lambda: screen.seen is not None and len(screen.seen.jobs) == 6)
        await stage.press("g", "enter")
        await stage.until("[info]")
