"""What a printed name means: an index, a setting, a metric, or nobody knows."""

from __future__ import annotations

import re
from enum import Enum, auto
from functools import lru_cache

from trainboard.extract.synonyms import Role, role
from trainboard.layernames import of_a_layer

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
    "total_timesteps": Kind.STEP,
    "timesteps_total": Kind.STEP,
    "step": Kind.STEP,
    "iteration": Kind.STEP,
    "iter": Kind.STEP,
    "iter_num": Kind.STEP,
    "num_updates": Kind.STEP,
    "num_timesteps": Kind.STEP,
    "update": Kind.STEP,
    "it": Kind.STEP,
    "round": Kind.STEP,
    "episode": Kind.STEP,
    "timestep": Kind.STEP,
    "itération": Kind.STEP,
    "iteración": Kind.STEP,
    "schritt": Kind.STEP,
    "étape": Kind.STEP,
    "paso": Kind.STEP,
    "passo": Kind.STEP,
    "шаг": Kind.STEP,
    "итерация": Kind.STEP,
    "步": Kind.STEP,
    "步数": Kind.STEP,
    "迭代": Kind.STEP,
    "ステップ": Kind.STEP,
    "epoch": Kind.EPOCH,
    "epoche": Kind.EPOCH,
    "epoca": Kind.EPOCH,
    "época": Kind.EPOCH,
    "époque": Kind.EPOCH,
    "epoque": Kind.EPOCH,
    "epoka": Kind.EPOCH,
    "эпоха": Kind.EPOCH,
    "轮": Kind.EPOCH,
    "轮次": Kind.EPOCH,
    "エポック": Kind.EPOCH,
    "에포크": Kind.EPOCH,
    "epoch_num": Kind.EPOCH,
    "batch": Kind.BATCH,
    "batch_idx": Kind.BATCH,
    "batch_id": Kind.BATCH,
    "minibatch": Kind.BATCH,
    "sub_iter": Kind.BATCH,
    "sub_iteration": Kind.BATCH,
    "sub_step": Kind.BATCH,
    "inner_iter": Kind.BATCH,
    "inner_iteration": Kind.BATCH,
    "inner_step": Kind.BATCH,
    "micro_step": Kind.BATCH,
    "micro_batch": Kind.BATCH,
}

SHORT = {"ep": "epoch", "up": "update"}
"""Index words that are cut short."""

COUNTING = frozenset(("generation", "gen", "trial", "cycle", "sweep", "pass", "game", "tick", "match", "rollout"))
"""Words for an index at the front of a line, and nowhere else."""

