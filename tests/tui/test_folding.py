"""Experiments and arrays as one line: what it says, what it stands for, and that folding moves nothing else."""

from __future__ import annotations

import dataclasses
import random
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backends.base import JobState
from tests.tui.fakes import NOW, Actions, board, row
from trainboard.events import Sampled
from trainboard.rows import Row
from trainboard.series import Sample
from tui import show
from tui.columns import fit
from tui.curves import Curves
from tui.groups import MANY, Group
from tui.listing import Listing
from tui.widgets.fold_cells import Fold, count_pieces, fold_fields, fold_pieces
from tui.widgets.job_cells import COLUMNS, WIDE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.tui.fakes import Theatre

MIXED = (JobState.RUNNING, JobState.PENDING, JobState.PENDING, JobState.FAILED)


def sweep(count: int, states: Sequence[JobState] = MIXED, name: str = "sweep-1", **fields: object) -> list[Row]:
    """The runs of one experiment, `s0` and so on."""
    return [
        row(
            i,
            states[i % len(states)],
            **{
                "key": f"{name[0]}{i}",
                "run": f"{name[0]}{i}",
                "experiment": name,
                "name": f"{name}/lr=0.{i}",
                "total": {"epochs": 10},
                **fields,
            },
        )
        for i in range(count)
    ]


def array(count: int, state: JobState = JobState.RUNNING) -> list[Row]:
    """An array that somebody submitted by hand."""
    return [
        Row(f"triton:7_{i}", "triton", f"7_{i}", "by-hand", state, array="7", started=NOW - i) for i in range(count)
    ]


def keys(stage: Theatre) -> list[str]:
    """The lines of the table."""
    return [at[-1] for at in stage.app.board.table.listing.order]


def line_with(stage: Theatre, text: str) -> str:
    """The line on the screen that says this."""
    return next(line for line in stage.lines if text in line)


async def test_more_than_eight_runs_start_as_one_line_and_eight_do_not() -> None:
    async with board(*sweep(MANY + 1), *sweep(MANY, name="other-1")) as stage:
        assert keys(stage).count("▸sweep-1") == 1
        assert not [key for key in keys(stage) if key.startswith("s")]
        assert sum(key.startswith("o") for key in keys(stage)) == MANY


@pytest.mark.parametrize("size", [(80, 24), (120, 30), (200, 50)])
async def test_a_folded_line_says_its_liveliest_state_and_how_many_are_in_which(size: tuple[int, int]) -> None:
    async with board(*sweep(12), size=size) as stage:
        line = line_with(stage, "▸ sweep-1")
        assert "● RUNNING" in line
        assert "3 R · 6 PD · 3 F" in line


async def test_an_array_of_others_is_folded_too() -> None:
    async with board(*array(20), size=(160, 30)) as stage:
        line = line_with(stage, "▸ by-hand")
        assert "20 R" in line
        assert " 7 " in line
        assert keys(stage) == ["▸triton:7"]


async def test_arrays_of_one_number_on_two_clusters_are_two() -> None:
    other = [dataclasses.replace(task, backend="csc", key=f"csc:{task.job_id}") for task in array(9)]
    async with board(*array(9), *other) as stage:
        assert sorted(keys(stage)) == ["▸csc:7", "▸triton:7"]


@pytest.mark.parametrize(("goal", "best", "run"), [("minimize", "0.5", "lr=0.4"), ("maximize", "3.5", "lr=0.8")])
@pytest.mark.parametrize("size", [(80, 24), (200, 50)])
async def test_the_best_objective_by_the_goal_and_its_run_are_named(
    goal: str, best: str, run: str, size: tuple[int, int]
) -> None:
    async with board(*sweep(12, goal=goal), size=size) as stage:
        for key, values in (("s4", (3.0, 0.5, 2.0, float("nan"))), ("s8", (2.0, 3.5, 1.0))):
            await stage.send(Sampled(key, tuple(Sample("val_loss", v, i, "epoch") for i, v in enumerate(values))))
        line = line_with(stage, "▸ sweep-1")
        assert f"best {best} {run}" in line or (best in line and f"best {run}" in line)


async def test_what_is_done_is_that_of_all_its_runs() -> None:
    """Three of twelve are completed, and three run, of which one is half way: (3 + 0.5) / 12."""
    states = (JobState.RUNNING, JobState.PENDING, JobState.COMPLETED, JobState.FAILED)
    async with board(*sweep(12, states), size=(80, 24)) as stage:
        await stage.send(Sampled("s0", (Sample("val_loss", 1.0, 5, "epoch"),)))
        assert " 29% " in line_with(stage, "▸ sweep-1")


