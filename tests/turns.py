"""Which of several processes (pytest-xdist) runs which tests, and in which order."""

from __future__ import annotations

from xdist.scheduler import LoadScopeScheduling

FRAGILE = "tests/reliability/test_gateway_lost.py", "tests/reliability/test_node_lost.py"
"""Files with one cluster of their own: two processes would start it twice."""

ALONE = "tests/tui/"
"""Whose tests share nothing. There are many of them, and they come last: they fill what is left of every process."""


class Turns(LoadScopeScheduling):  # type: ignore[misc]  # pytest-xdist has no types
    """A file goes to one process, in the order of collection."""

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        if file in FRAGILE:
            return "fragile"
        return nodeid if file.startswith(ALONE) else file
