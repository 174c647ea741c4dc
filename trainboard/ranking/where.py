"""Which runs are wanted: words, and conditions such as `lr>0.001` or `state=FAILED`. Pure."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from operator import ge, gt, le, lt
from typing import TYPE_CHECKING

from specs.braces import as_text
from specs.tree import quoted
from trainboard.ranking.columns import Unknown, cell, is_number

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from trainboard.compare import Entry
    from trainboard.ranking.columns import Cell, Column, Words

ORDERS: Mapping[str, Callable[[float, float], bool]] = {">=": ge, "<=": le, ">": gt, "<": lt}
_CONDITION = re.compile(r"(?P<name>.+?)(?P<sign>>=|<=|!=|==|[<>=~])(?P<value>.*)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Condition:
    """What a column must be."""

    column: Column
    sign: str
    """`=`, `!=`, `<`, `<=`, `>`, `>=`; `~`: the text has it somewhere."""
    value: str

    def holds(self, entry: Entry) -> bool:
        """Whether a run is so; what has no value is unequal to everything."""
        found = cell(entry, self.column)
        if self.sign in ORDERS:
            if not isinstance(found, int | float) or not is_number(found):
                return False
            return ORDERS[self.sign](found, float(self.value))
        same = self._has(found) if self.sign == "~" else _equal(found, self.value)
        return not same if self.sign == "!=" else same

    def _has(self, found: Cell) -> bool:
        return found is not None and self.value.lower() in as_text(found).lower()


@dataclass(frozen=True, slots=True)
class Where:
    """All of these."""

    words: tuple[str, ...] = ()
    """In lower case: each stands somewhere in the run's names, state, finding or parameters."""
    conditions: tuple[Condition, ...] = ()

    def holds(self, entry: Entry) -> bool:
        """Whether a run is wanted."""
        if not all(condition.holds(entry) for condition in self.conditions):
            return False
        if not self.words:
            return True
        params = (f"{name}={as_text(value)}" for name, value in entry.params.items())
        text = " ".join((entry.key, entry.name, entry.experiment, str(entry.state), entry.finding, *params)).lower()
        return all(word in text for word in self.words)


def read(text: str, words: Words) -> Where:
    """What is typed, with blanks between. Raises `Unknown` for a column that there is not, and for no number."""
    try:
        parts = shlex.split(text)
    except ValueError:  # a quotation mark that is not closed yet
        parts = text.replace('"', " ").replace("'", " ").split()
    plain: list[str] = []
    conditions: list[Condition] = []
    for part in parts:
        condition = _condition(part, words)
        if condition is None:
            plain.append(part.lower())
        else:
            conditions.append(condition)
    return Where(tuple(plain), tuple(conditions))


def read_all(texts: Sequence[str], words: Words) -> Where:
    """Several of them, each as `read` takes it; all must hold."""
    found = [read(text, words) for text in texts]
    return Where(tuple(w for each in found for w in each.words), tuple(c for each in found for c in each.conditions))


def _condition(part: str, words: Words) -> Condition | None:
    found = _CONDITION.fullmatch(part)
    if found is None:
        return None
    # The name of a metric may have such a sign in it: the longest name that there is.
    cuts = [each for each in _cuts(part) if each[0] in words]
    name, sign, value = max(cuts, key=lambda each: len(each[0]), default=found.groups())
    column, sign = words[name.strip()], "=" if sign == "==" else sign
    if sign in ORDERS:
        try:
            float(value)
        except ValueError:
            raise Unknown(f"{quoted(part)}: {quoted(value)} is no number") from None
    return Condition(column, sign, value.strip())


def _cuts(part: str) -> list[tuple[str, str, str]]:
    signs = re.finditer(r">=|<=|!=|==|[<>=~]", part)
    return [(part[: sign.start()], sign[0], part[sign.end() :]) for sign in signs]


def _equal(found: Cell, wanted: str) -> bool:
    """As texts, or as numbers."""
    if found is None:
        return wanted in ("", "null")
    if isinstance(found, int | float) and not isinstance(found, bool):
        try:
            return float(wanted) == found or as_text(found) == wanted.lower()
        except ValueError:
            return as_text(found) == wanted
    return as_text(found).lower() == wanted.lower()
