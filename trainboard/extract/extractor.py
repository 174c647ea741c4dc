"""The extractor: chunks of a log in, samples out."""

from __future__ import annotations

from itertools import chain, repeat
from typing import TYPE_CHECKING, Any

from trainboard.extract import pattern as patterns
from trainboard.extract import tables
from trainboard.extract.blocks import gather
from trainboard.extract.chunk import Chunk
from trainboard.extract.context import LINE_CAP, REACH, is_ruler, is_written
from trainboard.extract.ledger import COUNTED, KINDS_CAP, REPEATS_CAP, Ledger
from trainboard.extract.lines import Lines, clean
from trainboard.extract.names import fold
from trainboard.extract.plan import IDLE, may_cross, plan, remembered, under
from trainboard.extract.programs import Programs
from trainboard.extract.progress import Position, Progress
from trainboard.extract.quick import is_idle
from trainboard.extract.recipe import HITS, NOTHING, Recipe
from trainboard.extract.recurrence import Recurrence, Sight
from trainboard.extract.shape import Shape, is_wordy, number, splitter
from trainboard.extract.stamps import Clocks
from trainboard.extract.stencil import BETWEEN_CELLS, INERT, Stencils
from trainboard.extract.words import HEADING_ENDS, announced
from trainboard.series import Sample

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from trainboard.extract.fields import Field
    from trainboard.extract.ledger import Channel
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
TABLES_CAP = 16
"""Tables whose recipes are remembered."""
ALIKE = 16
"""Lines of one shape after which more of them are taken at once, where there are as many."""
RUN, RUN_CAP = 64, 512
"""Lines that are taken at once, at first and at most."""
_sample = tuple.__new__


