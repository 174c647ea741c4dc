"""The many names of the few quantities that the board itself looks for."""

from __future__ import annotations

import re
from enum import StrEnum
from functools import lru_cache


class Role(StrEnum):
    """What a quantity is for the one who watches a training."""

    LOSS = "loss"
    LEARNING_RATE = "learning rate"
    THROUGHPUT = "throughput"
    """Things done per second."""
    GRADIENT_NORM = "gradient norm"
    TIME = "time"
    """Of a step, a batch or an epoch."""
    MEMORY = "memory"


_THINGS = (
    r"(?:it|iter|iteration|step|global_?step|sample|example|image|img|token|tok|sequence|seq|batch|frame|word"
    r"|sent|sentence|ins|instance|update|game|episode|env_?step|pair)(?:e?s)?"
)
_PLACES = r"(?:gpu|device|core|chip|thread|worker)"
_UNITS = r"(?:ns|us|ms|s|sec|secs|second|seconds|min|minutes|time)"

# The first that matches counts; names are lower case, with blanks and dashes as underscores.
_SYNONYMS: tuple[tuple[Role, re.Pattern[str]], ...] = (
    (
        Role.THROUGHPUT,
        re.compile(
            rf"(?:^|[/_.])(?:{_THINGS}(?:/{_PLACES})?(?:/|_?per_?)(?:s|sec|second)(?:[/_.]{_PLACES})?"
            r"|throughput|fps|ips|wps|ups|qps|sps|tps|[tgp]?flops?/s(?:ec)?(?:/\w+)?|(?:samples|tokens|images)?_?speed)$"
        ),
    ),
    (
        Role.TIME,
        re.compile(
            rf"^{_UNITS}(?:/|_?per_?){_THINGS}$|(?:^|[/_.])(?:step|batch|iter|iteration|epoch|data|forward|backward"
            r"|elapsed|total|train|eval|loading)?_?(?:timer?|duration|runtime|step_?time|elapsed)(?:_(?:s|ms|sec|cost))?$|^time_cost$"
        ),
    ),
    (
        Role.GRADIENT_NORM,
        re.compile(
            r"(?:^|[/_.])(?:g(?:rad(?:ient)?)?s?_?norm|total_norm|norm_?grad|grad_?l2)(?:[/_.](?:total|all|global))?$"
        ),
    ),
    (
        Role.LEARNING_RATE,
        re.compile(r"(?:^|[/_.])(?:lr|l\.r\.|learn(?:ing)?_?rate|lr[-_]?\w{1,24}|\w*_lr)(?:[/_.]\w{1,8})?$"),
    ),
    (
        Role.MEMORY,
        re.compile(
            r"(?:^|[/_. ])(?:\w*mem(?:ory)?(?:_(?:mb|gb|used|alloc\w*|reserved|cached|peak|usage))?|vram|rss)$"
        ),
    ),
    (
        Role.LOSS,
        re.compile(r"loss|(?:^|[/_.])(?:nll|cost|objective|xent|b?ce|cross_?entropy|elbo|criterion)(?:$|[/_.])"),
    ),
)


@lru_cache(maxsize=4096)
def role(name: str) -> Role | None:
    """What a metric is, in any of its usual spellings; None where it is none of these."""
    spelled = re.sub(r"[\s()\[\]-]+", "_", name[:80].strip().lower()).rstrip("_")
    return next((found for found, pattern in _SYNONYMS if pattern.search(spelled)), None)


def of_role(names: list[str], wanted: Role) -> list[str]:
    """The metrics that are of a role, shortest names first: the whole of the run before one layer of it."""
    return sorted((name for name in names if role(name) is wanted), key=len)
