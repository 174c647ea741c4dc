"""What the columns of a table, or the keys of a record, mean by their names; and cells as values."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from datetime import datetime
from enum import Enum, auto
from functools import lru_cache

from trainboard.extract.names import fold


class Role(Enum):
    """What a column is for."""

    INDEX = auto()
    WALL = auto()
    """When the row was measured, if it holds a moment; else a metric, for `time` may be seconds."""
    KIND = auto()
    """Which kind of row this is: train, val, …"""
    METRIC = auto()
    NOTHING = auto()
    """What the run was told, or which run it is: no measurement."""


@dataclass(frozen=True, slots=True)
class Column:
    """A column by its name."""

    name: str
    role: Role
    word: str = ""
    """What an index counts."""
    rank: int = 0
    """Of an index: the least counts where a row has several."""


# The likeliest index of a row first: a step tells more than an epoch, and a count of the whole run more than one that
# may begin anew with each epoch.
INDEXES = re.findall(
    r"\w+",
    """
    global_step step steps total_timesteps timesteps_total num_timesteps timesteps num_updates updates update
    iteration iterations training_iteration iter_num iter it batch batch_idx epoch epochs epoch_num
    """,
)
WITHIN = frozenset(("iter", "it", "batch", "batch_idx"))
"""Index words that may count within an epoch."""
EPOCHS = frozenset(("epoch", "epochs", "epoch_num"))
_PHASE = re.compile(r"^(?:train(?:ing|er)?|val(?:id(?:ation)?)?|eval(?:uation)?|test|time|info)_(?=.)")
_PER = re.compile(r"_(?:epoch|step)$")
"""What Lightning puts behind a name that it logs both ways."""
_WALL = frozenset(
    ("timestamp", "time", "wall_time", "walltime", "datetime", "date", "date_time", "created_at", "logged_at")
)
_KIND = frozenset(("mode", "split", "phase", "stage", "subset"))
_NOTHING = frozenset(
    re.findall(
        r"\w+",
        """
        seed pid trial_id trial run_id experiment_id job_id rank world_size batch_size num_examples num_samples
        n_params num_params params version done len size
        """,
    )
)
_CONFIG = re.compile(
    r"(?:config|hparams|hyperparameters|hyper_parameters|args|env_info|_wandb)[/.]|_(?!step$|timestamp$)"
)


@lru_cache(maxsize=8192)
def column(name: str) -> Column:
    """What a column of this name is."""
    folded = fold(name)
    last = fold(name.replace(".", "/").rpartition("/")[2])
    if not folded or _CONFIG.match(name) or _PER.sub("", last) in _NOTHING:
        return Column(name, Role.NOTHING)
    word = last if last in INDEXES else _PHASE.sub("", last)
    if word in INDEXES:
        return Column(name, Role.INDEX, word, INDEXES.index(word))
    if folded in _WALL:
        return Column(name, Role.WALL)
    return Column(name, Role.KIND if folded in _KIND else Role.METRIC)


def number(text: str) -> float | None:
    """The number that a cell holds, nan and inf among them; None where it holds none."""
    try:
        value = float(text)
    except ValueError:
        return None
    # 2024_01 is a name, whatever Python reads in it.
    return None if "_" in text else value


def moment(cell: object) -> float | None:
    """Seconds since the epoch, from a cell of seconds, milliseconds or an ISO date; None where it is none of them."""
    if isinstance(cell, str):
        value = number(cell)
        if value is None:
            return _date(cell)
    elif isinstance(cell, (int, float)) and not isinstance(cell, bool):
        value = float(cell)
    else:
        return None
    if not math.isfinite(value):
        return None
    seconds = value / 1000 if value >= 1e11 else value
    return seconds if 5e8 <= seconds < 1e10 else None


def _date(text: str) -> float | None:
    try:
        found = datetime.fromisoformat(text.strip())
        return found.timestamp() if found.year >= 1985 else None
    except (ValueError, OverflowError, OSError):
        return None
