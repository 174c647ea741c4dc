"""The parser of the command line: bad words are told in one line, as all bad input is."""

from __future__ import annotations

import argparse
from typing import NoReturn

FEW = 8
"""Choices that are listed; of more, the nearest is named."""


class Parser(argparse.ArgumentParser):
    """Says what is wrong, and whose help has the right words."""

    def error(self, message: str) -> NoReturn:
        """Exits with 2."""
        from trainboard.show import clean

        self.exit(2, f"{self.prog}: {clean(message)}; `{self.prog} --help` tells more\n")

    def _check_value(self, action: argparse.Action, value: object) -> None:
        if action.choices is None or value in action.choices:
            return
        from specs.tree import nearest, quoted

        known = [str(each) for each in action.choices]
        listed = f"; there are {', '.join(known)}" if len(known) <= FEW else ""
        raise argparse.ArgumentError(action, f"no {quoted(str(value))}{nearest(str(value), known)}{listed}")
