"""The forms that an axis of a sweep may have, and the placeholders of a command, as tables."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from specs.model import Shape

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class Form:
    """One way to write an axis."""

    example: str
    """The value of the axis, as YAML."""
    meaning: str
    words: Mapping[str, str]
    """The keys that make the form, each with what it takes, by its name in the schema; none for a list."""
    also: Mapping[str, str]
    """Keys that it may have besides."""
    drawn: bool = False
    """Whether values come by lot."""


_BETWEEN = {"min": "number", "max": "number"}
_WHEN = {"when": "setting"}

FORMS: tuple[Form, ...] = (
    Form("[0.001, 0.003]", "These values.", {}, {}),
    Form("{values: [0.9, 0.99], when: {optim.name: sgd}}", "The same, with a condition.", {"values": "list"}, _WHEN),
    Form("{linspace: [0, 1, 5]}", "From the first to the second number in equal steps: so many values.",
         {"linspace": "span"}, _WHEN),
    Form("{logspace: [0.0001, 0.1, 4]}", "The same in equal factors; the numbers are the ends themselves.",
         {"logspace": "span"}, _WHEN),
    Form("{range: [32, 256, 32]}", "From the first number in steps of the third, as far as before the second.",
         {"range": "steps"}, _WHEN),
    Form("{min: 0.0, max: 0.5}", "By lot between two bounds; `distribution` says how: evenly (`uniform`), evenly on "
         "a logarithmic scale (`log_uniform`), or as whole numbers (`int`, `log_int`).",
         _BETWEEN, {"distribution": "shape", **_WHEN}, drawn=True),
    Form("{mean: 1.0, std: 0.2, distribution: normal}", "By lot from a normal distribution.",
         {"mean": "number", "std": "positive", "distribution": "normal"}, _WHEN, drawn=True),
    Form("{choice: [adam, sgd], weights: [3, 1]}", "By lot one of these; `weights` say how often each.",
         {"choice": "list"}, {"weights": "weights", **_WHEN}, drawn=True),
)  # fmt: skip
"""Every form; what a mapping has besides its own keys makes it another form, or an error."""

KEYS: Mapping[str, str] = {
    "values": "the values to try",
    "linspace": "[first, last, count]: equal steps",
    "logspace": "[first, last, count]: equal factors",
    "range": "[start, stop, step]: as Python's",
    "min": "the lower bound of a drawn number",
    "max": "the upper bound of a drawn number",
    "distribution": "how it is drawn",
    "mean": "of a normal distribution",
    "std": "its standard deviation",
    "choice": "values, one of which is drawn",
    "weights": "how often each of the choice",
    "when": "what other parameters must be for this one to be there",
}
"""Every key of a form, in a few words."""
DISTRIBUTIONS = (*map(str, Shape), "normal")

PLACEHOLDERS: Mapping[str, str] = {
    "{lr}": "The value of the parameter `lr`.",
    "{run}": "The run's name, as `lr=0.003-seed=1`.",
    "{--lr}": "`--lr VALUE` where the run has the parameter, and nothing where it has not (see `when`).",
    "{args}": "All parameters, as `--name=value`.",
    "{params_file}": "The path of a JSON file with all parameters, nested where names have dots.",
    "{params_file.yaml}": "The same as YAML.",
}
"""What a command may hold, for a parameter called `lr`. A parameter of such a name goes first."""
