"""The word for a priority on the command line."""

from __future__ import annotations

import argparse
import re
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Level:
    """What a priority is to become."""

    value: int
    relative: bool


def level(word: str) -> Level:
    """`5`: this priority; `+5`, `-5`: so much more or less. For argparse: raises `ArgumentTypeError`."""
    if not re.fullmatch(r"[+-]?[0-9]{1,9}", word, re.ASCII):
        raise argparse.ArgumentTypeError(f"a priority is a number such as 5, or +5 or -5 to change it: {word!r}")
    return Level(int(word), relative=word[0] in "+-")
