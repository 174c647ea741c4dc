"""A flame graph: a tree of calls, and where on a screen each call is. What is narrower than a cell costs nothing."""

from __future__ import annotations

from array import array
from dataclasses import dataclass
from typing import TYPE_CHECKING

from trainboard.profile.stacks import Function

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from trainboard.profile.stacks import Profile

ROOT = Function("all")


class Tree:
    """Calls by number; 0 is all of them together, and callers come before what they call.

    A hundred thousand stacks make a million calls: they are numbers in arrays, and not objects.
    """

    def __init__(self, profile: Profile) -> None:
        self._functions = profile.functions
        self.parent, self.place, self.weight = array("l", [0]), array("l", [-1]), array("d", [0.0])
        self._first, self._next = array("l", [-1]), array("l", [-1])
        """Of each call its youngest child, and its next older sibling; -1: none."""
        self._sorted: dict[int, tuple[int, ...]] = {}
        known: dict[int, int] = {}
        many, weights = len(profile.functions), self.weight
        for stack, weight in profile.stacks.items():
            node = 0
            weights[0] += weight
            for place in stack:
                key = node * many + place
                found = known.get(key)
                if found is None:
                    found = known[key] = self._added(node, place)
                weights[found] += weight
                node = found

    def _added(self, parent: int, place: int) -> int:
        number = len(self.parent)
        self.parent.append(parent)
        self.place.append(place)
        self.weight.append(0.0)
        self._next.append(self._first[parent])
        self._first.append(-1)
        self._first[parent] = number
        return number

    def __len__(self) -> int:
        return len(self.parent)

    def children(self, node: int) -> tuple[int, ...]:
        """What a call called, the heaviest first."""
        found = self._sorted.get(node)
        if found is None:
            below = []
            child = self._first[node]
            while child >= 0:
                below.append(child)
                child = self._next[child]
            below.sort(key=lambda child: (-self.weight[child], child))
            found = self._sorted[node] = tuple(below)
        return found

    def function(self, node: int) -> Function:
        """What is called."""
        return self._functions[self.place[node]] if node else ROOT

    def path(self, node: int) -> list[int]:
        """The calls from all down to this one."""
        found = [node]
        while found[-1]:
            found.append(self.parent[found[-1]])
        return found[::-1]

    def share(self, node: int) -> float:
        """Of all."""
        return self.weight[node] / self.weight[0] if self.weight[0] else 0.0

    def matching(self, wanted: Callable[[Function], bool]) -> tuple[frozenset[int], float]:
        """The calls of functions that are wanted, and their share together: a call within such a one counts once."""
        places = {at for at, function in enumerate(self._functions) if wanted(function)}
        found = frozenset(node for node in range(1, len(self)) if self.place[node] in places)
        within = [False] * len(self)
        weight = 0.0
        for node in range(1, len(self)):  # parents come before their children
            above = within[self.parent[node]]
            within[node] = above or node in found
            weight += self.weight[node] if node in found and not above else 0.0
        return found, weight / self.weight[0] if self.weight[0] else 0.0


@dataclass(frozen=True, slots=True)
class Box:
    """A call on the screen."""

    node: int
    left: int
    """Its first cell."""
    right: int
    """The cell behind its last."""


def layout(tree: Tree, top: int, width: int) -> Sequence[Sequence[Box]]:
    """The rows of a graph in which `top` is as wide as the screen, and so are those above it.

    Boxes of one row do not overlap and lie within that of their caller; those of less than a cell are left out.
    """
    rows = [[Box(node, 0, width)] for node in tree.path(top)]
    whole = tree.weight[top]
    row = [(top, 0.0)]
    while row and whole > 0 and width > 0:
        below: list[tuple[int, float]] = []
        boxes: list[Box] = []
        for node, start in row:
            for child, begin in _laid(tree, node, start):
                left, right = int(begin * width / whole), int((begin + tree.weight[child]) * width / whole)
                right = min(right, width)
                if right <= left:
                    continue
                boxes.append(Box(child, left, right))
                below.append((child, begin))
        if boxes:
            rows.append(boxes)
        row = below
    return rows


def _laid(tree: Tree, node: int, start: float) -> Iterator[tuple[int, float]]:
    """The children of a call and where each begins."""
    for child in tree.children(node):
        yield child, start
        start += tree.weight[child]
