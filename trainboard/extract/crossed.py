"""Tables with a header above and a name in front of each row: a value is named by its row and its column.

             Training |  Validation        Metric    | Bad    | Good            precision    recall
accuracy  |     0.606 |     0.519          Precision | 0.6667 | 0.6031    macro avg   0.97      0.96
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from trainboard.extract.context import is_ruler
from trainboard.extract.fields import Field
from trainboard.extract.names import Kind, fold, kind
from trainboard.extract.words import qualified

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from trainboard.extract.shape import Shape

LENGTH_CAP = 512
"""Bytes of a row."""
_CELL = rb"[ \t]*(?:\x00[%*]?|[nN]/?[aA]|-+)[ \t]*"
_BARRED = re.compile(rb"[ \t]*\|?[^|\x00]*[A-Za-z\x80-\xff)][ \t]*(?:\|%s){2,24}\|?[ \t]*" % _CELL)
_BLANK = re.compile(rb"[ \t]*[A-Za-z_][\w@./-]{0,40}(?: [\w@./-]{1,40}){0,3}(?:[ \t]{2,}\x00%?){2,24}[ \t]*")
_BETWEEN = b" \t|%*nNaA/-"
_GAP = re.compile(rb"[ \t]{2,}")
_LED = re.compile(rb"[ \t]{2,}|\s-\s|\]\s")
_NAME = re.compile(r"[^\W\d][^:=|]{0,40}")
_PHASE = re.compile(r"(?i)(train|val|test|eval|dev)\w{0,8}")


def is_crossed(message: Shape) -> bool:
    """Whether a line has a name in front and then only numbers, in cells of their own."""
    if message.texts[-2].strip(_BETWEEN) if len(message.texts) > 2 else b"|" not in message.texts[-1]:
        return False  # a quick look
    line = message.canon
    return len(line) < LENGTH_CAP and (_BARRED.fullmatch(line) or _BLANK.fullmatch(line)) is not None


def crossed(message: Shape, above: Iterable[bytes]) -> tuple[Field, ...]:
    """The metrics of such a line, by the header among the lines above it, of which the nearest comes first."""
    line = message.canon.strip().strip(b"|")
    barred = b"|" in line
    row, *cells = line.split(b"|") if barred else _GAP.split(line)
    name = _text(row)
    fields, slot = [], 0
    for column, cell in zip(_columns(above, len(cells), barred), cells, strict=False):
        if b"\0" in cell:
            if _is_measured(name) or _is_measured(column):
                fields.append(Field(slot, _named(name, column), message.scale(slot)))
            slot += 1
    return tuple(fields)


def _columns(above: Iterable[bytes], count: int, barred: bool) -> Sequence[str]:
    """The names over that many columns; none where there is no such header."""
    for line in above:
        if is_ruler(_LED.split(line.rstrip())[-1]):
            continue
        cells = line.strip().strip(b"|").split(b"|") if barred else _GAP.split(line.strip())
        names = [_text(cell) for cell in cells][-count:]
        if len(cells) in (count, count + barred) and all(map(_NAME.fullmatch, names)):
            return names
        if not cells[-1].strip().rstrip(b"%*")[-1:].isdigit() or (barred and b"|" not in line):
            return ()
    return ()


def _is_measured(name: str) -> bool:
    return kind(name) is Kind.MEASURE or fold(name) == "precision"


def _named(row: str, column: str) -> str:
    """A metric of the training is called as its row is, one of other data by that too."""
    phase = _PHASE.fullmatch(column)
    if phase is None:
        return f"{row} {column}"
    return row if phase[1].lower() == "train" else qualified(column, row)


def _text(cell: bytes) -> str:
    return _LED.split(cell.strip())[-1].decode("utf-8", "replace")
