"""The command palette: every key's action by name, and the hosts that can be added."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, cast

from textual.command import DiscoveryHit, Hit, Hits, Provider
from textual.content import Content

from trainboard.actions import Refused
from tui import show
from tui.keys import KEYS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tui.app import Board
    from tui.screens.board import BoardScreen

MOVES = {"down", "up", "top", "bottom", "half_down", "half_up"}
LEFT_OUT = frozenset({"palette", "back", "open", "switch_pane", *MOVES})
"""Actions of the board and its table that mean nothing without the key."""

Command = tuple[str, str, "Callable[[], object]"]
"""Name, help and what it does."""


class BoardCommands(Provider):
    """What the palette lists."""

    def _commands(self) -> Iterator[Command]:
        app = cast("Board", self.app)
        board = app.board
        if app.screen_stack[-2:-1] == [board] or app.screen is board:
            for key in KEYS:
                place = board if "board" in key.where else board.table if "table" in key.where else None
                if place is not None and key.action not in LEFT_OUT and board.check_action(key.action, ()):
                    name = f"{key.help[0].upper()}{key.help[1:]}"
                    yield f"{name}  ({key.name})", "", partial(app.call_later, place.run_action, key.action)
            for seen in board.hosts.hosts.values():
                if seen.kind == "slurm":
                    name = f"Cluster: partitions and nodes of {show.clean(seen.backend, 60)}"
                    yield name, "", partial(app.call_later, board.open_cluster, seen.backend)
            for host in app.actions.offered_hosts():
                name = f"Add host {show.clean(host, 60)} from ~/.ssh/config"
                yield name, "as a place where runs can run", partial(_start_adding, board, host)
        yield "Change the theme", "", app.search_themes

    async def discover(self) -> Hits:
        for name, help, run in self._commands():
            yield DiscoveryHit(Content(name), run, text=name, help=help or None)

    async def search(self, query: str) -> Hits:
        matcher = self.matcher(query)
        for name, help, run in self._commands():
            score = matcher.match(name)
            if score > 0:
                yield Hit(score, matcher.highlight(name), run, text=name, help=help or None)


def _start_adding(board: BoardScreen, host: str) -> None:
    board.run_worker(_add(board, host), group="add")


async def _add(board: BoardScreen, host: str) -> None:
    try:
        kind = await board.actions.add_host(host)
    except Refused as refusal:
        board.say(str(refusal), "error")
    else:
        board.say(f"{host}: {kind}")
        board.summarise()
