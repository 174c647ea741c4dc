"""What a printed name means: an index, a setting, a metric, or nobody knows."""

from __future__ import annotations

import re
from enum import Enum, auto
from functools import lru_cache

NAME_CAP = 80
"""Bytes; a longer name is text."""


class Kind(Enum):
    """What a name stands for."""

    EPOCH = auto()
    STEP = auto()
    BATCH = auto()
    """Counts within an epoch."""
    SETTING = auto()
    """What the run was told, not what it measured."""
    MEASURE = auto()
    """A measurement beyond doubt: a loss, an accuracy."""
    PLAIN = auto()
    """A measurement where the rest of the line is about training."""


# The order is the preference where a line names several.
INDEX_KINDS = {
    "global_step": Kind.STEP,
    "globalstep": Kind.STEP,
    "step": Kind.STEP,
    "iteration": Kind.STEP,
    "iter": Kind.STEP,
    "iter_num": Kind.STEP,
    "num_updates": Kind.STEP,
    "update": Kind.STEP,
    "it": Kind.STEP,
    "epoch": Kind.EPOCH,
    "epoch_num": Kind.EPOCH,
    "batch": Kind.BATCH,
    "batch_idx": Kind.BATCH,
    "minibatch": Kind.BATCH,
}

_SETTINGS = frozenset(
    re.findall(
        r"\w+",
        """
        accumulate alpha amp b1 b2 batchsize beta beta1 beta2 betas bias bs channels checkpoint classes
        clip_grad cpus cuda depth device devices dim drop_rate dropout embed embedding epochs eps epsilon eta
        eta_min etas fold folds fp16 gamma gpu gpus head height id ids img_size imgsz in_features iterations
        iters job job_id jobid kernel label_smoothing lambda layer layers length line lineno local_rank
        loss_weight lr_decay master_port max_lr min_lr minibatch_size momentum nesterov node nodes num
        out_features padding parameters params patience pid port precision python pytorch rank ranks ratio
        resolution resume samples save_every seed seeds size steps stride temperature test_size thread threads
        time_ms timestamp torch total train_size updates v_num val_size verbose version vocab warmup
        warmup_steps wd weight_decay width worker workers world world_size year
        """,
    )
)
_SETTING = re.compile(
    r"(?:^|_)(?:num|n|max|min|total|hidden|warmup|use|save|log|eval_every|print|early|use|adam|optim|init|target)_"
    r"|_(?:size|dim|dims|layers|heads|threshold|weight|weights|coef|coeff|factor|patience|interval|freq|frequency"
    r"|every|steps|epochs|iters|decay|dir|path|seed|workers|batches|classes|channels|length|len|version|id|port"
    r"|dropout|rank|samples|count|limit|budget)$"
)
_MEASURE = re.compile(
    r"loss|perplexity|accuracy"
    r"|(?:^|[^a-z])(?:acc|accu|err|error|auc|auroc|f1|bleu|rouge|ppl|mse|mae|rmse|mape|nll|elbo|kl|iou|miou|dice|map"
    r"|psnr|ssim|fid|wer|cer|reward|return|score|precision|recall|bpc|bpb|bpd|mrr|ndcg|r2|top|cost)(?:$|[^a-z])"
)
_PLAIN = re.compile(
    r"(?:^|[^a-z])(?:lr|learning|rate|time|speed|throughput|norm|gnorm|grad|mem|memory|elapsed|wps|ups|tok|tokens"
    r"|samples|images|imgs|entropy|took|duration|sec|seconds|ms|util)(?:$|[^a-z])"
)
_PHASE = re.compile(r"^(?:train|training|trainer|current|cur)_")
_HUMP = re.compile(r"(?<=[a-z])(?=[A-Z])")
_SOURCE = re.compile(r"\.(?:py|cc|cpp|cu|c|h|go|rs|lua|sh|txt|log|json|yaml|yml|pt|pth|ckpt|zip|gz)$")

OBJECTIVES = (
    "loss",
    "train_loss",
    "training_loss",
    "val_loss",
    "valid_loss",
    "validation_loss",
    "eval_loss",
    "main_loss",
    "total_loss",
    "test_loss",
)
"""What the objective is called where a spec does not say, the likeliest first."""


def fold(name: str) -> str:
    """One spelling for names that differ in case, blanks and separators only."""
    return re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")


@lru_cache(maxsize=4096)
def kind(name: str) -> Kind | None:
    """What a name stands for; None where it can be no metric's name."""
    if not name or len(name) > NAME_CAP or _SOURCE.search(name):
        return None
    word = index_word(name)
    if word:
        return INDEX_KINDS[word]
    folded = fold(_HUMP.sub("_", name))
    last = folded.rpartition("_")[2]
    if folded in ("precision", "val_precision", "test_precision") or "learning_rate" in folded:
        return Kind.PLAIN
    if folded in _SETTINGS or _last_part(name) in _SETTINGS:
        return Kind.SETTING
    if _SETTING.search(folded):
        return Kind.MEASURE if last == "loss" or folded.startswith(("total_loss", "max_mem")) else Kind.SETTING
    return Kind.MEASURE if _MEASURE.search(folded) else Kind.PLAIN


def index_word(name: str) -> str | None:
    """The index word in a name such as `trainer/global_step`, folded; None where it names no index."""
    last = _PHASE.sub("", _last_part(name))
    return last if last in INDEX_KINDS else None


def speaks_of_training(name: str) -> bool:
    """Whether any word of a name of several words is one of measurements."""
    folded = fold(name)
    return bool(_MEASURE.search(folded) or _PLAIN.search(folded))


def objective(names: list[str], wanted: str | None = None) -> str | None:
    """The metric to show first: the wanted one in any spelling, else the likeliest loss; None where there is none."""
    spelled = {fold(name): name for name in reversed(names)}
    for candidate in (wanted,) if wanted else OBJECTIVES:
        if fold(candidate) in spelled:
            return spelled[fold(candidate)]
    if wanted:
        return None
    return next((name for name in names if "loss" in fold(name)), None)


def _last_part(name: str) -> str:
    return fold(re.split(r"[/.]", name.rstrip("/."))[-1])
