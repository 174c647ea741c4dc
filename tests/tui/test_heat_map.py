"""The layers of a network on the screen."""

from __future__ import annotations

import math
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import pytest
from textual.app import App, ComposeResult
from textual.screen import Screen

import tui
from tests.tui.fakes import row
from tests.tui.hand import Hand
from trainboard.events import Sampled
from trainboard.layernames import PERCENTS
from trainboard.layers import LayerMap, layer_map
from trainboard.misbehaving import behaviour
from trainboard.series import Sample, by_metric
from trainboard.spreads import SHARES
from tui import heat
from tui.chosen import Names
from tui.curves import Curves
from tui.spread import NONE
from tui.widgets.heat_map import EMPTY, HeatMap
from tui.widgets.lines import TONES

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


def layers(count: int, steps: int, quantity: str = "grad_norm", value: float | None = None) -> LayerMap:
    """Layers `block.N.weight` whose values rise from layer to layer and from step to step; and their norms of one."""
    samples = [
        Sample(f"block.{layer}.weight.{word}", number, step * 10.0, "step")
        for layer in range(count)
        for step in range(steps)
        for word, number in (("norm", 1.0), (quantity, 10.0 ** (layer - step) if value is None else value))
    ]
    found = layer_map(by_metric(samples))
    assert found is not None
    return found


def one(values: list[list[float]], quantity: str = "grad_norm") -> LayerMap:
    """These values, layer by layer."""
    matrix = np.array(values)
    names = tuple(f"a{i}" for i in range(len(values)))
    steps = np.arange(matrix.shape[1], dtype=float)
    return LayerMap(names, steps, "step", {quantity: matrix}, {quantity: np.ones(matrix.shape, bool)})


def test_levels_of_a_logarithmic_scale_are_decades_apart() -> None:
    found = heat.picture(one([[1e-3, 1e-2, 1e-1, 1.0]]), "grad_norm", 80)
    assert found is not None
    assert found.log
    assert (found.low, found.high) == pytest.approx((1e-3, 1.0))
    assert found.codes.tolist() == [[0, 10, 21, heat.LEVELS - 1]]


def test_what_has_no_level_has_a_code_of_its_own() -> None:
    layers = one([[0.0, math.nan, math.inf, 1.0, 2.0], [1.0, 1.0, 1.0, 1.0, 1.0]])
    layers.seen["grad_norm"][0, 3] = False
    found = heat.picture(layers, "grad_norm", 80)
    assert found is not None
    assert found.codes[0].tolist() == [heat.ZERO, heat.WILD, heat.WILD, heat.ABSENT, heat.LEVELS - 1]


def test_a_column_without_any_sample_is_left_out() -> None:
    layers = one([[1.0, 2.0, 3.0]])
    layers.seen["grad_norm"][0, 1] = False
    found = heat.picture(layers, "grad_norm", 80)
    assert found is not None
    assert found.steps.tolist() == [0, 2]


def test_columns_that_share_a_cell_show_the_greatest_and_what_is_not_finite() -> None:
    found = heat.picture(one([[1.0, 5.0, 1.0, 1.0], [1.0, 1.0, math.nan, 1.0]]), "grad_norm", 2)
    assert found is not None
    np.testing.assert_array_equal(found.values, [[5.0, 1.0], [1.0, math.nan]])
    assert found.steps.tolist() == [1, 3]