async def test_runs_that_are_all_completed_are_done_whatever_their_shares_were_before() -> None:
    """Tenths, added and taken away again as floats, leave something behind."""
    async with board(*sweep(12, (JobState.RUNNING,)), size=(80, 24)) as stage:
        for step in (1, 3, 7, 9):
            await stage.send(*(Sampled(f"s{i}", (Sample("val_loss", 1.0, step, "epoch"),)) for i in range(12)))
        await stage.rows(*sweep(12, (JobState.COMPLETED,)))
        await stage.send(*(Sampled(f"s{i}", (Sample("val_loss", 1.0, 10, "epoch"),)) for i in range(12)))
        assert " 100% " in line_with(stage, "▸ sweep-1")


async def test_why_a_folded_sweep_waits_takes_the_place_of_the_numbers_that_it_has_not() -> None:
    why = "waits for preprocess-1: 4 of 6 runs left"
    async with board(*sweep(12, (JobState.PENDING,), reason=why), size=(160, 45)) as stage:
        assert why in line_with(stage, "▸ sweep-1")


async def test_what_is_left_is_what_takes_longest_and_more_where_others_wait() -> None:
    async with board(*sweep(12, (JobState.RUNNING,), started=NOW - 100), size=(200, 50)) as stage:
        await stage.send(
            Sampled("s0", (Sample("val_loss", 1.0, 5, "epoch"),)),
            Sampled("s1", (Sample("val_loss", 1.0, 2, "epoch"),)),
        )
        assert " 6m40 " in line_with(stage, "▸ sweep-1")
        await stage.rows(*sweep(11, (JobState.RUNNING,), started=NOW - 100), *sweep(12, (JobState.PENDING,))[11:])
        assert "≥6m40 " in line_with(stage, "▸ sweep-1")


async def test_samples_that_begin_anew_take_their_best_back() -> None:
    async with board(*sweep(12), size=(80, 24)) as stage:
        await stage.send(Sampled("s0", (Sample("val_loss", 0.1, 1, "epoch"),)))
        await stage.send(Sampled("s4", (Sample("val_loss", 0.2, 1, "epoch"),)))
        assert "best 0.1 lr=0.0" in line_with(stage, "▸ sweep-1")
        await stage.send(Sampled("s0", (), restarted=True))
        assert "best 0.2 lr=0.4" in line_with(stage, "▸ sweep-1")


async def test_z_unfolds_and_folds_and_the_cursor_stays() -> None:
    async with board(*sweep(12), row(50)) as stage:
        table = stage.app.board.table
        await stage.press("g")
        while table.cursor != "▸sweep-1":
            await stage.press("j")
        shown = table.row
        await stage.press("z")
        assert len(keys(stage)) == 13
        assert shown is not None
        assert table.cursor == shown.key
        await stage.press("j", "j")
        under = table.row
        await stage.press("z")
        assert table.cursor == "▸sweep-1"
        assert table.row is under, "log and metrics stay those of the row that the cursor was on"


async def test_folding_keeps_the_line_under_the_cursor_where_it_is() -> None:
    rows = [*sweep(30), *[row(i, experiment=f"e-{i}", started=NOW + i) for i in range(40)]]
    async with board(*rows, size=(80, 24)) as stage:
        table = stage.app.board.table
        table.move_to(keys(stage).index("▸sweep-1"))
        place = (table.listing.index(table.cursor) or 0) - table.top
        await stage.press("z")
        assert (table.listing.index(table.cursor) or 0) - table.top == place
        await stage.press("z")
        assert (table.listing.index(table.cursor) or 0) - table.top == place


async def test_what_the_user_unfolded_or_folded_stays_so() -> None:
    async with board(*sweep(12), *sweep(3, name="other-1")) as stage:
        table = stage.app.board.table
        table.seek("s0")
        await stage.press("z")
        table.seek("o0")
        await stage.press("z")
        for more in (13, 14):
            await stage.rows(*sweep(more), *sweep(3, name="other-1", reason=str(more)))
        assert sorted(keys(stage)) == sorted([*(f"s{i}" for i in range(14)), "▸other-1"])


async def test_an_array_that_shrinks_does_not_unfold_by_itself_until_one_is_left() -> None:
    async with board(*array(9)) as stage:
        await stage.rows(*array(3))
        assert keys(stage) == ["▸triton:7"]
        await stage.rows(*array(1))
        assert keys(stage) == ["triton:7_0"]
        assert stage.app.board.table.cursor == "triton:7_0"


async def test_shift_z_folds_all_and_then_unfolds_all() -> None:
    async with board(*sweep(12), *sweep(3, name="other-1"), *array(2), row(50)) as stage:
        await stage.press("Z")
        assert sorted(keys(stage)) == sorted(["▸sweep-1", "▸other-1", "▸triton:7", "r50"])
        await stage.press("Z")
        assert len(keys(stage)) == 18


async def test_a_run_of_its_own_is_never_folded() -> None:
    async with board(row(1), row(20)) as stage:
        await stage.press("z", "Z")
        assert sorted(keys(stage)) == ["r1", "r20"]


