"""The extractor: chunks of a log in, samples out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from trainboard.extract import pattern as patterns
from trainboard.extract import tables
from trainboard.extract.blocks import gather
from trainboard.extract.chunk import Chunk
from trainboard.extract.context import LINE_CAP, REACH, is_ruler
from trainboard.extract.harvest import ALIKE, Harvest
from trainboard.extract.lines import Lines, clean
from trainboard.extract.plan import IDLE, may_cross, plan, remembered, under
from trainboard.extract.quick import is_idle
from trainboard.extract.recipe import HITS, NOTHING, Recipe
from trainboard.extract.rows import Rows
from trainboard.extract.shape import Shape, is_wordy, number, splitter
from trainboard.extract.stamps import Clocks
from trainboard.extract.stencil import BETWEEN_CELLS, INERT, Stencils
from trainboard.extract.words import HEADING_ENDS, announced
from trainboard.samples import Samples

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from trainboard.extract.plan import Plan
    from trainboard.extract.position import Position
    from trainboard.extract.progress import Progress
    from trainboard.extract.stencil import Stencil

STATE_VERSION = 4
PLAN_CAP = 2048
"""Shapes remembered. A log of ever new shapes is text, where forgetting them all costs nothing."""
SHAPE_CAP = 16 * 1024
"""Bytes; a longer line's shape is looked at each time and not remembered."""
SHARED_CAP = 1024
"""Bytes; what a longer line holds is not remembered for other logs."""
PLANS_SIZE = 4 << 20
"""Bytes of lines whose shapes are remembered."""
_BARS = 3
"""A line with more bars may be the header of a table."""
RUN, RUN_CAP = 64, 512
"""Lines that are taken at once, at first and at most."""