def test_shares_go_from_zero_to_one_and_zero_is_a_level_of_them() -> None:
    found = heat.picture(one([[0.0, 0.5, 0.25]], "grad_zeros"), "grad_zeros", 80)
    assert found is not None
    assert not found.log
    assert (found.low, found.high) == (0, 1)
    assert found.codes.tolist() == [[0, heat.LEVELS // 2, heat.LEVELS // 4]]


def test_negative_values_have_a_linear_scale() -> None:
    found = heat.picture(one([[-1.0, 0.0, 1.0]], "mean"), "mean", 80)
    assert found is not None
    assert not found.log
    assert found.codes.tolist() == [[0, heat.LEVELS // 2, heat.LEVELS - 1]]


def test_each_layer_on_its_own_scale_uses_all_levels() -> None:
    values = [[1.0, 10.0], [1e6, 1e7], [3.0, 3.0]]
    shared, own = (heat.picture(one(values), "grad_norm", 80, own=own) for own in (False, True))
    assert shared is not None
    assert own is not None
    assert shared.codes[0].max() < shared.codes[1].min()
    assert own.codes.tolist() == [[0, heat.LEVELS - 1], [0, heat.LEVELS - 1], [heat.LEVELS // 2] * 2]


@pytest.mark.parametrize("value", [0.0, 1e-300, 1e300, math.nan, math.inf, -math.inf, 3.0])
@pytest.mark.parametrize("own", [False, True])
def test_values_that_are_all_the_same_make_a_picture(value: float, own: bool) -> None:
    found = heat.picture(one([[value, value], [value, value]]), "grad_norm", 80, own=own)
    assert found is not None
    assert len(set(found.codes.ravel().tolist())) == 1


def test_labels_leave_out_what_all_layers_share() -> None:
    assert heat.labels(["model.h.0.fc.weight", "model.h.1.fc.weight"]) == ["0", "1"]
    assert heat.labels(["conv1.weight", "fc.weight"]) == ["conv1", "fc"]
    assert heat.labels(["params/a/kernel", "params/b/kernel", "params/b/bias"]) == ["a/kernel", "b/kernel", "b/bias"]
    assert heat.labels(["Wx", "Wh"]) == ["Wx", "Wh"]
    assert heat.labels(["a.weight"]) == ["a.weight"]
    assert heat.labels(["a", "a.b"]) == ["a", "a.b"]


class Stage:
    """An app of nothing but the map."""

    def __init__(self, pilot: Hand, heat_map: HeatMap) -> None:
        self.pilot, self.map = pilot, heat_map

    async def press(self, *keys: str) -> None:
        await self.pilot.press(*keys)

    @property
    def lines(self) -> list[str]:
        return [self.map.render_line(y).text for y in range(self.map.size.height)]


@asynccontextmanager
async def stage(layers: LayerMap | None, size: tuple[int, int] = (80, 24)) -> AsyncIterator[Stage]:
    class Alone(Screen[None]):
        COMPONENT_CLASSES: ClassVar[set[str]] = TONES

        def compose(self) -> ComposeResult:
            yield HeatMap()

    class Theatre(App[None]):
        CSS_PATH = Path(tui.__file__).with_name("app.tcss")

        def get_default_screen(self) -> Screen[None]:
            return Alone()

    app = Theatre()
    async with app.run_test(size=size):
        pilot = Hand(app)
        heat_map = app.screen.query_one(HeatMap)
        heat_map.focus()
        heat_map.put(layers)
        await pilot.pause()
        yield Stage(pilot, heat_map)


@pytest.mark.parametrize("size", [(80, 24), (140, 40), (20, 3), (8, 2)])
@pytest.mark.parametrize("count", [1, 200])
async def test_every_line_is_as_wide_as_the_screen(size: tuple[int, int], count: int) -> None:
    async with stage(layers(count, 30), size) as at:
        for key in (
            "n",
            "u",
            "L",
            "G",
            "left",
            "shift+left",
            "g",
            "j",
            "ctrl+d",
            "ctrl+u",
            "right",
            "shift+right",
            "N",
        ):
            await at.press(key)
            assert {at.map.render_line(y).cell_length for y in range(size[1])} == {size[0]}


async def test_the_head_reads_the_newest_value_of_the_first_layer() -> None:
    async with stage(layers(5, 4)) as at:
        await at.press("n")
        assert at.lines[0].startswith("›grad_norm (2/2 n)  0  step 30: 0.001   0.001 ▁▂▃▄▅▆▇█ 1e+04 log")


async def test_the_cursor_reads_any_layer_and_step() -> None:
    async with stage(layers(5, 4)) as at:
        await at.press("n", "j", "j", "left", "left")
        assert "  2  step 10: 10 " in at.lines[0]
        assert at.lines[-1].strip().startswith("step")
        assert at.lines[-1].split() == ["step", "0", "▲10", "30"]
        await at.press("g", "shift+left")
        assert "  0  step 0: 1 " in at.lines[0]
        await at.press("G", "shift+right")
        assert "  4  step 30: 10 " in at.lines[0]
        assert at.lines[-1].split() == ["step", "0", "▲30", "30"]


async def test_the_cursor_stays_where_it_was_put_and_else_at_the_newest() -> None:
    async with stage(layers(5, 4)) as at:
        await at.press("j")
        at.map.put(layers(6, 5))
        assert "  1  step 40: 1 " in at.lines[0]
        await at.press("left", "left")
        at.map.put(layers(7, 6))
        assert "  1  step 20: 1 " in at.lines[0]


async def test_many_layers_scroll_with_the_cursor() -> None:
    async with stage(layers(200, 30)) as at:
        assert sum("▁" in line for line in at.lines[1:-1]) == 0
        assert at.lines[1].startswith(" ›0    ▄▄▄▄")
        await at.press("G")
        assert at.lines[-2].startswith(" ›199 ")
        await at.press("k", "ctrl+u")
        assert any(line.startswith(" ›187 ") for line in at.lines)


async def test_all_layers_fit_where_neighbours_share_a_line() -> None:
    async with stage(layers(200, 30)) as at:
        await at.press("n", "G", "z")
        assert len([line for line in at.lines[1:-1] if " … " in line]) == 20
        assert at.lines[-4].startswith(" ›190 … ")
        assert "  190 …  step 290: 1e+170 " in at.lines[0]
        await at.press("k", "y")
        assert at.pilot.app.clipboard.startswith("block.180.weight … block.189.weight grad_norm ")
        await at.press("z")
        assert any(line.startswith(" ›180 ") for line in at.lines)


async def test_few_layers_are_drawn_taller() -> None:
    async with stage(layers(3, 4)) as at:
        await at.press("n")
        assert [line.split()[0] for line in at.lines[1:13] if line[:3].strip()] == ["›0", "1", "2"]
        assert at.lines[1][10:].count("█") == 0
        assert at.lines[12].rstrip()[-1] == "█"


async def test_height_says_without_colours_what_colour_says() -> None:
    async with stage(layers(10, 8)) as at:
        await at.press("n")
        first, last = (at.lines[1 + line][7:-1] for line in (1, 19))  # the lower line of each
        assert at.lines[2].startswith(" ›0 ")
        assert first[0] > first[-1]
        assert last[0] == "█"
        assert len(set("".join(at.lines[1:-1]))) >= 8


async def test_zero_and_not_finite_have_signs() -> None:
    async with stage(layers(5, 4, value=math.nan)) as at:
        await at.press("n")
        assert "××××" in at.lines[1] + at.lines[2]
        assert "nan" in at.lines[0]
        at.map.put(layers(5, 4, value=0.0))
        assert "0000" in at.lines[1] + at.lines[2]


async def test_a_run_without_layers_says_what_would_make_them() -> None:
    async with stage(None) as at:
        assert [line.rstrip() for line in at.lines[:2]] == list(EMPTY)
        assert max(map(len, EMPTY)) < 79
        await at.press("j", "n", "left", "G", "u", "y")
        assert at.pilot.app.clipboard == ""


async def test_the_value_under_the_cursor_is_copied() -> None:
    async with stage(layers(5, 4)) as at:
        await at.press("n", "j", "y")
        assert at.pilot.app.clipboard == "block.1.weight grad_norm step 30: 0.01"


def test_metrics_of_single_layers_stand_behind_the_others() -> None:
    samples = tuple(Sample(name, 1.0, 0, "step") for name in ("fc.weight.norm", "lr", "fc.weight.dead", "loss"))
    curves = Curves()
    curves.add(Sampled("r1", samples))
    assert [curve.metric for curve in curves.of(row(1))] == ["lr", "loss", "fc.weight.norm", "fc.weight.dead"]
    names = Names()
    names.known = by_metric(samples)
    assert names.listed == ["lr", "loss", "fc.weight.norm", "fc.weight.dead"]


def test_the_board_keeps_the_curves_of_some_layers_and_of_all_else() -> None:
    names = [*(f"layer{i}.weight.norm" for i in range(1000)), "lr", "loss"]
    told, curves = tuple(Sample(name, 1.0, 0, "step") for name in names), Curves()
    curves.add(Sampled("r1", told))
    curves.add(Sampled("r2", (), stored=by_metric(told)))
    for each in (row(1), row(2)):
        kept = [curve.metric for curve in curves.of(each)]
        assert kept[:3] == ["lr", "loss", "layer0.weight.norm"]
        assert len(kept) < 70


def spread_out(steps: int, layers: int = 2) -> LayerMap:
    """Layers with distributions: normal ones that grow wider with the steps, all the same in the end for the last."""
    normal = np.quantile(np.random.default_rng(1).normal(size=9999), SHARES)
    samples = [
        Sample(f"block.{layer}.weight.{word}", float(number), step * 10.0, "step")
        for layer in range(layers)
        for step in range(steps)
        for word, number in [
            ("norm", 1.0),
            ("grad_norm", 1.0),
            *((f"q.{p:02}", value * (1 + step)) for p, value in zip(PERCENTS, normal, strict=True)),
            *((f"grad_q.{p:02}", value + 100) for p, value in zip(PERCENTS, normal, strict=True)),
        ]
    ]
    found = layer_map(by_metric(samples))
    assert found is not None
    return found


async def test_the_layers_distributions_are_drawn_below_the_map() -> None:
    async with stage(spread_out(8)) as at:
        before = at.lines
        await at.press("h")
        head = next(line for line in at.lines if "values" in line)
        assert "step 70: min -" in head
        assert "median -0.07" in head
        drawn = at.lines[at.lines.index(head) + 1 :]
        widths = [sum(line[x] not in " " for line in drawn) for x in (12, 70)]
        assert widths[0] < widths[1]
        assert "█" in "".join(line[12] for line in drawn)
        await at.press("n")
        assert any("gradient  step 70: min 9" in line for line in at.lines)
        await at.press("N", "h", "h")
        assert at.lines == before


async def test_two_steps_are_compared_and_any_step_can_be_pinned() -> None:
    async with stage(spread_out(8), (100, 30)) as at:
        await at.press("h", "h")
        text = "\n".join(at.lines)
        assert "█ step 70   ● step 0 (the first)   differ by " in text
        assert "95 %" in text
        assert [line.split()[0] for line in at.lines[-2:]] == ["█", "●"]
        await at.press("space", "left", "left", "left")
        text = "\n".join(at.lines)
        assert "█ step 40   ● step 70 (pinned)" in text
        assert any("●" in line for line in at.lines[10:20])
        await at.press("right", "right", "right", "space")
        assert "● step 0 (the first)" in "\n".join(at.lines)


async def test_shades_say_the_shares_without_colours_on_a_logarithmic_scale_too() -> None:
    async with stage(spread_out(8)) as at:
        await at.press("h")
        linear = "".join(at.lines[10:])
        await at.press("S")
        logarithmic = "".join(at.lines[10:])
        assert logarithmic.count("·") + logarithmic.count(" ") < linear.count("·") + linear.count(" ")
        await at.press("S", "o")
        assert " whole" in "".join(at.lines)


async def test_a_layer_without_distributions_says_what_would_make_them() -> None:
    async with stage(layers(3, 4)) as at:
        await at.press("h")
        assert [line.rstrip() for line in at.lines if "istribution" in line] == [NONE[0]]


async def test_a_layer_that_misbehaves_has_a_sign_and_the_first_one_is_named() -> None:
    values = {0: [0.0] * 6, 1: [0.0, 0.0, 0.9, 0.9, 0.9, 0.9], 2: [0.0] * 3 + [0.8] * 3, 3: [0.0] * 6}
    samples = [
        Sample(f"fc{layer}.weight.dead", value, step * 10.0, "step")
        for layer, row in values.items()
        for step, value in enumerate(row)
    ]
    found = layer_map(by_metric(samples))
    assert found is not None
    async with stage(found) as at:
        at.map.put(found, behaviour(found))
        assert at.lines[1].rstrip() == " d first: fc1 dead units at step 20, 1 layer after it  b: there"
        marked = [line.split()[0].lstrip("›") for line in at.lines[2:-1] if line[5:7].strip() == "d"]
        assert marked == ["fc1", "fc2"]
        await at.press("b")
        assert "  fc1  step 20: 0.9 d dead units" in at.lines[0]
        await at.press("b")
        assert "  fc2  step 30: 0.8 d dead units" in at.lines[0]
        await at.press("b", "left")
        assert "  fc1  step 10: 0 " in at.lines[0]
        assert not any(line[5:7].strip() == "d" for line in at.lines[2:-1])


@pytest.mark.parametrize("size", [(80, 24), (160, 50), (30, 6), (8, 2)])
async def test_every_line_is_as_wide_as_the_screen_with_distributions_too(size: tuple[int, int]) -> None:
    found = spread_out(300, 40)
    async with stage(found, size) as at:
        at.map.put(found, behaviour(found))
        for key in ("h", "S", "o", "G", "h", "space", "left", "shift+left", "z", "g", "h"):
            await at.press(key)
            assert {at.map.render_line(y).cell_length for y in range(size[1])} == {size[0]}
