"""The axes around a drawing: what is written beside it and below it. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tui import show
from tui.braille import row_of
from tui.scale import Along, x_ticks, y_ticks

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tui.braille import Canvas
    from tui.scale import Scale
    from tui.widgets.lines import Piece


def beside(y: Scale, rows: int) -> list[str]:
    """What is written at the left of each row."""
    labels = [""] * rows
    for level, label in y_ticks(y, max(2, min(10, rows // 2))):
        if 0 <= (row := row_of(y.place(level), rows)) < rows:
            labels[row] = label
    return labels


def framed(canvas: Canvas, labels: Sequence[str], tones: Mapping[int, str]) -> list[tuple[Piece, ...]]:
    """The lines of a drawing with the axis of y; `tones`: by layer."""
    left = margin(labels)
    return [
        (
            (label.rjust(left - 1), "plain"),
            ("┤" if label else "│", "dim"),
            *((text, tones[layer]) for text, layer in line),
        )
        for label, line in zip(labels, canvas.lines(), strict=True)
    ]


def margin(labels: Sequence[str]) -> int:
    """Cells left of a drawing, the axis included."""
    return max(map(len, labels)) + 1


def round_ticks(x: Scale, width: int) -> Sequence[tuple[float, str]]:
    """Round values along an axis of so many cells."""
    return x_ticks(x, Along.EPOCH, max(2, width // 14))


def foot(ticks: Sequence[tuple[float, str]], x: Scale, left: int, width: int, name: str) -> list[tuple[Piece, ...]]:
    """The axis of x and what is written below it; its name stands at the end."""
    ruler, labels = ["─"] * width, [" "] * (left + width)
    end = f" {show.clean(name, 20)}"[: width // 2]
    free, room = 0, left + width - len(end)
    for level, label in ticks:
        column = min(width - 1, int(x.place(level) * width))
        if column < 0:
            continue
        ruler[column] = "┬"
        # The last one stands before the name, as long as that is still beside its mark.
        start = max(0, min(left + column - len(label) // 2, room - len(label)))
        if start >= free and left + column < room + len(label) and start + len(label) <= room:
            labels[start : start + len(label)] = label
            free = start + len(label) + 1
    labels[room:] = end
    return [((f"{'└':>{left}}{''.join(ruler)}", "dim"),), (("".join(labels), "plain"),)]
