"""What the name of a metric says of a layer: `gradients/conv1/norm` is the layer `conv1` and its `grad_norm`.

Names have parts, set apart by slashes, dots, colons, brackets or blanks. The last part or the first says the
quantity, alone (`grad_norm/conv1`) or glued to the layer with an underscore (`fc1_weight_norm`). Another part may say
which tensor it is of: the gradient, the update, the activation; the weights need no word.

A distribution is told as its quantiles, `conv1/kernel/q/05` and `conv1/kernel/grad_q/05`: of these numbers five
percent are below. Nobody wants fifteen curves of it: see `of_a_spread`.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple


class Part(NamedTuple):
    """A layer and a quantity of it."""

    layer: str
    """As printed, less the words for the quantity and its tensor."""
    quantity: str
    """A word of `QUANTITIES` or of `QUANTILES`, after `grad_`, `update_` or `activation_` where it is not of the
    weights."""
    sure: bool
    """False: a word such as `mean` or `max`, said of much else too. It counts for a layer that has others."""


_WORDS = {
    "norm": "norm l2norm l2_norm norm_l2 frobenius",
    "row_norms": "row_norms_mean mean_row_norm",
    "col_norms": "col_norms_mean mean_col_norm",
    "update_ratio": (
        "update_ratio update_to_weight update_to_weight_ratio update_weight_ratio weight_update_ratio "
        "relative_update update_to_data update_data_ratio"
    ),
    "zeros": "zeros zero_fraction zero_frac zero_ratio fraction_zero fraction_zeros frac_zero frac_zeros sparsity",
    "dead": "dead dead_units dead_neurons dead_fraction dead_frac dead_ratio dead_relu dead_relus frac_dead",
    "saturated": "saturated saturation saturated_fraction frac_saturated",
    "rms": "rms",
    "abs_mean": "abs_mean mean_abs absmean",
    "abs_max": "abs_max max_abs absmax amax",
    "mean": "mean avg average",
    "std": "std stddev std_dev",
    "var": "var variance",
    "min": "min",
    "max": "max",
}
QUANTITIES = tuple(_WORDS)
"""Our words, in the order in which they are shown."""
PERCENTS = (0, 1, 5, 10, 20, 30, 40, 50, 60, 70, 80, 90, 95, 99, 100)
"""Of the quantiles that tell a distribution, from the least number to the greatest."""
QUANTILES = tuple(f"q{percent:02}" for percent in PERCENTS)
"""Our words for them."""
_QUANTILE = re.compile(r"[./]((?:grad_|update_|activation_)?)q[./](\d\d|100)$")
_QUANTITY = {word: quantity for quantity, words in _WORDS.items() for word in words.split()}
_LONGEST = 1 + max(word.count("_") for word in _QUANTITY)
"""Words of a quantity."""
_UNSURE = frozenset(("rms", "abs_mean", "abs_max", "mean", "std", "var", "min", "max"))

_TENSOR = dict(
    [(word, "grad") for word in ("grad", "grads", "gradient", "gradients")]
    + [(word, "update") for word in ("update", "updates", "delta", "deltas")]
    + [(word, "activation") for word in ("activation", "activations", "act", "acts")]
)
_WEIGHTS = frozenset(("weight", "weights", "param", "params", "parameter", "parameters"))
_PARAMETERS = _WEIGHTS | {"kernel", "kernels", "bias", "biases", "gamma", "embedding", "embeddings"}
_GROUPS = frozenset(("weights", "params", "parameters", "train", "training", "trainer", "debug", "stats", "monitor"))
"""First parts that do not belong to a layer's name."""
_NO_LAYER = frozenset(
    re.findall(
        r"\w+",
        """
        all average avg batch before clip clipped count cur current data dev device env environment epoch episode err
        error eval evaluation fold global gpu grad image images info input inputs iter iteration learning len length
        local loss losses lr max mean metric metrics min model net network node norm num number of optim optimizer
        output overall perf performance post pre rank raw return returns reward rewards rollout scale score seed step
        steps sum system target targets test throughput time timer total train trainer training unclipped val valid
        validation value values worker
        """,
    )
)
"""Said of a whole network or of none: what is called by these words alone is no layer."""
_LAYER = re.compile(
    r"\d|conv|linear|dense|embed|attn|attention|mlp|lstm|gru|rnn|encoder|decoder|block|proj|kernel|weight|bias"
    r"|backbone|actor|critic|policy|generator|discriminator|(?:^|_)(?:fc|bn|ln|head|stem)(?:_|$)"
)
"""What a layer is called, where only an underscore stands between it and the quantity."""
_KINDS_OF_NORM = frozenset(("layer", "batch", "group", "instance", "spectral", "rms", "ada", "pre", "post", "final"))
"""`layer_norm` is a layer and no quantity."""

_PHASE = re.compile(r"^(?:train|valid|val|test)_")
_ORDER = re.compile(r"(?<=grad)_(?:l?[12](?:\.0)?|inf)(?=_norm)|(?<=norm)_(?:l[12]|inf)(?![a-zA-Z0-9])")
"""The order of a norm, as in `grad_2.0_norm`."""
_NOTE = re.compile(r" (?:\[[^\[\]]*\]|\([^()]*\))$")
"""What is added to a name that is not the only one: `loss [epoch]`, `loss (metrics.csv)`."""
_BETWEEN = re.compile(r"([/.:|\s\[\]()]+)")
_WORD = re.compile(r"[^_-]+?(?=[_-]|$|(?<=[a-z])(?=[A-Z]))")


