"""Words for numbers on the command line: a priority, how many lines."""

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


def count(word: str) -> int:
    """How many, from 1 to 100000. For argparse: raises `ArgumentTypeError`."""
    if not re.fullmatch(r"[0-9]{1,6}", word, re.ASCII) or not 1 <= int(word) <= 100_000:
        raise argparse.ArgumentTypeError(f"a number from 1 to 100000 is wanted: {word!r}")
    return int(word)
