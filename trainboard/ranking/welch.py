"""Whether two groups differ by more than chance: Welch's test, and what is to be said with its p. Pure."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from trainboard.ranking.table import title_of

if TYPE_CHECKING:
    from trainboard.ranking.columns import Column
    from trainboard.ranking.spread import Spread
    from trainboard.ranking.table import Table

FEW = 3
"""Runs of a group below which the standard deviation itself is a guess: with two, its 95 % interval spans a factor
of 70."""
SMALL = 5
"""Below which a difference must be large to be seen at all."""
ROUNDS = 300
"""Of the continued fraction at most; it takes some ten."""


@dataclass(frozen=True, slots=True)
class Welch:
    """The test of two means whose variances need not be equal; two-sided."""

    t: float
    df: float
    """Degrees of freedom, by Welch and Satterthwaite."""
    p: float


def welch(one: Spread, other: Spread) -> Welch | None:
    """None where it says nothing: a group of one run, or no spread in either."""
    if one.sd is None or other.sd is None or (one.sd == 0 and other.sd == 0):
        return None
    scale = max(one.sd, other.sd)
    first, second = (one.sd / scale) ** 2 / one.n, (other.sd / scale) ** 2 / other.n
    t = (one.mean / scale - other.mean / scale) / math.sqrt(first + second)
    df = (first + second) ** 2 / (first**2 / (one.n - 1) + second**2 / (other.n - 1))
    return Welch(t, df, two_sided(t, df))


def two_sided(t: float, df: float) -> float:
    """The probability of a t as far from 0 as this, or farther."""
    if not math.isfinite(t):
        return 0.0 if not math.isnan(t) else math.nan
    return incomplete_beta(df / 2, 0.5, df / (df + t * t))


def incomplete_beta(a: float, b: float, x: float) -> float:
    """The regularised incomplete beta function, for a and b above 0 and x from 0 to 1."""
    if x <= 0 or x >= 1:
        return 0.0 if x <= 0 else 1.0
    if x > (a + 1) / (a + b + 2):  # where the fraction converges slowly, by its symmetry
        return 1.0 - incomplete_beta(b, a, 1.0 - x)
    front = math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log1p(-x)
    return math.exp(front) * _fraction(a, b, x) / a


def _fraction(a: float, b: float, x: float) -> float:
    """Its continued fraction, by the method of Lentz."""
    tiny = 1e-300
    c, d = 1.0, 1.0 / _away(1.0 - (a + b) * x / (a + 1), tiny)
    found = d
    for m in range(1, ROUNDS):
        for numerator in (
            m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m)),
            -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1)),
        ):
            d = 1.0 / _away(1.0 + numerator * d, tiny)
            c = _away(1.0 + numerator / c, tiny)
            found *= d * c
        if abs(d * c - 1.0) < 1e-15:
            break
    return found


def _away(value: float, tiny: float) -> float:
    return value if abs(value) > tiny else tiny


@dataclass(frozen=True, slots=True)
class Verdict:
    """The best group against the next."""

    column: Column
    best: tuple[str, Spread]
    """What its runs agree in, and their values."""
    next: tuple[str, Spread]
    groups: int
    test: Welch | None

    @property
    def corrected(self) -> float | None:
        """The p times the comparisons that it was picked from (Bonferroni)."""
        return None if self.test is None else min(1.0, self.test.p * max(1, self.groups - 1))

    @property
    def warnings(self) -> tuple[str, ...]:
        """What is to be kept in mind, the gravest first."""
        least = min(self.best[1].n, self.next[1].n)
        found = []
        if self.test is None:
            found.append("no test: one of them is a single run" if least < 2 else "no test: the values do not differ")
        elif least < FEW:
            found.append(f"only {least} runs in a group: their spread is a guess, and so is p")
        elif least < SMALL:
            found.append(f"only {least} runs in a group: few differences can be told from chance")
        if self.test is not None and self.groups > 2:
            found.append(f"picked as the best of {self.groups} by the same numbers, so p is too small")
        if wild := self.best[1].wild + self.next[1].wild:
            found.append(f"{wild} not finite, left out")
        return tuple(found)

    def said(self) -> str:
        """In one line."""
        (name, best), (other, second) = self.best, self.next
        return f"{name} {shown(best)} against {other} {shown(second)}: {self.judged()}"

    def judged(self) -> str:
        """The test, and what is to be kept in mind."""
        told = []
        if self.test is not None:
            test, corrected = self.test, self.corrected or 0.0
            told.append(f"Welch t = {test.t:.3g}, df {test.df:.3g}, p = {p_value(test.p)}")
            if self.groups > 2:
                told[0] += f" (× {self.groups - 1} comparisons: {p_value(corrected)})"
        return "; ".join((*told, *self.warnings))

    def as_json(self) -> dict[str, Any]:
        """The keys that `results --json` promises."""
        return {
            "metric": self.column.name,
            "kind": self.column.kind,
            "groups": self.groups,
            "best": {"group": self.best[0], "mean": self.best[1].mean, "sd": self.best[1].sd, "n": self.best[1].n},
            "next": {"group": self.next[0], "mean": self.next[1].mean, "sd": self.next[1].sd, "n": self.next[1].n},
            "t": None if self.test is None else self.test.t,
            "df": None if self.test is None else self.test.df,
            "p": None if self.test is None else self.test.p,
            "p_corrected": self.corrected,
            "warnings": list(self.warnings),
        }


def verdict(table: Table) -> Verdict | None:
    """The best of the groups of a table against the next by the objective; None where there are no two."""
    column, by = table.objective, table.view.by
    if column is None or by is None or not table.found.goals.get(column.name):
        return None
    known = [(title_of(line, by), found) for line in table.lines if (found := line.spread(column)) and found.n]
    known.sort(key=lambda each: each[1].mean, reverse=table.found.goals[column.name] == "maximize")
    if len(known) < 2:
        return None
    return Verdict(column, known[0], known[1], len(known), welch(known[0][1], known[1][1]))


def shown(found: Spread) -> str:
    """`0.412 ± 0.011 (5)`: the figures that the deviation leaves room for."""
    if found.sd is None or not math.isfinite(found.mean):
        return f"{found.mean:.4g} ({found.n})"
    return f"{rounded(found.mean, found.sd)} ± {deviation(found.sd)} ({found.n})"


def rounded(mean: float, sd: float) -> str:
    """A mean with as many places as two figures of its deviation have."""
    if sd <= 0 or abs(mean) >= 1e6 or (mean and abs(mean) < 1e-4):
        return f"{mean:.4g}"
    places = 1 - math.floor(math.log10(sd))
    return f"{mean:.{min(9, max(0, places))}f}"


def deviation(sd: float) -> str:
    """Two figures; of thousands, all of them."""
    return f"{sd:.0f}" if 100 <= sd < 1e6 else f"{sd:.2g}"


def p_value(p: float) -> str:
    """Two figures; what is that small is only said to be."""
    return "< 0.0001" if p < 1e-4 else f"{p:.2g}"
