"""What the metrics of a run are for a rule, by their names: the loss, an accuracy, a learning rate, …"""

from __future__ import annotations

import re
from enum import StrEnum
from functools import lru_cache
from typing import TYPE_CHECKING

from trainboard.extract.names import fold, is_evaluation, printed
from trainboard.extract.synonyms import Role, role
from trainboard.layernames import of_a_layer

if TYPE_CHECKING:
    from collections.abc import Mapping

MEASURES = ("ce", "xe", "bce", "mse", "rmse", "mae", "l1", "l2", "huber", "smooth_l1", "hinge", "kld")
"""Losses by the names of their functions. They are measured beside a loss of another name too."""
MAIN_LOSSES = (
    "train_loss",
    "training_loss",
    "loss",
    "loss_train",
    "train_total_loss",
    "total_loss",
    "loss_total",
    "train_loss_step",
    "train_loss_epoch",
    "main_loss",
    "lm_loss",
    "batch_loss",
    "tr_loss",
    "train_nll",
    "nll",
    "nll_loss",
    "cross_entropy",
    "train_cross_entropy",
    "cost",
    "train_cost",
    *(f"{front}{name}" for name in MEASURES for front in ("", "train_")),
)
"""What the loss that is minimised is called, the likeliest first. Where a run has none of these and several losses,
nobody knows which it is."""


OFTEN = 3


class Use(StrEnum):
    """What a rule looks at a metric for."""

    LOSS = "training loss"
    PART = "another loss"
    """Of a term, of a player: only looked at for values that are not finite."""
    VAL_LOSS = "validation loss"
    ACCURACY = "training accuracy"
    VAL_ACCURACY = "validation accuracy"
    RATE = "learning rate"
    GRADIENT = "gradient norm"
    THROUGHPUT = "throughput"
    STEP_TIME = "time of a step"
    MEMORY = "memory"
    REWARD = "reward"


_ACCURACY = re.compile(
    r"(?:^|_)(?:acc|accuracy|acc_?1|top_?1|top1_acc|acc_top_?1|accuracy_top_?1|prec_?1|top_1_accuracy)(?:_(?:step|epoch|mean))?$"
)
_WORSE = re.compile(r"err|loss")
_MEASURE = re.compile(rf"(?:[a-z]+_)?(?:{'|'.join(MEASURES)})(?:_(?:step|epoch))?")
_REWARD = re.compile(
    r"(?:^|_)(?:rewards?|returns?|ep_rew\w*|episode\w*|policy_loss|value_loss|pg_loss|v_loss|vf_loss|approx_kl|actor_loss|critic_loss"
    r"|entropy_loss|clip_?frac\w*|td_(?:loss|error))(?:_|$)"
)
_PLAYER = re.compile(
    r"(?:^|_)(?:loss_?[dg]|[dg]_?loss|gan|err_?[dg]|discriminator|generator|adv(?:ersarial)?)(?:_|$)"
)
_STEP_TIME = re.compile(
    r"(?:^|_)(?:(?:step|batch|iter|iteration)_?(?:time|duration)(?:_m?s|_sec)?|(?:time|m?s|sec(?:onds)?)_per_(?:step|batch|iter\w*)"
    r"|m?s_(?:step|it|batch|iter))$"
)
_MEMORY_OF = re.compile(r"total|limit|free|available|max_mem(?!ory_alloc)")
_LOSS_BETTER_HIGH = re.compile(r"(?:^|_)(?:elbo|log_?lik\w*|likelihood|log_?prob\w*|objective)(?:_|$)")


@lru_cache(maxsize=4096)
def use(metric: str) -> Use | None:
    """What a metric is for, as its name says; None where no rule looks at it. A loss is `PART` until it is chosen."""
    name = printed(metric)
    folded = fold(name)
    if of_a_layer(name):
        return None
    if _REWARD.search(folded):
        return Use.PART if "loss" in folded and "episode" not in folded else Use.REWARD
    if _ACCURACY.search(folded) and not _WORSE.search(folded):
        return Use.VAL_ACCURACY if is_evaluation(name) else Use.ACCURACY
    if _STEP_TIME.search(folded):
        return Use.STEP_TIME
    if _MEASURE.fullmatch(folded):
        return Use.VAL_LOSS if is_evaluation(name) else Use.PART
    match role(name):
        case Role.LOSS:
            if _LOSS_BETTER_HIGH.search(folded):
                return None
            return Use.VAL_LOSS if is_evaluation(name) else Use.PART
        case Role.LEARNING_RATE:
            return Use.RATE
        case Role.GRADIENT_NORM:
            return Use.GRADIENT
        case Role.THROUGHPUT:
            return Use.THROUGHPUT
        case Role.MEMORY:
            return None if _MEMORY_OF.search(folded) else Use.MEMORY
    return None


def main_loss(losses: Mapping[str, int]) -> str | None:
    """Which of the losses, with how many samples each, is the one that is minimised; None where nobody knows.

    Of two with usual names it is the one that is printed far more often: the other is of epochs, or of the whole run.
    """
    folded = {fold(printed(name)): name for name in reversed([*losses])}
    found = [folded[name] for name in MAIN_LOSSES if name in folded and name not in MEASURES]
    found = found or [folded[name] for name in MAIN_LOSSES if name in folded]
    if found:
        often = max(found, key=lambda name: losses[name])
        return often if losses[often] > OFTEN * losses[found[0]] else found[0]
    return next(iter(losses)) if len(folded) == 1 else None


def main_val_loss(losses: list[str], main: str | None = None) -> str | None:
    """The same of the validation: one named as the training's, or the plainest; the validation before the test."""
    ending = "" if main is None else fold(printed(main)).removeprefix("train_")
    plain = [name for name in losses if ending in MEASURES and fold(printed(name)).endswith(f"_{ending}")] or [
        name for name in losses if re.fullmatch(r"(?:\w*?_)?(?:loss|nll|cross_entropy)|loss_\w+", fold(printed(name)))
    ]
    plain = plain or (losses if len(losses) == 1 else [])
    return min(plain, key=lambda name: ("test" in fold(name), fold(name).endswith("_step"), len(name)), default=None)


def plays(metric: str) -> bool:
    """Whether the loss is one of several players', of which each may rise while all is well."""
    return bool(_PLAYER.search(fold(metric)))
