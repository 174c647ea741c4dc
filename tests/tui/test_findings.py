"""Findings on the screen: marks in the table and on curves, what is told of them, the inbox over all runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from backends.base import JobState
from tests.tui.fakes import NOW, Actions, board, row
from tests.tui.test_run import told, trained
from trainboard.actions import Refused
from trainboard.events import FindingsSeen, LogGrew, Sampled
from trainboard.findings import worst
from trainboard.records import Diagnosed, Mute
from tui.inbox import Inbox
from tui.screens.findings import FindingsScreen
from tui.screens.run import RunScreen

if TYPE_CHECKING:
    from tests.tui.fakes import Theatre


def found(number: int = 1, rule: str = "divergence", **fields: object) -> Diagnosed:
    """A finding of row `number`."""
    usual: dict[str, Any] = {
        "severity": "error",
        "cause": "learning rate too high",
        "message": "train_loss rose from 0.31 to 4.2 since step 120",
        "advice": "lower the learning rate ten times",
        "first": NOW - 90,
        "changed": NOW - 90,
        "evidence": {"best": 0.31, "now": 4.2, "gradient": "inf"},
        "step": 120.0,
        "index": "step",
        "metric": "train_loss",
        "name": f"exp-1/lr=0.{number}-seed={number}",
        "spec": "exp",
    }
    usual |= fields
    return Diagnosed(f"r{number}#1:{rule}", f"r{number}", 1, rule, **usual)


async def inbox(stage: Theatre, *findings: Diagnosed, mutes: tuple[Mute, ...] = ()) -> FindingsScreen:
    """The inbox with these."""
    await stage.send(FindingsSeen(findings, mutes))
    await stage.press("F")
    assert isinstance(stage.app.screen, FindingsScreen)
    return stage.app.screen


def line_of(stage: Theatre, text: str) -> str:
    return next(line for line in stage.lines if text in line)


async def test_the_worst_finding_marks_its_row_and_the_head_counts_what_is_unread() -> None:
    async with board(row(1), row(2), row(3)) as stage:
        assert "▲" not in stage.screen
        await stage.send(FindingsSeen((found(1), found(2, severity="warning"), found(3, severity="info"))))
        assert "▲" in line_of(stage, "lr=0.1-seed=1")
        assert "△" in line_of(stage, "lr=0.2-seed=2")
        assert "·" in line_of(stage, "lr=0.3-seed=3")
        assert "3 unread findings (F)" in stage.lines[0]
        await stage.send(FindingsSeen((found(1, over=True), found(2, read=NOW, severity="warning"))))
        assert "▲" not in line_of(stage, "lr=0.1-seed=1")
        assert "unread" not in stage.lines[0]


async def test_a_folded_experiment_has_the_mark_of_its_worst_run() -> None:
    async with board(row(1), row(2)) as stage:
        await stage.send(FindingsSeen((found(2),)))
        await stage.press("z")
        assert "▲" in line_of(stage, "▸ exp-1")


async def test_a_muted_finding_marks_nothing() -> None:
    async with board(row(1)) as stage:
        for mute in (
            Mute("a", "divergence", "all", "", NOW),
            Mute("b", "*", "run", "r1", NOW),
            Mute("c", "divergence", "spec", "exp", NOW),
        ):
            await stage.send(FindingsSeen((found(1),), (mute,)))
            assert "▲" not in stage.screen
        for other in (
            Mute("d", "plateau", "all", "", NOW),
            Mute("e", "divergence", "run", "r2", NOW),
            Mute("f", "divergence", "all", "", NOW, on=False),
        ):
            await stage.send(FindingsSeen((found(1),), (other,)))
            assert "▲" in stage.screen


async def test_the_pane_of_the_board_tells_all_of_it() -> None:
    async with board(row(1)) as stage:
        follows = found(1, "dead_units", severity="warning", root="r1#1:divergence", message="9 of 10 units are dead")
        await stage.send(FindingsSeen((follows, found(1, lines=("loss=4.2",)))))
        await stage.press("d")
        assert "error: learning rate too high" in stage.screen
        assert "at step 120" in stage.screen
        assert "→ lower the learning rate ten times" in stage.screen
        assert "gradient: inf" in stage.screen
        assert "│ loss=4.2" in stage.screen
        lines = stage.screen
        assert lines.index("divergence") < lines.index("dead_units, follows from divergence"[:10])
        assert "follows from divergence" in lines


async def test_the_inbox_lists_all_runs_the_newest_first_and_tells_of_the_one_under_the_cursor() -> None:
    async with board(row(1), row(2)) as stage:
        screen = await inbox(stage, found(1), found(2, "plateau", severity="warning", cause="plateau", first=NOW - 5))
        assert [entry.finding.key for entry in screen.list.entries] == ["r2", "r1"]
        assert "2 findings, 2 unread" in stage.screen
        assert "warning: plateau" in stage.screen
        await stage.press("j")
        assert "error: learning rate too high" in stage.screen


async def test_the_cursor_stays_on_its_finding_when_others_come() -> None:
    async with board(row(1), row(2)) as stage:
        screen = await inbox(stage, found(1))
        await stage.send(FindingsSeen((found(1), found(2))))
        assert screen.list.entry is not None
        assert screen.list.entry.finding.key == "r1"


async def test_enter_opens_the_curve_that_shows_it_with_the_cursor_there_and_it_is_read() -> None:
    actions = told(trained())
    async with board(row(1), actions=actions) as stage:
        await inbox(stage, found(1))
        await stage.press("enter")
        run = stage.app.screen
        assert isinstance(run, RunScreen)
        await stage.when(lambda: run.plot.view.cursor is not None)
        assert run.plot.at == "train_loss"
        assert run.plot.view.cursor == 120.0
        await actions.told("read_findings", "r1#1:divergence")
        await stage.when(lambda: any("▲" in line for line in stage.lines[3:]))


async def test_an_opened_run_marks_a_finding_that_comes_and_lists_it_in_its_tab() -> None:
    actions = told(trained())
    async with board(row(1), actions=actions) as stage:
        await stage.press("enter", "7")
        assert "nothing was found wrong" in stage.screen
        await stage.send(FindingsSeen((found(1), found(2))))
        await stage.until("learning rate too high")
        await stage.press("1")
        await stage.when(lambda: any("▲" in line for line in stage.lines[3:]))


async def test_a_finding_without_a_curve_opens_the_run_all_the_same() -> None:
    actions = told(trained())
    async with board(row(1), actions=actions) as stage:
        await inbox(stage, found(1, "cuda_oom", metric="", step=None, index=""))
        await stage.press("enter")
        assert isinstance(stage.app.screen, RunScreen)
        await stage.until("by epoch")


async def test_l_opens_the_log_at_the_line_that_proves_it() -> None:
    log = b"".join(b"step=%d loss=%.2f\n" % (step, 1 / (step + 1)) for step in range(3000))
    at = log.index(b"step=1500 ")
    actions = told(trained())
    actions.logs["r1"] = log
    async with board(row(1), actions=actions, size=(100, 30)) as stage:
        await inbox(stage, found(1, lines=("step=1500 loss=0.00",), offset=at))
        await stage.press("l")
        assert isinstance(stage.app.screen, RunScreen)
        tail = log[-4096:]
        await stage.send(LogGrew("r1", len(log) - len(tail), tail, restarted=True, size=len(log)))
        await stage.until("step=1500 ")


async def test_space_reads_one_and_goes_on_and_a_capital_a_reads_all() -> None:
    actions = Actions()
    async with board(row(1), row(2), actions=actions) as stage:
        screen = await inbox(stage, found(1), found(2, first=NOW - 5))
        await stage.press("space")
        await actions.told("read_findings", "r2#1:divergence")
        assert screen.list.cursor == 1
        await stage.press("A")
        await actions.told("read_findings", "r2#1:divergence", "r1#1:divergence")


async def test_m_asks_where_to_mute_and_takes_a_mute_back() -> None:
    actions = Actions()
    async with board(row(1), actions=actions) as stage:
        await inbox(stage, found(1))
        await stage.press("m")
        assert "Mute divergence?" in stage.screen
        assert "all runs of the spec exp" in stage.screen
        await stage.press("s")
        await actions.told("mute", "divergence", "r1", "spec", True)
        await stage.send(FindingsSeen((found(1),), (Mute("x", "divergence", "spec", "exp", NOW),)))
        assert "0 findings, 0 unread, 1 muted or over (a)" in stage.screen
        await stage.press("a", "m")
        await actions.told("mute", "divergence", "r1", "spec", False)


async def test_read_only_mutes_nothing() -> None:
    actions = Actions()
    async with board(row(1), actions=actions, readonly=True) as stage:
        await inbox(stage, found(1))
        await stage.press("m")
        assert isinstance(stage.app.screen, FindingsScreen)
        assert "m mute" not in stage.lines[-1]


async def test_esc_in_the_question_mutes_nothing() -> None:
    actions = Actions()
    async with board(row(1), actions=actions) as stage:
        await inbox(stage, found(1))
        await stage.press("m", "escape")
        assert isinstance(stage.app.screen, FindingsScreen)
        assert not [call for call in actions.calls if call[0] == "mute"]


async def test_a_refusal_is_told() -> None:
    actions = Actions()
    actions.refusal = Refused("state.json: cannot be written")
    async with board(row(1), actions=actions) as stage:
        await inbox(stage, found(1))
        await stage.press("space")
        await stage.until("cannot be written")


async def test_what_is_over_is_listed_on_demand() -> None:
    async with board(row(1)) as stage:
        await inbox(stage, found(1, over=True))
        assert "nothing was found" in stage.screen
        await stage.press("a")
        assert "over: train_loss rose" in stage.screen


async def test_the_inbox_is_filtered_by_words() -> None:
    async with board(row(1), row(2)) as stage:
        screen = await inbox(stage, found(1), found(2, "plateau", cause="plateau", message="nothing moves"))
        await stage.press("slash", *"plateau", "enter")
        assert [entry.finding.rule for entry in screen.list.entries] == ["plateau"]
        await stage.press("escape")
        assert len(screen.list.entries) == 2
        await stage.press("escape")
        assert not isinstance(stage.app.screen, FindingsScreen)


async def test_text_of_a_log_never_reaches_the_terminal_raw() -> None:
    async with board(row(1), size=(80, 24)) as stage:
        nasty = "\x1b[31mred\x1b]0;title\x07 [bold]x[/]"
        await inbox(stage, found(1, message=nasty, cause=nasty, advice=nasty, name=nasty, lines=(nasty,)))
        assert "\x1b" not in stage.screen
        assert "\x07" not in stage.screen
        assert "[bold]x[/]" in stage.screen


async def test_a_job_that_is_gone_is_said_so() -> None:
    async with board(row(1)) as stage:
        await inbox(stage, found(9))
        await stage.press("enter")
        await stage.until("not in the table any more")


def test_the_worst_finding_is_the_root_cause_of_the_most_severe() -> None:
    follows = found(1, "a", root="r1#1:b", first=1.0)
    cause = found(1, "b", first=2.0)
    mild = found(1, "c", severity="warning", first=0.0)
    assert worst([mild, follows, cause]) is cause
    assert worst([found(1, over=True)]) is None


def test_only_the_newest_attempt_s_findings_stand_for_a_row() -> None:
    older = Diagnosed("r1#1:x", "r1", 1, "x", "error", "c", "m", "a", 1.0, 1.0)
    newer = Diagnosed("r1#2:y", "r1", 2, "y", "warning", "c", "m", "a", 2.0, 2.0)
    known = Inbox(FindingsSeen((older, newer)))
    assert known.worst("r1") is newer
    assert known.of("r1") == (newer,)


async def test_a_run_that_completed_keeps_its_mark() -> None:
    async with board(row(1, JobState.COMPLETED)) as stage:
        await stage.send(Sampled("r1", ()), FindingsSeen((found(1),)))
        assert "▲" in line_of(stage, "COMPLETED")
