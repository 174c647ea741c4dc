"""What is offered at the cursor, in texts that are no YAML yet."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from specs.complete import Completion, complete
from specs.fields import KNOWN
from specs.forms import KEYS
from specs.keys import section_of
from tests.specs.test_document import YAML_PIECES

CURSOR = "‸"
SPEC = """\
name: char-rnn
command: |
  cd x
  python train.py --lr {l‸1}
params:
  hidden: 128
  optim: {name: adam, lr: 1, m‸2}
sweep:
  me‸3
  lr: [0.001]
  drop: {mi‸4: 0, dist‸5}
  beta:
    ‸6
  shuffle: t‸7
where: [tri‸8, gpu1]
inputs:
  - path: /x
    s‸9
  - s‸0
outputs:
  checkpoint: "c/{‸a"
variants:
  small:
    params: {hidden: 1}
    resources:
      gp‸b
  big:
    extends: ‸c
    ‸d
retry:
  on: [PRE‸e
re‸f
"""


def offered(text: str, mark: str = "", **words: tuple[str, ...]) -> list[str]:
    """What is offered at the cursor with this mark; the other cursors are not there."""
    for other in "1234567890abcdef":
        if other != mark:
            text = text.replace(CURSOR + other, "")
    before = text[: text.index(CURSOR)]
    text = text.replace(CURSOR + mark, "")
    line, column = before.count("\n") + 1, len(before.rpartition("\n")[2]) + 1
    return [each.text for each in complete(text, line, column, words)]


@pytest.mark.parametrize(
    ("mark", "words"),
    [
        ("1", ["lr}", "optim.lr}"]),
        ("2", []),
        ("3", ["method: "]),
        ("4", ["min: "]),
        ("5", ["distribution: "]),
        ("6", [f"{key}: " for key in KEYS]),
        ("7", ["true"]),
        ("8", ["triton"]),
        ("9", ["size: ", "sha256: "]),
        ("0", ["size: ", "sha256: "]),
        ("b", ["gpus: ", "gpu_memory: "]),
        ("c", ["small", "big"]),
        ("e", ["PREEMPTED"]),
    ],
)
def test_what_fits_is_offered(mark: str, words: list[str]) -> None:
    assert offered(SPEC, mark, where=("triton", "gpu1")) == words


def test_parameters_of_the_whole_file_are_offered_in_a_pattern() -> None:
    assert offered(SPEC, "a") == ["hidden}", "optim.name}", "optim.lr}", "lr}", "drop}", "beta}", "run}"]


def test_a_variant_takes_the_keys_of_a_spec_but_for_its_name() -> None:
    names = offered(SPEC, "d")
    assert {"env: ", "inputs: ", "resources: "} <= set(names)
    assert {"name: ", "variants: ", "extends: "} & set(names) == set()


def test_what_begins_with_the_letters_comes_first_and_what_is_there_is_left_out() -> None:
    assert offered(SPEC, "f") == ["resources: "]
    assert offered("re‸\n") == ["resources: ", "retry: "]
    assert offered("resources:\n  mem‸\n") == ["memory: ", "gpu_memory: "]


@pytest.mark.parametrize("section", [name for name in KNOWN if name not in ("", "inputs")])
def test_every_key_of_a_section_is_offered_in_both_styles(section: str) -> None:
    keys = [f"{key}: " for key in KNOWN[section]]
    assert sorted(offered(f"{section}:\n  ‸\nname: x\n")) == sorted(keys)
    assert sorted(offered(f"name: x\n{section}: {{‸")) == sorted(keys)
    assert sorted(offered(f"name: x\r\n{section}: {{\r\n   ‸\r\n}}\r\nwhere: x")) == sorted(keys)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("sweep: {method: ‸}", ["grid", "random", "list", "tpe", "asha"]),
        ("metrics:\n  goal: mi‸", ["minimize"]),
        ("metrics: {goal: minimize, o‸", ["objective: "]),
        ("metrics: {so‸", ["sources: "]),
        ("metrics:\n  sources: ‸", ["stdout"]),
        ("params: {lr: 1}\nmetrics: {sources: [stdout, 'a/{l‸", ["lr}"]),
        ("sweep:\n  drop:\n    distribution: lo‸", ["log_uniform", "log_int"]),
        ("variants: {a: {}, b: {}}\nsweep: {variant: [‸", ["a", "b"]),
        ("params: {lr: 1}\nsweep: {l‸", ["lr: "]),
        ("retry:\n  on:\n  - TIME‸", ["TIMEOUT"]),
        ("where:\n  ‸", ["triton"]),
        ("where: triton‸", []),
        ("params:\n  ‸", []),
        ("setup: |\n  name‸\n", []),
        ("setup: |\n  a\nna‸\n", ["name: "]),
        ("# na‸", []),
        ("name: x # wh‸", []),
        ("command: python {{‸", []),
        ("params: {a: 1}\nenv: {A: {‸", []),
        ("params: {a: 1}\nenv:\n  A: x{‸", ["a}", "run}"]),
    ],
)
def test_texts_that_are_no_yaml_yet(text: str, words: list[str]) -> None:
    assert offered(text, where=("triton",)) == words


def test_an_offer_says_what_it_means_and_what_it_replaces() -> None:
    [found] = complete("resources:\n  gp\n", 2, 5)[:1]
    key = next(key for key in section_of("resources") if key.name == "gpus")
    assert found == Completion("gpus: ", 3, key.meaning)
    assert found.meaning


@settings(max_examples=200, deadline=None)
@given(
    st.lists(YAML_PIECES | st.sampled_from(["sweep:", "params:", "where:", "{"]), max_size=15).map("".join), st.data()
)
def test_any_text_has_offers_that_replace_what_was_typed(text: str, data: st.DataObject) -> None:
    lines = text.split("\n")
    line = data.draw(st.integers(1, len(lines)))
    column = data.draw(st.integers(1, len(lines[line - 1]) + 1))
    for each in complete(text, line, column):
        assert 1 <= each.start <= column
        assert lines[line - 1][each.start - 1 : column - 1].lower() in each.text.lower()