class Extractor:
    """Reads one log from its start, or from where `restore` says.

    `total` is the spec's length of a run, as `{"epochs": 50}`; `pattern` its regular expressions, which win over
    guessing (see `trainboard.extract.pattern`; raises ValueError where one cannot be used). Memory is bounded
    whatever the log holds.
    """

    def __init__(self, total: Mapping[str, float] | None = None, pattern: Sequence[str] = ()) -> None:
        self._lines = Lines()
        self._harvest = Harvest(total)
        self._patterns = patterns.compiled(pattern)
        self._plans: dict[tuple[bytes, ...], Recipe] = {}
        self._kinds: dict[Plan, Recipe] = {}
        """The first recipe of each plan."""
        self._size = 0
        """Of the lines whose shapes are in `_plans`."""
        self._stencils = Stencils()
        self._clocks = Clocks()
        self._last = Recipe(IDLE)
        """The shape that was read last."""
        self._before: list[bytes] = []
        """The last lines of the block before."""
        self._rows = Rows(self._harvest)
        self._ahead: Position | None = None
        """Where a bar is that is being redrawn; None: none is."""

    @property
    def offset(self) -> int:
        """Bytes of the log that are consumed: what comes next must be fed from here after a `restore`."""
        return self._lines.offset

    @property
    def progress(self) -> Progress | None:
        """How far the run is, by what was fed so far."""
        return (self._ahead or self._harvest.position).progress

    def feed(self, data: bytes, wall: float | None = None) -> Samples:
        """The samples of the lines that this chunk completes; `wall` is when it was seen."""
        block = self._lines.feed(data)
        samples = Samples()
        if block:
            lines, held = gather(clean(block))
            if held:
                self._lines.hold(block, held)
            samples = self._read(Chunk(block, lines, self._before, wall))
        self._look_at(self._lines.bar)
        return samples

    def finish(self, wall: float | None = None) -> Samples:
        """The samples of a last line without a newline. Nothing can be fed after it."""
        block = self._lines.finish()
        lines = gather(clean(block), ended=True)[0]
        return self._read(Chunk(block, lines, self._before, wall)) if block else Samples()

    def state(self) -> dict[str, Any]:
        """All that is needed to go on at `offset` later, as JSON can hold it."""
        return {
            "version": STATE_VERSION,
            "offset": self._lines.offset,
            "skipping": self._lines.skipping,
            "before": [line.decode("latin-1") for line in self._before],
            "table": None if self._rows.table is None else self._rows.table.state(),
            **self._harvest.state(),
        }

    @classmethod
    def restore(
        cls, state: Mapping[str, Any], total: Mapping[str, float] | None = None, pattern: Sequence[str] = ()
    ) -> Extractor:
        """The extractor whose `state` this was. Raises ValueError where it is none of this version."""
        extractor = cls(total, pattern)
        try:
            if state["version"] != STATE_VERSION:
                raise ValueError(f"version {state['version']}")
            extractor._lines = Lines(int(state["offset"]), bool(state["skipping"]))
            extractor._before = [str(line).encode("latin-1") for line in state["before"]]
            extractor._harvest.restore(state)
            if state["table"] is not None:
                extractor._rows.use(tables.restored(state["table"]))
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise ValueError(f"no state of an extractor: {error}") from error
        return extractor

    def _read(self, chunk: Chunk) -> Samples:
        lines, outlines = chunk.lines, chunk.outlines
        harvest, stencils, rows, patterned = self._harvest, self._stencils, self._rows, bool(self._patterns)
        alike, reach, done = 0, RUN, 0
        for place, (line, variants) in enumerate(zip(lines, map(stencils.known.get, outlines), strict=True)):
            if (variants is INERT and not rows.is_separated and not patterned) or place < done:
                continue
            if patterned and (matched := patterns.match(self._patterns, line)) is not None:
                harvest.take_matched(matched, chunk)
                continue
            stencil = None
            if variants is not None:  # as `variants.of(line)`, without a call
                digits = variants.digits
                stencil = variants.stencil if digits is None else variants.stencils.get(digits(line))
            if stencil is not None and (
                rows.table is None or not (rows.is_separated or stencil.is_row) or self._is_foreseen(stencil)
            ):
                recipe = stencil.recipe
                if recipe is NOTHING:
                    continue
                if recipe.row:
                    self._begin_table(recipe, chunk, place)
                    continue
                tokens, is_sound = stencil.tokens(line), stencil.is_sound
            elif variants is None and b"0" not in outlines[place] and not (chunk.is_wordy or rows.is_separated):
                self._read_text(outlines[place], chunk)  # the same bytes, whose hash is known
                continue
            else:
                foreseen = self._last.next
                found = foreseen.match.fullmatch(line) if foreseen is not None and foreseen.match else None
                if foreseen is None or found is None:
                    is_row = rows.is_separated and rows.read(chunk, place)
                    if not is_row:
                        self._read_new(chunk, place, stencil is None)
                    elif (foreseen is None or not foreseen.match) and not patterned:
                        done = place + 1 + rows.read_on(chunk, place + 1)
                    continue
                recipe, tokens, is_sound = foreseen, found.groups(), foreseen.is_dateless
                if stencil is None and not stencils.is_new(outlines[place]):
                    stencils.keep(outlines[place], line, chunk.parts(place), recipe)
            if recipe is self._last:
                alike += 1
                recipe.next = recipe
            else:
                alike = alike + 1 if recipe.kin is self._last.kin and rows.table is None else 0
                self._last.next = self._last = recipe
            harvest.take(recipe, tokens, chunk, place, is_sound)
            if alike >= ALIKE and recipe.may_run and not patterned:
                after = slice(place + 1, place + 1 + reach)
                taken = harvest.take_run(recipe, stencils.run(recipe, lines[after], outlines[after]), chunk)
                done = place + 1 + taken
                # Where all was of use there may be more; where none was it is long before the next try.
                alike = ALIKE if taken == reach else ALIKE // 2 if taken else -ALIKE * 8
                reach = min(RUN_CAP, 2 * reach) if taken == reach else RUN
        self._before = [line[:LINE_CAP] for line in (self._before + lines[-REACH:])[-REACH:]]
        return chunk.samples()

    def _read_new(self, chunk: Chunk, place: int, is_new: bool) -> None:
        """Read a line that is taken apart; `is_new`: no stencil of its outline is known."""
        line, outline = chunk.lines[place], chunk.outlines[place]
        parts = chunk.parts(place)
        if len(parts) == 1:
            self._read_text(line, chunk)
            return
        if not parts[2].strip(BETWEEN_CELLS) and self._rows.read(chunk, place):
            return
        texts = tuple(parts[::2])
        recipe = self._plans.get(texts)
        if recipe is None:
            recipe = self._learn(line, texts, parts)
        elif is_new and not self._stencils.is_new(outline):
            self._stencils.keep(outline, line, parts, recipe)
        if recipe is NOTHING:
            return
        if recipe.row:
            self._begin_table(recipe, chunk, place)
            return
        if recipe.hits < HITS:
            recipe.learn(line, parts)
        self._last.next = self._last = recipe
        self._harvest.take(recipe, [parts[2 * slot + 1] for slot in recipe.plan.wanted], chunk, place)

    def _read_text(self, line: bytes, chunk: Chunk) -> None:
        """A line without numbers: it may head a table or what comes below it, or say that a program starts."""
        part = None
        if line[-1:] in HEADING_ENDS:
            part = announced(line)
            if part is not None:
                self._harvest.announce(part)
        if (chunk.may_head and tables.is_heading(line)) or (chunk.is_barred and line.count(b"|") > _BARS):
            self._rows.use(tables.header(line))
        elif b", " in line and (table := tables.listed(line)) is not None:
            self._rows.use(table)
        elif chunk.names_programs and b".py" in line:
            self._start(line)
        elif part is None and b"0" not in line and not self._stencils.is_new(line):
            self._stencils.keep_inert(line)  # a zero would stand for any digit of a name, `f0` for `f1`

    def _is_foreseen(self, stencil: Stencil) -> bool:
        """Whether a line that may be a row of the table is read by its shape all the same."""
        return stencil.recipe is self._last.next and stencil.recipe.match is not None

    def _learn(self, line: bytes, texts: tuple[bytes, ...], parts: Sequence[bytes]) -> Recipe:
        recipe = NOTHING
        if not is_idle(texts):
            dates = _dates(parts)
            found = remembered(texts, dates) if len(line) <= SHARED_CAP else plan(Shape(texts, dates))
            if found is not IDLE:
                recipe = Recipe(found, texts, self._clocks)
                recipe.kin = self._kinds.setdefault(found, recipe)
        if b".py" in line and self._start(line):
            return recipe
        if len(line) <= SHAPE_CAP:
            if len(self._plans) >= PLAN_CAP or self._size >= PLANS_SIZE:
                self._plans.clear()
                self._kinds.clear()
                self._stencils.clear()
                self._size = 0
            self._plans[texts] = recipe
            self._size += len(line)
        return recipe

    def _begin_table(self, recipe: Recipe, chunk: Chunk, place: int) -> None:
        """A row of numbers, with or without a name in front: a line before it may be its table's header."""
        ahead = list(reversed(chunk.ahead(place)))
        above = next((text for text in ahead if not is_ruler(text)), b"")
        if not recipe.plan.crossed and self._rows.begin(above, chunk, place):
            return
        if recipe.crosses is False:
            return
        parts = chunk.parts(place)
        dates = _dates(parts)
        if recipe.crosses is None:
            recipe.crosses = may_cross(Shape(recipe.texts, dates))
        found = under(Shape(recipe.texts, dates), ahead) if recipe.crosses else IDLE
        if found is not IDLE:
            made = self._plans[recipe.texts] = Recipe(found, recipe.texts, self._clocks)
            self._stencils.clear()  # they know the lines as rows
            self._harvest.take(made, [parts[2 * slot + 1] for slot in found.wanted], chunk, place)

    def _start(self, line: bytes) -> bool:
        """Whether a shell says that it starts a program: its metrics are not those of another one."""
        programs = self._harvest.programs
        before = programs.other
        started = programs.see(line)
        if programs.other != before:
            for recipe in (*self._plans.values(), *self._rows.recipes):
                recipe.forget()
        return started

    def _look_at(self, bar: bytes) -> None:
        """Progress goes on while a bar is being redrawn; whatever else it tells counts when its line ends."""
        self._ahead = None
        parts = splitter(is_wordy(bar))(bar) if bar else []
        if len(parts) > 1:
            texts = tuple(parts[::2])
            recipe = self._plans.get(texts) or self._learn(bar, texts, parts)
            if recipe.plan.epoch or recipe.plan.counter:
                self._ahead = self._harvest.position.copy()
                self._ahead.see(recipe.told, [parts[2 * slot + 1] for slot in recipe.plan.wanted])


def _dates(parts: Sequence[bytes]) -> frozenset[int]:
    """The slots of a line's numbers that are none but dates."""
    return frozenset(slot for slot, token in enumerate(parts[1::2]) if number(token) is None)
