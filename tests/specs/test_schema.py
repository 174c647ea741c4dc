"""The table of keys, and what is made of it: the schema for editors and the documentation."""

from __future__ import annotations

import json
import re
from operator import attrgetter
from pathlib import Path

import jsonschema
import pytest

from specs import forms, predictions, sweep
from specs.describe import page
from specs.document import Value, parse_value
from specs.expand import expand
from specs.fields import KNOWN
from specs.forms import FORMS
from specs.keys import SECTIONS, WORDS, Key, keys, section_of
from specs.load import errors, loads
from specs.model import SpecError
from specs.schema import schema

ROOT = Path(__file__).parent.parent.parent
EXAMPLES = sorted((ROOT / "specs" / "examples").glob("*.yaml"))
MANUAL = re.findall(r"```yaml\n(.*?)```", page(), re.DOTALL)
HEAD = "name: x\ncommand: ./train {args}\n"
VALIDATOR = jsonschema.Draft202012Validator(schema())


def plain(value: Value) -> object:
    """A document as JSON has it."""
    if isinstance(value.content, tuple):
        return [plain(item) for item in value.content]
    if isinstance(value.content, str | int | float | None):
        return value.content
    return {key: plain(entry.value) for key, entry in value.content.items()}


def complaints(text: str) -> list[str]:
    """What the schema finds wrong."""
    return [error.message for error in VALIDATOR.iter_errors(plain(parse_value(text, "f")))]


ASHA = "method: asha, samples: 9, lr: {min: 0, max: 1}, "
"""What rungs need beside them."""


def with_value(key: Key) -> str:
    """A spec that has a key with its example, and what this key needs."""
    top, _, within = key.path.partition(".")
    texts = {"name": "name: x", "command": "command: ./train {args}"}
    extra = {
        "sweep.points": "method: list, ",
        "sweep.method": "lr: [1], ",
        "sweep.exclude": "lr: [0.003, 0.001], hidden: [256], ",
        "sweep.samples": "lr: {min: 0, max: 1}, ",
        "sweep.zip": "model.depth: [1, 2], data.name: [a, b], ",
        "sweep.at_most": "lr: [1, 2], ",
        "sweep.asha": ASHA,
        "sweep.asha.min": "max: 27, ",
        "sweep.asha.max": "min: 1, ",
        "sweep.asha.unit": "min: 1, max: 27, ",
        "sweep.asha.reduction": "min: 1, max: 27, ",
        "outputs.keep": "checkpoint: c, ",
        **{f"outputs.predictions.{name}": "path: p.csv, " for name in predictions.KEYS[1:]},
        "inputs.size": "path: /x, ",
        "inputs.sha256": "path: /x, ",
        "retry.resume": "on: [TIMEOUT], ",
        "retry.memory": "on: [OUT_OF_MEMORY], ",
        "retry.max": "on: [TIMEOUT], ",
        "retry.wait": "on: [TIMEOUT], ",
        "watch.early_stop.options": "rule: percentile, ",
        "watch.early_stop.act": "rule: percentile, ",
    }.get(key.path, "")
    entry = f"{{{extra}{key.name}: {key.example}}}" if within else key.example
    if within.count("."):
        inner = within.rpartition(".")[0]
        entry = f"{{{ASHA if inner == 'asha' else ''}{inner}: {entry}}}"
    texts[top] = f"{top}: [{entry}]" if within and top == "inputs" else f"{top}: {entry}"
    if key.path in ("retry.resume", "retry.memory"):
        texts |= {"outputs": "outputs: {checkpoint: c}", "resources": "resources: {memory: 1G}"}
    if "early_stop" in key.path or "asha" in key.path:
        texts["metrics"] = "metrics: {objective: loss}"
    if "{lr}" in key.example:
        texts["params"] = "params: {lr: 1}"
    return "\n".join(texts.values()) + "\n"


def test_the_table_has_every_key_that_the_loader_knows_and_no_other() -> None:
    for section, names in KNOWN.items():
        assert {key.name for key in section_of(section)} == set(names), section
    assert {key.name for key in section_of("sweep")} == set(sweep.WORDS)
    assert {section for section in SECTIONS if section != "sweep"} == set(KNOWN)
    assert WORDS.keys() <= keys().keys()


@pytest.mark.parametrize("key", keys().values(), ids=lambda key: key.path)
def test_every_key_has_a_meaning_and_an_example_that_loads(key: Key, tmp_path: Path) -> None:
    assert re.fullmatch(r"[A-Z`].*\.", key.meaning), key.meaning
    (tmp_path / "base.yaml").write_text("params: {base: 1}\n")
    text = with_value(key)
    assert errors(text, tmp_path / "spec.yaml") == ()
    assert expand(loads(text, tmp_path / "spec.yaml"))
    assert complaints(text) == []
    assert complaints(text.replace(f"{key.name}:", f"{key.name}z:")) != []