async def test_a_folded_line_is_shown_where_any_run_matches_and_counts_those() -> None:
    async with board(*sweep(12), row(50, JobState.COMPLETED)) as stage:
        await stage.press("slash", *"failed", "enter")
        assert keys(stage) == ["▸sweep-1"]
        line = line_with(stage, "▸ sweep-1")
        assert "3 F" in line
        assert "PD" not in line
        assert "3 of 13" in stage.screen
        await stage.press("slash", *["backspace"] * 6, *"zzz", "enter")
        assert keys(stage) == []


async def test_cancel_on_a_folded_line_is_for_all_of_it_and_names_them() -> None:
    async with board(*sweep(12)) as stage:
        await stage.press("c")
        assert "Cancel 9 jobs?" in stage.screen
        assert "· sweep-1/lr=0.0" in stage.screen
        await stage.press("y")
        await stage.actions.told("cancel", tuple(f"s{i}" for i in (0, 4, 8, 1, 2, 5, 6, 9, 10)))


async def test_cancel_on_a_filtered_folded_line_is_for_what_it_shows() -> None:
    async with board(*sweep(12)) as stage:
        await stage.press("slash", *"lr=0.1", "enter", "c")
        assert "Cancel 2 jobs?" in stage.screen
        await stage.press("y")
        await stage.actions.told("cancel", ("s1", "s10"))


async def test_a_mark_on_a_folded_line_marks_all_its_runs_and_says_where_it_is_only_some() -> None:
    async with board(*sweep(12), row(50)) as stage:
        table = stage.app.board.table
        table.seek("s0")
        await stage.press("space")
        assert table.marks == {f"s{i}" for i in range(12)}
        assert "◆" in line_with(stage, "▸ sweep-1")
        table.marks = table.marks - {"s3"}
        await stage.pilot.pause()
        assert "◇" in line_with(stage, "▸ sweep-1")
        table.seek("s0")
        await stage.press("space")
        table.seek("s0")
        await stage.press("space")
        assert not table.marks


async def test_shift_m_marks_the_whole_experiment_also_what_is_hidden() -> None:
    async with board(*sweep(6), row(50)) as stage:
        table = stage.app.board.table
        await stage.press("slash", *"lr=0.4", "enter", "M")
        assert table.marks == {f"s{i}" for i in range(6)}
        await stage.press("M")
        assert not table.marks


async def test_marks_on_rows_that_fold_stay_and_leave_with_the_rows() -> None:
    async with board(*sweep(12)) as stage:
        table = stage.app.board.table
        await stage.press("space")
        assert len(table.marks) == 12
        await stage.rows(*sweep(10))
        assert table.marks == {f"s{i}" for i in range(10)}


async def test_the_info_of_a_folded_line_counts_and_names_in_full() -> None:
    async with board(*sweep(12), size=(120, 60)) as stage:
        await stage.send(Sampled("s4", (Sample("val_loss", 0.5, 2, "epoch"),)))
        await stage.press("i")
        for part in (
            "12: 3 RUNNING, 6 PENDING, 3 FAILED",
            "0.5 val_loss (minimize) of 1 run",
            "lr=0.4 (s4)",
            "here 12",
        ):
            assert part in stage.screen, part


async def test_only_the_rows_on_the_screen_and_the_liveliest_of_a_fold_are_looked_at() -> None:
    actions = Actions()
    async with board(*sweep(300, (JobState.RUNNING,)), row(900), actions=actions) as stage:
        stage.app.board.table._tick()
        await stage.pilot.pause()
        [(_, looked)] = [call for call in actions.calls if call[0] == "look"][-1:]
        assert "r900" in looked
        assert len(looked) == 200


async def test_a_seek_for_a_run_that_is_folded_goes_to_its_line() -> None:
    async with board(row(50)) as stage:
        stage.app.board.table.seek("s3")
        await stage.rows(row(50), *sweep(12))
        assert stage.app.board.table.cursor == "▸sweep-1"


@pytest.mark.parametrize("name", ["[red]x[/]", "\x1b[31mred", "🚀" * 40, "", "a" * 300])
@pytest.mark.parametrize("size", [(40, 10), (80, 24), (200, 50)])
async def test_any_name_of_an_array_is_one_harmless_line(name: str, size: tuple[int, int]) -> None:
    tasks = [dataclasses.replace(task, name=name) for task in array(12)]
    async with board(*tasks, size=size) as stage:
        for line in stage.lines:
            assert line.isprintable(), line
            assert len(line) <= size[0]
        assert "▸" in stage.screen