@lru_cache(maxsize=8192)
def part(metric: str) -> Part | None:
    """What a metric's name says; None where it names no layer or no quantity that we know."""
    quantile = _QUANTILE.search(metric)
    if quantile is not None:
        of, word = part(f"{metric[: quantile.start()]}/{quantile[1]}norm"), f"q{quantile[2]}"
        if of is None or word not in QUANTILES:
            return None
        return Part(of.layer, of.quantity.removesuffix("norm") + word, sure=True)
    pieces = _BETWEEN.split(_ORDER.sub("", _NOTE.sub("", metric)).strip("/.:|[]() "))
    parameter = not _PARAMETERS.isdisjoint(text.lower() for text in pieces)
    while len(pieces) > 1 and pieces[0].lower() in _GROUPS:
        del pieces[:2]
    first, last = _beginning(pieces[0]), _ending(pieces[-1])
    if first and (last is None or (first.words > 1 and not first.rest)):
        said, pieces = first, [first.rest, *pieces[1:]] if first.rest else pieces[2:]
    elif last:
        said, pieces = last, [*pieces[:-1], last.rest] if last.rest else pieces[:-2]
    else:
        return None
    tensor = _take_tensor(pieces)
    if not _names_a_layer(pieces[::2]):
        return None
    tensor = said.tensor or tensor
    sure = parameter or bool(tensor) or said.quantity not in _UNSURE
    return Part("".join(pieces), f"{tensor}_{said.quantity}" if tensor else said.quantity, sure)


def of_a_layer(metric: str) -> bool:
    """Whether a name is a layer's beyond doubt."""
    found = part(metric)
    return found is not None and found.sure


def quantile(quantity: str) -> tuple[str, int] | None:
    """What `grad_q05` is: the tensor's prefix, and the place among `QUANTILES`; None for another quantity."""
    tensor, found, _ = quantity.rpartition("q")
    word = quantity[len(tensor) :]
    return (tensor, QUANTILES.index(word)) if found and word in QUANTILES else None


def of_a_spread(metric: str) -> bool:
    """Whether a metric is one of the quantiles that together tell a distribution: no curve, and in no list."""
    return metric[-1:].isdecimal() and _QUANTILE.search(metric) is not None


class _Said(NamedTuple):
    """The quantity that a part of a name says, and what else is in that part."""

    rest: str
    """Less the phase in which it was measured, `train_h0`: the weights are the same in all."""
    tensor: str
    quantity: str
    words: int
    """How many words say it."""


def _ending(text: str) -> _Said | None:
    """`fc1_weight_grad_norm`: the longest quantity at the end, the tensor before it, and what is left."""
    words, places = _words(text)
    for at in range(max(0, len(words) - _LONGEST), len(words)):
        quantity = _QUANTITY.get("_".join(words[at:]))
        if quantity:
            if quantity == "norm" and words[at - 1 : at] and words[at - 1] in _KINDS_OF_NORM:
                return None
            tensor = _TENSOR.get(words[at - 1], "") if at else ""
            at -= bool(tensor)
            at -= at > 0 and words[at - 1] in _WEIGHTS
            return _said(text[: places[at]].rstrip("_-"), tensor, quantity, len(words))
    return None


def _beginning(text: str) -> _Said | None:
    """`grad_norm_fc1`: the same at the beginning."""
    words, places = _words(text)
    for tensors in (0, 1):
        for end in range(min(len(words), tensors + _LONGEST), tensors, -1):
            quantity = _QUANTITY.get("_".join(words[tensors:end]))
            if quantity and (not tensors or words[0] in _TENSOR or words[0] in _WEIGHTS):
                tensor = _TENSOR.get(words[0], "") if tensors else ""
                return _said(text[places[end] :] if end < len(words) else "", tensor, quantity, end)
    return None


def _said(rest: str, tensor: str, quantity: str, words: int) -> _Said | None:
    rest = _PHASE.sub("", rest)
    return _Said(rest, tensor, quantity, words) if not rest or _LAYER.search(rest.lower()) else None


def _words(text: str) -> tuple[list[str], list[int]]:
    """The words of a part, set apart by underscores or as in `gradNorm`, in small letters; and where they begin."""
    found = list(_WORD.finditer(text))
    return [word[0].lower() for word in found], [word.start() for word in found]


def _take_tensor(pieces: list[str]) -> str:
    """The tensor that the first or the last part is the word for; it is taken out."""
    found = ""
    for end, away in ((0, slice(0, 2)), (-1, slice(-2, None))):
        if pieces and pieces[end].lower() in _TENSOR:
            found = _TENSOR[pieces[end].lower()]
            del pieces[away]
    return found


def _names_a_layer(parts: list[str]) -> bool:
    """Whether any word is one that can be a layer's; numbers count within a longer name, `net.0`."""
    words = [word for text in parts for word in _words(text)[0]]
    if len(parts) > 1 and any(word.isdecimal() for word in words):
        return True
    return any(word.rstrip("0123456789") not in _NO_LAYER and not word.isdecimal() for word in words)
