"""The screen of an embedding."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import numpy as np
import pytest

from tests.trainboard.outputfakes import wrote
from tests.tui.fakes import Actions, board, row
from trainboard.components import components
from trainboard.points import Points
from tui import cloud
from tui.cloud import Cloud, View
from tui.screens.embedding import EmbeddingScreen
from tui.screens.outputs import OutputsScreen

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from tests.tui.fakes import Theatre

RANDOM = np.random.default_rng(5)
LABELS = ("cat", "dog", "eel") * 40
MIDDLES = np.array([[0.0, 0], [30, 0], [0, 18]])
TABLE = (MIDDLES @ np.array([[1.0, 0, 0.5, 0], [0, 1, 0, 0.25]]))[np.arange(120) % 3] + RANDOM.normal(size=(120, 4))


def npy(array: np.ndarray[tuple[int, ...], np.dtype[np.float64]]) -> bytes:
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


FILES: Mapping[str, bytes | str] = {
    "emb_100.npy": npy(-TABLE * 0.8),
    "emb_200.npy": npy(TABLE),
    "emb_labels.csv": "label\n" + "\n".join(LABELS),
}


async def look_at_points(stage: Theatre, folder: Path, files: Mapping[str, bytes | str] = FILES) -> None:
    """To the screen of these files: the only output that is known is opened at once."""
    stage.actions.wrote["r1"] = wrote(folder, files)
    await stage.press("O")
    await stage.until("PC1")
    await stage.until("nearest")


def made(table: np.ndarray[tuple[int, int], np.dtype[np.float64]], labels: tuple[str, ...] = ()) -> Cloud:
    points = Points(table, np.arange(len(table)), len(table), labels)
    return Cloud.of(points, components(table))


def text(lines: list[tuple[tuple[str, str], ...]]) -> list[str]:
    return ["".join(piece for piece, _ in line) for line in lines]


def test_clusters_that_were_planted_are_apart_and_have_their_letters() -> None:
    found = made(TABLE, LABELS)
    columns, rows = cloud.cells(found, View(), 60, 16)
    for kind in range(3):
        mine, others = (np.array(LABELS) == found.classes[kind]), (np.array(LABELS) != found.classes[kind])
        assert not set(zip(columns[mine], rows[mine], strict=True)) & set(
            zip(columns[others], rows[others], strict=True)
        )
    drawn = "".join(text(cloud.plane(found, View(), 70, 18))[:-2])
    assert {sign for sign in drawn if sign.isalpha()} == {"a", "b", "c"}
    assert [piece for piece, _ in cloud.legend(found, View(), 80)] == [
        " ",
        "a",
        " cat 40  ",
        "b",
        " dog 40  ",
        "c",
        " eel 40  ",
    ]


def test_without_classes_a_shade_says_how_many_points_are_in_a_cell() -> None:
    table = np.repeat([[0.0, 0], [10, 0], [0, 5], [10, 5]], [1, 2, 4, 40], axis=0)
    drawn = "".join(text(cloud.plane(made(table), View(point=3), 70, 18))[:-2])
    assert {"·", ":", "█", "●"} <= set(drawn)
    assert "no classes" in cloud.legend(made(table), View(), 80)[0][0]


def test_a_class_alone_has_its_letter_and_the_others_are_dots() -> None:
    drawn = "".join(text(cloud.plane(made(TABLE, LABELS), View(alone=1), 70, 18))[:-2])
    # The point under the cursor keeps its own letter.
    assert drawn.count("b") > 3
    assert {sign for sign in drawn if sign.isalpha()} <= {"a", "b"}
    assert drawn.count("·") > 10


def test_more_classes_than_letters_have_dots_and_are_counted() -> None:
    labels = tuple(f"k{number}" for number in range(120))
    found = made(TABLE, labels)
    assert cloud.mark(51) == "Z"
    assert cloud.mark(52) == "·"
    assert cloud.legend(found, View(), 80)[-1][0].startswith("+")


@pytest.mark.parametrize("size", [(80, 24), (160, 50), (20, 5), (3, 3)])
@pytest.mark.parametrize("table", [TABLE, TABLE[:1], TABLE[:, :1], np.ones((4, 2)), TABLE * 1e300])
def test_a_plane_is_as_tall_as_it_is_asked_to_be(
    size: tuple[int, int], table: np.ndarray[tuple[int, int], np.dtype[np.float64]]
) -> None:
    lines = text(cloud.plane(made(table), View(), *size))
    assert len(lines) == min(size[1], max(1, size[1] - 2) + 2)


def test_the_cursor_goes_to_the_nearest_point_in_a_direction() -> None:
    grid = np.array([[0.0, 0], [10, 0], [20, 0], [0, 5], [10, 5]])
    found = made(grid)
    start = int(np.flatnonzero((grid == [10, 0]).all(axis=1))[0])
    x = np.sign(found.along(0)[2] - found.along(0)[1])
    there = cloud.to_point(found, View(point=start), 60, 20, int(x), 0)
    assert grid[there].tolist() == [20, 0]
    assert cloud.to_point(found, View(point=there), 60, 20, int(x), 0) == there


async def test_the_door_of_outputs_opens_it_with_classes_and_neighbours(tmp_path: Path) -> None:
    async with board(row(1), actions=Actions(), size=(80, 24)) as stage:
        await look_at_points(stage, tmp_path)
        assert isinstance(stage.app.screen, EmbeddingScreen)
        assert "emb_200.npy  step 200 (2/2 [ ])   120 points, 4 dimensions" in stage.screen
        assert "a cat 40  b dog 40  c eel 40" in stage.screen
        assert "› row " in stage.screen
        await stage.until("nearest (Euclidean): row ")
        assert all(len(line) <= 80 for line in stage.lines)


async def test_steps_keep_the_cursor_and_the_signs(tmp_path: Path) -> None:
    async with board(row(1), actions=Actions(), size=(160, 50)) as stage:
        await look_at_points(stage, tmp_path)
        screen = stage.app.screen
        assert isinstance(screen, EmbeddingScreen)
        before, point = screen.view.cloud, screen.view.view.point
        await stage.press("left_square_bracket")
        await stage.until("step 100 (1/2")
        await stage.until("120 points")
        after = screen.view.cloud
        assert after is not None
        assert before is not None
        assert after is not before
        assert screen.view.view.point == point
        assert (np.sign((after.components.scores * before.components.scores).sum(axis=0))[:2] > 0).all()
        await stage.press("right_square_bracket")
        await stage.until("step 200 (2/2")
        await stage.until("120 points")
        assert screen.view.cloud is before


async def test_keys_turn_choose_and_zoom(tmp_path: Path) -> None:
    async with board(row(1), actions=Actions()) as stage:
        await look_at_points(stage, tmp_path)
        await stage.press("x")
        assert "PC3" in stage.screen
        assert "↑ PC2" in stage.screen
        await stage.press("v")
        assert "↑ PC4" in stage.screen
        await stage.press("plus", "plus")
        assert "zoom 4×" in stage.screen
        await stage.press("0", "d")
        await stage.until("nearest (cosine): row ")
        await stage.press("y")
        assert stage.app.clipboard.startswith("row ")
        await stage.press("escape")
        assert isinstance(stage.app.screen, OutputsScreen)


async def test_what_cannot_be_drawn_is_said_and_the_step_before_is_still_there(tmp_path: Path) -> None:
    files = {"emb_1.npy": npy(TABLE), "emb_2.npy": npy(np.full((3, 3), np.nan))}
    async with board(row(1), actions=Actions()) as stage:
        stage.actions.wrote["r1"] = wrote(tmp_path, files)
        await stage.press("O")
        await stage.until("there is nothing to draw")
        await stage.press("left_square_bracket")
        await stage.until("120 points")


async def test_words_of_a_table_do_not_reach_the_terminal_raw(tmp_path: Path) -> None:
    lines = "".join(
        f"\x1b[31m{name},{x},{y}\n" for name, x, y in [("[b]a", 1, 2), ("[b]a", 3, 1), ("b", 0, 5), ("b", 4, 4)]
    )
    async with board(row(1), actions=Actions()) as stage:
        await look_at_points(stage, tmp_path, {"emb.csv": f"label,x,y\n{lines}"})
        assert "\x1b" not in stage.screen
        assert "[b]a" in stage.screen
