"""Hold, release, requeue, priority and order from the keyboard; what waits here, and who polls."""

from __future__ import annotations

import pytest

from backends.base import JobState
from tests.tui.fakes import NOW, Actions, board, row
from trainboard.actions import Refused
from trainboard.events import EngineSeen, HostSeen, Link, Sampled
from trainboard.lease import Holder
from trainboard.rows import Row
from trainboard.series import Sample
from tui import show
from tui.keys import CHANGING, KEYS
from tui.screens.confirm import Confirm

WAITS = JobState.PENDING


async def test_h_holds_what_waits_and_leaves_what_runs() -> None:
    async with board(row(1), row(2, WAITS), row(3, WAITS)) as stage:
        await stage.press("M", "h")
        await stage.actions.told("hold", ("r2", "r3"))
        await stage.until("asked to hold 2 jobs")
        assert len(stage.app.board.table.marks) == 3, "the marks stay for what comes next"


async def test_h_releases_where_all_that_wait_are_held() -> None:
    held = row(2, JobState.HELD), row(3, WAITS, held=True)
    async with board(row(1), *held) as stage:
        await stage.press("M", "h")
        await stage.actions.told("release", ("r3", "r2"))
        await stage.rows(row(1), *held, row(4, WAITS))
        await stage.press("escape", "M", "h")
        await stage.actions.told("hold", ("r3", "r4", "r2"))


async def test_the_same_answer_to_a_key_that_is_pressed_again_covers_the_screen_once() -> None:
    async with board(size=(80, 24)) as stage:
        await stage.press("c", "c", "c")
        assert sum("no job chosen" in line for line in stage.lines) == 1


async def test_requeue_asks_names_the_jobs_and_says_that_living_ones_are_ended() -> None:
    async with board(row(1), row(2, JobState.FAILED), row(3, WAITS)) as stage:
        await stage.press("M", "R")
        assert "Requeue 3 jobs?" in stage.screen
        assert "· exp-1/lr=0.2-seed=2" in stage.screen
        assert "2 of them are alive: they are ended first." in stage.screen
        await stage.press("y")
        await stage.actions.told("requeue", ("r1", "r3", "r2"))
        await stage.until("asked to requeue 3 jobs")
        assert not stage.app.board.table.marks


async def test_requeue_of_one_that_has_ended_warns_of_nothing() -> None:
    async with board(row(2, JobState.FAILED)) as stage:
        await stage.press("R")
        assert "Requeue this job?" in stage.screen
        assert "alive" not in "".join(stage.lines[5:20])
        await stage.press("n")
        assert not isinstance(stage.app.screen, Confirm)
        assert not [call for call in stage.actions.calls if call[0] == "requeue"]


async def test_a_job_that_we_did_not_start_is_not_requeued() -> None:
    async with board(Row("triton:7", "triton", "7", "by-hand", JobState.RUNNING)) as stage:
        await stage.press("R")
        await stage.until("trainboard did not start it")
        assert not isinstance(stage.app.screen, Confirm)


@pytest.mark.parametrize(("key", "by"), [("plus", 1), ("minus", -1)])
async def test_plus_and_minus_change_the_priority_by_one(key: str, by: int) -> None:
    async with board(row(2, WAITS)) as stage:
        await stage.press(key)
        await stage.actions.told("prioritise", ("r2",), by)


async def test_t_puts_them_to_the_top_in_the_order_of_the_queue() -> None:
    rows = row(4, WAITS, priority=1), row(2, WAITS, place=5.0), row(3, WAITS), row(1)
    async with board(*rows) as stage:
        assert [at[-1] for at in stage.app.board.table.listing.order] == ["r1", "r4", "r3", "r2"]
        await stage.press("M", "t")
        await stage.actions.told("to_top", ("r4", "r3", "r2"))


async def test_a_run_that_waits_for_its_retry_counts_down() -> None:
    moment = [NOW]
    waits = row(2, WAITS, unsent=True, reason="retry after TIMEOUT", not_before=NOW + 28)
    async with board(row(1), waits, clock=lambda: moment[0]) as stage:
        await stage.until("retry after TIMEOUT, in 28s")
        moment[0] += 8
        await stage.until("retry after TIMEOUT, in 20s")


@pytest.mark.parametrize("key", ["h", "plus", "minus", "t"])
async def test_nothing_is_asked_for_what_runs_already(key: str) -> None:
    async with board(row(1)) as stage:
        await stage.press(key)
        await stage.until("does not wait")
        assert not {"hold", "prioritise", "to_top"} & {call[0] for call in stage.actions.calls}


