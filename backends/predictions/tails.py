"""Tails of distributions, and what is made of them: intervals, corrected probabilities."""

import math
from typing import List, Optional, Sequence, Tuple

Z = 1.959963984540054
"""Of an interval of 95 %."""

STEPS = 500
"""Terms of a continued fraction or a series at most."""


TERMS, FEW = 40, 8
"""Of a tail with no more terms all; of a longer one so many until the rest is bounded."""


def normal(z: float) -> float:
    """The upper tail."""
    return 0.5 * math.erfc(z / math.sqrt(2.0))


def chi2(value: float, freedom: int) -> float:
    """The upper tail."""
    if value <= 0 or freedom < 1:
        return 1.0
    return upper_gamma(freedom / 2.0, value / 2.0)


def upper_gamma(a: float, x: float) -> float:
    """The regularized upper incomplete gamma function: by its series, or by Lentz's continued fraction."""
    front = math.exp(-x + a * math.log(x) - math.lgamma(a))
    if x < a + 1.0:
        term = total = 1.0 / a
        for step in range(1, STEPS * 4):
            term *= x / (a + step)
            total += term
            if term < total * 1e-16:
                break
        return max(0.0, 1.0 - total * front)
    b = x + 1.0 - a
    c = 1e300
    d = 1.0 / b
    found = d
    for step in range(1, STEPS):
        an = -step * (step - a)
        b += 2.0
        d = 1.0 / (an * d + b or 1e-300)
        c = b + an / c or 1e-300
        found *= c * d
        if abs(c * d - 1.0) < 1e-15:
            break
    return front * found


def student(t: float, freedom: float) -> float:
    """The upper tail."""
    if t == float("inf"):
        return 0.0
    if freedom > 1e6:
        return normal(t)
    half = 0.5 * beta(freedom / 2.0, 0.5, freedom / (freedom + t * t))
    return half if t > 0 else 1.0 - half


def beta(a: float, b: float, x: float) -> float:
    """The regularized incomplete beta function, by Lentz's continued fraction."""
    if x <= 0.0 or x >= 1.0:
        return float(x >= 1.0)
    front = math.exp(math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log1p(-x))
    if x > (a + 1.0) / (a + b + 2.0):
        return 1.0 - front * fraction(b, a, 1.0 - x) / b
    return front * fraction(a, b, x) / a


def fraction(a: float, b: float, x: float) -> float:
    """The continued fraction of `beta`."""
    c, d = 1.0, 1.0 / (1.0 - (a + b) * x / (a + 1.0) or 1e-300)
    found = d
    for m in range(1, STEPS):
        up = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        d = 1.0 / (1.0 + up * d or 1e-300)
        c = 1.0 + up / c or 1e-300
        found *= c * d
        down = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        d = 1.0 / (1.0 + down * d or 1e-300)
        c = 1.0 + down / c or 1e-300
        found *= c * d
        if abs(c * d - 1.0) < 1e-15:
            break
    return found


def hypergeometric(wrong: float, size: float, all_wrong: float, whole: float) -> float:
    """How likely so many or more of `size` are wrong, by lot from a whole in which `all_wrong` are: Fisher's tail.

    After some terms, which become smaller ever faster, the rest is taken for a geometric series: never too small.
    """
    k, n, bad, total = int(round(wrong)), int(round(size)), int(round(all_wrong)), int(round(whole))
    if k <= max(0, n - (total - bad)):
        return 1.0
    log = choose(bad, k) + choose(total - bad, n - k) - choose(total, n)
    term = found = 1.0
    many = min(n, bad) - k > TERMS
    for _ in range(FEW if many else TERMS):
        if k >= min(n, bad) or term <= found * 1e-17:
            break
        ratio = (bad - k) * (n - k) / ((k + 1.0) * (total - bad - n + k + 1.0))
        term *= ratio
        found += term
        k += 1
    else:
        found = found + term * ratio / (1 - ratio) if ratio < 1 else float("inf")
    return math.exp(min(0.0, log + math.log(found)))


def choose(n: int, k: int) -> float:
    """The logarithm of how many ways there are."""
    return math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)


def wilson(share: float, n: float) -> Tuple[float, float]:
    """The interval of a share of n."""
    if n <= 0:
        return 0.0, 1.0
    middle = (share + Z * Z / (2 * n)) / (1 + Z * Z / n)
    half = Z / (1 + Z * Z / n) * math.sqrt(max(0.0, share * (1 - share) / n + Z * Z / (4 * n * n)))
    return max(0.0, middle - half), min(1.0, middle + half)


def around(mean: float, variance: float, n: float) -> Tuple[float, float]:
    """The normal interval of a mean; its own value where there are not two."""
    half = Z * math.sqrt(max(0.0, variance) / n) if n > 1 else 0.0
    return mean - half, mean + half


def holm(chances: Sequence[float], tried: Optional[int] = None) -> List[float]:
    """Corrected over all of them; `tried`: so many there were, those that are not here being greater."""
    most = len(chances) if tried is None else tried
    found, last = [0.0] * len(chances), 0.0
    for place, at in enumerate(sorted(range(len(chances)), key=chances.__getitem__)):
        last = max(last, min(1.0, chances[at] * (most - place)))
        found[at] = last
    return found
