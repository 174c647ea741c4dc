"""What an importer gives back, and what all of them say alike."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from specs.model import Scalar

_LETTERS = re.compile(r"[^A-Za-z0-9._-]+", re.ASCII)
LONGEST_NAME = 64


@dataclass(frozen=True, slots=True)
class Imported:
    """A spec made from something else."""

    text: str
    """The file: a right spec."""
    notes: tuple[str, ...] = ()
    """What could not be kept, or is not what it was: a line each, that says where and what happens instead."""
    runs: int = 0
    """How many runs it has, once that is known."""


def name_of(*candidates: str) -> str:
    """The first of these that gives a name for an experiment, with `-` for what a name cannot have."""
    found = (_LETTERS.sub("-", each).strip("._-")[:LONGEST_NAME] for each in candidates)
    return next((name for name in found if name), "imported")


def literal(value: Scalar) -> Scalar:
    """A value as it is written in a spec, where `${` in a text would refer to a parameter."""
    return value.replace("${", "$${") if isinstance(value, str) else value