class Extractor:
    """Reads one log from its start, or from where `restore` says.

    `total` is the spec's length of a run, as `{"epochs": 50}`; `pattern` its regular expressions, which win over
    guessing (see `trainboard.extract.pattern`; raises ValueError where one cannot be used). Memory is bounded
    whatever the log holds.
    """

    def __init__(self, total: Mapping[str, float] | None = None, pattern: Sequence[str] = ()) -> None:
        self._lines = Lines()
        self._position = Position(total)
        self._patterns = patterns.compiled(pattern)
        self._ledger = Ledger()
        self._plans: dict[tuple[bytes, ...], Recipe] = {}
        self._size = 0
        """Of the lines whose shapes are in `_plans`."""
        self._stencils = Stencils()
        self._clocks = Clocks()
        self._last = Recipe(IDLE)
        """The shape that was read last."""
        self._before: list[bytes] = []
        """The last lines of the block before."""
        self._table: tables.Table | None = None
        self._separated = False
        """Signs stand between its cells, which tell rows at a look."""
        self._row = NOTHING
        self._rows: dict[int, tuple[tables.Table, Recipe]] = {}
        """The tables that were met, with their recipes."""
        self._programs = Programs()
        self._recurrence = Recurrence()
        self._ticks = 0
        """Lines with metrics and without an index."""
        self._part = ""
        """The evaluation that a heading line announced, for the lines below it without an index."""

    @property
    def offset(self) -> int:
        """Bytes of the log that are consumed: what comes next must be fed from here after a `restore`."""
        return self._lines.offset

    @property
    def progress(self) -> Progress | None:
        """How far the run is, by what was fed so far."""
        return self._position.progress

    def feed(self, data: bytes, wall: float | None = None) -> list[Sample]:
        """The samples of the lines that this chunk completes; `wall` is when it was seen."""
        block = self._lines.feed(data)
        samples: list[Sample] = []
        if block:
            lines, held = gather(clean(block))
            if held:
                self._lines.hold(block, held)
            samples = self._read(Chunk(block, lines), wall)
        self._look_at(self._lines.bar)
        return samples

    def finish(self, wall: float | None = None) -> list[Sample]:
        """The samples of a last line without a newline. Nothing can be fed after it."""
        block = self._lines.finish()
        return self._read(Chunk(block, gather(clean(block), ended=True)[0]), wall) if block else []

    def state(self) -> dict[str, Any]:
        """All that is needed to go on at `offset` later, as JSON can hold it."""
        return {
            "version": STATE_VERSION,
            "offset": self._lines.offset,
            "skipping": self._lines.skipping,
            "position": self._position.state(),
            "ledger": self._ledger.state(),
            "before": [line.decode("latin-1") for line in self._before],
            "table": None if self._table is None else self._table.state(),
            "programs": self._programs.names,
            "part": self._part,
            "recurrence": self._recurrence.state(),
            "ticks": self._ticks,
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
            extractor._position.restore(state["position"])
            extractor._ledger.restore(state["ledger"])
            extractor._before = [str(line).encode("latin-1") for line in state["before"]]
            extractor._programs = Programs(map(str, state["programs"]))
            extractor._part = str(state["part"])
            extractor._recurrence.restore(state["recurrence"])
            extractor._ticks = int(state["ticks"])
            if state["table"] is not None:
                extractor._use(tables.restored(state["table"]))
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise ValueError(f"no state of an extractor: {error}") from error
        return extractor

    def _read(self, chunk: Chunk, wall: float | None) -> list[Sample]:
        samples: list[Sample] = []
        lines, outlines = chunk.lines, chunk.outlines
        stencils, patterned = self._stencils, bool(self._patterns)
        alike, reach, done = 0, RUN, 0
        for place, (line, variants) in enumerate(zip(lines, map(stencils.known.get, outlines), strict=True)):
            if (variants is INERT and not self._separated and not patterned) or place < done:
                continue
            if patterned and self._matched(line, wall, samples):
                continue
            stencil = None
            if variants is not None:  # as `variants.of(line)`, without a call
                digits = variants.digits
                stencil = variants.stencil if digits is None else variants.stencils.get(digits(line))
            if stencil is not None and (self._table is None or self._is_no_row(stencil)):
                recipe = stencil.recipe
                if recipe is NOTHING:
                    continue
                if recipe.row:
                    self._begin_table(recipe, chunk, wall, samples, place)
                    continue
                tokens = stencil.tokens(line)
            elif variants is None and b"0" not in outlines[place] and not (chunk.is_wordy or self._separated):
                self._read_text(outlines[place], chunk)  # the same bytes, whose hash is known
                continue
            else:
                foreseen = self._last.next
                found = foreseen.match.fullmatch(line) if foreseen is not None and foreseen.match else None
                if foreseen is None or found is None:
                    self._read_new(chunk, place, stencil is None, wall, samples)
                    continue
                recipe, tokens = foreseen, found.groups()
                if stencil is None and not stencils.is_new(outlines[place]):
                    stencils.keep(outlines[place], line, chunk.parts(place), recipe)
            if recipe is self._last:
                alike += 1
                recipe.next = recipe
            else:
                alike = 0
                self._last.next = self._last = recipe
            self._take(recipe, tokens, wall, samples, lines, place)
            if alike >= ALIKE and recipe.may_run and not patterned:
                after = slice(place + 1, place + 1 + reach)
                taken = self._take_run(recipe, stencils.run(recipe, lines[after], outlines[after]), wall, samples)
                done = place + 1 + taken
                # Where all was of use there may be more; where none was it is long before the next try.
                alike = ALIKE if taken == reach else ALIKE // 2 if taken else -ALIKE * 8
                reach = min(RUN_CAP, 2 * reach) if taken == reach else RUN
        self._before = [line[:LINE_CAP] for line in (self._before + lines[-REACH:])[-REACH:]]
        return samples

    def _read_new(self, chunk: Chunk, place: int, is_new: bool, wall: float | None, samples: list[Sample]) -> None:
        """Read a line that is taken apart; `is_new`: no stencil of its outline is known."""
        line, outline, lines = chunk.lines[place], chunk.outlines[place], chunk.lines
        if self._separated and self._read_row(line, lines, place, wall, samples):
            return
        parts = chunk.parts(place)
        if len(parts) == 1:
            self._read_text(line, chunk)
            return
        if not parts[2].strip(BETWEEN_CELLS) and self._read_row(line, lines, place, wall, samples):
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
            self._begin_table(recipe, chunk, wall, samples, place)
            return
        if recipe.hits < HITS:
            recipe.learn(line, parts)
        self._last.next = self._last = recipe
        self._take(recipe, [parts[2 * slot + 1] for slot in recipe.plan.wanted], wall, samples, lines, place)

    def _read_text(self, line: bytes, chunk: Chunk) -> None:
        """A line without numbers: it may head a table or what comes below it, or say that a program starts."""
        part = None
        if line[-1:] in HEADING_ENDS:
            part = announced(line)
            if part is not None:
                self._announce(part)
        if (chunk.may_head and tables.is_heading(line)) or (chunk.is_barred and line.count(b"|") > _BARS):
            self._use(tables.header(line))
        elif b", " in line and (table := tables.listed(line)) is not None:
            self._use(table)
        elif chunk.names_programs and b".py" in line:
            self._start(line)
        elif part is None and b"0" not in line and not self._stencils.is_new(line):
            self._stencils.keep_inert(line)  # a zero would stand for any digit of a name, `f0` for `f1`

    def _read_row(
        self, line: bytes, lines: list[bytes], place: int, wall: float | None, samples: list[Sample]
    ) -> bool:
        """Whether a line is a row of the table that was met last: then it is read."""
        cells = self._table.cells(line) if self._table is not None else None
        if cells is None:
            return False
        self._take(self._row, cells, wall, samples, lines, place)
        return True

    def _is_no_row(self, stencil: Stencil) -> bool:
        """Whether a line of a known shape is read by it although there is a table."""
        foreseen = stencil.recipe is self._last.next and stencil.recipe.match is not None
        return foreseen or not (self._separated or stencil.is_row)

    def _ahead(self, lines: list[bytes], place: int) -> list[bytes]:
        """The lines before a place, those of the block before included."""
        near = lines[max(0, place - REACH) : place]
        return (self._before[len(near) - REACH :] if len(near) < REACH else []) + near

    def _matched(self, line: bytes, wall: float | None, samples: list[Sample]) -> bool:
        found = patterns.match(self._patterns, line)
        if found is None:
            return False
        if found.place:
            self._position.at(fold(found.place[0]), found.place[1])
        for name, value in found.fields:
            channel = self._ledger.channel(name, "pattern", "pattern")
            if channel is not None:
                index = (fold(found.place[0]), found.place[1]) if found.place else self._borrowed(channel)
                channel.count += 1
                samples.append(Sample(channel.metric, value, index[1], index[0], wall))
        return True

    def _take(
        self,
        recipe: Recipe,
        tokens: Sequence[bytes],
        wall: float | None,
        samples: list[Sample],
        lines: list[bytes],
        place: int,
    ) -> None:
        position = self._position
        channels = recipe.channels if not recipe.looped else self._loop(recipe, tokens)
        index = None
        if recipe.bare:
            if recipe.plan.key:
                if channels is None:
                    self._watch(recipe, tokens, wall, samples)
                    return
            elif self._is_out_of_place(recipe, lines, place):
                return
            else:
                position.end_epoch()
                self._ticks += 1
                if recipe.part != self._part:
                    recipe.forget()
                    recipe.part, channels = self._part, None
        elif position.see(recipe.told, tokens):
            index = position.index
            self._part = ""
        if channels is None:
            channels = self._resolve(recipe)
        if not channels and not recipe.doubts:
            return
        if recipe.stamp is not None and channels:
            wall = (recipe.clock or recipe.clocks.of(recipe.stamp, tokens)).time(recipe.stamp, tokens, wall)
        rank = recipe.rank(tokens) if recipe.ranked else None
        borrowed, serial = position.index, position.serial
        word, step = index or ("", 0.0)
        guarded = position.ended or recipe.unique
        for at, scale, channel in channels:
            token = tokens[at]
            if not token:
                continue
            try:
                value = float(token)
            except ValueError:
                other = number(token)
                if other is None:
                    continue
                value = other
            if rank is not None and channel.rank != rank and not channel.hears(rank):
                continue
            if index is None:
                if borrowed is not None and channel.serial != serial and channel.serial != COUNTED:
                    channel.serial, channel.repeats = serial, 0
                    word, step = borrowed
                else:
                    word, step = self._borrowed(channel)
            elif guarded:
                step = index[1]
                if position.ended and channel.last is not None and channel.last > step:
                    step += 1
                elif recipe.unique and channel.last == step and channel.is_doubled:
                    continue
                channel.last = step
            else:
                channel.last = step
            channel.count += 1
            samples.append(_sample(Sample, (channel.metric, value * scale, step, word, wall)))
        if recipe.doubts and index is not None:
            self._doubt(recipe, tokens, wall, samples)

    def _take_run(
        self, recipe: Recipe, lines: list[tuple[bytes, ...]], wall: float | None, samples: list[Sample]
    ) -> int:
        """How many of the lines after one of the same shape were taken at once, column by column; may be none."""
        channels = recipe.channels
        lines = self._position.of_epoch(recipe.told, lines)
        if len(lines) < ALIKE or not channels or len({id(channel) for *_, channel in channels}) < len(channels):
            return 0
        columns = list(zip(*lines, strict=True))
        try:
            values = [_scaled(map(float, columns[at]), scale) for at, scale, _ in channels]
        except ValueError:
            return 0
        seen = self._position.see_run(recipe.told, columns)
        if seen is None:
            return 0
        word, steps = seen
        walls = list(recipe.times(lines, wall)) if recipe.stamp else [wall] * len(lines)
        made = []
        for (*_, channel), column in zip(channels, values, strict=True):
            channel.last = steps[-1]
            channel.count += len(lines)
            rows = zip(repeat(channel.metric), column, steps, repeat(word), walls)
            made.append(map(_sample, repeat(Sample), rows))
        samples += chain.from_iterable(zip(*made, strict=True))
        return len(lines)

    def _watch(self, recipe: Recipe, tokens: Sequence[bytes], wall: float | None, samples: list[Sample]) -> None:
        """A line whose names nobody knows: its samples, and those held back, where it recurs in a training."""
        found, watched = recipe.plan, recipe.plan.fields
        rank = recipe.rank(tokens) if recipe.ranked else None
        serial = self._position.serial + self._ticks
        if rank is None and self._recurrence.is_listed(found.key, serial):
            return
        places, sights = self._see(recipe, found.key, watched, tokens, wall)
        if not places:
            return
        tag = found.tag + found.key + self._programs.other
        recipe.channels = self._emitted(
            [watched[place] for place in places], places, sights, tag, "line", rank, samples
        )

    def _doubt(self, recipe: Recipe, tokens: Sequence[bytes], wall: float | None, samples: list[Sample]) -> None:
        """The numbers of a line with an index that are called as settings are: samples where they vary."""
        found, doubts = recipe.plan, recipe.doubts
        key = f"{found.tag}|{','.join(field.name for field in doubts)}"
        places, sights = self._see(recipe, key, doubts, tokens, wall)
        if places:
            recipe.confirmed = tuple(doubts[place] for place in places)
            tag, word = self._kind_of(recipe)
            rank = recipe.rank(tokens) if recipe.ranked else None
            self._emitted(recipe.confirmed, places, sights, tag, word, rank, samples)
            recipe.forget()
        if places or self._recurrence.is_settled(key):
            recipe.doubts = ()

    def _see(
        self, recipe: Recipe, key: str, fields: Sequence[Field], tokens: Sequence[bytes], wall: float | None
    ) -> tuple[tuple[int, ...], list[Sight]]:
        position = self._position
        word, step = position.index or ("", 0.0)
        rank = recipe.rank(tokens) if recipe.ranked else None
        texts = tuple(tokens[field.slot].decode() for field in fields)
        sight = Sight(position.serial + self._ticks, self._ticks, word, step, recipe.time(tokens, wall), texts)
        trained = bool(word) and not self._ledger.is_empty
        return self._recurrence.see(key, tuple(field.name for field in fields), rank, sight, trained)

    def _emitted(
        self,
        fields: Sequence[Field],
        places: Sequence[int],
        sights: list[Sight],
        tag: str,
        word: str,
        rank: int | None,
        samples: list[Sample],
    ) -> list[tuple[int, float, Channel]]:
        """The channels of numbers that are measurements now, after the samples that were held back."""
        counted = len({(seen.word, seen.step) for seen in sights}) < len(sights)
        channels = []
        for (slot, name, scale), place in zip(fields, places, strict=True):
            channel = self._ledger.channel(name, tag, word)
            if channel is None:
                continue
            channels.append((slot, scale, channel))
            if rank is not None and not channel.hears(rank):
                continue
            for seen in sights:
                value = number(seen.tokens[place].encode())
                if value is None:
                    continue
                at: tuple[str, float] = seen.word, seen.step
                if counted:
                    channel.serial = COUNTED
                    at = "", float(channel.count)
                elif len(sights) == 1:
                    at = self._borrowed(channel)
                else:
                    channel.serial, channel.last = seen.serial, seen.step
                channel.count += 1
                samples.append(Sample(channel.metric, value * scale, at[1], at[0], seen.wall))
        return channels

    def _announce(self, part: str) -> None:
        """Take a heading line, `Validation:`, after which lines without an index are of that data."""
        if self._position.index is not None:
            self._part = part

    def _is_out_of_place(self, recipe: Recipe, lines: list[bytes], place: int) -> bool:
        """Whether a line without an index stands outside of a training, or in source code or configuration."""
        if recipe.plan.guest and self._position.index is None:
            return True
        return not recipe.is_trusted and is_written(self._ahead(lines, place))

    def _loop(self, recipe: Recipe, tokens: Sequence[bytes]) -> list[tuple[int, float, Channel]]:
        """The channels of a loop with so many batches."""
        counter = recipe.plan.counter
        total = tokens[counter.total] if counter and counter.total is not None else b""
        found = recipe.totals.get(total)
        if found is None:
            if len(recipe.totals) >= KINDS_CAP:
                recipe.totals.clear()
            found = recipe.totals[total] = self._resolve(recipe, total.decode("ascii", "replace"))
        return found

    def _resolve(self, recipe: Recipe, loop: str = "") -> list[tuple[int, float, Channel]]:
        tag, word = self._kind_of(recipe, loop)
        fields = (*recipe.plan.fields, *recipe.confirmed)
        made = ((field.slot, field.scale, self._ledger.channel(field.name, tag, word)) for field in fields)
        recipe.channels = [(at, scale, channel) for at, scale, channel in made if channel is not None]
        return recipe.channels

    def _kind_of(self, recipe: Recipe, loop: str = "") -> tuple[str, str]:
        """The kind of line, and what a reader would call it."""
        program, found = self._programs.other, recipe.plan
        if recipe.bare and self._part:
            return f"{found.tag}{loop}{program}|{self._part}", self._part
        return found.tag + loop + program, f"{program} {found.word}" if program else found.word

    def _borrowed(self, channel: Channel) -> tuple[str, float]:
        """The index of a sample whose line has none.

        It borrows the last one; where that would be given to the same metric again and again, it does not tell the
        samples apart, and they are counted.
        """
        index, serial = self._position.index, self._position.serial
        channel.repeats = channel.repeats + 1 if channel.serial == serial else 0
        if index is None or channel.serial == COUNTED or channel.repeats > REPEATS_CAP:
            channel.serial = COUNTED
            return "", float(channel.count)
        channel.serial = serial
        return index

    def _learn(self, line: bytes, texts: tuple[bytes, ...], parts: Sequence[bytes]) -> Recipe:
        recipe = NOTHING
        if not is_idle(texts):
            dates = _dates(parts)
            found = remembered(texts, dates) if len(line) <= SHARED_CAP else plan(Shape(texts, dates))
            recipe = NOTHING if found is IDLE else Recipe(found, texts, self._clocks)
        if b".py" in line and self._start(line):
            return recipe
        if len(line) <= SHAPE_CAP:
            if len(self._plans) >= PLAN_CAP or self._size >= PLANS_SIZE:
                self._plans.clear()
                self._stencils.clear()
                self._size = 0
            self._plans[texts] = recipe
            self._size += len(line)
        return recipe

    def _begin_table(
        self, recipe: Recipe, chunk: Chunk, wall: float | None, samples: list[Sample], place: int
    ) -> None:
        """A row of numbers, with or without a name in front: a line before it may be its table's header."""
        lines, line = chunk.lines, chunk.lines[place]
        ahead = list(reversed(self._ahead(lines, place)))
        above = next((text for text in ahead if not is_ruler(text)), b"")
        table = None if recipe.plan.crossed else tables.above(above, line)
        cells = table.cells(line) if table else None
        if table is not None and cells is not None:
            self._use(table)
            self._take(self._row, cells, wall, samples, lines, place)
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
            self._take(made, [parts[2 * slot + 1] for slot in found.wanted], wall, samples, lines, place)

    def _use(self, table: tables.Table | None) -> None:
        if table is None or table is self._table:
            return
        if id(table) not in self._rows:
            if len(self._rows) >= TABLES_CAP:
                self._rows.clear()
            self._rows[id(table)] = table, Recipe(table.plan)
        self._table, self._row = self._rows[id(table)]
        self._separated = table.is_separated

    def _start(self, line: bytes) -> bool:
        """Whether a shell says that it starts a program: its metrics are not those of another one."""
        started = self._programs.see(line)
        if started:
            for recipe in (*self._plans.values(), *(row for _, row in self._rows.values())):
                recipe.forget()
        return started

    def _look_at(self, bar: bytes) -> None:
        """Progress goes on while a bar is being redrawn; its metrics count when its line ends."""
        parts = splitter(is_wordy(bar))(bar) if bar else []
        if len(parts) > 1:
            texts = tuple(parts[::2])
            recipe = self._plans.get(texts) or self._learn(bar, texts, parts)
            if recipe.plan.epoch or recipe.plan.counter:
                self._position.see(recipe.told, [parts[2 * slot + 1] for slot in recipe.plan.wanted])


def _scaled(values: Iterable[float], scale: float) -> list[float]:
    return list(values) if scale == 1 else [value * scale for value in values]


def _dates(parts: Sequence[bytes]) -> frozenset[int]:
    """The slots of a line's numbers that are none but dates."""
    return frozenset(slot for slot, token in enumerate(parts[1::2]) if number(token) is None)