@pytest.mark.parametrize("key", [key for key in keys().values() if key.default], ids=lambda key: key.path)
def test_a_default_is_what_holds_where_the_key_is_missing(key: Key) -> None:
    def value(text: str) -> object:
        spec = loads(text, ROOT / "spec.yaml")
        found: object = attrgetter(key.section)(spec) if key.section else spec
        return getattr(found, key.name)

    text = with_value(key)
    assert key.example in text
    without = re.sub(rf"(?:, )?\b{key.name}: {re.escape(key.example)}", "", text)
    assert value(without) == value(text.replace(f"{key.name}: {key.example}", f"{key.name}: {key.default}"))


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.example)
def test_every_form_of_an_axis_is_taken_by_the_loader_and_by_the_schema(form: forms.Form) -> None:
    text = f"{HEAD}sweep: {{optim.name: [sgd], lr: {form.example}}}\n"
    assert expand(loads(text, ROOT / "spec.yaml"))
    assert complaints(text) == []
    for word in form.words:
        wrong = text.replace(f"{word}:", f"{word}z:")
        assert errors(wrong, ROOT / "spec.yaml") != ()
        assert complaints(wrong) != []


def test_every_key_of_a_form_is_explained() -> None:
    assert {word for form in FORMS for word in (*form.words, *form.also)} == set(forms.KEYS)


@pytest.mark.parametrize("word", forms.DISTRIBUTIONS)
def test_every_distribution_is_one(word: str) -> None:
    bounds = "mean: 1, std: 2" if word == "normal" else "min: 1, max: 8"
    text = f"{HEAD}sweep: {{lr: {{{bounds}, distribution: {word}}}}}\n"
    assert expand(loads(text, ROOT / "spec.yaml"))
    assert complaints(text) == []


@pytest.mark.parametrize("word", forms.PLACEHOLDERS)
def test_every_placeholder_is_filled(word: str) -> None:
    [found] = expand(loads(f"name: x\ncommand: echo {word}\nparams: {{lr: 0.5}}\n", ROOT / "spec.yaml"))
    assert word not in found.command
    assert found.command.strip() != "echo"


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_the_examples_are_right_by_the_schema(path: Path) -> None:
    assert complaints(path.read_text()) == []


@pytest.mark.parametrize("text", MANUAL)
def test_what_the_documentation_shows_is_right_by_the_schema(text: str) -> None:
    assert complaints(text) == []


@pytest.mark.parametrize(
    "text",
    [
        "nam: x",
        "resources: {gpus: many}",
        "resources: {memory: 16}",
        "resources: {time: soon}",
        "sweep: {lr: 0.1}",
        "sweep: {lr: []}",
        "sweep: {method: bayes}",
        "sweep: {lr: {min: 0, max: 1, distribution: normal}}",
        "sweep: {lr: {linspace: [0, 1]}}",
        "metrics: {goal: maximise}",
        "retry: {max: 2}",
        "retry: {on: [LOST]}",
        "inputs: [{size: 2G}]",
        "watch: {stop_on: [no_such_rule]}",
        "watch: {rules: {no_such_rule: off}}",
        "watch: {rules: {non_finite: loud}}",
        "watch: {notify: [sometimes]}",
        "watch: {early_stop: {act: true}}",
        "watch: {early_stop: {rule: luck}}",
        "watch: {early_stop: median}",
        "params: [1]",
        "variants: {a: {name: x}}",
        "variants: {a: {resources: {gpu: 1}}}",
    ],
)
def test_what_the_loader_refuses_for_its_form_the_schema_refuses_too(text: str) -> None:
    assert complaints(text) != []
    head = "" if text.startswith("nam") else HEAD
    with pytest.raises(SpecError):
        expand(loads(f"{head}{text}\n", ROOT / "spec.yaml"))


def test_the_schema_is_one_and_knows_null() -> None:
    jsonschema.Draft202012Validator.check_schema(schema())
    assert json.loads(json.dumps(schema())) == schema()
    text = "".join(f"{key.name}: null\n" for key in section_of(""))
    assert complaints(text) == []


def test_the_documentation_is_up_to_date() -> None:
    assert (ROOT / "docs" / "spec.md").read_text() == page(), "make docs"
    for key in keys().values():
        assert f"| `{key.name}` |" in page()


def test_every_link_of_the_documentation_leads_to_a_heading() -> None:
    headings = set(re.findall(r"^###? `(\w+)`$", page(), re.MULTILINE))
    links = set(re.findall(r"\]\(#(\w+)\)", page()))
    assert links
    assert links <= headings
