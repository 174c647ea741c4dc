"""The screen of where a network is wrong."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from rich.cells import cell_len

from tests.trainboard.outputfakes import wrote
from tests.trainboard.predicted import HOSTILE, classes, classified, comparison, regressed, sample
from tests.tui.fakes import NOW, Actions, board, row
from trainboard.actions import Refused
from trainboard.predictions.ofrun import Source
from tui.screens.errors import ErrorsScreen

if TYPE_CHECKING:
    from pathlib import Path

    from tests.tui.fakes import Theatre
    from trainboard.predictions.asking import Place
    from trainboard.predictions.summary import Comparison, Summary

SIZES = ((80, 24), (160, 50))


class File(Source):
    """A file that says what the test says."""

    def __init__(self, found: Summary | str, name: str = "digits-3", compared: Comparison | str = "") -> None:
        self.found: Summary | str = found
        """What it says, or why it is not read."""
        self.name = name
        self.file = "preds.csv on gpu1"
        self.other = False
        """Whether it has changed since."""
        self.reads = 0
        self.given_up = asyncio.Event()
        self.answering = asyncio.Event()
        """Set: the host answers."""
        self.answering.set()
        self._comparison = compared

    async def place(self) -> Place:
        raise Refused("it is nowhere")

    async def read(self) -> Summary:
        self.reads += 1
        try:
            await self.answering.wait()
        except asyncio.CancelledError:
            self.given_up.set()
            raise
        if isinstance(self.found, str):
            raise Refused(self.found)
        return self.found

    async def compared(self, other: Source) -> Comparison:
        if isinstance(self._comparison, str):
            raise Refused(self._comparison)
        return self._comparison

    async def changed(self, found: Summary) -> bool:
        if isinstance(self.found, str):
            raise Refused(self.found)
        return self.other


async def errors(stage: Theatre, file: File, **changes: object) -> ErrorsScreen:
    """The screen, with what was read."""
    screen = ErrorsScreen(file, lambda: NOW, **changes)  # type: ignore[arg-type] # its own words
    await stage.app.push_screen(screen)
    await stage.pilot.pause()
    return screen


async def errors_of(stage: Theatre, where: str, action: str) -> None:
    """For tests of the keys: two runs, many classes and inputs; at the view where the key does something."""
    names = [f"c{at:02}" for at in range(60)]
    inputs = tuple((f"input{at:03}", str(at)) for at in range(60))
    worst = tuple(sample(at, inputs=inputs) for at in range(1, 9))
    many = {"classification": classes(names), "worst": worst}
    first, second = File(classified(names, **many), "first", comparison()), File(classified(names, **many), "second")
    await errors(stage, first, other=second)
    await stage.until("[both]")
    if action == "look":
        first.answering.clear()
    views = {"view('both')": "1", "switch_pane": "2", "order": "3", "open": "7", "find": "7", "copy": "7"}
    match where:
        case "confusion":
            before = {"top": "G", "half_up": "G", "up": "j", "left": "right", "far_left": "L"}.get(action)
            await stage.press("2", "g", "H", "H", *filter(None, (before,)))
        case "drawing":
            await stage.press("7", "enter", *filter(None, ({"top": "G", "half_up": "G", "up": "j"}.get(action),)))
        case _ if action == "back":
            await stage.press("7", "slash", "i", "enter")
        case _:
            await stage.press(*filter(None, (views.get(action),)))
    await stage.pilot.pause()


def line_of(stage: Theatre, text: str) -> str:
    return next(line for line in stage.lines if text in line)


@pytest.mark.parametrize("size", SIZES)
async def test_the_overview_tells_the_metrics_of_how_many_rows_and_what_is_odd(size: tuple[int, int]) -> None:
    async with board(row(1), size=size) as stage:
        await errors(stage, File(classified()))
        await stage.until("balanced accuracy")
        assert "classification of 3 classes, 300 of 303 rows" in stage.screen
        assert "87.0 – 92.0 %" in line_of(stage, "share of right predictions")
        assert "▲ 3 rows have no target: left out" in stage.screen
        assert "written 3m ago, read <5s ago; 2 notes in the overview" in stage.lines[1]
        assert "preds.csv on gpu1" in stage.lines[1]


VIEWS = (
    ("2", "cat taken for dog: 10 rows, 10.0 % of the target"),
    ("3", "taken for it: emu (10)"),
    ("4", "confidence"),
    ("5", "share of wrong predictions over device: more than chance (p 0.005, Holm)"),
    ("6", "errors gather where age > 60 and device = B"),
    ("7", "img0001"),
)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize(("key", "text"), VIEWS)
async def test_each_view_of_classes_has_its_key(key: str, text: str, size: tuple[int, int]) -> None:
    async with board(row(1), size=size) as stage:
        await errors(stage, File(classified()))
        await stage.press(key)
        # Text that is wrapped is on several lines.
        assert text in stage.screen


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize(
    ("keys", "text"),
    [
        ("1", "root of the mean squared residual"),
        ("2", "prediction − target; marks: 5 %, median, 95 %; beyond the drawing 1 below, 2 ab"),
        ("3", "█"),
        ("3j", "●"),
        ("3jj", "▲ B"),
        ("3jjj", "age"),
        ("5", "absolute error over device"),
        ("6", "1.25 of all"),
        ("7", "1.5"),
    ],
)
async def test_each_view_of_numbers_has_its_key(keys: str, text: str, size: tuple[int, int]) -> None:
    async with board(row(1), size=size) as stage:
        await errors(stage, File(regressed()))
        await stage.press(*keys)
        assert text in stage.screen


async def test_a_view_that_there_is_not_says_why() -> None:
    async with board(row(1)) as stage:
        await errors(stage, File(regressed()))
        await stage.press("4")
        await stage.until("calibration is of classes")
        await stage.press("8")
        await stage.until("mark another one on the board")


async def test_without_scores_calibration_says_what_to_write() -> None:
    async with board(row(1), size=(80, 24)) as stage:
        bare = replace(classes(), reliability=(), ece=None, log_loss=None, brier=None, top=())
        await errors(stage, File(classified(classification=bare)))
        await stage.press("4")
        assert "write the probability of each class" in stage.screen
        assert "no scores" in stage.screen


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("key", list("1234567890"))
async def test_hostile_text_stays_in_its_cells(key: str, size: tuple[int, int]) -> None:
    worst = tuple(
        sample(
            at, id=HOSTILE[at % 6], target=HOSTILE[0], prediction=HOSTILE[2], inputs=((HOSTILE[3], HOSTILE[0] * 99),)
        )
        for at in range(1, 9)
    )
    notes = tuple(f"{text} is odd" for text in HOSTILE)
    found = classified(HOSTILE, worst=worst, notes=notes, path=f"/tmp/{HOSTILE[0]}.csv")
    async with board(row(1), size=size) as stage:
        await errors(stage, File(found, HOSTILE[0], comparison()), other=File(found, HOSTILE[3]))
        await stage.press(key)
        for line in stage.lines:
            assert line.isprintable()
            assert cell_len(line) == size[0]
        if key == "2":
            assert "[bold red]dog" in stage.screen
            assert "漢字" in stage.screen


async def test_what_is_read_is_told_and_can_be_given_up_and_read_again() -> None:
    file = File(classified())
    file.answering.clear()
    async with board(row(1)) as stage:
        await errors(stage, file)
        assert "reading preds.csv on gpu1 … 0 s; esc gives it up" in stage.lines[1]
        await stage.press("escape")
        await stage.until("given up: reading preds.csv on gpu1; r reads again")
        assert file.given_up.is_set()
        file.answering.set()
        await stage.press("r")
        await stage.until("balanced accuracy")


async def test_what_cannot_be_read_says_why_and_what_to_do() -> None:
    file = File("preds.csv: no column is the target: name it (outputs.predictions.target)\x1b[2J")
    async with board(row(1)) as stage:
        await errors(stage, file)
        await stage.until("name it (outputs.predictions.target)")
        assert "r reads again" in stage.lines[1]
        assert "nothing was read" in stage.screen
        file.found = classified()
        await stage.press("r")
        await stage.until("balanced accuracy")
        assert "name it" not in stage.screen


async def test_what_was_read_stays_where_it_cannot_be_read_again() -> None:
    file = File(classified())
    async with board(row(1)) as stage:
        await errors(stage, file)
        await stage.until("balanced accuracy")
        file.found = "gpu1: no answer within 60 s"
        await stage.press("r")
        await stage.until("no answer within 60 s")
        assert "balanced accuracy" in stage.screen


async def test_a_file_that_has_changed_since_is_told() -> None:
    file = File(classified())
    async with board(row(1)) as stage:
        screen = await errors(stage, file)
        screen.watch_file()
        await stage.pilot.pause()
        assert "has changed" not in stage.screen
        file.other = True
        screen.watch_file()
        await stage.until("▲ the file has changed since: r reads it again")
        await stage.press("r")
        await stage.gone("has changed since")
        assert file.reads == 2


async def test_that_nobody_knows_whether_it_has_changed_is_told_too() -> None:
    file = File(classified())
    async with board(row(1)) as stage:
        screen = await errors(stage, file)
        file.found = "gpu1: no answer"
        screen.watch_file()
        await stage.until("whether the file has changed is not known: gpu1: no answer")


async def test_the_cursor_of_the_matrix_reads_a_cell_and_the_pairs_lead_to_theirs() -> None:
    async with board(row(1), size=(80, 24)) as stage:
        screen = await errors(stage, File(classified()))
        await stage.press("2", "down", "right")
        assert "dog taken for emu" in stage.screen
        await stage.press("left")
        assert "dog right: 90 rows" in stage.screen
        await stage.press("tab", "j", "j")
        assert "emu taken for cat" in stage.screen
        assert screen.map.pair == ("emu", "cat")


async def test_the_matrix_is_normalised_by_target_by_prediction_or_not() -> None:
    counts = ((30, 10, 0), (0, 20, 0), (0, 0, 40))
    found = classified(classification=classes(counts=counts))
    async with board(row(1), size=(80, 24)) as stage:
        await errors(stage, File(found))
        await stage.press("2")
        assert "% of the target, by name" in stage.screen
        assert line_of(stage, " ›cat").split() == ["›cat", "75", "25"]
        await stage.press("n")
        assert "% of the prediction" in stage.screen
        assert line_of(stage, " ›cat").split() == ["›cat", "100", "33"]
        await stage.press("n")
        assert line_of(stage, " ›cat").split() == ["›cat", "30", "10"]


async def test_many_classes_are_blocks_and_the_worst_come_first_on_request() -> None:
    names = [f"c{at}" for at in range(60)]
    counts = [[50 if i == j else 0 for j in range(60)] for i in range(60)]
    counts[41][57] = 30
    async with board(row(1), size=(80, 24)) as stage:
        screen = await errors(stage, File(classified(names, classification=classes(names, counts))))
        await stage.press("2")
        assert "c41 taken for c57: 30 rows" in stage.screen
        assert "predictions 25 – 60 of 60" in stage.screen
        await stage.press("o")
        assert "most confused first" in stage.screen
        assert screen.map.pair == ("c41", "c57")
        assert [line.split()[0].strip("›") for line in stage.lines[6:8]] == ["c41", "c57"]
        assert "▇▇▅▅" in stage.lines[6]


async def test_more_classes_than_a_matrix_has_are_listed_as_pairs() -> None:
    names = [f"c{at}" for at in range(300)]
    async with board(row(1), size=(80, 24)) as stage:
        await errors(stage, File(classified(names)))
        await stage.press("2")
        assert "the list has the pairs that are confused most often" in stage.screen
        await stage.press("j")
        assert "›c1" in stage.screen


async def test_without_colour_the_matrix_says_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")  # the outer world's switch, read by Textual when the app is made
    async with board(row(1), size=(80, 24)) as stage:
        await errors(stage, File(classified()))
        await stage.press("2")
        assert line_of(stage, " ›cat").split() == ["›cat", "90", "10"]
        await stage.press("5")
        assert "▲ B " in stage.screen
        assert "\n  A " in stage.screen


async def test_classes_can_be_listed_with_the_worst_first() -> None:
    counts = ((30, 10, 0), (0, 40, 0), (20, 20, 0))
    async with board(row(1), size=(80, 24)) as stage:
        await errors(stage, File(classified(classification=classes(counts=counts))))
        await stage.press("3")
        assert "never predicted" in line_of(stage, "emu ")
        await stage.press("o", "g")
        assert "the worst first" in stage.screen
        assert "›emu" in stage.screen
        assert "taken for cat" in stage.screen


async def test_lines_are_filtered_and_the_filter_is_cleared() -> None:
    async with board(row(1), size=(80, 24)) as stage:
        await errors(stage, File(classified()))
        await stage.press("7", "slash", *"img0003", "enter")
        assert "img0003" in stage.screen
        assert "img0004" not in stage.screen
        assert "row        3" in stage.screen
        await stage.press("escape")
        assert "img0004" in stage.screen
        await stage.press("slash", *"nowhere", "enter")
        assert "nothing has these words" in stage.screen


async def test_the_detail_can_have_the_whole_screen_and_each_tab_keeps_its_cursor() -> None:
    many = tuple((f"input{at:03}", str(at)) for at in range(60))
    found = classified(worst=tuple(sample(at, inputs=many) for at in range(1, 9)))
    async with board(row(1), size=(80, 24)) as stage:
        await errors(stage, File(found))
        await stage.press("7", "j", "j", "enter")
        assert "img0003" in stage.screen
        assert "img0004" not in stage.screen
        await stage.press("G")
        assert "input059" in stage.screen
        await stage.press("escape", "6", "7")
        assert "›  3 img0003" in stage.screen


async def test_a_line_is_copied_with_its_titles() -> None:
    async with board(row(1), size=(80, 24)) as stage:
        await errors(stage, File(classified()))
        await stage.press("6", "y")
        assert stage.app.clipboard.startswith("rows 40  of all 13.3 %  error 55.0 %")
        assert stage.app.clipboard.endswith("where age > 60 and device = B")


@pytest.mark.parametrize("size", SIZES)
async def test_two_runs_stand_side_by_side(size: tuple[int, int]) -> None:
    first, second = File(classified(), "first", comparison()), File(classified(mtime=NOW - 7200), "second")
    async with board(row(1), size=size) as stage:
        await errors(stage, first, other=second)
        assert "errors of first and second" in stage.lines[0]
        assert "[both]" in stage.screen
        assert "the second is better: wrong 10.0 % → 6.0 %, p 0.012" in stage.screen
        assert "difference -4.00 pp (95 % by paired bootstrap: -7.00 pp … -1.00 pp)" in stage.screen
        await stage.press("9")
        assert "-15.00 pp" in line_of(stage, "28.0 %")
        await stage.press("0")
        assert "8 worse and 20 better" in stage.screen
        await stage.press("x")
        assert "views of the second" in stage.lines[0]
        assert "written 2h ago" in stage.lines[1]


async def test_runs_that_cannot_be_compared_by_sample_stand_side_by_side_and_it_says_why() -> None:
    first = File(classified(), "first", "the ids of the two files have nothing in common")
    async with board(row(1), size=(100, 30)) as stage:
        await errors(stage, first, other=File(classified(), "second"))
        assert "▲ not compared sample by sample: the ids of the two files" in stage.screen
        assert "accuracy" in stage.screen


async def test_the_run_that_is_marked_on_the_board_is_compared_with() -> None:
    marked: list[File] = []
    async with board(row(1), size=(100, 30)) as stage:
        await errors(stage, File(classified(), "first", comparison()), marked=lambda _: marked)
        await stage.press("c")
        await stage.until("mark one other run on the board")
        marked.append(File(classified(), "second"))
        await stage.press("c")
        await stage.until("the second is better")
        assert "first and second" in stage.lines[0]


async def test_a_second_run_that_cannot_be_read_leaves_the_first_on_the_screen() -> None:
    async with board(row(1), size=(100, 30)) as stage:
        await errors(stage, File(classified(), "first"), other=File("no such file", "second"))
        await stage.until("no such file; r reads again")
        assert "balanced accuracy" in stage.screen


async def test_a_screen_that_is_made_smaller_is_drawn_for_its_new_size() -> None:
    async with board(row(1), size=(160, 50)) as stage:
        await errors(stage, File(regressed()))
        await stage.press("2")
        assert "greatest" in stage.screen
        await stage.pilot.resize_terminal(80, 24)
        await stage.gone("greatest")
        assert all(cell_len(line) == 80 for line in stage.lines)
        assert "residual" in stage.lines[-2]


ROWS = "label,pred,size\n" + "".join(f"{'ab'[at % 2]},{'ab'[at % 3 % 2]},{at}\n" for at in range(60))


async def test_predictions_among_the_outputs_of_a_run_are_opened_by_the_door(tmp_path: Path) -> None:
    actions = Actions()
    actions.wrote["r1"] = wrote(tmp_path, {"out/preds.csv": ROWS})
    async with board(row(1), actions=actions, size=(100, 30)) as stage:
        await stage.press("O")
        await stage.until("balanced accuracy")
        assert "classification of 2 classes, 60 rows" in stage.screen
        assert "out/preds.csv on here" in stage.lines[1]
        await stage.press("escape")
        await stage.until("out/preds.csv")


async def test_the_spec_says_what_the_columns_are(tmp_path: Path) -> None:
    actions = Actions()
    outputs = "{predictions: {path: 'p*.csv', target: was, prediction: said}}"
    files = {"p1.csv": ROWS.replace("label,pred", "was,said"), "other.txt": "x"}
    actions.wrote["r1"] = wrote(tmp_path, files, outputs)
    async with board(row(1), actions=actions, size=(100, 30)) as stage:
        await stage.press("O")
        await stage.until("balanced accuracy")
        assert "target: was" in stage.screen


async def test_the_runs_that_are_marked_on_the_board_are_compared_by_sample(tmp_path: Path) -> None:
    actions = Actions()
    better = ROWS.replace("a,b", "a,a")
    for key, text in (("r1", ROWS), ("r2", better)):
        (tmp_path / key).mkdir()
        actions.wrote[key] = wrote(tmp_path / key, {"preds.csv": text}, "{predictions: preds.csv}", key)
    async with board(row(1), row(2), actions=actions, size=(100, 30)) as stage:
        await stage.press("g", "space", "j", "space", "g", "O")
        await stage.until("balanced accuracy")
        await stage.press("c")
        await stage.until("McNemar's test")
        assert "60 samples matched by row" in stage.screen
