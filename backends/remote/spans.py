"""Intervals of time: how much they fill, and which ran within which."""

import bisect
from array import array
from typing import Callable, List, Tuple

MERGED = 200000
"""Intervals from which on those that touch are made one."""


class Spans(object):
    """Intervals of time; those that touch or overlap count once."""

    def __init__(self) -> None:
        self.pairs = []  # type: List[Tuple[float, float]]
        self.limit = MERGED

    def add(self, start: float, end: float) -> None:
        """One more."""
        self.pairs.append((start, end))
        if len(self.pairs) >= self.limit:
            self.merge()
            self.limit = max(MERGED, 2 * len(self.pairs))

    def merge(self) -> None:
        """Make one of those that touch."""
        self.pairs.sort()
        merged = []  # type: List[Tuple[float, float]]
        for start, end in self.pairs:
            if merged and start <= merged[-1][1]:
                merged[-1] = (merged[-1][0], max(merged[-1][1], end))
            else:
                merged.append((start, end))
        self.pairs = merged

    def within(self, start: float, end: float) -> float:
        """How much of an interval they fill; they must be merged."""
        at = max(0, bisect.bisect_left(self.pairs, (start, start)) - 1)
        filled = 0.0
        while at < len(self.pairs) and self.pairs[at][0] < end:
            filled += max(0.0, min(end, self.pairs[at][1]) - max(start, self.pairs[at][0]))
            at += 1
        return filled


class Lane(object):
    """The events of one thread, to find out which ran within which."""

    def __init__(self) -> None:
        self.starts, self.lengths, self.names = array("d"), array("d"), array("l")

    def own(self, add: Callable[[int, float], None]) -> None:
        """Tell of each how long it ran without those within it."""
        order = sorted(range(len(self.starts)), key=lambda at: (self.starts[at], -self.lengths[at]))
        stack = []  # type: List[Tuple[float, int, List[float]]]
        for at in order:
            start, length = self.starts[at], self.lengths[at]
            while stack and stack[-1][0] <= start:
                self.close(stack, add)
            if stack:
                stack[-1][2][0] -= min(length, stack[-1][0] - start)
            stack.append((start + length, self.names[at], [length]))
        while stack:
            self.close(stack, add)

    def close(self, stack: List[Tuple[float, int, List[float]]], add: Callable[[int, float], None]) -> None:
        """The innermost has ended."""
        _, name, left = stack.pop()
        add(name, max(0.0, left[0]))
