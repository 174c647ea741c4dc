"""`trainboard`: the board."""

from __future__ import annotations

import gc
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Mapping

    from specs.model import Spec
    from trainboard.watch import Watch
    from tui.prompts import ModalPrompter


def open_board(chosen: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """Run the board until the user leaves it."""
    return show_board(environ)


def show_board(environ: Mapping[str, str]) -> int:
    """The same, on a terminal. Raises `Refused` where there is none."""
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        from trainboard.actions import Refused

        raise Refused("the board needs a terminal; `trainboard ls` and the other commands do not (--help lists them)")
    return run_board(environ)


def run_board(environ: Mapping[str, str], *, first: Callable[[], Spec] | None = None) -> int:
    """The board on the state of this environment; what `first` makes is submitted to this machine as it opens."""
    gc.disable()  # nothing of what is imported now will be garbage; the board enables it with its first frame
    from trainboard.cli.opening import Opening
    from trainboard.paths import readonly
    from tui.app import Board
    from tui.prompts import ModalPrompter

    prompter = ModalPrompter()
    opening = Opening(lambda: make_watch(environ, prompter, first))
    code = Board(opening.events, opening, prompter=prompter, readonly=readonly(environ)).run()
    if opening.failure is not None:
        raise opening.failure
    return code or 0


def make_watch(environ: Mapping[str, str], prompter: ModalPrompter, first: Callable[[], Spec] | None) -> Watch:
    """Read the config and make the watch. Raises `SpecError`."""
    from trainboard.cli.desk import open_desk

    watch = open_desk(environ, prompter).watch()
    if first is not None:
        watch.submit_first(first())
    return watch