@pytest.mark.parametrize(("keys", "order"), [("h", "hold"), ("+", "prioritise"), ("t", "to_top"), ("Ry", "requeue")])
async def test_what_was_refused_is_said_and_the_marks_stay(keys: str, order: str) -> None:
    actions = Actions()
    actions.refusal = Refused("gpu1: no route to host [red]; r2: gone")
    async with board(row(2, WAITS), actions=actions) as stage:
        await stage.press("space", *("plus" if key == "+" else key for key in keys))
        await stage.when(lambda: order in {call[0] for call in actions.calls})
        await stage.until("no route to host [red]")
        assert stage.app.board.table.marks == {"r2"}


@pytest.mark.parametrize("key", [key.key for key in KEYS if key.action in CHANGING])
async def test_readonly_changes_nothing(key: str) -> None:
    async with board(row(1, WAITS), row(2, JobState.FAILED), readonly=True) as stage:
        before = [call for call in stage.actions.calls if call[0] != "show"]
        await stage.press(key)
        assert not isinstance(stage.app.screen, Confirm)
        assert [call for call in stage.actions.calls if call[0] not in ("show", "look")] == before
        assert all(word not in stage.lines[-1] for word in ("cancel", "hold", "requeue"))


async def test_the_palette_has_what_the_keys_of_the_table_do() -> None:
    async with board(row(2, WAITS), row(3, WAITS)) as stage:
        await stage.press("colon", *"fold all")
        await stage.until("Fold all of them, or unfold all  (Z)")
        await stage.press("down", "enter")
        await stage.until("▸ exp-1")


@pytest.mark.parametrize("size", [(80, 24), (200, 50)])
async def test_what_waits_here_has_an_arrow_to_its_backend_or_a_dash(size: tuple[int, int]) -> None:
    waiting = [
        row(1, WAITS, backend="triton", job_id="", unsent=True, reason="after preprocess-1"),
        row(2, WAITS, backend="", job_id="", unsent=True, reason="no room"),
        row(3, JobState.SUBMITTING, backend="triton", job_id=""),
        row(4, WAITS, backend="triton", job_id="77"),
        row(5, JobState.HELD, backend="", job_id="", unsent=True, held=True, reason="held"),
    ]
    async with board(*waiting, size=size) as stage:
        lines = {number: next(x for x in stage.lines if f"seed={number}" in x) for number in range(1, 6)}
        assert "→triton" in lines[1]
        assert "after preprocess-1" in lines[1]
        assert " – " in lines[2]
        assert "no room" in lines[2]
        assert "→triton" in lines[3]
        assert "SUBMITTING" in lines[3]
        assert " triton" in lines[4]
        assert "‖ HELD" in lines[5]


WHY = "2 runs ahead; GPU 0: char-rnn-1 of anna; GPU 1: python of bob (pid 4711, 21 GiB)"


async def test_why_a_run_waits_takes_the_place_of_the_numbers_that_it_has_not() -> None:
    async with board(row(1, WAITS, reason=WHY), size=(160, 45)) as stage:
        assert "2 runs ahead; GPU 0: char-rnn-1 of anna" in stage.screen
        await stage.press("i")
        assert all(part in stage.screen for part in WHY.split("; "))


async def test_why_a_run_waits_to_be_tried_again_is_shown_and_not_its_old_curve() -> None:
    async with board(row(1, WAITS, reason="retry after FAILED"), row(2), size=(80, 24)) as stage:
        await stage.send(*(Sampled(key, (Sample("val_loss", 0.25, 1, "epoch"),)) for key in ("r1", "r2")))
        lines = {number: next(x for x in stage.lines if f"seed={number}" in x) for number in (1, 2)}
        assert "retry after FAILED" in lines[1]
        assert "0.25" in lines[2]


async def test_why_a_run_failed_leaves_the_time_that_it_ran() -> None:
    why = "exit code 1: " + "no such file " * 4
    async with board(row(1, JobState.FAILED, reason=why), size=(160, 45)) as stage:
        line = next(line for line in stage.lines if "seed=1" in line)
        assert " 50s " in line
        assert why[:40] in line


