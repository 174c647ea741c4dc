"""What the lines of a log give: the samples of those whose shape is known, and where in the training they stand."""

from __future__ import annotations

from itertools import chain, repeat
from typing import TYPE_CHECKING, Any

from trainboard.extract.context import is_written
from trainboard.extract.ledger import COUNTED, KINDS_CAP, REPEATS_CAP, Ledger
from trainboard.extract.names import fold
from trainboard.extract.numerals import values_or_none
from trainboard.extract.outlet import Outlet
from trainboard.extract.position import Position
from trainboard.extract.programs import Programs
from trainboard.extract.recurrence import Recurrence, Sight
from trainboard.extract.shape import number

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from trainboard.extract.chunk import Chunk
    from trainboard.extract.fields import Field
    from trainboard.extract.ledger import Channel
    from trainboard.extract.pattern import Match
    from trainboard.extract.recipe import Recipe
    from trainboard.extract.unison import Unison

ALIKE = 16
"""Lines of one shape after which more of them are taken at once, where there are as many."""
REST = 64
"""Lines until it is tried again to take one for all its metrics at once."""
PARTS_CAP = 64
"""Ways in which the fields of one kind of line may be missing that are remembered."""


class Harvest:
    """Of one log, line by line; `total` as of `Extractor`."""

    def __init__(self, total: Mapping[str, float] | None = None) -> None:
        self.position = Position(total)
        self.programs = Programs()
        self._ledger = Ledger()
        self._recurrence = Recurrence()
        self._ticks = 0
        """Lines with metrics and without an index."""
        self._part = ""
        """The evaluation that a heading line announced, for the lines below it without an index."""

    def state(self) -> dict[str, Any]:
        """As JSON can hold it."""
        return {
            "position": self.position.state(),
            "ledger": self._ledger.state(),
            "programs": self.programs.names,
            "part": self._part,
            "recurrence": self._recurrence.state(),
            "ticks": self._ticks,
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on where `state` was taken. Raises AttributeError, KeyError, TypeError or ValueError."""
        self.position.restore(state["position"])
        self._ledger.restore(state["ledger"])
        self.programs = Programs(map(str, state["programs"]))
        self._part = str(state["part"])
        self._recurrence.restore(state["recurrence"])
        self._ticks = int(state["ticks"])

    def announce(self, part: str) -> None:
        """Take a heading line, `Validation:`, after which lines without an index are of that data."""
        if self.position.index is not None:
            self._part = part

    def take_matched(self, found: Match, chunk: Chunk) -> None:
        """Take what a pattern of the user found in a line."""
        if found.place:
            self.position.at(fold(found.place[0]), found.place[1])
        for name, value in found.fields:
            channel = self._ledger.channel(name, "pattern", "pattern")
            if channel is not None:
                index = (fold(found.place[0]), found.place[1]) if found.place else self._borrowed(channel)
                channel.count += 1
                chunk.add((channel.metric,), (value,), index, chunk.wall)

    def take(self, recipe: Recipe, tokens: Sequence[bytes], chunk: Chunk, place: int, is_sound: bool = False) -> None:
        """Take a line: `tokens` are the numbers that its recipe wants, `place` is the line's in the chunk.

        `is_sound`: those that may be values are known to be numbers.
        """
        position = self.position
        outlet = recipe.outlet if not recipe.looped else self._loop(recipe, tokens)
        index = None
        if recipe.bare:
            if recipe.is_watched:
                if outlet is None:
                    self._watch(recipe, tokens, chunk)
                    return
            elif (recipe.is_guest or not recipe.trusted) and self._is_out_of_place(recipe, chunk, place):
                return
            else:
                if position.fraction == 0:
                    position.fraction = None  # a metric of the whole epoch stands below its heading
                self._ticks += 1
                if recipe.part != self._part:
                    recipe.forget()
                    recipe.part, outlet = self._part, None
        elif position.see(recipe.told, tokens):
            index = position.index
            self._part = ""
        if outlet is None:
            outlet = self._resolve(recipe)
        unison = outlet.unison
        if not outlet.fields:
            pass  # a heading, which tells the place alone
        elif (
            is_sound
            and unison is not None
            and (
                (recipe.is_plain and index is not None and unison.is_joined and unison.is_level)
                or self._serves(unison, recipe, index)
            )
        ):
            at = index
            if recipe.ranked and not self._hears(recipe, unison, tokens):
                at = None
            elif index is None or recipe.unique or position.ended:
                at = self._place(recipe, unison, index)
            else:
                unison.last, unison.is_level = index[1], True
            if at is not None:
                unison.count += 1
                wall = chunk.wall
                if recipe.stamp is not None:
                    clock = recipe.clock or recipe.clocks.of(recipe.stamp, tokens)
                    wall = clock.time(recipe.stamp, tokens, wall)
                if outlet.scales is not None:
                    chunk.scale(outlet.scales)
                chunk.tokens += outlet.pick(tokens)
                chunk.told.append((outlet.metrics, at, wall))
        elif not (recipe.is_tabled and self._take_row(recipe, outlet, index, tokens, chunk)):
            self._take_apart(recipe, outlet, index, tokens, chunk)
        if recipe.doubts and index is not None:
            self._doubt(recipe, tokens, chunk)

    def take_run(self, recipe: Recipe, lines: Sequence[Sequence[bytes]], chunk: Chunk) -> int:
        """How many of the lines after one of the same shape, all sound, were taken at once; may be none."""
        outlet = recipe.outlet
        lines = self.position.of_epoch(recipe.told, lines)
        unison = None if outlet is None else outlet.unison
        if len(lines) < ALIKE or outlet is None or unison is None or not (unison.is_joined or unison.join()):
            return 0
        seen = self.position.see_run(recipe.told, list(zip(*lines, strict=True)))
        if seen is None:
            return 0
        word, steps = seen
        unison.last, unison.is_level = steps[-1], True
        unison.count += len(lines)
        if outlet.scales is not None:
            chunk.scale(outlet.scales * len(lines))
        chunk.tokens += chain.from_iterable(map(outlet.pick, lines))
        chunk.told += zip(repeat(outlet.metrics), zip(repeat(word), steps), recipe.times(lines, chunk.wall))
        return len(lines)

    def take_rows(self, recipe: Recipe, rows: Sequence[Sequence[bytes]], chunk: Chunk) -> int:
        """How many rows of a table, all with the same cells filled, were taken at once; may be none."""
        outlet, told = recipe.outlet, recipe.told
        if told.epoch is not None and not rows[0][told.epoch]:
            told = told.without_epoch
        rows = self.position.of_epoch(told, rows)
        if outlet is None or not rows or not recipe.may_run:
            return 0
        outlet = self._filled(outlet, rows[0])
        unison = outlet.unison
        if unison is None or not (unison.is_joined or unison.join()):
            return 0
        values = values_or_none(list(chain.from_iterable(map(outlet.pick, rows))))
        seen = None if values is None else self.position.see_run(told, list(zip(*rows, strict=True)))
        if values is None or seen is None:
            return 0
        word, steps = seen
        unison.last, unison.is_level = steps[-1], True
        unison.count += len(rows)
        chunk.know(values)
        chunk.told += zip(repeat(outlet.metrics), zip(repeat(word), steps), repeat(chunk.wall))
        return len(rows)

    def _take_row(
        self, recipe: Recipe, outlet: Outlet, index: tuple[str, float] | None, cells: Sequence[bytes], chunk: Chunk
    ) -> bool:
        """Whether the filled cells of a row could be taken for all their metrics at once."""
        outlet = self._filled(outlet, cells)
        unison = outlet.unison
        if index is None or unison is None or not self._serves(unison, recipe, index):
            return False
        values = values_or_none(outlet.pick(cells))
        if values is None:
            return False
        at = self._place(recipe, unison, index)
        if at is not None:
            unison.count += 1
            chunk.add(outlet.metrics, values, at, chunk.wall)
        return True

    def _filled(self, outlet: Outlet, cells: Sequence[bytes]) -> Outlet:
        """The same outlet without the fields that are empty in a row."""
        picked = outlet.pick(cells)
        filled = bytes(map(bool, picked))
        part = outlet.parts.get(filled)
        if part is None:
            if len(outlet.parts) >= PARTS_CAP:
                outlet.parts.clear()
            fields = [field for field, token in zip(outlet.fields, picked, strict=True) if token]
            part = outlet.parts[filled] = self._outlet(fields, bare=False)
        return part

    def _hears(self, recipe: Recipe, one: Unison | Channel, tokens: Sequence[bytes]) -> bool:
        """Whether samples of the rank that printed a line are taken."""
        rank = recipe.rank(tokens)
        return rank is None or one.hears(rank)

    def _serves(self, unison: Unison, recipe: Recipe, index: tuple[str, float] | None) -> bool:
        """Whether a line can be taken for all channels at once: what decides about it is the same for each."""
        if not unison.is_joined:
            if unison.rest:
                unison.rest -= 1
                return False
            if not unison.join():
                unison.rest = REST
                return False
        if recipe.is_plain and index is not None:
            return unison.is_level or not self.position.ended
        if recipe.bare:
            fresh = unison.serial != self.position.serial or unison.repeats < REPEATS_CAP
            if unison.is_even or (fresh and unison.serial != COUNTED and self.position.index is not None):
                return True
        elif index is not None and unison.is_level and unison.is_even:
            return True
        unison.rest = REST
        return False

    def _place(self, recipe: Recipe, one: Unison, index: tuple[str, float] | None) -> tuple[str, float] | None:
        """Where the samples of a line stand; None where another rank has printed it before."""
        position = self.position
        if index is not None:
            at = self._guarded(recipe, one, index)
            if at is not None:
                one.last, one.is_level = at[1], True
            return at
        if position.index is None or one.serial == position.serial or one.serial == COUNTED:
            return self._borrowed(one)
        one.serial, one.repeats = position.serial, 0
        return position.index

    def _guarded(self, recipe: Recipe, one: Channel | Unison, index: tuple[str, float]) -> tuple[str, float] | None:
        """The place of a line at the end of an epoch, or of a kind of which each step has one; None as `_place`."""
        if self.position.ended and one.last is not None and one.last > index[1]:
            return index[0], index[1] + 1
        return None if recipe.unique and one.last == index[1] and one.is_doubled else index

    def _take_apart(
        self,
        recipe: Recipe,
        outlet: Outlet,
        index: tuple[str, float] | None,
        tokens: Sequence[bytes],
        chunk: Chunk,
    ) -> None:
        """Take the fields of a line one by one, where some are missing or have gone other ways than the others."""
        wall = chunk.wall if recipe.stamp is None else recipe.time(tokens, chunk.wall)
        rank = recipe.rank(tokens) if recipe.ranked else None
        guarded = self.position.ended or recipe.unique
        place = at = index or ("", 0.0)
        metrics: list[str] = []
        values: list[float] = []
        for slot, scale, channel in outlet.fields:
            token = tokens[slot]
            if not token:
                continue
            try:
                value = float(token)
            except ValueError:
                other = number(token)
                if other is None:
                    continue
                value = other
            if channel.unison is not None:
                channel.unison.settle()
            if rank is not None and not channel.hears(rank):
                continue
            if index is None:
                at = self._borrowed(channel)
            else:
                found = self._guarded(recipe, channel, index) if guarded else index
                if found is None:
                    continue
                at, channel.last = found, found[1]
            if at is not place and at != place:
                if metrics:
                    chunk.told.append((tuple(metrics), place, wall))
                metrics, place = [], at
            channel.count += 1
            metrics.append(channel.metric)
            values.append(value * scale)
        if metrics:
            chunk.told.append((tuple(metrics), place, wall))
            chunk.know(values)

    def _watch(self, recipe: Recipe, tokens: Sequence[bytes], chunk: Chunk) -> None:
        """A line whose names nobody knows: its samples, and those held back, where it recurs in a training."""
        found, watched = recipe.plan, recipe.plan.fields
        rank = recipe.rank(tokens) if recipe.ranked else None
        serial = self.position.serial + self._ticks
        if rank is None and self._recurrence.is_listed(found.key, serial):
            return
        places, sights = self._see(recipe, found.key, watched, tokens, chunk.wall)
        if not places:
            return
        tag = found.tag + found.key + self.programs.other
        fields = [watched[place] for place in places]
        recipe.outlet = self._outlet(self._emitted(fields, places, sights, tag, "line", rank, chunk), recipe.bare)

    def _doubt(self, recipe: Recipe, tokens: Sequence[bytes], chunk: Chunk) -> None:
        """The numbers of a line with an index that are called as settings are: samples where they vary."""
        found, doubts = recipe.plan, recipe.doubts
        key = f"{found.tag}|{','.join(field.name for field in doubts)}"
        places, sights = self._see(recipe, key, doubts, tokens, chunk.wall)
        if places:
            recipe.confirmed = tuple(doubts[place] for place in places)
            tag, word = self._kind_of(recipe)
            rank = recipe.rank(tokens) if recipe.ranked else None
            self._emitted(recipe.confirmed, places, sights, tag, word, rank, chunk)
            recipe.forget()
        if places or self._recurrence.is_settled(key):
            recipe.doubts = ()

    def _see(
        self, recipe: Recipe, key: str, fields: Sequence[Field], tokens: Sequence[bytes], wall: float | None
    ) -> tuple[tuple[int, ...], list[Sight]]:
        position = self.position
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
        chunk: Chunk,
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
                chunk.add((channel.metric,), (value * scale,), at, seen.wall)
        return channels

    def _is_out_of_place(self, recipe: Recipe, chunk: Chunk, place: int) -> bool:
        """Whether a line without an index stands outside of a training, or in source code or configuration."""
        if recipe.plan.guest and self.position.index is None:
            return True
        return not recipe.is_trusted and is_written(chunk.ahead(place))

    def _loop(self, recipe: Recipe, tokens: Sequence[bytes]) -> Outlet:
        """The outlet of a loop with so many batches."""
        counter = recipe.plan.counter
        total = tokens[counter.total] if counter and counter.total is not None else b""
        found = recipe.totals.get(total)
        if found is None:
            if len(recipe.totals) >= KINDS_CAP:
                recipe.totals.clear()
            found = recipe.totals[total] = self._resolve(recipe, total.decode("ascii", "replace"))
        return found

    def _resolve(self, recipe: Recipe, loop: str = "") -> Outlet:
        tag, word = self._kind_of(recipe, loop)
        fields = (*recipe.plan.fields, *recipe.confirmed)
        made = ((field.slot, field.scale, self._ledger.channel(field.name, tag, word)) for field in fields)
        found = ((at, scale, channel) for at, scale, channel in made if channel is not None)
        recipe.outlet = self._outlet(found, recipe.bare)
        return recipe.outlet

    def _outlet(self, fields: Iterable[tuple[int, float, Channel]], bare: bool) -> Outlet:
        outlet = Outlet(fields)
        outlet.unison = self._ledger.unison(outlet.channels, bare)
        return outlet

    def _kind_of(self, recipe: Recipe, loop: str = "") -> tuple[str, str]:
        """The kind of line, and what a reader would call it."""
        program, found = self.programs.other, recipe.plan
        if recipe.bare and self._part:
            return f"{found.tag}{loop}{program}|{self._part}", self._part
        return found.tag + loop + program, f"{program} {found.word}" if program else found.word

    def _borrowed(self, channel: Channel | Unison) -> tuple[str, float]:
        """The index of a sample whose line has none.

        It borrows the last one; where that would be given to the same metric again and again, it does not tell the
        samples apart, and they are counted.
        """
        index, serial = self.position.index, self.position.serial
        channel.repeats = channel.repeats + 1 if channel.serial == serial else 0
        if index is None or channel.serial == COUNTED or channel.repeats > REPEATS_CAP:
            channel.serial = COUNTED
            return "", float(channel.count)
        channel.serial = serial
        return index
