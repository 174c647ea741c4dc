"""The pane of a run's time: what its lines say, and that they fit."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import pytest
from rich.cells import cell_len
from textual.app import App
from textual.screen import Screen

import tui
from tests.tui.hand import Hand
from trainboard.progress import Estimate
from trainboard.timing import Part, Slow, StepTimes, Times
from tui.widgets.lines import TONES
from tui.widgets.time_view import TimeView, lines, span

if TYPE_CHECKING:
    from textual.app import ComposeResult

NOW = 1_800_000_000.0
ESTIMATE = Estimate(
    done=400, total=1000, unit="step", share=0.4, eta=5000, eta_low=4500, eta_high=6000, in_time=None,
    limit=NOW + 5600, checkpoint=NOW - 300, improved=(320, NOW - 900),
)  # fmt: skip
TIMES = Times(
    total=10_000,
    parts={
        "start-up": Part(100, False),
        "data": Part(2000, True),
        "step": Part(7000, True),
        "idle": Part(900, False),
    },
    throughput=tuple((NOW - 100 + n, 2.0 + n % 3) for n in range(100)),
    unit="step",
    steps=StepTimes(0.5, 0.58, 12.0, (0.3, 0.5, 1.0, 2.0), (10.0, 90.0, 0.0), 50, "step", False),
    slow=(Slow(NOW - 4000, NOW - 1000, 1.5),),
)


def text(times: Times | None, estimate: Estimate | None, width: int = 79) -> list[str]:
    """The lines as they are read."""
    return ["".join(piece for piece, _ in line) for line in lines(times, estimate, NOW, width)]


def test_all_that_is_known_has_its_line() -> None:
    told = "\n".join(text(TIMES, ESTIMATE))
    for words in (
        "progress  step 400 of 1000  40%  ━", "left  1h23, about ", "nine times in ten 1h15 to 1h40",
        "time limit  ", "in 1h33: it may not be done by then", "checkpoint  5m00 ago", "best  at 320, 15m ago",
        "start-up  ~  1m40    1%", " 33m   20% ━", "throughput  2.9 step/s of late, 2.99 mean",
        "step time  median 0.5s  p90 0.58s  p99 12s  each the mean of 50", "0.3s ▁█  2s",
        "50m at 1.5 × the usual step time",
    ):  # fmt: skip
        assert words in told, words


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"in_time": True}, "it will be done before"),
        ({"in_time": False}, "it will NOT be done by then"),
        ({"eta": None}, "nobody knows how long it takes"),
        ({"eta": None, "stalled": 700.0}, "it has said nothing for 11m: it seems to hang"),
    ],
)
def test_the_verdict_on_its_end_is_words(changes: dict[str, object], words: str) -> None:
    assert words in "\n".join(text(TIMES, replace(ESTIMATE, **changes)))  # type: ignore[arg-type]  # by name


def test_what_is_not_known_is_not_there() -> None:
    nothing = Estimate(None, None, "", None, None, None, None, None, None, None, (3, float("nan")))
    assert text(None, nothing) == [
        "        best  at 3",
        "",
        "  No times: they come from lines that tell them, or that are read as they are printed.",
    ]
    bare = Times(0.0, {}, (), "", None, ())
    assert [line.strip() for line in text(bare, None) if line.strip()] == [
        "time  0ms   ~ inferred from when lines came"
    ]


@pytest.mark.parametrize("width", [79, 119, 300])
def test_no_line_is_longer_than_there_is_room(width: int) -> None:
    for line in text(TIMES, ESTIMATE, width):
        assert cell_len(line) <= width, line


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [(0.0123, "12.3ms"), (0.35, "0.35s"), (4.23, "4.2s"), (9.94, "9.9s"), (12.0, "12s"), (187.0, "3m07")],
)
def test_a_duration_has_two_or_three_figures(seconds: float, expected: str) -> None:
    assert span(seconds) == expected


class Alone(Screen[None]):
    """A screen of nothing but the pane."""

    COMPONENT_CLASSES: ClassVar[set[str]] = TONES

    def compose(self) -> ComposeResult:
        yield TimeView()


class Theatre(App[None]):
    """An app of nothing else."""

    CSS_PATH = Path(tui.__file__).with_name("app.tcss")

    def get_default_screen(self) -> Screen[None]:
        return Alone()


@pytest.mark.parametrize("size", [(80, 24), (80, 6), (30, 3), (200, 60)])
async def test_the_pane_shows_its_lines_at_any_size_and_scrolls_to_the_last(size: tuple[int, int]) -> None:
    app = Theatre()
    async with app.run_test(size=size):
        pilot = Hand(app)
        pane = app.screen.query_one(TimeView)
        pane.focus()
        pane.put(TIMES, ESTIMATE, NOW)
        await pilot.pause()
        shown = [pane.render_line(y).text for y in range(size[1])]
        assert "step 400 of 100" in shown[0]
        assert {len(line) for line in shown} == {size[0]}
        await pilot.press("G")
        last = [pane.render_line(y).text for y in range(size[1])]
        assert any("50m at 1" in line for line in last) or size[0] == 30
        assert pane.top == max(0, len(text(TIMES, ESTIMATE, size[0] - 1)) - size[1])
        pane.put(None, None, NOW)
        await pilot.pause()
        assert "No times: they come" in pane.render_line(0).text