async def test_the_priority_of_what_waits_stands_before_its_reason() -> None:
    async with board(row(1, WAITS, priority=2, reason="Resources"), row(2, priority=2), size=(80, 24)) as stage:
        assert "+2 · Resources" in stage.screen
        assert stage.screen.count("+2") == 1


async def test_the_footer_offers_the_orders_that_mean_something_for_the_line() -> None:
    rows = [row(1), row(2, WAITS), row(3, JobState.HELD, held=True), row(4, JobState.FAILED), foreign_ended()]
    async with board(*rows, size=(80, 24)) as stage:
        found = {}
        for key in ("r1", "r2", "r3", "r4", "triton:9"):
            stage.app.board.table.seek(key)
            await stage.pilot.pause()
            found[key] = [
                word for word in ("c cancel", "h hold", "h release", "R requeue") if word in stage.lines[-1]
            ]
        assert found == {
            "r1": ["c cancel", "R requeue"],
            "r2": ["c cancel", "h hold"],
            "r3": ["c cancel", "h release"],
            "r4": ["R requeue"],
            "triton:9": [],
        }


def foreign_ended() -> Row:
    """A job that somebody else started, and that is over."""
    return Row("triton:9", "triton", "9", "theirs", JobState.COMPLETED, started=NOW - 20, ended=NOW - 10)


async def test_the_question_says_of_what_waits_here_that_it_is_not_sent() -> None:
    async with board(row(1, WAITS, backend="", job_id="", unsent=True)) as stage:
        await stage.press("c")
        assert "seed=1  (not sent)" in stage.screen


async def test_why_a_run_waits_has_a_line_for_every_gpu_and_wraps() -> None:
    gpus = "; ".join(
        f"GPU {i}: char-rnn-{i} of anna, which goes on and on with a name that is long" for i in range(8)
    )
    reason = f"2 runs ahead; {gpus}"
    assert len(reason) > 400
    async with board(row(1, WAITS, reason=reason), size=(60, 50)) as stage:
        await stage.press("i", "i", "enter")
        for i in range(8):
            assert f"·  GPU {i}: char-rnn-{i} of anna" in stage.screen
        assert stage.screen.count("long") == 8


async def test_info_says_attempt_cause_priority_batch_and_who_holds() -> None:
    told = row(
        1,
        WAITS,
        attempt=3,
        cause="retry after OUT_OF_MEMORY",
        priority=-1,
        held=True,
        array="4711",
        batch="b1",
        task=4,
        unsent=True,
        backend="gpu1",
    )
    async with board(told, size=(120, 60)) as stage:
        await stage.send(HostSeen("gpu1", "ssh", Link.UP, seen=NOW, trouble="disk full"))
        await stage.press("i", "i", "enter")
        for part in (
            "3, retry after OUT_OF_MEMORY",
            "priority  -1",
            "held  by you (h releases)",
            "array  4711",
            "batch  b1, task 4",
            "not sent to a backend yet",
            "→gpu1 (ssh, up)",
            "disk full",
        ):
            assert part in stage.screen, part


async def test_a_host_that_is_up_but_is_sent_nothing_says_why() -> None:
    async with board(row(1), size=(80, 24)) as stage:
        await stage.send(HostSeen("gpu1", "ssh", Link.UP, seen=NOW, running=2, trouble="disk full on /work"))
        assert "● up" in stage.lines[1]
        assert "R2 PD0" in stage.lines[1]
        assert "disk full on /work" in stage.lines[1]


async def test_it_is_said_which_other_process_polls() -> None:
    async with board(row(1), size=(80, 24)) as stage:
        holder = Holder(123, "elsewhere", "watch", NOW - 3600, NOW)
        await stage.send(EngineSeen(holder, ours=False))
        assert "polled by watch, process 123 on elsewhere" in stage.lines[0]
        await stage.send(EngineSeen(holder, ours=True))
        assert "polled" not in stage.lines[0]
        await stage.send(EngineSeen(None, ours=False))
        assert "polled" not in stage.lines[0]


@pytest.mark.parametrize("text", ["", "a", "one two three four five", "x" * 50, "🚀" * 30, "漢字" * 20 + " tail"])
@pytest.mark.parametrize("width", [2, 7, 40])
def test_wrapped_text_fits_and_loses_nothing_but_spaces(text: str, width: int) -> None:
    from rich.cells import cell_len

    lines = show.wrapped(text, width)
    assert all(cell_len(line) <= width for line in lines)
    assert "".join("".join(lines).split()) == "".join(text.split())
