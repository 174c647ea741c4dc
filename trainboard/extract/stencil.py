"""Lines that differ in their digits alone: where the numbers stand in one, they stand in all.

What a number is, and where a text ends, asks of a digit only whether it is one. So of two lines with the same
outline, which has a zero for every digit, one is taken apart and both are known. Digits that are none of a number,
`top5`, tell shapes apart: by them an outline has variants.
"""

from __future__ import annotations

import re
from struct import Struct
from typing import TYPE_CHECKING

from trainboard.extract.numerals import values_or_none
from trainboard.extract.recipe import NOTHING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from trainboard.extract.recipe import Recipe

STENCILS_CAP = 4096
"""Stencils remembered. A log of ever new outlines is text, where forgetting them all costs nothing."""
SIZE_CAP = 1 << 20
"""Bytes of their outlines."""
LENGTH_CAP = 2048
"""Bytes of one outline."""
SEEN_CAP = 16 * 1024
"""Outlines that were seen once, of which only the hash is kept."""
BETWEEN_CELLS = b" \t,;|"
_END = b"\r"
"""Between lines in a text: no clean line has it, while blocks that were put together have newlines."""
OUTLINE = bytes.maketrans(b"123456789", b"000000000")
"""Makes every digit a zero."""
_DIGITS = re.compile(rb"([0-9]+)")


def taking(pieces: Iterable[tuple[int, bool]]) -> Callable[[bytes], tuple[bytes, ...]]:
    """What takes those pieces of a line, by their lengths in its order, that are wanted."""
    forms, gap = [], 0
    for length, wanted in pieces:
        if wanted:
            forms.append(f"{gap}x{length}s")
            gap = 0
        else:
            gap += length
    return Struct(f"{''.join(forms)}{gap}x").unpack


class Stencil:
    """Where the wanted numbers stand in lines of one outline and shape."""

    __slots__ = ("is_row", "is_sound", "recipe", "tokens")

    def __init__(self, recipe: Recipe, parts: Sequence[bytes]) -> None:
        self.recipe = recipe
        self.is_row = len(parts) > 1 and not parts[2].strip(BETWEEN_CELLS)
        """A line of it may be a row of a table, where there is one."""
        self.is_sound = values_or_none([parts[2 * slot + 1] for slot in recipe.measured]) is not None
        """All that may be values are numbers, and so they are in every line of it."""
        wanted = set(recipe.plan.wanted)
        self.tokens = taking([(len(part), at % 2 == 1 and at // 2 in wanted) for at, part in enumerate(parts)])


class Variants:
    """The stencils of one outline, by the digits that are none of a number."""

    __slots__ = ("digits", "stencil", "stencils")

    def __init__(self, parts: Sequence[bytes] = ()) -> None:
        pieces: list[tuple[int, bool]] = []
        if _DIGITS.search(b" ".join(parts[::2])):
            for at, part in enumerate(parts):
                texts = (part,) if at % 2 else _DIGITS.split(part)
                pieces += ((len(text), place % 2 == 1) for place, text in enumerate(texts))
        self.digits = taking(pieces) if pieces else None
        self.stencil: Stencil | None = None
        """The only one, where there are no such digits."""
        self.stencils: dict[tuple[bytes, ...], Stencil] = {}

    def of(self, line: bytes) -> Stencil | None:
        """The stencil of a line of this outline; None where its shape is not known yet."""
        return self.stencil if self.digits is None else self.stencils.get(self.digits(line))


INERT = Variants()
"""Of lines that say nothing, whatever their digits are."""


class Stencils:
    """Those of one log."""

    def __init__(self) -> None:
        self.known: dict[bytes, Variants] = {}
        """By outline."""
        self._seen: set[int] = set()
        self._count = self._size = 0

    def is_new(self, outline: bytes) -> bool:
        """Whether an outline is seen for the first time: it is not worth a stencil yet."""
        seen = hash(outline)
        if seen in self._seen:
            return False
        if len(self._seen) >= SEEN_CAP:
            self._seen.clear()
        self._seen.add(seen)
        return True

    def keep(self, outline: bytes, line: bytes, parts: Sequence[bytes], recipe: Recipe) -> None:
        """Remember how a line is read. What is beyond the caps makes room for all."""
        if len(outline) > LENGTH_CAP:
            return
        self._make_room(outline)
        variants = self.known.get(outline)
        if variants is None:
            variants = self.known[outline] = Variants(parts)
        stencil = Stencil(recipe, parts)
        if variants.digits is not None:
            variants.stencils[variants.digits(line)] = stencil
        elif recipe is NOTHING and not stencil.is_row:
            self.known[outline] = INERT
        else:
            variants.stencil = stencil

    def keep_inert(self, line: bytes) -> None:
        """Remember a line without numbers that says nothing."""
        if len(line) <= LENGTH_CAP:
            self._make_room(line)
            self.known[line] = INERT

    def run(self, recipe: Recipe, lines: Sequence[bytes], outlines: Sequence[bytes]) -> list[tuple[bytes, ...]]:
        """The wanted numbers of those lines at the front that are of one shape, or of others of its kind."""
        tokens, known, alike = [], self.known, recipe
        for line, outline in zip(lines, outlines, strict=True):
            variants = known.get(outline)
            stencil = None if variants is None else variants.of(line)
            if stencil is None or not stencil.is_sound:
                break
            if stencil.recipe is not alike:
                if stencil.recipe is not recipe and not recipe.runs_with(stencil.recipe):
                    break
                alike = stencil.recipe
            tokens.append(stencil.tokens(line))
        return tokens

    def clear(self) -> None:
        """Forget all."""
        self.known.clear()
        self._count = self._size = 0

    def _make_room(self, outline: bytes) -> None:
        self._count += 1
        self._size += len(outline)
        if self._count > STENCILS_CAP or self._size > SIZE_CAP:
            self.clear()


def outlines_of(lines: Sequence[bytes]) -> list[bytes]:
    """The lines with a zero for every digit."""
    return _END.join(lines).translate(OUTLINE).split(_END) if lines else []
