"""The networks that are trained, as torch has them, and the weights with which they begin."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from benchmarks.diagnosis.data import Data
    from benchmarks.diagnosis.recipes import Recipe

    # Of a library that is imported late.
    Torch = Any
    Module = Any


def _perceptron(torch: Torch, recipe: Recipe, data: Data) -> Module:
    nn, layers, width = torch.nn, [], data.x[0].size
    for at, hidden in enumerate(recipe.hidden, 1):
        layers.append((f"fc{at}", nn.Linear(width, hidden)))
        if recipe.batch_norm:
            layers.append((f"norm{at}", nn.BatchNorm1d(hidden, momentum=_memory(recipe))))
        layers.append((f"act{at}", ACTIVATIONS[recipe.activation](nn)))
        if recipe.dropout:
            layers.append((f"drop{at}", nn.Dropout(recipe.dropout)))
        width = hidden
    outputs = 2 if recipe.loss.startswith("gaussian") else data.classes or data.y.shape[1]
    layers.append(("head", nn.Linear(width, outputs)))
    if recipe.bug == "relu_on_head":
        layers.append(("last", nn.ReLU()))
    return nn.Sequential(OrderedDict(layers))


def _convolutions(torch: Torch, recipe: Recipe, data: Data) -> Module:
    nn, layers, channels = torch.nn, [], 1
    for at, hidden in enumerate(recipe.hidden, 1):
        layers.append((f"conv{at}", nn.Conv2d(channels, hidden, 3, padding=1)))
        if recipe.batch_norm:
            layers.append((f"norm{at}", nn.BatchNorm2d(hidden, momentum=_memory(recipe))))
        layers.append((f"act{at}", ACTIVATIONS[recipe.activation](nn)))
        if at < 3:
            layers.append((f"pool{at}", nn.MaxPool2d(2)))
        channels = hidden
    side = 12 >> min(2, len(recipe.hidden))
    layers.append(("flat", nn.Flatten()))
    if recipe.dropout:
        layers.append(("drop", nn.Dropout(recipe.dropout)))
    layers.append(("head", nn.Linear(channels * side * side, data.classes)))
    return nn.Sequential(OrderedDict(layers))


def _recurrent(torch: Torch, recipe: Recipe, data: Data) -> Module:
    nn, width = torch.nn, recipe.hidden[0]
    kind = nn.LSTM if recipe.activation == "lstm" else nn.GRU
    rnn = kind(width // 2, width, batch_first=True)
    # A sequence hands on one value, and a recurrent layer returns two: a hook takes the first.
    rnn.register_forward_hook(lambda module, given, made: made[0])
    layers = [("embed", nn.Embedding(data.classes, width // 2)), ("rnn", rnn)]
    if recipe.dropout:
        layers.append(("drop", nn.Dropout(recipe.dropout)))
    layers.append(("head", nn.Linear(width, data.classes)))
    return nn.Sequential(OrderedDict(layers))


def _memory(recipe: Recipe) -> float:
    """How much of each batch a batch norm remembers for the validation."""
    return 0.0 if recipe.bug == "norm_forgets" else 0.1


def initialise(torch: Torch, net: Module, recipe: Recipe) -> None:
    """Give it the weights that the recipe asks for."""
    weights = [(name, each) for name, each in net.named_parameters() if each.ndim > 1]
    with torch.no_grad():
        for _, weight in weights:
            if recipe.init is not None:
                weight.normal_(0, recipe.init) if recipe.init else weight.zero_()
        if recipe.bug == "dead_layer":
            net.fc2.bias.fill_(-10.0)
        if recipe.last_init is not None:
            weights[-1][1].normal_(0, recipe.last_init)
        if recipe.bias is not None:
            for name, each in net.named_parameters():
                if name.endswith("bias") and "norm" not in name:
                    each.fill_(recipe.bias)


ACTIVATIONS: dict[str, Callable[[Torch], Module]] = {
    "relu": lambda nn: nn.ReLU(),
    "tanh": lambda nn: nn.Tanh(),
    "sigmoid": lambda nn: nn.Sigmoid(),
}
NETS: dict[str, Callable[[Torch, Recipe, Data], Module]] = {
    "digits": _perceptron,
    "blobs": _perceptron,
    "uneven": _perceptron,
    "tumours": _perceptron,
    "friedman": _perceptron,
    "shapes": _convolutions,
    "characters": _recurrent,
}