@given(st.dictionaries(st.sampled_from(list(JobState)), st.integers(0, 30_000)), st.integers(0, 60))
def test_counts_fit_and_the_liveliest_come_first(states: dict[JobState, int], width: int) -> None:
    text = "".join(part for part, _ in count_pieces(states, width))
    assert len(text) <= width
    alive = [f"{states[s]}" for s in show.CODES if states.get(s)]
    assert not text or text == "…" or text.startswith(alive[0])


@given(st.lists(st.sampled_from(list(JobState)), min_size=2, max_size=30), st.integers(20, 250))
def test_a_folded_line_is_as_wide_as_the_others(states: list[JobState], width: int) -> None:
    listing = Listing(Curves().measure)
    listing.offer(tuple(sweep(len(states), states)))
    listing.settle(100)
    listing.fold(list(listing.groups), True)
    item = listing.at(0)
    assert isinstance(item, Group)
    fold = Fold(item, listing.rows[item.first], None, None, None, NOW)
    for columns in (COLUMNS, WIDE):
        fitted = fit(columns, width)
        text = "".join(part for part, _ in fold_pieces(fold, fitted, "  "))
        assert len(text) == sum(cells + 1 for _, cells in fitted)


@pytest.mark.parametrize("state", [JobState.PENDING, JobState.COMPLETED])
def test_runs_of_one_moment_are_in_the_order_of_their_numbers(state: JobState) -> None:
    runs = [
        dataclasses.replace(each, index=n, job_name=f"sweep-1/{n:03d}", submitted=NOW, started=NOW, ended=NOW)
        for n, each in enumerate(sweep(1001, states=[state]))
    ]
    listing = fresh(runs[::-1], "", {"▸sweep-1": False})
    assert [at[-1] for at in listing.order] == [f"s{n}" for n in range(1001)]


def fresh(rows: Sequence[Row], words: str, choices: dict[str, bool]) -> Listing:
    """A listing of these rows, folded like that."""
    listing = Listing(Curves().measure)
    listing.filter(words)
    listing.offer(tuple(rows))
    listing.settle(10_000)
    for key, folded in choices.items():
        if key in listing.groups:
            listing.fold([key], folded)
    return listing


@given(st.integers(0, 2**32))
def test_any_changes_end_in_the_listing_that_a_fresh_board_has(seed: int) -> None:
    """Rows come, go, change state, filters come and go, groups fold and unfold: in any order, in small steps."""
    chance = random.Random(seed)
    everything = [*sweep(20), *sweep(7, name="other-1"), *array(5), row(60), row(61)]
    listing = Listing(Curves().measure)
    rows: list[Row] = []
    words = ""
    for _ in range(12):
        match chance.randrange(4):
            case 0:
                rows = chance.sample(everything, chance.randrange(len(everything) + 1))
                listing.offer(tuple(rows))
            case 1:
                state = chance.choice(list(JobState))
                rows = [dataclasses.replace(r, state=state) if chance.random() < 0.4 else r for r in rows]
                listing.offer(tuple(rows))
            case 2:
                words = chance.choice(("", "failed", "lr=0.1", "zzz"))
                listing.filter(words)
            case 3:
                some = chance.sample(sorted(listing.groups), chance.randrange(len(listing.groups) + 1))
                listing.fold(some, chance.random() < 0.5)
        listing.settle(chance.choice((3, 1000)))
    listing.settle(1000)
    choices = {key: bool(group.choice) for key, group in listing.groups.items()}
    again = fresh(rows, words, choices)
    assert listing.order == again.order
    assert listing.matching == again.matching
    for key, group in listing.groups.items():
        assert +group.states == +again.groups[key].states
        assert group.slots == again.groups[key].slots
        assert group.share == pytest.approx(again.groups[key].share)
    for index, at in enumerate(listing.order):
        assert listing.index(at[-1]) == index
    assert [listing.index(shown.key) for shown in rows] == [again.index(shown.key) for shown in rows]


@pytest.mark.parametrize(("seeds", "asked"), [(1, 9), (3, 3)])
def test_the_line_of_a_sweep_that_asks_counts_its_trials_and_says_when_more_come(seeds: int, asked: int) -> None:
    listing = fresh(sweep(9, [JobState.RUNNING], trials=50, seeds=seeds), "", {"▸sweep-1": True})
    item = listing.at(0)
    assert isinstance(item, Group)
    fold = Fold(item, listing.rows[item.first], None, None, None, NOW)
    assert f" {asked}/50 9 R" in "".join(part for part, _ in fold_pieces(fold, fit(WIDE, 160), "  "))
    assert dict(fold_fields(fold))["trials"] == f"{asked} of 50 asked for, {50 - asked} more when there is room"
    assert fold.progress == (0.0, 50.0 * seeds)
    waiting = dataclasses.replace(fold, first=dataclasses.replace(fold.first, unsent=True, state=JobState.PENDING))
    assert dict(fold_fields(waiting))["trials"].endswith(" more when these have been sent")