_SETTINGS = frozenset(
    re.findall(
        r"\w+",
        """
        accumulate alpha amp b1 b2 batchsize beam beta beta1 beta2 betas bs channels checkpoint classes clients
        clip_grad code cpus cuda depth device devices dim drop_rate dropout embed embedding epochs eps epsilon
        eta eta_min etas fold folds fp16 gamma gpu gpus head height id ids img_size imgsz in_features instance
        iterations iters job job_id jobid jobs kernel label_smoothing lambda layer layers len length line
        lineno local_rank loss_weight lr_decay master_port max_lr min_lr minibatch_size momentum nesterov node
        nodes num out_features padding parameters params patience pid port precision python pytorch rank ranks
        ratio remain remaining resolution resume samples save_every seed seeds size steps stride temperature
        test_size thr thread threads thresh threshold time_ms timeout timestamp top top_k top_p topk torch total
        train_size ts updates
        v_num val_size verbose version vocab warmup warmup_steps wd weight_decay width worker workers world
        world_size year
        """,
    )
)
_SCHEDULED = frozenset(
    re.findall(r"\w+", "alpha beta damping dropout eps epsilon lambda momentum temp temperature wd weight_decay")
)
_SETTING = re.compile(
    r"(?:^|_)(?:num|n|max|min|total|hidden|warmup|use|save|eval_every|print|early|use|adam|optim|init|target|base)_"
    r"|(?:^|_)(?:best|start|end|first|last)_(?:epoch|step|iter)"
    r"|(?:^|_)len(?:_epoch|_step)?$|(?:^|_)(?:decay|remaining)(?:_|$)|_seen$|_(?:size|dim|dims|layers|heads|threshold|weight|weights|coef|coeff|factor|patience|interval|freq|frequency"
    r"|every|steps|epochs|iters?|dir|path|seed|workers|batches|classes|channels|length|len|version|id|code|port"
    r"|dropout|rank|samples|count|limit|budget|examples|timesteps|index|idx)$"
)
_MEASURED_SETTING = re.compile(
    r"(?:^|_)(?:completion|response|episode|ep|trajectory)_(?:mean_)?len(?:gth)?$"
    r"|^(?:total|max|min)_(?:reward|return|score)s?$|^(?:total_loss|max_mem|max_(?:gpu_)?mem|best_(?:\w+_)?(?:loss|acc|accuracy|score|ppl|error)$|(?:num_)?bad_epochs$)"
    r"|(?:^|_)(?:loss|acc|accuracy)$"
)
"""Measurements whose names look like settings."""
_MEASURE = re.compile(
    r"loss|perte|verlust|genauigkeit|exactitud|p[ée]rdida|perdita|потер|точност"
    r"|损失|損失|准确|準確|精度|误差|正解率|손실|정확도"
    r"|^(?:(?:avg|average|mean|train|test|val|eval|overall|current)_)?(?:success|win|hit|pass|solve|completion)_rate|perplexity|fitness|accurac[yi]|objective|likelihood|misclass"
    r"|(?:^|[^a-z])(?:acc|accu|err|merror|error|auc|auroc|f1|f_score|bleu|rouge|ppl|mse|mae|rmse|mape|nll|elbo|kl|kld"
    r"|iou|miou|dice|map|ap|psnr|ssim|fid|wer|cer|rewards?|returns?|rew|scores?|precision|recall|bpc|bpb|bpd|mrr|ndcg|r2|r²|obj"
    r"|top_?\d+|cost|xent|ce|bce|gnorm|grad_norm)(?:$|[^a-z])"
)
_PLAIN = re.compile(
    r"(?:^|[^a-z])(?:lr|learning|rate|time|speed|throughput|norm|norms|gnorm|grad|mem|memory|elapsed|wps|ups|tok|tokens"
    r"|samples|images|imgs|entropy|took|duration|sec|seconds|ms|util|runtime|fps|ips|mean|average|avg|train|training|val|valid"
    r"|validation|test|dev|learn|eval)(?:$|[^a-z])"
)
_PHASE = re.compile(
    r"^(?:train|training|trainer|current|cur|end_of)_|^(?:valid|val|test|eval)_(?=num_updates|global_step)"
)
_TOLD_RATE = re.compile(r"^(?:base|init|initial|min|max|opt)_|decay|warmup|ratio|factor")
"""Of learning rates: what the schedule was told."""
_RATE = re.compile(r"(?i)/sec\b")
"""`words/sec/thread`: how fast it goes, whatever the last word is."""
_TOLD_NORM = re.compile(r"(?i)(?:max|clip|min|target)")
_AVERAGED = ("mean_", "average_", "avg_")
_HUMP = re.compile(r"(?<=[a-z])(?=[A-Z])")
_SOURCE = re.compile(r"\.(?:py|cc|cpp|cu|c|h|go|rs|lua|sh|txt|log|json|yaml|yml|pt|pth|ckpt|zip|gz)$")
_EVALUATION = re.compile(r"(?:^|[^a-z])(?:v|val|valid|validation|test|eval|evaluation|dev)(?:$|[^a-z])")
_TAG = re.compile(r" \[[^][]*\]$")

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
    return re.sub(r"[\W_]+", "_", name.lower()).strip("_")


def printed(metric: str) -> str:
    """The name as the log prints it: less the ` [epoch]` that keeps two kinds of line with one name apart."""
    return _TAG.sub("", metric)


@lru_cache(maxsize=4096)
def kind(name: str) -> Kind | None:
    """What a name stands for; None where it can be no metric's name."""
    if not name or len(name) > NAME_CAP or _SOURCE.search(name):
        return None
    if of_a_layer(name):
        return Kind.PLAIN
    if role(name) is Role.THROUGHPUT or (role(name) is Role.GRADIENT_NORM and not _TOLD_NORM.match(name)):
        return Kind.MEASURE
    word = index_word(name)
    if word:
        return INDEX_KINDS[word]
    folded = fold(_HUMP.sub("_", name))
    if folded in ("precision", "val_precision", "test_precision") or "learning_rate" in folded:
        return Kind.SETTING if _TOLD_RATE.search(folded) else Kind.PLAIN
    if _RATE.search(name):
        return Kind.PLAIN
    if folded.startswith(_AVERAGED):
        return Kind.MEASURE if _MEASURE.search(folded) else Kind.PLAIN
    if folded in _SETTINGS or (_last_part(name) in _SETTINGS and not _MEASURE.search(folded)):
        return Kind.SETTING
    if role(name) in (Role.TIME, Role.MEMORY):
        return Kind.PLAIN
    if _SETTING.search(folded):
        return Kind.MEASURE if _MEASURED_SETTING.search(folded) else Kind.SETTING
    return Kind.MEASURE if _MEASURE.search(folded) else Kind.PLAIN


def index_word(name: str) -> str | None:
    """The index word in a name such as `trainer/global_step`, folded; None where it names no index."""
    if role(name) is Role.TIME:
        return None
    last = _PHASE.sub("", _last_part(name))
    last = SHORT.get(last, last)
    return last if last in INDEX_KINDS else None


def speaks_of_training(name: str) -> bool:
    """Whether any word of a name of several words is one of measurements."""
    folded = fold(_HUMP.sub("_", name))
    return bool(_MEASURE.search(folded) or _PLAIN.search(folded)) or role(name) is not None


def is_scheduled(name: str) -> bool:
    """Whether a setting is one that changes in the course of a training: it is measured where a loss stands by it."""
    return fold(name) in _SCHEDULED


def is_evaluation(name: str) -> bool:
    """Whether a name says that its value is of the validation or test data."""
    return _EVALUATION.search(fold(name)) is not None


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
