"""`trainboard`: the board."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from trainboard.actions import Refused
from trainboard.cli.desk import open_desk

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping

    from specs.model import Spec


def open_board(chosen: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """Run the board until the user leaves it."""
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise Refused("the board needs a terminal; `trainboard ls` and the other commands do not (--help lists them)")
    return run_board(environ, readonly=chosen.readonly)


def run_board(environ: Mapping[str, str], *, readonly: bool = False, first: Spec | None = None) -> int:
    """The board on the state of this environment; `first` is submitted to this machine as it opens."""
    from tui.app import Board
    from tui.prompts import ModalPrompter

    prompter = ModalPrompter()
    watch = open_desk(environ, prompter).watch()
    if first is not None:
        watch.submit_first(first)
    board = Board(watch.events, watch, prompter=prompter, readonly=readonly)
    return board.run() or 0
